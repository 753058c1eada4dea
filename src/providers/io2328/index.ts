import { createSecretKey, type KeyObject } from 'node:crypto';
import { StartupError } from '../../domain/errors.ts';
import { decimalPlaces } from '../../domain/money.ts';
import type { Order } from '../../domain/payout.ts';
import type { LookupOutcome, Provider, ProviderId, SendOutcome } from '../../domain/provider.ts';
import type { Line, Transport } from '../../transport.ts';
import { type AccountSettings, type ProviderDefinition, type Setting, sendOutcome } from '../define.ts';
import {
  CURRENCIES,
  encodeCreate,
  MAX_PLACES,
  networkCode,
  readCreate,
  readStatus,
  readWebhook,
  sign,
} from './wire.ts';

/** Sent with every request: one without it may be blocked. Source: doc.2328.io, page "Authentication". */
const USER_AGENT = 'Outflow/0.1.0';

/** How long a repeat is trusted to return the first payout. The provider names no end; after this an operator looks. */
const REPEAT_WINDOW_MS = 24 * 60 * 60 * 1000;

/** Source: seed, request parameter `memo`. */
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
    description: 'The general API key of the project, which balances need. Payouts work without it.',
  },
} satisfies Record<string, Setting>;

interface OpenAccount {
  readonly project: string;
  readonly payoutKey: KeyObject;
  readonly callbackUrl: string | null;
  readonly line: Line;
}

function openAccount(account: AccountSettings, transport: Transport): OpenAccount {
  const read = (key: keyof typeof settings): string => {
    const value = account.values[key] ?? settings[key].fallback;
    if (value === null) throw new StartupError(`2328.io, account ${account.name}: ${key} is not set`);
    return value;
  };
  return {
    project: read('project'),
    payoutKey: createSecretKey(read('payoutKey'), 'utf8'),
    callbackUrl: account.callbackUrl,
    line: transport.open({ baseUrl: read('baseUrl') }),
  };
}

function headersOf(account: OpenAccount, body: string): Record<string, string> {
  return { 'user-agent': USER_AGENT, project: account.project, sign: sign(body, account.payoutKey) };
}

function supports({ amount, destination, sourceCurrency }: Order): true | string {
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
  return true;
}

function open(configured: readonly AccountSettings[], transport: Transport): Provider {
  const accounts = new Map(configured.map((account) => [account.name, openAccount(account, transport)]));
  const find = (name: string): OpenAccount => {
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
    findsByOrderNumber: false,
    supports,

    async prepare(account, order, orderNumber): Promise<string> {
      return encodeCreate(order, orderNumber, find(account).callbackUrl);
    },

    async submit(attempt, body, call): Promise<SendOutcome> {
      const account = find(attempt.account);
      const headers = { ...headersOf(account, body), 'content-type': 'application/json' };
      const answer = await account.line.exchange({ method: 'POST', path: '/v1/payout', headers, body, call });
      return sendOutcome(answer, readCreate);
    },

    async lookup(attempt, call): Promise<LookupOutcome> {
      const uuid = attempt.providerReference;
      if (uuid === null) {
        return { kind: 'unavailable', retryAfterMs: null, cause: '2328.io has no look-up by order number' };
      }
      const account = find(attempt.account);
      const path = `/v1/payout/status/${encodeURIComponent(uuid)}`;
      const answer = await account.line.exchange({
        method: 'GET',
        path,
        headers: headersOf(account, ''),
        body: null,
        call,
      });
      if (answer.kind !== 'answered') return { kind: 'unavailable', retryAfterMs: null, cause: answer.cause };
      return readStatus(answer, uuid);
    },

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
  open,
};
