/**
 * A process that serves, with its worker, until it is killed. Its argument is JSON: `env`, its configuration, and `aheadMs`, how
 * far its clock is ahead. It tells its parent where it serves, and the demo merchant's key.
 */
import { compose, type Runtime } from '../../src/compose.ts';
import { loadConfig } from '../../src/config.ts';
import { definitions } from '../../src/providers/index.ts';
import { createIds, systemClock } from '../../src/runtime.ts';
import { openServer } from '../../src/server.ts';
import { silentLog } from './log.ts';

/** What the process is given. */
export interface Serving {
  readonly env: Readonly<Record<string, string>>;
  readonly aheadMs: number;
}

/** What it tells once it serves. */
export interface Served {
  readonly url: string;
  readonly secret: string;
}

const { env, aheadMs } = JSON.parse(process.argv[2] ?? '') as Serving;
const clock = { ...systemClock, now: () => new Date(systemClock.now().getTime() + aheadMs) };
const runtime: Runtime = { clock, ids: createIds(clock), log: silentLog };
/** What providers publish as their pace is kept by other tests: thousands of payouts are not to wait for it here. */
const unpaced = definitions.map((definition) => ({
  ...definition,
  open: (...parts: Parameters<typeof definition.open>) => ({ ...definition.open(...parts), callsPerMinute: null }),
}));
const config = loadConfig(env, unpaced);
const parts = await compose(config, runtime, { concurrency: 256 }, { definitions: unpaced });
const server = await openServer({
  ...runtime,
  services: parts,
  keys: parts.keys,
  inbound: parts.inbound,
  ready: () => parts.store.ping(),
  host: config.host,
  port: config.port,
  graphiql: config.graphiql,
  corsOrigins: config.corsOrigins,
});
parts.worker.start();
process.send?.({ url: server.url, secret: await parts.keys.demoKey() } satisfies Served);
// A worker sleeps on timers that keep no process alive; one whose parent is gone has nobody to serve.
process.once('disconnect', () => process.exit(1));
