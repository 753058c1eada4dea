import {
  addDecimals,
  canonicalDecimal,
  compareDecimals,
  type Decimal,
  equalDecimals,
  multiplyDecimals,
  subtractDecimals,
} from './money.ts';
import type { Order } from './payout.ts';
import type { Price, QuoteRequest } from './provider.ts';
import type { HeldPrice } from './route.ts';

/** The question for the price of an order: however its amount is written, it is the same question. */
export function requestOf({ amount, feeMode, destination, sourceCurrency, receiveCurrency }: Order): QuoteRequest {
  const channel = destination.kind === 'channel' ? destination.channel : null;
  const plain = { ...amount, amount: canonicalDecimal(amount.amount) };
  return { amount: plain, feeMode, network: destination.network, channel, sourceCurrency, receiveCurrency };
}

/** Fields of an order, by their paths in the input, that are not what was quoted. A network that was not named is not compared. */
export function differencesFromQuote(order: Order, quoted: QuoteRequest): readonly (readonly string[])[] {
  const asked = requestOf(order);
  const place = order.destination.kind;
  const fields: readonly (readonly [readonly string[], boolean])[] = [
    [['amount', 'amount'], equalDecimals(asked.amount.amount, quoted.amount.amount)],
    [['amount', 'currency'], asked.amount.currency === quoted.amount.currency],
    [['feeMode'], asked.feeMode === quoted.feeMode],
    [['destination', place, 'network'], quoted.network === null || asked.network === quoted.network],
    [['destination', place, 'channel'], quoted.channel === null || asked.channel === quoted.channel],
    [['sourceCurrency'], asked.sourceCurrency === quoted.sourceCurrency],
    [['receiveCurrency'], asked.receiveCurrency === quoted.receiveCurrency],
  ];
  return fields.filter(([, same]) => !same).map(([path]) => path);
}

/** Why a price is worse than the one that is held, by more than is tolerated; null: it is not. */
export function worseThan(
  { debit, receive, tolerance }: HeldPrice,
  actual: Pick<Price, 'debit' | 'receive'>,
): string | null {
  const most = addDecimals(debit.amount, part(debit.amount, tolerance));
  const least = subtractDecimals(receive.amount, part(receive.amount, tolerance));
  if (actual.debit.currency !== debit.currency || actual.receive.currency !== receive.currency) {
    return `it would debit ${actual.debit.currency} for ${actual.receive.currency}, not ${debit.currency} for ${receive.currency}`;
  }
  if (compareDecimals(actual.debit.amount, most) > 0) {
    return `it would now debit ${actual.debit.amount} ${debit.currency}; ${debit.amount} was quoted`;
  }
  if (least !== null && compareDecimals(actual.receive.amount, least) < 0) {
    return `the recipient would now get ${actual.receive.amount} ${receive.currency}; ${receive.amount} was quoted`;
  }
  return null;
}

const part = (amount: Decimal, tolerance: Decimal): Decimal => multiplyDecimals(amount, tolerance, 18);
