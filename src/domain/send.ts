import type { NewAttempt, News } from './apply.ts';
import { attemptState, currentAttempt, isAccountedFor, openAttempt, stateOf } from './attempt.ts';
import { type Draft, findAttempt, flag, replace, takeIn } from './draft.ts';
import { failOver } from './failover.ts';
import { followUp } from './follow.ts';
import type { ActionRequest, Attempt, Failure, Payout, Send, SendKind } from './payout.ts';
import type { SendOutcome } from './provider.ts';
import { isSuspect, lostSince, mayBeElsewhere } from './restore.ts';
import type { Restored } from './store.ts';

/** Whether a first send may start: nothing that was sent before may have been taken. */
export function mayBeSubmitted(payout: Payout): boolean {
  return (payout.state === 'QUEUED' || payout.state === 'IN_DOUBT') && stateOf(payout) === 'QUEUED';
}

type Begun = Extract<News, { kind: 'begun' }>;

/** A send is recorded, or (null) must not start. */
export function begin(payout: Payout, draft: Draft, { send: kind, attempt: chosen, request }: Begun, now: Date) {
  const known = findAttempt(payout, chosen.number);
  if (!mayStart(payout, known, kind, request, now) || (kind === 'SUBMIT' && !isThere(payout, chosen))) return null;
  const attempt: Attempt = known ?? { ...chosen, ...UNSENT };
  const send: Send = {
    number: nextNumber(attempt),
    kind,
    request,
    outcome: 'IN_FLIGHT',
    startedAt: now,
    endedAt: null,
    vendorCode: null,
    vendorMessage: null,
  };
  const begun = { ...attempt, sends: [...attempt.sends, send], absentAt: [] };
  const attempts = known ? replace(draft.attempts, begun) : [...draft.attempts, begun];
  return { ...draft, attempts, due: true, visible: isFollowUp(kind), note: isFollowUp(kind) ? `sent: ${kind}` : null };
}

/** Whether an attempt is where the payout goes: a worker that saw it on its way to another account sends nothing there. */
function isThere({ provider, account }: Payout, attempt: NewAttempt): boolean {
  return attempt.provider === provider && attempt.account === account;
}

const UNSENT = {
  providerReference: null,
  sends: [],
  report: null,
  mismatched: false,
  exists: false,
  doubted: false,
  absentAt: [],
} satisfies Partial<Attempt>;

function nextNumber({ sends }: Attempt): number {
  return (sends.at(-1)?.number ?? 0) + 1;
}

function mayStart(payout: Payout, known: Attempt | null, kind: SendKind, request: number | null, now: Date): boolean {
  const late = payout.sendBefore !== null && payout.sendBefore <= now;
  if (known?.mismatched || known?.sends.some((send) => send.outcome === 'IN_FLIGHT')) return false;
  if (isFollowUp(kind)) {
    const next = followUp(payout);
    if (next === null || next === 'look' || known === null || known !== currentAttempt(payout)) return false;
    return next.action === kind && (next.request?.number ?? null) === request && !(late && kind === 'CONFIRM');
  }
  if (late || (known?.report ?? null) !== null || known?.exists) return false;
  // What was ever in doubt is sent under its own number or not at all.
  const own = known !== null || !payout.attempts.some((one) => one.doubted);
  if (kind === 'SUBMIT') return own && mayBeSubmitted(payout);
  // What was called off while it was in doubt is looked for, and never sent.
  return known !== null && attemptState(known) === 'IN_DOUBT' && payout.closure === null;
}

/**
 * Which attempt a payout's doubt is about where the store was put back: the one that would be sent (again) next; null: a new
 * one. Undefined where nothing would be sent, so that asking is enough.
 */
export function suspectedAttempt(payout: Payout): Attempt | null | undefined {
  const attempt = openAttempt(payout);
  if (mayBeSubmitted(payout)) return attempt;
  const plain = attempt !== null && attempt.report === null && !attempt.exists && !attempt.mismatched;
  return plain && attemptState(attempt) === 'IN_DOUBT' ? attempt : undefined;
}

type Suspected = Extract<News, { kind: 'suspected' }>;

/**
 * A payout of a store that was put back may have been sent since: its next order number is taken to be in doubt, and all
 * that follows is what follows from any doubt. One that may be elsewhere stays suspect, so that nothing is sent of it. Null
 * where it was looked at since, or nothing would be sent.
 */
export function suspect(
  payout: Payout,
  draft: Draft,
  { attempt: chosen, calledOff }: Suspected,
  restored: Restored | null,
  now: Date,
): Draft | null {
  const suspected = suspectedAttempt(payout);
  if (restored === null || !isSuspect(payout, restored) || suspected === undefined) return null;
  if (payout.attempts.some(({ sends }) => sends.some((send) => send.outcome === 'IN_FLIGHT'))) return null;
  if (chosen.number !== (suspected?.number ?? payout.attempts.length + 1)) return null;
  // Where it may be elsewhere, doubt is left as it is: nothing that is asked here ends it.
  const elsewhere = mayBeElsewhere(payout, restored);
  if ((calledOff || elsewhere) && !mayBeSubmitted(payout)) return null;
  const attempt: Attempt = suspected ?? { ...chosen, ...UNSENT };
  const since = lostSince(payout, restored);
  const note = `the store was put back: it may have been sent since ${since.toISOString()}`;
  const unknown = {
    outcome: 'UNKNOWN',
    startedAt: since,
    endedAt: now,
    vendorCode: null,
    vendorMessage: note,
  } as const;
  const send: Send = { number: nextNumber(attempt), kind: 'SUBMIT', request: null, ...unknown };
  const doubted = { ...attempt, sends: [...attempt.sends, send], absentAt: [] };
  return {
    ...draft,
    attempts: suspected ? replace(draft.attempts, doubted) : [...draft.attempts, doubted],
    closure: calledOff ? { state: 'CANCELLED', failure: null } : draft.closure,
    autoConfirm: draft.autoConfirm && !calledOff,
    generation: elsewhere ? draft.generation : restored.generation,
    note: calledOff ? `called off; ${note}` : note,
    visible: true,
    due: true,
    restart: true,
  };
}

function isFollowUp(kind: SendKind): boolean {
  return kind !== 'SUBMIT' && kind !== 'REPEAT';
}

type Ended = { readonly attempt: number; readonly send: number; readonly outcome: SendOutcome };

/** A send has ended, or (null) had ended before. */
export function end(
  payout: Payout,
  draft: Draft,
  { attempt: number, send: sendNumber, outcome: told }: Ended,
  now: Date,
) {
  const attempt = findAttempt(payout, number);
  const send = attempt?.sends.find((one) => one.number === sendNumber);
  if (!attempt || !send) return null;
  const outcome = isFollowUp(send.kind) ? told : withOrder(told);
  // A send that was given up for lost may still turn out to have ended; one that ended cannot end otherwise, unless it
  // was only believed not to have been taken.
  const believed = send.outcome === 'NOT_TAKEN' && (outcome.kind === 'accepted' || outcome.kind === 'exists');
  if (send.outcome !== 'IN_FLIGHT' && send.outcome !== 'UNKNOWN' && !believed) return null;
  if (send.outcome === 'UNKNOWN' && told.kind === 'unknown') return null;
  const ended: Send = { ...send, ...resultOf(outcome), endedAt: now };
  const before = attempt.sends[attempt.sends.indexOf(send) - 1];
  const again = ended.outcome === 'NOT_TAKEN' && before !== undefined && sameResult(before, ended);
  const sends = attempt.sends.filter((one) => !(again && one === before)).map((one) => (one === send ? ended : one));
  const settled = { ...attempt, sends, exists: attempt.exists || outcome.kind === 'exists' };
  const next: Draft = {
    ...draft,
    attempts: replace(draft.attempts, settled),
    note: noteOf(outcome),
    visible: (isFollowUp(send.kind) || ended.outcome === 'NOT_TAKEN' || outcome.kind === 'exists') && !again,
    retryAfterMs: outcome.kind === 'notTaken' ? (outcome.retryAfterMs ?? 0) : 0,
  };
  if (isFollowUp(send.kind)) return endFollowUp(payout, next, settled, ended, outcome, now);
  if (outcome.kind === 'accepted' && outcome.report !== null) {
    return takeIn(payout, next, settled, outcome.report, now).draft;
  }
  if (outcome.kind === 'exists') return { ...next, due: true };
  if (outcome.kind === 'notTaken') return failOver(payout, next, null, noteOf(outcome) ?? '') ?? next;
  // A refusal is the end only where nothing else that was sent may have been taken.
  const alone = next.attempts.every((one) => one.report === null && isAccountedFor(one));
  if (outcome.kind !== 'rejected' || !alone) return next;
  return failOver(payout, next, outcome.failure, noteOf(outcome) ?? '') ?? close(next, outcome.failure);
}

function close(draft: Draft, failure: Failure): Draft {
  return { ...draft, closure: { state: 'FAILED', failure } };
}

/** A create that is answered yes and with no order says nothing certain. */
function withOrder(outcome: SendOutcome): SendOutcome {
  if (outcome.kind !== 'accepted' || outcome.report !== null) return outcome;
  return { kind: 'unknown', vendorCode: null, cause: 'the answer said yes, and told of no order' };
}

/** What follows from the end of an action: never a failure of the payout; where it is not a clear yes, a status call. */
function endFollowUp(payout: Payout, draft: Draft, attempt: Attempt, send: Send, outcome: SendOutcome, now: Date) {
  const request = draft.requests.find((one) => one.number === send.request) ?? null;
  const done: Draft = { ...draft, requests: draft.requests.filter((one) => one !== request) };
  switch (outcome.kind) {
    case 'accepted': {
      const note = `taken by the provider: ${send.kind}`;
      const taken: Draft = { ...done, ...amendedBy(done, request), note, restart: true };
      return outcome.report === null ? taken : takeIn(payout, taken, attempt, outcome.report, now).draft;
    }
    case 'rejected': {
      const message = `${send.kind} was refused: ${outcome.failure.message}`;
      // What is still to be attached must not be missing from what is declared complete.
      const attached = send.kind !== 'ATTACH_DOCUMENT';
      const requests = done.requests.filter(({ action }) => attached || action !== 'COMPLETE_DOCUMENTS');
      return { ...flag({ ...done, requests }, 'ACTION_REFUSED', message, now), note: message, due: true };
    }
    case 'notTaken':
    case 'exists':
    case 'unknown': {
      // A look comes soon after the first time, and then by the schedule: what is never answered is not asked for ever faster.
      const before = attempt.sends.some((one) => one.kind === send.kind && one !== send);
      return { ...draft, restart: !before };
    }
  }
}

function amendedBy(draft: Draft, request: ActionRequest | null): Partial<Draft> {
  if (request?.amended == null) return {};
  const { parties, ...words } = request.amended;
  return { parties, order: { ...draft.order, ...words } };
}

function resultOf(outcome: SendOutcome): Pick<Send, 'outcome' | 'vendorCode' | 'vendorMessage'> {
  switch (outcome.kind) {
    case 'accepted':
      return { outcome: 'ACCEPTED', vendorCode: null, vendorMessage: outcome.report?.vendorMessage ?? null };
    case 'rejected': {
      const { vendorCode, vendorMessage, message } = outcome.failure;
      return { outcome: 'REJECTED', vendorCode, vendorMessage: vendorMessage ?? message };
    }
    case 'exists':
      return { outcome: 'REJECTED', vendorCode: outcome.vendorCode, vendorMessage: outcome.cause };
    case 'notTaken':
      return { outcome: 'NOT_TAKEN', vendorCode: outcome.vendorCode, vendorMessage: outcome.cause };
    case 'unknown':
      return { outcome: 'UNKNOWN', vendorCode: outcome.vendorCode, vendorMessage: outcome.cause };
  }
}

function sameResult(a: Send, b: Send): boolean {
  const same = a.kind === b.kind && a.request === b.request && a.outcome === b.outcome;
  return same && a.vendorCode === b.vendorCode && a.vendorMessage === b.vendorMessage;
}

function noteOf(outcome: SendOutcome): string | null {
  switch (outcome.kind) {
    case 'accepted':
      return null;
    case 'rejected':
      return `refused: ${outcome.failure.message}`;
    case 'exists':
      return `the provider has an order under this number: ${outcome.cause}`;
    case 'notTaken':
      return `not taken: ${outcome.cause}`;
    case 'unknown':
      return `no answer that tells whether it was taken: ${outcome.cause}`;
  }
}
