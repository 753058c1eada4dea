import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import { type Decimal, parseDecimal } from './domain/money.ts';
import { type Clock, describeError, type Ids, type Log } from './runtime.ts';
import { Books, type Entry, type Letter, type NewOrder, type Order } from './sandbox/books.ts';
import type { Course, Mischief, Refusal } from './sandbox/faults.ts';
import { OrderDesk, Work } from './sandbox/orders.ts';

export type { Letter, NewOrder, Order } from './sandbox/books.ts';
export type { OrderState, Refusal } from './sandbox/faults.ts';

/** A request as the provider gets it. */
export interface SandboxRequest {
  readonly method: string;
  /** What follows the provider's base URL, without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** Names in lower case. */
  readonly headers: IncomingHttpHeaders;
  /** The bytes as they came. */
  readonly body: Buffer;
}

/** What the provider answers: JSON text. */
export interface SandboxAnswer {
  readonly status: number;
  readonly body: string;
}

/** What a provider's side knows of the account when it reads a request. */
export interface SandboxAccount {
  /** As `makeCredentials` made them. */
  readonly credentials: Readonly<Record<string, string>>;
  /** Balances by currency. */
  readonly wallets: ReadonlyMap<string, Decimal>;
}

/** What a request comes to, once its side has checked all that the provider checks. */
export type Asked =
  /** Nothing that touches an order: a refusal, a price, a balance. */
  | { readonly kind: 'answer'; readonly answer: SandboxAnswer }
  | { readonly kind: 'create'; readonly order: NewOrder; answer(order: Order): SandboxAnswer }
  | { readonly kind: 'find'; readonly providerReference: string; answer(order: Order): SandboxAnswer }
  /** `answer` gets the orders that match, oldest first. */
  | { readonly kind: 'search'; matches(order: Order): boolean; answer(orders: readonly Order[]): SandboxAnswer };

/**
 * One provider's side of the wire: who may ask, what it reads, how it writes, when it tells. It keeps nothing and knows
 * of no fault; orders, wallets, time and faults are the sandbox's.
 */
export interface SandboxSide extends Course {
  /** Lower case: its folder, and the first part of its path. */
  readonly slug: string;
  /** The base URL's own path, e.g. `/api`. */
  readonly basePath: string;
  /** Those that the account has a wallet of. */
  readonly currencies: readonly string[];
  /** What a second create with the same mark does. */
  readonly onDuplicate: 'returnFirst' | 'refuse' | 'payAgain';
  /** The wait before each attempt at a webhook, the first one included. */
  readonly webhookWaitsMs: readonly number[];
  /** The account's values of the provider's settings, except `baseUrl`; `bytes` gives random bytes. */
  makeCredentials(bytes: (size: number) => Buffer): Readonly<Record<string, string>>;
  /** A new order's number at the provider, from 16 random bytes. */
  makeReference(random: Buffer, now: Date): string;
  read(request: SandboxRequest, account: SandboxAccount): Asked;
  refuse(refusal: Refusal): SandboxAnswer;
  /** The signed webhook that tells an order's state. */
  writeWebhook(order: Order, credentials: Readonly<Record<string, string>>): Letter;
  /** Whether the answer to a webhook counts as received. */
  isAcknowledged(status: number, body: string): boolean;
}

/** What a sandbox is made of. */
export interface SandboxOptions {
  /** Orders and webhooks go by it. */
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  /** 0: any that is free. */
  readonly port: number;
  /** Default 127.0.0.1. */
  readonly host?: string;
  readonly sides: readonly SandboxSide[];
  /** Where everything is kept across restarts; null: nowhere. */
  readonly dir: string | null;
  /** How long an order ordinarily takes from accepted to its end. Default 1500; 0: it ends at once. */
  readonly settleMs?: number;
  /** `accept`: a duplicate order number makes a new payment, whatever the provider promises. Default `asProvider`. */
  readonly duplicates?: 'asProvider' | 'accept';
}

/** The running stand-in of all providers. */
export interface Sandbox {
  /** `http://127.0.0.1:…`, without a slash at its end. */
  readonly url: string;
  /** Where the product finds a provider. Throws for a slug that is not played. */
  baseUrl(slug: string): string;
  /** Values for all settings of a provider's account, `baseUrl` included. Throws for a slug that is not played. */
  credentials(slug: string): Readonly<Record<string, string>>;
  /** Every order as it truly stands, oldest first. */
  books(): readonly Order[];
  /** Resolves once no request is being handled and no webhook is on its way; it does not wait for what sleeps. */
  idle(): Promise<void>;
  /** Cuts every connection and stops all that sleeps. */
  close(): Promise<void>;
}

const MAX_REQUEST_BYTES = 1024 * 1024;
const HUGE_BYTES = 10 * 1024 * 1024;
const SLOW_MS = 1000;
const SERVER_ERROR: SandboxAnswer = { status: 500, body: '{"message":"Internal Server Error"}' };
const MAINTENANCE: SandboxAnswer = { status: 503, body: '{"message":"Service Unavailable"}' };
const NOT_FOUND: SandboxAnswer = { status: 404, body: '{"message":"the sandbox has nothing here"}' };
const TOO_LARGE: SandboxAnswer = { status: 413, body: '{"message":"the sandbox reads up to 1 MiB"}' };

/** Starts the stand-in. Rejects where the port is taken, or `dir` cannot be used. */
export async function openSandbox(options: SandboxOptions): Promise<Sandbox> {
  const { clock, ids, log, host = '127.0.0.1' } = options;
  const sides = new Map(options.sides.map((side) => [side.slug, side]));
  const books = new Books(options.dir);
  for (const side of options.sides) openAccount(side, books, ids);
  const work = new Work();
  const closing = new AbortController();
  const desk = new OrderDesk({
    books,
    work,
    clock,
    ids,
    log,
    signal: closing.signal,
    settleMs: options.settleMs ?? 1500,
    paysDuplicates: options.duplicates === 'accept',
  });
  const dawdle = () => work.rest(clock.sleep(SLOW_MS, closing.signal));

  async function handle(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams: query } = new URL(incoming.url ?? '/', 'http://sandbox');
    if (pathname.startsWith('/_sandbox/')) return write(response, control(incoming, pathname));
    const side = sides.get(pathname.split('/')[1] ?? '');
    const base = `/${side?.slug}${side?.basePath}`;
    if (side === undefined || !pathname.startsWith(`${base}/`)) return write(response, NOT_FOUND);
    const body = await readBody(incoming);
    if (body === null) return write(response, TOO_LARGE);
    const { method = '', headers } = incoming;
    const outcome = desk.serve(side, { method, path: pathname.slice(base.length), query, headers, body });
    await play(side, outcome, response, dawdle);
  }

  /** What other processes may ask of the sandbox itself; it shows secrets, so only this machine is answered. */
  function control(incoming: IncomingMessage, pathname: string): SandboxAnswer {
    const local = /^(::1|(::ffff:)?127\..*)$/.test(incoming.socket.remoteAddress ?? '');
    if (!local || incoming.method !== 'GET') return NOT_FOUND;
    switch (pathname) {
      case '/_sandbox/books':
        return { status: 200, body: JSON.stringify(books.orders().map(toPublic)) };
      case '/_sandbox/credentials':
        return {
          status: 200,
          body: JSON.stringify(Object.fromEntries([...sides.keys()].map((slug) => [slug, credentials(slug)]))),
        };
      default:
        return NOT_FOUND;
    }
  }

  function baseUrl(slug: string): string {
    const side = sides.get(slug);
    if (side === undefined) throw new RangeError(`the sandbox does not play ${slug}`);
    return `${url}/${slug}${side.basePath}`;
  }

  function credentials(slug: string): Readonly<Record<string, string>> {
    return { baseUrl: baseUrl(slug), ...books.credentials.get(slug) };
  }

  const server = createServer((incoming, response) => {
    const done = work.during(() => handle(incoming, response));
    done.catch((error) => {
      // A caller that goes away in the middle of its request is the caller's affair.
      if (incoming.complete) log.error({ cause: describeError(error) }, 'the sandbox could not answer');
      response.destroy();
    });
  });
  server.listen(options.port, host);
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : options.port;
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
  desk.resume(sides);

  async function shutDown(): Promise<void> {
    closing.abort();
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
    await work.idle();
    books.close();
  }
  let ending: Promise<void> | null = null;
  const close = () => {
    ending ??= shutDown();
    return ending;
  };

  return { url, baseUrl, credentials, books: () => books.orders(), idle: () => work.idle(), close };
}

const OPENING_BALANCE = parseDecimal('1000000');

/** Gives a provider's account what it lacks: at the first start, credentials and full wallets. */
function openAccount(side: SandboxSide, books: Books, ids: Ids): void {
  const { slug: provider } = side;
  const entries: Entry[] = [];
  if (!books.credentials.has(provider)) {
    entries.push({ kind: 'credentials', provider, values: side.makeCredentials((size) => ids.bytes(size)) });
  }
  for (const currency of side.currencies) {
    if (books.wallets(provider).has(currency) || OPENING_BALANCE === null) continue;
    entries.push({ kind: 'wallet', provider, currency, balance: OPENING_BALANCE });
  }
  if (entries.length > 0) books.write(...entries);
}

/** What `GET /_sandbox/books` shows of an order. */
function toPublic(order: Order) {
  const { provider, providerReference, mark, amount, currency, network, address } = order;
  const { state, createdAt, debit, returned } = order;
  return {
    provider,
    providerReference,
    mark,
    amount,
    currency,
    network,
    address,
    state,
    createdAt,
    debit,
    returned,
  };
}

/** Null: longer than 1 MiB. Rejects when the caller goes away. */
async function readBody(incoming: IncomingMessage): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  let length = 0;
  // Read to its end even where it is too long: a caller that is still writing would not see the answer.
  for await (const chunk of incoming) {
    length += chunk.length;
    if (length <= MAX_REQUEST_BYTES) chunks.push(chunk);
  }
  return length <= MAX_REQUEST_BYTES ? Buffer.concat(chunks) : null;
}

function write(response: ServerResponse, { status, body }: SandboxAnswer, headers: Record<string, string> = {}): void {
  const length = String(Buffer.byteLength(body));
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': length, ...headers });
  response.end(body);
}

/** An answer, and what becomes of it on its way. */
export interface Outcome {
  /** Where the order was not accepted or the look-up was spoilt: any, since no such mischief lets it through. */
  readonly answer: SandboxAnswer;
  readonly mischief: Mischief | null;
  /** Resolves once the order's webhooks that are due were posted. */
  readonly told?: Promise<void>;
}

/** Lets an answer go its way, or what its fault makes of it. */
async function play(
  side: SandboxSide,
  { answer, mischief, told }: Outcome,
  response: ServerResponse,
  dawdle: () => Promise<void>,
): Promise<void> {
  const { socket } = response;
  switch (mischief) {
    case null:
      return write(response, answer);
    case 'RESET':
      socket?.resetAndDestroy();
      return;
    case 'CUT':
      socket?.destroy();
      return;
    case 'HANG':
      return;
    case 'NOT_JSON':
      return write(response, { ...answer, body: '<!doctype html><title>OK</title>' });
    case 'EMPTY':
      return write(response, { ...answer, body: '' });
    case 'TRUNCATED': {
      const bytes = Buffer.from(answer.body);
      response.writeHead(answer.status, { 'content-type': 'application/json', 'content-length': bytes.length });
      response.write(bytes.subarray(0, bytes.length >> 1), () => socket?.destroy());
      return;
    }
    case 'HUGE':
      return write(response, { ...answer, body: ' '.repeat(HUGE_BYTES) + answer.body });
    case 'SLOW':
      await dawdle();
      return write(response, answer);
    case 'AFTER_WEBHOOK':
      await told;
      return write(response, answer);
    case 'SERVER_ERROR':
      return write(response, SERVER_ERROR);
    case 'MAINTENANCE':
      return write(response, MAINTENANCE);
    case 'RATE_LIMITED':
      return write(response, side.refuse('RATE_LIMITED'), { 'retry-after': '1' });
    case 'WRONG_CREDENTIALS':
      return write(response, side.refuse('WRONG_CREDENTIALS'));
  }
}
