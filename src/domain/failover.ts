import { isAccountedFor } from './attempt.ts';
import type { Draft } from './draft.ts';
import type { Failure, Payout, PayoutFailureCode } from './payout.ts';
import type { RouteCandidate } from './route.ts';

/**
 * Refusals that no other provider is asked about: what one must not pay, the next must not either; what may be there already
 * may be paid; what is too late stays too late.
 */
const FOR_GOOD: ReadonlySet<PayoutFailureCode> = new Set(['COMPLIANCE', 'DUPLICATE_AT_PROVIDER', 'EXPIRED']);

/**
 * The draft on its way to the next candidate of its route; null: there is none, it was not allowed, or it is not proven that
 * nobody has taken it. What was ever in doubt goes to its own account or nowhere. `failure`: why it was refused; null: it
 * never left.
 */
export function failOver(payout: Payout, draft: Draft, failure: Failure | null, why: string): Draft | null {
  if (failure !== null && FOR_GOOD.has(failure.code)) return null;
  const next = wayOn(payout, draft.attempts);
  if (next === null) return null;
  const { provider, account } = next;
  return {
    ...draft,
    provider,
    account,
    note: `${why.replace(/\.$/, '')}; it goes to ${provider}`,
    visible: true,
    due: true,
    restart: true,
  };
}

/** Where a payout may go on to, by what is known of its attempts; null: nowhere. */
export function wayOn(payout: Payout, attempts: Payout['attempts'] = payout.attempts): RouteCandidate | null {
  const proven = attempts.every((one) => one.report === null && !one.doubted && isAccountedFor(one));
  return payout.failover && payout.closure === null && proven ? nextCandidate(payout) : null;
}

/** The eligible candidate behind the one that the payout is at; null: there is none. */
export function nextCandidate({
  route,
  provider,
  account,
}: Pick<Payout, 'route' | 'provider' | 'account'>): RouteCandidate | null {
  const candidates = route?.candidates ?? [];
  const at = candidates.findIndex((one) => one.provider === provider && one.account === account);
  return candidates.find((one, place) => place > at && one.verdict === 'ELIGIBLE') ?? null;
}
