import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { renderGraphiQL } from '@graphql-yoga/render-graphiql';
import { type DocumentNode, GraphQLError, Kind } from 'graphql';
import { createYoga, type Plugin } from 'graphql-yoga';
import type { ErrorCode } from './domain/errors.ts';
import { EXPORT_MEDIA, exportPayouts, parseExport } from './export.ts';
import { type Context, createContext, existingMerchant, requireScope, type Services } from './graphql/context.ts';
import { createEngine, type Engine } from './graphql/engine.ts';
import { MEANINGS, presentError, RequestError, withExtensions } from './graphql/errors.ts';
import { schema } from './graphql/schema.ts';
import { createSockets, readBearer } from './graphql/sockets.ts';
import type { Inbound } from './inbound.ts';
import type { Keys, Viewer } from './keys.ts';
import { type Clock, describeError, type Ids, type Log } from './runtime.ts';

export interface ServerDeps {
  readonly services: Services;
  readonly keys: Pick<Keys, 'authenticate'>;
  readonly inbound: Inbound;
  /** Rejects while the program cannot do its work: the store does not answer. */
  readonly ready: () => Promise<void>;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  /** The address to listen at, e.g. `127.0.0.1`. */
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  /** Whether a browser that opens /graphql gets GraphiQL. The page itself needs no key; what it asks does. */
  readonly graphiql: boolean;
  /** Web pages of these origins may call the API, e.g. `https://app.example.com`. */
  readonly corsOrigins: readonly string[];
}

/** The door to the outside: GraphQL, exports, webhooks, health. */
export interface Server {
  /** e.g. `http://127.0.0.1:4000`; GraphQL is at /graphql below it. */
  readonly url: string;
  /** e.g. `ws://127.0.0.1:4000/graphql`. */
  readonly webSocketUrl: string;
  readonly port: number;
  /**
   * Takes no more connections, sends listeners away to come back (WebSocket 1012, streams cut), and lets what is under way
   * finish for at most ten seconds.
   */
  close(): Promise<void>;
}

const MAX_BODY_BYTES = 1024 * 1024;
/** The longest body of an operation that has nothing but these fields, by a key that may use them. */
const LONG_BODIES: ReadonlyMap<string, number> = new Map([
  ['attachDocument', 8 * 1024 * 1024],
  ['createPayoutBatch', 32 * 1024 * 1024],
  ['simulatePayoutBatch', 32 * 1024 * 1024],
]);
/** Such bodies at once, from the first byte to the answer: parsed, one is many times as large. The others wait to be read. */
const LONG_AT_ONCE = 2;
const REQUEST_TIMEOUT_MS = 30_000;
const HEADERS_TIMEOUT_MS = 10_000;
/** Longer than the usual load balancer's, so that a connection is never closed under a request. */
const KEEP_ALIVE_MS = 65_000;
const CLOSE_GRACE_MS = 10_000;

/** Starts to listen. Rejects when the address cannot be had. */
export async function openServer(deps: ServerDeps): Promise<Server> {
  const { services, keys, ids, log, host, port } = deps;
  const engine = createEngine(log);
  const sockets = createSockets({ engine, services, keys, ids, log, maxBytes: MAX_BODY_BYTES });
  const route = createRoutes(deps, engine);
  const underWay = new Set<ServerResponse>();
  let closing = false;

  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    const requestId = readRequestId(request) ?? ids.next('rq');
    response.setHeader('x-request-id', requestId);
    if (closing) response.setHeader('connection', 'close');
    underWay.add(response);
    response.once('close', () => underWay.delete(response));
    route({ request, response, requestId, closing }).catch((error: unknown) => {
      if (request.destroyed || response.destroyed) return;
      log.error({ requestId, error: describeError(error) }, 'a request failed');
      if (response.headersSent) response.destroy();
      else refuse(response, 500, 'INTERNAL', `Something went wrong. Request ${requestId}.`);
    });
  };

  const timeouts = {
    requestTimeout: REQUEST_TIMEOUT_MS,
    headersTimeout: HEADERS_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
  };
  const server = createServer(timeouts, listener);
  // A client that asks before it sends its body is answered before it sends its body.
  server.on('checkContinue', listener);
  server.on('upgrade', (request, socket, head) => {
    if (!closing && pathOf(request) === '/graphql') sockets.upgrade(request, socket, head);
    else socket.end(`HTTP/1.1 ${closing ? '503 Service Unavailable' : '404 Not Found'}\r\nConnection: close\r\n\r\n`);
  });

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const address = server.address();
  const bound = typeof address === 'object' && address ? address.port : port;
  const authority = `${host.includes(':') ? `[${host}]` : host}:${bound}`;

  return {
    url: `http://${authority}`,
    webSocketUrl: `ws://${authority}/graphql`,
    port: bound,
    async close() {
      closing = true;
      const closed = new Promise((resolve) => server.close(resolve));
      sockets.restart();
      const finished = [...underWay].map((response) => new Promise((resolve) => response.once('close', resolve)));
      // A stream that ended properly would look like the end of its subscription.
      for (const response of underWay) if (isStream(response)) response.destroy();
      await Promise.race([
        Promise.all(finished).then(() => server.closeIdleConnections()),
        deps.clock.sleep(CLOSE_GRACE_MS),
      ]);
      server.closeAllConnections();
      sockets.terminate();
      await closed;
    },
  };
}

/** One request on its way to an answer. */
interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly requestId: string;
  readonly closing: boolean;
}

function createRoutes(deps: ServerDeps, engine: Engine): (exchange: Exchange) => Promise<void> {
  const answerGraphql = createGraphqlRoute(deps, engine);
  const answerExport = createExportRoute(deps);
  return async (exchange) => {
    const { request, response, closing } = exchange;
    const path = pathOf(request);
    if (path === '/graphql') return answerGraphql(exchange);
    if (path === '/export') return answerExport(exchange);
    if (path === '/healthz') return reply(response, 200, 'text/plain', 'ok');
    if (path === '/readyz') {
      const ready =
        !closing &&
        (await deps.ready().then(
          () => true,
          () => false,
        ));
      return reply(response, ready ? 200 : 503, 'text/plain', ready ? 'ready' : 'not ready');
    }
    // A provider may put a path of its own behind the address that it was given.
    const webhook = /^\/webhooks\/([a-z0-9]{1,40})\/([A-Za-z0-9_-]{1,64})(?:\/[A-Za-z0-9/_-]{1,100})?$/.exec(path);
    const [, slug, account] = webhook ?? [];
    if (slug === undefined || account === undefined) return reply(response, 404, 'text/plain', 'not found');
    if (request.method !== 'POST') return reply(response, 405, 'text/plain', 'POST only', { allow: 'POST' });
    const body = await readBody(exchange, MAX_BODY_BYTES);
    if (body === null) return reply(response, 413, 'text/plain', 'too large');
    const answer = await deps.inbound.receive(slug, account, { headers: flatten(request), body });
    return reply(response, answer.status, answer.contentType, answer.body);
  };
}

// --- GraphQL -------------------------------------------------------------------------------------------------------------

/** What GraphiQL opens with. */
const FIRST_QUERY = `# Put an API key into Headers below: {"Authorization": "Bearer outflow_..."}

mutation Create {
  createPayout(input: {
    reference: "first-1"
    amount: { amount: "25.00", currency: "USDT" }
    destination: { blockchain: { address: "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t", network: "TRON" } }
  }) {
    __typename
    ... on CreatePayoutSuccess { replayed payout { id state moneyMoved } }
    ... on Error { code message moneyMoved }
  }
}

subscription Watch {
  payoutEvents { sequence state note payout { reference } }
}
`;

type YogaContext = { readonly app: Context };

function createGraphqlRoute(deps: ServerDeps, engine: Engine): (exchange: Exchange) => Promise<void> {
  const takeTurn = createTurns(LONG_AT_ONCE);
  const { services, keys, ids, log, graphiql, corsOrigins } = deps;
  const page = graphiql
    ? renderGraphiQL({ title: 'Outflow', headers: '{"Authorization": "Bearer "}', defaultQuery: FIRST_QUERY })
    : null;
  const yoga = createYoga<YogaContext>({
    schema,
    plugins: [useEngine(engine, log)],
    maskedErrors: { maskError: (error) => withStatus(presentError(error, ids.next('rq'), log), error) },
    // Bodies are read, bounded and parsed before yoga sees them; documents are parsed and remembered by the engine.
    maxRequestBodySize: false,
    parserAndValidationCache: false,
    multipart: false,
    batching: false,
    graphiql: false,
    landingPage: false,
    logging: false,
    cors: false,
  });

  return async (exchange) => {
    const { request, response } = exchange;
    if (allowOrigin(request, response, corsOrigins) && request.method === 'OPTIONS')
      return reply(response, 204, null, '');
    if (request.method !== 'GET' && request.method !== 'POST') {
      return refuse(response, 405, 'BAD_REQUEST', 'GraphQL is asked by GET or POST.', { allow: 'GET, POST' });
    }
    if (page && request.method === 'GET' && request.headers.accept?.includes('text/html')) {
      return reply(response, 200, 'text/html', page);
    }
    const viewer = await authenticate(request, keys);
    if (viewer === null) return refuseStranger(response);
    const app = contextOf(services, viewer, exchange);
    if (request.method === 'GET') {
      if (hasJsonParams(request)) return yoga.handle(request, response, { app });
      return refuse(response, 400, 'BAD_REQUEST', 'The parameters variables and extensions must be JSON.');
    }
    const body = await readParams(exchange, viewer, engine, takeTurn);
    if (body) return yoga.handle(Object.assign(request, { body }), response, { app });
  };
}

/** Lets the engine do what GraphQL does, so that every transport does the same. */
function useEngine(engine: Engine, log: Log): Plugin<YogaContext> {
  return {
    onParse({ setParseFn }) {
      setParseFn((text: string) => engine.parse(text));
    },
    onValidate({ params, setResult }) {
      setResult(engine.validate(params.documentAST).map((error) => withStatus(error, error)));
    },
    onExecute({ args, setExecuteFn }) {
      const { app } = args.contextValue;
      setExecuteFn((operation) => engine.execute({ ...operation, contextValue: app }));
    },
    onSubscribe({ args, setSubscribeFn, setResultAndStopExecution }) {
      const { app, request } = args.contextValue;
      if (!/text\/event-stream|text\/\*|\*\/\*/.test(request.headers.get('accept') ?? '*/*')) {
        const refused = new RequestError('BAD_REQUEST', 'Listen with Accept: text/event-stream, or over WebSocket.');
        return setResultAndStopExecution({ errors: [presentError(refused, app.requestId, log)] });
      }
      setSubscribeFn((operation) => engine.subscribe({ ...operation, contextValue: app }));
    },
  };
}

/** A request that was never executed is no success, for clients that ask for GraphQL's own media type. */
function withStatus(shown: GraphQLError, raised: unknown): GraphQLError {
  if (shown.path) return shown;
  const own = raised instanceof GraphQLError ? raised.extensions.http : undefined;
  const http = own ?? { spec: true, status: shown.extensions.code === 'INTERNAL' ? 500 : 400 };
  return withExtensions(shown, shown.message, { ...shown.extensions, http });
}

/** What the resolvers of one request work with; it ends with its answer. */
function contextOf(services: Services, viewer: Viewer, { response, requestId }: Exchange): Context {
  const gone = new AbortController();
  response.once('close', () => gone.abort('gone'));
  return createContext(services, viewer, requestId, gone.signal);
}

async function authenticate(request: IncomingMessage, keys: ServerDeps['keys']): Promise<Viewer | null> {
  const secret = readBearer(request.headers.authorization);
  return secret === null ? null : keys.authenticate(secret);
}

/** Whether what a GET brings as JSON is JSON: yoga would take the fault for ours. */
function hasJsonParams(request: IncomingMessage): boolean {
  const { searchParams } = new URL(request.url ?? '/', 'http://localhost');
  try {
    for (const name of ['variables', 'extensions']) JSON.parse(searchParams.get(name) || 'null');
    return true;
  } catch {
    return false;
  }
}

/** The body of a POST as GraphQL's parameters; null where it was refused. */
async function readParams(
  exchange: Exchange,
  viewer: Viewer,
  engine: Engine,
  takeTurn: TakeTurn,
): Promise<object | null> {
  const { request, response } = exchange;
  const bad = (status: number, message: string): null => {
    refuse(response, status, 'BAD_REQUEST', message);
    return null;
  };
  const type = request.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase();
  if (type !== 'application/json' || request.headers['content-encoding'] !== undefined) {
    return bad(415, 'The body must be application/json, not compressed.');
  }
  // A long body says so beforehand: what has no length is none.
  const isLong = Number(request.headers['content-length'] ?? 0) > MAX_BODY_BYTES;
  const mayBeLong = isLong && viewer.scopes.has('payouts:write');
  const limit = mayBeLong ? Math.max(...LONG_BODIES.values()) : MAX_BODY_BYTES;
  if (mayBeLong) await takeTurn(response);
  const body = await readBody(exchange, limit);
  if (body === null) return bad(413, `The body is longer than ${limit} bytes.`);
  let params: unknown;
  try {
    params = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    return bad(400, 'The body is not JSON in UTF-8.');
  }
  if (typeof params !== 'object' || !params || !('query' in params) || typeof params.query !== 'string') {
    return bad(400, 'The body must be an object with the text of the operation as `query`.');
  }
  const allowed = body.length > MAX_BODY_BYTES ? longestBodyOf(params.query, engine) : MAX_BODY_BYTES;
  if (body.length > allowed) return bad(413, `The body is longer than the ${allowed} bytes of such an operation.`);
  return params;
}

/** Resolves when it is a response's turn, which it keeps until it is closed. */
type TakeTurn = (response: ServerResponse) => Promise<void>;

function createTurns(atOnce: number): TakeTurn {
  const waiting: (() => void)[] = [];
  let busy = 0;
  return async (response) => {
    while (busy >= atOnce) await new Promise<void>((resolve) => waiting.push(resolve));
    if (response.closed) return waiting.shift()?.();
    busy += 1;
    response.once('close', () => {
      busy -= 1;
      waiting.shift()?.();
    });
  };
}

/** How long the body of a text may be: long only where it does nothing but what takes so much. */
function longestBodyOf(query: string, engine: Engine): number {
  // What is long comes as a variable: a text this long is none that a client wrote.
  if (query.length > MAX_BODY_BYTES) return MAX_BODY_BYTES;
  let document: DocumentNode;
  try {
    document = engine.parse(query);
  } catch {
    return MAX_BODY_BYTES;
  }
  const fields = document.definitions
    .filter((one) => one.kind === Kind.OPERATION_DEFINITION)
    .flatMap(({ selectionSet }) => selectionSet.selections);
  const limits = fields.map((field) => (field.kind === Kind.FIELD ? LONG_BODIES.get(field.name.value) : undefined));
  return Math.min(...limits.map((limit) => limit ?? MAX_BODY_BYTES));
}

// --- exports -------------------------------------------------------------------------------------------------------------

function createExportRoute({ services, keys, log, corsOrigins }: ServerDeps): (exchange: Exchange) => Promise<void> {
  return async (exchange) => {
    const { request, response, requestId } = exchange;
    if (allowOrigin(request, response, corsOrigins) && request.method === 'OPTIONS')
      return reply(response, 204, null, '');
    if (request.method !== 'GET') {
      return refuse(response, 405, 'BAD_REQUEST', 'An export is asked for by GET.', { allow: 'GET' });
    }
    const viewer = await authenticate(request, keys);
    if (viewer === null) return refuseStranger(response);
    let download: Download;
    try {
      download = await openDownload(contextOf(services, viewer, exchange), request);
    } catch (error) {
      const shown = presentError(error, requestId, log);
      const status = STATUS[shown.extensions.code as ErrorCode] ?? 500;
      return reply(response, status, 'application/json', JSON.stringify({ errors: [shown] }));
    }
    response.setHeaders(new Map(Object.entries(download.headers)));
    const texts = wholeOf(download, (error) => {
      // The viewer is held for as long as the export goes on: else nobody would tell that its key is revoked.
      const fields = { requestId, keyId: viewer.keyId, error: describeError(error) };
      if (!response.destroyed) log.error(fields, 'an export was broken off');
    });
    // A reader that is slow is waited for; where it is gone, or its key is revoked, nothing more is read.
    await pipeline(texts, response, { signal: viewer.revoked });
  };
}

/** What a refused export is answered with. */
const STATUS: Readonly<Partial<Record<ErrorCode, number>>> = { INVALID_INPUT: 400, FORBIDDEN: 403 };

/** An export whose first page was read. */
interface Download {
  readonly headers: Readonly<Record<string, string>>;
  readonly first: IteratorResult<string, void>;
  readonly rest: AsyncGenerator<string, void, undefined>;
}

/** Rejects as resolvers do: so what cannot be had is told as an error, and not as a file that is cut. */
async function openDownload(context: Context, request: IncomingMessage): Promise<Download> {
  requireScope(context, 'payouts:read');
  const { searchParams } = new URL(request.url ?? '/', 'http://localhost');
  const merchantId = await existingMerchant(context, searchParams.get('merchantId'));
  searchParams.delete('merchantId');
  const asked = parseExport(searchParams);
  const rest = exportPayouts(context.store, merchantId, asked);
  const headers = {
    'content-type': EXPORT_MEDIA[asked.format],
    'content-disposition': `attachment; filename="payouts-${merchantId}.${asked.format}"`,
    'cache-control': 'no-store',
  };
  return { headers, first: await rest.next(), rest };
}

async function* wholeOf(
  { first, rest }: Download,
  onTrouble: (error: unknown) => void,
): AsyncGenerator<string, void, undefined> {
  try {
    if (!first.done) yield first.value;
    yield* rest;
  } catch (error) {
    onTrouble(error);
    throw error;
  }
}

// --- HTTP ----------------------------------------------------------------------------------------------------------------

/** The whole body; null when it is longer than `limit`, which the headers may tell before any of it is read. */
async function readBody({ request, response }: Exchange, limit: number): Promise<Buffer | null> {
  if (Number(request.headers['content-length'] ?? 0) > limit) return null;
  if (request.headers.expect !== undefined) response.writeContinue();
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    size += chunk.length;
    if (size > limit) break;
    chunks.push(chunk);
  }
  if (size <= limit) return Buffer.concat(chunks, size);
  // What still comes is thrown away, so that the client gets to read the answer; the request timeout ends it.
  request.resume();
  return null;
}

function reply(
  response: ServerResponse,
  status: number,
  contentType: string | null,
  body: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  if (contentType !== null) response.setHeader('content-type', contentType);
  response.writeHead(status, headers).end(body);
}

/** Refuses a request in GraphQL's own shape. */
function refuse(
  response: ServerResponse,
  status: number,
  code: ErrorCode,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  const extensions = { code, ...MEANINGS[code] };
  reply(response, status, 'application/json', JSON.stringify({ errors: [{ message, extensions }] }), headers);
}

/** Refuses whoever has no key that is valid. */
function refuseStranger(response: ServerResponse): void {
  const message = 'A valid API key is needed: Authorization: Bearer <key>.';
  refuse(response, 401, 'UNAUTHENTICATED', message, { 'www-authenticate': 'Bearer' });
}

/** Says that pages of the request's origin may read the answer; false where they may not. */
function allowOrigin(request: IncomingMessage, response: ServerResponse, origins: readonly string[]): boolean {
  const { origin } = request.headers;
  if (origins.length > 0) response.setHeader('vary', 'origin');
  if (origin === undefined || !origins.includes(origin)) return false;
  response.setHeader('access-control-allow-origin', origin);
  response.setHeader('access-control-allow-methods', 'GET, POST');
  response.setHeader('access-control-allow-headers', 'authorization, content-type, x-request-id');
  response.setHeader('access-control-expose-headers', 'x-request-id');
  response.setHeader('access-control-max-age', '7200');
  return true;
}

/** Whether the answer goes on for as long as its client reads: a subscription, or an export. */
function isStream(response: ServerResponse): boolean {
  const isExport = response.hasHeader('content-disposition');
  return isExport || String(response.getHeader('content-type')).startsWith('text/event-stream');
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? '/').split('?', 1)[0] ?? '/';
}

function readRequestId(request: IncomingMessage): string | null {
  const header = request.headers['x-request-id'];
  return typeof header === 'string' && /^[A-Za-z0-9._-]{1,64}$/.test(header) ? header : null;
}

function flatten({ headers }: IncomingMessage): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value ?? '')]));
}
