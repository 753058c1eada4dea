import { sides } from '../../src/providers/sandboxes.ts';
import { createIds } from '../../src/runtime.ts';
import { openSandbox } from '../../src/sandbox.ts';
import { silentLog } from '../support/log.ts';
import { createScaledClock } from '../support/scaled-clock.ts';
import { fickle } from './fickle.ts';
import { type Playground, planSchedule, runSchedule, TIMES } from './schedule.ts';

/** What came of many schedules. */
export interface Run {
  /** One line each, with the seed that replays it. */
  readonly faults: readonly string[];
  readonly payouts: number;
  readonly crashes: number;
  /** How many payouts went to more than one provider. */
  readonly failedOver: number;
  /** How many payouts ended in each state. */
  readonly ends: ReadonlyMap<string, number>;
}

/** Runs schedules at one provider, or at several that are fickle, `atOnce` of them side by side, each row of them against a sandbox of its own. */
export async function runMany(
  slugs: readonly string[],
  seeds: readonly number[],
  atOnce: number,
  lives: Playground['lives'],
): Promise<Run> {
  const faults: string[] = [];
  const ends = new Map<string, number>();
  let payouts = 0;
  let crashes = 0;
  let failedOver = 0;
  const where = slugs.length === 1 ? `--provider ${slugs[0]}` : '--routed';
  const waiting = [...seeds];
  const runRow = async (): Promise<void> => {
    const origin = Date.now();
    const clock = createScaledClock(origin, TIMES.factor);
    const played = { sides: sides.map(fickle), port: 0, dir: null };
    const sandbox = await openSandbox({ clock, ids: createIds(clock), log: silentLog, ...played });
    try {
      for (let seed = waiting.shift(); seed !== undefined; seed = waiting.shift()) {
        const schedule = planSchedule(seed, slugs);
        const outcome = await runSchedule(schedule, { sandbox, clock, origin, lives });
        faults.push(...outcome.faults.map((fault) => `${where} --seed ${seed}: ${fault}`));
        for (const state of outcome.states) ends.set(state, (ends.get(state) ?? 0) + 1);
        payouts += schedule.payouts.length;
        crashes += outcome.crashes;
        failedOver += outcome.failedOver;
      }
    } finally {
      await sandbox.close();
    }
  };
  await Promise.all(Array.from({ length: atOnce }, runRow));
  return { faults, payouts, crashes, failedOver, ends };
}
