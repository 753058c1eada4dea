import { createPrivateKey, type KeyObject, sign as signBytes } from 'node:crypto';
import { z } from 'zod';
import type { MoneyMoved } from '../../domain/errors.ts';
import { type Asset, addDecimals, canonicalDecimal, type Decimal, parseJsonNumber } from '../../domain/money.ts';
import type { Destination, Order, PayoutFailureCode, ReportedState } from '../../domain/payout.ts';
import type { LookupOutcome, ReadOutcome, SendOutcome, StatusReport } from '../../domain/provider.ts';
import { type Answered, readJson } from '../../transport.ts';
import { retryAfterMs } from '../define.ts';

// --- signing ---

const MIN_KEY_BITS = 1024;

/**
 * The merchant's RSA private key, from PEM (line breaks may be written as `\n`) or from the Base64 of PKCS#8 DER in one
 * line, of 1024 bits or more; null: it is none.
 */
export function parsePrivateKey(text: string): KeyObject | null {
  try {
    const key = text.includes('-----BEGIN')
      ? createPrivateKey(text.replaceAll('\\n', '\n'))
      : createPrivateKey({ key: Buffer.from(text, 'base64'), format: 'der', type: 'pkcs8' });
    const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
    return key.asymmetricKeyType === 'rsa' && bits >= MIN_KEY_BITS ? key : null;
  } catch {
    return null;
  }
}

/**
 * What is signed of a body, a JSON object's text: `name=value` by name, joined by `&`, without `sign` and without what is
 * empty or null; text as it stands, anything else as compact JSON whose names are sorted too, at every depth. Throws for
 * what is no JSON object. Source: docs.chainpays.org, page "How to sign"; nulls, booleans and `{}` are assumed.
 */
export function signedText(body: string): string {
  const fields: unknown = JSON.parse(body);
  if (!isObject(fields)) throw new TypeError('only a JSON object is signed');
  return Object.keys(fields)
    .filter((name) => name !== 'sign' && fields[name] !== '' && fields[name] !== null)
    .sort()
    .map((name) => `${name}=${typeof fields[name] === 'string' ? fields[name] : writeSorted(fields[name])}`)
    .join('&');
}

/** Written by hand: an object of JavaScript would put names like `10` first, and in the order of numbers. */
function writeSorted(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(writeSorted).join(',')}]`;
  if (!isObject(value)) return JSON.stringify(value);
  const members = Object.keys(value)
    .sort()
    .map((name) => `${JSON.stringify(name)}:${writeSorted(value[name])}`);
  return `{${members.join(',')}}`;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Base64 of RSA PKCS#1 v1.5 with SHA-256 over the body's signed text. Source: docs.chainpays.org, page "How to sign". */
export function sign(body: string, key: KeyObject): string {
  return signBytes('RSA-SHA256', Buffer.from(signedText(body), 'utf8'), key).toString('base64');
}

/** The body as it is sent: `sign` first, then what is stored, byte for byte. The body must have at least one field. */
export function addSign(body: string, key: KeyObject): string {
  return `{"sign":"${sign(body, key)}",${body.slice(1)}`;
}

// --- channels and currencies ---

/** Our networks and the names that a currency list may have for them, in any case. Source: all assumed, see README. */
const CHAINS: readonly { readonly network: string; readonly names: readonly string[] }[] = [
  { network: 'BSC', names: ['BSC'] },
  { network: 'ETHEREUM', names: ['ETH', 'ETHEREUM'] },
  { network: 'TRON', names: ['TRX', 'TRON'] },
  { network: 'POLYGON', names: ['POLYGON', 'MATIC'] },
  { network: 'ARBITRUM', names: ['ARB', 'ARBITRUM'] },
  { network: 'OPTIMISM', names: ['OP', 'OPTIMISM'] },
  { network: 'BASE', names: ['BASE'] },
  { network: 'AVALANCHE_C', names: ['AVAXC', 'AVALANCHE'] },
  { network: 'SOLANA', names: ['SOL', 'SOLANA'] },
  { network: 'TON', names: ['TON'] },
];

/** Whether a currency list could name our network at all. */
export function isKnownNetwork(network: string): boolean {
  return CHAINS.some((row) => row.network === network);
}

/** A payment channel. Source: docs.chainpays.org, page "Channels and Currencies". */
export interface Channel {
  /** What goes into `payChannel`. */
  readonly name: string;
  readonly showName: string | null;
  readonly usable: boolean;
}

/** One thing that a channel pays. Source: docs.chainpays.org, page "Channels and Currencies". */
export interface ChannelCurrency {
  readonly currencyId: string;
  /** As ChainPay writes them; `chain` is empty for fiat. */
  readonly token: string;
  readonly chain: string;
  /** In our terms; null: a chain that we do not know. */
  readonly asset: Asset | null;
  /** Of a token; null for fiat, whose 0 does not mean whole units, and where it is not told. */
  readonly places: number | null;
}

/** The one entry of a channel's list for what is to be paid; a string: why there is none. */
export function chooseCurrency(
  channel: string,
  list: readonly ChannelCurrency[],
  { currency, network }: Asset,
): ChannelCurrency | string {
  const fitting = list.filter(({ asset }) => asset?.currency === currency && asset.network === network);
  const [entry] = fitting;
  const wanted = describeAsset(currency, network ?? '');
  if (entry !== undefined && fitting.length === 1) return entry;
  // Two tokens of one name on one chain are two different things: a guess could pay in a worthless one.
  if (entry !== undefined) return `ChainPay's channel ${channel} lists ${wanted} more than once.`;
  const paid = list.map(({ token, chain }) => describeAsset(token, chain)).join(', ') || 'nothing';
  return `ChainPay's channel ${channel} does not pay ${wanted}; it pays ${paid}.`;
}

function describeAsset(token: string, chain: string): string {
  return chain === '' ? token : `${token} on ${chain}`;
}

// --- requests ---

/** Where a payout goes, in ChainPay's terms but for the network, which is ours; null: fiat. */
export interface Target {
  readonly payChannel: string;
  readonly receiver: string;
  readonly network: string | null;
}

/** Wallets are paid by the settlement channel. Null: a destination that ChainPay does not have. */
export function targetOf(destination: Destination, settlementChannel: string): Target | null {
  switch (destination.kind) {
    case 'channel': {
      const { channel, account, network } = destination;
      return { payChannel: channel, receiver: account, network };
    }
    case 'blockchain': {
      const { address, network } = destination;
      return { payChannel: settlementChannel, receiver: address, network };
    }
    case 'bank':
      return null;
  }
}

/** ChainPay takes at most so many characters of a description. Source: assumed. */
export const MAX_DESCRIPTION_LENGTH = 255;

/**
 * The body of `POST /v2/payout` without `sign`, in the field order of the payout page. `extra` is left out where there is
 * nothing to say, so that it does not matter how an empty one is signed.
 */
export function encodeCreate(order: Order, orderNumber: string, target: Target, currency: ChannelCurrency): string {
  const { amount } = order.amount;
  const scale = (amount.split('.')[1] ?? '').length;
  const description = toPlainText(order.description ?? '');
  return JSON.stringify({
    // Zeros alone must not push an amount over the token's places; else it keeps the scale it came with.
    amount: currency.places !== null && scale > currency.places ? canonicalDecimal(amount) : amount,
    currency: currency.token,
    outTradeNo: orderNumber,
    payChannel: target.payChannel,
    currencyId: currency.currencyId,
    receiver: target.receiver,
    extra: description === '' ? undefined : { description },
  });
}

/** Blanks for what ChainPay's own JSON writer may escape where ours does not: the signature is over JSON text here. */
function toPlainText(text: string): string {
  return text
    .toWellFormed()
    .replace(/[&<>\p{Cc}\p{Zl}\p{Zp}]/gu, ' ')
    .trim();
}

/** The body of `POST /v2/queryPayOutOrder` without `sign`. */
export function encodeQuery(orderNumber: string): string {
  return JSON.stringify({ outTradeNo: orderNumber });
}

// --- answers ---

const required = z.string().min(1);
const optional = z
  .string()
  .nullish()
  .transform((text) => text || null);
const decimal = z.string().transform((text, context): Decimal => {
  const value = parseJsonNumber(text);
  if (value !== null) return value;
  context.addIssue({ code: 'custom', message: 'not a decimal' });
  return z.NEVER;
});

/** Every answer's frame. Source: payout page; arrays as data: page "Channels and Currencies". */
const envelopeSchema = z.object({ code: required, data: z.unknown(), msg: optional.catch(null) });
type Envelope = z.infer<typeof envelopeSchema>;

// `order_no` here, `orderNo` in the query. Source: payout page.
const createdSchema = z.object({ order_no: required, status: z.string().catch('') });
const orderSchema = z.object({
  merchantOrderNo: required,
  orderNo: required,
  tokenSymbol: required.toUpperCase(),
  tokenCount: decimal,
  /** Often empty. A fee that cannot be read must not hide the state beside it. */
  tokenFeeCount: decimal.nullish().catch(null),
  payHash: optional.catch(null),
  receiver: required,
  state: required,
});
type WireOrder = z.infer<typeof orderSchema>;

const channelSchema = z
  .object({ name: required, channelShowName: optional.catch(null), state: z.boolean() })
  .transform(({ name, channelShowName, state }): Channel => ({ name, showName: channelShowName, usable: state }));
const currencySchema = z
  .object({
    chain: z.string(),
    token: required,
    decimal: z
      .string()
      .regex(/^[0-9]{1,2}$/)
      .transform(Number)
      .nullish()
      .catch(null),
    currencyId: required,
  })
  .transform(({ chain, token, decimal: places, currencyId }): ChannelCurrency => {
    const currency = token.toUpperCase();
    const row = CHAINS.find(({ names }) => names.includes(chain.toUpperCase()));
    if (chain === '') return { currencyId, token, chain, asset: { currency, network: null }, places: null };
    const asset = row === undefined ? null : { currency, network: row.network };
    return { currencyId, token, chain, asset, places: places ?? null };
  });

/** A value through a schema; null: it does not fit. */
function fit<T>(schema: z.ZodType<T>, value: unknown): T | null {
  const parsed = schema.safeParse(value);
  return parsed.success ? parsed.data : null;
}

/** The frame of an answer; null where there is none, or the status line says that it is no answer of ChainPay's own. */
function readEnvelope({ status, body }: Answered): Envelope | null {
  if (status < 200 || status >= 300) return null;
  try {
    return fit(envelopeSchema, readJson(body));
  } catch {
    return null;
  }
}

const ACCEPTED = '0';
/** The one code of every refusal: `msg` alone tells them apart. */
const REFUSED = '7';

interface Standing {
  readonly state: ReportedState;
  readonly moneyMoved: MoneyMoved;
}
const TAKEN: Standing = { state: 'PROCESSING', moneyMoved: 'YES' };
const DEAD: Standing = { state: 'FAILED', moneyMoved: 'NO' };

/** The `status` of a create: `success` says that it was taken, and `confirmed` is believed of the query alone. */
const CREATE_STATES: ReadonlyMap<string, Standing> = new Map([
  ['pending', TAKEN],
  ['success', TAKEN],
  ['confirmed', TAKEN],
  ['failed', DEAD],
]);
/** The `state` of a query. Source: payout page; that the last two are final is assumed. */
const QUERY_STATES: ReadonlyMap<string, Standing> = new Map([
  ['PENDING', TAKEN],
  ['DONE_PAYMENT', { state: 'COMPLETED', moneyMoved: 'YES' }],
  ['FAILED', DEAD],
]);

function bareReport(
  providerReference: string,
  word: string,
  standing: Standing | undefined,
  askedAt: Date,
): StatusReport {
  const state = standing?.state ?? null;
  return {
    askedAt,
    state,
    vendorStatus: word,
    vendorMessage: null,
    providerReference,
    transactionHash: null,
    fees: [],
    debits: [],
    received: null,
    moneyMoved: standing?.moneyMoved ?? 'UNKNOWN',
    failure:
      state === 'FAILED'
        ? {
            code: 'OTHER',
            message: 'ChainPay could not make the payout, and says no more of it.',
            vendorCode: null,
            vendorMessage: null,
            retryable: true,
          }
        : null,
    allows: [],
    echo: {},
    rivals: [],
  };
}

/** An order of theirs as a report of ours. The fee is taken as on top; figures of what moved nothing are left out. */
function toReport(order: WireOrder, askedAt: Date): StatusReport {
  const { tokenSymbol: currency, tokenCount: amount, tokenFeeCount: fee } = order;
  const report = bareReport(order.orderNo, order.state, QUERY_STATES.get(order.state), askedAt);
  const paid = report.moneyMoved === 'YES';
  return {
    ...report,
    transactionHash: order.payHash,
    fees: paid && fee != null ? [{ kind: 'PROVIDER', amount: fee, currency }] : [],
    debits: paid && fee != null ? [{ amount: addDecimals(amount, fee), currency }] : [],
    received: paid ? { amount, currency } : null,
    echo: { amount, currency, address: order.receiver, orderNumber: order.merchantOrderNo },
  };
}

/** The refusals of a payout, by their whole `msg` in lower case. Source: payout page the first; the others are assumed. */
const REJECTIONS: ReadonlyMap<string, readonly [PayoutFailureCode, string]> = new Map([
  ['insufficient token balance', ['INSUFFICIENT_FUNDS', 'The balance at ChainPay does not cover the payout.']],
  ['invalid receiver', ['INVALID_DESTINATION', 'ChainPay does not accept the receiver.']],
  ['invalid amount', ['AMOUNT_OUT_OF_RANGE', 'ChainPay does not accept the amount.']],
  ['invalid channel', ['PROVIDER_REFUSED', 'ChainPay does not accept the channel.']],
  ['invalid currency', ['PROVIDER_REFUSED', 'ChainPay does not accept the currency.']],
]);
/** Source: assumed. */
const CREDENTIAL_FAULTS: ReadonlySet<string> = new Set(['invalid signature', 'invalid app-id']);
/** Source: assumed. */
const DUPLICATE = 'duplicate order number';
/** Of a query. Source: payout page. */
const UNKNOWN_ORDER = 'invalid order';
/** Source: assumed. */
const UNKNOWN_CHANNEL = 'invalid channel';

function reasonOf({ msg }: Envelope): string {
  return (msg ?? '').trim().toLowerCase();
}

function describe(answered: Answered, envelope: Envelope | null): string {
  if (envelope === null) return `ChainPay answered HTTP ${answered.status} without an envelope`;
  if (envelope.code === ACCEPTED) return 'ChainPay answered something that does not decode';
  return `ChainPay answered code ${envelope.code}: ${envelope.msg ?? 'no message'}`;
}

/** What an answer to `POST /v2/payout` says of that send. Null where it says nothing that is certain. */
export function readCreate(answered: Answered): SendOutcome | null {
  const envelope = readEnvelope(answered);
  if (envelope === null) return null;
  const created = fit(createdSchema, envelope.data);
  if (envelope.code === ACCEPTED) {
    if (created === null) return null;
    const { order_no: reference, status } = created;
    const report = bareReport(reference, status, CREATE_STATES.get(status), answered.startedAt);
    return { kind: 'accepted', report };
  }
  // A refusal that names an order contradicts itself.
  if (envelope.code !== REFUSED || created !== null) return null;
  const reason = reasonOf(envelope);
  const vendorCode = envelope.code;
  const cause = describe(answered, envelope);
  const rejection = REJECTIONS.get(reason);
  if (rejection !== undefined) {
    const [code, message] = rejection;
    const retryable = code === 'INSUFFICIENT_FUNDS';
    return { kind: 'rejected', failure: { code, message, vendorCode, vendorMessage: envelope.msg, retryable } };
  }
  if (CREDENTIAL_FAULTS.has(reason)) {
    return { kind: 'notTaken', reason: 'CREDENTIALS', retryAfterMs: null, vendorCode, cause };
  }
  return { kind: reason === DUPLICATE ? 'exists' : 'unknown', vendorCode, cause };
}

/** What an answer to `POST /v2/queryPayOutOrder` says. Absent is only what ChainPay itself calls an invalid order. */
export function readQuery(answered: Answered): LookupOutcome {
  const envelope = readEnvelope(answered);
  const order = envelope?.code === ACCEPTED ? fit(orderSchema, envelope.data) : null;
  if (order !== null) return { kind: 'found', report: toReport(order, answered.startedAt) };
  if (envelope?.code === REFUSED && reasonOf(envelope) === UNKNOWN_ORDER) return { kind: 'absent' };
  return { kind: 'unavailable', retryAfterMs: retryAfterMs(answered), cause: describe(answered, envelope) };
}

function readList<T>(item: z.ZodType<T>, answered: Answered): ReadOutcome<readonly T[]> {
  const envelope = readEnvelope(answered);
  const list = envelope?.code === ACCEPTED ? fit(z.array(item), envelope.data) : null;
  if (list !== null) return { kind: 'known', value: list };
  if (envelope?.code === REFUSED) return { kind: 'rejected', vendorCode: envelope.code, vendorMessage: envelope.msg };
  return { kind: 'unavailable', retryAfterMs: retryAfterMs(answered), cause: describe(answered, envelope) };
}

/** Reads an answer of `GET /v2/payChannel`. */
export function readChannels(answered: Answered): ReadOutcome<readonly Channel[]> {
  return readList(channelSchema, answered);
}

/** Reads an answer of `GET /v2/currency`. */
export function readCurrencies(answered: Answered): ReadOutcome<readonly ChannelCurrency[]> {
  return readList(currencySchema, answered);
}

/** Whether what refused a currency list was the channel's name. */
export function isUnknownChannel(vendorMessage: string | null): boolean {
  return vendorMessage?.trim().toLowerCase() === UNKNOWN_CHANNEL;
}
