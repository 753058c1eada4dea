import type { ErrorCode, Issue } from '../domain/errors.ts';
import type { ProviderReason } from '../domain/provider.ts';
import { builder } from './builder.ts';
import {
  InvalidInputError,
  NotAllowedInStateError,
  NotFoundError,
  ProviderRejectedError,
  ProviderUnavailableError,
  type PublicError,
  QuoteExpiredError,
  ReferenceConflictError,
  UnsupportedError,
} from './errors.ts';
import { PayoutNode } from './payout.ts';
import { ProviderIdEnum } from './provider.ts';
import { MoneyMovedEnum } from './state.ts';

const ErrorCodeEnum = builder.enumType('ErrorCode', {
  description: 'What went wrong: in a result, or as `extensions.code` of an entry of `errors`. See docs/errors.md.',
  values: {
    INVALID_INPUT: { description: 'Fields that cannot be used.' },
    REFERENCE_CONFLICT: { description: 'The reference was used before with another input.' },
    UNSUPPORTED: { description: 'No provider can do it, or the named one cannot.' },
    PROVIDER_REJECTED: { description: 'The provider answered that it does not.' },
    PROVIDER_UNAVAILABLE: { description: 'The provider could not be asked.' },
    QUOTE_EXPIRED: { description: 'The quote is over.' },
    NOT_ALLOWED_IN_STATE: { description: 'The payout has gone past the point where this can be done.' },
    NOT_FOUND: { description: "Not there, or another merchant's." },
    UNAUTHENTICATED: { description: 'No API key, or one that is not valid.' },
    FORBIDDEN: { description: 'The key may not do this.' },
    BAD_REQUEST: { description: 'The request is no valid GraphQL for this schema.' },
    TOO_COMPLEX: { description: 'The operation asks for too much at once.' },
    INTERNAL: { description: 'Something went wrong on our side.' },
  } as const satisfies Record<ErrorCode, unknown>,
});

/** What every expected failure implements. */
export const ErrorInterface = builder.interfaceRef<PublicError>('Error').implement({
  description:
    'Every expected failure implements this: `... on Error { code message retryable moneyMoved }` survives every member that ' +
    'is added later.',
  // Each class is called as its type is.
  resolveType: (error) => error.constructor.name,
  fields: (t) => ({
    code: t.expose('code', { type: ErrorCodeEnum, description: 'Decide by this; see docs/errors.md.' }),
    message: t.exposeString('message', { description: 'One line for people. It may change; never decide by it.' }),
    retryable: t.exposeBoolean('retryable', { description: 'Whether the very same request can succeed later.' }),
    moneyMoved: t.expose('moneyMoved', { type: MoneyMovedEnum, description: 'Has money moved for what was asked?' }),
  }),
});

const InputIssueObject = builder.objectRef<Issue>('InputIssue').implement({
  description: 'A field that cannot be used.',
  fields: (t) => ({
    path: t.exposeStringList('path', { description: 'Where it stands below `input`, e.g. `["amount", "amount"]`.' }),
    message: t.exposeString('message', { description: 'What is wrong, or what it must be.' }),
  }),
});

const ProviderReasonObject = builder.objectRef<ProviderReason>('ProviderReason').implement({
  description: 'Why a provider was not taken.',
  fields: (t) => ({
    provider: t.expose('provider', { type: ProviderIdEnum, description: 'Which one.' }),
    reason: t.exposeString('reason', { description: 'One line for people.' }),
  }),
});

builder.objectType(InvalidInputError, {
  name: 'InvalidInputError',
  description: 'Fields of the input cannot be used. Nothing was stored.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    issues: t.expose('issues', { type: [InputIssueObject], description: 'Each field at fault.' }),
  }),
});

builder.objectType(ReferenceConflictError, {
  name: 'ReferenceConflictError',
  description:
    "The reference was used before with another input. Nothing was created; `moneyMoved` is the first payout's.",
  interfaces: [ErrorInterface],
  fields: (t) => ({
    payout: t.expose('payout', { type: PayoutNode, description: 'The first payout, as it is now.' }),
    differences: t.exposeStringList('differences', { description: 'The fields of the input that differ.' }),
  }),
});

builder.objectType(UnsupportedError, {
  name: 'UnsupportedError',
  description:
    "No enabled provider can do it, or the named one cannot. Nothing was stored. Of a payout's action `moneyMoved` is the payout's.",
  interfaces: [ErrorInterface],
  fields: (t) => ({
    reasons: t.expose('reasons', { type: [ProviderReasonObject], description: 'One for each provider considered.' }),
  }),
});

builder.objectType(QuoteExpiredError, {
  name: 'QuoteExpiredError',
  description: 'The quote is over. Nothing was stored: ask for another one, and use the same reference with it.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    expiredAt: t.expose('expiredAt', { type: 'DateTime', description: 'Until when it was good.' }),
  }),
});

builder.objectType(NotFoundError, {
  name: 'NotFoundError',
  description: "What the input names is not there, or is another merchant's.",
  interfaces: [ErrorInterface],
});

builder.objectType(NotAllowedInStateError, {
  name: 'NotAllowedInStateError',
  description: "The payout has gone past the point where this can be done. `moneyMoved` is the payout's.",
  interfaces: [ErrorInterface],
  fields: (t) => ({
    payout: t.expose('payout', { type: PayoutNode, description: 'The payout as it is now.' }),
  }),
});

builder.objectType(ProviderRejectedError, {
  name: 'ProviderRejectedError',
  description:
    "The provider was asked and answered that it does not. Nothing was stored. `moneyMoved` is the payout's.",
  interfaces: [ErrorInterface],
  fields: (t) => ({
    provider: t.expose('provider', { type: ProviderIdEnum, description: 'Which one.' }),
    vendorCode: t.exposeString('vendorCode', { nullable: true, description: "The provider's own code, verbatim." }),
    vendorMessage: t.exposeString('vendorMessage', {
      nullable: true,
      description: "The provider's own words, verbatim.",
    }),
  }),
});

builder.objectType(ProviderUnavailableError, {
  name: 'ProviderUnavailableError',
  description: "The provider could not be asked. Nothing was stored. `moneyMoved` is the payout's.",
  interfaces: [ErrorInterface],
  fields: (t) => ({
    provider: t.expose('provider', { type: ProviderIdEnum, description: 'Which one.' }),
    retryAt: t.expose('retryAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When asking again makes sense; null: not known.',
    }),
  }),
});
