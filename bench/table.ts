/** What a measuring command is made of: names to choose by, a table of what came out, and the page that it goes into. */
import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import type { Row } from './harness.ts';

/** A command of this folder. */
export interface Bench {
  /** As npm runs it, e.g. `bench`. The markers of its table in docs/performance.md have the same name. */
  readonly name: string;
  /** In the order in which they are made and stand in the table. */
  readonly measurements: Readonly<Record<string, () => Promise<readonly Row[]>>>;
  /** What usage tells of flags beside `--write`, e.g. `--payouts N`; empty: there are none. */
  readonly flags: string;
  /** What is measured beside the machine, in one line; empty: nothing. Asked for once. */
  readonly describe: () => Promise<string>;
  /** The process ends by then, whatever hangs. */
  readonly longestMs: number;
}

const PAGE = join(import.meta.dirname, '../docs/performance.md');

/** Measures what is named (nothing named: all), prints the table, and with `--write` puts it into the page. */
export async function runBench(bench: Bench, words: readonly string[]): Promise<void> {
  const { name, measurements, longestMs } = bench;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
  setTimeout(() => {
    console.error(`stopped: it took longer than ${Math.round(longestMs / 60_000)} minutes`);
    process.exit(1);
  }, longestMs).unref();
  const write = words.includes('--write');
  const named = words.filter((word) => word !== '--write');
  const unknown = named.filter((word) => !Object.hasOwn(measurements, word));
  if (unknown.length > 0 || (write && named.length > 0)) {
    const flags = bench.flags === '' ? '' : `[${bench.flags}] `;
    console.error(`usage: npm run ${name} -- ${flags}[--write | ${Object.keys(measurements).join(' ')}]`);
    process.exitCode = 1;
    return;
  }
  const rows: Row[] = [];
  for (const [word, measure] of Object.entries(measurements)) {
    if (named.length > 0 && !named.includes(word)) continue;
    const startedAt = performance.now();
    rows.push(...(await measure()));
    console.error(`${word}: measured in ${Math.round((performance.now() - startedAt) / 1000)} s`);
  }
  const beside = await bench.describe();
  const text = `${describeMachine()}.${beside === '' ? '' : ` ${beside}`}\n\n${toTable(rows)}`;
  console.log(`\n${text}`);
  if (write) writePage(name, text);
}

function describeMachine(): string {
  const model = cpus()[0]?.model.trim() ?? 'unknown processor';
  const memory = Math.round(totalmem() / 2 ** 30);
  return `${model}, ${availableParallelism()} cores, ${memory} GiB; ${process.platform}, Node ${process.versions.node}`;
}

function toTable(rows: readonly Row[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [
    line(['what', 'ratio', 'against', 'this run alone (illustration)']),
    line(['---', '---', '---', '---']),
    ...rows.map(({ what, ratio, against, alone }) => line([what, `**${ratio}**`, against, alone])),
  ].join('\n');
}

function writePage(name: string, text: string): void {
  const [first, last] = [`<!-- ${name}: begin -->`, `<!-- ${name}: end -->`];
  const page = readFileSync(PAGE, 'utf8');
  const [begin, end] = [page.indexOf(first), page.indexOf(last)];
  if (begin === -1 || end < begin) throw new Error(`${PAGE} lacks its markers ${first} and ${last}`);
  writeFileSync(PAGE, `${page.slice(0, begin + first.length)}\n\n${text}\n\n${page.slice(end)}`);
}
