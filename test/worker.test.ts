import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { MerchantId } from '../src/domain/merchant.ts';
import type { Order, Payout } from '../src/domain/payout.ts';
import type { LookupOutcome, Provider, ProviderId, SendOutcome } from '../src/domain/provider.ts';
import { nextStep } from '../src/domain/step.ts';
import type { Store } from '../src/domain/store.ts';
import { createBreaker } from '../src/health-breaker.ts';
import { orderNumberOf } from '../src/identity.ts';
import { NO_PARTIES, type Payouts } from '../src/payouts.ts';
import { openSqlite } from '../src/storage/sqlite.ts';
import { createWorker, type Worker } from '../src/worker.ts';
import { createManualClock, type ManualClock } from './support/clock.ts';
import { silentLog } from './support/log.ts';
import { afterNoon, NOON, orderOf, sampleAttempt, samplePayout, sampleSend } from './support/payouts.ts';
import { createDesk, NO_MARKET, PLAIN, payoutsOn, plainProvider, reportOf, routerOf } from './support/write-side.ts';

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
async function create(to: ProviderId): Promise<Payout> {
  made += 1;
  const input = { reference: `order-${made}`, order: orderOf('10'), ...PLAIN, provider: to };
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
