import { createCipheriv, createDecipheriv, createSecretKey, hkdfSync, type KeyObject } from 'node:crypto';
import { UnreadableRecordError } from './domain/errors.ts';
import type { PayoutId } from './domain/payout.ts';
import type { Sealed, SealedKey, Store } from './domain/store.ts';

/** A 256-bit key that personal data is encrypted with; its id stands beside what it encrypted. */
export interface DataKey {
  readonly id: string;
  readonly key: KeyObject;
}

/** Bodies, parties and documents on their way to the store and back: outside of it they are plain, inside never. */
export interface Vault {
  /** Encrypts and stores; durable once it resolves. The same kind twice: the first stays. */
  put(payoutId: PayoutId, kind: string, plaintext: Buffer): Promise<void>;
  /** Null where there is none. Rejects with UnreadableRecordError where there is one that cannot be decrypted. */
  get(payoutId: PayoutId, kind: string): Promise<Buffer | null>;
  /** Forgets one record; nothing happens where there is none. */
  drop(payoutId: PayoutId, kind: string): Promise<void>;
  /**
   * Puts every record that is under another key, or under none, under the first one, and answers how many; `progress` is
   * told how many so far. Safe beside a running server, and to be run again after it was broken off. What cannot be
   * decrypted stays as it is: once the rest is done, it rejects with UnreadableRecordError.
   */
  rotate(progress?: (done: number) => void): Promise<number>;
}

export interface VaultParts {
  readonly store: Pick<Store, 'putSealed' | 'getSealed' | 'dropSealed' | 'sealedUnderOtherKeys' | 'resealed'>;
  /** The first encrypts, all decrypt; at least one. */
  readonly keys: readonly DataKey[];
  readonly random: (size: number) => Buffer;
}

/** The id of the key that a store of the sandbox makes from its secret; no configured key may have it. */
export const STORE_KEY_ID = 'store';

/** What the store itself has under no key: records of before there were any. */
const PLAIN = '';

/** The layout of the encrypted bytes: this number, the nonce, the tag, the ciphertext. */
const FORMAT = 1;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const HEADER_BYTES = 1 + NONCE_BYTES + TAG_BYTES;

/** How many records a rotation holds in memory at once: a document is several megabytes. */
const PAGE_SIZE = 16;
/** A rotation gives up after so many that it cannot read: a key is missing. */
const MAX_UNREADABLE = 64;

/**
 * The keys of a vault on a store. In the sandbox the store's own key stands behind the configured ones, so that nothing
 * has to be configured there and what was encrypted before a key was stays readable.
 */
export function keysFor(configured: readonly DataKey[], store: Pick<Store, 'environment' | 'secret'>): DataKey[] {
  if (store.environment === 'LIVE') return [...configured];
  const bytes = hkdfSync('sha256', store.secret, Buffer.alloc(0), 'outflow data key', 32);
  return [...configured, { id: STORE_KEY_ID, key: createSecretKey(Buffer.from(bytes)) }];
}

/**
 * Encrypts with AES-256-GCM, a fresh random nonce for each record; payout, kind and key id are authenticated with it, so
 * that a record cannot stand in for another. Random nonces bound a key to 2^32 records. Throws RangeError without a key.
 */
export function createVault({ store, keys, random }: VaultParts): Vault {
  const [first] = keys;
  if (first === undefined) throw new RangeError('a vault needs a data key');
  const byId = new Map(keys.map(({ id, key }) => [id, key]));

  /** False where the record is gone, or somebody else moved it. */
  const move = ({ payoutId, kind, sealed }: SealedKey & { readonly sealed: Sealed }): Promise<boolean> => {
    const record = { payoutId, kind };
    return store.resealed(record, sealed, seal(record, unseal(record, sealed, byId), first, random));
  };

  return {
    async put(payoutId, kind, plaintext) {
      await store.putSealed(payoutId, kind, seal({ payoutId, kind }, plaintext, first, random));
    },
    async get(payoutId, kind) {
      const sealed = await store.getSealed(payoutId, kind);
      return sealed && unseal({ payoutId, kind }, sealed, byId);
    },
    drop: (payoutId, kind) => store.dropSealed(payoutId, kind),
    async rotate(progress) {
      const unreadable = new Map<string, UnreadableRecordError>();
      for (let done = 0; ; ) {
        // What cannot be read stays under its key, and comes again: the page is larger by it.
        const page = await store.sealedUnderOtherKeys(first.id, PAGE_SIZE + unreadable.size);
        const records = page.filter((record) => !unreadable.has(nameOf(record)));
        if (records.length === 0 || unreadable.size >= MAX_UNREADABLE) {
          for (const error of unreadable.values()) throw error;
          return done;
        }
        const moving = records.map(async (record) => {
          try {
            if (await move(record)) done += 1;
          } catch (error) {
            if (!(error instanceof UnreadableRecordError)) throw error;
            unreadable.set(nameOf(record), error);
          }
        });
        await Promise.all(moving);
        progress?.(done);
      }
    },
  };
}

function nameOf({ payoutId, kind }: SealedKey): string {
  return `${payoutId}/${kind}`;
}

function seal(record: SealedKey, plaintext: Buffer, { id, key }: DataKey, random: (size: number) => Buffer): Sealed {
  const nonce = random(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  cipher.setAAD(bindingOf(record, id));
  const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final()]);
  return { keyId: id, bytes: Buffer.concat([Buffer.of(FORMAT), nonce, cipher.getAuthTag(), ciphertext]) };
}

function unseal(record: SealedKey, { keyId, bytes }: Sealed, keys: ReadonlyMap<string, KeyObject>): Buffer {
  if (keyId === PLAIN) return bytes;
  const refusal = (reason: string): Error => new UnreadableRecordError(record.payoutId, keyId, reason);
  const key = keys.get(keyId);
  if (key === undefined) throw refusal('no key of this id is configured');
  if (bytes.length < HEADER_BYTES || bytes[0] !== FORMAT) throw refusal('it is not in a form that this program knows');
  const tagAt = 1 + NONCE_BYTES;
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(1, tagAt), { authTagLength: TAG_BYTES });
  decipher.setAAD(bindingOf(record, keyId));
  decipher.setAuthTag(bytes.subarray(tagAt, HEADER_BYTES));
  try {
    return Buffer.concat([decipher.update(bytes.subarray(HEADER_BYTES)), decipher.final()]);
  } catch {
    throw refusal('it was changed, or sealed for another payout or with another key');
  }
}

/** What a record is sealed for. Neither a payout id nor a key id has a slash, so no two records have the same. */
function bindingOf({ payoutId, kind }: SealedKey, keyId: string): Buffer {
  return Buffer.from(`${payoutId}/${kind}/${keyId}`, 'utf8');
}
