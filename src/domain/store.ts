import type { BatchId, PayoutBatch } from './batch.ts';
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
  readonly merchantId: MerchantId;
  readonly payoutIds?: readonly PayoutId[];
  readonly states?: readonly PayoutState[];
  readonly providers?: readonly ProviderId[];
}

export interface PayoutFilter {
  readonly states?: readonly PayoutState[];
  readonly providers?: readonly ProviderId[];
  readonly currency?: string;
  readonly batch?: BatchId;
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

/** What a store tells those who watch it. */
export interface Ring {
  /** Whose log may have something new; null: anyone's. */
  readonly merchantId: MerchantId | null;
  /** Whether a payout may have become due for a worker. */
  readonly due: boolean;
}

/** A copy of a store that was put back: the world has gone on without it, and knows of orders that it does not. */
export interface Restored {
  /** How many times that has happened. A payout that was written in an earlier life of the store has a smaller one. */
  readonly generation: number;
  /** What happened at the providers after this is not known. */
  readonly lostSince: Date;
  /** Whether a new payout may be one that is created again; false once an operator said that this is over. */
  readonly open: boolean;
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

/** How far a batch is. */
export interface BatchCount {
  readonly state: PayoutState;
  /** Whether they are those that wait because the batch is paused: QUEUED may come twice, any other state once, as false. */
  readonly parked: boolean;
  readonly count: number;
}

/** What one process tells the others of itself: overwritten by its next one, and no part of any payout. */
export interface Bulletin {
  /** Which process: its worker's name. */
  readonly process: string;
  readonly at: Date;
  /** JSON, in the words of whoever posts it. */
  readonly text: string;
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
  /** Null: it never was put back. As it was when the store was opened. */
  readonly restored: Restored | null;

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

  /** Stores a new batch once per (merchant, reference); else answers the first one, as it stands. */
  insertBatch(batch: PayoutBatch): Promise<PayoutBatch>;
  /** Compare-and-set on `version - 1`. */
  commitBatch(after: PayoutBatch): Promise<'committed' | 'stale'>;
  /** Null: there is none, or it is another merchant's. */
  batch(merchantId: MerchantId, id: BatchId): Promise<PayoutBatch | null>;
  /** How many payouts of a batch are in each state; a state without any is missing. */
  batchCounts(merchantId: MerchantId, id: BatchId): Promise<readonly BatchCount[]>;
  /** Batches that are `rousing`, of any merchant, at most `limit`, in no order. */
  rousingBatches(limit: number): Promise<readonly PayoutBatch[]>;
  /** Payouts of a batch that are parked, whatever their state, at most `limit`, in no order. */
  parked(merchantId: MerchantId, id: BatchId, limit: number): Promise<readonly Payout[]>;

  /** Puts up what a process tells of itself, in place of what it told before; those a week older than it go. */
  post(bulletin: Bulletin): Promise<void>;
  /** What processes told of themselves at or after this instant, in no order. */
  bulletins(since: Date): Promise<readonly Bulletin[]>;

  /** The end of a merchant's log as it stands now: everything that is written later comes after it. */
  head(merchantId: MerchantId): Promise<Position>;
  /**
   * Events after a position (null: from the beginning), oldest first within each payout, at most `limit`; what a filter
   * leaves out counts as read. No event is missed; one may come again, and its `sequence` tells. `known`: by payout, up to
   * which sequence the caller has them; those may be left out.
   */
  events(
    after: Position | null,
    filter: EventFilter,
    limit: number,
    known?: Pick<ReadonlyMap<PayoutId, number>, 'get'>,
  ): Promise<EventPage>;
  /** The same place for whoever comes to it now: what became visible before it since it was given out is read as well. */
  anew(position: Position): Position;
  /** Whether a position was given by this store. */
  knows(position: string): boolean;
  /**
   * Yields when there may be something new, here or in another process. It may yield for nothing. Where it can miss
   * something, as it may for other processes, whoever watches also looks by a timer.
   */
  watch(signal: AbortSignal): AsyncIterable<Ring>;

  insertMerchant(merchant: Merchant): Promise<void>;
  merchant(id: MerchantId): Promise<Merchant | null>;
  merchants(): Promise<readonly Merchant[]>;
  insertKey(key: ApiKey): Promise<void>;
  keyByHash(hash: string): Promise<ApiKey | null>;
  /** A merchant's keys; null: the operators'. Oldest first. */
  keys(merchantId: MerchantId | null): Promise<readonly ApiKey[]>;
  /** False when there is no such key. A key revoked before stays as it was. */
  revokeKey(id: ApiKeyId, at: Date): Promise<boolean>;

  /**
   * Declares that this store is older than the world. From then on, in whatever process opens it next, no payout is sent
   * before its provider was asked, and no position given out before is known. Nothing else may have it open meanwhile.
   */
  restore(): Promise<Restored>;
  /** Declares that whatever was asked for in the lost time has been asked for again: new payouts are only new. */
  endRestore(): Promise<void>;

  /** Answers when the store can be read and written; rejects when it cannot. */
  ping(): Promise<void>;
  close(): Promise<void>;
}
