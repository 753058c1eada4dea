import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createCatalogue } from '../src/catalogue.ts';
import type { AssetTerms, Call, ProviderId, ReadOutcome, ReferenceEntry } from '../src/domain/provider.ts';
import { createBreaker } from '../src/health-breaker.ts';
import { createManualClock } from './support/clock.ts';
import { silentLog } from './support/log.ts';
import { plainProvider } from './support/write-side.ts';

const ALPHA = 'ALPHA' as ProviderId;
const DOWN = { kind: 'unavailable', retryAfterMs: null, cause: 'no answer' } as const;
const termsOf = (currency: string): readonly AssetTerms[] => [
  { currency, network: null, minAmount: null, maxAmount: null, fee: null, feeModes: ['ADD'] },
];
const entryOf = (value: string): ReferenceEntry => ({ value, label: null, localName: null, code: null, children: [] });

/** A provider that answers what the test says, and counts the questions. */
function openScene(enabled = [true]) {
  const clock = createManualClock();
  const breaker = createBreaker(clock, 'worker-1');
  let assets: ReadOutcome<readonly AssetTerms[]> = { kind: 'known', value: termsOf('LIVE') };
  let entries: ReadOutcome<readonly ReferenceEntry[]> = { kind: 'known', value: [entryOf('Salary')] };
  const asked: string[] = [];
  let call: Call | null = null;
  let gate: Promise<unknown> = Promise.resolve();
  const provider = plainProvider(ALPHA, {
    accounts: enabled.map((on, at) => ({ name: `account${at}`, fingerprint: `f${at}`, enabled: on })),
    knownAssets: termsOf('PAGES'),
    referenceKinds: ['PURPOSES'],
    async assets(account, given) {
      asked.push(account);
      call = given;
      await gate;
      return assets;
    },
    async reference(account) {
      asked.push(account);
      return entries;
    },
  });
  return {
    clock,
    asked,
    breaker,
    catalogue: createCatalogue({ providers: [provider], health: breaker, clock, log: silentLog }),
    call: () => call,
    say: (outcome: typeof assets) => {
      assets = outcome;
    },
    list: (outcome: typeof entries) => {
      entries = outcome;
    },
    hold: (until: Promise<unknown>) => {
      gate = until;
    },
  };
}

describe('the catalogue', () => {
  it('asks once in ten minutes, however many want to know, and with the first account that is on', async () => {
    const { clock, asked, catalogue } = openScene([false, true, true]);
    const answers = await Promise.all(Array.from({ length: 20 }, () => catalogue.assets(ALPHA)));
    for (const answer of answers) assert.deepEqual(answer, termsOf('LIVE'));
    await clock.advance(599_999);
    await catalogue.assets(ALPHA);
    assert.deepEqual(asked, ['account1']);
    await clock.advance(1);
    await catalogue.assets(ALPHA);
    assert.deepEqual(asked, ['account1', 'account1']);
  });

  it('shows what its pages say until it has answered once, and what it last said from then on', async () => {
    const { clock, catalogue, say } = openScene();
    assert.deepEqual(catalogue.knownAssets(ALPHA), termsOf('PAGES'));
    say(DOWN);
    assert.deepEqual(await catalogue.assets(ALPHA), termsOf('PAGES'));
    say({ kind: 'known', value: termsOf('LIVE') });
    await clock.advance(30_000);
    assert.deepEqual(await catalogue.assets(ALPHA), termsOf('LIVE'));
    say(DOWN);
    await clock.advance(600_000);
    assert.deepEqual(await catalogue.assets(ALPHA), termsOf('LIVE'));
    assert.deepEqual(catalogue.knownAssets(ALPHA), termsOf('LIVE'));
  });

  it('leaves a provider that did not answer alone for half a minute, or as long as it says', async () => {
    const { clock, asked, catalogue, list } = openScene();
    list(DOWN);
    const first = await catalogue.reference(ALPHA, 'PURPOSES');
    const retryAt = new Date(clock.now().getTime() + 30_000);
    assert.deepEqual(first, { kind: 'unavailable', retryAt, cause: 'no answer' });
    await clock.advance(29_999);
    assert.deepEqual(await catalogue.reference(ALPHA, 'PURPOSES'), first);
    assert.equal(asked.length, 1);
    list({ ...DOWN, retryAfterMs: 120_000 });
    await clock.advance(1);
    await catalogue.reference(ALPHA, 'PURPOSES');
    await clock.advance(119_999);
    await catalogue.reference(ALPHA, 'PURPOSES');
    assert.equal(asked.length, 2);
  });

  it('tells the breaker how its questions end, and asks nothing that the breaker does not let through', async () => {
    const { clock, asked, breaker, catalogue, say, list } = openScene();
    assert.deepEqual(await catalogue.assets(ALPHA), termsOf('LIVE'));
    assert.equal(breaker.circuit(ALPHA, 'READ').state, 'CLOSED');
    list({ ...DOWN, retryAfterMs: 120_000 });
    await catalogue.reference(ALPHA, 'PURPOSES');
    const { state, reason, retryAt } = breaker.circuit(ALPHA, 'READ');
    assert.deepEqual([state, reason], ['OPEN', 'no answer']);
    breaker.note(ALPHA, 'READ', { answered: false, cause: 'no answer', retryAfterMs: 3_600_000 });
    say(DOWN);
    await clock.advance(600_000);
    assert.ok(retryAt && clock.now() > retryAt);
    assert.deepEqual(await catalogue.assets(ALPHA), termsOf('LIVE'));
    assert.equal(asked.length, 2);
    await clock.advance(3_000_000);
    await Promise.all([catalogue.assets(ALPHA), catalogue.reference(ALPHA, 'PURPOSES')]);
    assert.equal(asked.length, 3);
    assert.equal(breaker.circuit(ALPHA, 'READ').state, 'OPEN');
  });

  it('gives up waiting at the deadline', async () => {
    const { clock, catalogue, hold, call } = openScene();
    const answered = Promise.withResolvers<void>();
    hold(answered.promise);
    const waiting = catalogue.assets(ALPHA);
    assert.equal(call()?.signal.aborted, false);
    await clock.advance(10_000);
    assert.equal(call()?.signal.aborted, true);
    answered.resolve();
    await waiting;
    assert.equal(clock.pending(), 0);
  });

  it('asks nobody where every account is off, and says so of words', async () => {
    const { asked, catalogue } = openScene([false]);
    assert.deepEqual(await catalogue.assets(ALPHA), termsOf('PAGES'));
    assert.equal((await catalogue.reference(ALPHA, 'PURPOSES')).kind, 'unsupported');
    assert.deepEqual(asked, []);
  });

  it('knows nothing of a provider that is not there, and has no list of a kind that the provider has not', async () => {
    const { asked, catalogue } = openScene();
    assert.deepEqual(await catalogue.assets('NOBODY' as ProviderId), []);
    assert.equal((await catalogue.reference('NOBODY' as ProviderId, 'PURPOSES')).kind, 'unsupported');
    assert.equal((await catalogue.reference(ALPHA, 'AREAS')).kind, 'unsupported');
    assert.deepEqual(asked, []);
  });

  it('hands on a refusal, and prefers what was listed before', async () => {
    const { clock, catalogue, list } = openScene();
    const refused = { kind: 'rejected', vendorCode: '10002', vendorMessage: 'no' } as const;
    list(refused);
    assert.deepEqual(await catalogue.reference(ALPHA, 'PURPOSES'), refused);
    list({ kind: 'known', value: [entryOf('Salary')] });
    await clock.advance(30_000);
    const known = { kind: 'known', entries: [entryOf('Salary')] };
    assert.deepEqual(await catalogue.reference(ALPHA, 'PURPOSES'), known);
    list(refused);
    await clock.advance(600_000);
    assert.deepEqual(await catalogue.reference(ALPHA, 'PURPOSES'), known);
  });
});
