/**
 * How much of a bare server's rate is left for `payouts(first: 20)` with eight scalar fields, over keep-alive connections.
 *
 * Both sides send the very same bytes. The request rate is limited by the serving process on our side, and on the bare
 * side as often by the load generator, so that the true ratio is a little lower; CPU time per request of the serving
 * process has no such bound, and hardly feels what else the machine does.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Api,
  alternate,
  cpuMs,
  createBody,
  inFlight,
  median,
  openApi,
  openChild,
  type Row,
  show,
} from './harness.ts';
import type { Load, LoadResult } from './load.ts';
import type { RawQuestion } from './raw.ts';

const ROUNDS = 5;
const ROUND_MS = 2500;
const WARM_UP_MS = 4000;
const CONNECTIONS = 8;
const QUERY = `{
  payouts(first: 20) {
    edges { node { id reference state final moneyMoved providerReference sequence createdAt } }
    pageInfo { hasNextPage endCursor }
  }
}`;

export async function measureList(): Promise<readonly Row[]> {
  await using api = await openApi();
  await settle(api, 100);
  const body = JSON.stringify({ query: QUERY });
  const { headers, text } = await api.ask(body);
  await using raw = openChild<RawQuestion, { readonly origin: string }>('raw.ts');
  await using load = openChild<Load, LoadResult>('load.ts');
  const twin = await raw.ask({ headers: copyable(headers), body: text });

  const run = async (origin: string, pid: number, ms: number) => {
    const before = cpuMs(pid);
    const settings = { headers: api.headers, body, connections: CONNECTIONS, expect: '"hasNextPage":true' };
    const { requests, perSecond } = await load.ask({ origin, ms, ...settings });
    return { perSecond, cpu: (cpuMs(pid) - before) / requests };
  };
  const ours = (ms: number) => run(api.origin, api.pid, ms);
  const bare = (ms: number) => run(twin.origin, raw.pid, ms);
  await ours(WARM_UP_MS);
  await bare(WARM_UP_MS);
  const pairs = await alternate(
    ROUNDS,
    () => ours(ROUND_MS),
    () => bare(ROUND_MS),
  );

  const our = (key: 'perSecond' | 'cpu') => median(pairs.map(([one]) => one[key]));
  const their = (key: 'perSecond' | 'cpu') => median(pairs.map(([, one]) => one[key]));
  const ratio = (key: 'perSecond' | 'cpu') => show(median(pairs.map(([a, b]) => a[key] / b[key])));
  const against = 'a bare node:http server, same bytes';
  return [
    {
      what: `\`payouts(first: 20)\`, 8 scalars: requests a second, ${CONNECTIONS} connections`,
      against,
      ratio: ratio('perSecond'),
      alone: `${show(our('perSecond'))} and ${show(their('perSecond'))} a second`,
    },
    {
      what: 'the same: CPU time of the server for each request',
      against,
      ratio: ratio('cpu'),
      alone: `${show(our('cpu'))} and ${show(their('cpu'))} ms`,
    },
  ];
}

/** Creates payouts and waits until all are final, so that the list does not change any more. */
async function settle(api: Api, count: number): Promise<void> {
  await inFlight(16, count, (index) => api.ask(createBody(`list-${index}`)));
  const open = JSON.stringify({
    query: '{ payouts(first: 1, filter: { states: [QUEUED, SUBMITTING, IN_DOUBT, PROCESSING] }) { edges { cursor } } }',
  });
  for (let tries = 0; tries < 120; tries += 1) {
    if ((await api.ask(open)).text.includes('"edges":[]')) return;
    await sleep(500);
  }
  throw new Error('the payouts of the list were not settled within a minute');
}

/** The headers of an answer that the HTTP server does not write by itself. */
function copyable(headers: Headers): Record<string, string> {
  const own = new Set(['date', 'connection', 'keep-alive', 'transfer-encoding']);
  return Object.fromEntries([...headers].filter(([name]) => !own.has(name)));
}
