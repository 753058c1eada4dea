import type { Amendment, PayoutAction, PayoutId } from '../domain/payout.ts';
import type { ActionInput } from '../payouts.ts';
import { builder } from './builder.ts';
import { actorOf, type Context, existingMerchant, parseId } from './context.ts';
import { readDocument } from './document.ts';
import { InvalidInputError, NotAllowedInStateError, NotFoundError, UnsupportedError } from './errors.ts';
import { merchantIdArg } from './merchant.ts';
import { PartyInput, toParty } from './party.ts';
import { type LoadedPayout, PayoutNode, reloadPayout } from './payout.ts';
import { textRule } from './text.ts';

/** The failures that every action has. */
const FAILURES = [InvalidInputError, NotFoundError, NotAllowedInStateError, UnsupportedError];

const STORED =
  'It answers when that is stored; the provider is told at once after, and `pendingAction` shows until it answers.';

/** Stores what is asked of a payout. Throws the failure where it is not. */
async function ask(
  context: Context,
  named: string | null | undefined,
  payoutId: string,
  input: ActionInput,
): Promise<{ readonly payout: LoadedPayout }> {
  const merchantId = await existingMerchant(context, named);
  const id = parseId<PayoutId>('po', payoutId);
  const result = id && (await context.payouts.act(merchantId, actorOf(context), id, input));
  if (!id || !result || result.kind === 'notFound') throw new NotFoundError('There is no such payout.');
  const payout = await reloadPayout(context, { merchantId, id });
  switch (result.kind) {
    case 'taken':
      context.log.info({ requestId: context.requestId, payoutId: id, action: input.action }, 'action asked for');
      return { payout };
    case 'unsupported':
      throw new UnsupportedError(result.reasons, payout.payout, context.store.restored);
    case 'notAllowed':
      throw new NotAllowedInStateError(payout, describeRefusal(payout, input.action), context.store.restored);
  }
}

const NOT_DONE: Readonly<Record<PayoutAction, string>> = {
  CONFIRM: 'be confirmed',
  CANCEL: 'be cancelled',
  AMEND: 'be amended',
  ATTACH_DOCUMENT: 'take a document',
  COMPLETE_DOCUMENTS: 'have its documents completed',
};

function describeRefusal({ payout }: LoadedPayout, action: PayoutAction): string {
  const pending = payout.requests.map((request) => request.action);
  const because = pending.length > 0 ? `; not yet answered: ${pending.join(', ')}` : '';
  return `The payout is ${payout.state} and cannot ${NOT_DONE[action]} now${because}.`;
}

/** The success of an action: the payout as it is then. */
function successOf(name: string, description: string) {
  return builder.objectRef<{ readonly payout: LoadedPayout }>(name).implement({
    description,
    fields: (t) => ({ payout: t.expose('payout', { type: PayoutNode, description: 'The payout as it is now.' }) }),
  });
}

const CancelPayoutInput = builder.inputType('CancelPayoutInput', {
  description: 'Which payout to call off.',
  fields: (t) => ({ id: t.id({ required: true, description: '`po_…`' }) }),
});

const CancelPayoutSuccess = successOf(
  'CancelPayoutSuccess',
  'The payout is CANCELLED and will not be sent, or the cancel is stored and goes to the provider, which may still refuse.',
);

builder.mutationField('cancelPayout', (t) =>
  t.field({
    type: CancelPayoutSuccess,
    authScopes: { writes: true },
    errors: { types: FAILURES },
    description:
      'Calls a payout off: at once while it is QUEUED, else at a provider that lets go of it. Cancelling what is cancelled ' +
      'answers the same again. Not once a confirm was asked for. Where the store was put back from a copy, what may have been ' +
      `sent is only looked for from then on, and never sent. ${STORED}`,
    args: {
      input: t.arg({ type: CancelPayoutInput, required: true, description: 'Which one.' }),
      merchantId: t.arg.id(merchantIdArg),
    },
    resolve: (_root, { input, merchantId }, context) => ask(context, merchantId, input.id, { action: 'CANCEL' }),
  }),
);

const ConfirmPayoutInput = builder.inputType('ConfirmPayoutInput', {
  description: 'Which payout to confirm.',
  fields: (t) => ({ payoutId: t.id({ required: true, description: '`po_…`' }) }),
});

builder.mutationField('confirmPayout', (t) =>
  t.field({
    type: successOf('ConfirmPayoutSuccess', 'The confirm is stored and goes to the provider.'),
    authScopes: { writes: true },
    errors: { types: FAILURES },
    description:
      'The second step of a two-step provider: it may pay now. For payouts with `autoConfirm: false`, or before it. Not once ' +
      `a cancel was asked for. ${STORED}`,
    args: {
      input: t.arg({ type: ConfirmPayoutInput, required: true, description: 'Which one.' }),
      merchantId: t.arg.id(merchantIdArg),
    },
    resolve: (_root, { input, merchantId }, context) => ask(context, merchantId, input.payoutId, { action: 'CONFIRM' }),
  }),
);

const AmendPayoutInput = builder.inputType('AmendPayoutInput', {
  description: 'What to correct: at least one beside the payout. Each one replaces the old one whole; the rest stays.',
  fields: (t) => ({
    payoutId: t.id({ required: true, description: '`po_…`' }),
    originator: t.field({ type: PartyInput, description: 'Whose money it is.' }),
    beneficiary: t.field({ type: PartyInput, description: 'Whose account it goes to.' }),
    purpose: t.string({
      description: "In the provider's own words. 1 to 200 printable characters.",
      validate: textRule(200),
    }),
    relationship: t.string({
      description: "In the provider's own words. 1 to 200 printable characters.",
      validate: textRule(200),
    }),
    sourceOfFunds: t.string({
      description: "In the provider's own words. 1 to 200 printable characters.",
      validate: textRule(200),
    }),
  }),
  validate: [
    ({ payoutId: _, ...changes }) => Object.values(changes).some((change) => change != null),
    { message: 'at least one of originator, beneficiary, purpose, relationship, sourceOfFunds' },
  ],
});

function toAmendment(input: typeof AmendPayoutInput.$inferInput): Amendment {
  return {
    originator: input.originator ? toParty(input.originator) : null,
    beneficiary: input.beneficiary ? toParty(input.beneficiary) : null,
    purpose: input.purpose ?? null,
    relationship: input.relationship ?? null,
    sourceOfFunds: input.sourceOfFunds ?? null,
  };
}

builder.mutationField('amendPayout', (t) =>
  t.field({
    type: successOf('AmendPayoutSuccess', 'The amendment is stored and goes to the provider, which may still refuse.'),
    authScopes: { writes: true },
    errors: { types: FAILURES },
    description: `Corrects whose payout it is and what for, at a provider that takes corrections. ${STORED}`,
    args: {
      input: t.arg({ type: AmendPayoutInput, required: true, description: 'What to correct.' }),
      merchantId: t.arg.id(merchantIdArg),
    },
    resolve: (_root, { input, merchantId }, context) =>
      ask(context, merchantId, input.payoutId, { action: 'AMEND', amendment: toAmendment(input) }),
  }),
);

const AttachDocumentInput = builder.inputType('AttachDocumentInput', {
  description: 'A supporting document: a PDF, a JPEG or a PNG, told by its content.',
  fields: (t) => ({
    payoutId: t.id({ required: true, description: '`po_…`' }),
    type: t.string({
      required: true,
      description: "What it is, in the provider's own words (`referenceData`, `DOCUMENT_TYPES`). 1 to 100 characters.",
      validate: textRule(100),
    }),
    fileName: t.string({
      required: true,
      description:
        'Its name, for people: 1 to 200 printable characters, no slash. What it holds is told by the content.',
      validate: textRule(200),
    }),
    contentBase64: t.string({
      required: true,
      description:
        'The file in standard Base64 with its padding: 1 byte to 5 MiB decoded. A request may have 8 MiB over HTTP, and 1 MiB ' +
        'over WebSocket. It is kept encrypted until the provider has it, and forgotten then.',
    }),
    note: t.string({
      description: 'For whoever reads it at the provider. 1 to 500 printable characters.',
      validate: textRule(500),
    }),
  }),
});

builder.mutationField('attachDocument', (t) =>
  t.field({
    type: successOf('AttachDocumentSuccess', 'The document is stored and goes to the provider.'),
    authScopes: { writes: true },
    errors: { types: FAILURES },
    description:
      'Gives the provider a supporting document that it asks for, as often as there are documents; `completeDocuments` ends it. ' +
      STORED,
    args: {
      input: t.arg({ type: AttachDocumentInput, required: true, description: 'The document.' }),
      merchantId: t.arg.id(merchantIdArg),
    },
    resolve: (_root, { input, merchantId }, context) =>
      ask(context, merchantId, input.payoutId, { action: 'ATTACH_DOCUMENT', document: readDocument(input) }),
  }),
);

const CompleteDocumentsInput = builder.inputType('CompleteDocumentsInput', {
  description: "Which payout's documents are complete.",
  fields: (t) => ({ payoutId: t.id({ required: true, description: '`po_…`' }) }),
});

builder.mutationField('completeDocuments', (t) =>
  t.field({
    type: successOf('CompleteDocumentsSuccess', 'That the documents are complete is stored and goes to the provider.'),
    authScopes: { writes: true },
    errors: { types: FAILURES },
    description: `Tells the provider that all documents are there, after those that were attached before. ${STORED}`,
    args: {
      input: t.arg({ type: CompleteDocumentsInput, required: true, description: 'Of which one.' }),
      merchantId: t.arg.id(merchantIdArg),
    },
    resolve: (_root, { input, merchantId }, context) =>
      ask(context, merchantId, input.payoutId, { action: 'COMPLETE_DOCUMENTS' }),
  }),
);
