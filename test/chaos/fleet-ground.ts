import { join } from 'node:path';
import { openStore } from '../../src/compose.ts';
import { loadConfig } from '../../src/config.ts';
import { type MerchantId, SCOPES } from '../../src/domain/merchant.ts';
import type { Provider } from '../../src/domain/provider.ts';
import type { Store } from '../../src/domain/store.ts';
import { createKeys, type Keys } from '../../src/keys.ts';
import { definitions } from '../../src/providers/index.ts';
import { createIds } from '../../src/runtime.ts';
import { reachSandbox } from '../../src/sandbox/remote.ts';
import { createTransport } from '../../src/transport.ts';
import { silentLog } from '../support/log.ts';
import { type OwnMongo, startMongo } from '../support/mongodb.ts';
import { openProxy, type TcpProxy } from '../support/proxy.ts';
import { createScaledClock } from '../support/scaled-clock.ts';
import { reservePort } from '../support/world.ts';
import { engage, type FleetClock, type Member, workerOptions } from './fleet-crew.ts';
import type { Part } from './fleet-process.ts';
import type { Booked } from './schedule.ts';

/** A process of a fleet, with what stands between it and the others. */
export interface Posted {
  readonly member: Member;
  /** Before the database; null where that is a file. */
  readonly database: TcpProxy | null;
  /** Before the sandbox. */
  readonly sandbox: TcpProxy;
}

/** What every run needs: a database, a sandbox, and one clock for all; processes are put on it. */
export interface Ground {
  readonly clock: FleetClock;
  /** Null: SQLite. */
  readonly mongo: OwnMongo | null;
  /** A look at the store beside the processes, through a connection that nobody disturbs. */
  readonly store: Store;
  readonly keys: Keys;
  /** For what they declare; nothing is asked of them. */
  readonly providers: readonly Provider[];
  /** Starts a process of its own with proxies of its own; `env` adds to what it is told. */
  post(name: string, role: Part['role'], env?: Readonly<Record<string, string>>): Promise<Posted>;
  /** Every order at the sandbox, as it truly stands. */
  books(): Promise<readonly Booked[]>;
  /** Ends every process, and closes the rest. */
  close(): Promise<void>;
}

/** Where a run takes place. */
export interface GroundOptions {
  readonly store: 'mongodb' | 'sqlite';
  /** How many times as fast as the world's the clock of all processes runs. */
  readonly factor: number;
  /** Everything is kept in it. */
  readonly folder: string;
}

/** The database's name, where it is no file. */
const NAME = 'fleet';
/** The place of the one process that may have the file. */
const FILE_OWNER = 'server-1';

/** Starts the database and the sandbox. Null, after one line, where there is no MongoDB to be had. */
export async function openGround(options: GroundOptions): Promise<Ground | null> {
  const closing: (() => Promise<unknown> | unknown)[] = [];
  const close = async (): Promise<void> => {
    for (const end of closing.splice(0).reverse()) await end();
  };
  try {
    const mongo = options.store === 'mongodb' ? await openDatabase(options.folder) : null;
    if (mongo !== null) closing.push(() => mongo.kill());
    else if (options.store === 'mongodb') return null;
    return await openOn(mongo, options, closing, close);
  } catch (error) {
    await close();
    throw error;
  }
}

async function openDatabase(folder: string): Promise<OwnMongo | null> {
  return startMongo({ folder: join(folder, 'mongodb'), port: await reservePort() });
}

async function openOn(
  mongo: OwnMongo | null,
  { factor, folder }: GroundOptions,
  closing: (() => Promise<unknown> | unknown)[],
  close: () => Promise<void>,
): Promise<Ground> {
  const clock = createFleetClock(factor);
  const options = workerOptions(factor);
  const start = (name: string, role: Part['role'], env: Readonly<Record<string, string>>): Member => {
    const member = engage({ name, role, env, folder, clock, options });
    closing.push(() => member.dismiss());
    return member;
  };
  const proxyTo = async (port: number): Promise<TcpProxy> => {
    const proxy = await openProxy({ to: { host: '127.0.0.1', port } });
    closing.push(() => proxy.close());
    return proxy;
  };

  const sandboxPort = await reservePort();
  const sandboxUrl = `http://127.0.0.1:${sandboxPort}`;
  await start('sandbox', 'sandbox', { SANDBOX_PORT: String(sandboxPort) }).up();
  const standIn = await reachSandbox(sandboxUrl, clock);
  const runtime = {
    clock,
    ids: createIds(clock),
    log: silentLog,
    ...(factor === 1 ? {} : { mongodb: { maxSkewMs: null } }),
  };
  const where = mongo === null ? { DATA_DIR: join(folder, FILE_OWNER) } : { MONGODB_URL: mongo.url(NAME) };
  const store = await openStore(loadConfig(where, definitions), runtime, false);
  closing.push(() => store.close());
  const keys = createKeys({ store, ...runtime });
  closing.push(() => keys.close());
  const transport = createTransport(clock.now);
  const providers = definitions.map((definition) => {
    const values = standIn.credentials(definition.slug);
    return definition.open([{ name: 'default', enabled: true, callbackUrl: null, values }], transport, clock.now);
  });
  closing.push(() => Promise.all(providers.map((provider) => provider.close())));

  return {
    ...{ clock, mongo, store, keys, providers, close },
    async post(name, role, env = {}) {
      const database = mongo && (await proxyTo(mongo.port));
      const sandbox = await proxyTo(sandboxPort);
      // The server names its own address to whoever asks it for the members of its set.
      const url = database && { MONGODB_URL: `mongodb://127.0.0.1:${database.port}/${NAME}?directConnection=true` };
      const member = start(name, role, { SANDBOX_URL: `http://127.0.0.1:${sandbox.port}`, ...url, ...env });
      return { member, database, sandbox };
    },
    async books() {
      const response = await fetch(`${sandboxUrl}/_sandbox/books`);
      return (await response.json()) as readonly Booked[];
    },
  };
}

function createFleetClock(factor: number): FleetClock {
  const origin = Date.now();
  const clock = createScaledClock(origin, factor);
  const listeners = new Set<(ms: number) => void>();
  let jumps = 0;
  return {
    ...{ now: clock.now, sleep: clock.sleep, origin, factor },
    jump(ms) {
      jumps += 1;
      clock.jump(ms);
      for (const listener of listeners) listener(ms);
    },
    jumps: () => jumps,
    onJump(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

/** A merchant of a run, and its key. */
export interface FleetMerchant {
  readonly id: MerchantId;
  readonly secret: string;
}

/** Makes a merchant with a key that may do everything. */
export async function makeMerchant({ keys }: Ground, name: string): Promise<FleetMerchant> {
  const { id } = await keys.createMerchant(name);
  return { id, secret: (await keys.createKey(id, 'fleet', SCOPES)).secret };
}
