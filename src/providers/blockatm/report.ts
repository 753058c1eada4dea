import type { MoneyMoved } from '../../domain/errors.ts';
import { addDecimals, type Decimal, type Fee, isZero } from '../../domain/money.ts';
import type { Failure, PayoutFailureCode, ReportedState } from '../../domain/payout.ts';
import type { Echo, NotTakenReason, SendOutcome, StatusReport } from '../../domain/provider.ts';

/** What BlockATM says went wrong. */
export interface Fault {
  readonly code: string | null;
  readonly message: string | null;
}

/** One line for people. */
export function describe({ code, message }: Fault): string {
  return `BlockATM answered ${code ?? 'no code'}: ${message ?? 'no message'}`;
}

/** The order number is taken. Source: error-code page; that both are of a used order number is assumed. */
const EXISTS_CODES: ReadonlySet<string | null> = new Set(['000201']);

/** Refusals that pass: the request was turned away as a whole. Source: error-code page; the classes are assumed. */
const PASSING_CODES: ReadonlyMap<string | null, NotTakenReason> = new Map<string, NotTakenReason>([
  ['000107', 'MAINTENANCE'],
  ['000113', 'MAINTENANCE'],
  ['000114', 'MAINTENANCE'],
  ['000108', 'CREDENTIALS'],
  ['000109', 'CREDENTIALS'],
  ['000110', 'CREDENTIALS'],
  ['000112', 'CREDENTIALS'],
  ['000306', 'CREDENTIALS'],
]);

/** Whether a fault is about the caller or the moment, not about what was asked. */
export function isPassing({ code }: Fault): boolean {
  return PASSING_CODES.has(code);
}

type Refusal = readonly [PayoutFailureCode, string];
const INVALID: Refusal = ['PROVIDER_REFUSED', 'BlockATM does not accept a field of the payout.'];

/** The refusals of a payout. Source: error-code page; the classes are assumed. */
const REFUSALS: ReadonlyMap<string | null, Refusal> = new Map<string, Refusal>([
  ['000102', INVALID],
  ['000103', INVALID],
  ['000104', INVALID],
  ['000105', INVALID],
  ['000206', INVALID],
  ['000207', INVALID],
  ['000208', INVALID],
  ['000307', ['INSUFFICIENT_FUNDS', 'The balance that should pay is too low.']],
  ['000308', ['INSUFFICIENT_FUNDS', 'The allowance of the funding address is too low.']],
  ['000401', ['MISCONFIGURED', 'BlockATM does not know the payout contract.']],
  ['000402', ['MISCONFIGURED', 'BlockATM does not accept the address of the payout contract.']],
  ['000403', ['INSUFFICIENT_FUNDS', 'The balance of the payout contract is too low.']],
  ['000404', ['PROVIDER_REFUSED', 'The payout contract does not pay this token.']],
  ['000405', ['INVALID_DESTINATION', "The address is not on the payout contract's whitelist."]],
]);

/** What a fault says of the send that met it. A code that is not listed says nothing. */
export function readFault(fault: Fault): SendOutcome {
  const { code: vendorCode, message: vendorMessage } = fault;
  const cause = describe(fault);
  if (EXISTS_CODES.has(vendorCode)) return { kind: 'exists', vendorCode, cause };
  const reason = PASSING_CODES.get(vendorCode);
  if (reason !== undefined) return { kind: 'notTaken', reason, retryAfterMs: null, vendorCode, cause };
  const refusal = REFUSALS.get(vendorCode);
  if (refusal === undefined) return { kind: 'unknown', vendorCode, cause };
  const [code, message] = refusal;
  const retryable = code === 'INSUFFICIENT_FUNDS' || code === 'MISCONFIGURED';
  return { kind: 'rejected', failure: { code, message, vendorCode, vendorMessage, retryable } };
}

/**
 * The provider's words in our states. Money counts as moved from acceptance on, for the contract locks it then. Source:
 * payout page for the two ends, guide for `PENDING`; `PROCESSING` and `FAILED` as words of the API, and where the money
 * is, are assumed.
 */
const STATES: ReadonlyMap<string, { state: ReportedState; moneyMoved: MoneyMoved }> = new Map([
  ['PENDING', { state: 'PROCESSING', moneyMoved: 'YES' }],
  ['PROCESSING', { state: 'PROCESSING', moneyMoved: 'YES' }],
  ['SUCCESS', { state: 'COMPLETED', moneyMoved: 'YES' }],
  ['REFUSE', { state: 'FAILED', moneyMoved: 'NO' }],
  ['FAILED', { state: 'FAILED', moneyMoved: 'NO' }],
]);

/** The currency that gas is charged in, whatever the token. Source: payout guide. */
export const GAS_CURRENCY = 'USDT';

/** What was paid, and what it cost; a figure that was not told is null or left out. */
export interface Figures {
  readonly amount: Decimal;
  readonly symbol: string;
  readonly fee?: Decimal | null | undefined;
  readonly gasAmount?: Decimal | null | undefined;
}

/** What an answer or a webhook says of an order, in their words. */
export interface Facts {
  readonly askedAt: Date | null;
  readonly status: string;
  readonly message: string | null;
  readonly reference: string | null;
  readonly transactionHash: string | null;
  readonly echo: Echo;
  readonly figures?: Figures;
}

/** An order of theirs as a report of ours. Its figures count once it is paid: fee and gas are charged on success alone. */
export function toReport({ askedAt, status, message, reference, transactionHash, echo, figures }: Facts): StatusReport {
  const { state, moneyMoved } = STATES.get(status.toUpperCase()) ?? { state: null, moneyMoved: 'UNKNOWN' };
  const paid = state === 'COMPLETED' ? figures : undefined;
  return {
    askedAt,
    state,
    vendorStatus: status,
    vendorMessage: message,
    providerReference: reference,
    transactionHash,
    fees: paid === undefined ? [] : feesOf(paid),
    debits: paid?.fee ? [{ amount: addDecimals(paid.amount, paid.fee), currency: paid.symbol }] : [],
    received: paid === undefined ? null : { amount: paid.amount, currency: paid.symbol },
    moneyMoved,
    failure: state === 'FAILED' ? failureOf(status, message) : null,
    allows: [],
    echo,
    rivals: [],
  };
}

function feesOf({ symbol, fee, gasAmount }: Figures): readonly Fee[] {
  const fees: Fee[] = [];
  if (fee && !isZero(fee)) fees.push({ kind: 'PROVIDER', amount: fee, currency: symbol });
  if (gasAmount && !isZero(gasAmount)) fees.push({ kind: 'NETWORK', amount: gasAmount, currency: GAS_CURRENCY });
  return fees;
}

/** One word covers a review that was not passed and risk control, so no more is known. Source: webhook page. */
function failureOf(status: string, vendorMessage: string | null): Failure {
  const refused = status.toUpperCase() === 'REFUSE';
  return {
    code: refused ? 'PROVIDER_REFUSED' : 'OTHER',
    message: refused
      ? 'BlockATM refused the payout, by review or risk control.'
      : 'BlockATM could not send the payout.',
    vendorCode: status,
    vendorMessage,
    retryable: true,
  };
}
