import { GraphQLError } from 'graphql';
import type { ErrorCode, Issue, MoneyMoved } from '../domain/errors.ts';
import { ERROR_CODES, InvalidArgumentError } from '../domain/errors.ts';
import type { Payout } from '../domain/payout.ts';
import type { ProviderId, ProviderReason } from '../domain/provider.ts';
import { knownMoneyMoved } from '../domain/restore.ts';
import type { Restored } from '../domain/store.ts';
import { describeError, type Log } from '../runtime.ts';
import type { LoadedPayout } from './payout.ts';

/** What a code means to a caller, wherever it stands. */
interface Meaning {
  /** Whether the very same request can succeed later. */
  readonly retryable: boolean;
  /** Where the error is about no payout. Null: it always is about one, and the payout tells. */
  readonly moneyMoved: MoneyMoved | null;
}

const REFUSED: Meaning = { retryable: false, moneyMoved: 'NO' };

/** Every code and its meaning. `docs/errors.md` says the same in words; a test holds the two together. */
export const MEANINGS: Readonly<Record<ErrorCode, Meaning>> = {
  INVALID_INPUT: REFUSED,
  REFERENCE_CONFLICT: { retryable: false, moneyMoved: null },
  UNSUPPORTED: REFUSED,
  QUOTE_EXPIRED: REFUSED,
  NOT_ALLOWED_IN_STATE: { retryable: false, moneyMoved: null },
  PROVIDER_REJECTED: REFUSED,
  PROVIDER_UNAVAILABLE: { retryable: true, moneyMoved: 'NO' },
  NOT_FOUND: REFUSED,
  UNAUTHENTICATED: REFUSED,
  FORBIDDEN: REFUSED,
  BAD_REQUEST: REFUSED,
  TOO_COMPLEX: REFUSED,
  // A create may have been stored before something broke: the same reference tells, and is never paid twice.
  INTERNAL: { retryable: true, moneyMoved: 'UNKNOWN' },
};

/**
 * A failure that callers are told of: as a member of a result union, or in `errors[]` with the same fields. `restored` is how
 * the store was put back, where what it does not know could have been paid.
 */
export abstract class PublicError extends Error {
  readonly code: ErrorCode;
  readonly retryable: boolean;
  readonly moneyMoved: MoneyMoved;
  constructor(code: ErrorCode, message: string, about: Payout | null = null, restored: Restored | null = null) {
    super(message);
    this.code = code;
    this.retryable = MEANINGS[code].retryable;
    const unmoved = restored?.open === true ? 'UNKNOWN' : MEANINGS[code].moneyMoved;
    this.moneyMoved = about === null ? (unmoved ?? 'UNKNOWN') : knownMoneyMoved(about, restored);
  }
}

/** A failure of the request itself; it stands in `errors[]` alone. */
export class RequestError extends PublicError {}

/** Fields of the input that cannot be used, each by its path below `input`. Nothing was stored. */
export class InvalidInputError extends PublicError {
  readonly issues: readonly Issue[];
  constructor(issues: readonly Issue[], restored: Restored | null = null) {
    super('INVALID_INPUT', issues.map(describeIssue).join('; '), null, restored);
    this.issues = issues;
  }
}

/** An issue without a path is of the input as a whole. */
function describeIssue({ path, message }: Issue): string {
  return path.length > 0 ? `${path.join('.')}: ${message}` : message;
}

/** The reference belongs to a payout with another input. */
export class ReferenceConflictError extends PublicError {
  readonly payout: LoadedPayout;
  readonly differences: readonly string[];
  constructor(first: LoadedPayout, differences: readonly string[], restored: Restored | null) {
    const names = differences.join(', ');
    super('REFERENCE_CONFLICT', `The reference belongs to a payout with another ${names}.`, first.payout, restored);
    this.payout = first;
    this.differences = differences;
  }
}

/** No provider does what is asked; `about` is the payout that it was asked of, where there is one. */
export class UnsupportedError extends PublicError {
  readonly reasons: readonly ProviderReason[];
  constructor(reasons: readonly ProviderReason[], about: Payout | null = null, restored: Restored | null = null) {
    const lines = reasons.map(({ provider, reason }) => `${provider}: ${reason}${reason.endsWith('.') ? '' : '.'}`);
    super('UNSUPPORTED', lines.join(' ') || 'No provider is set up.', about, restored);
    this.reasons = reasons;
  }
}

/** The quote that a payout was to be held to is over. */
export class QuoteExpiredError extends PublicError {
  readonly expiredAt: Date;
  constructor(expiredAt: Date, restored: Restored | null = null) {
    super('QUOTE_EXPIRED', `The quote was good until ${expiredAt.toISOString()}: ask for another one.`, null, restored);
    this.expiredAt = expiredAt;
  }
}

/** What the input names is not there, or is another merchant's. */
export class NotFoundError extends PublicError {
  constructor(message: string) {
    super('NOT_FOUND', message);
  }
}

/** The payout has gone past the point where this can be done. */
export class NotAllowedInStateError extends PublicError {
  readonly payout: LoadedPayout;
  constructor(current: LoadedPayout, message: string, restored: Restored | null) {
    super('NOT_ALLOWED_IN_STATE', message, current.payout, restored);
    this.payout = current;
  }
}

/** The provider answered that it does not; `about` is the payout that it was asked of, where there is one. */
export class ProviderRejectedError extends PublicError {
  readonly provider: ProviderId;
  readonly vendorCode: string | null;
  readonly vendorMessage: string | null;
  constructor(
    provider: ProviderId,
    message: string,
    vendor: { readonly vendorCode: string | null; readonly vendorMessage: string | null },
    about: Payout | null = null,
  ) {
    super('PROVIDER_REJECTED', `${provider}: ${message}`, about);
    this.provider = provider;
    this.vendorCode = vendor.vendorCode;
    this.vendorMessage = vendor.vendorMessage;
  }
}

/** The provider could not be asked; `about` is the payout that it was asked of, where there is one. */
export class ProviderUnavailableError extends PublicError {
  readonly provider: ProviderId;
  /** When asking again makes sense; null: it is not known. */
  readonly retryAt: Date | null;
  constructor(
    provider: ProviderId,
    message: string,
    retryAt: Date | null,
    about: Payout | null = null,
    restored: Restored | null = null,
  ) {
    super('PROVIDER_UNAVAILABLE', `${provider}: ${message}`, about, restored);
    this.provider = provider;
    this.retryAt = retryAt;
  }
}

const CODES: ReadonlySet<unknown> = new Set(ERROR_CODES);

/**
 * Any failure as callers see it in `errors[]`: its code, whether it can be tried again, and whether money moved. What nobody
 * expected is logged, and shown as INTERNAL with the request's id alone.
 */
export function presentError(error: unknown, requestId: string, log: Log): GraphQLError {
  if (error instanceof GraphQLError && CODES.has(error.extensions.code) && 'moneyMoved' in error.extensions) {
    return error;
  }
  const cause = rootCause(error);
  if (cause instanceof PublicError) return publicError(cause, error);
  if (cause instanceof InvalidArgumentError) return publicError(new InvalidInputError(cause.issues), error);
  // GraphQL's own complaints about a request point into its text, or come before any field was resolved.
  if (cause instanceof GraphQLError && error instanceof GraphQLError && (cause.nodes || cause.source || !error.path)) {
    return publicError(new RequestError('BAD_REQUEST', withoutValue(error.message)), error);
  }
  log.error({ requestId, error: describeError(cause), stack: stackOf(cause) }, 'a request failed');
  return publicError(new RequestError('INTERNAL', `Something went wrong. Request ${requestId}.`), error);
}

/** GraphQL repeats a value that does not fit, which may be personal data: the message ends before it. */
function withoutValue(message: string): string {
  return message.replace(/(cannot represent [^:]*value): [\s\S]*$/, '$1').replace(/,? found: [\s\S]*$/i, '');
}

function rootCause(error: unknown): unknown {
  return error instanceof GraphQLError && error.originalError ? rootCause(error.originalError) : error;
}

function stackOf(error: unknown): string | null {
  return error instanceof Error ? (error.stack ?? null) : null;
}

/** The places in the request are kept from the error as GraphQL raised it. */
function publicError(error: PublicError, raised: unknown): GraphQLError {
  const { code, message, retryable, moneyMoved } = error;
  return withExtensions(raised, message, { code, retryable, moneyMoved, ...factsOf(error) });
}

/** What an error tells beside what every error tells. */
function factsOf(error: PublicError): Readonly<Record<string, unknown>> {
  if (error instanceof InvalidInputError) return { issues: error.issues };
  if (error instanceof UnsupportedError) return { reasons: error.reasons };
  if (error instanceof ProviderRejectedError) {
    const { provider, vendorCode, vendorMessage } = error;
    return { provider, vendorCode, vendorMessage };
  }
  if (error instanceof QuoteExpiredError) return { expiredAt: error.expiredAt };
  if (error instanceof ProviderUnavailableError) return { provider: error.provider, retryAt: error.retryAt };
  return {};
}

/** Another message and other extensions for an error, in the same places of the request. */
export function withExtensions(
  raised: unknown,
  message: string,
  extensions: Readonly<Record<string, unknown>>,
): GraphQLError {
  const { nodes, source, positions, path } = raised instanceof GraphQLError ? raised : {};
  return new GraphQLError(message, {
    nodes: nodes ?? null,
    source: source ?? null,
    positions: positions ?? null,
    path: path ?? null,
    extensions: { ...extensions },
  });
}
