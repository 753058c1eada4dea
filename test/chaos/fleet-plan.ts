import { createRandom } from '../support/random.ts';
import { FICKLE_FROM, INTERCHANGEABLE } from './fickle.ts';
import { CENTS } from './schedule.ts';

/** What is done to a process, or to its connection to the database. */
export type Disturbance =
  /** SIGKILL, and a new process a while later. */
  | { readonly kind: 'KILL'; readonly target: string; readonly lastsMs: number }
  /** SIGSTOP, and SIGCONT once its leases are over. */
  | { readonly kind: 'PAUSE'; readonly target: string; readonly lastsMs: number }
  /** Every connection to the database is broken off. */
  | { readonly kind: 'CUT'; readonly target: string; readonly lastsMs: 0 }
  /** Nothing passes between it and the database, and nothing is broken off. */
  | { readonly kind: 'SILENCE'; readonly target: string; readonly lastsMs: number };

/** A disturbance, and how long after the one before it begins, in real milliseconds; they may overlap. */
export type PlannedDisturbance = Disturbance & { readonly afterMs: number };

/** A payout that a client asks for. */
export interface PlannedOrder {
  readonly reference: string;
  /** Index of the merchant. */
  readonly merchant: number;
  readonly slug: string;
  readonly amount: string;
  /** Whether two clients ask for it at the same time. */
  readonly twin: boolean;
  /** Whether it names nobody, and may fail over. */
  readonly routed: boolean;
}

/** What a run is made of. */
export interface FleetOptions {
  readonly store: 'mongodb' | 'sqlite';
  readonly seed: number;
  readonly payouts: number;
  readonly subscribers: number;
  readonly servers: number;
  readonly workers: number;
  readonly disturbances: number;
  /** How many times as fast as the world's the clock of all processes runs. */
  readonly factor: number;
  /** What may be wrong with a payout, by its amount's decimals, as `docs/sandbox.md` lists them. */
  readonly cents: readonly string[];
}

/** Those of a long run. Nobody calls a payout off here, for which those of 41 to 45 would wait. */
export const ALL_CENTS = CENTS.filter((cents) => !/^4[1-5]$/.test(cents));
/** Those that are over within seconds: the provider has the payout, or says that it has not. */
export const SWIFT_CENTS = ['00', '61', '64', '67', '75', '77', '78', '79', '80', '84', '89', '94'];

/** Everything that a seed decides. */
export interface FleetPlan {
  readonly merchants: number;
  readonly orders: readonly PlannedOrder[];
  readonly disturbances: readonly PlannedDisturbance[];
}

export const DATABASE = 'database';

/** Real milliseconds, whatever the speed of the fleet's clock. */
export const FLEET_TIMES = { leaseMs: 8000, deadlineMs: 2000, pollMs: 500 };
/** Calls at once for each provider in each process. Two processors serve them all: more would outlast their leases by waiting. */
export const FLEET_CONCURRENCY = 4;

export const serverName = (at: number): string => `server-${at + 1}`;
export const workerName = (at: number): string => `worker-${at + 1}`;

/** What follows from the seed, drawn in a fixed order. */
interface Chance {
  between(from: number, to: number): number;
  pick<T>(from: readonly T[]): T;
  happens(share: number): boolean;
}

/** Makes the plan of a run, the same for the same options. */
export function planFleet(options: FleetOptions, slugs: readonly string[]): FleetPlan {
  const random = createRandom(options.seed);
  const chance: Chance = {
    between: (from, to) => Math.round(from + random() * (to - from)),
    pick: <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T,
    happens: (share) => random() < share,
  };
  const { between, pick, happens } = chance;
  const merchants = Math.max(1, Math.ceil(options.subscribers / 10));
  const orders = Array.from({ length: options.payouts }, (_, at) => {
    const merchant = between(0, merchants - 1);
    const slug = pick(slugs);
    const routed = ROUTABLE.has(slug) && happens(0.6);
    const amount = `${between(10, 99) + (routed ? Number(FICKLE_FROM) : 0)}.${pick(options.cents)}`;
    return { reference: `fleet-${options.seed}-${at}`, merchant, slug, amount, twin: happens(0.1), routed };
  });
  const kinds = kindsOf(options, chance);
  const disturbances = Array.from({ length: options.disturbances }, () => ({
    ...pick(kinds)(),
    afterMs: between(200, 1500),
  }));
  return { merchants, orders, disturbances };
}

/** What is asked for at these may go to any that is interchangeable with them. */
const ROUTABLE: ReadonlySet<string> = new Set(
  INTERCHANGEABLE.filter((slug) => slug === 'oxapay' || slug === 'blockatm'),
);

/** Every kind of disturbance that there is something for. */
function kindsOf({ store, servers, workers }: FleetOptions, { between, pick }: Chance): (() => Disturbance)[] {
  const serving = Array.from({ length: servers }, (_, at) => serverName(at));
  const working = Array.from({ length: workers }, (_, at) => workerName(at));
  const all = [...serving, ...working];
  const downMs = (): number => between(0, 1500);
  const kinds: (() => Disturbance)[] = [() => ({ kind: 'KILL', target: pick(serving), lastsMs: downMs() })];
  if (workers > 0) {
    const { leaseMs } = FLEET_TIMES;
    kinds.push(() => ({ kind: 'KILL', target: pick(working), lastsMs: downMs() }));
    kinds.push(() => ({ kind: 'PAUSE', target: pick(working), lastsMs: between(leaseMs, leaseMs * 1.5) }));
  }
  if (store === 'mongodb') {
    kinds.push(() => ({ kind: 'KILL', target: DATABASE, lastsMs: downMs() }));
    kinds.push(() => ({ kind: 'CUT', target: pick(all), lastsMs: 0 }));
    kinds.push(() => ({ kind: 'SILENCE', target: pick(all), lastsMs: between(200, 3000) }));
  }
  return kinds;
}
