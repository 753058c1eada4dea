import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Order } from '../src/domain/payout.ts';
import type { AssetTerms, Balance, Provider, ProviderId, QuoteRequest, Route } from '../src/domain/provider.ts';
import type { QuotedPrice, RouteVerdict } from '../src/domain/route.ts';
import type { ProviderHealth } from '../src/health.ts';
import type { Silence } from '../src/market.ts';
import { NO_PARTIES } from '../src/payouts.ts';
import type { RouteRequest, RoutingPolicy } from '../src/routing.ts';
import { createManualClock } from './support/clock.ts';
import { afterNoon, decimal, NOON, orderOf } from './support/payouts.ts';
import { NO_MARKET, plainProvider, routerOf } from './support/write-side.ts';

const [ALPHA, BETA, GAMMA] = ['ALPHA', 'BETA', 'GAMMA'] as ProviderId[] as [ProviderId, ProviderId, ProviderId];

/** What is so of one provider; what is left out is as plain as can be. */
interface Situation {
  readonly unsupported?: string;
  readonly off?: true;
  readonly down?: string;
  readonly price?: Partial<Record<'debit' | 'receive', string>> & Partial<Pick<QuotedPrice, 'firmness'>>;
  /** What there is, by currency. */
  readonly holds?: Readonly<Record<string, string>>;
  readonly usualMs?: number;
  /** The nearest amounts that its rate reaches, where it does not reach the one asked for. */
  readonly nearest?: readonly string[];
  /** Why it prices nothing; it could. */
  readonly silence?: Silence;
  /** From how much to how much it pays USDT on TRON, by its own list; null: it lists something else. */
  readonly lists?: readonly [min: string, max: string] | null;
  readonly changes?: Partial<Provider>;
}

interface Scene {
  readonly policy?: RoutingPolicy;
  readonly order?: Order;
  readonly request?: Partial<RouteRequest>;
  readonly minimum?: string;
  /** What is so of a second provider; default: nothing is known. */
  readonly second?: Situation;
}

/** What the router was told, and whom it asked for what. */
async function route(
  situations: Readonly<Partial<Record<string, Situation>>>,
  { policy = { kind: 'CHEAPEST' }, order = orderOf('10'), request = {}, minimum }: Scene = {},
): Promise<{ readonly decided: Route; readonly asked: readonly string[] }> {
  const asked: string[] = [];
  const of = (id: ProviderId): Situation => situations[id] ?? {};
  const providers = Object.keys(situations).map((name) => {
    const id = name as ProviderId;
    const { unsupported, off, nearest, silence, lists, changes } = of(id);
    return plainProvider(id, {
      accounts: [{ name: 'default', fingerprint: id, enabled: off === undefined }],
      supports: () => unsupported ?? true,
      ...(silence && { quote: async () => 'the market stands in for it' }),
      ...(lists !== undefined && { assets: async () => ({ kind: 'known', value: [] }) }),
      ...(nearest && { nearestAmounts: async () => ({ kind: 'known', value: nearest.map(decimal) }) }),
      ...changes,
    });
  });
  const decide = routerOf(providers, createManualClock(NOON), {
    policy,
    minimumBalances: minimum === undefined ? [] : [{ provider: ALPHA, currency: 'USDT', minimum: decimal(minimum) }],
    market: {
      async quote(provider, account, question, fresh) {
        asked.push(`quote ${provider} ${account}`);
        assert.equal(fresh, false);
        const { price, silence } = of(provider);
        if (silence !== undefined) return { provider, account, ...silence };
        if (price === undefined) return NO_MARKET.quote(provider, account, question, fresh);
        return { provider, account, kind: 'known', quote: quoteOf(price, question) };
      },
      async balance(provider, account) {
        asked.push(`balance ${provider} ${account}`);
        const { holds } = of(provider);
        return holds === undefined ? null : Object.entries(holds).map(balanceOf);
      },
    },
    catalogue: {
      assets: async () => [],
      listedAssets: (provider) => listOf(of(provider).lists),
    },
    health: {
      async of(provider) {
        asked.push(`health ${provider}`);
        return healthOf(of(provider).down);
      },
      async usualMs(provider) {
        asked.push(`times ${provider}`);
        return of(provider).usualMs ?? null;
      },
    },
  });
  const plain = { parties: NO_PARTIES, provider: null, account: null, failover: false, priced: false };
  return { decided: await decide({ order, ...plain, ...request }), asked };
}

function listOf(lists: Situation['lists']): readonly AssetTerms[] | null {
  if (lists === undefined) return null;
  const [minAmount, maxAmount] = lists?.map(decimal) ?? [];
  const terms = { minAmount: minAmount ?? null, maxAmount: maxAmount ?? null, fee: null, feeModes: ['ADD'] } as const;
  return [{ ...terms, network: 'TRON', currency: lists === null ? 'BTC' : 'USDT' }];
}

function quoteOf({ debit, receive, firmness }: NonNullable<Situation['price']>, { amount }: QuoteRequest): QuotedPrice {
  const money = (text: string | undefined) => ({
    amount: text === undefined ? amount.amount : decimal(text.split(' ')[0] ?? ''),
    currency: text?.split(' ')[1] ?? amount.currency,
  });
  const price = { debit: money(debit), receive: money(receive), fees: [], rate: null, expiresAt: afterNoon(30_000) };
  return { ...price, firmness: firmness ?? 'INDICATIVE' };
}

const balanceOf = ([currency, available]: readonly [string, string]): Balance => ({
  currency,
  available: decimal(available),
  locked: null,
});

function healthOf(down: string | undefined): ProviderHealth {
  const seen = { lastSuccessAt: NOON, lastFailureAt: null };
  if (down === undefined) return { ...seen, state: 'UP', circuits: [] };
  const open = { kind: 'SUBMIT', state: 'OPEN', since: NOON, reason: down, retryAt: afterNoon(30_000) } as const;
  return { ...seen, state: 'DOWN', circuits: [open] };
}

/** The candidates of a decision, as `PROVIDER VERDICT: reason`. */
function told(decided: Route): string[] {
  assert.ok(decided.kind === 'chosen' && decided.decision !== null, JSON.stringify(decided));
  return decided.decision.candidates.map(({ provider, verdict, reason }) => `${provider} ${verdict}: ${reason}`);
}

function chosenOf(decided: Route): string {
  assert.ok(decided.kind === 'chosen', JSON.stringify(decided));
  return decided.provider;
}

const LIST: RoutingPolicy = { kind: 'LIST', providers: [ALPHA, BETA, GAMMA] };
const DEDUCT = orderOf('10', { feeMode: 'DEDUCT' });

describe('a verdict', () => {
  /** What is so of ALPHA, beside a BETA of which nothing is known, and what is said of ALPHA. */
  const TABLE: readonly (readonly [verdict: RouteVerdict, what: string, situation: Situation, said: RegExp, Scene?])[] =
    [
      ['CHOSEN', 'it is the cheapest', { price: { debit: '11' } }, /the cheapest: debits 11 USDT for 10 USDT/],
      [
        'ELIGIBLE',
        'it could as well, and another comes first',
        {},
        /it can pay this/,
        { policy: { kind: 'LIST', providers: [BETA, ALPHA] } },
      ],
      ['UNSUPPORTED', 'it cannot pay that', { unsupported: 'it pays no USDT' }, /^ALPHA UNSUPPORTED: it pays no USDT$/],
      [
        'UNSUPPORTED',
        'it refuses to price it',
        { silence: { kind: 'rejected', vendorCode: '422', vendorMessage: 'Amount is too small' } },
        /: Amount is too small$/,
      ],
      [
        'UNSUPPORTED',
        'it cannot price it',
        { silence: { kind: 'unsupported', reason: 'it pays no less than 20' } },
        /: it pays no less than 20$/,
      ],
      ['UNSUPPORTED', 'its list has less at most', { lists: ['1', '9.99'] }, /no more than 9\.99 USDT on TRON$/],
      ['UNSUPPORTED', 'its list has more at least', { lists: ['10.01', '99'] }, /no less than 10\.01 USDT on TRON$/],
      ['UNSUPPORTED', 'its list does not have it', { lists: null }, /does not list USDT on TRON at the moment$/],
      ['CHOSEN', 'its list has just that', { lists: ['10', '10.00'] }, /nobody who can pay this names a price/],
      [
        'ELIGIBLE',
        'it names no price at the moment',
        { silence: { kind: 'unavailable', retryAt: null, cause: 'busy' } },
        /: it names no price now: busy$/,
        { policy: { kind: 'CHEAPEST' }, second: { price: {} } },
      ],
      [
        'INSUFFICIENT_BALANCE',
        'what is to be kept is not among what is there',
        { holds: { BTC: '1' } },
        /our balance there is below what is to be kept$/,
        { minimum: '100' },
      ],
      [
        'INSUFFICIENT_BALANCE',
        'less is there than is to be kept of what is converted from',
        { holds: { USDT: '99' } },
        /our balance there is below what is to be kept$/,
        { minimum: '100', order: orderOf('10', { sourceCurrency: 'USDT' }) },
      ],
      ['UNHEALTHY', 'its submits find an open circuit', { down: 'five in a row failed' }, /five in a row failed/],
      [
        'INSUFFICIENT_BALANCE',
        'what it would debit is not there',
        { price: { debit: '11' }, holds: { USDT: '10.999999999999999999' } },
        /our balance there does not cover it$/,
      ],
      [
        'INSUFFICIENT_BALANCE',
        'the amount is not there, and it names no price',
        { holds: { USDT: '9' } },
        /our balance there does not cover it$/,
      ],
      [
        'INSUFFICIENT_BALANCE',
        'less is there than is to be kept',
        { holds: { USDT: '99' } },
        /our balance there is below what is to be kept$/,
        { minimum: '100' },
      ],
      ['DISABLED', 'it is switched off', { off: true }, /switched off/],
      ['DISABLED', 'it is not in the list', {}, /not in the list/, { policy: { kind: 'LIST', providers: [BETA] } }],
    ];
  for (const [verdict, what, situation, said, scene] of TABLE) {
    it(`is ${verdict} where ${what}`, async () => {
      const { decided } = await route({ ALPHA: situation, BETA: scene?.second ?? {} }, scene);
      const about = told(decided).find((line) => line.startsWith('ALPHA'));
      assert.match(about ?? '', new RegExp(`^ALPHA ${verdict}: `));
      assert.match(about ?? '', said);
      assert.equal(chosenOf(decided), verdict === 'CHOSEN' ? ALPHA : BETA);
    });
  }

  const FUNDED: readonly (readonly [what: string, situation: Situation, Scene?])[] = [
    ['exactly what it would debit', { price: { debit: '11' }, holds: { USDT: '11.0' } }],
    ['exactly what is to be kept', { holds: { USDT: '100.00' } }, { minimum: '100' }],
    ['balances that nobody can tell', {}, { minimum: '100' }],
    ['balances without a currency that nobody watches', { holds: { BTC: '1' } }],
    [
      'the currency that is converted from',
      { price: { debit: '9 EUR' }, holds: { EUR: '9', USDT: '0' } },
      { order: orderOf('10', { sourceCurrency: 'EUR' }) },
    ],
    [
      'an unknown debit in another currency',
      { holds: { USDT: '0' } },
      { order: orderOf('10', { sourceCurrency: 'EUR' }) },
    ],
  ];
  for (const [what, situation, scene] of FUNDED) {
    it(`is CHOSEN with ${what}`, async () => {
      assert.equal(chosenOf((await route({ ALPHA: situation }, scene)).decided), ALPHA);
    });
  }

  it('is told of everybody: the chosen one first, then who would follow in order, then who would not', async () => {
    const { decided } = await route({
      ALPHA: { unsupported: 'no' },
      BETA: { price: { debit: '12' } },
      GAMMA: { price: { debit: '11' } },
    });
    assert.deepEqual(
      told(decided).map((line) => line.split(':')[0]),
      ['GAMMA CHOSEN', 'BETA ELIGIBLE', 'ALPHA UNSUPPORTED'],
    );
    assert.ok(decided.kind === 'chosen');
    assert.deepEqual([decided.decision?.policy, decided.decision?.at], ['CHEAPEST', NOON]);
    assert.deepEqual(
      decided.decision?.candidates.map(({ quote }) => quote?.debit.amount),
      ['11', '12', undefined],
    );
  });
});

describe('CHEAPEST', () => {
  const EUROS = orderOf('10', { sourceCurrency: 'EUR' });
  const TABLE: readonly (readonly [what: string, situations: Record<string, Situation>, chosen: ProviderId, Scene?])[] =
    [
      [
        'takes the least debit where the recipient gets the amount',
        { ALPHA: { price: { debit: '10.2' } }, BETA: { price: { debit: '10.19' } } },
        BETA,
      ],
      [
        'compares what is debited by value, not by text',
        { ALPHA: { price: { debit: '9' } }, BETA: { price: { debit: '10' } } },
        ALPHA,
      ],
      [
        'takes the most received where the amount is debited',
        { ALPHA: { price: { receive: '9.8' } }, BETA: { price: { receive: '9.81' } } },
        BETA,
        { order: DEDUCT },
      ],
      [
        'takes the most received where the amount is converted',
        { ALPHA: { price: { receive: '9 EUR' } }, BETA: { price: { receive: '9.1 EUR' } } },
        BETA,
        { order: orderOf('10', { receiveCurrency: 'EUR' }) },
      ],
      [
        'takes the least debit in the currency that is converted from',
        { ALPHA: { price: { debit: '9 EUR' } }, BETA: { price: { debit: '8.9 EUR' } } },
        BETA,
        { order: EUROS },
      ],
      [
        'takes the firm one of equals',
        { ALPHA: { price: { debit: '11' } }, BETA: { price: { debit: '11.0', firmness: 'FIRM' } } },
        BETA,
      ],
      ['takes the first of equals', { ALPHA: { price: { debit: '11.0' } }, BETA: { price: { debit: '11' } } }, ALPHA],
      ['takes one that names no price last', { ALPHA: {}, BETA: { price: { debit: '99' } } }, BETA],
      [
        'takes one whose price is in another currency last',
        { ALPHA: { price: { debit: '1 BTC' } }, BETA: { price: { debit: '99' } } },
        BETA,
      ],
      ['takes the first where nobody names a price', { ALPHA: {}, BETA: {} }, ALPHA],
      ['takes no cheap one that is down', { ALPHA: { price: { debit: '1' }, down: 'no line' }, BETA: {} }, BETA],
    ];
  for (const [what, situations, chosen, scene] of TABLE) {
    it(what, async () => assert.equal(chosenOf((await route(situations, scene)).decided), chosen));
  }

  it('judges each account of a provider by itself, and goes to the better one', async () => {
    const accounts = ['first', 'second', 'third'].map((name) => ({
      name,
      fingerprint: name,
      enabled: name !== 'third',
    }));
    const { decided, asked } = await route({ ALPHA: { price: { debit: '11' }, changes: { accounts } }, BETA: {} });
    assert.deepEqual(
      told(decided).map((line) => line.split(':')[0]),
      ['ALPHA CHOSEN', 'ALPHA ELIGIBLE', 'BETA ELIGIBLE'],
    );
    assert.ok(decided.kind === 'chosen');
    assert.deepEqual(
      decided.decision?.candidates.map(({ account }) => account),
      ['first', 'second', 'default'],
    );
    assert.ok(!asked.includes('quote ALPHA third'));
    assert.equal(asked.filter((one) => one === 'health ALPHA').length, 1);
  });
});

describe('FASTEST', () => {
  const policy: RoutingPolicy = { kind: 'FASTEST' };

  it('goes by measured times, and takes those of which none are known last', async () => {
    const { decided, asked } = await route(
      { ALPHA: {}, BETA: { usualMs: 61_400 }, GAMMA: { usualMs: 9000 } },
      { policy },
    );
    assert.deepEqual(told(decided), [
      'GAMMA CHOSEN: the fastest: 9 s lately',
      'BETA ELIGIBLE: it can pay this',
      'ALPHA ELIGIBLE: it can pay this',
    ]);
    assert.deepEqual(
      asked.filter((one) => one.startsWith('quote')),
      [],
    );
  });

  it('takes the first of equals, and says where nothing was measured', async () => {
    const equal = await route({ ALPHA: { usualMs: 5000 }, BETA: { usualMs: 5000 } }, { policy });
    assert.equal(chosenOf(equal.decided), ALPHA);
    assert.match(
      told((await route({ ALPHA: {}, BETA: {} }, { policy })).decided)[0] ?? '',
      /no times were measured yet/,
    );
  });
});

describe('an ordered list', () => {
  it('takes the first of it that can, whatever it costs, and asks nobody for a price', async () => {
    const { decided, asked } = await route(
      { ALPHA: { price: { debit: '10' } }, BETA: { price: { debit: '99' } }, GAMMA: { unsupported: 'no' } },
      { policy: { kind: 'LIST', providers: [GAMMA, BETA, ALPHA] } },
    );
    assert.deepEqual(told(decided), [
      'BETA CHOSEN: the first of the list that can pay this',
      'ALPHA ELIGIBLE: it can pay this',
      'GAMMA UNSUPPORTED: no',
    ]);
    assert.ok(decided.kind === 'chosen' && decided.decision?.policy === 'GAMMA,BETA,ALPHA');
    assert.ok(!asked.some((one) => one.startsWith('quote')));
  });

  it('takes one that is not in it where it is named', async () => {
    const scene = { policy: { kind: 'LIST', providers: [BETA] }, request: { provider: ALPHA } } as const;
    assert.equal(chosenOf((await route({ ALPHA: {}, BETA: {} }, scene)).decided), ALPHA);
  });

  it('asks for prices where somebody wants to see them', async () => {
    const { decided } = await route({ ALPHA: { price: { debit: '11' } } }, { policy: LIST, request: { priced: true } });
    assert.ok(decided.kind === 'chosen');
    assert.equal(decided.decision?.candidates[0]?.quote?.debit.amount, '11');
  });
});

describe('a provider that is named', () => {
  const named = { provider: ALPHA };

  it('takes it as it is, and nobody is asked for anything', async () => {
    const bad: Situation = { down: 'no line', holds: { USDT: '0' }, price: { debit: '99' } };
    const { decided, asked } = await route({ ALPHA: bad, BETA: {} }, { request: named, minimum: '100' });
    assert.deepEqual(decided, { kind: 'chosen', provider: ALPHA, account: 'default', decision: null });
    assert.deepEqual(asked, []);
  });

  it('or refuses it with its own reason alone', async () => {
    const none = (reason: string): Route => ({ kind: 'none', reasons: [{ provider: ALPHA, reason }] });
    const cannot = await route({ ALPHA: { unsupported: 'it pays no USDT' }, BETA: {} }, { request: named });
    assert.deepEqual(cannot.decided, none('it pays no USDT'));
    const off = await route({ ALPHA: { off: true }, BETA: {} }, { request: { ...named, failover: true } });
    assert.deepEqual(off.decided, none('it is switched off in this deployment'));
    assert.deepEqual((await route({ BETA: {} }, { request: named })).decided, none('it is not in this deployment'));
  });

  it('comes first where it may fail over, and the others are judged', async () => {
    const { decided } = await route(
      { ALPHA: { price: { debit: '99' }, down: 'no line' }, BETA: { price: { debit: '12' } }, GAMMA: { down: 'busy' } },
      { request: { ...named, failover: true } },
    );
    assert.deepEqual(told(decided), [
      'ALPHA CHOSEN: it was named',
      'BETA ELIGIBLE: it can pay this',
      'GAMMA UNHEALTHY: busy',
    ]);
  });

  it('takes the account of a quote and no other', async () => {
    const accounts = ['first', 'second'].map((name) => ({ name, fingerprint: name, enabled: true }));
    const changes = { accounts };
    const pinned = { request: { ...named, account: 'second' } };
    const { decided } = await route({ ALPHA: { changes } }, pinned);
    assert.ok(decided.kind === 'chosen' && decided.account === 'second');
    const cannot = {
      accounts,
      supports: (_order: Order, _parties: unknown, name: string) => name === 'first' || 'not here',
    };
    assert.equal((await route({ ALPHA: { changes: cannot } }, pinned)).decided.kind, 'none');
    // The others are not held to it.
    const both = await route({ ALPHA: { changes }, BETA: {} }, { request: { ...pinned.request, failover: true } });
    assert.equal(told(both.decided)[1], 'BETA ELIGIBLE: it can pay this, and publishes no prices');
  });
});

describe('where nobody can pay it', () => {
  it('it is unavailable where one that supports it only takes no calls at the moment, and says until when', async () => {
    const { decided } = await route({ ALPHA: { unsupported: 'no' }, BETA: { down: 'five in a row failed' } });
    assert.deepEqual(decided, {
      kind: 'unavailable',
      provider: BETA,
      retryAt: afterNoon(30_000),
      cause: 'five in a row failed',
    });
  });

  it('each gives one reason', async () => {
    const accounts = ['first', 'second'].map((name) => ({ name, fingerprint: name, enabled: true }));
    const { decided } = await route({
      ALPHA: { unsupported: 'it pays no USDT' },
      BETA: { holds: { USDT: '1' }, changes: { accounts } },
      GAMMA: { off: true },
    });
    assert.deepEqual(decided, {
      kind: 'none',
      reasons: [
        { provider: ALPHA, reason: 'it pays no USDT' },
        { provider: BETA, reason: 'our balance there does not cover it' },
        { provider: GAMMA, reason: 'it is switched off in this deployment' },
      ],
    });
  });
});

describe('a conversion that cannot reach the amount', () => {
  const order = orderOf('10', { sourceCurrency: 'EUR' });
  const nearest = ['9.99', '10.01'];

  it('is invalid at a provider that is named, with the nearest amounts', async () => {
    const { decided } = await route({ ALPHA: { nearest }, BETA: {} }, { order, request: { provider: ALPHA } });
    const message = 'ALPHA cannot give exactly this amount by its rate; the nearest are 9.99 and 10.01';
    assert.deepEqual(decided, { kind: 'invalid', issues: [{ path: ['amount', 'amount'], message }] });
  });

  it('goes to one that can reach it where nobody is named, and says why the other was left', async () => {
    const { decided } = await route({ ALPHA: { nearest }, BETA: {} }, { order, policy: LIST });
    assert.deepEqual(told(decided), [
      'BETA CHOSEN: the first of the list that can pay this',
      'ALPHA UNSUPPORTED: ALPHA cannot give exactly this amount by its rate; the nearest are 9.99 and 10.01',
    ]);
  });

  it('is invalid where nobody can reach it', async () => {
    const { decided } = await route({ ALPHA: { nearest }, BETA: { nearest: ['9'] } }, { order, policy: LIST });
    assert.ok(decided.kind === 'invalid');
    assert.equal(decided.issues.length, 1);
    assert.match(decided.issues[0]?.message ?? '', /ALPHA cannot/);
  });

  it('is left to the provider where it cannot tell right now', async () => {
    const mute: Partial<Provider> = {
      nearestAmounts: async () => ({ kind: 'unavailable', retryAfterMs: null, cause: 'down' }),
    };
    assert.equal(chosenOf((await route({ ALPHA: { changes: mute } }, { order })).decided), ALPHA);
  });
});
