import type { Decimal } from './money.ts';
import type { Price, ProviderId } from './provider.ts';

export const ROUTE_VERDICTS = [
  'CHOSEN',
  'ELIGIBLE',
  'UNSUPPORTED',
  'UNHEALTHY',
  'INSUFFICIENT_BALANCE',
  'DISABLED',
] as const;
/** What was decided about one candidate. */
export type RouteVerdict = (typeof ROUTE_VERDICTS)[number];

/** A price, and until when we stand by it: the provider's own end, or an early one of ours where it names none. */
export interface QuotedPrice extends Price {
  readonly expiresAt: Date;
}

/** One account at one provider that was considered. */
export interface RouteCandidate {
  readonly provider: ProviderId;
  readonly account: string;
  readonly verdict: RouteVerdict;
  /** One line for people. */
  readonly reason: string;
  /** What it would cost there; null: it does not say, or was not asked. */
  readonly quote: QuotedPrice | null;
}

/** Who was considered for a payout, and why each was taken or left. */
export interface RouteDecision {
  readonly at: Date;
  /** `CHEAPEST`, `FASTEST`, or the ordered list, e.g. `IO2328,OXAPAY`. */
  readonly policy: string;
  /** The chosen one first, then the eligible in the order in which they would follow, then the others. */
  readonly candidates: readonly RouteCandidate[];
}

/** The price that a payout is held to: nothing worse is sent. */
export interface HeldPrice extends QuotedPrice {
  /** Which part of the price it may be worse by, e.g. `0.01`; `0`: not at all. */
  readonly tolerance: Decimal;
}
