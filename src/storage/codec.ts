import type { ApiKey, Merchant } from '../domain/merchant.ts';
import type { Attempt, Payout, PayoutEvent, Send } from '../domain/payout.ts';

/** A record as its JSON text holds it: every `Date` is ISO 8601 text in UTC with milliseconds. */
type Stored<T> = T extends string | number | boolean | null
  ? T
  : T extends Date
    ? string
    : { readonly [Key in keyof T]: Stored<T[Key]> };

/** A record as JSON text. Decimals are text already, so no number loses a digit. */
export function encode(record: Payout | PayoutEvent | Merchant | ApiKey): string {
  return JSON.stringify(record);
}

/** Reads what `encode` wrote; throws when the text is not JSON or has a schema that this program does not know. */
export function decodePayout(text: string): Payout {
  const stored = parse<Payout>(text);
  return {
    ...stored,
    sendBefore: readDate(stored.sendBefore),
    attempts: stored.attempts.map(readAttempt),
    attention: stored.attention.map((one) => ({ ...one, since: new Date(one.since) })),
    nextCheckAt: readDate(stored.nextCheckAt),
    lease: stored.lease === null ? null : { ...stored.lease, until: new Date(stored.lease.until) },
    createdAt: new Date(stored.createdAt),
    updatedAt: new Date(stored.updatedAt),
  };
}

/** Reads what `encode` wrote; throws as `decodePayout` does. */
export function decodeEvent(text: string): PayoutEvent {
  const stored = parse<PayoutEvent>(text);
  return { ...stored, at: new Date(stored.at) };
}

/** Reads what `encode` wrote; throws as `decodePayout` does. */
export function decodeMerchant(text: string): Merchant {
  const stored = parse<Merchant>(text);
  return { ...stored, createdAt: new Date(stored.createdAt) };
}

/** Reads what `encode` wrote; throws as `decodePayout` does. */
export function decodeKey(text: string): ApiKey {
  const stored = parse<ApiKey>(text);
  return { ...stored, createdAt: new Date(stored.createdAt), revokedAt: readDate(stored.revokedAt) };
}

/**
 * When a worker may lease the payout: at its next check, but not while a lease lasts; null: never. Throws for an invalid
 * date, which a document would keep as null: a payout that nobody looks at again.
 */
export function dueAt({ nextCheckAt, lease }: Payout): Date | null {
  if (nextCheckAt === null) return null;
  const at = Math.max(nextCheckAt.getTime(), lease?.until.getTime() ?? 0);
  if (Number.isNaN(at)) throw new RangeError('the next check is not at a valid date');
  return new Date(at);
}

// Dates are read field by field, where the compiler misses a forgotten one: going by key names would also catch the
// digest of an input field that is called `sendBefore`.
function readAttempt(stored: Stored<Attempt>): Attempt {
  return {
    ...stored,
    sends: stored.sends.map(readSend),
    report: stored.report === null ? null : { ...stored.report, askedAt: readDate(stored.report.askedAt) },
  };
}

function readSend(stored: Stored<Send>): Send {
  return { ...stored, startedAt: new Date(stored.startedAt), endedAt: readDate(stored.endedAt) };
}

function readDate(stored: string | null): Date | null {
  return stored === null ? null : new Date(stored);
}

function parse<T extends { readonly schema: 1 }>(text: string): Stored<T> {
  const record: Stored<T> & { readonly schema: number } = JSON.parse(text);
  if (record.schema !== 1) throw new Error(`a stored record has schema ${record.schema}; this program knows 1`);
  return record;
}
