import { createHmac, type KeyObject, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { canonicalDecimal, type Decimal, type FeeMode, type Money, parseJsonNumber } from '../../domain/money.ts';
import type { Order } from '../../domain/payout.ts';
import type {
  AssetTerms,
  Balance,
  LookupOutcome,
  ReadOutcome,
  SendOutcome,
  WebhookOutcome,
} from '../../domain/provider.ts';
import { type Answer, type Answered, readJson } from '../../transport.ts';
import { retryAfterMs } from '../define.ts';
import { networkCode, parseNetwork } from './networks.ts';
import { isConverted, readDebit, readRefusal, toReport } from './report.ts';

/**
 * The `sign` header or member: lower-case hex of HMAC-SHA256 over the Base64 *text* of the body's UTF-8 bytes, keyed with
 * the API key's text. A GET signs the empty body. Source: payout page, `apiSign` in four languages.
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
 * The body of `POST /v1/payout`, in the field order of the payout page's sample: compact, slashes and Unicode unescaped. A null
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

/** The part of an answer that says what is debited. */
export type WireDebit = z.infer<typeof debitSchema>;

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
/** A payout in 2328.io's own words. */
export type WirePayout = z.infer<typeof payoutSchema>;

const calcSchema = debitSchema.extend({
  network: required,
  amount: decimal,
  fee_option: required,
  merchant_amount: decimal,
  network_amount: decimal,
});

const balanceSchema = z.object({
  status: required,
  currency_code: required,
  balance: decimal,
  locked_balance: decimal,
});

const directionSchema = z.object({
  network_code: required,
  currency: required,
  withdrawal_status: required,
  min_withdrawal: figure,
  max_withdrawal: figure,
  withdrawal_fee: figure,
  withdrawal_fee_type: optional.catch(null),
});

const refusalSchema = z.object({
  state: z.string().refine((state) => state !== '0'),
  message: optional.catch(null),
  errors: z.record(z.string(), z.unknown()).catch({}),
});
/** An answer by which 2328.io says no. */
export type Refusal = z.infer<typeof refusalSchema>;

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

/** A price before the payout, and what it is the price of. */
export interface Calc {
  readonly currency: string;
  /** 2328.io's code. */
  readonly network: string;
  readonly amount: Decimal;
  readonly feeMode: FeeMode | null;
  /** Amount and fees as the option has them, in `currency`. */
  readonly charged: Decimal;
  /** In `currency`. */
  readonly received: Decimal;
  /** What a conversion debits; null: there is none, or the answer does not name it. */
  readonly converted: Money | null;
}

/** Reads an answer of `POST /v1/payout/calc`; null when it is no success or does not decode. */
export function decodeCalc(body: string): Calc | null {
  const result = decodeResult(calcSchema, body);
  if (result === null) return null;
  const { currency, network, amount, merchant_amount: charged, network_amount: received } = result;
  const feeMode = result.fee_option === 'add' ? 'ADD' : result.fee_option === 'deduct' ? 'DEDUCT' : null;
  return {
    currency,
    network,
    amount,
    feeMode,
    charged,
    received,
    converted: isConverted(result) ? readDebit(result) : null,
  };
}

/** Reads an answer of `GET /v1/balance`: the active ones, since a disabled one pays nothing. Null: it does not decode. */
export function decodeBalances(body: string): readonly Balance[] | null {
  const rows = decodeResult(z.array(balanceSchema), body);
  return (
    rows
      ?.filter((row) => row.status === 'active')
      .map((row) => ({ currency: row.currency_code, available: row.balance, locked: row.locked_balance })) ?? null
  );
}

/**
 * Reads an answer of `GET /v1/directions`: what can be withdrawn at the moment, of what we know how to pay. Null: it does not
 * decode. Source: a client in public code for the fields; that `active` is the word, as for balances, is assumed.
 */
export function decodeDirections(body: string): readonly AssetTerms[] | null {
  const rows = decodeResult(z.array(directionSchema), body);
  return (
    rows?.flatMap((row): AssetTerms[] => {
      const network = parseNetwork(row.network_code);
      if (row.withdrawal_status !== 'active' || network === null || networkCode(row.currency, network) === null)
        return [];
      return [
        {
          currency: row.currency,
          network,
          minAmount: row.min_withdrawal ?? null,
          maxAmount: row.max_withdrawal ?? null,
          fee: row.withdrawal_fee_type === 'fixed' ? (row.withdrawal_fee ?? null) : null,
          feeModes: ['ADD', 'DEDUCT'],
        },
      ];
    }) ?? null
  );
}

/** What one unit of the outer currency is worth in the inner one. */
export type Rates = ReadonlyMap<string, ReadonlyMap<string, Decimal>>;

/** Reads an answer of `GET /v1/exchange-rates`; null when it is no success or does not decode. */
export function decodeRates(body: string): Rates | null {
  const result = decodeResult(z.record(z.string(), z.record(z.string(), decimal)), body);
  return result && new Map(Object.entries(result).map(([from, rates]) => [from, new Map(Object.entries(rates))]));
}

/**
 * What an answer to a question that touches no payout says: the value, a refusal in 2328.io's own form, or nothing that
 * can be used. `decodeBody` answers null for what does not decode.
 */
export function readAnswer<T>(answer: Answer, decodeBody: (body: string) => T | null): ReadOutcome<T> {
  if (answer.kind !== 'answered') return { kind: 'unavailable', retryAfterMs: null, cause: answer.cause };
  const { status, body } = answer;
  const value = isSuccess(status) ? decodeBody(body) : null;
  if (value !== null) return { kind: 'known', value };
  const refusal = decode(refusalSchema, body);
  if (refusal !== null && status < 500 && status !== 408 && status !== 429) {
    return { kind: 'rejected', vendorCode: String(status), vendorMessage: refusal.message };
  }
  return { kind: 'unavailable', retryAfterMs: retryAfterMs(answer), cause: describe(status, refusal) };
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
 * stands. There is no time in it, so a replay verifies again and must change nothing. Source: payout page, "Webhook
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
