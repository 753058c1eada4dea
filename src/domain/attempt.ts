import type { MoneyMoved } from './errors.ts';
import { type Attempt, type Failure, isFinal, type Payout, type PayoutState } from './payout.ts';

/** Where one attempt stands. QUEUED: everything it sent provably was not taken, and it may be sent again. */
export function attemptState(attempt: Attempt): PayoutState {
  const { report, sends } = attempt;
  if (attempt.mismatched && !(report !== null && isFinal(report.state))) return 'IN_DOUBT';
  if (report !== null) return report.state;
  if (sends.some((send) => send.outcome === 'IN_FLIGHT')) return 'SUBMITTING';
  if (attempt.exists || sends.some((send) => send.outcome === 'UNKNOWN')) return 'IN_DOUBT';
  return sends.at(-1)?.outcome === 'REJECTED' ? 'FAILED' : 'QUEUED';
}

/**
 * Whether nothing is open about an attempt: a report found it, or no send of it is in flight, unknown, or answered by
 * something that was not it.
 */
export function isAccountedFor(attempt: Attempt): boolean {
  if (attempt.report !== null) return true;
  if (attempt.mismatched || attempt.exists) return false;
  return attempt.sends.every((send) => send.outcome !== 'IN_FLIGHT' && send.outcome !== 'UNKNOWN');
}

/** Whether a confirm of the order may have been taken: from then on it cannot be called off, and money may be moving. */
export function mayBeConfirmed(attempt: Attempt): boolean {
  return attempt.sends.some(
    (send) => send.kind === 'CONFIRM' && send.outcome !== 'REJECTED' && send.outcome !== 'NOT_TAKEN',
  );
}

/**
 * Which attempt speaks for the payout when they disagree: whatever may have been paid outranks what was not, and what was
 * taken and is over there outranks what nobody took.
 */
const FURTHEST: readonly PayoutState[] = [
  'QUEUED',
  'CANCELLED',
  'FAILED',
  'SUBMITTING',
  'IN_DOUBT',
  'AWAITING_DOCUMENTS',
  'AWAITING_CONFIRMATION',
  'PROCESSING',
  'RETURNED',
  'COMPLETED',
];

/** What says where a payout stands: its attempts, and where the next one goes. */
type Standing = Pick<Payout, 'provider' | 'account' | 'attempts'>;

/**
 * The attempt that speaks for the payout: the furthest, and of equals the latest; null before the first, and where nobody
 * that it was sent to has taken it and the next one goes to an account where it never was.
 */
export function currentAttempt(payout: Standing): Attempt | null {
  if (goesElsewhere(payout)) return null;
  let furthest: Attempt | null = null;
  let rank = -1;
  for (const attempt of payout.attempts) {
    const own = rankOf(attempt);
    if (own >= rank) [furthest, rank] = [attempt, own];
  }
  return furthest;
}

/** What was refused at once is behind everything: what waits may still be sent. */
function rankOf(attempt: Attempt): number {
  const state = attemptState(attempt);
  return attempt.report === null && state === 'FAILED' ? 0 : 1 + FURTHEST.indexOf(state);
}

/** The attempt to ask about next: the first that is not accounted for, or not over at its provider, else the current one. */
export function openAttempt(payout: Standing): Attempt | null {
  const { attempts } = payout;
  return attempts.find((one) => !isAccountedFor(one)) ?? attempts.find(isUnderWay) ?? currentAttempt(payout);
}

/** Whether the provider has it, and it is not over there. */
export function isUnderWay({ report }: Attempt): boolean {
  return report !== null && !isFinal(report.state);
}

function goesElsewhere({ provider, account, attempts }: Standing): boolean {
  const own = attempts.some((one) => one.provider === provider && one.account === account);
  return !own && attempts.every((one) => one.report === null && isAccountedFor(one));
}

/** The state that attempts and closure amount to. */
export function stateOf(payout: Standing & Pick<Payout, 'closure'>): PayoutState {
  const current = currentAttempt(payout);
  const state = current ? attemptState(current) : 'QUEUED';
  return state === 'QUEUED' && payout.closure !== null ? payout.closure.state : state;
}

/** Has money left our balance at a provider and not come back, as far as all attempts together tell. */
export function moneyMoved(payout: Pick<Payout, 'attempts'>): MoneyMoved {
  const moved = payout.attempts.map(movedBy);
  if (moved.includes('YES')) return 'YES';
  return moved.includes('UNKNOWN') ? 'UNKNOWN' : 'NO';
}

function movedBy(attempt: Attempt): MoneyMoved {
  const { report } = attempt;
  if (report === null) return isAccountedFor(attempt) ? 'NO' : 'UNKNOWN';
  // Until the provider says what came of a confirm, its word from before says nothing.
  // Nor does it where what it showed last was not this order.
  const unsure = !isFinal(report.state) && (attempt.mismatched || mayBeConfirmed(attempt));
  return report.moneyMoved === 'NO' && unsure ? 'UNKNOWN' : report.moneyMoved;
}

/** Why the payout failed; null unless it is FAILED or CANCELLED for a reason that is known. */
export function failureOf(payout: Payout): Failure | null {
  if (payout.state !== 'FAILED' && payout.state !== 'CANCELLED') return null;
  const current = currentAttempt(payout);
  return current?.report?.failure ?? payout.closure?.failure ?? refusalOf(current);
}

/** Where a send was refused and only later turned out to have been the only one that arrived. */
function refusalOf(attempt: Attempt | null): Failure | null {
  const send = attempt?.sends.findLast((one) => one.outcome === 'REJECTED');
  if (!send) return null;
  const { vendorCode, vendorMessage } = send;
  const message = vendorMessage ?? 'the provider refused it';
  return { code: 'PROVIDER_REFUSED', message, vendorCode, vendorMessage, retryable: false };
}

/** Since when the payout has needed a person: its earliest reason, or its doubt; null: it needs none. */
export function attentionSince({
  attention,
  state,
  updatedAt,
}: Pick<Payout, 'attention' | 'state' | 'updatedAt'>): Date | null {
  if (attention.length > 0) return new Date(Math.min(...attention.map(({ since }) => since.getTime())));
  return state === 'IN_DOUBT' ? updatedAt : null;
}
