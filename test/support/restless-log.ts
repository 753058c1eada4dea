import type { MerchantId } from '../../src/domain/merchant.ts';
import type { PayoutId } from '../../src/domain/payout.ts';
import type { EventFilter, EventPage, LoggedEvent, Position, Store } from '../../src/domain/store.ts';

/** How unruly a log is. */
export interface Restlessness {
  /** 0 to below 1, as `Math.random`. */
  readonly random: () => number;
  /** So many rows before a place may come again. */
  readonly overlap: number;
  /** How often a reading fails, 0 to 1. */
  readonly failures: number;
}

/** A store whose log does all that the port allows. */
export interface RestlessLog extends Pick<Store, 'head' | 'events' | 'knows'> {
  /** From the next event on, this payout's are not visible yet. */
  hide(payoutId: PayoutId): void;
  /** What was hidden becomes visible, long after its place in the log, and nothing rings. */
  show(payoutId: PayoutId): void;
  /** The row of an event that was given, by payout and sequence. */
  rowNamed(name: string): number;
  /** What a place does not give again, and what before it is yet to come. */
  readPlace(position: string): Pick<Place, 'floor' | 'row' | 'missing'>;
  /** Every event of a merchant, in the order in which they were stored. */
  all(merchantId: MerchantId): Promise<readonly LoggedEvent[]>;
}

interface Place {
  /** Everything up to this row was given, except for `missing`. */
  readonly row: number;
  /** What lies up to this row never comes again. */
  readonly floor: number;
  /** Whether the reading stopped midway: then it goes strictly on. */
  readonly midway: boolean;
  /** Rows that were not visible when they were passed. */
  readonly missing: readonly number[];
}

const PADDING = 'x'.repeat(600);

/** Laid over a store of SQLite: events come again and become visible late, readings fail and take their time. */
export function createRestlessLog(store: Store, { random, overlap, failures }: Restlessness): RestlessLog {
  const hiddenAfter = new Map<PayoutId, number>();
  const named = new Map<string, number>();
  let epoch = '';
  let rows = 0;

  const rowOf = ({ position }: LoggedEvent): number => readRow(position);
  const isVisible = (logged: LoggedEvent): boolean =>
    rowOf(logged) <= (hiddenAfter.get(logged.event.payoutId) ?? Number.POSITIVE_INFINITY);

  async function all(merchantId: MerchantId): Promise<readonly LoggedEvent[]> {
    const { events, position } = await store.events(null, { merchantId }, 1_000_000);
    epoch = position.split('.')[0] ?? '';
    rows = Math.max(rows, readRow(position));
    for (const logged of events) named.set(`${logged.event.payoutId} ${logged.event.sequence}`, rowOf(logged));
    return events;
  }

  function write({ row, floor, midway, missing }: Place): Position {
    const place = `${epoch}.${row.toString(36)}~${floor}~${midway ? 'm' : 'e'}~${missing.join()}`;
    return `${place}~${PADDING.slice(place.length)}` as Position;
  }

  async function hold(): Promise<void> {
    for (let turns = Math.floor(random() * 4); turns > 0; turns -= 1) await new Promise(setImmediate);
    if (random() < failures) throw new Error('the log is restless');
  }

  async function events(after: Position | null, filter: EventFilter, limit: number): Promise<EventPage> {
    await hold();
    const log = await all(filter.merchantId);
    const end = rows;
    const place = after === null ? { row: 0, floor: 0, midway: true, missing: [] } : readPlace(after);
    const again = Math.max(place.floor, place.row - (place.midway ? 0 : Math.floor(random() * (overlap + 1))));
    const repeated = new Set(log.map(({ event }) => event.payoutId).filter(() => random() < 0.5));
    const found = log.filter((logged) => {
      const row = rowOf(logged);
      if (!isVisible(logged)) return false;
      return row > place.row || place.missing.includes(row) || (row > again && repeated.has(logged.event.payoutId));
    });
    const taken = found.slice(0, limit);
    const placeAt = (row: number, midway: boolean, given: readonly LoggedEvent[]): Place => {
      const passed = log.filter((logged) => rowOf(logged) > place.row && rowOf(logged) <= row && !isVisible(logged));
      const had = new Set(given.map(rowOf));
      const missing = [...place.missing, ...passed.map(rowOf)].filter((one) => !had.has(one));
      return { row, floor: Math.max(place.floor, Math.min(row - overlap, ...missing)), midway, missing };
    };
    const more = taken.length === limit;
    const last = Math.max(place.row, ...taken.map(rowOf));
    const placed = taken.map((logged, index) => {
      const row = Math.max(place.row, rowOf(logged));
      return { event: logged.event, position: write(placeAt(row, true, taken.slice(0, index + 1))) };
    });
    const position = write(more ? placeAt(last, true, taken) : placeAt(Math.max(end, last), false, taken));
    await hold();
    return { events: placed.filter(({ event }) => passes(event, filter)), position, more };
  }

  return {
    rowNamed: (name) => named.get(name) ?? Number.NaN,
    readPlace,
    all,
    events,
    async head(merchantId) {
      await hold();
      const log = await all(merchantId);
      const missing = log.filter((logged) => !isVisible(logged)).map(rowOf);
      return write({ row: rows, floor: rows, midway: false, missing });
    },
    knows: (position) => position.length >= PADDING.length && store.knows(position.split('~')[0] ?? ''),
    hide: (payoutId) => {
      if (!hiddenAfter.has(payoutId)) hiddenAfter.set(payoutId, rows);
    },
    show: (payoutId) => {
      hiddenAfter.delete(payoutId);
    },
  };
}

function readRow(position: string): number {
  return Number.parseInt(position.split('.')[1] ?? '', 36);
}

function readPlace(position: string): Place {
  const [at = '', floor, midway, missing = ''] = position.split('~');
  return {
    row: readRow(at),
    floor: Number(floor),
    midway: midway === 'm',
    missing: missing === '' ? [] : missing.split(',').map(Number),
  };
}

function passes(event: LoggedEvent['event'], { payoutIds, states, providers }: EventFilter): boolean {
  return (
    (payoutIds?.includes(event.payoutId) ?? true) &&
    (states?.includes(event.state) ?? true) &&
    (providers?.includes(event.provider) ?? true)
  );
}
