import type { PayoutBatch } from './domain/batch.ts';
import { isFinal } from './domain/payout.ts';
import type { BatchCount } from './domain/store.ts';
import type { Clock } from './runtime.ts';

/** How far a batch is. */
export interface BatchProgress {
  readonly batch: PayoutBatch;
  /** States that no payout is in may be missing. */
  readonly counts: readonly BatchCount[];
}

/** Between two looks at a batch that somebody follows. */
const FOLLOW_EVERY_MS = 1000;
/** What no event tells of (another process has paused it) is seen after this time. */
const FOLLOW_BLINDLY_MS = 10_000;

/**
 * How far a batch is now, then whenever that has changed, at most once a second; ends when all is final, the bell has ended, or
 * nothing can be read (any more). Rejects where the changes failed.
 */
export async function* followProgress(
  read: () => Promise<BatchProgress | null>,
  bell: ChangeBell,
  clock: Clock,
): AsyncGenerator<BatchProgress, undefined> {
  let shown = await read();
  if (shown === null) return;
  yield shown;
  while (!isOver(shown)) {
    await clock.sleep(FOLLOW_EVERY_MS, bell.ended);
    await bell.rung((signal) => clock.sleep(FOLLOW_BLINDLY_MS, signal));
    if (bell.ended.aborted) return;
    const now = await read();
    if (now === null) return;
    const same = asShown(now) === asShown(shown);
    shown = now;
    if (!same) yield now;
  }
}

/** Whether nothing more comes of a batch by itself: all of it is final, or it has nothing and gets nothing. */
function isOver({ batch, counts }: BatchProgress): boolean {
  const some = counts.some(({ count }) => count > 0);
  return counts.every(({ state, count }) => count === 0 || isFinal(state)) && (some || batch.wish === 'CANCELLED');
}

/** What of it somebody sees, as a text to compare. */
function asShown({ batch, counts }: BatchProgress): string {
  const lines = counts
    .filter(({ count }) => count > 0)
    .map(({ state, parked, count }) => `${state} ${parked} ${count}`);
  return `${batch.wish} ${lines.sort().join(', ')}`;
}

/** Rings whenever something may have changed. */
export interface ChangeBell {
  ring(): void;
  /** Aborts when the changes have ended. */
  readonly ended: AbortSignal;
  /** Resolves when it was rung since the last time, or when the wait is over. Rejects where the changes failed. */
  rung(wait: (signal: AbortSignal) => Promise<void>): Promise<void>;
}

/** A bell that these changes ring, whatever they yield, and anyone else. */
export function createBell(changes: AsyncIterator<unknown>): ChangeBell {
  const ended = new AbortController();
  let bell = Promise.withResolvers<void>();
  let failure: { readonly error: unknown } | null = null;
  const listen = async (): Promise<void> => {
    for (let next = await changes.next(); next.done !== true; next = await changes.next()) bell.resolve();
  };
  void listen()
    .catch((error: unknown) => {
      failure = { error };
    })
    .finally(() => {
      ended.abort();
      bell.resolve();
    });
  return {
    ring: () => bell.resolve(),
    ended: ended.signal,
    async rung(wait) {
      const over = new AbortController();
      await Promise.race([bell.promise, wait(over.signal)]);
      over.abort();
      bell = Promise.withResolvers();
      if (failure !== null) throw failure.error;
    },
  };
}
