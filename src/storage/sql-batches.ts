/** What the fourth schema adds: batches, the payouts in them, and what processes tell of themselves. */
export const BATCHES = `
  CREATE TABLE batches (
    id TEXT PRIMARY KEY, merchant_id TEXT NOT NULL, version INTEGER NOT NULL, rousing INTEGER NOT NULL,
    document TEXT NOT NULL
  ) STRICT;
  CREATE INDEX batches_rousing ON batches (id) WHERE rousing = 1;

  -- Payouts from before are in no batch, and those that are in none are in neither index.
  ALTER TABLE payouts ADD COLUMN batch_id TEXT;
  ALTER TABLE payouts ADD COLUMN parked INTEGER NOT NULL DEFAULT 0;
  -- The last four let counts be made, and a filter pass over rows, without reading their documents.
  CREATE INDEX payouts_by_batch ON payouts (merchant_id, batch_id, created_at, id, state, parked, provider, currency)
    WHERE batch_id IS NOT NULL;
  CREATE INDEX payouts_parked ON payouts (merchant_id, batch_id) WHERE parked = 1;

  CREATE TABLE bulletins (process TEXT PRIMARY KEY, at INTEGER NOT NULL, text TEXT NOT NULL) STRICT;
  CREATE INDEX bulletins_by_time ON bulletins (at);
`;

/** Statements of a running store, as `STATEMENTS` in sql.ts has them. */
export const BATCH_STATEMENTS = {
  insertBatch: `
    INSERT INTO batches (id, merchant_id, version, rousing, document) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
  updateBatch: `
    UPDATE batches SET version = :version, rousing = :rousing, document = :document
    WHERE id = :id AND merchant_id = :merchantId AND version = :version - 1`,
  batch: 'SELECT document FROM batches WHERE id = ? AND merchant_id = ?',
  rousingBatches: 'SELECT document FROM batches INDEXED BY batches_rousing WHERE rousing = 1 LIMIT ?',
  batchCounts: `
    SELECT state, state = 'QUEUED' AND parked AS waits, count(*) AS count FROM payouts INDEXED BY payouts_by_batch
    WHERE merchant_id = ? AND batch_id = ? GROUP BY state, waits`,
  parked: `
    SELECT document FROM payouts INDEXED BY payouts_parked
    WHERE merchant_id = ? AND batch_id = ? AND parked = 1 LIMIT ?`,

  upsertBulletin: `
    INSERT INTO bulletins (process, at, text) VALUES (?, ?, ?)
    ON CONFLICT (process) DO UPDATE SET at = excluded.at, text = excluded.text`,
  deleteBulletins: 'DELETE FROM bulletins WHERE at < ?',
  bulletins: 'SELECT process, at, text FROM bulletins WHERE at >= ?',
} as const;
