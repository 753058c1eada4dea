import type { ApiKey, ApiKeyId, Merchant, MerchantId, Scope } from './domain/merchant.ts';

/** Who is calling, as an API key tells. */
export interface Viewer {
  readonly keyId: ApiKeyId;
  /** Null: an operator, who names the merchant it looks at. */
  readonly merchantId: MerchantId | null;
  readonly label: string;
  readonly scopes: ReadonlySet<Scope>;
  /** Aborts when the key is revoked: whatever is held open for it ends. */
  readonly revoked: AbortSignal;
}

/** Merchants and their API keys. */
export interface Keys {
  /** Null: no such key, or revoked. */
  authenticate(secret: string): Promise<Viewer | null>;
  createMerchant(name: string): Promise<Merchant>;
  merchants(): Promise<readonly Merchant[]>;
  /** The secret is shown here and never again. Throws InvalidArgumentError for a merchant that is not there. */
  createKey(
    merchantId: MerchantId | null,
    label: string,
    scopes: readonly Scope[],
  ): Promise<{ readonly key: ApiKey; readonly secret: string }>;
  /** Null: every key of every merchant and operator. */
  list(merchantId: MerchantId | null): Promise<readonly ApiKey[]>;
  /** False when there is no such key. */
  revoke(id: ApiKeyId): Promise<boolean>;
  close(): void;
}
