import { readFileSync } from 'node:fs';
import { isAbsolute, resolve } from 'node:path';
import { z } from 'zod';
import { StartupError } from './domain/errors.ts';
import type { Environment } from './domain/store.ts';
import type { AccountSettings, ProviderDefinition } from './providers/define.ts';

/** What the environment says, checked as a whole. It holds no secret that printing it would show. */
export interface Config {
  readonly environment: Environment;
  readonly host: string;
  readonly port: number;
  readonly dataDir: string;
  /** Where providers and clients reach us, without a slash at its end; null: nowhere, so that providers are polled. */
  readonly publicUrl: string | null;
  readonly graphiql: boolean;
  readonly corsOrigins: readonly string[];
  readonly logLevel: string;
  /** Sandbox mode alone: the port of the stand-in providers; 0: any free one. */
  readonly sandboxPort: number;
  /** By provider slug. None: the provider is off. In sandbox mode one that is not configured is the stand-in's own. */
  readonly accounts: ReadonlyMap<string, readonly ConfiguredAccount[]>;
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
  constructor(name: string, enabled: boolean, values: Readonly<Record<string, string>>) {
    this.name = name;
    this.enabled = enabled;
    this.configured = Object.keys(values).length > 0;
    this.#values = values;
  }
  /** The settings as a provider needs them, secrets included. */
  reveal(callbackUrl: string | null): AccountSettings {
    return { name: this.name, enabled: this.enabled, callbackUrl, values: this.#values };
  }
}

type Env = Readonly<Record<string, string | undefined>>;

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
  PUBLIC_URL: z.url({ protocol: /^https?$/ }).optional(),
  PROVIDERS_FILE: z.string().min(1).optional(),
  GRAPHIQL: flag.optional(),
  CORS_ORIGINS: z.string().default(''),
  LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
  SANDBOX_PORT: port.default(0),
});

const Accounts = z.strictObject({
  accounts: z.array(
    z.strictObject({
      provider: z.string(),
      name: z.string().regex(/^[a-z0-9-]{1,32}$/, 'a name is 1 to 32 of a-z 0-9 -'),
      enabled: z.boolean().default(true),
      settings: z.record(z.string(), z.union([z.string(), z.strictObject({ env: z.string() })])),
    }),
  ),
});

/**
 * Reads the environment, the only place that knows its names. Throws StartupError with every fault at once; no message
 * shows a value that may be secret.
 */
export function loadConfig(env: Env, definitions: readonly ProviderDefinition[]): Config {
  const set = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''));
  const general = General.safeParse(set);
  const faults: string[] = [];
  if (!general.success)
    faults.push(...general.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`));
  const live = set.OUTFLOW_MODE === 'live';
  const notices: string[] = [];
  const fromFile = typeof set.PROVIDERS_FILE === 'string' ? readFile(set.PROVIDERS_FILE, set, definitions, faults) : [];
  const accounts = new Map<string, readonly ConfiguredAccount[]>();
  for (const definition of definitions) {
    const own = fromFile.filter((entry) => entry.provider === definition.slug);
    const drafts = own.length > 0 ? own : fromEnvironment(definition, set, live, faults, notices);
    accounts.set(
      definition.slug,
      drafts.map((draft) => checkAccount(definition, draft, live, faults)),
    );
  }
  const publicUrl = general.data?.PUBLIC_URL?.replace(/\/+$/, '') ?? null;
  if (live && publicUrl?.startsWith('http:')) faults.push('PUBLIC_URL: must be https in live mode');
  if (live && publicUrl === null) notices.push('PUBLIC_URL is not set: no webhook reaches us, every payout is polled');
  if (faults.length > 0 || !general.success) {
    throw new StartupError(`The configuration has ${faults.length} fault(s):\n  ${faults.join('\n  ')}`);
  }
  const { HOST, PORT, DATA_DIR, GRAPHIQL, CORS_ORIGINS, LOG_LEVEL, SANDBOX_PORT } = general.data;
  return {
    environment: live ? 'LIVE' : 'SANDBOX',
    host: HOST,
    port: PORT,
    dataDir: isAbsolute(DATA_DIR) ? DATA_DIR : resolve(DATA_DIR),
    publicUrl: publicUrl ?? (live ? null : `http://${HOST.includes(':') ? `[${HOST}]` : HOST}:${PORT}`),
    graphiql: GRAPHIQL ?? (!live && set.NODE_ENV !== 'production'),
    corsOrigins: CORS_ORIGINS.split(',').flatMap((origin) => origin.trim() || []),
    logLevel: LOG_LEVEL,
    sandboxPort: SANDBOX_PORT,
    accounts,
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

type Settings = Readonly<Record<string, string | undefined>>;

/** The account `default` of a provider, from the environment; none in live mode where keys are missing. */
function fromEnvironment(
  definition: ProviderDefinition,
  env: Settings,
  live: boolean,
  faults: string[],
  notices: string[],
): readonly DraftAccount[] {
  const prefix = definition.slug.toUpperCase();
  const enabled = env[`${prefix}_ENABLED`] ?? 'true';
  if (enabled !== 'true' && enabled !== 'false') faults.push(`${prefix}_ENABLED: is true or false`);
  const settings = Object.entries(definition.settings);
  const given = settings.filter(([, setting]) => env[setting.env] !== undefined);
  const missing = settings.filter(([, setting]) => setting.fallback === null && env[setting.env] === undefined);
  const entry = (values: Record<string, string>): DraftAccount => ({
    provider: definition.slug,
    name: 'default',
    enabled: enabled === 'true',
    values,
    nameOf: (key) => definition.settings[key]?.env ?? key,
  });
  if (!live && given.length === 0) return [entry({})];
  if (missing.length > 0) {
    const names = missing.map(([, setting]) => setting.env).join(', ');
    if (live) notices.push(`${definition.name} is off: ${names} not set`);
    else faults.push(`${names}: needed beside the settings of ${definition.name} that are set`);
    return [];
  }
  return [
    entry(Object.fromEntries(settings.map(([key, setting]) => [key, env[setting.env] ?? setting.fallback ?? '']))),
  ];
}

function readFile(
  path: string,
  env: Settings,
  definitions: readonly ProviderDefinition[],
  faults: string[],
): readonly DraftAccount[] {
  let parsed: z.infer<typeof Accounts>;
  try {
    parsed = Accounts.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch (error) {
    const reason =
      error instanceof z.ZodError
        ? error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ')
        : 'it cannot be read as JSON';
    faults.push(`PROVIDERS_FILE: ${reason}`);
    return [];
  }
  return parsed.accounts.flatMap((account, index): DraftAccount[] => {
    const at = `PROVIDERS_FILE: accounts.${index}`;
    const definition = definitions.find((one) => one.id === account.provider);
    if (!definition) {
      faults.push(`${at}.provider: is none of ${definitions.map((one) => one.id).join(', ')}`);
      return [];
    }
    const values: Record<string, string> = {};
    for (const [key, setting] of Object.entries(definition.settings)) values[key] = setting.fallback ?? '';
    for (const [key, given] of Object.entries(account.settings)) {
      const value = typeof given === 'string' ? given : env[given.env];
      if (definition.settings[key] === undefined)
        faults.push(`${at}.settings.${key}: is not a setting of ${definition.name}`);
      else if (value === undefined) faults.push(`${at}.settings.${key}: its environment variable is not set`);
      else values[key] = value;
    }
    const { name, enabled } = account;
    return [{ provider: definition.slug, name, enabled, values, nameOf: (key) => `${at}.settings.${key}` }];
  });
}

function checkAccount(
  definition: ProviderDefinition,
  { name, enabled, values, nameOf }: DraftAccount,
  live: boolean,
  faults: string[],
): ConfiguredAccount {
  const account = new ConfiguredAccount(name, enabled, values);
  if (!account.configured) return account;
  for (const [key, setting] of Object.entries(definition.settings)) {
    const value = values[key] ?? '';
    if (value === '' && setting.fallback === null) faults.push(`${nameOf(key)}: is missing`);
    if (setting.kind !== 'url' || value === '') continue;
    if (!URL.canParse(value)) faults.push(`${nameOf(key)}: is not a URL`);
    else if (live && !value.startsWith('https:')) faults.push(`${nameOf(key)}: must be https in live mode`);
    // Every default refuses: rehearsing must never reach the real provider.
    else if (!live && value === setting.fallback)
      faults.push(`${nameOf(key)}: is the live host, and this is sandbox mode`);
  }
  return account;
}
