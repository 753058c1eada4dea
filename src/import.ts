/** The client of `outflow batch import`: a CSV file, line by line, as the items of one batch. */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { ClientConfig } from './config-client.ts';
import { CsvError, readCsv } from './csv.ts';
import { InvalidArgumentError, StartupError } from './domain/errors.ts';
import { type Columns, type Item, type LineFault, parseHeader, readItem, toColumn } from './import-columns.ts';
import { describeError } from './runtime.ts';

/** What is imported, and where to. */
export interface ImportOptions {
  /** The CSV file. */
  readonly path: string;
  /** The merchant's name for the batch. */
  readonly reference: string;
  readonly client: ClientConfig;
  /** Nothing is stored or sent: only what would be refused is told. */
  readonly dryRun: boolean;
}

/** Where an import tells how far it is. */
export interface ImportView {
  /** A line that stays: of what is wrong, or what came of it all. */
  print(line: string): void;
  /** How far it is: a share of the file from 0 to 1, and in words. */
  advance(share: number, words: string): void;
}

/** What came of an import. */
export interface ImportTally {
  /** Lines with a payout in them. */
  readonly lines: number;
  /** Of a dry run: what would be created. */
  readonly created: number;
  /** Lines whose very payout was there before. */
  readonly existing: number;
  /** Lines of which no payout came. */
  readonly bad: number;
}

/** Lines that go in one request. */
const CHUNK = 1000;

/** A line that is ready to go. */
interface Line {
  readonly line: number;
  readonly item: Item;
}

/**
 * Sends the lines of a file, some hundreds at a time, and prints each that is bad. Running it again creates nothing twice.
 * Rejects with InvalidArgumentError for a header that it cannot use, and with StartupError where the file cannot be read, the
 * API does not answer, or refuses the batch as a whole: what was sent by then is stored.
 */
export async function importBatch(options: ImportOptions, view: ImportView): Promise<ImportTally> {
  const { dryRun, client } = options;
  const file = await openFile(options.path);
  const words = await fetchWords(client);
  const seen = new Map<string, number>();
  const tally = { lines: 0, created: 0, existing: 0, bad: 0 };
  let columns: Columns | null = null;
  let waiting: Line[] = [];

  function tell(line: number, faults: readonly LineFault[]): void {
    tally.bad += 1;
    for (const { column, message } of faults) view.print(`line ${line}: ${column}: ${message}`);
  }

  async function flush(): Promise<void> {
    if (waiting.length === 0) return;
    const sent = waiting;
    waiting = [];
    const answer = await sendChunk(
      options,
      sent.map(({ item }) => item),
      tally.lines - sent.length,
    );
    for (const error of answer.errors) {
      const at = sent[error.index];
      if (at) tell(at.line, faultsOf(error, at.item));
    }
    tally.created += answer.created;
    tally.existing += answer.existing;
    view.advance(file.share(), `${tally.lines} lines, ${tally.bad} bad`);
  }

  try {
    for await (const { line, fields } of readCsv(file.pieces)) {
      if (columns === null) {
        columns = parseHeader(fields, words);
        continue;
      }
      tally.lines += 1;
      const read = readItem(columns, fields);
      const first = read.item && seen.get(read.item.reference);
      if (read.item === null) tell(line, read.faults);
      else if (first !== undefined) tell(line, [{ column: 'reference', message: `it stands in line ${first} too` }]);
      else {
        seen.set(read.item.reference, line);
        waiting.push({ line, item: read.item });
      }
      if (waiting.length >= CHUNK) await flush();
    }
    await flush();
  } catch (error) {
    throw explain(error, options.path);
  }
  if (columns === null) throw new InvalidArgumentError([{ path: ['header'], message: 'the file is empty' }]);
  view.print(summarize(tally, dryRun));
  return tally;
}

function summarize({ created, existing, bad }: ImportTally, dryRun: boolean): string {
  return dryRun
    ? `${created} would be created, ${existing} are there already, ${bad} bad lines. Nothing was stored.`
    : `${created} created, ${existing} were there already, ${bad} bad lines.`;
}

/** A file as text, and which share of it was read. */
async function openFile(path: string): Promise<{ readonly pieces: AsyncIterable<string>; share(): number }> {
  const { size } = await stat(path).catch((error: unknown) => {
    throw new StartupError(`The file cannot be read: ${describeError(error)}`);
  });
  const stream = createReadStream(path);
  async function* decode(): AsyncGenerator<string> {
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
    for await (const bytes of stream) yield decoder.decode(bytes, { stream: true });
    yield decoder.decode();
  }
  return { pieces: decode(), share: () => (size === 0 ? 1 : stream.bytesRead / size) };
}

function explain(error: unknown, path: string): unknown {
  if (error instanceof CsvError)
    return new StartupError(`${path} is no CSV from line ${error.line} on: ${error.message}`);
  if (error instanceof TypeError && 'code' in error && error.code === 'ERR_ENCODING_INVALID_ENCODED_DATA') {
    return new StartupError(`${path} is not in UTF-8`);
  }
  if (error instanceof Error && 'syscall' in error)
    return new StartupError(`The file cannot be read: ${error.message}`);
  return error;
}

// --- the API ----------------------------------------------------------------------------------------------------------------

/** What the API says of an item that it refuses. */
interface ItemError {
  readonly index: number;
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly issues?: readonly { readonly path: readonly string[]; readonly message: string }[];
  };
}

interface Answer {
  readonly created: number;
  readonly existing: number;
  readonly errors: readonly ItemError[];
}

const ERRORS = 'errors { index error { code message ... on InvalidInputError { issues { path message } } } }';
const OPERATIONS = {
  send: `mutation Import($input: CreatePayoutBatchInput!) {
    answer: createPayoutBatch(input: $input) {
      ... on CreatePayoutBatchSuccess { created existing: replayed ${ERRORS} } ... on Error { message }
    }
  }`,
  simulate: `query Check($input: CreatePayoutBatchInput!) {
    answer: simulatePayoutBatch(input: $input) {
      ... on SimulatePayoutBatchSuccess { created: acceptable existing ${ERRORS} } ... on Error { message }
    }
  }`,
};

async function sendChunk(
  { client, reference, dryRun }: ImportOptions,
  items: readonly Item[],
  before: number,
): Promise<Answer> {
  const query = dryRun ? OPERATIONS.simulate : OPERATIONS.send;
  const told = dryRun || before <= 0 ? '' : ` ${before} lines were sent; run it again: nothing is created twice.`;
  const { answer } = await ask<{ answer: Answer | { readonly message: string } }>(
    client,
    query,
    { input: { reference, items } },
    told,
  );
  if ('message' in answer) throw new StartupError(`The batch is refused: ${answer.message}${told}`);
  return answer;
}

/** The words that some columns take, as this API has them; it also shows that there is an API, and that it knows the key. */
async function fetchWords(client: ClientConfig): Promise<ReadonlyMap<string, readonly string[]>> {
  const names = ['FeeMode', 'ProviderId', 'BankAccountType', 'IdType', 'Sex'];
  const fields = names.map((name) => `${name}: __type(name: "${name}") { enumValues { name } }`);
  type Known = Readonly<Record<string, { readonly enumValues: readonly { readonly name: string }[] } | null>>;
  const known = await ask<Known>(client, `{ ${fields.join(' ')} }`, {}, '');
  return new Map(names.map((name) => [name, (known[name]?.enumValues ?? []).map((one) => one.name)]));
}

/** Asks GraphQL and gives its data. Rejects with StartupError where there is none; `told` goes behind what it says. */
async function ask<Data>({ url, apiKey }: ClientConfig, query: string, variables: object, told: string): Promise<Data> {
  const headers = { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' };
  let text: string;
  try {
    const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ query, variables }) });
    text = await response.text();
  } catch (error) {
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
    throw new StartupError(`${url} does not answer: ${describeError(cause)}.${told}`);
  }
  const { data, errors } = parseAnswer<Data>(text);
  if (data) return data;
  const message = errors?.map((one) => one.message).join('; ') ?? 'it is no GraphQL of Outflow';
  throw new StartupError(`${url} answers: ${message}${told}`);
}

function parseAnswer<Data>(text: string): {
  readonly data?: Data | null;
  readonly errors?: readonly { readonly message: string }[];
} {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

/** The column that an error without a field of its own is told under. */
const COLUMN_OF: Readonly<Record<string, string>> = {
  UNSUPPORTED: 'provider',
  PROVIDER_UNAVAILABLE: 'provider',
  QUOTE_EXPIRED: 'quoteId',
};

function faultsOf({ error }: ItemError, item: Item): readonly LineFault[] {
  const { code, message, issues = [] } = error;
  if (issues.length === 0) return [{ column: COLUMN_OF[code] ?? 'reference', message }];
  return issues.map((issue) => ({ column: toColumn(issue.path, item), message: issue.message }));
}
