import type { Payout } from '../domain/payout.ts';
import { decodePayout } from './codec.ts';

/** A row as SQLite gives it. */
export type Row = Readonly<Record<string, unknown>>;

/** The payout of a row with its document. Throws UndecodableError. */
export function readPayout(row: Row): Payout {
  return decodePayout(readText(row.document));
}

/** An instant as a column has it. Throws RangeError for an invalid date, which the column would keep as null: never. */
export function toMs(date: Date): number;
export function toMs(date: Date | null): number | null;
export function toMs(date: Date | null): number | null {
  const ms = date?.getTime() ?? null;
  if (Number.isNaN(ms)) throw new RangeError('a record has an invalid date');
  return ms;
}

/** Throws TypeError for a column of another kind, which no store of ours has. */
export function readText(value: unknown): string {
  if (typeof value !== 'string') throw new TypeError('a column of the store is not text');
  return value;
}

/** Throws as `readText` does. */
export function readInteger(value: unknown): number {
  if (typeof value !== 'number') throw new TypeError('a column of the store is not an integer');
  return value;
}

/** Throws as `readText` does. */
export function readBytes(value: unknown): Buffer {
  if (!(value instanceof Uint8Array)) throw new TypeError('a column of the store is not bytes');
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}
