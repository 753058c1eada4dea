import type { ProviderId } from './domain/provider.ts';
import type { Bulletin, Store } from './domain/store.ts';
import { type CallKind, type CallResult, type Circuit, createBreaker } from './health-breaker.ts';
import {
  addTime,
  meanOf,
  mergeViews,
  type ProviderHealth,
  readBulletin,
  UNSEEN,
  type View,
  writeBulletin,
} from './health-view.ts';
import { createWatch } from './health-watch.ts';
import { type Clock, describeError, type Log } from './runtime.ts';

export { CALL_KINDS, type CallKind, type CallResult, type Circuit, type CircuitState } from './health-breaker.ts';
export { type HealthState, isSameHealth, type ProviderHealth } from './health-view.ts';

/** How the providers do: a breaker for each and each kind of call, and what all processes on the store know together. */
export interface Health {
  /** Notes how a call of this process ended. */
  note(provider: ProviderId, kind: CallKind, result: CallResult): void;
  /** This process's own breaker: whoever is about to call asks it. */
  circuit(provider: ProviderId, kind: CallKind): Circuit;
  /**
   * Whether a call may be made now, by this process's own breaker. Of a half-open circuit it says yes once: the others wait
   * until that call was noted, or half a minute has gone by.
   */
  admits(provider: ProviderId, kind: CallKind): boolean;
  /** As all processes together see it. Never rejects: while the store is away, as this one does. */
  of(provider: ProviderId): Promise<ProviderHealth>;
  /** A payout took so long from its first send to COMPLETED. */
  noteTime(provider: ProviderId, ms: number): void;
  /** How long payouts have been taking there lately, by what all processes saw in a day; null: nobody knows. Never rejects. */
  usualMs(provider: ProviderId): Promise<number | null>;
  /**
   * Yields a provider whenever its state or a circuit of it has changed, here or (within a second) elsewhere; several
   * changes that nobody has taken yet are one. Listens from this call on; ends when the signal aborts, or at the close.
   */
  watch(signal: AbortSignal): AsyncIterable<ProviderId>;
  /** Stops telling the other processes. */
  close(): Promise<void>;
}

export interface HealthDeps {
  readonly store: Pick<Store, 'post' | 'bulletins'>;
  readonly clock: Clock;
  readonly log: Log;
  /** Names this process among those on the store. */
  readonly process: string;
}

/** How long a circuit that another process told of counts, when it does not tell again. */
const TOLD_FOR_MS = 30_000;
/** How long the times count that another process told of. */
const TIMES_FOR_MS = 86_400_000;
/** How often the others are read at most, while somebody wants to know. */
const READ_EVERY_MS = 1000;
const READ_TIMES_EVERY_MS = 10_000;
/** How long a reading is waited for; what was read before will do then. */
const READ_WAIT_MS = 1000;
/** How often they are told at most, and at least. */
const TELL_AFTER_MS = 1000;
const TELL_EVERY_MS = 10_000;

/** A health that knows of no call yet. It reads nothing, and tells nothing, before there is something. */
export function createHealth(deps: HealthDeps): Health {
  const { clock, process } = deps;
  const breaker = createBreaker(clock, process);
  const own = new Map<ProviderId, View>();
  const others = createReading(deps, TOLD_FOR_MS, READ_EVERY_MS);
  const lately = createReading(deps, TIMES_FOR_MS, READ_TIMES_EVERY_MS);
  const viewOf = (provider: ProviderId): View => ({ ...(own.get(provider) ?? UNSEEN), fuses: breaker.fuses(provider) });
  const teller = createTeller(deps, () => writeBulletin(new Map([...own.keys()].map((id) => [id, viewOf(id)]))));

  function healthOf(provider: ProviderId): ProviderHealth {
    const told = others.known().flatMap((views) => views.get(provider) ?? []);
    return mergeViews([viewOf(provider), ...told], clock.now());
  }
  const known = (): readonly ProviderId[] => [own, ...others.known()].flatMap((views) => [...views.keys()]);
  const watch = createWatch({ clock, refresh: others.refresh, known, healthOf });

  return {
    circuit: breaker.circuit,
    admits: breaker.admits,
    note(provider, kind, result) {
      breaker.note(provider, kind, result);
      const at = result.answered ? { lastSuccessAt: clock.now() } : { lastFailureAt: clock.now() };
      own.set(provider, { ...(own.get(provider) ?? UNSEEN), ...at, failing: !result.answered });
      teller.tell();
      watch.look(provider);
    },
    async of(provider) {
      await others.refresh();
      return healthOf(provider);
    },
    noteTime(provider, ms) {
      const before = own.get(provider) ?? UNSEEN;
      own.set(provider, { ...before, times: addTime(before.times, ms) });
      teller.tell();
    },
    async usualMs(provider) {
      await lately.refresh();
      const views = [own, ...lately.known()].flatMap((each) => each.get(provider) ?? []);
      return meanOf(views.flatMap(({ times }) => times ?? []));
    },
    watch: watch.open,
    async close() {
      watch.close();
      await teller.close();
    },
  };
}

function sleepUntil(clock: Clock, atMs: number, signal: AbortSignal): Promise<void> {
  return clock.sleep(Math.max(0, atMs - clock.now().getTime()), signal);
}

// --- telling the others, and hearing them -----------------------------------------------------------------------------------

interface Teller {
  /** There is something new. */
  tell(): void;
  /** Resolves when nothing is told any more. */
  close(): Promise<void>;
}

/** Posts at once what is new, but not again within a second; from then on, also where nothing is, every ten. */
function createTeller({ store, clock, log, process }: HealthDeps, write: () => string): Teller {
  const closing = new AbortController();
  let wake = new AbortController();
  let isNew = false;
  let isAway = false;
  let telling: Promise<void> | null = null;

  async function post(): Promise<void> {
    isNew = false;
    try {
      await store.post({ process, at: clock.now(), text: write() });
      isAway = false;
    } catch (error) {
      isNew = true;
      if (!isAway) log.warn({ cause: describeError(error) }, 'the other processes are not told how providers do');
      isAway = true;
    }
  }

  async function run(): Promise<void> {
    while (!closing.signal.aborted) {
      const toldAt = clock.now().getTime();
      await post();
      await sleepUntil(clock, toldAt + TELL_AFTER_MS, closing.signal);
      wake = new AbortController();
      if (isNew || closing.signal.aborted) continue;
      await sleepUntil(clock, toldAt + TELL_EVERY_MS, wake.signal);
    }
  }

  return {
    tell() {
      isNew = true;
      telling ??= run();
      wake.abort();
    },
    async close() {
      closing.abort();
      wake.abort();
      await telling;
    },
  };
}

/** What the other processes told last. */
interface Reading {
  /** As last read, without what has become too old since. */
  known(): readonly ReadonlyMap<ProviderId, View>[];
  /** Reads again where it is time to, however many ask. Never rejects, and does not wait for a store that is away. */
  refresh(): Promise<void>;
}

function createReading({ store, clock, log, process }: HealthDeps, forMs: number, everyMs: number): Reading {
  let told: readonly { readonly at: Date; readonly views: ReadonlyMap<ProviderId, View> }[] = [];
  let readAt: number | null = null;
  let reading: Promise<void> | null = null;
  /** Whether the reading that is under way takes too long to be waited for. */
  let isLate = false;
  const since = (): Date => new Date(clock.now().getTime() - forMs);

  const readViews = ({ process: name, at, text }: Bulletin) => {
    const views = name === process ? null : readBulletin(text);
    return views === null ? [] : [{ at, views }];
  };

  async function read(): Promise<void> {
    readAt = clock.now().getTime();
    try {
      told = (await store.bulletins(since())).flatMap(readViews);
    } catch (error) {
      log.debug({ cause: describeError(error) }, 'it is not known how providers do for the other processes');
    }
  }

  return {
    known() {
      const from = since();
      return told.filter(({ at }) => at >= from).map(({ views }) => views);
    },
    async refresh() {
      if (reading === null && readAt !== null && clock.now().getTime() - readAt < everyMs) return;
      reading ??= read().finally(() => {
        reading = null;
        isLate = false;
      });
      if (isLate) return;
      const over = new AbortController();
      const late = clock.sleep(READ_WAIT_MS, over.signal).then(() => {
        isLate ||= reading !== null && !over.signal.aborted;
      });
      await Promise.race([reading, late]);
      over.abort();
    },
  };
}
