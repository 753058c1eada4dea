import assert from 'node:assert/strict';
import { getEventListeners, once } from 'node:events';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { parseDecimal } from '../src/domain/money.ts';
import {
  type Answer,
  createTransport,
  type LineOptions,
  type Request,
  readJson,
  writeNumber,
} from '../src/transport.ts';
import { createCertificate } from './support/certificate.ts';
import { createManualClock } from './support/clock.ts';
import {
  answerAll,
  type CuttingServer,
  OK,
  openCuttingServer,
  type Play,
  type Visit,
} from './support/cutting-server.ts';

const PAYOUT = '/payouts';
const certificate = createCertificate();

function payout(call: Partial<Request['call']> = {}, body = '{"amount":"12.5"}'): Request {
  const headers = { 'content-type': 'application/json', 'x-secret': 'the-secret' };
  const bounds = { sendBy: null, signal: new AbortController().signal, ...call };
  return { method: 'POST', path: PAYOUT, headers, body, call: bounds };
}

function read(path: string): Request {
  const call = { sendBy: null, signal: new AbortController().signal };
  return { method: 'GET', path, headers: {}, body: null, call };
}

function openLine(server: CuttingServer, options: Partial<LineOptions> = {}, now = () => new Date()) {
  return createTransport(now).open({ baseUrl: `${server.url}/api`, connections: 1, ...options });
}

/** What phase says, held against what the server saw: the one rule that every test here keeps. */
function assertHonest(answer: Answer, seen: number): void {
  if (answer.kind === 'neverLeft') assert.equal(seen, 0, 'it never left, and yet the server saw it');
  if (answer.kind === 'answered') assert.equal(seen, 1, 'it was answered, and yet not seen exactly once');
  assert.ok(seen <= 1, `the server saw it ${seen} times`);
  assert.ok(answer.startedAt <= answer.endedAt);
  if (answer.kind === 'answered') return;
  assert.match(answer.cause, /^\S[^\r\n]*$/);
  assert.doesNotMatch(answer.cause, /the-secret|12\.5/);
}

interface Scene extends Partial<LineOptions> {
  readonly tls?: boolean;
  readonly request?: Request;
}

/**
 * Sends one payout while the server's first connection is played by hand. A second request then follows on the same line:
 * whatever a client library held back to send again would reach the server no later than it.
 */
async function send(play: Play, { tls = false, request = payout(), ...options }: Scene = {}) {
  const server = await openCuttingServer([play], tls ? { tls: certificate } : {});
  const line = openLine(server, { ...(tls ? { ca: certificate.cert } : {}), ...options });
  try {
    const answer = await line.exchange(request);
    await line.exchange(read('/after'));
    await line.close();
    assertHonest(answer, server.seen('/api/payouts'));
    return { answer, seen: server.seen('/api/payouts'), after: server.seen('/api/after') };
  } finally {
    await line.close();
    await server.close();
  }
}

/** Answers the first request with the text, the next ones with 200. */
function answering(text: string): Play {
  return async (visit) => {
    await visit.request();
    await visit.write(text);
    await answerAll(visit);
  };
}

function cutting(text: string): Play {
  return async (visit) => {
    await visit.request();
    await visit.write(text);
    visit.end();
  };
}

function resetting(text: string): Play {
  return async (visit) => {
    await visit.request();
    await visit.write(text);
    visit.reset();
  };
}

test('a request to a port where nobody listens never left', async () => {
  const server = await openCuttingServer([]);
  await server.close();
  const line = openLine(server);
  const answer = await line.exchange(payout());
  assert.equal(answer.kind, 'neverLeft');
  assertHonest(answer, 0);
  await line.close();
});

test('a request whose connection ends during the TLS handshake never left', async () => {
  const server = await openCuttingServer([], { tls: certificate, onAccept: (tcp) => tcp.destroy() });
  const line = openLine(server, { ca: certificate.cert });
  const answer = await line.exchange(payout());
  assert.equal(answer.kind, 'neverLeft');
  await line.close();
  await server.close();
  assertHonest(answer, server.seen('/api/payouts'));
});

test('a request to a server whose certificate is not trusted never left', async () => {
  const server = await openCuttingServer([], { tls: certificate });
  const line = openLine(server);
  const answer = await line.exchange(payout());
  assert.equal(answer.kind, 'neverLeft');
  await line.close();
  await server.close();
  assertHonest(answer, server.seen('/api/payouts'));
});

test('a request whose connection is not made in time never left', async () => {
  const server = await openCuttingServer([]);
  // A TLS client at a server that says nothing: the handshake never ends.
  const line = openLine(server, { baseUrl: server.url.replace('http:', 'https:'), connectMs: 150 });
  const answer = await line.exchange(payout());
  assert.equal(answer.kind, 'neverLeft');
  await line.close();
  await server.close();
  assertHonest(answer, server.seen('/payouts'));
});

for (const fault of [{ headers: { 'x-secret': 'the-secret\n' } }, { headers: { 'x secret': '1' } }, { path: '/a b' }]) {
  test(`a request whose ${Object.keys(fault)} HTTP cannot carry never left, and its line carries the next one`, async () => {
    const { answer, seen, after } = await send(answerAll, { request: { ...payout(), ...fault } });
    assert.deepEqual([answer.kind, seen, after], ['neverLeft', 0, 1]);
  });
}

const LOST: readonly [string, Play, Scene?][] = [
  [
    'whose connection is reset before it was read',
    async (visit) => {
      await turn();
      visit.reset();
    },
  ],
  [
    'whose TLS connection ends before it was read',
    async (visit) => {
      visit.socket.destroy();
    },
    { tls: true },
  ],
  [
    'whose connection is reset after its head',
    async (visit) => {
      await visit.request(0);
      visit.reset();
    },
    { request: payout({}, 'x'.repeat(4_000_000)) },
  ],
  [
    'whose connection is reset in the middle of its body',
    async (visit) => {
      await visit.request(100_000);
      visit.reset();
    },
    { request: payout({}, 'x'.repeat(4_000_000)) },
  ],
  ['whose connection ends after it was read', cutting('')],
  ['whose connection is reset after it was read', resetting('')],
  [
    'whose TLS connection ends after it was read',
    async (visit) => {
      await visit.request();
      visit.socket.destroy();
    },
    { tls: true },
  ],
  ['whose answer ends after the status line', cutting('HTTP/1.1 200 OK\r\n')],
  ['whose answer is reset after the status line', resetting('HTTP/1.1 200 OK\r\n')],
  ['whose answer ends in its headers', cutting('HTTP/1.1 200 OK\r\ncontent-le')],
  ['whose answer ends after its headers', cutting('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n')],
  ['whose answer ends short of its length', cutting('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf')],
  ['whose answer is reset short of its length', resetting('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf')],
  [
    'whose closing answer ends short of its length',
    cutting('HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 10\r\n\r\nhalf'),
  ],
  [
    'whose answer ends before its last chunk',
    cutting('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n'),
  ],
  [
    'whose answer is reset before its last chunk',
    resetting('HTTP/1.1 200 OK\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n'),
  ],
  ['whose answer without a length is reset', resetting('HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{"half":')],
  ['whose interim answer is its only one', cutting('HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n')],
  ['that is told to continue, which it never asked', answering(`HTTP/1.1 100 Continue\r\n\r\n${OK}`)],
  ['whose answer is not HTTP', answering('SSH-2.0-OpenSSH_9.6\r\n')],
  ['whose answer has headers without end', answering(`HTTP/1.1 200 OK\r\nx-long: ${'x'.repeat(100_000)}\r\n\r\n`)],
  [
    'whose answer switches the protocol',
    answering('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n'),
  ],
];

for (const [what, play, scene] of LOST) {
  test(`a request ${what} is lost, and its line carries the next one`, async () => {
    const { answer, after } = await send(play, scene);
    assert.equal(answer.kind, 'lost');
    assert.equal(after, 1);
  });
}

const LATE: readonly [string, Play][] = [
  ['that is never answered', answering('')],
  ['whose answer stops after its headers', answering('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n')],
  [
    'whose answer trickles on',
    async (visit) => {
      await visit.request();
      await visit.write('HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n');
      while (!visit.socket.destroyed) {
        await visit.write('x');
        await turn();
      }
    },
  ],
  [
    'whose body is never read',
    async (visit) => {
      await visit.request(0);
      visit.socket.pause();
    },
  ],
];

for (const [what, play] of LATE) {
  test(`a request ${what} is lost at the line's deadline, and is not sent again`, async () => {
    const { answer } = await send(play, { deadlineMs: 250, request: payout({}, 'x'.repeat(4_000_000)) });
    assert.ok(answer.kind === 'lost');
    assert.match(answer.cause, /no complete answer within 250 ms/);
  });
}

test('an answer longer than the line allows is lost, and its connection with it', async () => {
  const long = `HTTP/1.1 200 OK\r\ncontent-length: 10000000\r\n\r\n${'x'.repeat(10_000_000)}`;
  let ended: Promise<unknown> | undefined;
  const { answer } = await send(async (visit) => {
    ended = new Promise((resolve) => visit.socket.once('close', resolve));
    await answering(long)(visit);
  });
  assert.ok(answer.kind === 'lost');
  assert.match(answer.cause, /size/i);
  await ended;
});

test('an answer exactly as long as the line allows is answered', async () => {
  const { answer } = await send(answering(OK), { maxAnswerBytes: 2 });
  assert.equal(answer.kind, 'answered');
});

for (const status of [200, 307, 401, 408, 422, 429, 500, 503]) {
  test(`an answer with status ${status} is answered, neither followed nor sent again`, async () => {
    const head = `HTTP/1.1 ${status} Word\r\nlocation: /api/payouts\r\nretry-after: 0\r\n`;
    const { answer } = await send(answering(`${head}content-length: 4\r\n\r\n{"a"`));
    assert.ok(answer.kind === 'answered');
    assert.deepEqual([answer.status, answer.body, answer.headers['retry-after']], [status, '{"a"', '0']);
  });
}

test('an answer without a length is complete when its connection ends in order', async () => {
  const { answer } = await send(cutting('HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{"whole":1}'));
  assert.ok(answer.kind === 'answered');
  assert.equal(answer.body, '{"whole":1}');
});

test('the final answer counts, not the hints before it', async () => {
  const { answer } = await send(answering(`HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n${OK}`));
  assert.ok(answer.kind === 'answered');
  assert.deepEqual([answer.status, answer.headers.link, answer.body], [200, undefined, 'ok']);
});

test('an answer that comes in single bytes within the deadline is answered', async () => {
  const { answer } = await send(async (visit) => {
    await visit.request();
    for (const byte of OK) {
      await visit.write(byte);
      await turn();
    }
    await answerAll(visit);
  });
  assert.equal(answer.kind, 'answered');
});

test('of two answers to one request the first counts, and the next request does not get the second', async () => {
  const { answer, after } = await send(answering(`${OK}HTTP/1.1 500 Late\r\ncontent-length: 3\r\n\r\nbad`));
  assert.ok(answer.kind === 'answered');
  assert.deepEqual([answer.status, answer.body, after], [200, 'ok', 1]);
});

test('an answer that comes before the body was read is answered', async () => {
  const { answer } = await send(
    async (visit) => {
      await visit.request(0);
      visit.socket.pause();
      await visit.write('HTTP/1.1 413 Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n');
    },
    { request: payout({}, 'x'.repeat(4_000_000)) },
  );
  assert.ok(answer.kind === 'answered');
  assert.equal(answer.status, 413);
});

test('headers come in lower case, repeated ones joined, and the body as UTF-8 whatever its chunks', async () => {
  const { answer } = await send(async (visit) => {
    await visit.request();
    await visit.write('HTTP/1.1 200 OK\r\nX-Part: one\r\nx-part: two\r\ncontent-length: 6\r\n\r\n');
    for (const byte of Buffer.from('€€')) {
      await new Promise((resolve) => visit.socket.write(Buffer.from([byte]), resolve));
      await turn();
    }
    await answerAll(visit);
  });
  assert.ok(answer.kind === 'answered');
  assert.deepEqual([answer.headers['x-part'], answer.body], ['one, two', '€€']);
});

test('what is sent is the base path with the request path, the headers and the body, byte for byte', async () => {
  let received = '';
  const { answer } = await send(
    async (visit) => {
      await visit.request();
      received = visit.received;
      await visit.write(OK);
      await answerAll(visit);
    },
    { tls: true, request: payout({}, '{"note":"€","amount":0.0200}') },
  );
  assert.equal(answer.kind, 'answered');
  const [head = '', body] = received.split('\r\n\r\n');
  assert.match(head, /^POST \/api\/payouts HTTP\/1\.1\r\n/);
  assert.match(head, /\r\nx-secret: the-secret(?:\r\n|$)/);
  assert.equal(Buffer.from(body ?? '', 'latin1').toString(), '{"note":"€","amount":0.0200}');
});

test('a request on a kept connection that the server has ended goes out once, on a new one', async () => {
  let first: Visit | undefined;
  const server = await openCuttingServer([
    async (visit) => {
      first = visit;
      await visit.request();
      await visit.write(OK);
      visit.end();
    },
  ]);
  const line = openLine(server);
  assert.equal((await line.exchange(read('/before'))).kind, 'answered');
  assert.ok(first);
  if (!first.socket.closed) await once(first.socket, 'close');
  const answer = await line.exchange(payout());
  await line.close();
  await server.close();
  assert.equal(answer.kind, 'answered');
  assert.equal(server.connections, 2);
  assertHonest(answer, server.seen('/api/payouts'));
});

test('a request that a kept connection carried to the server before its reset is lost, not sent on a new one', async () => {
  const server = await openCuttingServer([
    async (visit) => {
      await visit.request();
      await visit.write(OK);
      await visit.request();
      visit.reset();
    },
  ]);
  const line = openLine(server);
  await line.exchange(read('/before'));
  const answer = await line.exchange(payout());
  const after = await line.exchange(read('/after'));
  await line.close();
  await server.close();
  assert.deepEqual([answer.kind, after.kind], ['lost', 'answered']);
  assert.equal(server.seen('/api/payouts'), 1);
});

for (const ending of ['end', 'reset'] as const) {
  test(`when a kept connection's ${ending} races with the next request, it is seen once at most and judged honestly`, async () => {
    for (let round = 0; round < 40; round += 1) {
      let visit: Visit | undefined;
      const server = await openCuttingServer([
        async (first) => {
          visit = first;
          await answerAll(first);
        },
      ]);
      const line = openLine(server);
      await line.exchange(read('/before'));
      const early = round % 2 === 0;
      if (early) visit?.[ending]();
      for (let turns = round % 5; turns > 0; turns -= 1) await turn();
      const exchange = line.exchange(payout());
      if (!early) visit?.[ending]();
      const answer = await exchange;
      await line.exchange(read('/after'));
      await line.close();
      await server.close();
      assertHonest(answer, server.seen('/api/payouts'));
    }
  });
}

/** A server that holds its first answer back until told, so that a line with one place is full. */
async function openHoldingServer() {
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  const { promise: held, resolve: hold } = Promise.withResolvers<void>();
  const server = await openCuttingServer([
    async (visit) => {
      await visit.request();
      hold();
      await released;
      await visit.write(OK);
      await answerAll(visit);
    },
  ]);
  return { server, held, release };
}

test('a request that gets no place before sendBy never left, and the server saw nothing of it', async () => {
  const { server, held, release } = await openHoldingServer();
  const clock = createManualClock();
  const line = openLine(server, {}, clock.now);
  const first = line.exchange(read('/first'));
  await held;
  const { signal } = new AbortController();
  const answer = await line.exchange(payout({ sendBy: new Date(clock.now().getTime() + 150), signal }));
  assert.equal(answer.kind, 'neverLeft');
  assert.equal(getEventListeners(signal, 'abort').length, 0);
  release();
  assert.equal((await first).kind, 'answered');
  assert.equal((await line.exchange(read('/after'))).kind, 'answered');
  await line.close();
  await server.close();
  assert.equal(server.seen('/api/payouts'), 0);
});

test('a request whose sendBy passes while its connection is made is not written', async () => {
  const clock = createManualClock();
  const server = await openCuttingServer([], { tls: certificate, onAccept: () => void clock.advance(60_001) });
  const line = openLine(server, { ca: certificate.cert }, clock.now);
  const answer = await line.exchange(payout({ sendBy: new Date(clock.now().getTime() + 60_000) }));
  await line.close();
  await server.close();
  assert.equal(answer.kind, 'neverLeft');
  assert.equal(server.connections, 1);
  assert.equal(server.seen('/api/payouts'), 0);
});

test('a request called off before it began never left', async () => {
  const { server, held, release } = await openHoldingServer();
  const line = openLine(server);
  const first = line.exchange(read('/first'));
  await held;
  const caller = new AbortController();
  const waiting = line.exchange(payout({ signal: caller.signal }));
  caller.abort();
  assert.equal((await waiting).kind, 'neverLeft');
  assert.equal(getEventListeners(caller.signal, 'abort').length, 0);
  assert.equal((await line.exchange(payout({ signal: caller.signal }))).kind, 'neverLeft');
  release();
  await first;
  await line.close();
  await server.close();
  assert.equal(server.seen('/api/payouts'), 0);
});

test('a request called off while its connection is made is not written when the connection is there', async () => {
  const caller = new AbortController();
  const server = await openCuttingServer([], { tls: certificate, onAccept: () => caller.abort() });
  const line = openLine(server, { ca: certificate.cert });
  const answer = await line.exchange(payout({ signal: caller.signal }));
  const after = await line.exchange(read('/after'));
  await line.close();
  await server.close();
  assert.deepEqual([answer.kind, after.kind], ['neverLeft', 'answered']);
  assert.equal(server.seen('/api/payouts'), 0);
});

test('a request called off after it began is lost, and its connection with it', { timeout: 15_000 }, async () => {
  const caller = new AbortController();
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  const server = await openCuttingServer([
    async (visit) => {
      visit.socket.once('close', end);
      await visit.request();
      caller.abort();
    },
  ]);
  const line = openLine(server, { deadlineMs: 600_000 });
  const answer = await line.exchange(payout({ signal: caller.signal }));
  await ended;
  await line.close();
  await server.close();
  assert.equal(answer.kind, 'lost');
  assert.equal(getEventListeners(caller.signal, 'abort').length, 0);
  assertHonest(answer, server.seen('/api/payouts'));
});

test('no more connections are open than the line has places, each is kept, and all that wait get their turn', async () => {
  const server = await openCuttingServer([]);
  const line = openLine(server, { connections: 3 });
  const answers = await Promise.all(Array.from({ length: 60 }, () => line.exchange(payout())));
  await line.close();
  await server.close();
  assert.deepEqual([...new Set(answers.map(({ kind }) => kind))], ['answered']);
  assert.deepEqual([server.seen('/api/payouts'), server.connections], [60, 3]);
});

test('a line that closes lets what began end, and sends nothing more', async () => {
  const { server, held, release } = await openHoldingServer();
  const line = openLine(server);
  const first = line.exchange(read('/first'));
  await held;
  const waiting = line.exchange(payout());
  const closed = line.close();
  assert.equal((await waiting).kind, 'neverLeft');
  assert.equal((await line.exchange(payout())).kind, 'neverLeft');
  release();
  assert.equal((await first).kind, 'answered');
  await closed;
  await server.close();
  assert.equal(server.seen('/api/payouts'), 0);
});

test('numbers in JSON are read as the digits that stand there, and everything else as it is', () => {
  assert.deepEqual(readJson('{"a":0.0200000000,"b":[1e-8,-0,12345678901234567890],"c":"1.50","d":true,"e":null}'), {
    a: '0.0200000000',
    b: ['1e-8', '-0', '12345678901234567890'],
    c: '1.50',
    d: true,
    e: null,
  });
  assert.equal(readJson('1.0'), '1.0');
  assert.throws(() => readJson('{"a":'), SyntaxError);
});

test('a key __proto__ in JSON is dropped', () => {
  assert.deepEqual(readJson('{"__proto__":{"admin":true},"a":{"__proto__":1,"b":2}}'), { a: { b: '2' } });
});

test('a decimal is written to JSON as a number with exactly its digits', () => {
  const amount = parseDecimal('0.020000000000000001');
  assert.ok(amount);
  assert.equal(JSON.stringify({ amount: writeNumber(amount) }), '{"amount":0.020000000000000001}');
});
