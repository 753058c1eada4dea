/**
 * How many payouts a second one API process stores for clients that keep 32 in flight, as a share of what its store alone
 * can insert.
 *
 * All that the product does is done meanwhile: the worker sends what was created to the stand-in, whose answers and webhooks
 * come back. On our side three processes (load, API, stand-in) share the machine's cores, and the API's one thread is the
 * limit; the store alone waits for the disk's fsync, which 32 inserts share. So the ratio of the rates moves with the disk;
 * that of CPU times does not.
 */
import {
  alternate,
  cpuMs,
  createBody,
  median,
  openApi,
  openChild,
  openFolder,
  type Row,
  show,
  showLatency,
} from './harness.ts';
import type { InsertQuestion, InsertResult } from './inserts.ts';
import type { Load, LoadResult } from './load.ts';

const ROUNDS = 3;
const IN_FLIGHT = 32;
const WARM_UP_MS = 2000;
const ROUND_MS = 4000;

export async function measureCreate(): Promise<readonly Row[]> {
  const pairs = await alternate(ROUNDS, throughApi, insertAlone);
  const latencies = pairs.flatMap(([ours]) => ours.latencies);
  const our = (key: 'perSecond' | 'cpu') => show(median(pairs.map(([ours]) => ours[key])));
  const their = (key: 'perSecond' | 'cpu') => show(median(pairs.map(([, theirs]) => theirs[key])));
  const ratio = (key: 'perSecond' | 'cpu') => show(median(pairs.map(([ours, theirs]) => ours[key] / theirs[key])));
  const against = `\`store.insert\` alone, ${IN_FLIGHT} in flight`;
  return [
    {
      what: `\`createPayout\` a second, ${IN_FLIGHT} in flight`,
      against,
      ratio: ratio('perSecond'),
      alone: `${our('perSecond')} and ${their('perSecond')} a second; p50 / p99 of ours: ${showLatency(latencies)}`,
    },
    {
      what: 'the same: CPU time of the API process for each payout, sending included',
      against,
      ratio: ratio('cpu'),
      alone: `${our('cpu')} and ${their('cpu')} ms`,
    },
  ];
}

/** A deployment for each round: what one round leaves to be sent would slow the other side down. */
async function throughApi(round: number): Promise<LoadResult & { readonly cpu: number }> {
  await using api = await openApi();
  await using load = openChild<Load, LoadResult>('load.ts');
  const { origin, headers } = api;
  const run = (tag: string, ms: number) => {
    const body = createBody(`${tag}-${round}-{n}`);
    return load.ask({ origin, headers, body, ms, connections: IN_FLIGHT, expect: '"replayed":false' });
  };
  await run('warm', WARM_UP_MS);
  const before = cpuMs(api.pid);
  const result = await run('create', ROUND_MS);
  return { ...result, cpu: (cpuMs(api.pid) - before) / result.requests };
}

async function insertAlone(): Promise<InsertResult> {
  using folder = openFolder();
  await using store = openChild<InsertQuestion, InsertResult>('inserts.ts');
  return await store.ask({ folder: folder.path, count: 12_000, width: IN_FLIGHT });
}
