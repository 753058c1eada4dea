import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { apply, type News, type Source } from '../src/domain/apply.ts';
import { moneyMoved } from '../src/domain/attempt.ts';
import type { AppliedReport, Payout, PayoutAction } from '../src/domain/payout.ts';
import type { ProviderId, StatusReport } from '../src/domain/provider.ts';
import { firstGeneration, isSuspect, knownMoneyMoved, lostSince, mayBeElsewhere } from '../src/domain/restore.ts';
import type { RouteDecision, RouteVerdict } from '../src/domain/route.ts';
import { concernOf, nextStep, type Step } from '../src/domain/step.ts';
import type { Restored } from '../src/domain/store.ts';
import { afterNoon, NOON, sampleAttempt, samplePayout, sampleSend } from './support/payouts.ts';
import { plainProvider, reportOf } from './support/write-side.ts';

const WORKER: Source = { source: 'SUBMIT', actor: 'worker', fence: null };
const HOUR_MS = 3_600_000;

/** The store was copied an hour after noon, and put back later. */
const RESTORED: Restored = { generation: 1, lostSince: afterNoon(HOUR_MS), open: true };
const NOW = afterNoon(2 * HOUR_MS);

const fresh = {
  number: 1,
  provider: 'ALPHA' as ProviderId,
  account: 'default',
  fingerprint: 'project-1',
  orderNumber: 'ORDER1',
  bodyDigest: 'b1',
};
const suspected = (changes: { attempt?: typeof fresh; calledOff?: boolean } = {}): News => ({
  kind: 'suspected',
  attempt: fresh,
  calledOff: false,
  ...changes,
});
const looked = (report: Partial<StatusReport> | null): News => ({
  kind: 'looked',
  attempt: 1,
  askedAt: NOW,
  outcome: report === null ? { kind: 'absent' } : { kind: 'found', report: reportOf({ askedAt: NOW, ...report }) },
  absence: { looks: 1, apartMs: 0, afterMs: 0 },
});

const REPORT: AppliedReport = {
  state: 'AWAITING_CONFIRMATION',
  askedAt: afterNoon(1000),
  vendorStatus: 'awaiting',
  vendorMessage: null,
  transactionHash: null,
  fees: [],
  debits: [],
  received: null,
  moneyMoved: 'NO',
  failure: null,
  allows: ['CONFIRM', 'CANCEL'],
};

const ended = { endedAt: afterNoon(1000) };
const notTaken = sampleAttempt({ orderNumber: 'ORDER1', sends: [sampleSend({ outcome: 'NOT_TAKEN', ...ended })] });
const doubtful = sampleAttempt({ orderNumber: 'ORDER1', sends: [sampleSend({ outcome: 'UNKNOWN', ...ended })] });
const held = sampleAttempt({
  orderNumber: 'ORDER1',
  providerReference: 'ref-1',
  sends: [sampleSend({ outcome: 'ACCEPTED', ...ended })],
  report: REPORT,
});

/** Payouts of the copy, in each situation in which something could be sent. */
const COPY = {
  queued: samplePayout(),
  'queued, once not taken': samplePayout({ attempts: [notTaken] }),
  'in doubt, and proven absent': samplePayout({ state: 'IN_DOUBT', told: 'IN_DOUBT', attempts: [notTaken] }),
  'in doubt': samplePayout({ state: 'IN_DOUBT', told: 'IN_DOUBT', attempts: [doubtful] }),
  'held at its provider': samplePayout({
    state: 'AWAITING_CONFIRMATION',
    told: 'AWAITING_CONFIRMATION',
    attempts: [held],
  }),
} as const satisfies Readonly<Record<string, Payout>>;

const ALPHA = plainProvider('ALPHA', { repeatWindowMs: 24 * HOUR_MS });

function follow(payout: Payout, news: News, now = NOW): Payout {
  const applied = apply(payout, news, WORKER, now, RESTORED);
  assert.ok(applied, `${news.kind} changes something in ${payout.state}`);
  return applied.payout;
}

function stepOf(payout: Payout, provider = ALPHA, now = NOW): string {
  const step: Step = nextStep(payout, provider, now, RESTORED);
  if (step.kind === 'tell') return step.news.kind === 'flagged' ? step.news.reason : step.news.kind;
  if (step.kind === 'send') return step.send;
  return step.kind === 'follow' ? step.next.action : step.kind;
}

describe('a payout of a store that was put back', () => {
  for (const [name, payout] of Object.entries(COPY)) {
    it(`is sent nothing before it was asked about: ${name}`, () => {
      const attempt = payout.attempts[0] ?? fresh;
      const actions: readonly PayoutAction[] = ['CONFIRM', 'CANCEL', 'AMEND', 'ATTACH_DOCUMENT', 'COMPLETE_DOCUMENTS'];
      for (const send of ['SUBMIT', 'REPEAT', ...actions] as const) {
        const news: News = { kind: 'begun', send, attempt, request: null };
        assert.equal(apply(payout, news, WORKER, NOW, RESTORED), null, send);
      }
      assert.ok(['suspect', 'look'].includes(stepOf(payout)), stepOf(payout));
    });

    it(`is not closed before it was asked about: ${name}`, () => {
      const late = { ...payout, sendBefore: NOON };
      const failure = {
        code: 'OTHER',
        message: 'no',
        vendorCode: null,
        vendorMessage: null,
        retryable: false,
      } as const;
      for (const news of [{ kind: 'cancelled' }, { kind: 'expired' }, { kind: 'refused', failure }] as const) {
        assert.equal(apply(late, news, WORKER, NOW, RESTORED), null, news.kind);
      }
      assert.ok(['suspect', 'look'].includes(stepOf(late)), stepOf(late));
    });

    it(`says that it does not know whether money moved: ${name}`, () => {
      assert.equal(knownMoneyMoved(payout, RESTORED), 'UNKNOWN');
      assert.equal(knownMoneyMoved(payout, null), moneyMoved(payout));
    });
  }

  it('is put in doubt under the number that it would be sent under, as if it had been since the lost time began', () => {
    const doubted = follow(COPY.queued, suspected());
    assert.equal(doubted.state, 'IN_DOUBT');
    assert.equal(doubted.generation, 1);
    assert.equal(doubted.nextCheckAt?.getTime(), NOW.getTime());
    const [send] = doubted.attempts[0]?.sends ?? [];
    assert.deepEqual([send?.kind, send?.outcome, send?.startedAt, send?.endedAt], ['SUBMIT', 'UNKNOWN', NOON, NOW]);
    assert.equal(moneyMoved(doubted), 'UNKNOWN');
    assert.equal(stepOf(doubted), 'look');
    assert.equal(stepOf(doubted, { ...ALPHA, findsByOrderNumber: 'never' }), 'REPEAT');
  });

  it('is put in doubt once: whoever comes later changes nothing', () => {
    assert.equal(apply(follow(COPY.queued, suspected()), suspected(), WORKER, NOW, RESTORED), null);
    assert.equal(apply(COPY.queued, suspected(), WORKER, NOW, null), null);
    const inStep = { ...COPY.queued, generation: 1 };
    assert.equal(apply(inStep, suspected(), WORKER, NOW, RESTORED), null);
    assert.equal(stepOf(inStep), 'SUBMIT');
  });

  it('that was not taken is doubted under the number that it had, whatever became of its account', () => {
    const elsewhere = { ...ALPHA, accounts: [{ name: 'default', fingerprint: 'project-2', enabled: true }] };
    const step = nextStep(COPY['queued, once not taken'], elsewhere, NOW, RESTORED);
    assert.ok(step.kind === 'suspect' && step.attempt !== null);
    const doubted = follow(COPY['queued, once not taken'], {
      kind: 'suspected',
      attempt: step.attempt,
      calledOff: false,
    });
    assert.deepEqual(
      doubted.attempts.map(({ orderNumber, sends }) => [orderNumber, sends.map(({ outcome }) => outcome)]),
      [['ORDER1', ['NOT_TAKEN', 'UNKNOWN']]],
    );
    assert.equal(stepOf(doubted, elsewhere), 'ACCOUNT_CHANGED');
    assert.equal(apply(COPY.queued, suspected({ attempt: { ...fresh, number: 2 } }), WORKER, NOW, RESTORED), null);
  });

  it('that was in doubt is doubted anew: what was seen before the copy proves nothing of the lost time', () => {
    const seen = { ...doubtful, absentAt: [afterNoon(2000)] };
    const copy = { ...COPY['in doubt'], attempts: [seen] };
    const doubted = follow(copy, { kind: 'suspected', attempt: seen, calledOff: false });
    assert.deepEqual(doubted.attempts[0]?.absentAt, []);
    const rule = { looks: 2, apartMs: 0, afterMs: 60_000 };
    const once: News = { kind: 'looked', attempt: 1, askedAt: NOW, outcome: { kind: 'absent' }, absence: rule };
    // A send of the lost time could still be on its way.
    assert.deepEqual(follow(doubted, once).attempts[0]?.absentAt, []);
  });

  it('is submitted, under the same number and with the same body, once it is proven that it was not taken', () => {
    const absent = follow(follow(COPY.queued, suspected()), looked(null));
    assert.equal(stepOf(absent), 'SUBMIT');
    const step = nextStep(absent, ALPHA, NOW, RESTORED);
    assert.ok(step.kind === 'send' && step.attempt);
    assert.deepEqual([step.attempt.orderNumber, step.attempt.bodyDigest], ['ORDER1', 'b1']);
    assert.ok(
      apply(absent, { kind: 'begun', send: 'SUBMIT', attempt: step.attempt, request: null }, WORKER, NOW, RESTORED),
    );
  });

  it('is not repeated once the time in which a repeat is safe has passed since the lost time began', () => {
    const blind = { ...ALPHA, findsByOrderNumber: 'never', repeatWindowMs: HOUR_MS } as const;
    assert.equal(stepOf(follow(COPY.queued, suspected()), blind), 'REPEAT_WINDOW_OVER');
    const again = { ...COPY.queued, createdAt: NOW };
    const [send] = follow(again, suspected()).attempts[0]?.sends ?? [];
    assert.deepEqual(send?.startedAt, RESTORED.lostSince);
  });

  it('is acted upon only after a status that was asked for since, and by what that allows', () => {
    const copy = COPY['held at its provider'];
    assert.equal(stepOf(copy), 'look');
    const nobody: News = {
      kind: 'looked',
      attempt: 1,
      askedAt: NOW,
      outcome: { kind: 'unavailable', retryAfterMs: null, cause: 'down' },
      absence: null,
    };
    const deaf = follow(copy, nobody);
    assert.equal(stepOf(deaf), 'look');
    assert.ok(deaf.nextCheckAt && deaf.nextCheckAt > NOW, 'it is not asked about without a pause');
    const by = { providerReference: 'ref-1', moneyMoved: 'NO' } as const;
    const still = follow(copy, looked({ ...by, state: 'AWAITING_CONFIRMATION', allows: ['CONFIRM'] }));
    assert.deepEqual([still.generation, stepOf(still)], [1, 'CONFIRM']);
    const gone = follow(copy, looked({ ...by, state: 'PROCESSING', moneyMoved: 'YES', allows: [] }));
    assert.deepEqual([gone.state, stepOf(gone)], ['PROCESSING', 'look']);
  });

  it('does not take a webhook for an answer: it may be from before the copy', () => {
    const report = reportOf({ state: 'PROCESSING', providerReference: 'ref-1' });
    const told = follow(COPY['held at its provider'], { kind: 'reported', attempt: 1, report });
    assert.equal(told.generation, 0);
    assert.equal(stepOf(told), 'look');
  });

  it('takes the word of an operator, who speaks of the world as it is', () => {
    const copy = COPY['in doubt'];
    const next = follow(copy, { kind: 'neverArrived', next: 'SEND_AGAIN', note: 'asked them' });
    assert.deepEqual([next.generation, stepOf(next)], [1, 'SUBMIT']);
    const report = reportOf({ askedAt: NOW, providerReference: 'ref-1' });
    assert.equal(follow(copy, { kind: 'arrived', attempt: 1, report, note: 'seen' }).generation, 1);
  });

  it('that is over stays as it is, and is still moved by evidence', () => {
    const copy = samplePayout({
      state: 'CANCELLED',
      told: 'CANCELLED',
      closure: { state: 'CANCELLED', failure: null },
    });
    assert.equal(isSuspect(copy, RESTORED), true);
    assert.equal(apply(copy, suspected(), WORKER, NOW, RESTORED), null);
    assert.deepEqual([stepOf(copy), knownMoneyMoved(copy, RESTORED)], ['held', 'NO']);
    const late = { ...copy, attempts: [notTaken] };
    assert.equal(follow(late, looked({ state: 'PROCESSING', providerReference: 'ref-1' })).state, 'PROCESSING');
  });

  it('waits where its account is off, unless its time is over and it is only looked for', () => {
    const off = { ...ALPHA, accounts: ALPHA.accounts.map((account) => ({ ...account, enabled: false })) };
    assert.equal(stepOf(COPY.queued, off), 'held');
    assert.equal(stepOf({ ...COPY.queued, sendBefore: NOON }, off), 'suspect');
  });

  it('whose time is over is looked for and not repeated, and fails only once it is proven that it was not taken', () => {
    const doubted = follow({ ...COPY.queued, sendBefore: NOON }, suspected());
    assert.equal(stepOf(doubted, { ...ALPHA, findsByOrderNumber: 'never' }), 'expired');
    assert.equal(follow(doubted, { kind: 'expired' }).state, 'IN_DOUBT');
    assert.equal(follow(follow(doubted, looked(null)), { kind: 'expired' }).state, 'FAILED');
  });
});

describe('a payout that is called off before anybody asked whether it was sent in the lost time', () => {
  const calledOff = follow(COPY.queued, suspected({ calledOff: true }));

  it('is in doubt, and never sent', () => {
    assert.deepEqual([calledOff.state, moneyMoved(calledOff)], ['IN_DOUBT', 'UNKNOWN']);
    assert.equal(stepOf(calledOff, { ...ALPHA, findsByOrderNumber: 'never' }), 'NOT_FOUND_AT_PROVIDER');
    const news: News = { kind: 'begun', send: 'REPEAT', attempt: fresh, request: null };
    assert.equal(apply(calledOff, news, WORKER, NOW, RESTORED), null);
  });

  it('is CANCELLED once it is proven that it was not taken, and where it is if it was', () => {
    assert.equal(follow(calledOff, looked(null)).state, 'CANCELLED');
    assert.equal(follow(calledOff, looked({ state: 'COMPLETED', providerReference: 'ref-1' })).state, 'COMPLETED');
    const again = follow(calledOff, { kind: 'neverArrived', next: 'SEND_AGAIN', note: 'asked them' });
    assert.equal(again.state, 'CANCELLED');
  });
});

function decisionOf(...verdicts: readonly RouteVerdict[]): RouteDecision {
  const candidates = verdicts.map((verdict, at) => ({
    provider: ['ALPHA', 'BETA'][at] as ProviderId,
    account: 'default',
    verdict,
    reason: 'as the test says',
    quote: null,
  }));
  return { at: NOON, policy: 'CHEAPEST', candidates };
}

const NAMED = { inputDigests: { provider: 'p1' } };
const QUOTED = { inputDigests: { quoteId: 'q1' } };
/** Created while what was lost is asked for again. */
const AGAIN = { createdAt: NOW, updatedAt: NOW };
const TWO = decisionOf('CHOSEN', 'ELIGIBLE');
const ONE = decisionOf('CHOSEN', 'UNSUPPORTED');

describe('a payout that may have gone to another provider in the lost time', () => {
  const SITUATIONS: Readonly<Record<string, Payout>> = {
    'it may fail over, and there is somebody': samplePayout({ ...NAMED, failover: true, route: TWO }),
    'it may fail over, and was not taken before': samplePayout({
      ...{ ...NAMED, failover: true, route: TWO },
      attempts: [notTaken],
    }),
    'it is created again, and names nobody': samplePayout({ ...AGAIN, route: TWO }),
    'it is created again, and may fail over to somebody who is not there now': samplePayout({
      ...{ ...AGAIN, ...NAMED, failover: true, route: ONE },
    }),
    'it names nobody, and its store was put back twice since it was looked at': samplePayout(),
  };
  const putBack = (name: string): Restored =>
    name.includes('twice') ? { ...RESTORED, generation: 2, lostSince: NOW } : RESTORED;

  for (const [name, payout] of Object.entries(SITUATIONS)) {
    const restored = putBack(name);
    const go = (from: Payout, news: News, now = NOW): Payout | null =>
      apply(from, news, WORKER, now, restored)?.payout ?? null;
    const stepAt = (at: Payout, provider = ALPHA): Step => nextStep(at, provider, NOW, restored);
    const attempt = payout.attempts[0] ?? fresh;
    const doubted = go(payout, suspected({ attempt: { ...fresh, ...attempt } }));
    assert.ok(doubted, name);

    it(`is put in doubt, and stays suspect: ${name}`, () => {
      assert.ok(mayBeElsewhere(payout, restored));
      assert.equal(stepAt(payout).kind, 'suspect');
      assert.deepEqual([doubted.state, moneyMoved(doubted)], ['IN_DOUBT', 'UNKNOWN']);
      assert.ok(isSuspect(doubted, restored) && mayBeElsewhere(doubted, restored));
      assert.equal(stepAt(doubted).kind, 'look');
      assert.equal(go(doubted, suspected({ attempt: { ...fresh, ...attempt } })), null, 'once');
    });

    it(`is never sent or closed by itself, however often it is not found: ${name}`, () => {
      let now: Payout = doubted;
      for (let looks = 0; looks < 5; looks += 1) now = go(now, looked(null)) ?? now;
      assert.deepEqual([now.state, now.attempts.length, isSuspect(now, restored)], ['IN_DOUBT', 1, true]);
      for (const send of ['SUBMIT', 'REPEAT'] as const) {
        assert.equal(go(now, { kind: 'begun', send, attempt, request: null }), null, send);
      }
      const late = { ...now, sendBefore: NOON };
      assert.equal(go(late, { kind: 'expired' }), null);
      for (const one of [now, late]) {
        const step = stepAt(one, { ...ALPHA, findsByOrderNumber: 'never' });
        assert.ok(step.kind === 'tell' && step.news.kind === 'flagged');
        assert.equal(step.news.reason, 'NOT_FOUND_AT_PROVIDER');
        assert.match(step.news.message, /put back.*another provider/);
      }
    });

    it(`goes before an operator as soon as it is not found where it would go: ${name}`, () => {
      const [open] = doubted.attempts;
      assert.ok(open);
      // Where absence is proof for others.
      const proving = { ...ALPHA, absenceRule: () => ({ looks: 1, apartMs: 0, afterMs: 0 }) };
      const concern = concernOf(doubted, proving, open, { kind: 'absent' }, NOW, restored);
      assert.equal(concern?.reason, 'NOT_FOUND_AT_PROVIDER');
      assert.match(concern?.message ?? '', /another provider.*ALPHA for ORDER1/);
    });

    it(`goes on as any other once it is found, or an operator has spoken: ${name}`, () => {
      const found = go(doubted, looked({ state: 'PROCESSING', providerReference: 'ref-1' }));
      assert.ok(found && !isSuspect(found, restored));
      assert.equal(found.state, 'PROCESSING');
      const again = go(doubted, { kind: 'neverArrived', next: 'SEND_AGAIN', note: 'asked them all' });
      assert.ok(again && !isSuspect(again, restored));
      const step = stepAt(again);
      assert.ok(step.kind === 'send' && step.send === 'SUBMIT' && step.attempt?.orderNumber === 'ORDER1');
      assert.equal(go(doubted, { kind: 'neverArrived', next: 'FAIL', note: 'nowhere' })?.state, 'FAILED');
    });

    it(`stays in doubt when it is called off, until an operator has spoken: ${name}`, () => {
      const calledOff = go(payout, suspected({ attempt: { ...fresh, ...attempt }, calledOff: true }));
      assert.ok(calledOff);
      const still = go(calledOff, looked(null)) ?? calledOff;
      assert.equal(still.state, 'IN_DOUBT');
      assert.equal(go(still, { kind: 'neverArrived', next: 'FAIL', note: 'nowhere' })?.state, 'FAILED');
      assert.equal(go(still, { kind: 'neverArrived', next: 'SEND_AGAIN', note: 'nowhere' })?.state, 'CANCELLED');
    });
  }

  const ELSEWHERE_NEVER: Readonly<Record<string, Payout>> = {
    'it named its provider': samplePayout({ ...NAMED }),
    'it named nobody, and the copy knows where it was sent': samplePayout({ route: TWO }),
    'it is created again, and names its provider': samplePayout({ ...AGAIN, ...NAMED }),
    'it is created again, by a quote of one provider': samplePayout({ ...AGAIN, ...QUOTED, route: TWO }),
    'it may fail over, and there is nobody after the one that it is at': samplePayout({ failover: true, route: ONE }),
    'it may fail over, but was in doubt before the copy was made': samplePayout({
      ...{ failover: true, route: TWO, state: 'IN_DOUBT', told: 'IN_DOUBT' },
      attempts: [{ ...doubtful, doubted: true }],
    }),
    'it may fail over, but its provider had it before the copy was made': samplePayout({
      ...{ failover: true, route: TWO, state: 'AWAITING_CONFIRMATION', told: 'AWAITING_CONFIRMATION' },
      attempts: [held],
    }),
  };
  for (const [name, payout] of Object.entries(ELSEWHERE_NEVER)) {
    it(`is followed at its provider alone where ${name}`, () => {
      assert.equal(mayBeElsewhere(payout, RESTORED), false);
      if (payout.attempts[0]?.report) return assert.equal(stepOf(payout), 'look');
      const doubted = follow(payout, suspected({ attempt: { ...fresh, ...payout.attempts[0] } }));
      assert.equal(doubted.generation, 1);
      assert.equal(stepOf(doubted, { ...ALPHA, findsByOrderNumber: 'never' }), 'REPEAT');
      assert.equal(stepOf(follow(doubted, looked(null))), 'SUBMIT');
    });
  }

  it('is one that is new and not suspect in no case', () => {
    const fresh = samplePayout({ generation: 1, failover: true, route: TWO, ...AGAIN });
    assert.equal(mayBeElsewhere(fresh, RESTORED), false);
    assert.equal(mayBeElsewhere(samplePayout({ failover: true, route: TWO }), null), false);
  });
});

describe('the generation of a payout', () => {
  it('is that of its store, and one less while what was lost is asked for again', () => {
    assert.equal(firstGeneration(null), 0);
    assert.equal(firstGeneration(RESTORED), 0);
    assert.equal(firstGeneration({ ...RESTORED, open: false }), 1);
  });

  it('is behind after the store was put back once more', () => {
    const doubted = follow(COPY.queued, suspected());
    assert.equal(isSuspect(doubted, RESTORED), false);
    assert.equal(isSuspect(doubted, { ...RESTORED, generation: 2 }), true);
  });

  it('of one that nobody looked at since the first time is still doubted from before it', () => {
    const second: Restored = { generation: 2, lostSince: NOW, open: true };
    assert.deepEqual(lostSince(COPY.queued, second), NOON);
    assert.deepEqual(lostSince({ ...COPY.queued, createdAt: afterNoon(3 * HOUR_MS) }, second), NOW);
  });
});
