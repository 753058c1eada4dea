import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { describe, type TestContext, test } from 'node:test';
import { type Decimal, equalDecimals, parseDecimal } from '../src/domain/money.ts';
import type { Order } from '../src/domain/payout.ts';
import {
  type AttemptRef,
  abilitiesOf,
  type Provider,
  type QuoteRequest,
  type ReadOutcome,
} from '../src/domain/provider.ts';
import {
  BALANCE_ANSWER,
  CREATE_ANSWER,
  CREATE_REQUEST,
  CURRENCIES_ANSWER,
  CURRENCIES_SAMPLE,
  FIATS_ANSWER,
  INFORMATION_CONFIRMING,
  INFORMATION_SAMPLE,
  INVALID_AMOUNT_ANSWER,
  NETWORKS_ANSWER,
  SWAP_RATE_ANSWER,
  SWAP_RATE_REQUEST,
  WEBHOOK,
} from '../src/providers/oxapay/fixtures.ts';
import { definition } from '../src/providers/oxapay/index.ts';
import { ask } from '../src/providers/oxapay/market.ts';
import { ASSETS, NETWORKS, networkName, parseNetwork } from '../src/providers/oxapay/networks.ts';
import { parseState, readRefusal, reportCreated, reportRecord } from '../src/providers/oxapay/report.ts';
import { sandbox as side } from '../src/providers/oxapay/sandbox.ts';
import {
  decodeCreate,
  decodeHistory,
  decodeRecord,
  ENDPOINTS,
  encodeCreate,
  encodeSwap,
  parseEnvelope,
  parseMark,
  readWebhook,
  sign,
} from '../src/providers/oxapay/wire.ts';
import { createIds, type Log } from '../src/runtime.ts';
import { openSandbox } from '../src/sandbox.ts';
import { createTransport, readJson } from '../src/transport.ts';
import { createManualClock } from './support/clock.ts';

const ADDRESS = 'TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t';
const HASH = '9242e533703704ef3eaba840f70b4a26333e72c943377ee375fea17badb53def';
const MARK = 'PO-2025-000042';
const ASKED_AT = new Date('2025-01-10T09:31:10Z');

function dec(text: string): Decimal {
  const value = parseDecimal(text);
  assert.ok(value !== null, `${text} is not a decimal`);
  return value;
}

function orderOf(changes: Partial<Order> = {}, amount = '125.5', currency = 'USDT', network = 'TRON'): Order {
  return {
    amount: { amount: dec(amount), currency },
    feeMode: 'ADD',
    destination: { kind: 'blockchain', address: ADDRESS, network, memo: null },
    sourceCurrency: null,
    receiveCurrency: null,
    purpose: null,
    relationship: null,
    sourceOfFunds: null,
    fundingAddress: null,
    description: null,
    ...changes,
  };
}

function dataOf(text: string): unknown {
  const envelope = parseEnvelope(text);
  assert.equal(envelope?.status, 200);
  return envelope?.data;
}

describe('the wire of OxaPay', () => {
  test('a create is encoded as the published example, byte for byte without its blanks', () => {
    const body = encodeCreate(orderOf(), MARK, 'https://merchant.example/hooks/oxapay');
    assert.equal(body, JSON.stringify(JSON.parse(CREATE_REQUEST)));
  });

  test('a create keeps the order of the fields, and the mark opens the description', () => {
    const destination = { kind: 'blockchain', address: ADDRESS, network: 'TON', memo: '7' } as const;
    assert.equal(
      encodeCreate(orderOf({ destination, description: 'May salary' }), 'a1', 'https://x.example/y'),
      `{"address":"${ADDRESS}","currency":"USDT","amount":125.5,"network":"TON","callback_url":"https://x.example/y","memo":"7","description":"a1 May salary"}`,
    );
  });

  test('a create leaves out what is not needed', () => {
    assert.deepEqual(Object.keys(JSON.parse(encodeCreate(orderOf(), 'a1', null))), [
      'address',
      'currency',
      'amount',
      'network',
      'description',
    ]);
  });

  test('the smallest amount is written without an exponent, and a long one keeps its digits', () => {
    const amountOf = (amount: string): string | undefined =>
      /"amount":([^,]*),/.exec(encodeCreate(orderOf({}, amount), 'a1', null))?.[1];
    assert.equal(amountOf('0.00000001'), '0.00000001');
    assert.equal(amountOf('9007199254740993.12345678'), '9007199254740993.12345678');
  });

  test('an order that is not supported is never encoded', () => {
    assert.throws(() => encodeCreate(orderOf({}, '1', 'USDT', 'ARBITRUM'), 'a1', null));
  });

  test('the published answer of a create decodes, and its report echoes nothing', () => {
    const created = decodeCreate(dataOf(CREATE_ANSWER));
    assert.deepEqual(created, { trackId: '258298451', status: 'processing' });
    assert.ok(created !== null);
    const report = reportCreated(created, ASKED_AT);
    assert.deepEqual(
      { state: report.state, reference: report.providerReference, echo: report.echo, askedAt: report.askedAt },
      { state: 'PROCESSING', reference: '258298451', echo: {}, askedAt: ASKED_AT },
    );
  });

  test('a create without an id does not decode, and one without a status does', () => {
    assert.equal(decodeCreate({ status: 'processing' }), null);
    assert.equal(decodeCreate({ track_id: '', status: 'processing' }), null);
    assert.equal(decodeCreate([]), null);
    assert.deepEqual(decodeCreate({ track_id: '1' }), { trackId: '1', status: '' });
  });

  test('the published record decodes exactly: 0.0200000000 is 0.02, an empty hash is null', () => {
    const record = decodeRecord(dataOf(INFORMATION_SAMPLE));
    assert.ok(record !== null);
    assert.equal(record.amount, '0.0200000000');
    assert.ok(equalDecimals(record.amount, dec('0.02')));
    assert.deepEqual(reportRecord(record, ASKED_AT), {
      askedAt: ASKED_AT,
      state: 'PROCESSING',
      vendorStatus: 'processing',
      vendorMessage: null,
      providerReference: '258298351',
      transactionHash: null,
      fees: [{ amount: '0.0000100000', currency: 'BTC', kind: 'PROVIDER' }],
      debits: [{ amount: '0.02001', currency: 'BTC' }],
      received: { amount: '0.0200000000', currency: 'BTC' },
      moneyMoved: 'YES',
      failure: null,
      allows: [],
      echo: {
        amount: '0.0200000000',
        currency: 'BTC',
        network: 'BITCOIN',
        address: '1AmH3Qz2LooYa1YSyLhySuatwoRMsfznPJ',
        orderNumber: 'test',
      },
      rivals: [],
    });
  });

  test('the answer of a payout on its way decodes with hash, mark and debit', () => {
    const record = decodeRecord(dataOf(INFORMATION_CONFIRMING));
    assert.ok(record !== null);
    const report = reportRecord(record, ASKED_AT);
    assert.equal(report.state, 'PROCESSING');
    assert.equal(report.transactionHash, HASH);
    assert.deepEqual(report.debits, [{ amount: '127', currency: 'USDT' }]);
    assert.deepEqual(report.echo, {
      amount: '125.5',
      currency: 'USDT',
      network: 'TRON',
      address: ADDRESS,
      orderNumber: MARK,
    });
  });

  test('a number with an exponent, as PHP writes it, is read exactly', () => {
    assert.equal(decodeRecord(dataOf(INFORMATION_CONFIRMING.replace('125.5', '9.0e-5')))?.amount, '0.00009');
  });

  test('a record whose network is not recognised, or whose description is empty, leaves them out of the echo', () => {
    const text = INFORMATION_CONFIRMING.replace('Tron Network', 'Base').replace(MARK, '');
    const record = decodeRecord(dataOf(text));
    assert.ok(record !== null);
    assert.deepEqual(Object.keys(reportRecord(record, ASKED_AT).echo), ['amount', 'currency', 'address']);
  });

  test('a record without an amount, or with a negative one, does not decode', () => {
    assert.equal(decodeRecord(dataOf(INFORMATION_CONFIRMING.replace('"amount": 125.5,', ''))), null);
    assert.equal(decodeRecord(dataOf(INFORMATION_CONFIRMING.replace('125.5', '-125.5'))), null);
  });

  test('a record without a fee claims no debit', () => {
    const record = decodeRecord(dataOf(INFORMATION_CONFIRMING.replace('"fee": 1.5,', '')));
    assert.ok(record !== null);
    assert.deepEqual(reportRecord(record, ASKED_AT).debits, []);
  });

  test('a history page decodes as a whole or not at all', () => {
    const page = (list: string) =>
      decodeHistory(readJson(`{"list":${list},"meta":{"page":1,"last_page":1,"total":1}}`));
    assert.equal(page(`[${record('1', 'a')}]`)?.records.length, 1);
    assert.equal(page(`[${record('1', 'a')},{}]`), null);
    assert.equal(decodeHistory([]), null);
  });

  test('the published balance decodes, also in its other form and empty', () => {
    assert.deepEqual(
      [...(ENDPOINTS.balance.decode(dataOf(BALANCE_ANSWER)) ?? [])],
      [
        ['USDT', { available: '10.5', pending: null }],
        ['BTC', { available: '0.0022866845', pending: null }],
        ['ETH', { available: '0.21', pending: null }],
      ],
    );
    const pair = ENDPOINTS.balance.decode(readJson('{"USDT":{"available":1.50,"pending":0.5}}'));
    assert.deepEqual(pair?.get('USDT'), { available: '1.50', pending: '0.5' });
    for (const empty of [{}, [], null]) assert.equal(ENDPOINTS.balance.decode(empty)?.size, 0);
    assert.equal(ENDPOINTS.balance.decode({ USDT: true }), null);
  });

  test('every published answer has an envelope, and an empty object may be {}, [] or null', () => {
    assert.equal(parseEnvelope(SWAP_RATE_ANSWER)?.status, 200);
    for (const empty of ['{}', '[]', 'null']) {
      const text = `{"data":${empty},"message":"m","error":${empty},"status":500,"version":"1.0.3"}`;
      const fault = { type: null, key: null, message: 'm' };
      assert.deepEqual(parseEnvelope(text), { status: 500, data: JSON.parse(empty), fault });
    }
  });

  test('what is no envelope is refused', () => {
    for (const text of ['', '<html>', '[]', 'null', '{}', '{"data":{}}', '{"status":"ok"}']) {
      assert.equal(parseEnvelope(text), null, text);
    }
  });

  test('each status of the API has its state, in any case; another word has none', () => {
    assert.deepEqual(
      ['processing', 'pending', 'confirming', 'confirmed', 'canceled', 'rejected', 'Confirmed'].map(parseState),
      ['PROCESSING', 'PROCESSING', 'PROCESSING', 'COMPLETED', 'CANCELLED', 'FAILED', 'COMPLETED'],
    );
    for (const word of ['cancelled', 'failed', 'Complete', '', 'constructor']) assert.equal(parseState(word), null);
  });

  test('the state decides what is said of the money', () => {
    const reportOf = (status: string) => {
      const record = decodeRecord(dataOf(INFORMATION_CONFIRMING.replace('confirming', status)));
      assert.ok(record !== null);
      return reportRecord(record, ASKED_AT);
    };
    assert.equal(reportOf('confirmed').moneyMoved, 'YES');
    const rejected = reportOf('rejected');
    assert.equal(rejected.moneyMoved, 'NO');
    assert.equal(rejected.failure?.code, 'PROVIDER_REFUSED');
    assert.deepEqual([rejected.fees, rejected.debits, rejected.received], [[], [], null]);
    assert.equal(reportOf('canceled').moneyMoved, 'NO');
    assert.equal(reportOf('canceled').failure, null);
    const strange = reportOf('On_Hold');
    assert.deepEqual([strange.state, strange.vendorStatus, strange.moneyMoved], [null, 'On_Hold', 'UNKNOWN']);
  });

  test('a network is recognised in every spelling, and written as requests want it', () => {
    for (const spelling of ['TRC20', 'trc20', 'Tron', 'Tron Network', 'TRON NETWORK', 'trx']) {
      assert.equal(parseNetwork(spelling), 'TRON', spelling);
    }
    assert.equal(parseNetwork('Binance Smart Chain'), 'BSC');
    for (const spelling of ['', 'Network', ' Network', 'Arbitrum', 'constructor']) {
      assert.equal(parseNetwork(spelling), null, spelling);
    }
    assert.deepEqual(['TRON', 'BSC', 'AVALANCHE_C'].map(networkName), ['TRC20', 'BEP20', null]);
    for (const { code, name, key } of NETWORKS) {
      assert.deepEqual([parseNetwork(name), parseNetwork(`${key} Network`)], [code, code]);
    }
  });

  test('the spellings of the published currencies are the ones that are known', () => {
    const { networks } = JSON.parse(CURRENCIES_ANSWER).data.USDT;
    for (const [key, { network, name, keys }] of Object.entries<{
      network: string;
      name: string;
      keys: readonly string[];
    }>(networks)) {
      const codes = [key, network, name, ...keys].map(parseNetwork);
      assert.equal(new Set(codes).size, 1);
      assert.notEqual(codes[0], null);
    }
  });

  test('the mark is the first word and nothing less', () => {
    assert.equal(parseMark('a1'), 'a1');
    assert.equal(parseMark('a1 May salary'), 'a1');
    assert.equal(parseMark('a1\nMay'), 'a1');
    assert.equal(parseMark(''), null);
    assert.equal(parseMark(' a1'), null);
  });

  test('the published refusal is one, with its words', () => {
    const envelope = parseEnvelope(INVALID_AMOUNT_ANSWER);
    assert.equal(envelope?.status, 400);
    assert.deepEqual(envelope && readRefusal(envelope.fault), {
      code: 'AMOUNT_OUT_OF_RANGE',
      message: 'OxaPay does not accept the amount',
      vendorCode: 'invalid_param',
      vendorMessage: 'The amount field must be a number.',
      retryable: false,
    });
  });

  test('only listed types and keys are refusals', () => {
    const codeOf = (type: string | null, key: string | null) => readRefusal({ type, key, message: null })?.code ?? null;
    assert.equal(codeOf('invalid_param', 'address'), 'INVALID_DESTINATION');
    assert.equal(codeOf('invalid_param', 'currency'), 'PROVIDER_REFUSED');
    assert.equal(codeOf('invalid_param', 'network'), 'PROVIDER_REFUSED');
    assert.equal(codeOf('invalid_param', 'callback_url'), 'MISCONFIGURED');
    assert.equal(codeOf('invalid_param', 'memo'), 'PROVIDER_REFUSED');
    assert.equal(codeOf('insufficient_balance', 'amount'), 'INSUFFICIENT_FUNDS');
    assert.equal(codeOf('amount_too_low', 'amount'), 'AMOUNT_OUT_OF_RANGE');
    assert.equal(codeOf('amount_too_high', null), 'AMOUNT_OUT_OF_RANGE');
    assert.equal(codeOf('a_new_type', 'address'), 'INVALID_DESTINATION');
    assert.equal(codeOf('a_new_type', null), null);
    assert.equal(codeOf(null, 'track_id'), null);
    assert.equal(codeOf(null, null), null);
    assert.equal(codeOf('constructor', 'toString'), null);
  });
});

describe('a webhook of OxaPay', () => {
  const key = randomBytes(16).toString('hex');
  const signed = (fields: Record<string, unknown>) => {
    const body = JSON.stringify({ ...JSON.parse(WEBHOOK.body), ...fields });
    return readWebhook({ headers: { hmac: sign(body, key) }, body: Buffer.from(body) }, key);
  };

  test('the published example verifies under the payout key and is read from its raw bytes', () => {
    assert.equal(sign(WEBHOOK.body, WEBHOOK.payoutKey), WEBHOOK.hmac);
    const raw = { headers: { hmac: WEBHOOK.hmac }, body: Buffer.from(WEBHOOK.body) };
    assert.deepEqual(readWebhook(raw, WEBHOOK.payoutKey), {
      kind: 'verified',
      order: { orderNumber: MARK, providerReference: '227296189' },
      report: {
        askedAt: null,
        state: 'COMPLETED',
        vendorStatus: 'Confirmed',
        vendorMessage: null,
        providerReference: '227296189',
        transactionHash: HASH,
        fees: [],
        debits: [],
        received: { amount: '10.0', currency: 'USDT' },
        moneyMoved: 'YES',
        failure: null,
        allows: [],
        echo: { amount: '10.0', currency: 'USDT', orderNumber: MARK },
        rivals: [],
      },
      reply: { status: 200, contentType: 'text/plain', body: 'ok' },
    });
  });

  test('the same body signed with the merchant key is refused', () => {
    assert.equal(sign(WEBHOOK.body, WEBHOOK.merchantKey), WEBHOOK.merchantHmac);
    const raw = { headers: { hmac: WEBHOOK.merchantHmac }, body: Buffer.from(WEBHOOK.body) };
    assert.equal(readWebhook(raw, WEBHOOK.payoutKey).kind, 'refused');
  });

  test('a body that was encoded again, changed, or not signed is refused', () => {
    const encodedAgain = Buffer.from(JSON.stringify(JSON.parse(WEBHOOK.body)));
    const changed = Buffer.from(WEBHOOK.body.replace('10.0', '99.0'));
    for (const body of [encodedAgain, changed]) {
      assert.equal(readWebhook({ headers: { hmac: WEBHOOK.hmac }, body }, WEBHOOK.payoutKey).kind, 'refused');
    }
    const body = Buffer.from(WEBHOOK.body);
    for (const headers of [{}, { hmac: '' }, { hmac: WEBHOOK.hmac.slice(1) }, { hmac: 'ü'.repeat(64) }]) {
      assert.equal(readWebhook({ headers, body }, WEBHOOK.payoutKey).kind, 'refused');
    }
  });

  test('another type than payout is refused even with a good signature', () => {
    for (const type of ['invoice', 'payment', undefined]) assert.equal(signed({ type }).kind, 'refused');
  });

  test('Confirming is on its way, and a word that is not known is kept verbatim', () => {
    const confirming = signed({ status: 'Confirming' });
    assert.ok(confirming.kind === 'verified');
    assert.equal(confirming.report.state, 'PROCESSING');
    const strange = signed({ status: 'Paused' });
    assert.ok(strange.kind === 'verified');
    assert.deepEqual([strange.report.state, strange.report.vendorStatus], [null, 'Paused']);
  });

  test('Failed is only a hint, for the API tells rejected from canceled', () => {
    assert.deepEqual(signed({ status: 'Failed', tx_hash: '' }), {
      kind: 'hint',
      order: { orderNumber: MARK, providerReference: '227296189' },
      reply: { status: 200, contentType: 'text/plain', body: 'ok' },
    });
  });

  test('a webhook without a description names its payout by the reference alone', () => {
    const outcome = signed({ description: '' });
    assert.ok(outcome.kind === 'verified');
    assert.deepEqual(outcome.order, { orderNumber: null, providerReference: '227296189' });
    assert.deepEqual(Object.keys(outcome.report.echo), ['amount', 'currency']);
  });
});

interface Reply {
  readonly status?: number;
  readonly headers?: Record<string, string>;
  readonly body: string;
}

interface Seen {
  readonly request: IncomingMessage;
  readonly url: URL;
  readonly body: string;
}

const PAYOUT_KEY = randomBytes(16).toString('hex');
const GENERAL_KEY = randomBytes(16).toString('hex');
const NOBODY = { originator: null, beneficiary: null, accountNumber: null };

/** OxaPay in a few lines: answers with what `reply` says, and keeps what it was asked. */
async function connect(context: TestContext, reply: (url: URL) => Reply) {
  const seen: Seen[] = [];
  const server = createServer(async (request, response) => {
    const url = new URL(request.url ?? '', 'http://oxapay.test');
    const chunks = await request.toArray();
    seen.push({ request, url, body: Buffer.concat(chunks).toString() });
    const { status = 200, headers = {}, body } = reply(url);
    response.writeHead(status, headers).end(body);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  const provider = open(`http://127.0.0.1:${address.port}/v1`);
  context.after(async () => {
    await provider.close();
    server.closeAllConnections();
    server.close();
  });
  return { provider, seen };
}

function open(baseUrl: string, values: Readonly<Record<string, string>> = {}): Provider {
  const settings = { name: 'default', enabled: true, callbackUrl: 'https://us.example/hook' };
  return definition.open(
    [{ ...settings, values: { baseUrl, payoutKey: PAYOUT_KEY, generalKey: GENERAL_KEY, ...values } }],
    createTransport(() => new Date()),
    () => new Date(),
  );
}

function attemptOf(providerReference: string | null = null): AttemptRef {
  const firstSentAt = new Date('2025-01-10T09:31:10.900Z');
  const storedBody = async () => null;
  return { account: 'default', orderNumber: MARK, providerReference, order: orderOf(), firstSentAt, storedBody };
}

const call = () => ({ sendBy: null, signal: new AbortController().signal });

function envelope(status: number, error: object = {}): string {
  return JSON.stringify({ data: [], message: 'A message.', error, status, version: '1.0.0' });
}

/** A record of the history, written by hand so that its numbers keep their scale. */
function record(trackId: string, description: string): string {
  return `{"track_id":"${trackId}","address":"${ADDRESS}","currency":"USDT","network":"Tron Network","amount":125.50,"fee":1.5,"status":"processing","tx_hash":"","description":"${description}","internal":false,"memo":"","date":1736501470}`;
}

/** Answers the page that is asked for. */
function history(pages: readonly (readonly string[])[], total = pages.flat().length): (url: URL) => Reply {
  return (url) => {
    const page = Number(url.searchParams.get('page'));
    const meta = `{"page":${page},"last_page":${pages.length},"total":${total}}`;
    const data = `{"list":[${pages[page - 1]?.join(',') ?? ''}],"meta":${meta}}`;
    return { body: `{"data":${data},"message":"ok","error":{},"status":200,"version":"1.0.0"}` };
  };
}

describe('the connector of OxaPay', () => {
  test('says what it can do of an order', () => {
    const provider = open('http://127.0.0.1:1');
    const lineOf = (order: Order): string => {
      const answer = provider.supports(order, NOBODY, 'default');
      return answer === true ? 'yes' : answer;
    };
    assert.equal(lineOf(orderOf()), 'yes');
    const destination = { kind: 'blockchain', address: ADDRESS, network: 'TON', memo: '7' } as const;
    assert.equal(lineOf(orderOf({ destination }, '0.00000001')), 'yes');
    assert.equal(lineOf(orderOf({}, '1.000000000')), 'yes');
    assert.match(lineOf(orderOf({}, '0.000000001')), /8 decimal places/);
    assert.match(lineOf(orderOf({}, '1', 'USDT', 'BITCOIN')), /USDT on BITCOIN/);
    assert.match(lineOf(orderOf({}, '1', 'EUR')), /EUR/);
    assert.match(lineOf(orderOf({ feeMode: 'DEDUCT' })), /fee on top/);
    assert.match(lineOf(orderOf({ sourceCurrency: 'BTC' })), /does not convert/);
    assert.match(lineOf(orderOf({ receiveCurrency: 'BTC' })), /does not convert/);
    assert.match(lineOf(orderOf({ fundingAddress: ADDRESS })), /own balance/);
    const told = { purpose: 'Salary', relationship: 'Self', sourceOfFunds: 'Savings' };
    assert.equal(lineOf(orderOf(told)), 'yes');
    const channel = { kind: 'channel', channel: 'c', account: 'a', network: null } as const;
    assert.match(lineOf(orderOf({ destination: channel })), /blockchain addresses only/);
    const bank = { kind: 'bank', accountType: 'BANK', lastFour: '1234', network: null } as const;
    assert.match(lineOf(orderOf({ destination: bank })), /blockchain addresses only/);
  });

  test('an account is known by a digest of its key, and a missing key stops the start', () => {
    const fingerprint = open('http://127.0.0.1:1').accounts[0]?.fingerprint ?? '';
    assert.match(fingerprint, /^[0-9a-f]{16}$/);
    assert.notEqual(open('http://127.0.0.1:1', { payoutKey: 'another' }).accounts[0]?.fingerprint, fingerprint);
    assert.throws(() => open('http://127.0.0.1:1', { payoutKey: '' }), /payout key/);
  });

  test('a submit posts the stored body with the payout key, and an accepted one brings the reference', async (context) => {
    const { provider, seen } = await connect(context, () => ({ body: CREATE_ANSWER }));
    const prepared = await provider.prepare('default', orderOf(), NOBODY, MARK, call());
    assert.ok(prepared.kind === 'body');
    const { body } = prepared;
    assert.equal(JSON.parse(body).callback_url, 'https://us.example/hook');
    const outcome = await provider.submit(attemptOf(), body, call());
    assert.ok(outcome.kind === 'accepted');
    assert.equal(outcome.report?.providerReference, '258298451');
    assert.equal(seen.length, 1);
    assert.deepEqual([seen[0]?.request.method, seen[0]?.url.pathname, seen[0]?.body], ['POST', '/v1/payout', body]);
    assert.equal(seen[0]?.request.headers.payout_api_key, PAYOUT_KEY);
    assert.equal(seen[0]?.request.headers['content-type'], 'application/json');
  });

  const ends: readonly [string, Reply, object][] = [
    [
      'a listed refusal is rejected',
      { status: 400, body: INVALID_AMOUNT_ANSWER },
      { kind: 'rejected', code: 'AMOUNT_OUT_OF_RANGE' },
    ],
    ['a refusal under HTTP 200 is rejected all the same', { body: INVALID_AMOUNT_ANSWER }, { kind: 'rejected' }],
    [
      'a fault 400 that is not listed is unknown',
      { status: 400, body: envelope(400, { type: 'x' }) },
      { kind: 'unknown' },
    ],
    [
      'a 401 in the envelope counts, though the wire says 403',
      { status: 403, body: envelope(401, { type: 'invalid_api_key', key: '', message: 'No.' }) },
      { kind: 'notTaken', reason: 'CREDENTIALS', vendorCode: 'invalid_api_key' },
    ],
    [
      'an address that is not allowed is a matter of credentials',
      { status: 403, body: envelope(403, { type: 'invalid_ip' }) },
      { kind: 'notTaken', reason: 'CREDENTIALS' },
    ],
    [
      'a 429 is not taken and says when to come back',
      { status: 429, headers: { 'retry-after': '7' }, body: envelope(429) },
      { kind: 'notTaken', reason: 'RATE_LIMITED', retryAfterMs: 7000 },
    ],
    ['a 403 without an envelope is unknown', { status: 403, body: '<html>blocked</html>' }, { kind: 'unknown' }],
    [
      'a 500 on the wire is unknown whatever its envelope says',
      { status: 500, body: INVALID_AMOUNT_ANSWER },
      { kind: 'unknown' },
    ],
    ['a 500 in the envelope is unknown', { body: envelope(500) }, { kind: 'unknown' }],
    ['an answer that is not JSON is unknown', { body: 'ok' }, { kind: 'unknown' }],
    ['an empty answer is unknown', { body: '' }, { kind: 'unknown' }],
    ['a success without an id is unknown', { body: envelope(200) }, { kind: 'unknown' }],
  ];
  for (const [title, reply, expected] of ends) {
    test(`of a submit, ${title}`, async (context) => {
      const { provider, seen } = await connect(context, () => reply);
      const outcome = await provider.submit(attemptOf(), '{}', call());
      const flat = outcome.kind === 'rejected' ? { ...outcome.failure, kind: outcome.kind } : outcome;
      assert.partialDeepStrictEqual(flat, expected);
      assert.equal(seen.length, 1);
    });
  }

  test('a look-up by reference asks for that payout alone', async (context) => {
    const { provider, seen } = await connect(context, () => ({ body: INFORMATION_CONFIRMING }));
    const outcome = await provider.lookup(attemptOf('258298451'), call());
    assert.ok(outcome.kind === 'found');
    assert.equal(outcome.report.transactionHash, HASH);
    assert.ok(outcome.report.askedAt !== null);
    assert.deepEqual([seen[0]?.request.method, seen[0]?.url.pathname], ['GET', '/v1/payout/258298451']);
    assert.equal(seen[0]?.request.headers.payout_api_key, PAYOUT_KEY);
  });

  test('a look-up that gets the record of another payout cannot tell', async (context) => {
    const { provider } = await connect(context, () => ({ body: INFORMATION_SAMPLE }));
    assert.equal((await provider.lookup(attemptOf('258298451'), call())).kind, 'unavailable');
  });

  test('a reference that OxaPay does not know is absent by its envelope, not by the wire alone', async (context) => {
    const replies: Reply[] = [
      { status: 404, body: envelope(404) },
      { status: 404, body: 'no route' },
    ];
    const { provider } = await connect(context, () => replies.shift() ?? { body: '' });
    assert.equal((await provider.lookup(attemptOf('1'), call())).kind, 'absent');
    assert.equal((await provider.lookup(attemptOf('1'), call())).kind, 'unavailable');
  });

  test('a search reads every page since a minute before the first send and finds the mark', async (context) => {
    const pages = [
      [record('1', 'other'), record('2', `${MARK}0`)],
      [record('3', `x ${MARK}`)],
      [record('4', `${MARK} May`)],
    ];
    const { provider, seen } = await connect(context, history(pages));
    const outcome = await provider.lookup(attemptOf(), call());
    assert.ok(outcome.kind === 'found');
    assert.equal(outcome.report.providerReference, '4');
    assert.equal(outcome.report.echo.orderNumber, MARK);
    assert.deepEqual(outcome.report.rivals, []);
    assert.deepEqual(
      seen.map(({ url }) => Object.fromEntries(url.searchParams)),
      ['1', '2', '3'].map((page) => ({
        currency: 'USDT',
        from_date: String(Date.parse('2025-01-10T09:30:10Z') / 1000),
        sort_by: 'create_date',
        sort_type: 'asc',
        size: '200',
        page,
      })),
    );
  });

  test('a search never matches by an equal amount and address', async (context) => {
    const { provider } = await connect(context, history([[record('1', ''), record('2', MARK.toLowerCase())]]));
    assert.deepEqual(await provider.lookup(attemptOf(), call()), { kind: 'absent' });
  });

  test('a search of an empty history is absent', async (context) => {
    const { provider } = await connect(context, history([[]]));
    assert.deepEqual(await provider.lookup(attemptOf(), call()), { kind: 'absent' });
  });

  test('of two payouts with the mark the first is found and the other is its rival', async (context) => {
    const pages = [[record('7', MARK), record('8', 'other')], [record('9', `${MARK} again`)]];
    const { provider } = await connect(context, history(pages));
    const outcome = await provider.lookup(attemptOf(), call());
    assert.ok(outcome.kind === 'found');
    assert.equal(outcome.report.providerReference, '7');
    assert.deepEqual(outcome.report.rivals, ['9']);
  });

  test('a record that stands on two pages is one record', async (context) => {
    const { provider } = await connect(context, history([[record('7', MARK)], [record('7', MARK)]], 1));
    const outcome = await provider.lookup(attemptOf(), call());
    assert.ok(outcome.kind === 'found');
    assert.deepEqual(outcome.report.rivals, []);
  });

  test('pages that hold fewer records than promised prove nothing', async (context) => {
    const { provider } = await connect(context, history([[record('1', 'a')], [record('1', 'a')]], 2));
    assert.equal((await provider.lookup(attemptOf(), call())).kind, 'unavailable');
  });

  test('a second page that fails or does not decode makes the whole search unavailable', async (context) => {
    const broken: Reply[] = [
      { status: 500, body: envelope(500) },
      { status: 429, headers: { 'retry-after': '3' }, body: envelope(429) },
      { body: envelope(404) },
      { body: '{"data":{"list":[{}],"meta":{"page":2,"last_page":2,"total":2}},"error":[],"status":200}' },
      { body: '' },
    ];
    const first = history([[record('1', MARK)], []], 2);
    for (const second of broken) {
      const page = (url: URL): Reply => (url.searchParams.get('page') === '1' ? first(url) : second);
      const { provider } = await connect(context, page);
      const outcome = await provider.lookup(attemptOf(), call());
      assert.ok(outcome.kind === 'unavailable', second.body);
      assert.equal(outcome.retryAfterMs, second.status === 429 ? 3000 : null);
    }
  });

  test('a history without end is given up', async (context) => {
    const endless = (url: URL): Reply => {
      const page = Number(url.searchParams.get('page'));
      const meta = `{"page":${page},"last_page":${page + 1},"total":1}`;
      return { body: `{"data":{"list":[],"meta":${meta}},"message":"ok","error":{},"status":200}` };
    };
    const { provider, seen } = await connect(context, endless);
    assert.equal((await provider.lookup(attemptOf(), call())).kind, 'unavailable');
    assert.equal(seen.length, 100);
  });

  test('a provider that cannot be reached leaves a submit not taken and a look-up unavailable', async (context) => {
    const provider = open('http://127.0.0.1:1/v1');
    context.after(() => provider.close());
    assert.equal((await provider.submit(attemptOf(), '{}', call())).kind, 'notTaken');
    assert.equal((await provider.lookup(attemptOf(), call())).kind, 'unavailable');
  });

  test('a webhook is verified with the key of its own account', async () => {
    const provider = open('http://127.0.0.1:1');
    const body = Buffer.from(WEBHOOK.body);
    const raw = { headers: { hmac: sign(body, PAYOUT_KEY) }, body };
    assert.equal(provider.readWebhook(raw, 'default').kind, 'verified');
    assert.equal(provider.readWebhook(raw, 'another').kind, 'refused');
  });
});

describe('the wire of OxaPay beside payouts', () => {
  test('the published currencies decode to our networks, with fee and minimum to the last digit', () => {
    const made = ENDPOINTS.currencies.decode(dataOf(CURRENCIES_ANSWER))?.get('USDT');
    assert.deepEqual(made, {
      active: true,
      networks: [
        { network: 'TRON', withdrawFee: '1.5', withdrawMin: '1' },
        { network: 'BSC', withdrawFee: '0.3', withdrawMin: '1' },
      ],
    });
    const sample = ENDPOINTS.currencies.decode(dataOf(CURRENCIES_SAMPLE));
    assert.deepEqual(sample?.get('BTC')?.networks, [
      { network: 'BITCOIN', withdrawFee: '0.00011', withdrawMin: '0.000045' },
    ]);
    assert.deepEqual(sample?.get('ETH')?.networks[1], {
      network: null,
      withdrawFee: '0.0000008',
      withdrawMin: '0.0002',
    });
  });

  test('a currency without networks, or with a figure that cannot be read, hides no other', () => {
    const text = (figure: string) =>
      `{"A":{"status":false,"networks":[]},"B":{"status":true,"networks":{"Tron":{"withdraw_fee":${figure}}}}}`;
    const networks = [{ network: 'TRON', withdrawFee: null, withdrawMin: null }];
    for (const figure of ['-1', 'null', '"1,5"', '{}']) {
      const currencies = ENDPOINTS.currencies.decode(readJson(text(figure)));
      assert.deepEqual(currencies?.get('A'), { active: false, networks: [] }, figure);
      assert.deepEqual(currencies?.get('B'), { active: true, networks }, figure);
    }
    assert.equal(ENDPOINTS.currencies.decode({ A: { status: 'yes', networks: {} } }), null);
  });

  test('the published fiats, networks and rate decode', () => {
    assert.deepEqual(ENDPOINTS.fiats.decode(dataOf(FIATS_ANSWER))?.get('AMD'), {
      price: '0.00252146',
      displayPrecision: '0.1',
    });
    const names = ENDPOINTS.networks.decode(dataOf(NETWORKS_ANSWER));
    assert.equal(names?.length, 13);
    assert.equal(ENDPOINTS.swapRate.decode(dataOf(SWAP_RATE_ANSWER)), '94763.06');
  });

  test('each of our networks is among the published ones', () => {
    const codes = new Set(ENDPOINTS.networks.decode(dataOf(NETWORKS_ANSWER))?.map(parseNetwork));
    assert.deepEqual(
      NETWORKS.filter(({ code }) => !codes.has(code)),
      [],
    );
  });

  test('the question for a rate is the published example, byte for byte without its blanks, and a swap adds its amount', () => {
    const pair = { fromCurrency: 'BTC', toCurrency: 'USDT' };
    assert.equal(encodeSwap(pair), JSON.stringify(JSON.parse(SWAP_RATE_REQUEST)));
    assert.equal(
      encodeSwap(pair, dec('0.00000001')),
      '{"from_currency":"BTC","to_currency":"USDT","amount":0.00000001}',
    );
  });

  test('a swap, its price and its pairs decode exactly', () => {
    const swap =
      '{"track_id":150000001,"from_currency":"BTC","to_currency":"USDT","from_amount":0.0100000000,"to_amount":947.6306,"rate":94763.06,"date":1736467200}';
    const made = {
      trackId: '150000001',
      fromCurrency: 'BTC',
      toCurrency: 'USDT',
      fromAmount: '0.0100000000',
      toAmount: '947.6306',
      rate: '94763.06',
      madeAt: new Date('2025-01-10T00:00:00Z'),
    };
    assert.deepEqual(ENDPOINTS.swap.decode(readJson(swap)), made);
    const list = readJson(`{"list":[${swap}],"meta":{"page":1,"last_page":1,"total":1}}`);
    assert.deepEqual(ENDPOINTS.swapHistory.decode(list), [made]);
    assert.deepEqual(ENDPOINTS.swapCalculate.decode(readJson('{"to_amount":2e2,"rate":1e-1,"amount":2000}')), {
      amount: '2000',
      toAmount: '200',
      rate: '0.1',
    });
    const pairs = readJson('{"list":[{"from_currency":"BTC","to_currency":"USDT","min_amount":0.01}]}');
    assert.deepEqual(ENDPOINTS.swapPairs.decode(pairs), [
      { fromCurrency: 'BTC', toCurrency: 'USDT', minAmount: '0.01' },
    ]);
  });

  test('the system is up or down, said in either of two ways, and anything else says nothing', () => {
    assert.equal(ENDPOINTS.monitor.decode({ status: true }), true);
    assert.equal(ENDPOINTS.monitor.decode({ status: false }), false);
    assert.equal(ENDPOINTS.monitor.decode('OK'), true);
    for (const data of ['ok!', {}, null, { status: 'up' }]) assert.equal(ENDPOINTS.monitor.decode(data), null);
  });

  test('an empty map may be {}, [] or null, and one odd price spoils the prices', () => {
    for (const empty of [{}, [], null]) assert.equal(ENDPOINTS.prices.decode(empty)?.size, 0);
    assert.equal(ENDPOINTS.prices.decode(readJson('{"BTC":94763.06}'))?.get('BTC'), '94763.06');
    assert.equal(ENDPOINTS.prices.decode({ BTC: 'much' }), null);
  });
});

/** A question for the price of 125.5 USDT on TRON, with its parts replaced. */
function question(parts: Partial<QuoteRequest> = {}): QuoteRequest {
  return {
    amount: { amount: dec('125.5'), currency: 'USDT' },
    feeMode: 'ADD',
    network: 'TRON',
    channel: null,
    sourceCurrency: null,
    receiveCurrency: null,
    ...parts,
  };
}

function known<T>(outcome: ReadOutcome<T> | string | undefined): T {
  assert.ok(typeof outcome === 'object' && outcome.kind === 'known', JSON.stringify(outcome));
  return outcome.value;
}

describe('the market of OxaPay', () => {
  test('declares what it can do, and nothing that it cannot', () => {
    const provider = open('http://127.0.0.1:1');
    assert.deepEqual(abilitiesOf(provider).toSorted(), side.plays.toSorted());
    assert.equal(provider.onRepeat, 'paysAgain');
    assert.equal(provider.repeatWindowMs, null);
    assert.equal(provider.nearestAmounts, undefined);
    const known = [...ASSETS].flatMap(([currency, networks]) => networks.map((network) => ({ currency, network })));
    assert.deepEqual(
      provider.knownAssets.map(({ currency, network }) => ({ currency, network })),
      known,
    );
  });

  test('absence is proof only where the deployment takes the risk', () => {
    for (const risk of ['false', '', 'yes']) {
      assert.equal(open('http://127.0.0.1:1', { riskDoublePayment: risk }).absenceRule('default'), null);
    }
    assert.equal(open('http://127.0.0.1:1').absenceRule('default'), null);
    assert.deepEqual(open('http://127.0.0.1:1', { riskDoublePayment: 'true' }).absenceRule('default'), {
      looks: 2,
      apartMs: 600_000,
      afterMs: 120_000,
    });
    assert.equal(definition.settings.riskDoublePayment?.env, 'OXAPAY_RISK_DOUBLE_PAYMENT');
    assert.equal(definition.settings.riskDoublePayment?.fallback, 'false');
  });

  test('balances are asked for with the general key alone', async (context) => {
    const { provider, seen } = await connect(context, () => ({ body: BALANCE_ANSWER }));
    assert.deepEqual(known(await provider.balances?.('default', call())), [
      { currency: 'USDT', available: '10.5', locked: null },
      { currency: 'BTC', available: '0.0022866845', locked: null },
      { currency: 'ETH', available: '0.21', locked: null },
    ]);
    assert.deepEqual([seen[0]?.request.method, seen[0]?.url.pathname], ['GET', '/v1/general/account/balance']);
    assert.equal(seen[0]?.request.headers.general_api_key, GENERAL_KEY);
    assert.equal(seen[0]?.request.headers.payout_api_key, undefined);
  });

  test('without a general key balances are refused, and nothing is asked', async () => {
    const provider = open('http://127.0.0.1:1', { generalKey: '' });
    assert.deepEqual(await provider.balances?.('default', call()), {
      kind: 'rejected',
      vendorCode: null,
      vendorMessage: 'no general API key is configured',
    });
  });

  test('assets are those of ours that are offered, and are asked for without any key', async (context) => {
    const { provider, seen } = await connect(context, () => ({ body: CURRENCIES_ANSWER }));
    const terms = { currency: 'USDT', minAmount: '1', maxAmount: null, feeModes: ['ADD'] };
    assert.deepEqual(known(await provider.assets?.('default', call())), [
      { ...terms, network: 'TRON', fee: '1.5' },
      { ...terms, network: 'BSC', fee: '0.3' },
    ]);
    assert.equal(seen[0]?.url.pathname, '/v1/common/currencies');
    assert.equal(seen[0]?.request.headers.general_api_key, undefined);
    assert.equal(seen[0]?.request.headers.payout_api_key, undefined);
  });

  test('a currency that is switched off is no asset, and cannot be priced', async (context) => {
    const off = CURRENCIES_ANSWER.replace('"status": true', '"status": false');
    const { provider } = await connect(context, () => ({ body: off }));
    assert.deepEqual(known(await provider.assets?.('default', call())), []);
    assert.match(String(await provider.quote?.('default', question(), call())), /at the moment/);
  });

  test('a price is the amount with the fee on top, exactly', async (context) => {
    const { provider } = await connect(context, () => ({ body: CURRENCIES_ANSWER }));
    assert.deepEqual(known(await provider.quote?.('default', question(), call())), {
      debit: { amount: '127', currency: 'USDT' },
      fees: [{ amount: '1.5', currency: 'USDT', kind: 'PROVIDER' }],
      receive: { amount: '125.5', currency: 'USDT' },
      rate: null,
      firmness: 'INDICATIVE',
      expiresAt: null,
    });
  });

  test('what cannot be priced is said in one line', async (context) => {
    const { provider, seen } = await connect(context, () => ({ body: CURRENCIES_SAMPLE }));
    const lineOf = async (parts: Partial<QuoteRequest>) => {
      const answer = await provider.quote?.('default', question(parts), call());
      return typeof answer === 'string' ? answer : JSON.stringify(answer);
    };
    assert.match(await lineOf({ feeMode: 'DEDUCT' }), /fee on top/);
    assert.match(await lineOf({ channel: 'c' }), /no payment channels/);
    assert.match(await lineOf({ sourceCurrency: 'BTC' }), /does not convert/);
    assert.match(await lineOf({ receiveCurrency: 'BTC' }), /does not convert/);
    assert.match(await lineOf({ network: null }), /name one of TRON, ETHEREUM/);
    assert.match(await lineOf({ network: 'BITCOIN' }), /USDT on BITCOIN/);
    assert.match(await lineOf({ amount: { amount: dec('1'), currency: 'EUR' } }), /does not pay EUR/);
    assert.match(await lineOf({ amount: { amount: dec('0.000000001'), currency: 'USDT' } }), /8 decimal places/);
    assert.equal(seen.length, 0);
    const bitcoin = (amount: string) => ({ amount: { amount: dec(amount), currency: 'BTC' }, network: null });
    assert.match(await lineOf(bitcoin('0.00004499')), /no less than 0.000045 BTC on BITCOIN/);
    assert.match(await lineOf(bitcoin('0.000045')), /"debit":\{"amount":"0.000155"/);
  });

  const odd: readonly [string, Reply, object][] = [
    [
      'a refusal in the envelope is one, whatever the wire says',
      { body: envelope(401, { type: 'invalid_api_key', key: '', message: 'No.' }) },
      { kind: 'rejected', vendorCode: 'invalid_api_key', vendorMessage: 'No.' },
    ],
    ['a refusal without a type', { status: 403, body: envelope(403) }, { kind: 'rejected', vendorCode: '403' }],
    [
      'the rate limit passes',
      { status: 429, headers: { 'retry-after': '7' }, body: envelope(429) },
      { kind: 'unavailable', retryAfterMs: 7000 },
    ],
    ['a 500 on the wire', { status: 500, body: envelope(400) }, { kind: 'unavailable' }],
    ['a 503 in the envelope', { body: envelope(503) }, { kind: 'unavailable' }],
    ['no envelope', { body: '<html>' }, { kind: 'unavailable' }],
    ['an empty answer', { body: '' }, { kind: 'unavailable' }],
    ['data that does not decode', { body: '{"data":{"USDT":true},"status":200}' }, { kind: 'unavailable' }],
  ];
  for (const [title, reply, expected] of odd) {
    test(`of a question, ${title}`, async (context) => {
      const { provider } = await connect(context, () => reply);
      assert.partialDeepStrictEqual(await provider.balances?.('default', call()), expected);
      assert.partialDeepStrictEqual(await provider.assets?.('default', call()), expected);
      assert.partialDeepStrictEqual(await provider.quote?.('default', question(), call()), expected);
    });
  }

  test('a provider that cannot be reached is unavailable', async (context) => {
    const provider = open('http://127.0.0.1:1/v1');
    context.after(() => provider.close());
    assert.partialDeepStrictEqual(await provider.balances?.('default', call()), { kind: 'unavailable' });
    assert.partialDeepStrictEqual(await provider.quote?.('default', question(), call()), { kind: 'unavailable' });
  });
});

const quiet: Log = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: (fields, message) => assert.fail(`${message}: ${JSON.stringify(fields)}`),
  child: () => quiet,
};

/** The stand-in and the connector of its account. */
async function standIn(context: TestContext) {
  const clock = createManualClock();
  const sandbox = await openSandbox({ clock, ids: createIds(clock), log: quiet, port: 0, dir: null, sides: [side] });
  const transport = createTransport(clock.now);
  const { baseUrl = '', generalKey = '', ...values } = sandbox.credentials('oxapay');
  const account = { name: 'default', enabled: true, callbackUrl: null, values: { baseUrl, generalKey, ...values } };
  const provider = definition.open([account], transport, clock.now);
  const line = transport.open({ baseUrl });
  context.after(async () => {
    await Promise.all([provider.close(), line.close()]);
    await sandbox.close();
  });
  return { provider, sandbox, clock, seat: { line, generalKey } };
}

describe('OxaPay and its stand-in', () => {
  test('its sample is supported, is paid, and costs what was quoted', async (context) => {
    const { provider, sandbox, clock } = await standIn(context);
    const { order, parties } = side.sample(dec('12.5'));
    assert.equal(provider.supports(order, parties, 'default'), true);
    const { amount, feeMode, destination, sourceCurrency, receiveCurrency } = order;
    const asked = { amount, feeMode, network: destination.network, channel: null, sourceCurrency, receiveCurrency };
    const price = known(await provider.quote?.('default', asked, call()));

    const prepared = await provider.prepare('default', order, parties, 'A1', call());
    assert.ok(prepared.kind === 'body');
    const attempt: AttemptRef = { ...attemptOf(), orderNumber: 'A1', order, firstSentAt: clock.now() };
    const outcome = await provider.submit(attempt, prepared.body, call());
    assert.ok(outcome.kind === 'accepted' && outcome.report !== null);
    const found = await provider.lookup(attempt, call());
    assert.ok(found.kind === 'found');
    assert.equal(found.report.providerReference, outcome.report.providerReference);
    assert.deepEqual(found.report.allows, []);
    assert.ok(equalDecimals(found.report.debits[0]?.amount ?? dec('0'), price.debit.amount));
    assert.deepEqual(sandbox.books()[0]?.debit, price.debit);
    await clock.advance(60_000);
    const paid = await provider.lookup({ ...attempt, providerReference: found.report.providerReference }, call());
    assert.ok(paid.kind === 'found');
    assert.equal(paid.report.state, 'COMPLETED');
    const balances = known(await provider.balances?.('default', call()));
    assert.equal(balances.find(({ currency }) => currency === 'USDT')?.available, '999986.0000000000');
  });

  test('every known asset is offered there and is priced as it says', async (context) => {
    const { provider } = await standIn(context);
    const assets = known(await provider.assets?.('default', call()));
    assert.deepEqual(
      assets.map(({ currency, network }) => `${currency} ${network}`),
      provider.knownAssets.map(({ currency, network }) => `${currency} ${network}`),
    );
    for (const { currency, network, fee } of assets) {
      const parts = { amount: { amount: dec('1'), currency }, network };
      const price = known(await provider.quote?.('default', question(parts), call()));
      assert.deepEqual(
        price.fees.map(({ amount }) => amount),
        [fee],
        currency,
      );
    }
  });

  test('prices, fiats, networks and the system status are told to everyone', async (context) => {
    const { seat } = await standIn(context);
    const stranger = { ...seat, generalKey: '' };
    assert.equal(known(await ask(stranger, ENDPOINTS.prices, {}, call())).get('BTC'), '94763.06');
    assert.equal(known(await ask(stranger, ENDPOINTS.fiats, {}, call())).get('CHF')?.price, '1.09690497');
    const names = known(await ask(stranger, ENDPOINTS.networks, {}, call()));
    assert.deepEqual(
      names.map(parseNetwork),
      NETWORKS.map(({ code }) => code),
    );
    assert.equal(known(await ask(stranger, ENDPOINTS.monitor, {}, call())), true);
  });

  test('a swap is told as it was calculated, at the rate of its pair', async (context) => {
    const { seat } = await standIn(context);
    const pair = { fromCurrency: 'BTC', toCurrency: 'USDT' };
    const pairs = known(await ask(seat, ENDPOINTS.swapPairs, {}, call()));
    assert.ok(pairs.some(({ fromCurrency, toCurrency }) => fromCurrency === 'USDT' && toCurrency === 'LTC'));
    const rate = known(await ask(seat, ENDPOINTS.swapRate, { body: encodeSwap(pair) }, call()));
    assert.equal(rate, '94763.06');
    const body = encodeSwap(pair, dec('0.02'));
    const price = known(await ask(seat, ENDPOINTS.swapCalculate, { body }, call()));
    assert.deepEqual(price, { amount: '0.02', toAmount: '1895.2612', rate });
    const swap = known(await ask(seat, ENDPOINTS.swap, { body }, call()));
    assert.deepEqual([swap.fromAmount, swap.toAmount, swap.rate], [price.amount, price.toAmount, rate]);
  });

  test('a swap of no pair, or of too little, is refused', async (context) => {
    const { seat } = await standIn(context);
    const refusalOf = async (from: string, to: string, amount: string) => {
      const body = encodeSwap({ fromCurrency: from, toCurrency: to }, dec(amount));
      const outcome = await ask(seat, ENDPOINTS.swap, { body }, call());
      return outcome.kind === 'rejected' ? outcome.vendorMessage : outcome;
    };
    assert.match(String(await refusalOf('BTC', 'LTC', '1')), /to_currency/);
    assert.match(String(await refusalOf('EUR', 'USDT', '1')), /from_currency/);
    assert.match(String(await refusalOf('BTC', 'USDT', '0.00000001')), /minimum/);
  });

  test('the history of swaps is filtered and sorted', async (context) => {
    const { seat } = await standIn(context);
    const idsOf = async (query: Record<string, string>) =>
      known(await ask(seat, ENDPOINTS.swapHistory, { query }, call())).map(({ trackId }) => trackId);
    assert.deepEqual(await idsOf({}), ['150000003', '150000002', '150000001']);
    assert.deepEqual(await idsOf({ type: 'autoConvert' }), ['150000002']);
    assert.deepEqual(await idsOf({ from_currency: 'usdt' }), ['150000003']);
    assert.deepEqual(await idsOf({ sort_type: 'asc', size: '1', page: '2' }), ['150000002']);
    assert.deepEqual(await idsOf({ from_date: '1736553600', sort_by: 'amount' }), ['150000002', '150000003']);
    const outcome = await ask(seat, ENDPOINTS.swapHistory, { query: { size: '201' } }, call());
    assert.equal(outcome.kind, 'rejected');
  });

  test('a wrong general key opens nothing', async (context) => {
    const { seat } = await standIn(context);
    const outcome = await ask({ ...seat, generalKey: 'another' }, ENDPOINTS.balance, {}, call());
    assert.partialDeepStrictEqual(outcome, { kind: 'rejected', vendorCode: 'invalid_api_key' });
  });
});
