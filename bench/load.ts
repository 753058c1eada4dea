/** The load generator, in a process of its own so that it takes no time from what it measures. */
import { type Dispatcher, Pool } from 'undici';
import { answer } from './harness.ts';

/** Requests to send for a while, each connection the next as soon as it has its answer. */
export interface Load {
  readonly origin: string;
  readonly headers: Readonly<Record<string, string>>;
  /** `{n}` in it becomes the number of the request, from 0. */
  readonly body: string;
  readonly connections: number;
  readonly ms: number;
  /** Must stand in every answer: a refusal would be fast, and is no result. */
  readonly expect: string;
}

export interface LoadResult {
  readonly requests: number;
  readonly perSecond: number;
  /** Of each request, in ms. */
  readonly latencies: readonly number[];
}

async function run(load: Load): Promise<LoadResult> {
  const pool = new Pool(load.origin, { connections: load.connections, pipelining: 1, allowH2: false });
  const latencies: number[] = [];
  const startedAt = performance.now();
  let sent = 0;
  const keepAsking = async (): Promise<void> => {
    while (performance.now() - startedAt < load.ms) {
      const sentAt = performance.now();
      const body = load.body.replace('{n}', String(sent));
      sent += 1;
      await exchange(pool, load, body);
      latencies.push(performance.now() - sentAt);
    }
  };
  await Promise.all(Array.from({ length: load.connections }, keepAsking));
  const seconds = (performance.now() - startedAt) / 1000;
  await pool.close();
  return { requests: latencies.length, perSecond: latencies.length / seconds, latencies };
}

/** `dispatch`, since every other way of undici's costs the client more. */
function exchange(pool: Pool, { headers, expect }: Load, body: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let status = 0;
    const chunks: Buffer[] = [];
    const handler: Dispatcher.DispatchHandler = {
      onRequestStart: () => undefined,
      onResponseStart: (_controller, code) => {
        status = code;
      },
      onResponseData: (_controller, chunk) => {
        chunks.push(chunk);
      },
      onResponseEnd: () => {
        const bytes = Buffer.concat(chunks);
        if (status === 200 && bytes.includes(expect)) resolve();
        else reject(new Error(`${status}: ${bytes}`));
      },
      onResponseError: (_controller, error) => reject(error),
    };
    pool.dispatch({ method: 'POST', path: '/graphql', headers, body }, handler);
  });
}

answer(run);
