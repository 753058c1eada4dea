import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { StartupError } from '../src/domain/errors.ts';
import type { MerchantId } from '../src/domain/merchant.ts';
import type { AppliedReport, Payout, PayoutId, PayoutState } from '../src/domain/payout.ts';
import type { ProviderId } from '../src/domain/provider.ts';
import type { Position, Store } from '../src/domain/store.ts';
import { STATEMENTS } from '../src/storage/sql.ts';
import { openSqlite, type SqliteOptions } from '../src/storage/sqlite.ts';
import {
  afterNoon,
  decimal,
  NOON,
  nextStep,
  nextVersion,
  sampleAttempt,
  sampleBatch,
  sampleEvent,
  samplePayout,
} from './support/payouts.ts';
import { describeStore } from './support/store-contract.ts';

const MERCHANT = 'me_sample' as MerchantId;
const ALPHA = 'ALPHA' as ProviderId;

/** The schema of the first version, as it was. */
const SCHEMA_1 = `
  CREATE TABLE store (
    schema INTEGER NOT NULL, environment TEXT NOT NULL, epoch TEXT NOT NULL, secret BLOB NOT NULL,
    created_at INTEGER NOT NULL, checked_at INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE payouts (
    id TEXT PRIMARY KEY, merchant_id TEXT NOT NULL, reference TEXT NOT NULL, version INTEGER NOT NULL,
    state TEXT NOT NULL, provider TEXT NOT NULL, currency TEXT NOT NULL, created_at INTEGER NOT NULL,
    due_at INTEGER, document TEXT NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX payouts_by_reference ON payouts (merchant_id, reference);
  -- The last three columns let a filter pass over rows without reading their documents.
  CREATE INDEX payouts_by_age ON payouts (merchant_id, created_at, id, state, provider, currency);
  CREATE INDEX payouts_due ON payouts (provider, state, due_at) WHERE due_at IS NOT NULL;

  -- AUTOINCREMENT: a row id is never used again, and rows become visible in the order of their ids.
  CREATE TABLE events (
    id INTEGER PRIMARY KEY AUTOINCREMENT, event_id TEXT NOT NULL, payout_id TEXT NOT NULL, sequence INTEGER NOT NULL,
    merchant_id TEXT NOT NULL, document TEXT NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX events_by_event_id ON events (event_id);
  CREATE UNIQUE INDEX events_by_payout ON events (payout_id, sequence);
  CREATE INDEX events_by_merchant ON events (merchant_id);

  -- Unique: two payouts under one order number would be one payout to the provider.
  CREATE TABLE attempts (
    payout_id TEXT NOT NULL, number INTEGER NOT NULL, provider TEXT NOT NULL, account TEXT NOT NULL,
    order_number TEXT NOT NULL, provider_reference TEXT, PRIMARY KEY (payout_id, number)
  ) STRICT, WITHOUT ROWID;
  CREATE UNIQUE INDEX attempts_by_order_number ON attempts (provider, account, order_number);
  CREATE INDEX attempts_by_reference ON attempts (provider, account, provider_reference)
    WHERE provider_reference IS NOT NULL;

  CREATE TABLE claims (
    provider TEXT NOT NULL, fingerprint TEXT NOT NULL, reference TEXT NOT NULL, payout_id TEXT NOT NULL,
    attempt INTEGER NOT NULL, PRIMARY KEY (provider, fingerprint, reference)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE sealed (
    payout_id TEXT NOT NULL, kind TEXT NOT NULL, bytes BLOB NOT NULL, PRIMARY KEY (payout_id, kind)
  ) STRICT;

  CREATE TABLE merchants (id TEXT PRIMARY KEY, document TEXT NOT NULL) STRICT;
  CREATE TABLE keys (id TEXT PRIMARY KEY, merchant_id TEXT, hash TEXT NOT NULL UNIQUE, document TEXT NOT NULL) STRICT;
`;

/** What a test changes of a payout of schema 1; `attention` as its document has it. */
interface Schema1 {
  readonly state?: PayoutState;
  readonly attention?: readonly { readonly reason: string; readonly since: string; readonly message: string }[];
}

/** A payout as a program of the first version wrote it: one attempt in doubt, one that was accepted. */
function payoutOfSchema1(index: number, { state = 'IN_DOUBT', attention = [] }: Schema1) {
  const sentAt = { startedAt: '2026-07-01T12:00:00.000Z', vendorCode: null, vendorMessage: null };
  const attempt = { provider: 'ALPHA', account: 'default', fingerprint: 'project-1', bodyDigest: 'b1' };
  return {
    schema: 1,
    id: `po_${index}`,
    merchantId: MERCHANT,
    reference: `order ${index}`,
    version: 3,
    sequence: 1,
    state,
    told: state,
    order: {
      amount: { amount: '12.50', currency: 'USDT' },
      feeMode: 'ADD',
      destination: { kind: 'blockchain', address: 'TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t', network: 'TRON', memo: null },
      sourceCurrency: null,
      description: null,
    },
    metadata: [],
    sendBefore: null,
    inputDigests: { amount: 'a1', destination: 'd1' },
    provider: 'ALPHA',
    account: 'default',
    attempts: [
      {
        number: 1,
        ...attempt,
        orderNumber: `ORDER1OF${index}`,
        providerReference: null,
        sends: [{ number: 1, kind: 'SUBMIT', outcome: 'UNKNOWN', endedAt: '2026-07-01T12:00:01.000Z', ...sentAt }],
        report: null,
        mismatched: false,
      },
      {
        number: 2,
        ...attempt,
        orderNumber: `ORDER2OF${index}`,
        providerReference: 'theirs',
        sends: [{ number: 1, kind: 'SUBMIT', outcome: 'ACCEPTED', endedAt: '2026-07-01T12:00:02.000Z', ...sentAt }],
        report: {
          state: 'PROCESSING',
          askedAt: '2026-07-01T12:00:02.000Z',
          vendorStatus: 'sending',
          vendorMessage: null,
          transactionHash: null,
          fees: [{ kind: 'NETWORK', amount: '1.0', currency: 'USDT' }],
          debits: [],
          received: null,
          moneyMoved: 'UNKNOWN',
          failure: null,
        },
        mismatched: false,
      },
    ],
    closure: null,
    attention,
    nextCheckAt: '2026-07-01T12:01:00.000Z',
    quietChecks: 0,
    lease: { owner: 'worker-7', fence: 3, until: '2026-07-01T12:00:30.000Z' },
    createdAt: '2026-07-01T12:00:00.000Z',
    updatedAt: '2026-07-01T12:00:00.000Z',
  };
}

/** The report in it, as this version has it. */
const REPORTED: AppliedReport = {
  state: 'PROCESSING',
  askedAt: afterNoon(2_000),
  vendorStatus: 'sending',
  vendorMessage: null,
  transactionHash: null,
  fees: [{ kind: 'NETWORK', amount: decimal('1.0'), currency: 'USDT' }],
  debits: [],
  received: null,
  moneyMoved: 'UNKNOWN',
  failure: null,
  allows: [],
};

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
    tamper('UPDATE store SET schema = 5');
    await assert.rejects(open(), refusal(/schema 5/));
    tamper('UPDATE store SET schema = 4');
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
    const position = await store.head(MERCHANT);
    tamper('DELETE FROM events');
    assert.equal(store.knows(position), false);
  });

  it('holds nothing any more of what was erased, dropped or put under another key, once it is closed', async () => {
    const store = await open();
    const payout = samplePayout({ state: 'COMPLETED' });
    await store.insert(payout, sampleEvent(payout));
    const words = ['short words', 'longer words '.repeat(2000)];
    const plain = (kind: string) => ({ keyId: '', bytes: Buffer.from(`${kind}: ${words.join()}`) });
    for (const kind of ['erased', 'dropped', 'moved']) await store.putSealed(payout.id, kind, plain(kind));
    const key = { payoutId: payout.id, kind: 'moved' };
    await store.resealed(key, plain('moved'), { keyId: 'first', bytes: randomBytes(26_000) });
    await store.dropSealed(payout.id, 'dropped');
    await store.close();
    assert.ok((await readFile(path)).includes('words'));

    const again = await open();
    await again.erase(MERCHANT, payout.id);
    await again.close();
    assert.ok(!(await readFile(path)).includes('words'));
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

  it('searches payouts, events, sealed records, batches and bulletins by an index in every statement', async () => {
    await open();
    const db = new DatabaseSync(path);
    for (const [name, sql] of Object.entries(STATEMENTS)) {
      const plan = db.prepare(`EXPLAIN QUERY PLAN ${sql}`).all();
      // What rouses is all of its own small index.
      const detail = plan.map((one) => String(one.detail)).filter((one) => !/INDEX batches_rousing$/.test(one));
      for (const line of detail) assert.doesNotMatch(line, /^SCAN (payouts|events|sealed|batches|bulletins)\b/, name);
    }
    db.close();
  });

  it('sorts neither due payouts nor pages: an index has them in order', async () => {
    await open();
    const db = new DatabaseSync(path);
    const pages = ['pageForward', 'pageBackward', 'pageOfBatchForward', 'pageOfBatchBackward'] as const;
    for (const name of ['due', 'eventsOfMerchant', 'attention', 'attentionOfMerchant', ...pages] as const) {
      const plan = db.prepare(`EXPLAIN QUERY PLAN ${STATEMENTS[name]}`).all();
      for (const { detail } of plan) assert.doesNotMatch(String(detail), /TEMP B-TREE/, name);
    }
    db.close();
  });

  it('counts a queue, and a batch, from an index alone', async () => {
    await open();
    const db = new DatabaseSync(path);
    for (const name of ['queue', 'queueOfMerchant', 'batchCounts'] as const) {
      const [step] = db.prepare(`EXPLAIN QUERY PLAN ${STATEMENTS[name]}`).all();
      assert.match(String(step?.detail), /^SEARCH payouts USING COVERING INDEX/, name);
    }
    db.close();
  });

  describe('with a payout that cannot be decoded', () => {
    const request = { providers: new Map([[ALPHA, 2]]), states: ['QUEUED'], leaseMs: 30_000, owner: 'one' } as const;

    it('leases the others, tells of it without its content, and tries again in an hour', async () => {
      const told: { id: string; message: string }[] = [];
      const store = await open({
        onUndecodable: (id, error) => told.push({ id, message: error instanceof Error ? error.message : '' }),
      });
      const [damaged, foreign, undated] = [samplePayout(), samplePayout(), samplePayout()];
      const sound = samplePayout({ nextCheckAt: afterNoon(1) });
      for (const payout of [damaged, foreign, undated, sound]) await store.insert(payout, sampleEvent(payout));
      tamper(`UPDATE payouts SET document = 'confidential ' || document WHERE id = '${damaged.id}';
        UPDATE payouts SET document = json_set(document, '$.schema', 9) WHERE id = '${foreign.id}';
        UPDATE payouts SET document = json_set(document, '$.createdAt', 'confidential') WHERE id = '${undated.id}'`);

      const leased: string[] = [];
      for (let round = 0; round < 3; round += 1) {
        const payouts = await store.lease({ ...request, now: afterNoon(1) });
        leased.push(...payouts.map(({ id }) => id));
      }
      assert.deepEqual(leased, [sound.id]);
      const ids = [damaged.id, foreign.id, undated.id].sort();
      assert.deepEqual(told.map(({ id }) => id).sort(), ids);
      for (const { message } of told) assert.match(message, /^a stored record /);
      for (const { message } of told) assert.doesNotMatch(message, /confidential/);

      await store.lease({ ...request, now: afterNoon(60 * 60_000) });
      assert.equal(told.length, 3);
      await store.lease({ ...request, now: afterNoon(60 * 60_000 + 1) });
      assert.equal(told.length, 5);
    });

    it('leases it once its document is mended', async () => {
      const store = await open();
      const payout = samplePayout();
      await store.insert(payout, sampleEvent(payout));
      tamper(`UPDATE payouts SET document = '!' || document`);
      assert.deepEqual(await store.lease({ ...request, now: NOON }), []);
      tamper('UPDATE payouts SET document = substr(document, 2)');
      const [leased] = await store.lease({ ...request, now: afterNoon(60 * 60_000) });
      assert.equal(leased?.id, payout.id);
    });
  });

  describe('of schema 1', () => {
    const SECRET = randomBytes(32);
    const EPOCH = randomBytes(8).toString('hex');

    /** Makes the file, with a payout for each change of the document, at `NOON` and so many milliseconds. */
    async function makeSchema1(changes: readonly Schema1[]): Promise<void> {
      await mkdir(join(folder, 'data'));
      const db = new DatabaseSync(path);
      db.exec(SCHEMA_1);
      db.prepare('INSERT INTO store VALUES (1, ?, ?, ?, 0, 0)').run('SANDBOX', EPOCH, SECRET);
      for (const [index, change] of changes.entries()) {
        const document = payoutOfSchema1(index, change);
        const { id, merchantId, reference, version, state, provider, nextCheckAt } = document;
        db.prepare('INSERT INTO payouts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)').run(
          ...[id, merchantId, reference, version, state, provider, 'USDT', NOON.getTime() + index],
          ...[Date.parse(nextCheckAt), JSON.stringify(document)],
        );
        const event = sampleEvent(samplePayout({ id: id as PayoutId, updatedAt: afterNoon(index) }));
        db.prepare('INSERT INTO events VALUES (NULL, ?, ?, 1, ?, ?)').run(
          ...[event.id, id, merchantId, JSON.stringify(event)],
        );
        db.prepare('INSERT INTO sealed VALUES (?, ?, ?)').run(id, 'body:b1', Buffer.from(`body ${index}`));
      }
      db.close();
    }

    const schemaOf = (file: string): unknown => {
      const db = new DatabaseSync(file);
      const rows = db.prepare('SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY name').all();
      db.close();
      return rows.map((row) => ({ ...row }));
    };

    it('is brought up with everything in it, and what payouts lacked is filled in', async () => {
      await makeSchema1([{}]);
      const store = await open();
      const payout = await store.byReference(MERCHANT, 'order 0');
      assert.ok(payout);
      const send = { kind: 'SUBMIT', request: null, startedAt: NOON, vendorCode: null, vendorMessage: null } as const;
      assert.deepEqual(payout, {
        ...samplePayout({ reference: 'order 0', state: 'IN_DOUBT', told: 'IN_DOUBT', version: 3 }),
        id: 'po_0' as PayoutId,
        autoConfirm: true,
        parties: null,
        requests: [],
        nextCheckAt: afterNoon(60_000),
        lease: { owner: 'worker-7', fence: 3, until: afterNoon(30_000) },
        attempts: [
          sampleAttempt({
            orderNumber: 'ORDER1OF0',
            sends: [{ ...send, number: 1, outcome: 'UNKNOWN', endedAt: afterNoon(1_000) }],
          }),
          sampleAttempt({
            number: 2,
            orderNumber: 'ORDER2OF0',
            providerReference: 'theirs',
            sends: [{ ...send, number: 1, outcome: 'ACCEPTED', endedAt: afterNoon(2_000) }],
            report: REPORTED,
          }),
        ],
      } satisfies Payout);
      assert.deepEqual(store.secret, SECRET);
      assert.deepEqual(await store.getSealed(payout.id, 'body:b1'), { keyId: '', bytes: Buffer.from('body 0') });
      assert.equal((await store.sealedUnderOtherKeys('new', 10)).length, 1);
      const before = `${EPOCH}.0` as Position;
      assert.equal(store.knows(before), true);
      const { events } = await store.events(before, { merchantId: MERCHANT }, 10);
      assert.deepEqual(
        events.map(({ event }) => event.payoutId),
        [payout.id],
      );
      assert.equal(await store.commit(nextVersion(payout), null), 'committed');
    });

    it('lists what needs a person, and counts what is queued, as if it had always done so', async () => {
      const late = [{ reason: 'OVERDUE', since: afterNoon(-5).toISOString(), message: 'late' }];
      await makeSchema1([{}, { state: 'PROCESSING', attention: late }, { state: 'QUEUED' }, { state: 'COMPLETED' }]);
      const store = await open();
      const listed = await store.attention({ merchantId: MERCHANT, limit: 10, after: null });
      assert.deepEqual(
        listed.map(({ id }) => id),
        ['po_1', 'po_0'],
      );
      assert.deepEqual(await store.queue(ALPHA, null), { count: 1, oldestAt: afterNoon(2) });
    });

    it('has the tables and indexes of a new one afterwards', async () => {
      await makeSchema1([{}]);
      await (await open()).close();
      const migrated = schemaOf(path);
      path = join(folder, 'new.db');
      await (await open()).close();
      assert.deepEqual(migrated, schemaOf(path));
    });

    it('is brought up as a whole or not at all', async () => {
      await makeSchema1([{}]);
      tamper('CREATE INDEX payouts_queued ON payouts (provider)');
      const before = schemaOf(path);
      await assert.rejects(open(), refusal(/cannot be opened: .*payouts_queued/));
      assert.deepEqual(schemaOf(path), before);
      tamper('DROP INDEX payouts_queued');
      assert.ok(await (await open()).byReference(MERCHANT, 'order 0'));
    });

    it('is brought up by a command too, but never under a server that owns it', async () => {
      await makeSchema1([{}]);
      const before = schemaOf(path);
      const server = new DatabaseSync(`${path}-owner`);
      server.exec('BEGIN EXCLUSIVE');
      await assert.rejects(open({ exclusive: false }), refusal(/another process owns/));
      assert.deepEqual(schemaOf(path), before);
      server.close();
      const command = await open({ exclusive: false });
      assert.ok(await command.byReference(MERCHANT, 'order 0'));
      await open();
    });

    it('was never put back', async () => {
      await makeSchema1([{}]);
      const store = await open();
      assert.equal(store.restored, null);
      assert.equal((await store.byReference(MERCHANT, 'order 0'))?.generation, 0);
    });

    it('is brought up also where a document is damaged', async () => {
      await makeSchema1([{}, {}, {}]);
      tamper(`UPDATE payouts SET document = 'damaged' WHERE id = 'po_0';
        UPDATE payouts SET document = '{"schema":1,"attention":[{}]}' WHERE id = 'po_1'`);
      const store = await open();
      const listed = await store.attention({ merchantId: null, limit: 10, after: null });
      assert.deepEqual(
        listed.map(({ id }) => id),
        ['po_2'],
      );
    });
  });

  /** Makes payouts those of schema 3, with one attempt at most. */
  const TO_SCHEMA_3 = `UPDATE payouts SET document = json_set(json_remove(document, '$.route', '$.failover',
    '$.heldPrice', '$.batch', '$.parked', '$.attempts[0].doubted'), '$.schema', 3)`;

  it('reads a payout of schema 2, which no store that was put back has written', async () => {
    const store = await open();
    const payout = samplePayout();
    await store.insert(payout, sampleEvent(payout));
    tamper(TO_SCHEMA_3);
    tamper("UPDATE payouts SET document = json_set(json_remove(document, '$.generation'), '$.schema', 2)");
    assert.deepEqual(await store.byReference(MERCHANT, payout.reference), payout);
  });

  it('brings up a store of schema 3, whose payouts are in no batch and went to one account', async () => {
    const older = await open();
    const payout = samplePayout({ attempts: [sampleAttempt()], state: 'SUBMITTING', generation: 2 });
    await older.insert(payout, sampleEvent(payout));
    await older.close();
    tamper(TO_SCHEMA_3);
    tamper(`DROP TABLE batches; DROP TABLE bulletins; DROP INDEX payouts_by_batch; DROP INDEX payouts_parked;
      ALTER TABLE payouts DROP COLUMN batch_id; ALTER TABLE payouts DROP COLUMN parked; UPDATE store SET schema = 3`);
    const store = await open();
    const [filled] = await store.lease({
      providers: new Map([[ALPHA, 1]]),
      states: ['SUBMITTING'],
      now: NOON,
      leaseMs: 1,
      owner: 'one',
    });
    assert.ok(filled);
    assert.deepEqual({ ...filled, version: 1, lease: null }, payout);
    const batch = await store.insertBatch(sampleBatch());
    const fresh = samplePayout({ batch: batch.id });
    await store.insert(fresh, sampleEvent(fresh));
    const counts = await store.batchCounts(MERCHANT, batch.id);
    assert.deepEqual(counts, [{ state: 'QUEUED', parked: false, count: 1 }]);
  });

  it('has lost time since its last event also where the clock was set back before it', async () => {
    const store = await open();
    const [early, late] = [samplePayout({ updatedAt: afterNoon(5000) }), samplePayout({ updatedAt: afterNoon(1000) })];
    for (const payout of [early, late]) await store.insert(payout, sampleEvent(payout));
    assert.deepEqual((await store.restore()).lostSince, afterNoon(1000));
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
      const { events } = await store.events(null, { merchantId: MERCHANT }, 10);
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
        store.putSealed(before.id, kind, { keyId: 'first', bytes: Buffer.from('x') }),
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
