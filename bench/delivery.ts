/**
 * How long a subscriber waits for what was written. Two views, one payout at a time:
 *
 * - From outside: a client sends `createPayout` and holds `payoutEvents` over graphql-ws; the payout's first event is
 *   compared with the mutation's own answer. Both carry the way there and the commit's fsync.
 * - From inside: from `store.insert` being answered to the event leaving the feed, compared with the insert itself.
 */
import { createClient } from 'graphql-ws';
import type { FollowQuestion, FollowResult } from './follow.ts';
import { compareLatencies, createBody, openApi, openChild, openFolder, type Row, showLatency } from './harness.ts';

const WARM_UP = 200;
const COUNT = 800;

export async function measureDelivery(): Promise<readonly Row[]> {
  const { answers, events } = await listenOutside();
  using folder = openFolder();
  await using child = openChild<FollowQuestion, FollowResult>('follow.ts');
  const { inserts, deliveries } = await child.ask({ folder: folder.path, count: 2000 });
  return [
    {
      what: '`createPayout` sent → its event at a graphql-ws subscriber, p50 / p99',
      against: '`createPayout` sent → its answer',
      ratio: compareLatencies(events, answers),
      alone: `${showLatency(events)} and ${showLatency(answers)}`,
    },
    {
      what: 'commit answered → event out of the feed, in process, p50 / p99',
      against: 'the commit itself',
      ratio: compareLatencies(deliveries, inserts),
      alone: `${showLatency(deliveries)} and ${showLatency(inserts)}`,
    },
  ];
}

async function listenOutside(): Promise<{ readonly answers: number[]; readonly events: number[] }> {
  await using api = await openApi();
  const waiting = new Map<string, (at: number) => void>();
  const broken = Promise.withResolvers<never>();
  const client = createClient({
    url: api.webSocketUrl,
    connectionParams: { Authorization: `Bearer ${api.apiKey}` },
    lazy: false,
    retryAttempts: 0,
  });
  const stop = client.subscribe<{ readonly payoutEvents: { readonly payout: { readonly reference: string } } }>(
    { query: 'subscription { payoutEvents { sequence state payout { reference } } }' },
    {
      next: ({ data }) => {
        const reference = data?.payoutEvents.payout.reference ?? '';
        waiting.get(reference)?.(performance.now());
        waiting.delete(reference);
      },
      error: (cause) => broken.reject(new Error('the subscription broke', { cause })),
      complete: () => undefined,
    },
  );
  const answers: number[] = [];
  const events: number[] = [];
  for (let number = 0; number < WARM_UP + COUNT; number += 1) {
    const reference = `delivery-${number}`;
    // The subscription is not confirmed by the protocol: the first payouts may come before it, and are not waited for.
    const event = new Promise<number>((resolve) => waiting.set(reference, resolve));
    const sentAt = performance.now();
    await api.ask(createBody(reference));
    const answeredAt = performance.now();
    if (number < WARM_UP) continue;
    events.push((await Promise.race([event, broken.promise])) - sentAt);
    answers.push(answeredAt - sentAt);
  }
  stop();
  await client.dispose();
  return { answers, events };
}
