import type { MerchantId } from './domain/merchant.ts';
import type { PayoutEvent, PayoutId } from './domain/payout.ts';
import type { LoggedEvent, Position, Store } from './domain/store.ts';
import { type Clock, describeError, type Log } from './runtime.ts';

// Each merchant's log is followed by one reader for the whole process, as long as somebody listens, and fanned out in memory.

/** Whoever is told of a merchant's events. */
export interface Hearer {
  /** Everything that is new, in order for each payout. It does not throw. */
  push(logged: LoggedEvent): void;
}

/** The tails of the merchants that are listened to. */
export interface Tails {
  /**
   * Lets someone hear a merchant's events: made at the place where the tail stands, and told of everything that it reads
   * from there on, which is whatever is committed after the promise resolves. What the store had told of before the call
   * is not pushed. Rejects when the log cannot be read.
   */
  join<H extends Hearer>(merchantId: MerchantId, make: (position: Position) => H): Promise<H>;
  /** Leaving twice is leaving once. */
  leave(merchantId: MerchantId, hearer: Hearer): void;
  close(): Promise<void>;
}

/** What the tails are made of. */
export interface TailsDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
}

/** Events read from the store at a time. */
const PAGE = 500;
/** Every log is read this often even where nothing wakes us. */
const TIMER_MS = 5000;
/** So many logs are read at once where all are. */
const READ_AT_ONCE = 8;
/** A tail goes on for so long without listeners: a connection that is lost comes back. */
const LINGER_MS = 60_000;

/** A merchant's tail, from its first listener's coming on. */
interface Followed {
  readonly merchantId: MerchantId;
  /** Rejects when its place could not be read; then it is not followed. */
  readonly opened: Promise<Tail>;
  /** How many are being let in. */
  joining: number;
  /** When somebody came or went last, in ms. */
  usedAt: number;
}

/** Makes tails that follow nothing yet. The first to join starts the timer and the watch on the store. */
export function createTails(deps: TailsDeps): Tails {
  const { store, clock, log } = deps;
  const followed = new Map<MerchantId, Followed>();
  const closing = new AbortController();
  const { signal } = closing;
  const troubles = createTroubles(log);
  const sweep = oneAtATime(sweepAll);
  let started = false;

  function follow(merchantId: MerchantId): Followed {
    const opened = openTail(deps, merchantId, troubles, signal);
    const one: Followed = { merchantId, opened, joining: 0, usedAt: clock.now().getTime() };
    followed.set(merchantId, one);
    opened.catch(() => followed.delete(merchantId));
    return one;
  }

  /** Reads one log now, or stops to follow it where nobody has listened for a while. */
  async function visit(one: Followed): Promise<void> {
    const tail = await one.opened.catch(() => null);
    if (tail === null || signal.aborted) return;
    const used = one.joining > 0 || tail.hearers.size > 0 || clock.now().getTime() < one.usedAt + LINGER_MS;
    if (used) await tail.read.run();
    else if (followed.delete(one.merchantId)) troubles.end(one.merchantId);
  }

  async function sweepAll(): Promise<void> {
    const waiting = [...followed.keys()];
    const lane = async (): Promise<void> => {
      for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
        const one = followed.get(next);
        if (one) await visit(one);
      }
    };
    await Promise.all(Array.from({ length: READ_AT_ONCE }, lane));
  }

  async function tick(): Promise<void> {
    for (;;) {
      await clock.sleep(TIMER_MS, signal);
      if (signal.aborted) return;
      await sweep.run();
    }
  }

  /** A watch that breaks is begun again; until then there is the timer. */
  async function watch(): Promise<void> {
    while (!signal.aborted) {
      try {
        for await (const { merchantId } of store.watch(signal)) {
          if (merchantId === null) void sweep.run();
          else followed.get(merchantId)?.opened.then(({ read }) => read.run(), ignore);
        }
      } catch (error) {
        if (!signal.aborted) log.warn({ cause: describeError(error) }, 'news of the store comes by the timer alone');
      }
      await clock.sleep(TIMER_MS, signal);
    }
  }

  return {
    async join(merchantId, make) {
      // Before the tail's place is read, so that nothing falls between.
      if (!started) void watch();
      if (!started) void tick();
      started = true;
      const one = followed.get(merchantId) ?? follow(merchantId);
      one.joining += 1;
      try {
        const { read, hearers, position } = await one.opened;
        // What it has heard of by now it reads first: whoever comes is not told of it.
        await read.settled();
        const hearer = make(position());
        hearers.add(hearer);
        return hearer;
      } finally {
        one.joining -= 1;
        one.usedAt = clock.now().getTime();
      }
    },
    leave(merchantId, hearer) {
      const one = followed.get(merchantId);
      if (one === undefined) return;
      one.usedAt = clock.now().getTime();
      one.opened.then(({ hearers }) => hearers.delete(hearer), ignore);
    },
    async close() {
      closing.abort();
      await Promise.all([...followed.values()].map(({ opened }) => opened.then(({ read }) => read.settled(), ignore)));
    },
  };
}

function ignore(): void {}

// --- one merchant's -----------------------------------------------------------------------------------------------------------

interface Tail {
  readonly hearers: Set<Hearer>;
  /** Everything before it was told to those who listened then. */
  position(): Position;
  /** Reads the log to its end, and tells of what is new. */
  readonly read: Runs;
}

/** Starts at the end of the log; what lies before it, each listener reads by itself. */
async function openTail(
  { store }: TailsDeps,
  merchantId: MerchantId,
  troubles: Troubles,
  signal: AbortSignal,
): Promise<Tail> {
  const hearers = new Set<Hearer>();
  const told = createMemory();
  let position = await store.head(merchantId);

  /** What comes again is not told again: it was, to all who listened then, and is in the log for those who came later. */
  function tell(logged: LoggedEvent): void {
    if (told.knows(logged.event)) return;
    told.forgetOld(logged.event);
    told.add(logged.event);
    for (const hearer of hearers) hearer.push(logged);
  }

  async function readToEnd(): Promise<void> {
    for (let more = true; more && !signal.aborted; ) {
      const page = await store.events(position, { merchantId }, PAGE, told);
      page.events.forEach(tell);
      // Only now: what could not be read, or not be told, is read again.
      ({ position, more } = page);
    }
  }

  const read = oneAtATime(async () => {
    try {
      await readToEnd();
      troubles.end(merchantId);
    } catch (error) {
      if (!signal.aborted) troubles.begin(merchantId, error);
    }
  });
  // A store may give again what lies shortly before its end: heard before anybody listens, it is told to nobody.
  await read.run();
  return { hearers, read, position: () => position };
}

/** A job that is never done twice at a time. */
interface Runs {
  /** Runs it, after the run under way, once for all who ask meanwhile. Resolves when a run is over that began after the call. */
  run(): Promise<void>;
  /** Resolves when the run is over that was asked for last. */
  settled(): Promise<void>;
}

/** The job must not reject. */
function oneAtATime(job: () => Promise<void>): Runs {
  let running = Promise.resolve();
  let next: Promise<void> | null = null;
  return {
    run() {
      next ??= running.then(() => {
        next = null;
        running = job();
        return running;
      });
      return next;
    },
    settled: () => next ?? running,
  };
}

/** Which logs could not be read when that was last tried. */
interface Troubles {
  begin(merchantId: MerchantId, error: unknown): void;
  end(merchantId: MerchantId): void;
}

/** Logs the beginning and the end of what may befall a thousand logs at once. */
function createTroubles(log: Log): Troubles {
  const unread = new Set<MerchantId>();
  return {
    begin(merchantId, error) {
      if (unread.size === 0) log.error({ cause: describeError(error), merchantId }, 'the log could not be read');
      unread.add(merchantId);
    },
    end(merchantId) {
      if (unread.delete(merchantId) && unread.size === 0) log.info({}, 'the log can be read again');
    },
  };
}

// --- what came before ---------------------------------------------------------------------------------------------------------

/** Of the payouts whose events were given lately, the sequence that they were given up to. */
export interface Memory {
  get(payoutId: PayoutId): number | undefined;
  /** Whether it was given: a payout's events come in order. */
  knows(event: PayoutEvent): boolean;
  add(event: PayoutEvent): void;
  /** Forgets what happened long before this event: for those who read events as they happen. */
  forgetOld(event: PayoutEvent): void;
}

/** So many payouts are remembered at least, and not more than twice as many. */
const REMEMBERED = 10_000;
/** So long before the newest event nothing is forgotten. No store gives again what is as old, by whichever clock. */
const REMEMBERED_MS = 60_000;

/** Remembers in two generations: when the younger has grown too large or too old, the elder is forgotten. */
export function createMemory(): Memory {
  let young = new Map<PayoutId, number>();
  let old = new Map<PayoutId, number>();
  let youngSince = -Infinity;
  const get = (payoutId: PayoutId): number | undefined => young.get(payoutId) ?? old.get(payoutId);
  const age = (since: Date): void => {
    old = young;
    young = new Map();
    youngSince = since.getTime();
  };
  return {
    get,
    knows: ({ payoutId, sequence }) => sequence <= (get(payoutId) ?? 0),
    add({ payoutId, sequence, at }) {
      if (young.size >= REMEMBERED) age(at);
      young.set(payoutId, sequence);
    },
    forgetOld({ at }) {
      if (at.getTime() > youngSince + REMEMBERED_MS) age(at);
    },
  };
}
