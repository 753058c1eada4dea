/**
 * `npm run bench`: measures, and prints a table. Names choose some of the measurements, `--write` puts the table into
 * docs/performance.md. Everything happens on loopback and in folders that are removed, and ends by itself.
 */
import { measureBatch } from './batch.ts';
import { measureCreate } from './create.ts';
import { measureDelivery } from './delivery.ts';
import { measureExport } from './export.ts';
import { measureList } from './list.ts';
import { measureMemory } from './memory.ts';
import { measureQuotes } from './quotes.ts';
import { runBench } from './table.ts';
import { measureWeather } from './weather.ts';

const measurements = {
  list: measureList,
  create: measureCreate,
  quotes: measureQuotes,
  batch: measureBatch,
  delivery: measureDelivery,
  memory: measureMemory,
  export: measureExport,
  weather: measureWeather,
};
await runBench(
  { name: 'bench', measurements, flags: '', describe: async () => '', longestMs: 1_500_000 },
  process.argv.slice(2),
);
