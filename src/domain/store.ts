import type { ApiKey, ApiKeyId, Merchant, MerchantId } from './merchant.ts';
import type { Branded } from './money.ts';
import type { Payout, PayoutEvent, PayoutEventId, PayoutId, PayoutState } from './payout.ts';
import type { OrderKey, ProviderId } from './provider.ts';

export type Environment = 'SANDBOX' | 'LIVE';

/** A place in the log, in the store's own words: opaque to everyone else, valid for that store alone. */
export type Position = Branded<string, 'Position'>;

/** An event with the place right after it. */
export interface LoggedEvent {
  readonly event: PayoutEvent;
  readonly position: Position;
}

export interface EventFilter {
  /** Null: every merchant's. */
  readonly merchantId: MerchantId | null;
  readonly payoutIds?: readonly PayoutId[];
  readonly states?: readonly PayoutState[];
  readonly providers?: readonly ProviderId[];
}

export interface PayoutFilter {
  readonly states?: readonly PayoutState[];
  readonly providers?: readonly ProviderId[];
  readonly currency?: string;
  /** Inclusive. */
  readonly createdFrom?: Date;
  /** Exclusive. */
  readonly createdBefore?: Date;
}

/** A page is newest first, by (createdAt, id). `limit` items after `after`, or the `limit` items before `before`. */
export interface PageQuery {
  readonly merchantId: MerchantId;
  readonly filter: PayoutFilter;
  readonly limit: number;
  readonly direction: 'forward' | 'backward';
  /** An item's key: forward, the page starts after it; backward, the page ends before it. */
  readonly from: PageKey | null;
  /** The far bound, where a client gives `after` and `before` together. */
  readonly until: PageKey | null;
}
export interface PageKey {
  readonly createdAt: Date;
  readonly id: PayoutId;
}
export interface Page {
  /** Newest first, whatever the direction. */
  readonly payouts: readonly Payout[];
  /** Whether more items lie beyond the page in its direction. */
  readonly more: boolean;
}

export interface EventPage {
  readonly events: readonly LoggedEvent[];
  /** Where to go on; it moves even where the filter let nothing through. */
  readonly position: Position;
  /** Whether the log may hold more right now. */
  readonly more: boolean;
}

export interface LeaseRequest {
  /** Up to `limit` payouts of each: one provider cannot take another's places. */
  readonly providers: ReadonlyMap<ProviderId, number>;
  readonly states: readonly PayoutState[];
  readonly now: Date;
  readonly leaseMs: number;
  readonly owner: string;
}

/** Sealed bytes, and the id of the key that they are encrypted with. */
export interface Sealed {
  readonly keyId: string;
  readonly bytes: Buffer;
}
export interface SealedKey {
  readonly payoutId: PayoutId;
  readonly kind: string;
}

/** A page of what needs a person: oldest first, by (since, payout). */
export interface AttentionQuery {
  /** Null: every merchant's. */
  readonly merchantId: MerchantId | null;
  readonly limit: number;
  readonly after: { readonly since: Date; readonly id: PayoutId } | null;
}

/** What waits to be sent to a provider. */
export interface Queue {
  readonly count: number;
  readonly oldestAt: Date | null;
}

export type AttemptKey = { readonly payoutId: PayoutId; readonly attempt: number };

/**
 * Where payouts, their log and everything beside them live. One port, one contract suite for every adapter.
 * A write that is answered is durable. A method that rejects may or may not have written: the caller reads again.
 */
export interface Store {
  readonly environment: Environment;
  /** Keys the digests of inputs; made at the store's first start and never shown. */
  readonly secret: Buffer;

  /** Stores a new payout with its first event, once per (merchant, reference); else answers the first one. */
  insert(payout: Payout, event: PayoutEvent): Promise<{ readonly payout: Payout; readonly replayed: boolean }>;
  /** Compare-and-set on `version - 1`; payout and event both or neither. */
  commit(after: Payout, event: PayoutEvent | null): Promise<'committed' | 'stale'>;

  payouts(merchantId: MerchantId, ids: readonly PayoutId[]): Promise<ReadonlyMap<PayoutId, Payout>>;
  byReference(merchantId: MerchantId, reference: string): Promise<Payout | null>;
  /** Events of a payout with a sequence in (after, before), ascending; `last` takes them from the end. */
  payoutEvents(
    merchantId: MerchantId,
    payoutId: PayoutId,
    range: { readonly after: number; readonly before: number; readonly limit: number; readonly last: boolean },
  ): Promise<readonly LoggedEvent[]>;
  event(merchantId: MerchantId, id: PayoutEventId): Promise<LoggedEvent | null>;
  page(query: PageQuery): Promise<Page>;
  /** Payouts whose `attentionSince` is not null. */
  attention(query: AttentionQuery): Promise<readonly Payout[]>;
  /** What is QUEUED for a provider, of one merchant or (null) of all. */
  queue(provider: ProviderId, merchantId: MerchantId | null): Promise<Queue>;

  /** Bodies and personal data, stored apart and written before the payout. The same kind twice: the first stays. */
  putSealed(payoutId: PayoutId, kind: string, sealed: Sealed): Promise<void>;
  getSealed(payoutId: PayoutId, kind: string): Promise<Sealed | null>;
  /** Forgets one sealed record; nothing happens where there is none. */
  dropSealed(payoutId: PayoutId, kind: string): Promise<void>;
  /** Sealed records under any other key than this one, at most `limit`. */
  sealedUnderOtherKeys(keyId: string, limit: number): Promise<readonly (SealedKey & { readonly sealed: Sealed })[]>;
  /** Puts the same content under another key; false where the record is gone or no longer as it was. */
  resealed(key: SealedKey, before: Sealed, after: Sealed): Promise<boolean>;
  /** Forgets every sealed record of a payout whose state is final; false when it is not final or not there. */
  erase(merchantId: MerchantId, payoutId: PayoutId): Promise<boolean>;

  /** One provider reference, one attempt: true when it is, or already was, this attempt's. */
  claimReference(provider: ProviderId, fingerprint: string, reference: string, attempt: AttemptKey): Promise<boolean>;
  /** For webhooks, which know no merchant. */
  findByOrder(
    provider: ProviderId,
    account: string,
    key: OrderKey,
  ): Promise<{ readonly payout: Payout; readonly attempt: number } | null>;
  /** Claims due payouts: each is hidden from other workers until its lease ends. */
  lease(request: LeaseRequest): Promise<readonly Payout[]>;

  /** The end of the log as it stands now. */
  head(merchantId: MerchantId | null): Promise<Position>;
  /** Events after a position (null: from the beginning), oldest first within each payout. `limit` counts what is read. */
  events(after: Position | null, filter: EventFilter, limit: number): Promise<EventPage>;
  /** Whether a position was given by this store. */
  knows(position: string): boolean;
  /** Yields when there may be something new to read; it may yield for nothing, and misses nothing. */
  watch(signal: AbortSignal): AsyncIterable<void>;

  insertMerchant(merchant: Merchant): Promise<void>;
  merchant(id: MerchantId): Promise<Merchant | null>;
  merchants(): Promise<readonly Merchant[]>;
  insertKey(key: ApiKey): Promise<void>;
  keyByHash(hash: string): Promise<ApiKey | null>;
  /** A merchant's keys; null: the operators'. Oldest first. */
  keys(merchantId: MerchantId | null): Promise<readonly ApiKey[]>;
  /** False when there is no such key. A key revoked before stays as it was. */
  revokeKey(id: ApiKeyId, at: Date): Promise<boolean>;

  /** Answers when the store can be read and written; rejects when it cannot. */
  ping(): Promise<void>;
  close(): Promise<void>;
}
