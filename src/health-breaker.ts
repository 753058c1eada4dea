import type { ProviderId } from './domain/provider.ts';
import type { Clock } from './runtime.ts';

export const CALL_KINDS = ['SUBMIT', 'LOOKUP', 'READ'] as const;
/** Creates and what follows on them; status calls; whatever touches no payout: quotes, balances, lists. */
export type CallKind = (typeof CALL_KINDS)[number];

/** CLOSED: calls go through. OPEN: none does until `retryAt`. HALF_OPEN: one tries. */
export type CircuitState = 'CLOSED' | 'OPEN' | 'HALF_OPEN';

/** One provider's breaker for one kind of call. */
export interface Circuit {
  readonly kind: CallKind;
  readonly state: CircuitState;
  /** Since when it is so. */
  readonly since: Date;
  /** Why it is not closed: one line for people; null: it is closed. */
  readonly reason: string | null;
  /** When the next call is let through; null: at once. */
  readonly retryAt: Date | null;
}

/** How a call went, as far as the provider's condition goes. */
export type CallResult =
  | { readonly answered: true }
  | { readonly answered: false; readonly cause: string; readonly retryAfterMs: number | null };

/** What is remembered of a circuit: its state follows from it and the time. */
export interface Fuse {
  readonly kind: CallKind;
  /** When it was closed or opened last. */
  readonly since: Date;
  readonly reason: string | null;
  /** Until when it lets nothing through; null: it is closed. */
  readonly retryAt: Date | null;
}

/** A circuit as it is at an instant: one that was opened is half open once its time has come. */
export function circuitAt({ kind, since, reason, retryAt }: Fuse, now: Date): Circuit {
  if (retryAt === null) return { kind, state: 'CLOSED', since, reason: null, retryAt };
  if (now < retryAt) return { kind, state: 'OPEN', since, reason, retryAt };
  return { kind, state: 'HALF_OPEN', since: retryAt, reason, retryAt: null };
}

/** The circuits of one process. Kept in memory: they tell of now. */
export interface Breaker {
  note(provider: ProviderId, kind: CallKind, result: CallResult): void;
  circuit(provider: ProviderId, kind: CallKind): Circuit;
  /** Whether a call may be made now: of a half-open circuit yes once, and again when that call should have been noted. */
  admits(provider: ProviderId, kind: CallKind): boolean;
  /** Of each kind that was called, in the order of CALL_KINDS. */
  fuses(provider: ProviderId): readonly Fuse[];
}

/** So many failures in a row open a circuit. */
const PATIENCE = 5;
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 60_000;
/** However long a provider asks us to stay away. */
const LONGEST_ASKED_MS = 3_600_000;
/** Longer than any call takes: one that was let through and never noted came to nothing. */
const TRIAL_MS = 30_000;
const LONGEST_REASON = 200;

/** A circuit with what it needs to remember beside. */
interface Wire {
  fuse: Fuse;
  /** In a row. */
  failures: number;
  /** How often it was opened: each time is spread anew. */
  turn: number;
  /** How long it was last opened for; 0: it was closed since. */
  pauseMs: number;
  /** Until when the call that tries is waited for; 0: none does. */
  trialUntil: number;
}

/** Circuits that are all closed. `owner`: two processes that failed together do not come back together. */
export function createBreaker(clock: Clock, owner: string): Breaker {
  const startedAt = clock.now();
  const wires = new Map<ProviderId, Map<CallKind, Wire>>();
  const unused = (kind: CallKind): Fuse => ({ kind, since: startedAt, reason: null, retryAt: null });
  const find = (provider: ProviderId, kind: CallKind): Wire | undefined => wires.get(provider)?.get(kind);
  const circuit = (provider: ProviderId, kind: CallKind): Circuit =>
    circuitAt(find(provider, kind)?.fuse ?? unused(kind), clock.now());

  function wireOf(provider: ProviderId, kind: CallKind): Wire {
    const kinds = wires.get(provider) ?? new Map<CallKind, Wire>();
    wires.set(provider, kinds);
    const wire = kinds.get(kind) ?? { fuse: unused(kind), failures: 0, turn: 0, pauseMs: 0, trialUntil: 0 };
    kinds.set(kind, wire);
    return wire;
  }

  function noteAnswer(wire: Wire, now: Date): void {
    wire.failures = 0;
    wire.pauseMs = 0;
    // A call that was under way when the circuit was opened does not close it early.
    if (circuitAt(wire.fuse, now).state !== 'HALF_OPEN') return;
    wire.fuse = { kind: wire.fuse.kind, since: now, reason: null, retryAt: null };
  }

  function noteFailure(wire: Wire, now: Date, cause: string, retryAfterMs: number | null): void {
    const { state } = circuitAt(wire.fuse, now);
    wire.failures += 1;
    // Calls that were under way together fail together: those that come after the opening are no further sign.
    if (state === 'HALF_OPEN' || (state === 'CLOSED' && wire.failures >= PATIENCE)) {
      wire.pauseMs = Math.min(Math.max(2 * wire.pauseMs, FIRST_PAUSE_MS), LONGEST_PAUSE_MS);
      open(wire, now, Math.round(wire.pauseMs * jitter(owner, wire.turn)), cause);
      wire.turn += 1;
    }
    const askedMs = Math.min(retryAfterMs ?? 0, LONGEST_ASKED_MS);
    if (!(askedMs > 0)) return;
    wire.pauseMs = Math.max(wire.pauseMs, askedMs);
    open(wire, now, askedMs, cause);
  }

  return {
    circuit,
    note(provider, kind, result) {
      const wire = wireOf(provider, kind);
      if (result.answered) noteAnswer(wire, clock.now());
      else noteFailure(wire, clock.now(), result.cause, result.retryAfterMs);
    },
    admits(provider, kind) {
      const { state } = circuit(provider, kind);
      const wire = find(provider, kind);
      if (state !== 'HALF_OPEN' || wire === undefined) return state === 'CLOSED';
      const now = clock.now().getTime();
      if (wire.trialUntil > now) return false;
      wire.trialUntil = now + TRIAL_MS;
      return true;
    },
    fuses: (provider) => CALL_KINDS.flatMap((kind) => find(provider, kind)?.fuse ?? []),
  };
}

/** A shorter wait, told later by a call that was under way meanwhile, does not end a longer one. */
function open(wire: Wire, now: Date, ms: number, cause: string): void {
  const { kind, retryAt, since } = wire.fuse;
  const until = new Date(now.getTime() + ms);
  const isOpen = retryAt !== null && retryAt > now;
  if (isOpen && retryAt >= until) return;
  wire.trialUntil = 0;
  wire.fuse = { kind, since: isOpen ? since : now, reason: toLine(cause), retryAt: until };
}

function toLine(cause: string): string {
  const line = cause.replace(/[\s\p{Cc}]+/gu, ' ').trim();
  return line.length <= LONGEST_REASON ? line : `${line.slice(0, LONGEST_REASON - 1)}…`;
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
