import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { createContext, runInContext, Script } from 'node:vm';
import { parse } from 'yaml';
import { type Config, loadConfig } from '../src/config.ts';
import { definitions } from '../src/providers/index.ts';
import { openPlace, root } from './support/program.ts';

/** As much of a service as these tests are about. */
interface Service {
  readonly image: string;
  readonly build?: string;
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly env_file?: readonly { readonly path: string; readonly required: boolean }[];
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly healthcheck?: { readonly test?: readonly string[]; readonly disable?: boolean };
  readonly volumes?: readonly string[];
  readonly ports?: readonly string[];
  readonly deploy?: { readonly replicas: number };
}
interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}

const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const readCompose = (path: string): Compose => parse(read(path), { merge: true });

/** The services of a file, and of the ones that are laid over it, as Compose merges them. */
function merge(...files: readonly Compose[]): Compose {
  const services: Record<string, Service> = {};
  for (const file of files) {
    for (const [name, service] of Object.entries(file.services)) {
      const before = services[name];
      services[name] = {
        ...before,
        ...service,
        environment: { ...before?.environment, ...service.environment },
        depends_on: { ...before?.depends_on, ...service.depends_on },
        healthcheck: { ...before?.healthcheck, ...service.healthcheck },
      };
    }
  }
  return { services, volumes: Object.assign({}, ...files.map((file) => file.volumes)) };
}

/** What Compose makes of `${NAME-default}` and `${NAME:-default}`. */
function interpolate(text: string, env: Readonly<Record<string, string>>): string {
  return text.replace(/\$\{([A-Z_]+)(:?-)([^}]*)\}/g, (_, name: string, sign: string, otherwise: string) => {
    const value = env[name];
    return value === undefined || (sign === ':-' && value === '') ? otherwise : value;
  });
}

/** The environment of a service's process, with a `.env` of this content. */
function environmentOf(service: Service, file: Readonly<Record<string, string>> = {}): Record<string, string> {
  const own = Object.entries(service.environment ?? {}).map(([name, value]) => [name, interpolate(value, file)]);
  return { ...(service.env_file === undefined ? {} : file), ...Object.fromEntries(own) };
}

/** Every name that loading a configuration asks its environment for. */
function namesRead(): ReadonlySet<string> {
  const names = new Set<string>();
  const env = new Proxy<Record<string, string>>(
    {},
    {
      get(_, name) {
        if (typeof name === 'string') names.add(name);
      },
    },
  );
  loadConfig(env, definitions);
  return names;
}

const one = readCompose('compose.yaml');
const three = merge(one, readCompose('compose.three.yaml'));
const dockerfile = read('Dockerfile');

for (const [name, { services, volumes }] of [
  ['compose.yaml', one],
  ['compose.yaml with compose.three.yaml', three],
] as const) {
  describe(name, () => {
    const ours = Object.entries(services).filter(([, service]) => service.build !== undefined);
    const others = Object.entries(services).filter(([, service]) => service.build === undefined);

    test('has the API, two workers, the sandbox, and nodes of MongoDB of one pinned version', () => {
      assert.deepEqual(
        ours.map(([, service]) => service.command?.join(' ')),
        ['serve', 'worker', 'sandbox'],
      );
      assert.equal(services.worker?.deploy?.replicas, 2);
      assert.equal(others.length, name === 'compose.yaml' ? 1 : 3);
      for (const [, { image }] of others) assert.match(image, /^mongo:8\.\d+\.\d+$/);
      assert.equal(new Set(others.map(([, { image }]) => image)).size, 1);
    });

    test('waits for services that there are, and that tell how they are', () => {
      for (const [, { depends_on: needed = {} }] of Object.entries(services)) {
        for (const [service, { condition }] of Object.entries(needed)) {
          assert.equal(condition, 'service_healthy');
          assert.ok(services[service]?.healthcheck?.test, service);
        }
      }
      assert.equal(services.worker?.healthcheck?.disable, true);
    });

    test('keeps what there is to keep in volumes that it declares', () => {
      const used = Object.values(services).flatMap((service) => service.volumes ?? []);
      assert.deepEqual(used.map((volume) => volume.split(':')[0]).sort(), Object.keys(volumes).sort());
      for (const [, service] of others) assert.ok(service.volumes?.some((volume) => volume.endsWith(':/data/db')));
    });

    test('publishes the API to this machine, and nothing else', () => {
      const published = Object.entries(services).flatMap(([service, { ports = [] }]) =>
        ports.map((port) => [service, port]),
      );
      assert.equal(published.length, 1);
      const [service, port = ''] = published[0] ?? [];
      assert.deepEqual([service, interpolate(port, {})], ['api', '127.0.0.1:4000:4000']);
    });

    test('sets names that the program reads, and none of them is a secret', () => {
      const secrets = definitions.flatMap(({ settings }) =>
        Object.values(settings).flatMap(({ env, kind }) => (kind === 'secret' ? [env] : [])),
      );
      const read = namesRead();
      for (const [, service] of ours) {
        for (const [key, value] of Object.entries(service.environment ?? {})) {
          assert.ok(read.has(key), key);
          assert.ok(!secrets.includes(key) && key !== 'DATA_KEYS', key);
          assert.doesNotMatch(interpolate(value, {}), /:\/\/[^/]*@|[0-9A-Za-z+/]{20}/, key);
        }
      }
      for (const [service, { environment = {} }] of others) assert.deepEqual(environment, {}, service);
    });

    test('makes configurations that the program takes: one sandbox, one database, the same for server and workers', () => {
      const load = (service: Service | undefined): Config =>
        loadConfig(environmentOf(service ?? assert.fail()), definitions);
      const [api, worker, sandbox] = [load(services.api), load(services.worker), load(services.sandbox)];
      assert.deepEqual(environmentOf(services.api ?? assert.fail()), environmentOf(services.worker ?? assert.fail()));
      const url = api.mongodb?.reveal() ?? '';
      for (const [node] of others) assert.ok(url.includes(`${node}:27017`), node);
      assert.equal(worker.mongodb?.reveal(), url);
      assert.deepEqual([sandbox.environment, sandbox.mongodb], ['SANDBOX', null]);
      assert.equal(api.sandboxUrl, `http://sandbox:${sandbox.sandboxPort}`);
      assert.equal(sandbox.sandboxHost, '0.0.0.0');
      assert.equal(api.publicUrl, `http://api:${api.port}`);
    });

    test('takes the settings for real money from .env, and gives the sandbox none of them', () => {
      const file = {
        OUTFLOW_MODE: 'live',
        SANDBOX_URL: '',
        PUBLIC_URL: 'https://pay.test',
        MONGODB_URL: 'mongodb+srv://outflow:sesame@cluster.test/outflow',
        DATA_KEYS: `first:${Buffer.alloc(32, 7).toString('base64')}`,
        DATA_DIR: './elsewhere',
        HOST: '127.0.0.1',
      };
      const config = loadConfig(environmentOf(services.api ?? assert.fail(), file), definitions);
      assert.deepEqual([config.environment, config.publicUrl, config.sandboxUrl], ['LIVE', file.PUBLIC_URL, null]);
      assert.equal(config.mongodb?.reveal(), file.MONGODB_URL);
      assert.deepEqual([config.host, config.port, config.dataDir], ['0.0.0.0', 4000, '/data']);
      const sandbox = environmentOf(services.sandbox ?? assert.fail(), file);
      assert.equal(sandbox.OUTFLOW_MODE, 'sandbox');
      assert.equal(sandbox.DATA_KEYS, undefined);
    });
  });
}

describe('the health check of a MongoDB node', () => {
  /** A node as mongosh shows it, with what is asked of it. */
  function createNode(members: string[] | null, state: 'PRIMARY' | 'SECONDARY' | 'STARTUP') {
    const asked: string[] = [];
    const node = { members, state };
    const shell = createContext({
      rs: {
        status() {
          if (node.members === null) throw new Error('no replset config has been received');
        },
        initiate(config: { _id: string; members: readonly { host: string }[] }) {
          asked.push(`initiate ${config._id}`);
          node.members = config.members.map(({ host }) => host);
        },
        conf: () => ({ members: node.members?.map((host) => ({ host })) }),
        add(host: string) {
          asked.push(`add ${host}`);
          node.members?.push(host);
        },
      },
      db: { hello: () => ({ isWritablePrimary: node.state === 'PRIMARY', secondary: node.state === 'SECONDARY' }) },
      quit(code: number) {
        throw new Error(`quit ${code}`);
      },
    });
    /** Whether it calls the node healthy. */
    const check = (service: Service | undefined): boolean => {
      const [, , , , script = ''] = service?.healthcheck?.test ?? [];
      try {
        // A function of its own for each: mongosh is started anew.
        runInContext(`(() => { ${script} })()`, shell);
        return true;
      } catch (error) {
        if (error instanceof Error && error.message === 'quit 1') return false;
        throw error;
      }
    };
    return { node, asked, check };
  }

  test('makes the replica set once, and is good once the node takes writes', () => {
    const { node, asked, check } = createNode(null, 'STARTUP');
    assert.equal(check(one.services.mongo), false);
    assert.equal(check(one.services.mongo), false);
    node.state = 'PRIMARY';
    assert.equal(check(one.services.mongo), true);
    assert.deepEqual(asked, ['initiate rs0']);
  });

  test('adds the two others one after the other, also where there was one node before', () => {
    for (const members of [null, ['mongo:27017']]) {
      const { node, asked, check } = createNode(members, 'STARTUP');
      assert.equal(check(three.services.mongo), false);
      node.state = 'PRIMARY';
      assert.deepEqual(
        [1, 2, 3].map(() => check(three.services.mongo)),
        [false, false, true],
      );
      assert.deepEqual(asked.slice(-2), ['add mongo-2:27017', 'add mongo-3:27017']);
      node.state = 'SECONDARY';
      assert.equal(check(three.services.mongo), true);
    }
  });

  test('is a script in every place that calls mongosh', () => {
    for (const { healthcheck } of Object.values(three.services)) {
      const [kind, program, ...words] = healthcheck?.test ?? [];
      if (program !== 'mongosh') continue;
      assert.equal(kind, 'CMD');
      assert.deepEqual(words.slice(0, -1), ['--quiet', '--eval']);
      new Script(words.at(-1) ?? '');
    }
  });
});

describe('the image', () => {
  const lines = dockerfile.replaceAll(/\\\n\s*/g, ' ').split('\n');
  const last = lines.slice(lines.findLastIndex((line) => line.startsWith('FROM ')));

  test('runs the Node that the package pins', () => {
    const { devDependencies } = JSON.parse(read('package.json'));
    const bases = [...dockerfile.matchAll(/^FROM (\S+)/gm)].map(([, base]) => base);
    assert.deepEqual([...new Set(bases)], [`node:${devDependencies.node}-bookworm-slim`]);
  });

  test('runs as a user who is not root, and owns nothing but the data', () => {
    const user = last.indexOf('USER node');
    assert.ok(user > 0 && user < last.findIndex((line) => line.startsWith('ENTRYPOINT')));
    assert.deepEqual(
      last.filter((line) => /chown/.test(line)),
      ['RUN mkdir /data && chown node:node /data'],
    );
  });

  test('is made of files that there are, and lets nothing else in', () => {
    const copied = lines.flatMap((line) => {
      const [, words = ''] = /^COPY (?!--from)(.*)$/.exec(line) ?? [];
      return words === '' ? [] : words.split(' ').slice(0, -1);
    });
    for (const path of copied) assert.ok(existsSync(join(root, path)), path);
    const [everything, ...allowed] = read('.dockerignore')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'));
    assert.equal(everything, '*');
    assert.deepEqual(allowed.map((line) => line.slice(1)).sort(), [...new Set(copied)].sort());
    assert.ok(allowed.every((line) => line.startsWith('!')));
  });

  test('has every package that the program imports, without those of development', () => {
    const { dependencies } = JSON.parse(read('package.json'));
    const imported = globSync('src/**/*.ts', { cwd: root }).flatMap((path) =>
      [...read(path).matchAll(/(?:\bfrom |\bimport\()'((?:@[\w-]+\/)?[\w-]+[\w.-]*)[\w./-]*'/g)].map(
        ([, name = '']) => name,
      ),
    );
    const packages = new Set(imported);
    assert.ok(packages.has('mongodb') && packages.has('@pothos/core'));
    assert.deepEqual(
      [...packages].filter((name) => !Object.hasOwn(dependencies, name)),
      [],
    );
  });

  test('tells how it is by a command that works: good while it serves, bad while nobody does', async (t) => {
    const place = await openPlace(t);
    const [, json = ''] = /^HEALTHCHECK .* CMD (\[.*\])$/m.exec(dockerfile) ?? [];
    const [, ...words] = JSON.parse(json) as string[];
    assert.equal(await place.run(process.execPath, words).ended, 1);
    const server = place.outflow(['serve']);
    await server.until(/"msg":"serving"/);
    assert.equal(await place.run(process.execPath, words).ended, 0);
    server.signal('SIGTERM');
    assert.equal(await server.ended, 0);
  });

  test('is a sandbox by a command that is checked in the same way', async (t) => {
    const place = await openPlace(t);
    const { SANDBOX_PORT = '', SANDBOX_HOST = '' } = one.services.sandbox?.environment ?? {};
    const [, , ...words] = one.services.sandbox?.healthcheck?.test ?? [];
    assert.ok(words.some((word) => word.includes(`:${SANDBOX_PORT}/`)));
    // At a port that is free here, in place of the container's own.
    const port = place.env.PORT ?? '';
    const check = words.map((word) => word.replace(`:${SANDBOX_PORT}/`, `:${port}/`));
    assert.equal(await place.run(process.execPath, check).ended, 1);
    const sandbox = place.outflow(['sandbox'], { SANDBOX_HOST, SANDBOX_PORT: port });
    await sandbox.until(/_BASE_URL=/);
    assert.equal(await place.run(process.execPath, check).ended, 0);
  });
});
