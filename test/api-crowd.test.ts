import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import type { MetadataEntry } from '../src/domain/payout.ts';
import {
  PayoutEventsDocument,
  type PayoutEventsQuery,
  TypedDocumentString,
  WatchEventsDocument,
  type WatchEventsSubscription,
  type WatchEventsSubscriptionVariables,
} from './operations/generated/graphql.ts';
import { type Api, create, describeApi, openApi } from './support/api.ts';
import { TRANSPORTS } from './support/client.ts';
import { ACTOR, type World } from './support/world.ts';

/** Each event with a payout that carries much, so that what is not read fills every buffer on its way. */
const HeavyEvents = new TypedDocumentString<WatchEventsSubscription, WatchEventsSubscriptionVariables>(`
  subscription ($after: String) {
    payoutEvents(after: $after) { id sequence payout { id metadata { key value } } }
  }
`);
const METADATA = Array.from({ length: 10 }, (_, at) => ({ key: `k${at}`, value: 'v'.repeat(500) }));

/** Creates so many payouts and cancels each: two events of each. */
async function fill({ create, payouts }: World, count: number, metadata: readonly MetadataEntry[] = []): Promise<void> {
  for (let left = count; left > 0; left -= 100) {
    const batch = Array.from({ length: Math.min(left, 100) }, () => create('io2328', '10', { metadata }));
    const created = await Promise.all(batch);
    await Promise.all(created.map(({ merchantId, id }) => payouts.act(merchantId, ACTOR, id, { action: 'CANCEL' })));
  }
}

/** The ids of all events of the merchant after a cursor, each once: what is new may come again with the next page. */
async function readLog({ merchant }: Api, cursor: string): Promise<string[]> {
  const ids = new Set<string>();
  for (let after = cursor; ; ) {
    const { payoutEvents }: PayoutEventsQuery = await merchant.get(PayoutEventsDocument, { after, first: 100 });
    if (payoutEvents.events.length === 0) return [...ids];
    for (const { id } of payoutEvents.events) ids.add(id);
    after = payoutEvents.cursor;
  }
}

/** The events are these, each once, and each payout's in order. */
function assertComplete(events: readonly WatchEventsSubscription['payoutEvents'][], ids: readonly string[]): void {
  assert.deepEqual(events.map((event) => event.id).toSorted(), ids.toSorted());
  for (const heard of Map.groupBy(events, (event) => event.payout.id).values()) {
    assert.deepEqual(
      heard.map((event) => event.sequence),
      heard.map((_, at) => at + 1),
    );
  }
}

describeApi('a crowd', (open, slow) => {
  let api: Api;
  const skip = slow ? 'its server is too slow for a crowd' : false;
  before(async () => {
    // Nobody works here: two events of each payout, and no more.
    api = await openApi(await open({}, { working: false }));
  });
  after(() => api.close());

  for (const transport of TRANSPORTS) {
    it(`of 1,400 events reaches a consumer over ${transport} that read none of them while they happened`, {
      skip,
    }, async () => {
      const after = await api.head();
      const listener = await api.merchant.listen(transport, HeavyEvents, { after });
      const opening = await create(api.merchant, '10', { metadata: METADATA });
      // It listens live by now, and reads no more.
      const [first = assert.fail()] = (
        await listener.until(({ payoutEvents }) => payoutEvents.payout.id === opening.id)
      ).toReversed();
      listener.pause();
      await fill(api.world, 700, METADATA);
      const ids = await readLog(api, after);
      assert.equal(ids.length, 1401);
      listener.resume();
      const events = [first, ...(await listener.take(1400))].map((data) => data.payoutEvents);
      listener.close();
      assertComplete(events, ids);
    });
  }

  it('of 200 subscribers hears everything, each of them', { skip }, async () => {
    const after = await api.head();
    const listening = Array.from({ length: 200 }, (_, at) =>
      api.merchant.listen(TRANSPORTS[at % 2] ?? 'SSE', WatchEventsDocument, { after }),
    );
    const listeners = await Promise.all(listening);
    await fill(api.world, 1);
    const openings = await Promise.all(listeners.map((listener) => listener.take(2)));
    // All listen live by now.
    await fill(api.world, 20);
    const ids = await readLog(api, after);
    for (const [at, listener] of listeners.entries()) {
      const events = [...(openings[at] ?? []), ...(await listener.take(40))].map((data) => data.payoutEvents);
      listener.close();
      assertComplete(events, ids);
    }
  });
});
