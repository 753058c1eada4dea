import { InvalidInputError } from './errors.ts';

/** The arguments that every connection takes. */
export interface PageArgs {
  readonly first?: number | null | undefined;
  readonly after?: string | null | undefined;
  readonly last?: number | null | undefined;
  readonly before?: string | null | undefined;
}

/** The part of a list that is asked for: `limit` items from one end, strictly between two keys. */
export interface Window<Key> {
  readonly limit: number;
  readonly direction: 'forward' | 'backward';
  readonly after: Key | null;
  readonly before: Key | null;
}

const DEFAULT_SIZE = 20;
const MAX_SIZE = 100;

/** How many items a page counts for when the cost of an operation is added up. */
export function pageCost(args: PageArgs): { readonly field: number; readonly multiplier: number } {
  return { field: 1, multiplier: args.first ?? args.last ?? DEFAULT_SIZE };
}

/** Reads a connection's arguments. Throws INVALID_INPUT that names the argument at fault. */
export function readWindow<Key>(args: PageArgs, parseCursor: (cursor: string) => Key | null): Window<Key> {
  if (args.first != null && args.last != null) throw invalid('last', 'not together with first');
  return {
    limit: readLimit('first', args.first) ?? readLimit('last', args.last) ?? DEFAULT_SIZE,
    direction: args.last == null ? 'forward' : 'backward',
    after: readCursor('after', args.after, parseCursor),
    before: readCursor('before', args.before, parseCursor),
  };
}

/** A page size within its bounds; null when none is given. Throws INVALID_INPUT that names the argument. */
export function readLimit(name: 'first' | 'last', value: number | null | undefined): number | null {
  if (value == null) return null;
  if (value < 1 || value > MAX_SIZE) throw invalid(name, `1 to ${MAX_SIZE}`);
  return value;
}

/** A cursor as its own list reads it; null when none is given. Throws INVALID_INPUT that names the argument. */
export function readCursor<Key>(
  name: 'after' | 'before',
  value: string | null | undefined,
  parse: (cursor: string) => Key | null,
): Key | null {
  if (value == null) return null;
  const key = parse(value);
  if (key === null) throw invalid(name, 'this is not a cursor of this list');
  return key;
}

function invalid(name: string, message: string): InvalidInputError {
  return new InvalidInputError([{ path: [name], message }]);
}

/** A page as a connection: each item with its cursor. `more` tells whether the list goes on in the window's direction. */
export function toConnection<Item, Key>(
  window: Window<Key>,
  items: readonly Item[],
  more: boolean,
  toCursor: (item: Item) => string,
) {
  const edges = items.map((node) => ({ node, cursor: toCursor(node) }));
  const forward = window.direction === 'forward';
  return {
    edges,
    pageInfo: {
      hasNextPage: forward ? more : window.before !== null,
      hasPreviousPage: forward ? window.after !== null : more,
      startCursor: edges.at(0)?.cursor ?? null,
      endCursor: edges.at(-1)?.cursor ?? null,
    },
  };
}
