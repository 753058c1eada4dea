import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Cast, compose, type Parts } from '../../src/compose.ts';
import { loadConfig } from '../../src/config.ts';
import type { MerchantId } from '../../src/domain/merchant.ts';
import type { Payout, PayoutEvent, PayoutState } from '../../src/domain/payout.ts';
import type { ProviderId } from '../../src/domain/provider.ts';
import type { CreateInput } from '../../src/payouts.ts';
import { definitions } from '../../src/providers/index.ts';
import { createIds, type Log } from '../../src/runtime.ts';
import type { Order as SandboxOrder } from '../../src/sandbox.ts';
import { openServer, type Server } from '../../src/server.ts';
import type { WorkerOptions } from '../../src/worker.ts';
import { createManualClock, type ManualClock } from './clock.ts';
import { silentLog } from './log.ts';
import { orderOf } from './payouts.ts';
import { ACTOR, PLAIN } from './write-side.ts';

/** The real parts of the product, its server and the stand-in providers in one process, with a clock that the test moves. */
export interface World extends Parts {
  readonly clock: ManualClock;
  readonly server: Server;
  readonly merchantId: MerchantId;
  /** Creates a payout of `amount` USDT on TRON. */
  create(provider: string, amount: string, changes?: Partial<CreateInput>): Promise<Payout>;
  payout(known: Known): Promise<Payout>;
  events(known: Known): Promise<readonly PayoutEvent[]>;
  /** Lets whatever is under way come to rest, without moving the clock. */
  rest(): Promise<void>;
  /** Moves the clock, step by step as somebody wakes, until the payout is in one of the states; fails after `withinMs`. */
  until(known: Known, states: readonly PayoutState[], withinMs?: number): Promise<Payout>;
  /** Moves the clock on, with everything that happens by then, `stepMs` (1 s) at a time. */
  pass(ms: number, stepMs?: number): Promise<void>;
  /** The stand-in's orders for a payout. */
  orders(known: Payout): readonly SandboxOrder[];
}

/** What a payout is found by. */
export type Known = Pick<Payout, 'merchantId' | 'id'>;

/** How a test opens a world: the same for every store. */
export type OpenWorld = typeof openWorld;

export { ACTOR };

/** What may be other than usual in a world: who plays, what listens to its log, and how its worker is set. */
export interface WorldOptions extends Partial<Cast> {
  /** False: the worker is not started. */
  readonly working?: boolean;
  readonly clock?: ManualClock;
  readonly log?: Log;
  readonly worker?: Partial<WorkerOptions>;
}

/**
 * Opens a world with its worker started, unless `working` is false; `env` adds to the configuration. Close it at the end:
 * the store is gone with it, unless `env` names its `DATA_DIR`.
 */
export async function openWorld(
  env: Readonly<Record<string, string>> = {},
  { working = true, clock = createManualClock(), log = silentLog, worker: settings = {}, ...cast }: WorldOptions = {},
): Promise<World> {
  const dir = await mkdtemp(join(tmpdir(), 'outflow-world-'));
  // A clock that the test moves is not compared with a database's; and on one node little becomes visible late.
  const runtime = { clock, ids: createIds(clock), log, mongodb: { maxSkewMs: null, overlapMs: 1000 } };
  // Providers are told where to call before the server listens there.
  const settled = { DATA_DIR: dir, PORT: String(await reservePort()), ...env };
  const config = loadConfig(settled, cast.definitions ?? definitions);
  // Real time: it bounds exchanges that the stand-in never answers.
  const parts = await compose(config, runtime, { deadlineMs: 400, ...settings }, cast);
  const { store, payouts, worker, sandbox, keys, inbound } = parts;
  const server = await openServer({
    ...runtime,
    services: parts,
    keys,
    inbound,
    ready: () => store.ping(),
    host: config.host,
    port: config.port,
    graphiql: config.graphiql,
    corsOrigins: config.corsOrigins,
  });
  const { id: merchantId } = await keys.createMerchant('World');
  if (working) worker.start();
  let made = 0;

  const world: World = {
    ...parts,
    clock,
    server,
    merchantId,
    async create(provider, amount, changes = {}) {
      made += 1;
      const input: CreateInput = {
        reference: `order-${made}`,
        order: orderOf(amount),
        ...PLAIN,
        provider: provider.toUpperCase() as ProviderId,
        ...changes,
      };
      const result = await payouts.create(merchantId, ACTOR, input);
      if (result.kind !== 'created') throw new Error(`not created: ${JSON.stringify(result)}`);
      return result.payout;
    },
    async payout(known) {
      const found = (await store.payouts(known.merchantId, [known.id])).get(known.id);
      if (!found) throw new Error(`${known.id} is lost`);
      return found;
    },
    async events(known) {
      const range = { after: 0, before: Number.MAX_SAFE_INTEGER, limit: 1000, last: false };
      return (await store.payoutEvents(known.merchantId, known.id, range)).map((logged) => logged.event);
    },
    async rest() {
      // A webhook wakes the worker, and the worker's call lets the stand-in send one: at rest is when neither moves.
      for (let quiet = 0; quiet < 3; quiet += 1) {
        await worker.idle();
        await sandbox?.idle();
      }
    },
    async until(known, states, withinMs = 3_600_000) {
      const limit = clock.now().getTime() + withinMs;
      for (;;) {
        await world.rest();
        const now = await world.payout(known);
        if (states.includes(now.state)) return now;
        if (clock.now().getTime() > limit || !(await clock.advanceToNext())) {
          throw new Error(`${known.id} is still ${now.state}: ${JSON.stringify(now.attention)}`);
        }
      }
    },
    async pass(ms, stepMs = 1000) {
      const end = clock.now().getTime() + ms;
      await world.rest();
      while (clock.now().getTime() < end) {
        await clock.advance(Math.min(stepMs, end - clock.now().getTime()));
        await world.rest();
      }
    },
    orders: (known) => {
      const marks = new Set(known.attempts.map((attempt) => attempt.orderNumber));
      return (sandbox?.books() ?? []).filter((order) => order.mark !== null && marks.has(order.mark));
    },
    async close() {
      await server.close();
      await parts.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
  return world;
}

/** A port that is free now, below those that the system hands out by itself, so that nobody else is given it. */
export async function reservePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    const probe = createServer().listen(port, '127.0.0.1');
    const free = await once(probe, 'listening').then(
      () => true,
      () => false,
    );
    if (!free) continue;
    probe.close();
    await once(probe, 'close');
    return port;
  }
}
