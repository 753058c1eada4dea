import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  CancelPayoutDocument,
  CreatePayoutDocument,
  EventsOfPayoutDocument,
  NodeDocument,
  NodesDocument,
  PayoutByReferenceDocument,
  PayoutDocument,
  ProviderDocument,
  ProvidersDocument,
  ViewerDocument,
} from './operations/generated/graphql.ts';
import { ADDRESS, type Api, create, describeApi, inputOf, openApi } from './support/api.ts';

describeApi('the API', (open) => {
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

  describe('the deployment', () => {
    it('tells a merchant who it is, and an operator that it is one', async () => {
      const { viewer } = await api.merchant.get(ViewerDocument);
      assert.deepEqual(viewer, {
        merchant: { id: api.merchant.merchantId, name: 'World', createdAt: '2026-01-01T12:00:00.000Z' },
        operator: false,
        keyId: api.merchant.keyId,
        label: 'test key',
        scopes: ['balances:read', 'payouts:read', 'payouts:write'],
      });
      const { viewer: operator } = await api.operator.get(ViewerDocument);
      assert.deepEqual([operator.merchant, operator.operator, operator.keyId], [null, true, api.operator.keyId]);
    });

    it('shows every provider with what it can do, and one by its name', async () => {
      const { providers } = await api.merchant.get(ProvidersDocument);
      const common = { environment: 'SANDBOX', enabled: true };
      assert.deepEqual(
        providers.toSorted((a, b) => a.id.localeCompare(b.id)),
        [
          {
            ...common,
            id: 'pr_io2328',
            provider: 'IO2328',
            name: '2328.io',
            abilities: ['SUBMIT', 'IDEMPOTENT_SUBMIT', 'LOOKUP', 'SIGNED_WEBHOOK'],
          },
          {
            ...common,
            id: 'pr_oxapay',
            provider: 'OXAPAY',
            name: 'OxaPay',
            abilities: ['SUBMIT', 'LOOKUP', 'LOOKUP_BY_REFERENCE', 'SIGNED_WEBHOOK'],
          },
        ],
      );
      const { provider } = await api.merchant.get(ProviderDocument, { provider: 'OXAPAY' });
      assert.equal(provider?.id, 'pr_oxapay');
    });

    it('shows a provider that is switched off as not enabled, and sends nothing to it', async () => {
      const partly = await openApi(await open({ IO2328_ENABLED: 'false' }));
      try {
        const { provider } = await partly.merchant.get(ProviderDocument, { provider: 'IO2328' });
        assert.equal(provider?.enabled, false);
        const named = await partly.merchant.get(CreatePayoutDocument, { input: inputOf('10') });
        assert.ok(named.createPayout.__typename === 'UnsupportedError');
        assert.deepEqual(
          named.createPayout.reasons.map((reason) => reason.provider),
          ['IO2328'],
        );
        assert.equal((await create(partly.merchant, '10', { provider: null })).provider?.provider, 'OXAPAY');
      } finally {
        await partly.close();
      }
    });

    it('finds every kind of node by its id, several in their order, and null for what it does not know', async () => {
      const payout = await create(api.merchant, '10');
      const { payout: found } = await api.merchant.get(EventsOfPayoutDocument, { id: payout.id });
      const event = found?.events.edges[0]?.node.id ?? '';
      const known = [
        { __typename: 'Payout', id: payout.id },
        { __typename: 'PayoutEvent', id: event },
        { __typename: 'Merchant', id: api.merchant.merchantId },
        { __typename: 'Provider', id: 'pr_io2328' },
      ];
      for (const node of known) {
        assert.deepEqual(await api.merchant.get(NodeDocument, { id: node.id }), { node });
      }
      const unknown = [
        'po_00000000000000000000000000',
        'ev_0000',
        api.stranger.merchantId,
        'pr_nobody',
        'xx_1',
        '',
        'po_',
        `${payout.id} `,
        payout.id.toUpperCase(),
      ];
      for (const id of unknown) assert.deepEqual(await api.merchant.get(NodeDocument, { id }), { node: null }, id);
      const ids = [...unknown, ...known.map((node) => node.id)].reverse();
      const { nodes } = await api.merchant.get(NodesDocument, { ids });
      assert.deepEqual(nodes, [...known.toReversed(), ...unknown.map(() => null)]);
    });
  });

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
      const input = inputOf('10');
      const ask = async () => {
        const other = { ...input, amount: { amount: '11', currency: 'USDC' }, description: 'other' };
        const { createPayout } = await api.merchant.get(CreatePayoutDocument, { input: other });
        assert.ok(createPayout.__typename === 'ReferenceConflictError');
        assert.deepEqual(createPayout.differences, ['amount.amount', 'amount.currency', 'description']);
        assert.deepEqual([createPayout.code, createPayout.retryable], ['REFERENCE_CONFLICT', false]);
        return [createPayout.payout, createPayout.moneyMoved];
      };
      const { createPayout } = await api.merchant.get(CreatePayoutDocument, {
        input: { ...input, amount: { amount: '10', currency: 'USDT' } },
      });
      assert.ok(createPayout.__typename === 'CreatePayoutSuccess');
      const { id } = createPayout.payout;
      await api.until(id, 'COMPLETED');
      assert.deepEqual(await ask(), [{ id, state: 'COMPLETED' }, 'YES']);
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
      const input = inputOf('10', { provider: null, destination: { channel: { channel: 'GCASH', account: '0917' } } });
      const before = await api.head();
      const { createPayout } = await api.merchant.get(CreatePayoutDocument, { input });
      assert.ok(createPayout.__typename === 'UnsupportedError');
      const { code, moneyMoved, retryable, reasons, message } = createPayout;
      assert.deepEqual([code, moneyMoved, retryable], ['UNSUPPORTED', 'NO', false]);
      assert.deepEqual(reasons.map((one) => one.provider).sort(), ['IO2328', 'OXAPAY']);
      for (const { reason } of reasons) assert.ok(message.includes(reason) && reason.length > 10);
      const { payoutByReference } = await api.merchant.get(PayoutByReferenceDocument, { reference: input.reference });
      assert.equal(payoutByReference, null);
      assert.equal(await api.head(), before);
    });
  });

  describe('a payout', () => {
    it('shows in the open what was sent, what it cost, and what was received', async () => {
      const { id } = await create(api.merchant, '10');
      const payout = await api.until(id, 'COMPLETED');
      assert.deepEqual([payout.final, payout.moneyMoved, payout.failure, payout.actions], [true, 'YES', null, []]);
      const [attempt, ...others] = payout.attempts;
      assert.ok(attempt);
      assert.deepEqual(others, []);
      const { orderNumber, providerReference, sends, ...rest } = attempt;
      assert.deepEqual(rest, { number: 1, provider: 'IO2328', account: 'default', accountedFor: true });
      assert.match(orderNumber, /^[0-9a-z]{26}$/);
      assert.equal(providerReference, payout.providerReference);
      const [order] = api.world.sandbox?.books().filter((one) => one.mark === orderNumber) ?? [];
      assert.equal(order?.providerReference, providerReference);
      assert.deepEqual(
        sends.map(({ kind, outcome }) => [kind, outcome]),
        [['SUBMIT', 'ACCEPTED']],
      );
      assert.ok(sends.every((send) => send.endedAt !== null && send.endedAt >= send.startedAt));
      assert.deepEqual(payout.fees, [{ amount: '3', currency: 'USDT', kind: 'PROVIDER' }]);
      assert.deepEqual(payout.debits, [{ amount: '13', currency: 'USDT' }]);
      assert.deepEqual(payout.received, { amount: '10', currency: 'USDT' });
      assert.equal(payout.transactionHash, order?.transactionHash);
      assert.equal(payout.vendorStatus, 'completed');
      assert.equal(payout.nextCheckAt, null);
    });

    it('is paid less its fees where the recipient bears them', async () => {
      const { id } = await create(api.merchant, '10', { feeMode: 'DEDUCT' });
      const payout = await api.until(id, 'COMPLETED');
      assert.deepEqual(payout.debits, [{ amount: '10', currency: 'USDT' }]);
      assert.deepEqual(payout.received, { amount: '7', currency: 'USDT' });
    });

    it('that the provider refused is FAILED with the reason, and the attempt shows the refusal', async () => {
      for (const provider of ['IO2328', 'OXAPAY'] as const) {
        const { id } = await create(api.merchant, '10.70', { provider });
        const payout = await api.until(id, 'FAILED');
        const { failure } = payout;
        assert.ok(failure);
        assert.deepEqual([failure.code, failure.moneyMoved, payout.moneyMoved], ['INSUFFICIENT_FUNDS', 'NO', 'NO']);
        assert.equal(typeof failure.retryable, 'boolean');
        assert.ok(failure.message && failure.vendorMessage);
        const [send] = payout.attempts[0]?.sends ?? [];
        assert.equal(send?.outcome, 'REJECTED');
        assert.deepEqual([send.vendorCode, send.vendorMessage], [failure.vendorCode, failure.vendorMessage]);
        assert.equal(payout.attempts[0]?.accountedFor, true);
      }
    });

    it('whose answer was not what was sent stays in doubt and asks for a person', async () => {
      const { id } = await create(api.merchant, '10.72');
      const payout = await api.until(id, 'IN_DOUBT');
      assert.deepEqual(
        payout.attention.map(({ reason }) => reason),
        ['WRONG_ECHO'],
      );
      assert.ok(payout.attention[0]?.message && payout.attention[0].since);
      assert.deepEqual([payout.moneyMoved, payout.final, payout.actions], ['UNKNOWN', false, []]);
    });

    it('whose answer was lost shows the doubt, the repeat and its end', async () => {
      const { id } = await create(api.merchant, '10.61');
      const payout = await api.until(id, 'COMPLETED');
      assert.equal(payout.attempts.length, 1);
      assert.deepEqual(payout.attempts[0]?.sends.map((send) => [send.kind, send.outcome]).slice(0, 1), [
        ['SUBMIT', 'UNKNOWN'],
      ]);
      assert.equal(payout.attempts[0]?.accountedFor, true);
    });

    it('is found by its id and by its reference, letter for letter', async () => {
      const { id, reference } = await create(api.merchant, '10', { reference: 'Order/A.b_c:1-2' });
      const byReference = async (text: string) =>
        (await api.merchant.get(PayoutByReferenceDocument, { reference: text })).payoutByReference;
      assert.equal((await byReference(reference))?.id, id);
      for (const other of ['order/a.b_c:1-2', `${reference} `, '', 'never used'])
        assert.equal(await byReference(other), null);
      assert.equal((await api.merchant.get(PayoutDocument, { id })).payout?.reference, reference);
      for (const other of ['', 'nonsense', 'po_', 'po_00000000000000000000000000', `${id}0`]) {
        assert.deepEqual(await api.merchant.get(PayoutDocument, { id: other }), { payout: null }, other);
      }
    });

    it('tells its events in pages, forward and backward, gap-free from 1', async () => {
      const { id } = await create(api.merchant, '10');
      const payout = await api.until(id, 'COMPLETED');
      const page = async (variables: {
        first?: number;
        after?: string | null;
        last?: number;
        before?: string | null;
      }) => {
        const { payout: found } = await api.merchant.get(EventsOfPayoutDocument, { id, ...variables });
        assert.ok(found);
        return found.events;
      };
      const all = await page({});
      const sequences = (events: typeof all) => events.edges.map(({ node }) => node.sequence);
      assert.deepEqual(
        all.edges.map(({ node }) => node.sequence),
        Array.from({ length: payout.sequence }, (_, at) => at + 1),
      );
      assert.deepEqual(
        all.edges.map(({ node }) => [node.state, node.previousState, node.source]),
        [
          ['QUEUED', null, 'API'],
          ['SUBMITTING', 'QUEUED', 'SUBMIT'],
          ['PROCESSING', 'SUBMITTING', 'SUBMIT'],
          ['COMPLETED', 'PROCESSING', 'WEBHOOK'],
        ],
      );
      assert.equal(all.edges[0]?.node.actor, api.merchant.keyId);
      const first = await page({ first: 3 });
      assert.deepEqual(sequences(first), [1, 2, 3]);
      assert.deepEqual([first.pageInfo.hasNextPage, first.pageInfo.hasPreviousPage], [true, false]);
      const next = await page({ first: 3, after: first.pageInfo.endCursor });
      assert.deepEqual(sequences(next), [4]);
      assert.deepEqual([next.pageInfo.hasNextPage, next.pageInfo.hasPreviousPage], [false, true]);
      const last = await page({ last: 2 });
      assert.deepEqual(sequences(last), [3, 4]);
      assert.deepEqual([last.pageInfo.hasNextPage, last.pageInfo.hasPreviousPage], [false, true]);
      assert.deepEqual(sequences(await page({ last: 2, before: last.pageInfo.startCursor })), [1, 2]);
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
