import {
  createHash,
  createPrivateKey,
  type KeyObject,
  sign as signBytes,
  timingSafeEqual,
  verify as verifyBytes,
} from 'node:crypto';
import { z } from 'zod';
import { type Decimal, isZero, parseJsonNumber } from '../../domain/money.ts';
import type { Order, SupportingDocument } from '../../domain/payout.ts';
import type {
  Balance,
  LookupOutcome,
  RawWebhook,
  ReadOutcome,
  ReferenceEntry,
  Reply,
  SendOutcome,
  WebhookOutcome,
} from '../../domain/provider.ts';
import { type Answered, readJson, writeNumber } from '../../transport.ts';
import { retryAfterMs } from '../define.ts';
import { ACCOUNT_TYPES, type Ends, encodeBeneficiary, encodePayer, type Groups, type WireAccount } from './party.ts';
import { type Amounts, TARGET } from './price.ts';
import { type Change, type Payment, refusalOf, toReport } from './report.ts';

/** Every path. The abandoned synchronous confirm (`/payout/payment/transfer`) is left out. Source: payout page. */
export const PATHS = {
  token: '/payout/oauth/token',
  check: '/payout/encrypt/check',
  areas: '/payout/common/area/list',
  occupations: '/payout/common/occupation/list',
  quote: '/payout/payment/query/price',
  create: '/payout/payment/create',
  confirm: '/payout/payment/transfer/async',
  cancel: '/payout/payment/cancel',
  status: '/payout/payment/status',
  update: '/payout/payment/update',
  wallet: '/payout/wallet/get',
  wallets: '/payout/wallet/list',
  upload: '/payment/risk/upload',
  completed: '/payment/risk/completed',
} as const;

// --- signing ---------------------------------------------------------------------------------------------------------

/** Our RSA key from PKCS#8, as PEM or as one line of Base64 (DER); null: it is none. */
export function parsePrivateKey(text: string): KeyObject | null {
  try {
    const plain = text.trim();
    const key = plain.startsWith('-----')
      ? createPrivateKey(plain)
      : createPrivateKey({ key: Buffer.from(plain, 'base64'), format: 'der', type: 'pkcs8' });
    return key.asymmetricKeyType === 'rsa' ? key : null;
  } catch {
    return null;
  }
}

/**
 * The header `sign` of a body: RSA PKCS#1 v1.5 with SHA-256 over its UTF-8 bytes, in URL-safe Base64 without padding.
 * What the provider's pages call encrypting is this and no more. Source: the provider's Java SDK.
 */
export function sign(body: string, key: KeyObject): string {
  return signBytes('sha256', Buffer.from(body, 'utf8'), key).toString('base64url');
}

/**
 * Whether a signature is that of the bytes. Either alphabet of Base64 is read, padded or not, as the SDK's decoder
 * does.
 */
export function verify(body: Buffer, signature: string, publicKey: KeyObject): boolean {
  return verifyBytes('sha256', body, publicKey, Buffer.from(signature, 'base64'));
}

// --- what is sent ----------------------------------------------------------------------------------------------------

/** The body of the token call. */
export function encodeToken(appKey: string, secretKey: string): string {
  return JSON.stringify({ appKey, secretKey });
}

/** The body of the quote: what one unit of the source is worth in CNY. */
export function encodeQuote(sourceCurrency: string): string {
  return JSON.stringify({ sourceCurrency, targetCurrency: TARGET });
}

/**
 * The body of a create, in the key order of the recorded one. Throws RangeError for an order that is not paid to a
 * bank.
 */
export function encodeCreate(order: Order, ends: Ends, orderNumber: string, amounts: Amounts): string {
  const { destination, relationship, purpose, sourceOfFunds } = order;
  if (destination.kind !== 'bank') throw new RangeError('xCurrency Hubs pays to bank accounts only');
  const account = { accountType: ACCOUNT_TYPES[destination.accountType], accountNumber: ends.accountNumber };
  return JSON.stringify({
    orderNo: orderNumber,
    sourceCurrency: amounts.source.currency,
    sourceAmount: writeNumber(amounts.source.amount),
    targetCurrency: TARGET,
    targetAmount: writeNumber(amounts.target),
    relationship,
    purpose,
    fundsSource: sourceOfFunds,
    payer: encodePayer(ends.originator),
    beneficiary: encodeBeneficiary(ends.beneficiary, account),
  });
}

/** The body of confirm, cancel, status and completed. */
export function encodeTrade(tradeId: string): string {
  return JSON.stringify({ tradeId });
}

const accountSchema = z.object({ accountType: z.string(), accountNumber: z.string() });
const storedSchema = z.object({
  relationship: z.string(),
  purpose: z.string(),
  fundsSource: z.string(),
  payer: z.record(z.string(), z.unknown()),
  beneficiary: z.record(z.string(), z.unknown()),
});

/**
 * The body of an update that changes the given groups; `account` is the one that the payment goes to, whatever they
 * say.
 */
export function encodeAmendment(orderNumber: string, groups: Groups, account: WireAccount): string {
  const { originator, beneficiary, purpose, relationship, sourceOfFunds } = groups;
  return JSON.stringify({
    orderNo: orderNumber,
    purpose: purpose ?? undefined,
    relationship: relationship ?? undefined,
    fundsSource: sourceOfFunds ?? undefined,
    payer: originator === null ? undefined : encodePayer(originator),
    beneficiary: beneficiary === null ? undefined : encodeBeneficiary(beneficiary, account),
  });
}

/** The body of an update that changes nothing, from the create's; null: that is no create's body. */
export function encodeSameAgain(orderNumber: string, created: string): string | null {
  const stored = decodeText(storedSchema, created);
  if (stored === null) return null;
  const { purpose, relationship, fundsSource, payer, beneficiary } = stored;
  return JSON.stringify({ orderNo: orderNumber, purpose, relationship, fundsSource, payer, beneficiary });
}

/** The account that a create's body pays to; null: that is no create's body. */
export function accountIn(created: string): WireAccount | null {
  return decodeText(z.object({ beneficiary: accountSchema }), created)?.beneficiary ?? null;
}

/** The body of the balance in one currency. */
export function encodeWallet(currency: string): string {
  return JSON.stringify({ currency });
}

/**
 * An empty request, which is signed like any other. Source: payout page, "Balance for single currency"; the text is the
 * SDK's.
 */
export const EMPTY = '{}';

/** Source: the appendix of the business product; that they hold here too is assumed. */
export const DOCUMENT_TYPES = [
  'proforma_invoice',
  'purchase_order',
  'logistics_material',
  'export_declaration',
  'communication_record',
  'beneficiary_id_card',
  'beneficiary_power_attorney',
  'historical_transaction_material',
  'proof_purchase',
  'other',
];
const MAX_DOCUMENT_BYTES = 5 * 1024 * 1024;

/** What is wrong with a document, before it is sent; null: nothing. Source: assumed, all of it. */
export function faultOfDocument({ type, fileName, content }: SupportingDocument): string | null {
  if (!DOCUMENT_TYPES.includes(type)) return `xCurrency Hubs takes documents of type ${DOCUMENT_TYPES.join(', ')}.`;
  if (!/\.(pdf|jpe?g|png)$/i.test(fileName)) return 'xCurrency Hubs takes files named .pdf, .jpg, .jpeg or .png.';
  return content.length > MAX_DOCUMENT_BYTES ? 'xCurrency Hubs takes documents of at most 5 MiB.' : null;
}

/** The body of an upload. Source: assumed. */
export function encodeUpload(tradeId: string, document: SupportingDocument): string {
  const { type, fileName, content, note } = document;
  const fileContent = content.toString('base64');
  return JSON.stringify({ tradeId, fileType: type, fileName, fileContent, remark: note ?? undefined });
}

// --- what is answered ------------------------------------------------------------------------------------------------

const required = z.string().min(1);
const optional = z
  .string()
  .nullish()
  .transform((text) => text || null);
/** What informs and decides nothing: one that cannot be read must not hide what stands beside it. */
const figure = optional.catch(null);
const decimal = z.string().transform((text, context): Decimal => {
  const value = parseJsonNumber(text);
  if (value !== null) return value;
  context.addIssue({ code: 'custom', message: 'not a decimal' });
  return z.NEVER;
});

/**
 * `status` tells how the call went, and is the code of its refusal; that of a payment stands in `data`. Source: payout
 * page.
 */
const envelopeSchema = z.object({ status: required, message: figure, token: figure, data: z.unknown().optional() });
type Envelope = z.infer<typeof envelopeSchema>;
const SUCCESS = '1';

const paymentSchema = z.object({ tradeId: optional, status: optional, message: figure });

function decode<T>(schema: z.ZodType<T>, value: unknown): T | null {
  const parsed = schema.safeParse(value);
  return parsed.success ? parsed.data : null;
}

/** JSON text through a schema; numbers arrive as their source text. Null when it is not JSON or does not fit. */
function decodeText<T>(schema: z.ZodType<T>, text: string): T | null {
  try {
    return decode(schema, readJson(text));
  } catch {
    return null;
  }
}

function isSuccess({ status }: Answered): boolean {
  return status >= 200 && status < 300;
}

/** One line of what the provider said. */
function describe({ status }: Answered, envelope: Envelope | null): string {
  if (envelope === null) return `xCurrency Hubs answered HTTP ${status} with a body that does not decode`;
  return `xCurrency Hubs answered ${envelope.status}${envelope.message === null ? '' : `: ${envelope.message}`}`;
}

/** Codes of a refusal that passes with time, or with another setting, whatever was asked. */
const CONFIGURATION: ReadonlySet<string> = new Set(['10001', '10002']);
const OUTSIDE_HOURS = '10006';

/** What an answer to a question says; `read` makes the value of its `data`, or null where it does not decode. */
function readAnswer<T>(answered: Answered, read: (data: unknown) => T | null): ReadOutcome<T> {
  const envelope = decodeText(envelopeSchema, answered.body);
  const unavailable = { kind: 'unavailable', retryAfterMs: retryAfterMs(answered) } as const;
  const { status } = answered;
  if (envelope === null || status === 403 || status === 408 || status === 429 || status >= 500) {
    return { ...unavailable, cause: describe(answered, envelope) };
  }
  if (envelope.status !== SUCCESS) {
    if (envelope.status === OUTSIDE_HOURS) return { ...unavailable, cause: describe(answered, envelope) };
    return { kind: 'rejected', vendorCode: envelope.status, vendorMessage: envelope.message };
  }
  const value = isSuccess(answered) ? read(envelope.data ?? envelope.token) : null;
  if (value !== null) return { kind: 'known', value };
  return { ...unavailable, cause: 'xCurrency Hubs answered something that does not decode' };
}

/** What can stand in a header. */
const tokenSchema = z.string().regex(/^[\x21-\x7e]+$/);

/** The token. An older form of the answer has it in `token`. Source: payout page; the older API reference. */
export function readToken(answered: Answered): ReadOutcome<string> {
  return readAnswer(answered, (data) => decode(tokenSchema, data));
}

/** Whether the provider finds our signature right; rejected with `10001`: it does not. Source: payout page, "Check". */
export function readCheck(answered: Answered): ReadOutcome<true> {
  // It may answer `true` or an empty object: the outer status alone counts.
  return readAnswer(answered, () => true);
}

/** CNY for one unit of the source. An answer about another pair is none. */
export function readQuote(answered: Answered, sourceCurrency: string): ReadOutcome<Decimal> {
  const pair = z.object({
    rate: decimal.refine((rate) => !isZero(rate)),
    sourceCurrency: z.literal(sourceCurrency).nullish(),
    targetCurrency: z.literal(TARGET).nullish(),
  });
  return readAnswer(answered, (data) => decode(pair, data)?.rate ?? null);
}

const walletSchema = z
  .object({ currency: required, amount: decimal })
  .transform(({ currency, amount }): Balance => ({ currency, available: amount, locked: null }));

/** The balance in one currency. */
export function readWallet(answered: Answered): ReadOutcome<Balance> {
  return readAnswer(answered, (data) => decode(walletSchema, data));
}

/** Every balance. */
export function readWallets(answered: Answered): ReadOutcome<readonly Balance[]> {
  return readAnswer(answered, (data) => decode(z.array(walletSchema), data));
}

/** An area as it fills a beneficiary's address: by its `pinyin`. Source: payout page, "Beneficiary's PBC area list". */
const areaSchema: z.ZodType<ReferenceEntry> = z.lazy(() =>
  z
    .object({ name: figure, pinyin: required, code: figure, areaKey: figure, list: z.array(areaSchema).nullish() })
    .transform(({ name, pinyin, code, areaKey, list }) => ({
      value: pinyin,
      label: null,
      localName: name,
      code: code ?? areaKey,
      children: list ?? [],
    })),
);

/** States, their cities, and the districts of these. */
export function readAreas(answered: Answered): ReadOutcome<readonly ReferenceEntry[]> {
  return readAnswer(answered, (data) => decode(z.array(areaSchema), data));
}

const occupationSchema = z
  .object({ nameEn: required, nameCn: figure })
  .transform(({ nameEn, nameCn }): ReferenceEntry => ({ ...entryOf(nameEn), localName: nameCn }));

/**
 * Occupations by their English names, which is what a party carries. Source: payout page, "Beneficiary's occupation
 * list".
 */
export function readOccupations(answered: Answered): ReadOutcome<readonly ReferenceEntry[]> {
  return readAnswer(answered, (data) => decode(z.array(occupationSchema), data));
}

/** A word that is its own label. */
export function entryOf(value: string): ReferenceEntry {
  return { value, label: null, localName: null, code: null, children: [] };
}

// --- changes ---------------------------------------------------------------------------------------------------------

const DUPLICATE = '10100';
const TOO_LITTLE = '10007';

/** A send that was refused for a reason that passes; null: it was not. */
function readNotTaken(change: Change, answered: Answered, envelope: Envelope): SendOutcome | null {
  const { status: vendorCode } = envelope;
  const notTaken = { kind: 'notTaken', vendorCode, cause: describe(answered, envelope) } as const;
  // The token was refused: the next send brings a new one. Source: the provider's Java SDK.
  if (answered.status === 403) return { ...notTaken, reason: 'CREDENTIALS', retryAfterMs: 0 };
  if (answered.status === 429) return { ...notTaken, reason: 'RATE_LIMITED', retryAfterMs: retryAfterMs(answered) };
  if (CONFIGURATION.has(vendorCode)) return { ...notTaken, reason: 'CREDENTIALS', retryAfterMs: null };
  if (vendorCode === OUTSIDE_HOURS) return { ...notTaken, reason: 'HOURS', retryAfterMs: null };
  if (change === 'confirm' && vendorCode === TOO_LITTLE) return { ...notTaken, reason: 'FUNDS', retryAfterMs: null };
  return null;
}

/**
 * What an answer to a call that changes a payment says of that send. Null when it does not decode or contradicts
 * itself; a code that is not on the call's list is unknown. Business refusals come with HTTP 400 and are read like any
 * answer.
 */
export function readChange(change: Change, answered: Answered): SendOutcome | null {
  const envelope = decodeText(envelopeSchema, answered.body);
  if (envelope === null) return null;
  const { status: vendorCode, message: vendorMessage } = envelope;
  const payment = decode(paymentSchema, envelope.data);
  if (vendorCode === SUCCESS) return isSuccess(answered) ? readDone(change, answered, payment) : null;
  // Only without a trade id does a refusal prove that nothing was created. Source: the SDK's readme.
  if (change === 'create' && payment?.tradeId) return null;
  const notTaken = readNotTaken(change, answered, envelope);
  if (notTaken !== null) return notTaken;
  const cause = describe(answered, envelope);
  if (change === 'create' && vendorCode === DUPLICATE) return { kind: 'exists', vendorCode, cause };
  const failure = refusalOf(change, vendorCode, vendorMessage);
  return failure ? { kind: 'rejected', failure } : { kind: 'unknown', vendorCode, cause };
}

/** A create without a trade id says nothing; what the others answer beyond yes is a state only where one is told. */
function readDone(change: Change, answered: Answered, payment: Payment | null): SendOutcome | null {
  if (change === 'create' && !payment?.tradeId) return null;
  const told = payment !== null && (change === 'create' || payment.status !== null) ? payment : null;
  return { kind: 'accepted', report: told && toReport(told, told.tradeId, answered.startedAt) };
}

// --- look-ups and webhooks -------------------------------------------------------------------------------------------

/**
 * What an answer to the status call says. Absent is what the provider calls an illegal request: assumed, and no proof.
 */
export function readStatus(answered: Answered, tradeId: string): LookupOutcome {
  const outcome = readAnswer(answered, (data) => decode(paymentSchema.extend({ status: required }), data));
  if (outcome.kind === 'unavailable') return outcome;
  if (outcome.kind === 'rejected') {
    if (outcome.vendorCode === '-1') return { kind: 'absent' };
    const cause = `xCurrency Hubs answered ${outcome.vendorCode}: ${outcome.vendorMessage ?? ''}`;
    return { kind: 'unavailable', retryAfterMs: null, cause };
  }
  const { tradeId: told } = outcome.value;
  if (told !== null && told !== tradeId) {
    return {
      kind: 'unavailable',
      retryAfterMs: null,
      cause: 'xCurrency Hubs answered about another payment',
      onlyThisOrder: true,
    };
  }
  return { kind: 'found', report: toReport(outcome.value, tradeId, answered.startedAt) };
}

/** What an update that changed nothing says of a payment whose trade id is not known to us. */
export function readSameAgain(answered: Answered, orderNumber: string): LookupOutcome {
  const outcome = readAnswer(answered, (data) => decode(paymentSchema, data));
  if (outcome.kind === 'unavailable') return outcome;
  if (outcome.kind === 'rejected') return withoutTrade(orderNumber, `it answered ${outcome.vendorCode}`);
  const { tradeId } = outcome.value;
  if (tradeId === null) return withoutTrade(orderNumber, 'its answer names none');
  return { kind: 'found', report: toReport(outcome.value, tradeId, answered.startedAt) };
}

/** A payment that is there and cannot be asked about by any means of ours. */
export function withoutTrade(orderNumber: string, why: string): LookupOutcome & { readonly kind: 'unavailable' } {
  const cause = `xCurrency Hubs has ${orderNumber} and did not tell its trade id (${why}): an operator must give it`;
  return { kind: 'unavailable', retryAfterMs: null, cause, onlyThisOrder: true };
}

const webhookSchema = z.object({ event: required, id: figure });
/** How a notification is taken. Source: the SDK's readme; `code` is a string. */
const TAKEN: Reply = { status: 200, contentType: 'application/json', body: '{"code":"200","message":""}' };

/**
 * Reads a webhook. Nothing proves who sent it, so that it is never more than a reason to ask; a header `appkey` that is
 * there must be the one that we expect. Source: payout page, "Order status notification"; body and reply are the SDK's.
 */
export function readWebhook({ headers, body }: RawWebhook, appKey: string): WebhookOutcome {
  const given = headers.appkey;
  if (given !== undefined && !timingSafeEqual(digest(given), digest(appKey))) {
    return { kind: 'refused', reason: 'the appkey is not the expected one' };
  }
  const told = decodeText(webhookSchema, body.toString('utf8'));
  if (told?.event === 'balance') return { kind: 'ignored', reply: TAKEN };
  if (told?.event !== 'payment' || told.id === null) return { kind: 'refused', reason: 'it names no payment' };
  return { kind: 'hint', order: { orderNumber: null, providerReference: told.id }, reply: TAKEN };
}

/** Of any text, as long as any other: two of them can be compared in constant time. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
