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
  /** From now on a connection over which a client says one of these words, in ASCII, gets no more answers. */
  mute(words: readonly string[]): void;
  /** How many connections, counted by direction, have something that is held. */
  held(): number;
  /** Undoes `block` and `mute`: what was held goes on its way. */
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
  const gate = new Gate();
  const open = new Set<Socket>();
  const clients = new Set<Socket>();

  function keep(socket: Socket): Socket {
    open.add(socket);
    socket.setNoDelay(true);
    return socket.on('error', () => undefined).once('close', () => open.delete(socket));
  }

  async function carry(client: Socket): Promise<void> {
    await gate.pass(null);
    const address = typeof to === 'function' ? to() : to;
    if (gate.refuses || address === null || client.destroyed) return breakOff(client);
    const server = keep(connect({ ...address, allowHalfOpen: true }));
    // Where one side breaks off, the other one hears of it in the same way.
    client.once('close', (broken) => broken && breakOff(server));
    server.once('close', (broken) => broken && breakOff(client));
    const listening = new Ear(gate);
    const over = () => undefined;
    await Promise.all([
      passOn(client, server, async (chunk) => {
        listening.hear(chunk);
        await gate.pass(null);
      }).catch(over),
      passOn(server, client, () => gate.pass(listening)).catch(over),
    ]);
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
  return {
    port: (listener.address() as AddressInfo).port,
    connections: () => clients.size,
    cut,
    block: (how) => gate.block(how),
    mute: (words) => gate.mute(words),
    held: () => gate.held,
    unblock: () => gate.unblock(),
    delay: (ms) => gate.delay(ms),
    async close() {
      const closed = once(listener, 'close');
      listener.close();
      cut();
      gate.unblock();
      await closed;
    },
  };
}

/** What every piece goes through. */
class Gate {
  held = 0;
  words: readonly string[] = [];
  #blocked: 'HOLD' | 'REFUSE' | null = null;
  #release = Promise.withResolvers<void>();
  #delayMs = 0;

  get refuses(): boolean {
    return this.#blocked === 'REFUSE';
  }

  /** Resolves when a piece may go on; an answer (`to` not null) only where its connection is not muted. */
  async pass(to: Ear | null): Promise<void> {
    if (this.#delayMs > 0) await delay(this.#delayMs, undefined, { ref: false });
    if (!this.#holds(to)) return;
    this.held += 1;
    while (this.#holds(to)) await this.#release.promise;
    this.held -= 1;
  }

  block(how: 'HOLD' | 'REFUSE'): void {
    this.unblock();
    this.#blocked = how;
  }

  mute(words: readonly string[]): void {
    this.words = words;
  }

  unblock(): void {
    this.#blocked = null;
    this.words = [];
    this.#release.resolve();
    this.#release = Promise.withResolvers();
  }

  delay(ms: number): void {
    this.#delayMs = ms;
  }

  #holds(to: Ear | null): boolean {
    return this.#blocked === 'HOLD' || (to?.isMuted ?? false);
  }
}

/** What the client of one connection has said that mutes it. */
class Ear {
  readonly #gate: Gate;
  #tail = '';
  #word: string | null = null;

  constructor(gate: Gate) {
    this.#gate = gate;
  }

  get isMuted(): boolean {
    return this.#word !== null && this.#gate.words.includes(this.#word);
  }

  hear(chunk: Buffer): void {
    const { words } = this.#gate;
    if (words.length === 0) return;
    // A word may come in two pieces.
    const said = this.#tail + chunk.toString('latin1');
    this.#word ??= words.find((word) => said.includes(word)) ?? null;
    this.#tail = said.slice(-Math.max(...words.map((word) => word.length)));
  }
}

/** Passes on what one side says, each piece once it may go, until either side is gone. */
async function passOn(from: Socket, onto: Socket, admit: (chunk: Buffer) => Promise<void>): Promise<void> {
  // Ended for one direction is not ended for the other.
  for await (const chunk of from.iterator({ destroyOnReturn: false })) {
    await admit(chunk);
    if (onto.destroyed) return;
    if (!onto.write(chunk)) await drained(onto);
  }
  await admit(Buffer.alloc(0));
  onto.end();
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
