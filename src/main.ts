import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { migrate, parseCommand, parseImport, parseMigration, type ReadyCommand, USAGE } from './commands.ts';
import { compose, openStore, openVault, type Parts, type Runtime } from './compose.ts';
import { type Config, loadConfig } from './config.ts';
import { findClient } from './config-client.ts';
import { InvalidArgumentError, StartupError } from './domain/errors.ts';
import type { Store } from './domain/store.ts';
import { importBatch } from './import.ts';
import { createView } from './import-view.ts';
import { createKeys } from './keys.ts';
import { definitions } from './providers/index.ts';
import { type Clock, createIds, createLog, describeError, systemClock, withDeadline } from './runtime.ts';
import { openServer, type Server } from './server.ts';

/** What a running command is closed by. */
interface Running {
  close(): Promise<void>;
}

type Start = (config: Config, runtime: Runtime) => Promise<Running>;

const STARTS: ReadonlyMap<string, Start> = new Map([
  ['serve', serve],
  ['worker', work],
  ['sandbox', standIn],
]);

const print = (line: string): void => console.log(line);

async function main(words: readonly string[]): Promise<void> {
  const [command = '--help', ...more] = words;
  if (/^(-h|(--)?help)$/.test(command)) return print(USAGE);
  if (command === 'migrate') return moveStore(more);
  if (command === 'batch') return importFile(more);
  const start = STARTS.get(command);
  if (start === undefined) return runOnce(parseCommand(words));
  if (more.length === 0) return runUntilStopped(start);
  throw new StartupError(`outflow ${command} takes no arguments: its settings come from the environment`);
}

function prepare(
  more: Readonly<Record<string, string>> = {},
  output: 'stdout' | 'stderr' = 'stdout',
): { readonly config: Config; readonly runtime: Runtime } {
  const config = loadConfig({ ...process.env, ...more }, definitions);
  const log = createLog(config.logLevel, output);
  return { config, runtime: { clock: systemClock, ids: createIds(systemClock), log } };
}

async function runOnce(command: ReadyCommand): Promise<void> {
  // What a command prints may be a file to somebody: no line of the log belongs into it.
  const { config, runtime } = prepare({}, 'stderr');
  const store = await openStore(config, runtime, false);
  const keys = createKeys({ store, ...runtime });
  try {
    await command({ keys, vault: openVault(config, store, runtime), store }, print);
  } finally {
    keys.close();
    await store.close();
  }
}

/** A client of a server that runs, here or elsewhere: it opens no store. The exit code is 1 where a line was bad. */
async function importFile(words: string[]): Promise<void> {
  const { url, ...options } = parseImport(words);
  const client = findClient(process.env, url);
  const { bad } = await importBatch({ ...options, client }, createView(print, process.stderr));
  if (bad > 0) process.exitCode = 1;
}

/** Opens two stores instead of the one of the configuration. */
async function moveStore(words: string[]): Promise<void> {
  const { path, url } = parseMigration(words);
  const { config, runtime } = prepare(url === null ? {} : { MONGODB_URL: url });
  const { environment, mongodb } = config;
  if (mongodb === null) throw new StartupError('Name the database: --to URL, or MONGODB_URL');
  const [{ openSqliteSource }, { openMongoTarget }] = await Promise.all([
    import('./storage/sqlite-archive.ts'),
    import('./storage/mongo/archive.ts'),
  ]);
  const options = { now: runtime.clock.now, random: runtime.ids.bytes };
  const source = openSqliteSource({ ...options, path, environment });
  try {
    const target = await openMongoTarget({ ...options, url: mongodb.reveal() });
    await migrate(source, target, print).finally(() => target.close());
  } catch (error) {
    // What the driver says of a server that went away needs no stack.
    if (!(error instanceof Error && error.name.startsWith('Mongo'))) throw error;
    throw new StartupError(`The move was broken off: run it again. ${describeError(error)}`, { cause: error });
  } finally {
    source.close();
  }
}

/** Runs until SIGTERM or SIGINT, and closes in good order; a second signal ends the process at once. */
async function runUntilStopped(start: Start): Promise<void> {
  const { config, runtime } = prepare();
  // Heard from the beginning: a signal that comes during the start closes what the start opened.
  const signal = awaitSignal();
  // A worker sleeps on timers that keep no process alive.
  const alive = setInterval(() => undefined, 2 ** 30);
  const running = await start(config, runtime);
  runtime.log.info({ signal: await signal }, 'stopping');
  await running.close();
  clearInterval(alive);
  runtime.log.info({}, 'stopped');
  process.exit(0);
}

function awaitSignal(): Promise<string> {
  return new Promise((resolve) => {
    let heard = false;
    const hear = (name: string): void => {
      if (heard) process.exit(1);
      heard = true;
      resolve(name);
    };
    process.on('SIGTERM', hear).on('SIGINT', hear);
  });
}

async function serve(config: Config, runtime: Runtime): Promise<Running> {
  for (const notice of config.notices) runtime.log.warn({}, notice);
  const parts = await compose(config, runtime);
  let server: Server;
  try {
    server = await openServer({
      services: parts,
      keys: parts.keys,
      inbound: parts.inbound,
      ready: createReadiness(parts.store, runtime.clock),
      ...runtime,
      host: config.host,
      port: config.port,
      graphiql: config.graphiql,
      corsOrigins: config.corsOrigins,
    });
  } catch (error) {
    await parts.close();
    throw error;
  }
  parts.worker.start();
  if (config.environment === 'SANDBOX') await greet(config, parts, server);
  runtime.log.info({ url: server.url, environment: config.environment }, 'serving');
  return {
    async close() {
      // No new leases first; then callers are sent away, while the calls in flight still get their answers.
      const stopped = parts.worker.stop();
      await server.close();
      await stopped;
      await parts.close();
    },
  };
}

/** Whoever asks whether a server is ready waits no longer than this. */
const READY_MS = 3000;

/** Asks the store, one question at a time; rejects where it says no, or nothing for three seconds. */
function createReadiness(store: Store, clock: Clock): () => Promise<void> {
  let asked: Promise<void> | null = null;
  return () =>
    withDeadline(clock, READY_MS, (signal) => {
      asked ??= store.ping().finally(() => {
        asked = null;
      });
      const silence = new Promise<never>((_, reject) => {
        signal.addEventListener('abort', () => reject(new Error('the store is silent')));
      });
      return Promise.race([asked, silence]);
    });
}

async function work(config: Config, runtime: Runtime): Promise<Running> {
  for (const notice of config.notices) runtime.log.warn({}, notice);
  const parts = await compose(config, runtime);
  parts.worker.start();
  runtime.log.info({ environment: config.environment }, 'working');
  return parts;
}

async function standIn(config: Config, runtime: Runtime): Promise<Running> {
  if (config.environment === 'LIVE') throw new StartupError('There is no sandbox in live mode.');
  const [{ openSandbox }, { sides }] = await Promise.all([import('./sandbox.ts'), import('./providers/sandboxes.ts')]);
  const dir = join(config.dataDir, 'sandbox');
  const sandbox = await openSandbox({ ...runtime, port: config.sandboxPort, host: config.sandboxHost, sides, dir });
  for (const definition of definitions) {
    const values = sandbox.credentials(definition.slug);
    for (const [key, { env, kind }] of Object.entries(definition.settings)) {
      // How an account is used is not the stand-in's to say, and what it does not set has a default.
      if (kind !== 'flag' && values[key]) print(`${env}=${values[key]}`);
    }
  }
  return sandbox;
}

/** A demo merchant with a key that stays the same, also in another process on the same store, and something to paste. */
async function greet(config: Config, { keys, standIn }: Parts, { url, webSocketUrl }: Server): Promise<void> {
  mkdirSync(config.dataDir, { recursive: true });
  const path = join(config.dataDir, 'demo.json');
  const known = readDemoKey(path);
  const viewer = known === null ? null : await keys.authenticate(known);
  const apiKey = known !== null && viewer !== null ? known : await keys.demoKey();
  writeFileSync(path, `${JSON.stringify({ url: `${url}/graphql`, webSocketUrl, apiKey }, null, 2)}\n`, { mode: 0o600 });

  const query = `mutation { createPayout(input: { reference: \\"demo-1\\", amount: { amount: \\"25\\", currency: \\"USDT\\" }, destination: { blockchain: { address: \\"TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t\\", network: \\"TRON\\" } } }) { __typename ... on CreatePayoutSuccess { replayed payout { id state } } ... on Error { code message } } }`;
  const watch = `subscription { payoutEvents { sequence state note payout { reference } } }`;
  const key = `-H 'Authorization: Bearer ${apiKey}' -H 'Content-Type: application/json'`;
  print(`
Outflow is running in sandbox mode${standIn ? ', on stand-in providers: no money moves' : ''}.

  GraphQL        ${url}/graphql${config.graphiql ? '   (open it in a browser for GraphiQL)' : ''}
  Subscriptions  ${webSocketUrl}
  Demo API key   ${apiKey}

Watch every payout of the demo merchant, in one terminal:

curl -sN ${url}/graphql ${key} -H 'Accept: text/event-stream' -d '{"query":"${watch}"}'

Create one, in another:

curl -s ${url}/graphql ${key} -d '{"query":"${query}"}'

More to paste, a payout through each provider: docs/providers.md
`);
}

function readDemoKey(path: string): string | null {
  try {
    const { apiKey } = JSON.parse(readFileSync(path, 'utf8')) as { apiKey?: unknown };
    return typeof apiKey === 'string' ? apiKey : null;
  } catch {
    return null;
  }
}

/** What an operator can mend takes one line; anything else keeps its stack. */
function explain(error: unknown): unknown {
  if (error instanceof InvalidArgumentError) {
    return error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('\n');
  }
  if (error instanceof StartupError) return error.message;
  if (!(error instanceof Error && 'syscall' in error && error.syscall === 'listen')) return error;
  return `Outflow cannot ${error.message}: set PORT, or SANDBOX_PORT for the stand-in providers, to a free one`;
}

main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(explain(error));
  process.exit(1);
});
