import { createHmac, type KeyObject, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { type Decimal, parseJsonNumber } from '../../domain/money.ts';
import type { Order, ReportedState } from '../../domain/payout.ts';
import type { RawWebhook, WebhookOutcome } from '../../domain/provider.ts';
import { readJson, writeNumber } from '../../transport.ts';
import { networkName, parseNetwork } from './networks.ts';
import { bareReport } from './report.ts';

/** OxaPay takes at most so many places of an amount. Source: its own n8n node. */
export const MAX_PLACES = 8;

/**
 * The body of `POST /payout`. Our order number opens `description`, since OxaPay has no field for it: it is the mark by
 * which the history and the webhooks show whose payout it is. Throws for an order that `supports` refuses.
 */
export function encodeCreate(order: Order, orderNumber: string, callbackUrl: string | null): string {
  const { amount, destination, description } = order;
  const network = destination.kind === 'blockchain' ? networkName(destination.network) : null;
  if (destination.kind !== 'blockchain' || network === null) throw new Error('OxaPay does not support this order');
  return JSON.stringify({
    address: destination.address,
    currency: amount.currency,
    amount: writeNumber(amount.amount),
    network,
    callback_url: callbackUrl ?? undefined,
    memo: destination.memo || undefined,
    description: description ? `${orderNumber} ${description}` : orderNumber,
  });
}

/** The first blank-separated word of a description: our order number, where the payout is ours; null: there is none. */
export function parseMark(description: string): string | null {
  return /^\S+/.exec(description)?.[0] ?? null;
}

/** Text that may be absent, null or empty; all three are null. */
const optionalText = z
  .string()
  .nullish()
  .transform((text) => text || null);

/** A JSON number in its source text (see `readJson`), exact. */
const decimal = z.string().transform((source, context): Decimal => {
  const value = parseJsonNumber(source);
  if (value !== null) return value;
  context.addIssue({ code: 'custom', message: 'not an unsigned decimal' });
  return z.NEVER;
});

const integer = z
  .string()
  .regex(/^[0-9]{1,9}$/)
  .transform(Number);

const faultText = optionalText.catch(null);
const NO_FAULT = { type: null, key: null, message: null };

// An empty object may arrive as `{}`, `[]` or null, hence the catch.
const envelopeSchema = z
  .object({
    data: z.unknown(),
    message: faultText,
    error: z.object({ type: faultText, key: faultText, message: faultText }).catch(NO_FAULT),
    status: integer,
  })
  .transform(({ data, message, error, status }) => ({
    status,
    data,
    fault: { ...error, message: error.message ?? message },
  }));

/** What OxaPay says went wrong. `type` and `key` are null where it gives none. */
export interface Fault {
  readonly type: string | null;
  readonly key: string | null;
  readonly message: string | null;
}

/** Every answer's frame. Its `status` counts, whatever the status line says. */
export interface Envelope {
  readonly status: number;
  readonly data: unknown;
  readonly fault: Fault;
}

/** Reads an answer's frame; null: the text is not one. */
export function parseEnvelope(text: string): Envelope | null {
  return decode(envelopeSchema, parseJson(text));
}

/** What `POST /payout` answers. `status` is `''` where it is missing: the id is too precious to lose over it. */
export interface Created {
  readonly trackId: string;
  readonly status: string;
}

const createdSchema = z
  .object({ track_id: z.string().min(1), status: z.string().catch('') })
  .transform(({ track_id, status }): Created => ({ trackId: track_id, status }));

/** Reads the `data` of `POST /payout`; null: it carries no id. */
export function decodeCreate(data: unknown): Created | null {
  return decode(createdSchema, data);
}

/** One payout as `GET /payout/{track_id}` and the history show it. */
export interface PayoutRecord {
  readonly trackId: string;
  readonly status: string;
  readonly address: string;
  readonly currency: string;
  /** Our code; null: a spelling that we do not know. */
  readonly network: string | null;
  readonly amount: Decimal;
  readonly fee: Decimal | null;
  readonly transactionHash: string | null;
  /** The first word of its description. */
  readonly mark: string | null;
}

const recordSchema = z
  .object({
    track_id: z.string().min(1),
    status: z.string(),
    address: z.string(),
    currency: z.string().toUpperCase(),
    network: optionalText,
    amount: decimal,
    fee: decimal.nullish(),
    tx_hash: optionalText,
    description: optionalText,
  })
  .transform(
    (data): PayoutRecord => ({
      trackId: data.track_id,
      status: data.status,
      address: data.address,
      currency: data.currency,
      network: parseNetwork(data.network ?? ''),
      amount: data.amount,
      fee: data.fee ?? null,
      transactionHash: data.tx_hash,
      mark: parseMark(data.description ?? ''),
    }),
  );

/** Reads the `data` of `GET /payout/{track_id}`; null: it does not decode. */
export function decodeRecord(data: unknown): PayoutRecord | null {
  return decode(recordSchema, data);
}

/** One page of the history. `total` counts the records of all pages. */
export interface HistoryPage {
  readonly records: readonly PayoutRecord[];
  readonly lastPage: number;
  readonly total: number;
}

const historySchema = z
  .object({ list: z.array(recordSchema), meta: z.object({ last_page: integer, total: integer }) })
  .transform(({ list, meta }): HistoryPage => ({ records: list, lastPage: meta.last_page, total: meta.total }));

/** Reads the `data` of `GET /payout`; null: the page, or one record of it, does not decode. */
export function decodeHistory(data: unknown): HistoryPage | null {
  return decode(historySchema, data);
}

/** A map that is empty may be `{}`, `[]` or null. */
function mapOf<T>(value: z.ZodType<T>) {
  return z
    .preprocess(
      (data) => (data === null || (Array.isArray(data) && data.length === 0) ? {} : data),
      z.record(z.string(), value),
    )
    .transform((entries): ReadonlyMap<string, T> => new Map(Object.entries(entries)));
}

function listOf<T>(item: z.ZodType<T>) {
  return z.object({ list: z.array(item) }).transform(({ list }): readonly T[] => list);
}

/** A figure that informs: one that cannot be read must not hide what stands beside it. */
const figure = decimal
  .nullish()
  .transform((value) => value ?? null)
  .catch(null);

/** What one currency of the account holds; `pending` is null where OxaPay gives one number alone. */
export interface Holding {
  readonly available: Decimal;
  readonly pending: Decimal | null;
}

const holdingSchema = z.union([
  decimal.transform((available): Holding => ({ available, pending: null })),
  z
    .object({ available: decimal, pending: decimal.nullish() })
    .transform(({ available, pending }): Holding => ({ available, pending: pending ?? null })),
]);

/** A currency on one of its networks; a figure is null where it cannot be read. */
export interface NetworkTerms {
  /** Our code; null: a network that we do not know. */
  readonly network: string | null;
  readonly withdrawFee: Decimal | null;
  readonly withdrawMin: Decimal | null;
}

/** A currency as OxaPay offers it; `active` false: not at the moment. */
export interface CurrencyTerms {
  readonly active: boolean;
  readonly networks: readonly NetworkTerms[];
}

const networkSchema = z.object({
  network: optionalText.catch(null),
  name: optionalText.catch(null),
  keys: z.array(z.string()).catch([]),
  withdraw_fee: figure,
  withdraw_min: figure,
});

const currencySchema = z
  .object({ status: z.boolean(), networks: mapOf(networkSchema) })
  .transform(({ status, networks }): CurrencyTerms => ({ active: status, networks: [...networks].map(toTerms) }));

/** A network goes by its key, by `network`, by `name` and by `keys`: the first spelling that we know is it. */
function toTerms([key, { network, name, keys, ...terms }]: [string, z.output<typeof networkSchema>]): NetworkTerms {
  const codes = [key, network, name, ...keys].map((spelling) => parseNetwork(spelling ?? ''));
  return {
    network: codes.find((code) => code !== null) ?? null,
    withdrawFee: terms.withdraw_fee,
    withdrawMin: terms.withdraw_min,
  };
}

/** What a fiat currency is worth in USD, and the smallest step in which it is shown. */
export interface Fiat {
  readonly price: Decimal;
  readonly displayPrecision: Decimal | null;
}

const fiatSchema = z
  .object({ price: decimal, display_precision: figure })
  .transform(({ price, display_precision }): Fiat => ({ price, displayPrecision: display_precision }));

/** From one balance of the account into another. */
export interface SwapPair {
  readonly fromCurrency: string;
  readonly toCurrency: string;
}
/** A pair that can be swapped, with the least amount of `fromCurrency`. */
export interface SwapTerms extends SwapPair {
  readonly minAmount: Decimal;
}
/** What a swap would give at the moment; `rate` units of the target for one of the source. */
export interface SwapPrice {
  readonly amount: Decimal;
  readonly toAmount: Decimal;
  readonly rate: Decimal;
}
/** A swap that was made. */
export interface Swap extends SwapPair {
  readonly trackId: string;
  readonly fromAmount: Decimal;
  readonly toAmount: Decimal;
  readonly rate: Decimal;
  readonly madeAt: Date;
}

const pairSchema = z.object({ from_currency: z.string(), to_currency: z.string(), min_amount: decimal }).transform(
  (pair): SwapTerms => ({
    fromCurrency: pair.from_currency,
    toCurrency: pair.to_currency,
    minAmount: pair.min_amount,
  }),
);

const swapPriceSchema = z
  .object({ amount: decimal, to_amount: decimal, rate: decimal })
  .transform(({ amount, to_amount, rate }): SwapPrice => ({ amount, toAmount: to_amount, rate }));

const swapSchema = z
  .object({
    track_id: z.string().min(1),
    from_currency: z.string(),
    to_currency: z.string(),
    from_amount: decimal,
    to_amount: decimal,
    rate: decimal,
    date: z.string().regex(/^[0-9]{1,11}$/),
  })
  .transform(
    (swap): Swap => ({
      trackId: swap.track_id,
      fromCurrency: swap.from_currency,
      toCurrency: swap.to_currency,
      fromAmount: swap.from_amount,
      toAmount: swap.to_amount,
      rate: swap.rate,
      madeAt: new Date(Number(swap.date) * 1000),
    }),
  );

/** `{"status": true}`; also a bare `"OK"` was seen. */
const monitorSchema = z.union([
  z.literal('OK').transform(() => true),
  z.object({ status: z.boolean() }).transform(({ status }) => status),
]);

/** A call beside payouts: where it goes, whether under the general key, and how the `data` of its answer is read. */
export interface Endpoint<T> {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /** False: it is public, and no key is shown. */
  readonly keyed: boolean;
  /** Null: it does not decode. */
  decode(data: unknown): T | null;
}

function endpoint<T>(method: 'GET' | 'POST', path: string, schema: z.ZodType<T>): Endpoint<T> {
  return { method, path, keyed: path.startsWith('/general/'), decode: (data) => decode(schema, data) };
}

/** Every call of the Common and Swap pages. Source: Account Balance; Common; Swap. `swap` moves money between balances. */
export const ENDPOINTS = {
  balance: endpoint('GET', '/general/account/balance', mapOf(holdingSchema)),
  /** USD for one unit, by symbol. */
  prices: endpoint('GET', '/common/prices', mapOf(decimal)),
  currencies: endpoint('GET', '/common/currencies', mapOf(currencySchema)),
  fiats: endpoint('GET', '/common/fiats', mapOf(fiatSchema)),
  /** Names as people read them, e.g. `Tron Network`. */
  networks: endpoint('GET', '/common/networks', listOf(z.string())),
  /** False: offline, or in maintenance. */
  monitor: endpoint('GET', '/common/monitor', monitorSchema),
  swap: endpoint('POST', '/general/swap', swapSchema),
  swapHistory: endpoint('GET', '/general/swap', listOf(swapSchema)),
  swapPairs: endpoint('GET', '/general/swap/pairs', listOf(pairSchema)),
  swapCalculate: endpoint('POST', '/general/swap/calculate', swapPriceSchema),
  swapRate: endpoint(
    'POST',
    '/general/swap/rate',
    z.object({ rate: decimal }).transform(({ rate }) => rate),
  ),
} as const;

/** The body of a swap or of its calculation, or, without an amount, of the question for a rate. */
export function encodeSwap({ fromCurrency, toCurrency }: SwapPair, amount: Decimal | null = null): string {
  return JSON.stringify({
    from_currency: fromCurrency,
    to_currency: toCurrency,
    amount: amount === null ? undefined : writeNumber(amount),
  });
}

/** The `HMAC` header of a webhook: HMAC-SHA512 of the raw body, lower-case hex. Source: Webhook. */
export function sign(body: string | Buffer, key: string | KeyObject): string {
  return createHmac('sha512', key).update(body).digest('hex');
}

const webhookSchema = z.object({
  type: z.literal('payout'),
  track_id: z.string().min(1),
  status: z.string(),
  tx_hash: optionalText,
  amount: decimal,
  currency: z.string().toUpperCase(),
  description: optionalText,
});

/** `Failed` stands only here and does not tell `rejected` from `canceled`: the API's word decides. */
const WEBHOOK_STATES: ReadonlyMap<string, ReportedState> = new Map([
  ['confirming', 'PROCESSING'],
  ['confirmed', 'COMPLETED'],
]);
const ACKNOWLEDGED = { status: 200, contentType: 'text/plain', body: 'ok' };

/**
 * Reads a webhook that must be signed with the payout key over its raw bytes. The address it shows is left out of the
 * echo: OxaPay warns that it differs between the callbacks of one payout. Source: Webhook.
 */
export function readWebhook(raw: RawWebhook, payoutKey: string | KeyObject): WebhookOutcome {
  const given = Buffer.from(raw.headers.hmac ?? '');
  const expected = Buffer.from(sign(raw.body, payoutKey));
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
    return { kind: 'refused', reason: 'the signature is not one of the payout key' };
  }
  const body = decode(webhookSchema, parseJson(raw.body.toString()));
  if (body === null) return { kind: 'refused', reason: 'the body is not a payout callback' };
  const { track_id, status, tx_hash, amount, currency } = body;
  const mark = parseMark(body.description ?? '');
  const order = { orderNumber: mark, providerReference: track_id };
  const word = status.toLowerCase();
  if (word === 'failed') return { kind: 'hint', order, reply: ACKNOWLEDGED };
  const report = bareReport(track_id, status, WEBHOOK_STATES.get(word) ?? null, null);
  return {
    kind: 'verified',
    order,
    report: {
      ...report,
      transactionHash: tx_hash,
      received: report.moneyMoved === 'YES' ? { amount, currency } : null,
      echo: { amount, currency, ...(mark === null ? {} : { orderNumber: mark }) },
    },
    reply: ACKNOWLEDGED,
  };
}

function decode<T>(schema: z.ZodType<T>, value: unknown): T | null {
  const result = schema.safeParse(value);
  return result.success ? result.data : null;
}

function parseJson(text: string): unknown {
  try {
    return readJson(text);
  } catch {
    return undefined;
  }
}
