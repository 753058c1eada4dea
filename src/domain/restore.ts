import { moneyMoved } from './attempt.ts';
import type { MoneyMoved } from './errors.ts';
import { nextCandidate } from './failover.ts';
import { isFinal, type Payout } from './payout.ts';
import type { Restored } from './store.ts';

/**
 * Whether the payout may be further along at its provider than its record says: the store was put back, and the provider has
 * not been asked since. A store that never was (null) suspects none.
 */
export function isSuspect({ generation }: Pick<Payout, 'generation'>, restored: Restored | null): boolean {
  return restored !== null && generation < restored.generation;
}

/** The generation of a new payout: while what was lost is created again, it may be one of those. */
export function firstGeneration(restored: Restored | null): number {
  if (restored === null) return 0;
  return restored.open ? restored.generation - 1 : restored.generation;
}

/**
 * From when on a suspect payout may have been sent without its record knowing: since the store lost its time, or since the
 * last that the record itself knows of being sent, whichever is earlier. A store that is put back a second time has payouts
 * that nobody has looked at since the first.
 */
export function lostSince({ createdAt, attempts }: Pick<Payout, 'createdAt' | 'attempts'>, restored: Restored): Date {
  const starts = attempts.flatMap(({ sends }) => sends.map(({ startedAt }) => startedAt.getTime()));
  return new Date(Math.min(restored.lostSince.getTime(), Math.max(createdAt.getTime(), ...starts)));
}

/**
 * Whether a suspect payout may be at another provider than the one that it goes to by its record: one that may fail over may
 * have done so in the lost time, and one that is created again may have been routed to somebody else the first time. Then
 * that it is not here proves nothing, and to send it here again may be a second payment.
 */
export function mayBeElsewhere(payout: Payout, restored: Restored | null): boolean {
  if (restored === null || !isSuspect(payout, restored)) return false;
  if (payout.attempts.some(({ report }) => report !== null)) return false;
  const { createdAt, generation, failover, inputDigests } = payout;
  // Of one that is behind by more than one life nobody can tell any more in which of them it was created.
  const again = createdAt >= restored.lostSince || generation < restored.generation - 1;
  if (again) return failover || !('provider' in inputDigests || 'quoteId' in inputDigests);
  return failover && nextCandidate(payout) !== null && !wasInDoubt(payout, restored.lostSince);
}

/** Whether it was in doubt before: from then on it could not fail over. */
function wasInDoubt({ attempts }: Payout, lostSince: Date): boolean {
  const isKnown = (endedAt: Date | null): boolean => endedAt !== null && endedAt <= lostSince;
  return attempts.some(({ sends }) => sends.some(({ outcome, endedAt }) => outcome === 'UNKNOWN' && isKnown(endedAt)));
}

/** `moneyMoved` as far as it is known: of a payout that may have gone on in the lost time, NO is not known. */
export function knownMoneyMoved(payout: Payout, restored: Restored | null): MoneyMoved {
  const moved = moneyMoved(payout);
  return moved === 'NO' && !isFinal(payout.state) && isSuspect(payout, restored) ? 'UNKNOWN' : moved;
}
