import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { describe, type TestContext, test } from 'node:test';
import { StartupError } from '../src/domain/errors.ts';
import { canonicalDecimal } from '../src/domain/money.ts';
import type { Amendment, Order, Parties, Party } from '../src/domain/payout.ts';
import type { AttemptRef, Call, QuoteRequest, SendOutcome } from '../src/domain/provider.ts';
import * as fixtures from '../src/providers/xcurrency/fixtures.ts';
import { definition, open, type XcurrencyProvider } from '../src/providers/xcurrency/index.ts';
import { type Conversion, planOf, priceAt } from '../src/providers/xcurrency/price.ts';
import { sandbox as side } from '../src/providers/xcurrency/sandbox.ts';
import * as wire from '../src/providers/xcurrency/wire.ts';
import { createIds, type Log } from '../src/runtime.ts';
import { openSandbox } from '../src/sandbox.ts';
import { type Answered, createTransport } from '../src/transport.ts';
import { createManualClock, type ManualClock } from './support/clock.ts';
import { decimal } from './support/payouts.ts';

const TRADE = '6401f0a2c3d4e5f607182930';
const ORDER_NUMBER = 'SAL-2025-06-0001';
const ASKED_AT = new Date('2026-01-01T12:00:00Z');
const MINUTE_MS = 60_000;

const keys = generateKeyPairSync('rsa', { modulusLength: 2048 });
const PKCS8 = keys.privateKey.export({ type: 'pkcs8', format: 'der' }).toString('base64');

const PAYER: Party = {
  name: null,
  firstName: 'Mei',
  middleName: null,
  lastName: 'Tan',
  nationality: 'SG',
  idType: 'PASSPORT',
  idNumber: 'K1234567E',
  idCountry: 'SG',
  idIssueDate: null,
  idExpiryDate: '2031-03-02',
  dateOfBirth: '1986-03-03',
  occupation: 'Professor',
  phoneCountryCode: '65',
  phone: '81234567',
  email: null,
  sex: 'FEMALE',
  address: {
    line: '1 Example Road',
    city: 'Singapore',
    district: '',
    state: 'Singapore',
    postalCode: '018956',
    country: 'SG',
  },
  accountNumber: '1258566545',
  accountType: 'BANK',
};
const BENEFICIARY: Party = {
  name: '陈小明',
  firstName: null,
  middleName: null,
  lastName: null,
  nationality: 'CN',
  idType: 'ID_CARD',
  idNumber: '110101199003070011',
  idCountry: null,
  idIssueDate: '2015-02-03',
  idExpiryDate: '2035-02-03',
  dateOfBirth: '1990-03-07',
  occupation: 'Professor',
  phoneCountryCode: '86',
  phone: '13800000000',
  email: null,
  sex: 'MALE',
  address: {
    line: '示例路1号',
    city: 'Zhuhai',
    district: 'Xiangzhou',
    state: 'Guangdong',
    postalCode: '519000',
    country: 'CN',
  },
  accountNumber: null,
  accountType: null,
};
const PARTIES = {
  originator: PAYER,
  beneficiary: BENEFICIARY,
  accountNumber: '6200000000000000003',
} satisfies Parties;
const NO_CHANGE: Amendment = {
  originator: null,
  beneficiary: null,
  purpose: null,
  relationship: null,
  sourceOfFunds: null,
};

/** The order of the recorded create: 718.20 CNY are to arrive, USD are debited. */
function orderOf(changes: Partial<Order> = {}, amount = '718.20', currency = 'CNY'): Order {
  return {
    amount: { amount: decimal(amount), currency },
    feeMode: 'ADD',
    destination: { kind: 'bank', accountType: 'BANK', lastFour: '0003', network: null },
    sourceCurrency: 'USD',
    receiveCurrency: null,
    purpose: 'Salary',
    relationship: 'Self',
    sourceOfFunds: 'Employment income',
    fundingAddress: null,
    description: null,
    ...changes,
  };
}

/** 100 USD are debited, CNY arrive. */
const SPENDING = orderOf({ sourceCurrency: null, receiveCurrency: 'CNY' }, '100', 'USD');
const SAME = orderOf({ sourceCurrency: null }, '100.50');

function attemptOf(
  providerReference: string | null = TRADE,
  body: string | null = fixtures.CREATE.request,
): AttemptRef {
  return {
    account: 'default',
    orderNumber: ORDER_NUMBER,
    providerReference,
    order: orderOf(),
    firstSentAt: ASKED_AT,
    storedBody: async () => body,
  };
}

function call(): Call {
  return { sendBy: null, signal: new AbortController().signal };
}

function answered(status: number, body: string, headers: Record<string, string> = {}): Answered {
  return { kind: 'answered', status, headers, body, startedAt: ASKED_AT, endedAt: ASKED_AT };
}

function refusal(code: string, message = 'no'): string {
  return JSON.stringify({ status: code, message });
}

function paymentAnswer(status: string, tradeId: string | null = TRADE, message = ''): string {
  return JSON.stringify({ status: '1', data: { tradeId, status, message } });
}

// --- signing and encoding --------------------------------------------------------------------------------------------

describe('signing at xCurrency Hubs', () => {
  const publicKey = createPublicKey({ key: Buffer.from(fixtures.PUBLIC_KEY, 'base64'), format: 'der', type: 'spki' });

  for (const { name, body, sign } of fixtures.SIGNATURES) {
    test(`the recorded signature of ${name} is one of our exact bytes, in either alphabet, padded or not`, () => {
      const bytes = Buffer.from(body, 'utf8');
      assert.ok(wire.verify(bytes, sign, publicKey));
      const padded = Buffer.from(sign, 'base64url').toString('base64');
      assert.ok(padded.endsWith('='));
      assert.ok(wire.verify(bytes, padded, publicKey));
      assert.ok(!wire.verify(Buffer.concat([bytes, Buffer.from(' ')]), sign, publicKey));
    });
  }

  test('a signature of ours is of the same kind: 2048 bits, URL-safe, without padding, the same each time', () => {
    const sign = wire.sign('{"n":"陈"}', keys.privateKey);
    assert.match(sign, /^[A-Za-z0-9_-]{342}$/);
    assert.equal(wire.sign('{"n":"陈"}', keys.privateKey), sign);
    assert.ok(wire.verify(Buffer.from('{"n":"陈"}'), sign, keys.publicKey));
  });

  test('our key is read from PEM and from one line of Base64, and nothing else is taken for one', () => {
    const pem = keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    for (const text of [pem, `\n${pem}\n`, PKCS8, ` ${PKCS8}\n`]) {
      const key = wire.parsePrivateKey(text);
      assert.ok(key !== null);
      assert.equal(wire.sign('{}', key), wire.sign('{}', keys.privateKey));
    }
    const elliptic = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
    const other = elliptic.export({ type: 'pkcs8', format: 'der' }).toString('base64');
    const publicPem = keys.publicKey.export({ type: 'spki', format: 'pem' }).toString();
    for (const text of ['', 'no key', PKCS8.slice(8), other, publicPem]) assert.equal(wire.parsePrivateKey(text), null);
  });
});

describe('what is sent to xCurrency Hubs', () => {
  test('the recorded create comes out byte for byte, whichever amount was given', async (context) => {
    const { provider } = await connect(context, { [wire.PATHS.quote]: () => ({ body: fixtures.QUOTE.answer }) });
    for (const order of [orderOf(), SPENDING, orderOf({}, '718.2')]) {
      const prepared = await provider.prepare('default', order, PARTIES, ORDER_NUMBER, call());
      const receive = { amount: '718.2', currency: 'CNY' };
      const price = { debit: { amount: '100', currency: 'USD' }, receive };
      assert.deepEqual(prepared, { kind: 'body', body: fixtures.CREATE.request, price });
    }
  });

  test('without a conversion both amounts are equal and nobody is asked', async (context) => {
    const { provider, seen } = await connect(context, {});
    const prepared = await provider.prepare('default', SAME, PARTIES, ORDER_NUMBER, call());
    assert.ok(prepared.kind === 'body');
    assert.match(
      prepared.body,
      /^\{"orderNo":"SAL-2025-06-0001","sourceCurrency":"CNY","sourceAmount":100.5,"targetCurrency":"CNY","targetAmount":100.5,/,
    );
    assert.deepEqual(seen, []);
  });

  test('every other recorded body comes out byte for byte', () => {
    assert.equal(wire.encodeToken('demo-app-key', 'demo-secret'), fixtures.TOKEN.request);
    assert.equal(wire.encodeQuote('USD'), fixtures.QUOTE.request);
    assert.equal(wire.encodeTrade(TRADE), fixtures.STATUS.request);
    assert.equal(wire.encodeWallet('USD'), '{"currency":"USD"}');
    assert.equal(wire.EMPTY, '{}');
    const amendment = { ...NO_CHANGE, purpose: 'Family support', relationship: 'Sibling' };
    const account = { accountType: 'bank', accountNumber: '1' };
    assert.equal(wire.encodeAmendment(ORDER_NUMBER, amendment, account), fixtures.UPDATE.request);
  });

  test('what a party leaves out is left out, and every word has its spelling there', () => {
    const { request } = fixtures.CREATE;
    const account = wire.accountIn(request);
    assert.deepEqual(account, { accountType: 'bank', accountNumber: '6200000000000000003' });
    assert.ok(account !== null);
    const bare = { ...BENEFICIARY, email: 'm@example.cn', sex: null, idIssueDate: null, occupation: null };
    const payer: Party = {
      ...PAYER,
      middleName: 'Li',
      idType: 'WORK_PERMIT',
      accountType: null,
      accountNumber: null,
      address: null,
    };
    const amendment = { ...NO_CHANGE, originator: payer, beneficiary: bare };
    const body = JSON.parse(wire.encodeAmendment(ORDER_NUMBER, amendment, account));
    assert.deepEqual(Object.keys(body.beneficiary).slice(0, 6), [
      'accountType',
      'accountNumber',
      'accountName',
      'email',
      'nationality',
      'idType',
    ]);
    assert.deepEqual(
      ['sex', 'idIssueDate', 'occupation'].filter((name) => name in body.beneficiary),
      [],
    );
    assert.deepEqual(
      [body.payer.middleName, body.payer.idType, body.payer.accountType, 'accountNumber' in body.payer],
      ['Li', 'workpermit', 'bank', false],
    );
    assert.ok(!('address' in body.payer));
  });

  test('an update that changes nothing carries the groups of the create and none of its money', () => {
    const body = wire.encodeSameAgain(ORDER_NUMBER, fixtures.CREATE.request);
    assert.ok(body !== null);
    const { orderNo, purpose, relationship, fundsSource, payer, beneficiary } = JSON.parse(fixtures.CREATE.request);
    assert.equal(body, JSON.stringify({ orderNo, purpose, relationship, fundsSource, payer, beneficiary }));
    for (const text of ['', '{}', '[]', 'null']) {
      assert.equal(wire.encodeSameAgain(ORDER_NUMBER, text), null);
      assert.equal(wire.accountIn(text), null);
    }
  });

  test('a document is Base64 of its bytes, and one that the provider would not take is named before it is sent', () => {
    const document = {
      type: 'other',
      fileName: 'Invoice.PDF',
      content: Buffer.from('%PDF-1.7 ÿ', 'latin1'),
      note: null,
    };
    assert.equal(
      wire.encodeUpload(TRADE, document),
      `{"tradeId":"${TRADE}","fileType":"other","fileName":"Invoice.PDF","fileContent":"JVBERi0xLjcg/w=="}`,
    );
    assert.match(wire.encodeUpload(TRADE, { ...document, note: 'n' }), /,"remark":"n"\}$/);
    assert.equal(wire.faultOfDocument(document), null);
    assert.match(wire.faultOfDocument({ ...document, type: 'selfie' }) ?? '', /proforma_invoice.*other/);
    assert.match(wire.faultOfDocument({ ...document, fileName: 'a.exe' }) ?? '', /\.pdf/);
    const large = { ...document, content: Buffer.alloc(5 * 1024 * 1024 + 1) };
    assert.match(wire.faultOfDocument(large) ?? '', /5 MiB/);
  });
});

// --- answers ---------------------------------------------------------------------------------------------------------

describe('what xCurrency Hubs answers', () => {
  test('each recorded answer to a question decodes', () => {
    const value = '3f0c6d2e9b5147c8a1d2e3f405162738';
    assert.deepEqual(wire.readToken(answered(200, fixtures.TOKEN.answer)), { kind: 'known', value });
    assert.deepEqual(wire.readToken(answered(200, fixtures.TOKEN.olderAnswer)), { kind: 'known', value });
    assert.deepEqual(wire.readToken(answered(400, fixtures.TOKEN.refusal)), {
      kind: 'rejected',
      vendorCode: '-1',
      vendorMessage: 'bad request, appkey not exist',
    });
    assert.equal(wire.readCheck(answered(200, fixtures.CHECK.answer)).kind, 'known');
    assert.equal(wire.readCheck(answered(200, '{"status":"1","data":{}}')).kind, 'known');
    assert.deepEqual(wire.readCheck(answered(400, fixtures.CHECK.refusal)), {
      kind: 'rejected',
      vendorCode: '10001',
      vendorMessage: 'signature verification failed',
    });
    assert.deepEqual(wire.readQuote(answered(200, fixtures.QUOTE.answer), 'USD'), { kind: 'known', value: '7.182' });
    assert.deepEqual(wire.readWallets(answered(200, fixtures.WALLETS.answer)), {
      kind: 'known',
      value: [
        { currency: 'USD', available: '12500.5', locked: null },
        { currency: 'CNY', available: '80000', locked: null },
      ],
    });
    const one = '{"status":"1","data":{"amount":0.00,"currency":"USD","walletId":"W0001"}}';
    assert.deepEqual(wire.readWallet(answered(200, one)), {
      kind: 'known',
      value: { currency: 'USD', available: '0.00', locked: null },
    });
  });

  test('areas nest three deep with pinyin as the value and the postal code, occupations go by their English name', () => {
    const district = { value: 'Xiangzhou', label: null, localName: '香洲区', code: '519000', children: [] };
    const city = { value: 'Zhuhai', label: null, localName: '珠海市', code: '519000', children: [district] };
    const state = { value: 'Guangdong', label: null, localName: '广东省', code: '510000', children: [city] };
    assert.deepEqual(wire.readAreas(answered(200, fixtures.AREAS.answer)), { kind: 'known', value: [state] });
    const bare = '{"status":"1","data":[{"pinyin":"Tibet","areaKey":"54","list":null}]}';
    assert.deepEqual(wire.readAreas(answered(200, bare)), {
      kind: 'known',
      value: [{ value: 'Tibet', label: null, localName: null, code: '54', children: [] }],
    });
    assert.deepEqual(wire.readOccupations(answered(200, fixtures.OCCUPATIONS.answer)), {
      kind: 'known',
      value: [{ value: 'Professor', label: null, localName: '教授', code: null, children: [] }],
    });
  });

  test('a rate of another pair, of zero or of none is no rate', () => {
    const { answer } = fixtures.QUOTE;
    for (const body of [
      answer,
      answer.replace('7.182', '0').replace('USD', 'EUR'),
      answer.replace('7.182', '"x"').replace('USD', 'EUR'),
      answer.replace('"CNY"', '"HKD"').replace('USD', 'EUR'),
    ]) {
      assert.equal(wire.readQuote(answered(200, body), 'EUR').kind, 'unavailable');
    }
  });

  test('a question outside the hours, too early, or into a fault may be asked again; a refused one says its code', () => {
    const kindOf = (status: number, body: string) => wire.readWallets(answered(status, body)).kind;
    assert.equal(kindOf(400, refusal('10006')), 'unavailable');
    assert.equal(kindOf(403, fixtures.TOKEN_REFUSED), 'unavailable');
    assert.equal(kindOf(500, refusal('-1')), 'unavailable');
    assert.equal(kindOf(200, '<html>'), 'unavailable');
    assert.equal(kindOf(400, fixtures.WALLETS.answer), 'unavailable');
    assert.equal(kindOf(400, refusal('10004')), 'rejected');
    const limited = wire.readWallets(answered(429, refusal('-1'), { 'retry-after': '3' }));
    assert.deepEqual(limited.kind === 'unavailable' && limited.retryAfterMs, 3000);
  });

  test('the recorded create answer is a payment under review, and echoes nothing of what was sent', () => {
    assert.deepEqual(wire.readChange('create', answered(200, fixtures.CREATE.answer)), {
      kind: 'accepted',
      report: {
        askedAt: ASKED_AT,
        state: 'PROCESSING',
        vendorStatus: 'pending',
        vendorMessage: null,
        providerReference: TRADE,
        transactionHash: null,
        fees: [],
        debits: [],
        received: null,
        moneyMoved: 'NO',
        failure: null,
        allows: ['CANCEL', 'AMEND'],
        echo: {},
        rivals: [],
      },
    });
  });

  test('each state has its meaning, its money and what it allows; another word is kept and means nothing', () => {
    const rows = {
      pending: ['PROCESSING', 'NO', ['CANCEL', 'AMEND'], null],
      pending_material: ['AWAITING_DOCUMENTS', 'NO', ['AMEND', 'ATTACH_DOCUMENT', 'COMPLETE_DOCUMENTS'], null],
      overrule: ['AWAITING_DOCUMENTS', 'NO', ['AMEND', 'ATTACH_DOCUMENT', 'COMPLETE_DOCUMENTS'], null],
      awaiting_transfer: ['AWAITING_CONFIRMATION', 'NO', ['CONFIRM'], null],
      transferring: ['PROCESSING', 'YES', [], null],
      transferred: ['PROCESSING', 'YES', [], null],
      completed: ['COMPLETED', 'YES', [], null],
      failed: ['FAILED', 'YES', [], 'OTHER'],
      refunding: ['FAILED', 'YES', [], 'OTHER'],
      refunded: ['FAILED', 'NO', [], 'OTHER'],
      rejected: ['FAILED', 'NO', [], 'COMPLIANCE'],
      canceled: ['CANCELLED', 'NO', [], null],
      cancelled: [null, 'UNKNOWN', [], null],
      constructor: [null, 'UNKNOWN', [], null],
    };
    for (const [word, [state, moneyMoved, allows, failure]] of Object.entries(rows)) {
      const outcome = wire.readStatus(answered(200, paymentAnswer(word, TRADE, 'why')), TRADE);
      assert.ok(outcome.kind === 'found', word);
      const { report } = outcome;
      assert.deepEqual([report.vendorStatus, report.vendorMessage], [word, 'why']);
      assert.deepEqual([report.state, report.moneyMoved, report.allows], [state, moneyMoved, allows], word);
      assert.equal(report.failure?.code ?? null, failure, word);
      assert.equal(report.cameBack, word === 'refunded' ? true : undefined, word);
    }
  });

  test('the outer status is of the call and the inner one of the payment', () => {
    const outcome = wire.readStatus(answered(200, fixtures.STATUS.answer), TRADE);
    assert.ok(outcome.kind === 'found');
    assert.equal(outcome.report.state, 'AWAITING_CONFIRMATION');
    assert.equal(outcome.report.providerReference, TRADE);
    const silent = wire.readStatus(answered(200, paymentAnswer('completed', null)), TRADE);
    assert.ok(silent.kind === 'found');
    assert.equal(silent.report.providerReference, TRADE);
  });

  test('a status answer about another payment, without a state, or refused says nothing; -1 is no such payment', () => {
    const kindOf = (status: number, body: string) => wire.readStatus(answered(status, body), TRADE).kind;
    assert.equal(kindOf(200, paymentAnswer('completed', 'another')), 'unavailable');
    assert.equal(kindOf(200, `{"status":"1","data":{"tradeId":"${TRADE}"}}`), 'unavailable');
    assert.equal(kindOf(400, refusal('10004')), 'unavailable');
    assert.equal(kindOf(400, 'no route'), 'unavailable');
    assert.equal(kindOf(500, refusal('-1')), 'unavailable');
    assert.equal(kindOf(400, refusal('-1')), 'absent');
  });
});

// --- refusals --------------------------------------------------------------------------------------------------------

/** What an outcome comes to in a word: its kind, with the code, the reason or nothing behind it. */
function wordOf(outcome: SendOutcome | null): string {
  switch (outcome?.kind) {
    case 'rejected':
      return outcome.failure.code;
    case 'notTaken':
      return `notTaken ${outcome.reason} ${outcome.retryAfterMs}`;
    default:
      return outcome?.kind ?? 'null';
  }
}

describe('a refusal of xCurrency Hubs', () => {
  const read = (change: Parameters<typeof wire.readChange>[0], code: string, status = 400) =>
    wordOf(wire.readChange(change, answered(status, refusal(code))));

  test('to a create is final by its code, passes, says that it exists, or says nothing', () => {
    const rows: Readonly<Record<string, string>> = {
      '10001': 'notTaken CREDENTIALS null',
      '10002': 'notTaken CREDENTIALS null',
      '10003': 'PROVIDER_REFUSED',
      '10004': 'PROVIDER_REFUSED',
      '10005': 'unknown',
      '10006': 'notTaken HOURS null',
      '10007': 'INSUFFICIENT_FUNDS',
      '10008': 'COMPLIANCE',
      '10009': 'unknown',
      '10010': 'INVALID_DESTINATION',
      '10011': 'INVALID_DESTINATION',
      '10012': 'COMPLIANCE',
      '10013': 'INVALID_DESTINATION',
      '10014': 'AMOUNT_OUT_OF_RANGE',
      '10015': 'COMPLIANCE',
      '10016': 'COMPLIANCE',
      '10017': 'unknown',
      '10018': 'COMPLIANCE',
      '10019': 'COMPLIANCE',
      '10020': 'COMPLIANCE',
      '10021': 'COMPLIANCE',
      '10022': 'COMPLIANCE',
      '10023': 'COMPLIANCE',
      '10024': 'unknown',
      '10100': 'exists',
      '-1': 'unknown',
      constructor: 'unknown',
    };
    for (const [code, word] of Object.entries(rows)) assert.equal(read('create', code), word, code);
    assert.equal(read('create', '10007', 200), 'INSUFFICIENT_FUNDS');
  });

  test('keeps their code and words, and only a price or a balance is worth another try', () => {
    for (const [code, retryable] of [
      ['10003', true],
      ['10007', true],
      ['10004', false],
      ['10016', false],
    ] as const) {
      const outcome = wire.readChange('create', answered(400, refusal(code, 'their words')));
      assert.ok(outcome?.kind === 'rejected');
      const { vendorCode, vendorMessage } = outcome.failure;
      assert.deepEqual([vendorCode, vendorMessage, outcome.failure.retryable], [code, 'their words', retryable]);
    }
  });

  test('to a create that names a trade id is no refusal', () => {
    const body = JSON.stringify({ status: '10004', message: 'no', data: { tradeId: TRADE } });
    assert.equal(wire.readChange('create', answered(400, body)), null);
  });

  test('of the token was not taken and may be sent at once; a page of somebody else between us says nothing', () => {
    for (const change of ['create', 'confirm', 'cancel', 'update', 'upload', 'completed'] as const) {
      const outcome = wire.readChange(change, answered(403, fixtures.TOKEN_REFUSED));
      assert.equal(wordOf(outcome), 'notTaken CREDENTIALS 0', change);
      assert.equal(wire.readChange(change, answered(403, '<html>Forbidden</html>')), null);
      const limited = wire.readChange(change, answered(429, refusal('-1'), { 'retry-after': '2' }));
      assert.equal(wordOf(limited), 'notTaken RATE_LIMITED 2000');
      assert.equal(wire.readChange(change, answered(429, 'slow down')), null);
    }
  });

  test('to a confirm waits for funds or hours, asks for a look, or is final', () => {
    assert.equal(read('confirm', '10005'), 'unknown');
    assert.equal(read('confirm', '10006'), 'notTaken HOURS null');
    assert.equal(read('confirm', '10007'), 'notTaken FUNDS null');
    assert.equal(read('confirm', '10001'), 'notTaken CREDENTIALS null');
    assert.equal(read('confirm', '10009'), 'PROVIDER_REFUSED');
    assert.equal(read('confirm', '10010'), 'INVALID_DESTINATION');
    assert.equal(read('confirm', '10100'), 'unknown');
    assert.equal(read('confirm', '-1'), 'unknown');
  });

  test('to a cancel, an update or a document is final by the codes of that call alone', () => {
    assert.deepEqual(
      ['10017', '10004', '10005', '-1'].map((code) => read('cancel', code)),
      ['PROVIDER_REFUSED', 'unknown', 'unknown', 'unknown'],
    );
    assert.deepEqual(
      ['10004', '10008', '10005', '10007'].map((code) => read('update', code)),
      ['PROVIDER_REFUSED', 'COMPLIANCE', 'unknown', 'unknown'],
    );
    for (const change of ['upload', 'completed'] as const) {
      assert.deepEqual(
        ['10004', '10005', '10017', '-1'].map((code) => read(change, code)),
        ['PROVIDER_REFUSED', 'PROVIDER_REFUSED', 'unknown', 'unknown'],
      );
    }
  });

  test('is not what a success with a 400, a create without a trade id, or a body that does not decode is', () => {
    assert.equal(wire.readChange('create', answered(400, fixtures.CREATE.answer)), null);
    assert.equal(wire.readChange('create', answered(200, paymentAnswer('pending', null))), null);
    assert.equal(wire.readChange('create', answered(200, '{"status":"1"}')), null);
    for (const body of ['', '[]', 'null', '{"message":"x"}', '<html>']) {
      assert.equal(wire.readChange('confirm', answered(200, body)), null);
    }
  });

  test('is absent: yes alone carries no report, a state that is told does, and a create keeps an id without a state', () => {
    const reportOf = (change: Parameters<typeof wire.readChange>[0], body: string) => {
      const outcome = wire.readChange(change, answered(200, body));
      assert.ok(outcome?.kind === 'accepted', change);
      return outcome.report;
    };
    assert.equal(reportOf('confirm', '{"status":"1","message":""}'), null);
    assert.equal(reportOf('cancel', fixtures.CANCEL.answer), null);
    assert.equal(reportOf('upload', fixtures.UPLOAD.answer), null);
    assert.equal(reportOf('completed', fixtures.COMPLETED.answer)?.state, 'AWAITING_CONFIRMATION');
    assert.equal(reportOf('update', paymentAnswer('pending'))?.state, 'PROCESSING');
    const bare = reportOf('create', `{"status":"1","data":{"tradeId":"${TRADE}"}}`);
    assert.deepEqual([bare?.providerReference, bare?.state], [TRADE, null]);
  });
});

// --- money -----------------------------------------------------------------------------------------------------------

describe('the amounts of a payment', () => {
  const at = (kind: Conversion['kind'], amount: string, rate: string, source = 'USD') =>
    priceAt({ kind, amount: decimal(amount), source }, decimal(rate), ASKED_AT).amounts;

  test('follow from what arrives where a hundredth of the source reaches it, at rates above and below one', () => {
    for (const [amount, rate, source] of [
      ['718.20', '7.182', '100'],
      ['700.02', '7.182', '97.47'],
      ['50', '0.9148', '54.66'],
      ['0.04', '0.0482', '0.83'],
      ['12345.67', '1', '12345.67'],
    ] as const) {
      const amounts = at('deliver', amount, rate);
      assert.ok('source' in amounts, amount);
      assert.deepEqual([amounts.source.amount, amounts.target], [source, canonicalDecimal(decimal(amount))]);
    }
  });

  test('that no source reaches name the nearest below and above, and nothing is never one of them', () => {
    const amounts = at('deliver', '700.01', '7.182');
    assert.ok('nearest' in amounts);
    assert.deepEqual(amounts.nearest, ['699.95', '700.02']);
    assert.equal(
      amounts.reason,
      'At a rate of 7.182 no amount of USD gives 700.01 CNY: the nearest are 699.95 and 700.02.',
    );
    const low = at('deliver', '0.99', '7.182');
    assert.deepEqual('nearest' in low && low.nearest, ['0.93', '1']);
    const lowest = at('deliver', '0.01', '7.182');
    assert.deepEqual('nearest' in lowest && lowest.nearest, ['0.07']);
  });

  test('follow from what is debited, cut off at the hundredth, so that no more is promised than arrives', () => {
    const cases = [
      ['100', '7.182', '718.2'],
      ['0.01', '7.5', '0.07'],
      ['33.34', '7.801523', '260.1'],
      ['33.33', '7.801523', '260.02'],
    ] as const;
    for (const [amount, rate, target] of cases) {
      const amounts = at('spend', amount, rate);
      assert.ok('target' in amounts);
      assert.deepEqual([amounts.source.amount, amounts.target], [amount, target]);
    }
    const nothing = at('spend', '0.01', '0.01');
    assert.deepEqual('nearest' in nothing && nothing.nearest, []);
  });

  test('are read from the order: what is debited, what arrives, and what nobody can say', () => {
    const plan = (changes: Partial<Order>, amount = '10', currency = 'CNY') =>
      planOf(orderOf({ sourceCurrency: null, ...changes }, amount, currency));
    const kindOf = (...args: Parameters<typeof plan>): string => {
      const planned = plan(...args);
      return typeof planned === 'string' ? planned : planned.kind;
    };
    assert.equal(kindOf({}), 'same');
    assert.equal(kindOf({ sourceCurrency: 'CNY', receiveCurrency: 'CNY' }), 'same');
    assert.equal(kindOf({ sourceCurrency: 'USD' }), 'deliver');
    assert.equal(kindOf({ receiveCurrency: 'CNY' }, '10', 'USD'), 'spend');
    assert.equal(kindOf({ receiveCurrency: 'CNY', sourceCurrency: 'USD' }, '10', 'USD'), 'spend');
    assert.match(kindOf({}, '10', 'USD'), /with receiveCurrency CNY/);
    assert.match(kindOf({ receiveCurrency: 'EUR' }), /pays CNY only/);
    assert.match(kindOf({ receiveCurrency: 'CNY', sourceCurrency: 'EUR' }, '10', 'USD'), /in CNY or in the currency/);
    assert.match(kindOf({ sourceCurrency: 'USDT' }), /national currencies/);
    assert.match(kindOf({ feeMode: 'DEDUCT' }), /feeMode ADD/);
    assert.match(kindOf({}, '10.001'), /2 decimal places/);
    assert.equal(kindOf({}, '10.1000'), 'same');
  });
});

describe('an order for xCurrency Hubs', () => {
  const provider = openAt('http://127.0.0.1:1');
  const supports = (order: Order, parties: Parties = PARTIES) => provider.supports(order, parties, 'default');

  test('is supported with everything that the provider asks for', () => {
    for (const order of [orderOf(), SPENDING, SAME]) assert.equal(supports(order), true);
    const { order, parties } = side.sample(decimal('10'));
    assert.equal(supports(order, parties), true);
  });

  test('is refused by the name of each field that is missing', () => {
    const bare: Party = { ...PAYER, firstName: null, lastName: '', dateOfBirth: null, address: null };
    const address = { line: '', city: null, district: null, state: null, postalCode: null, country: null };
    const receiver: Party = { ...BENEFICIARY, name: null, phone: null, address };
    assert.equal(
      supports(orderOf(), { ...PARTIES, originator: bare, beneficiary: receiver }),
      'xCurrency Hubs also needs originator.firstName, originator.lastName, originator.dateOfBirth, ' +
        'originator.address, beneficiary.name, beneficiary.phone, beneficiary.address.line.',
    );
    assert.equal(
      supports(orderOf({ purpose: null, sourceOfFunds: null }), { ...PARTIES, originator: null }),
      'xCurrency Hubs also needs originator, purpose, sourceOfFunds.',
    );
    assert.match(supports(orderOf(), { ...PARTIES, accountNumber: null }).toString(), /account number/);
  });

  test('is refused for a word that is on no list, with the list', () => {
    assert.equal(
      supports(orderOf({ purpose: 'salary' })),
      'xCurrency Hubs takes as purpose one of: Family support, Salary.',
    );
    assert.match(`${supports(orderOf({ relationship: 'Friend' }))}`, /relationship one of: Children, Parent, Self/);
    assert.match(`${supports(orderOf({ sourceOfFunds: 'Luck' }))}`, /sourceOfFunds one of: Business income/);
  });

  test('is refused elsewhere than at a bank, and for a beneficiary with another account', () => {
    const destination = { kind: 'blockchain', address: 'x', network: 'TRON', memo: null } as const;
    assert.match(`${supports(orderOf({ destination }))}`, /bank accounts only/);
    const elsewhere = { ...PARTIES, beneficiary: { ...BENEFICIARY, accountNumber: '6200000000000000004' } };
    assert.match(`${supports(orderOf(), elsewhere)}`, /pays to one account/);
    assert.ok(!`${supports(orderOf(), elsewhere)}`.includes('6200'));
    const same = { ...PARTIES, beneficiary: { ...BENEFICIARY, accountNumber: PARTIES.accountNumber } };
    assert.equal(supports(orderOf(), same), true);
  });

  test('is amended in the five groups alone, and never in the account that is paid', () => {
    const check = (changes: Partial<Amendment>) => provider.supportsAmendment?.({ ...NO_CHANGE, ...changes });
    assert.equal(check({ purpose: 'Salary' }), true);
    assert.equal(check({ beneficiary: BENEFICIARY }), true);
    assert.match(`${check({})}`, /changes nothing/);
    assert.match(`${check({ purpose: 'Gift' })}`, /purpose one of/);
    assert.match(`${check({ beneficiary: { ...BENEFICIARY, name: null } })}`, /beneficiary\.name/);
    assert.match(`${check({ beneficiary: { ...BENEFICIARY, accountNumber: '1' } })}`, /cannot be amended/);
  });
});

// --- the provider over the wire --------------------------------------------------------------------------------------

interface Reply {
  readonly status?: number;
  readonly body: string;
}
interface Seen {
  readonly path: string;
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}
type Replies = Readonly<Record<string, (seen: Seen) => Reply | Promise<Reply>>>;

function openAt(baseUrl: string, values: Record<string, string> = {}, now = () => ASKED_AT): XcurrencyProvider {
  const account = {
    name: 'default',
    enabled: true,
    callbackUrl: null,
    values: { baseUrl, appKey: 'demo-app-key', secretKey: 'demo-secret', privateKey: PKCS8, ...values },
  };
  return open([account], createTransport(now), now);
}

/** xCurrency Hubs in a few lines: numbered tokens, and whatever `replies` says; it keeps what it was asked. */
async function connect(context: TestContext, replies: Replies, clock: ManualClock = createManualClock()) {
  const seen: Seen[] = [];
  const tokens: Seen[] = [];
  const server = createServer(async (request, response) => {
    const body = Buffer.concat(await request.toArray()).toString();
    const path = request.url ?? '';
    const asked = { path, method: request.method ?? '', headers: request.headers, body };
    if (path === wire.PATHS.token) tokens.push(asked);
    else seen.push(asked);
    const numbered = { body: `{"status":"1","data":"token-${tokens.length}"}` };
    const ordinary: Reply = path === wire.PATHS.token ? numbered : { body: '' };
    const reply = (await replies[path]?.(asked)) ?? ordinary;
    response.writeHead(reply.status ?? 200, { 'content-type': 'application/json' }).end(reply.body);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  const provider = openAt(`http://127.0.0.1:${address.port}`, {}, clock.now);
  context.after(async () => {
    await provider.close();
    server.closeAllConnections();
    server.close();
  });
  return { provider, seen, tokens, clock };
}

const STATUS_OK: Replies = { [wire.PATHS.status]: () => ({ body: fixtures.STATUS.answer }) };
const EXPIRED: Reply = { status: 403, body: fixtures.TOKEN_REFUSED };

describe('the token of xCurrency Hubs', () => {
  test('is fetched with both keys and no headers of its own, and used with the app key on every other call', async (context) => {
    const { provider, seen, tokens } = await connect(context, STATUS_OK);
    await provider.lookup(attemptOf(), call());
    await provider.lookup(attemptOf(), call());
    assert.deepEqual(
      tokens.map(({ body, headers }) => [body, headers.appkey, headers.sign]),
      [[fixtures.TOKEN.request, undefined, undefined]],
    );
    assert.equal(seen.length, 2);
    for (const { headers, body } of seen) {
      assert.deepEqual([headers.appkey, headers.token], ['demo-app-key', 'token-1']);
      assert.equal(headers.sign, wire.sign(body, keys.privateKey));
      assert.equal(headers['content-type'], 'application/json');
    }
  });

  test('is renewed while the old one is still used, and not used in its last minute', async (context) => {
    const { provider, seen, tokens, clock } = await connect(context, STATUS_OK);
    const ask = () => provider.lookup(attemptOf(), call());
    const used = () => seen.map(({ headers }) => headers.token);
    await ask();
    await clock.advance(50 * MINUTE_MS - 1);
    await ask();
    assert.deepEqual([used(), tokens.length], [['token-1', 'token-1'], 1]);
    await clock.advance(1);
    await ask();
    assert.equal(used()[2], 'token-1');
    while (tokens.length < 2) await new Promise((resolve) => setImmediate(resolve));
    await clock.advance(9 * MINUTE_MS);
    await ask();
    assert.equal(used()[3], 'token-2');
    await clock.advance(60 * MINUTE_MS);
    await ask();
    assert.deepEqual([used()[4], tokens.length], ['token-3', 3]);
  });

  test('is renewed once, however many ask for it at a time', async (context) => {
    const gate = Promise.withResolvers<void>();
    const { provider, seen, tokens } = await connect(context, {
      ...STATUS_OK,
      [wire.PATHS.token]: async () => {
        await gate.promise;
        return { body: fixtures.TOKEN.answer };
      },
    });
    const asking = Array.from({ length: 20 }, () => provider.lookup(attemptOf(), call()));
    const sending = provider.confirm?.(attemptOf(), call());
    while (tokens.length === 0) await new Promise((resolve) => setImmediate(resolve));
    gate.resolve();
    for (const outcome of await Promise.all(asking)) assert.equal(outcome.kind, 'found');
    await sending;
    assert.deepEqual([tokens.length, seen.length], [1, 21]);
  });

  test('that is refused to a question is renewed and the question asked once more, and no more than that', async (context) => {
    const only = (good: string): Replies => ({
      [wire.PATHS.status]: ({ headers }) => (headers.token === good ? { body: fixtures.STATUS.answer } : EXPIRED),
    });
    const { provider, seen, tokens } = await connect(context, only('token-2'));
    assert.equal((await provider.lookup(attemptOf(), call())).kind, 'found');
    assert.deepEqual([seen.length, tokens.length], [2, 2]);
    const deaf = await connect(context, only('never'));
    assert.equal((await deaf.provider.lookup(attemptOf(), call())).kind, 'unavailable');
    assert.deepEqual([deaf.seen.length, deaf.tokens.length], [2, 2]);
  });

  test('that is refused to a send leaves it not taken: it is not repeated here, and the next send has a new one', async (context) => {
    const { provider, seen, tokens } = await connect(context, {
      [wire.PATHS.create]: ({ headers }) => (headers.token === 'token-2' ? { body: fixtures.CREATE.answer } : EXPIRED),
    });
    const first = await provider.submit(attemptOf(null), fixtures.CREATE.request, call());
    assert.ok(first.kind === 'notTaken');
    assert.deepEqual([first.reason, first.retryAfterMs], ['CREDENTIALS', 0]);
    assert.deepEqual([seen.length, tokens.length], [1, 1]);
    const second = await provider.submit(attemptOf(null), fixtures.CREATE.request, call());
    assert.equal(second.kind, 'accepted');
    assert.deepEqual([seen.length, tokens.length], [2, 2]);
  });

  test('that is refused to many at a time is given up once', async (context) => {
    const { provider, tokens } = await connect(context, {
      [wire.PATHS.status]: ({ headers }) => (headers.token === 'token-1' ? EXPIRED : { body: fixtures.STATUS.answer }),
    });
    const outcomes = await Promise.all(Array.from({ length: 10 }, () => provider.lookup(attemptOf(), call())));
    assert.deepEqual(new Set(outcomes.map(({ kind }) => kind)), new Set(['found']));
    assert.equal(tokens.length, 2);
  });

  test('that cannot be had leaves a send not taken and a question unanswered, and shows no secret', async (context) => {
    const replies: readonly Reply[] = [
      { status: 400, body: fixtures.TOKEN.refusal },
      { status: 500, body: '' },
      { body: '{"status":"1"}' },
      { body: '{"status":"1","data":"two\\nlines"}' },
      { body: '<html>' },
    ];
    const words = ['notTaken CREDENTIALS null', ...Array(4).fill('notTaken NEVER_LEFT null')];
    for (const [index, reply] of replies.entries()) {
      const { provider, seen } = await connect(context, { [wire.PATHS.token]: () => reply });
      const sent = await provider.submit(attemptOf(null), '{}', call());
      assert.equal(wordOf(sent), words[index]);
      assert.ok(!JSON.stringify(sent).includes('demo-secret'));
      assert.equal((await provider.lookup(attemptOf(), call())).kind, 'unavailable');
      const balances = await provider.balances?.('default', call());
      assert.equal(balances?.kind, index === 0 ? 'rejected' : 'unavailable');
      assert.equal(seen.length, 0);
    }
  });

  test('is waited for no longer than the caller waits', async (context) => {
    const gate = Promise.withResolvers<void>();
    const token = async () => {
      await gate.promise;
      return { body: fixtures.TOKEN.answer };
    };
    const { provider, tokens } = await connect(context, { ...STATUS_OK, [wire.PATHS.token]: token });
    const leaving = new AbortController();
    const asking = provider.lookup(attemptOf(), { sendBy: null, signal: leaving.signal });
    while (tokens.length === 0) await new Promise((resolve) => setImmediate(resolve));
    leaving.abort();
    assert.equal((await asking).kind, 'unavailable');
    gate.resolve();
    assert.equal((await provider.lookup(attemptOf(), call())).kind, 'found');
    assert.equal(tokens.length, 1);
  });
});

describe('the calls of xCurrency Hubs', () => {
  /** One call against an answer, and the request that it made. */
  async function made<T>(
    context: TestContext,
    reply: Reply,
    make: (provider: XcurrencyProvider) => Promise<T> | undefined,
  ) {
    const { token: _, ...paths } = wire.PATHS;
    const replies = Object.fromEntries(Object.values(paths).map((path) => [path, () => reply]));
    const { provider, seen } = await connect(context, replies);
    const outcome = await make(provider);
    assert.equal(seen.length, 1);
    const [request] = seen;
    assert.ok(request !== undefined && outcome !== undefined);
    return { outcome, request };
  }

  test('each go to their path with their exact body, signed if they are POSTs', async (context) => {
    const document = { type: 'other', fileName: 'a.pdf', content: Buffer.from('a'), note: null };
    const trade = fixtures.STATUS.request;
    const calls: readonly (readonly [
      path: string,
      body: string,
      make: (provider: XcurrencyProvider) => Promise<unknown> | undefined,
    ])[] = [
      ['/payout/encrypt/check', '"any text"', (one) => one.checkSignature('default', '"any text"', call())],
      ['/payout/common/area/list', '', (one) => one.reference?.('default', 'AREAS', call())],
      ['/payout/common/occupation/list', '', (one) => one.reference?.('default', 'OCCUPATIONS', call())],
      [
        '/payout/payment/query/price',
        fixtures.QUOTE.request,
        (one) => one.nearestAmounts?.('default', orderOf(), call()),
      ],
      [
        '/payout/payment/create',
        fixtures.CREATE.request,
        (one) => one.submit(attemptOf(null), fixtures.CREATE.request, call()),
      ],
      ['/payout/payment/transfer/async', trade, (one) => one.confirm?.(attemptOf(), call())],
      ['/payout/payment/cancel', trade, (one) => one.cancel?.(attemptOf(), call())],
      ['/payout/payment/status', trade, (one) => one.lookup(attemptOf(), call())],
      [
        '/payout/payment/update',
        fixtures.UPDATE.request,
        (one) => one.amend?.(attemptOf(), { ...NO_CHANGE, purpose: 'Family support', relationship: 'Sibling' }, call()),
      ],
      ['/payout/wallet/get', '{"currency":"USD"}', (one) => one.balance('default', 'USD', call())],
      ['/payout/wallet/list', '{}', (one) => one.balances?.('default', call())],
      [
        '/payment/risk/upload',
        wire.encodeUpload(TRADE, document),
        (one) => one.attachDocument?.(attemptOf(), document, call()),
      ],
      ['/payment/risk/completed', trade, (one) => one.completeDocuments?.(attemptOf(), call())],
    ];
    for (const [path, body, make] of calls) {
      const { request } = await made(context, { body: '' }, make);
      assert.deepEqual([request.path, request.body], [path, body]);
      const isQuestion = path.startsWith('/payout/common/');
      assert.equal(request.method, isQuestion ? 'GET' : 'POST');
      assert.equal(request.headers.sign, isQuestion ? undefined : wire.sign(body, keys.privateKey));
    }
  });

  test('a payment whose trade id is not known is found by an update that changes nothing', async (context) => {
    const find = (reply: Reply) => made(context, reply, (one) => one.lookup(attemptOf(null), call()));
    const { outcome, request } = await find({ body: paymentAnswer('pending') });
    assert.equal(request.path, wire.PATHS.update);
    assert.equal(request.body, wire.encodeSameAgain(ORDER_NUMBER, fixtures.CREATE.request));
    assert.ok(outcome.kind === 'found');
    assert.equal(outcome.report.providerReference, TRADE);
    for (const reply of [
      { status: 400, body: refusal('10004') },
      { status: 400, body: refusal('-1') },
    ]) {
      const refused = (await find(reply)).outcome;
      assert.ok(refused.kind === 'unavailable');
      assert.match(refused.cause, /SAL-2025-06-0001 .* an operator must give it/);
    }
    const nameless = (await find({ body: paymentAnswer('pending', null) })).outcome;
    assert.match(nameless.kind === 'unavailable' ? nameless.cause : '', /an operator must give it/);
    const { provider } = await connect(context, {});
    const erased = await provider.lookup(attemptOf(null, null), call());
    assert.match(erased.kind === 'unavailable' ? erased.cause : '', /operator/);
  });

  test('nothing is asked of a payment without its trade id, nor amended once the account is forgotten', async (context) => {
    const { provider, seen } = await connect(context, {});
    assert.equal(wordOf((await provider.confirm?.(attemptOf(null), call())) ?? null), 'notTaken NEVER_LEFT null');
    assert.equal(wordOf((await provider.cancel?.(attemptOf(null), call())) ?? null), 'notTaken NEVER_LEFT null');
    const amended = await provider.amend?.(attemptOf(TRADE, null), { ...NO_CHANGE, purpose: 'Salary' }, call());
    assert.equal(wordOf(amended ?? null), 'OTHER');
    const document = { type: 'selfie', fileName: 'a.pdf', content: Buffer.from('a'), note: null };
    assert.equal(wordOf((await provider.attachDocument?.(attemptOf(), document, call())) ?? null), 'PROVIDER_REFUSED');
    assert.deepEqual(seen, []);
  });

  test('an amended beneficiary keeps the account that is paid', async (context) => {
    const amendment = { ...NO_CHANGE, beneficiary: { ...BENEFICIARY, phone: '13900000000' } };
    const { request } = await made(context, { body: paymentAnswer('pending') }, (one) =>
      one.amend?.(attemptOf(), amendment, call()),
    );
    const { beneficiary, ...rest } = JSON.parse(request.body);
    assert.deepEqual(rest, { orderNo: ORDER_NUMBER });
    assert.deepEqual(beneficiary, { ...JSON.parse(fixtures.CREATE.request).beneficiary, phone: '13900000000' });
  });

  test('an amount that the rate does not reach is refused before anything is stored, with the nearest ones', async (context) => {
    const { provider } = await connect(context, { [wire.PATHS.quote]: () => ({ body: fixtures.QUOTE.answer }) });
    const unreachable = orderOf({}, '700.01');
    const prepared = await provider.prepare('default', unreachable, PARTIES, ORDER_NUMBER, call());
    assert.ok(prepared.kind === 'refused');
    assert.equal(prepared.failure.code, 'AMOUNT_OUT_OF_RANGE');
    assert.match(prepared.failure.message, /699\.95 and 700\.02/);
    const nearest = (order: Order) => provider.nearestAmounts?.('default', order, call());
    assert.deepEqual(await nearest(unreachable), { kind: 'known', value: ['699.95', '700.02'] });
    for (const order of [orderOf(), SPENDING, SAME, orderOf({}, '700.02')]) {
      assert.deepEqual(await nearest(order), { kind: 'known', value: [] });
    }
  });

  test('a body cannot be prepared while there is no rate, and never will be for a pair that is refused', async (context) => {
    const prepare = async (reply: Reply) => {
      const { provider } = await connect(context, { [wire.PATHS.quote]: () => reply });
      return provider.prepare('default', orderOf(), PARTIES, ORDER_NUMBER, call());
    };
    for (const [status, body] of [
      [400, refusal('10006')],
      [400, refusal('10001')],
      [400, refusal('-1')],
      [500, ''],
      [200, '<html>'],
    ] as const) {
      assert.equal((await prepare({ status, body })).kind, 'unavailable');
    }
    const refused = await prepare({ status: 400, body: refusal('10004', 'no pair') });
    assert.ok(refused.kind === 'refused');
    assert.deepEqual([refused.failure.vendorCode, refused.failure.vendorMessage], ['10004', 'no pair']);
    const { provider } = await connect(context, {});
    const lacking = await provider.prepare('default', SAME, { ...PARTIES, originator: null }, ORDER_NUMBER, call());
    assert.ok(lacking.kind === 'refused');
  });

  test('a price names both sides, its rate and half an hour of life; without a conversion it has neither', async (context) => {
    const { provider, clock } = await connect(context, { [wire.PATHS.quote]: () => ({ body: fixtures.QUOTE.answer }) });
    const ask = (changes: Partial<QuoteRequest>) =>
      provider.quote?.(
        'default',
        {
          amount: { amount: decimal('100'), currency: 'USD' },
          feeMode: 'ADD',
          network: null,
          channel: null,
          sourceCurrency: null,
          receiveCurrency: 'CNY',
          ...changes,
        },
        call(),
      );
    const price = {
      debit: { amount: '100', currency: 'USD' },
      fees: [],
      receive: { amount: '718.2', currency: 'CNY' },
      rate: '7.182',
      firmness: 'INDICATIVE',
      expiresAt: new Date(clock.now().getTime() + 30 * MINUTE_MS),
    };
    assert.deepEqual(await ask({}), { kind: 'known', value: price });
    const cny = (amount: string) => ({ amount: { amount: decimal(amount), currency: 'CNY' }, receiveCurrency: null });
    assert.deepEqual(await ask({ ...cny('718.20'), sourceCurrency: 'USD' }), { kind: 'known', value: price });
    const same = { ...price, debit: { amount: '5', currency: 'CNY' }, receive: { amount: '5', currency: 'CNY' } };
    assert.deepEqual(await ask(cny('5.00')), { kind: 'known', value: { ...same, rate: null, expiresAt: null } });
    assert.match(`${await ask({ ...cny('700.01'), sourceCurrency: 'USD' })}`, /699\.95 and 700\.02/);
    assert.match(`${await ask({ network: 'TRON' })}`, /bank accounts only/);
    assert.match(`${await ask({ channel: 'x' })}`, /bank accounts only/);
    assert.match(`${await ask({ feeMode: 'DEDUCT' })}`, /feeMode ADD/);
  });

  test('the written lists are answered without a call', async (context) => {
    const { provider, seen, tokens } = await connect(context, {});
    const values = async (kind: 'PURPOSES' | 'RELATIONSHIPS' | 'SOURCES_OF_FUNDS' | 'DOCUMENT_TYPES') => {
      const outcome = await provider.reference?.('default', kind, call());
      assert.ok(outcome?.kind === 'known');
      return outcome.value.map(({ value }) => value);
    };
    assert.deepEqual(await values('PURPOSES'), ['Family support', 'Salary']);
    assert.equal((await values('RELATIONSHIPS')).length, 9);
    assert.deepEqual(await values('SOURCES_OF_FUNDS'), [
      'Business income',
      'Employment income',
      'Part-time income',
      'Saving deposits',
    ]);
    assert.equal((await values('DOCUMENT_TYPES')).length, 10);
    assert.deepEqual([seen, tokens], [[], []]);
  });
});

describe('an account of xCurrency Hubs', () => {
  test('cannot be opened with a key that is none, and the fault does not show it', () => {
    for (const privateKey of ['not a key', '']) {
      assert.throws(
        () => openAt('http://127.0.0.1:1', { privateKey }),
        (error) =>
          error instanceof StartupError &&
          /account default: privateKey/.test(error.message) &&
          !error.message.includes('not a key'),
      );
    }
  });

  test('is known by its app key', () => {
    const provider = openAt('http://127.0.0.1:1');
    assert.deepEqual(provider.accounts, [{ name: 'default', enabled: true, fingerprint: 'demo-app-key' }]);
    assert.equal(definition.webhookPath, '/xcurrency/webhook');
  });
});

// --- webhooks --------------------------------------------------------------------------------------------------------

describe('a notification of xCurrency Hubs', () => {
  const reply = { status: 200, contentType: 'application/json', body: fixtures.WEBHOOK.reply };
  const read = (headers: Record<string, string>, body = fixtures.WEBHOOK.body, values: Record<string, string> = {}) =>
    openAt('http://127.0.0.1:1', values).readWebhook({ headers, body: Buffer.from(body) }, 'default');

  test('of a payment is a reason to ask and never more, with or without the app key', () => {
    const hint = { kind: 'hint', order: { orderNumber: null, providerReference: TRADE }, reply };
    assert.deepEqual(read({}), hint);
    assert.deepEqual(read({ appkey: 'demo-app-key' }), hint);
    assert.deepEqual(read({ appkey: 'theirs' }, fixtures.WEBHOOK.body, { webhookAppKey: 'theirs' }), hint);
  });

  test('with another app key is refused', () => {
    for (const appkey of ['', 'demo-app-ke', 'demo-app-key2', 'demo-app-key, demo-app-key']) {
      assert.equal(read({ appkey }).kind, 'refused', appkey);
    }
    assert.equal(read({ appkey: 'demo-app-key' }, fixtures.WEBHOOK.body, { webhookAppKey: 'theirs' }).kind, 'refused');
  });

  test('of a balance is taken and concerns nobody; of anything else it is refused', () => {
    assert.deepEqual(read({}, '{"event":"balance","id":"W0001","amount":12.5}'), { kind: 'ignored', reply });
    for (const body of ['', '[]', '{}', '{"event":"payment"}', '{"event":"payout","id":"1"}', '{"id":"1"}']) {
      assert.equal(read({}, body).kind, 'refused', body);
    }
  });

  test('for an account that is not there is refused', () => {
    const provider = openAt('http://127.0.0.1:1');
    const raw = { headers: {}, body: Buffer.from(fixtures.WEBHOOK.body) };
    assert.equal(provider.readWebhook(raw, 'another').kind, 'refused');
  });
});

// --- against the stand-in --------------------------------------------------------------------------------------------

const quiet: Log = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: (fields, message) => assert.fail(`${message}: ${JSON.stringify(fields)}`),
  child: () => quiet,
};
const SETTLE_MS = 3000;

/** The provider against the stand-in, with the sample order created under a number of its own. */
async function live(context: TestContext, values: Record<string, string> = {}) {
  const clock = createManualClock();
  const ids = createIds(clock);
  const options = { clock, ids, log: quiet, port: 0, sides: [side], dir: null, settleMs: SETTLE_MS };
  const sandbox = await openSandbox(options);
  const credentials = { ...sandbox.credentials('xcurrency'), ...values };
  const provider = openAt(credentials.baseUrl ?? '', credentials, clock.now);
  context.after(async () => {
    await provider.close();
    await sandbox.close();
  });

  /** Prepares and sends an order; the attempt knows its trade id where it was told. */
  async function create(amount: string, changes: Partial<Order> = {}) {
    const { order: sample, parties } = side.sample(decimal(amount));
    const order = { ...sample, ...changes };
    const orderNumber = ids.next('x').slice(2);
    const prepared = await provider.prepare('default', order, parties, orderNumber, call());
    assert.ok(prepared.kind === 'body', JSON.stringify(prepared));
    const { body } = prepared;
    const refOf = (providerReference: string | null): AttemptRef => ({
      account: 'default',
      orderNumber,
      providerReference,
      order,
      firstSentAt: clock.now(),
      storedBody: async () => body,
    });
    const outcome = await provider.submit(refOf(null), body, call());
    const reference = outcome.kind === 'accepted' ? (outcome.report?.providerReference ?? null) : null;
    return { outcome, body, unbound: refOf(null), attempt: refOf(reference) };
  }

  async function stateOf(attempt: AttemptRef) {
    const outcome = await provider.lookup(attempt, call());
    assert.ok(outcome.kind === 'found', JSON.stringify(outcome));
    return [outcome.report.vendorStatus, outcome.report.state, outcome.report.moneyMoved];
  }
  return { clock, sandbox, provider, create, stateOf };
}

describe('xCurrency Hubs, played by its stand-in', () => {
  test('a payment is reviewed, waits, is confirmed once, and only then costs anything', async (context) => {
    const { clock, provider, create, stateOf } = await live(context);
    const balanceOf = async () => {
      const outcome = await provider.balance('default', 'CNY', call());
      return outcome.kind === 'known' ? outcome.value.available : null;
    };
    const { outcome, attempt } = await create('25.00');
    assert.equal(outcome.kind, 'accepted');
    assert.match(attempt.providerReference ?? '', /^[0-9a-f]{24}$/);
    assert.deepEqual(await stateOf(attempt), ['pending', 'PROCESSING', 'NO']);
    assert.equal((await provider.confirm?.(attempt, call()))?.kind, 'unknown');
    await clock.advance(SETTLE_MS);
    assert.deepEqual(await stateOf(attempt), ['awaiting_transfer', 'AWAITING_CONFIRMATION', 'NO']);
    assert.equal(wordOf((await provider.cancel?.(attempt, call())) ?? null), 'PROVIDER_REFUSED');
    assert.equal(await balanceOf(), '1000000');
    assert.deepEqual(await provider.confirm?.(attempt, call()), { kind: 'accepted', report: null });
    assert.deepEqual(await stateOf(attempt), ['transferring', 'PROCESSING', 'YES']);
    assert.equal((await provider.confirm?.(attempt, call()))?.kind, 'unknown');
    await clock.advance(SETTLE_MS);
    assert.deepEqual(await stateOf(attempt), ['completed', 'COMPLETED', 'YES']);
    assert.equal(await balanceOf(), '999975');
  });

  test('one that is under review can be amended and cancelled', async (context) => {
    const { provider, create, stateOf, sandbox } = await live(context);
    const { attempt } = await create('25.00');
    const amendment = { ...NO_CHANGE, purpose: 'Family support', beneficiary: BENEFICIARY };
    const amended = await provider.amend?.(attempt, amendment, call());
    assert.equal(amended?.kind === 'accepted' && amended.report?.state, 'PROCESSING');
    assert.deepEqual(sandbox.books()[0]?.details, { purpose: 'Family support', beneficiary: 'updated' });
    assert.deepEqual(await provider.cancel?.(attempt, call()), { kind: 'accepted', report: null });
    assert.deepEqual(await stateOf(attempt), ['canceled', 'CANCELLED', 'NO']);
    assert.equal(wordOf((await provider.cancel?.(attempt, call())) ?? null), 'PROVIDER_REFUSED');
    assert.equal(wordOf((await provider.amend?.(attempt, amendment, call())) ?? null), 'PROVIDER_REFUSED');
  });

  test('one that wants documents goes on when they are complete', async (context) => {
    const { clock, provider, create, stateOf } = await live(context);
    const { attempt } = await create('10.60');
    const document = { type: 'other', fileName: 'a.pdf', content: Buffer.alloc(2 * 1024 * 1024), note: 'n' };
    assert.equal(wordOf((await provider.attachDocument?.(attempt, document, call())) ?? null), 'PROVIDER_REFUSED');
    await clock.advance(SETTLE_MS);
    assert.deepEqual(await stateOf(attempt), ['pending_material', 'AWAITING_DOCUMENTS', 'NO']);
    assert.equal(wordOf((await provider.completeDocuments?.(attempt, call())) ?? null), 'PROVIDER_REFUSED');
    assert.deepEqual(await provider.attachDocument?.(attempt, document, call()), { kind: 'accepted', report: null });
    const completed = await provider.completeDocuments?.(attempt, call());
    assert.equal(completed?.kind === 'accepted' && completed.report?.state, 'AWAITING_CONFIRMATION');
  });

  test('a second create is refused without a trade id, which an update then tells while it is under review', async (context) => {
    const { clock, provider, create } = await live(context);
    const { attempt, unbound, body } = await create('25.00');
    const again = await provider.submit(unbound, body, call());
    assert.equal(again.kind, 'exists');
    assert.ok(!JSON.stringify(again).includes(attempt.providerReference ?? 'none'));
    const found = await provider.lookup(unbound, call());
    assert.equal(found.kind === 'found' && found.report.providerReference, attempt.providerReference);
    await clock.advance(SETTLE_MS);
    const held = await provider.lookup(unbound, call());
    assert.match(held.kind === 'unavailable' ? held.cause : '', /an operator must give it/);
  });

  test('an order in another currency is debited in it, at the rate that is quoted', async (context) => {
    const { create, sandbox } = await live(context);
    await create('71.82', { sourceCurrency: 'USD' });
    await create('10', { amount: { amount: decimal('10'), currency: 'EUR' }, receiveCurrency: 'CNY' });
    assert.deepEqual(
      sandbox.books().map(({ debit, received }) => [debit.amount, debit.currency, received]),
      [
        ['10', 'USD', '71.82'],
        ['10', 'EUR', '78.01'],
      ],
    );
  });

  test('a price that does not hold, an amount beyond the limit and a missing field are refused by their codes', async (context) => {
    const { provider, create } = await live(context);
    const { body } = await create('71.82', { sourceCurrency: 'USD' });
    const submit = async (text: string) => {
      const outcome = await provider.submit(attemptOf(null), text, call());
      return outcome.kind === 'rejected' ? outcome.failure.vendorCode : outcome.kind;
    };
    assert.equal(await submit(body.replace('"targetAmount":71.82', '"targetAmount":71.84')), '10003');
    assert.equal(await submit(body.replace('"targetAmount":71.82', '"targetAmount":50000.01')), '10014');
    assert.equal(await submit(body.replace('"firstName":"Mei",', '')), '10004');
    assert.equal(await submit(body.replace('"sourceAmount":10,', '"sourceAmount":"10",')), '10004');
    assert.equal(await submit(body.replace('"Salary"', '"salary"')), '10004');
  });

  test('a token ends after its hour, and a payment goes on with the next', async (context) => {
    const { clock, create, stateOf } = await live(context);
    const { attempt } = await create('10.83');
    await clock.advance(70 * MINUTE_MS);
    assert.deepEqual(await stateOf(attempt), ['pending', 'PROCESSING', 'NO']);
  });

  test('a failure is followed until its money is back, and what comes back after the payment says so', async (context) => {
    const { clock, provider, create } = await live(context);
    const words: unknown[] = [];
    for (const amount of ['10.39', '10.40']) {
      const { attempt } = await create(amount);
      await clock.advance(SETTLE_MS);
      await provider.confirm?.(attempt, call());
      for (const ms of [SETTLE_MS, MINUTE_MS]) {
        await clock.advance(ms);
        const outcome = await provider.lookup(attempt, call());
        assert.ok(outcome.kind === 'found');
        const { vendorStatus, moneyMoved, cameBack = false } = outcome.report;
        words.push([vendorStatus, moneyMoved, cameBack]);
      }
    }
    assert.deepEqual(words, [
      ['failed', 'YES', false],
      ['refunded', 'NO', true],
      ['completed', 'YES', false],
      ['refunded', 'NO', true],
    ]);
  });

  test('the signature check, balances, areas and occupations answer', async (context) => {
    const { provider } = await live(context);
    assert.deepEqual(await provider.checkSignature('default', '["陈"]', call()), { kind: 'known', value: true });
    const balances = await provider.balances?.('default', call());
    assert.deepEqual(balances?.kind === 'known' && balances.value[0], {
      currency: 'CNY',
      available: '1000000',
      locked: null,
    });
    const areas = await provider.reference?.('default', 'AREAS', call());
    assert.equal(areas?.kind === 'known' && areas.value[0]?.children[0]?.children[0]?.value, 'Xiangzhou');
    const occupations = await provider.reference?.('default', 'OCCUPATIONS', call());
    assert.equal(occupations?.kind === 'known' && occupations.value[0]?.value, 'Professor');
    assert.equal((await provider.balance('default', 'XXX', call())).kind, 'rejected');
  });

  test('a signature of another key, a wrong secret and a wrong app key are refused as such', async (context) => {
    const other = await live(context, { privateKey: PKCS8 });
    const check = await other.provider.checkSignature('default', '{}', call());
    assert.equal(check.kind === 'rejected' && check.vendorCode, '10001');
    const sent = await other.provider.submit(attemptOf(null), '{}', call());
    assert.equal(wordOf(sent), 'notTaken CREDENTIALS null');
    for (const wrong of [{ secretKey: 'x' }, { appKey: 'x' }]) {
      const { provider } = await live(context, wrong);
      assert.equal(wordOf(await provider.submit(attemptOf(null), '{}', call())), 'notTaken CREDENTIALS null');
      assert.equal((await provider.lookup(attemptOf(), call())).kind, 'unavailable');
    }
  });

  test('each change is told to the registered address, in letters that are taken for hints', async (context) => {
    const { sandbox, clock, create, provider } = await live(context);
    const bodies: string[] = [];
    const receiver = createServer(async (request, response) => {
      const body = Buffer.concat(await request.toArray());
      bodies.push(body.toString());
      const { appkey = '' } = request.headers;
      const outcome = provider.readWebhook({ headers: { appkey: `${appkey}` }, body }, 'default');
      assert.ok(outcome.kind === 'hint');
      response.writeHead(outcome.reply.status).end(outcome.reply.body);
    });
    await once(receiver.listen(0, '127.0.0.1'), 'listening');
    context.after(() => receiver.close());
    const address = receiver.address();
    assert.ok(address !== null && typeof address === 'object');
    sandbox.registerCallback('xcurrency', `http://127.0.0.1:${address.port}/hooks/xcurrency/webhook`);
    const { attempt } = await create('25.00');
    await clock.advance(SETTLE_MS);
    await sandbox.idle();
    const [body = ''] = bodies;
    assert.deepEqual(JSON.parse(body), {
      event: 'payment',
      id: attempt.providerReference,
      status: 'awaiting_transfer',
      message: '',
      amount: 25,
      sourceAmount: 25,
      targetAmount: 25,
    });
    await clock.advance(24 * 60 * MINUTE_MS);
    await sandbox.idle();
    assert.equal(bodies.length, 1);
  });

  test('the abandoned synchronous confirm is not called, and would be refused', async (context) => {
    assert.ok(!Object.values<string>(wire.PATHS).includes('/payout/payment/transfer'));
    const { sandbox } = await live(context);
    const credentials = sandbox.credentials('xcurrency');
    const key = wire.parsePrivateKey(credentials.privateKey ?? '');
    assert.ok(key !== null);
    const post = async (path: string, body: string, token = '') => {
      const headers = { appkey: credentials.appKey ?? '', token, sign: wire.sign(body, key) };
      const response = await fetch(`${credentials.baseUrl}${path}`, { method: 'POST', headers, body });
      return { status: response.status, answer: await response.json() };
    };
    const { appKey = '', secretKey = '' } = credentials;
    const { answer } = await post(wire.PATHS.token, wire.encodeToken(appKey, secretKey));
    const refused = await post('/payout/payment/transfer', wire.encodeTrade(TRADE), answer.data);
    assert.deepEqual([refused.status, refused.answer.status], [400, '-1']);
    const signedEmpty = await post(wire.PATHS.wallets, '{}', answer.data);
    assert.equal(signedEmpty.answer.data.length, side.currencies.length);
  });
});
