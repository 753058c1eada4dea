import { canonicalDecimal, type Decimal } from '../domain/money.ts';

/**
 * What the sandbox knows of where an order stands, in no provider's words. ACCEPTED, QUEUED and CONFIRMING come before
 * the end; BLOCKED failed for compliance. STRANGE is only ever shown: a word that the provider's pages do not list.
 */
export type OrderState =
  | 'ACCEPTED'
  | 'QUEUED'
  | 'CONFIRMING'
  | 'COMPLETED'
  | 'FAILED'
  | 'BLOCKED'
  | 'CANCELLED'
  | 'STRANGE';

/** Why a provider says no, in no provider's words; its side says it in its own. */
export type Refusal =
  | 'INSUFFICIENT_BALANCE'
  | 'INVALID_DESTINATION'
  | 'DUPLICATE'
  | 'NOT_FOUND'
  | 'RATE_LIMITED'
  | 'WRONG_CREDENTIALS';

/**
 * What becomes of one answer. RESET breaks the connection off, CUT closes it, HANG holds it until the client goes. The
 * next three put a body on the way that is no answer; HUGE is the true answer behind 10 MB of blanks, SLOW the true
 * answer after a second, AFTER_WEBHOOK the true answer once the order's webhook was answered.
 */
export type Mischief =
  | 'RESET'
  | 'CUT'
  | 'HANG'
  | 'NOT_JSON'
  | 'EMPTY'
  | 'TRUNCATED'
  | 'HUGE'
  | 'SLOW'
  | 'AFTER_WEBHOOK'
  | 'SERVER_ERROR'
  | 'MAINTENANCE'
  | 'RATE_LIMITED'
  | 'WRONG_CREDENTIALS';

/** One row of the table. What it leaves out takes the ordinary way. */
export interface Fault {
  /** The row's words in `docs/sandbox.md`. */
  readonly what: string;
  /** What becomes of an order's first send, its second, and so on; later ones are ordinary. */
  readonly sends?: readonly { readonly accepted: boolean; readonly answer: Mischief }[];
  /** Every send is refused. */
  readonly refusal?: Refusal;
  /** What becomes of an order's first look-up, its second, and so on. */
  readonly lookups?: readonly Mischief[];
  /** The field that every picture of the order shows wrongly. */
  readonly wrongEcho?: 'AMOUNT' | 'ADDRESS';
  /** Look-ups do not show the order for so long. */
  readonly hiddenMs?: number;
  /** A second create under the same number makes a second payment, whatever the provider promises. */
  readonly paysDuplicates?: true;
  /** The state it ends in; default COMPLETED. */
  readonly end?: 'FAILED' | 'BLOCKED' | 'CANCELLED';
  /** How long it takes from accepted to its end, instead of the sandbox's own time. */
  readonly settleMs?: number;
  /** Its status is STRANGE for so long, before it sets out. */
  readonly strangeMs?: number;
  /** What is told after, or instead of, the truth. */
  readonly lie?: 'RELAPSE' | 'FAILED_FIRST' | 'FAILED_AFTERWARDS';
  readonly webhooks?: 'TWICE' | 'LATE' | 'OUT_OF_ORDER' | 'FORGED_FIRST' | 'NEVER';
}

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const taken = (answer: Mischief) => ({ accepted: true, answer });
const untaken = (answer: Mischief) => ({ accepted: false, answer });

/** Every fault, by the two decimals of the amount that choose it. The same for every provider. */
export const FAULTS: ReadonlyMap<string, Fault> = new Map<string, Fault>([
  ['61', { what: 'answer lost after accepting: connection cut', sends: [taken('CUT')] }],
  ['62', { what: 'connection reset in the face of the request, not accepted', sends: [untaken('RESET')] }],
  ['63', { what: 'connection cut after the request was read, not accepted', sends: [untaken('CUT')] }],
  ['64', { what: '500 after accepting', sends: [taken('SERVER_ERROR')] }],
  ['65', { what: '500 without accepting', sends: [untaken('SERVER_ERROR')] }],
  [
    '66',
    {
      what: 'maintenance: 503 to the first two sends, not accepted',
      sends: [untaken('MAINTENANCE'), untaken('MAINTENANCE')],
    },
  ],
  ['67', { what: '429 with `Retry-After: 1`, not accepted', sends: [untaken('RATE_LIMITED')] }],
  ['68', { what: '401 wrong credentials, not accepted', sends: [untaken('WRONG_CREDENTIALS')] }],
  ['69', { what: 'accepted, then never answered: connection held until the client goes', sends: [taken('HANG')] }],
  ['70', { what: 'every send refused: insufficient balance', refusal: 'INSUFFICIENT_BALANCE' }],
  ['71', { what: 'every send refused: invalid destination', refusal: 'INVALID_DESTINATION' }],
  ['72', { what: 'wrong echo: amount, wherever the provider repeats it', wrongEcho: 'AMOUNT' }],
  ['73', { what: 'wrong echo: address, wherever the provider repeats it', wrongEcho: 'ADDRESS' }],
  ['74', { what: 'an unknown status word for two minutes, then ordinary', strangeMs: 2 * MINUTE_MS }],
  ['75', { what: 'every webhook twice', webhooks: 'TWICE' }],
  ['76', { what: 'every webhook 5 minutes late', webhooks: 'LATE' }],
  ['77', { what: 'webhooks out of order: the final one, a second later the one before it', webhooks: 'OUT_OF_ORDER' }],
  ['78', { what: 'a forged webhook (wrong signature, says failed) before each true one', webhooks: 'FORGED_FIRST' }],
  ['79', { what: 'no webhook ever', webhooks: 'NEVER' }],
  ['80', { what: 'accepted, then failed', end: 'FAILED' }],
  ['81', { what: 'accepted, then failed for compliance', end: 'BLOCKED' }],
  ['82', { what: 'accepted, then cancelled', end: 'CANCELLED' }],
  ['83', { what: 'takes a day to finish', settleMs: 24 * 60 * MINUTE_MS }],
  ['84', { what: '200 that is not JSON after accepting', sends: [taken('NOT_JSON')] }],
  ['85', { what: 'empty 200 after accepting', sends: [taken('EMPTY')] }],
  ['86', { what: 'truncated body after accepting: shorter than its Content-Length', sends: [taken('TRUNCATED')] }],
  ['87', { what: '10 MB of answer after accepting', sends: [taken('HUGE')] }],
  ['88', { what: 'a second create under the same order number is a new payment', paysDuplicates: true }],
  [
    '89',
    {
      what: 'completes at once, its webhook answered before the create is; the answer shows the state before',
      settleMs: 0,
      sends: [taken('AFTER_WEBHOOK')],
    },
  ],
  ['90', { what: 'the first three look-ups: 500', lookups: ['SERVER_ERROR', 'SERVER_ERROR', 'SERVER_ERROR'] }],
  [
    '91',
    {
      what: 'the first three look-ups: 429 with `Retry-After: 1`',
      lookups: ['RATE_LIMITED', 'RATE_LIMITED', 'RATE_LIMITED'],
    },
  ],
  ['92', { what: 'the first look-up is never answered', lookups: ['HANG'] }],
  ['93', { what: 'the first two look-ups: connection cut', lookups: ['CUT', 'CUT'] }],
  ['94', { what: 'completed, then one webhook and one look-up say the state before', lie: 'RELAPSE' }],
  ['95', { what: 'says failed, and a minute later completed', lie: 'FAILED_FIRST' }],
  [
    '96',
    {
      what: 'completed, and a minute later a true webhook says failed while look-ups stay with completed',
      lie: 'FAILED_AFTERWARDS',
    },
  ],
  [
    '97',
    {
      what: 'answer lost after accepting, and look-ups do not show the order for ten minutes',
      sends: [taken('CUT')],
      hiddenMs: 10 * MINUTE_MS,
    },
  ],
  [
    '98',
    {
      what: 'answer lost after accepting, then 429 to the second send and 401 to the third',
      sends: [taken('CUT'), untaken('RATE_LIMITED'), untaken('WRONG_CREDENTIALS')],
    },
  ],
  ['99', { what: 'answers after one second', sends: [taken('SLOW')] }],
]);

const ORDINARY: Fault = { what: 'the ordinary way' };

/**
 * The fault that an amount chooses by the value of its decimals: `10.61` and `10.610`, not `10.611`; `10.7` is `10.70`,
 * since an amount may lose its last zero on the way. Other amounts take the ordinary way.
 */
export function faultOf(amount: Decimal): Fault {
  const places = canonicalDecimal(amount).split('.')[1] ?? '';
  return FAULTS.get(places.padEnd(2, '0')) ?? ORDINARY;
}

/** One change in an order's life. */
export interface Step {
  readonly dueAt: Date;
  /** What it is from now on. */
  readonly state?: OrderState;
  /** What look-ups show from now on, where that is not the truth. */
  readonly shown?: OrderState;
  /** Show it to one look-up alone, then the truth again. */
  readonly once?: true;
  /** What a webhook tells. */
  readonly told?: OrderState;
}

/** The facts of a provider that an order's course follows. */
export interface Course {
  /** The states before the end, in order; the first is that of the create's answer. */
  readonly course: readonly [OrderState, ...OrderState[]];
  /** Those of them whose coming is told by webhook; an end always is. */
  readonly told: readonly OrderState[];
}

/** All that will happen to an order, in order of time. `settleMs` is how long it ordinarily takes. Pure. */
export function planSteps(side: Course, fault: Fault, acceptedAt: Date, settleMs: number): readonly Step[] {
  const startMs = acceptedAt.getTime() + (fault.strangeMs ?? 0);
  const lengthMs = fault.settleMs ?? settleMs;
  const endMs = startMs + lengthMs;
  const end = fault.end ?? 'COMPLETED';
  const [first] = side.course;
  const before = side.course.at(-1) ?? first;
  const steps: Step[] = [];
  const plan = (atMs: number, step: Omit<Step, 'dueAt'>) => steps.push({ dueAt: new Date(atMs), ...step });

  if (fault.strangeMs !== undefined) plan(startMs, { state: first });
  for (const [index, state] of side.course.entries()) {
    if (index === 0 || lengthMs === 0) continue;
    const told = side.told.includes(state) && fault.webhooks !== 'OUT_OF_ORDER';
    plan(startMs + Math.round((lengthMs * index) / side.course.length), { state, ...(told ? { told: state } : {}) });
  }
  if (fault.lie === 'FAILED_FIRST') plan(endMs, { shown: 'FAILED', told: 'FAILED' });
  plan(fault.lie === 'FAILED_FIRST' ? endMs + MINUTE_MS : endMs, { state: end, told: end });
  if (fault.lie === 'RELAPSE') plan(endMs + settleMs, { shown: before, once: true, told: before });
  if (fault.lie === 'FAILED_AFTERWARDS') plan(endMs + MINUTE_MS, { told: 'FAILED' });
  if (fault.webhooks === 'OUT_OF_ORDER') plan(endMs + SECOND_MS, { told: before });
  return fault.webhooks === 'NEVER' ? steps.map(({ told: _, ...step }) => step) : steps;
}
