/**
 * The parts of `outflow serve` on a store that is filled before, in a process that also walks through its pages by itself. Its
 * argument is the data folder.
 */
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { compose, type Parts } from '../src/compose.ts';
import { loadConfig } from '../src/config.ts';
import type { PageKey } from '../src/domain/store.ts';
import { definitions } from '../src/providers/index.ts';
import { createIds, systemClock } from '../src/runtime.ts';
import { openServer } from '../src/server.ts';
import { silentLog } from '../test/support/log.ts';
import { afterNoon, sampleMerchant } from '../test/support/payouts.ts';
import { answer, inFlight } from './harness.ts';
import { openAt } from './store-places.ts';
import { MERCHANT, recordsOf } from './store-records.ts';

/** FILL: so many payouts, before anything else. OPEN: serves them. WALK: reads the newest so many, and drops them. */
export type ExportQuestion =
  | { readonly kind: 'FILL'; readonly rows: number }
  | { readonly kind: 'OPEN' }
  | { readonly kind: 'WALK'; readonly rows: number };

export interface ExportAnswer {
  readonly origin: string;
  readonly secret: string;
  /** Of FILL and WALK. */
  readonly perSecond: number;
}

/** So many are written as the store writes them; the others are copies of them. They are a second apart. */
const SEED = 10_000;
/** As an export reads them. */
const PAGE = 200;

const folder = process.argv[2] ?? '';
const runtime = { clock: systemClock, ids: createIds(systemClock), log: silentLog };
let parts: Parts | null = null;

async function respond(question: ExportQuestion): Promise<ExportAnswer> {
  const startedAt = performance.now();
  const way = question.kind === 'OPEN' ? await open() : { origin: '', secret: '' };
  if (question.kind === 'OPEN') return { ...way, perSecond: 0 };
  await (question.kind === 'FILL' ? fill(question.rows) : walk(question.rows));
  return { ...way, perSecond: (question.rows * 1000) / (performance.now() - startedAt) };
}

async function fill(rows: number): Promise<void> {
  const store = await openAt({ adapter: 'SQLite', at: folder, changeStream: false });
  await store.insertMerchant(sampleMerchant({ id: MERCHANT }));
  const records = recordsOf('PAID', 0, SEED).filter(([payout]) => payout.merchantId === MERCHANT);
  await inFlight(1000, records.length, async (at) => {
    const record = records[at];
    if (record) await store.insert(...record);
  });
  await store.close();
  copy(rows / SEED);
}

/** Makes so many of each payout: another id, reference and instant, and else the same bytes. Their events are not copied. */
function copy(times: number): void {
  const db = new DatabaseSync(join(folder, 'outflow.db'));
  db.exec('PRAGMA synchronous = OFF; PRAGMA cache_size = -200000');
  const changed: Readonly<Record<string, string>> = {
    id: "'po_' || printf('%05d', :copy) || substr(id, 9)",
    reference: "reference || '-' || :copy",
    created_at: `created_at + :copy * ${SEED * 1000}`,
    document: `replace(replace(replace(document, id, 'po_' || printf('%05d', :copy) || substr(id, 9)),
      '"' || reference || '"', '"' || reference || '-' || :copy || '"'),
      strftime('%Y-%m-%dT%H:%M:%S.000Z', created_at / 1000, 'unixepoch'),
      strftime('%Y-%m-%dT%H:%M:%S.000Z', created_at / 1000 + :copy * ${SEED}, 'unixepoch'))`,
  };
  const columns = db
    .prepare('PRAGMA table_info(payouts)')
    .all()
    .map(({ name }) => String(name));
  const insert = db.prepare(`
    INSERT INTO payouts (${columns.join(', ')})
    SELECT ${columns.map((name) => changed[name] ?? name).join(', ')} FROM payouts
    WHERE merchant_id = '${MERCHANT}' AND created_at < ${afterNoon(SEED * 1000).getTime()}`);
  for (let number = 1; number < times; number += 1) insert.run({ copy: number });
  db.close();
}

async function open(): Promise<{ readonly origin: string; readonly secret: string }> {
  parts = await compose(loadConfig({ DATA_DIR: folder }, definitions), runtime);
  const { keys, inbound, store, ...services } = parts;
  const { secret } = await keys.createKey(MERCHANT, 'bench', ['payouts:read']);
  const server = await openServer({
    services: { store, ...services },
    keys,
    inbound,
    ready: () => store.ping(),
    ...runtime,
    host: '127.0.0.1',
    port: 0,
    graphiql: false,
    corsOrigins: [],
  });
  return { origin: server.url, secret };
}

async function walk(rows: number): Promise<void> {
  let from: PageKey | null = null;
  for (let done = 0; done < rows && parts !== null; ) {
    const query = { merchantId: MERCHANT, filter: {}, limit: PAGE, direction: 'forward', from, until: null } as const;
    const { payouts } = await parts.store.page(query);
    from = payouts.at(-1) ?? null;
    if (from === null) throw new Error('there are not so many');
    done += payouts.length;
  }
}

answer(respond);
