import assert from 'node:assert/strict';
import { createSecretKey, randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { inspect } from 'node:util';
import { parseCommand } from '../src/commands.ts';
import { StartupError, UnreadableRecordError } from '../src/domain/errors.ts';
import type { PayoutId } from '../src/domain/payout.ts';
import type { Environment, Sealed, Store } from '../src/domain/store.ts';
import { createKeys } from '../src/keys.ts';
import { createIds, systemClock } from '../src/runtime.ts';
import { openSqlite } from '../src/storage/sqlite.ts';
import { createVault, type DataKey, keysFor, type Vault } from '../src/vault.ts';
import { silentLog } from './support/log.ts';
import { NOON, sampleParty } from './support/payouts.ts';

const ONE = 'po_one' as PayoutId;
const TWO = 'po_two' as PayoutId;
const PARTIES = Buffer.from(JSON.stringify({ beneficiary: sampleParty({ idNumber: '4711-ÄÖ' }) }));

const newKey = (id: string): DataKey => ({ id, key: createSecretKey(randomBytes(32)) });

describe('the vault', () => {
  let folder: string;
  let path: string;
  let store: Store;
  let first: DataKey;
  let vault: Vault;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'outflow-vault-'));
    path = join(folder, 'outflow.db');
    store = await openStore('SANDBOX');
    first = newKey('first');
    vault = vaultWith(first);
  });
  afterEach(async () => {
    await store.close();
    await rm(folder, { recursive: true });
  });

  function openStore(environment: Environment): Promise<Store> {
    return openSqlite({ path, environment, now: () => NOON, random: randomBytes, exclusive: true });
  }
  function vaultWith(...keys: readonly DataKey[]): Vault {
    return createVault({ store, keys, random: randomBytes });
  }

  async function sealedOf(payoutId: PayoutId, kind: string): Promise<Sealed> {
    const sealed = await store.getSealed(payoutId, kind);
    assert.ok(sealed);
    return sealed;
  }

  /** A record that cannot be read: the error names the key, and shows nothing of what was put. */
  function unreadable(keyId: string): (error: unknown) => true {
    return (error) => {
      assert.ok(error instanceof UnreadableRecordError);
      assert.equal(error.keyId, keyId);
      assert.ok(error.message.includes(`"${keyId}"`));
      assert.doesNotMatch(inspect(error, { depth: null, showHidden: true }), /4711|Ödön|beneficiary/);
      return true;
    };
  }

  describe('encrypts what it stores:', () => {
    it('it gives back the very bytes, and null where nothing was put', async () => {
      for (const [kind, bytes] of [
        ['parties', PARTIES],
        ['empty', Buffer.alloc(0)],
        ['document', randomBytes(300_000)],
      ] as const) {
        await vault.put(ONE, kind, bytes);
        assert.deepEqual(await vault.get(ONE, kind), bytes);
      }
      assert.equal(await vault.get(TWO, 'parties'), null);
    });

    it('neither the store nor its files show a word of it, and the id of its key stands beside it', async () => {
      await vault.put(ONE, 'parties', PARTIES);
      const { keyId, bytes } = await sealedOf(ONE, 'parties');
      assert.equal(keyId, 'first');
      const files = await Promise.all(['', '-wal'].map((end) => readFile(`${path}${end}`)));
      for (const word of ['4711', 'Ödön', 'beneficiary']) {
        for (const place of [bytes, ...files]) assert.ok(!place.includes(word), word);
      }
      assert.ok(files.some((file) => file.includes(bytes)));
    });

    it('the same content never looks the same', async () => {
      await vault.put(ONE, 'parties', PARTIES);
      await vault.put(TWO, 'parties', PARTIES);
      const [one, two] = [await sealedOf(ONE, 'parties'), await sealedOf(TWO, 'parties')];
      assert.notDeepEqual(one.bytes.subarray(1, 13), two.bytes.subarray(1, 13));
      assert.notDeepEqual(one.bytes.subarray(29), two.bytes.subarray(29));
    });

    it('the first of a kind stays', async () => {
      await vault.put(ONE, 'parties', PARTIES);
      await vault.put(ONE, 'parties', Buffer.from('another'));
      assert.deepEqual(await vault.get(ONE, 'parties'), PARTIES);
    });

    it('what was dropped is gone, and the rest is not', async () => {
      await vault.put(ONE, 'parties', PARTIES);
      await vault.put(ONE, 'body', Buffer.from('body'));
      await vault.drop(ONE, 'parties');
      assert.equal(await vault.get(ONE, 'parties'), null);
      assert.equal(String(await vault.get(ONE, 'body')), 'body');
    });
  });

  describe('reads only what is as it was put:', () => {
    it('a record in the place of another payout, of another kind, or under the name of another key is refused', async () => {
      const second = newKey('second');
      const both = vaultWith(first, second);
      await both.put(ONE, 'parties', PARTIES);
      const sealed = await sealedOf(ONE, 'parties');
      await store.putSealed(TWO, 'parties', sealed);
      await store.putSealed(ONE, 'body', sealed);
      await store.putSealed(ONE, 'renamed', { ...sealed, keyId: 'second' });
      await assert.rejects(both.get(TWO, 'parties'), unreadable('first'));
      await assert.rejects(both.get(ONE, 'body'), unreadable('first'));
      await assert.rejects(both.get(ONE, 'renamed'), unreadable('second'));
    });

    it('a record with any byte changed, cut short or made longer is refused', async () => {
      await vault.put(ONE, 'parties', Buffer.from('4711'));
      const { bytes } = await sealedOf(ONE, 'parties');
      const spoilt: Buffer[] = Array.from(bytes, (byte, index) => {
        const copy = Buffer.from(bytes);
        copy[index] = byte ^ 1;
        return copy;
      });
      for (let size = 0; size < bytes.length; size += 1) spoilt.push(bytes.subarray(0, size));
      spoilt.push(Buffer.concat([bytes, Buffer.of(0)]));
      for (const [index, one] of spoilt.entries()) {
        const place = `po_${index}` as PayoutId;
        const misplaced = createVault({
          keys: [first],
          random: randomBytes,
          store: { ...methodsOf(store), getSealed: async () => ({ keyId: 'first', bytes: one }) },
        });
        await assert.rejects(misplaced.get(ONE, 'parties'), unreadable('first'), place);
      }
    });

    it('a record of a key that is not configured is refused by the name of the key', async () => {
      await vault.put(ONE, 'parties', PARTIES);
      await assert.rejects(vaultWith(newKey('other')).get(ONE, 'parties'), unreadable('first'));
    });

    it('a record of another key with the same id is refused', async () => {
      await vault.put(ONE, 'parties', PARTIES);
      await assert.rejects(vaultWith(newKey('first')).get(ONE, 'parties'), unreadable('first'));
    });

    it('a record from before there were keys is read as it is', async () => {
      await store.putSealed(ONE, 'body', { keyId: '', bytes: Buffer.from('{"plain":1}') });
      assert.equal(String(await vault.get(ONE, 'body')), '{"plain":1}');
    });
  });

  describe('rotates', () => {
    const kindOf = (index: number): string => `kind-${index}`;

    async function fill(records: number, into = vault): Promise<void> {
      for (let index = 0; index < records; index += 1) {
        await into.put(ONE, kindOf(index), Buffer.from(`content ${index}`));
      }
    }
    async function assertFilled(records: number, by: Vault): Promise<void> {
      for (let index = 0; index < records; index += 1) {
        assert.equal(String(await by.get(ONE, kindOf(index))), `content ${index}`);
      }
    }

    it('every record to the first key, however many, so that the old key is of no more use', async () => {
      await fill(50);
      await store.putSealed(TWO, 'body', { keyId: '', bytes: Buffer.from('plain') });
      const second = newKey('second');
      const told: number[] = [];
      assert.equal(await vaultWith(second, first).rotate((done) => told.push(done)), 51);
      assert.equal(told.at(-1), 51);
      assert.deepEqual(
        told.toSorted((a, b) => a - b),
        told,
      );
      await assertFilled(50, vaultWith(second));
      assert.equal(String(await vaultWith(second).get(TWO, 'body')), 'plain');
      assert.ok(!(await sealedOf(TWO, 'body')).bytes.includes('plain'));
      await assert.rejects(vault.get(ONE, kindOf(0)), unreadable('second'));
    });

    it('nothing the second time', async () => {
      await fill(3);
      const rotated = vaultWith(newKey('second'), first);
      assert.equal(await rotated.rotate(), 3);
      const before = await sealedOf(ONE, kindOf(0));
      assert.equal(await rotated.rotate(), 0);
      assert.deepEqual(await sealedOf(ONE, kindOf(0)), before);
    });

    it('the rest after it was broken off in the middle', async () => {
      await fill(40);
      const second = newKey('second');
      const stop = new Error('stopped');
      const stopped = vaultWith(second, first).rotate((done) => {
        if (done > 10) throw stop;
      });
      await assert.rejects(stopped, stop);
      const left = (await store.sealedUnderOtherKeys('second', 100)).length;
      assert.ok(left > 0 && left < 40);
      await assertFilled(40, vaultWith(second, first));
      assert.equal(await vaultWith(second, first).rotate(), left);
      await assertFilled(40, vaultWith(second));
    });

    it('beside a server, and what that drops meanwhile does not come back', async () => {
      await fill(40);
      const second = newKey('second');
      const server = vaultWith(first, second);
      const dropped: string[] = [];
      const parts = {
        ...methodsOf(store),
        async sealedUnderOtherKeys(keyId: string, limit: number) {
          const page = await store.sealedUnderOtherKeys(keyId, limit);
          for (const { payoutId, kind } of page.slice(0, 1)) {
            await server.drop(payoutId, kind);
            dropped.push(kind);
          }
          return page;
        },
      };
      const moved = await createVault({ store: parts, keys: [second, first], random: randomBytes }).rotate();
      assert.ok(dropped.length > 1);
      assert.equal(moved, 40 - dropped.length);
      for (let index = 0; index < 40; index += 1) {
        const bytes = await server.get(ONE, kindOf(index));
        assert.equal(bytes && String(bytes), dropped.includes(kindOf(index)) ? null : `content ${index}`);
      }
    });

    it('in a second run what a server put under the old key after the first', async () => {
      await fill(1);
      const second = newKey('second');
      const rotated = vaultWith(second, first);
      assert.equal(await rotated.rotate(), 1);
      await vault.put(TWO, 'late', PARTIES);
      assert.equal(await rotated.rotate(), 1);
      assert.deepEqual(await vaultWith(second).get(TWO, 'late'), PARTIES);
    });

    it('two at once, and each record is moved by one of them', async () => {
      await fill(40);
      const second = newKey('second');
      const counts = await Promise.all([1, 2].map(() => vaultWith(second, first).rotate()));
      assert.equal(
        counts.reduce((sum, count) => sum + count),
        40,
      );
      await assertFilled(40, vaultWith(second));
    });

    it('what it can read, and then tells by its key what it cannot', async () => {
      // In the order of keys these come first, and are more than a page.
      await fill(30, vaultWith(newKey('a-lost')));
      for (let index = 0; index < 30; index += 1) await vault.put(TWO, kindOf(index), Buffer.from(`content ${index}`));
      const second = newKey('second');
      await assert.rejects(vaultWith(second, first).rotate(), unreadable('a-lost'));
      for (let index = 0; index < 30; index += 1) {
        assert.equal(String(await vaultWith(second).get(TWO, kindOf(index))), `content ${index}`);
        assert.equal((await sealedOf(ONE, kindOf(index))).keyId, 'a-lost');
      }
    });

    it('does not go through a whole store that it cannot read', async () => {
      await fill(200, vaultWith(newKey('lost')));
      let largest = 0;
      const counting = {
        ...methodsOf(store),
        sealedUnderOtherKeys: (keyId: string, limit: number) => {
          largest = Math.max(largest, limit);
          return store.sealedUnderOtherKeys(keyId, limit);
        },
      };
      const rotating = createVault({ store: counting, keys: [first], random: randomBytes }).rotate();
      await assert.rejects(rotating, unreadable('lost'));
      assert.ok(largest <= 100, `${largest} records in memory`);
    });
  });

  describe('without a key of its own', () => {
    it('uses one of the store in the sandbox, the same after a restart and another one elsewhere', async () => {
      await vaultWith(...keysFor([], store)).put(ONE, 'parties', PARTIES);
      assert.equal((await sealedOf(ONE, 'parties')).keyId, 'store');
      await store.close();
      store = await openStore('SANDBOX');
      const [own] = keysFor([], store);
      assert.ok(own);
      assert.deepEqual(await vaultWith(own).get(ONE, 'parties'), PARTIES);
      assert.ok(!own.key.equals(createSecretKey(store.secret)));
      const [elsewhere] = keysFor([], { environment: 'SANDBOX', secret: randomBytes(32) });
      assert.equal(elsewhere?.key.equals(own.key), false);
    });

    it('reads in the sandbox what was put before a key was configured', async () => {
      await vaultWith(...keysFor([], store)).put(ONE, 'parties', PARTIES);
      const configured = vaultWith(...keysFor([first], store));
      assert.deepEqual(await configured.get(ONE, 'parties'), PARTIES);
      assert.equal(await configured.rotate(), 1);
      assert.equal((await sealedOf(ONE, 'parties')).keyId, 'first');
    });

    it('is not made in live mode', () => {
      assert.deepEqual(keysFor([first], { environment: 'LIVE', secret: randomBytes(32) }), [first]);
      assert.throws(() => vaultWith(...keysFor([], { environment: 'LIVE', secret: randomBytes(32) })), RangeError);
    });
  });

  describe('by the command `data rotate`', () => {
    async function run(words: readonly string[], by: Vault): Promise<string[]> {
      const lines: string[] = [];
      const keys = createKeys({ store, clock: systemClock, ids: createIds(systemClock), log: silentLog });
      try {
        await parseCommand(words)({ keys, vault: by, store }, (line) => lines.push(line));
      } finally {
        keys.close();
      }
      return lines;
    }

    it('is rotated, and told how many records were', async () => {
      await vault.put(ONE, 'parties', PARTIES);
      await vault.put(TWO, 'parties', PARTIES);
      const second = newKey('second');
      assert.match((await run(['data', 'rotate'], vaultWith(second, first))).join('\n'), /^2 records /);
      assert.deepEqual(await vaultWith(second).get(ONE, 'parties'), PARTIES);
      assert.match((await run(['data', 'rotate'], vaultWith(second))).join('\n'), /^0 records /);
    });

    it('says in one line which key is missing', async () => {
      await vaultWith(newKey('lost')).put(ONE, 'parties', PARTIES);
      await assert.rejects(run(['data', 'rotate'], vault), (error) => {
        assert.ok(error instanceof StartupError);
        assert.match(error.message, /^[^\n]*"lost"[^\n]*no key of this id is configured$/);
        return true;
      });
    });

    it('takes no other words', async () => {
      await assert.rejects(run(['data', 'rotate', 'all'], vault), /options/);
      assert.throws(() => parseCommand(['data', 'erase']), /there is no/);
    });
  });
});

/** A store's methods as plain functions, for a test that stands in for one of them. */
function methodsOf(store: Store): Parameters<typeof createVault>[0]['store'] {
  return {
    putSealed: (...args) => store.putSealed(...args),
    getSealed: (...args) => store.getSealed(...args),
    dropSealed: (...args) => store.dropSealed(...args),
    sealedUnderOtherKeys: (...args) => store.sealedUnderOtherKeys(...args),
    resealed: (...args) => store.resealed(...args),
  };
}
