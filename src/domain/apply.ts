import { attemptState, currentAttempt, isAccountedFor, openAttempt, stateOf } from './attempt.ts';
import { type Draft, findAttempt, flag, openDraft, replace, takeIn, withoutConditions } from './draft.ts';
import { failOver } from './failover.ts';
import { followUp, mayBeAsked } from './follow.ts';
import {
  type ActionRequest,
  type Attempt,
  type AttentionReason,
  BY_EVIDENCE,
  type EventSource,
  type Failure,
  isFinal,
  type Payout,
  type PayoutEvent,
  type PayoutState,
  type Send,
  type SendKind,
  TRANSITIONS,
} from './payout.ts';
import type { AbsenceRule, LookupOutcome, SendOutcome, StatusReport } from './provider.ts';
import { isSuspect, mayBeElsewhere } from './restore.ts';
import { isCheck, nextCheck } from './schedule.ts';
import { begin, end, mayBeSubmitted, suspect } from './send.ts';
import type { Restored } from './store.ts';

/** What somebody learnt or decided about a payout. `apply` alone decides what follows from it. */
export type News =
  /** A worker is about to send: stored before the first byte. A number that is not there yet opens a new attempt. */
  | {
      readonly kind: 'begun';
      readonly send: SendKind;
      readonly attempt: NewAttempt;
      /** The action request that it carries out; null: none. */
      readonly request: number | null;
    }
  /**
   * The store was put back, and the payout may have been sent meanwhile: under the number of this attempt, which is opened or
   * doubted anew. Called off: whatever is found, nothing more is sent.
   */
  | { readonly kind: 'suspected'; readonly attempt: NewAttempt; readonly calledOff: boolean }
  | { readonly kind: 'ended'; readonly attempt: number; readonly send: number; readonly outcome: SendOutcome }
  /** The lease of the worker that was sending ran out, and nobody knows how the send ended. */
  | { readonly kind: 'abandoned'; readonly attempt: number; readonly send: number }
  | {
      readonly kind: 'looked';
      readonly attempt: number;
      readonly askedAt: Date;
      readonly outcome: LookupOutcome;
      /** What absence takes to be proof at this provider; null: it is none. */
      readonly absence: AbsenceRule | null;
    }
  /** The provider told us by itself, verifiably. */
  | { readonly kind: 'reported'; readonly attempt: number; readonly report: StatusReport }
  /** Somebody, perhaps the provider, says that it is worth a look now. */
  | { readonly kind: 'hinted' }
  /** Nothing was sent or asked, and nothing can be for now. `ours`: for want of a call of ours, so that no check took place. */
  | { readonly kind: 'held'; readonly retryAfterMs: number | null; readonly ours?: boolean }
  | { readonly kind: 'cancelled' }
  /** An action was asked of an order that the provider has; a worker sends it. */
  | { readonly kind: 'asked'; readonly request: Omit<ActionRequest, 'number' | 'requestedAt'> }
  /** What a request carries was given to the provider, and is not kept any more. */
  | { readonly kind: 'given'; readonly request: number }
  /** Its batch is paused: it waits until it is told otherwise. */
  | { readonly kind: 'parked' }
  /** Its batch goes on, or is called off: it is looked at again. */
  | { readonly kind: 'unparked' }
  /** It cannot be sent as it is, and nothing was. */
  | { readonly kind: 'refused'; readonly failure: Failure }
  /** An operator says that the provider has it, and the provider's own answer about the reference agrees. */
  | { readonly kind: 'arrived'; readonly attempt: number; readonly report: StatusReport; readonly note: string }
  /** An operator says that it never arrived. */
  | { readonly kind: 'neverArrived'; readonly next: 'FAIL' | 'SEND_AGAIN'; readonly note: string }
  /** An operator has seen to what needed attention. */
  | { readonly kind: 'seen'; readonly note: string }
  /** The personal data was erased. */
  | { readonly kind: 'erased'; readonly note: string }
  /** `sendBefore` passed. */
  | { readonly kind: 'expired' }
  | { readonly kind: 'flagged'; readonly reason: AttentionReason; readonly message: string };

/** What makes an attempt; `bodyDigest` names no record where no body could be made, or none is wanted. */
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

/**
 * The one place where a payout moves. Pure: the same news on the same payout gives the same result. Null when the news
 * changes nothing at all: not allowed in this state, already known, or about something that is not there. `restored` is how
 * the store was put back (null: never): a payout that is behind it is neither sent nor closed before it was looked at.
 */
export function apply(
  payout: Payout,
  news: News,
  source: Source,
  now: Date,
  restored: Restored | null = null,
): Applied | null {
  // A worker that lost its lease has nothing to give back, and no say in when the payout is looked at; what it could not
  // prepare may have been for an account that the payout has left.
  const needsLease = news.kind === 'held' || news.kind === 'refused' || news.kind === 'parked';
  if (needsLease && source.fence !== null && source.fence !== payout.lease?.fence) return null;
  if (isSuspect(payout, restored) && ASSUMES_ALL_IS_KNOWN.has(news.kind)) return null;
  let draft = draftOf(payout, news, now, restored);
  if (draft === null) return null;
  if (restored !== null && isLookedAt(news)) draft = { ...draft, generation: restored.generation };
  if (TELLING.has(news.kind) && !isSuspect(draft, restored) && mayFollowUp(payout, draft, now)) {
    draft = { ...draft, due: true };
  }
  const reached = stateOf(draft);
  const state = reached === payout.state || mayMove(payout.state, reached) ? reached : payout.state;
  draft = withAlarms(payout, withDoubts(draft), { reached, state }, now);
  const raised = draft.attention.some((one) => !payout.attention.includes(one));
  const tells = !isSilent(payout, news) && (state !== payout.told || draft.visible || raised);
  const progressed = state !== payout.state && !BEFORE_THE_PROVIDER.has(state);
  const quietChecks = progressed || draft.restart ? 0 : payout.quietChecks + (isCheck(news, source) ? 1 : 0);
  const { attempts, closure, attention, order, parties, autoConfirm, requests, generation, parked } = draft;
  const next: Payout = {
    ...payout,
    version: payout.version + 1,
    sequence: payout.sequence + (tells ? 1 : 0),
    state,
    told: tells ? state : payout.told,
    ...placeOf(draft),
    ...{ attempts, closure, attention, order, parties, autoConfirm, requests, generation },
    // What is over waits for nothing.
    parked: parked && !isFinal(state),
    nextCheckAt: nextCheck(payout, draft, state, quietChecks, isCheck(news, source), now),
    quietChecks,
    lease: source.fence !== null && source.fence === payout.lease?.fence && news.kind !== 'begun' ? null : payout.lease,
    updatedAt: tells ? now : payout.updatedAt,
  };
  return { payout: next, event: tells ? eventOf(payout, next, draft.note, source, now) : null };
}

/** At whoever is asked about it next, where it is or may be there; else where it goes. */
function placeOf(draft: Draft): Pick<Payout, 'provider' | 'account'> {
  const asked = openAttempt(draft);
  const { provider, account } = asked !== null && (asked.report !== null || !isAccountedFor(asked)) ? asked : draft;
  return { provider, account };
}

/** The draft in which each attempt that is in doubt is known to have been, whatever is found of it. */
function withDoubts(draft: Draft): Draft {
  const isNew = (attempt: Attempt): boolean => !attempt.doubted && attemptState(attempt) === 'IN_DOUBT';
  if (!draft.attempts.some(isNew)) return draft;
  const attempts = draft.attempts.map((one) => (isNew(one) ? { ...one, doubted: true } : one));
  return { ...draft, attempts };
}

/** The draft with what a person has to look at because of where the payout got, or would have got but for its table. */
function withAlarms(
  payout: Payout,
  news: Draft,
  { reached, state }: { readonly reached: PayoutState; readonly state: PayoutState },
  now: Date,
): Draft {
  let draft = news;
  const byEvidence = state !== payout.state && state !== 'IN_DOUBT' && BY_EVIDENCE[payout.state]?.includes(state);
  if (state !== payout.state) draft = { ...draft, attention: withoutConditions(draft.attention, payout.attention) };
  // What was in doubt and then proved not taken waits in its place, and may be submitted from there.
  if (state !== reached && !(state === 'IN_DOUBT' && reached === 'QUEUED')) {
    draft = flag(draft, 'CONTRADICTED', `it was ${payout.state}, and then ${reached}`, now);
  }
  if (byEvidence) {
    draft = flag(draft, 'LATE_EVIDENCE', `the provider has it, although it was ${payout.state}`, now);
    draft = { ...draft, autoConfirm: false };
  }
  for (const { provider, orderNumber } of draft.attempts.filter((one) => isTakenLate(payout, one))) {
    const message = `${provider} has ${orderNumber}, although it was sent anew since`;
    draft = { ...flag(draft, 'LATE_EVIDENCE', message, now), autoConfirm: false };
  }
  const paying = draft.attempts.filter(isPaying);
  if (paying.length > Math.max(1, payout.attempts.filter(isPaying).length)) {
    const orders = paying.map((attempt) => attempt.orderNumber).join(' and ');
    draft = flag(draft, 'PAID_TWICE', `money has moved for both ${orders}`, now);
  }
  return draft;
}

/** Whether an attempt turns out to have been taken after a later one was opened because it had not been. */
function isTakenLate({ attempts }: Payout, { number, report }: Attempt): boolean {
  const before = attempts.find((one) => one.number === number);
  if (before?.report !== null || report === null || !attempts.some((one) => one.number > number)) return false;
  return (report.state !== 'FAILED' && report.state !== 'CANCELLED') || report.moneyMoved === 'YES';
}

/** News that is only true of a payout of which everything that was sent is known. */
const ASSUMES_ALL_IS_KNOWN: ReadonlySet<News['kind']> = new Set(['begun', 'cancelled', 'refused', 'expired']);

/** Whether the news says how the payout stands at its provider now, whatever was lost. */
function isLookedAt(news: News): boolean {
  if (news.kind === 'looked') return news.outcome.kind === 'found';
  return news.kind === 'arrived' || news.kind === 'neverArrived';
}

function isPaying(attempt: Attempt): boolean {
  return attempt.report?.moneyMoved === 'YES';
}

/** News after which an action may be wanted that was not before. */
const TELLING: ReadonlySet<News['kind']> = new Set(['ended', 'looked', 'reported', 'asked', 'arrived']);

/** Whether an action can be sent right now. */
function mayFollowUp({ sendBefore }: Payout, draft: Draft, now: Date): boolean {
  const next = followUp(draft);
  // What cannot be read now is tried again by the schedule, not at once and for ever.
  const unreadable = draft.attention.some((one) => one.reason === 'BODY_UNREADABLE');
  if (next === null || next === 'look' || unreadable) return false;
  return next.action !== 'CONFIRM' || sendBefore === null || sendBefore > now;
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
  if (news.kind !== 'begun') return false;
  const known = payout.attempts.find((one) => one.number === news.attempt.number);
  if (news.send === 'SUBMIT') return known !== undefined;
  return known?.sends.at(-1)?.kind === news.send;
}

// --- what each piece of news does ---------------------------------------------------------------------------------------

function draftOf(payout: Payout, news: News, now: Date, restored: Restored | null): Draft | null {
  const draft = openDraft(payout);
  switch (news.kind) {
    case 'begun':
      return begin(payout, draft, news, now);
    case 'suspected':
      return suspect(payout, draft, news, restored, now);
    case 'ended':
      return end(payout, draft, news, now);
    case 'abandoned': {
      const outcome = { kind: 'unknown', vendorCode: null, cause: 'the worker that was sending went away' } as const;
      return end(payout, draft, { ...news, outcome }, now);
    }
    case 'looked':
      return look(payout, draft, news, now, mayBeElsewhere(payout, restored));
    case 'reported': {
      const attempt = findAttempt(payout, news.attempt);
      if (!attempt) return null;
      const { draft: next, changed } = takeIn(payout, draft, attempt, news.report, now);
      return changed ? next : null;
    }
    case 'hinted': {
      const waiting = payout.lease === null && payout.nextCheckAt !== null && payout.nextCheckAt <= now;
      const nobodyToAsk = isFinal(payout.state) && payout.attempts.length === 0;
      return waiting || nobodyToAsk ? null : { ...draft, due: true };
    }
    case 'held':
      return { ...draft, retryAfterMs: news.retryAfterMs ?? 0 };
    case 'cancelled':
      // In doubt by name, and proven not taken: that can be called off as what waits can.
      if (!mayBeSubmitted(payout)) return null;
      return { ...draft, closure: { state: 'CANCELLED', failure: null } };
    case 'asked':
      return ask(payout, draft, news.request, now);
    case 'given':
      if (!payout.requests.some((one) => one.number === news.request)) return null;
      return { ...draft, requests: draft.requests.filter((one) => one.number !== news.request), due: true };
    case 'refused':
      if (!mayBeSubmitted(payout)) return null;
      return (
        failOver(payout, draft, news.failure, `refused: ${news.failure.message}`) ?? {
          ...draft,
          closure: { state: 'FAILED', failure: news.failure },
          note: news.failure.message,
        }
      );
    case 'parked':
      return mayBeSubmitted(payout) && !payout.parked ? { ...draft, parked: true } : null;
    case 'unparked':
      return payout.parked ? { ...draft, parked: false, due: true, restart: true } : null;
    case 'expired':
      return expire(payout, draft, now);
    case 'flagged':
      return flag(draft, news.reason, news.message, now);
    case 'arrived':
    case 'neverArrived':
    case 'seen':
      return settleDoubt(payout, draft, news, now);
    case 'erased':
      return { ...draft, parties: null, visible: true, note: news.note };
  }
}

function ask(payout: Payout, draft: Draft, request: (News & { kind: 'asked' })['request'], now: Date): Draft | null {
  const late = payout.sendBefore !== null && payout.sendBefore <= now;
  if (!mayBeAsked(payout, request.action) || (late && request.action === 'CONFIRM')) return null;
  const number = 1 + Math.max(0, ...payout.requests.map((one) => one.number), ...sentRequests(payout));
  return {
    ...draft,
    requests: [...draft.requests, { ...request, number, requestedAt: now }],
    // Whoever calls it off does not want it confirmed where the provider will not call it off any more.
    autoConfirm: draft.autoConfirm && request.action !== 'CANCEL',
    visible: true,
    note: `asked for: ${request.action}`,
    due: true,
    restart: true,
  };
}

function sentRequests(payout: Payout): readonly number[] {
  return payout.attempts.flatMap(({ sends }) => sends.map((send) => send.request ?? 0));
}

/** What an operator says outweighs what we could not find out, never what the provider has told. */
function settleDoubt(
  payout: Payout,
  draft: Draft,
  news: News & { readonly kind: 'arrived' | 'neverArrived' | 'seen' },
  now: Date,
): Draft | null {
  const told: Draft = { ...draft, attention: [], visible: true, note: news.note };
  if (news.kind === 'seen') return payout.attention.length > 0 ? told : null;
  if (news.kind === 'arrived') {
    const attempt = findAttempt(payout, news.attempt);
    if (!attempt || (attempt.report !== null && !attempt.mismatched)) return null;
    // An answer that repeats nothing of the order proves only that the reference exists: nothing is confirmed by itself.
    const autoConfirm = told.autoConfirm && Object.keys(news.report.echo).length > 0;
    // What was in doubt because its echo was wrong is compared anew: it is this report that was looked at.
    return takeIn(payout, { ...told, autoConfirm }, { ...attempt, mismatched: false }, news.report, now).draft;
  }
  const open = payout.attempts.filter((attempt) => !isAccountedFor(attempt));
  const sending = payout.attempts.some(({ sends }) => sends.some((send) => send.outcome === 'IN_FLIGHT'));
  const unsent = mayBeSubmitted(payout) && news.next === 'FAIL';
  if (payout.state !== 'IN_DOUBT' || (open.length === 0 && !unsent) || sending || open.some(wasAccepted)) return null;
  const attempts = draft.attempts.map((attempt) =>
    open.includes(attempt) ? withoutDoubt(attempt, 'an operator found that it never arrived') : attempt,
  );
  if (news.next === 'SEND_AGAIN') return { ...told, attempts, due: true, restart: true };
  const message = 'it never reached the provider';
  const failure = { code: 'OTHER', message, vendorCode: null, vendorMessage: null, retryable: true } as const;
  return { ...told, attempts, closure: { state: 'FAILED', failure } };
}

/** Whether the provider has said that it has something of it: against that word nobody says that it never arrived. */
function wasAccepted({ exists, mismatched, sends }: Attempt): boolean {
  return exists || mismatched || sends.some((send) => send.outcome === 'ACCEPTED');
}

type Looked = Extract<News, { kind: 'looked' }>;

/**
 * Absence is news only where its provider's rule makes it a proof: nobody else promised that an order shows at all. Of what
 * may be elsewhere it is none.
 */
function look(
  payout: Payout,
  draft: Draft,
  { attempt: number, askedAt, outcome, absence }: Looked,
  now: Date,
  elsewhere: boolean,
) {
  const attempt = findAttempt(payout, number);
  if (!attempt) return null;
  // A hint that came while we were asking wants a look that is asked after it.
  const due = payout.nextCheckAt !== null && payout.nextCheckAt > askedAt;
  const retryAfterMs = outcome.kind === 'unavailable' ? (outcome.retryAfterMs ?? 0) : 0;
  const next: Draft = { ...draft, due, retryAfterMs };
  if (outcome.kind === 'found') return takeIn(payout, next, attempt, outcome.report, now).draft;
  if (outcome.kind === 'unavailable' || absence === null || elsewhere || attemptState(attempt) !== 'IN_DOUBT')
    return next;
  return missed(next, attempt, askedAt, absence);
}

/** An order in doubt was not found: once more, and perhaps often and long enough to know that it is not there. */
function missed(draft: Draft, attempt: Attempt, askedAt: Date, rule: AbsenceRule): Draft {
  const { sends, exists, mismatched } = attempt;
  const ended = Math.max(...sends.map((send) => (send.endedAt ?? askedAt).getTime()));
  if (exists || mismatched || askedAt.getTime() < ended + rule.afterMs) return draft;
  const absentAt = [...attempt.absentAt.slice(0, rule.looks - 1), askedAt];
  const [first = askedAt] = absentAt;
  if (absentAt.length < rule.looks || askedAt.getTime() - first.getTime() < rule.apartMs) {
    return { ...draft, attempts: replace(draft.attempts, { ...attempt, absentAt }) };
  }
  const cause = `not there when asked ${rule.looks} times, at last at ${askedAt.toISOString()}`;
  const attempts = replace(draft.attempts, withoutDoubt(attempt, cause));
  return { ...draft, attempts, note: `not taken: ${cause}`, visible: true, due: true };
}

/** The attempt once it is known that nothing of it was taken: it may be submitted again, under the same order number. */
function withoutDoubt(attempt: Attempt, cause: string): Attempt {
  // A refused repeat said nothing of the send before it, and says nothing now.
  const sends = attempt.sends.map(
    (send): Send =>
      send.outcome === 'UNKNOWN' || send.outcome === 'REJECTED'
        ? { ...send, outcome: 'NOT_TAKEN', vendorMessage: cause }
        : send,
  );
  return { ...attempt, sends, exists: false, mismatched: false, absentAt: [] };
}

function expire(payout: Payout, draft: Draft, now: Date): Draft | null {
  if (payout.sendBefore === null || payout.sendBefore > now) return null;
  if (mayBeSubmitted(payout)) {
    const message = 'it was not sent before sendBefore';
    const failure = { code: 'EXPIRED', message, vendorCode: null, vendorMessage: null, retryable: true } as const;
    return { ...draft, closure: { state: 'FAILED', failure }, note: message };
  }
  const message = `${payout.state}, and sendBefore has passed: nothing is sent any more`;
  if (payout.state === 'IN_DOUBT') return flag(draft, 'SEND_BEFORE_PASSED', message, now);
  const next = followUp(payout);
  const confirms = next !== null && next !== 'look' && next.action === 'CONFIRM';
  if (payout.state !== 'AWAITING_CONFIRMATION' && !confirms) return null;
  // What is not confirmed any more may still be called off.
  const requests = draft.requests.filter((request) => request.action !== 'CONFIRM');
  return flag({ ...draft, requests, autoConfirm: false, visible: true }, 'SEND_BEFORE_PASSED', message, now);
}

const BEFORE_THE_PROVIDER: ReadonlySet<PayoutState> = new Set(['QUEUED', 'SUBMITTING', 'IN_DOUBT']);
