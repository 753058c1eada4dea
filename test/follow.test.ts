import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { apply, type News, type Source } from '../src/domain/apply.ts';
import { failureOf, moneyMoved } from '../src/domain/attempt.ts';
import { followUp, mayBeAsked } from '../src/domain/follow.ts';
import type { Payout, PayoutAction, SupportingDocument } from '../src/domain/payout.ts';
import type { Call, SendOutcome, StatusReport } from '../src/domain/provider.ts';
import { nextStep } from '../src/domain/step.ts';
import type { ActionInput } from '../src/payouts.ts';

import { decimal, NOON, sampleParty, samplePayout } from './support/payouts.ts';
import {
  ACTOR,
  ALPHA,
  createDesk,
  type Desk,
  LEASE_MS,
  MERCHANT,
  openWriteSide,
  plainProvider,
  reportOf,
  storeWith,
  WAITING,
  WANTING,
  type WriteSide,
} from './support/write-side.ts';

// What is done with an order that its provider has: confirmed, called off, amended, given documents. What two workers do to
// each other there is in rules.test.ts.

const WORKER: Source = { source: 'SUBMIT', actor: 'worker', fence: null };
const seconds = (count: number): Date => new Date(NOON.getTime() + count * 1000);

const attempt = {
  number: 1,
  provider: ALPHA,
  account: 'default',
  fingerprint: 'project-1',
  orderNumber: 'ORDER1',
  bodyDigest: 'b1',
};
const yes: SendOutcome = { kind: 'accepted', report: null };
const unknown: SendOutcome = { kind: 'unknown', vendorCode: null, cause: 'cut' };
const exists: SendOutcome = { kind: 'exists', vendorCode: null, cause: 'there is one' };
const rejected: SendOutcome = {
  kind: 'rejected',
  failure: { code: 'PROVIDER_REFUSED', message: 'not so', vendorCode: '7', vendorMessage: null, retryable: false },
};
const poor: SendOutcome = {
  kind: 'notTaken',
  reason: 'FUNDS',
  retryAfterMs: 30_000,
  vendorCode: '8',
  cause: 'too poor',
};

const begun = (send: PayoutAction, request: number | null = null): News => ({ kind: 'begun', send, attempt, request });
const asked = (action: PayoutAction): News => ({
  kind: 'asked',
  request: { action, sealed: null, amended: null, actor: 'ak_1' },
});
const looked = (askedSecond: number, shows: Partial<StatusReport>): News => ({
  kind: 'looked',
  attempt: 1,
  askedAt: seconds(askedSecond),
  outcome: { kind: 'found', report: reportOf({ askedAt: seconds(askedSecond), providerReference: 'ref-1', ...shows }) },
  absence: null,
});
const told = (shows: Partial<StatusReport>): News => ({
  kind: 'reported',
  attempt: 1,
  report: reportOf({ providerReference: 'ref-1', ...shows }),
});

/** What becomes of a payout by news at seconds after noon. News that changes nothing is a fault of the test. */
function on(start: Payout, ...steps: readonly (readonly [second: number, news: News])[]): Payout {
  return steps.reduce((payout, [second, news]) => {
    const applied = apply(payout, news, WORKER, seconds(second));
    assert.ok(applied, `${news.kind} at ${second} changes something in ${payout.state}`);
    return applied.payout;
  }, start);
}

/** Ends the send that is in flight. */
function end(payout: Payout, second: number, outcome: SendOutcome): Payout {
  const send = payout.attempts[0]?.sends.at(-1)?.number ?? 0;
  return on(payout, [second, { kind: 'ended', attempt: 1, send, outcome }]);
}

/** A payout whose provider has it, by a report that was asked for at the first second. */
function there(shows: Partial<StatusReport>, changes: Partial<Payout> = {}): Payout {
  const submitting = on(samplePayout(changes), [0, { kind: 'begun', send: 'SUBMIT', attempt, request: null }]);
  const report = reportOf({ askedAt: seconds(1), providerReference: 'ref-1', ...shows });
  return end(submitting, 1, { kind: 'accepted', report });
}

const waiting = there(WAITING);
const byHand = there(WAITING, { autoConfirm: false });
const wanting = there(WANTING);
/** Each way that a confirm can stand, from its begin at 10 to its end at 12. */
const confirming = on(waiting, [10, begun('CONFIRM')]);
const CONFIRMS = {
  'in flight': confirming,
  accepted: end(confirming, 12, yes),
  lost: end(confirming, 12, unknown),
  refused: end(confirming, 12, rejected),
  'not taken': end(confirming, 12, poor),
} as const;

const mayBegin = (payout: Payout, send: PayoutAction, second: number, request: number | null = null): boolean =>
  apply(payout, begun(send, request), WORKER, seconds(second)) !== null;
const reasons = (payout: Payout): string[] => payout.attention.map((one) => one.reason);
const wants = (payout: Payout): string | null => {
  const next = followUp(payout);
  return next === null || next === 'look' ? next : next.action;
};

describe('autoConfirm', () => {
  it('confirms at once when a report allows it', () => {
    assert.deepEqual(followUp(waiting), { action: 'CONFIRM', request: null });
    assert.deepEqual(waiting.nextCheckAt, seconds(1));
    assert.ok(mayBegin(waiting, 'CONFIRM', 2));
    const later = on(wanting, [5, looked(5, WAITING)]);
    assert.equal(wants(later), 'CONFIRM');
    assert.deepEqual(later.nextCheckAt, seconds(5));
  });

  it('does nothing that no report allows', () => {
    const held = there({ ...WAITING, allows: ['CANCEL'] });
    for (const payout of [held, wanting, there({ state: 'PROCESSING' }), samplePayout()]) {
      assert.equal(wants(payout), null);
      assert.equal(mayBegin(payout, 'CONFIRM', 2), false);
    }
  });

  it('is off where the client wants to confirm, and the payout waits without being due', () => {
    assert.equal(wants(byHand), null);
    assert.ok((byHand.nextCheckAt ?? NOON) > seconds(1));
    assert.equal(mayBegin(byHand, 'CONFIRM', 2), false);
    const confirmed = on(byHand, [5, asked('CONFIRM')]);
    assert.equal(wants(confirmed), 'CONFIRM');
    assert.deepEqual(confirmed.nextCheckAt, seconds(5));
  });

  it('confirms nothing that answers with another amount than was sent', () => {
    const wrong = on(waiting, [5, looked(5, { ...WAITING, echo: { amount: decimal('99') } })]);
    assert.equal(wants(wrong), null);
    assert.equal(mayBegin(wrong, 'CONFIRM', 6), false);
    assert.equal(mayBeAsked(wrong, 'CONFIRM'), false);
  });

  for (const [state, start] of [
    ['CANCELLED', { kind: 'cancelled' }],
    ['FAILED', { kind: 'refused', failure: { ...(rejected.kind === 'rejected' && rejected.failure) } }],
  ] as const) {
    it(`is off when a payout that was ${state} turns out to be there: a person has to confirm that`, () => {
      const submitting = on(samplePayout(), [0, { kind: 'begun', send: 'SUBMIT', attempt, request: null }]);
      const over = on(end(submitting, 1, poor), [2, start as News]);
      assert.equal(over.state, state);
      const found = on(over, [5, told(WAITING)]);
      assert.equal(found.state, 'AWAITING_CONFIRMATION');
      assert.deepEqual(reasons(found), ['LATE_EVIDENCE']);
      assert.equal(found.autoConfirm, false);
      assert.equal(wants(found), null);
      assert.equal(mayBegin(found, 'CONFIRM', 6), false);
      assert.ok(mayBeAsked(found, 'CONFIRM'));
    });
  }
});

describe('a confirm whose answer was lost', () => {
  const { lost } = CONFIRMS;

  it('is not sent again by what was known before, but looked for within seconds', () => {
    assert.equal(wants(lost), 'look');
    assert.ok(lost.nextCheckAt && lost.nextCheckAt <= seconds(20));
    assert.equal(mayBegin(lost, 'CONFIRM', 13), false);
  });

  it('is not sent again by a status that was asked for before its end, or that came by itself', () => {
    const stale = on(lost, [14, looked(11, WAITING)]);
    assert.equal(wants(stale), 'look');
    assert.equal(mayBegin(stale, 'CONFIRM', 15), false);
    const spoken = apply(lost, told({ ...WAITING, vendorStatus: 'still' }), WORKER, seconds(14))?.payout;
    assert.ok(spoken);
    assert.equal(wants(spoken), 'look');
    assert.equal(mayBegin(spoken, 'CONFIRM', 15), false);
  });

  it('is not sent again by a status of the very instant at which it ended: that may have been asked before', () => {
    assert.equal(mayBegin(on(lost, [12, looked(12, WAITING)]), 'CONFIRM', 13), false);
  });

  it('is not sent again when an older status says that it waits, after a later one no longer allowed it', () => {
    const later = on(lost, [14, looked(13, { ...WAITING, allows: [] })]);
    assert.equal(mayBegin(later, 'CONFIRM', 15), false);
    const older = apply(later, looked(11, WAITING), WORKER, seconds(15))?.payout ?? later;
    assert.equal(mayBegin(older, 'CONFIRM', 16), false);
  });

  it('is not sent again when an older status says that it waits, after a later one wanted documents', () => {
    const later = on(lost, [14, looked(13, WANTING)]);
    assert.equal(later.state, 'AWAITING_DOCUMENTS');
    const older = apply(later, looked(12.5, WAITING), WORKER, seconds(15))?.payout ?? later;
    assert.equal(mayBegin(older, 'CONFIRM', 16), false);
  });

  it('is sent again, as a send of its own, once a status that was asked for later still says that it waits', () => {
    const still = on(lost, [14, looked(13, WAITING)]);
    assert.equal(wants(still), 'CONFIRM');
    const again = on(still, [15, begun('CONFIRM')]);
    assert.deepEqual(
      again.attempts[0]?.sends.map((send) => `${send.kind} ${send.outcome}`),
      ['SUBMIT ACCEPTED', 'CONFIRM UNKNOWN', 'CONFIRM IN_FLIGHT'],
    );
    assert.equal(mayBegin(again, 'CONFIRM', 16), false);
  });

  it('is not sent again when that status says that it was taken', () => {
    const taken = on(lost, [14, looked(13, { state: 'PROCESSING' })]);
    assert.equal(wants(taken), null);
    assert.equal(moneyMoved(taken), 'YES');
  });

  it('is not sent again by somebody who asks for it meanwhile, before a later status', () => {
    const anew = on(lost, [13, asked('CONFIRM')]);
    assert.equal(wants(anew), 'look');
    assert.equal(mayBegin(anew, 'CONFIRM', 14, 1), false);
    assert.ok(mayBegin(on(anew, [16, looked(15, WAITING)]), 'CONFIRM', 17, 1));
  });

  it('is the same to a confirm whose worker went away in the middle of it', () => {
    const gone = on(confirming, [12, { kind: 'abandoned', attempt: 1, send: 2 }]);
    assert.equal(wants(gone), 'look');
    assert.equal(wants(on(gone, [14, looked(13, WAITING)])), 'CONFIRM');
    assert.equal(wants(on(gone, [14, looked(13, { state: 'PROCESSING' })])), null);
  });
});

describe('a confirm that was taken', () => {
  it('is never sent again, whatever is said afterwards and whoever asks', () => {
    const waits = on(CONFIRMS.accepted, [20, looked(20, WAITING)]);
    for (const payout of [CONFIRMS.accepted, waits, on(waits, [30, looked(30, { ...WAITING, vendorStatus: 'so' })])]) {
      assert.equal(wants(payout), null);
      assert.equal(mayBegin(payout, 'CONFIRM', 40), false);
      assert.equal(mayBeAsked(payout, 'CONFIRM'), false);
    }
  });
});

describe('a confirm that was asked for and taken', () => {
  it('is not followed by another of autoConfirm', () => {
    const taken = end(on(waiting, [5, asked('CONFIRM')], [6, begun('CONFIRM', 1)]), 7, yes);
    assert.equal(taken.autoConfirm, true);
    for (const payout of [taken, on(taken, [9, looked(9, WAITING)])]) {
      assert.equal(wants(payout), null);
      assert.equal(mayBegin(payout, 'CONFIRM', 10, null), false);
    }
  });
});

describe('a confirm that was refused', () => {
  const { refused } = CONFIRMS;

  it('waits for a person, and is not sent again by itself', () => {
    assert.deepEqual(reasons(refused), ['ACTION_REFUSED']);
    assert.match(refused.attention[0]?.message ?? '', /CONFIRM was refused: not so/);
    assert.equal(wants(on(refused, [20, looked(20, WAITING)])), null);
    assert.equal(mayBegin(refused, 'CONFIRM', 20), false);
  });

  it('can be asked for anew, once for each time that it was refused', () => {
    const anew = on(refused, [20, asked('CONFIRM')]);
    const [request] = anew.requests;
    assert.deepEqual(followUp(anew), { action: 'CONFIRM', request });
    assert.equal(mayBegin(anew, 'CONFIRM', 21, null), false);
    const twice = end(on(anew, [21, begun('CONFIRM', request?.number ?? null)]), 22, rejected);
    assert.deepEqual(twice.requests, []);
    assert.equal(wants(twice), null);
    const thrice = on(twice, [30, asked('CONFIRM')]);
    assert.notEqual(thrice.requests[0]?.number, request?.number);
    assert.equal(wants(thrice), 'CONFIRM');
  });
});

describe('a confirm that was not taken for now', () => {
  it('is sent again after a look, no sooner than the provider says', () => {
    const { 'not taken': later } = CONFIRMS;
    assert.ok((later.nextCheckAt ?? NOON) >= seconds(42));
    assert.equal(mayBegin(later, 'CONFIRM', 42), false);
    assert.deepEqual(reasons(later), []);
    assert.equal(wants(on(later, [43, looked(43, WAITING)])), 'CONFIRM');
  });

  it('leaves the payout as small as it was, however often the balance does not cover it', () => {
    let payout = waiting;
    for (let second = 10; second < 3000; second += 30) {
      payout = end(on(payout, [second, begun('CONFIRM')]), second + 1, poor);
      payout = on(payout, [second + 5, looked(second + 5, WAITING)]);
    }
    assert.equal(payout.attempts[0]?.sends.length, 2);
    assert.ok(payout.sequence <= waiting.sequence + 3, `${payout.sequence - waiting.sequence} events`);
  });
});

describe('an action that went wrong', () => {
  it('never makes the payout fail', () => {
    for (const outcome of [rejected, poor, unknown, exists]) {
      const ended = end(confirming, 12, outcome);
      assert.equal(ended.state, 'AWAITING_CONFIRMATION', outcome.kind);
      assert.deepEqual([ended.closure, failureOf(ended)], [null, null]);
    }
  });

  it('leaves it unknown whether money moved, as long as a confirm may be there', () => {
    assert.equal(moneyMoved(waiting), 'NO');
    const moved = Object.entries(CONFIRMS).map(([how, payout]) => [how, moneyMoved(payout)]);
    assert.deepEqual(Object.fromEntries(moved), {
      'in flight': 'UNKNOWN',
      accepted: 'UNKNOWN',
      lost: 'UNKNOWN',
      refused: 'NO',
      'not taken': 'NO',
    });
    assert.equal(moneyMoved(on(CONFIRMS.lost, [14, looked(13, WAITING)])), 'UNKNOWN');
    assert.equal(moneyMoved(on(CONFIRMS.lost, [14, looked(13, { state: 'FAILED', moneyMoved: 'NO' })])), 'NO');
  });

  it('is told each time that it is refused, though it is put before a person once', () => {
    const first = end(on(waiting, [5, asked('AMEND')], [6, begun('AMEND', 1)]), 7, rejected);
    const calledOff = on(first, [8, asked('CANCEL')]);
    const cancelling = on(calledOff, [9, begun('CANCEL', calledOff.requests[0]?.number ?? null)]);
    const news: News = { kind: 'ended', attempt: 1, send: 3, outcome: rejected };
    const second = apply(cancelling, news, WORKER, seconds(10));
    assert.equal(second?.event?.note, 'CANCEL was refused: not so');
    assert.deepEqual(second && reasons(second.payout), ['ACTION_REFUSED']);
  });
});

describe('a cancel and a confirm', () => {
  it('are not both asked for, whichever comes first', () => {
    assert.deepEqual([mayBeAsked(byHand, 'CONFIRM'), mayBeAsked(byHand, 'CANCEL')], [true, true]);
    const confirmed = on(byHand, [5, asked('CONFIRM')]);
    assert.deepEqual([mayBeAsked(confirmed, 'CONFIRM'), mayBeAsked(confirmed, 'CANCEL')], [false, false]);
    const calledOff = on(byHand, [5, asked('CANCEL')]);
    assert.deepEqual([mayBeAsked(calledOff, 'CONFIRM'), mayBeAsked(calledOff, 'CANCEL')], [false, false]);
    assert.equal(apply(calledOff, asked('CONFIRM'), WORKER, seconds(6)), null);
  });

  it('do not both win: once a confirm may be there, nothing is called off', () => {
    const may = Object.entries(CONFIRMS).map(([how, payout]) => [how, mayBeAsked(payout, 'CANCEL')]);
    assert.deepEqual(Object.fromEntries(may), {
      'in flight': false,
      accepted: false,
      lost: false,
      refused: true,
      'not taken': true,
    });
  });

  it('concerns the furthest attempt: it is never sent to another one that is still open at its provider', () => {
    const one = there({ state: 'PROCESSING', allows: ['CANCEL'] });
    const [furthest] = one.attempts;
    const open = there({ ...WANTING, allows: [] }).attempts[0];
    assert.ok(furthest && open);
    const second = { ...furthest, number: 2, orderNumber: 'order2', providerReference: 'ref-2' };
    const both = on({ ...one, attempts: [open, second] }, [10, asked('CANCEL')]);
    const accounts = [{ name: furthest.account, fingerprint: furthest.fingerprint, enabled: true }];
    const step = nextStep(
      { ...both, account: furthest.account },
      plainProvider(both.provider, { accounts }),
      seconds(11),
    );
    assert.deepEqual(step.kind === 'look' && step.attempt.number, 1);
    assert.equal(mayBegin(both, 'CANCEL', 11, 1), false);
  });

  it('do not both win: once a cancel may be there, nothing is confirmed', () => {
    const cancelling = on(byHand, [10, asked('CANCEL')], [11, begun('CANCEL', 1)]);
    for (const [how, payout] of [
      ['in flight', cancelling],
      ['lost', end(cancelling, 12, unknown)],
      ['not taken', end(cancelling, 12, poor)],
      ['taken', end(cancelling, 12, yes)],
      ['taken, and not seen yet', on(end(cancelling, 12, yes), [13, looked(13, WAITING)])],
    ] as const) {
      assert.equal(mayBeAsked(payout, 'CONFIRM'), false, how);
      assert.equal(apply(payout, asked('CONFIRM'), WORKER, seconds(20)), null, how);
      assert.equal(mayBegin(payout, 'CONFIRM', 20), false, how);
    }
    assert.ok(mayBeAsked(end(cancelling, 12, rejected), 'CONFIRM'));
  });

  it('do not both happen by autoConfirm: whoever calls it off switches that off, even where the cancel is refused', () => {
    const calledOff = on(waiting, [5, asked('CANCEL')]);
    assert.equal(calledOff.autoConfirm, false);
    assert.equal(wants(calledOff), 'CANCEL');
    assert.equal(mayBegin(calledOff, 'CONFIRM', 6), false);
    const refused = end(on(calledOff, [6, begun('CANCEL', 1)]), 7, rejected);
    assert.equal(wants(on(refused, [9, looked(9, WAITING)])), null);
    assert.deepEqual(reasons(refused), ['ACTION_REFUSED']);
  });
});

describe('what was asked for', () => {
  it('becomes one event that says what, and who asked', () => {
    const source: Source = { source: 'API', actor: 'ak_1', fence: null };
    const applied = apply(byHand, asked('CANCEL'), source, seconds(5));
    assert.deepEqual([applied?.event?.note, applied?.event?.actor], ['asked for: CANCEL', 'ak_1']);
    assert.equal(applied?.payout.sequence, byHand.sequence + 1);
  });

  it('falls away, and is told, by a status that was asked for afterwards and no longer allows it', () => {
    const amending = on(waiting, [10, asked('AMEND')]);
    const moved = apply(amending, looked(11, { state: 'PROCESSING' }), WORKER, seconds(12));
    assert.deepEqual(moved?.payout.requests, []);
    assert.match(moved?.event?.note ?? '', /no longer possible, or done: AMEND/);
  });

  it('stays by a status that was asked for before it, by one that says nothing of time, and by a word not known', () => {
    const amending = on(waiting, [10, asked('AMEND')]);
    for (const news of [
      looked(9, { state: 'PROCESSING' }),
      told({ state: 'PROCESSING' }),
      looked(11, { state: null }),
    ]) {
      assert.equal(on(amending, [12, news]).requests.length, 1);
    }
    assert.equal(wants(on(amending, [12, looked(11, { state: null })])), 'AMEND');
  });

  it('stays while it is being sent', () => {
    const sending = on(waiting, [10, asked('AMEND')], [11, begun('AMEND', 1)]);
    assert.equal(on(sending, [13, looked(12, { state: 'PROCESSING' })]).requests.length, 1);
  });

  it('is gone when the order is over, whoever told of that', () => {
    for (const news of [looked(11, { state: 'COMPLETED' }), told({ state: 'COMPLETED' })]) {
      const over = on(waiting, [10, asked('AMEND')], [12, news]);
      assert.deepEqual(over.requests, [], news.kind);
    }
  });

  it('is not asked for twice at once, and never of an order that does not allow it', () => {
    assert.equal(mayBeAsked(on(waiting, [5, asked('AMEND')]), 'AMEND'), false);
    assert.equal(mayBeAsked(on(wanting, [5, asked('COMPLETE_DOCUMENTS')]), 'COMPLETE_DOCUMENTS'), false);
    assert.equal(mayBeAsked(waiting, 'ATTACH_DOCUMENT'), false);
    const over = [there({ state: 'COMPLETED', allows: ['CANCEL'] }), there({ state: 'FAILED', allows: ['CONFIRM'] })];
    for (const payout of [samplePayout(), ...over]) {
      for (const action of ['CONFIRM', 'CANCEL'] as const) assert.equal(mayBeAsked(payout, action), false);
    }
  });

  it('is sent for the request that it was begun for, and for no other', () => {
    const amending = on(waiting, [5, asked('AMEND')]);
    assert.equal(mayBegin(amending, 'AMEND', 6, null), false);
    assert.equal(mayBegin(amending, 'AMEND', 6, 2), false);
    assert.ok(mayBegin(amending, 'AMEND', 6, 1));
  });
});

describe('documents', () => {
  const three = on(
    wanting,
    [5, asked('ATTACH_DOCUMENT')],
    [6, asked('ATTACH_DOCUMENT')],
    [7, asked('COMPLETE_DOCUMENTS')],
  );
  const next = (payout: Payout): string => {
    const step = followUp(payout);
    return step === null || step === 'look' ? String(step) : `${step.action} ${step.request?.number}`;
  };

  it('go one after another in the order in which they were given, and the word that they are all comes last', () => {
    assert.equal(next(three), 'ATTACH_DOCUMENT 1');
    assert.equal(mayBegin(three, 'ATTACH_DOCUMENT', 8, 2), false);
    assert.equal(mayBegin(three, 'COMPLETE_DOCUMENTS', 8, 3), false);
    const first = end(on(three, [8, begun('ATTACH_DOCUMENT', 1)]), 9, yes);
    assert.equal(next(first), 'ATTACH_DOCUMENT 2');
    const second = end(on(first, [10, begun('ATTACH_DOCUMENT', 2)]), 11, yes);
    assert.equal(next(second), 'COMPLETE_DOCUMENTS 3');
    assert.deepEqual(end(on(second, [12, begun('COMPLETE_DOCUMENTS', 3)]), 13, yes).requests, []);
  });

  it('wait for the one whose answer was lost, which is sent again first', () => {
    const lost = end(on(three, [8, begun('ATTACH_DOCUMENT', 1)]), 9, unknown);
    assert.equal(next(lost), 'look');
    assert.equal(mayBegin(lost, 'ATTACH_DOCUMENT', 10, 2), false);
    assert.equal(next(on(lost, [11, looked(10, WANTING)])), 'ATTACH_DOCUMENT 1');
  });

  it('are not held up by one that was refused: that waits for a person', () => {
    const refused = end(on(three, [8, begun('ATTACH_DOCUMENT', 1)]), 9, rejected);
    assert.equal(next(refused), 'ATTACH_DOCUMENT 2');
    assert.deepEqual(reasons(refused), ['ACTION_REFUSED']);
  });

  it('are at most twenty that wait at once', () => {
    let payout = wanting;
    for (let count = 1; count <= 20; count += 1) payout = on(payout, [count, asked('ATTACH_DOCUMENT')]);
    assert.equal(mayBeAsked(payout, 'ATTACH_DOCUMENT'), false);
  });

  it('that the provider has are not asked for any more, and that is said once', () => {
    const given = on(three, [8, { kind: 'given', request: 1 }]);
    assert.equal(next(given), 'ATTACH_DOCUMENT 2');
    assert.deepEqual(given.nextCheckAt, seconds(8));
    assert.equal(apply(given, { kind: 'given', request: 1 }, WORKER, seconds(9)), null);
  });
});

describe('after sendBefore', () => {
  const limited = there(WAITING, { sendBefore: seconds(100) });
  const provider = plainProvider(ALPHA);
  const stepAt = (payout: Payout, second: number) => nextStep(payout, provider, seconds(second));

  it('nothing is confirmed, and that is put before a person once', () => {
    assert.equal(mayBegin(limited, 'CONFIRM', 99), true);
    assert.equal(mayBegin(limited, 'CONFIRM', 100), false);
    const step = stepAt(limited, 100);
    assert.ok(step.kind === 'tell' && step.news.kind === 'expired');
    const late = on(limited, [100, step.news]);
    assert.deepEqual(reasons(late), ['SEND_BEFORE_PASSED']);
    assert.equal(late.state, 'AWAITING_CONFIRMATION');
    assert.ok((late.nextCheckAt ?? NOON) > seconds(100));
    assert.equal(stepAt(late, 110).kind, 'look');
    const seenAgain = on(late, [110, looked(110, WAITING)]);
    assert.ok((seenAgain.nextCheckAt ?? NOON) > seconds(110), 'a look does not make it due at once');
  });

  it('the worker always finds something to do that changes the payout, whatever state a confirm is allowed in', () => {
    for (const state of ['AWAITING_CONFIRMATION', 'AWAITING_DOCUMENTS', 'PROCESSING'] as const) {
      const payout = there({ ...WAITING, state }, { sendBefore: seconds(100) });
      const step = stepAt(payout, 100);
      if (step.kind === 'tell') assert.ok(apply(payout, step.news, WORKER, seconds(100)), state);
      else assert.equal(step.kind, 'look', state);
    }
  });

  it('it can still be called off, and what else was asked for is still sent', () => {
    for (const start of [limited, there(WAITING, { sendBefore: seconds(100), autoConfirm: false })]) {
      const late = on(start, [100, { kind: 'expired' }]);
      const calledOff = on(late, [110, asked('CANCEL')]);
      assert.ok(mayBegin(calledOff, 'CANCEL', 111, 1));
      const step = stepAt(calledOff, 111);
      assert.ok(step.kind === 'follow' && step.next.action === 'CANCEL');
    }
  });

  it('a confirm that was asked for in time and is too late does not stand in the way of calling it off', () => {
    const manual = there(WAITING, { sendBefore: seconds(100), autoConfirm: false });
    const late = on(manual, [99, asked('CONFIRM')], [100, { kind: 'expired' }]);
    assert.ok(mayBeAsked(late, 'CANCEL'));
    assert.equal(mayBegin(late, 'CONFIRM', 101, 1), false);
  });
});

describe('an order at its provider', { timeout: 20_000 }, () => {
  let side: WriteSide;
  let desk: Desk;
  beforeEach(async () => {
    side = await openWriteSide((clock) => {
      desk = createDesk(clock);
      return [desk.provider];
    });
  });
  afterEach(() => side.close());

  const act = async (payout: Payout, input: ActionInput): Promise<string> =>
    (await side.payouts.act(MERCHANT, ACTOR, payout.id, input)).kind;
  const count = (call: string): number => desk.calls.filter((one) => one === call).length;
  const money = (): string[] => desk.calls.filter((one) => one !== 'lookup');
  /** A payout that a worker has submitted. */
  async function submitted(changes: Parameters<WriteSide['create']>[0] = {}): Promise<Payout> {
    const payout = await side.create(changes);
    await side.startWorker(desk.provider).idle();
    return side.read(payout);
  }

  it('is confirmed once and followed to its end', async () => {
    desk.answer('confirm', () => {
      desk.shows = { state: 'COMPLETED' };
      return yes;
    });
    const payout = await submitted();
    await side.pass(60_000);
    const done = await side.read(payout);
    assert.equal(done.state, 'COMPLETED');
    assert.deepEqual(money(), ['submit', 'confirm']);
    assert.equal(done.nextCheckAt, null);
    const way = (await side.events(payout)).map((event) => event.state);
    assert.deepEqual([...new Set(way)], ['QUEUED', 'SUBMITTING', 'AWAITING_CONFIRMATION', 'COMPLETED']);
  });

  it('is not confirmed twice when the answer was lost and the confirm was taken', async () => {
    desk.answer('confirm', () => {
      desk.shows = { state: 'PROCESSING' };
      return unknown;
    });
    const payout = await submitted();
    await side.pass(60_000);
    assert.equal((await side.read(payout)).state, 'PROCESSING');
    assert.deepEqual(money(), ['submit', 'confirm']);
  });

  it('is confirmed again when the answer was lost, only after it was looked at', async () => {
    desk.answer('confirm', unknown, unknown, () => {
      desk.shows = { state: 'PROCESSING' };
      return yes;
    });
    await submitted();
    await side.pass(120_000);
    const between = desk.calls.join(' ').match(/confirm (.*) confirm (.*) confirm/);
    assert.ok(between?.[1]?.includes('lookup') && between[2]?.includes('lookup'), desk.calls.join(' '));
    assert.equal(count('confirm'), 3);
  });

  it('is confirmed less and less often where no answer ever comes, and stays small', async () => {
    // Far more than there may be, so that a worker that does not wait comes to an end and is found out.
    desk.answer('confirm', ...Array.from({ length: 200 }, () => unknown));
    const payout = await submitted();
    await side.pass(3_600_000, side.workers, 10_000);
    assert.ok(count('confirm') < 25, `${count('confirm')} confirms in an hour`);
    const now = await side.read(payout);
    assert.equal(now.state, 'AWAITING_CONFIRMATION');
    assert.ok(now.sequence < 40, `${now.sequence} events in an hour`);
  });

  it('is not confirmed after sendBefore, and the worker comes to rest', async () => {
    desk.shows = WANTING;
    const sendBefore = new Date(side.clock.now().getTime() + 10_000);
    const payout = await submitted({ sendBefore });
    await side.pass(20_000);
    desk.shows = WAITING;
    await side.pass(3_600_000, side.workers, 10_000);
    const late = await side.read(payout);
    assert.equal(late.state, 'AWAITING_CONFIRMATION');
    assert.deepEqual(reasons(late), ['SEND_BEFORE_PASSED']);
    assert.deepEqual(money(), ['submit']);
    assert.ok(count('lookup') < 40, `${count('lookup')} look-ups in an hour`);
    const raised = (await side.events(payout)).filter((event) => event.note?.includes('sendBefore has passed'));
    assert.equal(raised.length, 1);
    assert.equal(await act(payout, { action: 'CONFIRM' }), 'notAllowed');
    assert.equal(await act(payout, { action: 'CANCEL' }), 'taken');
  });

  it('is given until sendBefore to confirm, and no such end to be called off', async () => {
    const until: (Date | null)[] = [];
    const note = async (_attempt: unknown, call: Call): Promise<SendOutcome> => {
      until.push(call.sendBy);
      return rejected;
    };
    const provider = { ...desk.provider, confirm: note, cancel: note };
    const sendBefore = new Date(side.clock.now().getTime() + 10_000);
    const payout = await side.create({ sendBefore });
    const worker = side.startWorker(provider);
    await worker.idle();
    assert.equal(await act(payout, { action: 'CANCEL' }), 'taken');
    await side.pass(2000);
    assert.deepEqual(until[0], sendBefore);
    assert.ok(until[1] && until[1] > sendBefore);
  });

  for (const [what, shows, confirms] of [
    ['was taken, it is not confirmed again', { state: 'PROCESSING' }, 1],
    ['was not taken, it is not forgotten', WAITING, 2],
  ] as const) {
    it(`whose worker goes away in the middle of a confirm is looked at: where that ${what}`, async () => {
      const door = side.createDoor();
      desk.answer('confirm', async () => {
        await door.pass();
        return unknown;
      });
      const payout = await side.create();
      side.startWorker(desk.provider);
      await door.reached;
      desk.shows = shows;
      const other = side.startWorker(desk.provider);
      await side.pass(LEASE_MS - 2000, [other]);
      assert.equal(count('confirm'), 1);
      assert.equal(moneyMoved(await side.read(payout)), 'UNKNOWN');
      await side.pass(30_000, [other]);
      assert.equal(count('confirm'), confirms);
    });
  }

  it('that cannot do what is asked says so, and nothing is stored', async () => {
    const { cancel: _cancel, ...lacking } = desk.provider;
    const plain = await openWriteSide(() => [lacking]);
    try {
      const payout = await plain.create();
      await plain.startWorker(lacking).idle();
      const before = await plain.read(payout);
      const result = await plain.payouts.act(MERCHANT, ACTOR, payout.id, { action: 'CANCEL' });
      assert.deepEqual(result, {
        kind: 'unsupported',
        reasons: [{ provider: ALPHA, reason: 'Alpha has no way to cancel' }],
      });
      assert.deepEqual(await plain.read(payout), before);
    } finally {
      await plain.close();
    }
  });

  describe('with personal data', () => {
    const beneficiary = sampleParty({ name: 'Ödön Fülöp' });
    const other = sampleParty({ name: 'Zsófia Ács' });
    const parties = { originator: null, beneficiary, accountNumber: '6222021234567890' };
    const AMENDMENT = {
      originator: null,
      beneficiary: other,
      purpose: 'Rent',
      relationship: null,
      sourceOfFunds: null,
    };
    const amend: ActionInput = { action: 'AMEND', amendment: AMENDMENT };
    const held = (changes: Parameters<WriteSide['create']>[0] = {}) =>
      submitted({ parties, autoConfirm: false, ...changes });
    const kept = async ({ id }: Payout): Promise<number> =>
      (await side.store.sealedUnderOtherKeys('none', 100)).filter((one) => one.payoutId === id).length;

    it('is amended: the words and the parties are the new ones, and what they replace is forgotten', async () => {
      const payout = await held();
      const records = await kept(payout);
      assert.equal(await act(payout, amend), 'taken');
      await side.pass(5000);
      const after = await side.read(payout);
      assert.equal(after.order.purpose, 'Rent');
      assert.deepEqual(await side.payouts.parties(after), { ...parties, beneficiary: other });
      assert.ok(payout.parties !== null && payout.parties !== after.parties);
      assert.equal(await side.vault.get(payout.id, payout.parties), null);
      assert.deepEqual(after.requests, []);
      assert.equal(await kept(payout), records);
      assert.deepEqual(money(), ['submit', 'amend']);
    });

    it('is as it was when the amendment is refused, and nothing of that is kept', async () => {
      desk.answer('amend', rejected);
      const payout = await held();
      const records = await kept(payout);
      await act(payout, amend);
      await side.pass(5000);
      const after = await side.read(payout);
      assert.deepEqual(after.order, payout.order);
      assert.equal(after.parties, payout.parties);
      assert.deepEqual(await side.payouts.parties(after), parties);
      assert.deepEqual(reasons(after), ['ACTION_REFUSED']);
      assert.equal(await kept(payout), records);
    });

    it('is amended once, and really, when the same amendment is asked for twice at the same time', async () => {
      const payout = await held();
      const results = await Promise.all([act(payout, amend), act(payout, amend)]);
      assert.deepEqual(results.toSorted(), ['notAllowed', 'taken']);
      await side.pass(5000);
      assert.equal((await side.read(payout)).order.purpose, 'Rent');
      assert.deepEqual(money(), ['submit', 'amend']);
    });

    it('that is called off keeps nothing of an amendment that was not sent', async () => {
      const payout = await held();
      const records = await kept(payout);
      await side.workers[0]?.stop();
      await act(payout, amend);
      desk.shows = { state: 'CANCELLED', moneyMoved: 'NO' };
      await side.clock.advance(5000);
      const worker = side.startWorker(desk.provider);
      await side.pass(60_000, [worker]);
      assert.equal((await side.read(payout)).state, 'CANCELLED');
      assert.equal(await kept(payout), records);
    });
  });

  describe('that wants documents', () => {
    const document = (fileName: string, text = fileName): SupportingDocument => ({
      type: 'ID',
      fileName,
      content: Buffer.from(text),
      note: null,
    });
    const attach = (fileName: string, text?: string): ActionInput => ({
      action: 'ATTACH_DOCUMENT',
      document: document(fileName, text),
    });
    const sealed = async ({ id }: Payout): Promise<string[]> =>
      (await side.store.sealedUnderOtherKeys('none', 100))
        .filter((one) => one.payoutId === id && one.kind.startsWith('document:'))
        .map((one) => one.kind);
    const wantingPayout = async (): Promise<Payout> => {
      desk.shows = WANTING;
      return submitted();
    };

    it('gets them as they were given, in order, and they are not kept once it has them', async () => {
      const got: SupportingDocument[] = [];
      const attachDocument = async (_attempt: unknown, given: SupportingDocument): Promise<SendOutcome> => {
        got.push(given);
        return yes;
      };
      desk.shows = WANTING;
      const payout = await side.create();
      const worker = side.startWorker({ ...desk.provider, attachDocument });
      await worker.idle();
      for (const name of ['a.pdf', 'b.pdf']) assert.equal(await act(payout, attach(name)), 'taken');
      assert.equal(await act(payout, { action: 'COMPLETE_DOCUMENTS' }), 'taken');
      await side.pass(5000);
      assert.deepEqual(got, [document('a.pdf'), document('b.pdf')]);
      assert.deepEqual(money(), ['submit', 'complete']);
      assert.deepEqual(await sealed(payout), []);
      assert.deepEqual((await side.read(payout)).requests, []);
    });

    it('is looked at by the schedule, and is put before a person, while a document cannot be read', async () => {
      desk.answer('attach', poor);
      const payout = await wantingPayout();
      assert.equal(await act(payout, attach('a.pdf')), 'taken');
      await side.pass(1000);
      for (const { payoutId, kind, sealed: record } of await side.store.sealedUnderOtherKeys('none', 100)) {
        if (kind.startsWith('document:')) {
          await side.store.resealed({ payoutId, kind }, record, { ...record, keyId: 'gone' });
        }
      }
      desk.calls.length = 0;
      await side.pass(3_600_000);
      assert.deepEqual(reasons(await side.read(payout)), ['BODY_UNREADABLE']);
      const looks = desk.calls.filter((call) => call === 'lookup').length;
      assert.ok(looks > 2 && looks < 30, `${looks} look-ups in an hour`);
      assert.deepEqual(new Set(desk.calls), new Set(['lookup']));
    });

    it('gets one again when its answer was lost, for which it is kept', async () => {
      desk.answer('attach', unknown);
      const payout = await wantingPayout();
      await act(payout, attach('a.pdf'));
      await side.pass(10_000);
      assert.deepEqual(money(), ['submit', 'attach a.pdf', 'attach a.pdf']);
      assert.deepEqual(await sealed(payout), []);
    });

    it('does not get it twice, and the request ends, when the worker goes away right after it was forgotten', async () => {
      const door = side.createDoor();
      const late = storeWith(side.store, {
        async commit(after, event) {
          if (after.attempts[0]?.sends.some((send) => send.kind === 'ATTACH_DOCUMENT' && send.outcome === 'ACCEPTED')) {
            await door.pass();
          }
          return side.store.commit(after, event);
        },
      });
      desk.shows = WANTING;
      const payout = await side.create();
      side.startWorker(desk.provider, { store: late });
      await side.pass(2000);
      await act(payout, attach('a.pdf'));
      await side.clock.advance(3000);
      await door.reached;
      assert.deepEqual(await sealed(payout), []);
      const other = side.startWorker(desk.provider);
      await side.pass(LEASE_MS + 10_000, [other]);
      assert.deepEqual((await side.read(payout)).requests, []);
      assert.deepEqual(money(), ['submit', 'attach a.pdf']);
    });

    it('gets the same document a second time when the first was refused', async () => {
      desk.answer('attach', rejected);
      const payout = await wantingPayout();
      await side.workers[0]?.stop();
      for (let twice = 0; twice < 2; twice += 1) assert.equal(await act(payout, attach('a.pdf')), 'taken');
      const worker = side.startWorker(desk.provider);
      await side.pass(5000, [worker]);
      assert.deepEqual(money(), ['submit', 'attach a.pdf', 'attach a.pdf']);
    });

    it('has none waiting, and none is kept, when it is over by its own word', async () => {
      const payout = await wantingPayout();
      await side.workers[0]?.stop();
      await act(payout, attach('a.pdf'));
      const before = await side.read(payout);
      const source = { source: 'WEBHOOK', actor: 'alpha', fence: null } as const;
      await side.payouts.settle(before, told({ state: 'COMPLETED' }), source);
      const over = await side.read(payout);
      assert.deepEqual([over.state, over.requests], ['COMPLETED', []]);
      assert.deepEqual(await sealed(payout), []);
    });

    it('is told what came of one even when the store fails at that moment', async () => {
      let failures = 1;
      const failing = storeWith(side.store, {
        async dropSealed(...args) {
          failures -= 1;
          if (failures >= 0) throw new Error('the disk is full');
          return side.store.dropSealed(...args);
        },
      });
      desk.shows = WANTING;
      const payout = await side.create();
      side.startWorker(desk.provider, { store: failing });
      await side.pass(2000);
      await act(payout, attach('a.pdf'));
      await side.pass(2 * LEASE_MS);
      assert.deepEqual(money(), ['submit', 'attach a.pdf']);
      assert.deepEqual((await side.read(payout)).requests, []);
      assert.deepEqual(await sealed(payout), []);
    });
  });
});
