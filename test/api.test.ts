import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { abilitiesOf } from '../src/domain/provider.ts';
import {
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
import { type Api, create, describeApi, inputOf, openApi } from './support/api.ts';

describeApi('queries', (open) => {
  let api: Api;
  before(async () => {
    api = await openApi(await open());
  });
  after(() => api.close());

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
      assert.deepEqual(
        providers,
        api.world.providers.map((one) => ({
          id: `pr_${one.id.toLowerCase()}`,
          provider: one.id,
          name: one.name,
          environment: 'SANDBOX',
          enabled: true,
          abilities: abilitiesOf(one),
        })),
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
});
