import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { type Decimal, parseDecimal } from '../src/domain/money.ts';
import type { Balance, Call, Price, Provider, ProviderId, QuoteRequest, ReadOutcome } from '../src/domain/provider.ts';
import { createListing, createRecent } from '../src/domain/recent.ts';
import { createBreaker } from '../src/health-breaker.ts';
import { createMarket, type MinimumBalance, type QuoteAnswer } from '../src/market.ts';
import { createPace } from '../src/pace.ts';
import { COIN_LIST, NETWORK_LIST } from '../src/providers/blockatm/fixtures.ts';
import { definitions } from '../src/providers/index.ts';
import { CURRENCIES_ANSWER } from '../src/providers/oxapay/fixtures.ts';
import { createTransport } from '../src/transport.ts';
import { createManualClock } from './support/clock.ts';
import { plainProvider } from './support/write-side.ts';

const DOWN = { kind: 'unavailable', retryAfterMs: null, cause: 'no answer' } as const;

function decimal(text: string): Decimal {
  const value = parseDecimal(text);
  assert.ok(value !== null, text);
  return value;
}

const idOf = (name: string) => name as ProviderId;

function requestOf(amount = '100', changes: Partial<QuoteRequest> = {}): QuoteRequest {
  const nothing = { channel: null, sourceCurrency: null, receiveCurrency: null };
  return {
    amount: { amount: decimal(amount), currency: 'USDT' },
    feeMode: 'ADD',
    network: 'TRON',
    ...nothing,
    ...changes,
  };
}

function priceOf(fee = '1', changes: Partial<Price> = {}): Price {
  return {
    debit: { amount: decimal('101'), currency: 'USDT' },
    fees: [{ amount: decimal(fee), currency: 'USDT', kind: 'PROVIDER' }],
    receive: { amount: decimal('100'), currency: 'USDT' },
    rate: null,
    firmness: 'INDICATIVE',
    expiresAt: null,
    ...changes,
  };
}

const known = <T>(value: T): ReadOutcome<T> => ({ kind: 'known', value });
const usdt = (available: string): Balance => ({ currency: 'USDT', available: decimal(available), locked: null });

/** What a desk is asked for, and what it says: whatever the test puts here. */
interface Desk {
  readonly provider: Provider;
  /** Each question for a price, in order. */
  readonly asked: { readonly account: string; readonly recent: boolean | undefined; readonly call: Call }[];
  price: () => ReadOutcome<Price> | string | Promise<ReadOutcome<Price> | string>;
  /** How often balances were asked for. */
  counted: number;
  balances: () => ReadOutcome<readonly Balance[]> | Promise<ReadOutcome<readonly Balance[]>>;
}

/** A provider that tells prices and balances, with these accounts. */
function openDesk(name: string, changes: Partial<Provider> = {}): Desk {
  const asked: Desk['asked'][number][] = [];
  const desk: Desk = {
    asked,
    counted: 0,
    price: () => known(priceOf()),
    balances: () => known([usdt('500')]),
    provider: plainProvider(name, {
      async quote(account, _request, call, recent) {
        asked.push({ account, recent, call });
        return desk.price();
      },
      async balances() {
        desk.counted += 1;
        return desk.balances();
      },
      ...changes,
    }),
  };
  return desk;
}

const never = () => new Promise<never>(() => {});

function openMarket(providers: readonly Provider[], minimumBalances: readonly MinimumBalance[] = []) {
  const clock = createManualClock();
  const health = createBreaker(clock, 'test');
  const pace = createPace(providers, clock);
  return { clock, health, pace, market: createMarket({ providers, clock, health, pace, minimumBalances }) };
}

const accountsOf = (...names: string[]) => names.map((name) => ({ name, fingerprint: name, enabled: true }));
const shapeOf = (answers: readonly { readonly provider: string; readonly kind: string }[]) =>
  answers.map(({ provider, kind }) => `${provider} ${kind}`);
const feeOf = (answer: QuoteAnswer | undefined) =>
  answer?.kind === 'known' ? answer.quote.fees[0]?.amount : undefined;

describe('quotes side by side', () => {
  it('are all there in the configured order when one provider never answers, and that one is unavailable', async () => {
    const desks = ['ALPHA', 'BETA', 'GAMMA', 'DELTA', 'OMEGA'].map((name) => openDesk(name));
    const [, hung] = desks;
    assert.ok(hung);
    hung.price = never;
    const { clock, health, market } = openMarket(desks.map(({ provider }) => provider));
    let answers: readonly QuoteAnswer[] | null = null;
    const asking = market.quotes(requestOf(), null).then((all) => {
      answers = all;
    });
    await clock.advance(2999);
    assert.equal(answers, null);
    assert.deepEqual(
      desks.map(({ asked }) => asked.length),
      [1, 1, 1, 1, 1],
    );
    assert.equal(hung.asked[0]?.call.signal.aborted, false);
    await clock.advance(1);
    await asking;
    assert.deepEqual(shapeOf(answers ?? []), [
      'ALPHA known',
      'BETA unavailable',
      'GAMMA known',
      'DELTA known',
      'OMEGA known',
    ]);
    assert.deepEqual(answers?.[1], {
      provider: 'BETA',
      account: 'default',
      kind: 'unavailable',
      retryAt: null,
      cause: 'no answer within 3000 ms',
    });
    assert.equal(hung.asked[0]?.call.signal.aborted, true);
    assert.equal(clock.pending(), 0);
    assert.deepEqual(health.fuses(idOf('BETA')).length, 1);
  });

  it('come at once where everybody answers, however slow the clock', async () => {
    const { clock, market } = openMarket([openDesk('ALPHA').provider, openDesk('BETA').provider]);
    assert.deepEqual(shapeOf(await market.quotes(requestOf(), null)), ['ALPHA known', 'BETA known']);
    assert.equal(clock.pending(), 0);
  });

  it('say of each provider what it says: a refusal, a reason, when to come again, or its own fault', async () => {
    const names = ['REFUSES', 'CANNOT', 'LATER', 'THROWS', 'BREAKS'];
    const desks = new Map(names.map((name) => [name, openDesk(name)]));
    const say = (name: string, price: Desk['price']) => Object.assign(desks.get(name) ?? {}, { price });
    say('REFUSES', () => ({ kind: 'rejected', vendorCode: '17', vendorMessage: 'no' }));
    say('CANNOT', () => 'it pays no USDT');
    say('LATER', () => ({ ...DOWN, retryAfterMs: 5000 }));
    say('THROWS', () => Promise.reject(new Error('a bug')));
    say('BREAKS', () => {
      throw new TypeError('another');
    });
    const { clock, market } = openMarket([...desks.values()].map(({ provider }) => provider));
    const answers = await market.quotes(requestOf(), null);
    const facts = answers.map(({ provider: _, account: __, ...fact }) => fact);
    assert.deepEqual(facts, [
      { kind: 'rejected', vendorCode: '17', vendorMessage: 'no' },
      { kind: 'unsupported', reason: 'it pays no USDT' },
      { kind: 'unavailable', retryAt: new Date(clock.now().getTime() + 5000), cause: 'no answer' },
      { kind: 'unavailable', retryAt: null, cause: 'a bug' },
      { kind: 'unavailable', retryAt: null, cause: 'another' },
    ]);
  });

  it('say so of a provider that publishes nothing, is switched off, or is not here', async () => {
    const silent = plainProvider('SILENT', { name: 'Silent Pay' });
    const off = openDesk('OFF', { accounts: [{ name: 'main', fingerprint: 'f', enabled: false }] });
    const empty = openDesk('EMPTY', { accounts: [] });
    const { market } = openMarket([silent, off.provider, empty.provider]);
    const answers = await market.quotes(requestOf(), [idOf('STRANGER'), idOf('EMPTY'), idOf('OFF'), idOf('SILENT')]);
    assert.deepEqual(
      shapeOf(answers),
      ['SILENT', 'OFF', 'EMPTY', 'STRANGER'].map((name) => `${name} unsupported`),
    );
    assert.match(JSON.stringify(answers[0]), /Silent Pay publishes neither fees nor rates/);
    assert.match(JSON.stringify(answers[1]), /switched off/);
    assert.equal(off.asked.length + empty.asked.length, 0);
  });

  it('are asked of whom the caller names, once each and in the configured order', async () => {
    const desks = ['ALPHA', 'BETA', 'GAMMA'].map((name) => openDesk(name));
    const { market } = openMarket(desks.map(({ provider }) => provider));
    const only = [idOf('GAMMA'), idOf('ALPHA'), idOf('GAMMA')];
    assert.deepEqual(shapeOf(await market.quotes(requestOf(), only)), ['ALPHA known', 'GAMMA known']);
    assert.deepEqual(
      desks.map(({ asked }) => asked.length),
      [1, 0, 1],
    );
  });

  it('are one for each account that prices it, else the one answer that says most', async () => {
    const desk = openDesk('ALPHA', { accounts: accountsOf('tron', 'ethereum', 'spare') });
    const plan = new Map<string, ReadOutcome<Price> | string>();
    desk.price = () => plan.get(desk.asked.at(-1)?.account ?? '') ?? 'it pays on another network';
    const { clock, market } = openMarket([desk.provider]);
    const ask = async (entries: readonly (readonly [string, ReadOutcome<Price> | string])[]) => {
      plan.clear();
      for (const [account, outcome] of entries) plan.set(account, outcome);
      await clock.advance(6000);
      const answers = await market.quotes(requestOf(), null);
      return answers.map(({ account, kind }) => `${account} ${kind}`);
    };
    const refused = { kind: 'rejected', vendorCode: '1', vendorMessage: null } as const;
    assert.deepEqual(await ask([]), ['tron unsupported']);
    assert.deepEqual(await ask([['ethereum', known(priceOf())]]), ['ethereum known']);
    const two = [['tron', known(priceOf())] as const, ['spare', known(priceOf())] as const];
    assert.deepEqual(await ask([...two, ['ethereum', DOWN]]), ['tron known', 'spare known']);
    assert.deepEqual(await ask([['ethereum', refused]]), ['ethereum rejected']);
    assert.deepEqual(
      await ask([
        ['ethereum', refused],
        ['spare', DOWN],
      ]),
      ['spare unavailable'],
    );
  });

  it('stand until the provider’s own end, or for a minute where it names none', async () => {
    const desk = openDesk('ALPHA');
    const { clock, market } = openMarket([desk.provider]);
    const endOf = async () => {
      const answer = await market.quote(idOf('ALPHA'), 'default', requestOf(), true);
      return answer.kind === 'known' ? answer.quote.expiresAt.getTime() - clock.now().getTime() : null;
    };
    assert.equal(await endOf(), 60_000);
    const expiresAt = new Date(clock.now().getTime() + 1_800_000);
    desk.price = () => known(priceOf('1', { expiresAt }));
    assert.equal(await endOf(), 1_800_000);
  });

  it('of one account are those of that account, and of none that is not here', async () => {
    const desk = openDesk('ALPHA', { accounts: accountsOf('one', 'two') });
    const { market } = openMarket([desk.provider]);
    assert.equal((await market.quote(idOf('ALPHA'), 'two', requestOf(), false)).account, 'two');
    for (const [provider, account] of [
      ['ALPHA', 'three'],
      ['BETA', 'one'],
    ] as const) {
      const answer = await market.quote(idOf(provider), account, requestOf(), false);
      assert.deepEqual([answer.kind, answer.provider, answer.account], ['unsupported', provider, account]);
    }
    assert.deepEqual(
      desk.asked.map(({ account }) => account),
      ['two'],
    );
  });
});

describe('what is remembered of prices', () => {
  const ask = (market: ReturnType<typeof openMarket>['market'], request = requestOf(), fresh = false) =>
    market.quote(idOf('ALPHA'), 'default', request, fresh);

  it('is an indicative one for five seconds, for the same question alone', async () => {
    const desk = openDesk('ALPHA');
    const { clock, market } = openMarket([desk.provider]);
    const first = await ask(market);
    desk.price = () => known(priceOf('2'));
    await clock.advance(5000);
    assert.deepEqual(await ask(market, requestOf('100.00')), first);
    assert.equal(desk.asked.length, 1);
    const others: readonly Partial<QuoteRequest>[] = [
      { feeMode: 'DEDUCT' },
      { network: 'BSC' },
      { network: null },
      { channel: 'CARD' },
      { sourceCurrency: 'BTC' },
      { receiveCurrency: 'BTC' },
      { amount: { amount: decimal('100'), currency: 'USDC' } },
      { amount: { amount: decimal('101'), currency: 'USDT' } },
    ];
    for (const changes of others) assert.equal(feeOf(await ask(market, requestOf('100', changes))), '2');
    assert.equal(desk.asked.length, 1 + others.length);
    await clock.advance(1);
    assert.equal(feeOf(await ask(market)), '2');
  });

  it('is nothing to whoever wants it fresh, and what is asked for freshly is remembered', async () => {
    const desk = openDesk('ALPHA');
    const { market } = openMarket([desk.provider]);
    await ask(market);
    desk.price = () => known(priceOf('2'));
    assert.equal(feeOf(await ask(market, requestOf(), true)), '2');
    assert.equal(feeOf(await ask(market)), '2');
    assert.deepEqual(
      desk.asked.map(({ recent }) => recent),
      [true, false],
    );
  });

  it('is never a firm one, and two who ask at once for one get one each', async () => {
    const desk = openDesk('ALPHA');
    let made = 0;
    const { market } = openMarket([desk.provider]);
    desk.price = () => {
      made += 1;
      return known(priceOf(String(made), { firmness: 'FIRM' }));
    };
    assert.deepEqual([feeOf(await ask(market)), feeOf(await ask(market))], ['1', '2']);
    const fees = (await Promise.all([1, 2, 3].map(() => ask(market)))).map(feeOf);
    assert.deepEqual(fees.toSorted(), ['3', '4', '5']);
  });

  it('is not what is over by its provider’s own end', async () => {
    const desk = openDesk('ALPHA');
    const { clock, market } = openMarket([desk.provider]);
    const soon = new Date(clock.now().getTime() + 2000);
    desk.price = () => known(priceOf('1', { expiresAt: soon }));
    await ask(market);
    desk.price = () => known(priceOf('2'));
    await clock.advance(1999);
    assert.equal(feeOf(await ask(market)), '1');
    await clock.advance(1);
    assert.equal(feeOf(await ask(market)), '2');
  });

  it('is no failure, and no reason', async () => {
    const desk = openDesk('ALPHA');
    const { market } = openMarket([desk.provider]);
    for (const outcome of [DOWN, 'it cannot', known(priceOf())]) {
      desk.price = () => outcome;
      await ask(market);
    }
    assert.equal(desk.asked.length, 3);
  });

  it('is what one question brings for all who ask it meanwhile, also where that is no answer', async () => {
    const desk = openDesk('ALPHA');
    const { clock, market } = openMarket([desk.provider]);
    const gate = Promise.withResolvers<ReadOutcome<Price>>();
    desk.price = () => gate.promise;
    const crowd = Promise.all(Array.from({ length: 64 }, () => ask(market)));
    gate.resolve(known(priceOf()));
    assert.deepEqual(new Set((await crowd).map(feeOf)), new Set(['1']));
    assert.equal(desk.asked.length, 1);

    await clock.advance(6000);
    desk.price = never;
    const first = ask(market);
    await clock.advance(2000);
    const second = ask(market);
    await clock.advance(1000);
    assert.deepEqual([(await first).kind, (await second).kind], ['unavailable', 'unavailable']);
    assert.equal(desk.asked.length, 2);
  });
});

describe('a provider that has not been answering', () => {
  const FAILED = { answered: false, cause: 'it broke', retryAfterMs: null } as const;

  it('is not asked while its circuit for reads is open, and says why and until when', async () => {
    const desk = openDesk('ALPHA');
    const { clock, health, market } = openMarket([desk.provider]);
    for (let failed = 0; failed < 5; failed += 1) health.note(idOf('ALPHA'), 'READ', FAILED);
    const { retryAt } = health.circuit(idOf('ALPHA'), 'READ');
    assert.ok(retryAt);
    const silence = { provider: 'ALPHA', account: 'default', kind: 'unavailable', retryAt, cause: 'it broke' };
    assert.deepEqual(await market.quotes(requestOf(), null), [silence]);
    assert.deepEqual(await market.quote(idOf('ALPHA'), 'default', requestOf(), true), silence);
    assert.deepEqual(await market.balances(null), [silence]);
    assert.equal(await market.balance(idOf('ALPHA'), 'default'), null);
    assert.equal(desk.asked.length + desk.counted, 0);
    await clock.advance(retryAt.getTime() - clock.now().getTime());
    assert.deepEqual(shapeOf(await market.quotes(requestOf(), null)), ['ALPHA known']);
    assert.equal(health.circuit(idOf('ALPHA'), 'READ').state, 'CLOSED');
  });

  it('is asked although its circuit for sends is open', async () => {
    const { health, market } = openMarket([openDesk('ALPHA').provider]);
    for (let failed = 0; failed < 5; failed += 1) health.note(idOf('ALPHA'), 'SUBMIT', FAILED);
    assert.deepEqual(shapeOf(await market.quotes(requestOf(), null)), ['ALPHA known']);
  });

  it('opens its circuit by not answering, and by nothing that it answers', async () => {
    const desk = openDesk('ALPHA');
    const { health, market } = openMarket([desk.provider]);
    const states: string[] = [];
    for (const outcome of [DOWN, DOWN, DOWN, DOWN, 'it cannot', DOWN, DOWN] as const) {
      desk.price = () => outcome;
      await market.quotes(requestOf(), null);
      states.push(health.circuit(idOf('ALPHA'), 'READ').state);
    }
    // A question that nobody had to be asked for is no sign of life.
    assert.deepEqual(states, ['CLOSED', 'CLOSED', 'CLOSED', 'CLOSED', 'CLOSED', 'OPEN', 'OPEN']);
    assert.equal(desk.asked.length, 6);

    const refusing = openDesk('ALPHA');
    const other = openMarket([refusing.provider]);
    refusing.price = () => ({ kind: 'rejected', vendorCode: '1', vendorMessage: null });
    for (let asked = 0; asked < 10; asked += 1) await other.market.quotes(requestOf(), null);
    assert.equal(other.health.circuit(idOf('ALPHA'), 'READ').state, 'CLOSED');
    assert.equal(refusing.asked.length, 10);
  });

  it('is tried by one question once its time has come, which a question that needs no answer does not use up', async () => {
    const desk = openDesk('ALPHA');
    const { clock, health, market } = openMarket([desk.provider]);
    for (let failed = 0; failed < 5; failed += 1) health.note(idOf('ALPHA'), 'READ', FAILED);
    await clock.advance(2000);
    desk.price = () => 'it cannot';
    assert.deepEqual(shapeOf(await market.quotes(requestOf('1'), null)), ['ALPHA unsupported']);
    const gate = Promise.withResolvers<ReadOutcome<Price>>();
    desk.price = () => gate.promise;
    const trying = market.quotes(requestOf('2'), null);
    assert.deepEqual(shapeOf(await market.quotes(requestOf('3'), null)), ['ALPHA unavailable']);
    assert.equal(desk.asked.length, 2);
    gate.resolve(known(priceOf()));
    assert.deepEqual(shapeOf(await trying), ['ALPHA known']);
    assert.deepEqual(shapeOf(await market.quotes(requestOf('3'), null)), ['ALPHA known']);
  });
});

describe('balances', () => {
  it('are side by side, each a value or an error, and one error for a provider that tells none', async () => {
    const desks = ['ALPHA', 'BETA'].map((name) => openDesk(name, { accounts: accountsOf('one', 'two') }));
    const [, hung] = desks;
    assert.ok(hung);
    hung.balances = () => (hung.counted === 1 ? never() : known([usdt('7')]));
    const silent = plainProvider('SILENT', { accounts: accountsOf('one', 'two') });
    const { clock, market } = openMarket([...desks.map(({ provider }) => provider), silent]);
    const at = clock.now();
    const asking = market.balances(null);
    await clock.advance(3000);
    const answers = await asking;
    assert.deepEqual(
      answers.map(({ provider, account, kind }) => `${provider} ${account} ${kind}`),
      ['ALPHA one known', 'ALPHA two known', 'BETA one unavailable', 'BETA two known', 'SILENT one unsupported'],
    );
    const value = { provider: 'ALPHA', account: 'one', kind: 'known', at, balances: [usdt('500')] };
    assert.deepEqual(answers[0], value);
    assert.deepEqual(shapeOf(await market.balances([idOf('SILENT')])), ['SILENT unsupported']);
  });

  it('that are shown are at most a second old, and those that are routed by half a minute', async () => {
    const desk = openDesk('ALPHA');
    const { clock, market } = openMarket([desk.provider]);
    const routed = async () => (await market.balance(idOf('ALPHA'), 'default'))?.[0]?.available;
    const shown = async () => {
      const [answer] = await market.balances(null);
      return answer?.kind === 'known' ? answer.balances[0]?.available : null;
    };
    assert.deepEqual([await shown(), await routed()], ['500', '500']);
    desk.balances = () => known([usdt('400')]);
    await clock.advance(1000);
    assert.deepEqual([await shown(), desk.counted], ['500', 1]);
    await clock.advance(1);
    assert.deepEqual([await routed(), await shown(), await routed()], ['500', '400', '400']);
    desk.balances = () => known([usdt('300')]);
    await clock.advance(30_000);
    assert.equal(await routed(), '400');
    await clock.advance(1);
    assert.deepEqual([await routed(), desk.counted], ['300', 3]);
  });

  it('are asked for once for all who route meanwhile, and not again for as long where there is no answer', async () => {
    const desk = openDesk('ALPHA');
    const { clock, market } = openMarket([desk.provider]);
    desk.balances = never;
    const crowd = Promise.all(Array.from({ length: 64 }, () => market.balance(idOf('ALPHA'), 'default')));
    await clock.advance(3000);
    assert.deepEqual(new Set(await crowd), new Set([null]));
    desk.balances = () => known([usdt('500')]);
    await clock.advance(26_000);
    assert.equal(await market.balance(idOf('ALPHA'), 'default'), null);
    assert.equal(desk.counted, 1);
    await clock.advance(1001);
    assert.deepEqual(await market.balance(idOf('ALPHA'), 'default'), [usdt('500')]);
  });

  it('are unknown of a provider that tells none, and of an account that is not here', async () => {
    const { market } = openMarket([plainProvider('SILENT'), openDesk('ALPHA').provider]);
    assert.equal(await market.balance(idOf('SILENT'), 'default'), null);
    assert.equal(await market.balance(idOf('ALPHA'), 'other'), null);
    assert.equal(await market.balance(idOf('BETA'), 'default'), null);
  });
});

describe('accounts below their minimum', () => {
  const minimums: readonly MinimumBalance[] = [
    { provider: idOf('ALPHA'), currency: 'USDT', minimum: decimal('100') },
    { provider: idOf('ALPHA'), currency: 'BTC', minimum: decimal('0.5') },
  ];

  it('are those that were last seen so, since when they were, and none that nobody watches', async () => {
    const desk = openDesk('ALPHA');
    const unwatched = openDesk('BETA');
    unwatched.balances = () => known([usdt('0')]);
    const { clock, market } = openMarket([desk.provider, unwatched.provider], minimums);
    const facts = async () => (await market.lowBalances()).map(({ currency, available }) => `${available} ${currency}`);
    desk.balances = () => known([usdt('100.00'), { currency: 'BTC', available: decimal('0.5'), locked: null }]);
    assert.deepEqual(await facts(), []);
    // What the provider does not even list is not there.
    desk.balances = () => known([usdt('99.999999')]);
    await clock.advance(60_001);
    const since = clock.now();
    assert.deepEqual(await facts(), ['99.999999 USDT', '0 BTC']);
    desk.balances = () => known([usdt('98'), { currency: 'BTC', available: decimal('1'), locked: null }]);
    await clock.advance(60_001);
    const about = { provider: 'ALPHA', account: 'default', currency: 'USDT', minimum: '100' };
    assert.deepEqual(await market.lowBalances(), [{ ...about, available: '98', since }]);
    desk.balances = () => DOWN;
    await clock.advance(60_001);
    assert.deepEqual(await facts(), ['98 USDT'], 'not being told is no sign of more');
    desk.balances = () => known([usdt('100'), { currency: 'BTC', available: decimal('1'), locked: null }]);
    await clock.advance(60_001);
    assert.deepEqual(await facts(), []);
    assert.equal(unwatched.counted, 0);
  });

  it('are asked once a minute, in every account that is on, and seen by whoever reads a balance', async () => {
    const accounts = [...accountsOf('one', 'two'), { name: 'off', fingerprint: 'off', enabled: false }];
    const desk = openDesk('ALPHA', { accounts });
    const { clock, market } = openMarket([desk.provider], minimums.slice(0, 1));
    desk.balances = () => known([usdt('1')]);
    const names = async () => (await market.lowBalances()).map(({ account }) => account);
    assert.deepEqual(await Promise.all([names(), names()]), [
      ['one', 'two'],
      ['one', 'two'],
    ]);
    await clock.advance(60_000);
    await names();
    assert.equal(desk.counted, 2);
    desk.balances = () => known([usdt('1000')]);
    await market.balance(idOf('ALPHA'), 'two');
    assert.deepEqual(await names(), ['one']);
    assert.equal(desk.counted, 3);
  });
});

describe('what was answered lately', () => {
  it('is at most a thousand answers, of which the oldest go', async () => {
    const clock = createManualClock();
    const recent = createRecent<string>(clock.now, () => 'KEPT');
    let asked = 0;
    const ask = (key: string) =>
      recent.get(key, 60_000, async () => {
        asked += 1;
        return key;
      });
    for (let key = 0; key < 1001; key += 1) await ask(`key ${key}`);
    await ask('key 1');
    assert.equal(asked, 1001);
    await ask('key 0');
    assert.equal(asked, 1002);
  });

  it('is not what was asked for before something newer came', async () => {
    const clock = createManualClock();
    const recent = createRecent<string>(clock.now, () => 'KEPT');
    const gate = Promise.withResolvers<string>();
    const old = recent.get('key', 60_000, () => gate.promise);
    await clock.advance(1);
    await recent.renew('key', async () => 'new');
    gate.resolve('old');
    assert.equal(await old, 'old');
    assert.equal(await recent.get('key', 60_000, never), 'new');
  });

  it('is nothing after a question that broke off: the next one asks again', async () => {
    const recent = createRecent<string>(createManualClock().now, () => 'KEPT');
    const broken = () => recent.get('key', 60_000, () => Promise.reject(new Error('broken')));
    await assert.rejects(Promise.all([broken(), broken()]), /broken/);
    assert.equal(await recent.get('key', 60_000, async () => 'whole'), 'whole');
  });

  it('of a published list is good for ten seconds, unless it could not be read or is to be read anew', async () => {
    const clock = createManualClock();
    const listing = createListing<string>(clock.now);
    let asked = 0;
    const read = (recent: boolean, outcome: ReadOutcome<string> = known('list')) =>
      listing(recent, async () => {
        asked += 1;
        return outcome;
      });
    assert.deepEqual(await Promise.all([read(true, DOWN), read(true)]), [DOWN, DOWN]);
    assert.equal(asked, 1);
    await Promise.all(Array.from({ length: 64 }, () => read(true)));
    await clock.advance(10_000);
    await read(true);
    assert.equal(asked, 2);
    await Promise.all([read(false), read(false)]);
    assert.equal(asked, 4);
    await clock.advance(10_001);
    await read(true);
    assert.equal(asked, 5);
  });
});

describe('a provider with a published limit', () => {
  const WINDOW_MS = 10_000;
  /** Ten calls in ten seconds: what it is asked goes out where it may, as on a line. */
  function openLimited() {
    const desk = openDesk('ALPHA', { callsPerMinute: 60 });
    let calls = 0;
    const sent = <T>(call: Call, answer: ReadOutcome<T>): ReadOutcome<T> => {
      const admitted = call.admit?.() ?? true;
      if (admitted !== true) return { kind: 'unavailable', retryAfterMs: null, cause: admitted };
      calls += 1;
      return answer;
    };
    const provider: Provider = {
      ...desk.provider,
      quote: async (_account, _request, call) => sent(call, known(priceOf())),
      balances: async (_account, call) => sent(call, known([usdt('500')])),
    };
    const opened = openMarket([provider]);
    const ask = (amount: number, fresh = false) =>
      opened.market.quote(idOf('ALPHA'), 'default', requestOf(String(amount)), fresh);
    const call = (kind: 'SUBMIT' | 'LOOKUP', times: number) => {
      for (let time = 0; time < times; time += 1) opened.pace.share(kind).take(idOf('ALPHA'))?.use();
    };
    return { ...opened, ask, call, calls: () => calls };
  }
  const askMany = (ask: (amount: number) => Promise<QuoteAnswer>, count: number, from: number) =>
    Promise.all(Array.from({ length: count }, (_, index) => ask(from + index)));
  const knownOf = (answers: readonly QuoteAnswer[]) => answers.filter(({ kind }) => kind === 'known').length;

  it('gets questions for half of it at most, and beyond that is unavailable without a call, until there is one again', async () => {
    const { clock, health, ask, calls } = openLimited();
    const start = clock.now().getTime();
    const answers = await askMany(ask, 20, 100);
    assert.deepEqual([knownOf(answers), calls()], [5, 5]);
    assert.deepEqual(answers.at(-1), {
      provider: 'ALPHA',
      account: 'default',
      kind: 'unavailable',
      retryAt: new Date(start + WINDOW_MS),
      cause: 'it would get more calls than it allows: others came first',
      ours: true,
    });
    // That is nothing about the provider.
    const { state, reason } = health.circuit(idOf('ALPHA'), 'READ');
    assert.deepEqual([state, reason], ['CLOSED', null]);
    await clock.advance(WINDOW_MS - 1);
    assert.equal((await ask(200)).kind, 'unavailable');
    await clock.advance(1);
    assert.equal((await ask(200)).kind, 'known');
  });

  it('can be asked however much it is sent, and sent to however much it is asked', async () => {
    const { pace, ask, call, calls } = openLimited();
    call('SUBMIT', 100);
    call('LOOKUP', 100);
    assert.equal(knownOf(await askMany(ask, 20, 100)), 2);
    assert.equal(calls(), 2);
    const other = openLimited();
    await askMany(other.ask, 100, 100);
    assert.equal(other.pace.share('SUBMIT').left(idOf('ALPHA')), 4);
    assert.equal(pace.share('READ').left(idOf('ALPHA')), 0);
  });

  it('tells what is remembered while no call is left, but not to whoever wants it fresh', async () => {
    const { ask } = openLimited();
    await askMany(ask, 20, 100);
    assert.equal(knownOf(await Promise.all(Array.from({ length: 64 }, () => ask(100)))), 64);
    assert.equal((await ask(100, true)).kind, 'unavailable');
  });

  it('is asked for its balances as soon as there is a call for it', async () => {
    const { clock, market, call, ask } = openLimited();
    call('SUBMIT', 7);
    await askMany(ask, 2, 100);
    assert.equal(await market.balance(idOf('ALPHA'), 'default'), null);
    await clock.advance(WINDOW_MS);
    assert.deepEqual(await market.balance(idOf('ALPHA'), 'default'), [usdt('500')]);
  });

  it('is tried once its circuit is half open by the first question for which there is a call', async () => {
    const { clock, health, ask, call } = openLimited();
    await askMany(ask, 5, 100);
    await clock.advance(1000);
    health.note(idOf('ALPHA'), 'READ', { answered: false, cause: 'it broke', retryAfterMs: 5000 });
    await clock.advance(5000);
    call('LOOKUP', 1);
    const { state } = health.circuit(idOf('ALPHA'), 'READ');
    const refused = await ask(200);
    assert.deepEqual([state, refused.kind === 'unavailable' && refused.ours], ['HALF_OPEN', true]);
    assert.equal(health.circuit(idOf('ALPHA'), 'READ').state, 'HALF_OPEN');
    await clock.advance(4000);
    assert.equal((await ask(201)).kind, 'known');
    assert.equal(health.circuit(idOf('ALPHA'), 'READ').state, 'CLOSED');
  });
});

describe('what a provider publishes', () => {
  const rates = '{"state":0,"result":{"USDT":{"BTC":"0.00001055"}}}';
  const LISTS = new Map([
    ['/common/currencies', CURRENCIES_ANSWER],
    ['/admin/api/v2/pub/coin/list', COIN_LIST],
    ['/admin/api/v2/pub/network/list', NETWORK_LIST],
    ['/v1/exchange-rates', rates],
  ]);
  const contract = { apiKey: 'a', secretKey: 'b', webhookKey: 'c', contractId: '1', network: 'TRON' };
  const CASES = [
    { slug: 'oxapay', values: { payoutKey: 'k' }, lists: 1, conversion: {} },
    { slug: 'blockatm', values: contract, lists: 2, conversion: {} },
    { slug: 'io2328', values: { project: 'p', payoutKey: 'k' }, lists: 1, conversion: { sourceCurrency: 'BTC' } },
  ];

  /** The calculation of what was asked, with a fee of 3. */
  function calculate(question: string): string {
    const { amount, ...asked } = JSON.parse(question);
    const result = { ...asked, amount, merchant_amount: String(Number(amount) + 3), network_amount: amount };
    return JSON.stringify({ state: 0, result: { ...result, from_currency: undefined } });
  }

  for (const { slug, values, lists, conversion } of CASES) {
    it(`is read once in ten seconds for a crowd, and anew for whoever wants it fresh: ${slug}`, async () => {
      let read = 0;
      const server = createServer(async (request, response) => {
        const question = (await request.setEncoding('utf8').toArray()).join('');
        const list = LISTS.get(request.url ?? '');
        if (list !== undefined) read += 1;
        response.end(list ?? calculate(question));
      });
      await once(server.listen(0, '127.0.0.1'), 'listening');
      const { port } = server.address() as AddressInfo;
      const clock = createManualClock();
      const definition = definitions.find((each) => each.slug === slug);
      assert.ok(definition);
      const account = { name: 'default', enabled: true, callbackUrl: null };
      const settings = { ...account, values: { ...values, baseUrl: `http://127.0.0.1:${port}` } };
      const opened = definition.open([settings], createTransport(clock.now), clock.now);
      // Where each price is a call, a crowd of them is more than the published limit.
      const provider = slug === 'io2328' ? { ...opened, callsPerMinute: null } : opened;
      const pace = createPace([provider], clock);
      const deps = { providers: [provider], clock, health: createBreaker(clock, 'test'), pace, minimumBalances: [] };
      const market = createMarket(deps);
      const ask = (amount: number, fresh = false) =>
        market.quote(provider.id, 'default', requestOf(String(amount), conversion), fresh);
      try {
        const crowd = await Promise.all(Array.from({ length: 64 }, (_, index) => ask(100 + index)));
        assert.deepEqual(new Set(crowd.map(({ kind }) => kind)), new Set(['known']), JSON.stringify(crowd[0]));
        assert.equal(read, lists);
        await clock.advance(10_000);
        await ask(90);
        assert.equal(read, lists);
        await ask(91, true);
        assert.equal(read, 2 * lists);
        await clock.advance(10_001);
        await ask(92);
        assert.equal(read, 3 * lists);
      } finally {
        await provider.close();
        server.close();
      }
    });
  }

  it('costs a crowd one reading of the published limit, and none where nothing is read', async () => {
    let requests = 0;
    const server = createServer((request, response) => {
      requests += 1;
      response.end(LISTS.get(request.url ?? ''));
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo;
    const clock = createManualClock();
    const definition = definitions.find((each) => each.slug === 'blockatm');
    assert.ok(definition);
    const values = { ...contract, baseUrl: `http://127.0.0.1:${port}` };
    const settings = { name: 'default', enabled: true, callbackUrl: null, values };
    const provider = definition.open([settings], createTransport(clock.now), clock.now);
    const [pace, health] = [createPace([provider], clock), createBreaker(clock, 'test')];
    const market = createMarket({ providers: [provider], clock, health, pace, minimumBalances: [] });
    const crowd = async () => {
      const asked = Array.from({ length: 64 }, (_, at) => requestOf(String(100 + at)));
      const answers = await Promise.all(asked.map((one) => market.quote(provider.id, 'default', one, false)));
      return new Set(answers.map((answer) => `${answer.kind} ${answer.kind === 'unavailable' && answer.ours}`));
    };
    const takeAll = (times: number) => {
      for (let time = 0; time < times; time += 1) pace.share('READ').take(provider.id)?.use();
    };
    try {
      takeAll(5);
      assert.deepEqual([await crowd(), requests], [new Set(['unavailable true']), 0]);
      assert.deepEqual(health.fuses(provider.id), []);
      await clock.advance(6000);
      takeAll(3);
      assert.deepEqual([await crowd(), requests], [new Set(['known false']), 2]);
      await clock.advance(10_000);
      takeAll(5);
      assert.deepEqual([await crowd(), requests], [new Set(['known false']), 2]);
    } finally {
      await provider.close();
      server.close();
    }
  });
});
