import { createHmac, type KeyObject, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { addDecimals, type Decimal, parseJsonNumber } from '../../domain/money.ts';
import type { Failure, Order, PayoutFailureCode, ReportedState } from '../../domain/payout.ts';
import type { RawWebhook, StatusReport, WebhookOutcome } from '../../domain/provider.ts';
import { readJson, writeNumber } from '../../transport.ts';

/** A network in OxaPay's spellings: what a request says, the key of its own network map, and the short keys. */
export interface NetworkNames {
  /** Our code. */
  readonly code: string;
  /** Written in requests, e.g. `TRC20`. */
  readonly name: string;
  /** The key of OxaPay's network map, e.g. `Tron`; answers often append ` Network` to it. */
  readonly key: string;
  readonly keys: readonly string[];
}

/** Source: GET /common/networks, GET /common/currencies; the spellings in `keys` are assumed. */
export const NETWORKS: readonly NetworkNames[] = [
  { code: 'TRON', name: 'TRC20', key: 'Tron', keys: ['trc20', 'tron', 'trx'] },
  { code: 'ETHEREUM', name: 'ERC20', key: 'Ethereum', keys: ['erc20', 'ethereum', 'eth'] },
  { code: 'BSC', name: 'BEP20', key: 'BSC', keys: ['bep20', 'bsc', 'binance smart chain'] },
  { code: 'POLYGON', name: 'Polygon', key: 'Polygon', keys: ['polygon', 'matic', 'pol'] },
  { code: 'SOLANA', name: 'Solana', key: 'Solana', keys: ['solana', 'sol'] },
  { code: 'TON', name: 'TON', key: 'TON', keys: ['ton'] },
  { code: 'BITCOIN', name: 'Bitcoin', key: 'Bitcoin', keys: ['bitcoin', 'btc'] },
  { code: 'LITECOIN', name: 'Litecoin', key: 'Litecoin', keys: ['litecoin', 'ltc'] },
  { code: 'DOGECOIN', name: 'Dogecoin', key: 'Dogecoin', keys: ['dogecoin', 'doge'] },
];

const NAME_BY_CODE = new Map(NETWORKS.map(({ code, name }) => [code, name]));
const CODE_BY_SPELLING = new Map(
  NETWORKS.flatMap(({ code, name, key, keys }) =>
    [name, key, ...keys].map((spelling) => [spelling.toLowerCase(), code] as const),
  ),
);

/**
 * Where each currency can be paid, in our codes. Source: Accepted Currencies and Supported Networks; which token is paid on
 * which network is assumed.
 */
export const ASSETS: ReadonlyMap<string, readonly string[]> = new Map([
  ['USDT', ['TRON', 'ETHEREUM', 'BSC', 'POLYGON', 'SOLANA', 'TON']],
  ['USDC', ['ETHEREUM', 'BSC', 'POLYGON', 'SOLANA']],
  ['BTC', ['BITCOIN']],
  ['LTC', ['LITECOIN']],
  ['DOGE', ['DOGECOIN']],
  ['ETH', ['ETHEREUM']],
  ['BNB', ['BSC']],
  ['TRX', ['TRON']],
  ['SOL', ['SOLANA']],
  ['TON', ['TON']],
  ['POL', ['POLYGON']],
]);

/** The name that a request carries for our network code; null: OxaPay has no such network. */
export function networkName(code: string): string | null {
  return NAME_BY_CODE.get(code) ?? null;
}

/** Our code for any of OxaPay's spellings, in any case, with or without a trailing ` Network`; null: not recognised. */
export function parseNetwork(spelling: string): string | null {
  const bare = spelling
    .trim()
    .toLowerCase()
    .replace(/ network$/, '');
  return CODE_BY_SPELLING.get(bare) ?? null;
}

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

/** Reads the `data` of `GET /general/account/balance` by currency; an empty one may be `{}`, `[]` or null. */
export function decodeBalance(data: unknown): ReadonlyMap<string, Holding> | null {
  if (data === null || (Array.isArray(data) && data.length === 0)) return new Map();
  const holdings = decode(z.record(z.string(), holdingSchema), data);
  return holdings === null ? null : new Map(Object.entries(holdings));
}

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

function bareReport(trackId: string, status: string, state: ReportedState | null, askedAt: Date | null): StatusReport {
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
