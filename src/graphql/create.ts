import { z } from 'zod';
import { checkAddress, isNetwork } from '../address.ts';
import { compareDecimals, type Decimal, parseDecimal } from '../domain/money.ts';
import type { MetadataEntry, Parties } from '../domain/payout.ts';
import type { CreateInput, CreateResult } from '../payouts.ts';
import { builder } from './builder.ts';
import { actorOf, type Context, existingMerchant } from './context.ts';
import { DestinationInput, toDestination, toRecipient } from './destination.ts';
import {
  InvalidInputError,
  ProviderUnavailableError,
  type PublicError,
  QuoteExpiredError,
  ReferenceConflictError,
  UnsupportedError,
} from './errors.ts';
import { merchantIdArg } from './merchant.ts';
import { currencyRule, FeeModeEnum, MoneyInput } from './money.ts';
import { PartyInput, toParty } from './party.ts';
import { type LoadedPayout, PayoutNode, reloadPayout } from './payout.ts';
import { ProviderIdEnum } from './provider.ts';
import { referenceRule, textRule } from './text.ts';

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

/** What `createPayout` takes. */
export const CreatePayoutInput = builder.inputType('CreatePayoutInput', {
  description: 'What to pay. The same reference with the same input answers the first payout, for ever.',
  fields: (t) => ({
    reference: t.string({
      required: true,
      description: "The merchant's order number, the idempotency key, for ever. 1 to 64 of A-Z a-z 0-9 . _ : / -",
      validate: referenceRule,
    }),
    amount: t.field({ type: MoneyInput, required: true, description: 'How much. `feeMode` says who bears the fees.' }),
    feeMode: t.field({ type: FeeModeEnum, required: true, defaultValue: 'ADD', description: 'Who bears the fees.' }),
    destination: t.field({ type: DestinationInput, required: true, description: 'Where to.' }),
    provider: t.field({
      type: ProviderIdEnum,
      required: false,
      description:
        'Who is to pay it. Left out: Outflow chooses by the policy of the deployment, and `Payout.route` says why.',
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
    quoteId: t.id({
      required: false,
      description:
        'Hold it to this quote of `quotes`: its provider, amount, asset and fee mode, and nothing sent at a worse price. Left ' +
        'out: whatever it costs when it is sent.',
      validate: textRule(2000),
    }),
    priceTolerance: t.field({
      type: 'Decimal',
      required: false,
      description:
        "Which part of the quote's price it may be worse by when it is sent, e.g. `0.01`; at most `0.5`. Only with " +
        '`quoteId`. Default: `0`, not at all.',
      validate: { refine: [isTolerance, { message: 'plain decimal text of at most 0.5' }] },
    }),
    failover: t.boolean({
      required: true,
      defaultValue: false,
      description:
        'Once a provider provably has not taken it (refused at once, or never reached), send it to the next eligible one, ' +
        'under a new order number. Never after a compliance refusal, an acceptance, or doubt.',
    }),
    sendBefore: t.field({
      type: 'DateTime',
      required: false,
      description: 'Not sent by then: FAILED with EXPIRED, and nothing moved. Left out: no limit.',
    }),
    originator: t.field({
      type: PartyInput,
      required: false,
      description:
        'Whose money it is, where the provider asks. The recipient stands in the destination. Default: nobody.',
    }),
    purpose: t.string({
      required: false,
      description:
        "What it is for, in the provider's own words (`referenceData`, `PURPOSES`). 1 to 200 printable characters. " +
        'Default: none.',
      validate: textRule(200),
    }),
    relationship: t.string({
      required: false,
      description:
        "What the recipient is to the originator, in the provider's own words (`RELATIONSHIPS`). 1 to 200 printable " +
        'characters. Default: none.',
      validate: textRule(200),
    }),
    sourceOfFunds: t.string({
      required: false,
      description:
        "Where the money came from, in the provider's own words (`SOURCES_OF_FUNDS`). 1 to 200 printable characters. " +
        'Default: none.',
      validate: textRule(200),
    }),
    fundingAddress: t.string({
      required: false,
      description:
        "The wallet that granted an allowance to the provider's payout contract: an address on the destination's network. " +
        "Left out: the contract's own balance pays.",
    }),
    autoConfirm: t.boolean({
      required: true,
      defaultValue: true,
      description:
        'Of a two-step provider: confirm as soon as it approves. False: it waits for `confirmPayout`. Others have no second ' +
        'step.',
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

/** As the resolver gets it. */
export type Input = typeof CreatePayoutInput.$inferInput;

/** Fields whose use depends on each other. */
export function checkRelated(input: Input, check: z.RefinementCtx): void {
  const { sourceCurrency, receiveCurrency, fundingAddress, quoteId, priceTolerance } = input;
  if (priceTolerance != null && quoteId == null) {
    check.addIssue({ code: 'custom', path: ['priceTolerance'], message: 'only with quoteId' });
  }
  if (sourceCurrency != null && receiveCurrency != null) {
    check.addIssue({ code: 'custom', path: ['receiveCurrency'], message: 'not together with sourceCurrency' });
  }
  if (fundingAddress == null) return;
  const network = input.destination.blockchain?.network ?? null;
  // A network that is not known is the destination's own fault.
  if (network !== null && !isNetwork(network)) return;
  const verdict =
    network === null ? 'only where the destination is on a blockchain' : checkAddress(network, fundingAddress);
  if (verdict !== true) check.addIssue({ code: 'custom', path: ['fundingAddress'], message: verdict });
}

const MOST_TOLERANCE = '0.5' as Decimal;

function isTolerance(text: string): boolean {
  const part = parseDecimal(text);
  return part !== null && compareDecimals(part, MOST_TOLERANCE) <= 0;
}

function hasUniqueKeys(entries: readonly MetadataEntry[]): boolean {
  return new Set(entries.map(({ key }) => key)).size === entries.length;
}

/** The input as the write side takes it: what was left out is null. */
export function toCreateInput(input: Input): CreateInput {
  return {
    reference: input.reference,
    order: {
      amount: { amount: readDecimal(input.amount.amount), currency: input.amount.currency },
      feeMode: input.feeMode,
      destination: toDestination(input.destination),
      sourceCurrency: input.sourceCurrency ?? null,
      receiveCurrency: input.receiveCurrency ?? null,
      purpose: input.purpose ?? null,
      relationship: input.relationship ?? null,
      sourceOfFunds: input.sourceOfFunds ?? null,
      fundingAddress: input.fundingAddress ?? null,
      description: input.description ?? null,
    },
    provider: input.provider ?? null,
    quoteId: input.quoteId ?? null,
    priceTolerance: input.priceTolerance == null ? null : parseDecimal(input.priceTolerance),
    failover: input.failover,
    sendBefore: input.sendBefore ?? null,
    autoConfirm: input.autoConfirm,
    parties: toParties(input),
    metadata: input.metadata ?? [],
  };
}

/** Null where the input names nobody. */
function toParties({ originator, destination }: Input): Parties | null {
  const recipient = toRecipient(destination);
  if (!originator && recipient === null) return null;
  return { originator: originator ? toParty(originator) : null, beneficiary: null, accountNumber: null, ...recipient };
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

/** Every way in which a payout is refused. */
export const REFUSALS = [
  InvalidInputError,
  ReferenceConflictError,
  UnsupportedError,
  QuoteExpiredError,
  ProviderUnavailableError,
];

/** A refusal of the write side as callers are told of it. */
export async function toError(
  context: Context,
  refusal: Exclude<CreateResult, { kind: 'created' }>,
): Promise<PublicError> {
  const { restored } = context.store;
  switch (refusal.kind) {
    case 'conflict':
      return new ReferenceConflictError(await reloadPayout(context, refusal.payout), refusal.differences, restored);
    case 'unsupported':
      return new UnsupportedError(refusal.reasons, null, restored);
    case 'invalid':
      return new InvalidInputError(refusal.issues, restored);
    case 'quoteExpired':
      return new QuoteExpiredError(refusal.expiredAt, restored);
    case 'unavailable':
      return new ProviderUnavailableError(refusal.provider, refusal.cause, refusal.retryAt, null, restored);
  }
}

builder.mutationField('createPayout', (t) =>
  t.field({
    type: CreatePayoutSuccess,
    authScopes: { writes: true },
    errors: { types: REFUSALS },
    description:
      'Asks for a payout, once for each reference however often it is asked. It answers when the payout is stored; nothing ' +
      'was sent yet.',
    args: {
      input: t.arg({
        type: CreatePayoutInput,
        required: true,
        description: 'What to pay.',
        validate: { schema: z.custom<Input>().superRefine(checkRelated) },
      }),
      merchantId: t.arg.id(merchantIdArg),
    },
    resolve: async (_root, args, context) => {
      const merchantId = await existingMerchant(context, args.merchantId);
      const result = await context.payouts.create(merchantId, actorOf(context), toCreateInput(args.input));
      if (result.kind !== 'created') throw await toError(context, result);
      const { payout, replayed } = result;
      context.log.info({ requestId: context.requestId, payoutId: payout.id, replayed }, 'payout asked for');
      return { payout: await reloadPayout(context, payout), replayed };
    },
  }),
);
