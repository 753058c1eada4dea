/** A value that only its own parser makes. The brand exists for the compiler alone. */
export type Branded<T, Name extends string> = T & { readonly [brand]: Name };
declare const brand: unique symbol;

/**
 * Exact decimal text in plain notation: digits, at most one dot, no sign, no exponent; at most 18 places and 30 digits.
 * It keeps the scale it came with (`1.00` stays `1.00`) and is compared by value. Never a JS number.
 */
export type Decimal = Branded<string, 'Decimal'>;

/** An amount in the currency's own unit, e.g. `12.5` of `USDT`. `currency` is an upper-case code. */
export interface Money {
  readonly amount: Decimal;
  readonly currency: string;
}

/** What can be paid: a currency on a network. `network` is null for fiat. */
export interface Asset {
  readonly currency: string;
  readonly network: string | null;
}

/** ADD: the recipient gets `amount`, fees come on top. DEDUCT: `amount` is debited, the recipient gets what fees leave. */
export type FeeMode = 'ADD' | 'DEDUCT';

/** A fee as the provider reports it; it may be in another currency than the payout. */
export interface Fee extends Money {
  readonly kind: 'PROVIDER' | 'NETWORK' | 'CONVERSION';
}

const MAX_DIGITS = 30;
const MAX_PLACES = 18;

/** Reads exact decimal text; null for a sign, an exponent, a comma, more than 18 places, or more than 30 digits. */
export function parseDecimal(text: string): Decimal | null {
  const match = /^(0|[1-9][0-9]*)(?:\.([0-9]+))?$/.exec(text);
  if (match === null) return null;
  const whole = match[1] ?? '';
  const places = match[2] ?? '';
  if (places.length > MAX_PLACES || whole.length + places.length > MAX_DIGITS) return null;
  return text as Decimal;
}

/**
 * Reads a number as it stands in a provider's JSON: like `parseDecimal`, but an exponent is written out and zeros beyond
 * 18 places fall away. Null when it is not a finite, unsigned decimal that fits.
 */
export function parseJsonNumber(source: string): Decimal | null {
  const match = /^([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]{1,3}))?$/.exec(source);
  if (match === null) return null;
  const fraction = match[2] ?? '';
  const shift = Number(match[3] ?? '0');
  if (shift === 0 && fraction.length <= MAX_PLACES) return parseDecimal(source);
  const digits = (match[1] ?? '') + fraction;
  const point = (match[1] ?? '').length + shift;
  const padded = point <= 0 ? '0'.repeat(1 - point) + digits : digits.padEnd(point, '0');
  const at = Math.max(point, 1);
  const whole = padded.slice(0, at).replace(/^0+(?=[0-9])/, '');
  const places = padded.slice(at).replace(/0+$/, '');
  return parseDecimal(places === '' ? whole : `${whole}.${places}`);
}

/** The text as an integer count of 10⁻¹⁸ units: the one form in which decimals are compared and added. */
function toUnits(value: Decimal): bigint {
  const [whole = '0', places = ''] = value.split('.');
  return BigInt(whole + places.padEnd(MAX_PLACES, '0'));
}

function fromUnits(units: bigint): Decimal {
  const digits = units.toString().padStart(MAX_PLACES + 1, '0');
  const places = digits.slice(-MAX_PLACES).replace(/0+$/, '');
  const whole = digits.slice(0, -MAX_PLACES);
  return (places === '' ? whole : `${whole}.${places}`) as Decimal;
}

/** The shortest text of the same value: `1.00` and `1` both give `1`. Equal values give equal texts. */
export function canonicalDecimal(value: Decimal): Decimal {
  return fromUnits(toUnits(value));
}

/** Negative, zero or positive, as `a` is less than, equal to or greater than `b` by value. */
export function compareDecimals(a: Decimal, b: Decimal): number {
  const left = toUnits(a);
  const right = toUnits(b);
  return left < right ? -1 : left > right ? 1 : 0;
}

export function equalDecimals(a: Decimal, b: Decimal): boolean {
  return toUnits(a) === toUnits(b);
}

export function isZero(value: Decimal): boolean {
  return toUnits(value) === 0n;
}

/** Exact sum, in canonical form. */
export function addDecimals(a: Decimal, b: Decimal): Decimal {
  return fromUnits(toUnits(a) + toUnits(b));
}

/** Exact difference, in canonical form; null when `b` is greater, since no amount here is negative. */
export function subtractDecimals(a: Decimal, b: Decimal): Decimal | null {
  const units = toUnits(a) - toUnits(b);
  return units < 0n ? null : fromUnits(units);
}

/**
 * `a × b` at `places` (0 to 18): rounded half up, or cut off there, or raised to the next where it is not exact. Rates meet
 * amounts here and nowhere else.
 */
export function multiplyDecimals(
  a: Decimal,
  b: Decimal,
  places: number,
  rounding: 'HALF_UP' | 'DOWN' | 'UP' = 'HALF_UP',
): Decimal {
  const scale = 10n ** BigInt(2 * MAX_PLACES - places);
  const raise = rounding === 'DOWN' ? 0n : rounding === 'UP' ? scale - 1n : scale / 2n;
  const product = toUnits(a) * toUnits(b);
  return fromUnits(((product + raise) / scale) * 10n ** BigInt(MAX_PLACES - places));
}

/** `a ÷ b` cut off at `places` (0 to 18), or raised to the next there where it is not exact; null when `b` is zero. */
export function divideDecimals(a: Decimal, b: Decimal, places: number, rounding: 'DOWN' | 'UP'): Decimal | null {
  const divisor = toUnits(b);
  if (divisor === 0n) return null;
  const dividend = toUnits(a) * 10n ** BigInt(places);
  const quotient = dividend / divisor + (rounding === 'UP' && dividend % divisor !== 0n ? 1n : 0n);
  return fromUnits(quotient * 10n ** BigInt(MAX_PLACES - places));
}

/** How many digits stand after the dot once trailing zeros are gone. */
export function decimalPlaces(value: Decimal): number {
  return (canonicalDecimal(value).split('.')[1] ?? '').length;
}
