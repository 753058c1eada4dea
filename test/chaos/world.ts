import { sides } from '../../src/providers/sandboxes.ts';
import { createIds } from '../../src/runtime.ts';
import { openSandbox } from '../../src/sandbox.ts';
import { silentLog } from '../support/log.ts';
import { createScaledClock } from '../support/scaled-clock.ts';
import { type Playground, planSchedule, runSchedule, TIMES } from './schedule.ts';

/** What came of many schedules. */
export interface Run {
  /** One line each, with the seed that replays it. */
  readonly faults: readonly string[];
  readonly payouts: number;
  readonly crashes: number;
  /** How many payouts ended in each state. */
  readonly ends: ReadonlyMap<string, number>;
}

/** Runs the schedules of a provider, `atOnce` of them side by side, each row of them against a sandbox of its own. */
export async function runMany(
  slug: string,
  seeds: readonly number[],
  atOnce: number,
  lives: Playground['lives'],
): Promise<Run> {
  const faults: string[] = [];
  const ends = new Map<string, number>();
  let payouts = 0;
  let crashes = 0;
  const waiting = [...seeds];
  const runRow = async (): Promise<void> => {
    const origin = Date.now();
    const clock = createScaledClock(origin, TIMES.factor);
    const sandbox = await openSandbox({ clock, ids: createIds(clock), log: silentLog, port: 0, sides, dir: null });
    try {
      for (let seed = waiting.shift(); seed !== undefined; seed = waiting.shift()) {
        const schedule = planSchedule(seed);
        const outcome = await runSchedule(schedule, slug, { sandbox, clock, origin, lives });
        faults.push(...outcome.faults.map((fault) => `--provider ${slug} --seed ${seed}: ${fault}`));
        for (const state of outcome.states) ends.set(state, (ends.get(state) ?? 0) + 1);
        payouts += schedule.payouts.length;
        crashes += outcome.crashes;
      }
    } finally {
      await sandbox.close();
    }
  };
  await Promise.all(Array.from({ length: atOnce }, runRow));
  return { faults, payouts, crashes, ends };
}
