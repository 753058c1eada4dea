import assert from 'node:assert/strict';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { inspect } from 'node:util';
import { type Config, loadConfig } from '../src/config.ts';
import { StartupError } from '../src/domain/errors.ts';
import { definitions } from '../src/providers/index.ts';

type Env = Readonly<Record<string, string | undefined>>;

const root = join(import.meta.dirname, '..');
const dir = mkdtempSync(join(tmpdir(), 'outflow-config-'));
after(() => rmSync(dir, { recursive: true }));

const load = (env: Env = {}): Config => loadConfig(env, definitions);
const secret = (): string => randomBytes(16).toString('hex');

/** The faults of an environment, one line each. */
function faultsOf(env: Env): readonly string[] {
  try {
    load(env);
  } catch (error) {
    assert.ok(error instanceof StartupError);
    const [head, ...lines] = error.message.split('\n  ');
    assert.equal(head, `The configuration has ${lines.length} fault(s):`);
    return lines;
  }
  return [];
}

/** What every provider needs, with new keys, at hosts that are nobody's. */
function complete(scheme = 'https'): Record<string, string> {
  const needed = definitions.flatMap(({ slug, settings }) =>
    Object.values(settings).flatMap(({ env, kind, fallback }): [string, string][] => {
      if (kind === 'url') return [[env, `${scheme}://${slug}.test/api`]];
      return fallback === null ? [[env, secret()]] : [];
    }),
  );
  return Object.fromEntries(needed);
}

/** 32 bytes as `openssl rand -base64 32` prints them. */
const dataKey = (): string => randomBytes(32).toString('base64');

const LIVE = { OUTFLOW_MODE: 'live', PUBLIC_URL: 'https://pay.test', DATA_KEYS: `first:${dataKey()}` };

let files = 0;
/** Writes a PROVIDERS_FILE and gives its path. */
function providersFile(content: unknown): string {
  files += 1;
  const path = join(dir, `providers-${files}.json`);
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

/** An account of OxaPay as the file has it. */
function fileAccount(changes: object = {}): object {
  const settings = { baseUrl: 'https://oxapay.test/v1', payoutKey: secret() };
  return { provider: 'OXAPAY', name: 'first', settings, ...changes };
}

const accountsOf = (config: Config, slug: string) => config.accounts.get(slug) ?? [];

describe('the configuration', () => {
  test('starts from nothing: sandbox, this machine alone, port 4000, ./data, every provider played by the stand-in', () => {
    const { accounts, dataKeys, ...rest } = load();
    assert.deepEqual(dataKeys.reveal(), []);
    assert.deepEqual(rest, {
      environment: 'SANDBOX',
      host: '127.0.0.1',
      port: 4000,
      dataDir: join(process.cwd(), 'data'),
      mongodb: null,
      publicUrl: 'http://127.0.0.1:4000',
      graphiql: true,
      corsOrigins: [],
      logLevel: 'info',
      sandboxPort: 0,
      sandboxHost: '127.0.0.1',
      sandboxUrl: null,
      routing: { kind: 'LIST', providers: definitions.map(({ id }) => id) },
      minimumBalances: [],
      notices: [],
    });
    assert.deepEqual(
      [...accounts].map(([slug, list]) => [
        slug,
        list.map(({ name, enabled, configured }) => [name, enabled, configured]),
      ]),
      definitions.map(({ slug }) => [slug, [['default', true, false]]]),
    );
  });

  test('takes an empty value for one that is not set', () => {
    const names = [...namesRead({})];
    assert.deepEqual(load(Object.fromEntries(names.map((name) => [name, '']))), load());
  });

  test('tells all faults at once, each under its own name, and shows no value', () => {
    const env = {
      ...complete(),
      OUTFLOW_MODE: `mode-${secret()}`,
      PORT: '70000',
      LOG_LEVEL: `level-${secret()}`,
      GRAPHIQL: `flag-${secret()}`,
      SANDBOX_PORT: `port-${secret()}`,
      SANDBOX_URL: `not a url ${secret()}`,
      MONGODB_URL: `mongodb://outflow:${secret()}/@mongo.test`,
      PUBLIC_URL: `not a url ${secret()}`,
      IO2328_ENABLED: `enabled-${secret()}`,
      IO2328_PAYOUT_KEY: `${secret()}\n`,
      OXAPAY_BASE_URL: `not a url ${secret()}`,
      OXAPAY_RISK_DOUBLE_PAYMENT: `flag-${secret()}`,
      DATA_KEYS: `first:${secret()}`,
      ROUTING: `nobody-${secret()}`,
      MINIMUM_BALANCES: `OXAPAY:${secret()}`,
      PROVIDERS_FILE: providersFile({ accounts: [fileAccount({ provider: `nobody-${secret()}` })] }),
    };
    const faults = faultsOf(env);
    const names = faults.map((fault) => fault.split(':', 1)[0] ?? '');
    const spoilt = ['IO2328_PAYOUT_KEY', 'OXAPAY_BASE_URL'];
    const right = Object.keys(complete()).filter((name) => !spoilt.includes(name));
    const wrong = Object.keys(env).filter((name) => !right.includes(name));
    assert.deepEqual(names.sort(), wrong.sort());
    for (const [name, value] of Object.entries(env)) {
      if (name !== 'PROVIDERS_FILE') assert.ok(!faults.join('\n').includes(value.trim()), `${name} shows its value`);
    }
  });

  test('reads a port only as a number from 1 to 65535', () => {
    for (const PORT of ['0', '65536', '-1', '4000x', '0x10', '4e3', ' 4000']) {
      assert.equal(faultsOf({ PORT }).length, 1, PORT);
    }
    assert.equal(load({ PORT: '65535' }).port, 65_535);
  });

  test('takes PUBLIC_URL without the slash at its end, and refuses one that no path can follow', () => {
    assert.equal(load({ PUBLIC_URL: 'http://pay.test/outflow//' }).publicUrl, 'http://pay.test/outflow');
    for (const PUBLIC_URL of [
      'pay.test',
      'ftp://pay.test',
      'http://pay.test/?',
      'http://pay.test#x',
      'http://a:b@pay.test',
    ]) {
      assert.match(faultsOf({ PUBLIC_URL }).join(), /^PUBLIC_URL: /, PUBLIC_URL);
    }
  });

  test('names an IPv6 host in brackets where it makes the public URL', () => {
    assert.equal(load({ HOST: '::1' }).publicUrl, 'http://[::1]:4000');
  });

  test('shows GraphiQL in the sandbox outside of production, unless it is told', () => {
    assert.equal(load({ NODE_ENV: 'production' }).graphiql, false);
    assert.equal(load({ NODE_ENV: 'production', GRAPHIQL: 'true' }).graphiql, true);
    assert.equal(load({ GRAPHIQL: 'false' }).graphiql, false);
    assert.equal(load(LIVE).graphiql, false);
  });

  test('reads origins with commas and blanks between them', () => {
    assert.deepEqual(load({ CORS_ORIGINS: 'https://a.test, https://b.test,' }).corsOrigins, [
      'https://a.test',
      'https://b.test',
    ]);
  });
});

describe('ROUTING', () => {
  test('is a policy, or providers in order with commas and blanks between them', () => {
    for (const kind of ['CHEAPEST', 'FASTEST'] as const) assert.deepEqual(load({ ROUTING: kind }).routing, { kind });
    const providers = ['OXAPAY', 'IO2328'];
    assert.deepEqual(load({ ROUTING: 'OXAPAY, IO2328' }).routing, { kind: 'LIST', providers });
  });

  test('that names somebody who is not there, or twice, is refused in one line that names who is', () => {
    for (const ROUTING of ['NOBODY', 'cheapest', 'OXAPAY,OXAPAY', 'OXAPAY,', 'CHEAPEST,OXAPAY', 'OXAPAY;IO2328']) {
      const faults = faultsOf({ ROUTING });
      assert.equal(faults.length, 1, ROUTING);
      assert.match(
        faults.join(),
        /^ROUTING: is CHEAPEST, FASTEST, or some of .*IO2328.* in order, each once$/,
        ROUTING,
      );
    }
  });
});

describe('MINIMUM_BALANCES', () => {
  test('are amounts by provider and currency, exactly as they are written', () => {
    assert.deepEqual(
      load({ MINIMUM_BALANCES: 'IO2328:USDT=500.50, OXAPAY:BTC=0.000000000000000001' }).minimumBalances,
      [
        { provider: 'IO2328', currency: 'USDT', minimum: '500.50' },
        { provider: 'OXAPAY', currency: 'BTC', minimum: '0.000000000000000001' },
      ],
    );
  });

  test('are refused where two are about the same: nobody says which one is meant', () => {
    assert.deepEqual(faultsOf({ MINIMUM_BALANCES: 'IO2328:USDT=500,OXAPAY:USDT=1,IO2328:USDT=5' }), [
      'MINIMUM_BALANCES: entry 3 has the provider and currency of another one',
    ]);
  });

  test('that cannot be read are refused by their number, and no value is shown', () => {
    for (const bad of [
      'NOBODY:USDT=1',
      'OXAPAY:USDT',
      'OXAPAY=1',
      'OXAPAY:USDT=',
      'OXAPAY:USDT=-1',
      'OXAPAY:USDT=1e3',
      '',
    ]) {
      const faults = faultsOf({ MINIMUM_BALANCES: `IO2328:USDT=500,${bad}` });
      assert.equal(faults.length, 1, bad);
      assert.match(faults.join(), /^MINIMUM_BALANCES: entry 2 is not PROVIDER:CURRENCY=AMOUNT/, bad);
    }
  });
});

describe('MONGODB_URL', () => {
  test('is taken as the driver takes it: several hosts, options, SCRAM and TLS', () => {
    for (const MONGODB_URL of [
      'mongodb://127.0.0.1',
      'mongodb://mongo:27017/outflow?replicaSet=rs0',
      'mongodb://a.test:27017,b.test:27018,[::1]:27019/?replicaSet=rs0&tls=true',
      `mongodb://outflow:${secret()}%40%2F@a.test,b.test/pay-outs?authSource=admin&authMechanism=SCRAM-SHA-256`,
      `mongodb+srv://outflow:${secret()}@cluster0.test/outflow?retryWrites=true`,
    ]) {
      assert.equal(load({ MONGODB_URL }).mongodb?.reveal(), MONGODB_URL);
    }
  });

  test('that is no connection string is refused in one line, which does not show it', () => {
    const password = secret();
    for (const MONGODB_URL of [
      'mongo.test:27017',
      `postgres://outflow:${password}@db.test/outflow`,
      'mongodb://',
      `mongodb://outflow:${password}@`,
      `mongodb://outflow:${password}/@mongo.test/outflow`,
      `mongodb://outflow:${password}@home@mongo.test/outflow`,
      `mongodb://outflow:${password}@mongo.test/out/flow`,
      `mongodb://outflow:${password}@mongo.test/out.flow`,
      `mongodb://outflow:${password}@mongo.test/outflow `,
      `mongodb+srv://outflow:${password}@cluster0.test:27017/outflow`,
      `mongodb+srv://outflow:${password}@a.test,b.test/outflow`,
    ]) {
      const faults = faultsOf({ MONGODB_URL });
      assert.equal(faults.length, 1, MONGODB_URL);
      assert.match(faults.join(), /^MONGODB_URL: is not mongodb:\/\/HOST:PORT\/DATABASE or mongodb\+srv:/);
      assert.ok(!faults.join().includes(password));
    }
  });

  test('shows its password to reveal alone', () => {
    const password = secret();
    const config = load({ MONGODB_URL: `mongodb://outflow:${password}@mongo.test/outflow` });
    const shown = [
      JSON.stringify(config),
      inspect(config, { showHidden: true, depth: null, getters: true }),
      String(config.mongodb),
      `${Object.entries(config.mongodb ?? {})}`,
    ].join('\n');
    assert.ok(config.mongodb?.reveal().includes(password) && !shown.includes(password));
  });
});

describe('SANDBOX_URL', () => {
  test('is an http address without a path', () => {
    assert.equal(load({ SANDBOX_URL: 'http://sandbox:4010/' }).sandboxUrl, 'http://sandbox:4010');
    for (const SANDBOX_URL of [
      'sandbox:4010',
      'https://sandbox:4010',
      'http://sandbox:4010/oxapay',
      'http://a:b@sandbox:4010',
      'http://sandbox:4010?',
    ]) {
      assert.match(faultsOf({ SANDBOX_URL }).join(), /^SANDBOX_URL: /, SANDBOX_URL);
    }
  });

  test('is refused in live mode', () => {
    assert.deepEqual(faultsOf({ ...LIVE, SANDBOX_URL: 'http://sandbox:4010' }), [
      'SANDBOX_URL: there is no sandbox in live mode',
    ]);
  });
});

describe('in live mode', () => {
  test('a provider without its keys is off, and the notice names what is missing', () => {
    const config = load({ ...LIVE, IO2328_PROJECT: 'project' });
    assert.equal(config.notices.length, definitions.length);
    assert.ok(config.notices.includes('2328.io is off: IO2328_PAYOUT_KEY not set'));
    assert.ok(config.notices.includes('OxaPay is off: OXAPAY_PAYOUT_KEY not set'));
    assert.deepEqual(
      definitions.map(({ slug }) => accountsOf(config, slug)),
      definitions.map(() => []),
    );
  });

  test('a provider with its keys alone goes to the real host', () => {
    const config = load({ ...LIVE, OXAPAY_PAYOUT_KEY: secret() });
    const [account] = accountsOf(config, 'oxapay');
    assert.equal(account?.reveal(null).values.baseUrl, 'https://api.oxapay.com/v1');
  });

  test('a base URL that is not https is refused', () => {
    const urls = definitions.flatMap(({ settings }) => Object.values(settings).filter(({ kind }) => kind === 'url'));
    assert.deepEqual(
      faultsOf({ ...LIVE, ...complete('http') }),
      urls.map(({ env }) => `${env}: must be https in live mode`),
    );
  });

  test('a PUBLIC_URL that is not https is refused, and one that is missing is told', () => {
    assert.deepEqual(faultsOf({ ...LIVE, PUBLIC_URL: 'http://pay.test' }), ['PUBLIC_URL: must be https in live mode']);
    const { publicUrl, notices } = load({ ...complete(), ...LIVE, PUBLIC_URL: '' });
    assert.equal(publicUrl, null);
    assert.match(notices.join(), /^PUBLIC_URL is not set/);
  });
});

describe('DATA_KEYS', () => {
  const revealed = (env: Env): (readonly [id: string, base64: string])[] =>
    load(env)
      .dataKeys.reveal()
      .map(({ id, key }) => [id, key.export().toString('base64')]);

  test('are one or several, in their order, in both modes', () => {
    const keys = [dataKey(), dataKey(), dataKey()] as const;
    assert.deepEqual(revealed({ DATA_KEYS: `2026-07:${keys[0]}` }), [['2026-07', keys[0]]]);
    const three = { DATA_KEYS: `new:${keys[0]}, b:${keys[1]},${'c'.repeat(32)}:${keys[2]}` };
    for (const env of [three, { ...LIVE, ...three }]) {
      assert.deepEqual(revealed(env), [
        ['new', keys[0]],
        ['b', keys[1]],
        ['c'.repeat(32), keys[2]],
      ]);
    }
  });

  test('are needed in live mode, and the fault says how one is made', () => {
    const faults = faultsOf({ ...LIVE, DATA_KEYS: '' });
    assert.equal(faults.length, 1);
    assert.match(faults.join(), /^DATA_KEYS: is needed in live mode: .*openssl rand -base64 32/);
  });

  test('that cannot be used are told by their place, all at once, and none is shown', () => {
    const [key, short, long] = [dataKey(), randomBytes(31).toString('base64'), randomBytes(33).toString('base64')];
    const shape = 'is not ID:KEY, with an id of 1 to 32 of a-z 0-9 -';
    const bytes = 'is not 32 bytes in base64, as openssl rand -base64 32 prints them';
    const entries: readonly (readonly [entry: string, fault: string])[] = [
      [dataKey(), shape],
      [`:${dataKey()}`, shape],
      [`Upper:${dataKey()}`, shape],
      [`${'x'.repeat(33)}:${dataKey()}`, shape],
      ['', shape],
      ['empty:', bytes],
      [`short:${short}`, bytes],
      [`long:${long}`, bytes],
      [`hex:${randomBytes(32).toString('hex')}`, bytes],
      [`loose:${dataKey().replace('=', '')}`, bytes],
      [`spaced: ${dataKey()}`, bytes],
      [`store:${dataKey()}`, "has the id of the sandbox's own key, store"],
      [`first:${dataKey()}`, 'has the id of another one'],
      [`twin:${key}`, 'is another one under a second id'],
    ];
    const DATA_KEYS = [`first:${key}`, ...entries.map(([entry]) => entry)].join(',');
    const faults = faultsOf({ DATA_KEYS, PORT: 'x' });
    assert.deepEqual(
      faults.filter((fault) => !fault.startsWith('PORT')),
      entries.map(([, fault], index) => `DATA_KEYS: key ${index + 2}: ${fault}`),
    );
    for (const [entry] of entries) {
      const value = entry.slice(entry.indexOf(':') + 1).trim();
      assert.ok(value === '' || !faults.join().includes(value));
    }
  });

  test('show themselves to reveal alone', () => {
    const key = dataKey();
    const { dataKeys } = load({ DATA_KEYS: `first:${key}` });
    const options = { showHidden: true, depth: null, getters: true };
    const shown = [
      JSON.stringify(dataKeys),
      JSON.stringify({ ...dataKeys }),
      inspect(dataKeys, options),
      inspect(dataKeys.reveal(), options),
      JSON.stringify(dataKeys.reveal()),
    ].join('\n');
    const bytes = Buffer.from(key, 'base64');
    for (const text of [key, bytes.toString('hex'), inspect(bytes).slice(8, 40)]) assert.ok(!shown.includes(text));
  });
});

describe('in sandbox mode', () => {
  for (const { id, name, settings } of definitions) {
    const { baseUrl } = settings;
    assert.ok(baseUrl?.fallback);
    const host = new URL(baseUrl.fallback).hostname;
    const spellings = [
      baseUrl.fallback,
      `http://${host}/elsewhere`,
      `https://${host.toUpperCase()}:8443`,
      `https://${host}.`,
    ];

    test(`the real ${name} cannot be reached, however its host is written`, () => {
      for (const spelling of spellings) {
        const faults = faultsOf({ ...complete(), [baseUrl.env]: spelling });
        assert.deepEqual(
          faults,
          [`${baseUrl.env}: leads to the live provider, as its default does, and this is sandbox mode`],
          spelling,
        );
      }
    });

    test(`keys of ${name} without a base URL are refused, since its default is the real provider`, () => {
      const env = Object.entries(complete()).filter(([key]) => key !== baseUrl.env);
      assert.match(faultsOf(Object.fromEntries(env)).join(), new RegExp(`^${baseUrl.env}: leads to the live provider`));
    });

    test(`${name} in a PROVIDERS_FILE cannot be the real one either`, () => {
      const keys = Object.fromEntries(
        Object.keys(settings).flatMap((key) => (key === 'baseUrl' ? [] : [[key, secret()]])),
      );
      for (const given of [{}, { baseUrl: '' }, { baseUrl: baseUrl.fallback }]) {
        const accounts = [{ provider: id, name: 'first', settings: { ...keys, ...given } }];
        const faults = faultsOf({ PROVIDERS_FILE: providersFile({ accounts }) });
        assert.match(faults.join(), /^PROVIDERS_FILE: accounts\.0\.settings\.baseUrl: leads to the live provider/);
      }
    });
  }

  test('a base URL without the keys is refused and names the keys', () => {
    const faults = faultsOf({ IO2328_BASE_URL: 'http://127.0.0.1:4010/api' });
    assert.deepEqual(faults, ['IO2328_PROJECT, IO2328_PAYOUT_KEY: needed beside the settings of 2328.io that are set']);
  });

  test('a provider with settings of its own stands beside one that the stand-in plays', () => {
    const io2328 = Object.entries(complete('http')).filter(([name]) => name.startsWith('IO2328_'));
    const config = load(Object.fromEntries(io2328));
    assert.equal(accountsOf(config, 'io2328')[0]?.configured, true);
    assert.equal(accountsOf(config, 'oxapay')[0]?.configured, false);
  });
});

describe('a switch', () => {
  test('turns a provider off, with settings, without, and in a PROVIDERS_FILE', () => {
    const off = Object.fromEntries(definitions.map(({ slug }) => [`${slug.toUpperCase()}_ENABLED`, 'false']));
    const PROVIDERS_FILE = providersFile({ accounts: [fileAccount(), fileAccount({ name: 'second' })] });
    for (const env of [{}, complete(), { ...LIVE, ...complete() }, { PROVIDERS_FILE }]) {
      for (const { slug } of definitions) {
        const accounts = accountsOf(load({ ...env, ...off }), slug);
        assert.ok(accounts.length > 0);
        assert.ok(accounts.every((account) => !account.enabled));
      }
    }
  });

  test('that is neither true nor false is a fault, and not a guess', () => {
    assert.deepEqual(faultsOf({ IO2328_ENABLED: 'no' }), ['IO2328_ENABLED: is true or false']);
  });
});

describe('the value of a setting', () => {
  const wrong = ['\n', '\r', '\0', '\t', '\x7f', 'é', ' ', '\u2028'];
  const at = (value: string, mark: string) => [mark + value, `${value}${mark}`];

  test('is refused where an HTTP header could not carry it as it is, and is not shown', () => {
    for (const mark of wrong) {
      for (const key of ['IO2328_PROJECT', 'IO2328_PAYOUT_KEY', 'OXAPAY_PAYOUT_KEY', 'OXAPAY_GENERAL_KEY']) {
        const value = secret();
        for (const spoilt of at(value, mark)) {
          const faults = faultsOf({ ...complete(), [key]: spoilt }).join('\n');
          assert.equal(faults, `${key}: has a space at an end, or a character that is not printable ASCII`);
        }
      }
    }
    assert.equal(faultsOf({ ...complete(), IO2328_PAYOUT_KEY: `${secret()}\n${secret()}` }).length, 1);
  });

  test('is refused in a PROVIDERS_FILE too, also where the environment holds it', () => {
    const settings = { baseUrl: 'https://oxapay.test', payoutKey: `${secret()}\n` };
    const text = faultsOf({ PROVIDERS_FILE: providersFile({ accounts: [fileAccount({ settings })] }) });
    const named = { ...settings, payoutKey: { env: 'MY_KEY' } };
    const PROVIDERS_FILE = providersFile({ accounts: [fileAccount({ settings: named })] });
    assert.deepEqual(faultsOf({ PROVIDERS_FILE, MY_KEY: settings.payoutKey }), text);
    assert.match(text.join(), /^PROVIDERS_FILE: accounts\.0\.settings\.payoutKey: has a space at an end/);
  });

  test('is refused as a flag unless it is true or false', () => {
    for (const value of ['True', '1', 'yes', 'on']) {
      const faults = faultsOf({ ...complete(), OXAPAY_RISK_DOUBLE_PAYMENT: value });
      assert.deepEqual(faults, ['OXAPAY_RISK_DOUBLE_PAYMENT: is true or false']);
    }
    const PROVIDERS_FILE = providersFile({
      accounts: [fileAccount({ settings: { baseUrl: 'https://o.test', payoutKey: 'x', riskDoublePayment: 'maybe' } })],
    });
    assert.deepEqual(faultsOf({ PROVIDERS_FILE }), [
      'PROVIDERS_FILE: accounts.0.settings.riskDoublePayment: is true or false',
    ]);
    for (const value of ['true', 'false']) {
      const [account] = accountsOf(load({ ...complete(), OXAPAY_RISK_DOUBLE_PAYMENT: value }), 'oxapay');
      assert.equal(account?.reveal(null).values.riskDoublePayment, value);
    }
  });

  test('may have line breaks only as a private key in PEM', () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 1024 });
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    for (const key of [pem, pem.replaceAll('\n', '\r\n'), pem.trim()]) {
      const [account] = accountsOf(load({ ...complete(), OXAPAY_PAYOUT_KEY: key }), 'oxapay');
      assert.equal(account?.reveal(null).values.payoutKey, key);
    }
    for (const [name, value] of [
      ['OXAPAY_PAYOUT_KEY', `${pem}x-injected: 1`],
      ['OXAPAY_PAYOUT_KEY', `x\n${pem}`],
      ['IO2328_PROJECT', pem],
    ] as const) {
      assert.match(faultsOf({ ...complete(), [name]: value }).join(), new RegExp(`^${name}: has a space at an end`));
    }
  });

  test('that is a base URL is an http or https one without user, query and fragment', () => {
    for (const url of [
      'oxapay.test/v1',
      'ftp://oxapay.test',
      'file:///v1',
      'http://a:b@oxapay.test',
      'http://oxapay.test?a',
    ]) {
      assert.match(faultsOf({ ...complete(), OXAPAY_BASE_URL: url }).join(), /^OXAPAY_BASE_URL: /, url);
    }
  });
});

describe('a PROVIDERS_FILE', () => {
  test('holds several accounts of a provider, with secrets of its own or from the environment', () => {
    const keys = [secret(), secret()];
    const settings = { baseUrl: 'https://oxapay.test/v1', payoutKey: { env: 'SECOND_KEY' } };
    const accounts = [
      fileAccount({ settings: { ...settings, payoutKey: keys[0] } }),
      fileAccount({ name: 'second', enabled: false, settings }),
    ];
    const config = load({ PROVIDERS_FILE: providersFile({ accounts }), SECOND_KEY: keys[1] });
    const revealed = accountsOf(config, 'oxapay').map((account) => account.reveal('https://pay.test/hook'));
    const values = { ...settings, generalKey: '', riskDoublePayment: 'false' };
    const callbackUrl = 'https://pay.test/hook';
    assert.deepEqual(revealed, [
      { name: 'first', enabled: true, callbackUrl, values: { ...values, payoutKey: keys[0] } },
      { name: 'second', enabled: false, callbackUrl, values: { ...values, payoutKey: keys[1] } },
    ]);
  });

  test('stands in for the environment at its own providers alone', () => {
    const env: Env = { ...complete(), PROVIDERS_FILE: providersFile({ accounts: [fileAccount()] }) };
    const config = load(env);
    assert.deepEqual(
      accountsOf(config, 'oxapay').map((account) => account.name),
      ['first'],
    );
    const [io2328] = accountsOf(config, 'io2328');
    assert.equal(io2328?.reveal(null).values.payoutKey, env.IO2328_PAYOUT_KEY);
  });

  const refused: readonly (readonly [what: string, content: unknown, fault: RegExp])[] = [
    [
      'two accounts of a provider with one name',
      { accounts: [fileAccount(), fileAccount()] },
      /^accounts\.1\.name: is the name of another account of OxaPay$/,
    ],
    ['an unknown provider', { accounts: [fileAccount({ provider: 'PAYPAL' })] }, /^accounts\.0\.provider: is none of /],
    [
      'an unknown setting',
      {
        accounts: [
          fileAccount({ settings: { baseUrl: 'https://oxapay.test', payoutKey: secret(), constructor: 'x' } }),
        ],
      },
      /^accounts\.0\.settings\.constructor: is not a setting of OxaPay$/,
    ],
    [
      'a needed setting left out',
      { accounts: [fileAccount({ settings: { baseUrl: 'https://oxapay.test' } })] },
      /^accounts\.0\.settings\.payoutKey: is missing$/,
    ],
    [
      'an environment name that is not set',
      {
        accounts: [
          fileAccount({
            settings: { baseUrl: 'https://oxapay.test', generalKey: { env: 'NOT_SET' }, payoutKey: secret() },
          }),
        ],
      },
      /^accounts\.0\.settings\.generalKey: NOT_SET is not set$/,
    ],
    [
      'a name that no address can hold',
      { accounts: [fileAccount({ name: 'Europe/1' })] },
      /^accounts\.0\.name: a name is 1 to 32 of a-z 0-9 -$/,
    ],
    [
      'a setting that is neither text nor a reference',
      { accounts: [fileAccount({ settings: { payoutKey: 12 } })] },
      /^accounts\.0\.settings\.payoutKey: is text or /,
    ],
    ['a field that it does not have', { accounts: [fileAccount({ enable: false })] }, /^accounts\.0: .*enable/],
    ['something else', [], /./],
  ];
  for (const [what, content, fault] of refused) {
    test(`with ${what} is refused`, () => {
      const faults = faultsOf({ PROVIDERS_FILE: providersFile(content) });
      assert.equal(faults.length, 1, faults.join('\n'));
      const [, rest = ''] = /^PROVIDERS_FILE: (.*)$/.exec(faults[0] ?? '') ?? [];
      assert.match(rest, fault);
    });
  }

  test('with a secret where an environment name belongs does not show the secret', () => {
    const payoutKey = { env: secret() };
    const PROVIDERS_FILE = providersFile({ accounts: [fileAccount({ settings: { payoutKey } })] });
    const faults = faultsOf({ PROVIDERS_FILE }).join('\n');
    assert.match(faults, /accounts\.0\.settings\.payoutKey\.env: is a name of A-Z 0-9 _/);
    assert.ok(!faults.includes(payoutKey.env));
  });

  test('that is not JSON is told apart from one that is not there, and neither shows what it holds', () => {
    const hidden = secret();
    const path = providersFile(`{"accounts": [${hidden}`);
    assert.deepEqual(faultsOf({ PROVIDERS_FILE: path }), [`PROVIDERS_FILE: ${path} is not JSON`]);
    const missing = join(dir, 'nowhere.json');
    assert.deepEqual(faultsOf({ PROVIDERS_FILE: missing }), [`PROVIDERS_FILE: ${missing} cannot be read (ENOENT)`]);
  });
});

test('an account shows its secrets to reveal alone', () => {
  const env = complete();
  const config = load(env);
  const account = accountsOf(config, 'oxapay')[0];
  assert.equal(account?.reveal(null).values.payoutKey, env.OXAPAY_PAYOUT_KEY);
  const shown = [
    JSON.stringify(account),
    JSON.stringify({ ...account }),
    inspect(account, { showHidden: true, depth: null, getters: true }),
    String(account),
    `${Object.entries(account ?? {})}`,
    inspect(config, { showHidden: true, depth: null }),
    JSON.stringify([...config.accounts]),
  ].join('\n');
  for (const value of [env.OXAPAY_PAYOUT_KEY, env.IO2328_PAYOUT_KEY]) assert.ok(value && !shown.includes(value));
});

// --- .env.example and docs/configuration.md ------------------------------------------------------------------------------

/** Every name that loading a configuration asks its environment for. */
function namesRead(env: Env): ReadonlySet<string> {
  const names = new Set<string>();
  load(
    new Proxy(env, {
      get(target, name) {
        if (typeof name === 'string') names.add(name);
        return Reflect.get(target, name);
      },
    }),
  );
  return names;
}

describe('.env.example', () => {
  const lines = readFileSync(join(root, '.env.example'), 'utf8').split('\n');
  const stated = new Map<string, { readonly value: string; readonly about: string }>();
  for (const [index, line] of lines.entries()) {
    const [, name, value] = /^#?([A-Z][A-Z0-9_]*)=(.*)$/.exec(line) ?? [];
    if (name !== undefined && value !== undefined) stated.set(name, { value, about: lines[index - 1] ?? '' });
  }

  test('has every name that the program reads, and no other', () => {
    const read = [...new Set([...namesRead({}), ...namesRead(LIVE)])].filter((name) => !/^[a-z]/.test(name));
    assert.deepEqual([...stated.keys()].sort(), read.sort());
  });

  test('sets nothing by itself, and says in one line what each name means', () => {
    assert.deepEqual(
      lines.filter((line) => line !== '' && !line.startsWith('#')),
      [],
    );
    for (const [name, { about }] of stated) assert.match(about, /^# \w.*\.$/, name);
  });

  test('states every default as the program has it', () => {
    const own = new Set(definitions.flatMap(({ settings }) => Object.values(settings).map((setting) => setting.env)));
    for (const [name, { value, about }] of stated) {
      if (own.has(name)) continue;
      if (value === '') assert.match(about, /[Dd]efault: /, `${name} neither states its default nor describes it`);
      assert.deepEqual(load({ [name]: value }), load(), name);
    }
  });

  test("states every default of a provider's settings as its folder has it", () => {
    for (const { settings } of definitions) {
      for (const { env, kind, fallback } of Object.values(settings)) {
        const { value, about } = stated.get(env) ?? {};
        assert.equal(value, fallback ?? '', env);
        assert.equal(about?.startsWith('# Secret. '), kind === 'secret', `${env} says whether it is a secret`);
        assert.match(
          about ?? '',
          fallback === null ? / Needed\.$/ : fallback === '' ? / Default: none\.$/ : /\.$/,
          env,
        );
      }
    }
  });
});

describe('docs/configuration.md', () => {
  const docs = readFileSync(join(root, 'docs/configuration.md'), 'utf8');

  test('has a PROVIDERS_FILE that the program takes', () => {
    const example = /```json\n(.*?)```/s.exec(docs)?.[1] ?? '';
    const PROVIDERS_FILE = providersFile(example);
    const keys = Object.fromEntries([...example.matchAll(/"env": "([A-Z_]+)"/g)].map(([, name]) => [name, secret()]));
    const accounts = accountsOf(load({ ...LIVE, ...keys, PROVIDERS_FILE }), 'oxapay');
    assert.deepEqual(
      accounts.map(({ name, enabled }) => [name, enabled]),
      [
        ['europe', true],
        ['asia', false],
      ],
    );
  });

  test('lists the settings of every provider under both names', () => {
    for (const { id, settings } of definitions) {
      const list = Object.entries(settings).map(([key, { env }]) => `\`${key}\` ${env}`);
      assert.ok(docs.includes(`| \`${id}\` | ${list.join(', ')} |`), id);
    }
  });
});
