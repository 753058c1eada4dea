import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, existsSync, mkdirSync, openSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { connect, createServer, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { MongoClient } from 'mongodb';

/** A MongoDB server that tests may fill. */
export interface MongoServer {
  /** The URL of a database; the same name is the same database within this process, and nobody else's. */
  url(database: string): string;
  /** Where it comes from: `MONGODB_URL`, `secantusd-rs` or `secantusd-py`. */
  readonly kind: string;
}

/** A server that a test may kill. Its databases are in its folder, and are there again when it is. */
export interface OwnMongo extends MongoServer {
  readonly port: number;
  /** Ends it by SIGKILL; resolves once it is gone. */
  kill(): Promise<void>;
  /** Starts it again on its folder and port; resolves once it takes connections. Nothing happens where it runs. */
  start(): Promise<void>;
}

/** Where an own server lives. */
export interface OwnMongoOptions {
  readonly folder: string;
  readonly port: number;
}

/**
 * What is started where there is no real server: SecantusDB, which speaks MongoDB's protocol over WiredTiger. It is GPL-2.0:
 * a tool that tests start as a program of its own, never a dependency, and never a part of this repository. `npm run mongodb`
 * builds the fast one, in minutes; the other one is installed where it is needed, in seconds.
 */
const CACHE = join(import.meta.dirname, '../../.cache/mongodb');
const PACKAGE = 'SecantusDB==0.7.0b3';
const START_MS = 60_000;

const run = promisify(execFile);

/** How a server is called. */
interface Build {
  readonly kind: string;
  readonly command: readonly string[];
}

let shared: Promise<MongoServer | null> | null = null;

/**
 * The server of this process, the same at each call: the one of `MONGODB_URL`, with databases of fresh names that are dropped
 * at the end, else one of its own that ends with the process. Null, after one line on standard output, where there is none to be had;
 * with `CI` set it rejects instead.
 */
export function mongodb(): Promise<MongoServer | null> {
  shared ??= openShared();
  return shared;
}

async function openShared(): Promise<MongoServer | null> {
  const given = process.env.MONGODB_URL;
  if (given) return useGiven(given);
  const build = await findBuild();
  if (build === null) return null;
  const folder = await mkdtemp(join(tmpdir(), 'outflow-mongodb-'));
  const port = await findPort();
  await launch(build, { folder, port }, true);
  return { url: urlsAt(port), kind: build.kind };
}

/**
 * Starts a server of the caller's own, whatever `MONGODB_URL` says, on a folder that stays and may have been used before. It
 * ends with this process at the latest. Null and rejections as `mongodb` has them.
 */
export async function startMongo({ folder, port }: OwnMongoOptions): Promise<OwnMongo | null> {
  const build = await findBuild();
  if (build === null) return null;
  let running: ChildProcess | null = await launch(build, { folder, port }, false);
  return {
    url: urlsAt(port),
    kind: build.kind,
    port,
    async kill() {
      const ending = running;
      running = null;
      if (ending === null || ending.exitCode !== null || ending.signalCode !== null) return;
      const ended = once(ending, 'exit');
      // Until it is gone it keeps this process alive after all.
      ending.ref();
      ending.stdin?.destroy();
      await ended;
    },
    async start() {
      running ??= await launch(build, { folder, port }, false);
    },
  };
}

const urlsAt =
  (port: number): MongoServer['url'] =>
  (database) =>
    `mongodb://127.0.0.1:${port}/${database}`;

// --- a given server --------------------------------------------------------------------------------------------------------

const URL_PARTS = /^(mongodb(?:\+srv)?:\/\/)([^/?@]*@)?([^/?]+)(?:\/([^?]*))?(?:\?(.*))?$/;

function useGiven(given: string): MongoServer {
  const [, scheme, user = '', hosts, database = '', query = ''] = URL_PARTS.exec(given) ?? [];
  if (scheme === undefined || hosts === undefined) throw new Error('MONGODB_URL is no MongoDB URL');
  const options = new URLSearchParams(query);
  // Who logs in does so at the database of the URL, which is another one from now on.
  if (user !== '' && !options.has('authSource')) options.set('authSource', database || 'admin');
  const prefix = `outflow-test-${randomBytes(5).toString('hex')}-`;
  const used = new Set<string>();
  process.once('beforeExit', async () => {
    const client = new MongoClient(given);
    for (const name of used) await client.db(name).dropDatabase();
    await client.close();
  });
  return {
    url(name) {
      used.add(`${prefix}${name}`);
      return `${scheme}${user}${hosts}/${prefix}${name}${options.size > 0 ? `?${options}` : ''}`;
    },
    kind: 'MONGODB_URL',
  };
}

// --- finding a build -------------------------------------------------------------------------------------------------------

const NATIVE = join(CACHE, 'rs/bin/secantusd-rs');

/** Whether an own server bears what many processes ask of it: the one that is installed in seconds does not. */
export function isOwnServerFast(): boolean {
  return existsSync(NATIVE);
}

async function findBuild(): Promise<Build | null> {
  // By default it sets aside 128 MB for the log of an empty store.
  if (existsSync(NATIVE)) return { kind: 'secantusd-rs', command: [NATIVE, '--log-file-max', '32MB'] };
  const folder = join(CACHE, 'py');
  // Called through its interpreter: the script's own first line names the folder that it was installed in.
  const command = [join(folder, 'bin/python'), join(folder, 'bin/secantusd-py')];
  const fault = existsSync(folder) ? null : await install(folder);
  if (fault === null) return { kind: 'secantusd-py', command };
  const message = `MongoDB: no server to test with: MONGODB_URL is not set, and ${fault}`;
  if (process.env.CI) throw new Error(message);
  console.log(`${message}. Skipped.`);
  return null;
}

/** Installs the package; null, or why it cannot be. Several processes may do so at once: one of them wins. */
async function install(folder: string): Promise<string | null> {
  await mkdir(CACHE, { recursive: true });
  const own = await mkdtemp(`${folder}-`);
  try {
    await run('python3', ['-m', 'venv', own]);
    await run(join(own, 'bin/python'), ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', PACKAGE]);
    await rename(own, folder);
    return null;
  } catch (error) {
    if (existsSync(folder)) return null;
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return 'there is no python3';
    const text = error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error);
    return `${PACKAGE} cannot be installed: ${text.trim().split('\n').at(-1)}`;
  } finally {
    await rm(own, { recursive: true, force: true });
  }
}

// --- processes -------------------------------------------------------------------------------------------------------------

/**
 * Ends the server when its standard input ends, which the end of this process does too, however it comes. Signals to the whole
 * group, as Ctrl-C is one, reach it as well: it outlives them, since it has to tidy up behind this process.
 */
const KEEPER = `
  trap '' INT TERM HUP
  exec 3<&0
  forget=$1; shift
  "$@" </dev/null 3<&- &
  server=$!
  (cat <&3 >/dev/null; kill -9 $server) &
  keeper=$!
  wait $server
  status=$?
  kill -9 $keeper
  [ -z "$forget" ] || rm -rf "$forget"
  exit $status
`;

/** Starts a server and waits until it takes connections; its folder goes with it where `temporary`. Rejects where it ends. */
async function launch(
  { command }: Build,
  { folder, port }: OwnMongoOptions,
  temporary: boolean,
): Promise<ChildProcess> {
  mkdirSync(folder, { recursive: true });
  // What goes with its server need not outlive it: only a server that may be killed waits for the disk at each write.
  const durable = temporary ? [] : ['--sync-on-commit'];
  const flags = ['--port', String(port), '--storage-path', join(folder, 'data'), ...durable];
  const words = [temporary ? folder : '', ...command, ...flags, '--log-level', 'WARNING'];
  const path = join(folder, 'server.log');
  const output = openSync(path, 'a');
  const child = spawn('sh', ['-c', KEEPER, 'sh', ...words], { stdio: ['pipe', output, output] });
  closeSync(output);
  child.stdin?.on('error', () => undefined);
  for (const deadline = Date.now() + START_MS; !(await answers(port)); await delay(20)) {
    if (child.exitCode === null && child.signalCode === null && Date.now() < deadline) continue;
    const told = await readFile(path, 'utf8').catch(() => '');
    child.stdin?.destroy();
    throw new Error(`the MongoDB server does not start: ${told.trim().slice(-500)}`);
  }
  // It must not keep alive the process that it is meant to end with.
  child.unref();
  if (child.stdin instanceof Socket) child.stdin.unref();
  return child;
}

async function answers(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** A port that is free now, below those that the system hands out by itself. */
async function findPort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    const probe = createServer().listen(port, '127.0.0.1');
    try {
      await once(probe, 'listening');
    } catch {
      continue;
    }
    probe.close();
    await once(probe, 'close');
    return port;
  }
}
