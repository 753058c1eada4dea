import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:http';
import { after, before, describe, it } from 'node:test';
import { WatchEventsDocument } from './operations/generated/graphql.ts';
import { type Api, create, describeApi, openApi } from './support/api.ts';
import { readAnswer, send } from './support/client.ts';

const VIEWER = JSON.stringify({ query: '{ viewer { label } }' });

describeApi('the server', (open) => {
  let api: Api;
  before(async () => {
    api = await openApi(await open({ CORS_ORIGINS: 'https://app.example.com', GRAPHIQL: 'true' }));
  });
  after(() => api.close());

  const headers = () => ({ authorization: `Bearer ${api.merchant.secret}`, 'content-type': 'application/json' });

  it('says that it lives and that it is ready, without a key', async () => {
    const live = await send(`${api.url}/healthz`);
    assert.deepEqual([live.status, live.body], [200, 'ok']);
    const ready = await send(`${api.url}/readyz`);
    assert.deepEqual([ready.status, ready.body], [200, 'ready']);
  });

  it('says that it lives and is not ready where the store does not answer', async () => {
    const lame = await openApi(await open({}, { working: false }));
    await lame.world.store.close();
    assert.equal((await send(`${lame.url}/readyz`)).status, 503);
    assert.equal((await send(`${lame.url}/healthz`)).status, 200);
    await lame.close();
  });

  it('has nothing anywhere else', async () => {
    for (const path of ['/', '/graphql/x', '/graphqlx', '/webhooks', '/.env', '//graphql']) {
      assert.equal((await send(`${api.url}${path}`)).status, 404, path);
    }
  });

  it('names every request in its answer: by the name that it brought, or by a new one', async () => {
    const ask = async (path: string, sent: Record<string, string>) =>
      (await send(`${api.url}${path}`, { headers: sent })).headers['x-request-id'];
    assert.equal(await ask('/healthz', { 'x-request-id': 'my.request_1-a' }), 'my.request_1-a');
    assert.equal(await ask('/graphql', { 'x-request-id': 'refused' }), 'refused');
    const made = [await ask('/healthz', {}), await ask('/nowhere', {}), await ask('/graphql', {})];
    for (const wrong of ['', 'a b', 'x'.repeat(65), 'a;b']) made.push(await ask('/healthz', { 'x-request-id': wrong }));
    assert.equal(new Set(made).size, made.length);
    for (const id of made) assert.match(String(id), /^rq_[0-9a-v]{26}$/);
    const answer = await send(`${api.url}/graphql`, { method: 'POST', headers: headers(), body: VIEWER });
    assert.equal(answer.status, 200);
    assert.match(String(answer.headers['x-request-id']), /^rq_/);
  });

  it('lets pages of the named origins read its answers, and no others', async () => {
    const preflight = (origin: string) => send(`${api.url}/graphql`, { method: 'OPTIONS', headers: { origin } });
    const allowed = await preflight('https://app.example.com');
    assert.equal(allowed.status, 204);
    assert.equal(allowed.headers['access-control-allow-origin'], 'https://app.example.com');
    for (const origin of ['https://evil.example.com', 'https://app.example.com.evil.com', 'null']) {
      const refused = await preflight(origin);
      assert.equal(refused.headers['access-control-allow-origin'], undefined);
      assert.ok(refused.status >= 400);
    }
  });

  describe('in a browser', () => {
    const page = (url: string, secret: string | null = null) =>
      send(`${url}/graphql`, {
        headers: { accept: 'text/html', ...(secret === null ? {} : { authorization: `Bearer ${secret}` }) },
      });

    it('shows GraphiQL where that is on, with everything that it needs from here', async () => {
      const { status, headers: answered, body } = await page(api.url);
      assert.equal(status, 200);
      assert.match(String(answered['content-type']), /^text\/html/);
      assert.match(body, /GraphiQL/i);
      assert.doesNotMatch(body, /<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)\s*=\s*["']?(?:https?:)?\/\//i);
      assert.doesNotMatch(body, /@import\s+(?:url\()?["']?(?:https?:)?\/\//i);
      assert.ok(!body.includes(api.merchant.secret));
    });

    it('shows no page where it is off', async () => {
      const plain = await openApi(await open({ GRAPHIQL: 'false' }, { working: false }));
      try {
        for (const secret of [null, plain.merchant.secret]) {
          const reply = await page(plain.url, secret);
          assert.ok([400, 401, 404, 406].includes(reply.status), String(reply.status));
          assert.doesNotMatch(reply.body, /<html|<script/i);
        }
      } finally {
        await plain.close();
      }
    });
  });

  it('closing sends listeners away to come back, answers what is under way, and takes nothing new', async (t) => {
    const going = await openApi(await open());
    const over = new AbortController();
    t.after(() => {
      over.abort();
      return going.close();
    });
    const cursor = await going.head();
    const socket = await going.merchant.listen('WebSocket', WatchEventsDocument, { after: cursor });
    const stream = await going.merchant.listen('SSE', WatchEventsDocument, { after: cursor });
    await create(going.merchant, '10.83');
    await going.world.rest();
    for (const listener of [socket, stream]) await listener.take(3);

    // A request whose body is still to come: the server has its head, since it asks for the rest.
    const underWay = request(`${going.url}/graphql`, {
      method: 'POST',
      agent: false,
      signal: over.signal,
      headers: {
        authorization: `Bearer ${going.merchant.secret}`,
        'content-type': 'application/json',
        'content-length': VIEWER.length,
        expect: '100-continue',
      },
    });
    underWay.flushHeaders();
    await once(underWay, 'continue');
    const answer = readAnswer(underWay);
    const closed = going.world.server.close();
    await assert.rejects(send(`${going.url}/healthz`), { code: 'ECONNREFUSED' });
    for (const listener of [socket, stream]) assert.equal(await listener.next(), null);
    assert.equal(socket.ending(), 'closed 1012');
    assert.equal(stream.ending(), 'cut');
    underWay.end(VIEWER);
    const { status, body } = await answer;
    assert.deepEqual([status, JSON.parse(body)], [200, { data: { viewer: { label: 'test key' } } }]);
    await closed;
  });
});
