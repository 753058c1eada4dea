/**
 * How many payouts a second each adapter stores, and how many transitions of payouts, with 1, 8 and 64 in flight. Both write
 * durably: SQLite waits for an fsync that all writes of one turn share, MongoDB for the majority's journal.
 */
import { alternate, median, openChild, type Row, show, showLatency } from './harness.ts';
import { makePlace } from './store-places.ts';
import type { WriteQuestion, WriteResult } from './store-writer.ts';

const ROUNDS = 3;
const ROUND_MS = 1200;
const WARM_UP_MS = 1000;
const WIDTHS = [1, 8, 64];
const WORKS = ['insert', 'commit'] as const;

export async function measureWrites(): Promise<readonly Row[]> {
  await using mongo = await makePlace('MongoDB');
  await using sqlite = await makePlace('SQLite');
  await using mongoWriter = openChild<WriteQuestion, WriteResult>('store-writer.ts');
  await using sqliteWriter = openChild<WriteQuestion, WriteResult>('store-writer.ts');
  const rows: Row[] = [];
  for (const work of WORKS) {
    const onMongo = (width: number, ms: number) => mongoWriter.ask({ place: mongo, work, width, ms });
    const onSqlite = (width: number, ms: number) => sqliteWriter.ask({ place: sqlite, work, width, ms });
    await onMongo(8, WARM_UP_MS);
    await onSqlite(8, WARM_UP_MS);
    let alone: Rates | null = null;
    for (const width of WIDTHS) {
      const pairs = await alternate(
        ROUNDS,
        () => onMongo(width, ROUND_MS),
        () => onSqlite(width, ROUND_MS),
      );
      const rates = ratesOf(pairs);
      alone ??= rates;
      rows.push(toRow(work, width, pairs, rates, alone));
    }
  }
  return rows;
}

type Pairs = readonly (readonly [WriteResult, WriteResult])[];
/** Writes a second, of MongoDB and of SQLite. */
type Rates = readonly [number, number];

function ratesOf(pairs: Pairs): Rates {
  return [median(pairs.map(([one]) => one.perSecond)), median(pairs.map(([, one]) => one.perSecond))];
}

function toRow(work: WriteQuestion['work'], width: number, pairs: Pairs, rates: Rates, alone: Rates): Row {
  const [mongo, sqlite] = rates.map((rate) => show(rate));
  const grown = rates.map((rate, at) => show(rate / (alone[at] ?? Number.NaN)));
  const waits = [0, 1].map((at) => showLatency(pairs.flatMap((pair) => pair[at]?.latencies ?? [])));
  const cpu = [0, 1].map((at) => show(median(pairs.map((pair) => pair[at]?.cpu ?? Number.NaN))));
  const times = width === 1 ? '' : `, ${grown.join(' and ')} times those of 1 in flight`;
  return {
    what: `\`store.${work}\` a second on MongoDB, ${width} in flight`,
    against: 'on SQLite',
    ratio: show(median(pairs.map(([one, other]) => one.perSecond / other.perSecond))),
    alone: `${mongo} and ${sqlite} a second${times}; p50 / p99 ${waits.join(' and ')}; CPU time of the process for each ${cpu.join(' and ')} ms`,
  };
}
