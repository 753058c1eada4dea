import { createHmac, type KeyObject, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import type { MoneyMoved } from '../../domain/errors.ts';
import {
  canonicalDecimal,
  type Decimal,
  type FeeMode,
  type Money,
  parseJsonNumber,
  subtractDecimals,
} from '../../domain/money.ts';
import type { Failure, Order, PayoutFailureCode, ReportedState } from '../../domain/payout.ts';
import type { LookupOutcome, SendOutcome, StatusReport, WebhookOutcome } from '../../domain/provider.ts';
import { type Answered, readJson } from '../../transport.ts';
import { retryAfterMs } from '../define.ts';

/**
 * What 2328.io can pay: our network, its code there, and the currencies it carries.
 * Source: doc.2328.io, page "References"; `TRX-TRC20` also on the payout page.
 */
export const NETWORKS = [
  { network: 'TRON', code: 'TRX-TRC20', currencies: ['TRX', 'USDT'] },
  { network: 'ETHEREUM', code: 'ETH-ERC20', currencies: ['ETH', 'USDT', 'USDC'] },
  { network: 'BSC', code: 'BSC-BEP20', currencies: ['BNB', 'USDT', 'USDC'] },
  { network: 'POLYGON', code: 'POL-MATIC', currencies: ['POL', 'USDT', 'USDC'] },
  { network: 'AVALANCHE_C', code: 'AVAX-C', currencies: ['AVAX', 'USDT', 'USDC'] },
  { network: 'SOLANA', code: 'SOL', currencies: ['SOL', 'USDT', 'USDC'] },
  { network: 'TON', code: 'TON', currencies: ['TON', 'USDT'] },
  { network: 'BITCOIN', code: 'BTC', currencies: ['BTC'] },
  { network: 'LITECOIN', code: 'LTC', currencies: ['LTC'] },
  { network: 'DOGECOIN', code: 'DOGE', currencies: ['DOGE'] },
  { network: 'DASH', code: 'DASH', currencies: ['DASH'] },
] as const satisfies readonly { network: string; code: string; currencies: readonly string[] }[];

/** Every currency that 2328.io holds a balance in. */
export const CURRENCIES: ReadonlySet<string> = new Set(NETWORKS.flatMap((row) => [...row.currencies]));

/** 2328.io's code of our network; null when it does not pay that currency there. */
export function networkCode(currency: string, network: string): string | null {
  const row = NETWORKS.find((each) => each.network === network);
  return row?.currencies.some((each) => each === currency) ? row.code : null;
}

/**
 * The `sign` header or member: lower-case hex of HMAC-SHA256 over the Base64 *text* of the body's UTF-8 bytes, keyed with
 * the API key's text. A GET signs the empty body. Source: seed, `apiSign` in four languages.
 */
export function sign(body: string | Buffer, key: string | KeyObject): string {
  const bytes = typeof body === 'string' ? Buffer.from(body, 'utf8') : body;
  return createHmac('sha256', key).update(bytes.toString('base64')).digest('hex');
}

/** 2328.io takes at most so many places of an amount. Source: assumed, see README. */
export const MAX_PLACES = 8;

const FEE_OPTIONS: Readonly<Record<FeeMode, string>> = { ADD: 'add', DEDUCT: 'deduct' };

/** What a price depends on: the order without its receiver. `network` is our code. */
export interface CalcRequest extends Pick<Order, 'amount' | 'feeMode' | 'sourceCurrency'> {
  readonly network: string;
}

function encodePrice({ amount, network, feeMode, sourceCurrency }: CalcRequest) {
  const code = networkCode(amount.currency, network);
  if (code === null) throw new RangeError(`2328.io does not pay ${amount.currency} on ${network}`);
  const places = amount.amount.split('.')[1] ?? '';
  return {
    currency: amount.currency,
    network: code,
    // Zeros alone must not push an amount over the limit of places; else it keeps the scale it came with.
    amount: places.length > MAX_PLACES ? canonicalDecimal(amount.amount) : amount.amount,
    from_currency: sourceCurrency === amount.currency ? undefined : (sourceCurrency ?? undefined),
    fee_option: FEE_OPTIONS[feeMode],
  };
}

/**
 * The body of `POST /v1/payout`, in the field order of the seed's sample: compact, slashes and Unicode unescaped. A null
 * memo is sent as null; without a callback URL or a conversion their fields are left out. The fee option is always sent,
 * so that the provider's default decides nothing. Throws RangeError for an order that `supports` refuses.
 */
export function encodeCreate(order: Order, orderNumber: string, callbackUrl: string | null): string {
  const { destination } = order;
  if (destination.kind !== 'blockchain') throw new RangeError('2328.io pays to blockchain addresses only');
  const price = encodePrice({ ...order, network: destination.network });
  return JSON.stringify({
    currency: price.currency,
    network: price.network,
    amount: price.amount,
    to_address: destination.address,
    order_id: orderNumber,
    url_callback: callbackUrl ?? undefined,
    memo: destination.memo,
    from_currency: price.from_currency,
    fee_option: price.fee_option,
  });
}

/** The body of `POST /v1/payout/calc`. Throws RangeError for a currency that is not paid on the network. */
export function encodeCalc(request: CalcRequest): string {
  return JSON.stringify(encodePrice(request));
}

const decimal = z.string().transform((text, context): Decimal => {
  const value = parseJsonNumber(text);
  if (value !== null) return value;
  context.addIssue({ code: 'custom', message: 'not a decimal' });
  return z.NEVER;
});
const required = z.string().min(1);
const optional = z
  .string()
  .nullish()
  .transform((text) => (text === undefined || text === '' ? null : text));
/** A figure that informs and decides nothing: one that cannot be read must not hide the status beside it. */
const figure = decimal.nullish().catch(null);

const debitSchema = z.object({
  currency: required,
  merchant_amount: figure,
  from_currency: optional,
  debited_amount: figure,
  debited_currency: optional,
});

const payoutSchema = debitSchema.extend({
  uuid: required,
  order_id: optional,
  status: required,
  network: required,
  amount: decimal,
  to_address: required,
  network_amount: figure,
  txid: optional,
  error_type: optional,
});
type WirePayout = z.infer<typeof payoutSchema>;

const calcSchema = debitSchema.extend({
  network_amount: decimal,
  total_fee: decimal,
});

const balanceSchema = z.object({
  status: required,
  currency_code: required,
  balance: decimal,
  locked_balance: decimal,
});

const refusalSchema = z.object({
  state: z.string().refine((state) => state !== '0'),
  message: optional.catch(null),
  errors: z.record(z.string(), z.unknown()).catch({}),
});
type Refusal = z.infer<typeof refusalSchema>;

/** JSON text through a schema; numbers arrive as their source text. Null when it is not JSON or does not fit. */
function decode<T>(schema: z.ZodType<T>, body: string): T | null {
  try {
    const parsed = schema.safeParse(readJson(body));
    return parsed.success ? parsed.data : null;
  } catch {
    return null;
  }
}

/** The `result` of a success envelope: `{"state":0,"result":…}`. */
function decodeResult<T>(schema: z.ZodType<T>, body: string): T | null {
  return decode(z.object({ state: z.literal('0'), result: schema }), body)?.result ?? null;
}

/** What left, or would leave, our balance there: with a conversion it is in the currency that was converted. */
function readDebit(result: z.infer<typeof debitSchema>): Money | null {
  const source = result.debited_currency ?? result.from_currency;
  const amount = source === null ? result.merchant_amount : result.debited_amount;
  return amount == null ? null : { amount, currency: source ?? result.currency };
}

/** A price before the payout: what would be debited, what would arrive, and the fee between them. */
export interface Calc {
  readonly debit: Money | null;
  readonly received: Money;
  readonly fee: Money;
}

/** Reads an answer of `POST /v1/payout/calc`; null when it is no success or does not decode. */
export function decodeCalc(body: string): Calc | null {
  const result = decodeResult(calcSchema, body);
  if (result === null) return null;
  const { currency } = result;
  return {
    debit: readDebit(result),
    received: { amount: result.network_amount, currency },
    fee: { amount: result.total_fee, currency },
  };
}

/** One of our balances there. `locked` is held back beside `available`; an inactive balance pays nothing. */
export interface Balance {
  readonly currency: string;
  readonly available: Decimal;
  readonly locked: Decimal;
  readonly active: boolean;
}

/** Reads an answer of `GET /v1/balance`; null when it is no success or does not decode. */
export function decodeBalances(body: string): readonly Balance[] | null {
  const result = decodeResult(z.array(balanceSchema), body);
  return (
    result?.map((each) => ({
      currency: each.currency_code,
      available: each.balance,
      locked: each.locked_balance,
      active: each.status === 'active',
    })) ?? null
  );
}

/** The provider's words in our states. Source: seed, "Payout statuses"; that the last three are final is assumed. */
const STATES: ReadonlyMap<string, { state: ReportedState; moneyMoved: MoneyMoved }> = new Map([
  ['pending', { state: 'PROCESSING', moneyMoved: 'YES' }],
  ['completed', { state: 'COMPLETED', moneyMoved: 'YES' }],
  ['failed', { state: 'FAILED', moneyMoved: 'NO' }],
  ['cancelled', { state: 'CANCELLED', moneyMoved: 'NO' }],
]);

/** Source: seed, "Error types": `aml_risk` is the only one that is documented. */
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
function toReport(payout: WirePayout, askedAt: Date | null): StatusReport {
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
    echo: {
      amount: payout.amount,
      currency,
      // A code that is not in the table stays as it is: it is another network than ours, and must compare as one.
      network: NETWORKS.find((row) => row.code === payout.network)?.network ?? payout.network,
      address: payout.to_address,
      ...(payout.order_id === null ? {} : { orderNumber: payout.order_id }),
    },
    rivals: [],
  };
}

/** The listed refusals of HTTP 422; null for any other. Source: assumed, see README; `insufficient` from clients' habits. */
function readRefusal({ message, errors }: Refusal): { code: PayoutFailureCode; message: string } | null {
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

/**
 * What an answer to `POST /v1/payout` says of that send. Null when it says nothing certain: it does not decode, it
 * contradicts itself, or its refusal is not on the list. The report's echo is for the caller to compare.
 */
export function readCreate(answered: Answered): SendOutcome | null {
  const { status, body } = answered;
  const payout = decodeResult(payoutSchema, body);
  if (payout !== null) {
    return isSuccess(status) ? { kind: 'accepted', report: toReport(payout, answered.startedAt) } : null;
  }
  const refusal = decode(refusalSchema, body);
  const vendorCode = String(status);
  // Some gateway's own page proves nothing, so these two count in 2328.io's form alone; 429 is documented by its status.
  if (refusal !== null && (status === 401 || status === 403)) {
    return {
      kind: 'notTaken',
      reason: 'CREDENTIALS',
      retryAfterMs: null,
      vendorCode,
      cause: describe(status, refusal),
    };
  }
  if (status === 429) {
    const wait = retryAfterMs(answered);
    return {
      kind: 'notTaken',
      reason: 'RATE_LIMITED',
      retryAfterMs: wait,
      vendorCode,
      cause: describe(status, refusal),
    };
  }
  const listed = status === 422 && refusal !== null ? readRefusal(refusal) : null;
  if (refusal === null || listed === null) return null;
  const retryable = listed.code === 'INSUFFICIENT_FUNDS';
  return { kind: 'rejected', failure: { ...listed, vendorCode, vendorMessage: refusal.message, retryable } };
}

/** What an answer to `GET /v1/payout/status/{uuid}` says. Absent is only what the provider's own envelope calls so. */
export function readStatus(answered: Answered, uuid: string): LookupOutcome {
  const { status, body } = answered;
  const payout = isSuccess(status) ? decodeResult(payoutSchema, body) : null;
  if (payout?.uuid === uuid) return { kind: 'found', report: toReport(payout, answered.startedAt) };
  const refusal = decode(refusalSchema, body);
  if (status === 404 && refusal !== null) return { kind: 'absent' };
  const cause = payout === null ? describe(status, refusal) : '2328.io answered about another payout';
  return { kind: 'unavailable', retryAfterMs: retryAfterMs(answered), cause };
}

function isSuccess(status: number): boolean {
  return status >= 200 && status < 300;
}

function describe(status: number, refusal: Refusal | null): string {
  if (refusal === null) return `2328.io answered HTTP ${status} with a body that does not decode`;
  return `2328.io answered HTTP ${status}: ${refusal.message ?? `state ${refusal.state}`}`;
}

/**
 * Takes the one top-level `sign` member out of a webhook's raw bytes, with one comma beside it. Null when there is none,
 * when there are several (however their names are escaped), or when its value is no signature. `raw` must be valid JSON.
 */
function cutSign(raw: Buffer): { rest: Buffer; sign: string } | null {
  // One character for each byte, so that what is left is the same bytes; JSON's own signs are all ASCII.
  const text = raw.toString('latin1');
  const keys: number[] = [];
  let depth = 0;
  for (const { 0: token, 1: key, 2: colon, index } of text.matchAll(/("[^"\\]*(?:\\.[^"\\]*)*")(\s*:)?|[{}[\]]/g)) {
    if (token === '{' || token === '[') depth += 1;
    else if (token === '}' || token === ']') depth -= 1;
    else if (depth === 1 && key !== undefined && colon !== undefined && JSON.parse(key) === 'sign') keys.push(index);
  }
  const [start] = keys;
  if (start === undefined || keys.length > 1) return null;
  const member = /^"sign":"([0-9a-f]{64})"/.exec(text.slice(start));
  if (member?.[1] === undefined) return null;
  const end = start + member[0].length;
  const followed = text[end] === ',';
  const preceded = text[start - 1] === ',';
  const head = text.slice(0, preceded && !followed ? start - 1 : start);
  return { rest: Buffer.from(head + text.slice(followed ? end + 1 : end), 'latin1'), sign: member[1] };
}

/**
 * Verifies and reads a payout webhook: the signature is over the raw bytes without their `sign` member, wherever it
 * stands. There is no time in it, so a replay verifies again and must change nothing. Source: seed, "Webhook
 * notifications"; payments are told apart by `payment_status` (doc.2328.io, page "Webhooks").
 */
export function readWebhook(raw: Buffer, key: string | KeyObject): WebhookOutcome {
  const body = raw.toString('utf8');
  const members = decode(z.record(z.string(), z.unknown()), body);
  if (members === null) return { kind: 'refused', reason: 'the body is not a JSON object' };
  if ('payment_status' in members) return { kind: 'refused', reason: 'this is a payment webhook, not a payout' };
  const cut = cutSign(raw);
  if (cut === null) return { kind: 'refused', reason: 'the body does not carry exactly one signature' };
  if (!timingSafeEqual(Buffer.from(cut.sign), Buffer.from(sign(cut.rest, key)))) {
    return { kind: 'refused', reason: 'the signature does not match' };
  }
  const payout = decode(payoutSchema, body);
  if (payout === null) return { kind: 'refused', reason: 'the body is not a payout' };
  return {
    kind: 'verified',
    order: { orderNumber: payout.order_id, providerReference: payout.uuid },
    report: toReport(payout, null),
    reply: { status: 200, contentType: 'text/plain; charset=utf-8', body: 'ok' },
  };
}
