import { z } from 'zod';
import { isNetwork, NETWORKS } from '../address.ts';
import type { MerchantId } from '../domain/merchant.ts';
import { canonicalDecimal, parseDecimal } from '../domain/money.ts';
import type { Price, ProviderId, QuoteRequest } from '../domain/provider.ts';
import type { Silence } from '../market.ts';
import type { Quoted } from '../quotes.ts';
import { builder } from './builder.ts';
import { existingMerchant } from './context.ts';
import { InvalidInputError, ProviderRejectedError, ProviderUnavailableError, UnsupportedError } from './errors.ts';
import { merchantIdArg } from './merchant.ts';
import { currencyRule, FeeModeEnum, FeeObject, MoneyInput, MoneyObject } from './money.ts';
import { ProviderIdEnum } from './provider.ts';
import { textRule } from './text.ts';

/** A quote, and the merchant to whom it is given. */
export interface ShownQuote extends Quoted {
  readonly merchantId: MerchantId;
}

/** Whether a price holds. */
export const FirmnessEnum = builder.enumType('Firmness', {
  description: 'Whether a price holds.',
  values: {
    FIRM: { description: 'It holds until `expiresAt`.' },
    INDICATIVE: { description: 'It may move: what it comes to is known once the provider has taken the payout.' },
  } as const satisfies Record<Price['firmness'], unknown>,
});

/** What one provider account would debit, take and deliver. */
export const QuoteObject = builder.objectRef<ShownQuote>('Quote');
QuoteObject.implement({
  description:
    'What one account at a provider would debit, take and deliver. Without a conversion `debit` is exactly `receive` and ' +
    'the fees, but for those of kind NETWORK, which are estimates and stand outside. Where a figure has to be rounded, it is ' +
    'rounded against ourselves: the debit up, what is received down.',
  fields: (t) => ({
    id: t.id({
      description:
        '`qt_…`, at most 2000 of A-Z a-z 0-9 _ -: with it as `quoteId`, `createPayout` is held to the quote. It carries the ' +
        'whole quote, signed, for this merchant alone; the same quote has the same id.',
      resolve: (quote, _args, { quotes }) => quotes.sign(quote.merchantId, quote),
    }),
    provider: t.expose('provider', { type: ProviderIdEnum, description: 'Who would pay.' }),
    account: t.exposeString('account', { description: 'Our name for the account there.' }),
    debit: t.field({
      type: MoneyObject,
      description: 'What would leave our balance there, rounded up where it has to be.',
      resolve: ({ price }) => price.debit,
    }),
    fees: t.field({
      type: [FeeObject],
      description:
        'What the provider takes, contained in `debit`; a fee of kind NETWORK is an estimate and comes beside it. Empty: it ' +
        'takes nothing, or does not say.',
      resolve: ({ price }) => [...price.fees],
    }),
    receive: t.field({
      type: MoneyObject,
      description: 'What the recipient would get, rounded down where it has to be.',
      resolve: ({ price }) => price.receive,
    }),
    rate: t.field({
      type: 'Decimal',
      nullable: true,
      description:
        'Units of the currency that is received for one unit of the currency that is debited, before fees; null: no conversion.',
      resolve: ({ price }) => price.rate,
    }),
    firmness: t.field({
      type: FirmnessEnum,
      description: 'Whether it holds.',
      resolve: ({ price }) => price.firmness,
    }),
    expiresAt: t.field({
      type: 'DateTime',
      description:
        "Until when `createPayout` takes its id: the provider's own end, or a minute after it was asked where it names none.",
      resolve: ({ price }) => price.expiresAt,
    }),
  }),
});

const QuoteOutcomeUnion = builder.errorUnion('QuoteOutcome', {
  description:
    'What one provider said. One that cannot price this, does not answer in time or refuses is an error in its own place.',
  types: [QuoteObject, UnsupportedError, ProviderUnavailableError, ProviderRejectedError],
  resolveType: () => QuoteObject,
});

/** Why an account said nothing, as callers are told of it; `what`: what it was asked for, e.g. `prices`. */
export function toSilenceError(
  silence: Silence & { readonly provider: ProviderId },
  what: string,
): UnsupportedError | ProviderUnavailableError | ProviderRejectedError {
  const { provider } = silence;
  switch (silence.kind) {
    case 'unsupported':
      return new UnsupportedError([{ provider, reason: silence.reason }]);
    case 'unavailable':
      return new ProviderUnavailableError(provider, silence.cause, silence.retryAt);
    case 'rejected':
      return new ProviderRejectedError(provider, `it tells us no ${what}`, silence);
  }
}

const QuotesInput = builder.inputType('QuotesInput', {
  description: 'What a payout would be, as far as money goes: the same fields as of `createPayout`.',
  fields: (t) => ({
    amount: t.field({ type: MoneyInput, required: true, description: 'How much. `feeMode` says who bears the fees.' }),
    feeMode: t.field({ type: FeeModeEnum, required: true, defaultValue: 'ADD', description: 'Who bears the fees.' }),
    network: t.string({
      required: false,
      description:
        `Where to, of payouts on a blockchain: our code, one of ${NETWORKS.join(', ')}. Left out: to no blockchain, or on ` +
        'the one network where a provider pays the currency.',
      validate: { refine: [isNetwork, { message: `one of ${NETWORKS.join(', ')}` }] },
    }),
    channel: t.string({
      required: false,
      description:
        "A provider's own payment channel (`referenceData`, `CHANNELS`). 1 to 64 printable characters. Default: none.",
      validate: textRule(64),
    }),
    sourceCurrency: t.string({
      required: false,
      description:
        'The recipient gets `amount`; debit this currency instead and let the provider convert. 2 to 12 of A-Z 0-9. Left ' +
        "out: the amount's own.",
      validate: currencyRule,
    }),
    receiveCurrency: t.string({
      required: false,
      description:
        'The other way: `amount` is debited, and the recipient gets what the rate gives in this currency. 2 to 12 of A-Z ' +
        "0-9. Not together with `sourceCurrency`. Left out: the amount's own.",
      validate: currencyRule,
    }),
    providers: t.field({
      type: [ProviderIdEnum],
      required: false,
      description: 'Whom to ask, at least one. Default: everybody.',
      validate: { type: 'array', minLength: [1, { message: 'at least one, or left out' }] },
    }),
  }),
});

type Input = typeof QuotesInput.$inferInput;

/** Fields whose use depends on each other. */
function checkRelated({ sourceCurrency, receiveCurrency }: Input, check: z.RefinementCtx): void {
  if (sourceCurrency == null || receiveCurrency == null) return;
  check.addIssue({ code: 'custom', path: ['receiveCurrency'], message: 'not together with sourceCurrency' });
}

function toRequest({ amount, feeMode, network, channel, sourceCurrency, receiveCurrency }: Input): QuoteRequest {
  const decimal = parseDecimal(amount.amount);
  if (decimal === null) throw new InvalidInputError([{ path: ['amount', 'amount'], message: 'plain decimal text' }]);
  return {
    amount: { amount: canonicalDecimal(decimal), currency: amount.currency },
    feeMode,
    network: network ?? null,
    channel: channel ?? null,
    sourceCurrency: sourceCurrency ?? null,
    receiveCurrency: receiveCurrency ?? null,
  };
}

builder.queryField('quotes', (t) =>
  t.field({
    type: [QuoteOutcomeUnion],
    authScopes: { $any: { reads: true, writes: true } },
    complexity: { field: 10, multiplier: 5 },
    description:
      'What each provider would take for a payout, side by side and in the configured order: one quote for each account that ' +
      'prices it, else one error for the provider. All are asked at once, and whoever has not answered after 3 seconds is ' +
      'PROVIDER_UNAVAILABLE. What an INDICATIVE quote is made of may be seconds old; a FIRM one is always new. Nothing is ' +
      'stored or reserved.',
    args: {
      input: t.arg({
        type: QuotesInput,
        required: true,
        description: 'What would be paid.',
        validate: { schema: z.custom<Input>().superRefine(checkRelated) },
      }),
      merchantId: t.arg.id(merchantIdArg),
    },
    resolve: async (_root, args, context) => {
      const merchantId = await existingMerchant(context, args.merchantId);
      const request = toRequest(args.input);
      const answers = await context.market.quotes(request, args.input.providers ?? null);
      return answers.map((answer) => {
        if (answer.kind !== 'known') return toSilenceError(answer, 'prices');
        const { provider, account, quote: price } = answer;
        return { merchantId, provider, account, request, price } satisfies ShownQuote;
      });
    },
  }),
);
