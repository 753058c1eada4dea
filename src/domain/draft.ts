import { currentAttempt } from './attempt.ts';
import { type Attempt, type Attention, type AttentionReason, type Closure, isFinal, type Payout } from './payout.ts';
import type { StatusReport } from './provider.ts';
import { absorb } from './report.ts';

/** What news can change of a payout, and what there is to say about it. */
export interface Draft
  extends Pick<
    Payout,
    | 'provider'
    | 'account'
    | 'attempts'
    | 'attention'
    | 'order'
    | 'parties'
    | 'autoConfirm'
    | 'requests'
    | 'generation'
    | 'parked'
  > {
  readonly closure: Closure | null;
  readonly note: string | null;
  /** A reader sees a difference, even where the state is the same. */
  readonly visible: boolean;
  /** How long to wait at least before the next check; 0: as the schedule says. */
  readonly retryAfterMs: number;
  /** Check again at once. */
  readonly due: boolean;
  /** The schedule begins anew. */
  readonly restart: boolean;
}

/** The payout as it is, before the news. */
export function openDraft(payout: Payout): Draft {
  const { provider, account, attempts, closure, attention, order, parties } = payout;
  const { autoConfirm, requests, generation, parked } = payout;
  const facts = { provider, account, attempts, closure, attention, order, parties };
  return {
    ...facts,
    autoConfirm,
    requests,
    generation,
    parked,
    note: null,
    visible: false,
    retryAfterMs: 0,
    due: false,
    restart: false,
  };
}

export function findAttempt(payout: Pick<Payout, 'attempts'>, number: number): Attempt | null {
  return payout.attempts.find((attempt) => attempt.number === number) ?? null;
}

export function replace(attempts: readonly Attempt[], changed: Attempt): readonly Attempt[] {
  return attempts.map((attempt) => (attempt.number === changed.number ? changed : attempt));
}

/** The draft with one more thing that a person has to look at; once for each reason, a condition by its newest words. */
export function flag(draft: Draft, reason: AttentionReason, message: string, now: Date): Draft {
  const known = draft.attention.find((one) => one.reason === reason);
  if (known && (known.message === message || !CONDITIONS.has(reason))) return draft;
  if (known) {
    const attention = draft.attention.map((one) => (one === known ? { ...one, message } : one));
    return { ...draft, attention, note: message };
  }
  return { ...draft, attention: [...draft.attention, { reason, since: now, message }], note: message };
}

/** Those that end by themselves, with the state that they are about; the others stay until somebody has seen to them. */
const CONDITIONS: ReadonlySet<AttentionReason> = new Set([
  'NOT_FOUND_AT_PROVIDER',
  'PROVIDER_UNREACHABLE',
  'REPEAT_WINDOW_OVER',
  'ACCOUNT_CHANGED',
  'SEND_BEFORE_PASSED',
  'ACTION_REFUSED',
  'OVERDUE',
]);

/** The list when the state has changed: of what was known before, only what does not end by itself. */
export function withoutConditions(list: readonly Attention[], before: readonly Attention[]): readonly Attention[] {
  return list.filter((one) => !(before.includes(one) && CONDITIONS.has(one.reason)));
}

/** The draft with a report taken into its attempt, and whether it told anything new. */
export function takeIn(
  payout: Payout,
  draft: Draft,
  attempt: Attempt,
  report: StatusReport,
  now: Date,
): { readonly draft: Draft; readonly changed: boolean } {
  const absorbed = absorb(draft.order, attempt, report);
  let next: Draft = {
    ...draft,
    attempts: replace(draft.attempts, absorbed.attempt),
    note: draft.note ?? absorbed.note,
    visible: draft.visible || absorbed.visible,
    due: draft.due || absorbed.due,
  };
  for (const [reason, message] of absorbed.flags) next = flag(next, reason, message, now);
  const changed = absorbed.visible || absorbed.attempt.mismatched !== attempt.mismatched;
  return {
    draft: dropImpossible(payout, next, report.askedAt),
    changed: changed || next.attention !== draft.attention,
  };
}

/** Without the requests that the provider no longer allows, by a status that was asked for after they were made. */
function dropImpossible(payout: Payout, draft: Draft, askedAt: Date | null): Draft {
  const { report = null, sends = [] } = currentAttempt(draft) ?? {};
  if (report === null || sends.some((send) => send.outcome === 'IN_FLIGHT')) return draft;
  const over = payout.requests.filter(({ action, requestedAt }) => {
    if (isFinal(report.state)) return true;
    const fresh = askedAt !== null && sends.every(({ endedAt }) => endedAt !== null && endedAt <= askedAt);
    return fresh && requestedAt <= askedAt && !report.allows.includes(action);
  });
  if (over.length === 0) return draft;
  const note = `no longer possible, or done: ${over.map(({ action }) => action).join(', ')}`;
  const requests = draft.requests.filter((one) => !over.includes(one));
  return { ...draft, requests, visible: true, note: draft.note ?? note };
}
