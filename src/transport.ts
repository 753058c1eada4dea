import type { Call } from './domain/provider.ts';

/** One request to a provider. */
export interface Request {
  readonly method: 'GET' | 'POST';
  /** Path and query below the line's base URL, beginning with `/`. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Sent byte for byte; null: no body. */
  readonly body: string | null;
  readonly call: Call;
}

/** The provider answered, completely: status, headers (names in lower case), the body as text. */
export interface Answered {
  readonly kind: 'answered';
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly startedAt: Date;
  readonly endedAt: Date;
}

/** What became of a request, by phase and never by error code. `cause` is one line for people, without secrets. */
export type Answer =
  | Answered
  /** Provably not one byte of it was written. */
  | { readonly kind: 'neverLeft'; readonly cause: string; readonly startedAt: Date; readonly endedAt: Date }
  /** It began to be written and no complete answer came: the provider may have acted on it. */
  | { readonly kind: 'lost'; readonly cause: string; readonly startedAt: Date; readonly endedAt: Date };

/** A line to one base URL: a pool of connections, a bound on how many exchanges are under way, one deadline for each. */
export interface Line {
  exchange(request: Request): Promise<Answer>;
  close(): Promise<void>;
}

export interface LineOptions {
  /** e.g. `https://api.2328.io/api`: requests' paths are appended. */
  readonly baseUrl: string;
  /** From the first byte written to the last byte read. Default 20 s. */
  readonly deadlineMs?: number;
  /** Exchanges at once, each on a connection of its own; more wait for a place until `sendBy`. Default 16. */
  readonly connections?: number;
  /** A longer answer is `lost`. Default 1 MiB. */
  readonly maxAnswerBytes?: number;
}

/** The one way out of the program. */
export interface Transport {
  open(options: LineOptions): Line;
}

/** `now` is the clock by which `sendBy` is held. */
export declare function createTransport(now: () => Date): Transport;
