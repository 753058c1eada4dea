/** The payouts that a store is filled with. */
import type { MerchantId } from '../src/domain/merchant.ts';
import type { Payout, PayoutEvent } from '../src/domain/payout.ts';
import type { ProviderId } from '../src/domain/provider.ts';
import type { PageKey } from '../src/domain/store.ts';
import { payoutIdOf } from '../src/identity.ts';
import { afterNoon, sampleAttempt, sampleEvent, samplePayout, sampleSend } from '../test/support/payouts.ts';

/** PAID: a merchant's payouts, all over, among those of others. QUEUED: the merchant's alone, due at once. */
export type Kind = 'PAID' | 'QUEUED';
/** A new payout with its first event. */
export type NewPayout = readonly [Payout, PayoutEvent];

/** Whose payouts are counted, and read. */
export const MERCHANT = 'me_bench' as MerchantId;
export const PROVIDER = 'ALPHA' as ProviderId;
/** Of those that are paid, one in so many failed instead: evenly spread. */
export const RARE = { every: 100, state: 'FAILED' } as const;
/** Every so many payouts of the merchant one of somebody else comes between. */
const OTHERS_EVERY = 10;
const OTHERS = 50;

/** The merchant's payouts from number `from` to before `to`, and what comes between. */
export function recordsOf(kind: Kind, from: number, to: number): NewPayout[] {
  const records: NewPayout[] = [];
  for (let number = from; number < to; number += 1) {
    records.push(withEvent(kind === 'PAID' ? paid(MERCHANT, number) : queued(number)));
    if (kind === 'PAID' && number % OTHERS_EVERY === 0) records.push(withEvent(paid(otherOf(number), number)));
  }
  return records;
}

/** Where one of the paid ones stands among the merchant's: they are a second apart, the eldest has number 0. */
export function keyOf(merchantId: MerchantId, number: number): PageKey {
  return { createdAt: afterNoon(number * 1000), id: payoutIdOf(merchantId, referenceOf(number)) };
}

function otherOf(number: number): MerchantId {
  return `me_other${(number / OTHERS_EVERY) % OTHERS}` as MerchantId;
}

function referenceOf(number: number): string {
  return `order-${number}`;
}

function withEvent(payout: Payout): NewPayout {
  return [payout, sampleEvent(payout)];
}

/** Paid at the first attempt, or refused: nothing is left to do for it. */
function paid(merchantId: MerchantId, number: number): Payout {
  const { createdAt } = keyOf(merchantId, number);
  const state = number % RARE.every === 0 ? RARE.state : 'COMPLETED';
  const sends = [sampleSend({ outcome: 'ACCEPTED', startedAt: createdAt, endedAt: createdAt })];
  const attempts = [sampleAttempt({ provider: PROVIDER, providerReference: `reference-${number}`, sends })];
  return samplePayout({
    merchantId,
    reference: referenceOf(number),
    provider: PROVIDER,
    state,
    createdAt,
    updatedAt: createdAt,
    nextCheckAt: null,
    attempts,
  });
}

function queued(number: number): Payout {
  const reference = referenceOf(number);
  return samplePayout({ merchantId: MERCHANT, reference, provider: PROVIDER, nextCheckAt: afterNoon(number) });
}
