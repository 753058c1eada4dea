import assert from 'node:assert/strict';
import { createHmac, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { after, describe, type TestContext, test } from 'node:test';
import { addDecimals } from '../src/domain/money.ts';
import type { Order, Parties } from '../src/domain/payout.ts';
import {
  type AttemptRef,
  abilitiesOf,
  type BatchItem,
  type Call,
  type LookupOutcome,
  type Provider,
  type RawWebhook,
  type SendOutcome,
} from '../src/domain/provider.ts';
import {
  BATCH,
  COIN_LIST,
  CREATE,
  DETAIL,
  NETWORK_LIST,
  NO_PARAMETERS,
  REFUSAL,
  REQUEST_TIME,
  SECRET_KEY,
  WEBHOOK,
} from '../src/providers/blockatm/fixtures.ts';
import { definition } from '../src/providers/blockatm/index.ts';
import { parseNetwork } from '../src/providers/blockatm/networks.ts';
import { readFault } from '../src/providers/blockatm/report.ts';
import { sandbox as side } from '../src/providers/blockatm/sandbox.ts';
import { canonicalText, sign, signedHeaders } from '../src/providers/blockatm/signing.ts';
import * as wire from '../src/providers/blockatm/wire.ts';
import { createIds, type Log } from '../src/runtime.ts';
import { openSandbox } from '../src/sandbox.ts';
import { type Answered, createTransport, readJson } from '../src/transport.ts';
import { createManualClock } from './support/clock.ts';
import { decimal, orderOf as sampleOrder } from './support/payouts.ts';

const RECIPIENT = 'TR7NHqjeK692FJNHQpJd7cY8x';
const FUNDING = 'TXYZopYRdj2D9XRtbG411XZZ3kM5VkAeBf';
const HASH = '9242e533703704ef3eaba840f70b4a26333e72c943377ee375fea17badb53def';
const CONTRACT = 'CONTRACT_001';
const NUMBER = 'PAYOUT_20250401_001';
const AT = new Date(Number(REQUEST_TIME));
const NOBODY: Parties = { originator: null, beneficiary: null, accountNumber: null };

function orderOf(changes: Partial<Order> = {}, amount = '100.00', currency = 'USDT', network = 'TRON'): Order {
  return {
    ...sampleOrder(amount),
    amount: { amount: decimal(amount), currency },
    destination: { kind: 'blockchain', address: RECIPIENT, network, memo: null },
    ...changes,
  };
}

function compact(json: string): string {
  return JSON.stringify(JSON.parse(json));
}

function answered(body: string, status = 200, headers: Record<string, string> = {}): Answered {
  return { kind: 'answered', status, headers, body, startedAt: AT, endedAt: AT };
}

function faultOf(code: string, msg = 'because'): string {
  return JSON.stringify({ code, success: false, data: null, trace: 't', msg });
}

const VALUES = {
  baseUrl: 'http://127.0.0.1:1',
  apiKey: 'pk_payment_1',
  secretKey: SECRET_KEY,
  webhookKey: WEBHOOK.webhookKey,
  contractId: CONTRACT,
  network: 'TRON',
};

function open(values: Partial<typeof VALUES> = {}, now: () => Date = () => AT): Provider {
  const account = { name: 'default', enabled: true, callbackUrl: null, values: { ...VALUES, ...values } };
  return definition.open([account], createTransport(now), now);
}

const call = (): Call => ({ sendBy: null, signal: new AbortController().signal });

function attemptOf(orderNumber = NUMBER, order = orderOf()): AttemptRef {
  return {
    account: 'default',
    orderNumber,
    providerReference: null,
    order,
    firstSentAt: AT,
    storedBody: async () => null,
  };
}

async function bodyOf(provider: Provider, order: Order, orderNumber: string): Promise<string> {
  const prepared = await provider.prepare('default', order, NOBODY, orderNumber, call());
  assert.ok(prepared.kind === 'body');
  return prepared.body;
}

interface Reply {
  readonly status?: number;
  readonly body: string;
  readonly headers?: Record<string, string>;
}
interface Seen {
  readonly line: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** BlockATM in a few lines: answers with what `reply` says, and keeps what it was asked. */
async function connect(context: TestContext, reply: Reply | ((path: string) => Reply), now = () => AT) {
  const seen: Seen[] = [];
  const server = createServer(async (request, response) => {
    const chunks = await request.toArray();
    seen.push({
      line: `${request.method} ${request.url}`,
      headers: request.headers,
      body: Buffer.concat(chunks).toString(),
    });
    const { status = 200, headers = {}, body } = typeof reply === 'function' ? reply(request.url ?? '') : reply;
    response.writeHead(status, headers).end(body);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  const provider = open({ baseUrl: `http://127.0.0.1:${address.port}` }, now);
  context.after(async () => {
    await provider.close();
    server.closeAllConnections();
    server.close();
  });
  return { provider, seen };
}

describe('what BlockATM is sent', () => {
  test('every published request is signed over its own text', () => {
    const vectors = [
      [readJson(CREATE.request), CREATE],
      [{ orderNo: NUMBER }, DETAIL],
      [readJson(BATCH.request), BATCH],
      [{}, NO_PARAMETERS],
    ] as const;
    for (const [fields, { text, signature }] of vectors) {
      assert.equal(canonicalText(fields, REQUEST_TIME), text);
      assert.equal(sign(text, SECRET_KEY), signature);
      assert.equal(signedHeaders(fields, AT, VALUES)['BlockATM-Signature-V2'], signature);
    }
  });

  test('the signed text drops nulls, keeps empty text, sorts capitals first and keeps digits as they are', () => {
    const fields = readJson('{"b":"","a":null,"B":1.50,"flag":true,"list":["x",null,{"z":2,"y":[3]}],"__proto__":9}');
    assert.equal(canonicalText(fields, '7'), 'B=1.50&b=&flag=true&x&3&z=2&time=7');
  });

  test('the headers name the window, with its underscore, and the time in milliseconds', () => {
    assert.deepEqual(signedHeaders({ orderNo: NUMBER }, AT, VALUES), {
      'BlockATM-API-Key': 'pk_payment_1',
      'BlockATM-Request-Time': REQUEST_TIME,
      'BlockATM-Signature-V2': DETAIL.signature,
      'BlockATM-Rec_Window': '30000',
    });
  });

  test('a create is encoded as the published example, byte for byte without its blanks', () => {
    const order = orderOf({ description: 'User withdrawal' });
    assert.equal(wire.encodeCreate(order, NUMBER, CONTRACT), compact(CREATE.request));
  });

  test('a funding address makes it an allowance payout from there', () => {
    assert.equal(
      wire.encodeCreate(orderOf({ fundingAddress: FUNDING }), 'a1', CONTRACT),
      `{"contractId":"CONTRACT_001","orderNo":"a1","recipient":"${RECIPIENT}","amount":"100.00","symbol":"USDT","payoutType":2,"fromAddress":"${FUNDING}"}`,
    );
  });

  test('an amount keeps its scale, and loses only zeros beyond six places', () => {
    const amountOf = (amount: string) => JSON.parse(wire.encodeCreate(orderOf({}, amount), 'a1', CONTRACT)).amount;
    assert.deepEqual(['1', '1.10', '0.000001', '1.10000000'].map(amountOf), ['1', '1.10', '0.000001', '1.1']);
  });

  test('a description is sent as a remark only where every reading of the signing rule writes it alike', () => {
    for (const plain of ['User withdrawal', 'May-2025_v1.2', 'a b c', 'x'.repeat(100)]) {
      assert.equal(wire.toRemark(plain), plain);
    }
    for (const risky of [
      null,
      '',
      ' a',
      'a ',
      'a  b',
      'a&b',
      'a=b',
      'a+b',
      'a%20',
      'Zürich',
      'a\nb',
      'x'.repeat(101),
    ]) {
      assert.equal(wire.toRemark(risky), null, String(risky));
    }
    assert.equal('remark' in JSON.parse(wire.encodeCreate(orderOf({ description: 'a&b' }), 'a1', CONTRACT)), false);
  });

  test('a batch is encoded from stored creates as the published example', () => {
    const bodies = [
      wire.encodeCreate(orderOf({}, '50.00'), 'PAYOUT_001', CONTRACT),
      wire.encodeCreate(orderOf({}, '30.00'), 'PAYOUT_002', CONTRACT),
    ];
    const orders = bodies.flatMap((body) => wire.toBatchOrder(body, CONTRACT) ?? []);
    assert.equal(wire.encodeBatch(orders, CONTRACT), compact(BATCH.request));
  });

  test('a create that a batch cannot say, or of another contract, does not become part of one', () => {
    const refused = [
      wire.encodeCreate(orderOf({ description: 'User withdrawal' }), 'a1', CONTRACT),
      wire.encodeCreate(orderOf({ fundingAddress: FUNDING }), 'a1', CONTRACT),
      wire.encodeCreate(orderOf(), 'a1', 'CONTRACT_002'),
      '{}',
      'x',
    ];
    for (const body of refused) assert.equal(wire.toBatchOrder(body, CONTRACT), null, body);
  });
});

describe('what BlockATM answers', () => {
  test('the published answer of a create is accepted: its id is the reference, and it echoes the number alone', () => {
    const outcome = wire.readCreate(answered(CREATE.answer));
    assert.deepEqual(outcome, {
      kind: 'accepted',
      report: {
        askedAt: AT,
        state: 'PROCESSING',
        vendorStatus: 'PENDING',
        vendorMessage: null,
        providerReference: '8210003616',
        transactionHash: null,
        fees: [],
        debits: [],
        received: null,
        moneyMoved: 'YES',
        failure: null,
        allows: [],
        echo: { orderNumber: NUMBER },
        rivals: [],
      },
    });
  });

  test('both envelopes mean success, and the word "success" decides where it stands', () => {
    const data = '{"orderNo":"a1","orderId":8210003616,"status":"PENDING"}';
    const kindOf = (head: string) => wire.readCreate(answered(`{${head},"data":${data}}`))?.kind ?? null;
    for (const head of [
      '"code":"0","message":"success"',
      '"code":200',
      '"success":true',
      '"code":"9","success":true',
    ]) {
      assert.equal(kindOf(head), 'accepted', head);
    }
    for (const head of ['"code":"200","success":false', '"code":"1"']) assert.equal(kindOf(head), 'unknown', head);
    assert.equal(kindOf('"msg":"ok"'), null);
  });

  test('an id that is a number is the same reference as one that is text', () => {
    const outcome = wire.readCreate(answered(CREATE.answer.replace('"8210003616"', '8210003616')));
    assert.equal(outcome?.kind === 'accepted' && outcome.report?.providerReference, '8210003616');
  });

  test('a success without an id, or under a status that is none, says nothing certain', () => {
    assert.equal(wire.readCreate(answered(CREATE.answer.replace('orderId', 'other'))), null);
    assert.equal(wire.readCreate(answered(CREATE.answer.replace('8210003616', ''))), null);
    assert.equal(wire.readCreate(answered('{"code":"200","success":true,"data":null}')), null);
    assert.equal(wire.readCreate(answered(CREATE.answer, 400)), null);
    for (const body of ['', '[]', 'null', '{}', '<html>', '{"code":'])
      assert.equal(wire.readCreate(answered(body)), null);
  });

  test('each code is of its own class, and one that is not listed says nothing', () => {
    const classOf = (code: string | null): string => {
      const outcome = readFault({ code, message: 'because' });
      if (outcome.kind === 'rejected') return outcome.failure.code + (outcome.failure.retryable ? ' retryable' : '');
      return outcome.kind === 'notTaken' ? outcome.reason : outcome.kind;
    };
    const classes: Record<string, readonly string[]> = {
      exists: ['000201'],
      CREDENTIALS: ['000108', '000109', '000110', '000112', '000306'],
      MAINTENANCE: ['000107', '000113', '000114'],
      PROVIDER_REFUSED: ['000102', '000103', '000104', '000105', '000206', '000207', '000208', '000404'],
      INVALID_DESTINATION: ['000405'],
      'INSUFFICIENT_FUNDS retryable': ['000307', '000308', '000403'],
      'MISCONFIGURED retryable': ['000401', '000402'],
      unknown: [
        '000101',
        '000202',
        '000203',
        '000204',
        '000205',
        '000301',
        '000305',
        '000999',
        '200',
        '',
        'constructor',
      ],
    };
    for (const [expected, codes] of Object.entries(classes)) {
      for (const code of codes) assert.equal(classOf(code), expected, code);
    }
    assert.equal(classOf(null), 'unknown');
  });

  test('the published refusal is one, with its words', () => {
    assert.deepEqual(wire.readCreate(answered(REFUSAL)), {
      kind: 'rejected',
      failure: {
        code: 'INSUFFICIENT_FUNDS',
        message: 'The balance that should pay is too low.',
        vendorCode: '000307',
        vendorMessage: 'insufficient balance',
        retryable: true,
      },
    });
  });

  test('429 counts by its status, and says when to come back in either way', () => {
    const waitOf = (headers: Record<string, string>, body = '') => {
      const outcome = wire.readCreate(answered(body, 429, headers));
      assert.ok(outcome?.kind === 'notTaken' && outcome.reason === 'RATE_LIMITED');
      return outcome.retryAfterMs;
    };
    const reset = String(AT.getTime() / 1000 + 20);
    assert.equal(waitOf({ 'x-ratelimit-reset': reset }), 20_000);
    assert.equal(waitOf({ 'x-ratelimit-reset': reset, 'retry-after': '7' }, faultOf('000107')), 7000);
    assert.equal(waitOf({ 'x-ratelimit-reset': '1' }), 0);
    assert.equal(waitOf({ 'x-ratelimit-reset': 'soon' }), null);
  });

  const detail = (changes: object = {}, number = NUMBER): LookupOutcome => {
    const { data, ...envelope } = JSON.parse(DETAIL.answer);
    const body = JSON.stringify({ ...envelope, data: { ...data, ...changes } });
    return wire.readDetail(answered(body), number, CONTRACT);
  };
  const reportOf = (changes: object = {}) => {
    const outcome = detail(changes);
    assert.ok(outcome.kind === 'found', JSON.stringify(outcome));
    return outcome.report;
  };

  test('the published detail is a paid order with its fee, gas and hash, and without a reference', () => {
    assert.deepEqual(wire.readDetail(answered(DETAIL.answer), NUMBER, CONTRACT), {
      kind: 'found',
      report: {
        askedAt: AT,
        state: 'COMPLETED',
        vendorStatus: 'SUCCESS',
        vendorMessage: null,
        providerReference: null,
        transactionHash: HASH,
        fees: [
          { kind: 'PROVIDER', amount: '1', currency: 'USDT' },
          { kind: 'NETWORK', amount: '1.2', currency: 'USDT' },
        ],
        debits: [{ amount: '101', currency: 'USDT' }],
        received: { amount: '100.00', currency: 'USDT' },
        moneyMoved: 'YES',
        failure: null,
        allows: [],
        echo: { amount: '100.00', currency: 'USDT', address: RECIPIENT, orderNumber: NUMBER },
        rivals: [],
      },
    });
  });

  test('each word has its state, in any case; another is kept verbatim and moves nothing', () => {
    const facts = (status: string) => {
      const { state, moneyMoved, failure, vendorStatus } = reportOf({ status });
      assert.equal(vendorStatus, status);
      return [state, moneyMoved, failure?.code ?? null];
    };
    assert.deepEqual(facts('PENDING'), ['PROCESSING', 'YES', null]);
    assert.deepEqual(facts('PROCESSING'), ['PROCESSING', 'YES', null]);
    assert.deepEqual(facts('success'), ['COMPLETED', 'YES', null]);
    assert.deepEqual(facts('REFUSE'), ['FAILED', 'NO', 'PROVIDER_REFUSED']);
    assert.deepEqual(facts('FAILED'), ['FAILED', 'NO', 'OTHER']);
    for (const word of ['REFUSED', 'CANCELLED', '4', 'constructor'])
      assert.deepEqual(facts(word), [null, 'UNKNOWN', null]);
  });

  test('figures are told of a paid order alone, and a missing fee claims no debit', () => {
    for (const status of ['PENDING', 'REFUSE', 'REVIEWING']) {
      const { fees, debits, received } = reportOf({ status });
      assert.deepEqual([fees, debits, received], [[], [], null], status);
    }
    const bare = reportOf({ fee: null, gasAmount: 'n/a', txId: '' });
    assert.deepEqual([bare.fees, bare.debits, bare.transactionHash], [[], [], null]);
    const free = reportOf({ fee: '0', gasAmount: 0 });
    assert.deepEqual([free.fees, free.debits], [[], [{ amount: '100', currency: 'USDT' }]]);
  });

  test('a reason that older versions give is shown', () => {
    const { vendorMessage, failure } = reportOf({ status: 'REFUSE', failReason: 'risk control' });
    assert.deepEqual(
      [vendorMessage, failure?.vendorMessage, failure?.retryable],
      ['risk control', 'risk control', true],
    );
  });

  test('what was changed on the way shows in the echo', () => {
    const { echo } = reportOf({ amount: 100.5, recipient: FUNDING, symbol: 'usdc' });
    assert.deepEqual(echo, { amount: '100.5', currency: 'USDC', address: FUNDING, orderNumber: NUMBER });
  });

  test('the order of another number, or of another contract, is not ours', () => {
    assert.equal(detail({}, 'a1').kind, 'unavailable');
    assert.equal(detail({ contractId: 'CONTRACT_002' }).kind, 'unavailable');
    assert.equal(detail({ contractId: null }).kind, 'found');
  });

  test('absent is only what the provider calls so', () => {
    const read = (body: string, status = 200) => wire.readDetail(answered(body, status), NUMBER, CONTRACT);
    assert.deepEqual(read(faultOf('000202')), { kind: 'absent' });
    assert.deepEqual(read(faultOf('000202'), 404), { kind: 'absent' });
    for (const [body, status] of [
      [faultOf('000202'), 500],
      [faultOf('000306'), 200],
      [faultOf('000401'), 200],
      ['no such page', 404],
      ['{"code":"200","success":true,"data":null}', 200],
      ['', 200],
    ] as const) {
      assert.equal(read(body, status).kind, 'unavailable', `${status} ${body}`);
    }
    const limited = wire.readDetail(answered('', 429, { 'retry-after': '3' }), NUMBER, CONTRACT);
    assert.equal(limited.kind === 'unavailable' && limited.retryAfterMs, 3000);
    const counted = wire.readDetail(answered('', 502, { 'x-ratelimit-reset': '9999999999' }), NUMBER, CONTRACT);
    assert.equal(counted.kind === 'unavailable' && counted.retryAfterMs, null);
  });
});

describe('the answer to a batch', () => {
  const read = (body: string, size = 2, status = 200) => wire.readBatch(answered(body, status), size);
  const batchOf = (...orders: object[]) => JSON.stringify({ code: '200', success: true, data: { orders } });

  test('the published one says of each order what became of it', () => {
    const outcomeOf = read(BATCH.answer);
    const first = outcomeOf('PAYOUT_001');
    assert.ok(first?.kind === 'accepted');
    assert.equal(first.report?.providerReference, '8210003617');
    assert.deepEqual(first.report?.echo, { orderNumber: 'PAYOUT_001' });
    assert.partialDeepStrictEqual(outcomeOf('PAYOUT_002'), { kind: 'exists', vendorCode: '000201' });
  });

  test('an order that it leaves out, names twice, or names without an id is unknown', () => {
    const twice = { orderNo: 'b', success: false, code: '000403' };
    const outcomeOf = read(batchOf({ orderNo: 'a', success: true }, twice, twice, { orderNo: 7 }, { success: true }));
    for (const number of ['a', 'b', 'c', 'toString']) assert.equal(outcomeOf(number)?.kind, 'unknown', number);
  });

  test('an order that fails fails alone, by its own code', () => {
    const outcomeOf = read(
      batchOf(
        { orderNo: 'a', success: false, code: '000405', msg: 'no' },
        { orderNo: 'b', orderId: 9 },
        { orderNo: 'c', success: false },
        { orderNo: 'd', success: false, code: '000101', orderId: '5' },
      ),
    );
    assert.deepEqual(
      ['a', 'b', 'c', 'd'].map((number) => outcomeOf(number)?.kind),
      ['rejected', 'accepted', 'unknown', 'unknown'],
    );
  });

  test('a batch whose answer does not decode says nothing of any order', () => {
    for (const body of ['', '{"code":"200","success":true,"data":{}}', '<html>']) assert.equal(read(body)('a'), null);
    assert.equal(read(BATCH.answer, 2, 404)('PAYOUT_001'), null);
  });

  test('a refusal of the whole counts for each where it is about the caller or the contract', () => {
    for (const code of ['000306', '000114', '000107']) assert.equal(read(faultOf(code))('a')?.kind, 'notTaken', code);
    assert.equal(read(faultOf('000401'))('a')?.kind, 'rejected');
    assert.equal(read('', 2, 429)('a')?.kind, 'notTaken');
  });

  test('any other refusal of the whole names no order: several are unknown, one alone is refused', () => {
    for (const code of ['000201', '000403', '000405', '000103', '000101']) {
      assert.equal(read(faultOf(code))('a')?.kind, 'unknown', code);
    }
    assert.equal(read(faultOf('000405'), 1)('a')?.kind, 'rejected');
    assert.equal(read(faultOf('000201'), 1)('a')?.kind, 'exists');
  });
});

describe('a webhook of BlockATM', () => {
  const key = WEBHOOK.webhookKey;
  const raw = (headers: Record<string, string> = {}, body: string | Buffer = WEBHOOK.body): RawWebhook => ({
    headers: {
      'blockatm-event': 'Payout',
      'blockatm-request-time': REQUEST_TIME,
      'blockatm-signature-v2': WEBHOOK.signature,
      ...headers,
    },
    body: Buffer.from(body),
  });
  const receive = (webhook: RawWebhook, now = AT) => wire.readWebhook(webhook, key, WEBHOOK.contractId, now);
  const signed = (changes: object, body = JSON.stringify({ ...JSON.parse(WEBHOOK.body), ...changes })) =>
    receive(raw({ 'blockatm-signature-v2': sign(`${body}&time=${REQUEST_TIME}`, key) }, body));
  const reportOf = (changes: object) => {
    const outcome = signed(changes);
    assert.ok(outcome.kind === 'verified', JSON.stringify(outcome));
    return outcome;
  };

  test('the published one verifies in both forms of its signature and is read', () => {
    const outcome = receive(raw());
    assert.deepEqual(outcome, {
      kind: 'verified',
      order: { orderNumber: NUMBER, providerReference: '8210003616' },
      report: {
        askedAt: null,
        state: 'COMPLETED',
        vendorStatus: 'SUCCESS',
        vendorMessage: null,
        providerReference: '8210003616',
        transactionHash: HASH,
        fees: [
          { kind: 'PROVIDER', amount: '1', currency: 'USDT' },
          { kind: 'NETWORK', amount: '1.2', currency: 'USDT' },
        ],
        debits: [{ amount: '101', currency: 'USDT' }],
        received: { amount: '100.00', currency: 'USDT' },
        moneyMoved: 'YES',
        failure: null,
        allows: [],
        echo: { amount: '100.00', currency: 'USDT', address: RECIPIENT, network: 'TRON', orderNumber: NUMBER },
        rivals: [],
      },
      reply: { status: 200, contentType: 'text/plain; charset=utf-8', body: 'OK' },
    });
    assert.deepEqual(receive(raw({ 'blockatm-signature-v2': WEBHOOK.sortedSignature })), outcome);
  });

  test('the bare body, another key, another body, another time or no signature is refused', () => {
    const hmac = (text: string, secret: string) => createHmac('sha256', secret).update(text).digest('hex');
    const forgeries: Record<string, RawWebhook> = {
      'the bare body': raw({ 'blockatm-signature-v2': hmac(WEBHOOK.body, key) }),
      'another key': raw({ 'blockatm-signature-v2': sign(`${WEBHOOK.body}&time=${REQUEST_TIME}`, SECRET_KEY) }),
      'another body': raw({}, WEBHOOK.body.replace('"100.00"', '"900.00"')),
      'another time': raw({ 'blockatm-request-time': '1743500000001' }),
      'no signature': raw({ 'blockatm-signature-v2': '' }),
      'half a signature': raw({ 'blockatm-signature-v2': WEBHOOK.signature.slice(2) }),
      'capital letters': raw({ 'blockatm-signature-v2': WEBHOOK.signature.toUpperCase() }),
      'another body of the sorted form': raw(
        { 'blockatm-signature-v2': WEBHOOK.sortedSignature },
        WEBHOOK.body.replace('"SUCCESS"', '"REFUSE"'),
      ),
    };
    for (const [name, forged] of Object.entries(forgeries)) assert.equal(receive(forged).kind, 'refused', name);
  });

  test('the sorted form is not accepted where one text could stand for two bodies', () => {
    const sorted = (body: string) => {
      const signature = sign(canonicalText(readJson(body), REQUEST_TIME), key);
      return receive(raw({ 'blockatm-signature-v2': signature }, body)).kind;
    };
    assert.equal(sorted(WEBHOOK.body), 'verified');
    assert.equal(sorted(WEBHOOK.body.replace('CUST-0001', 'CUST&status=REFUSE')), 'refused');
    assert.equal(sorted(WEBHOOK.body.replace('"CUST-0001"', '{"status":"REFUSE"}')), 'refused');
  });

  test('it must be of the last five minutes, by its own signed time', () => {
    const shifted = (ms: number) => receive(raw(), new Date(AT.getTime() + ms)).kind;
    assert.deepEqual([300_000, -300_000].map(shifted), ['verified', 'verified']);
    assert.deepEqual([300_001, -300_001].map(shifted), ['refused', 'refused']);
    const timeless = sign(`${WEBHOOK.body}&time=`, key);
    assert.equal(receive(raw({ 'blockatm-request-time': '', 'blockatm-signature-v2': timeless })).kind, 'refused');
  });

  test('the event is Payout in any case, and no other', () => {
    assert.equal(receive(raw({ 'blockatm-event': 'payout' })).kind, 'verified');
    for (const event of ['', 'Payment', 'QR-Payout', 'QR-Payment']) {
      assert.equal(receive(raw({ 'blockatm-event': event })).kind, 'refused', event);
    }
  });

  test('its contract is ours, whether it is a number or text', () => {
    assert.equal(signed({ contractId: '200910' }).kind, 'verified');
    assert.equal(signed({ contractId: 200911 }).kind, 'refused');
    assert.equal(signed({ contractId: null }).kind, 'verified');
  });

  test('an older one says orderNo, and one that names no order is refused', () => {
    const { order } = reportOf({ bizOrderNo: null, orderNo: 'a1' });
    assert.equal(order.orderNumber, 'a1');
    assert.deepEqual(reportOf({ bizOrderNo: '' }).order, { orderNumber: null, providerReference: '8210003616' });
    assert.equal(signed({ bizOrderNo: null, id: null }).kind, 'refused');
    assert.equal(signed({}, '[]').kind, 'refused');
    assert.equal(signed({}, 'x').kind, 'refused');
  });

  test('REFUSE moved nothing, and a word that is not known is kept verbatim', () => {
    const refused = reportOf({ status: 'REFUSE' }).report;
    assert.deepEqual([refused.state, refused.moneyMoved, refused.fees], ['FAILED', 'NO', []]);
    const strange = reportOf({ status: 'REVIEWING' }).report;
    assert.deepEqual([strange.state, strange.vendorStatus, strange.moneyMoved], [null, 'REVIEWING', 'UNKNOWN']);
  });

  test('another network is echoed as such; one that is not recognised is not compared', () => {
    assert.equal(reportOf({ chainId: '1', network: 'ERC20' }).report.echo.network, 'ETHEREUM');
    assert.equal(reportOf({ chainId: '', network: 'arbitrum' }).report.echo.network, 'ARBITRUM');
    assert.equal('network' in reportOf({ chainId: '11155111', network: 'Sepolia' }).report.echo, false);
    assert.equal(parseNetwork('TRON'), parseNetwork('0x2B6653DC'));
  });
});

describe('the connector of BlockATM', () => {
  const provider = open();

  test('declares what it is', () => {
    assert.deepEqual(provider.accounts, [{ name: 'default', enabled: true, fingerprint: CONTRACT }]);
    assert.deepEqual(abilitiesOf(provider), side.plays);
    assert.deepEqual(
      [provider.onRepeat, provider.repeatWindowMs, provider.findsByOrderNumber, provider.batch?.size],
      ['refuses', null, 'always', 100],
    );
    assert.deepEqual(provider.absenceRule('default'), { looks: 2, apartMs: 30_000, afterMs: 150_000 });
    assert.deepEqual(
      provider.knownAssets.map(({ currency, network }) => `${currency} ${network}`),
      ['USDT TRON', 'USDT ETHEREUM', 'USDC ETHEREUM', 'USDT ARBITRUM'],
    );
  });

  test('a setting that is missing or a network that is none stops the start, and is named', () => {
    for (const key of ['apiKey', 'secretKey', 'webhookKey', 'contractId', 'network']) {
      assert.throws(() => open({ [key]: '' }), { name: 'StartupError', message: new RegExp(key) });
    }
    assert.throws(() => open({ network: 'tron' }), {
      name: 'StartupError',
      message: /network is tron .*TRON, ETHEREUM/,
    });
  });

  test('says what it can do of an order, by the network of the account', () => {
    const lineOf = (order: Order, on = provider) => String(on.supports(order, NOBODY, 'default'));
    assert.equal(lineOf(orderOf()), 'true');
    assert.equal(lineOf(orderOf({ fundingAddress: FUNDING, description: 'a&b' }, '0.000001')), 'true');
    assert.equal(lineOf(orderOf({}, '1.0000000')), 'true');
    assert.match(lineOf(orderOf({}, '1', 'USDT', 'ETHEREUM')), /pays on TRON, not on ETHEREUM/);
    assert.equal(lineOf(orderOf({}, '1', 'USDC', 'ETHEREUM'), open({ network: 'ETHEREUM' })), 'true');
    assert.match(lineOf(orderOf({}, '1', 'USDC')), /USDC on TRON/);
    assert.match(lineOf(orderOf({}, '1', 'USDT', 'BSC')), /USDT on BSC/);
    assert.match(lineOf(orderOf({}, '0.0000001')), /6 decimal places/);
    assert.match(lineOf(orderOf({ feeMode: 'DEDUCT' })), /fee on top/);
    assert.match(lineOf(orderOf({ sourceCurrency: 'BTC' })), /does not convert/);
    assert.match(lineOf(orderOf({ receiveCurrency: 'USDC' })), /does not convert/);
    const memo = { kind: 'blockchain', address: RECIPIENT, network: 'TRON', memo: '7' } as const;
    assert.match(lineOf(orderOf({ destination: memo })), /no memo/);
    const channel = { kind: 'channel', channel: 'c', account: 'a', network: null } as const;
    assert.match(lineOf(orderOf({ destination: channel })), /blockchain addresses only/);
  });

  test('a batch takes neither an allowance nor a description', () => {
    assert.equal(provider.batch?.takes(orderOf()), true);
    assert.equal(provider.batch?.takes(orderOf({ fundingAddress: FUNDING })), false);
    assert.equal(provider.batch?.takes(orderOf({ description: 'x' })), false);
  });

  test('a submit posts the stored body, signed, and an accepted one brings the reference', async (context) => {
    const { provider, seen } = await connect(context, { body: CREATE.answer });
    const body = await bodyOf(provider, orderOf({ description: 'User withdrawal' }), NUMBER);
    const outcome = await provider.submit(attemptOf(), body, call());
    assert.equal(outcome.kind === 'accepted' && outcome.report?.providerReference, '8210003616');
    const [request] = seen;
    assert.equal(seen.length, 1);
    assert.deepEqual([request?.line, request?.body], ['POST /order/api/v2/payout/order', compact(CREATE.request)]);
    assert.partialDeepStrictEqual(request?.headers, {
      'content-type': 'application/json',
      'blockatm-api-key': 'pk_payment_1',
      'blockatm-request-time': REQUEST_TIME,
      'blockatm-signature-v2': CREATE.signature,
      'blockatm-rec_window': '30000',
    });
  });

  test('what struck a submit decides its outcome', async (context) => {
    const ends: readonly [Reply, SendOutcome['kind']][] = [
      [{ body: REFUSAL }, 'rejected'],
      [{ body: faultOf('000201') }, 'exists'],
      [{ body: faultOf('000306') }, 'notTaken'],
      [{ status: 429, body: '' }, 'notTaken'],
      [{ body: faultOf('000101') }, 'unknown'],
      [{ status: 500, body: REFUSAL }, 'unknown'],
      [{ status: 401, body: 'a gateway' }, 'unknown'],
      [{ body: '' }, 'unknown'],
    ];
    const replies = ends.map(([reply]) => reply);
    const { provider } = await connect(context, () => replies.shift() ?? { body: '' });
    for (const [reply, kind] of ends) {
      assert.equal((await provider.submit(attemptOf(), '{}', call())).kind, kind, JSON.stringify(reply));
    }
  });

  test('a look-up asks by our number, signed', async (context) => {
    const { provider, seen } = await connect(context, { body: DETAIL.answer });
    const outcome = await provider.lookup(attemptOf(), call());
    assert.ok(outcome.kind === 'found' && outcome.report.state === 'COMPLETED');
    assert.equal(seen[0]?.line, `GET /order/api/v2/payout/detail?orderNo=${NUMBER}`);
    assert.equal(seen[0]?.headers['blockatm-signature-v2'], DETAIL.signature);
  });

  test('a request that waited until its window was over is never written', async (context) => {
    let at = AT;
    const { provider, seen } = await connect(context, { body: CREATE.answer }, () => at);
    const sendBy = new Date(AT.getTime() + 3_600_000);
    const pending = provider.submit(attemptOf(), '{}', { ...call(), sendBy });
    at = new Date(AT.getTime() + 30_001);
    assert.partialDeepStrictEqual(await pending, { kind: 'notTaken', reason: 'NEVER_LEFT' });
    const overdue = { ...call(), sendBy: new Date(at.getTime() - 1) };
    assert.equal((await provider.submit(attemptOf(), '{}', overdue)).kind, 'notTaken');
    assert.equal(seen.length, 0);
  });

  test('nobody there leaves everything not taken or unavailable', async () => {
    assert.equal((await provider.submit(attemptOf(), '{}', call())).kind, 'notTaken');
    assert.equal((await provider.lookup(attemptOf(), call())).kind, 'unavailable');
    assert.equal((await provider.assets?.('default', call()))?.kind, 'unavailable');
  });

  const items = async (on: Provider, orders: readonly (readonly [string, Order])[]): Promise<BatchItem[]> =>
    Promise.all(
      orders.map(async ([number, order]) => ({
        attempt: attemptOf(number, order),
        body: await bodyOf(on, order, number),
      })),
    );

  test('a batch posts the stored orders in one call, signed, and sorts its results by number', async (context) => {
    const { provider, seen } = await connect(context, { body: BATCH.answer });
    const batch = await items(provider, [
      ['PAYOUT_001', orderOf({}, '50.00')],
      ['PAYOUT_002', orderOf({}, '30.00')],
    ]);
    const outcomes = await provider.submitBatch?.(batch, call());
    assert.deepEqual(
      [...(outcomes ?? [])].map(([number, { kind }]) => [number, kind]),
      [
        ['PAYOUT_001', 'accepted'],
        ['PAYOUT_002', 'exists'],
      ],
    );
    assert.deepEqual([seen.length, seen[0]?.line], [1, 'POST /order/api/v2/payout/batch']);
    assert.equal(seen[0]?.body, compact(BATCH.request));
    assert.equal(seen[0]?.headers['blockatm-signature-v2'], BATCH.signature);
  });

  test('what a batch cannot say stays at home, and the rest goes', async (context) => {
    const { provider, seen } = await connect(context, { body: BATCH.answer });
    const batch = await items(provider, [
      ['PAYOUT_001', orderOf()],
      ['PAYOUT_003', orderOf({ fundingAddress: FUNDING })],
    ]);
    const outcomes = await provider.submitBatch?.(batch, call());
    assert.equal(outcomes?.get('PAYOUT_001')?.kind, 'accepted');
    assert.partialDeepStrictEqual(outcomes?.get('PAYOUT_003'), { kind: 'notTaken', reason: 'NEVER_LEFT' });
    assert.equal(seen[0]?.body.includes('PAYOUT_003'), false);
    const swapped = batch.map((item) => ({ ...item, attempt: attemptOf('PAYOUT_009') }));
    assert.equal((await provider.submitBatch?.(swapped, call()))?.get('PAYOUT_009')?.kind, 'notTaken');
    const nothing = await provider.submitBatch?.(batch.slice(1), call());
    assert.deepEqual([nothing?.size, (await provider.submitBatch?.([], call()))?.size, seen.length], [1, 0, 1]);
  });

  test('a batch that meets a server fault, or one refusal for all, is unknown for each order', async (context) => {
    const replies: Reply[] = [{ status: 500, body: BATCH.answer }, { body: faultOf('000405') }];
    const { provider } = await connect(context, () => replies.shift() ?? { body: '' });
    const batch = await items(provider, [
      ['PAYOUT_001', orderOf()],
      ['PAYOUT_002', orderOf()],
    ]);
    for (let left = replies.length; left > 0; left -= 1) {
      const outcomes = await provider.submitBatch?.(batch, call());
      const kinds = [...(outcomes?.values() ?? [])].map(({ kind }) => kind);
      assert.deepEqual(kinds, ['unknown', 'unknown']);
    }
    assert.equal(replies.length, 0);
  });

  test('assets are what the lists say of the network of the account, without headers', async (context) => {
    const lists = (path: string) => ({ body: path.includes('coin') ? COIN_LIST : NETWORK_LIST });
    const { provider, seen } = await connect(context, lists);
    assert.deepEqual(await provider.assets?.('default', call()), {
      kind: 'known',
      value: [
        { currency: 'USDT', network: 'TRON', minAmount: '10', maxAmount: '1000000', fee: '1', feeModes: ['ADD'] },
      ],
    });
    assert.deepEqual(seen.map(({ line }) => line).sort(), [
      'GET /admin/api/v2/pub/coin/list',
      'GET /admin/api/v2/pub/network/list',
    ]);
    assert.equal(seen[0]?.headers['blockatm-signature-v2'], undefined);
  });

  test('a network in maintenance pays nothing now, and figures that cannot be read are not told', () => {
    const coins = wire.readCoins(
      answered(
        '{"success":true,"data":[{"symbol":"usdt","networks":[{"chainId":"TRON","minAmount":"ten"},{"chainId":42161}]},{"symbol":"DAI","networks":[{"chainId":"TRON"}]}]}',
      ),
    );
    const chains = wire.readChains(answered(NETWORK_LIST));
    assert.ok(coins.kind === 'known' && chains.kind === 'known');
    const none = { minAmount: null, maxAmount: null, fee: null };
    assert.deepEqual(wire.toAssets(coins.value, chains.value, 'TRON'), [
      { currency: 'USDT', network: 'TRON', ...none, feeModes: ['ADD'] },
    ]);
    assert.deepEqual(wire.toAssets(coins.value, chains.value, 'ARBITRUM'), []);
    assert.deepEqual(wire.toAssets(coins.value, [], 'TRON'), []);
  });

  test('a list that is refused is refused, and one that cannot be read is unavailable', () => {
    assert.partialDeepStrictEqual(wire.readCoins(answered(faultOf('000105'))), {
      kind: 'rejected',
      vendorCode: '000105',
    });
    const away: readonly Answered[] = [
      answered(faultOf('000114')),
      answered(faultOf('000105'), 500),
      answered('', 429),
      answered('{"code":"0","data":{}}'),
      answered('<html>'),
    ];
    for (const answer of away) assert.equal(wire.readCoins(answer).kind, 'unavailable', answer.body);
  });

  test('a webhook is read with the key, contract and clock of its own account', () => {
    const body = Buffer.from(WEBHOOK.body);
    const headers = {
      'blockatm-event': 'Payout',
      'blockatm-request-time': REQUEST_TIME,
      'blockatm-signature-v2': WEBHOOK.signature,
    };
    const ours = open({ contractId: WEBHOOK.contractId });
    assert.equal(ours.readWebhook({ headers, body }, 'default').kind, 'verified');
    assert.equal(ours.readWebhook({ headers, body }, 'another').kind, 'refused');
    assert.equal(provider.readWebhook({ headers, body }, 'default').kind, 'refused');
    const tomorrow = open({ contractId: WEBHOOK.contractId }, () => new Date(AT.getTime() + 86_400_000));
    assert.equal(tomorrow.readWebhook({ headers, body }, 'default').kind, 'refused');
  });
});

describe('BlockATM and its stand-in', () => {
  const quiet: Log = {
    debug: () => {},
    info: () => {},
    warn: () => {},
    error: (fields, message) => assert.fail(`${message}: ${JSON.stringify(fields)}`),
    child: () => quiet,
  };
  const closers: (() => Promise<void>)[] = [];
  after(async () => {
    for (const close of closers.reverse()) await close();
  });

  /** The stand-in with a receiver of its webhooks, and the connector with the account's settings. */
  async function start() {
    const clock = createManualClock();
    const sandbox = await openSandbox({
      clock,
      ids: createIds(clock),
      log: quiet,
      port: 0,
      dir: null,
      sides: [side],
    });
    const received: RawWebhook[] = [];
    const receiver = createServer(async (request, response) => {
      const body = Buffer.concat(await request.toArray());
      const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
      received.push({ headers, body });
      response.end('OK');
    });
    await once(receiver.listen(0, '127.0.0.1'), 'listening');
    const address = receiver.address();
    assert.ok(typeof address === 'object' && address !== null);
    sandbox.registerCallback('blockatm', `http://127.0.0.1:${address.port}/`);
    const credentials = { ...VALUES, ...sandbox.credentials('blockatm') };
    const provider = open(credentials, () => clock.now());
    closers.push(async () => {
      await provider.close();
      await sandbox.close();
      receiver.closeAllConnections();
      receiver.close();
    });
    const send = async (amount: string, number: string, changes: Partial<Order> = {}, on = provider) => {
      const order = { ...side.sample(decimal(amount)).order, ...changes };
      return on.submit(attemptOf(number, order), await bodyOf(on, order, number), call());
    };
    const look = async (number: string) => provider.lookup(attemptOf(number), call());
    return { clock, sandbox, received, provider, credentials, send, look };
  }

  test('a payout is taken, found on its way, paid, and told by a webhook that verifies', async () => {
    const { clock, sandbox, received, provider, send, look } = await start();
    const { order, parties } = side.sample(decimal('100.00'));
    assert.equal(provider.supports(order, parties, 'default'), true);
    const taken = await send('100.00', 'a1', { description: 'User withdrawal' });
    assert.ok(taken.kind === 'accepted' && taken.report !== null);
    const waiting = await look('a1');
    assert.ok(waiting.kind === 'found');
    assert.deepEqual(
      [waiting.report.state, waiting.report.fees, waiting.report.transactionHash],
      ['PROCESSING', [], null],
    );
    await clock.advance(1500);
    await sandbox.idle();
    const paid = await look('a1');
    assert.ok(paid.kind === 'found');
    const [booked] = sandbox.books();
    assert.equal(paid.report.state, 'COMPLETED');
    assert.equal(paid.report.transactionHash, booked?.transactionHash);
    assert.deepEqual(paid.report.debits, [booked?.debit]);
    assert.equal(booked?.debit.amount, addDecimals(decimal('100'), decimal('1')));
    assert.equal(booked?.details.remark, 'User withdrawal');
    assert.equal(received.length, 1);
    const told = received[0] && provider.readWebhook(received[0], 'default');
    assert.ok(told?.kind === 'verified');
    assert.deepEqual(told.order, { orderNumber: 'a1', providerReference: taken.report.providerReference });
    assert.deepEqual([told.report.state, told.report.debits], ['COMPLETED', paid.report.debits]);
    assert.deepEqual(told.report.echo, { ...paid.report.echo, network: 'TRON' });
  });

  test('a payout that is refused afterwards is REFUSE, and moved nothing', async () => {
    const { clock, sandbox, received, provider, send, look } = await start();
    await send('10.80', 'a1');
    await clock.advance(1500);
    await sandbox.idle();
    const outcome = await look('a1');
    assert.ok(outcome.kind === 'found');
    assert.deepEqual([outcome.report.vendorStatus, outcome.report.moneyMoved], ['REFUSE', 'NO']);
    assert.equal(received[0] && provider.readWebhook(received[0], 'default').kind, 'verified');
    assert.equal(sandbox.books()[0]?.returned, true);
  });

  test('the same number is refused as taken, and pays nothing again', async () => {
    const { sandbox, send } = await start();
    assert.equal((await send('10.00', 'a1')).kind, 'accepted');
    assert.partialDeepStrictEqual(await send('10.00', 'a1'), { kind: 'exists', vendorCode: '000201' });
    assert.equal(sandbox.books().length, 1);
  });

  test('an allowance names the wallet that pays', async () => {
    const { sandbox, send } = await start();
    assert.equal((await send('10.00', 'a1', { fundingAddress: FUNDING })).kind, 'accepted');
    assert.deepEqual(sandbox.books()[0]?.details, { payoutType: '2', fromAddress: FUNDING });
  });

  test('an order that was never taken is absent', async () => {
    const { look } = await start();
    assert.deepEqual(await look('nothing'), { kind: 'absent' });
  });

  test('a wrong key, a wrong signature and a time outside the window are refused as credentials', async () => {
    const { clock, sandbox, credentials, send } = await start();
    const attempts: readonly [string, Provider][] = [
      ['000110', open({ ...credentials, apiKey: 'pk_payment_other' }, () => clock.now())],
      ['000306', open({ ...credentials, secretKey: randomBytes(16).toString('hex') }, () => clock.now())],
      ['000306', open(credentials, () => new Date(clock.now().getTime() - 30_001))],
      ['000306', open(credentials, () => new Date(clock.now().getTime() + 5_001))],
    ];
    for (const [vendorCode, stranger] of attempts) {
      const outcome = await send('10.00', 'a1', {}, stranger);
      assert.partialDeepStrictEqual(outcome, { kind: 'notTaken', reason: 'CREDENTIALS', vendorCode });
      await stranger.close();
    }
    const slow = open(credentials, () => new Date(clock.now().getTime() - 30_000));
    assert.equal((await send('10.00', 'a1', {}, slow)).kind, 'accepted');
    await slow.close();
    assert.equal(sandbox.books().length, 1);
  });

  test('another contract is not known there', async () => {
    const { clock, credentials, send } = await start();
    const other = open({ ...credentials, contractId: '1' }, () => clock.now());
    const outcome = await send('10.00', 'a1', {}, other);
    assert.equal(outcome.kind === 'rejected' && outcome.failure.code, 'MISCONFIGURED');
    await other.close();
  });

  test('what the stand-in refuses is refused in the words of BlockATM', async () => {
    const { send } = await start();
    const codeOf = async (amount: string) => {
      const outcome = await send(amount, `n${amount.replace('.', '')}`);
      return outcome.kind === 'rejected'
        ? outcome.failure.code
        : outcome.kind === 'notTaken'
          ? outcome.reason
          : outcome.kind;
    };
    assert.equal(await codeOf('10.70'), 'INSUFFICIENT_FUNDS');
    assert.equal(await codeOf('10.71'), 'INVALID_DESTINATION');
    assert.equal(await codeOf('10.67'), 'RATE_LIMITED');
    assert.equal(await codeOf('10.68'), 'CREDENTIALS');
    assert.equal(await codeOf('2000000.00'), 'INSUFFICIENT_FUNDS');
  });

  test('a batch of a hundred is taken in one call, and a number that is known fails alone', async () => {
    const { sandbox, provider, send } = await start();
    await send('10.00', 'n7');
    const numbers = Array.from({ length: 100 }, (_, index) => `n${index}`);
    const { order } = side.sample(decimal('20.00'));
    const batch = await Promise.all(
      numbers.map(async (number) => ({
        attempt: attemptOf(number, order),
        body: await bodyOf(provider, order, number),
      })),
    );
    const outcomes = await provider.submitBatch?.(batch, call());
    assert.equal(outcomes?.size, 100);
    assert.equal(outcomes?.get('n7')?.kind, 'exists');
    assert.equal([...(outcomes?.values() ?? [])].filter(({ kind }) => kind === 'accepted').length, 99);
    assert.equal(sandbox.books().length, 100);
  });

  test('a batch is checked order by order, and as a whole', () => {
    const credentials = side.makeCredentials((size) => randomBytes(size));
    const { apiKey = '', secretKey = '', contractId } = credentials;
    const ask = (fields: object) => {
      const body = Buffer.from(JSON.stringify(fields));
      const headers = signedHeaders(readJson(body.toString()), AT, { apiKey, secretKey });
      const lower = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
      const path = '/order/api/v2/payout/batch';
      const request = { method: 'POST', path, query: new URLSearchParams(), headers: lower, body };
      return side.read(request, { credentials, wallets: new Map(), now: AT });
    };
    const codeOf = (fields: object) => {
      const asked = ask(fields);
      assert.ok(asked.kind === 'answer');
      return JSON.parse(asked.answer.body).code;
    };
    const good = { orderNo: 'a', recipient: RECIPIENT, amount: '1', symbol: 'USDT' };
    assert.equal(codeOf({ contractId, orders: [] }), '000104');
    assert.equal(codeOf({ contractId, payoutType: 2, orders: [good] }), '000103');
    assert.equal(codeOf({ contractId, orders: Array.from({ length: 101 }, () => good) }), '000206');
    assert.equal(codeOf({ orders: [good] }), '000103');
    const bad = [{ ...good, symbol: 'DAI' }, { ...good, amount: 1 }, { ...good, amount: '0' }, { orderNo: 'b' }];
    const asked = ask({ contractId, orders: bad });
    assert.ok(asked.kind === 'batch');
    const { data } = JSON.parse(asked.answer(bad.map(() => 'INVALID_DESTINATION')).body);
    assert.deepEqual(
      data.orders.map(({ code }: { code: string }) => code),
      ['000404', '000102', '000105', '000103'],
    );
    assert.deepEqual([data.successCount, data.failCount], [0, 4]);
  });

  test('its lists name what the account pays', async () => {
    const { provider, clock, credentials } = await start();
    assert.deepEqual(await provider.assets?.('default', call()), {
      kind: 'known',
      value: [
        { currency: 'USDT', network: 'TRON', minAmount: '10', maxAmount: '1000000', fee: '1', feeModes: ['ADD'] },
      ],
    });
    const onEthereum = open({ ...credentials, network: 'ETHEREUM' }, () => clock.now());
    const assets = await onEthereum.assets?.('default', call());
    assert.deepEqual(assets?.kind === 'known' && assets.value.map(({ currency }) => currency), ['USDT', 'USDC']);
    await onEthereum.close();
  });
});
