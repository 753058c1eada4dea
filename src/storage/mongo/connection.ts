import { setTimeout as delay } from 'node:timers/promises';
import {
  type ClientSession,
  type Collection,
  type Db,
  type Document,
  MongoClient,
  MongoError,
  MongoNetworkError,
  MongoServerError,
  MongoServerSelectionError,
  ReadConcern,
} from 'mongodb';
import { StartupError } from '../../domain/errors.ts';
import type {
  BatchDocument,
  BulletinDocument,
  ClaimDocument,
  KeyDocument,
  MerchantDocument,
  PayoutDocument,
  SealedDocument,
} from './codec.ts';
import { type CollectionName, INDEXES } from './schema.ts';

/** A database that fits, and how to read and write it so that nothing is lost. */
export interface Connection {
  readonly db: Db;
  readonly payouts: Collection<PayoutDocument>;
  readonly batches: Collection<BatchDocument>;
  readonly bulletins: Collection<BulletinDocument>;
  readonly sealed: Collection<SealedDocument>;
  readonly claims: Collection<ClaimDocument>;
  readonly merchants: Collection<MerchantDocument>;
  readonly keys: Collection<KeyDocument>;
  readonly meta: Collection<Document & { readonly _id: string }>;
  /** Runs reads that see what the ones before them saw. */
  during<T>(work: (session: ClientSession) => Promise<T>): Promise<T>;
  /** Whatever the session reads from here on has all that was written before; answers when that was, in ms. */
  readPoint(session: ClientSession): Promise<number>;
  /** The database's clock, in ms since 1970: it may be a little later there, never earlier. */
  databaseNow(): number;
  /** Rejects while this process's clock is too far from the database's. */
  mayWrite(): Promise<void>;
  /**
   * Tries a write again while nobody knows whether it happened. `attempt` must come to the same however often it runs,
   * and answer as the first that worked; `again`: one before it may have worked.
   */
  surely<T>(attempt: (again: boolean) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

export interface ConnectionOptions {
  readonly url: string;
  readonly now: () => Date;
  readonly maxSkewMs: number | null;
  readonly onTrouble: (message: string) => void;
}

const DATABASE = 'outflow';
/** MongoDB 4.4. */
const OLDEST_WIRE_VERSION = 9;
/** What a server may take for one operation. Beyond it, nothing of the operation happens any more. */
export const MAX_TIME_MS = 5000;
export const BRIEFLY = { maxTimeMS: MAX_TIME_MS } as const;
/** Waits between the tries of a write whose answer was lost. */
const TRY_AGAIN_MS = [50, 250, 1000];
const CLOCK_EVERY_MS = 10_000;
/** How much two machines' clocks part, at the worst. */
const DRIFT = 0.001;

/** Connects. Rejects with a StartupError in one line for a server that cannot be used; nothing of the URL is shown. */
export async function connect(options: ConnectionOptions): Promise<Connection> {
  let client: MongoClient | null = null;
  try {
    client = new MongoClient(options.url, {
      appName: 'outflow',
      connectTimeoutMS: 5000,
      serverSelectionTimeoutMS: 5000,
      // Longer than any operation may take: a connection that is silent for this long is dead.
      socketTimeoutMS: 20_000,
      readPreference: 'primary',
      retryWrites: true,
      retryReads: true,
      promoteBuffers: true,
    });
    await client.connect();
    const hello = await client.db('admin').command({ hello: 1 });
    const fault = faultOf(hello);
    if (fault !== null) throw new StartupError(fault);
    const clock = createClock(client, options);
    await clock.read();
    const fault2 = clock.fault();
    if (fault2 !== null) throw new StartupError(fault2);
    clock.start();
    return open(client, options, clock, hello.msg === 'isdbgrid');
  } catch (error) {
    await client?.close().catch(() => undefined);
    if (error instanceof StartupError) throw error;
    throw new StartupError(`MongoDB cannot be used: ${describe(error)}`, { cause: error });
  }
}

/** Why a server cannot be used, in one line; null: it can. */
function faultOf({ maxWireVersion, setName, msg }: Document): string | null {
  if (typeof maxWireVersion !== 'number' || maxWireVersion < OLDEST_WIRE_VERSION) {
    return 'MongoDB cannot be used: the server is older than MongoDB 4.4';
  }
  if (typeof setName !== 'string' && msg !== 'isdbgrid') {
    return 'MongoDB cannot be used: the server is neither in a replica set nor in front of a sharded cluster';
  }
  return null;
}

/** One line about an error of the driver: it names hosts and causes, never a user or a password. */
export function describe(error: unknown): string {
  if (!(error instanceof Error)) return 'no reason given';
  return error.message.replace(/\s+/g, ' ').replace(/\/\/[^/\s@]*@/g, '//');
}

function open(
  client: MongoClient,
  { url, onTrouble }: ConnectionOptions,
  clock: DatabaseClock,
  isRouter: boolean,
): Connection {
  const db = client.db(databaseOf(url), {
    readConcern: new ReadConcern('majority'),
    writeConcern: { w: 'majority', journal: true, wtimeoutMS: 10_000 },
  });
  let told = false;
  return {
    db,
    payouts: db.collection('payouts'),
    batches: db.collection('batches'),
    bulletins: db.collection('bulletins'),
    sealed: db.collection('sealed'),
    claims: db.collection('claims'),
    merchants: db.collection('merchants'),
    keys: db.collection('keys'),
    meta: db.collection('meta'),
    async during(work) {
      const session = client.startSession({ causalConsistency: true });
      try {
        return await work(session);
      } finally {
        await session.endSession();
      }
    },
    async readPoint(session) {
      const { localTime, isWritablePrimary } = await db.command({ hello: 1 }, { session });
      const seconds = session.operationTime?.getHighBitsUnsigned();
      if (!(localTime instanceof Date) || seconds === undefined) throw new Error('the server does not tell its time');
      // A primary knows of everything that was written before it answered; a router only of what it was told, and its
      // cluster's time may run ahead of every clock.
      if (isRouter) return Math.min(seconds * 1000, localTime.getTime());
      if (isWritablePrimary !== true) throw new Error('the server is no primary any more');
      return localTime.getTime();
    },
    databaseNow: () => clock.now(),
    async mayWrite() {
      if (clock.fault() !== null) await clock.read();
      const fault = clock.fault();
      if (fault !== null && !told) onTrouble(fault);
      told = fault !== null;
      if (fault !== null) throw new Error(fault);
    },
    async surely(attempt) {
      for (let failures = 0; ; failures += 1) {
        try {
          return await attempt(failures > 0);
        } catch (error) {
          const wait = TRY_AGAIN_MS[failures];
          if (wait === undefined || !isDoubtful(error)) throw error;
          await delay(wait);
        }
      }
    },
    async close() {
      clock.stop();
      await client.close();
    },
  };
}

/** The server stepped down, shuts down, lost others, ran out of time, or did not hear from its majority in time. */
const DOUBTFUL: ReadonlySet<unknown> = new Set([
  ...[6, 7, 89, 9001, 91, 189, 262, 10107, 11600, 11602, 13435, 13436],
  ...[24, 46, 50, 63, 64, 112, 150, 13388],
]);

/** Whether a write may or may not have happened, or would if it were tried again. */
function isDoubtful(error: unknown): boolean {
  if (error instanceof MongoNetworkError || error instanceof MongoServerSelectionError) return true;
  // A socket that breaks while it is written to: the driver passes it on as it is.
  if (!(error instanceof MongoError)) return error instanceof Error && 'syscall' in error;
  if (error.hasErrorLabel('RetryableWriteError') || error.hasErrorLabel('TransientTransactionError')) return true;
  return error instanceof MongoServerError && DOUBTFUL.has(error.code);
}

/** Whether a document with this id, or this unique value, is there already. */
export function isDuplicate(error: unknown): boolean {
  return error instanceof MongoServerError && error.code === 11_000;
}

/**
 * Makes every collection and index that is missing; those that are there stay. An index of a large collection takes its time, so
 * that this client waits for it as long as it takes.
 */
export async function makeIndexes({ url }: Pick<ConnectionOptions, 'url'>): Promise<void> {
  const client = new MongoClient(url, { appName: 'outflow', serverSelectionTimeoutMS: 5000 });
  try {
    const db = client.db(databaseOf(url), { writeConcern: { w: 'majority' } });
    for (const name of Object.keys(INDEXES) as CollectionName[]) {
      const specs = Object.entries(INDEXES[name]).map(([index, { keys, options }]) => ({
        key: keys,
        name: index,
        ...options,
      }));
      if (specs.length > 0) await db.collection(name).createIndexes(specs);
    }
  } finally {
    await client.close();
  }
}

/** The database of a URL is its path. */
function databaseOf(url: string): string {
  const [, path = ''] = /^[^:]+:\/\/[^/]+\/([^?]*)/.exec(url) ?? [];
  return decodeURIComponent(path) || DATABASE;
}

// --- clocks -------------------------------------------------------------------------------------------------------------

interface DatabaseClock {
  read(): Promise<void>;
  /** It is at least as late as this. */
  now(): number;
  /** What is wrong with this process's clock, in one line; null: nothing. */
  fault(): string | null;
  start(): void;
  stop(): void;
}

/** The database's clock, read now and then and counted on from there by this machine's monotonic clock. */
function createClock(client: MongoClient, { now, maxSkewMs }: ConnectionOptions): DatabaseClock {
  let offset = 0;
  let uncertain = Infinity;
  let readAt = 0;
  let timer: NodeJS.Timeout | undefined;
  const clock: DatabaseClock = {
    async read() {
      const before = performance.now();
      const { localTime } = await client.db('admin').command({ hello: 1 });
      const after = performance.now();
      if (!(localTime instanceof Date)) throw new Error('the server does not tell its time');
      // An answer that took long says little of when it was given: a better one from before is kept as long as it lasts, and as
      // long as the two agree; another primary has another clock.
      const fresh = localTime.getTime() - (before + after) / 2;
      const half = (after - before) / 2;
      const aged = uncertain + (after - readAt) * DRIFT;
      if (half > aged && Math.abs(fresh - offset) <= half + aged) return;
      offset = fresh;
      uncertain = half;
      readAt = after;
    },
    now: () => Math.floor(performance.now() + offset - uncertain),
    fault() {
      if (maxSkewMs === null) return null;
      const skew = now().getTime() - (performance.now() + offset);
      if (Math.abs(skew) - uncertain <= maxSkewMs) return null;
      const seconds = (Math.abs(skew) / 1000).toFixed(1);
      return `the clock of this machine is ${seconds} s ${skew > 0 ? 'ahead of' : 'behind'} the database's, more than the ${maxSkewMs / 1000} s that are safe: nothing is written until it is set right`;
    },
    start() {
      timer = setInterval(() => void clock.read().catch(() => undefined), CLOCK_EVERY_MS);
      timer.unref();
    },
    stop: () => clearInterval(timer),
  };
  return clock;
}
