import { addDecimals, compareDecimals, decimalPlaces } from '../../domain/money.ts';
import type { AssetTerms, Balance, Call, Price, QuoteRequest, ReadOutcome } from '../../domain/provider.ts';
import type { Listing } from '../../domain/recent.ts';
import type { Line } from '../../transport.ts';
import { retryAfterMs } from '../define.ts';
import { ASSETS } from './networks.ts';
import { type CurrencyTerms, ENDPOINTS, type Endpoint, MAX_PLACES, type NetworkTerms, parseEnvelope } from './wire.ts';

/** What a call beside payouts needs of an account. */
export interface MarketSeat {
  readonly line: Line;
  /** Empty: none is configured. */
  readonly generalKey: string;
}

/** The same, with what prices may be made of. */
export interface PricingSeat extends MarketSeat {
  /** What is offered. */
  readonly currencies: Listing<ReadonlyMap<string, CurrencyTerms>>;
}

/** What goes along with a call: parameters in the address, or a body. */
export interface Question {
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** Statuses by which OxaPay itself says no. Source: Error. */
const REFUSALS: ReadonlySet<number> = new Set([400, 401, 403, 404]);

/**
 * One call beside payouts. Refused is what OxaPay's envelope refuses, or a call under the general key where there is none;
 * whatever else is no answer to the question is unavailable.
 */
export async function ask<T>(
  { line, generalKey }: MarketSeat,
  endpoint: Endpoint<T>,
  { query, body }: Question,
  call: Call,
): Promise<ReadOutcome<T>> {
  if (endpoint.keyed && generalKey === '') {
    return { kind: 'rejected', vendorCode: null, vendorMessage: 'no general API key is configured' };
  }
  const answer = await line.exchange({
    method: endpoint.method,
    path: query === undefined ? endpoint.path : `${endpoint.path}?${new URLSearchParams(query)}`,
    headers: {
      ...(endpoint.keyed ? { general_api_key: generalKey } : {}),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    body: body ?? null,
    call,
  });
  if (answer.kind !== 'answered') return unavailable(answer.cause);
  const retryAfter = retryAfterMs(answer);
  if (answer.status === 408 || answer.status >= 500) return unavailable(`HTTP ${answer.status}`, retryAfter);
  const envelope = parseEnvelope(answer.body);
  if (envelope === null) return unavailable(`HTTP ${answer.status} without an envelope`, retryAfter);
  const { status, fault, data } = envelope;
  if (REFUSALS.has(status)) {
    return { kind: 'rejected', vendorCode: fault.type ?? String(status), vendorMessage: fault.message };
  }
  if (status !== 200) return unavailable(fault.message ?? `OxaPay answered status ${status}`, retryAfter);
  const value = endpoint.decode(data);
  return value === null ? unavailable(`${endpoint.path}: an answer that does not decode`) : { kind: 'known', value };
}

/** Our balances. What OxaPay calls pending is taken to be beside what is available. */
export async function readBalances(seat: MarketSeat, call: Call): Promise<ReadOutcome<readonly Balance[]>> {
  const holdings = await ask(seat, ENDPOINTS.balance, {}, call);
  if (holdings.kind !== 'known') return holdings;
  const value = [...holdings.value].map(([symbol, { available, pending }]) => ({
    currency: symbol.toUpperCase(),
    available,
    locked: pending,
  }));
  return { kind: 'known', value };
}

/** What OxaPay offers at the moment of what we know how to pay. It tells no maximum: that is the key's own limit, in USD. */
export async function readAssets(seat: MarketSeat, call: Call): Promise<ReadOutcome<readonly AssetTerms[]>> {
  const currencies = await ask(seat, ENDPOINTS.currencies, {}, call);
  if (currencies.kind !== 'known') return currencies;
  const value = [...ASSETS].flatMap(([currency, networks]) =>
    networks.flatMap((network): AssetTerms[] => {
      const terms = findTerms(currencies.value, currency, network);
      if (terms === null) return [];
      const { withdrawMin: minAmount, withdrawFee: fee } = terms;
      return [{ currency, network, minAmount, maxAmount: null, fee, feeModes: ['ADD'] }];
    }),
  );
  return { kind: 'known', value };
}

/**
 * What a payout would cost: the amount, and the network's withdrawal fee on top; `recent`: the fee may be seconds old. A
 * string: what OxaPay cannot price, among it every conversion, since its swaps are made apart from payouts.
 */
export async function readQuote(
  seat: PricingSeat,
  request: QuoteRequest,
  call: Call,
  recent: boolean,
): Promise<ReadOutcome<Price> | string> {
  const { amount, currency } = request.amount;
  const network = findNetwork(request);
  if ('reason' in network) return network.reason;
  const currencies = await seat.currencies(recent, () => ask(seat, ENDPOINTS.currencies, {}, call));
  if (currencies.kind !== 'known') return currencies;
  const terms = findTerms(currencies.value, currency, network.code);
  if (terms === null) return `OxaPay does not pay ${currency} on ${network.code} at the moment`;
  const { withdrawFee: fee, withdrawMin: minimum } = terms;
  if (minimum !== null && compareDecimals(amount, minimum) < 0) {
    return `OxaPay pays no less than ${minimum} ${currency} on ${network.code}`;
  }
  if (fee === null) return `OxaPay names no fee for ${currency} on ${network.code}.`;
  const value: Price = {
    debit: { amount: addDecimals(amount, fee), currency },
    fees: [{ amount: fee, currency, kind: 'PROVIDER' }],
    receive: { amount, currency },
    rate: null,
    firmness: 'INDICATIVE',
    expiresAt: null,
  };
  return { kind: 'known', value };
}

function findNetwork(request: QuoteRequest): { readonly code: string } | { readonly reason: string } {
  const { amount, network, channel, feeMode, sourceCurrency, receiveCurrency } = request;
  const { currency } = amount;
  if (channel !== null) return { reason: 'OxaPay has no payment channels' };
  if (feeMode === 'DEDUCT') return { reason: 'OxaPay adds its fee on top and cannot deduct it from the amount' };
  if (sourceCurrency !== null || receiveCurrency !== null) {
    return { reason: 'OxaPay does not convert: it debits the currency that it pays' };
  }
  if (decimalPlaces(amount.amount) > MAX_PLACES) {
    return { reason: `OxaPay takes at most ${MAX_PLACES} decimal places` };
  }
  const networks = ASSETS.get(currency) ?? [];
  const [first] = networks;
  if (first === undefined) return { reason: `OxaPay does not pay ${currency}` };
  if (network === null) {
    return networks.length === 1
      ? { code: first }
      : { reason: `OxaPay pays ${currency} on several networks: name one of ${networks.join(', ')}` };
  }
  return networks.includes(network) ? { code: network } : { reason: `OxaPay does not pay ${currency} on ${network}` };
}

/** Null: it is not offered at the moment. */
function findTerms(
  currencies: ReadonlyMap<string, CurrencyTerms>,
  currency: string,
  network: string,
): NetworkTerms | null {
  const terms = currencies.get(currency);
  return (terms?.active === true && terms.networks.find((each) => each.network === network)) || null;
}

function unavailable(
  cause: string,
  retryAfter: number | null = null,
): Extract<ReadOutcome<never>, { kind: 'unavailable' }> {
  return { kind: 'unavailable', retryAfterMs: retryAfter, cause };
}
