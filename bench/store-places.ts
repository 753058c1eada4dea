/** Where the stores that are measured are, as text that a process tells another. */
import { join } from 'node:path';
import { MongoClient } from 'mongodb';
import type { Store } from '../src/domain/store.ts';
import { createIds, systemClock } from '../src/runtime.ts';
import { openMongo } from '../src/storage/mongo/store.ts';
import { openSqlite } from '../src/storage/sqlite.ts';
import { type MongoServer, mongodb } from '../test/support/mongodb.ts';
import { openFolder } from './harness.ts';

export type Adapter = 'MongoDB' | 'SQLite';

/** A store, wherever it is opened. */
export interface Place {
  readonly adapter: Adapter;
  /** A folder, or the URL of a database. */
  readonly at: string;
  /** Whether other processes are heard by a change stream; where they are not, there is the timer. */
  readonly changeStream: boolean;
}

/** Opens the store of a place, making it where it is new. */
export function openAt({ adapter, at, changeStream }: Place): Promise<Store> {
  const options = { environment: 'SANDBOX', now: systemClock.now, random: createIds(systemClock).bytes } as const;
  return adapter === 'SQLite'
    ? openSqlite({ ...options, path: join(at, 'outflow.db'), exclusive: true })
    : openMongo({ ...options, url: at, maxSkewMs: 5000, changeStream });
}

let made = 0;
/** A place for a new store, which is gone when the block that made it ends. */
export async function makePlace(adapter: Adapter): Promise<Place & AsyncDisposable> {
  if (adapter === 'SQLite') {
    const folder = openFolder();
    return {
      adapter,
      at: folder.path,
      changeStream: false,
      [Symbol.asyncDispose]: async () => folder[Symbol.dispose](),
    };
  }
  made += 1;
  const at = (await server()).url(`bench-${process.pid}-${made}`);
  return { adapter, at, changeStream: true, [Symbol.asyncDispose]: () => drop(at) };
}

async function drop(url: string): Promise<void> {
  const client = new MongoClient(url);
  await client.db().dropDatabase();
  await client.close();
}

async function server(): Promise<MongoServer> {
  const found = await mongodb();
  if (found === null) throw new Error('there is no MongoDB server to measure');
  return found;
}

/**
 * Whether the server is the one of `MONGODB_URL`. Those that stand in for MongoDB in tests read all that matches before they
 * take the first of it: there, what is stored must be less.
 */
export async function isGiven(): Promise<boolean> {
  return (await server()).kind === 'MONGODB_URL';
}

/** Which server it is that was measured, in one line. */
export async function describeServer(): Promise<string> {
  const { kind, url } = await server();
  const client = new MongoClient(url('bench'));
  const { version } = await client.db('admin').command({ buildInfo: 1 });
  await client.close();
  const own = kind === 'MONGODB_URL' ? 'The server of `MONGODB_URL`' : `\`${kind}\` in the place of MongoDB`;
  return `${own}, which says that it is MongoDB ${version}.`;
}
