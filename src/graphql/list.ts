import type { PayoutId } from '../domain/payout.ts';
import type { PageKey, PayoutFilter } from '../domain/store.ts';
import { builder } from './builder.ts';
import { type Context, merchantOf, parseId } from './context.ts';
import { merchantIdArg } from './merchant.ts';
import { currencyRule } from './money.ts';
import { pageCost, readWindow, toConnection } from './page.ts';
import { loadPayout, PayoutNode } from './payout.ts';
import { ProviderIdEnum } from './provider.ts';
import { PayoutStateEnum } from './state.ts';

const PayoutFilterInput = builder.inputType('PayoutFilter', {
  description: 'Which payouts. Every field narrows; what is left out does not.',
  fields: (t) => ({
    states: t.field({ type: [PayoutStateEnum], required: false, description: 'Only in one of these states.' }),
    providers: t.field({ type: [ProviderIdEnum], required: false, description: 'Only at one of these providers.' }),
    currency: t.string({ required: false, description: 'Only amounts in this currency.', validate: currencyRule }),
    createdFrom: t.field({ type: 'DateTime', required: false, description: 'Only stored at or after this instant.' }),
    createdBefore: t.field({ type: 'DateTime', required: false, description: 'Only stored before this instant.' }),
  }),
});

function toFilter(input: typeof PayoutFilterInput.$inferInput | null | undefined): PayoutFilter {
  const { states, providers, currency, createdFrom, createdBefore } = input ?? {};
  return {
    ...(states ? { states } : {}),
    ...(providers ? { providers } : {}),
    ...(currency ? { currency } : {}),
    ...(createdFrom ? { createdFrom } : {}),
    ...(createdBefore ? { createdBefore } : {}),
  };
}

function toCursor({ createdAt, id }: PageKey): string {
  return Buffer.from(`${createdAt.getTime()} ${id}`).toString('base64url');
}

function parseCursor(cursor: string): PageKey | null {
  const [time = '', text = ''] = Buffer.from(cursor, 'base64url').toString().split(' ');
  const id = parseId<PayoutId>('po', text);
  return id && /^[0-9]{1,15}$/.test(time) ? { createdAt: new Date(Number(time)), id } : null;
}

builder.queryFields((t) => ({
  payout: t.field({
    type: PayoutNode,
    nullable: true,
    authScopes: { reads: true },
    description: "One payout; null: not there, or another merchant's.",
    args: { id: t.arg.id({ required: true, description: '`po_…`' }), merchantId: t.arg.id(merchantIdArg) },
    resolve: (_root, args, context) => {
      const merchantId = merchantOf(context, args.merchantId);
      const id = parseId<PayoutId>('po', args.id);
      return id && loadPayout(context, merchantId, id);
    },
  }),
  payoutByReference: t.field({
    type: PayoutNode,
    nullable: true,
    authScopes: { reads: true },
    description: "One payout by the merchant's own order number; null: never used.",
    args: {
      reference: t.arg.string({ required: true, description: 'As it was given to `createPayout`, letter for letter.' }),
      merchantId: t.arg.id(merchantIdArg),
    },
    resolve: (_root, args, context) => findByReference(context, args),
  }),
  payouts: t.connection(
    {
      type: PayoutNode,
      nullable: false,
      authScopes: { reads: true },
      complexity: pageCost,
      description: "The merchant's payouts, newest first.",
      args: {
        filter: t.arg({ type: PayoutFilterInput, required: false, description: 'Which payouts. Default: all.' }),
        merchantId: t.arg.id(merchantIdArg),
      },
      resolve: async (_root, args, context) => {
        const merchantId = merchantOf(context, args.merchantId);
        const window = readWindow(args, parseCursor);
        const { limit, direction, after, before } = window;
        const [from, until] = direction === 'forward' ? [after, before] : [before, after];
        const filter = toFilter(args.filter);
        const head = await context.feed.head(merchantId);
        const page = await context.store.page({ merchantId, filter, limit, direction, from, until });
        const loaded = page.payouts.map((payout) => ({ payout, head }));
        return toConnection(window, loaded, page.more, ({ payout }) => toCursor(payout));
      },
    },
    { name: 'PayoutConnection', description: 'A page of payouts.' },
    { name: 'PayoutEdge', description: 'A payout in its place.' },
  ),
}));

async function findByReference(
  context: Context,
  args: { readonly reference: string; readonly merchantId?: string | null | undefined },
) {
  const merchantId = merchantOf(context, args.merchantId);
  const head = await context.feed.head(merchantId);
  const payout = await context.store.byReference(merchantId, args.reference);
  return payout && { payout, head };
}
