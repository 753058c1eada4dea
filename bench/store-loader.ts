/** Fills a new store with payouts faster than they come in one by one: with the very records that the adapter writes. */
import { MongoClient } from 'mongodb';
import { eventDocument, fieldsOf, type PayoutDocument } from '../src/storage/mongo/codec.ts';
import { answer, inFlight } from './harness.ts';
import { openAt, type Place } from './store-places.ts';
import { type Kind, type NewPayout, recordsOf } from './store-records.ts';

export interface LoadQuestion {
  readonly place: Place;
  readonly kind: Kind;
  /** Of the merchant; others' come on top. */
  readonly count: number;
  /** Ends by then, with as many as there are. */
  readonly ms: number;
}

export interface LoadAnswer {
  /** How many of the merchant's there are. */
  readonly count: number;
}

/** So many of the merchant's are written at once: SQLite writes them in one transaction, MongoDB in one bulk. */
const BATCH = 1000;

async function load({ place, kind, count, ms }: LoadQuestion): Promise<LoadAnswer> {
  const until = performance.now() + ms;
  const store = await openAt(place);
  const bulk = place.adapter === 'MongoDB' ? openBulk(place.at) : null;
  let done = 0;
  while (done < count && performance.now() < until) {
    const to = Math.min(count, done + BATCH);
    const records = recordsOf(kind, done, to);
    if (bulk) await bulk.write(records);
    else {
      await inFlight(records.length, records.length, async (at) => {
        const record = records[at];
        if (record) await store.insert(...record);
      });
    }
    done = to;
  }
  await bulk?.close();
  await store.close();
  return { count: done };
}

/** Writes the documents of new payouts. */
function openBulk(url: string): { write(records: readonly NewPayout[]): Promise<void>; close(): Promise<void> } {
  const client = new MongoClient(url);
  const payouts = client.db().collection<PayoutDocument>('payouts');
  let writes = 0;
  return {
    async write(records) {
      const documents = records.map(([payout, event]): PayoutDocument => {
        writes += 1;
        const write = `${payout.merchantId}/bench.${writes.toString(36)}`;
        const events = [{ ...eventDocument(event, ''), loggedAt: event.at }];
        return { _id: payout.id, ...fieldsOf(payout, write), lastEventAt: event.at, events };
      });
      await payouts.insertMany(documents, { ordered: false });
    },
    close: () => client.close(),
  };
}

answer(load);
