import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { attentionSince } from '../domain/attempt.ts';
import type { BatchId, PayoutBatch } from '../domain/batch.ts';
import { StartupError } from '../domain/errors.ts';
import type { ApiKey, ApiKeyId, Merchant, MerchantId } from '../domain/merchant.ts';
import { isFinal, type Payout, type PayoutEvent, type PayoutEventId, type PayoutId } from '../domain/payout.ts';
import type { OrderKey, ProviderId } from '../domain/provider.ts';
import type {
  AttemptKey,
  AttentionQuery,
  BatchCount,
  Bulletin,
  Environment,
  EventFilter,
  EventPage,
  LeaseRequest,
  LoggedEvent,
  Page,
  PageKey,
  PageQuery,
  Position,
  Queue,
  Restored,
  Ring,
  Sealed,
  SealedKey,
  Store,
} from '../domain/store.ts';
import { Bell } from './bell.ts';
import { decodeEvent, decodeKey, decodeMerchant, dueAt, encode, UndecodableError } from './codec.ts';
import {
  ATTENTION_BEFORE_2,
  END_RESTORE,
  FILL_ATTENTION,
  INSERT_STAMP,
  LAST_EVENT,
  PUT_BACK,
  SCHEMA_STEPS,
  SCHEMA_VERSION,
  STATEMENTS,
} from './sql.ts';
import {
  batchOf,
  bulletinsSince,
  countBatch,
  insertBatch,
  parkedOf,
  postBulletin,
  rousingBatches,
  updateBatch,
} from './sqlite-batches.ts';
import { type Row, readBytes, readInteger, readPayout, readText, toMs } from './sqlite-rows.ts';

/** What a running store asks and writes, prepared. */
export type Statements = Readonly<Record<keyof typeof STATEMENTS, StatementSync>>;

/** How long a payout whose document cannot be decoded stays out of the way of the others before it is tried again. */
const UNDECODABLE_MS = 60 * 60_000;

export interface SqliteOptions {
  /** The database file; it and its folder are made when missing, readable by their owner alone. */
  readonly path: string;
  /** Stamped on a new store; a store with the other stamp is not opened. */
  readonly environment: Environment;
  readonly now: () => Date;
  readonly random: (size: number) => Buffer;
  /** True: this process owns the file until it ends, and a second owner is refused. False: opens beside the owner. */
  readonly exclusive: boolean;
  /** Told of a payout that is due and whose document cannot be decoded, each time it is passed over. */
  readonly onUndecodable?: (payoutId: PayoutId, error: unknown) => void;
}

/**
 * Opens the embedded store, making it at its first start. Rejects with a `StartupError` when the file belongs to
 * another process, environment, program or newer version of this one, or cannot be opened. A store of an older version is
 * brought up to this one, which needs to own it for that moment.
 */
export async function openSqlite(options: SqliteOptions): Promise<Store> {
  return openFile(options, (file) => {
    if (file.stamp.movedTo === null) return new SqliteStore(file, options);
    throw new StartupError(`the store ${options.path} was moved to MongoDB, and goes on there: set MONGODB_URL`);
  });
}

/** A store's file, opened and checked. */
export interface SqliteFile {
  readonly db: DatabaseSync;
  readonly stamp: Stamp;
  /** In the order in which they were opened. */
  readonly opened: readonly DatabaseSync[];
}

/** Opens a store's file, moved away or not, and makes something of it; throws as `openSqlite` rejects. */
export function openFile<T>(options: SqliteOptions, make: (file: SqliteFile) => T): T {
  const opened: DatabaseSync[] = [];
  try {
    createFile(options.path);
    if (options.exclusive) opened.push(takeOwnership(options.path));
    const db = new DatabaseSync(options.path, { timeout: 5000 });
    opened.push(db);
    // `fullfsync` is for macOS, whose plain fsync returns before the disk has the bytes; `secure_delete` writes zeros over
    // what is erased.
    db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA fullfsync = ON; PRAGMA secure_delete = ON');
    return make({ db, stamp: readStamp(db, options), opened });
  } catch (error) {
    for (const db of opened) db.close();
    if (error instanceof StartupError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new StartupError(`the store ${options.path} cannot be opened: ${reason}`, { cause: error });
  }
}

/** Only a file that is not there is opened here: closing one that is would drop this process's SQLite locks on it. */
function createFile(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  try {
    closeSync(openSync(path, 'wx', 0o600));
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
}

/** A lock that the operating system drops however the process ends: an open transaction on a file of its own. */
function takeOwnership(path: string): DatabaseSync {
  createFile(`${path}-owner`);
  const owner = new DatabaseSync(`${path}-owner`);
  try {
    owner.exec('BEGIN EXCLUSIVE');
    return owner;
  } catch (error) {
    owner.close();
    const busy = error instanceof Error && 'errcode' in error && error.errcode === 5;
    throw busy ? new StartupError(`another process owns the store ${path}: one server runs on it at a time`) : error;
  }
}

/** What a store says of itself. */
export interface Stamp {
  readonly environment: Environment;
  readonly epoch: string;
  readonly secret: Buffer;
  readonly restored: Restored | null;
  readonly createdAt: Date;
  /** Names the store that it was moved to; null: it was not. */
  readonly movedTo: string | null;
}

function readStamp(db: DatabaseSync, options: SqliteOptions): Stamp {
  const { path, environment, now, random } = options;
  db.exec('BEGIN IMMEDIATE');
  const tables = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all();
  if (tables.length === 0) {
    for (const step of SCHEMA_STEPS) db.exec(step);
    db.prepare(INSERT_STAMP).run(
      SCHEMA_VERSION,
      environment,
      random(8).toString('hex'),
      random(32),
      now().getTime(),
      now().getTime(),
    );
  } else if (!tables.some((table) => table.name === 'store')) {
    throw new StartupError(`${path} is another program's database`);
  }
  const row = db.prepare('SELECT * FROM store').get() ?? {};
  const schema = readInteger(row.schema);
  if (schema > SCHEMA_VERSION) {
    throw new StartupError(`the store ${path} has schema ${schema}; this program knows ${SCHEMA_VERSION}: update it`);
  }
  if (row.environment !== environment) {
    throw new StartupError(`the store ${path} belongs to ${row.environment} and was opened for ${environment}`);
  }
  if (schema < SCHEMA_VERSION) bringUp(db, schema, options);
  db.exec('COMMIT');
  return {
    environment,
    epoch: readText(row.epoch),
    secret: readBytes(row.secret),
    restored: readRestored(db),
    createdAt: new Date(readInteger(row.created_at)),
    movedTo: row.moved_to ? readText(row.moved_to) : null,
  };
}

function readRestored(db: DatabaseSync): Restored | null {
  const row = db.prepare('SELECT generation, lost_since, restore_open FROM store').get() ?? {};
  const generation = readInteger(row.generation);
  if (generation === 0) return null;
  return { generation, lostSince: new Date(readInteger(row.lost_since)), open: row.restore_open === 1 };
}

/** Within one transaction. The store must have no other owner: an older program would go on writing as it knows how. */
function bringUp(db: DatabaseSync, from: number, { path, exclusive }: SqliteOptions): void {
  const owner = exclusive ? null : takeOwnership(path);
  try {
    for (const step of SCHEMA_STEPS.slice(from)) db.exec(step);
    if (from < 2) fillAttention(db);
    db.prepare('UPDATE store SET schema = ?').run(SCHEMA_VERSION);
  } finally {
    owner?.close();
  }
}

function fillAttention(db: DatabaseSync): void {
  const fill = db.prepare(FILL_ATTENTION);
  for (const row of db.prepare(ATTENTION_BEFORE_2).all()) {
    try {
      fill.run(toMs(attentionSince(readPayout(row))), readText(row.id));
    } catch (error) {
      // One that cannot be decoded must not keep the others from their new program.
      if (!(error instanceof UndecodableError)) throw error;
    }
  }
}

/** A write that waits for its transaction. */
interface Write {
  /** Returns how to answer it, once it is durable. */
  perform(): () => void;
  refuse(error: unknown): void;
}

/**
 * Group commit: the writes of one turn of the event loop share one transaction and one fsync, a savepoint each, and
 * none is answered before COMMIT. The whole transaction is one synchronous block, so no read can fall inside it.
 */
class WriteQueue {
  readonly #db: DatabaseSync;
  #waiting: Write[] = [];

  constructor(db: DatabaseSync) {
    this.#db = db;
  }

  /** Rejects with what `work` throws, and it alone is undone; or with what kept the transaction from committing. */
  run<T>(work: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      const perform = () => {
        const result = work();
        return () => resolve(result);
      };
      this.#waiting.push({ perform, refuse: reject });
      if (this.#waiting.length === 1) setImmediate(() => this.flush());
    });
  }

  flush(): void {
    const writes = this.#waiting;
    this.#waiting = [];
    if (writes.length === 0) return;
    try {
      this.#db.exec('BEGIN IMMEDIATE');
      const answers = writes.map((write) => this.#perform(write));
      this.#db.exec('COMMIT');
      for (const answer of answers) answer();
    } catch (error) {
      for (const write of writes) write.refuse(error);
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
    }
  }

  /** Does one write and returns how to answer it; throws only where the whole transaction is lost. */
  #perform(write: Write): () => void {
    this.#db.exec('SAVEPOINT one');
    try {
      const answer = write.perform();
      this.#db.exec('RELEASE one');
      return answer;
    } catch (error) {
      // On a full disk and its like SQLite undoes the transaction by itself: what follows would run outside of any.
      if (!this.#db.isTransaction) throw error;
      this.#db.exec('ROLLBACK TO one; RELEASE one');
      return () => write.refuse(error);
    }
  }
}

/** Reads run at once on the one connection; writes go through the queue. A closed store refuses both. */
class SqliteStore implements Store {
  readonly environment: Environment;
  readonly secret: Buffer;
  readonly restored: Restored | null;
  readonly #db: DatabaseSync;
  readonly #epoch: string;
  readonly #options: SqliteOptions;
  readonly #opened: readonly DatabaseSync[];
  readonly #statements: Statements;
  readonly #queue: WriteQueue;
  readonly #bell = new Bell();
  #closed = false;

  constructor({ opened, db, stamp }: SqliteFile, options: SqliteOptions) {
    this.environment = stamp.environment;
    this.secret = stamp.secret;
    this.restored = stamp.restored;
    this.#db = db;
    this.#epoch = stamp.epoch;
    this.#options = options;
    this.#opened = opened;
    this.#queue = new WriteQueue(db);
    this.#statements = Object.fromEntries(
      Object.entries(STATEMENTS).map(([name, sql]) => [name, db.prepare(sql)]),
    ) as Statements;
  }

  get #sql(): Statements {
    if (this.#closed) throw new Error('the store is closed');
    return this.#statements;
  }

  async #write<T>(work: (sql: Statements) => T): Promise<T> {
    const sql = this.#sql;
    return this.#queue.run(() => work(sql));
  }

  async insert(payout: Payout, event: PayoutEvent): Promise<{ payout: Payout; replayed: boolean }> {
    const first = await this.#write((sql) => {
      const { id, merchantId, reference, version, state, provider, order, createdAt } = payout;
      const { changes } = sql.insertPayout.run(
        id,
        merchantId,
        reference,
        version,
        state,
        provider,
        order.amount.currency,
        createdAt.getTime(),
        toMs(dueAt(payout)),
        toMs(attentionSince(payout)),
        payout.batch,
        Number(payout.parked),
        encode(payout),
      );
      if (changes === 1) {
        saveBeside(sql, payout, event);
        return null;
      }
      const row = sql.payoutByReference.get(merchantId, reference);
      if (row === undefined) throw new Error(`the id ${id} belongs to a payout with another reference`);
      return readPayout(row);
    });
    if (first === null) this.#ring(payout, event);
    return first === null ? { payout, replayed: false } : { payout: first, replayed: true };
  }

  async commit(after: Payout, event: PayoutEvent | null): Promise<'committed' | 'stale'> {
    const committed = await this.#write((sql) => update(sql, after) && saveBeside(sql, after, event));
    if (committed) this.#ring(after, event);
    return committed ? 'committed' : 'stale';
  }

  #ring(payout: Payout, event: PayoutEvent | null): void {
    const dueNow = dueAt(payout);
    const due = dueNow !== null && dueNow <= this.#options.now();
    if (due || event !== null) this.#bell.ring({ merchantId: payout.merchantId, due });
  }

  async payouts(merchantId: MerchantId, ids: readonly PayoutId[]): Promise<ReadonlyMap<PayoutId, Payout>> {
    const payouts = this.#sql.payoutsById.all(JSON.stringify(ids), merchantId).map(readPayout);
    return new Map(payouts.map((payout) => [payout.id, payout]));
  }

  async byReference(merchantId: MerchantId, reference: string): Promise<Payout | null> {
    const row = this.#sql.payoutByReference.get(merchantId, reference);
    return row === undefined ? null : readPayout(row);
  }

  async payoutEvents(
    merchantId: MerchantId,
    payoutId: PayoutId,
    { after, before, limit, last }: Parameters<Store['payoutEvents']>[2],
  ): Promise<readonly LoggedEvent[]> {
    const statement = last ? this.#sql.lastEventsOfPayout : this.#sql.firstEventsOfPayout;
    const events = statement.all({ merchantId, payoutId, after, before, limit }).map((row) => this.#readEvent(row));
    return last ? events.reverse() : events;
  }

  async event(merchantId: MerchantId, id: PayoutEventId): Promise<LoggedEvent | null> {
    const row = this.#sql.event.get(id, merchantId);
    return row === undefined ? null : this.#readEvent(row);
  }

  async page({ merchantId, filter, limit, direction, from, until }: PageQuery): Promise<Page> {
    const forward = direction === 'forward';
    const newest = [keyOf(forward ? from : until), keyOf(filter.createdBefore)].reduce(older) ?? END_OF_TIME;
    const oldest = [keyOf(forward ? until : from), keyOf(filter.createdFrom)].reduce(newer) ?? START_OF_TIME;
    const { batch } = filter;
    const rows = this.#pageStatement(forward, batch !== undefined).all({
      ...(batch === undefined ? {} : { batch }),
      merchantId,
      newestAt: newest.at,
      newestId: newest.id,
      oldestAt: oldest.at,
      oldestId: oldest.id,
      states: filter.states === undefined ? null : JSON.stringify(filter.states),
      providers: filter.providers === undefined ? null : JSON.stringify(filter.providers),
      currency: filter.currency ?? null,
      limit: limit + 1,
    });
    const payouts = rows.slice(0, limit).map(readPayout);
    return { payouts: forward ? payouts : payouts.reverse(), more: rows.length > limit };
  }

  #pageStatement(forward: boolean, ofBatch: boolean): StatementSync {
    const { pageForward, pageBackward, pageOfBatchForward, pageOfBatchBackward } = this.#sql;
    if (ofBatch) return forward ? pageOfBatchForward : pageOfBatchBackward;
    return forward ? pageForward : pageBackward;
  }

  async attention({ merchantId, limit, after }: AttentionQuery): Promise<readonly Payout[]> {
    const bound = { since: after?.since.getTime() ?? START_OF_TIME.at, id: after?.id ?? START_OF_TIME.id, limit };
    const rows =
      merchantId === null
        ? this.#sql.attention.all(bound)
        : this.#sql.attentionOfMerchant.all({ ...bound, merchantId });
    return rows.map(readPayout);
  }

  async queue(provider: ProviderId, merchantId: MerchantId | null): Promise<Queue> {
    const sql = this.#sql;
    const row = merchantId === null ? sql.queue.get(provider) : sql.queueOfMerchant.get(provider, merchantId);
    const oldest = row?.oldest_at ?? null;
    return { count: readInteger(row?.count), oldestAt: oldest === null ? null : new Date(readInteger(oldest)) };
  }

  putSealed(payoutId: PayoutId, kind: string, { keyId, bytes }: Sealed): Promise<void> {
    return this.#write((sql) => {
      sql.insertSealed.run(payoutId, kind, keyId, bytes);
    });
  }

  async getSealed(payoutId: PayoutId, kind: string): Promise<Sealed | null> {
    const row = this.#sql.sealed.get(payoutId, kind);
    return row === undefined ? null : readSealed(row);
  }

  dropSealed(payoutId: PayoutId, kind: string): Promise<void> {
    return this.#write((sql) => {
      sql.deleteSealed.run(payoutId, kind);
    });
  }

  async sealedUnderOtherKeys(
    keyId: string,
    limit: number,
  ): Promise<readonly (SealedKey & { readonly sealed: Sealed })[]> {
    return this.#sql.sealedUnderOtherKeys.all({ keyId, limit }).map((row) => ({
      payoutId: readText(row.payout_id) as PayoutId,
      kind: readText(row.kind),
      sealed: readSealed(row),
    }));
  }

  resealed({ payoutId, kind }: SealedKey, before: Sealed, after: Sealed): Promise<boolean> {
    return this.#write((sql) => {
      const { changes } = sql.updateSealed.run(after.keyId, after.bytes, payoutId, kind, before.keyId, before.bytes);
      return changes === 1;
    });
  }

  erase(merchantId: MerchantId, payoutId: PayoutId): Promise<boolean> {
    return this.#write((sql) => {
      const row = sql.payoutsById.get(JSON.stringify([payoutId]), merchantId);
      if (row === undefined || !isFinal(readPayout(row).state)) return false;
      sql.deleteEverySealed.run(payoutId);
      return true;
    });
  }

  claimReference(
    provider: ProviderId,
    fingerprint: string,
    reference: string,
    { payoutId, attempt }: AttemptKey,
  ): Promise<boolean> {
    return this.#write((sql) => {
      sql.insertClaim.run(provider, fingerprint, reference, payoutId, attempt);
      const claim = sql.claim.get(provider, fingerprint, reference);
      return claim?.payout_id === payoutId && claim.attempt === attempt;
    });
  }

  /** By the order number where there is one, which is ours; else by the provider's reference. */
  async findByOrder(
    provider: ProviderId,
    account: string,
    { orderNumber, providerReference }: OrderKey,
  ): Promise<{ payout: Payout; attempt: number } | null> {
    const row =
      orderNumber === null
        ? this.#sql.byProviderReference.get(provider, account, providerReference)
        : this.#sql.byOrderNumber.get(provider, account, orderNumber);
    return row === undefined ? null : { payout: readPayout(row), attempt: readInteger(row.number) };
  }

  lease({ providers, states, now, leaseMs, owner }: LeaseRequest): Promise<readonly Payout[]> {
    return this.#write((sql) => {
      const leased: Payout[] = [];
      for (const [provider, limit] of providers) {
        // To SQLite a negative limit is none at all.
        if (limit <= 0) continue;
        // State by state, so that each search stops at the limit however many payouts are due.
        const rows = states.flatMap((state) => sql.due.all(provider, state, now.getTime(), limit));
        rows.sort((a, b) => readInteger(a.due_at) - readInteger(b.due_at));
        for (const row of rows.slice(0, limit)) {
          const payout = this.#readDue(sql, row, now);
          if (payout === null) continue;
          const version = payout.version + 1;
          const lease = { owner, fence: version, until: new Date(now.getTime() + leaseMs) };
          const after: Payout = { ...payout, version, lease };
          if (update(sql, after)) leased.push(after);
        }
      }
      return leased;
    });
  }

  /** Null where the document cannot be decoded: it must not hold up the others, and its places go to them. */
  #readDue(sql: Statements, row: Row, now: Date): Payout | null {
    try {
      return readPayout(row);
    } catch (error) {
      if (!(error instanceof UndecodableError)) throw error;
      const id = readText(row.id) as PayoutId;
      sql.postpone.run(now.getTime() + UNDECODABLE_MS, id);
      this.#options.onUndecodable?.(id, error);
      return null;
    }
  }

  insertBatch(batch: PayoutBatch): Promise<PayoutBatch> {
    return this.#write((sql) => insertBatch(sql, batch));
  }

  commitBatch(after: PayoutBatch): Promise<'committed' | 'stale'> {
    return this.#write((sql) => updateBatch(sql, after));
  }

  async batch(merchantId: MerchantId, id: BatchId): Promise<PayoutBatch | null> {
    return batchOf(this.#sql, merchantId, id);
  }

  async batchCounts(merchantId: MerchantId, id: BatchId): Promise<readonly BatchCount[]> {
    return countBatch(this.#sql, merchantId, id);
  }

  async rousingBatches(limit: number): Promise<readonly PayoutBatch[]> {
    return rousingBatches(this.#sql, limit);
  }

  async parked(merchantId: MerchantId, id: BatchId, limit: number): Promise<readonly Payout[]> {
    return parkedOf(this.#sql, merchantId, id, limit);
  }

  post(bulletin: Bulletin): Promise<void> {
    return this.#write((sql) => postBulletin(sql, bulletin));
  }

  async bulletins(since: Date): Promise<readonly Bulletin[]> {
    return bulletinsSince(this.#sql, since);
  }

  async head(): Promise<Position> {
    return this.#position(this.#headRow());
  }

  /** The filter's payouts, or its merchant, decide which rows are read; the rest only sifts them. */
  async events(after: Position | null, filter: EventFilter, limit: number): Promise<EventPage> {
    // Read before the rows: whatever is committed later has a greater id.
    const head = this.#headRow();
    const start = after === null ? 0 : this.#rowOf(after);
    if (start === null) throw new Error('the position is not one of this store');
    const rows = this.#rowsAfter(start, filter, limit);
    const last = readInteger(rows.at(-1)?.id ?? start);
    const more = rows.length === limit;
    const { merchantId, states, providers } = filter;
    const events = rows
      .map((row) => this.#readEvent(row))
      .filter(({ event }) => event.merchantId === merchantId)
      .filter(({ event }) => states === undefined || states.includes(event.state))
      .filter(({ event }) => providers === undefined || providers.includes(event.provider));
    return { events, position: this.#position(more ? last : Math.max(last, head)), more };
  }

  #rowsAfter(start: number, { merchantId, payoutIds }: EventFilter, limit: number): Row[] {
    const sql = this.#sql;
    if (payoutIds !== undefined) return sql.eventsOfPayouts.all(JSON.stringify(payoutIds), start, limit);
    return sql.eventsOfMerchant.all(merchantId, start, limit);
  }

  /** Nothing becomes visible before what is visible: rows come in the order of their ids. */
  anew(position: Position): Position {
    return position;
  }

  knows(position: string): boolean {
    return this.#rowOf(position) !== null;
  }

  /** Rings for commits of this process: no other one writes events while it owns the file. */
  watch(signal: AbortSignal): AsyncIterable<Ring> {
    return this.#bell.watch(signal);
  }

  insertMerchant(merchant: Merchant): Promise<void> {
    return this.#write((sql) => {
      sql.insertMerchant.run(merchant.id, encode(merchant));
    });
  }

  async merchant(id: MerchantId): Promise<Merchant | null> {
    const row = this.#sql.merchant.get(id);
    return row === undefined ? null : decodeMerchant(readText(row.document));
  }

  async merchants(): Promise<readonly Merchant[]> {
    return this.#sql.merchants.all().map((row) => decodeMerchant(readText(row.document)));
  }

  insertKey(key: ApiKey): Promise<void> {
    return this.#write((sql) => {
      sql.insertKey.run(key.id, key.merchantId, key.hash, encode(key));
    });
  }

  async keyByHash(hash: string): Promise<ApiKey | null> {
    const row = this.#sql.keyByHash.get(hash);
    return row === undefined ? null : decodeKey(readText(row.document));
  }

  /** Null: the operators' keys. */
  async keys(merchantId: MerchantId | null): Promise<readonly ApiKey[]> {
    return this.#sql.keys.all(merchantId).map((row) => decodeKey(readText(row.document)));
  }

  revokeKey(id: ApiKeyId, at: Date): Promise<boolean> {
    return this.#write((sql) => {
      const row = sql.key.get(id);
      if (row === undefined) return false;
      const key = decodeKey(readText(row.document));
      sql.updateKey.run(encode({ ...key, revokedAt: key.revokedAt ?? at }), id);
      return true;
    });
  }

  /** Rejects with StartupError where another process owns the store. */
  async restore(): Promise<Restored> {
    const { path, exclusive, random } = this.#options;
    const owner = exclusive ? null : takeOwnership(path);
    try {
      return await this.#write(() => {
        const last = this.#db.prepare(LAST_EVENT).get()?.at;
        const { created_at: createdAt } = this.#db.prepare('SELECT created_at FROM store').get() ?? {};
        const lostSince = typeof last === 'string' ? Date.parse(last) : readInteger(createdAt);
        this.#db.prepare(PUT_BACK).run({ epoch: random(8).toString('hex'), lostSince });
        const restored = readRestored(this.#db);
        if (restored === null) throw new Error('the store has no stamp');
        return restored;
      });
    } finally {
      owner?.close();
    }
  }

  endRestore(): Promise<void> {
    return this.#write(() => {
      this.#db.exec(END_RESTORE);
    });
  }

  /** Writes, since a full disk can still be read. */
  ping(): Promise<void> {
    return this.#write((sql) => {
      sql.check.run(this.#options.now().getTime());
    });
  }

  /** Writes that were asked for before are done and answered. Closing twice is closing once. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#queue.flush();
    this.#bell.close();
    for (const db of this.#opened.toReversed()) db.close();
  }

  #readEvent(row: Row): LoggedEvent {
    return { event: decodeEvent(readText(row.document)), position: this.#position(readInteger(row.id)) };
  }

  #headRow(): number {
    return readInteger(this.#sql.head.get()?.id ?? 0);
  }

  #position(row: number): Position {
    return `${this.#epoch}.${row.toString(36)}` as Position;
  }

  /** Null for a position of another store, or past the end, as one from before the file was replaced by an older copy. */
  #rowOf(position: string): number | null {
    const digits = /^[0-9a-f]{16}\.(0|[1-9a-z][0-9a-z]{0,9})$/.exec(position)?.[1];
    if (digits === undefined || !position.startsWith(this.#epoch)) return null;
    const row = Number.parseInt(digits, 36);
    return row <= this.#headRow() ? row : null;
  }
}

/** False when the stored version is not the one before. */
function update(sql: Statements, after: Payout): boolean {
  const { id, version, state, provider } = after;
  const { changes } = sql.updatePayout.run({
    id,
    version,
    state,
    provider,
    dueAt: toMs(dueAt(after)),
    attentionSince: toMs(attentionSince(after)),
    parked: Number(after.parked),
    document: encode(after),
  });
  return changes === 1;
}

/** What is written with a payout: its event, and its attempts as webhooks find them. */
function saveBeside(sql: Statements, payout: Payout, event: PayoutEvent | null): true {
  if (event !== null) {
    sql.insertEvent.run(event.id, event.payoutId, event.sequence, event.merchantId, encode(event));
  }
  for (const { number, provider, account, orderNumber, providerReference } of payout.attempts) {
    sql.saveAttempt.run(payout.id, number, provider, account, orderNumber, providerReference);
  }
  return true;
}

/** A bound of a page, exclusive. No payout has an empty id, so an instant with one stands before all of its payouts. */
interface Bound {
  readonly at: number;
  readonly id: string;
}
const START_OF_TIME: Bound = { at: Number.MIN_SAFE_INTEGER, id: '' };
const END_OF_TIME: Bound = { at: Number.MAX_SAFE_INTEGER, id: '' };

function keyOf(key: PageKey | Date | null | undefined): Bound | null {
  if (key instanceof Date) return { at: key.getTime(), id: '' };
  return key ? { at: key.createdAt.getTime(), id: key.id } : null;
}

function older(a: Bound | null, b: Bound | null): Bound | null {
  if (a === null || b === null) return a ?? b;
  return a.at < b.at || (a.at === b.at && a.id < b.id) ? a : b;
}

function newer(a: Bound | null, b: Bound | null): Bound | null {
  if (a === null || b === null) return a ?? b;
  return older(a, b) === a ? b : a;
}

function readSealed(row: Row): Sealed {
  return { keyId: readText(row.key_id), bytes: readBytes(row.bytes) };
}
