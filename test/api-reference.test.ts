import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { MerchantId } from '../src/domain/merchant.ts';
import type { PayoutId } from '../src/domain/payout.ts';
import {
  ProviderAssetsDocument,
  ProviderHealthDocument,
  ReferenceDataDocument,
} from './operations/generated/graphql.ts';
import { type Api, bankInputOf, create, createFrom, describeApi, openApi } from './support/api.ts';

const TEN_MINUTES = 600_000;

describeApi('what providers say of themselves', (open) => {
  let api: Api;
  before(async () => {
    api = await openApi(await open());
  });
  after(() => api.close());

  const known = (id: string) => api.world.providers.find((one) => one.id === id) ?? assert.fail();

  describe('referenceData', () => {
    it('lists areas within areas, and occupations, as a beneficiary needs them', async () => {
      const areas = await api.merchant.get(ReferenceDataDocument, { provider: 'XCURRENCY', kind: 'AREAS' });
      const [state] = areas.referenceData;
      const [city] = state?.children ?? [];
      assert.ok(state?.localName && city?.value && city.children.length > 0, JSON.stringify(state).slice(0, 300));
      const occupations = await api.merchant.get(ReferenceDataDocument, { provider: 'XCURRENCY', kind: 'OCCUPATIONS' });
      const [occupation] = occupations.referenceData;
      assert.ok(occupation?.value);
      const { destination } = bankInputOf('100');
      const beneficiary = { ...destination.bank?.beneficiary, occupation: occupation.value };
      const accountNumber = destination.bank?.accountNumber ?? '';
      const input = bankInputOf('100', { destination: { bank: { accountNumber, beneficiary } } });
      const { id } = await createFrom(api.merchant, input);
      await api.until(id, 'COMPLETED');
    });

    it('lists the words that a create must use', async () => {
      const { purpose, relationship, sourceOfFunds } = bankInputOf('100');
      for (const [kind, value] of [
        ['PURPOSES', purpose],
        ['RELATIONSHIPS', relationship],
        ['SOURCES_OF_FUNDS', sourceOfFunds],
        ['DOCUMENT_TYPES', 'proforma_invoice'],
      ] as const) {
        const { referenceData } = await api.merchant.get(ReferenceDataDocument, { provider: 'XCURRENCY', kind });
        assert.ok(
          referenceData.some((entry) => entry.value === value),
          kind,
        );
      }
    });

    it('is UNSUPPORTED with the reason where the provider has no such list', async () => {
      for (const provider of ['OXAPAY', 'XCURRENCY'] as const) {
        const { data, errors } = await api.merchant.ask(ReferenceDataDocument, { provider, kind: 'CHANNELS' });
        assert.equal(data ?? null, null);
        const { code, retryable, moneyMoved } = errors?.[0]?.extensions ?? {};
        assert.deepEqual([code, retryable, moneyMoved], ['UNSUPPORTED', false, 'NO']);
        assert.match(errors?.[0]?.message ?? '', new RegExp(`${provider}.*CHANNELS`));
      }
    });

    it('needs no scope: who may only write has to fill in a beneficiary too', async () => {
      const writer = await api.caller(api.merchant.merchantId, ['payouts:write']);
      const { referenceData } = await writer.get(ReferenceDataDocument, { provider: 'XCURRENCY', kind: 'PURPOSES' });
      assert.ok(referenceData.length > 0);
    });
  });

  describe('Provider.assets', () => {
    it('is what the provider lists, with its figures', async () => {
      const { provider } = await api.merchant.get(ProviderAssetsDocument, { provider: 'IO2328' });
      const usdt = provider?.assets.find((asset) => asset.currency === 'USDT' && asset.network === 'TRON');
      assert.ok(usdt?.minAmount, JSON.stringify(provider?.assets).slice(0, 300));
      assert.deepEqual(usdt.feeModes.toSorted(), ['ADD', 'DEDUCT']);
    });

    it('is what its pages say where it has no list', async () => {
      assert.equal(known('XCURRENCY').assets, undefined);
      const { provider } = await api.merchant.get(ProviderAssetsDocument, { provider: 'XCURRENCY' });
      assert.deepEqual(provider?.assets, known('XCURRENCY').knownAssets);
    });

    it('below a payout asks nobody', async () => {
      const fresh = await openApi(await open());
      try {
        const { id } = await create(fresh.merchant, '10.83', { provider: 'OXAPAY' });
        await fresh.until(id, 'PROCESSING');
        const assets = 'assets { currency network minAmount maxAmount fee feeModes }';
        const { data } = await fresh.merchant.ask(`{ payouts { edges { node { provider { ${assets} } } } } }`);
        const pages = fresh.world.providers.find((one) => one.id === 'OXAPAY')?.knownAssets;
        assert.deepEqual(data, { payouts: { edges: [{ node: { provider: { assets: pages } } }] } });
      } finally {
        await fresh.close();
      }
    });
  });

  it('outlives a provider that is down: what was listed is shown, and the rest is PROVIDER_UNAVAILABLE', async () => {
    const lone = await openApi(await open());
    try {
      const listed = { provider: 'XCURRENCY', kind: 'OCCUPATIONS' } as const;
      const occupations = await lone.merchant.get(ReferenceDataDocument, listed);
      const assets = await lone.merchant.get(ProviderAssetsDocument, { provider: 'IO2328' });
      await lone.world.sandbox?.close();
      await lone.world.clock.advance(TEN_MINUTES + 1);
      assert.deepEqual(await lone.merchant.get(ReferenceDataDocument, listed), occupations);
      assert.deepEqual(await lone.merchant.get(ProviderAssetsDocument, { provider: 'IO2328' }), assets);
      const { provider } = await lone.merchant.get(ProviderAssetsDocument, { provider: 'OXAPAY' });
      assert.deepEqual(provider?.assets, lone.world.providers.find((one) => one.id === 'OXAPAY')?.knownAssets);

      const { errors } = await lone.merchant.ask(ReferenceDataDocument, { provider: 'XCURRENCY', kind: 'AREAS' });
      const extensions = errors?.[0]?.extensions;
      assert.partialDeepStrictEqual(extensions, {
        code: 'PROVIDER_UNAVAILABLE',
        retryable: true,
        moneyMoved: 'NO',
        provider: 'XCURRENCY',
      });
    } finally {
      await lone.close();
    }
  });

  it('counts what waits for a provider: a merchant’s own, and everybody’s for an operator', async () => {
    const idle = await openApi(await open({}, { working: false }));
    try {
      const health = async (client = idle.merchant) =>
        (await client.get(ProviderHealthDocument, { provider: 'IO2328' })).provider?.health;
      const nothing = { state: 'UNKNOWN', lastSuccessAt: null, lastFailureAt: null, queued: 0, oldestQueuedAt: null };
      assert.deepEqual(await health(), nothing);
      const { createdAt } = await create(idle.merchant, '10');
      await idle.world.clock.advance(1000);
      await create(idle.merchant, '10');
      await create(idle.stranger, '10');
      await create(idle.merchant, '10', { provider: 'OXAPAY' });
      assert.deepEqual(await health(), { ...nothing, queued: 2, oldestQueuedAt: createdAt });
      const { provider } = await idle.operator.get(ProviderHealthDocument, { provider: 'IO2328' });
      assert.equal(provider?.health.queued, 3);
    } finally {
      await idle.close();
    }
  });

  it('tells how a provider does by what it answered', async () => {
    const { id } = await create(api.merchant, '10');
    await api.world.until({ merchantId: api.merchant.merchantId as MerchantId, id: id as PayoutId }, ['COMPLETED']);
    const { provider } = await api.merchant.get(ProviderHealthDocument, { provider: 'IO2328' });
    assert.equal(provider?.health.state, 'UP');
    assert.ok(provider?.health.lastSuccessAt);
  });
});
