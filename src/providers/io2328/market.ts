import type { KeyObject } from 'node:crypto';
import {
  type Decimal,
  decimalPlaces,
  divideDecimals,
  equalDecimals,
  type Money,
  multiplyDecimals,
  subtractDecimals,
} from '../../domain/money.ts';
import type { AssetTerms, Balance, Call, Price, QuoteRequest, ReadOutcome } from '../../domain/provider.ts';
import type { Listing } from '../../domain/recent.ts';
import type { Answer, Line } from '../../transport.ts';
import { CURRENCIES, networkCode, networksOf } from './networks.ts';
import {
  type Calc,
  type CalcRequest,
  decodeBalances,
  decodeCalc,
  decodeDirections,
  decodeRates,
  encodeCalc,
  MAX_PLACES,
  type Rates,
  readAnswer,
  sign,
} from './wire.ts';

/** Sent with every request: one without it may be blocked. Source: doc.2328.io, page "Authentication". */
const USER_AGENT = 'Outflow/0.1.0';
const RATE_PLACES = 12;

/** An account with what its calls need. */
export interface OpenAccount {
  readonly project: string;
  readonly payoutKey: KeyObject;
  /** Null: none is configured, and neither balances nor directions can be read. */
  readonly apiKey: KeyObject | null;
  readonly callbackUrl: string | null;
  readonly line: Line;
}

/** The same, with what prices may be made of. */
export interface PricedAccount extends OpenAccount {
  /** The published rates. */
  readonly rates: Listing<Rates>;
}

/** A GET, or with a body a POST, signed with the key; null: public, with neither project nor signature. */
export function send(
  account: OpenAccount,
  key: KeyObject | null,
  path: string,
  body: string | null,
  call: Call,
): Promise<Answer> {
  return account.line.exchange({
    method: body === null ? 'GET' : 'POST',
    path,
    headers: {
      'user-agent': USER_AGENT,
      ...(key === null ? {} : { project: account.project, sign: sign(body ?? '', key) }),
      ...(body === null ? {} : { 'content-type': 'application/json' }),
    },
    body,
    call,
  });
}

/** Our balances, those that are disabled left out. */
export async function readBalances(account: OpenAccount, call: Call): Promise<ReadOutcome<readonly Balance[]>> {
  if (account.apiKey === null) return NO_API_KEY;
  return readAnswer(await send(account, account.apiKey, '/v1/balance', null, call), decodeBalances);
}

/** What can be withdrawn at the moment, with its bounds. */
export async function readAssets(account: OpenAccount, call: Call): Promise<ReadOutcome<readonly AssetTerms[]>> {
  if (account.apiKey === null) return NO_API_KEY;
  return readAnswer(await send(account, account.apiKey, '/v1/directions', null, call), decodeDirections);
}

/** The published rates between all currencies. */
export async function readRates(account: OpenAccount, call: Call): Promise<ReadOutcome<Rates>> {
  return readAnswer(await send(account, null, '/v1/exchange-rates', null, call), decodeRates);
}

/**
 * What a payout would cost, as `POST /v1/payout/calc` has it. A conversion whose debit the answer does not name is priced by
 * the published rates, rounded up; `recent`: those may be seconds old. A string: what 2328.io cannot price.
 */
export async function readQuote(
  account: PricedAccount,
  request: QuoteRequest,
  call: Call,
  recent: boolean,
): Promise<ReadOutcome<Price> | string> {
  const question = toCalcRequest(request);
  if (typeof question === 'string') return question;
  const answer = await send(account, account.payoutKey, '/v1/payout/calc', encodeCalc(question), call);
  const calc = readAnswer(answer, decodeCalc);
  if (calc.kind !== 'known') return calc;
  if (!answers(calc.value, question)) return unavailable('2328.io priced something else than what was asked');
  const { currency } = question.amount;
  const source = question.sourceCurrency ?? currency;
  const debit =
    source === currency ? (calc.value.converted ?? { amount: calc.value.charged, currency }) : calc.value.converted;
  if (debit !== null) {
    return debit.currency === source ? toPrice(calc.value, debit) : unavailable('2328.io would debit another currency');
  }
  const rates = await account.rates(recent, () => readRates(account, call));
  if (rates.kind !== 'known') return rates;
  const rate = findRate(rates.value, currency, source);
  if (rate === null) return `2328.io names no rate from ${currency} to ${source}.`;
  const amount = multiplyDecimals(calc.value.charged, rate, MAX_PLACES, 'UP');
  return toPrice(calc.value, { amount, currency: source });
}

function toCalcRequest({
  amount,
  feeMode,
  network,
  channel,
  sourceCurrency,
  receiveCurrency,
}: QuoteRequest): CalcRequest | string {
  const { currency } = amount;
  if (channel !== null) return '2328.io has no payment channels.';
  if (receiveCurrency !== null) return '2328.io converts what it debits, not what it pays.';
  if (sourceCurrency !== null && !CURRENCIES.has(sourceCurrency)) {
    return `2328.io holds no ${sourceCurrency} that it could convert.`;
  }
  const networks = networksOf(currency);
  const [only] = networks;
  if (only === undefined) return `2328.io does not pay ${currency}.`;
  if (network === null && networks.length > 1) {
    return `2328.io pays ${currency} on several networks: name one of ${networks.join(', ')}.`;
  }
  if (network !== null && networkCode(currency, network) === null) {
    return `2328.io does not pay ${currency} on ${network}.`;
  }
  if (decimalPlaces(amount.amount) > MAX_PLACES) return `2328.io takes at most ${MAX_PLACES} decimal places.`;
  return { amount, feeMode, sourceCurrency, network: network ?? only };
}

/** Whether the price is that of the question: also that the fees are borne by whom it says. */
function answers(calc: Calc, { amount, feeMode, network }: CalcRequest): boolean {
  const { currency } = amount;
  const bearing = feeMode === 'ADD' ? calc.received : calc.charged;
  return (
    calc.currency === currency &&
    calc.network === networkCode(currency, network) &&
    calc.feeMode === feeMode &&
    equalDecimals(calc.amount, amount.amount) &&
    equalDecimals(bearing, amount.amount)
  );
}

/** The fee is what lies between charge and receipt: so, in one currency, the debit is exactly the two together. */
function toPrice({ currency, charged, received }: Calc, debit: Money): ReadOutcome<Price> {
  const fee = subtractDecimals(charged, received);
  const rate = divideDecimals(charged, debit.amount, RATE_PLACES, 'DOWN');
  if (fee === null || rate === null) return unavailable('figures of 2328.io that do not add up');
  const value: Price = {
    debit,
    fees: [{ amount: fee, currency, kind: 'PROVIDER' }],
    receive: { amount: received, currency },
    rate: debit.currency === currency ? null : rate,
    firmness: 'INDICATIVE',
    expiresAt: null,
  };
  return { kind: 'known', value };
}

/** What one unit of `from` costs in `to`: as published, or through USD and then rounded up; null: not to be had. */
function findRate(rates: Rates, from: string, to: string): Decimal | null {
  const direct = rates.get(from)?.get(to);
  if (direct !== undefined) return direct;
  const inUsd = rates.get(from)?.get('USD');
  const ofUsd = rates.get('USD')?.get(to);
  return inUsd === undefined || ofUsd === undefined ? null : multiplyDecimals(inUsd, ofUsd, RATE_PLACES, 'UP');
}

const NO_API_KEY = { kind: 'rejected', vendorCode: null, vendorMessage: 'no general API key is configured' } as const;

function unavailable(cause: string): ReadOutcome<never> {
  return { kind: 'unavailable', retryAfterMs: null, cause };
}
