/**
 * `npm run bench:store`: measures both stores, and prints a table. Names choose some of the measurements, `--write` puts the
 * table into docs/performance.md; `--payouts N` says how many the large store of `page` has, and `--queued N` how many are
 * drained. The MongoDB server is the one that the tests use: that of `MONGODB_URL`, whose new databases are dropped at the
 * end, or one of its own. Everything else is on loopback and in folders that are removed, and ends by itself.
 */
import { measureDeliveries } from './store-delivery.ts';
import { measureDrains } from './store-drain.ts';
import { measurePages } from './store-page.ts';
import { describeServer, isGiven } from './store-places.ts';
import { measureWrites } from './store-writes.ts';
import { runBench } from './table.ts';

/** How much is stored, by the flag that says otherwise; on a server that stands in for MongoDB, less there. */
const SIZES = { '--payouts': 1_000_000, '--queued': 20_000 } as const;
const SIZES_OF_STAND_IN = { '--payouts': 30_000, '--queued': 2000 } as const;
const FLAGS = Object.keys(SIZES) as (keyof typeof SIZES)[];

/** What the flags say; what is no number stays among the other words, where it is unknown. */
function readWords(words: readonly string[]): {
  readonly said: Map<string, number>;
  readonly others: readonly string[];
} {
  const said = new Map<string, number>();
  let others = words;
  for (const flag of FLAGS) {
    const at = others.indexOf(flag);
    const number = Number(others[at + 1]);
    if (at === -1 || !Number.isSafeInteger(number) || number < 1000) continue;
    said.set(flag, number);
    others = others.toSpliced(at, 2);
  }
  return { said, others };
}

const { said, others } = readWords(process.argv.slice(2));

async function sizeOnMongo(flag: keyof typeof SIZES): Promise<number> {
  return said.get(flag) ?? ((await isGiven()) ? SIZES : SIZES_OF_STAND_IN)[flag];
}

await runBench(
  {
    name: 'bench:store',
    measurements: {
      create: measureWrites,
      page: async () => {
        const SQLite = said.get('--payouts') ?? SIZES['--payouts'];
        return measurePages({ MongoDB: await sizeOnMongo('--payouts'), SQLite });
      },
      delivery: measureDeliveries,
      drain: async () => measureDrains(await sizeOnMongo('--queued')),
    },
    flags: '--payouts N --queued N',
    describe: describeServer,
    longestMs: 1_200_000,
  },
  others,
);
