import { join } from 'node:path';
import { type Batches, createBatches } from './batches.ts';
import { type Catalogue, createCatalogue } from './catalogue.ts';
import type { Config } from './config.ts';
import { StartupError } from './domain/errors.ts';
import type { PayoutId } from './domain/payout.ts';
import type { Provider } from './domain/provider.ts';
import type { Store } from './domain/store.ts';
import { createFeed, type Feed } from './feed.ts';
import { createHealth, type Health } from './health.ts';
import { createInbound, type Inbound } from './inbound.ts';
import { createKeys, type Keys } from './keys.ts';
import { createMarket, type Market, type MinimumBalance } from './market.ts';
import { createPace } from './pace.ts';
import { createPayouts, type Payouts } from './payouts.ts';
import type { AccountSettings, ProviderDefinition } from './providers/define.ts';
import { definitions } from './providers/index.ts';
import { createQuotes, type Quotes } from './quotes.ts';
import { createRouter } from './routing.ts';
import { type Clock, describeError, type Ids, type Log, toBase32 } from './runtime.ts';
import type { StandIn } from './sandbox/remote.ts';
import type { Sandbox, SandboxOptions } from './sandbox.ts';
import type { MongoOptions } from './storage/mongo/store.ts';
import { openSqlite } from './storage/sqlite.ts';
import { createTransport } from './transport.ts';
import { createVault, keysFor, type Vault } from './vault.ts';
import { createWorker, type Worker, type WorkerOptions } from './worker.ts';

/** What the process brings: tests bring their own clock and ids. */
export interface Runtime {
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  /** Other than usual on MongoDB. `maxSkewMs` null: the clock is not the world's, and is not compared with the database's. */
  readonly mongodb?: Partial<Pick<MongoOptions, 'maxSkewMs' | 'overlapMs' | 'changeStream'>>;
}

/** How far this process's clock may be from that of a database which several share, before it stops writing. */
const MAX_SKEW_MS = 5000;

/** All the parts of one process, made and joined, with nothing started. */
export interface Parts {
  readonly store: Store;
  readonly keys: Keys;
  readonly payouts: Payouts;
  readonly batches: Batches;
  readonly market: Market;
  readonly quotes: Quotes;
  readonly feed: Feed;
  readonly inbound: Inbound;
  readonly worker: Worker;
  readonly providers: readonly Provider[];
  readonly health: Health;
  readonly catalogue: Catalogue;
  readonly log: Log;
  /** Who plays the providers that have no account; null: every provider has one, or this is live mode. */
  readonly standIn: StandIn | null;
  /** The stand-in where it runs in this process; null: elsewhere, or there is none. */
  readonly sandbox: Sandbox | null;
  /** Stops the worker, then closes what was opened, last first. */
  close(): Promise<void>;
}

/** Who takes part, and how the stand-in plays them. Default: all that come with Outflow, as they promise. */
export interface Cast {
  readonly definitions: readonly ProviderDefinition[];
  readonly standIn: Partial<Pick<SandboxOptions, 'sides' | 'settleMs' | 'duplicates'>>;
}

/**
 * Opens the store of a configuration; `exclusive` for a process that serves or works on it: of SQLite the only one, of
 * MongoDB one of any number. Rejects with StartupError in one line where it cannot be opened.
 */
export async function openStore(config: Config, runtime: Runtime, exclusive: boolean): Promise<Store> {
  const { clock, ids, log } = runtime;
  const { environment, mongodb } = config;
  const onUndecodable = (payoutId: PayoutId, error: unknown): void =>
    log.error({ payoutId, cause: describeError(error) }, 'a payout is not readable');
  const options = { environment, now: clock.now, random: ids.bytes, onUndecodable };
  if (mongodb === null) return openSqlite({ ...options, path: join(config.dataDir, 'outflow.db'), exclusive });
  const { openMongo } = await import('./storage/mongo/store.ts');
  const onTrouble = (message: string): void => log.warn({ store: 'MongoDB' }, message);
  return openMongo({ ...options, url: mongodb.reveal(), maxSkewMs: MAX_SKEW_MS, onTrouble, ...runtime.mongodb });
}

/** What depends on how many processes there are: where one is off by so much, two may be apart by twice that. */
function workerOptionsOf({ mongodb }: Config): Partial<WorkerOptions> {
  return mongodb === null ? {} : { skewMs: 2 * MAX_SKEW_MS };
}

/** Other processes create payouts too: the worker looks for what is due as soon as the store tells of it. */
async function wakeForOthers(store: Store, worker: Worker, signal: AbortSignal): Promise<void> {
  for await (const { due } of store.watch(signal)) if (due) worker.wake();
}

/** The vault of a store, with the keys of the configuration. */
export function openVault(config: Config, store: Store, { ids }: Runtime): Vault {
  return createVault({ store, keys: keysFor(config.dataKeys.reveal(), store), random: ids.bytes });
}

/** Makes all parts from a configuration. Rejects with StartupError where something cannot be opened. */
export async function compose(
  config: Config,
  runtime: Runtime,
  options: Partial<WorkerOptions> = {},
  cast: Partial<Cast> = {},
): Promise<Parts> {
  const { clock, ids, log } = runtime;
  const opened: (() => Promise<unknown> | unknown)[] = [];
  const close = async (): Promise<void> => {
    for (const undo of opened.splice(0).reverse()) await undo();
  };
  try {
    const store = await openStore(config, runtime, true);
    opened.push(() => store.close());
    const sandbox = await openStandIn(config, runtime, cast.standIn ?? {});
    if (sandbox) opened.push(() => sandbox.close());
    const standIn = sandbox ?? (await reachStandIn(config, clock));
    const transport = createTransport(clock.now, options.deadlineMs);
    const bySlug = new Map<string, Provider>();
    for (const definition of cast.definitions ?? definitions) {
      const accounts = accountsOf(definition, config, standIn);
      const provider = definition.open(accounts, transport, clock.now);
      opened.push(() => provider.close());
      if (standIn && provider.webhooks !== 'NONE') await registerAt(standIn, definition, config, accounts);
      bySlug.set(definition.slug, provider);
    }
    const providers = [...bySlug.values()];
    const vault = openVault(config, store, runtime);
    const name = `worker-${process.pid}-${toBase32(ids.bytes(5))}`;
    const health = createHealth({ store, clock, log, process: name });
    opened.push(() => health.close());
    const pace = createPace(providers, clock);
    const { minimumBalances, routing: policy } = config;
    refuseUnwatchable(minimumBalances, providers);
    const market = createMarket({ providers, clock, health, pace, minimumBalances });
    const catalogue = createCatalogue({ providers, health, clock, log });
    const route = createRouter({ providers, clock, policy, market, health, catalogue, minimumBalances });
    const quotes = createQuotes(store.secret);
    const payouts = createPayouts({ store, vault, clock, providers, route, quotes });
    payouts.onCompleted((provider, ms) => health.noteTime(provider, ms));
    const batches = createBatches({ store, payouts, clock, log });
    opened.push(() => batches.close());
    const feed = createFeed({ store, clock, log });
    opened.push(() => feed.close());
    const keys = createKeys({ store, clock, ids, log });
    opened.push(() => keys.close());
    const inbound = createInbound({ providers: bySlug, store, payouts, log });
    const settings = { ...workerOptionsOf(config), ...options };
    const clockwork = createWorker({ payouts, providers, market, health, pace, clock, log, name, options: settings });
    opened.push(() => clockwork.stop());
    if (config.mongodb !== null) {
      const closing = new AbortController();
      opened.push(() => closing.abort());
      wakeForOthers(store, clockwork, closing.signal).catch((error: unknown) => {
        log.warn({ cause: describeError(error) }, 'payouts of other processes are found by the timer alone');
      });
    }
    return {
      store,
      keys,
      payouts,
      batches,
      market,
      quotes,
      feed,
      inbound,
      worker: withRounds(clockwork, batches),
      providers,
      health,
      catalogue,
      log,
      standIn,
      sandbox,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Throws StartupError where the least is named for a provider that does not tell what it has: nobody would ever hear of it. */
function refuseUnwatchable(minimums: readonly MinimumBalance[], providers: readonly Provider[]): void {
  for (const { provider: id, currency, minimum } of minimums) {
    const provider = providers.find((one) => one.id === id);
    if (provider === undefined || provider.balances !== undefined) continue;
    throw new StartupError(`MINIMUM_BALANCES: ${id}:${currency}=${minimum}: ${provider.name} tells no balances`);
  }
}

/** A worker that also sees, now and then, that the payouts of steered batches are told. */
function withRounds(clockwork: Worker, batches: Batches): Worker {
  return {
    ...clockwork,
    start() {
      clockwork.start();
      batches.start();
    },
  };
}

/** Whether the configuration gives some provider no account; in live mode that one is off. */
function needsStandIn({ environment, accounts }: Config): boolean {
  return environment === 'SANDBOX' && [...accounts.values()].some((list) => !list.some(({ configured }) => configured));
}

/** The stand-in in this process; in live mode its code is not even loaded. */
async function openStandIn(
  config: Config,
  { clock, ids, log }: Runtime,
  standIn: Cast['standIn'],
): Promise<Sandbox | null> {
  if (!needsStandIn(config) || config.sandboxUrl !== null) return null;
  const [{ openSandbox }, { sides }] = await Promise.all([import('./sandbox.ts'), import('./providers/sandboxes.ts')]);
  const dir = join(config.dataDir, 'sandbox');
  return openSandbox({ clock, ids, log, port: config.sandboxPort, sides, dir, ...standIn });
}

/** The stand-in that all processes share. */
async function reachStandIn(config: Config, clock: Clock): Promise<StandIn | null> {
  if (!needsStandIn(config) || config.sandboxUrl === null) return null;
  const { reachSandbox } = await import('./sandbox/remote.ts');
  return reachSandbox(config.sandboxUrl, clock);
}

/** What is done by hand in a real provider's console: the stand-in is told where an account's webhooks go. */
async function registerAt(
  standIn: StandIn,
  { slug, webhookPath }: ProviderDefinition,
  config: Config,
  accounts: readonly AccountSettings[],
): Promise<void> {
  const standIns = config.accounts.get(slug)?.filter((account) => !account.configured) ?? [];
  for (const { name, callbackUrl } of accounts) {
    if (callbackUrl === null || !standIns.some((account) => account.name === name)) continue;
    await standIn.registerCallback(slug, `${callbackUrl}${webhookPath}`);
  }
}

function accountsOf(
  definition: ProviderDefinition,
  config: Config,
  standIn: StandIn | null,
): readonly AccountSettings[] {
  const { slug } = definition;
  const accounts = config.accounts.get(slug) ?? [];
  return accounts.map((account) => {
    const at = config.publicUrl === null ? null : `${config.publicUrl}/webhooks/${slug}/${account.name}`;
    if (account.configured) return account.reveal(at);
    if (standIn === null) throw new StartupError(`${definition.name} has no account`);
    return {
      name: account.name,
      enabled: account.enabled,
      callbackUrl: at,
      values: { ...standIn.credentials(slug), ...account.reveal(at).values },
    };
  });
}
