import { addDecimals, type Decimal, parseDecimal, subtractDecimals } from '../domain/money.ts';
import type { Asked, OrderName, SandboxAnswer, SandboxRequest, SandboxSide } from '../sandbox.ts';
import type { Entry, NewOrder, Order, StoredOrder } from './books.ts';
import { type Change, firstState, leave, planSteps } from './course.ts';
import type { Outcome } from './exchange.ts';
import { type Action, faultOf, type OrderState, type Refusal, type Turn, type Undone } from './faults.ts';
import { Postman } from './webhooks.ts';
import { inBackground, type Tools, untilDue } from './work.ts';

/** What came of a create or of an action; `told` resolves once the webhooks that are due at once were posted. */
interface Done {
  readonly order: StoredOrder;
  readonly told: Promise<void>;
}

/** Takes orders, shows them, leads them through their states and tells of it: the same for every provider. */
export class OrderDesk {
  readonly #tools: Tools;
  readonly #postman: Postman;

  constructor(tools: Tools) {
    this.#tools = tools;
    this.#postman = new Postman(tools);
  }

  /** Takes up again, after a restart, the orders under way and the webhooks still to be posted. */
  resume(sides: ReadonlyMap<string, SandboxSide>): void {
    this.#postman.resume(sides);
    for (const order of this.#tools.books.orders()) {
      const side = sides.get(order.provider);
      if (side !== undefined) inBackground(this.#tools, this.#follow(side, order.providerReference));
    }
  }

  /** Answers one request to a provider. */
  serve(side: SandboxSide, asking: SandboxRequest): Outcome {
    const { books, clock } = this.#tools;
    const credentials = books.credentials.get(side.slug) ?? {};
    const asked = side.read(asking, { credentials, wallets: books.wallets(side.slug), now: clock.now() });
    switch (asked.kind) {
      case 'answer':
        return { answer: asked.answer, mischief: null };
      case 'create':
        return this.#create(side, asked);
      case 'batch':
        return this.#createAll(side, asked);
      case 'act':
        return this.#act(side, asked);
      case 'find': {
        const order = this.#find(side, asked);
        if (order === null) return refuse(side, 'NOT_FOUND', null);
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
    const turn = this.#turnOf(side, asked.order);
    if (turn !== null && !turn.done) return spoil(side, turn, null);
    const taken = this.#take(side, asked.order);
    const mischief = turn?.answer ?? null;
    if (taken === 'DUPLICATE') return { ...refuse(side, taken, null), mischief };
    if (typeof taken === 'string') return refuse(side, taken, null);
    return { answer: asked.answer(show(taken.order)), mischief, told: taken.told };
  }

  /** Each order is a create of its own; the first one with a mischief decides what becomes of the answer to all. */
  #createAll(side: SandboxSide, asked: Asked & { readonly kind: 'batch' }): Outcome {
    const turns = asked.orders.map((order) => ('refusal' in order ? null : this.#turnOf(side, order)));
    const first = turns.find((turn) => turn !== null) ?? null;
    // A call that is not taken is not taken in part.
    if (first !== null && !first.done) return spoil(side, first, null);
    const told: Promise<void>[] = [];
    const results = asked.orders.map((order, index) => {
      if ('refusal' in order) return order.refusal;
      const turn = turns[index] ?? null;
      if (turn !== null && !turn.done) return undefined;
      const taken = this.#take(side, order);
      if (typeof taken === 'string') return taken;
      told.push(taken.told);
      return faultOf(order.amount).leftOutOfBatch ? undefined : show(taken.order);
    });
    const all = Promise.all(told).then(() => undefined);
    return { answer: asked.answer(results), mischief: first?.answer ?? null, told: all };
  }

  #act(side: SandboxSide, asked: Asked & { readonly kind: 'act' }): Outcome {
    const { action } = asked;
    const order = this.#find(side, asked.order);
    if (order === null) return refuse(side, 'NOT_FOUND', action);
    const manner = faultOf(order.amount).actions?.[action] ?? [];
    if (typeof manner === 'string') return refuse(side, manner, action);
    const isAllowed = side.actions[action]?.includes(order.state) ?? false;
    if (!isAllowed || (action === 'COMPLETE_DOCUMENTS' && order.documents === 0)) {
      return refuse(side, 'WRONG_STATE', action);
    }
    const turn = manner.length === 0 ? undefined : manner[this.#count(`${keyOf(order)}/${action}`)];
    if (turn !== undefined && !turn.done) return spoil(side, turn, action);
    const done = this.#carryOut(side, order, action, { ...order.details, ...asked.details });
    if (done === null) return refuse(side, 'INSUFFICIENT_BALANCE', action);
    const { told } = done;
    return { answer: asked.answer(show(done.order)), mischief: turn?.answer ?? null, told };
  }

  /** What becomes of this send of an order; null: nothing in particular. Only a faulty order's sends are counted. */
  #turnOf(side: SandboxSide, { mark, address, amount }: NewOrder): Turn | null {
    const { sends } = faultOf(amount);
    return sends?.[this.#count(`${side.slug}/${mark ?? `${address}/${amount}`}`)] ?? null;
  }

  /** Counts one under the key, and says how many came before it. */
  #count(key: string): number {
    const before = this.#tools.books.sends(key);
    this.#tools.books.write({ kind: 'sends', key, count: before + 1 });
    return before;
  }

  /** Takes an order, unless it is there already or is refused. */
  #take(side: SandboxSide, order: NewOrder): Done | Refusal {
    const { books, paysDuplicates } = this.#tools;
    const fault = faultOf(order.amount);
    if (fault.refusal !== undefined) return fault.refusal;
    const paysAgain = side.onDuplicate === 'payAgain' || paysDuplicates || fault.paysDuplicates === true;
    const first = order.mark === null || paysAgain ? null : books.firstByMark(side.slug, order.mark);
    if (first !== null) return side.onDuplicate === 'refuse' ? 'DUPLICATE' : { order: first, told: Promise.resolve() };
    const accepted = this.#accept(side, order);
    if (accepted === null) return 'INSUFFICIENT_BALANCE';
    return { order: accepted, told: inBackground(this.#tools, this.#follow(side, accepted.providerReference)) };
  }

  /** Debits the wallet, where it is time, and stores the order, both or neither; null: the balance is too low. */
  #accept(side: SandboxSide, order: NewOrder): StoredOrder | null {
    const { books, clock, ids, settleMs } = this.#tools;
    const debited = side.debitAt === 'accept';
    const debit = debited ? this.#debit(side, order) : [];
    if (debit === null) return null;
    const now = clock.now();
    const fault = faultOf(order.amount);
    let providerReference: string;
    do providerReference = side.makeReference(ids.bytes(16), now);
    while (books.order(side.slug, providerReference) !== null);
    const state = firstState(side, fault);
    const accepted: StoredOrder = {
      ...order,
      provider: side.slug,
      providerReference,
      state,
      shown: fault.strangeMs === undefined ? state : 'STRANGE',
      once: false,
      lookups: 0,
      transactionHash: ids.bytes(32).toString('hex'),
      debited,
      returned: false,
      documents: 0,
      createdAt: now,
      updatedAt: now,
      steps: planSteps(side, fault, state, now, settleMs),
    };
    books.write(...debit, { kind: 'order', order: accepted });
    return accepted;
  }

  /** What takes an order's debit out of the wallet; null: the balance is too low. */
  #debit({ slug: provider }: SandboxSide, { debit: { amount, currency } }: NewOrder): readonly Entry[] | null {
    const wallet = this.#tools.books.wallets(provider).get(currency);
    const balance = wallet === undefined ? null : subtractDecimals(wallet, amount);
    return balance === null ? null : [{ kind: 'wallet', provider, currency, balance }];
  }

  #credit({ provider, debit: { amount, currency } }: Order): Entry {
    const balance = this.#tools.books.wallets(provider).get(currency);
    return {
      kind: 'wallet',
      provider,
      currency,
      balance: balance === undefined ? amount : addDecimals(balance, amount),
    };
  }

  /** Null: the balance is too low. */
  #carryOut(side: SandboxSide, order: StoredOrder, action: Action, details: Order['details']): Done | null {
    const changed = { ...order, details };
    switch (action) {
      case 'AMEND':
        return this.#change(side, changed, {});
      case 'ATTACH_DOCUMENT':
        return this.#change(side, { ...changed, documents: order.documents + 1 }, {});
      case 'CANCEL':
        return this.#change(side, { ...changed, steps: [] }, { state: 'CANCELLED', told: 'CANCELLED' });
      case 'COMPLETE_DOCUMENTS':
        return this.#goOn(side, changed, []);
      case 'CONFIRM': {
        const debit = order.debited ? [] : this.#debit(side, order);
        return debit === null ? null : this.#goOn(side, { ...changed, debited: true }, debit);
      }
    }
  }

  /** Leads an order out of the stop at which it stands. */
  #goOn(side: SandboxSide, order: StoredOrder, entries: readonly Entry[]): Done {
    const { clock, settleMs } = this.#tools;
    const fault = faultOf(order.amount);
    const next = leave(side, fault, order.state);
    const steps = planSteps(side, fault, next.state, clock.now(), settleMs);
    const done = this.#change(side, { ...order, steps }, next, ...entries);
    const followed = inBackground(this.#tools, this.#follow(side, order.providerReference));
    return { ...done, told: Promise.all([done.told, followed]).then(() => undefined) };
  }

  #find(side: SandboxSide, name: OrderName): StoredOrder | null {
    const { books } = this.#tools;
    const order =
      'mark' in name ? books.firstByMark(side.slug, name.mark) : books.order(side.slug, name.providerReference);
    return order === null || this.#isHidden(order) ? null : order;
  }

  #isHidden(order: StoredOrder): boolean {
    const { hiddenMs = 0 } = faultOf(order.amount);
    return this.#tools.clock.now().getTime() < order.createdAt.getTime() + hiddenMs;
  }

  /** Of the orders that were found, the first one that has a fault left spoils the look-up. */
  #lookUp(side: SandboxSide, found: readonly StoredOrder[], answer: () => SandboxAnswer): Outcome {
    for (const order of found) {
      const turn = faultOf(order.amount).lookups?.[order.lookups];
      if (turn === undefined) continue;
      this.#tools.books.write({ kind: 'order', order: { ...order, lookups: order.lookups + 1 } });
      return spoil(side, turn, null);
    }
    return { answer: answer(), mischief: null };
  }

  /** The order as a look-up shows it; what is shown once is used up. */
  #showOnce(order: StoredOrder): Order {
    if (order.once) {
      this.#tools.books.write({ kind: 'order', order: { ...order, shown: order.state, once: false } });
    }
    return show(order);
  }

  /** Takes every step of an order when it is due. Resolves once what its steps told was posted a first time. */
  async #follow(side: SandboxSide, providerReference: string): Promise<void> {
    const { books } = this.#tools;
    const told: Promise<void>[] = [];
    for (;;) {
      const step = books.order(side.slug, providerReference)?.steps[0];
      if (step === undefined) break;
      if (!(await untilDue(this.#tools, step.dueAt))) return;
      const order = books.order(side.slug, providerReference);
      // Something was asked of the order meanwhile: what was planned now is followed by another.
      if (order?.steps[0] !== step) break;
      told.push(this.#change(side, { ...order, steps: order.steps.slice(1) }, step).told);
    }
    await Promise.all(told);
  }

  /** Changes an order, with all that goes with it, in one write. */
  #change(side: SandboxSide, before: StoredOrder, change: Change, ...entries: readonly Entry[]): Done {
    const { books, clock } = this.#tools;
    const state = change.state ?? before.state;
    const changes = change.state !== undefined || change.shown !== undefined;
    const order: StoredOrder = {
      ...before,
      state,
      ...(changes ? { shown: change.shown ?? state, once: change.once ?? false, updatedAt: clock.now() } : {}),
      returned: isGivenBack(before, state),
    };
    const webhook = change.told === undefined ? null : this.#postman.draft(side, show(order, change.told));
    books.write(
      { kind: 'order', order },
      ...entries,
      ...(order.returned && order.debited && !before.returned ? [this.#credit(order)] : []),
      ...(webhook === null ? [] : [{ kind: 'webhook' as const, webhook }]),
    );
    const told = webhook === null ? Promise.resolve() : this.#postman.deliver(side, webhook);
    return { order, told: inBackground(this.#tools, told) };
  }
}

/** Whether an order in the state has cost the wallet nothing in the end. */
function isGivenBack({ amount }: Order, state: OrderState): boolean {
  if (state === 'FAILED') return faultOf(amount).refunded !== true;
  return state === 'BLOCKED' || state === 'CANCELLED' || state === 'REFUNDED';
}

function refuse(side: SandboxSide, refusal: Refusal, action: Action | null): Outcome {
  const answer = side.refuse(refusal, action);
  const headers = refusal === 'RATE_LIMITED' ? { 'retry-after': '1' } : {};
  return { answer: { ...answer, headers: { ...headers, ...answer.headers } }, mischief: null };
}

/** The end of a request that its turn kept from being done. */
function spoil(side: SandboxSide, turn: Undone, action: Action | null): Outcome {
  if ('refusal' in turn) return refuse(side, turn.refusal, action);
  return { ...refuse(side, 'NOT_FOUND', action), mischief: turn.answer };
}

function keyOf({ provider, providerReference }: Order): string {
  return `${provider}/${providerReference}`;
}

const ONE = parseDecimal('1');

/** The order as the provider shows it, in what it shows now or in another state, with the echo that its fault makes wrong. */
function show(order: StoredOrder, state: OrderState = order.shown): Order {
  const { wrongEcho } = faultOf(order.amount);
  // What only the sandbox knows is no part of the picture.
  const { shown: _shown, once: _once, lookups: _lookups, steps: _steps, ...known } = order;
  const { amount, address } = known;
  return {
    ...known,
    state,
    amount: wrongEcho === 'AMOUNT' ? oneMore(amount) : amount,
    address: wrongEcho === 'ADDRESS' ? `${address.slice(0, -1)}${address.endsWith('2') ? '3' : '2'}` : address,
  };
}

function oneMore(amount: Decimal): Decimal {
  return ONE === null ? amount : addDecimals(amount, ONE);
}
