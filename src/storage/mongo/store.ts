import type { BatchId, PayoutBatch } from '../../domain/batch.ts';
import { StartupError } from '../../domain/errors.ts';
import type { ApiKey, ApiKeyId, Merchant, MerchantId } from '../../domain/merchant.ts';
import { isFinal, type Payout, type PayoutEvent, type PayoutEventId, type PayoutId } from '../../domain/payout.ts';
import type { OrderKey, ProviderId } from '../../domain/provider.ts';
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
  PageQuery,
  Position,
  Queue,
  Restored,
  Ring,
  Sealed,
  SealedKey,
  Store,
} from '../../domain/store.ts';
import { payoutIdOf, readEventId } from '../../identity.ts';
import { Bell } from '../bell.ts';
import { dueAt } from '../codec.ts';
import { type Alarm, createAlarm } from './alarm.ts';
import {
  bulletinsSince,
  commitBatch,
  countBatch,
  findBatch,
  insertBatch,
  parkedOf,
  postBulletin,
  rousingBatches,
} from './batches.ts';
import {
  claimId,
  type EventDocument,
  eventDocument,
  eventOf,
  fieldsOf,
  keyDocument,
  keyOf,
  merchantDocument,
  merchantOf,
  orderKeyOf,
  type PayoutDocument,
  type PayoutFields,
  payoutOf,
  type SealedDocument,
  sealedId,
  sealedKeyOf,
  sealedOf,
  sealedRange,
  WITHOUT_EVENTS,
} from './codec.ts';
import { BRIEFLY, type Connection, connect, describe, isDuplicate, makeIndexes } from './connection.ts';
import { type Former, formerOf, type Move } from './former.ts';
import { createLeases, type Leases } from './leases.ts';
import { createLog, type EventLog, type Known } from './log.ts';
import { OVERLAP_MS } from './position.ts';
import { EPOCH, SCHEMA_VERSION } from './schema.ts';

export interface MongoOptions {
  /** The database is its path; `outflow` where it has none. */
  readonly url: string;
  /** Stamped on a new store; a store with the other stamp is not opened. */
  readonly environment: Environment;
  readonly now: () => Date;
  readonly random: (size: number) => Buffer;
  /** How far this process's clock may be from the database's before it stops writing; null: they are not compared. */
  readonly maxSkewMs: number | null;
  /** Told of a payout that is due and whose document cannot be decoded, each time it is passed over. */
  readonly onUndecodable?: (payoutId: PayoutId, error: unknown) => void;
  /** Told in one line of what an operator should know and nobody else is told. */
  readonly onTrouble?: (message: string) => void;
  /** How much later than its stamp a write may become visible, in ms. Default 15 s. */
  readonly overlapMs?: number;
  /** False: nothing is heard of other processes but by whoever looks. */
  readonly changeStream?: boolean;
}

/**
 * Opens a store on MongoDB 4.4 or newer, a replica set or a sharded cluster, making its collections and indexes at its
 * first start; any number of processes may open it. Rejects with a `StartupError` of one line when the server cannot be
 * used, or the store belongs to another environment, program or newer version of this one.
 */
export async function openMongo(options: MongoOptions): Promise<Store> {
  const { onTrouble = () => undefined } = options;
  const connection = await connect({ ...options, onTrouble });
  try {
    const stamp = await readStamp(connection, options);
    await makeIndexes(options);
    await bringUp(connection, stamp);
    const former = formerOf(await connection.meta.findOne({ _id: 'former' }, BRIEFLY));
    return new MongoStore(connection, stamp, former, { ...options, onTrouble });
  } catch (error) {
    await connection.close();
    if (error instanceof StartupError) throw error;
    throw new StartupError(`the store on MongoDB cannot be opened: ${describe(error)}`, { cause: error });
  }
}

interface Stamp {
  readonly schema: number;
  readonly environment: Environment;
  readonly epoch: string;
  readonly secret: Buffer;
  readonly restored: Restored | null;
  /** How it was moved here; not there: it began here. */
  readonly move?: Move;
}

/** The one document of `meta`. Of two servers that start on an empty database at once, one writes it. */
async function readStamp({ meta, payouts }: Connection, { environment, now, random }: MongoOptions): Promise<Stamp> {
  const known = await meta.findOne<Stamp>({ _id: 'store' });
  if (known === null) {
    if (
      (await payouts.findOne({}, { hint: '_id_', projection: { _id: 1 } })) !== null &&
      !(await meta.findOne({ _id: 'store' }))
    ) {
      throw new StartupError("the database is another program's: it has payouts, and no stamp of ours");
    }
    const fresh: Stamp = {
      schema: SCHEMA_VERSION,
      environment,
      epoch: random(8).toString('hex'),
      secret: random(32),
      restored: null,
    };
    await meta
      .updateOne({ _id: 'store' }, { $setOnInsert: { ...fresh, createdAt: now(), checkedAt: now() } }, { upsert: true })
      .catch((error: unknown) => {
        if (!isDuplicate(error)) throw error;
      });
  }
  const stamp = known ?? (await meta.findOne<Stamp>({ _id: 'store' }));
  if (stamp === null) throw new Error('the stamp of the store is gone');
  if (stamp.schema > SCHEMA_VERSION) {
    throw new StartupError(`the store has schema ${stamp.schema}; this program knows ${SCHEMA_VERSION}: update it`);
  }
  if (stamp.move !== undefined && stamp.move.finishedAt === null) {
    throw new StartupError('the move of a store into the database is not finished: run outflow migrate again');
  }
  if (stamp.environment !== environment) {
    throw new StartupError(`the store belongs to ${stamp.environment} and was opened for ${environment}`);
  }
  return stamp;
}

/** From here on an older program does not open it: it cannot read what this one writes. */
async function bringUp({ meta, surely }: Connection, { schema }: Stamp): Promise<void> {
  if (schema === SCHEMA_VERSION) return;
  await surely(() => meta.updateOne({ _id: 'store' }, { $max: { schema: SCHEMA_VERSION } }, BRIEFLY));
}

/** When the newest event of a payout was logged: by the database's clock, and after the one before it. */
const STAMP = { $toDate: { $max: [{ $toLong: '$$NOW' }, { $add: [{ $toLong: '$lastEventAt' }, 1] }] } };

interface Dated {
  readonly events: readonly { readonly at: Date }[];
}
type Opened = MongoOptions & { readonly onTrouble: (message: string) => void };

/** One document for one payout: a transition is one conditional update of one document. A closed store refuses all. */
class MongoStore implements Store {
  readonly environment: Environment;
  readonly secret: Buffer;
  readonly restored: Restored | null;
  readonly #connection: Connection;
  readonly #options: Opened;
  readonly #log: EventLog;
  readonly #leases: Leases;
  readonly #bell = new Bell();
  readonly #alarm: Alarm | null;
  /** Begins the name of every write of this process. */
  readonly #process: string;
  readonly #epoch: string;
  readonly #underWay = new Set<Promise<unknown>>();
  #writes = 0;
  #closed = false;

  constructor(connection: Connection, stamp: Stamp, former: Former | null, options: Opened) {
    this.environment = stamp.environment;
    this.secret = stamp.secret;
    this.restored = stamp.restored;
    this.#epoch = stamp.epoch;
    this.#connection = connection;
    this.#options = options;
    this.#process = options.random(9).toString('base64url');
    const { overlapMs = OVERLAP_MS } = options;
    this.#log = createLog(connection, { epoch: stamp.epoch, former, overlapMs });
    const name = (merchantId: MerchantId) => this.#nextWrite(merchantId);
    this.#leases = createLeases(connection, { name, now: options.now, onUndecodable: options.onUndecodable });
    const { now, onTrouble } = options;
    this.#alarm =
      options.changeStream === false
        ? null
        : createAlarm(connection, this.#bell, { ownWrites: this.#process, now, onTrouble });
  }

  /** Whose write it is, who made it, and which of theirs. */
  #nextWrite(merchantId: MerchantId): string {
    this.#writes += 1;
    return `${merchantId}/${this.#process}.${this.#writes.toString(36)}`;
  }

  /** What was asked for before the store is closed is done. */
  async #use<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    if (this.#closed) throw new Error('the store is closed');
    const done = work(this.#connection);
    this.#underWay.add(done);
    try {
      return await done;
    } finally {
      this.#underWay.delete(done);
    }
  }

  /** A write that comes to the same however often it is tried. */
  async #write<T>(work: (connection: Connection, again: boolean) => Promise<T>): Promise<T> {
    return this.#use(async (connection) => {
      await connection.mayWrite();
      return connection.surely((again) => work(connection, again));
    });
  }

  #ring(payout: Payout, event: PayoutEvent | null): void {
    const at = dueAt(payout);
    const due = at !== null && at <= this.#options.now();
    if (due || event !== null) this.#bell.ring({ merchantId: payout.merchantId, due });
  }

  async insert(payout: Payout, event: PayoutEvent): Promise<{ payout: Payout; replayed: boolean }> {
    const { id: _id, merchantId, reference } = payout;
    const write = this.#nextWrite(merchantId);
    const fields = { _id, ...fieldsOf(payout, write) };
    const first = await this.#write(async ({ payouts }) => {
      const logged = { $mergeObjects: [{ $literal: eventDocument(event, write) }, { loggedAt: '$$NOW' }] };
      const document = { $mergeObjects: [{ $literal: fields }, { lastEventAt: '$$NOW', events: [logged] }] };
      try {
        // No payout has version 0: it is inserted, or its id is taken.
        const isNew = { _id, merchantId, version: 0 };
        await payouts.updateOne(isNew, [{ $replaceWith: document }], { upsert: true, ...BRIEFLY });
        return null;
      } catch (error) {
        if (!isDuplicate(error)) throw error;
        const known = await payouts.findOne({ _id, merchantId }, BRIEFLY);
        // It may have been this very insert, whose answer was lost.
        if (known?.events[0]?.write === write) return null;
        if (known?.reference !== reference) throw new Error(`the id ${_id} belongs to a payout with another reference`);
        return payoutOf(known);
      }
    });
    if (first === null) this.#ring(payout, event);
    return first === null ? { payout, replayed: false } : { payout: first, replayed: true };
  }

  async commit(after: Payout, event: PayoutEvent | null): Promise<'committed' | 'stale'> {
    const write = this.#nextWrite(after.merchantId);
    const fields = fieldsOf(after, write);
    const answer = await this.#write((connection) => commit(connection, after, fields, event));
    if (answer === 'committed') this.#ring(after, event);
    return answer;
  }

  payouts(merchantId: MerchantId, ids: readonly PayoutId[]): Promise<ReadonlyMap<PayoutId, Payout>> {
    return this.#use(async ({ payouts }) => {
      const options = { projection: WITHOUT_EVENTS, ...BRIEFLY };
      const found = await payouts.find({ _id: { $in: [...ids] }, merchantId }, options).toArray();
      return new Map(found.map((document) => [document._id, payoutOf(document)]));
    });
  }

  async byReference(merchantId: MerchantId, reference: string): Promise<Payout | null> {
    const id = payoutIdOf(merchantId, reference);
    const found = (await this.payouts(merchantId, [id])).get(id);
    return found?.reference === reference ? found : null;
  }

  async payoutEvents(
    merchantId: MerchantId,
    payoutId: PayoutId,
    { after, before, limit, last }: Parameters<Store['payoutEvents']>[2],
  ): Promise<readonly LoggedEvent[]> {
    const events = await this.#eventsOf(merchantId, payoutId);
    const within = events.filter(({ sequence }) => sequence > after && sequence < before);
    const chosen = last ? within.slice(Math.max(0, within.length - limit)) : within.slice(0, limit);
    return chosen.map((stored) => this.#logged(merchantId, payoutId, stored));
  }

  async event(merchantId: MerchantId, id: PayoutEventId): Promise<LoggedEvent | null> {
    const { payoutId, sequence } = readEventId(id) ?? {};
    if (payoutId === undefined) return null;
    const events = await this.#eventsOf(merchantId, payoutId);
    const stored = events.find((one) => one.sequence === sequence && one.id === id);
    return stored === undefined ? null : this.#logged(merchantId, payoutId, stored);
  }

  #logged(merchantId: MerchantId, payoutId: PayoutId, stored: EventDocument): LoggedEvent {
    return { event: eventOf(payoutId, merchantId, stored), position: this.#log.positionOf(payoutId, stored) };
  }

  /** A payout's events are few: they come all at once. */
  #eventsOf(merchantId: MerchantId, payoutId: PayoutId): Promise<readonly EventDocument[]> {
    return this.#use(async ({ payouts }) => {
      const options = { projection: { events: 1 }, ...BRIEFLY };
      const found = await payouts.findOne({ _id: payoutId, merchantId }, options);
      return found?.events ?? [];
    });
  }

  page({ merchantId, filter, limit, direction, from, until }: PageQuery): Promise<Page> {
    const forward = direction === 'forward';
    const [newest, oldest] = forward ? [from, until] : [until, from];
    const range: object[] = [];
    // The residue at an instant is sifted by the index, whose entries have the id.
    if (newest) range.push({ createdAt: { $lte: newest.createdAt } });
    if (newest) range.push({ $nor: [{ createdAt: newest.createdAt, _id: { $gte: newest.id } }] });
    if (oldest) range.push({ createdAt: { $gte: oldest.createdAt } });
    if (oldest) range.push({ $nor: [{ createdAt: oldest.createdAt, _id: { $lte: oldest.id } }] });
    if (filter.createdBefore) range.push({ createdAt: { $lt: filter.createdBefore } });
    if (filter.createdFrom) range.push({ createdAt: { $gte: filter.createdFrom } });
    const query = {
      merchantId,
      ...(range.length > 0 ? { $and: range } : {}),
      ...(filter.states ? { state: { $in: [...filter.states] } } : {}),
      ...(filter.providers ? { provider: { $in: [...filter.providers] } } : {}),
      ...(filter.currency === undefined ? {} : { currency: filter.currency }),
      ...(filter.batch === undefined ? {} : { batch: filter.batch }),
    };
    const order = forward ? -1 : 1;
    const index = filter.batch === undefined ? {} : { hint: 'batch' };
    return this.#use(async ({ payouts }) => {
      const found = await payouts
        .find(query, { ...index, projection: WITHOUT_EVENTS, batchSize: limit + 2, ...BRIEFLY })
        .sort({ createdAt: order, _id: order })
        .limit(limit + 1)
        .toArray();
      const page = found.slice(0, limit).map(payoutOf);
      return { payouts: forward ? page : page.reverse(), more: found.length > limit };
    });
  }

  attention({ merchantId, limit, after }: AttentionQuery): Promise<readonly Payout[]> {
    const query = {
      ...(merchantId === null ? {} : { merchantId }),
      attentionSince: { $gt: EPOCH, ...(after ? { $gte: after.since } : {}) },
      ...(after ? { $nor: [{ attentionSince: after.since, _id: { $lte: after.id } }] } : {}),
    };
    const hint = merchantId === null ? 'attention' : 'attentionOfMerchant';
    return this.#use(async ({ payouts }) => {
      const found = await payouts
        .find(query, { hint, projection: WITHOUT_EVENTS, ...BRIEFLY })
        .sort({ attentionSince: 1, _id: 1 })
        .limit(limit)
        .toArray();
      return found.map(payoutOf);
    });
  }

  queue(provider: ProviderId, merchantId: MerchantId | null): Promise<Queue> {
    const query = { state: 'QUEUED', provider, ...(merchantId === null ? {} : { merchantId }) };
    const group = { _id: null, count: { $sum: 1 }, oldestAt: { $min: '$createdAt' } };
    return this.#use(async ({ payouts }) => {
      const [counted] = await payouts
        .aggregate<{ count: number; oldestAt: Date }>([{ $match: query }, { $group: group }], {
          hint: 'queued',
          ...BRIEFLY,
        })
        .toArray();
      return { count: counted?.count ?? 0, oldestAt: counted?.oldestAt ?? null };
    });
  }

  putSealed(payoutId: PayoutId, kind: string, { keyId, bytes }: Sealed): Promise<void> {
    return this.#write(async ({ sealed }) => {
      await sealed.insertOne({ _id: sealedId({ payoutId, kind }), keyId, bytes }, BRIEFLY).catch((error: unknown) => {
        if (!isDuplicate(error)) throw error;
      });
    });
  }

  getSealed(payoutId: PayoutId, kind: string): Promise<Sealed | null> {
    return this.#use(async ({ sealed }) => {
      const found = await sealed.findOne({ _id: sealedId({ payoutId, kind }) }, BRIEFLY);
      return found === null ? null : sealedOf(found);
    });
  }

  dropSealed(payoutId: PayoutId, kind: string): Promise<void> {
    return this.#write(async ({ sealed }) => {
      await sealed.deleteOne({ _id: sealedId({ payoutId, kind }) }, BRIEFLY);
    });
  }

  sealedUnderOtherKeys(keyId: string, limit: number): Promise<readonly (SealedKey & { readonly sealed: Sealed })[]> {
    return this.#use(async ({ sealed }) => {
      const found: SealedDocument[] = [];
      // Two searches of one index: an inequality would read every record.
      for (const range of [{ $lt: keyId }, { $gt: keyId }]) {
        if (found.length >= limit) break;
        const search = sealed.find({ keyId: range }, { ...BRIEFLY });
        found.push(...(await search.limit(limit - found.length).toArray()));
      }
      return found.map((document) => ({ ...sealedKeyOf(document), sealed: sealedOf(document) }));
    });
  }

  resealed(key: SealedKey, before: Sealed, after: Sealed): Promise<boolean> {
    const _id = sealedId(key);
    return this.#write(async ({ sealed }) => {
      const change = { $set: { keyId: after.keyId, bytes: after.bytes } };
      const { matchedCount } = await sealed.updateOne(
        { _id, keyId: before.keyId, bytes: before.bytes },
        change,
        BRIEFLY,
      );
      if (matchedCount === 1) return true;
      // It may have been this very change, whose answer was lost.
      const now = await sealed.findOne({ _id }, BRIEFLY);
      return now !== null && now.keyId === after.keyId && sealedOf(now).bytes.equals(after.bytes);
    });
  }

  async erase(merchantId: MerchantId, payoutId: PayoutId): Promise<boolean> {
    const payout = (await this.payouts(merchantId, [payoutId])).get(payoutId);
    if (payout === undefined || !isFinal(payout.state)) return false;
    await this.#write(({ sealed }) => sealed.deleteMany({ _id: sealedRange(payoutId) }, BRIEFLY));
    return true;
  }

  claimReference(
    provider: ProviderId,
    fingerprint: string,
    reference: string,
    { payoutId, attempt }: AttemptKey,
  ): Promise<boolean> {
    const _id = claimId({ provider, fingerprint, reference });
    return this.#write(async ({ claims }) => {
      try {
        await claims.insertOne({ _id, payoutId, attempt }, BRIEFLY);
        return true;
      } catch (error) {
        if (!isDuplicate(error)) throw error;
        const claim = await claims.findOne({ _id }, BRIEFLY);
        return claim?.payoutId === payoutId && claim.attempt === attempt;
      }
    });
  }

  findByOrder(
    provider: ProviderId,
    account: string,
    key: OrderKey,
  ): Promise<{ payout: Payout; attempt: number } | null> {
    return this.#use(async ({ payouts }) => {
      const options = { projection: WITHOUT_EVENTS, ...BRIEFLY };
      const found = await payouts.findOne({ orderKeys: orderKeyOf(provider, account, key) }, options);
      if (found === null) return null;
      const payout = payoutOf(found);
      const attempt = payout.attempts.find(
        (one) =>
          one.provider === provider &&
          one.account === account &&
          (key.orderNumber === null
            ? one.providerReference === key.providerReference
            : one.orderNumber === key.orderNumber),
      );
      return attempt === undefined ? null : { payout, attempt: attempt.number };
    });
  }

  /** Rejects where another process has declared meanwhile that this store is older than the world. */
  async #mustBeOpenedSince({ meta }: Connection): Promise<void> {
    const stamp = await meta.findOne<Pick<Stamp, 'epoch'>>({ _id: 'store' }, { projection: { epoch: 1 }, ...BRIEFLY });
    if (stamp?.epoch === this.#epoch) return;
    throw new Error('the store was put back by another process: this one has to be started again');
  }

  lease(request: LeaseRequest): Promise<readonly Payout[]> {
    return this.#use(async (connection) => {
      await connection.mayWrite();
      // Whoever began before it was put back does not know what must be asked for first.
      await this.#mustBeOpenedSince(connection);
      return this.#leases.claim(request);
    });
  }

  insertBatch(batch: PayoutBatch): Promise<PayoutBatch> {
    const write = this.#nextWrite(batch.merchantId);
    return this.#write((connection) => insertBatch(connection, batch, write));
  }

  commitBatch(after: PayoutBatch): Promise<'committed' | 'stale'> {
    const write = this.#nextWrite(after.merchantId);
    return this.#write((connection) => commitBatch(connection, after, write));
  }

  batch(merchantId: MerchantId, id: BatchId): Promise<PayoutBatch | null> {
    return this.#use((connection) => findBatch(connection, merchantId, id));
  }

  batchCounts(merchantId: MerchantId, id: BatchId): Promise<readonly BatchCount[]> {
    return this.#use((connection) => countBatch(connection, merchantId, id));
  }

  rousingBatches(limit: number): Promise<readonly PayoutBatch[]> {
    return this.#use((connection) => rousingBatches(connection, limit));
  }

  parked(merchantId: MerchantId, id: BatchId, limit: number): Promise<readonly Payout[]> {
    return this.#use((connection) => parkedOf(connection, merchantId, id, limit));
  }

  post(bulletin: Bulletin): Promise<void> {
    return this.#write((connection) => postBulletin(connection, bulletin));
  }

  bulletins(since: Date): Promise<readonly Bulletin[]> {
    return this.#use((connection) => bulletinsSince(connection, since));
  }

  head(merchantId: MerchantId): Promise<Position> {
    return this.#use(() => this.#log.head(merchantId));
  }

  events(after: Position | null, filter: EventFilter, limit: number, known?: Known): Promise<EventPage> {
    return this.#use(() => this.#log.events(after, filter, limit, known));
  }

  anew(position: Position): Position {
    return this.#log.anew(position);
  }

  knows(position: string): boolean {
    return this.#log.knows(position);
  }

  watch(signal: AbortSignal): AsyncIterable<Ring> {
    if (!this.#closed && !signal.aborted) this.#alarm?.start();
    return this.#bell.watch(signal);
  }

  async insertMerchant(merchant: Merchant): Promise<void> {
    await this.#write(({ merchants }, again) => once(merchants.insertOne(merchantDocument(merchant), BRIEFLY), again));
  }

  merchant(id: MerchantId): Promise<Merchant | null> {
    return this.#use(async ({ merchants }) => {
      const found = await merchants.findOne({ _id: id }, BRIEFLY);
      return found === null ? null : merchantOf(found);
    });
  }

  merchants(): Promise<readonly Merchant[]> {
    return this.#use(async ({ merchants }) => {
      const found = await merchants
        .find({}, { hint: '_id_', ...BRIEFLY })
        .sort({ _id: 1 })
        .toArray();
      return found.map(merchantOf);
    });
  }

  async insertKey(key: ApiKey): Promise<void> {
    await this.#write(({ keys }, again) => once(keys.insertOne(keyDocument(key), BRIEFLY), again));
  }

  keyByHash(hash: string): Promise<ApiKey | null> {
    return this.#use(async ({ keys }) => {
      const found = await keys.findOne({ hash }, { ...BRIEFLY });
      return found === null ? null : keyOf(found);
    });
  }

  keys(merchantId: MerchantId | null): Promise<readonly ApiKey[]> {
    return this.#use(async ({ keys }) => {
      const found = await keys
        .find({ merchantId }, { ...BRIEFLY })
        .sort({ _id: 1 })
        .toArray();
      return found.map(keyOf);
    });
  }

  revokeKey(id: ApiKeyId, at: Date): Promise<boolean> {
    return this.#write(async ({ keys }) => {
      await keys.updateOne({ _id: id, revokedAt: null }, { $set: { revokedAt: at } }, BRIEFLY);
      return (await keys.findOne({ _id: id }, { projection: { _id: 1 }, ...BRIEFLY })) !== null;
    });
  }

  async restore(): Promise<Restored> {
    const { random, maxSkewMs } = this.#options;
    const before = this.restored;
    const epoch = random(8).toString('hex');
    return this.#write(async ({ meta, payouts }) => {
      const stamp = await meta.findOne<{ createdAt: Date }>({ _id: 'store' });
      if (stamp === null) throw new Error('the stamp of the store is gone');
      // Once, by an operator, and with nobody else there: it may read everything, part by part.
      let newest = Number.NEGATIVE_INFINITY;
      const times = payouts.find<Dated>({}, { hint: '_id_', projection: { 'events.at': 1 } });
      for await (const { events } of times) for (const { at } of events) newest = Math.max(newest, at.getTime());
      // Two processes that wrote it may have been apart by twice what one may be off.
      const lastKnown = Number.isFinite(newest) ? newest : stamp.createdAt.getTime();
      const since = new Date(lastKnown - 2 * (maxSkewMs ?? 0));
      const generation = (before?.generation ?? 0) + 1;
      const restored: Restored = { generation, lostSince: before?.open ? before.lostSince : since, open: true };
      await meta.updateOne({ _id: 'store' }, { $set: { restored, epoch } });
      return restored;
    });
  }

  async endRestore(): Promise<void> {
    await this.#write(({ meta }) =>
      meta.updateOne({ _id: 'store', 'restored.open': true }, { $set: { 'restored.open': false } }),
    );
  }

  /** Writes, since a server without its majority can still be read. */
  async ping(): Promise<void> {
    await this.#write(async (connection) => {
      await this.#mustBeOpenedSince(connection);
      await connection.meta.updateOne({ _id: 'store' }, { $set: { checkedAt: this.#options.now() } }, BRIEFLY);
    });
  }

  /** What was asked for before is done and answered. Closing twice is closing once. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#bell.close();
    await this.#alarm?.stop();
    await Promise.allSettled(this.#underWay);
    await this.#connection.close();
  }
}

/** One conditional update: on the version before, and on the event before. */
async function commit(
  { payouts }: Connection,
  { id: _id, merchantId, version }: Payout,
  fields: PayoutFields,
  event: PayoutEvent | null,
): Promise<'committed' | 'stale'> {
  const before = { _id, merchantId, version: version - 1 };
  const { matchedCount } =
    event === null
      ? await payouts.updateOne(before, { $set: fields }, BRIEFLY)
      : await payouts.updateOne({ ...before, sequence: event.sequence - 1 }, withEvent(fields, event), BRIEFLY);
  if (matchedCount === 1) return 'committed';
  const options = { projection: { version: 1, write: 1, 'events.write': 1 }, ...BRIEFLY };
  const now = await payouts.findOne<Pick<PayoutDocument, 'version' | 'write' | 'events'>>({ _id, merchantId }, options);
  // It may have been this very write, whose answer was lost, and others may have built on it since.
  if (now?.write === fields.write || now?.events.some((one) => one.write === fields.write)) return 'committed';
  if (now?.version === version - 1) throw new Error(`the payout ${_id} has an event ${event?.sequence} already`);
  return 'stale';
}

/** Values of ours stand as they are: a text that begins with a dollar is no expression. */
function withEvent(fields: PayoutFields, event: PayoutEvent): object[] {
  const literals = Object.entries(fields).map(([name, value]) => [name, { $literal: value }]);
  const logged = { $mergeObjects: [{ $literal: eventDocument(event, fields.write) }, { loggedAt: '$lastEventAt' }] };
  return [
    { $set: { ...Object.fromEntries(literals), lastEventAt: STAMP } },
    { $set: { events: { $concatArrays: ['$events', [logged]] } } },
  ];
}

/** An insert under an id that nobody else has: what a second try finds there is what the first one wrote. */
async function once(inserting: Promise<unknown>, again: boolean): Promise<void> {
  await inserting.catch((error: unknown) => {
    if (!(again && isDuplicate(error))) throw error;
  });
}
