import type { Provider, ProviderId } from './domain/provider.ts';
import { CALL_KINDS, type CallKind } from './health.ts';
import type { Clock } from './runtime.ts';

// How many calls in a minute.

/** How many calls the providers with a published limit may get right now: whoever calls them draws on it. */
export interface Pace {
  /** The part of one kind of call: what one leaves unused another may take, but for the least that each has. */
  share(kind: CallKind): Share;
}

/** The part of the pace that one kind of call has. */
export interface Share {
  /** How many calls may begin now; Infinity where no limit is published. */
  left(provider: ProviderId): number;
  /** How many may begin at once where nothing was called lately; Infinity where no limit is published. */
  most(provider: ProviderId): number;
  /** How many could begin from now until `ms` later, if calls of this kind alone were made. */
  leftWithin(provider: ProviderId, ms: number): number;
  /** The right to make one call; null: none is left. */
  take(provider: ProviderId): Turn | null;
  /** From when on so many (at most `most`) are left, if nobody else calls until then. */
  freeAt(provider: ProviderId, calls: number): Date;
}

/** The right to make one call. It counts from when it is taken, so that whoever has it can take their time. */
export interface Turn {
  /** The call begins now, and counts for a window from now on. */
  use(): void;
  /** Nothing more comes of it: where no call was made, it does not count any more. */
  end(): void;
}

/** A call that counts: `usedAt` null while it has not begun. */
interface Counted {
  readonly kind: CallKind;
  usedAt: number | null;
}

interface Budget {
  /** Calls in one window. */
  readonly most: number;
  readonly windowMs: number;
  counted: readonly Counted[];
}

/**
 * A limit is kept in windows that slide, of as long as it gives this many calls: 600 a minute never become more than ten
 * in any one second, nor 100 a minute more than ten in any six. What a minute allows in one go, a second may not.
 */
const WINDOW_CALLS = 10;
/** One kind of call alone takes no more of a window than this: payouts come before questions, and nobody holds up the others. */
const MOST_OF_WINDOW: Readonly<Record<CallKind, number>> = { SUBMIT: 0.8, LOOKUP: 0.8, READ: 0.5 };
/** What the others leave to each kind in every window: a price may take two calls, as two lists, or a price and its rate. */
const LEAST: Readonly<Record<CallKind, number>> = { SUBMIT: 1, LOOKUP: 1, READ: 2 };
/** A limit that is too low to be shared out so is first come, first served. */
const LEAST_SHARED = CALL_KINDS.reduce((sum, kind) => sum + LEAST[kind], 0);

/** Where no limit is published, there is nothing to count. */
const UNCOUNTED: Turn = { use: () => undefined, end: () => undefined };

/** Makes a pace at which nothing was called yet. */
export function createPace(providers: readonly Provider[], clock: Clock): Pace {
  const budgets = new Map<ProviderId, Budget>();
  for (const { id, callsPerMinute } of providers) {
    if (callsPerMinute === null) continue;
    const most = Math.max(1, Math.min(WINDOW_CALLS, Math.floor(callsPerMinute)));
    budgets.set(id, { most, windowMs: (most * 60_000) / callsPerMinute, counted: [] });
  }
  const nowMs = (): number => clock.now().getTime();

  function budgetOf(provider: ProviderId): Budget | undefined {
    const budget = budgets.get(provider);
    if (budget === undefined) return undefined;
    const since = nowMs() - budget.windowMs;
    budget.counted = budget.counted.filter(({ usedAt }) => usedAt === null || usedAt > since);
    return budget;
  }

  function take(kind: CallKind, provider: ProviderId): Turn | null {
    const budget = budgetOf(provider);
    if (budget === undefined) return UNCOUNTED;
    if (leftOf(budget, kind, budget.counted) <= 0) return null;
    const mine: Counted = { kind, usedAt: null };
    budget.counted = [...budget.counted, mine];
    return {
      use() {
        if (mine.usedAt === null) mine.usedAt = nowMs();
        else budget.counted = [...budget.counted, { kind, usedAt: nowMs() }];
      },
      end() {
        if (mine.usedAt === null) budget.counted = budget.counted.filter((one) => one !== mine);
      },
    };
  }

  return {
    share: (kind) => ({
      left(provider) {
        const budget = budgetOf(provider);
        return budget === undefined ? Infinity : leftOf(budget, kind, budget.counted);
      },
      most(provider) {
        const budget = budgets.get(provider);
        return budget === undefined ? Infinity : leftOf(budget, kind, []);
      },
      leftWithin(provider, ms) {
        const budget = budgetOf(provider);
        if (budget === undefined) return Infinity;
        return leftOf(budget, kind, budget.counted) + leftOf(budget, kind, []) * Math.floor(ms / budget.windowMs);
      },
      take: (provider) => take(kind, provider),
      freeAt(provider, calls) {
        const budget = budgetOf(provider);
        return new Date(budget === undefined ? nowMs() : freeAt(budget, kind, calls, nowMs()));
      },
    }),
  };
}

/** How many more calls of a kind fit beside those that count. */
function leftOf({ most }: Budget, kind: CallKind, counted: readonly Counted[]): number {
  const count = (wanted: CallKind): number => counted.filter((one) => one.kind === wanted).length;
  const others = most < LEAST_SHARED ? [] : CALL_KINDS.filter((other) => other !== kind);
  const kept = others.reduce((sum, other) => sum + Math.max(0, LEAST[other] - count(other)), 0);
  const mostOwn = Math.max(1, Math.floor(most * MOST_OF_WINDOW[kind]));
  return Math.max(0, Math.min(mostOwn - count(kind), most - counted.length - kept));
}

/** When so many of the kind fit, if what has not begun yet begins now, and nothing else does. */
function freeAt(budget: Budget, kind: CallKind, calls: number, now: number): number {
  const ends = (one: Counted): number => (one.usedAt ?? now) + budget.windowMs;
  let counted = budget.counted.toSorted((a, b) => ends(a) - ends(b));
  for (let at = now; ; ) {
    const [first, ...rest] = counted;
    if (first === undefined || leftOf(budget, kind, counted) >= calls) return Math.ceil(at);
    at = ends(first);
    counted = rest;
  }
}
