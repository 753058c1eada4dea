import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { base32hexnopad } from '@scure/base';
import { destination, pino } from 'pino';

/** The one source of time: tests replace it, and nothing else reads the wall clock. */
export interface Clock {
  now(): Date;
  /** Resolves after `ms`, or at once when the signal aborts; it never rejects. It does not keep the process alive. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => new Date(),
  sleep: (ms, signal) => delay(ms, undefined, { ref: false, ...(signal ? { signal } : {}) }).catch(() => undefined),
};

/** Runs a job that is told, through its signal, when its time is over. */
export async function withDeadline<T>(clock: Clock, ms: number, job: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const deadline = new AbortController();
  const over = new AbortController();
  void clock.sleep(ms, over.signal).then(() => deadline.abort('deadline'));
  try {
    return await job(deadline.signal);
  } finally {
    over.abort();
  }
}

/** The one source of chance: tests replace it. */
export interface Ids {
  /** `prefix_` and 26 characters that sort by time. */
  next(prefix: string): string;
  /** `size` random bytes. */
  bytes(size: number): Buffer;
}

/** Lower-case base32 of bytes, without padding, in an alphabet that sorts as the bytes do. */
export function toBase32(bytes: Uint8Array): string {
  return base32hexnopad.encode(bytes).toLowerCase();
}

/** Ten characters that sort as instants do. */
export function sortableTime(at: Date): string {
  const bytes = Buffer.alloc(6);
  bytes.writeUIntBE(at.getTime(), 0, 6);
  return toBase32(bytes);
}

export function createIds(clock: Clock): Ids {
  return {
    next: (prefix) => `${prefix}_${sortableTime(clock.now())}${toBase32(randomBytes(10))}`,
    bytes: (size) => randomBytes(size),
  };
}

/** Structured log lines. Fields never hold a secret, a body, or personal data. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  child(fields: object): Log;
}

/** One line of what went wrong, for a log or an operator: an error's message with its code, never its stack. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error && typeof error.code === 'string' ? ` (${error.code})` : '';
  return `${error.message}${error.message.includes(code.slice(2, -1)) ? '' : code}`;
}

/** JSON lines on standard output, or on standard error; readable lines where that is a terminal. */
export function createLog(level: string, output: 'stdout' | 'stderr' = 'stdout'): Log {
  const { isTTY, fd } = process[output];
  const options = { level, base: { service: 'outflow' } };
  if (!isTTY) return pino(options, destination(fd));
  const transport = { target: 'pino-pretty', options: { ignore: 'pid,hostname', destination: fd } };
  return pino({ ...options, transport });
}
