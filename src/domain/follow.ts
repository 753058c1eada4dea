import { currentAttempt, isAccountedFor, mayBeConfirmed } from './attempt.ts';
import {
  type ActionRequest,
  type AppliedReport,
  type Attempt,
  isFinal,
  type Payout,
  type PayoutAction,
  type Send,
  type SendResult,
} from './payout.ts';

/** What is to be sent next about an order that its provider has. */
export interface FollowUp {
  readonly action: PayoutAction;
  /** What asked for it; null: `autoConfirm`. */
  readonly request: ActionRequest | null;
}

type Followed = Pick<Payout, 'provider' | 'account' | 'attempts' | 'requests' | 'autoConfirm'>;

/**
 * The next action that is wanted and that the provider allows by its last report; null: none. Pure. An action whose last
 * send ended without a yes or a no is sent again only after a status that was asked for later still allows it: until then
 * the answer is `look`.
 */
export function followUp(payout: Followed): FollowUp | 'look' | null {
  const attempt = currentAttempt(payout);
  const report = attempt?.report ?? null;
  if (attempt === null || report === null || attempt.mismatched || isFinal(report.state)) return null;
  const alone = payout.attempts.every((one) => one === attempt || isHarmless(one));
  const wanted = wantedOf(payout).find(
    ({ action }) => report.allows.includes(action) && (alone || action !== 'CONFIRM'),
  );
  if (wanted === undefined) return null;
  const last = attempt.sends.findLast((send) => isOf(send, wanted));
  if (last === undefined) return wanted;
  if (last.outcome === 'ACCEPTED' || last.outcome === 'REJECTED') return null;
  return isAskedAfter(report, last) ? wanted : 'look';
}

/** Whether another attempt certainly pays nothing: while one may, no second one is confirmed. */
function isHarmless(attempt: Attempt): boolean {
  const { report } = attempt;
  if (report === null) return isAccountedFor(attempt);
  return report.state === 'FAILED' || report.state === 'CANCELLED';
}

/** Whether a status was asked for after a send had ended: one of the same instant may have been asked before. */
function isAskedAfter({ askedAt }: Pick<AppliedReport, 'askedAt'>, { endedAt }: Send): boolean {
  return endedAt !== null && askedAt !== null && askedAt > endedAt;
}

/** Whether a cancel may have been taken, so that nothing must be confirmed. */
function mayBeCancelled({ sends, report }: Attempt): boolean {
  return sends.some((send) => {
    if (send.kind !== 'CANCEL' || send.outcome === 'REJECTED' || send.outcome === 'NOT_TAKEN') return false;
    return send.outcome !== 'UNKNOWN' || report === null || !isAskedAfter(report, send);
  });
}

function wantedOf({ requests, autoConfirm }: Followed): readonly FollowUp[] {
  const asked = requests.map((request): FollowUp => ({ action: request.action, request }));
  return autoConfirm ? [...asked, { action: 'CONFIRM', request: null }] : asked;
}

function isOf(send: Send, { action, request }: FollowUp): boolean {
  if (send.kind !== action) return false;
  // A confirm that was accepted is not asked for a second time, whoever asks.
  if (action === 'CONFIRM' && send.outcome !== 'REJECTED') return true;
  return send.request === (request?.number ?? null);
}

/** Of a confirm: it is on its way, or it is there. */
const SURE: ReadonlySet<SendResult> = new Set(['IN_FLIGHT', 'ACCEPTED']);

/** How many documents can wait to be sent at once. */
const MOST_DOCUMENTS = 20;

/** Whether an action can be asked for now: the provider allows it, and nothing that was asked for before speaks against it. */
export function mayBeAsked(payout: Followed & Pick<Payout, 'state'>, action: PayoutAction): boolean {
  const attempt = currentAttempt(payout);
  if (isFinal(payout.state) || attempt === null || attempt.mismatched) return false;
  if (attempt.report?.allows.includes(action) !== true) return false;
  const asked = payout.requests.map((request) => request.action);
  const calledOff = asked.includes('CANCEL') || mayBeCancelled(attempt);
  switch (action) {
    case 'CONFIRM': {
      const sure = attempt.sends.some(({ kind, outcome }) => kind === 'CONFIRM' && SURE.has(outcome));
      return !asked.includes('CONFIRM') && !calledOff && !sure;
    }
    case 'CANCEL':
      return !asked.includes('CONFIRM') && !calledOff && !mayBeConfirmed(attempt);
    case 'AMEND':
    case 'COMPLETE_DOCUMENTS':
      return !calledOff && !asked.includes(action);
    case 'ATTACH_DOCUMENT':
      return !calledOff && asked.filter((one) => one === action).length < MOST_DOCUMENTS;
  }
}
