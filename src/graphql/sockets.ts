import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { CloseCode, type SubscribePayload } from 'graphql-ws';
import { useServer } from 'graphql-ws/use/ws';
import { WebSocketServer } from 'ws';
import type { Keys, Viewer } from '../keys.ts';
import { describeError, type Ids, type Log } from '../runtime.ts';
import { createContext, type Services } from './context.ts';
import type { Engine, Operation } from './engine.ts';
import { presentError } from './errors.ts';
import { schema } from './schema.ts';

export interface SocketsDeps {
  readonly engine: Engine;
  readonly services: Services;
  readonly keys: Pick<Keys, 'authenticate'>;
  readonly ids: Ids;
  readonly log: Log;
  /** A longer message closes its socket with 1009. */
  readonly maxBytes: number;
}

/** GraphQL over WebSocket, protocol `graphql-transport-ws`. */
export interface Sockets {
  /** Takes over a connection that asked to be upgraded. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Tells every client to come back (1012). */
  restart(): void;
  /** Drops whoever has not gone. */
  terminate(): void;
}

/** A socket must say who it is within this time. */
const INIT_WAIT_MS = 10_000;
const PING_EVERY_MS = 12_000;
const SERVICE_RESTART = 1012;

/** What is known of a connection. */
type Connection = { viewer: Viewer; gone: AbortSignal };

/** The secret of `Bearer …`; null when there is none. */
export function readBearer(header: unknown): string | null {
  return typeof header === 'string' ? (/^Bearer +([\x21-\x7e]{1,256})$/i.exec(header)?.[1] ?? null) : null;
}

export function createSockets({ engine, services, keys, ids, log, maxBytes }: SocketsDeps): Sockets {
  const server = new WebSocketServer({ noServer: true, maxPayload: maxBytes });

  /** What a message asks to run; errors where it cannot be. */
  function prepare(payload: SubscribePayload, { viewer, gone }: Connection) {
    try {
      const document = engine.parse(payload.query);
      const errors = engine.validate(document);
      if (errors.length > 0) return errors;
      return {
        schema,
        document,
        variableValues: payload.variables ?? null,
        operationName: payload.operationName ?? null,
        contextValue: createContext(services, viewer, ids.next('rq'), gone),
      } satisfies Operation;
    } catch (error) {
      return [presentError(error, ids.next('rq'), log)];
    }
  }

  useServer<Record<string, unknown>, Connection>(
    {
      connectionInitWaitTimeout: INIT_WAIT_MS,
      async onConnect({ connectionParams, extra }) {
        const secret = readBearer(connectionParams?.Authorization ?? connectionParams?.authorization);
        let viewer: Viewer | null = null;
        try {
          viewer = secret === null ? null : await keys.authenticate(secret);
        } catch (error) {
          log.error({ error: describeError(error) }, 'a key could not be looked up');
          extra.socket.close(CloseCode.InternalServerError, 'Internal server error');
        }
        if (!viewer || viewer.revoked.aborted) return false;
        const { revoked } = viewer;
        const gone = new AbortController();
        const forbid = () => extra.socket.close(CloseCode.Forbidden, 'Forbidden');
        revoked.addEventListener('abort', forbid, { once: true });
        extra.socket.once('close', () => {
          revoked.removeEventListener('abort', forbid);
          gone.abort('gone');
        });
        Object.assign(extra, { viewer, gone: gone.signal } satisfies Connection);
        return true;
      },
      onSubscribe({ extra: { viewer, gone } }, _id, payload) {
        if (viewer && gone) return prepare(payload, { viewer, gone });
      },
      execute: (operation) => engine.execute(operation as Operation),
      subscribe: (operation) => engine.subscribe(operation as Operation),
      // A stream that broke arrives here wrapped, and what broke it is not for everybody's eyes.
      onError: (_connection, _id, _payload, errors) =>
        errors.map((error) => presentError(error.cause ?? error, ids.next('rq'), log).toJSON()),
    },
    server,
    PING_EVERY_MS,
  );

  return {
    upgrade(request, socket, head) {
      server.handleUpgrade(request, socket, head, (client) => server.emit('connection', client, request));
    },
    restart() {
      for (const client of server.clients) client.close(SERVICE_RESTART, 'Service restart');
    },
    terminate() {
      for (const client of server.clients) client.terminate();
    },
  };
}
