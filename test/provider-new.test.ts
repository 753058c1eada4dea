import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Edit, FILLING, ID, LAST, NAME } from './support/sixth.ts';

const root = join(import.meta.dirname, '..');
/** A copy of the tree, in which the command is run as a person would run it. */
const tree = mkdtempSync(join(tmpdir(), 'outflow-sixth-'));
const providers = join(tree, 'src/providers');
const tools = join(root, 'node_modules/.bin');

interface Ended {
  readonly code: number;
  readonly output: string;
  readonly errors: string;
}

/** Longer than any of it takes, and shorter than a test may. */
const LIMIT_MS = 180_000;

/** Runs a program in the copy to its end, or until it is ended because nothing comes of it. */
function run(file: string, words: readonly string[]): Promise<Ended> {
  const { PATH = '' } = process.env;
  const options = { cwd: tree, env: { PATH: `${tools}:${PATH}` }, maxBuffer: 2 ** 26, timeout: LIMIT_MS } as const;
  return new Promise((resolve) => {
    execFile(file, words, { ...options, killSignal: 'SIGTERM' }, (error, output, errors) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), output, errors });
    });
  });
}

const create = (...words: string[]): Promise<Ended> => run('npm', ['run', '--silent', 'provider:new', '--', ...words]);

/** The lines of a list, each once. */
function listed(text: string): string[] {
  return [...new Set(Array.from(text.matchAll(/^\s*- (.*\.(?:ts|md)[,:].*)$/gm), (match) => match[1] ?? ''))];
}

/** Runs the command that `provider:new` told to run. */
function runKit(told: Ended): Promise<Ended> {
  const [, file = '', words = ''] = /^ {2}(node) (--test .*)$/m.exec(told.output) ?? [];
  return run(file, [...words.split(' ').slice(0, -1), '--test-reporter=tap', ...words.split(' ').slice(-1)]);
}

async function checkTypes(): Promise<string> {
  const include = ['src/providers/*.ts', `src/providers/${ID}/*.ts`];
  writeFileSync(join(tree, 'tsconfig.sixth.json'), JSON.stringify({ extends: './tsconfig.json', include }));
  return (await run('tsc', ['--project', 'tsconfig.sixth.json'])).output;
}

/** Changes the new provider's files, each in its one place. */
function fillIn(edits: readonly Edit[]): void {
  for (const { file, from, to } of edits) {
    const path = join(providers, ID, file);
    const parts = readFileSync(path, 'utf8').split(from);
    assert.equal(parts.length, 2, `${file} says exactly once: ${from}`);
    writeFileSync(path, parts.join(to));
  }
}

describe('a sixth provider', () => {
  let told: Ended;
  before(async () => {
    for (const part of ['src', 'test', 'package.json', 'tsconfig.json', 'biome.json', 'docs', '.env.example']) {
      cpSync(join(root, part), join(tree, part), { recursive: true });
    }
    symlinkSync(join(root, 'node_modules'), join(tree, 'node_modules'));
    told = await create(ID);
  });
  after(() => rmSync(tree, { recursive: true }));

  it('is written by one command, as a folder like the others and a line in each list', () => {
    assert.equal(told.code, 0, told.errors);
    const files = readdirSync(join(providers, ID)).sort();
    assert.deepEqual(files, ['README.md', 'fixtures.ts', 'index.ts', 'sandbox.ts', 'wire.ts']);
    for (const file of files) assert.doesNotMatch(readFileSync(join(providers, ID, file), 'utf8'), /__\w+__/);
    assert.match(readFileSync(join(providers, 'index.ts'), 'utf8'), new RegExp(`\\[.*, ${ID}\\];`));
    assert.match(readFileSync(join(providers, 'sandboxes.ts'), 'utf8'), new RegExp(`\\[.*, ${ID}\\];`));
    for (const place of ['.env.example', 'docs/configuration.md', 'npm run generate', `${ID.toUpperCase()}_BASE_URL`]) {
      assert.ok(told.output.includes(place), place);
    }
  });

  it('has the right types and the right form before anything is filled in', async () => {
    assert.equal(await checkTypes(), '');
    const checked = await run('biome', ['check', '--error-on-warnings', '--vcs-enabled=false', 'src/providers']);
    assert.equal(checked.code, 0, checked.output + checked.errors);
  });

  it('keeps to the rules of the house', async () => {
    const { code, output } = await run('node', ['--test', '--test-reporter=tap', 'test/architecture.test.ts']);
    assert.equal(code, 0, output);
  });

  it('is not written over, under a name that cannot be one, or by halves', async () => {
    const before = readdirSync(providers);
    const lists = () => ['index.ts', 'sandboxes.ts'].map((file) => readFileSync(join(providers, file), 'utf8'));
    const listsBefore = lists();
    for (const words of [
      [],
      [ID],
      ['template'],
      ['a'],
      ['Acme'],
      ['2pay'],
      ['pay-2'],
      ['class'],
      ['a'.repeat(33)],
      ['ab', 'cd'],
    ]) {
      const { code, errors } = await create(...words);
      assert.equal(code, 1, words.join(' '));
      assert.match(errors, /^id: [^\n]+$/m, words.join(' '));
    }
    assert.deepEqual(readdirSync(providers), before);
    assert.deepEqual(lists(), listsBefore);
  });

  it('fails its conformance with the list of what is to be filled in, which is what the command told', async () => {
    const { code, output } = await runKit(told);
    assert.equal(code, 1, output);
    assert.deepEqual(listed(output), [...FILLING.keys()]);
    assert.deepEqual(listed(told.output).slice(0, FILLING.size), [...FILLING.keys()]);
  });

  it('passes its conformance once each line of the list is filled in', async () => {
    for (const [line, edits] of FILLING) {
      fillIn(edits);
      fillIn([{ file: 'index.ts', from: `  '${line}',\n`, to: '' }]);
    }
    fillIn(LAST);
    assert.equal(await checkTypes(), '');
    const { code, output } = await runKit(told);
    assert.equal(code, 0, output);
    const cases = Number(/^# pass (\d+)$/m.exec(output)?.[1] ?? 0);
    assert.ok(cases >= 40, `${NAME} was tried in ${cases} cases`);
  });

  it('leaves nothing behind that the command made on its way', () => {
    const odd = readdirSync(providers).filter((name) => name.startsWith('.'));
    assert.deepEqual(odd, []);
    assert.ok(existsSync(join(providers, 'template')));
  });
});
