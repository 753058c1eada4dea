import type { MerchantId } from '../domain/merchant.ts';
import { isFinal, type PayoutId } from '../domain/payout.ts';
import type { FeedEvent } from '../feed.ts';
import { builder } from './builder.ts';
import { type Context, merchantOf, parseId } from './context.ts';
import { NotFoundError } from './errors.ts';
import { listen } from './listener.ts';
import { merchantIdArg } from './merchant.ts';
import { type LoadedPayout, PayoutNode, readPayouts } from './payout.ts';

builder.subscriptionField('payout', (t) =>
  t.field({
    type: PayoutNode,
    authScopes: { reads: true },
    description:
      'This payout now, then after each change; ends after a final state. A later return comes through `payoutEvents`. ' +
      "NOT_FOUND: not there, or another merchant's.",
    args: { id: t.arg.id({ required: true, description: '`po_…`' }), merchantId: t.arg.id(merchantIdArg) },
    subscribe: (_root, args, context) => {
      const merchantId = merchantOf(context, args.merchantId);
      const id = parseId<PayoutId>('po', args.id);
      if (id === null) throw notFound();
      return listen(context, async (signal) => {
        // The feed is joined first: what changes between the reading and the joining would be missed.
        const events = await context.feed.subscribe(null, { merchantId, payoutIds: [id] }, signal);
        const first = (await readPayouts(context, merchantId, [id])).get(id);
        if (!first) throw notFound();
        return follow(context, merchantId, first, events);
      });
    },
    resolve: (loaded) => loaded,
  }),
);

async function* follow(
  context: Context,
  merchantId: MerchantId,
  first: LoadedPayout,
  events: AsyncIterableIterator<FeedEvent>,
): AsyncGenerator<LoadedPayout, undefined> {
  const { id } = first.payout;
  let current = first;
  yield current;
  while (!isFinal(current.payout.state)) {
    const { done, value } = await events.next();
    if (done) return;
    // One reading may already have shown several events.
    if (value.event.sequence <= current.payout.sequence) continue;
    current = (await readPayouts(context, merchantId, [id])).get(id) ?? current;
    yield current;
  }
}

function notFound(): NotFoundError {
  return new NotFoundError('There is no such payout.');
}
