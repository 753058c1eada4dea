import type { MerchantId } from './domain/merchant.ts';
import type { Branded } from './domain/money.ts';
import type { Payout, PayoutEvent, PayoutId } from './domain/payout.ts';
import type { EventFilter, LoggedEvent, Position, Store } from './domain/store.ts';
import { createMemory, createTails, type Hearer, type TailsDeps } from './tails.ts';

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
   * The end of a merchant's log as it stands now. Taken before payouts are read, it gives each its `cursor` by `cursorOf`,
   * so that whatever happens after the reading comes after it.
   */
  head(merchantId: MerchantId): Promise<Cursor>;
  /** `head` as the cursor of a payout that was read after it: what the reading already showed is left out. */
  cursorOf(head: Cursor, payout: Payout): Cursor;
  /** The cursor from which everything after a position of the store is read. */
  cursorAt(position: Position): Cursor;
  /** Events after a cursor (null: from the beginning), oldest first within each payout, at most `limit`, none twice. */
  events(
    after: Cursor | null,
    filter: EventFilter,
    limit: number,
  ): Promise<{ readonly events: readonly FeedEvent[]; readonly cursor: Cursor }>;
  /**
   * Every event after the cursor (null: from now on), without a gap, in order for each payout, until the signal aborts.
   * Joined before the promise resolves: whatever is committed after it is delivered. From now on may begin a moment
   * earlier, where another process wrote: then with what this one had not heard of yet.
   */
  subscribe(after: Cursor | null, filter: EventFilter, signal: AbortSignal): Promise<AsyncIterableIterator<FeedEvent>>;
  close(): Promise<void>;
}

/** Events read from the store at a time. */
const PAGE = 500;
/** Events read for one answer at the most, however few of them the filter lets through. */
const READ_LIMIT = 10_000;
/** A listener that is this far behind goes back to reading the log. */
const BUFFER = 1000;

/** The feed of a store. It reads nothing before it is asked. */
export function createFeed(deps: TailsDeps): Feed {
  const { store } = deps;
  const tails = createTails(deps);

  async function events(after: Cursor | null, filter: EventFilter, limit: number) {
    const start = after === null ? NOWHERE : decode(after);
    const given = createMemory();
    const found: FeedEvent[] = [];
    let { position } = start;
    let read = 0;
    let more = true;
    while (more && found.length < limit && read < READ_LIMIT) {
      const size = Math.min(limit - found.length, PAGE);
      const page = await store.events(position, filter, size);
      for (const logged of page.events) {
        if (isShown(start, logged.event) || given.knows(logged.event)) continue;
        given.add(logged.event);
        found.push(feedEvent(logged, start));
      }
      ({ position, more } = page);
      read += size;
    }
    return { events: found, cursor: encode({ ...start, position }) };
  }

  return {
    parseCursor(text) {
      const place = parsePlace(text);
      return place?.position && store.knows(place.position) ? (text as Cursor) : null;
    },
    head: async (merchantId) => encode({ ...NOWHERE, position: await store.head(merchantId) }),
    cursorAt: (position) => encode({ ...NOWHERE, position }),
    cursorOf: (cursor, payout) => encode({ ...decode(cursor), payoutId: payout.id, sequence: payout.sequence }),
    events,
    async subscribe(after, filter, signal) {
      const { merchantId } = filter;
      const listener = await tails.join(merchantId, (position) =>
        after === null
          ? createListener(store, filter, { ...NOWHERE, position }, false)
          : createListener(store, filter, decode(after), true),
      );
      return deliver(listener, signal, () => tails.leave(merchantId, listener));
    },
    close: () => tails.close(),
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

/** A longer text is no cursor. */
const LONGEST = 4000;

function encode({ position, payoutId, sequence }: Place): Cursor {
  const parts = payoutId === null ? [position] : [position, payoutId, sequence];
  return Buffer.from(parts.join(' ')).toString('base64url') as Cursor;
}

function parsePlace(text: string): Place | null {
  if (text.length > LONGEST) return null;
  const bytes = Buffer.from(text, 'base64url');
  const match = /^(\S+)(?: (po_[0-9a-v]{26}) ([0-9]{1,6}))?$/.exec(bytes.toString('latin1'));
  // Whatever is no base64url would be passed over in silence.
  if (match === null || bytes.toString('base64url') !== text) return null;
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

function isShown(place: Place, event: PayoutEvent): boolean {
  return event.payoutId === place.payoutId && event.sequence <= place.sequence;
}

/** Made once for all who are told of an event. */
const plain = new WeakMap<LoggedEvent, FeedEvent>();

function feedEvent(logged: LoggedEvent, place: Place): FeedEvent {
  const { event, position } = logged;
  if (place.payoutId !== null) return { event, cursor: encode({ ...place, position }) };
  const made = plain.get(logged) ?? { event, cursor: encode({ ...NOWHERE, position }) };
  plain.set(logged, made);
  return made;
}

// --- listeners --------------------------------------------------------------------------------------------------------------

/** One subscriber: it drains the log up to the tail that it has joined, and lives from the tail after that. */
interface Listener extends Hearer {
  /** The next events in order; null where there are none right now. Rejects when the log cannot be read. */
  take(): Promise<readonly FeedEvent[] | null>;
  /** Resolves at the next push or `wake`. */
  woken(): Promise<void>;
  /** Wakes whoever waits, with or without something to take. */
  wake(): void;
}

/**
 * Where `behind`, it drains first, and each reading begins after it joined: so what the tail told of before, it finds in
 * the log, and what it does not find there yet, the tail has yet to tell of.
 */
function createListener(store: Store, filter: EventFilter, start: Place, behind: boolean): Listener {
  let { position } = start;
  let draining = behind;
  let buffer: LoggedEvent[] = [];
  let overflowed = false;
  /** Whether a drain has begun, and not come to the end of the log. */
  let underWay = false;
  let bell: PromiseWithResolvers<void> | null = null;
  const given = createMemory();

  /** An event is left out only where it, or a later one of its payout, was given here. */
  function isKnown({ event }: LoggedEvent): boolean {
    return isShown(start, event) || given.knows(event);
  }

  /** Whether events of this payout are missing before this one: then they are in the log, and are read from there. */
  function isJump({ event }: LoggedEvent): boolean {
    const last = given.get(event.payoutId);
    return last !== undefined && event.sequence > last + 1 && !narrows(filter);
  }

  function give(logged: LoggedEvent): FeedEvent {
    given.add(logged.event);
    return feedEvent(logged, start);
  }

  async function drain(): Promise<readonly FeedEvent[]> {
    overflowed = false;
    // Others may have read on from here meanwhile, and have been told what this one was not.
    if (!underWay && position !== null) position = store.anew(position);
    const page = await store.events(position, filter, PAGE, given);
    ({ position } = page);
    underWay = page.more;
    draining = page.more || overflowed;
    const ready: FeedEvent[] = [];
    for (const logged of page.events) if (!isKnown(logged)) ready.push(give(logged));
    return ready;
  }

  function flush(): readonly FeedEvent[] {
    const ready: FeedEvent[] = [];
    const pushed = buffer;
    buffer = [];
    for (const logged of pushed) {
      if (isKnown(logged)) continue;
      draining = isJump(logged);
      if (draining) break;
      // Here alone: the tail, which may be behind what was drained, has come to this event.
      given.forgetOld(logged.event);
      ({ position } = logged);
      ready.push(give(logged));
    }
    return ready;
  }

  function wake(): void {
    bell?.resolve();
    bell = null;
  }

  return {
    wake,
    push(logged) {
      if (!matches(filter, logged.event)) {
        // Nothing before it is still to be given, and whoever goes back to the log does not read all this again.
        if (!draining && buffer.length === 0) ({ position } = logged);
        return;
      }
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
    woken() {
      bell ??= Promise.withResolvers();
      return bell.promise;
    },
  };
}

/** Whether a filter leaves out some events of a payout, so that a jump in its sequence is no gap. */
function narrows(filter: EventFilter): boolean {
  return filter.states !== undefined || filter.providers !== undefined;
}

function matches(filter: EventFilter, event: PayoutEvent): boolean {
  return (
    filter.merchantId === event.merchantId &&
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
