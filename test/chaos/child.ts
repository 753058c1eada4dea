/**
 * One life of the product in a process that may be killed at any step: it creates the payouts of a schedule, as a client
 * that retries would, works until they are settled as far as they can be, and tells its parent how each one stands.
 */
import { createServer } from 'node:http';
import { isFinal, type Payout } from '../../src/domain/payout.ts';
import type { Provider } from '../../src/domain/provider.ts';
import type { Store } from '../../src/domain/store.ts';
import { createInbound } from '../../src/inbound.ts';
import { createPayouts } from '../../src/payouts.ts';
import { definitions } from '../../src/providers/index.ts';
import { chooseRoute } from '../../src/routing.ts';
import { createIds } from '../../src/runtime.ts';
import { openSqlite } from '../../src/storage/sqlite.ts';
import { createTransport, type Transport } from '../../src/transport.ts';
import { createWorker } from '../../src/worker.ts';
import { silentLog } from '../support/log.ts';
import { orderOf } from '../support/payouts.ts';
import { createScaledClock } from '../support/scaled-clock.ts';
import { type Crash, type Life, MERCHANT, TIMES, type Told } from './schedule.ts';

const life = JSON.parse(process.argv[2] ?? '') as Life;
const clock = createScaledClock(life.origin, TIMES.factor);
const die = createDeath(life.crash);

const store = wrapStore(
  await openSqlite({
    path: life.path,
    environment: 'SANDBOX',
    now: clock.now,
    random: createIds(clock).bytes,
    exclusive: true,
  }),
);
const definition = definitions.find((one) => one.slug === life.slug);
if (!definition) throw new Error(`there is no provider ${life.slug}`);
const callbackUrl = `http://127.0.0.1:${life.port}/${life.slug}/default`;
const account = { name: 'default', enabled: true, callbackUrl, values: life.credentials };
const opened = definition.open([account], wrapTransport(createTransport(clock.now, TIMES.deadlineMs)));
/** The order numbers under which the provider has said, in this life, that it shows nothing. */
const absent = new Set<string>();
const provider: Provider = {
  ...opened,
  async lookup(attempt, call) {
    const outcome = await opened.lookup(attempt, call);
    if (outcome.kind === 'absent') absent.add(attempt.orderNumber);
    return outcome;
  },
};
const payouts = createPayouts({ store, clock, route: (order, named) => chooseRoute([provider], order, named) });
const inbound = createInbound({ providers: new Map([[life.slug, provider]]), store, payouts, log: silentLog });
const worker = createWorker({
  payouts,
  providers: [provider],
  clock,
  log: silentLog,
  name: `worker-${process.pid}`,
  options: { leaseMs: TIMES.leaseMs, deadlineMs: TIMES.deadlineMs * TIMES.factor, skewMs: 0, pollMs: TIMES.pollMs },
});
const server = createServer(async (request, response) => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const headers = Object.fromEntries(Object.entries(request.headers).map(([key, value]) => [key, String(value)]));
  const reply = await inbound.receive(life.slug, 'default', { headers, body: Buffer.concat(chunks) });
  response.writeHead(reply.status, { 'content-type': reply.contentType }).end(reply.body);
});
await new Promise<void>((resolve) => server.listen(life.port, '127.0.0.1', resolve));

const actor = { source: 'API', actor: 'ak_chaos' } as const;
worker.start();
const created = life.payouts.map(({ reference, amount }) =>
  payouts.create(MERCHANT, actor, {
    reference,
    order: orderOf(amount),
    provider: provider.id,
    sendBefore: null,
    metadata: [],
  }),
);
const ids = (await Promise.all(created)).flatMap((result) => (result.kind === 'created' ? [result.payout.id] : []));
for (;;) {
  const now = [...(await store.payouts(MERCHANT, ids)).values()];
  if (now.length === life.payouts.length && now.every(isSettled)) {
    process.send?.(now.map(tell));
    break;
  }
  await clock.sleep(TIMES.pollMs);
}
await worker.stop();
process.exit(0);

/** Over, or in doubt with nothing more to be learnt: repeats are only refused, or the order is shown as absent. */
function isSettled(payout: Payout): boolean {
  if (isFinal(payout.state)) return payout.nextCheckAt === null;
  if (payout.state !== 'IN_DOUBT' || payout.lease !== null || payout.quietChecks < TIMES.patience) return false;
  if (provider.repeatWindowMs !== null) return lastOutcome(payout) === 'REJECTED';
  return payout.attempts.every((attempt) => absent.has(attempt.orderNumber));
}

function lastOutcome({ attempts }: Payout): string | null {
  return attempts.at(-1)?.sends.at(-1)?.outcome ?? null;
}

function tell(payout: Payout): Told {
  const { reference, state, attempts } = payout;
  const orderNumbers = attempts.map((one) => one.orderNumber);
  const repeatable = provider.repeatWindowMs !== null;
  return { reference, state, orderNumbers, repeatable, lastOutcome: lastOutcome(payout) };
}

/** Kills this process at the step that the schedule names, as `kill -9` would: nothing is flushed, nothing runs after. */
function createDeath(crash: Crash | null): (step: string, when: 'before' | 'after') => void {
  let left = crash?.nth ?? 0;
  return (step, when) => {
    if (crash?.step !== step || crash.when !== when) return;
    left -= 1;
    if (left === 0) process.kill(process.pid, 'SIGKILL');
  };
}

function wrapStore(real: Store): Store {
  const steps = new Set(['insert', 'putSealed', 'commit', 'claimReference', 'lease']);
  return new Proxy(real, {
    get(target, key) {
      const member = Reflect.get(target, key, target);
      if (typeof member !== 'function') return member;
      const method = member.bind(target);
      if (typeof key !== 'string' || !steps.has(key)) return method;
      return async (...args: unknown[]) => {
        die(key, 'before');
        const answer = await method(...args);
        die(key, 'after');
        return answer;
      };
    },
  });
}

function wrapTransport(real: Transport): Transport {
  return {
    open(options) {
      const line = real.open(options);
      return {
        ...line,
        close: () => line.close(),
        async exchange(request) {
          die('exchange', 'before');
          const answer = await line.exchange(request);
          die('exchange', 'after');
          return answer;
        },
      };
    },
  };
}
