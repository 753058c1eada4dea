import { once } from 'node:events';
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import type { Certificate } from './certificate.ts';

/** What the server does with one connection. Where it ends, the connection stays as it is. */
export type Play = (visit: Visit) => Promise<void>;

/** A server of raw sockets that can cut a conversation at any byte, and remembers every byte that it was sent. */
export interface CuttingServer {
  /** `http://127.0.0.1:port`, or `https://` with a certificate. */
  readonly url: string;
  /** Connections so far. */
  readonly connections: number;
  /** How many requests for the path began to arrive, on all connections together, answered or not. */
  seen(path: string): number;
  /** Ends what is still open. */
  close(): Promise<void>;
}

export const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';

/** One connection, from the server's side. */
export class Visit {
  readonly socket: Socket;
  #received = Buffer.alloc(0);
  #consumed = 0;

  constructor(socket: Socket) {
    this.socket = socket;
  }

  /** All bytes so far, as latin1. */
  get received(): string {
    return this.#received.toString('latin1');
  }

  /** Begins to read; before it, what the client sends stays in the kernel. */
  read(): void {
    if (this.socket.listenerCount('data') > 0) return;
    this.socket.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk]);
    });
  }

  /** Until the next request's head has arrived, and at least so many bytes of its body; all of it unless told. */
  async request(bodyBytes = Number.POSITIVE_INFINITY): Promise<void> {
    this.read();
    for (;;) {
      const rest = this.received.slice(this.#consumed);
      const headLength = rest.indexOf('\r\n\r\n') + 4;
      const bodyLength = Number(/^content-length: ([0-9]+)\r$/im.exec(rest)?.[1] ?? '0');
      if (headLength >= 4 && rest.length >= headLength + Math.min(bodyBytes, bodyLength)) {
        this.#consumed += headLength + bodyLength;
        return;
      }
      await once(this.socket, 'data');
    }
  }

  /** Until the bytes are handed to the kernel. */
  write(text: string): Promise<void> {
    return new Promise((resolve, reject) => this.socket.write(text, (error) => (error ? reject(error) : resolve())));
  }

  /** An orderly end (FIN) after what was written. */
  end(): void {
    this.socket.end();
  }

  /** An abrupt end (RST) of plain TCP: what was not read is thrown away. */
  reset(): void {
    this.socket.resetAndDestroy();
  }
}

/**
 * Plays the first `plays.length` connections by hand, in order of arrival, and answers every request on later ones with
 * 200. With a certificate a play begins when the handshake is over, `onAccept` before it.
 */
export async function openCuttingServer(
  plays: readonly Play[],
  options: { readonly tls?: Certificate; readonly onAccept?: (tcp: Socket) => void } = {},
): Promise<CuttingServer> {
  const visits: Visit[] = [];
  const accepted = new Set<Socket>();
  const serve = async (socket: Socket): Promise<void> => {
    socket.on('error', () => undefined);
    const visit = new Visit(socket);
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
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  return {
    url: `${options.tls ? 'https' : 'http'}://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get connections() {
      return accepted.size;
    },
    seen: (path) =>
      visits.reduce((count, { received }) => count + received.split(new RegExp(`(?:GET|POST) ${path} `)).length - 1, 0),
    async close() {
      for (const socket of accepted) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Answers every request with 200. */
export async function answerAll(visit: Visit): Promise<void> {
  for (;;) {
    await visit.request();
    await visit.write(OK);
  }
}
