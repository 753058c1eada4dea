import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { BatchId, PayoutBatch } from '../../src/domain/batch.ts';
import type { MerchantId } from '../../src/domain/merchant.ts';
import type { Payout } from '../../src/domain/payout.ts';
import type { ProviderId } from '../../src/domain/provider.ts';
import type { BatchCount, Bulletin, PageQuery, Store } from '../../src/domain/store.ts';
import { afterNoon, NOON, nextStep, nextVersion, sampleBatch, sampleEvent, samplePayout } from './payouts.ts';
import type { OpenedStore } from './store-contract.ts';

const MERCHANT = 'me_sample' as MerchantId;
const STRANGER = 'me_stranger' as MerchantId;
const BETA = 'BETA' as ProviderId;
const WEEK_MS = 7 * 86_400_000;

/** What every store must do with batches, the payouts in them, and what processes tell of themselves. */
export function describeBatches(open: () => Promise<OpenedStore>): void {
  let opened: OpenedStore;
  let store: Store;
  beforeEach(async () => {
    opened = await open();
    store = opened.store;
  });
  afterEach(() => opened.close());

  async function insert(overrides: Partial<Payout> = {}): Promise<Payout> {
    const payout = samplePayout(overrides);
    await store.insert(payout, sampleEvent(payout));
    return payout;
  }

  async function step(payout: Payout, changes: Partial<Payout> = {}): Promise<Payout> {
    const after = nextStep(payout, changes);
    assert.equal(await store.commit(after, sampleEvent(after)), 'committed');
    return after;
  }

  const next = (batch: PayoutBatch, changes: Partial<PayoutBatch> = {}): PayoutBatch => ({
    ...batch,
    ...changes,
    version: batch.version + 1,
  });

  const sorted = <T>(some: readonly T[], by: (one: T) => string): T[] =>
    some.toSorted((a, b) => (by(a) < by(b) ? -1 : 1));

  describe('batches', () => {
    it('gives back every field exactly as it was stored', async () => {
      const batch = sampleBatch({ rousing: true, wish: 'PAUSED', updatedAt: afterNoon(86_400_001) });
      assert.deepEqual(await store.insertBatch(batch), batch);
      assert.deepEqual(await store.batch(MERCHANT, batch.id), batch);
      const after = next(batch, { rousing: false, wish: 'CANCELLED', updatedAt: afterNoon(86_400_002) });
      assert.equal(await store.commitBatch(after), 'committed');
      store = await opened.reopen();
      assert.deepEqual(await store.batch(MERCHANT, batch.id), after);
    });

    it('stores one batch when 64 callers insert one reference at once, and answers it to all', async () => {
      const rivals = Array.from({ length: 64 }, (_, ms) =>
        sampleBatch({ reference: 'the one', createdAt: afterNoon(ms) }),
      );
      const answers = await Promise.all(rivals.map((batch) => store.insertBatch(batch)));
      const stored = await store.batch(MERCHANT, sampleBatch({ reference: 'the one' }).id);
      assert.ok(stored);
      for (const answer of answers) assert.deepEqual(answer, stored);
    });

    it('answers a known reference with the batch as it stands, and lets two merchants use the same one', async () => {
      const batch = sampleBatch({ reference: 'known' });
      await store.insertBatch(batch);
      const after = next(batch, { wish: 'PAUSED' });
      assert.equal(await store.commitBatch(after), 'committed');
      assert.deepEqual(await store.insertBatch(sampleBatch({ reference: 'known' })), after);
      const other = sampleBatch({ reference: 'known', merchantId: STRANGER });
      assert.deepEqual(await store.insertBatch(other), other);
      assert.deepEqual(await store.batch(MERCHANT, batch.id), after);
    });

    it('answers no batch for another under its id', async () => {
      const batch = sampleBatch();
      await store.insertBatch(batch);
      await assert.rejects(store.insertBatch(sampleBatch({ id: batch.id })), /another reference/);
      await assert.rejects(store.insertBatch({ ...batch, merchantId: STRANGER }), /another reference/);
      assert.deepEqual(await store.batch(MERCHANT, batch.id), batch);
    });

    it('commits exactly one of 50 rivals on the same version', async () => {
      const batch = sampleBatch();
      await store.insertBatch(batch);
      const rivals = Array.from({ length: 50 }, (_, ms) => next(batch, { updatedAt: afterNoon(ms) }));
      const answers = await Promise.all(rivals.map((after) => store.commitBatch(after)));
      const winners = rivals.filter((_, index) => answers[index] === 'committed');
      assert.equal(winners.length, 1);
      assert.deepEqual(await store.batch(MERCHANT, batch.id), winners[0]);
    });

    it('answers stale for a version that is not the next one, and for a batch that is not there', async () => {
      const batch = sampleBatch();
      await store.insertBatch(batch);
      assert.equal(await store.commitBatch(next(next(batch))), 'stale');
      assert.equal(await store.commitBatch(batch), 'stale');
      assert.equal(await store.commitBatch(next(sampleBatch())), 'stale');
      assert.equal(await store.commitBatch(next({ ...batch, merchantId: STRANGER })), 'stale');
      assert.deepEqual(await store.batch(MERCHANT, batch.id), batch);
    });

    it("shows a merchant nothing of another's", async () => {
      const batch = sampleBatch();
      await store.insertBatch(batch);
      await insert({ batch: batch.id, parked: true });
      assert.equal(await store.batch(STRANGER, batch.id), null);
      assert.equal(await store.batch(MERCHANT, 'pb_absent' as BatchId), null);
      assert.deepEqual(await store.batchCounts(STRANGER, batch.id), []);
      assert.deepEqual(await store.parked(STRANGER, batch.id, 10), []);
      const page: PageQuery = { merchantId: STRANGER, filter: { batch: batch.id }, limit: 10, ...FIRST };
      assert.deepEqual(await store.page(page), { payouts: [], more: false });
    });

    it('finds those of any merchant that rouse their payouts, as long as they do, and as many as were asked for', async () => {
      const rousing = [
        sampleBatch({ rousing: true }),
        sampleBatch({ rousing: true, merchantId: STRANGER }),
        sampleBatch(),
      ] as const;
      for (const batch of rousing) await store.insertBatch(batch);
      const found = async (limit: number) => sorted(await store.rousingBatches(limit), ({ id }) => id);
      assert.deepEqual(
        await found(10),
        sorted([rousing[0], rousing[1]], ({ id }) => id),
      );
      assert.equal((await found(1)).length, 1);
      await store.commitBatch(next(rousing[1]));
      const stirred = next(rousing[2], { rousing: true });
      assert.deepEqual(
        await found(10),
        sorted([rousing[0], next(rousing[1])], ({ id }) => id),
      );
      await store.commitBatch(next(next(rousing[1]), { rousing: false }));
      await store.commitBatch(stirred);
      store = await opened.reopen();
      assert.deepEqual(
        await found(10),
        sorted([rousing[0], stirred], ({ id }) => id),
      );
    });
  });

  describe('payouts in batches', () => {
    const { id: ONE } = sampleBatch();
    const { id: TWO } = sampleBatch();

    async function counts(id: BatchId): Promise<BatchCount[]> {
      return sorted(await store.batchCounts(MERCHANT, id), ({ state, parked }) => `${state} ${parked}`);
    }

    async function parkedIds(id: BatchId, limit = 100): Promise<string[]> {
      return (await store.parked(MERCHANT, id, limit)).map((payout) => payout.id).sort();
    }

    it('are counted by state, those that are parked apart, and nobody else with them', async () => {
      for (const parked of [false, false, true]) await insert({ batch: ONE, parked });
      for (const state of ['COMPLETED', 'COMPLETED', 'FAILED'] as const) await insert({ batch: ONE, state });
      await insert({ batch: TWO });
      await insert();
      assert.deepEqual(await counts(ONE), [
        { state: 'COMPLETED', parked: false, count: 2 },
        { state: 'FAILED', parked: false, count: 1 },
        { state: 'QUEUED', parked: false, count: 2 },
        { state: 'QUEUED', parked: true, count: 1 },
      ]);
      assert.deepEqual(await counts(TWO), [{ state: 'QUEUED', parked: false, count: 1 }]);
      assert.deepEqual(await counts('pb_absent' as BatchId), []);
    });

    it('are counted where they came to, and a state that one has is counted once whether it is parked or not', async () => {
      const [sent, parked] = [await insert({ batch: ONE }), await insert({ batch: ONE })];
      await step(sent, { state: 'PROCESSING' });
      const waiting = await step(parked, { parked: true });
      assert.deepEqual(await counts(ONE), [
        { state: 'PROCESSING', parked: false, count: 1 },
        { state: 'QUEUED', parked: true, count: 1 },
      ]);
      await step(waiting, { state: 'PROCESSING' });
      store = await opened.reopen();
      assert.deepEqual(await counts(ONE), [{ state: 'PROCESSING', parked: false, count: 2 }]);
    });

    it('are found where they are parked, in whatever state, until they are told to go on', async () => {
      const [first, second] = [await insert({ batch: ONE, parked: true }), await insert({ batch: ONE })];
      await insert({ batch: TWO, parked: true });
      const parked = await step(second, { parked: true, state: 'PROCESSING' });
      assert.deepEqual(
        sorted(await store.parked(MERCHANT, ONE, 10), ({ id }) => id),
        sorted([first, parked], ({ id }) => id),
      );
      assert.equal((await parkedIds(ONE, 1)).length, 1);
      const leased = await store.lease({
        providers: new Map([[first.provider, 10]]),
        states: ['QUEUED'],
        now: NOON,
        leaseMs: 1000,
        owner: 'worker-1',
      });
      assert.ok(leased.some(({ id }) => id === first.id));
      assert.deepEqual(await parkedIds(ONE), [first.id, second.id].sort());
      const roused = nextVersion(parked, { parked: false });
      assert.equal(await store.commit(roused, null), 'committed');
      assert.deepEqual(await parkedIds(ONE), [first.id]);
      store = await opened.reopen();
      assert.deepEqual(await parkedIds(ONE), [first.id]);
    });

    it('come in pages of their batch alone, newest first and each once, from either end', async () => {
      const own: Payout[] = [];
      for (const ms of [0, 0, 0, 1, 2, 2]) {
        own.push(await insert({ batch: ONE, createdAt: afterNoon(ms) }));
        await insert({ batch: TWO, createdAt: afterNoon(ms) });
        await insert({ createdAt: afterNoon(ms) });
      }
      own.sort((a, b) => b.createdAt.getTime() - a.createdAt.getTime() || (a.id < b.id ? 1 : -1));
      for (const direction of ['forward', 'backward'] as const) {
        const pages: Payout[][] = [];
        for (let from: PageQuery['from'] = null; ; ) {
          const query = { merchantId: MERCHANT, filter: { batch: ONE }, limit: 4, direction, from, until: null };
          const { payouts, more } = await store.page(query);
          pages.push([...payouts]);
          const edge = direction === 'forward' ? payouts.at(-1) : payouts[0];
          if (!more || edge === undefined) break;
          from = { createdAt: edge.createdAt, id: edge.id };
        }
        assert.deepEqual(direction === 'forward' ? pages.flat() : pages.toReversed().flat(), own);
        assert.equal(pages.length, 2);
      }
    });

    it('are filtered within their batch by everything that payouts are filtered by', async () => {
      const order = samplePayout().order;
      const euros = { ...order, amount: { ...order.amount, currency: 'EUR' } };
      const first = await insert({ batch: ONE, createdAt: afterNoon(0), state: 'FAILED', provider: BETA });
      const second = await insert({ batch: ONE, createdAt: afterNoon(1), order: euros });
      const third = await insert({ batch: ONE, createdAt: afterNoon(2), state: 'COMPLETED' });
      await insert({ batch: TWO, state: 'COMPLETED' });
      const filtered = async (filter: PageQuery['filter']) => {
        const query = { merchantId: MERCHANT, filter: { batch: ONE, ...filter }, limit: 10, ...FIRST };
        return (await store.page(query)).payouts;
      };
      assert.deepEqual(await filtered({ states: ['COMPLETED', 'FAILED'] }), [third, first]);
      assert.deepEqual(await filtered({ providers: [BETA] }), [first]);
      assert.deepEqual(await filtered({ currency: 'EUR' }), [second]);
      assert.deepEqual(await filtered({ createdFrom: afterNoon(1), createdBefore: afterNoon(2) }), [second]);
      assert.deepEqual(await filtered({ states: ['FAILED'], currency: 'EUR' }), []);
    });
  });

  describe('bulletins', () => {
    const bulletin = (process: string, ms: number, text = `{"at":${ms}}`): Bulletin => ({
      process,
      at: afterNoon(ms),
      text,
    });
    const since = async (ms: number) => sorted(await store.bulletins(afterNoon(ms)), ({ process }) => process);

    it('are one for each process, its newest, and say what was posted', async () => {
      const text = '{"$set":"ключ \\u0000 “备注”"}';
      await store.post(bulletin('worker-1', 0));
      await store.post(bulletin('$worker.2', 1));
      await store.post(bulletin('worker-1', 5, text));
      store = await opened.reopen();
      assert.deepEqual(await since(0), [bulletin('$worker.2', 1), bulletin('worker-1', 5, text)]);
    });

    it('are found from an instant on, that instant included', async () => {
      for (const ms of [1, 2, 3]) await store.post(bulletin(`worker-${ms}`, ms));
      assert.deepEqual(await since(2), [bulletin('worker-2', 2), bulletin('worker-3', 3)]);
      assert.deepEqual(await since(4), []);
    });

    it('stay one where a process posts its first ones all at once', async () => {
      await Promise.all(Array.from({ length: 16 }, (_, ms) => store.post(bulletin('worker-1', ms))));
      assert.equal((await since(0)).length, 1);
    });

    it('go when a newer one is posted a week later, and not before', async () => {
      await store.post(bulletin('gone', 0));
      await store.post(bulletin('here', 1));
      await store.post(bulletin('new', WEEK_MS));
      assert.equal((await since(0)).length, 3);
      await store.post(bulletin('new', WEEK_MS + 1));
      assert.deepEqual(await since(0), [bulletin('here', 1), bulletin('new', WEEK_MS + 1)]);
    });
  });
}

const FIRST = { direction: 'forward', from: null, until: null } as const;
