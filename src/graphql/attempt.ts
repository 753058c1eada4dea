import { isAccountedFor } from '../domain/attempt.ts';
import type { Attempt, Send, SendKind, SendResult } from '../domain/payout.ts';
import { builder } from './builder.ts';
import { ProviderIdEnum } from './provider.ts';

const SendKindEnum = builder.enumType('SendKind', {
  description: 'What a send was. New values may be added.',
  values: {
    SUBMIT: { description: 'The first time, or again after it provably was not taken.' },
    REPEAT: { description: 'The same body again under the same order number, while its fate was in doubt.' },
    CONFIRM: { description: 'The second step: the provider may pay it now.' },
    CANCEL: { description: 'Calling it off at the provider.' },
    AMEND: { description: 'Other parties, purpose, relationship or source of funds.' },
    ATTACH_DOCUMENT: { description: 'A supporting document.' },
    COMPLETE_DOCUMENTS: { description: 'That all documents are there.' },
  } as const satisfies Record<SendKind, unknown>,
});

const SendOutcomeEnum = builder.enumType('SendOutcome', {
  description: 'How a send ended. It speaks for that send alone.',
  values: {
    IN_FLIGHT: { description: 'Stored; it may be on its way.' },
    ACCEPTED: { description: 'The provider took it.' },
    REJECTED: { description: 'The provider refused this payout.' },
    NOT_TAKEN: { description: 'It never left, or was refused for a reason that passes.' },
    UNKNOWN: { description: 'It left, and no answer tells what became of it.' },
  } as const satisfies Record<SendResult, unknown>,
});

const SendObject = builder.objectRef<Send>('Send');
SendObject.implement({
  description: 'One request that changes something at the provider. It is stored before its first byte leaves.',
  fields: (t) => ({
    kind: t.expose('kind', { type: SendKindEnum, description: 'What it was.' }),
    outcome: t.expose('outcome', { type: SendOutcomeEnum, description: 'How it ended.' }),
    startedAt: t.expose('startedAt', { type: 'DateTime', description: 'When it was stored.' }),
    endedAt: t.expose('endedAt', { type: 'DateTime', nullable: true, description: 'Null while it is in flight.' }),
    vendorCode: t.exposeString('vendorCode', {
      nullable: true,
      description: "The provider's own code for what happened, verbatim, where it gave one.",
    }),
    vendorMessage: t.exposeString('vendorMessage', {
      nullable: true,
      description: "The provider's own words for it, or one line on what struck the send.",
    }),
  }),
});

/** One order at one provider account. */
export const AttemptObject = builder.objectRef<Attempt>('Attempt');
AttemptObject.implement({
  description: 'One order at one provider account, under one order number of ours.',
  fields: (t) => ({
    number: t.exposeInt('number', { description: 'From 1 within its payout.' }),
    provider: t.expose('provider', { type: ProviderIdEnum, description: 'Where it went.' }),
    account: t.exposeString('account', { description: 'Our name for the account there.' }),
    orderNumber: t.exposeString('orderNumber', {
      description: 'Our number at the provider, at most 32 letters and digits. Ask its support by this.',
    }),
    providerReference: t.exposeString('providerReference', {
      nullable: true,
      description: "The provider's own number; null until it told us.",
    }),
    accountedFor: t.boolean({
      description: 'Whether nothing is open: the provider told of it, or no send of it is in flight or unknown.',
      resolve: isAccountedFor,
    }),
    sends: t.expose('sends', { type: [SendObject], description: 'Every send of it, oldest first.' }),
  }),
});
