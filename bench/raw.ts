/** A bare node:http server that reads a request and answers always the same bytes: what no server in Node can beat. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { answer } from './harness.ts';

export interface RawQuestion {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

async function open({ headers, body }: RawQuestion): Promise<{ readonly origin: string }> {
  const bytes = Buffer.from(body);
  const server = createServer((request, response) => {
    request.resume().once('end', () => response.writeHead(200, headers).end(bytes));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return { origin: `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}` };
}

answer(open);
