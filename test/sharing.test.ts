import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { ApiKeyId, MerchantId } from '../src/domain/merchant.ts';
import { createContext, type Services } from '../src/graphql/context.ts';
import { createEngine } from '../src/graphql/engine.ts';
import { schema } from '../src/graphql/schema.ts';
import { silentLog } from './support/log.ts';
import { openWorld } from './support/world.ts';

it('listeners that ask the same about an event get one answer, executed once, and others get their own', async (t) => {
  const world = await openWorld();
  t.after(() => world.close());
  let reads = 0;
  const store: Services['store'] = new Proxy(world.store, {
    get(target, key) {
      if (key === 'payouts') reads += 1;
      const member = Reflect.get(target, key);
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
  const engine = createEngine(silentLog);
  const gone = new AbortController();
  const listen = async (query: string, keyId: string, merchantId: MerchantId) => {
    const scopes = new Set(['payouts:read'] as const);
    const viewer = { keyId: keyId as ApiKeyId, merchantId, label: '', scopes, revoked: gone.signal };
    const contextValue = createContext({ ...world, store }, viewer, 'rq_test', gone.signal);
    const stream = await engine.subscribe({ schema, document: engine.parse(query), contextValue });
    assert.ok(Symbol.asyncIterator in stream);
    return stream;
  };
  const other = await world.keys.createMerchant('Other');
  const same = 'subscription { payoutEvents { sequence payout { reference } } }';
  const mine = [];
  for (const keyId of ['ak_1', 'ak_2', 'ak_3']) mine.push(await listen(same, keyId, world.merchantId));
  mine.push(await listen('subscription { payoutEvents { payout { reference } } }', 'ak_1', world.merchantId));
  const theirs = await listen(same, 'ak_4', other.id);
  const next = mine.map((stream) => stream.next());
  // Each has read the log to its end, and waits for the tail.
  for (let turns = 0; turns < 20; turns += 1) await new Promise(setImmediate);
  await world.create('io2328', '10.83', { reference: 'shared' });
  const heard = (await Promise.all(next)).map((result) => JSON.stringify(result.value?.data));
  assert.deepEqual(heard.slice(0, 3), Array(3).fill('{"payoutEvents":{"sequence":1,"payout":{"reference":"shared"}}}'));
  assert.equal(heard[3], '{"payoutEvents":{"payout":{"reference":"shared"}}}');
  assert.equal(reads, 2);
  gone.abort();
  assert.equal((await theirs.next()).done, true);
});
