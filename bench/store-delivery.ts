/**
 * How long a subscriber of one process waits for what another one wrote: with the change stream, and where there is none and
 * the feed looks by its timer. Transitions are committed at a steady pace here, and their events come out of a feed there;
 * both times are by the machine's monotonic clock, from the call of `commit` on.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Payout, PayoutEventId } from '../src/domain/payout.ts';
import type { Store } from '../src/domain/store.ts';
import { systemClock } from '../src/runtime.ts';
import { nextStep, sampleEvent, samplePayout } from '../test/support/payouts.ts';
import { compareLatencies, inFlight, machineNow, openChild, type Row, showLatency } from './harness.ts';
import type { ListenAnswer, ListenQuestion } from './store-listener.ts';
import { makePlace, openAt, type Place } from './store-places.ts';
import { MERCHANT } from './store-records.ts';

const EVERY_MS = 20;
const WARM_UP = 50;
/** For as long as the timer comes round four times. */
const COUNT = 1000;

export async function measureDeliveries(): Promise<readonly Row[]> {
  return [
    toRow('with the change stream', await deliver(true)),
    toRow('by the timer alone (every 5 s)', await deliver(false)),
  ];
}

interface Times {
  /** Each in ms. */
  readonly commits: readonly number[];
  readonly deliveries: readonly number[];
}

function toRow(how: string, { commits, deliveries }: Times): Row {
  return {
    what: `\`commit\` called → its event at a subscriber in another process, MongoDB, ${how}, p50 / p99`,
    against: 'the commit itself',
    ratio: compareLatencies(deliveries, commits),
    alone: `${showLatency(deliveries)} and ${showLatency(commits)}`,
  };
}

async function deliver(changeStream: boolean): Promise<Times> {
  await using made = await makePlace('MongoDB');
  const place: Place = { ...made, changeStream };
  const store = await openAt(place);
  try {
    const payouts: Payout[] = [];
    await inFlight(32, WARM_UP + COUNT, async () => payouts.push(await insert(store)));
    await using listener = openChild<ListenQuestion, ListenAnswer>('store-listener.ts');
    await listener.ask({ kind: 'LISTEN', place, merchantId: MERCHANT });
    const written = await commitSteadily(store, payouts);
    const ids = written.map(({ id }) => id);
    const heard = new Map((await listener.ask({ kind: 'HEAR', ids })).heard);
    const timed = written.slice(WARM_UP);
    return {
      commits: timed.map(({ calledAt, answeredAt }) => answeredAt - calledAt),
      deliveries: timed.map(({ id, calledAt }) => (heard.get(id) ?? Number.NaN) - calledAt),
    };
  } finally {
    await store.close();
  }
}

/** A transition, and when it was called and answered. */
interface Written {
  readonly id: PayoutEventId;
  readonly calledAt: number;
  readonly answeredAt: number;
}

/** One after another at their times, whether or not the one before has been answered. */
async function commitSteadily(store: Store, payouts: readonly Payout[]): Promise<readonly Written[]> {
  const startedAt = machineNow();
  const written: Promise<Written>[] = [];
  for (const [number, payout] of payouts.entries()) {
    await sleep(Math.max(0, startedAt + number * EVERY_MS - machineNow()));
    written.push(commit(store, payout));
  }
  return Promise.all(written);
}

async function commit(store: Store, payout: Payout): Promise<Written> {
  const after = nextStep(payout, { state: 'PROCESSING', updatedAt: systemClock.now() });
  const event = sampleEvent(after);
  const calledAt = machineNow();
  if ((await store.commit(after, event)) !== 'committed') throw new Error('a transition was stale');
  return { id: event.id, calledAt, answeredAt: machineNow() };
}

async function insert(store: Store): Promise<Payout> {
  const now = systemClock.now();
  const payout = samplePayout({ merchantId: MERCHANT, createdAt: now, updatedAt: now, nextCheckAt: null });
  await store.insert(payout, sampleEvent(payout));
  return payout;
}
