import { setTimeout as delay } from 'node:timers/promises';
import { openProxy } from '../support/proxy.ts';
import { reservePort } from '../support/world.ts';
import { type Ground, type GroundOptions, openGround, type Posted } from './fleet-ground.ts';
import { DATABASE, type Disturbance, type FleetOptions, serverName, workerName } from './fleet-plan.ts';

/** Servers and workers on their ground. */
export interface Stage extends Ground {
  /** Of the servers. */
  readonly urls: readonly string[];
  /** Carries out a disturbance; resolves once it is over, though what it struck may still be coming up. */
  strike(disturbance: Disturbance): Promise<void>;
  /** Resolves once every process does its work. */
  allUp(): Promise<void>;
}

/** Starts everything and waits until it is up. Null, after one line, where there is no MongoDB to be had. */
export async function openStage({
  servers,
  workers,
  ...options
}: GroundOptions & Pick<FleetOptions, 'servers' | 'workers'>): Promise<Stage | null> {
  const ground = await openGround(options);
  if (ground === null) return null;
  try {
    return await fill(ground, servers, workers);
  } catch (error) {
    await ground.close();
    throw error;
  }
}

async function fill(ground: Ground, servers: number, workers: number): Promise<Stage> {
  const posted = new Map<string, Posted>();
  const ports: number[] = [];
  for (let at = 0; at < servers; at += 1) ports.push(await reservePort());
  // What stands before the servers in the world: providers call there, and reach one that is up.
  const front = await openProxy({
    to() {
      const up = ports.filter((_, at) => posted.get(serverName(at))?.member.isUp());
      const port = up[Math.floor(Math.random() * up.length)];
      return port === undefined ? null : { host: '127.0.0.1', port };
    },
  });
  const common = { PUBLIC_URL: `http://127.0.0.1:${front.port}`, LOG_LEVEL: 'warn' };
  for (const [at, port] of ports.entries()) {
    const name = serverName(at);
    posted.set(name, await ground.post(name, 'serve', { ...common, PORT: String(port) }));
  }
  for (let at = 0; at < workers; at += 1)
    posted.set(workerName(at), await ground.post(workerName(at), 'worker', common));
  const allUp = async (): Promise<void> => {
    for (const { member } of posted.values()) await member.up();
  };
  await allUp();
  const over = new AbortController();
  return {
    ...ground,
    urls: ports.map((port) => `http://127.0.0.1:${port}`),
    allUp,
    strike: createStrike(ground, posted, over.signal),
    async close() {
      over.abort();
      await front.close();
      await ground.close();
    },
  };
}

function createStrike({ mongo }: Ground, posted: ReadonlyMap<string, Posted>, over: AbortSignal): Stage['strike'] {
  /** The database is killed by one at a time. */
  let database = Promise.resolve();
  const killDatabase = async (lastsMs: number): Promise<void> => {
    await mongo?.kill();
    await delay(lastsMs);
    if (!over.aborted) await mongo?.start();
  };
  return async ({ kind, target, lastsMs }) => {
    if (target === DATABASE) {
      database = database.then(() => killDatabase(lastsMs));
      return database;
    }
    const place = posted.get(target);
    if (place === undefined) throw new Error(`there is no ${target}`);
    switch (kind) {
      case 'KILL':
        return place.member.kill(lastsMs);
      case 'PAUSE': {
        const resume = place.member.pause();
        await delay(lastsMs);
        return resume();
      }
      case 'CUT':
        return place.database?.cut();
      case 'SILENCE':
        place.database?.block('HOLD');
        await delay(lastsMs);
        return place.database?.unblock();
    }
  };
}
