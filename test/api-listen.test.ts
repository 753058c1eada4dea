import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  type PayoutEventFilter,
  PayoutEventsDocument,
  WatchEventsDocument,
  type WatchEventsSubscription,
  WatchPayoutDocument,
} from './operations/generated/graphql.ts';
import { type Api, create, describeApi, openApi } from './support/api.ts';
import { type Listener, TRANSPORTS } from './support/client.ts';

type Heard = WatchEventsSubscription['payoutEvents'];
const STEPS = ['QUEUED', 'SUBMITTING', 'PROCESSING', 'COMPLETED'];

/** The events of each payout, in the order in which they came. */
function byPayout(events: readonly Heard[]): ReadonlyMap<string, readonly Heard[]> {
  return Map.groupBy(events, (event) => event.payout.id);
}

/** Every payout's events came gap-free from `first`, in order, each once. */
function assertInOrder(events: readonly Heard[], first = 1): void {
  for (const [id, heard] of byPayout(events)) {
    const sequences = heard.map((event) => event.sequence);
    assert.deepEqual(
      sequences,
      sequences.map((_, at) => first + at),
      id,
    );
  }
}

describeApi('listening', (open) => {
  let api: Api;
  before(async () => {
    api = await openApi(await open());
  });
  after(() => api.close());

  const take = async (listener: Listener<WatchEventsSubscription>, count: number): Promise<Heard[]> =>
    (await listener.take(count)).map((data) => data.payoutEvents);
  const pull = async (cursor: string): Promise<Heard[]> =>
    (await api.merchant.get(PayoutEventsDocument, { after: cursor, first: 100 })).payoutEvents.events;

  for (const transport of TRANSPORTS) {
    describe(`to payoutEvents over ${transport}`, () => {
      it('tells every step of every payout, in order, with the facts of each', async () => {
        const listener = await api.merchant.listen(transport, WatchEventsDocument, { after: await api.head() });
        const payouts = [await create(api.merchant, '10'), await create(api.merchant, '10', { provider: 'OXAPAY' })];
        for (const { id } of payouts) await api.until(id, 'COMPLETED');
        const total = (await Promise.all(payouts.map(({ id }) => api.payout(id)))).reduce(
          (sum, one) => sum + one.sequence,
          0,
        );
        const events = await take(listener, total);
        assertInOrder(events);
        const heard = byPayout(events).get(payouts[0]?.id ?? '') ?? [];
        assert.deepEqual(
          heard.map((event) => event.state),
          STEPS,
        );
        assert.deepEqual(
          heard.map((event) => event.previousState),
          [null, ...STEPS.slice(0, -1)],
        );
        assert.deepEqual(
          heard.map((event) => event.source),
          ['API', 'SUBMIT', 'SUBMIT', 'WEBHOOK'],
        );
        assert.deepEqual(
          byPayout(events)
            .get(payouts[1]?.id ?? '')
            ?.at(-1)?.state,
          'COMPLETED',
        );
        listener.close();
      });

      it('tells the steps of a doubt and of a refusal', async () => {
        const listener = await api.merchant.listen(transport, WatchEventsDocument, { after: await api.head() });
        const doubtful = await create(api.merchant, '10.61');
        const end = await api.until(doubtful.id, 'COMPLETED');
        const states = (await take(listener, end.sequence)).map((event) => event.state);
        assert.deepEqual(states.slice(0, 3), ['QUEUED', 'SUBMITTING', 'IN_DOUBT']);
        assert.equal(states.at(-1), 'COMPLETED');
        await api.until((await create(api.merchant, '10.70')).id, 'FAILED');
        assert.deepEqual(
          (await take(listener, 3)).map((event) => event.state),
          ['QUEUED', 'SUBMITTING', 'FAILED'],
        );
        listener.close();
      });

      it('after the cursor of a payout tells exactly what happens after that reading', async () => {
        const { id } = await create(api.merchant, '10');
        const reading = await api.until(id, 'PROCESSING');
        const listener = await api.merchant.listen(transport, WatchEventsDocument, { after: reading.cursor });
        await api.until(id, 'COMPLETED');
        const other = await create(api.merchant, '10');
        const events = await take(listener, 2);
        assert.deepEqual(
          events.map((event) => [event.payout.id, event.state, event.sequence]),
          [
            [id, 'COMPLETED', reading.sequence + 1],
            [other.id, 'QUEUED', 1],
          ],
        );
        await api.until(other.id, 'COMPLETED');
        listener.close();
      });

      it('after the cursor of an event tells everything that came while nobody listened, and goes on live', async () => {
        const listener = await api.merchant.listen(transport, WatchEventsDocument, { after: await api.head() });
        const first = await create(api.merchant, '10');
        const [seen, second] = await take(listener, 2);
        assert.ok(seen && second);
        listener.close();
        await api.until(first.id, 'COMPLETED');
        const away = await create(api.merchant, '10');
        await api.until(away.id, 'COMPLETED');

        const back = await api.merchant.listen(transport, WatchEventsDocument, { after: second.cursor });
        const missed = await take(back, 6);
        assertInOrder([seen, second, ...missed]);
        const live = await create(api.merchant, '10');
        await api.until(live.id, 'COMPLETED');
        assert.deepEqual(
          (await take(back, 4)).map((event) => [event.payout.id, event.state]),
          STEPS.map((state) => [live.id, state]),
        );
        back.close();
      });

      it('without a cursor tells nothing of what was before', async () => {
        const old = await create(api.merchant, '10');
        await api.until(old.id, 'COMPLETED');
        const head = await api.head();
        const listener = await api.merchant.listen(transport, WatchEventsDocument, {});
        let heard: Heard | undefined;
        const first = take(listener, 1).then(([event]) => {
          heard = event;
        });
        // Whether the server listens already only an event can tell.
        while (heard === undefined) await create(api.merchant, '10');
        await first;
        const later = new Set((await pull(head)).map((event) => event.id));
        assert.ok(later.has(heard.id));
        listener.close();
        await api.world.pass(5000);
      });

      it('is narrowed by payout, state and provider', async () => {
        const after = await api.head();
        const one = await create(api.merchant, '10');
        const two = await create(api.merchant, '10', { provider: 'OXAPAY' });
        const narrowed: readonly (readonly [PayoutEventFilter, (event: Heard) => boolean])[] = [
          [{ payoutIds: [two.id, 'nonsense'] }, (event) => event.payout.id === two.id],
          [{ states: ['QUEUED', 'COMPLETED'] }, (event) => ['QUEUED', 'COMPLETED'].includes(event.state)],
          [{ providers: ['IO2328'] }, (event) => event.payout.id !== two.id],
          [
            { providers: ['OXAPAY'], states: ['COMPLETED'] },
            (event) => event.payout.id === two.id && event.state === 'COMPLETED',
          ],
        ];
        const listeners = await Promise.all(
          narrowed.map(([filter]) => api.merchant.listen(transport, WatchEventsDocument, { after, filter })),
        );
        const three = await create(api.merchant, '10.67');
        for (const { id } of [one, two, three]) await api.until(id, 'COMPLETED');
        const all = await pull(after);
        for (const [at, [filter, fits]] of narrowed.entries()) {
          const wanted = all.filter(fits).map((event) => event.id);
          const heard = await take(listeners[at] ?? assert.fail(), wanted.length);
          assert.deepEqual(heard.map((event) => event.id).toSorted(), wanted.toSorted(), JSON.stringify(filter));
          listeners[at]?.close();
        }
      });

      it('after what is no cursor of this store is INVALID_INPUT that names after', async () => {
        const genuine = await api.head();
        const other = await openApi(await open({}, { working: false }));
        const foreign = await other.head();
        await other.close();
        for (const wrong of ['', 'nonsense', `${genuine}x`, foreign]) {
          const listener = await api.merchant.listen(transport, WatchEventsDocument, { after: wrong });
          const result = await listener.next();
          const [error] = result?.errors ?? [];
          assert.equal(error?.extensions.code, 'INVALID_INPUT', wrong);
          assert.deepEqual(error.extensions.issues?.[0]?.path, ['after']);
          assert.equal(await listener.next(), null);
        }
      });
    });

    describe(`to one payout over ${transport}`, () => {
      it('shows it now, after each change, and ends with its final state', async () => {
        const created = await create(api.merchant, '10.67');
        await api.world.rest();
        const listener = await api.merchant.listen(transport, WatchPayoutDocument, { id: created.id });
        const [now] = await listener.take(1);
        assert.equal(now?.payout.state, 'QUEUED');
        await api.until(created.id, 'COMPLETED');
        const shown = [now, ...(await listener.rest())].map((data) => data.payout);
        assert.equal(listener.ending(), 'complete');
        assert.equal(shown.at(-1)?.state, 'COMPLETED');
        const sequences = shown.map((payout) => payout.sequence);
        assert.deepEqual(
          sequences,
          [...new Set(sequences)].toSorted((a, b) => a - b),
        );
        assert.ok(shown.slice(0, -1).every((payout) => !payout.final));
      });

      it('that is over shows it once and ends', async () => {
        const { id } = await create(api.merchant, '10.70');
        const payout = await api.until(id, 'FAILED');
        const listener = await api.merchant.listen(transport, WatchPayoutDocument, { id });
        const [shown, ...more] = await listener.rest();
        // Each reading has a cursor of its own.
        assert.deepEqual(shown, { payout: { ...payout, cursor: shown?.payout?.cursor } });
        assert.deepEqual(more, []);
        assert.equal(listener.ending(), 'complete');
      });

      it('hears nothing of other payouts', async () => {
        const { id } = await create(api.merchant, '10.74');
        await api.until(id, 'PROCESSING');
        const listener = await api.merchant.listen(transport, WatchPayoutDocument, { id });
        await listener.take(1);
        await api.until((await create(api.merchant, '10')).id, 'COMPLETED');
        await api.until(id, 'COMPLETED');
        const shown = await listener.rest();
        assert.deepEqual(new Set(shown.map((data) => data.payout.id)), new Set([id]));
      });

      it('that is not there is NOT_FOUND', async () => {
        for (const id of ['po_00000000000000000000000000', 'nonsense', '']) {
          const listener = await api.merchant.listen(transport, WatchPayoutDocument, { id });
          assert.equal((await listener.next())?.errors?.[0]?.extensions.code, 'NOT_FOUND', id);
        }
      });
    });
  }
});
