/** The store's own rate: `insert` into a new SQLite file, with nothing around it, in a process of its own. */
import { join } from 'node:path';
import { createIds, systemClock } from '../src/runtime.ts';
import { openSqlite } from '../src/storage/sqlite.ts';
import { sampleEvent, samplePayout } from '../test/support/payouts.ts';
import { answer, inFlight } from './harness.ts';

export interface InsertQuestion {
  /** Where the store is made. */
  readonly folder: string;
  readonly count: number;
  /** How many at once. */
  readonly width: number;
}

export interface InsertResult {
  readonly perSecond: number;
  /** CPU time of each insert, in ms. */
  readonly cpu: number;
}

/** A quarter as many are inserted before, as a warm-up. */
async function run({ folder, count, width }: InsertQuestion): Promise<InsertResult> {
  const store = await openSqlite({
    path: join(folder, 'outflow.db'),
    environment: 'SANDBOX',
    now: systemClock.now,
    random: createIds(systemClock).bytes,
    exclusive: true,
  });
  const insert = async (number: number): Promise<InsertResult> => {
    const records = Array.from({ length: number }, () => {
      const payout = samplePayout();
      return { payout, event: sampleEvent(payout) };
    });
    const [startedAt, usedBefore] = [performance.now(), process.cpuUsage()];
    await inFlight(width, number, async (index) => {
      const record = records[index];
      if (record) await store.insert(record.payout, record.event);
    });
    const { user, system } = process.cpuUsage(usedBefore);
    const seconds = (performance.now() - startedAt) / 1000;
    return { perSecond: number / seconds, cpu: (user + system) / 1000 / number };
  };
  await insert(count >> 2);
  const result = await insert(count);
  await store.close();
  return result;
}

answer(run);
