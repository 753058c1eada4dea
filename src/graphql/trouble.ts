import { moneyMoved } from '../domain/attempt.ts';
import type { Attention, AttentionReason, Failure, Payout, PayoutFailureCode } from '../domain/payout.ts';
import { builder } from './builder.ts';
import { MoneyMovedEnum } from './state.ts';

const PayoutFailureCodeEnum = builder.enumType('PayoutFailureCode', {
  description: 'Why a payout failed, in our words.',
  values: {
    INSUFFICIENT_FUNDS: { description: 'Our balance at the provider does not cover it.' },
    INVALID_DESTINATION: { description: 'The provider does not accept the destination.' },
    AMOUNT_OUT_OF_RANGE: { description: "Less than the provider's minimum, or more than its maximum." },
    COMPLIANCE: { description: 'The provider refused it for compliance.' },
    DUPLICATE_AT_PROVIDER: { description: 'The provider says that it already has this order.' },
    MISCONFIGURED: { description: 'Our account there is not set up for it. Tell the operator.' },
    PROVIDER_REFUSED: { description: 'The provider refused it for a reason of its own.' },
    NETWORK_FAILURE: { description: 'The transaction failed on the blockchain.' },
    EXPIRED: { description: '`sendBefore` passed before it was sent.' },
    PRICE_CHANGED: {
      description:
        'It would have cost more than the quote that it was held to, or nobody names a price for it any more. Nothing was sent.',
    },
    OTHER: { description: 'Something else; `vendorMessage` may say what.' },
  } as const satisfies Record<PayoutFailureCode, unknown>,
});

/** Why a payout failed, and the payout whose money it is about. */
export const PayoutFailureObject = builder.objectRef<Failure & { readonly of: Payout }>('PayoutFailure');
PayoutFailureObject.implement({
  description: 'Why a payout failed.',
  fields: (t) => ({
    code: t.expose('code', { type: PayoutFailureCodeEnum, description: 'The reason, in our words.' }),
    message: t.exposeString('message', { description: 'One line for people.' }),
    vendorCode: t.exposeString('vendorCode', { nullable: true, description: "The provider's own code, verbatim." }),
    vendorMessage: t.exposeString('vendorMessage', {
      nullable: true,
      description: "The provider's own words, verbatim.",
    }),
    moneyMoved: t.field({
      type: MoneyMovedEnum,
      description: "As of this reading; the same as the payout's.",
      resolve: ({ of }) => moneyMoved(of),
    }),
    retryable: t.exposeBoolean('retryable', {
      description: 'Whether the same payout, under a new reference, could succeed without changing it.',
    }),
  }),
});

/** Why something needs a person. `IN_DOUBT` and `LOW_BALANCE` are never among a payout's own reasons. */
export const AttentionReasonEnum = builder.enumType('AttentionReason', {
  description: 'What is wrong. New values may be added.',
  values: {
    WRONG_ECHO: { description: 'The provider answered with another amount, currency or destination than was sent.' },
    CONTRADICTED: { description: 'The provider says what cannot follow on what it said before.' },
    PAID_TWICE: { description: 'More than one order at a provider may have paid this payout.' },
    LATE_EVIDENCE: { description: 'The provider has it, although it was believed not to.' },
    PROVIDER_UNREACHABLE: { description: 'Its fate is in doubt, and the provider could not be asked for a day.' },
    NOT_FOUND_AT_PROVIDER: { description: 'The provider does not find it, which proves nothing there.' },
    REPEAT_WINDOW_OVER: { description: 'Its fate is in doubt, and it is too late to ask by repeating it.' },
    REFERENCE_TAKEN: { description: "The provider's number for it belongs to another payout." },
    ACCOUNT_CHANGED: { description: 'The account that it was sent from is no longer the one that is set up.' },
    SEND_BEFORE_PASSED: { description: '`sendBefore` passed while its fate was in doubt.' },
    ACTION_REFUSED: { description: 'The provider refused what was asked for after it was sent.' },
    BODY_UNREADABLE: {
      description: 'What was sent was erased, or its data key is gone: it cannot be sent again.',
    },
    OVERDUE: { description: 'It takes longer than is usual at its provider.' },
    IN_DOUBT: { description: 'It was sent and no answer tells what became of it; we are still finding out.' },
    LOW_BALANCE: { description: 'Of an account, not of a payout: less is there than what is to be kept.' },
  } as const satisfies Record<AttentionReason | 'IN_DOUBT' | 'LOW_BALANCE', unknown>,
});

/** Something about a payout that a person has to look at. */
export const AttentionObject = builder.objectRef<Attention>('Attention');
AttentionObject.implement({
  description: 'Something about a payout that a person has to look at.',
  fields: (t) => ({
    reason: t.expose('reason', {
      type: AttentionReasonEnum,
      description: 'What is wrong.',
    }),
    since: t.expose('since', { type: 'DateTime', description: 'When it was noticed.' }),
    message: t.exposeString('message', { description: 'One line for people.' }),
  }),
});
