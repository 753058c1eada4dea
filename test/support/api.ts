import { createHash, randomBytes } from 'node:crypto';
import { describe } from 'node:test';
import type { ApiKeyId, MerchantId, Scope } from '../../src/domain/merchant.ts';
import { SCOPES } from '../../src/domain/merchant.ts';
import { parseDecimal } from '../../src/domain/money.ts';
import type { Destination, Parties, PayoutId } from '../../src/domain/payout.ts';
import { definitions } from '../../src/providers/index.ts';
import { sides } from '../../src/providers/sandboxes.ts';
import {
  CreatePayoutDocument,
  type CreatePayoutInput,
  type DestinationInput,
  PayoutDocument,
  PayoutEventsDocument,
  type PayoutEventsQuery,
  type PayoutFieldsFragment,
  type PayoutState,
  type ProviderId,
} from '../operations/generated/graphql.ts';
import { type Client, createClient } from './client.ts';
import { mongodb } from './mongodb.ts';
import { type OpenWorld, openWorld, type World } from './world.ts';

const server = await mongodb();

/** A world on a database of its own: the same one for the same `DATA_DIR`. */
const openMongoWorld: OpenWorld = (env = {}, options = {}) => {
  const name = createHash('sha256')
    .update(env.DATA_DIR ?? randomBytes(16))
    .digest('hex')
    .slice(0, 16);
  return openWorld({ MONGODB_URL: server?.url(name) ?? '', ...env }, options);
};

/** A store that the API suites run on. */
interface ApiStore {
  readonly name: string;
  readonly open: OpenWorld;
  /** Whether its server takes its time: too much of it for a suite that asks for thousands. */
  readonly slow: boolean;
}

const STORES: readonly ApiStore[] = [
  { name: 'SQLite', open: openWorld, slow: false },
  ...(server === null ? [] : [{ name: 'MongoDB', open: openMongoWorld, slow: server.kind === 'secantusd-py' }]),
];

/** What should come and does not come must fail a suite, and not hold it up. */
const TIMEOUT_MS = 120_000;

/** Runs a suite of the API once for each store. */
export function describeApi(subject: string, suite: (open: OpenWorld, slow: boolean) => void): void {
  for (const { name, open, slow } of STORES) {
    describe(`${subject}, on ${name}`, { timeout: TIMEOUT_MS }, () => suite(open, slow));
  }
}

/** A caller with its own key. */
export interface Caller extends Client {
  readonly keyId: ApiKeyId;
  /** The key itself. */
  readonly secret: string;
  /** Null: an operator. */
  readonly merchantId: MerchantId | null;
}

/** A world as its callers see it: over sockets, with keys. */
export interface Api {
  readonly world: World;
  readonly url: string;
  /** The merchant whose payouts the tests are about. */
  readonly merchant: Caller & { readonly merchantId: MerchantId };
  /** Another merchant. */
  readonly stranger: Caller & { readonly merchantId: MerchantId };
  readonly operator: Caller;
  /** A new key of a merchant (null: an operator's); all scopes where none is named. */
  caller(merchantId: MerchantId | null, scopes?: readonly Scope[]): Promise<Caller>;
  /** The merchant's payout as the API shows it. */
  payout(id: string): Promise<PayoutFieldsFragment>;
  /** Lets time pass until the payout is in one of the states, and gives it as the API shows it. */
  until(id: string, ...states: PayoutState[]): Promise<PayoutFieldsFragment>;
  /** The end of the merchant's log. */
  head(): Promise<string>;
  close(): Promise<void>;
}

/** The callers of a world. */
export async function openApi(world: World): Promise<Api> {
  const { url } = world.server;
  const caller = async <Id extends MerchantId | null>(merchantId: Id, scopes = SCOPES as readonly Scope[]) => {
    const { key, secret } = await world.keys.createKey(merchantId, 'test key', scopes);
    return { ...createClient(url, secret), keyId: key.id, secret, merchantId };
  };
  const merchant = await caller(world.merchantId);
  const stranger = await caller((await world.keys.createMerchant('Stranger')).id);
  const api: Api = {
    world,
    url,
    merchant,
    stranger,
    operator: await caller(null),
    caller,
    async payout(id) {
      const { payout } = await merchant.get(PayoutDocument, { id });
      if (payout === null) throw new Error(`${id} is not there`);
      return payout;
    },
    async until(id, ...states) {
      await world.until({ merchantId: world.merchantId, id: id as PayoutId }, states);
      return api.payout(id);
    },
    async head() {
      for (let after: string | null = null; ; ) {
        const { payoutEvents: page }: PayoutEventsQuery = await merchant.get(PayoutEventsDocument, {
          after,
          first: 100,
        });
        if (page.events.length === 0) return page.cursor;
        after = page.cursor;
      }
    },
    close: () => world.close(),
  };
  return api;
}

export const ADDRESS = 'TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t';

let made = 0;
/** What is asked for: `amount` USDT on TRON at 2328.io under a new reference, with `changes`. */
export function inputOf(amount: string, changes: Partial<CreatePayoutInput> = {}): CreatePayoutInput {
  made += 1;
  return {
    reference: `invoice-${made}`,
    amount: { amount, currency: 'USDT' },
    destination: { blockchain: { address: ADDRESS, network: 'TRON' } },
    provider: 'IO2328',
    ...changes,
  };
}

/** What the stand-in of a provider takes in every respect: its own sample of `amount`, under a new reference, with `changes`. */
export function sampleInputOf(
  slug: string,
  amount: string,
  changes: Partial<CreatePayoutInput> = {},
): CreatePayoutInput {
  const value = parseDecimal(amount);
  const sample = value && sides.find((side) => side.slug === slug)?.sample(value);
  const provider = definitions.find((definition) => definition.slug === slug)?.id;
  if (!sample || provider === undefined) throw new Error(`there is no sample of ${amount} at ${slug}`);
  const { destination, ...order } = sample.order;
  return inputOf(amount, {
    ...order,
    destination: destinationOf(destination, sample.parties),
    originator: sample.parties.originator,
    provider: provider as ProviderId,
    ...changes,
  });
}

/** Where an order goes, as its caller says it. */
function destinationOf(destination: Destination, { beneficiary, accountNumber }: Parties): DestinationInput {
  switch (destination.kind) {
    case 'blockchain': {
      const { kind: _, ...blockchain } = destination;
      return { blockchain };
    }
    case 'channel': {
      const { kind: _, ...channel } = destination;
      return { channel };
    }
    case 'bank': {
      if (accountNumber === null || beneficiary === null) throw new Error('the sample names no account');
      return { bank: { accountNumber, accountType: destination.accountType, beneficiary } };
    }
  }
}

/** What is asked for of the two-step provider: `amount` CNY to a bank account, as its stand-in takes it, with `changes`. */
export function bankInputOf(amount: string, changes: Partial<CreatePayoutInput> = {}): CreatePayoutInput {
  return sampleInputOf('xcurrency', amount, changes);
}

/** Creates a payout. Rejects where the answer is anything but success. */
export async function create(
  client: Client,
  amount: string,
  changes: Partial<CreatePayoutInput> = {},
): Promise<PayoutFieldsFragment> {
  return createFrom(client, inputOf(amount, changes));
}

/** Creates a payout from a whole input. Rejects where the answer is anything but success. */
export async function createFrom(client: Client, input: CreatePayoutInput): Promise<PayoutFieldsFragment> {
  const { createPayout } = await client.get(CreatePayoutDocument, { input });
  if (createPayout.__typename !== 'CreatePayoutSuccess') throw new Error(JSON.stringify(createPayout));
  return createPayout.payout;
}
