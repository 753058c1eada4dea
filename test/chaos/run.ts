/**
 * `npm run chaos -- [--provider io2328 | --routed] [--seed 17] [--from 1] [--runs 2000] [--at-once 4] [--processes]`: random schedules of crashes and faults,
 * each checked against the sandbox's own books. `--routed`: at four providers that refuse at random, with payouts that may fail over. A schedule follows from its seed alone, so that one can be run again.
 *
 * `npm run chaos -- --store mongodb [--seed 17] [--payouts 5000] [--subscribers 50]`: one long run of three servers, three workers and the database
 * as processes of their own, which are killed, paused and cut off while clients and subscribers go on; `--store sqlite`: of one server. `--speed 1`
 * takes the world's own time, in which what waits for a provider's ten minutes waits ten minutes.
 */
import { parseArgs } from 'node:util';
import { definitions } from '../../src/providers/index.ts';
import { INTERCHANGEABLE } from './fickle.ts';
import { runFleet } from './fleet.ts';
import { ALL_CENTS, type FleetOptions } from './fleet-plan.ts';
import { runMany } from './world.ts';

const { values } = parseArgs({
  options: {
    provider: { type: 'string' },
    routed: { type: 'boolean', default: false },
    seed: { type: 'string' },
    from: { type: 'string', default: '1' },
    runs: { type: 'string', default: '2000' },
    'at-once': { type: 'string', default: '4' },
    processes: { type: 'boolean', default: false },
    store: { type: 'string' },
    payouts: { type: 'string', default: '5000' },
    subscribers: { type: 'string', default: '50' },
    disturbances: { type: 'string' },
    speed: { type: 'string', default: '4' },
  },
});

async function runSchedules(): Promise<number> {
  const all = [...definitions.map((one) => [one.slug]), INTERCHANGEABLE];
  const named = values.provider === undefined ? all : [[values.provider.toLowerCase()]];
  const places = values.routed ? [INTERCHANGEABLE] : named;
  const seeds =
    values.seed === undefined
      ? Array.from({ length: Number(values.runs) }, (_, at) => at + Number(values.from))
      : [Number(values.seed)];
  let faults = 0;
  for (const slugs of places) {
    const run = await runMany(slugs, seeds, Number(values['at-once']), values.processes ? 'PROCESSES' : 'INSIDE');
    for (const fault of run.faults) console.error(fault);
    console.log(
      `${slugs}: ${seeds.length} schedules, ${run.payouts} payouts, ${run.crashes} crashes: ${run.faults.length} faults`,
    );
    if (slugs.length > 1) console.log(`  went to more than one provider: ${run.failedOver}`);
    console.log(`  ends: ${[...run.ends].map(([state, count]) => `${state} ${count}`).join(', ')}`);
    faults += run.faults.length;
  }
  return faults;
}

async function runOneFleet(store: FleetOptions['store']): Promise<number> {
  const payouts = Number(values.payouts);
  const seed = Number(values.seed ?? Math.floor(Math.random() * 1_000_000));
  console.log(
    `--store ${store} --seed ${seed} --payouts ${payouts} --subscribers ${values.subscribers} --speed ${values.speed}`,
  );
  const outcome = await runFleet(
    {
      ...{ store, seed, payouts, subscribers: Number(values.subscribers) },
      ...(store === 'mongodb' ? { servers: 3, workers: 3 } : { servers: 1, workers: 0 }),
      disturbances: Number(values.disturbances ?? Math.ceil(payouts / 25)),
      factor: Number(values.speed),
      cents: ALL_CENTS,
    },
    sayNow(),
  );
  if (outcome === null) return 1;
  for (const fault of outcome.faults) console.error(fault);
  for (const line of outcome.lines) console.log(line);
  console.log(`${outcome.faults.length} faults`);
  return outcome.faults.length;
}

/** Prints how far a run is, every ten seconds. */
function sayNow(): (line: string) => void {
  const startedAt = Date.now();
  let next = 10;
  return (line) => {
    const seconds = (Date.now() - startedAt) / 1000;
    if (seconds < next) return;
    next = seconds + 10;
    console.log(`${seconds.toFixed(0)} s: ${line}`);
  };
}

const { store } = values;
if (store !== undefined && store !== 'mongodb' && store !== 'sqlite') throw new Error('--store is mongodb or sqlite');
const faults = store === undefined ? await runSchedules() : await runOneFleet(store);
process.exit(faults === 0 ? 0 : 1);
