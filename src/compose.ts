import { join } from 'node:path';
import type { Config } from './config.ts';
import { StartupError } from './domain/errors.ts';
import type { Provider } from './domain/provider.ts';
import type { Store } from './domain/store.ts';
import { createFeed, type Feed } from './feed.ts';
import { createInbound, type Inbound } from './inbound.ts';
import { createKeys, type Keys } from './keys.ts';
import { createPayouts, type Payouts } from './payouts.ts';
import type { AccountSettings, ProviderDefinition } from './providers/define.ts';
import { definitions } from './providers/index.ts';
import { chooseRoute } from './routing.ts';
import type { Clock, Ids, Log } from './runtime.ts';
import type { Sandbox } from './sandbox.ts';
import { openSqlite } from './storage/sqlite.ts';
import { createTransport } from './transport.ts';
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
  readonly log: Log;
  /** Sandbox mode without accounts of its own: the stand-in providers in this process. */
  readonly sandbox: Sandbox | null;
  /** Stops the worker, then closes what was opened, last first. */
  close(): Promise<void>;
}

/** Opens the store of a configuration; `exclusive` for the one process that serves or works on it. */
export function openStore(config: Config, { clock, ids }: Runtime, exclusive: boolean): Promise<Store> {
  const path = join(config.dataDir, 'outflow.db');
  return openSqlite({ path, environment: config.environment, now: clock.now, random: ids.bytes, exclusive });
}

/** Makes all parts from a configuration. Rejects with StartupError where something cannot be opened. */
export async function compose(config: Config, runtime: Runtime, options: Partial<WorkerOptions> = {}): Promise<Parts> {
  const { clock, ids, log } = runtime;
  const opened: (() => Promise<unknown> | unknown)[] = [];
  const close = async (): Promise<void> => {
    for (const undo of opened.splice(0).reverse()) await undo();
  };
  try {
    const store = await openStore(config, runtime, true);
    opened.push(() => store.close());
    const sandbox = await openStandIn(config, runtime);
    if (sandbox) opened.push(() => sandbox.close());
    const transport = createTransport(clock.now, options.deadlineMs);
    const bySlug = new Map<string, Provider>();
    for (const definition of definitions) {
      const provider = definition.open(accountsOf(definition, config, sandbox), transport);
      opened.push(() => provider.close());
      bySlug.set(definition.slug, provider);
    }
    const providers = [...bySlug.values()];
    const payouts = createPayouts({ store, clock, route: (order, named) => chooseRoute(providers, order, named) });
    const feed = createFeed({ store, clock, log });
    opened.push(() => feed.close());
    const keys = createKeys({ store, clock, ids, log });
    opened.push(() => keys.close());
    const inbound = createInbound({ providers: bySlug, store, payouts, log });
    const name = `worker-${process.pid}`;
    const clockwork = createWorker({ payouts, providers, clock, log, name, options });
    opened.push(() => clockwork.stop());
    return { store, keys, payouts, feed, inbound, worker: clockwork, providers, log, sandbox, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The stand-in of the providers that the configuration gives no account; in live mode its code is not even loaded. */
async function openStandIn(config: Config, { clock, ids, log }: Runtime): Promise<Sandbox | null> {
  const own = [...config.accounts.values()].every((accounts) => accounts.some((account) => account.configured));
  if (config.environment === 'LIVE' || own) return null;
  const [{ openSandbox }, { sides }] = await Promise.all([import('./sandbox.ts'), import('./providers/sandboxes.ts')]);
  return openSandbox({ clock, ids, log, port: config.sandboxPort, sides, dir: join(config.dataDir, 'sandbox') });
}

function accountsOf(
  definition: ProviderDefinition,
  config: Config,
  sandbox: Sandbox | null,
): readonly AccountSettings[] {
  const accounts = config.accounts.get(definition.slug) ?? [];
  return accounts.map((account) => {
    const at = config.publicUrl === null ? null : `${config.publicUrl}/webhooks/${definition.slug}/${account.name}`;
    if (account.configured) return account.reveal(at);
    if (sandbox === null) throw new StartupError(`${definition.name} has no account`);
    return {
      name: account.name,
      enabled: account.enabled,
      callbackUrl: at,
      values: sandbox.credentials(definition.slug),
    };
  });
}
