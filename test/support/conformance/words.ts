import { randomBytes } from 'node:crypto';
import type { Order, SandboxSide } from '../../../src/sandbox.ts';
import { decimal } from '../payouts.ts';

/** Whether the provider has a word for money that came back, which it does not also say of what merely failed. */
export function tellsReturns(side: SandboxSide): boolean {
  const order = sampleOrder(side);
  const credentials = side.makeCredentials(randomBytes);
  const letter = (changes: Partial<Order>) => side.writeWebhook({ ...order, ...changes }, credentials, order.createdAt);
  return letter({ state: 'REFUNDED', returned: true }).body !== letter({ state: 'FAILED', returned: false }).body;
}

/** An order that nobody has. */
function sampleOrder(side: SandboxSide): Order {
  const { order } = side.sample(decimal('100'));
  const { amount, destination } = order;
  const at = new Date(0);
  return {
    provider: side.slug,
    providerReference: side.makeReference(Buffer.alloc(16), at),
    mark: 'mark',
    amount: amount.amount,
    currency: amount.currency,
    network: destination.network ?? '',
    address: 'address',
    memo: null,
    fee: decimal('0'),
    received: amount.amount,
    debit: amount,
    callbackUrl: null,
    details: {},
    state: 'COMPLETED',
    transactionHash: '0'.repeat(64),
    debited: true,
    returned: false,
    documents: 0,
    createdAt: at,
    updatedAt: at,
  };
}
