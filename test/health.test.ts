import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import type { SendOutcome } from '../src/domain/provider.ts';
import type { Bulletin, Store } from '../src/domain/store.ts';
import { type CallKind, type CallResult, createHealth, type Health } from '../src/health.ts';
import { openSqlite } from '../src/storage/sqlite.ts';
import { createManualClock } from './support/clock.ts';
import { silentLog } from './support/log.ts';
import { ALPHA, createDesk, openWriteSide, plainProvider, storeWith } from './support/write-side.ts';

const { id: BETA } = plainProvider('BETA');
const HOUR_MS = 3_600_000;
const YES: CallResult = { answered: true };
const NO: CallResult = { answered: false, cause: 'no answer', retryAfterMs: null };
const asking = (retryAfterMs: number): CallResult => ({ ...NO, cause: 'too many', retryAfterMs });

const undo: (() => Promise<unknown>)[] = [];
after(async () => {
  for (const each of undo.reverse()) await each();
});

/** Processes that share a store; `changes` replaces some of its methods for all of them. */
async function openScene(changes: (store: Store) => Partial<Store> = () => ({})) {
  const clock = createManualClock();
  const dir = await mkdtemp(join(tmpdir(), 'outflow-health-'));
  const store = await openSqlite({
    path: join(dir, 'outflow.db'),
    environment: 'SANDBOX',
    now: clock.now,
    random: randomBytes,
    exclusive: true,
  });
  undo.push(() => rm(dir, { recursive: true }));
  undo.push(() => store.close());
  const shared = storeWith(store, changes(store));
  return {
    clock,
    store,
    start(process = 'worker-1', log = silentLog): Health {
      const health = createHealth({ store: shared, clock, log, process });
      undo.push(() => health.close());
      return health;
    },
    told: () => store.bulletins(new Date(0)),
    /** Lets time pass, with all that is written and read by then. */
    async pass(ms: number) {
      const stepMs = ms > 60_000 ? 10_000 : 100;
      await rest();
      for (let left = ms; left > 0; left -= stepMs) {
        await clock.advance(Math.min(stepMs, left));
        await rest();
      }
    },
  };
}

/** A write takes some turns of the event loop. */
async function rest(): Promise<void> {
  for (let turns = 0; turns < 10; turns += 1) await new Promise(setImmediate);
}

/** The same result several times, a moment apart from nothing. */
function noteAll(health: Health, kind: CallKind, result: CallResult, times: number): void {
  for (let time = 0; time < times; time += 1) health.note(ALPHA, kind, result);
}

describe('the circuit of a provider and a kind of call', () => {
  it('is closed until five calls in a row fail, and then open, for about a second, with the last cause', async () => {
    const { clock, start, pass } = await openScene();
    const health = start();
    noteAll(health, 'SUBMIT', NO, 4);
    health.note(ALPHA, 'SUBMIT', YES);
    noteAll(health, 'SUBMIT', NO, 4);
    assert.equal(health.circuit(ALPHA, 'SUBMIT').state, 'CLOSED');
    await pass(5000);
    health.note(ALPHA, 'SUBMIT', { ...NO, cause: 'the last\nstraw  ' });
    const { state, since, reason, retryAt } = health.circuit(ALPHA, 'SUBMIT');
    assert.deepEqual([state, since, reason], ['OPEN', clock.now(), 'the last straw']);
    const ms = Number(retryAt) - Number(since);
    assert.ok(ms >= 750 && ms <= 1250, `${ms} ms`);
    assert.equal(health.admits(ALPHA, 'SUBMIT'), false);
  });

  it('is opened at once for as long as the provider says, and no longer than an hour', async () => {
    const { clock, start } = await openScene();
    const health = start();
    health.note(ALPHA, 'READ', asking(86_400_000));
    const { state, reason, retryAt } = health.circuit(ALPHA, 'READ');
    assert.deepEqual([state, reason, Number(retryAt) - Number(clock.now())], ['OPEN', 'too many', 3_600_000]);
    health.note(BETA, 'READ', asking(0));
    assert.equal(health.circuit(BETA, 'READ').state, 'CLOSED');
  });

  it('lets one call through when its time has come, whose answer closes it', async () => {
    const { clock, start, pass } = await openScene();
    const health = start();
    health.note(ALPHA, 'READ', asking(1000));
    await pass(1000);
    const { retryAt, ...half } = health.circuit(ALPHA, 'READ');
    assert.deepEqual(half, { kind: 'READ', state: 'HALF_OPEN', since: clock.now(), reason: 'too many' });
    assert.equal(retryAt, null);
    assert.deepEqual([health.admits(ALPHA, 'READ'), health.admits(ALPHA, 'READ')], [true, false]);
    health.note(ALPHA, 'READ', YES);
    const closed = { kind: 'READ', state: 'CLOSED', since: clock.now(), reason: null, retryAt: null };
    assert.deepEqual(health.circuit(ALPHA, 'READ'), closed);
    assert.deepEqual([health.admits(ALPHA, 'READ'), health.admits(ALPHA, 'READ')], [true, true]);
    noteAll(health, 'READ', NO, 4);
    assert.equal(health.circuit(ALPHA, 'READ').state, 'CLOSED');
    health.note(ALPHA, 'READ', NO);
    const ms = Number(health.circuit(ALPHA, 'READ').retryAt) - Number(clock.now());
    assert.ok(ms >= 750 && ms <= 1250, `${ms} ms`);
  });

  it('stays open for longer where its provider asks for that meanwhile, and has been so since it was opened', async () => {
    const { clock, start, pass } = await openScene();
    const health = start();
    noteAll(health, 'SUBMIT', NO, 5);
    const since = clock.now();
    await pass(500);
    health.note(ALPHA, 'SUBMIT', asking(10_000));
    const retryAt = new Date(clock.now().getTime() + 10_000);
    assert.deepEqual(health.circuit(ALPHA, 'SUBMIT'), {
      kind: 'SUBMIT',
      state: 'OPEN',
      since,
      reason: 'too many',
      retryAt,
    });
  });

  it('is opened for longer by the failure of the call that tries, and lets the next one through', async () => {
    const { clock, start, pass } = await openScene();
    const health = start();
    health.note(ALPHA, 'READ', asking(10_000));
    await pass(10_000);
    assert.equal(health.admits(ALPHA, 'READ'), true);
    health.note(ALPHA, 'READ', NO);
    const ms = Number(health.circuit(ALPHA, 'READ').retryAt) - Number(clock.now());
    assert.ok(ms >= 15_000 && ms <= 25_000, `${ms} ms`);
    await pass(ms);
    assert.equal(health.admits(ALPHA, 'READ'), true);
  });

  it('lets another call through where nothing was heard of the one that tried', async () => {
    const { start, pass } = await openScene();
    const health = start();
    health.note(ALPHA, 'READ', asking(1000));
    await pass(1000);
    assert.equal(health.admits(ALPHA, 'READ'), true);
    await pass(29_999);
    assert.equal(health.admits(ALPHA, 'READ'), false);
    await pass(1);
    assert.equal(health.admits(ALPHA, 'READ'), true);
  });

  it('is its own: other kinds of call, other providers and other processes go on', async () => {
    const { start } = await openScene();
    const [health, other] = [start(), start('worker-2')];
    health.note(ALPHA, 'SUBMIT', asking(60_000));
    assert.equal(health.circuit(ALPHA, 'LOOKUP').state, 'CLOSED');
    assert.equal(health.circuit(BETA, 'SUBMIT').state, 'CLOSED');
    assert.equal(other.circuit(ALPHA, 'SUBMIT').state, 'CLOSED');
  });
});

describe('the health of a provider', () => {
  it('is unknown, and told to nobody, until a call was made', async () => {
    const { start, pass, told } = await openScene();
    const health = start();
    const nothing = { state: 'UNKNOWN', lastSuccessAt: null, lastFailureAt: null, circuits: [] };
    assert.deepEqual(await health.of(ALPHA), nothing);
    await pass(60_000);
    assert.deepEqual(await told(), []);
    health.note(BETA, 'SUBMIT', YES);
    assert.deepEqual(await health.of(ALPHA), nothing);
  });

  it('is up after an answer, degraded by a failure, and tells when each was last', async () => {
    const { clock, start, pass } = await openScene();
    const health = start();
    health.note(ALPHA, 'LOOKUP', YES);
    const lastSuccessAt = clock.now();
    const circuits = [{ kind: 'LOOKUP', state: 'CLOSED', since: clock.now(), reason: null, retryAt: null }];
    assert.deepEqual(await health.of(ALPHA), { state: 'UP', lastSuccessAt, lastFailureAt: null, circuits });
    await pass(1000);
    health.note(ALPHA, 'LOOKUP', NO);
    const failed = { state: 'DEGRADED', lastSuccessAt, lastFailureAt: clock.now(), circuits };
    assert.deepEqual(await health.of(ALPHA), failed);
    health.note(ALPHA, 'LOOKUP', YES);
    assert.equal((await health.of(ALPHA)).state, 'UP');
  });

  it('is down while sends find an open circuit, and degraded while only other calls do, or one tries', async () => {
    const { start, pass } = await openScene();
    const health = start();
    const stateNow = async () => (await health.of(ALPHA)).state;
    health.note(ALPHA, 'LOOKUP', asking(60_000));
    health.note(ALPHA, 'READ', asking(60_000));
    health.note(ALPHA, 'SUBMIT', YES);
    assert.equal(await stateNow(), 'DEGRADED');
    health.note(ALPHA, 'SUBMIT', asking(30_000));
    assert.equal(await stateNow(), 'DOWN');
    await pass(30_000);
    assert.equal(await stateNow(), 'DEGRADED');
    await pass(30_000);
    for (const kind of ['SUBMIT', 'LOOKUP', 'READ'] as const) health.note(ALPHA, kind, YES);
    const { state, circuits } = await health.of(ALPHA);
    assert.equal(state, 'UP');
    assert.deepEqual(
      circuits.map(({ kind }) => kind),
      ['SUBMIT', 'LOOKUP', 'READ'],
    );
  });
});

describe('processes on one store', () => {
  it('know together how a provider does: the worst circuit of all, and whose call was the last', async () => {
    const { clock, start, pass } = await openScene();
    const [health, other] = [start(), start('worker-2')];
    health.note(ALPHA, 'SUBMIT', YES);
    await pass(1000);
    other.note(ALPHA, 'SUBMIT', asking(5000));
    const failedAt = clock.now();
    await pass(1000);
    const { state, lastFailureAt, circuits } = await health.of(ALPHA);
    assert.deepEqual([state, lastFailureAt], ['DOWN', failedAt]);
    assert.deepEqual(circuits, [other.circuit(ALPHA, 'SUBMIT')]);
    await pass(4000);
    assert.equal((await health.of(ALPHA)).circuits[0]?.state, 'HALF_OPEN');
    other.note(ALPHA, 'SUBMIT', YES);
    await pass(1000);
    assert.equal((await health.of(ALPHA)).state, 'UP');
    assert.deepEqual((await start('server').of(ALPHA)).circuits[0], other.circuit(ALPHA, 'SUBMIT'));
  });

  it('go by whose call was the last, and by the worst circuit, be it not the latest', async () => {
    const { start, pass } = await openScene();
    const [health, other] = [start(), start('worker-2')];
    other.note(ALPHA, 'LOOKUP', NO);
    health.note(BETA, 'LOOKUP', asking(5000));
    other.note(BETA, 'LOOKUP', asking(6000));
    await pass(6500);
    assert.equal((await health.of(ALPHA)).state, 'DEGRADED');
    health.note(ALPHA, 'LOOKUP', YES);
    assert.equal((await health.of(ALPHA)).state, 'UP');
    health.note(BETA, 'LOOKUP', YES);
    assert.equal((await health.of(BETA)).circuits[0]?.state, 'HALF_OPEN');
  });

  it('of two that are left in peace by a provider, tell of the one that is so for longer', async () => {
    const { clock, start, pass } = await openScene();
    const [health, other] = [start(), start('worker-2')];
    other.note(ALPHA, 'SUBMIT', asking(20_000));
    health.note(ALPHA, 'SUBMIT', asking(10_000));
    await pass(0);
    const [circuit] = (await health.of(ALPHA)).circuits;
    assert.deepEqual(circuit?.retryAt, new Date(clock.now().getTime() + 20_000));
  });

  it('forget what one told half a minute ago and tells no more, and not what one goes on telling', async () => {
    const { start, pass } = await openScene();
    const [gone, staying, asker] = [start('gone'), start('staying'), start('asker')];
    gone.note(ALPHA, 'SUBMIT', asking(3_600_000));
    staying.note(BETA, 'SUBMIT', asking(3_600_000));
    await gone.close();
    await pass(30_000);
    assert.equal((await asker.of(ALPHA)).state, 'DOWN');
    await pass(1);
    assert.equal((await asker.of(ALPHA)).state, 'UNKNOWN');
    await pass(600_000);
    assert.equal((await asker.of(BETA)).state, 'DOWN');
  });

  it('tell at once what is new, then once a second at most, and every ten seconds at least', async () => {
    const at: number[] = [];
    const scene = await openScene((store) => ({
      post(bulletin: Bulletin) {
        at.push(bulletin.at.getTime() - start);
        return store.post(bulletin);
      },
    }));
    const start = scene.clock.now().getTime();
    const health = scene.start();
    for (let ms = 0; ms < 3000; ms += 100) {
      health.note(ALPHA, 'SUBMIT', YES);
      await scene.pass(100);
    }
    await scene.pass(20_500);
    assert.deepEqual(at, [0, 1000, 2000, 3000, 13_000, 23_000]);
    health.note(ALPHA, 'SUBMIT', NO);
    await scene.pass(500);
    assert.deepEqual(at.slice(6), [23_500 + 500]);
  });

  it('tell nothing any more after the close, and leave no timer behind', async () => {
    const { clock, start, pass, told } = await openScene();
    const health = start();
    health.note(ALPHA, 'SUBMIT', YES);
    await pass(5000);
    await health.close();
    assert.equal(clock.pending(), 0);
    const before = await told();
    health.note(ALPHA, 'SUBMIT', NO);
    await pass(60_000);
    assert.deepEqual(await told(), before);
  });

  it('read what the others told once a second, however many ask', async () => {
    let reads = 0;
    const { start, pass } = await openScene((store) => ({
      bulletins(since: Date) {
        reads += 1;
        return store.bulletins(since);
      },
    }));
    const health = start();
    await Promise.all(Array.from({ length: 50 }, () => health.of(ALPHA)));
    assert.equal(reads, 1);
    await pass(999);
    await health.of(BETA);
    assert.equal(reads, 1);
    await pass(1);
    await health.of(BETA);
    assert.equal(reads, 2);
  });

  it('go by themselves while the store is away, or does not answer, and go on telling when it is back', async () => {
    let weather: 'FAIR' | 'AWAY' | 'SILENT' = 'FAIR';
    const through = <T>(call: () => Promise<T>): Promise<T> => {
      if (weather === 'SILENT') return new Promise(() => undefined);
      return weather === 'AWAY' ? Promise.reject(new Error('away')) : call();
    };
    const warned: string[] = [];
    const { start, pass, told } = await openScene((store) => ({
      post: (bulletin: Bulletin) => through(() => store.post(bulletin)),
      bulletins: (since: Date) => through(() => store.bulletins(since)),
    }));
    const health = start('worker-1', { ...silentLog, warn: (_fields, message) => void warned.push(message) });
    weather = 'AWAY';
    health.note(ALPHA, 'SUBMIT', asking(3_600_000));
    assert.equal((await health.of(ALPHA)).state, 'DOWN');
    assert.equal(await health.usualMs(ALPHA), null);
    await pass(10_000);
    assert.equal(warned.length, 1);
    assert.deepEqual(await told(), []);
    weather = 'FAIR';
    await pass(1000);
    assert.equal((await told()).length, 1);
    const asker = start('asker');
    assert.equal((await asker.of(ALPHA)).state, 'DOWN');
    await pass(1000);
    weather = 'SILENT';
    asker.note(BETA, 'SUBMIT', YES);
    const waiting = asker.of(BETA);
    await pass(1000);
    assert.equal((await waiting).state, 'UP');
    assert.equal((await asker.of(ALPHA)).state, 'DOWN');
  });

  it('ignore what they cannot read', async () => {
    const { clock, store, start, pass } = await openScene();
    const health = start();
    health.note(ALPHA, 'SUBMIT', asking(60_000));
    health.noteTime(ALPHA, 1000);
    await pass(1000);
    const [own] = await store.bulletins(new Date(0));
    assert.ok(own);
    const told = JSON.parse(own.text);
    const viewWith = (changes: object): unknown => ({ ...told.providers.ALPHA, ...changes });
    const [fuse] = told.providers.ALPHA.fuses;
    const damaged: unknown[] = [
      ...[null, 7, 'x', [], {}, { ...told, version: 2 }, { ...told, providers: null }],
      ...[null, {}, viewWith({ fuses: 'none' }), viewWith({ failing: null }), viewWith({ times: 5 })].map((view) => ({
        ...told,
        providers: { ALPHA: view },
      })),
      ...[{ kind: 'OTHER' }, { since: null }, { since: 'noon' }, { retryAt: 5 }, { reason: 5 }].map((changes) => ({
        ...told,
        providers: { ALPHA: viewWith({ fuses: [{ ...fuse, ...changes }] }) },
      })),
      ...[{ meanMs: -1 }, { meanMs: '1' }, { count: 0 }, { count: null }].map((changes) => ({
        ...told,
        providers: { ALPHA: viewWith({ times: { meanMs: 1, count: 1, ...changes } }) },
      })),
    ];
    await health.close();
    const texts = ['', '{', own.text.slice(0, -3), ...damaged.map((one) => JSON.stringify(one))];
    for (const [at, text] of texts.entries()) {
      await store.post({ process: own.process, at: new Date(0), text: own.text });
      await store.post({ process: `stranger-${at}`, at: clock.now(), text });
      const asker = start(`asker-${at}`);
      assert.deepEqual([(await asker.of(ALPHA)).state, await asker.usualMs(ALPHA)], ['UNKNOWN', null], text);
    }
    await store.post({ process: 'stranger', at: clock.now(), text: own.text });
    const asker = start('asker');
    assert.deepEqual([(await asker.of(ALPHA)).state, await asker.usualMs(ALPHA)], ['DOWN', 1000]);
  });
});

describe('the usual time of a provider', () => {
  it('is not known until a payout was completed there, and then moves with each, the later the more', async () => {
    const { start } = await openScene();
    const health = start();
    assert.equal(await health.usualMs(ALPHA), null);
    health.noteTime(ALPHA, 1000);
    assert.equal(await health.usualMs(ALPHA), 1000);
    health.noteTime(ALPHA, 2000);
    assert.equal(await health.usualMs(ALPHA), 1500);
    for (let more = 0; more < 100; more += 1) health.noteTime(ALPHA, 8000);
    const usual = (await health.usualMs(ALPHA)) ?? 0;
    assert.ok(usual > 7900 && usual <= 8000, `${usual} ms`);
    for (const strange of [-1, Number.NaN, Number.POSITIVE_INFINITY]) health.noteTime(ALPHA, strange);
    assert.equal(await health.usualMs(ALPHA), usual);
    assert.equal(await health.usualMs(BETA), null);
    assert.equal((await health.of(ALPHA)).state, 'UNKNOWN');
  });

  it('is what all processes of a day saw, each for as many payouts as it saw', async () => {
    const { start, pass } = await openScene();
    const [one, other] = [start('one'), start('other')];
    for (let more = 0; more < 3; more += 1) one.noteTime(ALPHA, 1000);
    await pass(1000);
    await one.close();
    await pass(23 * HOUR_MS);
    other.noteTime(ALPHA, 5000);
    assert.equal(await other.usualMs(ALPHA), 2000);
    await pass(1000);
    assert.equal(await start('asker').usualMs(ALPHA), 2000);
    await pass(HOUR_MS);
    assert.equal(await start('asker').usualMs(ALPHA), 5000);
  });

  it('is not what one process saw alone, however many payouts that were', async () => {
    const { store, start, pass, told } = await openScene();
    const [busy, calm, asker] = [start('busy'), start('calm'), start('asker')];
    for (let more = 0; more < 5000; more += 1) busy.noteTime(ALPHA, 1000);
    for (let more = 0; more < 100; more += 1) calm.noteTime(ALPHA, 3000);
    await pass(1000);
    for (const one of [asker, busy]) assert.equal(Math.round((await one.usualMs(ALPHA)) ?? 0), 2000);
    const [bulletin] = (await told()).filter(({ process }) => process === 'calm');
    assert.ok(bulletin);
    assert.match(bulletin.text, /"count":100\b/);
    await store.post({ ...bulletin, text: bulletin.text.replace('"count":100', '"count":100000000') });
    assert.equal(Math.round((await start('another').usualMs(ALPHA)) ?? 0), 2000);
  });
});

describe('whoever watches', () => {
  /** Collects what a watch yields, one item after another. */
  function collect(health: Health, signal: AbortSignal) {
    const heard: string[] = [];
    let ended = false;
    const done = (async () => {
      for await (const provider of health.watch(signal)) heard.push(provider);
      ended = true;
    })();
    return { heard, done, hasEnded: () => ended };
  }

  it('is told at once of a change here, and of nothing that is no change', async () => {
    const { start, pass } = await openScene();
    const health = start();
    const { heard } = collect(health, new AbortController().signal);
    await pass(0);
    health.note(ALPHA, 'SUBMIT', YES);
    health.note(ALPHA, 'SUBMIT', YES);
    await pass(0);
    assert.deepEqual(heard, [ALPHA]);
    health.note(ALPHA, 'SUBMIT', YES);
    health.noteTime(ALPHA, 1000);
    await pass(5000);
    assert.deepEqual(heard, [ALPHA]);
    health.note(ALPHA, 'SUBMIT', NO);
    await pass(0);
    assert.deepEqual(heard, [ALPHA, ALPHA]);
  });

  it('is told within a second of a change in another process, and of what time changes', async () => {
    const { start, pass } = await openScene();
    const [health, other] = [start(), start('worker-2')];
    const { heard } = collect(health, new AbortController().signal);
    await pass(500);
    other.note(ALPHA, 'SUBMIT', asking(5000));
    await pass(1000);
    assert.deepEqual(heard, [ALPHA]);
    assert.equal((await health.of(ALPHA)).state, 'DOWN');
    await pass(4500);
    assert.deepEqual(heard, [ALPHA, ALPHA]);
    assert.equal((await health.of(ALPHA)).state, 'DEGRADED');
    await other.close();
    await pass(31_000);
    assert.deepEqual(heard, [ALPHA, ALPHA, ALPHA]);
    assert.equal((await health.of(ALPHA)).state, 'UNKNOWN');
  });

  it('is told once of many changes that it has not taken yet', async () => {
    const { start, pass } = await openScene();
    const health = start();
    const leaving = new AbortController();
    const changes = health.watch(leaving.signal)[Symbol.asyncIterator]();
    for (let more = 0; more < 1000; more += 1) {
      for (const id of [ALPHA, BETA]) health.note(id, 'SUBMIT', more % 2 ? YES : NO);
    }
    assert.deepEqual([(await changes.next()).value, (await changes.next()).value], [ALPHA, BETA]);
    const waiting = changes.next();
    await pass(0);
    leaving.abort();
    assert.deepEqual(await waiting, { done: true, value: undefined });
  });

  it('reads the store while it watches, and nobody does after it has left', async () => {
    let reads = 0;
    const { clock, start, pass } = await openScene((store) => ({
      bulletins(since: Date) {
        reads += 1;
        return store.bulletins(since);
      },
    }));
    const health = start();
    const [first, second] = [new AbortController(), new AbortController()];
    const watching = [collect(health, first.signal), collect(health, second.signal)];
    await pass(3000);
    assert.equal(reads, 4);
    first.abort();
    await watching[0]?.done;
    await pass(2000);
    assert.equal(reads, 6);
    second.abort();
    await watching[1]?.done;
    assert.equal(clock.pending(), 0);
    await pass(60_000);
    assert.equal(reads, 6);
    const again = new AbortController();
    collect(health, again.signal);
    await pass(1000);
    assert.equal(reads, 8);
    again.abort();
  });

  it('hears nothing of what has changed before it came', async () => {
    const { start, pass } = await openScene();
    const [health, other] = [start(), start('worker-2')];
    other.note(ALPHA, 'SUBMIT', NO);
    const leaving = new AbortController();
    const { heard } = collect(health, leaving.signal);
    await pass(1500);
    assert.deepEqual(heard, [ALPHA]);
    leaving.abort();
    await other.close();
    await pass(60_000);
    health.note(BETA, 'SUBMIT', NO);
    const later = collect(health, new AbortController().signal);
    await pass(3000);
    assert.deepEqual(later.heard, []);
  });

  it('hears the end when the process closes, and at once when it comes later', async () => {
    const { clock, start, pass } = await openScene();
    const health = start();
    const watching = collect(health, new AbortController().signal);
    await pass(0);
    await health.close();
    await watching.done;
    await collect(health, new AbortController().signal).done;
    assert.equal(clock.pending(), 0);
    const gone = new AbortController();
    gone.abort();
    await collect(start('worker-2'), gone.signal).done;
  });
});

describe('a worker', () => {
  const failure = {
    code: 'PROVIDER_REFUSED',
    message: 'no',
    vendorCode: null,
    vendorMessage: null,
    retryable: false,
  } as const;
  const away = { kind: 'notTaken', retryAfterMs: null, vendorCode: null, cause: 'x' } as const;
  const outcomes: readonly (readonly [SendOutcome, string])[] = [
    [{ kind: 'rejected', failure }, 'UP'],
    [{ kind: 'exists', vendorCode: null, cause: 'there is one' }, 'UP'],
    [{ ...away, reason: 'HOURS' }, 'UP'],
    [{ ...away, reason: 'NEVER_LEFT' }, 'DEGRADED'],
    [{ ...away, reason: 'MAINTENANCE' }, 'DEGRADED'],
    [{ ...away, reason: 'RATE_LIMITED' }, 'DEGRADED'],
    [{ ...away, reason: 'CREDENTIALS' }, 'DEGRADED'],
    [{ kind: 'unknown', vendorCode: null, cause: 'cut' }, 'DEGRADED'],
  ];

  /** What it notes of a desk, in order, as `SUBMIT` or `!SUBMIT`, and how the desk does after the first. */
  async function watchWorker(outcome: SendOutcome, passMs = 0) {
    const side = await openWriteSide();
    const health = createHealth({ store: side.store, clock: side.clock, log: silentLog, process: 'worker-1' });
    const noted: string[] = [];
    const states: Promise<string>[] = [];
    const note: Health['note'] = (id, kind, result) => {
      health.note(id, kind, result);
      noted.push(`${result.answered ? '' : '!'}${kind}`);
      states.push(health.of(id).then(({ state }) => state));
    };
    try {
      const desk = createDesk(side.clock);
      desk.answer('submit', outcome);
      await side.create();
      await side.startWorker(desk.provider, { health: { ...health, note } }).idle();
      await side.pass(passMs);
      return { noted, state: await states[0] };
    } finally {
      await health.close();
      await side.close();
    }
  }

  for (const [outcome, state] of outcomes) {
    const name = 'reason' in outcome ? `${outcome.kind} ${outcome.reason}` : outcome.kind;
    it(`takes ${name} for ${state === 'UP' ? 'an answer' : 'none'}`, async () => {
      const { noted, state: found } = await watchWorker(outcome);
      assert.deepEqual([noted[0], found], [state === 'UP' ? 'SUBMIT' : '!SUBMIT', state]);
    });
  }

  it('notes creates as sends, and all that follows as look-ups', async () => {
    const { noted } = await watchWorker({ kind: 'accepted', report: null }, 60_000);
    assert.deepEqual(noted.slice(0, 2), ['SUBMIT', 'LOOKUP']);
    assert.equal(noted.filter((one) => one === 'SUBMIT').length, 1);
  });
});
