import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import type { ApiKeyId, MerchantId, Scope } from '../src/domain/merchant.ts';
import type { Payout, PayoutId } from '../src/domain/payout.ts';
import type { Cursor } from '../src/feed.ts';
import { createContext, type Services } from '../src/graphql/context.ts';
import { createEngine } from '../src/graphql/engine.ts';
import { schema } from '../src/graphql/schema.ts';
import type { Viewer } from '../src/keys.ts';
import type { CreateInput } from '../src/payouts.ts';
import * as documents from './operations/generated/graphql.ts';
import { silentLog } from './support/log.ts';
import { samplePayout } from './support/payouts.ts';

const OWN = 'me_own' as MerchantId;
const OTHER = 'me_other' as MerchantId;
const ADDRESS = 'TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t';
const engine = createEngine(silentLog);

/** What reached the write side, and how often payouts were read. */
let created: { readonly merchantId: MerchantId; readonly input: CreateInput }[] = [];
let reads: (readonly PayoutId[])[] = [];
beforeEach(() => {
  created = [];
  reads = [];
});

const known = new Map<PayoutId, Payout>();
for (const reference of ['one', 'two']) {
  const payout = samplePayout({ merchantId: OWN, reference });
  known.set(payout.id, payout);
}
const [one, two] = [...known.values()];
assert.ok(one && two);

const nothing = () => Promise.reject(new Error('not asked for here'));
const services: Services = {
  providers: [],
  log: silentLog,
  payouts: {
    async create(merchantId, _actor, input) {
      created.push({ merchantId, input });
      return { kind: 'created', payout: one, replayed: false };
    },
    cancel: async () => ({ kind: 'notFound' }),
  },
  store: {
    environment: 'SANDBOX',
    async payouts(merchantId, ids) {
      reads.push(ids);
      return new Map([...known].filter(([id, payout]) => payout.merchantId === merchantId && ids.includes(id)));
    },
    merchant: async (id) => (id === OTHER ? null : { schema: 1, id, name: 'Own', createdAt: new Date(0) }),
    byReference: async () => null,
    page: async () => ({ payouts: [], more: false }),
    payoutEvents: nothing,
    event: async () => null,
  },
  feed: {
    parseCursor: () => null,
    head: async () => 'head' as Cursor,
    cursorOf: (head) => head,
    cursorAt: () => 'at' as Cursor,
    events: nothing,
    subscribe: nothing,
  },
};

function viewerOf(merchantId: MerchantId | null, scopes: readonly Scope[] = ['payouts:read', 'payouts:write']): Viewer {
  const { signal } = new AbortController();
  return { keyId: 'ak_test' as ApiKeyId, merchantId, label: 'test', scopes: new Set(scopes), revoked: signal };
}

async function ask(text: { toString(): string }, variableValues: object = {}, viewer = viewerOf(OWN)) {
  const document = engine.parse(String(text));
  assert.deepEqual(engine.validate(document), []);
  const contextValue = createContext(services, viewer, 'rq_test', new AbortController().signal);
  const result = await engine.execute({ schema, document, variableValues: { ...variableValues }, contextValue });
  return JSON.parse(JSON.stringify(result));
}

const valid = {
  reference: 'order-1',
  amount: { amount: '12.50', currency: 'USDT' },
  destination: { blockchain: { address: ADDRESS, network: 'TRON' } },
};

function create(changes: object, viewer?: Viewer, merchantId?: string) {
  return ask(documents.CreatePayoutDocument, { input: { ...valid, ...changes }, merchantId }, viewer);
}

/** The code in `errors[]`. */
const codeOf = (result: { errors?: { extensions: { code: string } }[] }) => result.errors?.[0]?.extensions.code;

const blockchain = (changes: object) => ({
  destination: { blockchain: { ...valid.destination.blockchain, ...changes } },
});
const money = (amount: unknown) => ({ amount: { amount, currency: 'USDT' } });
const entries = (count: number) => Array.from({ length: count }, (_, at) => ({ key: `k${at}`, value: 'v' }));

/** Each with the only field at fault. */
const INVALID: readonly (readonly [what: string, changes: object, path: readonly string[]])[] = [
  ['an amount of zero', money('0'), ['amount', 'amount']],
  ['an amount of zero with places', money('0.000'), ['amount', 'amount']],
  ['a negative amount', money('-1'), ['amount', 'amount']],
  ['a signed amount', money('+1'), ['amount', 'amount']],
  ['an amount with an exponent', money('1e3'), ['amount', 'amount']],
  ['an amount that is not a number', money('NaN'), ['amount', 'amount']],
  ['an infinite amount', money('Infinity'), ['amount', 'amount']],
  ['an empty amount', money(''), ['amount', 'amount']],
  ['an amount with a comma', money('1,5'), ['amount', 'amount']],
  ['an amount with a space', money('1 '), ['amount', 'amount']],
  ['a hexadecimal amount', money('0x10'), ['amount', 'amount']],
  ['an amount of 31 digits', money('1'.repeat(31)), ['amount', 'amount']],
  ['an amount of 19 places', money(`0.${'1'.repeat(19)}`), ['amount', 'amount']],
  ['a currency in small letters', { amount: { amount: '1', currency: 'usdt' } }, ['amount', 'currency']],
  ['a currency of one letter', { amount: { amount: '1', currency: 'U' } }, ['amount', 'currency']],
  ['a currency of 13 letters', { amount: { amount: '1', currency: 'U'.repeat(13) } }, ['amount', 'currency']],
  ['a source currency that is none', { sourceCurrency: 'us dollars' }, ['sourceCurrency']],
  ['an empty reference', { reference: '' }, ['reference']],
  ['a reference of 65 characters', { reference: 'a'.repeat(65) }, ['reference']],
  ['a reference with a space', { reference: 'order 1' }, ['reference']],
  ['a reference with a line break at its end', { reference: 'order-1\n' }, ['reference']],
  ['a reference with a letter beyond ASCII', { reference: 'ordér-1' }, ['reference']],
  ["a provider's word for a network", blockchain({ network: 'TRC20' }), ['destination', 'blockchain', 'network']],
  ['a network in small letters', blockchain({ network: 'tron' }), ['destination', 'blockchain', 'network']],
  [
    'an address with one letter wrong',
    blockchain({ address: `${ADDRESS.slice(0, -1)}u` }),
    ['destination', 'blockchain', 'address'],
  ],
  ['an address of another network', blockchain({ network: 'BITCOIN' }), ['destination', 'blockchain', 'address']],
  ['an address with a space', blockchain({ address: `${ADDRESS} ` }), ['destination', 'blockchain', 'address']],
  ['an empty memo', blockchain({ memo: '' }), ['destination', 'blockchain', 'memo']],
  ['a memo of 256 characters', blockchain({ memo: 'm'.repeat(256) }), ['destination', 'blockchain', 'memo']],
  [
    'a channel without an account',
    { destination: { channel: { channel: 'x', account: '' } } },
    ['destination', 'channel', 'account'],
  ],
  ['a description with a control character', { description: 'a\u0000b' }, ['description']],
  ['a description of 256 characters', { description: 'd'.repeat(256) }, ['description']],
  ['51 metadata entries', { metadata: entries(51) }, ['metadata']],
  ['a metadata key twice', { metadata: [...entries(1), ...entries(1)] }, ['metadata']],
  ['a metadata key of 41 characters', { metadata: [{ key: 'k'.repeat(41), value: '' }] }, ['metadata', '0', 'key']],
  [
    'a metadata value of 501 characters',
    { metadata: [{ key: 'k', value: 'v'.repeat(501) }] },
    ['metadata', '0', 'value'],
  ],
];

/** Each with what the message must name. */
const MALFORMED: readonly (readonly [what: string, changes: object, named: RegExp])[] = [
  ['an amount that is a JSON number', money(12.5), /amount\.amount/],
  ['no amount', { amount: undefined }, /amount/],
  ['no reference', { reference: null }, /reference/],
  [
    'two destinations',
    { destination: { ...valid.destination, channel: { channel: 'x', account: 'y' } } },
    /destination/,
  ],
  ['no kind of destination', { destination: {} }, /destination/],
  ['a destination of null', { destination: { blockchain: null } }, /destination/],
  ['a provider that nobody knows', { provider: 'NOBODY' }, /provider/],
  ['a fee mode that nobody knows', { feeMode: 'SPLIT' }, /feeMode/],
  ['a field that nobody knows', { amuont: '1' }, /amuont/],
  ['a time that is none', { sendBefore: 'tomorrow' }, /sendBefore/],
  ['a time without an offset', { sendBefore: '2026-01-01T00:00:00' }, /sendBefore/],
  ['a day that the month does not have', { sendBefore: '2026-02-29T00:00:00Z' }, /sendBefore/],
];

describe('createPayout', () => {
  for (const [what, changes, path] of INVALID) {
    test(`refuses ${what} with its path, and stores nothing`, async () => {
      const { data, errors } = await create(changes);
      assert.equal(errors, undefined);
      const { __typename, code, moneyMoved, retryable, issues } = data.createPayout;
      assert.deepEqual(
        { __typename, code, moneyMoved, retryable },
        { __typename: 'InvalidInputError', code: 'INVALID_INPUT', moneyMoved: 'NO', retryable: false },
      );
      assert.deepEqual(
        issues.map((issue: { path: string[] }) => issue.path),
        [path],
      );
      assert.deepEqual(created, []);
    });
  }

  for (const [what, changes, named] of MALFORMED) {
    test(`refuses ${what} as a bad request that names the field, and stores nothing`, async () => {
      const result = await create(changes);
      assert.equal(codeOf(result), 'BAD_REQUEST');
      assert.match(result.errors[0].message, named);
      assert.deepEqual(created, []);
    });
  }

  test('names every field at fault at once', async () => {
    const { data } = await create({ reference: '', ...money('0'), ...blockchain({ network: 'TRC20' }) });
    const paths = data.createPayout.issues.map((issue: { path: string[] }) => issue.path.join('.'));
    assert.deepEqual(paths.sort(), ['amount.amount', 'destination.blockchain.network', 'reference']);
  });

  test('hands on what was asked for verbatim, with what was left out as null or its default', async () => {
    await create({});
    assert.deepEqual(created, [
      {
        merchantId: OWN,
        input: {
          reference: 'order-1',
          order: {
            amount: { amount: '12.50', currency: 'USDT' },
            feeMode: 'ADD',
            destination: { kind: 'blockchain', address: ADDRESS, network: 'TRON', memo: null },
            sourceCurrency: null,
            description: null,
          },
          provider: null,
          sendBefore: null,
          metadata: [],
        },
      },
    ]);
  });

  test('hands on every field that was given', async () => {
    await create({
      reference: `aZ09._:/-${'x'.repeat(55)}`,
      amount: { amount: '123456789012.123456789012345678', currency: 'USDT' },
      feeMode: 'DEDUCT',
      destination: { channel: { channel: 'GCASH', account: '0917', network: 'INSTAPAY' } },
      provider: 'OXAPAY',
      sourceCurrency: 'BTC',
      sendBefore: '2020-02-29t23:59:59.5+01:00',
      description: 'für Änne, 谢谢',
      metadata: [{ key: 'k', value: '' }],
    });
    assert.deepEqual(created[0]?.input, {
      reference: `aZ09._:/-${'x'.repeat(55)}`,
      order: {
        amount: { amount: '123456789012.123456789012345678', currency: 'USDT' },
        feeMode: 'DEDUCT',
        destination: { kind: 'channel', channel: 'GCASH', account: '0917', network: 'INSTAPAY' },
        sourceCurrency: 'BTC',
        description: 'für Änne, 谢谢',
      },
      provider: 'OXAPAY',
      // Past or not: a known reference is answered before anything that time can change.
      sendBefore: new Date('2020-02-29T22:59:59.500Z'),
      metadata: [{ key: 'k', value: '' }],
    });
  });

  test('is checked the same where the input stands in the text of the operation', async () => {
    const text = (amount: string) =>
      `mutation { createPayout(input: { reference: "r", amount: { amount: ${amount}, currency: "USDT" },
        destination: { blockchain: { address: "${ADDRESS}", network: "TRON" } } }) { __typename } }`;
    assert.equal((await ask(text('"0"'))).data.createPayout.__typename, 'InvalidInputError');
    assert.equal((await ask(text('"1"'))).data.createPayout.__typename, 'CreatePayoutSuccess');
    const [error] = engine.validate(engine.parse(text('1')));
    assert.equal(error?.extensions.code, 'BAD_REQUEST');
  });
});

describe('a key', () => {
  test('without payouts:write moves nothing', async () => {
    const result = await create({}, viewerOf(OWN, ['payouts:read']));
    assert.equal(codeOf(result), 'FORBIDDEN');
    assert.equal(
      codeOf(await ask(documents.CancelPayoutDocument, { id: 'po_x' }, viewerOf(OWN, ['payouts:read']))),
      'FORBIDDEN',
    );
    assert.deepEqual(created, []);
  });

  test('without payouts:write is told so before what is wrong with its input', async () => {
    assert.equal(codeOf(await create({ reference: '' }, viewerOf(OWN, []))), 'FORBIDDEN');
  });

  test('without payouts:read reads no payout by any way, and may still ask who it is', async () => {
    const writer = viewerOf(OWN, ['payouts:write']);
    const { id } = one;
    assert.equal(codeOf(await ask(documents.PayoutDocument, { id }, writer)), 'FORBIDDEN');
    assert.equal(codeOf(await ask(documents.NodeDocument, { id }, writer)), 'FORBIDDEN');
    assert.equal(codeOf(await ask(documents.PayoutsDocument, {}, writer)), 'FORBIDDEN');
    assert.equal(codeOf(await ask(documents.PayoutEventsDocument, {}, writer)), 'FORBIDDEN');
    assert.equal(codeOf(await ask(documents.PayoutByReferenceDocument, { reference: 'r' }, writer)), 'FORBIDDEN');
    assert.deepEqual((await ask(documents.ViewerDocument, {}, writer)).data.viewer.scopes, ['payouts:write']);
  });

  test('of a merchant may name that merchant and no other', async () => {
    assert.equal((await create({}, viewerOf(OWN), OWN)).data.createPayout.__typename, 'CreatePayoutSuccess');
    assert.equal(codeOf(await create({}, viewerOf(OWN), OTHER)), 'FORBIDDEN');
    assert.equal(codeOf(await ask(documents.PayoutsDocument, { merchantId: OTHER })), 'FORBIDDEN');
    assert.equal(created.length, 1);
  });

  test("of a merchant finds another's payout exactly as little as one that is not there", async () => {
    const foreign = viewerOf(OTHER);
    for (const id of [one.id, 'po_nothing', 'nonsense', '', 'po_', '../etc']) {
      assert.deepEqual((await ask(documents.PayoutDocument, { id }, foreign)).data, { payout: null });
      assert.deepEqual((await ask(documents.NodeDocument, { id }, foreign)).data, { node: null });
    }
    assert.equal((await ask(documents.PayoutDocument, { id: one.id })).data.payout.id, one.id);
  });

  test('of an operator must name the merchant, in a query and in a mutation', async () => {
    const operator = viewerOf(null);
    const query = await ask(documents.PayoutDocument, { id: one.id }, operator);
    assert.equal(codeOf(query), 'INVALID_INPUT');
    assert.deepEqual(query.errors[0].extensions.issues[0].path, ['merchantId']);
    const { data } = await create({}, operator);
    assert.deepEqual(data.createPayout.issues[0].path, ['merchantId']);
    const found = await ask(documents.PayoutDocument, { id: one.id, merchantId: OWN }, operator);
    assert.equal(found.data.payout.id, one.id);
  });

  test('of an operator creates nothing for a merchant that is not there', async () => {
    const { data } = await create({}, viewerOf(null), OTHER);
    assert.deepEqual(data.createPayout.issues[0].path, ['merchantId']);
    assert.deepEqual(created, []);
  });
});

describe('a page', () => {
  const WRONG: readonly (readonly [args: object, path: string])[] = [
    [{ first: 0 }, 'first'],
    [{ first: -1 }, 'first'],
    [{ first: 101 }, 'first'],
    [{ last: 0 }, 'last'],
    [{ last: 101 }, 'last'],
    [{ first: 1, last: 1 }, 'last'],
    [{ after: 'nonsense' }, 'after'],
    [{ before: '' }, 'before'],
    [{ filter: { currency: 'usdt' } }, 'filter.currency'],
  ];
  for (const [args, path] of WRONG) {
    test(`of ${JSON.stringify(args)} is refused and names ${path}`, async () => {
      const result = await ask(documents.PayoutsDocument, args);
      assert.equal(codeOf(result), 'INVALID_INPUT');
      assert.equal(result.errors[0].extensions.issues[0].path.join('.'), path);
    });
  }

  test('of the log with a cursor that is not of this store is refused and names after', async () => {
    const result = await ask(documents.PayoutEventsDocument, { after: 'nonsense' });
    assert.equal(codeOf(result), 'INVALID_INPUT');
    assert.deepEqual(result.errors[0].extensions.issues[0].path, ['after']);
  });
});

describe('an operation', () => {
  test('that nests too deep, names too much or brings too much is TOO_COMPLEX and reads nothing', async () => {
    const nest = (depth: number): string =>
      depth === 0 ? 'id' : `events { edges { node { payout { ${nest(depth - 1)} } } } }`;
    const deep = `{ payout(id: "${one.id}") { ${nest(3)} } }`;
    const wide = `{ ${Array.from({ length: 301 }, (_, at) => `a${at}: viewer { label }`).join(' ')} }`;
    const much = '{ payouts(first: 100) { edges { node { events(first: 100) { edges { node { id at } } } } } } }';
    for (const text of [deep, wide, much]) {
      const result = await ask(text);
      assert.equal(codeOf(result), 'TOO_COMPLEX', text.slice(0, 80));
    }
    assert.deepEqual(reads, []);
  });

  test('that a client needs, the fullest page of whole payouts, is within the limits', async () => {
    const fields = /fragment PayoutFields[\s\S]*/.exec(String(documents.PayoutFieldsFragmentDoc))?.[0] ?? '';
    const result = await ask(`{ payouts(first: 100) { edges { node { ...PayoutFields } } } } ${fields}`);
    assert.equal(result.errors, undefined);
  });

  test('reads each payout once however often it names it, and every request reads anew', async () => {
    const text = `{ a: payout(id: "${one.id}") { id } b: payout(id: "${one.id}") { id } c: payout(id: "${two.id}") { id } }`;
    await ask(text);
    assert.deepEqual(reads, [[one.id, two.id]]);
    await ask(text);
    assert.equal(reads.length, 2);
  });

  test('is refused where its text has too many words, before anything is made of it', () => {
    assert.throws(() => engine.parse(`{ ${'a '.repeat(5000)} }`), {
      extensions: { code: 'BAD_REQUEST', retryable: false, moneyMoved: 'NO' },
    });
  });
});
