import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, it } from 'node:test';
import type { PayoutId } from '../src/domain/payout.ts';
import { type Api, type Caller, create, describeApi, inputOf, openApi } from './support/api.ts';

const QUOTES = /* GraphQL */ `
  query Quotes($input: QuotesInput!, $merchantId: ID) {
    quotes(input: $input, merchantId: $merchantId) {
      __typename
      ... on Quote {
        id
        provider
        account
        debit { amount currency }
        fees { amount currency kind }
        receive { amount currency }
        rate
        firmness
        expiresAt
      }
      ... on Error { code message retryable moneyMoved }
      ... on UnsupportedError { reasons { provider reason } }
      ... on ProviderUnavailableError { provider retryAt }
      ... on ProviderRejectedError { provider vendorCode vendorMessage }
    }
  }
`;

const BALANCES = /* GraphQL */ `
  query Balances($providers: [ProviderId!]) {
    balances(providers: $providers) {
      __typename
      ... on ProviderBalances { provider account at balances { currency available locked } }
      ... on Error { code message retryable moneyMoved }
    }
  }
`;

const CREATE = /* GraphQL */ `
  mutation Create($input: CreatePayoutInput!) {
    createPayout(input: $input) {
      __typename
      ... on CreatePayoutSuccess { payout { id } }
      ... on InvalidInputError { issues { path message } }
      ... on QuoteExpiredError { expiredAt }
    }
  }
`;

const ATTENTION = /* GraphQL */ `
  query Attention($first: Int, $after: String, $merchantId: ID) {
    attention(first: $first, after: $after, merchantId: $merchantId) {
      edges { cursor node { reason others message since provider account payout { id } } }
      pageInfo { hasNextPage endCursor }
    }
  }
`;

interface Money {
  readonly amount: string;
  readonly currency: string;
}

/** An item of `quotes`: what is not of its type is undefined. */
interface Outcome {
  readonly __typename: string;
  readonly id: string;
  readonly provider: string;
  readonly account: string;
  readonly debit: Money;
  readonly fees: readonly (Money & { readonly kind: string })[];
  readonly receive: Money;
  readonly rate: string | null;
  readonly firmness: string;
  readonly expiresAt: string;
  readonly code: string;
  readonly message: string;
  readonly retryable: boolean;
  readonly moneyMoved: string;
  readonly reasons: readonly { readonly provider: string; readonly reason: string }[];
}

interface Item {
  readonly cursor: string;
  readonly node: {
    readonly reason: string;
    readonly message: string;
    readonly provider: string;
    readonly account: string;
    readonly payout: { readonly id: string } | null;
  };
}

const USDT = { amount: { amount: '100', currency: 'USDT' }, network: 'TRON' };

async function quotesOf(client: Caller, input: object = USDT, merchantId?: string): Promise<readonly Outcome[]> {
  const { data, errors } = await client.ask(QUOTES, { input, merchantId });
  assert.equal(errors, undefined, JSON.stringify(errors));
  return data?.quotes as readonly Outcome[];
}

const shapeOf = (outcomes: readonly Outcome[]) =>
  outcomes.map(({ __typename, provider, reasons }) => `${provider ?? reasons[0]?.provider} ${__typename}`);

/** What each says of money, without what differs each time. */
const pricesOf = (outcomes: readonly Outcome[]) =>
  outcomes.map(({ id: _, expiresAt: __, ...price }) => ({ ...price, message: price.message?.length > 0 }));

const EVERYBODY = [
  'IO2328 Quote',
  'OXAPAY Quote',
  'BLOCKATM Quote',
  'XCURRENCY UnsupportedError',
  'CHAINPAY UnsupportedError',
];

describeApi('quotes', (open) => {
  let api: Api;
  before(async () => {
    api = await openApi(await open());
  });
  after(() => api.close());

  it('stand side by side, one for each provider that prices it and a reason for each that does not', async () => {
    const outcomes = await quotesOf(api.merchant);
    assert.deepEqual(shapeOf(outcomes), EVERYBODY);
    const [io2328, , blockatm, xcurrency, chainpay] = outcomes;
    const price = {
      __typename: 'Quote',
      provider: 'IO2328',
      account: 'default',
      fees: [{ amount: '3', currency: 'USDT', kind: 'PROVIDER' }],
      receive: { amount: '100', currency: 'USDT' },
      rate: null,
      firmness: 'INDICATIVE',
      expiresAt: new Date(api.world.clock.now().getTime() + 60_000).toISOString(),
    };
    assert.deepEqual(io2328, { ...price, id: io2328?.id, debit: { amount: '103.00000000', currency: 'USDT' } });
    assert.match(io2328?.id ?? '', /^qt_[A-Za-z0-9_-]{60,900}$/);
    // What the network will take is an estimate, and no part of the debit.
    assert.deepEqual(blockatm?.debit, { amount: '101', currency: 'USDT' });
    assert.deepEqual(blockatm?.fees, [
      { amount: '1', currency: 'USDT', kind: 'PROVIDER' },
      { amount: '1.2', currency: 'USDT', kind: 'NETWORK' },
    ]);
    assert.deepEqual([xcurrency?.code, xcurrency?.retryable, xcurrency?.moneyMoved], ['UNSUPPORTED', false, 'NO']);
    assert.match(chainpay?.reasons[0]?.reason ?? '', /ChainPay publishes neither fees nor rates/);
  });

  it('are asked of whom the caller names, and convert where a provider does', async () => {
    const spending = { amount: { amount: '100', currency: 'USD' }, receiveCurrency: 'CNY', providers: ['XCURRENCY'] };
    const [quote, ...others] = await quotesOf(api.merchant, spending);
    assert.equal(others.length, 0);
    assert.deepEqual(
      [quote?.debit, quote?.receive, quote?.rate],
      [{ amount: '100', currency: 'USD' }, { amount: '718.2', currency: 'CNY' }, '7.182'],
    );
    const [deducted] = await quotesOf(api.merchant, { ...USDT, feeMode: 'DEDUCT', providers: ['IO2328'] });
    assert.deepEqual([deducted?.debit.amount, deducted?.receive.amount], ['100', '97.00000000']);
  });

  it('whose input cannot be used say which field, as createPayout does', async () => {
    const cases: readonly (readonly [object, readonly string[]])[] = [
      [{ amount: { amount: '1e3', currency: 'USDT' } }, ['amount', 'amount']],
      [{ amount: { amount: '0', currency: 'USDT' } }, ['amount', 'amount']],
      [{ amount: { amount: '0.0000000000000000001', currency: 'USDT' } }, ['amount', 'amount']],
      [{ amount: { amount: '1', currency: 'usdt' } }, ['amount', 'currency']],
      [{ network: 'TRX-TRC20' }, ['network']],
      [{ channel: '' }, ['channel']],
      [{ sourceCurrency: '$' }, ['sourceCurrency']],
      [{ receiveCurrency: 'btc' }, ['receiveCurrency']],
      [{ sourceCurrency: 'BTC', receiveCurrency: 'CNY' }, ['receiveCurrency']],
      [{ providers: [] }, ['providers']],
    ];
    for (const [changes, path] of cases) {
      const { errors } = await api.merchant.ask(QUOTES, { input: { ...USDT, ...changes } });
      const [error] = errors ?? [];
      assert.equal(error?.extensions.code, 'INVALID_INPUT', JSON.stringify(changes));
      assert.deepEqual(
        error?.extensions.issues?.map((issue) => issue.path),
        [path],
        JSON.stringify(changes),
      );
      assert.deepEqual([error?.extensions.retryable, error?.extensions.moneyMoved], [false, 'NO']);
    }
  });

  it('are for a key that reads or writes payouts, and for a merchant that an operator names', async () => {
    const { merchantId } = api.merchant;
    for (const scope of ['payouts:read', 'payouts:write'] as const) {
      assert.deepEqual(shapeOf(await quotesOf(await api.caller(merchantId, [scope]))), EVERYBODY);
    }
    const codeOf = async (client: Caller, named?: string) =>
      (await client.ask(QUOTES, { input: USDT, merchantId: named })).errors?.[0]?.extensions.code;
    assert.equal(await codeOf(await api.caller(merchantId, ['balances:read'])), 'FORBIDDEN');
    assert.equal(await codeOf(api.stranger, merchantId), 'FORBIDDEN');
    assert.equal(await codeOf(api.operator), 'INVALID_INPUT');
    assert.equal(await codeOf(api.operator, 'me_00000000000000000000000000'), 'INVALID_INPUT');
    const [own] = await quotesOf(api.merchant);
    const [named] = await quotesOf(api.operator, USDT, merchantId);
    const [other] = await quotesOf(api.stranger);
    assert.equal(named?.id, own?.id);
    assert.notEqual(other?.id, own?.id);
  });

  it('are taken by their id: the cheapest pays what it promised, and is nobody else’s', async () => {
    const outcomes = await quotesOf(api.merchant);
    const priced = outcomes.filter(({ __typename }) => __typename === 'Quote');
    const cheapest = priced.toSorted((a, b) => Number(a.debit.amount) - Number(b.debit.amount))[0];
    assert.equal(cheapest?.provider, 'BLOCKATM');
    const { provider: _, ...input } = inputOf('100', { quoteId: cheapest.id } as object);
    const stolen = (await api.stranger.ask(CREATE, { input })).data?.createPayout as { __typename: string };
    assert.equal(stolen.__typename, 'InvalidInputError', JSON.stringify(stolen));
    const made = (await api.merchant.ask(CREATE, { input })).data?.createPayout as { payout: { id: PayoutId } };
    assert.ok(made.payout, JSON.stringify(made));
    const { id } = made.payout;
    const paid = await api.until(id, 'COMPLETED', 'FAILED');
    assert.deepEqual([paid.state, paid.provider?.provider], ['COMPLETED', 'BLOCKATM']);
    const orders = api.world.orders(await api.world.payout({ merchantId: api.merchant.merchantId, id }));
    assert.deepEqual(
      orders.map(({ debit, received }) => [debit, received]),
      [[{ amount: '101', currency: 'USDT' }, '100']],
    );
  });

  it('are no other while 64 payouts are created and a full queue hangs at their provider', async () => {
    const own = await openApi(await open({}, { worker: { deadlineMs: 20_000 } }));
    try {
      const before = pricesOf(await quotesOf(own.merchant));
      // Each send is taken and never answered: every place of the worker at 2328.io is held.
      const made = Promise.all(Array.from({ length: 64 }, () => create(own.merchant, '10.69')));
      const during = [await quotesOf(own.merchant), await quotesOf(own.merchant, { ...USDT, providers: ['IO2328'] })];
      await made;
      await own.world.clock.advance(6000);
      const full = await quotesOf(own.merchant);
      assert.deepEqual(
        [...during, full].map((outcomes) => shapeOf(outcomes)),
        [EVERYBODY, ['IO2328 Quote'], EVERYBODY],
      );
      assert.deepEqual(pricesOf(full), before);
      const waiting = await own.world.store.queue('IO2328' as never, null);
      assert.ok(waiting.count > 0, 'the queue is not full');
    } finally {
      // Cuts what hangs, which the worker would else wait for.
      await own.world.sandbox?.close();
      await own.close();
    }
  });
});

describeApi('a provider that never answers', (open) => {
  let api: Api;
  const reached: (() => void)[] = [];
  const hung = createServer(() => {
    for (const tell of reached.splice(0)) tell();
  });
  before(async () => {
    await once(hung.listen(0, '127.0.0.1'), 'listening');
    const { port } = hung.address() as AddressInfo;
    const env = {
      OXAPAY_BASE_URL: `http://127.0.0.1:${port}/v1`,
      OXAPAY_PAYOUT_KEY: 'key-of-a-test',
      OXAPAY_GENERAL_KEY: 'another-key-of-a-test',
    };
    api = await openApi(await open(env, { worker: { deadlineMs: 60_000 } }));
  });
  after(async () => {
    await api.close();
    hung.closeAllConnections();
    hung.close();
  });

  /** Asks while the others are known already, and lets three seconds pass once the silent one was asked. */
  async function askAll(ask: () => Promise<readonly Outcome[]>) {
    const asked = new Promise<void>((resolve) => reached.push(resolve));
    const answer = ask();
    await asked;
    await api.world.clock.advance(3000);
    return answer;
  }

  it('is one item of the quotes, the other four are there in their order', async () => {
    await quotesOf(api.merchant, { ...USDT, providers: ['IO2328', 'BLOCKATM'] });
    const outcomes = await askAll(() => quotesOf(api.merchant));
    assert.deepEqual(shapeOf(outcomes), EVERYBODY.with(1, 'OXAPAY ProviderUnavailableError'));
    const { code, retryable, moneyMoved } = outcomes[1] ?? {};
    assert.deepEqual([code, retryable, moneyMoved], ['PROVIDER_UNAVAILABLE', true, 'NO']);
  });

  it('is one item of the balances', async () => {
    const ask = async (variables: object) => {
      const { data, errors } = await api.operator.ask(BALANCES, variables);
      assert.equal(errors, undefined, JSON.stringify(errors));
      return data?.balances as readonly Outcome[];
    };
    await ask({ providers: ['IO2328', 'XCURRENCY', 'BLOCKATM', 'CHAINPAY'] });
    const outcomes = await askAll(() => ask({}));
    assert.deepEqual(outcomes.map(({ __typename }) => __typename).with(4, ''), [
      'ProviderBalances',
      'ProviderUnavailableError',
      'UnsupportedError',
      'ProviderBalances',
      '',
    ]);
  });
});

describeApi('balances', (open) => {
  let api: Api;
  const minimums = 'IO2328:USDT=2000000,OXAPAY:USDT=2000000,OXAPAY:BTC=1,XCURRENCY:USD=1000000.01';
  before(async () => {
    api = await openApi(await open({ MINIMUM_BALANCES: minimums }));
  });
  after(() => api.close());

  it('are for a key with their own scope, merchant or operator', async () => {
    const { merchantId } = api.merchant;
    for (const client of [api.operator, await api.caller(merchantId, ['balances:read'])]) {
      const { data, errors } = await client.ask(BALANCES, {});
      assert.equal(errors, undefined, JSON.stringify(errors));
      const items = data?.balances as readonly (Outcome & { at: string; balances: readonly object[] })[];
      assert.deepEqual(items.map((item) => item.provider ?? item.code).slice(0, 4), [
        'IO2328',
        'OXAPAY',
        'UNSUPPORTED',
        'XCURRENCY',
      ]);
      const usdt = items[0]?.balances.find((one) => 'currency' in one && one.currency === 'USDT');
      assert.deepEqual(usdt, { currency: 'USDT', available: '1000000', locked: '0.00' });
      assert.equal(items[0]?.at, api.world.clock.now().toISOString());
    }
    for (const client of [
      await api.caller(merchantId, ['payouts:read', 'payouts:write']),
      await api.caller(null, ['payouts:read', 'payouts:write']),
    ]) {
      assert.equal((await client.ask(BALANCES, {})).errors?.[0]?.extensions.code, 'FORBIDDEN');
    }
    const none = await api.operator.ask(BALANCES, { providers: [] });
    assert.deepEqual(none.errors?.[0]?.extensions.issues?.[0]?.path, ['providers']);
  });

  const list = async (client: Caller, variables: object = {}) => {
    const { data, errors } = await client.ask(ATTENTION, variables);
    assert.equal(errors, undefined, JSON.stringify(errors));
    return data?.attention as {
      readonly edges: readonly Item[];
      readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null };
    };
  };
  const nameOf = ({ node: { reason, provider, message, payout } }: Item) =>
    payout?.id ?? `${reason} ${provider} ${message}`;

  it('that are too low come before the payouts that need an operator, page by page, each once', async () => {
    const doubtful: string[] = [];
    for (let made = 0; made < 3; made += 1) {
      doubtful.push((await create(api.merchant, '10.63', { provider: 'OXAPAY' })).id);
      await api.world.pass(60_000);
    }
    const low = (provider: string, currency: string, minimum: string) =>
      `LOW_BALANCE ${provider} 1000000 ${currency} are there, less than the ${minimum} that are to be kept`;
    const whole = [
      low('IO2328', 'USDT', '2000000'),
      low('OXAPAY', 'USDT', '2000000'),
      low('XCURRENCY', 'USD', '1000000.01'),
      ...doubtful,
    ];
    for (const first of [1, 2, 3, 4, 100]) {
      const seen: string[] = [];
      for (let after: string | null = null, pages = 0; pages < 10; pages += 1) {
        const page = await list(api.operator, { first, after });
        assert.ok(page.edges.length <= first);
        seen.push(...page.edges.map(nameOf));
        const left = whole.length - seen.length;
        assert.equal(page.pageInfo.hasNextPage, left > 0, `${first} at a time, ${left} left`);
        after = page.pageInfo.endCursor;
        if (left <= 0) break;
      }
      assert.deepEqual(seen, whole, `${first} at a time`);
    }
    const [item] = (await list(api.operator, { first: 1 })).edges;
    assert.deepEqual([item?.node.payout, item?.node.account], [null, 'default']);
  });

  it('that are too low are no merchant’s affair, and none of an operator’s who may not read them', async () => {
    const { merchantId } = api.merchant;
    const blind = await api.caller(null, ['payouts:read']);
    for (const [client, variables] of [
      [api.merchant, {}],
      [api.operator, { merchantId }],
      [blind, {}],
    ] as const) {
      const { edges } = await list(client, variables);
      assert.ok(edges.every(({ node }) => node.payout !== null && node.reason !== 'LOW_BALANCE'));
    }
    const [first] = (await list(api.operator, { first: 1 })).edges;
    // An account's cursor stands before every payout, for whoever sees payouts alone.
    assert.equal((await list(api.merchant, { after: first?.cursor })).edges.length, 3);
  });
});
