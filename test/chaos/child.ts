/** One life of the product in a process of its own, which is killed with SIGKILL, or tells its parent how it ended. */
import { once } from 'node:events';
import { createScaledClock } from '../support/scaled-clock.ts';
import { liveThrough } from './life.ts';
import { type Life, TIMES } from './schedule.ts';

const life = JSON.parse(process.argv[2] ?? '') as Life;
const clock = createScaledClock(life.origin, TIMES.factor, life.ahead);
const told = await liveThrough(life, {
  clock,
  kill: () => void process.kill(process.pid, 'SIGKILL'),
  async jump(ms) {
    const passed = once(process, 'message');
    process.send?.({ kind: 'jump', ms });
    await passed;
    clock.jump(ms);
  },
  isOver: () => false,
  onEnd: () => undefined,
});
process.send?.({ kind: 'told', told });
process.exit(0);
