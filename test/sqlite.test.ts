import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { StartupError } from '../src/domain/errors.ts';
import type { MerchantId } from '../src/domain/merchant.ts';
import type { Store } from '../src/domain/store.ts';
import { STATEMENTS } from '../src/storage/sql.ts';
import { openSqlite, type SqliteOptions } from '../src/storage/sqlite.ts';
import { NOON, nextStep, nextVersion, sampleAttempt, sampleEvent, samplePayout } from './support/payouts.ts';
import { describeStore } from './support/store-contract.ts';

const MERCHANT = 'me_sample' as MerchantId;

function optionsFor(path: string, overrides: Partial<SqliteOptions> = {}): SqliteOptions {
  return { path, environment: 'SANDBOX', now: () => NOON, random: randomBytes, exclusive: true, ...overrides };
}

const makeFolder = () => mkdtemp(join(tmpdir(), 'outflow-sqlite-'));

describeStore('SQLite', async () => {
  const folder = await makeFolder();
  const path = join(folder, 'outflow.db');
  const store = await openSqlite(optionsFor(path));
  let open = store;
  return {
    store,
    async reopen(environment = 'SANDBOX') {
      await open.close();
      open = await openSqlite(optionsFor(path, { environment }));
      return open;
    },
    async close() {
      await open.close();
      await rm(folder, { recursive: true });
    },
  };
});

describe('SQLite, the file,', () => {
  let folder: string;
  let path: string;
  let stores: Store[];
  beforeEach(async () => {
    folder = await makeFolder();
    path = join(folder, 'data', 'outflow.db');
    stores = [];
  });
  afterEach(async () => {
    for (const store of stores) await store.close();
    await rm(folder, { recursive: true });
  });

  async function open(overrides: Partial<SqliteOptions> = {}): Promise<Store> {
    const store = await openSqlite(optionsFor(path, overrides));
    stores.push(store);
    return store;
  }

  /** Runs SQL on the file past the store, as another process could. */
  function tamper(sql: string): void {
    const db = new DatabaseSync(path);
    db.exec(sql);
    db.close();
  }

  function refusal(pattern: RegExp): (error: unknown) => true {
    return (error) => {
      assert.ok(error instanceof StartupError);
      assert.match(error.message, pattern);
      assert.doesNotMatch(error.message, /\n/);
      return true;
    };
  }

  it('is made with its folder, and nobody else may read it', async () => {
    await open();
    assert.equal((await stat(path)).mode & 0o777, 0o600);
  });

  it('has one owner: a second one is refused until the first closes', async () => {
    const first = await open();
    await assert.rejects(open(), refusal(/another process owns/));
    await first.close();
    await open();
  });

  it('opens beside its owner for a command, and each sees what the other wrote', async () => {
    const owner = await open();
    const command = await open({ exclusive: false });
    const payout = samplePayout();
    await owner.insert(payout, sampleEvent(payout));
    assert.deepEqual(await command.byReference(MERCHANT, payout.reference), payout);
    const after = nextVersion(payout);
    assert.equal(await command.commit(after, null), 'committed');
    assert.deepEqual(await owner.byReference(MERCHANT, payout.reference), after);
  });

  it('is refused when it was made by a newer program, and is left as it was', async () => {
    await (await open()).close();
    tamper('UPDATE store SET schema = 2');
    await assert.rejects(open(), refusal(/schema 2/));
    tamper('UPDATE store SET schema = 1');
    await open();
  });

  it("is refused when it is not a database, or another program's", async () => {
    await (await open()).close();
    tamper('DROP TABLE store');
    await assert.rejects(open(), refusal(/another program/));
    await writeFile(path, 'Dear diary, '.repeat(1000));
    await assert.rejects(open(), refusal(/cannot be opened: file is not a database/));
    path = join(folder, 'data');
    await assert.rejects(open(), refusal(/cannot be opened/));
  });

  it('refuses a position past the end of the log, as after an older copy was put back', async () => {
    const store = await open();
    const payout = samplePayout();
    await store.insert(payout, sampleEvent(payout));
    const position = await store.head(null);
    tamper('DELETE FROM events');
    assert.equal(store.knows(position), false);
  });

  it('does not store two payouts with one order number at one account', async () => {
    const store = await open();
    const attempt = sampleAttempt();
    const [one, two] = [samplePayout({ attempts: [attempt] }), samplePayout({ attempts: [attempt] })];
    await store.insert(one, sampleEvent(one));
    await assert.rejects(store.insert(two, sampleEvent(two)), /UNIQUE/);
    assert.equal(await store.byReference(MERCHANT, two.reference), null);
  });

  it('does not store a payout whose next check is at no valid date', async () => {
    const store = await open();
    const payout = samplePayout({ nextCheckAt: new Date(Number.NaN) });
    await assert.rejects(store.insert(payout, sampleEvent(payout)), /next check/);
  });

  it('searches payouts and events by an index in every statement', async () => {
    await open();
    const db = new DatabaseSync(path);
    for (const [name, sql] of Object.entries(STATEMENTS)) {
      const plan = db.prepare(`EXPLAIN QUERY PLAN ${sql}`).all();
      for (const { detail } of plan) assert.doesNotMatch(String(detail), /^SCAN (payouts|events)\b/, name);
    }
    db.close();
  });

  it('sorts neither due payouts nor pages: an index has them in order', async () => {
    await open();
    const db = new DatabaseSync(path);
    for (const name of ['due', 'pageForward', 'pageBackward', 'eventsOfAll', 'eventsOfMerchant'] as const) {
      const plan = db.prepare(`EXPLAIN QUERY PLAN ${STATEMENTS[name]}`).all();
      for (const { detail } of plan) assert.doesNotMatch(String(detail), /TEMP B-TREE/, name);
    }
    db.close();
  });

  describe('writes of one turn of the event loop', () => {
    it('share one transaction, in which one that fails leaves its neighbours alone', async () => {
      const store = await open();
      const known = samplePayout();
      await store.insert(known, sampleEvent(known));
      const [before, after] = [samplePayout(), samplePayout()];
      const answers = await Promise.allSettled([
        store.insert(before, sampleEvent(before)),
        store.commit(nextVersion(known, { state: 'COMPLETED' }), sampleEvent(known)),
        store.insert(after, sampleEvent(after)),
      ]);
      assert.deepEqual(
        answers.map((answer) => answer.status),
        ['fulfilled', 'rejected', 'fulfilled'],
      );
      const stored = await store.payouts(MERCHANT, [before.id, known.id, after.id]);
      assert.deepEqual([...stored.values()], [before, known, after]);
      const { events } = await store.events(null, { merchantId: null }, 10);
      assert.deepEqual(
        events.map(({ event }) => event.payoutId),
        [known.id, before.id, after.id],
      );
    });

    it('are invisible to a reading before they are committed', async () => {
      const store = await open();
      const payout = samplePayout();
      const inserting = store.insert(payout, sampleEvent(payout));
      assert.equal(await store.byReference(MERCHANT, payout.reference), null);
      await inserting;
      assert.deepEqual(await store.byReference(MERCHANT, payout.reference), payout);
    });

    /** Three writes in one turn, the middle one of a sealed record of this kind: all must fail, and none be there. */
    async function assertAllLost(store: Store, kind: string, reason: RegExp): Promise<void> {
      const [before, after] = [samplePayout(), samplePayout()];
      const writes = [
        store.insert(before, sampleEvent(before)),
        store.putSealed(before.id, kind, Buffer.from('x')),
        store.insert(after, sampleEvent(after)),
      ];
      await Promise.all(writes.map((write) => assert.rejects(write, reason)));
      assert.equal((await store.payouts(MERCHANT, [before.id, after.id])).size, 0);
      const later = samplePayout();
      assert.equal((await store.insert(later, sampleEvent(later))).replayed, false);
    }

    it('are all refused when SQLite undoes the whole transaction, as it does on a full disk', async () => {
      const store = await open();
      tamper(`CREATE TRIGGER undo BEFORE INSERT ON sealed WHEN NEW.kind = 'undo'
        BEGIN SELECT RAISE(ROLLBACK, 'undone'); END`);
      await assertAllLost(store, 'undo', /undone/);
    });

    it('are all refused when the transaction does not commit', async () => {
      const store = await open();
      // A foreign key that is checked at COMMIT, and never holds.
      tamper(`CREATE TABLE parents (id TEXT PRIMARY KEY);
        CREATE TABLE children (parent TEXT REFERENCES parents DEFERRABLE INITIALLY DEFERRED);
        CREATE TRIGGER orphan BEFORE INSERT ON sealed WHEN NEW.kind = 'orphan'
        BEGIN INSERT INTO children VALUES ('nobody'); END`);
      await assertAllLost(store, 'orphan', /FOREIGN KEY/);
    });
  });

  it('has every acknowledged write after its process was killed, and is free to be owned again', async () => {
    const script = fileURLToPath(new URL('support/sqlite-writer.ts', import.meta.url));
    const child = spawn(process.execPath, [script, path], { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = once(child, 'close');
    const acknowledged = new Map<string, number>();
    let lines = 0;
    for await (const line of createInterface({ input: child.stdout })) {
      const [, reference = '', version = ''] = /^(\S+) (\d+)$/.exec(line) ?? [];
      acknowledged.set(reference, Number(version));
      lines += 1;
      if (lines === 100) await assert.rejects(open(), refusal(/another process owns/));
      if (lines === 400) child.kill('SIGKILL');
    }
    const [, signal] = await ended;
    assert.equal(signal, 'SIGKILL');

    const store = await open();
    for (const [reference, version] of acknowledged) {
      const payout = await store.byReference(MERCHANT, reference);
      assert.ok(payout && payout.version >= version, `${reference} is at ${payout?.version}, not at ${version}`);
      const range = { after: 0, before: 100, limit: 100, last: false };
      const events = await store.payoutEvents(MERCHANT, payout.id, range);
      assert.deepEqual(
        events.map(({ event }) => event.sequence),
        Array.from({ length: payout.sequence }, (_, index) => index + 1),
      );
    }
    const first = await store.byReference(MERCHANT, '0-0');
    assert.ok(first);
    const after = nextStep(first, { state: 'COMPLETED' });
    assert.equal(await store.commit(after, sampleEvent(after)), 'committed');
  });
});
