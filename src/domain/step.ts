import type { News } from './apply.ts';
import { attemptState, currentAttempt, openAttempt } from './attempt.ts';
import { wayOn } from './failover.ts';
import { type FollowUp, followUp } from './follow.ts';
import { type Attempt, type AttentionReason, isFinal, type Payout, type SendKind } from './payout.ts';
import type { Account, LookupOutcome, Provider } from './provider.ts';
import { isSuspect, mayBeElsewhere } from './restore.ts';
import { mayBeSubmitted, suspectedAttempt } from './send.ts';
import type { Restored } from './store.ts';

/** What is to be done with a payout that is due. */
export type Step =
  | { readonly kind: 'send'; readonly send: SendKind; readonly attempt: Attempt | null; readonly account: Account }
  /** It may have been sent in the time that the store has lost, as this attempt (null: as a new one at this account). */
  | { readonly kind: 'suspect'; readonly attempt: Attempt }
  | { readonly kind: 'suspect'; readonly attempt: null; readonly account: Account }
  | { readonly kind: 'follow'; readonly next: FollowUp; readonly attempt: Attempt }
  | { readonly kind: 'look'; readonly attempt: Attempt }
  | { readonly kind: 'tell'; readonly news: News };

const HOLD: Step = { kind: 'tell', news: { kind: 'held', retryAfterMs: null } };

/**
 * Decides the next step: what a provider does with a repeat decides how doubt is left. Pure. `restored` is how the store was
 * put back (null: never).
 */
export function nextStep(
  payout: Payout,
  provider: Provider | undefined,
  now: Date,
  restored: Restored | null = null,
): Step {
  for (const { number, sends } of payout.attempts) {
    // Whoever was sending held the lease that we hold now.
    const lost = sends.find((send) => send.outcome === 'IN_FLIGHT');
    if (lost) return { kind: 'tell', news: { kind: 'abandoned', attempt: number, send: lost.number } };
  }
  const late = payout.sendBefore !== null && payout.sendBefore <= now;
  const account = provider?.accounts.find((one) => one.name === payout.account);
  const attempt = openAttempt(payout);
  const suspect = isSuspect(payout, restored);
  const elsewhere = mayBeElsewhere(payout, restored);
  const doubt = suspect && (!elsewhere || mayBeSubmitted(payout)) ? suspected(payout, account, late) : null;
  if (doubt !== null) return doubt;
  if (mayBeSubmitted(payout)) {
    if (late) return { kind: 'tell', news: { kind: 'expired' } };
    if (account?.enabled !== true && wayOn(payout) !== null) return moveOn(payout);
    if (account === undefined) return accountChanged(payout);
    if (!account.enabled) return HOLD;
    // Once it was in doubt, only its own order number keeps it from being paid twice: it goes to its own account or nowhere.
    const doubted = payout.state === 'IN_DOUBT' || payout.attempts.some((one) => one.doubted);
    if (doubted && attempt?.fingerprint !== account.fingerprint) return accountChanged(payout);
    const again = attempt !== null && isAt(attempt, payout, account) ? attempt : null;
    return { kind: 'send', send: 'SUBMIT', attempt: again, account };
  }
  if (attempt === null) return HOLD;
  if (provider === undefined || account === undefined || account.fingerprint !== attempt.fingerprint) {
    return accountChanged(payout);
  }
  // What the provider allowed before the store was put back may be long over there: it is asked first.
  const next = suspect ? null : followed(payout, attempt, late);
  return next ?? doubted(payout, provider, account, attempt, { late, elsewhere }, now);
}

/** Whether the attempt is the payout's at this very account. */
function isAt(attempt: Attempt, { provider }: Payout, { name, fingerprint }: Account): boolean {
  return attempt.provider === provider && attempt.account === name && attempt.fingerprint === fingerprint;
}

/** The step where something would be sent that may have been sent since; null: nothing would be, so asking is enough. */
function suspected(payout: Payout, account: Account | undefined, late: boolean): Step | null {
  const attempt = suspectedAttempt(payout);
  if (attempt === undefined) return null;
  // Whatever became of its account: this number is the one that it may have been sent under.
  if (attempt !== null) return { kind: 'suspect', attempt };
  if (account === undefined) return accountChanged(payout);
  // Once its time is over nothing is sent, so that it is only looked for.
  return account.enabled || late ? { kind: 'suspect', attempt: null, account } : HOLD;
}

function accountChanged({ account }: Payout): Step {
  return flagged('ACCOUNT_CHANGED', `its account ${account} is no longer configured, or is another one`);
}

/** The step with an order that the provider has; null: to look, as with any other. */
function followed(payout: Payout, attempt: Attempt, late: boolean): Step | null {
  const next = followUp(payout);
  // It speaks of the furthest attempt alone: another one that is still open is looked at first.
  if (next === null || next === 'look' || attempt !== currentAttempt(payout)) return null;
  if (next.action !== 'CONFIRM' || !late) return { kind: 'follow', next, attempt };
  return { kind: 'tell', news: { kind: 'expired' } };
}

/** The step with an order of which we do not know how it stands. */
function doubted(
  payout: Payout,
  provider: Provider,
  account: Account,
  attempt: Attempt,
  { late, elsewhere }: { readonly late: boolean; readonly elsewhere: boolean },
  now: Date,
): Step {
  const { findsByOrderNumber } = provider;
  const findable = findsByOrderNumber === 'always' || (findsByOrderNumber === 'onceProven' && attempt.exists);
  if (attempt.providerReference !== null || findable) return { kind: 'look', attempt };
  if (attempt.exists) {
    const known = `${provider.name} says that ${attempt.orderNumber} is taken`;
    return flagged('NOT_FOUND_AT_PROVIDER', `${known}, and cannot be asked for it: ask there`);
  }
  // Only doubt is left by a repeat: an order that was refused, or whose echo was wrong, is not sent again.
  if (attempt.mismatched || attemptState(attempt) !== 'IN_DOUBT') return HOLD;
  if (elsewhere) return flagged('NOT_FOUND_AT_PROVIDER', elsewhereMessage(provider, attempt));
  if (payout.closure !== null) {
    const message = `it was called off, and may be at ${provider.name}: ask there for ${attempt.orderNumber}`;
    return flagged('NOT_FOUND_AT_PROVIDER', message);
  }
  if (late) return { kind: 'tell', news: { kind: 'expired' } };
  const window = provider.repeatWindowMs;
  if (window === null || now.getTime() - doubtfulSince(attempt).getTime() > window) {
    const rule = `a repeat is not known to be safe at ${provider.name} any more`;
    return flagged('REPEAT_WINDOW_OVER', `${rule}: ask there for ${attempt.orderNumber}`);
  }
  return { kind: 'send', send: 'REPEAT', attempt, account };
}

/** Why nobody but a person can say what became of it. */
function elsewhereMessage({ name }: Provider, { orderNumber }: Attempt): string {
  const why = 'the store was put back, and in the lost time it may have gone to another provider';
  return `${why}: look there too, and at ${name} for ${orderNumber}, before it is sent again`;
}

/** Nobody there takes it any more, and somebody else may. */
function moveOn({ account }: Payout): Step {
  const message = `its account ${account} is switched off, or no longer configured`;
  const words = { vendorCode: null, vendorMessage: null, retryable: true };
  return { kind: 'tell', news: { kind: 'refused', failure: { code: 'MISCONFIGURED', message, ...words } } };
}

function flagged(reason: AttentionReason, message: string): Step {
  return { kind: 'tell', news: { kind: 'flagged', reason, message } };
}

/** When the first send that may have been taken started. */
function doubtfulSince({ sends }: Attempt): Date {
  const doubtful = sends.find((send) => send.outcome !== 'NOT_TAKEN') ?? sends[0];
  return doubtful?.startedAt ?? new Date(0);
}

/** After this long without a sign of it, an order that cannot be repeated is put before an operator. */
const LOST_AFTER_MS = 600_000;
/** So is one whose provider could not be asked at all for this long. */
const DEAF_AFTER_MS = 86_400_000;

type Flagged = Extract<News, { kind: 'flagged' }>;

/** What an operator has to know of an order that was looked for; null: nothing yet. `restored` as for `nextStep`. */
export function concernOf(
  payout: Payout,
  provider: Provider,
  attempt: Attempt,
  outcome: LookupOutcome,
  now: Date,
  restored: Restored | null = null,
): Flagged | null {
  const age = now.getTime() - doubtfulSince(attempt).getTime();
  const { orderNumber } = attempt;
  if (payout.state !== 'IN_DOUBT') {
    if (isFinal(payout.state) || attempt.report === null || age <= provider.usualMs) return null;
    const message = `${payout.state} for longer than is usual at ${provider.name}: ask there for ${orderNumber}`;
    return { kind: 'flagged', reason: 'OVERDUE', message };
  }
  if (outcome.kind === 'absent' && mayBeElsewhere(payout, restored)) {
    return { kind: 'flagged', reason: 'NOT_FOUND_AT_PROVIDER', message: elsewhereMessage(provider, attempt) };
  }
  // Where absence can be proven, it soon is; unless the provider has said that the number is taken.
  const unproven = provider.absenceRule(attempt.account) === null || attempt.exists;
  if (outcome.kind === 'absent' && unproven && age > LOST_AFTER_MS) {
    const message = `${provider.name} shows no order ${orderNumber}; that is no proof: look there before paying again`;
    return { kind: 'flagged', reason: 'NOT_FOUND_AT_PROVIDER', message };
  }
  if (outcome.kind !== 'unavailable' || age <= (attempt.exists ? LOST_AFTER_MS : DEAF_AFTER_MS)) return null;
  const message = `${provider.name} could not be asked for ${orderNumber}: ${outcome.cause}`;
  return { kind: 'flagged', reason: 'PROVIDER_UNREACHABLE', message };
}
