/** A merchant's payouts as text that a bank clerk, a script or a data warehouse reads: streamed, and resumed at a cursor. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { formatCsvRow } from './csv.ts';
import { currentAttempt, failureOf } from './domain/attempt.ts';
import type { BatchId } from './domain/batch.ts';
import { parsePageCursor, toPageCursor } from './domain/cursor.ts';
import { InvalidArgumentError, type Issue } from './domain/errors.ts';
import { parseInstant } from './domain/instant.ts';
import type { MerchantId } from './domain/merchant.ts';
import type { Fee, Money } from './domain/money.ts';
import { type Destination, isFinal, PAYOUT_STATES, type Payout } from './domain/payout.ts';
import { knownMoneyMoved } from './domain/restore.ts';
import type { PageKey, PayoutFilter, Restored, Store } from './domain/store.ts';
import { definitions } from './providers/index.ts';

const EXPORT_FORMATS = ['csv', 'jsonl'] as const;
/** `csv`: RFC 4180 with a header line. `jsonl`: one JSON object a line. Both in UTF-8. */
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

/** What each format is called on the web. */
export const EXPORT_MEDIA: Readonly<Record<ExportFormat, string>> = {
  csv: 'text/csv; charset=utf-8',
  jsonl: 'application/x-ndjson; charset=utf-8',
};

/** What is exported, and how. */
export interface ExportRequest {
  readonly format: ExportFormat;
  readonly filter: PayoutFilter;
  /** The place of the last payout that the caller has; null: from the newest on. */
  readonly after: PageKey | null;
}

// --- what is asked for ----------------------------------------------------------------------------------------------------

const FIELDS = [
  'format',
  'after',
  'states',
  'providers',
  'currency',
  'createdFrom',
  'createdBefore',
  'batchId',
] as const;
type Field = (typeof FIELDS)[number];
/** Several values, separated by commas or given one by one. */
const LISTS: ReadonlySet<Field> = new Set(['states', 'providers']);
/** Other names that a hand writes. */
const ALIASES: ReadonlyMap<string, Field> = new Map([
  ['state', 'states'],
  ['provider', 'providers'],
  ['batch', 'batchId'],
]);

/**
 * Reads names and values: `format` (csv or jsonl), `after` (a cursor) and the fields of the filter of `payouts`, `states` and
 * `providers` with commas between several. Throws InvalidArgumentError that names every field at fault.
 */
export function parseExport(words: Iterable<readonly [name: string, value: string]>): ExportRequest {
  const issues: Issue[] = [];
  const values = gather(words, issues);
  const read = <T>(field: Field, parse: (text: string) => T | null, must: string): T | undefined => {
    const text = values.get(field);
    if (text === undefined) return undefined;
    const value = parse(text);
    if (value === null) issues.push({ path: [field], message: must });
    return value ?? undefined;
  };
  const providers = definitions.map(({ id }) => id);
  const instant = 'an instant as RFC 3339, e.g. 2026-01-31T12:00:00Z';
  const states = read('states', (text) => parseList(text, PAYOUT_STATES), `one or more of ${PAYOUT_STATES.join(', ')}`);
  const at = read('providers', (text) => parseList(text, providers), `one or more of ${providers.join(', ')}`);
  const currency = read('currency', (text) => parseText(text, /^[A-Z0-9]{2,12}$/), '2 to 12 of A-Z 0-9');
  const createdFrom = read('createdFrom', parseInstant, instant);
  const createdBefore = read('createdBefore', parseInstant, instant);
  const batch = read('batchId', (text) => parseText<BatchId>(text, /^pb_[0-9a-z]{1,64}$/), 'the id of a batch, pb_…');
  // Whoever takes it from a line that ends in CR LF takes the CR along.
  const after = read('after', (text) => parsePageCursor(text.trim()), 'this is not a cursor of a payout');
  const format = read('format', (text) => EXPORT_FORMATS.find((one) => one === text) ?? null, FORMATS);
  if (!values.has('format')) issues.push({ path: ['format'], message: FORMATS });
  if (issues.length > 0 || format === undefined) throw new InvalidArgumentError(issues);
  const filter: PayoutFilter = {
    ...(states && { states }),
    ...(at && { providers: at }),
    ...(currency && { currency }),
    ...(createdFrom && { createdFrom }),
    ...(createdBefore && { createdBefore }),
    ...(batch && { batch }),
  };
  return { format, filter, after: after ?? null };
}

const FORMATS = EXPORT_FORMATS.join(' or ');

function gather(words: Iterable<readonly [string, string]>, issues: Issue[]): ReadonlyMap<Field, string> {
  const values = new Map<Field, string>();
  for (const [name, value] of words) {
    const field = FIELDS.find((one) => one === name) ?? ALIASES.get(name);
    const known = field && values.get(field);
    if (field === undefined) issues.push({ path: [name], message: `there is no such field, but ${FIELDS.join(', ')}` });
    else if (known === undefined) values.set(field, value);
    else if (LISTS.has(field)) values.set(field, `${known},${value}`);
    else issues.push({ path: [name], message: 'given more than once' });
  }
  return values;
}

function parseList<T extends string>(text: string, known: readonly T[]): readonly T[] | null {
  const names = text.split(',').map((name) => known.find((one) => one === name.trim()));
  const found = names.filter((name) => name !== undefined);
  return found.length === names.length ? found : null;
}

function parseText<T extends string>(text: string, form: RegExp): T | null {
  return form.test(text) ? (text as T) : null;
}

// --- what is given --------------------------------------------------------------------------------------------------------

/** So many payouts are read at once, and are all that is held. */
const PAGE = 200;

/**
 * The payouts of one merchant that fit, newest first, as text in pieces of whole lines. Each line ends with, or carries, its
 * `cursor`, so that a broken export goes on after its last whole line: without a gap, and without a payout twice. What was
 * stored when an export began is all in it, each payout as it was when its page was read; what is stored meanwhile is
 * newer than its first line, as far as clocks agree, and not in it. A CSV that goes on has no header line.
 *
 * Nothing is read before it is asked for, and no more than a page ahead of that. Rejects as the store does, so that a text
 * that is not whole does not look whole.
 */
export async function* exportPayouts(
  store: Pick<Store, 'page' | 'restored'>,
  merchantId: MerchantId,
  { format, filter, after }: ExportRequest,
  limit = PAGE,
): AsyncGenerator<string, void, undefined> {
  const write = format === 'csv' ? toCsv : toJson;
  let head = format === 'csv' && after === null ? formatCsvRow(COLUMNS.map(([name]) => name)) : '';
  for (let from = after; ; ) {
    const page = await store.page({ merchantId, filter, limit, direction: 'forward', from, until: null });
    const text = head + page.payouts.map((payout) => write(rowOf(payout, store.restored))).join('');
    const last = page.payouts.at(-1);
    if (text !== '') yield text;
    if (!page.more || !last) return;
    from = last;
    head = '';
    // The embedded store answers without a pause, and a fast reader makes none: others want to be served too.
    await nextTurn();
  }
}

type Row = ReturnType<typeof rowOf>;

/** A payout as an export shows it: what the API shows, without personal data. */
function rowOf(payout: Payout, restored: Restored | null) {
  const { id, reference, state, order, batch, metadata, createdAt, updatedAt } = payout;
  const { amount, feeMode, sourceCurrency, receiveCurrency, destination, description } = order;
  const attempt = currentAttempt(payout);
  const report = attempt?.report ?? null;
  return {
    id,
    reference,
    state,
    final: isFinal(state),
    moneyMoved: knownMoneyMoved(payout, restored),
    amount,
    feeMode,
    sourceCurrency,
    receiveCurrency,
    destination,
    provider: attempt?.provider ?? payout.provider,
    account: attempt?.account ?? payout.account,
    providerReference: attempt?.providerReference ?? null,
    transactionHash: report?.transactionHash ?? null,
    fees: report?.fees ?? [],
    debits: report?.debits ?? [],
    received: report?.received ?? null,
    failure: failureOf(payout),
    batchId: batch,
    description,
    metadata: Object.fromEntries(metadata.map(({ key, value }) => [key, value])),
    createdAt: createdAt.toISOString(),
    updatedAt: updatedAt.toISOString(),
    cursor: toPageCursor(payout),
  };
}

function toJson(row: Row): string {
  return `${stringify(row)}\n`;
}

/** JSON that every reader takes for one line: some see an end of it in these two characters. */
function stringify(value: unknown): string {
  return JSON.stringify(value).replace(/[\u2028\u2029]/g, (end) => `\\u${end.charCodeAt(0).toString(16)}`);
}

/** The columns of a CSV, for ever in this order; new ones come before the last. What there is not is empty. */
const COLUMNS: readonly (readonly [name: string, read: (row: Row) => string | null])[] = [
  ['id', (row) => row.id],
  ['reference', (row) => row.reference],
  ['state', (row) => row.state],
  ['final', (row) => String(row.final)],
  ['moneyMoved', (row) => row.moneyMoved],
  ['amount', (row) => row.amount.amount],
  ['currency', (row) => row.amount.currency],
  ['feeMode', (row) => row.feeMode],
  ['sourceCurrency', (row) => row.sourceCurrency],
  ['receiveCurrency', (row) => row.receiveCurrency],
  ['destinationKind', (row) => row.destination.kind],
  ['destinationNetwork', (row) => row.destination.network],
  ['destinationAddress', (row) => whereOf(row.destination)],
  ['destinationMemo', ({ destination }) => (destination.kind === 'blockchain' ? destination.memo : null)],
  ['destinationChannel', ({ destination }) => (destination.kind === 'channel' ? destination.channel : null)],
  ['destinationAccountType', ({ destination }) => (destination.kind === 'bank' ? destination.accountType : null)],
  ['provider', (row) => row.provider],
  ['account', (row) => row.account],
  ['providerReference', (row) => row.providerReference],
  ['transactionHash', (row) => row.transactionHash],
  ['fees', (row) => row.fees.map(showFee).join('; ')],
  ['debits', (row) => row.debits.map(showMoney).join('; ')],
  ['receivedAmount', (row) => row.received?.amount ?? null],
  ['receivedCurrency', (row) => row.received?.currency ?? null],
  ['failureCode', (row) => row.failure?.code ?? null],
  ['failureMessage', (row) => row.failure?.message ?? null],
  ['batchId', (row) => row.batchId],
  ['description', (row) => row.description],
  ['metadata', (row) => stringify(row.metadata)],
  ['createdAt', (row) => row.createdAt],
  ['updatedAt', (row) => row.updatedAt],
  ['cursor', (row) => row.cursor],
];

function toCsv(row: Row): string {
  return formatCsvRow(COLUMNS.map(([, read]) => toCell(read(row) ?? '')));
}

/** A spreadsheet takes a text that begins so for a formula, and runs it. Source: OWASP, CSV Injection. */
const FORMULA = /^[=+\-@\t\r\n]/;

/** Text that is no formula, and stays within its line, so that a row is a line whoever reads it. */
function toCell(text: string): string {
  return `${FORMULA.test(text) ? "'" : ''}${text.replace(/[\r\n\u2028\u2029]+/g, ' ')}`;
}

/** The address, the account in a channel, or the last four characters of a bank account, masked as the API masks them. */
function whereOf(destination: Destination): string {
  if (destination.kind === 'blockchain') return destination.address;
  return destination.kind === 'channel' ? destination.account : `••••${destination.lastFour}`;
}

function showMoney({ amount, currency }: Money): string {
  return `${amount} ${currency}`;
}

function showFee(fee: Fee): string {
  return `${showMoney(fee)} ${fee.kind}`;
}
