/** Reads pages of two stores in turn, one after another. */
import type { PageQuery, Store } from '../src/domain/store.ts';
import { answer } from './harness.ts';
import { openAt, type Place } from './store-places.ts';
import { keyOf, MERCHANT, RARE } from './store-records.ts';

/** The newest; after one of the middle half, another each time; of a state that one in a hundred has. */
export type PageKind = 'FIRST' | 'MIDDLE' | 'RARE';

/** A filled store, and how many payouts the merchant has there. */
export interface Filled {
  readonly place: Place;
  readonly count: number;
}

export interface PageQuestion {
  /** The same at each question. */
  readonly large: Filled;
  readonly small: Filled;
  readonly kind: PageKind;
}

export interface PageResult {
  /** Of each page, in ms. */
  readonly large: readonly number[];
  readonly small: readonly number[];
}

const LIMIT = 20;
const ROUNDS = 12;
/** A round is over after so many pages, or this time. */
const PAGES = 40;
const ROUND_MS = 600;

let opened: Promise<readonly [Store, Store]> | null = null;

async function run({ large, small, kind }: PageQuestion): Promise<PageResult> {
  opened ??= Promise.all([openAt(large.place), openAt(small.place)]);
  const [largeStore, smallStore] = await opened;
  const result = { large: [] as number[], small: [] as number[] };
  for (let round = 0; round < ROUNDS; round += 1) {
    const times = {
      large: await readPages(largeStore, large.count, kind),
      small: await readPages(smallStore, small.count, kind),
    };
    // The first rounds warm up.
    if (round < 2) continue;
    result.large.push(...times.large);
    result.small.push(...times.small);
  }
  return result;
}

async function readPages(store: Store, count: number, kind: PageKind): Promise<number[]> {
  const times: number[] = [];
  const until = performance.now() + ROUND_MS;
  while (times.length < PAGES && performance.now() < until) {
    const query = queryOf(kind, count);
    const startedAt = performance.now();
    const { payouts, more } = await store.page(query);
    times.push(performance.now() - startedAt);
    if (payouts.length !== LIMIT || !more) throw new Error(`a page of ${payouts.length}`);
  }
  return times;
}

function queryOf(kind: PageKind, count: number): PageQuery {
  const number = Math.floor(count * (0.25 + Math.random() / 2));
  return {
    merchantId: MERCHANT,
    filter: kind === 'RARE' ? { states: [RARE.state] } : {},
    limit: LIMIT,
    direction: 'forward',
    from: kind === 'MIDDLE' ? keyOf(MERCHANT, number) : null,
    until: null,
  };
}

answer(run);
