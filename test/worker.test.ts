import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { MerchantId } from '../src/domain/merchant.ts';
import type { Order, Payout } from '../src/domain/payout.ts';
import { requestOf } from '../src/domain/price.ts';
import type { LookupOutcome, Price, Provider, ProviderId, SendOutcome } from '../src/domain/provider.ts';
import { nextStep } from '../src/domain/step.ts';
import type { Store } from '../src/domain/store.ts';
import { createBreaker } from '../src/health-breaker.ts';
import { orderNumberOf } from '../src/identity.ts';
import { createMarket } from '../src/market.ts';
import { createPace } from '../src/pace.ts';
import { type CreateInput, createPayouts, NO_PARTIES, type Payouts } from '../src/payouts.ts';
import { openSqlite } from '../src/storage/sqlite.ts';
import { createWorker, type Worker } from '../src/worker.ts';
import { createManualClock, type ManualClock } from './support/clock.ts';
import { silentLog } from './support/log.ts';
import { afterNoon, NOON, orderOf, sampleAttempt, samplePayout, sampleSend } from './support/payouts.ts';
import {
  createDesk,
  NO_MARKET,
  PLAIN,
  payoutsOn,
  plainProvider,
  reportOf,
  routerOf,
  vaultOf,
} from './support/write-side.ts';

// What a worker does for one payout is in rules.test.ts and money.test.ts; here is how it shares itself out among many.

const MERCHANT = 'me_worker' as MerchantId;
const [ALPHA, BETA] = ['ALPHA', 'BETA'] as ProviderId[] as [ProviderId, ProviderId];

let clock: ManualClock;
let store: Store;
let payouts: Payouts;
let worker: Worker | null;
let path: string;
let calls: string[];
beforeEach(async () => {
  clock = createManualClock(NOON);
  path = join(await mkdtemp(join(tmpdir(), 'outflow-worker-')), 'outflow.db');
  store = await openSqlite({ path, environment: 'SANDBOX', now: clock.now, random: randomBytes, exclusive: true });
  payouts = payoutsOn(store, clock, ({ provider: named }) => ({
    kind: 'chosen',
    provider: named ?? ALPHA,
    account: 'default',
    decision: null,
  }));
  [worker, calls] = [null, []];
});
afterEach(async () => {
  await worker?.stop();
  await store.close();
  await rm(join(path, '..'), { recursive: true });
});

const processing = reportOf();

/** A provider that notes its calls; what it answers may change while it runs. */
function provider(id: ProviderId, answers: { submit: SendOutcome; lookup?: LookupOutcome }): Provider {
  return plainProvider(id, {
    submit: async () => {
      calls.push(`${id} submit`);
      return answers.submit;
    },
    lookup: async () => {
      calls.push(`${id} lookup`);
      return answers.lookup ?? { kind: 'found', report: { ...processing, askedAt: clock.now() } };
    },
  });
}

const accepted: SendOutcome = { kind: 'accepted', report: processing };
const busy: SendOutcome = {
  kind: 'notTaken',
  reason: 'RATE_LIMITED',
  retryAfterMs: 30_000,
  vendorCode: '429',
  cause: 'slow down',
};

/** What every worker here has. */
const quiet = () => {
  const health = createBreaker(clock, 'w');
  return { payouts, market: NO_MARKET, health, clock, log: silentLog, name: 'w' };
};

function start(...providers: readonly Provider[]): Worker {
  const options = { concurrency: 4 };
  worker = createWorker({ ...quiet(), providers, options });
  worker.start();
  return worker;
}

let made = 0;
async function create(to: ProviderId, changes: Partial<CreateInput> = {}): Promise<Payout> {
  made += 1;
  const input = { reference: `order-${made}`, order: orderOf('10'), ...PLAIN, provider: to, ...changes };
  const result = await payouts.create(MERCHANT, { source: 'API', actor: 'ak_test' }, input);
  assert.ok(result.kind === 'created');
  return result.payout;
}

async function pass(ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 1000) {
    await worker?.idle();
    await clock.advance(Math.min(1000, left));
  }
  await worker?.idle();
}

const count = (call: string): number => calls.filter((one) => one === call).length;

describe('a worker', { timeout: 20_000 }, () => {
  it('sends nothing to a provider that asked to be left in peace, and goes on asking it about what it has', async () => {
    const answers: { submit: SendOutcome } = { submit: accepted };
    start(provider(ALPHA, answers));
    await create(ALPHA);
    await pass(1000);
    answers.submit = busy;
    await create(ALPHA);
    await pass(1000);
    assert.equal(count('ALPHA submit'), 2);
    for (let more = 0; more < 5; more += 1) await create(ALPHA);
    await pass(28_000);
    assert.equal(count('ALPHA submit'), 2);
    assert.ok(count('ALPHA lookup') > 0);
    answers.submit = accepted;
    await pass(60_000);
    assert.equal(count('ALPHA submit'), 2 + 6);
  });

  it('goes on sending to a provider that cannot be asked', async () => {
    const deaf: LookupOutcome = { kind: 'unavailable', retryAfterMs: 60_000, cause: 'down' };
    start(provider(ALPHA, { submit: accepted, lookup: deaf }));
    await create(ALPHA);
    await pass(10_000);
    const looks = count('ALPHA lookup');
    assert.ok(looks > 0);
    for (let more = 0; more < 5; more += 1) await create(ALPHA);
    await pass(10_000);
    assert.equal(count('ALPHA submit'), 6);
    assert.equal(count('ALPHA lookup'), looks);
  });

  it('leaves a provider in peace for longer and longer when it only fails, and loses nothing', async () => {
    const answers: { submit: SendOutcome } = { submit: { ...busy, retryAfterMs: null, reason: 'NEVER_LEFT' } };
    start(provider(ALPHA, answers));
    for (let more = 0; more < 20; more += 1) await create(ALPHA);
    await pass(60_000);
    const tries = count('ALPHA submit');
    assert.ok(tries < 60, `${tries} sends in a minute to a provider that is not there`);
    answers.submit = accepted;
    await pass(3_600_000);
    assert.equal(count('ALPHA submit') - tries >= 20, true);
    const page = await store.page({
      merchantId: MERCHANT,
      filter: {},
      limit: 50,
      direction: 'forward',
      from: null,
      until: null,
    });
    assert.ok(page.payouts.every((payout) => payout.state === 'PROCESSING'));
  });

  it('gives one provider none of the places of another', async () => {
    const hung = Promise.withResolvers<SendOutcome>();
    const stuck = { ...provider(ALPHA, { submit: accepted }), submit: () => hung.promise };
    const quick = provider(BETA, { submit: accepted });
    worker = createWorker({ ...quiet(), providers: [stuck, quick], options: { concurrency: 4 } });
    worker.start();
    for (let more = 0; more < 50; more += 1) await create(ALPHA);
    const other = await create(BETA);
    for (let turns = 0; turns < 200 && count('BETA submit') === 0; turns += 1) await new Promise(setImmediate);
    assert.equal(count('BETA submit'), 1);
    assert.equal((await store.payouts(MERCHANT, [other.id])).get(other.id)?.provider, BETA);
    hung.resolve(accepted);
  });

  it('ends when the calls in flight have ended, and takes nothing more', async () => {
    const hung = Promise.withResolvers<SendOutcome>();
    const slow = { ...provider(ALPHA, { submit: accepted }), submit: () => hung.promise };
    const stopping = start(slow);
    const first = await create(ALPHA);
    for (let turns = 0; turns < 50; turns += 1) await new Promise(setImmediate);
    const stopped = stopping.stop();
    const second = await create(ALPHA);
    hung.resolve(accepted);
    await stopped;
    const after = await store.payouts(MERCHANT, [first.id, second.id]);
    assert.deepEqual([after.get(first.id)?.state, after.get(second.id)?.state], ['PROCESSING', 'QUEUED']);
  });
});

describe('what waits for a provider with a batch call', { timeout: 20_000 }, () => {
  /** Answers every create of a batch with yes, but for those that `leaves` leaves out. */
  function batching(leaves: (orderNumber: string) => boolean = () => false): { provider: Provider; sizes: number[] } {
    const sizes: number[] = [];
    const submitBatch: Provider['submitBatch'] = async (items) => {
      sizes.push(items.length);
      const numbers = items.map(({ attempt }) => attempt.orderNumber);
      return new Map(numbers.filter((number) => !leaves(number)).map((number) => [number, accepted]));
    };
    const batch = { size: 3, takes: (order: Order) => order.description === null };
    return { provider: { ...provider(ALPHA, { submit: accepted }), submitBatch, batch }, sizes };
  }
  const statesOf = async (all: readonly Payout[]) => {
    const ids = all.map(({ id }) => id);
    const now = await store.payouts(MERCHANT, ids);
    return ids.map((id) => now.get(id)?.state);
  };

  it('goes out in calls of at most its size, each create stored before, and one that is alone goes alone', async () => {
    const { provider: alpha, sizes } = batching();
    const all = [];
    for (let more = 0; more < 4; more += 1) all.push(await create(ALPHA));
    start(alpha);
    await pass(1000);
    assert.deepEqual([sizes, count('ALPHA submit')], [[3], 1]);
    assert.deepEqual(await statesOf(all), ['PROCESSING', 'PROCESSING', 'PROCESSING', 'PROCESSING']);
  });

  it('is in doubt, and looked for, where the answer leaves it out', async () => {
    const all = [await create(ALPHA), await create(ALPHA)];
    const [lost] = all;
    assert.ok(lost);
    const { provider: alpha } = batching((number) => number === orderNumberOf(lost, 1));
    start({ ...alpha, lookup: async () => ({ kind: 'absent' }) });
    await pass(1000);
    assert.deepEqual(await statesOf(all), ['IN_DOUBT', 'PROCESSING']);
  });

  it('does not wait for one that turns out not to be sent', async () => {
    const { provider: alpha, sizes } = batching();
    const all = [await create(ALPHA), await create(ALPHA), await create(ALPHA)];
    const prepare: Provider['prepare'] = async (_account, _order, _parties, orderNumber) =>
      all[0] && orderNumber === orderNumberOf(all[0], 1)
        ? { kind: 'unavailable', retryAfterMs: null, cause: 'no rate' }
        : { kind: 'body', body: 'body' };
    start({ ...alpha, prepare });
    await pass(1000);
    assert.deepEqual(sizes, [2]);
    assert.deepEqual(await statesOf(all), ['QUEUED', 'PROCESSING', 'PROCESSING']);
  });

  it('does not stay unsent, nor speak against the provider, for one whose time is over before the call begins', async () => {
    const { provider: alpha, sizes } = batching();
    const late = await create(ALPHA, { sendBefore: afterNoon(1000) });
    const all = [late, await create(ALPHA), await create(ALPHA)];
    // The last one is ready only once the time of the first is over, which was stored as sent by then.
    const ready = Promise.withResolvers<void>();
    const prepare: Provider['prepare'] = async (_account, _order, _parties, orderNumber) => {
      if (all[2] && orderNumber === orderNumberOf(all[2], 1)) await ready.promise;
      return { kind: 'body', body: 'body' };
    };
    start({ ...alpha, prepare });
    const isStored = async () => (await store.payouts(MERCHANT, [late.id])).get(late.id)?.state === 'SUBMITTING';
    for (let turns = 0; turns < 500 && !(await isStored()); turns += 1) await new Promise(setImmediate);
    await clock.advance(2000);
    ready.resolve();
    await pass(10_000);
    assert.deepEqual(sizes, [2]);
    assert.deepEqual(await statesOf(all), ['FAILED', 'PROCESSING', 'PROCESSING']);
  });

  it('counts once against its provider where one call fails for many of them', async () => {
    const { provider: alpha } = batching();
    for (let more = 0; more < 6; more += 1) await create(ALPHA);
    const health = createBreaker(clock, 'w');
    const submitBatch = async (): Promise<never> => {
      throw new Error('broken');
    };
    const batch = { size: 6, takes: () => true };
    const broken = { ...alpha, submitBatch, batch, lookup: async () => ({ kind: 'absent' }) as const };
    worker = createWorker({ ...quiet(), providers: [broken], health });
    worker.start();
    await pass(0);
    await worker.idle();
    assert.equal(health.circuit(ALPHA, 'SUBMIT').state, 'CLOSED');
  });

  it('is unknown for all where the call breaks, and none of it is sent again as if it were new', async () => {
    const { provider: alpha } = batching();
    const all = [await create(ALPHA), await create(ALPHA)];
    const submitBatch = async (): Promise<never> => {
      throw new Error('broken');
    };
    start({ ...alpha, submitBatch, lookup: async () => ({ kind: 'absent' }) });
    await pass(60_000);
    assert.deepEqual(await statesOf(all), ['IN_DOUBT', 'IN_DOUBT']);
    assert.equal(count('ALPHA submit'), 0);
  });
});

describe('a provider with a published limit', { timeout: 30_000 }, () => {
  const limited = (changes: Partial<Provider> = {}): Provider => ({
    ...provider(ALPHA, { submit: accepted }),
    callsPerMinute: 60,
    ...changes,
  });

  it('gets no more calls in any minute than it allows, and nearly as many while there is work', async () => {
    const at: number[] = [];
    const submit = async (): Promise<SendOutcome> => {
      at.push(clock.now().getTime());
      return { ...accepted, report: reportOf({ state: 'COMPLETED' }) };
    };
    start(limited({ submit }));
    for (let more = 0; more < 300; more += 1) await create(ALPHA);
    await pass(180_000);
    const most = Math.max(...at.map((from) => at.filter((one) => one >= from && one < from + 60_000).length));
    assert.ok(most <= 60, `${most} calls in a minute`);
    assert.ok(at.length >= 120, `${at.length} calls in three minutes`);
  });

  it('is asked about what it has, however much waits to be sent', async () => {
    start(limited());
    await create(ALPHA);
    await pass(1000);
    for (let more = 0; more < 300; more += 1) await create(ALPHA);
    await pass(120_000);
    assert.ok(count('ALPHA submit') < 200, 'there is still more to send');
    assert.ok(count('ALPHA lookup') > 10, `${count('ALPHA lookup')} look-ups`);
  });

  it('does not slow down another', async () => {
    start(limited(), provider(BETA, { submit: accepted }));
    for (let more = 0; more < 100; more += 1) await create(ALPHA);
    for (let more = 0; more < 100; more += 1) await create(BETA);
    await pass(2000);
    assert.equal(count('BETA submit'), 100);
  });
});

/** What it was quoted for; the quote lasts longer than any test. */
const PRICE: Price = {
  ...{ debit: orderOf('10').amount, fees: [], receive: orderOf('10').amount },
  ...{ rate: null, firmness: 'INDICATIVE', expiresAt: null },
};
const QUOTED = {
  ...{ provider: ALPHA, account: 'default', request: requestOf(orderOf('10')) },
  price: { ...PRICE, expiresAt: new Date(8.64e15) },
};

/** The most that happened within any time of this length. */
function mostWithin(windowMs: number, at: readonly number[]): number {
  return Math.max(...at.map((from) => at.filter((one) => one >= from && one < from + windowMs).length));
}

describe('a provider with a published limit and a batch call', { timeout: 60_000 }, () => {
  const WINDOW_MS = 6000;
  const completed: SendOutcome = { ...accepted, report: reportOf({ state: 'COMPLETED' }) };
  /** Ten calls in six seconds; a payout with a description goes alone. Every call is noted with when it came, and for how many. */
  function limitedBatching(answer: () => SendOutcome = () => completed) {
    const at: number[] = [];
    const sizes: number[] = [];
    const note = (size: number): void => {
      at.push(clock.now().getTime());
      sizes.push(size);
    };
    const submitBatch: Provider['submitBatch'] = async (items) => {
      note(items.length);
      return new Map(items.map(({ attempt }) => [attempt.orderNumber, answer()]));
    };
    const submit: Provider['submit'] = async () => {
      note(1);
      return answer();
    };
    const batch = { size: 100, takes: (order: Order) => order.description === null };
    const changes = { submit, submitBatch, batch, callsPerMinute: 100 };
    return { provider: { ...provider(ALPHA, { submit: completed }), ...changes }, at, sizes };
  }
  const createMany = async (count: number, isAlone: (index: number) => boolean = () => false) => {
    const all: Payout[] = [];
    // Some at once, since that is quicker to store.
    while (all.length < count) {
      const more = Array.from({ length: Math.min(500, count - all.length) }, (_, index) => {
        const description = isAlone(all.length + index) ? 'alone' : null;
        return create(ALPHA, { order: { ...orderOf('10'), description } });
      });
      all.push(...(await Promise.all(more)));
    }
    return all;
  };
  const now = async (all: readonly Payout[]) => {
    const ids = all.map(({ id }) => id);
    const found = await store.payouts(MERCHANT, ids);
    return ids.flatMap((id) => found.get(id) ?? []);
  };
  const sum = (sizes: readonly number[]) => sizes.reduce((total, size) => total + size, 0);

  it('gets as many as fit in one lease in one call, and a window’s calls at once', async () => {
    const { provider: alpha, sizes, at } = limitedBatching();
    const all = await createMany(200);
    start(alpha);
    await worker?.idle();
    assert.equal(sum(sizes), 200);
    assert.ok(sizes.length <= 7, `${sizes} in ${sizes.length} calls`);
    assert.equal(new Set(at).size, 1);
    assert.ok((await now(all)).every(({ state, attempts }) => state === 'COMPLETED' && attempts.length === 1));
  });

  it('is drained by calls that count once each, however many payouts they carry', async () => {
    const { provider: alpha, sizes, at } = limitedBatching();
    const count = 2000;
    await createMany(count);
    start(alpha);
    while (sum(sizes) < count) await pass(1000);
    assert.equal(sum(sizes), count);
    assert.ok(sizes.length <= Math.ceil(count / 28), `${sizes.length} calls`);
    assert.ok(mostWithin(WINDOW_MS, at) <= 7);
  });

  it('gets those that fit into no batch one by one, each in its turn within its lease, and never more than it allows', async () => {
    const { provider: alpha, sizes, at } = limitedBatching();
    const all = await createMany(60, () => true);
    start(alpha);
    await worker?.idle();
    const waiting = (await now(all)).filter(({ lease }) => lease !== null);
    assert.equal(at.length, 7);
    assert.ok(waiting.length > 0 && waiting.every(({ state }) => state === 'QUEUED'), `${waiting.length} wait`);
    await pass(120_000);
    assert.deepEqual(new Set(sizes), new Set([1]));
    assert.equal(sizes.length, 60);
    assert.ok(mostWithin(WINDOW_MS, at) <= 7 && mostWithin(60_000, at) <= 100);
    // Nobody was put off.
    assert.ok(
      (await now(all)).every(({ state, attempts }) => state === 'COMPLETED' && attempts[0]?.sends.length === 1),
    );
  });

  it('gets what shares a call beside what goes alone within the same limit', async () => {
    const { provider: alpha, sizes, at } = limitedBatching();
    await createMany(90, (index) => index % 3 === 0);
    start(alpha);
    await pass(120_000);
    assert.equal(sizes.filter((size) => size === 1).length >= 30, true);
    assert.equal(sum(sizes), 90);
    assert.ok(sizes.length < 45, `${sizes.length} calls`);
    assert.ok(mostWithin(WINDOW_MS, at) <= 7);
  });

  it('gets none of those that wait for their turn once its circuit is open, and one call to try it', async () => {
    let outcome: SendOutcome = busy;
    const { provider: alpha, at } = limitedBatching(() => outcome);
    const all = await createMany(60, () => true);
    const options = { concurrency: 1 };
    worker = createWorker({ ...quiet(), providers: [alpha], options });
    worker.start();
    await worker.idle();
    assert.equal(at.length, 1);
    await pass(1000);
    const untouched = (await now(all)).filter(({ attempts }) => attempts.length === 0);
    assert.equal(untouched.length, 59);
    assert.ok(untouched.every(({ lease, quietChecks, state }) => !lease && quietChecks === 0 && state === 'QUEUED'));
    await pass(28_000);
    assert.equal(at.length, 1);
    await pass(1000);
    assert.equal(at.length, 2);
    outcome = completed;
    await pass(300_000);
    assert.ok((await now(all)).every(({ state }) => state === 'COMPLETED'));
  });

  it('has what found no place in time given back as it was', async () => {
    const hung = Promise.withResolvers<SendOutcome>();
    const { provider: alpha } = limitedBatching();
    const all = await createMany(10, () => true);
    worker = createWorker({
      ...quiet(),
      providers: [{ ...alpha, submit: () => hung.promise }],
      options: { concurrency: 1 },
    });
    worker.start();
    const leased = async () => (await now(all)).filter(({ lease }) => lease !== null).length;
    for (let turns = 0; turns < 500 && clock.pending() < 9; turns += 1) await new Promise(setImmediate);
    assert.equal(await leased(), 10);
    // Three quarters of the time in which a leased payout may be sent.
    await clock.advance(26_000);
    assert.equal(await leased(), 10);
    await clock.advance(250);
    for (let turns = 0; turns < 500 && (await leased()) > 1; turns += 1) await new Promise(setImmediate);
    const rest = (await now(all)).filter(({ attempts }) => attempts.length === 0);
    hung.resolve(completed);
    assert.equal(rest.length, 9);
    assert.deepEqual(
      rest.map(({ lease, quietChecks }) => [lease, quietChecks]),
      rest.map(() => [null, 0]),
    );
  });

  it('has what found no call for its price in time given back, for as long as there is none', async () => {
    const { provider: alpha, at } = limitedBatching();
    const retryAt = afterNoon(40_000);
    const cause = 'others came first';
    const silent = { provider: ALPHA, account: 'default', kind: 'unavailable', retryAt, cause, ours: true } as const;
    const route = { kind: 'chosen', provider: ALPHA, account: 'default', decision: null } as const;
    const parts = { store, vault: vaultOf(store), clock, providers: [alpha] };
    payouts = createPayouts({ ...parts, route: async () => route, quotes: { read: () => QUOTED } });
    const held = [await create(ALPHA, { quoteId: 'qt_' }), await create(ALPHA, { quoteId: 'qt_' })];
    const free = await create(ALPHA);
    worker = createWorker({ ...quiet(), payouts, market: { quote: async () => silent }, providers: [alpha] });
    worker.start();
    await pass(1000);
    assert.equal(at.length, 1);
    for (const { quietChecks, nextCheckAt, lease } of await now(held)) {
      assert.deepEqual([quietChecks, nextCheckAt, lease], [0, retryAt, null]);
    }
    assert.deepEqual(
      (await now([free])).map(({ state }) => state),
      ['COMPLETED'],
    );
  });

  it('is sent nothing whose price cannot be asked for want of a call, until there is one, and that puts off nothing', async () => {
    const { provider: plain, at } = limitedBatching();
    let asked = 0;
    const both: number[] = [];
    const alpha: Provider = {
      ...plain,
      batch: null,
      async quote(_account, _request, call) {
        const admitted = call.admit?.() ?? true;
        if (admitted !== true) return { kind: 'unavailable', retryAfterMs: null, cause: admitted };
        asked += 1;
        both.push(clock.now().getTime());
        return { kind: 'known', value: PRICE };
      },
      async submit(...sent) {
        both.push(clock.now().getTime());
        return plain.submit(...sent);
      },
    };
    const [pace, health] = [createPace([alpha], clock), createBreaker(clock, 'w')];
    const market = createMarket({ providers: [alpha], clock, health, pace, minimumBalances: [] });
    const route = { kind: 'chosen', provider: ALPHA, account: 'default', decision: null } as const;
    const parts = { store, vault: vaultOf(store), clock, providers: [alpha] };
    payouts = createPayouts({ ...parts, route: async () => route, quotes: { read: () => QUOTED } });
    const all: Payout[] = [];
    for (let more = 0; more < 12; more += 1) all.push(await create(ALPHA, { quoteId: 'qt_', provider: null }));
    assert.ok(all.every(({ heldPrice }) => heldPrice !== null));
    worker = createWorker({ ...quiet(), payouts, market, pace, health, providers: [alpha] });
    worker.start();
    await worker.idle();
    // What waits to be sent leaves no more to its questions.
    assert.deepEqual([asked, at.length], [2, 2]);
    for (const { state, attempts } of (await now(all)).filter((one) => one.state !== 'COMPLETED'))
      assert.deepEqual([state, attempts], ['QUEUED', []]);
    await pass(60_000);
    assert.deepEqual([asked, at.length], [12, 12]);
    assert.ok(mostWithin(WINDOW_MS, both) <= 10);
    for (const { state, attempts } of await now(all)) assert.deepEqual([state, attempts.length], ['COMPLETED', 1]);
    assert.equal(health.circuit(ALPHA, 'READ').state, 'CLOSED');
  });
});

describe('a provider that is switched off', { timeout: 20_000 }, () => {
  const accounts = [{ name: 'default', fingerprint: 'project-1', enabled: false }];

  it('takes nothing new, and nobody else is asked instead of it where it is named', async () => {
    const off = { ...provider(ALPHA, { submit: accepted }), accounts };
    const on = provider(BETA, { submit: accepted });
    const route = routerOf([off, on], clock);
    const asked = { order: orderOf('10'), parties: NO_PARTIES, account: null, failover: false, priced: false };
    const chosen = await route({ ...asked, provider: null });
    assert.ok(chosen.kind === 'chosen' && chosen.provider === BETA);
    const named = await route({ ...asked, provider: ALPHA });
    const reason = 'it is switched off in this deployment';
    assert.deepEqual(named, { kind: 'none', reasons: [{ provider: ALPHA, reason }] });
  });

  it('is sent nothing that waits, and all that it has is finished: confirmed, repeated, looked up', async () => {
    const desk = createDesk(clock);
    const repeated = { onRepeat: 'returnsFirst', repeatWindowMs: 3_600_000, findsByOrderNumber: 'never' } as const;
    desk.answer('submit', { kind: 'unknown', vendorCode: null, cause: 'cut' });
    start({ ...desk.provider, ...repeated });
    const doubtful = await create(ALPHA);
    await worker?.idle();
    await worker?.stop();
    const waiting = await create(ALPHA);
    desk.answer('confirm', () => {
      desk.shows = { state: 'COMPLETED' };
      return { kind: 'accepted', report: null };
    });
    start({ ...desk.provider, ...repeated, accounts });
    await pass(300_000);
    assert.deepEqual(
      desk.calls.filter((call) => call !== 'lookup'),
      ['submit', 'submit', 'confirm'],
    );
    const found = await store.payouts(MERCHANT, [doubtful.id, waiting.id]);
    assert.deepEqual([found.get(doubtful.id)?.state, found.get(waiting.id)?.state], ['COMPLETED', 'QUEUED']);
    await worker?.stop();
    start({ ...provider(ALPHA, { submit: accepted }) });
    await pass(600_000);
    assert.equal(count('ALPHA submit'), 1);
  });
});

describe('the next step', () => {
  const alpha = provider(ALPHA, { submit: accepted });
  const off: Provider = { ...alpha, accounts: [{ name: 'default', fingerprint: 'project-1', enabled: false }] };
  const returning: Provider = {
    ...alpha,
    onRepeat: 'returnsFirst',
    repeatWindowMs: 60_000,
    findsByOrderNumber: 'never',
  };
  const [send] = sampleAttempt().sends;
  assert.ok(send);
  const attempt = sampleAttempt({ sends: [{ ...send, outcome: 'UNKNOWN', endedAt: NOON }] });
  const doubt = samplePayout({ state: 'IN_DOUBT', attempts: [attempt] });
  const stepOf = (payout: Payout, by: Provider | undefined, now = afterNoon(1000)) => {
    const step = nextStep(payout, by, now);
    if (step.kind === 'send') return step.send;
    if (step.kind === 'follow') return step.next.action;
    if (step.kind === 'tell') return step.news.kind === 'flagged' ? step.news.reason : step.news.kind;
    return step.kind;
  };

  it('follows the table of what a provider does with a repeat', () => {
    assert.equal(stepOf(samplePayout(), alpha), 'SUBMIT');
    assert.equal(stepOf(samplePayout({ sendBefore: NOON }), alpha), 'expired');
    assert.equal(stepOf(samplePayout(), off), 'held');
    assert.equal(stepOf(samplePayout(), undefined), 'ACCOUNT_CHANGED');
    assert.equal(stepOf(samplePayout({ state: 'SUBMITTING', attempts: [sampleAttempt()] }), alpha), 'abandoned');
    assert.equal(stepOf(doubt, alpha), 'look');
    assert.equal(stepOf(doubt, off), 'look');
    assert.equal(stepOf(doubt, undefined), 'ACCOUNT_CHANGED');
    assert.equal(stepOf(doubt, returning), 'REPEAT');
    assert.equal(stepOf(doubt, returning, afterNoon(60_001)), 'REPEAT_WINDOW_OVER');
    assert.equal(stepOf({ ...doubt, sendBefore: NOON }, returning), 'expired');
    assert.equal(stepOf({ ...doubt, attempts: [{ ...attempt, mismatched: true }] }, returning), 'held');
    const proven = { ...attempt, sends: [{ ...send, outcome: 'NOT_TAKEN' as const, endedAt: NOON }] };
    assert.equal(stepOf({ ...doubt, attempts: [proven] }, alpha), 'SUBMIT');
    assert.equal(stepOf({ ...doubt, attempts: [proven], sendBefore: NOON }, alpha), 'expired');
    const refused = { ...attempt, sends: [{ ...send, outcome: 'REJECTED' as const, endedAt: NOON }] };
    assert.equal(stepOf({ ...doubt, state: 'FAILED', attempts: [refused] }, returning), 'held');
    assert.equal(stepOf({ ...doubt, attempts: [{ ...attempt, providerReference: 'r' }] }, returning), 'look');
    assert.equal(stepOf({ ...doubt, attempts: [{ ...attempt, fingerprint: 'other' }] }, alpha), 'ACCOUNT_CHANGED');
  });

  it('looks for an order whose number is taken, and never sends it again', () => {
    const taken = { ...attempt, exists: true };
    const known = { ...doubt, attempts: [taken] };
    for (const findsByOrderNumber of ['always', 'onceProven'] as const) {
      assert.equal(stepOf(known, { ...returning, findsByOrderNumber }), 'look', findsByOrderNumber);
    }
    assert.equal(stepOf(doubt, { ...returning, findsByOrderNumber: 'onceProven' }), 'REPEAT');
    assert.equal(stepOf(known, returning), 'NOT_FOUND_AT_PROVIDER');
  });

  it('is what is wanted of an order that the provider has, wherever that is allowed', () => {
    const report = {
      state: 'AWAITING_CONFIRMATION',
      askedAt: NOON,
      vendorStatus: 'awaiting',
      vendorMessage: null,
      transactionHash: null,
      fees: [],
      debits: [],
      received: null,
      moneyMoved: 'NO',
      failure: null,
      allows: ['CONFIRM', 'CANCEL'],
    } as const;
    const held = samplePayout({
      state: 'AWAITING_CONFIRMATION',
      attempts: [{ ...attempt, sends: [{ ...send, outcome: 'ACCEPTED', endedAt: NOON }], report }],
    });
    assert.equal(stepOf(held, alpha), 'CONFIRM');
    assert.equal(stepOf(held, off), 'CONFIRM');
    assert.equal(stepOf({ ...held, autoConfirm: false }, alpha), 'look');
    assert.equal(stepOf({ ...held, sendBefore: NOON }, alpha), 'expired');
    assert.equal(stepOf(held, undefined), 'ACCOUNT_CHANGED');
    const [first] = held.attempts;
    assert.ok(first);
    assert.equal(stepOf({ ...held, attempts: [{ ...first, fingerprint: 'other' }] }, alpha), 'ACCOUNT_CHANGED');
    assert.equal(stepOf({ ...held, attempts: [{ ...first, mismatched: true }] }, alpha), 'look');
    const lost = { ...first, sends: [...first.sends, sampleSend({ number: 2, kind: 'CONFIRM', endedAt: NOON })] };
    assert.equal(stepOf({ ...held, attempts: [lost] }, alpha), 'abandoned');
  });
});
