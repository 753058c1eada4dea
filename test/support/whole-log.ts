import type { MerchantId } from '../../src/domain/merchant.ts';
import type { PayoutEventId } from '../../src/domain/payout.ts';
import type { Position, Store } from '../../src/domain/store.ts';

/**
 * The ids of all events of a merchant: the same before and after shows that nothing was stored. Two heads of one log do not
 * show it, since a store may say the same place in other words.
 */
export async function readWholeLog(store: Store, merchantId: MerchantId): Promise<ReadonlySet<PayoutEventId>> {
  const ids = new Set<PayoutEventId>();
  for (let from: Position | null = null; ; ) {
    const page = await store.events(from, { merchantId }, 500);
    for (const { event } of page.events) ids.add(event.id);
    if (!page.more) return ids;
    from = page.position;
  }
}
