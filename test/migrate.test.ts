import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, describe, test } from 'node:test';
import { MongoClient } from 'mongodb';
import type { BatchId, PayoutBatch } from '../src/domain/batch.ts';
import { StartupError } from '../src/domain/errors.ts';
import type { MerchantId } from '../src/domain/merchant.ts';
import { isFinal, type Payout, type PayoutEvent, type PayoutId } from '../src/domain/payout.ts';
import type { ProviderId } from '../src/domain/provider.ts';
import type { BatchCount, Environment, PageQuery, Position, Store } from '../src/domain/store.ts';
import { createFeed } from '../src/feed.ts';
import { sides } from '../src/providers/sandboxes.ts';
import { type Comparison, move, type Source, type Target } from '../src/storage/archive.ts';
import { openMongoTarget } from '../src/storage/mongo/archive.ts';
import { createFormer, loggedAtOf, readFormerPosition } from '../src/storage/mongo/former.ts';
import { openMongo } from '../src/storage/mongo/store.ts';
import { openSqlite } from '../src/storage/sqlite.ts';
import { openSqliteSource } from '../src/storage/sqlite-archive.ts';
import { createManualClock } from './support/clock.ts';
import { silentLog } from './support/log.ts';
import { mongodb } from './support/mongodb.ts';
import {
  afterNoon,
  decimal,
  fullPayout,
  NOON,
  nextStep,
  nextVersion,
  sampleAttempt,
  sampleBatch,
  sampleEvent,
  sampleKey,
  sampleMerchant,
  samplePayout,
} from './support/payouts.ts';
import { openPlace, type Place, type Program } from './support/program.ts';
import { ACTOR, openWorld, reservePort } from './support/world.ts';
import { PLAIN } from './support/write-side.ts';

const MERCHANT = 'me_sample' as MerchantId;
const ALPHA = 'ALPHA' as ProviderId;
const FOREVER = { after: 0, before: Number.MAX_SAFE_INTEGER, limit: 1000, last: false };
const RUNTIME = { now: () => NOON, random: randomBytes };

const server = await mongodb();
const skip = server === null ? 'there is no MongoDB server' : false;

/** A database that is there for one test. */
function database(): string {
  assert.ok(server);
  return server.url(`migrate-${randomBytes(6).toString('hex')}`);
}

const folder = await mkdtemp(join(tmpdir(), 'outflow-migrate-'));
after(async () => {
  for (const store of opened) await store.close();
  await rm(folder, { recursive: true, force: true });
});

function freshPath(): string {
  return join(folder, `${randomBytes(6).toString('hex')}.db`);
}

/** Closed at the end where a test did not: closing twice is closing once. */
const opened: Store[] = [];

async function openEmbedded(path: string, exclusive = true): Promise<Store> {
  const store = await openSqlite({ ...RUNTIME, path, environment: 'SANDBOX', exclusive });
  opened.push(store);
  return store;
}

async function openShared(url: string): Promise<Store> {
  const store = await openMongo({ ...RUNTIME, url, environment: 'SANDBOX', maxSkewMs: null });
  opened.push(store);
  return store;
}

const openSource = (path: string, environment: Environment = 'SANDBOX'): Source =>
  openSqliteSource({ ...RUNTIME, path, environment });
const openTarget = (url: string): Promise<Target> => openMongoTarget({ ...RUNTIME, url });

/** Moves the store of a file to a database; `through` may stand between the move and its target. */
async function moved(
  path: string,
  url: string,
  through: (target: Target) => Target = (target) => target,
): Promise<readonly Comparison[] | null> {
  const source = openSource(path);
  try {
    const target = await openTarget(url);
    return await move(source, through(target), () => undefined).finally(() => target.close());
  } finally {
    source.close();
  }
}

function refusal(pattern: RegExp): (error: unknown) => true {
  return (error) => {
    assert.ok(error instanceof StartupError, String(error));
    assert.match(error.message, pattern);
    assert.doesNotMatch(error.message, /\n/);
    return true;
  };
}

// --- a store with a life behind it -----------------------------------------------------------------------------------------

/** Payouts of every kind that a store has to keep, with what is beside them, on top of what the store has. */
async function fill(store: Store, count: number): Promise<void> {
  const merchants = [sampleMerchant({ id: MERCHANT }), sampleMerchant()];
  for (const merchant of merchants) await store.insertMerchant(merchant);
  const keys = [sampleKey(), sampleKey({ merchantId: null }), sampleKey({ merchantId: merchants[1]?.id ?? null })];
  for (const key of keys) await store.insertKey(key);
  if (keys[0]) await store.revokeKey(keys[0].id, afterNoon(5));
  const batches = merchants.map(({ id: merchantId }) => sampleBatch({ merchantId }));
  for (const batch of batches) await store.insertBatch(batch);
  const [paused] = batches;
  if (paused)
    await store.commitBatch({ ...paused, version: 2, wish: 'PAUSED', rousing: true, updatedAt: afterNoon(9) });
  const full = fullPayout();
  await store.insert(full, sampleEvent(full, { note: '“备注” \\ \u0000', vendorStatus: '$state' }));
  await Promise.all(Array.from({ length: count }, (_, index) => live(store, index, batches)));
  const lease = { providers: new Map([[ALPHA, 5]]), states: ['QUEUED'] as const, now: afterNoon(1), leaseMs: 30_000 };
  assert.ok((await store.lease({ ...lease, owner: 'worker-1' })).length > 0);
}

/** A payout of a kind that follows from its number. Its clock is set back now and then. */
async function live(store: Store, index: number, batches: readonly PayoutBatch[]): Promise<void> {
  const batch = batches[index % batches.length];
  assert.ok(batch);
  let payout = samplePayout({
    merchantId: batch.merchantId,
    batch: index % 4 < 2 ? batch.id : null,
    parked: index % 8 < 2,
    createdAt: afterNoon(index % 50),
    metadata: [{ key: '$x', value: `${index}` }],
  });
  await store.putSealed(payout.id, 'parties:1', { keyId: index % 3 === 0 ? '' : 'first', bytes: randomBytes(40) });
  await store.insert(payout, sampleEvent(payout));
  for (let step = 0; step < index % 5; step += 1) {
    const attempts = [sampleAttempt({ providerReference: step > 1 ? `reference/${index} "€"` : null })];
    const since = afterNoon(index);
    payout = nextStep(payout, {
      state: step > 2 ? 'COMPLETED' : 'PROCESSING',
      attempts: payout.attempts.length > 0 ? payout.attempts.map((one) => ({ ...one, exists: true })) : attempts,
      attention: index % 7 === 0 ? [{ reason: 'CONTRADICTED', since, message: 'it changed its mind' }] : [],
      nextCheckAt: step > 2 ? null : afterNoon(index),
    });
    const at = afterNoon(step % 2 === 0 ? index * 10 : -step * 1000);
    assert.equal(await store.commit(payout, sampleEvent(payout, { at })), 'committed');
    const key = { payoutId: payout.id, attempt: 1 };
    await store.claimReference(ALPHA, 'project/1', `["reference", ${index}] ключ`, key);
  }
  const quiet = nextVersion(payout, { quietChecks: index });
  assert.equal(await store.commit(quiet, null), 'committed');
  if (index % 50 === 0)
    await store.putSealed(payout.id, 'document:2', { keyId: 'first', bytes: randomBytes(1_500_000) });
}

// --- reading two stores ----------------------------------------------------------------------------------------------------

async function everyPayout(store: Store, merchantId: MerchantId, filter: PageQuery['filter'] = {}): Promise<Payout[]> {
  const found: Payout[] = [];
  for (let from: PageQuery['from'] = null; ; ) {
    const page = await store.page({ merchantId, filter, limit: 40, direction: 'forward', from, until: null });
    found.push(...page.payouts);
    const last = page.payouts.at(-1);
    if (!page.more || last === undefined) return found;
    from = { createdAt: last.createdAt, id: last.id };
  }
}

/** Everything after a position, each event once. */
async function drain(store: Store, merchantId: MerchantId, after: Position | null): Promise<Map<string, PayoutEvent>> {
  const events = new Map<string, PayoutEvent>();
  for (let from = after; ; ) {
    const page = await store.events(from, { merchantId }, 100);
    for (const { event } of page.events) events.set(event.id, event);
    from = page.position;
    if (!page.more) return events;
  }
}

async function everyAttention(store: Store, merchantId: MerchantId | null): Promise<Payout[]> {
  const found: Payout[] = [];
  for (;;) {
    const last = found.at(-1);
    const since = last?.attention.map((one) => one.since).sort((a, b) => a.getTime() - b.getTime())[0];
    const after = last && since ? { since, id: last.id } : null;
    const page = await store.attention({ merchantId, limit: 7, after });
    found.push(...page);
    if (page.length < 7) return found;
  }
}

const byId = <T extends { readonly id: string }>(some: Iterable<T>): T[] =>
  [...some].sort((a, b) => (a.id < b.id ? -1 : 1));

/** Whether two stores answer the same to everything that one can ask. */
async function assertSame(before: Store, now: Store): Promise<number> {
  assert.equal(now.environment, before.environment);
  assert.deepEqual(now.restored, before.restored);
  assert.ok(now.secret.equals(before.secret));
  const merchants = await before.merchants();
  assert.deepEqual(await now.merchants(), merchants);
  const same = async <T>(ask: (store: Store) => Promise<T>): Promise<T> => {
    const answer = await ask(before);
    assert.deepEqual(await ask(now), answer);
    return answer;
  };
  let payouts = 0;
  for (const merchantId of [null, ...merchants.map(({ id }) => id)]) {
    const keys = await same((store) => store.keys(merchantId));
    for (const { hash } of keys) await same((store) => store.keyByHash(hash));
    await same((store) => everyAttention(store, merchantId));
    for (const provider of [ALPHA, ...sides.map(({ slug }) => slug.toUpperCase() as ProviderId)]) {
      await same((store) => store.queue(provider, merchantId));
    }
    if (merchantId === null) continue;
    const every = await same((store) => everyPayout(store, merchantId));
    for (const payout of every) await assertSamePayout(same, payout);
    for (const id of new Set(every.map(({ batch }) => batch))) {
      if (id !== null) await assertSameBatch(same, merchantId, id);
    }
    payouts += every.length;
    await same((store) => everyPayout(store, merchantId, { states: ['PROCESSING', 'QUEUED'], providers: [ALPHA] }));
    await same(async (store) => byId((await drain(store, merchantId, null)).values()));
  }
  await same(async (store) => byId(await store.rousingBatches(100)));
  const sealed = await same(async (store) =>
    (await store.sealedUnderOtherKeys('none', 10_000))
      .map((one) => ({ ...one, id: `${one.payoutId}${one.kind}` }))
      .sort((a, b) => (a.id < b.id ? -1 : 1)),
  );
  assert.ok(sealed.length > 0);
  for (const { payoutId, kind } of sealed) await same((store) => store.getSealed(payoutId, kind));
  return payouts;
}

async function assertSamePayout(
  same: <T>(ask: (store: Store) => Promise<T>) => Promise<T>,
  { id, merchantId, reference, attempts }: Payout,
): Promise<void> {
  await same((store) => store.payouts(merchantId, [id]));
  await same((store) => store.byReference(merchantId, reference));
  const events = await same(async (store) =>
    (await store.payoutEvents(merchantId, id, FOREVER)).map(({ event }) => event),
  );
  for (const event of events) await same(async (store) => (await store.event(merchantId, event.id))?.event);
  for (const { provider, account, orderNumber, providerReference } of attempts) {
    await same((store) => store.findByOrder(provider, account, { orderNumber, providerReference: null }));
    if (providerReference === null) continue;
    await same((store) => store.findByOrder(provider, account, { orderNumber: null, providerReference }));
  }
}

async function assertSameBatch(
  same: <T>(ask: (store: Store) => Promise<T>) => Promise<T>,
  merchantId: MerchantId,
  id: BatchId,
): Promise<void> {
  await same((store) => store.batch(merchantId, id));
  const name = ({ state, parked }: BatchCount): string => `${state} ${parked}`;
  await same(async (store) =>
    (await store.batchCounts(merchantId, id)).toSorted((a, b) => (name(a) < name(b) ? -1 : 1)),
  );
  await same((store) => everyPayout(store, merchantId, { batch: id }));
  await same(async (store) => byId(await store.parked(merchantId, id, 1000)));
}

/** What changes a store, so that it comes last: who has a reference, and what is due. */
async function assertSameClaims(path: string, before: Store, now: Store): Promise<void> {
  const db = new DatabaseSync(path);
  const claims = db.prepare('SELECT * FROM claims').all();
  db.close();
  assert.ok(claims.length > 0);
  for (const { provider, fingerprint, reference, payout_id: payoutId, attempt } of claims) {
    const words = [provider as ProviderId, String(fingerprint), String(reference)] as const;
    const own = { payoutId: payoutId as PayoutId, attempt: Number(attempt) };
    assert.equal(await now.claimReference(...words, own), true);
    assert.equal(await now.claimReference(...words, { ...own, attempt: 99 }), false);
  }
  const leased = [before, now].map(async (store) => {
    const request = { providers: new Map([[ALPHA, 1000]]), now: afterNoon(20_000), leaseMs: 1000, owner: 'worker-2' };
    return byId(await store.lease({ ...request, states: ['QUEUED', 'PROCESSING'] }));
  });
  const [one, two] = await Promise.all(leased);
  assert.ok(one && one.length > 0);
  assert.deepEqual(two, one);
}

// --- tests ---------------------------------------------------------------------------------------------------------------

describe('a store that is moved to MongoDB', { skip, timeout: 300_000 }, () => {
  test('answers the same to everything that can be asked, and the old file is not opened any more', async () => {
    const path = freshPath();
    const url = database();
    const store = await openEmbedded(path);
    await fill(store, 200);
    await store.close();
    const copy = freshPath();
    await copyFile(path, copy);
    const compared = await moved(path, url);
    assert.deepEqual(
      compared?.map(({ source }) => source.kind),
      ['MERCHANT', 'KEY', 'BATCH', 'PAYOUT', 'SEALED', 'CLAIM', 'EVENT'],
    );
    for (const { source, target } of compared ?? []) {
      assert.ok(source.count > 0, source.kind);
      assert.deepEqual(target, source);
    }
    const before = await openEmbedded(copy);
    const now = await openShared(url);
    assert.equal(await assertSame(before, now), 201);
    await assertSameClaims(copy, before, now);
    await assert.rejects(openEmbedded(path), refusal(/was moved to MongoDB, and goes on there: set MONGODB_URL/));
    await assert.rejects(openEmbedded(path, false), refusal(/was moved to MongoDB/));
  });

  test('gives its log to whoever comes with a cursor of before, and leaves nothing out', async (t) => {
    const path = freshPath();
    const url = database();
    const store = await openEmbedded(path);
    await fill(store, 60);
    const every = { merchantId: MERCHANT };
    const positions: (Position | null)[] = [null];
    for (let from: Position | null = null; ; ) {
      const page = await store.events(from, every, 1);
      from = page.position;
      positions.push(from);
      if (!page.more) break;
    }
    const expected = new Map<Position | null, string[]>();
    for (const position of positions) expected.set(position, [...(await drain(store, MERCHANT, position)).keys()]);
    const end = await store.head(MERCHANT);
    const cursor = await createFeed({ store, clock: createManualClock(), log: silentLog }).head(MERCHANT);
    await store.close();
    await moved(path, url);
    const now = await openShared(url);
    for (const [position, ids] of expected) {
      assert.ok(position === null || now.knows(position));
      const given = await drain(now, MERCHANT, position);
      assert.deepEqual(
        ids.filter((id) => !given.has(id)),
        [],
      );
    }
    const feed = createFeed({ store: now, clock: createManualClock(), log: silentLog });
    t.after(() => feed.close());
    assert.ok(feed.parseCursor(cursor));
    assert.equal((await drain(now, MERCHANT, end)).size, 0);
    const fresh = samplePayout();
    await now.insert(fresh, sampleEvent(fresh));
    assert.deepEqual([...(await drain(now, MERCHANT, end)).keys()], [sampleEvent(fresh).id]);
    const [epoch] = end.split('.');
    for (const stranger of [`${epoch}.zzzzz`, `${'0'.repeat(16)}.1`, `${epoch}.`, `${epoch}.01`, '']) {
      assert.equal(now.knows(stranger), false, stranger);
    }
    await now.restore();
    const restored = await openShared(url);
    assert.equal(restored.knows(end), false);
  });

  test('goes on with what waited in it, and each payout is paid once', async (t) => {
    const dir = await mkdtemp(join(folder, 'world-'));
    const url = database();
    const clock = createManualClock();
    const env = { DATA_DIR: dir, PORT: String(await reservePort()) };
    const standIn = { settleMs: 60_000 };
    const references = Array.from({ length: 12 }, (_, index) => `order-${index}`);
    const life = await openWorld(env, { clock, standIn });
    const { merchantId } = life;
    const made: Payout[] = [];
    for (const { slug, sample } of sides) {
      for (const reference of references) {
        const provider = slug.toUpperCase() as ProviderId;
        const words = { ...PLAIN, reference: `${slug}-${reference}`, ...sample(decimal('20.00')), provider };
        const result = await life.payouts.create(merchantId, ACTOR, words);
        assert.ok(result.kind === 'created', JSON.stringify(result));
        made.push(result.payout);
      }
      // Some are over by now, some under way, and the last ones wait.
      await life.pass(30_000);
    }
    await life.worker.stop();
    const waiting = await life.create('oxapay', '7.00', { reference: 'waiting' });
    assert.equal((await life.payout(waiting)).state, 'QUEUED');
    await life.close();

    await moved(join(dir, 'outflow.db'), url);
    const next = await openWorld({ ...env, MONGODB_URL: url }, { clock, standIn });
    t.after(() => next.close());
    for (const payout of [waiting, ...made]) {
      const over = await next.until(payout, ['COMPLETED', 'FAILED', 'CANCELLED', 'RETURNED'], 48 * 3_600_000);
      assert.ok(isFinal(over.state));
      assert.equal(next.orders(over).length, 1, `${over.provider} ${over.reference}`);
      const sequences = (await next.events(over)).map(({ sequence }) => sequence);
      assert.deepEqual(
        sequences,
        sequences.map((_, index) => index + 1),
      );
    }
    const { reference, order, provider, sendBefore, autoConfirm, metadata } = waiting;
    const same = { ...PLAIN, reference, order, provider, sendBefore, autoConfirm, metadata };
    const again = await next.payouts.create(merchantId, ACTOR, same);
    assert.ok(again.kind === 'created' && again.replayed, JSON.stringify(again));
    assert.equal(next.sandbox?.books().length, made.length + 1);
  });

  test('takes along that it was put back', async () => {
    const path = freshPath();
    const url = database();
    const store = await openEmbedded(path);
    await fill(store, 3);
    const restored = await store.restore();
    await store.close();
    await moved(path, url);
    const now = await openShared(url);
    assert.deepEqual(now.restored, restored);
  });
});

describe('a move that is broken off', { skip, timeout: 300_000 }, () => {
  test('ends the same once it is run again, wherever that was; at no moment are both stores open to anyone', async () => {
    const path = freshPath();
    const url = database();
    const store = await openEmbedded(path);
    await fill(store, 30);
    await store.close();
    let breaks = 0;
    // Before the first call nothing was begun.
    for (let moment = 2; ; moment += 1) {
      const done = await moved(path, url, (target) => breaking(target, moment)).catch((error: unknown) => {
        assert.ok(error instanceof BrokenOff, String(error));
        return undefined;
      });
      if (done !== undefined) break;
      breaks += 1;
      const [embedded, shared] = [await opens(openEmbedded(path)), await opens(openShared(url))];
      assert.equal(embedded && shared, false);
      if (embedded && moment % 5 === 0) await goOn(path, moment);
    }
    assert.ok(breaks > 20, `${breaks}`);
    const copy = freshPath();
    await copyFile(path, copy);
    release(copy);
    const [before, now] = [await openEmbedded(copy), await openShared(url)];
    await assertSame(before, now);
    await assertSameClaims(copy, before, now);
  });

  test('by SIGKILL leaves a database that no server starts on, and the command ends it', async (t) => {
    const place = await openPlace(t);
    const path = join(place.dir, 'outflow.db');
    const MONGODB_URL = database();
    const store = await openEmbedded(path);
    await fill(store, 120);
    await store.close();
    const copy = freshPath();
    await copyFile(path, copy);

    const words = ['migrate', '--from', `sqlite:${path}`, '--to', MONGODB_URL];
    const first = place.outflow(words);
    await first.until(/keys: 0 of 3/);
    first.signal('SIGKILL');
    assert.equal(await first.ended, null);
    assert.match(
      await refused(place, ['serve'], { MONGODB_URL }),
      /^the move of a store .* run outflow migrate again$/,
    );

    const second = place.outflow(words);
    assert.equal(await second.ended, 0, second.errors());
    assert.match(second.output(), /^payouts {6,}121 {2}[0-9a-f]{64}$/m);
    const third = place.outflow(['migrate', '--from', `sqlite:${path}`], { MONGODB_URL });
    assert.equal(await third.ended, 0, third.errors());
    assert.match(third.output(), /^This store was moved there before; nothing was changed\.\n$/);
    await refused(place, ['migrate', '--from', `sqlite:${path}`, '--to', database()]);

    const [before, now] = [await openEmbedded(copy), await openShared(MONGODB_URL)];
    assert.equal(await assertSame(before, now), 121);
  });

  test('ends by naming what differs, where the database was changed beside it', async (t) => {
    const path = freshPath();
    const url = database();
    const store = await openEmbedded(path);
    await fill(store, 5);
    const [payout] = await everyPayout(store, MERCHANT);
    assert.ok(payout);
    await store.close();
    const client = new MongoClient(url);
    t.after(() => client.close());
    const payouts = client.db().collection<{ readonly _id: string }>('payouts');
    const spoil = (target: Target): Target =>
      watched(target, async (name) => {
        if (name === 'read') await payouts.updateOne({ _id: payout.id }, { $set: { quietChecks: 77 } });
      });
    const words = new RegExp(
      `^the stores differ in their payouts \\(6 in the source, 6 in the target\\), first at ${payout.id}: `,
    );
    await assert.rejects(moved(path, url, spoil), refusal(words));
    await (await openEmbedded(path)).close();
    await assert.rejects(openShared(url), refusal(/not finished/));
    assert.ok(await moved(path, url));
  });
});

describe('a move is refused', { skip, timeout: 120_000 }, () => {
  async function small(): Promise<string> {
    const path = freshPath();
    const store = await openEmbedded(path);
    await fill(store, 5);
    await store.close();
    return path;
  }

  test('while a server owns the source', async () => {
    const path = await small();
    await openEmbedded(path);
    await assert.rejects(moved(path, database()), refusal(/another process owns the store/));
  });

  test('from a file that is not there, or belongs to the other mode', async () => {
    await assert.rejects(moved(freshPath(), database()), refusal(/^there is no store/));
    const path = await small();
    assert.throws(() => openSource(path, 'LIVE'), refusal(/belongs to SANDBOX and was opened for LIVE/));
  });

  test('into a database that has a store, or anything else, which stays as it was', async (t) => {
    const path = await small();
    const taken = database();
    await (await openShared(taken)).close();
    await assert.rejects(moved(path, taken), refusal(/the database has a store already/));
    await (await openShared(taken)).close();
    const strange = database();
    const client = new MongoClient(strange);
    t.after(() => client.close());
    await client.db().collection('keys').insertOne({ song: 'piano' });
    await assert.rejects(moved(path, strange), refusal(/has something else in it, as keys/));
    assert.equal(await client.db().collection('meta').countDocuments(), 0);
  });

  test('into a database that another store is being moved to, or was', async () => {
    const [one, two] = [await small(), await small()];
    const url = database();
    await assert.rejects(
      moved(one, url, (target) => breaking(target, 6)),
      BrokenOff,
    );
    await assert.rejects(moved(two, url), refusal(/another store is being moved to the database/));
    assert.ok(await moved(one, url));
    await assert.rejects(moved(two, url), refusal(/the database has a store already/));
    assert.equal(await moved(one, url), null);
  });

  test('to a second database, also where it was begun there first', async () => {
    const path = await small();
    const [first, second] = [database(), database()];
    await assert.rejects(
      moved(path, first, (target) => breaking(target, 10)),
      BrokenOff,
    );
    assert.ok(await moved(path, second));
    for (const url of [first, database()]) {
      await assert.rejects(moved(path, url), refusal(/was moved to another database already/));
    }
    await assert.rejects(openShared(first), refusal(/not finished/));
  });

  test('of what it cannot read, by its id, and the source is served as before', async () => {
    const path = await small();
    const db = new DatabaseSync(path);
    const id = db.prepare('SELECT id FROM payouts ORDER BY id LIMIT 1').get()?.id;
    db.prepare('DELETE FROM events WHERE payout_id = ?').run(String(id));
    db.close();
    await assert.rejects(moved(path, database()), refusal(new RegExp(`the payout ${id} cannot be moved`)));
    await (await openEmbedded(path)).close();
  });

  test('with words that name no store, in one line', async (t) => {
    const place = await openPlace(t);
    assert.match(await refused(place, ['migrate']), /--from sqlite:PATH/);
    assert.match(await refused(place, ['migrate', '--from', 'postgres:x']), /--from sqlite:PATH/);
    assert.match(await refused(place, ['migrate', '--from', 'sqlite:x']), /--to URL, or MONGODB_URL/);
    assert.match(
      await refused(place, ['migrate', '--from', 'sqlite:x', '--to', 'http://open-sesame@x']),
      / is not mongodb:/,
    );
    assert.doesNotMatch(
      await refused(place, ['migrate', '--from', 'sqlite:x', '--to', 'http://open-sesame@x']),
      /sesame/,
    );
  });
});

describe('a position of before', () => {
  test('leads to a place that no later event was logged before, in logs of any length and with any clock', () => {
    const begunAt = NOON.getTime();
    for (const last of [0, 1, 2, 4095, 4096, 4097, 20_000]) {
      const former = createFormer(last, begunAt);
      const loggedAt: number[] = [];
      const payouts = new Map<number, { sequence: number; loggedAt: number }>();
      for (let row = 1; row <= last; row += 1) {
        const payout = Math.floor(Math.random() * 50);
        const { sequence, loggedAt: previous } = payouts.get(payout) ?? { sequence: 0, loggedAt: 0 };
        const at = begunAt + Math.floor((Math.random() - 0.9) * 1_000_000);
        const now = loggedAtOf(at, sequence + 1, previous, begunAt);
        assert.ok(now > previous && now < begunAt);
        payouts.set(payout, { sequence: sequence + 1, loggedAt: now });
        loggedAt[row] = now;
        former.add(row, at, sequence + 1);
      }
      const made = former.made();
      const epoch = 'ab'.repeat(8);
      let least = begunAt;
      for (let row = last; row >= 0; row -= 1) {
        const place = readFormerPosition(epoch, made, `${epoch}.${row.toString(36)}`);
        assert.ok(place && place.floor <= least, `${row} of ${last}`);
        least = Math.min(least, loggedAt[row] ?? least);
      }
      assert.equal(readFormerPosition(epoch, made, `${epoch}.${(last + 1).toString(36)}`), null);
    }
  });
});

// --- breaking off ----------------------------------------------------------------------------------------------------------

class BrokenOff extends Error {}

/** A target that is watched: `before` hears each call's name and number. */
function watched(
  target: Target,
  before: (name: string, call: number) => Promise<void>,
  after: (call: number) => void = () => undefined,
): Target {
  let calls = 0;
  return new Proxy(target, {
    get(whole, key) {
      const member: unknown = Reflect.get(whole, key);
      if (typeof member !== 'function' || !['begin', 'put', 'drop', 'read', 'finish'].includes(String(key)))
        return member;
      calls += 1;
      const call = calls;
      if (key === 'read') {
        return async function* read(...words: unknown[]) {
          await before('read', call);
          yield* member.apply(whole, words);
          after(call);
        };
      }
      return async (...words: unknown[]) => {
        await before(String(key), call);
        const answer: unknown = await member.apply(whole, words);
        after(call);
        return answer;
      };
    },
  });
}

/** A target that ends at a moment: before its first call (1), after it (2), before its second one (3), … */
function breaking(target: Target, moment: number): Target {
  const end = (now: number): void => {
    if (now === moment) throw new BrokenOff();
  };
  return watched(
    target,
    async (_, call) => end(call * 2 - 1),
    (call) => end(call * 2),
  );
}

/** Whether a store can be opened. */
async function opens(opening: Promise<Store>): Promise<boolean> {
  try {
    await (await opening).close();
    return true;
  } catch (error) {
    assert.ok(error instanceof StartupError, String(error));
    return false;
  }
}

/** The source goes on being served in between: it gets a payout, moves another, and forgets something. */
async function goOn(path: string, call: number): Promise<void> {
  const store = await openEmbedded(path);
  const fresh = samplePayout();
  await store.insert(fresh, sampleEvent(fresh));
  const [payout] = await everyPayout(store, MERCHANT, { states: ['QUEUED'] });
  assert.ok(payout);
  const after = nextStep(payout, { state: 'CANCELLED', nextCheckAt: null });
  assert.equal(await store.commit(after, sampleEvent(after, { at: afterNoon(call) })), 'committed');
  const [sealed] = await store.sealedUnderOtherKeys('none', 1);
  assert.ok(sealed);
  await store.dropSealed(sealed.payoutId, sealed.kind);
  await store.close();
}

/** Makes a copy of a store that was moved away one that can be read again. */
function release(path: string): void {
  const db = new DatabaseSync(path);
  db.exec('UPDATE store SET moved_to = NULL');
  db.close();
}

/** Waits for a command to refuse: exit code 1, and what it wrote to standard error. */
async function refused(
  place: Place,
  words: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const program: Program = place.outflow(words, env);
  assert.equal(await program.ended, 1, program.output());
  return program.errors().trimEnd();
}
