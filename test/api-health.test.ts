import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { definitions } from '../src/providers/index.ts';
import { HealthsDocument, WatchHealthDocument, type WatchHealthSubscription } from './operations/generated/graphql.ts';
import { type Api, create, describeApi, openApi } from './support/api.ts';
import { TRANSPORTS } from './support/client.ts';

type Told = WatchHealthSubscription['providerHealth'];
const submitOf = ({ circuits }: Pick<Told, 'circuits'>) => circuits.find(({ kind }) => kind === 'SUBMIT');

describeApi('the health of providers', (open) => {
  let api: Api;
  before(async () => {
    api = await openApi(await open());
  });
  after(() => api.close());
  const now = (): string => api.world.clock.now().toISOString();

  it('is told of each, unknown and without circuits before its first call', async () => {
    const { providers } = await api.merchant.get(HealthsDocument);
    assert.deepEqual(
      providers.map(({ health }) => health),
      providers.map(({ provider }) => ({
        ...{ provider, state: 'UNKNOWN', circuits: [], lastSuccessAt: null, lastFailureAt: null },
      })),
    );
  });

  it('is told with the reason while a provider wants to be left alone, in words of no other merchant’s payout', async () => {
    const { id } = await create(api.stranger, '10.67', { provider: 'OXAPAY' });
    await api.world.rest();
    const { providers } = await api.merchant.get(HealthsDocument);
    const health = providers.find(({ provider }) => provider === 'OXAPAY')?.health;
    const retryAt = new Date(api.world.clock.now().getTime() + 1000).toISOString();
    const circuit = { kind: 'SUBMIT', state: 'OPEN', since: now(), reason: 'it gets too many calls', retryAt };
    assert.deepEqual(health, {
      ...{ provider: 'OXAPAY', state: 'DOWN', circuits: [circuit], lastSuccessAt: null, lastFailureAt: now() },
    });
    assert.ok(!JSON.stringify(providers).includes(id));
  });

  for (const transport of TRANSPORTS) {
    it(`is told over ${transport} as it is and then as it changes, and not where it does not`, async () => {
      const listener = await api.merchant.listen(transport, WatchHealthDocument, { providers: ['IO2328'] });
      const first = (await listener.take(1))[0]?.providerHealth;
      assert.deepEqual([first?.provider, first?.queued], ['IO2328', 0]);
      assert.notEqual(first?.state, 'DOWN');
      await api.until((await create(api.merchant, '10', { provider: 'OXAPAY' })).id, 'COMPLETED');
      const told: Told[] = [];
      const hear = async (fits: (one: Told) => boolean): Promise<Told | undefined> => {
        const heard = await listener.until(({ providerHealth }) => fits(providerHealth));
        told.push(...heard.map(({ providerHealth }) => providerHealth));
        return told.at(-1);
      };
      for (const amount of ['10.67', '11.67']) {
        const { id } = await create(api.merchant, amount);
        const refused = await hear(({ state }) => state === 'DOWN');
        const circuit = refused && submitOf(refused);
        assert.deepEqual([circuit?.state, circuit?.reason], ['OPEN', 'it gets too many calls']);
        await api.until(id, 'COMPLETED');
        await hear((one) => submitOf(one)?.state === 'CLOSED');
        // Answered as before: of this nothing is told.
        await api.until((await create(api.merchant, '10')).id, 'COMPLETED');
      }
      assert.ok(told.every(({ provider }) => provider === 'IO2328'));
      const words = told.map(({ state, circuits }) => JSON.stringify([state, circuits]));
      assert.ok(words.every((word, at) => word !== words[at - 1]));
      listener.close();
    });

    it(`is told over ${transport} of every provider, in the order of the deployment, where none is named`, async () => {
      const listener = await api.merchant.listen(transport, WatchHealthDocument, {});
      const told = await listener.take(definitions.length);
      assert.deepEqual(
        told.map(({ providerHealth }) => providerHealth.provider),
        definitions.map(({ id }) => id),
      );
      listener.close();
    });

    it(`is told over ${transport} of each provider once, however often it is named`, async () => {
      const providers = ['OXAPAY', 'IO2328', 'OXAPAY'] as const;
      const listener = await api.merchant.listen(transport, WatchHealthDocument, { providers: [...providers] });
      const told = (await listener.take(2)).map(({ providerHealth }) => providerHealth.provider);
      assert.deepEqual(
        told,
        definitions.map(({ id }) => id as string).filter((id) => id === 'OXAPAY' || id === 'IO2328'),
      );
      await create(api.merchant, '12.67');
      const next = (await listener.take(1))[0]?.providerHealth;
      assert.deepEqual([next?.provider, next?.state], ['IO2328', 'DOWN']);
      listener.close();
      await api.world.pass(60_000);
    });

    it(`is refused over ${transport} where a list names nobody, or the key may not read`, async () => {
      const nobody = await api.merchant.listen(transport, WatchHealthDocument, { providers: [] });
      assert.equal((await nobody.next())?.errors?.[0]?.extensions.code, 'INVALID_INPUT');
      const writer = await api.caller(api.merchant.merchantId, ['payouts:write']);
      const refused = await writer.listen(transport, WatchHealthDocument, {});
      assert.equal((await refused.next())?.errors?.[0]?.extensions.code, 'FORBIDDEN');
    });
  }

  it('is not told of a provider that the deployment does not have, and says which of those that were named', async () => {
    const lone = await openApi(await open({}, { definitions: definitions.filter(({ id }) => id === 'IO2328') }));
    try {
      const listener = await lone.merchant.listen('SSE', WatchHealthDocument, { providers: ['IO2328', 'OXAPAY'] });
      const error = (await listener.next())?.errors?.[0];
      assert.equal(error?.extensions.code, 'INVALID_INPUT');
      assert.match(error?.message ?? '', /^providers\.1: /);
    } finally {
      await lone.close();
    }
  });
});
