import type { ReadOutcome } from './provider.ts';

/** Who else may be given an answer: whoever asks later, whoever waits for it already, or nobody but who asked. */
export type Sharing = 'KEPT' | 'SHARED' | 'ALONE';

/** What was answered lately, by key. Whoever asks what is being asked waits for the same answer. */
export interface Recent<T> {
  /** An answer that is at most `maxAgeMs` old, else that of the question under way, else of `ask`. Rejects as `ask` does. */
  get(key: string, maxAgeMs: number, ask: () => Promise<T>): Promise<T>;
  /** The answer of `ask`, whatever is known or under way. It is kept for others. Rejects as `ask` does. */
  renew(key: string, ask: () => Promise<T>): Promise<T>;
}

/** So many answers are kept at most: the oldest go first. */
const MAX_KEPT = 1000;

/** An empty memory. An answer's age counts from when it was asked for; `sharing` says of each what becomes of it. */
export function createRecent<T>(now: () => Date, sharing: (value: T) => Sharing): Recent<T> {
  const kept = new Map<string, { readonly value: T; readonly askedAtMs: number }>();
  const underWay = new Map<string, Promise<T>>();

  async function renew(key: string, ask: () => Promise<T>): Promise<T> {
    const askedAtMs = now().getTime();
    const value = await ask();
    // Of two questions that were under way together the later one knows better.
    if (sharing(value) !== 'KEPT' || (kept.get(key)?.askedAtMs ?? 0) > askedAtMs) return value;
    kept.delete(key);
    kept.set(key, { value, askedAtMs });
    const [oldest] = kept.keys();
    if (kept.size > MAX_KEPT && oldest !== undefined) kept.delete(oldest);
    return value;
  }

  return {
    renew,
    async get(key, maxAgeMs, ask) {
      const known = kept.get(key);
      const ageMs = known === undefined ? Number.POSITIVE_INFINITY : now().getTime() - known.askedAtMs;
      // A clock that was put back says nothing of an age.
      if (known !== undefined && ageMs >= 0 && ageMs <= maxAgeMs) return known.value;
      const joined = underWay.get(key);
      if (joined !== undefined) {
        const value = await joined;
        return sharing(value) === 'ALONE' ? renew(key, ask) : value;
      }
      const asking = renew(key, ask).finally(() => underWay.delete(key));
      underWay.set(key, asking);
      return asking;
    },
  };
}

/**
 * How old a provider's own list of fees, bounds or rates may be when an indicative price is made of it. Such lists move by
 * the minute, a price made of them stands for one, and what a payout may cost is asked anew before it is sent: ten seconds
 * lose nothing, and make one question of a crowd's.
 */
const LIST_AGE_MS = 10_000;

/** A list that a provider publishes: as it was read seconds ago, where that is `recent` enough, else as `ask` reads it now. */
export type Listing<T> = (recent: boolean, ask: () => Promise<ReadOutcome<T>>) => Promise<ReadOutcome<T>>;

/** A listing that was not read yet. What could not be read is told to whoever waits for it, and not kept. */
export function createListing<T>(now: () => Date): Listing<T> {
  const memory = createRecent<ReadOutcome<T>>(now, ({ kind }) => (kind === 'known' ? 'KEPT' : 'SHARED'));
  return (recent, ask) => (recent ? memory.get('', LIST_AGE_MS, ask) : memory.renew('', ask));
}
