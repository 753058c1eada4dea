import type { Context } from './context.ts';

/**
 * Opens a source of items that ends when the listener goes away, its key is revoked, or `return` is called: at once, also
 * while it waits for the next item. The source must end when its signal aborts, which it does too after the last item.
 */
export async function listen<Item>(
  { gone, viewer }: Context,
  open: (signal: AbortSignal) => Promise<AsyncIterator<Item, undefined>>,
): Promise<AsyncIterableIterator<Item, undefined>> {
  const ended = new AbortController();
  const endOnFailure = (error: unknown): never => {
    ended.abort();
    throw error;
  };
  const signal = AbortSignal.any([ended.signal, gone, viewer.revoked]);
  const items = await open(signal).catch(endOnFailure);
  const iterator: AsyncIterableIterator<Item, undefined> = {
    [Symbol.asyncIterator]: () => iterator,
    async next() {
      const result = await items.next().catch(endOnFailure);
      if (result.done) ended.abort();
      return result;
    },
    async return() {
      // First the signal: a generator that waits for its next item would not hear `return` before that item comes.
      ended.abort();
      await items.return?.();
      return { done: true, value: undefined };
    },
  };
  return iterator;
}
