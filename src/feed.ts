import type { Branded } from './domain/money.ts';
import type { Payout, PayoutEvent, PayoutId } from './domain/payout.ts';
import type { EventFilter, LoggedEvent, Position, Store } from './domain/store.ts';
import { type Clock, describeError, type Log } from './runtime.ts';

/** A place in the log as clients hold it: opaque text. */
export type Cursor = Branded<string, 'Cursor'>;

/** An event, and the cursor from which everything after it is read. */
export interface FeedEvent {
  readonly event: PayoutEvent;
  readonly cursor: Cursor;
}

/** The event log, to ask or to listen. */
export interface Feed {
  /** Null for a text that this store did not give out. */
  parseCursor(text: string): Cursor | null;
  /**
   * The end of the log as it stands now. Taken before payouts are read, it gives each its `cursor` by `cursorOf`, so that
   * whatever happens after the reading comes after it.
   */
  head(): Promise<Cursor>;
  /** `head` as the cursor of a payout that was read after it: what the reading already showed is left out. */
  cursorOf(head: Cursor, payout: Payout): Cursor;
  /** The cursor from which everything after a position of the store is read. */
  cursorAt(position: Position): Cursor;
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

export interface FeedDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
}

/** Events read from the store at a time. */
const PAGE = 500;
/** Events read for one answer at the most, however few of them the filter lets through. */
const READ_LIMIT = 10_000;
/** A listener that is this far behind goes back to reading the log. */
const BUFFER = 1000;
/** How many payouts a listener remembers the newest sequence of. */
const REMEMBERED = 10_000;
/** The log is read this often even where nothing wakes us. */
const TIMER_MS = 5000;

export function createFeed({ store, clock, log }: FeedDeps): Feed {
  const tail = createTail(store, clock, log);

  async function events(after: Cursor | null, filter: EventFilter, limit: number) {
    const start = after === null ? NOWHERE : decode(after);
    const found: FeedEvent[] = [];
    let { position } = start;
    for (let read = 0; found.length < limit && read < READ_LIMIT; ) {
      const size = Math.min(limit - found.length, PAGE);
      const page = await store.events(position, filter, size);
      for (const logged of page.events) if (!isSeen(start, logged.event)) found.push(feedEvent(logged, start));
      position = page.position;
      read += size;
      if (!page.more) break;
    }
    return { events: found, cursor: position === null ? await head() : encode({ ...start, position }) };
  }

  async function head(): Promise<Cursor> {
    return encode({ ...NOWHERE, position: await store.head(null) });
  }

  return {
    parseCursor(text) {
      const place = parsePlace(text);
      return place?.position && store.knows(place.position) ? (text as Cursor) : null;
    },
    head,
    cursorAt: (position) => encode({ ...NOWHERE, position }),
    cursorOf: (cursor, payout) => encode({ ...decode(cursor), payoutId: payout.id, sequence: payout.sequence }),
    events,
    async subscribe(after, filter, signal) {
      const place = decode(after ?? (await head()));
      const listener = createListener(store, filter, place);
      await tail.join(listener);
      return deliver(listener, signal, () => tail.leave(listener));
    },
    close: () => tail.close(),
  };
}

// --- cursors ----------------------------------------------------------------------------------------------------------------

/** A position, and of one payout what was already shown there. */
interface Place {
  readonly position: Position | null;
  readonly payoutId: PayoutId | null;
  readonly sequence: number;
}

const NOWHERE: Place = { position: null, payoutId: null, sequence: 0 };

function encode({ position, payoutId, sequence }: Place): Cursor {
  const parts = payoutId === null ? [position] : [position, payoutId, sequence];
  return Buffer.from(parts.join(' ')).toString('base64url') as Cursor;
}

function parsePlace(text: string): Place | null {
  const match = /^(\S+)(?: (po_[0-9a-v]{26}) ([0-9]{1,6}))?$/.exec(Buffer.from(text, 'base64url').toString('latin1'));
  if (match === null) return null;
  const [, position, payoutId, sequence] = match;
  return {
    position: position as Position,
    payoutId: (payoutId ?? null) as PayoutId | null,
    sequence: Number(sequence ?? 0),
  };
}

function decode(cursor: Cursor): Place {
  return parsePlace(cursor) ?? NOWHERE;
}

function isSeen(place: Place, event: PayoutEvent): boolean {
  return event.payoutId === place.payoutId && event.sequence <= place.sequence;
}

function feedEvent({ event, position }: LoggedEvent, place: Place): FeedEvent {
  return { event, cursor: encode({ ...place, position }) };
}

// --- listeners --------------------------------------------------------------------------------------------------------------

/** One subscriber: it drains the log up to the tail that it has joined, and lives from the tail after that. */
interface Listener {
  /** From the tail: everything that is new. */
  push(logged: LoggedEvent): void;
  /** The next events in order; null where there are none right now. Rejects when the log cannot be read. */
  take(): Promise<readonly FeedEvent[] | null>;
  /** Resolves at the next push or `wake`. */
  woken(): Promise<void>;
  /** Wakes whoever waits, with or without something to take. */
  wake(): void;
}

function createListener(store: Store, filter: EventFilter, start: Place): Listener {
  let position = start.position;
  let draining = true;
  let buffer: LoggedEvent[] = [];
  let overflowed = false;
  let bell = Promise.withResolvers<void>();
  const delivered = new Map<PayoutId, number>();

  function isKnown({ event }: LoggedEvent): boolean {
    return isSeen(start, event) || event.sequence <= (delivered.get(event.payoutId) ?? 0);
  }

  /** Whether events of this payout are missing before this one: then they are in the log, and are read from there. */
  function isJump({ event }: LoggedEvent): boolean {
    const last = delivered.get(event.payoutId);
    return last !== undefined && event.sequence > last + 1 && !narrows(filter);
  }

  function take(logged: LoggedEvent): FeedEvent {
    const { payoutId, sequence } = logged.event;
    delivered.delete(payoutId);
    delivered.set(payoutId, sequence);
    for (const oldest of delivered.keys()) {
      if (delivered.size <= REMEMBERED) break;
      delivered.delete(oldest);
    }
    return feedEvent(logged, start);
  }

  async function drain(): Promise<readonly FeedEvent[]> {
    overflowed = false;
    const page = await store.events(position, filter, PAGE);
    position = page.position;
    draining = page.more || overflowed;
    return page.events.filter((logged) => !isKnown(logged)).map(take);
  }

  function flush(): readonly FeedEvent[] {
    const ready: FeedEvent[] = [];
    const pushed = buffer;
    buffer = [];
    for (const logged of pushed) {
      if (isKnown(logged)) continue;
      draining = isJump(logged);
      if (draining) break;
      position = logged.position;
      ready.push(take(logged));
    }
    return ready;
  }

  function wake(): void {
    bell.resolve();
    bell = Promise.withResolvers<void>();
  }

  return {
    wake,
    push(logged) {
      if (!matches(filter, logged.event)) return;
      if (buffer.length >= BUFFER) {
        buffer = [];
        overflowed = true;
        draining = true;
      } else if (!overflowed) buffer.push(logged);
      wake();
    },
    async take() {
      if (draining) return drain();
      return buffer.length > 0 ? flush() : null;
    },
    woken: () => bell.promise,
  };
}

/** Whether a filter leaves out some events of a payout, so that a jump in its sequence is no gap. */
function narrows(filter: EventFilter): boolean {
  return filter.states !== undefined || filter.providers !== undefined;
}

function matches(filter: EventFilter, event: PayoutEvent): boolean {
  return (
    (filter.merchantId === null || filter.merchantId === event.merchantId) &&
    (filter.payoutIds?.includes(event.payoutId) ?? true) &&
    (filter.states?.includes(event.state) ?? true) &&
    (filter.providers?.includes(event.provider) ?? true)
  );
}

/** Delivers until the signal aborts or the consumer returns; either ends even a consumer that waits. */
function deliver(listener: Listener, signal: AbortSignal, leave: () => void): AsyncIterableIterator<FeedEvent> {
  let over = false;
  const end = (): void => {
    over = true;
    signal.removeEventListener('abort', end);
    leave();
    listener.wake();
  };
  signal.addEventListener('abort', end);
  if (signal.aborted) end();
  async function* run(): AsyncGenerator<FeedEvent, void> {
    try {
      while (!over) {
        const woken = listener.woken();
        const events = await listener.take();
        if (events === null && !over) await woken;
        for (const event of events ?? []) if (!over) yield event;
      }
    } finally {
      end();
    }
  }
  const events = run();
  return {
    next: () => events.next(),
    return: () => {
      end();
      return events.return();
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

// --- the tail ---------------------------------------------------------------------------------------------------------------

interface Tail {
  /** Resolves once everything that is committed from here on will be pushed. */
  join(listener: Listener): Promise<void>;
  leave(listener: Listener): void;
  close(): Promise<void>;
}

/** One reader of the log for the whole process, fanned out in memory to whoever listens. */
function createTail(store: Store, clock: Clock, log: Log): Tail {
  const listeners = new Set<Listener>();
  const closing = new AbortController();
  let starting: Promise<void> | null = null;
  let running: Promise<void> | null = null;

  async function follow(from: Position): Promise<void> {
    let position = from;
    const alarm = createAlarm(store, clock, closing.signal);
    while (!closing.signal.aborted) {
      const rung = alarm.next();
      try {
        for (let more = true; more && !closing.signal.aborted; ) {
          const page = await store.events(position, { merchantId: null }, PAGE);
          for (const logged of page.events) for (const listener of listeners) listener.push(logged);
          ({ position, more } = page);
        }
      } catch (error) {
        log.error({ cause: describeError(error) }, 'the log could not be read');
      }
      await rung;
    }
  }

  /** Starts at the end of the log; what lies before it, each listener drains by itself. */
  async function start(): Promise<void> {
    const from = await store.head(null);
    running = follow(from);
  }

  return {
    async join(listener) {
      listeners.add(listener);
      starting ??= start();
      try {
        await starting;
      } catch (error) {
        starting = null;
        listeners.delete(listener);
        throw error;
      }
    },
    leave: (listener) => {
      listeners.delete(listener);
    },
    async close() {
      closing.abort();
      await starting?.catch(() => undefined);
      await running;
    },
  };
}

/** Rings when the store says that there may be something new, and by a timer where it says nothing. */
function createAlarm(store: Store, clock: Clock, signal: AbortSignal): { next(): Promise<void> } {
  let bell = Promise.withResolvers<void>();
  const ring = (): void => {
    bell.resolve();
    bell = Promise.withResolvers<void>();
  };
  const watch = async (): Promise<void> => {
    for await (const _ of store.watch(signal)) ring();
  };
  const tick = async (): Promise<void> => {
    while (!signal.aborted) {
      await clock.sleep(TIMER_MS, signal);
      ring();
    }
  };
  void watch().catch(() => undefined);
  void tick();
  return { next: () => bell.promise };
}
