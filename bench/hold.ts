/**
 * The parts of `outflow serve` in a process that can collect its garbage on demand and tell its own memory. Its argument is
 * the data folder.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { compose, type Parts } from '../src/compose.ts';
import { loadConfig } from '../src/config.ts';
import type { MerchantId } from '../src/domain/merchant.ts';
import type { ProviderId } from '../src/domain/provider.ts';
import { definitions } from '../src/providers/index.ts';
import { createIds, systemClock } from '../src/runtime.ts';
import { openServer, type Server } from '../src/server.ts';
import { silentLog } from '../test/support/log.ts';
import { sampleAttempt, sampleEvent, samplePayout } from '../test/support/payouts.ts';
import { answer, inFlight } from './harness.ts';

export interface HoldQuestion {
  /** Stores so many more before it answers. */
  readonly payouts: number;
}

/** Where it serves, and what it takes, measured after two full collections. */
export interface Held {
  readonly origin: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly heapMiB: number;
  readonly rssMiB: number;
}

const runtime = { clock: systemClock, ids: createIds(systemClock), log: silentLog };
const config = loadConfig({ DATA_DIR: process.argv[2] ?? '' }, definitions);
const parts = await compose(config, runtime);
const server = await listen(parts);
parts.worker.start();
const merchant = await parts.keys.createMerchant('Bench');
const { secret } = await parts.keys.createKey(merchant.id, 'bench', ['payouts:read']);

async function respond({ payouts }: HoldQuestion): Promise<Held> {
  await inFlight(256, payouts, () => storePaid(parts, merchant.id));
  for (let times = 0; times < 2; times += 1) {
    await sleep(200);
    globalThis.gc?.();
  }
  const { heapUsed, rss } = process.memoryUsage();
  return {
    origin: server.url,
    headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
    heapMiB: heapUsed / 2 ** 20,
    rssMiB: rss / 2 ** 20,
  };
}

function listen({ store, keys, inbound, ...services }: Parts): Promise<Server> {
  return openServer({
    services: { store, ...services },
    keys,
    inbound,
    ready: () => store.ping(),
    ...runtime,
    host: '127.0.0.1',
    port: 0,
    graphiql: false,
    corsOrigins: [],
  });
}

/** A payout that was paid at the first attempt: nothing is left to do for it. */
async function storePaid({ store }: Parts, merchantId: MerchantId): Promise<void> {
  const provider = 'IO2328' as ProviderId;
  const createdAt = systemClock.now();
  const [sent] = sampleAttempt().sends;
  const sends = sent ? [{ ...sent, outcome: 'ACCEPTED', endedAt: createdAt } as const] : [];
  const payout = samplePayout({
    merchantId,
    provider,
    state: 'COMPLETED',
    createdAt,
    updatedAt: createdAt,
    nextCheckAt: null,
    attempts: [sampleAttempt({ provider, providerReference: '0f8e6c9a-6c0e-4c5e-9a52-2d2ad2f4a1b7', sends })],
  });
  await store.insert(payout, sampleEvent(payout));
}

answer(respond);
