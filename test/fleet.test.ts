import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { parseDecimal } from '../src/domain/money.ts';
import type { Payout, PayoutId } from '../src/domain/payout.ts';
import type { Provider } from '../src/domain/provider.ts';
import { createPayouts } from '../src/payouts.ts';
import { sides } from '../src/providers/sandboxes.ts';
import { chooseRoute } from '../src/routing.ts';
import { runFleet } from './chaos/fleet.ts';
import { type Ground, makeMerchant, openGround, type Posted } from './chaos/fleet-ground.ts';
import { judgeMoney } from './chaos/fleet-judge.ts';
import { SWIFT_CENTS } from './chaos/fleet-plan.ts';
import { readAll, settle } from './chaos/fleet-settle.ts';
import { ACTOR, vaultOf } from './support/write-side.ts';

const TIMEOUT_MS = 240_000;

describe('servers, workers and a database that are killed, paused and cut off', { timeout: TIMEOUT_MS }, () => {
  it('pay each payout once, lose none, and tell every subscriber everything in order', async (t) => {
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
    const { first, until, ground } = scene;
    await until((payout) => payout.state === 'SUBMITTING');
    const goOn = first.member.pause();
    first.database?.delay(0);
    assert.deepEqual(await ground.books(), []);
    await scene.takeOver();
    goOn();
    await scene.end();
  });

  it('in the middle of its sends has sent them once: what arrives late is the same order', async (t) => {
    const scene = await setScene(t, '10');
    if (scene === null) return t.skip('there is no MongoDB');
    const { first, until } = scene;
    await until((payout) => payout.state === 'SUBMITTING');
    first.sandbox.block('HOLD');
    first.database?.delay(0);
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
  /** Waits until every payout is like this. */
  until(fits: (payout: Payout) => boolean): Promise<void>;
  /** Brings in another worker, and waits until it has taken up everything. */
  takeOver(): Promise<void>;
  /** Waits until all is settled, and holds that each payout was paid once and says the truth. */
  end(): Promise<void>;
}

/**
 * Sets the scene. The worker's words with the database take long: between its storing a send and its hearing of that, a
 * test can stop it. Null where there is no MongoDB to be had.
 */
async function setScene(t: TestContext, amount: string): Promise<Scene | null> {
  const folder = await mkdtemp(join(tmpdir(), 'outflow-paused-'));
  const ground = await openGround({ store: 'mongodb', factor: 10, folder });
  t.after(async () => {
    await ground?.close();
    await rm(folder, { recursive: true });
  });
  if (ground === null) return null;
  const { store } = ground;
  const merchant = await makeMerchant(ground, 'Paused');
  const first = await ground.post('worker-1', 'worker');
  await first.member.up();
  first.database?.delay(500);
  const created = await createAtAll(ground, merchant.id, amount);

  async function until(fits: (payout: Payout) => boolean): Promise<void> {
    for (;;) {
      const now = [...(await store.payouts(merchant.id, created)).values()];
      if (now.length === created.length && now.every(fits)) return;
      await delay(5);
    }
  }
  return {
    ...{ ground, first, payouts: created.length, until },
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
  const payouts = createPayouts({
    ...{ store, clock, providers, vault: vaultOf(store) },
    route: (order, parties, named) => chooseRoute(providers, clock, order, parties, named),
  });
  const value = parseDecimal(amount);
  assert.ok(value);
  const created = providers.map(async (provider) => {
    const sample = sides.find((side) => side.slug === provider.id.toLowerCase())?.sample(value);
    assert.ok(sample, provider.id);
    const words = { reference: provider.id, provider: provider.id, sendBefore: null, autoConfirm: true, metadata: [] };
    const result = await payouts.create(merchantId, ACTOR, { ...words, ...sample });
    assert.ok(result.kind === 'created', JSON.stringify(result));
    return result.payout.id;
  });
  return Promise.all(created);
}
