import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { parseDecimal } from '../src/domain/money.ts';
import type { Payout, PayoutId } from '../src/domain/payout.ts';
import type { Provider } from '../src/domain/provider.ts';
import { orderNumberOf } from '../src/identity.ts';
import { createPayouts } from '../src/payouts.ts';
import { sides } from '../src/providers/sandboxes.ts';
import { runFleet } from './chaos/fleet.ts';
import { type Ground, makeMerchant, openGround, type Posted } from './chaos/fleet-ground.ts';
import { type Evidence, judge, judgeMoney } from './chaos/fleet-judge.ts';
import { type FleetOptions, planFleet, SWIFT_CENTS } from './chaos/fleet-plan.ts';
import { readAll, settle } from './chaos/fleet-settle.ts';
import type { Booked } from './chaos/schedule.ts';
import { isOwnServerFast } from './support/mongodb.ts';
import { sampleAttempt, samplePayout } from './support/payouts.ts';
import { ACTOR, NO_QUOTES, PLAIN, plainProvider, routerOf, vaultOf } from './support/write-side.ts';

const TIMEOUT_MS = 240_000;

describe('a run of a fleet', () => {
  const OPTIONS: FleetOptions = {
    ...{ store: 'mongodb', seed: 1, payouts: 100, subscribers: 5, servers: 3, workers: 3 },
    ...{ disturbances: 100, factor: 10, cents: SWIFT_CENTS },
  };

  it('is planned by its seed alone, and takes every kind of disturbance', () => {
    const plan = planFleet(OPTIONS, ['io2328', 'oxapay']);
    assert.deepEqual(planFleet(OPTIONS, ['io2328', 'oxapay']), plan);
    assert.notDeepEqual(planFleet({ ...OPTIONS, seed: 2 }, ['io2328', 'oxapay']), plan);
    const struck = new Set(plan.disturbances.map(({ kind, target }) => `${kind} ${target.replace(/-.*/, '')}`));
    assert.deepEqual([...struck].toSorted(), [
      ...['CUT server', 'CUT worker', 'KILL database', 'KILL server', 'KILL worker', 'PAUSE worker'],
      ...['SILENCE server', 'SILENCE worker'],
    ]);
  });

  it('of one process on a file kills that process and nothing else', () => {
    const { disturbances } = planFleet({ ...OPTIONS, store: 'sqlite', servers: 1, workers: 0 }, ['io2328']);
    const struck = new Set(disturbances.map(({ kind, target }) => `${kind} ${target}`));
    assert.deepEqual([...struck], ['KILL server-1']);
  });

  describe('is found at fault', () => {
    const attempt = sampleAttempt({ orderNumber: 'ORDER1' });
    const payout = samplePayout({
      ...{ reference: 'one', state: 'COMPLETED', sequence: 4, attempts: [attempt] },
      ...{ nextCheckAt: null, lease: null },
    });
    const paid: Booked = { mark: 'ORDER1', state: 'COMPLETED' };
    const good: Evidence = {
      orders: [{ reference: 'one', merchant: 0, slug: 'alpha', amount: '10', twin: false, routed: false }],
      told: new Map([['one', new Set([payout.id])]]),
      stored: [[payout]],
      books: [paid],
      providers: [plainProvider('ALPHA')],
      subscribers: [[{ name: 'subscriber', heard: new Map([[payout.id, 4]]) }]],
    };
    const bad: readonly (readonly [what: string, change: Partial<Evidence>, fault: RegExp])[] = [
      ['a payout is paid twice', { books: [paid, paid] }, /sent twice/],
      ['a payout is completed and not paid', { books: [] }, /COMPLETED and not paid/],
      ['the provider has an order of no payout', { books: [paid, { ...paid, mark: 'OTHER' }] }, /OTHER belongs to no/],
      ['a payout is lost', { stored: [[]] }, /one is there 0 times/],
      ['a reference is there twice', { stored: [[payout, payout]] }, /one is there 2 times/],
      ['two clients were told of two payouts', { told: new Map([['one', new Set([payout.id, 'po_2'])]]) }, /were told/],
      ['there is a payout that nobody asked for', { orders: [] }, /one was not asked for/],
      ['a payout does not end', { stored: [[{ ...payout, state: 'PROCESSING' }]] }, /never comes to an end/],
      [
        'a subscriber missed the last event',
        { subscribers: [[{ name: 'subscriber', heard: new Map([[payout.id, 3]]) }]] },
        /heard 3 of 4/,
      ],
    ];

    it('for nothing where all is well', () => assert.deepEqual(judge(good), []));
    for (const [what, change, fault] of bad) {
      it(`where ${what}`, () => assert.match(judge({ ...good, ...change }).join('\n'), fault));
    }
  });
});

const skip = isOwnServerFast()
  ? false
  : 'it takes the server of `npm run mongodb`, as `npm run chaos -- --store mongodb` does';

describe('servers, workers and a database that are killed, paused and cut off', { timeout: TIMEOUT_MS }, () => {
  it('pay each payout once, lose none, and tell every subscriber everything in order', { skip }, async (t) => {
    const outcome = await runFleet({
      ...{ store: 'mongodb', seed: 6, payouts: 60, subscribers: 5, servers: 3, workers: 3 },
      ...{ disturbances: 8, factor: 10, cents: SWIFT_CENTS },
    });
    if (outcome === null) return t.skip('there is no MongoDB');
    assert.deepEqual(outcome.faults, []);
  });
});

describe('a worker that is stopped (SIGSTOP) for longer than its leases last', { timeout: TIMEOUT_MS }, () => {
  // A second send under the number of the first would be a second payment, whatever the provider promises.
  it('when it has stored its sends and not begun them begins none when it goes on, and what another did stands', async (t) => {
    const scene = await setScene(t, '10.88');
    if (scene === null) return t.skip('there is no MongoDB');
    const { first, ground } = scene;
    const goOn = first.member.pause();
    first.database?.unblock();
    assert.deepEqual(await ground.books(), []);
    await scene.takeOver();
    goOn();
    await scene.end();
  });

  it('in the middle of its sends has sent them once: what arrives late is the same order', async (t) => {
    const scene = await setScene(t, '10');
    if (scene === null) return t.skip('there is no MongoDB');
    const { first } = scene;
    first.sandbox.block('HOLD');
    first.database?.unblock();
    while (first.sandbox.held() < scene.payouts) await delay(5);
    const goOn = first.member.pause();
    await scene.takeOver();
    first.sandbox.unblock();
    goOn();
    await scene.end();
  });
});

/** Payouts at every provider, and one worker that is alone with them. */
interface Scene {
  readonly ground: Ground;
  readonly first: Posted;
  /** How many payouts there are. */
  readonly payouts: number;
  /** Brings in another worker, and waits until it has taken up everything. */
  takeOver(): Promise<void>;
  /** Waits until all is settled, and holds that each payout was paid once and says the truth. */
  end(): Promise<void>;
}

/**
 * Sets the scene: the worker has stored a send of each payout, and has not heard that it is stored. Null where there is no
 * MongoDB to be had.
 */
async function setScene(t: TestContext, amount: string): Promise<Scene | null> {
  const folder = await mkdtemp(join(tmpdir(), 'outflow-paused-'));
  const ground = await openGround({ store: 'mongodb', factor: 10, folder });
  t.after(async () => {
    await ground?.close();
    await rm(folder, { recursive: true });
  });
  if (ground === null) return null;
  const { store, providers } = ground;
  const merchant = await makeMerchant(ground, 'Paused');
  const first = await ground.post('worker-1', 'worker');
  await first.member.up();
  // Nothing says an order number before the write that stores its send.
  first.database?.mute(providers.map(({ id }) => orderNumberOf({ merchantId: merchant.id, reference: id }, 1)));
  const created = await createAtAll(ground, merchant.id, amount);

  async function until(fits: (payout: Payout) => boolean): Promise<void> {
    for (;;) {
      const now = [...(await store.payouts(merchant.id, created)).values()];
      if (now.length === created.length && now.every(fits)) return;
      await delay(5);
    }
  }
  await until((payout) => payout.state === 'SUBMITTING');
  return {
    ...{ ground, first, payouts: created.length },
    async takeOver() {
      const second = await ground.post('worker-2', 'worker');
      await second.member.up();
      await until((payout) => payout.state !== 'SUBMITTING');
    },
    async end() {
      await settle(ground, [merchant]);
      const stored = [await readAll(store, merchant.id)];
      const books = await ground.books();
      assert.deepEqual(judgeMoney({ stored, books, providers: ground.providers }), []);
      const repeating = (provider: Provider | undefined): boolean => provider?.onRepeat === 'returnsFirst';
      for (const payout of stored.flat()) {
        const provider = ground.providers.find((one) => one.id === payout.provider);
        if (repeating(provider)) assert.equal(payout.state, 'COMPLETED', payout.reference);
      }
    },
  };
}

/** Creates a payout at each provider at once. */
async function createAtAll(ground: Ground, merchantId: Payout['merchantId'], amount: string): Promise<PayoutId[]> {
  const { store, clock, providers } = ground;
  const parts = { vault: vaultOf(store), route: routerOf(providers, clock), quotes: NO_QUOTES };
  const payouts = createPayouts({ store, clock, providers, ...parts });
  const value = parseDecimal(amount);
  assert.ok(value);
  const created = providers.map(async (provider) => {
    const sample = sides.find((side) => side.slug === provider.id.toLowerCase())?.sample(value);
    assert.ok(sample, provider.id);
    const asked = { reference: provider.id, ...PLAIN, provider: provider.id, ...sample };
    const result = await payouts.create(merchantId, ACTOR, asked);
    assert.ok(result.kind === 'created', JSON.stringify(result));
    return result.payout.id;
  });
  return Promise.all(created);
}
