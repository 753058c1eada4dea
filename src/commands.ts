import { type FileHandle, open } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { InvalidArgumentError, StartupError, UnreadableRecordError } from './domain/errors.ts';
import { type ApiKeyId, type MerchantId, SCOPES, type Scope } from './domain/merchant.ts';
import type { Store } from './domain/store.ts';
import { type ExportRequest, exportPayouts, parseExport } from './export.ts';
import type { ImportOptions } from './import.ts';
import type { Keys } from './keys.ts';
import { describeError } from './runtime.ts';
import { move, nameOf, type Source, type Target } from './storage/archive.ts';
import type { Vault } from './vault.ts';

/** What a command prints, line by line. */
export type Print = (line: string) => void;

export const USAGE = `outflow serve                                  the API, and a worker, in one process
outflow worker                                 a worker alone
outflow sandbox                                the stand-in providers alone
outflow merchants create NAME [--id ID]         --id: one that was lost with a store, under its id again
outflow merchants list
outflow keys create --merchant ID [--label TEXT] [--scope SCOPE ...]
outflow keys create --operator [--label TEXT] [--scope SCOPE ...]
outflow keys list [--merchant ID]
outflow keys revoke ID
outflow export --merchant ID --format csv|jsonl [--filter NAME=VALUE ...] [--after CURSOR] [--out FILE]
                                               its payouts, newest first, as text; see docs/operations.md
outflow batch import FILE.csv --reference REF [--url URL] [--dry-run]
                                               its lines as payouts of one batch, through a running server
outflow data rotate                            encrypts what is stored with the first of DATA_KEYS
outflow restore                                says that the store is a copy which was put back, older than the world
outflow restore --over                         says that what was lost has been asked for again
outflow migrate --from sqlite:PATH [--to URL]  moves a store to MongoDB: to MONGODB_URL where no other is named

Scopes: ${SCOPES.join(', ')}; all of them where none is named.
Everything else comes from the environment: see .env.example.`;

/** What commands work on. */
export interface CommandParts {
  readonly keys: Keys;
  readonly vault: Vault;
  readonly store: Pick<Store, 'restored' | 'restore' | 'endRestore' | 'merchant' | 'page'>;
}

/**
 * A command with its words, ready to run. Rejects with InvalidArgumentError for options and ids that it cannot use, and
 * with StartupError where the configuration does not fit the store.
 */
export type ReadyCommand = (parts: CommandParts, print: Print) => Promise<void>;

/**
 * Finds a command on merchants, keys, data or the store: `merchants create|list`, `keys create|list|revoke`, `data rotate`,
 * `restore`. Throws InvalidArgumentError for one that there is not, so that a slip of the pen opens no store.
 */
export function parseCommand(words: readonly string[]): ReadyCommand {
  for (const length of [2, 1]) {
    const command = COMMANDS[words.slice(0, length).join(' ')];
    if (command && words.length >= length) return (parts, print) => command(words.slice(length), parts, print);
  }
  throw refuse('command', `there is no "${words.join(' ')}"; see outflow --help`);
}

type Command = (words: string[], parts: CommandParts, print: Print) => Promise<void>;

const COMMANDS: Readonly<Record<string, Command>> = {
  async 'merchants create'(words, { keys }, print) {
    const { values, positionals } = read(words, { id: { type: 'string' } }, true);
    const name = positionals.join(' ').trim();
    if (name === '' || name.length > 100) throw refuse('name', 'a merchant has a name of 1 to 100 characters');
    if (values.id !== undefined && !MERCHANT_ID.test(values.id)) throw refuse('id', `${values.id} is no merchant's id`);
    const merchant = await keys.createMerchant(name, values.id as MerchantId | undefined);
    print(merchant.id);
  },
  async 'merchants list'(words, { keys }, print) {
    read(words, {});
    for (const { id, createdAt, name } of await keys.merchants()) print(`${id}  ${createdAt.toISOString()}  ${name}`);
  },
  async 'keys create'(words, { keys }, print) {
    const { values } = read(words, {
      merchant: { type: 'string' },
      operator: { type: 'boolean' },
      label: { type: 'string' },
      scope: { type: 'string', multiple: true },
    });
    if ((values.merchant === undefined) === (values.operator !== true)) {
      throw refuse('merchant', 'say --merchant ID or --operator, and not both');
    }
    const scopes = (values.scope ?? SCOPES).map(parseScope);
    const merchantId = (values.merchant as MerchantId | undefined) ?? null;
    const { key, secret } = await keys.createKey(merchantId, values.label ?? '', [...new Set(scopes)]);
    print(`${key.id}  ${key.scopes.join(' ')}`);
    print(secret);
    print('The line above is the key. It is stored only as a hash and is not shown again.');
  },
  async 'keys list'(words, { keys }, print) {
    const { values } = read(words, { merchant: { type: 'string' } });
    for (const key of await keys.list((values.merchant as MerchantId | undefined) ?? null)) {
      const owner = key.merchantId ?? 'operator';
      const state = key.revokedAt ? `revoked ${key.revokedAt.toISOString()}` : 'active';
      print([key.id, owner, state, key.scopes.join(' '), key.label].join('  '));
    }
  },
  async 'keys revoke'(words, { keys }, print) {
    const [id, ...more] = read(words, {}, true).positionals;
    if (id === undefined || more.length > 0) throw refuse('id', 'name one key, ak_…');
    if (!(await keys.revoke(id as ApiKeyId))) throw refuse('id', `there is no key ${id}`);
    print(`${id} is revoked; its open connections end within 5 seconds`);
  },
  async export(words, { store }) {
    const { values } = read(words, {
      format: { type: 'string' },
      merchant: { type: 'string' },
      filter: { type: 'string', multiple: true },
      after: { type: 'string' },
      out: { type: 'string' },
    });
    const { format, merchant, filter = [], after, out } = values;
    if (merchant === undefined) throw refuse('merchant', 'whose payouts: --merchant me_…');
    const asked = parseExport([
      ...(format === undefined ? [] : [['format', format] as const]),
      ...(after === undefined ? [] : [['after', after] as const]),
      ...filter.map(parsePair),
    ]);
    const merchantId = merchant as MerchantId;
    if ((await store.merchant(merchantId)) === null) throw refuse('merchant', `there is no merchant ${merchant}`);
    const texts = exportPayouts(store, merchantId, asked);
    await (out === undefined ? writeOut(texts) : writeFile(texts, out, asked));
  },
  async 'data rotate'(words, { vault }, print) {
    read(words, {});
    let told = 0;
    try {
      const records = await vault.rotate((done) => {
        if (done < told + PROGRESS) return;
        told = done;
        print(`${done} records so far`);
      });
      print(`${records} records were encrypted anew, with the first of DATA_KEYS`);
    } catch (error) {
      if (!(error instanceof UnreadableRecordError)) throw error;
      throw new StartupError(`Not everything is under the first of DATA_KEYS: ${error.message}`, { cause: error });
    }
  },
  async restore(words, { store }, print) {
    const { over } = read(words, { over: { type: 'boolean' } }).values;
    await (over === true ? declareOver : declareOlder)(store, print);
  },
};

function parsePair(text: string): readonly [string, string] {
  const at = text.indexOf('=');
  if (at < 1) throw refuse('filter', `${text} is not of the form NAME=VALUE, e.g. states=COMPLETED,FAILED`);
  return [text.slice(0, at), text.slice(at + 1)];
}

/** To standard output, no faster than it is read. Whoever stops reading has had enough. */
async function writeOut(texts: AsyncIterable<string>): Promise<void> {
  const { stdout } = process;
  // Each write tells by itself how it went.
  stdout.on('error', () => undefined);
  await complete(texts, (text) => {
    return new Promise((resolve, reject) => stdout.write(text, (error) => (error ? reject(error) : resolve())));
  });
}

/** Into a file, for its owner alone: a new one in its place, or behind the lines of the export that is resumed. */
async function writeFile(texts: AsyncIterable<string>, path: string, { after }: ExportRequest): Promise<void> {
  let file: FileHandle;
  try {
    file = await open(path, after === null ? 'w' : 'a+', 0o600);
  } catch (error) {
    throw refuse('out', describeError(error));
  }
  try {
    const { size } = await file.stat();
    const end = size === 0 ? null : await file.read({ position: size - 1, length: 1 });
    if (end && end.buffer[0] !== NEWLINE) throw refuse('out', `${path} ends within a line: remove that one first`);
    await complete(texts, (text) => file.appendFile(text));
  } finally {
    await file.close();
  }
}

const NEWLINE = 0x0a;

async function complete(texts: AsyncIterable<string>, write: (text: string) => Promise<void>): Promise<void> {
  try {
    for await (const text of texts) await write(text);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : null;
    if (code === 'EPIPE') return;
    const mendable = error instanceof Error && (typeof code === 'string' || error.name.startsWith('Mongo'));
    if (!mendable) throw error;
    const hint = 'go on with --after and the cursor of its last whole line';
    throw new StartupError(`The export was broken off: ${describeError(error)}; ${hint}`, { cause: error });
  }
}

async function declareOlder(store: CommandParts['store'], print: Print): Promise<void> {
  const { generation, lostSince } = await store.restore();
  print(`This store was put back (${generation === 1 ? 'once' : `${generation} times`} so far).`);
  print(`What happened at the providers after ${lostSince.toISOString()} is not known to it. From its next start on,`);
  print('- each payout that is not over is asked about at its provider before anything of it is sent;');
  print('- so is each payout that is created, until you run: outflow restore --over');
  print('- cursors and positions given out before are refused, so that nobody misses an event unseen.');
  print('Keep the providers, their accounts and their order as they were until then: docs/operations.md says why.');
}

async function declareOver(store: CommandParts['store'], print: Print): Promise<void> {
  if (store.restored === null) throw refuse('over', 'this store was never put back: see outflow --help');
  await store.endRestore();
  print(
    'From the next start of each process on, payouts that are created are new. What was there before is still asked',
  );
  print('about at its provider before anything of it is sent.');
}

/** What `outflow batch import` was asked for. */
export interface ImportRequest extends Omit<ImportOptions, 'client'> {
  /** Null: where the server usually is. */
  readonly url: string | null;
}

/** Reads the words after `batch`. Throws InvalidArgumentError for what it cannot use. */
export function parseImport(words: string[]): ImportRequest {
  const { values, positionals } = read(
    words,
    { reference: { type: 'string' }, url: { type: 'string' }, 'dry-run': { type: 'boolean' } },
    true,
  );
  const [verb, path, ...more] = positionals;
  if (verb !== 'import') throw refuse('command', `there is no "batch ${verb ?? ''}"; see outflow --help`);
  if (path === undefined || more.length > 0) throw refuse('file', 'name one CSV file');
  const { reference, url } = values;
  if (reference === undefined) throw refuse('reference', 'say --reference REF: the same one again adds nothing twice');
  return { path, reference, url: url ?? null, dryRun: values['dry-run'] === true };
}

/** What `outflow migrate` was asked for. */
export interface Migration {
  /** The file of the embedded store. */
  readonly path: string;
  /** Null: the one of the configuration. */
  readonly url: string | null;
}

/** Reads the words after `migrate`. Throws InvalidArgumentError for what it cannot use. */
export function parseMigration(words: string[]): Migration {
  const { from, to } = read(words, { from: { type: 'string' }, to: { type: 'string' } }).values;
  const [, path] = /^sqlite:(.+)$/.exec(from ?? '') ?? [];
  if (path === undefined) throw refuse('from', 'say --from sqlite:PATH, as in sqlite:./data/outflow.db');
  return { path, url: to ?? null };
}

/** Moves a store, and prints how far it is and how both compare in the end. Rejects as `move` does. */
export async function migrate(source: Source, target: Target, print: Print): Promise<void> {
  let told = 0;
  const compared = await move(source, target, (doing, kind, done, total) => {
    const worthTelling = done === 0 || done === total || done >= told + PROGRESS;
    if (!worthTelling) return;
    told = done;
    print(`${nameOf(kind)}: ${done} of ${total} ${doing}`);
  });
  if (compared === null) return print('This store was moved there before; nothing was changed.');
  const width = Math.max(...compared.map((one) => nameOf(one.source.kind).length));
  print(`${'read again'.padEnd(width)}  ${'records'.padStart(10)}  hash, the same in both`);
  for (const { source: tally } of compared) {
    const name = nameOf(tally.kind).padEnd(width);
    print(`${name}  ${String(tally.count).padStart(10)}  ${tally.hash}`);
  }
  print('Everything was moved. From now on set MONGODB_URL for every process: the old file is not opened any more.');
}

/** Between two lines about something that goes on. */
const PROGRESS = 10_000;

const MERCHANT_ID = /^me_[0-9a-v]{26}$/;

type Options = NonNullable<NonNullable<Parameters<typeof parseArgs>[0]>['options']>;

function read<T extends Options>(words: string[], options: T, allowPositionals = false) {
  try {
    return parseArgs({ args: words, options, allowPositionals });
  } catch (error) {
    throw refuse('options', error instanceof Error ? error.message : String(error));
  }
}

function parseScope(text: string): Scope {
  const scope = SCOPES.find((one) => one === text);
  if (!scope) throw refuse('scope', `${text} is none of ${SCOPES.join(', ')}`);
  return scope;
}

function refuse(field: string, message: string): InvalidArgumentError {
  return new InvalidArgumentError([{ path: [field], message }]);
}
