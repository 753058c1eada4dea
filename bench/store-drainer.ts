/**
 * A worker in a process of its own: the real one, on a store, for a provider that takes everything at once and pays it. So
 * what it takes its time for is the store alone.
 */
import type { PayoutId } from '../src/domain/payout.ts';
import type { Store } from '../src/domain/store.ts';
import { createBreaker } from '../src/health-breaker.ts';
import type { Payouts } from '../src/payouts.ts';
import { systemClock } from '../src/runtime.ts';
import { createWorker, type Worker } from '../src/worker.ts';
import { silentLog } from '../test/support/log.ts';
import { NO_MARKET, payoutsOn, plainProvider, reportOf } from '../test/support/write-side.ts';
import { answer, machineNow } from './harness.ts';
import { openAt, type Place } from './store-places.ts';
import { PROVIDER } from './store-records.ts';

/** OPEN, then START, then as many TELL as one likes, then STOP. */
export type DrainQuestion =
  | { readonly kind: 'OPEN'; readonly place: Place; readonly name: string }
  | { readonly kind: 'START' | 'TELL' | 'STOP' };

export interface Drained {
  /** How many payouts it has settled. */
  readonly settled: number;
  /** When the last of them was, by `machineNow`. */
  readonly settledAt: number;
  /** At STOP: every lease that it got, and every order number that it sent, in order. */
  readonly leases: readonly PayoutId[];
  readonly orders: readonly string[];
}

let store: Store | null = null;
let worker: Worker | null = null;
const leases: PayoutId[] = [];
const orders: string[] = [];
let settled = 0;
let settledAt = 0;

const provider = plainProvider(PROVIDER, {
  async submit({ orderNumber }) {
    orders.push(orderNumber);
    const report = reportOf({
      state: 'COMPLETED',
      vendorStatus: 'paid',
      providerReference: `reference-${orderNumber}`,
    });
    return { kind: 'accepted', report };
  },
});

async function run(question: DrainQuestion): Promise<Drained> {
  if (question.kind === 'OPEN') await open(question.place, question.name);
  else if (question.kind === 'START') worker?.start();
  else if (question.kind === 'STOP') {
    await worker?.stop();
    await store?.close();
    return { settled, settledAt, leases, orders };
  }
  return { settled, settledAt, leases: [], orders: [] };
}

async function open(place: Place, name: string): Promise<void> {
  store = await openAt(place);
  const route = { kind: 'chosen', provider: PROVIDER, account: 'default', decision: null } as const;
  const payouts = counted(payoutsOn(store, systemClock, () => route, [provider]));
  const parts = {
    providers: [provider],
    market: NO_MARKET,
    health: createBreaker(systemClock, name),
    clock: systemClock,
    log: silentLog,
    name,
  };
  worker = createWorker({ ...parts, payouts, options: { skewMs: 10_000 } });
}

function counted(payouts: Payouts): Payouts {
  return {
    ...payouts,
    async lease(request) {
      const leased = await payouts.lease(request);
      leases.push(...leased.map(({ id }) => id));
      return leased;
    },
    async settle(...news) {
      const payout = await payouts.settle(...news);
      if (payout.state !== 'COMPLETED') throw new Error(`a payout is ${payout.state}`);
      settled += 1;
      settledAt = machineNow();
      return payout;
    },
  };
}

answer(run);
