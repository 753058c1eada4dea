import { createHmac, createSecretKey, timingSafeEqual } from 'node:crypto';
import type { MerchantId } from './domain/merchant.ts';
import { type Decimal, type Fee, type FeeMode, type Money, parseDecimal } from './domain/money.ts';
import type { Price, ProviderId, QuoteRequest } from './domain/provider.ts';
import type { QuotedPrice } from './domain/route.ts';

/** Everything that a quote promises, and to whom it was given. */
export interface Quoted {
  readonly provider: ProviderId;
  readonly account: string;
  readonly request: QuoteRequest;
  readonly price: QuotedPrice;
}

/** Quote ids: a quote is stored nowhere but in its id, which only this store's secret can make. */
export interface Quotes {
  /** `qt_…`: the same quote for the same merchant is the same id. */
  sign(merchantId: MerchantId, quoted: Quoted): string;
  /** Null: it was not given by this store, not to this merchant, or was changed. It may have expired. */
  read(merchantId: MerchantId, id: string): Quoted | null;
}

const PREFIX = 'qt_';
/** A quote has a few hundred characters. What is longer is not even decoded. */
const MAX_LENGTH = 2000;
const TAG_BYTES = 32;
/** Of the payload's form. One that another version wrote is no quote any more: its holder asks again. */
const VERSION = 1;
const LABEL = 'outflow quote ids';

/**
 * Quote ids under a store's secret: `qt_` and base64url of a tag and of the quote as compact JSON. The tag is HMAC-SHA-256
 * over the merchant and the JSON, its key derived from the secret by the expanding step of HKDF with a label of its own (the
 * secret is uniformly random, so the extracting step falls away). Nothing here throws for what a caller brings.
 * Source: RFC 5869, sections 2.3 and 3.3.
 */
export function createQuotes(secret: Buffer): Quotes {
  const key = createSecretKey(createHmac('sha256', secret).update(`${LABEL}\u0001`).digest());
  const tagOf = (merchantId: MerchantId, payload: Buffer): Buffer =>
    createHmac('sha256', key).update(`${merchantId.length}:${merchantId}`).update(payload).digest();

  return {
    sign(merchantId, quoted) {
      const payload = Buffer.from(JSON.stringify(encode(quoted)));
      return `${PREFIX}${Buffer.concat([tagOf(merchantId, payload), payload]).toString('base64url')}`;
    },
    read(merchantId, id) {
      if (!id.startsWith(PREFIX) || id.length > MAX_LENGTH) return null;
      const bytes = Buffer.from(id.slice(PREFIX.length), 'base64url');
      // Several texts decode to the same bytes, and one quote has one id.
      if (bytes.length <= TAG_BYTES || `${PREFIX}${bytes.toString('base64url')}` !== id) return null;
      const payload = bytes.subarray(TAG_BYTES);
      if (!timingSafeEqual(bytes.subarray(0, TAG_BYTES), tagOf(merchantId, payload))) return null;
      return decode(payload.toString());
    },
  };
}

/** In the order of `decode`. */
function encode({ provider, account, request, price }: Quoted): readonly unknown[] {
  const { amount, feeMode, network, channel, sourceCurrency, receiveCurrency } = request;
  const { debit, fees, receive, rate, firmness, expiresAt } = price;
  return [
    VERSION,
    ...[provider, account],
    ...[toPair(amount), feeMode, network, channel, sourceCurrency, receiveCurrency],
    ...[toPair(debit), fees.map((fee) => [...toPair(fee), fee.kind]), toPair(receive)],
    ...[rate, firmness, expiresAt.getTime()],
  ];
}

function toPair({ amount, currency }: Money): readonly [string, string] {
  return [amount, currency];
}

const FEE_MODES: readonly FeeMode[] = ['ADD', 'DEDUCT'];
const FEE_KINDS: readonly Fee['kind'][] = ['PROVIDER', 'NETWORK', 'CONVERSION'];
const FIRMNESSES: readonly Price['firmness'][] = ['FIRM', 'INDICATIVE'];

/** Null for whatever `encode` does not write. */
function decode(text: string): Quoted | null {
  try {
    const fields = toList(JSON.parse(text));
    const [version, provider, account, amount, feeMode, network, channel, source, target, ...rest] = fields;
    const [debit, fees, receive, rate, firmness, expiresAt] = rest;
    if (version !== VERSION) return null;
    return {
      provider: toText(provider) as ProviderId,
      account: toText(account),
      request: {
        amount: toMoney(amount),
        feeMode: toOneOf(FEE_MODES, feeMode),
        network: orNull(toText, network),
        channel: orNull(toText, channel),
        sourceCurrency: orNull(toText, source),
        receiveCurrency: orNull(toText, target),
      },
      price: {
        debit: toMoney(debit),
        fees: toList(fees).map((fee) => ({ ...toMoney(fee), kind: toOneOf(FEE_KINDS, toList(fee)[2]) })),
        receive: toMoney(receive),
        rate: orNull(toDecimal, rate),
        firmness: toOneOf(FIRMNESSES, firmness),
        expiresAt: toInstant(expiresAt),
      },
    };
  } catch {
    return null;
  }
}

// Each throws TypeError for a value of another form.

function toList(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw new TypeError('not a list');
}

function toText(value: unknown): string {
  if (typeof value === 'string') return value;
  throw new TypeError('not a text');
}

function toDecimal(value: unknown): Decimal {
  const decimal = parseDecimal(toText(value));
  if (decimal !== null) return decimal;
  throw new TypeError('not a decimal');
}

function toInstant(value: unknown): Date {
  const at = new Date(typeof value === 'number' ? value : Number.NaN);
  if (!Number.isNaN(at.getTime())) return at;
  throw new TypeError('not an instant');
}

function toMoney(value: unknown): Money {
  const [amount, currency] = toList(value);
  return { amount: toDecimal(amount), currency: toText(currency) };
}

function toOneOf<T extends string>(known: readonly T[], value: unknown): T {
  const found = known.find((one) => one === value);
  if (found !== undefined) return found;
  throw new TypeError('not one of those');
}

function orNull<T>(read: (value: unknown) => T, value: unknown): T | null {
  return value === null ? null : read(value);
}
