import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { StartupError } from '../src/domain/errors.ts';
import { sandbox as blockatm } from '../src/providers/blockatm/sandbox.ts';
import { definitions } from '../src/providers/index.ts';
import { sandbox as io2328 } from '../src/providers/io2328/sandbox.ts';
import { sides } from '../src/providers/sandboxes.ts';
import { createIds, systemClock } from '../src/runtime.ts';
import { reachSandbox } from '../src/sandbox/remote.ts';
import { openSandbox, type SandboxOptions } from '../src/sandbox.ts';
import { createTransport } from '../src/transport.ts';
import { createManualClock } from './support/clock.ts';
import { silentLog } from './support/log.ts';
import { freePort } from './support/program.ts';

async function open(t: TestContext, options: Partial<SandboxOptions> = {}) {
  const clock = createManualClock();
  const usual = { clock, ids: createIds(clock), log: silentLog, port: 0, dir: null, sides: [io2328, blockatm] };
  const sandbox = await openSandbox({ ...usual, ...options });
  t.after(() => sandbox.close());
  return sandbox;
}

/** A clock whose every wait is over at once; `waits` tells how many there were, and `during` happens in the third. */
function createHurry(during: () => Promise<unknown> = async () => undefined) {
  const hurry = {
    waits: 0,
    async sleep() {
      hurry.waits += 1;
      if (hurry.waits === 3) await during();
    },
  };
  return hurry;
}

/** A server that is no sandbox. */
async function listen(t: TestContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const address = server.address();
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
}

/** An address of this machine at which others may reach it. */
const OUTSIDE = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .find(({ family, internal }) => family === 'IPv4' && !internal)?.address;

describe('the stand-in of another process', () => {
  test('tells its accounts, under the address that was asked, and is told where webhooks go', async (t) => {
    const dir = mkdtempSync(join(tmpdir(), 'outflow-sandbox-'));
    t.after(() => rmSync(dir, { recursive: true }));
    const sandbox = await open(t, { dir });
    const url = sandbox.url.replace('127.0.0.1', 'localhost');
    const standIn = await reachSandbox(url, createHurry());
    for (const slug of ['io2328', 'blockatm']) {
      const here = sandbox.credentials(slug);
      assert.deepEqual(standIn.credentials(slug), { ...here, baseUrl: here.baseUrl?.replace(sandbox.url, url) });
    }
    const hook = 'http://api:4000/webhooks/blockatm/default';
    await standIn.registerCallback('blockatm', hook);
    const callback = JSON.stringify({ kind: 'callback', provider: 'blockatm', url: hook });
    assert.ok(readFileSync(join(dir, 'sandbox.jsonl'), 'utf8').includes(callback));
    assert.throws(() => standIn.credentials('nobody'), StartupError);
  });

  test('is waited for while it is not up yet', async (t) => {
    const port = await freePort();
    const clock = createHurry(() => open(t, { port }));
    const standIn = await reachSandbox(`http://127.0.0.1:${port}`, clock);
    assert.equal(clock.waits, 3);
    assert.equal(standIn.credentials('io2328').baseUrl, `http://127.0.0.1:${port}/io2328/api`);
  });

  const others: readonly (readonly [what: string, listener: RequestListener, reason: RegExp])[] = [
    ['answers 404', (_, response) => response.writeHead(404).end(), /it answered HTTP 404/],
    ['answers no JSON', (_, response) => response.end('<html>'), /JSON/],
    ['answers other JSON', (_, response) => response.end('{"io2328":{"port":1}}'), /is not credentials/],
    ['answers with a list', (_, response) => response.end('null'), /is not credentials/],
    ['breaks off', (_, response) => response.destroy(), /hang up|ECONNRESET/],
    ['never stops', (_, response) => response.end(' '.repeat(1024 * 1024 + 1)), /too long/],
  ];
  for (const [what, listener, reason] of others) {
    test(`is not what ${what}: that is told in one line, after some seconds`, async (t) => {
      const url = await listen(t, listener);
      await refused(url, reason);
    });
  }

  test('is not where nobody listens: that is told in one line, after some seconds', async () => {
    await refused(`http://localhost:${await freePort()}`, /ECONNREFUSED/);
  });

  async function refused(url: string, reason: RegExp): Promise<void> {
    const clock = createHurry();
    const error = await reachSandbox(url, clock).catch((caught: unknown) => caught);
    assert.ok(error instanceof StartupError);
    assert.match(error.message, reason);
    assert.ok(error.message.startsWith(`the sandbox of SANDBOX_URL, ${url}, does not answer: `));
    assert.doesNotMatch(error.message, /\n/);
    assert.equal(clock.waits, 79);
  }
});

describe('a sandbox for other machines', () => {
  test('says how this machine reaches it, where it listens at every address', async (t) => {
    const sandbox = await open(t, { host: '0.0.0.0' });
    assert.match(sandbox.url, /^http:\/\/127\.0\.0\.1:\d+$/);
    assert.ok(sandbox.baseUrl('io2328').startsWith(sandbox.url));
  });

  const skip = OUTSIDE === undefined ? 'this machine has no address but its own' : false;
  test('tells its accounts to whoever reaches it', { skip }, async (t) => {
    const sandbox = await open(t, { host: '0.0.0.0' });
    const url = sandbox.url.replace('127.0.0.1', OUTSIDE ?? '');
    const standIn = await reachSandbox(url, createHurry());
    assert.equal(standIn.credentials('io2328').baseUrl, `${url}/io2328/api`);
    await standIn.registerCallback('blockatm', 'http://api:4000/webhooks/blockatm/default');
  });
});

describe('the accounts of two stand-ins', () => {
  test('are different ones to every provider, so that no payout of one is sent to the other', async (t) => {
    const transport = createTransport(systemClock.now);
    const [one, two] = [await open(t, { sides }), await open(t, { sides })];
    for (const definition of definitions) {
      const fingerprints = [one, two].map((sandbox) => {
        const values = sandbox.credentials(definition.slug);
        const account = { name: 'default', enabled: true, callbackUrl: null, values };
        const provider = definition.open([account], transport, systemClock.now);
        t.after(() => provider.close());
        return provider.accounts[0]?.fingerprint;
      });
      assert.ok(
        fingerprints.every((each) => each),
        definition.slug,
      );
      assert.equal(new Set(fingerprints).size, 2, definition.slug);
    }
  });
});
