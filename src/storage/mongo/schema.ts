import type { CreateIndexesOptions, IndexSpecification } from 'mongodb';

/** Written into a store at its first start; a store with a greater one was made by a newer program. */
export const SCHEMA_VERSION = 1;

/** Instants that a partial index holds are after this one: it leaves out what is null. */
export const EPOCH = new Date(0);

interface Index {
  readonly keys: IndexSpecification;
  readonly options?: CreateIndexesOptions;
}

/**
 * Every index, by collection and name. What goes by a partial index, which the planner could pass over, names it (a hint); what
 * goes by any other one cannot go by much else. `_id_` is every collection's own.
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
    // Order numbers and provider references, each with its provider and account.
    orders: { keys: { orderKeys: 1 } },
  },
  sealed: { byKey: { keys: { keyId: 1, _id: 1 } } },
  claims: {},
  merchants: {},
  keys: {
    byHash: { keys: { hash: 1 }, options: { unique: true } },
    byMerchant: { keys: { merchantId: 1, _id: 1 } },
  },
  meta: {},
} as const satisfies Readonly<Record<string, Readonly<Record<string, Index>>>>;

export type CollectionName = keyof typeof INDEXES;
