/**
 * How fast a merchant's payouts leave as text, against reading the same pages from the store and dropping them; and what a
 * million rows take in memory, against a thousand: both by HTTP and by the command line.
 *
 * The rate is bound by decoding what is stored, which both sides do; nothing in memory may grow with the rows.
 */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterNoon } from '../test/support/payouts.ts';
import type { ExportAnswer, ExportQuestion } from './exporter.ts';
import { alternate, type Child, median, openChild, openFolder, type Row, show } from './harness.ts';
import { MERCHANT } from './store-records.ts';

const ROWS = 1_000_000;
const FEW = 1000;
/** Of the rounds in which rates are compared. */
const SOME = 40_000;
const ROUNDS = 3;
const FORMATS = ['csv', 'jsonl'] as const;
type Format = (typeof FORMATS)[number];

export async function measureExport(): Promise<readonly Row[]> {
  using folder = openFolder();
  await fill(folder.path);
  await using server = openChild<ExportQuestion, ExportAnswer>('exporter.ts', [], [folder.path]);
  const way = await server.ask({ kind: 'OPEN' });
  const get = (format: Format, rows: number) => download(way, server, format, rows);
  const rates: Row[] = [];
  for (const format of FORMATS) {
    const walk = async () => (await server.ask({ kind: 'WALK', rows: SOME })).perSecond;
    await get(format, SOME);
    const pairs = await alternate(ROUNDS, async () => (await get(format, SOME)).perSecond, walk);
    rates.push({
      what: `\`GET /export?format=${format}\`: rows a second`,
      against: 'the same pages of the store, dropped',
      ratio: show(median(pairs.map(([ours, bare]) => ours / bare))),
      alone: `${show(median(pairs.map(([ours]) => ours)))} and ${show(median(pairs.map(([, bare]) => bare)))} a second`,
    });
  }
  const few = { server: await get('csv', FEW), command: await runCommand(folder.path, FEW) };
  // At once: each has a core, and the rate is not what is asked.
  const [byHttp, byCommand] = await Promise.all([get('csv', ROWS), runCommand(folder.path, ROWS)]);
  return [
    ...rates,
    memory('the server while `GET /export` gives', byHttp, few.server),
    memory('`outflow export` of', byCommand, few.command),
  ];
}

interface Export {
  readonly perSecond: number;
  /** The largest resident set that was seen. */
  readonly rssMiB: number;
}

function memory(what: string, many: Export, few: Export): Row {
  return {
    what: `resident set of ${what} ${ROWS.toLocaleString('en')} rows, at most`,
    against: `${FEW.toLocaleString('en')} rows`,
    ratio: show(many.rssMiB / few.rssMiB),
    alone: `${show(many.rssMiB)} and ${show(few.rssMiB)} MiB; ${show(many.perSecond)} rows a second`,
  };
}

async function fill(folder: string): Promise<void> {
  await using filler = openChild<ExportQuestion, ExportAnswer>('exporter.ts', [], [folder]);
  const { perSecond } = await filler.ask({ kind: 'FILL', rows: ROWS });
  console.error(`export: ${ROWS} payouts in ${Math.round(ROWS / perSecond)} s`);
}

/** The instant from which on there are so many payouts: they are a second apart. */
function since(rows: number): string {
  return afterNoon((ROWS - rows) * 1000).toISOString();
}

async function download(
  { origin, secret }: ExportAnswer,
  { pid }: Child<ExportQuestion, ExportAnswer>,
  format: Format,
  rows: number,
): Promise<Export> {
  const query = new URLSearchParams({ format, createdFrom: since(rows) });
  const headers = { authorization: `Bearer ${secret}` };
  const response = await fetch(`${origin}/export?${query}`, { headers });
  if (response.status !== 200 || response.body === null) throw new Error(`${response.status}`);
  return measure(response.body, pid, rows + (format === 'csv' ? 1 : 0));
}

async function runCommand(folder: string, rows: number): Promise<Export> {
  const words = ['export', '--merchant', MERCHANT, '--format', 'csv', '--filter', `createdFrom=${since(rows)}`];
  const child = spawn(process.execPath, [join(import.meta.dirname, '../bin/outflow.js'), ...words], {
    env: { DATA_DIR: folder },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return measure(child.stdout, child.pid ?? 0, rows + 1);
}

/** Reads a text of so many lines, from its first byte on. */
async function measure(text: AsyncIterable<Uint8Array>, pid: number, lines: number): Promise<Export> {
  let startedAt = 0;
  let found = 0;
  let bytes = 0;
  let told = 0;
  let rssMiB = 0;
  for await (const chunk of text) {
    startedAt ||= performance.now();
    for (let at = chunk.indexOf(NEWLINE); at !== -1; at = chunk.indexOf(NEWLINE, at + 1)) found += 1;
    bytes += chunk.length;
    if (bytes < told && rssMiB > 0) continue;
    told = bytes + 2 ** 20;
    rssMiB = Math.max(rssMiB, residentMiB(pid));
  }
  if (found !== lines) throw new Error(`${found} lines instead of ${lines}`);
  return { perSecond: (lines * 1000) / (performance.now() - startedAt), rssMiB };
}

const NEWLINE = 0x0a;

/** The resident set of a process; NaN where there is no /proc. */
function residentMiB(pid: number): number {
  try {
    // Source: proc_pid_status(5). In KiB.
    const [, kib] = /^VmRSS:\s+([0-9]+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1')) ?? [];
    return Number(kib) / 1024;
  } catch {
    return Number.NaN;
  }
}
