/**
 * `npm run bench`: measures, and prints a table. Names choose some of the measurements, `--write` puts the table into
 * docs/performance.md. Everything happens on loopback and in folders that are removed, and ends by itself.
 */
import { measureCreate } from './create.ts';
import { measureDelivery } from './delivery.ts';
import { measureList } from './list.ts';
import { measureMemory } from './memory.ts';
import { runBench } from './table.ts';
import { measureWeather } from './weather.ts';

const measurements = {
  list: measureList,
  create: measureCreate,
  delivery: measureDelivery,
  memory: measureMemory,
  weather: measureWeather,
};
await runBench(
  { name: 'bench', measurements, flags: '', describe: async () => '', longestMs: 900_000 },
  process.argv.slice(2),
);
