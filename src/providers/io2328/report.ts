import type { MoneyMoved } from '../../domain/errors.ts';
import { type Money, subtractDecimals } from '../../domain/money.ts';
import type { Failure, PayoutFailureCode, ReportedState } from '../../domain/payout.ts';
import type { StatusReport } from '../../domain/provider.ts';
import { parseNetwork } from './networks.ts';
import type { Refusal, WireDebit, WirePayout } from './wire.ts';

/** Whether the debit is of another balance than that of the payout's currency. */
export function isConverted({ debited_currency, from_currency }: WireDebit): boolean {
  return debited_currency !== null || from_currency !== null;
}

/** What left, or would leave, our balance there: with a conversion it is in the currency that was converted. */
export function readDebit(result: WireDebit): Money | null {
  const amount = isConverted(result) ? result.debited_amount : result.merchant_amount;
  const currency = result.debited_currency ?? result.from_currency ?? result.currency;
  return amount == null ? null : { amount, currency };
}

/** The provider's words in our states. Source: payout page, "Payout statuses"; that the last three are final is assumed. */
const STATES: ReadonlyMap<string, { state: ReportedState; moneyMoved: MoneyMoved }> = new Map([
  ['pending', { state: 'PROCESSING', moneyMoved: 'YES' }],
  ['completed', { state: 'COMPLETED', moneyMoved: 'YES' }],
  ['failed', { state: 'FAILED', moneyMoved: 'NO' }],
  ['cancelled', { state: 'CANCELLED', moneyMoved: 'NO' }],
]);

/** Source: payout page, "Error types": `aml_risk` is the only one that is documented. */
function readFailure(errorType: string | null): Failure {
  const compliance = errorType === 'aml_risk';
  return {
    code: compliance ? 'COMPLIANCE' : 'OTHER',
    message: compliance ? 'The receiving address was flagged as high-risk.' : '2328.io could not send the payout.',
    vendorCode: errorType,
    vendorMessage: null,
    // A reason that we do not know may stand in the way of the next payout too.
    retryable: errorType === null,
  };
}

/** A payout of theirs as a report of ours. Figures of a payout that moved nothing would name money that never went. */
export function toReport(payout: WirePayout, askedAt: Date | null): StatusReport {
  const { currency, network_amount: sent } = payout;
  const { state, moneyMoved } = STATES.get(payout.status) ?? { state: null, moneyMoved: 'UNKNOWN' };
  const debit = moneyMoved === 'NO' ? null : readDebit(payout);
  const received = moneyMoved === 'NO' || sent == null ? null : { amount: sent, currency };
  const fee = debit && received && debit.currency === currency ? subtractDecimals(debit.amount, received.amount) : null;
  return {
    askedAt,
    state,
    vendorStatus: payout.status,
    vendorMessage: null,
    providerReference: payout.uuid,
    transactionHash: payout.txid,
    fees: fee === null ? [] : [{ kind: 'PROVIDER', amount: fee, currency }],
    debits: debit === null ? [] : [debit],
    received,
    moneyMoved,
    failure: state === 'FAILED' ? readFailure(payout.error_type) : null,
    // There is nothing that could be asked of a payout here: no confirm, no cancel.
    allows: [],
    echo: {
      amount: payout.amount,
      currency,
      // A code that is not in the table stays as it is: it is another network than ours, and must compare as one.
      network: parseNetwork(payout.network) ?? payout.network,
      address: payout.to_address,
      ...(payout.order_id === null ? {} : { orderNumber: payout.order_id }),
    },
    rivals: [],
  };
}

/** The listed refusals of HTTP 422; null for any other. Source: assumed, see README; `insufficient` from clients' habits. */
export function readRefusal({ message, errors }: Refusal): { code: PayoutFailureCode; message: string } | null {
  // Whatever is wrong with our order number, "already taken" may be it: then the payout exists.
  if (message === null || 'order_id' in errors) return null;
  if (/insufficient/i.test(message)) {
    return { code: 'INSUFFICIENT_FUNDS', message: 'The balance at 2328.io does not cover the payout.' };
  }
  if (message === 'Amount is too small') {
    return {
      code: 'AMOUNT_OUT_OF_RANGE',
      message: 'The amount is below the minimum, or the fees leave nothing of it.',
    };
  }
  if (message !== 'Validation error') return null;
  if ('to_address' in errors) return { code: 'INVALID_DESTINATION', message: '2328.io does not accept the address.' };
  if ('amount' in errors) return { code: 'AMOUNT_OUT_OF_RANGE', message: '2328.io does not accept the amount.' };
  return { code: 'PROVIDER_REFUSED', message: '2328.io does not accept a field of the payout.' };
}
