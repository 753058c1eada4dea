import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { failureOf, moneyMoved } from '../src/domain/attempt.ts';
import { type Decimal, parseDecimal } from '../src/domain/money.ts';
import type { Payout, PayoutFailureCode } from '../src/domain/payout.ts';
import { requestOf } from '../src/domain/price.ts';
import type { NotTakenReason, Price, Provider, ProviderId, Route, SendOutcome } from '../src/domain/provider.ts';
import type { QuotedPrice, RouteDecision, RouteVerdict } from '../src/domain/route.ts';
import type { Market, QuoteAnswer } from '../src/market.ts';
import type { CreateInput } from '../src/payouts.ts';
import type { WorkerDeps } from '../src/worker.ts';
import { NOON, orderOf } from './support/payouts.ts';
import { createDesk, type Desk, LEASE_MS, openWriteSide, reportOf, type WriteSide } from './support/write-side.ts';

// Failing over through payouts and a worker on a real store; `failover-news.test.ts` holds what any order of news comes to.

const IDS = ['ALPHA', 'BETA', 'GAMMA'] as ProviderId[] as [ProviderId, ProviderId, ProviderId];

/** ALPHA is chosen; BETA and then GAMMA would follow, unless told otherwise. */
function decisionOf(verdicts: readonly RouteVerdict[] = ['CHOSEN', 'ELIGIBLE', 'ELIGIBLE']): RouteDecision {
  const candidates = verdicts.map((verdict, at) => ({
    provider: IDS[at] ?? IDS[0],
    account: 'default',
    verdict,
    reason: 'as the test says',
    quote: null,
  }));
  return { at: NOON, policy: 'CHEAPEST', candidates };
}

function refusalFor(code: PayoutFailureCode): SendOutcome & { kind: 'rejected' } {
  return {
    kind: 'rejected',
    failure: { code, message: `not this: ${code}`, vendorCode: '7', vendorMessage: null, retryable: false },
  };
}
function notTakenFor(reason: NotTakenReason): SendOutcome {
  return { kind: 'notTaken', reason, retryAfterMs: null, vendorCode: null, cause: `not now: ${reason}` };
}
const refusal = refusalFor('PROVIDER_REFUSED');
const neverLeft = notTakenFor('NEVER_LEFT');
const unknown: SendOutcome = { kind: 'unknown', vendorCode: null, cause: 'the line went dead' };
const exists: SendOutcome = { kind: 'exists', vendorCode: '10100', cause: 'duplicate' };

/** A provider that takes no new payouts. */
const OFF: Partial<Provider> = { accounts: [{ name: 'default', fingerprint: 'project-1', enabled: false }] };
/** A provider that pays at once what it takes. */
const PAID = { state: 'COMPLETED', vendorStatus: 'paid', moneyMoved: 'YES' } as const;
/** A provider that has it and says no more. */
const UNDER_WAY = { state: 'PROCESSING', vendorStatus: 'pending', moneyMoved: 'UNKNOWN' } as const;
/** Absence is proven by one look. */
const TELLS_ABSENCE: Partial<Provider> = { absenceRule: () => ({ looks: 1, apartMs: 0, afterMs: 0 }) };

function decimal(text: string): Decimal {
  const value = parseDecimal(text);
  assert.ok(value);
  return value;
}

/** What 10 USDT cost, and what arrives of them. */
function priceOf(debit: string, receive = '10'): QuotedPrice {
  return {
    debit: { amount: decimal(debit), currency: 'USDT' },
    receive: { amount: decimal(receive), currency: 'USDT' },
    ...{ fees: [], rate: null, firmness: 'INDICATIVE', expiresAt: NOON },
  };
}

/** Three desks, of which the route has ALPHA first. */
interface Scene extends WriteSide {
  readonly desks: readonly [Desk, Desk, Desk];
  /** Who was sent something, in order, by their names. */
  sent(): string[];
  /** What the market names as the price at each provider; missing: none. */
  readonly prices: Map<ProviderId, string | QuoteAnswer['kind']>;
  /** Who was asked for a price, in order. */
  readonly asked: ProviderId[];
  /** Starts a worker that serves all three. */
  work(parts?: Partial<WorkerDeps>): void;
  /** A payout that may fail over. */
  ask(changes?: Partial<CreateInput>): Promise<Payout>;
}

let scene: Scene | null = null;
afterEach(async () => {
  await scene?.close();
  scene = null;
});

/** There is nobody behind the second. */
const TWO = decisionOf(['CHOSEN', 'ELIGIBLE', 'UNSUPPORTED']);

interface SceneOptions {
  readonly route?: RouteDecision | null;
  /** What differs of each provider. */
  readonly providers?: readonly Partial<Provider>[];
  /** What the quote said; null: there is none. */
  readonly quoted?: QuotedPrice;
}

async function open({ route = decisionOf(), providers = [], quoted }: SceneOptions = {}): Promise<Scene> {
  const chosen: Route = { kind: 'chosen', provider: IDS[0], account: 'default', decision: route };
  const [provider, account] = [IDS[0], 'default'];
  const request = requestOf(orderOf('10'));
  let desks: Scene['desks'] | null = null;
  const side = await openWriteSide(
    (clock) => {
      const desk = (at: 0 | 1 | 2): Desk => createDesk(clock, { id: IDS[at], name: IDS[at], ...providers[at] });
      desks = [desk(0), desk(1), desk(2)];
      return desks.map((one) => one.provider);
    },
    {
      route: async () => chosen,
      quotes: {
        // It lasts longer than any test.
        read: () =>
          quoted === undefined
            ? null
            : { provider, account, request, price: { ...quoted, expiresAt: new Date(8_640_000_000_000_000) } },
      },
    },
  );
  assert.ok(desks);
  const all: Scene['desks'] = desks;
  for (const desk of all) desk.shows = PAID;
  const prices: Scene['prices'] = new Map();
  const asked: ProviderId[] = [];
  const market: Pick<Market, 'quote'> = {
    async quote(id) {
      asked.push(id);
      const said = prices.get(id);
      const at = { provider: id, account: 'default' };
      if (said === undefined) return { ...at, kind: 'unsupported', reason: 'it names no price' };
      if (said === 'rejected') return { ...at, kind: 'rejected', vendorCode: '422', vendorMessage: 'too small' };
      if (said === 'unavailable') return { ...at, kind: 'unavailable', retryAt: null, cause: 'down' };
      return { ...at, kind: 'known', quote: priceOf(said) };
    },
  };
  scene = {
    ...side,
    desks: all,
    sent: () => all.flatMap(({ provider: { id }, calls }) => calls.filter((one) => one === 'submit').map(() => id)),
    prices,
    asked,
    work: (parts = {}) =>
      void side.startWorker(all[0].provider, { providers: all.map((one) => one.provider), market, ...parts }),
    ask: (changes = {}) => side.create({ failover: true, ...changes }),
  };
  return scene;
}

const reasonsOf = (payout: Payout): string[] => payout.attention.map((one) => one.reason);

describe('a payout that nobody took', () => {
  it('goes to the next candidate under a new order number when it is refused at once, and says why and where', async () => {
    const { desks, ask, work, pass, read, events, sent } = await open();
    desks[0].answer('submit', refusal);
    work();
    const payout = await ask();
    await pass(3000);
    const now = await read(payout);
    assert.deepEqual([now.state, now.provider, moneyMoved(now)], ['COMPLETED', 'BETA', 'YES']);
    assert.deepEqual(sent(), ['ALPHA', 'BETA']);
    assert.deepEqual(
      now.attempts.map(({ number, provider }) => [number, provider]),
      [
        [1, 'ALPHA'],
        [2, 'BETA'],
      ],
    );
    assert.notEqual(now.attempts[0]?.orderNumber, now.attempts[1]?.orderNumber);
    const told = (await events(payout)).map(({ state, provider, note }) => ({ state, provider, note }));
    assert.deepEqual(
      told.map(({ state }) => state),
      ['QUEUED', 'SUBMITTING', 'QUEUED', 'SUBMITTING', 'COMPLETED'],
    );
    assert.deepEqual(told[2]?.provider, 'BETA');
    assert.match(told[2]?.note ?? '', /refused: not this: PROVIDER_REFUSED; it goes to BETA/);
    assert.deepEqual(reasonsOf(now), []);
  });

  for (const reason of ['NEVER_LEFT', 'CREDENTIALS', 'MAINTENANCE', 'HOURS', 'RATE_LIMITED'] as const) {
    it(`goes to the next candidate at once where it was not taken: ${reason}`, async () => {
      const { desks, ask, work, pass, read, sent, events } = await open();
      desks[0].answer('submit', notTakenFor(reason));
      work();
      const payout = await ask();
      await pass(3000);
      assert.equal((await read(payout)).state, 'COMPLETED');
      assert.deepEqual(sent(), ['ALPHA', 'BETA']);
      assert.match((await events(payout))[2]?.note ?? '', new RegExp(`not now: ${reason}; it goes to BETA`));
    });
  }

  it('goes to the next candidate without an attempt where no body can be made for the first', async () => {
    const cannot: Partial<Provider> = { prepare: async () => ({ kind: 'refused', failure: refusal.failure }) };
    const { ask, work, pass, read, sent } = await open({ providers: [cannot] });
    work();
    const payout = await ask();
    await pass(3000);
    const now = await read(payout);
    assert.deepEqual([now.state, sent(), now.attempts.length], ['COMPLETED', ['BETA'], 1]);
  });

  it('is FAILED by the last refusal once everybody has refused it, each asked once', async () => {
    const { desks, ask, work, pass, read, sent } = await open();
    desks[0].answer('submit', refusal);
    desks[1].answer('submit', neverLeft);
    desks[2].answer('submit', refusalFor('INVALID_DESTINATION'));
    work();
    const payout = await ask();
    await pass(5000);
    const now = await read(payout);
    assert.deepEqual([now.state, moneyMoved(now), failureOf(now)?.code], ['FAILED', 'NO', 'INVALID_DESTINATION']);
    assert.deepEqual(sent(), ['ALPHA', 'BETA', 'GAMMA']);
    assert.equal(now.nextCheckAt, null);
  });

  it('waits at the last candidate, under its number there, while that cannot be reached', async () => {
    const { desks, ask, work, pass, read, sent } = await open({ route: decisionOf(['CHOSEN', 'ELIGIBLE']) });
    desks[0].answer('submit', refusal);
    desks[1].answer('submit', neverLeft, neverLeft);
    work();
    const payout = await ask();
    await pass(30_000);
    const now = await read(payout);
    assert.deepEqual([now.state, sent()], ['COMPLETED', ['ALPHA', 'BETA', 'BETA', 'BETA']]);
    assert.equal(now.attempts.length, 2);
  });

  it('passes by candidates that were not eligible', async () => {
    const { desks, ask, work, pass, read, sent } = await open({
      route: decisionOf(['CHOSEN', 'INSUFFICIENT_BALANCE', 'ELIGIBLE']),
    });
    desks[0].answer('submit', refusal);
    work();
    const payout = await ask();
    await pass(3000);
    assert.deepEqual([(await read(payout)).state, sent()], ['COMPLETED', ['ALPHA', 'GAMMA']]);
  });

  it('passes by a candidate that was switched off, or is not configured any more', async () => {
    const gone: Partial<Provider> = { accounts: [] };
    for (const changes of [OFF, gone] as const) {
      const { ask, work, pass, read, sent, close } = await open({ providers: [changes, changes] });
      work();
      const payout = await ask();
      await pass(3000);
      const now = await read(payout);
      assert.deepEqual([now.state, sent(), now.attempts[0]?.number], ['COMPLETED', ['GAMMA'], 1]);
      await close();
      scene = null;
    }
  });

  it('can be cancelled while it waits for the next candidate', async () => {
    const { desks, ask, work, pass, read, payouts, sent } = await open({ route: TWO, providers: [{}, OFF] });
    desks[0].answer('submit', refusal);
    work();
    const payout = await ask();
    await pass(3000);
    const waiting = await read(payout);
    assert.deepEqual([waiting.state, waiting.provider, moneyMoved(waiting)], ['QUEUED', 'BETA', 'NO']);
    await payouts.act(payout.merchantId, { source: 'API', actor: 'ak_test' }, payout.id, { action: 'CANCEL' });
    await pass(10_000);
    assert.deepEqual([(await read(payout)).state, sent()], ['CANCELLED', ['ALPHA']]);
  });
});

describe('a payout stays where it is', () => {
  for (const code of ['COMPLIANCE', 'DUPLICATE_AT_PROVIDER'] as const) {
    it(`when it is refused for ${code}`, async () => {
      const { desks, ask, work, pass, read, sent } = await open();
      desks[0].answer('submit', refusalFor(code));
      work();
      const payout = await ask();
      await pass(3000);
      const now = await read(payout);
      assert.deepEqual([now.state, failureOf(now)?.code, sent()], ['FAILED', code, ['ALPHA']]);
    });
  }

  it('where the caller did not allow it, or nobody else was considered', async () => {
    const { desks, ask, work, pass, read, sent } = await open();
    desks[0].answer('submit', refusal);
    work();
    const payout = await ask({ failover: false });
    await pass(3000);
    assert.deepEqual([(await read(payout)).state, sent()], ['FAILED', ['ALPHA']]);
    await scene?.close();
    const alone = await open({ route: null });
    alone.desks[0].answer('submit', refusal);
    alone.work();
    const named = await alone.ask();
    await alone.pass(3000);
    assert.deepEqual([(await alone.read(named)).state, alone.sent()], ['FAILED', ['ALPHA']]);
  });

  for (const [how, first] of [
    ['at once', []],
    ['after one that never left', [neverLeft]],
  ] as const) {
    it(`when it was accepted ${how}, and failed later`, async () => {
      const { desks, ask, work, pass, read, sent } = await open();
      const taker = desks[first.length === 0 ? 0 : 1];
      desks[0].answer('submit', ...first);
      taker.shows = UNDER_WAY;
      work();
      const payout = await ask();
      await pass(3000);
      const before = sent();
      assert.equal((await read(payout)).state, 'PROCESSING');
      taker.shows = { state: 'FAILED', vendorStatus: 'rejected', moneyMoved: 'NO' };
      await pass(60_000);
      const now = await read(payout);
      assert.deepEqual([now.state, reasonsOf(now), sent()], ['FAILED', [], before]);
    });
  }

  it('when the answer to the create itself is an order that has failed', async () => {
    const { desks, ask, work, pass, read, sent } = await open();
    desks[0].answer('submit', neverLeft);
    desks[1].shows = { state: 'FAILED', vendorStatus: 'rejected', moneyMoved: 'NO' };
    work();
    const payout = await ask();
    await pass(60_000);
    assert.deepEqual([(await read(payout)).state, sent()], ['FAILED', ['ALPHA', 'BETA']]);
  });

  for (const [what, doubt] of [
    ['in doubt', unknown],
    ['said to be there', exists],
  ] as const) {
    it(`once it was ${what}, and while it is`, async () => {
      const { desks, ask, work, pass, read, sent } = await open();
      desks[0].answer('submit', doubt);
      desks[0].shows = null;
      work();
      const payout = await ask();
      await pass(3_600_000, undefined, 60_000);
      assert.deepEqual([(await read(payout)).state, sent()], ['IN_DOUBT', ['ALPHA']]);
    });
  }

  for (const [what, after] of [
    ['refused', refusal],
    ['not taken', neverLeft],
  ] as const) {
    it(`once it was in doubt, though that was disproved and it is then ${what}`, async () => {
      const { desks, ask, work, pass, read, sent } = await open({ providers: [TELLS_ABSENCE] });
      desks[0].answer('submit', unknown, after);
      desks[0].shows = null;
      work();
      const payout = await ask();
      await pass(8000);
      assert.deepEqual(new Set(sent()), new Set(['ALPHA']));
      const now = await read(payout);
      assert.equal(now.provider, 'ALPHA');
      assert.equal(now.attempts.length, 1);
      if (after === refusal) assert.equal(now.state, 'FAILED');
      assert.equal(desks[1].calls.length + desks[2].calls.length, 0);
    });
  }

  it('once a worker went away in the middle of its send, whatever that tells in the end', async () => {
    const { desks, ask, work, pass, read, createDoor, workers, sent } = await open();
    const door = createDoor();
    desks[0].answer('submit', async () => {
      await door.pass();
      return refusal;
    });
    desks[0].shows = null;
    const payout = await ask();
    work();
    await door.reached;
    work();
    const [, second] = workers;
    assert.ok(second);
    await pass(LEASE_MS + 5000, [second]);
    assert.equal((await read(payout)).state, 'IN_DOUBT');
    door.open();
    await pass(5000);
    const now = await read(payout);
    assert.deepEqual([now.state, sent()], ['FAILED', ['ALPHA']]);
  });
});

describe('word of a provider that had refused, after failing over', () => {
  const told = (attempt: number, changes: Parameters<typeof reportOf>[0]) =>
    ({ kind: 'reported', attempt, report: reportOf(changes) }) as const;
  const WEBHOOK = { source: 'WEBHOOK', actor: 'alpha', fence: null } as const;

  it('is an alarm, of two payments where both paid, and says that money moved', async () => {
    const { desks, ask, work, pass, read, payouts } = await open();
    desks[0].answer('submit', refusal);
    work();
    const payout = await ask();
    await pass(3000);
    await payouts.settle(await read(payout), told(1, { ...PAID, providerReference: 'ref-9' }), WEBHOOK);
    const now = await read(payout);
    assert.deepEqual([now.state, moneyMoved(now)], ['COMPLETED', 'YES']);
    assert.deepEqual(reasonsOf(now), ['LATE_EVIDENCE', 'PAID_TWICE']);
  });

  it('brings the payout back to it before the next candidate was sent anything, and nothing is sent there then', async () => {
    const { desks, ask, work, pass, read, payouts, sent } = await open({ route: TWO, providers: [{}, OFF] });
    desks[0].answer('submit', refusal);
    work();
    const payout = await ask();
    await pass(3000);
    await payouts.settle(await read(payout), told(1, { ...UNDER_WAY, providerReference: 'ref-1' }), WEBHOOK);
    const back = await read(payout);
    assert.deepEqual([back.state, back.provider, reasonsOf(back)], ['PROCESSING', 'ALPHA', ['LATE_EVIDENCE']]);
    assert.equal(moneyMoved(back), 'UNKNOWN');
    await pass(60_000);
    const now = await read(payout);
    assert.deepEqual([now.state, moneyMoved(now), sent()], ['COMPLETED', 'YES', ['ALPHA']]);
    assert.ok(desks[0].calls.includes('lookup'), 'the provider that has it is asked');
  });

  it('stops what waits at the next candidate, which is not sent even where the first then fails', async () => {
    const { desks, ask, work, pass, read, payouts, sent } = await open({ route: decisionOf(['CHOSEN', 'ELIGIBLE']) });
    desks[0].answer('submit', refusal);
    desks[0].shows = UNDER_WAY;
    desks[1].answer('submit', neverLeft);
    work();
    const payout = await ask();
    await pass(3000);
    assert.deepEqual(sent(), ['ALPHA', 'BETA']);
    await payouts.settle(await read(payout), told(1, { ...UNDER_WAY, providerReference: 'ref-1' }), WEBHOOK);
    await pass(10_000);
    desks[0].shows = { state: 'FAILED', vendorStatus: 'rejected', moneyMoved: 'NO' };
    await pass(120_000);
    const now = await read(payout);
    assert.deepEqual([now.state, moneyMoved(now), sent()], ['FAILED', 'NO', ['ALPHA', 'BETA']]);
  });

  it('is raised while the next one is being sent, of which nothing is confirmed by itself any more', async () => {
    const { desks, ask, work, pass, read, payouts, createDoor } = await open();
    const door = createDoor();
    desks[0].answer('submit', refusal);
    desks[1].shows = {
      state: 'AWAITING_CONFIRMATION',
      vendorStatus: 'awaiting',
      moneyMoved: 'NO',
      allows: ['CONFIRM'],
    };
    desks[1].answer('submit', async () => {
      await door.pass();
      return unknown;
    });
    const payout = await ask();
    work();
    await door.reached;
    await payouts.settle(await read(payout), told(1, { ...UNDER_WAY, providerReference: 'ref-1' }), WEBHOOK);
    const both = await read(payout);
    assert.deepEqual([both.state, reasonsOf(both), both.autoConfirm], ['PROCESSING', ['LATE_EVIDENCE'], false]);
    desks[0].shows = { state: 'FAILED', vendorStatus: 'rejected', moneyMoved: 'NO' };
    door.open();
    await pass(600_000, undefined, 5000);
    assert.ok(!desks[1].calls.includes('confirm'), 'a person confirms it, or nobody');
    assert.equal((await read(payout)).state, 'AWAITING_CONFIRMATION');
  });
});

describe('a payout that is held to a price', () => {
  const HELD = { quoteId: 'qt_1' } as const;

  it('is sent where it costs no more than that, and the price is asked for before the first byte', async () => {
    const { ask, work, pass, read, prices, asked, sent } = await open({ quoted: priceOf('10.5') });
    prices.set(IDS[0], '10.50');
    work();
    const payout = await ask(HELD);
    await pass(3000);
    assert.deepEqual([(await read(payout)).state, asked, sent()], ['COMPLETED', ['ALPHA'], ['ALPHA']]);
  });

  it('is not sent where it costs more: it goes to a candidate where it does not', async () => {
    const { ask, work, pass, read, prices, sent, events } = await open({ quoted: priceOf('10.5') });
    for (const [at, price] of ['10.51', '11', '10.4'].entries()) prices.set(IDS[at] ?? IDS[0], price);
    work();
    const payout = await ask(HELD);
    await pass(3000);
    const now = await read(payout);
    assert.deepEqual([now.state, now.provider, sent()], ['COMPLETED', 'GAMMA', ['GAMMA']]);
    assert.match(
      (await events(payout))[1]?.note ?? '',
      /it would now debit 10\.51 USDT; 10\.5 was quoted; it goes to BETA/,
    );
  });

  it('fails with PRICE_CHANGED where nobody pays it for that, and nothing was sent', async () => {
    const { ask, work, pass, read, prices, sent } = await open({ quoted: priceOf('10.5') });
    for (const id of IDS) prices.set(id, '10.6');
    work();
    const payout = await ask({ ...HELD, failover: false });
    await pass(3000);
    const now = await read(payout);
    assert.deepEqual([now.state, failureOf(now)?.code, moneyMoved(now)], ['FAILED', 'PRICE_CHANGED', 'NO']);
    assert.deepEqual([sent(), now.attempts], [[], []]);
  });

  it('may cost as much more as is tolerated, and not a unit more', async () => {
    const { ask, work, pass, read, prices } = await open({ quoted: priceOf('10') });
    prices.set(IDS[0], '10.1');
    work();
    const tolerant = { ...HELD, priceTolerance: decimal('0.01'), failover: false };
    const within = await ask(tolerant);
    await pass(3000);
    assert.equal((await read(within)).state, 'COMPLETED');
    prices.set(IDS[0], '10.100000000000000001');
    const beyond = await ask({ ...tolerant, reference: 'order-2' });
    await pass(3000);
    assert.equal((await read(beyond)).state, 'FAILED');
  });

  it('waits while nobody can say what it would cost, and is sent once somebody does', async () => {
    const { ask, work, pass, read, prices, sent } = await open({ quoted: priceOf('10.5') });
    prices.set(IDS[0], 'unavailable');
    work();
    const payout = await ask(HELD);
    await pass(10_000);
    assert.deepEqual([(await read(payout)).state, (await read(payout)).provider, sent()], ['QUEUED', 'ALPHA', []]);
    prices.set(IDS[0], '10.5');
    await pass(60_000);
    assert.deepEqual([(await read(payout)).state, sent()], ['COMPLETED', ['ALPHA']]);
  });

  it('is refused by a provider that names no price for it any more', async () => {
    const { ask, work, pass, read } = await open({ quoted: priceOf('10.5') });
    work();
    const payout = await ask({ ...HELD, failover: false });
    await pass(3000);
    assert.equal(failureOf(await read(payout))?.code, 'PRICE_CHANGED');
  });

  it('is refused in the words of a provider that refuses to price it, and goes on where somebody else does', async () => {
    const { ask, work, pass, read, prices, sent } = await open({ quoted: priceOf('10.5') });
    for (const [at, price] of ['rejected', '10.5'].entries()) prices.set(IDS[at] ?? IDS[0], price);
    work();
    const moved = await ask(HELD);
    const alone = await ask({ ...HELD, reference: 'order-2', failover: false });
    await pass(5000);
    assert.deepEqual([(await read(moved)).provider, sent()], ['BETA', ['BETA']]);
    const failure = failureOf(await read(alone));
    assert.deepEqual([failure?.code, failure?.vendorCode], ['PROVIDER_REFUSED', '422']);
    assert.match(failure?.message ?? '', /too small/);
  });

  it('is the same payout whether no tolerance is given or none at all', async () => {
    const { ask } = await open({ quoted: priceOf('10.5') });
    const first = await ask(HELD);
    for (const zero of ['0', '0.00']) {
      assert.equal((await ask({ ...HELD, priceTolerance: decimal(zero) })).id, first.id);
    }
  });

  it('is checked by what its body fixes, where it fixes a price', async () => {
    const fixes = (debit: string): Partial<Provider> => {
      const price: Pick<Price, 'debit' | 'receive'> = priceOf(debit);
      return { prepare: async () => ({ kind: 'body', body: 'fixed', price }) };
    };
    const { ask, work, pass, read, asked, sent } = await open({
      quoted: priceOf('10.5'),
      providers: [fixes('10.6'), fixes('10.5')],
    });
    work();
    const payout = await ask(HELD);
    await pass(3000);
    assert.deepEqual([(await read(payout)).state, sent(), asked], ['COMPLETED', ['BETA'], []]);
  });

  it('is checked again where its first send never left, since nothing was paid by then', async () => {
    const { desks, ask, work, pass, read, prices, sent } = await open({ quoted: priceOf('10.5') });
    prices.set(IDS[0], '10.5');
    desks[0].answer('submit', () => {
      prices.set(IDS[0], '10.6');
      return neverLeft;
    });
    work();
    const payout = await ask({ ...HELD, failover: false });
    await pass(10_000);
    const now = await read(payout);
    assert.deepEqual([now.state, failureOf(now)?.code, sent()], ['FAILED', 'PRICE_CHANGED', ['ALPHA']]);
  });

  it('is repeated out of doubt whatever it would cost now: that price may have been paid', async () => {
    const blind: Partial<Provider> = { findsByOrderNumber: 'never', repeatWindowMs: 86_400_000 };
    const { desks, ask, work, pass, read, prices, asked, sent } = await open({
      quoted: priceOf('10.5'),
      providers: [blind],
    });
    prices.set(IDS[0], '10.5');
    desks[0].answer('submit', () => {
      prices.set(IDS[0], '99');
      return unknown;
    });
    work();
    const payout = await ask(HELD);
    await pass(10_000);
    assert.deepEqual([(await read(payout)).state, sent(), asked], ['COMPLETED', ['ALPHA', 'ALPHA'], ['ALPHA']]);
  });

  it('is submitted again at whatever price once its doubt was disproved', async () => {
    const { desks, ask, work, pass, read, prices, asked } = await open({
      quoted: priceOf('10.5'),
      providers: [TELLS_ABSENCE],
    });
    prices.set(IDS[0], '10.5');
    desks[0].answer('submit', () => {
      prices.set(IDS[0], '99');
      desks[0].shows = null;
      return unknown;
    });
    work();
    const payout = await ask(HELD);
    await pass(3000);
    desks[0].shows = PAID;
    await pass(10_000);
    assert.deepEqual([(await read(payout)).state, asked], ['COMPLETED', ['ALPHA']]);
  });
});

describe('a payout that is parked', () => {
  const API = { source: 'API', actor: 'ak_test', fence: null } as const;

  it('is leased by nobody until it is told to go on', async () => {
    const { ask, work, pass, read, payouts, sent } = await open();
    const payout = await ask();
    await payouts.settle(payout, { kind: 'parked' }, API);
    work();
    const parked = await read(payout);
    await pass(3_600_000, undefined, 60_000);
    assert.deepEqual(await read(payout), parked);
    await payouts.settle(parked, { kind: 'hinted' }, API);
    await pass(60_000, undefined, 10_000);
    assert.deepEqual(sent(), []);
    await payouts.settle(await read(payout), { kind: 'unparked' }, API);
    await pass(3000);
    assert.deepEqual([(await read(payout)).state, sent()], ['COMPLETED', ['ALPHA']]);
  });

  it('fails when its time is over, and can be cancelled before', async () => {
    const { clock, ask, work, pass, read, payouts, sent } = await open();
    const sendBefore = new Date(clock.now().getTime() + 60_000);
    const [late, off] = [await ask({ sendBefore }), await ask({ reference: 'order-2', sendBefore })];
    for (const one of [late, off]) await payouts.settle(one, { kind: 'parked' }, API);
    work();
    await payouts.act(off.merchantId, { source: 'API', actor: 'ak_test' }, off.id, { action: 'CANCEL' });
    await pass(58_000);
    assert.deepEqual([(await read(late)).state, (await read(off)).state], ['QUEUED', 'CANCELLED']);
    await pass(5000);
    const over = await read(late);
    assert.deepEqual([over.state, failureOf(over)?.code, sent()], ['FAILED', 'EXPIRED', []]);
  });

  it('that a provider has after all is followed there', async () => {
    const { desks, ask, work, pass, read, payouts } = await open();
    const off = notTakenFor('MAINTENANCE');
    desks[0].answer('submit', off);
    work();
    const payout = await ask({ failover: false });
    await pass(3000);
    await payouts.settle(await read(payout), { kind: 'parked' }, API);
    const report = reportOf({ ...UNDER_WAY, providerReference: 'ref-1' });
    await payouts.settle(await read(payout), { kind: 'reported', attempt: 1, report }, API);
    await pass(60_000);
    assert.equal((await read(payout)).state, 'COMPLETED');
  });
});
