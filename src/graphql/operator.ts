import { currentAttempt } from '../domain/attempt.ts';
import type { PayoutId } from '../domain/payout.ts';
import type { Resolution } from '../payouts.ts';
import { builder } from './builder.ts';
import { actorOf, type Context, existingMerchant, parseId } from './context.ts';
import {
  InvalidInputError,
  NotAllowedInStateError,
  NotFoundError,
  ProviderRejectedError,
  ProviderUnavailableError,
  RequestError,
  UnsupportedError,
} from './errors.ts';
import { merchantIdArg } from './merchant.ts';
import { type LoadedPayout, PayoutNode, reloadPayout } from './payout.ts';
import { textRule } from './text.ts';

const forbid = (): RequestError => new RequestError('FORBIDDEN', 'Only an operator with payouts:write may do this.');

const NeverArrivedNextEnum = builder.enumType('NeverArrivedNext', {
  description: 'What becomes of a payout that never arrived.',
  values: {
    FAIL: { description: 'It is FAILED, and nothing moved.' },
    SEND_AGAIN: { description: 'It is sent again under the same order number, where the provider refuses duplicates.' },
  } as const,
});

const ArrivedInput = builder.inputType('ArrivedInput', {
  description: 'The provider has it.',
  fields: (t) => ({
    providerReference: t.string({
      required: true,
      description:
        "The provider's own number for it, 1 to 200 printable characters. It is looked up and compared before it is bound.",
      validate: textRule(200),
    }),
  }),
});

const NeverArrivedInput = builder.inputType('NeverArrivedInput', {
  description: 'The provider was asked by a person and does not have it.',
  fields: (t) => ({
    next: t.field({ type: NeverArrivedNextEnum, required: true, description: 'What becomes of it.' }),
  }),
});

const ResolutionInput = builder.inputType('ResolutionInput', {
  description: 'What an operator found out: exactly one of these.',
  isOneOf: true,
  fields: (t) => ({
    arrived: t.field({ type: ArrivedInput, description: 'The provider has it.' }),
    neverArrived: t.field({ type: NeverArrivedInput, description: 'The provider does not have it, and never will.' }),
    seen: t.boolean({
      description:
        'True: somebody has seen to it. It leaves the list of what needs attention, and nothing else changes.',
      validate: [(seen) => seen, { message: 'true, or another outcome' }],
    }),
  }),
});

const noteField = {
  required: true,
  description: 'What it rests on: it becomes an event, for good. No personal data. 1 to 500 printable characters.',
  validate: textRule(500),
} as const;

const ResolvePayoutInput = builder.inputType('ResolvePayoutInput', {
  description: 'How doubt about a payout ends.',
  fields: (t) => ({
    payoutId: t.id({ required: true, description: '`po_…`' }),
    outcome: t.field({ type: ResolutionInput, required: true, description: 'What was found out.' }),
    note: t.string(noteField),
  }),
});

function toResolution({ arrived, neverArrived }: typeof ResolutionInput.$inferInput): Resolution {
  if (arrived) return { kind: 'arrived', providerReference: arrived.providerReference };
  return neverArrived ? { kind: 'neverArrived', ...neverArrived } : { kind: 'seen' };
}

const ResolvePayoutSuccess = builder.objectRef<{ readonly payout: LoadedPayout }>('ResolvePayoutSuccess').implement({
  description: 'It is recorded, with its note, as an event.',
  fields: (t) => ({ payout: t.expose('payout', { type: PayoutNode, description: 'The payout as it is now.' }) }),
});

builder.mutationField('resolvePayout', (t) =>
  t.field({
    type: ResolvePayoutSuccess,
    authScopes: { $all: { writes: true, operates: true } },
    unauthorizedError: forbid,
    errors: {
      types: [
        InvalidInputError,
        NotFoundError,
        NotAllowedInStateError,
        UnsupportedError,
        ProviderRejectedError,
        ProviderUnavailableError,
      ],
    },
    description:
      'Operators only. Settles doubt by evidence from outside: what the provider said when a person asked it. `arrived` asks ' +
      'the provider itself before anything is bound.',
    args: {
      input: t.arg({ type: ResolvePayoutInput, required: true, description: 'What was found out.' }),
      merchantId: t.arg.id(merchantIdArg),
    },
    resolve: async (_root, { input, merchantId: named }, context) => {
      const { merchantId, id } = await target(context, named, input.payoutId);
      const how = toResolution(input.outcome);
      const result = await context.payouts.resolve(merchantId, actorOf(context), id, how, input.note);
      if (result.kind === 'notFound') throw notFound();
      const loaded = await reloadPayout(context, { merchantId, id });
      const { payout } = loaded;
      switch (result.kind) {
        case 'resolved':
          context.log.info({ requestId: context.requestId, payoutId: id, outcome: how.kind }, 'payout resolved');
          return { payout: loaded };
        case 'notAllowed':
          throw new NotAllowedInStateError(
            loaded,
            `The payout is ${payout.state}: there is nothing of that to settle.`,
            context.store.restored,
          );
        case 'unsupported':
          throw new UnsupportedError(result.reasons, payout, context.store.restored);
        case 'refuted': {
          const provider = currentAttempt(payout)?.provider ?? payout.provider;
          const vendor = { vendorCode: null, vendorMessage: null };
          throw new ProviderRejectedError(provider, result.message, vendor, payout);
        }
        case 'unavailable':
          throw new ProviderUnavailableError(result.provider, result.cause, result.retryAt, payout);
      }
    },
  }),
);

const ErasePayoutInput = builder.inputType('ErasePayoutInput', {
  description: 'Whose personal data to forget.',
  fields: (t) => ({ payoutId: t.id({ required: true, description: '`po_…`' }), note: t.string(noteField) }),
});

const ErasePayoutSuccess = builder.objectRef<{ readonly payout: LoadedPayout }>('ErasePayoutSuccess').implement({
  description: 'The personal data is gone; the history stays.',
  fields: (t) => ({ payout: t.expose('payout', { type: PayoutNode, description: 'The payout as it is now.' }) }),
});

builder.mutationField('erasePayout', (t) =>
  t.field({
    type: ErasePayoutSuccess,
    authScopes: { $all: { writes: true, operates: true } },
    unauthorizedError: forbid,
    errors: { types: [InvalidInputError, NotFoundError, NotAllowedInStateError] },
    description:
      'Operators only. Forgets the parties, the account number, the documents and the bodies that were sent, of a payout that ' +
      'is over, for good. Its history stays, and so does the protection of its reference.',
    args: {
      input: t.arg({ type: ErasePayoutInput, required: true, description: 'Of which one, and why.' }),
      merchantId: t.arg.id(merchantIdArg),
    },
    resolve: async (_root, { input, merchantId: named }, context) => {
      const { merchantId, id } = await target(context, named, input.payoutId);
      const result = await context.payouts.erase(merchantId, actorOf(context), id, input.note);
      if (result.kind === 'notFound') throw notFound();
      const payout = await reloadPayout(context, { merchantId, id });
      if (result.kind === 'notAllowed') {
        const message = `The payout is ${payout.payout.state}: only what is over can be erased.`;
        throw new NotAllowedInStateError(payout, message, context.store.restored);
      }
      context.log.info({ requestId: context.requestId, payoutId: id }, 'payout erased');
      return { payout };
    },
  }),
);

async function target(context: Context, named: string | null | undefined, payoutId: string) {
  const merchantId = await existingMerchant(context, named);
  const id = parseId<PayoutId>('po', payoutId);
  if (id === null) throw notFound();
  return { merchantId, id };
}

function notFound(): NotFoundError {
  return new NotFoundError('There is no such payout.');
}
