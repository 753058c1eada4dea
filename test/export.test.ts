import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { after, before, describe, it, type TestContext } from 'node:test';
import { parsePageCursor } from '../src/domain/cursor.ts';
import type { MerchantId } from '../src/domain/merchant.ts';
import type { Payout, PayoutState } from '../src/domain/payout.ts';
import type { ProviderId } from '../src/domain/provider.ts';
import type { PageQuery, Store } from '../src/domain/store.ts';
import { exportPayouts, parseExport } from '../src/export.ts';
import { batchIdOf, payoutIdOf } from '../src/identity.ts';
import {
  PayoutDocument,
  type PayoutFieldsFragment,
  PayoutsDocument,
  type PayoutsQueryVariables,
} from './operations/generated/graphql.ts';
import { type Api, bankInputOf, createFrom, openApi } from './support/api.ts';
import { send } from './support/client.ts';
import { mongodb } from './support/mongodb.ts';
import {
  decimal,
  fullPayout,
  nextStep,
  orderOf,
  sampleAttempt,
  sampleEvent,
  samplePayout,
  sampleSend,
} from './support/payouts.ts';
import { openPlace } from './support/program.ts';
import { openWorld } from './support/world.ts';

const FORMATS = ['csv', 'jsonl'] as const;
type Format = (typeof FORMATS)[number];

const COLUMNS =
  'id,reference,state,final,moneyMoved,amount,currency,feeMode,sourceCurrency,receiveCurrency,destinationKind,' +
  'destinationNetwork,destinationAddress,destinationMemo,destinationChannel,destinationAccountType,provider,account,' +
  'providerReference,transactionHash,fees,debits,receivedAmount,receivedCurrency,failureCode,failureMessage,batchId,' +
  'description,metadata,createdAt,updatedAt,cursor';

const server = await mongodb();
/** More than two pages, unless each write takes its time. */
const MANY = 430;
const STORES = [
  { name: 'SQLite', env: {}, count: MANY },
  ...(server === null
    ? []
    : [
        {
          name: 'MongoDB',
          env: { MONGODB_URL: server.url(`export-${randomBytes(4).toString('hex')}`) },
          count: server.kind === 'secantusd-py' ? 60 : MANY,
        },
      ]),
];

// --- what is stored ---------------------------------------------------------------------------------------------------------

const DESCRIPTIONS = [null, 'plain', 'a "quoted", one', '=HYPERLINK("http://x")', '+1', '-1', '@SUM(A1)', 'Größe 🚫'];
const STATES: readonly PayoutState[] = ['QUEUED', 'COMPLETED', 'QUEUED', 'FAILED', 'CANCELLED'];

/** One of a variety; the eldest has number 0, and four share an instant. */
function paid(merchantId: MerchantId, number: number, latest: Date, count: number): Payout {
  const createdAt = new Date(latest.getTime() - ((count - number) >> 2) * 1000);
  const state = STATES[number % STATES.length] ?? 'QUEUED';
  const provider = (number % 3 === 0 ? 'OXAPAY' : 'IO2328') as ProviderId;
  const report = {
    state: 'COMPLETED',
    askedAt: createdAt,
    vendorStatus: 'paid',
    vendorMessage: null,
    transactionHash: 'f4'.repeat(32),
    fees: [
      { kind: 'NETWORK', amount: decimal('0.000000000000000001'), currency: 'TRX' },
      { kind: 'PROVIDER', amount: decimal('0.50'), currency: 'USDT' },
    ],
    debits: [{ amount: decimal('13.00'), currency: 'USDT' }],
    received: { amount: decimal('12.50'), currency: 'USDT' },
    moneyMoved: 'YES',
    failure: null,
    allows: [],
  } as const;
  const failure = {
    code: 'PROVIDER_REFUSED',
    message: '=cmd\r\nover two lines\u2028or three',
    vendorCode: '7',
    vendorMessage: null,
    retryable: false,
  } as const;
  const sends = [sampleSend({ outcome: 'ACCEPTED', endedAt: createdAt })];
  const reference = `filled-${number}`;
  return samplePayout({
    merchantId,
    reference,
    state,
    provider,
    order: orderOf('12.50', {
      description: DESCRIPTIONS[number % DESCRIPTIONS.length] ?? null,
      ...(number % 7 === 0 ? { amount: { amount: decimal('0.100000000000000000'), currency: 'TRX' } } : {}),
      ...(number % 11 === 0
        ? { destination: { kind: 'channel', channel: 'CARD', account: '№ 42', network: null } }
        : {}),
      ...(number % 13 === 0
        ? { destination: { kind: 'bank', accountType: 'BANK', lastFour: '6789', network: null } }
        : {}),
    }),
    metadata: number % 5 === 0 ? [{ key: 'note', value: 'two\nlines, "and"\u2028three' }] : [],
    attempts: state === 'COMPLETED' ? [sampleAttempt({ provider, providerReference: '=1', sends, report })] : [],
    closure:
      state === 'FAILED' || state === 'CANCELLED' ? { state, failure: state === 'FAILED' ? failure : null } : null,
    batch: number % 9 === 0 ? batchIdOf(merchantId, 'march') : null,
    nextCheckAt: null,
    createdAt,
    updatedAt: createdAt,
  });
}

async function insert(store: Store, payouts: readonly Payout[]): Promise<void> {
  for (let from = 0; from < payouts.length; from += 64) {
    await Promise.all(payouts.slice(from, from + 64).map((payout) => store.insert(payout, sampleEvent(payout))));
  }
}

/** Their ids as a list has them: newest first. */
function idsOf(payouts: readonly Payout[]): string[] {
  const order = (a: Payout, b: Payout): number =>
    b.createdAt.getTime() - a.createdAt.getTime() || (a.id < b.id ? 1 : -1);
  return payouts.toSorted(order).map(({ id }) => id);
}

// --- what is read -----------------------------------------------------------------------------------------------------------

interface Line {
  readonly id: string;
  readonly cursor: string;
  readonly [name: string]: unknown;
}

/** What whole lines say, of a CSV by its columns. */
function readLines(format: Format, text: string): Line[] {
  const lines = text.split('\n').slice(0, -1);
  if (format === 'jsonl') return lines.map((line) => JSON.parse(line) as Line);
  return lines
    .filter((line) => line !== `${COLUMNS}\r`)
    .map((line) => {
      const fields = [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^",\r]*))/g)];
      const values = fields.map(([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain ?? '');
      return Object.fromEntries(COLUMNS.split(',').map((name, at) => [name, values[at]])) as Line;
    });
}

/** Random numbers from 0 to 1 that are the same at each run. */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

type Query = Readonly<Record<string, string>>;

/** Begins to read an export; nothing of its body is read yet. */
async function begin(api: Api, query: Query, secret = api.merchant.secret): Promise<IncomingMessage> {
  const headers = { authorization: `Bearer ${secret}` };
  const asking = request(`${api.url}/export?${new URLSearchParams(query)}`, { agent: false, headers });
  asking.end();
  const [answer] = (await once(asking, 'response')) as [IncomingMessage];
  // Whoever has stopped to read does not care how it ends.
  answer.on('error', () => undefined);
  return answer;
}

/** An export by HTTP; where it is longer than so many bytes, they are all that arrives. */
async function download(api: Api, query: Query, bytes = Number.POSITIVE_INFINITY) {
  const answer = await begin(api, query);
  assert.equal(answer.statusCode, 200);
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > bytes) break;
  }
  answer.destroy();
  const text = Buffer.concat(chunks).subarray(0, Math.min(size, bytes));
  return { text: text.subarray(0, text.lastIndexOf('\n') + 1).toString('utf8'), whole: size <= bytes };
}

async function whole(api: Api, query: Query): Promise<string> {
  return (await download(api, query)).text;
}

/** Lets the server do whatever it would do by itself: requests go through all of it, one after another. */
async function letRun(api: Api): Promise<void> {
  for (let times = 0; times < 30; times += 1) await send(`${api.url}/readyz`);
}

/** Counts the pages that are read from a store. */
function countPages(t: TestContext, store: Store): () => number {
  const { mock } = t.mock.method(store, 'page');
  return () => mock.callCount();
}

for (const { name, env, count } of STORES) {
  describe(`an export, on ${name}`, { timeout: 240_000 }, () => {
    let api: Api;
    let dir: string;
    /** All of the merchant's, as they were when it was opened. */
    let filled: readonly Payout[] = [];

    before(async () => {
      dir = mkdtempSync(join(tmpdir(), 'outflow-export-'));
      const settings = { DATA_DIR: dir, CORS_ORIGINS: 'https://app.example.com', ...env };
      // Nobody works here, so that nothing changes but by the tests.
      api = await openApi(await openWorld(settings, { working: false }));
      const now = api.world.clock.now();
      filled = Array.from({ length: count }, (_, number) => paid(api.merchant.merchantId, number, now, count));
      await insert(api.world.store, filled);
      const others = Array.from({ length: 30 }, (_, number) => paid(api.stranger.merchantId, number, now, 30));
      await insert(api.world.store, others);
      await api.world.clock.advance(60_000);
    });
    after(async () => {
      await api.close();
      rmSync(dir, { recursive: true, force: true });
    });

    for (const format of FORMATS) {
      describe(`as ${format}`, () => {
        it("has all of the merchant's payouts, newest first, each once, and nobody else's", async () => {
          const answer = await begin(api, { format });
          const type = { csv: 'text/csv; charset=utf-8', jsonl: 'application/x-ndjson; charset=utf-8' }[format];
          assert.equal(answer.headers['content-type'], type);
          const file = `attachment; filename="payouts-${api.merchant.merchantId}.${format}"`;
          assert.equal(answer.headers['content-disposition'], file);
          assert.equal(answer.headers['transfer-encoding'], 'chunked');
          answer.destroy();
          const lines = readLines(format, await whole(api, { format }));
          assert.deepEqual(
            lines.map(({ id }) => id),
            idsOf(filled),
          );
        });

        it('has each payout in a line of its own, whatever it says, in whose place its cursor is', async () => {
          const lines = (await whole(api, { format })).split(/\r\n|[\n\r\u2028\u2029]/);
          assert.equal(lines.length, count + (format === 'csv' ? 2 : 1));
          const text = await whole(api, { format });
          assert.ok(text.endsWith(format === 'csv' ? '\r\n' : '}\n'));
          assert.equal(text.startsWith(`${COLUMNS}\r\n`), format === 'csv');
          const byId = new Map(filled.map((payout) => [payout.id as string, payout]));
          for (const { id, cursor } of readLines(format, text)) {
            const { createdAt } = byId.get(id) ?? {};
            assert.deepEqual(parsePageCursor(cursor), { createdAt, id });
          }
        });

        it('interrupted at random and resumed has no gap and nothing twice, while new ones come and old ones change', async () => {
          const random = createRandom(format === 'csv' ? 7 : 11);
          const { store, clock } = api.world;
          const merchantId = (await api.world.keys.createMerchant('Busy')).id;
          const busy = await api.caller(merchantId, ['payouts:read']);
          const then = Array.from({ length: count }, (_, number) => paid(merchantId, number, clock.now(), count));
          await insert(store, then);
          const current = [...then];
          /** Those that were there before the first whole line had come: from there it begins anew, and has them too. */
          const early: Payout[] = [];
          let cuts = 0;
          let made = 0;
          let text = '';
          let cursor: string | null = null;
          for (;;) {
            const query = { format, ...(cursor === null ? {} : { after: cursor }) };
            const bytes = Math.floor(random() ** 3 * count * 500);
            const part = await download({ ...api, merchant: { ...api.merchant, secret: busy.secret } }, query, bytes);
            text += part.text;
            if (part.whole) break;
            cuts += 1;
            cursor = readLines(format, part.text).at(-1)?.cursor ?? cursor;
            if (cursor === null) text = '';
            await clock.advance(1000);
            const at = clock.now();
            made += 1;
            const fresh = samplePayout({ merchantId, reference: `new-${made}`, createdAt: at, updatedAt: at });
            await insert(store, [fresh]);
            if (cursor === null) early.push(fresh);
            for (let changed = 0; changed < 3; changed += 1) {
              const index = Math.floor(random() * current.length);
              const old = current[index];
              if (old?.state !== 'QUEUED') continue;
              const next = nextStep(old, {
                state: 'CANCELLED',
                closure: { state: 'CANCELLED', failure: null },
                updatedAt: at,
              });
              assert.equal(await store.commit(next, sampleEvent(next)), 'committed');
              current[index] = next;
            }
          }
          assert.ok(cuts > 5, `cut ${cuts} times`);
          const lines = readLines(format, text);
          assert.deepEqual(
            lines.map(({ id }) => id),
            idsOf([...then, ...early]),
          );
          assert.equal(text.split('id,reference').length, format === 'csv' ? 2 : 1);
          const ends = new Map([...current, ...early].map((payout) => [payout.id as string, payout.state]));
          const begins = new Map(then.map((payout) => [payout.id as string, payout.state]));
          for (const { id, state } of lines) assert.ok(state === ends.get(id) || state === begins.get(id));
          // Whoever begins anew has the new ones as well.
          const again = await download({ ...api, merchant: { ...api.merchant, secret: busy.secret } }, { format });
          assert.equal(readLines(format, again.text).length, count + made);
        });
      });
    }

    it('goes on from a cursor of `payouts`, and `payouts` from one of an export', async () => {
      const list = async (variables: PayoutsQueryVariables) =>
        (await api.merchant.get(PayoutsDocument, variables)).payouts;
      const { edges } = await list({ first: 10 });
      const rest = readLines('jsonl', await whole(api, { format: 'jsonl', after: edges.at(-1)?.cursor ?? '' }));
      const all = idsOf(filled);
      assert.deepEqual([...edges.map(({ node }) => node.id), ...rest.map(({ id }) => id)], all);
      const page = await list({ first: 5, after: rest[2]?.cursor ?? '' });
      assert.deepEqual(
        page.edges.map(({ node }) => node.id),
        all.slice(13, 18),
      );
    });

    it('is narrowed as `payouts` is, and goes on so', async () => {
      const { createdAt } = filled[count >> 1] ?? {};
      const at = createdAt?.toISOString() ?? '';
      const filters: readonly [Query, PayoutsQueryVariables['filter']][] = [
        [{ states: 'COMPLETED' }, { states: ['COMPLETED'] }],
        [
          { state: 'FAILED,CANCELLED', provider: 'OXAPAY' },
          { states: ['FAILED', 'CANCELLED'], providers: ['OXAPAY'] },
        ],
        [{ providers: 'OXAPAY,IO2328' }, {}],
        [{ currency: 'TRX' }, { currency: 'TRX' }],
        [{ createdFrom: at }, { createdFrom: at }],
        [
          { createdBefore: at, states: 'QUEUED' },
          { createdBefore: at, states: ['QUEUED'] },
        ],
        [
          { createdFrom: at, createdBefore: at },
          { createdFrom: at, createdBefore: at },
        ],
      ];
      for (const [query, filter] of filters) {
        const wanted: string[] = [];
        for (let from: string | null = null; ; ) {
          const variables: PayoutsQueryVariables = { first: 100, after: from, filter };
          const { payouts } = await api.merchant.get(PayoutsDocument, variables);
          wanted.push(...payouts.edges.map(({ node }) => node.id));
          if (!payouts.pageInfo.hasNextPage) break;
          from = payouts.pageInfo.endCursor;
        }
        const lines = readLines('csv', await whole(api, { format: 'csv', ...query }));
        const found = lines.map(({ id }) => id);
        assert.deepEqual(found, wanted, JSON.stringify(query));
        const half = lines[lines.length >> 1];
        if (!half) continue;
        const rest = readLines('csv', await whole(api, { format: 'csv', ...query, after: half.cursor }));
        assert.deepEqual(
          rest.map(({ id }) => id),
          found.slice((lines.length >> 1) + 1),
        );
      }
      const batch = batchIdOf(api.merchant.merchantId, 'march');
      const lines = readLines('jsonl', await whole(api, { format: 'jsonl', batchId: batch }));
      assert.deepEqual(
        lines.map(({ id }) => id),
        idsOf(filled.filter((payout) => payout.batch === batch)),
      );
      assert.equal(await whole(api, { format: 'jsonl', batchId: batchIdOf(api.stranger.merchantId, 'march') }), '');
    });

    /** A destination of the API as an export has it. */
    function whereOf(shown: PayoutFieldsFragment['destination']): object {
      switch (shown.__typename) {
        case 'BlockchainDestination': {
          const { address, network, memo } = shown;
          return { kind: 'blockchain', address, network, memo };
        }
        case 'ChannelDestination': {
          const { channel, account, channelNetwork: network } = shown;
          return { kind: 'channel', channel, account, network };
        }
        case 'BankDestination': {
          const { accountType, accountNumber } = shown;
          return { kind: 'bank', accountType, lastFour: accountNumber.slice(-4), network: null };
        }
      }
    }

    it('shows what the API shows', async () => {
      const lines = new Map(readLines('jsonl', await whole(api, { format: 'jsonl' })).map((line) => [line.id, line]));
      for (const { id, account, batch } of filled.slice(0, 40)) {
        const { payout } = await api.merchant.get(PayoutDocument, { id });
        assert.ok(payout);
        const found = lines.get(id);
        assert.ok(found);
        const { destination, fees, metadata, failure, cursor: _c, ...facts } = found;
        assert.deepEqual(destination, whereOf(payout.destination));
        const { moneyMoved, ...reason } = payout.failure ?? {};
        assert.deepEqual(failure, payout.failure && reason);
        if (payout.failure) assert.equal(facts.moneyMoved, moneyMoved);
        assert.deepEqual(
          fees,
          payout.fees.map(({ kind, amount, currency }) => ({ kind, amount, currency })),
        );
        assert.deepEqual(metadata, Object.fromEntries(payout.metadata.map(({ key, value }) => [key, value])));
        const { reference, state, final, amount, feeMode, sourceCurrency, receiveCurrency, description } = payout;
        const { providerReference, transactionHash, debits, received, createdAt, updatedAt } = payout;
        assert.deepEqual(facts, {
          ...{ id, reference, state, final, moneyMoved: payout.moneyMoved, amount, feeMode, sourceCurrency },
          ...{ receiveCurrency, description, account, batchId: batch, provider: payout.provider?.provider },
          ...{ providerReference, transactionHash, debits, received, createdAt, updatedAt },
        });
      }
    });

    it('as CSV says the same, and nothing that a spreadsheet would run', async () => {
      const rows = readLines('csv', await whole(api, { format: 'csv' }));
      const objects = readLines('jsonl', await whole(api, { format: 'jsonl' }));
      const guarded = (text: unknown): string => {
        const [first = ''] = String(text ?? '');
        return (`=+-@\r`.includes(first) && first !== '' ? `'${text}` : String(text ?? '')).replace(
          /[\r\n\u2028]+/g,
          ' ',
        );
      };
      for (const [at, row] of rows.entries()) {
        const object = objects[at];
        assert.ok(object);
        const { amount: _a, destination: _d, fees: _f, debits: _b, received: _r, failure, metadata, ...plain } = object;
        for (const [name, value] of Object.entries(plain)) assert.equal(row[name], guarded(value), name);
        const order = filled.find(({ id }) => id === row.id)?.order;
        assert.deepEqual([row.amount, row.currency], [order?.amount.amount, order?.amount.currency]);
        assert.equal(row.failureMessage, guarded((failure as { message?: string } | null)?.message));
        assert.deepEqual(JSON.parse(String(row.metadata)), metadata);
        if (row.state !== 'COMPLETED') continue;
        assert.equal(row.fees, '0.000000000000000001 TRX NETWORK; 0.50 USDT PROVIDER');
        assert.deepEqual([row.debits, row.receivedAmount, row.receivedCurrency], ['13.00 USDT', '12.50', 'USDT']);
        assert.equal(row.providerReference, "'=1");
      }
      assert.ok(rows.some((row) => row.failureMessage === "'=cmd over two lines or three"));
      assert.deepEqual(
        new Set(rows.map((row) => [row.destinationKind, row.destinationAddress].join(' '))),
        new Set(['blockchain TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t', 'channel № 42', 'bank ••••6789']),
      );
    });

    it('has no personal data', async () => {
      const { id: merchantId } = await api.world.keys.createMerchant('Discreet');
      const caller = await api.caller(merchantId);
      const input = bankInputOf('100');
      const { destination, originator } = input;
      await createFrom(caller, input);
      const secrets = new Set<string>();
      const collect = (value: unknown): void => {
        if (typeof value === 'string' && value.length > 4) secrets.add(value);
        else if (value && typeof value === 'object') Object.values(value).forEach(collect);
      };
      collect([originator, destination.bank?.beneficiary, destination.bank?.accountNumber]);
      assert.ok(secrets.size > 5);
      for (const format of FORMATS) {
        const text = await whole({ ...api, merchant: { ...api.merchant, secret: caller.secret } }, { format });
        assert.equal(readLines(format, text).length, 1);
        for (const secret of secrets) assert.ok(!text.includes(secret), secret);
        assert.ok(text.includes(String(destination.bank?.accountNumber.slice(-4))));
      }
    });

    describe('is refused', () => {
      const ask = async (query: string, secret: string | null, method = 'GET') => {
        const headers: Record<string, string> = secret === null ? {} : { authorization: `Bearer ${secret}` };
        const { status, headers: answered, body } = await send(`${api.url}/export${query}`, { method, headers });
        assert.equal(answered['content-type'], 'application/json');
        assert.equal(answered['content-disposition'], undefined);
        const [{ message, extensions }] = JSON.parse(body).errors;
        assert.ok(message);
        const paths = extensions.issues?.map((issue: { path: string[] }) => issue.path.join('.'));
        return [status, extensions.code, ...(paths ?? [])];
      };

      it('where a field cannot be used, by the name of each', async () => {
        const { secret } = api.merchant;
        const invalid = (query: string, ...fields: string[]) =>
          ask(query, secret).then((told) => assert.deepEqual(told, [400, 'INVALID_INPUT', ...fields], query));
        await invalid('', 'format');
        await invalid('?format=xml', 'format');
        await invalid('?format=csv&format=csv', 'format');
        await invalid('?format=csv&sates=COMPLETED', 'sates');
        await invalid('?format=csv&states=', 'states');
        await invalid('?format=csv&states=COMPLETED,PAID', 'states');
        await invalid('?format=csv&provider=NOBODY', 'providers');
        await invalid('?format=csv&currency=usdt', 'currency');
        await invalid('?format=csv&createdFrom=2026-02-30T00:00:00Z', 'createdFrom');
        await invalid('?format=csv&batchId=po_0', 'batchId');
        await invalid('?format=csv&after=', 'after');
        await invalid('?format=csv&after=nonsense', 'after');
        await invalid('?states=PAID&createdBefore=now', 'states', 'createdBefore', 'format');
        const { cursor = '' } = readLines('jsonl', await whole(api, { format: 'jsonl' }))[0] ?? {};
        for (const length of [1, 4, cursor.length >> 1, cursor.length - 1]) {
          await invalid(`?format=csv&after=${cursor.slice(0, length)}`, 'after');
        }
      });

      it('where the key is not valid, may not read, or speaks for somebody else', async () => {
        const writer = await api.caller(api.merchant.merchantId, ['payouts:write']);
        const all = '?format=jsonl';
        assert.deepEqual(await ask(all, null), [401, 'UNAUTHENTICATED']);
        assert.deepEqual(await ask(all, `outflow_${'0'.repeat(40)}`), [401, 'UNAUTHENTICATED']);
        assert.deepEqual(await ask(all, writer.secret), [403, 'FORBIDDEN']);
        const others = `${all}&merchantId=${api.stranger.merchantId}`;
        assert.deepEqual(await ask(others, api.merchant.secret), [403, 'FORBIDDEN']);
        assert.deepEqual(await ask(all, api.operator.secret), [400, 'INVALID_INPUT', 'merchantId']);
        const nobody = `${all}&merchantId=me_${'0'.repeat(26)}`;
        assert.deepEqual(await ask(nobody, api.operator.secret), [400, 'INVALID_INPUT', 'merchantId']);
      });

      it('by any other method, and to pages of other origins', async () => {
        for (const method of ['POST', 'PUT', 'DELETE']) {
          assert.deepEqual(await ask('?format=csv', api.merchant.secret, method), [405, 'BAD_REQUEST']);
        }
        const allowed = async (origin: string) =>
          (await send(`${api.url}/export`, { method: 'OPTIONS', headers: { origin } })).headers[
            'access-control-allow-origin'
          ];
        assert.equal(await allowed('https://app.example.com'), 'https://app.example.com');
        assert.equal(await allowed('https://evil.example.com'), undefined);
      });
    });

    it('is for an operator of the merchant that it names', async () => {
      const query = { format: 'jsonl', merchantId: api.stranger.merchantId };
      const text = await whole({ ...api, merchant: { ...api.merchant, secret: api.operator.secret } }, query);
      const ids = readLines('jsonl', text).map(({ id }) => id);
      assert.equal(ids.length, 30);
      assert.deepEqual(
        new Set(ids),
        new Set(ids.map((_, number) => payoutIdOf(api.stranger.merchantId, `filled-${number}`))),
      );
    });

    describe('reads', () => {
      const every = (format: Format) => parseExport([['format', format]]);

      it('nothing before it is asked, then page by page, and no page ahead of whoever stops', async (t) => {
        const { store, merchantId } = api.world;
        const pages = countPages(t, store);
        const texts = exportPayouts(store, merchantId, every('csv'), 20);
        assert.equal(pages(), 0);
        for (const asked of [1, 2, 3]) {
          await texts.next();
          await letRun(api);
          assert.equal(pages(), asked);
        }
        await texts.return();
        assert.equal(pages(), 3);
      });

      it('no more than a page ahead of a stream that takes nothing more', async (t) => {
        const { store, merchantId } = api.world;
        const pages = countPages(t, store);
        const stuck = new Writable({ highWaterMark: 1, write: () => undefined });
        const stop = new AbortController();
        const writing = pipeline(exportPayouts(store, merchantId, every('jsonl'), 20), stuck, { signal: stop.signal });
        await letRun(api);
        assert.ok(pages() <= 2, `${pages()} pages`);
        stop.abort();
        await assert.rejects(writing, { name: 'AbortError' });
        await letRun(api);
        assert.ok(pages() <= 2, `${pages()} pages`);
      });

      it('each page once, and as many at a time as it says', async (t) => {
        const { store, merchantId } = api.world;
        const { mock } = t.mock.method(store, 'page');
        for await (const text of exportPayouts(store, merchantId, every('jsonl'), 7)) {
          assert.ok(readLines('jsonl', text).length <= 7);
        }
        assert.equal(mock.callCount(), Math.ceil(count / 7));
        const queries = mock.calls.map((call) => call.arguments[0] as PageQuery);
        assert.ok(queries.every(({ limit, direction }) => limit === 7 && direction === 'forward'));
      });
    });

    describe('by the command line, beside the server', { concurrency: 2 }, () => {
      const settings = () => ({ DATA_DIR: dir, ...env });
      const words = (...more: string[]) => ['export', '--merchant', api.merchant.merchantId, ...more];

      it('is the same, letter for letter', async (t) => {
        const place = await openPlace(t);
        for (const format of FORMATS) {
          const program = place.outflow(words('--format', format), settings());
          assert.equal(await program.ended, 0, program.errors());
          assert.equal(program.errors(), '');
          assert.equal(program.output(), await whole(api, { format }));
        }
        const filter = ['--filter', 'states=COMPLETED,FAILED', '--filter', 'provider=OXAPAY'];
        const some = place.outflow(words('--format', 'csv', ...filter), settings());
        await some.ended;
        const query = { format: 'csv', states: 'COMPLETED,FAILED', providers: 'OXAPAY' };
        assert.equal(some.output(), await whole(api, query));
        assert.ok(some.output().length > COLUMNS.length + 2);
      });

      it('goes into a file for its owner alone, and on in it after its last whole line', async (t) => {
        const place = await openPlace(t);
        const path = join(place.dir, 'payouts.csv');
        const full = await whole(api, { format: 'csv' });
        const run = async (...more: string[]) => {
          const program = place.outflow(words('--format', 'csv', '--out', path, ...more), settings());
          return [await program.ended, program.output(), program.errors().trim()];
        };
        assert.deepEqual(await run(), [0, '', '']);
        assert.equal(readFileSync(path, 'utf8'), full);
        assert.equal(statSync(path).mode & 0o777, 0o600);

        const at = full.indexOf('\r\n', full.length >> 1) + 2;
        const cursor = full.slice(0, at).split(',').at(-1) ?? '';
        writeFileSync(path, full.slice(0, at + 9));
        const [code, , message] = await run('--after', cursor);
        assert.deepEqual([code, message], [1, `out: ${path} ends within a line: remove that one first`]);
        writeFileSync(path, full.slice(0, at));
        assert.deepEqual(await run('--after', cursor), [0, '', '']);
        assert.equal(readFileSync(path, 'utf8'), full);
      });

      it('ends quietly where its reader has had enough', async (t) => {
        const place = await openPlace(t);
        const [node, ...rest] = [process.execPath, join(import.meta.dirname, '../bin/outflow.js')];
        const line = [node, ...rest, ...words('--format', 'csv')].map((word) => `'${word}'`).join(' ');
        const shell = place.run('bash', ['--norc', '-c', `${line} | head -n 1; echo "\${PIPESTATUS[0]}"`], settings());
        assert.equal(await shell.ended, 0);
        assert.deepEqual(shell.output().split(/\r?\n/), [COLUMNS, '0', '']);
        assert.equal(shell.errors(), '');
      });

      it('says in one line each what it cannot use, exits with 1, and writes nothing', async (t) => {
        const place = await openPlace(t);
        const path = join(place.dir, 'never.csv');
        const refusal = async (...given: string[]) => {
          const program = place.outflow(['export', '--out', path, ...given], settings());
          assert.equal(await program.ended, 1);
          assert.equal(program.output(), '');
          return program
            .errors()
            .trimEnd()
            .split('\n')
            .map((line) => line.split(':', 1)[0]);
        };
        const merchant = ['--merchant', api.merchant.merchantId];
        const wrong = ['--filter', 'states=PAID', '--filter', 'colour=red', '--filter', 'currency=usdt'];
        assert.deepEqual(await refusal(...merchant, ...wrong, '--format', 'xml'), [
          ...['colour', 'states', 'currency', 'format'],
        ]);
        assert.deepEqual(await refusal(...merchant, '--format', 'csv', '--filter', 'COMPLETED'), ['filter']);
        assert.deepEqual(await refusal(...merchant, '--format', 'csv', '--after', 'nonsense'), ['after']);
        assert.deepEqual(await refusal('--format', 'csv'), ['merchant']);
        assert.deepEqual(await refusal('--format', 'csv', '--merchant', 'me_nobody'), ['merchant']);
        assert.deepEqual(await refusal(...merchant, '--format', 'csv', '--colour', 'red'), ['options']);
        assert.ok(!existsSync(path));
      });
    });

    it('carries every field of a payout that has them all', async () => {
      const full = fullPayout();
      const store = { restored: null, page: async () => ({ payouts: [full], more: false }) };
      const read = async (format: Format) => {
        let text = '';
        const asked = parseExport([['format', format]]);
        for await (const part of exportPayouts(store, full.merchantId, asked)) text += part;
        const [line] = readLines(format, text);
        assert.ok(line);
        return line;
      };
      const object = await read('jsonl');
      const missing = (one: object) => Object.entries(one).filter(([, value]) => value === null || value === '');
      assert.deepEqual(
        missing(object).map(([name]) => name),
        ['providerReference', 'received'],
      );
      const row = await read('csv');
      assert.deepEqual(
        missing(row).map(([name]) => name),
        ['destinationMemo', 'destinationAccountType', 'providerReference', 'receivedAmount', 'receivedCurrency'],
      );
      assert.equal(row.amount, full.order.amount.amount);
    });

    // Last: it closes the server.
    describe('of more than the network holds', () => {
      const ROWS = 1000;
      let heavy: { readonly merchantId: MerchantId; readonly secret: string };
      let weighty: readonly Payout[] = [];

      before(async () => {
        const { id: merchantId } = await api.world.keys.createMerchant('Heavy');
        heavy = { merchantId, secret: (await api.caller(merchantId, ['payouts:read'])).secret };
        const metadata = [{ key: 'ballast', value: 'x'.repeat(30_000) }];
        weighty = Array.from({ length: ROWS }, (_, number) => ({
          ...paid(merchantId, number, api.world.clock.now(), ROWS),
          metadata,
        }));
        await insert(api.world.store, weighty);
      });

      /** Reads the lines that arrive, of an answer that must not come to its end. */
      async function untilCut(answer: IncomingMessage): Promise<Line[]> {
        const chunks: Buffer[] = [];
        await assert.rejects(async () => {
          for await (const chunk of answer as AsyncIterable<Buffer>) chunks.push(chunk);
        });
        assert.ok(!answer.complete);
        const text = Buffer.concat(chunks);
        return readLines('jsonl', text.subarray(0, text.lastIndexOf('\n') + 1).toString('utf8'));
      }

      it('waits for a reader that is slow, and reads nothing more once it is gone', async (t) => {
        const pages = countPages(t, api.world.store);
        const answer = await begin(api, { format: 'jsonl' }, heavy.secret);
        await letRun(api);
        const held = pages();
        assert.ok(held < ROWS / 200, `${held} pages`);
        answer.destroy();
        await letRun(api);
        assert.ok(pages() <= held + 1, `${pages()} pages`);
      });

      it('is cut where its key is revoked', async () => {
        const { secret, keyId } = await api.caller(heavy.merchantId, ['payouts:read']);
        const answer = await begin(api, { format: 'jsonl' }, secret);
        await api.world.keys.revoke(keyId);
        assert.ok((await untilCut(answer)).length < ROWS);
      });

      it('is cut where the server closes, which does not wait for it, and goes on from its last whole line', async () => {
        const { store, server: closing } = api.world;
        const answer = await begin(api, { format: 'jsonl' }, heavy.secret);
        await closing.close();
        const had = await untilCut(answer);
        const asked = parseExport([
          ['format', 'jsonl'],
          ['after', had.at(-1)?.cursor ?? ''],
        ]);
        const rest: Line[] = [];
        for await (const text of exportPayouts(store, heavy.merchantId, asked)) rest.push(...readLines('jsonl', text));
        assert.ok(rest.length > 0);
        assert.deepEqual(
          [...had, ...rest].map(({ id }) => id),
          idsOf(weighty),
        );
      });
    });
  });
}
