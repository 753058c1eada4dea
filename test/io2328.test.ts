import assert from 'node:assert/strict';
import { createSecretKey } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { addDecimals, type Decimal, equalDecimals, multiplyDecimals, parseDecimal } from '../src/domain/money.ts';
import type { BlockchainDestination, Order } from '../src/domain/payout.ts';
import {
  type AttemptRef,
  abilitiesOf,
  type Provider,
  type QuoteRequest,
  type ReadOutcome,
  type SendOutcome,
  type StatusReport,
} from '../src/domain/provider.ts';
import * as fixtures from '../src/providers/io2328/fixtures.ts';
import { definition } from '../src/providers/io2328/index.ts';
import { readRates } from '../src/providers/io2328/market.ts';
import { CURRENCIES, NETWORKS } from '../src/providers/io2328/networks.ts';
import { sandbox as side } from '../src/providers/io2328/sandbox.ts';
import * as wire from '../src/providers/io2328/wire.ts';
import { createIds } from '../src/runtime.ts';
import { openSandbox } from '../src/sandbox.ts';
import { type Answered, createTransport } from '../src/transport.ts';
import { createManualClock } from './support/clock.ts';
import { silentLog } from './support/log.ts';

const AT = new Date('2026-05-02T20:29:50Z');
const KEY = fixtures.PAYOUT_KEY;
const UUID = '019dea62-1727-72aa-ac2c-eaf2ade193ef';
const CALLBACK = 'https://your-site.com/webhook/payout';

function decimal(text: string): Decimal {
  const value = parseDecimal(text);
  assert.ok(value !== null, `${text} is no decimal`);
  return value;
}

/** The order of the recorded create, with the given parts replaced. */
function orderOf(
  parts: Partial<Omit<Order, 'amount'>> & {
    amount?: string;
    currency?: string;
    to?: Partial<BlockchainDestination>;
  } = {},
): Order {
  const { amount = '1.00', currency = 'TRX', to = {}, ...rest } = parts;
  return {
    amount: { amount: decimal(amount), currency },
    feeMode: 'DEDUCT',
    destination: {
      kind: 'blockchain',
      address: 'TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t',
      network: 'TRON',
      memo: null,
      ...to,
    },
    sourceCurrency: null,
    receiveCurrency: null,
    purpose: null,
    relationship: null,
    sourceOfFunds: null,
    fundingAddress: null,
    description: null,
    ...rest,
  };
}

function answered(status: number, body: string, headers: Record<string, string> = {}): Answered {
  return { kind: 'answered', status, headers, body, startedAt: AT, endedAt: AT };
}

/** The recorded create answer with members of its result replaced; `undefined` leaves one out. */
function createAnswer(members: object = {}): string {
  return JSON.stringify({ state: 0, result: { ...JSON.parse(fixtures.CREATE.answer).result, ...members } });
}

function accepted(body: string): StatusReport {
  const outcome = wire.readCreate(answered(200, body));
  assert.ok(outcome?.kind === 'accepted' && outcome.report !== null);
  return outcome.report;
}

function refusal(message: string, errors: object = {}): string {
  return JSON.stringify({ state: 1, message, errors });
}

// --- signing and encoding ---

for (const vector of fixtures.SIGNATURES) {
  test(`the recorded signature of ${vector.name} comes out again`, () => {
    if (vector.base64 !== null) assert.equal(Buffer.from(vector.body, 'utf8').toString('base64'), vector.base64);
    assert.equal(wire.sign(vector.body, vector.key), vector.sign);
    assert.equal(wire.sign(Buffer.from(vector.body, 'utf8'), vector.key), vector.sign);
  });
}

test('the recorded create is encoded byte for byte', () => {
  const body = wire.encodeCreate(orderOf(), '9ed25264-8be4-439f-acf5-2a8732538d27', CALLBACK);
  assert.equal(body, fixtures.CREATE.request);
});

test('the recorded calculation is encoded byte for byte', () => {
  const request = { ...orderOf({ amount: '100', currency: 'USDT', feeMode: 'ADD' }), network: 'TRON' };
  assert.equal(wire.encodeCalc(request), fixtures.CALC.request);
});

test('without a callback URL its field is left out, and a conversion stands before the fee option', () => {
  const order = orderOf({
    feeMode: 'ADD',
    sourceCurrency: 'USDT',
    currency: 'TON',
    to: { network: 'TON', memo: 'a/б' },
  });
  assert.equal(
    wire.encodeCreate(order, 'N1', null),
    '{"currency":"TON","network":"TON","amount":"1.00","to_address":"TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t","order_id":"N1","memo":"a/б","from_currency":"USDT","fee_option":"add"}',
  );
});

test('a source currency that is the payout’s own asks for no conversion', () => {
  const body = wire.encodeCreate(orderOf({ sourceCurrency: 'TRX' }), 'N1', null);
  assert.equal('from_currency' in JSON.parse(body), false);
});

test('amounts leave as they came, never with an exponent, and trailing zeros do not break the limit of places', () => {
  const amountOf = (amount: string) => JSON.parse(wire.encodeCreate(orderOf({ amount }), 'N1', null)).amount;
  assert.equal(amountOf('1.00'), '1.00');
  assert.equal(amountOf('0.00000001'), '0.00000001');
  assert.equal(amountOf('123456789012345678901.5'), '123456789012345678901.5');
  assert.equal(amountOf('1.500000000000'), '1.5');
});

// --- reports ---

test('the recorded create answer is an accepted payout that is under way', () => {
  assert.deepEqual(wire.readCreate(answered(200, fixtures.CREATE.answer)), {
    kind: 'accepted',
    report: {
      askedAt: AT,
      state: 'PROCESSING',
      vendorStatus: 'pending',
      vendorMessage: null,
      providerReference: UUID,
      transactionHash: null,
      fees: [{ kind: 'PROVIDER', amount: '0.11', currency: 'TRX' }],
      debits: [{ amount: '1', currency: 'TRX' }],
      received: { amount: '0.89', currency: 'TRX' },
      moneyMoved: 'YES',
      failure: null,
      allows: [],
      echo: {
        amount: '1.00',
        currency: 'TRX',
        network: 'TRON',
        address: 'TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t',
        orderNumber: '9ed25264-8be4-439f-acf5-2a8732538d27',
      },
      rivals: [],
    },
  });
});

test('the recorded status is a completed payout, debited in the currency that was converted', () => {
  const outcome = wire.readStatus(answered(200, fixtures.STATUS.answer), '019dff1f-0dbd-7277-8d45-271e7775388f');
  assert.equal(outcome.kind, 'found');
  const { report } = outcome;
  assert.equal(report.state, 'COMPLETED');
  assert.equal(report.transactionHash, '9242e533703704ef3eaba840f70b4a26333e72c943377ee375fea17badb53def');
  assert.deepEqual(report.debits, [{ amount: '1.050735', currency: 'USDT' }]);
  assert.deepEqual(report.received, { amount: '3.00', currency: 'TRX' });
  assert.deepEqual(report.fees, []);
});

test('the recorded calculation and balances are read exactly', () => {
  assert.deepEqual(wire.decodeCalc(fixtures.CALC.answer), {
    currency: 'USDT',
    network: 'TRX-TRC20',
    amount: '100',
    feeMode: 'ADD',
    charged: '103.00000000',
    received: '100',
    converted: null,
  });
  assert.deepEqual(wire.decodeBalances(fixtures.BALANCE.answer), [
    { currency: 'USDT', available: '1250.50', locked: '0.00' },
  ]);
  assert.equal(wire.decodeCalc(fixtures.REFUSAL), null);
  assert.equal(wire.decodeBalances('[]'), null);
});

test('a balance that is disabled is none of ours to pay from', () => {
  assert.deepEqual(wire.decodeBalances(fixtures.BALANCE.answer.replace('active', 'disabled')), []);
});

test('the recorded rates are read exactly, and one odd rate spoils them', () => {
  const rates = wire.decodeRates(fixtures.RATES.answer);
  assert.equal(rates?.get('BTC')?.get('ETH'), '29.02345678');
  assert.equal(rates?.get('USD')?.get('RUB'), '78.32190000');
  assert.equal(rates?.get('ETH'), undefined);
  assert.equal(wire.decodeRates(fixtures.RATES.answer.replace('78.32190000', '-1')), null);
  assert.equal(wire.decodeRates(fixtures.REFUSAL), null);
});

test('a direction is an asset of ours with its bounds and its fixed fee', () => {
  const asset = {
    currency: 'USDT',
    network: 'TRON',
    minAmount: '1.50',
    maxAmount: '100000',
    feeModes: ['ADD', 'DEDUCT'],
  };
  const read = (from: string, to: string) => wire.decodeDirections(fixtures.DIRECTIONS.answer.replace(from, to));
  assert.deepEqual(read('', ''), [{ ...asset, fee: '3' }]);
  assert.deepEqual(read('"fixed"', '"percent"'), [{ ...asset, fee: null }]);
  assert.deepEqual(read('"1.50"', 'null'), [{ ...asset, minAmount: null, fee: '3' }]);
  assert.deepEqual(read('"withdrawal_status": "active"', '"withdrawal_status": "disabled"'), []);
  assert.deepEqual(read('"deposit_status": "active"', '"deposit_status": "disabled"'), [{ ...asset, fee: '3' }]);
  assert.deepEqual(read('TRX-TRC20', 'XRP'), []);
  assert.deepEqual(read('"USDT"', '"USDC"'), []);
  assert.equal(read('"network_code"', '"code"'), null);
});

test('each word of the provider is one state of ours, and an unknown word is no guess', () => {
  const stateOf = (members: object) => {
    const { state, moneyMoved, vendorStatus } = accepted(createAnswer(members));
    return [state, moneyMoved, vendorStatus];
  };
  assert.deepEqual(stateOf({ status: 'pending' }), ['PROCESSING', 'YES', 'pending']);
  assert.deepEqual(stateOf({ status: 'pending', txid: 'ab' }), ['PROCESSING', 'YES', 'pending']);
  assert.deepEqual(stateOf({ status: 'completed' }), ['COMPLETED', 'YES', 'completed']);
  assert.deepEqual(stateOf({ status: 'failed' }), ['FAILED', 'NO', 'failed']);
  assert.deepEqual(stateOf({ status: 'cancelled' }), ['CANCELLED', 'NO', 'cancelled']);
  assert.deepEqual(stateOf({ status: 'Completed' }), [null, 'UNKNOWN', 'Completed']);
  assert.deepEqual(stateOf({ status: 'constructor' }), [null, 'UNKNOWN', 'constructor']);
});

test('a failed payout says why, and shows no figures of money that did not go', () => {
  const report = accepted(createAnswer({ status: 'failed', error_type: 'aml_risk' }));
  assert.equal(report.failure?.code, 'COMPLIANCE');
  assert.equal(report.failure?.vendorCode, 'aml_risk');
  assert.equal(report.failure?.retryable, false);
  assert.deepEqual([report.fees, report.debits, report.received], [[], [], null]);
  assert.equal(accepted(createAnswer({ status: 'failed', error_type: 'other' })).failure?.code, 'OTHER');
  assert.equal(accepted(createAnswer({ status: 'failed', error_type: null })).failure?.vendorCode, null);
  assert.equal(accepted(createAnswer({ status: 'completed', error_type: null })).failure, null);
});

test('absent and null members mean the same, more members do no harm, and numbers are read exactly', () => {
  const absent = { memo: undefined, txid: undefined, error_type: undefined, debited_amount: undefined };
  assert.deepEqual(
    accepted(createAnswer({ ...absent, novelty: [1] })),
    accepted(createAnswer({ debited_currency: null })),
  );
  const numbers = createAnswer()
    .replace('"amount":"1.00"', '"amount":1e-8')
    .replace('"network_amount":"0.89"', '"network_amount":0.10');
  assert.equal(accepted(numbers).echo.amount, '0.00000001');
  assert.equal(accepted(numbers).received?.amount, '0.10');
});

test('a figure that cannot be read is left out; the status beside it stands', () => {
  const report = accepted(createAnswer({ merchant_amount: '-1', network_amount: '1,5' }));
  assert.equal(report.state, 'PROCESSING');
  assert.deepEqual([report.fees, report.debits, report.received], [[], [], null]);
});

test('a conversion whose debit is not known yet names no debit in the wrong currency', () => {
  assert.deepEqual(accepted(createAnswer({ from_currency: 'USDT', debited_amount: null })).debits, []);
});

test('an echo that differs is kept as it came, for the core to compare', () => {
  const { echo } = accepted(createAnswer({ order_id: 'other', network: 'XRP', to_address: 'elsewhere' }));
  assert.deepEqual([echo.orderNumber, echo.network, echo.address], ['other', 'XRP', 'elsewhere']);
  assert.equal('orderNumber' in accepted(createAnswer({ order_id: null })).echo, false);
});

// --- refusals ---

test('only the listed refusals are rejections', () => {
  const codeOf = (body: string) => {
    const outcome = wire.readCreate(answered(422, body));
    return outcome?.kind === 'rejected' ? outcome.failure.code : outcome;
  };
  assert.equal(codeOf(fixtures.REFUSAL), 'INSUFFICIENT_FUNDS');
  assert.equal(codeOf(refusal('balance is INSUFFICIENT')), 'INSUFFICIENT_FUNDS');
  assert.equal(codeOf(refusal('Amount is too small')), 'AMOUNT_OUT_OF_RANGE');
  assert.equal(codeOf(refusal('Validation error', { to_address: ['bad'] })), 'INVALID_DESTINATION');
  assert.equal(codeOf(refusal('Validation error', { amount: ['bad'] })), 'AMOUNT_OUT_OF_RANGE');
  assert.equal(codeOf(refusal('Validation error', { memo: ['bad'] })), 'PROVIDER_REFUSED');
  assert.equal(codeOf('{"state":1,"message":"Validation error","errors":[]}'), 'PROVIDER_REFUSED');
  assert.equal(codeOf(refusal('Something else')), null);
  assert.equal(codeOf('{"state":1}'), null);
  assert.equal(codeOf('{"message":"Validation error"}'), null);
  assert.equal(codeOf('<html>Validation error</html>'), null);
});

test('a rejection carries the provider’s own words', () => {
  const outcome = wire.readCreate(answered(422, fixtures.REFUSAL));
  assert.equal(outcome?.kind, 'rejected');
  assert.equal(outcome.failure.vendorCode, '422');
  assert.equal(outcome.failure.vendorMessage, 'Insufficient balance');
  assert.equal(outcome.failure.retryable, true);
});

test('a complaint about our order number may mean that the payout exists, so it is no rejection', () => {
  assert.equal(wire.readCreate(answered(422, refusal('Validation error', { order_id: ['taken'] }))), null);
});

test('nothing else says anything certain of a create', () => {
  for (const [status, body] of [
    [200, ''],
    [200, 'not json'],
    [200, '{"state":0}'],
    [200, refusal('Insufficient balance')],
    [200, createAnswer({ uuid: undefined })],
    [200, createAnswer({ status: undefined })],
    [200, createAnswer({ amount: 'much' })],
    [302, ''],
    [400, refusal('Validation error', { amount: ['bad'] })],
    [404, refusal('Payout not found')],
    [422, createAnswer()],
  ] as const) {
    assert.equal(wire.readCreate(answered(status, body)), null, `${status} ${body}`);
  }
});

// --- supports ---

const provider = open('http://127.0.0.1:1');
const NOBODY = { originator: null, beneficiary: null, accountNumber: null };

function supports(order: Order): true | string {
  return provider.supports(order, NOBODY, 'default');
}

function open(baseUrl: string, apiKey = fixtures.API_KEY): Provider {
  const values = { baseUrl, project: 'project-1', payoutKey: KEY, apiKey };
  return definition.open(
    [{ name: 'default', enabled: true, callbackUrl: CALLBACK, values }],
    createTransport(() => AT),
    () => AT,
  );
}

test('every currency is supported on each of its networks and on no other', () => {
  for (const currency of CURRENCIES) {
    for (const { network, currencies } of NETWORKS) {
      const known = currencies.some((each) => each === currency);
      assert.equal(supports(orderOf({ currency, to: { network } })) === true, known, `${currency} ${network}`);
    }
  }
});

test('what 2328.io cannot do is refused with one line that says so', () => {
  const channel: Order = { ...orderOf(), destination: { kind: 'channel', channel: 'x', account: 'y', network: null } };
  assert.match(String(supports(channel)), /blockchain/);
  assert.match(String(supports(orderOf({ currency: 'XRP' }))), /XRP on TRON/);
  assert.match(String(supports(orderOf({ to: { memo: 'm' } }))), /memo on TON and SOLANA only/);
  const long = { network: 'TON', memo: 'é'.repeat(256) };
  assert.match(String(supports(orderOf({ currency: 'TON', to: long }))), /255 characters/);
  assert.match(String(supports(orderOf({ amount: '0.000000001' }))), /8 decimal places/);
  assert.match(String(supports(orderOf({ sourceCurrency: 'EUR' }))), /no EUR/);
  assert.match(String(supports(orderOf({ receiveCurrency: 'BTC' }))), /converts what it debits/);
  assert.match(String(supports(orderOf({ fundingAddress: 'T' }))), /own balances/);
  const bank = { kind: 'bank', accountType: 'BANK', lastFour: '1234', network: null } as const;
  assert.match(String(supports({ ...orderOf(), destination: bank })), /blockchain/);
});

test('both fee modes, a memo of 255 characters on TON and SOLANA, 8 places and a conversion are supported', () => {
  for (const network of ['TON', 'SOLANA']) {
    const to = { network, memo: '😀'.repeat(255) };
    const order = orderOf({ currency: 'USDT', feeMode: 'ADD', amount: '0.12345678', sourceCurrency: 'BTC', to });
    assert.equal(supports(order), true);
  }
  assert.equal(supports(orderOf({ amount: '1.0000000000' })), true);
  assert.equal(supports(orderOf({ purpose: 'Salary', relationship: 'Self', sourceOfFunds: 'Savings' })), true);
});

// --- webhooks ---

/** The recorded webhook's members and a signature by `key`, with the `sign` member at the given place. */
function webhook(place: 'first' | 'middle' | 'last', key = KEY): string {
  const member = `"sign":"${wire.sign(fixtures.WEBHOOK.signed, key)}"`;
  if (place === 'first') return fixtures.WEBHOOK.signed.replace('{', `{${member},`);
  if (place === 'last') return fixtures.WEBHOOK.signed.replace(/}$/, `,${member}}`);
  return fixtures.WEBHOOK.signed.replace('"memo"', `${member},"memo"`);
}

function receive(body: string | Buffer) {
  return provider.readWebhook({ headers: {}, body: Buffer.from(body) }, 'default');
}

test('the recorded webhook is verified, and names the payout by both numbers', () => {
  const outcome = receive(fixtures.WEBHOOK.body);
  assert.equal(outcome.kind, 'verified');
  assert.deepEqual(outcome.order, {
    orderNumber: '4dfdcc84402b1185b71cbe399321533e',
    providerReference: '019dff1f-0dbd-7277-8d45-271e7775388f',
  });
  assert.equal(outcome.reply.status, 200);
  assert.equal(outcome.report.askedAt, null);
  assert.equal(outcome.report.state, 'COMPLETED');
});

test('the signature may stand anywhere in the webhook', () => {
  assert.equal(webhook('last'), fixtures.WEBHOOK.body);
  for (const place of ['first', 'middle', 'last'] as const) {
    assert.equal(receive(webhook(place)).kind, 'verified', place);
  }
});

test('a webhook that comes again is verified again, with the same report', () => {
  assert.deepEqual(receive(fixtures.WEBHOOK.body), receive(fixtures.WEBHOOK.body));
});

test('a webhook is verified over its bytes, whatever letters, escapes and nesting they hold', () => {
  const nested = `"note":"\\"sign\\":\\"${'0'.repeat(64)}\\",","inner":{"sign":"${'1'.repeat(64)}"},"list":["sign",{}],"мемо":"\\u0041/€"`;
  const signed = fixtures.WEBHOOK.signed.replace(/}$/, `,${nested}}`);
  const body = signed.replace('"status"', `"sign":"${wire.sign(signed, KEY)}","status"`);
  assert.equal(receive(body).kind, 'verified');
});

test('a webhook that is not signed by our key over these very bytes is refused', () => {
  const sound = fixtures.WEBHOOK.body;
  const twice = sound.replace('{', `{"sign":"${wire.sign(sound, KEY)}",`);
  const disguised = sound.replace('{', '{"s\\u0069gn" :"x",');
  const bodies: Record<string, string | Buffer> = {
    'another key': webhook('last', fixtures.API_KEY),
    'a changed amount': sound.replace('"amount":"3.00"', '"amount":"3.01"'),
    'a changed byte of the signature': sound.replace(/.(?="}$)/, (digit) => (digit === '0' ? '1' : '0')),
    'white space added': sound.replace('{', '{ '),
    'no signature': fixtures.WEBHOOK.signed,
    'a nested signature only': fixtures.WEBHOOK.signed.replace('{', `{"inner":{"sign":"${'0'.repeat(64)}"},`),
    'two signatures': twice,
    'a second signature in disguise': disguised,
    'a short signature': sound.replace(/"[0-9a-f]{64}"}$/, '"00"}'),
    'a signature alone': `{"sign":"${wire.sign('{}', KEY)}"}`,
    'no JSON': 'sign=1',
    'no object': `["sign","${'0'.repeat(64)}"]`,
    'half a body': sound.slice(0, -1),
    nothing: '',
    'random bytes': Buffer.from([0xff, 0x00, 0x7b, 0x22]),
  };
  for (const [name, body] of Object.entries(bodies)) assert.equal(receive(body).kind, 'refused', name);
});

test('a payment webhook is refused even when the payout key signed it', () => {
  const signed = fixtures.WEBHOOK.signed.replace('{', '{"payment_status":"paid",');
  const outcome = receive(signed.replace(/}$/, `,"sign":"${wire.sign(signed, KEY)}"}`));
  assert.equal(outcome.kind, 'refused');
  assert.match(outcome.reason, /payment/);
});

test('a webhook for an account that is not configured is refused', () => {
  const raw = { headers: {}, body: Buffer.from(fixtures.WEBHOOK.body) };
  assert.equal(provider.readWebhook(raw, 'other').kind, 'refused');
});

// --- the connector, over HTTP ---

interface Recorded {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Opens the connector against a server that gives one answer to everything, uses it, and hands back what was asked. */
async function against<T>(
  reply: { status: number; body: string; headers?: Record<string, string> },
  use: (connector: Provider) => Promise<T>,
): Promise<{ outcome: T; requests: readonly Recorded[] }> {
  const requests: Recorded[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const { method, url, headers } = request;
    requests.push({ method, url, headers, body: Buffer.concat(chunks).toString('utf8') });
    response.writeHead(reply.status, reply.headers).end(reply.body);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const connector = open(`http://127.0.0.1:${port}/api`);
  try {
    return { outcome: await use(connector), requests };
  } finally {
    await connector.close();
    server.close();
    await once(server, 'close');
  }
}

function call() {
  return { sendBy: null, signal: new AbortController().signal };
}

function attemptOf(providerReference: string | null = null): AttemptRef {
  return {
    account: 'default',
    orderNumber: '9ed25264-8be4-439f-acf5-2a8732538d27',
    providerReference,
    order: orderOf(),
    firstSentAt: AT,
    storedBody: async () => null,
  };
}

async function submit(status: number, body: string, headers: Record<string, string> = {}): Promise<SendOutcome> {
  const { outcome } = await against({ status, body, headers }, (connector) =>
    connector.submit(attemptOf(), fixtures.CREATE.request, call()),
  );
  return outcome;
}

test('a submit sends the stored body byte for byte, signed, and reads the answer', async () => {
  const { outcome, requests } = await against({ status: 200, body: fixtures.CREATE.answer }, async (connector) => {
    const number = '9ed25264-8be4-439f-acf5-2a8732538d27';
    const prepared = await connector.prepare('default', orderOf(), NOBODY, number, call());
    assert.ok(prepared.kind === 'body');
    return connector.submit(attemptOf(), prepared.body, call());
  });
  assert.equal(outcome.kind, 'accepted');
  assert.equal(outcome.report?.providerReference, UUID);
  assert.equal(requests.length, 1);
  const [request] = requests;
  assert.equal(`${request?.method} ${request?.url}`, 'POST /api/v1/payout');
  assert.equal(request?.body, fixtures.CREATE.request);
  assert.equal(request?.headers['content-type'], 'application/json');
  assert.equal(request?.headers.project, 'project-1');
  assert.equal(request?.headers.sign, fixtures.SIGNATURES.find((each) => each.name === 'create')?.sign);
  assert.match(request?.headers['user-agent'] ?? '', /^Outflow\/[0-9]/);
});

test('an answer that says nothing certain leaves a submit unknown', async () => {
  for (const [status, body] of [
    [200, '<html>'],
    [200, ''],
    [200, '{"state":1,"message":"Insufficient balance"}'],
    [401, '<html>a gateway</html>'],
    [403, ''],
    [404, ''],
    [408, fixtures.REFUSAL],
    [500, fixtures.REFUSAL],
    [503, fixtures.CREATE.answer],
  ] as const) {
    assert.equal((await submit(status, body)).kind, 'unknown', `${status} ${body}`);
  }
});

test('a refused key and the rate limit are no refusals of the payout', async () => {
  const notTaken = async (status: number, body: string, headers?: Record<string, string>) => {
    const outcome = await submit(status, body, headers);
    assert.equal(outcome.kind, 'notTaken');
    return [outcome.reason, outcome.retryAfterMs];
  };
  assert.deepEqual(await notTaken(401, refusal('Invalid signature')), ['CREDENTIALS', null]);
  assert.deepEqual(await notTaken(403, refusal('User-Agent required')), ['CREDENTIALS', null]);
  assert.deepEqual(await notTaken(429, 'slow down', { 'Retry-After': '7' }), ['RATE_LIMITED', 7000]);
  assert.deepEqual(await notTaken(429, ''), ['RATE_LIMITED', null]);
});

test('a listed refusal rejects the payout', async () => {
  const outcome = await submit(422, fixtures.REFUSAL);
  assert.equal(outcome.kind, 'rejected');
  assert.equal(outcome.failure.code, 'INSUFFICIENT_FUNDS');
});

test('a submit to nobody never left', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  const connector = open(`http://127.0.0.1:${port}`);
  const outcome = await connector.submit(attemptOf(), fixtures.CREATE.request, call());
  await connector.close();
  assert.equal(outcome.kind, 'notTaken');
  assert.equal(outcome.reason, 'NEVER_LEFT');
});

test('a look-up asks for the provider’s number with the signature of the empty body', async () => {
  const { outcome, requests } = await against({ status: 200, body: fixtures.CREATE.answer }, (connector) =>
    connector.lookup(attemptOf(UUID), call()),
  );
  assert.equal(outcome.kind, 'found');
  assert.equal(outcome.report.vendorStatus, 'pending');
  assert.ok(outcome.report.askedAt instanceof Date);
  const [request] = requests;
  assert.equal(`${request?.method} ${request?.url} ${request?.body}`, `GET /api/v1/payout/status/${UUID} `);
  assert.equal(request?.headers.sign, fixtures.SIGNATURES.find((each) => each.name === 'a payout GET')?.sign);
  assert.match(request?.headers['user-agent'] ?? '', /^Outflow\//);
});

test('a look-up says absent only where the provider itself says so, and is unavailable otherwise', async () => {
  const lookup = async (status: number, body: string, headers: Record<string, string> = {}) =>
    (await against({ status, body, headers }, (connector) => connector.lookup(attemptOf(UUID), call()))).outcome;
  assert.deepEqual(await lookup(404, refusal('Payout not found')), { kind: 'absent' });
  for (const [status, body] of [
    [200, ''],
    [200, '<html>'],
    [200, refusal('Payout not found')],
    [200, fixtures.STATUS.answer],
    [401, refusal('Invalid signature')],
    [403, refusal('User-Agent required')],
    [404, '<html>no such page</html>'],
    [500, fixtures.CREATE.answer],
  ] as const) {
    assert.equal((await lookup(status, body)).kind, 'unavailable', `${status} ${body}`);
  }
  const limited = await lookup(429, '', { 'Retry-After': '3' });
  assert.equal(limited.kind === 'unavailable' && limited.retryAfterMs, 3000);
});

test('without the provider’s number nothing is asked, since 2328.io has no look-up by order number', async () => {
  const { outcome, requests } = await against({ status: 200, body: fixtures.CREATE.answer }, (connector) =>
    connector.lookup(attemptOf(null), call()),
  );
  assert.equal(outcome.kind, 'unavailable');
  assert.match(outcome.cause, /no look-up by order number/);
  assert.equal(requests.length, 0);
});

test('the account is known by its project, and a repeat returns the first for a day', () => {
  assert.deepEqual(provider.accounts, [{ name: 'default', enabled: true, fingerprint: 'project-1' }]);
  assert.equal(provider.onRepeat, 'returnsFirst');
  assert.equal(provider.repeatWindowMs, 86_400_000);
  assert.equal(provider.findsByOrderNumber, 'never');
  assert.equal(provider.absenceRule('default'), null);
});

test('it declares what it can do, and nothing that it cannot', () => {
  assert.deepEqual(abilitiesOf(provider).toSorted(), side.plays.toSorted());
  assert.equal(provider.nearestAmounts, undefined);
  assert.equal(provider.callsPerMinute, 600);
  for (const { currency, network } of provider.knownAssets) {
    assert.equal(supports(orderOf({ currency, to: { network: network ?? '' } })), true, `${currency} ${network}`);
  }
});

// --- balances, assets and prices ---

/** A question for the price of 100 USDT on TRON, the fee on top, with its parts replaced. */
function question(parts: Partial<QuoteRequest> = {}): QuoteRequest {
  return {
    amount: { amount: decimal('100'), currency: 'USDT' },
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

/** The recorded calculation with members of its result replaced. */
function calcAnswer(members: object): string {
  return JSON.stringify({ state: 0, result: { ...JSON.parse(fixtures.CALC.answer).result, ...members } });
}

test('balances and directions are asked for with the general key', async () => {
  const signature = fixtures.SIGNATURES.find((each) => each.name === 'a balance GET')?.sign;
  const balances = await against({ status: 200, body: fixtures.BALANCE.answer }, async (connector) =>
    known(await connector.balances?.('default', call())),
  );
  assert.deepEqual(balances.outcome, [{ currency: 'USDT', available: '1250.50', locked: '0.00' }]);
  const assets = await against({ status: 200, body: fixtures.DIRECTIONS.answer }, async (connector) =>
    known(await connector.assets?.('default', call())),
  );
  assert.equal(assets.outcome.length, 1);
  const requests = [...balances.requests, ...assets.requests];
  assert.deepEqual(
    requests.map(({ method, url }) => `${method} ${url}`),
    ['GET /api/v1/balance', 'GET /api/v1/directions'],
  );
  for (const { headers } of requests) {
    assert.deepEqual([headers.project, headers.sign], ['project-1', signature]);
    assert.match(headers['user-agent'] ?? '', /^Outflow\//);
  }
});

test('without a general key both are refused, and nothing is asked', async () => {
  const connector = open('http://127.0.0.1:1', '');
  const refused = { kind: 'rejected', vendorCode: null, vendorMessage: 'no general API key is configured' };
  assert.deepEqual(await connector.balances?.('default', call()), refused);
  assert.deepEqual(await connector.assets?.('default', call()), refused);
  await connector.close();
});

test('a price is that of the recorded calculation, signed as recorded, and it adds up exactly', async () => {
  const { outcome, requests } = await against({ status: 200, body: fixtures.CALC.answer }, (connector) =>
    Promise.resolve(connector.quote?.('default', question(), call())),
  );
  assert.deepEqual(known(outcome), {
    debit: { amount: '103.00000000', currency: 'USDT' },
    fees: [{ amount: '3', currency: 'USDT', kind: 'PROVIDER' }],
    receive: { amount: '100', currency: 'USDT' },
    rate: null,
    firmness: 'INDICATIVE',
    expiresAt: null,
  });
  const [request] = requests;
  assert.equal(`${request?.method} ${request?.url}`, 'POST /api/v1/payout/calc');
  assert.equal(request?.body, fixtures.CALC.request);
  assert.equal(request?.headers.sign, fixtures.SIGNATURES.find((each) => each.name === 'calc')?.sign);
});

/** Answers the calculation with one body and the rates with another. */
async function price(calc: string, request: QuoteRequest, rates = fixtures.RATES.answer) {
  const paths: string[] = [];
  const server = createServer((incoming, response) => {
    paths.push(`${incoming.url} ${incoming.headers.sign === undefined ? 'unsigned' : 'signed'}`);
    response.end(incoming.url?.endsWith('/calc') ? calc : rates);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const connector = open(`http://127.0.0.1:${port}/api`);
  try {
    return { outcome: await connector.quote?.('default', request, call()), paths };
  } finally {
    await connector.close();
    server.close();
    await once(server, 'close');
  }
}

test('a conversion is debited in the source, and its rate is what one debited unit is worth', async () => {
  const named = { from_currency: 'BTC', debited_amount: '0.00109', debited_currency: 'BTC' };
  const { outcome, paths } = await price(calcAnswer(named), question({ sourceCurrency: 'BTC' }));
  assert.deepEqual(known(outcome), {
    debit: { amount: '0.00109', currency: 'BTC' },
    fees: [{ amount: '3', currency: 'USDT', kind: 'PROVIDER' }],
    receive: { amount: '100', currency: 'USDT' },
    rate: '94495.412844036697',
    firmness: 'INDICATIVE',
    expiresAt: null,
  });
  assert.deepEqual(paths, ['/api/v1/payout/calc signed']);
});

test('a conversion that the calculation does not name is priced by the public rates, through USD', async () => {
  const { outcome, paths } = await price(fixtures.CALC.answer.replaceAll('USDT', 'BTC').replace('TRX-TRC20', 'BTC'), {
    ...question({ sourceCurrency: 'USDT', network: null }),
    amount: { amount: decimal('100'), currency: 'BTC' },
  });
  assert.deepEqual(known(outcome).debit, { amount: '9763029.07', currency: 'USDT' });
  assert.equal(known(outcome).rate, '0.000010550004');
  assert.deepEqual(paths, ['/api/v1/payout/calc signed', '/api/v1/exchange-rates unsigned']);
  const crossed = await price(fixtures.CALC.answer, question({ sourceCurrency: 'BTC' }), crossRates());
  assert.deepEqual(known(crossed.outcome).debit, { amount: '0.00108665', currency: 'BTC' });
});

/** USDT into BTC by way of USD alone. */
function crossRates(): string {
  return '{"state":0,"result":{"USDT":{"USD":"1.00000000"},"USD":{"BTC":"0.00001055"}}}';
}

test('a conversion without any rate cannot be priced, and is unavailable where rates cannot be read', async () => {
  const { outcome } = await price(fixtures.CALC.answer, question({ sourceCurrency: 'LTC' }));
  assert.equal(outcome, '2328.io names no rate from USDT to LTC.');
  const dead = await price(fixtures.CALC.answer, question({ sourceCurrency: 'BTC' }), '<html>');
  assert.partialDeepStrictEqual(dead.outcome, { kind: 'unavailable' });
});

test('a source that is the currency’s own is no conversion', async () => {
  const { outcome, paths } = await price(fixtures.CALC.answer, question({ sourceCurrency: 'USDT' }));
  assert.deepEqual([known(outcome).rate, paths.length], [null, 1]);
});

test('a price of something else, or one that does not add up, is none', async () => {
  for (const members of [
    { currency: 'USDC' },
    { network: 'TON' },
    { amount: '101' },
    { fee_option: 'deduct' },
    { network_amount: '99' },
    { merchant_amount: '99' },
    { merchant_amount: '-1' },
    { network_amount: undefined },
    { from_currency: 'BTC', debited_amount: '1', debited_currency: 'BTC' },
  ]) {
    const { outcome } = await price(calcAnswer(members), question());
    assert.partialDeepStrictEqual(outcome, { kind: 'unavailable' }, JSON.stringify(members));
  }
  const elsewhere = { from_currency: 'LTC', debited_amount: '1', debited_currency: 'LTC' };
  const { outcome } = await price(calcAnswer(elsewhere), question({ sourceCurrency: 'BTC' }));
  assert.partialDeepStrictEqual(outcome, { kind: 'unavailable' });
});

test('what cannot be priced is said in one line, and nothing is asked', async () => {
  const lineOf = async (parts: Partial<QuoteRequest>) => {
    const answer = await provider.quote?.('default', question(parts), call());
    return typeof answer === 'string' ? answer : JSON.stringify(answer);
  };
  assert.match(await lineOf({ channel: 'c' }), /no payment channels/);
  assert.match(await lineOf({ receiveCurrency: 'BTC' }), /converts what it debits/);
  assert.match(await lineOf({ sourceCurrency: 'EUR' }), /no EUR/);
  assert.match(await lineOf({ network: null }), /name one of TRON, ETHEREUM/);
  assert.match(await lineOf({ network: 'BITCOIN' }), /USDT on BITCOIN/);
  assert.match(await lineOf({ amount: { amount: decimal('1'), currency: 'EUR' } }), /does not pay EUR/);
  assert.match(await lineOf({ amount: { amount: decimal('0.000000001'), currency: 'USDT' } }), /8 decimal places/);
});

test('a question is refused in 2328.io’s own form alone; anything else is unavailable', async () => {
  const cases: readonly [number, string, object][] = [
    [401, refusal('Invalid signature'), { kind: 'rejected', vendorCode: '401', vendorMessage: 'Invalid signature' }],
    [200, refusal('Payouts are off'), { kind: 'rejected', vendorCode: '200', vendorMessage: 'Payouts are off' }],
    [422, refusal('Amount is too small'), { kind: 'rejected', vendorCode: '422' }],
    [429, refusal('Too Many Requests'), { kind: 'unavailable', retryAfterMs: 5000 }],
    [500, refusal('Oops'), { kind: 'unavailable' }],
    [401, '<html>', { kind: 'unavailable' }],
    [200, '', { kind: 'unavailable' }],
    [200, '{"state":0,"result":{}}', { kind: 'unavailable' }],
    [404, '', { kind: 'unavailable' }],
  ];
  for (const [status, body, expected] of cases) {
    const reply = { status, body, headers: { 'retry-after': '5' } };
    const { outcome } = await against(reply, async (connector) => [
      await connector.balances?.('default', call()),
      await connector.assets?.('default', call()),
      await connector.quote?.('default', question(), call()),
    ]);
    for (const each of outcome) assert.partialDeepStrictEqual(each, expected, `${status} ${body}`);
  }
  assert.partialDeepStrictEqual(await provider.balances?.('default', call()), { kind: 'unavailable' });
});

// --- the connector and the stand-in ---

async function standIn(context: TestContext) {
  const clock = createManualClock();
  const ids = createIds(clock);
  const sandbox = await openSandbox({ clock, ids, log: silentLog, port: 0, dir: null, sides: [side] });
  const transport = createTransport(clock.now);
  const values = sandbox.credentials('io2328');
  const account = { name: 'default', enabled: true, callbackUrl: null, values };
  const connector = definition.open([account], transport, clock.now);
  const line = transport.open({ baseUrl: sandbox.baseUrl('io2328') });
  context.after(async () => {
    await Promise.all([connector.close(), line.close()]);
    await sandbox.close();
  });
  const key = createSecretKey('none of theirs', 'utf8');
  const stranger = { project: 'nobody', payoutKey: key, apiKey: null, callbackUrl: null, line };
  const submitOf = async (order: Order, orderNumber: string) => {
    assert.equal(connector.supports(order, NOBODY, 'default'), true);
    const prepared = await connector.prepare('default', order, NOBODY, orderNumber, call());
    assert.ok(prepared.kind === 'body');
    const attempt = { ...attemptOf(), orderNumber, order };
    const outcome = await connector.submit(attempt, prepared.body, call());
    assert.ok(outcome.kind === 'accepted' && outcome.report !== null, JSON.stringify(outcome));
    return { attempt: { ...attempt, providerReference: outcome.report.providerReference }, report: outcome.report };
  };
  return { connector, sandbox, clock, stranger, submitOf };
}

function asQuestion({ amount, feeMode, destination, sourceCurrency, receiveCurrency }: Order): QuoteRequest {
  return { amount, feeMode, network: destination.network, channel: null, sourceCurrency, receiveCurrency };
}

test('the stand-in’s sample is supported, is paid, costs what was quoted, and comes back to a repeat', async (context) => {
  const { connector, sandbox, clock, submitOf } = await standIn(context);
  const { order } = side.sample(decimal('12.5'));
  const quoted = known(await connector.quote?.('default', asQuestion(order), call()));
  const { attempt, report } = await submitOf(order, 'A1');
  assert.deepEqual([report.debits[0], report.received], [{ amount: '12.61', currency: 'TRX' }, order.amount]);
  assert.ok(equalDecimals(quoted.debit.amount, decimal('12.61')));
  assert.deepEqual((await submitOf(order, 'A1')).attempt.providerReference, attempt.providerReference);
  assert.equal(sandbox.books().length, 1);
  await clock.advance(60_000);
  const found = await connector.lookup(attempt, call());
  assert.ok(found.kind === 'found');
  assert.equal(found.report.state, 'COMPLETED');
  const balances = known(await connector.balances?.('default', call()));
  assert.equal(balances.find(({ currency }) => currency === 'TRX')?.available, '999987.39');
});

test('a conversion debits the source by the published rate, as it was quoted, in both fee modes', async (context) => {
  const { connector, sandbox, stranger, submitOf } = await standIn(context);
  const rates = known(await readRates(stranger, call()));
  const toBitcoin = rates.get('TRX')?.get('BTC');
  assert.equal(rates.get('BTC')?.get('USD'), '94786.69000000');
  assert.equal(rates.get('USD')?.get('BTC'), '0.00001055');
  for (const [feeMode, charged] of [
    ['ADD', '20.11'],
    ['DEDUCT', '20'],
  ] as const) {
    const order = orderOf({ amount: '20', feeMode, sourceCurrency: 'BTC' });
    const quoted = known(await connector.quote?.('default', asQuestion(order), call()));
    const expected = multiplyDecimals(decimal(charged), toBitcoin ?? decimal('0'), 8);
    assert.deepEqual(quoted.debit, { amount: expected, currency: 'BTC' });
    const { report } = await submitOf(order, feeMode);
    assert.deepEqual(report.debits, [quoted.debit]);
    assert.deepEqual(sandbox.books().at(-1)?.debit, quoted.debit);
    assert.ok(equalDecimals(report.received?.amount ?? decimal('0'), quoted.receive.amount));
  }
});

test('every known asset is a direction there, and is priced with the fee that it names', async (context) => {
  const { connector } = await standIn(context);
  const assets = known(await connector.assets?.('default', call()));
  assert.deepEqual(
    assets.map(({ currency, network }) => `${currency} ${network}`),
    connector.knownAssets.map(({ currency, network }) => `${currency} ${network}`),
  );
  for (const { currency, network, fee } of assets) {
    const request = question({ amount: { amount: decimal('50'), currency }, network, feeMode: 'DEDUCT' });
    const { debit, fees, receive } = known(await connector.quote?.('default', request, call()));
    assert.deepEqual(fees[0]?.amount, fee, currency);
    assert.ok(equalDecimals(debit.amount, addDecimals(receive.amount, fees[0]?.amount ?? decimal('0'))));
  }
});

test('too small an amount cannot be priced, by the stand-in’s own word', async (context) => {
  const { connector } = await standIn(context);
  const request = question({ amount: { amount: decimal('3'), currency: 'USDT' }, feeMode: 'DEDUCT' });
  assert.deepEqual(await connector.quote?.('default', request, call()), {
    kind: 'rejected',
    vendorCode: '422',
    vendorMessage: 'Amount is too small',
  });
});
