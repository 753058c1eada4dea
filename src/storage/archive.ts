import { createHash } from 'node:crypto';
import type { PayoutBatch } from '../domain/batch.ts';
import { StartupError } from '../domain/errors.ts';
import type { ApiKey, Merchant } from '../domain/merchant.ts';
import type { Payout, PayoutEvent } from '../domain/payout.ts';
import type { AttemptKey, Environment, Restored, Sealed, SealedKey } from '../domain/store.ts';

/** What a store holds. A payout goes with all of its events; what processes tell of themselves stays behind. */
export const KINDS = ['MERCHANT', 'KEY', 'BATCH', 'PAYOUT', 'SEALED', 'CLAIM'] as const;
export type Kind = (typeof KINDS)[number];

/** Which attempt a provider's reference belongs to. */
export interface Claim extends AttemptKey {
  readonly provider: string;
  readonly fingerprint: string;
  readonly reference: string;
}

/** A record of a store, as the domain knows it. */
export type Item =
  | { readonly kind: 'MERCHANT'; readonly record: Merchant }
  | { readonly kind: 'KEY'; readonly record: ApiKey }
  | { readonly kind: 'BATCH'; readonly record: PayoutBatch }
  | { readonly kind: 'PAYOUT'; readonly record: Payout; readonly events: readonly PayoutEvent[] }
  | { readonly kind: 'SEALED'; readonly record: SealedKey & { readonly sealed: Sealed } }
  | { readonly kind: 'CLAIM'; readonly record: Claim };

/** What a store says of itself, and takes along. */
export interface Identity {
  readonly environment: Environment;
  /** Begins every position that the store has given out. */
  readonly epoch: string;
  readonly secret: Buffer;
  readonly restored: Restored | null;
  readonly createdAt: Date;
}

/** Where an event stood in the log of the store that is moved. */
export interface Row {
  readonly event: PayoutEvent;
  /** Greater than those of all events before it; from 1. */
  readonly row: number;
}

/** The store that is moved. It stays as it is, and nobody else writes to it, while it is open. */
export interface Source {
  readonly identity: Identity;
  /** Names the store that it was moved to; null: it was not. */
  readonly movedTo: string | null;
  /** No event has a greater one. */
  readonly lastRow: number;
  count(kind: Kind): number;
  /** Throws StartupError, with its id, for a record that cannot be read. */
  read(kind: Kind): Iterable<Item>;
  /** The whole log, whether its payouts are there or not. Throws as `read` does. */
  log(): Iterable<Row>;
  has(kind: Kind, id: string): boolean;
  /** From then on nobody serves it. */
  moveAway(to: string): void;
  close(): void;
}

/** How far a target is. NEW: begun just now. RESUMED: begun before. DONE: the source was moved there before. */
export type Progress = 'NEW' | 'RESUMED' | 'DONE';

/** The store that a source is moved to. Nobody opens it before that is finished. */
export interface Target {
  /** Begins, or goes on. Rejects with StartupError for a store that has anything in it which is not the source's. */
  begin(source: Pick<Source, 'identity' | 'movedTo' | 'lastRow'>): Promise<Progress>;
  /** Writes the items of one kind that are not there already, or not like this. Doing so twice is doing it once. */
  put(kind: Kind, items: readonly Item[]): Promise<void>;
  find(kind: Kind, ids: readonly string[]): Promise<readonly Item[]>;
  drop(kind: Kind, id: string): Promise<void>;
  read(kind: Kind): AsyncIterable<Item>;
  /** Remembers where an event is in the target's log, so that the source's positions stay good. */
  place(row: Row): void;
  /** Names it, from `begin` on. */
  name(): string;
  /** From then on it is a store like any other. */
  finish(): Promise<void>;
  close(): Promise<void>;
}

/** What a record is found by: the same in every store. */
export function idOf(item: Item): string {
  switch (item.kind) {
    case 'SEALED':
      return `${item.record.payoutId}/${item.record.kind}`;
    case 'CLAIM':
      return JSON.stringify([item.record.provider, item.record.fingerprint, item.record.reference]);
    default:
      return item.record.id;
  }
}

/** Equal for items that say the same. */
export function digestOf(item: Item): string {
  return hashOf(item).toString('base64');
}

/** How many records there are of a kind, and a hash of them all that does not depend on their order. */
export interface Tally {
  readonly kind: Kind | 'EVENT';
  readonly count: number;
  readonly hash: string;
}

/** The same kind in both. */
export interface Comparison {
  readonly source: Tally;
  readonly target: Tally;
}

/** Told how many of a kind are done: moved, or read again in the end. */
export type OnProgress = (doing: 'moved' | 'read again', kind: Kind, done: number, total: number) => void;

/**
 * Moves everything over, reads both stores again and compares them, and only then lets go of the source and opens the
 * target. Null: that was done before, and nothing was changed. Broken off at any point, it is run again and ends the same.
 * Rejects with StartupError where the stores do not fit, or differ in the end.
 */
export async function move(
  source: Source,
  target: Target,
  onProgress: OnProgress,
): Promise<readonly Comparison[] | null> {
  const progress = await target.begin(source);
  if (progress === 'DONE') return null;
  for (const kind of KINDS) {
    await copy(kind, source, target, onProgress);
    // What the source no longer has: it may have gone on in between, and forgotten what it was asked to forget.
    if (progress === 'RESUMED') await prune(kind, source, target);
  }
  const before = tallySource(source, target);
  const after = await tallyTarget(target, before, onProgress);
  const compared = before.map((tally, index) => ({ source: tally, target: after[index] ?? tally }));
  for (const pair of compared) if (differ(pair)) throw await complain(pair, source, target);
  // In this order: at no moment do both let themselves be opened.
  source.moveAway(target.name());
  await target.finish();
  return compared;
}

async function copy(kind: Kind, source: Source, target: Target, onProgress: OnProgress): Promise<void> {
  const total = source.count(kind);
  let done = 0;
  onProgress('moved', kind, done, total);
  for (const page of pagesOf(source.read(kind))) {
    await target.put(kind, page);
    done += page.length;
    onProgress('moved', kind, done, total);
  }
}

async function prune(kind: Kind, source: Source, target: Target): Promise<void> {
  for await (const item of target.read(kind)) {
    const id = idOf(item);
    if (!source.has(kind, id)) await target.drop(kind, id);
  }
}

/** A page weighs about this many bytes, or is a single record. */
const PAGE_BYTES = 1_000_000;

function* pagesOf(items: Iterable<Item>): Generator<readonly Item[]> {
  let page: Item[] = [];
  let weight = 0;
  for (const item of items) {
    page.push(item);
    weight += weightOf(item);
    if (weight < PAGE_BYTES) continue;
    yield page;
    page = [];
    weight = 0;
  }
  if (page.length > 0) yield page;
}

function weightOf(item: Item): number {
  if (item.kind === 'SEALED') return 1000 + item.record.sealed.bytes.length;
  return item.kind === 'PAYOUT' ? 1000 * (1 + item.record.attempts.length + item.events.length) : 1000;
}

// --- counts and hashes ----------------------------------------------------------------------------------------------------

/** A sum of hashes, each of which depends on everything in its record. */
class Sum {
  #count = 0;
  #sum = 0n;

  add(record: unknown): void {
    this.#count += 1;
    this.#sum = BigInt.asUintN(256, this.#sum + BigInt(`0x${hashOf(record).toString('hex')}`));
  }

  tally(kind: Tally['kind']): Tally {
    return { kind, count: this.#count, hash: this.#sum.toString(16).padStart(64, '0') };
  }
}

/** Events as the log has them, not as they were copied: one without its payout would be missed otherwise. */
function tallySource(source: Source, target: Target): readonly Tally[] {
  const tallies = KINDS.map((kind) => {
    const sum = new Sum();
    for (const item of source.read(kind)) sum.add(item.record);
    return sum.tally(kind);
  });
  const events = new Sum();
  for (const row of source.log()) {
    events.add(row.event);
    target.place(row);
  }
  return [...tallies, events.tally('EVENT')];
}

async function tallyTarget(
  target: Target,
  expected: readonly Tally[],
  onProgress: OnProgress,
): Promise<readonly Tally[]> {
  const tallies: Tally[] = [];
  const events = new Sum();
  for (const [index, kind] of KINDS.entries()) {
    const sum = new Sum();
    const total = expected[index]?.count ?? 0;
    let done = 0;
    onProgress('read again', kind, done, total);
    for await (const item of target.read(kind)) {
      sum.add(item.record);
      if (item.kind === 'PAYOUT') for (const event of item.events) events.add(event);
      done += 1;
      onProgress('read again', kind, done, total);
    }
    tallies.push(sum.tally(kind));
  }
  return [...tallies, events.tally('EVENT')];
}

function differ({ source, target }: Comparison): boolean {
  return source.count !== target.count || source.hash !== target.hash;
}

/** Names the first record of the source that is not like that in the target. */
async function complain(
  { source: had, target: has }: Comparison,
  source: Source,
  target: Target,
): Promise<StartupError> {
  const kind = had.kind === 'EVENT' ? 'PAYOUT' : had.kind;
  const counts = `${had.count} in the source, ${has.count} in the target`;
  const fault = `the stores differ in their ${nameOf(had.kind)} (${counts})`;
  for (const page of pagesOf(source.read(kind))) {
    const found = new Map((await target.find(kind, page.map(idOf))).map((item) => [idOf(item), digestOf(item)]));
    const first = page.find((item) => found.get(idOf(item)) !== digestOf(item));
    if (first !== undefined) return new StartupError(`${fault}, first at ${idOf(first)}: nothing was let go of`);
  }
  return new StartupError(`${fault}: nothing was let go of`);
}

/** What people call a kind. */
export function nameOf(kind: Tally['kind']): string {
  return NAMES[kind];
}

const NAMES: Readonly<Record<Tally['kind'], string>> = {
  MERCHANT: 'merchants',
  KEY: 'keys',
  BATCH: 'batches',
  PAYOUT: 'payouts',
  SEALED: 'sealed records',
  CLAIM: 'claims',
  EVENT: 'events',
};

function hashOf(record: unknown): Buffer {
  return createHash('sha256').update(canonicalJson(record)).digest();
}

/** JSON with its fields in order: the same text for the same record, whoever has kept it. */
function canonicalJson(record: unknown): string {
  return JSON.stringify(record, function (this: Readonly<Record<string, unknown>>, key, value: unknown) {
    // A buffer comes here as an array of numbers.
    const bytes = this[key];
    if (Buffer.isBuffer(bytes)) return bytes.toString('base64');
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
    return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
