import { createSecretKey, type KeyObject } from 'node:crypto';
import { StartupError } from '../../domain/errors.ts';
import { decimalPlaces } from '../../domain/money.ts';
import type { Order } from '../../domain/payout.ts';
import type {
  AbsenceRule,
  BatchItem,
  Call,
  LookupOutcome,
  Provider,
  ProviderId,
  SendOutcome,
} from '../../domain/provider.ts';
import { createListing } from '../../domain/recent.ts';
import { type Answer, readJson, type Transport } from '../../transport.ts';
import { type AccountSettings, type ProviderDefinition, type Setting, sendOutcome } from '../define.ts';
import { type MarketSeat, readAssets, readQuote } from './market.ts';
import { isPaid, KNOWN_ASSETS, NETWORKS } from './networks.ts';
import { REQUEST_WINDOW_MS, type RequestKeys, signedHeaders } from './signing.ts';
import {
  encodeBatch,
  encodeCreate,
  MAX_BATCH,
  MAX_PLACES,
  readBatch,
  readCreate,
  readDetail,
  readWebhook,
  toBatchOrder,
} from './wire.ts';

const ORDER_PATH = '/order/api/v2/payout';

/** A payout is normally done within a day: a person may have to approve it in the console. Source: payout guide. */
const USUAL_MS = 24 * 60 * 60 * 1000;

/** For a single call; an account as a whole may make 1000. Source: rate-limit page. */
const CALLS_PER_MINUTE = 100;

/** What is still on its way two minutes after its window is over would be refused for its age. Source: assumed. */
const ABSENCE_RULE: AbsenceRule = { looks: 2, apartMs: 30_000, afterMs: REQUEST_WINDOW_MS + 120_000 };

const settings = {
  baseUrl: {
    env: 'BLOCKATM_BASE_URL',
    kind: 'url',
    fallback: 'https://open.blockatm.net',
    description: 'Where the open API of BlockATM is.',
  },
  apiKey: {
    env: 'BLOCKATM_API_KEY',
    kind: 'secret',
    fallback: null,
    description: "The API key of the payout contract's integration.",
  },
  secretKey: {
    env: 'BLOCKATM_SECRET_KEY',
    kind: 'secret',
    fallback: null,
    description: 'The secret key beside it: signs every request.',
  },
  webhookKey: {
    env: 'BLOCKATM_WEBHOOK_KEY',
    kind: 'secret',
    fallback: null,
    description: 'The webhook key of the payout contract: verifies its webhooks.',
  },
  contractId: {
    env: 'BLOCKATM_CONTRACT_ID',
    kind: 'text',
    fallback: null,
    description: 'The id of the payout contract: the identity of the account at BlockATM.',
  },
  network: {
    env: 'BLOCKATM_NETWORK',
    kind: 'text',
    fallback: null,
    description: 'The network that the payout contract pays on: TRON, ETHEREUM or ARBITRUM.',
  },
} satisfies Record<string, Setting>;

interface OpenAccount extends MarketSeat {
  readonly contractId: string;
  readonly keys: RequestKeys;
  readonly webhookKey: KeyObject;
}

function openAccount(account: AccountSettings, transport: Transport, now: () => Date): OpenAccount {
  const read = (key: keyof typeof settings): string => {
    const value = account.values[key] || settings[key].fallback;
    // An empty webhook key would also make every webhook forgeable.
    if (!value) throw new StartupError(`BlockATM, account ${account.name}: ${key} is not set`);
    return value;
  };
  const network = read('network');
  if (!NETWORKS.some((row) => row.network === network)) {
    const codes = NETWORKS.map((row) => row.network).join(', ');
    throw new StartupError(`BlockATM, account ${account.name}: network is ${network} and must be one of ${codes}`);
  }
  return {
    contractId: read('contractId'),
    network,
    keys: { apiKey: read('apiKey'), secretKey: createSecretKey(read('secretKey'), 'utf8') },
    webhookKey: createSecretKey(read('webhookKey'), 'utf8'),
    line: transport.open({ baseUrl: read('baseUrl') }),
    lists: createListing(now),
  };
}

function supports(order: Order, contractNetwork: string): true | string {
  const { amount, destination, feeMode, sourceCurrency, receiveCurrency } = order;
  if (destination.kind !== 'blockchain') return 'BlockATM pays to blockchain addresses only.';
  const { network, memo } = destination;
  if (!isPaid(amount.currency, network)) return `BlockATM does not pay ${amount.currency} on ${network}.`;
  if (network !== contractNetwork) {
    return `The payout contract of this BlockATM account pays on ${contractNetwork}, not on ${network}.`;
  }
  if (memo !== null) return 'BlockATM takes no memo.';
  if (feeMode === 'DEDUCT') return 'BlockATM adds its fee on top and cannot deduct it from the amount.';
  if (sourceCurrency !== null || receiveCurrency !== null) {
    return 'BlockATM does not convert: it debits the token that it pays.';
  }
  if (decimalPlaces(amount.amount) > MAX_PLACES) return `BlockATM takes at most ${MAX_PLACES} decimal places.`;
  return true;
}

/** A batch has neither the wallet that pays nor a remark. */
const batch: Provider['batch'] = {
  size: MAX_BATCH,
  takes: ({ fundingAddress, description }) => fundingAddress === null && description === null,
};

/** A call to an order, and the fields that sign it. */
interface SignedRequest {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly fields: unknown;
  readonly body: string | null;
}

/** Signs at `at`, and lets nothing be written once that is too long ago for the provider to take it. */
function exchange({ line, keys }: OpenAccount, request: SignedRequest, call: Call, at: Date): Promise<Answer> {
  const { method, path, fields, body } = request;
  const tooOldAt = new Date(at.getTime() + REQUEST_WINDOW_MS);
  const sendBy = call.sendBy !== null && call.sendBy < tooOldAt ? call.sendBy : tooOldAt;
  const type = body === null ? {} : { 'content-type': 'application/json' };
  const headers = { ...signedHeaders(fields, at, keys), ...type };
  return line.exchange({ method, path, headers, body, call: { ...call, sendBy } });
}

function post(account: OpenAccount, path: string, body: string, call: Call, at: Date): Promise<Answer> {
  return exchange(account, { method: 'POST', path, fields: readJson(body), body }, call, at);
}

async function submitBatch(
  account: OpenAccount,
  items: readonly BatchItem[],
  call: Call,
  at: Date,
): Promise<ReadonlyMap<string, SendOutcome>> {
  const outcomes = new Map<string, SendOutcome>();
  const orders = items.flatMap(({ attempt: { orderNumber }, body }) => {
    const order = toBatchOrder(body, account.contractId);
    if (order?.orderNo === orderNumber) return [order];
    const cause = 'its body says what a batch cannot say';
    outcomes.set(orderNumber, { kind: 'notTaken', reason: 'NEVER_LEFT', retryAfterMs: null, vendorCode: null, cause });
    return [];
  });
  if (orders.length === 0) return outcomes;
  const body = encodeBatch(orders, account.contractId);
  const answer = await post(account, `${ORDER_PATH}/batch`, body, call, at);
  const outcomeOf = answer.kind === 'answered' ? readBatch(answer, orders.length) : () => null;
  for (const { orderNo } of orders)
    outcomes.set(
      orderNo,
      sendOutcome(answer, () => outcomeOf(orderNo)),
    );
  return outcomes;
}

function open(configured: readonly AccountSettings[], transport: Transport, now: () => Date): Provider {
  const accounts = new Map(configured.map((account) => [account.name, openAccount(account, transport, now)]));
  const find = (name: string): OpenAccount => {
    const account = accounts.get(name);
    if (account === undefined) throw new RangeError(`BlockATM has no account ${name}`);
    return account;
  };
  return {
    id: definition.id,
    name: definition.name,
    accounts: configured.map(({ name, enabled }) => ({ name, enabled, fingerprint: find(name).contractId })),
    onRepeat: 'refuses',
    repeatWindowMs: null,
    findsByOrderNumber: 'always',
    webhooks: 'SIGNED',
    echoes: ['amount', 'currency', 'address', 'orderNumber'],
    usualMs: USUAL_MS,
    callsPerMinute: CALLS_PER_MINUTE,
    knownAssets: KNOWN_ASSETS,
    referenceKinds: [],
    absenceRule: () => ABSENCE_RULE,
    batch,
    supports: (order, _parties, account) => supports(order, find(account).network),

    async prepare(account, order, _parties, orderNumber) {
      return { kind: 'body', body: encodeCreate(order, orderNumber, find(account).contractId) };
    },

    async submit(attempt, body, call): Promise<SendOutcome> {
      return sendOutcome(await post(find(attempt.account), `${ORDER_PATH}/order`, body, call, now()), readCreate);
    },

    async submitBatch(items, call) {
      const [first] = items;
      return first === undefined ? new Map() : submitBatch(find(first.attempt.account), items, call, now());
    },

    async lookup({ account: name, orderNumber }, call): Promise<LookupOutcome> {
      const account = find(name);
      const path = `${ORDER_PATH}/detail?orderNo=${encodeURIComponent(orderNumber)}`;
      const request = { method: 'GET', path, fields: { orderNo: orderNumber }, body: null } as const;
      const answer = await exchange(account, request, call, now());
      if (answer.kind !== 'answered') return { kind: 'unavailable', retryAfterMs: null, cause: answer.cause };
      return readDetail(answer, orderNumber, account.contractId);
    },

    assets: async (account, call) => readAssets(find(account), call),
    quote: async (account, request, call, recent = false) => readQuote(find(account), request, call, recent),

    readWebhook(raw, name) {
      const account = accounts.get(name);
      if (account === undefined) return { kind: 'refused', reason: `BlockATM has no account ${name}` };
      return readWebhook(raw, account.webhookKey, account.contractId, now());
    },

    async close(): Promise<void> {
      await Promise.all([...accounts.values()].map((account) => account.line.close()));
    },
  };
}

/** BlockATM: stablecoin payouts from a merchant's own contract, or from a wallet's allowance to it. See README.md. */
export const definition: ProviderDefinition = {
  id: 'BLOCKATM' as ProviderId,
  name: 'BlockATM',
  slug: 'blockatm',
  settings,
  webhookPath: '',
  open,
};
