import type { CreateIndexesOptions, IndexSpecification } from 'mongodb';

/**
 * Written into a store when it is opened; a store with a greater one is a newer program's. 2: payouts have schema 4, which an
 * older program cannot read.
 */
export const SCHEMA_VERSION = 2;

/** Instants that a partial index holds are after this one: it leaves out what is null. */
export const EPOCH = new Date(0);

interface Index {
  readonly keys: IndexSpecification;
  readonly options?: CreateIndexesOptions;
}

/**
 * Every index, by collection and name. What goes by a partial index that the planner could pass over names it (a hint); whatever else
 * is searched for fits one index far better than the rest. `_id_` is every collection's own.
 */
export const INDEXES = {
  payouts: {
    // The log of a merchant, in the order of its last events; the sequence tells what is new without reading documents.
    log: { keys: { merchantId: 1, lastEventAt: 1, _id: 1, sequence: 1 } },
    // The last three let a filter pass over payouts without reading their documents.
    age: { keys: { merchantId: 1, createdAt: -1, _id: -1, state: 1, provider: 1, currency: 1 } },
    due: { keys: { provider: 1, state: 1, dueAt: 1 }, options: { partialFilterExpression: { dueAt: { $gt: EPOCH } } } },
    queued: {
      keys: { provider: 1, merchantId: 1, createdAt: 1, state: 1 },
      options: { partialFilterExpression: { state: 'QUEUED' } },
    },
    attention: {
      keys: { attentionSince: 1, _id: 1 },
      options: { partialFilterExpression: { attentionSince: { $gt: EPOCH } } },
    },
    attentionOfMerchant: {
      keys: { merchantId: 1, attentionSince: 1, _id: 1 },
      options: { partialFilterExpression: { attentionSince: { $gt: EPOCH } } },
    },
    // Payouts that are in a batch alone. The last four let counts be made, and a filter pass over payouts, without reading
    // their documents.
    batch: {
      keys: { merchantId: 1, batch: 1, createdAt: -1, _id: -1, state: 1, parked: 1, provider: 1, currency: 1 },
      options: { partialFilterExpression: { batch: { $gt: '' } } },
    },
    parked: { keys: { merchantId: 1, batch: 1 }, options: { partialFilterExpression: { parked: true } } },
    // Order numbers and provider references, each with its provider and account.
    orders: { keys: { orderKeys: 1 } },
  },
  sealed: { byKey: { keys: { keyId: 1, _id: 1 } } },
  claims: {},
  batches: { rousing: { keys: { rousing: 1 }, options: { partialFilterExpression: { rousing: true } } } },
  bulletins: { byTime: { keys: { at: 1 } } },
  merchants: {},
  keys: {
    byHash: { keys: { hash: 1 }, options: { unique: true } },
    byMerchant: { keys: { merchantId: 1, _id: 1 } },
  },
  meta: {},
} as const satisfies Readonly<Record<string, Readonly<Record<string, Index>>>>;

export type CollectionName = keyof typeof INDEXES;
