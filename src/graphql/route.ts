import type { Payout } from '../domain/payout.ts';
import { requestOf } from '../domain/price.ts';
import type { QuotedPrice, RouteCandidate, RouteDecision, RouteVerdict } from '../domain/route.ts';
import { builder } from './builder.ts';
import { ProviderIdEnum } from './provider.ts';
import { QuoteObject, type ShownQuote } from './quote.ts';

/** A price of a payout, as a quote that the same could be asked for by. */
export function toQuote(
  { merchantId, order }: Pick<Payout, 'merchantId' | 'order'>,
  { provider, account }: Pick<Payout, 'provider' | 'account'>,
  price: QuotedPrice,
): ShownQuote {
  return { merchantId, provider, account, request: requestOf(order), price };
}

const RouteVerdictEnum = builder.enumType('RouteVerdict', {
  description: 'What was decided about a candidate.',
  values: {
    CHOSEN: { description: 'It pays.' },
    ELIGIBLE: { description: 'It could pay: with `failover` it is next, in the order of the list.' },
    UNSUPPORTED: { description: 'It cannot pay this.' },
    UNHEALTHY: { description: 'It is DOWN.' },
    INSUFFICIENT_BALANCE: { description: 'Our balance there does not cover it, or is below what is to be kept.' },
    DISABLED: { description: 'It is switched off, or not in the list that payouts are routed by.' },
  } as const satisfies Record<RouteVerdict, unknown>,
});

/** A candidate, and the payout that it was considered for. */
interface ShownCandidate {
  readonly candidate: RouteCandidate;
  readonly payout: Pick<Payout, 'merchantId' | 'order'>;
}

const RouteCandidateObject = builder.objectRef<ShownCandidate>('RouteCandidate').implement({
  description: 'A provider that was considered.',
  fields: (t) => ({
    provider: t.field({
      type: ProviderIdEnum,
      description: 'Which one.',
      resolve: ({ candidate }) => candidate.provider,
    }),
    account: t.string({
      description: 'Our name for the account there.',
      resolve: ({ candidate }) => candidate.account,
    }),
    verdict: t.field({
      type: RouteVerdictEnum,
      description: 'What was decided.',
      resolve: ({ candidate }) => candidate.verdict,
    }),
    reason: t.string({ description: 'Why: one line for people.', resolve: ({ candidate }) => candidate.reason }),
    quote: t.field({
      type: QuoteObject,
      nullable: true,
      description:
        'What it would have cost there; null: it names no price, or the policy needs none and none was asked for.',
      resolve: ({ candidate, payout }) => candidate.quote && toQuote(payout, candidate, candidate.quote),
    }),
  }),
});

/** A decision, and the payout that it is about. */
export interface ShownRoute {
  readonly decision: RouteDecision;
  readonly payout: Pick<Payout, 'merchantId' | 'order'>;
}

/** Who was considered for a payout, and why each was taken or left. */
export const RouteDecisionObject = builder.objectRef<ShownRoute>('RouteDecision').implement({
  description: 'Every provider that was considered, what it offered, and why it was taken or left.',
  fields: (t) => ({
    at: t.field({ type: 'DateTime', description: 'When it was decided.', resolve: ({ decision }) => decision.at }),
    chosen: t.field({
      type: ProviderIdEnum,
      description: 'Who was chosen first. With `failover` another may pay in the end.',
      resolve: ({ decision: { candidates } }) => {
        const chosen = candidates.find(({ verdict }) => verdict === 'CHOSEN');
        if (chosen === undefined) throw new Error('a stored route without the chosen one');
        return chosen.provider;
      },
    }),
    policy: t.string({
      description: 'What it was decided by: `CHEAPEST`, `FASTEST`, or providers in order, with commas between them.',
      resolve: ({ decision }) => decision.policy,
    }),
    candidates: t.field({
      type: [RouteCandidateObject],
      description: 'The chosen one, then the eligible in the order in which they would follow, then the others.',
      complexity: { field: 1, multiplier: 5 },
      resolve: ({ decision, payout }) => decision.candidates.map((candidate) => ({ candidate, payout })),
    }),
  }),
});
