import { addDecimals } from '../../domain/money.ts';
import type { Failure, PayoutFailureCode, ReportedState } from '../../domain/payout.ts';
import type { StatusReport } from '../../domain/provider.ts';
import type { Created, Fault, PayoutRecord } from './wire.ts';

const STATES: ReadonlyMap<string, ReportedState> = new Map([
  ['processing', 'PROCESSING'],
  ['pending', 'PROCESSING'],
  ['confirming', 'PROCESSING'],
  ['confirmed', 'COMPLETED'],
  ['canceled', 'CANCELLED'],
  ['rejected', 'FAILED'],
]);

/** Our state for a status of the API, in any case; null: a word that we do not know. Source: Payout Status Table. */
export function parseState(status: string): ReportedState | null {
  return STATES.get(status.toLowerCase()) ?? null;
}

function moved(state: ReportedState | null): StatusReport['moneyMoved'] {
  if (state === null) return 'UNKNOWN';
  return state === 'PROCESSING' || state === 'COMPLETED' ? 'YES' : 'NO';
}

/** What is known of a payout by its word alone: no figures and no echo. `state` is given since the API and webhooks spell it differently. */
export function bareReport(
  trackId: string,
  status: string,
  state: ReportedState | null,
  askedAt: Date | null,
): StatusReport {
  return {
    askedAt,
    state,
    vendorStatus: status,
    vendorMessage: null,
    providerReference: trackId,
    transactionHash: null,
    fees: [],
    debits: [],
    received: null,
    moneyMoved: moved(state),
    failure: state === 'FAILED' ? failure('PROVIDER_REFUSED', 'OxaPay rejected the payout', status, null) : null,
    // There is nothing that could be asked of a payout here: no confirm, no cancel.
    allows: [],
    echo: {},
    rivals: [],
  };
}

/** The report of a fresh payout. OxaPay repeats nothing of the order here, so there is no echo to compare. */
export function reportCreated(created: Created, askedAt: Date): StatusReport {
  return bareReport(created.trackId, created.status, parseState(created.status), askedAt);
}

/** The report of a record. The fee is taken as on top. */
export function reportRecord(record: PayoutRecord, askedAt: Date): StatusReport {
  const { amount, currency, network, address, mark, fee } = record;
  const report = bareReport(record.trackId, record.status, parseState(record.status), askedAt);
  const paid = report.moneyMoved === 'YES';
  return {
    ...report,
    transactionHash: record.transactionHash,
    fees: paid && fee !== null ? [{ amount: fee, currency, kind: 'PROVIDER' }] : [],
    debits: paid && fee !== null ? [{ amount: addDecimals(amount, fee), currency }] : [],
    received: paid ? { amount, currency } : null,
    echo: {
      amount,
      currency,
      address,
      ...(network === null ? {} : { network }),
      ...(mark === null ? {} : { orderNumber: mark }),
    },
    rivals: [],
  };
}

function failure(
  code: PayoutFailureCode,
  message: string,
  vendorCode: string | null,
  vendorMessage: string | null,
): Failure {
  const retryable = code === 'INSUFFICIENT_FUNDS' || code === 'MISCONFIGURED';
  return { code, message, vendorCode, vendorMessage, retryable };
}

type Refusal = readonly [PayoutFailureCode, string];
const OUT_OF_RANGE: Refusal = ['AMOUNT_OUT_OF_RANGE', 'OxaPay does not accept the amount'];

/** Types that say more than the field's name does. */
const REFUSALS_BY_TYPE: ReadonlyMap<string, Refusal> = new Map([
  ['insufficient_balance', ['INSUFFICIENT_FUNDS', 'the balance at OxaPay is too low']],
  ['amount_too_low', OUT_OF_RANGE],
  ['amount_too_high', OUT_OF_RANGE],
]);
const REFUSALS_BY_KEY: ReadonlyMap<string, Refusal> = new Map([
  ['address', ['INVALID_DESTINATION', 'OxaPay does not accept the address']],
  ['amount', OUT_OF_RANGE],
  ['currency', ['PROVIDER_REFUSED', 'OxaPay does not pay this currency']],
  ['network', ['PROVIDER_REFUSED', 'OxaPay does not pay on this network']],
  ['callback_url', ['MISCONFIGURED', 'OxaPay does not accept our callback URL']],
]);
const INVALID: Refusal = ['PROVIDER_REFUSED', 'OxaPay does not accept the request'];

/**
 * The refusals: the fault of an envelope with status 400 whose type or key is listed here. Null: not listed, so what
 * became of the payout is not known. Source: Error; the types beside `invalid_param` are assumed.
 */
export function readRefusal({ type, key, message }: Fault): Failure | null {
  const refusal =
    REFUSALS_BY_TYPE.get(type ?? '') ?? REFUSALS_BY_KEY.get(key ?? '') ?? (type === 'invalid_param' ? INVALID : null);
  return refusal === null ? null : failure(...refusal, type ?? key, message);
}
