import type { Db, Document } from 'mongodb';
import { StartupError } from '../../domain/errors.ts';
import type { MerchantId } from '../../domain/merchant.ts';
import type { PayoutEvent } from '../../domain/payout.ts';
import { digestOf, type Identity, type Item, idOf, type Kind, type Source, type Target } from '../archive.ts';
import {
  type BatchDocument,
  batchDocument,
  batchOf,
  type ClaimDocument,
  claimId,
  claimOf,
  type EventDocument,
  eventDocument,
  eventOf,
  fieldsOf,
  type KeyDocument,
  keyDocument,
  keyOf,
  type MerchantDocument,
  merchantDocument,
  merchantOf,
  type PayoutDocument,
  payoutOf,
  type SealedDocument,
  sealedId,
  sealedKeyOf,
  sealedOf,
} from './codec.ts';
import { type Connection, connect, describe, isDuplicate, makeIndexes } from './connection.ts';
import { createFormer, loggedAtOf, type Move } from './former.ts';
import { type CollectionName, SCHEMA_VERSION } from './schema.ts';
import type { MongoOptions } from './store.ts';

type Stored = Document & { readonly _id: string };

/** So many documents are read by one search. The server sends them in parts of at most 16 MB. */
const STRETCH = 10_000;

/** Opens a database that a store is moved to. Rejects with a StartupError of one line for a server that cannot be used. */
export async function openMongoTarget(options: Pick<MongoOptions, 'url' | 'now' | 'random'>): Promise<Target> {
  return targetOn(await connect({ ...options, maxSkewMs: null, onTrouble: () => undefined }), options);
}

function targetOn(connection: Connection, options: Pick<MongoOptions, 'url' | 'now' | 'random'>): Target {
  const { db, meta } = connection;
  let move: Move | null = null;
  let former = createFormer(0, 0);
  const shelf = (kind: Kind) => db.collection<Stored>(SHELVES[kind].name);

  function begun(): Move {
    if (move === null) throw new Error('nothing is being moved here');
    return move;
  }

  const find = (kind: Kind, ids: readonly string[]) => SHELVES[kind].find(db, ids);

  return {
    find,
    name: () => begun().name,
    async begin(source) {
      const known = await meta.findOne<StampDocument>({ _id: 'store' });
      move = known === null ? await stamp(connection, source, options) : checked(known, source);
      if (move.finishedAt !== null) return 'DONE';
      if (known !== null)
        await meta.updateOne({ _id: 'store' }, { $set: { ...source.identity, schema: SCHEMA_VERSION } });
      await makeIndexes(options);
      former = createFormer(source.lastRow, move.begunAt.getTime());
      return known === null ? 'NEW' : 'RESUMED';
    },
    async put(kind, items) {
      const known = new Map((await find(kind, items.map(idOf))).map((item) => [idOf(item), digestOf(item)]));
      const changes = items
        .filter((item) => known.get(idOf(item)) !== digestOf(item))
        .map((item) => documentOf(item, begun().begunAt.getTime()))
        .map((replacement) => ({
          replaceOne: { filter: keyOfDocument(kind, replacement), replacement, upsert: true },
        }));
      if (changes.length > 0) await connection.surely(() => shelf(kind).bulkWrite(changes, { ordered: false }));
    },
    async drop(kind, id) {
      await connection.surely(() => shelf(kind).deleteMany({ _id: id }));
    },
    read: (kind) => SHELVES[kind].read(db),
    place: ({ row, event }) => former.add(row, event.at.getTime(), event.sequence),
    async finish() {
      const { name } = begun();
      await connection.surely(() => meta.replaceOne({ _id: 'former' }, former.made(), { upsert: true }));
      const finished = { $set: { 'move.finishedAt': new Date(connection.databaseNow()) } };
      await connection.surely(() => meta.updateOne({ _id: 'store', 'move.name': name }, finished));
    },
    close: () => connection.close(),
  };
}

// --- the stamp ------------------------------------------------------------------------------------------------------------

interface StampDocument extends Identity {
  readonly schema: number;
  readonly move?: Move;
}

const TAKEN = 'the database has a store already: name one that has none';

/** Whoever makes the stamp has the database: one that a server has started on is left alone, and none starts on this one. */
async function stamp(
  { db, meta, databaseNow }: Connection,
  { identity, movedTo }: Pick<Source, 'identity' | 'movedTo'>,
  { now, random }: Pick<MongoOptions, 'now' | 'random'>,
): Promise<Move> {
  if (movedTo !== null) throw new StartupError('the store was moved to another database already');
  for (const { name } of Object.values(SHELVES)) {
    if ((await db.collection(name).findOne({}, { projection: { _id: 1 } })) !== null) {
      throw new StartupError(`the database has something else in it, as ${name}: name one that is empty`);
    }
  }
  const move: Move = { name: random(8).toString('hex'), begunAt: new Date(databaseNow()), finishedAt: null };
  try {
    await meta.insertOne({ _id: 'store', schema: SCHEMA_VERSION, ...identity, checkedAt: now(), move });
    return move;
  } catch (error) {
    throw isDuplicate(error)
      ? new StartupError(TAKEN)
      : new Error(`nothing was moved: ${describe(error)}`, { cause: error });
  }
}

/** The move that the database knows of, where it is one of this source. */
function checked(
  { schema, secret, move }: StampDocument,
  { identity, movedTo }: Pick<Source, 'identity' | 'movedTo'>,
): Move {
  if (move === undefined) throw new StartupError(TAKEN);
  if (!identity.secret.equals(secret)) {
    throw new StartupError(move.finishedAt === null ? 'another store is being moved to the database' : TAKEN);
  }
  if (movedTo !== null && movedTo !== move.name) {
    throw new StartupError('the store was moved to another database already');
  }
  if (schema > SCHEMA_VERSION) {
    throw new StartupError(`the store has schema ${schema}; this program knows ${SCHEMA_VERSION}: update it`);
  }
  return move;
}

// --- records --------------------------------------------------------------------------------------------------------------

/** How a kind is kept: an item's id is its document's. */
interface Shelf {
  readonly name: CollectionName;
  find(db: Db, ids: readonly string[]): Promise<readonly Item[]>;
  read(db: Db): AsyncIterable<Item>;
}

function shelfOf<D extends { readonly _id: string }>(name: CollectionName, itemOf: (document: D) => Item): Shelf {
  return {
    name,
    async find(db, ids) {
      const search = { _id: { $in: [...ids] } };
      return (await db.collection<Stored>(name).find<D>(search).toArray()).map(itemOf);
    },
    async *read(db) {
      for (let last = '', read = STRETCH; read === STRETCH; ) {
        const search = { _id: { $gt: last } };
        const found = db.collection<Stored>(name).find<D>(search).sort({ _id: 1 }).limit(STRETCH);
        read = 0;
        for await (const document of found) {
          read += 1;
          last = document._id;
          yield itemOf(document);
        }
      }
    },
  };
}

const SHELVES: Readonly<Record<Kind, Shelf>> = {
  MERCHANT: shelfOf<MerchantDocument>('merchants', (one) => ({ kind: 'MERCHANT', record: merchantOf(one) })),
  KEY: shelfOf<KeyDocument>('keys', (one) => ({ kind: 'KEY', record: keyOf(one) })),
  BATCH: shelfOf<BatchDocument>('batches', (one) => ({ kind: 'BATCH', record: batchOf(one) })),
  PAYOUT: shelfOf<PayoutDocument>('payouts', ({ events, ...fields }) => {
    const record = payoutOf(fields);
    return { kind: 'PAYOUT', record, events: events.map((event) => eventOf(record.id, record.merchantId, event)) };
  }),
  SEALED: shelfOf<SealedDocument>('sealed', (one) => {
    return { kind: 'SEALED', record: { ...sealedKeyOf(one), sealed: sealedOf(one) } };
  }),
  CLAIM: shelfOf<ClaimDocument>('claims', (one) => ({ kind: 'CLAIM', record: claimOf(one) })),
};

/** A payout is searched for on the shard that it belongs to. */
function keyOfDocument(
  kind: Kind,
  { _id, merchantId }: Stored,
): { readonly _id: string; readonly merchantId?: string } {
  return kind === 'PAYOUT' ? { _id, merchantId } : { _id };
}

function documentOf(item: Item, begunAt: number): Stored {
  switch (item.kind) {
    case 'MERCHANT':
      return merchantDocument(item.record);
    case 'KEY':
      return keyDocument(item.record);
    case 'BATCH':
      return batchDocument(item.record, moveOf(item.record));
    case 'PAYOUT': {
      const events = logged(item.events, begunAt);
      const lastEventAt = events.at(-1)?.loggedAt ?? new Date(begunAt);
      const fields = fieldsOf(item.record, moveOf(item.record));
      return { _id: item.record.id, ...fields, lastEventAt, events };
    }
    case 'SEALED':
      return { _id: sealedId(item.record), ...item.record.sealed };
    case 'CLAIM':
      return { _id: claimId(item.record), payoutId: item.record.payoutId, attempt: item.record.attempt };
  }
}

/** Names the write that a record is moved by. */
function moveOf({ merchantId }: { readonly merchantId: MerchantId }): string {
  return `${merchantId}/moved`;
}

function logged(events: readonly PayoutEvent[], begunAt: number): readonly EventDocument[] {
  let previous = 0;
  return events.map((event) => {
    previous = loggedAtOf(event.at.getTime(), event.sequence, previous, begunAt);
    return { ...eventDocument(event, ''), loggedAt: new Date(previous) };
  });
}
