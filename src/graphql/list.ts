import type { BatchId } from '../domain/batch.ts';
import { parsePageCursor, toPageCursor } from '../domain/cursor.ts';
import type { MerchantId } from '../domain/merchant.ts';
import type { PayoutId } from '../domain/payout.ts';
import type { PayoutFilter } from '../domain/store.ts';
import { builder } from './builder.ts';
import { type Context, merchantOf, parseId } from './context.ts';
import { InvalidInputError } from './errors.ts';
import { merchantIdArg } from './merchant.ts';
import { currencyRule } from './money.ts';
import { type PageArgs, pageCost, readWindow, toConnection } from './page.ts';
import { loadPayout, PayoutNode } from './payout.ts';
import { ProviderIdEnum } from './provider.ts';
import { PayoutStateEnum } from './state.ts';

/** Which payouts a list is about. */
export const PayoutFilterInput = builder.inputType('PayoutFilter', {
  description: 'Which payouts. Every field narrows; what is left out does not.',
  fields: (t) => ({
    states: t.field({ type: [PayoutStateEnum], required: false, description: 'Only in one of these states.' }),
    providers: t.field({ type: [ProviderIdEnum], required: false, description: 'Only at one of these providers.' }),
    currency: t.string({ required: false, description: 'Only amounts in this currency.', validate: currencyRule }),
    batchId: t.id({ required: false, description: 'Only those that were asked for in this batch, `pb_…`.' }),
    createdFrom: t.field({ type: 'DateTime', required: false, description: 'Only stored at or after this instant.' }),
    createdBefore: t.field({ type: 'DateTime', required: false, description: 'Only stored before this instant.' }),
  }),
});

/** The filter as the store takes it. Throws INVALID_INPUT for what is no batch's id. */
export function toFilter(input: typeof PayoutFilterInput.$inferInput | null | undefined): PayoutFilter {
  const { states, providers, currency, batchId, createdFrom, createdBefore } = input ?? {};
  const batch = batchId == null ? null : parseId<BatchId>('pb', batchId);
  if (batchId != null && batch === null) {
    throw new InvalidInputError([{ path: ['filter', 'batchId'], message: 'this is not the id of a batch' }]);
  }
  return {
    ...(batch ? { batch } : {}),
    ...(states ? { states } : {}),
    ...(providers ? { providers } : {}),
    ...(currency ? { currency } : {}),
    ...(createdFrom ? { createdFrom } : {}),
    ...(createdBefore ? { createdBefore } : {}),
  };
}

/** A page of payouts, each in its place. */
export const PayoutConnection = builder.connectionObject(
  { type: PayoutNode, name: 'PayoutConnection', description: 'A page of payouts.' },
  { name: 'PayoutEdge', description: 'A payout in its place.' },
);

/** Reads a page of a merchant's payouts, newest first. Throws INVALID_INPUT for arguments that fit no page. */
export async function readPage(context: Context, merchantId: MerchantId, filter: PayoutFilter, args: PageArgs) {
  const window = readWindow(args, parsePageCursor);
  const { limit, direction, after, before } = window;
  const [from, until] = direction === 'forward' ? [after, before] : [before, after];
  const head = await context.feed.head(merchantId);
  const page = await context.store.page({ merchantId, filter, limit, direction, from, until });
  const loaded = page.payouts.map((payout) => ({ payout, head }));
  return toConnection(window, loaded, page.more, ({ payout }) => toPageCursor(payout));
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
      resolve: (_root, args, context) =>
        readPage(context, merchantOf(context, args.merchantId), toFilter(args.filter), args),
    },
    PayoutConnection,
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
