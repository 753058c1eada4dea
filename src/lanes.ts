import type { PayoutState } from './domain/payout.ts';
import type { LookupOutcome, Prepared, Provider, ProviderId, SendOutcome } from './domain/provider.ts';
import type { Clock } from './runtime.ts';

// How many calls at once, how many in a minute, and when to leave a provider in peace.

/** Sends and look-ups go in lanes of their own, so that neither holds up the other. */
export interface Lane {
  readonly states: readonly PayoutState[];
  /** Free places by provider; a provider that is being left in peace has none. */
  free(): ReadonlyMap<ProviderId, number>;
  enter(provider: ProviderId): void;
  leave(provider: ProviderId): void;
  note(provider: ProviderId, outcome: Noted): void;
}

/** What a call came to, as far as its provider's condition goes. */
export type Noted = SendOutcome | LookupOutcome | Extract<Prepared, { kind: 'unavailable' }>;

/** Whether the provider could not be used: what it refuses for the payout's own sake is an answer. */
export function hasFailed(outcome: Noted): boolean {
  if (outcome.kind === 'notTaken') return outcome.reason !== 'HOURS' && outcome.reason !== 'FUNDS';
  return outcome.kind === 'unknown' || outcome.kind === 'unavailable';
}

/** So many failures in a row before a provider is left in peace without its asking. */
const PATIENCE = 5;
const LONGEST_PAUSE_MS = 60_000;
/** However long a provider asks us to stay away. */
const LONGEST_ASKED_MS = 3_600_000;

/** What a lane is made of. */
export interface LaneParts {
  readonly states: readonly PayoutState[];
  readonly providers: readonly Provider[];
  /** Places for each provider. */
  readonly size: number;
  readonly pace: Pace;
  readonly clock: Clock;
  /** Who waits: two processes that failed together do not come back together. */
  readonly owner: string;
}

/** Makes a lane with all its places free. */
export function createLane({ states, providers, size, pace, clock, owner }: LaneParts): Lane {
  const share = pace.share();
  const busy = new Map<ProviderId, number>();
  const failures = new Map<ProviderId, number>();
  const pausedUntil = new Map<ProviderId, number>();
  const isPaused = (provider: ProviderId): boolean => (pausedUntil.get(provider) ?? 0) > clock.now().getTime();
  /** A shorter wait, told later by a call that was under way meanwhile, does not end a longer one. */
  const pause = (provider: ProviderId, ms: number): void => {
    pausedUntil.set(provider, Math.max(pausedUntil.get(provider) ?? 0, clock.now().getTime() + ms));
  };
  return {
    states,
    free() {
      const open = providers.filter(({ id }) => !isPaused(id));
      return new Map(
        open
          .map(({ id }) => [id, Math.min(size - (busy.get(id) ?? 0), share.left(id))] as const)
          .filter(([, places]) => places > 0),
      );
    },
    enter: (provider) => {
      share.take(provider);
      busy.set(provider, (busy.get(provider) ?? 0) + 1);
    },
    leave: (provider) => {
      busy.set(provider, (busy.get(provider) ?? 1) - 1);
    },
    note(provider, outcome) {
      if (!hasFailed(outcome)) {
        failures.set(provider, 0);
        return;
      }
      // Calls that were under way together fail together: those that come after the first pause are no further sign.
      const inARow = (failures.get(provider) ?? 0) + (isPaused(provider) ? 0 : 1);
      if (inARow >= PATIENCE && !isPaused(provider)) pause(provider, backOffMs(owner, inARow - PATIENCE));
      failures.set(provider, inARow);
      if ('retryAfterMs' in outcome && outcome.retryAfterMs !== null) {
        pause(provider, Math.min(outcome.retryAfterMs, LONGEST_ASKED_MS));
      }
    },
  };
}

/** A second, then twice as long each time, up to a minute; spread at every length. */
function backOffMs(owner: string, turn: number): number {
  return Math.min(1000 * 2 ** turn, LONGEST_PAUSE_MS) * jitter(owner, turn);
}

/** 0.75 to 1.25, always the same for one owner and turn. */
function jitter(owner: string, turn: number): number {
  let hash = turn;
  for (let at = 0; at < owner.length; at += 1) hash = (Math.imul(hash, 31) + owner.charCodeAt(at)) | 0;
  // Owners differ in their last digit: it has to count for as much as the first.
  hash = Math.imul(hash ^ (hash >>> 16), 0x45d9f3b);
  hash = Math.imul(hash ^ (hash >>> 16), 0x45d9f3b);
  return 0.75 + ((hash >>> 0) % 1000) / 2000;
}

/** How many calls the providers with a published limit may get right now: all lanes draw on it. */
export interface Pace {
  /** A lane's part: what one of them leaves unused another may take, except for a fifth. */
  share(): Share;
}

/** One lane's part of the pace. */
export interface Share {
  left(provider: ProviderId): number;
  take(provider: ProviderId): void;
}

/** A call that counts, and for whom. */
interface Taken {
  readonly by: Share;
  readonly at: number;
}

/**
 * A limit is kept in windows that slide, of as long as it gives this many calls: 600 a minute never become more than ten
 * in any one second, nor 100 a minute more than ten in any six. What a minute allows in one go, a second may not.
 */
const WINDOW_CALLS = 10;
/** Sends alone, or look-ups alone, take no more of a window than this: neither holds up the other. */
const MOST_OF_WINDOW = 0.8;

/** Makes a pace at which nothing was called yet. */
export function createPace(providers: readonly Provider[], clock: Clock): Pace {
  const budgets = new Map<ProviderId, { readonly most: number; readonly windowMs: number; taken: readonly Taken[] }>();
  for (const { id, callsPerMinute } of providers) {
    if (callsPerMinute === null) continue;
    const most = Math.max(1, Math.min(WINDOW_CALLS, Math.floor(callsPerMinute)));
    budgets.set(id, { most, windowMs: (most * 60_000) / callsPerMinute, taken: [] });
  }
  return {
    share() {
      const share: Share = {
        left(provider) {
          const budget = budgets.get(provider);
          if (!budget) return Infinity;
          const since = clock.now().getTime() - budget.windowMs;
          budget.taken = budget.taken.filter(({ at }) => at > since);
          const own = budget.taken.filter(({ by }) => by === share).length;
          const mostOwn = Math.max(1, Math.floor(budget.most * MOST_OF_WINDOW));
          return Math.min(budget.most - budget.taken.length, mostOwn - own);
        },
        take(provider) {
          const budget = budgets.get(provider);
          if (budget) budget.taken = [...budget.taken, { by: share, at: clock.now().getTime() }];
        },
      };
      return share;
    },
  };
}
