/** A subscriber in a process of its own: a store, a feed on it, and when each event came out of it. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { MerchantId } from '../src/domain/merchant.ts';
import type { PayoutEventId } from '../src/domain/payout.ts';
import { createFeed, type FeedEvent } from '../src/feed.ts';
import { systemClock } from '../src/runtime.ts';
import { silentLog } from '../test/support/log.ts';
import { answer, machineNow } from './harness.ts';
import { openAt, type Place } from './store-places.ts';

/** First LISTEN, which is answered once the subscription stands; then HEAR, which is once all of these have come. */
export type ListenQuestion =
  | { readonly kind: 'LISTEN'; readonly place: Place; readonly merchantId: MerchantId }
  | { readonly kind: 'HEAR'; readonly ids: readonly PayoutEventId[] };

export interface ListenAnswer {
  /** When each event came, by `machineNow`. */
  readonly heard: readonly (readonly [PayoutEventId, number])[];
}

const PATIENCE_MS = 30_000;

const heard = new Map<PayoutEventId, number>();

async function run(question: ListenQuestion): Promise<ListenAnswer> {
  if (question.kind === 'LISTEN') {
    const store = await openAt(question.place);
    const feed = createFeed({ store, clock: systemClock, log: silentLog });
    const { merchantId } = question;
    void listen(await feed.subscribe(null, { merchantId }, new AbortController().signal));
    return { heard: [] };
  }
  for (let waited = 0; !question.ids.every((id) => heard.has(id)); waited += 100) {
    if (waited > PATIENCE_MS) throw new Error('an event did not come');
    await sleep(100);
  }
  return { heard: [...heard] };
}

async function listen(events: AsyncIterable<FeedEvent>): Promise<void> {
  for await (const { event } of events) {
    if (heard.has(event.id)) throw new Error('an event came twice');
    heard.set(event.id, machineNow());
  }
}

answer(run);
