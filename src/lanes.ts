import type { PayoutState } from './domain/payout.ts';
import type { LookupOutcome, NotTakenReason, Prepared, Provider, ProviderId, SendOutcome } from './domain/provider.ts';
import type { CallKind, CallResult, Health } from './health.ts';
import type { Clock } from './runtime.ts';

// How many calls at once, and how many in a minute.

/** Sends and look-ups go in lanes of their own, so that neither holds up the other. */
export interface Lane {
  readonly states: readonly PayoutState[];
  /** What its calls count as. */
  readonly kind: CallKind;
  /** Free places by provider: none where the circuit is open, and one call alone where it is half open. */
  free(): ReadonlyMap<ProviderId, number>;
  enter(provider: ProviderId): void;
  leave(provider: ProviderId): void;
}

/** What a call came to, as far as its provider's condition goes. */
export type Noted = SendOutcome | LookupOutcome | Extract<Prepared, { kind: 'unavailable' }>;

const UNANSWERED: Readonly<Record<Exclude<NotTakenReason, 'HOURS' | 'FUNDS'>, string>> = {
  NEVER_LEFT: 'it cannot be reached',
  CREDENTIALS: 'it refuses our credentials',
  MAINTENANCE: 'it is under maintenance',
  RATE_LIMITED: 'it gets too many calls',
};

/**
 * How a call went: what a provider refuses for the payout's own sake is an answer. The cause is in our own words, since
 * every merchant may read it, and what the provider says may be about the payout of one.
 */
export function resultOf(outcome: Noted): CallResult {
  switch (outcome.kind) {
    case 'notTaken': {
      const { reason, retryAfterMs } = outcome;
      if (reason === 'HOURS' || reason === 'FUNDS') return { answered: true };
      return { answered: false, cause: UNANSWERED[reason], retryAfterMs };
    }
    case 'unknown': {
      const { vendorCode } = outcome;
      const code = vendorCode !== null && /^[\w.-]{1,20}$/.test(vendorCode) ? ` (${vendorCode})` : '';
      return { answered: false, cause: `it does not tell what became of a payout${code}`, retryAfterMs: null };
    }
    case 'unavailable':
      if ('onlyThisOrder' in outcome) return { answered: true };
      return { answered: false, cause: 'it gives no answer that can be used', retryAfterMs: outcome.retryAfterMs };
    default:
      return { answered: true };
  }
}

/** What a lane is made of. */
export interface LaneParts {
  readonly states: readonly PayoutState[];
  readonly kind: CallKind;
  readonly providers: readonly Provider[];
  /** Places for each provider. */
  readonly size: number;
  readonly pace: Pace;
  readonly health: Pick<Health, 'circuit'>;
}

/** Makes a lane with all its places free. */
export function createLane({ states, kind, providers, size, pace, health }: LaneParts): Lane {
  const share = pace.share();
  const busy = new Map<ProviderId, number>();
  const placesAt = (provider: ProviderId): number => {
    const { state } = health.circuit(provider, kind);
    // Of a half-open circuit a call that is still under way is the one that tries.
    const most = { CLOSED: size, HALF_OPEN: 1, OPEN: 0 }[state];
    return Math.min(most - (busy.get(provider) ?? 0), share.left(provider));
  };
  return {
    states,
    kind,
    free: () => new Map(providers.map(({ id }) => [id, placesAt(id)] as const).filter(([, places]) => places > 0)),
    enter: (provider) => {
      share.take(provider);
      busy.set(provider, (busy.get(provider) ?? 0) + 1);
    },
    leave: (provider) => {
      busy.set(provider, (busy.get(provider) ?? 1) - 1);
    },
  };
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
