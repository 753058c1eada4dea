import type { MoneyMoved } from '../../domain/errors.ts';
import type { Failure, PayoutAction, PayoutFailureCode, ReportedState } from '../../domain/payout.ts';
import type { StatusReport } from '../../domain/provider.ts';

/** A payment as their answers show it; what one leaves out is null. */
export interface Payment {
  readonly tradeId: string | null;
  readonly status: string | null;
  readonly message: string | null;
}

interface StateRow {
  readonly state: ReportedState;
  /** The wallet is debited at the confirm: assumed. A refund follows on `failed`. */
  readonly moneyMoved: MoneyMoved;
  readonly allows: readonly PayoutAction[];
}

const WANTS_DOCUMENTS: StateRow = {
  state: 'AWAITING_DOCUMENTS',
  moneyMoved: 'NO',
  allows: ['AMEND', 'ATTACH_DOCUMENT', 'COMPLETE_DOCUMENTS'],
};
/** Follows on `failed` and `refunding`; that it may also follow on `completed` is assumed. */
const REFUNDED = 'refunded';
const ON_ITS_WAY: StateRow = { state: 'PROCESSING', moneyMoved: 'YES', allows: [] };

/**
 * The provider's words in our states. Source: the payout page for `pending` and `awaiting_transfer`, the public
 * appendices for the others; what each allows is the page's for CANCEL, else the appendix's or assumed.
 */
const STATES: ReadonlyMap<string, StateRow> = new Map([
  ['pending', { state: 'PROCESSING', moneyMoved: 'NO', allows: ['CANCEL', 'AMEND'] }],
  ['pending_material', WANTS_DOCUMENTS],
  ['overrule', WANTS_DOCUMENTS],
  ['awaiting_transfer', { state: 'AWAITING_CONFIRMATION', moneyMoved: 'NO', allows: ['CONFIRM'] }],
  ['transferring', ON_ITS_WAY],
  ['transferred', ON_ITS_WAY],
  ['completed', { state: 'COMPLETED', moneyMoved: 'YES', allows: [] }],
  ['failed', { state: 'FAILED', moneyMoved: 'YES', allows: [] }],
  ['refunding', { state: 'FAILED', moneyMoved: 'YES', allows: [] }],
  [REFUNDED, { state: 'FAILED', moneyMoved: 'NO', allows: [] }],
  ['rejected', { state: 'FAILED', moneyMoved: 'NO', allows: [] }],
  ['canceled', { state: 'CANCELLED', moneyMoved: 'NO', allows: [] }],
]);

/** Why a payment failed. Nothing but its words is told, so nobody knows whether the next one would go through. */
function failureIn(status: string, vendorMessage: string | null): Failure {
  const refused = status === 'rejected';
  return {
    code: refused ? 'COMPLIANCE' : 'OTHER',
    message: refused
      ? 'xCurrency Hubs refused the payment for compliance.'
      : 'xCurrency Hubs could not carry out the transfer; what was debited is refunded.',
    vendorCode: status,
    vendorMessage,
    retryable: false,
  };
}

/** A payment of theirs as a report of ours. Of amounts, accounts and our order number it repeats nothing. */
export function toReport(payment: Payment, tradeId: string | null, askedAt: Date): StatusReport {
  const vendorStatus = payment.status ?? '';
  const { state, moneyMoved, allows } = STATES.get(vendorStatus) ?? { state: null, moneyMoved: 'UNKNOWN', allows: [] };
  return {
    askedAt,
    state,
    vendorStatus,
    vendorMessage: payment.message,
    providerReference: tradeId,
    transactionHash: null,
    fees: [],
    debits: [],
    received: null,
    moneyMoved,
    failure: state === 'FAILED' ? failureIn(vendorStatus, payment.message) : null,
    ...(vendorStatus === REFUNDED ? { cameBack: true } : {}),
    allows,
    echo: {},
    rivals: [],
  };
}

interface Refusal {
  readonly code: PayoutFailureCode;
  readonly message: string;
  readonly retryable?: true;
}

/** What each code means. Source: the public appendix of the personal product; our words for them are assumed. */
const REFUSALS: Readonly<Record<string, Refusal>> = {
  '10003': { code: 'PROVIDER_REFUSED', message: 'The quoted price no longer holds.', retryable: true },
  '10004': { code: 'PROVIDER_REFUSED', message: 'xCurrency Hubs does not accept a field of the request.' },
  '10005': { code: 'PROVIDER_REFUSED', message: 'The payment is not in a state that allows this.' },
  '10007': { code: 'INSUFFICIENT_FUNDS', message: 'The balance does not cover the payment.', retryable: true },
  '10008': { code: 'COMPLIANCE', message: 'The originator did not pass the identity check.' },
  '10009': { code: 'PROVIDER_REFUSED', message: 'The transfer failed.' },
  '10010': { code: 'INVALID_DESTINATION', message: 'The account of the beneficiary is abnormal.' },
  '10011': { code: 'INVALID_DESTINATION', message: 'The bank of the beneficiary is not supported.' },
  '10012': { code: 'COMPLIANCE', message: 'The identity card of the beneficiary has expired.' },
  '10013': { code: 'INVALID_DESTINATION', message: 'The card of the beneficiary is not of UnionPay.' },
  '10014': { code: 'AMOUNT_OUT_OF_RANGE', message: 'The amount exceeds what the bank allows.' },
  '10015': { code: 'COMPLIANCE', message: 'The data of the originator are abnormal.' },
  '10016': { code: 'COMPLIANCE', message: 'Risk control refused the payment.' },
  '10017': { code: 'PROVIDER_REFUSED', message: 'xCurrency Hubs cancels a payment only while it is pending.' },
  '10018': { code: 'COMPLIANCE', message: 'The expiry date of the identity document of the originator is not valid.' },
  '10019': { code: 'COMPLIANCE', message: 'The birth date of the originator is not valid.' },
  '10020': { code: 'COMPLIANCE', message: 'The originator is on a blacklist.' },
  '10021': { code: 'COMPLIANCE', message: 'The expiry date of the identity document of the beneficiary is not valid.' },
  '10022': { code: 'COMPLIANCE', message: 'The beneficiary is on a blacklist.' },
  '10023': { code: 'COMPLIANCE', message: 'The birth date of the beneficiary is not valid.' },
};
const OF_PARTIES = ['10008', '10010', '10011', '10012', '10013', '10015', '10016', '10018', '10019', '10020'];
const OF_DATA = ['10004', ...OF_PARTIES, '10021', '10022', '10023'];

/** The calls that change a payment, with the codes that refuse it for good; every other code says nothing certain. */
const REFUSING = {
  create: ['10003', '10007', '10014', ...OF_DATA],
  confirm: ['10003', '10009', '10014', ...OF_DATA],
  cancel: ['10017'],
  update: OF_DATA,
  upload: ['10004', '10005'],
  completed: ['10004', '10005'],
} satisfies Record<string, readonly string[]>;
/** A call that changes a payment. */
export type Change = keyof typeof REFUSING;

/** The listed refusal that a code is to a call; null: the code says nothing certain of it. */
export function refusalOf(change: Change, vendorCode: string, vendorMessage: string | null): Failure | null {
  const codes: readonly string[] = REFUSING[change];
  const refusal = REFUSALS[vendorCode];
  if (refusal === undefined || !codes.includes(vendorCode)) return null;
  return { ...refusal, vendorCode, vendorMessage, retryable: refusal.retryable ?? false };
}
