import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { MerchantId } from '../src/domain/merchant.ts';
import type { Payout } from '../src/domain/payout.ts';
import type { LookupOutcome, Provider, ProviderId, SendOutcome, StatusReport } from '../src/domain/provider.ts';
import type { Store } from '../src/domain/store.ts';
import { createPayouts, type Payouts } from '../src/payouts.ts';
import { openSqlite } from '../src/storage/sqlite.ts';
import { createWorker, nextStep, type Worker } from '../src/worker.ts';
import { createManualClock, type ManualClock } from './support/clock.ts';
import { silentLog } from './support/log.ts';
import { afterNoon, NOON, orderOf, sampleAttempt, samplePayout } from './support/payouts.ts';

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
  payouts = createPayouts({
    store,
    clock,
    route: (_order, named) => ({ kind: 'chosen', provider: named ?? ALPHA, account: 'default' }),
  });
  [worker, calls] = [null, []];
});
afterEach(async () => {
  await worker?.stop();
  await store.close();
  await rm(join(path, '..'), { recursive: true });
});

const processing: StatusReport = {
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
  echo: {},
  rivals: [],
};

/** A provider that notes its calls; what it answers may change while it runs. */
function provider(id: ProviderId, answers: { submit: SendOutcome; lookup?: LookupOutcome }): Provider {
  return {
    id,
    name: id,
    accounts: [{ name: 'default', fingerprint: 'project-1', enabled: true }],
    onRepeat: 'paysAgain',
    repeatWindowMs: null,
    findsByOrderNumber: true,
    supports: () => true,
    prepare: async () => 'body',
    submit: async () => {
      calls.push(`${id} submit`);
      return answers.submit;
    },
    lookup: async () => {
      calls.push(`${id} lookup`);
      return answers.lookup ?? { kind: 'found', report: { ...processing, askedAt: clock.now() } };
    },
    readWebhook: () => ({ kind: 'refused', reason: 'none here' }),
    close: async () => undefined,
  };
}

const accepted: SendOutcome = { kind: 'accepted', report: processing };
const busy: SendOutcome = {
  kind: 'notTaken',
  reason: 'RATE_LIMITED',
  retryAfterMs: 30_000,
  vendorCode: '429',
  cause: 'slow down',
};

function start(...providers: readonly Provider[]): Worker {
  const options = { concurrency: 4 };
  worker = createWorker({ payouts, providers, clock, log: silentLog, name: 'w', options });
  worker.start();
  return worker;
}

let made = 0;
async function create(to: ProviderId): Promise<Payout> {
  made += 1;
  const input = { reference: `order-${made}`, order: orderOf('10'), provider: to, sendBefore: null, metadata: [] };
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
    worker = createWorker({
      payouts,
      providers: [stuck, quick],
      clock,
      log: silentLog,
      name: 'w',
      options: { concurrency: 4 },
    });
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

describe('the next step', () => {
  const alpha = provider(ALPHA, { submit: accepted });
  const off: Provider = { ...alpha, accounts: [{ name: 'default', fingerprint: 'project-1', enabled: false }] };
  const returning: Provider = { ...alpha, onRepeat: 'returnsFirst', repeatWindowMs: 60_000, findsByOrderNumber: false };
  const [send] = sampleAttempt().sends;
  assert.ok(send);
  const attempt = sampleAttempt({ sends: [{ ...send, outcome: 'UNKNOWN', endedAt: NOON }] });
  const doubt = samplePayout({ state: 'IN_DOUBT', attempts: [attempt] });
  const stepOf = (payout: Payout, by: Provider | undefined, now = afterNoon(1000)) => {
    const step = nextStep(payout, by, now);
    if (step.kind === 'send') return step.send;
    return step.kind === 'look' ? 'look' : step.news.kind === 'flagged' ? step.news.reason : step.news.kind;
  };

  it('follows the table of what a provider does with a repeat', () => {
    assert.equal(stepOf(samplePayout(), alpha), 'SUBMIT');
    assert.equal(stepOf(samplePayout({ sendBefore: NOON }), alpha), 'expired');
    assert.equal(stepOf(samplePayout(), off), 'held');
    assert.equal(stepOf(samplePayout(), undefined), 'held');
    assert.equal(stepOf(samplePayout({ state: 'SUBMITTING', attempts: [sampleAttempt()] }), alpha), 'abandoned');
    assert.equal(stepOf(doubt, alpha), 'look');
    assert.equal(stepOf(doubt, off), 'look');
    assert.equal(stepOf(doubt, undefined), 'ACCOUNT_CHANGED');
    assert.equal(stepOf(doubt, returning), 'REPEAT');
    assert.equal(stepOf(doubt, returning, afterNoon(60_001)), 'REPEAT_WINDOW_OVER');
    assert.equal(stepOf({ ...doubt, sendBefore: NOON }, returning), 'expired');
    assert.equal(stepOf({ ...doubt, attempts: [{ ...attempt, mismatched: true }] }, returning), 'held');
    const refused = { ...attempt, sends: [{ ...send, outcome: 'REJECTED' as const, endedAt: NOON }] };
    assert.equal(stepOf({ ...doubt, state: 'FAILED', attempts: [refused] }, returning), 'held');
    assert.equal(stepOf({ ...doubt, attempts: [{ ...attempt, providerReference: 'r' }] }, returning), 'look');
    assert.equal(stepOf({ ...doubt, attempts: [{ ...attempt, fingerprint: 'other' }] }, alpha), 'ACCOUNT_CHANGED');
  });
});
