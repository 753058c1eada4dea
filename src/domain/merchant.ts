import type { Branded } from './money.ts';

/** `me_…`, sorts by time. */
export type MerchantId = Branded<string, 'MerchantId'>;
/** `ak_…`, sorts by time. Names a key; it is not the secret. */
export type ApiKeyId = Branded<string, 'ApiKeyId'>;

export interface Merchant {
  readonly schema: 1;
  readonly id: MerchantId;
  readonly name: string;
  readonly createdAt: Date;
}

export const SCOPES = ['payouts:read', 'payouts:write', 'balances:read'] as const;
export type Scope = (typeof SCOPES)[number];

/** A stored key. The secret itself is shown once, at creation, and kept only as its SHA-256. */
export interface ApiKey {
  readonly schema: 1;
  readonly id: ApiKeyId;
  /** Null: an operator's key, which names the merchant it looks at. */
  readonly merchantId: MerchantId | null;
  /** SHA-256 of the secret, lower-case hex. */
  readonly hash: string;
  readonly label: string;
  readonly scopes: readonly Scope[];
  readonly createdAt: Date;
  readonly revokedAt: Date | null;
}
