import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { Payout } from '../src/domain/payout.ts';
import type { ProviderDefinition } from '../src/providers/define.ts';
import { definitions } from '../src/providers/index.ts';
import { sides } from '../src/providers/sandboxes.ts';
import { createManualClock, type ManualClock } from './support/clock.ts';
import { openUnconnected } from './support/conformance/stage.ts';
import { decimal } from './support/payouts.ts';
import { openWorld, type World, type WorldOptions } from './support/world.ts';

// A provider that is slow, silent, gone or overrun: what that does to its own payouts, and that it does nothing to others.

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** A request as it reached the provider's door. */
interface Call {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  readonly at: Date;
}

/** What a provider answers instead of its own answer. */
interface Squall {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string;
}

/** FAIR: requests are passed on. SILENT: they are taken and never answered. Or what is made of each; null: as when fair. */
type Weather = 'FAIR' | 'SILENT' | ((call: Call) => Squall | null);

/** Stands before one provider of the stand-in, and makes its weather. */
interface Front {
  readonly calls: readonly Call[];
  weather: Weather;
  /** Taken, and not answered yet. */
  held(): number;
  /** Fair from now on; what was held goes on its way, also where the one who asked has gone. */
  clear(): Promise<void>;
  /** Nobody listens any more, until `comeBack`. */
  leave(): Promise<void>;
  comeBack(): Promise<void>;
  /** The provider's definition, which finds it behind the front. */
  cover(definition: ProviderDefinition): ProviderDefinition;
  close(): Promise<void>;
}

async function openFront(clock: ManualClock): Promise<Front> {
  const calls: Call[] = [];
  const held: { readonly call: Call; readonly response: ServerResponse }[] = [];
  let upstream = '';

  async function passOn({ method, path, headers, body }: Call, response: ServerResponse): Promise<void> {
    const { host: _host, connection: _connection, 'content-length': _length, ...rest } = headers;
    const init = { method, headers: rest, ...(method === 'GET' ? {} : { body: new Uint8Array(body) }) };
    const answer = await fetch(`${upstream}${path}`, init);
    const text = await answer.text();
    const retryAfter = answer.headers.get('retry-after');
    if (!response.destroyed) {
      response.writeHead(answer.status, {
        'content-type': answer.headers.get('content-type') ?? 'application/json',
        ...(retryAfter === null ? {} : { 'retry-after': retryAfter }),
      });
      response.end(text);
    }
  }

  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { method = 'GET', url = '/' } = request;
    const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
    const call = { method, path: url, headers, body: Buffer.concat(chunks), at: clock.now() };
    calls.push(call);
    if (front.weather === 'SILENT') return void held.push({ call, response });
    const squall = front.weather === 'FAIR' ? null : front.weather(call);
    if (squall === null) await passOn(call, response).catch(() => response.destroy());
    else response.writeHead(squall.status, squall.headers).end(squall.body);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;

  async function leave(): Promise<void> {
    if (!server.listening) return;
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  }

  const front: Front = {
    calls,
    weather: 'FAIR',
    held: () => held.length,
    async clear() {
      front.weather = 'FAIR';
      for (const { call, response } of held.splice(0)) await passOn(call, response);
    },
    leave,
    async comeBack() {
      server.listen(port, '127.0.0.1');
      await once(server, 'listening');
    },
    cover: (definition) => ({
      ...definition,
      open(accounts, transport, now) {
        const behind = accounts.map((account) => {
          const url = new URL(account.values.baseUrl ?? '');
          upstream = url.origin;
          const path = url.pathname === '/' ? '' : url.pathname;
          return { ...account, values: { ...account.values, baseUrl: `http://127.0.0.1:${port}${path}` } };
        });
        return definition.open(behind, transport, now);
      },
    }),
    close: leave,
  };
  return front;
}

/** The product with all providers, one of them behind a front. */
interface Sky {
  readonly world: World;
  readonly front: Front;
  /** So many payouts, as the provider's own side gives a sample of them; `decimals` choose the fault. */
  create(slug: string, count: number, decimals?: string): Promise<readonly Payout[]>;
  /** As they now are. */
  look(payouts: readonly Payout[]): Promise<readonly Payout[]>;
  /** That each of them is completed, and that the provider made one order for each. */
  assertPaidOnce(payouts: readonly Payout[]): Promise<void>;
}

async function under(slug: string, options: WorldOptions, run: (sky: Sky) => Promise<void>): Promise<void> {
  const clock = createManualClock();
  const front = await openFront(clock);
  const cast = definitions.map((one) => (one.slug === slug ? front.cover(one) : one));
  const world = await openWorld({}, { ...options, clock, definitions: cast });
  let whole = 100;
  const look = (payouts: readonly Payout[]) => Promise.all(payouts.map((one) => world.payout(one)));
  const sky: Sky = {
    world,
    front,
    look,
    async create(at, count, decimals = '00') {
      const side = sides.find((one) => one.slug === at);
      assert.ok(side);
      const payouts: Payout[] = [];
      for (; payouts.length < count; whole += 1) {
        const amount = `${whole}.${decimals}`;
        const { order, parties } = side.sample(decimal(amount));
        const named = Object.values(parties).some((value) => value !== null) ? parties : null;
        payouts.push(await world.create(at, amount, { order, parties: named }));
      }
      return payouts;
    },
    async assertPaidOnce(payouts) {
      for (const payout of await look(payouts)) {
        const orders = world.orders(payout).map(({ state }) => state);
        assert.deepEqual([payout.provider, payout.state, orders], [payout.provider, 'COMPLETED', ['COMPLETED']]);
      }
    },
  };
  try {
    await run(sky);
  } finally {
    // What is still held would keep the worker from ending.
    await front.close();
    await world.close();
  }
}

/** Moves the clock on, however much is under way, until it is as wanted. */
async function drift(world: World, isWanted: () => Promise<boolean>): Promise<void> {
  while (!(await isWanted())) {
    await world.clock.advance(250);
    for (let turns = 0; turns < 20; turns += 1) await turn();
  }
}

const areOver = (payouts: readonly Payout[]): boolean => payouts.every(({ state }) => state === 'COMPLETED');
const others = (slug: string): readonly string[] => definitions.map((one) => one.slug).filter((one) => one !== slug);

/** Its create, among all that a provider is asked. */
const CREATES: Readonly<Record<string, string>> = {
  io2328: '/api/v1/payout',
  oxapay: '/v1/payout',
  blockatm: '/order/api/v2/payout/order',
  xcurrency: '/payout/payment/create',
  chainpay: '/v2/payout',
};
const isCreate = (slug: string, { method, path }: Call): boolean =>
  method === 'POST' && path.endsWith(CREATES[slug] ?? '?');

describe('a provider that is down costs its own payouts only', { timeout: 120_000 }, () => {
  for (const { slug, name } of definitions) {
    it(`while ${name} answers nothing and holds all its places, the others' payouts complete, and then its own`, async () => {
      const concurrency = 4;
      // Its calls last for as long as it takes.
      const worker = { concurrency, deadlineMs: HOUR_MS, leaseMs: 4 * HOUR_MS };
      await under(slug, { worker }, async ({ world, front, create, look, assertPaidOnce }) => {
        front.weather = 'SILENT';
        const stuck = await create(slug, 3 * concurrency);
        await drift(world, async () => front.held() > 0);
        const healthy = (await Promise.all(others(slug).map((other) => create(other, 3)))).flat();
        await drift(world, async () => areOver(await look(healthy)));
        const meanwhile = (await look(stuck)).map(({ state }) => state);
        assert.ok(
          meanwhile.every((state) => state === 'QUEUED' || state === 'SUBMITTING'),
          meanwhile.join(),
        );
        assert.ok(front.held() > 0 && front.held() <= concurrency, `${front.held()} calls are held`);
        await front.clear();
        await drift(world, async () => areOver(await look(stuck)));
        await assertPaidOnce([...stuck, ...healthy]);
      });
    });

    it(`what ${name} lets go unanswered and acts on much later is paid once`, async () => {
      await under(slug, {}, async ({ world, front, create, assertPaidOnce }) => {
        front.weather = 'SILENT';
        const payouts = await create(slug, 5);
        await world.pass(20_000, 2000);
        await front.clear();
        for (const payout of payouts) await world.until(payout, ['COMPLETED'], 6 * HOUR_MS);
        await assertPaidOnce(payouts);
      });
    });

    it(`while nobody listens at ${name}, the others' payouts complete, and its own wait without a doubt`, async () => {
      await under(slug, {}, async ({ world, front, create, look, assertPaidOnce }) => {
        await front.leave();
        const stuck = await create(slug, 10);
        const healthy = (await Promise.all(others(slug).map((other) => create(other, 2)))).flat();
        await world.pass(MINUTE_MS, 500);
        assert.ok(areOver(await look(healthy)));
        for (const { state, attempts } of await look(stuck)) {
          assert.equal(state, 'QUEUED');
          assert.ok(attempts.every(({ sends }) => sends.every(({ outcome }) => outcome === 'NOT_TAKEN')));
        }
        await front.comeBack();
        for (const payout of stuck) await world.until(payout, ['COMPLETED']);
        await assertPaidOnce([...stuck, ...healthy]);
      });
    });
  }
});

/** The most calls that began in one window of time. */
function mostWithin(windowMs: number, calls: readonly Call[]): number {
  const at = calls.map((call) => call.at.getTime());
  return Math.max(...at.map((from) => at.filter((one) => one >= from && one < from + windowMs).length));
}

describe('a provider with a published limit', { timeout: 120_000 }, () => {
  for (const definition of definitions) {
    const { slug, name } = definition;
    const side = sides.find((one) => one.slug === slug);
    assert.ok(side);
    const limit = openUnconnected({ definition, side }).callsPerMinute;
    if (limit === null) continue;
    it(`${name} gets 200 payouts without more calls than it allows, in a minute or in a part of one`, async () => {
      await under(slug, {}, async ({ world, front, create, assertPaidOnce }) => {
        const payouts = await create(slug, 200);
        for (const payout of payouts) await world.until(payout, ['COMPLETED'], HOUR_MS);
        assert.ok(mostWithin(MINUTE_MS, front.calls) <= limit, `${mostWithin(MINUTE_MS, front.calls)} in a minute`);
        // Of 600 a minute that is ten a second.
        const part = mostWithin((10 * MINUTE_MS) / limit, front.calls);
        assert.ok(part <= 10, `${part} in the time of ten`);
        await assertPaidOnce(payouts);
      });
    });
  }
});

describe('a provider that wants to be left in peace', { timeout: 120_000 }, () => {
  const WAIT_MS = 10 * MINUTE_MS;
  for (const [form, write] of [
    ['seconds', () => String(WAIT_MS / 1000)],
    ['an HTTP date', (now: Date) => new Date(now.getTime() + WAIT_MS).toUTCString()],
  ] as const) {
    // A 429 of ChainPay is not known to be a refusal, so it leaves doubt, which look-ups settle.
    for (const slug of others('chainpay')) {
      it(`${slug} gets no payout before its Retry-After in ${form} has passed, and is asked about what it has meanwhile`, async () => {
        await under(slug, {}, async ({ world, front, create, look, assertPaidOnce }) => {
          const side = sides.find((one) => one.slug === slug);
          assert.ok(side);
          // Takes a day, so that there is something to ask about.
          const [slow] = await create(slug, 1, '83');
          assert.ok(slow);
          await world.until(slow, ['PROCESSING']);
          const refused: Date[] = [];
          front.weather = (call) => {
            if (!isCreate(slug, call)) return null;
            refused.push(call.at);
            const { status, body } = side.refuse('RATE_LIMITED', null);
            const headers = { 'content-type': 'application/json', 'retry-after': write(call.at) };
            return { status, headers, body };
          };
          const first = await create(slug, 1);
          await world.pass(5000);
          const known = front.calls.length;
          const more = await create(slug, 5);
          // A date knows no part of a second.
          await world.pass(WAIT_MS - 7000);
          assert.equal(refused.length, 1);
          assert.ok(front.calls.length > known, 'it is asked about what it has');
          assert.ok((await look(more)).every(({ state }) => state === 'QUEUED'));
          front.weather = 'FAIR';
          const waiting = [...first, ...more];
          for (const payout of waiting) await world.until(payout, ['COMPLETED']);
          await assertPaidOnce(waiting);
        });
      });
    }
  }

  it('is tried less and less often where it only refuses, and never given up', async () => {
    await under('oxapay', {}, async ({ world, front, create, assertPaidOnce }) => {
      const side = sides.find((one) => one.slug === 'oxapay');
      assert.ok(side);
      front.weather = (call) => (isCreate('oxapay', call) ? side.refuse('RATE_LIMITED', null) : null);
      const payouts = await create('oxapay', 60);
      const tries: number[] = [];
      for (let times = 0; times < 5; times += 1) {
        const before = front.calls.length;
        await world.pass(2 * MINUTE_MS);
        tries.push(front.calls.length - before);
      }
      const [early = 0] = tries;
      // One call, each time that it is left in peace no longer, for 45 to 75 seconds before the next.
      assert.ok(
        tries.slice(1).every((count) => count > 0 && count <= 3 && count < early),
        tries.join(),
      );
      front.weather = 'FAIR';
      for (const payout of payouts) await world.until(payout, ['COMPLETED'], 6 * HOUR_MS);
      await assertPaidOnce(payouts);
    });
  });
});
