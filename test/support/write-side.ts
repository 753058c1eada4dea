import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { MerchantId } from '../../src/domain/merchant.ts';
import type { Payout, PayoutEvent, SupportingDocument } from '../../src/domain/payout.ts';
import type {
  LookupOutcome,
  Provider,
  ProviderId,
  Route,
  SendOutcome,
  StatusReport,
} from '../../src/domain/provider.ts';
import type { Store } from '../../src/domain/store.ts';
import type { ProviderHealth } from '../../src/health.ts';
import { createBreaker } from '../../src/health-breaker.ts';
import type { Market } from '../../src/market.ts';
import { type CreateInput, createPayouts, type Payouts, type PayoutsDeps } from '../../src/payouts.ts';
import type { Quotes } from '../../src/quotes.ts';
import { createRouter, type RouteRequest, type Router, type RouterDeps } from '../../src/routing.ts';
import type { Clock } from '../../src/runtime.ts';
import { openSqlite } from '../../src/storage/sqlite.ts';
import { createVault, keysFor, type Vault } from '../../src/vault.ts';
import { createWorker, type Worker, type WorkerDeps } from '../../src/worker.ts';
import { createManualClock, type ManualClock } from './clock.ts';
import { silentLog } from './log.ts';
import { orderOf } from './payouts.ts';

/** Who calls as a merchant, and who as an operator. */
export const ACTOR = { source: 'API', actor: 'ak_test' } as const;
export const OPERATOR = { source: 'OPERATOR', actor: 'ak_operator' } as const;
export const MERCHANT = 'me_test' as MerchantId;
export const ALPHA = 'ALPHA' as ProviderId;

/** The bounds of the workers that `startWorker` starts. */
export const LEASE_MS = 60_000;
export const DEADLINE_MS = 20_000;
export const SKEW_MS = 5000;

/** The write side on a store, with the store's own data key. */
export function payoutsOn(
  store: Store,
  clock: Clock,
  route: (request: RouteRequest) => Route,
  providers: readonly Provider[] = [],
): Payouts {
  const vault = vaultOf(store);
  return createPayouts({ store, vault, clock, providers, route: async (asked) => route(asked), quotes: NO_QUOTES });
}

/** What a payout is asked for with where nothing else is said: anywhere, at any time and price, for nobody. */
export const PLAIN = {
  provider: null,
  sendBefore: null,
  autoConfirm: true,
  parties: null,
  metadata: [],
  quoteId: null,
  priceTolerance: null,
  failover: false,
} as const satisfies Partial<CreateInput>;

/** The vault of a store, with the store's own data key. */
export function vaultOf(store: Store): Vault {
  return createVault({ store, keys: keysFor([], store), random: randomBytes });
}

/** What a provider is where a test says nothing else of it: it has no webhooks and no extras, and finds nothing. */
export function plainProvider(id: string, changes: Partial<Provider> = {}): Provider {
  const submitted: SendOutcome = { kind: 'accepted', report: reportOf() };
  const looked: LookupOutcome = { kind: 'absent' };
  return {
    id: id as ProviderId,
    name: id,
    accounts: [{ name: 'default', fingerprint: 'project-1', enabled: true }],
    onRepeat: 'paysAgain',
    repeatWindowMs: null,
    findsByOrderNumber: 'always',
    webhooks: 'NONE',
    echoes: [],
    usualMs: 86_400_000,
    callsPerMinute: null,
    knownAssets: [],
    referenceKinds: [],
    batch: null,
    absenceRule: () => null,
    supports: () => true,
    prepare: async () => ({ kind: 'body', body: 'body' }),
    submit: async () => submitted,
    lookup: async () => looked,
    readWebhook: () => ({ kind: 'refused', reason: 'none here' }),
    close: async () => undefined,
    ...changes,
  };
}

/** The report of an order that the provider has. */
export function reportOf(changes: Partial<StatusReport> = {}): StatusReport {
  return {
    askedAt: null,
    state: 'PROCESSING',
    vendorStatus: 'pending',
    vendorMessage: null,
    providerReference: null,
    transactionHash: null,
    fees: [],
    debits: [],
    received: null,
    moneyMoved: 'YES',
    failure: null,
    allows: [],
    echo: {},
    rivals: [],
    ...changes,
  };
}

/** Where nobody was given a quote. */
export const NO_QUOTES: Pick<Quotes, 'read'> = { read: () => null };

/** Where nobody names a price, or says what is there. */
export const NO_MARKET: Pick<Market, 'quote' | 'balance'> = {
  quote: async (provider, account) => ({ provider, account, kind: 'unsupported', reason: 'it names no price' }),
  balance: async () => null,
};

/** The store with some of its methods replaced. */
export function storeWith(store: Store, changes: Partial<Store>): Store {
  return new Proxy(store, {
    get(target, key) {
      const member = Reflect.get(changes, key) ?? Reflect.get(target, key);
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
}

/** A door that whoever comes through stops at the first time; afterwards it is open. */
export interface Door {
  readonly reached: Promise<void>;
  pass(): Promise<void>;
  open(): void;
}

/** Payouts, workers and webhooks that meet at one store, by one clock that the test moves. */
export interface WriteSide {
  readonly clock: ManualClock;
  readonly path: string;
  readonly store: Store;
  readonly vault: Vault;
  readonly payouts: Payouts;
  /** Those that were started, in order. */
  readonly workers: readonly Worker[];
  /** A process of its own, on the same store unless told otherwise; it takes one payout at a time. */
  startWorker(provider: Provider, parts?: Partial<WorkerDeps> & { readonly store?: Store }): Worker;
  /** A payout of 10 USDT on TRON. */
  create(changes?: Partial<CreateInput>): Promise<Payout>;
  read(known: Payout): Promise<Payout>;
  events(known: Payout): Promise<PayoutEvent[]>;
  /** Moves the clock on, a second or `stepMs` at a time, with everything that these workers do by then. */
  pass(ms: number, by?: readonly Worker[], stepMs?: number): Promise<void>;
  /** It is opened at the end, whoever still waits. */
  createDoor(): Door;
  close(): Promise<void>;
}

const TO_ALPHA: Route = { kind: 'chosen', provider: ALPHA, account: 'default', decision: null };

/** A router over these providers, of which nobody knows prices, times or balances unless `parts` says what is known. */
export function routerOf(providers: readonly Provider[], clock: Clock, parts: Partial<RouterDeps> = {}): Router {
  const health = { of: async () => NEVER_ASKED, usualMs: async () => null };
  const policy = { kind: 'CHEAPEST' } as const;
  const catalogue = { assets: async () => [], listedAssets: () => null };
  const known = { policy, market: NO_MARKET, health, catalogue, minimumBalances: [] };
  return createRouter({ providers, clock, ...known, ...parts });
}

const NEVER_ASKED: ProviderHealth = { state: 'UNKNOWN', lastSuccessAt: null, lastFailureAt: null, circuits: [] };

/** Opens one, with nothing started. Every payout goes to ALPHA, unless `parts` says what else. */
export async function openWriteSide(
  open: (clock: ManualClock) => readonly Provider[] = () => [],
  parts: Partial<Pick<PayoutsDeps, 'route' | 'quotes'>> = {},
): Promise<WriteSide> {
  const clock = createManualClock();
  const path = join(await mkdtemp(join(tmpdir(), 'outflow-write-')), 'outflow.db');
  const store = await openSqlite({
    path,
    environment: 'SANDBOX',
    now: clock.now,
    random: randomBytes,
    exclusive: true,
  });
  const providers = open(clock);
  const on = (own: Store): Payouts =>
    createPayouts({
      ...{ store: own, vault: vaultOf(own), clock, providers, route: async () => TO_ALPHA, quotes: NO_QUOTES },
      ...parts,
    });
  const payouts = on(store);
  const workers: Worker[] = [];
  const doors: Door[] = [];
  return {
    clock,
    path,
    store,
    vault: vaultOf(store),
    payouts,
    workers,
    startWorker(provider, { store: own = store, ...changes } = {}) {
      const options = { leaseMs: LEASE_MS, deadlineMs: DEADLINE_MS, skewMs: SKEW_MS, pollMs: 1000, concurrency: 1 };
      const name = `worker-${workers.length + 1}`;
      // Nobody asks how providers do there: the breaker alone is as in a process of its own.
      const health = createBreaker(clock, name);
      const deps = { payouts: on(own), providers: [provider], market: NO_MARKET, health, clock, options };
      const worker = createWorker({ ...deps, log: silentLog, name, ...changes });
      workers.push(worker);
      worker.start();
      return worker;
    },
    async create(changes = {}) {
      const input = { reference: 'order-1', order: orderOf('10'), ...PLAIN, ...changes };
      const result = await payouts.create(MERCHANT, ACTOR, input);
      assert.ok(result.kind === 'created');
      return result.payout;
    },
    async read({ id }) {
      const found = (await store.payouts(MERCHANT, [id])).get(id);
      assert.ok(found, `${id} is lost`);
      return found;
    },
    async events({ id }) {
      const range = { after: 0, before: Number.MAX_SAFE_INTEGER, limit: 1000, last: false };
      return (await store.payoutEvents(MERCHANT, id, range)).map((logged) => logged.event);
    },
    async pass(ms, by = workers, stepMs = 1000) {
      for (let left = ms; left > 0; left -= stepMs) {
        await clock.advance(stepMs);
        for (const worker of by) await worker.idle();
      }
    },
    createDoor() {
      const reached = Promise.withResolvers<void>();
      const opened = Promise.withResolvers<void>();
      let first = true;
      const door: Door = {
        reached: reached.promise,
        open: opened.resolve,
        async pass() {
          if (!first) return;
          first = false;
          reached.resolve();
          await opened.promise;
        },
      };
      doors.push(door);
      return door;
    },
    async close() {
      for (const door of doors) door.open();
      await Promise.all(workers.map((worker) => worker.stop()));
      await store.close();
      await rm(join(path, '..'), { recursive: true });
    },
  };
}

/** The calls of a desk. */
export type DeskCall = 'submit' | 'confirm' | 'cancel' | 'amend' | 'attach' | 'complete';

/** A provider that holds an order until it is confirmed, and can do everything that can be asked; one order at a time. */
export interface Desk {
  readonly provider: Provider;
  /** What it was asked to do, in order, e.g. `submit`, `lookup`, `attach id.pdf`. */
  readonly calls: string[];
  /** How the order stands: what look-ups find; null: nothing. */
  shows: Partial<StatusReport> | null;
  /** What comes of the next calls of one kind, one after another; then a yes that says no more. */
  answer(call: DeskCall, ...outcomes: readonly (SendOutcome | (() => SendOutcome | Promise<SendOutcome>))[]): void;
}

/** The desk's order as it waits to be confirmed. */
export const WAITING: Partial<StatusReport> = {
  state: 'AWAITING_CONFIRMATION',
  vendorStatus: 'awaiting',
  moneyMoved: 'NO',
  allows: ['CONFIRM', 'CANCEL', 'AMEND'],
};
/** The desk's order as it waits for documents. */
export const WANTING: Partial<StatusReport> = {
  state: 'AWAITING_DOCUMENTS',
  vendorStatus: 'material',
  moneyMoved: 'NO',
  allows: ['ATTACH_DOCUMENT', 'COMPLETE_DOCUMENTS', 'CANCEL', 'AMEND'],
};

export function createDesk(clock: Clock, changes: Partial<Provider> = {}): Desk {
  const planned = new Map<DeskCall, (() => SendOutcome | Promise<SendOutcome>)[]>();
  const calls: string[] = [];
  const report = (): StatusReport => reportOf({ askedAt: clock.now(), providerReference: 'ref-1', ...desk.shows });
  const act = async (call: DeskCall, said: SendOutcome, detail = ''): Promise<SendOutcome> => {
    calls.push(`${call}${detail}`);
    return planned.get(call)?.shift()?.() ?? said;
  };
  const yes: SendOutcome = { kind: 'accepted', report: null };
  const attach = (document: SupportingDocument) => act('attach', yes, ` ${document.fileName}`);
  const provider = plainProvider(ALPHA, {
    name: 'Alpha',
    supportsAmendment: () => true,
    submit: () => act('submit', { kind: 'accepted', report: report() }),
    confirm: () => act('confirm', yes),
    cancel: () => act('cancel', yes),
    amend: () => act('amend', yes),
    attachDocument: (_attempt, document) => attach(document),
    completeDocuments: () => act('complete', yes),
    async lookup() {
      calls.push('lookup');
      return desk.shows === null ? { kind: 'absent' } : { kind: 'found', report: report() };
    },
    ...changes,
  });
  const desk: Desk = {
    provider,
    calls,
    shows: WAITING,
    answer(call, ...outcomes) {
      planned.set(
        call,
        outcomes.map((outcome) => (typeof outcome === 'function' ? outcome : () => outcome)),
      );
    },
  };
  return desk;
}
