import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync, type KeyObject, verify } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, test } from 'node:test';
import { StartupError } from '../src/domain/errors.ts';
import { type Decimal, parseDecimal } from '../src/domain/money.ts';
import type { Order, Parties } from '../src/domain/payout.ts';
import {
  type AttemptRef,
  abilitiesOf,
  type Call,
  type Prepared,
  type Provider,
  type StatusReport,
} from '../src/domain/provider.ts';
import * as fixtures from '../src/providers/chainpay/fixtures.ts';
import { definition } from '../src/providers/chainpay/index.ts';
import { sandbox as side } from '../src/providers/chainpay/sandbox.ts';
import * as wire from '../src/providers/chainpay/wire.ts';
import { createIds } from '../src/runtime.ts';
import { openSandbox } from '../src/sandbox.ts';
import { type Answered, createTransport } from '../src/transport.ts';
import { createManualClock } from './support/clock.ts';
import { silentLog } from './support/log.ts';

const AT = new Date('2026-05-02T20:29:50Z');
const APP_ID = 'app-caf118dc-4e23-4ced-ab23-8a3f65d5071a';
const WALLET = '0xB0c5852ff023291D0de6333c9155b2f884368559';
const KEYS = generateKeyPairSync('rsa', { modulusLength: 1024 });
const KEY = KEYS.privateKey.export({ format: 'der', type: 'pkcs8' }).toString('base64');
const NOBODY: Parties = { originator: null, beneficiary: null, accountNumber: null };

function decimal(text: string): Decimal {
  const value = parseDecimal(text);
  assert.ok(value !== null, `${text} is no decimal`);
  return value;
}

/** The order of the page's example, with the given parts replaced. */
function orderOf(parts: Partial<Omit<Order, 'amount'>> & { amount?: string; currency?: string } = {}): Order {
  const { amount = '1', currency = 'USD', ...rest } = parts;
  return {
    amount: { amount: decimal(amount), currency },
    feeMode: 'ADD',
    destination: { kind: 'channel', channel: 'xpay', account: WALLET, network: null },
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

function walletOf(network: string, memo: string | null = null): Order['destination'] {
  return { kind: 'blockchain', address: WALLET, network, memo };
}

/** An entry of a currency list as it is sent. */
function listed(entry: object): object {
  const rest = { chain: '', contract: '', protocol: '', logo: '', decimal: 0 };
  return { ...rest, token: 'USD', currencyId: 'USD', ...entry };
}

function success(data: unknown): string {
  return JSON.stringify({ code: 0, data, msg: 'success' });
}

function refusal(msg: unknown, data: object = {}): string {
  return JSON.stringify({ code: 7, data, msg });
}

function answered(status: number, body: string, headers: Record<string, string> = {}): Answered {
  return { kind: 'answered', status, headers, body, startedAt: AT, endedAt: AT };
}

function call(signal = new AbortController().signal): Call {
  return { sendBy: null, signal };
}

// --- signing ---

function publicKey(text: string): KeyObject {
  return createPublicKey({ key: Buffer.from(text, 'base64'), format: 'der', type: 'spki' });
}

function isSigned(body: string, sign: string, key: KeyObject): boolean {
  return verify('RSA-SHA256', Buffer.from(wire.signedText(body)), key, Buffer.from(sign, 'base64'));
}

for (const { name, body, text, sign } of fixtures.SIGNATURES) {
  test(`the recorded signature of ${name} is over our text of it`, () => {
    assert.equal(wire.signedText(body), text);
    assert.ok(isSigned(body, sign, publicKey(fixtures.MERCHANT_PUBLIC_KEY)));
    assert.equal(wire.signedText(body.replace('{', '{"sign":"anything",')), text);
  });
}

test('the texts that the page signs come out', () => {
  for (const { body, text } of fixtures.SIGNED_TEXTS) assert.equal(wire.signedText(body), text);
});

test('numbers and empty texts are signed as the recorded callback has them', () => {
  const { body, text } = fixtures.CALLBACK;
  assert.equal(wire.signedText(body), text);
  const { sign } = JSON.parse(body);
  assert.ok(isSigned(body, sign, publicKey(fixtures.PLATFORM_PUBLIC_KEY)));
});

test('names are sorted by their characters, capitals first, and a name before a longer one', () => {
  const body = '{"currencyId":"3","b":"5","currency":"2","Z":"1","a":"4","10":"x","9":"y"}';
  assert.equal(wire.signedText(body), '10=x&9=y&Z=1&a=4&b=5&currency=2&currencyId=3');
});

test('what is empty or null is not signed at the top, and is signed further in', () => {
  const body = '{"a":"","b":null,"c":{"z":"","y":null},"d":false,"e":0,"f":[],"sign":"s"}';
  assert.equal(wire.signedText(body), 'c={"y":null,"z":""}&d=false&e=0&f=[]');
});

test('names further in are sorted at every depth, also those that are numbers', () => {
  const body = '{"extra":{"b":{"10":1,"9":{"d":true,"c":[{"y":1,"x":2}]}},"a":"/\\u00e9\\"&<"}}';
  assert.equal(wire.signedText(body), 'extra={"a":"/é\\"&<","b":{"10":1,"9":{"c":[{"x":2,"y":1}],"d":true}}}');
});

test('text is signed as it stands', () => {
  assert.equal(wire.signedText('{"receiver":"+86-43483243","a":"é /\\n=&%"}'), 'a=é /\n=&%&receiver=+86-43483243');
});

test('only an object is signed', () => {
  for (const body of ['[]', '"text"', 'null', '1', '{']) assert.throws(() => wire.signedText(body));
});

test('a signature goes before a body that stays as it is, and verifies', () => {
  const body = '{ "outTradeNo" : "wendjfdsj" }';
  const sent = wire.addSign(body, KEYS.privateKey);
  assert.ok(sent.endsWith('", "outTradeNo" : "wendjfdsj" }'));
  assert.equal(Object.keys(JSON.parse(sent))[0], 'sign');
  assert.ok(isSigned(sent, JSON.parse(sent).sign, KEYS.publicKey));
  assert.equal(wire.addSign(body, KEYS.privateKey), sent);
});

test('a key is read from PEM, from PEM with written line breaks, and from one line of Base64', () => {
  const pem = KEYS.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
  for (const text of [pem, pem.replaceAll('\n', '\\n'), KEY]) {
    assert.ok(wire.parsePrivateKey(text)?.equals(KEYS.privateKey));
  }
});

test('what is no RSA key of 1024 bits or more is no key', () => {
  const pkcs8 = { format: 'der', type: 'pkcs8' } as const;
  const short = generateKeyPairSync('rsa', { modulusLength: 512 }).privateKey.export(pkcs8).toString('base64');
  const curve = generateKeyPairSync('ed25519').privateKey.export(pkcs8).toString('base64');
  const open = KEYS.publicKey.export({ format: 'pem', type: 'spki' }).toString();
  for (const text of ['', 'nonsense', short, curve, open, fixtures.MERCHANT_PUBLIC_KEY]) {
    assert.equal(wire.parsePrivateKey(text), null);
  }
});

// --- encoding ---

const PAGE_CURRENCY: wire.ChannelCurrency = {
  currencyId: 'P575ItNeMxM6fy6zhbnrlezYlvQnHMLZ',
  token: 'USD',
  chain: '',
  asset: { currency: 'USD', network: null },
  places: null,
};

function encode(order: Order, orderNumber = 'wendjfdsj', currency = PAGE_CURRENCY): string {
  const target = wire.targetOf(order.destination, 'settlement');
  assert.ok(target !== null);
  return wire.encodeCreate(order, orderNumber, target, currency);
}

test('the page’s create is encoded byte for byte, but for its signature and its empty extra', () => {
  const { sign: _, extra, ...rest } = JSON.parse(fixtures.CREATE.request);
  assert.deepEqual(extra, {});
  assert.equal(encode(orderOf()), JSON.stringify(rest));
  assert.equal(encode(orderOf()), fixtures.SIGNATURES.find(({ name }) => name === 'a create without extra')?.body);
});

test('a description goes into an extra object, and a signature before all of it', () => {
  const body = encode(orderOf({ amount: '125.50', description: 'June salary' }), 'PO-2025-000042');
  const { sign, ...recorded } = JSON.parse(fixtures.CREATE_WITH_EXTRA);
  assert.equal(recorded.extra.memo, 'INV-7');
  assert.equal(body, JSON.stringify({ ...recorded, extra: { description: 'June salary' } }));
  assert.equal(sign, fixtures.SIGNATURES.find(({ name }) => name === 'a create with extra')?.sign);
});

test('the page’s query is encoded byte for byte, but for its signature', () => {
  const { sign: _, ...rest } = JSON.parse(fixtures.QUERY.request);
  assert.equal(wire.encodeQuery('12344545'), JSON.stringify(rest));
});

test('signs that another JSON writer may escape become blanks, and a description of nothing else is left out', () => {
  const extra = (description: string) => JSON.parse(encode(orderOf({ description }))).extra;
  assert.deepEqual(extra('A & B <c>\n\u2028d'), { description: 'A   B  c   d' });
  assert.deepEqual(extra('зарплата "5" \\ /'), { description: 'зарплата "5" \\ /' });
  for (const nothing of ['', ' ', '<&>', '\n']) assert.equal(extra(nothing), undefined);
});

test('an amount keeps its scale, unless zeros alone exceed the places of its token', () => {
  const token: wire.ChannelCurrency = { ...PAGE_CURRENCY, token: 'USDT', chain: 'ETH', places: 6 };
  const amount = (text: string, currency = token) =>
    JSON.parse(encode(orderOf({ amount: text }), 'n', currency)).amount;
  assert.equal(amount('1.500000'), '1.500000');
  assert.equal(amount('1.50000000'), '1.5');
  assert.equal(amount('0.000001000'), '0.000001');
  assert.equal(amount('1.5000000000', PAGE_CURRENCY), '1.5000000000');
});

test('a wallet is paid by the settlement channel, a channel’s account by that channel, a bank account by none', () => {
  assert.deepEqual(wire.targetOf(walletOf('BSC'), 'chain-payments'), {
    payChannel: 'chain-payments',
    receiver: WALLET,
    network: 'BSC',
  });
  const channel = { kind: 'channel', channel: 'payway', account: '+855-12345678', network: null } as const;
  assert.deepEqual(wire.targetOf(channel, 'settlement'), {
    payChannel: 'payway',
    receiver: '+855-12345678',
    network: null,
  });
  const bank = { kind: 'bank', accountType: 'BANK', lastFour: '1234', network: null } as const;
  assert.equal(wire.targetOf(bank, 'settlement'), null);
});

// --- answers to a create ---

function accepted(body: string): StatusReport {
  const outcome = wire.readCreate(answered(200, body));
  assert.equal(outcome?.kind, 'accepted');
  assert.ok(outcome.report !== null);
  return outcome.report;
}

test('the page’s success is an order that was taken and is not paid', () => {
  const report = accepted(fixtures.CREATE.answer);
  assert.equal(report.state, 'PROCESSING');
  assert.equal(report.vendorStatus, 'success');
  assert.equal(report.providerReference, '1754377439308531400');
  assert.equal(report.moneyMoved, 'YES');
  assert.deepEqual(report.askedAt, AT);
  assert.deepEqual(report.echo, {});
  assert.deepEqual([report.received, report.transactionHash, report.failure], [null, null, null]);
});

test('a create is never believed to have paid: only failed ends it', () => {
  const states = (status: unknown) => {
    const { state, moneyMoved, vendorStatus } = accepted(success({ order_no: '1', status, extra: {} }));
    return [state, moneyMoved, vendorStatus];
  };
  assert.deepEqual(states('pending'), ['PROCESSING', 'YES', 'pending']);
  assert.deepEqual(states('confirmed'), ['PROCESSING', 'YES', 'confirmed']);
  assert.deepEqual(states('failed'), ['FAILED', 'NO', 'failed']);
  assert.deepEqual(states('DONE_PAYMENT'), [null, 'UNKNOWN', 'DONE_PAYMENT']);
  assert.deepEqual(states('toString'), [null, 'UNKNOWN', 'toString']);
  assert.deepEqual(states(undefined), [null, 'UNKNOWN', '']);
});

test('an order number is read from order_no alone, as text or as a long number', () => {
  assert.equal(wire.readCreate(answered(200, success({ orderNo: '1', status: 'success' }))), null);
  assert.equal(wire.readCreate(answered(200, success({ order_no: '', status: 'success' }))), null);
  const body = '{"code":0,"data":{"order_no":1754377439308531400,"status":"success"},"msg":"success"}';
  assert.equal(accepted(body).providerReference, '1754377439308531400');
});

test('the page’s refusal rejects the payout, and it may be tried again', () => {
  const outcome = wire.readCreate(answered(200, fixtures.CREATE.refusal));
  assert.equal(outcome?.kind, 'rejected');
  assert.equal(outcome.failure.code, 'INSUFFICIENT_FUNDS');
  assert.equal(outcome.failure.vendorCode, '7');
  assert.equal(outcome.failure.vendorMessage, 'insufficient token balance');
  assert.equal(outcome.failure.retryable, true);
});

test('each message that is listed has its outcome, in any case, and only as a whole', () => {
  const said = (msg: unknown) => {
    const outcome = wire.readCreate(answered(200, refusal(msg)));
    if (outcome?.kind === 'rejected') return [outcome.failure.code, outcome.failure.retryable];
    return outcome?.kind === 'notTaken' ? [outcome.reason] : [outcome?.kind];
  };
  assert.deepEqual(said('Insufficient Token Balance '), ['INSUFFICIENT_FUNDS', true]);
  assert.deepEqual(said('invalid receiver'), ['INVALID_DESTINATION', false]);
  assert.deepEqual(said('INVALID AMOUNT'), ['AMOUNT_OUT_OF_RANGE', false]);
  assert.deepEqual(said('invalid channel'), ['PROVIDER_REFUSED', false]);
  assert.deepEqual(said('invalid currency'), ['PROVIDER_REFUSED', false]);
  assert.deepEqual(said('invalid signature'), ['CREDENTIALS']);
  assert.deepEqual(said('Invalid App-Id'), ['CREDENTIALS']);
  assert.deepEqual(said('duplicate order number'), ['exists']);
  for (const other of [
    'insufficient',
    'insufficient token balance in hot wallet, queued',
    'invalid order',
    'system busy',
    'success',
    '',
    null,
    7,
  ]) {
    assert.deepEqual(said(other), ['unknown'], String(other));
  }
});

test('what a refusal says is kept for people', () => {
  assert.deepEqual(wire.readCreate(answered(200, refusal('system busy'))), {
    kind: 'unknown',
    vendorCode: '7',
    cause: 'ChainPay answered code 7: system busy',
  });
});

test('nothing else says anything certain of a create', () => {
  const order = { order_no: '1', status: 'success', extra: {} };
  for (const [status, body] of [
    [200, ''],
    [200, '<html>'],
    [200, '[]'],
    [200, '{"code":0}'],
    [200, '{"code":0,"data":[],"msg":"success"}'],
    [200, success({ status: 'success' })],
    [200, '{"code":1001,"data":{},"msg":"insufficient token balance"}'],
    [200, '{"code":null,"data":{},"msg":"insufficient token balance"}'],
    [200, refusal('insufficient token balance', order)],
    [302, success(order)],
    [400, fixtures.CREATE.refusal],
    [401, refusal('invalid signature')],
    [404, refusal('invalid channel')],
    [429, refusal('too many requests')],
    [429, fixtures.CREATE.refusal],
  ] as const) {
    assert.equal(wire.readCreate(answered(status, body)), null, `${status} ${body}`);
  }
});

// --- answers to a query ---

function queried(members: object = {}): StatusReport {
  const { data } = JSON.parse(fixtures.QUERY.answer);
  const outcome = wire.readQuery(answered(200, success({ ...data, ...members })));
  assert.equal(outcome.kind, 'found', JSON.stringify(outcome));
  return outcome.report;
}

test('the page’s query is a payment, with an extra that is text', () => {
  assert.equal(typeof JSON.parse(fixtures.QUERY.answer).data.extra, 'string');
  const outcome = wire.readQuery(answered(200, fixtures.QUERY.answer));
  assert.equal(outcome.kind, 'found');
  const { report } = outcome;
  assert.equal(report.state, 'COMPLETED');
  assert.equal(report.vendorStatus, 'DONE_PAYMENT');
  assert.equal(report.providerReference, '1752664386848723000');
  assert.equal(report.moneyMoved, 'YES');
  assert.deepEqual(report.echo, { amount: '1', currency: 'USD', address: WALLET, orderNumber: 'wendjfdsj' });
  assert.deepEqual(report.received, { amount: '1', currency: 'USD' });
  assert.deepEqual([report.fees, report.debits, report.transactionHash], [[], [], null]);
  assert.deepEqual([report.allows, report.rivals, report.failure], [[], [], null]);
});

test('the words of a query have their states, and others none', () => {
  const states = (state: string) => {
    const report = queried({ state });
    return [report.state, report.moneyMoved, report.vendorStatus];
  };
  assert.deepEqual(states('PENDING'), ['PROCESSING', 'YES', 'PENDING']);
  assert.deepEqual(states('DONE_PAYMENT'), ['COMPLETED', 'YES', 'DONE_PAYMENT']);
  assert.deepEqual(states('FAILED'), ['FAILED', 'NO', 'FAILED']);
  for (const other of ['success', 'confirmed', 'done_payment', 'REFUND_PAYMENT', 'constructor']) {
    assert.deepEqual(states(other), [null, 'UNKNOWN', other]);
  }
  const pending = wire.readQuery(answered(200, fixtures.QUERY_PENDING));
  assert.equal(pending.kind === 'found' && pending.report.state, 'PROCESSING');
});

test('a fee is on top and in the token; what moved nothing shows no figures', () => {
  const paid = queried({ tokenSymbol: 'usdt', tokenCount: '10.50', tokenFeeCount: '0.5', payHash: '0xabc' });
  assert.deepEqual(paid.fees, [{ kind: 'PROVIDER', amount: '0.5', currency: 'USDT' }]);
  assert.deepEqual(paid.debits, [{ amount: '11', currency: 'USDT' }]);
  assert.deepEqual(paid.received, { amount: '10.50', currency: 'USDT' });
  assert.equal(paid.transactionHash, '0xabc');
  const failed = queried({ state: 'FAILED', tokenFeeCount: '0.5' });
  assert.deepEqual([failed.fees, failed.debits, failed.received], [[], [], null]);
  assert.equal(failed.failure?.code, 'OTHER');
  for (const tokenFeeCount of ['', null, undefined, 'some', '-1']) {
    assert.deepEqual(queried({ tokenFeeCount }).fees, [], String(tokenFeeCount));
  }
});

test('an answer about another order shows it in its echo', () => {
  assert.equal(queried({ merchantOrderNo: 'another' }).echo.orderNumber, 'another');
});

test('absent is only what the page calls an invalid order', () => {
  assert.deepEqual(wire.readQuery(answered(200, fixtures.QUERY.refusal)), { kind: 'absent' });
  const { data } = JSON.parse(fixtures.QUERY.answer);
  for (const [status, body] of [
    [200, ''],
    [200, '<html>'],
    [200, success({})],
    [200, success({ ...data, orderNo: undefined, order_no: '1' })],
    [200, success({ ...data, tokenCount: 'much' })],
    [200, success({ ...data, receiver: '' })],
    [200, '{"code":1001,"data":{},"msg":"invalid order"}'],
    [200, refusal('order not found')],
    [200, refusal('invalid signature')],
    [200, refusal('invalid order number')],
    [404, fixtures.QUERY.refusal],
    [500, fixtures.QUERY.answer],
  ] as const) {
    assert.equal(wire.readQuery(answered(status, body)).kind, 'unavailable', `${status} ${body}`);
  }
  const limited = wire.readQuery(answered(429, '', { 'retry-after': '3' }));
  assert.equal(limited.kind === 'unavailable' && limited.retryAfterMs, 3000);
});

// --- channels and currencies ---

test('the page’s channels and currencies are read', () => {
  assert.deepEqual(wire.readChannels(answered(200, fixtures.CHANNELS)), {
    kind: 'known',
    value: [
      { name: 'xpay', showName: 'xpay', usable: true },
      { name: 'payway', showName: 'abaPayWay', usable: true },
    ],
  });
  assert.deepEqual(wire.readCurrencies(answered(200, fixtures.CURRENCIES)), {
    kind: 'known',
    value: [
      { currencyId: 'USD', token: 'USD', chain: '', asset: { currency: 'USD', network: null }, places: null },
      {
        currencyId: 'P575ItNeMxM6fy6zhbnrlezYlvQnHMLZ',
        token: 'USDT',
        chain: 'BSC',
        asset: { currency: 'USDT', network: 'BSC' },
        places: 18,
      },
    ],
  });
});

test('a list that is refused, half readable or no list at all is none', () => {
  assert.deepEqual(wire.readCurrencies(answered(200, refusal('invalid channel'))), {
    kind: 'rejected',
    vendorCode: '7',
    vendorMessage: 'invalid channel',
  });
  for (const [status, body] of [
    [200, ''],
    [200, success({})],
    [200, success([listed({}), listed({ currencyId: '' })])],
    [200, success([listed({ chain: undefined })])],
    [200, '{"code":5,"data":[],"msg":"?"}'],
    [500, fixtures.CURRENCIES],
  ] as const) {
    assert.equal(wire.readCurrencies(answered(status, body)).kind, 'unavailable', `${status} ${body}`);
  }
});

function choose(entries: readonly object[], currency: string, network: string | null): string {
  const list = wire.readCurrencies(answered(200, success(entries)));
  assert.equal(list.kind, 'known');
  const chosen = wire.chooseCurrency('settlement', list.value, { currency, network });
  return typeof chosen === 'string' ? chosen : `id ${chosen.currencyId}`;
}

test('a currency is chosen by symbol and network, and fiat by having no chain', () => {
  const entries = [
    listed({ chain: 'bsc', token: 'USDT', currencyId: '1' }),
    listed({ chain: 'ETH', token: 'USDT', currencyId: '2' }),
    listed({ chain: 'Tron', token: 'usdt', currencyId: '3' }),
    listed({ chain: 'BSC', token: 'USD', currencyId: '4' }),
    listed({ chain: '', token: 'USD', currencyId: '5' }),
    listed({ chain: 'Mars', token: 'USDT', currencyId: '6' }),
  ];
  assert.equal(choose(entries, 'USDT', 'BSC'), 'id 1');
  assert.equal(choose(entries, 'USDT', 'ETHEREUM'), 'id 2');
  assert.equal(choose(entries, 'USDT', 'TRON'), 'id 3');
  assert.equal(choose(entries, 'USD', 'BSC'), 'id 4');
  assert.equal(choose(entries, 'USD', null), 'id 5');
});

test('what is not listed is refused with what is, and what is listed twice is not guessed', () => {
  const entries = [listed({ chain: 'BSC', token: 'USDT', currencyId: '1' }), listed({})];
  assert.equal(
    choose(entries, 'USDT', 'TON'),
    "ChainPay's channel settlement does not pay USDT on TON; it pays USDT on BSC, USD.",
  );
  assert.match(choose(entries, 'USDT', null), /does not pay USDT; it pays/);
  assert.match(choose([], 'USD', null), /it pays nothing/);
  assert.match(choose([...entries, listed({ chain: 'BSC', token: 'USDT' })], 'USDT', 'BSC'), /more than once/);
});

// --- what it declares and supports ---

interface Settings {
  readonly baseUrl?: string;
  readonly privateKey?: string;
  readonly repeatWhenAbsent?: string;
  readonly settlementChannel?: string;
}

function open(values: Settings = {}, now = () => AT): Provider {
  const all = { baseUrl: 'http://127.0.0.1:1', appId: APP_ID, privateKey: KEY, ...values };
  return definition.open(
    [{ name: 'default', enabled: true, callbackUrl: 'https://us.example/hook', values: all }],
    createTransport(now),
    now,
  );
}

const provider = open();
after(() => provider.close());

test('a key that is none stops the start, and is not shown', () => {
  const start = () => open({ privateKey: 'my-secret-that-is-no-key' });
  assert.throws(start, (error) => error instanceof StartupError && !error.message.includes('my-secret'));
});

test('the account is known by its app id, is polled, and is found by our order number', () => {
  assert.deepEqual(provider.accounts, [{ name: 'default', enabled: true, fingerprint: APP_ID }]);
  assert.deepEqual(abilitiesOf(provider), ['SUBMIT', 'LOOKUP', 'LOOKUP_BY_REFERENCE', 'ASSETS', 'REFERENCE_DATA']);
  assert.deepEqual(abilitiesOf(provider), side.plays);
  assert.equal(provider.onRepeat, 'unproven');
  assert.equal(provider.repeatWindowMs, null);
});

test('absence proves something only where the deployment says so', () => {
  assert.equal(provider.absenceRule('default'), null);
  assert.equal(open({ repeatWhenAbsent: 'false' }).absenceRule('default'), null);
  assert.deepEqual(open({ repeatWhenAbsent: 'true' }).absenceRule('default'), {
    looks: 2,
    apartMs: 600_000,
    afterMs: 60_000,
  });
});

test('no callback is believed, a well-signed one neither', () => {
  const raw = { headers: {}, body: Buffer.from(fixtures.CALLBACK.body) };
  assert.equal(provider.readWebhook(raw, 'default').kind, 'refused');
});

test('channels and wallets are supported, with any receiver that is not empty', () => {
  const supported = (parts: Parameters<typeof orderOf>[0]) => provider.supports(orderOf(parts), NOBODY, 'default');
  for (const account of [WALLET, '+86-43483243', 'someone']) {
    assert.equal(supported({ destination: { kind: 'channel', channel: 'payway', account, network: null } }), true);
  }
  assert.equal(supported({ destination: { kind: 'channel', channel: 'c', account: 'a', network: 'BSC' } }), true);
  for (const network of ['BSC', 'ETHEREUM', 'TRON', 'POLYGON']) {
    assert.equal(supported({ currency: 'USDT', destination: walletOf(network) }), true);
  }
  assert.equal(supported({ description: '😀'.repeat(255) }), true);
});

test('what ChainPay cannot do is refused with one line that says so', () => {
  const cases: readonly (readonly [Parameters<typeof orderOf>[0], RegExp])[] = [
    [{ destination: { kind: 'bank', accountType: 'BANK', lastFour: '1234', network: null } }, /bank/],
    [{ destination: { kind: 'channel', channel: ' ', account: 'a', network: null } }, /channel and an account/],
    [{ destination: { kind: 'channel', channel: 'xpay', account: '', network: null } }, /channel and an account/],
    [{ destination: { kind: 'channel', channel: 'xpay', account: 'a', network: 'DOGECOIN' } }, /DOGECOIN/],
    [{ destination: walletOf('BITCOIN') }, /BITCOIN/],
    [{ destination: walletOf('TON', 'memo') }, /no memo/],
    [{ sourceCurrency: 'EUR' }, /convert/],
    [{ receiveCurrency: 'EUR' }, /convert/],
    [{ fundingAddress: WALLET }, /own balance/],
    [{ feeMode: 'DEDUCT' }, /on top/],
    [{ description: 'x'.repeat(256) }, /255 characters/],
  ];
  for (const [parts, reason] of cases) {
    assert.match(String(provider.supports(orderOf(parts), NOBODY, 'default')), reason);
  }
});

// --- the connector, over HTTP ---

interface Recorded {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}
interface Reply {
  readonly status?: number;
  readonly body: string;
}

/** Opens the connector against a server that answers by path, uses it, and hands back what was asked. */
async function against<T>(
  reply: (url: string, count: number) => Reply | null,
  use: (connector: Provider, advance: (ms: number) => void) => Promise<T>,
  settings: Settings = {},
): Promise<{ outcome: T; requests: readonly Recorded[] }> {
  const requests: Recorded[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const { method, url = '', headers } = request;
    requests.push({ method, url, headers, body: Buffer.concat(chunks).toString('utf8') });
    const given = reply(url, requests.length);
    if (given !== null) response.writeHead(given.status ?? 200).end(given.body);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  let nowMs = AT.getTime();
  const connector = open({ ...settings, baseUrl: `http://127.0.0.1:${port}` }, () => new Date(nowMs));
  try {
    const advance = (ms: number) => {
      nowMs += ms;
    };
    return { outcome: await use(connector, advance), requests };
  } finally {
    await connector.close();
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  }
}

const LISTS: Readonly<Record<string, readonly object[]>> = {
  xpay: [listed({ currencyId: PAGE_CURRENCY.currencyId })],
  settlement: [
    listed({ chain: 'BSC', token: 'USDT', decimal: 18, currencyId: 'id-bsc' }),
    listed({ chain: 'ETH', token: 'USDT', decimal: 6, currencyId: 'id-eth' }),
    listed({ chain: 'Mars', token: 'USDT', decimal: 6, currencyId: 'id-mars' }),
  ],
  empty: [],
};

function currencyReply(url: string): Reply {
  const channel = new URL(url, 'http://chainpay').searchParams.get('channel') ?? '';
  const list = LISTS[channel];
  return { body: list === undefined ? refusal('invalid channel') : success(list) };
}

function prepare(connector: Provider, order: Order, signal?: AbortSignal): Promise<Prepared> {
  return connector.prepare('default', order, NOBODY, 'wendjfdsj', call(signal));
}

function attemptOf(order = orderOf(), orderNumber = 'wendjfdsj'): AttemptRef {
  return {
    account: 'default',
    orderNumber,
    providerReference: null,
    order,
    firstSentAt: AT,
    storedBody: () => Promise.resolve(null),
  };
}

test('the currency id comes from the channel’s list, which is asked for by the app id alone', async () => {
  const { outcome, requests } = await against(currencyReply, async (connector) => [
    await prepare(connector, orderOf()),
    await prepare(connector, orderOf({ currency: 'USDT', destination: walletOf('ETHEREUM') })),
  ]);
  const bodies = outcome.map((prepared) => (prepared.kind === 'body' ? JSON.parse(prepared.body) : prepared));
  assert.deepEqual(
    bodies.map(({ payChannel, currency, currencyId, receiver }) => [payChannel, currency, currencyId, receiver]),
    [
      ['xpay', 'USD', 'P575ItNeMxM6fy6zhbnrlezYlvQnHMLZ', WALLET],
      ['settlement', 'USDT', 'id-eth', WALLET],
    ],
  );
  assert.equal(outcome[0]?.kind === 'body' && outcome[0].body, fixtures.SIGNATURES[0]?.body);
  assert.deepEqual(
    requests.map(({ method, url, headers, body }) => [method, url, headers['app-id'], body]),
    [
      ['GET', '/v2/currency?channel=xpay', APP_ID, ''],
      ['GET', '/v2/currency?channel=settlement', APP_ID, ''],
    ],
  );
});

test('a channel’s name goes into the question as it is, whatever it holds', async () => {
  const destination = { kind: 'channel', channel: 'a&b=ç d', account: 'x', network: null } as const;
  const { requests } = await against(currencyReply, (connector) => prepare(connector, orderOf({ destination })));
  assert.equal(new URL(requests[0]?.url ?? '', 'http://chainpay').searchParams.get('channel'), 'a&b=ç d');
});

test('wallets go through the settlement channel that the deployment names', async () => {
  const order = orderOf({ destination: walletOf('BSC'), currency: 'USDT' });
  const use = (connector: Provider) => prepare(connector, order);
  const { requests } = await against(currencyReply, use, { settlementChannel: 'wallets' });
  assert.equal(requests[0]?.url, '/v2/currency?channel=wallets');
});

test('a list is kept for ten minutes, and read once for all who ask at the same time', async () => {
  const { requests } = await against(currencyReply, async (connector, advance) => {
    await Promise.all([1, 2, 3].map(() => prepare(connector, orderOf())));
    advance(10 * 60_000 - 1);
    await prepare(connector, orderOf());
    advance(1);
    await Promise.all([1, 2].map(() => prepare(connector, orderOf())));
  });
  assert.equal(requests.length, 2);
});

test('a list that could not be read is asked for again', async () => {
  const reply = (url: string, count: number): Reply =>
    count === 1 ? { status: 503, body: 'down' } : currencyReply(url);
  const { outcome, requests } = await against(reply, async (connector) => [
    (await prepare(connector, orderOf())).kind,
    (await prepare(connector, orderOf())).kind,
  ]);
  assert.deepEqual(outcome, ['unavailable', 'body']);
  assert.equal(requests.length, 2);
});

test('an empty list is not kept: it may be the answer to any name', async () => {
  const destination = { kind: 'channel', channel: 'empty', account: 'x', network: null } as const;
  const { outcome, requests } = await against(currencyReply, async (connector) => [
    (await prepare(connector, orderOf({ destination }))).kind,
    (await prepare(connector, orderOf({ destination }))).kind,
  ]);
  assert.deepEqual(outcome, ['refused', 'refused']);
  assert.equal(requests.length, 2);
});

test('one who calls a reading off does not call it off for those who wait for it too', async () => {
  const reading = new AbortController();
  const reply = (url: string, count: number): Reply | null => {
    if (count > 1) return currencyReply(url);
    reading.abort();
    return null;
  };
  const { outcome } = await against(reply, (connector) =>
    Promise.all([prepare(connector, orderOf(), reading.signal), prepare(connector, orderOf())]),
  );
  assert.deepEqual(
    outcome.map(({ kind }) => kind),
    ['unavailable', 'body'],
  );
});

test('what a channel does not pay, or not with so many places, is refused before anything is sent', async () => {
  const refusalOf = async (parts: Parameters<typeof orderOf>[0]) => {
    const { outcome, requests } = await against(currencyReply, (connector) => prepare(connector, orderOf(parts)));
    assert.deepEqual(
      requests.map(({ method }) => method),
      ['GET'],
    );
    assert.equal(outcome.kind, 'refused');
    return `${outcome.failure.code} ${outcome.failure.message}`;
  };
  const onTon = { currency: 'USDT', destination: walletOf('TON') };
  assert.match(await refusalOf(onTon), /^PROVIDER_REFUSED .*it pays USDT on BSC, USDT on ETH, USDT on Mars\.$/);
  assert.match(await refusalOf({ currency: 'EUR' }), /^PROVIDER_REFUSED .*xpay does not pay EUR; it pays USD\.$/);
  const elsewhere = { kind: 'channel', channel: 'nowhere', account: 'x', network: null } as const;
  assert.match(await refusalOf({ destination: elsewhere }), /^PROVIDER_REFUSED .*no channel nowhere/);
  const fine = { currency: 'USDT', amount: '1.0000001', destination: walletOf('ETHEREUM') };
  assert.match(await refusalOf(fine), /^AMOUNT_OUT_OF_RANGE .*6 decimal places/);
});

test('a list that is refused for another reason, or not reached, leaves the payout waiting', async () => {
  const kindOf = async (reply: Reply) =>
    (
      await against(
        () => reply,
        (each) => prepare(each, orderOf()),
      )
    ).outcome.kind;
  assert.equal(await kindOf({ body: refusal('invalid app-id') }), 'unavailable');
  assert.equal(await kindOf({ body: '<html>' }), 'unavailable');
  assert.equal((await prepare(provider, orderOf())).kind, 'unavailable');
});

test('a submit sends the stored body signed, its signature first', async () => {
  const body = encode(orderOf({ amount: '125.50', description: 'June salary' }), 'PO-2025-000042');
  const { outcome, requests } = await against(
    () => ({ body: fixtures.CREATE.answer }),
    (connector) => connector.submit(attemptOf(), body, call()),
  );
  assert.equal(outcome.kind, 'accepted');
  assert.equal(outcome.report?.state, 'PROCESSING');
  const [request] = requests;
  assert.equal(requests.length, 1);
  assert.equal(`${request?.method} ${request?.url}`, 'POST /v2/payout');
  assert.equal(request?.headers['app-id'], APP_ID);
  assert.equal(request?.headers['content-type'], 'application/json');
  const sent = request?.body ?? '';
  const { sign } = JSON.parse(sent);
  assert.equal(sent, body.replace('{', `{"sign":"${sign}",`));
  assert.ok(isSigned(body, sign, KEYS.publicKey));
});

test('a submit without a certain answer is unknown', async () => {
  for (const [status, body] of [
    [200, '<html>'],
    [200, refusal('system busy')],
    [401, refusal('invalid signature')],
    [429, ''],
    [500, fixtures.CREATE.refusal],
    [503, fixtures.CREATE.answer],
  ] as const) {
    const { outcome } = await against(
      () => ({ status, body }),
      (connector) => connector.submit(attemptOf(), encode(orderOf()), call()),
    );
    assert.equal(outcome.kind, 'unknown', `${status} ${body}`);
  }
});

test('a submit to nobody never left', async () => {
  const outcome = await provider.submit(attemptOf(), encode(orderOf()), call());
  assert.equal(outcome.kind === 'notTaken' && outcome.reason, 'NEVER_LEFT');
});

test('a look-up asks by our order number, signed', async () => {
  const { outcome, requests } = await against(
    () => ({ body: fixtures.QUERY.answer }),
    (connector) => connector.lookup(attemptOf(), call()),
  );
  assert.equal(outcome.kind, 'found');
  const [request] = requests;
  assert.equal(`${request?.method} ${request?.url}`, 'POST /v2/queryPayOutOrder');
  const sent = request?.body ?? '';
  assert.match(sent, /^\{"sign":"[^"]+","outTradeNo":"wendjfdsj"\}$/);
  assert.ok(isSigned(sent, JSON.parse(sent).sign, KEYS.publicKey));
});

test('assets are what the usable channels pay, each once, and none where one list is missing', async () => {
  const channels = ['xpay', 'settlement', 'closed'].map((name) => {
    return { name, channelShowName: name, iconName: '', state: name !== 'closed' };
  });
  const reply = (missing: string | null) => (url: string) => {
    if (url === '/v2/payChannel') return { body: success(channels) };
    return url.endsWith(`=${missing}`) ? { status: 500, body: '' } : currencyReply(url);
  };
  const assets = (connector: Provider) => connector.assets?.('default', call()) ?? assert.fail();
  const { outcome } = await against(reply(null), assets);
  assert.equal(outcome.kind, 'known');
  assert.deepEqual(
    outcome.value.map(({ currency, network, fee, feeModes }) => [currency, network, fee, ...feeModes]),
    [
      ['USD', null, null, 'ADD'],
      ['USDT', 'BSC', null, 'ADD'],
      ['USDT', 'ETHEREUM', null, 'ADD'],
    ],
  );
  assert.equal((await against(reply('settlement'), assets)).outcome.kind, 'unavailable');
});

test('the usable channels can be asked for by name', async () => {
  const closed = { name: 'closed', channelShowName: 'Closed', iconName: '', state: false };
  const body = success([{ name: 'payway', channelShowName: 'abaPayWay', iconName: '', state: true }, closed]);
  const { outcome } = await against(
    () => ({ body }),
    (connector) => connector.reference?.('default', 'CHANNELS', call()) ?? assert.fail(),
  );
  assert.equal(outcome.kind, 'known');
  const [entry, ...others] = outcome.value;
  assert.deepEqual([entry?.value, entry?.label, others], ['payway', 'abaPayWay', []]);
});

// --- against the stand-in ---

async function world(use: (connector: Provider, advance: (ms: number) => Promise<void>) => Promise<void>) {
  const clock = createManualClock();
  const ids = createIds(clock);
  const sandbox = await openSandbox({ clock, ids, log: silentLog, port: 0, dir: null, sides: [side], settleMs: 1500 });
  const values = sandbox.credentials('chainpay');
  const settings = [{ name: 'default', enabled: true, callbackUrl: null, values }];
  const connector = definition.open(settings, createTransport(clock.now), clock.now);
  try {
    await use(connector, clock.advance);
  } finally {
    await connector.close();
    await sandbox.close();
  }
}

async function send(connector: Provider, order: Order, orderNumber: string) {
  assert.equal(connector.supports(order, NOBODY, 'default'), true);
  const prepared = await connector.prepare('default', order, NOBODY, orderNumber, call());
  assert.equal(prepared.kind, 'body');
  return connector.submit(attemptOf(order, orderNumber), prepared.body, call());
}

test('a payout of the stand-in is taken, is pending, and is paid', async () => {
  await world(async (connector, advance) => {
    const { order } = side.sample(decimal('12.00'));
    assert.deepEqual(await connector.lookup(attemptOf(order, 'one'), call()), { kind: 'absent' });
    const outcome = await send(connector, order, 'one');
    assert.equal(outcome.kind, 'accepted');
    assert.equal(outcome.report?.vendorStatus, 'success');
    assert.match(outcome.report?.providerReference ?? '', /^[0-9]{19}$/);
    const look = async () => {
      const found = await connector.lookup(attemptOf(order, 'one'), call());
      assert.equal(found.kind, 'found');
      return found.report;
    };
    const pending = await look();
    assert.deepEqual([pending.state, pending.vendorStatus], ['PROCESSING', 'PENDING']);
    assert.equal(pending.providerReference, outcome.report?.providerReference);
    assert.deepEqual(pending.echo, { amount: '12.00', currency: 'USD', address: WALLET, orderNumber: 'one' });
    await advance(1500);
    const paid = await look();
    assert.deepEqual([paid.state, paid.vendorStatus], ['COMPLETED', 'DONE_PAYMENT']);
    assert.deepEqual([paid.fees, paid.transactionHash], [[], null]);
  });
});

test('a wallet of the stand-in is paid with a fee on top and a hash', async () => {
  await world(async (connector, advance) => {
    const order = orderOf({ amount: '20', currency: 'USDT', destination: walletOf('BSC') });
    assert.equal((await send(connector, order, 'two')).kind, 'accepted');
    await advance(1500);
    const found = await connector.lookup(attemptOf(order, 'two'), call());
    assert.equal(found.kind, 'found');
    assert.match(found.report.transactionHash ?? '', /^0x[0-9a-f]{64}$/);
    assert.deepEqual(found.report.debits, [{ amount: '20.5', currency: 'USDT' }]);
  });
});

test('the stand-in refuses a used number, a balance that is too low, and a key that is not the account’s', async () => {
  await world(async (connector) => {
    const { order } = side.sample(decimal('12'));
    assert.equal((await send(connector, order, 'one')).kind, 'accepted');
    assert.equal((await send(connector, order, 'one')).kind, 'exists');
    const poor = await send(connector, side.sample(decimal('12.70')).order, 'two');
    assert.equal(poor.kind === 'rejected' && poor.failure.code, 'INSUFFICIENT_FUNDS');
    const lost = await send(connector, side.sample(decimal('12.71')).order, 'three');
    assert.equal(lost.kind === 'rejected' && lost.failure.code, 'INVALID_DESTINATION');
    const huge = await send(connector, side.sample(decimal('1000000.01')).order, 'four');
    assert.equal(huge.kind === 'rejected' && huge.failure.code, 'AMOUNT_OUT_OF_RANGE');
  });
  const clock = createManualClock();
  const options = { clock, ids: createIds(clock), log: silentLog, port: 0, dir: null, sides: [side] };
  const sandbox = await openSandbox(options);
  const mine = sandbox.credentials('chainpay');
  const outcomes: string[] = [];
  for (const wrong of [{ privateKey: KEY }, { appId: 'app-other' }]) {
    const values = { ...mine, ...wrong };
    const settings = [{ name: 'default', enabled: true, callbackUrl: null, values }];
    const connector = definition.open(settings, createTransport(clock.now), clock.now);
    const outcome = await connector.submit(attemptOf(), encode(orderOf()), call());
    outcomes.push(outcome.kind === 'notTaken' ? outcome.reason : outcome.kind);
    assert.equal((await connector.lookup(attemptOf(), call())).kind, 'unavailable');
    await connector.close();
  }
  await sandbox.close();
  assert.deepEqual(outcomes, ['CREDENTIALS', 'CREDENTIALS']);
});

test('the stand-in names its channels and what they pay', async () => {
  await world(async (connector) => {
    const channels = await connector.reference?.('default', 'CHANNELS', call());
    assert.ok(channels?.kind === 'known');
    assert.deepEqual(
      channels.value.map(({ value }) => value),
      ['xpay', 'payway', 'settlement'],
    );
    const assets = await connector.assets?.('default', call());
    assert.ok(assets?.kind === 'known');
    for (const { currency, network } of connector.knownAssets) {
      const paid = assets.value.some((asset) => asset.currency === currency && asset.network === network);
      assert.ok(paid, `${currency} ${network}`);
    }
  });
});
