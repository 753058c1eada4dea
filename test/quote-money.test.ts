import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import type { Decimal, Money } from '../src/domain/money.ts';
import { parseDecimal } from '../src/domain/money.ts';
import type { Destination, Order, Parties } from '../src/domain/payout.ts';
import { requestOf } from '../src/domain/price.ts';
import type { Price, Provider, ProviderId, QuoteRequest, ReadOutcome } from '../src/domain/provider.ts';
import { definitions } from '../src/providers/index.ts';
import { CURRENCIES } from '../src/providers/io2328/networks.ts';
import { sides } from '../src/providers/sandboxes.ts';
import { type Conversion, priceAt } from '../src/providers/xcurrency/price.ts';
import { RATES } from '../src/providers/xcurrency/sandbox-data.ts';
import { FAULTS } from '../src/sandbox/faults.ts';
import { createTransport } from '../src/transport.ts';
import { orderOf } from './support/payouts.ts';
import { openWorld, type World } from './support/world.ts';

// Every sum here is reckoned in whole units of 10^-18, apart from the code that is tested.

const SEED = 20_260_107;
const UNITS = 10n ** 18n;

/** A number in [0, 1) at each call, the same row for the same seed. Source: mulberry32. */
function createChance(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const chance = createChance(SEED);
const below = (end: number): number => Math.floor(chance() * end);

function pick<T>(list: readonly T[]): T {
  const one = list[below(list.length)];
  assert.ok(one !== undefined, 'nothing to pick from');
  return one;
}

function decimal(text: string): Decimal {
  const value = parseDecimal(text);
  assert.ok(value !== null, text);
  return value;
}

function unitsOf(value: Decimal): bigint {
  const [whole = '0', places = ''] = value.split('.');
  return BigInt(whole + places.padEnd(18, '0'));
}

const sumOf = (amounts: readonly Decimal[]): bigint => amounts.reduce((sum, amount) => sum + unitsOf(amount), 0n);

/** From `least` up to a hundred times that, with at most so many places, zeros at the end included. */
function randomAmount(least: number, places: number): Decimal {
  const scale = below(places + 1);
  const whole = String(least + below(99 * least));
  const digits = Array.from({ length: scale }, () => below(10)).join('');
  return decimal(scale === 0 ? whole : `${whole}.${digits}`);
}

/** From nothing to hundreds, at any scale. */
function randomFigure(places: number): Decimal {
  const scale = below(places + 1);
  const whole = chance() < 0.5 ? '0' : String(below(300));
  const digits = Array.from({ length: scale }, () => below(10)).join('');
  return decimal(scale === 0 ? whole : `${whole}.${digits}`);
}

const textOf = (units: bigint): Decimal => {
  const digits = units.toString().padStart(19, '0');
  return decimal(`${digits.slice(0, -18)}.${digits.slice(-18)}`);
};

/** What the provider takes, without what the network will: that is an estimate, and stands outside. */
const takenOf = ({ fees }: Pick<Price, 'fees'>) => fees.filter(({ kind }) => kind !== 'NETWORK');

/** Debited is what arrives and what is taken, exactly. */
function assertSum(price: Price, words: string): void {
  const taken = takenOf(price);
  const currencies = new Set([price.debit, price.receive, ...taken].map(({ currency }) => currency));
  assert.equal(currencies.size, 1, words);
  const parts = sumOf([price.receive.amount, ...taken.map(({ amount }) => amount)]);
  assert.equal(unitsOf(price.debit.amount), parts, `${words}: ${JSON.stringify(price)}`);
  if (taken.length < price.fees.length) assert.equal(price.firmness, 'INDICATIVE', words);
}

function known(outcome: ReadOutcome<Price> | string | undefined, words: string): Price {
  assert.ok(typeof outcome === 'object' && outcome.kind === 'known', `${words}: ${JSON.stringify(outcome)}`);
  return outcome.value;
}

function requestFor(amount: Decimal, currency: string, changes: Partial<QuoteRequest> = {}): QuoteRequest {
  const nothing = { channel: null, sourceCurrency: null, receiveCurrency: null };
  return { amount: { amount, currency }, feeMode: 'ADD', network: 'TRON', ...nothing, ...changes };
}

describe(`prices of random figures (seed ${SEED})`, () => {
  const ROUNDS = 150;
  const answers = new Map<string, string>();
  const server = createServer((request, response) => {
    request.resume().on('end', () => response.end(answers.get(request.url ?? '') ?? ''));
  });
  const opened: Provider[] = [];
  before(() => once(server.listen(0, '127.0.0.1'), 'listening'));
  after(async () => {
    await Promise.all(opened.map((provider) => provider.close()));
    server.close();
    await once(server, 'close');
  });

  function open(slug: string, values: Readonly<Record<string, string>>) {
    const definition = definitions.find((each) => each.slug === slug);
    assert.ok(definition, slug);
    const { port } = server.address() as AddressInfo;
    const settings = { name: 'default', enabled: true, callbackUrl: null };
    const account = { ...settings, values: { baseUrl: `http://127.0.0.1:${port}/${slug}`, ...values } };
    const now = () => new Date();
    const provider = definition.open([account], createTransport(now), now);
    opened.push(provider);
    return async (request: QuoteRequest, words: string) =>
      known(await provider.quote?.('default', request, { sendBy: null, ...neverOver() }), words);
  }

  it('of OxaPay add up: the amount, and the withdrawal fee on top', async () => {
    const ask = open('oxapay', { payoutKey: 'key of this test' });
    for (let round = 0; round < ROUNDS; round += 1) {
      const fee = randomFigure(8);
      const terms = { network: 'Tron', name: 'TRC20', keys: ['trx'], withdraw_fee: JSON.rawJSON(fee), withdraw_min: 0 };
      const data = { USDT: { symbol: 'USDT', name: 'Tether', status: true, networks: { Tron: terms } } };
      answers.set('/oxapay/common/currencies', JSON.stringify({ data, message: '', error: {}, status: 200 }));
      const amount = randomAmount(1, 8);
      const price = await ask(requestFor(amount, 'USDT'), `${amount} and ${fee}`);
      assertSum(price, `${amount} and ${fee}`);
      assert.equal(unitsOf(price.receive.amount), unitsOf(amount));
      assert.deepEqual(
        price.fees.map((each) => unitsOf(each.amount)),
        [unitsOf(fee)],
      );
    }
  });

  it('of BlockATM add up: the amount and the fee on top, the estimated gas outside', async () => {
    const keys = { apiKey: 'a', secretKey: 'b', webhookKey: 'c', contractId: '1', network: 'TRON' };
    const ask = open('blockatm', keys);
    let estimated = 0;
    for (let round = 0; round < ROUNDS; round += 1) {
      const [fee, gas] = [randomFigure(6), randomFigure(6)];
      const networks = [{ chainId: 'TRON', minAmount: '1', maxAmount: '100', withdrawFee: fee }];
      const chain = { chainId: '0x2b6653dc', status: 'active', avgGasFee: gas };
      answers.set('/blockatm/admin/api/v2/pub/coin/list', toList([{ symbol: 'USDT', networks }]));
      answers.set('/blockatm/admin/api/v2/pub/network/list', toList([chain]));
      const amount = randomAmount(1, 6);
      const price = await ask(requestFor(amount, 'USDT'), `${amount} and ${fee}`);
      assertSum(price, `${amount} and ${fee}, gas ${gas}`);
      assert.equal(unitsOf(price.receive.amount), unitsOf(amount));
      const estimates = price.fees.filter(({ kind }) => kind === 'NETWORK');
      assert.deepEqual(
        estimates.map((each) => unitsOf(each.amount)),
        unitsOf(gas) === 0n ? [] : [unitsOf(gas)],
      );
      estimated += estimates.length;
    }
    assert.ok(estimated > ROUNDS / 2);
  });

  const keys2328 = { project: 'p', payoutKey: 'k' };
  /** An answer of the calculation: a fee borne by whom the mode says. */
  function calculate(amount: Decimal, fee: Decimal, feeMode: QuoteRequest['feeMode'], more: object = {}) {
    const adds = feeMode === 'ADD';
    const result = {
      ...{ currency: 'USDT', network: 'TRX-TRC20', amount, fee_option: adds ? 'add' : 'deduct' },
      merchant_amount: adds ? textOf(unitsOf(amount) + unitsOf(fee)) : amount,
      network_amount: adds ? amount : textOf(unitsOf(amount) - unitsOf(fee)),
      ...more,
    };
    answers.set('/io2328/v1/payout/calc', JSON.stringify({ state: 0, result }));
    return result;
  }

  it('of 2328.io add up in both fee modes', async () => {
    const ask = open('io2328', keys2328);
    for (let round = 0; round < ROUNDS; round += 1) {
      const feeMode = pick(['ADD', 'DEDUCT'] as const);
      const amount = randomAmount(400, 8);
      const fee = randomFigure(8);
      const words = `${feeMode} ${amount} and ${fee}`;
      calculate(amount, fee, feeMode);
      const price = await ask(requestFor(amount, 'USDT', { feeMode }), words);
      assertSum(price, words);
      const borne = feeMode === 'ADD' ? price.receive : price.debit;
      assert.equal(unitsOf(borne.amount), unitsOf(amount), words);
      assert.deepEqual(
        price.fees.map((each) => unitsOf(each.amount)),
        [unitsOf(fee)],
        words,
      );
    }
  });

  it('of 2328.io that are converted by the published rates are rounded against us, by less than a unit', async () => {
    const ask = open('io2328', keys2328);
    const unit = UNITS / 10n ** 8n;
    for (let round = 0; round < ROUNDS; round += 1) {
      const feeMode = pick(['ADD', 'DEDUCT'] as const);
      const amount = randomAmount(400, 8);
      const rate = decimal(`${below(3)}.${String(1 + below(99_999_999)).padStart(8, '0')}`);
      const words = `${feeMode} ${amount} at ${rate}`;
      const { merchant_amount: charged, network_amount: received } = calculate(amount, randomFigure(8), feeMode);
      answers.set('/io2328/v1/exchange-rates', JSON.stringify({ state: 0, result: { USDT: { BTC: rate } } }));
      const price = await ask(requestFor(amount, 'USDT', { feeMode, sourceCurrency: 'BTC' }), words);
      const exact = unitsOf(charged) * unitsOf(rate);
      const debited = unitsOf(price.debit.amount) * UNITS;
      assert.ok(debited >= exact && debited < exact + unit * UNITS, `${words}: ${price.debit.amount}`);
      assert.equal(unitsOf(price.debit.amount) % unit, 0n, words);
      assert.equal(unitsOf(price.receive.amount), unitsOf(received), words);
      assert.deepEqual([price.debit.currency, price.receive.currency], ['BTC', 'USDT']);
    }
  });

  it('of 2328.io whose rates go through USD are rounded against us twice, and never for us', async () => {
    const ask = open('io2328', keys2328);
    for (let round = 0; round < ROUNDS; round += 1) {
      const amount = randomAmount(400, 8);
      const [inUsd, ofUsd] = [randomFigure(8), randomFigure(8)];
      const { merchant_amount: charged } = calculate(amount, randomFigure(8), 'ADD');
      const rates = { USDT: { USD: inUsd }, USD: { BTC: ofUsd } };
      answers.set('/io2328/v1/exchange-rates', JSON.stringify({ state: 0, result: rates }));
      if (unitsOf(inUsd) === 0n || unitsOf(ofUsd) === 0n) continue;
      const words = `${amount} at ${inUsd} and ${ofUsd}`;
      const price = await ask(requestFor(amount, 'USDT', { sourceCurrency: 'BTC' }), words);
      const exact = unitsOf(charged) * unitsOf(inUsd) * unitsOf(ofUsd);
      assert.ok(unitsOf(price.debit.amount) * UNITS * UNITS >= exact, words);
    }
  });

  it('of xCurrency follow from the rate, as its cut-off product or as the least that reaches the amount', () => {
    const cent = UNITS / 100n;
    const product = (debit: bigint, rate: Decimal): bigint => ((debit * unitsOf(rate)) / UNITS / cent) * cent;
    let reached = 0;
    for (let round = 0; round < 20 * ROUNDS; round += 1) {
      const rate = decimal(`${below(10)}.${String(1 + below(999_999)).padStart(6, '0')}`);
      const amount = randomAmount(1, 2);
      const kind = pick<Conversion['kind']>(['deliver', 'spend']);
      const { amounts } = priceAt({ kind, amount, source: 'USD' }, rate, new Date());
      const words = `${kind} ${amount} at ${rate}: ${JSON.stringify(amounts)}`;
      if ('nearest' in amounts) {
        const quotient = (unitsOf(amount) * UNITS) / unitsOf(rate) / cent;
        const around = [0n, 1n, 2n].map((more) => product((quotient + more) * cent, rate));
        if (kind === 'deliver') assert.ok(!around.includes(unitsOf(amount)), words);
        else assert.equal(product(unitsOf(amount), rate), 0n, words);
        continue;
      }
      reached += 1;
      const [debit, target] = [unitsOf(amounts.source.amount), unitsOf(amounts.target)];
      assert.equal(target, product(debit, rate), words);
      assert.ok(target * UNITS <= debit * unitsOf(rate), words);
      assert.equal(kind === 'spend' ? debit : target, unitsOf(amount), words);
      if (kind === 'deliver') assert.ok((debit - cent) * unitsOf(rate) < unitsOf(amount) * UNITS, words);
    }
    assert.ok(reached > 10 * ROUNDS);
  });
});

describe(`what the stand-in’s books say after paying (seed ${SEED})`, () => {
  const ROUNDS = 15;
  let world: World;
  before(async () => {
    // Nothing here is never answered: a machine that is busy must not look like it.
    world = await openWorld({}, { standIn: { settleMs: 0 }, worker: { deadlineMs: 20_000 } });
  });
  after(() => world.close());

  const ADDRESSES: Readonly<Record<string, string>> = {
    TRON: 'TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t',
    ETHEREUM: '0x52908400098527886E0F7030069857D2E4169EE7',
    BSC: '0x52908400098527886E0F7030069857D2E4169EE7',
    POLYGON: '0x52908400098527886E0F7030069857D2E4169EE7',
    BITCOIN: '1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa',
  };

  /** An amount that asks the stand-in for nothing out of the ordinary. */
  function ordinaryAmount(places: number): Decimal {
    for (;;) {
      const amount = randomAmount(10, places);
      if (isOrdinary(amount)) return amount;
    }
  }

  async function randomOrder(provider: Provider): Promise<Order> {
    const assets = (await world.catalogue.assets(provider.id)).filter(({ network }) => (network ?? '') in ADDRESSES);
    const { currency, network, feeModes } = pick(assets);
    const destination: Destination = {
      ...{ kind: 'blockchain', memo: null, network: network ?? '' },
      address: ADDRESSES[network ?? ''] ?? '',
    };
    const amount = { amount: ordinaryAmount(6), currency };
    return { ...orderOf('1'), amount, destination, feeMode: pick(feeModes) };
  }

  /** What is left at the provider; null: it does not say. */
  async function balanceOf({ id, balances }: Provider, { currency }: Money): Promise<bigint | null> {
    if (balances === undefined) return null;
    const [answer] = await world.market.balances([id]);
    assert.ok(answer?.kind === 'known', JSON.stringify(answer));
    const balance = answer.balances.find((one) => one.currency === currency);
    return balance ? unitsOf(balance.available) : null;
  }

  /** Asks for a price, pays by its id, and holds the books to it. Null: it is not to be had, or not to be paid here. */
  async function payAsQuoted(slug: string, order: Order, parties: Parties | null): Promise<Price | null> {
    const provider = world.providers.find(({ id }) => id === slug.toUpperCase());
    assert.ok(provider, slug);
    const request = requestOf(order);
    const [answer] = await world.market.quotes(request, [provider.id]);
    if (answer?.kind === 'unsupported') return null;
    const words = `${slug} ${JSON.stringify(request)}`;
    assert.ok(answer?.kind === 'known', `${words}: ${JSON.stringify(answer)}`);
    const { quote: price, account } = answer;
    if (!isOrdinary(price.receive.amount)) return null;
    const before = await balanceOf(provider, price.debit);
    if (before !== null && before < unitsOf(price.debit.amount)) return null;
    const quoted = { provider: provider.id, account, request, price };
    const quoteId = world.quotes.sign(world.merchantId, quoted);
    const made = await world.create(slug, order.amount.amount, { order, parties, quoteId });
    const paid = await world.until(made, ['COMPLETED', 'FAILED', 'CANCELLED']);
    assert.equal(paid.state, 'COMPLETED', `${words}: ${JSON.stringify(paid.closure)}`);
    const [entry, ...others] = world.orders(paid);
    assert.ok(entry && others.length === 0, words);
    const { debit, received, fee } = entry;
    assert.deepEqual(
      [unitsOf(debit.amount), debit.currency],
      [unitsOf(price.debit.amount), price.debit.currency],
      words,
    );
    assert.equal(unitsOf(received), unitsOf(price.receive.amount), words);
    assert.equal(unitsOf(fee), sumOf(takenOf(price).map(({ amount }) => amount)), words);
    // The balance that is shown is at most a second old.
    await world.pass(2000);
    const left = await balanceOf(provider, price.debit);
    if (before !== null) assert.equal(before - (left ?? 0n), unitsOf(price.debit.amount), words);
    const report = paid.attempts.at(-1)?.report;
    for (const told of report?.debits ?? []) {
      assert.deepEqual([unitsOf(told.amount), told.currency], [unitsOf(debit.amount), debit.currency], words);
    }
    for (const told of takenOf({ fees: report?.fees ?? [] })) assert.equal(unitsOf(told.amount), unitsOf(fee), words);
    return price;
  }

  for (const slug of ['oxapay', 'blockatm', 'io2328']) {
    it(`at ${slug} is what the quote promised`, async () => {
      const provider = world.providers.find(({ id }) => id === slug.toUpperCase());
      assert.ok(provider);
      for (let paid = 0; paid < ROUNDS; ) {
        const price = await payAsQuoted(slug, await randomOrder(provider), null);
        if (price === null) continue;
        assertSum(price, slug);
        paid += 1;
      }
    });
  }

  it('at io2328 is what the quote promised where the debit is converted', async () => {
    const provider = world.providers.find(({ id }) => id === 'IO2328');
    assert.ok(provider);
    // A conversion may cost more than there is of the source; that is not paid.
    for (let paid = 0; paid < ROUNDS; ) {
      const order = await randomOrder(provider);
      const sourceCurrency = pick([...CURRENCIES].filter((code) => code !== order.amount.currency));
      const price = await payAsQuoted('io2328', { ...order, sourceCurrency }, null);
      if (price === null) continue;
      assert.equal(price.debit.currency, sourceCurrency);
      paid += 1;
    }
  });

  it('at xcurrency is what the quote promised, converted or not', async () => {
    const side = sides.find((each) => each.slug === 'xcurrency');
    assert.ok(side);
    const kinds = new Map<string, number>();
    for (let round = 0; round < 4 * ROUNDS; round += 1) {
      const { order, parties } = side.sample(ordinaryAmount(2));
      const source = pick([...RATES.keys()]);
      const { amount } = order.amount;
      const [kind, changes] = pick<readonly [string, Partial<Order>]>([
        ['same', {}],
        ['deliver', { sourceCurrency: source }],
        ['spend', { amount: { amount, currency: source }, receiveCurrency: 'CNY' }],
      ]);
      // Most amounts are out of reach at a rate above one; those are said to be, and nothing is paid.
      const price = await payAsQuoted('xcurrency', { ...order, ...changes }, parties);
      if (price === null) continue;
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
      if (kind === 'same') assertSum(price, kind);
    }
    assert.deepEqual([...kinds.keys()].sort(), ['deliver', 'same', 'spend']);
  });

  it('was asked of every provider that quotes', () => {
    const quoting = world.providers.filter(({ quote }) => quote !== undefined).map(({ id }) => id);
    assert.deepEqual(quoting.toSorted(), ['BLOCKATM', 'IO2328', 'OXAPAY', 'XCURRENCY'] as unknown as ProviderId[]);
  });
});

function isOrdinary(amount: Decimal): boolean {
  const places = (amount.split('.')[1] ?? '').replace(/0+$/, '');
  return !FAULTS.has(places.padEnd(2, '0'));
}

function toList(data: readonly object[]): string {
  return JSON.stringify({ code: '0', message: 'success', data });
}

function neverOver() {
  return { signal: new AbortController().signal };
}
