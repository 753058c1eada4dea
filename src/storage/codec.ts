import type { PayoutBatch } from '../domain/batch.ts';
import type { ApiKey, Merchant } from '../domain/merchant.ts';
import type { ActionRequest, AppliedReport, Attempt, Order, Payout, PayoutEvent, Send } from '../domain/payout.ts';
import type { QuotedPrice, RouteDecision } from '../domain/route.ts';

/** A record as a store holds it: a `Date` is one, or (in JSON) ISO 8601 text in UTC with milliseconds. */
export type Stored<T> = T extends string | number | boolean | null
  ? T
  : T extends Date
    ? Date | string
    : { readonly [Key in keyof T]: Stored<T[Key]> };

/** A record that this program cannot read. Its message shows nothing of the record. */
export class UndecodableError extends Error {
  override readonly name = 'UndecodableError';
}

/** A record as JSON text. Decimals are text already, so no number loses a digit. */
export function encode(record: Payout | PayoutEvent | PayoutBatch | Merchant | ApiKey): string {
  return JSON.stringify(record);
}

/**
 * Reads what `encode` wrote, now or when payouts had schema 1, 2 or 3. Throws UndecodableError when the text is not JSON, has a
 * schema that this program does not know, or lacks what its schema has.
 */
export function decodePayout(text: string): Payout {
  return readPayout(parse(text));
}

/** Reads what `encode` wrote; throws as `decodePayout` does. */
export function decodeEvent(text: string): PayoutEvent {
  return readEvent(parse(text));
}

/** Reads what `encode` wrote; throws as `decodePayout` does. */
export function decodeBatch(text: string): PayoutBatch {
  return readBatch(parse(text));
}

/** Reads what `encode` wrote; throws as `decodePayout` does. */
export function decodeMerchant(text: string): Merchant {
  return readMerchant(parse(text));
}

/** Reads what `encode` wrote; throws as `decodePayout` does. */
export function decodeKey(text: string): ApiKey {
  return readKey(parse(text));
}

/** A payout of any schema that was ever stored. Throws UndecodableError as `decodePayout` does. */
export function readPayout(record: unknown): Payout {
  return read<Stored<Payout> | StoredPayout3 | StoredPayout2 | StoredPayout1, Payout>(record, (known) => {
    const filled = known.schema === 1 ? fillPayout1(known) : known;
    const generated = filled.schema === 2 ? fillPayout2(filled) : filled;
    const stored = generated.schema === 3 ? fillPayout3(generated) : generated;
    if (stored.schema !== 4) throw unknownSchema(stored.schema);
    return {
      ...stored,
      sendBefore: readDate(stored.sendBefore),
      route: stored.route === null ? null : readRoute(stored.route),
      heldPrice: stored.heldPrice === null ? null : readQuote(stored.heldPrice),
      requests: stored.requests.map(readRequest),
      attempts: stored.attempts.map(readAttempt),
      attention: stored.attention.map((one) => ({ ...one, since: readInstant(one.since) })),
      nextCheckAt: readDate(stored.nextCheckAt),
      lease: stored.lease === null ? null : { ...stored.lease, until: readInstant(stored.lease.until) },
      createdAt: readInstant(stored.createdAt),
      updatedAt: readInstant(stored.updatedAt),
    };
  });
}

/** Throws UndecodableError as `decodePayout` does. */
export function readEvent(record: unknown): PayoutEvent {
  return readFirst<PayoutEvent>(record, (stored) => ({ ...stored, at: readInstant(stored.at) }));
}

/** Throws UndecodableError as `decodePayout` does. */
export function readBatch(record: unknown): PayoutBatch {
  return readFirst<PayoutBatch>(record, (stored) => ({
    ...stored,
    createdAt: readInstant(stored.createdAt),
    updatedAt: readInstant(stored.updatedAt),
  }));
}

/** Throws UndecodableError as `decodePayout` does. */
export function readMerchant(record: unknown): Merchant {
  return readFirst<Merchant>(record, (stored) => ({ ...stored, createdAt: readInstant(stored.createdAt) }));
}

/** Throws UndecodableError as `decodePayout` does. */
export function readKey(record: unknown): ApiKey {
  return readFirst<ApiKey>(record, (stored) => ({
    ...stored,
    createdAt: readInstant(stored.createdAt),
    revokedAt: readDate(stored.revokedAt),
  }));
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

/** How long before the newest bulletin others are still kept. */
export const BULLETIN_LIFE_MS = 7 * 86_400_000;

// --- Earlier schemas of payouts -----------------------------------------------------------------------------------------

/** What schema 3 did not have: each payout went to one account, at whatever price, by itself. */
const PAYOUT_OF_3 = { route: null, failover: false, heldPrice: null, batch: null, parked: false } satisfies Partial<
  Stored<Payout>
>;
const ATTEMPT_OF_3 = { doubted: false } satisfies Partial<Stored<Attempt>>;

type StoredAttempt3 = Omit<Stored<Attempt>, keyof typeof ATTEMPT_OF_3>;
type StoredPayout3 = Omit<Stored<Payout>, keyof typeof PAYOUT_OF_3 | 'schema' | 'attempts'> & {
  readonly schema: 3;
  readonly attempts: readonly StoredAttempt3[];
};

function fillPayout3(stored: StoredPayout3): Stored<Payout> {
  const attempts = stored.attempts.map((attempt) => ({ ...attempt, ...ATTEMPT_OF_3 }));
  return { ...stored, ...PAYOUT_OF_3, schema: 4, attempts };
}

/** What schema 2 did not have: its stores were never put back. */
const PAYOUT_OF_2 = { generation: 0 } satisfies Partial<StoredPayout3>;

type StoredPayout2 = Omit<StoredPayout3, keyof typeof PAYOUT_OF_2 | 'schema'> & { readonly schema: 2 };

function fillPayout2(stored: StoredPayout2): StoredPayout3 {
  return { ...stored, ...PAYOUT_OF_2, schema: 3 };
}

/** What schema 1 did not have, and what it means there. */
const ORDER_OF_1 = {
  receiveCurrency: null,
  purpose: null,
  relationship: null,
  sourceOfFunds: null,
  fundingAddress: null,
} satisfies Partial<Stored<Order>>;
const PAYOUT_OF_1 = { autoConfirm: true, parties: null, requests: [] } satisfies Partial<Stored<Payout>>;
const ATTEMPT_OF_1 = { exists: false, absentAt: [] } satisfies Partial<Stored<Attempt>>;
const SEND_OF_1 = { request: null } satisfies Partial<Stored<Send>>;
const REPORT_OF_1 = { allows: [] } satisfies Partial<Stored<AppliedReport>>;

type StoredAttempt1 = Omit<StoredAttempt3, keyof typeof ATTEMPT_OF_1 | 'sends' | 'report'> & {
  readonly sends: readonly Omit<Stored<Send>, keyof typeof SEND_OF_1>[];
  readonly report: Omit<Stored<AppliedReport>, keyof typeof REPORT_OF_1> | null;
};
type StoredPayout1 = Omit<StoredPayout2, keyof typeof PAYOUT_OF_1 | 'schema' | 'order' | 'attempts'> & {
  readonly schema: 1;
  readonly order: Omit<Stored<Order>, keyof typeof ORDER_OF_1>;
  readonly attempts: readonly StoredAttempt1[];
};

function fillPayout1(stored: StoredPayout1): StoredPayout2 {
  return {
    ...stored,
    ...PAYOUT_OF_1,
    schema: 2,
    order: { ...stored.order, ...ORDER_OF_1 },
    attempts: stored.attempts.map((attempt) => ({
      ...attempt,
      ...ATTEMPT_OF_1,
      sends: attempt.sends.map((send) => ({ ...send, ...SEND_OF_1 })),
      report: attempt.report && { ...attempt.report, ...REPORT_OF_1 },
    })),
  };
}

// --- Parts --------------------------------------------------------------------------------------------------------------

// Dates are read field by field, where the compiler misses a forgotten one: going by key names would also catch the
// digest of an input field that is called `sendBefore`.
function readAttempt(stored: Stored<Attempt>): Attempt {
  return {
    ...stored,
    sends: stored.sends.map(readSend),
    report: stored.report === null ? null : { ...stored.report, askedAt: readDate(stored.report.askedAt) },
    absentAt: stored.absentAt.map(readInstant),
  };
}

function readRoute(stored: Stored<RouteDecision>): RouteDecision {
  const candidates = stored.candidates.map((one) => ({
    ...one,
    quote: one.quote === null ? null : readQuote(one.quote),
  }));
  return { ...stored, at: readInstant(stored.at), candidates };
}

function readQuote<T extends Stored<QuotedPrice>>(stored: T): T & QuotedPrice {
  return { ...stored, expiresAt: readInstant(stored.expiresAt) };
}

function readSend(stored: Stored<Send>): Send {
  return { ...stored, startedAt: readInstant(stored.startedAt), endedAt: readDate(stored.endedAt) };
}

function readRequest(stored: Stored<ActionRequest>): ActionRequest {
  return { ...stored, requestedAt: readInstant(stored.requestedAt) };
}

function readDate(stored: Date | string | null): Date | null {
  return stored === null ? null : readInstant(stored);
}

function readInstant(stored: Date | string): Date {
  const date = new Date(stored);
  if (Number.isNaN(date.getTime())) throw new UndecodableError('a stored record has an invalid date');
  return date;
}

function readFirst<T extends { readonly schema: 1 }>(record: unknown, take: (stored: Stored<T>) => T): T {
  return read<Stored<T> & { readonly schema: number }, T>(record, (stored) => {
    if (stored.schema !== 1) throw unknownSchema(stored.schema);
    return take(stored);
  });
}

function unknownSchema(schema: unknown): UndecodableError {
  return new UndecodableError(`a stored record has schema ${Number(schema)}, which this program does not know`);
}

const DAMAGED = 'a stored record is damaged';

/** What the parser says quotes the text: it is told to nobody. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new UndecodableError(DAMAGED);
  }
}

/** What a missing field causes says nothing to anyone. */
function read<S, T>(record: unknown, take: (stored: S) => T): T {
  try {
    return take(record as S);
  } catch (error) {
    throw error instanceof UndecodableError ? error : new UndecodableError(DAMAGED);
  }
}
