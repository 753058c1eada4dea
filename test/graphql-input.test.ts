import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import type { ApiKeyId, MerchantId, Scope } from '../src/domain/merchant.ts';
import type { Parties, Payout, PayoutId } from '../src/domain/payout.ts';
import type { ProviderId } from '../src/domain/provider.ts';
import type { Cursor } from '../src/feed.ts';
import { createContext, type Services } from '../src/graphql/context.ts';
import { createEngine } from '../src/graphql/engine.ts';
import { toParty } from '../src/graphql/party.ts';
import { schema } from '../src/graphql/schema.ts';
import { batchIdOf } from '../src/identity.ts';
import type { Viewer } from '../src/keys.ts';
import type { ActionInput, ActionResult, CreateInput } from '../src/payouts.ts';
import * as documents from './operations/generated/graphql.ts';
import { silentLog } from './support/log.ts';
import { samplePayout } from './support/payouts.ts';

/** Of batches there are none. */
async function* noProgress(): AsyncGenerator<never, undefined> {
  yield* [];
  return undefined;
}

const OWN = 'me_own' as MerchantId;
const OTHER = 'me_other' as MerchantId;
const ADDRESS = 'TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t';
const engine = createEngine(silentLog);

/** What reached the write side, and how often payouts were read. */
let created: { readonly merchantId: MerchantId; readonly input: CreateInput }[] = [];
let reads: (readonly PayoutId[])[] = [];
/** What was asked of payouts, and how it is answered; how often their parties were read, and an operator settled doubt. */
let acted: ActionInput[] = [];
let answer: ActionResult = { kind: 'notFound' };
let partiesRead = 0;
let settled: unknown[] = [];
beforeEach(() => {
  created = [];
  reads = [];
  acted = [];
  answer = { kind: 'notFound' };
  partiesRead = 0;
  settled = [];
});

const known = new Map<PayoutId, Payout>();
for (const reference of ['one', 'two']) {
  const payout = samplePayout({ merchantId: OWN, reference });
  known.set(payout.id, payout);
}
const [one, two] = [...known.values()];
assert.ok(one && two);
/** A payout to a bank account, with its parties. */
const banked = samplePayout({
  merchantId: OWN,
  reference: 'banked',
  order: { ...one.order, destination: { kind: 'bank', accountType: 'BANK', lastFour: '0123', network: null } },
  parties: 'parties-1',
});
known.set(banked.id, banked);
/** The same, erased. */
const erased = { ...banked, id: `${banked.id.slice(0, -1)}z` as PayoutId, reference: 'erased', parties: null };
known.set(erased.id, erased);
const nobody = toParty({});
const PARTIES: Parties = {
  originator: { ...nobody, firstName: 'Ann', lastName: 'Example' },
  beneficiary: { ...nobody, name: '张三' },
  accountNumber: '6222021234560123',
};

const nothing = () => Promise.reject(new Error('not asked for here'));
const services: Services = {
  providers: [],
  log: silentLog,
  payouts: {
    async create(merchantId, _actor, input) {
      created.push({ merchantId, input });
      return { kind: 'created', payout: one, replayed: false };
    },
    simulate: nothing,
    async act(_merchantId, _actor, _id, input) {
      acted.push(input);
      return answer;
    },
    async resolve(...asked) {
      settled.push(asked.slice(1));
      return { kind: 'resolved', payout: one };
    },
    async erase(...asked) {
      settled.push(asked.slice(1));
      return { kind: 'erased', payout: one };
    },
    async parties() {
      partiesRead += 1;
      return PARTIES;
    },
  },
  catalogue: { assets: nothing, knownAssets: () => [], reference: nothing },
  batches: { create: nothing, simulate: nothing, idOf: batchIdOf, follow: noProgress, steer: nothing },
  market: { quotes: nothing, balances: nothing, lowBalances: async () => [] },
  quotes: { sign: () => 'qt_' },
  health: { of: nothing, watch: async function* () {} },
  store: {
    environment: 'SANDBOX',
    restored: null,
    async payouts(merchantId, ids) {
      reads.push(ids);
      return new Map([...known].filter(([id, payout]) => payout.merchantId === merchantId && ids.includes(id)));
    },
    merchant: async (id) => (id === OTHER ? null : { schema: 1, id, name: 'Own', createdAt: new Date(0) }),
    byReference: async () => null,
    page: async () => ({ payouts: [], more: false }),
    payoutEvents: nothing,
    event: async () => null,
    attention: nothing,
    queue: nothing,
    batch: nothing,
    batchCounts: nothing,
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

const BENEFICIARY = ['destination', 'bank', 'beneficiary'] as const;
const bank = (party: object, changes: object = {}) => ({
  destination: { bank: { accountNumber: '6222021234560123', beneficiary: { name: '张三', ...party }, ...changes } },
});
const PARTY_FAULTS: readonly (readonly [field: string, value: string])[] = [
  ['name', ''],
  ['lastName', 'x'.repeat(201)],
  ['firstName', 'a\u0007b'],
  ['nationality', 'cn'],
  ['idCountry', 'C1'],
  ['idIssueDate', '2026-02-29'],
  ['idExpiryDate', '2026-2-3'],
  ['dateOfBirth', '1990-13-01'],
  ['dateOfBirth', '01/02/1990'],
  ['phoneCountryCode', '+86'],
  ['phone', '138 1234'],
  ['email', 'ann at example.com'],
];

/** Each with the only field at fault. */
const INVALID: readonly (readonly [what: string, changes: object, path: readonly string[]])[] = [
  ['a tolerance without a quote', { priceTolerance: '0.01' }, ['priceTolerance']],
  ['a tolerance of more than half of the price', { quoteId: 'qt_1', priceTolerance: '0.51' }, ['priceTolerance']],
  ['a tolerance below nothing', { quoteId: 'qt_1', priceTolerance: '-0.01' }, ['priceTolerance']],
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
  ...[
    ['of five characters', '62220'],
    ['with a space', '6222 0212 3456'],
    ['of 65 characters', '6'.repeat(65)],
    ['with a letter beyond ASCII', '622202١2345'],
  ].map(
    ([what, accountNumber]) =>
      [`an account number ${what}`, bank({}, { accountNumber }), ['destination', 'bank', 'accountNumber']] as const,
  ),
  ['a beneficiary of nothing', { destination: { bank: { accountNumber: '622202123', beneficiary: {} } } }, BENEFICIARY],
  ...PARTY_FAULTS.map(
    ([field, value]) => [`a party's ${field} ${value}`, bank({ [field]: value }), [...BENEFICIARY, field]] as const,
  ),
  ['an originator without a country', { originator: { nationality: 'China' } }, ['originator', 'nationality']],
  [
    'an address in a country of three letters',
    { originator: { address: { line: '1 Road', country: 'CHN' } } },
    ['originator', 'address', 'country'],
  ],
  ['an empty purpose', { purpose: '' }, ['purpose']],
  ['a relationship of 201 characters', { relationship: 'r'.repeat(201) }, ['relationship']],
  ['a source of funds with a line break', { sourceOfFunds: 'a\nb' }, ['sourceOfFunds']],
  ['two currencies beside its own', { sourceCurrency: 'BTC', receiveCurrency: 'ETH' }, ['receiveCurrency']],
  ['a received currency that is none', { receiveCurrency: 'us dollars' }, ['receiveCurrency']],
  ['a funding address of another network', { fundingAddress: `0x${'1'.repeat(40)}` }, ['fundingAddress']],
  ['a funding address beside a bank', { ...bank({}), fundingAddress: ADDRESS }, ['fundingAddress']],
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
            receiveCurrency: null,
            purpose: null,
            relationship: null,
            sourceOfFunds: null,
            fundingAddress: null,
            description: null,
          },
          provider: null,
          sendBefore: null,
          autoConfirm: true,
          parties: null,
          metadata: [],
          quoteId: null,
          priceTolerance: null,
          failover: false,
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
      purpose: 'Salary',
      relationship: 'Self',
      sourceOfFunds: 'Employment income',
      autoConfirm: false,
      originator: { firstName: 'Ann' },
      description: 'für Änne, 谢谢',
      metadata: [{ key: 'k', value: '' }],
      quoteId: 'qt_1',
      priceTolerance: '0.010',
      failover: true,
    });
    assert.deepEqual(created[0]?.input, {
      reference: `aZ09._:/-${'x'.repeat(55)}`,
      order: {
        amount: { amount: '123456789012.123456789012345678', currency: 'USDT' },
        feeMode: 'DEDUCT',
        destination: { kind: 'channel', channel: 'GCASH', account: '0917', network: 'INSTAPAY' },
        sourceCurrency: 'BTC',
        receiveCurrency: null,
        purpose: 'Salary',
        relationship: 'Self',
        sourceOfFunds: 'Employment income',
        fundingAddress: null,
        description: 'für Änne, 谢谢',
      },
      provider: 'OXAPAY',
      // Past or not: a known reference is answered before anything that time can change.
      sendBefore: new Date('2020-02-29T22:59:59.500Z'),
      autoConfirm: false,
      parties: { originator: { ...nobody, firstName: 'Ann' }, beneficiary: null, accountNumber: null },
      metadata: [{ key: 'k', value: '' }],
      quoteId: 'qt_1',
      priceTolerance: '0.010',
      failover: true,
    });
  });

  test('keeps a bank account and its owner out of the order, but for the last four characters', async () => {
    const address = { line: '人民路1号', city: 'Guangzhou', country: 'CN' };
    const whole = {
      name: '张三',
      middleName: 'M',
      nationality: 'CN',
      idType: 'ID_CARD',
      idNumber: '440100199002280000',
      idCountry: 'CN',
      idIssueDate: '2020-02-29',
      idExpiryDate: '2040-02-29',
      dateOfBirth: '1990-02-28',
      occupation: 'Professor',
      phoneCountryCode: '86',
      phone: '13800001234',
      email: 'zhang@example.com',
      sex: 'FEMALE',
      address,
      accountNumber: '6222',
      accountType: 'ALIPAY',
    };
    await create({ ...bank(whole, { accountType: 'WECHAT' }), receiveCurrency: 'CNY' });
    const { order, parties } = created[0]?.input ?? {};
    assert.deepEqual(order?.destination, { kind: 'bank', accountType: 'WECHAT', lastFour: '0123', network: null });
    assert.equal(order?.receiveCurrency, 'CNY');
    assert.deepEqual(parties, {
      originator: null,
      beneficiary: {
        ...nobody,
        ...whole,
        address: { district: null, state: null, postalCode: null, ...address },
      },
      accountNumber: '6222021234560123',
    });
  });

  test('takes a funding address on the network of the destination', async () => {
    await create({ fundingAddress: ADDRESS });
    assert.equal(created[0]?.input.order.fundingAddress, ADDRESS);
  });

  test('never repeats in a message what does not fit, since it may be personal data', async () => {
    const secret = 622202123456;
    for (const changes of [
      bank({ idNumber: secret }),
      bank({}, { accountNumber: secret }),
      bank({ surname: `${secret}` }),
      bank({}, { beneficiary: `${secret}` }),
      { originator: { firstName: `${secret}`, address: { city: `${secret}` } } },
      { destination: { bank: { accountNumber: `${secret}` } } },
      { originator: `${secret}` },
      bank({ phone: `+${secret}` }),
      bank({ idNumber: `\u0000${secret}` }),
    ]) {
      const result = JSON.stringify(await create(changes));
      assert.match(result, /BAD_REQUEST|INVALID_INPUT/);
      assert.ok(!result.includes(String(secret)), result);
    }
    const literal = `mutation { amendPayout(input: { payoutId: "x", originator: { phone: ${secret} } }) { __typename } }`;
    const [error] = engine.validate(engine.parse(literal));
    assert.match(error?.message ?? '', /phone|String/);
    assert.ok(!error?.message.includes(String(secret)));
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

describe('an action', () => {
  const pdf = Buffer.from('%PDF-1.7 and so on');
  const document = (changes: object = {}) => ({
    input: { payoutId: one.id, type: 'other', fileName: 'a.pdf', contentBase64: pdf.toString('base64'), ...changes },
  });

  test('on a payout that is not there is NOT_FOUND, and an id of another form is not even looked up', async () => {
    for (const payoutId of ['po_00000000000000000000000000', 'nonsense', '']) {
      const { data } = await ask(documents.ConfirmPayoutDocument, { payoutId });
      assert.deepEqual([data.confirmPayout.code, data.confirmPayout.moneyMoved], ['NOT_FOUND', 'NO']);
    }
    assert.deepEqual(acted, [{ action: 'CONFIRM' }]);
  });

  test("that a provider lacks says so, with the reason, and with the payout's own word on money", async () => {
    answer = { kind: 'unsupported', reasons: [{ provider: 'OXAPAY' as ProviderId, reason: 'it has no second step' }] };
    const { data } = await ask(documents.ConfirmPayoutDocument, { payoutId: one.id });
    const { code, moneyMoved, reasons } = data.confirmPayout;
    assert.deepEqual([code, moneyMoved], ['UNSUPPORTED', 'NO']);
    assert.deepEqual(reasons, [{ provider: 'OXAPAY', reason: 'it has no second step' }]);
  });

  test('amends only what is given, and needs something to amend', async () => {
    answer = { kind: 'taken', payout: one };
    const input = { payoutId: one.id, purpose: 'Salary', originator: { lastName: 'Example' } };
    const { data } = await ask(documents.AmendPayoutDocument, { input });
    assert.equal(data.amendPayout.__typename, 'AmendPayoutSuccess');
    const amendment = {
      originator: { ...nobody, lastName: 'Example' },
      beneficiary: null,
      purpose: 'Salary',
      relationship: null,
      sourceOfFunds: null,
    };
    assert.deepEqual(acted, [{ action: 'AMEND', amendment }]);
    for (const nothingElse of [{}, { purpose: null }]) {
      const refused = await ask(documents.AmendPayoutDocument, { input: { payoutId: one.id, ...nothingElse } });
      assert.equal(refused.data.amendPayout.code, 'INVALID_INPUT');
    }
    assert.equal(acted.length, 1);
  });

  test('attaches what is a PDF, a JPEG or a PNG by its content, whatever its name says', async () => {
    answer = { kind: 'taken', payout: one };
    const jpeg = Buffer.from([0xff, 0xd8, 0xff, 0xe0, 0x00]);
    const png = Buffer.from('\x89PNG\r\n\x1a\n and so on', 'latin1');
    for (const content of [pdf, jpeg, png]) {
      const given = document({ contentBase64: content.toString('base64'), fileName: 'scan.bin', note: 'n' });
      const { data } = await ask(documents.AttachDocumentDocument, given);
      assert.equal(data.attachDocument.__typename, 'AttachDocumentSuccess');
      const sent = { type: 'other', fileName: 'scan.bin', content, note: 'n' };
      assert.deepEqual(acted.at(-1), { action: 'ATTACH_DOCUMENT', document: sent });
    }
  });

  const MIB = 1024 * 1024;
  const REFUSED: readonly (readonly [what: string, changes: object, path: string])[] = [
    [
      'of another kind under the name of a PDF',
      { contentBase64: Buffer.from('<html>').toString('base64') },
      'contentBase64',
    ],
    ['of nothing', { contentBase64: '' }, 'contentBase64'],
    ['that begins like one and ends', { contentBase64: Buffer.from('%PDF').toString('base64') }, 'contentBase64'],
    [
      'of a byte more than 5 MiB',
      { contentBase64: Buffer.concat([pdf, Buffer.alloc(5 * MIB + 1 - pdf.length)]).toString('base64') },
      'contentBase64',
    ],
    ['in Base64 with a line break', { contentBase64: `${pdf.toString('base64')}\n` }, 'contentBase64'],
    [
      'in URL-safe Base64',
      { contentBase64: Buffer.from('%PDF-\xff\xff\xff', 'latin1').toString('base64url') },
      'contentBase64',
    ],
    ['with a path for a name', { fileName: '../a.pdf' }, 'fileName'],
    ['with no name', { fileName: '' }, 'fileName'],
    ['of no type', { type: '' }, 'type'],
    ['with a note of 501 characters', { note: 'n'.repeat(501) }, 'note'],
  ];
  for (const [what, changes, path] of REFUSED) {
    test(`refuses a document ${what}, and stores nothing`, async () => {
      const { data } = await ask(documents.AttachDocumentDocument, document(changes));
      assert.equal(data.attachDocument.code, 'INVALID_INPUT');
      assert.deepEqual(
        data.attachDocument.issues.map((issue: { path: string[] }) => issue.path.join('.')),
        [path],
      );
      assert.deepEqual(acted, []);
    });
  }

  test('takes a document of exactly 5 MiB', async () => {
    answer = { kind: 'taken', payout: one };
    const whole = Buffer.concat([pdf, Buffer.alloc(5 * MIB - pdf.length)]);
    const { data } = await ask(documents.AttachDocumentDocument, document({ contentBase64: whole.toString('base64') }));
    assert.equal(data.attachDocument.__typename, 'AttachDocumentSuccess');
  });
});

describe('settling doubt', () => {
  const operator = viewerOf(null);
  const resolve = (outcome: object, note = 'asked by telephone', viewer = operator) =>
    ask(documents.ResolvePayoutDocument, { input: { payoutId: one.id, outcome, note }, merchantId: OWN }, viewer);

  test('is for operators that may write, and for nobody else', async () => {
    const erasing = { input: { payoutId: one.id, note: 'asked to' }, merchantId: OWN };
    for (const viewer of [viewerOf(OWN), viewerOf(null, ['payouts:read']), viewerOf(OWN, [])]) {
      assert.equal(codeOf(await resolve({ seen: true }, 'note', viewer)), 'FORBIDDEN');
      assert.equal(codeOf(await ask(documents.ErasePayoutDocument, erasing, viewer)), 'FORBIDDEN');
    }
    assert.deepEqual(settled, []);
  });

  test('hands on what was found out, with the note and who says so', async () => {
    const actor = { source: 'OPERATOR', actor: 'ak_test' };
    for (const [outcome, how] of [
      [{ arrived: { providerReference: 'T-1' } }, { kind: 'arrived', providerReference: 'T-1' }],
      [{ neverArrived: { next: 'FAIL' } }, { kind: 'neverArrived', next: 'FAIL' }],
      [{ neverArrived: { next: 'SEND_AGAIN' } }, { kind: 'neverArrived', next: 'SEND_AGAIN' }],
      [{ seen: true }, { kind: 'seen' }],
    ] as const) {
      const { data } = await resolve(outcome);
      assert.equal(data.resolvePayout.__typename, 'ResolvePayoutSuccess');
      assert.deepEqual(settled.pop(), [actor, one.id, how, 'asked by telephone']);
    }
    await ask(
      documents.ErasePayoutDocument,
      { input: { payoutId: one.id, note: 'asked to' }, merchantId: OWN },
      operator,
    );
    assert.deepEqual(settled, [[actor, one.id, 'asked to']]);
  });

  test('needs a note of 1 to 500 characters, and an outcome that says something', async () => {
    for (const [outcome, note, path] of [
      [{ seen: true }, '', 'note'],
      [{ seen: true }, 'n'.repeat(501), 'note'],
      [{ seen: false }, 'note', 'outcome.seen'],
      [{ arrived: { providerReference: '' } }, 'note', 'outcome.arrived.providerReference'],
    ] as const) {
      const { data } = await resolve(outcome, note);
      assert.deepEqual(
        data.resolvePayout.issues.map((issue: { path: string[] }) => issue.path.join('.')),
        [path],
      );
    }
    assert.equal(codeOf(await resolve({ seen: true, arrived: { providerReference: 'x' } })), 'BAD_REQUEST');
    assert.deepEqual(settled, []);
  });
});

describe('personal data', () => {
  const read = async (id: PayoutId, scopes?: readonly Scope[]) =>
    (await ask(documents.PayoutPartiesDocument, { id }, viewerOf(OWN, scopes))).data.payout;

  test('is shown to whom may read, read once however many fields it fills', async () => {
    const { originator, destination } = await read(banked.id);
    assert.deepEqual([originator.firstName, destination.beneficiary.name], ['Ann', '张三']);
    assert.equal(destination.accountNumber, '6222021234560123');
    assert.equal(partiesRead, 1);
  });

  test('is not read where nobody asks for it, or where there is none', async () => {
    await ask(`{ payout(id: "${banked.id}") { state destination { __typename } } }`);
    await read(one.id);
    assert.equal(partiesRead, 0);
  });

  test('that was erased leaves the last four characters of the account', async () => {
    const { originator, destination } = await read(erased.id);
    assert.deepEqual([originator, destination.beneficiary, destination.accountNumber], [null, null, '••••0123']);
  });

  test('is not shown by a mutation to a key that may only write', async () => {
    answer = { kind: 'taken', payout: banked };
    const shown = (fields: string) =>
      ask(
        `mutation { cancelPayout(input: { id: "${banked.id}" }) { ... on CancelPayoutSuccess { payout { ${fields} } } } }`,
        {},
        viewerOf(OWN, ['payouts:write']),
      );
    const masked = await shown('destination { ... on BankDestination { accountNumber } }');
    assert.equal(masked.data.cancelPayout.payout.destination.accountNumber, '••••0123');
    for (const fields of ['originator { name }', 'destination { ... on BankDestination { beneficiary { name } } }']) {
      assert.equal(codeOf(await shown(fields)), 'FORBIDDEN', fields);
    }
    assert.equal(partiesRead, 0);
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
