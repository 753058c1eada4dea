import type { PayoutId } from './payout.ts';
import type { PageKey } from './store.ts';

/** A payout's place in the list of its merchant's, which never changes: opaque to callers, letters, digits, `-` and `_`. */
export function toPageCursor({ createdAt, id }: PageKey): string {
  return Buffer.from(`${createdAt.getTime()} ${id}`).toString('base64url');
}

/** Reads the cursor of a payout; null for a text that is none, as one is that was cut off. */
export function parsePageCursor(cursor: string): PageKey | null {
  const [, time, id] = /^([0-9]{1,15}) (po_[0-9a-v]{26})$/.exec(Buffer.from(cursor, 'base64url').toString()) ?? [];
  return time === undefined ? null : { createdAt: new Date(Number(time)), id: id as PayoutId };
}
