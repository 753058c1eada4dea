import { once } from 'node:events';
import { type AddressInfo, connect, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { Worker } from 'node:worker_threads';
import type { Certificate } from './certificate.ts';

/** What the server does with one connection. Where it ends, the connection stays as it is. */
export type Play = (visit: Visit) => Promise<void>;

/** One end of a wire, and what reached it. */
export interface Witness {
  /** `http://127.0.0.1:port`, or `https://` where TLS is spoken. */
  readonly url: string;
  /** Connections so far. */
  readonly connections: number;
  /** Each request that began to arrive, even by a single byte, as far as it came: its head and its body, as latin1. */
  requests(): readonly string[];
  /** How many requests for the path began to arrive, on all connections together, answered or not. */
  seen(path: string): number;
  /** Ends what is still open. */
  close(): Promise<void>;
}

export const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';

/** One connection, from the server's side. */
export class Visit {
  readonly socket: Socket;
  readonly #tcp: Socket;
  #chunks: Buffer[] = [];
  #length = 0;
  #consumed = 0;

  /** `tcp` is what carries the socket: itself, unless that speaks TLS. */
  constructor(socket: Socket, tcp: Socket) {
    this.socket = socket;
    this.#tcp = tcp;
  }

  /** All bytes so far, as latin1. */
  get received(): string {
    return this.#joined().toString('latin1');
  }

  /** Begins to read; before it, what the client sends stays in the kernel. */
  read(): void {
    if (this.socket.listenerCount('data') > 0) return;
    this.socket.on('data', (chunk: Buffer) => {
      this.#chunks.push(chunk);
      this.#length += chunk.length;
    });
  }

  /** Until the next request's head has arrived, and at least so many bytes of its body; all of it unless told. */
  async request(bodyBytes = Number.POSITIVE_INFINITY): Promise<void> {
    this.read();
    const head = await this.#nextHead();
    const bodyLength = lengthOfBody(head);
    const bodyAt = this.#consumed + head.length;
    while (this.#length < bodyAt + Math.min(bodyBytes, bodyLength)) await once(this.socket, 'data');
    this.#consumed = bodyAt + bodyLength;
  }

  /** Until the bytes are handed to the kernel. */
  write(text: string): Promise<void> {
    return new Promise((resolve, reject) => this.socket.write(text, (error) => (error ? reject(error) : resolve())));
  }

  /** An orderly end (FIN, behind TLS's own word for it) after what was written. */
  end(): void {
    this.socket.end();
  }

  /** An abrupt end (RST): what was not read is thrown away. */
  reset(): void {
    this.#tcp.resetAndDestroy();
  }

  async #nextHead(): Promise<string> {
    for (;;) {
      const rest = this.#joined().subarray(this.#consumed);
      const end = rest.indexOf('\r\n\r\n');
      if (end !== -1) return rest.toString('latin1', 0, end + 4);
      await once(this.socket, 'data');
    }
  }

  #joined(): Buffer {
    const joined = this.#chunks.length === 1 ? this.#chunks[0] : undefined;
    const all = joined ?? Buffer.concat(this.#chunks);
    this.#chunks = [all];
    return all;
  }
}

function lengthOfBody(head: string): number {
  return Number(/^content-length: ([0-9]+)\r$/im.exec(head)?.[1] ?? '0');
}

/** The requests that one connection carried, the last one perhaps in part. */
function splitRequests(received: string): readonly string[] {
  const requests: string[] = [];
  for (let rest = received; rest !== ''; rest = rest.slice(requests.at(-1)?.length)) {
    const headLength = rest.indexOf('\r\n\r\n') + 4;
    const whole = headLength >= 4 ? headLength + lengthOfBody(rest.slice(0, headLength)) : rest.length;
    requests.push(rest.slice(0, whole));
  }
  return requests;
}

/** Listens on loopback, and tells what the visits were sent. */
async function bearWitness(
  server: Server,
  scheme: 'http' | 'https',
  visits: readonly Visit[],
  accepted: ReadonlySet<Socket>,
): Promise<Witness> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const requests = (): readonly string[] => visits.flatMap(({ received }) => splitRequests(received));
  return {
    url: `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get connections() {
      return accepted.size;
    },
    requests,
    seen: (path) => requests().filter((request) => new RegExp(`^(?:GET|POST) ${path} `).test(request)).length,
    async close() {
      for (const socket of accepted) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** How a server speaks TLS. */
export interface TlsTerms extends Certificate {
  /** Refuses clients without a certificate of their own, which TLS 1.3 tells them after their handshake. */
  readonly requestCert?: true;
}

/**
 * A server of raw sockets that can cut a conversation at any byte, and remembers every byte that it was sent. It plays the
 * first `plays.length` connections by hand, in order of arrival, and answers every request on later ones with 200. With TLS
 * a play begins when the handshake is over, `onAccept` before it.
 */
export async function openCuttingServer(
  plays: readonly Play[],
  options: { readonly tls?: TlsTerms; readonly onAccept?: (tcp: Socket) => void } = {},
): Promise<Witness> {
  const visits: Visit[] = [];
  const accepted = new Set<Socket>();
  const serve = async (socket: Socket): Promise<void> => {
    socket.on('error', () => undefined);
    const tcp = [...accepted].find(({ remotePort }) => remotePort === socket.remotePort) ?? socket;
    const visit = new Visit(socket, tcp);
    visits.push(visit);
    const play = plays[visits.length - 1] ?? answerAll;
    // A client may leave in the middle of a play; what it makes of that is seen on its own side.
    await play(visit).catch(() => undefined);
  };

  const server = options.tls ? createTlsServer(options.tls, serve) : createTcpServer(serve);
  server.prependListener('connection', (tcp: Socket) => {
    accepted.add(tcp);
    tcp.on('error', () => undefined);
    options.onAccept?.(tcp);
  });
  server.on('tlsClientError', () => undefined);
  return await bearWitness(server, options.tls ? 'https' : 'http', visits, accepted);
}

/** Answers every request with 200. */
export async function answerAll(visit: Visit): Promise<void> {
  for (;;) {
    await visit.request();
    await visit.write(OK);
  }
}

/** Where a connection is cut: once so many bytes of one side were passed on. STALL passes on nothing more, and ends nothing. */
export interface Cut {
  readonly of: 'CLIENT' | 'SERVER';
  readonly after: number;
  readonly how: 'END' | 'RESET' | 'STALL';
}

/**
 * Stands before a server and passes bytes on, TLS and all. The first connections are cut as told, in order of arrival, later
 * ones are whole. It remembers what the clients sent, passed on or not.
 */
export async function openRelay(server: Witness, cuts: readonly Cut[]): Promise<Witness> {
  const { port, protocol } = new URL(server.url);
  const visits: Visit[] = [];
  const sockets = new Set<Socket>();
  const relay = createTcpServer((client) => {
    const visit = new Visit(client, client);
    const upstream = connect(Number(port), '127.0.0.1');
    const cut = cuts[visits.length];
    visits.push(visit);
    for (const socket of [client, upstream]) sockets.add(socket.on('error', () => undefined));
    let isCut = false;
    const strike = (): void => {
      isCut = true;
      if (cut?.how === 'STALL') return;
      if (cut?.how === 'RESET') client.resetAndDestroy();
      else client.destroySoon();
      upstream.destroySoon();
    };
    const pass = (of: Cut['of'], from: Socket, to: Socket): void => {
      let left = cut?.of === of ? cut.after : Number.POSITIVE_INFINITY;
      from.on('data', (chunk: Buffer) => {
        if (isCut) return;
        to.write(chunk.subarray(0, left));
        left -= chunk.length;
        if (left <= 0) strike();
      });
      from.once('close', () => isCut || to.destroySoon());
      if (left === 0) strike();
    };
    visit.read();
    pass('CLIENT', client, upstream);
    pass('SERVER', upstream, client);
  });
  const scheme = protocol === 'https:' ? 'https' : 'http';
  return await bearWitness(relay, scheme, visits, sockets);
}

/** A port where a connection is never made: its listener accepts nobody, and its queue is full. */
export async function openFullPort(): Promise<{ readonly url: string; close(): Promise<void> }> {
  // Only a thread of its own can listen and yet accept nobody: it sleeps.
  const listener = new Worker(
    `const { parentPort } = require('node:worker_threads');
     const server = require('node:net').createServer();
     server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
       parentPort.postMessage(server.address().port);
       Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
     });`,
    { eval: true },
  );
  const [port] = (await once(listener, 'message')) as [number];
  const queue = Array.from({ length: 16 }, () => connect(port, '127.0.0.1').on('error', () => undefined));
  return {
    url: `http://127.0.0.1:${port}`,
    async close() {
      for (const socket of queue) socket.destroy();
      await listener.terminate();
    },
  };
}
