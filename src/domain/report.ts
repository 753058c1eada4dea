import { equalDecimals } from './money.ts';
import {
  type AppliedReport,
  type Attempt,
  type AttentionReason,
  type Destination,
  isFinal,
  type Order,
  type ReportedState,
} from './payout.ts';
import type { StatusReport } from './provider.ts';

/** What a report does to the attempt that it is about. */
export interface Absorbed {
  readonly attempt: Attempt;
  /** What a person has to look at because of it. */
  readonly flags: readonly (readonly [AttentionReason, string])[];
  /** Whether a reader of the payout sees a difference. */
  readonly visible: boolean;
  readonly note: string | null;
  /** Whether to ask again at once. */
  readonly due: boolean;
}

/**
 * Takes a report into an attempt. Pure. A wrong echo is doubt, whatever the report says; a second order under our number
 * is an alarm; a report whose place in time is not known only moves the order up; nothing moves a paid order back.
 */
export function absorb(order: Order, attempt: Attempt, report: StatusReport): Absorbed {
  const unchanged: Absorbed = { attempt, flags: [], visible: false, note: null, due: false };
  const wrong = echoMismatches(order, attempt, report);
  if (wrong.length > 0) {
    const subject = report.providerReference ?? 'an order';
    const message = `${subject} answered with another ${wrong.join(', ')} than was sent`;
    const over = attempt.report !== null && isFinal(attempt.report.state);
    const marked = over ? attempt : { ...attempt, mismatched: true };
    return { ...unchanged, attempt: marked, flags: [['WRONG_ECHO', message]], note: message };
  }
  const reference = report.providerReference ?? attempt.providerReference;
  if (attempt.providerReference !== null && reference !== attempt.providerReference) {
    // Two orders under one number of ours: whatever this one says, it is not the one that we follow.
    const message = `both ${attempt.providerReference} and ${reference} carry our order number ${attempt.orderNumber}`;
    return { ...unchanged, flags: [['PAID_TWICE', message]] };
  }
  const flags: [AttentionReason, string][] = [];
  if (report.rivals.length > 0) {
    const all = [reference, ...report.rivals].join(', ');
    flags.push(['PAID_TWICE', `${all} all carry our order number ${attempt.orderNumber}`]);
  }
  const current = attempt.report?.state ?? null;
  const state = nextState(attempt, report);
  if (state === 'contradiction') {
    const message = `the provider said ${current}, and then ${report.state} (${report.vendorStatus})`;
    return { ...unchanged, flags: [...flags, ['CONTRADICTED', message]] };
  }
  if (state === null) return { ...unchanged, flags };
  const merged = merge(attempt, report, state);
  const unknownWord = report.state === null ? `the provider says "${report.vendorStatus}", which is not known` : null;
  return {
    attempt: { ...attempt, providerReference: reference, report: merged, mismatched: false, absentAt: [] },
    flags,
    visible: !sameReport(attempt.report, merged) || attempt.providerReference !== reference,
    note: unknownWord ?? merged.failure?.message ?? null,
    // What may be done next is for a report to say that was asked for after all of this.
    due:
      (report.state === 'RETURNED' && state === 'COMPLETED') ||
      (current !== null && state !== current && isWaiting(state) && !isFresh(attempt, report)),
  };
}

/** Whether somebody has to do something before the order goes on. */
function isWaiting(state: ReportedState): boolean {
  return state === 'AWAITING_CONFIRMATION' || state === 'AWAITING_DOCUMENTS';
}

/** The echoed fields that differ from what was sent, by their names. */
export function echoMismatches(order: Order, attempt: Attempt, report: StatusReport): string[] {
  const { echo } = report;
  const { amount, destination } = order;
  const wrong: string[] = [];
  if (echo.amount !== undefined && !equalDecimals(echo.amount, amount.amount)) wrong.push('amount');
  if (echo.currency !== undefined && echo.currency !== amount.currency) wrong.push('currency');
  if (echo.network !== undefined && echo.network !== destination.network) wrong.push('network');
  if (echo.address !== undefined && !sameAddress(echo.address, receiverOf(destination))) wrong.push('address');
  if (echo.orderNumber !== undefined && echo.orderNumber !== attempt.orderNumber) wrong.push('order number');
  return wrong;
}

/** Where the money goes, in the one field that a provider repeats; a bank account is never echoed in full. */
function receiverOf(destination: Destination): string {
  switch (destination.kind) {
    case 'blockchain':
      return destination.address;
    case 'channel':
      return destination.account;
    case 'bank':
      return destination.lastFour;
  }
}

/** The letter case of a `0x` address is a checksum, not a part of the address. */
function sameAddress(a: string, b: string): boolean {
  return a === b || (/^0x[0-9a-fA-F]{40}$/.test(a) && a.toLowerCase() === b.toLowerCase());
}

/** How far along an order is. */
const RANK: Readonly<Record<ReportedState, number>> = {
  AWAITING_DOCUMENTS: 1,
  AWAITING_CONFIRMATION: 2,
  PROCESSING: 3,
  FAILED: 4,
  CANCELLED: 4,
  COMPLETED: 5,
  RETURNED: 6,
};

/** The state that the order takes by this report; null where the report must not move or refresh it. */
function nextState(attempt: Attempt, report: StatusReport): ReportedState | 'contradiction' | null {
  const current = attempt.report?.state ?? null;
  // An unknown word never becomes a guess: an order that was found is with the provider, and more is not known.
  const said = report.state ?? current ?? 'PROCESSING';
  const reported = report.cameBack && (current === 'COMPLETED' || current === 'RETURNED') ? 'RETURNED' : said;
  if (current === reported) return current;
  // A return is told after the payment that it undoes, though we may have missed that.
  const reached = reported === 'RETURNED' && current !== 'COMPLETED' ? 'COMPLETED' : reported;
  if (current === null) return reached;
  if (current === 'COMPLETED' || current === 'RETURNED') {
    if (reported === 'FAILED' || reported === 'CANCELLED') return 'contradiction';
    return current === 'COMPLETED' && reached === 'RETURNED' ? reached : null;
  }
  if (isFinal(current) && (reached === 'FAILED' || reached === 'CANCELLED')) return null;
  return RANK[reached] < RANK[current] && !isFresh(attempt, report) ? null : reached;
}

/** Whether a report was asked for after everything that we already know of the attempt. */
function isFresh(attempt: Attempt, report: StatusReport): boolean {
  const { askedAt } = report;
  if (askedAt === null) return false;
  const last = attempt.report?.askedAt ?? null;
  const sent = attempt.sends.every((send) => send.endedAt !== null && send.endedAt <= askedAt);
  return sent && (last === null || last <= askedAt);
}

/** The newer facts over the older: what a report leaves out stays known. */
function merge(attempt: Attempt, report: StatusReport, state: ReportedState): AppliedReport {
  const known = attempt.report;
  if (known?.state === state && isOlder(known, report)) return known;
  const asked = [known?.askedAt, report.askedAt].filter((at) => at instanceof Date);
  return {
    state,
    askedAt: asked.length === 0 ? null : new Date(Math.max(...asked.map((at) => at.getTime()))),
    vendorStatus: report.vendorStatus,
    vendorMessage: report.vendorMessage ?? known?.vendorMessage ?? null,
    transactionHash: report.transactionHash ?? known?.transactionHash ?? null,
    fees: report.fees.length > 0 ? report.fees : (known?.fees ?? []),
    debits: report.debits.length > 0 ? report.debits : (known?.debits ?? []),
    received: report.received ?? known?.received ?? null,
    moneyMoved: report.state === null ? (known?.moneyMoved ?? 'UNKNOWN') : report.moneyMoved,
    failure: report.state === null ? (known?.failure ?? null) : report.failure,
    allows: allowedBy(attempt, report, state),
  };
}

function isOlder(known: AppliedReport, { askedAt }: StatusReport): boolean {
  return askedAt !== null && known.askedAt !== null && askedAt < known.askedAt;
}

/** What may be sent next: only a report that was asked for after all that we know can say so, or take it back. */
function allowedBy(attempt: Attempt, report: StatusReport, state: ReportedState): AppliedReport['allows'] {
  const known = attempt.report;
  if (known === null) return report.state === null ? [] : report.allows;
  if (report.state !== null && isFresh(attempt, report)) return report.allows;
  return known.state === state ? known.allows : [];
}

/** Whether two reports tell a reader the same; when they were asked for does not count. */
function sameReport(a: AppliedReport | null, b: AppliedReport): boolean {
  return a !== null && JSON.stringify({ ...a, askedAt: null }) === JSON.stringify({ ...b, askedAt: null });
}
