import type { BatchId, PayoutBatch } from '../domain/batch.ts';
import type { MerchantId } from '../domain/merchant.ts';
import type { Payout, PayoutState } from '../domain/payout.ts';
import type { BatchCount, Bulletin } from '../domain/store.ts';
import { BULLETIN_LIFE_MS, decodeBatch, encode } from './codec.ts';
import type { Statements } from './sqlite.ts';
import { type Row, readInteger, readPayout, readText, toMs } from './sqlite-rows.ts';

// Batches and bulletins of the embedded store. What writes runs within a transaction of its caller.

/** The stored batch of this merchant and reference: the one given, or the first. Throws where its id is another's. */
export function insertBatch(sql: Statements, batch: PayoutBatch): PayoutBatch {
  const { id, merchantId, reference, version, rousing } = batch;
  const { changes } = sql.insertBatch.run(id, merchantId, version, Number(rousing), encode(batch));
  if (changes === 1) return batch;
  const first = batchOf(sql, merchantId, id);
  if (first?.reference !== reference) throw new Error(`the id ${id} belongs to a batch with another reference`);
  return first;
}

/** `stale` when the stored version is not the one before. */
export function updateBatch(sql: Statements, after: PayoutBatch): 'committed' | 'stale' {
  const { id, merchantId, version, rousing } = after;
  const words = { id, merchantId, version, rousing: Number(rousing), document: encode(after) };
  return sql.updateBatch.run(words).changes === 1 ? 'committed' : 'stale';
}

/** Null: there is none, or it is another merchant's. */
export function batchOf(sql: Statements, merchantId: MerchantId, id: BatchId): PayoutBatch | null {
  const row = sql.batch.get(id, merchantId);
  return row === undefined ? null : readBatch(row);
}

/** Batches of any merchant whose parked payouts are still to be told, at most `limit`. */
export function rousingBatches(sql: Statements, limit: number): readonly PayoutBatch[] {
  return sql.rousingBatches.all(limit).map(readBatch);
}

/** How many payouts of a batch are in each state. */
export function countBatch(sql: Statements, merchantId: MerchantId, id: BatchId): readonly BatchCount[] {
  return sql.batchCounts.all(merchantId, id).map((row) => ({
    state: readText(row.state) as PayoutState,
    parked: row.waits === 1,
    count: readInteger(row.count),
  }));
}

/** Payouts of a batch that are parked, at most `limit`. */
export function parkedOf(sql: Statements, merchantId: MerchantId, id: BatchId, limit: number): readonly Payout[] {
  return sql.parked.all(merchantId, id, limit).map(readPayout);
}

/** Puts a bulletin up in place of its process's last one, and takes down what is too old. */
export function postBulletin(sql: Statements, { process, at, text }: Bulletin): void {
  const ms = toMs(at);
  sql.upsertBulletin.run(process, ms, text);
  sql.deleteBulletins.run(ms - BULLETIN_LIFE_MS);
}

/** What was posted at or after an instant. */
export function bulletinsSince(sql: Statements, since: Date): readonly Bulletin[] {
  return sql.bulletins.all(toMs(since)).map(({ process, at, text }) => ({
    process: readText(process),
    at: new Date(readInteger(at)),
    text: readText(text),
  }));
}

function readBatch(row: Row): PayoutBatch {
  return decodeBatch(readText(row.document));
}
