/**
 * How fast workers drain what is queued: each a process with 16 places, for a provider that answers at once. For each
 * payout a worker leases it, stores its body, records the send, claims the provider's reference and settles it. Nothing may
 * be leased or sent twice: else this fails.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { machineNow, openChild, type Row, show } from './harness.ts';
import type { Drained, DrainQuestion } from './store-drainer.ts';
import type { LoadAnswer, LoadQuestion } from './store-loader.ts';
import { type Adapter, makePlace, type Place } from './store-places.ts';

const FLEET = 4;
const LOOK_MS = 200;
const LONGEST_MS = 300_000;

export async function measureDrains(count: number): Promise<readonly Row[]> {
  const embedded = await drain('SQLite', 1, count);
  const one = await drain('MongoDB', 1, count);
  const fleet = await drain('MongoDB', FLEET, count);
  const what = (workers: string): string => `${count.toLocaleString('en')} queued payouts drained by ${workers}`;
  const alone = (a: number, b: number): string => `${show(a)} and ${show(b)} payouts a second`;
  return [
    {
      what: `${what(`${FLEET} workers`)}, MongoDB: payouts a second`,
      against: 'by 1 worker, MongoDB',
      ratio: show(fleet / one),
      alone: `${alone(fleet, one)}; none leased or sent twice`,
    },
    {
      what: `${what('1 worker')}, MongoDB: payouts a second`,
      against: 'by 1 worker, SQLite',
      ratio: show(one / embedded),
      alone: alone(one, embedded),
    },
  ];
}

/** Payouts a second, until the last one is settled. */
async function drain(adapter: Adapter, workers: number, count: number): Promise<number> {
  await using place = await makePlace(adapter);
  await fill(place, count);
  await using fleet = new AsyncDisposableStack();
  const children = Array.from({ length: workers }, () =>
    fleet.use(openChild<DrainQuestion, Drained>('store-drainer.ts')),
  );
  const ask = (question: DrainQuestion) => Promise.all(children.map((child) => child.ask(question)));
  for (const [at, child] of children.entries()) await child.ask({ kind: 'OPEN', place, name: `worker-${at}` });
  const startedAt = machineNow();
  await ask({ kind: 'START' });
  let told = await ask({ kind: 'TELL' });
  while (sum(told) < count) {
    if (machineNow() > startedAt + LONGEST_MS) throw new Error(`${sum(told)} of ${count} payouts were settled`);
    await sleep(LOOK_MS);
    told = await ask({ kind: 'TELL' });
  }
  const endedAt = Math.max(...told.map(({ settledAt }) => settledAt));
  check(await ask({ kind: 'STOP' }), count);
  return count / ((endedAt - startedAt) / 1000);
}

function sum(told: readonly Drained[]): number {
  return told.reduce((all, { settled }) => all + settled, 0);
}

function check(told: readonly Drained[], count: number): void {
  for (const kind of ['leases', 'orders'] as const) {
    const all = told.flatMap((one): readonly string[] => one[kind]);
    if (all.length !== count || new Set(all).size !== count) {
      throw new Error(`${all.length} ${kind} of ${new Set(all).size} payouts, not ${count}`);
    }
  }
}

async function fill(place: Place, count: number): Promise<void> {
  await using loader = openChild<LoadQuestion, LoadAnswer>('store-loader.ts');
  await loader.ask({ place, kind: 'QUEUED', count, ms: LONGEST_MS });
}
