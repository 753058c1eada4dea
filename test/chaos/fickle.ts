import { createHash } from 'node:crypto';
import { compareDecimals, type Decimal } from '../../src/domain/money.ts';
import type { NewOrder } from '../../src/sandbox/books.ts';
import type { Refusal } from '../../src/sandbox/faults.ts';
import type { SandboxSide } from '../../src/sandbox.ts';

/** Providers that all pay one kind of order, so that it can go from one to another. */
export const INTERCHANGEABLE = ['io2328', 'oxapay', 'blockatm', 'chainpay'] as const;

/** From this amount on a provider's side is fickle: what may fail over asks for as much, and all else for less. */
export const FICKLE_FROM = '100' as Decimal;
/** Which share of such orders it refuses, of 256. */
const REFUSED = 110;

/**
 * A side that refuses some orders for good that another provider takes: which ones, follows from its name and their mark, so
 * that an order which it refuses it never takes.
 */
export function fickle(side: SandboxSide): SandboxSide {
  const refuses = ({ mark, amount }: NewOrder): boolean =>
    mark !== null && compareDecimals(amount, FICKLE_FROM) >= 0 && digitOf(side.slug, mark) < REFUSED;
  const refusal: Refusal = 'INSUFFICIENT_BALANCE';
  return {
    ...side,
    read(request, account) {
      const asked = side.read(request, account);
      if (asked.kind === 'create' && refuses(asked.order)) {
        return { kind: 'answer', answer: side.refuse(refusal, null) };
      }
      if (asked.kind !== 'batch') return asked;
      const orders = asked.orders.map((order) => ('refusal' in order || !refuses(order) ? order : { refusal }));
      return { ...asked, orders };
    },
  };
}

/** 0 to 255. */
function digitOf(slug: string, mark: string): number {
  return createHash('sha256').update(`${slug} ${mark}`).digest()[0] ?? 0;
}
