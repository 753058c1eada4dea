import type { Document } from 'mongodb';
import { BEGINNING, OVERLAP_MS, type Place } from './position.ts';

// A store that was moved here has given out positions, which its clients still hold: the number of the event's row in its
// log. They stay good under the epoch, which came along.

/** How a store came here; it is opened once that is finished. */
export interface Move {
  /** What the source knows it by. */
  readonly name: string;
  /** By the database's clock. Whatever is moved was logged before. */
  readonly begunAt: Date;
  readonly finishedAt: Date | null;
}

/** Where the log of the store that was moved here went. */
export interface Former {
  /** The last row of that log. */
  readonly last: number;
  /** So many rows have a place in common. */
  readonly step: number;
  /** For each step: when the earliest event was logged of all rows after its first one, in ms. Never smaller than the one before. */
  readonly floors: readonly number[];
}

/** So many places are kept at most. A position is good for its step: what it was behind within it comes again. */
const MOST_STEPS = 4096;

/** How long before a move began its last events are logged at the latest, one each ms: none is logged later than it began. */
const AHEAD_MS = 60_000;

/**
 * When an event that is moved here was logged, in ms: at its own time, but before the move began, and after the event before
 * it in its payout (`previous`).
 */
export function loggedAtOf(at: number, sequence: number, previous: number, begunAt: number): number {
  return Math.min(Math.max(at, previous + 1), begunAt - AHEAD_MS + sequence);
}

/** Makes a `Former` of the rows of a log, in whatever order they are added. */
export function createFormer(last: number, begunAt: number) {
  const step = Math.max(1, Math.ceil(last / MOST_STEPS));
  // What comes after the last row is logged after the move began, by whatever server's clock.
  const end = begunAt - OVERLAP_MS;
  const floors = new Array<number>(Math.floor(last / step) + 1).fill(end);
  return {
    add(row: number, at: number, sequence: number): void {
      const index = Math.floor((row - 1) / step);
      floors[index] = Math.min(floors[index] ?? end, loggedAtOf(at, sequence, Number.NEGATIVE_INFINITY, begunAt));
    },
    made(): Former {
      const least = [...floors];
      for (let index = least.length - 2; index >= 0; index -= 1) {
        least[index] = Math.min(least[index] ?? end, least[index + 1] ?? end);
      }
      return { last, step, floors: least };
    },
  };
}

/** Null for what is none: this store was always here. */
export function formerOf(document: Document | null): Former | null {
  return document === null ? null : { last: document.last, step: document.step, floors: document.floors };
}

/** A place at or before that of a position of the store that was moved here; null for a text that is none. */
export function readFormerPosition(epoch: string, { last, step, floors }: Former, text: string): Place | null {
  const [, of, digits = ''] = /^([0-9a-f]{16})\.(0|[1-9a-z][0-9a-z]{0,9})$/.exec(text) ?? [];
  const row = Number.parseInt(digits, 36);
  const floor = floors[Math.floor(row / step)];
  if (of !== epoch || row > last || floor === undefined) return null;
  return { ...BEGINNING, floor, reached: { at: floor, id: '' } };
}
