import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  CancelPayoutDocument,
  PayoutDocument,
  PayoutEventsDocument,
  type PayoutEventsQueryVariables,
  PayoutsDocument,
  type PayoutsQueryVariables,
} from './operations/generated/graphql.ts';
import { type Api, create, describeApi, openApi } from './support/api.ts';

const COUNT = 25;
const CANCELLED = 5;

describeApi('lists', (open) => {
  let api: Api;
  /** Newest first. */
  let all: string[] = [];

  before(async () => {
    // Nobody works here, so that nothing changes but by the tests.
    api = await openApi(await open({}, { working: false }));
    for (let made = 0; made < COUNT; made += 1) {
      // Several to an instant: a page must not lose those that are as old as its last.
      if (made % 4 === 0) await api.world.clock.advance(60_000);
      const changes =
        made % 5 === 0
          ? { provider: 'OXAPAY' as const, amount: { amount: '1', currency: 'TRX' } }
          : { provider: 'IO2328' as const };
      const { id } = await create(api.merchant, '10', changes);
      if (made < CANCELLED) await api.merchant.get(CancelPayoutDocument, { id });
    }
    await create(api.stranger, '10');
    all = ids(await list({ first: 100 }));
  });
  after(() => api.close());

  const list = async (variables: PayoutsQueryVariables) => (await api.merchant.get(PayoutsDocument, variables)).payouts;
  type List = Awaited<ReturnType<typeof list>>;
  const ids = ({ edges }: List): string[] => edges.map(({ node }) => node.id);
  const pull = async (variables: PayoutEventsQueryVariables) =>
    (await api.merchant.get(PayoutEventsDocument, variables)).payoutEvents;

  /** Every page after another, in one direction, with something done between the first two. */
  async function walk(direction: 'forward' | 'backward', meanwhile: () => Promise<unknown> = async () => undefined) {
    const pages: List[] = [];
    for (let more = true; more; ) {
      const { startCursor, endCursor } = pages.at(-1)?.pageInfo ?? { startCursor: null, endCursor: null };
      const page =
        direction === 'forward'
          ? await list({ first: 7, after: endCursor })
          : await list({ last: 7, before: startCursor });
      pages.push(page);
      more = direction === 'forward' ? page.pageInfo.hasNextPage : page.pageInfo.hasPreviousPage;
      if (pages.length === 1) await meanwhile();
    }
    return pages;
  }

  describe('payouts', () => {
    it('are newest first, each once, and of this merchant alone', async () => {
      const page = await list({ first: 100 });
      const times = page.edges.map(({ node }) => node.createdAt);
      assert.deepEqual(times, times.toSorted().reverse());
      assert.equal(new Set(all).size, COUNT);
      assert.equal((await list({})).edges.length, 20);
    });

    it('come in pages that tell whether there are more, both ways, and lose nobody', async () => {
      const forward = await walk('forward');
      assert.deepEqual(forward.flatMap(ids), all);
      assert.deepEqual(
        forward.map(({ pageInfo }) => [pageInfo.hasPreviousPage, pageInfo.hasNextPage]),
        [
          [false, true],
          [true, true],
          [true, true],
          [true, false],
        ],
      );
      const backward = await walk('backward');
      assert.deepEqual(backward.toReversed().flatMap(ids), all);
      assert.deepEqual(
        backward.map(({ pageInfo }) => [pageInfo.hasPreviousPage, pageInfo.hasNextPage]),
        [
          [true, false],
          [true, true],
          [true, true],
          [false, true],
        ],
      );
      for (const { edges, pageInfo } of [...forward, ...backward]) {
        assert.deepEqual([pageInfo.startCursor, pageInfo.endCursor], [edges[0]?.cursor, edges.at(-1)?.cursor]);
      }
    });

    it('of an empty page have no cursors', async () => {
      const page = await list({ filter: { currency: 'BTC' } });
      assert.deepEqual(page, {
        edges: [],
        pageInfo: { hasNextPage: false, hasPreviousPage: false, startCursor: null, endCursor: null },
      });
    });

    it('between two cursors are those strictly between', async () => {
      const { edges } = await list({ first: 10 });
      const [after, before] = [edges[2]?.cursor ?? '', edges[6]?.cursor ?? ''];
      assert.deepEqual(ids(await list({ first: 10, after, before })), all.slice(3, 6));
      assert.deepEqual(ids(await list({ last: 2, after, before })), all.slice(4, 6));
    });

    it('are narrowed by state, provider, currency and time of creation, also together', async () => {
      const count = async (filter: PayoutsQueryVariables['filter']) =>
        (await list({ first: 100, filter })).edges.length;
      assert.equal(await count({ states: ['CANCELLED'] }), CANCELLED);
      assert.equal(await count({ states: ['QUEUED'] }), COUNT - CANCELLED);
      assert.equal(await count({ states: ['QUEUED', 'CANCELLED'] }), COUNT);
      assert.equal(await count({ states: ['COMPLETED'] }), 0);
      assert.equal(await count({ providers: ['OXAPAY'] }), COUNT / 5);
      assert.equal(await count({ currency: 'TRX' }), COUNT / 5);
      assert.equal(await count({ currency: 'TRX', providers: ['IO2328'] }), 0);
      const { edges } = await list({ first: 100 });
      const at = edges[8]?.node.createdAt ?? '';
      const younger = edges.filter(({ node }) => node.createdAt >= at).length;
      assert.equal(await count({ createdFrom: at }), younger);
      assert.equal(await count({ createdBefore: at }), COUNT - younger);
      assert.equal(await count({ createdFrom: at, createdBefore: at }), 0);
      assert.equal(await count({ states: ['CANCELLED'], providers: ['OXAPAY'] }), 1);
    });

    it('of a filtered walk are all that fit, page by page', async () => {
      const filter = { providers: ['IO2328' as const] };
      const wanted = ids(await list({ first: 100, filter }));
      const found: string[] = [];
      for (let after: string | null = null; ; ) {
        const page: List = await list({ first: 3, after, filter });
        found.push(...ids(page));
        if (!page.pageInfo.hasNextPage) break;
        after = page.pageInfo.endCursor;
      }
      assert.deepEqual(found, wanted);
    });

    it('stay where they are while new ones arrive: a walk shows what was there when it began, each once', async () => {
      const added: string[] = [];
      const pages = await walk('forward', async () => {
        await api.world.clock.advance(60_000);
        for (const _ of [1, 2, 3]) added.push((await create(api.merchant, '10')).id);
      });
      assert.deepEqual(pages.flatMap(ids), all);
      const backward = await walk('backward', async () => {
        await api.world.clock.advance(60_000);
        added.push((await create(api.merchant, '10')).id);
      });
      const newest = new Set(added);
      assert.deepEqual(
        backward
          .toReversed()
          .flatMap(ids)
          .filter((id) => !newest.has(id)),
        all,
      );
    });
  });

  describe('the log', () => {
    it('is pulled from its beginning to its end, each event once, gap-free for each payout', async () => {
      const sequences = new Map<string, number[]>();
      let read = 0;
      for (let after: string | null = null; ; ) {
        const { events, cursor }: Awaited<ReturnType<typeof pull>> = await pull({ after, first: 9 });
        for (const { payout, sequence } of events)
          sequences.set(payout.id, [...(sequences.get(payout.id) ?? []), sequence]);
        read += events.length;
        if (events.length === 0) break;
        after = cursor;
      }
      assert.deepEqual([...sequences.keys()].toSorted(), ids(await list({ first: 100 })).toSorted());
      for (const seen of sequences.values())
        assert.deepEqual(
          seen,
          seen.map((_, at) => at + 1),
        );
      assert.equal(read, sequences.size + CANCELLED);
    });

    it('gives 20 events at a time where nobody says how many', async () => {
      assert.equal((await pull({})).events.length, 20);
    });

    it('goes on from the cursor of any event', async () => {
      const { events } = await pull({ first: 10 });
      const rest = await pull({ after: events[3]?.cursor ?? null, first: 6 });
      assert.deepEqual(
        rest.events.map((event) => event.id),
        events.slice(4).map((event) => event.id),
      );
    });

    it('is narrowed by payout, state and provider', async () => {
      const one = all[0] ?? '';
      const foreign = await create(api.stranger, '10');
      const ofOne = await pull({ first: 100, filter: { payoutIds: [one, foreign.id, 'nonsense'] } });
      assert.deepEqual(
        ofOne.events.map(({ payout, sequence }) => [payout.id, sequence]),
        [[one, 1]],
      );
      assert.deepEqual((await pull({ filter: { payoutIds: ['nonsense'] } })).events, []);
      assert.deepEqual((await pull({ filter: { payoutIds: [] } })).events, []);
      const cancelled = await pull({ first: 100, filter: { states: ['CANCELLED'] } });
      assert.equal(cancelled.events.length, CANCELLED);
      const ofOxapay = await pull({ first: 100, filter: { providers: ['OXAPAY'], states: ['CANCELLED'] } });
      assert.equal(ofOxapay.events.length, 1);
    });

    it('has a cursor that moves also where the filter lets nothing through', async () => {
      const filter = { states: ['RETURNED' as const] };
      const nothing = await pull({ filter });
      assert.deepEqual(nothing.events, []);
      assert.deepEqual((await pull({ after: nothing.cursor })).events, []);
      const payout = await create(api.merchant, '10');
      const still = await pull({ after: nothing.cursor, filter });
      assert.notEqual(still.cursor, nothing.cursor);
      assert.deepEqual((await pull({ after: still.cursor })).events, []);
      const unfiltered = await pull({ after: nothing.cursor });
      assert.deepEqual(
        unfiltered.events.map((event) => event.payout.id),
        [payout.id],
      );
    });

    it('after the cursor of a payout that was read while it changed repeats nothing and leaves out nothing', async () => {
      const created = await Promise.all(Array.from({ length: 20 }, () => create(api.merchant, '10')));
      const read = async ({ id }: { id: string }) => (await api.merchant.get(PayoutDocument, { id })).payout;
      const [readings] = await Promise.all([
        Promise.all([...created, ...created].map(read)),
        Promise.all(created.map(({ id }) => api.merchant.get(CancelPayoutDocument, { id }))),
      ]);
      for (const payout of readings) {
        assert.ok(payout);
        const { events } = await pull({ after: payout.cursor, filter: { payoutIds: [payout.id] } });
        assert.deepEqual(
          events.map((event) => event.sequence),
          payout.sequence === 1 ? [2] : [],
        );
      }
    });

    it('after the cursor of a payout is exactly what happened since it was read', async () => {
      const created = await create(api.merchant, '10');
      const { payout } = await api.merchant.get(PayoutDocument, { id: created.id });
      assert.deepEqual((await pull({ after: payout?.cursor ?? '' })).events, []);
      await api.merchant.get(CancelPayoutDocument, { id: created.id });
      const { events } = await pull({ after: payout?.cursor ?? '' });
      assert.deepEqual(
        events.map((event) => [event.payout.id, event.sequence, event.state, event.payout.state]),
        [[created.id, 2, 'CANCELLED', 'CANCELLED']],
      );
    });
  });
});
