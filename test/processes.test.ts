import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { compose, type Parts, type Runtime } from '../src/compose.ts';
import { loadConfig } from '../src/config.ts';
import type { Payout } from '../src/domain/payout.ts';
import { definitions } from '../src/providers/index.ts';
import { createIds, systemClock } from '../src/runtime.ts';
import {
  PayoutEventsDocument,
  ViewerDocument,
  WatchEventsDocument,
  WatchPayoutDocument,
} from './operations/generated/graphql.ts';
import { create } from './support/api.ts';
import { type Client, createClient, send } from './support/client.ts';
import { silentLog } from './support/log.ts';
import { mongodb } from './support/mongodb.ts';
import { orderOf } from './support/payouts.ts';
import { freePort, openPlace, type Place, type Program } from './support/program.ts';
import { openProxy } from './support/proxy.ts';
import { ACTOR } from './support/world.ts';
import { PLAIN } from './support/write-side.ts';

const DEMO_KEY = /Demo API key +(outflow_\S+)/;
const SERVING = /"msg":"serving"/;

const server = await mongodb();

/** One database, one sandbox, and any number of processes on them. */
interface Fleet {
  readonly place: Place;
  /** What all processes have in common. */
  readonly env: Readonly<Record<string, string>>;
  /** `outflow serve` at a port and with a folder of its own. */
  serve(env?: Readonly<Record<string, string>>): Promise<Serving>;
  /** `outflow worker`, once it works. */
  work(): Promise<Program>;
  /** The orders of the sandbox. */
  books(): Promise<readonly { readonly mark: string; readonly state: string }[]>;
}

interface Serving {
  readonly program: Program;
  readonly url: string;
  readonly secret: string;
  readonly client: Client;
}

let fleets = 0;

async function openFleet(t: TestContext): Promise<Fleet> {
  assert.ok(server);
  fleets += 1;
  const MONGODB_URL = server.url(`processes-${process.pid}-${fleets}`);
  const place = await openPlace(t);
  const port = String(await freePort());
  const SANDBOX_URL = `http://127.0.0.1:${port}`;
  const env = { MONGODB_URL, SANDBOX_URL };
  const sandbox = place.outflow(['sandbox'], { SANDBOX_PORT: port, DATA_DIR: join(place.dir, 'sandbox') });
  await sandbox.until(/_BASE_URL=/);
  let processes = 0;
  return {
    place,
    env,
    async serve(more = {}) {
      processes += 1;
      const PORT = String(await freePort());
      const own = { PORT, DATA_DIR: join(place.dir, `server-${processes}`) };
      const program = place.outflow(['serve'], { ...env, ...own, ...more });
      const [, secret = ''] = await program.until(DEMO_KEY);
      await program.until(SERVING);
      const url = `http://127.0.0.1:${PORT}`;
      return { program, url, secret, client: createClient(url, secret) };
    },
    async work() {
      const program = place.outflow(['worker'], env);
      await program.until(/"msg":"working"/);
      return program;
    },
    books: async () => JSON.parse((await send(`${SANDBOX_URL}/_sandbox/books`)).body),
  };
}

/** Runs a command to its end, which must be a good one, and gives the lines that it printed. */
async function command({ place, env }: Fleet, ...words: readonly string[]): Promise<readonly string[]> {
  const program = place.outflow(words, env);
  assert.equal(await program.ended, 0, program.errors());
  return program.output().trimEnd().split('\n');
}

/** Waits for a program to refuse: exit code 1, and what it wrote to standard error, which is the whole message. */
async function refusal(program: Program): Promise<string> {
  assert.equal(await program.ended, 1);
  return program.errors().trimEnd();
}

async function stop(...programs: readonly Program[]): Promise<void> {
  for (const program of programs) program.signal('SIGTERM');
  for (const program of programs) assert.equal(await program.ended, 0, program.errors());
}

/** The parts of a process that takes payouts and sends none: its worker is never started. */
async function openCreator(t: TestContext, fleet: Fleet): Promise<Parts> {
  const runtime: Runtime = { clock: systemClock, ids: createIds(systemClock), log: silentLog };
  const config = loadConfig({ ...fleet.place.env, ...fleet.env }, definitions);
  const parts = await compose(config, runtime);
  t.after(() => parts.close());
  return parts;
}

/** Reads a payout until it is over, whenever its store tells of something. */
async function untilCompleted({ store }: Parts, { merchantId, id }: Payout): Promise<void> {
  const listening = new AbortController();
  const rings = store.watch(listening.signal)[Symbol.asyncIterator]();
  while ((await store.payouts(merchantId, [id])).get(id)?.state !== 'COMPLETED') await rings.next();
  listening.abort();
}

/** Asks whether a server is ready until its answer is this one. Each question waits for the store. */
async function untilReadiness(url: string, status: number): Promise<void> {
  while ((await send(`${url}/readyz`)).status !== status);
}

const skip = server === null ? 'there is no MongoDB server' : false;

describe('many processes on one database', { concurrency: 2, timeout: 120_000, skip }, () => {
  test('two servers that start at the same moment on an empty one make one merchant with one key', async (t) => {
    const fleet = await openFleet(t);
    const servers = await Promise.all([fleet.serve(), fleet.serve()]);
    const [one, two] = servers;
    assert.equal(one.secret, two.secret);
    const viewers = await Promise.all(servers.map(({ client }) => client.get(ViewerDocument)));
    assert.deepEqual(viewers[0], viewers[1]);
    const merchants = await command(fleet, 'merchants', 'list');
    const keys = await command(fleet, 'keys', 'list');
    assert.deepEqual([merchants.length, keys.length], [1, 1], [...merchants, ...keys].join('\n'));
    assert.ok(merchants[0]?.startsWith(viewers[0]?.viewer.merchant?.id ?? 'none'));
    await stop(one.program, two.program);
  });

  test('what one server takes is paid once, told at another one, and known there when it is asked for again', async (t) => {
    const fleet = await openFleet(t);
    const [one, two] = await Promise.all([fleet.serve(), fleet.serve()]);
    const { payoutEvents: log } = await two.client.get(PayoutEventsDocument, { first: 1 });
    const listener = await two.client.listen('WebSocket', WatchEventsDocument, { after: log.cursor });
    const input = { reference: 'order-1' };
    const payout = await create(one.client, '12.50', input);
    const events = await listener.until(({ payoutEvents }) => payoutEvents.state === 'COMPLETED');
    listener.close();
    assert.deepEqual(
      events.map(({ payoutEvents }) => payoutEvents.sequence),
      events.map((_, index) => index + 1),
    );
    assert.equal((await create(two.client, '12.50', input)).id, payout.id);
    assert.equal((await fleet.books()).length, 1);
    await stop(one.program, two.program);
  });

  test('a worker pays what another process takes meanwhile, and stops in good order', async (t) => {
    const fleet = await openFleet(t);
    const [parts, ...workers] = await Promise.all([openCreator(t, fleet), fleet.work(), fleet.work()]);
    const { id: merchantId } = await parts.keys.createMerchant('Acme');
    const payouts = await Promise.all(
      ['order-1', 'order-2', 'order-3'].map(async (reference) => {
        const input = { reference, order: orderOf('12.50'), ...PLAIN };
        const result = await parts.payouts.create(merchantId, ACTOR, input);
        assert.ok(result.kind === 'created');
        return result.payout;
      }),
    );
    for (const payout of payouts) await untilCompleted(parts, payout);
    assert.deepEqual(
      (await fleet.books()).map(({ state }) => state),
      ['COMPLETED', 'COMPLETED', 'COMPLETED'],
    );
    await stop(...workers);
  });

  test('a key that is revoked at one of them is refused by the others', async (t) => {
    const fleet = await openFleet(t);
    const [one, two] = await Promise.all([fleet.serve(), fleet.serve()]);
    const { viewer } = await two.client.get(ViewerDocument);
    const listener = await two.client.listen('WebSocket', WatchEventsDocument, {});
    await command(fleet, 'keys', 'revoke', viewer.keyId);
    assert.deepEqual(await listener.rest(), []);
    assert.equal(listener.ending(), 'closed 4403');
    await stop(one.program);
    // The next start makes another one, the same for all.
    const three = await fleet.serve();
    assert.notEqual(three.secret, one.secret);
    await stop(two.program, three.program);
  });

  test('a server whose database goes away says that it is not ready, stays, and goes on by itself', async (t) => {
    const fleet = await openFleet(t);
    const { hostname, port, pathname } = new URL(fleet.env.MONGODB_URL ?? '');
    const proxy = await openProxy({ to: { host: hostname, port: Number(port) } });
    t.after(() => proxy.close());
    // Without it the driver would go to the addresses that the replica set names.
    const MONGODB_URL = `mongodb://127.0.0.1:${proxy.port}${pathname}?directConnection=true`;
    const { program, url, client } = await fleet.serve({ MONGODB_URL });
    await untilReadiness(url, 200);
    proxy.block('REFUSE');
    proxy.cut();
    await untilReadiness(url, 503);
    proxy.unblock();
    await untilReadiness(url, 200);
    const { id } = await create(client, '12.50');
    const listener = await client.listen('WebSocket', WatchPayoutDocument, { id });
    await listener.until(({ payout }) => payout.state === 'COMPLETED');
    listener.close();
    assert.equal((await fleet.books()).length, 1);
    await stop(program);
  });

  test('one that cannot reach it says so in one line, without the password', async (t) => {
    const fleet = await openFleet(t);
    const MONGODB_URL = `mongodb://outflow:open-sesame@127.0.0.1:${await freePort()}/outflow`;
    for (const words of [['serve'], ['worker'], ['merchants', 'list']]) {
      const message = await refusal(fleet.place.outflow(words, { ...fleet.env, MONGODB_URL }));
      assert.match(message, /^[^\n]*MongoDB[^\n]*ECONNREFUSED[^\n]*$/);
      assert.doesNotMatch(message, /open-sesame|outflow:/);
    }
  });

  test('one of the other mode does not open it, and says so in one line', async (t) => {
    const fleet = await openFleet(t);
    await command(fleet, 'merchants', 'create', 'Acme');
    const live = {
      OUTFLOW_MODE: 'live',
      SANDBOX_URL: '',
      DATA_KEYS: `first:${Buffer.alloc(32, 7).toString('base64')}`,
    };
    for (const words of [['serve'], ['worker'], ['keys', 'list']]) {
      const message = await refusal(fleet.place.outflow(words, { ...fleet.env, ...live }));
      assert.match(message, /^the store .*belongs to sandbox and was opened for live$/i);
    }
  });
});
