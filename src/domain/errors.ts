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
