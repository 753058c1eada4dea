/** What the measurements share: processes to measure, loads to put on them, and how two sides are compared. */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { definitions } from '../src/providers/index.ts';

/** A line of the table. */
export interface Row {
  readonly what: string;
  /** What it is compared with, on the same machine in the same minute. */
  readonly against: string;
  /** `what` divided by `against`. */
  readonly ratio: string;
  /** Times of this one run, as an illustration only: on another machine they are others. */
  readonly alone: string;
}

const root = join(import.meta.dirname, '..');
const children = new Set<ChildProcess>();
const folders = new Set<string>();

// Whatever ends this process, nothing that it started stays behind.
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
  for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});

// --- figures ----------------------------------------------------------------------------------------------------------------

/** The value below which a share (0 to 1) of the values lies; NaN of none. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}

/** Three significant digits, e.g. `0.0612`, `1.03`, `1240`. */
export function show(value: number): string {
  return String(Number(value.toPrecision(3)));
}

/** p50 and p99 of milliseconds, e.g. `1.2 / 4.5 ms`. */
export function showLatency(latencies: readonly number[]): string {
  return `${show(median(latencies))} / ${show(percentile(latencies, 0.99))} ms`;
}

/** The p50 of some latencies divided by that of others, and the p99, e.g. `1.2 / 1.31`. */
export function compareLatencies(ours: readonly number[], theirs: readonly number[]): string {
  const ratio = (share: number): string => show(percentile(ours, share) / percentile(theirs, share));
  return `${ratio(0.5)} / ${ratio(0.99)}`;
}

/** Runs two sides in turn, A B A B, so that whatever else the machine does strikes both. */
export async function alternate<A, B>(
  rounds: number,
  a: (round: number) => Promise<A>,
  b: (round: number) => Promise<B>,
): Promise<readonly (readonly [A, B])[]> {
  const pairs: [A, B][] = [];
  for (let round = 0; round < rounds; round += 1) pairs.push([await a(round), await b(round)]);
  return pairs;
}

/** Does `work` for 0 to `count` - 1, `width` at a time. */
export async function inFlight(width: number, count: number, work: (index: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const run = async (): Promise<void> => {
    while (next < count) {
      const index = next;
      next += 1;
      await work(index);
    }
  };
  await Promise.all(Array.from({ length: width }, run));
}

/** The machine's own clock, the same for all its processes, in ms. It says nothing of the time of day. */
export function machineNow(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

// --- processes --------------------------------------------------------------------------------------------------------------

/** A folder that is gone when the block that made it ends. */
export function openFolder(): { readonly path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), 'outflow-bench-'));
  folders.add(path);
  return {
    path,
    [Symbol.dispose]() {
      rmSync(path, { recursive: true, force: true });
      folders.delete(path);
    },
  };
}

/** A file of this folder in a process of its own, which answers questions. */
export interface Child<In extends object, Out> extends AsyncDisposable {
  readonly pid: number;
  /** One question at a time. Rejects when the process ends instead of answering. */
  ask(question: In): Promise<Out>;
}

/** Starts a file that calls `answer`. Both sides must name the same types. */
export function openChild<In extends object, Out>(
  file: string,
  flags: readonly string[] = [],
  words: readonly string[] = [],
): Child<In, Out> {
  const child = fork(join(import.meta.dirname, file), words, { execArgv: [...flags] });
  children.add(child);
  return {
    pid: child.pid ?? 0,
    ask(question) {
      const { promise, resolve, reject } = Promise.withResolvers<Out>();
      const fail = (code: number | null): void => reject(new Error(`${file} ended with ${code}`));
      child.once('exit', fail);
      child.once('message', (answer) => {
        child.off('exit', fail);
        resolve(answer as Out);
      });
      child.send(question);
      return promise;
    },
    [Symbol.asyncDispose]: () => end(child),
  };
}

/** The other side of `openChild`: answers each question until the parent has gone. */
export function answer<In extends object, Out>(respond: (question: In) => Promise<Out>): void {
  process.on('message', async (question: In) => process.send?.(await respond(question)));
  process.once('disconnect', () => process.exit(0));
}

/** Asks a process to end, and ends it when it has not within 15 seconds. */
async function end(child: ChildProcess): Promise<void> {
  const over = child.exitCode !== null || child.signalCode !== null;
  if (!over) {
    const ended = once(child, 'exit');
    const timer = setTimeout(() => child.kill('SIGKILL'), 15_000);
    child.kill('SIGTERM');
    await ended;
    clearTimeout(timer);
  }
  children.delete(child);
}

/** The CPU time that a process has used so far, in ms, to 10 ms; NaN where there is no /proc. */
export function cpuMs(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? [];
    // utime and stime, in ticks of 1/100 s. Source: proc_pid_stat(5).
    return (Number(fields[11]) + Number(fields[12])) * 10;
  } catch {
    return Number.NaN;
  }
}

// --- the product ------------------------------------------------------------------------------------------------------------

/** What configures the product, by environment name. */
export type Settings = Readonly<Record<string, string>>;

/** The running product as its users have it: `outflow serve` and `outflow sandbox`, a process each, on loopback. */
export interface Api extends AsyncDisposable {
  /** e.g. `http://127.0.0.1:40123`. */
  readonly origin: string;
  readonly webSocketUrl: string;
  /** The process that serves. */
  readonly pid: number;
  /** Of the demo merchant. */
  readonly apiKey: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Asks GraphQL with a body as it is sent. Rejects unless the answer is 200. */
  ask(body: string): Promise<{ readonly headers: Headers; readonly text: string }>;
}

/** `change` makes of the stand-in's settings, by environment name, those that the product gets. */
export async function openApi(change: (settings: Settings) => Settings = (settings) => settings): Promise<Api> {
  const folder = openFolder();
  const started: ChildProcess[] = [];
  const close = async (): Promise<void> => {
    for (const child of started.toReversed()) await end(child);
    folder[Symbol.dispose]();
  };
  const start = (words: string, env: Readonly<Record<string, string>>, isReady: (output: string) => boolean) => {
    const { NODE_OPTIONS = '' } = process.env;
    const child = spawn(process.execPath, [join(root, 'bin/outflow.js'), words], {
      // Nothing else of this process's environment: it may configure a real deployment.
      env: { NODE_OPTIONS, LOG_LEVEL: 'error', ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    children.add(child);
    started.push(child);
    return new Promise<{ readonly pid: number; readonly output: string }>((resolve, reject) => {
      let output = '';
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        output += text;
        if (isReady(output)) resolve({ pid: child.pid ?? 0, output });
      });
      child.once('exit', (code) => reject(new Error(`outflow ${words} ended with ${code}: ${output}`)));
    });
  };
  try {
    const needed = definitions.flatMap(({ settings }) =>
      Object.values(settings).filter(({ fallback }) => fallback === null),
    );
    const sandbox = await start('sandbox', { DATA_DIR: join(folder.path, 'stand-in') }, (output) =>
      needed.every(({ env }) => new RegExp(`^${env}=.*\n`, 'm').test(output)),
    );
    const settings = readSettings(sandbox.output);
    const own = { DATA_DIR: join(folder.path, 'data'), PORT: String(await findPort()) };
    const { pid } = await start('serve', { ...change(settings), ...own }, (output) =>
      /^ *Demo API key +\S+\n/m.test(output),
    );
    const demo = JSON.parse(readFileSync(join(own.DATA_DIR, 'demo.json'), 'utf8')) as Record<string, string>;
    const { url = '', webSocketUrl = '', apiKey = '' } = demo;
    const headers = { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' };
    const { origin } = new URL(url);
    await registerCallbacks(settings, origin);
    return {
      origin,
      webSocketUrl,
      pid,
      apiKey,
      headers,
      async ask(body) {
        const response = await fetch(url, { method: 'POST', headers, body });
        const text = await response.text();
        if (response.status !== 200) throw new Error(`${response.status}: ${text}`);
        return { headers: response.headers, text };
      },
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The lines `NAME=value` of the stand-in's output. */
function readSettings(output: string): Settings {
  return Object.fromEntries([...output.matchAll(/^([A-Z0-9_]+)=(.+)$/gm)].map(([, name, value]) => [name, value]));
}

/** What is registered by hand in a real provider's console: where its webhooks go. */
async function registerCallbacks(settings: Settings, origin: string): Promise<void> {
  for (const { slug, webhookPath, settings: known } of definitions) {
    const standIn = new URL(settings[known.baseUrl?.env ?? ''] ?? '').origin;
    const body = JSON.stringify({ url: `${origin}/webhooks/${slug}/default${webhookPath}` });
    const response = await fetch(`${standIn}/_sandbox/callbacks/${slug}`, { method: 'POST', body });
    if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
  }
}

/** A port that was free a moment ago. */
async function findPort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  await once(probe, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** The body of a `createPayout` of 1 USDT by a provider without a published limit, which the stand-in pays without a fault. */
export function createBody(reference: string): string {
  const query = `mutation Create($input: CreatePayoutInput!) {
    createPayout(input: $input) { ... on CreatePayoutSuccess { replayed payout { id state } } ... on Error { message } }
  }`;
  const destination = { blockchain: { address: 'TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t', network: 'TRON' } };
  const input = { reference, amount: { amount: '1', currency: 'USDT' }, destination, provider: 'OXAPAY' };
  return JSON.stringify({ query, variables: { input } });
}
