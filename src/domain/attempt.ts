import type { MoneyMoved } from './errors.ts';
import { type Attempt, type Failure, isFinal, type Payout, type PayoutState } from './payout.ts';

/** Where one attempt stands. QUEUED: everything it sent provably was not taken, and it may be sent again. */
export function attemptState(attempt: Attempt): PayoutState {
  const { report, sends } = attempt;
  if (attempt.mismatched && !(report !== null && isFinal(report.state))) return 'IN_DOUBT';
  if (report !== null) return report.state;
  if (sends.some((send) => send.outcome === 'IN_FLIGHT')) return 'SUBMITTING';
  if (sends.some((send) => send.outcome === 'UNKNOWN')) return 'IN_DOUBT';
  return sends.at(-1)?.outcome === 'REJECTED' ? 'FAILED' : 'QUEUED';
}

/**
 * Whether nothing is open about an attempt: a report found it, or no send of it is in flight, unknown, or answered by
 * something that was not it.
 */
export function isAccountedFor(attempt: Attempt): boolean {
  if (attempt.report !== null) return true;
  return (
    !attempt.mismatched && attempt.sends.every((send) => send.outcome !== 'IN_FLIGHT' && send.outcome !== 'UNKNOWN')
  );
}

/** Which attempt speaks for the payout when they disagree: whatever may have been paid outranks what was not. */
const FURTHEST: readonly PayoutState[] = [
  'CANCELLED',
  'FAILED',
  'QUEUED',
  'SUBMITTING',
  'IN_DOUBT',
  'AWAITING_DOCUMENTS',
  'AWAITING_CONFIRMATION',
  'PROCESSING',
  'RETURNED',
  'COMPLETED',
];

/** The furthest attempt, and of equals the latest; null before the first. */
export function currentAttempt(payout: Pick<Payout, 'attempts'>): Attempt | null {
  let furthest: Attempt | null = null;
  let rank = -1;
  for (const attempt of payout.attempts) {
    const own = FURTHEST.indexOf(attemptState(attempt));
    if (own >= rank) [furthest, rank] = [attempt, own];
  }
  return furthest;
}

/** The attempt to ask about next: the first that is not accounted for, else the current one. */
export function openAttempt(payout: Pick<Payout, 'attempts'>): Attempt | null {
  return payout.attempts.find((attempt) => !isAccountedFor(attempt)) ?? currentAttempt(payout);
}

/** The state that attempts and closure amount to. */
export function stateOf(payout: Pick<Payout, 'attempts' | 'closure'>): PayoutState {
  const current = currentAttempt(payout);
  const state = current ? attemptState(current) : 'QUEUED';
  return state === 'QUEUED' && payout.closure !== null ? payout.closure.state : state;
}

/** Has money left our balance at a provider and not come back, as far as all attempts together tell. */
export function moneyMoved(payout: Pick<Payout, 'attempts'>): MoneyMoved {
  const reports = payout.attempts.flatMap((attempt) => (attempt.report ? [attempt.report.moneyMoved] : []));
  if (reports.includes('YES')) return 'YES';
  return reports.includes('UNKNOWN') || !payout.attempts.every(isAccountedFor) ? 'UNKNOWN' : 'NO';
}

/** Why the payout failed; null unless it is FAILED or CANCELLED for a reason that is known. */
export function failureOf(payout: Payout): Failure | null {
  if (payout.state !== 'FAILED' && payout.state !== 'CANCELLED') return null;
  return currentAttempt(payout)?.report?.failure ?? payout.closure?.failure ?? null;
}
