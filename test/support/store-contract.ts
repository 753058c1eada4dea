import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { BatchId } from '../../src/domain/batch.ts';
import { StartupError } from '../../src/domain/errors.ts';
import type { MerchantId } from '../../src/domain/merchant.ts';
import type { Payout, PayoutEvent, PayoutId, PayoutState } from '../../src/domain/payout.ts';
import type { ProviderId } from '../../src/domain/provider.ts';
import type {
  AttentionQuery,
  Environment,
  EventFilter,
  LeaseRequest,
  PageKey,
  PageQuery,
  Position,
  Sealed,
  Store,
} from '../../src/domain/store.ts';
import {
  afterNoon,
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
} from './payouts.ts';
import { describeBatches } from './store-contract-batches.ts';

/** A new, empty SANDBOX store of one adapter, for one test. */
export interface OpenedStore {
  readonly store: Store;
  /** Closes the store and opens what it left, as the environment it was made for unless told otherwise. */
  reopen(environment?: Environment): Promise<Store>;
  /** Closes what is open and removes every trace. */
  close(): Promise<void>;
}

const MERCHANT = 'me_sample' as MerchantId;
const STRANGER = 'me_stranger' as MerchantId;
const ALPHA = 'ALPHA' as ProviderId;
const BETA = 'BETA' as ProviderId;
const BATCH = 'pb_sample' as BatchId;

/** What every store must do, whatever it is made of. `open` is called before each test. */
export function describeStore(name: string, open: () => Promise<OpenedStore>): void {
  describe(`${name}, as a store,`, () => {
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

    async function read(payout: Payout): Promise<Payout | undefined> {
      return (await store.payouts(payout.merchantId, [payout.id])).get(payout.id);
    }

    /** Everything after a position, each event once, and where the log ended. */
    async function drain(
      after: Position | null,
      filter: Partial<EventFilter> = {},
      limit = 100,
    ): Promise<{ events: PayoutEvent[]; position: Position }> {
      const events = new Map<string, PayoutEvent>();
      for (let from = after; ; ) {
        const page = await store.events(from, { merchantId: MERCHANT, ...filter }, limit);
        for (const { event } of page.events) events.set(event.id, event);
        from = page.position;
        if (!page.more) return { events: [...events.values()], position: from };
      }
    }

    function leaseRequest(overrides: Partial<LeaseRequest> = {}): LeaseRequest {
      return {
        providers: new Map([[ALPHA, 10]]),
        states: ['QUEUED'],
        now: NOON,
        leaseMs: 30_000,
        owner: 'worker-1',
        ...overrides,
      };
    }

    async function leasedIds(overrides: Partial<LeaseRequest> = {}): Promise<PayoutId[]> {
      return (await store.lease(leaseRequest(overrides))).map((payout) => payout.id);
    }

    describe('payouts', () => {
      it('gives back every field exactly as it was stored', async () => {
        const payout = fullPayout();
        await store.insert(payout, sampleEvent(payout));
        assert.deepEqual(await read(payout), payout);
        assert.deepEqual(await store.byReference(payout.merchantId, payout.reference), payout);
        const after = nextStep(payout, { nextCheckAt: null, lease: null, sendBefore: null, closure: null });
        assert.equal(await store.commit(after, sampleEvent(after)), 'committed');
        store = await opened.reopen();
        assert.deepEqual(await read(payout), after);
      });

      it('gives back every field of an event exactly as it was stored', async () => {
        const payout = samplePayout();
        const event = sampleEvent(payout, {
          at: afterNoon(1),
          source: 'WEBHOOK',
          actor: 'OXAPAY',
          previousState: 'IN_DOUBT',
          vendorStatus: 'подтверждено',
          note: '“备注” \\ \u0000',
        });
        await store.insert(payout, event);
        store = await opened.reopen();
        assert.deepEqual((await store.event(MERCHANT, event.id))?.event, event);
        assert.deepEqual((await drain(null)).events, [event]);
      });

      it('stores one payout when 64 callers insert one reference at once, and answers it to all', async () => {
        const rivals = Array.from({ length: 64 }, (_, index) =>
          samplePayout({ reference: 'the one', metadata: [{ key: 'caller', value: String(index) }] }),
        );
        const answers = await Promise.all(rivals.map((payout) => store.insert(payout, sampleEvent(payout))));
        assert.equal(answers.filter((answer) => answer.replayed).length, 63);
        const stored = await store.byReference(MERCHANT, 'the one');
        for (const answer of answers) assert.deepEqual(answer.payout, stored);
        assert.equal((await drain(null)).events.length, 1);
      });

      it('answers a known reference with the payout as it stands, however far it has come', async () => {
        const payout = await insert({ reference: 'known' });
        const after = await step(payout, { state: 'COMPLETED', nextCheckAt: null });
        const again = samplePayout({ reference: 'known' });
        assert.deepEqual(await store.insert(again, sampleEvent(again)), { payout: after, replayed: true });
      });

      it('lets two merchants use the same reference', async () => {
        await insert({ reference: 'shared' });
        const other = samplePayout({ reference: 'shared', merchantId: STRANGER });
        assert.equal((await store.insert(other, sampleEvent(other))).replayed, false);
      });

      it('commits exactly one of 100 rivals on the same version', async () => {
        const payout = await insert();
        const rivals = Array.from({ length: 100 }, (_, quietChecks) => nextStep(payout, { quietChecks }));
        const answers = await Promise.all(rivals.map((after) => store.commit(after, sampleEvent(after))));
        const winners = rivals.filter((_, index) => answers[index] === 'committed');
        assert.equal(winners.length, 1);
        assert.deepEqual(await read(payout), winners[0]);
        assert.equal((await drain(null)).events.length, 2);
      });

      it('answers stale for a version that is not the next one, and for a payout that is not there', async () => {
        const payout = await insert();
        const ahead = nextVersion(nextVersion(payout));
        assert.equal(await store.commit(ahead, null), 'stale');
        assert.equal(await store.commit(payout, null), 'stale');
        assert.equal(await store.commit(nextVersion(samplePayout()), null), 'stale');
        assert.deepEqual(await read(payout), payout);
      });

      it('writes no event for a stale commit', async () => {
        const payout = await insert();
        const ahead = { ...nextStep(payout), version: 9 };
        assert.equal(await store.commit(ahead, sampleEvent(ahead)), 'stale');
        assert.equal((await drain(null)).events.length, 1);
      });

      it('changes nothing when the event has a sequence that the payout already has', async () => {
        const payout = await insert();
        const after = nextVersion(payout, { state: 'COMPLETED' });
        const repeated = sampleEvent(after, { id: `${sampleEvent(after).id}again` as PayoutEvent['id'] });
        await assert.rejects(store.commit(after, repeated));
        assert.deepEqual(await read(payout), payout);
        assert.equal((await drain(null)).events.length, 1);
      });

      it('moves a payout without an event', async () => {
        const payout = await insert();
        const after = nextVersion(payout, { quietChecks: 1 });
        assert.equal(await store.commit(after, null), 'committed');
        assert.deepEqual(await read(payout), after);
        assert.equal((await drain(null)).events.length, 1);
      });

      it('reads many payouts at once, and leaves out the ids that are not there', async () => {
        const payouts = await Promise.all(Array.from({ length: 5 }, () => insert()));
        const ids = [...payouts.map((payout) => payout.id), 'po_absent' as PayoutId];
        const found = await store.payouts(MERCHANT, ids);
        assert.deepEqual(new Map(found), new Map(payouts.map((payout) => [payout.id, payout])));
        assert.equal((await store.payouts(MERCHANT, [])).size, 0);
      });

      it("shows a merchant nothing of another's", async () => {
        const payout = await insert();
        const event = sampleEvent(payout);
        const every = { after: 0, before: 100, limit: 10, last: false };
        assert.equal((await store.payouts(STRANGER, [payout.id])).size, 0);
        assert.equal(await store.byReference(STRANGER, payout.reference), null);
        assert.equal(await store.event(STRANGER, event.id), null);
        assert.deepEqual(await store.payoutEvents(STRANGER, payout.id, every), []);
        assert.deepEqual((await store.page(pageQuery({ merchantId: STRANGER }))).payouts, []);
        assert.deepEqual((await drain(null, { merchantId: STRANGER })).events, []);
        assert.deepEqual((await drain(null, { merchantId: STRANGER, payoutIds: [payout.id] })).events, []);
      });

      it('keeps what it answered when it is opened again', async () => {
        const payouts = await Promise.all(Array.from({ length: 20 }, () => insert()));
        const moved = await Promise.all(payouts.map((payout) => step(payout, { state: 'PROCESSING' })));
        store = await opened.reopen();
        for (const payout of moved) assert.deepEqual(await read(payout), payout);
        assert.equal((await drain(null)).events.length, 40);
      });
    });

    function pageQuery(overrides: Partial<PageQuery> = {}): PageQuery {
      return {
        merchantId: MERCHANT,
        filter: {},
        limit: 100,
        direction: 'forward',
        from: null,
        until: null,
        ...overrides,
      };
    }

    const keyOf = ({ createdAt, id }: Payout): PageKey => ({ createdAt, id });

    describe('pages', () => {
      /** Eight payouts at three instants, newest first. */
      async function insertEight(): Promise<Payout[]> {
        const instants = [0, 0, 0, 1, 1, 2, 2, 2];
        const payouts = await Promise.all(instants.map((ms) => insert({ createdAt: afterNoon(ms) })));
        await insert({ merchantId: STRANGER });
        return payouts.sort((a, b) => b.createdAt.getTime() - a.createdAt.getTime() || (a.id < b.id ? 1 : -1));
      }

      /** Every page from one end to the other, in the order that they were read. */
      async function walk(overrides: Partial<PageQuery>): Promise<Payout[][]> {
        const pages: Payout[][] = [];
        for (let from: PageKey | null = null; ; ) {
          const page = await store.page(pageQuery({ limit: 3, from, ...overrides }));
          pages.push([...page.payouts]);
          const edge = overrides.direction === 'backward' ? page.payouts[0] : page.payouts.at(-1);
          if (!page.more || edge === undefined) return pages;
          from = keyOf(edge);
        }
      }

      it('gives each payout once, newest first, where many have the same instant', async () => {
        const payouts = await insertEight();
        const pages = await walk({ direction: 'forward' });
        assert.deepEqual(pages.flat(), payouts);
        assert.deepEqual(
          pages.map((page) => page.length),
          [3, 3, 2],
        );
      });

      it('gives the same order backward', async () => {
        const payouts = await insertEight();
        const pages = await walk({ direction: 'backward' });
        assert.deepEqual(pages.toReversed().flat(), payouts);
      });

      it('stops at the far bound', async () => {
        const payouts = await insertEight();
        const [, second, , , , , seventh] = payouts;
        assert.ok(second && seventh);
        const between = { from: keyOf(second), until: keyOf(seventh) };
        assert.deepEqual(await store.page(pageQuery(between)), { payouts: payouts.slice(2, 6), more: false });
        const backward = { direction: 'backward', from: between.until, until: between.from, limit: 3 } as const;
        assert.deepEqual(await store.page(pageQuery(backward)), { payouts: payouts.slice(3, 6), more: true });
      });

      it('filters by state, provider, currency and time of creation', async () => {
        const order = samplePayout().order;
        const euros = { ...order, amount: { ...order.amount, currency: 'EUR' } };
        const first = await insert({ createdAt: afterNoon(0), state: 'FAILED', provider: BETA });
        const second = await insert({ createdAt: afterNoon(1), order: euros });
        const third = await insert({ createdAt: afterNoon(2), state: 'COMPLETED' });
        const filtered = async (filter: PageQuery['filter']) => (await store.page(pageQuery({ filter }))).payouts;
        assert.deepEqual(await filtered({ states: ['COMPLETED', 'FAILED'] }), [third, first]);
        assert.deepEqual(await filtered({ states: [] }), []);
        assert.deepEqual(await filtered({ providers: [BETA] }), [first]);
        assert.deepEqual(await filtered({ currency: 'EUR' }), [second]);
        assert.deepEqual(await filtered({ createdFrom: afterNoon(1) }), [third, second]);
        assert.deepEqual(await filtered({ createdBefore: afterNoon(2) }), [second, first]);
        assert.deepEqual(await filtered({ createdFrom: afterNoon(1), createdBefore: afterNoon(2) }), [second]);
        assert.deepEqual(await filtered({ states: ['FAILED'], providers: [ALPHA] }), []);
      });

      it('follows a payout into the state it moved to', async () => {
        const after = await step(await insert(), { state: 'IN_DOUBT' });
        const inState = async (state: PayoutState) =>
          (await store.page(pageQuery({ filter: { states: [state] } }))).payouts;
        assert.deepEqual(await inState('QUEUED'), []);
        assert.deepEqual(await inState('IN_DOUBT'), [after]);
      });

      it('keeps to the time bound where a page starts from a key', async () => {
        const payouts = await insertEight();
        const [first] = payouts;
        assert.ok(first);
        const query = { from: keyOf(first), filter: { createdFrom: afterNoon(1), createdBefore: afterNoon(2) } };
        assert.deepEqual((await store.page(pageQuery(query))).payouts, payouts.slice(3, 5));
      });
    });

    describe('what needs a person', () => {
      async function attention(overrides: Partial<AttentionQuery> = {}): Promise<readonly Payout[]> {
        return store.attention({ merchantId: MERCHANT, limit: 100, after: null, ...overrides });
      }
      const since = (...ms: number[]): Payout['attention'] =>
        ms.map((each) => ({ reason: 'OVERDUE', since: afterNoon(each), message: 'late' }));

      it('is listed from its earliest reason on, and what is in doubt from its last change on', async () => {
        await insert();
        const third = await insert({ attention: since(50, 30, 40) });
        const first = await insert({ state: 'IN_DOUBT', updatedAt: afterNoon(10) });
        const second = await insert({ state: 'IN_DOUBT', updatedAt: afterNoon(60), attention: since(20) });
        assert.deepEqual(await attention(), [first, second, third]);
      });

      it('comes onto the list and leaves it with the commits that make it so, and a lease changes nothing', async () => {
        const doubted = await step(await insert(), { state: 'IN_DOUBT', updatedAt: afterNoon(5) });
        assert.deepEqual(await attention(), [doubted]);
        const [leased] = await store.lease(leaseRequest({ states: ['IN_DOUBT'] }));
        assert.ok(leased);
        assert.deepEqual(await attention(), [leased]);
        const settled = await step(leased, { state: 'COMPLETED' });
        assert.deepEqual(await attention(), []);
        const raised = await step(settled, { attention: since(7) });
        store = await opened.reopen();
        assert.deepEqual(await attention(), [raised]);
      });

      it('is paged by instant and id, each payout once, also where many have one instant', async () => {
        const payouts = await Promise.all([3, 3, 3, 1, 1, 2].map((ms) => insert({ attention: since(ms) })));
        const at = ({ attention: [one] }: Payout): number => one?.since.getTime() ?? 0;
        payouts.sort((a, b) => at(a) - at(b) || (a.id < b.id ? -1 : 1));
        const walked: Payout[] = [];
        for (let after: AttentionQuery['after'] = null; ; ) {
          const page = await attention({ limit: 2, after });
          walked.push(...page);
          const last = page.at(-1);
          if (last === undefined) break;
          after = { since: new Date(at(last)), id: last.id };
        }
        assert.deepEqual(walked, payouts);
      });

      it("is one merchant's, or every merchant's", async () => {
        const own = await insert({ attention: since(2) });
        const foreign = await insert({ attention: since(1), merchantId: STRANGER });
        assert.deepEqual(await attention(), [own]);
        assert.deepEqual(await attention({ merchantId: STRANGER }), [foreign]);
        assert.deepEqual(await attention({ merchantId: null }), [foreign, own]);
        assert.deepEqual(await attention({ merchantId: null, limit: 1 }), [foreign]);
        const after = { since: afterNoon(1), id: foreign.id };
        assert.deepEqual(await attention({ merchantId: null, after }), [own]);
      });
    });

    describe('queues', () => {
      it('are counted for a provider, of one merchant or of all, with what waits longest', async () => {
        await insert({ createdAt: afterNoon(3) });
        await insert({ createdAt: afterNoon(2) });
        await insert({ createdAt: afterNoon(1), merchantId: STRANGER });
        await insert({ createdAt: afterNoon(0), provider: BETA });
        await insert({ createdAt: afterNoon(0), state: 'PROCESSING' });
        assert.deepEqual(await store.queue(ALPHA, MERCHANT), { count: 2, oldestAt: afterNoon(2) });
        assert.deepEqual(await store.queue(ALPHA, null), { count: 3, oldestAt: afterNoon(1) });
        assert.deepEqual(await store.queue(BETA, STRANGER), { count: 0, oldestAt: null });
        assert.deepEqual(await store.queue('GAMMA' as ProviderId, null), { count: 0, oldestAt: null });
      });

      it('lose a payout that is sent, and have it again when it was not taken', async () => {
        const sent = await step(await insert(), { state: 'SUBMITTING' });
        assert.deepEqual(await store.queue(ALPHA, MERCHANT), { count: 0, oldestAt: null });
        await step(sent, { state: 'QUEUED' });
        assert.deepEqual(await store.queue(ALPHA, null), { count: 1, oldestAt: NOON });
      });
    });

    const sealedAs = (text: string, keyId = 'first'): Sealed => ({ keyId, bytes: Buffer.from(text) });

    describe('sealed records', () => {
      async function textOf({ id }: Payout, kind = 'body'): Promise<string | undefined> {
        return (await store.getSealed(id, kind))?.bytes.toString();
      }

      it('give back the bytes and their key, and null for a kind that was never put', async () => {
        const payout = samplePayout();
        const sealed = { keyId: 'key-1', bytes: Buffer.from([0, 255, 10, 13, 0]) };
        await store.putSealed(payout.id, 'body', sealed);
        store = await opened.reopen();
        assert.deepEqual(await store.getSealed(payout.id, 'body'), sealed);
        assert.equal(await store.getSealed(payout.id, 'other'), null);
      });

      it('keep the first of two with one kind, and its key', async () => {
        const { id } = samplePayout();
        await Promise.all(['first', 'second'].map((text) => store.putSealed(id, 'body', sealedAs(text, text))));
        const kept = await store.getSealed(id, 'body');
        assert.ok(kept);
        assert.deepEqual(kept, sealedAs(kept.keyId, kept.keyId));
        await store.putSealed(id, 'body', sealedAs('third', 'third'));
        assert.deepEqual(await store.getSealed(id, 'body'), kept);
      });

      it('are dropped one by one, and may be put again', async () => {
        const payout = samplePayout();
        await store.putSealed(payout.id, 'body', sealedAs('kept'));
        await store.putSealed(payout.id, 'document', sealedAs('dropped'));
        await store.dropSealed(payout.id, 'document');
        await store.dropSealed(payout.id, 'document');
        assert.equal(await store.getSealed(payout.id, 'document'), null);
        assert.equal(await textOf(payout), 'kept');
        await store.putSealed(payout.id, 'document', sealedAs('again'));
        assert.equal(await textOf(payout, 'document'), 'again');
      });

      it('are found under every key but one, as many as were asked for', async () => {
        const { id } = samplePayout();
        const keyIds = ['', 'a', 'new', 'old', 'z'];
        for (const keyId of keyIds) await store.putSealed(id, `kind of ${keyId}`, sealedAs(keyId, keyId));
        const others = await store.sealedUnderOtherKeys('new', 100);
        const found = others.toSorted((one, other) => (one.sealed.keyId < other.sealed.keyId ? -1 : 1));
        assert.deepEqual(
          found,
          keyIds
            .filter((keyId) => keyId !== 'new')
            .map((keyId) => ({ payoutId: id, kind: `kind of ${keyId}`, sealed: sealedAs(keyId, keyId) })),
        );
        assert.equal((await store.sealedUnderOtherKeys('new', 3)).length, 3);
        assert.equal((await store.sealedUnderOtherKeys('absent', 100)).length, 5);
      });

      it('come under another key only as long as they are as they were', async () => {
        const payout = samplePayout();
        const key = { payoutId: payout.id, kind: 'body' };
        await store.putSealed(payout.id, 'body', sealedAs('old words', 'old'));
        assert.equal(await store.resealed(key, sealedAs('other', 'old'), sealedAs('wrong', 'new')), false);
        assert.equal(await store.resealed(key, sealedAs('old words', 'other'), sealedAs('wrong', 'new')), false);
        assert.equal(await store.resealed(key, sealedAs('old words', 'old'), sealedAs('new words', 'new')), true);
        assert.equal(await store.resealed(key, sealedAs('old words', 'old'), sealedAs('wrong', 'late')), false);
        store = await opened.reopen();
        assert.deepEqual(await store.getSealed(payout.id, 'body'), sealedAs('new words', 'new'));
        assert.deepEqual(await store.sealedUnderOtherKeys('new', 10), []);
      });

      it('do not come back by a change of key once they were dropped', async () => {
        const { id } = samplePayout();
        await store.putSealed(id, 'body', sealedAs('gone', 'old'));
        await store.dropSealed(id, 'body');
        const key = { payoutId: id, kind: 'body' };
        assert.equal(await store.resealed(key, sealedAs('gone', 'old'), sealedAs('back', 'new')), false);
        assert.equal(await store.getSealed(id, 'body'), null);
      });

      it('are all forgotten once the payout is final, and only for its own merchant', async () => {
        const payout = await insert();
        const neighbour = await insert();
        for (const { id } of [payout, neighbour]) {
          await store.putSealed(id, 'body', sealedAs('kept'));
          await store.putSealed(id, 'parties', sealedAs('kept', 'second'));
        }
        assert.equal(await store.erase(MERCHANT, payout.id), false);
        const final = await step(payout, { state: 'COMPLETED', nextCheckAt: null });
        assert.equal(await store.erase(STRANGER, payout.id), false);
        assert.equal(await store.erase(MERCHANT, 'po_absent' as PayoutId), false);
        assert.equal(await textOf(payout), 'kept');
        assert.equal(await store.erase(MERCHANT, payout.id), true);
        for (const kind of ['body', 'parties']) {
          assert.equal(await store.getSealed(payout.id, kind), null);
          assert.equal(await textOf(neighbour, kind), 'kept');
        }
        assert.deepEqual(await read(payout), final);
        assert.equal((await drain(null, { payoutIds: [payout.id] })).events.length, 2);
      });
    });

    describe('orders at providers', () => {
      it('gives one provider reference to one attempt, however many ask at once', async () => {
        const rivals = Array.from({ length: 16 }, () => ({ payoutId: samplePayout().id, attempt: 1 }));
        const claim = (attempt: (typeof rivals)[number]) => store.claimReference(ALPHA, 'project', 'ref', attempt);
        const first = await Promise.all(rivals.map(claim));
        assert.equal(first.filter((won) => won).length, 1);
        assert.deepEqual(await Promise.all(rivals.map(claim)), first);
      });

      it("keeps one payout's attempts, providers and accounts apart in claims", async () => {
        const payoutId = samplePayout().id;
        assert.equal(await store.claimReference(ALPHA, 'project', 'ref', { payoutId, attempt: 1 }), true);
        assert.equal(await store.claimReference(ALPHA, 'project', 'ref', { payoutId, attempt: 2 }), false);
        assert.equal(await store.claimReference(ALPHA, 'another', 'ref', { payoutId, attempt: 2 }), true);
        assert.equal(await store.claimReference(BETA, 'project', 'ref', { payoutId, attempt: 2 }), true);
      });

      it('finds a payout and its attempt by order number, and by reference once that is known', async () => {
        const [one, two] = [sampleAttempt(), sampleAttempt({ number: 2 })];
        await insert({ attempts: [sampleAttempt()] });
        const payout = await step(await insert(), { attempts: [one, two] });
        const byNumber = { orderNumber: two.orderNumber, providerReference: null };
        const byReference = { orderNumber: null, providerReference: 'theirs' };
        assert.deepEqual(await store.findByOrder(ALPHA, 'default', byNumber), { payout, attempt: 2 });
        assert.equal(await store.findByOrder(ALPHA, 'default', byReference), null);

        const bound = await step(payout, { attempts: [{ ...one, providerReference: 'theirs' }, two] });
        assert.deepEqual(await store.findByOrder(ALPHA, 'default', byReference), { payout: bound, attempt: 1 });
        const both = { ...byNumber, providerReference: 'theirs' };
        assert.deepEqual(await store.findByOrder(ALPHA, 'default', both), { payout: bound, attempt: 2 });
      });

      it("does not find an order of another provider or account, nor one of a commit that didn't happen", async () => {
        const attempt = sampleAttempt({ providerReference: 'theirs' });
        const payout = await insert({ attempts: [attempt] });
        for (const key of [
          { orderNumber: attempt.orderNumber, providerReference: null },
          { orderNumber: null, providerReference: 'theirs' },
        ]) {
          assert.equal(await store.findByOrder(BETA, 'default', key), null);
          assert.equal(await store.findByOrder(ALPHA, 'second', key), null);
        }
        const unborn = sampleAttempt({ number: 2 });
        await store.commit({ ...payout, version: 9, attempts: [attempt, unborn] }, null);
        const key = { orderNumber: unborn.orderNumber, providerReference: null };
        assert.equal(await store.findByOrder(ALPHA, 'default', key), null);
      });
    });

    describe('leases', () => {
      it('gives a due payout to one worker alone, and says so in the payout', async () => {
        const payout = await insert();
        const workers = Array.from({ length: 8 }, (_, index) => `worker-${index}`);
        const answers = await Promise.all(workers.map((owner) => store.lease(leaseRequest({ owner }))));
        const [leased, ...others] = answers.flat();
        assert.deepEqual(others, []);
        const owner = workers[answers.findIndex((answer) => answer.length === 1)];
        assert.ok(owner);
        assert.deepEqual(leased, { ...payout, version: 2, lease: { owner, fence: 2, until: afterNoon(30_000) } });
        assert.deepEqual(await read(payout), leased);
      });

      it('never gives one payout to two workers among many that lease at once', async () => {
        await Promise.all(Array.from({ length: 40 }, () => insert()));
        const providers = new Map([[ALPHA, 7]]);
        const answers = await Promise.all(Array.from({ length: 8 }, () => leasedIds({ providers })));
        assert.equal(new Set(answers.flat()).size, answers.flat().length);
        // A worker that lost every race may go home with less: together they miss nothing by asking again.
        const rest = await leasedIds({ providers: new Map([[ALPHA, 40]]) });
        assert.equal(new Set([...answers.flat(), ...rest]).size, 40);
      });

      it('hides a payout until its lease ends, and gives the next worker a greater fence', async () => {
        await insert();
        const [first] = await store.lease(leaseRequest());
        assert.deepEqual(await leasedIds({ now: afterNoon(29_999) }), []);
        const [second] = await store.lease(leaseRequest({ now: afterNoon(30_000), owner: 'worker-2' }));
        assert.ok(first?.lease && second?.lease);
        assert.equal(second.lease.owner, 'worker-2');
        assert.ok(second.lease.fence > first.lease.fence);
      });

      it('makes a write of the worker that lost its lease stale', async () => {
        await insert();
        const [first] = await store.lease(leaseRequest());
        await store.lease(leaseRequest({ now: afterNoon(30_000) }));
        assert.ok(first);
        assert.equal(await store.commit(nextVersion(first), null), 'stale');
      });

      it('hides a leased payout through commits that keep the lease, whatever their next check', async () => {
        await insert();
        const [leased] = await store.lease(leaseRequest());
        assert.ok(leased);
        const hinted = await step(leased, { nextCheckAt: afterNoon(1) });
        assert.deepEqual(await leasedIds({ now: afterNoon(29_999) }), []);
        await step(hinted, { nextCheckAt: afterNoon(50_000) });
        assert.deepEqual(await leasedIds({ now: afterNoon(49_999) }), []);
        assert.equal((await leasedIds({ now: afterNoon(50_000) })).length, 1);
      });

      it('gives a payout again at its next check once the lease is given back, and never where there is none', async () => {
        await insert();
        const [leased] = await store.lease(leaseRequest());
        assert.ok(leased);
        const released = await step(leased, { lease: null, nextCheckAt: afterNoon(5_000) });
        assert.deepEqual(await leasedIds({ now: afterNoon(4_999) }), []);
        const [again] = await store.lease(leaseRequest({ now: afterNoon(5_000) }));
        assert.equal(again?.id, released.id);
        await step(again, { lease: null, nextCheckAt: null });
        assert.deepEqual(await leasedIds({ now: afterNoon(1e9) }), []);
      });

      it('keeps to the limit of each provider, the longest due first', async () => {
        const payouts = await Promise.all(
          [3, 1, 2, 4].map((ms) => insert({ nextCheckAt: afterNoon(ms), state: ms === 1 ? 'PROCESSING' : 'QUEUED' })),
        );
        const other = await insert({ provider: BETA });
        await insert({ provider: 'GAMMA' as ProviderId });
        const providers = new Map([
          [ALPHA, 2],
          [BETA, 5],
        ]);
        const request = { providers, states: ['QUEUED', 'PROCESSING'], now: afterNoon(10) } as const;
        const ids = await leasedIds(request);
        assert.deepEqual(new Set(ids), new Set([payouts[1]?.id, payouts[2]?.id, other.id]));
        assert.deepEqual(await leasedIds({ ...request, providers: new Map([[ALPHA, 0]]) }), []);
        assert.deepEqual(await leasedIds({ ...request, providers: new Map([[ALPHA, -1]]) }), []);
      });

      it('takes only the states that were asked for, and only what is due', async () => {
        await insert({ state: 'SUBMITTING' });
        await insert({ nextCheckAt: afterNoon(1) });
        await insert({ nextCheckAt: null });
        assert.deepEqual(await leasedIds(), []);
        assert.equal((await leasedIds({ states: ['SUBMITTING', 'IN_DOUBT'] })).length, 1);
      });

      it('keeps a lease when the store is opened again', async () => {
        await insert();
        await leasedIds();
        store = await opened.reopen();
        assert.deepEqual(await leasedIds(), []);
        assert.equal((await leasedIds({ now: afterNoon(30_000) })).length, 1);
      });
    });

    describe('the log', () => {
      it("holds each payout's events in order, without a gap, whatever the size of a reading", async () => {
        const payouts = await Promise.all(Array.from({ length: 5 }, () => insert()));
        for (const state of ['SUBMITTING', 'PROCESSING', 'COMPLETED'] as const) {
          await Promise.all(
            payouts.map(async (payout, index) => {
              payouts[index] = await step(payout, { state });
            }),
          );
        }
        for (const limit of [1, 3, 100]) {
          const { events } = await drain(null, {}, limit);
          assert.equal(events.length, 20);
          for (const payout of payouts) {
            const own = events.filter((event) => event.payoutId === payout.id);
            assert.deepEqual(
              own.map((event) => event.sequence),
              [1, 2, 3, 4],
            );
            assert.deepEqual(own.at(-1), sampleEvent(payout));
          }
        }
      });

      it('goes on from every position that it gave, after a restart too', async () => {
        let payout = await insert();
        for (let index = 0; index < 4; index += 1) payout = await step(payout);
        const { events } = await store.events(null, { merchantId: MERCHANT }, 100);
        store = await opened.reopen();
        for (const { event, position } of events) {
          assert.equal(store.knows(position), true);
          const later = (await drain(position)).events.filter((one) => one.sequence > event.sequence);
          assert.deepEqual(
            later.map((one) => one.sequence),
            [1, 2, 3, 4, 5].slice(event.sequence),
          );
        }
      });

      it('gives everything written after the head, and nothing is lost between readings', async () => {
        await insert();
        const head = await store.head(MERCHANT);
        const { position } = await drain(head);
        const later = await insert();
        for (const from of [head, position]) {
          const { events } = await drain(from);
          assert.ok(events.some((event) => event.payoutId === later.id));
        }
      });

      it('misses nothing while others write', async () => {
        const writers = Array.from({ length: 8 }, async () => {
          let payout = await insert();
          for (let index = 0; index < 10; index += 1) payout = await step(payout);
        });
        const writing = Promise.all(writers);
        const seen = new Set<string>();
        let position: Position | null = null;
        for (let round = 0; round < 5; round += 1) {
          const drained = await drain(position, {}, 4);
          for (const event of drained.events) seen.add(event.id);
          position = drained.position;
        }
        await writing;
        for (const event of (await drain(position)).events) seen.add(event.id);
        assert.equal(seen.size, 88);
      });

      it('filters events by merchant, payout, state and provider', async () => {
        const one = await step(await insert(), { state: 'SUBMITTING' });
        const two = await insert({ provider: BETA });
        const foreign = await insert({ merchantId: STRANGER });
        const ids = async (filter: Partial<EventFilter>) => {
          const { events } = await drain(null, filter, 1);
          return new Set(events.map((event) => `${event.payoutId}/${event.sequence}`));
        };
        const all = [`${one.id}/1`, `${one.id}/2`, `${two.id}/1`];
        assert.deepEqual(await ids({}), new Set(all));
        assert.deepEqual(await ids({ merchantId: STRANGER }), new Set([`${foreign.id}/1`]));
        assert.deepEqual(await ids({ payoutIds: [two.id, foreign.id] }), new Set([`${two.id}/1`]));
        assert.deepEqual(await ids({ payoutIds: [] }), new Set());
        assert.deepEqual(await ids({ states: ['SUBMITTING'] }), new Set([`${one.id}/2`]));
        assert.deepEqual(await ids({ providers: [BETA] }), new Set([`${two.id}/1`]));
        assert.deepEqual(await ids({ payoutIds: [one.id], states: ['QUEUED'] }), new Set([`${one.id}/1`]));
      });

      it('moves on where the filter lets nothing through', async () => {
        for (let index = 0; index < 5; index += 1) await insert();
        const { events, position } = await drain(null, { states: ['RETURNED'] }, 2);
        assert.deepEqual(events, []);
        const returned = await insert({ state: 'RETURNED' });
        const page = await store.events(position, { merchantId: MERCHANT, states: ['RETURNED'] }, 100);
        assert.deepEqual(
          page.events.map(({ event }) => event.payoutId),
          [returned.id],
        );
      });

      it("reads a range of one payout's events from either end", async () => {
        let payout = await insert();
        for (let index = 0; index < 5; index += 1) payout = await step(payout);
        const sequences = async (after: number, before: number, limit: number, last: boolean) => {
          const events = await store.payoutEvents(MERCHANT, payout.id, { after, before, limit, last });
          return events.map(({ event }) => event.sequence);
        };
        const end = Number.MAX_SAFE_INTEGER;
        assert.deepEqual(await sequences(0, end, 100, false), [1, 2, 3, 4, 5, 6]);
        assert.deepEqual(await sequences(2, 6, 2, false), [3, 4]);
        assert.deepEqual(await sequences(2, 6, 2, true), [4, 5]);
        assert.deepEqual(await sequences(6, end, 2, false), []);
      });

      it('finds an event by its id, with its place in the log', async () => {
        const payout = await insert();
        const after = await step(payout, { state: 'SUBMITTING' });
        const found = await store.event(MERCHANT, sampleEvent(payout).id);
        assert.deepEqual(found?.event, sampleEvent(payout));
        const { events } = await drain(found?.position ?? null);
        assert.deepEqual(events.at(-1), sampleEvent(after));
        assert.equal(await store.event(MERCHANT, 'ev_absent' as PayoutEvent['id']), null);
      });

      it('knows its own positions alone', async () => {
        await insert();
        const position = await store.head(MERCHANT);
        assert.equal(store.knows(position), true);
        for (const text of ['', 'x', '0', `${position} `, `${position}.1`, position.slice(1), '💸'.repeat(1000)]) {
          assert.equal(store.knows(text), false, text);
        }
        const other = await open();
        try {
          const payout = samplePayout();
          await other.store.insert(payout, sampleEvent(payout));
          assert.equal(other.store.knows(position), false);
          await assert.rejects(other.store.events(position, { merchantId: MERCHANT }, 10));
        } finally {
          await other.close();
        }
      });

      it('wakes a watcher that waits, and one that was busy when the news came', async () => {
        const stop = new AbortController();
        const watch = store.watch(stop.signal)[Symbol.asyncIterator]();
        const payout = await insert();
        assert.equal((await watch.next()).done, false);
        const woken = watch.next();
        await step(payout);
        assert.equal((await woken).done, false);
        stop.abort();
        while (!(await watch.next()).done);
      });

      it('ends a watch that waits when its signal aborts, and one whose signal was aborted before', async () => {
        const stop = new AbortController();
        const watch = store.watch(stop.signal)[Symbol.asyncIterator]();
        const waiting = (async () => {
          while (!(await watch.next()).done);
        })();
        stop.abort();
        await waiting;
        assert.equal((await store.watch(stop.signal)[Symbol.asyncIterator]().next()).done, true);
      });
    });

    describe('merchants and keys', () => {
      it('keeps merchants', async () => {
        const merchants = [sampleMerchant(), sampleMerchant()] as const;
        for (const merchant of merchants) await store.insertMerchant(merchant);
        store = await opened.reopen();
        assert.deepEqual(await store.merchant(merchants[0].id), merchants[0]);
        assert.equal(await store.merchant(STRANGER), null);
        assert.deepEqual(new Set(await store.merchants()), new Set(merchants));
        await assert.rejects(store.insertMerchant(merchants[0]));
      });

      it("finds a key by its hash, and lists a merchant's keys and the operators' apart", async () => {
        const [key, operator] = [sampleKey(), sampleKey({ merchantId: null })];
        await store.insertKey(key);
        await store.insertKey(operator);
        await store.insertKey(sampleKey({ merchantId: STRANGER }));
        assert.deepEqual(await store.keyByHash(key.hash), key);
        assert.equal(await store.keyByHash('00'), null);
        assert.deepEqual(await store.keys(MERCHANT), [key]);
        assert.deepEqual(await store.keys(null), [operator]);
        await assert.rejects(store.insertKey({ ...sampleKey(), hash: key.hash }));
      });

      it('revokes a key once: the first instant stays', async () => {
        const key = sampleKey();
        await store.insertKey(key);
        assert.equal(await store.revokeKey(key.id, afterNoon(1)), true);
        assert.equal(await store.revokeKey(key.id, afterNoon(2)), true);
        assert.equal(await store.revokeKey(sampleKey().id, afterNoon(1)), false);
        assert.deepEqual(await store.keyByHash(key.hash), { ...key, revokedAt: afterNoon(1) });
        assert.deepEqual(await store.keys(MERCHANT), [{ ...key, revokedAt: afterNoon(1) }]);
      });
    });

    describe('that is put back', () => {
      it('knows since when it knows nothing, in whatever opens it next', async () => {
        assert.equal(store.restored, null);
        const payout = await insert();
        const after = nextStep(payout);
        assert.equal(await store.commit(after, sampleEvent(after, { at: afterNoon(60_000) })), 'committed');
        const restored = await store.restore();
        assert.deepEqual(restored, { generation: 1, lostSince: afterNoon(60_000), open: true });
        store = await opened.reopen();
        assert.deepEqual(store.restored, restored);
        assert.deepEqual(await read(payout), after);
      });

      it('knows nothing since it was made where nothing ever happened in it', async () => {
        const { lostSince } = await store.restore();
        store = await opened.reopen();
        const again = await store.restore();
        assert.deepEqual(again.lostSince, lostSince);
      });

      it('refuses every position that was given out before, and gives out others', async () => {
        const payout = await insert();
        const head = await store.head(MERCHANT);
        const [first] = (await store.events(null, { merchantId: MERCHANT }, 1)).events;
        assert.ok(first);
        await store.restore();
        store = await opened.reopen();
        for (const position of [head, first.position]) {
          assert.equal(store.knows(position), false);
          await assert.rejects(store.events(position, { merchantId: MERCHANT }, 1));
        }
        const { events, position } = await drain(null);
        assert.deepEqual(
          events.map((event) => event.payoutId),
          [payout.id],
        );
        assert.equal(store.knows(position), true);
      });

      it('goes on until an operator says that it is over', async () => {
        await store.restore();
        store = await opened.reopen();
        await store.endRestore();
        store = await opened.reopen();
        assert.deepEqual([store.restored?.generation, store.restored?.open], [1, false]);
      });

      it('counts each time, and has lost what it had lost as long as that is not over', async () => {
        const payout = await insert();
        const { lostSince } = await store.restore();
        store = await opened.reopen();
        const after = nextStep(payout);
        assert.equal(await store.commit(after, sampleEvent(after, { at: afterNoon(60_000) })), 'committed');
        assert.deepEqual(await store.restore(), { generation: 2, lostSince, open: true });
        store = await opened.reopen();
        await store.endRestore();
        store = await opened.reopen();
        assert.deepEqual(await store.restore(), { generation: 3, lostSince: afterNoon(60_000), open: true });
      });

      it('is not said to be over where it never was put back', async () => {
        await store.endRestore();
        store = await opened.reopen();
        assert.equal(store.restored, null);
      });
    });

    describe('its life', () => {
      it('keeps its environment and its secret, and has a secret of its own', async () => {
        const { environment, secret } = store;
        assert.equal(environment, 'SANDBOX');
        assert.equal(secret.length, 32);
        store = await opened.reopen();
        assert.equal(store.environment, 'SANDBOX');
        assert.deepEqual(store.secret, secret);
        const other = await open();
        await other.close();
        assert.notDeepEqual(other.store.secret, secret);
      });

      it('is not opened in another environment than the one it was made for', async () => {
        await assert.rejects(opened.reopen('LIVE'), (error: Error) => {
          assert.ok(error instanceof StartupError);
          assert.match(error.message, /^[^\n]*SANDBOX[^\n]*LIVE[^\n]*$/);
          return true;
        });
        store = await opened.reopen('SANDBOX');
        await store.ping();
      });

      it('answers a ping while it is open, and does what was asked before it is closed', async () => {
        await store.ping();
        const payout = samplePayout();
        const inserting = store.insert(payout, sampleEvent(payout));
        await store.close();
        assert.equal((await inserting).replayed, false);
        store = await opened.reopen();
        assert.deepEqual(await read(payout), payout);
      });

      it('refuses every call once it is closed, and may be closed twice', async () => {
        const payout = await insert();
        await store.close();
        await store.close();
        const calls: readonly (() => Promise<unknown>)[] = [
          () => store.insert(payout, sampleEvent(payout)),
          () => store.commit(nextVersion(payout), null),
          () => store.payouts(MERCHANT, [payout.id]),
          () => store.page(pageQuery()),
          () => store.lease(leaseRequest()),
          () => store.events(null, { merchantId: MERCHANT }, 1),
          () => store.attention({ merchantId: null, limit: 1, after: null }),
          () => store.queue(ALPHA, null),
          () => store.putSealed(payout.id, 'body', sealedAs('x')),
          () => store.dropSealed(payout.id, 'body'),
          () => store.sealedUnderOtherKeys('first', 1),
          () => store.insertBatch(sampleBatch()),
          () => store.commitBatch(sampleBatch()),
          () => store.batch(MERCHANT, BATCH),
          () => store.batchCounts(MERCHANT, BATCH),
          () => store.rousingBatches(1),
          () => store.parked(MERCHANT, BATCH, 1),
          () => store.post({ process: 'worker-1', at: NOON, text: '{}' }),
          () => store.bulletins(NOON),
          () => store.ping(),
        ];
        for (const call of calls) await assert.rejects(call, /closed/);
      });

      it('ends every watch when it is closed', async () => {
        const watch = store.watch(new AbortController().signal)[Symbol.asyncIterator]();
        const waiting = (async () => {
          while (!(await watch.next()).done);
        })();
        await store.close();
        await waiting;
      });
    });
  });

  describe(`${name}, as a store of batches,`, () => describeBatches(open));
}
