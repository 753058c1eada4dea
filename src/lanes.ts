import type { PayoutState } from './domain/payout.ts';
import type { LookupOutcome, NotTakenReason, Prepared, Provider, ProviderId, SendOutcome } from './domain/provider.ts';
import type { CallKind, CallResult, Health } from './health.ts';
import type { Pace, Turn } from './pace.ts';
import type { Clock } from './runtime.ts';

// How many calls at once.

/** Sends and look-ups go in lanes of their own, so that neither holds up the other. */
export interface Lane {
  readonly states: readonly PayoutState[];
  /** What its calls count as. */
  readonly kind: CallKind;
  /**
   * How many payouts may be leased now by provider: as many as can be called for at once, and of a provider with a batch call
   * more. None where the circuit is open, and one alone where it is half open.
   */
  free(): ReadonlyMap<ProviderId, number>;
  /** One call's place, and its turn of the pace; null: there is none now. The place is free again at the turn's end. */
  enter(provider: ProviderId): Turn | null;
  /** Waits for one, as long as a lane is patient; null: it did not come in time, the circuit was opened, or `signal` aborted. */
  wait(provider: ProviderId, signal: AbortSignal): Promise<Turn | null>;
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
  /** Places for each provider: so many calls at once, however many payouts one of them is for. */
  readonly size: number;
  /** How long a payout that was leased may wait for its turn. */
  readonly patienceMs: number;
  readonly pace: Pace;
  readonly health: Pick<Health, 'circuit'>;
  readonly clock: Clock;
}

/**
 * So many payouts are leased together at most where they may share a call. Which of them do is known only then, and all others
 * go out one by one: it is no more than have their turn in time, if none of them shares one, and no more lie in one hand than this.
 */
const MOST_LEASED_TOGETHER = 40;
/** How often whoever waits looks for a turn, beside whenever a place is free again. */
const LOOK_AGAIN_MS = 250;

/** Makes a lane with all its places free. */
export function createLane({ states, kind, providers, size, patienceMs, pace, health, clock }: LaneParts): Lane {
  const share = pace.share(kind);
  const busy = new Map<ProviderId, number>();
  const waiting = new Map<ProviderId, number>();
  /** Wakes those who wait. */
  let freed = new AbortController();
  const add = (counts: Map<ProviderId, number>, provider: ProviderId, more: 1 | -1): void =>
    void counts.set(provider, (counts.get(provider) ?? 0) + more);

  function callsLeft(provider: ProviderId): number {
    const { state } = health.circuit(provider, kind);
    // Of a half-open circuit a call that is still under way is the one that tries.
    const most = { CLOSED: size, HALF_OPEN: 1, OPEN: 0 }[state];
    return Math.min(most - (busy.get(provider) ?? 0), share.left(provider));
  }

  function leasable({ id, batch }: Provider): number {
    const before = waiting.get(id) ?? 0;
    const calls = callsLeft(id) - before;
    // What tries a half-open circuit may end in doubt: that is to be one payout.
    const alone = batch === null || kind !== 'SUBMIT' || health.circuit(id, kind).state !== 'CLOSED';
    if (calls <= 0 || before > 0 || alone) return calls;
    return Math.max(calls, Math.min(batch.size, MOST_LEASED_TOGETHER, share.leftWithin(id, patienceMs)));
  }

  function enter(provider: ProviderId): Turn | null {
    const turn = callsLeft(provider) > 0 ? share.take(provider) : null;
    if (turn === null) return null;
    add(busy, provider, 1);
    return {
      use: turn.use,
      end() {
        turn.end();
        add(busy, provider, -1);
        freed.abort('freed');
        freed = new AbortController();
      },
    };
  }

  return {
    states,
    kind,
    free: () => new Map(providers.map((one) => [one.id, leasable(one)] as const).filter(([, places]) => places > 0)),
    enter,
    async wait(provider, signal) {
      const until = clock.now().getTime() + patienceMs;
      add(waiting, provider, 1);
      try {
        for (;;) {
          if (signal.aborted || health.circuit(provider, kind).state === 'OPEN') return null;
          const turn = enter(provider);
          const leftMs = until - clock.now().getTime();
          if (turn !== null || leftMs <= 0) return turn;
          await clock.sleep(Math.min(leftMs, LOOK_AGAIN_MS), AbortSignal.any([signal, freed.signal]));
        }
      } finally {
        add(waiting, provider, -1);
      }
    },
  };
}
