import type { Order, Parties } from './domain/payout.ts';
import type { Provider, ProviderId, ProviderReason, Route } from './domain/provider.ts';
import { type Clock, withDeadline } from './runtime.ts';

/** How long a provider may take to say which amounts its rate can reach; then the worker finds out. */
const RATE_DEADLINE_MS = 3000;

/**
 * Which provider and account take an order: the named provider, or the first in the configured order that supports it.
 * One reason for each provider that was considered where none does. Only a conversion asks the provider for anything: its
 * rate, and whether the amount can be reached by it.
 */
export async function chooseRoute(
  providers: readonly Provider[],
  clock: Clock,
  order: Order,
  parties: Parties,
  named: ProviderId | null,
): Promise<Route> {
  const considered = named === null ? providers : providers.filter((provider) => provider.id === named);
  const reasons: ProviderReason[] = [];
  for (const provider of considered) {
    const verdict = judge(provider, order, parties);
    if (typeof verdict === 'string') reasons.push({ provider: provider.id, reason: verdict });
    else return (await unreachable(provider, clock, verdict.account, order)) ?? { kind: 'chosen', ...verdict };
  }
  if (considered.length === 0 && named !== null) {
    reasons.push({ provider: named, reason: 'it is not in this deployment' });
  }
  return { kind: 'none', reasons };
}

/** The first of its accounts that takes the order, or why none does. */
function judge(provider: Provider, order: Order, parties: Parties): { provider: ProviderId; account: string } | string {
  const reasons: string[] = [];
  for (const { name, enabled } of provider.accounts) {
    const verdict = enabled ? provider.supports(order, parties, name) : 'it is switched off in this deployment';
    if (verdict === true) return { provider: provider.id, account: name };
    reasons.push(verdict);
  }
  return reasons[0] ?? 'it is switched off in this deployment';
}

/** Says so where the provider's rate cannot give exactly the amount; null: it can, or nobody can tell right now. */
async function unreachable(provider: Provider, clock: Clock, account: string, order: Order): Promise<Route | null> {
  const ask = provider.nearestAmounts?.bind(provider);
  if (ask === undefined || order.sourceCurrency === null) return null;
  const nearest = await withDeadline(clock, RATE_DEADLINE_MS, (signal) =>
    ask(account, order, { sendBy: null, signal }),
  );
  if (nearest.kind !== 'known' || nearest.value.length === 0) return null;
  const message = `${provider.name} cannot give exactly this amount by its rate; the nearest are ${nearest.value.join(' and ')}`;
  return { kind: 'invalid', issues: [{ path: ['amount', 'amount'], message }] };
}
