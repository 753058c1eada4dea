import {
  addDecimals,
  canonicalDecimal,
  compareDecimals,
  type Decimal,
  decimalPlaces,
  multiplyDecimals,
  parseDecimal,
  parseJsonNumber,
} from '../../domain/money.ts';
import { Digits, type Fields, readFields } from '../../sandbox/fields.ts';
import { plainSample } from '../../sandbox/sample.ts';
import type {
  Asked,
  NewOrder,
  Order,
  OrderState,
  Refusal,
  SandboxAccount,
  SandboxAnswer,
  SandboxRequest,
  SandboxSide,
} from '../../sandbox.ts';
import { ASSETS, NETWORKS, parseNetwork } from './networks.ts';
import { common, displayName, feeOf, minimumOf, swap, swapHistory, swapPairs, usdOf } from './sandbox-market.ts';
import { MAX_PLACES, sign } from './wire.ts';

/** No payout here waits for documents or a confirmation, so those two never come up; there is no word for a return. */
const WORDS: Readonly<Record<OrderState, string>> = {
  ACCEPTED: 'processing',
  MATERIAL: 'pending',
  HELD: 'pending',
  QUEUED: 'pending',
  CONFIRMING: 'confirming',
  COMPLETED: 'confirmed',
  FAILED: 'rejected',
  BLOCKED: 'rejected',
  CANCELLED: 'canceled',
  REFUNDED: 'rejected',
  STRANGE: 'on_hold',
};

/** A webhook knows three words; whatever did not end well is `Failed`. */
const WEBHOOK_WORDS: Readonly<Record<OrderState, string>> = {
  ACCEPTED: 'Confirming',
  MATERIAL: 'Confirming',
  HELD: 'Confirming',
  QUEUED: 'Confirming',
  CONFIRMING: 'Confirming',
  COMPLETED: 'Confirmed',
  FAILED: 'Failed',
  BLOCKED: 'Failed',
  CANCELLED: 'Failed',
  REFUNDED: 'Failed',
  STRANGE: 'On_hold',
};

const REFUSALS: Readonly<Record<Refusal, SandboxAnswer>> = {
  INSUFFICIENT_BALANCE: refusal(400, 'insufficient_balance', 'amount', 'The balance is not enough.'),
  INVALID_DESTINATION: refusal(400, 'invalid_param', 'address', 'The address is not valid.'),
  DUPLICATE: refusal(400, 'invalid_param', 'description', 'The payout exists already.'),
  NOT_FOUND: refusal(404, 'not_found', 'track_id', 'The payout was not found.'),
  // There is nothing to be asked of a payout, and no opening hours: these two never come up.
  WRONG_STATE: refusal(400, 'invalid_state', 'track_id', 'The payout does not allow it.'),
  OUTSIDE_HOURS: refusal(503, 'maintenance', '', 'The service is closed.'),
  MAINTENANCE: refusal(503, 'maintenance', '', 'The service is under maintenance.'),
  RATE_LIMITED: refusal(429, 'too_many_requests', '', 'Too many requests.'),
  WRONG_CREDENTIALS: refusal(401, 'invalid_api_key', '', 'The API key is not valid.'),
};

const NOTHING_HERE = refusal(404, 'not_found', '', 'There is nothing here.');
/** The limit of the key for one payout, here in the currency itself. Source: assumed. */
const MAXIMUM = decimal('100000');
/** Answers carry so many. Source: Payout Information, `0.0200000000`. */
const PLACES = 10;
const MINUTE_MS = 60_000;

/** OxaPay's side of the wire. Source: docs.oxapay.com, the payout pages; error types, limits and fees are assumed. */
export const sandbox: SandboxSide = {
  slug: 'oxapay',
  basePath: '/v1',
  currencies: [...ASSETS.keys()],
  plays: ['SUBMIT', 'LOOKUP', 'LOOKUP_BY_REFERENCE', 'SIGNED_WEBHOOK', 'QUOTE', 'BALANCES', 'ASSETS'],
  debitAt: 'accept',
  actions: {},
  callback: 'order',
  course: ['ACCEPTED', 'QUEUED', 'CONFIRMING'],
  told: ['CONFIRMING'],
  onDuplicate: 'payAgain',
  webhookWaitsMs: [0, MINUTE_MS, 3 * MINUTE_MS, 30 * MINUTE_MS, 180 * MINUTE_MS],
  makeCredentials: (bytes) => ({
    payoutKey: bytes(24).toString('hex').toUpperCase(),
    generalKey: bytes(24).toString('hex').toUpperCase(),
  }),
  makeReference: (random) => String(100_000_000 + (random.readUInt32BE() % 900_000_000)),
  sample: (amount) => plainSample({ amount, currency: 'USDT' }),
  read: (request, account) => refuseCaller(request, account) ?? route(request, account),
  refuse: (reason) => REFUSALS[reason],
  writeWebhook(order, { payoutKey = '' }) {
    const body = JSON.stringify(toWebhook(order));
    return { headers: { HMAC: sign(body, payoutKey) }, body };
  },
  isAcknowledged: (status, body) => status === 200 && /^ok$/i.test(body.trim()),
};

/** Each key opens its own calls and no other; the common ones need none. */
function refuseCaller({ path, headers }: SandboxRequest, { credentials }: SandboxAccount): Asked | null {
  if (path.startsWith('/common/')) return null;
  const [header, key] = path.startsWith('/general/')
    ? ['general_api_key', credentials.generalKey]
    : ['payout_api_key', credentials.payoutKey];
  return key !== undefined && headers[header] === key ? null : answer(REFUSALS.WRONG_CREDENTIALS);
}

function route({ method, path, query, body }: SandboxRequest, { wallets, now }: SandboxAccount): Asked {
  const shown = method === 'GET' ? common(path) : null;
  if (shown !== null) return answer(success(shown));
  if (path.startsWith('/general/swap')) return routeSwap(method, path, query, body, now);
  const trackId = /^\/payout\/([^/]+)$/.exec(path)?.[1];
  if (method === 'POST' && path === '/payout') return create(readFields(body));
  if (method === 'GET' && path === '/payout') return search(query);
  if (method === 'GET' && path === '/general/account/balance') return answer(balances(wallets, query.get('currency')));
  if (method === 'GET' && trackId !== undefined) {
    return { kind: 'find', providerReference: trackId, answer: (order) => success(toRecord(order)) };
  }
  return answer(NOTHING_HERE);
}

function routeSwap(method: string, path: string, query: URLSearchParams, body: Buffer, now: Date): Asked {
  const what = path.slice('/general/swap'.length);
  if (method === 'GET' && what === '/pairs') return answer(success(swapPairs()));
  if (method === 'GET' && what === '') {
    const history = swapHistory(query);
    return typeof history === 'string'
      ? invalid(history, `The ${history} field is not valid.`)
      : answer(success(history));
  }
  if (method === 'POST' && (what === '' || what === '/calculate' || what === '/rate')) {
    const { from_currency: from, to_currency: to, amount: digits } = readFields(body);
    const symbol = (value: unknown) => (typeof value === 'string' ? value.toUpperCase() : '');
    const amount = digits instanceof Digits ? parseJsonNumber(digits.text) : null;
    const result = swap(what, symbol(from), symbol(to), amount, now);
    return 'invalid' in result ? invalid(...result.invalid) : answer(success(result));
  }
  return answer(NOTHING_HERE);
}

function create(fields: Fields): Asked {
  const { address, currency: symbol, amount: digits, network: spelling } = fields;
  const { callback_url: url = '', memo = '', description = '' } = fields;
  if (typeof address !== 'string' || address.trim() === '') return invalid('address', 'The address field is required.');
  const currency = typeof symbol === 'string' ? symbol.toUpperCase() : '';
  const networks = ASSETS.get(currency);
  if (networks === undefined) return invalid('currency', 'The currency is not supported.');
  const only = networks.length === 1 ? networks[0] : undefined;
  const network = typeof spelling === 'string' ? parseNetwork(spelling) : spelling === undefined ? only : null;
  if (network == null || !networks.includes(network)) return invalid('network', 'The network is not supported.');
  if (!(digits instanceof Digits)) return invalid('amount', 'The amount field must be a number.');
  const amount = parseJsonNumber(digits.text);
  if (amount === null || decimalPlaces(amount) > MAX_PLACES) return invalid('amount', 'The amount is not valid.');
  if (typeof url !== 'string' || (url !== '' && !isWebUrl(url)))
    return invalid('callback_url', 'The URL is not valid.');
  if (typeof memo !== 'string') return invalid('memo', 'The memo field must be a string.');
  if (typeof description !== 'string') return invalid('description', 'The description field must be a string.');

  const minimum = minimumOf(currency);
  if (compareDecimals(amount, minimum) < 0) {
    return answer(refusal(400, 'amount_too_low', 'amount', `The minimum is ${minimum}.`));
  }
  if (compareDecimals(amount, MAXIMUM) > 0) {
    return answer(refusal(400, 'amount_too_high', 'amount', `The maximum is ${MAXIMUM}.`));
  }
  const fee = feeOf(currency, network);
  const order: NewOrder = {
    mark: description === '' ? null : description,
    amount,
    currency,
    network: displayName(NETWORKS.find(({ code }) => code === network)?.key ?? network),
    address,
    memo: memo === '' ? null : memo,
    fee,
    received: amount,
    debit: { amount: addDecimals(amount, fee), currency },
    callbackUrl: url === '' ? null : url,
    details: {},
  };
  return {
    kind: 'create',
    order,
    answer: (accepted) => success({ track_id: accepted.providerReference, status: WORDS[accepted.state] }),
  };
}

/** Fields by which the history is sorted. `pay_date` is that of the last change. */
const SORTS: Readonly<Record<string, (a: Order, b: Order) => number>> = {
  create_date: (a, b) => a.createdAt.getTime() - b.createdAt.getTime(),
  pay_date: (a, b) => a.updatedAt.getTime() - b.updatedAt.getTime(),
  amount: (a, b) => compareDecimals(a.amount, b.amount),
};

function search(query: URLSearchParams): Asked {
  const text = (name: string) => query.get(name) || null;
  const filters = readFilters(text);
  if (typeof filters === 'string') return invalid(filters, `The ${filters} field is not valid.`);
  const sort = SORTS[text('sort_by') ?? 'create_date'];
  if (sort === undefined) return invalid('sort_by', 'The sort_by field is not valid.');
  const direction = text('sort_type') ?? 'desc';
  if (direction !== 'asc' && direction !== 'desc') return invalid('sort_type', 'The sort_type field is not valid.');
  const size = readInteger(text('size') ?? '10');
  if (size === null || size < 1 || size > 200) return invalid('size', 'The size must be between 1 and 200.');
  const page = readInteger(text('page') ?? '1');
  if (page === null || page < 1) return invalid('page', 'The page must be at least 1.');

  return {
    kind: 'search',
    matches: (order) => filters.every((passes) => passes(order)),
    answer(orders) {
      const ascending = orders.toSorted(sort);
      const sorted = direction === 'asc' ? ascending : ascending.reverse();
      const list = sorted.slice((page - 1) * size, page * size).map(toRecord);
      const lastPage = Math.max(1, Math.ceil(orders.length / size));
      return success({ list, meta: { page: page, last_page: lastPage, total: orders.length } });
    },
  };
}

type Filter = (order: Order) => boolean;

/** The filters that the query gives, or the name of the first one that cannot be read. */
function readFilters(text: (name: string) => string | null): readonly Filter[] | string {
  const filters: Filter[] = [];
  const words = new Set(Object.values(WORDS));
  const readers: Readonly<Record<string, (value: string) => Filter | null>> = {
    status: (value) => (words.has(value) ? (order) => WORDS[order.state] === value : null),
    // No order here goes to another account of OxaPay.
    type: (value) => (value === 'internal' || value === 'external' ? () => value === 'external' : null),
    currency: (value) => (order) => order.currency === value.toUpperCase(),
    network: (value) => (order) => parseNetwork(order.network) === parseNetwork(value),
    address: (value) => (order) => order.address === value,
    from_amount: (value) => amountFilter(value, (difference) => difference >= 0),
    to_amount: (value) => amountFilter(value, (difference) => difference <= 0),
    from_date: (value) => dateFilter(value, (seconds, bound) => seconds >= bound),
    to_date: (value) => dateFilter(value, (seconds, bound) => seconds <= bound),
  };
  for (const [name, read] of Object.entries(readers)) {
    const value = text(name);
    if (value === null) continue;
    const filter = read(value);
    if (filter === null) return name;
    filters.push(filter);
  }
  return filters;
}

function amountFilter(value: string, passes: (difference: number) => boolean): Filter | null {
  const bound = parseDecimal(value);
  return bound === null ? null : ({ amount }) => passes(compareDecimals(amount, bound));
}

function dateFilter(value: string, passes: (seconds: number, bound: number) => boolean): Filter | null {
  const bound = readInteger(value);
  return bound === null ? null : ({ createdAt }) => passes(toSeconds(createdAt), bound);
}

function balances(wallets: ReadonlyMap<string, Decimal>, currency: string | null): SandboxAnswer {
  const shown = [...wallets].filter(([symbol]) => !currency || symbol === currency.toUpperCase());
  return success(Object.fromEntries(shown.map(([symbol, balance]) => [symbol, exact(balance)])));
}

/** One payout of the information call and of the history. */
function toRecord(order: Order) {
  return {
    track_id: order.providerReference,
    address: order.address,
    currency: order.currency,
    network: order.network,
    amount: exact(order.amount),
    fee: exact(order.fee),
    status: WORDS[order.state],
    tx_hash: hashOf(order),
    description: order.mark ?? '',
    internal: false,
    memo: order.memo ?? '',
    date: toSeconds(order.createdAt),
  };
}

function toWebhook(order: Order) {
  return {
    track_id: order.providerReference,
    status: WEBHOOK_WORDS[order.state],
    type: 'payout',
    tx_hash: hashOf(order),
    address: order.address,
    amount: exact(order.amount),
    value: exact(multiplyDecimals(order.amount, usdOf(order.currency), 2)),
    currency: order.currency,
    network: order.network,
    description: order.mark ?? '',
    date: toSeconds(order.createdAt),
  };
}

function hashOf({ state, transactionHash }: Order): string {
  return state === 'CONFIRMING' || state === 'COMPLETED' ? transactionHash : '';
}

function answer(given: SandboxAnswer): Asked {
  return { kind: 'answer', answer: given };
}

function success(data: object): SandboxAnswer {
  const message = 'Operation completed successfully!';
  return { status: 200, body: JSON.stringify({ data, message, error: {}, status: 200, version: '1.0.0' }) };
}

function invalid(key: string, message: string): Asked {
  return answer(refusal(400, 'invalid_param', key, message));
}

function refusal(status: number, type: string, key: string, text: string): SandboxAnswer {
  const message = status === 400 ? 'The submitted data is not valid.' : text;
  const error = { type, key, message: text };
  return { status, body: JSON.stringify({ data: {}, message, error, status, version: '1.0.0' }) };
}

/** A JSON number with ten decimals. */
function exact(value: Decimal) {
  const [whole = '0', fraction = ''] = canonicalDecimal(value).split('.');
  return JSON.rawJSON(`${whole}.${fraction.padEnd(PLACES, '0')}`);
}

function toSeconds(at: Date): number {
  return Math.floor(at.getTime() / 1000);
}

function readInteger(text: string): number | null {
  return /^[0-9]{1,12}$/.test(text) ? Number(text) : null;
}

/** For this file's own constants. */
function decimal(text: string): Decimal {
  const value = parseDecimal(text);
  if (value === null) throw new RangeError(`${text} is not a decimal`);
  return value;
}

/** The provider itself takes https alone, and no private addresses. */
function isWebUrl(value: string): boolean {
  return /^https?:$/.test(URL.parse(value)?.protocol ?? '');
}
