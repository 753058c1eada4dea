import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { parseCommand } from '../src/commands.ts';
import { InvalidArgumentError } from '../src/domain/errors.ts';
import { type ApiKeyId, type MerchantId, SCOPES } from '../src/domain/merchant.ts';
import type { Store } from '../src/domain/store.ts';
import { createKeys, type Keys } from '../src/keys.ts';
import { createIds } from '../src/runtime.ts';
import { openSqlite } from '../src/storage/sqlite.ts';
import { createManualClock, type ManualClock } from './support/clock.ts';
import { silentLog } from './support/log.ts';
import { vaultOf } from './support/write-side.ts';

/** How soon a revocation by another process is seen, at the latest. */
const REREAD_MS = 2000;
const IDLE_MS = 600_000;

let dir: string;
let clock: ManualClock;
/** Of the process that serves. */
let keys: Keys;
/** Of another process, as a command beside the server. */
let elsewhere: Keys;
/** The hashes that `keys` asked its store for. */
let asked: string[];
let own: Store;
let other: Store;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'outflow-keys-'));
  clock = createManualClock();
  asked = [];
  const path = join(dir, 'outflow.db');
  const open = (exclusive: boolean) =>
    openSqlite({ path, environment: 'SANDBOX', now: clock.now, random: randomBytes, exclusive });
  own = await open(true);
  other = await open(false);
  const deps = { clock, ids: createIds(clock), log: silentLog };
  keys = createKeys({ ...deps, store: watchReads(own, (hash) => asked.push(hash)) });
  elsewhere = createKeys({ ...deps, store: other });
});

afterEach(async () => {
  for (const one of [keys, elsewhere]) one.close();
  await other.close();
  await own.close();
  rmSync(dir, { recursive: true });
});

/** The same store; `note` hears of each hash that is looked for, and fails the look where it throws. */
function watchReads(store: Store, note: (hash: string) => void): Store {
  return new Proxy(store, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]) => {
        if (name === 'keyByHash') note(String(args[0]));
        return value.apply(target, args);
      };
    },
  });
}

/** A merchant's new key. */
async function newKey() {
  const { id: merchantId } = await keys.createMerchant('Acme');
  return { merchantId, ...(await keys.createKey(merchantId, 'till', SCOPES)) };
}

async function authenticated(secret: string) {
  const viewer = await keys.authenticate(secret);
  assert.ok(viewer);
  return viewer;
}

describe('a key', () => {
  test('says whose it is, what it is called and what it may do', async () => {
    const { merchantId, key, secret } = await newKey();
    const { revoked, ...viewer } = await authenticated(secret);
    assert.deepEqual(viewer, { keyId: key.id, merchantId, label: 'till', scopes: new Set(SCOPES) });
    assert.equal(revoked.aborted, false);
  });

  test('may do what its scopes say and nothing else', async () => {
    const { secret } = await keys.createKey(null, '', ['payouts:read']);
    const viewer = await authenticated(secret);
    assert.deepEqual([...viewer.scopes], ['payouts:read']);
    assert.equal(viewer.merchantId, null);
  });

  test('is not made for a merchant that is not there', async () => {
    const nobody = 'me_nobody' as MerchantId;
    await assert.rejects(keys.createKey(nobody, '', SCOPES), InvalidArgumentError);
    assert.deepEqual(await keys.list(null), []);
  });

  test('is in the store as its SHA-256 alone: no file has the secret, its random part, or their bytes', async () => {
    const { key, secret } = await newKey();
    await authenticated(secret);
    assert.match(secret, /^outflow_[0-9a-v]{40}$/);
    assert.equal(key.hash, createHash('sha256').update(secret).digest('hex'));
    const random = secret.slice('outflow_'.length);
    const bytes = bytesOf(random);
    const files = readdirSync(dir).map((name) => readFileSync(join(dir, name)));
    assert.ok(files.some((file) => file.includes(key.hash)));
    for (const file of files) {
      for (const form of [random, random.toUpperCase(), bytes, bytes.toString('hex'), bytes.toString('base64')]) {
        assert.ok(!file.includes(form));
      }
    }
  });

  test('is listed among all, with operators first, or among its merchant alone', async () => {
    const one = await newKey();
    await clock.advance(1);
    const two = await newKey();
    const operator = await keys.createKey(null, 'night shift', SCOPES);
    const idsOf = async (merchantId: MerchantId | null) => (await keys.list(merchantId)).map((key) => key.id);
    assert.deepEqual(await idsOf(null), [operator.key.id, one.key.id, two.key.id]);
    assert.deepEqual(await idsOf(two.merchantId), [two.key.id]);
  });
});

/** The bytes that base32 text of 0-9 and a-v stands for. */
function bytesOf(base32: string): Buffer {
  const bits = Array.from(base32, (digit) => Number.parseInt(digit, 32).toString(2).padStart(5, '0')).join('');
  return Buffer.from(bits.match(/.{8}/g)?.map((byte) => Number.parseInt(byte, 2)) ?? []);
}

describe('the demo key', () => {
  test('is one key of one merchant, whichever process asks, at the same moment or later', async () => {
    const secrets = await Promise.all([keys.demoKey(), elsewhere.demoKey(), keys.demoKey()]);
    await clock.advance(60_000);
    assert.deepEqual(new Set([...secrets, await elsewhere.demoKey()]).size, 1);
    const viewer = await authenticated(secrets[0]);
    assert.deepEqual(
      (await keys.merchants()).map(({ id, name }) => [id, name]),
      [[viewer.merchantId, 'Demo merchant']],
    );
    assert.deepEqual(
      (await keys.list(null)).map(({ id, scopes }) => [id, scopes]),
      [[viewer.keyId, SCOPES]],
    );
  });

  test('that was revoked is not made again: another one takes its place, the same for all', async () => {
    const first = await keys.demoKey();
    await keys.revoke((await authenticated(first)).keyId);
    const [second, again] = await Promise.all([keys.demoKey(), elsewhere.demoKey()]);
    assert.equal(await keys.authenticate(first), null);
    assert.equal(second, again);
    assert.notEqual(second, first);
    assert.equal((await keys.merchants()).length, 1);
    assert.equal((await authenticated(second)).merchantId, (await keys.merchants())[0]?.id);
  });

  test('belongs to the demo merchant that a store has already', async () => {
    const { id } = await keys.createMerchant('Demo merchant');
    assert.equal((await authenticated(await keys.demoKey())).merchantId, id);
  });

  test('of another store is another one', async () => {
    const path = join(dir, 'another.db');
    const store = await openSqlite({
      ...{ path, environment: 'SANDBOX', now: clock.now, random: randomBytes, exclusive: true },
    });
    const others = createKeys({ store, clock, ids: createIds(clock), log: silentLog });
    const secrets = [await keys.demoKey(), await others.demoKey()];
    others.close();
    await store.close();
    assert.equal(new Set(secrets).size, 2);
  });
});

describe('a secret', () => {
  test('that is unknown is nobody', async () => {
    assert.equal(await keys.authenticate(`outflow_${'0'.repeat(40)}`), null);
  });

  test('that does not have the form never reaches the store', async () => {
    const { secret } = await newKey();
    const malformed = [
      '',
      'outflow_',
      secret.slice(1),
      secret.slice(0, -1),
      `${secret}0`,
      ` ${secret}`,
      `${secret}\n`,
      secret.toUpperCase(),
      secret.replace(/.$/, 'z'),
      createHash('sha256').update(secret).digest('hex'),
      'x'.repeat(100_000),
    ];
    for (const text of malformed) assert.equal(await keys.authenticate(text), null, text.slice(0, 80));
    assert.deepEqual(asked, []);
  });

  test('that is used again is not looked for again, and is the same viewer', async () => {
    const { key, secret } = await newKey();
    const [first, second] = await Promise.all([authenticated(secret), authenticated(secret)]);
    const third = await authenticated(secret);
    assert.equal(first, second);
    assert.equal(first, third);
    const reads = asked.length;
    await authenticated(secret);
    assert.equal(asked.length, reads);
    assert.ok(asked.every((hash) => hash === key.hash));
  });
});

describe('a revocation', () => {
  test('in this process holds at once, and ends what is open', async () => {
    const { key, secret } = await newKey();
    const viewer = await authenticated(secret);
    assert.equal(await keys.revoke(key.id), true);
    assert.equal(viewer.revoked.aborted, true);
    assert.equal(await keys.authenticate(secret), null);
  });

  test('by another process holds and ends what is open after one re-read, and other keys stay', async () => {
    const { key, secret } = await newKey();
    const another = await newKey();
    const [viewer, bystander] = [await authenticated(secret), await authenticated(another.secret)];
    assert.equal(await elsewhere.revoke(key.id), true);
    await clock.advance(REREAD_MS - 1);
    assert.equal(viewer.revoked.aborted, false);
    await clock.advance(1);
    assert.equal(viewer.revoked.aborted, true);
    assert.equal(await keys.authenticate(secret), null);
    assert.equal(bystander.revoked.aborted, false);
    assert.equal(await authenticated(another.secret), bystander);
  });

  test('of a key that was never used holds at its first use', async () => {
    const { key, secret } = await newKey();
    await elsewhere.revoke(key.id);
    assert.equal(await keys.authenticate(secret), null);
  });

  test('of a key that is not there is told', async () => {
    assert.equal(await keys.revoke('ak_nothing' as ApiKeyId), false);
  });

  test('keeps its first instant when it is asked for again', async () => {
    const { key } = await newKey();
    await keys.revoke(key.id);
    const [first] = await keys.list(null);
    await clock.advance(60_000);
    assert.equal(await keys.revoke(key.id), true);
    assert.deepEqual(await keys.list(null), [first]);
    assert.ok(first?.revokedAt);
  });

  test('reaches a stream that was opened hours ago by a key not used since', async () => {
    const { key, secret } = await newKey();
    // As a subscription holds it: listening through a signal made of several, which the key's own does not count.
    const { viewer, ended } = await hold(secret);
    await clock.advance(10 * IDLE_MS);
    collectGarbage();
    await elsewhere.revoke(key.id);
    await clock.advance(REREAD_MS);
    assert.equal(ended.aborted, true);
    assert.equal(viewer.revoked.aborted, true);
  });
});

async function hold(secret: string) {
  const viewer = await authenticated(secret);
  return { viewer, ended: AbortSignal.any([viewer.revoked, new AbortController().signal]) };
}

describe('a key that is idle', () => {
  test('is read again no more, once nothing is open for it, and is known when it comes back', async () => {
    const { key, secret } = await newKey();
    await authenticated(secret);
    await clock.advance(IDLE_MS + REREAD_MS);
    collectGarbage();
    await clock.advance(REREAD_MS);
    const reads = asked.length;
    await clock.advance(10 * REREAD_MS);
    assert.equal(asked.length, reads);
    const viewer = await authenticated(secret);
    assert.equal(viewer.keyId, key.id);
    await elsewhere.revoke(key.id);
    await clock.advance(REREAD_MS);
    assert.equal(viewer.revoked.aborted, true);
  });

  test('is one viewer still where it comes back while a stream is open', async () => {
    const { secret } = await newKey();
    const { viewer } = await hold(secret);
    await clock.advance(IDLE_MS + REREAD_MS);
    collectGarbage();
    assert.equal(await authenticated(secret), viewer);
  });
});

/** Frees every object that nothing holds. */
function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  collect();
}

test('a store that fails for a while does not end the re-reading', async () => {
  const { key, secret } = await newKey();
  let reads = 0;
  const store = watchReads(own, () => {
    reads += 1;
    if (reads === 2) throw new Error('the disk is full');
  });
  const failing = createKeys({ store, clock, ids: createIds(clock), log: silentLog });
  const viewer = await failing.authenticate(secret);
  await elsewhere.revoke(key.id);
  await clock.advance(REREAD_MS);
  assert.equal(viewer?.revoked.aborted, false);
  await clock.advance(REREAD_MS);
  assert.equal(viewer?.revoked.aborted, true);
  failing.close();
});

test('closed keys are read no more', async () => {
  const { secret } = await newKey();
  await authenticated(secret);
  const reads = asked.length;
  keys.close();
  await clock.advance(10 * REREAD_MS);
  assert.equal(asked.length, reads);
});

/** Runs a command and gives the lines that it printed. */
async function run(...words: string[]): Promise<string[]> {
  const lines: string[] = [];
  await parseCommand(words)({ keys, vault: vaultOf(own), store: own }, (line) => lines.push(line));
  return lines;
}

describe('the commands', () => {
  test('make keys that may do what they were made for, and list them without their secrets', async () => {
    const [merchantId = ''] = await run('merchants', 'create', 'Acme', 'Ltd');
    const made = [
      await run('keys', 'create', '--operator'),
      await run('keys', 'create', '--merchant', merchantId, '--scope', 'payouts:read', '--label', 'till'),
    ];
    const viewers = await Promise.all(made.map(([, secret = '']) => authenticated(secret)));
    assert.deepEqual(
      viewers.map((viewer) => [viewer.merchantId, viewer.label, [...viewer.scopes]]),
      [
        [null, '', [...SCOPES]],
        [merchantId, 'till', ['payouts:read']],
      ],
    );
    const [operator, till] = viewers.map((viewer) => viewer.keyId);
    await run('keys', 'revoke', operator ?? '');
    const instant = clock.now().toISOString();
    assert.deepEqual(await run('keys', 'list'), [
      `${operator}  operator  revoked ${instant}  ${SCOPES.join(' ')}  `,
      `${till}  ${merchantId}  active  payouts:read  till`,
    ]);
    assert.deepEqual(await run('keys', 'list', '--merchant', merchantId), (await run('keys', 'list')).slice(1));
    assert.deepEqual(await run('merchants', 'list'), [`${merchantId}  ${instant}  Acme Ltd`]);
  });

  test('create a merchant again under the id that it had, once', async () => {
    const id = `me_${'0'.repeat(26)}`;
    await run('merchants', 'create', 'Acme', '--id', id);
    assert.deepEqual(
      (await keys.merchants()).map((merchant) => merchant.id),
      [id],
    );
    await assert.rejects(
      run('merchants', 'create', 'Acme', '--id', id),
      /^InvalidArgumentError: id: there is a merchant/,
    );
  });

  const wrong: readonly (readonly [words: string, message: RegExp])[] = [
    ['keys', /^command: there is no "keys"; see outflow --help$/],
    ['keys steal', /^command: there is no "keys steal"; /],
    ['keys create', /^merchant: say --merchant ID or --operator, and not both$/],
    ['keys create --operator --merchant me_1', /^merchant: say --merchant ID or --operator, and not both$/],
    ['keys create --merchant me_nobody', /^merchant: there is no merchant me_nobody$/],
    ['keys create --operator --scope all', /^scope: all is none of payouts:read, payouts:write, balances:read$/],
    ['keys create --operator till', /^options: Unexpected argument 'till'/],
    ['keys list --all', /^options: [^\n]*--all/],
    ['keys list me_1', /^options: Unexpected argument 'me_1'/],
    ['keys list --merchant me_nobody', /^merchant: there is no merchant me_nobody$/],
    ['keys revoke', /^id: name one key, ak_…$/],
    ['keys revoke ak_nothing', /^id: there is no key ak_nothing$/],
    ['merchants create', /^name: a merchant has a name of 1 to 100 characters$/],
    ['merchants create Acme --id me_1', /^id: me_1 is no merchant's id$/],
    ['merchants list all', /^options: Unexpected argument 'all'/],
    ['data', /^command: there is no "data"; /],
    ['data rotate all', /^options: Unexpected argument 'all'/],
  ];
  for (const [words, message] of wrong) {
    test(`refuse "${words}" in one line and change nothing`, async () => {
      const line = await run(...words.split(' ')).then(
        () => 'not refused',
        (error: Error) => (error instanceof InvalidArgumentError ? error.message : `unexpected: ${error.stack}`),
      );
      assert.match(line, message);
      assert.deepEqual([await keys.list(null), await keys.merchants()], [[], []]);
    });
  }
});
