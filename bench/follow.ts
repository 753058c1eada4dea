/** The way from the commit to a listener inside one process: a store, a feed on it and one subscriber. */
import { join } from 'node:path';
import { createFeed } from '../src/feed.ts';
import { createIds, systemClock } from '../src/runtime.ts';
import { openSqlite } from '../src/storage/sqlite.ts';
import { silentLog } from '../test/support/log.ts';
import { sampleEvent, samplePayout } from '../test/support/payouts.ts';
import { answer } from './harness.ts';

export interface FollowQuestion {
  /** Where the store is made. */
  readonly folder: string;
  readonly count: number;
}

/** In ms, without those of the first tenth. */
export interface FollowResult {
  /** From the call of `insert` to its answer. */
  readonly inserts: readonly number[];
  /** From that answer to the event at the subscriber. */
  readonly deliveries: readonly number[];
}

async function run({ folder, count }: FollowQuestion): Promise<FollowResult> {
  const store = await openSqlite({
    path: join(folder, 'outflow.db'),
    environment: 'SANDBOX',
    now: systemClock.now,
    random: createIds(systemClock).bytes,
    exclusive: true,
  });
  const feed = createFeed({ store, clock: systemClock, log: silentLog });
  const over = new AbortController();
  const events = await feed.subscribe(null, { merchantId: samplePayout().merchantId }, over.signal);
  const inserts: number[] = [];
  const deliveries: number[] = [];
  for (let number = 0; number < count; number += 1) {
    const payout = samplePayout();
    const delivered = events.next().then(() => performance.now());
    const startedAt = performance.now();
    await store.insert(payout, sampleEvent(payout));
    const committedAt = performance.now();
    const deliveredAt = await delivered;
    if (number < count / 10) continue;
    inserts.push(committedAt - startedAt);
    deliveries.push(deliveredAt - committedAt);
  }
  over.abort();
  await feed.close();
  await store.close();
  return { inserts, deliveries };
}

answer(run);
