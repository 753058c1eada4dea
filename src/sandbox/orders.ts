import { type IncomingMessage, request } from 'node:http';
import { request as requestTls } from 'node:https';
import { addDecimals, type Decimal, parseDecimal, subtractDecimals } from '../domain/money.ts';
import { type Clock, describeError, type Ids, type Log, toBase32 } from '../runtime.ts';
import type { Asked, Outcome, SandboxAnswer, SandboxRequest, SandboxSide } from '../sandbox.ts';
import type { Books, Letter, NewOrder, Order, StoredOrder, Webhook } from './books.ts';
import { faultOf, type OrderState, planSteps, type Step } from './faults.ts';

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

/** What the desk works with. */
export interface DeskTools {
  readonly books: Books;
  readonly work: Work;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  /** Aborted when the sandbox closes. */
  readonly signal: AbortSignal;
  readonly settleMs: number;
  readonly paysDuplicates: boolean;
}

const LATE_MS = 5 * 60_000;
const POST_TIMEOUT_MS = 10_000;
const MAX_REPLY_BYTES = 64 * 1024;

/** Takes orders, shows them, leads them through their states and tells of it: the same for every provider. */
export class OrderDesk {
  readonly #tools: DeskTools;

  constructor(tools: DeskTools) {
    this.#tools = tools;
  }

  /** Takes up again, after a restart, the orders under way and the webhooks still to be posted. */
  resume(sides: ReadonlyMap<string, SandboxSide>): void {
    const { books } = this.#tools;
    for (const webhook of [...books.webhooks.values()]) {
      const side = sides.get(webhook.provider);
      if (side !== undefined) this.#background(this.#deliver(side, webhook));
    }
    for (const order of books.orders()) {
      const side = sides.get(order.provider);
      if (side !== undefined) this.#background(this.#follow(side, order));
    }
  }

  /** Answers one request to a provider. */
  serve(side: SandboxSide, asking: SandboxRequest): Outcome {
    const { books } = this.#tools;
    const credentials = books.credentials.get(side.slug) ?? {};
    const asked = side.read(asking, { credentials, wallets: books.wallets(side.slug) });
    switch (asked.kind) {
      case 'answer':
        return { answer: asked.answer, mischief: null };
      case 'create':
        return this.#create(side, asked);
      case 'find': {
        const order = books.order(side.slug, asked.providerReference);
        if (order === null || this.#isHidden(order)) return { answer: side.refuse('NOT_FOUND'), mischief: null };
        return this.#lookUp(side, [order], () => asked.answer(this.#showOnce(order)));
      }
      case 'search': {
        // Found by what is stored, in the state that is shown; only then shown, wrong echo and all.
        const found = books
          .orders()
          .filter((order) => order.provider === side.slug && !this.#isHidden(order))
          .filter((order) => asked.matches({ ...order, state: order.shown }));
        return this.#lookUp(side, found, () => asked.answer(found.map((order) => this.#showOnce(order))));
      }
    }
  }

  #create(side: SandboxSide, asked: Asked & { readonly kind: 'create' }): Outcome {
    const { books, paysDuplicates } = this.#tools;
    const { order } = asked;
    const fault = faultOf(order.amount);
    if (fault.refusal !== undefined) return { answer: side.refuse(fault.refusal), mischief: null };
    const send = fault.sends?.[this.#countSend(side, order)];
    const mischief = send?.answer ?? null;
    if (send?.accepted === false) return { answer: side.refuse('NOT_FOUND'), mischief };

    const paysAgain = side.onDuplicate === 'payAgain' || paysDuplicates || fault.paysDuplicates === true;
    const first = order.mark === null || paysAgain ? null : books.firstByMark(side.slug, order.mark);
    if (first !== null) {
      const again = side.onDuplicate === 'refuse' ? side.refuse('DUPLICATE') : asked.answer(show(first, first.shown));
      return { answer: again, mischief };
    }
    const accepted = this.#accept(side, order);
    if (accepted === null) return { answer: side.refuse('INSUFFICIENT_BALANCE'), mischief: null };
    const answer = asked.answer(show(accepted, accepted.shown));
    return { answer, mischief, told: this.#background(this.#follow(side, accepted)) };
  }

  /** How many sends of the order came before this one; only a faulty order's are counted. */
  #countSend(side: SandboxSide, { mark, address, amount }: NewOrder): number {
    const key = `${side.slug}/${mark ?? `${address}/${amount}`}`;
    const before = this.#tools.books.sends(key);
    this.#tools.books.write({ kind: 'sends', key, count: before + 1 });
    return before;
  }

  /** Debits the wallet and stores the order, both or neither; null: the balance is too low. */
  #accept(side: SandboxSide, order: NewOrder): StoredOrder | null {
    const { books, clock, ids, settleMs } = this.#tools;
    const { amount: debited, currency } = order.debit;
    const wallet = books.wallets(side.slug).get(currency);
    const balance = wallet === undefined ? null : subtractDecimals(wallet, debited);
    if (balance === null) return null;
    const now = clock.now();
    const fault = faultOf(order.amount);
    let providerReference: string;
    do providerReference = side.makeReference(ids.bytes(16), now);
    while (books.order(side.slug, providerReference) !== null);
    const accepted: StoredOrder = {
      ...order,
      provider: side.slug,
      providerReference,
      state: side.course[0],
      shown: fault.strangeMs === undefined ? side.course[0] : 'STRANGE',
      once: false,
      lookups: 0,
      transactionHash: ids.bytes(32).toString('hex'),
      returned: false,
      createdAt: now,
      updatedAt: now,
      steps: planSteps(side, fault, now, settleMs),
    };
    books.write({ kind: 'wallet', provider: side.slug, currency, balance }, { kind: 'order', order: accepted });
    return accepted;
  }

  #isHidden(order: StoredOrder): boolean {
    const { hiddenMs = 0 } = faultOf(order.amount);
    return this.#tools.clock.now().getTime() < order.createdAt.getTime() + hiddenMs;
  }

  /** Of the orders that were found, the first one that has a fault left spoils the look-up. */
  #lookUp(side: SandboxSide, found: readonly StoredOrder[], answer: () => SandboxAnswer): Outcome {
    for (const order of found) {
      const mischief = faultOf(order.amount).lookups?.[order.lookups];
      if (mischief === undefined) continue;
      this.#tools.books.write({ kind: 'order', order: { ...order, lookups: order.lookups + 1 } });
      return { answer: side.refuse('NOT_FOUND'), mischief };
    }
    return { answer: answer(), mischief: null };
  }

  /** The order as a look-up shows it; what is shown once is used up. */
  #showOnce(order: StoredOrder): Order {
    if (order.once) {
      this.#tools.books.write({ kind: 'order', order: { ...order, shown: order.state, once: false } });
    }
    return show(order, order.shown);
  }

  /** Takes every step of an order when it is due. Resolves once what its steps told was posted a first time. */
  async #follow(side: SandboxSide, { steps, providerReference }: StoredOrder): Promise<void> {
    const told: Promise<void>[] = [];
    for (const step of steps) {
      if (!(await this.#until(step.dueAt))) return;
      told.push(this.#take(side, providerReference, step));
    }
    await Promise.all(told);
  }

  /** What nobody waits for must not end the process: a failure is logged. */
  #background(job: Promise<void>): Promise<void> {
    return job.catch((error) => this.#tools.log.error({ cause: describeError(error) }, 'the sandbox stumbled'));
  }

  /** False: the sandbox closed first. */
  async #until(dueAt: Date): Promise<boolean> {
    const { clock, signal } = this.#tools;
    const waitMs = dueAt.getTime() - clock.now().getTime();
    if (waitMs > 0) await clock.sleep(waitMs, signal);
    return !signal.aborted;
  }

  #take(side: SandboxSide, providerReference: string, step: Step): Promise<void> {
    const { books, clock } = this.#tools;
    const before = books.order(side.slug, providerReference);
    if (before === null) return Promise.resolve();
    const state = step.state ?? before.state;
    const changes = step.state !== undefined || step.shown !== undefined;
    const lost = state === 'FAILED' || state === 'BLOCKED' || state === 'CANCELLED';
    const order: StoredOrder = {
      ...before,
      state,
      ...(changes ? { shown: step.shown ?? state, once: step.once ?? false, updatedAt: clock.now() } : {}),
      returned: lost,
      steps: before.steps.slice(1),
    };
    const webhook = step.told === undefined ? null : this.#writeWebhook(side, order, step.told);
    books.write(
      { kind: 'order', order },
      ...(lost && !before.returned ? [this.#credit(order)] : []),
      ...(webhook === null ? [] : [{ kind: 'webhook' as const, webhook }]),
    );
    return webhook === null ? Promise.resolve() : this.#deliver(side, webhook);
  }

  #credit({ provider, debit }: Order) {
    const balance = this.#tools.books.wallets(provider).get(debit.currency);
    return {
      kind: 'wallet' as const,
      provider,
      currency: debit.currency,
      balance: balance === undefined ? debit.amount : addDecimals(balance, debit.amount),
    };
  }

  #writeWebhook(side: SandboxSide, order: StoredOrder, told: OrderState): Webhook | null {
    const { books, clock, ids } = this.#tools;
    if (order.callbackUrl === null) return null;
    const credentials = books.credentials.get(side.slug) ?? {};
    const letter = side.writeWebhook(show(order, told), credentials);
    const { webhooks: manner } = faultOf(order.amount);
    const letters = manner === 'TWICE' ? [letter, letter] : [letter];
    if (manner === 'FORGED_FIRST') {
      const stranger = Object.fromEntries(Object.keys(credentials).map((key) => [key, ids.bytes(16).toString('hex')]));
      letters.unshift(side.writeWebhook(show(order, 'FAILED'), stranger));
    }
    const waitMs = (side.webhookWaitsMs[0] ?? 0) + (manner === 'LATE' ? LATE_MS : 0);
    return {
      id: toBase32(ids.bytes(10)),
      provider: side.slug,
      url: order.callbackUrl,
      letters,
      attempts: 0,
      dueAt: new Date(clock.now().getTime() + waitMs),
    };
  }

  /** Posts a webhook when it is due, and again on the provider's schedule. Resolves after the first of these attempts. */
  async #deliver(side: SandboxSide, webhook: Webhook): Promise<void> {
    const { work, clock, books, signal } = this.#tools;
    if (!(await this.#until(webhook.dueAt))) return;
    await work.during(async () => {
      let received = false;
      for (const letter of webhook.letters) received = await this.#post(side, webhook.url, letter);
      // Cut off by the end of the sandbox: the next start posts it again.
      if (signal.aborted && !received) return;
      const waitMs = side.webhookWaitsMs[webhook.attempts + 1];
      if (received || waitMs === undefined) return books.write({ kind: 'webhookOver', id: webhook.id });
      const dueAt = new Date(clock.now().getTime() + waitMs);
      const next = { ...webhook, attempts: webhook.attempts + 1, dueAt };
      books.write({ kind: 'webhook', webhook: next });
      this.#background(this.#deliver(side, next));
    });
  }

  /** True: the receiver acknowledged it in the provider's way. */
  async #post(side: SandboxSide, url: string, { headers, body }: Letter): Promise<boolean> {
    const { signal, log } = this.#tools;
    try {
      const reply = await post(url, headers, body, signal);
      return side.isAcknowledged(reply.status, reply.body);
    } catch (error) {
      log.debug({ provider: side.slug, cause: describeError(error) }, 'a webhook found no receiver');
      return false;
    }
  }
}

const ONE = parseDecimal('1');

/** The order as the provider shows it in a state, with the echo that its fault makes wrong. */
function show(order: StoredOrder, state: OrderState): Order {
  const { wrongEcho } = faultOf(order.amount);
  const { amount, address } = order;
  return {
    ...order,
    state,
    amount: wrongEcho === 'AMOUNT' ? oneMore(amount) : amount,
    address: wrongEcho === 'ADDRESS' ? `${address.slice(0, -1)}${address.endsWith('2') ? '3' : '2'}` : address,
  };
}

function oneMore(amount: Decimal): Decimal {
  return ONE === null ? amount : addDecimals(amount, ONE);
}

/** One POST, no redirects. Rejects when no complete answer came within ten seconds of silence. */
async function post(
  url: string,
  headers: Readonly<Record<string, string>>,
  body: string,
  signal: AbortSignal,
): Promise<{ status: number; body: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const send = url.startsWith('https:') ? requestTls : request;
  const length = String(Buffer.byteLength(body));
  const outgoing = send(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'content-length': length, ...headers },
    // A connection for each: one that was kept could be gone when it is used next.
    agent: false,
    signal,
    timeout: POST_TIMEOUT_MS,
  });
  outgoing.on('response', resolve).on('error', reject);
  outgoing.on('timeout', () => outgoing.destroy(new Error('the receiver is silent')));
  outgoing.end(body);
  const response = await promise;
  let text = '';
  response.setEncoding('utf8');
  for await (const chunk of response) {
    text += chunk;
    if (text.length > MAX_REPLY_BYTES) break;
  }
  return { status: response.statusCode ?? 0, body: text };
}
