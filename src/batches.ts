import { type BatchProgress, createBell, followProgress } from './batches-follow.ts';
import type { Source } from './domain/apply.ts';
import type { BatchId, BatchWish, PayoutBatch } from './domain/batch.ts';
import type { MerchantId } from './domain/merchant.ts';
import { isFinal } from './domain/payout.ts';
import type { BatchCount, PageKey, Store } from './domain/store.ts';
import { batchIdOf } from './identity.ts';
import type { Actor, CreateInput, CreateResult, Payouts, SimulateResult } from './payouts.ts';
import { type Clock, describeError, type Log } from './runtime.ts';

/** An item of a batch, its shape already checked, and its place in the caller's list. */
export interface BatchItem {
  readonly index: number;
  readonly input: CreateInput;
}

/** What became of one item, by its place in the caller's list. */
export interface ItemResult<Result> {
  readonly index: number;
  readonly reference: string;
  readonly result: Result | Lost;
}

/** The store failed: whether the item is there is not known, and sending it again is safe. */
export interface Lost {
  readonly kind: 'lost';
  readonly cause: string;
}

/** What became of the items, in their order; or the batch was called off, and nothing was created. */
export type BatchResult<Result> =
  | { readonly kind: 'taken'; readonly batch: PayoutBatch; readonly results: readonly ItemResult<Result>[] }
  | { readonly kind: 'cancelled'; readonly batch: PayoutBatch };

/** What would become of the items, in their order; or the batch was called off, and nothing would be created. */
export type BatchForecast =
  | { readonly kind: 'taken'; readonly results: readonly ItemResult<SimulateResult>[] }
  | { readonly kind: 'cancelled'; readonly batch: PayoutBatch };

/** Payouts that are asked for, and steered, together. */
export interface Batches {
  /** Stores the batch, then its items, each by itself: a bad one costs itself alone, and sending it all again adds nothing. */
  create(
    merchantId: MerchantId,
    actor: Actor,
    reference: string,
    items: readonly BatchItem[],
  ): Promise<BatchResult<CreateResult>>;
  /** What `create` would answer now. Nothing is stored or sent. */
  simulate(merchantId: MerchantId, reference: string, items: readonly BatchItem[]): Promise<BatchForecast>;
  /** The id of the batch that a merchant's reference names, whether there is one yet or not. */
  idOf(merchantId: MerchantId, reference: string): BatchId;
  /** Null: there is none, or it is another merchant's. */
  progress(merchantId: MerchantId, id: BatchId): Promise<BatchProgress | null>;
  /**
   * How far it is now, then whenever that has changed, at most once a second; ends when all are final, or the changes end.
   * `changes` says when it may have changed: whatever it yields is no more than a reason to look. Nothing where there is none.
   */
  follow(
    merchantId: MerchantId,
    id: BatchId,
    changes: AsyncIterator<unknown>,
  ): AsyncGenerator<BatchProgress, undefined>;
  /** Changes what is wanted of those that were not sent yet. Null: there is no such batch; `notAllowed`: it was cancelled. */
  steer(merchantId: MerchantId, actor: Actor, id: BatchId, wish: BatchWish): Promise<PayoutBatch | 'notAllowed' | null>;
  /**
   * Tells parked payouts of batches that go on, and unsent ones of those that were called off, until there are none; safe
   * beside other processes, and after a crash. It never rejects: what could not be told is told the next time.
   */
  rouse(): Promise<void>;
  /** Rouses now and then from now on: what another process has left undone is done here. */
  start(): void;
  /** Resolves when nothing is under way any more. */
  close(): Promise<void>;
}

export interface BatchesDeps {
  readonly store: Pick<
    Store,
    'insertBatch' | 'commitBatch' | 'batch' | 'batchCounts' | 'rousingBatches' | 'parked' | 'page'
  >;
  readonly payouts: Pick<Payouts, 'create' | 'simulate' | 'settle'>;
  readonly clock: Clock;
  readonly log: Log;
}

/** So many payouts are written at once: the embedded store commits those of a turn together, a server takes them in a row. */
const WIDTH = 64;
/** So many items in a row that the store failed for, and the rest is not tried. */
const PATIENCE = WIDTH;
/** Payouts read at a time while they are told. */
const PAGE = 500;
/** Batches that one round of rousing looks at. */
const MOST_ROUSING = 1000;
/** How often what is left to tell is looked for. */
const ROUSE_EVERY_MS = 10_000;
/**
 * How long after a batch was steered its payouts are still told. Whoever has read the wish before acts on it within its lease;
 * then nobody is left who parks a payout of a batch that goes on.
 */
const LINGER_MS = 150_000;

export function createBatches({ store, payouts, clock, log }: BatchesDeps): Batches {
  const followers = new Set<() => void>();
  const closing = new AbortController();
  let rousing: Promise<void> | null = null;
  let again = false;
  let patrol: Promise<void> | null = null;

  async function create(
    merchantId: MerchantId,
    actor: Actor,
    reference: string,
    items: readonly BatchItem[],
  ): Promise<BatchResult<CreateResult>> {
    const now = clock.now();
    const id = batchIdOf(merchantId, reference);
    const fresh = { schema: 1, id, merchantId, reference, version: 1, wish: 'RUNNING', rousing: false } as const;
    const batch = await store.insertBatch({ ...fresh, steeredBy: null, createdAt: now, updatedAt: now });
    if (batch.wish === 'CANCELLED') return { kind: 'cancelled', batch };
    const results = await takeEach(items, log, (input) => payouts.create(merchantId, actor, input, id));
    tellFollowers();
    return { kind: 'taken', batch, results };
  }

  async function simulate(
    merchantId: MerchantId,
    reference: string,
    items: readonly BatchItem[],
  ): Promise<BatchForecast> {
    const batch = await store.batch(merchantId, batchIdOf(merchantId, reference));
    if (batch?.wish === 'CANCELLED') return { kind: 'cancelled', batch };
    return {
      kind: 'taken',
      results: await takeEach(items, log, (input) => payouts.simulate(merchantId, input, false)),
    };
  }

  async function progress(merchantId: MerchantId, id: BatchId): Promise<BatchProgress | null> {
    const [batch, counts] = await Promise.all([store.batch(merchantId, id), store.batchCounts(merchantId, id)]);
    return batch && { batch, counts };
  }

  async function* follow(
    merchantId: MerchantId,
    id: BatchId,
    changes: AsyncIterator<unknown>,
  ): AsyncGenerator<BatchProgress, undefined> {
    const bell = createBell(changes);
    followers.add(bell.ring);
    try {
      yield* followProgress(() => progress(merchantId, id), bell, clock);
    } finally {
      followers.delete(bell.ring);
      await changes.return?.();
    }
  }

  async function steer(merchantId: MerchantId, actor: Actor, id: BatchId, wish: BatchWish) {
    for (;;) {
      const batch = await store.batch(merchantId, id);
      if (batch === null || batch.wish === wish) return batch;
      if (batch.wish === 'CANCELLED') return 'notAllowed';
      const facts = { wish, rousing: wish !== 'PAUSED', steeredBy: actor, updatedAt: clock.now() };
      const after: PayoutBatch = { ...batch, ...facts, version: batch.version + 1 };
      if ((await store.commitBatch(after)) === 'stale') continue;
      log.info({ batchId: id, wish, actor: actor.actor }, 'batch steered');
      if (after.rousing) void rouse();
      tellFollowers();
      return after;
    }
  }

  function tellFollowers(): void {
    for (const ring of followers) ring();
  }

  function rouse(): Promise<void> {
    again = true;
    rousing ??= rouseWhileAsked();
    return rousing;
  }

  async function rouseWhileAsked(): Promise<void> {
    try {
      while (again && !closing.signal.aborted) {
        again = false;
        for (const batch of await store.rousingBatches(MOST_ROUSING)) await tell(batch);
      }
    } catch (error) {
      log.warn({ cause: describeError(error) }, 'payouts of steered batches are told later');
    } finally {
      rousing = null;
    }
  }

  /** Tells the payouts of one batch; once nobody acts on an older wish any more, that was the last time. */
  async function tell(batch: PayoutBatch): Promise<void> {
    const isLast = clock.now().getTime() - batch.updatedAt.getTime() >= LINGER_MS;
    try {
      if (batch.wish === 'CANCELLED') await callOffQueued(batch);
      await unparkAll(batch);
      if (!isLast || closing.signal.aborted) return;
      await store.commitBatch({ ...batch, version: batch.version + 1, rousing: false });
    } catch (error) {
      // One batch that cannot be told does not keep the others waiting.
      log.warn({ batchId: batch.id, cause: describeError(error) }, 'payouts of a steered batch are told later');
    }
  }

  /** Also those that wait for another try, and would hear of it only then. What was sent stays. */
  async function callOffQueued(batch: PayoutBatch): Promise<void> {
    const { merchantId, id } = batch;
    const query = { merchantId, filter: { batch: id, states: ['QUEUED'] }, limit: PAGE, direction: 'forward' } as const;
    let from: PageKey | null = null;
    for (let more = true; more && !closing.signal.aborted; ) {
      const page = await store.page({ ...query, from, until: null });
      await sideBySide(page.payouts, (payout) => payouts.settle(payout, { kind: 'cancelled' }, sourceOf(batch)));
      ({ more } = page);
      from = page.payouts.at(-1) ?? from;
    }
  }

  /** What could not be called off at once is due again, and the worker does what is wanted of it. */
  async function unparkAll(batch: PayoutBatch): Promise<void> {
    const { merchantId, id, version } = batch;
    while (!closing.signal.aborted) {
      const parked = await store.parked(merchantId, id, PAGE);
      if (parked.length === 0) return;
      // It was paused again meanwhile, or called off: then this is not what is wanted any more.
      if ((await store.batch(merchantId, id))?.version !== version) return;
      let left = 0;
      await sideBySide(parked, async (payout) => {
        const told = await payouts.settle(payout, { kind: 'unparked' }, sourceOf(batch));
        if (told.parked) left += 1;
      });
      if (left === parked.length) return;
    }
  }

  async function goRound(): Promise<void> {
    while (!closing.signal.aborted) {
      await rouse();
      await clock.sleep(ROUSE_EVERY_MS, closing.signal);
    }
  }

  return {
    create,
    simulate,
    idOf: batchIdOf,
    progress,
    follow,
    steer,
    rouse,
    start() {
      patrol ??= goRound();
    },
    async close() {
      closing.abort();
      await patrol;
      await rousing;
    },
  };
}

/** Who brings the news to the payouts of a batch that was steered. */
function sourceOf({ steeredBy }: PayoutBatch): Source {
  return { source: steeredBy?.source ?? 'API', actor: steeredBy?.actor ?? 'batch', fence: null };
}

/**
 * Does something for each item, those of one reference in their order, and gathers what came of it in the order of the items.
 * Where the store fails for many in a row it is down, and the rest is not tried.
 */
async function takeEach<Result extends { readonly kind: string }>(
  items: readonly BatchItem[],
  log: Log,
  take: (input: CreateInput) => Promise<Result>,
): Promise<readonly ItemResult<Result>[]> {
  const byReference = Map.groupBy(items, ({ input }) => input.reference);
  const results: ItemResult<Result>[] = [];
  let failures = 0;
  let cause = '';
  await sideBySide([...byReference.values()], async (same) => {
    for (const { index, input } of same) {
      const { reference } = input;
      try {
        if (failures >= PATIENCE) throw new Error(`not tried: ${cause}`);
        results.push({ index, reference, result: await take(input) });
        failures = 0;
      } catch (error) {
        failures += 1;
        if (failures <= PATIENCE) cause = describeError(error);
        results.push({ index, reference, result: { kind: 'lost', cause: describeError(error) } });
      }
    }
  });
  const lost = results.filter(({ result }) => isLost(result)).length;
  if (lost > 0) log.error({ items: items.length, lost, cause }, 'items of a batch were not stored');
  return results.sort((a, b) => a.index - b.index);
}

/** Whether the store failed for an item. */
export function isLost(result: { readonly kind: string }): result is Lost {
  return result.kind === 'lost';
}

/** Runs a job for each item, so many at once; rejects with the first failure. */
async function sideBySide<T>(items: readonly T[], run: (item: T) => Promise<unknown>): Promise<void> {
  // One iterator for all: each takes the next one that nobody has.
  const waiting = items.values();
  const go = async (): Promise<void> => {
    for (const item of waiting) await run(item);
  };
  await Promise.all(Array.from({ length: Math.min(WIDTH, items.length) }, go));
}

/** How many payouts of a batch there are, and how many of them are final. */
export function tallyOf(counts: readonly BatchCount[]): { readonly total: number; readonly settled: number } {
  const sum = (list: readonly BatchCount[]): number => list.reduce((total, { count }) => total + count, 0);
  return { total: sum(counts), settled: sum(counts.filter(({ state }) => isFinal(state))) };
}
