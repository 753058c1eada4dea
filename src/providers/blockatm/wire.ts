import { type KeyObject, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { canonicalDecimal, type Decimal, parseJsonNumber } from '../../domain/money.ts';
import type { Order } from '../../domain/payout.ts';
import type {
  AssetTerms,
  LookupOutcome,
  RawWebhook,
  ReadOutcome,
  SendOutcome,
  WebhookOutcome,
} from '../../domain/provider.ts';
import { type Answered, readJson } from '../../transport.ts';
import { retryAfterMs } from '../define.ts';
import { isPaid, parseNetwork } from './networks.ts';
import { describe, isPassing, readFault, toReport } from './report.ts';
import { canonicalText, sign } from './signing.ts';

// --- what is sent -------------------------------------------------------------------------------------------------------

/** BlockATM takes at most so many places of an amount: those of its tokens. Source: assumed. */
export const MAX_PLACES = 6;
/** At most so many orders go into one batch. Source: assumed. */
export const MAX_BATCH = 100;
const MAX_REMARK_LENGTH = 100;

/** `payoutType`: the contract's balance pays, or the allowance of an outside wallet. Source: payout page. */
const BALANCE = 1;
const ALLOWANCE = 2;

/**
 * A description as a remark; null: left out. Only what every reading of the signing rule writes alike is sent, beside the
 * blank between words, which the provider's own example has: a remark must never cost a payout its signature.
 */
export function toRemark(description: string | null): string | null {
  if (description === null || description.length > MAX_REMARK_LENGTH) return null;
  return /^[A-Za-z0-9._-]+(?: [A-Za-z0-9._-]+)*$/.test(description) ? description : null;
}

/**
 * The body of `POST /order/api/v2/payout/order`, in the field order of the provider's example. The payout type is always
 * sent, so that the provider's default decides nothing. Throws RangeError for an order that `supports` refuses.
 */
export function encodeCreate(order: Order, orderNumber: string, contractId: string): string {
  const { amount, destination, fundingAddress } = order;
  if (destination.kind !== 'blockchain') throw new RangeError('BlockATM pays to blockchain addresses only');
  const places = amount.amount.split('.')[1] ?? '';
  return JSON.stringify({
    contractId,
    orderNo: orderNumber,
    recipient: destination.address,
    // Zeros alone must not push an amount over the limit of places; else it keeps the scale it came with.
    amount: places.length > MAX_PLACES ? canonicalDecimal(amount.amount) : amount.amount,
    symbol: amount.currency,
    payoutType: fundingAddress === null ? BALANCE : ALLOWANCE,
    fromAddress: fundingAddress ?? undefined,
    remark: toRemark(order.description) ?? undefined,
  });
}

const required = z.string().min(1);
const batchableSchema = z
  .strictObject({
    contractId: required,
    orderNo: required,
    recipient: required,
    amount: required,
    symbol: required,
    payoutType: z.literal(String(BALANCE)),
  })
  .transform(({ contractId, orderNo, recipient, amount, symbol }) => ({
    contractId,
    order: { orderNo, recipient, amount, symbol },
  }));

/** What a batch says of one order. */
export interface BatchOrder {
  readonly orderNo: string;
  readonly recipient: string;
  readonly amount: string;
  readonly symbol: string;
}

/** The order of a stored create as a batch can say it; null where it says more, or is of another contract. */
export function toBatchOrder(body: string, contractId: string): BatchOrder | null {
  const create = decode(batchableSchema, body);
  return create?.contractId === contractId ? create.order : null;
}

/** The body of `POST /order/api/v2/payout/batch`: the contract's balance pays. */
export function encodeBatch(orders: readonly BatchOrder[], contractId: string): string {
  return JSON.stringify({ contractId, payoutType: BALANCE, orders });
}

// --- what is read -------------------------------------------------------------------------------------------------------

const optional = z
  .string()
  .nullish()
  .transform((text) => text || null);
/** Text that informs and decides nothing: whatever it is, it must not hide what stands beside it. */
const word = optional.catch(null);
const decimal = z.string().transform((text, context): Decimal => {
  const value = parseJsonNumber(text);
  if (value !== null) return value;
  context.addIssue({ code: 'custom', message: 'not an unsigned decimal' });
  return z.NEVER;
});
const figure = decimal.nullish().catch(null);
const symbolText = required.toUpperCase();

/** JSON text through a schema; numbers arrive as their source text. Null when it is not JSON or does not fit. */
function decode<T>(schema: z.ZodType<T>, text: string): T | null {
  try {
    return fit(schema, readJson(text));
  } catch {
    return null;
  }
}

function fit<T>(schema: z.ZodType<T>, value: unknown): T | null {
  const parsed = schema.safeParse(value);
  return parsed.success ? parsed.data : null;
}

/** The codes of a success, in the two forms of the envelope. Source: error-code page; config page. */
const OK_CODES: ReadonlySet<string | null> = new Set(['200', '0']);

// What `success` says counts; the config pages' form has none, and then the code does.
const envelopeSchema = z
  .object({
    code: word,
    success: z.boolean().nullish().catch(null),
    data: z.unknown().optional(),
    msg: word,
    message: word,
  })
  .refine(({ code, success }) => code !== null || typeof success === 'boolean')
  .transform(({ code, success, data, msg, message }) => ({
    ok: success ?? OK_CODES.has(code),
    data,
    fault: { code, message: msg ?? message },
  }));
type Envelope = z.infer<typeof envelopeSchema>;

function isSuccess(status: number): boolean {
  return status >= 200 && status < 300;
}

/** How long to stay away: `Retry-After`, else, of a 429, until `X-RateLimit-Reset` (Unix seconds); null: not told. */
function waitMs(answered: Answered): number | null {
  const wait = retryAfterMs(answered);
  const reset = answered.headers['x-ratelimit-reset'] ?? '';
  if (wait !== null || answered.status !== 429 || !/^[0-9]{1,12}$/.test(reset)) return wait;
  return Math.max(0, Number(reset) * 1000 - answered.endedAt.getTime());
}

// --- how a send ends ----------------------------------------------------------------------------------------------------

/** An answer that is no success. Null: it is no envelope either. 429 is documented by its status. */
function readRefusal(answered: Answered, envelope: Envelope | null): SendOutcome | null {
  if (answered.status === 429) {
    const vendorCode = envelope?.fault.code ?? '429';
    const cause = envelope === null ? 'BlockATM answered HTTP 429' : describe(envelope.fault);
    return { kind: 'notTaken', reason: 'RATE_LIMITED', retryAfterMs: waitMs(answered), vendorCode, cause };
  }
  return envelope && readFault(envelope.fault);
}

const createdSchema = z.object({ orderId: required, orderNo: word, status: z.string().catch('') });
type Created = z.infer<typeof createdSchema>;

/** A taken order. The answer repeats the order number alone. */
function accept({ orderId, orderNo, status }: Created, askedAt: Date): SendOutcome {
  const echo = orderNo === null ? {} : { orderNumber: orderNo };
  const report = toReport({ askedAt, status, message: null, reference: orderId, transactionHash: null, echo });
  return { kind: 'accepted', report };
}

/**
 * What an answer to `POST /order/api/v2/payout/order` says of that send. Null when it says nothing certain: it does not
 * decode, lacks the order's id, or contradicts itself.
 */
export function readCreate(answered: Answered): SendOutcome | null {
  const envelope = decode(envelopeSchema, answered.body);
  if (!envelope?.ok) return readRefusal(answered, envelope);
  const created = isSuccess(answered.status) ? fit(createdSchema, envelope.data) : null;
  return created && accept(created, answered.startedAt);
}

const batchSchema = z.object({
  orders: z.array(
    z
      .object({
        orderNo: required,
        success: z.boolean().nullish(),
        orderId: word,
        status: z.string().catch(''),
        code: word,
        msg: word,
      })
      .nullable()
      .catch(null),
  ),
});
type BatchResult = NonNullable<z.infer<typeof batchSchema>['orders'][number]>;

function readResult(result: BatchResult, askedAt: Date): SendOutcome {
  const { orderNo, orderId, status, code, msg } = result;
  if (!(result.success ?? orderId !== null)) return readFault({ code, message: msg });
  if (orderId !== null) return accept({ orderId, orderNo, status }, askedAt);
  return { kind: 'unknown', vendorCode: code, cause: 'BlockATM calls the order taken and gives no id of it' };
}

/**
 * What an answer to a batch of `size` orders says of each, by order number; null for one: nothing certain. A refusal of
 * the whole counts for each order where it is about the caller or the contract; any other names no order, so nothing is
 * known of any of them, unless there is one alone. Source: payout page; the fields of a result are assumed.
 */
export function readBatch(answered: Answered, size: number): (orderNumber: string) => SendOutcome | null {
  const envelope = decode(envelopeSchema, answered.body);
  if (envelope?.ok) {
    const batch = isSuccess(answered.status) ? fit(batchSchema, envelope.data) : null;
    const results = batch?.orders.filter((result) => result !== null) ?? [];
    return (orderNumber) => {
      const [result, ...others] = results.filter(({ orderNo }) => orderNo === orderNumber);
      if (batch === null) return null;
      if (result !== undefined && others.length === 0) return readResult(result, answered.startedAt);
      const cause = `the answer to the batch names the order ${result === undefined ? 'not at all' : 'more than once'}`;
      return { kind: 'unknown', vendorCode: null, cause };
    };
  }
  const refusal = readRefusal(answered, envelope);
  const ofOne =
    refusal?.kind === 'exists' || (refusal?.kind === 'rejected' && refusal.failure.code !== 'MISCONFIGURED');
  if (refusal === null || size === 1 || !ofOne) return () => refusal;
  const vendorCode = refusal.kind === 'rejected' ? refusal.failure.vendorCode : refusal.vendorCode;
  const why = refusal.kind === 'rejected' ? refusal.failure.message : refusal.cause;
  return () => ({ kind: 'unknown', vendorCode, cause: `the batch was refused, and no order named: ${why}` });
}

// --- where a payout stands ----------------------------------------------------------------------------------------------

/** What is the same in a detail and in a webhook. `failReason` is known from older versions alone. */
const orderFields = { status: required, symbol: symbolText, amount: decimal, fee: figure, gasAmount: figure };
const orderWords = { txId: word, failReason: word, contractId: word };

const detailSchema = z.object({ ...orderFields, ...orderWords, orderNo: required, recipient: required });

/**
 * What an answer to `GET /order/api/v2/payout/detail` says. It names no id of its own, so the report has no reference.
 * Absent is only what the provider's own code calls so.
 */
export function readDetail(answered: Answered, orderNumber: string, contractId: string): LookupOutcome {
  const { status, body } = answered;
  const envelope = decode(envelopeSchema, body);
  const unavailable = (cause: string): LookupOutcome => ({
    kind: 'unavailable',
    retryAfterMs: waitMs(answered),
    cause,
  });
  if (envelope === null) return unavailable(`BlockATM answered HTTP ${status} with a body that does not decode`);
  if (!envelope.ok) {
    if (envelope.fault.code === '000202' && status < 500) return { kind: 'absent' };
    return unavailable(describe(envelope.fault));
  }
  const detail = isSuccess(status) ? fit(detailSchema, envelope.data) : null;
  if (detail === null) return unavailable(`BlockATM answered HTTP ${status} with an order that does not decode`);
  if (detail.orderNo !== orderNumber) return unavailable('BlockATM answered about another order');
  if (detail.contractId !== null && detail.contractId !== contractId) {
    return unavailable(`the order is one of contract ${detail.contractId}, not of ${contractId}`);
  }
  const report = toReport({
    askedAt: answered.startedAt,
    status: detail.status,
    message: detail.failReason,
    reference: null,
    transactionHash: detail.txId,
    figures: detail,
    echo: { amount: detail.amount, currency: detail.symbol, address: detail.recipient, orderNumber },
  });
  return { kind: 'found', report };
}

// --- public lists -------------------------------------------------------------------------------------------------------

const coinsSchema = z.array(
  z.object({
    symbol: symbolText,
    networks: z.array(z.object({ chainId: required, minAmount: figure, maxAmount: figure, withdrawFee: figure })),
  }),
);
const chainsSchema = z.array(z.object({ chainId: required, status: required, avgGasFee: figure }));

/** One token of the coin list, and where it is paid; a figure that cannot be read is left out. */
export type Coin = z.infer<typeof coinsSchema>[number];
/** One network of the network list; `status` is `active` where it is in use, `avgGasFee` what a transaction usually takes. */
export type Chain = z.infer<typeof chainsSchema>[number];

/** Reads an answer of `GET /admin/api/v2/pub/coin/list`. */
export function readCoins(answered: Answered): ReadOutcome<readonly Coin[]> {
  return readList(answered, coinsSchema);
}

/** Reads an answer of `GET /admin/api/v2/pub/network/list`. */
export function readChains(answered: Answered): ReadOutcome<readonly Chain[]> {
  return readList(answered, chainsSchema);
}

function readList<T>(answered: Answered, schema: z.ZodType<T>): ReadOutcome<T> {
  const { status, body } = answered;
  const envelope = decode(envelopeSchema, body);
  const fault = envelope?.ok === false ? envelope.fault : null;
  if (fault !== null && status < 500 && status !== 429 && !isPassing(fault)) {
    return { kind: 'rejected', vendorCode: fault.code, vendorMessage: fault.message };
  }
  const value = envelope?.ok && isSuccess(status) ? fit(schema, envelope.data) : null;
  if (value !== null) return { kind: 'known', value };
  const cause = fault === null ? `BlockATM answered HTTP ${status} with no list that decodes` : describe(fault);
  return { kind: 'unavailable', retryAfterMs: waitMs(answered), cause };
}

/** The entry of our network; null: there is none that is in use. */
export function findChain(chains: readonly Chain[], network: string): Chain | null {
  return chains.find(({ chainId, status }) => parseNetwork(chainId) === network && /^active$/i.test(status)) ?? null;
}

/** What can be paid on our network now: of the tokens that we pay, those in the list, while the network is in use. */
export function toAssets(coins: readonly Coin[], chains: readonly Chain[], network: string): readonly AssetTerms[] {
  if (findChain(chains, network) === null) return [];
  return coins.flatMap(({ symbol, networks }) =>
    networks
      .filter(({ chainId }) => parseNetwork(chainId) === network && isPaid(symbol, network))
      .map(({ minAmount = null, maxAmount = null, withdrawFee: fee = null }): AssetTerms => {
        return { currency: symbol, network, minAmount, maxAmount, fee, feeModes: ['ADD'] };
      }),
  );
}

// --- webhooks -----------------------------------------------------------------------------------------------------------

/** Older ones, and those from a clock far ahead, are refused. Source: webhook verification page; ahead is assumed. */
const FRESH_MS = 5 * 60_000;
const ACKNOWLEDGED = { status: 200, contentType: 'text/plain; charset=utf-8', body: 'OK' };

const webhookSchema = z
  .object({
    ...orderFields,
    ...orderWords,
    bizOrderNo: word,
    orderNo: word,
    id: word,
    toAddress: word,
    network: word,
    chainId: word,
  })
  .transform(({ bizOrderNo, orderNo, ...rest }) => ({ ...rest, orderNumber: bizOrderNo ?? orderNo }))
  .refine(({ orderNumber, id }) => orderNumber !== null || id !== null);

/**
 * Verifies and reads a webhook that came for a contract: the event, the signature over the raw bytes and the header's
 * time (or over the sorted pairs), the time itself, the contract. The bare body is never enough: it would verify for
 * ever. Source: webhook pages, which disagree on what is signed.
 */
export function readWebhook(raw: RawWebhook, key: string | KeyObject, contractId: string, now: Date): WebhookOutcome {
  const refused = (reason: string): WebhookOutcome => ({ kind: 'refused', reason });
  const { 'blockatm-event': event = '', 'blockatm-request-time': time = '' } = raw.headers;
  if (event.toLowerCase() !== 'payout') return refused('this is no payout webhook');
  if (!isSigned(raw, time, key)) return refused('the signature does not match');
  if (!/^[0-9]{1,15}$/.test(time) || Math.abs(now.getTime() - Number(time)) > FRESH_MS) {
    return refused('the webhook is not of the last five minutes');
  }
  const body = decode(webhookSchema, raw.body.toString('utf8'));
  if (body === null) return refused('the body is not a payout');
  if (body.contractId !== null && body.contractId !== contractId) return refused('the payout is of another contract');
  const { orderNumber, id: reference, toAddress } = body;
  const network = parseNetwork(body.chainId ?? '') ?? parseNetwork(body.network ?? '');
  const report = toReport({
    askedAt: null,
    status: body.status,
    message: body.failReason,
    reference,
    transactionHash: body.txId,
    figures: body,
    echo: {
      amount: body.amount,
      currency: body.symbol,
      ...(toAddress === null ? {} : { address: toAddress }),
      ...(network === null ? {} : { network }),
      ...(orderNumber === null ? {} : { orderNumber }),
    },
  });
  return { kind: 'verified', order: { orderNumber, providerReference: reference }, report, reply: ACKNOWLEDGED };
}

/** Sorted pairs stand for one body alone where nothing is nested and nothing in them reads as a sign between them. */
const flatSchema = z.record(
  z.string().regex(/^[^&=]*$/),
  z.union([z.string().regex(/^[^&]*$/), z.boolean(), z.null()]),
);

function isSigned({ headers, body }: RawWebhook, time: string, key: string | KeyObject): boolean {
  const given = Buffer.from(headers['blockatm-signature-v2'] ?? '');
  const matches = (text: string | Buffer): boolean => {
    const expected = Buffer.from(sign(text, key));
    return given.length === expected.length && timingSafeEqual(given, expected);
  };
  if (matches(Buffer.concat([body, Buffer.from(`&time=${time}`)]))) return true;
  const fields = decode(flatSchema, body.toString('utf8'));
  return fields !== null && matches(canonicalText(fields, time));
}
