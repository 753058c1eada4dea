import { attemptState, currentAttempt, isAccountedFor, moneyMoved, stateOf } from './attempt.ts';
import {
  type Attempt,
  type Attention,
  type AttentionReason,
  BY_EVIDENCE,
  type Closure,
  type EventSource,
  isFinal,
  type Payout,
  type PayoutEvent,
  type PayoutState,
  type Send,
  type SendKind,
  TRANSITIONS,
} from './payout.ts';
import type { LookupOutcome, SendOutcome, StatusReport } from './provider.ts';
import { absorb } from './report.ts';

/** What somebody learnt or decided about a payout. `apply` alone decides what follows from it. */
export type News =
  /** A worker is about to send: stored before the first byte. A number that is not there yet opens a new attempt. */
  | { readonly kind: 'begun'; readonly send: SendKind; readonly attempt: NewAttempt }
  | { readonly kind: 'ended'; readonly attempt: number; readonly send: number; readonly outcome: SendOutcome }
  /** The lease of the worker that was sending ran out, and nobody knows how the send ended. */
  | { readonly kind: 'abandoned'; readonly attempt: number; readonly send: number }
  | { readonly kind: 'looked'; readonly attempt: number; readonly askedAt: Date; readonly outcome: LookupOutcome }
  /** The provider told us by itself, verifiably. */
  | { readonly kind: 'reported'; readonly attempt: number; readonly report: StatusReport }
  /** Somebody, perhaps the provider, says that it is worth a look now. */
  | { readonly kind: 'hinted' }
  /** Nothing was sent or asked, and nothing can be for now. */
  | { readonly kind: 'held'; readonly retryAfterMs: number | null }
  | { readonly kind: 'cancelled' }
  /** `sendBefore` passed. */
  | { readonly kind: 'expired' }
  | { readonly kind: 'flagged'; readonly reason: AttentionReason; readonly message: string };

export type NewAttempt = Pick<
  Attempt,
  'number' | 'provider' | 'account' | 'fingerprint' | 'orderNumber' | 'bodyDigest'
>;

/** Who brings the news. */
export interface Source {
  readonly source: EventSource;
  readonly actor: string;
  /** The lease under which a worker acts; null for everyone else. It is given back with the news. */
  readonly fence: number | null;
}

/** What becomes of a payout: its next version, and the event that tells of it (null: nothing worth telling). */
export interface Applied {
  readonly payout: Payout;
  readonly event: Omit<PayoutEvent, 'id'> | null;
}

/** What news can change of a payout, and what there is to say about it. */
interface Draft {
  readonly attempts: readonly Attempt[];
  readonly closure: Closure | null;
  readonly attention: readonly Attention[];
  readonly note: string | null;
  /** A reader sees a difference, even where the state is the same. */
  readonly visible: boolean;
  /** How long to wait at least before the next check; 0: as the schedule says. */
  readonly retryAfterMs: number;
  /** Check again at once. */
  readonly due: boolean;
}

/**
 * The one place where a payout moves. Pure: the same news on the same payout gives the same result. Null when the news
 * changes nothing at all: not allowed in this state, already known, or about something that is not there.
 */
export function apply(payout: Payout, news: News, source: Source, now: Date): Applied | null {
  let draft = draftOf(payout, news, now);
  if (draft === null) return null;
  const reached = stateOf(draft);
  const state = reached === payout.state || mayMove(payout.state, reached) ? reached : payout.state;
  // What was in doubt and then proved not taken waits in its place, and may be submitted from there.
  if (state !== reached && !(state === 'IN_DOUBT' && reached === 'QUEUED')) {
    draft = flag(draft, 'CONTRADICTED', `it was ${payout.state}, and then ${reached}`, now);
  }
  if (state !== payout.state && state !== 'IN_DOUBT' && BY_EVIDENCE[payout.state]?.includes(state)) {
    draft = flag(draft, 'LATE_EVIDENCE', `the provider has it, although it was ${payout.state}`, now);
  }
  const paying = draft.attempts.filter((attempt) => attempt.report?.moneyMoved === 'YES');
  if (paying.length > 1) {
    const orders = paying.map((attempt) => attempt.orderNumber).join(' and ');
    draft = flag(draft, 'PAID_TWICE', `money has moved for both ${orders}`, now);
  }
  const tells =
    !isSilent(payout, news) &&
    (state !== payout.told || draft.visible || draft.attention.length > payout.attention.length);
  const progressed = state !== payout.state && !BEFORE_THE_PROVIDER.has(state);
  const quietChecks = progressed ? 0 : payout.quietChecks + (isCheck(news, source) ? 1 : 0);
  const next: Payout = {
    ...payout,
    version: payout.version + 1,
    sequence: payout.sequence + (tells ? 1 : 0),
    state,
    told: tells ? state : payout.told,
    attempts: draft.attempts,
    closure: draft.closure,
    attention: draft.attention,
    nextCheckAt: nextCheck(payout, draft, state, quietChecks, isCheck(news, source), now),
    quietChecks,
    lease: source.fence !== null && source.fence === payout.lease?.fence && news.kind !== 'begun' ? null : payout.lease,
    updatedAt: tells ? now : payout.updatedAt,
  };
  return { payout: next, event: tells ? eventOf(payout, next, draft.note, source, now) : null };
}

/** The event that tells of a change from one version of a payout to the next. */
function eventOf(before: Payout, after: Payout, note: string | null, source: Source, now: Date): Applied['event'] {
  return {
    schema: 1,
    payoutId: after.id,
    merchantId: after.merchantId,
    provider: after.provider,
    sequence: after.sequence,
    at: now,
    source: source.source,
    actor: source.actor,
    state: after.state,
    previousState: before.told,
    vendorStatus: currentAttempt(after)?.report?.vendorStatus ?? null,
    note,
  };
}

function mayMove(from: PayoutState, to: PayoutState): boolean {
  return TRANSITIONS[from].includes(to) || BY_EVIDENCE[from]?.includes(to) === true;
}

/**
 * Sending again what was not taken is not told when it begins: as long as the provider is away the same would happen over
 * and over, and would fill the log.
 */
function isSilent(payout: Payout, news: News): boolean {
  return (
    news.kind === 'begun' && news.send === 'SUBMIT' && payout.attempts.some((one) => one.number === news.attempt.number)
  );
}

// --- what each piece of news does ---------------------------------------------------------------------------------------

function draftOf(payout: Payout, news: News, now: Date): Draft | null {
  const { attempts, closure, attention } = payout;
  const draft: Draft = { attempts, closure, attention, note: null, visible: false, retryAfterMs: 0, due: false };
  switch (news.kind) {
    case 'begun':
      return begin(payout, draft, news.send, news.attempt, now);
    case 'ended':
      return end(payout, draft, news, now);
    case 'abandoned': {
      const outcome = { kind: 'unknown', vendorCode: null, cause: 'the worker that was sending went away' } as const;
      return end(payout, draft, { ...news, outcome }, now);
    }
    case 'looked':
      return look(payout, draft, news, now);
    case 'reported': {
      const attempt = findAttempt(payout, news.attempt);
      return attempt && takeIn(payout, draft, attempt, news.report, now);
    }
    case 'hinted': {
      const waiting = payout.lease === null && payout.nextCheckAt !== null && payout.nextCheckAt <= now;
      const nobodyToAsk = isFinal(payout.state) && attempts.length === 0;
      return waiting || nobodyToAsk ? null : { ...draft, due: true };
    }
    case 'held':
      return { ...draft, retryAfterMs: news.retryAfterMs ?? 0 };
    case 'cancelled':
      if (payout.state !== 'QUEUED' || !mayBeSubmitted(payout)) return null;
      return { ...draft, closure: { state: 'CANCELLED', failure: null } };
    case 'expired':
      return expire(payout, draft, now);
    case 'flagged':
      return flag(draft, news.reason, news.message, now);
  }
}

function begin(payout: Payout, draft: Draft, kind: SendKind, chosen: NewAttempt, now: Date): Draft | null {
  const known = findAttempt(payout, chosen.number);
  if (payout.sendBefore !== null && payout.sendBefore <= now) return null;
  if (kind === 'SUBMIT' && !mayBeSubmitted(payout)) return null;
  if (kind === 'REPEAT' && (known === null || attemptState(known) !== 'IN_DOUBT')) return null;
  if (known?.mismatched || (known?.report ?? null) !== null) return null;
  const attempt: Attempt = known ?? { ...chosen, providerReference: null, sends: [], report: null, mismatched: false };
  const send: Send = {
    number: (attempt.sends.at(-1)?.number ?? 0) + 1,
    kind,
    outcome: 'IN_FLIGHT',
    startedAt: now,
    endedAt: null,
    vendorCode: null,
    vendorMessage: null,
  };
  const begun = { ...attempt, sends: [...attempt.sends, send] };
  return { ...draft, attempts: known ? replace(draft.attempts, begun) : [...draft.attempts, begun], due: true };
}

/** Whether a first send may start: nothing that was sent before may have been taken. */
export function mayBeSubmitted(payout: Payout): boolean {
  return (payout.state === 'QUEUED' || payout.state === 'IN_DOUBT') && stateOf(payout) === 'QUEUED';
}

type Ended = { readonly attempt: number; readonly send: number; readonly outcome: SendOutcome };

function end(
  payout: Payout,
  draft: Draft,
  { attempt: number, send: sendNumber, outcome }: Ended,
  now: Date,
): Draft | null {
  const attempt = findAttempt(payout, number);
  const send = attempt?.sends.find((one) => one.number === sendNumber);
  // A send that was given up for lost may still turn out to have ended; one that ended cannot end otherwise.
  if (!attempt || !send || (send.outcome !== 'IN_FLIGHT' && send.outcome !== 'UNKNOWN')) return null;
  if (send.outcome === 'UNKNOWN' && outcome.kind === 'unknown') return null;
  const ended: Send = { ...send, ...resultOf(outcome), endedAt: now };
  const before = attempt.sends[attempt.sends.indexOf(send) - 1];
  const again = ended.outcome === 'NOT_TAKEN' && before !== undefined && sameResult(before, ended);
  const sends = attempt.sends.filter((one) => !(again && one === before)).map((one) => (one === send ? ended : one));
  const settled = { ...attempt, sends };
  const next: Draft = {
    ...draft,
    attempts: replace(draft.attempts, settled),
    note: noteOf(outcome),
    visible: ended.outcome === 'NOT_TAKEN' && !again,
    retryAfterMs: outcome.kind === 'notTaken' ? (outcome.retryAfterMs ?? 0) : 0,
  };
  if (outcome.kind === 'accepted') return takeIn(payout, next, settled, outcome.report, now) ?? next;
  // A refusal is the end only where nothing else that was sent may have been taken.
  const alone = next.attempts.every((one) => one.report === null && isAccountedFor(one));
  if (outcome.kind !== 'rejected' || !alone) return next;
  return { ...next, closure: { state: 'FAILED', failure: outcome.failure } };
}

function resultOf(outcome: SendOutcome): Pick<Send, 'outcome' | 'vendorCode' | 'vendorMessage'> {
  switch (outcome.kind) {
    case 'accepted':
      return { outcome: 'ACCEPTED', vendorCode: null, vendorMessage: outcome.report.vendorMessage };
    case 'rejected': {
      const { vendorCode, vendorMessage, message } = outcome.failure;
      return { outcome: 'REJECTED', vendorCode, vendorMessage: vendorMessage ?? message };
    }
    case 'notTaken':
      return { outcome: 'NOT_TAKEN', vendorCode: outcome.vendorCode, vendorMessage: outcome.cause };
    case 'unknown':
      return { outcome: 'UNKNOWN', vendorCode: outcome.vendorCode, vendorMessage: outcome.cause };
  }
}

function sameResult(a: Send, b: Send): boolean {
  return a.outcome === b.outcome && a.vendorCode === b.vendorCode && a.vendorMessage === b.vendorMessage;
}

function noteOf(outcome: SendOutcome): string | null {
  switch (outcome.kind) {
    case 'accepted':
      return null;
    case 'rejected':
      return `refused: ${outcome.failure.message}`;
    case 'notTaken':
      return `not taken: ${outcome.cause}`;
    case 'unknown':
      return `no answer that tells whether it was taken: ${outcome.cause}`;
  }
}

type Looked = { readonly attempt: number; readonly askedAt: Date; readonly outcome: LookupOutcome };

/** Absence is no news by itself: nobody promised that an order shows at once, or at all. It only takes time. */
function look(payout: Payout, draft: Draft, { attempt: number, askedAt, outcome }: Looked, now: Date): Draft | null {
  const attempt = findAttempt(payout, number);
  if (!attempt) return null;
  // A hint that came while we were asking wants a look that is asked after it.
  const due = payout.nextCheckAt !== null && payout.nextCheckAt > askedAt;
  const retryAfterMs = outcome.kind === 'unavailable' ? (outcome.retryAfterMs ?? 0) : 0;
  const next: Draft = { ...draft, due, retryAfterMs };
  return outcome.kind === 'found' ? (takeIn(payout, next, attempt, outcome.report, now) ?? next) : next;
}

/** The draft with a report taken into its attempt; null when the report tells nothing new. */
function takeIn(payout: Payout, draft: Draft, attempt: Attempt, report: StatusReport, now: Date): Draft | null {
  const absorbed = absorb(payout.order, attempt, report);
  let next: Draft = {
    ...draft,
    attempts: replace(draft.attempts, absorbed.attempt),
    note: draft.note ?? absorbed.note,
    visible: draft.visible || absorbed.visible,
    due: draft.due || absorbed.due,
  };
  for (const [reason, message] of absorbed.flags) next = flag(next, reason, message, now);
  const changed = absorbed.visible || absorbed.attempt.mismatched !== attempt.mismatched;
  return changed || next.attention !== draft.attention ? next : null;
}

function expire(payout: Payout, draft: Draft, now: Date): Draft | null {
  if (payout.sendBefore === null || payout.sendBefore > now) return null;
  if (mayBeSubmitted(payout)) {
    const message = 'it was not sent before sendBefore';
    const failure = { code: 'EXPIRED', message, vendorCode: null, vendorMessage: null, retryable: true } as const;
    return { ...draft, closure: { state: 'FAILED', failure }, note: message };
  }
  if (payout.state !== 'IN_DOUBT') return null;
  return flag(draft, 'SEND_BEFORE_PASSED', 'in doubt, and sendBefore has passed: no repeat starts any more', now);
}

/** The draft with one more thing that a person has to look at; once for each reason. */
function flag(draft: Draft, reason: AttentionReason, message: string, now: Date): Draft {
  if (draft.attention.some((known) => known.reason === reason)) return draft;
  return { ...draft, attention: [...draft.attention, { reason, since: now, message }], note: message };
}

function findAttempt(payout: Payout, number: number): Attempt | null {
  return payout.attempts.find((attempt) => attempt.number === number) ?? null;
}

function replace(attempts: readonly Attempt[], changed: Attempt): readonly Attempt[] {
  return attempts.map((attempt) => (attempt.number === changed.number ? changed : attempt));
}

// --- when to check again --------------------------------------------------------------------------------------------------

const BEFORE_THE_PROVIDER: ReadonlySet<PayoutState> = new Set(['QUEUED', 'SUBMITTING', 'IN_DOUBT']);

/** Seconds between checks that change nothing: seconds at first, an hour at last, never an end. */
export const LADDER_SECONDS = [2, 5, 10, 20, 40, 60, 120, 300, 600, 1200, 1800, 3600];

/** However long a provider asks us to stay away. */
const LONGEST_WAIT_MS = 3_600_000;

/** Whether the news is a worker's turn with the payout: what it merely remarks on beside its turn is not. */
function isCheck(news: News, source: Source): boolean {
  if (news.kind === 'held' || news.kind === 'flagged') return source.fence !== null;
  return news.kind === 'looked' || news.kind === 'ended' || news.kind === 'expired';
}

/** Whether anything can still be learnt by asking: not over, not accounted for, or money not where the state says. */
function isOpen(draft: Draft, state: PayoutState): boolean {
  if (!isFinal(state) || !draft.attempts.every(isAccountedFor)) return true;
  if (state === 'COMPLETED') return moneyMoved(draft) !== 'YES';
  return (state === 'FAILED' || state === 'CANCELLED') && moneyMoved(draft) !== 'NO';
}

function nextCheck(
  payout: Payout,
  draft: Draft,
  state: PayoutState,
  quiet: number,
  check: boolean,
  now: Date,
): Date | null {
  if (draft.due) return now;
  if (!isOpen(draft, state)) return null;
  // News that came by itself does not put off a check that is due sooner.
  if (!check && state === payout.state && payout.nextCheckAt !== null) return payout.nextCheckAt;
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
