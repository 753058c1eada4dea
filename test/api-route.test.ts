import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import type { PayoutId } from '../src/domain/payout.ts';
import type { ProviderId as Id } from '../src/domain/provider.ts';
import type { CreatePayoutInput, ProviderId } from './operations/generated/graphql.ts';
import { type Api, type Caller, describeApi, inputOf, openApi } from './support/api.ts';

const QUOTE = 'id provider account debit { amount currency } receive { amount currency } expiresAt';
const ROUTE = `policy chosen candidates { provider account verdict reason quote { ${QUOTE} } }`;
const PAYOUT = `id state quote { ${QUOTE} } route { ${ROUTE} }`;
const FAILURE = `
  ... on Error { code message retryable moneyMoved }
  ... on InvalidInputError { issues { path message } }
  ... on ReferenceConflictError { payout { id } differences }
  ... on UnsupportedError { reasons { provider reason } }
  ... on QuoteExpiredError { expiredAt }
  ... on ProviderUnavailableError { provider retryAt }
`;
const CREATE = `mutation Create($input: CreatePayoutInput!) {
  answer: createPayout(input: $input) {
    __typename ${FAILURE} ... on CreatePayoutSuccess { replayed payout { ${PAYOUT} } }
  }
}`;
const SIMULATE = `query Simulate($input: CreatePayoutInput!) {
  answer: simulatePayout(input: $input) {
    __typename ${FAILURE}
    ... on SimulatePayoutSuccess { existing { id } quote { ${QUOTE} } route { ${ROUTE} } }
  }
}`;
const QUOTES = `query Quotes($input: QuotesInput!) { quotes(input: $input) { ... on Quote { ${QUOTE} } } }`;
const LIST = '{ payouts(first: 100) { edges { node { id } } } }';

interface Quote {
  readonly id: string;
  readonly provider: ProviderId;
  readonly debit: object;
  readonly receive: object;
  readonly expiresAt: string;
}

interface Route {
  readonly policy: string;
  readonly chosen: string;
  readonly candidates: readonly {
    readonly provider: ProviderId;
    readonly verdict: string;
    readonly reason: string;
    readonly quote: Quote | null;
  }[];
}

/** A member of a result union: what is not of its type is undefined. */
interface Answer {
  readonly __typename: string;
  readonly code?: string;
  readonly retryable?: boolean;
  readonly moneyMoved?: string;
  readonly issues?: readonly { readonly path: readonly string[] }[];
  readonly differences?: readonly string[];
  readonly expiredAt?: string;
  readonly provider?: string;
  readonly retryAt?: string | null;
  readonly replayed?: boolean;
  readonly payout?: { readonly id: PayoutId; readonly quote: Quote | null; readonly route: Route | null };
  readonly existing?: { readonly id: string } | null;
  readonly quote?: Quote | null;
  readonly route?: Route | null;
}

async function ask(client: Caller, text: string, input: object): Promise<Answer> {
  const { data, errors } = await client.ask(text, { input });
  assert.equal(errors, undefined, JSON.stringify(errors));
  return data?.answer as Answer;
}

/** Creates a payout, and gives it as it is answered. */
async function made(client: Caller, input: object) {
  const answer = await ask(client, CREATE, input);
  assert.ok(answer.payout, JSON.stringify(answer));
  return answer.payout;
}

/** What a provider takes for 100 USDT on TRON. */
async function quoteOf(client: Caller, provider: ProviderId): Promise<Quote> {
  const input = { amount: { amount: '100', currency: 'USDT' }, network: 'TRON', providers: [provider] };
  const { data, errors } = await client.ask(QUOTES, { input });
  const [quote] = (data?.quotes ?? []) as readonly Quote[];
  assert.ok(quote?.id, JSON.stringify(errors ?? data));
  return quote;
}

/** An input that names no provider. */
const openInput = (amount: string, changes: Partial<CreatePayoutInput> = {}) =>
  inputOf(amount, { provider: null, ...changes });

const ETHEREUM = { blockchain: { address: '0x89cDdd7Ed1f99afa7118e11592F8A75c56d17044', network: 'ETHEREUM' } };
const MINUTE_MS = 60_000;

describeApi('simulatePayout', (open) => {
  let api: Api;
  beforeEach(async () => {
    api = await openApi(await open());
  });
  afterEach(() => api.close());

  async function assertNothingStored(): Promise<void> {
    await api.world.rest();
    const { data } = await api.merchant.ask(LIST);
    assert.deepEqual(data?.payouts, { edges: [] });
    assert.deepEqual(api.world.sandbox?.books(), []);
  }

  /** Holds that `createPayout` gives the refusal that was foretold, and that neither leaves anything. */
  async function assertForetold(input: CreatePayoutInput, type: string): Promise<Answer> {
    const foretold = await ask(api.merchant, SIMULATE, input);
    assert.equal(foretold.__typename, type);
    await assertNothingStored();
    assert.deepEqual(await ask(api.merchant, CREATE, input), foretold);
    await assertNothingStored();
    return foretold;
  }

  it('refuses with the very refusal of createPayout, and stores nothing', async () => {
    const quote = await quoteOf(api.merchant, 'OXAPAY');
    const wrong: readonly Partial<CreatePayoutInput>[] = [
      { amount: { amount: '0', currency: 'USDT' } },
      { destination: { blockchain: { address: 'nowhere', network: 'TRON' } }, reference: 'no spaces' },
      { quoteId: 'qt_nobody' },
      { quoteId: quote.id, provider: 'IO2328' },
      { priceTolerance: '0.01' },
    ];
    for (const changes of wrong) {
      const { issues } = await assertForetold(openInput('100', changes), 'InvalidInputError');
      assert.ok(issues?.length);
    }
    const nobody = { amount: { amount: '100', currency: 'XYZ' }, destination: ETHEREUM, feeMode: 'DEDUCT' } as const;
    await assertForetold(openInput('100', nobody), 'UnsupportedError');
    await assertForetold(openInput('100', { provider: 'OXAPAY', feeMode: 'DEDUCT' }), 'UnsupportedError');
    await api.world.pass(MINUTE_MS + 1000);
    const { expiredAt } = await assertForetold(openInput('100', { quoteId: quote.id }), 'QuoteExpiredError');
    assert.equal(expiredAt, quote.expiresAt);
  });

  it('refuses as createPayout does where whoever could pay is DOWN, and not where one is named', async () => {
    for (const { id } of api.world.providers) {
      api.world.health.note(id, 'SUBMIT', { answered: false, cause: 'it is closed', retryAfterMs: MINUTE_MS });
    }
    const refused = await assertForetold(openInput('100'), 'ProviderUnavailableError');
    assert.deepEqual([refused.code, refused.retryable, refused.moneyMoved], ['PROVIDER_UNAVAILABLE', true, 'NO']);
    assert.equal(refused.provider, 'IO2328');
    assert.equal(refused.retryAt, new Date(api.world.clock.now().getTime() + MINUTE_MS).toISOString());
    assert.equal((await ask(api.merchant, SIMULATE, inputOf('100'))).__typename, 'SimulatePayoutSuccess');
  });

  it('says where an acceptable one would go, with the price of each, and stores nothing', async () => {
    const { existing, quote, route } = await ask(api.merchant, SIMULATE, openInput('100'));
    assert.equal(existing, null);
    assert.deepEqual(
      route?.candidates.map(({ provider, verdict, quote: price }) => [provider, verdict, price?.provider ?? null]),
      [
        ['IO2328', 'CHOSEN', 'IO2328'],
        ['OXAPAY', 'ELIGIBLE', 'OXAPAY'],
        ['BLOCKATM', 'ELIGIBLE', 'BLOCKATM'],
        ['CHAINPAY', 'ELIGIBLE', null],
        ['XCURRENCY', 'UNSUPPORTED', null],
      ],
    );
    assert.ok(route?.candidates.every(({ reason }) => reason.length > 0));
    assert.deepEqual(quote, route?.candidates[0]?.quote);
    await assertNothingStored();
    // Its id is one that createPayout takes.
    const payout = await made(api.merchant, openInput('100', { quoteId: quote?.id ?? '' }));
    assert.deepEqual(payout.quote, quote);
  });

  it('considers nobody but the provider that is named', async () => {
    const input = inputOf('100', { provider: 'OXAPAY' });
    const { quote, route } = await ask(api.merchant, SIMULATE, input);
    assert.deepEqual(
      route?.candidates.map(({ provider, verdict, reason }) => [provider, verdict, reason]),
      [['OXAPAY', 'CHOSEN', 'it was named']],
    );
    assert.equal(quote?.provider, 'OXAPAY');
    await assertNothingStored();
    assert.equal((await made(api.merchant, input)).route, null);
  });

  it('shows the quote that it would be held to, not what it would cost now', async () => {
    const quoted = await quoteOf(api.merchant, 'BLOCKATM');
    await api.world.pass(MINUTE_MS / 2);
    const { quote, route } = await ask(api.merchant, SIMULATE, openInput('100', { quoteId: quoted.id }));
    assert.deepEqual(quote, quoted);
    assert.deepEqual([route?.chosen, route?.candidates.length], ['BLOCKATM', 1]);
  });

  it('answers the payout that the same input has created, and the conflict of another input', async () => {
    const input = openInput('100');
    const { id, route } = await made(api.merchant, input);
    await api.until(id, 'COMPLETED');
    const books = api.world.sandbox?.books();
    const known = await ask(api.merchant, SIMULATE, input);
    assert.equal(known.existing?.id, id);
    assert.deepEqual(known.route, route);
    const other = { ...input, amount: { amount: '101', currency: 'USDT' } };
    const conflict = await ask(api.merchant, SIMULATE, other);
    assert.deepEqual([conflict.code, conflict.differences], ['REFERENCE_CONFLICT', ['amount.amount']]);
    assert.deepEqual(await ask(api.merchant, CREATE, other), conflict);
    await api.world.rest();
    const { data } = await api.merchant.ask(LIST);
    assert.deepEqual(data?.payouts, { edges: [{ node: { id } }] });
    assert.deepEqual(api.world.sandbox?.books(), books);
  });
});

describeApi('createPayout with a quote', (open) => {
  let api: Api;
  before(async () => {
    api = await openApi(await open({ ROUTING: 'CHEAPEST' }));
  });
  after(() => api.close());

  const pathsOf = async (client: Caller, input: object) => {
    const { __typename, issues } = await ask(client, CREATE, input);
    assert.equal(__typename, 'InvalidInputError');
    return issues?.map(({ path }) => path.join('.'));
  };

  it('is refused for each thing that is not what was quoted, by its path', async () => {
    const { id: quoteId } = await quoteOf(api.merchant, 'IO2328');
    const differing: readonly (readonly [Partial<CreatePayoutInput>, readonly string[]])[] = [
      [{ amount: { amount: '100.01', currency: 'USDT' } }, ['amount.amount']],
      [{ amount: { amount: '100', currency: 'USDC' } }, ['amount.currency']],
      [{ feeMode: 'DEDUCT' }, ['feeMode']],
      [{ destination: ETHEREUM }, ['destination.blockchain.network']],
      [{ provider: 'OXAPAY' }, ['provider']],
      [{ sourceCurrency: 'BTC' }, ['sourceCurrency']],
      [{ receiveCurrency: 'BTC' }, ['receiveCurrency']],
      [{ feeMode: 'DEDUCT', provider: 'OXAPAY' }, ['feeMode', 'provider']],
    ];
    for (const [changes, paths] of differing) {
      assert.deepEqual(await pathsOf(api.merchant, openInput('100', { quoteId, ...changes })), paths);
    }
    // By value: it is the same amount.
    const same = { quoteId, amount: { amount: '100.00', currency: 'USDT' }, provider: 'IO2328' } as const;
    assert.equal((await made(api.merchant, openInput('100', same))).quote?.provider, 'IO2328');
  });

  it('is refused for what is no quote of this merchant', async () => {
    const { id } = await quoteOf(api.merchant, 'IO2328');
    assert.deepEqual(await pathsOf(api.stranger, openInput('100', { quoteId: id })), ['quoteId']);
    for (const at of [3, 40, 80, id.length - 5]) {
      const quoteId = id.slice(0, at) + (id[at] === 'A' ? 'B' : 'A') + id.slice(at + 1);
      assert.deepEqual(await pathsOf(api.merchant, openInput('100', { quoteId })), ['quoteId'], `changed at ${at}`);
    }
    assert.deepEqual(await pathsOf(api.merchant, openInput('100', { quoteId: id.slice(0, -4) })), ['quoteId']);
  });

  it('takes a tolerance of 0.5 at most, and only with a quote', async () => {
    const { id: quoteId } = await quoteOf(api.merchant, 'IO2328');
    assert.deepEqual(await pathsOf(api.merchant, openInput('100', { priceTolerance: '0.01' })), ['priceTolerance']);
    for (const priceTolerance of ['0.51', '0.500000000000000001', '1']) {
      assert.deepEqual(await pathsOf(api.merchant, openInput('100', { quoteId, priceTolerance })), ['priceTolerance']);
    }
    for (const priceTolerance of ['0', '0.50']) await made(api.merchant, openInput('100', { quoteId, priceTolerance }));
  });

  it('is refused a minute later, and a reference that is known by then still answers its payout', async () => {
    const quote = await quoteOf(api.merchant, 'OXAPAY');
    const input = openInput('100', { quoteId: quote.id });
    const { id } = await made(api.merchant, input);
    await api.world.pass(MINUTE_MS - 1000);
    await made(api.merchant, openInput('100', { quoteId: quote.id }));
    await api.world.pass(2000);
    const late = await ask(api.merchant, CREATE, openInput('100', { quoteId: quote.id }));
    assert.deepEqual(
      [late.__typename, late.expiredAt, late.retryable, late.moneyMoved],
      ['QuoteExpiredError', quote.expiresAt, false, 'NO'],
    );
    const again = await ask(api.merchant, CREATE, input);
    assert.deepEqual([again.replayed, again.payout?.id], [true, id]);
    assert.deepEqual(again.payout?.quote, quote);
  });

  it('goes to its provider whatever the policy would choose, and shows what it is held to', async () => {
    const quote = await quoteOf(api.merchant, 'OXAPAY');
    const payout = await made(api.merchant, openInput('100', { quoteId: quote.id }));
    assert.deepEqual([payout.quote, payout.route], [quote, null]);
    const paid = await api.until(payout.id, 'COMPLETED', 'FAILED');
    assert.deepEqual([paid.state, paid.provider?.provider], ['COMPLETED', 'OXAPAY']);
  });

  it('takes each quote of the candidates of another payout’s route', async () => {
    const { quote, route } = await made(api.merchant, openInput('100'));
    assert.equal(quote, null);
    assert.deepEqual([route?.policy, route?.chosen], ['CHEAPEST', 'BLOCKATM']);
    assert.deepEqual(
      route?.candidates.map(({ provider, verdict }) => [provider, verdict]),
      [
        ['BLOCKATM', 'CHOSEN'],
        ['OXAPAY', 'ELIGIBLE'],
        ['IO2328', 'ELIGIBLE'],
        ['CHAINPAY', 'ELIGIBLE'],
        ['XCURRENCY', 'UNSUPPORTED'],
      ],
    );
    const [chosen, , , chainpay] = route?.candidates ?? [];
    assert.equal(chosen?.reason, 'the cheapest: debits 101 USDT for 100 USDT');
    assert.equal(chainpay?.quote, null);
    const priced = route?.candidates.flatMap((one) => (one.quote === null ? [] : [one.quote])) ?? [];
    assert.equal(priced.length, 3);
    for (const { id: quoteId, provider } of priced) {
      const held = await made(api.merchant, openInput('100', { quoteId }));
      assert.deepEqual([held.quote?.id, held.quote?.provider], [quoteId, provider]);
    }
  });
});

describeApi('routing by measured times', (open) => {
  let api: Api;
  before(async () => {
    api = await openApi(await open({ ROUTING: 'FASTEST' }));
  });
  after(() => api.close());

  /** Pays, and gives how long it took from the first send to the end. */
  async function timeOf(provider: ProviderId, amount: string): Promise<number> {
    const { id } = await made(api.merchant, inputOf(amount, { provider }));
    const known = { merchantId: api.merchant.merchantId, id };
    const { attempts } = await api.world.until(known, ['COMPLETED']);
    const end = (await api.world.events(known)).find(({ state }) => state === 'COMPLETED');
    const sentAt = attempts[0]?.sends[0]?.startedAt;
    assert.ok(end && sentAt);
    return end.at.getTime() - sentAt.getTime();
  }

  it('begins in the configured order', async () => {
    const { route } = await made(api.merchant, openInput('10.83'));
    assert.deepEqual(
      [route?.policy, route?.chosen, route?.candidates[0]?.reason],
      ['FASTEST', 'IO2328', 'no times were measured yet'],
    );
  });

  describe('once payouts have come to their end', () => {
    it('goes to whoever was the fastest, and says how fast', async () => {
      // The first two sends of .66 find it in maintenance, and the time counts from the first.
      const slow = await timeOf('IO2328', '10.66');
      const fast = await timeOf('OXAPAY', '10');
      assert.ok(fast < slow, `${fast} ms and ${slow} ms`);
      const { id, route } = await made(api.merchant, openInput('10'));
      assert.deepEqual(
        route?.candidates.map(({ provider }) => provider),
        ['OXAPAY', 'IO2328', 'BLOCKATM', 'CHAINPAY', 'XCURRENCY'],
      );
      assert.equal(route?.candidates[0]?.reason, `the fastest: ${Math.round(fast / 1000)} s lately`);
      assert.equal((await api.until(id, 'COMPLETED')).provider?.provider, 'OXAPAY');
      assert.equal(await api.world.health.usualMs('IO2328' as Id), slow);
    });

    it('leaves it for one that is faster since', async () => {
      const usual = await api.world.health.usualMs('OXAPAY' as Id);
      const { id } = await made(api.merchant, inputOf('10.89', { provider: 'BLOCKATM' }));
      await api.until(id, 'COMPLETED');
      const now = await api.world.health.usualMs('BLOCKATM' as Id);
      assert.ok(now !== null && usual !== null && now < usual, `${now} ms and ${usual} ms`);
      assert.equal((await made(api.merchant, openInput('10'))).route?.chosen, 'BLOCKATM');
    });
  });
});
