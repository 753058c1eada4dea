import { existsSync } from 'node:fs';
import { StartupError } from '../domain/errors.ts';
import type { PayoutId } from '../domain/payout.ts';
import type { Item, Kind, Row, Source } from './archive.ts';
import { decodeBatch, decodeEvent, decodeKey, decodeMerchant, decodePayout, UndecodableError } from './codec.ts';
import { MOVE_AWAY } from './sql.ts';
import { openFile, type SqliteFile, type SqliteOptions } from './sqlite.ts';

/**
 * Opens the embedded store to be moved elsewhere: this process owns it, and nobody else writes to it, until it is closed.
 * Throws StartupError as `openSqlite` rejects, and where there is no file.
 */
export function openSqliteSource(options: Omit<SqliteOptions, 'exclusive'>): Source {
  if (!existsSync(options.path)) throw new StartupError(`there is no store ${options.path}`);
  return openFile({ ...options, exclusive: true }, (file) => {
    // A command beside it could still revoke a key: from here on it waits, and is refused.
    file.db.exec('BEGIN IMMEDIATE');
    return sourceOf(file);
  });
}

function sourceOf({ db, stamp, opened }: SqliteFile): Source {
  const { movedTo, ...identity } = stamp;
  const finds: Partial<Record<Kind, ReturnType<typeof db.prepare>>> = {};
  const integer = (sql: string): number => Number(db.prepare(sql).get()?.value ?? 0);
  return {
    identity,
    movedTo,
    lastRow: integer('SELECT max(id) AS value FROM events'),
    count: (kind) => integer(`SELECT count(*) AS value FROM ${SHELVES[kind].table}`),
    *read(kind) {
      const { table, read } = SHELVES[kind];
      const events = db.prepare(EVENTS);
      for (const row of db.prepare(`SELECT * FROM ${table}`).iterate()) {
        yield legibly(kind, row, () => read(row, (payoutId) => events.all(payoutId)));
      }
    },
    *log() {
      for (const row of db.prepare('SELECT id, event_id, document FROM events ORDER BY id').iterate()) {
        yield legibly<Row>('EVENT', row, () => ({ row: Number(row.id), event: decodeEvent(String(row.document)) }));
      }
    },
    has(kind, id) {
      const { table, search, words } = SHELVES[kind];
      finds[kind] ??= db.prepare(`SELECT 1 FROM ${table} WHERE ${search}`);
      return finds[kind].get(...words(id)) !== undefined;
    },
    moveAway(to) {
      db.prepare(MOVE_AWAY).run(to);
      db.exec('COMMIT; BEGIN IMMEDIATE');
    },
    close() {
      for (const one of opened.toReversed()) one.close();
    },
  };
}

type Columns = Readonly<Record<string, unknown>>;

/** How a kind is kept. */
interface Shelf {
  readonly table: string;
  /** `events` gives those of a payout, in their order. */
  read(row: Columns, events: (payoutId: string) => readonly Columns[]): Item;
  /** Finds one by the words that its id is made of. */
  readonly search: string;
  words(id: string): string[];
}

const EVENTS = 'SELECT document FROM events WHERE payout_id = ? ORDER BY sequence';

const SHELVES: Readonly<Record<Kind, Shelf>> = {
  MERCHANT: {
    table: 'merchants',
    read: (row) => ({ kind: 'MERCHANT', record: decodeMerchant(String(row.document)) }),
    search: 'id = ?',
    words: (id) => [id],
  },
  KEY: {
    table: 'keys',
    read: (row) => ({ kind: 'KEY', record: decodeKey(String(row.document)) }),
    search: 'id = ?',
    words: (id) => [id],
  },
  BATCH: {
    table: 'batches',
    read: (row) => ({ kind: 'BATCH', record: decodeBatch(String(row.document)) }),
    search: 'id = ?',
    words: (id) => [id],
  },
  PAYOUT: {
    table: 'payouts',
    read(row, eventsOf) {
      const record = decodePayout(String(row.document));
      const events = eventsOf(record.id).map((event) => decodeEvent(String(event.document)));
      if (events.length !== record.sequence) throw new UndecodableError('some of its events are not there');
      return { kind: 'PAYOUT', record, events };
    },
    search: 'id = ?',
    words: (id) => [id],
  },
  SEALED: {
    table: 'sealed',
    read({ payout_id: payoutId, kind, key_id: keyId, bytes }) {
      if (!(bytes instanceof Uint8Array)) throw new UndecodableError('its content is no bytes');
      const sealed = { keyId: String(keyId), bytes: Buffer.from(bytes) };
      return { kind: 'SEALED', record: { payoutId: String(payoutId) as PayoutId, kind: String(kind), sealed } };
    },
    search: 'payout_id = ? AND kind = ?',
    words(id) {
      const slash = id.indexOf('/');
      return [id.slice(0, slash), id.slice(slash + 1)];
    },
  },
  CLAIM: {
    table: 'claims',
    read: (row) => ({
      kind: 'CLAIM',
      record: {
        provider: String(row.provider),
        fingerprint: String(row.fingerprint),
        reference: String(row.reference),
        payoutId: String(row.payout_id) as PayoutId,
        attempt: Number(row.attempt),
      },
    }),
    search: 'provider = ? AND fingerprint = ? AND reference = ?',
    words: (id) => JSON.parse(id) as string[],
  },
};

/** A record that cannot be read is not left behind in silence. */
function legibly<T>(kind: Kind | 'EVENT', row: Columns, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof UndecodableError)) throw error;
    const id = row.event_id ?? row.id ?? row.payout_id;
    throw new StartupError(`the ${kind.toLowerCase()} ${String(id)} cannot be moved: ${error.message}`, {
      cause: error,
    });
  }
}
