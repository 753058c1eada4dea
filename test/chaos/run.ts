/**
 * `npm run chaos -- [--provider io2328] [--seed 17] [--from 1] [--runs 2000] [--at-once 4] [--processes]`: random schedules of crashes and faults,
 * each checked against the sandbox's own books. A schedule follows from its seed alone, so that one can be run again.
 */
import { parseArgs } from 'node:util';
import { definitions } from '../../src/providers/index.ts';
import { runMany } from './world.ts';

const { values } = parseArgs({
  options: {
    provider: { type: 'string' },
    seed: { type: 'string' },
    from: { type: 'string', default: '1' },
    runs: { type: 'string', default: '2000' },
    'at-once': { type: 'string', default: '4' },
    processes: { type: 'boolean', default: false },
  },
});
const slugs = values.provider === undefined ? definitions.map((one) => one.slug) : [values.provider.toLowerCase()];
const seeds =
  values.seed === undefined
    ? Array.from({ length: Number(values.runs) }, (_, at) => at + Number(values.from))
    : [Number(values.seed)];
let faults = 0;
for (const slug of slugs) {
  const run = await runMany(slug, seeds, Number(values['at-once']), values.processes ? 'PROCESSES' : 'INSIDE');
  for (const fault of run.faults) console.error(fault);
  console.log(
    `${slug}: ${seeds.length} schedules, ${run.payouts} payouts, ${run.crashes} crashes: ${run.faults.length} faults`,
  );
  console.log(`  ends: ${[...run.ends].map(([state, count]) => `${state} ${count}`).join(', ')}`);
  faults += run.faults.length;
}
process.exit(faults === 0 ? 0 : 1);
