import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import { type Decimal, parseDecimal } from './domain/money.ts';
import type { Parties, Order as PayoutOrder } from './domain/payout.ts';
import type { ProviderAbility } from './domain/provider.ts';
import { type Clock, describeError, type Ids, type Log } from './runtime.ts';
import { Books, type Entry, type Letter, type NewOrder, type Order } from './sandbox/books.ts';
import { control, isLoopback } from './sandbox/control.ts';
import type { Course } from './sandbox/course.ts';
import { isWebUrl, NOT_FOUND, play, readBody, write } from './sandbox/exchange.ts';
import type { Action, Refusal } from './sandbox/faults.ts';
import { OrderDesk } from './sandbox/orders.ts';
import { Work } from './sandbox/work.ts';

export type { Letter, NewOrder, Order } from './sandbox/books.ts';
export type { Action, OrderState, Refusal } from './sandbox/faults.ts';

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
  /** Beside the ordinary ones. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** What a provider's side knows of the account when it reads a request. */
export interface SandboxAccount {
  /** As `makeCredentials` made them. */
  readonly credentials: Readonly<Record<string, string>>;
  /** Balances by currency. */
  readonly wallets: ReadonlyMap<string, Decimal>;
  /** The provider's clock. */
  readonly now: Date;
}

/** How an order is named in a request; of several with one mark, the first. */
export type OrderName = { readonly providerReference: string } | { readonly mark: string };

/** What a request comes to, once its side has checked all that the provider checks. */
export type Asked =
  /** Nothing that touches an order: a refusal, a price, a balance. */
  | { readonly kind: 'answer'; readonly answer: SandboxAnswer }
  | { readonly kind: 'create'; readonly order: NewOrder; answer(order: Order): SandboxAnswer }
  | { readonly kind: 'find'; readonly providerReference: string; answer(order: Order): SandboxAnswer }
  /** Several creates in one request; `refusal` stands for one that the side itself refuses. */
  | {
      readonly kind: 'batch';
      readonly orders: readonly (NewOrder | { readonly refusal: Refusal })[];
      /** One result for each, in their order; a fault may leave one out (undefined). */
      answer(results: readonly (Order | Refusal | undefined)[]): SandboxAnswer;
    }
  /** Something is asked of an order; refused by `refuse` where there is none, or its true state does not allow it. */
  | {
      readonly kind: 'act';
      readonly action: Action;
      readonly order: OrderName;
      /** Added to the order's `details` where it is done. */
      readonly details: Readonly<Record<string, string>>;
      /** `order`: as it is shown afterwards. */
      answer(order: Order): SandboxAnswer;
    }
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
  /** What the provider's API offers: the other side of what a connector declares. */
  readonly plays: readonly ProviderAbility[];
  /** When the wallet is debited, and a balance that is too low is refused. */
  readonly debitAt: 'accept' | 'confirm';
  /** Where webhooks go: to the URL in the order, or to the one that the account has registered. */
  readonly callback: 'order' | 'account';
  /** The wait before each attempt at a webhook, the first one included. */
  readonly webhookWaitsMs: readonly number[];
  /** The account's values of the provider's settings, except `baseUrl`; `bytes` gives random bytes. */
  makeCredentials(bytes: (size: number) => Buffer): Readonly<Record<string, string>>;
  /** A new order's number at the provider, from 16 random bytes. */
  makeReference(random: Buffer, now: Date): string;
  /** An order of the amount that the provider supports in every respect: what its conformance is tried with. */
  sample(amount: Decimal): { readonly order: PayoutOrder; readonly parties: Parties };
  read(request: SandboxRequest, account: SandboxAccount): Asked;
  /** `action`: what was asked; null: a create, a look-up or anything else. */
  refuse(refusal: Refusal, action: Action | null): SandboxAnswer;
  /** The signed webhook that tells an order's state, posted `now`: each attempt at it is written anew. */
  writeWebhook(order: Order, credentials: Readonly<Record<string, string>>, now: Date): Letter;
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
  /** Default 127.0.0.1. At one that other machines reach, control answers whoever can reach it. */
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
  /** Where this machine reaches it, e.g. `http://127.0.0.1:4010`, without a slash at its end. */
  readonly url: string;
  /** Those that are played. */
  readonly slugs: readonly string[];
  /** Where the product finds a provider. Throws for a slug that is not played. */
  baseUrl(slug: string): string;
  /** Values for all settings of a provider's account, `baseUrl` included. Throws for a slug that is not played. */
  credentials(slug: string): Readonly<Record<string, string>>;
  /**
   * Where a provider's account has its webhooks sent, for sides whose `callback` is `account`: a complete http(s) URL.
   * Throws RangeError for another, and for a slug that is not played.
   */
  registerCallback(slug: string, url: string): void;
  /** Every order as it truly stands, oldest first. */
  books(): readonly Order[];
  /** Resolves once no request is being handled and no webhook is on its way; it does not wait for what sleeps. */
  idle(): Promise<void>;
  /** Cuts every connection and stops all that sleeps. */
  close(): Promise<void>;
}

const SLOW_MS = 1000;
/** Where this machine reaches what listens at all its addresses. */
const EVERYWHERE: ReadonlyMap<string, string> = new Map([
  ['0.0.0.0', '127.0.0.1'],
  ['::', '::1'],
]);
const TOO_LARGE: SandboxAnswer = { status: 413, body: '{"message":"the sandbox reads up to 8 MiB"}' };

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
    if (pathname.startsWith('/_sandbox/'))
      return write(response, await control(sandbox, incoming, pathname, !isLoopback(host)));
    const side = sides.get(pathname.split('/')[1] ?? '');
    const base = `/${side?.slug}${side?.basePath}`;
    if (side === undefined || !pathname.startsWith(`${base}/`)) return write(response, NOT_FOUND);
    const body = await readBody(incoming);
    if (body === null) return write(response, TOO_LARGE);
    const { method = '', headers } = incoming;
    const outcome = desk.serve(side, { method, path: pathname.slice(base.length), query, headers, body });
    await play(outcome, response, dawdle);
  }

  function registerCallback(slug: string, url: string): void {
    if (!sides.has(slug)) throw new RangeError(`the sandbox does not play ${slug}`);
    if (!isWebUrl(url)) throw new RangeError('a callback is an http(s) URL');
    if (books.callbacks.get(slug) !== url) books.write({ kind: 'callback', provider: slug, url });
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
  const name = EVERYWHERE.get(host) ?? host;
  const url = `http://${name.includes(':') ? `[${name}]` : name}:${port}`;
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

  const sandbox: Sandbox = {
    ...{ url, slugs: [...sides.keys()], baseUrl, credentials, registerCallback, close },
    books: () => books.orders(),
    idle: () => work.idle(),
  };
  return sandbox;
}

const OPENING_BALANCE = parseDecimal('1000000');

/** Gives a provider's account what it lacks: at the first start, credentials and full wallets. */
function openAccount(side: SandboxSide, books: Books, ids: Ids): void {
  const { slug: provider } = side;
  const entries: Entry[] = [];
  const made = side.makeCredentials((size) => ids.bytes(size));
  const known = books.credentials.get(provider) ?? {};
  if (Object.keys(made).some((key) => known[key] === undefined)) {
    entries.push({ kind: 'credentials', provider, values: { ...made, ...known } });
  }
  for (const currency of side.currencies) {
    if (books.wallets(provider).has(currency) || OPENING_BALANCE === null) continue;
    entries.push({ kind: 'wallet', provider, currency, balance: OPENING_BALANCE });
  }
  if (entries.length > 0) books.write(...entries);
}
