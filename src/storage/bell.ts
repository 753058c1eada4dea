interface Watcher {
  rung: boolean;
  wake(): void;
}

/** Wakes everyone who watches the log. A watcher that is busy when the bell rings is woken right after. */
export class Bell {
  readonly #watchers = new Set<Watcher>();

  ring(): void {
    for (const watcher of this.#watchers) {
      watcher.rung = true;
      watcher.wake();
    }
  }

  /** Listens from this call on, not from the first `next()`; ends when the signal aborts or the bell is closed. */
  watch(signal: AbortSignal): AsyncIterable<void> {
    const watcher: Watcher = { rung: false, wake: () => {} };
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

  async *#listen(watcher: Watcher): AsyncGenerator<void> {
    try {
      while (this.#watchers.has(watcher)) {
        if (watcher.rung) {
          watcher.rung = false;
          yield;
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
