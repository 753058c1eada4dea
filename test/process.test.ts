import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { watch } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import { delimiter, join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { compose, openStore, type Runtime } from '../src/compose.ts';
import { loadConfig } from '../src/config.ts';
import type { MerchantId } from '../src/domain/merchant.ts';
import type { Payout, PayoutId } from '../src/domain/payout.ts';
import { definitions } from '../src/providers/index.ts';
import { createIds, systemClock } from '../src/runtime.ts';
import {
  CreatePayoutDocument,
  PayoutDocument,
  PayoutEventsDocument,
  ProvidersDocument,
  ViewerDocument,
  WatchEventsDocument,
  WatchPayoutDocument,
} from './operations/generated/graphql.ts';
import { create, createFrom, inputOf, sampleInputOf } from './support/api.ts';
import { type Client, createClient, send } from './support/client.ts';
import { silentLog } from './support/log.ts';
import { orderOf } from './support/payouts.ts';
import { freePort, openPlace, type Place, type Program, root } from './support/program.ts';
import { ACTOR } from './support/world.ts';
import { PLAIN } from './support/write-side.ts';

const DEMO_KEY = /Demo API key +(outflow_\S+)/;
const SERVING = /"msg":"serving"/;
/** Live mode with no provider: no command starts in it without a key for personal data. */
const LIVE = { OUTFLOW_MODE: 'live', DATA_KEYS: `first:${randomBytes(32).toString('base64')}` };
const runtime: Runtime = { clock: systemClock, ids: createIds(systemClock), log: silentLog };

/** `outflow serve` in sandbox mode, with the demo merchant as its caller. */
async function serve(place: Place, env: Readonly<Record<string, string>> = {}) {
  const program = place.outflow(['serve'], env);
  const [, secret = ''] = await program.until(DEMO_KEY);
  await program.until(SERVING);
  const url = `http://127.0.0.1:${place.env.PORT}`;
  return { program, secret, url, client: createClient(url, secret) };
}

/** Runs a command to its end, which must be a good one, and gives the lines that it printed. */
async function command(place: Place, words: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const program = place.outflow(words, env);
  assert.equal(await program.ended, 0, program.errors());
  assert.equal(program.errors(), '');
  return program.output().trimEnd().split('\n');
}

/** Waits for a program to refuse: exit code 1, and what it wrote to standard error, which is the whole message. */
async function refusal(program: Program): Promise<string> {
  assert.equal(await program.ended, 1);
  return program.errors().trimEnd();
}

/** Ends a program in good order. */
async function stop(program: Program): Promise<void> {
  program.signal('SIGTERM');
  assert.equal(await program.ended, 0, program.errors());
}

/** The providers of a deployment, by the ids of its API. */
async function providersOf(client: Client) {
  return (await client.get(ProvidersDocument)).providers.map(({ provider }) => provider);
}

async function untilState(client: Client, id: string, state: string): Promise<void> {
  const listener = await client.listen('WebSocket', WatchPayoutDocument, { id });
  await listener.until(({ payout }) => payout.state === state);
  listener.close();
}

/** A payout as the store has it, read beside whoever owns the store. */
async function readStored(place: Place, merchantId: MerchantId, id: PayoutId): Promise<Payout | undefined> {
  const store = await openStore(loadConfig(place.env, definitions), runtime, false);
  try {
    return (await store.payouts(merchantId, [id])).get(id);
  } finally {
    await store.close();
  }
}

/** A provider that takes a request and answers when the test says so. */
async function openSilentProvider(t: TestContext) {
  const { promise: asked, resolve } = Promise.withResolvers<ServerResponse>();
  const server = createServer((request, response) => {
    request.resume().once('end', () => resolve(response));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const env = { OXAPAY_BASE_URL: `http://127.0.0.1:${port}/v1`, OXAPAY_PAYOUT_KEY: randomBytes(16).toString('hex') };
  return { env, asked };
}

/** Tells every module that is loaded, one line each, on standard error. */
const TELL_MODULES = `--import=data:text/javascript,${encodeURIComponent(`
  import { registerHooks } from 'node:module';
  registerHooks({
    load(url, context, next) {
      process.stderr.write('loaded ' + url + '\\n');
      return next(url, context);
    },
  });
`)}`;

describe('the program', { concurrency: 3, timeout: 60_000 }, () => {
  describe('outflow serve', { concurrency: 1 }, () => {
    test('prints commands to paste which create a payout and show it to its end', async (t) => {
      const place = await openPlace(t);
      const { program } = await serve(place);
      const [watching = '', creating = ''] = program.output().match(/^curl .*$/gm) ?? [];
      assert.match(watching, /subscription/);
      if (spawnSync('curl', ['--version']).status === 0) {
        const listener = place.run('bash', ['-c', watching]);
        // The comment that opens the stream: it is listening.
        await listener.until(/^:/);
        const caller = place.run('bash', ['-c', creating]);
        assert.equal(await caller.ended, 0);
        checkCreated(caller.output());
        await listener.until(/"state":"COMPLETED".*"reference":"demo-1"/);
      } else checkCreated(await sendCurl(creating));

      function checkCreated(answer: string): void {
        const { createPayout } = JSON.parse(answer).data;
        assert.equal(createPayout.__typename, 'CreatePayoutSuccess', answer);
        assert.equal(createPayout.replayed, false);
      }
    });

    test('keeps the way in for its owner alone, and merchant, key and payouts over a restart', async (t) => {
      const place = await openPlace(t);
      const path = join(place.env.DATA_DIR ?? '', 'demo.json');
      const first = await serve(place);
      const way = JSON.parse(readFileSync(path, 'utf8'));
      const { url, secret } = first;
      assert.deepEqual(way, {
        url: `${url}/graphql`,
        webSocketUrl: `${url.replace('http', 'ws')}/graphql`,
        apiKey: secret,
      });
      assert.equal(statSync(path).mode & 0o777, 0o600);
      const { viewer } = await first.client.get(ViewerDocument);
      const input = inputOf('12.50');
      const { createPayout } = await first.client.get(CreatePayoutDocument, { input });
      await stop(first.program);

      const second = await serve(place);
      assert.deepEqual(JSON.parse(readFileSync(path, 'utf8')), way);
      assert.equal(second.secret, secret);
      assert.deepEqual((await second.client.get(ViewerDocument)).viewer, viewer);
      const again = (await second.client.get(CreatePayoutDocument, { input })).createPayout;
      assert.ok(createPayout.__typename === 'CreatePayoutSuccess' && again.__typename === 'CreatePayoutSuccess');
      assert.equal(again.replayed, true);
      assert.equal(again.payout.id, createPayout.payout.id);
      await untilState(second.client, again.payout.id, 'COMPLETED');
    });

    test('says in one line that its port is in use, and leaves nothing running', async (t) => {
      const place = await openPlace(t);
      const taken = createTcpServer().listen(Number(place.env.PORT), '127.0.0.1');
      await once(taken, 'listening');
      t.after(() => taken.close());
      for (const name of ['PORT', 'SANDBOX_PORT']) {
        const env = { PORT: String(await freePort()), [name]: place.env.PORT ?? '' };
        const message = await refusal(place.outflow(['serve'], env));
        assert.match(message, new RegExp(`^Outflow cannot listen .*in use.*:${place.env.PORT}: set .*${name}.*$`));
      }
      // Whoever still ran would own the store.
      const store = await openStore(loadConfig(place.env, definitions), runtime, true);
      await store.close();
    });

    test('says in one line that another process owns the store', async (t) => {
      const place = await openPlace(t);
      await serve(place);
      for (const word of ['serve', 'worker']) {
        const message = await refusal(place.outflow([word], { PORT: String(await freePort()) }));
        assert.match(message, /^another process owns the store .*: one server runs on it at a time$/);
      }
    });

    test('does not open a store of the other mode, nor does any command', async (t) => {
      const place = await openPlace(t);
      for (const [mode, other] of [
        ['live', 'sandbox'],
        ['sandbox', 'live'],
      ] as const) {
        const env = { ...LIVE, OUTFLOW_MODE: mode, DATA_DIR: join(place.dir, mode) };
        await command(place, ['merchants', 'create', 'Acme'], env);
        for (const words of [['serve'], ['keys', 'list']]) {
          const message = await refusal(place.outflow(words, { ...env, OUTFLOW_MODE: other }));
          assert.match(message, new RegExp(`^the store .* belongs to ${mode} and was opened for ${other}$`, 'i'));
        }
      }
    });

    test('tells every fault of its configuration, and opens nothing', async (t) => {
      const place = await openPlace(t);
      const message = await refusal(place.outflow(['serve'], { PORT: '0', LOG_LEVEL: 'loud', IO2328_ENABLED: 'yes' }));
      assert.deepEqual(
        message.split('\n').map((line) => line.trim().split(':', 1)[0]),
        ['The configuration has 3 fault(s)', 'PORT', 'LOG_LEVEL', 'IO2328_ENABLED'],
      );
      assert.deepEqual(readdirSync(place.dir), []);
    });

    test('refuses words that it would have to ignore, and opens nothing', async (t) => {
      const place = await openPlace(t);
      assert.match(await refusal(place.outflow(['serve', '--port', '80'])), /^outflow serve takes no arguments: .*$/);
      assert.match(await refusal(place.outflow(['sevre'])), /^command: there is no "sevre"; see outflow --help$/);
      assert.deepEqual(readdirSync(place.dir), []);
    });
  });

  describe('SIGTERM', { concurrency: 1 }, () => {
    test('sends listeners away to come back, and waits for the answer to a payout on its way', async (t) => {
      const place = await openPlace(t);
      const provider = await openSilentProvider(t);
      const { program, client } = await serve(place, provider.env);
      const socket = await client.listen('WebSocket', WatchEventsDocument, {});
      const stream = await client.listen('SSE', WatchEventsDocument, {});
      const payout = await create(client, '12.50', { provider: 'OXAPAY' });
      const answer = await provider.asked;
      program.signal('SIGTERM');
      await program.until(/"msg":"stopping"/);
      await Promise.all([socket.rest(), stream.rest()]);
      assert.deepEqual([socket.ending(), stream.ending()], ['closed 1012', 'cut']);
      assert.doesNotMatch(program.output(), /"msg":"stopped"/);
      const data = { track_id: '258298451', status: 'processing' };
      answer.end(JSON.stringify({ data, message: 'ok', error: {}, status: 200, version: '1.0.0' }));
      assert.equal(await program.ended, 0, program.errors());
      assert.match(program.output(), /"msg":"stopped"/);
      const stored = await readStored(place, payout.merchantId as MerchantId, payout.id as PayoutId);
      assert.equal(stored?.state, 'PROCESSING');
      assert.equal(stored.attempts[0]?.providerReference, '258298451');
    });

    test('a second time ends the process at once, and the payout on its way is in doubt', async (t) => {
      const place = await openPlace(t);
      const provider = await openSilentProvider(t);
      const { program, client } = await serve(place, provider.env);
      const payout = await create(client, '12.50', { provider: 'OXAPAY' });
      await provider.asked;
      program.signal('SIGTERM');
      await program.until(/"msg":"stopping"/);
      program.signal('SIGINT');
      assert.equal(await program.ended, 1);
      assert.doesNotMatch(program.output(), /"msg":"stopped"/);
      const stored = await readStored(place, payout.merchantId as MerchantId, payout.id as PayoutId);
      assert.equal(stored?.state, 'SUBMITTING');
      assert.equal(stored.attempts[0]?.sends[0]?.outcome, 'IN_FLIGHT');
    });
  });

  describe('the commands beside a running server', { concurrency: 1 }, () => {
    test('make merchants and keys that it knows', async (t) => {
      const place = await openPlace(t);
      const { url } = await serve(place);
      const [merchantId = ''] = await command(place, ['merchants', 'create', 'Acme', 'Ltd']);
      const [line, secret = ''] = await command(place, ['keys', 'create', '--merchant', merchantId, '--label', 'till']);
      const { viewer } = await createClient(url, secret).get(ViewerDocument);
      assert.deepEqual([viewer.merchant?.id, viewer.merchant?.name, viewer.label], [merchantId, 'Acme Ltd', 'till']);
      assert.equal(line?.split('  ')[0], viewer.keyId);
    });

    test('revoke a key, which ends what is open for it', async (t) => {
      const place = await openPlace(t);
      const { url } = await serve(place);
      const [merchantId = ''] = await command(place, ['merchants', 'create', 'Acme']);
      const [line = '', secret = ''] = await command(place, ['keys', 'create', '--merchant', merchantId]);
      const client = createClient(url, secret);
      await client.get(ViewerDocument);
      const listeners = [
        await client.listen('WebSocket', WatchEventsDocument, {}),
        await client.listen('SSE', WatchEventsDocument, {}),
      ];
      const [id = ''] = line.split('  ');
      assert.match((await command(place, ['keys', 'revoke', id])).join(), new RegExp(`^${id} is revoked`));
      for (const listener of listeners) assert.deepEqual(await listener.rest(), []);
      assert.equal(listeners[0]?.ending(), 'closed 4403');
      assert.equal((await client.ask(ViewerDocument)).errors?.[0]?.extensions.code, 'UNAUTHENTICATED');
      assert.match((await command(place, ['keys', 'list', '--merchant', merchantId])).join(), / {2}revoked /);
    });

    test('say in one line what they cannot do', async (t) => {
      const place = await openPlace(t);
      assert.equal(await refusal(place.outflow(['keys', 'revoke', 'ak_nothing'])), 'id: there is no key ak_nothing');
    });
  });

  test('outflow sandbox prints settings with which another process pays to the end', async (t) => {
    const place = await openPlace(t);
    const sandbox = place.outflow(['sandbox'], { DATA_DIR: join(place.dir, 'elsewhere') });
    const needed = definitions.flatMap(({ settings }) =>
      Object.values(settings).filter(({ kind, fallback }) => kind === 'url' || fallback === null),
    );
    await sandbox.until(new RegExp(`^${needed.at(-1)?.env}=.*\n`, 'm'));
    const settings = Object.fromEntries(
      [...sandbox.output().matchAll(/^([A-Z0-9_]+)=(.+)$/gm)].map(([, ...pair]) => pair),
    );
    for (const { env } of needed) assert.ok(settings[env], env);
    assert.doesNotMatch(sandbox.output(), /^[A-Z0-9_]+=$/m);
    const { client } = await serve(place, settings);
    await Promise.all(
      definitions.map(async ({ slug }) => {
        const { id } = await createFrom(client, sampleInputOf(slug, '12.50'));
        await untilState(client, id, 'COMPLETED');
      }),
    );
    const books = JSON.parse((await send(new URL('/_sandbox/books', settings.OXAPAY_BASE_URL).href)).body);
    assert.deepEqual(
      books.map((order: { provider: string; state: string }) => `${order.provider} ${order.state}`).toSorted(),
      definitions.map(({ slug }) => `${slug} COMPLETED`).toSorted(),
    );
    assert.ok(!existsSync(join(place.env.DATA_DIR ?? '', 'sandbox')), 'the server has no stand-in of its own');
    await stop(sandbox);
  });

  test('outflow sandbox plays for whoever has its SANDBOX_URL, and sends webhooks to where they listen', async (t) => {
    const place = await openPlace(t);
    const SANDBOX_PORT = String(await freePort());
    const SANDBOX_URL = `http://127.0.0.1:${SANDBOX_PORT}`;
    const sandbox = place.outflow(['sandbox'], { SANDBOX_PORT, DATA_DIR: join(place.dir, 'elsewhere') });
    // Not up yet, perhaps: it is waited for.
    const { client, program } = await serve(place, { SANDBOX_URL });
    assert.match(program.output(), /on stand-in providers: no money moves/);
    const ids = await Promise.all(
      definitions.map(async ({ slug }) => {
        const { id } = await createFrom(client, sampleInputOf(slug, '12.50'));
        await untilState(client, id, 'COMPLETED');
        return id;
      }),
    );
    const books = JSON.parse((await send(`${SANDBOX_URL}/_sandbox/books`)).body);
    assert.equal(books.length, ids.length);
    // One that is told an address with each order, and two whose account has one.
    for (const slug of ['io2328', 'blockatm', 'xcurrency']) {
      await program.until(new RegExp(`"provider":"${slug}".*"msg":"webhook taken"`));
    }
    assert.ok(!existsSync(join(place.env.DATA_DIR ?? '', 'sandbox')), 'the server has no stand-in of its own');
    await stop(sandbox);
  });

  describe('outflow worker', { concurrency: 1 }, () => {
    test('alone pays what was queued before, to the end, and stops in good order', async (t) => {
      const place = await openPlace(t);
      const parts = await compose(loadConfig(place.env, definitions), runtime);
      const { id: merchantId } = await parts.keys.createMerchant('Acme');
      const queued = await parts.payouts.create(merchantId, ACTOR, {
        reference: 'order-1',
        order: orderOf('12.50'),
        ...PLAIN,
      });
      await parts.close();
      assert.ok(queued.kind === 'created' && queued.payout.state === 'QUEUED');

      const changes = watch(place.env.DATA_DIR ?? '')[Symbol.asyncIterator]();
      const worker = place.outflow(['worker']);
      let next = changes.next();
      while ((await readStored(place, merchantId, queued.payout.id))?.state !== 'COMPLETED') {
        await Promise.race([next, worker.ended.then(() => assert.fail('the worker ended'))]);
        next = changes.next();
      }
      await changes.return?.();
      await stop(worker);
    });

    test('in live mode without keys goes on until it is stopped', async (t) => {
      const place = await openPlace(t);
      const worker = place.outflow(['worker'], LIVE);
      await worker.until(/"msg":"working"/);
      // By the end of another program, one that nothing keeps alive would be gone.
      await command(place, ['merchants', 'list'], LIVE);
      await stop(worker);
      assert.match(worker.output(), /"msg":"stopped"/);
    });
  });

  describe('live mode without keys', { concurrency: 1 }, () => {
    test('starts, says what is off, and refuses every payout as UNSUPPORTED', async (t) => {
      const place = await openPlace(t);
      const [merchantId = ''] = await command(place, ['merchants', 'create', 'Acme'], LIVE);
      const [, secret = ''] = await command(place, ['keys', 'create', '--merchant', merchantId], LIVE);
      const server = place.outflow(['serve'], LIVE);
      await server.until(SERVING);
      for (const { name } of definitions) assert.match(server.output(), new RegExp(`${name} is off: `));
      const client = createClient(`http://127.0.0.1:${place.env.PORT}`, secret);
      for (const provider of [null, ...(await providersOf(client))]) {
        const { createPayout } = await client.get(CreatePayoutDocument, { input: inputOf('12.50', { provider }) });
        assert.ok(createPayout.__typename === 'UnsupportedError');
        assert.deepEqual([createPayout.code, createPayout.moneyMoved], ['UNSUPPORTED', 'NO']);
      }
      assert.doesNotMatch(server.output(), /demo/i);
      await stop(server);
      assert.deepEqual(
        readdirSync(place.env.DATA_DIR ?? '').filter((name) => !name.startsWith('outflow.db')),
        [],
      );
    });

    test('loads no module of the sandbox, which sandbox mode does', async (t) => {
      const place = await openPlace(t);
      const loaded = async (mode: string): Promise<string[]> => {
        const env = { ...LIVE, OUTFLOW_MODE: mode, DATA_DIR: join(place.dir, mode), NODE_OPTIONS: TELL_MODULES };
        const server = place.outflow(['serve'], env);
        await server.until(SERVING);
        await stop(server);
        const modules = [...server.errors().matchAll(/^loaded file:.*\/src\/(.*)$/gm)].map(([, path = '']) => path);
        assert.ok(modules.includes('server.ts'));
        return modules.filter((path) => /sandbox/.test(path));
      };
      assert.deepEqual(await loaded('live'), []);
      assert.ok((await loaded('sandbox')).includes('sandbox.ts'));
    });
  });

  test('no log line of a whole journey has a secret, at LOG_LEVEL=debug and with calls that fail', {
    timeout: 40_000,
  }, async (t) => {
    const place = await openPlace(t);
    const SANDBOX_PORT = String(await freePort());
    const { program, secret, url, client } = await serve(place, { SANDBOX_PORT, LOG_LEVEL: 'debug' });
    const credentials = JSON.parse((await send(`http://127.0.0.1:${SANDBOX_PORT}/_sandbox/credentials`)).body);
    const secrets = definitions.flatMap(({ slug, settings }) =>
      Object.entries(settings).flatMap(([key, { kind }]): string[] =>
        kind === 'secret' ? (credentials[slug][key] ?? []) : [],
      ),
    );
    assert.ok(secrets.length >= definitions.length && secrets.every((value) => value.length >= 16));

    // Wrong credentials, a reset, an answer that is no JSON; then a forged webhook, and the ordinary way.
    const completing: string[] = [];
    for (const { slug } of definitions) {
      for (const amount of ['10.68', '10.62', '10.84']) {
        const { id } = await createFrom(client, sampleInputOf(slug, amount));
        const listener = await client.listen('SSE', WatchPayoutDocument, { id });
        await listener.until(({ payout }) => payout.attempts[0]?.sends[0]?.endedAt != null);
        listener.close();
      }
      for (const amount of ['10.78', '10.50'])
        completing.push((await createFrom(client, sampleInputOf(slug, amount))).id);
    }
    for (const id of completing) await untilState(client, id, 'COMPLETED');
    await client.ask('{ nothing }');
    await createClient(url, `${secret.slice(0, -1)}x`).ask(ViewerDocument);
    await client.get(PayoutDocument, { id: completing[0] ?? '' });
    await client.get(PayoutEventsDocument, {});
    const forged = { method: 'POST', headers: { sign: secrets[0] ?? '' }, body: `{"sign":"${secrets[0]}"}` };
    for (const { slug } of definitions) await send(`${url}/webhooks/${slug}/default`, forged);
    await stop(program);

    assert.match(program.output(), /"outcome":"notTaken"/);
    assert.match(program.output(), /"msg":"webhook refused"/);
    assert.equal(program.errors(), '');
    const logged = program
      .output()
      .split('\n')
      .filter((line) => line.startsWith('{'));
    for (const value of [...secrets, secret]) assert.ok(logged.every((line) => !line.includes(value)));
    for (const value of secrets) assert.ok(!program.output().includes(value));
  });

  test('an older Node says which one is needed', async (t) => {
    const old = findOldNode();
    if (old === null) return t.skip('there is no Node older than 24 on this machine');
    const place = await openPlace(t);
    const message = await refusal(place.run(old, [join(root, 'bin/outflow.js'), 'serve']));
    assert.match(message, /^Outflow needs Node 24 or newer; this is [0-9.]+\. .*$/);
  });
});

/** A Node on the PATH that is too old; null where there is none. */
function findOldNode(): string | null {
  const files = (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, 'node'));
  const version = (file: string): number =>
    Number.parseInt(spawnSync(file, ['-p', 'process.versions.node']).stdout?.toString() ?? '', 10);
  return files.find((file) => existsSync(file) && version(file) < 24) ?? null;
}

/** Sends what a printed curl command would send. */
async function sendCurl(line: string): Promise<string> {
  const [, url = ''] = /(https?:\/\/\S+)/.exec(line) ?? [];
  const headers = [...line.matchAll(/-H '([^:]+): ([^']+)'/g)].map(
    ([, name = '', value = '']) => [name, value] as const,
  );
  const [, body = ''] = /-d '([^']+)'/.exec(line) ?? [];
  return (await send(url, { method: 'POST', headers: Object.fromEntries(headers), body })).body;
}
