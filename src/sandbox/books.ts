import {
  appendFileSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Decimal, Money } from '../domain/money.ts';
import type { Step } from './course.ts';
import type { OrderState } from './faults.ts';

/** A payout that a provider was asked for, read and priced by its side. */
export interface NewOrder {
  /** What the caller marked it with: its order number where the provider has one, else free text; null: nothing. */
  readonly mark: string | null;
  /** As asked for, at the scale it came with; in `currency`. */
  readonly amount: Decimal;
  readonly currency: string;
  /** In the provider's own spelling, as its answers show it. */
  readonly network: string;
  readonly address: string;
  readonly memo: string | null;
  /** In `currency`. */
  readonly fee: Decimal;
  /** What the receiver gets, in `currency`. */
  readonly received: Decimal;
  /** What leaves the wallet (`SandboxSide.debitAt` says when), and comes back if it does not end in COMPLETED. */
  readonly debit: Money;
  /** Where its webhooks go; null: where the account's go (`SandboxSide.callback`), if anywhere. */
  readonly callbackUrl: string | null;
  /** What else its side wants to remember of it, to show or to compare; an action may add to it. */
  readonly details: Readonly<Record<string, string>>;
}

/** An accepted payout. A side sees it as the provider shows it, which a fault may have changed. */
export interface Order extends NewOrder {
  /** The slug. */
  readonly provider: string;
  readonly providerReference: string;
  readonly state: OrderState;
  /** 64 hexadecimal digits, known from the start: a side shows it once the state calls for it. */
  readonly transactionHash: string;
  /** Whether its debit has left the wallet. */
  readonly debited: boolean;
  /** Whether it ended without costing the wallet anything: its debit came back, or never left. */
  readonly returned: boolean;
  /** Documents attached so far. */
  readonly documents: number;
  readonly createdAt: Date;
  /** Of the last change of state. */
  readonly updatedAt: Date;
}

/** An order with what the sandbox alone knows; `state` is the truth. */
export interface StoredOrder extends Order {
  /** What look-ups show. */
  readonly shown: OrderState;
  /** Whether the next look-up is the last that sees `shown`. */
  readonly once: boolean;
  /** Look-ups spoilt by its fault so far. */
  readonly lookups: number;
  /** What will still happen to it. */
  readonly steps: readonly Step[];
}

/** A signed message, as it is posted. */
export interface Letter {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A webhook that was not acknowledged yet. */
export interface Webhook {
  readonly id: string;
  readonly provider: string;
  readonly url: string;
  /** What it tells: the order as it was shown then. Signed anew for each attempt. */
  readonly order: Order;
  /** Attempts so far. */
  readonly attempts: number;
  readonly dueAt: Date;
}

/** One fact. Facts written together are found together or not at all after a crash. */
export type Entry =
  | { readonly kind: 'credentials'; readonly provider: string; readonly values: Readonly<Record<string, string>> }
  | { readonly kind: 'callback'; readonly provider: string; readonly url: string }
  | { readonly kind: 'wallet'; readonly provider: string; readonly currency: string; readonly balance: Decimal }
  | { readonly kind: 'order'; readonly order: StoredOrder }
  | { readonly kind: 'sends'; readonly key: string; readonly count: number }
  | { readonly kind: 'webhook'; readonly webhook: Webhook }
  | { readonly kind: 'webhookOver'; readonly id: string };

/**
 * All that the sandbox remembers. With a directory, each `write` is one line of `sandbox.jsonl`, there before `write`
 * returns: it survives the end of the process, though not of the machine.
 */
export class Books {
  readonly credentials = new Map<string, Readonly<Record<string, string>>>();
  /** Where a provider's account has its webhooks sent. */
  readonly callbacks = new Map<string, string>();
  readonly webhooks = new Map<string, Webhook>();
  readonly #wallets = new Map<string, Map<string, Decimal>>();
  readonly #orders = new Map<string, StoredOrder>();
  readonly #firstByMark = new Map<string, string>();
  readonly #sends = new Map<string, number>();
  readonly #file: number | null;

  /** Throws where the directory cannot be written, or a line other than the last cannot be read. */
  constructor(dir: string | null) {
    this.#file = dir === null ? null : this.#recover(dir);
  }

  write(...entries: readonly Entry[]): void {
    if (this.#file !== null) appendFileSync(this.#file, `${JSON.stringify(entries)}\n`);
    for (const entry of entries) this.#apply(entry);
  }

  close(): void {
    if (this.#file !== null) closeSync(this.#file);
  }

  /** By currency. */
  wallets(provider: string): ReadonlyMap<string, Decimal> {
    return this.#wallets.get(provider) ?? new Map();
  }

  /** Oldest first, of every provider. */
  orders(): readonly StoredOrder[] {
    return [...this.#orders.values()];
  }

  order(provider: string, providerReference: string): StoredOrder | null {
    return this.#orders.get(`${provider}/${providerReference}`) ?? null;
  }

  /** The first order that came with the mark. */
  firstByMark(provider: string, mark: string): StoredOrder | null {
    return this.#orders.get(this.#firstByMark.get(`${provider}/${mark}`) ?? '') ?? null;
  }

  /** How many sends were counted under the key. */
  sends(key: string): number {
    return this.#sends.get(key) ?? 0;
  }

  #apply(entry: Entry): void {
    switch (entry.kind) {
      case 'credentials':
        this.credentials.set(entry.provider, entry.values);
        return;
      case 'callback':
        this.callbacks.set(entry.provider, entry.url);
        return;
      case 'wallet':
        this.#wallets.set(entry.provider, new Map(this.wallets(entry.provider)).set(entry.currency, entry.balance));
        return;
      case 'order': {
        const { provider, providerReference, mark } = entry.order;
        const key = `${provider}/${providerReference}`;
        this.#orders.set(key, entry.order);
        if (mark !== null && this.firstByMark(provider, mark) === null) {
          this.#firstByMark.set(`${provider}/${mark}`, key);
        }
        return;
      }
      case 'sends':
        this.#sends.set(entry.key, entry.count);
        return;
      case 'webhook':
        this.webhooks.set(entry.webhook.id, entry.webhook);
        return;
      case 'webhookOver':
        this.webhooks.delete(entry.id);
    }
  }

  /** Reads the journal, writes it anew without what is outdated, and opens it for more. */
  #recover(dir: string): number {
    mkdirSync(dir, { recursive: true });
    const path = join(dir, 'sandbox.jsonl');
    const lines = existsSync(path) ? readFileSync(path, 'utf8').split('\n') : [];
    // What follows the last line break was being written when the process died, and nobody was answered on it.
    for (const line of lines.slice(0, -1)) {
      // Only `write` writes this file, so its lines are what it wrote.
      const entries = JSON.parse(line) as readonly Entry[];
      for (const entry of entries) this.#apply(revive(entry));
    }
    const compact = this.#entries().map((entry) => `${JSON.stringify([entry])}\n`);
    writeFileSync(`${path}.new`, compact.join(''), { mode: 0o600, flush: true });
    renameSync(`${path}.new`, path);
    return openSync(path, 'a', 0o600);
  }

  #entries(): readonly Entry[] {
    return [
      ...[...this.credentials].map(([provider, values]) => ({ kind: 'credentials' as const, provider, values })),
      ...[...this.callbacks].map(([provider, url]) => ({ kind: 'callback' as const, provider, url })),
      ...[...this.#wallets].flatMap(([provider, wallets]) =>
        [...wallets].map(([currency, balance]) => ({ kind: 'wallet' as const, provider, currency, balance })),
      ),
      ...this.orders().map((order) => ({ kind: 'order' as const, order })),
      ...[...this.#sends].map(([key, count]) => ({ kind: 'sends' as const, key, count })),
      ...[...this.webhooks.values()].map((webhook) => ({ kind: 'webhook' as const, webhook })),
    ];
  }
}

/** In the journal instants are text. */
function revive(entry: Entry): Entry {
  if (entry.kind === 'order') {
    const steps = entry.order.steps.map((step) => ({ ...step, dueAt: new Date(step.dueAt) }));
    return { ...entry, order: { ...entry.order, ...instantsOf(entry.order), steps } };
  }
  if (entry.kind === 'webhook') {
    const { order, dueAt } = entry.webhook;
    return {
      ...entry,
      webhook: { ...entry.webhook, order: { ...order, ...instantsOf(order) }, dueAt: new Date(dueAt) },
    };
  }
  return entry;
}

function instantsOf({ createdAt, updatedAt }: Order): Pick<Order, 'createdAt' | 'updatedAt'> {
  return { createdAt: new Date(createdAt), updatedAt: new Date(updatedAt) };
}
