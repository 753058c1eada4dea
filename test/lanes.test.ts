import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ProviderId } from '../src/domain/provider.ts';
import { createBreaker } from '../src/health-breaker.ts';
import { createLane, createPace, type Lane, type LaneParts, type Noted, resultOf } from '../src/lanes.ts';
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
  const pace = createPace(providers, clock);
  const lane = createLane({ states: ['QUEUED'], kind: 'SUBMIT', providers, size: 16, pace, health, ...changes });
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
    lane.enter(ALPHA);
    assert.equal(places(), 0);
    note(absent);
    assert.equal(places(), 15);
  });

  it('gives the place after a pause again where nothing came of it, and not while an older call is still under way', async () => {
    const { lane, clock, note, places } = openLane();
    lane.enter(ALPHA);
    note(asking(1000));
    await clock.advance(1000);
    assert.equal(places(), 0);
    lane.leave(ALPHA);
    assert.equal(places(), 1);
    lane.enter(ALPHA);
    lane.leave(ALPHA);
    assert.equal(places(), 1);
  });

  it('pauses for its own provider and its own kind of call alone', () => {
    const { lane, health, note } = openLane();
    note(asking(1000));
    assert.deepEqual([...lane.free().keys()], [BETA]);
    const looks = openLane('worker-1', { kind: 'LOOKUP', health });
    assert.deepEqual([...looks.lane.free().keys()], [ALPHA, BETA]);
  });

  it("leaves a fifth of its provider's limit to the others, and takes what they leave", async () => {
    const clock = createManualClock();
    const providers = [plainProvider(ALPHA, { callsPerMinute: 60 })];
    const pace = createPace(providers, clock);
    const parts = { providers, size: 16, pace, health: createBreaker(clock, 'worker-1') };
    const sends = createLane({ ...parts, states: ['QUEUED'], kind: 'SUBMIT' });
    const looks = createLane({ ...parts, states: ['PROCESSING'], kind: 'LOOKUP' });
    const freeOf = (lane: Lane) => lane.free().get(ALPHA) ?? 0;
    assert.deepEqual([freeOf(sends), freeOf(looks)], [8, 8]);
    for (let times = 0; times < 8; times += 1) sends.enter(ALPHA);
    assert.deepEqual([freeOf(sends), freeOf(looks)], [0, 2]);
    for (let times = 0; times < 2; times += 1) looks.enter(ALPHA);
    await clock.advance(9999);
    assert.deepEqual([freeOf(sends), freeOf(looks)], [0, 0]);
    await clock.advance(1);
    for (let times = 0; times < 8; times += 1) sends.leave(ALPHA);
    assert.deepEqual([freeOf(sends), freeOf(looks)], [8, 8]);
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
