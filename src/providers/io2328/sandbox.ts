import { createHash } from 'node:crypto';
import {
  addDecimals,
  compareDecimals,
  type Decimal,
  divideDecimals,
  isZero,
  type Money,
  multiplyDecimals,
  parseDecimal,
  subtractDecimals,
} from '../../domain/money.ts';
import { plainSample } from '../../sandbox/sample.ts';
import type {
  Asked,
  NewOrder,
  Order,
  OrderState,
  Refusal,
  SandboxAccount,
  SandboxAnswer,
  SandboxRequest,
  SandboxSide,
} from '../../sandbox.ts';
import { CURRENCIES, NETWORKS } from './networks.ts';
import { MAX_PLACES, sign } from './wire.ts';

/** No payout here waits for documents or a confirmation, so those two never come up; there is no word for a return. */
const WORDS: Readonly<Record<OrderState, string>> = {
  ACCEPTED: 'pending',
  MATERIAL: 'pending',
  HELD: 'pending',
  QUEUED: 'pending',
  CONFIRMING: 'pending',
  COMPLETED: 'completed',
  FAILED: 'failed',
  BLOCKED: 'failed',
  CANCELLED: 'cancelled',
  REFUNDED: 'failed',
  STRANGE: 'under_review',
};

const REFUSALS: Readonly<Record<Refusal, SandboxAnswer>> = {
  INSUFFICIENT_BALANCE: refusal(422, 'Insufficient balance', { amount: 'Insufficient balance' }),
  INVALID_DESTINATION: refusal(422, 'Validation error', { to_address: 'The address is invalid' }),
  DUPLICATE: refusal(422, 'Validation error', { order_id: 'The order_id has already been taken' }),
  NOT_FOUND: refusal(404, 'Payout not found'),
  // There is nothing to be asked of a payout, and no opening hours: these two never come up.
  WRONG_STATE: refusal(422, 'The payout does not allow it'),
  OUTSIDE_HOURS: refusal(503, 'Service Unavailable'),
  MAINTENANCE: refusal(503, 'Service Unavailable'),
  RATE_LIMITED: refusal(429, 'Too Many Requests'),
  WRONG_CREDENTIALS: refusal(401, 'Invalid signature'),
};
const TOO_SMALL = refusal(422, 'Amount is too small', { amount: 'Amount is too small' });

/**
 * What one unit is worth in USD. Source: page "Exchange Rates" for BTC; the price of TRX is that of the payout page's first
 * sample; the others are assumed.
 */
const USD: ReadonlyMap<string, Decimal> = new Map([
  ['USD', decimal('1')],
  ['USDT', decimal('1')],
  ['USDC', decimal('1')],
  ['TRX', decimal('0.33')],
  ['ETH', decimal('3000')],
  ['BNB', decimal('600')],
  ['AVAX', decimal('25')],
  ['POL', decimal('0.5')],
  ['SOL', decimal('150')],
  ['TON', decimal('3')],
  ['BTC', decimal('94786.69')],
  ['LTC', decimal('90')],
  ['DOGE', decimal('0.2')],
  ['DASH', decimal('30')],
]);
/** Source: page "Exchange Rates". */
const FIAT_PER_USD: readonly (readonly [string, Decimal])[] = [
  ['EUR', decimal('0.8609')],
  ['RUB', decimal('78.3219')],
];
/** Rates are published with so many, and a debit that was converted has no more. */
const RATE_PLACES = 8;
const ONE = decimal('1');

const MINIMUM = decimal('1');
const MAXIMUM = decimal('100000');
const MAX_MEMO_LENGTH = 255;
const MAX_ORDER_ID_LENGTH = 128;
const MINUTE_MS = 60_000;

/** 2328.io's side of the wire. Source: docs of the payout page; error bodies, limits and retries are assumed. */
export const sandbox: SandboxSide = {
  slug: 'io2328',
  basePath: '/api',
  currencies: [...CURRENCIES],
  plays: ['SUBMIT', 'IDEMPOTENT_SUBMIT', 'LOOKUP', 'SIGNED_WEBHOOK', 'QUOTE', 'BALANCES', 'ASSETS'],
  debitAt: 'accept',
  actions: {},
  callback: 'order',
  course: ['ACCEPTED'],
  told: [],
  onDuplicate: 'returnFirst',
  webhookWaitsMs: [0, MINUTE_MS, 5 * MINUTE_MS, 15 * MINUTE_MS, 60 * MINUTE_MS, 6 * 60 * MINUTE_MS],
  makeCredentials: (bytes) => ({
    project: toUuid(bytes(16), 4),
    payoutKey: bytes(24).toString('hex'),
    apiKey: bytes(24).toString('hex'),
  }),
  makeReference(random, now) {
    const bytes = Buffer.from(random);
    bytes.writeUIntBE(now.getTime(), 0, 6);
    return toUuid(bytes, 7);
  },
  sample: (amount) => plainSample({ amount, currency: 'TRX' }),
  read: (request, account) => refuseCaller(request, account) ?? route(request, account),
  refuse: (reason) => REFUSALS[reason],
  writeWebhook(order, { payoutKey = '' }) {
    const text = JSON.stringify(toResult(order));
    return { headers: {}, body: `${text.slice(0, -1)},"sign":"${sign(text, payoutKey)}"}` };
  },
  isAcknowledged: (status) => status >= 200 && status < 300,
};

/** Balances and directions go by the general key, payout calls by the payout key; the rates are for everyone. */
function refuseCaller({ path, headers, body }: SandboxRequest, { credentials }: SandboxAccount): Asked | null {
  if (path === '/v1/exchange-rates') return null;
  const { project, payoutKey = '', apiKey = '' } = credentials;
  if (!headers['user-agent']) return answer(refusal(403, 'User-Agent required'));
  if (headers.project !== project) return answer(refusal(401, 'Project not found'));
  const key = path === '/v1/balance' || path === '/v1/directions' ? apiKey : payoutKey;
  return headers.sign === sign(body, key) ? null : answer(REFUSALS.WRONG_CREDENTIALS);
}

function route({ method, path, body }: SandboxRequest, { wallets }: SandboxAccount): Asked {
  const uuid = /^\/v1\/payout\/status\/([^/]+)$/.exec(path)?.[1];
  if (method === 'POST' && path === '/v1/payout') return create(readFields(body));
  if (method === 'POST' && path === '/v1/payout/calc') return calculate(readFields(body));
  if (method === 'GET' && path === '/v1/balance') return answer(balances(wallets));
  if (method === 'GET' && path === '/v1/directions') return answer(directions());
  if (method === 'GET' && path === '/v1/exchange-rates') return answer(exchangeRates());
  if (method === 'GET' && uuid !== undefined) {
    return { kind: 'find', providerReference: uuid, answer: (order) => success(toResult(order)) };
  }
  return answer(refusal(404, 'Not found'));
}

type Fields = Readonly<Record<string, unknown>>;
type FieldErrors = Record<string, string>;

/** The members of a JSON object; none for anything else, so that every required field is then missing. */
function readFields(body: Buffer): Fields {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    return value !== null && typeof value === 'object' && !Array.isArray(value) ? { ...value } : {};
  } catch {
    return {};
  }
}

interface Price {
  readonly currency: string;
  readonly network: string;
  readonly amount: Decimal;
  readonly feeOption: 'add' | 'deduct';
  readonly fee: Decimal;
  /** `merchant_amount`: amount and fees, as the option has it. */
  readonly charged: Decimal;
  readonly received: Decimal;
  /** Null without a conversion. */
  readonly converted: Money | null;
}

/** What create and calc have in common. */
function readPrice(fields: Fields, errors: FieldErrors): Price | SandboxAnswer {
  const { currency, network, amount: text, from_currency: source, fee_option: feeOption = 'deduct' } = fields;
  const row = NETWORKS.find((each) => each.code === network);
  const amount = typeof text === 'string' ? parseDecimal(text) : null;
  if (typeof currency !== 'string' || !CURRENCIES.has(currency)) errors.currency = 'The currency is not supported';
  else if (row === undefined) errors.network = 'The network is not supported';
  else if (!row.currencies.some((each) => each === currency)) errors.network = 'The currency is not on this network';
  if (amount === null) errors.amount = 'The amount must be a decimal string';
  else if ((amount.split('.')[1] ?? '').length > MAX_PLACES) errors.amount = 'The amount has too many decimals';
  else if (compareDecimals(amount, MAXIMUM) > 0) errors.amount = 'The amount is too large';
  if (feeOption !== 'add' && feeOption !== 'deduct') errors.fee_option = 'The fee option is invalid';
  const from = source ?? currency;
  if (from !== currency && !(typeof from === 'string' && CURRENCIES.has(from))) {
    errors.from_currency = 'The currency cannot be converted';
  }
  if (Object.keys(errors).length > 0 || typeof currency !== 'string' || row === undefined || amount === null) {
    return refusal(422, 'Validation error', errors);
  }
  const fee = feeOf(currency, row.code);
  const adds = feeOption === 'add';
  const charged = adds ? addDecimals(amount, fee) : amount;
  const received = adds ? amount : subtractDecimals(amount, fee);
  if (compareDecimals(amount, MINIMUM) < 0 || received === null || isZero(received)) return TOO_SMALL;
  const converted = typeof from === 'string' && from !== currency ? convert(charged, currency, from) : null;
  const option = adds ? 'add' : 'deduct';
  return { currency, network: row.code, amount, feeOption: option, fee, charged, received, converted };
}

function convert(charged: Decimal, currency: string, from: string): Money {
  return { amount: multiplyDecimals(charged, rateOf(currency, from), RATE_PLACES), currency: from };
}

/** What one unit of `from` is worth in `to`. */
function rateOf(from: string, to: string): Decimal {
  return divideDecimals(usdOf(from), usdOf(to), RATE_PLACES, 'DOWN') ?? ONE;
}

function exchangeRates(): SandboxAnswer {
  const rates = [...USD.keys()].map((from) => {
    const crypto = [...USD.keys()].map((to) => [to, rateOf(from, to)] as const);
    const fiat = FIAT_PER_USD.map(([to, perUsd]) => [to, multiplyDecimals(usdOf(from), perUsd, RATE_PLACES)] as const);
    return [from, Object.fromEntries([...crypto, ...fiat].map(([to, rate]) => [to, toScale(rate, RATE_PLACES)]))];
  });
  return success(Object.fromEntries(rates));
}

/** Source: a client in public code for the fields; `fixed`, `active` and the figures are assumed. */
function directions(): SandboxAnswer {
  const rows = NETWORKS.flatMap(({ network, code, currencies }) =>
    currencies.map((currency) => ({
      network,
      network_code: code,
      currency,
      deposit_status: 'active',
      withdrawal_status: 'active',
      min_deposit: MINIMUM,
      max_deposit: MAXIMUM,
      min_withdrawal: MINIMUM,
      max_withdrawal: MAXIMUM,
      deposit_fee_percent: '0',
      withdrawal_fee: feeOf(currency, code),
      withdrawal_fee_type: 'fixed',
    })),
  );
  return success(rows);
}

/** Source: samples of the payout page for the first two; the third is assumed. */
function feeOf(currency: string, network: string): Decimal {
  if (currency === 'TRX') return decimal('0.11');
  return decimal(currency === 'USDT' && network === 'TRX-TRC20' ? '3' : '1');
}

function create(fields: Fields): Asked {
  const errors: FieldErrors = {};
  const { to_address: address, order_id: orderId = null, url_callback: url = null, memo = null, network } = fields;
  if (typeof address !== 'string' || address.trim() === '') errors.to_address = 'The address is required';
  if (orderId !== null && !isText(orderId, 1, MAX_ORDER_ID_LENGTH)) errors.order_id = 'The order_id is invalid';
  if (url !== null && !isWebUrl(url)) errors.url_callback = 'The url_callback must be an http(s) URL';
  if (memo !== null && !isText(memo, 0, MAX_MEMO_LENGTH)) errors.memo = 'The memo is too long';
  else if (memo !== null && network !== 'TON' && network !== 'SOL') errors.memo = 'The network has no memo';
  const price = readPrice(fields, errors);
  if ('status' in price) return answer(price);
  const { currency, amount, fee, charged, received, converted } = price;
  const order: NewOrder = {
    mark: toText(orderId),
    amount,
    currency,
    network: price.network,
    address: toText(address) ?? '',
    memo: toText(memo),
    fee,
    received,
    debit: converted ?? { amount: charged, currency },
    callbackUrl: toText(url),
    details: {},
  };
  return { kind: 'create', order, answer: (accepted) => success(toResult(accepted)) };
}

/** Nothing is stored. A sum that was computed has eight places, one that was given keeps its own. */
function calculate(fields: Fields): Asked {
  const price = readPrice(fields, {});
  if ('status' in price) return answer(price);
  const { currency, network, amount, feeOption, fee, charged, received, converted } = price;
  const result = {
    currency,
    network,
    amount,
    fee_option: feeOption,
    merchant_amount: feeOption === 'add' ? toScale(charged, 8) : amount,
    network_amount: feeOption === 'add' ? amount : toScale(received, 8),
    total_fee: toScale(fee, 8),
    total_fee_usd: toScale(multiplyDecimals(fee, usdOf(currency), 8), 8),
    ...toConversion(converted),
  };
  return answer(success(result));
}

function balances(wallets: ReadonlyMap<string, Decimal>): SandboxAnswer {
  const rows = [...wallets].map(([currency, balance]) => ({
    uuid: toUuid(createHash('sha256').update(currency).digest().subarray(0, 16), 4),
    status: 'active',
    currency_code: currency,
    balance,
    balance_usd: toScale(multiplyDecimals(balance, usdOf(currency), 2), 2),
    locked_balance: '0.00',
  }));
  return success(rows);
}

/** The `result` of create and status, and the body of a webhook. */
function toResult(order: Order) {
  const { currency, amount, debit } = order;
  return {
    uuid: order.providerReference,
    order_id: order.mark,
    status: WORDS[order.state],
    currency,
    network: order.network,
    amount,
    merchant_amount: addDecimals(order.received, order.fee),
    network_amount: order.received,
    amount_usd: toScale(multiplyDecimals(amount, usdOf(currency), 2), 2),
    to_address: order.address,
    memo: order.memo,
    txid: order.state === 'COMPLETED' ? order.transactionHash : null,
    block_number: null,
    error_type: order.state === 'BLOCKED' ? 'aml_risk' : null,
    created_at: toMoscowTime(order.createdAt),
    updated_at: toMoscowTime(order.updatedAt),
    ...toConversion(debit.currency === currency ? null : debit),
  };
}

/** Left out without a conversion, as in the sample. */
function toConversion(converted: Money | null) {
  if (converted === null) return {};
  const { currency, amount } = converted;
  return { from_currency: currency, debited_amount: amount, debited_currency: currency };
}

function answer(given: SandboxAnswer): Asked {
  return { kind: 'answer', answer: given };
}

function success(result: unknown): SandboxAnswer {
  return { status: 200, body: JSON.stringify({ state: 0, result }) };
}

function refusal(status: number, message: string, errors: Readonly<Record<string, string>> = {}): SandboxAnswer {
  const fields = Object.entries(errors).map(([field, text]) => [field, [text]]);
  const shown = fields.length === 0 ? {} : { errors: Object.fromEntries(fields) };
  return { status, body: JSON.stringify({ state: 1, message, ...shown }) };
}

function usdOf(currency: string): Decimal {
  return USD.get(currency) ?? ONE;
}

/** For this file's own constants. */
function decimal(text: string): Decimal {
  const value = parseDecimal(text);
  if (value === null) throw new RangeError(`${text} is not a decimal`);
  return value;
}

/** With exactly so many places; the value must not have more. */
function toScale(value: Decimal, places: number): string {
  const [whole = '0', fraction = ''] = value.split('.');
  return `${whole}.${fraction.padEnd(places, '0')}`;
}

/** ISO 8601 with the offset `+03:00`, as in every sample. */
function toMoscowTime(at: Date): string {
  return `${new Date(at.getTime() + 180 * MINUTE_MS).toISOString().slice(0, 19)}+03:00`;
}

/** Sixteen bytes as a UUID of the version. */
function toUuid(bytes: Uint8Array, version: number): string {
  const hex = Buffer.from(bytes).toString('hex');
  const variant = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const tail = variant.toString(16) + hex.slice(18);
  return [hex.slice(0, 8), hex.slice(8, 12), `${version}${hex.slice(13, 16)}`, tail.slice(0, 4), tail.slice(4)].join(
    '-',
  );
}

function toText(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

function isText(value: unknown, min: number, max: number): boolean {
  return typeof value === 'string' && value.length >= min && value.length <= max;
}

/** The provider itself also refuses addresses that are not public. */
function isWebUrl(value: unknown): boolean {
  return typeof value === 'string' && /^https?:$/.test(URL.parse(value)?.protocol ?? '');
}
