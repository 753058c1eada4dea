import { createHash } from 'node:crypto';
import type { PayoutId } from '../../domain/payout.ts';
import type { Position } from '../../domain/store.ts';

// The log is what the payouts' documents hold, in the order of their last events, by the database's clock. A write can
// become visible later than its stamp, so that each reading begins a little before the place that was reached.

/**
 * How much later than its stamp a write may become visible: an operation may take 5 s from its stamp to its place in the
 * oplog, and a primary that takes over may have a clock that is some seconds behind.
 */
export const OVERLAP_MS = 15_000;

/** A document's place in the log. */
export interface Mark {
  readonly at: number;
  readonly id: string;
}

/** A place in the log. */
export interface Place {
  /** Every event that was logged before it has been given. */
  readonly floor: number;
  /** The document that was reached. */
  readonly reached: Mark;
  /** What the floor becomes at the end of the reading under way; null: none is. */
  readonly next: number | null;
  /** When the reading under way began, the last one ended, and one last began at the floor: by the database's clock. */
  readonly begunAt: number;
  readonly endedAt: number;
  readonly backAt: number;
  /** Since the floor, what was given of the last payouts: up to which sequence. */
  readonly given: Given;
}

/** The sequences given of some payouts, the last ones last. 64 bits of a digest stand for each id. */
export type Given = ReadonlyMap<string, number>;

/** So many payouts a place remembers: what was given of others since its floor comes again. */
export const REMEMBERED = 32;

/** The beginning of every log. */
export const BEGINNING: Place = {
  floor: 0,
  reached: { at: 0, id: '' },
  next: null,
  begunAt: 0,
  endedAt: 0,
  backAt: 0,
  given: new Map(),
};

const DIGEST_BYTES = 8;

/** What stands for a payout among what was given. */
export function digestOf(id: PayoutId): string {
  return createHash('sha256').update(id).digest().toString('latin1', 0, DIGEST_BYTES);
}

/** What was given, with one payout more. */
export function remember(given: Given, digest: string, sequence: number): Given {
  const next = new Map(given);
  next.delete(digest);
  next.set(digest, sequence);
  for (const oldest of next.keys()) {
    if (next.size <= REMEMBERED) break;
    next.delete(oldest);
  }
  return next;
}

/** A place as text without spaces, for the store of this epoch alone. */
export function writePosition(epoch: string, place: Place): Position {
  const { floor, reached, next, begunAt, endedAt, backAt, given } = place;
  const times = [floor, reached.at, next ?? -1, begunAt, endedAt, backAt].map((time) => time.toString(36));
  return [epoch, ...times, reached.id, writeGiven(given)].join('.') as Position;
}

/** Eight bytes of a digest and two of a sequence for each payout. */
function writeGiven(given: Given): string {
  const bytes = Buffer.alloc(given.size * ENTRY_BYTES);
  let at = 0;
  for (const [digest, sequence] of given) {
    bytes.write(digest, at, 'latin1');
    bytes.writeUInt16BE(Math.min(sequence, MOST), at + DIGEST_BYTES);
    at += ENTRY_BYTES;
  }
  return bytes.toString('base64url');
}

function readGiven(text: string): Given | null {
  const bytes = Buffer.from(text, 'base64url');
  if (bytes.length % ENTRY_BYTES !== 0 || bytes.length > REMEMBERED * ENTRY_BYTES) return null;
  const given = new Map<string, number>();
  for (let at = 0; at < bytes.length; at += ENTRY_BYTES) {
    given.set(bytes.toString('latin1', at, at + DIGEST_BYTES), bytes.readUInt16BE(at + DIGEST_BYTES));
  }
  return given;
}

const ENTRY_BYTES = DIGEST_BYTES + 2;
/** A payout with more events than that has the last of them given again. */
const MOST = 0xffff;

const TEXT = /^([0-9a-f]{16})((?:\.-?[0-9a-z]{1,9}){6})\.([A-Za-z0-9_-]*)\.([A-Za-z0-9_-]*)$/;
const LONGEST = 1000;

/** Null for a text that is no position, or one of another store. */
export function readPosition(epoch: string, text: string): Place | null {
  const match = text.length > LONGEST ? null : TEXT.exec(text);
  if (match === null || match[1] !== epoch) return null;
  const times = (match[2] ?? '').split('.').map((time) => Number.parseInt(time, 36));
  const [, floor = 0, at = 0, next = 0, begunAt = 0, endedAt = 0, backAt = 0] = times;
  const given = readGiven(match[4] ?? '');
  if (given === null || [floor, at, begunAt, endedAt, backAt].some((time) => time < 0)) return null;
  const reached = { at, id: match[3] ?? '' };
  return { floor, reached, next: next < 0 ? null : next, begunAt, endedAt, backAt, given };
}
