import { once } from 'node:events';
import { type ClientRequest, type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { createClient as createSocketClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import type { ErrorCode, MoneyMoved, TypedDocumentString } from '../operations/generated/graphql.ts';

/** An entry of `errors[]`. */
export interface WireError {
  readonly message: string;
  readonly path?: readonly (string | number)[];
  readonly extensions: {
    readonly code: ErrorCode;
    readonly retryable: boolean;
    readonly moneyMoved: MoneyMoved;
    readonly issues?: readonly { readonly path: readonly string[]; readonly message: string }[];
  };
}

/** What one operation, or one event of a subscription, answered. */
export interface Result<Data> {
  readonly data?: Data | null;
  readonly errors?: readonly WireError[];
}

/** A whole HTTP answer. */
export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** The two ways to listen. */
export const TRANSPORTS = ['WebSocket', 'SSE'] as const;
export type Transport = (typeof TRANSPORTS)[number];

/** A subscription as its client sees it. Nothing is read from an SSE stream before it is asked for. */
export interface Listener<Data> {
  /** The next result; null once there are no more. */
  next(): Promise<Result<Data> | null>;
  /** The data of the next `count` results. Rejects for an error, and for a stream that ends before. */
  take(count: number): Promise<Data[]>;
  /** Reads on until a result fits, and gives all up to it. Rejects as `take` does. */
  until(fits: (data: Data) => boolean): Promise<Data[]>;
  /** The data of every result up to the end. */
  rest(): Promise<Data[]>;
  /** After the end, how it came: `complete`, `cut` (SSE), `closed 1012` (WebSocket), or `status 401` (SSE). */
  ending(): string | null;
  /** Stops reading what comes; an SSE stream is never read ahead. */
  pause(): void;
  resume(): void;
  /** Leaves. */
  close(): void;
}

type Variables<V> = V extends { readonly [key: string]: never } ? [] : [variables: V];

/** One caller of the API, with its key. */
export interface Client {
  /** Asks and gives the data. Rejects where the answer has errors. */
  get<Data, V>(document: TypedDocumentString<Data, V>, ...variables: Variables<NoInfer<V>>): Promise<Data>;
  /** Asks and gives what comes, data or errors. The text and the variables may be wrong. */
  ask(
    text: string | TypedDocumentString<unknown, never>,
    variables?: unknown,
  ): Promise<Result<Record<string, unknown>>>;
  /** Resolves once a stream is open; over WebSocket, once it was asked for. */
  listen<Data, V>(
    transport: Transport,
    document: TypedDocumentString<Data, V>,
    ...variables: Variables<NoInfer<V>>
  ): Promise<Listener<Data>>;
}

/** A client of the server at `url`; `secret` null: without a key. */
export function createClient(url: string, secret: string | null): Client {
  const authorization: Record<string, string> = secret === null ? {} : { authorization: `Bearer ${secret}` };
  async function ask<Data>(text: unknown, variables: unknown): Promise<Result<Data>> {
    const body = JSON.stringify({ query: String(text), variables });
    const headers = { ...authorization, 'content-type': 'application/json' };
    return JSON.parse((await send(`${url}/graphql`, { method: 'POST', headers, body })).body);
  }
  return {
    ask: (text, variables) => ask(text, variables),
    async get<Data, V>(document: TypedDocumentString<Data, V>, ...[variables]: Variables<NoInfer<V>>): Promise<Data> {
      const { data, errors } = await ask<Data>(document, variables);
      if (errors !== undefined || data == null) throw new Error(`no data: ${JSON.stringify(errors)}`);
      return data;
    },
    listen: (transport, document, ...[variables]) => {
      const operation = { query: String(document), variables: { ...variables } };
      return transport === 'SSE'
        ? openStream(url, authorization, operation)
        : openSocket(url, authorization, operation);
    },
  };
}

// --- HTTP ----------------------------------------------------------------------------------------------------------------

/** What a test sends; the body as it is, or in chunks of unknown length. */
export interface Sent {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer | readonly (string | Buffer)[];
}

/** Sends one request on a connection of its own, and reads the whole answer. */
export async function send(url: string, { body = '', ...options }: Sent = {}): Promise<Reply> {
  const asking = request(url, { ...options, agent: false });
  const answer = readAnswer(asking);
  if (typeof body === 'string' || Buffer.isBuffer(body)) asking.end(body === '' ? undefined : body);
  else {
    for (const chunk of body) asking.write(chunk);
    asking.end();
  }
  return answer;
}

/** The whole answer to a request that the caller writes. */
export async function readAnswer(asking: ClientRequest): Promise<Reply> {
  // A server that has answered, or is killed, may close while the rest of a large body is still on its way: an error twice.
  asking.on('error', () => undefined);
  const [answer] = (await once(asking, 'response')) as [IncomingMessage];
  return { status: answer.statusCode ?? 0, headers: answer.headers, body: await readText(answer) };
}

async function readText(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

// --- listening -------------------------------------------------------------------------------------------------------------

interface Operation {
  readonly query: string;
  readonly variables: Record<string, unknown>;
}

/** A source of results that tells, when it has ended, how. */
interface Source<Data> extends Pick<Listener<Data>, 'pause' | 'resume' | 'close'> {
  next(): Promise<Result<Data> | { readonly ending: string }>;
}

function createListener<Data>(source: Source<Data>): Listener<Data> {
  let ending: string | null = null;
  const listener: Listener<Data> = {
    async next() {
      if (ending !== null) return null;
      const result = await source.next();
      if (!('ending' in result)) return result;
      ending = result.ending;
      return null;
    },
    async take(count) {
      const taken: Data[] = [];
      while (taken.length < count) taken.push(dataOf(await listener.next(), ending));
      return taken;
    },
    async until(fits) {
      for (const taken: Data[] = []; ; ) {
        const data = dataOf(await listener.next(), ending);
        taken.push(data);
        if (fits(data)) return taken;
      }
    },
    async rest() {
      const taken: Data[] = [];
      for (let result = await listener.next(); result !== null; result = await listener.next()) {
        taken.push(dataOf(result, ending));
      }
      return taken;
    },
    ending: () => ending,
    pause: () => source.pause(),
    resume: () => source.resume(),
    close: () => source.close(),
  };
  return listener;
}

function dataOf<Data>(result: Result<Data> | null, ending: string | null): Data {
  if (result?.data == null) throw new Error(`no data: ${JSON.stringify(result?.errors ?? ending)}`);
  return result.data;
}

async function openStream<Data>(url: string, authorization: object, operation: Operation): Promise<Listener<Data>> {
  const headers = { ...authorization, 'content-type': 'application/json', accept: 'text/event-stream' };
  const asking = request(`${url}/graphql`, { method: 'POST', headers, agent: false });
  // A server that is killed is an error here as well as in what is read.
  asking.on('error', () => undefined);
  asking.end(JSON.stringify(operation));
  const [answer] = (await once(asking, 'response')) as [IncomingMessage];
  const results = readStream<Data>(answer);
  return createListener({
    next: async () => (await results.next()).value,
    pause: () => undefined,
    resume: () => undefined,
    close: () => asking.destroy(),
  });
}

async function* readStream<Data>(answer: IncomingMessage): AsyncGenerator<Result<Data>, { readonly ending: string }> {
  if (!answer.headers['content-type']?.startsWith('text/event-stream')) {
    yield JSON.parse(await readText(answer));
    return { ending: `status ${answer.statusCode}` };
  }
  let text = '';
  try {
    for await (const chunk of answer.setEncoding('utf8')) {
      const blocks = (text + chunk).split('\n\n');
      text = blocks.pop() ?? '';
      for (const block of blocks) {
        const fields = new Map(block.split('\n').map((line) => splitField(line)));
        if (fields.get('event') === 'complete') return { ending: 'complete' };
        if (fields.get('event') === 'next') yield JSON.parse(fields.get('data') ?? '');
      }
    }
  } catch {
    // A stream that is cut off; so is one that ends without `complete`.
  }
  return { ending: 'cut' };
}

function splitField(line: string): [name: string, value: string] {
  const at = line.indexOf(':');
  return [line.slice(0, at), line.slice(at + 1).trimStart()];
}

async function openSocket<Data>(url: string, connectionParams: object, operation: Operation): Promise<Listener<Data>> {
  let socket: WebSocket | null = null;
  const client = createSocketClient({
    url: `${url.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    connectionParams: { ...connectionParams },
    retryAttempts: 0,
    on: {
      connected(opened) {
        if (opened instanceof WebSocket) socket = opened;
      },
    },
  });
  const results = client.iterate<Data>(operation);
  const next = async (): Promise<Result<Data> | { readonly ending: string }> => {
    try {
      const { done, value } = await results.next();
      return done ? { ending: 'complete' } : (value as Result<Data>);
    } catch (error) {
      if (Array.isArray(error)) return { errors: error };
      const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : null;
      return { ending: `closed ${code}` };
    }
  };
  // The iterator connects when it is first asked, so it is asked at once.
  let first: ReturnType<typeof next> | null = next();
  return createListener({
    next() {
      const result = first ?? next();
      first = null;
      return result;
    },
    pause: () => socket?.pause(),
    resume: () => socket?.resume(),
    close: () => void client.dispose(),
  });
}
