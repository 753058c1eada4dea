import type { MerchantId } from './merchant.ts';
import type { Branded } from './money.ts';
import type { PayoutEvent } from './payout.ts';

/** `pb_…`, a hash of merchant and reference, so that the primary key itself keeps a reference unique. */
export type BatchId = Branded<string, 'BatchId'>;

export const BATCH_WISHES = ['RUNNING', 'PAUSED', 'CANCELLED'] as const;
/** What is wanted of those payouts of a batch that were not sent yet. CANCELLED is for ever. */
export type BatchWish = (typeof BATCH_WISHES)[number];

/** Payouts that were asked for together; each of them names its batch. */
export interface PayoutBatch {
  readonly schema: 1;
  readonly id: BatchId;
  readonly merchantId: MerchantId;
  /** The merchant's own name for it: the idempotency key, for ever. */
  readonly reference: string;
  /** Grows by one with every write: the store's compare-and-set. */
  readonly version: number;
  readonly wish: BatchWish;
  /** The wish has changed, and payouts that were parked are still to be told. */
  readonly rousing: boolean;
  /** Who changed the wish last; null: it never changed. */
  readonly steeredBy: Pick<PayoutEvent, 'source' | 'actor'> | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}
