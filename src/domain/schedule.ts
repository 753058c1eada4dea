import type { News, Source } from './apply.ts';
import { isAccountedFor, isUnderWay, moneyMoved, stateOf } from './attempt.ts';
import type { Draft } from './draft.ts';
import { isFinal, type Payout, type PayoutState } from './payout.ts';

/** Seconds between checks that change nothing: seconds at first, an hour at last, never an end. */
export const LADDER_SECONDS = [2, 5, 10, 20, 40, 60, 120, 300, 600, 1200, 1800, 3600];

/** However long a provider asks us to stay away. */
const LONGEST_WAIT_MS = 3_600_000;

/** Whether the news is a worker's turn with the payout: what it merely remarks on beside its turn is not. */
export function isCheck(news: News, source: Source): boolean {
  if (news.kind === 'held' && news.ours) return false;
  if (news.kind === 'held' || news.kind === 'flagged') return source.fence !== null;
  return news.kind === 'looked' || news.kind === 'ended' || news.kind === 'expired';
}

/** Whether anything can still be learnt by asking: not over, not accounted for, or money not where the state says. */
function isOpen(draft: Draft, state: PayoutState): boolean {
  if (!isFinal(state) || !draft.attempts.every(isAccountedFor) || draft.attempts.some(isUnderWay)) return true;
  if (state === 'COMPLETED') return moneyMoved(draft) !== 'YES';
  return (state === 'FAILED' || state === 'CANCELLED') && moneyMoved(draft) !== 'NO';
}

/** When a worker looks at the payout next; null: there is nothing more to ask. */
export function nextCheck(
  payout: Payout,
  draft: Draft,
  state: PayoutState,
  quiet: number,
  check: boolean,
  now: Date,
): Date | null {
  // What is parked and was not sent is left alone until its time is over.
  if (draft.parked && stateOf(draft) === 'QUEUED') return payout.sendBefore;
  if (draft.due) return now;
  if (!isOpen(draft, state)) return null;
  // News that came by itself does not put off a check that is due sooner.
  if (!check && state === payout.state && payout.nextCheckAt !== null) {
    const earliest = draft.retryAfterMs > 0 ? now.getTime() + draft.retryAfterMs : 0;
    return new Date(Math.max(payout.nextCheckAt.getTime(), earliest));
  }
  const step = (LADDER_SECONDS[Math.min(quiet, LADDER_SECONDS.length - 1)] ?? 3600) * 1000;
  const asked = Math.min(draft.retryAfterMs, LONGEST_WAIT_MS);
  const at = now.getTime() + Math.max(asked, Math.round(step * spread(payout, quiet)));
  // What may still be sent is looked at once more when its time is over; to the rest that moment means nothing.
  const limit = stateOf(draft) === 'QUEUED' ? (payout.sendBefore?.getTime() ?? Infinity) : Infinity;
  return new Date(Math.max(Math.min(at, limit), now.getTime()));
}

/** 0.85 to 1.15, always the same for one payout and step: payouts that started together do not stay together. */
function spread(payout: Payout, quiet: number): number {
  let hash = quiet;
  for (let at = 0; at < payout.id.length; at += 1) hash = (Math.imul(hash, 31) + payout.id.charCodeAt(at)) | 0;
  return 0.85 + ((hash >>> 0) % 1000) / 3333;
}
