import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  CancelPayoutDocument,
  CreatePayoutDocument,
  NodeDocument,
  NodesDocument,
  PayoutByReferenceDocument,
  PayoutDocument,
  PayoutEventsDocument,
  PayoutsDocument,
  ProvidersDocument,
  ViewerDocument,
  WatchEventsDocument,
  WatchPayoutDocument,
} from './operations/generated/graphql.ts';
import { type Api, create, describeApi, inputOf, openApi } from './support/api.ts';
import { createClient, type Result, send, TRANSPORTS } from './support/client.ts';

const NOBODY = 'po_00000000000000000000000000';
const codeOf = (result: Result<unknown> | null) => result?.errors?.[0]?.extensions.code;

describeApi('keys', (open) => {
  let api: Api;
  before(async () => {
    api = await openApi(await open());
  });
  after(() => api.close());

  describe('a key with some scopes', () => {
    it('without payouts:write moves nothing', async () => {
      const reader = await api.caller(api.merchant.merchantId, ['payouts:read']);
      const input = inputOf('10');
      assert.equal(codeOf(await reader.ask(CreatePayoutDocument, { input })), 'FORBIDDEN');
      assert.equal(codeOf(await reader.ask(CancelPayoutDocument, { id: NOBODY })), 'FORBIDDEN');
      const { payoutByReference } = await reader.get(PayoutByReferenceDocument, { reference: input.reference });
      assert.equal(payoutByReference, null);
    });

    it('without payouts:read reads and hears nothing of payouts, and may ask the rest', async () => {
      const writer = await api.caller(api.merchant.merchantId, ['payouts:write']);
      const { id, reference } = await create(api.merchant, '10');
      for (const answer of [
        await writer.ask(PayoutDocument, { id }),
        await writer.ask(PayoutByReferenceDocument, { reference }),
        await writer.ask(PayoutsDocument, {}),
        await writer.ask(PayoutEventsDocument, {}),
        await writer.ask(NodeDocument, { id }),
        await writer.ask(NodesDocument, { ids: [id] }),
      ]) {
        assert.equal(codeOf(answer), 'FORBIDDEN');
      }
      for (const transport of TRANSPORTS) {
        for (const listener of [
          await writer.listen(transport, WatchPayoutDocument, { id }),
          await writer.listen(transport, WatchEventsDocument, {}),
        ]) {
          assert.equal(codeOf(await listener.next()), 'FORBIDDEN', transport);
        }
      }
      assert.deepEqual((await writer.get(ViewerDocument)).viewer.scopes, ['payouts:write']);
      const { providers } = await writer.get(ProvidersDocument);
      assert.equal(providers.length, api.world.providers.length);
    });
  });

  describe('a caller without a key', () => {
    const wrong = ['outflow_', `outflow_${'0'.repeat(40)}`, 'x'.repeat(400), 'é', ''];

    it('is UNAUTHENTICATED by 401, whatever stands in the header, and nothing is read of its body', async () => {
      const headers = ['', 'Bearer', 'Basic YTpi', 'bearer', ...wrong.map((secret) => `Bearer ${encodeURI(secret)}`)];
      for (const authorization of headers) {
        for (const body of [JSON.stringify({ query: '{ viewer { label } }' }), 'not JSON']) {
          const reply = await send(`${api.url}/graphql`, {
            method: 'POST',
            headers: { authorization, 'content-type': 'application/json' },
            body,
          });
          assert.equal(reply.status, 401, authorization);
          assert.equal(reply.headers['www-authenticate'], 'Bearer');
          const [error] = JSON.parse(reply.body).errors;
          assert.deepEqual(error.extensions, { code: 'UNAUTHENTICATED', retryable: false, moneyMoved: 'NO' });
        }
      }
    });

    it('is closed with 4403 over WebSocket, and gets 401 for a stream', async () => {
      for (const secret of [null, ...wrong]) {
        const nobody = createClient(api.url, secret && encodeURI(secret));
        const socket = await nobody.listen('WebSocket', WatchEventsDocument, {});
        assert.equal(await socket.next(), null);
        assert.equal(socket.ending(), 'closed 4403');
        const stream = await nobody.listen('SSE', WatchEventsDocument, {});
        assert.equal(codeOf(await stream.next()), 'UNAUTHENTICATED');
        assert.equal(await stream.next(), null);
        assert.equal(stream.ending(), 'status 401');
      }
    });

    it("is not let in by a key's id or by its hash", async () => {
      const [key] = await api.world.keys.list(api.merchant.merchantId);
      for (const secret of [key?.id ?? '', key?.hash ?? '', `outflow_${key?.hash.slice(0, 40)}`]) {
        assert.equal(codeOf(await createClient(api.url, secret).ask(ViewerDocument)), 'UNAUTHENTICATED');
      }
    });
  });

  describe('a revoked key', () => {
    it('ends what it holds open, and is unknown from then on, also where another process revoked it', async () => {
      const caller = await api.caller(api.merchant.merchantId);
      const { id } = await create(api.merchant, '10.83');
      const sockets = [
        await caller.listen('WebSocket', WatchPayoutDocument, { id }),
        await caller.listen('WebSocket', WatchEventsDocument, { after: await api.head() }),
      ];
      const streams = [
        await caller.listen('SSE', WatchPayoutDocument, { id }),
        await caller.listen('SSE', WatchEventsDocument, { after: await api.head() }),
      ];
      const listeners = [...sockets, ...streams];
      const bystander = await api.merchant.listen('WebSocket', WatchEventsDocument, { after: await api.head() });
      const opening = await create(api.merchant, '10.83');
      for (const listener of listeners) await listener.take(1);
      await api.world.rest();
      // Written past the keys that this process remembers.
      await api.world.store.revokeKey(caller.keyId, api.world.clock.now());
      await api.world.pass(2000);
      for (const listener of listeners) await listener.rest();
      for (const socket of sockets) assert.equal(socket.ending(), 'closed 4403');
      assert.equal(codeOf(await caller.ask(ViewerDocument)), 'UNAUTHENTICATED');
      for (const transport of TRANSPORTS) {
        const again = await caller.listen(transport, WatchEventsDocument, {});
        const result = await again.next();
        assert.ok(codeOf(result) === 'UNAUTHENTICATED' || again.ending() === 'closed 4403');
      }
      assert.equal((await bystander.take(1))[0]?.payoutEvents.payout.id, opening.id);
      bystander.close();
    });

    it('ends at once where it is revoked in the same process, and no other key of its merchant does', async () => {
      const caller = await api.caller(api.merchant.merchantId);
      await caller.get(ViewerDocument);
      const after = await api.head();
      const listener = await caller.listen('WebSocket', WatchEventsDocument, { after });
      await create(api.merchant, '10.83');
      await listener.take(1);
      assert.equal(await api.world.keys.revoke(caller.keyId), true);
      await listener.rest();
      assert.equal(listener.ending(), 'closed 4403');
      assert.equal(codeOf(await caller.ask(ViewerDocument)), 'UNAUTHENTICATED');
      assert.equal((await api.merchant.get(ViewerDocument)).viewer.keyId, api.merchant.keyId);
    });
  });
});
