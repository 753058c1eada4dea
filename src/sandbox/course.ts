import type { Action, Fault, OrderState } from './faults.ts';

/** The facts of a provider that an order's course follows. */
export interface Course {
  /** The states before the end, in order; the first is that of the create's answer. */
  readonly course: readonly [OrderState, ...OrderState[]];
  /** Those of them whose coming is told by webhook; an end always is. */
  readonly told: readonly OrderState[];
  /** The states in which an action is allowed; one that is left out does not exist. */
  readonly actions: Readonly<Partial<Record<Action, readonly OrderState[]>>>;
}

/** What a change makes of an order. Empty: it stays where it is. */
export interface Change {
  /** What it is from now on. */
  readonly state?: OrderState;
  /** What look-ups show from now on, where that is not the truth. */
  readonly shown?: OrderState;
  /** Show it to one look-up alone, then the truth again. */
  readonly once?: true;
  /** What a webhook tells. */
  readonly told?: OrderState;
}

/** One change that is planned. */
export interface Step extends Change {
  readonly dueAt: Date;
}

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
/** How long an order whose fault is in its cancelling can be cancelled. */
const CANCELLABLE_MS = 10 * MINUTE_MS;
/** Left only when it is asked for. */
const STOPS: ReadonlySet<OrderState> = new Set(['MATERIAL', 'HELD']);

/** The states before the end that an order with the fault goes through. MATERIAL is among them where it is wanted. */
function stationsOf({ course, actions }: Course, fault: Fault): readonly OrderState[] {
  const stations: OrderState[] = course.filter((state) => state !== 'MATERIAL');
  if (fault.wantsDocuments === true && actions.COMPLETE_DOCUMENTS !== undefined) {
    const held = stations.indexOf('HELD');
    stations.splice(held === -1 ? stations.length : held, 0, 'MATERIAL');
  }
  // So that what leads out of the last stop leads somewhere, and cannot be asked for twice.
  if (STOPS.has(stations.at(-1) ?? 'ACCEPTED')) stations.push('CONFIRMING');
  return stations;
}

/** Where an order that has just been accepted stands. */
export function firstState(side: Course, fault: Fault): OrderState {
  return stationsOf(side, fault)[0] ?? 'ACCEPTED';
}

/** What an order comes to that may leave the stop at which it stands. */
export function leave(side: Course, fault: Fault, stop: OrderState): { readonly state: OrderState } & Change {
  const stations = stationsOf(side, fault);
  return enter(side, fault, stations[stations.indexOf(stop) + 1] ?? 'CONFIRMING');
}

function enter(side: Course, fault: Fault, state: OrderState): { readonly state: OrderState } & Change {
  const isKeptBack = fault.webhooks === 'OUT_OF_ORDER' && state === stationsOf(side, fault).at(-1);
  return side.told.includes(state) && !isKeptBack ? { state, told: state } : { state };
}

/**
 * All that will happen to an order that has just come to `from`, in order of time: up to its end, or to where it stops.
 * `settleMs` is how long it ordinarily takes from accepted to its end, of which each state takes an equal part. Pure.
 */
export function planSteps(side: Course, fault: Fault, from: OrderState, now: Date, settleMs: number): readonly Step[] {
  const stations = stationsOf(side, fault);
  const here = stations.indexOf(from);
  const lengthMs = fault.settleMs ?? settleMs;
  const startMs = now.getTime() + (here === 0 ? delayMs(side, fault) : 0);
  const dueAt = (index: number) => new Date(startMs + Math.round((lengthMs * (index - here)) / stations.length));
  const steps: Step[] = [];
  if (here === 0 && fault.strangeMs !== undefined) steps.push({ dueAt: dueAt(here), state: from });
  if (STOPS.has(from)) return steps;

  let index = here + 1;
  let before = from;
  for (; index < stations.length; index += 1) {
    const state = stations[index] ?? from;
    // A review stands before a hold: what it does not let pass is never held.
    if (state === 'HELD' && (fault.end === 'BLOCKED' || fault.end === 'CANCELLED')) break;
    const stops = STOPS.has(state);
    if (lengthMs > 0 || stops) steps.push({ dueAt: dueAt(index), ...enter(side, fault, state) });
    if (stops) return steps;
    before = state;
  }
  return [...steps, ...planEnd(fault, dueAt(index), before, settleMs)];
}

/** How long an order stays where it begins, before it sets out. */
function delayMs({ actions }: Course, fault: Fault): number {
  const waits = fault.actions?.CANCEL !== undefined && actions.CANCEL !== undefined;
  return (fault.strangeMs ?? 0) + (waits ? CANCELLABLE_MS : 0);
}

/** The end, and what is told after it; `before` is the state that it ends. */
function planEnd(fault: Fault, endAt: Date, before: OrderState, settleMs: number): readonly Step[] {
  const steps: Step[] = [];
  const plan = (afterMs: number, change: Change) =>
    steps.push({ dueAt: new Date(endAt.getTime() + afterMs), ...change });
  const end = fault.end ?? 'COMPLETED';
  if (fault.lie === 'FAILED_FIRST') plan(0, { shown: 'FAILED', told: 'FAILED' });
  plan(fault.lie === 'FAILED_FIRST' ? MINUTE_MS : 0, { state: end, told: end });
  if (fault.lie === 'RELAPSE') plan(settleMs, { shown: before, once: true, told: before });
  if (fault.lie === 'FAILED_AFTERWARDS') plan(MINUTE_MS, { told: 'FAILED' });
  if (fault.webhooks === 'OUT_OF_ORDER') plan(SECOND_MS, { told: before });
  if (fault.refunded === true) plan(MINUTE_MS, { state: 'REFUNDED', told: 'REFUNDED' });
  return steps;
}
