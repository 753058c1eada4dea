import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  AttentionDocument,
  type AttentionQuery,
  EventsOfPayoutDocument,
  PayoutEventsDocument,
  ResolvePayoutDocument,
  type ResolvePayoutInput,
} from './operations/generated/graphql.ts';
import { type Api, type Caller, create, describeApi, openApi } from './support/api.ts';
import { readWholeLog } from './support/whole-log.ts';

const MISSING = '10.63';
const note = 'their support was asked by telephone';

describeApi('attention', (open) => {
  let api: Api;
  before(async () => {
    api = await openApi(await open());
  });
  after(() => api.close());

  /** What needs a person, as a caller sees it. */
  async function list(client: Caller = api.merchant, args: { first?: number; after?: string | null } = {}) {
    return (await client.get(AttentionDocument, args)).attention;
  }
  const idsOf = ({ edges }: AttentionQuery['attention']) => edges.map(({ node }) => node.payout?.id);
  const itemOf = async (id: string, client = api.merchant) =>
    (await list(client, { first: 100 })).edges.find(({ node }) => node.payout?.id === id)?.node ?? null;

  /** A payout that never reached a provider whose silence proves nothing. */
  async function createMissing(client = api.merchant) {
    const payout = await create(client, MISSING, { provider: 'OXAPAY' });
    await api.world.pass(60_000);
    return payout;
  }

  const resolve = async (id: string, outcome: ResolvePayoutInput['outcome']) => {
    const { merchantId } = api.merchant;
    const input = { payoutId: id, outcome, note };
    return (await api.operator.get(ResolvePayoutDocument, { input, merchantId })).resolvePayout;
  };

  it('is empty where all is well', async () => {
    const { id } = await create(api.merchant, '10');
    await api.until(id, 'COMPLETED');
    const { edges, pageInfo } = await list();
    assert.deepEqual(edges, []);
    assert.deepEqual(pageInfo, { hasNextPage: false, hasPreviousPage: false, startCursor: null, endCursor: null });
  });

  it('shows a payout in doubt, and that it was never found, until an operator settles it', async () => {
    const { id } = await createMissing();
    const doubt = await itemOf(id);
    assert.deepEqual([doubt?.reason, doubt?.provider, doubt?.account], ['IN_DOUBT', 'OXAPAY', 'default']);
    assert.ok(doubt?.message && doubt.since);
    await api.world.pass(86_400_000, 600_000);
    const missing = await itemOf(id);
    assert.equal(missing?.reason, 'NOT_FOUND_AT_PROVIDER');
    assert.equal(missing?.payout?.state, 'IN_DOUBT');

    const resolved = await resolve(id, { neverArrived: { next: 'FAIL' } });
    assert.ok(resolved.__typename === 'ResolvePayoutSuccess', JSON.stringify(resolved));
    assert.deepEqual([resolved.payout.state, resolved.payout.moneyMoved], ['FAILED', 'NO']);
    assert.equal(await itemOf(id), null);
    const { payout } = await api.merchant.get(EventsOfPayoutDocument, { id, last: 1 });
    const [last] = payout?.events.edges ?? [];
    assert.deepEqual(
      [last?.node.state, last?.node.source, last?.node.actor, last?.node.note],
      ['FAILED', 'OPERATOR', api.operator.keyId, note],
    );
    const again = await resolve(id, { neverArrived: { next: 'FAIL' } });
    assert.equal(again.__typename, 'NotAllowedInStateError');
  });

  it('is not sent again to a provider that would pay twice, and says so', async () => {
    const { id } = await createMissing();
    const answer = await resolve(id, { neverArrived: { next: 'SEND_AGAIN' } });
    assert.ok(answer.__typename === 'UnsupportedError', JSON.stringify(answer));
    assert.equal(answer.moneyMoved, 'UNKNOWN');
    assert.equal((await api.payout(id)).state, 'IN_DOUBT');
  });

  it('keeps a payout in doubt where the provider does not know the reference, or knows another payout by it', async () => {
    const { id } = await createMissing();
    const { id: other } = await create(api.merchant, '10', { provider: 'OXAPAY' });
    const { providerReference } = await api.until(other, 'COMPLETED');
    for (const wrong of ['999999999', providerReference ?? '']) {
      const answer = await resolve(id, { arrived: { providerReference: wrong } });
      assert.ok(answer.__typename === 'ProviderRejectedError', `${wrong} ${JSON.stringify(answer)}`);
      assert.deepEqual([answer.code, answer.provider, answer.moneyMoved], ['PROVIDER_REJECTED', 'OXAPAY', 'UNKNOWN']);
      const payout = await api.payout(id);
      assert.deepEqual([payout.state, payout.providerReference], ['IN_DOUBT', null]);
    }
  });

  it('is seen to: a flag leaves the list, and the payout stays as it is', async () => {
    const { id } = await create(api.merchant, '10.96');
    await api.until(id, 'COMPLETED');
    await api.world.pass(120_000);
    const flagged = await itemOf(id);
    assert.equal(flagged?.reason, 'CONTRADICTED');
    const answer = await resolve(id, { seen: true });
    assert.ok(answer.__typename === 'ResolvePayoutSuccess', JSON.stringify(answer));
    assert.equal(answer.payout.state, 'COMPLETED');
    assert.equal(await itemOf(id), null);
    assert.deepEqual((await api.payout(id)).attention, []);
    const again = await resolve(id, { seen: true });
    assert.equal(again.__typename, 'NotAllowedInStateError');
  });

  it('cannot be settled with a merchant’s key, whatever its scopes', async () => {
    const { id } = await createMissing();
    const before = await readWholeLog(api.world.store, api.world.merchantId);
    const input = { payoutId: id, outcome: { neverArrived: { next: 'FAIL' } }, note };
    const answer = await api.merchant.ask(ResolvePayoutDocument, { input });
    assert.equal(answer.errors?.[0]?.extensions.code, 'FORBIDDEN');
    assert.deepEqual(await readWholeLog(api.world.store, api.world.merchantId), before);
  });

  it('is settled for a payout that is there, and for no other', async () => {
    for (const id of ['po_00000000000000000000000000', 'nonsense']) {
      assert.equal((await resolve(id, { seen: true })).__typename, 'NotFoundError');
    }
    const { id } = await createMissing(api.stranger);
    assert.equal((await resolve(id, { neverArrived: { next: 'FAIL' } })).__typename, 'NotFoundError');
  });

  describe('as a list', () => {
    let own: Api;
    const ids: string[] = [];
    let strangers = '';
    before(async () => {
      own = await openApi(await open());
      for (const client of [own.merchant, own.stranger, own.merchant, own.merchant]) {
        const { id } = await create(client, MISSING, { provider: 'OXAPAY' });
        await own.world.pass(5000);
        if (client === own.stranger) strangers = id;
        else ids.push(id);
      }
    });
    after(() => own.close());

    it('goes from the oldest to the newest, page by page', async () => {
      assert.deepEqual(idsOf(await list(own.merchant)), ids);
      const first = await list(own.merchant, { first: 2 });
      assert.deepEqual([idsOf(first), first.pageInfo.hasNextPage], [ids.slice(0, 2), true]);
      const rest = await list(own.merchant, { first: 2, after: first.pageInfo.endCursor ?? null });
      assert.deepEqual([idsOf(rest), rest.pageInfo.hasNextPage], [ids.slice(2), false]);
      const since = (await list(own.merchant)).edges.map(({ node }) => node.since);
      assert.deepEqual(since, since.toSorted());
    });

    it('is a merchant’s own, and everybody’s for an operator who names nobody', async () => {
      assert.deepEqual(idsOf(await list(own.stranger)), [strangers]);
      const all = idsOf(await list(own.operator));
      assert.deepEqual(all.toSorted(), [...ids, strangers].toSorted());
      const { merchantId } = own.merchant;
      const { attention } = await own.operator.get(AttentionDocument, { merchantId });
      assert.deepEqual(idsOf(attention), ids);
      const foreign = await own.stranger.ask(AttentionDocument, { merchantId });
      assert.equal(foreign.errors?.[0]?.extensions.code, 'FORBIDDEN');
    });

    it('refuses what is no page of it, and a key that may not read', async () => {
      const { payoutEvents } = await own.merchant.get(PayoutEventsDocument, { first: 1 });
      for (const [args, path] of [
        [{ first: 0 }, 'first'],
        [{ first: 101 }, 'first'],
        [{ after: 'nonsense' }, 'after'],
        [{ after: payoutEvents.cursor }, 'after'],
      ] as const) {
        const { errors } = await own.merchant.ask(AttentionDocument, args);
        assert.deepEqual(errors?.[0]?.extensions.issues?.[0]?.path, [path]);
      }
      const writer = await own.caller(own.merchant.merchantId, ['payouts:write']);
      assert.equal((await writer.ask(AttentionDocument)).errors?.[0]?.extensions.code, 'FORBIDDEN');
    });
  });
});
