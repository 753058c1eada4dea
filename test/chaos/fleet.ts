import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Payout } from '../../src/domain/payout.ts';
import { definitions } from '../../src/providers/index.ts';
import { PayoutEventsDocument } from '../operations/generated/graphql.ts';
import { type Access, ask, handDocuments, insist, type Subscriber, subscribe, type Tally } from './fleet-clients.ts';
import { type FleetMerchant, makeMerchant } from './fleet-ground.ts';
import { judge, missing } from './fleet-judge.ts';
import { type FleetOptions, type FleetPlan, type PlannedDisturbance, planFleet } from './fleet-plan.ts';
import { readAll, type Say, STANDSTILL_MS, settle } from './fleet-settle.ts';
import { openStage, type Stage } from './fleet-stage.ts';

/** What came of a run. */
export interface FleetOutcome {
  /** What is wrong, one line each. */
  readonly faults: readonly string[];
  /** Counts and ratios, for people. */
  readonly lines: readonly string[];
}

/**
 * Runs servers, workers, the sandbox and the database as processes of their own, disturbs them as the plan says, and lets
 * clients and subscribers live with it; then waits until everything is settled, and judges. `say` is told how far it is. Null
 * where there is no MongoDB to be had.
 */
export async function runFleet(options: FleetOptions, say: Say = () => undefined): Promise<FleetOutcome | null> {
  const plan = planFleet(
    options,
    definitions.map((one) => one.slug),
  );
  const folder = await mkdtemp(join(tmpdir(), 'outflow-fleet-'));
  const stage = await openStage({ ...options, folder });
  if (stage === null) {
    await rm(folder, { recursive: true });
    return null;
  }
  const home = new AbortController();
  let outcome: FleetOutcome | null = null;
  try {
    outcome = await play(options, plan, stage, home.signal, say);
    return outcome;
  } finally {
    home.abort();
    await stage.close();
    // What the processes said stays where something is to be looked into.
    if (outcome?.faults.length === 0) await rm(folder, { recursive: true });
    else console.error(`what the processes said is in ${folder}`);
  }
}

async function play(
  options: FleetOptions,
  plan: FleetPlan,
  stage: Stage,
  signal: AbortSignal,
  say: Say,
): Promise<FleetOutcome> {
  const tally: Tally = { ...NOTHING, faults: [] };
  const startedAt = Date.now();
  const merchants: Customer[] = [];
  while (merchants.length < plan.merchants) {
    const merchant = await makeMerchant(stage, `Merchant ${merchants.length + 1}`);
    merchants.push({ ...merchant, urls: stage.urls, signal });
  }
  const subscribers = await listenAll(options, merchants, tally);
  const [told] = await Promise.all([askAll(plan, merchants, tally, say), disturb(stage, plan.disturbances, signal)]);
  const askedAt = Date.now();
  await stage.allUp();
  await settle(stage, merchants, say, help);
  const stored = await Promise.all(merchants.map(({ id }) => readAll(stage.store, id)));
  const books = await stage.books();
  await hearOut(subscribers, stored, say);
  const seconds = { asking: (askedAt - startedAt) / 1000, settling: (Date.now() - askedAt) / 1000 };
  const { providers } = stage;
  // Where the clock runs too fast, what was told some seconds ago is forgotten before the log has stopped to give it again.
  const again = options.factor === 1 && tally.again > 0 ? [`${tally.again} events came twice by one connection`] : [];
  const faults = judge({ orders: plan.orders, told, stored, books, providers, subscribers });
  return { faults: [...tally.faults, ...again, ...faults], lines: summarize(plan, tally, stored.flat(), seconds) };
}

/** Who ask for payouts, each for one at a time. */
const CLIENTS = 50;

const NOTHING = { requests: 0, retries: 0, replays: 0, events: 0, repeats: 0, again: 0, connections: 0 };

/** A merchant who knows the servers. */
type Customer = FleetMerchant & Access;

async function listenAll(
  { subscribers }: FleetOptions,
  merchants: readonly Customer[],
  tally: Tally,
): Promise<readonly (readonly Subscriber[])[]> {
  const starts = await Promise.all(merchants.map(readHead));
  const all = Array.from({ length: subscribers }, (_, at) => at);
  return merchants.map((merchant, index) =>
    all
      .filter((at) => at % merchants.length === index)
      .map((at) => subscribe(`subscriber-${at + 1}`, merchant, starts[index] ?? '', tally)),
  );
}

/** The cursor of a log in which there is nothing yet. */
async function readHead(merchant: Customer): Promise<string> {
  const { data } = (await ask(merchant, PayoutEventsDocument, { first: 1 })) ?? {};
  if (!data) throw new Error('the log cannot be read');
  return data.payoutEvents.cursor;
}

/** Asks for every payout, spread over the time that the disturbances take; answers the ids that clients were told. */
async function askAll(
  { orders, disturbances }: FleetPlan,
  merchants: readonly Customer[],
  tally: Tally,
  say: Say,
): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const told = new Map<string, Set<string>>();
  const startedAt = Date.now();
  const lastsMs = disturbances.reduce((sum, one) => sum + one.afterMs, 0);
  const waiting = orders.entries();
  const client = async (): Promise<void> => {
    for (const [at, order] of waiting) {
      await delay(Math.max(0, startedAt + (lastsMs * at) / orders.length - Date.now()));
      const access = merchants[order.merchant];
      if (access === undefined) throw new Error(`there is no merchant ${order.merchant}`);
      const ids = await Promise.all([order, ...(order.twin ? [order] : [])].map((one) => insist(access, one, tally)));
      told.set(order.reference, new Set(ids.filter((id) => id !== null)));
      say(`${told.size} payouts are there`);
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
  return told;
}

/** Disturbs as planned; resolves once the last disturbance is over. */
async function disturb(stage: Stage, planned: readonly PlannedDisturbance[], signal: AbortSignal): Promise<void> {
  const ends: Promise<void>[] = [];
  for (const one of planned) {
    await delay(one.afterMs);
    if (signal.aborted) break;
    ends.push(stage.strike(one));
  }
  await Promise.all(ends);
}

/** What a merchant's people do where a provider wants documents. */
async function help({ id, state, requests }: Payout, merchant: Customer): Promise<void> {
  if (state === 'AWAITING_DOCUMENTS' && requests.length === 0) await handDocuments(merchant, id);
}

/** Waits until each subscriber has heard everything, or nobody hears anything new for long. */
async function hearOut(
  subscribers: readonly (readonly Subscriber[])[],
  stored: readonly (readonly Payout[])[],
  say: Say,
): Promise<void> {
  let seen = -1;
  for (let stillSince = Date.now(); Date.now() - stillSince < STANDSTILL_MS; await delay(250)) {
    const lacking = subscribers.flatMap((listening, at) =>
      listening.map((one) => missing(one, stored[at] ?? []).length),
    );
    const left = lacking.reduce((sum, count) => sum + count, 0);
    if (left === 0) return;
    say(`${left} payouts are still to be heard of by some subscriber`);
    if (left !== seen) stillSince = Date.now();
    seen = left;
  }
}

function summarize(
  { orders, disturbances }: FleetPlan,
  tally: Tally,
  stored: readonly Payout[],
  seconds: { readonly asking: number; readonly settling: number },
): readonly string[] {
  const count = (names: readonly string[]): string =>
    [...Map.groupBy(names, (name) => name)].map(([name, all]) => `${name} ${all.length}`).join(', ');
  const ratio = (part: number, whole: number): string => (whole === 0 ? '0' : (part / whole).toFixed(3));
  const doubted = stored.filter(({ attempts }) => attempts.some(({ sends }) => sends.length > 1)).length;
  const raised = stored.flatMap(({ attention }) => attention.map((one) => one.reason));
  return [
    `disturbances: ${count(disturbances.map(({ kind, target }) => `${kind} ${target.replace(/-.*/, '')}`))}`,
    `payouts: ${stored.length} of ${orders.length}; ends: ${count(stored.map((payout) => payout.state))}`,
    `  sent more than once under one number: ${ratio(doubted, stored.length)}; before an operator: ${count(raised) || 'none'}`,
    `clients: ${ratio(tally.requests, orders.length)} requests for a payout, ${ratio(tally.retries, tally.requests)} of them without an answer; ${tally.replays} told of a payout that was there`,
    `subscribers: ${tally.connections} connections, ${tally.events} events, ${ratio(tally.repeats, tally.events)} of them again (${tally.again} by one connection)`,
    `time: ${seconds.asking.toFixed(0)} s of asking and disturbing, ${seconds.settling.toFixed(0)} s until everything was settled and heard`,
  ];
}
