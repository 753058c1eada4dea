import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { sides } from '../src/providers/sandboxes.ts';
import type { Order } from '../src/sandbox.ts';
import type { ProviderId } from './operations/generated/graphql.ts';
import { type Api, create, describeApi, openApi } from './support/api.ts';
import { type Reply, type Sent, send } from './support/client.ts';
import { readWholeLog } from './support/whole-log.ts';

const PROVIDERS = ['IO2328', 'OXAPAY'] as const satisfies readonly ProviderId[];

describeApi('inbound webhooks', (open) => {
  let api: Api;
  before(async () => {
    api = await openApi(await open());
  });
  after(() => api.close());

  const post = (path: string, sent: Sent = {}): Promise<Reply> =>
    send(`${api.url}/webhooks/${path}`, { method: 'POST', ...sent });

  /** Does something, and holds that nothing is stored and the payout stands as it stood. */
  async function assertNothingMoves(id: string, act: () => Promise<unknown>): Promise<void> {
    // Its cursor is a place in the log, which a store may say in other words each time.
    const show = async () => ({ ...(await api.payout(id)), cursor: null });
    const shown = await show();
    const log = await readWholeLog(api.world.store, api.world.merchantId);
    await act();
    await api.world.rest();
    assert.deepEqual(await show(), shown);
    assert.deepEqual(await readWholeLog(api.world.store, api.world.merchantId), log);
  }

  for (const provider of PROVIDERS) {
    const slug = provider.toLowerCase();
    const side = sides.find((one) => one.slug === slug) ?? assert.fail();

    /** The provider's own words for an order, signed with its own key, with changes to either. */
    const write = (
      order: Order,
      changes: Partial<Order> = {},
      credentials: Readonly<Record<string, string>> = {},
    ): Sent => {
      const real = api.world.sandbox?.credentials(slug) ?? {};
      const { headers, body } = side.writeWebhook(
        { ...order, ...changes },
        { ...real, ...credentials },
        api.world.clock.now(),
      );
      const named = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]);
      return { headers: { ...Object.fromEntries(named), 'content-type': 'application/json' }, body };
    };
    const orderOf = async (id: string): Promise<Order> => {
      const { attempts } = await api.payout(id);
      return api.world.sandbox?.books().find((order) => order.mark === attempts[0]?.orderNumber) ?? assert.fail();
    };
    /** A payout that the provider has, and will have for a day. */
    const open = async () => {
      const { id } = await create(api.merchant, '10.83', { provider });
      await api.until(id, 'PROCESSING');
      return { id, order: await orderOf(id) };
    };

    describe(`of ${provider}`, () => {
      it('that are true move the payout once, and no more however often they come again', async () => {
        const { id, order } = await open();
        const letter = write(order, { state: 'COMPLETED', transactionHash: 'ab'.repeat(32) });
        const first = await post(`${slug}/default`, letter);
        assert.equal(first.status, 200);
        assert.ok(side.isAcknowledged(first.status, first.body));
        assert.equal((await api.until(id, 'COMPLETED')).transactionHash, 'ab'.repeat(32));
        await assertNothingMoves(id, async () => {
          for (const _ of [1, 2, 3]) {
            const again = await post(`${slug}/default`, letter);
            assert.ok(side.isAcknowledged(again.status, again.body), 'else it would be sent for ever');
          }
        });
      });

      it('with a wrong signature are refused, whatever is wrong with it', async () => {
        const { id, order } = await open();
        const letter = write(order, { state: 'FAILED' });
        const body = String(letter.body);
        const sign = (signature: string): Sent => ({
          headers: { ...letter.headers, ...(letter.headers?.hmac ? { hmac: signature } : {}) },
          body: body.replace(/"sign":"[^"]*"/, `"sign":"${signature}"`),
        });
        const forged: readonly Sent[] = [
          write(order, { state: 'FAILED' }, { payoutKey: 'not the key' }),
          { ...letter, body: body.replace(order.amount, '99') },
          { ...letter, body: body.replace('{', '{"amount":"99",') },
          { headers: {}, body: body.replace(/,"sign":"[^"]*"/, '') },
          ...['', 'ab'.repeat(32), 'ab'.repeat(64), 'é', 'undefined'].map(sign),
        ];
        await assertNothingMoves(id, async () => {
          for (const [at, forgery] of forged.entries()) {
            assert.equal((await post(`${slug}/default`, forgery)).status, 401, `forgery ${at}`);
          }
        });
      });

      it('of a payout that is not ours are not acknowledged', async () => {
        const { id, order } = await open();
        const strange = write(order, { mark: '0'.repeat(26), providerReference: 'nobody', state: 'COMPLETED' });
        await assertNothingMoves(id, async () => {
          const reply = await post(`${slug}/default`, strange);
          assert.equal(reply.status, 404);
          assert.equal(side.isAcknowledged(reply.status, reply.body), false);
        });
      });

      it('that are garbage are refused', async () => {
        const { id } = await open();
        const garbage = [
          '',
          'null',
          '[]',
          '{}',
          '"x"',
          '0',
          '{"sign":1}',
          '{"sign":{}}',
          '{',
          '\u0000',
          '[['.repeat(5000),
        ];
        await assertNothingMoves(id, async () => {
          for (const body of [...garbage, Buffer.from([0xff, 0xfe, 0x00])]) {
            assert.equal((await post(`${slug}/default`, { body })).status, 401, String(body).slice(0, 20));
          }
        });
      });

      it('longer than a megabyte are refused, with and without a content-length', async () => {
        const { id, order } = await open();
        const { headers = {}, body = '' } = write(order, { state: 'COMPLETED' });
        const long = `${body}${' '.repeat(2 * 1024 * 1024)}`;
        await assertNothingMoves(id, async () => {
          assert.equal((await post(`${slug}/default`, { headers, body: long })).status, 413);
          assert.equal(
            (await post(`${slug}/default`, { headers, body: [long.slice(0, 1e6), long.slice(1e6)] })).status,
            413,
          );
        });
      });

      it('to another address than the one that the provider was told are not found', async () => {
        const { id, order } = await open();
        const letter = write(order, { state: 'COMPLETED' });
        await assertNothingMoves(id, async () => {
          const wrong = [`${slug}/other`, 'nobody/default', slug, `${slug}/`, `${slug}/..%2Fdefault`];
          for (const path of wrong) assert.equal((await post(path, letter)).status, 404, path);
          for (const other of PROVIDERS.filter((one) => one !== provider)) {
            assert.equal((await post(`${other.toLowerCase()}/default`, letter)).status, 401);
          }
          for (const method of ['GET', 'PUT', 'DELETE']) {
            const reply = await post(`${slug}/default`, { ...letter, method });
            assert.deepEqual([reply.status, reply.headers.allow], [405, 'POST'], method);
          }
        });
      });
    });
  }
});
