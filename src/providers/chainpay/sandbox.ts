import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { addDecimals, compareDecimals, type Decimal, decimalPlaces, isZero, parseDecimal } from '../../domain/money.ts';
import { plainSample } from '../../sandbox/sample.ts';
import type {
  Asked,
  Order,
  OrderState,
  Refusal,
  SandboxAccount,
  SandboxAnswer,
  SandboxRequest,
  SandboxSide,
} from '../../sandbox.ts';
import { parsePrivateKey, signedText } from './wire.ts';

/** One entry of a currency list. */
interface Paid {
  readonly chain: string;
  readonly token: string;
  readonly contract: string;
  readonly protocol: string;
  readonly decimal: number;
  readonly currencyId: string;
  /** The most decimal places of an amount; fiat shows `decimal` 0 and takes cents all the same. */
  readonly places: number;
  /** On top of each payout, in the token. */
  readonly fee: Decimal;
}

const NO_FEE = decimal('0');

function fiat(token: string, currencyId: string): Paid {
  return { chain: '', token, contract: '', protocol: '', decimal: 0, currencyId, places: 2, fee: NO_FEE };
}

function stablecoin(
  chain: 'BSC' | 'ETH' | 'TRX',
  token: string,
  contract: string,
  places: number,
  currencyId: string,
): Paid {
  const protocol = { BSC: 'BEP20', ETH: 'ERC20', TRX: 'TRC20' }[chain];
  return { chain, token, contract, protocol, decimal: places, currencyId, places, fee: decimal('0.5') };
}

/**
 * What each channel pays. Source: `xpay` with its USD is the payout page's example, `payway` with its USD the page
 * "Channels and Currencies"; `settlement`, what it pays and its fee are assumed.
 */
const CHANNELS: readonly { readonly name: string; readonly showName: string; readonly pays: readonly Paid[] }[] = [
  { name: 'xpay', showName: 'xpay', pays: [fiat('USD', 'P575ItNeMxM6fy6zhbnrlezYlvQnHMLZ')] },
  { name: 'payway', showName: 'abaPayWay', pays: [fiat('USD', 'USD')] },
  {
    name: 'settlement',
    showName: 'settlement',
    pays: [
      stablecoin('BSC', 'USDT', '0x55d398326f99059fF775485246999027B3197955', 18, 'Zq3bWm81kTfXo5aUeYcR9sJdLhN0vGpE'),
      stablecoin('BSC', 'USDC', '0x8AC76a51cc950d9822D68b83fE1Ad97B32Cd580d', 18, 'h7RkP2xQmV4nBt6GyLwA0cDzEs9JuFio'),
      stablecoin('ETH', 'USDT', '0xdAC17F958D2ee523a2206206994597C13D831ec7', 6, 'cN5vXg0TqJ8LrM3pKsHy2wEoUbZa7DfI'),
      stablecoin('ETH', 'USDC', '0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48', 6, 'w1YtFz6CkB9eQaRj4OxGm8iVnSd3LuHP'),
      stablecoin('TRX', 'USDT', 'TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t', 6, 'e0SxKp7DnW4vAqUy9MbHj2tGzFc5RiLo'),
    ],
  },
];

/** Source: assumed. */
const MAXIMUM = decimal('1000000');
const MAX_ORDER_NUMBER_LENGTH = 64;
const MAX_EXTRA_LENGTH = 255;

const CREATE_WORDS: Readonly<Record<OrderState, string>> = {
  ACCEPTED: 'success',
  MATERIAL: 'success',
  HELD: 'success',
  QUEUED: 'success',
  CONFIRMING: 'success',
  COMPLETED: 'confirmed',
  FAILED: 'failed',
  BLOCKED: 'failed',
  CANCELLED: 'failed',
  REFUNDED: 'failed',
  STRANGE: 'under_review',
};
const QUERY_WORDS: Readonly<Record<OrderState, string>> = {
  ACCEPTED: 'PENDING',
  MATERIAL: 'PENDING',
  HELD: 'PENDING',
  QUEUED: 'PENDING',
  CONFIRMING: 'PENDING',
  COMPLETED: 'DONE_PAYMENT',
  FAILED: 'FAILED',
  BLOCKED: 'FAILED',
  CANCELLED: 'FAILED',
  REFUNDED: 'FAILED',
  STRANGE: 'UNDER_REVIEW',
};

const REFUSALS: Readonly<Record<Refusal, SandboxAnswer>> = {
  INSUFFICIENT_BALANCE: refusal('insufficient token balance'),
  INVALID_DESTINATION: refusal('invalid receiver'),
  DUPLICATE: refusal('duplicate order number'),
  NOT_FOUND: refusal('invalid order'),
  WRONG_STATE: refusal('invalid order'),
  OUTSIDE_HOURS: refusal('service unavailable', 503),
  MAINTENANCE: refusal('service unavailable', 503),
  RATE_LIMITED: refusal('too many requests', 429),
  WRONG_CREDENTIALS: refusal('invalid signature'),
};

/** As many as the signature in the pages' samples has. Source: page "How to sign". */
const KEY_BITS = 1024;

const XPAY = {
  kind: 'channel',
  channel: 'xpay',
  account: '0xB0c5852ff023291D0de6333c9155b2f884368559',
  network: null,
} as const;

/** ChainPay's side of the wire. Source: payout page; texts of refusals, limits and the fee are assumed. */
export const sandbox: SandboxSide = {
  slug: 'chainpay',
  basePath: '',
  currencies: [...new Set(CHANNELS.flatMap(({ pays }) => pays.map(({ token }) => token)))],
  course: ['ACCEPTED', 'CONFIRMING'],
  told: [],
  onDuplicate: 'refuse',
  plays: ['SUBMIT', 'LOOKUP', 'LOOKUP_BY_REFERENCE', 'ASSETS', 'REFERENCE_DATA'],
  debitAt: 'accept',
  actions: {},
  callback: 'account',
  webhookWaitsMs: [0],
  makeCredentials(bytes) {
    const pair = generateKeyPairSync('rsa', { modulusLength: KEY_BITS });
    const privateKey = pair.privateKey.export({ format: 'der', type: 'pkcs8' }).toString('base64');
    const appId = `app-${bytes(16)
      .toString('hex')
      .replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')}`;
    return { appId, privateKey, repeatWhenAbsent: 'false', settlementChannel: 'settlement' };
  },
  // Nineteen digits, like the nanoseconds of the samples.
  makeReference(random, now) {
    return `${now.getTime()}${String(random.readUInt32BE(0) % 1_000_000).padStart(6, '0')}`;
  },
  sample: (amount) => plainSample({ amount, currency: 'USD' }, XPAY, 'June salary'),
  read: (request, account) => refuseCaller(request, account) ?? route(request, account),
  refuse: (reason) => REFUSALS[reason],
  // ChainPay is polled, and its account has no address to tell; no way of signing a callback is published.
  writeWebhook: (order, { appId = '' }) => ({ headers: {}, body: JSON.stringify(toData(order, appId)) }),
  isAcknowledged: (status) => status === 200,
};

/** A list is asked for by the app id alone, everything else is signed. Source: page "Channels and Currencies". */
function refuseCaller({ method, headers, body }: SandboxRequest, { credentials }: SandboxAccount): Asked | null {
  if (headers['app-id'] !== credentials.appId) return answer(refusal('invalid app-id'));
  return method === 'GET' || isSigned(body, credentials.privateKey ?? '') ? null : answer(REFUSALS.WRONG_CREDENTIALS);
}

function isSigned(body: Buffer, privateKeyText: string): boolean {
  const { sign } = readFields(body);
  const key = parsePrivateKey(privateKeyText);
  if (typeof sign !== 'string' || key === null) return false;
  const text = Buffer.from(signedText(body.toString('utf8')), 'utf8');
  return verify('RSA-SHA256', text, createPublicKey(key), Buffer.from(sign, 'base64'));
}

function route({ method, path, query, body }: SandboxRequest, { credentials }: SandboxAccount): Asked {
  switch (`${method} ${path}`) {
    case 'POST /v2/payout':
      return create(readFields(body));
    case 'POST /v2/queryPayOutOrder':
      return find(readFields(body), credentials.appId ?? '');
    case 'GET /v2/payChannel':
      return answer(success(CHANNELS.map(({ name, showName }) => toChannel(name, showName))));
    case 'GET /v2/currency':
      return answer(listCurrencies(query.get('channel')));
    default:
      return answer(refusal('page not found', 404));
  }
}

type Fields = Readonly<Record<string, unknown>>;

/** The members of a JSON object; none for anything else. */
function readFields(body: Buffer): Fields {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    return value !== null && typeof value === 'object' && !Array.isArray(value) ? { ...value } : {};
  } catch {
    return {};
  }
}

function create(fields: Fields): Asked {
  const { amount: text, currency, outTradeNo, payChannel, currencyId, receiver } = fields;
  const channel = CHANNELS.find(({ name }) => name === payChannel);
  if (channel === undefined) return answer(refusal('invalid channel'));
  const paid = channel.pays.find((each) => each.currencyId === currencyId && each.token === currency);
  if (paid === undefined) return answer(refusal('invalid currency'));
  const amount = typeof text === 'string' ? parseDecimal(text) : null;
  if (amount === null || isZero(amount) || compareDecimals(amount, MAXIMUM) > 0) {
    return answer(refusal('invalid amount'));
  }
  if (decimalPlaces(amount) > paid.places) return answer(refusal('invalid amount'));
  if (!isText(outTradeNo, 1, MAX_ORDER_NUMBER_LENGTH)) return answer(refusal('invalid outTradeNo'));
  // Wallets and phone numbers go through any channel: the payout page's own example pays a wallet by `xpay`.
  if (!isText(receiver, 1, 255) || /\s/.test(receiver)) return answer(REFUSALS.INVALID_DESTINATION);
  const extra = readExtra(fields.extra);
  if (extra === null) return answer(refusal('invalid extra'));
  const { token, chain, fee } = paid;
  return {
    kind: 'create',
    order: {
      mark: outTradeNo,
      amount,
      currency: token,
      network: chain,
      address: receiver,
      memo: null,
      fee,
      received: amount,
      debit: { amount: addDecimals(amount, fee), currency: token },
      callbackUrl: null,
      details: { payChannel: channel.name, currencyId: paid.currencyId, extra },
    },
    answer: ({ providerReference, state }) =>
      success({ order_no: providerReference, status: CREATE_WORDS[state], extra: {} }),
  };
}

/** An object comes in, its JSON text goes out; null: it is no such object. */
function readExtra(extra: unknown = {}): string | null {
  if (extra === null || typeof extra !== 'object' || Array.isArray(extra)) return null;
  const fits = Object.values(extra).every((value) => isText(value, 0, MAX_EXTRA_LENGTH));
  return fits ? JSON.stringify({ description: 'payout transaction', ...extra }) : null;
}

function find({ outTradeNo }: Fields, appId: string): Asked {
  return {
    kind: 'search',
    matches: ({ mark }) => mark === outTradeNo,
    answer: ([order]) => (order === undefined ? REFUSALS.NOT_FOUND : success(toData(order, appId))),
  };
}

function toData(order: Order, appId: string) {
  const { details, fee } = order;
  const done = order.state === 'COMPLETED';
  return {
    merchantId: 2,
    appId,
    merchantOrderNo: order.mark,
    orderNo: order.providerReference,
    channelName: details.payChannel,
    tokenSymbol: order.currency,
    tokenCount: order.amount,
    tokenFeeCount: isZero(fee) ? '' : fee,
    currencyId: details.currencyId,
    payHash: done && order.network !== '' ? `0x${order.transactionHash}` : '',
    transactionID: '',
    receiver: order.address,
    state: QUERY_WORDS[order.state],
    extra: details.extra,
    payTime: done ? Math.floor(order.updatedAt.getTime() / 1000) : 0,
  };
}

function toChannel(name: string, channelShowName: string) {
  return { channelShowName, iconName: '', name, state: true };
}

function listCurrencies(channel: string | null): SandboxAnswer {
  const pays = CHANNELS.find(({ name }) => name === channel)?.pays;
  if (pays === undefined) return refusal('invalid channel');
  return success(
    pays.map(({ chain, token, contract, protocol, decimal: places, currencyId }) => {
      return { chain, token, contract, protocol, logo: '', decimal: places, currencyId };
    }),
  );
}

function answer(given: SandboxAnswer): Asked {
  return { kind: 'answer', answer: given };
}

function success(data: unknown): SandboxAnswer {
  return { status: 200, body: JSON.stringify({ code: 0, data, msg: 'success' }) };
}

function refusal(msg: string, status = 200): SandboxAnswer {
  return { status, body: JSON.stringify({ code: 7, data: {}, msg }) };
}

/** For this file's own constants. */
function decimal(text: string): Decimal {
  const value = parseDecimal(text);
  if (value === null) throw new RangeError(`${text} is not a decimal`);
  return value;
}

function isText(value: unknown, min: number, max: number): value is string {
  return typeof value === 'string' && value.length >= min && value.length <= max;
}
