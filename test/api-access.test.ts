import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { PayoutEventsQuery, WatchEventsSubscription } from './operations/generated/graphql.ts';
import {
  CancelPayoutDocument,
  CreatePayoutDocument,
  EventsOfPayoutDocument,
  NodeDocument,
  NodesDocument,
  PayoutByReferenceDocument,
  PayoutDocument,
  PayoutEventsDocument,
  PayoutsDocument,
  WatchEventsDocument,
  WatchPayoutDocument,
} from './operations/generated/graphql.ts';
import { type Api, type Caller, create, describeApi, inputOf, openApi } from './support/api.ts';
import { type Result, TRANSPORTS } from './support/client.ts';

const NOBODY = 'po_00000000000000000000000000';
const codeOf = (result: Result<unknown> | null) => result?.errors?.[0]?.extensions.code;

describeApi('who may see what', (open) => {
  let api: Api;
  before(async () => {
    api = await openApi(await open());
  });
  after(() => api.close());

  describe("another merchant's payout", () => {
    let theirs: { id: string; reference: string; event: string };
    before(async () => {
      const { id, reference } = await create(api.merchant, '10');
      await api.until(id, 'COMPLETED');
      const { payout } = await api.merchant.get(EventsOfPayoutDocument, { id });
      theirs = { id, reference, event: payout?.events.edges[0]?.node.id ?? '' };
    });

    /** The same question about theirs and about nothing: the whole answers must be the same. */
    const compare = async (text: Parameters<Caller['ask']>[0], about: unknown, aboutNothing: unknown) => {
      const [answer, nothing] = [await api.stranger.ask(text, about), await api.stranger.ask(text, aboutNothing)];
      assert.deepEqual(answer, nothing);
      return answer;
    };

    it('is null by id, by reference and as a node, exactly as one that was never there', async () => {
      assert.deepEqual(await compare(PayoutDocument, { id: theirs.id }, { id: NOBODY }), { data: { payout: null } });
      assert.deepEqual(
        await compare(PayoutByReferenceDocument, { reference: theirs.reference }, { reference: 'never-used' }),
        { data: { payoutByReference: null } },
      );
      assert.deepEqual(await compare(EventsOfPayoutDocument, { id: theirs.id }, { id: NOBODY }), {
        data: { payout: null },
      });
      for (const id of [theirs.id, theirs.event, api.merchant.merchantId]) {
        assert.deepEqual(await compare(NodeDocument, { id }, { id: NOBODY }), { data: { node: null } });
      }
      const ids = [theirs.id, theirs.event, api.merchant.merchantId];
      assert.deepEqual(await compare(NodesDocument, { ids }, { ids: [NOBODY, 'ev_0', 'me_0'] }), {
        data: { nodes: [null, null, null] },
      });
    });

    it('cannot be cancelled, exactly as one that was never there', async () => {
      const queued = await create(api.merchant, '10.67');
      await api.world.rest();
      const answer = await compare(CancelPayoutDocument, { id: queued.id }, { id: NOBODY });
      assert.equal(JSON.stringify(answer.data).includes('NOT_FOUND'), true);
      assert.equal((await api.payout(queued.id)).state, 'QUEUED');
      await api.until(queued.id, 'COMPLETED');
    });

    it('is in no list and no stretch of the log, with or without its id in the filter', async () => {
      await create(api.stranger, '10.83');
      const { payouts } = await api.stranger.get(PayoutsDocument, { first: 100 });
      assert.equal(payouts.edges.length, 1);
      const { payoutEvents } = await api.stranger.get(PayoutEventsDocument, { first: 100 });
      assert.deepEqual(
        new Set(payoutEvents.events.map((event) => event.payout.id)),
        new Set([payouts.edges[0]?.node.id]),
      );
      const filtered = await api.stranger.get(PayoutEventsDocument, { filter: { payoutIds: [theirs.id] } });
      assert.deepEqual(filtered.payoutEvents.events, []);
    });

    it('is not told of after its own cursor either', async () => {
      const { payout } = await api.merchant.get(PayoutDocument, { id: theirs.id });
      const own = await create(api.stranger, '10.83');
      await create(api.merchant, '10');
      const { payoutEvents }: PayoutEventsQuery = await api.stranger.get(PayoutEventsDocument, {
        after: payout?.cursor ?? '',
        first: 100,
      });
      // Another merchant's place: what of one's own lies shortly before it may come along.
      const told = payoutEvents.events.map((event) => event.payout.id);
      const { payouts } = await api.stranger.get(PayoutsDocument, { first: 100 });
      const owned = new Set(payouts.edges.map((edge) => edge.node.id));
      assert.ok(told.includes(own.id) && told.every((id) => owned.has(id)));
      for (const transport of TRANSPORTS) {
        const listener = await api.stranger.listen(transport, WatchEventsDocument, { after: payout?.cursor ?? '' });
        const heard = await listener.until((data) => data.payoutEvents.payout.id === own.id);
        assert.ok(heard.every((data) => owned.has(data.payoutEvents.payout.id)));
        listener.close();
      }
    });

    it('is not heard of by one who listens live', async () => {
      for (const transport of TRANSPORTS) {
        const { payoutEvents } = await api.stranger.get(PayoutEventsDocument, { first: 100 });
        const listener = await api.stranger.listen(transport, WatchEventsDocument, { after: payoutEvents.cursor });
        const isEndOf = (id: string) => (data: WatchEventsSubscription) =>
          data.payoutEvents.payout.id === id && data.payoutEvents.state === 'FAILED';
        const one = await create(api.stranger, '10.70');
        const heard = await listener.until(isEndOf(one.id));
        const other = await create(api.merchant, '10');
        await api.until(other.id, 'COMPLETED');
        const two = await create(api.stranger, '10.70');
        heard.push(...(await listener.until(isEndOf(two.id))));
        listener.close();
        // What lies shortly before the place may come again; it is one's own.
        const { payouts } = await api.stranger.get(PayoutsDocument, { first: 100 });
        const owned = new Set(payouts.edges.map((edge) => edge.node.id));
        assert.ok(!owned.has(other.id) && heard.every((data) => owned.has(data.payoutEvents.payout.id)));
      }
    });

    it('cannot be listened to, exactly as one that was never there', async () => {
      for (const transport of TRANSPORTS) {
        const answers = [];
        for (const id of [theirs.id, NOBODY]) {
          const listener = await api.stranger.listen(transport, WatchPayoutDocument, { id });
          answers.push(await listener.next(), await listener.next(), listener.ending());
        }
        assert.deepEqual(answers.slice(0, 3), answers.slice(3));
        assert.equal(JSON.stringify(answers[0]).includes('NOT_FOUND'), true);
      }
    });

    it("does not take up its reference: the same one makes a payout of one's own", async () => {
      const own = await create(api.stranger, '10.83', { reference: theirs.reference });
      assert.notEqual(own.id, theirs.id);
      const { payoutByReference } = await api.stranger.get(PayoutByReferenceDocument, { reference: theirs.reference });
      assert.equal(payoutByReference?.id, own.id);
    });

    it("is FORBIDDEN to ask for by the other merchant's name, whether that merchant is there or not", async () => {
      for (const merchantId of [api.merchant.merchantId, 'me_0']) {
        const questions = [
          api.stranger.ask(PayoutDocument, { id: theirs.id, merchantId }),
          api.stranger.ask(PayoutByReferenceDocument, { reference: theirs.reference, merchantId }),
          api.stranger.ask(PayoutsDocument, { merchantId }),
          api.stranger.ask(PayoutEventsDocument, { merchantId }),
          api.stranger.ask(NodeDocument, { id: theirs.id, merchantId }),
          api.stranger.ask(CancelPayoutDocument, { id: theirs.id, merchantId }),
          api.stranger.ask(CreatePayoutDocument, { input: inputOf('10'), merchantId }),
        ];
        for (const answer of await Promise.all(questions)) assert.equal(codeOf(answer), 'FORBIDDEN');
        for (const transport of TRANSPORTS) {
          for (const listener of [
            await api.stranger.listen(transport, WatchPayoutDocument, { id: theirs.id, merchantId }),
            await api.stranger.listen(transport, WatchEventsDocument, { merchantId }),
          ]) {
            assert.equal(codeOf(await listener.next()), 'FORBIDDEN', transport);
          }
        }
      }
    });
  });

  describe("an operator's key", () => {
    it('sees, creates and cancels for the merchant that it names, and the events say who did it', async () => {
      const { operator, merchant, stranger } = api;
      const { merchantId } = merchant;
      const { createPayout } = await operator.get(CreatePayoutDocument, { input: inputOf('10.67'), merchantId });
      assert.ok(createPayout.__typename === 'CreatePayoutSuccess');
      const { id, reference } = createPayout.payout;
      assert.equal(createPayout.payout.merchantId, merchantId);
      await api.world.rest();
      const { cancelPayout } = await operator.get(CancelPayoutDocument, { id, merchantId });
      assert.equal(cancelPayout.__typename, 'CancelPayoutSuccess');
      const { payoutByReference } = await operator.get(PayoutByReferenceDocument, { reference, merchantId });
      assert.equal(payoutByReference?.id, id);
      assert.deepEqual(await operator.get(PayoutDocument, { id, merchantId: stranger.merchantId }), { payout: null });
      const { payoutEvents } = await operator.get(PayoutEventsDocument, { merchantId, filter: { payoutIds: [id] } });
      assert.deepEqual(
        [payoutEvents.events.at(0), payoutEvents.events.at(-1)].map((event) => [
          event?.state,
          event?.source,
          event?.actor,
        ]),
        [
          ['QUEUED', 'OPERATOR', operator.keyId],
          ['CANCELLED', 'OPERATOR', operator.keyId],
        ],
      );
      assert.equal((await merchant.get(PayoutDocument, { id })).payout?.state, 'CANCELLED');
      const { node } = await operator.get(NodeDocument, { id: merchantId });
      assert.deepEqual(node, { __typename: 'Merchant', id: merchantId });
    });

    it('listens to the merchant that it names', async () => {
      const { merchantId } = api.merchant;
      const after = await api.head();
      for (const transport of TRANSPORTS) {
        const listener = await api.operator.listen(transport, WatchEventsDocument, { merchantId, after });
        const { id } = await create(api.merchant, '10');
        await listener.until((data) => data.payoutEvents.payout.id === id);
        const one = await api.operator.listen(transport, WatchPayoutDocument, { id, merchantId });
        assert.equal((await one.take(1))[0]?.payout.id, id);
        await api.until(id, 'COMPLETED');
        await one.rest();
        assert.equal(one.ending(), 'complete');
        listener.close();
      }
    });

    it('that names no merchant, or none that is there, is told so by the path merchantId', async () => {
      const { operator } = api;
      for (const merchantId of [undefined, null, 'nonsense', NOBODY]) {
        for (const answer of [
          await operator.ask(PayoutDocument, { id: NOBODY, merchantId }),
          await operator.ask(PayoutsDocument, { merchantId }),
          await operator.ask(PayoutEventsDocument, { merchantId }),
        ]) {
          assert.equal(codeOf(answer), 'INVALID_INPUT');
          assert.deepEqual(answer.errors?.[0]?.extensions.issues?.[0]?.path, ['merchantId']);
        }
      }
      const input = inputOf('10');
      for (const merchantId of [null, 'nonsense', 'me_00000000000000000000000000']) {
        const { createPayout } = await operator.get(CreatePayoutDocument, { input, merchantId });
        assert.ok(createPayout.__typename === 'InvalidInputError');
        assert.deepEqual(
          createPayout.issues.map((issue) => issue.path),
          [['merchantId']],
        );
      }
      for (const transport of TRANSPORTS) {
        const listener = await operator.listen(transport, WatchEventsDocument, {});
        assert.equal(codeOf(await listener.next()), 'INVALID_INPUT');
      }
    });
  });
});
