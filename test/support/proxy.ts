import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** Where a server listens. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Stands before a server, passes bytes on, and can stop doing so. */
export interface TcpProxy {
  /** On 127.0.0.1. */
  readonly port: number;
  /** How many connections are open now. */
  connections(): number;
  /** Breaks off every connection that is open now. */
  cut(): void;
  /** HOLD: nothing passes any more and nothing is broken off, as where a network falls silent; REFUSE: new connections are broken off. */
  block(how: 'HOLD' | 'REFUSE'): void;
  /** How many connections, counted by direction, have something that is held. */
  held(): number;
  /** Undoes `block`: what was held goes on its way. */
  unblock(): void;
  /** Each piece waits so long before it is passed on, in both directions; 0: not at all. */
  delay(ms: number): void;
  /** Breaks off every connection and listens no more. */
  close(): Promise<void>;
}

/** What a proxy stands before: one server, or for each connection the one that is named then (null: the connection is broken off). */
export interface ProxyOptions {
  readonly to: Address | (() => Address | null);
  /** 0, the default: any that is free. */
  readonly port?: number;
}

/** Opens a proxy. Rejects where its port is taken. */
export async function openProxy({ to, port = 0 }: ProxyOptions): Promise<TcpProxy> {
  const open = new Set<Socket>();
  const clients = new Set<Socket>();
  let blocked: 'HOLD' | 'REFUSE' | null = null;
  let release = Promise.withResolvers<void>();
  let delayMs = 0;
  let held = 0;

  /** Until nothing is held any more. */
  async function wait(): Promise<void> {
    held += 1;
    while (blocked === 'HOLD') await release.promise;
    held -= 1;
  }

  /** Passes on what one side says, until either side is gone. */
  async function pass(from: Socket, onto: Socket): Promise<void> {
    // Ended for one direction is not ended for the other.
    for await (const chunk of from.iterator({ destroyOnReturn: false })) {
      if (delayMs > 0) await delay(delayMs, undefined, { ref: false });
      if (blocked === 'HOLD') await wait();
      if (onto.destroyed) return;
      if (!onto.write(chunk)) await drained(onto);
    }
    if (blocked === 'HOLD') await wait();
    onto.end();
  }

  function keep(socket: Socket): Socket {
    open.add(socket);
    socket.setNoDelay(true);
    return socket.on('error', () => undefined).once('close', () => open.delete(socket));
  }

  async function carry(client: Socket): Promise<void> {
    if (blocked === 'HOLD') await wait();
    const address = typeof to === 'function' ? to() : to;
    if (blocked === 'REFUSE' || address === null || client.destroyed) return breakOff(client);
    const server = keep(connect({ ...address, allowHalfOpen: true }));
    // Where one side breaks off, the other one hears of it in the same way.
    client.once('close', (broken) => broken && breakOff(server));
    server.once('close', (broken) => broken && breakOff(client));
    const over = () => undefined;
    await Promise.all([pass(client, server).catch(over), pass(server, client).catch(over)]);
    client.destroy();
    server.destroy();
  }

  const listener = createServer({ allowHalfOpen: true }, (client) => {
    clients.add(keep(client).once('close', () => clients.delete(client)));
    void carry(client);
  });
  listener.listen(port, '127.0.0.1');
  await once(listener, 'listening');

  const cut = (): void => {
    for (const socket of open) breakOff(socket);
  };
  const unblock = (): void => {
    blocked = null;
    release.resolve();
    release = Promise.withResolvers();
  };
  return {
    port: (listener.address() as AddressInfo).port,
    connections: () => clients.size,
    cut,
    block(how) {
      unblock();
      blocked = how;
    },
    held: () => held,
    unblock,
    delay(ms) {
      delayMs = ms;
    },
    async close() {
      const closed = once(listener, 'close');
      listener.close();
      cut();
      unblock();
      await closed;
    },
  };
}

/** Ends a connection without a word of farewell. */
function breakOff(socket: Socket): void {
  // One whose own direction is over already cannot be reset any more: its handle would stay open for ever.
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}

/** Until what was written has left, or nothing more can. */
async function drained(socket: Socket): Promise<void> {
  const over = new AbortController();
  const { signal } = over;
  try {
    await Promise.race([once(socket, 'drain', { signal }), once(socket, 'close', { signal })]);
  } finally {
    over.abort();
  }
}
