import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  CancelPayoutDocument,
  CreatePayoutDocument,
  EventsOfPayoutDocument,
  PayoutByReferenceDocument,
} from './operations/generated/graphql.ts';
import { ADDRESS, type Api, bankInputOf, create, describeApi, inputOf, openApi } from './support/api.ts';
import { readWholeLog } from './support/whole-log.ts';

describeApi('mutations', (open) => {
  let api: Api;
  before(async () => {
    api = await openApi(await open());
  });
  after(() => api.close());

  /** A payout that waits in the queue: its first send was refused for a reason that passes. */
  async function createQueued() {
    const payout = await create(api.merchant, '10.67');
    await api.world.rest();
    return api.until(payout.id, 'QUEUED');
  }

  describe('createPayout', () => {
    it('answers before any provider was called, with everything that was asked for', async () => {
      const idle = await openApi(await open({}, { working: false }));
      try {
        const input = inputOf('10.50', {
          destination: { blockchain: { address: ADDRESS, network: 'TRON' } },
          description: 'für Änne, 谢谢',
          metadata: [{ key: 'invoice', value: 'A-1' }],
          sendBefore: '2026-01-02T01:00:00+01:00',
        });
        const { createPayout } = await idle.merchant.get(CreatePayoutDocument, { input });
        assert.ok(createPayout.__typename === 'CreatePayoutSuccess');
        assert.equal(createPayout.replayed, false);
        const { id, cursor, ...payout } = createPayout.payout;
        assert.match(id, /^po_[0-9a-v]{26}$/);
        assert.ok(cursor);
        assert.deepEqual(payout, {
          reference: input.reference,
          merchantId: idle.merchant.merchantId,
          state: 'QUEUED',
          final: false,
          moneyMoved: 'NO',
          amount: { amount: '10.50', currency: 'USDT' },
          feeMode: 'ADD',
          destination: { __typename: 'BlockchainDestination', address: ADDRESS, network: 'TRON', memo: null },
          sourceCurrency: null,
          receiveCurrency: null,
          purpose: null,
          relationship: null,
          sourceOfFunds: null,
          fundingAddress: null,
          autoConfirm: true,
          description: 'für Änne, 谢谢',
          metadata: [{ key: 'invoice', value: 'A-1' }],
          sendBefore: '2026-01-02T00:00:00.000Z',
          provider: { id: 'pr_io2328', provider: 'IO2328' },
          environment: 'SANDBOX',
          providerReference: null,
          fees: [],
          debits: [],
          received: null,
          transactionHash: null,
          vendorStatus: null,
          vendorMessage: null,
          failure: null,
          attempts: [],
          attention: [],
          actions: ['CANCEL'],
          pendingAction: null,
          sequence: 1,
          createdAt: '2026-01-01T12:00:00.000Z',
          updatedAt: '2026-01-01T12:00:00.000Z',
          nextCheckAt: '2026-01-01T12:00:00.000Z',
        });
        assert.deepEqual(idle.world.sandbox?.books(), []);
      } finally {
        await idle.close();
      }
    });

    it('answers the same input under a known reference with the first payout, whatever became of it', async () => {
      const input = inputOf('10');
      const first = await api.merchant.get(CreatePayoutDocument, { input });
      assert.ok(first.createPayout.__typename === 'CreatePayoutSuccess' && !first.createPayout.replayed);
      const { id } = first.createPayout.payout;
      await api.until(id, 'COMPLETED');
      const again = await api.merchant.get(CreatePayoutDocument, {
        input: { ...input, amount: { amount: '10.00', currency: 'USDT' } },
      });
      assert.ok(again.createPayout.__typename === 'CreatePayoutSuccess');
      assert.equal(again.createPayout.replayed, true);
      assert.deepEqual([again.createPayout.payout.id, again.createPayout.payout.state], [id, 'COMPLETED']);
    });

    it('makes one payout of 20 requests at once for one reference', async () => {
      const input = inputOf('10');
      const answers = await Promise.all(
        Array.from({ length: 20 }, () => api.merchant.get(CreatePayoutDocument, { input })),
      );
      const payouts = answers.map(({ createPayout }) => {
        assert.ok(createPayout.__typename === 'CreatePayoutSuccess');
        return createPayout;
      });
      assert.equal(payouts.filter((one) => !one.replayed).length, 1);
      const [id, ...others] = new Set(payouts.map((one) => one.payout.id));
      assert.deepEqual(others, []);
      await api.until(id ?? '', 'COMPLETED');
      assert.equal((await api.payout(id ?? '')).attempts.length, 1);
    });

    it('refuses a known reference with another input, names what differs, and says whether the first one paid', async () => {
      const first = await create(api.merchant, '10');
      await api.until(first.id, 'COMPLETED');
      const { reference } = first;
      const input = inputOf('11', { reference, amount: { amount: '11', currency: 'USDC' }, description: 'other' });
      const { createPayout } = await api.merchant.get(CreatePayoutDocument, { input });
      assert.ok(createPayout.__typename === 'ReferenceConflictError');
      const { code, retryable, moneyMoved, differences, payout } = createPayout;
      assert.deepEqual([code, retryable, moneyMoved], ['REFERENCE_CONFLICT', false, 'YES']);
      assert.deepEqual(differences, ['amount.amount', 'amount.currency', 'description']);
      assert.deepEqual(payout, { id: first.id, state: 'COMPLETED' });
    });

    it('says of a conflict with a refused payout that no money moved, and of one in doubt that nobody knows', async () => {
      for (const [amount, state, moneyMoved] of [
        ['10.70', 'FAILED', 'NO'],
        ['10.72', 'IN_DOUBT', 'UNKNOWN'],
      ] as const) {
        const first = await create(api.merchant, amount);
        await api.until(first.id, state);
        const input = inputOf('11', { reference: first.reference });
        const { createPayout } = await api.merchant.get(CreatePayoutDocument, { input });
        assert.ok(createPayout.__typename === 'ReferenceConflictError');
        assert.deepEqual([createPayout.payout.state, createPayout.moneyMoved], [state, moneyMoved]);
      }
    });

    it('refuses what no provider can do with a reason for each, and stores nothing', async () => {
      const input = bankInputOf('10', { provider: null, amount: { amount: '10', currency: 'JPY' } });
      const before = await readWholeLog(api.world.store, api.world.merchantId);
      const { createPayout } = await api.merchant.get(CreatePayoutDocument, { input });
      assert.ok(createPayout.__typename === 'UnsupportedError');
      const { code, moneyMoved, retryable, reasons, message } = createPayout;
      assert.deepEqual([code, moneyMoved, retryable], ['UNSUPPORTED', 'NO', false]);
      assert.deepEqual(
        reasons.map((one) => one.provider),
        api.world.providers.map((one) => one.id),
      );
      for (const { reason } of reasons) assert.ok(message.includes(reason) && reason.length > 10);
      const { payoutByReference } = await api.merchant.get(PayoutByReferenceDocument, { reference: input.reference });
      assert.equal(payoutByReference, null);
      assert.deepEqual(await readWholeLog(api.world.store, api.world.merchantId), before);
    });
  });

  describe('cancelPayout', () => {
    it('ends a payout that waits, and answers the same when it is asked again', async () => {
      const { id } = await createQueued();
      for (const _ of [1, 2]) {
        const { cancelPayout } = await api.merchant.get(CancelPayoutDocument, { id });
        assert.ok(cancelPayout.__typename === 'CancelPayoutSuccess', JSON.stringify(cancelPayout));
        assert.deepEqual([cancelPayout.payout.state, cancelPayout.payout.final], ['CANCELLED', true]);
      }
      await api.world.pass(60_000);
      const payout = await api.payout(id);
      assert.deepEqual([payout.state, payout.moneyMoved, payout.nextCheckAt], ['CANCELLED', 'NO', null]);
      const { payout: found } = await api.merchant.get(EventsOfPayoutDocument, { id, last: 1 });
      assert.deepEqual(
        found?.events.edges.map(({ node }) => [node.state, node.source, node.actor]),
        [['CANCELLED', 'API', api.merchant.keyId]],
      );
    });

    it('is not allowed once the provider has the payout, and says whether money moved', async () => {
      const { id } = await create(api.merchant, '10');
      await api.until(id, 'COMPLETED');
      const { cancelPayout } = await api.merchant.get(CancelPayoutDocument, { id });
      assert.ok(cancelPayout.__typename === 'NotAllowedInStateError');
      const { code, moneyMoved, retryable, payout } = cancelPayout;
      assert.deepEqual([code, moneyMoved, retryable], ['NOT_ALLOWED_IN_STATE', 'YES', false]);
      assert.deepEqual(payout, { id, state: 'COMPLETED' });
    });

    it('of a payout that is not there is NOT_FOUND', async () => {
      for (const id of ['po_00000000000000000000000000', 'nonsense', '']) {
        const { cancelPayout } = await api.merchant.get(CancelPayoutDocument, { id });
        assert.ok(cancelPayout.__typename === 'NotFoundError', id);
        assert.deepEqual([cancelPayout.code, cancelPayout.moneyMoved], ['NOT_FOUND', 'NO']);
      }
    });
  });
});
