import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Provider, ProviderId } from '../src/domain/provider.ts';
import { createBreaker } from '../src/health-breaker.ts';
import { createLane, type Lane, type LaneParts, type Noted, resultOf } from '../src/lanes.ts';
import { createPace } from '../src/pace.ts';
import { createManualClock, type ManualClock } from './support/clock.ts';
import { plainProvider } from './support/write-side.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const [ALPHA, BETA] = ['ALPHA', 'BETA'] as ProviderId[] as [ProviderId, ProviderId];
const down: Noted = { kind: 'unavailable', retryAfterMs: null, cause: 'down' };
const absent: Noted = { kind: 'absent' };
const asking = (retryAfterMs: number): Noted => ({ ...down, retryAfterMs });

/** A lane of sends with its breaker; `note` tells how a call of it ended. */
function openLane(owner = 'worker-1', changes: Partial<LaneParts> = {}) {
  const clock = createManualClock();
  const health = createBreaker(clock, owner);
  const providers = [plainProvider(ALPHA), plainProvider(BETA)];
  const places = { states: ['QUEUED'], kind: 'SUBMIT', providers, size: 16, patienceMs: 20_000 } as const;
  const lane = createLane({ ...places, pace: createPace(providers, clock), health, clock, ...changes });
  const note = (outcome: Noted, times = 1): void => {
    for (let time = 0; time < times; time += 1) health.note(ALPHA, lane.kind, resultOf(outcome));
  };
  return { clock, health, lane, note, places: () => lane.free().get(ALPHA) ?? 0 };
}

/** How long until it is open again, to one step. */
async function pauseOf(lane: Lane, clock: ManualClock, stepMs = 10): Promise<number> {
  let ms = 0;
  for (; !lane.free().has(ALPHA); ms += stepMs) await clock.advance(stepMs);
  return ms;
}

/** The pauses after one failure each, once patience is over. */
async function pausesOf(owner: string, count: number): Promise<readonly number[]> {
  const { lane, clock, note } = openLane(owner);
  note(down, 4);
  assert.equal(await pauseOf(lane, clock), 0);
  const pauses: number[] = [];
  while (pauses.length < count) {
    note(down);
    pauses.push(await pauseOf(lane, clock));
  }
  return pauses;
}

describe('a lane', () => {
  it('pauses twice as long each time that its provider fails again, up to a minute or so', async () => {
    for (const [turnNumber, ms] of (await pausesOf('worker-1', 12)).entries()) {
      const middle = Math.min(1000 * 2 ** turnNumber, MINUTE_MS);
      assert.ok(ms >= 0.75 * middle && ms <= 1.25 * middle + 10, `${ms} ms for ${middle}`);
    }
  });

  it('does not come back together with that of another process that failed with it, however long the pause', async () => {
    const [one, other] = [await pausesOf('worker-1', 10), await pausesOf('worker-2', 10)];
    assert.ok(one.every((ms, at) => ms !== other[at]));
  });

  it('takes calls that were under way together, and fail together, for one failure', async () => {
    const { lane, clock, note } = openLane();
    note(down, 16);
    assert.ok((await pauseOf(lane, clock)) <= 1250 + 10);
  });

  it('is not opened early by a call that was under way when its provider asked for longer', async () => {
    const { lane, clock, note } = openLane();
    note(asking(30_000));
    note(asking(1000));
    note(down, 16);
    note(absent);
    assert.equal(await pauseOf(lane, clock), 30_000);
  });

  it('stays away as long as its provider asks, up to an hour', async () => {
    for (const [asked, ms] of [
      [10 * MINUTE_MS, 10 * MINUTE_MS],
      [30 * HOUR_MS, HOUR_MS],
    ] as const) {
      const { lane, clock, note } = openLane();
      note(asking(asked));
      assert.equal(await pauseOf(lane, clock, 1000), ms);
    }
  });

  it('has one place after a pause, however many it had, and all of them after an answer', async () => {
    const { lane, clock, note, places } = openLane();
    assert.equal(places(), 16);
    note(asking(1000));
    assert.equal(places(), 0);
    await clock.advance(1000);
    assert.equal(places(), 1);
    assert.ok(lane.enter(ALPHA));
    assert.equal(places(), 0);
    assert.equal(lane.enter(ALPHA), null);
    note(absent);
    assert.equal(places(), 15);
  });

  it('gives the place after a pause again where nothing came of it, and not while an older call is still under way', async () => {
    const { lane, clock, note, places } = openLane();
    const old = lane.enter(ALPHA);
    note(asking(1000));
    await clock.advance(1000);
    assert.equal(places(), 0);
    old?.end();
    assert.equal(places(), 1);
    lane.enter(ALPHA)?.end();
    assert.equal(places(), 1);
  });

  it('pauses for its own provider and its own kind of call alone', () => {
    const { lane, health, note } = openLane();
    note(asking(1000));
    assert.deepEqual([...lane.free().keys()], [BETA]);
    const looks = openLane('worker-1', { kind: 'LOOKUP', health });
    assert.deepEqual([...looks.lane.free().keys()], [ALPHA, BETA]);
  });

  it('has several payouts leased for one call where they may share it, as many as have their turn in time if none does', () => {
    const clock = createManualClock();
    const batch = { size: 100, takes: () => true };
    const limited = { batch, callsPerMinute: 100 };
    const leasedAt = (changes: Partial<Provider>, parts: Partial<LaneParts> = {}) => {
      const providers = [plainProvider(ALPHA, changes)];
      return openLane('worker-1', { providers, pace: createPace(providers, clock), ...parts }).places();
    };
    assert.equal(leasedAt({ batch }), 40);
    assert.equal(leasedAt({ batch: { ...batch, size: 20 } }), 20);
    assert.equal(leasedAt({ batch: { ...batch, size: 2 } }), 16);
    // Seven in each of four windows of six seconds.
    assert.equal(leasedAt(limited), 4 * 7);
    assert.equal(leasedAt(limited, { patienceMs: 5999 }), 7);
    assert.equal(leasedAt(limited, { kind: 'LOOKUP' }), 7);
  });

  it('has one payout leased to try a half-open circuit, also where several could share the call', async () => {
    const providers = [plainProvider(ALPHA, { batch: { size: 100, takes: () => true } })];
    const { clock, note, places } = openLane('worker-1', { providers });
    note(asking(1000));
    assert.equal(places(), 0);
    await clock.advance(1000);
    assert.equal(places(), 1);
  });

  it('has nothing leased while anybody waits for what would be its call', async () => {
    const { clock, lane, places } = openLane('worker-1', { size: 1 });
    const { signal } = new AbortController();
    const first = lane.enter(ALPHA);
    const second = lane.wait(ALPHA, signal);
    first?.end();
    assert.equal(places(), 0);
    await clock.advance(250);
    const turn = await second;
    assert.ok(turn);
    turn.end();
    assert.equal(places(), 1);
  });

  it('lets nobody wait for longer than it is patient, past the opening of the circuit, or when it is over', async () => {
    for (const end of ['PATIENCE', 'OPEN', 'STOP'] as const) {
      const { clock, lane, note } = openLane('worker-1', { size: 1 });
      const stop = new AbortController();
      lane.enter(ALPHA);
      let turn: unknown = 'waiting';
      void lane.wait(ALPHA, stop.signal).then((got) => {
        turn = got;
      });
      await clock.advance(19_999);
      assert.equal(turn, 'waiting');
      if (end === 'OPEN') note(asking(60_000));
      if (end === 'STOP') stop.abort();
      await clock.advance(end === 'PATIENCE' ? 1 : end === 'OPEN' ? 250 : 0);
      assert.equal(turn, null, end);
    }
  });
});

describe('what a call came to', () => {
  it('is told in our own words, and never in those that a provider has for the payout of one merchant', () => {
    const gossip = 'John Doe, TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t';
    const passing = { kind: 'notTaken', retryAfterMs: 7000, vendorCode: gossip, cause: gossip } as const;
    const outcomes: readonly Noted[] = [
      ...(['NEVER_LEFT', 'CREDENTIALS', 'MAINTENANCE', 'RATE_LIMITED'] as const).map((reason) => ({
        ...passing,
        reason,
      })),
      { kind: 'unknown', vendorCode: gossip, cause: gossip },
      { kind: 'unknown', vendorCode: '500', cause: gossip },
      { kind: 'unavailable', retryAfterMs: 7000, cause: gossip },
    ];
    const causes = outcomes.map((outcome) => {
      const result = resultOf(outcome);
      assert.ok(!result.answered);
      assert.equal(result.retryAfterMs, 'retryAfterMs' in outcome ? 7000 : null);
      return result.cause;
    });
    assert.equal(new Set(causes).size, outcomes.length);
    assert.ok(!causes.join().includes('Doe'));
    assert.ok(causes.some((cause) => cause.includes('500')));
  });
});
