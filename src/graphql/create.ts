import type { MerchantId } from '../domain/merchant.ts';
import { type Decimal, parseDecimal } from '../domain/money.ts';
import type { MetadataEntry, Payout, PayoutId } from '../domain/payout.ts';
import type { Actor, CreateInput } from '../payouts.ts';
import { builder } from './builder.ts';
import { type Context, merchantOf, parseId } from './context.ts';
import { DestinationInput, textRule, toDestination } from './destination.ts';
import {
  InvalidInputError,
  NotAllowedInStateError,
  NotFoundError,
  ReferenceConflictError,
  UnsupportedError,
} from './errors.ts';
import { merchantIdArg } from './merchant.ts';
import { currencyRule, FeeModeEnum, MoneyInput } from './money.ts';
import { type LoadedPayout, loadPayout, PayoutNode } from './payout.ts';
import { ProviderIdEnum } from './provider.ts';

const MetadataEntryInput = builder.inputType('MetadataEntryInput', {
  description: "A fact of the merchant's own.",
  fields: (t) => ({
    key: t.string({
      required: true,
      description: '1 to 40 printable characters, unique within the payout.',
      validate: textRule(40),
    }),
    value: t.string({
      required: true,
      description: 'At most 500 characters.',
      validate: { type: 'string', maxLength: [500, { message: 'at most 500 characters' }] },
    }),
  }),
});

const CreatePayoutInput = builder.inputType('CreatePayoutInput', {
  description: 'What to pay. The same reference with the same input answers the first payout, for ever.',
  fields: (t) => ({
    reference: t.string({
      required: true,
      description: "The merchant's order number, the idempotency key, for ever. 1 to 64 of A-Z a-z 0-9 . _ : / -",
      validate: {
        type: 'string',
        regex: [/^[A-Za-z0-9._:/-]{1,64}$/, { message: '1 to 64 of A-Z a-z 0-9 . _ : / -' }],
      },
    }),
    amount: t.field({ type: MoneyInput, required: true, description: 'How much. `feeMode` says who bears the fees.' }),
    feeMode: t.field({ type: FeeModeEnum, required: true, defaultValue: 'ADD', description: 'Who bears the fees.' }),
    destination: t.field({ type: DestinationInput, required: true, description: 'Where to.' }),
    provider: t.field({
      type: ProviderIdEnum,
      required: false,
      description: 'Who is to pay it. Left out: Outflow chooses the first that can.',
    }),
    sourceCurrency: t.string({
      required: false,
      description:
        'The recipient gets `amount`; debit this currency instead and let the provider convert. 2 to 12 of A-Z 0-9. Left ' +
        "out: the amount's own.",
      validate: currencyRule,
    }),
    sendBefore: t.field({
      type: 'DateTime',
      required: false,
      description: 'Not sent by then: FAILED with EXPIRED, and nothing moved. Left out: no limit.',
    }),
    description: t.string({
      required: false,
      description: "The merchant's own words, which the provider may show. 1 to 255 printable characters.",
      validate: textRule(255),
    }),
    metadata: t.field({
      type: [MetadataEntryInput],
      required: false,
      description: "The merchant's own facts, at most 50, their keys unique. No provider sees them. Default: none.",
      validate: {
        type: 'array',
        maxLength: [50, { message: 'at most 50 entries' }],
        refine: [hasUniqueKeys, { message: 'every key once' }],
      },
    }),
  }),
});

function hasUniqueKeys(entries: readonly MetadataEntry[]): boolean {
  return new Set(entries.map(({ key }) => key)).size === entries.length;
}

type Input = typeof CreatePayoutInput.$inferInput;

/** The input as the write side takes it: what was left out is null. */
function toCreateInput(input: Input): CreateInput {
  return {
    reference: input.reference,
    order: {
      amount: { amount: readDecimal(input.amount.amount), currency: input.amount.currency },
      feeMode: input.feeMode,
      destination: toDestination(input.destination),
      sourceCurrency: input.sourceCurrency ?? null,
      description: input.description ?? null,
    },
    provider: input.provider ?? null,
    sendBefore: input.sendBefore ?? null,
    metadata: input.metadata ?? [],
  };
}

function readDecimal(text: string): Decimal {
  const decimal = parseDecimal(text);
  if (decimal === null) throw new InvalidInputError([{ path: ['amount', 'amount'], message: 'plain decimal text' }]);
  return decimal;
}

const CreatePayoutSuccess = builder
  .objectRef<{ readonly payout: LoadedPayout; readonly replayed: boolean }>('CreatePayoutSuccess')
  .implement({
    description: 'The payout is stored, durably, and will be sent.',
    fields: (t) => ({
      payout: t.expose('payout', { type: PayoutNode, description: 'The payout as it is now.' }),
      replayed: t.exposeBoolean('replayed', {
        description: 'True where this reference had already created this very payout.',
      }),
    }),
  });

builder.mutationField('createPayout', (t) =>
  t.field({
    type: CreatePayoutSuccess,
    authScopes: { writes: true },
    errors: { types: [InvalidInputError, ReferenceConflictError, UnsupportedError] },
    description:
      'Asks for a payout, once for each reference however often it is asked. It answers when the payout is stored; no ' +
      'provider was called yet.',
    args: {
      input: t.arg({ type: CreatePayoutInput, required: true, description: 'What to pay.' }),
      merchantId: t.arg.id(merchantIdArg),
    },
    resolve: async (_root, args, context) => {
      const merchantId = await existingMerchant(context, args.merchantId);
      const result = await context.payouts.create(merchantId, actorOf(context), toCreateInput(args.input));
      switch (result.kind) {
        case 'created':
          context.log.info(
            { requestId: context.requestId, payoutId: result.payout.id, replayed: result.replayed },
            'payout asked for',
          );
          return { payout: await reload(context, result.payout), replayed: result.replayed };
        case 'conflict':
          throw new ReferenceConflictError(await reload(context, result.payout), result.differences);
        case 'unsupported':
          throw new UnsupportedError(result.reasons);
      }
    },
  }),
);

const CancelPayoutInput = builder.inputType('CancelPayoutInput', {
  description: 'Which payout to call off.',
  fields: (t) => ({ id: t.id({ required: true, description: '`po_…`' }) }),
});

const CancelPayoutSuccess = builder.objectRef<{ readonly payout: LoadedPayout }>('CancelPayoutSuccess').implement({
  description: 'The payout is CANCELLED and will not be sent.',
  fields: (t) => ({ payout: t.expose('payout', { type: PayoutNode, description: 'The payout as it is now.' }) }),
});

builder.mutationField('cancelPayout', (t) =>
  t.field({
    type: CancelPayoutSuccess,
    authScopes: { writes: true },
    errors: { types: [InvalidInputError, NotFoundError, NotAllowedInStateError] },
    description: 'Calls a payout off while it is QUEUED. Cancelling what is cancelled answers the same again.',
    args: {
      input: t.arg({ type: CancelPayoutInput, required: true, description: 'Which one.' }),
      merchantId: t.arg.id(merchantIdArg),
    },
    resolve: async (_root, args, context) => {
      const merchantId = await existingMerchant(context, args.merchantId);
      const id = parseId<PayoutId>('po', args.input.id);
      const result = id && (await context.payouts.cancel(merchantId, actorOf(context), id));
      if (!result || result.kind === 'notFound') throw new NotFoundError('There is no such payout.');
      const payout = await reload(context, result.payout);
      if (result.kind === 'cancelled') return { payout };
      throw new NotAllowedInStateError(
        payout,
        `The payout is ${result.payout.state}: only a QUEUED one can be cancelled.`,
      );
    },
  }),
);

/** The merchant that is written for: one that an operator names must be there. */
async function existingMerchant(context: Context, named: string | null | undefined): Promise<MerchantId> {
  const merchantId = merchantOf(context, named);
  if (context.viewer.merchantId === null && (await context.store.merchant(merchantId)) === null) {
    throw new InvalidInputError([{ path: ['merchantId'], message: 'there is no such merchant' }]);
  }
  return merchantId;
}

function actorOf({ viewer }: Context): Actor {
  return { source: viewer.merchantId === null ? 'OPERATOR' : 'API', actor: viewer.keyId };
}

/** Read again, so that its cursor is from before the reading. */
async function reload(context: Context, { merchantId, id }: Payout): Promise<LoadedPayout> {
  const loaded = await loadPayout(context, merchantId, id);
  if (loaded === null) throw new Error(`payout ${id} was stored and is not found`);
  return loaded;
}
