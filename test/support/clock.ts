import type { Clock } from '../../src/runtime.ts';

/** A clock that stands still until a test moves it. */
export interface ManualClock extends Clock {
  /** Moves time on by `ms`, waking each sleeper at its own instant, and lets what it woke run before the next. */
  advance(ms: number): Promise<void>;
  /** Moves to the next instant at which someone wakes; false, without moving, where nobody sleeps. */
  advanceToNext(): Promise<boolean>;
  /** How many sleep. */
  pending(): number;
}

interface Sleeper {
  readonly atMs: number;
  wake(): void;
}

/** Starts at `start`, by default at noon of the first of January 2026, UTC. */
export function createManualClock(start: Date = new Date('2026-01-01T12:00:00Z')): ManualClock {
  let nowMs = start.getTime();
  const sleepers: Sleeper[] = [];

  function sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (ms <= 0 || signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const sleeper: Sleeper = {
        atMs: nowMs + ms,
        wake() {
          sleepers.splice(sleepers.indexOf(sleeper), 1);
          signal?.removeEventListener('abort', sleeper.wake);
          resolve();
        },
      };
      signal?.addEventListener('abort', sleeper.wake, { once: true });
      // Of two that wake at one instant, the one that lay down first wakes first.
      const later = sleepers.findIndex((other) => other.atMs > sleeper.atMs);
      sleepers.splice(later === -1 ? sleepers.length : later, 0, sleeper);
    });
  }

  async function moveTo(targetMs: number): Promise<void> {
    for (;;) {
      const next = sleepers[0];
      if (next === undefined || next.atMs > targetMs) break;
      nowMs = next.atMs;
      next.wake();
      await settle();
    }
    nowMs = targetMs;
    await settle();
  }

  return {
    now: () => new Date(nowMs),
    sleep,
    advance: (ms) => moveTo(nowMs + ms),
    async advanceToNext() {
      const next = sleepers[0];
      if (next === undefined) return false;
      await moveTo(next.atMs);
      return true;
    },
    pending: () => sleepers.length,
  };
}

/** One turn of the event loop: every promise that can go on has gone on. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
