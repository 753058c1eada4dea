import type { Branded } from './domain/money.ts';
import type { Payout, PayoutEvent } from './domain/payout.ts';
import type { EventFilter } from './domain/store.ts';

/** A place in the log as clients hold it: opaque text. */
export type Cursor = Branded<string, 'Cursor'>;

/** An event, and the cursor from which everything after it is read. */
export interface FeedEvent {
  readonly event: PayoutEvent;
  readonly cursor: Cursor;
}

/** The event log, to ask or to listen. */
export interface Feed {
  /** Null for a text that no store of ours gave out. */
  parseCursor(text: string): Cursor | null;
  /**
   * The end of the log as it stands now. Taken before payouts are read, it gives each its `cursor` by `cursorOf`, so that
   * whatever happens after the reading comes after it.
   */
  head(): Promise<Cursor>;
  /** `head` as the cursor of a payout that was read after it: what the reading already showed is left out. */
  cursorOf(head: Cursor, payout: Payout): Cursor;
  /** Events after a cursor (null: from the beginning), oldest first within each payout, at most `limit`. */
  events(
    after: Cursor | null,
    filter: EventFilter,
    limit: number,
  ): Promise<{ readonly events: readonly FeedEvent[]; readonly cursor: Cursor }>;
  /**
   * Every event after the cursor (null: from now on), without a gap, in order for each payout, until the signal aborts.
   * Joined before the promise resolves: whatever is committed after it is delivered.
   */
  subscribe(after: Cursor | null, filter: EventFilter, signal: AbortSignal): Promise<AsyncIterableIterator<FeedEvent>>;
  close(): Promise<void>;
}
