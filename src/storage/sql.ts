import { BATCH_STATEMENTS, BATCHES } from './sql-batches.ts';

/** A record is its JSON document; the columns beside it are what queries search by. Instants are ms since 1970. */
const TABLES = `
  CREATE TABLE store (
    schema INTEGER NOT NULL, environment TEXT NOT NULL, epoch TEXT NOT NULL, secret BLOB NOT NULL,
    created_at INTEGER NOT NULL, checked_at INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE payouts (
    id TEXT PRIMARY KEY, merchant_id TEXT NOT NULL, reference TEXT NOT NULL, version INTEGER NOT NULL,
    state TEXT NOT NULL, provider TEXT NOT NULL, currency TEXT NOT NULL, created_at INTEGER NOT NULL,
    due_at INTEGER, document TEXT NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX payouts_by_reference ON payouts (merchant_id, reference);
  -- The last three columns let a filter pass over rows without reading their documents.
  CREATE INDEX payouts_by_age ON payouts (merchant_id, created_at, id, state, provider, currency);
  CREATE INDEX payouts_due ON payouts (provider, state, due_at) WHERE due_at IS NOT NULL;

  -- AUTOINCREMENT: a row id is never used again, and rows become visible in the order of their ids.
  CREATE TABLE events (
    id INTEGER PRIMARY KEY AUTOINCREMENT, event_id TEXT NOT NULL, payout_id TEXT NOT NULL, sequence INTEGER NOT NULL,
    merchant_id TEXT NOT NULL, document TEXT NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX events_by_event_id ON events (event_id);
  CREATE UNIQUE INDEX events_by_payout ON events (payout_id, sequence);
  CREATE INDEX events_by_merchant ON events (merchant_id);

  -- Unique: two payouts under one order number would be one payout to the provider.
  CREATE TABLE attempts (
    payout_id TEXT NOT NULL, number INTEGER NOT NULL, provider TEXT NOT NULL, account TEXT NOT NULL,
    order_number TEXT NOT NULL, provider_reference TEXT, PRIMARY KEY (payout_id, number)
  ) STRICT, WITHOUT ROWID;
  CREATE UNIQUE INDEX attempts_by_order_number ON attempts (provider, account, order_number);
  CREATE INDEX attempts_by_reference ON attempts (provider, account, provider_reference)
    WHERE provider_reference IS NOT NULL;

  CREATE TABLE claims (
    provider TEXT NOT NULL, fingerprint TEXT NOT NULL, reference TEXT NOT NULL, payout_id TEXT NOT NULL,
    attempt INTEGER NOT NULL, PRIMARY KEY (provider, fingerprint, reference)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE sealed (
    payout_id TEXT NOT NULL, kind TEXT NOT NULL, bytes BLOB NOT NULL, PRIMARY KEY (payout_id, kind)
  ) STRICT;

  CREATE TABLE merchants (id TEXT PRIMARY KEY, document TEXT NOT NULL) STRICT;
  CREATE TABLE keys (id TEXT PRIMARY KEY, merchant_id TEXT, hash TEXT NOT NULL UNIQUE, document TEXT NOT NULL) STRICT;
`;

const KEYS_AND_ATTENTION = `
  -- Empty: the bytes are under no key.
  ALTER TABLE sealed ADD COLUMN key_id TEXT NOT NULL DEFAULT '';
  CREATE INDEX sealed_by_key ON sealed (key_id);

  ALTER TABLE payouts ADD COLUMN attention_since INTEGER;
  CREATE INDEX payouts_in_attention ON payouts (attention_since, id) WHERE attention_since IS NOT NULL;
  CREATE INDEX payouts_in_attention_by_merchant ON payouts (merchant_id, attention_since, id)
    WHERE attention_since IS NOT NULL;
  CREATE INDEX payouts_queued ON payouts (provider, merchant_id, created_at) WHERE state = 'QUEUED';
`;

const RESTORED_AND_MOVED = `
  -- How often the store was put back as a copy of itself, since when it knows nothing, and whether that goes on.
  ALTER TABLE store ADD COLUMN generation INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE store ADD COLUMN lost_since INTEGER;
  ALTER TABLE store ADD COLUMN restore_open INTEGER NOT NULL DEFAULT 0;
  -- Names the store that this one was moved to, and that goes on in its place.
  ALTER TABLE store ADD COLUMN moved_to TEXT;
`;

/** What each version of the schema adds to the one before: a new store takes every step, an older one what it lacks. */
export const SCHEMA_STEPS: readonly string[] = [TABLES, KEYS_AND_ATTENTION, RESTORED_AND_MOVED, BATCHES];

/** Written into a store with its steps; a store with a greater one was made by a newer program. */
export const SCHEMA_VERSION = SCHEMA_STEPS.length;

/** What the second step has to fill in. A document that is not JSON is left out: nobody can look at it anyway. */
export const ATTENTION_BEFORE_2 = `
  SELECT id, document FROM payouts
  WHERE CASE WHEN json_valid(document) THEN json_array_length(document, '$.attention') > 0 OR state = 'IN_DOUBT' END`;
export const FILL_ATTENTION = 'UPDATE payouts SET attention_since = ? WHERE id = ?';

/** A new store. */
export const INSERT_STAMP = `
  INSERT INTO store (schema, environment, epoch, secret, created_at, checked_at) VALUES (?, ?, ?, ?, ?, ?)`;

/** The last event that the store knows of, if any. By its place: a clock that was set back makes `at` smaller again. */
export const LAST_EVENT = `
  SELECT json_extract(document, '$.at') AS at FROM events WHERE json_valid(document) ORDER BY id DESC LIMIT 1`;
/** While the last time is not over, what was lost then is lost still. */
export const PUT_BACK = `
  UPDATE store SET epoch = :epoch, generation = generation + 1, restore_open = 1,
    lost_since = CASE restore_open WHEN 1 THEN min(lost_since, :lostSince) ELSE :lostSince END`;
export const END_RESTORE = 'UPDATE store SET restore_open = 0';
export const MOVE_AWAY = 'UPDATE store SET moved_to = ?';

const PAGE = `
  WHERE merchant_id = :merchantId
    AND (created_at, id) > (:oldestAt, :oldestId) AND (created_at, id) < (:newestAt, :newestId)
    AND (:states IS NULL OR state IN (SELECT value FROM json_each(:states)))
    AND (:providers IS NULL OR provider IN (SELECT value FROM json_each(:providers)))
    AND (:currency IS NULL OR currency = :currency)`;
const PAGE_OF_ALL = `SELECT document FROM payouts ${PAGE}`;
const PAGE_OF_BATCH = `SELECT document FROM payouts INDEXED BY payouts_by_batch ${PAGE} AND batch_id = :batch`;
const [FORWARD, BACKWARD] = ['ORDER BY created_at DESC, id DESC LIMIT :limit', 'ORDER BY created_at, id LIMIT :limit'];

const ATTENTION = `
  SELECT document FROM payouts
  WHERE attention_since IS NOT NULL AND (attention_since, id) > (:since, :id)`;

const QUEUE = `
  SELECT count(*) AS count, min(created_at) AS oldest_at FROM payouts WHERE state = 'QUEUED' AND provider = ?`;

// A unary plus keeps the planner from searching by that column: these go by payout and only check the merchant.
const EVENTS_OF_PAYOUT = `
  SELECT id, document FROM events
  WHERE payout_id = :payoutId AND +merchant_id = :merchantId AND sequence > :after AND sequence < :before`;

/** Every statement that a running store uses, prepared once. A test reads their query plans. */
export const STATEMENTS = {
  ...BATCH_STATEMENTS,

  insertPayout: `
    INSERT INTO payouts (id, merchant_id, reference, version, state, provider, currency, created_at, due_at,
      attention_since, batch_id, parked, document)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
  updatePayout: `
    UPDATE payouts SET version = :version, state = :state, provider = :provider, due_at = :dueAt,
      attention_since = :attentionSince, parked = :parked, document = :document
    WHERE id = :id AND version = :version - 1`,
  postpone: 'UPDATE payouts SET due_at = ? WHERE id = ?',
  insertEvent: `INSERT INTO events (event_id, payout_id, sequence, merchant_id, document) VALUES (?, ?, ?, ?, ?)`,
  saveAttempt: `
    INSERT INTO attempts (payout_id, number, provider, account, order_number, provider_reference)
    VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (payout_id, number) DO UPDATE SET provider_reference = excluded.provider_reference
    WHERE provider_reference IS NOT excluded.provider_reference`,

  payoutsById: `
    SELECT document FROM json_each(?) AS wanted CROSS JOIN payouts ON payouts.id = wanted.value
    WHERE +merchant_id = ?`,
  payoutByReference: 'SELECT document FROM payouts WHERE merchant_id = ? AND reference = ?',
  due: `
    SELECT id, due_at, document FROM payouts WHERE provider = ? AND state = ? AND due_at <= ?
    ORDER BY due_at LIMIT ?`,
  pageForward: `${PAGE_OF_ALL} ${FORWARD}`,
  pageBackward: `${PAGE_OF_ALL} ${BACKWARD}`,
  pageOfBatchForward: `${PAGE_OF_BATCH} ${FORWARD}`,
  pageOfBatchBackward: `${PAGE_OF_BATCH} ${BACKWARD}`,
  attention: `${ATTENTION} ORDER BY attention_since, id LIMIT :limit`,
  attentionOfMerchant: `${ATTENTION} AND merchant_id = :merchantId ORDER BY attention_since, id LIMIT :limit`,
  queue: QUEUE,
  queueOfMerchant: `${QUEUE} AND merchant_id = ?`,

  head: 'SELECT max(id) AS id FROM events',
  event: 'SELECT id, document FROM events WHERE event_id = ? AND +merchant_id = ?',
  firstEventsOfPayout: `${EVENTS_OF_PAYOUT} ORDER BY sequence LIMIT :limit`,
  lastEventsOfPayout: `${EVENTS_OF_PAYOUT} ORDER BY sequence DESC LIMIT :limit`,
  eventsOfMerchant: 'SELECT id, document FROM events WHERE merchant_id = ? AND id > ? ORDER BY id LIMIT ?',
  eventsOfPayouts: `
    SELECT id, document FROM events INDEXED BY events_by_payout
    WHERE payout_id IN (SELECT value FROM json_each(?)) AND id > ? ORDER BY id LIMIT ?`,

  byOrderNumber: `
    SELECT attempts.number, document FROM attempts JOIN payouts ON payouts.id = payout_id
    WHERE attempts.provider = ? AND account = ? AND order_number = ?`,
  byProviderReference: `
    SELECT attempts.number, document FROM attempts JOIN payouts ON payouts.id = payout_id
    WHERE attempts.provider = ? AND account = ? AND provider_reference = ?`,
  insertClaim: `
    INSERT INTO claims (provider, fingerprint, reference, payout_id, attempt) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT DO NOTHING`,
  claim: 'SELECT payout_id, attempt FROM claims WHERE provider = ? AND fingerprint = ? AND reference = ?',

  insertSealed: 'INSERT INTO sealed (payout_id, kind, key_id, bytes) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING',
  sealed: 'SELECT key_id, bytes FROM sealed WHERE payout_id = ? AND kind = ?',
  // Two searches of one index: an inequality would read every record.
  sealedUnderOtherKeys: `
    SELECT payout_id, kind, key_id, bytes FROM sealed WHERE key_id < :keyId
    UNION ALL SELECT payout_id, kind, key_id, bytes FROM sealed WHERE key_id > :keyId LIMIT :limit`,
  updateSealed: `
    UPDATE sealed SET key_id = ?, bytes = ? WHERE payout_id = ? AND kind = ? AND +key_id = ? AND bytes = ?`,
  deleteSealed: 'DELETE FROM sealed WHERE payout_id = ? AND kind = ?',
  deleteEverySealed: 'DELETE FROM sealed WHERE payout_id = ?',

  insertMerchant: 'INSERT INTO merchants (id, document) VALUES (?, ?)',
  merchant: 'SELECT document FROM merchants WHERE id = ?',
  merchants: 'SELECT document FROM merchants ORDER BY id',
  insertKey: 'INSERT INTO keys (id, merchant_id, hash, document) VALUES (?, ?, ?, ?)',
  updateKey: 'UPDATE keys SET document = ? WHERE id = ?',
  key: 'SELECT document FROM keys WHERE id = ?',
  keyByHash: 'SELECT document FROM keys WHERE hash = ?',
  keys: 'SELECT document FROM keys WHERE merchant_id IS ? ORDER BY id',

  check: 'UPDATE store SET checked_at = ?',
} as const;
