/** What the columns of an import mean: a line of a CSV file becomes an item of `createPayoutBatch`. */
import { InvalidArgumentError } from './domain/errors.ts';
import { parseInstant } from './domain/instant.ts';

/** An item as GraphQL takes it: a `CreatePayoutInput`. */
export interface Item {
  readonly reference: string;
  readonly metadata?: readonly { readonly key: string; readonly value: string }[];
  readonly [field: string]: unknown;
}

/** What is wrong with a field of a line. */
export interface LineFault {
  readonly column: string;
  readonly message: string;
}

/** What a column takes: text, the name of a GraphQL enum, true or false, or an instant. */
type Kind = 'text' | 'FeeMode' | 'ProviderId' | 'BankAccountType' | 'IdType' | 'Sex' | 'boolean' | 'instant';

interface Column {
  readonly name: string;
  /** Where it stands in the item, e.g. `amount.currency`; of `network` it depends on the kind of destination. */
  readonly path: readonly string[];
  readonly kind: Kind;
  /** What it may be; null: anything. */
  readonly words: readonly string[] | null;
}

/** The columns of a file, in their order. */
export type Columns = readonly Column[];

const PARTY: Readonly<Record<string, Kind>> = {
  ...Object.fromEntries(
    [
      ...['name', 'firstName', 'middleName', 'lastName', 'nationality', 'idNumber', 'idCountry', 'idIssueDate'],
      ...['idExpiryDate', 'dateOfBirth', 'occupation', 'phoneCountryCode', 'phone', 'email', 'accountNumber'],
      ...['address.line', 'address.city', 'address.district', 'address.state', 'address.postalCode', 'address.country'],
    ].map((name) => [name, 'text'] as const),
  ),
  idType: 'IdType',
  sex: 'Sex',
  accountType: 'BankAccountType',
};

/** Every column but `metadata.KEY`, with its path where that is not its name. */
const KNOWN: ReadonlyMap<string, readonly [path: string, kind: Kind]> = new Map([
  ['reference', ['reference', 'text']],
  ['amount', ['amount.amount', 'text']],
  ['currency', ['amount.currency', 'text']],
  ['feeMode', ['feeMode', 'FeeMode']],
  ['network', ['network', 'text']],
  ['address', ['destination.blockchain.address', 'text']],
  ['memo', ['destination.blockchain.memo', 'text']],
  ['channel', ['destination.channel.channel', 'text']],
  ['account', ['destination.channel.account', 'text']],
  ['accountNumber', ['destination.bank.accountNumber', 'text']],
  ['accountType', ['destination.bank.accountType', 'BankAccountType']],
  ...partyColumns('beneficiary', 'destination.bank.beneficiary'),
  ['provider', ['provider', 'ProviderId']],
  ['description', ['description', 'text']],
  ...partyColumns('originator', 'originator'),
  ['purpose', ['purpose', 'text']],
  ['relationship', ['relationship', 'text']],
  ['sourceOfFunds', ['sourceOfFunds', 'text']],
  ['sourceCurrency', ['sourceCurrency', 'text']],
  ['receiveCurrency', ['receiveCurrency', 'text']],
  ['fundingAddress', ['fundingAddress', 'text']],
  ['sendBefore', ['sendBefore', 'instant']],
  ['autoConfirm', ['autoConfirm', 'boolean']],
  ['failover', ['failover', 'boolean']],
  ['quoteId', ['quoteId', 'text']],
  ['priceTolerance', ['priceTolerance', 'text']],
]);

function partyColumns(name: string, path: string): [string, [string, Kind]][] {
  return Object.entries(PARTY).map(([field, kind]) => [`${name}.${field}`, [`${path}.${field}`, kind]]);
}

/** The columns that every file has. */
const NEEDED = ['reference', 'amount', 'currency'];

/** Reads a header. `words`: what the enums of the API are. Throws InvalidArgumentError that names every column at fault. */
export function parseHeader(names: readonly string[], words: ReadonlyMap<string, readonly string[]>): Columns {
  const faults = NEEDED.filter((name) => !names.includes(name)).map((name) => `the column ${name} is missing`);
  const columns = names.map((name, index): Column => {
    if (names.indexOf(name) !== index) faults.push(`the column ${name} is there twice`);
    const [, key] = /^metadata\.(.+)$/s.exec(name) ?? [];
    if (key !== undefined) return { name, path: ['metadata', key], kind: 'text', words: null };
    const known = KNOWN.get(name);
    if (known === undefined) faults.push(`there is no column ${JSON.stringify(name)}`);
    const [path, kind] = known ?? [name, 'text'];
    return { name, path: path.split('.'), kind, words: wordsOf(kind, words) };
  });
  if (faults.length === 0) return columns;
  const all = `known are ${[...KNOWN.keys()].filter((name) => !name.includes('.')).join(', ')}`;
  const more = 'originator.FIELD, beneficiary.FIELD and metadata.KEY';
  throw new InvalidArgumentError([{ path: ['header'], message: `${faults.join('; ')}; ${all}, ${more}` }]);
}

function wordsOf(kind: Kind, words: ReadonlyMap<string, readonly string[]>): readonly string[] | null {
  if (kind === 'boolean') return ['true', 'false'];
  return words.get(kind) ?? null;
}

/** A line as an item; null where it has what GraphQL would refuse with all others: then `faults` says what. */
export function readItem(
  columns: Columns,
  fields: readonly string[],
): { readonly item: Item; readonly faults: readonly [] } | { readonly item: null; readonly faults: LineFault[] } {
  if (fields.length !== columns.length) {
    const message = `it has ${fields.length} fields, and the header ${columns.length}`;
    return { item: null, faults: [{ column: 'line', message }] };
  }
  const filled = columns
    .map((column, index) => ({ column, text: fields[index] ?? '' }))
    .filter(({ text }) => text !== '');
  const faults: LineFault[] = [];
  const kinds = [...new Set(filled.flatMap(({ column }) => destinationOf(column)))];
  const network = kinds.length === 1 && kinds[0] === 'channel' ? 'channel' : 'blockchain';
  const item: Tree = {};
  const metadata: { key: string; value: string }[] = [];
  for (const { column, text } of filled) {
    const [first, key = ''] = column.path;
    const value = parseCell(column, text);
    if (value === null) faults.push({ column: column.name, message: describeKind(column) });
    else if (first === 'metadata') metadata.push({ key, value: text });
    else put(item, first === 'network' ? ['destination', network, 'network'] : column.path, value);
  }
  faults.push(
    ...findGaps(
      filled.map(({ column }) => column.name),
      kinds,
    ),
  );
  if (faults.length > 0) return { item: null, faults };
  const reference = String(item.reference);
  return { item: { ...item, reference, ...(metadata.length > 0 ? { metadata } : {}) }, faults: [] };
}

interface Tree {
  [field: string]: Tree | string | boolean;
}

function put(tree: Tree, path: readonly string[], value: string | boolean): void {
  const [first = '', ...rest] = path;
  if (rest.length === 0) tree[first] = value;
  else {
    const known = tree[first];
    const inner = typeof known === 'object' ? known : {};
    tree[first] = inner;
    put(inner, rest, value);
  }
}

/** The kind of destination that a column belongs to; none: to every kind. */
function destinationOf({ path: [first, kind] }: Column): readonly string[] {
  return first === 'destination' && kind !== undefined ? [kind] : [];
}

/** What must be there, by the kind of destination. */
const PARTS: ReadonlyMap<string, readonly string[]> = new Map([
  ['blockchain', ['address', 'network']],
  ['channel', ['channel', 'account']],
  ['bank', ['accountNumber']],
]);

function findGaps(filled: readonly string[], kinds: readonly string[]): readonly LineFault[] {
  const has = (prefix: string): boolean => filled.some((name) => name.startsWith(prefix));
  const [kind = ''] = kinds;
  const needed = [...NEEDED, ...(PARTS.get(kind) ?? [])];
  for (const party of ['originator', 'beneficiary']) if (has(`${party}.address.`)) needed.push(`${party}.address.line`);
  const gaps = needed
    .filter((name) => !filled.includes(name))
    .map((column): LineFault => ({ column, message: 'it is empty' }));
  if (kind === 'bank' && !has('beneficiary.')) {
    gaps.push({ column: 'beneficiary.name', message: 'nothing says whose account it is' });
  }
  if (kinds.length === 1) return gaps;
  const message = 'one kind of destination: address and network, channel and account, or accountNumber and beneficiary';
  return [...gaps, { column: 'address', message }];
}

/** Null: this is no value of the column. What else must hold is for the API to say. */
function parseCell({ kind, words }: Column, text: string): string | boolean | null {
  if (words !== null && !words.includes(text)) return null;
  if (kind === 'instant' && parseInstant(text) === null) return null;
  return kind === 'boolean' ? text === 'true' : text;
}

function describeKind({ kind, words }: Column): string {
  return kind === 'instant' ? 'an instant, e.g. 2026-01-31T12:00:00Z' : `one of ${(words ?? []).join(', ')}`;
}

/** The column of a path below an item. */
export function toColumn(path: readonly string[], { metadata = [] }: Item): string {
  const [first = '', index = ''] = path;
  if (first === 'metadata') {
    const key = metadata[Number(index)]?.key;
    return key === undefined ? 'metadata' : `metadata.${key}`;
  }
  if (first === 'destination' && path.at(-1) === 'network') return 'network';
  const text = path.join('.');
  const [name = text] = [...KNOWN].find(([, [known]]) => known === text) ?? [];
  return name;
}
