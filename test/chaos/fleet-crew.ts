import { type ChildProcess, fork } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { WorkerOptions } from '../../src/worker.ts';
import type { ScaledClock } from '../support/scaled-clock.ts';
import { FLEET_CONCURRENCY, FLEET_TIMES } from './fleet-plan.ts';
import type { Part } from './fleet-process.ts';

/** One place in a fleet: a process that is started again whenever it ends. */
export interface Member {
  readonly name: string;
  /** Whether its process has said that it does its work. */
  isUp(): boolean;
  /** Resolves once it is up. */
  up(): Promise<void>;
  /** SIGKILL; the next process starts so many milliseconds later. */
  kill(downMs: number): void;
  /** SIGSTOP; answers how to let the same process go on, which does nothing where it is gone. */
  pause(): () => void;
  /** Ends it for good. */
  dismiss(): Promise<void>;
}

/** The clock that a whole fleet goes by. */
export interface FleetClock extends ScaledClock {
  readonly origin: number;
  readonly factor: number;
  /** How often it has jumped. */
  jumps(): number;
  /** Tells of each jump, until the answer is called. */
  onJump(listener: (ms: number) => void): () => void;
}

/** What makes a member. */
export interface Post {
  readonly name: string;
  readonly role: Part['role'];
  readonly env: Readonly<Record<string, string>>;
  /** Its output goes to `NAME.log` there. */
  readonly folder: string;
  readonly clock: FleetClock;
  readonly options: WorkerOptions;
}

/** A process that ends by itself, e.g. since the database was away when it started, is started again after this. */
const AGAIN_MS = 300;

/**
 * A worker's settings where the clock runs `factor` times as fast: `deadlineMs` bounds an exchange in the world's time, and
 * the rest of what it lasts by the fleet's clock is counted as skew.
 */
export function workerOptions(factor: number): WorkerOptions {
  const { leaseMs, deadlineMs, pollMs } = FLEET_TIMES;
  return {
    leaseMs: leaseMs * factor,
    deadlineMs,
    skewMs: deadlineMs * (factor - 1),
    pollMs: pollMs * factor,
    concurrency: FLEET_CONCURRENCY,
  };
}

/** Every process of this one's fleets; none outlives it. */
const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});
// One that is stopped would not hear that this one has gone.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

/** Starts a member's first process. */
export function engage({ name, role, env, folder, clock, options }: Post): Member {
  let child: ChildProcess | null = null;
  let up = Promise.withResolvers<void>();
  let isUp = false;
  let dismissed = false;
  let downMs = AGAIN_MS;

  function start(): void {
    if (dismissed) return;
    const { origin, factor } = clock;
    const ahead = clock.now().getTime() - origin - (Date.now() - origin) * factor;
    const part: Part = { role, origin, factor, ahead: Math.round(ahead), options };
    const output = openSync(join(folder, `${name}.log`), 'a');
    const own = fork(join(import.meta.dirname, 'fleet-process.ts'), [JSON.stringify(part)], {
      stdio: ['ignore', output, output, 'ipc'],
      execArgv: [],
      env: {
        PATH: process.env.PATH ?? '',
        NODE_COMPILE_CACHE: join(tmpdir(), 'outflow-compile-cache'),
        DATA_DIR: join(folder, name),
        ...env,
      },
    });
    closeSync(output);
    child = own;
    running.add(own);
    own.once('message', () => {
      isUp = true;
      up.resolve();
    });
    own.once('exit', () => {
      running.delete(own);
      isUp = false;
      up = Promise.withResolvers();
      setTimeout(start, downMs);
      downMs = AGAIN_MS;
    });
    // It may be dead already when it is told something.
    own.on('error', () => undefined);
  }

  const stopJumps = clock.onJump((ms) => void (child?.connected && child.send(ms, () => undefined)));
  start();
  return {
    name,
    isUp: () => isUp,
    up: () => up.promise,
    kill(ms) {
      downMs = ms;
      child?.kill('SIGKILL');
    },
    pause() {
      const paused = child;
      paused?.kill('SIGSTOP');
      return () => {
        if (paused !== null && running.has(paused)) paused.kill('SIGCONT');
      };
    },
    async dismiss() {
      dismissed = true;
      stopJumps();
      const last = child;
      if (last === null || !running.has(last)) return;
      const gone = new Promise((resolve) => last.once('exit', resolve));
      last.kill('SIGKILL');
      await gone;
    },
  };
}
