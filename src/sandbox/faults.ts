import { canonicalDecimal, type Decimal } from '../domain/money.ts';

/**
 * What the sandbox knows of where an order stands, in no provider's words. ACCEPTED, MATERIAL (wants documents), HELD
 * (waits to be confirmed), QUEUED and CONFIRMING come before the end; BLOCKED failed for compliance; REFUNDED came back
 * after it had failed or been paid. STRANGE is only ever shown: a word that the provider's pages do not list.
 */
export type OrderState =
  | 'ACCEPTED'
  | 'MATERIAL'
  | 'HELD'
  | 'QUEUED'
  | 'CONFIRMING'
  | 'COMPLETED'
  | 'FAILED'
  | 'BLOCKED'
  | 'CANCELLED'
  | 'REFUNDED'
  | 'STRANGE';

/** What can be asked of an order that is there. */
export type Action = 'CONFIRM' | 'CANCEL' | 'AMEND' | 'ATTACH_DOCUMENT' | 'COMPLETE_DOCUMENTS';

/** Why a provider says no, in no provider's words; its side says it in its own. */
export type Refusal =
  | 'INSUFFICIENT_BALANCE'
  | 'INVALID_DESTINATION'
  | 'DUPLICATE'
  | 'NOT_FOUND'
  | 'WRONG_STATE'
  | 'OUTSIDE_HOURS'
  | 'MAINTENANCE'
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
  | 'MAINTENANCE';

/** What becomes of one request that is not done: a mischief on the way of its answer, or a refusal for now. */
export type Undone =
  | { readonly done: false; readonly answer: Mischief }
  | { readonly done: false; readonly refusal: Refusal };

/** What becomes of one request. */
export type Turn = { readonly done: true; readonly answer: Mischief } | Undone;

/** One row of the table. What it leaves out takes the ordinary way. */
export interface Fault {
  /** The row's words in `docs/sandbox.md`. */
  readonly what: string;
  /** What becomes of an order's first send, its second, and so on; later ones are ordinary. */
  readonly sends?: readonly Turn[];
  /** Every send is refused. */
  readonly refusal?: Refusal;
  /** Taken, and yet the answer to its batch says nothing of it. */
  readonly leftOutOfBatch?: true;
  /** As `sends`, for each thing that can be asked of the order; a refusal alone: it is always refused so. */
  readonly actions?: Readonly<Partial<Record<Action, readonly Turn[] | Refusal>>>;
  /** The provider wants documents before it goes on. */
  readonly wantsDocuments?: true;
  /** What becomes of an order's first look-up, its second, and so on. */
  readonly lookups?: readonly Undone[];
  /** The field that every picture of the order shows wrongly. */
  readonly wrongEcho?: 'AMOUNT' | 'ADDRESS';
  /** Look-ups do not show the order for so long. */
  readonly hiddenMs?: number;
  /** A second create under the same number makes a second payment, whatever the provider promises. */
  readonly paysDuplicates?: true;
  /** The state it ends in; default COMPLETED. */
  readonly end?: 'FAILED' | 'BLOCKED' | 'CANCELLED';
  /** The money comes back a minute after the end, and not with it. */
  readonly refunded?: true;
  /** How long it takes from accepted to its end, instead of the sandbox's own time. */
  readonly settleMs?: number;
  /** Its status is STRANGE for so long, before it sets out. */
  readonly strangeMs?: number;
  /** What is told after, or instead of, the truth. */
  readonly lie?: 'RELAPSE' | 'FAILED_FIRST' | 'FAILED_AFTERWARDS';
  readonly webhooks?: 'TWICE' | 'LATE' | 'OUT_OF_ORDER' | 'FORGED_FIRST' | 'NEVER';
}

const MINUTE_MS = 60_000;
const done = (answer: Mischief): Turn => ({ done: true, answer });
const undone = (answer: Mischief): Undone => ({ done: false, answer });
const refused = (refusal: Refusal): Undone => ({ done: false, refusal });
const times = (count: number, turn: Undone): readonly Undone[] => Array.from({ length: count }, () => turn);

/** Every fault, by the two decimals of the amount that choose it. The same for every provider. */
export const FAULTS: ReadonlyMap<string, Fault> = new Map<string, Fault>([
  ['36', { what: 'in a batch: taken, and left out of the answer', leftOutOfBatch: true }],
  [
    '38',
    {
      what: "the provider's own maintenance answer to the first two sends, not accepted",
      sends: times(2, refused('MAINTENANCE')),
    },
  ],
  ['39', { what: 'accepted, then failed, and a minute later refunded', end: 'FAILED', refunded: true }],
  ['40', { what: 'completed, and a minute later it comes back', refunded: true }],
  ['41', { what: 'cancel: answer lost after cancelling', actions: { CANCEL: [done('CUT')] } }],
  ['42', { what: 'cancel: connection reset, not cancelled', actions: { CANCEL: [undone('RESET')] } }],
  ['43', { what: 'cancel: 500 after cancelling', actions: { CANCEL: [done('SERVER_ERROR')] } }],
  ['44', { what: 'cancel: always refused, as in a state that does not allow it', actions: { CANCEL: 'WRONG_STATE' } }],
  ['45', { what: 'cancel: 429 with `Retry-After: 1`, not cancelled', actions: { CANCEL: [refused('RATE_LIMITED')] } }],
  [
    '46',
    {
      what: 'wants documents; first upload: answer lost after accepting',
      wantsDocuments: true,
      actions: { ATTACH_DOCUMENT: [done('CUT')] },
    },
  ],
  [
    '47',
    {
      what: 'wants documents; first upload: 500, not accepted',
      wantsDocuments: true,
      actions: { ATTACH_DOCUMENT: [undone('SERVER_ERROR')] },
    },
  ],
  [
    '48',
    {
      what: 'wants documents; their end: answer lost after accepting',
      wantsDocuments: true,
      actions: { COMPLETE_DOCUMENTS: [done('CUT')] },
    },
  ],
  [
    '49',
    {
      what: 'wants documents; their end: connection reset, not accepted',
      wantsDocuments: true,
      actions: { COMPLETE_DOCUMENTS: [undone('RESET')] },
    },
  ],
  ['51', { what: 'confirm: answer lost after accepting', actions: { CONFIRM: [done('CUT')] } }],
  ['52', { what: 'confirm: connection reset, not accepted', actions: { CONFIRM: [undone('RESET')] } }],
  ['53', { what: 'confirm: 500 after accepting', actions: { CONFIRM: [done('SERVER_ERROR')] } }],
  ['54', { what: 'confirm: 500 without accepting', actions: { CONFIRM: [undone('SERVER_ERROR')] } }],
  ['55', { what: 'confirm: 429 with `Retry-After: 1`, not accepted', actions: { CONFIRM: [refused('RATE_LIMITED')] } }],
  ['56', { what: 'confirm: wrong credentials, not accepted', actions: { CONFIRM: [refused('WRONG_CREDENTIALS')] } }],
  [
    '57',
    {
      what: 'confirm: refused the first two times: insufficient balance',
      actions: { CONFIRM: times(2, refused('INSUFFICIENT_BALANCE')) },
    },
  ],
  [
    '58',
    {
      what: 'confirm: refused the first two times: outside hours',
      actions: { CONFIRM: times(2, refused('OUTSIDE_HOURS')) },
    },
  ],
  ['59', { what: 'confirm: 200 that is not JSON after accepting', actions: { CONFIRM: [done('NOT_JSON')] } }],
  ['60', { what: 'wants documents, then ordinary', wantsDocuments: true }],
  ['61', { what: 'answer lost after accepting: connection cut', sends: [done('CUT')] }],
  ['62', { what: 'connection reset in the face of the request, not accepted', sends: [undone('RESET')] }],
  ['63', { what: 'connection cut after the request was read, not accepted', sends: [undone('CUT')] }],
  ['64', { what: '500 after accepting', sends: [done('SERVER_ERROR')] }],
  ['65', { what: '500 without accepting', sends: [undone('SERVER_ERROR')] }],
  [
    '66',
    {
      what: 'maintenance: 503 to the first two sends, not accepted',
      sends: times(2, undone('MAINTENANCE')),
    },
  ],
  ['67', { what: '429 with `Retry-After: 1`, not accepted', sends: [refused('RATE_LIMITED')] }],
  ['68', { what: 'refused for wrong credentials, not accepted', sends: [refused('WRONG_CREDENTIALS')] }],
  ['69', { what: 'accepted, then never answered: connection held until the client goes', sends: [done('HANG')] }],
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
  ['84', { what: '200 that is not JSON after accepting', sends: [done('NOT_JSON')] }],
  ['85', { what: 'empty 200 after accepting', sends: [done('EMPTY')] }],
  ['86', { what: 'truncated body after accepting: shorter than its Content-Length', sends: [done('TRUNCATED')] }],
  ['87', { what: '10 MB of answer after accepting', sends: [done('HUGE')] }],
  ['88', { what: 'a second create under the same order number is a new payment', paysDuplicates: true }],
  [
    '89',
    {
      what: 'completes at once, its webhook answered before the create is; the answer shows the state before',
      settleMs: 0,
      sends: [done('AFTER_WEBHOOK')],
    },
  ],
  ['90', { what: 'the first three look-ups: 500', lookups: times(3, undone('SERVER_ERROR')) }],
  [
    '91',
    {
      what: 'the first three look-ups: 429 with `Retry-After: 1`',
      lookups: times(3, refused('RATE_LIMITED')),
    },
  ],
  ['92', { what: 'the first look-up is never answered', lookups: [undone('HANG')] }],
  ['93', { what: 'the first two look-ups: connection cut', lookups: times(2, undone('CUT')) }],
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
      sends: [done('CUT')],
      hiddenMs: 10 * MINUTE_MS,
    },
  ],
  [
    '98',
    {
      what: 'answer lost after accepting, then 429 to the second send and wrong credentials to the third',
      sends: [done('CUT'), refused('RATE_LIMITED'), refused('WRONG_CREDENTIALS')],
    },
  ],
  ['99', { what: 'answers after one second', sends: [done('SLOW')] }],
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
