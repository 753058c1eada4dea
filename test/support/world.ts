import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compose, type Parts } from '../../src/compose.ts';
import { loadConfig } from '../../src/config.ts';
import type { MerchantId } from '../../src/domain/merchant.ts';
import type { Order, Payout, PayoutEvent, PayoutState } from '../../src/domain/payout.ts';
import type { ProviderId } from '../../src/domain/provider.ts';
import type { CreateInput } from '../../src/payouts.ts';
import { definitions } from '../../src/providers/index.ts';
import { createIds } from '../../src/runtime.ts';
import type { Order as SandboxOrder } from '../../src/sandbox.ts';
import { createManualClock, type ManualClock } from './clock.ts';
import { silentLog } from './log.ts';
import { decimal } from './payouts.ts';

/** The real parts of the product and the real stand-in providers in one process, with a clock that the test moves. */
export interface World extends Parts {
  readonly clock: ManualClock;
  readonly merchantId: MerchantId;
  /** Creates a payout of `amount` USDT on TRON. */
  create(provider: string, amount: string, changes?: Partial<CreateInput>): Promise<Payout>;
  payout(known: Payout): Promise<Payout>;
  events(known: Payout): Promise<readonly PayoutEvent[]>;
  /** Lets whatever is under way come to rest, without moving the clock. */
  rest(): Promise<void>;
  /** Moves the clock, step by step as somebody wakes, until the payout is in one of the states; fails after `withinMs`. */
  until(known: Payout, states: readonly PayoutState[], withinMs?: number): Promise<Payout>;
  /** Moves the clock on, with everything that happens by then, `stepMs` (1 s) at a time. */
  pass(ms: number, stepMs?: number): Promise<void>;
  /** The stand-in's orders for a payout. */
  orders(known: Payout): readonly SandboxOrder[];
}

export const ACTOR = { source: 'API', actor: 'ak_test' } as const;

export function orderOf(amount: string, changes: Partial<Order> = {}): Order {
  return {
    amount: { amount: decimal(amount), currency: 'USDT' },
    feeMode: 'ADD',
    destination: { kind: 'blockchain', address: 'TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t', network: 'TRON', memo: null },
    sourceCurrency: null,
    description: null,
    ...changes,
  };
}

/** Opens a world with its worker started; `env` adds to the configuration. Close it at the end. */
export async function openWorld(env: Readonly<Record<string, string>> = {}): Promise<World> {
  const dir = await mkdtemp(join(tmpdir(), 'outflow-world-'));
  const clock = createManualClock();
  let parts: Parts | null = null;
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const [, , slug = '', account = ''] = (request.url ?? '').split('/');
    const headers = Object.fromEntries(Object.entries(request.headers).map(([key, value]) => [key, String(value)]));
    const reply = await parts?.inbound.receive(slug, account, { headers, body: Buffer.concat(chunks) });
    response.writeHead(reply?.status ?? 503, { connection: 'close' }).end(reply?.body);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = address !== null && typeof address === 'object' ? address.port : 0;
  const config = loadConfig({ DATA_DIR: dir, PORT: String(port), ...env }, definitions);
  // Real time: it bounds exchanges that the stand-in never answers.
  const options = { deadlineMs: 400 };
  parts = await compose(config, { clock, ids: createIds(clock), log: silentLog }, options);
  const { store, payouts, worker, sandbox } = parts;
  const { id: merchantId } = await parts.keys.createMerchant('World');
  worker.start();
  let made = 0;

  const world: World = {
    ...parts,
    clock,
    merchantId,
    async create(provider, amount, changes = {}) {
      made += 1;
      const input: CreateInput = {
        reference: `order-${made}`,
        order: orderOf(amount),
        provider: provider.toUpperCase() as ProviderId,
        sendBefore: null,
        metadata: [],
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
      await parts?.close();
      server.closeAllConnections();
      server.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
  return world;
}
