import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { definitions } from '../src/providers/index.ts';
import { INTERCHANGEABLE } from './chaos/fickle.ts';
import { runMany } from './chaos/world.ts';

/** The first seeds of `npm run chaos`; a schedule that fails here is run again alone by the line that it prints. */
const first = (count: number): number[] => Array.from({ length: count }, (_, at) => at + 1);

/** A process for each life shows what a real kill leaves; lives within this process show many more of them. */
const RUNS = [
  { lives: 'PROCESSES', seeds: first(10) },
  { lives: 'INSIDE', seeds: first(40) },
] as const;

describe('killed at any step, under any fault', () => {
  for (const { slug, name } of definitions) {
    for (const { lives, seeds } of RUNS) {
      const where = lives === 'PROCESSES' ? 'processes that are killed' : 'lives that are cut off';
      it(`${name}: no payout is sent twice, lost, completed unpaid or failed paid in ${seeds.length} schedules of ${where}`, async () => {
        const run = await runMany([slug], seeds, 4, lives);
        assert.deepEqual(run.faults, []);
        assert.ok(run.crashes > seeds.length / 2, `${run.crashes} lives were ended`);
        assert.equal(
          [...run.ends.values()].reduce((sum, count) => sum + count, 0),
          run.payouts,
        );
      });
    }
  }

  for (const { lives, seeds } of RUNS) {
    const where = lives === 'PROCESSES' ? 'processes that are killed' : 'lives that are cut off';
    it(`several providers that refuse at random, of payouts that may fail over: none is paid twice in ${seeds.length} schedules of ${where}`, async () => {
      const run = await runMany(INTERCHANGEABLE, seeds, 4, lives);
      assert.deepEqual(run.faults, []);
      assert.ok(run.crashes > seeds.length / 2, `${run.crashes} lives were ended`);
      assert.ok(run.failedOver > seeds.length / 8, `${run.failedOver} payouts went to more than one provider`);
    });
  }
});
