import {
  type AssetTerms,
  abilitiesOf,
  type Provider,
  type ProviderAbility,
  type ProviderId,
} from '../domain/provider.ts';
import { definitions } from '../providers/index.ts';
import { builder } from './builder.ts';
import { FeeModeEnum } from './money.ts';

/** One value for each folder of `src/providers`. */
export const ProviderIdEnum = builder.enumType('ProviderId', {
  description: 'A payout provider.',
  values: Object.fromEntries(definitions.map(({ id, name }) => [id, { value: id, description: name }])),
});

/** SANDBOX or LIVE. */
export const EnvironmentEnum = builder.enumType('Environment', {
  description: 'What the deployment is for. A store belongs to one of them for ever.',
  values: {
    SANDBOX: { description: 'Stand-in providers: no money moves.' },
    LIVE: { description: 'Real providers and real money.' },
  } as const,
});

const ProviderAbilityEnum = builder.enumType('ProviderAbility', {
  description: 'What a provider can do. New values may be added.',
  values: {
    SUBMIT: { description: 'It takes payouts.' },
    IDEMPOTENT_SUBMIT: {
      description: 'It answers a repeated order with the first one, so a lost answer is settled by asking again.',
    },
    BATCH_SUBMIT: { description: 'It takes several payouts in one call.' },
    LOOKUP: { description: 'It can be asked what became of a payout.' },
    LOOKUP_BY_REFERENCE: { description: 'It finds a payout by our order number, also where its answer was lost.' },
    SIGNED_WEBHOOK: { description: 'It reports changes by itself, verifiably.' },
    HINT_WEBHOOK: { description: 'It tells by itself that something changed; it is then asked what.' },
    QUOTE: { description: 'It tells a price beforehand.' },
    BALANCES: { description: 'It tells our balances.' },
    ASSETS: { description: 'It lists what it pays; `assets` is what it says, not only what its pages say.' },
    REFERENCE_DATA: { description: 'It lists words of its own, which `referenceData` gives.' },
    CONFIRM: { description: 'It pays in two steps; `autoConfirm` and `confirmPayout` are the second.' },
    CANCEL: { description: 'It can let go of a payout that it has.' },
    AMEND: { description: 'It takes corrections of a payout that it has.' },
    DOCUMENTS: { description: 'It takes supporting documents.' },
  } as const satisfies Record<ProviderAbility, unknown>,
});

/** A provider's id as a node: `pr_` and its name in small letters. */
export function providerNodeId(id: ProviderId): string {
  return `pr_${id.toLowerCase()}`;
}

const AssetObject = builder.objectRef<AssetTerms>('Asset').implement({
  description: "What can be paid: a currency, on a network or as money at a bank. Amounts in the currency's own unit.",
  fields: (t) => ({
    currency: t.exposeString('currency', { description: 'Upper-case code, e.g. `USDT`.' }),
    network: t.exposeString('network', {
      nullable: true,
      description: 'Our code, e.g. `TRON`; null: on no blockchain.',
    }),
    minAmount: t.expose('minAmount', {
      type: 'Decimal',
      nullable: true,
      description: 'The least that it pays; null: not told.',
    }),
    maxAmount: t.expose('maxAmount', {
      type: 'Decimal',
      nullable: true,
      description: 'The most that it pays at once; null: not told, or no limit.',
    }),
    fee: t.expose('fee', {
      type: 'Decimal',
      nullable: true,
      description: 'What it takes for one payout, in the same currency; null: not told, or not fixed.',
    }),
    feeModes: t.expose('feeModes', { type: [FeeModeEnum], description: 'Who can bear the fee.' }),
  }),
});

/** A provider, and whether its fields may ask it: only where it was asked for by itself, never once for each payout. */
export interface ShownProvider {
  readonly provider: Provider;
  readonly mayAsk: boolean;
}

/** A payout provider as this deployment knows it. */
export const ProviderNode = builder.objectRef<ShownProvider>('Provider');
builder.node(ProviderNode, {
  description: 'A payout provider, as this deployment knows it.',
  id: { resolve: ({ provider }) => providerNodeId(provider.id) },
  fields: (t) => ({
    provider: t.field({
      type: ProviderIdEnum,
      description: 'Its name in inputs and filters.',
      resolve: ({ provider }) => provider.id,
    }),
    name: t.string({ description: 'As people write it.', resolve: ({ provider }) => provider.name }),
    environment: t.field({
      type: EnvironmentEnum,
      description: 'The environment of the deployment.',
      resolve: (_shown, _args, { store }) => store.environment,
    }),
    enabled: t.boolean({
      description: 'Whether it takes new payouts. One that is off still finishes the old ones.',
      resolve: ({ provider }) => provider.accounts.some((account) => account.enabled),
    }),
    abilities: t.field({
      type: [ProviderAbilityEnum],
      description: 'What it can do.',
      resolve: ({ provider }) => abilitiesOf(provider),
    }),
    assets: t.field({
      type: [AssetObject],
      description:
        'What it pays: as it says itself, at most ten minutes old; where it cannot be asked, as it last said; where it never ' +
        'did, as its pages say, without figures. Of a provider below a payout: as last known.',
      complexity: { field: 5, multiplier: 20 },
      resolve: ({ provider: { id }, mayAsk }, _args, { catalogue }) =>
        mayAsk ? catalogue.assets(id) : catalogue.knownAssets(id),
    }),
  }),
});

builder.queryFields((t) => ({
  providers: t.field({
    type: [ProviderNode],
    description: 'Every provider of the deployment, in the order in which they are considered.',
    resolve: (_root, _args, { providers }) => providers.map((provider) => ({ provider, mayAsk: true })),
  }),
  provider: t.field({
    type: ProviderNode,
    nullable: true,
    description: 'One provider; null when the deployment does not have it.',
    args: { provider: t.arg({ type: ProviderIdEnum, required: true, description: 'Which one.' }) },
    resolve: (_root, args, { providers }) => {
      const provider = providers.find((one) => one.id === args.provider);
      return provider ? { provider, mayAsk: true } : null;
    },
  }),
}));
