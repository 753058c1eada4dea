import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { parseCommand } from '../src/commands.ts';
import { InvalidArgumentError, StartupError } from '../src/domain/errors.ts';
import type { Restored, Store } from '../src/domain/store.ts';
import {
  InvalidInputError,
  NotAllowedInStateError,
  ReferenceConflictError,
  UnsupportedError,
} from '../src/graphql/errors.ts';
import { createKeys } from '../src/keys.ts';
import { createIds } from '../src/runtime.ts';
import { openSqlite } from '../src/storage/sqlite.ts';
import { createManualClock } from './support/clock.ts';
import { silentLog } from './support/log.ts';
import { mongodb } from './support/mongodb.ts';
import { copyableOn } from './support/older-mongo.ts';
import { openCopyableSqlite } from './support/older-sqlite.ts';
import { describeOlderStore } from './support/older-store.ts';
import { ROUTABLE, searchOlderStore } from './support/older-store-search.ts';
import { NOON, samplePayout } from './support/payouts.ts';
import { vaultOf } from './support/write-side.ts';

describeOlderStore('SQLite', openCopyableSqlite);

const server = await mongodb();
if (server !== null) describeOlderStore('MongoDB', copyableOn(server));

describe('a store that is put back at any moment, whatever was under way', () => {
  for (const seed of Array.from({ length: 10 }, (_, at) => at + 1)) {
    it(`pays nothing twice, and says nothing that is not so: ${seed}`, async () => {
      assert.deepEqual((await searchOlderStore(seed, openCopyableSqlite)).faults, []);
    });
  }
});

describe('a store that is put back at any moment, of payouts that name nobody and may fail over', () => {
  for (const seed of Array.from({ length: 10 }, (_, at) => at + 1)) {
    it(`pays nothing twice, and says nothing that is not so: ${seed}`, async () => {
      assert.deepEqual((await searchOlderStore(seed, openCopyableSqlite, ROUTABLE)).faults, []);
    });
  }
});

describe('outflow restore', () => {
  let folder: string;
  let stores: Store[];
  const clock = createManualClock(NOON);
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'outflow-restore-'));
    stores = [];
  });
  afterEach(async () => {
    for (const store of stores) await store.close();
    await rm(folder, { recursive: true });
  });

  async function open(exclusive: boolean): Promise<Store> {
    const path = join(folder, 'outflow.db');
    const store = await openSqlite({
      path,
      environment: 'SANDBOX',
      now: clock.now,
      random: randomBytes,
      exclusive,
    });
    stores.push(store);
    return store;
  }

  /** Runs a command beside whoever owns the store, and gives the lines that it printed. */
  async function run(...words: string[]): Promise<string[]> {
    const store = await open(false);
    const keys = createKeys({ store, clock, ids: createIds(clock), log: silentLog });
    const lines: string[] = [];
    await parseCommand(words)({ keys, vault: vaultOf(store), store }, (line) => lines.push(line));
    keys.close();
    await store.close();
    return lines;
  }

  it('says that the store was put back, since when it knows nothing, and how it ends', async () => {
    const lines = (await run('restore')).join('\n');
    assert.match(lines, /after 2026-07-01T12:00:00\.000Z is not known/);
    assert.match(lines, /outflow restore --over/);
    const store = await open(true);
    assert.deepEqual(store.restored, { generation: 1, lostSince: NOON, open: true });
    await run('restore', '--over');
    await store.close();
    assert.deepEqual((await open(true)).restored, { generation: 1, lostSince: NOON, open: false });
  });

  it('is refused while a server runs on the store, and changes nothing then', async () => {
    const server = await open(true);
    await assert.rejects(run('restore'), StartupError);
    await server.close();
    assert.equal((await open(true)).restored, null);
  });

  it('is not over before it began, and takes no other words', async () => {
    await assert.rejects(run('restore', '--over'), InvalidArgumentError);
    await assert.rejects(run('restore', '--now'), InvalidArgumentError);
    await assert.rejects(run('restore', 'backup.db'), InvalidArgumentError);
    assert.equal((await open(true)).restored, null);
  });
});

describe('an error of a store that was put back', () => {
  const restored: Restored = { generation: 1, lostSince: NOON, open: true };
  const loaded = { payout: samplePayout(), head: [] as never };

  it('does not say that no money moved for what may have been paid in the lost time', () => {
    const errors = [
      new InvalidInputError([], restored),
      new UnsupportedError([], null, restored),
      new UnsupportedError([], loaded.payout, restored),
      new ReferenceConflictError(loaded, ['amount'], restored),
      new NotAllowedInStateError(loaded, 'no', restored),
    ];
    assert.deepEqual(
      errors.map((error) => error.moneyMoved),
      errors.map(() => 'UNKNOWN'),
    );
  });

  it('says so again once what was lost has been asked for, and in a store that never was', () => {
    for (const how of [null, { ...restored, open: false }]) {
      assert.equal(new UnsupportedError([], null, how).moneyMoved, 'NO');
      assert.equal(new InvalidInputError([], how).moneyMoved, 'NO');
    }
    assert.equal(new NotAllowedInStateError(loaded, 'no', null).moneyMoved, 'NO');
  });
});
