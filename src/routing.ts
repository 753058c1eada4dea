import type { Order } from './domain/payout.ts';
import type { Account, Provider, ProviderId } from './domain/provider.ts';
import type { ProviderReason } from './payouts.ts';

export type Route =
  | { readonly provider: Provider; readonly account: Account }
  | { readonly reasons: readonly ProviderReason[] };

/**
 * Which provider and account take an order: the named one, or the first in the configured order that supports it; or one
 * reason for each that was considered.
 */
export function chooseRoute(providers: readonly Provider[], order: Order, named: ProviderId | null): Route {
  const considered = named === null ? providers : providers.filter((provider) => provider.id === named);
  const reasons: ProviderReason[] = [];
  for (const provider of considered) {
    const account = provider.accounts.find((one) => one.enabled);
    const verdict = account ? provider.supports(order) : 'it is switched off in this deployment';
    if (account && verdict === true) return { provider, account };
    if (verdict !== true) reasons.push({ provider: provider.id, reason: verdict });
  }
  return { reasons };
}
