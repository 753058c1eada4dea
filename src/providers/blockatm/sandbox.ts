import { addDecimals, type Decimal, decimalPlaces, isZero, parseDecimal } from '../../domain/money.ts';
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
import { readJson } from '../../transport.ts';
import { isPaid, NETWORKS } from './networks.ts';
import { canonicalText, sign } from './signing.ts';
import { MAX_BATCH, MAX_PLACES } from './wire.ts';

const WORDS: Readonly<Record<OrderState, string>> = {
  ACCEPTED: 'PENDING',
  MATERIAL: 'PENDING',
  HELD: 'PENDING',
  QUEUED: 'PENDING',
  CONFIRMING: 'PROCESSING',
  COMPLETED: 'SUCCESS',
  FAILED: 'REFUSE',
  BLOCKED: 'REFUSE',
  CANCELLED: 'REFUSE',
  REFUNDED: 'REFUSE',
  STRANGE: 'REVIEWING',
};

/** A refusal of one order or of the whole request. */
interface Fault {
  readonly status: number;
  readonly code: string;
  readonly msg: string;
}

/** Which code is answered to what. Source: error-code page for the codes; the cases and the HTTP status are assumed. */
const FAULTS: Readonly<Record<Refusal, Fault>> = {
  INSUFFICIENT_BALANCE: fault('000403', 'contract balance insufficient'),
  INVALID_DESTINATION: fault('000405', 'recipient is not on the whitelist'),
  DUPLICATE: fault('000201', 'order number already exists'),
  NOT_FOUND: fault('000202', 'order not found'),
  WRONG_STATE: fault('000204', 'wrong status'),
  OUTSIDE_HOURS: fault('000113', 'service unavailable'),
  MAINTENANCE: fault('000114', 'under maintenance'),
  RATE_LIMITED: fault('000107', 'too many requests', 429),
  WRONG_CREDENTIALS: fault('000306', 'signature verification failed'),
};

/** `withdrawFee`, in the token and on top of the amount. Source: coin list, config page; that of USDC is assumed. */
const FEES: ReadonlyMap<string, Decimal> = new Map([
  ['TRON', decimal('1')],
  ['ETHEREUM', decimal('1')],
  ['ARBITRUM', decimal('0.5')],
]);
/** `gasAmount`, in USDT; it leaves no wallet here. Source: assumed. */
const GAS: ReadonlyMap<string, string> = new Map([
  ['TRON', '1.2'],
  ['ETHEREUM', '3'],
  ['ARBITRUM', '0.1'],
]);

/** The chain id in answers, and the one in the coin list, which differs for one. Source: config page. */
const CHAINS = [
  { network: 'TRON', chainId: '0x2b6653dc', listedAs: 'TRON', symbol: 'TRX', decimals: 6 },
  { network: 'ETHEREUM', chainId: '1', listedAs: '1', symbol: 'ETH', decimals: 18 },
  { network: 'ARBITRUM', chainId: '42161', listedAs: '42161', symbol: 'ETH', decimals: 18 },
] as const;

/** Source: config page; the digits that it leaves out are common knowledge. */
const TOKENS: ReadonlyMap<string, string> = new Map([
  ['USDT/TRON', 'TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t'],
  ['USDT/ETHEREUM', '0xdac17f958d2ee523a2206206994597c13d831ec7'],
  ['USDT/ARBITRUM', '0xfd086bc7cd5c481dcc9c85ebe478a1c0b69fcbb9'],
  ['USDC/ETHEREUM', '0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48'],
]);

const DEFAULT_WINDOW_MS = 30_000;
const MAX_WINDOW_MS = 60_000;
/** A request may be stamped so far ahead of the provider's clock. Source: assumed. */
const MAX_AHEAD_MS = 5_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** BlockATM's side of the wire. Source: payout, authentication, config and webhook pages; see Gaps in README.md. */
export const sandbox: SandboxSide = {
  slug: 'blockatm',
  basePath: '',
  currencies: ['USDT', 'USDC'],
  course: ['ACCEPTED', 'CONFIRMING'],
  told: [],
  onDuplicate: 'refuse',
  plays: ['SUBMIT', 'BATCH_SUBMIT', 'LOOKUP', 'LOOKUP_BY_REFERENCE', 'SIGNED_WEBHOOK', 'QUOTE', 'ASSETS'],
  debitAt: 'accept',
  actions: {},
  callback: 'account',
  webhookWaitsMs: [0, MINUTE_MS, 5 * MINUTE_MS, 30 * MINUTE_MS, 2 * HOUR_MS, 24 * HOUR_MS],
  makeCredentials: (bytes) => ({
    apiKey: `pk_payment_${bytes(16).toString('hex')}`,
    secretKey: `sck_${bytes(16).toString('hex')}`,
    webhookKey: `whk_${bytes(16).toString('hex')}`,
    contractId: String(200_000 + (bytes(4).readUInt32BE() % 800_000)),
    network: 'TRON',
  }),
  makeReference: (random) => String(8_000_000_000 + (random.readUInt32BE() % 1_000_000_000)),
  sample: (amount) => plainSample({ amount, currency: 'USDT' }),
  read: (request, account) => route(request, account),
  refuse: (refusal) => refuse(FAULTS[refusal]),
  writeWebhook(order, { webhookKey = '', contractId = '' }, now) {
    const body = JSON.stringify(toWebhook(order, contractId));
    const time = String(now.getTime());
    const headers = {
      'BlockATM-Event': 'Payout',
      'BlockATM-Request-Time': time,
      'BlockATM-Signature-V2': sign(`${body}&time=${time}`, webhookKey),
    };
    return { headers, body };
  },
  isAcknowledged: (status) => status === 200,
};

function route(request: SandboxRequest, account: SandboxAccount): Asked {
  const { method, path, query, body } = request;
  switch (`${method} ${path}`) {
    case 'GET /admin/api/v2/pub/coin/list':
      return answer(list(coins()));
    case 'GET /admin/api/v2/pub/network/list':
      return answer(list(CHAINS.map(toChain)));
    case 'POST /order/api/v2/payout/order': {
      const fields = parseJson(body, JSON.parse);
      return refuseCaller(request, account, parseJson(body, readJson)) ?? create(fields, account);
    }
    case 'POST /order/api/v2/payout/batch': {
      const fields = parseJson(body, JSON.parse);
      return refuseCaller(request, account, parseJson(body, readJson)) ?? createAll(fields, account);
    }
    case 'GET /order/api/v2/payout/detail': {
      return refuseCaller(request, account, Object.fromEntries(query)) ?? find(query.get('orderNo'), account);
    }
    default:
      return answer(refuse(fault('000105', 'invalid request', 404)));
  }
}

/** Source: authentication page; the codes, and how far ahead a request may be stamped, are assumed. */
function refuseCaller({ headers }: SandboxRequest, account: SandboxAccount, fields: Fields): Asked | null {
  const { apiKey, secretKey = '' } = account.credentials;
  const given = headers['blockatm-api-key'];
  if (given === undefined) return answer(refuse(fault('000112', 'API key is required')));
  if (given !== apiKey) return answer(refuse(fault('000110', 'no permission')));
  const time = String(headers['blockatm-request-time'] ?? '');
  const window = Number(headers['blockatm-rec_window'] ?? DEFAULT_WINDOW_MS);
  const age = account.now.getTime() - Number(time);
  const fresh = /^[0-9]+$/.test(time) && age <= Math.min(window, MAX_WINDOW_MS) && age >= -MAX_AHEAD_MS;
  const signed = headers['blockatm-signature-v2'] === sign(canonicalText(fields, time), secretKey);
  return fresh && signed ? null : answer(refuse(FAULTS.WRONG_CREDENTIALS));
}

type Fields = Readonly<Record<string, unknown>>;

/** The members of a JSON object; none for anything else, so that every required field is then missing. */
function parseJson(body: Buffer, parse: (text: string) => unknown): Fields {
  try {
    return toFields(parse(body.toString('utf8')));
  } catch {
    return {};
  }
}

function toFields(value: unknown): Fields {
  return value !== null && typeof value === 'object' && !Array.isArray(value) ? { ...value } : {};
}

/** What a create and an order of a batch have in common. Source: payout page; the codes are assumed. */
function readOrder(fields: Fields, account: SandboxAccount, details: Record<string, string>): NewOrder | Fault {
  const { orderNo, recipient, amount: text, symbol } = fields;
  for (const [name, value] of Object.entries({ orderNo, recipient, amount: text, symbol })) {
    if (value === undefined || value === null || value === '') return fault('000103', `${name} is required`);
    if (typeof value !== 'string') return fault('000102', `${name} must be a string`);
  }
  const amount = typeof text === 'string' ? parseDecimal(text) : null;
  if (amount === null || isZero(amount) || decimalPlaces(amount) > MAX_PLACES) {
    return fault('000105', 'amount is invalid');
  }
  const { network = '' } = account.credentials;
  if (typeof symbol !== 'string' || !isPaid(symbol, network)) return fault('000404', 'token is not supported');
  const fee = FEES.get(network) ?? decimal('1');
  return {
    mark: String(orderNo),
    amount,
    currency: symbol,
    network,
    address: String(recipient),
    memo: null,
    fee,
    received: amount,
    debit: { amount: addDecimals(amount, fee), currency: symbol },
    callbackUrl: null,
    details,
  };
}

function refuseContract({ contractId }: Fields, { credentials }: SandboxAccount): Fault | null {
  if (typeof contractId !== 'string' || contractId === '') return fault('000103', 'contractId is required');
  return contractId === credentials.contractId ? null : fault('000401', 'contract does not exist');
}

function create(fields: Fields, account: SandboxAccount): Asked {
  const { payoutType = 1, fromAddress, remark } = fields;
  const foreign = refuseContract(fields, account);
  if (foreign !== null) return answer(refuse(foreign));
  if (payoutType !== 1 && payoutType !== 2) return answer(refuse(fault('000105', 'payoutType is 1 or 2')));
  if (payoutType === 2 && (typeof fromAddress !== 'string' || fromAddress === '')) {
    return answer(refuse(fault('000103', 'fromAddress is required')));
  }
  const details = {
    payoutType: String(payoutType),
    ...(typeof fromAddress === 'string' ? { fromAddress } : {}),
    ...(typeof remark === 'string' ? { remark } : {}),
  };
  const order = readOrder(fields, account, details);
  if ('code' in order) return answer(refuse(order));
  return { kind: 'create', order, answer: (taken) => success(toCreated(taken)) };
}

/** What is wrong with one order refuses that one alone. Source: assumed; the payout page shows no result of an order. */
function createAll(fields: Fields, account: SandboxAccount): Asked {
  const { payoutType = 1, orders } = fields;
  const foreign = refuseContract(fields, account);
  if (foreign !== null) return answer(refuse(foreign));
  if (payoutType !== 1) return answer(refuse(fault('000103', 'fromAddress is required')));
  if (!Array.isArray(orders) || orders.length === 0) return answer(refuse(fault('000104', 'orders is empty')));
  if (orders.length > MAX_BATCH) return answer(refuse(fault('000206', 'too many orders')));
  const items = orders.map(toFields);
  const read = items.map((item) => readOrder(item, account, { payoutType: '1' }));
  return {
    kind: 'batch',
    orders: read.map((order) => ('code' in order ? { refusal: 'INVALID_DESTINATION' } : order)),
    answer(results) {
      const shown = results.flatMap((result, index): readonly Result[] => {
        const own = read[index];
        if (result === undefined) return [];
        // What this side refused by itself has a code that no refusal of the sandbox's stands for.
        if (own !== undefined && 'code' in own) return [toRefused(items[index], own)];
        if (typeof result === 'string') return [toRefused(items[index], FAULTS[result])];
        return [{ ...toCreated(result), success: true }];
      });
      const successCount = shown.filter((each) => each.success).length;
      return success({ successCount, failCount: shown.length - successCount, orders: shown });
    },
  };
}

/** Of several orders under one number, which there should never be, the oldest is shown. */
function find(orderNo: string | null, { credentials }: SandboxAccount): Asked {
  if (orderNo === null || orderNo === '') return answer(refuse(fault('000103', 'orderNo is required')));
  return {
    kind: 'search',
    matches: ({ mark }) => mark === orderNo,
    answer: ([order]) =>
      order === undefined ? refuse(FAULTS.NOT_FOUND) : success(toDetail(order, credentials.contractId ?? '')),
  };
}

function toCreated(order: Order) {
  return {
    orderNo: order.mark,
    orderId: order.providerReference,
    status: WORDS[order.state],
    createTime: order.createdAt.getTime(),
  };
}

/** What a batch's answer says of one order. */
type Result = { readonly success: boolean } & Fields;

function toRefused(item: Fields | undefined, { code, msg }: Fault): Result {
  return { orderNo: item?.orderNo, success: false, code, msg };
}

/** Fee and gas are charged on success alone. Source: payout guide; that they are zero before is assumed. */
function toFigures({ state, fee, network }: Order) {
  const paid = state === 'COMPLETED';
  return { fee: paid ? fee : '0', gasAmount: paid ? (GAS.get(network) ?? '0') : '0' };
}

/** `data` of the detail: it names neither the provider's id nor the network. */
function toDetail(order: Order, contractId: string) {
  return {
    orderNo: order.mark,
    contractId,
    recipient: order.address,
    amount: order.amount,
    symbol: order.currency,
    payoutType: Number(order.details.payoutType ?? '1'),
    txId: toHash(order),
    status: WORDS[order.state],
    ...toFigures(order),
    createTime: order.createdAt.getTime(),
    updateTime: order.updatedAt.getTime(),
  };
}

/** The order's number has another name here, and the ids are numbers. Source: webhook page. */
function toWebhook(order: Order, contractId: string) {
  return {
    custNo: '',
    bizOrderNo: order.mark,
    id: Number(order.providerReference),
    symbol: order.currency,
    amount: order.amount,
    status: WORDS[order.state],
    txId: toHash(order),
    network: order.network,
    chainId: CHAINS.find(({ network }) => network === order.network)?.chainId ?? '',
    fromAddress: order.details.fromAddress ?? '',
    toAddress: order.address,
    ...toFigures(order),
    type: Number(order.details.payoutType ?? '1'),
    createTime: order.createdAt.getTime(),
    contractId: Number(contractId),
    blockTime: order.updatedAt.getTime(),
  };
}

function toHash({ state, transactionHash }: Order): string {
  return state === 'COMPLETED' ? transactionHash : '';
}

/** Source: config page; amounts as text, and the bounds beyond its sample, are assumed. */
function coins() {
  const symbols: readonly string[] = [...new Set(NETWORKS.flatMap((row) => [...row.symbols]))];
  return symbols.map((symbol) => ({
    symbol,
    name: symbol === 'USDT' ? 'Tether USD' : 'USD Coin',
    networks: CHAINS.filter(({ network }) => isPaid(symbol, network)).map(({ network, listedAs }) => ({
      chainId: listedAs,
      networkName: network,
      contractAddress: TOKENS.get(`${symbol}/${network}`) ?? '',
      decimals: MAX_PLACES,
      minAmount: '10',
      maxAmount: '1000000',
      withdrawFee: FEES.get(network) ?? '1',
    })),
  }));
}

function toChain({ network, chainId, symbol, decimals }: (typeof CHAINS)[number]) {
  return {
    chainId,
    networkName: network,
    shortName: symbol,
    symbol,
    decimals,
    explorerUrl: '',
    rpcUrl: '',
    status: 'active',
    avgBlockTime: 3,
    avgGasFee: GAS.get(network) ?? '0',
  };
}

function answer(given: SandboxAnswer): Asked {
  return { kind: 'answer', answer: given };
}

function success(data: object): SandboxAnswer {
  return { status: 200, body: JSON.stringify({ code: '200', success: true, data, trace: '', msg: '' }) };
}

/** The public lists have an envelope of their own. */
function list(data: readonly object[]): SandboxAnswer {
  return { status: 200, body: JSON.stringify({ code: '0', message: 'success', data }) };
}

function refuse({ status, code, msg }: Fault): SandboxAnswer {
  return { status, body: JSON.stringify({ code, success: false, data: null, trace: '', msg }) };
}

function fault(code: string, msg: string, status = 200): Fault {
  return { status, code, msg };
}

/** For this file's own constants. */
function decimal(text: string): Decimal {
  const value = parseDecimal(text);
  if (value === null) throw new RangeError(`${text} is not a decimal`);
  return value;
}
