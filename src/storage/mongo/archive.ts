import type { Collection, Document } from 'mongodb';
import { StartupError } from '../../domain/errors.ts';
import type { PayoutEvent, PayoutId } from '../../domain/payout.ts';
import {
  type Claim,
  digestOf,
  type Identity,
  type Item,
  idOf,
  type Kind,
  type Source,
  type Target,
} from '../archive.ts';
import {
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
} from './codec.ts';
import { type Connection, connect, describe, isDuplicate, makeIndexes } from './connection.ts';
import { createFormer, loggedAtOf, type Move } from './former.ts';
import { type CollectionName, SCHEMA_VERSION } from './schema.ts';
import type { MongoOptions } from './store.ts';

type Stored = Document & { readonly _id: string };

/** So many documents are read by one search. The server sends them in parts of at most 16 MB. */
const STRETCH = 10_000;

const COLLECTIONS: Readonly<Record<Kind, CollectionName>> = {
  MERCHANT: 'merchants',
  KEY: 'keys',
  PAYOUT: 'payouts',
  SEALED: 'sealed',
  CLAIM: 'claims',
};

/** Opens a database that a store is moved to. Rejects with a StartupError of one line for a server that cannot be used. */
export async function openMongoTarget(options: Pick<MongoOptions, 'url' | 'now' | 'random'>): Promise<Target> {
  return targetOn(await connect({ ...options, maxSkewMs: null, onTrouble: () => undefined }), options);
}

function targetOn(connection: Connection, options: Pick<MongoOptions, 'url' | 'now' | 'random'>): Target {
  const { db, meta } = connection;
  let move: Move | null = null;
  let former = createFormer(0, 0);
  const shelf = (kind: Kind): Collection<Stored> => db.collection(COLLECTIONS[kind]);

  function begun(): Move {
    if (move === null) throw new Error('nothing is being moved here');
    return move;
  }

  async function find(kind: Kind, ids: readonly string[]): Promise<readonly Item[]> {
    const found = await shelf(kind)
      .find({ _id: { $in: [...ids] } })
      .toArray();
    return found.map((document) => itemOf(kind, document));
  }

  return {
    find,
    name: () => begun().name,
    async begin(source) {
      const known = await meta.findOne<StampDocument>({ _id: 'store' });
      move = known === null ? await stamp(connection, source, options) : checked(known, source);
      if (move.finishedAt !== null) return 'DONE';
      if (known !== null) await meta.updateOne({ _id: 'store' }, { $set: { ...source.identity } });
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
    async *read(kind) {
      for (let last = '', read = STRETCH; read === STRETCH; ) {
        const search = { _id: { $gt: last } };
        read = 0;
        for await (const document of shelf(kind).find(search).sort({ _id: 1 }).limit(STRETCH)) {
          read += 1;
          last = document._id;
          yield itemOf(kind, document);
        }
      }
    },
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
  for (const name of Object.values(COLLECTIONS)) {
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
    case 'PAYOUT': {
      const events = logged(item.events, begunAt);
      const lastEventAt = events.at(-1)?.loggedAt ?? new Date(begunAt);
      const fields = fieldsOf(item.record, `${item.record.merchantId}/moved`);
      return { _id: item.record.id, ...fields, lastEventAt, events };
    }
    case 'SEALED':
      return { _id: idOf(item), ...item.record.sealed };
    case 'CLAIM':
      return { _id: idOf(item), payoutId: item.record.payoutId, attempt: item.record.attempt };
  }
}

function logged(events: readonly PayoutEvent[], begunAt: number): readonly EventDocument[] {
  let previous = 0;
  return events.map((event) => {
    previous = loggedAtOf(event.at.getTime(), event.sequence, previous, begunAt);
    return { ...eventDocument(event, ''), loggedAt: new Date(previous) };
  });
}

function itemOf(kind: Kind, document: Stored): Item {
  const { _id } = document;
  switch (kind) {
    case 'MERCHANT':
      return { kind, record: merchantOf(document as unknown as MerchantDocument) };
    case 'KEY':
      return { kind, record: keyOf(document as unknown as KeyDocument) };
    case 'PAYOUT': {
      const { events, ...fields } = document as unknown as PayoutDocument;
      const record = payoutOf(fields);
      return { kind, record, events: events.map((event) => eventOf(record.id, record.merchantId, event)) };
    }
    case 'SEALED': {
      const slash = _id.indexOf('/');
      const sealed = { keyId: document.keyId, bytes: document.bytes };
      return { kind, record: { payoutId: _id.slice(0, slash) as PayoutId, kind: _id.slice(slash + 1), sealed } };
    }
    case 'CLAIM': {
      const [provider = '', fingerprint = '', reference = ''] = JSON.parse(_id) as string[];
      const record: Claim = {
        provider,
        fingerprint,
        reference,
        payoutId: document.payoutId,
        attempt: document.attempt,
      };
      return { kind, record };
    }
  }
}
