import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { parseDecimal } from '../src/domain/money.ts';
import { sandbox as io2328 } from '../src/providers/io2328/sandbox.ts';
import { sign as signIo } from '../src/providers/io2328/wire.ts';
import { sandbox as oxapay } from '../src/providers/oxapay/sandbox.ts';
import { sign as signOxa } from '../src/providers/oxapay/wire.ts';
import { createIds, type Log } from '../src/runtime.ts';
import { FAULTS } from '../src/sandbox/faults.ts';
import {
  type Action,
  type Asked,
  type NewOrder,
  type Order,
  openSandbox,
  type Sandbox,
  type SandboxAnswer,
  type SandboxOptions,
  type SandboxSide,
} from '../src/sandbox.ts';
import { createManualClock, type ManualClock } from './support/clock.ts';

const SETTLE_MS = 1500;
const MINUTE_MS = 60_000;

interface Reply {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
}

/** One exchange on a connection of its own; rejects when the connection breaks before the answer is complete. */
function call(
  method: string,
  url: string,
  headers: Record<string, string>,
  body = '',
  signal = new AbortController().signal,
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { method, headers, agent: false, signal }, (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('error', reject);
      incoming.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, text });
      });
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

const quiet: Log = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: (fields, message) => assert.fail(`${message}: ${JSON.stringify(fields)}`),
  child: () => quiet,
};

const closers: (() => Promise<void> | void)[] = [];
after(async () => {
  for (const close of closers.reverse()) await close();
});

type Options = Partial<Omit<SandboxOptions, 'clock'>> & { readonly clock?: ManualClock };

async function open({ clock = createManualClock(), ...options }: Options) {
  const ids = createIds(clock);
  const sandbox = await openSandbox({ clock, ids, log: quiet, port: 0, dir: null, sides: [], ...options });
  closers.push(() => sandbox.close());
  return { sandbox, clock };
}

async function start(options: Options = {}) {
  const opened = await open({ sides: [io2328, oxapay], ...options });
  return { ...opened, io: asIo(opened.sandbox), oxa: asOxa(opened.sandbox) };
}

const IO_PAYOUT = {
  currency: 'TRX',
  network: 'TRX-TRC20',
  amount: '10.00',
  to_address: 'TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t',
  order_id: 'order-1',
};

/** A caller of 2328.io, as its pages tell one to call. */
function asIo(sandbox: Sandbox) {
  const { baseUrl = '', project = '', payoutKey = '', apiKey = '' } = sandbox.credentials('io2328');
  const headers = (body: string, key: string) => ({ 'user-agent': 'test', project, sign: signIo(body, key) });
  const post = (path: string, fields: object, signal?: AbortSignal) => {
    const body = JSON.stringify(fields);
    return call('POST', `${baseUrl}${path}`, headers(body, payoutKey), body, signal);
  };
  return {
    baseUrl,
    project,
    payoutKey,
    post,
    create: (fields: object, signal?: AbortSignal) => post('/v1/payout', { ...IO_PAYOUT, ...fields }, signal),
    status: (uuid: string, signal?: AbortSignal) =>
      call('GET', `${baseUrl}/v1/payout/status/${uuid}`, headers('', payoutKey), '', signal),
    balance: (key = apiKey) => call('GET', `${baseUrl}/v1/balance`, headers('', key)),
  };
}

const OXA_PAYOUT = '"address":"TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t","currency":"USDT","network":"TRC20"';

/** A caller of OxaPay. Bodies are written by hand, so that their numbers keep their digits. */
function asOxa(sandbox: Sandbox) {
  const { baseUrl = '', payoutKey = '', generalKey = '' } = sandbox.credentials('oxapay');
  const headers = { payout_api_key: payoutKey };
  const send = (body: string) => call('POST', `${baseUrl}/payout`, headers, body);
  return {
    baseUrl,
    payoutKey,
    send,
    create: (amount: string, rest = '') => send(`{${OXA_PAYOUT},"amount":${amount}${rest}}`),
    status: (id: string) => call('GET', `${baseUrl}/payout/${id}`, headers),
    history: (query: string) => call('GET', `${baseUrl}/payout?${query}`, headers),
    balance: (query = '') => call('GET', `${baseUrl}/general/account/balance${query}`, { general_api_key: generalKey }),
  };
}

/** A payout in the words of either provider, and what else an answer may hold. */
interface Shown {
  readonly [field: string]: string;
}
interface History {
  readonly list: readonly Shown[];
  readonly meta: object;
}
interface Answer<T> {
  readonly message: string;
  readonly errors: Readonly<Record<string, readonly string[]>>;
  readonly error: { readonly type: string; readonly key: string };
  readonly state: number;
  readonly status: number;
  readonly result: T;
  readonly data: T;
}
/** Believes the answer to be what the test then looks for. */
function read<T = Shown>(reply: Reply): Answer<T> {
  return JSON.parse(reply.text);
}
const resultOf = (reply: Reply) => read(reply).result;
const dataOf = (reply: Reply) => read(reply).data;
const historyOf = (reply: Reply) => read<History>(reply).data;

/** A receiver of webhooks that answers what it is told to. */
async function listen(reply: () => { status: number; body: string } = () => ({ status: 200, body: 'ok' })) {
  const received: { body: string; headers: IncomingMessage['headers'] }[] = [];
  const server = createServer(async (incoming, response) => {
    let body = '';
    for await (const chunk of incoming.setEncoding('utf8')) body += chunk;
    received.push({ body, headers: incoming.headers });
    const answer = reply();
    response.writeHead(answer.status).end(answer.body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => {
    server.close();
    server.closeAllConnections();
  });
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  return {
    url: `http://127.0.0.1:${address.port}/hook`,
    received,
    words: () => received.map(({ body }) => JSON.parse(body).status),
  };
}

/** Whether a webhook of 2328.io carries the payout key's signature as its last member. */
function isSignedByIo(body: string, key: string): boolean {
  const cut = /^(.*),"sign":"([0-9a-f]{64})"\}$/.exec(body);
  return cut?.[2] === signIo(`${cut?.[1]}}`, key);
}

function directory(): string {
  const dir = mkdtempSync(join(tmpdir(), 'sandbox-'));
  closers.push(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

describe('2328.io as the sandbox plays it', () => {
  test('a payout is accepted, completed and shown field for field as the sample shows it', async () => {
    const { io, clock } = await start();
    const created = await io.create({ amount: '1.50', memo: null, fee_option: 'deduct' });
    assert.equal(created.status, 200);
    const { uuid = '', ...rest } = resultOf(created);
    assert.match(uuid, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    assert.deepEqual(Object.entries(rest), [
      ['order_id', 'order-1'],
      ['status', 'pending'],
      ['currency', 'TRX'],
      ['network', 'TRX-TRC20'],
      ['amount', '1.50'],
      ['merchant_amount', '1.5'],
      ['network_amount', '1.39'],
      ['amount_usd', '0.50'],
      ['to_address', IO_PAYOUT.to_address],
      ['memo', null],
      ['txid', null],
      ['block_number', null],
      ['error_type', null],
      ['created_at', '2026-01-01T15:00:00+03:00'],
      ['updated_at', '2026-01-01T15:00:00+03:00'],
    ]);
    await clock.advance(SETTLE_MS - 1);
    assert.equal(resultOf(await io.status(uuid)).status, 'pending');
    await clock.advance(1);
    const done = resultOf(await io.status(uuid));
    assert.equal(done.status, 'completed');
    assert.match(done.txid ?? '', /^[0-9a-f]{64}$/);
  });

  test('a wallet pays amount and fee as the fee option has it, and is paid back when the payout fails', async () => {
    const { io, clock, sandbox } = await start();
    const balanceOf = async (currency: string) =>
      read<readonly Shown[]>(await io.balance()).result.find((row) => row.currency_code === currency)?.balance;
    await io.create({ order_id: 'a', amount: '100', currency: 'USDT', fee_option: 'add' });
    assert.equal(await balanceOf('USDT'), '999897');
    await io.create({ order_id: 'b', amount: '10', from_currency: 'USDT' });
    assert.equal(await balanceOf('USDT'), '999893.7');
    assert.equal(await balanceOf('TRX'), '1000000');
    await io.create({ order_id: 'c', amount: '10.80' });
    assert.equal(await balanceOf('TRX'), '999989.2');
    await clock.advance(SETTLE_MS);
    assert.equal(await balanceOf('TRX'), '1000000');
    assert.equal(await balanceOf('USDT'), '999893.7');
    assert.deepEqual(
      sandbox.books().map(({ returned }) => returned),
      [false, false, true],
    );
  });

  test('a conversion names what was debited and in which currency', async () => {
    const { io } = await start();
    const { from_currency, debited_amount, debited_currency, merchant_amount } = resultOf(
      await io.create({ amount: '3.00', from_currency: 'USDT' }),
    );
    assert.deepEqual([from_currency, debited_amount, debited_currency, merchant_amount], ['USDT', '0.99', 'USDT', '3']);
  });

  test('a price is computed at the documented scales and stores nothing', async () => {
    const { io, sandbox } = await start();
    const priced = await io.post('/v1/payout/calc', {
      currency: 'USDT',
      network: 'TRX-TRC20',
      amount: '100',
      fee_option: 'add',
    });
    assert.deepEqual(read(priced), {
      state: 0,
      result: {
        currency: 'USDT',
        network: 'TRX-TRC20',
        amount: '100',
        fee_option: 'add',
        merchant_amount: '103.00000000',
        network_amount: '100',
        total_fee: '3.00000000',
        total_fee_usd: '3.00000000',
      },
    });
    assert.deepEqual(sandbox.books(), []);
  });

  test('a caller without the right project, key, signature or User-Agent is refused', async () => {
    const { io, sandbox } = await start();
    const body = JSON.stringify(IO_PAYOUT);
    const { apiKey = '' } = sandbox.credentials('io2328');
    const good = { 'user-agent': 'test', project: io.project, sign: signIo(body, io.payoutKey) };
    const ask = async (headers: Record<string, string>) => {
      const reply = await call('POST', `${io.baseUrl}/v1/payout`, headers, body);
      return [reply.status, read(reply).message];
    };
    assert.deepEqual(await ask({ project: good.project, sign: good.sign }), [403, 'User-Agent required']);
    assert.deepEqual(await ask({ ...good, project: 'other' }), [401, 'Project not found']);
    assert.deepEqual(await ask({ ...good, sign: signIo(body, apiKey) }), [401, 'Invalid signature']);
    assert.deepEqual(await ask({ ...good, sign: signIo(`${body} `, io.payoutKey) }), [401, 'Invalid signature']);
    assert.deepEqual(await ask({ 'user-agent': 'test', project: io.project }), [401, 'Invalid signature']);
    assert.equal((await io.balance(io.payoutKey)).status, 401);
    assert.deepEqual(sandbox.books(), []);
  });

  test('every field that 2328.io checks is refused by its name', async () => {
    const { io } = await start();
    const wrong: readonly [string, object][] = [
      ['currency', { currency: 'XXX' }],
      ['network', { network: 'NOPE' }],
      ['network', { network: 'BTC' }],
      ['amount', { amount: 10 }],
      ['amount', { amount: '1.123456789' }],
      ['amount', { amount: '100001' }],
      ['amount', { amount: '-1' }],
      ['amount', { amount: '0.5' }],
      ['to_address', { to_address: '' }],
      ['order_id', { order_id: 'x'.repeat(129) }],
      ['url_callback', { url_callback: 'ftp://example.com' }],
      ['memo', { memo: 'not on TRON' }],
      ['memo', { currency: 'TON', network: 'TON', memo: 'x'.repeat(256) }],
      ['fee_option', { fee_option: 'both' }],
      ['from_currency', { from_currency: 'XXX' }],
    ];
    for (const [field, fields] of wrong) {
      const reply = await io.create(fields);
      assert.equal(reply.status, 422, JSON.stringify(fields));
      assert.equal(read(reply).state, 1);
      assert.deepEqual(Object.keys(read(reply).errors), [field], JSON.stringify(fields));
    }
    const eaten = await io.create({ currency: 'USDT', amount: '3' });
    assert.deepEqual([eaten.status, read(eaten).message], [422, 'Amount is too small']);
    assert.equal((await io.status('00000000-0000-7000-8000-000000000000')).status, 404);
  });

  test('a payout beyond the balance is refused and nothing is debited', async () => {
    const { io } = await start();
    for (let number = 0; number < 10; number += 1) {
      assert.equal((await io.create({ order_id: `o${number}`, amount: '100000' })).status, 200);
    }
    const reply = await io.create({ order_id: 'last', amount: '1' });
    assert.deepEqual([reply.status, read(reply).message], [422, 'Insufficient balance']);
  });

  test('a second create under the same order number returns the first payout unchanged', async () => {
    const { io, sandbox } = await start();
    const first = resultOf(await io.create({}));
    const second = resultOf(await io.create({ amount: '99', to_address: 'elsewhere' }));
    assert.deepEqual(second, first);
    assert.equal(sandbox.books().length, 1);
  });

  test('a sandbox that accepts duplicates pays twice where 2328.io promises not to', async () => {
    const { io, sandbox } = await start({ duplicates: 'accept' });
    await io.create({});
    await io.create({});
    assert.equal(sandbox.books().length, 2);
  });
});

describe('OxaPay as the sandbox plays it', () => {
  test('a payout goes through its four words and shows numbers with ten decimals', async () => {
    const { oxa, clock } = await start();
    const created = await oxa.create('125.5', ',"description":"PO-1 first"');
    const { track_id: trackId = '' } = dataOf(created);
    assert.match(trackId, /^[1-9][0-9]{8}$/);
    assert.equal(
      created.text,
      `{"data":{"track_id":"${trackId}","status":"processing"},"message":"Operation completed successfully!","error":{},"status":200,"version":"1.0.0"}`,
    );
    const words = [dataOf(await oxa.status(trackId)).status];
    while (await clock.advanceToNext()) words.push(dataOf(await oxa.status(trackId)).status);
    assert.deepEqual(words, ['processing', 'pending', 'confirming', 'confirmed']);
    const { text } = await oxa.status(trackId);
    const hash = dataOf(await oxa.status(trackId)).tx_hash;
    assert.match(hash ?? '', /^[0-9a-f]{64}$/);
    assert.equal(
      text,
      `{"data":{"track_id":"${trackId}","address":"TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t","currency":"USDT","network":"Tron Network","amount":125.5000000000,"fee":1.5000000000,"status":"confirmed","tx_hash":"${hash}","description":"PO-1 first","internal":false,"memo":"","date":1767268800},"message":"Operation completed successfully!","error":{},"status":200,"version":"1.0.0"}`,
    );
  });

  test('the fee is debited on top of the amount, and balances are plain numbers', async () => {
    const { oxa } = await start();
    await oxa.create('10');
    assert.match((await oxa.balance()).text, /^\{"data":\{"USDT":999988.5000000000,/);
    assert.deepEqual(dataOf(await oxa.balance('?currency=btc')), { BTC: 1000000 });
  });

  test('a caller without the right key in the right header is refused', async () => {
    const { oxa, sandbox } = await start();
    const { generalKey = '' } = sandbox.credentials('oxapay');
    const body = `{${OXA_PAYOUT},"amount":10}`;
    for (const headers of [
      {},
      { payout_api_key: generalKey },
      { payout_api_key: 'a merchant key' },
      { merchant_api_key: oxa.payoutKey },
      { general_api_key: generalKey },
    ]) {
      const reply = await call('POST', `${oxa.baseUrl}/payout`, { ...headers }, body);
      assert.deepEqual([reply.status, read(reply).status, read(reply).error.type], [401, 401, 'invalid_api_key']);
    }
    const balance = await call('GET', `${oxa.baseUrl}/general/account/balance`, { payout_api_key: oxa.payoutKey });
    assert.equal(balance.status, 401);
    assert.deepEqual(sandbox.books(), []);
  });

  test('every field that OxaPay checks is refused by its name', async () => {
    const { oxa } = await start();
    const wrong: readonly [string, string, string][] = [
      ['invalid_param', 'address', '{"currency":"USDT","network":"TRC20","amount":10}'],
      ['invalid_param', 'currency', '{"address":"T","currency":"XXX","amount":10}'],
      ['invalid_param', 'network', '{"address":"T","currency":"USDT","amount":10}'],
      ['invalid_param', 'network', '{"address":"T","currency":"USDT","network":"Bitcoin","amount":10}'],
      ['invalid_param', 'amount', `{${OXA_PAYOUT},"amount":"10"}`],
      ['invalid_param', 'amount', `{${OXA_PAYOUT},"amount":1.123456789}`],
      ['invalid_param', 'callback_url', `{${OXA_PAYOUT},"amount":10,"callback_url":"here"}`],
      ['invalid_param', 'address', 'not json'],
      ['amount_too_low', 'amount', `{${OXA_PAYOUT},"amount":0.5}`],
      ['amount_too_high', 'amount', `{${OXA_PAYOUT},"amount":100001}`],
    ];
    for (const [type, key, body] of wrong) {
      const reply = await oxa.send(body);
      assert.deepEqual([reply.status, read(reply).error.type, read(reply).error.key], [400, type, key], body);
    }
    assert.equal((await oxa.send('{"address":"b","currency":"BTC","amount":0.01}')).status, 200);
    assert.equal((await oxa.status('1')).status, 404);
  });

  test('two equal creates make two payouts', async () => {
    const { oxa, sandbox } = await start();
    await oxa.create('10', ',"description":"same"');
    await oxa.create('10', ',"description":"same"');
    assert.equal(new Set(sandbox.books().map(({ providerReference }) => providerReference)).size, 2);
  });

  test('the history is filtered, sorted and paged by every parameter', async () => {
    const { oxa, clock } = await start();
    const ids: string[] = [];
    for (const amount of ['30', '10', '20']) {
      ids.push(dataOf(await oxa.create(amount)).track_id ?? '');
      await clock.advance(1000);
    }
    const btc = dataOf(await oxa.send('{"address":"bc1","currency":"BTC","amount":2}')).track_id;
    const [a, b, c] = ids;
    const find = async (query: string) => historyOf(await oxa.history(query)).list.map(({ track_id }) => track_id);
    assert.deepEqual(await find(''), [btc, c, b, a]);
    assert.deepEqual(await find('sort_type=asc'), [a, b, c, btc]);
    assert.deepEqual(await find('sort_by=amount'), [a, c, b, btc]);
    assert.deepEqual(await find('currency=btc'), [btc]);
    assert.deepEqual(await find('network=TRC20&from_amount=10&to_amount=20.00'), [c, b]);
    assert.deepEqual(await find('address=bc1&type=external'), [btc]);
    assert.deepEqual(await find('type=internal'), []);
    assert.deepEqual(await find('status=confirmed'), [b, a]);
    assert.deepEqual(await find('from_date=1767268801&to_date=1767268802'), [c, b]);
    assert.deepEqual(await find('size=3&page=2'), [a]);
    assert.deepEqual(historyOf(await oxa.history('size=3&page=2')).meta, { page: 2, last_page: 2, total: 4 });
    assert.equal(historyOf(await oxa.history('size=1')).list.length, 1);
    for (const query of [
      'size=201',
      'page=0',
      'sort_by=x',
      'sort_type=x',
      'status=paid',
      'from_date=today',
      'type=x',
    ]) {
      const reply = await oxa.history(query);
      assert.deepEqual([reply.status, read(reply).error.key], [400, query.split('=')[0]], query);
    }
  });
});

describe('webhooks', () => {
  test('2328.io posts one when a payout ends, signed inside its body with the payout key', async () => {
    const { io, clock, sandbox } = await start();
    const hook = await listen();
    const { uuid = '' } = resultOf(await io.create({ url_callback: hook.url }));
    await clock.advance(SETTLE_MS);
    await sandbox.idle();
    assert.equal(hook.received.length, 1);
    const [{ body } = { body: '' }] = hook.received;
    assert.ok(isSignedByIo(body, io.payoutKey));
    const { sign: _, ...payload } = JSON.parse(body);
    assert.deepEqual(payload, resultOf(await io.status(uuid)));
  });

  test('OxaPay posts Confirming and Confirmed, signed over the raw body in the HMAC header', async () => {
    const { oxa, clock, sandbox } = await start();
    const hook = await listen(() => ({ status: 200, body: ' OK\n' }));
    await oxa.create('10', `,"callback_url":"${hook.url}","description":"mark"`);
    await clock.advance(SETTLE_MS);
    await sandbox.idle();
    assert.deepEqual(hook.words(), ['Confirming', 'Confirmed']);
    for (const { body, headers } of hook.received) assert.equal(headers.hmac, signOxa(body, oxa.payoutKey));
    assert.match(hook.received[1]?.body ?? '', /"amount":10.0000000000,"value":10.0000000000,/);
    await clock.advance(10 * MINUTE_MS);
    await sandbox.idle();
    assert.equal(hook.received.length, 2);
  });

  test('OxaPay says Failed of a payout that its look-ups call rejected', async () => {
    const { oxa, clock, sandbox } = await start();
    const hook = await listen();
    const { track_id = '' } = dataOf(await oxa.create('10.80', `,"callback_url":"${hook.url}"`));
    await clock.advance(SETTLE_MS);
    await sandbox.idle();
    assert.deepEqual(hook.words(), ['Confirming', 'Failed']);
    assert.equal(dataOf(await oxa.status(track_id)).status, 'rejected');
  });

  const schedules = [
    { slug: 'io2328', waits: [1, 5, 15, 60, 360], refused: { status: 500, body: 'ok' } },
    { slug: 'oxapay', waits: [1, 3, 30, 180], refused: { status: 200, body: 'thanks' } },
  ];
  for (const { slug, waits, refused } of schedules) {
    test(`${slug} repeats what was not acknowledged in its way, on its schedule, and then stops`, async () => {
      const { io, oxa, clock, sandbox } = await start({ settleMs: 0 });
      const hook = await listen(() => refused);
      if (slug === 'io2328') await io.create({ url_callback: hook.url });
      else await oxa.create('10', `,"callback_url":"${hook.url}"`);
      await sandbox.idle();
      for (const [index, minutes] of waits.entries()) {
        await clock.advance(minutes * MINUTE_MS - 1);
        await sandbox.idle();
        assert.equal(hook.received.length, index + 1);
        await clock.advance(1);
        await sandbox.idle();
        assert.equal(hook.received.length, index + 2);
      }
      assert.equal(new Set(hook.received.map(({ body }) => body)).size, 1);
      assert.equal(await clock.advanceToNext(), false);
    });
  }

  test('a receiver that comes back is told by the next attempt', async () => {
    const { io, clock, sandbox } = await start({ settleMs: 0 });
    let status = 503;
    const hook = await listen(() => ({ status, body: '' }));
    await io.create({ url_callback: hook.url });
    await sandbox.idle();
    status = 204;
    await clock.advance(MINUTE_MS);
    await sandbox.idle();
    assert.equal(hook.received.length, 2);
    assert.equal(clock.pending(), 0);
  });
});

describe('faults of a send', () => {
  /** Whether the create was broken off, and what was paid by it. */
  async function sendBroken(amount: string) {
    const { io, sandbox } = await start();
    const failure = await io.create({ amount }).then(
      () => null,
      (error: NodeJS.ErrnoException) => error.code,
    );
    return { failure, paid: sandbox.books().length, again: await io.create({ amount }), books: sandbox.books() };
  }

  for (const [amount, paid] of [
    ['10.61', 1],
    ['10.610', 1],
    ['10.62', 0],
    ['10.63', 0],
    ['10.86', 1],
    ['10.97', 1],
    ['10.98', 1],
  ] as const) {
    test(`${amount}: the connection breaks and ${paid === 1 ? 'the payout was taken' : 'nothing was taken'}`, async () => {
      const { failure, paid: taken, again, books } = await sendBroken(amount);
      assert.equal(failure, 'ECONNRESET');
      assert.equal(taken, paid);
      assert.equal(again.status, amount === '10.98' ? 429 : 200);
      assert.equal(books.length, 1);
    });
  }

  for (const [amount, statuses, paid] of [
    ['10.64', [500, 200], 1],
    ['10.65', [500, 200], 0],
    ['10.66', [503, 503, 200], 0],
    ['10.67', [429, 200], 0],
    ['10.68', [401, 200], 0],
    ['10.70', [422, 422], 0],
    ['10.71', [422, 422], 0],
    ['10.611', [200, 200], 1],
    ['10.60', [200, 200], 1],
  ] as const) {
    test(`${amount}: the sends are answered with ${statuses.join(', ')}`, async () => {
      const { io, sandbox } = await start();
      for (const [index, status] of statuses.entries()) {
        const reply = await io.create({ amount });
        assert.equal(reply.status, status);
        if (status === 429) assert.equal(reply.headers['retry-after'], '1');
        if (index === 0) assert.equal(sandbox.books().length, paid);
      }
      assert.equal(sandbox.books().length, statuses.at(-1) === 200 ? 1 : 0);
    });
  }

  test('a refusal is said in the words of the provider', async () => {
    const { io, oxa } = await start();
    assert.equal(read(await io.create({ amount: '10.70' })).message, 'Insufficient balance');
    assert.deepEqual(Object.keys(read(await io.create({ amount: '10.71' })).errors), ['to_address']);
    assert.equal(read(await oxa.create('10.70')).error.type, 'insufficient_balance');
    assert.equal(read(await oxa.create('10.71')).error.key, 'address');
    const limited = await oxa.create('10.67');
    assert.deepEqual([limited.status, read(limited).status, limited.headers['retry-after']], [429, 429, '1']);
  });

  test('10.69: a payout that was taken is never answered while the client waits', async () => {
    const { io, sandbox, clock } = await start();
    const gone = new AbortController();
    const waiting = io.create({ amount: '10.69' }, gone.signal);
    const answered = waiting.then(
      () => true,
      () => false,
    );
    // A later request on the same server is answered; by then this one was taken too.
    while (sandbox.books().length === 0) await io.balance();
    await clock.advance(24 * 60 * MINUTE_MS);
    await sandbox.idle();
    gone.abort();
    assert.equal(await answered, false);
    assert.equal(resultOf(await io.create({ amount: '10.69' })).status, 'completed');
  });

  for (const [amount, isExpected] of [
    ['10.84', ({ text }: Reply) => text.startsWith('<')],
    ['10.85', ({ text }: Reply) => text === ''],
    ['10.87', (reply: Reply) => reply.text.length > 10_000_000 && resultOf(reply).status === 'pending'],
  ] as const) {
    test(`${amount}: a payout that was taken is answered with a 200 of the wrong body`, async () => {
      const { io, sandbox } = await start();
      const reply = await io.create({ amount });
      assert.equal(reply.status, 200);
      assert.ok(isExpected(reply));
      assert.equal(sandbox.books().length, 1);
    });
  }

  test('10.88: a second create under the same order number is a new payment', async () => {
    const { io, sandbox } = await start();
    const first = resultOf(await io.create({ amount: '10.88' }));
    const second = resultOf(await io.create({ amount: '10.88' }));
    assert.notEqual(first.uuid, second.uuid);
    assert.equal(sandbox.books().length, 2);
  });

  test('10.89: the final webhook is acknowledged before the create is answered', async () => {
    const { io } = await start();
    const order: string[] = [];
    const hook = await listen(() => {
      order.push('webhook');
      return { status: 200, body: 'ok' };
    });
    const { status } = resultOf(await io.create({ amount: '10.89', url_callback: hook.url }));
    order.push('answer');
    assert.deepEqual(order, ['webhook', 'answer']);
    assert.deepEqual([hook.words(), status], [['completed'], 'pending']);
  });

  test('10.98: after the lost answer the second send gets 429, the third 401, and the fourth the first payout', async () => {
    const { io, sandbox } = await start();
    await assert.rejects(io.create({ amount: '10.98' }));
    assert.equal((await io.create({ amount: '10.98' })).status, 429);
    assert.equal((await io.create({ amount: '10.98' })).status, 401);
    assert.equal(resultOf(await io.create({ amount: '10.98' })).uuid, sandbox.books()[0]?.providerReference);
  });

  test('10.99: the answer comes after one second', async () => {
    const { io, sandbox, clock } = await start();
    let answered = false;
    const reply = io.create({ amount: '10.99' }).finally(() => {
      answered = true;
    });
    while (sandbox.books().length === 0) await io.balance();
    await clock.advance(999);
    await io.balance();
    assert.equal(answered, false);
    await clock.advance(1);
    assert.equal((await reply).status, 200);
  });

  test('the sends of two orders are counted apart, and by description where there is no order number', async () => {
    const { io, oxa } = await start();
    assert.equal((await io.create({ amount: '10.65', order_id: 'a' })).status, 500);
    assert.equal((await io.create({ amount: '10.65', order_id: 'b' })).status, 500);
    assert.equal((await io.create({ amount: '10.65', order_id: 'a' })).status, 200);
    assert.equal((await oxa.create('10.65', ',"description":"a"')).status, 500);
    assert.equal((await oxa.create('10.65', ',"description":"b"')).status, 500);
    assert.equal((await oxa.create('10.65', ',"description":"a"')).status, 200);
    assert.equal((await oxa.create('10.65')).status, 500);
    assert.equal((await oxa.create('10.65')).status, 200);
  });
});

describe('faults of look-ups', () => {
  for (const [amount, statuses] of [
    ['10.90', [500, 500, 500, 200]],
    ['10.91', [429, 429, 429, 200]],
  ] as const) {
    test(`${amount}: look-ups are answered with ${statuses.join(', ')}, by id and in the history`, async () => {
      const { io, oxa } = await start();
      const { uuid = '' } = resultOf(await io.create({ amount }));
      await oxa.create(amount);
      for (const status of statuses) {
        for (const reply of [await io.status(uuid), await oxa.history('')]) {
          assert.equal(reply.status, status);
          assert.equal(reply.headers['retry-after'], status === 429 ? '1' : undefined);
        }
      }
    });
  }

  test('10.92: the first look-up is not answered, the second is', async () => {
    const { io } = await start();
    const { uuid = '' } = resultOf(await io.create({ amount: '10.92' }));
    const gone = new AbortController();
    // Two look-ups may overtake one another: whichever comes first hangs, and every other is answered.
    const asked = [io.status(uuid, gone.signal), io.status(uuid, gone.signal)];
    assert.equal((await Promise.any(asked)).status, 200);
    assert.equal((await io.status(uuid)).status, 200);
    gone.abort();
    const ends = await Promise.allSettled(asked);
    assert.deepEqual(ends.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
  });

  test('10.93: the first two look-ups are cut', async () => {
    const { oxa } = await start();
    const { track_id = '' } = dataOf(await oxa.create('10.93'));
    await assert.rejects(oxa.status(track_id), { code: 'ECONNRESET' });
    await assert.rejects(oxa.history(''), { code: 'ECONNRESET' });
    assert.equal((await oxa.status(track_id)).status, 200);
  });

  test('10.97: look-ups do not show the order for ten minutes, while a repeat returns it', async () => {
    const { io, oxa, clock, sandbox } = await start();
    await assert.rejects(io.create({ amount: '10.97' }));
    await assert.rejects(oxa.create('10.97'));
    const { uuid = '' } = resultOf(await io.create({ amount: '10.97' }));
    assert.equal(sandbox.books().length, 2);
    await clock.advance(10 * MINUTE_MS - 1);
    assert.equal((await io.status(uuid)).status, 404);
    assert.deepEqual(historyOf(await oxa.history('')).list, []);
    await clock.advance(1);
    assert.equal(resultOf(await io.status(uuid)).status, 'completed');
    assert.equal(historyOf(await oxa.history('')).list.length, 1);
  });
});

describe('faults of what is told', () => {
  /** A payout of 2328.io with a receiver of its webhooks. */
  async function follow(amount: string) {
    const { io, clock, sandbox } = await start();
    const hook = await listen();
    const { uuid = '', status } = resultOf(await io.create({ amount, url_callback: hook.url }));
    return {
      ...{ io, hook, sandbox, clock, uuid, first: status },
      word: async () => resultOf(await io.status(uuid)).status,
      async pass(ms: number) {
        await clock.advance(ms);
        await sandbox.idle();
      },
    };
  }

  test('10.72 and 10.73: the amount or the address is shown wrongly everywhere, and stored rightly', async () => {
    const { io, oxa, sandbox } = await start();
    const amount = resultOf(await io.create({ amount: '10.72', order_id: 'a' }));
    assert.deepEqual([amount.amount, amount.to_address], ['11.72', IO_PAYOUT.to_address]);
    const address = resultOf(await io.create({ amount: '10.73', order_id: 'b' }));
    assert.equal(address.amount, '10.73');
    assert.notEqual(address.to_address, IO_PAYOUT.to_address);
    assert.deepEqual(resultOf(await io.status(address.uuid ?? '')), address);
    await oxa.create('10.72');
    const { list } = historyOf(await oxa.history('from_amount=10.72&to_amount=10.72'));
    assert.equal(list[0]?.amount, 11.72);
    assert.deepEqual(
      sandbox.books().map((order) => [order.amount, order.address]),
      ['10.72', '10.73', '10.72'].map((text) => [text, IO_PAYOUT.to_address]),
    );
  });

  test('10.74: the status is a word that no page lists until two minutes have passed', async () => {
    const { first, word, pass } = await follow('10.74');
    assert.equal(first, 'under_review');
    await pass(2 * MINUTE_MS - 1);
    assert.equal(await word(), 'under_review');
    await pass(1);
    assert.equal(await word(), 'pending');
    await pass(SETTLE_MS);
    assert.equal(await word(), 'completed');
  });

  test('10.75: a webhook comes twice', async () => {
    const { hook, pass } = await follow('10.75');
    await pass(SETTLE_MS);
    assert.deepEqual(hook.words(), ['completed', 'completed']);
  });

  test('10.76: a webhook comes five minutes after the change', async () => {
    const { hook, pass, word } = await follow('10.76');
    await pass(SETTLE_MS);
    assert.equal(await word(), 'completed');
    await pass(5 * MINUTE_MS - 1);
    assert.deepEqual(hook.words(), []);
    await pass(1);
    assert.deepEqual(hook.words(), ['completed']);
  });

  test('10.77: the final webhook comes first, and the one before it after', async () => {
    const { hook, pass } = await follow('10.77');
    await pass(SETTLE_MS + 1000);
    assert.deepEqual(hook.words(), ['completed', 'pending']);
    const { oxa, clock, sandbox } = await start();
    const other = await listen();
    await oxa.create('10.77', `,"callback_url":"${other.url}"`);
    await clock.advance(SETTLE_MS);
    await sandbox.idle();
    await clock.advance(1000);
    await sandbox.idle();
    assert.deepEqual(other.words(), ['Confirmed', 'Confirming']);
  });

  test('10.78: before each true webhook comes a forged one that says failed', async () => {
    const { hook, pass, io } = await follow('10.78');
    await pass(SETTLE_MS);
    assert.deepEqual(hook.words(), ['failed', 'completed']);
    assert.deepEqual(
      hook.received.map(({ body }) => isSignedByIo(body, io.payoutKey)),
      [false, true],
    );
  });

  test('10.79: no webhook comes', async () => {
    const { hook, pass, word } = await follow('10.79');
    await pass(24 * 60 * MINUTE_MS);
    assert.equal(await word(), 'completed');
    assert.deepEqual(hook.words(), []);
  });

  test('10.80 to 10.82: the payout ends failed, failed for compliance, cancelled, and its money comes back', async () => {
    const { io, oxa, clock, sandbox } = await start();
    const ends = [];
    for (const amount of ['10.80', '10.81', '10.82']) {
      const { uuid = '' } = resultOf(await io.create({ amount, order_id: amount }));
      const { track_id = '' } = dataOf(await oxa.create(amount));
      await clock.advance(SETTLE_MS);
      const { status, error_type } = resultOf(await io.status(uuid));
      ends.push([status, error_type, dataOf(await oxa.status(track_id)).status]);
    }
    assert.deepEqual(ends, [
      ['failed', null, 'rejected'],
      ['failed', 'aml_risk', 'rejected'],
      ['cancelled', null, 'canceled'],
    ]);
    assert.ok(sandbox.books().every(({ returned }) => returned));
    assert.equal(dataOf(await oxa.balance('?currency=USDT')).USDT, 1_000_000);
  });

  test('10.83: the payout takes a day to finish', async () => {
    const { pass, word } = await follow('10.83');
    await pass(24 * 60 * MINUTE_MS - 1);
    assert.equal(await word(), 'pending');
    await pass(1);
    assert.equal(await word(), 'completed');
  });

  test('10.94: after completed, one webhook and one look-up say pending', async () => {
    const { hook, pass, word } = await follow('10.94');
    await pass(SETTLE_MS);
    assert.equal(await word(), 'completed');
    await pass(SETTLE_MS);
    assert.deepEqual([await word(), await word()], ['pending', 'completed']);
    assert.deepEqual(hook.words(), ['completed', 'pending']);
  });

  test('10.95: look-ups and a webhook say failed, and a minute later completed', async () => {
    const { hook, pass, word, sandbox } = await follow('10.95');
    await pass(SETTLE_MS);
    assert.equal(await word(), 'failed');
    await pass(MINUTE_MS);
    assert.equal(await word(), 'completed');
    assert.deepEqual(hook.words(), ['failed', 'completed']);
    assert.deepEqual(
      sandbox.books().map(({ state, returned }) => [state, returned]),
      [['COMPLETED', false]],
    );
  });

  test('10.96: a minute after completed a true webhook says failed, and look-ups do not', async () => {
    const { hook, pass, word, io } = await follow('10.96');
    await pass(SETTLE_MS);
    await pass(MINUTE_MS);
    assert.deepEqual(hook.words(), ['completed', 'failed']);
    assert.ok(hook.received.every(({ body }) => isSignedByIo(body, io.payoutKey)));
    assert.equal(await word(), 'completed');
  });
});

/**
 * A provider of two steps, made for these tests: what is asked stands in the path and the query, and every answer says
 * all that the sandbox knows. `PAPER` waits to be confirmed, `SLIP` is its like without anything that can be asked.
 */
const PAPER: SandboxSide = {
  slug: 'paper',
  basePath: '',
  currencies: ['CNY'],
  course: ['ACCEPTED', 'HELD', 'CONFIRMING'],
  told: ['MATERIAL', 'HELD', 'CONFIRMING'],
  onDuplicate: 'refuse',
  plays: [],
  debitAt: 'confirm',
  actions: {
    CONFIRM: ['HELD'],
    CANCEL: ['ACCEPTED'],
    AMEND: ['ACCEPTED', 'MATERIAL'],
    ATTACH_DOCUMENT: ['MATERIAL'],
    COMPLETE_DOCUMENTS: ['MATERIAL'],
  },
  callback: 'account',
  webhookWaitsMs: [0, MINUTE_MS],
  makeCredentials: (bytes) => ({ key: bytes(8).toString('hex') }),
  makeReference: (random) => random.toString('hex'),
  sample: () => assert.fail('no conformance is tried with it'),
  read: ({ path, query }) => readPaper(path, query),
  refuse: (refusal, action) => ({ status: 400, body: JSON.stringify({ refusal, action }) }),
  writeWebhook: (order, { key = '' }, now) => ({ headers: { key, at: now.toISOString() }, body: picture(order).body }),
  isAcknowledged: (status) => status === 200,
};
const SLIP: SandboxSide = {
  ...PAPER,
  slug: 'slip',
  course: ['ACCEPTED'],
  told: [],
  debitAt: 'accept',
  actions: {},
  callback: 'order',
};

function readPaper(path: string, query: URLSearchParams): Asked {
  const [, what = '', action = ''] = path.split('/');
  const text = (name: string) => query.get(name) ?? '';
  const details: Record<string, string> = query.has('note') ? { note: text('note') } : {};
  const order = query.has('mark') ? { mark: text('mark') } : { providerReference: text('id') };
  switch (what) {
    case 'create':
      return { kind: 'create', order: toNewOrder(text('mark'), text('amount'), details), answer: picture };
    case 'batch':
      return {
        kind: 'batch',
        orders: query.getAll('order').map((each) => {
          const [mark = '', amount = ''] = each.split(':');
          return amount === '0' ? { refusal: 'INVALID_DESTINATION' } : toNewOrder(mark, amount, {});
        }),
        answer: (results) => ({
          status: 200,
          body: JSON.stringify(results.map((each) => (typeof each === 'object' ? each.state : (each ?? null)))),
        }),
      };
    case 'act':
      return { kind: 'act', action: actionOf(action), order, details, answer: picture };
    default:
      return { kind: 'find', providerReference: text('id'), answer: picture };
  }
}

function actionOf(text: string): Action {
  const actions: readonly Action[] = ['CONFIRM', 'CANCEL', 'AMEND', 'ATTACH_DOCUMENT', 'COMPLETE_DOCUMENTS'];
  return actions.find((action) => action === text) ?? assert.fail(text);
}

function toNewOrder(mark: string, text: string, details: Readonly<Record<string, string>>): NewOrder {
  const amount = parseDecimal(text) ?? assert.fail(text);
  const fee = parseDecimal('0') ?? assert.fail();
  return {
    ...{ mark, amount, currency: 'CNY', network: '', address: 'account-1', memo: null, fee, received: amount },
    debit: { amount, currency: 'CNY' },
    callbackUrl: null,
    details,
  };
}

function picture({ providerReference, state, details, debited, returned, documents }: Order): SandboxAnswer {
  const body = JSON.stringify({ id: providerReference, status: state, details, debited, returned, documents });
  return { status: 200, body };
}

/** What an answer of `PAPER` says. */
interface Picture {
  readonly id: string;
  readonly status: string;
  readonly details: Readonly<Record<string, string>>;
  readonly debited: boolean;
  readonly returned: boolean;
  readonly documents: number;
  readonly refusal: string;
  readonly action: string | null;
}

/** A sandbox of `PAPER` and `SLIP`, with a receiver of the webhooks of the one. */
async function startPaper(options: Options = {}) {
  const { sandbox, clock } = await open({ sides: [PAPER, SLIP], ...options });
  const hook = await listen();
  sandbox.registerCallback('paper', hook.url);
  const to = (side: string, path: string) => call('POST', `${sandbox.baseUrl(side)}/${path}`, {});
  const see = async (path: string): Promise<Picture> => JSON.parse((await to('paper', path)).text);
  return {
    ...{ sandbox, clock, hook, to, see },
    /** Resolves to how a request to `PAPER` ended: its status and refusal, or the code of what broke it off. */
    async end(path: string) {
      try {
        const { status, text } = await to('paper', path);
        const refusal = text.startsWith('{') ? JSON.parse(text).refusal : undefined;
        return refusal ?? String(status);
      } catch (error) {
        return error instanceof Error && 'code' in error ? error.code : 'broken';
      }
    },
    /** The order of the mark as it truly stands. */
    truth: (mark = 'a') => sandbox.books().find((order) => order.mark === mark)?.state,
    async pass(ms: number) {
      await clock.advance(ms);
      await sandbox.idle();
    },
  };
}

describe('what is asked of an order', () => {
  test('an order waits where it is held, and goes on to its end once it is confirmed', async () => {
    const { see, pass, hook, truth, clock, sandbox } = await startPaper();
    const { id, debited } = await see('create?mark=a&amount=10');
    assert.equal(debited, false);
    await pass(SETTLE_MS / 3);
    assert.equal(truth(), 'HELD');
    await pass(24 * 60 * MINUTE_MS);
    assert.deepEqual([truth(), clock.pending()], ['HELD', 0]);
    const confirmed = await see(`act/CONFIRM?id=${id}&note=yes`);
    assert.deepEqual([confirmed.status, confirmed.debited, confirmed.details], ['CONFIRMING', true, { note: 'yes' }]);
    await pass(SETTLE_MS / 3);
    assert.deepEqual([truth(), (await see(`find?id=${id}`)).status], ['COMPLETED', 'COMPLETED']);
    assert.deepEqual(hook.words(), ['HELD', 'CONFIRMING', 'COMPLETED']);
    assert.deepEqual(
      sandbox.books().map(({ debited, returned }) => [debited, returned]),
      [[true, false]],
    );
  });

  test('an action is refused by its name where there is no order, or its state does not allow it', async () => {
    const { see, to, pass } = await startPaper();
    assert.deepEqual(await see('act/CONFIRM?id=nobody'), { refusal: 'NOT_FOUND', action: 'CONFIRM' });
    assert.deepEqual(await see('act/AMEND?mark=nobody'), { refusal: 'NOT_FOUND', action: 'AMEND' });
    await see('create?mark=a&amount=10');
    assert.deepEqual(await see('act/CONFIRM?mark=a'), { refusal: 'WRONG_STATE', action: 'CONFIRM' });
    await pass(SETTLE_MS);
    assert.deepEqual(await see('act/CANCEL?mark=a'), { refusal: 'WRONG_STATE', action: 'CANCEL' });
    assert.equal((await see('act/CONFIRM?mark=a')).status, 'CONFIRMING');
    assert.deepEqual(await see('act/CONFIRM?mark=a'), { refusal: 'WRONG_STATE', action: 'CONFIRM' });
    await to('slip', 'create?mark=a&amount=10');
    assert.equal(JSON.parse((await to('slip', 'act/CANCEL?mark=a')).text).refusal, 'WRONG_STATE');
  });

  test('the wallet pays when an order is confirmed, and not before', async () => {
    const { see, pass, truth } = await startPaper();
    await see('create?mark=a&amount=600000');
    await see('create?mark=b&amount=600000');
    await pass(SETTLE_MS);
    assert.equal((await see('act/CONFIRM?mark=a')).status, 'CONFIRMING');
    assert.deepEqual(await see('act/CONFIRM?mark=b'), { refusal: 'INSUFFICIENT_BALANCE', action: 'CONFIRM' });
    assert.equal(truth('b'), 'HELD');
  });

  test('a cancelled order goes no further, and what was debited comes back', async () => {
    const { see, pass, truth, hook, sandbox } = await startPaper();
    const { id } = await see('create?mark=a&amount=10');
    const { status, debited, returned } = await see(`act/CANCEL?id=${id}`);
    assert.deepEqual([status, debited, returned], ['CANCELLED', false, true]);
    await pass(24 * 60 * MINUTE_MS);
    assert.equal(truth(), 'CANCELLED');
    assert.deepEqual(hook.words(), ['CANCELLED']);

    const early: SandboxSide = { ...PAPER, debitAt: 'accept' };
    const paid = await startPaper({ sides: [early] });
    await paid.see('create?mark=a&amount=600000');
    assert.deepEqual(await paid.see('create?mark=b&amount=600000'), { refusal: 'INSUFFICIENT_BALANCE', action: null });
    assert.equal((await paid.see('act/CANCEL?mark=a')).returned, true);
    assert.equal((await paid.see('create?mark=b&amount=600000')).status, 'ACCEPTED');
    assert.equal(sandbox.books().length, 1);
  });

  test('an amendment is remembered, is no change of state, and does not hold the order up', async () => {
    const { see, pass, hook, truth } = await startPaper();
    await see('create?mark=a&amount=10&note=first');
    await pass(SETTLE_MS / 3 - 1);
    const { status, details } = await see('act/AMEND?mark=a&note=second');
    assert.deepEqual([status, details], ['ACCEPTED', { note: 'second' }]);
    assert.deepEqual(hook.words(), []);
    await pass(1);
    assert.equal(truth(), 'HELD');
    assert.deepEqual(hook.words(), ['HELD']);
  });

  test('10.60: an order wants documents, and is held once they are there and complete', async () => {
    const { see, pass, hook, truth } = await startPaper();
    await see('create?mark=a&amount=10.60');
    await pass(SETTLE_MS);
    assert.equal(truth(), 'MATERIAL');
    assert.equal((await see('act/COMPLETE_DOCUMENTS?mark=a')).refusal, 'WRONG_STATE');
    assert.equal((await see('act/ATTACH_DOCUMENT?mark=a&note=invoice')).documents, 1);
    assert.equal((await see('act/ATTACH_DOCUMENT?mark=a')).documents, 2);
    const { status, documents, details } = await see('act/COMPLETE_DOCUMENTS?mark=a');
    assert.deepEqual([status, documents, details], ['HELD', 2, { note: 'invoice' }]);
    await see('act/CONFIRM?mark=a');
    await pass(SETTLE_MS);
    assert.equal(truth(), 'COMPLETED');
    assert.deepEqual(hook.words(), ['MATERIAL', 'HELD', 'CONFIRMING', 'COMPLETED']);
  });

  test('what is asked for the same order twice at one time is done once', async () => {
    const { see, pass, sandbox } = await startPaper();
    await see('create?mark=a&amount=10');
    await pass(SETTLE_MS);
    const answers = await Promise.all([see('act/CONFIRM?mark=a'), see('act/CONFIRM?mark=a')]);
    assert.deepEqual(answers.map(({ status, refusal }) => status ?? refusal).sort(), ['CONFIRMING', 'WRONG_STATE']);
    await pass(SETTLE_MS);
    assert.equal(sandbox.books().filter(({ state }) => state === 'COMPLETED').length, 1);
  });

  test('a held order that is not let pass by its review is never held, and one that fails is paid back', async () => {
    const { see, pass, truth, hook, sandbox } = await startPaper();
    for (const decimals of ['80', '81', '82']) await see(`create?mark=${decimals}&amount=10.${decimals}`);
    await pass(SETTLE_MS / 3);
    assert.deepEqual(['80', '81', '82'].map(truth), ['HELD', 'BLOCKED', 'CANCELLED']);
    await see('act/CONFIRM?mark=80');
    await pass(SETTLE_MS);
    assert.equal(truth('80'), 'FAILED');
    assert.deepEqual(hook.words().sort(), ['BLOCKED', 'CANCELLED', 'CONFIRMING', 'FAILED', 'HELD']);
    assert.ok(sandbox.books().every(({ returned }) => returned));
  });

  test('10.89: an order is held, and that told, before its create is answered', async () => {
    const { see, hook, truth } = await startPaper();
    assert.equal((await see('create?mark=a&amount=10.89')).status, 'ACCEPTED');
    assert.deepEqual([hook.words(), truth()], [['HELD'], 'HELD']);
  });

  test('10.97: an order that look-ups do not show cannot be acted upon either', async () => {
    const { end, pass } = await startPaper();
    await end('create?mark=a&amount=10.97');
    assert.equal(await end('act/AMEND?mark=a'), 'NOT_FOUND');
    await pass(10 * MINUTE_MS);
    assert.equal(await end('act/CONFIRM?mark=a'), '200');
  });

  test('a held order, its documents and what was planned for it outlast a restart', async () => {
    const dir = directory();
    const clock = createManualClock();
    const first = await startPaper({ dir, clock });
    const noted = await first.see('create?mark=a&amount=10&note=2026-01-01T12:00:00.000Z');
    await first.see('create?mark=b&amount=10.60');
    await first.pass(SETTLE_MS);
    await first.see('act/ATTACH_DOCUMENT?mark=b');
    await first.see('act/CONFIRM?mark=a');
    await first.sandbox.idle();
    await first.sandbox.close();

    const second = await startPaper({ dir, clock });
    assert.deepEqual((await second.see(`find?id=${noted.id}`)).details, noted.details);
    assert.equal((await second.see('act/COMPLETE_DOCUMENTS?mark=b')).status, 'HELD');
    await second.pass(SETTLE_MS);
    assert.deepEqual([second.truth('a'), second.truth('b')], ['COMPLETED', 'HELD']);
    assert.deepEqual(second.hook.words(), ['HELD', 'COMPLETED']);
  });
});

describe('faults of what is asked of an order', () => {
  /** The way to where an action is allowed. */
  const PREPARE: Readonly<Record<string, readonly string[]>> = {
    CANCEL: [],
    CONFIRM: [],
    ATTACH_DOCUMENT: [],
    COMPLETE_DOCUMENTS: ['act/ATTACH_DOCUMENT?mark=a'],
  };
  for (const [decimals, action, ends, states] of [
    ['41', 'CANCEL', ['ECONNRESET', 'WRONG_STATE'], ['CANCELLED', 'CANCELLED']],
    ['42', 'CANCEL', ['ECONNRESET', '200'], ['ACCEPTED', 'CANCELLED']],
    ['43', 'CANCEL', ['500', 'WRONG_STATE'], ['CANCELLED', 'CANCELLED']],
    ['44', 'CANCEL', ['WRONG_STATE', 'WRONG_STATE'], ['ACCEPTED', 'ACCEPTED']],
    ['45', 'CANCEL', ['RATE_LIMITED', '200'], ['ACCEPTED', 'CANCELLED']],
    ['46', 'ATTACH_DOCUMENT', ['ECONNRESET', '200'], ['MATERIAL', 'MATERIAL']],
    ['47', 'ATTACH_DOCUMENT', ['500', '200'], ['MATERIAL', 'MATERIAL']],
    ['48', 'COMPLETE_DOCUMENTS', ['ECONNRESET', 'WRONG_STATE'], ['HELD', 'HELD']],
    ['49', 'COMPLETE_DOCUMENTS', ['ECONNRESET', '200'], ['MATERIAL', 'HELD']],
    ['51', 'CONFIRM', ['ECONNRESET', 'WRONG_STATE'], ['CONFIRMING', 'CONFIRMING']],
    ['52', 'CONFIRM', ['ECONNRESET', '200'], ['HELD', 'CONFIRMING']],
    ['53', 'CONFIRM', ['500', 'WRONG_STATE'], ['CONFIRMING', 'CONFIRMING']],
    ['54', 'CONFIRM', ['500', '200'], ['HELD', 'CONFIRMING']],
    ['55', 'CONFIRM', ['RATE_LIMITED', '200'], ['HELD', 'CONFIRMING']],
    ['56', 'CONFIRM', ['WRONG_CREDENTIALS', '200'], ['HELD', 'CONFIRMING']],
    ['57', 'CONFIRM', ['INSUFFICIENT_BALANCE', 'INSUFFICIENT_BALANCE', '200'], ['HELD', 'HELD', 'CONFIRMING']],
    ['58', 'CONFIRM', ['OUTSIDE_HOURS', 'OUTSIDE_HOURS', '200'], ['HELD', 'HELD', 'CONFIRMING']],
    ['59', 'CONFIRM', ['200', 'WRONG_STATE'], ['CONFIRMING', 'CONFIRMING']],
  ] as const) {
    test(`10.${decimals}: ${action} ends with ${ends.join(', ')}`, async () => {
      const { end, pass, truth } = await startPaper();
      assert.equal(await end(`create?mark=a&amount=10.${decimals}`), '200');
      await pass(SETTLE_MS);
      for (const path of PREPARE[action] ?? []) assert.equal(await end(path), '200');
      for (const [index, expected] of ends.entries()) {
        assert.equal(await end(`act/${action}?mark=a`), expected);
        assert.equal(truth(), states[index]);
      }
    });
  }

  test('10.45 and 10.55: the 429 says when to come again, 10.59: the 200 is no JSON', async () => {
    const { to, pass } = await startPaper();
    for (const decimals of ['45', '55', '59']) await to('paper', `create?mark=${decimals}&amount=10.${decimals}`);
    await pass(SETTLE_MS);
    assert.equal((await to('paper', 'act/CANCEL?mark=45')).headers['retry-after'], '1');
    assert.equal((await to('paper', 'act/CONFIRM?mark=55')).headers['retry-after'], '1');
    assert.match((await to('paper', 'act/CONFIRM?mark=59')).text, /^</);
  });

  test('10.46 and 10.47: the document whose upload was not answered is there only where it was taken', async () => {
    const { end, see, pass } = await startPaper();
    for (const [decimals, documents] of [
      ['46', 2],
      ['47', 1],
    ] as const) {
      await end(`create?mark=${decimals}&amount=10.${decimals}`);
      await pass(SETTLE_MS);
      await end(`act/ATTACH_DOCUMENT?mark=${decimals}`);
      assert.equal((await see(`act/ATTACH_DOCUMENT?mark=${decimals}`)).documents, documents);
    }
  });

  test('10.41 to 10.45: an order can be cancelled for ten minutes, and then goes on', async () => {
    const { end, pass, truth } = await startPaper();
    await end('create?mark=a&amount=10.44');
    await pass(10 * MINUTE_MS);
    assert.equal(truth(), 'ACCEPTED');
    await pass(SETTLE_MS / 3);
    assert.equal(truth(), 'HELD');
  });

  test('a provider of which nothing can be asked takes the ordinary way', async () => {
    const { to, pass, sandbox } = await startPaper();
    const decimals = [...FAULTS].filter(([, { actions, wantsDocuments }]) => actions ?? wantsDocuments);
    for (const [each] of decimals)
      assert.equal((await to('slip', `create?mark=${each}&amount=10.${each}`)).status, 200);
    await pass(SETTLE_MS);
    assert.deepEqual(new Set(sandbox.books().map(({ state }) => state)), new Set(['COMPLETED']));
    assert.equal(sandbox.books().length, 19);
  });
});

describe('faults of money that comes back', () => {
  for (const [decimals, end] of [
    ['39', 'FAILED'],
    ['40', 'COMPLETED'],
  ] as const) {
    test(`10.${decimals}: ${end}, and a minute later the money is back`, async () => {
      const { see, pass, hook, sandbox } = await startPaper();
      const { id } = await see(`create?mark=a&amount=10.${decimals}`);
      await pass(SETTLE_MS);
      await see('act/CONFIRM?mark=a');
      await pass(SETTLE_MS);
      const ended = await see(`find?id=${id}`);
      assert.deepEqual([ended.status, ended.returned], [end, false]);
      await pass(MINUTE_MS);
      const back = await see(`find?id=${id}`);
      assert.deepEqual([back.status, back.returned], ['REFUNDED', true]);
      assert.deepEqual(hook.words().slice(-2), [end, 'REFUNDED']);
      await see('create?mark=b&amount=1000000');
      await pass(SETTLE_MS);
      assert.equal((await see('act/CONFIRM?mark=b')).status, 'CONFIRMING', 'the wallet is full again');
      assert.equal(sandbox.books().length, 2);
    });
  }
});

describe('several creates in one request', () => {
  /** The marks that were taken. */
  const taken = ({ sandbox }: { sandbox: Sandbox }) => sandbox.books().map(({ mark }) => mark);

  test('each is a create of its own, taken or refused, and all are answered together', async () => {
    const paper = await startPaper();
    const reply = await paper.to('paper', 'batch?order=a:10&order=b:10.70&order=a:10&order=c:0&order=d:20');
    const results = ['ACCEPTED', 'INSUFFICIENT_BALANCE', 'DUPLICATE', 'INVALID_DESTINATION', 'ACCEPTED'];
    assert.deepEqual([reply.status, JSON.parse(reply.text)], [200, results]);
    assert.deepEqual(taken(paper), ['a', 'd']);
    const slip = await paper.to('slip', 'batch?order=a:600000&order=b:600000&order=c:400000');
    assert.deepEqual(JSON.parse(slip.text), ['ACCEPTED', 'INSUFFICIENT_BALANCE', 'ACCEPTED']);
  });

  test('10.36: an order is taken, and the answer to its batch does not say so', async () => {
    const paper = await startPaper();
    const { text } = await paper.to('paper', 'batch?order=a:10&order=b:10.36');
    assert.deepEqual(JSON.parse(text), ['ACCEPTED', null]);
    assert.equal((await paper.see('create?mark=c&amount=10.36')).status, 'ACCEPTED');
    assert.deepEqual(taken(paper), ['a', 'b', 'c']);
  });

  for (const [order, end, marks] of [
    ['b:10.61', 'ECONNRESET', ['a', 'b', 'c']],
    ['b:10.64', '500', ['a', 'b', 'c']],
    ['b:10.84', '200', ['a', 'b', 'c']],
    ['b:10.62', 'ECONNRESET', []],
    ['b:10.65', '500', []],
    ['b:10.67', 'RATE_LIMITED', []],
    ['b:10.68', 'WRONG_CREDENTIALS', []],
    ['b:10.38', 'MAINTENANCE', []],
    ['b:10.61&order=d:10.65', 'ECONNRESET', ['a', 'b', 'c']],
    ['b:10.65&order=d:10.61', '500', []],
  ] as const) {
    test(`${order} among others: ${end}, and ${marks.length === 0 ? 'none is' : 'they are'} taken`, async () => {
      const paper = await startPaper();
      assert.equal(await paper.end(`batch?order=a:10&order=${order}&order=c:20`), end);
      assert.deepEqual(taken(paper), marks);
    });
  }

  test('10.38: the first two sends get the maintenance answer of the provider', async () => {
    const { end, see } = await startPaper();
    assert.deepEqual(await see('create?mark=a&amount=10.38'), { refusal: 'MAINTENANCE', action: null });
    assert.equal(await end('create?mark=a&amount=10.38'), 'MAINTENANCE');
    assert.equal(await end('create?mark=a&amount=10.38'), '200');
  });
});

describe('webhooks to the address of an account', () => {
  test('they go where the account has them sent, are kept over a restart, and a URL can be told over HTTP', async () => {
    const dir = directory();
    const first = await startPaper({ dir });
    await first.sandbox.close();
    const { sandbox, clock } = await open({ dir, sides: [PAPER, SLIP] });
    const create = (side: string, mark: string) =>
      call('POST', `${sandbox.baseUrl(side)}/create?mark=${mark}&amount=10`, {});
    const register = (slug: string, body: string) =>
      call('POST', `${sandbox.url}/_sandbox/callbacks/${slug}`, {}, body);
    await create('paper', 'a');
    await create('slip', 'a');
    await clock.advance(SETTLE_MS);
    await sandbox.idle();
    assert.deepEqual(first.hook.words(), ['HELD'], 'SLIP has no address of its account');

    const other = await listen();
    assert.equal((await register('paper', JSON.stringify({ url: other.url }))).status, 200);
    await create('paper', 'b');
    await clock.advance(SETTLE_MS);
    await sandbox.idle();
    assert.deepEqual([first.hook.words(), other.words()], [['HELD'], ['HELD']]);

    for (const body of ['', '[]', 'null', '{"url":1}', '{"url":"ftp://example.com"}']) {
      assert.equal((await register('paper', body)).status, 400, body);
    }
    assert.equal((await register('nobody', JSON.stringify({ url: other.url }))).status, 404);
    assert.equal((await call('GET', `${sandbox.url}/_sandbox/callbacks/paper`, {})).status, 404);
    assert.throws(() => sandbox.registerCallback('nobody', other.url), RangeError);
    assert.throws(() => sandbox.registerCallback('paper', 'here'), RangeError);
  });

  test('each attempt is signed at its own time, and a forgery by a stranger', async () => {
    const { see, sandbox, clock } = await startPaper();
    const hook = await listen(() => ({ status: 500, body: '' }));
    sandbox.registerCallback('paper', hook.url);
    await see('create?mark=a&amount=10.78');
    await clock.advance(SETTLE_MS / 3);
    await sandbox.idle();
    await clock.advance(MINUTE_MS);
    await sandbox.idle();
    const { key } = sandbox.credentials('paper');
    assert.deepEqual(
      hook.received.map(({ headers }) => headers.key === key),
      [false, true, false, true],
    );
    assert.deepEqual(hook.words(), ['FAILED', 'HELD', 'FAILED', 'HELD']);
    assert.deepEqual(
      hook.received.map(({ headers }) => headers.at),
      ['00.500', '00.500', '00.500', '00.500'].map((at, index) => `2026-01-01T12:0${index < 2 ? 0 : 1}:${at}Z`),
    );
  });
});

describe('what the sandbox remembers', () => {
  test('credentials, wallets, orders, fault counts and webhooks outlast a restart', async () => {
    const dir = directory();
    const clock = createManualClock();
    const hook = await listen(() => ({ status: 500, body: '' }));
    const first = await start({ dir, clock });
    const { uuid = '' } = resultOf(await first.io.create({ order_id: 'a', url_callback: hook.url }));
    assert.equal((await first.io.create({ order_id: 'b', amount: '10.66' })).status, 503);
    await clock.advance(SETTLE_MS);
    await first.sandbox.idle();
    const { track_id: trackId = '' } = dataOf(await first.oxa.create('10'));
    await first.sandbox.close();
    assert.equal(hook.received.length, 1);

    const second = await start({ dir, clock });
    assert.deepEqual(
      { ...second.sandbox.credentials('io2328'), baseUrl: '' },
      { ...first.sandbox.credentials('io2328'), baseUrl: '' },
    );
    assert.equal(resultOf(await second.io.status(uuid)).status, 'completed');
    assert.equal(dataOf(await second.oxa.status(trackId)).status, 'processing');
    assert.equal(dataOf(await second.oxa.balance('?currency=USDT')).USDT, 999988.5);
    assert.equal((await second.io.create({ order_id: 'b', amount: '10.66' })).status, 503);
    assert.equal((await second.io.create({ order_id: 'b', amount: '10.66' })).status, 200);
    await clock.advance(MINUTE_MS);
    await second.sandbox.idle();
    assert.equal(dataOf(await second.oxa.status(trackId)).status, 'confirmed');
    assert.equal(hook.received.length, 2);
    assert.equal(hook.received[0]?.body, hook.received[1]?.body);
  });

  test('what fell due while it was down happens at the next start', async () => {
    const dir = directory();
    const clock = createManualClock();
    const hook = await listen();
    const first = await start({ dir, clock });
    await first.io.create({ url_callback: hook.url });
    await first.sandbox.close();
    await clock.advance(24 * 60 * MINUTE_MS);
    const second = await start({ dir, clock });
    await second.sandbox.idle();
    assert.deepEqual(hook.words(), ['completed']);
  });

  test('a line that the process died in is forgotten, and everything before it is not', async () => {
    const dir = directory();
    const first = await start({ dir });
    await first.io.create({});
    await first.sandbox.close();
    const path = join(dir, 'sandbox.jsonl');
    appendFileSync(path, readFileSync(path, 'utf8').slice(0, 40));
    const second = await start({ dir });
    assert.equal(second.sandbox.books().length, 1);
    await second.io.create({ order_id: 'order-2' });
    await second.sandbox.close();
    const third = await start({ dir });
    assert.deepEqual(
      third.sandbox.books().map(({ mark }) => mark),
      ['order-1', 'order-2'],
    );
  });

  test('an order is in the journal before its create is answered', async () => {
    const dir = directory();
    const { io } = await start({ dir });
    const { uuid = '' } = resultOf(await io.create({}));
    assert.ok(readFileSync(join(dir, 'sandbox.jsonl'), 'utf8').includes(uuid));
  });
});

describe('what the sandbox tells of itself', () => {
  test('the books and the credentials are told over HTTP', async () => {
    const { io, oxa, sandbox } = await start();
    await io.create({ amount: '2.50' });
    await oxa.create('10', ',"description":"mark one"');
    const books: readonly Shown[] = JSON.parse((await call('GET', `${sandbox.url}/_sandbox/books`, {})).text);
    assert.deepEqual(
      books.map(({ providerReference: _, ...order }) => order),
      [
        {
          provider: 'io2328',
          mark: 'order-1',
          amount: '2.50',
          currency: 'TRX',
          network: 'TRX-TRC20',
          state: 'ACCEPTED',
          createdAt: '2026-01-01T12:00:00.000Z',
          debit: { amount: '2.50', currency: 'TRX' },
          debited: true,
          returned: false,
        },
        {
          provider: 'oxapay',
          mark: 'mark one',
          amount: '10',
          currency: 'USDT',
          network: 'Tron Network',
          state: 'ACCEPTED',
          createdAt: '2026-01-01T12:00:00.000Z',
          debit: { amount: '11.5', currency: 'USDT' },
          debited: true,
          returned: false,
        },
      ],
    );
    assert.deepEqual(read(await call('GET', `${sandbox.url}/_sandbox/credentials`, {})), {
      io2328: sandbox.credentials('io2328'),
      oxapay: sandbox.credentials('oxapay'),
    });
    assert.equal((await call('GET', `${sandbox.url}/other/v1`, {})).status, 404);
    assert.equal((await call('POST', `${oxa.baseUrl}/payout`, {}, 'x'.repeat(8 * 1024 * 1024))).status, 401);
    assert.equal((await call('POST', `${oxa.baseUrl}/payout`, {}, 'x'.repeat(8 * 1024 * 1024 + 1))).status, 413);
    assert.throws(() => sandbox.baseUrl('other'), RangeError);
  });

  test('the table of docs/sandbox.md is the table of faults', () => {
    const page = readFileSync(new URL('../docs/sandbox.md', import.meta.url), 'utf8');
    const rows = [...page.matchAll(/^\| \.([0-9]{2}) \| (.*) \|$/gm)].map(([, decimals, what]) => [decimals, what]);
    assert.deepEqual(
      rows,
      [...FAULTS].map(([decimals, { what }]) => [decimals, what]),
    );
    assert.deepEqual(
      [...FAULTS.keys()],
      Array.from({ length: 64 }, (_, index) => String(36 + index)).filter((each) => each !== '37' && each !== '50'),
    );
  });
});
