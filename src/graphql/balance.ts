import type { Balance } from '../domain/provider.ts';
import type { BalancesAnswer } from '../market.ts';
import { builder } from './builder.ts';
import { requireScope } from './context.ts';
import { ProviderRejectedError, ProviderUnavailableError, UnsupportedError } from './errors.ts';
import { ProviderIdEnum } from './provider.ts';
import { toSilenceError } from './quote.ts';

type KnownBalances = Extract<BalancesAnswer, { kind: 'known' }>;

const BalanceObject = builder.objectRef<Balance>('Balance').implement({
  description: 'What we have of one currency.',
  fields: (t) => ({
    currency: t.exposeString('currency', { description: 'Upper-case code, e.g. `USDT`.' }),
    available: t.expose('available', {
      type: 'Decimal',
      description: "What can be paid out of, in the currency's own unit.",
    }),
    locked: t.expose('locked', {
      type: 'Decimal',
      nullable: true,
      description: 'What the provider holds back, beside `available`; null: it does not say.',
    }),
  }),
});

const ProviderBalancesObject = builder.objectRef<KnownBalances>('ProviderBalances').implement({
  description: 'What we have at one account.',
  fields: (t) => ({
    provider: t.expose('provider', { type: ProviderIdEnum, description: 'Where.' }),
    account: t.exposeString('account', { description: 'Our name for the account there.' }),
    at: t.expose('at', { type: 'DateTime', description: 'When the provider was asked.' }),
    balances: t.field({
      type: [BalanceObject],
      description: 'One for each currency that the provider tells of. Empty: it tells of none.',
      complexity: { field: 1, multiplier: 10 },
      resolve: ({ balances }) => [...balances],
    }),
  }),
});

const BalancesOutcomeUnion = builder.errorUnion('BalancesOutcome', {
  description:
    'What one account holds. One that tells no balances, does not answer in time or refuses is an error in its own place.',
  types: [ProviderBalancesObject, UnsupportedError, ProviderUnavailableError, ProviderRejectedError],
  resolveType: () => ProviderBalancesObject,
});

builder.queryField('balances', (t) =>
  t.field({
    type: [BalancesOutcomeUnion],
    authScopes: (_root, _args, context) => {
      requireScope(context, 'balances:read');
      return true;
    },
    complexity: { field: 10, multiplier: 5 },
    description:
      'What we have at each provider, side by side and in the configured order: one item for each account, or one error for a ' +
      'provider that tells no balances. All are asked at once, and whoever has not answered after 3 seconds is ' +
      'PROVIDER_UNAVAILABLE. A balance is at most a second old. Balances belong to the deployment: the key needs the scope ' +
      'balances:read.',
    args: {
      providers: t.arg({
        type: [ProviderIdEnum],
        required: false,
        description: 'Whom to ask, at least one. Default: everybody.',
        validate: { type: 'array', minLength: [1, { message: 'at least one, or left out' }] },
      }),
    },
    resolve: async (_root, { providers }, { market }) => {
      const answers = await market.balances(providers ?? null);
      return answers.map((answer) => (answer.kind === 'known' ? answer : toSilenceError(answer, 'balances')));
    },
  }),
);
