import { createSecretKey, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isAbsolute, resolve } from 'node:path';
import { z } from 'zod';
import { readMinimumBalances, readRouting } from './config-routing.ts';
import { StartupError } from './domain/errors.ts';
import type { Environment } from './domain/store.ts';
import type { MinimumBalance } from './market.ts';
import type { AccountSettings, ProviderDefinition, Setting } from './providers/define.ts';
import type { RoutingPolicy } from './routing.ts';

/** What the environment says, checked as a whole. It holds no secret that printing it would show. */
export interface Config {
  readonly environment: Environment;
  readonly host: string;
  readonly port: number;
  readonly dataDir: string;
  /** The database that this process shares with others; null: SQLite in `dataDir`, for one process. */
  readonly mongodb: MongodbUrl | null;
  /** Where providers and clients reach us, without a slash at its end; null: nowhere, so that providers are polled. */
  readonly publicUrl: string | null;
  readonly graphiql: boolean;
  readonly corsOrigins: readonly string[];
  readonly logLevel: string;
  /** Sandbox mode alone: the port of the stand-in providers; 0: any free one. */
  readonly sandboxPort: number;
  /** The address that `outflow sandbox` listens at. The stand-in inside a process is on loopback whatever this says. */
  readonly sandboxHost: string;
  /** Sandbox mode alone: where the stand-in that all processes share is, without a slash at its end; null: in this process. */
  readonly sandboxUrl: string | null;
  /** By provider slug. None: the provider is off. In sandbox mode one that is not configured is the stand-in's own. */
  readonly accounts: ReadonlyMap<string, readonly ConfiguredAccount[]>;
  /** What personal data is encrypted with. In sandbox mode there may be none: the store makes its own. */
  readonly dataKeys: DataKeys;
  /** How payouts go that name no provider. */
  readonly routing: RoutingPolicy;
  /** What is wanted at providers at least. */
  readonly minimumBalances: readonly MinimumBalance[];
  /** What is off, and why, one line each. */
  readonly notices: readonly string[];
}

/** An account whose settings show themselves to `reveal` alone. */
export class ConfiguredAccount {
  readonly name: string;
  readonly enabled: boolean;
  /** False in sandbox mode where nothing was set: the stand-in knows the settings. */
  readonly configured: boolean;
  readonly #values: Readonly<Record<string, string>>;
  constructor(name: string, enabled: boolean, configured: boolean, values: Readonly<Record<string, string>>) {
    this.name = name;
    this.enabled = enabled;
    this.configured = configured;
    this.#values = values;
  }
  /** The settings as a provider needs them, secrets included. */
  reveal(callbackUrl: string | null): AccountSettings {
    return { name: this.name, enabled: this.enabled, callbackUrl, values: this.#values };
  }
}

interface DataKey {
  readonly id: string;
  /** 32 bytes. */
  readonly key: KeyObject;
}

/** Keys that show themselves to `reveal` alone. */
export class DataKeys {
  readonly #keys: readonly DataKey[];
  constructor(keys: readonly DataKey[]) {
    this.#keys = keys;
  }
  /** The first encrypts, all decrypt. */
  reveal(): readonly DataKey[] {
    return this.#keys;
  }
}

/** A connection string, which may hold a password: it shows itself to `reveal` alone. */
export class MongodbUrl {
  readonly #url: string;
  constructor(url: string) {
    this.#url = url;
  }
  /** As the driver takes it. */
  reveal(): string {
    return this.#url;
  }
}

type Env = Readonly<Record<string, string | undefined>>;
/** The value of an environment name; what is set to nothing is not set. */
type Read = (name: string) => string | undefined;

const flag = z.enum(['true', 'false']).transform((text) => text === 'true');
const port = z
  .string()
  .regex(/^[0-9]{1,5}$/, 'a port is a number')
  .transform(Number)
  .refine((value) => value <= 65_535, 'a port is at most 65535');

const General = z.object({
  OUTFLOW_MODE: z.enum(['sandbox', 'live']).default('sandbox'),
  HOST: z.string().min(1).default('127.0.0.1'),
  PORT: port.refine((value) => value > 0, 'a port is at least 1').default(4000),
  DATA_DIR: z.string().min(1).default('./data'),
  PUBLIC_URL: z.string().optional(),
  PROVIDERS_FILE: z.string().min(1).optional(),
  GRAPHIQL: flag.optional(),
  CORS_ORIGINS: z.string().default(''),
  LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
  SANDBOX_PORT: port.default(0),
  SANDBOX_HOST: z.string().min(1).default('127.0.0.1'),
});

// An environment name that cannot be mistaken for a secret may be shown in a message.
const Reference = z.strictObject({ env: z.string().regex(/^[A-Z][A-Z0-9_]{0,63}$/, 'is a name of A-Z 0-9 _') });

const Accounts = z.strictObject({
  accounts: z.array(
    z.strictObject({
      provider: z.string(),
      name: z.string().regex(/^[a-z0-9-]{1,32}$/, 'a name is 1 to 32 of a-z 0-9 -'),
      enabled: z.boolean().default(true),
      settings: z.record(z.string(), z.union([z.string(), Reference], 'is text or {"env": "NAME"}')),
    }),
  ),
});

/**
 * Reads the environment, the only place that knows its names. Throws StartupError with every fault at once; no message
 * shows a value that may be secret.
 */
export function loadConfig(env: Env, definitions: readonly ProviderDefinition[]): Config {
  const read: Read = (name) => env[name] || undefined;
  const general = General.safeParse(Object.fromEntries(Object.keys(General.shape).map((name) => [name, read(name)])));
  const faults = general.success ? [] : listIssues(general.error);
  const notices: string[] = [];
  const live = read('OUTFLOW_MODE') === 'live';
  const file = read('PROVIDERS_FILE');
  const fromFile = file === undefined ? [] : readAccounts(file, read, definitions, faults);
  const accounts = new Map<string, readonly ConfiguredAccount[]>();
  for (const definition of definitions) {
    const own = fromFile.filter((entry) => entry.provider === definition.slug);
    const drafts = own.length > 0 ? own : fromEnvironment(definition, read, live, faults, notices);
    const on = isSwitchedOn(definition, read, faults);
    accounts.set(
      definition.slug,
      drafts.map((draft) => checkAccount(definition, { ...draft, enabled: draft.enabled && on }, live, faults)),
    );
  }
  const dataKeys = readDataKeys(read('DATA_KEYS'), live, faults);
  const mongodb = readMongodbUrl(read('MONGODB_URL'), faults);
  const sandboxUrl = readSandboxUrl(read('SANDBOX_URL'), live, faults);
  const publicUrl = readPublicUrl(read('PUBLIC_URL'), live, faults);
  const ids = definitions.map(({ id }) => id);
  const routing = readRouting(read('ROUTING'), ids, faults);
  const minimumBalances = readMinimumBalances(read('MINIMUM_BALANCES'), ids, faults);
  if (live && publicUrl === null) notices.push('PUBLIC_URL is not set: no webhook reaches us, every payout is polled');
  if (faults.length > 0 || !general.success) {
    throw new StartupError(`The configuration has ${faults.length} fault(s):\n  ${faults.join('\n  ')}`);
  }
  const { HOST, PORT, DATA_DIR, GRAPHIQL, CORS_ORIGINS, LOG_LEVEL, SANDBOX_PORT, SANDBOX_HOST } = general.data;
  return {
    environment: live ? 'LIVE' : 'SANDBOX',
    host: HOST,
    port: PORT,
    dataDir: isAbsolute(DATA_DIR) ? DATA_DIR : resolve(DATA_DIR),
    mongodb,
    publicUrl: publicUrl ?? (live ? null : `http://${HOST.includes(':') ? `[${HOST}]` : HOST}:${PORT}`),
    graphiql: GRAPHIQL ?? (!live && read('NODE_ENV') !== 'production'),
    corsOrigins: CORS_ORIGINS.split(',').flatMap((origin) => origin.trim() || []),
    logLevel: LOG_LEVEL,
    sandboxPort: SANDBOX_PORT,
    sandboxHost: SANDBOX_HOST,
    sandboxUrl,
    accounts,
    dataKeys: new DataKeys(dataKeys),
    routing,
    minimumBalances,
    notices,
  };
}

/** An account as it was written down, before its provider's settings are checked. */
interface DraftAccount {
  readonly provider: string;
  readonly name: string;
  readonly enabled: boolean;
  readonly values: Readonly<Record<string, string>>;
  /** How a setting is called where the account was written down. */
  readonly nameOf: (key: string) => string;
}

/** False: no account of the provider takes a new payout, wherever its accounts are written down. */
function isSwitchedOn(definition: ProviderDefinition, read: Read, faults: string[]): boolean {
  const name = `${definition.slug.toUpperCase()}_ENABLED`;
  const text = read(name) ?? 'true';
  if (text !== 'true' && text !== 'false') faults.push(`${name}: is true or false`);
  return text !== 'false';
}

/** The account `default` of a provider, from the environment; none in live mode where keys are missing. */
function fromEnvironment(
  definition: ProviderDefinition,
  read: Read,
  live: boolean,
  faults: string[],
  notices: string[],
): readonly DraftAccount[] {
  const settings = Object.entries(definition.settings);
  const given = settings.filter(([, setting]) => read(setting.env) !== undefined);
  // A flag says how an account is used, not which one it is: the stand-in's has it too.
  const flags = given.filter(([, setting]) => setting.kind === 'flag');
  const missing = settings.filter(([, setting]) => setting.fallback === null && read(setting.env) === undefined);
  const entry = (values: Record<string, string>): DraftAccount => ({
    provider: definition.slug,
    name: 'default',
    enabled: true,
    values,
    nameOf: (key) => definition.settings[key]?.env ?? key,
  });
  if (!live && given.length === flags.length) {
    return [entry(Object.fromEntries(flags.map(([key, setting]) => [key, read(setting.env) ?? ''])))];
  }
  if (missing.length > 0) {
    const names = missing.map(([, setting]) => setting.env).join(', ');
    if (live) notices.push(`${definition.name} is off: ${names} not set`);
    else faults.push(`${names}: needed beside the settings of ${definition.name} that are set`);
    return [];
  }
  return [
    entry(Object.fromEntries(settings.map(([key, setting]) => [key, read(setting.env) ?? setting.fallback ?? '']))),
  ];
}

/** The accounts of PROVIDERS_FILE; none where it cannot be used. */
function readAccounts(
  path: string,
  read: Read,
  definitions: readonly ProviderDefinition[],
  faults: string[],
): readonly DraftAccount[] {
  const parsed = parseAccounts(path, faults);
  return parsed.flatMap((account, index): DraftAccount[] => {
    const at = `PROVIDERS_FILE: accounts.${index}`;
    const definition = definitions.find((one) => one.id === account.provider);
    if (!definition) {
      faults.push(`${at}.provider: is none of ${definitions.map((one) => one.id).join(', ')}`);
      return [];
    }
    const { provider, name, enabled } = account;
    if (parsed.findIndex((one) => one.provider === provider && one.name === name) < index)
      faults.push(`${at}.name: is the name of another account of ${definition.name}`);
    const values: Record<string, string> = {};
    for (const [key, setting] of Object.entries(definition.settings)) values[key] = setting.fallback ?? '';
    for (const [key, given] of Object.entries(account.settings)) {
      const value = typeof given === 'string' ? given : read(given.env);
      if (!Object.hasOwn(definition.settings, key))
        faults.push(`${at}.settings.${key}: is not a setting of ${definition.name}`);
      else if (value === undefined && typeof given !== 'string')
        faults.push(`${at}.settings.${key}: ${given.env} is not set`);
      else if (value) values[key] = value;
    }
    return [{ provider: definition.slug, name, enabled, values, nameOf: (key) => `${at}.settings.${key}` }];
  });
}

function parseAccounts(path: string, faults: string[]): z.infer<typeof Accounts>['accounts'] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? ` (${error.code})` : '';
    faults.push(`PROVIDERS_FILE: ${path} cannot be read${code}`);
    return [];
  }
  try {
    const parsed = Accounts.safeParse(JSON.parse(text));
    if (parsed.success) return parsed.data.accounts;
    faults.push(...listIssues(parsed.error).map((line) => `PROVIDERS_FILE: ${line}`));
  } catch {
    // What the parser says quotes the text, which may hold secrets.
    faults.push(`PROVIDERS_FILE: ${path} is not JSON`);
  }
  return [];
}

/** No message of zod shows the value that it is about. */
function listIssues(error: z.ZodError): string[] {
  return error.issues.map(({ path, message }) => [...(path.length > 0 ? [path.join('.')] : []), message].join(': '));
}

function checkAccount(
  definition: ProviderDefinition,
  { name, enabled, values, nameOf }: DraftAccount,
  live: boolean,
  faults: string[],
): ConfiguredAccount {
  const settings = Object.entries(definition.settings);
  const configured = settings.some(([key, { kind }]) => kind !== 'flag' && values[key] !== undefined);
  const account = new ConfiguredAccount(name, enabled, configured, values);
  for (const [key, setting] of settings) {
    if (!configured && values[key] === undefined) continue;
    const fault = faultOf(values[key] ?? '', setting, live);
    if (fault !== null) faults.push(`${nameOf(key)}: ${fault}`);
  }
  return account;
}

/** A private key as tools write it, with line breaks. */
const PEM = /^-----BEGIN [A-Z ]+-----\s[A-Za-z0-9+/=\s]+-----END [A-Z ]+-----\s*$/;

/** What is wrong with the value of a setting, without showing it; null: nothing. */
function faultOf(value: string, { kind, fallback }: Setting, live: boolean): string | null {
  if (value === '') return fallback === null ? 'is missing' : null;
  // Other values travel in HTTP headers, which a line break would end; a space at an end was copied along.
  if (kind === 'secret' && PEM.test(value)) return null;
  if (!/^[\x20-\x7e]+$/.test(value) || value !== value.trim())
    return 'has a space at an end, or a character that is not printable ASCII';
  if (kind === 'flag' && value !== 'true' && value !== 'false') return 'is true or false';
  if (kind !== 'url') return null;
  const fault = faultOfUrl(value, live);
  if (fault !== null) return fault;
  // Rehearsing must never reach the real provider, and every default does.
  if (!live && fallback && hostOf(value) === hostOf(fallback))
    return 'leads to the live provider, as its default does, and this is sandbox mode';
  return null;
}

function faultOfUrl(text: string, live: boolean): string | null {
  if (!URL.canParse(text)) return 'is not a URL';
  const { protocol, username, password } = new URL(text);
  if (live && protocol !== 'https:') return 'must be https in live mode';
  if (protocol !== 'https:' && protocol !== 'http:') return 'must be an http or https URL';
  if (username || password || /[?#]/.test(text)) return 'must be a URL without user, query and fragment';
  return null;
}

function hostOf(url: string): string {
  return new URL(url).hostname.replace(/\.$/, '');
}

/** Without a slash at its end; null where there is none, or it cannot be used. */
function readPublicUrl(text: string | undefined, live: boolean, faults: string[]): string | null {
  if (text === undefined) return null;
  const fault = faultOfUrl(text, live);
  if (fault === null) return new URL(text).href.replace(/\/+$/, '');
  faults.push(`PUBLIC_URL: ${fault}`);
  return null;
}

/** Without a slash at its end; null where there is none, or it cannot be used. */
function readSandboxUrl(text: string | undefined, live: boolean, faults: string[]): string | null {
  if (text === undefined) return null;
  const fault = live ? 'there is no sandbox in live mode' : faultOfUrl(text, live);
  if (fault !== null) faults.push(`SANDBOX_URL: ${fault}`);
  else if (!/^http:\/\/[^/]+\/?$/.test(text)) faults.push('SANDBOX_URL: must be http://HOST:PORT, without a path');
  else return new URL(text).origin;
  return null;
}

/**
 * What the driver would say later in words of its own, and sometimes with the URL in them. Source: MongoDB's "Connection
 * Strings": hosts with commas between them, of mongodb+srv one without a port; a database has no / \ . " $ or space in it.
 */
const MONGODB_URL = (() => {
  const user = '(?:[^\\s@/?#]+@)?';
  const host = '(?:[A-Za-z0-9._-]+|\\[[0-9A-Fa-f:.]+\\])';
  const port = '(?::[0-9]{1,5})?';
  const rest = '(?:/(?:[^\\s/\\\\."$?#]{1,63})?)?(?:\\?[^\\s#]*)?';
  return new RegExp(`^(?:mongodb://${user}${host}${port}(?:,${host}${port})*|mongodb\\+srv://${user}${host})${rest}$`);
})();

function readMongodbUrl(text: string | undefined, faults: string[]): MongodbUrl | null {
  if (text === undefined) return null;
  if (MONGODB_URL.test(text)) return new MongodbUrl(text);
  faults.push(
    'MONGODB_URL: is not mongodb://HOST:PORT/DATABASE or mongodb+srv://HOST/DATABASE; signs in a password are written as %XX',
  );
  return null;
}

/** The sandbox's own key has this id. */
const RESERVED_KEY_ID = 'store';

/** Empty where there are none. A fault names an entry by its place alone: what stands where an id belongs may be a key. */
function readDataKeys(text: string | undefined, live: boolean, faults: string[]): readonly DataKey[] {
  if (text === undefined) {
    if (live)
      faults.push(
        'DATA_KEYS: is needed in live mode: an id, a colon, and 32 random bytes as openssl rand -base64 32 prints',
      );
    return [];
  }
  const keys: DataKey[] = [];
  for (const [index, entry] of text.split(',').entries()) {
    const [, id, encoded = ''] = /^([^:]*):(.*)$/s.exec(entry.trim()) ?? [];
    const bytes = Buffer.from(encoded, 'base64');
    const key = { id: id ?? '', key: createSecretKey(bytes) };
    const fault = faultOfKey(key, bytes.toString('base64') === encoded, keys);
    if (fault === null) keys.push(key);
    else faults.push(`DATA_KEYS: key ${index + 1}: ${fault}`);
  }
  return keys;
}

function faultOfKey({ id, key }: DataKey, exact: boolean, others: readonly DataKey[]): string | null {
  if (!/^[a-z0-9-]{1,32}$/.test(id)) return 'is not ID:KEY, with an id of 1 to 32 of a-z 0-9 -';
  if (id === RESERVED_KEY_ID) return `has the id of the sandbox's own key, ${RESERVED_KEY_ID}`;
  if (!exact || key.symmetricKeySize !== 32) return 'is not 32 bytes in base64, as openssl rand -base64 32 prints them';
  if (others.some((other) => other.id === id)) return 'has the id of another one';
  return others.some((other) => other.key.equals(key)) ? 'is another one under a second id' : null;
}
