import type { BatchId, PayoutBatch } from '../../domain/batch.ts';
import type { MerchantId } from '../../domain/merchant.ts';
import type { Payout, PayoutState } from '../../domain/payout.ts';
import type { BatchCount, Bulletin } from '../../domain/store.ts';
import { BULLETIN_LIFE_MS } from '../codec.ts';
import { type BatchDocument, batchDocument, batchOf, payoutOf, WITHOUT_EVENTS } from './codec.ts';
import { BRIEFLY, type Connection, isDuplicate } from './connection.ts';

// Batches and bulletins of a store on MongoDB. What writes comes to the same however often it is tried.

/** The stored batch of this merchant and reference: the one given, or the first. Throws where its id is another's. */
export async function insertBatch({ batches }: Connection, batch: PayoutBatch, write: string): Promise<PayoutBatch> {
  const { id: _id, merchantId, reference } = batch;
  try {
    await batches.insertOne(batchDocument(batch, write), BRIEFLY);
    return batch;
  } catch (error) {
    if (!isDuplicate(error)) throw error;
    const known = await batches.findOne({ _id, merchantId }, BRIEFLY);
    if (known?.reference !== reference) throw new Error(`the id ${_id} belongs to a batch with another reference`);
    return batchOf(known);
  }
}

/** One conditional update, on the version before. */
export async function commitBatch(
  { batches }: Connection,
  after: PayoutBatch,
  write: string,
): Promise<'committed' | 'stale'> {
  const { _id, ...fields } = batchDocument(after, write);
  const { merchantId, version } = fields;
  const { matchedCount } = await batches.updateOne(
    { _id, merchantId, version: version - 1 },
    { $set: fields },
    BRIEFLY,
  );
  if (matchedCount === 1) return 'committed';
  const options = { projection: { write: 1 }, ...BRIEFLY };
  const now = await batches.findOne<Pick<BatchDocument, 'write'>>({ _id, merchantId }, options);
  // It may have been this very write, whose answer was lost. Where others have built on it since it is read again.
  return now?.write === write ? 'committed' : 'stale';
}

/** Null: there is none, or it is another merchant's. */
export async function findBatch(
  { batches }: Connection,
  merchantId: MerchantId,
  id: BatchId,
): Promise<PayoutBatch | null> {
  const found = await batches.findOne({ _id: id, merchantId }, BRIEFLY);
  return found === null ? null : batchOf(found);
}

/** Batches of any merchant whose parked payouts are still to be told, at most `limit`. */
export async function rousingBatches({ batches }: Connection, limit: number): Promise<readonly PayoutBatch[]> {
  const found = await batches
    .find({ rousing: true }, { ...BRIEFLY })
    .limit(limit)
    .toArray();
  return found.map(batchOf);
}

const WAITS = { $and: [{ $eq: ['$state', 'QUEUED'] }, '$parked'] };

/** How many payouts of a batch are in each state: everything that it takes is in one index. */
export async function countBatch(
  { payouts }: Connection,
  merchantId: MerchantId,
  id: BatchId,
): Promise<readonly BatchCount[]> {
  const counted = await payouts
    .aggregate<{ readonly _id: { readonly state: PayoutState; readonly parked: boolean }; readonly count: number }>(
      [
        { $match: { merchantId, batch: id } },
        { $group: { _id: { state: '$state', parked: WAITS }, count: { $sum: 1 } } },
      ],
      { ...BRIEFLY },
    )
    .toArray();
  return counted.map(({ _id, count }) => ({ state: _id.state, parked: _id.parked, count }));
}

/** Payouts of a batch that are parked, at most `limit`. */
export async function parkedOf(
  { payouts }: Connection,
  merchantId: MerchantId,
  id: BatchId,
  limit: number,
): Promise<readonly Payout[]> {
  const found = await payouts
    .find({ merchantId, batch: id, parked: true }, { projection: WITHOUT_EVENTS, ...BRIEFLY })
    .limit(limit)
    .toArray();
  return found.map(payoutOf);
}

/** Puts a bulletin up in place of its process's last one, and takes down what is too old. */
export async function postBulletin({ bulletins }: Connection, { process, at, text }: Bulletin): Promise<void> {
  // Of two that are the first of their process at once the server tries the second again: it goes by the id alone.
  await bulletins.updateOne({ _id: process }, { $set: { at, text } }, { upsert: true, ...BRIEFLY });
  await bulletins.deleteMany({ at: { $lt: new Date(at.getTime() - BULLETIN_LIFE_MS) } }, BRIEFLY);
}

/** What was posted at or after an instant. */
export async function bulletinsSince({ bulletins }: Connection, since: Date): Promise<readonly Bulletin[]> {
  const found = await bulletins.find({ at: { $gte: since } }, { ...BRIEFLY }).toArray();
  return found.map(({ _id: process, at, text }) => ({ process, at, text }));
}
