import { createHash, createHmac, createPublicKey, generateKeyPairSync, timingSafeEqual } from 'node:crypto';
import {
  compareDecimals,
  type Decimal,
  decimalPlaces,
  equalDecimals,
  isZero,
  multiplyDecimals,
  parseDecimal,
  parseJsonNumber,
  subtractDecimals,
} from '../../domain/money.ts';
import { Digits, type Fields, fieldsOf, readFields } from '../../sandbox/fields.ts';
import type {
  Action,
  Asked,
  NewOrder,
  Order,
  OrderName,
  OrderState,
  Refusal,
  SandboxAccount,
  SandboxAnswer,
  SandboxRequest,
  SandboxSide,
} from '../../sandbox.ts';
import { writeNumber } from '../../transport.ts';
import { ACCOUNT_TYPES, ID_TYPES, PURPOSES, RELATIONSHIPS, SEXES, SOURCES_OF_FUNDS } from './party.ts';
import { TARGET } from './price.ts';
import { AREAS, OCCUPATIONS, RATES, sample } from './sandbox-data.ts';
import { DOCUMENT_TYPES, EMPTY, PATHS, parsePrivateKey, verify } from './wire.ts';

const MINUTE_MS = 60_000;
/** Source: payout page, "Get Token". */
const TOKEN_LIFE_MS = 60 * MINUTE_MS;

/** Of a target amount, in CNY. Source: assumed, as is how far a target may be from the product. */
const MINIMUM = decimal('1');
const MAXIMUM = decimal('50000');
const TOLERANCE = decimal('0.01');
const PLACES = 2;
const MAX_DOCUMENT_BYTES = 5 * 1024 * 1024;

const WORDS: Readonly<Record<OrderState, string>> = {
  ACCEPTED: 'pending',
  MATERIAL: 'pending_material',
  HELD: 'awaiting_transfer',
  QUEUED: 'transferring',
  CONFIRMING: 'transferring',
  COMPLETED: 'completed',
  FAILED: 'failed',
  BLOCKED: 'rejected',
  CANCELLED: 'canceled',
  REFUNDED: 'refunded',
  STRANGE: 'under_investigation',
};

const TOKEN_REFUSED = refusal(403, '-1', 'token is invalid or expired');
const WRONG_STATE = refusal(400, '10005', 'the payment is not awaiting transfer');
const REFUSALS: Readonly<Record<Refusal, SandboxAnswer>> = {
  INSUFFICIENT_BALANCE: refusal(400, '10007', 'balance is not enough'),
  INVALID_DESTINATION: refusal(400, '10010', 'beneficiary account is abnormal'),
  DUPLICATE: refusal(400, '10100', 'orderNo is duplicated'),
  NOT_FOUND: refusal(400, '-1', 'payment not exist'),
  WRONG_STATE,
  OUTSIDE_HOURS: refusal(400, '10006', 'outside the transfer hours'),
  MAINTENANCE: refusal(503, '-1', 'system is under maintenance'),
  RATE_LIMITED: { ...refusal(429, '-1', 'too many requests'), headers: { 'retry-after': '1' } },
  WRONG_CREDENTIALS: TOKEN_REFUSED,
};
/** Cancelling and updating have words of their own for a state that does not allow it. */
const WRONG_STATES: Readonly<Partial<Record<Action, SandboxAnswer>>> = {
  CANCEL: refusal(400, '10017', 'cancel failed'),
  AMEND: refusal(400, '10004', 'the payment can not be updated'),
};

/**
 * xCurrency's side of the wire. Source: the payout page for paths and token, the Java SDK for bodies; see README.md.
 */
export const sandbox: SandboxSide = {
  slug: 'xcurrency',
  basePath: '',
  currencies: [TARGET, ...RATES.keys()],
  course: ['ACCEPTED', 'HELD', 'CONFIRMING'],
  told: ['MATERIAL', 'HELD', 'CONFIRMING'],
  onDuplicate: 'refuse',
  plays: [
    'SUBMIT',
    'LOOKUP',
    'HINT_WEBHOOK',
    'QUOTE',
    'BALANCES',
    'REFERENCE_DATA',
    'CONFIRM',
    'CANCEL',
    'AMEND',
    'DOCUMENTS',
  ],
  debitAt: 'confirm',
  actions: {
    CONFIRM: ['HELD'],
    CANCEL: ['ACCEPTED'],
    AMEND: ['ACCEPTED', 'MATERIAL'],
    ATTACH_DOCUMENT: ['MATERIAL'],
    COMPLETE_DOCUMENTS: ['MATERIAL'],
  },
  callback: 'account',
  webhookWaitsMs: [0, MINUTE_MS, 5 * MINUTE_MS, 15 * MINUTE_MS, 60 * MINUTE_MS],
  makeCredentials: (bytes) => ({
    appKey: bytes(12).toString('hex'),
    secretKey: bytes(24).toString('hex'),
    privateKey: keyOfThisProcess(),
    webhookAppKey: '',
  }),
  makeReference(random, now) {
    const bytes = Buffer.from(random.subarray(0, 12));
    bytes.writeUInt32BE(Math.floor(now.getTime() / 1000) >>> 0, 0);
    return bytes.toString('hex');
  },
  sample,
  read: (request, account) => refuseCaller(request, account) ?? route(request, account),
  refuse: (reason, action) =>
    (reason === 'WRONG_STATE' && action !== null ? WRONG_STATES[action] : undefined) ?? REFUSALS[reason],
  writeWebhook(order, { appKey = '' }) {
    const { debit, received } = order;
    const body = JSON.stringify({
      event: 'payment',
      id: order.providerReference,
      status: wordOf(order),
      message: messageOf(order),
      amount: writeNumber(debit.amount),
      sourceAmount: writeNumber(debit.amount),
      targetAmount: writeNumber(received),
    });
    return { headers: { appkey: appKey }, body };
  },
  isAcknowledged: (status, body) => status === 200 && readFields(Buffer.from(body)).code === '200',
};

let processKey: string | null = null;
/** PKCS#8 in one line. Made once, since that is slow, and a stand-in's key protects nothing. */
function keyOfThisProcess(): string {
  processKey ??= generateKeyPairSync('rsa', { modulusLength: 2048 })
    .privateKey.export({ type: 'pkcs8', format: 'der' })
    .toString('base64');
  return processKey;
}

// --- who may ask -----------------------------------------------------------------------------------------------------

/** Every call but that for the token needs the app key and a token; every POST of them a signature too. */
function refuseCaller(request: SandboxRequest, { credentials, now }: SandboxAccount): Asked | null {
  const { method, path, headers, body } = request;
  const { appKey = '', secretKey = '', privateKey = '' } = credentials;
  if (path === PATHS.token) return null;
  if (headers.appkey !== appKey) return answer(refusal(400, '10002', 'appkey is wrong'));
  const { token } = headers;
  if (typeof token !== 'string' || !isTokenGood(token, secretKey, now)) return answer(TOKEN_REFUSED);
  if (method !== 'POST') return null;
  const key = parsePrivateKey(privateKey);
  const signature = headers.sign;
  // Without a body the signature is that of an empty object.
  const signed = body.length === 0 && path.startsWith('/payout/wallet/') ? Buffer.from(EMPTY) : body;
  const good = key !== null && typeof signature === 'string' && verify(signed, signature, createPublicKey(key));
  return good ? null : answer(refusal(400, '10001', 'signature verification failed'));
}

/** Nothing is stored of a token: it carries its end, and a mark that only we can make. */
function makeToken(secretKey: string, now: Date): string {
  const end = (now.getTime() + TOKEN_LIFE_MS).toString(16).padStart(12, '0');
  return `${end}${tokenMark(secretKey, end)}`;
}

function isTokenGood(token: string, secretKey: string, now: Date): boolean {
  const end = token.slice(0, 12);
  const mark = Buffer.from(tokenMark(secretKey, end));
  const given = Buffer.from(token.slice(12));
  return given.length === mark.length && timingSafeEqual(given, mark) && now.getTime() < Number.parseInt(end, 16);
}

function tokenMark(secretKey: string, end: string): string {
  return createHmac('sha256', secretKey).update(end).digest('hex').slice(0, 32);
}

// --- what is asked ---------------------------------------------------------------------------------------------------

function route({ method, path, body }: SandboxRequest, account: SandboxAccount): Asked {
  if (method === 'GET' && path === PATHS.areas) return answer(success(AREAS));
  if (method === 'GET' && path === PATHS.occupations) return answer(success(OCCUPATIONS));
  if (method !== 'POST') return answer(refusal(404, '-1', 'not found'));
  const fields = readFields(body);
  switch (path) {
    case PATHS.token:
      return token(fields, account);
    case PATHS.check:
      return answer(success(true));
    case PATHS.quote:
      return quote(fields);
    case PATHS.create:
      return create(fields);
    case PATHS.confirm:
      return act('CONFIRM', fields, () => success(null));
    case PATHS.cancel:
      return act('CANCEL', fields, () => success('success'));
    case PATHS.status:
      return find(fields);
    case PATHS.update:
      return update(fields);
    case PATHS.wallet:
      return wallet(fields, account.wallets);
    case PATHS.wallets:
      return answer(success([...account.wallets].map(toWallet)));
    case PATHS.upload:
      return upload(fields);
    case PATHS.completed:
      return act('COMPLETE_DOCUMENTS', fields, (order) => success(toPayment(order)));
    case '/payout/payment/transfer':
      return answer(refusal(400, '-1', 'this call was abandoned, use the asynchronous one'));
    default:
      return answer(refusal(404, '-1', 'not found'));
  }
}

function token({ appKey, secretKey }: Fields, { credentials, now }: SandboxAccount): Asked {
  const known = appKey === credentials.appKey && secretKey === credentials.secretKey;
  if (!known) return answer(refusal(400, '-1', 'bad request, appkey not exist'));
  return answer(success(makeToken(credentials.secretKey ?? '', now)));
}

function quote({ sourceCurrency, targetCurrency }: Fields): Asked {
  const rate = typeof sourceCurrency === 'string' ? RATES.get(sourceCurrency) : undefined;
  if (rate === undefined || targetCurrency !== TARGET) return invalid('the currencies are not supported');
  const queryNo = `Q${createHash('sha256').update(`${sourceCurrency}`).digest('hex').slice(0, 12)}`;
  return answer(success({ queryNo, rate: writeNumber(rate), sourceCurrency, targetCurrency }));
}

function wallet({ currency }: Fields, wallets: ReadonlyMap<string, Decimal>): Asked {
  if (currency === undefined) return answer(success([...wallets].map(toWallet)));
  const index = [...wallets.keys()].indexOf(`${currency}`);
  const entry = [...wallets][index];
  return entry === undefined ? invalid('there is no such wallet') : answer(success(toWallet(entry, index)));
}

function toWallet([currency, balance]: readonly [string, Decimal], index: number) {
  return { amount: writeNumber(balance), currency, walletId: `W${String(index + 1).padStart(4, '0')}` };
}

// --- payments --------------------------------------------------------------------------------------------------------

function create(fields: Fields): Asked {
  const { orderNo } = fields;
  if (!isText(orderNo)) return invalid('orderNo is required');
  const fault = ['relationship', 'purpose', 'fundsSource', 'payer', 'beneficiary'].find(
    (name) => fields[name] === undefined || !isGroupGood(name, fields[name]),
  );
  if (fault !== undefined) return invalid(`${fault} is invalid`);
  const { sourceCurrency, targetCurrency } = fields;
  const source = readAmount(fields.sourceAmount);
  const target = readAmount(fields.targetAmount);
  if (source === null || target === null || typeof sourceCurrency !== 'string' || targetCurrency !== TARGET) {
    return invalid('the amounts are invalid');
  }
  if (compareDecimals(target, MINIMUM) < 0) return invalid('the amount is too small');
  if (compareDecimals(target, MAXIMUM) > 0) return answer(refusal(400, '10014', 'the bank limit is exceeded'));
  if (!isPriceGood(sourceCurrency, source, target)) return answer(refusal(400, '10003', 'the quote has expired'));
  const order: NewOrder = {
    mark: orderNo,
    amount: target,
    currency: TARGET,
    network: '',
    address: `${fieldsOf(fields.beneficiary).accountNumber}`,
    memo: null,
    fee: decimal('0'),
    received: target,
    debit: { amount: source, currency: sourceCurrency },
    callbackUrl: null,
    details: {},
  };
  return { kind: 'create', order, answer: (accepted) => success(toPayment(accepted)) };
}

/** More than zero, with at most two places; null: it is not. */
function readAmount(value: unknown): Decimal | null {
  const amount = value instanceof Digits ? parseJsonNumber(value.text) : null;
  return amount === null || isZero(amount) || decimalPlaces(amount) > PLACES ? null : amount;
}

/** The product may be off by a hundredth; without a conversion both amounts are equal. */
function isPriceGood(currency: string, source: Decimal, target: Decimal): boolean {
  if (currency === TARGET) return equalDecimals(source, target);
  const rate = RATES.get(currency);
  if (rate === undefined) return false;
  const product = multiplyDecimals(source, rate, PLACES);
  const off = subtractDecimals(product, target) ?? subtractDecimals(target, product);
  return off !== null && compareDecimals(off, TOLERANCE) <= 0;
}

const PAYER_NEEDS = ['firstName', 'lastName', 'nationality', 'idType', 'idNumber', 'dob'];
const BENEFICIARY_NEEDS = ['accountNumber', 'accountName', 'idType', 'idNumber', 'phone'];

/** Whether one of the five groups is what the server takes. */
function isGroupGood(name: string, value: unknown): boolean {
  switch (name) {
    case 'relationship':
      return isOneOf(RELATIONSHIPS, value);
    case 'purpose':
      return isOneOf(PURPOSES, value);
    case 'fundsSource':
      return isOneOf(SOURCES_OF_FUNDS, value);
    default:
      return isPartyGood(fieldsOf(value), name === 'payer' ? PAYER_NEEDS : BENEFICIARY_NEEDS);
  }
}

function isPartyGood(party: Fields, needs: readonly string[]): boolean {
  const { accountType, idType, sex, address } = party;
  return (
    needs.every((field) => isText(party[field])) &&
    isText(fieldsOf(address).address) &&
    isOneOf(Object.values(ID_TYPES), idType) &&
    (accountType === undefined || isOneOf(Object.values(ACCOUNT_TYPES), accountType)) &&
    (sex === undefined || isOneOf(Object.values(SEXES), sex))
  );
}

function find({ tradeId }: Fields): Asked {
  if (!isText(tradeId)) return invalid('tradeId is required');
  return { kind: 'find', providerReference: tradeId, answer: (order) => success(toPayment(order)) };
}

/** What is done to a payment that its trade id names. */
function act(
  action: Action,
  { tradeId }: Fields,
  reply: (order: Order) => SandboxAnswer,
  details: Readonly<Record<string, string>> = {},
): Asked {
  if (!isText(tradeId)) return invalid('tradeId is required');
  return { kind: 'act', action, order: { providerReference: tradeId }, details, answer: reply };
}

/** Goes by the merchant's number; the groups that are there replace the old ones. */
function update(fields: Fields): Asked {
  const { orderNo, ...groups } = fields;
  if (!isText(orderNo)) return invalid('orderNo is required');
  const names = ['relationship', 'purpose', 'fundsSource', 'payer', 'beneficiary'];
  const fault = Object.keys(groups).find((name) => !names.includes(name) || !isGroupGood(name, groups[name]));
  if (fault !== undefined) return invalid(`${fault} is invalid`);
  const order: OrderName = { mark: orderNo };
  // Whose money it is stays out of the books; that it was changed does not.
  const details = Object.fromEntries(
    Object.entries(groups).map(([name, value]) => [name, typeof value === 'string' ? value : 'updated']),
  );
  return { kind: 'act', action: 'AMEND', order, details, answer: (done) => success(toPayment(done)) };
}

function upload(fields: Fields): Asked {
  const { fileType, fileName, fileContent } = fields;
  if (!isOneOf(DOCUMENT_TYPES, fileType)) return invalid('fileType is invalid');
  if (typeof fileName !== 'string' || !/\.(pdf|jpe?g|png)$/i.test(fileName)) return invalid('fileName is invalid');
  if (!isText(fileContent) || !/^[A-Za-z0-9+/]+={0,2}$/.test(fileContent)) return invalid('fileContent is invalid');
  const content = Buffer.from(fileContent, 'base64');
  if (content.length > MAX_DOCUMENT_BYTES) return invalid('the file is too large');
  const fileId = `F${createHash('sha256').update(content).digest('hex').slice(0, 8)}`;
  const reply = ({ providerReference: tradeId }: Order) => success({ tradeId, fileId });
  return act('ATTACH_DOCUMENT', fields, reply, { [fileId]: `${fileType}` });
}

/** `data` of create, status, update and completed. */
function toPayment(order: Order) {
  return { tradeId: order.providerReference, status: wordOf(order), message: messageOf(order) };
}

/** A failure whose money is back has been refunded. */
function wordOf({ state, returned }: Order): string {
  return WORDS[state === 'FAILED' && returned ? 'REFUNDED' : state];
}

function messageOf({ state }: Order): string {
  if (state === 'FAILED' || state === 'REFUNDED') return 'the bank returned the transfer';
  return state === 'BLOCKED' ? 'refused by compliance' : '';
}

function answer(given: SandboxAnswer): Asked {
  return { kind: 'answer', answer: given };
}

function success(data: unknown): SandboxAnswer {
  return { status: 200, body: JSON.stringify({ status: '1', message: '', data }) };
}

function invalid(message: string): Asked {
  return answer(refusal(400, '10004', message));
}

function refusal(status: number, code: string, message: string): SandboxAnswer {
  return { status, body: JSON.stringify({ status: code, message }) };
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function isOneOf(list: readonly string[], value: unknown): boolean {
  return typeof value === 'string' && list.includes(value);
}

/** For this file's own constants. */
function decimal(text: string): Decimal {
  const value = parseDecimal(text);
  if (value === null) throw new RangeError(`${text} is not a decimal`);
  return value;
}
