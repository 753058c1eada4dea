import { parseArgs } from 'node:util';
import { InvalidArgumentError, StartupError } from './domain/errors.ts';
import { type ApiKeyId, type MerchantId, SCOPES, type Scope } from './domain/merchant.ts';
import type { Keys } from './keys.ts';
import { UnreadableRecordError, type Vault } from './vault.ts';

/** What a command prints, line by line. */
export type Print = (line: string) => void;

export const USAGE = `outflow serve                                  the API, and a worker, in one process
outflow worker                                 a worker alone
outflow sandbox                                the stand-in providers alone
outflow merchants create NAME
outflow merchants list
outflow keys create --merchant ID [--label TEXT] [--scope SCOPE ...]
outflow keys create --operator [--label TEXT] [--scope SCOPE ...]
outflow keys list [--merchant ID]
outflow keys revoke ID
outflow data rotate                            encrypts what is stored with the first of DATA_KEYS

Scopes: ${SCOPES.join(', ')}; all of them where none is named.
Everything else comes from the environment: see .env.example.`;

/** What commands work on. */
export interface CommandParts {
  readonly keys: Keys;
  readonly vault: Vault;
}

/**
 * A command with its words, ready to run. Rejects with InvalidArgumentError for options and ids that it cannot use, and
 * with StartupError where the configuration does not fit the store.
 */
export type ReadyCommand = (parts: CommandParts, print: Print) => Promise<void>;

/**
 * Finds a command on merchants, keys or data: `merchants create|list`, `keys create|list|revoke`, `data rotate`. Throws
 * InvalidArgumentError for one that there is not, so that a slip of the pen opens no store.
 */
export function parseCommand(words: readonly string[]): ReadyCommand {
  const [noun, verb, ...rest] = words;
  const command = COMMANDS[`${noun} ${verb}`];
  if (!command) throw refuse('command', `there is no "${words.join(' ')}"; see outflow --help`);
  return (parts, print) => command(rest, parts, print);
}

type Command = (words: string[], parts: CommandParts, print: Print) => Promise<void>;

const COMMANDS: Readonly<Record<string, Command>> = {
  async 'merchants create'(words, { keys }, print) {
    const name = read(words, {}, true).positionals.join(' ').trim();
    if (name === '' || name.length > 100) throw refuse('name', 'a merchant has a name of 1 to 100 characters');
    const merchant = await keys.createMerchant(name);
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
};

/** Between two lines about a rotation that goes on. */
const PROGRESS = 10_000;

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
