import type { Payout } from '../../src/domain/payout.ts';
import type { Provider } from '../../src/domain/provider.ts';
import type { Subscriber } from './fleet-clients.ts';
import type { PlannedOrder } from './fleet-plan.ts';
import { isSettled, tell } from './life.ts';
import { type Booked, faultsOf } from './schedule.ts';

/** What is known when a run is over. */
export interface Evidence {
  readonly orders: readonly PlannedOrder[];
  /** The ids that clients were told, by reference. */
  readonly told: ReadonlyMap<string, ReadonlySet<string>>;
  /** Every payout that is in the store, by the index of its merchant. */
  readonly stored: readonly (readonly Payout[])[];
  /** Every order at the providers. */
  readonly books: readonly Booked[];
  readonly providers: readonly Provider[];
  /** By the index of their merchant. */
  readonly subscribers: readonly (readonly Subscriber[])[];
}

/** The part of it that decides about money. */
export type MoneyEvidence = Pick<Evidence, 'stored' | 'books' | 'providers'>;

/** What must never be, one line each: none is the point. */
export function judge(evidence: Evidence): readonly string[] {
  return [...judgeReferences(evidence), ...judgeMoney(evidence), ...judgeSubscribers(evidence)];
}

/** Each reference is there once, under the id that its clients were told, and there is nothing else. */
function judgeReferences({ orders, told, stored }: Evidence): string[] {
  const faults: string[] = [];
  const found = Map.groupBy(
    stored.flatMap((payouts, merchant) => payouts.map((payout) => ({ merchant, payout }))),
    (one) => nameOf(one.merchant, one.payout.reference),
  );
  for (const { merchant, reference } of orders) {
    const ids = [...(told.get(reference) ?? [])];
    const there = found.get(nameOf(merchant, reference)) ?? [];
    found.delete(nameOf(merchant, reference));
    if (there.length !== 1) faults.push(`${reference} is there ${there.length} times`);
    if (ids.length !== 1 || there.some((one) => one.payout.id !== ids[0])) {
      faults.push(`${reference}: clients were told [${ids}], the store has [${there.map((one) => one.payout.id)}]`);
    }
  }
  for (const name of found.keys()) faults.push(`${name} was not asked for`);
  return faults;
}

const nameOf = (merchant: number, reference: string): string => `${merchant}/${reference}`;

/** Every payout is over, or before an operator for a reason, as the books say; the books have nothing that no payout has. */
export function judgeMoney({ stored, books, providers }: MoneyEvidence): string[] {
  const faults: string[] = [];
  const byMark = Map.groupBy(books, (order) => order.mark ?? '');
  for (const payout of stored.flat()) {
    const provider = providers.find((one) => one.id === payout.provider);
    if (provider === undefined) throw new Error(`nobody knows ${payout.provider}`);
    const marks = payout.attempts.map((attempt) => attempt.orderNumber);
    const orders = marks.flatMap((mark) => byMark.get(mark) ?? []);
    for (const mark of marks) byMark.delete(mark);
    // Nobody erases anything here: a record that cannot be read is a store that was away, taken for a key that is gone.
    if (payout.attention.some((one) => one.reason === 'BODY_UNREADABLE')) {
      faults.push(`${payout.reference} is said to be unreadable`);
    }
    faults.push(...faultsOf(tell(payout, provider), orders));
    // One that waits for an operator is looked up now and then all the same.
    if (!isSettled({ ...payout, lease: null }))
      faults.push(`${payout.reference} never comes to an end: ${describe(payout)}`);
  }
  for (const mark of byMark.keys()) faults.push(`the order ${mark} belongs to no payout`);
  return faults;
}

/** As far as a person needs it to begin. */
function describe({ state, provider, nextCheckAt, lease, attention }: Payout): string {
  return JSON.stringify({ state, provider, nextCheckAt, lease, attention: attention.map((one) => one.reason) });
}

/** Each subscriber heard everything up to the last event of each payout of its merchant; order was judged as it heard. */
function judgeSubscribers({ stored, subscribers }: Evidence): string[] {
  return subscribers.flatMap((listening, merchant) =>
    listening.flatMap((one) =>
      missing(one, stored[merchant] ?? []).map(
        ({ id, sequence }) => `${one.name}: of ${id} it heard ${one.heard.get(id) ?? 0} of ${sequence} events`,
      ),
    ),
  );
}

/** The payouts of which a subscriber has not heard everything. */
export function missing({ heard }: Subscriber, payouts: readonly Payout[]): readonly Payout[] {
  return payouts.filter(({ id, sequence }) => (heard.get(id) ?? 0) < sequence);
}
