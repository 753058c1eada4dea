import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { openPlace, type Place, type Program, root } from './support/program.ts';

/** What a page has its reader do, and what it says becomes of it, in its order. */
type Step =
  /** A block of commands; `answer`: what the page shows as the last answer, with … for what differs each time. */
  | { readonly kind: 'commands'; readonly text: string; readonly answer: unknown }
  | { readonly kind: 'script'; readonly text: string }
  /** "`reference` goes A → B with `action` among its `actions`", or no more than the first half of it. */
  | { readonly kind: 'goes'; readonly reference: string; readonly states: readonly string[]; readonly action: string };

const COMMANDS = /^```(sh|js)\n(.*?)^```$(?:\n\n```json\n(.*?)^```$)?/;
const GOES = /^`([\w-]+)` goes ([A-Z_]+(?: → [A-Z_]+)*)(?: with `(\w+)` among its `actions`)?/;
const STEP = new RegExp(`${COMMANDS.source}|${GOES.source}`, 'gms');

function readPage(path: string): readonly Step[] {
  const page = readFileSync(join(root, path), 'utf8');
  return [...page.matchAll(STEP)].map(
    ([, language, text = '', answer, reference = '', states = '', action = '']): Step => {
      if (language === undefined) return { kind: 'goes', reference, states: states.split(' → '), action };
      if (language === 'js') return { kind: 'script', text };
      return { kind: 'commands', text, answer: answer === undefined ? null : JSON.parse(answer) };
    },
  );
}

/** A reader's machine: the program runs, and what is pasted finds it and its `data` as the pages say. */
async function openDesk(t: TestContext) {
  const place = await openPlace(t);
  const program = place.outflow(['serve']);
  await program.until(/"msg":"serving"/);
  const scripts = { outflow: `"${process.execPath}" "${join(root, 'bin/outflow.js')}"` };
  writeFileSync(join(place.dir, 'package.json'), JSON.stringify({ name: 'desk', scripts }));
  symlinkSync(join(root, 'node_modules'), join(place.dir, 'node_modules'));
  const bin = join(place.dir, 'bin');
  mkdirSync(bin);
  if (spawnSync('curl', ['--version']).status !== 0) installCurl(join(bin, 'curl'));
  const PATH = [bin, join(root, 'node_modules/.bin'), process.env.PATH].join(delimiter);
  const localize = (text: string): string => text.replaceAll('127.0.0.1:4000', `127.0.0.1:${place.env.PORT}`);
  return { place, PATH, localize };
}

/** As much of curl as the pages use, for a machine that has none. */
function installCurl(path: string): void {
  const code = `#!${process.execPath}
const words = process.argv.slice(2);
const after = (flag) => words.flatMap((word, index) => (words[index - 1] === flag ? [word] : []));
const [data] = after('-d');
const body = data === '@-' ? require('node:fs').readFileSync(0, 'utf8').replaceAll('\\n', '') : data;
const headers = after('-H').map((line) => line.split(': '));
fetch(words.find((word) => word.startsWith('http')), { method: 'POST', headers, body }).then(async (answer) => {
  for await (const chunk of answer.body) process.stdout.write(chunk);
});
`;
  writeFileSync(path, code);
  chmodSync(path, 0o755);
}

/** A terminal in which one block after another is pasted. */
function openTerminal(t: TestContext, { dir, env }: Place, PATH: string) {
  const shell = spawn('bash', ['--noprofile', '--norc'], { cwd: dir, env: { ...env, PATH } });
  t.after(() => shell.kill('SIGKILL'));
  let text = '';
  let wake = (): void => undefined;
  for (const stream of [shell.stdout, shell.stderr])
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      wake();
    });
  shell.on('close', () => wake());
  let blocks = 0;
  /** Gives what the block printed. */
  return async (block: string): Promise<string> => {
    blocks += 1;
    const end = `end of block ${blocks}\n`;
    shell.stdin.write(`${block}\nprintf '\\n${end.trimEnd()}\\n'\n`);
    for (;;) {
      const at = text.indexOf(end);
      if (at !== -1) {
        const printed = text.slice(0, at);
        text = text.slice(at + end.length);
        return printed;
      }
      assert.equal(shell.exitCode, null, text);
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
}

/** An event as the pages' subscriptions ask for it. */
interface Shown {
  readonly cursor?: string;
  readonly state: string;
  readonly payout: { readonly reference: string };
}

/** What a listening terminal has shown. */
function eventsOf(watching: Program | null): readonly Shown[] {
  assert.ok(watching, 'nobody listens');
  return [...watching.output().matchAll(/^data: (.*payoutEvents.*)$/gm)].map(
    ([, data = '']) => JSON.parse(data).data.payoutEvents,
  );
}

/** Holds that the states come in the order in which a page says; one that passes quickly may be missed. */
function assertInOrder(states: readonly string[], said: readonly string[], reference: string): void {
  let at = 0;
  for (const state of states) {
    while (at < said.length && said[at] !== state) at += 1;
    assert.ok(at < said.length, `${reference} went ${states.join(' → ')}, and the page says ${said.join(' → ')}`);
  }
}

/** Holds that an answer has what the page shows of it. */
function assertShown(answer: unknown, shown: unknown, printed: string): void {
  if (typeof shown === 'string' && shown.includes('…')) {
    const pattern = shown.replaceAll(/[^\w\s…]/g, '\\$&').replaceAll('…', '.+');
    assert.match(String(answer), new RegExp(`^${pattern}$`, 's'), printed);
  } else if (typeof shown === 'object' && shown !== null && typeof answer === 'object' && answer !== null) {
    assert.deepEqual(Object.keys(answer), Object.keys(shown), printed);
    for (const [key, value] of Object.entries(shown)) assertShown(Reflect.get(answer, key), value, printed);
  } else assert.deepEqual(answer, shown, printed);
}

/** Holds that nothing went wrong where the page shows no answer, and that the answer is as the page shows it. */
function checkPrinted(printed: string, shown: unknown): void {
  const lines = printed.split('\n').filter((line) => line !== '');
  const answers = lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line));
  if (shown !== null) assertShown(answers.pop(), shown, printed);
  for (const answer of answers) {
    assert.equal(answer.errors, undefined, printed);
    assert.doesNotMatch(JSON.stringify(answer), /"__typename":"\w+Error"/);
  }
  // What npm and Node say of a missing .env is no part of an answer.
  assert.deepEqual(
    lines.filter((line) => !/^({|\.env )/.test(line)),
    [],
  );
}

/** Pastes a whole page. */
async function paste(t: TestContext, path: string): Promise<void> {
  const { place, PATH, localize } = await openDesk(t);
  const run = openTerminal(t, place, PATH);
  const pasted: string[] = [];
  /** How much was seen of each payout, and where it stood then. */
  const seen = new Map<string, { readonly events: number; readonly states: readonly string[] }>();
  const created = new Set<string>();
  let watching: Program | null = null;
  for (const step of readPage(path)) {
    if (step.kind === 'script') await runScript(place, step.text, eventsOf(watching)[0]?.cursor ?? '');
    else if (step.kind === 'goes') {
      const { reference, states, action } = step;
      await watching?.until(new RegExp(`"state":"${states.at(-1)}".*"reference":"${reference}".*${action}`));
      const before = seen.get(reference) ?? { events: 0, states: [] };
      const all = eventsOf(watching).filter(({ payout }) => payout.reference === reference);
      const news = all.slice(before.events).map(({ state }) => state);
      assertInOrder(news, [...before.states, ...states], reference);
      seen.set(reference, { events: all.length, states: states.slice(-1) });
    } else if (step.text.includes('curl -sN')) {
      watching = place.run('bash', ['-c', localize([...pasted, step.text].join('\n'))], { PATH });
      await watching.until(/^:/);
    } else if (!/^(MONGODB_URL=\S+ )?npm /m.test(step.text)) {
      pasted.push(step.text);
      const printed = await run(localize(step.text));
      checkPrinted(printed, step.answer);
      const [, reference = ''] = /"reference": "([^"]+)"/.exec(step.text) ?? [];
      if (printed.includes('"replayed":false')) created.add(reference);
    }
  }
  assert.ok(created.size > 0);
  assert.deepEqual([...seen.keys()], [...created], 'a page says of each payout how it goes');
}

/** Runs a listening script as one that comes back with the cursor of the first event, until it has shown the end. */
async function runScript(place: Place, text: string, cursor: string): Promise<void> {
  assert.match(text, /^let cursor;/m);
  const path = join(place.dir, 'watch.mjs');
  writeFileSync(path, text.replace(/^let cursor;/m, `let cursor = ${JSON.stringify(cursor)};`));
  const script = place.run(process.execPath, [path]);
  await script.until(/COMPLETED/);
  const sequences = [...script.output().matchAll(/sequence: (\d+)/g)].map(([, sequence]) => Number(sequence));
  assert.deepEqual(sequences, [2, 3, 4]);
  script.signal('SIGTERM');
}

/** What the commands of the pages are made for. */
const skip = spawnSync('bash', ['-c', 'command -v grep sed']).status === 0 ? false : 'there is no bash on this machine';

describe('what can be pasted', { concurrency: 2, timeout: 90_000, skip }, () => {
  test('from README.md works as it says', (t) => paste(t, 'README.md'));
  test('from docs/providers.md works as it says, a payout through each provider', (t) => paste(t, 'docs/providers.md'));
});
