import {
  canonicalDecimal,
  compareDecimals,
  type Decimal,
  divideDecimals,
  multiplyDecimals,
  parseDecimal,
} from '../../domain/money.ts';
import { ASSETS, NETWORKS } from './networks.ts';

/** A value of the stand-in's JSON: its numbers keep their digits. */
export type Shown = object;

/** What one unit is worth in USD. Source: Swap Rate for BTC; the others are assumed. */
const PRICES: ReadonlyMap<string, Decimal> = new Map([
  ['USDT', decimal('1')],
  ['USDC', decimal('1')],
  ['BTC', decimal('94763.06')],
  ['LTC', decimal('90')],
  ['DOGE', decimal('0.2')],
  ['ETH', decimal('3000')],
  ['BNB', decimal('600')],
  ['TRX', decimal('0.33')],
  ['SOL', decimal('150')],
  ['TON', decimal('3')],
  ['POL', decimal('0.5')],
]);

/** Source: Supported Fiat Currencies. */
const FIATS: readonly (readonly [symbol: string, name: string, price: string, precision: string])[] = [
  ['USD', 'United States Dollar', '1', '0.001'],
  ['AUD', 'Australian Dollar', '0.64417134', '0.001'],
  ['CAD', 'Canadian Dollar', '0.72528465', '0.001'],
  ['CHF', 'Swiss Franc', '1.09690497', '0.0001'],
];

const NAMES: ReadonlyMap<string, string> = new Map([
  ['USDT', 'Tether'],
  ['USDC', 'USD Coin'],
  ['BTC', 'Bitcoin'],
  ['LTC', 'Litecoin'],
  ['DOGE', 'Dogecoin'],
  ['ETH', 'Ethereum'],
  ['BNB', 'BNB'],
  ['TRX', 'TRON'],
  ['SOL', 'Solana'],
  ['TON', 'Toncoin'],
  ['POL', 'Polygon'],
]);

/** `withdraw_fee` of coins whose unit is worth much. Source: Supported Currencies for BTC and ETH; the others are assumed. */
const COIN_FEES: ReadonlyMap<string, Decimal> = new Map([
  ['BTC', decimal('0.00011')],
  ['ETH', decimal('0.0002')],
  ['BNB', decimal('0.0003')],
  ['LTC', decimal('0.001')],
  ['SOL', decimal('0.005')],
]);
/** `withdraw_fee` of everything else, by network. Source: assumed. */
const NETWORK_FEES: ReadonlyMap<string, Decimal> = new Map([
  ['TRON', decimal('1.5')],
  ['BSC', decimal('0.3')],
]);
const OTHER_FEE = decimal('1');
/** `withdraw_min` of the two stablecoins and of everything else. Source: assumed. */
const STABLE_MINIMUM = decimal('1');
const OTHER_MINIMUM = decimal('0.0001');
const ONE = decimal('1');
/** Rates and amounts of swaps have so many. */
const RATE_PLACES = 10;
const AMOUNT_PLACES = 8;

/** The fee of a payout, on top of its amount; `network` is our code. */
export function feeOf(currency: string, network: string): Decimal {
  return COIN_FEES.get(currency) ?? NETWORK_FEES.get(network) ?? OTHER_FEE;
}

/** The least that is paid of a currency. */
export function minimumOf(currency: string): Decimal {
  return currency === 'USDT' || currency === 'USDC' ? STABLE_MINIMUM : OTHER_MINIMUM;
}

/** What one unit is worth in USD. */
export function usdOf(currency: string): Decimal {
  return PRICES.get(currency) ?? ONE;
}

/** The `data` of the calls that need no key, by their path. */
export function common(path: string): Shown | null {
  switch (path) {
    case '/common/prices':
      return Object.fromEntries([...PRICES].map(([symbol, usd]) => [symbol, plain(usd)]));
    case '/common/currencies':
      return Object.fromEntries([...ASSETS].map(([symbol, networks]) => [symbol, toCurrency(symbol, networks)]));
    case '/common/fiats':
      return Object.fromEntries(
        FIATS.map(([symbol, name, price, precision]) => [
          symbol,
          { symbol, name, price: JSON.rawJSON(price), display_precision: JSON.rawJSON(precision) },
        ]),
      );
    case '/common/networks':
      return { list: NETWORKS.map(({ key }) => displayName(key)) };
    case '/common/monitor':
      return { status: true };
    default:
      return null;
  }
}

/** As most answers spell a network, from the key of OxaPay's own map: `Tron Network`. */
export function displayName(key: string): string {
  return `${key} Network`;
}

function toCurrency(symbol: string, codes: readonly string[]) {
  const networks = NETWORKS.filter(({ code }) => codes.includes(code)).map(({ code, name, key, keys }) => [
    key,
    {
      network: key,
      name,
      keys,
      required_confirmations: code === 'TRON' ? 19 : 15,
      withdraw_fee: plain(feeOf(symbol, code)),
      withdraw_min: plain(minimumOf(symbol)),
      deposit_min: JSON.rawJSON('0.5'),
      static_fixed_fee: 0,
    },
  ]);
  return { symbol, name: NAMES.get(symbol) ?? symbol, status: true, networks: Object.fromEntries(networks) };
}

/** Every coin can be swapped into USDT, and USDT into every coin. Source: assumed. */
const PAIRS = [...PRICES.keys()]
  .filter((symbol) => symbol !== 'USDT')
  .flatMap((symbol) => [[symbol, 'USDT'] as const, ['USDT', symbol] as const]);

/** Units of `to` for one unit of `from`; null: no such pair. */
function rateOf(from: string, to: string): Decimal | null {
  if (!PAIRS.some(([left, right]) => left === from && right === to)) return null;
  return divideDecimals(usdOf(from), usdOf(to), RATE_PLACES, 'DOWN');
}

/** The `data` of `GET /general/swap/pairs`. The least amount is worth about one USD. */
export function swapPairs(): Shown {
  const list = PAIRS.map(([from, to]) => ({
    from_currency: from,
    to_currency: to,
    min_amount: plain(leastOf(from)),
  }));
  return { list, meta: { page: 1, last_page: 1, total: list.length } };
}

function leastOf(from: string): Decimal {
  return divideDecimals(ONE, usdOf(from), RATE_PLACES, 'UP') ?? ONE;
}

/** A field that is not as it should be, and the words for it. */
export interface Invalid {
  readonly invalid: readonly [key: string, message: string];
}

/**
 * The `data` of the three POST calls by what follows `/general/swap`: `` swaps, `/calculate` and `/rate` only tell. The
 * stand-in's wallets stay as they are.
 */
export function swap(
  what: '' | '/calculate' | '/rate',
  from: string,
  to: string,
  amount: Decimal | null,
  now: Date,
): Shown | Invalid {
  const rate = rateOf(from, to);
  if (rate === null) {
    const key = PRICES.has(from) ? 'to_currency' : 'from_currency';
    return { invalid: [key, `The ${key} field is not one of a pair that can be swapped.`] };
  }
  if (what === '/rate') return { rate: plain(rate) };
  if (amount === null) return { invalid: ['amount', 'The amount field must be a number.'] };
  const minimum = leastOf(from);
  if (compareDecimals(amount, minimum) < 0) return { invalid: ['amount', `The minimum is ${minimum}.`] };
  const received = multiplyDecimals(amount, rate, AMOUNT_PLACES);
  if (what === '/calculate') return { to_amount: plain(received), rate: plain(rate), amount: plain(amount) };
  return toSwap({ trackId: String(now.getTime()), from, to, amount, at: now });
}

interface MadeSwap {
  readonly trackId: string;
  readonly from: string;
  readonly to: string;
  readonly amount: Decimal;
  readonly at: Date;
}

function toSwap({ trackId, from, to, amount, at }: MadeSwap) {
  const rate = rateOf(from, to) ?? ONE;
  return {
    track_id: trackId,
    from_currency: from,
    to_currency: to,
    from_amount: plain(amount),
    to_amount: plain(multiplyDecimals(amount, rate, AMOUNT_PLACES)),
    rate: plain(rate),
    date: Math.floor(at.getTime() / 1000),
  };
}

/** Swaps of long ago, oldest first: the side keeps nothing, so its history never grows. */
const HISTORY: readonly (MadeSwap & { readonly type: string })[] = [
  { trackId: '150000001', type: 'manualSwap', from: 'BTC', to: 'USDT', amount: decimal('0.01'), at: day('2025-01-10') },
  { trackId: '150000002', type: 'autoConvert', from: 'TRX', to: 'USDT', amount: decimal('500'), at: day('2025-01-11') },
  { trackId: '150000003', type: 'swapByApi', from: 'USDT', to: 'LTC', amount: decimal('250'), at: day('2025-01-12') },
];

/** The `data` of `GET /general/swap`, or the name of the parameter that cannot be read. */
export function swapHistory(query: URLSearchParams): Shown | string {
  const text = (name: string) => query.get(name) || null;
  const whole = (name: string, fallback: number) => {
    const given = text(name) ?? String(fallback);
    return /^[0-9]{1,11}$/.test(given) ? Number(given) : null;
  };
  const [size, page, since, until] = [
    whole('size', 10),
    whole('page', 1),
    whole('from_date', 0),
    whole('to_date', 1e10),
  ];
  if (size === null || size < 1 || size > 200) return 'size';
  if (page === null || page < 1) return 'page';
  if (since === null) return 'from_date';
  if (until === null) return 'to_date';
  const is = (name: string, value: string) => (text(name) ?? value).toLowerCase() === value.toLowerCase();
  const found = HISTORY.filter(({ trackId, type, from, to, at }) => {
    const seconds = at.getTime() / 1000;
    const named = is('track_id', trackId) && is('type', type) && is('from_currency', from) && is('to_currency', to);
    return named && seconds >= since && seconds <= until;
  });
  const byAmount = (a: MadeSwap, b: MadeSwap) => compareDecimals(a.amount, b.amount);
  const ascending = text('sort_by') === 'amount' ? found.toSorted(byAmount) : found;
  const sorted = text('sort_type') === 'asc' ? ascending : ascending.toReversed();
  const list = sorted.slice((page - 1) * size, page * size).map((made) => ({ ...toSwap(made), type: made.type }));
  return { list, meta: { page, last_page: Math.max(1, Math.ceil(found.length / size)), total: found.length } };
}

function day(text: string): Date {
  return new Date(`${text}T00:00:00Z`);
}

/** A JSON number by its digits. */
function plain(value: Decimal) {
  return JSON.rawJSON(canonicalDecimal(value));
}

/** For this file's own constants. */
function decimal(text: string): Decimal {
  const value = parseDecimal(text);
  if (value === null) throw new RangeError(`${text} is not a decimal`);
  return value;
}
