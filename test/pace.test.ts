import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ProviderId } from '../src/domain/provider.ts';
import { CALL_KINDS, type CallKind } from '../src/health.ts';
import { createPace, type Share } from '../src/pace.ts';
import { createManualClock } from './support/clock.ts';
import { plainProvider } from './support/write-side.ts';

const ALPHA = 'ALPHA' as ProviderId;

/** A pace of so many calls a minute; 60 are ten in ten seconds. */
function openPace(callsPerMinute: number | null = 60) {
  const clock = createManualClock();
  const pace = createPace([plainProvider(ALPHA, { callsPerMinute })], clock);
  const shares = { SUBMIT: pace.share('SUBMIT'), LOOKUP: pace.share('LOOKUP'), READ: pace.share('READ') };
  const left = () => CALL_KINDS.map((kind) => shares[kind].left(ALPHA));
  const call = (kind: CallKind, times = 1): void => {
    for (let time = 0; time < times; time += 1) {
      const turn = shares[kind].take(ALPHA);
      assert.ok(turn, `${kind} ${time + 1}`);
      turn.use();
      turn.end();
    }
  };
  return { clock, shares, left, call };
}

/** How many are called until there are none left. */
function exhaust(share: Share): number {
  let made = 0;
  for (let turn = share.take(ALPHA); turn !== null && made < 1000; turn = share.take(ALPHA)) {
    turn.use();
    made += 1;
  }
  return made;
}

describe('the pace of a published limit', () => {
  it('lets each kind of call take what the others leave, and leaves each of them its least', () => {
    const { left, call } = openPace();
    assert.deepEqual(left(), [7, 7, 5]);
    call('SUBMIT', 7);
    assert.deepEqual(left(), [0, 1, 2]);
    call('LOOKUP');
    assert.deepEqual(left(), [0, 0, 2]);
    call('READ', 2);
    assert.deepEqual(left(), [0, 0, 0]);
    const asked = openPace();
    asked.call('READ', 5);
    assert.deepEqual(asked.left(), [4, 4, 0]);
    asked.call('LOOKUP', 4);
    assert.deepEqual(asked.left(), [1, 0, 0]);
  });

  it('counts a call for a window from its beginning, and from when it is taken until then', async () => {
    const { clock, shares, left } = openPace();
    const turn = shares.SUBMIT.take(ALPHA);
    await clock.advance(60_000);
    assert.deepEqual(left(), [6, 7, 5]);
    turn?.use();
    turn?.end();
    await clock.advance(9999);
    assert.deepEqual(left(), [6, 7, 5]);
    await clock.advance(1);
    assert.deepEqual(left(), [7, 7, 5]);
  });

  it('does not count a call that was not made', () => {
    const { shares, left } = openPace();
    shares.SUBMIT.take(ALPHA)?.end();
    assert.deepEqual(left(), [7, 7, 5]);
  });

  it('is never more in any window than the limit, whoever wants what and when', async () => {
    for (const callsPerMinute of [1, 2, 3, 5, 17, 100, 600]) {
      const { clock, shares } = openPace(callsPerMinute);
      const at: number[] = [];
      const windowMs = (Math.min(10, callsPerMinute) * 60_000) / callsPerMinute;
      let seed = 7;
      const draw = (below: number): number => {
        seed = (seed * 48_271) % 2_147_483_647;
        return seed % below;
      };
      for (let round = 0; round < 500; round += 1) {
        const kind = CALL_KINDS[draw(3)] ?? 'READ';
        for (let more = draw(6); more > 0; more -= 1) {
          const turn = shares[kind].take(ALPHA);
          if (turn !== null && draw(4) > 0) {
            turn.use();
            at.push(clock.now().getTime());
          }
          turn?.end();
        }
        await clock.advance(draw(Math.ceil(windowMs / 2)));
      }
      const most = Math.max(...at.map((from) => at.filter((one) => one >= from && one < from + windowMs).length));
      assert.equal(most, Math.min(10, callsPerMinute), `${callsPerMinute} a minute`);
    }
  });

  it('says when the next call is free, and how many there will be in a time', async () => {
    const { clock, shares, call } = openPace();
    const start = clock.now().getTime();
    assert.equal(shares.READ.freeAt(ALPHA, 5).getTime(), start);
    call('READ', 3);
    await clock.advance(4000);
    call('READ', 2);
    assert.equal(shares.READ.freeAt(ALPHA, 1).getTime(), start + 10_000);
    assert.equal(shares.READ.freeAt(ALPHA, 4).getTime(), start + 14_000);
    assert.equal(shares.READ.most(ALPHA), 5);
    assert.equal(shares.READ.leftWithin(ALPHA, 9999), 0);
    assert.equal(shares.READ.leftWithin(ALPHA, 20_000), 10);
    await clock.advance(6000);
    assert.equal(shares.READ.left(ALPHA), 3);
  });

  it('is shared out by who comes first where it is too low to leave anybody a part', () => {
    for (const [callsPerMinute, most] of [
      [1, 1],
      [2, 1],
      [3, 2],
    ] as const) {
      assert.equal(exhaust(openPace(callsPerMinute).shares.SUBMIT), most);
    }
    assert.equal(exhaust(openPace(4).shares.SUBMIT), 1);
  });

  it('is none where no limit is published', () => {
    const { shares, call } = openPace(null);
    call('SUBMIT', 100);
    assert.equal(shares.READ.left(ALPHA), Infinity);
    assert.equal(shares.READ.leftWithin(ALPHA, 0), Infinity);
  });
});
