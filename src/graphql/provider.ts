import type { Provider, ProviderId } from '../domain/provider.ts';
import { definitions } from '../providers/index.ts';
import { builder } from './builder.ts';

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
    LOOKUP: { description: 'It can be asked what became of a payout.' },
    LOOKUP_BY_REFERENCE: { description: 'It finds a payout by our order number, also where its answer was lost.' },
    SIGNED_WEBHOOK: { description: 'It reports changes by itself, verifiably.' },
  } as const,
});

type Ability = typeof ProviderAbilityEnum.$inferType;

/** A provider's id as a node: `pr_` and its name in small letters. */
export function providerNodeId(id: ProviderId): string {
  return `pr_${id.toLowerCase()}`;
}

/** Derived from what the provider is, so that there is no list beside it. */
function abilitiesOf(provider: Provider): Ability[] {
  return [
    'SUBMIT',
    ...(provider.onRepeat === 'returnsFirst' ? (['IDEMPOTENT_SUBMIT'] as const) : []),
    'LOOKUP',
    ...(provider.findsByOrderNumber ? (['LOOKUP_BY_REFERENCE'] as const) : []),
    'SIGNED_WEBHOOK',
  ];
}

/** A payout provider as this deployment knows it. */
export const ProviderNode = builder.objectRef<Provider>('Provider');
builder.node(ProviderNode, {
  description: 'A payout provider, as this deployment knows it.',
  id: { resolve: (provider) => providerNodeId(provider.id) },
  fields: (t) => ({
    provider: t.expose('id', { type: ProviderIdEnum, description: 'Its name in inputs and filters.' }),
    name: t.exposeString('name', { description: 'As people write it.' }),
    environment: t.field({
      type: EnvironmentEnum,
      description: 'The environment of the deployment.',
      resolve: (_provider, _args, { store }) => store.environment,
    }),
    enabled: t.boolean({
      description: 'Whether it takes new payouts. One that is off still finishes the old ones.',
      resolve: ({ accounts }) => accounts.some((account) => account.enabled),
    }),
    abilities: t.field({
      type: [ProviderAbilityEnum],
      description: 'What it can do.',
      resolve: abilitiesOf,
    }),
  }),
});

builder.queryFields((t) => ({
  providers: t.field({
    type: [ProviderNode],
    description: 'Every provider of the deployment, in the order in which they are considered.',
    resolve: (_root, _args, { providers }) => providers,
  }),
  provider: t.field({
    type: ProviderNode,
    nullable: true,
    description: 'One provider; null when the deployment does not have it.',
    args: { provider: t.arg({ type: ProviderIdEnum, required: true, description: 'Which one.' }) },
    resolve: (_root, args, { providers }) => providers.find((one) => one.id === args.provider) ?? null,
  }),
}));
