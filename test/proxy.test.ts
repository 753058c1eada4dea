import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { openProxy, type ProxyOptions, type TcpProxy } from './support/proxy.ts';

/** A server that says everything twice, and remembers who came. */
async function openEcho(): Promise<{ server: Server; port: number; visits: Socket[] }> {
  const visits: Socket[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    visits.push(socket.on('error', () => undefined));
    socket.on('data', (chunk) => socket.write(Buffer.concat([chunk, chunk])));
    socket.once('end', () => socket.end());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, port: (server.address() as AddressInfo).port, visits };
}

/** A connection, what it has heard so far, and how it ended. */
async function call(port: number) {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  let heard = '';
  socket.setEncoding('latin1').on('data', (text: string) => {
    heard += text;
  });
  let ending = 'closed';
  socket.on('error', (error: NodeJS.ErrnoException) => {
    ending = error.code ?? error.message;
  });
  const closed = new Promise<string>((resolve) => {
    socket.once('close', () => resolve(ending));
  });
  await Promise.race([once(socket, 'connect').catch(() => undefined), closed]);
  return {
    socket,
    closed,
    heard: () => heard,
    async until(length: number): Promise<string> {
      while (heard.length < length) await once(socket, 'data');
      return heard;
    },
  };
}

describe('a proxy', () => {
  let echo: Awaited<ReturnType<typeof openEcho>>;
  const proxies: TcpProxy[] = [];
  const open = async (options: Partial<ProxyOptions> = {}): Promise<TcpProxy> => {
    const proxy = await openProxy({ to: { host: '127.0.0.1', port: echo.port }, ...options });
    proxies.push(proxy);
    return proxy;
  };
  before(async () => {
    echo = await openEcho();
  });
  after(async () => {
    for (const proxy of proxies) await proxy.close();
    echo.server.close();
  });

  it('passes on every byte in both directions, and the end of one direction leaves the other one open', async () => {
    const { port } = await open();
    const visitor = await call(port);
    const sent = Buffer.alloc(3_000_000, 'abcdefghijk').toString('latin1');
    visitor.socket.end(sent, 'latin1');
    await once(visitor.socket, 'end');
    visitor.socket.destroy();
    const counts = (text: string) => [text.length, text.split('k').length];
    assert.deepEqual(counts(visitor.heard()), counts(sent + sent));
  });

  it('cuts what is open, on both sides, and serves the next connection', async () => {
    const proxy = await open();
    const visitor = await call(proxy.port);
    visitor.socket.write('x');
    await visitor.until(2);
    assert.equal(proxy.connections(), 1);
    const reached = echo.visits.at(-1) ?? assert.fail();
    const left = new Promise((resolve) => reached.once('close', resolve));
    proxy.cut();
    assert.equal(await visitor.closed, 'ECONNRESET');
    await left;
    const next = await call(proxy.port);
    next.socket.write('y');
    assert.equal(await next.until(2), 'yy');
    next.socket.destroy();
  });

  it('holds what is sent and who comes, until it lets them go on', async () => {
    const proxy = await open();
    const other = await open();
    const early = await call(proxy.port);
    early.socket.write('a');
    await early.until(2);
    proxy.block('HOLD');
    const visits = echo.visits.length;
    early.socket.write('b');
    const late = await call(proxy.port);
    late.socket.write('c');
    // What goes through another proxy in the meantime had as much time.
    const witness = await call(other.port);
    for (let length = 2; length <= 20; length += 2) {
      witness.socket.write('w');
      await witness.until(length);
    }
    assert.equal(early.heard(), 'aa');
    assert.equal(late.heard(), '');
    assert.equal(proxy.held(), 2);
    assert.equal(echo.visits.length, visits + 1);
    proxy.unblock();
    assert.equal(await early.until(4), 'aabb');
    assert.equal(await late.until(2), 'cc');
    assert.equal(proxy.held(), 0);
    for (const { socket } of [early, late, witness]) socket.destroy();
  });

  it('gives no more answers where a word was said, and passes on everything else', async () => {
    const proxy = await open();
    const [muted, other] = [await call(proxy.port), await call(proxy.port)];
    proxy.mute(['secret', 'another']);
    muted.socket.write('a sec');
    assert.equal(await muted.until(10), 'a seca sec');
    const visits = echo.visits.slice(-2);
    muted.socket.write('ret');
    // What it says still arrives.
    await Promise.race(visits.map((visit) => once(visit, 'data')));
    other.socket.write('sec-ret');
    assert.equal(await other.until(14), 'sec-retsec-ret');
    while (proxy.held() === 0) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(muted.heard(), 'a seca sec');
    proxy.unblock();
    assert.equal(await muted.until(16), 'a seca secretret');
    for (const { socket } of [muted, other]) socket.destroy();
  });

  it('breaks off for good where one direction is over already', async () => {
    const silent = createServer({ allowHalfOpen: true }, (socket) => void socket.on('error', () => undefined).resume());
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const proxy = await open({ to: { host: '127.0.0.1', port: (silent.address() as AddressInfo).port } });
    const visitor = await call(proxy.port);
    const [reached] = (await once(silent, 'connection')) as [Socket];
    visitor.socket.end('x');
    await once(reached, 'end');
    proxy.cut();
    await visitor.closed;
    // Until the last connection is gone it does not close.
    reached.destroy();
    silent.close();
    await once(silent, 'close');
    assert.equal(proxy.connections(), 0);
  });

  it('refuses who comes, while what is open goes on', async () => {
    const proxy = await open();
    const early = await call(proxy.port);
    early.socket.write('a');
    await early.until(2);
    proxy.block('REFUSE');
    const refused = await call(proxy.port);
    assert.equal(await refused.closed, 'ECONNRESET');
    early.socket.write('b');
    assert.equal(await early.until(4), 'aabb');
    proxy.unblock();
    const late = await call(proxy.port);
    late.socket.write('c');
    assert.equal(await late.until(2), 'cc');
    for (const { socket } of [early, late]) socket.destroy();
  });

  it('delays what passes, and keeps its order', async () => {
    const proxy = await open();
    const direct = await call(echo.port);
    const delayed = await call(proxy.port);
    proxy.delay(1000);
    delayed.socket.write('1');
    direct.socket.write('x');
    await direct.until(2);
    assert.equal(delayed.heard(), '');
    proxy.delay(0);
    delayed.socket.write('2');
    assert.match(await delayed.until(4), /^(1122|1212)$/);
    for (const { socket } of [direct, delayed]) socket.destroy();
  });

  it('tells its client of a server that breaks off, and of one that is not there', async () => {
    const proxy = await open();
    const visitor = await call(proxy.port);
    visitor.socket.write('x');
    await visitor.until(2);
    echo.visits.at(-1)?.resetAndDestroy();
    assert.equal(await visitor.closed, 'ECONNRESET');

    const nobody = await open({ to: () => null });
    assert.equal(await (await call(nobody.port)).closed, 'ECONNRESET');
  });

  it('asks anew for each connection where it leads', async () => {
    const targets = [{ host: '127.0.0.1', port: echo.port }, null];
    const { port } = await open({ to: () => targets.shift() ?? null });
    const first = await call(port);
    first.socket.write('x');
    assert.equal(await first.until(2), 'xx');
    first.socket.destroy();
    assert.equal(await (await call(port)).closed, 'ECONNRESET');
  });
});
