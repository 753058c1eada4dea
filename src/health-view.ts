import type { ProviderId } from './domain/provider.ts';
import { CALL_KINDS, type Circuit, type CircuitState, circuitAt, type Fuse } from './health-breaker.ts';

// What each process knows of the providers, how it tells the others, and what they know together.

/** UNKNOWN: not asked for anything yet. DEGRADED: the last call failed, or a circuit is not closed. DOWN: sends find an open circuit. */
export type HealthState = 'UNKNOWN' | 'UP' | 'DEGRADED' | 'DOWN';

/** How a provider has been answering, here and in the other processes on the store. */
export interface ProviderHealth {
  readonly state: HealthState;
  readonly lastSuccessAt: Date | null;
  readonly lastFailureAt: Date | null;
  /** The worst of all processes, for each kind that was ever called. */
  readonly circuits: readonly Circuit[];
}

/** How long payouts took lately: a mean in which a later one weighs more, and how many it speaks for. */
export interface Times {
  readonly meanMs: number;
  readonly count: number;
}

/** What one process knows of one provider. */
export interface View {
  readonly lastSuccessAt: Date | null;
  readonly lastFailureAt: Date | null;
  /** Whether the last call failed. */
  readonly failing: boolean;
  readonly fuses: readonly Fuse[];
  /** Null: no payout was completed there. */
  readonly times: Times | null;
}

/** What nobody has called. */
export const UNSEEN: View = { lastSuccessAt: null, lastFailureAt: null, failing: false, fuses: [], times: null };

/** More say no more. */
const MOST_COUNTED = 100;
/** What one payout weighs at the least in a mean. */
const LEAST_WEIGHT = 0.1;

/** The times with one more. What is no duration leaves them as they are. */
export function addTime(times: Times | null, ms: number): Times | null {
  if (!Number.isFinite(ms) || ms < 0) return times;
  const count = Math.min((times?.count ?? 0) + 1, MOST_COUNTED);
  const weight = Math.max(1 / count, LEAST_WEIGHT);
  const before = times?.meanMs ?? 0;
  return { meanMs: before + (ms - before) * weight, count };
}

/** The mean of all, each for as many as it speaks for; null: there is none. */
export function meanOf(times: readonly Times[]): number | null {
  const count = times.reduce((sum, one) => sum + one.count, 0);
  return count === 0 ? null : times.reduce((sum, one) => sum + one.meanMs * one.count, 0) / count;
}

/** What several processes know of one provider, as it is at an instant: the worst circuits, and whose call was the last. */
export function mergeViews(views: readonly View[], now: Date): ProviderHealth {
  const lastSuccessAt = latest(views.map((view) => view.lastSuccessAt));
  const lastFailureAt = latest(views.map((view) => view.lastFailureAt));
  const lastCallAt = latest([lastSuccessAt, lastFailureAt]);
  if (lastCallAt === null) return { state: 'UNKNOWN', lastSuccessAt, lastFailureAt, circuits: [] };
  const failing = views.some((view) => view.failing && view.lastFailureAt?.getTime() === lastCallAt.getTime());
  const all = views.flatMap(({ fuses }) => fuses.map((fuse) => circuitAt(fuse, now)));
  const circuits = CALL_KINDS.flatMap((kind) => {
    const worst = all.filter((one) => one.kind === kind).toSorted(byBadness)[0];
    return worst === undefined ? [] : [worst];
  });
  return { state: stateOf(circuits, failing), lastSuccessAt, lastFailureAt, circuits };
}

function stateOf(circuits: readonly Circuit[], failing: boolean): HealthState {
  if (circuits.some(({ kind, state }) => kind === 'SUBMIT' && state === 'OPEN')) return 'DOWN';
  return failing || circuits.some(({ state }) => state !== 'CLOSED') ? 'DEGRADED' : 'UP';
}

const BADNESS: Readonly<Record<CircuitState, number>> = { CLOSED: 0, HALF_OPEN: 1, OPEN: 2 };

/** Worst first; of two open ones that which is so for longer, else that which came to it last. */
function byBadness(a: Circuit, b: Circuit): number {
  const timeOf = ({ retryAt, since }: Circuit): number => (retryAt ?? since).getTime();
  return BADNESS[b.state] - BADNESS[a.state] || timeOf(b) - timeOf(a);
}

function latest(instants: readonly (Date | null)[]): Date | null {
  const times = instants.flatMap((one) => (one === null ? [] : [one.getTime()]));
  return times.length === 0 ? null : new Date(Math.max(...times));
}

/** Whether nothing is different but when it was last called. */
export function isSameHealth(a: ProviderHealth, b: ProviderHealth): boolean {
  return JSON.stringify([a.state, a.circuits]) === JSON.stringify([b.state, b.circuits]);
}

// --- bulletins --------------------------------------------------------------------------------------------------------------

/** Of the words of a bulletin. A process that does not know them ignores it. */
const VERSION = 1;

/** What a process knows, as the text of its bulletin: JSON with instants in ISO 8601. */
export function writeBulletin(views: ReadonlyMap<ProviderId, View>): string {
  return JSON.stringify({ version: VERSION, providers: Object.fromEntries(views) });
}

/** Reads what `writeBulletin` wrote, there or in another process; null: it is something else, or damaged. */
export function readBulletin(text: string): ReadonlyMap<ProviderId, View> | null {
  try {
    const told: unknown = JSON.parse(text);
    if (!isRecord(told) || told.version !== VERSION || !isRecord(told.providers)) return null;
    const views = Object.entries(told.providers).map(([id, view]) => [id as ProviderId, readView(view)] as const);
    return new Map(views);
  } catch {
    return null;
  }
}

// Each of these throws where something is not as it was written: then the whole bulletin is ignored.

function readView(value: unknown): View {
  const { lastSuccessAt, lastFailureAt, failing, fuses, times } = recordOf(value);
  if (typeof failing !== 'boolean' || !Array.isArray(fuses)) throw damaged();
  return {
    lastSuccessAt: readInstant(lastSuccessAt),
    lastFailureAt: readInstant(lastFailureAt),
    failing,
    fuses: fuses.map(readFuse),
    times: times === null ? null : readTimes(times),
  };
}

function readFuse(value: unknown): Fuse {
  const record = recordOf(value);
  const kind = CALL_KINDS.find((one) => one === record.kind);
  const since = readInstant(record.since);
  const { reason } = record;
  if (kind === undefined || since === null || (reason !== null && typeof reason !== 'string')) throw damaged();
  return { kind, since, reason, retryAt: readInstant(record.retryAt) };
}

function readTimes(value: unknown): Times {
  const { meanMs, count } = recordOf(value);
  if (typeof meanMs !== 'number' || meanMs < 0 || typeof count !== 'number' || !(count > 0)) throw damaged();
  return { meanMs, count: Math.min(count, MOST_COUNTED) };
}

function readInstant(value: unknown): Date | null {
  if (value === null) return null;
  const instant = new Date(typeof value === 'string' ? value : Number.NaN);
  if (Number.isNaN(instant.getTime())) throw damaged();
  return instant;
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  if (!isRecord(value)) throw damaged();
  return value;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function damaged(): Error {
  return new Error('this is not what was written');
}
