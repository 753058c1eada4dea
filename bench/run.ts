/**
 * `npm run bench`: measures, and prints a table. Names choose some of the measurements, `--write` puts the table into
 * docs/performance.md. Everything happens on loopback and in folders that are removed, and ends by itself.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { measureCreate } from './create.ts';
import { measureDelivery } from './delivery.ts';
import type { Row } from './harness.ts';
import { measureList } from './list.ts';
import { measureMemory } from './memory.ts';
import { measureWeather } from './weather.ts';

const MEASUREMENTS: Readonly<Record<string, () => Promise<readonly Row[]>>> = {
  list: measureList,
  create: measureCreate,
  delivery: measureDelivery,
  memory: measureMemory,
  weather: measureWeather,
};
const LONGEST_MS = 900_000;
const PAGE = join(import.meta.dirname, '../docs/performance.md');
const [BEGIN, END] = ['<!-- bench: begin -->', '<!-- bench: end -->'];

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

function writePage(text: string): void {
  const page = readFileSync(PAGE, 'utf8');
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (begin === -1 || end < begin) throw new Error(`${PAGE} lacks its markers ${BEGIN} and ${END}`);
  writeFileSync(PAGE, `${page.slice(0, begin + BEGIN.length)}\n\n${text}\n\n${page.slice(end)}`);
}

async function main(words: readonly string[]): Promise<void> {
  const write = words.includes('--write');
  const named = words.filter((word) => word !== '--write');
  const unknown = named.filter((name) => !Object.hasOwn(MEASUREMENTS, name));
  if (unknown.length > 0 || (write && named.length > 0)) {
    console.error(`usage: npm run bench -- [--write | ${Object.keys(MEASUREMENTS).join(' ')}]`);
    process.exitCode = 1;
    return;
  }
  const rows: Row[] = [];
  for (const [name, measure] of Object.entries(MEASUREMENTS)) {
    if (named.length > 0 && !named.includes(name)) continue;
    const startedAt = performance.now();
    rows.push(...(await measure()));
    console.error(`${name}: measured in ${Math.round((performance.now() - startedAt) / 1000)} s`);
  }
  const text = `${describeMachine()}.\n\n${toTable(rows)}`;
  console.log(`\n${text}`);
  if (write) writePage(text);
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
setTimeout(() => {
  console.error('stopped: it took longer than fifteen minutes');
  process.exit(1);
}, LONGEST_MS).unref();
await main(process.argv.slice(2));
