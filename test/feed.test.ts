import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { MerchantId } from '../src/domain/merchant.ts';
import type { Payout, PayoutEvent } from '../src/domain/payout.ts';
import type { EventPage, Ring, Store } from '../src/domain/store.ts';
import { createFeed, type Feed, type FeedEvent } from '../src/feed.ts';
import type { Log } from '../src/runtime.ts';
import { openSqlite } from '../src/storage/sqlite.ts';
import { createManualClock, type ManualClock } from './support/clock.ts';
import { runCrowd } from './support/crowd.ts';
import { silentLog } from './support/log.ts';
import { nextStep, sampleEvent, samplePayout } from './support/payouts.ts';

// What subscribers see over sockets is in api-listen.test.ts; here is what only a store that is slow, fails, or gives events
// again brings out.

const filter = { merchantId: samplePayout().merchantId };
let clock: ManualClock;
let store: Store;
let path: string;
let stop: AbortController;
beforeEach(async () => {
  clock = createManualClock();
  path = join(await mkdtemp(join(tmpdir(), 'outflow-feed-')), 'outflow.db');
  store = await openSqlite({ path, environment: 'SANDBOX', now: clock.now, random: randomBytes, exclusive: true });
  stop = new AbortController();
});
afterEach(async () => {
  stop.abort();
  await store.close();
  await rm(join(path, '..'), { recursive: true });
});

const open = (changes: Partial<Store> = {}, log: Log = silentLog): Feed =>
  createFeed({ store: storeWith(changes), clock, log });

function storeWith(changes: Partial<Store>): Store {
  return new Proxy(store, {
    get(target, key) {
      const member = Reflect.get(changes, key) ?? Reflect.get(target, key);
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
}

/** What is read of the log, and how many readings there were. */
function openCounted(): { readonly feed: Feed; reads(): number } {
  let reads = 0;
  const feed = open({
    events(after, asked, limit) {
      reads += 1;
      return store.events(after, asked, limit);
    },
  });
  return {
    feed,
    reads() {
      const sinceLast = reads;
      reads = 0;
      return sinceLast;
    },
  };
}

async function insert(changes: Partial<Payout> = {}): Promise<Payout> {
  const payout = samplePayout(changes);
  await store.insert(payout, sampleEvent(payout));
  return payout;
}

async function move(payout: Payout, changes: Partial<Payout> = {}): Promise<Payout> {
  const next = nextStep(payout, changes);
  assert.equal(await store.commit(next, sampleEvent(next)), 'committed');
  return next;
}

/** The next so many events, as payout and sequence. */
async function take(events: AsyncIterableIterator<FeedEvent>, count: number): Promise<string[]> {
  const taken: string[] = [];
  while (taken.length < count) {
    const { done, value } = await events.next();
    assert.ok(!done);
    taken.push(nameOf(value.event));
  }
  return taken;
}

/** Lets everything go on that can. */
async function settle(): Promise<void> {
  for (let turns = 0; turns < 20; turns += 1) await new Promise(setImmediate);
}

const nameOf = ({ payoutId, sequence }: Pick<PayoutEvent, 'payoutId' | 'sequence'>): string =>
  `${payoutId} ${sequence}`;
const named = (payout: Payout): string => nameOf({ payoutId: payout.id, sequence: payout.sequence });

describe('the feed', { timeout: 20_000 }, () => {
  it('misses nothing for a subscriber that comes while the first one is still being let in', async () => {
    const gate = Promise.withResolvers<void>();
    const reached = Promise.withResolvers<void>();
    let held = false;
    const feed = open({
      async head(merchantId) {
        if (!held) return store.head(merchantId);
        reached.resolve();
        await gate.promise;
        return store.head(merchantId);
      },
    });
    const from = await feed.head(filter.merchantId);
    held = true;
    const first = feed.subscribe(from, filter, stop.signal);
    await reached.promise;
    const second = feed.subscribe(from, filter, stop.signal);
    const before = await insert();
    gate.resolve();
    for (const events of [await first, await second]) assert.deepEqual(await take(events, 1), [named(before)]);
    const after = await insert();
    for (const events of [await first, await second]) assert.deepEqual(await take(events, 1), [named(after)]);
    await feed.close();
  });

  it('recovers when the store fails as the first subscriber comes, and closes', async () => {
    let asked = 0;
    const feed = open({
      async head(merchantId) {
        asked += 1;
        if (asked === 1) throw new Error('busy');
        return store.head(merchantId);
      },
    });
    const refused = [1, 2].map(() => feed.subscribe(null, filter, stop.signal));
    for (const subscribing of refused) await assert.rejects(subscribing, /busy/);
    const events = await feed.subscribe(null, filter, stop.signal);
    const payout = await insert();
    assert.deepEqual(await take(events, 1), [named(payout)]);
    await feed.close();
  });

  it('closes although nobody ever listened, or the only listener was refused', async () => {
    await open().close();
    const feed = open({ head: () => Promise.reject(new Error('busy')) });
    await assert.rejects(feed.subscribe(null, filter, stop.signal), /busy/);
    await feed.close();
  });

  it('reads again from the log what the tail left out, and delivers nothing twice', async () => {
    let drop: string | null = null;
    const feed = open({
      async events(after, asked, limit): Promise<EventPage> {
        const page = await store.events(after, asked, limit);
        // The tail asks for itself, and not with the subscriber's filter.
        if (asked === filter) return page;
        return { ...page, events: page.events.filter(({ event }) => nameOf(event) !== drop) };
      },
    });
    const events = await feed.subscribe(null, filter, stop.signal);
    const one = await insert();
    assert.deepEqual(await take(events, 1), [named(one)]);
    drop = `${one.id} 2`;
    const two = await move(one);
    const three = await move(two);
    assert.deepEqual(await take(events, 2), [named(two), named(three)]);
    const four = await move(three);
    assert.deepEqual(await take(events, 1), [named(four)]);
    await feed.close();
  });

  it('tells a subscriber from now on nothing of what was before, also where the store gives all of it again', async () => {
    const old = await insert();
    const feed = open({ events: (_after, asked, limit) => store.events(null, asked, limit) });
    const first = await feed.subscribe(null, filter, stop.signal);
    const one = await insert();
    assert.deepEqual(await take(first, 1), [named(one)]);
    const second = await feed.subscribe(null, filter, stop.signal);
    const two = await move(old);
    for (const events of [first, second]) assert.deepEqual(await take(events, 1), [named(two)]);
    await feed.close();
  });

  it('gives no event twice in one answer', async () => {
    const feed = open({
      async events(after, asked, limit) {
        const page = await store.events(after, asked, limit);
        return { ...page, events: page.events.flatMap((logged) => [logged, logged]) };
      },
    });
    const two = await move(await insert());
    const { events } = await feed.events(null, filter, 10);
    assert.deepEqual(
      events.map(({ event }) => nameOf(event)),
      [`${two.id} 1`, `${two.id} 2`],
    );
    const subscribed = await feed.subscribe(
      feed.cursorOf(await feed.head(filter.merchantId), two),
      filter,
      stop.signal,
    );
    const three = await move(two);
    const four = await move(three);
    assert.deepEqual(await take(subscribed, 2), [named(three), named(four)]);
    await feed.close();
  });

  it('goes on where it was when the log could not be read, and says so once', async () => {
    let broken = false;
    const lines: string[] = [];
    const note = (_fields: object, message: string): unknown => lines.push(message);
    const feed = open(
      { events: (...asked) => (broken ? Promise.reject(new Error('busy')) : store.events(...asked)) },
      { ...silentLog, error: note, info: note },
    );
    const events = await feed.subscribe(null, filter, stop.signal);
    const one = await insert();
    assert.deepEqual(await take(events, 1), [named(one)]);
    broken = true;
    const two = await move(one);
    const three = await move(two);
    await settle();
    await clock.advance(10_000);
    broken = false;
    await clock.advance(5000);
    assert.deepEqual(await take(events, 2), [named(two), named(three)]);
    const four = await move(three);
    assert.deepEqual(await take(events, 1), [named(four)]);
    assert.deepEqual(lines, ['the log could not be read', 'the log can be read again']);
    await feed.close();
  });

  it('gives a subscriber that falls far behind everything, once and in order', async () => {
    const feed = open();
    const slow = await feed.subscribe(null, filter, stop.signal);
    const narrow = await feed.subscribe(null, { ...filter, states: ['PROCESSING'] }, stop.signal);
    const payouts: Payout[] = [];
    const moved: Payout[] = [];
    for (let round = 0; round < 2; round += 1) {
      const some = await Promise.all(Array.from({ length: 600 }, () => insert()));
      await settle();
      payouts.push(...some);
      moved.push(...(await Promise.all(some.map((payout) => move(payout, { state: 'PROCESSING' })))));
      await settle();
    }
    const heard = await take(slow, 2400);
    assert.deepEqual(heard.toSorted(), [...payouts, ...moved].map(named).toSorted());
    assert.ok(payouts.every((payout, at) => heard.indexOf(named(payout)) < heard.indexOf(named(moved[at] ?? payout))));
    assert.deepEqual(await take(narrow, 1200), moved.map(named));
    const last = await insert({ state: 'PROCESSING' });
    assert.deepEqual(await take(slow, 1), [named(last)]);
    assert.deepEqual(await take(narrow, 1), [named(last)]);
    await feed.close();
  });

  it('misses nothing of what comes in a flood while a subscriber reads what was before', async () => {
    let gate: Promise<void> | null = null;
    const feed = open({
      async events(after, asked, limit) {
        const page = await store.events(after, asked, limit);
        // The tail asks for itself, and is not held up.
        if (asked === filter) await gate;
        return page;
      },
    });
    const from = await feed.head(filter.merchantId);
    const before = await insert();
    const opened = Promise.withResolvers<void>();
    gate = opened.promise;
    const events = await feed.subscribe(from, filter, stop.signal);
    const first = take(events, 1);
    await settle();
    const flood = await Promise.all(Array.from({ length: 1100 }, () => insert()));
    await settle();
    opened.resolve();
    assert.deepEqual(await first, [named(before)]);
    assert.deepEqual((await take(events, 1100)).toSorted(), flood.map(named).toSorted());
    await feed.close();
  });

  it('leaves out of a payout what a reading that came after its cursor has shown', async () => {
    const feed = open();
    const head = await feed.head(filter.merchantId);
    const shown = await move(await insert());
    const events = await feed.subscribe(feed.cursorOf(head, shown), filter, stop.signal);
    const other = await insert();
    const next = await move(shown);
    assert.deepEqual(await take(events, 2), [named(other), named(next)]);
    await feed.close();
  });

  it('ends a subscriber that waits, by its signal and by return', async () => {
    const feed = open();
    const aborted = await feed.subscribe(null, filter, stop.signal);
    const returned = await feed.subscribe(null, filter, new AbortController().signal);
    const waiting = [aborted.next(), returned.next()];
    stop.abort();
    await returned.return?.();
    assert.deepEqual(
      (await Promise.all(waiting)).map((result) => result.done),
      [true, true],
    );
    const late = await feed.subscribe(null, filter, stop.signal);
    assert.equal((await late.next()).done, true);
    await feed.close();
  });

  it('knows the cursors that this store gave out, and no others', async () => {
    const feed = open();
    const payout = await insert();
    const { cursor } = await feed.events(null, filter, 10);
    for (const own of [cursor, feed.cursorOf(cursor, payout)]) assert.equal(feed.parseCursor(own), own);
    const foreign = Buffer.from('0123456789abcdef.1').toString('base64url');
    for (const text of [
      '',
      'x',
      foreign,
      `${cursor}AAAA`,
      `${cursor}x`,
      ` ${cursor}`,
      `${cursor}=`,
      cursor.repeat(1e5),
    ]) {
      assert.equal(feed.parseCursor(text), null, text.slice(0, 100));
    }
    await feed.close();
  });
});

describe('the tails', { timeout: 20_000 }, () => {
  const others = Array.from({ length: 100 }, (_, at) => `me_other${at}` as MerchantId);

  it('read an event once for a thousand subscribers', async () => {
    const { feed, reads } = openCounted();
    const subscribers = await Promise.all(
      Array.from({ length: 1000 }, () => feed.subscribe(null, filter, stop.signal)),
    );
    reads();
    const payout = await insert();
    for (const events of subscribers) assert.deepEqual(await take(events, 1), [named(payout)]);
    assert.equal(reads(), 1);
    await feed.close();
  });

  it('read the log of a merchant with news, and of no other', async () => {
    const { feed, reads } = openCounted();
    const [events] = await Promise.all([
      feed.subscribe(null, filter, stop.signal),
      ...others.map((merchantId) => feed.subscribe(null, { merchantId }, stop.signal)),
    ]);
    reads();
    const payout = await insert();
    await insert({ merchantId: 'me_unheard' as MerchantId });
    assert.deepEqual(await take(events, 1), [named(payout)]);
    await settle();
    assert.equal(reads(), 1);
    await feed.close();
  });

  it('read every log by the timer, and where news is anybody’s, a few at a time', async () => {
    let [reading, most, reads] = [0, 0, 0];
    const bell = Promise.withResolvers<void>();
    const feed = open({
      async events(...asked) {
        reads += 1;
        reading += 1;
        most = Math.max(most, reading);
        await new Promise(setImmediate);
        reading -= 1;
        return store.events(...asked);
      },
      async *watch(): AsyncGenerator<Ring> {
        await bell.promise;
        yield { merchantId: null, due: false };
      },
    });
    const streams = [];
    for (const merchantId of others) streams.push(await feed.subscribe(null, { merchantId }, stop.signal));
    [most, reads] = [0, 0];
    await clock.advance(5000);
    while (reads < 100) await settle();
    assert.ok(most <= 8, `${most} at once`);
    await settle();
    [most, reads] = [0, 0];
    const payouts = await Promise.all(others.map((merchantId) => insert({ merchantId })));
    bell.resolve();
    for (const [at, events] of streams.entries())
      assert.deepEqual(await take(events, 1), payouts.slice(at, at + 1).map(named));
    assert.ok(most <= 8, `${most} at once`);
    assert.equal(reads, 100);
    await feed.close();
  });

  it('read once more, however often it rings while they read', async () => {
    let reads = 0;
    let gate: Promise<void> | null = null;
    const feed = open({
      async events(...asked) {
        reads += 1;
        const page = await store.events(...asked);
        await gate;
        return page;
      },
    });
    const events = await feed.subscribe(null, filter, stop.signal);
    const opened = Promise.withResolvers<void>();
    gate = opened.promise;
    reads = 0;
    const payouts = [await insert()];
    while (reads === 0) await settle();
    for (let count = 0; count < 50; count += 1) payouts.push(await insert());
    await settle();
    assert.equal(reads, 1);
    opened.resolve();
    assert.deepEqual(await take(events, 51), payouts.map(named));
    await settle();
    assert.equal(reads, 2);
    await feed.close();
  });

  it('go on for a while without subscribers, then end, and begin anew', async () => {
    const { feed, reads } = openCounted();
    const gone = new AbortController();
    await feed.subscribe(null, filter, gone.signal);
    gone.abort();
    reads();
    await insert();
    await settle();
    assert.equal(reads(), 1);
    await clock.advance(70_000);
    reads();
    await insert();
    await clock.advance(10_000);
    assert.equal(reads(), 0);
    const events = await feed.subscribe(null, filter, stop.signal);
    const payout = await insert();
    assert.deepEqual(await take(events, 1), [named(payout)]);
    await feed.close();
  });

  it('live by the timer while the store’s bell is broken, and hear it again when it is mended', async () => {
    let broken = true;
    const feed = open({
      watch(signal) {
        if (broken) throw new Error('no bell');
        return store.watch(signal);
      },
    });
    const events = await feed.subscribe(null, filter, stop.signal);
    const one = await insert();
    await settle();
    broken = false;
    await clock.advance(5000);
    assert.deepEqual(await take(events, 1), [named(one)]);
    const two = await insert();
    assert.deepEqual(await take(events, 1), [named(two)]);
    await feed.close();
  });
});

describe('the feed of a log that gives events again, tells of them late, and fails', { timeout: 120_000 }, () => {
  for (const failures of [0, 0.05]) {
    const often = failures === 0 ? 'never fails' : 'fails often';
    for (const seed of [1, 2, 3, 4, 5, 6]) {
      it(`gives each subscriber all, in order, once for each connection, where it ${often} (seed ${seed})`, async () => {
        const faults = await runCrowd({ store, clock, seed, failures });
        assert.deepEqual(faults, []);
      });
    }
  }
});
