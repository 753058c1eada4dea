import { join } from 'node:path';
import { type Catalogue, createCatalogue } from './catalogue.ts';
import type { Config } from './config.ts';
import { StartupError } from './domain/errors.ts';
import type { Provider } from './domain/provider.ts';
import type { Store } from './domain/store.ts';
import { createFeed, type Feed } from './feed.ts';
import { createHealth, type Health } from './health.ts';
import { createInbound, type Inbound } from './inbound.ts';
import { createKeys, type Keys } from './keys.ts';
import { createPayouts, type Payouts, type PayoutsDeps } from './payouts.ts';
import type { AccountSettings, ProviderDefinition } from './providers/define.ts';
import { definitions } from './providers/index.ts';
import { chooseRoute } from './routing.ts';
import { type Clock, describeError, type Ids, type Log, toBase32 } from './runtime.ts';
import type { Sandbox, SandboxOptions } from './sandbox.ts';
import { openSqlite } from './storage/sqlite.ts';
import { createTransport } from './transport.ts';
import { createVault, keysFor, type Vault } from './vault.ts';
import { createWorker, type Worker, type WorkerOptions } from './worker.ts';

/** What the process brings: tests bring their own clock and ids. */
export interface Runtime {
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
}

/** All the parts of one process, made and joined, with nothing started. */
export interface Parts {
  readonly store: Store;
  readonly keys: Keys;
  readonly payouts: Payouts;
  readonly feed: Feed;
  readonly inbound: Inbound;
  readonly worker: Worker;
  readonly providers: readonly Provider[];
  readonly health: Health;
  readonly catalogue: Catalogue;
  readonly log: Log;
  /** Sandbox mode without accounts of its own: the stand-in providers in this process. */
  readonly sandbox: Sandbox | null;
  /** Stops the worker, then closes what was opened, last first. */
  close(): Promise<void>;
}

/** Who takes part, and how the stand-in plays them. Default: all that come with Outflow, as they promise. */
export interface Cast {
  readonly definitions: readonly ProviderDefinition[];
  readonly standIn: Partial<Pick<SandboxOptions, 'sides' | 'settleMs' | 'duplicates'>>;
}

/** Opens the store of a configuration; `exclusive` for the one process that serves or works on it. */
export function openStore(config: Config, { clock, ids, log }: Runtime, exclusive: boolean): Promise<Store> {
  const path = join(config.dataDir, 'outflow.db');
  return openSqlite({
    ...{ path, environment: config.environment, now: clock.now, random: ids.bytes, exclusive },
    onUndecodable: (payoutId, error) =>
      log.error({ payoutId, cause: describeError(error) }, 'a payout is not readable'),
  });
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
    const transport = createTransport(clock.now, options.deadlineMs);
    const bySlug = new Map<string, Provider>();
    for (const definition of cast.definitions ?? definitions) {
      const accounts = accountsOf(definition, config, sandbox);
      const provider = definition.open(accounts, transport, clock.now);
      if (sandbox && provider.webhooks !== 'NONE') registerAt(sandbox, definition, config, accounts);
      opened.push(() => provider.close());
      bySlug.set(definition.slug, provider);
    }
    const providers = [...bySlug.values()];
    const vault = openVault(config, store, runtime);
    const route: PayoutsDeps['route'] = (order, parties, named) => chooseRoute(providers, clock, order, parties, named);
    const payouts = createPayouts({ store, vault, clock, providers, route });
    const health = createHealth(clock);
    const catalogue = createCatalogue({ providers, clock, log });
    const feed = createFeed({ store, clock, log });
    opened.push(() => feed.close());
    const keys = createKeys({ store, clock, ids, log });
    opened.push(() => keys.close());
    const inbound = createInbound({ providers: bySlug, store, payouts, log });
    const name = `worker-${process.pid}-${toBase32(ids.bytes(5))}`;
    const clockwork = createWorker({ payouts, providers, health, clock, log, name, options });
    opened.push(() => clockwork.stop());
    return {
      store,
      keys,
      payouts,
      feed,
      inbound,
      worker: clockwork,
      providers,
      health,
      catalogue,
      log,
      sandbox,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The stand-in of the providers that the configuration gives no account; in live mode its code is not even loaded. */
async function openStandIn(
  config: Config,
  { clock, ids, log }: Runtime,
  standIn: Cast['standIn'],
): Promise<Sandbox | null> {
  const own = [...config.accounts.values()].every((accounts) => accounts.some((account) => account.configured));
  if (config.environment === 'LIVE' || own) return null;
  const [{ openSandbox }, { sides }] = await Promise.all([import('./sandbox.ts'), import('./providers/sandboxes.ts')]);
  const dir = join(config.dataDir, 'sandbox');
  return openSandbox({ clock, ids, log, port: config.sandboxPort, sides, dir, ...standIn });
}

/** What is done by hand in a real provider's console: the stand-in is told where an account's webhooks go. */
function registerAt(
  sandbox: Sandbox,
  { slug, webhookPath }: ProviderDefinition,
  config: Config,
  accounts: readonly AccountSettings[],
): void {
  const standIns = config.accounts.get(slug)?.filter((account) => !account.configured) ?? [];
  for (const { name, callbackUrl } of accounts) {
    if (callbackUrl === null || !standIns.some((account) => account.name === name)) continue;
    sandbox.registerCallback(slug, `${callbackUrl}${webhookPath}`);
  }
}

function accountsOf(
  definition: ProviderDefinition,
  config: Config,
  sandbox: Sandbox | null,
): readonly AccountSettings[] {
  const { slug } = definition;
  const accounts = config.accounts.get(slug) ?? [];
  return accounts.map((account) => {
    const at = config.publicUrl === null ? null : `${config.publicUrl}/webhooks/${slug}/${account.name}`;
    if (account.configured) return account.reveal(at);
    if (sandbox === null) throw new StartupError(`${definition.name} has no account`);
    return {
      name: account.name,
      enabled: account.enabled,
      callbackUrl: at,
      values: { ...sandbox.credentials(slug), ...account.reveal(at).values },
    };
  });
}
