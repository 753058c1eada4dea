import assert from 'node:assert/strict';
import { EventEmitter, on } from 'node:events';
import { describe, test } from 'node:test';
import type { ApiKeyId, MerchantId } from '../src/domain/merchant.ts';
import type { Payout } from '../src/domain/payout.ts';
import type { Cursor, FeedEvent } from '../src/feed.ts';
import { createContext, type Services } from '../src/graphql/context.ts';
import { createEngine } from '../src/graphql/engine.ts';
import { schema } from '../src/graphql/schema.ts';
import { batchIdOf } from '../src/identity.ts';
import * as documents from './operations/generated/graphql.ts';
import { silentLog } from './support/log.ts';
import { nextStep, sampleEvent, samplePayout } from './support/payouts.ts';

/** Of batches there are none. */
async function* noProgress(): AsyncGenerator<never, undefined> {
  yield* [];
  return undefined;
}

const OWN = 'me_own' as MerchantId;
const engine = createEngine(silentLog);
const unused = () => Promise.reject(new Error('not asked for here'));

/** A merchant with one payout, a log that the test writes, and one listener. */
function openScene() {
  const log = new EventEmitter();
  const steps: string[] = [];
  const revoke = new AbortController();
  const gone = new AbortController();
  let payout = samplePayout({ merchantId: OWN });
  let listening: AbortSignal | null = null;
  const services: Services = {
    providers: [],
    log: silentLog,
    payouts: { create: unused, simulate: unused, act: unused, resolve: unused, erase: unused, parties: unused },
    catalogue: { assets: unused, knownAssets: () => [], reference: unused },
    batches: { create: unused, simulate: unused, idOf: batchIdOf, follow: noProgress, steer: unused },
    market: { quotes: unused, balances: unused, lowBalances: unused },
    quotes: { sign: () => 'qt_' },
    health: { of: unused, watch: async function* () {} },
    store: {
      environment: 'SANDBOX',
      restored: null,
      async payouts(merchantId, ids) {
        steps.push('read');
        return new Map(merchantId === OWN && ids.includes(payout.id) ? [[payout.id, payout]] : []);
      },
      merchant: unused,
      byReference: unused,
      page: unused,
      payoutEvents: unused,
      event: unused,
      attention: unused,
      queue: unused,
      batch: unused,
      batchCounts: unused,
    },
    feed: {
      parseCursor: (text) => (text === 'known' ? ('known' as Cursor) : null),
      head: async () => 'head' as Cursor,
      cursorOf: (head) => head,
      cursorAt: () => 'at' as Cursor,
      events: unused,
      async subscribe(_after, _filter, signal) {
        steps.push('joined');
        listening = signal;
        return deliver(on(log, 'event', { signal }));
      },
    },
  };
  const viewer = {
    keyId: 'ak_test' as ApiKeyId,
    merchantId: OWN,
    label: 'test',
    scopes: new Set(['payouts:read'] as const),
    revoked: revoke.signal,
  };
  return {
    steps,
    revoke,
    gone,
    payout: () => payout,
    /** Whether the feed is still being listened to. */
    listens: () => listening !== null && !listening.aborted,
    /** Changes the payout and tells of it. */
    change(changes: Partial<Payout>) {
      payout = nextStep(payout, changes);
      log.emit('event', { event: sampleEvent(payout), cursor: 'at' });
    },
    /** Tells of the payout as it already is. */
    repeat: () => log.emit('event', { event: sampleEvent(payout), cursor: 'at' }),
    subscribe(text: { toString(): string }, variableValues: Record<string, unknown>) {
      const contextValue = createContext(services, viewer, 'rq_test', gone.signal);
      return engine.subscribe({ schema, document: engine.parse(String(text)), variableValues, contextValue });
    },
  };
}

/** Emitted events until the signal aborts. */
async function* deliver(emitted: AsyncIterableIterator<FeedEvent[]>): AsyncGenerator<FeedEvent, undefined> {
  try {
    for await (const events of emitted) yield* events;
  } catch (error) {
    if (!(error instanceof Error && error.name === 'AbortError')) throw error;
  }
}

async function watch(scene: ReturnType<typeof openScene>) {
  const stream = await scene.subscribe(documents.WatchPayoutDocument, { id: scene.payout().id });
  assert.ok(Symbol.asyncIterator in stream, JSON.stringify(stream));
  const next = async (): Promise<unknown> => {
    const { done, value } = await stream.next();
    return done ? 'done' : (value.errors ?? JSON.parse(JSON.stringify(value.data)).payout.state);
  };
  return { stream, next };
}

describe('the subscription payout', () => {
  test('joins the log before it reads, so that no change falls between', async () => {
    const scene = openScene();
    await watch(scene);
    assert.deepEqual(scene.steps, ['joined', 'read']);
  });

  test('shows the payout now, then each change once, and ends after a final state', async () => {
    const scene = openScene();
    const { next } = await watch(scene);
    assert.equal(await next(), 'QUEUED');
    scene.repeat();
    scene.change({ state: 'PROCESSING' });
    assert.equal(await next(), 'PROCESSING');
    scene.repeat();
    scene.change({ state: 'COMPLETED' });
    assert.equal(await next(), 'COMPLETED');
    assert.equal(await next(), 'done');
    assert.equal(scene.listens(), false);
  });

  test('shows a final payout once and ends', async () => {
    const scene = openScene();
    scene.change({ state: 'FAILED' });
    const { next } = await watch(scene);
    assert.deepEqual([await next(), await next()], ['FAILED', 'done']);
    assert.equal(scene.listens(), false);
  });

  test('of a payout that is not there is NOT_FOUND, and listens to nothing', async () => {
    const scene = openScene();
    for (const id of ['po_nothing', 'nonsense']) {
      const result = await scene.subscribe(documents.WatchPayoutDocument, { id });
      assert.ok('errors' in result);
      assert.deepEqual(result.errors?.[0]?.extensions, { code: 'NOT_FOUND', retryable: false, moneyMoved: 'NO' });
    }
    assert.equal(scene.listens(), false);
  });

  for (const [what, end] of [
    ['its key is revoked', (scene: ReturnType<typeof openScene>) => scene.revoke.abort()],
    ['its listener goes away', (scene: ReturnType<typeof openScene>) => scene.gone.abort()],
  ] as const) {
    test(`ends when ${what}, also while it waits`, async () => {
      const scene = openScene();
      const { next } = await watch(scene);
      await next();
      const waiting = next();
      end(scene);
      assert.equal(await waiting, 'done');
      assert.equal(scene.listens(), false);
    });
  }

  test('ends when the client unsubscribes, also while it waits', async () => {
    const scene = openScene();
    const { stream, next } = await watch(scene);
    await next();
    const waiting = next();
    await stream.return(undefined);
    assert.equal(await waiting, 'done');
    assert.equal(scene.listens(), false);
  });
});

describe('the subscription payoutEvents', () => {
  test('reads the payout anew for every event, since what was read for the last one is old', async () => {
    const scene = openScene();
    const stream = await scene.subscribe(documents.WatchEventsDocument, {});
    assert.ok(Symbol.asyncIterator in stream);
    const states: unknown[] = [];
    for (const state of ['SUBMITTING', 'PROCESSING'] as const) {
      scene.change({ state });
      const { value } = await stream.next();
      states.push(JSON.parse(JSON.stringify(value)).data.payoutEvents.payout.state);
    }
    assert.deepEqual(states, ['SUBMITTING', 'PROCESSING']);
    await stream.return(undefined);
  });

  test('after a cursor that is not of this store is INVALID_INPUT that names after', async () => {
    const scene = openScene();
    const result = await scene.subscribe(documents.WatchEventsDocument, { after: 'unknown' });
    assert.ok('errors' in result);
    assert.equal(result.errors?.[0]?.extensions.code, 'INVALID_INPUT');
    assert.match(result.errors?.[0]?.message ?? '', /^after:/);
  });

  test('that asks for too much is refused before the first event', async () => {
    const scene = openScene();
    const text =
      'subscription { payoutEvents { payout { events(first: 100) { edges { node { payout { events(first: 100) ' +
      '{ edges { node { id at } } } } } } } } } }';
    const result = await scene.subscribe(text, {});
    assert.ok('errors' in result);
    assert.equal(result.errors?.[0]?.extensions.code, 'TOO_COMPLEX');
    assert.deepEqual(scene.steps, []);
  });
});
