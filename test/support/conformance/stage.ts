import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before } from 'node:test';
import { moneyMoved } from '../../../src/domain/attempt.ts';
import type { Payout, PayoutAction, PayoutEvent, PayoutState } from '../../../src/domain/payout.ts';
import { abilitiesOf, type Provider, type ProviderAbility } from '../../../src/domain/provider.ts';
import type { CreateInput, Resolution, ResolveResult } from '../../../src/payouts.ts';
import type { ProviderDefinition } from '../../../src/providers/define.ts';
import { FAULTS, type Fault, faultOf } from '../../../src/sandbox/faults.ts';
import type { Letter, Order, Sandbox, SandboxSide } from '../../../src/sandbox.ts';
import { createTransport } from '../../../src/transport.ts';
import { decimal } from '../payouts.ts';
import { type Known, openWorld, type World, type WorldOptions } from '../world.ts';
import type { Notebook } from './notebook.ts';
import { tellsReturns } from './words.ts';

/** A provider to be tried: its own folder's definition, and its side of the wire for the stand-in. */
export interface Subject {
  readonly definition: ProviderDefinition;
  readonly side: SandboxSide;
}

/** What the rooms of the suite share while it runs over one provider. */
export interface Kit extends Subject {
  /** Opened with made-up credentials and connected to nothing: it tells what the provider declares. */
  readonly declared: Provider;
  readonly abilities: ReadonlySet<ProviderAbility>;
  readonly notebook: Notebook;
  /** The decimals of every amount that was sent, which chose the faults. */
  readonly met: Set<string>;
}

/** The method that a provider has for each action. */
export const ACTION_METHODS = {
  CONFIRM: 'confirm',
  CANCEL: 'cancel',
  AMEND: 'amend',
  ATTACH_DOCUMENT: 'attachDocument',
  COMPLETE_DOCUMENTS: 'completeDocuments',
} as const satisfies Readonly<Record<PayoutAction, keyof Provider>>;

/** Opens a provider with credentials as the stand-in makes them, at an address where nobody is. */
export function openUnconnected({ definition, side }: Subject): Provider {
  const values: Record<string, string> = {};
  for (const [key, setting] of Object.entries(definition.settings)) values[key] = setting.fallback ?? '';
  Object.assign(values, side.makeCredentials(randomBytes), { baseUrl: NOWHERE });
  const account = { name: 'default', enabled: true, callbackUrl: null, values };
  return definition.open(
    [account],
    createTransport(() => new Date()),
    () => new Date(),
  );
}

/** Nobody listens here. */
export const NOWHERE = 'http://127.0.0.1:9';
export const OPERATOR = { source: 'OPERATOR', actor: 'ak_operator' } as const;
export const MINUTE_MS = 60_000;
export const HOUR_MS = 60 * MINUTE_MS;

/** Above every provider's minimum, and small beside its wallet. */
let whole = 100;

export interface StageOptions extends Pick<WorldOptions, 'standIn' | 'clock'> {
  readonly env?: Readonly<Record<string, string>>;
  /** How often the worker looks for what is due where nothing wakes it. Default 5 s. */
  readonly pollMs?: number;
}

/** The product with one provider and its stand-in, and a look at both sides of every payout. */
export class Stage {
  readonly kit: Kit;
  readonly world: World;

  constructor(kit: Kit, world: World) {
    this.kit = kit;
    this.world = world;
  }

  static async open(kit: Kit, { env = {}, standIn, pollMs = 5000, ...options }: StageOptions = {}): Promise<Stage> {
    const { definition, side, notebook } = kit;
    const world = await openWorld(env, {
      ...options,
      definitions: [definition],
      standIn: { sides: [side], ...standIn },
      log: notebook.log,
      worker: { pollMs },
    });
    return new Stage(kit, world);
  }

  get provider(): Provider {
    const [provider] = this.world.providers;
    assert.ok(provider);
    return provider;
  }

  /** The name of the provider's one account. */
  get account(): string {
    return this.provider.accounts[0]?.name ?? 'default';
  }

  /** Fails where the provider is set up to be elsewhere. */
  get sandbox(): Sandbox {
    assert.ok(this.world.sandbox, 'the stand-in does not play');
    return this.world.sandbox;
  }

  async close(): Promise<void> {
    try {
      await this.kit.notebook.finish(this);
    } finally {
      await this.world.close();
    }
  }

  /** An amount of its own with these two decimals, which choose what goes wrong; `00`: nothing does. */
  amount(decimals: string) {
    whole += 1;
    this.kit.met.add(decimals);
    return decimal(`${whole}.${decimals}`);
  }

  /** Creates a payout as the stand-in's side gives a sample of it. */
  async create(decimals: string, changes: Partial<CreateInput> = {}): Promise<Payout> {
    const { order, parties } = this.kit.side.sample(this.amount(decimals));
    const named = Object.values(parties).some((value) => value !== null) ? parties : null;
    this.kit.notebook.keepSecret(parties);
    const payout = await this.world.create(this.provider.id, order.amount.amount, {
      order,
      parties: named,
      ...changes,
    });
    this.kit.notebook.follow(this, payout);
    return payout;
  }

  /** The payout as it now is, held against the books and against what its provider can do. */
  async look(known: Known): Promise<Payout> {
    const payout = await this.world.payout(known);
    const orders = this.orders(payout);
    const moved = moneyMoved(payout);
    if (this.isTruthful(payout)) {
      const how = `${payout.state}, moneyMoved ${moved}, and the books: ${orders.map(describeOrder).join('; ')}`;
      assert.ok(moved !== 'NO' || !orders.some(costs), `money has moved: ${how}`);
      assert.ok(moved !== 'YES' || orders.some((order) => order.debited), `no money has moved: ${how}`);
    }
    for (const { report } of payout.attempts) {
      for (const action of report?.allows ?? []) {
        assert.ok(this.provider[ACTION_METHODS[action]], `it offers ${action} and has no method for it`);
      }
    }
    return payout;
  }

  /** Moves the clock from one waking to the next until the payout is as wanted; fails after `withinMs`, an hour. */
  async until(known: Known, wanted: readonly PayoutState[] | Wanted, withinMs = HOUR_MS): Promise<Payout> {
    const { clock } = this.world;
    const isWanted: Wanted = typeof wanted === 'function' ? wanted : ({ state }) => wanted.includes(state);
    const limit = clock.now().getTime() + withinMs;
    for (;;) {
      await this.world.rest();
      const payout = await this.look(known);
      if (isWanted(payout)) return payout;
      if (clock.now().getTime() > limit || !(await clock.advanceToNext())) {
        assert.fail(`it is still ${describePayout(payout)}; the books: ${this.orders(payout).map(describeOrder)}`);
      }
    }
  }

  /** As `until`, once the first send has ended: before anything else can have followed from it. */
  async sent(known: Known): Promise<Payout> {
    return this.until(known, ({ attempts }) => attempts[0]?.sends[0]?.endedAt instanceof Date, MINUTE_MS);
  }

  /** A new payout whose first send left nobody knowing whether it was taken. */
  async doubtful(decimals: string): Promise<Payout> {
    const payout = await this.sent(await this.create(decimals));
    assert.equal(payout.state, 'IN_DOUBT', describePayout(payout));
    return payout;
  }

  /** Lets time pass in steps that are small where it is short. */
  async pass(ms: number): Promise<void> {
    await this.world.pass(ms, Math.max(100, Math.ceil(ms / 200)));
  }

  /**
   * The payout as it now is, with its events free of gaps, and its state as the books have it: nothing paid twice
   * unnoticed, nothing shown as paid that was not, or as over that is still paid.
   */
  async audit(known: Known): Promise<Payout> {
    await this.world.rest();
    const payout = await this.look(known);
    const orders = this.orders(payout);
    const events = await this.world.events(payout);
    let told: PayoutState | null = null;
    for (const [at, event] of events.entries()) {
      assert.equal(event.sequence, at + 1, 'events are numbered without a gap');
      assert.equal(event.previousState, told, 'an event goes on where the one before it ended');
      told = event.state;
    }
    assert.equal(events.length, payout.sequence);
    const paid = orders.filter(costs);
    if (paid.length > 1) assert.ok(reasonsOf(payout).includes('PAID_TWICE'), 'a payment made twice is an alarm');
    if (!this.isTruthful(payout)) return payout;
    const books = `${payout.state}: ${orders.map(describeOrder).join('; ')}`;
    if (payout.state === 'COMPLETED') assert.ok(orders.some(isPaid), books);
    if (payout.state === 'RETURNED') assert.ok(orders.some(({ state }) => state === 'REFUNDED') && !paid.length, books);
    if (isDead(payout)) assert.ok(paid.length === 0 || moneyMoved(payout) !== 'NO', books);
    return payout;
  }

  events(known: Known): Promise<readonly PayoutEvent[]> {
    return this.world.events(known);
  }

  /** The stand-in's orders for a payout as they truly are, oldest first. */
  orders(known: Payout): readonly Order[] {
    return this.world.orders(known);
  }

  /** The one order that there is for a payout. */
  order(known: Payout): Order {
    const [order, ...others] = this.orders(known);
    assert.ok(order, 'the stand-in has no order');
    assert.deepEqual(others.map(describeOrder), [], 'the stand-in has more than one order');
    return order;
  }

  /** A webhook that tells of an order, as the provider would write it now; by default with the account's own keys. */
  write(order: Order, credentials = this.sandbox.credentials(this.kit.side.slug)): Letter {
    return this.kit.side.writeWebhook(order, credentials, this.world.clock.now());
  }

  /** Posts a webhook to the product's own door, and lets what it causes come to rest. True: it was acknowledged. */
  async post({ headers, body }: Letter): Promise<boolean> {
    const { definition, side } = this.kit;
    const url = `${this.world.server.url}/webhooks/${definition.slug}/${this.account}${definition.webhookPath}`;
    const answer = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body,
    });
    const text = await answer.text();
    await this.world.rest();
    return side.isAcknowledged(answer.status, text);
  }

  /** An operator's word on a payout, which is an event with its note wherever it is taken. */
  async resolve(known: Payout, how: Resolution): Promise<ResolveResult> {
    const note = `looked into: ${how.kind}`;
    const result = await this.world.payouts.resolve(known.merchantId, OPERATOR, known.id, how, note);
    if (result.kind === 'resolved') {
      const told = (await this.events(known)).filter((event) => event.source === 'OPERATOR' && event.note === note);
      assert.ok(told.length > 0, 'the note of an operator is an event');
    }
    return result;
  }

  /** Whether the provider tells of such a payout what is so: a fault may make it lie, or leave it without the word. */
  isTruthful({ order }: Payout): boolean {
    const fault = faultOf(order.amount.amount);
    return fault.lie === undefined && (fault.refunded !== true || tellsReturns(this.kit.side));
  }
}

type Wanted = (payout: Payout) => boolean;

/** Opens a stage for the tests of the describe in which it is called. */
export function useStage(kit: Kit, options: StageOptions = {}): () => Stage {
  let stage: Stage | null = null;
  before(async () => {
    stage = await Stage.open(kit, options);
  });
  after(() => stage?.close());
  return () => {
    assert.ok(stage);
    return stage;
  };
}

/** The product with a provider that is polled: no webhook finds its way. */
export const SILENT: StageOptions = { env: { PUBLIC_URL: NOWHERE } };

/** The row of a fault. */
export function rowOf(decimals: string): Fault {
  const fault = FAULTS.get(decimals);
  assert.ok(fault, `there is no fault .${decimals}`);
  return fault;
}

/** Whether an order's money is gone. */
export function costs(order: Order): boolean {
  return order.debited && !order.returned;
}

function isPaid({ state }: Order): boolean {
  return state === 'COMPLETED';
}

function isDead({ state }: Payout): boolean {
  return state === 'FAILED' || state === 'CANCELLED';
}

/** `SUBMIT ACCEPTED` and so on, for every send of every attempt. */
export function sendsOf(payout: Payout): string[] {
  return payout.attempts.flatMap(({ sends }) => sends.map((send) => `${send.kind} ${send.outcome}`));
}

export function reasonsOf(payout: Payout): string[] {
  return payout.attention.map(({ reason }) => reason);
}

/** The states that events told, in order, each once in a row. */
export function statesOf(events: readonly PayoutEvent[]): PayoutState[] {
  return events.map(({ state }) => state).filter((state, at, all) => state !== all[at - 1]);
}

function describeOrder({ providerReference, state, debited, returned }: Order): string {
  return `${providerReference} ${state}${debited ? ' debited' : ''}${returned ? ' returned' : ''}`;
}

export function describePayout(payout: Payout): string {
  const attention = payout.attention.map(({ reason, message }) => `${reason} (${message})`);
  return `${payout.state} after ${sendsOf(payout).join(', ') || 'no send'}; attention: ${attention.join(', ') || 'none'}`;
}

/** What the provider declares, without being connected to anything. */
export function declare(subject: Subject, notebook: Notebook): Kit {
  const declared = openUnconnected(subject);
  return { ...subject, declared, abilities: new Set(abilitiesOf(declared)), notebook, met: new Set() };
}
