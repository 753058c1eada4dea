/**
 * What 100,000 stored payouts cost a serving process in memory: the heap after two full collections and the resident set, of
 * a process that stored them itself and then served lists, against one that served the same lists from a store of a hundred.
 *
 * Payouts live in the file, so both ratios should be near one. The resident set also holds SQLite's page cache and heap that
 * V8 keeps for later, and swings by some tens of MiB from run to run.
 */
import { alternate, median, openChild, openFolder, type Row, show } from './harness.ts';
import type { Held, HoldQuestion } from './hold.ts';
import type { Load, LoadResult } from './load.ts';

const ROUNDS = 2;
const FEW = 100;
const MANY = 100_000;

export async function measureMemory(): Promise<readonly Row[]> {
  const pairs = await alternate(
    ROUNDS,
    () => hold(MANY),
    () => hold(FEW),
  );
  const row = (what: string, key: 'heapMiB' | 'rssMiB'): Row => ({
    what: `${what} with ${MANY.toLocaleString('en')} payouts stored`,
    against: `with ${FEW} stored`,
    ratio: show(median(pairs.map(([many, few]) => many[key] / few[key]))),
    alone: `${show(median(pairs.map(([many]) => many[key])))} and ${show(median(pairs.map(([, few]) => few[key])))} MiB`,
  });
  return [row('heap after collection', 'heapMiB'), row('resident set', 'rssMiB')];
}

async function hold(payouts: number): Promise<Held> {
  using folder = openFolder();
  await using server = openChild<HoldQuestion, Held>('hold.ts', ['--expose-gc'], [folder.path]);
  await using load = openChild<Load, LoadResult>('load.ts');
  const { origin, headers } = await server.ask({ payouts });
  const query = '{ payouts(first: 20) { edges { node { id reference state createdAt } } pageInfo { hasNextPage } } }';
  const body = JSON.stringify({ query });
  await load.ask({ origin, headers, body, connections: 8, ms: 2000, expect: '"hasNextPage":true' });
  return await server.ask({ payouts: 0 });
}
