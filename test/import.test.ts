import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { parseImport } from '../src/commands.ts';
import { findClient } from '../src/config-client.ts';
import { formatCsvRow } from '../src/csv.ts';
import { InvalidArgumentError, StartupError } from '../src/domain/errors.ts';
import { type ImportOptions, type ImportTally, importBatch } from '../src/import.ts';
import { createView } from '../src/import-view.ts';
import { ADDRESS, type Api, openApi } from './support/api.ts';
import { openPlace } from './support/program.ts';
import { openWorld } from './support/world.ts';

const HEADER = ['reference', 'amount', 'currency', 'network', 'address'];

/** A file of rows below a header. */
function csv(...rows: readonly (readonly string[])[]): string {
  return rows.map((row) => formatCsvRow(row)).join('');
}

const row = (reference: string, amount = '10', address = ADDRESS): string[] => [
  reference,
  amount,
  'USDT',
  'TRON',
  address,
];

/** An import, and what it showed. */
interface Shown {
  readonly tally: ImportTally;
  readonly lines: readonly string[];
  readonly advances: readonly [share: number, words: string][];
}

describe('outflow batch import', { timeout: 60_000 }, () => {
  const dir = mkdtempSync(join(tmpdir(), 'outflow-import-'));
  let api: Api;
  before(async () => {
    api = await openApi(await openWorld());
  });
  after(async () => {
    await api.close();
    rmSync(dir, { recursive: true });
  });

  let made = 0;
  /** Imports a text; unless told otherwise, as a new batch. */
  async function run(text: string | Buffer, changes: Partial<ImportOptions> = {}): Promise<Shown> {
    made += 1;
    const path = join(dir, `${made}.csv`);
    writeFileSync(path, text);
    const lines: string[] = [];
    const advances: [number, string][] = [];
    const client = { url: `${api.url}/graphql`, apiKey: api.merchant.secret };
    const tally = await importBatch(
      { path, reference: `import-${made}`, client, dryRun: false, ...changes },
      { print: (line) => lines.push(line), advance: (share, words) => advances.push([share, words]) },
    );
    return { tally, lines, advances };
  }

  const stored = (reference: string) => api.world.store.byReference(api.merchant.merchantId, reference);

  it('creates a payout for each line, with all that its columns say', async () => {
    const columns = {
      ...{ reference: 'full-1', amount: '12.50', currency: 'CNY', feeMode: 'ADD', provider: 'XCURRENCY' },
      ...{ accountNumber: '6222021234567890123', accountType: 'BANK', 'beneficiary.name': '王小明' },
      ...{
        'beneficiary.address.line': 'No. 1, "A" Road',
        'beneficiary.address.country': 'CN',
        description: 'two\nlines',
      },
      ...{ 'metadata.invoice': 'A-1', 'metadata.cost centre': '7', autoConfirm: 'false', failover: 'false' },
      ...{ sendBefore: '2026-02-01T00:00:00+01:00', purpose: 'Salary', memo: '', network: '' },
    };
    const text = csv(Object.keys(columns), Object.values(columns));
    const { lines } = await run(text, { dryRun: true });
    // A description has no line breaks, and what the provider misses it says.
    assert.match(lines[0] ?? '', /^line 2: description: 1 to 255 characters/);
    const mended = text.replace('two\nlines', 'one line');
    const refused = await run(mended);
    assert.match(refused.lines[0] ?? '', /^line 2: provider: XCURRENCY: .*originator/s);
    const plain = await run(
      csv(
        [
          ...HEADER,
          'memo',
          'feeMode',
          'description',
          'metadata.a',
          'metadata.b',
          'sendBefore',
          'autoConfirm',
          'failover',
        ],
        [...row('full-2', '1.50'), '', '', 'für Änne', '', 'x, "y"', '2026-02-01T00:00:00+01:00', 'false', 'true'],
      ),
    );
    assert.deepEqual(plain.tally, { lines: 1, created: 1, existing: 0, bad: 0 }, plain.lines.join('\n'));
    const payout = await stored('full-2');
    assert.deepEqual(payout?.order.amount, { amount: '1.50', currency: 'USDT' });
    assert.deepEqual(payout?.order.destination, { kind: 'blockchain', address: ADDRESS, network: 'TRON', memo: null });
    assert.equal(payout?.order.description, 'für Änne');
    assert.deepEqual(payout?.metadata, [{ key: 'b', value: 'x, "y"' }]);
    assert.deepEqual(payout?.sendBefore, new Date('2026-01-31T23:00:00Z'));
    assert.deepEqual([payout?.autoConfirm, payout?.failover], [false, true]);
  });

  it('takes channels and bank accounts, which leave the columns of the others empty', async () => {
    const header = [...HEADER, 'channel', 'account', 'accountNumber', 'beneficiary.name', 'provider'];
    const { lines, tally } = await run(
      csv(
        header,
        ['kind-1', '10', 'USD', '', '', 'xpay', '0xB0c5852ff023291D0de6333c9155b2f884368559', '', '', 'CHAINPAY'],
        ['kind-2', '10', 'CNY', '', '', '', '', '6222021234567890123', 'Wang', 'XCURRENCY'],
        [...row('kind-3'), '', '', '', '', ''],
        ['kind-4', '10', 'USDT', 'TRON', ADDRESS, 'xpay', 'a', '', '', ''],
        ['kind-5', '10', 'USDT', 'TRON', '', '', '', '', '', ''],
        ['kind-6', '10', 'CNY', '', '', '', '', '6222021234567890123', '', ''],
      ),
    );
    assert.equal(tally.created, 2, lines.join('\n'));
    assert.equal((await stored('kind-1'))?.order.destination.kind, 'channel');
    // A bank account got as far as its provider, which wants to know more.
    assert.match(lines.find((line) => line.startsWith('line 3')) ?? '', /^line 3: provider: XCURRENCY/);
    assert.deepEqual(
      lines.filter((line) => /^line [5-7]/.test(line)).map((line) => line.slice(0, 30)),
      ['line 5: address: one kind of d', 'line 6: address: one kind of d', 'line 7: beneficiary.name: noth'],
    );
  });

  it('prints every bad line with its column, sends all others, and creates nothing twice when it runs again', async () => {
    const text = csv(
      [...HEADER, 'provider', 'sendBefore', 'autoConfirm', 'metadata.a b'],
      [...row('many-1'), '', '', '', ''],
      [...row('many 2', '-1'), '', '', '', ''],
      [...row('many-3', '10', ADDRESS.replace('t', 'x')), '', '', '', ''],
      [...row('many-4'), 'NOBODY', '2026-02-30T00:00:00Z', 'yes', ''],
      ['many-5', '', 'USDT', 'TRON', ADDRESS, '', '', '', ''],
      [...row('many-6'), '', '', ''],
      [...row('many-1'), '', '', '', ''],
      [...row('many-8'), '', '', '', 'x'.repeat(501)],
      [...row('many-9'), '', '', '', 'multi\nline'],
      ['many-10', '1', 'XYZ', 'TRON', ADDRESS, 'IO2328', '', '', ''],
    );
    const reference = 'import-many';
    const expected = [
      /^line 3: reference: 1 to 64 of A-Z a-z 0-9 . _ : \/ -$/,
      /^line 3: amount: plain decimal text/,
      /^line 4: address: the checksum of the address does not match$/,
      /^line 5: provider: one of .*IO2328/,
      /^line 5: sendBefore: an instant, e\.g\. 2026-01-31T12:00:00Z$/,
      /^line 5: autoConfirm: one of true, false$/,
      /^line 6: amount: it is empty$/,
      /^line 7: line: it has 8 fields, and the header 9$/,
      /^line 8: reference: it stands in line 2 too$/,
      /^line 9: metadata\.a b: at most 500 characters$/,
      /^line 12: provider: IO2328: /,
    ];
    const check = (lines: readonly string[], last: string): void => {
      const found = lines.slice(0, -1).sort((a, b) => Number(/\d+/.exec(a)?.[0]) - Number(/\d+/.exec(b)?.[0]));
      assert.equal(found.length, expected.length, found.join('\n'));
      for (const [at, pattern] of expected.entries()) assert.match(found[at] ?? '', pattern);
      assert.equal(lines.at(-1), last);
    };
    const dry = await run(text, { reference, dryRun: true });
    check(dry.lines, '2 would be created, 0 are there already, 8 bad lines. Nothing was stored.');
    assert.equal(await stored('many-1'), null);
    const first = await run(text, { reference });
    check(first.lines, '2 created, 0 were there already, 8 bad lines.');
    assert.deepEqual(first.tally, { lines: 10, created: 2, existing: 0, bad: 8 });
    const again = await run(text, { reference });
    check(again.lines, '0 created, 2 were there already, 8 bad lines.');
    const payout = await stored('many-9');
    assert.equal(payout?.batch, api.world.batches.idOf(api.merchant.merchantId, reference));
  });

  it('sends many lines in parts of one batch, and tells how far it is', async () => {
    const rows = Array.from({ length: 2100 }, (_, at) => row(`part-${at}`, at === 1500 ? '0' : '1'));
    const { tally, lines, advances } = await run(csv(HEADER, ...rows), { reference: 'import-part' });
    assert.deepEqual(tally, { lines: 2100, created: 2099, existing: 0, bad: 1 });
    assert.deepEqual(lines, ['line 1502: amount: more than zero', '2099 created, 0 were there already, 1 bad lines.']);
    assert.deepEqual(
      advances.map(([, words]) => words),
      ['1000 lines, 0 bad', '2000 lines, 1 bad', '2100 lines, 1 bad'],
    );
    const shares = advances.map(([share]) => share);
    assert.ok(shares.every((share, at) => share > 0 && share >= (shares[at - 1] ?? 0)));
    assert.equal(shares.at(-1), 1);
    const id = api.world.batches.idOf(api.merchant.merchantId, 'import-part');
    const counts = await api.world.store.batchCounts(api.merchant.merchantId, id);
    assert.equal(
      counts.reduce((sum, { count }) => sum + count, 0),
      2099,
    );
  });

  it('names every fault of a header at once, and sends nothing', async () => {
    const text = csv(
      ['reference', 'amount', 'Network', 'amount', 'beneficiary.shoe', 'metadata.'],
      ['a', '1', 'x', '', '', ''],
    );
    await assert.rejects(run(text), (error) => {
      assert.ok(error instanceof InvalidArgumentError);
      for (const part of [
        'the column currency is missing',
        'there is no column "Network"',
        'the column amount is there twice',
        'there is no column "beneficiary.shoe"',
        'there is no column "metadata."',
        'known are reference, amount, currency, feeMode, network, address,',
      ]) {
        assert.ok(error.message.includes(part), `${part}: ${error.message}`);
      }
      return true;
    });
    for (const empty of ['', '\n']) await assert.rejects(run(empty), /header: the file is empty/);
  });

  it('says in one line what is wrong with a file, a batch, a key or a server', async () => {
    const good = csv(HEADER, row('one-1'));
    const client = { url: `${api.url}/graphql`, apiKey: api.merchant.secret };
    const reader = await api.caller(api.merchant.merchantId, ['payouts:read']);
    const stranger = createServer((_request, response) => response.end('<!doctype html>')).listen(0, '127.0.0.1');
    await once(stranger, 'listening');
    const address = stranger.address();
    const elsewhere = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/graphql`;
    const cases: readonly [() => Promise<unknown>, RegExp][] = [
      [() => run(good, { path: join(dir, 'none.csv') }), /^The file cannot be read: ENOENT/],
      [() => run(good, { path: dir }), /^The file cannot be read: EISDIR/],
      [() => run(`${good}"open`), /\.csv is no CSV from line 3 on: a quote is left open$/],
      [() => run(Buffer.concat([Buffer.from(good), Buffer.from([0xff, 0xfe])])), /\.csv is not in UTF-8$/],
      [() => run(good, { reference: 'no spaces' }), /^The batch is refused: reference: 1 to 64 of/],
      [() => run(good, { client: { ...client, apiKey: 'outflow_none' } }), /answers: A valid API key is needed/],
      [() => run(good, { client: { ...client, apiKey: reader.secret } }), /answers: This key may not do this/],
      [
        () => run(good, { client: { ...client, url: 'http://127.0.0.1:2/graphql' } }),
        /does not answer: .*ECONNREFUSED/,
      ],
      [() => run(good, { client: { ...client, url: elsewhere } }), /answers: it is no GraphQL of Outflow$/],
    ];
    try {
      for (const [attempt, message] of cases) {
        await assert.rejects(attempt, (error) => {
          assert.ok(error instanceof StartupError, String(error));
          assert.match(error.message, message);
          assert.ok(!error.message.includes('\n'));
          return true;
        });
      }
      assert.equal(await stored('one-1'), null);
    } finally {
      stranger.close();
    }
  });
});

describe('the view of an import', () => {
  function open(isTTY: boolean) {
    const shown: string[] = [];
    const view = createView((line) => shown.push(`${line}\n`), {
      isTTY,
      columns: 50,
      write: (text) => shown.push(text),
    });
    return { shown, view };
  }

  it('on a terminal is a bar that gives way to the lines that stay, and is gone at the end', () => {
    const { shown, view } = open(true);
    view.advance(0.5, '500 lines, 0 bad');
    view.print('line 7: amount: more than zero');
    view.advance(1, '1000 lines, 1 bad');
    view.print('done');
    const bar = `[${'='.repeat(15)}${' '.repeat(15)}]  50 %  500 lines`;
    assert.deepEqual(shown, [
      `\r\x1b[K${bar}`,
      '\r\x1b[K',
      'line 7: amount: more than zero\n',
      `\r\x1b[K${bar}`,
      '\r\x1b[K',
      'done\n',
    ]);
    assert.ok(bar.length < 50);
  });

  it('elsewhere is a line each time', () => {
    const { shown, view } = open(false);
    view.advance(0.259, '500 lines, 0 bad');
    view.print('line 7: amount: more than zero');
    assert.deepEqual(shown, [' 25 %: 500 lines, 0 bad\n', 'line 7: amount: more than zero\n']);
  });
});

describe('the words after outflow batch', () => {
  it('name a file and a batch', () => {
    const words = ['import', 'pay.csv', '--reference', 'june', '--dry-run', '--url', 'http://x'];
    assert.deepEqual(parseImport(words), { path: 'pay.csv', reference: 'june', url: 'http://x', dryRun: true });
    const few = { path: 'pay.csv', reference: 'june', url: null, dryRun: false };
    assert.deepEqual(parseImport(['--reference', 'june', 'import', 'pay.csv']), few);
    for (const [wrong, message] of [
      [['import', '--reference', 'june'], /file: name one CSV file/],
      [['import', 'a', 'b', '--reference', 'june'], /file: name one CSV file/],
      [['import', 'a'], /reference: say --reference/],
      [['export', 'a', '--reference', 'june'], /there is no "batch export"/],
      [[], /there is no "batch "/],
      [['import', 'a', '--reference', 'june', '--now'], /options: /],
    ] as const) {
      assert.throws(() => parseImport([...wrong]), message);
    }
  });
});

describe('the way to the API', () => {
  const dir = mkdtempSync(join(tmpdir(), 'outflow-client-'));
  after(() => rmSync(dir, { recursive: true }));
  const demo = { url: 'http://127.0.0.1:4321/graphql', apiKey: `outflow_${randomBytes(8).toString('hex')}` };
  writeFileSync(join(dir, 'demo.json'), JSON.stringify(demo));
  const DATA_DIR = dir;

  it('is the demo of this machine where no key is set, and in sandbox mode alone', () => {
    assert.deepEqual(findClient({ DATA_DIR }, null), demo);
    assert.deepEqual(findClient({ DATA_DIR, OUTFLOW_API_KEY: '' }, 'http://h:1/'), {
      ...demo,
      url: 'http://h:1/graphql',
    });
    for (const env of [{ DATA_DIR, OUTFLOW_MODE: 'live' }, { DATA_DIR: join(dir, 'none') }]) {
      assert.throws(() => findClient(env, null), /^StartupError: Set OUTFLOW_API_KEY/);
    }
  });

  it('is OUTFLOW_API_KEY at PORT of this machine, or wherever --url says', () => {
    const OUTFLOW_API_KEY = 'outflow_mine';
    const at = (env: object, url: string | null) => findClient({ DATA_DIR, OUTFLOW_API_KEY, ...env }, url);
    assert.deepEqual(at({}, null), { url: 'http://127.0.0.1:4000/graphql', apiKey: OUTFLOW_API_KEY });
    assert.equal(at({ PORT: '4100' }, null).url, 'http://127.0.0.1:4100/graphql');
    for (const url of ['https://pay.example/graphql', 'https://pay.example', 'https://pay.example/']) {
      assert.equal(at({}, url).url, 'https://pay.example/graphql');
    }
    for (const url of ['pay.example', 'ftp://pay.example', '']) assert.throws(() => at({}, url), /is no address/);
  });
});

describe('the program', { timeout: 60_000 }, () => {
  it('imports a thousand lines with three bad ones into the sandbox that runs beside it, and exits with 1', async (t) => {
    const place = await openPlace(t);
    await place.outflow(['serve']).until(/Demo API key +\S+\n/);
    const bad = new Map([
      [100, '-5'],
      [500, 'ten'],
      [900, '0'],
    ]);
    const rows = Array.from({ length: 1000 }, (_, at) => row(`salary-${at}`, bad.get(at) ?? '1'));
    const path = join(place.dir, 'salaries.csv');
    writeFileSync(path, csv(HEADER, ...rows));
    const run = async (...more: readonly string[]) => {
      const program = place.outflow(['batch', 'import', path, '--reference', 'june', ...more]);
      assert.equal(await program.ended, 1, program.errors());
      assert.match(program.errors(), /^100 %: 1000 lines, 3 bad\n$/);
      return program.output().split('\n');
    };
    const faults = ['line 102: amount: ', 'line 502: amount: ', 'line 902: amount: '];
    const check = (lines: readonly string[], last: string): void => {
      assert.deepEqual(
        lines.map((line, at) => (at < 3 ? line.slice(0, 18) : line)),
        [...faults, last, ''],
      );
    };
    check(await run('--dry-run'), '997 would be created, 0 are there already, 3 bad lines. Nothing was stored.');
    check(await run(), '997 created, 0 were there already, 3 bad lines.');
    check(await run(), '0 created, 997 were there already, 3 bad lines.');
    writeFileSync(path, csv(HEADER, row('salary-1', '1')));
    const good = place.outflow(['batch', 'import', path, '--reference', 'june']);
    assert.equal(await good.ended, 0, good.errors());
    const wrong = place.outflow(['batch', 'import', join(place.dir, 'none.csv'), '--reference', 'june']);
    assert.equal(await wrong.ended, 1);
    assert.match(wrong.errors(), /^The file cannot be read: ENOENT.*\n$/);
  });
});
