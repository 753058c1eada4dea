import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '../../src/runtime.ts';

/**
 * A clock that runs `factor` times as fast as the machine's, the same in every process that is given the same `origin`
 * (milliseconds since 1970): schedules of minutes pass in seconds, by real timers.
 */
export function createScaledClock(origin: number, factor: number): Clock {
  return {
    now: () => new Date(origin + (Date.now() - origin) * factor),
    sleep: (ms, signal) =>
      delay(ms / factor, undefined, { ref: false, ...(signal ? { signal } : {}) }).catch(() => undefined),
  };
}
