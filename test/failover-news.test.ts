import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Applied, apply, type NewAttempt, type News, type Source } from '../src/domain/apply.ts';
import { isAccountedFor, moneyMoved } from '../src/domain/attempt.ts';
import { BY_EVIDENCE, type Failure, isFinal, type Payout, TRANSITIONS } from '../src/domain/payout.ts';
import type { Account, Provider, ProviderId, SendOutcome, StatusReport } from '../src/domain/provider.ts';
import type { RouteDecision } from '../src/domain/route.ts';
import { nextStep, type Step } from '../src/domain/step.ts';
import { afterNoon, NOON, sampleAttempt, samplePayout, sampleSend } from './support/payouts.ts';
import { createRandom } from './support/random.ts';
import { plainProvider, reportOf } from './support/write-side.ts';

// What any order of news comes to for a payout that may fail over. Providers say what is so, some of them late, some not at
// all; a worker may die at any time, and what it learnt may come after another has gone on.

const IDS = ['ALPHA', 'BETA', 'GAMMA'] as ProviderId[];
const ROUTE: RouteDecision = {
  at: NOON,
  policy: 'CHEAPEST',
  candidates: IDS.map((provider, at) => ({
    provider,
    account: 'default',
    verdict: at === 0 ? 'CHOSEN' : 'ELIGIBLE',
    reason: 'as the test says',
    quote: null,
  })),
};

/** One that returns the first and finds nothing, one that can prove absence, one that can only be searched. */
const PROVIDERS: readonly Provider[] = [
  plainProvider('ALPHA', { findsByOrderNumber: 'never', repeatWindowMs: 86_400_000, onRepeat: 'returnsFirst' }),
  plainProvider('BETA', { absenceRule: () => ({ looks: 1, apartMs: 0, afterMs: 0 }), onRepeat: 'refuses' }),
  plainProvider('GAMMA'),
];

const refusal: Failure = { code: 'OTHER', message: 'no', vendorCode: '7', vendorMessage: null, retryable: false };
const rejected: SendOutcome = { kind: 'rejected', failure: refusal };
const notTaken: SendOutcome = {
  kind: 'notTaken',
  reason: 'NEVER_LEFT',
  retryAfterMs: null,
  vendorCode: null,
  cause: 'no line',
};
const unknown: SendOutcome = { kind: 'unknown', vendorCode: null, cause: 'no answer' };
const exists: SendOutcome = { kind: 'exists', vendorCode: '10100', cause: 'duplicate' };

type OrderState = 'PROCESSING' | 'COMPLETED' | 'FAILED';

/** A payout that lives through news which follows from a seed, and the orders that providers really have. */
class Life {
  readonly taken = new Map<string, OrderState>();
  /** Sends of workers that died, or are slow: how each of them ended. */
  readonly late: News[] = [];
  readonly #random: () => number;
  readonly #lying: boolean;
  payout: Payout = freeze(samplePayout({ route: ROUTE, failover: true }));
  #fence = 0;
  #seconds = 0;

  constructor(seed: number, lying: boolean) {
    this.#random = createRandom(seed);
    this.#lying = lying;
    if (this.#random() < 0.2) this.payout = freeze({ ...this.payout, sendBefore: afterNoon(600_000) });
  }

  step(): void {
    this.#seconds += 1 + Math.floor(this.#random() * 60);
    const dice = this.#random();
    const [order] = [...this.taken.keys()].toSorted(() => this.#random() - 0.5);
    if (dice < 0.08 && this.late.length > 0) this.#bring(this.late.shift() as News, null);
    else if (dice < 0.16 && order !== undefined) this.#proceed(order);
    else if (dice < 0.26 && order !== undefined) this.#tell(order);
    else if (dice < 0.28) this.#bring({ kind: 'cancelled' }, null);
    else this.#turn();
  }

  /** An order goes on at its provider. */
  #proceed(order: string): void {
    if (this.taken.get(order) === 'PROCESSING') this.taken.set(order, this.#random() < 0.6 ? 'COMPLETED' : 'FAILED');
  }

  /** A provider tells of an order by itself. */
  #tell(order: string): void {
    const attempt = this.payout.attempts.find(({ orderNumber }) => orderNumber === order);
    if (attempt) this.#bring({ kind: 'reported', attempt: attempt.number, report: this.#reportOn(order, null) }, null);
  }

  /** A worker's turn, under a lease of its own. */
  #turn(): void {
    this.#fence += 1;
    const lease = { owner: 'worker', fence: this.#fence, until: this.#now() };
    this.payout = freeze({ ...this.payout, lease, version: this.payout.version + 1 });
    const provider = PROVIDERS.find(({ id }) => id === this.payout.provider);
    const step = nextStep(this.payout, provider, this.#now(), null);
    const by = this.#fence;
    if (step.kind === 'tell') this.#bring(step.news, by);
    else if (step.kind === 'look') this.#look(step, provider, by);
    else if (step.kind === 'send') this.#send(step, by);
    else assert.fail(`nobody asked for a ${step.kind}`);
  }

  #look({ attempt: { number, orderNumber } }: Step & { kind: 'look' }, provider: Provider | undefined, by: number) {
    const askedAt = this.#now();
    const found = { kind: 'found', report: this.#reportOn(orderNumber, askedAt) } as const;
    const deaf = { kind: 'unavailable', retryAfterMs: null, cause: 'down' } as const;
    const seen = this.taken.has(orderNumber) ? found : ({ kind: 'absent' } as const);
    const outcome = this.#random() < 0.2 ? deaf : seen;
    const absence = provider?.absenceRule('default') ?? null;
    this.#bring({ kind: 'looked', attempt: number, askedAt, outcome, absence }, by);
  }

  #send({ send, attempt: known, account }: Step & { kind: 'send' }, by: number): void {
    if (known === null && this.#random() < 0.15) return void this.#bring({ kind: 'refused', failure: refusal }, by);
    const attempt = known ?? this.#fresh(account);
    const others = this.payout.attempts.filter(({ number }) => number !== attempt.number);
    if (!this.#bring({ kind: 'begun', send, attempt, request: null }, by)) return;
    for (const other of others) {
      const dead = isAccountedFor(other) && other.report === null && !other.doubted;
      assert.ok(dead, `${attempt.orderNumber} is sent although ${other.orderNumber} may be taken`);
    }
    const sends = this.payout.attempts.find(({ number }) => number === attempt.number)?.sends ?? [];
    const outcome = this.#perform(attempt, send);
    const news: News = { kind: 'ended', attempt: attempt.number, send: sends.at(-1)?.number ?? 0, outcome };
    // A worker that dies, or is slow, says nothing now; and perhaps something later.
    if (this.#random() < 0.15) this.late.push(news);
    else this.#bring(news, by);
  }

  #fresh({ name, fingerprint }: Account): NewAttempt {
    const number = this.payout.attempts.length + 1;
    const orderNumber = `ORDER${number}`;
    return { number, provider: this.payout.provider, account: name, fingerprint, orderNumber, bodyDigest: 'b1' };
  }

  /** What comes of a send at the provider, and what we hear of it. */
  #perform({ orderNumber, provider }: NewAttempt, send: string): SendOutcome {
    const dice = this.#random();
    const accepted = (): SendOutcome => ({ kind: 'accepted', report: this.#reportOn(orderNumber, this.#now()) });
    if (this.taken.has(orderNumber)) {
      if (dice < 0.3) return unknown;
      // A repeat may be refused although the first was taken.
      if (dice < 0.5) return send === 'REPEAT' ? rejected : unknown;
      return provider === 'ALPHA' ? accepted() : exists;
    }
    if (dice < 0.3) return rejectedBy(this, orderNumber, this.#lying && this.#random() < 0.5);
    if (dice < 0.5) return notTaken;
    if (dice < 0.6) return unknown;
    this.taken.set(orderNumber, this.#random() < 0.15 ? 'FAILED' : 'PROCESSING');
    return this.#random() < 0.35 ? unknown : accepted();
  }

  #reportOn(order: string, askedAt: Date | null): StatusReport {
    const state = this.taken.get(order) ?? 'PROCESSING';
    const moved = { PROCESSING: 'UNKNOWN', COMPLETED: 'YES', FAILED: 'NO' } as const;
    return reportOf({ askedAt, state, providerReference: `ref-${order}`, moneyMoved: moved[state] });
  }

  /** Applies news, and holds what is true of all of it. */
  #bring(news: News, fence: number | null): boolean {
    const source: Source = { source: 'SUBMIT', actor: 'worker', fence };
    const before = this.payout;
    const applied: Applied | null = apply(before, news, source, this.#now());
    assert.deepEqual(apply(before, news, source, this.#now()), applied, 'the same news comes to the same');
    if (applied === null) return false;
    const { payout: after } = applied;
    const legal = [before.state, ...TRANSITIONS[before.state], ...(BY_EVIDENCE[before.state] ?? [])];
    assert.ok(legal.includes(after.state), `${before.state} to ${after.state} by ${news.kind}`);
    assert.equal(after.sequence, before.sequence + (applied.event === null ? 0 : 1));
    this.payout = freeze(after);
    return true;
  }

  #now(): Date {
    return afterNoon(this.#seconds * 1000);
  }
}

/** A refusal; where it is a lie, the order is there all the same. */
function rejectedBy({ taken }: Life, orderNumber: string, lie: boolean): SendOutcome {
  if (lie) taken.set(orderNumber, 'PROCESSING');
  return rejected;
}

/** Nobody may change it any more. */
function freeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  for (const part of Object.values(value)) freeze(part);
  return Object.freeze(value);
}

const SEEDS = Array.from({ length: 1000 }, (_, at) => at + 1);
const STEPS = 60;

describe('a payout that may fail over, whatever news comes in whatever order', () => {
  it('is with one provider at most, and never says of what was taken that it was not', () => {
    const seen = { failedOver: 0, doubted: 0, ends: new Set<string>() };
    for (const seed of SEEDS) {
      const life = new Life(seed, false);
      for (let at = 0; at < STEPS; at += 1) {
        life.step();
        const { payout, taken } = life;
        const alive = [...taken.values()].filter((state) => state !== 'FAILED');
        const where = `seed ${seed}, step ${at}: ${payout.state}`;
        assert.ok(taken.size <= 1, `${where}: ${[...taken.keys()]} are all taken`);
        if (alive.length > 0) assert.notEqual(moneyMoved(payout), 'NO', where);
        if (alive.length > 0) assert.ok(payout.state !== 'FAILED' && payout.state !== 'CANCELLED', where);
        if (payout.state === 'COMPLETED') assert.deepEqual(alive, ['COMPLETED'], where);
        assert.deepEqual(alarms(payout), [], where);
      }
      if (new Set(life.payout.attempts.map(({ provider }) => provider)).size > 1) seen.failedOver += 1;
      if (life.payout.attempts.some(({ doubted }) => doubted)) seen.doubted += 1;
      seen.ends.add(life.payout.state);
    }
    assert.ok(seen.failedOver > SEEDS.length / 10, `${seen.failedOver} failed over`);
    assert.ok(seen.doubted > SEEDS.length / 10, `${seen.doubted} were in doubt`);
    for (const end of ['COMPLETED', 'FAILED', 'CANCELLED', 'IN_DOUBT']) assert.ok(seen.ends.has(end), end);
  });

  it('is an alarm where a provider has what it refused, and says that money moved as soon as that is known', () => {
    let late = 0;
    let twice = 0;
    for (const seed of SEEDS) {
      const life = new Life(seed, true);
      for (let at = 0; at < STEPS; at += 1) {
        life.step();
        const { payout } = life;
        const found = payout.attempts.filter(({ report }) => report !== null && report.state !== 'FAILED');
        const paid = payout.attempts.filter(({ report }) => report?.moneyMoved === 'YES');
        const where = `seed ${seed}, step ${at}: ${payout.state}`;
        if (paid.length > 0) assert.equal(moneyMoved(payout), 'YES', where);
        if (paid.length > 0) assert.equal(payout.state, 'COMPLETED', where);
        if (found.length > 1) assert.ok(alarms(payout).includes('LATE_EVIDENCE'), where);
        if (paid.length > 1) assert.ok(alarms(payout).includes('PAID_TWICE'), where);
        late += found.length > 1 ? 1 : 0;
        twice += paid.length > 1 ? 1 : 0;
      }
    }
    assert.ok(late > 0 && twice > 0, `${late} were found late, ${twice} paid twice`);
  });

  it('comes to an end, or waits for a person with the reason', () => {
    for (const seed of SEEDS.slice(0, 500)) {
      const life = new Life(seed, false);
      for (let at = 0; at < 400; at += 1) life.step();
      const { payout, taken } = life;
      const open = !isFinal(payout.state) && payout.attention.length === 0;
      const absent = payout.provider === 'BETA' && taken.size === 0;
      assert.ok(!open || absent || payout.state === 'IN_DOUBT', `seed ${seed}: ${payout.state}`);
      if (payout.state === 'IN_DOUBT') assert.ok(payout.provider !== 'BETA' || taken.size > 0, `seed ${seed}`);
    }
  });
});

describe('what comes when the payout has gone to another candidate', () => {
  const [ALPHA, BETA] = IDS as [ProviderId, ProviderId];
  const lease = { owner: 'worker-2', fence: 2, until: afterNoon(60_000) };
  const over = { outcome: 'REJECTED', endedAt: NOON } as const;
  const gone = samplePayout({
    ...{ route: ROUTE, failover: true, provider: BETA, lease },
    attempts: [sampleAttempt({ provider: ALPHA, sends: [sampleSend(over)] })],
  });
  const by = (fence: number): Source => ({ source: 'SUBMIT', actor: 'worker', fence });
  const attemptAt = (provider: ProviderId, number: number): NewAttempt => {
    const { account, fingerprint, bodyDigest } = sampleAttempt();
    return { number, provider, account, fingerprint, bodyDigest, orderNumber: `ORDER${number}` };
  };

  it('is no refusal where it is of a worker whose lease is over: it may be about the one before', () => {
    assert.equal(apply(gone, { kind: 'refused', failure: refusal }, by(1), NOON), null);
    const next = apply(gone, { kind: 'refused', failure: refusal }, by(2), NOON);
    assert.deepEqual([next?.payout.state, next?.payout.provider], ['QUEUED', 'GAMMA']);
  });

  it('is not parked by a worker whose lease is over: its batch may go on since', () => {
    assert.equal(apply(gone, { kind: 'parked' }, by(1), NOON), null);
    assert.equal(apply(gone, { kind: 'parked' }, by(2), NOON)?.payout.parked, true);
  });

  it('begins no send at the one before, nor of the attempt there', () => {
    for (const attempt of [attemptAt(ALPHA, 2), ...gone.attempts]) {
      assert.equal(apply(gone, { kind: 'begun', send: 'SUBMIT', attempt, request: null }, by(2), NOON), null);
    }
    const begun: News = { kind: 'begun', send: 'SUBMIT', attempt: attemptAt(BETA, 2), request: null };
    assert.equal(apply(gone, begun, by(2), NOON)?.payout.state, 'SUBMITTING');
  });

  it('is sent in a new attempt, even where the account there has the fingerprint of the one before', () => {
    const unsent = sampleAttempt({ provider: ALPHA, sends: [sampleSend({ ...over, outcome: 'NOT_TAKEN' })] });
    const refused = sampleAttempt({ number: 2, provider: BETA, sends: [sampleSend(over)] });
    for (const attempts of [[unsent], [unsent, refused]]) {
      const step = nextStep({ ...gone, attempts }, PROVIDERS[1], NOON);
      assert.ok(step.kind === 'send' && step.send === 'SUBMIT');
      assert.equal(step.attempt, null);
    }
  });

  it('sends it no further where the one before has it after all', () => {
    const begun: News = { kind: 'begun', send: 'SUBMIT', attempt: attemptAt(BETA, 2), request: null };
    const sending = apply(gone, begun, by(2), NOON)?.payout;
    assert.ok(sending);
    const report = reportOf({ state: 'PROCESSING', providerReference: 'ref-1' });
    const found = apply(sending, { kind: 'reported', attempt: 1, report }, by(2), NOON)?.payout;
    assert.ok(found);
    const ended = apply(found, { kind: 'ended', attempt: 2, send: 1, outcome: notTaken }, by(2), NOON);
    assert.deepEqual([ended?.payout.provider, ended?.payout.state], ['ALPHA', 'PROCESSING']);
    assert.doesNotMatch(ended?.event?.note ?? '', /it goes to/);
  });
});

/** What tells of money at two places. */
function alarms({ attention }: Payout): string[] {
  return attention.map(({ reason }) => reason).filter((one) => one === 'PAID_TWICE' || one === 'LATE_EVIDENCE');
}

describe('a payout that was in doubt until its provider said that it has nothing', () => {
  const lease = { owner: 'worker-1', fence: 1, until: afterNoon(60_000) };
  const sends = [sampleSend({ outcome: 'NOT_TAKEN', endedAt: NOON })];
  const attempt = sampleAttempt({ doubted: true, sends });
  const waiting = samplePayout({ route: ROUTE, failover: true, lease, attempts: [attempt] });

  it('is sent again under its own number', () => {
    const step = nextStep(waiting, PROVIDERS[0], NOON);
    assert.ok(step.kind === 'send' && step.attempt?.orderNumber === attempt.orderNumber);
  });

  it('is not sent under another one to an account that has taken the place of its own', () => {
    const accounts: readonly Account[] = [{ name: 'default', fingerprint: 'project-2', enabled: true }];
    const step = nextStep(waiting, plainProvider('ALPHA', { accounts }), NOON);
    assert.ok(step.kind === 'tell' && step.news.kind === 'flagged' && step.news.reason === 'ACCOUNT_CHANGED');
    const fresh = { ...attempt, number: 2, fingerprint: 'project-2', orderNumber: 'ORDER2' };
    const begun: News = { kind: 'begun', send: 'SUBMIT', attempt: fresh, request: null };
    const by: Source = { source: 'SUBMIT', actor: 'worker-1', fence: 1 };
    assert.equal(apply(waiting, begun, by, NOON), null);
  });
});
