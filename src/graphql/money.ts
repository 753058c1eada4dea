import type { Fee, FeeMode, Money } from '../domain/money.ts';
import { isZero, parseDecimal } from '../domain/money.ts';
import { builder } from './builder.ts';

/** An amount of a currency. */
export const MoneyObject = builder.objectRef<Money>('Money');
MoneyObject.implement({
  description: "An amount in the currency's own unit.",
  fields: (t) => ({
    amount: t.expose('amount', {
      type: 'Decimal',
      description: "In the currency's own unit: `12.5` USDT is twelve and a half.",
    }),
    currency: t.exposeString('currency', { description: 'Upper-case code, e.g. `USDT`.' }),
  }),
});

const FeeKindEnum = builder.enumType('FeeKind', {
  description: 'What a fee is for.',
  values: {
    PROVIDER: { description: "The provider's own." },
    NETWORK: { description: "The blockchain's." },
    CONVERSION: { description: 'For converting one currency to another.' },
  } as const,
});

/** A fee as the provider reports it. */
export const FeeObject = builder.objectRef<Fee>('Fee');
FeeObject.implement({
  description: 'A fee as the provider reports it; it may be in another currency than the payout.',
  fields: (t) => ({
    amount: t.expose('amount', { type: 'Decimal', description: "In the currency's own unit." }),
    currency: t.exposeString('currency', { description: 'Upper-case code.' }),
    kind: t.expose('kind', { type: FeeKindEnum, description: 'What it is for.' }),
  }),
});

/** Who bears the fees. */
export const FeeModeEnum = builder.enumType('FeeMode', {
  description:
    'Who bears the fees. A provider that cannot do the one asked for is UNSUPPORTED, never silently the other.',
  values: {
    ADD: { description: 'The recipient gets `amount`; fees are debited on top.' },
    DEDUCT: { description: '`amount` is debited; the recipient gets what fees leave.' },
  } as const satisfies Record<FeeMode, unknown>,
});

/** The form of a currency code, for every input that takes one. */
export const currencyRule: { type: 'string'; regex: [RegExp, { message: string }] } = {
  type: 'string',
  regex: [/^[A-Z0-9]{2,12}$/, { message: '2 to 12 of A-Z 0-9' }],
};

/** An amount to pay. */
export const MoneyInput = builder.inputType('MoneyInput', {
  description: 'An amount to pay.',
  fields: (t) => ({
    amount: t.field({
      type: 'Decimal',
      required: true,
      description: "More than zero, in the currency's own unit.",
      validate: {
        refine: [
          [
            (text) => parseDecimal(text) !== null,
            { message: 'plain decimal text, e.g. "12.50": at most 18 places and 30 digits' },
          ],
          [(text) => !isZeroText(text), { message: 'more than zero' }],
        ],
      },
    }),
    currency: t.string({
      required: true,
      description: 'Upper-case code, 2 to 12 of A-Z 0-9, e.g. `USDT`.',
      validate: currencyRule,
    }),
  }),
});

function isZeroText(text: string): boolean {
  const decimal = parseDecimal(text);
  return decimal !== null && isZero(decimal);
}
