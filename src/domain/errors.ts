export type MoneyMoved = 'NO' | 'YES' | 'UNKNOWN';

/**
 * Every code a caller can meet, in a result union or in `extensions.code`. Flat, never renamed; each has a heading in
 * `docs/errors.md`.
 */
export const ERROR_CODES = [
  'INVALID_INPUT',
  'REFERENCE_CONFLICT',
  'UNSUPPORTED',
  'PROVIDER_REJECTED',
  'PROVIDER_UNAVAILABLE',
  'QUOTE_EXPIRED',
  'NOT_ALLOWED_IN_STATE',
  'NOT_FOUND',
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'BAD_REQUEST',
  'TOO_COMPLEX',
  'INTERNAL',
] as const;
export type ErrorCode = (typeof ERROR_CODES)[number];

/** A fault of the configuration or of the store, found at start: one line for the operator, exit code 1. */
export class StartupError extends Error {
  override readonly name = 'StartupError';
}

/** A field at fault, by its path in the caller's input. */
export interface Issue {
  readonly path: readonly string[];
  readonly message: string;
}

/** An argument that cannot be used. `issues` names each field by its path. */
export class InvalidArgumentError extends Error {
  override readonly name = 'InvalidArgumentError';
  readonly issues: readonly Issue[];
  constructor(issues: readonly Issue[]) {
    super(issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; '));
    this.issues = issues;
  }
}

/** A stored record that no configured key decrypts. Its message names payout and key, and nothing of the content. */
export class UnreadableRecordError extends Error {
  override readonly name = 'UnreadableRecordError';
  readonly payoutId: string;
  readonly keyId: string;
  constructor(payoutId: string, keyId: string, reason: string) {
    super(`a record of ${payoutId} under the data key "${keyId}" cannot be decrypted: ${reason}`);
    this.payoutId = payoutId;
    this.keyId = keyId;
  }
}

/** What is read; null where no key decrypts it (any more). A store that is merely away rejects, and is asked again later. */
export async function legible<T>(reading: Promise<T>): Promise<T | null> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof UnreadableRecordError) return null;
    throw error;
  }
}
