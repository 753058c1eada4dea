import type { LookupAddress } from 'node:dns';
import { lookup } from 'node:dns/promises';
import type { LookupFunction } from 'node:net';
import { buildConnector, type Dispatcher, Pool } from 'undici';
import type { Decimal } from './domain/money.ts';
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

/**
 * A line to one base URL: a pool of connections, a bound on how many exchanges are under way, one deadline for each. Every
 * exchange ends: it waits for its place until `sendBy`, or where there is none for as long as the deadline, then for its
 * connection, then for its answer.
 */
export interface Line {
  exchange(request: Request): Promise<Answer>;
  close(): Promise<void>;
}

export interface LineOptions {
  /** e.g. `https://api.2328.io/api`: requests' paths are appended. */
  readonly baseUrl: string;
  /** From the first byte written to the last byte read. Default: the transport's. */
  readonly deadlineMs?: number;
  /** How long a connection may take to be made, TLS included. Default 10 s. */
  readonly connectMs?: number;
  /**
   * Exchanges at once, each on a connection of its own; more wait for a place. Default 40: a worker's 16 sends and 16 look-ups
   * may all hang, and what is asked beside them, as a price, still has a place.
   */
  readonly connections?: number;
  /** A longer answer is `lost`. Default 1 MiB. */
  readonly maxAnswerBytes?: number;
  /** A certificate authority in PEM, trusted on this line in place of the public ones: for a gateway with its own. */
  readonly ca?: string;
}

/** The one way out of the program. */
export interface Transport {
  open(options: LineOptions): Line;
}

/** Node fires a timer that is set for longer at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;
const UTF8 = new TextDecoder();

/**
 * `now` is the clock by which `sendBy` is held; how long a connection or an answer may take runs on real timers.
 * `deadlineMs` holds for lines that set none of their own.
 */
export function createTransport(now: () => Date, deadlineMs = 20_000): Transport {
  return { open: (options) => openLine({ deadlineMs, ...options }, now) };
}

function openLine(options: LineOptions, now: () => Date): Line {
  const { deadlineMs = 20_000, connectMs = 10_000, connections = 40, maxAnswerBytes = 1024 * 1024 } = options;
  const base = new URL(options.baseUrl);
  const basePath = base.pathname.replace(/\/$/, '');
  // The pool has no limit of its own, so that nothing ever waits in it, also not behind a connection that hangs while it
  // is made, or behind one that undici takes for busy for ever since it refused a malformed request.
  const pool = new Pool(base.origin, {
    connect: createConnector(connectMs, options.ca),
    // undici sends a POST again by itself when an HTTP/2 session ends; over HTTP/1.1 it never does.
    allowH2: false,
    pipelining: 1,
    headersTimeout: deadlineMs,
    bodyTimeout: deadlineMs,
    maxResponseSize: maxAnswerBytes,
  });
  /** First come, first served. Not empty: every place is taken. */
  const waiting = new Map<Exchange, Request>();
  const underWay = new Set<Exchange>();
  let closed = false;

  const fillPlaces = (): void => {
    for (const [exchange, request] of waiting) {
      if (underWay.size >= connections) return;
      waiting.delete(exchange);
      if (exchange.isOver) continue;
      underWay.add(exchange);
      exchange.awaitConnection(connectMs);
      const { method, path, headers, body } = request;
      pool.dispatch({ method, path: basePath + path, headers, body }, exchange);
    }
  };

  return {
    async exchange(request) {
      const exchange = new Exchange(request.call, deadlineMs, now);
      const admitted = closed ? 'the line is closed' : (request.call.admit?.() ?? true);
      if (admitted !== true) exchange.strike(admitted);
      waiting.set(exchange, request);
      fillPlaces();
      const answer = await exchange.answer;
      waiting.delete(exchange);
      // A connection takes its next request one turn after its answer: a place given sooner would open one more.
      setImmediate(() => {
        underWay.delete(exchange);
        fillPlaces();
      });
      return answer;
    },
    async close() {
      closed = true;
      for (const exchange of waiting.keys()) exchange.strike('the line is closed');
      await Promise.all(Array.from(underWay, (exchange) => exchange.answer));
      await pool.destroy();
    },
  };
}

function createConnector(timeout: number, ca: string | undefined): buildConnector.connector {
  const connect = buildConnector({
    allowH2: false,
    timeout,
    lookup: createLookup(),
    ...(ca === undefined ? {} : { ca }),
  });
  return (target, callback) =>
    connect(target, (...result) => {
      // undici takes ECONNRESET for the orderly end of an answer that has no length (client-h1, onHttpSocketError). What
      // a reset cuts off is not complete, so the code that it looks for is taken away before its own listener runs.
      result[1]?.prependListener('error', (error) => Object.assign(error, { code: 'CONNECTION_RESET' }));
      callback(...result);
    });
}

/**
 * Looks a name up once for all who ask meanwhile. Node does it on two threads for the whole process: connections that each
 * asked a name server that is away would keep every other line from its own.
 */
function createLookup(): LookupFunction {
  const underWay = new Map<string, ReturnType<typeof lookupAll>>();
  return (hostname, options, callback) => {
    const key = JSON.stringify([hostname, options]);
    const asked = underWay.get(key) ?? lookupAll(hostname, options).finally(() => underWay.delete(key));
    underWay.set(key, asked);
    asked.then(
      (addresses) => {
        const [first] = addresses;
        if (options.all) callback(null, [...addresses]);
        else callback(null, first?.address ?? '', first?.family);
      },
      (error: NodeJS.ErrnoException) => callback(error, ''),
    );
  };
}

function lookupAll(hostname: string, options: Parameters<LookupFunction>[1]): Promise<readonly LookupAddress[]> {
  return lookup(hostname, { ...options, all: true });
}

/**
 * One exchange: the phase it has reached when something strikes decides how it ends. This rests on undici's HTTP/1.1 client
 * (`client.js` and `client-h1.js` of 8.12.4):
 *
 * - Bytes of a request are written by `writeH1` alone, which first calls `onRequestStart`, synchronously, and writes nothing
 *   when that aborts. A request that waits for its connection, also behind a keep-alive socket found dead, has not met
 *   `writeH1` yet: it is either written later, on another connection, or failed, and in both cases not a byte is out.
 * - A socket that dies fails the request that was written to it (`onHttpSocketClose`: the head of the queue) and keeps for
 *   the next connection only those behind it. With one request on a socket at a time there is none. The one path that puts a
 *   written request back is an error of undici's own, and those strike only requests already answered or aborted.
 *   Should it happen all the same, the second `onRequestStart` is refused here.
 */
class Exchange implements Dispatcher.DispatchHandler {
  readonly answer: Promise<Answer>;
  readonly #resolve: (answer: Answer) => void;
  readonly #call: Call;
  readonly #deadlineMs: number;
  readonly #now: () => Date;
  readonly #onAbort = (): void => this.strike('it was called off');
  #phase: 'unwritten' | 'written' | 'over' = 'unwritten';
  #startedAt: Date;
  #controller: Dispatcher.DispatchController | null = null;
  #timer: NodeJS.Timeout | undefined;
  #status = 0;
  #headers: Readonly<Record<string, string | string[] | undefined>> = {};
  #chunks: Buffer[] = [];

  constructor(call: Call, deadlineMs: number, now: () => Date) {
    ({ promise: this.answer, resolve: this.#resolve } = Promise.withResolvers<Answer>());
    this.#call = call;
    this.#deadlineMs = deadlineMs;
    this.#now = now;
    this.#startedAt = now();
    if (call.signal.aborted) this.#onAbort();
    else call.signal.addEventListener('abort', this.#onAbort);
    const waitMs = call.sendBy === null ? deadlineMs : this.#msToSendBy(this.#startedAt);
    this.#strikeAfter(waitMs, 'no place on the line came free in time');
  }

  get isOver(): boolean {
    return this.#phase === 'over';
  }

  /** It has a place on the line: from here on it waits for its connection. */
  awaitConnection(connectMs: number): void {
    const ms = Math.min(connectMs, this.#msToSendBy(this.#now()));
    this.#strikeAfter(ms, 'no connection was made in time');
  }

  /** Ends it, unless it is over: never left, or lost once it began to be written. */
  strike(cause: string): void {
    if (this.#phase === 'over') return;
    this.#end({ kind: this.#phase === 'written' ? 'lost' : 'neverLeft', cause, ...this.#span() });
    this.#controller?.abort(new Error(cause));
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    const at = this.#now();
    if (this.#phase !== 'unwritten' || this.#msToSendBy(at) < 0) {
      this.strike('it could not begin in time');
      controller.abort(new Error('not to be written'));
      return;
    }
    this.#phase = 'written';
    this.#startedAt = at;
    this.#controller = controller;
    this.#strikeAfter(this.#deadlineMs, `no complete answer within ${this.#deadlineMs} ms`);
  }

  /** Also called for interim answers (103), each overwritten by the next: only a final one is followed by an end. */
  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Readonly<Record<string, string | string[] | undefined>>,
  ): void {
    this.#status = status;
    this.#headers = headers;
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    if (this.#phase === 'over') return;
    this.#end({
      kind: 'answered',
      status: this.#status,
      headers: joinHeaders(this.#headers),
      body: UTF8.decode(Buffer.concat(this.#chunks)),
      ...this.#span(),
    });
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: Error): void {
    this.strike(describe(error));
  }

  #end(answer: Answer): void {
    this.#phase = 'over';
    clearTimeout(this.#timer);
    this.#call.signal.removeEventListener('abort', this.#onAbort);
    this.#resolve(answer);
  }

  #span(): { startedAt: Date; endedAt: Date } {
    return { startedAt: this.#startedAt, endedAt: this.#now() };
  }

  #msToSendBy(at: Date): number {
    return this.#call.sendBy === null ? Number.POSITIVE_INFINITY : this.#call.sendBy.getTime() - at.getTime();
  }

  /** One timer at a time, for the phase it is in. */
  #strikeAfter(ms: number, cause: string): void {
    clearTimeout(this.#timer);
    if (this.#phase === 'over') return;
    this.#timer = setTimeout(() => this.strike(cause), Math.min(Math.max(ms, 0), MAX_TIMER_MS));
  }
}

function joinHeaders(headers: Readonly<Record<string, string | string[] | undefined>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value ?? ''].flat().join(', ')]));
}

/** One line of an error: OpenSSL's messages have several, and a connection tried at several addresses has none at all. */
function describe(error: Error): string {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : error.name;
  const message = error.message.replace(/\s+/g, ' ').trim();
  if (message === '') return code;
  return message.includes(code) ? message : `${message} (${code})`;
}

declare global {
  /** ECMAScript's access to the source text of JSON's numbers, which TypeScript's library does not declare yet. */
  interface JSON {
    parse(
      text: string,
      reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown,
    ): unknown;
    rawJSON(text: string): RawJson;
  }
}

/** What `JSON.stringify` writes verbatim. */
export interface RawJson {
  readonly rawJSON: string;
}

/**
 * Reads JSON as `JSON.parse` does, except that each number becomes its exact source text, as a string: `0.0200000000` and
 * `1e-8` stay as they stand. A key `__proto__` is dropped: copied on, it would set a prototype. Throws SyntaxError for what
 * is not JSON, RangeError for a nesting that is too deep.
 */
export function readJson(text: string): unknown {
  return JSON.parse(text, (key, value, context) => {
    if (key === '__proto__') return undefined;
    return typeof value === 'number' ? context.source : value;
  });
}

/** A decimal as a JSON number: put in an object, `JSON.stringify` writes its exact digits there. */
export function writeNumber(decimal: Decimal): RawJson {
  return JSON.rawJSON(decimal);
}
