import { type IncomingMessage, request } from 'node:http';
import { StartupError } from '../domain/errors.ts';
import { type Clock, describeError } from '../runtime.ts';

/** What a process has to know of a stand-in, and to tell it, wherever that runs. */
export interface StandIn {
  /** Values for all settings of a provider's account, `baseUrl` included. Throws for a slug that is not played. */
  credentials(slug: string): Readonly<Record<string, string>>;
  /** Where a provider's account has its webhooks sent: a complete http(s) URL. */
  registerCallback(slug: string, url: string): Promise<void> | void;
}

/** How often it is asked, and what lies between: twenty seconds for it to start in. */
const TRIES = 80;
const AGAIN_MS = 250;
const SILENCE_MS = 5000;
const MAX_ANSWER_BYTES = 1024 * 1024;

/**
 * The stand-in at `url` (`http://HOST:PORT`), which other processes may use as well; it is given some seconds to come up.
 * Rejects with StartupError, in one line, where it does not answer as one.
 */
export async function reachSandbox(url: string, clock: Pick<Clock, 'sleep'>): Promise<StandIn> {
  async function insist<T>(attempt: () => Promise<T>): Promise<T> {
    let fault = '';
    for (let tries = 0; tries < TRIES; tries += 1) {
      if (tries > 0) await clock.sleep(AGAIN_MS);
      try {
        return await attempt();
      } catch (error) {
        fault = describeError(error).trim();
      }
    }
    throw new StartupError(`the sandbox of SANDBOX_URL, ${url}, does not answer: ${fault}; outflow sandbox starts one`);
  }

  const known = await insist(async () => readCredentials(await ask('GET', `${url}/_sandbox/credentials`, '')));
  return {
    credentials(slug) {
      const values = known.get(slug);
      if (values === undefined) throw new StartupError(`the sandbox of SANDBOX_URL, ${url}, does not play ${slug}`);
      // It knows by which name it listens, not by which one it is reached from here.
      return { ...values, baseUrl: `${url}${new URL(values.baseUrl ?? '', url).pathname}` };
    },
    async registerCallback(slug, callback) {
      await insist(() => ask('POST', `${url}/_sandbox/callbacks/${slug}`, JSON.stringify({ url: callback })));
    },
  };
}

/** By slug. Throws for what is not credentials. */
function readCredentials(text: string): ReadonlyMap<string, Readonly<Record<string, string>>> {
  const parsed: unknown = JSON.parse(text);
  return new Map(entriesOf(parsed).map(([slug, values]) => [slug, Object.fromEntries(entriesOf(values).map(asText))]));
}

function entriesOf(value: unknown): [key: string, value: unknown][] {
  if (typeof value !== 'object' || value === null) throw new TypeError('its answer is not credentials');
  return Object.entries(value);
}

function asText([key, value]: readonly [key: string, value: unknown]): [key: string, value: string] {
  if (typeof value !== 'string') throw new TypeError('its answer is not credentials');
  return [key, value];
}

/** The body of an answer of 200. Rejects for any other, and where none comes. */
async function ask(method: string, url: string, body: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const headers = { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) };
  const outgoing = request(url, { method, headers, agent: false, timeout: SILENCE_MS });
  outgoing.on('response', resolve).on('error', reject);
  outgoing.on('timeout', () => outgoing.destroy(new Error('it is silent')));
  outgoing.end(body);
  const response = await promise;
  let text = '';
  response.setEncoding('utf8');
  for await (const chunk of response) {
    text += chunk;
    if (text.length > MAX_ANSWER_BYTES) throw new Error('its answer is too long');
  }
  if (response.statusCode !== 200) throw new Error(`it answered HTTP ${response.statusCode}`);
  return text;
}
