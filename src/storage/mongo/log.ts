import type { ClientSession } from 'mongodb';
import type { MerchantId } from '../../domain/merchant.ts';
import type { PayoutId } from '../../domain/payout.ts';
import type { EventFilter, EventPage, LoggedEvent, Position } from '../../domain/store.ts';
import { type EventDocument, eventOf } from './codec.ts';
import { type Connection, MAX_TIME_MS } from './connection.ts';
import { type Former, readFormerPosition } from './former.ts';
import {
  BEGINNING,
  digestOf,
  type Given,
  type Mark,
  type Place,
  REMEMBERED,
  readPosition,
  remember,
  writePosition,
} from './position.ts';

/** A merchant's log, read from the documents of its payouts. */
export interface EventLog {
  head(merchantId: MerchantId): Promise<Position>;
  events(after: Position | null, filter: EventFilter, limit: number, known?: Known): Promise<EventPage>;
  /** The place right after an event. */
  positionOf(payoutId: PayoutId, event: Pick<EventDocument, 'loggedAt' | 'sequence'>): Position;
  /** The place without the reading that is under way there, or was a moment ago: the next one goes back. */
  anew(position: Position): Position;
  knows(position: string): boolean;
}

/** What whoever reads has already, by payout: up to which sequence. */
export type Known = Pick<ReadonlyMap<PayoutId, number>, 'get'>;

/** Whoever reads on and on goes back to its floor this often. */
const GO_BACK_MS = 3000;
/** In between it goes back only by so much: commits at one time become visible in another order than they are stamped. */
const NEAR_MS = 1000;
/** A reading that stood still for longer begins anew. */
const STALE_MS = 60_000;

/** Where a document stands in the log. */
interface Line {
  readonly _id: PayoutId;
  readonly lastEventAt: Date;
  readonly sequence: number;
}
const LINE = { _id: 1, lastEventAt: 1, sequence: 1 } as const;
interface LoggedDocument {
  readonly _id: PayoutId;
  readonly merchantId: MerchantId;
  readonly events: readonly EventDocument[];
}

/** What remains to be given of a page: its events, and the place after each. */
interface Gathered {
  readonly events: readonly LoggedEvent[];
  readonly place: Place;
  /** Whether the limit left something out. */
  readonly cut: boolean;
}

/** What makes a log: the store's epoch, what it gave out before it was moved here, and how late a write may be seen, in ms. */
export interface LogOptions {
  readonly epoch: string;
  readonly former: Former | null;
  readonly overlapMs: number;
}

/** The log of a store. */
export function createLog(connection: Connection, { epoch, former, overlapMs }: LogOptions): EventLog {
  const { payouts } = connection;

  function readPlace(text: string): Place | null {
    return readPosition(epoch, text) ?? (former && readFormerPosition(epoch, former, text));
  }

  /** The documents of a stretch of the log: where it begins at an instant, from the index alone. */
  function lines(filter: EventFilter, from: Mark, limit: number, session: ClientSession): Promise<Line[]> {
    const { merchantId, payoutIds } = filter;
    const at = new Date(from.at);
    const rest = [{ lastEventAt: { $gt: at } }, { lastEventAt: at, _id: { $gte: from.id as PayoutId } }];
    const range = { lastEventAt: { $gte: at }, ...(from.id === '' ? {} : { $or: rest }) };
    const search = payoutIds === undefined ? {} : { _id: { $in: [...payoutIds] } };
    return payouts
      .find<Line>({ merchantId, ...range, ...search }, { projection: LINE, maxTimeMS: MAX_TIME_MS, session })
      .sort({ lastEventAt: 1, _id: 1 })
      .limit(limit)
      .toArray();
  }

  async function documents(
    merchantId: MerchantId,
    ids: readonly PayoutId[],
    session: ClientSession,
  ): Promise<ReadonlyMap<PayoutId, LoggedDocument>> {
    if (ids.length === 0) return new Map();
    const found = await payouts
      .find<LoggedDocument>(
        { _id: { $in: [...ids] }, merchantId },
        { projection: { merchantId: 1, events: 1 }, maxTimeMS: MAX_TIME_MS, session },
      )
      .toArray();
    return new Map(found.map((document) => [document._id, document]));
  }

  /** One search: a floor that is too early by what is not known of the database's clock only lets something come again. */
  async function head(merchantId: MerchantId): Promise<Position> {
    const now = connection.databaseNow();
    const floor = Math.max(0, now - overlapMs);
    const recent = await payouts
      .find<Line>({ merchantId, lastEventAt: { $gte: new Date(floor) } }, { projection: LINE, maxTimeMS: MAX_TIME_MS })
      .sort({ lastEventAt: -1, _id: -1 })
      .limit(REMEMBERED)
      .toArray();
    let given: Given = new Map();
    for (const { _id, sequence } of recent.reverse()) given = remember(given, digestOf(_id), sequence);
    const place = { ...BEGINNING, floor, reached: { at: floor, id: '' }, given };
    return writePosition(epoch, { ...place, endedAt: now, backAt: now });
  }

  /** Where a reading begins, and the place as it is then. */
  async function begin(place: Place, session: ClientSession): Promise<{ readonly from: Mark; readonly place: Place }> {
    const now = connection.databaseNow();
    const isUnderWay = place.next !== null && isWithin(now - place.begunAt, STALE_MS);
    if (isUnderWay) {
      // Where it ends, the floor moves on: every page of it has to see what the first one could have seen.
      if (place.next !== place.floor) await connection.readPoint(session);
      return { from: place.reached, place };
    }
    if (place.next === null && isWithin(now - place.backAt, GO_BACK_MS)) {
      const at = Math.max(place.floor, place.endedAt - Math.min(NEAR_MS, overlapMs));
      return { from: { at, id: '' }, place: { ...place, next: place.floor, begunAt: now } };
    }
    const readAt = await connection.readPoint(session);
    const next = Math.max(place.floor, readAt - overlapMs);
    return { from: goneBack(place), place: { ...place, next, begunAt: now, backAt: now } };
  }

  /** The place at the end of a reading. */
  function end(place: Place, nothing: boolean): Place {
    const now = connection.databaseNow();
    const wentBack = place.backAt === place.begunAt;
    return {
      ...place,
      floor: place.next ?? place.floor,
      next: null,
      endedAt: now,
      backAt: wentBack ? now : place.backAt,
      given: wentBack && nothing ? new Map() : place.given,
    };
  }

  async function events(after: Position | null, filter: EventFilter, limit: number, known?: Known): Promise<EventPage> {
    const start = after === null ? BEGINNING : readPlace(after);
    if (start === null) throw new Error('the position is not one of this store');
    return connection.during(async (session) => {
      const { from, place } = await begin(start, session);
      // One more than asked for: the first may be the one that was reached before.
      const found = await lines(filter, from, limit + 1, session);
      const news = found.filter(
        ({ _id, sequence }) => sequence > Math.max(place.given.get(digestOf(_id)) ?? 0, known?.get(_id) ?? 0),
      );
      const read = await documents(
        filter.merchantId,
        news.map((line) => line._id),
        session,
      );
      const gathered = gather(place, found, read, filter, limit, known);
      const more = gathered.cut || found.length > limit;
      const reached = more ? gathered.place : end(gathered.place, found.length === 0 && start.next === null);
      return { events: gathered.events, position: writePosition(epoch, reached), more };
    });
  }

  /** The events of the documents that were read, line by line, until the limit. */
  function gather(
    place: Place,
    found: readonly Line[],
    read: ReadonlyMap<PayoutId, LoggedDocument>,
    filter: EventFilter,
    limit: number,
    known: Known | undefined,
  ): Gathered {
    const events: LoggedEvent[] = [];
    let now = place;
    let counted = 0;
    for (const { _id, lastEventAt } of found) {
      const document = read.get(_id);
      const digest = digestOf(_id);
      now = { ...now, reached: { at: lastEventAt.getTime(), id: _id } };
      for (const stored of document?.events ?? []) {
        const had = Math.max(now.given.get(digest) ?? 0, known?.get(_id) ?? 0);
        if (stored.sequence <= had || stored.loggedAt.getTime() < now.floor) continue;
        if (counted === limit) return { events, place: now, cut: true };
        counted += 1;
        now = { ...now, given: remember(now.given, digest, stored.sequence) };
        if (!passes(stored, filter)) continue;
        const event = eventOf(_id, filter.merchantId, stored);
        events.push({ event, position: writePosition(epoch, now) });
      }
    }
    return { events, place: now, cut: false };
  }

  return {
    head,
    events,
    positionOf(payoutId, { loggedAt, sequence }) {
      const at = loggedAt.getTime();
      // What was logged long ago is visible by now: whatever comes after it has a later stamp.
      const floor = at <= connection.databaseNow() - overlapMs ? at : Math.max(0, at - overlapMs);
      const given = remember(new Map(), digestOf(payoutId), sequence);
      return writePosition(epoch, { ...BEGINNING, floor, reached: { at: floor, id: '' }, given });
    },
    anew(position) {
      const place = readPlace(position);
      return place === null ? position : writePosition(epoch, { ...place, begunAt: 0, backAt: 0 });
    },
    knows: (position) => readPlace(position) !== null,
  };
}

/** Where everything has been given that is before it: of a reading that was broken off, only what was past the overlap then. */
function goneBack({ floor, next, reached }: Place): Mark {
  if (next === null) return { at: floor, id: '' };
  return reached.at <= next ? reached : { at: next, id: '' };
}

function isWithin(age: number, limit: number): boolean {
  return age >= 0 && age < limit;
}

function passes({ state, provider }: EventDocument, { states, providers }: EventFilter): boolean {
  return (states?.includes(state) ?? true) && (providers?.includes(provider) ?? true);
}
