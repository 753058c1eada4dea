import { createSecretKey } from 'node:crypto';
import { StartupError } from '../../domain/errors.ts';
import { decimalPlaces } from '../../domain/money.ts';
import type { Order } from '../../domain/payout.ts';
import type { Call, LookupOutcome, Provider, ProviderId, SendOutcome } from '../../domain/provider.ts';
import { createListing } from '../../domain/recent.ts';
import type { Transport } from '../../transport.ts';
import { type AccountSettings, type ProviderDefinition, type Setting, sendOutcome } from '../define.ts';
import { type PricedAccount, readAssets, readBalances, readQuote, send } from './market.ts';
import { CURRENCIES, KNOWN_ASSETS, networkCode } from './networks.ts';
import { encodeCreate, MAX_PLACES, readCreate, readStatus, readWebhook } from './wire.ts';

/** How long a repeat is trusted to return the first payout. The provider names no end; after this an operator looks. */
const REPEAT_WINDOW_MS = 24 * 60 * 60 * 1000;

/**
 * A payout that takes longer is put before a person. The page's own sample took 16 seconds, chains confirm within minutes to
 * an hour, and an AML check may hold it up; the time itself is assumed.
 */
const USUAL_MS = 2 * 60 * 60_000;

/** 10 a second for each project. Source: doc.2328.io, page "General". */
const CALLS_PER_MINUTE = 600;

/** Source: payout page, request parameter `memo`. */
const MEMO_NETWORKS: ReadonlySet<string> = new Set(['TON', 'SOLANA']);
const MAX_MEMO_LENGTH = 255;

const settings = {
  baseUrl: {
    env: 'IO2328_BASE_URL',
    kind: 'url',
    fallback: 'https://api.2328.io/api',
    description: 'Where the API of 2328.io is; paths begin with /v1.',
  },
  project: {
    env: 'IO2328_PROJECT',
    kind: 'text',
    fallback: null,
    description: 'The project UUID: the identity of the account at 2328.io.',
  },
  payoutKey: {
    env: 'IO2328_PAYOUT_KEY',
    kind: 'secret',
    fallback: null,
    description: 'The Payout API key of the project: signs payouts and verifies their webhooks.',
  },
  apiKey: {
    env: 'IO2328_API_KEY',
    kind: 'secret',
    fallback: '',
    description: 'The general API key of the project, which balances and directions need. Payouts work without it.',
  },
} satisfies Record<string, Setting>;

function openAccount(account: AccountSettings, transport: Transport, now: () => Date): PricedAccount {
  const read = (key: keyof typeof settings): string => {
    const value = account.values[key] ?? settings[key].fallback;
    if (value === null) throw new StartupError(`2328.io, account ${account.name}: ${key} is not set`);
    return value;
  };
  const apiKey = read('apiKey');
  return {
    project: read('project'),
    payoutKey: createSecretKey(read('payoutKey'), 'utf8'),
    apiKey: apiKey === '' ? null : createSecretKey(apiKey, 'utf8'),
    callbackUrl: account.callbackUrl,
    line: transport.open({ baseUrl: read('baseUrl') }),
    rates: createListing(now),
  };
}

function supports({ amount, destination, sourceCurrency, receiveCurrency, fundingAddress }: Order): true | string {
  if (destination.kind !== 'blockchain') return '2328.io pays to blockchain addresses only.';
  const { network, memo } = destination;
  if (networkCode(amount.currency, network) === null) return `2328.io does not pay ${amount.currency} on ${network}.`;
  if (memo !== null && !MEMO_NETWORKS.has(network)) return '2328.io takes a memo on TON and SOLANA only.';
  if (memo !== null && [...memo].length > MAX_MEMO_LENGTH) {
    return `2328.io takes a memo of at most ${MAX_MEMO_LENGTH} characters.`;
  }
  if (decimalPlaces(amount.amount) > MAX_PLACES) return `2328.io takes at most ${MAX_PLACES} decimal places.`;
  if (sourceCurrency !== null && !CURRENCIES.has(sourceCurrency)) {
    return `2328.io holds no ${sourceCurrency} that it could convert.`;
  }
  if (receiveCurrency !== null) return '2328.io converts what it debits, not what it pays.';
  if (fundingAddress !== null)
    return '2328.io pays from its own balances, not from a wallet that granted an allowance.';
  return true;
}

/** By 2328.io's own number alone. */
async function lookUp(account: PricedAccount, uuid: string | null, call: Call): Promise<LookupOutcome> {
  if (uuid === null) {
    return {
      kind: 'unavailable',
      retryAfterMs: null,
      cause: '2328.io has no look-up by order number',
      onlyThisOrder: true,
    };
  }
  const path = `/v1/payout/status/${encodeURIComponent(uuid)}`;
  const answer = await send(account, account.payoutKey, path, null, call);
  if (answer.kind !== 'answered') return { kind: 'unavailable', retryAfterMs: null, cause: answer.cause };
  return readStatus(answer, uuid);
}

function open(configured: readonly AccountSettings[], transport: Transport, now: () => Date): Provider {
  const accounts = new Map(configured.map((account) => [account.name, openAccount(account, transport, now)]));
  const find = (name: string): PricedAccount => {
    const account = accounts.get(name);
    if (account === undefined) throw new RangeError(`2328.io has no account ${name}`);
    return account;
  };
  return {
    id: definition.id,
    name: definition.name,
    accounts: configured.map(({ name, enabled }) => ({ name, enabled, fingerprint: find(name).project })),
    onRepeat: 'returnsFirst',
    repeatWindowMs: REPEAT_WINDOW_MS,
    findsByOrderNumber: 'never',
    webhooks: 'SIGNED',
    echoes: ['amount', 'currency', 'network', 'address', 'orderNumber'],
    usualMs: USUAL_MS,
    callsPerMinute: CALLS_PER_MINUTE,
    knownAssets: KNOWN_ASSETS,
    referenceKinds: [],
    batch: null,
    // There is no look-up by order number that could find nothing.
    absenceRule: () => null,
    supports: (order) => supports(order),

    async prepare(account, order, _parties, orderNumber) {
      return { kind: 'body', body: encodeCreate(order, orderNumber, find(account).callbackUrl) };
    },

    async submit(attempt, body, call): Promise<SendOutcome> {
      const account = find(attempt.account);
      return sendOutcome(await send(account, account.payoutKey, '/v1/payout', body, call), readCreate);
    },

    lookup: async (attempt, call) => lookUp(find(attempt.account), attempt.providerReference, call),

    balances: async (account, call) => readBalances(find(account), call),
    assets: async (account, call) => readAssets(find(account), call),
    quote: async (account, request, call, recent = false) => readQuote(find(account), request, call, recent),

    readWebhook(raw, name) {
      const account = accounts.get(name);
      if (account === undefined) return { kind: 'refused', reason: `2328.io has no account ${name}` };
      return readWebhook(raw.body, account.payoutKey);
    },

    async close(): Promise<void> {
      await Promise.all([...accounts.values()].map((account) => account.line.close()));
    },
  };
}

/** 2328.io: payouts from a merchant's balance to blockchain addresses. See README.md beside this file. */
export const definition: ProviderDefinition = {
  id: 'IO2328' as ProviderId,
  name: '2328.io',
  slug: 'io2328',
  settings,
  webhookPath: '',
  open,
};
