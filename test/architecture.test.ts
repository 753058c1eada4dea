import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, it } from 'node:test';

const root = join(import.meta.dirname, '..');

interface Source {
  /** From `src`, e.g. `providers/oxapay/wire.ts`. */
  readonly path: string;
  readonly text: string;
  /** Modules of ours, from `src`; type imports included. */
  readonly own: readonly string[];
  /** Packages and `node:` modules. */
  readonly packages: readonly string[];
}

const sources: readonly Source[] = globSync('src/**/*.ts', { cwd: root }).map((file) => {
  const path = file.replace(/^src\//, '');
  const text = readFileSync(join(root, file), 'utf8');
  const names = [
    ...text.matchAll(/^(?:import|export)\b[^;]*?\bfrom '([^']+)'|\bimport\('([^']+)'\)|^import '([^']+)'/gm),
  ];
  const targets = names.map((match) => match[1] ?? match[2] ?? match[3] ?? '');
  return {
    path,
    text,
    own: targets.filter((target) => target.startsWith('.')).map((target) => normalize(join(dirname(path), target))),
    packages: targets.filter((target) => !target.startsWith('.')),
  };
});

/** Which room a file lives in: the first pattern that fits. */
const ROOMS: readonly (readonly [room: string, pattern: RegExp])[] = [
  ['domain', /^domain\//],
  ['provider sandbox', /^providers\/([^/]+)\/sandbox(-[a-z]+)?\.ts$/],
  ['provider', /^providers\/([^/]+)\//],
  ['providers', /^providers\//],
  ['storage', /^storage\//],
  ['graphql', /^graphql\//],
  ['sandbox', /^sandbox(\.ts$|\/)/],
  ['root', /^(main|compose|commands)\.ts$/],
  ['config', /^config(-[a-z]+)?\.ts$/],
  ['import', /^import(-[a-z]+)?\.ts$/],
  ['batches', /^batches(-[a-z]+)?\.ts$/],
  ['health', /^health(-[a-z]+)?\.ts$/],
];
const roomOf = (path: string): string =>
  ROOMS.find(([, pattern]) => pattern.test(path))?.[0] ?? path.replace('.ts', '');

/** Who may import whom. A room may always import itself; the root imports everything. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  server: ['graphql', 'export', 'inbound', 'keys', 'runtime', 'domain'],
  graphql: [
    'payouts',
    'batches',
    'market',
    'quotes',
    'feed',
    'keys',
    'address',
    'health',
    'catalogue',
    'runtime',
    'domain',
    'providers',
  ],
  worker: ['payouts', 'market', 'batch', 'identity', 'health', 'lanes', 'pace', 'redaction', 'domain', 'runtime'],
  lanes: ['health', 'pace', 'domain', 'runtime'],
  pace: ['health', 'domain', 'runtime'],
  batch: ['domain'],
  inbound: ['payouts', 'domain', 'runtime'],
  export: ['csv', 'domain', 'providers'],
  payouts: ['identity', 'redaction', 'vault', 'quotes', 'routing', 'domain', 'runtime', 'records'],
  batches: ['payouts', 'identity', 'domain', 'runtime'],
  // A client of the API, as any other: it knows nothing of its inside.
  import: ['csv', 'config', 'domain', 'runtime'],
  market: ['health', 'pace', 'domain', 'runtime'],
  quotes: ['domain', 'runtime'],
  records: ['identity', 'redaction', 'vault', 'domain'],
  identity: ['domain', 'runtime'],
  vault: ['domain', 'runtime'],
  redaction: ['domain'],
  csv: [],
  health: ['domain', 'runtime'],
  catalogue: ['health', 'domain', 'runtime'],
  routing: ['market', 'health', 'catalogue', 'domain', 'runtime'],
  feed: ['tails', 'domain', 'runtime'],
  tails: ['domain', 'runtime'],
  keys: ['domain', 'runtime'],
  config: ['domain', 'providers', 'market', 'routing'],
  transport: ['domain'],
  address: ['domain'],
  runtime: [],
  providers: ['domain', 'transport', 'provider', 'provider sandbox', 'sandbox'],
  provider: ['domain', 'transport', 'providers'],
  'provider sandbox': ['domain', 'transport', 'provider', 'sandbox'],
  // A payout's id is a hash of what it is looked up by.
  storage: ['identity', 'domain'],
  sandbox: ['domain', 'runtime', 'provider sandbox'],
  domain: [],
};

/** Packages that have one door, or few. */
const DOORS: readonly (readonly [name: RegExp, door: RegExp])[] = [
  [/^undici$/, /^transport\.ts$/],
  [/^mongodb$/, /^storage\/mongo\//],
  [/^node:sqlite$/, /^storage\/sqlite\.ts$/],
  [/^(@pothos\/|graphql|@graphql-|dataloader$)/, /^(graphql\/|server\.ts$)/],
  [/^zod$/, /^(config(-[a-z]+)?\.ts$|graphql\/|providers\/[^/]+\/wire\.ts$)/],
  [/^pino/, /^runtime\.ts$/],
];

describe('the house', () => {
  it('imports only what the table of rooms allows', () => {
    const wrong = sources.flatMap(({ path, own }) => {
      const room = roomOf(path);
      if (room === 'root') return [];
      assert.ok(ALLOWED[room], `${path} is in a room that the table does not know: ${room}`);
      return own
        .filter((target) => roomOf(target) !== room && !ALLOWED[room]?.includes(roomOf(target)))
        .map((target) => `${path} imports ${target}`);
    });
    assert.deepEqual(wrong, []);
  });

  it('keeps every provider to itself, and everyone else from knowing one', () => {
    const folder = (path: string): string | undefined => /^providers\/([^/]+)\//.exec(path)?.[1];
    for (const { path, own } of sources) {
      for (const target of own.filter((one) => folder(one) !== undefined)) {
        const allowed = folder(path) === folder(target) || /^providers\/(index|sandboxes)\.ts$/.test(path);
        assert.ok(allowed, `${path} imports ${target}`);
      }
    }
    const slugs = globSync('src/providers/*/index.ts', { cwd: root }).map((file) => file.split('/')[2] ?? '');
    const code = (text: string): string => text.replace(/\/\*\*.*?\*\//gs, '').toLowerCase();
    const knowing = sources.filter(
      ({ path, text }) =>
        !path.startsWith('providers/') && slugs.some((slug) => new RegExp(`\\b${slug}\\b`).test(code(text))),
    );
    assert.deepEqual(
      knowing.map((source) => source.path),
      [],
    );
  });

  it('opens each package at its own doors alone', () => {
    for (const { path, packages } of sources) {
      for (const [name, door] of DOORS) {
        for (const used of packages.filter((one) => name.test(one)))
          assert.match(path, door, `${path} imports ${used}`);
      }
    }
  });

  it('loads the sandbox by a dynamic import alone, so that live mode has none of it', () => {
    for (const { path, text } of sources) {
      if (/^(sandbox|providers\/(sandboxes|[^/]+\/sandbox)\b)/.test(path)) continue;
      const statics = [...text.matchAll(/^import (?!type)[^;]*? from '[^']*sandbox[^']*'/gm)];
      assert.deepEqual(
        statics.map((match) => match[0]),
        [],
        path,
      );
    }
  });

  it('reads the environment in main.ts, the wall clock in runtime.ts, and commits in payouts.ts, sends in worker.ts alone', () => {
    const using = (pattern: RegExp): string[] =>
      sources.filter(({ text }) => pattern.test(text)).map((source) => source.path);
    assert.deepEqual(using(/process\.env/), ['main.ts']);
    assert.deepEqual(using(/new Date\(\)|Date\.now\(/), ['runtime.ts']);
    assert.deepEqual(
      using(/\.commit\(/).filter((path) => !path.startsWith('storage/')),
      ['payouts.ts'],
    );
    assert.deepEqual(
      using(/\.(confirm|cancel|amend|attachDocument|completeDocuments|submit|submitBatch)(\?\.)?\(\w+, /).filter(
        (path) => !/^(providers|sandbox)\b/.test(path),
      ),
      ['worker.ts'],
    );
    assert.deepEqual(
      using(/\bfetch\(|AbortSignal\.timeout/).filter((path) => path !== 'server.ts'),
      // It calls the API, not a provider.
      ['import.ts'],
    );
  });

  it('encrypts, and reads what is encrypted, in vault.ts alone, of which the write side knows only the shape', () => {
    const using = (pattern: RegExp): string[] =>
      sources.filter(({ path, text }) => !path.startsWith('storage/') && pattern.test(text)).map(({ path }) => path);
    assert.deepEqual(using(/\b(create(C|Dec)ipheriv|hkdfSync)\b/), ['vault.ts']);
    assert.deepEqual(using(/\.(putSealed|getSealed|dropSealed|resealed|sealedUnderOtherKeys)\(/), ['vault.ts']);
    const payouts = sources.find(({ path }) => path === 'payouts.ts')?.text ?? '';
    assert.deepEqual(payouts.match(/^import .*'\.\/vault\.ts';$/gm), ["import type { Vault } from './vault.ts';"]);
  });
});
