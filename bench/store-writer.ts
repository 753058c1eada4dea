/** One store, to which a process of its own writes with so many in flight. */
import type { Payout } from '../src/domain/payout.ts';
import type { Store } from '../src/domain/store.ts';
import { systemClock } from '../src/runtime.ts';
import { nextStep, sampleAttempt, sampleEvent, samplePayout } from '../test/support/payouts.ts';
import { answer, inFlight } from './harness.ts';
import { openAt, type Place } from './store-places.ts';

export interface WriteQuestion {
  /** Opened at the first question; the same at each. */
  readonly place: Place;
  readonly work: 'insert' | 'commit';
  /** How many at once. */
  readonly width: number;
  readonly ms: number;
}

export interface WriteResult {
  readonly perSecond: number;
  /** Of each write, in ms. */
  readonly latencies: readonly number[];
  /** CPU time of this process for each write, in ms. */
  readonly cpu: number;
}

/** So many payouts wait to be moved for each that is moved at once, by its root: more in flight move more in the time. */
const POOL = 300;
/** A payout is paid in so many transitions. */
const STATES = ['SUBMITTING', 'PROCESSING', 'COMPLETED'] as const;

let store: Promise<Store> | null = null;
const queued: Payout[] = [];

async function run({ place, work, width, ms }: WriteQuestion): Promise<WriteResult> {
  store ??= openAt(place);
  const opened = await store;
  if (work === 'commit') await fillPool(opened, Math.ceil(POOL * Math.sqrt(width)));
  const latencies: number[] = [];
  const timed = async (write: Promise<unknown>): Promise<void> => {
    const sentAt = performance.now();
    await write;
    latencies.push(performance.now() - sentAt);
  };
  const [startedAt, usedBefore] = [performance.now(), process.cpuUsage()];
  const isOver = (): boolean => performance.now() - startedAt > ms || (work === 'commit' && queued.length === 0);
  const lane = async (): Promise<void> => {
    while (!isOver()) {
      if (work === 'insert') await timed(insert(opened));
      else for (const after of lifeOf(queued.pop())) await timed(commit(opened, after));
    }
  };
  await Promise.all(Array.from({ length: width }, lane));
  const { user, system } = process.cpuUsage(usedBefore);
  const seconds = (performance.now() - startedAt) / 1000;
  const count = latencies.length;
  return { perSecond: count / seconds, latencies, cpu: (user + system) / 1000 / count };
}

async function fillPool(opened: Store, size: number): Promise<void> {
  await inFlight(64, size - queued.length, async () => queued.push(await insert(opened)));
}

async function insert(opened: Store): Promise<Payout> {
  const now = systemClock.now();
  const payout = samplePayout({ createdAt: now, updatedAt: now, nextCheckAt: now });
  const { replayed } = await opened.insert(payout, sampleEvent(payout));
  if (replayed) throw new Error('a new payout was known');
  return payout;
}

/** What a payout becomes, one transition after another. */
function lifeOf(payout: Payout | undefined): readonly Payout[] {
  const steps: Payout[] = [];
  for (let before = payout; before && steps.length < STATES.length; before = steps.at(-1)) {
    const state = STATES[steps.length] ?? 'COMPLETED';
    const now = systemClock.now();
    const attempts = before.attempts.length > 0 ? before.attempts : [sampleAttempt()];
    const nextCheckAt = state === 'COMPLETED' ? null : now;
    steps.push(nextStep(before, { state, attempts, nextCheckAt, updatedAt: now }));
  }
  return steps;
}

async function commit(opened: Store, after: Payout): Promise<void> {
  if ((await opened.commit(after, sampleEvent(after))) !== 'committed') throw new Error('a transition was stale');
}

answer(run);
