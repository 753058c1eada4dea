import type { MerchantId } from '../domain/merchant.ts';
import type { Ring } from '../domain/store.ts';

interface Watcher {
  /** What rang since it last looked, by merchant, and whether anything became due with it. */
  readonly rung: Map<MerchantId | null, boolean>;
  wake(): void;
}

/** Wakes everyone who watches the store. A watcher that is busy when the bell rings is woken right after. */
export class Bell {
  readonly #watchers = new Set<Watcher>();

  /** However often it rings for a merchant while a watcher is busy, the watcher hears it once. */
  ring({ merchantId, due }: Ring): void {
    for (const watcher of this.#watchers) {
      watcher.rung.set(merchantId, due || watcher.rung.get(merchantId) === true);
      watcher.wake();
    }
  }

  /** Listens from this call on, not from the first `next()`; ends when the signal aborts or the bell is closed. */
  watch(signal: AbortSignal): AsyncIterable<Ring> {
    const watcher: Watcher = { rung: new Map(), wake: () => {} };
    if (!signal.aborted) {
      this.#watchers.add(watcher);
      signal.addEventListener('abort', () => this.#dismiss(watcher), { once: true });
    }
    return this.#listen(watcher);
  }

  /** Ends every watch. */
  close(): void {
    for (const watcher of this.#watchers) this.#dismiss(watcher);
  }

  async *#listen(watcher: Watcher): AsyncGenerator<Ring> {
    try {
      while (this.#watchers.has(watcher)) {
        const [first] = watcher.rung;
        if (first) {
          const [merchantId, due] = first;
          watcher.rung.delete(merchantId);
          yield { merchantId, due };
        } else {
          await new Promise<void>((resolve) => {
            watcher.wake = resolve;
          });
        }
      }
    } finally {
      this.#watchers.delete(watcher);
    }
  }

  #dismiss(watcher: Watcher): void {
    this.#watchers.delete(watcher);
    watcher.wake();
  }
}
