/**
 * What a provider that is down costs the others. Payouts are created for all five at a steady rate, and the time from each
 * create to its COMPLETED event is taken at four of them: first while all are well, then while the fifth takes every request
 * and answers none, or while nobody listens there. A run in which nothing happens to the fifth tells what noise is.
 *
 * The payouts are such that the stand-in finishes at once, so that what is timed is ours: the way to the provider, its
 * webhook or our look-up, and the event. At two of the four that is some 50 ms, at two it takes a look-up, seconds later; so
 * a time counts as a multiple of its own provider's median while all were well.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from 'graphql-ws';
import { definitions } from '../src/providers/index.ts';
import { sampleInputOf } from '../test/support/api.ts';
import { type Api, median, openApi, percentile, type Row, type Settings, show, showLatency } from './harness.ts';

/** Its calls are not paced, so that all of its places fill up. */
const FIFTH = 'oxapay';
const ROUNDS = 3;
const WARM_UP_MS = 4000;
const PHASE_MS = 6000;
/** Between two payouts at one provider. Where a limit is published, more would have to wait for their turn. */
const EVERY_MS = 75;
const EVERY_MS_WHERE_LIMITED: Readonly<Record<string, number>> = { io2328: 150, blockatm: 1000 };
/** An amount that ends so is completed at once. */
const DECIMALS = '89';
const LONGEST_MS = 60_000;

const WEATHERS = ['SILENT', 'AWAY', 'FAIR'] as const;
/** Of the fifth: it takes requests and answers none; nobody listens there; all is well. */
type Weather = (typeof WEATHERS)[number];

/** In ms, by provider. */
type Latencies = ReadonlyMap<string, readonly number[]>;

interface Pair {
  readonly weather: Weather;
  readonly before: Latencies;
  readonly during: Latencies;
}

export async function measureWeather(): Promise<readonly Row[]> {
  const pairs: Pair[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const weather of WEATHERS) pairs.push(await runThrough(weather));
  }
  return WEATHERS.map((weather) => {
    const own = pairs.filter((pair) => pair.weather === weather);
    const ratio = (share: number): string => show(median(own.map((pair) => compare(pair, share))));
    const latenciesAt = (slug: string, of: 'before' | 'during') => own.flatMap((pair) => pair[of].get(slug) ?? []);
    const others = definitions.filter(({ slug }) => slug !== FIFTH);
    return {
      what: {
        SILENT: 'create → COMPLETED at four providers while the fifth takes requests and answers none, p50 / p99',
        AWAY: 'the same while nobody listens at the fifth, p50 / p99',
        FAIR: 'the same with nothing the matter (the noise), p50 / p99',
      }[weather],
      against: 'the seconds before, all five well',
      ratio: `${ratio(0.5)} / ${ratio(0.99)}`,
      alone: others
        .map(({ slug, name }) => {
          const [during, before] = [latenciesAt(slug, 'during'), latenciesAt(slug, 'before')];
          return `${name} ${showLatency(during)} and ${showLatency(before)}`;
        })
        .join('; '),
    };
  });
}

/** One percentile meanwhile, divided by the same before, of latencies as multiples of their provider's median before. */
function compare({ before, during }: Pair, share: number): number {
  const relative = (latencies: Latencies): number[] =>
    [...latencies].flatMap(([slug, all]) => all.map((ms) => ms / median(before.get(slug) ?? [])));
  return percentile(relative(during), share) / percentile(relative(before), share);
}

/** A deployment of its own: what the fifth leaves to be done after bad weather would slow down the next. */
async function runThrough(weather: Weather): Promise<Pair> {
  await using front = await openFront();
  await using api = await openApi((settings) => front.cover(settings));
  await using watch = await openWatch(api);
  await createFor(WARM_UP_MS, api, watch);
  const before = await createFor(PHASE_MS, api, watch);
  await front.become(weather);
  const during = await createFor(PHASE_MS, api, watch);
  return { weather, before, during };
}

/** Creates at every provider for a while, and waits until the payouts of all but the fifth are completed. */
async function createFor(ms: number, api: Api, watch: Watch): Promise<Latencies> {
  const latencies = new Map<string, number[]>();
  const endAt = performance.now() + ms;
  const over: Promise<void>[] = [];
  const createAt = async (slug: string): Promise<void> => {
    const mine: number[] = [];
    if (slug !== FIFTH) latencies.set(slug, mine);
    const everyMs = EVERY_MS_WHERE_LIMITED[slug] ?? EVERY_MS;
    for (let nextAt = performance.now(); nextAt < endAt; nextAt += everyMs) {
      await sleep(Math.max(0, nextAt - performance.now()));
      const input = sampleInputOf(slug, nextAmount());
      const startedAt = performance.now();
      const completed = watch.completed(input.reference);
      over.push(create(api, input));
      if (slug !== FIFTH) over.push(completed.then((at) => void mine.push(at - startedAt)));
    }
  };
  await Promise.all(definitions.map(({ slug }) => createAt(slug)));
  const tooLong = new AbortController();
  const late = sleep(LONGEST_MS, undefined, { signal: tooLong.signal }).then(
    () => Promise.reject(new Error('a payout at a healthy provider did not complete')),
    () => undefined,
  );
  await Promise.race([Promise.all(over), late]);
  tooLong.abort();
  return latencies;
}

let made = 0;
/** Above every provider's least amount. */
function nextAmount(): string {
  made += 1;
  return `${100 + (made % 400)}.${DECIMALS}`;
}

async function create(api: Api, input: object): Promise<void> {
  const query = `mutation Create($input: CreatePayoutInput!) {
    createPayout(input: $input) { ... on CreatePayoutSuccess { replayed } ... on Error { message } }
  }`;
  const { text } = await api.ask(JSON.stringify({ query, variables: { input } }));
  if (!text.includes('"replayed":false')) throw new Error(text);
}

/** Hears of every event of the deployment. */
interface Watch extends AsyncDisposable {
  /** When the payout's COMPLETED event came, by `performance.now()`. */
  completed(reference: string): Promise<number>;
}

async function openWatch(api: Api): Promise<Watch> {
  const waiting = new Map<string, (at: number) => void>();
  // From a cursor on, so that nothing is missed that happens before the subscription stands.
  const { text } = await api.ask(JSON.stringify({ query: '{ payoutEvents(first: 1) { cursor } }' }));
  const { data: head } = JSON.parse(text) as { readonly data: { readonly payoutEvents: { readonly cursor: string } } };
  const client = createClient({
    url: api.webSocketUrl,
    connectionParams: { Authorization: `Bearer ${api.apiKey}` },
    lazy: false,
    retryAttempts: 0,
  });
  const stop = client.subscribe<{ readonly payoutEvents: { state: string; payout: { reference: string } } }>(
    {
      query: 'subscription Watch($after: String) { payoutEvents(after: $after) { state payout { reference } } }',
      variables: { after: head.payoutEvents.cursor },
    },
    {
      next: ({ data }) => {
        if (data?.payoutEvents.state !== 'COMPLETED') return;
        const { reference } = data.payoutEvents.payout;
        waiting.get(reference)?.(performance.now());
        waiting.delete(reference);
      },
      error: (cause) => {
        throw new Error('the subscription broke', { cause });
      },
      complete: () => undefined,
    },
  );
  return {
    completed: (reference) => new Promise((resolve) => waiting.set(reference, resolve)),
    async [Symbol.asyncDispose]() {
      stop();
      await client.dispose();
    },
  };
}

/** Stands before the fifth, and makes its weather. */
interface Front extends AsyncDisposable {
  /** The settings with which the product finds the fifth behind it. */
  cover(settings: Settings): Settings;
  become(weather: Weather): Promise<void>;
}

async function openFront(): Promise<Front> {
  const sockets = new Set<Socket>();
  const keep = (socket: Socket): Socket => {
    sockets.add(socket);
    return socket.on('error', () => undefined).once('close', () => sockets.delete(socket));
  };
  let weather: Weather = 'FAIR';
  let upstream = new URL('http://127.0.0.1');
  const server = createServer((client) => {
    keep(client);
    if (weather === 'SILENT') return void client.resume();
    const there = keep(connect(Number(upstream.port), upstream.hostname));
    client.pipe(there).pipe(client);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const leave = async (): Promise<void> => {
    if (!server.listening) return;
    const closed = once(server, 'close');
    server.close();
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  const name = definitions.find(({ slug }) => slug === FIFTH)?.settings.baseUrl?.env ?? '';
  return {
    cover(settings) {
      upstream = new URL(settings[name] ?? '');
      return { ...settings, [name]: `http://127.0.0.1:${port}${upstream.pathname}` };
    },
    async become(next) {
      weather = next;
      if (next === 'AWAY') await leave();
      else if (next === 'SILENT') for (const socket of sockets) socket.destroy();
    },
    [Symbol.asyncDispose]: leave,
  };
}
