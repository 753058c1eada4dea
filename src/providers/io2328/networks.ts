import type { AssetTerms } from '../../domain/provider.ts';

/**
 * What 2328.io can pay: our network, its code there, and the currencies it carries.
 * Source: doc.2328.io, page "References"; `TRX-TRC20` also on the payout page.
 */
export const NETWORKS = [
  { network: 'TRON', code: 'TRX-TRC20', currencies: ['TRX', 'USDT'] },
  { network: 'ETHEREUM', code: 'ETH-ERC20', currencies: ['ETH', 'USDT', 'USDC'] },
  { network: 'BSC', code: 'BSC-BEP20', currencies: ['BNB', 'USDT', 'USDC'] },
  { network: 'POLYGON', code: 'POL-MATIC', currencies: ['POL', 'USDT', 'USDC'] },
  { network: 'AVALANCHE_C', code: 'AVAX-C', currencies: ['AVAX', 'USDT', 'USDC'] },
  { network: 'SOLANA', code: 'SOL', currencies: ['SOL', 'USDT', 'USDC'] },
  { network: 'TON', code: 'TON', currencies: ['TON', 'USDT'] },
  { network: 'BITCOIN', code: 'BTC', currencies: ['BTC'] },
  { network: 'LITECOIN', code: 'LTC', currencies: ['LTC'] },
  { network: 'DOGECOIN', code: 'DOGE', currencies: ['DOGE'] },
  { network: 'DASH', code: 'DASH', currencies: ['DASH'] },
] as const satisfies readonly { network: string; code: string; currencies: readonly string[] }[];

/** Every currency that 2328.io holds a balance in. */
export const CURRENCIES: ReadonlySet<string> = new Set(NETWORKS.flatMap((row) => [...row.currencies]));

/** 2328.io's code of our network; null when it does not pay that currency there. */
export function networkCode(currency: string, network: string): string | null {
  const row = NETWORKS.find((each) => each.network === network);
  return row?.currencies.some((each) => each === currency) ? row.code : null;
}

/** What 2328.io pays as far as its pages say. */
export const KNOWN_ASSETS: readonly AssetTerms[] = NETWORKS.flatMap(({ network, currencies }) =>
  currencies.map((currency) => ({
    currency,
    network,
    minAmount: null,
    maxAmount: null,
    fee: null,
    feeModes: ['ADD', 'DEDUCT'],
  })),
);

/** Our network for 2328.io's code of it; null: one that we do not know. */
export function parseNetwork(code: string): string | null {
  return NETWORKS.find((row) => row.code === code)?.network ?? null;
}

/** Our networks that 2328.io pays a currency on; none: it does not pay it at all. */
export function networksOf(currency: string): readonly string[] {
  return NETWORKS.filter((row) => row.currencies.some((each) => each === currency)).map((row) => row.network);
}
