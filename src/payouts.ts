import type { MerchantId } from './domain/merchant.ts';
import type { EventSource, MetadataEntry, Order, Payout, PayoutId } from './domain/payout.ts';
import type { ProviderId } from './domain/provider.ts';

/** What a merchant asks for, its shape already checked. */
export interface CreateInput {
  readonly reference: string;
  readonly order: Order;
  /** Null: Outflow chooses. */
  readonly provider: ProviderId | null;
  readonly sendBefore: Date | null;
  readonly metadata: readonly MetadataEntry[];
}

/** Why one provider was not taken. */
export interface ProviderReason {
  readonly provider: ProviderId;
  readonly reason: string;
}

export type CreateResult =
  | { readonly kind: 'created'; readonly payout: Payout; readonly replayed: boolean }
  /** The reference is known with another input; `differences` names the input fields. */
  | { readonly kind: 'conflict'; readonly payout: Payout; readonly differences: readonly string[] }
  | { readonly kind: 'unsupported'; readonly reasons: readonly ProviderReason[] };

export type CancelResult =
  | { readonly kind: 'cancelled'; readonly payout: Payout }
  | { readonly kind: 'notFound' }
  | { readonly kind: 'notAllowed'; readonly payout: Payout };

/** Who calls: the key's id, and whether it speaks for a merchant or for the operator. */
export interface Actor {
  readonly source: Extract<EventSource, 'API' | 'OPERATOR'>;
  readonly actor: string;
}

export interface Payouts {
  create(merchantId: MerchantId, actor: Actor, input: CreateInput): Promise<CreateResult>;
  cancel(merchantId: MerchantId, actor: Actor, id: PayoutId): Promise<CancelResult>;
}
