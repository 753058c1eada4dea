import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, type TestContext } from 'node:test';

export const root = join(import.meta.dirname, '../..');

/** Programs share what they compiled, which halves the time that each takes to start. */
const compiled = mkdtempSync(join(tmpdir(), 'outflow-compiled-'));
after(() => rmSync(compiled, { recursive: true }));

/** A running process. */
export interface Program {
  /** What it wrote to standard output so far. */
  output(): string;
  /** What it wrote to standard error so far. */
  errors(): string;
  /** The first match in its standard output, once there is one. Rejects where the program ends before. */
  until(pattern: RegExp): Promise<RegExpExecArray>;
  signal(name: NodeJS.Signals): void;
  /** Its exit code, once all that it wrote was read; null where a signal ended it. */
  readonly ended: Promise<number | null>;
}

/** A folder and a port of its own for what a test runs. */
export interface Place {
  readonly dir: string;
  /** `DATA_DIR` and a free `PORT`. */
  readonly env: Readonly<Record<string, string>>;
  /** Starts `outflow …` with these variables and no others of this process's but PATH. */
  outflow(words: readonly string[], env?: Readonly<Record<string, string>>): Program;
  /** Starts any program in the same way. */
  run(file: string, words: readonly string[], env?: Readonly<Record<string, string>>): Program;
}

/** Makes a place; when the test is over, what still runs there is killed and the folder removed. */
export async function openPlace(t: TestContext): Promise<Place> {
  const dir = mkdtempSync(join(tmpdir(), 'outflow-process-'));
  const programs: Program[] = [];
  t.after(async () => {
    for (const program of programs) program.signal('SIGKILL');
    await Promise.all(programs.map((program) => program.ended));
    rmSync(dir, { recursive: true });
  });
  const env = { DATA_DIR: join(dir, 'data'), PORT: String(await freePort()) };
  const place: Place = {
    dir,
    env,
    outflow: (words, more) => place.run(process.execPath, [join(root, 'bin/outflow.js'), ...words], more),
    run(file, words, more = {}) {
      const { PATH = '' } = process.env;
      const program = watchProgram(
        spawn(file, words, { cwd: dir, env: { PATH, NODE_COMPILE_CACHE: compiled, ...env, ...more } }),
      );
      programs.push(program);
      return program;
    },
  };
  return place;
}

function watchProgram(child: ChildProcess): Program {
  const text = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (chunk: string) => {
      text[name] += chunk;
    });
  }
  let over = false;
  const ended = once(child, 'close').then(([code]): number | null => {
    over = true;
    return code;
  });
  return {
    output: () => text.stdout,
    errors: () => text.stderr,
    async until(pattern) {
      for (;;) {
        const match = pattern.exec(text.stdout);
        if (match) return match;
        if (over || child.stdout === null)
          throw new Error(`it ended without ${pattern}:\n${text.stdout}\n${text.stderr}`);
        await Promise.race([once(child.stdout, 'data'), ended]);
      }
    },
    signal: (name) => void child.kill(name),
    ended,
  };
}

/** A port that nobody listens at just now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}
