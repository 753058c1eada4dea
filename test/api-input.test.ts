import assert from 'node:assert/strict';
import { request } from 'node:http';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { AttachDocumentDocument, CreatePayoutDocument, ViewerDocument } from './operations/generated/graphql.ts';
import { ADDRESS, type Api, describeApi, inputOf, openApi } from './support/api.ts';
import { readAnswer, type Sent, send } from './support/client.ts';
import { readWholeLog } from './support/whole-log.ts';

const MIB = 1024 * 1024;
const money = (amount: unknown) => ({ amount: { amount, currency: 'USDT' } });
const blockchain = (changes: object) => ({
  destination: { blockchain: { address: ADDRESS, network: 'TRON', ...changes } },
});
const entries = (count: number, value = 'v') => Array.from({ length: count }, (_, at) => ({ key: `k${at}`, value }));

/** Each with the path of the only field at fault. */
const INVALID: readonly (readonly [what: string, changes: object, path: string])[] = [
  ...['0', '0.00', '-1', '+1', '1e3', 'NaN', 'Infinity', '1,5', '', ' 1', '0x10', '.5', '１'].map(
    (amount) => [`the amount ${JSON.stringify(amount)}`, money(amount), 'amount.amount'] as const,
  ),
  ['an amount of 31 digits', money('1'.repeat(31)), 'amount.amount'],
  ['an amount of 19 places', money(`0.${'1'.repeat(19)}`), 'amount.amount'],
  ['a currency in small letters', { amount: { amount: '1', currency: 'usdt' } }, 'amount.currency'],
  ...['', 'a'.repeat(65), 'order 1', 'order-1\n', 'ordér', '../1?', "'; DROP TABLE payout; --"].map(
    (reference) => [`the reference ${JSON.stringify(reference)}`, { reference }, 'reference'] as const,
  ),
  ['a network that nobody knows', blockchain({ network: 'NOWHERE' }), 'destination.blockchain.network'],
  ["a provider's word for a network", blockchain({ network: 'TRC20' }), 'destination.blockchain.network'],
  [
    'an address with one letter wrong',
    blockchain({ address: ADDRESS.replace('7NHq', '7NHr') }),
    'destination.blockchain.address',
  ],
  ['an address of another network', blockchain({ network: 'BITCOIN' }), 'destination.blockchain.address'],
  ['51 metadata entries', { metadata: entries(51) }, 'metadata'],
  ['a metadata value of 501 characters', { metadata: entries(1, 'v'.repeat(501)) }, 'metadata.0.value'],
  ['a metadata key twice', { metadata: [...entries(1), ...entries(1)] }, 'metadata'],
  ['a description with a control character', { description: 'a\u0000b' }, 'description'],
];

/** Each with what the message must name. */
const MALFORMED: readonly (readonly [what: string, changes: object, named: RegExp])[] = [
  ['an amount that is a JSON number', money(12.5), /amount\.amount/],
  ['an amount that is a list', money(['1']), /amount\.amount/],
  ['no amount', { amount: undefined }, /amount/],
  ['a provider that nobody knows', { provider: 'NOBODY' }, /provider/],
  [
    'two destinations',
    { destination: { ...blockchain({}).destination, channel: { channel: 'x', account: 'y' } } },
    /destination/,
  ],
  ['no destination', { destination: undefined }, /destination/],
  ['a destination of no kind', { destination: {} }, /destination/],
  ['a field that nobody knows', { amuont: '1' }, /amuont/],
  ['a reference that is a number', { reference: 1 }, /reference/],
  ['a time that is none', { sendBefore: 'tomorrow' }, /sendBefore/],
];

describeApi('bad input', (open) => {
  let api: Api;
  let log: ReadonlySet<string>;
  before(async () => {
    api = await openApi(await open());
  });
  after(() => api.close());
  beforeEach(async () => {
    log = await readWholeLog(api.world.store, api.world.merchantId);
  });
  // Whatever was asked: nothing is stored, and the server lives.
  afterEach(async () => {
    assert.deepEqual(await readWholeLog(api.world.store, api.world.merchantId), log);
    assert.deepEqual(api.world.sandbox?.books(), []);
    assert.equal((await api.merchant.get(ViewerDocument)).viewer.operator, false);
  });

  describe('to createPayout', () => {
    for (const [what, changes, path] of INVALID) {
      it(`refuses ${what} as INVALID_INPUT at ${path}`, async () => {
        const input = { ...inputOf('10'), ...changes };
        const { data, errors } = await api.merchant.ask(CreatePayoutDocument, { input });
        assert.equal(errors, undefined);
        assert.partialDeepStrictEqual(data?.createPayout, {
          __typename: 'InvalidInputError',
          code: 'INVALID_INPUT',
          retryable: false,
          moneyMoved: 'NO',
          issues: [{ path: path.split('.') }],
        });
        const { reference } = input;
        const stored = await api.world.store.byReference(api.merchant.merchantId, reference);
        assert.equal(stored, null);
      });
    }

    for (const [what, changes, named] of MALFORMED) {
      it(`refuses ${what} as BAD_REQUEST that names it`, async () => {
        const { data, errors } = await api.merchant.ask(CreatePayoutDocument, {
          input: { ...inputOf('10'), ...changes },
        });
        assert.ok(data == null || data.createPayout == null);
        const [error] = errors ?? [];
        assert.deepEqual(error?.extensions, { code: 'BAD_REQUEST', retryable: false, moneyMoved: 'NO' });
        assert.match(error.message, named);
      });
    }

    it('names every field at fault at once', async () => {
      const input = { ...inputOf('0'), reference: '', ...blockchain({ network: 'TRC20' }) };
      const { createPayout } = await api.merchant.get(CreatePayoutDocument, { input });
      assert.ok(createPayout.__typename === 'InvalidInputError');
      assert.deepEqual(createPayout.issues.map((issue) => issue.path.join('.')).toSorted(), [
        'amount.amount',
        'destination.blockchain.network',
        'reference',
      ]);
    });
  });

  describe('to GraphQL', () => {
    const nest = (depth: number): string =>
      depth === 0 ? 'id' : `events { edges { node { payout { ${nest(depth - 1)} } } } }`;
    const codeOf = async (text: string): Promise<unknown> =>
      (await api.merchant.ask(text)).errors?.[0]?.extensions.code;

    it('that nests too deep, names too much or brings too much is TOO_COMPLEX', async () => {
      assert.equal(await codeOf(`{ payouts { edges { node { ${nest(3)} } } } }`), 'TOO_COMPLEX');
      assert.equal(
        await codeOf(`{ ${Array.from({ length: 301 }, (_, at) => `a${at}: viewer { label }`).join(' ')} }`),
        'TOO_COMPLEX',
      );
      assert.equal(
        await codeOf(
          '{ payouts(first: 100) { edges { node { events(first: 100) { edges { node { id at source } } } } } } }',
        ),
        'TOO_COMPLEX',
      );
    });

    it('that nests as deep as its tokens allow, in text or in values, is refused, and no other suffers from it', async () => {
      for (const text of ['{ a '.repeat(2400), `{ a(b: ${'['.repeat(4500)}`, `{ a(b: ${'{ c: '.repeat(1600)}`]) {
        // Whether the parser's stack ends before the text does depends on how far its code is optimised by now.
        assert.ok(['TOO_COMPLEX', 'BAD_REQUEST'].includes(String(await codeOf(text))), text.slice(0, 40));
      }
      assert.equal(await codeOf('{ viewer { label } }'), undefined);
    });

    it('that is no valid operation is BAD_REQUEST', async () => {
      for (const text of ['', '{', '{ nothing }', 'mutation { viewer { label } }', 'fragment F on Payout { id }']) {
        assert.equal(await codeOf(text), 'BAD_REQUEST', text.slice(0, 40));
      }
    });
  });

  describe('to the door', () => {
    const post = (sent: Sent) =>
      send(`${api.url}/graphql`, {
        method: 'POST',
        ...sent,
        headers: {
          authorization: `Bearer ${api.merchant.secret}`,
          'content-type': 'application/json',
          ...sent.headers,
        },
      });
    const viewer = JSON.stringify({ query: '{ viewer { label } }' });
    /** A whole valid create, with so much white space around it. */
    const padded = (bytes: number): string => {
      const text = JSON.stringify({ query: String(CreatePayoutDocument), variables: { input: inputOf('10') } });
      return text + ' '.repeat(bytes - text.length);
    };

    const REFUSED: readonly (readonly [what: string, sent: () => Sent, status: number])[] = [
      ['a body over the limit by its content-length', () => ({ body: padded(MIB + 1) }), 413],
      ['a body over the limit that comes in chunks', () => ({ body: [padded(MIB), ' '.repeat(MIB)] }), 413],
      ['a body that is not JSON', () => ({ body: '{"query": "{ viewer { label } }"' }), 400],
      ['a body that is not UTF-8', () => ({ body: Buffer.from([0x22, 0xff, 0xfe, 0x22]) }), 400],
      ['an empty body', () => ({}), 400],
      ['a query that is no text', () => ({ body: JSON.stringify({ query: 1 }) }), 400],
      ['a body without a query', () => ({ body: JSON.stringify({ variables: {} }) }), 400],
      ['a batch', () => ({ body: `[${viewer},${viewer}]` }), 400],
      ['a body of null', () => ({ body: 'null' }), 400],
      ['another content type', () => ({ body: viewer, headers: { 'content-type': 'text/plain' } }), 415],
      [
        'a form',
        () => ({ body: 'query={viewer{label}}', headers: { 'content-type': 'application/x-www-form-urlencoded' } }),
        415,
      ],
      ['a compressed body', () => ({ body: viewer, headers: { 'content-encoding': 'gzip' } }), 415],
      ['another method', () => ({ method: 'PUT', body: viewer }), 405],
    ];
    for (const [what, sent, status] of REFUSED) {
      it(`refuses ${what} with ${status} and BAD_REQUEST`, async () => {
        const reply = await post(sent());
        assert.equal(reply.status, status, reply.body);
        const { data, errors } = JSON.parse(reply.body);
        assert.equal(data, undefined);
        assert.deepEqual(errors[0].extensions, { code: 'BAD_REQUEST', retryable: false, moneyMoved: 'NO' });
        assert.ok(errors[0].message.length > 0);
      });
    }

    it('takes a longer body only where it does nothing but attach documents', async () => {
      const pdf = Buffer.concat([Buffer.from('%PDF-'), Buffer.alloc(5 * MIB - 5)]).toString('base64');
      const upload = (query: string) =>
        JSON.stringify({
          query,
          variables: { input: { payoutId: 'po_0', type: 'other', fileName: 'a.pdf', contentBase64: pdf } },
        });
      const attach = String(AttachDocumentDocument);
      const taken = await post({ body: upload(attach) });
      assert.equal(JSON.parse(taken.body).data?.attachDocument.code, 'NOT_FOUND', taken.body);
      const field = 'attachDocument(input: $input) { __typename }';
      for (const query of [
        String(CreatePayoutDocument),
        `mutation A($input: AttachDocumentInput!) { ${field} cancelPayout(input: { id: "po_0" }) { __typename } }`,
        `mutation A($input: AttachDocumentInput!) { ...F } fragment F on Mutation { ${field} }`,
        `mutation A($input: AttachDocumentInput!) { ${field} } query B { viewer { label } }`,
        'query Q { attachDocument: viewer { label } }',
        'mutation {',
        '',
      ]) {
        const refused = await post({ body: upload(query) });
        assert.equal(refused.status, 413, query.slice(0, 60));
        assert.equal(JSON.parse(refused.body).errors[0].extensions.code, 'BAD_REQUEST');
      }
      assert.equal((await post({ body: upload(attach) + ' '.repeat(8 * MIB) })).status, 413);
    });

    it('refuses a body over the limit without waiting for its end', async (t) => {
      const reader = await api.caller(api.merchant.merchantId, ['payouts:read']);
      // From a key that may attach no document and create no batch, no more is read than from anybody.
      const tooLong = [
        [api.merchant.secret, 32 * MIB + 1],
        [reader.secret, MIB + 1],
      ] as const;
      const asked = (secret: string) => ({ authorization: `Bearer ${secret}`, 'content-type': 'application/json' });
      const start = (headers: Record<string, string | number>) => {
        const asking = request(`${api.url}/graphql`, { method: 'POST', agent: false, headers });
        t.after(() => asking.destroy());
        return asking;
      };
      // All are listened to before any is waited for: an answer that nobody listens to is gone.
      const answers = tooLong.flatMap(([secret, length]) => {
        const endless = start(asked(secret));
        endless.write(' '.repeat(length));
        const announced = start({ ...asked(secret), 'content-length': length, expect: '100-continue' });
        announced.once('continue', () => assert.fail('it asks for what it will not read'));
        const both = [endless, announced].map(readAnswer);
        announced.flushHeaders();
        return both;
      });
      for (const answer of answers) assert.equal((await answer).status, 413);
    });

    it('takes a body of exactly the limit', async () => {
      const text = JSON.stringify({ query: '{ viewer { label } }' });
      const reply = await post({ body: text + ' '.repeat(MIB - text.length) });
      assert.deepEqual([reply.status, JSON.parse(reply.body)], [200, { data: { viewer: { label: 'test key' } } }]);
    });

    it('answers a query by GET, and executes no mutation and no subscription by it', async () => {
      const get = (query: string, variables: object = {}) =>
        send(`${api.url}/graphql?${new URLSearchParams({ query, variables: JSON.stringify(variables) })}`, {
          headers: { authorization: `Bearer ${api.merchant.secret}`, accept: 'application/json' },
        });
      assert.deepEqual(JSON.parse((await get('{ viewer { label } }')).body), {
        data: { viewer: { label: 'test key' } },
      });
      const reply = await get(String(CreatePayoutDocument), { input: inputOf('10') });
      assert.ok(reply.status >= 400, String(reply.status));
      assert.equal(JSON.parse(reply.body).errors[0].extensions.code, 'BAD_REQUEST');
      const listening = await get('subscription { payoutEvents { id } }');
      assert.equal(JSON.parse(listening.body).errors[0].extensions.code, 'BAD_REQUEST');
      for (const query of [
        '',
        '?query=',
        '?query=%7B',
        '?variables=%7B',
        '?query=%7Bviewer%7Blabel%7D%7D&variables=x',
      ]) {
        const broken = await send(`${api.url}/graphql${query}`, {
          headers: { authorization: `Bearer ${api.merchant.secret}` },
        });
        assert.ok(broken.status < 500, `${query} ${broken.status}`);
        assert.equal(JSON.parse(broken.body).errors[0].extensions.code, 'BAD_REQUEST', query);
      }
    });

    it('answers BAD_REQUEST for variables that nest without end', async () => {
      const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
      const text = JSON.stringify({ query: String(CreatePayoutDocument), variables: { input: 'DEEP' } });
      for (const value of [deep, `{"amount": {"amount": ${deep}}}`, `{"metadata": ${deep}}`]) {
        const reply = await post({ body: text.replace('"DEEP"', value) });
        assert.equal(JSON.parse(reply.body).errors[0].extensions.code, 'BAD_REQUEST', value.slice(0, 30));
      }
    });

    it('answers BAD_REQUEST for variables or an operation name of another type', async () => {
      const query = '{ viewer { label } }';
      for (const body of [
        { query, variables: 'x' },
        { query, variables: [1] },
        { query, operationName: 1 },
        { query, operationName: 'other' },
        { query, extensions: 1 },
      ]) {
        const reply = await post({ body: JSON.stringify(body) });
        assert.ok(reply.status < 500, JSON.stringify(body));
        assert.equal(JSON.parse(reply.body).errors[0].extensions.code, 'BAD_REQUEST', JSON.stringify(body));
      }
    });
  });
});
