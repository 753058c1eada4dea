import { parseDecimal } from './domain/money.ts';
import type { ProviderId } from './domain/provider.ts';
import type { MinimumBalance } from './market.ts';
import type { RoutingPolicy } from './routing.ts';

/**
 * How payouts without a named provider are routed: `CHEAPEST`, `FASTEST`, or providers in order. Not set: all, in the order
 * in which they come.
 */
export function readRouting(text: string | undefined, known: readonly ProviderId[], faults: string[]): RoutingPolicy {
  if (text === undefined) return { kind: 'LIST', providers: known };
  if (text === 'CHEAPEST' || text === 'FASTEST') return { kind: text };
  const providers = text.split(',').map((part) => part.trim() as ProviderId);
  const strange = providers.find((id, at) => !known.includes(id) || providers.indexOf(id) !== at);
  if (strange !== undefined) {
    faults.push(`ROUTING: is CHEAPEST, FASTEST, or some of ${known.join(', ')} in order, each once`);
  }
  return { kind: 'LIST', providers };
}

/** The least that is wanted at a provider, e.g. `IO2328:USDT=500,OXAPAY:USDT=100`. */
export function readMinimumBalances(
  text: string | undefined,
  known: readonly ProviderId[],
  faults: string[],
): readonly MinimumBalance[] {
  if (text === undefined) return [];
  const seen = new Set<string>();
  return text.split(',').flatMap((part, index) => {
    const [, id, currency = '', amount = ''] = /^([A-Z0-9]+):([A-Z0-9]{2,12})=([0-9.]+)$/.exec(part.trim()) ?? [];
    const provider = known.find((one) => one === id);
    const minimum = parseDecimal(amount);
    const pair = `${id}:${currency}`;
    if (provider && minimum !== null && !seen.has(pair)) {
      seen.add(pair);
      return [{ provider, currency, minimum }];
    }
    if (seen.has(pair))
      faults.push(`MINIMUM_BALANCES: entry ${index + 1} has the provider and currency of another one`);
    else
      faults.push(
        `MINIMUM_BALANCES: entry ${index + 1} is not PROVIDER:CURRENCY=AMOUNT, with one of ${known.join(', ')}`,
      );
    return [];
  });
}
