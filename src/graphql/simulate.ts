import { z } from 'zod';
import type { MerchantId } from '../domain/merchant.ts';
import type { Order, Payout } from '../domain/payout.ts';
import type { Plan } from '../payouts.ts';
import { builder } from './builder.ts';
import { existingMerchant } from './context.ts';
import { CreatePayoutInput, checkRelated, type Input, REFUSALS, toCreateInput, toError } from './create.ts';
import { merchantIdArg } from './merchant.ts';
import { type LoadedPayout, PayoutNode, quotedBy, reloadPayout } from './payout.ts';
import { QuoteObject } from './quote.ts';
import { RouteDecisionObject, toQuote } from './route.ts';

/** What a create would come to. */
interface Simulated {
  readonly about: { readonly merchantId: MerchantId; readonly order: Order };
  readonly plan: Pick<Plan, 'provider' | 'account' | 'route' | 'heldPrice'>;
  readonly existing: LoadedPayout | null;
}

const SimulatePayoutSuccess = builder.objectRef<Simulated>('SimulatePayoutSuccess').implement({
  description: 'It would be taken. Nothing was stored or sent.',
  fields: (t) => ({
    route: t.field({
      type: RouteDecisionObject,
      nullable: true,
      description:
        'Who would be chosen, and why: of a provider that was named, that one alone; null of an existing payout that named it.',
      resolve: ({ about, plan: { route } }) => route && { decision: route, payout: about },
    }),
    quote: t.field({
      type: QuoteObject,
      nullable: true,
      description:
        'What it would cost: the quote that it would be held to, or what the chosen provider says now; null: it says nothing.',
      resolve: ({ about, plan, existing }) => {
        const chosen = plan.route?.candidates.find(
          ({ provider, account }) => provider === plan.provider && account === plan.account,
        );
        const price = plan.heldPrice ?? chosen?.quote ?? null;
        const whose = existing !== null && plan.heldPrice !== null ? quotedBy(existing.payout) : plan;
        return price && toQuote(about, whose, price);
      },
    }),
    existing: t.field({
      type: PayoutNode,
      nullable: true,
      description:
        'The payout that this very input has created before, and that `createPayout` would answer; null: none.',
      resolve: ({ existing }) => existing,
    }),
  }),
});

builder.queryField('simulatePayout', (t) =>
  t.field({
    type: SimulatePayoutSuccess,
    authScopes: { writes: true },
    complexity: { field: 20 },
    errors: { types: REFUSALS },
    description:
      'What `createPayout` would answer now: its route with the price of each candidate, or its refusal. Nothing is stored or ' +
      'sent; providers are asked for prices and balances.',
    args: {
      input: t.arg({
        type: CreatePayoutInput,
        required: true,
        description: 'What to pay.',
        validate: { schema: z.custom<Input>().superRefine(checkRelated) },
      }),
      merchantId: t.arg.id(merchantIdArg),
    },
    resolve: async (_root, args, context): Promise<Simulated> => {
      const merchantId = await existingMerchant(context, args.merchantId);
      const input = toCreateInput(args.input);
      const result = await context.payouts.simulate(merchantId, input);
      const about = { merchantId, order: input.order };
      if (result.kind === 'planned') return { about, plan: result.plan, existing: null };
      if (result.kind !== 'known') throw await toError(context, result);
      const plan: Payout = result.payout;
      return { about, plan, existing: await reloadPayout(context, result.payout) };
    },
  }),
);
