import type { Batches } from '../batches.ts';
import type { Catalogue } from '../catalogue.ts';
import type { MerchantId, Scope } from '../domain/merchant.ts';
import type { Provider } from '../domain/provider.ts';
import type { Store } from '../domain/store.ts';
import type { Feed } from '../feed.ts';
import type { Health } from '../health.ts';
import type { Viewer } from '../keys.ts';
import type { Market } from '../market.ts';
import type { Actor, Payouts } from '../payouts.ts';
import type { Quotes } from '../quotes.ts';
import type { Log } from '../runtime.ts';
import { InvalidInputError, RequestError } from './errors.ts';

/** What the resolvers work with, the same for every request. */
export interface Services {
  readonly payouts: Pick<Payouts, 'create' | 'simulate' | 'act' | 'resolve' | 'erase' | 'parties'>;
  readonly store: Pick<
    Store,
    | 'environment'
    | 'restored'
    | 'payouts'
    | 'byReference'
    | 'payoutEvents'
    | 'event'
    | 'page'
    | 'attention'
    | 'queue'
    | 'batch'
    | 'batchCounts'
    | 'merchant'
  >;
  readonly feed: Pick<Feed, 'parseCursor' | 'head' | 'cursorOf' | 'cursorAt' | 'events' | 'subscribe'>;
  /** The providers that are open in this deployment. */
  readonly providers: readonly Provider[];
  readonly catalogue: Pick<Catalogue, 'assets' | 'knownAssets' | 'reference'>;
  readonly batches: Pick<Batches, 'create' | 'simulate' | 'idOf' | 'follow' | 'steer'>;
  readonly market: Pick<Market, 'quotes' | 'balances' | 'lowBalances'>;
  readonly quotes: Pick<Quotes, 'sign'>;
  readonly health: Pick<Health, 'of' | 'watch'>;
  readonly log: Log;
}

/**
 * One operation's context: small and flat. Loaders hang on its identity, so every request and every event of a subscription
 * gets an object of its own.
 */
export interface Context extends Services {
  readonly viewer: Viewer;
  /** Names the request in answers and in the log. */
  readonly requestId: string;
  /** Aborts when whoever listens has gone away. */
  readonly gone: AbortSignal;
}

/** The context of one operation. */
export function createContext(services: Services, viewer: Viewer, requestId: string, gone: AbortSignal): Context {
  const { payouts, store, feed, providers, catalogue, batches, market, quotes, health, log } = services;
  return { payouts, store, feed, providers, catalogue, batches, market, quotes, health, log, viewer, requestId, gone };
}

/** The same operation with loaders that have read nothing yet. */
export function freshContext(context: Context): Context {
  return { ...context };
}

/** Reads what a key names at most once for each operation or event, whoever asks for it. */
export function oncePerOperation<Key, Value>(
  nameOf: (key: Key) => string,
  read: (context: Context, key: Key) => Promise<Value>,
): (context: Context, key: Key) => Promise<Value> {
  const memory = new WeakMap<Context, Map<string, Promise<Value>>>();
  return (context, key) => {
    const known = memory.get(context) ?? new Map<string, Promise<Value>>();
    memory.set(context, known);
    const name = nameOf(key);
    const value = known.get(name) ?? read(context, key);
    known.set(name, value);
    return value;
  };
}

/**
 * Whose payouts a root field is about: the key's merchant; for an operator's key the one that `merchantId` names.
 * Throws FORBIDDEN for another merchant than the key's, INVALID_INPUT where an operator names none.
 */
export function merchantOf(context: Context, named: string | null | undefined): MerchantId {
  const own = context.viewer.merchantId;
  if (own !== null) {
    if (named == null || named === own) return own;
    throw new RequestError('FORBIDDEN', 'This key speaks for another merchant.');
  }
  const merchantId = named == null ? null : parseId<MerchantId>('me', named);
  if (merchantId !== null) return merchantId;
  const message = named == null ? 'an operator names the merchant' : 'this is not the id of a merchant';
  throw new InvalidInputError([{ path: ['merchantId'], message }]);
}

/** The merchant that is written for: one that an operator names must be there. Throws as `merchantOf` does. */
export async function existingMerchant(context: Context, named: string | null | undefined): Promise<MerchantId> {
  const merchantId = merchantOf(context, named);
  if (context.viewer.merchantId === null && (await context.store.merchant(merchantId)) === null) {
    throw new InvalidInputError([{ path: ['merchantId'], message: 'there is no such merchant' }]);
  }
  return merchantId;
}

/** Who writes. */
export function actorOf({ viewer }: Context): Actor {
  return { source: viewer.merchantId === null ? 'OPERATOR' : 'API', actor: viewer.keyId };
}

/** Whether the key may read payouts, and with them whose they are. */
export function mayRead({ viewer }: Context): boolean {
  return viewer.scopes.has('payouts:read');
}

/** Throws FORBIDDEN unless the key has the scope. Where a root field always needs it, `authScopes` says so instead. */
export function requireScope(context: Context, scope: Scope): void {
  if (!context.viewer.scopes.has(scope)) throw new RequestError('FORBIDDEN', `This key lacks the scope ${scope}.`);
}

/** Reads a prefixed id, e.g. `po_…`; null when it does not have the prefix or the form. */
export function parseId<Id extends string>(prefix: 'po' | 'ev' | 'me' | 'pb', text: string): Id | null {
  return text.startsWith(`${prefix}_`) && /^[a-z]{2}_[0-9a-z]{1,64}$/.test(text) ? (text as Id) : null;
}
