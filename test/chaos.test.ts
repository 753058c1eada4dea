import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { definitions } from '../src/providers/index.ts';
import { runMany } from './chaos/world.ts';

/** The first seeds of `npm run chaos`; a schedule that fails here is run again alone by the line that it prints. */
const SEEDS = Array.from({ length: 60 }, (_, at) => at + 1);

describe('killed at any step, under any fault', () => {
  for (const { slug, name } of definitions) {
    it(`${name}: no payout is sent twice, lost, completed unpaid or failed paid in ${SEEDS.length} schedules`, async () => {
      const run = await runMany(slug, SEEDS, 4);
      assert.deepEqual(run.faults, []);
      assert.ok(run.crashes > SEEDS.length / 2, `${run.crashes} processes were killed`);
      assert.equal(
        [...run.ends.values()].reduce((sum, count) => sum + count, 0),
        run.payouts,
      );
    });
  }
});
