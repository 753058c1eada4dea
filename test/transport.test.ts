import assert from 'node:assert/strict';
import { createHook } from 'node:async_hooks';
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
  type Cut,
  OK,
  openCuttingServer,
  openFullPort,
  openRelay,
  type Play,
  type Visit,
  type Witness,
} from './support/cutting-server.ts';
import { createRandom } from './support/random.ts';

const PAYOUT = '/payouts';
/** As large as a document may be. */
const LARGE = 'x'.repeat(8 * 2 ** 20);
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

function openLine(server: Pick<Witness, 'url'>, options: Partial<LineOptions> = {}, now = () => new Date()) {
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
  /** The connection has carried an exchange before. */
  readonly kept?: boolean;
  readonly request?: Request;
}

/** The ways in which a request can meet what strikes it. */
const WAYS: readonly (readonly [string, Scene])[] = [
  ['on a new connection', {}],
  ['on a kept connection', { kept: true }],
  ['on a new TLS connection', { tls: true }],
  ['on a kept TLS connection', { tls: true, kept: true }],
];

/**
 * Sends one payout while the server's first connection is played by hand. A second request then follows on the same line:
 * whatever a client library held back to send again would reach the server no later than it.
 */
async function send(play: Play, { tls = false, kept = false, request = payout(), ...options }: Scene = {}) {
  const afterOne: Play = async (visit) => {
    await visit.request();
    await visit.write(OK);
    await play(visit);
  };
  const server = await openCuttingServer(kept ? Array(10).fill(afterOne) : [play], tls ? { tls: certificate } : {});
  const line = openLine(server, { ...(tls ? { ca: certificate.cert } : {}), ...options });
  try {
    // On a machine that stalls it may miss a short deadline, and its connection is not kept then.
    while (kept && (await line.exchange(read('/before'))).kind !== 'answered');
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

/** Sends one payout on a line where no connection comes about. */
async function sendInVain(server: Pick<Witness, 'url'>, options: Partial<LineOptions> = {}): Promise<string> {
  const line = openLine(server, options);
  const answer = await line.exchange(payout());
  await line.close();
  assert.ok(answer.kind === 'neverLeft');
  assertHonest(answer, 0);
  return answer.cause;
}

test('a request to a name that nobody has never left', async () => {
  assert.match(await sendInVain({ url: `http://${'x'.repeat(64)}.example` }), /ENOTFOUND/);
});

test('a name is looked up once for all requests that wait for it, so that no line takes all of the few that look', async () => {
  let lookUps = 0;
  const hook = createHook({
    init(_id, type) {
      if (type === 'GETADDRINFOREQWRAP') lookUps += 1;
    },
  }).enable();
  const server = await openCuttingServer([]);
  const line = openLine({ url: server.url.replace('127.0.0.1', 'localhost') }, { connections: 20 });
  const answers = await Promise.all(Array.from({ length: 20 }, () => line.exchange(payout())));
  hook.disable();
  await line.close();
  await server.close();
  assert.deepEqual([...new Set(answers.map(({ kind }) => kind))], ['answered']);
  assert.deepEqual([server.connections, lookUps], [20, 1]);
});

test('a request to a port where nobody listens never left', async () => {
  const server = await openCuttingServer([]);
  await server.close();
  assert.match(await sendInVain(server), /ECONNREFUSED/);
});

test('a request whose TCP connection is not made in time never left', async () => {
  const port = await openFullPort();
  assert.match(await sendInVain(port, { connectMs: 150 }), /no connection was made in time/);
  await port.close();
});

test('a request whose TLS handshake does not end in time never left', async () => {
  // A TLS client at a server that says nothing.
  const server = await openCuttingServer([]);
  const silent = { url: server.url.replace('http:', 'https:') };
  assert.match(await sendInVain(silent, { connectMs: 150 }), /no connection was made in time/);
  await server.close();
  assert.equal(server.seen('/api/payouts'), 0);
});

for (const ending of ['destroy', 'resetAndDestroy'] as const) {
  test(`a request whose TLS handshake meets ${ending} never left`, async () => {
    const server = await openCuttingServer([], { tls: certificate, onAccept: (tcp) => tcp[ending]() });
    await sendInVain(server, { ca: certificate.cert });
    await server.close();
    assert.deepEqual(server.requests(), []);
  });
}

for (const how of ['END', 'RESET', 'STALL'] as const) {
  for (const cut of [
    { of: 'CLIENT', after: 0 },
    { of: 'CLIENT', after: 200 },
    { of: 'SERVER', after: 1 },
    { of: 'SERVER', after: 200 },
  ] as const) {
    test(`a request whose TLS handshake meets ${how} after ${cut.after} bytes of the ${cut.of} never left`, async () => {
      const server = await openCuttingServer([], { tls: certificate });
      const relay = await openRelay(server, [{ ...cut, how }]);
      await sendInVain(relay, { ca: certificate.cert, connectMs: how === 'STALL' ? 150 : 10_000 });
      await relay.close();
      await server.close();
      assert.deepEqual(server.requests(), []);
    });
  }
}

test('a request to a server that speaks no TLS where it should never left', async () => {
  const server = await openCuttingServer([
    async (visit) => {
      visit.read();
      await visit.write('HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n');
    },
  ]);
  await sendInVain({ url: server.url.replace('http:', 'https:') });
  await server.close();
  assert.equal(server.seen('/api/payouts'), 0);
});

const DAY_MS = 86_400_000;
for (const [what, presented, trusted] of [
  ['is not trusted', certificate, createCertificate()],
  ['has ended', ...twice(createCertificate({ endsInMs: -DAY_MS }))],
  ['is not valid yet', ...twice(createCertificate({ endsInMs: 3 * DAY_MS }))],
  ['is for somebody else', ...twice(createCertificate({ host: 'other.example', address: [10, 0, 0, 1] }))],
] as const) {
  test(`a request to a server whose certificate ${what} never left`, async () => {
    const server = await openCuttingServer([], { tls: presented });
    assert.match(await sendInVain(server, { ca: trusted.cert }), /certificate|CERT|altname/i);
    await server.close();
    assert.deepEqual([server.connections, server.requests()], [1, []]);
  });
}

test('a request to a server whose certificate no public authority signed never left', async () => {
  const server = await openCuttingServer([], { tls: certificate });
  await sendInVain(server);
  await server.close();
  assert.deepEqual([server.connections, server.requests()], [1, []]);
});

function twice<T>(value: T): readonly [T, T] {
  return [value, value];
}

test('a request to a server that wants a certificate of ours, which it says after the handshake, is lost', async () => {
  const server = await openCuttingServer([], { tls: { ...certificate, requestCert: true } });
  const line = openLine(server, { ca: certificate.cert });
  const answer = await line.exchange(payout());
  await line.close();
  await server.close();
  assert.equal(answer.kind, 'lost');
  assertHonest(answer, server.seen('/api/payouts'));
});

for (const fault of [{ headers: { 'x-secret': 'the-secret\n' } }, { headers: { 'x secret': '1' } }, { path: '/a b' }]) {
  test(`a request whose ${Object.keys(fault)} HTTP cannot carry never left, and its line carries the next one`, async () => {
    const { answer, seen, after } = await send(answerAll, { request: { ...payout(), ...fault } });
    assert.deepEqual([answer.kind, seen, after], ['neverLeft', 0, 1]);
  });
}

test('a request whose connection is reset before it was read is lost', async () => {
  const { answer, after } = await send(async (visit) => {
    await turn();
    visit.reset();
  });
  assert.deepEqual([answer.kind, after], ['lost', 1]);
});

test('a request whose TLS connection ends before it was read is lost', async () => {
  const { answer, after } = await send(async (visit) => visit.reset(), { tls: true });
  assert.deepEqual([answer.kind, after], ['lost', 1]);
});

/** Where the request itself is cut, and how. */
const HALFWAY: readonly [string, Play][] = (['end', 'reset'] as const).flatMap((ending): [string, Play][] =>
  [0, 1, 100_000, 4_000_000].map((bytes) => [
    `whose connection meets ${ending} after its head and ${bytes} bytes of its body`,
    async (visit) => {
      await visit.request(bytes);
      visit.socket.pause();
      visit[ending]();
    },
  ]),
);

/** What strikes once the server has read the whole request. */
const LOST: readonly [string, Play][] = [
  ['whose connection ends after it was read', cutting('')],
  ['whose connection is reset after it was read', resetting('')],
  [
    'whose connection is destroyed after it was read',
    async (visit) => {
      await visit.request();
      visit.socket.destroy();
    },
  ],
  ['whose answer ends in its status line', cutting('HTTP/1.1 2')],
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
  ['whose answer is not HTTP and ends', cutting('<html>502 Bad Gateway</html>')],
  ['whose answer speaks HTTP/2', answering('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')],
  ['whose status is no number', answering('HTTP/1.1 abc OK\r\ncontent-length: 2\r\n\r\nok')],
  ['whose length is no number', answering('HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\nok')],
  ['whose length is below zero', answering('HTTP/1.1 200 OK\r\ncontent-length: -2\r\n\r\nok')],
  ['whose answer has two lengths', answering('HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok!')],
  [
    'whose answer has a length and chunks',
    answering('HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n'),
  ],
  ['whose header has no name', answering('HTTP/1.1 200 OK\r\n: x\r\ncontent-length: 2\r\n\r\nok')],
  [
    'whose chunk has no size',
    answering('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nlarge\r\nok\r\n0\r\n\r\n'),
  ],
  ['whose answer has headers without end', answering(`HTTP/1.1 200 OK\r\nx-long: ${'x'.repeat(100_000)}\r\n\r\n`)],
  [
    'whose answer switches the protocol',
    answering('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n'),
  ],
];

for (const [way, scene] of WAYS) {
  for (const [what, play] of HALFWAY) {
    test(`a request ${way} ${what} is lost, and its line carries the next one`, async () => {
      const { answer, after } = await send(play, { ...scene, request: payout({}, LARGE) });
      assert.deepEqual([answer.kind, after], ['lost', 1]);
    });
  }
  for (const [what, play] of LOST) {
    test(`a request ${way} ${what} is lost, and its line carries the next one`, async () => {
      const { answer, after } = await send(play, scene);
      assert.deepEqual([answer.kind, after], ['lost', 1]);
    });
  }
}

/** What never comes to an end by itself. */
const ENDLESS: readonly [string, Play][] = [
  ['that is never answered', answering('')],
  ['whose answer stops in its status line', answering('HTTP/1.1 2')],
  ['whose answer stops after its headers', answering('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n')],
  ['whose answer stops in its body', answering('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf')],
  ['whose answer has no end', answering('HTTP/1.1 200 OK\r\n\r\nok')],
  ['whose headers trickle on', trickling('HTTP/1.1 200 OK\r\n', 'x: y\r\n')],
  ['whose hints trickle on', trickling('', 'HTTP/1.1 103 Early Hints\r\n\r\n')],
  ['whose answer trickles on', trickling('HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n', 'x')],
  ['whose chunks trickle on', trickling('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n', '1\r\nx\r\n')],
  [
    'whose body is never read',
    async (visit) => {
      await visit.request(0);
      visit.socket.pause();
    },
  ],
  [
    'whose body is read byte by byte',
    async (visit) => {
      await visit.request(0);
      for (visit.socket.pause(); !visit.socket.destroyed; await turn()) visit.socket.read(1);
    },
  ],
];

/** Says a little more, turn by turn, until the client leaves. */
function trickling(head: string, more: string): Play {
  return async (visit) => {
    await visit.request();
    await visit.write(head);
    while (!visit.socket.destroyed) {
      await visit.write(more);
      await turn();
    }
  };
}

for (const [way, scene] of WAYS.filter(([, { tls, kept }]) => tls === kept)) {
  for (const [what, play] of ENDLESS) {
    test(`a request ${way} ${what} is lost at the line's deadline or before, and is not sent again`, async () => {
      const { answer } = await send(play, { ...scene, deadlineMs: 250, request: payout({}, LARGE) });
      assert.ok(answer.kind === 'lost');
      assert.match(answer.cause, /no complete answer within 250 ms|Headers Overflow/);
    });
  }
}

const TOO_LONG: readonly [string, string][] = [
  ['with its length', `HTTP/1.1 200 OK\r\ncontent-length: 10000000\r\n\r\n${'x'.repeat(10_000_000)}`],
  [
    'in chunks',
    `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${`ffff\r\n${'x'.repeat(65_535)}\r\n`.repeat(40)}`,
  ],
  ['without a length', `HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n${'x'.repeat(2_000_000)}`],
];

for (const [way, scene] of WAYS) {
  for (const [what, text] of TOO_LONG) {
    test(`${way} an answer ${what} that is longer than the line allows is lost, and its connection with it`, async () => {
      let ended: Promise<unknown> | undefined;
      const { answer } = await send(async (visit) => {
        ended = new Promise((resolve) => visit.socket.once('close', resolve));
        await answering(text)(visit);
      }, scene);
      assert.ok(answer.kind === 'lost');
      assert.match(answer.cause, /size/i);
      await ended;
    });
  }
}

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
    { request: payout({}, LARGE) },
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

for (const kept of [false, true]) {
  test(`a request whose sendBy has passed never left, ${kept ? 'though a kept connection is' : 'nor is a connection made'} there`, async () => {
    const clock = createManualClock();
    const server = await openCuttingServer([]);
    const line = openLine(server, {}, clock.now);
    if (kept) await line.exchange(read('/before'));
    const answer = await line.exchange(payout({ sendBy: new Date(clock.now().getTime() - 1) }));
    await line.exchange(read('/after'));
    await line.close();
    await server.close();
    assert.equal(answer.kind, 'neverLeft');
    assert.equal(server.seen('/api/payouts'), 0);
  });
}

test('a request that was written before its sendBy is not called back when that has passed', async () => {
  const clock = createManualClock();
  const { server, held, release } = await openHoldingServer();
  const line = openLine(server, {}, clock.now);
  const sent = line.exchange(payout({ sendBy: new Date(clock.now().getTime() + 30_000) }));
  await held;
  await clock.advance(60_000);
  release();
  const answer = await sent;
  await line.close();
  await server.close();
  assert.equal(answer.kind, 'answered');
  assert.equal(server.seen('/api/payouts'), 1);
});

test('a read, which has no sendBy, waits for a place no longer than an exchange may take', async () => {
  const { server, release } = await openHoldingServer();
  const line = openLine(server, { deadlineMs: 300 });
  // Its time begins to run before that of the exchange that has the place.
  const [first, waiting] = await Promise.all([line.exchange(read('/first')), line.exchange(read('/second'))]);
  release();
  await line.close();
  await server.close();
  assert.deepEqual([first.kind, waiting.kind], ['lost', 'neverLeft']);
  assert.equal(server.seen('/api/second'), 0);
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

test('a request called off while its TCP connection is made never left', async () => {
  const port = await openFullPort();
  const caller = new AbortController();
  const line = openLine(port, { connectMs: 600_000 });
  const exchange = line.exchange(payout({ signal: caller.signal }));
  await turn();
  caller.abort();
  const answer = await exchange;
  await line.close();
  await port.close();
  assert.equal(answer.kind, 'neverLeft');
  assertHonest(answer, 0);
});

/** How far the exchange has come when the caller calls it off. */
const STAGES: readonly [string, (visit: Visit) => Promise<void>][] = [
  ['its head was read', (visit) => visit.request(0)],
  ['a part of its body was read', (visit) => visit.request(100_000)],
  ['it was read', (visit) => visit.request()],
  [
    'its answer had begun',
    async (visit) => {
      await visit.request();
      await visit.write('HTTP/1.1 200');
    },
  ],
  [
    'the headers of its answer were sent',
    async (visit) => {
      await visit.request();
      await visit.write('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n');
    },
  ],
  [
    'a part of its answer was sent',
    async (visit) => {
      await visit.request();
      await visit.write('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf');
    },
  ],
];

for (const [way, scene] of WAYS) {
  for (const [when, reach] of STAGES) {
    test(`a request ${way} called off when ${when} is lost, and its connection with it`, async () => {
      const caller = new AbortController();
      const { promise: ended, resolve: end } = Promise.withResolvers<void>();
      const request = payout({ signal: caller.signal }, LARGE);
      const play: Play = async (visit) => {
        visit.socket.once('close', end);
        await reach(visit);
        caller.abort();
        // What the client still had on its way has to be read, for its end to be seen.
        visit.socket.resume();
      };
      const { answer, after } = await send(play, { ...scene, request, deadlineMs: 600_000 });
      await ended;
      assert.deepEqual([answer.kind, after], ['lost', 1]);
      assert.equal(getEventListeners(caller.signal, 'abort').length, 0);
    });
  }
}

/** A place to cut, out of the bytes that a few exchanges of one connection come to. */
function drawCut(random: () => number, tls: boolean, bodyBytes: number, exchanges: number): Cut {
  const of = random() < 0.5 ? 'CLIENT' : 'SERVER';
  const draw = random();
  const how = draw < 0.45 ? 'END' : draw < 0.9 ? 'RESET' : 'STALL';
  const [handshake, each] = of === 'CLIENT' ? [1900, 200 + bodyBytes] : [1500, ANSWER.length];
  const span = (tls ? handshake : 0) + each * exchanges;
  return { of, after: Math.floor(random() * span), how };
}

const ANSWER = `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 300\r\n\r\n${'y'.repeat(300)}`;

/** Some exchanges on one line whose first connections are cut at random bytes. */
async function sendThroughCuts(seed: number, tls: boolean): Promise<readonly Answer['kind'][]> {
  const random = createRandom(seed);
  const bodyBytes = Math.floor(random() ** 3 * 200_000);
  const exchanges = 1 + Math.floor(random() * 4);
  const cuts = Array.from({ length: 3 }, () => drawCut(random, tls, bodyBytes, exchanges));
  const play: Play = async (visit) => {
    for (;;) {
      await visit.request();
      await visit.write(ANSWER);
    }
  };
  const server = await openCuttingServer(new Array(20).fill(play), tls ? { tls: certificate } : {});
  const relay = await openRelay(server, cuts);
  const line = openLine(relay, { deadlineMs: 300, connectMs: 300, ...(tls ? { ca: certificate.cert } : {}) });
  const answers: Answer[] = [];
  for (let number = 0; number < exchanges; number += 1) {
    const request = payout({}, 'x'.repeat(bodyBytes));
    answers.push(await line.exchange({ ...request, path: `/${number}` }));
    if (random() < 0.3) await turn();
  }
  // Whatever was held back to be sent again would arrive before these, which are more than there are cuts.
  for (let more = 0; more < 4; more += 1) await line.exchange(read('/after'));
  await line.close();
  await relay.close();
  await server.close();
  // Of plain connections the relay saw all that the client ever wrote, also what it did not pass on.
  const witness = tls ? server : relay;
  const begun = witness.requests().filter((request) => request !== '' && !/^GET/.test(request));
  const left = answers.filter(({ kind }) => kind !== 'neverLeft');
  assert.ok(
    begun.length <= left.length,
    `seed ${seed}: ${begun.length} requests began, ${left.length} are said to have`,
  );
  for (const [number, answer] of answers.entries()) {
    assertHonest(answer, witness.seen(`/api/${number}`));
    if (answer.kind !== 'answered') continue;
    assert.equal(answer.body, 'y'.repeat(300), `seed ${seed}: half an answer is no answer`);
    const arrived = server.requests().filter((request) => request.startsWith(`POST /api/${number} `));
    assert.deepEqual(
      arrived.map((request) => request.slice(request.indexOf('\r\n\r\n') + 4).length),
      [bodyBytes],
      `seed ${seed}: what was answered had arrived once, and whole`,
    );
  }
  return answers.map(({ kind }) => kind);
}

for (const [name, tls, rounds] of [
  ['plain', false, 300],
  ['TLS', true, 200],
] as const) {
  test(`cut at ${rounds} random bytes of ${name} conversations, no request is said not to have left that the server saw`, async () => {
    const kinds: Answer['kind'][] = [];
    const seeds = Array.from({ length: rounds }, (_, at) => at + 1);
    const run = async (): Promise<void> => {
      for (let seed = seeds.pop(); seed !== undefined; seed = seeds.pop()) {
        kinds.push(...(await sendThroughCuts(seed, tls)));
      }
    };
    await Promise.all(Array.from({ length: 4 }, run));
    // Else the test would hold nothing: with plain TCP alone a connection is made before anything can be cut.
    assert.ok(kinds.includes('answered') && kinds.includes('lost') && (!tls || kinds.includes('neverLeft')));
  });
}

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
