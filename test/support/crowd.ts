import type { MerchantId } from '../../src/domain/merchant.ts';
import type { Payout, PayoutEvent, PayoutId, PayoutState } from '../../src/domain/payout.ts';
import type { ProviderId } from '../../src/domain/provider.ts';
import type { EventFilter, LoggedEvent, Store } from '../../src/domain/store.ts';
import { type Cursor, createFeed, type Feed, type FeedEvent } from '../../src/feed.ts';
import type { ManualClock } from './clock.ts';
import { silentLog } from './log.ts';
import { nextStep, sampleEvent, samplePayout } from './payouts.ts';
import { createRandom } from './random.ts';
import { createRestlessLog, type RestlessLog } from './restless-log.ts';

// Writers and subscribers of several merchants on one feed, by a seed.

/** What a run is made of. */
export interface CrowdOptions {
  /** Empty, of SQLite. */
  readonly store: Store;
  readonly clock: ManualClock;
  readonly seed: number;
  /** How often a reading of the log fails, 0 to 1. */
  readonly failures: number;
}

interface Scene {
  readonly feed: Feed;
  readonly log: RestlessLog;
  readonly random: () => number;
  /** Events that are stored, and visible at once. */
  readonly stored: Set<string>;
  /** Payouts of which something was visible late. */
  readonly late: Set<PayoutId>;
  readonly failures: number;
  readonly faults: string[];
}

const MERCHANTS = ['me_a', 'me_b', 'me_c'].map((id) => id as MerchantId);
const PROVIDERS = ['ALPHA', 'BETA'].map((id) => id as ProviderId);
const STATES = ['SUBMITTING', 'PROCESSING', 'COMPLETED'] as const satisfies readonly PayoutState[];
const SUBSCRIBERS = 24;
const PAYOUTS = 40;
/** Rounds of the timer until everybody must have heard everything. */
const ROUNDS = 200;

/** What went wrong, a sentence each. */
export async function runCrowd({ store, clock, seed, failures }: CrowdOptions): Promise<readonly string[]> {
  const random = createRandom(seed);
  const log = createRestlessLog(store, { random, overlap: 30, failures });
  const restless = new Proxy(store, {
    get(target, key) {
      const member = Reflect.get(log, key) ?? Reflect.get(target, key);
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
  const feed = createFeed({ store: restless, clock, log: silentLog });
  const scene: Scene = { feed, log, random, stored: new Set(), late: new Set(), failures, faults: [] };
  const stop = new AbortController();
  const subscribers = Array.from({ length: SUBSCRIBERS }, (_, number) => createSubscriber(scene, number));
  const running = subscribers.map((one) => one.run(stop.signal));
  await Promise.all(Array.from({ length: PAYOUTS }, () => write(store, scene)));
  for (const id of scene.late) log.show(id);
  const whole = new Map<MerchantId, readonly LoggedEvent[]>();
  for (const merchantId of MERCHANTS) whole.set(merchantId, await log.all(merchantId));
  const owed = () => subscribers.flatMap((one) => one.owed(whole));
  for (let round = 0; round < ROUNDS && owed().length > 0 && scene.faults.length === 0; round += 1) {
    await clock.advance(5000);
    await pause(random, 20);
  }
  stop.abort();
  await Promise.all(running);
  await feed.close();
  return [...scene.faults, ...owed()];
}

/** One payout from its first event to its last; now and then what is written becomes visible late. */
async function write(store: Store, { log, random, late, stored }: Scene): Promise<void> {
  await pause(random, 60);
  const first = samplePayout({ merchantId: pick(random, MERCHANTS), provider: pick(random, PROVIDERS) });
  const { id } = first;
  const storing = async (payout: Payout, act: () => Promise<unknown>): Promise<void> => {
    const hides = random() < 0.2;
    if (hides) {
      late.add(id);
      log.hide(id);
    }
    await act();
    if (!late.has(id)) stored.add(nameOf(sampleEvent(payout)));
    await pause(random, 20);
    if (random() < 0.5) log.show(id);
  };
  await storing(first, () => store.insert(first, sampleEvent(first)));
  let payout = first;
  for (const state of STATES) {
    for (let times = Math.floor(random() * 3); times > 0; times -= 1) {
      payout = nextStep(payout, { state });
      const next = payout;
      await storing(next, () => store.commit(next, sampleEvent(next)));
    }
  }
}

/** Somebody who connects, loses the connection, and goes on from the last cursor. */
interface Subscriber {
  run(signal: AbortSignal): Promise<void>;
  /** What it has not heard although it should have. */
  owed(whole: ReadonlyMap<MerchantId, readonly LoggedEvent[]>): readonly string[];
}

function createSubscriber(scene: Scene, number: number): Subscriber {
  const { feed, log, random, faults } = scene;
  const filter = createFilter(random);
  const fromNow = random() < 0.4;
  const heard = new Map<string, FeedEvent>();
  let cursor: Cursor | null = null;
  /** What was stored when it began to listen from now on, and is not owed to it. */
  let before: ReadonlySet<string> = new Set();
  let listens = !fromNow;
  const fault = (what: string, { event }: FeedEvent): unknown =>
    faults.push(`subscriber ${number} ${JSON.stringify(filter)}: ${what}: ${nameOf(event)}`);

  async function connect(signal: AbortSignal): Promise<void> {
    const ended = new AbortController();
    const from = cursor;
    const past = new Set(scene.stored);
    const events = await feed.subscribe(from, filter, AbortSignal.any([signal, ended.signal]));
    if (from === null) {
      before = new Set((await log.all(filter.merchantId)).map(({ event }) => nameOf(event)));
      listens = true;
    }
    const check = createChecks(scene, filter, from, past, fault);
    try {
      for (let left = Math.floor(random() * 60); left >= 0 || cursor === null; left -= 1) {
        const { done, value } = await events.next();
        if (done) return;
        check(value);
        heard.set(nameOf(value.event), value);
        ({ cursor } = value);
        await pause(random, random() < 0.1 ? 40 : 2);
      }
    } finally {
      ended.abort();
    }
  }

  /** Asks for a page of the log instead of listening. */
  async function ask(): Promise<void> {
    const page = await feed.events(cursor, filter, 1 + Math.floor(random() * 8));
    const names = page.events.map(({ event }) => nameOf(event));
    if (new Set(names).size < names.length) faults.push(`subscriber ${number}: an event twice in one answer`);
    for (const event of page.events) heard.set(nameOf(event.event), event);
    ({ cursor } = page);
  }

  return {
    async run(signal) {
      while (!signal.aborted) {
        try {
          await pause(random, 10);
          if ((cursor !== null || !fromNow) && random() < (cursor === null ? 1 : 0.3)) await ask();
          else await connect(signal);
        } catch (error) {
          if (!/restless/.test(String(error))) faults.push(`subscriber ${number}: ${String(error)}`);
        }
      }
    },
    owed(whole) {
      if (!listens) return [`subscriber ${number} has not listened`];
      const all = whole.get(filter.merchantId) ?? [];
      const missed = all.filter(({ event }) => {
        const name = nameOf(event);
        return matches(filter, event) && !before.has(name) && !heard.has(name);
      });
      return missed.map(({ event }) => `subscriber ${number} ${JSON.stringify(filter)} never heard ${nameOf(event)}`);
    },
  };
}

/** What must hold for each event of one connection. */
function createChecks(
  { log, late, failures }: Scene,
  filter: EventFilter,
  from: Cursor | null,
  past: ReadonlySet<string>,
  fault: (what: string, event: FeedEvent) => unknown,
): (event: FeedEvent) => void {
  const given = new Map<PayoutId, number>();
  const place = from === null ? null : log.readPlace(Buffer.from(from, 'base64url').toString());
  const narrow = filter.states !== undefined || filter.providers !== undefined;
  return (one) => {
    const { payoutId, sequence } = one.event;
    const last = given.get(payoutId);
    if (!matches(filter, one.event)) fault('not asked for', one);
    if (last !== undefined && sequence <= last) fault(`again, or after ${last}`, one);
    if (last !== undefined && sequence > last + 1 && !narrow) fault(`a gap after ${last}`, one);
    given.set(payoutId, sequence);
    // A tail that could not read the log for a while, or not see all of it, tells of it later.
    if (failures > 0 || late.has(payoutId)) return;
    if (place === null && past.has(nameOf(one.event))) fault('before it listened', one);
    const row = log.rowNamed(nameOf(one.event));
    if (place !== null && row <= place.floor && !place.missing.includes(row)) fault('before its cursor', one);
  };
}

function createFilter(random: () => number): EventFilter {
  const merchantId = pick(random, MERCHANTS);
  const kind = random();
  if (kind < 0.5) return { merchantId };
  if (kind < 0.7) return { merchantId, states: [pick(random, STATES), 'QUEUED'] };
  if (kind < 0.9) return { merchantId, providers: [pick(random, PROVIDERS)] };
  return { merchantId, states: ['COMPLETED'], providers: PROVIDERS };
}

function matches({ merchantId, states, providers }: EventFilter, event: PayoutEvent): boolean {
  if (event.merchantId !== merchantId) return false;
  return (states?.includes(event.state) ?? true) && (providers?.includes(event.provider) ?? true);
}

const nameOf = ({ payoutId, sequence }: Pick<PayoutEvent, 'payoutId' | 'sequence'>): string =>
  `${payoutId} ${sequence}`;

function pick<T>(random: () => number, from: readonly T[]): T {
  const [first] = from;
  const picked = from[Math.floor(random() * from.length)] ?? first;
  if (picked === undefined) throw new RangeError('there is nothing to pick');
  return picked;
}

/** Up to so many turns of the event loop. */
async function pause(random: () => number, turns: number): Promise<void> {
  for (let left = Math.floor(random() * turns); left > 0; left -= 1) await new Promise(setImmediate);
}
