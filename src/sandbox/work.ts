import { type Clock, describeError, type Ids, type Log } from '../runtime.ts';
import type { Books } from './books.ts';

/** What is going on right now, so that one can wait until nothing is. What sleeps does not count. */
export class Work {
  #count = 0;
  #waiting: (() => void)[] = [];

  /** Runs a job; until it ends, there is work. */
  async during<T>(job: () => Promise<T>): Promise<T> {
    this.#count += 1;
    try {
      return await job();
    } finally {
      this.#leave();
    }
  }

  /** Within a job: lets it sleep, and does not count it while it does. */
  async rest(sleep: Promise<void>): Promise<void> {
    this.#leave();
    await sleep;
    this.#count += 1;
  }

  /** Resolves once there is no work; at once where there is none. */
  idle(): Promise<void> {
    return this.#count === 0 ? Promise.resolve() : new Promise((resolve) => this.#waiting.push(resolve));
  }

  #leave(): void {
    this.#count -= 1;
    if (this.#count > 0) return;
    for (const wake of this.#waiting.splice(0)) wake();
  }
}

/** What the parts of the sandbox work with. */
export interface Tools {
  readonly books: Books;
  readonly work: Work;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  /** Aborted when the sandbox closes. */
  readonly signal: AbortSignal;
  /** How long an order ordinarily takes from accepted to its end. */
  readonly settleMs: number;
  /** Whether every duplicate is a new payment. */
  readonly paysDuplicates: boolean;
}

/** False: the sandbox closed first. */
export async function untilDue({ clock, signal }: Tools, dueAt: Date): Promise<boolean> {
  const waitMs = dueAt.getTime() - clock.now().getTime();
  if (waitMs > 0) await clock.sleep(waitMs, signal);
  return !signal.aborted;
}

/** What nobody waits for must not end the process: a failure is logged. */
export function inBackground({ log }: Tools, job: Promise<void>): Promise<void> {
  return job.catch((error) => log.error({ cause: describeError(error) }, 'the sandbox stumbled'));
}
