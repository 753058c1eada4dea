import type { BatchId } from '../domain/batch.ts';
import type { MerchantId } from '../domain/merchant.ts';
import type { PayoutEventId, PayoutId } from '../domain/payout.ts';
import { loadBatch } from './batch.ts';
import { builder } from './builder.ts';
import { type Context, merchantOf, parseId, requireScope } from './context.ts';
import { toFeedEvent } from './event.ts';
import { merchantIdArg } from './merchant.ts';
import { loadPayout } from './payout.ts';
import { providerNodeId } from './provider.ts';

type Named = string | null | undefined;

/** What a global id names, with its type's name; null: malformed, not there, or another merchant's. */
async function findNode(context: Context, id: string, named: Named): Promise<object | null> {
  const payoutId = parseId<PayoutId>('po', id);
  if (payoutId) {
    requireScope(context, 'payouts:read');
    return typed('Payout', await loadPayout(context, merchantOf(context, named), payoutId));
  }
  const eventId = parseId<PayoutEventId>('ev', id);
  if (eventId) {
    requireScope(context, 'payouts:read');
    const logged = await context.store.event(merchantOf(context, named), eventId);
    return typed('PayoutEvent', logged && toFeedEvent(context, logged));
  }
  const batchId = parseId<BatchId>('pb', id);
  if (batchId) {
    requireScope(context, 'payouts:read');
    return typed('PayoutBatch', await loadBatch(context, { merchantId: merchantOf(context, named), id: batchId }));
  }
  const merchantId = parseId<MerchantId>('me', id);
  if (merchantId) {
    const own = context.viewer.merchantId;
    return typed('Merchant', own === null || own === merchantId ? await context.store.merchant(merchantId) : null);
  }
  const provider = context.providers.find((one) => providerNodeId(one.id) === id);
  return typed('Provider', provider ? { provider, mayAsk: true } : null);
}

function typed(name: string, value: object | null): object | null {
  return value && { ...value, __typename: name };
}

builder.queryFields((t) => ({
  node: t.field({
    type: builder.nodeInterfaceRef(),
    nullable: true,
    description: "Whatever an id names; null: malformed, not there, or another merchant's.",
    args: {
      id: t.arg.id({ required: true, description: '`po_…`, `ev_…`, `pb_…`, `me_…` or `pr_…`.' }),
      merchantId: t.arg.id(merchantIdArg),
    },
    resolve: (_root, { id, merchantId }, context) => findNode(context, id, merchantId),
  }),
  nodes: t.field({
    type: [builder.nodeInterfaceRef()],
    nullable: { list: false, items: true },
    description: 'What each of several ids names, in their order, with null as in `node`.',
    complexity: ({ ids }) => ({ field: 1, multiplier: ids.length }),
    args: {
      ids: t.arg.idList({
        required: true,
        description: 'At most 100.',
        validate: { type: 'array', maxLength: [100, { message: 'at most 100' }] },
      }),
      merchantId: t.arg.id(merchantIdArg),
    },
    resolve: (_root, { ids, merchantId }, context) => Promise.all(ids.map((id) => findNode(context, id, merchantId))),
  }),
}));
