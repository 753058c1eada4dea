import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '../../src/runtime.ts';

/** A clock that runs faster, and that jumps. */
export interface ScaledClock extends Clock {
  /** Moves on by so many of its own milliseconds at once; who sleeps, sleeps on for as long as before. */
  jump(ms: number): void;
}

/** A clock that runs `factor` times as fast from `origin` on, the same in every process that is given the same two. */
export function createScaledClock(origin: number, factor: number, ahead = 0): ScaledClock {
  let jumped = ahead;
  return {
    now: () => new Date(Math.floor(origin + (Date.now() - origin) * factor + jumped)),
    sleep: (ms, signal) =>
      delay(ms / factor, undefined, { ref: false, ...(signal ? { signal } : {}) }).catch(() => undefined),
    jump(ms) {
      jumped += ms;
    },
  };
}
