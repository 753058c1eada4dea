import type { IncomingMessage } from 'node:http';
import type { Sandbox, SandboxAnswer } from '../sandbox.ts';
import type { Order } from './books.ts';
import { isWebUrl, NOT_FOUND, readBody } from './exchange.ts';

const NO_URL: SandboxAnswer = { status: 400, body: '{"message":"the body is an object with an http(s) url"}' };

/** Whether an address, or the name of one, is this machine's alone. */
export function isLoopback(address: string): boolean {
  return /^(localhost|::1|(::ffff:)?127\..*)$/.test(address);
}

/**
 * What other processes may ask of the sandbox itself. It shows secrets: unless it is `shared` with other machines, this one
 * alone is answered.
 */
export async function control(
  sandbox: Sandbox,
  incoming: IncomingMessage,
  pathname: string,
  shared: boolean,
): Promise<SandboxAnswer> {
  if (!shared && !isLoopback(incoming.socket.remoteAddress ?? '')) return NOT_FOUND;
  const [, slug = null] = /^\/_sandbox\/callbacks\/([^/]+)$/.exec(pathname) ?? [];
  switch (`${incoming.method} ${slug === null ? pathname : '/_sandbox/callbacks/'}`) {
    case 'GET /_sandbox/books':
      return json(sandbox.books().map(toPublic));
    case 'GET /_sandbox/credentials':
      return json(Object.fromEntries(sandbox.slugs.map((each) => [each, sandbox.credentials(each)])));
    case 'POST /_sandbox/callbacks/': {
      if (slug === null || !sandbox.slugs.includes(slug)) return NOT_FOUND;
      const url = readUrl(await readBody(incoming));
      if (url === null) return NO_URL;
      sandbox.registerCallback(slug, url);
      return json({ url });
    }
    default:
      return NOT_FOUND;
  }
}

/** What `GET /_sandbox/books` shows of an order: not where it goes or what else it says, which may be about people. */
function toPublic(order: Order) {
  const { provider, providerReference, mark, amount, currency, network } = order;
  const { state, createdAt, debit, debited, returned } = order;
  return { provider, providerReference, mark, amount, currency, network, state, createdAt, debit, debited, returned };
}

function json(value: unknown): SandboxAnswer {
  return { status: 200, body: JSON.stringify(value) };
}

/** The `url` of a body that is a JSON object with one; null for anything else. */
function readUrl(body: Buffer | null): string | null {
  try {
    const value: unknown = JSON.parse(body?.toString('utf8') ?? '');
    const url = value !== null && typeof value === 'object' && 'url' in value ? value.url : null;
    return typeof url === 'string' && isWebUrl(url) ? url : null;
  } catch {
    return null;
  }
}
