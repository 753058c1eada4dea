import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { type Batches, type BatchItem, createBatches } from '../src/batches.ts';
import type { PayoutBatch } from '../src/domain/batch.ts';
import type { Payout } from '../src/domain/payout.ts';
import type { Provider, SendOutcome } from '../src/domain/provider.ts';
import type { Store } from '../src/domain/store.ts';
import type { CreateInput } from '../src/payouts.ts';
import { sides } from '../src/providers/sandboxes.ts';
import { createIds, systemClock } from '../src/runtime.ts';
import { openSandbox } from '../src/sandbox.ts';
import { TypedDocumentString } from './operations/generated/graphql.ts';
import { type Client, createClient } from './support/client.ts';
import { silentLog } from './support/log.ts';
import { orderOf } from './support/payouts.ts';
import { freePort } from './support/program.ts';
import type { Served, Serving } from './support/serving.ts';
import {
  ACTOR,
  ALPHA,
  MERCHANT,
  OPERATOR,
  openWriteSide,
  PLAIN,
  payoutsOn,
  plainProvider,
  reportOf,
  storeWith,
  type WriteSide,
} from './support/write-side.ts';

const DEFAULT_TURN_MS = 10_000;
/** Longer than anybody acts on a wish that he read before. */
const LONG_MS = 200_000;
const AWAY = new Error('the store is away');

/** A write side with batches on it, and a provider that pays at once whatever comes of `answer`. */
interface Ground extends WriteSide {
  readonly batches: Batches;
  readonly provider: Provider;
  /** The order numbers that were submitted, in order. */
  readonly sent: string[];
  /** The batch `b`, with so many items from `a-0` on. */
  make(count: number): Promise<PayoutBatch>;
  /** The payout of an item. */
  item(reference: string): Promise<Payout>;
  /** Payouts of `b` in each state, e.g. `{ QUEUED: 2 }`; the parked ones apart. */
  counts(): Promise<Record<string, number>>;
  /** Batches on the same store as another process has them. */
  another(store?: Store): Batches;
}

const PAID: SendOutcome = { kind: 'accepted', report: reportOf({ state: 'COMPLETED' }) };
const TURNED_AWAY: SendOutcome = {
  kind: 'notTaken',
  retryAfterMs: 3_600_000,
  reason: 'MAINTENANCE',
  vendorCode: null,
  cause: 'shut',
};

async function openGround(t: TestContext, answer: () => SendOutcome = () => PAID): Promise<Ground> {
  const sent: string[] = [];
  const provider = plainProvider(ALPHA, {
    submit: async ({ orderNumber }) => {
      sent.push(orderNumber);
      return answer();
    },
  });
  const side = await openWriteSide(() => [provider]);
  t.after(() => side.close());
  const opened: Batches[] = [];
  t.after(() => Promise.all(opened.map((one) => one.close())));
  const another = (store = side.store): Batches => {
    const payouts = payoutsOn(store, side.clock, () => ROUTE);
    const batches = createBatches({ store, payouts, clock: side.clock, log: silentLog });
    opened.push(batches);
    return batches;
  };
  const batches = another();
  const ground: Ground = {
    ...{ ...side, batches, provider, sent, another },
    async make(count) {
      const result = await batches.create(MERCHANT, ACTOR, 'b', itemsOf(count));
      assert.ok(result.kind === 'taken');
      return result.batch;
    },
    async item(reference) {
      const payout = await side.store.byReference(MERCHANT, reference);
      assert.ok(payout, `${reference} is not there`);
      return payout;
    },
    async counts() {
      const counts = await side.store.batchCounts(MERCHANT, batches.idOf(MERCHANT, 'b'));
      return Object.fromEntries(counts.map(({ state, parked, count }) => [parked ? 'parked' : state, count]));
    },
  };
  return ground;
}

const ROUTE = { kind: 'chosen', provider: ALPHA, account: 'default', decision: null } as const;

function inputOf(reference: string, amount = '10'): CreateInput {
  return { reference, order: orderOf(amount), ...PLAIN };
}

function itemsOf(count: number, prefix = 'a'): BatchItem[] {
  return Array.from({ length: count }, (_, index) => ({ index, input: inputOf(`${prefix}-${index}`) }));
}

/** What came of each item: `new`, `known`, or the kind of its refusal. */
async function resultsOf(batches: Batches, items: readonly BatchItem[], reference = 'b'): Promise<string[]> {
  const created = await batches.create(MERCHANT, ACTOR, reference, items);
  assert.ok(created.kind === 'taken');
  assert.deepEqual(
    created.results.map(({ index, reference: own }) => [index, own]),
    items.map(({ index, input }) => [index, input.reference]),
  );
  return created.results.map(({ result }) => {
    if (result.kind !== 'created') return result.kind;
    return result.replayed ? 'known' : 'new';
  });
}

describe('a batch', () => {
  it('is stored once, and has what was created in it, however often and in which parts it is sent', async (t) => {
    const ground = await openGround(t);
    const items = itemsOf(5);
    assert.deepEqual(await resultsOf(ground.batches, items.slice(0, 3)), ['new', 'new', 'new']);
    assert.deepEqual(await resultsOf(ground.another(), items.slice(1)), ['known', 'known', 'new', 'new']);
    assert.deepEqual(await resultsOf(ground.batches, items), Array(5).fill('known'));
    const id = ground.batches.idOf(MERCHANT, 'b');
    for (const { input } of items) assert.equal((await ground.item(input.reference)).batch, id);
    assert.deepEqual(await ground.counts(), { QUEUED: 5 });
    const { batch } = (await ground.batches.progress(MERCHANT, id)) ?? {};
    assert.deepEqual([batch?.reference, batch?.wish, batch?.version, batch?.steeredBy], ['b', 'RUNNING', 1, null]);
  });

  it('has nothing of what was asked for before it, by itself or in another batch', async (t) => {
    const ground = await openGround(t);
    await ground.create({ ...inputOf('a-0') });
    await resultsOf(ground.batches, itemsOf(2).slice(1), 'older');
    assert.deepEqual(await resultsOf(ground.batches, itemsOf(3)), ['known', 'known', 'new']);
    assert.deepEqual(await ground.counts(), { QUEUED: 1 });
    assert.equal((await ground.item('a-0')).batch, null);
  });

  it('takes the first of two items with one reference: the other is the same again, or a conflict', async (t) => {
    const ground = await openGround(t);
    const inputs = [inputOf('x', '1'), inputOf('y'), inputOf('x', '2'), inputOf('y'), inputOf('x', '1.0')];
    const items = inputs.map((input, index) => ({ index, input }));
    assert.deepEqual(await resultsOf(ground.batches, items), ['new', 'new', 'conflict', 'known', 'known']);
    assert.equal((await ground.item('x')).order.amount.amount, '1');
  });

  it('writes no more than 64 items at once', async (t) => {
    const ground = await openGround(t);
    let now = 0;
    let most = 0;
    const store = storeWith(ground.store, {
      async insert(payout, event) {
        now += 1;
        most = Math.max(most, now);
        const inserted = await ground.store.insert(payout, event);
        now -= 1;
        return inserted;
      },
    });
    assert.deepEqual(await resultsOf(ground.another(store), itemsOf(300)), Array(300).fill('new'));
    assert.equal(most, 64);
  });

  it('loses only the items that the store failed for, and sending it again adds them', async (t) => {
    const ground = await openGround(t);
    const store = storeWith(ground.store, {
      async insert(payout, event) {
        if (payout.reference === 'a-1') throw AWAY;
        const inserted = await ground.store.insert(payout, event);
        // It is stored, and nobody learns of it.
        if (payout.reference === 'a-2') throw AWAY;
        return inserted;
      },
    });
    assert.deepEqual(await resultsOf(ground.another(store), itemsOf(4)), ['new', 'lost', 'lost', 'new']);
    assert.deepEqual(await resultsOf(ground.batches, itemsOf(4)), ['known', 'new', 'known', 'known']);
    assert.deepEqual(await ground.counts(), { QUEUED: 4 });
  });

  it('stops asking a store that fails for item after item', async (t) => {
    const ground = await openGround(t);
    let asked = 0;
    const store = storeWith(ground.store, {
      async insert() {
        asked += 1;
        throw AWAY;
      },
    });
    assert.deepEqual(await resultsOf(ground.another(store), itemsOf(1000)), Array(1000).fill('lost'));
    assert.ok(asked < 200, `asked ${asked} times`);
  });

  it('simulates every answer without storing anything', async (t) => {
    const ground = await openGround(t);
    await ground.create(inputOf('a-1'));
    const items = [...itemsOf(2), { index: 2, input: inputOf('a-1', '11') }];
    const forecast = await ground.batches.simulate(MERCHANT, 'b', items);
    assert.ok(forecast.kind === 'taken');
    assert.deepEqual(
      forecast.results.map(({ result }) => result.kind),
      ['planned', 'known', 'conflict'],
    );
    assert.equal(await ground.store.byReference(MERCHANT, 'a-0'), null);
    assert.equal(await ground.batches.progress(MERCHANT, ground.batches.idOf(MERCHANT, 'b')), null);
  });
});

describe('steering a batch', () => {
  it('that is paused leaves the rest unsent, and resumed sends it', async (t) => {
    const ground = await openGround(t);
    const { id } = await ground.make(2);
    ground.startWorker(ground.provider);
    await ground.pass(1000);
    assert.deepEqual(await ground.counts(), { COMPLETED: 2 });
    await ground.make(4);
    const paused = await ground.batches.steer(MERCHANT, ACTOR, id, 'PAUSED');
    assert.ok(paused !== null && paused !== 'notAllowed' && paused.wish === 'PAUSED');
    // What joins it meanwhile waits too.
    await ground.make(5);
    await ground.pass(LONG_MS, ground.workers, DEFAULT_TURN_MS);
    assert.equal(ground.sent.length, 2);
    assert.deepEqual(await ground.counts(), { COMPLETED: 2, parked: 3 });
    await ground.batches.steer(MERCHANT, ACTOR, id, 'RUNNING');
    await ground.batches.rouse();
    await ground.pass(10_000);
    assert.deepEqual(await ground.counts(), { COMPLETED: 5 });
    assert.equal(new Set(ground.sent).size, 5);
    assert.equal(ground.sent.length, 5);
  });

  for (const [wish, what] of [
    ['PAUSED', 'parked'],
    ['CANCELLED', 'CANCELLED'],
  ] as const) {
    it(`is heeded where it is ${wish} while a payout is made ready, before its first byte`, async (t) => {
      const ground = await openGround(t);
      const { id } = await ground.make(1);
      const prepare: Provider['prepare'] = async () => {
        await ground.batches.steer(MERCHANT, ACTOR, id, wish);
        return { kind: 'body', body: 'body' };
      };
      ground.startWorker({ ...ground.provider, prepare });
      await ground.pass(10_000);
      assert.deepEqual([ground.sent, await ground.counts()], [[], { [what]: 1 }]);
      assert.deepEqual((await ground.item('a-0')).attempts, []);
    });
  }

  it('still lets the time of a paused payout pass', async (t) => {
    const ground = await openGround(t);
    const sendBefore = new Date(ground.clock.now().getTime() + 60_000);
    const items = itemsOf(1).map(({ index, input }) => ({ index, input: { ...input, sendBefore } }));
    await ground.batches.create(MERCHANT, ACTOR, 'b', items);
    await ground.batches.steer(MERCHANT, ACTOR, ground.batches.idOf(MERCHANT, 'b'), 'PAUSED');
    ground.startWorker(ground.provider);
    await ground.pass(55_000);
    assert.deepEqual(await ground.counts(), { parked: 1 });
    await ground.pass(10_000);
    assert.deepEqual(await ground.counts(), { FAILED: 1 });
    assert.equal((await ground.item('a-0')).parked, false);
    assert.deepEqual(ground.sent, []);
  });

  it('that is cancelled calls off what was not sent, and nothing else', async (t) => {
    const ground = await openGround(t);
    const { id } = await ground.make(2);
    ground.startWorker(ground.provider);
    await ground.pass(1000);
    await ground.make(4);
    await ground.batches.steer(MERCHANT, ACTOR, id, 'PAUSED');
    await ground.pass(5000);
    // Two are paid, two are parked, and one has just come.
    await ground.make(5);
    await ground.create(inputOf('alone'));
    await ground.batches.steer(MERCHANT, OPERATOR, id, 'CANCELLED');
    await ground.batches.rouse();
    assert.deepEqual(await ground.counts(), { COMPLETED: 2, CANCELLED: 3 });
    await ground.pass(LONG_MS, ground.workers, DEFAULT_TURN_MS);
    assert.equal((await ground.item('alone')).state, 'COMPLETED');
    assert.equal(ground.sent.length, 3);
    const last = (await ground.events(await ground.item('a-4'))).at(-1);
    assert.deepEqual([last?.state, last?.source, last?.actor], ['CANCELLED', OPERATOR.source, OPERATOR.actor]);
    assert.deepEqual(await ground.store.parked(MERCHANT, id, 10), []);
  });

  it('that is cancelled calls off at once what waits for another try much later', async (t) => {
    const ground = await openGround(t, () => TURNED_AWAY);
    const { id } = await ground.make(1);
    ground.startWorker(ground.provider);
    await ground.pass(5000);
    const waiting = await ground.item('a-0');
    assert.equal(waiting.state, 'QUEUED');
    assert.ok((waiting.nextCheckAt?.getTime() ?? 0) > ground.clock.now().getTime() + 60_000);
    await ground.batches.steer(MERCHANT, ACTOR, id, 'CANCELLED');
    await ground.batches.rouse();
    assert.equal((await ground.item('a-0')).state, 'CANCELLED');
  });

  it('that was cancelled is not allowed any more, and nothing is created in it', async (t) => {
    const ground = await openGround(t);
    const { id } = await ground.make(1);
    await ground.batches.steer(MERCHANT, ACTOR, id, 'CANCELLED');
    for (const wish of ['RUNNING', 'PAUSED'] as const) {
      assert.equal(await ground.batches.steer(MERCHANT, ACTOR, id, wish), 'notAllowed');
    }
    const again = await ground.batches.steer(MERCHANT, ACTOR, id, 'CANCELLED');
    assert.ok(again !== null && again !== 'notAllowed' && again.wish === 'CANCELLED');
    for (const items of [itemsOf(3), itemsOf(1)]) {
      assert.equal((await ground.batches.create(MERCHANT, ACTOR, 'b', items)).kind, 'cancelled');
      assert.equal((await ground.batches.simulate(MERCHANT, 'b', items)).kind, 'cancelled');
    }
    assert.equal(await ground.store.byReference(MERCHANT, 'a-2'), null);
  });

  it('is not possible for another merchant, or where there is none', async (t) => {
    const ground = await openGround(t);
    const { id } = await ground.make(1);
    const stranger = 'me_stranger' as typeof MERCHANT;
    assert.equal(await ground.batches.steer(stranger, ACTOR, id, 'CANCELLED'), null);
    const none = ground.batches.idOf(MERCHANT, 'none');
    assert.equal(await ground.batches.steer(MERCHANT, ACTOR, none, 'PAUSED'), null);
    assert.equal((await ground.batches.progress(MERCHANT, id))?.batch.wish, 'RUNNING');
  });

  it('by two at once leaves what the last of them wanted', async (t) => {
    const ground = await openGround(t);
    const { id } = await ground.make(3);
    const other = ground.another();
    await Promise.all([
      ground.batches.steer(MERCHANT, ACTOR, id, 'PAUSED'),
      other.steer(MERCHANT, ACTOR, id, 'CANCELLED'),
    ]);
    await ground.batches.rouse();
    await other.rouse();
    assert.deepEqual(await ground.counts(), { CANCELLED: 3 });
    const { batch } = (await ground.batches.progress(MERCHANT, id)) ?? {};
    assert.equal(batch?.wish, 'CANCELLED');
  });
});

describe('telling the payouts of a steered batch', () => {
  it('reaches one that a worker parks after all were told, since it had read the wish before', async (t) => {
    const ground = await openGround(t);
    const { id } = await ground.make(1);
    await ground.batches.steer(MERCHANT, ACTOR, id, 'PAUSED');
    const door = ground.createDoor();
    const store = storeWith(ground.store, {
      async batch(merchantId, batchId) {
        const read = await ground.store.batch(merchantId, batchId);
        await door.pass();
        return read;
      },
    });
    const worker = ground.startWorker(ground.provider, { store });
    await ground.clock.advance(1000);
    await door.reached;
    await ground.batches.steer(MERCHANT, ACTOR, id, 'RUNNING');
    await ground.batches.rouse();
    door.open();
    await worker.idle();
    assert.equal((await ground.item('a-0')).parked, false);
    await ground.pass(5000);
    assert.deepEqual(await ground.counts(), { COMPLETED: 1 });
  });

  it('goes on until nobody can have read an older wish, so that one who dies in between parks nothing for ever', async (t) => {
    const ground = await openGround(t);
    const { id } = await ground.make(1);
    await ground.batches.steer(MERCHANT, ACTOR, id, 'PAUSED');
    await ground.batches.steer(MERCHANT, ACTOR, id, 'RUNNING');
    ground.batches.start();
    await ground.batches.rouse();
    await ground.pass(59_000);
    // All that was left of it: it had read PAUSED within its lease, and this was the last that it stored.
    const source = { source: 'SUBMIT', actor: 'worker-0', fence: null } as const;
    await ground.payouts.settle(await ground.item('a-0'), { kind: 'parked' }, source);
    assert.deepEqual(await ground.counts(), { parked: 1 });
    await ground.clock.advance(DEFAULT_TURN_MS);
    await ground.batches.rouse();
    assert.deepEqual(await ground.counts(), { QUEUED: 1 });
    assert.equal((await ground.store.rousingBatches(10)).length, 1);
    await ground.clock.advance(LONG_MS);
    await ground.batches.rouse();
    assert.deepEqual(await ground.store.rousingBatches(10), []);
  });

  it('is taken up by whoever is there after a crash', async (t) => {
    const ground = await openGround(t);
    const batch = await ground.make(700);
    await ground.batches.steer(MERCHANT, ACTOR, batch.id, 'PAUSED');
    // All of them parked, and the process that resumed it dies right after it had stored that.
    for (let at = 0; at < 700; at += 1) {
      const source = { source: 'SUBMIT', actor: 'worker-0', fence: null } as const;
      if (at < 600) await ground.payouts.settle(await ground.item(`a-${at}`), { kind: 'parked' }, source);
    }
    const { batch: paused } = (await ground.batches.progress(MERCHANT, batch.id)) ?? {};
    assert.ok(paused);
    await ground.store.commitBatch({ ...paused, version: paused.version + 1, wish: 'CANCELLED', rousing: true });
    assert.deepEqual(await ground.counts(), { QUEUED: 100, parked: 600 });
    await ground.another().rouse();
    assert.deepEqual(await ground.counts(), { CANCELLED: 700 });
  });

  it('by two processes at once tells each payout once', async (t) => {
    const ground = await openGround(t);
    const { id } = await ground.make(130);
    const other = ground.another();
    await ground.batches.steer(MERCHANT, ACTOR, id, 'CANCELLED');
    await Promise.all([ground.batches.rouse(), other.rouse(), ground.batches.rouse()]);
    assert.deepEqual(await ground.counts(), { CANCELLED: 130 });
    for (const { input } of itemsOf(130)) {
      const states = (await ground.events(await ground.item(input.reference))).map(({ state }) => state);
      assert.deepEqual(states, ['QUEUED', 'CANCELLED'], input.reference);
    }
  });

  it('is not kept from one batch by another that cannot be told', async (t) => {
    const ground = await openGround(t);
    const { id } = await ground.make(2);
    const bad = await ground.batches.create(MERCHANT, ACTOR, 'bad', itemsOf(2, 'bad'));
    const store = storeWith(ground.store, {
      async page(query) {
        if (query.filter.batch === bad.batch.id) throw AWAY;
        return ground.store.page(query);
      },
    });
    const shaky = ground.another(store);
    for (const one of [bad.batch.id, id]) await shaky.steer(MERCHANT, ACTOR, one, 'CANCELLED');
    await shaky.rouse();
    assert.deepEqual(await ground.counts(), { CANCELLED: 2 });
    assert.equal((await ground.item('bad-0')).state, 'QUEUED');
    await ground.batches.rouse();
    assert.equal((await ground.item('bad-0')).state, 'CANCELLED');
  });
});

/** Changes that come when the test says so. */
function createChanges() {
  let ring = Promise.withResolvers<boolean>();
  return {
    come() {
      ring.resolve(false);
      ring = Promise.withResolvers();
    },
    end: () => ring.resolve(true),
    async next(): Promise<IteratorResult<unknown>> {
      return (await ring.promise) ? { done: true, value: undefined } : { done: false, value: null };
    },
    async return(): Promise<IteratorResult<unknown>> {
      ring.resolve(true);
      return { done: true, value: undefined };
    },
  };
}

describe('following a batch', () => {
  it('tells how far it is now, then each change once, at most one in a second, and ends when all are final', async (t) => {
    const ground = await openGround(t);
    const { id } = await ground.make(3);
    const changes = createChanges();
    const progress = ground.batches.follow(MERCHANT, id, changes);
    const next = async () => {
      const { value } = await progress.next();
      return value?.counts.map(({ state, count }) => [state, count]);
    };
    assert.deepEqual(await next(), [['QUEUED', 3]]);
    const second = next();
    let told = false;
    void second.then(() => {
      told = true;
    });
    const source = { source: 'API', actor: 'ak_test', fence: null } as const;
    const cancel = async (reference: string) =>
      ground.payouts.settle(await ground.item(reference), { kind: 'cancelled' }, source);
    await cancel('a-0');
    changes.come();
    await ground.clock.advance(999);
    assert.equal(told, false);
    await cancel('a-1');
    changes.come();
    await ground.clock.advance(1);
    assert.deepEqual((await second)?.toSorted(), [
      ['CANCELLED', 2],
      ['QUEUED', 1],
    ]);
    // Rung for nothing: nothing is told.
    const third = next();
    await ground.clock.advance(1000);
    changes.come();
    await ground.clock.advance(1000);
    await cancel('a-2');
    changes.come();
    await ground.clock.advance(1000);
    assert.deepEqual(await third, [['CANCELLED', 3]]);
    assert.equal((await progress.next()).done, true);
  });

  it('sees that it was steered here at once, and elsewhere after some seconds', async (t) => {
    const ground = await openGround(t);
    const { id } = await ground.make(1);
    const progress = ground.batches.follow(MERCHANT, id, createChanges());
    const wish = async () => (await progress.next()).value?.batch.wish;
    assert.equal(await wish(), 'RUNNING');
    const here = wish();
    await ground.batches.steer(MERCHANT, ACTOR, id, 'PAUSED');
    await ground.clock.advance(1000);
    assert.equal(await here, 'PAUSED');
    const elsewhere = wish();
    await ground.another().steer(MERCHANT, ACTOR, id, 'RUNNING');
    await ground.clock.advance(1000);
    await ground.clock.advance(DEFAULT_TURN_MS);
    assert.equal(await elsewhere, 'RUNNING');
    await progress.return(undefined);
  });

  it('ends when the listener goes away, and fails when the changes fail', async (t) => {
    const ground = await openGround(t);
    const { id } = await ground.make(1);
    const changes = createChanges();
    const progress = ground.batches.follow(MERCHANT, id, changes);
    await progress.next();
    const waiting = progress.next();
    changes.end();
    assert.equal((await waiting).done, true);
    const broken = ground.batches.follow(MERCHANT, id, {
      next: async () => {
        throw AWAY;
      },
    });
    await broken.next();
    await assert.rejects(broken.next(), AWAY);
  });

  it('waits for the items of an empty batch, unless it was cancelled', async (t) => {
    const ground = await openGround(t);
    const { id } = await ground.make(0);
    const progress = ground.batches.follow(MERCHANT, id, createChanges());
    assert.deepEqual((await progress.next()).value?.counts, []);
    const next = progress.next();
    await ground.batches.create(MERCHANT, ACTOR, 'b', itemsOf(1));
    await ground.clock.advance(1000);
    assert.equal((await next).value?.counts[0]?.count, 1);
    await progress.return(undefined);
    const empty = await ground.batches.create(MERCHANT, ACTOR, 'empty', []);
    await ground.batches.steer(MERCHANT, ACTOR, empty.batch.id, 'CANCELLED');
    const over = ground.batches.follow(MERCHANT, empty.batch.id, createChanges());
    assert.equal((await over.next()).value?.batch.wish, 'CANCELLED');
    assert.equal((await over.next()).done, true);
  });
});

// --- ten thousand, and the process killed -----------------------------------------------------------------------------------

const CREATE = `mutation Create($input: CreatePayoutBatchInput!) {
  createPayoutBatch(input: $input) {
    __typename
    ... on CreatePayoutBatchSuccess {
      created replayed batch { id } errors { index reference error { __typename code moneyMoved } }
    }
  }
}`;
const TOTAL = 'query Total { payoutBatch(reference: "ten-thousand") { total } }';
const PROGRESS = new TypedDocumentString<{ readonly payoutBatch: Progress }, { readonly id: string }>(
  'subscription Progress($id: ID!) { payoutBatch(id: $id) { total settled counts { state count } } }',
);

interface Created {
  readonly created: number;
  readonly replayed: number;
  readonly batch: { readonly id: string };
  readonly errors: readonly { readonly index: number; readonly error: { readonly __typename: string } }[];
}

interface Progress {
  readonly total: number;
  readonly settled: number;
  readonly counts: readonly { readonly state: string; readonly count: number }[];
}

/** One life of a serving process. */
interface Life {
  readonly child: ChildProcess;
  readonly client: Client;
}

async function kill({ child }: Life): Promise<void> {
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

async function send({ client }: Life, items: readonly object[]): Promise<Created> {
  const { data, errors } = await client.ask(CREATE, { input: { reference: 'ten-thousand', items } });
  if (!data) throw new Error(JSON.stringify(errors));
  return data.createPayoutBatch as Created;
}

/** Asks until so many are stored. */
async function untilStored({ client }: Life, count: number): Promise<void> {
  for (;;) {
    const { data, errors } = await client.ask(TOTAL);
    if (errors) throw new Error(JSON.stringify(errors));
    const batch = data?.payoutBatch as Pick<Progress, 'total'> | null;
    if (batch && batch.total >= count) return;
  }
}

describe('a batch of ten thousand, one in a hundred of them bad', { timeout: 400_000 }, () => {
  it('moves money 9,900 times and no more, though the process is killed twice and all of it sent three times', async (t) => {
    const ids = createIds(systemClock);
    const standIn = { clock: systemClock, ids, log: silentLog, port: 0, sides, dir: null, settleMs: 0 };
    const sandbox = await openSandbox(standIn);
    t.after(() => sandbox.close());
    const dir = await mkdtemp(join(tmpdir(), 'outflow-batch-'));
    t.after(() => rm(dir, { recursive: true }));
    const env = { DATA_DIR: dir, PORT: String(await freePort()), SANDBOX_URL: sandbox.url };
    const lives: Life[] = [];
    t.after(() => Promise.all(lives.map((life) => life.child.exitCode ?? life.child.signalCode ?? kill(life))));
    const live = async (): Promise<Life> => {
      // The leases of whoever was killed are over when the next one comes.
      const serving: Serving = { env, aheadMs: lives.length * 120_000 };
      const child = fork(join(import.meta.dirname, 'support/serving.ts'), [JSON.stringify(serving)]);
      const [served] = (await once(child, 'message')) as [Served];
      const life = { child, client: createClient(served.url, served.secret) };
      lives.push(life);
      return life;
    };
    const isBad = (index: number): boolean => index % 100 === 37;
    const address = (index: number) => `TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6${isBad(index) ? 'x' : 't'}`;
    const items = Array.from({ length: 10_000 }, (_, index) => ({
      reference: `salary-${index}`,
      amount: { amount: '1', currency: 'USDT' },
      destination: { blockchain: { address: address(index), network: 'TRON' } },
      provider: 'IO2328',
    }));
    const bad = items.keys().filter(isBad).toArray();

    const first = await live();
    // Nobody ever gets its answer.
    const unanswered = assert.rejects(send(first, items));
    await untilStored(first, 2000);
    await kill(first);
    await unanswered;

    const second = await live();
    const resent = await send(second, items);
    assert.equal(resent.created + resent.replayed, 9900);
    assert.ok(resent.created > 0 && resent.replayed >= 2000, `${resent.created} and ${resent.replayed}`);
    assert.deepEqual(
      resent.errors.map(({ index }) => index),
      bad,
    );
    const working = await second.client.listen('SSE', PROGRESS, resent.batch);
    await working.until(({ payoutBatch }) => payoutBatch.settled >= 3000);
    working.close();
    await kill(second);

    const third = await live();
    const again = await send(third, items);
    assert.deepEqual([again.created, again.replayed, again.batch.id], [0, 9900, resent.batch.id]);
    assert.deepEqual(again.errors, resent.errors);
    for (const { error } of again.errors) {
      assert.deepEqual(error, { __typename: 'InvalidInputError', code: 'INVALID_INPUT', moneyMoved: 'NO' });
    }
    const ending = await third.client.listen('SSE', PROGRESS, resent.batch);
    const end = (await ending.rest()).at(-1);
    assert.deepEqual(end?.payoutBatch, { total: 9900, settled: 9900, counts: [{ state: 'COMPLETED', count: 9900 }] });
    const orders = sandbox.books();
    assert.equal(orders.length, 9900);
    assert.equal(new Set(orders.map(({ mark }) => mark)).size, 9900);
    assert.ok(orders.every(({ debited, returned, state }) => debited && !returned && state === 'COMPLETED'));
  });
});
