import type { Order } from './domain/payout.ts';
import type { Provider, ProviderId, ProviderReason, Route } from './domain/provider.ts';

/**
 * Which provider and account take an order: the named provider, or the first in the configured order that supports it.
 * Pure; one reason for each provider that was considered where none does.
 */
export function chooseRoute(providers: readonly Provider[], order: Order, named: ProviderId | null): Route {
  const considered = named === null ? providers : providers.filter((provider) => provider.id === named);
  const reasons: ProviderReason[] = [];
  for (const provider of considered) {
    const account = provider.accounts.find((one) => one.enabled);
    const verdict = account ? provider.supports(order) : 'it is switched off in this deployment';
    if (account && verdict === true) return { kind: 'chosen', provider: provider.id, account: account.name };
    if (verdict !== true) reasons.push({ provider: provider.id, reason: verdict });
  }
  if (considered.length === 0 && named !== null)
    reasons.push({ provider: named, reason: 'it is not in this deployment' });
  return { kind: 'none', reasons };
}
