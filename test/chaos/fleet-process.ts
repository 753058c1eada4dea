/** One process of a fleet: what `outflow serve`, `worker` and `sandbox` are, by a clock that runs faster than the world's. */
import { join } from 'node:path';
import { compose, type Runtime } from '../../src/compose.ts';
import { type Config, loadConfig } from '../../src/config.ts';
import { definitions } from '../../src/providers/index.ts';
import { sides } from '../../src/providers/sandboxes.ts';
import { createIds, createLog } from '../../src/runtime.ts';
import { openSandbox } from '../../src/sandbox.ts';
import { openServer } from '../../src/server.ts';
import type { WorkerOptions } from '../../src/worker.ts';
import { createScaledClock } from '../support/scaled-clock.ts';
import { fickle } from './fickle.ts';

/** What the process is told as its first argument, as JSON. */
export interface Part {
  readonly role: 'serve' | 'worker' | 'sandbox';
  /** When the clock began, how fast it runs, and how far it has jumped since. */
  readonly origin: number;
  readonly factor: number;
  readonly ahead: number;
  readonly options: WorkerOptions;
}

const part = JSON.parse(process.argv[2] ?? '') as Part;
const clock = createScaledClock(part.origin, part.factor, part.ahead);
const config = loadConfig(process.env, definitions);
const runtime: Runtime = {
  ...{ clock, ids: createIds(clock), log: createLog(config.logLevel) },
  // The database's clock is the world's.
  ...(part.factor === 1 ? {} : { mongodb: { maxSkewMs: null } }),
};

process.on('message', (ms: number) => clock.jump(ms));
process.once('disconnect', () => process.exit(1));
await begin(config);
process.send?.('ready');

async function begin(settings: Config): Promise<void> {
  if (part.role === 'sandbox') {
    const dir = join(settings.dataDir, 'sandbox');
    await openSandbox({ ...runtime, port: settings.sandboxPort, sides: sides.map(fickle), dir });
    return;
  }
  const parts = await compose(settings, runtime, part.options);
  if (part.role === 'serve') {
    const { host, port, graphiql, corsOrigins } = settings;
    const { keys, inbound, store } = parts;
    const door = { services: parts, keys, inbound, ready: () => store.ping() };
    await openServer({ ...runtime, ...door, host, port, graphiql, corsOrigins });
  }
  parts.worker.start();
}
