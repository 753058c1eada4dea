import type { MoneyMoved } from '../domain/errors.ts';
import type { PayoutAction, PayoutState } from '../domain/payout.ts';
import { builder } from './builder.ts';

/** The states of a payout, the same words everywhere. */
export const PayoutStateEnum = builder.enumType('PayoutState', {
  description: 'Where a payout stands.',
  values: {
    QUEUED: { description: 'Stored; nothing of it is at a provider.' },
    SUBMITTING: { description: 'Being sent; the request may be on its way.' },
    IN_DOUBT: {
      description:
        'It was sent and no answer tells what became of it. We find out; never pay it again under a new reference.',
    },
    AWAITING_CONFIRMATION: { description: 'The provider holds it until it is confirmed.' },
    AWAITING_DOCUMENTS: { description: 'The provider wants supporting documents.' },
    PROCESSING: { description: 'The provider has it.' },
    COMPLETED: { description: 'Paid. Final.' },
    FAILED: { description: 'Not paid; `failure` says why. Final.' },
    CANCELLED: { description: 'Called off before it was paid. Final.' },
    RETURNED: { description: 'Paid, and the money came back. Final.' },
  } as const satisfies Record<PayoutState, unknown>,
});

/** Whether money has left our balance at the provider and not come back. */
export const MoneyMovedEnum = builder.enumType('MoneyMoved', {
  description: 'Whether money has left our balance at the provider and not come back.',
  values: {
    NO: { description: 'It has not, or it came back.' },
    YES: { description: 'It has.' },
    UNKNOWN: { description: 'Nobody can tell yet. Do not pay again.' },
  } as const satisfies Record<MoneyMoved, unknown>,
});

/** What can be asked of a payout that is stored. */
export const PayoutActionEnum = builder.enumType('PayoutAction', {
  description: 'What can be done with a payout right now. New values may be added.',
  values: {
    CONFIRM: { description: '`confirmPayout`: the provider holds it until then.' },
    CANCEL: { description: '`cancelPayout`: it has not been sent, or the provider still lets go of it.' },
    AMEND: { description: '`amendPayout`: the provider still takes corrections.' },
    ATTACH_DOCUMENT: { description: '`attachDocument`: the provider wants supporting documents.' },
    COMPLETE_DOCUMENTS: { description: '`completeDocuments`: tells the provider that all documents are there.' },
  } as const satisfies Record<PayoutAction, unknown>,
});
