import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { StartupError } from './domain/errors.ts';

/** How a command reaches a running API. */
export interface ClientConfig {
  /** Where GraphQL is, e.g. `http://127.0.0.1:4000/graphql`. */
  readonly url: string;
  readonly apiKey: string;
}

/**
 * What a client finds of the API: the key in OUTFLOW_API_KEY, else in sandbox mode the demo merchant's, as `outflow serve` left
 * it in DATA_DIR; the address as it is given, else where the demo's server is, else on this machine at PORT. Throws StartupError
 * where there is no key, or the address is none.
 */
export function findClient(env: Readonly<Record<string, string | undefined>>, url: string | null): ClientConfig {
  const demo = env.OUTFLOW_MODE === 'live' ? null : readDemo(join(env.DATA_DIR || './data', 'demo.json'));
  const own = env.OUTFLOW_API_KEY || null;
  const apiKey = own ?? demo?.apiKey ?? null;
  if (apiKey === null) throw new StartupError('Set OUTFLOW_API_KEY to a key that may create payouts');
  const local = `http://127.0.0.1:${env.PORT || 4000}`;
  return { url: toEndpoint(url ?? (own === null ? demo?.url : null) ?? local), apiKey };
}

/** With or without /graphql at its end. */
function toEndpoint(text: string): string {
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol)) {
    throw new StartupError(`${text} is no address: say --url http://HOST:PORT`);
  }
  return `${text.replace(/\/(graphql)?$/, '')}/graphql`;
}

/** Null: no server has run here, or not in sandbox mode. */
function readDemo(path: string): Partial<ClientConfig> | null {
  try {
    const { url, apiKey } = JSON.parse(readFileSync(path, 'utf8')) as Readonly<Record<string, unknown>>;
    return { ...(typeof url === 'string' ? { url } : {}), ...(typeof apiKey === 'string' ? { apiKey } : {}) };
  } catch {
    return null;
  }
}
