import type { Money } from '../domain/money.ts';
import type { Destination, Order, Parties } from '../domain/payout.ts';

/** An order that nobody is named with, and that asks for nothing beside its amount and where it goes. */
export function plainSample(
  amount: Money,
  destination: Destination = TRON,
  description: string | null = null,
): { readonly order: Order; readonly parties: Parties } {
  const nothing = { sourceCurrency: null, receiveCurrency: null, purpose: null, relationship: null };
  const nobody = { originator: null, beneficiary: null, accountNumber: null };
  const order: Order = {
    ...{ amount, feeMode: 'ADD', destination, description },
    ...{ ...nothing, sourceOfFunds: null, fundingAddress: null },
  };
  return { order, parties: nobody };
}

const TRON: Destination = {
  kind: 'blockchain',
  address: 'TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t',
  network: 'TRON',
  memo: null,
};
