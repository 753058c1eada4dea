/**
 * What a page of 20 costs where the merchant has many payouts, against the same page where it has few: it must not grow with
 * what is stored. Both stores are on one server, or in one process, and are read in turn.
 */
import { compareLatencies, openChild, type Row, showLatency } from './harness.ts';
import type { LoadAnswer, LoadQuestion } from './store-loader.ts';
import type { Filled, PageKind, PageQuestion, PageResult } from './store-pager.ts';
import { type Adapter, makePlace, type Place } from './store-places.ts';

const FEW = 10_000;
/** Who cannot be filled in this time is read as it is then. */
const FILL_MS = 240_000;
const KINDS: Readonly<Record<PageKind, string>> = {
  FIRST: 'first page of 20',
  MIDDLE: 'page of 20 after one somewhere in the middle',
  RARE: 'first page of 20 in a state that 1 % have',
};

/** How many payouts the merchant has in the large store of each adapter. */
export type Many = Readonly<Record<Adapter, number>>;

export async function measurePages(many: Many): Promise<readonly Row[]> {
  await using mongoFew = await makePlace('MongoDB');
  await using mongoMany = await makePlace('MongoDB');
  await using sqliteFew = await makePlace('SQLite');
  await using sqliteMany = await makePlace('SQLite');
  // Filled at once, and read when nothing else is done.
  const [onMongo, onSqlite] = await Promise.all([
    fillBoth(mongoFew, mongoMany, many.MongoDB),
    fillBoth(sqliteFew, sqliteMany, many.SQLite),
  ]);
  return [...(await read(onMongo)), ...(await read(onSqlite))];
}

interface Both {
  readonly small: Filled;
  readonly large: Filled;
}

async function fillBoth(few: Place, many: Place, count: number): Promise<Both> {
  return { small: await fill(few, FEW), large: await fill(many, count) };
}

async function fill(place: Place, count: number): Promise<Filled> {
  await using loader = openChild<LoadQuestion, LoadAnswer>('store-loader.ts');
  const startedAt = performance.now();
  const { count: filled } = await loader.ask({ place, kind: 'PAID', count, ms: FILL_MS });
  console.error(`${place.adapter}: ${filled} payouts in ${Math.round((performance.now() - startedAt) / 1000)} s`);
  return { place, count: filled };
}

async function read({ small, large }: Both): Promise<readonly Row[]> {
  await using pager = openChild<PageQuestion, PageResult>('store-pager.ts');
  const rows: Row[] = [];
  for (const [kind, words] of Object.entries(KINDS) as [PageKind, string][]) {
    const times = await pager.ask({ large, small, kind });
    rows.push({
      what: `${words} from ${large.count.toLocaleString('en')} payouts, ${large.place.adapter}, p50 / p99`,
      against: `from ${small.count.toLocaleString('en')}`,
      ratio: compareLatencies(times.large, times.small),
      alone: `${showLatency(times.large)} and ${showLatency(times.small)}`,
    });
  }
  return rows;
}
