import type { AssetTerms } from '../../domain/provider.ts';

/**
 * Where BlockATM pays: our network, its spellings there in lower case, and the tokens. Test networks are no networks of
 * ours. Source: config page, coin and network list; the names beside `tron` are assumed.
 */
export const NETWORKS = [
  { network: 'TRON', spellings: ['0x2b6653dc', 'tron'], symbols: ['USDT'] },
  { network: 'ETHEREUM', spellings: ['1', 'ethereum'], symbols: ['USDT', 'USDC'] },
  { network: 'ARBITRUM', spellings: ['42161', 'arbitrum', 'arbitrum one'], symbols: ['USDT'] },
] as const satisfies readonly { network: string; spellings: readonly string[]; symbols: readonly string[] }[];

/** Whether BlockATM pays the currency on our network. */
export function isPaid(currency: string, network: string): boolean {
  return NETWORKS.some((row) => row.network === network && row.symbols.some((symbol) => symbol === currency));
}

/** Our network for a chain id or a name of theirs, in any case; null: none of ours, or not recognised. */
export function parseNetwork(spelling: string): string | null {
  const text = spelling.trim().toLowerCase();
  return NETWORKS.find(({ spellings }) => spellings.some((each) => each === text))?.network ?? null;
}

/** What BlockATM pays as far as its pages say; figures are in its lists. Every account pays on its own network alone. */
export const KNOWN_ASSETS: readonly AssetTerms[] = NETWORKS.flatMap(({ network, symbols }) =>
  symbols.map((currency): AssetTerms => {
    return { currency, network, minAmount: null, maxAmount: null, fee: null, feeModes: ['ADD'] };
  }),
);
