/**
 * One life of the product in a process that may be killed at any step: it creates the payouts of a schedule, as a client
 * that retries would, works until they are settled as far as they can be, and tells its parent how each one stands.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type Decimal, parseDecimal } from '../../src/domain/money.ts';
import { isFinal, type Payout } from '../../src/domain/payout.ts';
import type { Store } from '../../src/domain/store.ts';
import { createHealth } from '../../src/health.ts';
import { createInbound } from '../../src/inbound.ts';
import { createPayouts } from '../../src/payouts.ts';
import type { ProviderDefinition } from '../../src/providers/define.ts';
import { chooseRoute } from '../../src/routing.ts';
import { createIds } from '../../src/runtime.ts';
import type { SandboxSide } from '../../src/sandbox.ts';
import { openSqlite } from '../../src/storage/sqlite.ts';
import { createTransport, type Transport } from '../../src/transport.ts';
import { createVault, keysFor } from '../../src/vault.ts';
import { createWorker } from '../../src/worker.ts';
import { silentLog } from '../support/log.ts';
import { createScaledClock } from '../support/scaled-clock.ts';
import { type Crash, type Life, MERCHANT, TIMES, type Told } from './schedule.ts';

const life = JSON.parse(process.argv[2] ?? '') as Life;
const clock = createScaledClock(life.origin, TIMES.factor, life.ahead);
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
// One provider alone: thousands of lives begin by loading their code.
const [{ definition }, { sandbox: side }]: [{ definition: ProviderDefinition }, { sandbox: SandboxSide }] =
  await Promise.all([
    import(`../../src/providers/${life.slug}/index.ts`),
    import(`../../src/providers/${life.slug}/sandbox.ts`),
  ]);
const { callbackUrl } = life;
const account = { name: 'default', enabled: true, callbackUrl, values: life.credentials };
const provider = definition.open([account], wrapTransport(createTransport(clock.now, TIMES.deadlineMs)), clock.now);
const vault = createVault({ store, keys: keysFor([], store), random: createIds(clock).bytes });
const payouts = createPayouts({
  ...{ store, vault, clock, providers: [provider] },
  route: (order, parties, named) => chooseRoute([provider], clock, order, parties, named),
});
const inbound = createInbound({ providers: new Map([[life.slug, provider]]), store, payouts, log: silentLog });
const worker = createWorker({
  payouts,
  providers: [provider],
  health: createHealth(clock),
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
const created = life.payouts.map(({ reference, amount }) => {
  const { order, parties } = side.sample(decimal(amount));
  const words = { reference, order, parties, provider: provider.id, sendBefore: null, autoConfirm: true, metadata: [] };
  return payouts.create(MERCHANT, actor, words);
});
const ids = (await Promise.all(created)).flatMap((result) => (result.kind === 'created' ? [result.payout.id] : []));
const callOff = ids.filter((_id, at) => life.payouts[at]?.calledOff);
await Promise.all(callOff.map((id) => payouts.act(MERCHANT, actor, id, { action: 'CANCEL' })));
for (;;) {
  const now = [...(await store.payouts(MERCHANT, ids)).values()];
  if (now.length === life.payouts.length && now.every(isSettled)) {
    process.send?.({ kind: 'told', told: now.map(tell) });
    break;
  }
  for (const payout of now) if (payout.state === 'AWAITING_DOCUMENTS') await hand(payout);
  await skip(now);
  await clock.sleep(TIMES.pollMs);
}
await worker.stop();
process.exit(0);

/** Over, or put before an operator: nothing more comes of it by itself. */
function isSettled(payout: Payout): boolean {
  if (isFinal(payout.state)) return payout.nextCheckAt === null;
  return payout.attention.length > 0 && payout.lease === null && payout.state === 'IN_DOUBT';
}

/** What the merchant's people do where documents are wanted. */
async function hand(payout: Payout): Promise<void> {
  if (payout.requests.length > 0) return;
  const content = Buffer.from('%PDF-1.7 a chaotic invoice');
  const document = { type: 'other', fileName: 'invoice.pdf', content, note: null };
  await payouts.act(MERCHANT, actor, payout.id, { action: 'ATTACH_DOCUMENT', document });
  await payouts.act(MERCHANT, actor, payout.id, { action: 'COMPLETE_DOCUMENTS' });
}

/** Where everybody waits for a time to come, it comes: here and, first, at the provider. */
async function skip(now: readonly Payout[]): Promise<void> {
  const waiting = now.filter((payout) => !isSettled(payout));
  if (now.length < life.payouts.length || waiting.some((payout) => payout.lease !== null)) return;
  const next = Math.min(...waiting.map((payout) => payout.nextCheckAt?.getTime() ?? Infinity));
  const ms = next - clock.now().getTime() - TIMES.pollMs;
  if (!Number.isFinite(ms) || ms < TIMES.worthSkippingMs) return;
  const passed = once(process, 'message');
  process.send?.({ kind: 'jump', ms });
  await passed;
  clock.jump(ms);
}

function tell(payout: Payout): Told {
  const { reference, state, attempts, attention } = payout;
  const orderNumbers = attempts.map((one) => one.orderNumber);
  const raised = attention.map((one) => one.reason);
  return { reference, state, orderNumbers, raised, findsByOrderNumber: provider.findsByOrderNumber };
}

function decimal(text: string): Decimal {
  const value = parseDecimal(text);
  if (value === null) throw new Error(`${text} is no decimal`);
  return value;
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
