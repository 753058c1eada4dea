import {
  canonicalDecimal,
  type Decimal,
  decimalPlaces,
  divideDecimals,
  equalDecimals,
  isZero,
  type Money,
  multiplyDecimals,
} from '../../domain/money.ts';
import type { Order } from '../../domain/payout.ts';
import type { Price } from '../../domain/provider.ts';

/** The currency of every payment. Source: the payout readme of the provider's Java SDK. */
export const TARGET = 'CNY';
/** Of an amount, in any currency. Source: assumed. */
const PLACES = 2;
/** How long a quoted rate holds. Source: assumed. */
const QUOTE_LIFE_MS = 30 * 60_000;

/** The part of an order that says what is debited and what arrives. */
export type Terms = Pick<Order, 'amount' | 'feeMode' | 'sourceCurrency' | 'receiveCurrency'>;

/** How an order's amount becomes the two amounts of a payment. */
export type Plan =
  /** CNY for CNY: both are equal, and there is no rate. */
  { readonly kind: 'same'; readonly amount: Decimal } | Conversion;

/** `deliver`: the recipient gets exactly `amount`. `spend`: exactly `amount` is debited. The rate gives the other. */
export interface Conversion {
  readonly kind: 'deliver' | 'spend';
  readonly amount: Decimal;
  /** The currency that is debited. */
  readonly source: string;
}

/** The plan of an order's money, or one line that says what xCurrency Hubs cannot do of it. */
export function planOf({ amount: money, feeMode, sourceCurrency, receiveCurrency }: Terms): Plan | string {
  const { amount, currency } = money;
  if (feeMode !== 'ADD') {
    return 'xCurrency Hubs shows no fees, so nobody can say what deducting them would leave: use feeMode ADD.';
  }
  if (decimalPlaces(amount) > PLACES) return `xCurrency Hubs takes at most ${PLACES} decimal places.`;
  const other = [currency, sourceCurrency].find((code) => code !== null && !/^[A-Z]{3}$/.test(code));
  if (other) return `xCurrency Hubs converts no ${other}: it knows national currencies only.`;
  if (receiveCurrency !== null && receiveCurrency !== TARGET) return `xCurrency Hubs pays ${TARGET} only.`;
  if (currency === TARGET) {
    const source = sourceCurrency ?? TARGET;
    return source === TARGET ? { kind: 'same', amount } : { kind: 'deliver', amount, source };
  }
  if (receiveCurrency === null) {
    return `xCurrency Hubs pays ${TARGET} only: with receiveCurrency ${TARGET} it debits ${currency} and converts it.`;
  }
  if (sourceCurrency !== null && sourceCurrency !== currency) {
    return `xCurrency Hubs takes an amount in ${TARGET} or in the currency that is debited.`;
  }
  return { kind: 'spend', amount, source: currency };
}

/** Both amounts of a payment. */
export interface Amounts {
  readonly source: Money;
  /** In CNY. */
  readonly target: Decimal;
}

/** No amount gives exactly what was asked for. */
export interface OutOfReach {
  /** What can be reached nearest to it, in CNY, lower first; at most two. */
  readonly nearest: readonly Decimal[];
  /** One line that says so. */
  readonly reason: string;
}

/** A plan with its amounts, and the rate with the instant at which it was asked for; both null without a conversion. */
export interface Priced {
  readonly amounts: Amounts | OutOfReach;
  readonly rate: Decimal | null;
  readonly askedAt: Date | null;
}

/** CNY for CNY: what is debited arrives. */
export function priceSame(amount: Decimal): Priced {
  const plain = canonicalDecimal(amount);
  return { amounts: { source: { amount: plain, currency: TARGET }, target: plain }, rate: null, askedAt: null };
}

/** A conversion at a rate: CNY for one unit of the source, not zero. */
export function priceAt(plan: Conversion, rate: Decimal, askedAt: Date): Priced {
  return { amounts: plan.kind === 'spend' ? spend(plan, rate) : deliver(plan, rate), rate, askedAt };
}

/**
 * Never more than the product: we promise what is certain to arrive. The provider compares with the product to 2 places; that
 * it takes one that is less by a part of a hundredth is assumed.
 */
function give(amount: Decimal, currency: string, rate: Decimal): Amounts {
  return { source: { amount, currency }, target: multiplyDecimals(amount, rate, PLACES, 'DOWN') };
}

function spend({ amount, source }: Conversion, rate: Decimal): Amounts | OutOfReach {
  const amounts = give(canonicalDecimal(amount), source, rate);
  if (!isZero(amounts.target)) return amounts;
  return { nearest: [], reason: `At a rate of ${rate} nothing of ${amount} ${source} would arrive.` };
}

function deliver({ amount, source }: Conversion, rate: Decimal): Amounts | OutOfReach {
  // Products grow with their source: if neither neighbour of the exact quotient gives the amount, none does.
  const neighbours = (['DOWN', 'UP'] as const).flatMap((rounding) => {
    const debit = divideDecimals(amount, rate, PLACES, rounding);
    return debit === null || isZero(debit) ? [] : [give(debit, source, rate)];
  });
  const reached = neighbours.find(({ target }) => equalDecimals(target, amount));
  if (reached !== undefined) return reached;
  const nearest = neighbours.map(({ target }) => target).filter((target) => !isZero(target));
  const instead = nearest.length === 0 ? 'nothing comes near it' : `the nearest are ${nearest.join(' and ')}`;
  return { nearest, reason: `At a rate of ${rate} no amount of ${source} gives ${amount} ${TARGET}: ${instead}.` };
}

/** The answer to a question for a price, or one line that says why there is none. */
export function toPrice({ amounts, rate, askedAt }: Priced): Price | string {
  if ('nearest' in amounts) return amounts.reason;
  return {
    debit: amounts.source,
    // None is published. What may be taken all the same makes the price no more than indicative.
    fees: [],
    receive: { amount: amounts.target, currency: TARGET },
    rate,
    firmness: 'INDICATIVE',
    expiresAt: askedAt && new Date(askedAt.getTime() + QUOTE_LIFE_MS),
  };
}
