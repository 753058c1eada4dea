/**
 * How many payouts a second one API process takes in batches of 10,000, as a share of what its store alone can insert, and
 * what such batches cost it in memory.
 *
 * The batches come one after another, each answered before the next is sent. All that the product does is done meanwhile: the
 * worker sends what was created to the stand-in, whose answers and webhooks come back. The peak of the resident set holds
 * that as well, SQLite's page cache, and heap that V8 keeps for later.
 */
import { readFileSync } from 'node:fs';
import { alternate, median, openApi, openChild, openFolder, type Row, show } from './harness.ts';
import type { InsertQuestion, InsertResult } from './inserts.ts';

const ROUNDS = 2;
/** The most that one call takes. */
const ITEMS = 10_000;
const BATCHES = 3;
/** As many as the API writes at once. */
const IN_FLIGHT = 64;

interface BatchResult {
  readonly perSecond: number;
  /** Of the API process: before the first batch, and the most up to the last answer. */
  readonly startMiB: number;
  readonly peakMiB: number;
}

export async function measureBatch(): Promise<readonly Row[]> {
  const pairs = await alternate(ROUNDS, throughApi, insertAlone);
  const ratio = show(median(pairs.map(([ours, theirs]) => ours.perSecond / theirs.perSecond)));
  const our = (key: keyof BatchResult): string => show(median(pairs.map(([ours]) => ours[key])));
  const theirs = show(median(pairs.map(([, one]) => one.perSecond)));
  return [
    {
      what: `items of \`createPayoutBatch\` a second, ${ITEMS.toLocaleString('en')} in a call`,
      against: `\`store.insert\` alone, ${IN_FLIGHT} in flight`,
      ratio,
      alone: `${our('perSecond')} and ${theirs} a second`,
    },
    {
      what: `peak resident set of the API process, ${BATCHES} such calls, sending included`,
      against: 'before the first call',
      ratio: show(median(pairs.map(([ours]) => ours.peakMiB / ours.startMiB))),
      alone: `${our('peakMiB')} and ${our('startMiB')} MiB`,
    },
  ];
}

async function throughApi(round: number): Promise<BatchResult> {
  await using api = await openApi();
  const startMiB = residentMiB(api.pid, 'VmRSS');
  const bodies = Array.from({ length: BATCHES }, (_, at) => batchBody(`batch-${round}-${at}`));
  const startedAt = performance.now();
  for (const body of bodies) {
    const { text } = await api.ask(body);
    if (!text.includes(`"created":${ITEMS}`)) throw new Error(text.slice(0, 1000));
  }
  const seconds = (performance.now() - startedAt) / 1000;
  return { perSecond: (BATCHES * ITEMS) / seconds, startMiB, peakMiB: residentMiB(api.pid, 'VmHWM') };
}

async function insertAlone(): Promise<InsertResult> {
  using folder = openFolder();
  await using store = openChild<InsertQuestion, InsertResult>('inserts.ts');
  return await store.ask({ folder: folder.path, count: BATCHES * ITEMS, width: IN_FLIGHT });
}

/** The body of a batch of payouts of 1 USDT, which the stand-in pays without a fault. */
function batchBody(reference: string): string {
  const query = `mutation Create($input: CreatePayoutBatchInput!) {
    createPayoutBatch(input: $input) {
      ... on CreatePayoutBatchSuccess { created errors { index error { message } } } ... on Error { message }
    }
  }`;
  const items = Array.from({ length: ITEMS }, (_, at) => ({
    reference: `${reference}-${at}`,
    amount: { amount: '1', currency: 'USDT' },
    destination: { blockchain: { address: 'TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t', network: 'TRON' } },
    provider: 'OXAPAY',
  }));
  return JSON.stringify({ query, variables: { input: { reference, items } } });
}

/** A figure of /proc: VmRSS, the resident set now, or VmHWM, the most that it ever was; NaN where there is no /proc. */
function residentMiB(pid: number, name: 'VmRSS' | 'VmHWM'): number {
  try {
    const [, kib] =
      new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'latin1')) ?? [];
    return Number(kib) / 1024;
  } catch {
    return Number.NaN;
  }
}
