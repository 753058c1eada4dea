import { createHash, createHmac } from 'node:crypto';
import { InvalidArgumentError } from './domain/errors.ts';
import { type ApiKey, type ApiKeyId, type Merchant, type MerchantId, SCOPES, type Scope } from './domain/merchant.ts';
import type { Store } from './domain/store.ts';
import { type Clock, describeError, type Ids, type Log, sortableTime, toBase32 } from './runtime.ts';

/** Who is calling, as an API key tells. */
export interface Viewer {
  readonly keyId: ApiKeyId;
  /** Null: an operator, who names the merchant it looks at. */
  readonly merchantId: MerchantId | null;
  readonly label: string;
  readonly scopes: ReadonlySet<Scope>;
  /** Aborts when the key is revoked: whatever is held open for it ends. */
  readonly revoked: AbortSignal;
}

/** Merchants and their API keys. */
export interface Keys {
  /** Null: no such key, or revoked. */
  authenticate(secret: string): Promise<Viewer | null>;
  /**
   * `id`: of a merchant that was lost with a store: its payouts have the same order numbers again. Throws
   * InvalidArgumentError where that id is taken.
   */
  createMerchant(name: string, id?: MerchantId): Promise<Merchant>;
  merchants(): Promise<readonly Merchant[]>;
  /** The secret is shown here and never again. Throws InvalidArgumentError for a merchant that is not there. */
  createKey(
    merchantId: MerchantId | null,
    label: string,
    scopes: readonly Scope[],
  ): Promise<{ readonly key: ApiKey; readonly secret: string }>;
  /**
   * The secret of the demo merchant's key; both are made where they are not there. They follow from the store's own secret:
   * processes that ask at the same moment, each with a folder of its own, make one merchant and one key. A key that was
   * revoked stays so, and another one takes its place.
   */
  demoKey(): Promise<string>;
  /** Null: every key of every merchant and operator. Throws InvalidArgumentError for a merchant that is not there. */
  list(merchantId: MerchantId | null): Promise<readonly ApiKey[]>;
  /** False when there is no such key. */
  revoke(id: ApiKeyId): Promise<boolean>;
  close(): void;
}

export interface KeysDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
}

/** How often keys in use are read again: a key revoked by another process ends here at most this much later. */
const REREAD_MS = 2000;
/** A key that nobody used for this long, and that holds nothing open, is forgotten. */
const IDLE_MS = 600_000;

interface Cached {
  /** Whatever is held open for the key holds its viewer, and must hear of a revocation however long it lasts. */
  readonly held: WeakRef<Viewer>;
  /** Keeps the viewer while the key is in use; null once it is idle. */
  kept: Viewer | null;
  readonly revocation: AbortController;
  usedAt: number;
}

/** Merchants and keys on a store; what it caches it reads again every two seconds, until it is closed. */
export function createKeys({ store, clock, ids, log }: KeysDeps): Keys {
  const cache = new Map<string, Cached>();
  const closing = new AbortController();

  async function authenticate(secret: string): Promise<Viewer | null> {
    if (!SECRET.test(secret)) return null;
    const hash = hashSecret(secret);
    const known = use(hash);
    if (known) return known;
    const key = await store.keyByHash(hash);
    if (key === null || key.revokedAt !== null) return null;
    const revocation = new AbortController();
    const { id: keyId, merchantId, label } = key;
    const viewer: Viewer = { keyId, merchantId, label, scopes: new Set(key.scopes), revoked: revocation.signal };
    const raced = use(hash);
    if (raced) return raced;
    cache.set(hash, { held: new WeakRef(viewer), kept: viewer, revocation, usedAt: clock.now().getTime() });
    return viewer;
  }

  function use(hash: string): Viewer | null {
    const cached = cache.get(hash);
    const viewer = cached?.held.deref();
    if (!cached || !viewer) return null;
    cached.kept = viewer;
    cached.usedAt = clock.now().getTime();
    return viewer;
  }

  async function reread(): Promise<void> {
    const longAgo = clock.now().getTime() - IDLE_MS;
    for (const [hash, cached] of cache) {
      const key = await store.keyByHash(hash);
      if (key === null || key.revokedAt !== null) {
        cache.delete(hash);
        cached.revocation.abort();
      } else if (cached.usedAt < longAgo) {
        cached.kept = null;
        if (cached.held.deref() === undefined) cache.delete(hash);
      }
    }
  }

  async function keepReading(): Promise<void> {
    while (!closing.signal.aborted) {
      await clock.sleep(REREAD_MS, closing.signal);
      if (closing.signal.aborted) return;
      await reread().catch((error: unknown) => log.error({ cause: describeError(error) }, 'keys not read again'));
    }
  }
  void keepReading();

  /** Bytes that whoever has the store derives alike; they tell nothing to others. */
  function derive(...parts: readonly (string | number)[]): Buffer {
    return createHmac('sha256', store.secret)
      .update(JSON.stringify(['demo', ...parts]))
      .digest();
  }

  async function demoMerchant(): Promise<MerchantId> {
    const id = derivedId('me', derive('merchant')) as MerchantId;
    if ((await store.merchant(id)) !== null) return id;
    // A store of an earlier version has one under another id.
    const known = (await store.merchants()).find(({ name }) => name === DEMO);
    if (known) return known.id;
    try {
      await store.insertMerchant({ schema: 1, id, name: DEMO, createdAt: clock.now() });
    } catch (error) {
      if ((await store.merchant(id)) === null) throw error;
    }
    return id;
  }

  async function demoKey(): Promise<string> {
    const merchantId = await demoMerchant();
    for (let number = 1; ; number += 1) {
      const secret = `${PREFIX}${toBase32(derive('key', merchantId, number).subarray(0, SECRET_BYTES))}`;
      const hash = hashSecret(secret);
      const id = derivedId('ak', derive('key id', merchantId, number)) as ApiKeyId;
      const fresh = { schema: 1, id, merchantId, hash, label: 'demo', scopes: SCOPES, revokedAt: null } as const;
      const key = (await store.keyByHash(hash)) ?? (await insertOnce({ ...fresh, createdAt: clock.now() }));
      if (key.revokedAt === null) return secret;
    }
  }

  /** The key as it is stored, whoever stored it. */
  async function insertOnce(key: ApiKey): Promise<ApiKey> {
    try {
      await store.insertKey(key);
      return key;
    } catch (error) {
      const stored = await store.keyByHash(key.hash);
      if (stored === null) throw error;
      return stored;
    }
  }

  async function requireMerchant(id: MerchantId | null): Promise<void> {
    if (id === null || (await store.merchant(id)) !== null) return;
    throw new InvalidArgumentError([{ path: ['merchant'], message: `there is no merchant ${id}` }]);
  }

  return {
    authenticate,
    async createMerchant(name, given) {
      if (given !== undefined && (await store.merchant(given)) !== null) {
        throw new InvalidArgumentError([{ path: ['id'], message: `there is a merchant ${given} already` }]);
      }
      const id = given ?? (ids.next('me') as MerchantId);
      const merchant: Merchant = { schema: 1, id, name, createdAt: clock.now() };
      await store.insertMerchant(merchant);
      return merchant;
    },
    merchants: () => store.merchants(),
    async createKey(merchantId, label, scopes) {
      await requireMerchant(merchantId);
      const secret = `${PREFIX}${toBase32(ids.bytes(SECRET_BYTES))}`;
      const id = ids.next('ak') as ApiKeyId;
      const createdAt = clock.now();
      const key = {
        schema: 1,
        id,
        merchantId,
        hash: hashSecret(secret),
        label,
        scopes,
        createdAt,
        revokedAt: null,
      } as const;
      await store.insertKey(key);
      return { key, secret };
    },
    demoKey,
    async list(merchantId) {
      await requireMerchant(merchantId);
      if (merchantId !== null) return store.keys(merchantId);
      const owners = [null, ...(await store.merchants()).map((merchant) => merchant.id)];
      return (await Promise.all(owners.map((owner) => store.keys(owner)))).flat();
    },
    async revoke(id) {
      const there = await store.revokeKey(id, clock.now());
      await reread();
      return there;
    },
    close: () => closing.abort(),
  };
}

const DEMO = 'Demo merchant';
const PREFIX = 'outflow_';
const SECRET = /^outflow_[0-9a-v]{40}$/;
const SECRET_BYTES = 25;

/** Of the form that ids have, at the beginning of time: it was not made at an instant. */
function derivedId(prefix: string, bytes: Buffer): string {
  return `${prefix}_${sortableTime(new Date(0))}${toBase32(bytes.subarray(0, 10))}`;
}

/** A secret carries 200 random bits, so a plain digest of it cannot be searched. */
function hashSecret(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}
