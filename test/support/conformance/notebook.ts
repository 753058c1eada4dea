import assert from 'node:assert/strict';
import type { Parties, Payout } from '../../../src/domain/payout.ts';
import type { Log } from '../../../src/runtime.ts';

/** What reads a payout, and what was told of it, at the end of a run. */
interface Reader {
  readonly world: {
    payout(known: Payout): Promise<Payout>;
    events(known: Payout): Promise<readonly object[]>;
    readonly payouts: {
      refer(payout: Payout, attempt: Payout['attempts'][number]): { storedBody(): Promise<string | null> };
    };
  };
}

/** Writes down what was logged, and told of payouts, so that it can be searched for what nobody may read there. */
export class Notebook {
  readonly log: Log = this.#listen({});
  readonly #lines: string[] = [];
  readonly #told: string[] = [];
  readonly #secrets = new Set<string>();
  #followed: (readonly [Reader, Payout])[] = [];

  #listen(known: object): Log {
    const write = (fields: object, message: string): void => {
      this.#lines.push(JSON.stringify({ ...known, ...fields, message }));
    };
    const child = (fields: object) => this.#listen({ ...known, ...fields });
    return { debug: write, info: write, warn: write, error: write, child };
  }

  /** Every text in it that could give a person away: words like `CN` or `PASSPORT` could not. */
  keepSecret(value: Parties | Parties['originator'] | string): void {
    if (typeof value === 'string') {
      if ((value.length >= 4 && !/^[A-Z_]+$/.test(value)) || /[^\x20-\x7e]/.test(value)) this.#secrets.add(value);
    } else if (value !== null) {
      for (const part of Object.values(value)) this.keepSecret(part);
    }
  }

  /** Remembers a payout, to be read when its stage closes. */
  follow(reader: Reader, payout: Payout): void {
    this.#followed.push([reader, payout]);
  }

  /** Reads all that the payouts of a stage that is about to close say, and what must be found nowhere. */
  async finish(reader: Reader): Promise<void> {
    const own = this.#followed.filter(([other]) => other === reader);
    this.#followed = this.#followed.filter(([other]) => other !== reader);
    for (const [, known] of own) {
      const payout = await reader.world.payout(known);
      this.#told.push(JSON.stringify(await reader.world.events(payout)), JSON.stringify(payout.attention));
      for (const attempt of payout.attempts) {
        const body = await reader.world.payouts.refer(payout, attempt).storedBody();
        if (body !== null) this.#secrets.add(body);
      }
    }
  }

  /** Fails where a log line, an event or a reason for attention repeats what was to be kept secret. */
  checkSilence(): void {
    assert.ok(this.#lines.length > 0 && this.#told.length > 0 && this.#secrets.size > 0, 'something was written down');
    for (const secret of this.#secrets) {
      // As it would stand within JSON text.
      const inside = JSON.stringify(secret).slice(1, -1);
      for (const text of [...this.#lines, ...this.#told]) {
        assert.ok(!text.includes(secret) && !text.includes(inside), `personal data or a body is told: ${text}`);
      }
    }
  }
}
