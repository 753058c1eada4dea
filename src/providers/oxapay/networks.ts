import type { AssetTerms } from '../../domain/provider.ts';

/** A network in OxaPay's spellings: what a request says, the key of its own network map, and the short keys. */
export interface NetworkNames {
  /** Our code. */
  readonly code: string;
  /** Written in requests, e.g. `TRC20`. */
  readonly name: string;
  /** The key of OxaPay's network map, e.g. `Tron`; answers often append ` Network` to it. */
  readonly key: string;
  readonly keys: readonly string[];
}

/** Source: Supported Networks, Supported Currencies; the request names other than `TRC20` are assumed. */
export const NETWORKS: readonly NetworkNames[] = [
  { code: 'TRON', name: 'TRC20', key: 'Tron', keys: ['trc20', 'tron', 'trx'] },
  { code: 'ETHEREUM', name: 'ERC20', key: 'Ethereum', keys: ['erc20', 'ethereum', 'eth'] },
  { code: 'BSC', name: 'BEP20', key: 'BSC', keys: ['bep20', 'bsc', 'bnb', 'binance', 'binance smart chain'] },
  { code: 'POLYGON', name: 'Polygon', key: 'Polygon', keys: ['polygon', 'matic', 'pol'] },
  { code: 'SOLANA', name: 'Solana', key: 'Solana', keys: ['solana', 'sol'] },
  { code: 'TON', name: 'TON', key: 'TON', keys: ['ton'] },
  { code: 'BITCOIN', name: 'Bitcoin', key: 'Bitcoin', keys: ['bitcoin', 'btc'] },
  { code: 'LITECOIN', name: 'Litecoin', key: 'Litecoin', keys: ['litecoin', 'ltc'] },
  { code: 'DOGECOIN', name: 'Dogecoin', key: 'Dogecoin', keys: ['dogecoin', 'doge'] },
];

const NAME_BY_CODE = new Map(NETWORKS.map(({ code, name }) => [code, name]));
const CODE_BY_SPELLING = new Map(
  NETWORKS.flatMap(({ code, name, key, keys }) =>
    [name, key, ...keys].map((spelling) => [spelling.toLowerCase(), code] as const),
  ),
);

/**
 * Where each currency can be paid, in our codes. Source: Accepted Currencies and Supported Networks; which token is paid on
 * which network is assumed.
 */
export const ASSETS: ReadonlyMap<string, readonly string[]> = new Map([
  ['USDT', ['TRON', 'ETHEREUM', 'BSC', 'POLYGON', 'SOLANA', 'TON']],
  ['USDC', ['ETHEREUM', 'BSC', 'POLYGON', 'SOLANA']],
  ['BTC', ['BITCOIN']],
  ['LTC', ['LITECOIN']],
  ['DOGE', ['DOGECOIN']],
  ['ETH', ['ETHEREUM']],
  ['BNB', ['BSC']],
  ['TRX', ['TRON']],
  ['SOL', ['SOLANA']],
  ['TON', ['TON']],
  ['POL', ['POLYGON']],
]);

/** What OxaPay pays as far as its pages say: every currency on each of its networks, the fee on top. */
export const KNOWN_ASSETS: readonly AssetTerms[] = [...ASSETS].flatMap(([currency, networks]) =>
  networks.map((network) => ({ currency, network, minAmount: null, maxAmount: null, fee: null, feeModes: ['ADD'] })),
);

/** The name that a request carries for our network code; null: OxaPay has no such network. */
export function networkName(code: string): string | null {
  return NAME_BY_CODE.get(code) ?? null;
}

/** Our code for any of OxaPay's spellings, in any case, with or without a trailing ` Network`; null: not recognised. */
export function parseNetwork(spelling: string): string | null {
  const bare = spelling
    .trim()
    .toLowerCase()
    .replace(/ network$/, '');
  return CODE_BY_SPELLING.get(bare) ?? null;
}
