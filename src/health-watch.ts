import type { ProviderId } from './domain/provider.ts';
import { isSameHealth, type ProviderHealth } from './health-view.ts';
import type { Clock } from './runtime.ts';

const LOOK_EVERY_MS = 1000;

/** What is watched, and how it is read. */
export interface WatchDeps {
  readonly clock: Clock;
  readonly refresh: () => Promise<void>;
  /** Every provider that somebody knows something of. */
  readonly known: () => readonly ProviderId[];
  readonly healthOf: (provider: ProviderId) => ProviderHealth;
}

/** Who watches, and what they have been told. */
export interface Watch {
  /** As `Health.watch`. */
  open(signal: AbortSignal): AsyncIterable<ProviderId>;
  /** Tells whoever watches where this one has changed. */
  look(provider: ProviderId): void;
  /** Ends every watch. */
  close(): void;
}

interface Watcher {
  /** What it was not given yet. */
  readonly changed: Set<ProviderId>;
  wake(): void;
}

/** While somebody watches, and only then, everything is looked at once a second: others tell, and time moves circuits. */
export function createWatch({ clock, refresh, known, healthOf }: WatchDeps): Watch {
  const watchers = new Set<Watcher>();
  /** As whoever watches knows it. */
  const shown = new Map<ProviderId, ProviderHealth>();
  let isLooking = false;
  let rest = new AbortController();
  let closed = false;

  function look(provider: ProviderId): void {
    if (watchers.size === 0) return;
    const before = shown.get(provider);
    const now = healthOf(provider);
    shown.set(provider, now);
    if (before !== undefined && isSameHealth(before, now)) return;
    for (const watcher of watchers) {
      watcher.changed.add(provider);
      watcher.wake();
    }
  }

  async function lookOn(): Promise<void> {
    if (isLooking) return;
    isLooking = true;
    while (watchers.size > 0) {
      const lookedAt = clock.now().getTime();
      await refresh();
      for (const provider of new Set([...known(), ...shown.keys()])) look(provider);
      rest = new AbortController();
      if (watchers.size > 0)
        await clock.sleep(Math.max(0, lookedAt + LOOK_EVERY_MS - clock.now().getTime()), rest.signal);
    }
    isLooking = false;
  }

  function dismiss(watcher: Watcher): void {
    watchers.delete(watcher);
    watcher.wake();
    if (watchers.size === 0) rest.abort();
  }

  async function* listen(watcher: Watcher): AsyncGenerator<ProviderId, undefined> {
    try {
      while (watchers.has(watcher)) {
        const [next] = watcher.changed;
        if (next !== undefined) {
          watcher.changed.delete(next);
          yield next;
        } else {
          await new Promise<void>((resolve) => {
            watcher.wake = resolve;
          });
        }
      }
    } finally {
      dismiss(watcher);
    }
  }

  return {
    look,
    open(signal) {
      const watcher: Watcher = { changed: new Set(), wake: () => {} };
      if (!signal.aborted && !closed) {
        if (watchers.size === 0) {
          shown.clear();
          for (const provider of known()) shown.set(provider, healthOf(provider));
        }
        watchers.add(watcher);
        signal.addEventListener('abort', () => dismiss(watcher), { once: true });
        void lookOn();
      }
      return listen(watcher);
    },
    close() {
      closed = true;
      for (const watcher of watchers) dismiss(watcher);
    },
  };
}
