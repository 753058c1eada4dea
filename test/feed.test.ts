import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { Payout } from '../src/domain/payout.ts';
import type { EventPage, Store } from '../src/domain/store.ts';
import { createFeed, type Feed, type FeedEvent } from '../src/feed.ts';
import { openSqlite } from '../src/storage/sqlite.ts';
import { createManualClock, type ManualClock } from './support/clock.ts';
import { silentLog } from './support/log.ts';
import { nextStep, sampleEvent, samplePayout } from './support/payouts.ts';

// What subscribers see over sockets is in api-listen.test.ts; here is what only a store that is slow, or fails, brings out.

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
  await store.close();
  await rm(join(path, '..'), { recursive: true });
});

const open = (changes: Partial<Store> = {}): Feed => createFeed({ store: storeWith(changes), clock, log: silentLog });

function storeWith(changes: Partial<Store>): Store {
  return new Proxy(store, {
    get(target, key) {
      const member = Reflect.get(changes, key) ?? Reflect.get(target, key);
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
}

async function insert(): Promise<Payout> {
  const payout = samplePayout();
  await store.insert(payout, sampleEvent(payout));
  return payout;
}

async function move(payout: Payout): Promise<Payout> {
  const next = nextStep(payout);
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

const nameOf = ({ payoutId, sequence }: { payoutId: string; sequence: number }): string => `${payoutId} ${sequence}`;
const named = (payout: Payout): string => nameOf({ payoutId: payout.id, sequence: payout.sequence });

describe('the feed', { timeout: 20_000 }, () => {
  it('misses nothing for a subscriber that comes while the first one is still being let in', async () => {
    const gate = Promise.withResolvers<void>();
    const reached = Promise.withResolvers<void>();
    let asked = 0;
    const feed = open({
      async head(merchantId) {
        asked += 1;
        // The first is the first subscriber's place, the second where the tail begins.
        if (asked !== 2) return store.head(merchantId);
        reached.resolve();
        await gate.promise;
        return store.head(merchantId);
      },
    });
    const from = await feed.head();
    const first = feed.subscribe(from, filter, stop.signal);
    await reached.promise;
    const second = feed.subscribe(from, filter, stop.signal);
    const before = await insert();
    gate.resolve();
    for (const events of [await first, await second]) assert.deepEqual(await take(events, 1), [named(before)]);
    const after = await insert();
    for (const events of [await first, await second]) assert.deepEqual(await take(events, 1), [named(after)]);
    stop.abort();
    await feed.close();
  });

  it('recovers when the store fails as the first subscriber comes, and closes', async () => {
    let asked = 0;
    const feed = open({
      async head(merchantId) {
        asked += 1;
        if (asked === 2) throw new Error('busy');
        return store.head(merchantId);
      },
    });
    await assert.rejects(feed.subscribe(null, filter, stop.signal), /busy/);
    const events = await feed.subscribe(null, filter, stop.signal);
    const payout = await insert();
    assert.deepEqual(await take(events, 1), [named(payout)]);
    stop.abort();
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
        // Only the tail asks for every merchant's events.
        if (asked.merchantId !== null) return page;
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
    stop.abort();
    await feed.close();
  });

  it('leaves out of a payout what a reading that came after its cursor has shown', async () => {
    const feed = open();
    const head = await feed.head();
    const shown = await move(await insert());
    const events = await feed.subscribe(feed.cursorOf(head, shown), filter, stop.signal);
    const other = await insert();
    const next = await move(shown);
    assert.deepEqual(await take(events, 2), [named(other), named(next)]);
    stop.abort();
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
    await insert();
    const { cursor } = await feed.events(null, filter, 10);
    assert.equal(feed.parseCursor(cursor), cursor);
    for (const text of ['', 'x', Buffer.from('0123456789abcdef.1').toString('base64url'), `${cursor}AAAA`]) {
      assert.equal(feed.parseCursor(text), null, text);
    }
    await feed.close();
  });
});
