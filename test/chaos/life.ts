import { once } from 'node:events';
import { createServer } from 'node:http';
import { type Decimal, parseDecimal } from '../../src/domain/money.ts';
import { isFinal, type Payout } from '../../src/domain/payout.ts';
import type { Provider } from '../../src/domain/provider.ts';
import type { Store } from '../../src/domain/store.ts';
import { createBreaker } from '../../src/health-breaker.ts';
import { createInbound, type Inbound } from '../../src/inbound.ts';
import { createPayouts } from '../../src/payouts.ts';
import type { ProviderDefinition } from '../../src/providers/define.ts';
import { type Clock, createIds } from '../../src/runtime.ts';
import type { SandboxSide } from '../../src/sandbox.ts';
import { openSqlite } from '../../src/storage/sqlite.ts';
import { createTransport, type Transport } from '../../src/transport.ts';
import { createVault, keysFor } from '../../src/vault.ts';
import { createWorker } from '../../src/worker.ts';
import { silentLog } from '../support/log.ts';
import type { ScaledClock } from '../support/scaled-clock.ts';
import { NO_MARKET, NO_QUOTES, PLAIN, routerOf } from '../support/write-side.ts';
import { type Life, type LifeAccount, MERCHANT, TIMES, type Told } from './schedule.ts';

/** How a life ends before its time, and how its clock jumps: by the process that it is, or by the one that it is in. */
export interface Fate {
  readonly clock: ScaledClock;
  /** Ends the life at once: nothing that it began goes on. */
  kill(): void;
  /** Lets so many milliseconds pass, at the provider too. */
  jump(ms: number): Promise<void>;
  /** Whether it was killed: then nothing that it still does may have an effect. */
  isOver(): boolean;
  /** Runs when it is killed inside a process that goes on: what the end of a process would close. */
  onEnd(close: () => void): void;
}

const ACTOR = { source: 'API', actor: 'ak_chaos' } as const;

/**
 * One life of the product, which may be killed at any step: it creates the payouts of a schedule, as a client that retries
 * would, works until they are settled as far as they can be, and tells how each one stands.
 */
export async function liveThrough(life: Life, fate: Fate): Promise<readonly Told[]> {
  const { clock } = fate;
  const step = createSteps(life, fate);
  const ids = createIds(clock);
  const stamp = { environment: 'SANDBOX', now: clock.now, random: ids.bytes, exclusive: true } as const;
  const file = await openSqlite({ path: life.path, ...stamp });
  fate.onEnd(() => void file.close());
  const store = wrapStore(file, step);
  const transport = wrapTransport(createTransport(clock.now, TIMES.deadlineMs), step, fate);
  const opening = life.accounts.map((account) => openAccount(account, transport, clock));
  const opened = await Promise.all(opening);
  const providers = opened.map(({ provider }) => provider);
  const sideOf = (routed: boolean): Opened => {
    const named = opened.find(({ slug }) => !routed || slug === ROUTED_AS) ?? opened[0];
    if (named === undefined) throw new Error('a life knows a provider');
    return named;
  };
  const vault = createVault({ store, keys: keysFor([], store), random: ids.bytes });
  const policy = { kind: 'LIST', providers: providers.map(({ id }) => id) } as const;
  const route = routerOf(providers, clock, { policy });
  const payouts = createPayouts({ store, vault, clock, providers, route, quotes: NO_QUOTES });
  const byPath = new Map(opened.map(({ slug, provider }) => [slug, provider]));
  const inbound = createInbound({ providers: byPath, store, payouts, log: silentLog });
  const options = {
    leaseMs: TIMES.leaseMs,
    deadlineMs: TIMES.deadlineMs * TIMES.factor,
    skewMs: 0,
    pollMs: TIMES.pollMs,
  };
  const name = ids.next('worker');
  const parts = { market: NO_MARKET, health: createBreaker(clock, name), clock, log: silentLog };
  const worker = createWorker({ payouts, providers, ...parts, name, options });
  const door = await openDoor(life, inbound);
  fate.onEnd(door);

  /** What the merchant's people do where documents are wanted. */
  async function hand(payout: Payout): Promise<void> {
    if (payout.requests.length > 0) return;
    const content = Buffer.from('%PDF-1.7 a chaotic invoice');
    const document = { type: 'other', fileName: 'invoice.pdf', content, note: null };
    await payouts.act(MERCHANT, ACTOR, payout.id, { action: 'ATTACH_DOCUMENT', document });
    await payouts.act(MERCHANT, ACTOR, payout.id, { action: 'COMPLETE_DOCUMENTS' });
  }

  /** Where everybody waits for a time to come, it comes. */
  async function skip(now: readonly Payout[]): Promise<void> {
    const waiting = now.filter((payout) => !isSettled(payout));
    if (now.length < life.payouts.length || waiting.some((payout) => payout.lease !== null)) return;
    const next = Math.min(...waiting.map((payout) => payout.nextCheckAt?.getTime() ?? Infinity));
    const ms = next - clock.now().getTime() - TIMES.pollMs;
    if (Number.isFinite(ms) && ms >= TIMES.worthSkippingMs) await fate.jump(ms);
  }

  worker.start();
  const created = life.payouts.map(({ reference, amount, routed }) => {
    const { side, provider } = sideOf(routed);
    const { order, parties } = side.sample(decimal(amount));
    const where = routed ? { failover: true } : { provider: provider.id };
    return payouts.create(MERCHANT, ACTOR, { reference, ...PLAIN, order, parties, ...where });
  });
  const known = (await Promise.all(created)).flatMap((result) => (result.kind === 'created' ? [result.payout.id] : []));
  const callOff = known.filter((_id, at) => life.payouts[at]?.calledOff);
  await Promise.all(callOff.map((id) => payouts.act(MERCHANT, ACTOR, id, { action: 'CANCEL' })));
  for (;;) {
    const now = [...(await store.payouts(MERCHANT, known)).values()];
    if (now.length === life.payouts.length && now.every(isSettled)) {
      await worker.stop();
      door();
      await file.close();
      return now.map((payout) => tell(payout, providerOf(payout, providers)));
    }
    for (const payout of now) if (payout.state === 'AWAITING_DOCUMENTS') await hand(payout);
    await skip(now);
    await clock.sleep(TIMES.pollMs);
  }
}

/** At whom an order is such that the others take it as well. */
const ROUTED_AS = 'oxapay';

/** A provider that a life knows, and what it is tried with. */
interface Opened {
  readonly slug: string;
  readonly provider: Provider;
  readonly side: SandboxSide;
}

/** Loads the code of one provider alone: thousands of lives begin by that. */
async function openAccount(
  { slug, callbackUrl, credentials }: LifeAccount,
  transport: Transport,
  clock: Clock,
): Promise<Opened> {
  const [{ definition }, { sandbox: side }]: [{ definition: ProviderDefinition }, { sandbox: SandboxSide }] =
    await Promise.all([
      import(`../../src/providers/${slug}/index.ts`),
      import(`../../src/providers/${slug}/sandbox.ts`),
    ]);
  const account = { name: 'default', enabled: true, callbackUrl, values: credentials };
  return { slug, provider: definition.open([account], transport, clock.now), side };
}

/** The provider that a payout is at. */
function providerOf(payout: Payout, providers: readonly Provider[]): Provider {
  const provider = providers.find(({ id }) => id === payout.provider);
  if (provider === undefined) throw new Error(`nobody knows ${payout.provider}`);
  return provider;
}

/** Where the providers' webhooks come in; answers how to close it. */
async function openDoor(life: Life, inbound: Inbound): Promise<() => void> {
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const headers = Object.fromEntries(Object.entries(request.headers).map(([key, value]) => [key, String(value)]));
    const [, slug = ''] = (request.url ?? '').split('/');
    const reply = await inbound.receive(slug, 'default', { headers, body: Buffer.concat(chunks) });
    response.writeHead(reply.status, { 'content-type': reply.contentType }).end(reply.body);
  });
  server.listen(life.port, '127.0.0.1');
  await once(server, 'listening');
  return () => {
    server.close();
    server.closeAllConnections();
  };
}

/** Over, or put before an operator: nothing more comes of it by itself. */
export function isSettled(payout: Payout): boolean {
  if (isFinal(payout.state)) return payout.nextCheckAt === null;
  return payout.attention.length > 0 && payout.lease === null && payout.state === 'IN_DOUBT';
}

/** How a payout stands, for a judge who knows no store. */
export function tell(payout: Payout, provider: Provider): Told {
  const { reference, state, attempts, attention } = payout;
  const orderNumbers = attempts.map((one) => one.orderNumber);
  const places = new Set(attempts.map((one) => one.provider)).size;
  const { findsByOrderNumber } = provider;
  const provesAbsence = provider.absenceRule(payout.account) !== null;
  return {
    reference,
    state,
    orderNumbers,
    places,
    raised: attention.map((one) => one.reason),
    findsByOrderNumber,
    provesAbsence,
  };
}

function decimal(text: string): Decimal {
  const value = parseDecimal(text);
  if (value === null) throw new Error(`${text} is no decimal`);
  return value;
}

/** Runs a step of a life, which may be the one that it is killed at, before or after. */
type Step = <T>(name: string, run: () => Promise<T>) => Promise<T>;

function createSteps({ crash }: Life, fate: Fate): Step {
  let left = crash?.nth ?? 0;
  const die = (name: string, when: 'before' | 'after'): void => {
    if (crash?.step !== name || crash.when !== when) return;
    left -= 1;
    if (left === 0) fate.kill();
  };
  /** Whoever is dead hears nothing more. */
  const never = <T>(): Promise<T> => new Promise<T>(() => undefined);
  return async (name, run) => {
    die(name, 'before');
    if (fate.isOver()) return never();
    try {
      const answer = await run();
      die(name, 'after');
      return fate.isOver() ? await never() : answer;
    } catch (error) {
      if (fate.isOver()) return never();
      throw error;
    }
  };
}

function wrapStore(real: Store, step: Step): Store {
  return new Proxy(real, {
    get(target, key) {
      const member = Reflect.get(target, key, target);
      if (typeof member !== 'function' || typeof key !== 'string' || key === 'watch' || key === 'knows') return member;
      const method = member.bind(target);
      return (...args: unknown[]) => step(key, async () => method(...args));
    },
  });
}

function wrapTransport(real: Transport, step: Step, fate: Fate): Transport {
  return {
    open(options) {
      const line = real.open(options);
      fate.onEnd(() => void line.close());
      return {
        ...line,
        close: () => line.close(),
        exchange: (request) => step('exchange', () => line.exchange(request)),
      };
    },
  };
}
