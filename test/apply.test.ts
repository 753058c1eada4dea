import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { apply, type News, type Source } from '../src/domain/apply.ts';
import { attemptState, currentAttempt, failureOf, isAccountedFor, moneyMoved } from '../src/domain/attempt.ts';
import { BY_EVIDENCE, type Failure, isFinal, PAYOUT_STATES, type Payout, TRANSITIONS } from '../src/domain/payout.ts';
import type { AbsenceRule, ProviderId, StatusReport } from '../src/domain/provider.ts';
import { LADDER_SECONDS } from '../src/domain/schedule.ts';
import { decimal, NOON, samplePayout } from './support/payouts.ts';

const WORKER: Source = { source: 'SUBMIT', actor: 'worker', fence: null };
const seconds = (count: number): Date => new Date(NOON.getTime() + count * 1000);

const FAILURE: Failure = {
  code: 'PROVIDER_REFUSED',
  message: 'no',
  vendorCode: '422',
  vendorMessage: 'no',
  retryable: false,
};

function report(state: StatusReport['state'], changes: Partial<StatusReport> = {}): StatusReport {
  return {
    askedAt: seconds(900),
    state,
    vendorStatus: (state ?? 'on the moon').toLowerCase(),
    vendorMessage: null,
    providerReference: 'ref-1',
    transactionHash: null,
    fees: [],
    debits: [],
    received: null,
    moneyMoved: state === 'FAILED' || state === 'CANCELLED' || state === 'RETURNED' ? 'NO' : 'YES',
    failure: state === 'FAILED' ? FAILURE : null,
    allows: allowedIn(state),
    echo: {},
    rivals: [],
    ...changes,
  };
}

function allowedIn(state: StatusReport['state']): StatusReport['allows'] {
  if (state === 'AWAITING_CONFIRMATION') return ['CONFIRM', 'CANCEL', 'AMEND'];
  return state === 'AWAITING_DOCUMENTS' ? ['ATTACH_DOCUMENT', 'COMPLETE_DOCUMENTS', 'CANCEL'] : [];
}

const attempt = {
  number: 1,
  provider: 'ALPHA' as ProviderId,
  account: 'default',
  fingerprint: 'project-1',
  orderNumber: 'ORDER1',
  bodyDigest: 'b1',
};
const submit: News = { kind: 'begun', send: 'SUBMIT', attempt, request: null };
const repeat: News = { kind: 'begun', send: 'REPEAT', attempt, request: null };
const confirm: News = { kind: 'begun', send: 'CONFIRM', attempt, request: null };
const callOff: News = {
  kind: 'asked',
  request: { action: 'CANCEL', sealed: null, amended: null, actor: 'ak_1' },
};
const missing = (askedAt: Date): News => ({
  kind: 'looked',
  attempt: 1,
  askedAt,
  outcome: { kind: 'absent' },
  absence: { looks: 1, apartMs: 0, afterMs: 60_000 },
});
const notTaken = {
  kind: 'notTaken',
  reason: 'RATE_LIMITED',
  retryAfterMs: 7000,
  vendorCode: '429',
  cause: 'busy',
} as const;
const unknown = { kind: 'unknown', vendorCode: null, cause: 'cut' } as const;
const exists = { kind: 'exists', vendorCode: '10100', cause: 'there is one' } as const;
const ended = (send: number, outcome: Extract<News, { kind: 'ended' }>['outcome']): News => ({
  kind: 'ended',
  attempt: 1,
  send,
  outcome,
});
const found = (state: StatusReport['state'], changes: Partial<StatusReport> = {}): News => ({
  kind: 'looked',
  attempt: 1,
  askedAt: seconds(900),
  outcome: { kind: 'found', report: report(state, changes) },
  absence: null,
});
const told = (state: StatusReport['state']): News => ({
  kind: 'reported',
  attempt: 1,
  report: report(state, { askedAt: null }),
});

/** What becomes of a new payout by the news, one second apart. News that changes nothing is a fault of the test. */
function after(...news: readonly News[]): Payout {
  return follow(samplePayout({ sendBefore: seconds(3600) }), ...news);
}

function follow(start: Payout, ...news: readonly News[]): Payout {
  return news.reduce((payout, one, index) => {
    const applied = apply(payout, one, WORKER, seconds(index + 1));
    assert.ok(applied, `${one.kind} changes something in ${payout.state}`);
    return applied.payout;
  }, start);
}

function expired(payout: Payout): Payout {
  return apply(payout, { kind: 'expired' }, WORKER, seconds(3601))?.payout ?? payout;
}

const accepted = (state: StatusReport['state'], changes: Partial<StatusReport> = {}) =>
  ended(1, { kind: 'accepted', report: report(state, { askedAt: seconds(1), ...changes }) });

/** A payout in each state, and by each way that matters for what may happen next. */
const SITUATIONS: Readonly<Record<string, Payout>> = {
  QUEUED: after(),
  'QUEUED not taken': after(submit, ended(1, notTaken)),
  SUBMITTING: after(submit),
  'SUBMITTING repeat': after(submit, ended(1, unknown), repeat),
  IN_DOUBT: after(submit, ended(1, unknown)),
  'IN_DOUBT wrong echo': after(submit, accepted('PROCESSING', { echo: { amount: decimal('99') } })),
  'IN_DOUBT it exists': after(submit, ended(1, exists)),
  'IN_DOUBT not there': after(submit, ended(1, unknown), missing(seconds(500))),
  AWAITING_CONFIRMATION: after(submit, accepted('AWAITING_CONFIRMATION')),
  'AWAITING_CONFIRMATION confirming': after(submit, accepted('AWAITING_CONFIRMATION'), confirm),
  'AWAITING_CONFIRMATION called off': after(submit, accepted('AWAITING_CONFIRMATION'), callOff),
  AWAITING_DOCUMENTS: after(submit, accepted('AWAITING_DOCUMENTS')),
  PROCESSING: after(submit, accepted('PROCESSING')),
  COMPLETED: after(submit, accepted('COMPLETED')),
  'FAILED unsent': expired(after()),
  'FAILED refused': after(submit, ended(1, { kind: 'rejected', failure: FAILURE })),
  'FAILED reported': after(submit, accepted('FAILED')),
  'CANCELLED by us': after(submit, ended(1, notTaken), { kind: 'cancelled' }),
  'CANCELLED reported': after(submit, accepted('CANCELLED')),
  RETURNED: after(submit, accepted('COMPLETED'), found('RETURNED')),
};

const last = (payout: Payout): number => payout.attempts[0]?.sends.at(-1)?.number ?? 1;

/** Every piece of news, for a payout. All of it comes long after what was known. */
const NEWS: Readonly<Record<string, (payout: Payout) => News>> = {
  submit: () => submit,
  repeat: () => repeat,
  taken: (payout) => ended(last(payout), { kind: 'accepted', report: report('PROCESSING') }),
  refused: (payout) => ended(last(payout), { kind: 'rejected', failure: FAILURE }),
  notTaken: (payout) => ended(last(payout), notTaken),
  unknown: (payout) => ended(last(payout), unknown),
  gone: (payout) => ({ kind: 'abandoned', attempt: 1, send: last(payout) }),
  hold: () => found('AWAITING_CONFIRMATION'),
  papers: () => found('AWAITING_DOCUMENTS'),
  process: () => found('PROCESSING'),
  complete: () => found('COMPLETED'),
  fail: () => found('FAILED'),
  cancel: () => found('CANCELLED'),
  return: () => found('RETURNED'),
  odd: () => found(null),
  hookProc: () => told('PROCESSING'),
  hookFail: () => told('FAILED'),
  hookDone: () => told('COMPLETED'),
  echo: () => found('PROCESSING', { echo: { amount: decimal('1') } }),
  other: () => found('COMPLETED', { providerReference: 'ref-2' }),
  absent: () => ({ kind: 'looked', attempt: 1, askedAt: seconds(900), outcome: { kind: 'absent' }, absence: null }),
  deaf: () => ({
    kind: 'looked',
    attempt: 1,
    askedAt: seconds(900),
    outcome: { kind: 'unavailable', retryAfterMs: null, cause: 'down' },
    absence: null,
  }),
  missing: () => missing(seconds(900)),
  exists: (payout) => ended(last(payout), exists),
  yes: (payout) => ended(last(payout), { kind: 'accepted', report: null }),
  hint: () => ({ kind: 'hinted' }),
  held: () => ({ kind: 'held', retryAfterMs: null }),
  stop: () => ({ kind: 'cancelled' }),
  late: () => ({ kind: 'expired' }),
  flag: () => ({ kind: 'flagged', reason: 'ACCOUNT_CHANGED', message: 'x' }),
  cannot: () => ({ kind: 'refused', failure: FAILURE }),
  confirm: () => confirm,
  askStop: () => callOff,
  given: () => ({ kind: 'given', request: 1 }),
  arrived: () => ({ kind: 'arrived', attempt: 1, report: report('PROCESSING'), note: 'seen there' }),
  never: () => ({ kind: 'neverArrived', next: 'FAIL', note: 'asked them' }),
  resend: () => ({ kind: 'neverArrived', next: 'SEND_AGAIN', note: 'asked them' }),
  seen: () => ({ kind: 'seen', note: 'looked at it' }),
  erase: () => ({ kind: 'erased', note: 'asked to' }),
};

/**
 * What each piece of news does in each situation. A state in short: Q S D AC AD P C F X R. `=` stays, `-` no news at all,
 * `~` without an event, `!` with something for a person to look at.
 */
const TABLE = `
                                 | submit   repeat   taken    refused  notTaken unknown  gone     hold     papers   process  complete fail     cancel   return   odd      hookProc hookFail hookDone echo     other    absent   deaf     missing  exists   yes      hint     held     stop     late     flag     cannot   confirm  askStop  given    arrived  never    resend   seen     erase
QUEUED                           | S        -        -        -        -        -        -        -        -        -        -        -        -        -        -        -        -        -        -        -        -        -        -        -        -        -        =~       X        F        =!       F        -        -        -        -        -        -        -        =
QUEUED not taken                 | S~       -        P!       -        -        -        -        AC!      AD!      P!       C!       F        X        C!       P!       P!       F        C!       D!       C!       =~       =~       =~       D        -        -        =~       X        F        =!       F        -        -        -        P!       -        -        -        =
SUBMITTING                       | -        -        P        F        Q        D        D        AC       AD       P        C        F        X        C        P        P        F        C        D!       C        =~       =~       =~       D        D        -        =~       -        -        =!       -        -        -        -        P        -        -        -        =
SUBMITTING repeat                | -        -        P        D        D        D        D        AC       AD       P        C        F        X        C        P        P        F        C        D!       C        =~       =~       =~       D        D        -        =~       -        -        =!       -        -        -        -        P        -        -        -        =
IN_DOUBT                         | -        S        P        F        =        -        -        AC       AD       P        C        F        X        C        P        P        F        C        =!       C        =~       =~       =        =        =~       -        =~       -        =!       =!       -        -        -        -        P        F        =        -        =
IN_DOUBT wrong echo              | -        -        -        -        -        -        -        AC       AD       P        C        F        X        C        P        P        F        C        =~       C        =~       =~       =~       -        -        -        =~       -        =!       =!       -        -        -        -        P        -        -        =        =
IN_DOUBT it exists               | -        -        -        -        -        -        -        AC       AD       P        C        F        X        C        P        P        F        C        =!       C        =~       =~       =~       -        -        -        =~       -        =!       =!       -        -        -        -        P        -        -        -        =
IN_DOUBT not there               | S~       -        P        -        -        -        -        AC       AD       P        C        F        X        C        P        P        F        C        =!       C        =~       =~       =~       =        -        -        =~       X        F        =!       F        -        -        -        P        F        -        -        =
AWAITING_CONFIRMATION            | -        -        -        -        -        -        -        =~       AD       P        C        F        X        C        =        P        F        C        D!       =!       =~       =~       =~       -        -        -        =~       -        =!       =!       -        =        =        -        -        -        -        -        =
AWAITING_CONFIRMATION confirming | -        -        P        =!       =        =        =        =~       =~       P        C        F        X        C        =        P        F        C        D!       =!       =~       =~       =~       =        =        -        =~       -        =!       =!       -        -        -        -        -        -        -        -        =
AWAITING_CONFIRMATION called off | -        -        -        -        -        -        -        =~       AD       P        C        F        X        C        =        P        F        C        D!       =!       =~       =~       =~       -        -        -        =~       -        =!       =!       -        -        -        =~       -        -        -        -        =
AWAITING_DOCUMENTS               | -        -        -        -        -        -        -        AC       =~       P        C        F        X        C        =        P        F        C        D!       =!       =~       =~       =~       -        -        -        =~       -        -        =!       -        -        =        -        -        -        -        -        =
PROCESSING                       | -        -        -        -        -        -        -        AC       AD       =~       C        F        X        C        =        -        F        C        D!       =!       =~       =~       =~       -        -        -        =~       -        -        =!       -        -        -        -        -        -        -        -        =
COMPLETED                        | -        -        -        -        -        -        -        =~       =~       =~       =~       =!       =!       R        =        -        =!       -        =!       =!       =~       =~       =~       -        -        =~       =~       -        -        =!       -        -        -        -        -        -        -        -        =
FAILED unsent                    | -        -        -        -        -        -        -        -        -        -        -        -        -        -        -        -        -        -        -        -        -        -        -        -        -        -        =~       -        -        =!       -        -        -        -        -        -        -        -        =
FAILED refused                   | -        -        -        -        -        -        -        AC!      AD!      P!       C!       =        =!       C!       P!       P!       =        C!       =!       C!       =~       =~       =~       -        -        =~       =~       -        -        =!       -        -        -        -        P!       -        -        -        =
FAILED reported                  | -        -        -        -        -        -        -        AC!      AD!      P!       C!       =~       =~       C!       =        -        -        C!       =!       =!       =~       =~       =~       -        -        =~       =~       -        -        =!       -        -        -        -        -        -        -        -        =
CANCELLED by us                  | -        -        P!       -        -        -        -        AC!      AD!      P!       C!       =!       =        C!       P!       P!       =!       C!       =!       C!       =~       =~       =~       =!       -        =~       =~       -        -        =!       -        -        -        -        P!       -        -        -        =
CANCELLED reported               | -        -        -        -        -        -        -        AC!      AD!      P!       C!       =~       =~       C!       =        -        -        C!       =!       =!       =~       =~       =~       -        -        =~       =~       -        -        =!       -        -        -        -        -        -        -        -        =
RETURNED                         | -        -        -        -        -        -        -        =~       =~       =~       =~       =!       =!       =~       =        -        =!       -        =!       =!       =~       =~       =~       -        -        =~       =~       -        -        =!       -        -        -        -        -        -        -        -        =
`;

const SHORT = ['Q', 'S', 'D', 'AC', 'AD', 'P', 'C', 'F', 'X', 'R'] as const;

function cell(payout: Payout, news: News, now: Date): string {
  const applied = apply(payout, news, WORKER, now);
  if (applied === null) return '-';
  const alarm = applied.payout.attention.length > payout.attention.length ? '!' : '';
  const state = applied.payout.state === payout.state ? '=' : SHORT[PAYOUT_STATES.indexOf(applied.payout.state)];
  return `${state}${applied.event ? '' : '~'}${alarm}`;
}

describe('apply', () => {
  const [head = '', ...rows] = TABLE.trim().split('\n');
  const columns = head.split('|')[1]?.trim().split(/ +/) ?? [];

  it('has a row for every situation and a column for every piece of news', () => {
    assert.deepEqual(columns, Object.keys(NEWS));
    assert.deepEqual(
      rows.map((row) => row.split('|')[0]?.trim()),
      Object.keys(SITUATIONS),
    );
    const states = new Set(Object.values(SITUATIONS).map((payout) => payout.state));
    assert.deepEqual([...states].sort(), [...PAYOUT_STATES].sort());
  });

  for (const row of rows) {
    const [name = '', cells = ''] = row.split('|').map((part) => part.trim());
    it(`moves ${name} as the table says`, () => {
      const payout = SITUATIONS[name];
      assert.ok(payout);
      const got = Object.entries(NEWS).map(([key, news]) =>
        cell(payout, news(payout), seconds(key === 'late' ? 4000 : 1000)),
      );
      assert.deepEqual(
        Object.fromEntries(columns.map((key, at) => [key, got[at]])),
        Object.fromEntries(columns.map((key, at) => [key, cells.split(/ +/)[at]])),
      );
    });
  }

  it('never takes a step that the table of states does not have', () => {
    for (const payout of Object.values(SITUATIONS)) {
      for (const news of Object.values(NEWS)) {
        const state = apply(payout, news(payout), WORKER, seconds(1000))?.payout.state ?? payout.state;
        const allowed = [payout.state, ...TRANSITIONS[payout.state], ...(BY_EVIDENCE[payout.state] ?? [])];
        assert.ok(allowed.includes(state), `${payout.state} to ${state}`);
      }
    }
  });

  it('changes nothing when the same report comes again', () => {
    for (const state of ['AWAITING_CONFIRMATION', 'PROCESSING', 'COMPLETED', 'FAILED', 'CANCELLED'] as const) {
      const once = after(submit, ended(1, unknown), told(state));
      assert.equal(apply(once, told(state), WORKER, seconds(1000)), null, state);
      const looked = apply(once, found(state), WORKER, seconds(1000));
      assert.equal(looked?.event, null, state);
      assert.equal(looked?.payout.sequence, once.sequence);
    }
  });

  it('numbers events without a gap, each with the state that the one before it told', () => {
    let payout = after();
    const events = [];
    const news = [
      submit,
      ended(1, notTaken),
      submit,
      ended(2, notTaken),
      submit,
      ended(3, unknown),
      repeat,
      found('PROCESSING'),
      found('COMPLETED'),
    ];
    for (const [index, one] of news.entries()) {
      const applied = apply(payout, one, WORKER, seconds(index));
      assert.ok(applied);
      if (applied.event) events.push(applied.event);
      assert.equal(applied.payout.version, payout.version + 1);
      ({ payout } = applied);
    }
    assert.deepEqual(
      events.map((event) => event.sequence),
      events.map((_, index) => index + 2),
    );
    assert.deepEqual(
      events.slice(1).map((event) => event.previousState),
      events.slice(0, -1).map((event) => event.state),
    );
    assert.deepEqual(
      events.map((event) => event.state),
      ['SUBMITTING', 'QUEUED', 'IN_DOUBT', 'SUBMITTING', 'PROCESSING', 'COMPLETED'],
    );
    assert.equal(payout.sequence, events.at(-1)?.sequence ?? 0);
  });

  it('keeps a payout small however often it is not taken for the same reason', () => {
    let payout = after();
    for (let round = 1; round <= 200; round += 1) {
      payout = follow(payout, submit);
      payout = follow(payout, ended(last(payout), notTaken));
    }
    assert.equal(payout.attempts[0]?.sends.length, 1);
    assert.equal(payout.sequence, 3);
  });

  it('tells of a send that was not taken for another reason than the last', () => {
    const once = after(submit, ended(1, notTaken), submit);
    const applied = apply(once, ended(2, { ...notTaken, vendorCode: '401', cause: 'wrong key' }), WORKER, seconds(9));
    assert.equal(applied?.event?.note, 'not taken: wrong key');
    assert.deepEqual(
      applied.payout.attempts[0]?.sends.map((send) => send.vendorCode),
      ['429', '401'],
    );
  });
});

describe('an answer speaks only for its own request', () => {
  it('a refusal of a repeat proves nothing about the send before it', () => {
    const doubt = after(submit, ended(1, unknown), repeat);
    for (const outcome of [{ kind: 'rejected', failure: FAILURE } as const, notTaken, unknown]) {
      const settled = follow(doubt, ended(2, outcome));
      assert.equal(settled.state, 'IN_DOUBT');
      assert.equal(moneyMoved(settled), 'UNKNOWN');
      assert.equal(settled.closure, null);
    }
  });

  it('a send given up for lost that turns out refused settles the payout, as long as nothing else is open', () => {
    const refused = follow(
      after(submit, { kind: 'abandoned', attempt: 1, send: 1 }),
      ended(1, { kind: 'rejected', failure: FAILURE }),
    );
    assert.equal(refused.state, 'FAILED');
    assert.deepEqual(failureOf(refused), FAILURE);
    const open = follow(
      after(submit, { kind: 'abandoned', attempt: 1, send: 1 }, repeat, ended(2, unknown)),
      ended(1, { kind: 'rejected', failure: FAILURE }),
    );
    assert.equal(open.state, 'IN_DOUBT');
  });

  it('a send given up for lost that turns out never to have left may be submitted again from its doubt', () => {
    const doubt = follow(after(submit, { kind: 'abandoned', attempt: 1, send: 1 }), ended(1, notTaken));
    assert.equal(doubt.state, 'IN_DOUBT');
    assert.equal(moneyMoved(doubt), 'NO');
    const again = follow(doubt, submit);
    assert.equal(again.state, 'SUBMITTING');
    assert.equal(again.attempts.length, 1);
  });

  it('a send that ended cannot end otherwise', () => {
    const done = after(submit, ended(1, { kind: 'rejected', failure: FAILURE }));
    assert.equal(apply(done, ended(1, { kind: 'accepted', report: report('COMPLETED') }), WORKER, seconds(9)), null);
  });
});

describe('a create that is answered yes, and with no order', () => {
  it('is doubt: nobody may send it again as if it had not been taken', () => {
    const yes = ended(1, { kind: 'accepted', report: null });
    const late = [submit, { kind: 'abandoned', attempt: 1, send: 1 }] as const;
    for (const payout of [after(submit, yes), follow(after(...late), yes)]) {
      assert.equal(payout.state, 'IN_DOUBT');
      assert.equal(moneyMoved(payout), 'UNKNOWN');
      assert.equal(apply(payout, submit, WORKER, seconds(9)), null);
      assert.equal(apply(payout, { kind: 'cancelled' }, WORKER, seconds(9)), null);
    }
  });
});

describe('a create that is refused because its number is taken', () => {
  const first = after(submit, ended(1, exists));
  const repeated = after(submit, ended(1, unknown), repeat, ended(2, exists));

  it('is doubt and no failure, whichever send it answers, and is looked for at once', () => {
    for (const payout of [first, repeated]) {
      assert.equal(payout.state, 'IN_DOUBT');
      assert.equal(moneyMoved(payout), 'UNKNOWN');
      assert.equal(payout.closure, null);
      assert.equal(failureOf(payout), null);
      assert.equal(payout.attempts.every(isAccountedFor), false);
    }
    assert.deepEqual([first.nextCheckAt, repeated.nextCheckAt], [seconds(2), seconds(4)]);
  });

  it('is neither sent again, nor called off, nor over when its time is', () => {
    const forbidden: readonly News[] = [submit, repeat, { kind: 'cancelled' }];
    for (const payout of [first, repeated]) {
      for (const news of forbidden) assert.equal(apply(payout, news, WORKER, seconds(9)), null);
      assert.equal(expired(payout).state, 'IN_DOUBT');
    }
  });

  it('is not there after all only when an operator says so: no absence is proof against the provider', () => {
    for (const payout of [first, repeated]) {
      assert.equal(follow(payout, missing(seconds(100)), missing(seconds(9000))).state, 'IN_DOUBT');
      assert.equal(apply(follow(payout, missing(seconds(9000))), submit, WORKER, seconds(9001)), null);
    }
  });

  it('is what the look-up says once that finds it', () => {
    const paid = follow(repeated, found('COMPLETED'));
    assert.deepEqual([paid.state, moneyMoved(paid), paid.attention], ['COMPLETED', 'YES', []]);
  });
});

describe('absence', () => {
  const doubt = after(submit, ended(1, unknown));
  const RULE = { looks: 2, apartMs: 600_000, afterMs: 120_000 };
  const absent = (second: number, absence: AbsenceRule | null = RULE): News => ({
    kind: 'looked',
    attempt: 1,
    askedAt: seconds(second),
    outcome: { kind: 'absent' },
    absence,
  });
  const miss = (payout: Payout, ...news: readonly News[]): Payout =>
    news.reduce(
      (now, one) => apply(now, one, WORKER, one.kind === 'looked' ? one.askedAt : seconds(0))?.payout ?? now,
      payout,
    );
  const maySend = (payout: Payout): boolean => apply(payout, submit, WORKER, seconds(2000)) !== null;

  it('is proof when it was seen often, late and long enough by the rule, and the payout is told of it', () => {
    const once = miss(doubt, absent(122));
    assert.equal(maySend(once), false);
    assert.equal(moneyMoved(once), 'UNKNOWN');
    const proven = apply(once, absent(722), WORKER, seconds(722));
    assert.ok(proven);
    assert.equal(proven.payout.state, 'IN_DOUBT');
    assert.equal(moneyMoved(proven.payout), 'NO');
    assert.match(proven.event?.note ?? '', /not taken: not there when asked 2 times/);
    assert.deepEqual(proven.payout.nextCheckAt, seconds(722));
    assert.ok(maySend(proven.payout));
  });

  it('does not count while something that was sent could still arrive', () => {
    assert.equal(maySend(miss(doubt, absent(121), absent(721))), false);
    assert.equal(maySend(miss(doubt, absent(121), absent(721), absent(1321))), true);
  });

  it('does not count twice within the time that the rule wants between', () => {
    assert.equal(maySend(miss(doubt, absent(122), absent(300), absent(721))), false);
    assert.equal(maySend(miss(doubt, absent(122), absent(300), absent(722))), true);
  });

  it('is not what a provider says that could not be asked', () => {
    const deaf: News = { ...absent(722), outcome: { kind: 'unavailable', retryAfterMs: null, cause: 'down' } } as News;
    assert.equal(maySend(miss(doubt, absent(122), deaf)), false);
  });

  it('starts anew with every send', () => {
    const again = follow(miss(doubt, absent(122)), repeat, ended(2, unknown));
    assert.equal(maySend(miss(again, absent(722))), false);
    assert.equal(maySend(miss(again, absent(722), absent(1322))), true);
  });

  it('is nothing without a rule, with a wrong echo, or behind another doubt', () => {
    assert.equal(maySend(miss(doubt, absent(122, null), absent(722, null), absent(1322, null))), false);
    const wrong = after(submit, accepted('PROCESSING', { echo: { amount: decimal('99') } }));
    assert.equal(maySend(miss(wrong, absent(122), absent(722), absent(1322))), false);
    assert.equal(moneyMoved(miss(wrong, absent(122), absent(722))), 'UNKNOWN');
  });

  describe('that is proven', () => {
    const proven = miss(doubt, absent(122), absent(722));

    it('lets the same attempt be sent again, under the same number and with the same body', () => {
      const again = follow(proven, submit);
      assert.equal(again.state, 'SUBMITTING');
      const [first, ...others] = again.attempts;
      assert.deepEqual([first?.orderNumber, first?.bodyDigest], [attempt.orderNumber, attempt.bodyDigest]);
      assert.deepEqual(others, []);
      assert.deepEqual(
        first?.sends.map((send) => `${send.kind} ${send.outcome}`),
        ['SUBMIT NOT_TAKEN', 'SUBMIT IN_FLIGHT'],
      );
    });

    it('makes a refusal of that send final, and its lost answer doubt', () => {
      const refused = follow(proven, submit, ended(2, { kind: 'rejected', failure: FAILURE }));
      assert.deepEqual([refused.state, moneyMoved(refused)], ['FAILED', 'NO']);
      assert.equal(follow(proven, submit, ended(2, unknown)).state, 'IN_DOUBT');
    });

    it('makes the payout fail when its time is over, instead of being sent', () => {
      assert.equal(expired(proven).state, 'FAILED');
      assert.equal(apply(proven, submit, WORKER, seconds(3600)), null);
    });

    it('does not outweigh what the provider says later: a payout that had failed moves, and is put before a person', () => {
      const refused = follow(proven, submit, ended(2, { kind: 'rejected', failure: FAILURE }));
      const paid = follow(refused, told('COMPLETED'));
      assert.deepEqual([paid.state, moneyMoved(paid)], ['COMPLETED', 'YES']);
      assert.deepEqual(
        paid.attention.map((one) => one.reason),
        ['LATE_EVIDENCE'],
      );
    });

    it('does not hide that the first send was taken as well', () => {
      const second = ended(2, { kind: 'accepted', report: report('COMPLETED', { providerReference: 'ref-2' }) });
      const both = follow(proven, submit, second, told('COMPLETED'));
      assert.deepEqual(
        both.attention.map((one) => one.reason),
        ['PAID_TWICE'],
      );
      assert.equal(both.attempts[0]?.providerReference, 'ref-2');
    });

    it('does not drop the answer of the send that it was about', () => {
      const answer = ended(1, { kind: 'accepted', report: report('COMPLETED') });
      for (const payout of [proven, follow(proven, submit, ended(2, { kind: 'rejected', failure: FAILURE }))]) {
        const moved = apply(payout, answer, WORKER, seconds(2000))?.payout;
        assert.equal(moved?.state, 'COMPLETED', `from ${payout.state}`);
      }
    });
  });
});

describe('reports', () => {
  it('one that was asked before the latest send ended, or before the last report, moves nothing backward', () => {
    const processing = after(submit, accepted('PROCESSING'));
    const old = found('AWAITING_CONFIRMATION', { askedAt: seconds(0) });
    assert.equal(follow(processing, old).state, 'PROCESSING');
    assert.equal(follow(processing, found('AWAITING_CONFIRMATION')).state, 'AWAITING_CONFIRMATION');
    const failed = follow(processing, found('FAILED'));
    assert.equal(follow(failed, found('PROCESSING', { askedAt: seconds(800) })).state, 'FAILED');
  });

  it('one that was asked earlier than the last takes nothing back of what the last said', () => {
    const waiting = after(submit, accepted('AWAITING_CONFIRMATION'), found('AWAITING_CONFIRMATION', { allows: [] }));
    const older = follow(waiting, found('AWAITING_CONFIRMATION', { askedAt: seconds(800), moneyMoved: 'NO' }));
    assert.deepEqual(currentAttempt(older)?.report?.allows, []);
    assert.equal(currentAttempt(older)?.report?.moneyMoved, 'YES');
  });

  it('an unknown word is kept and shown, and moves nothing but a payout that was not known to be there', () => {
    const odd = follow(after(submit, accepted('AWAITING_CONFIRMATION')), found(null));
    assert.equal(odd.state, 'AWAITING_CONFIRMATION');
    assert.equal(currentAttempt(odd)?.report?.vendorStatus, 'on the moon');
    const there = follow(after(submit, ended(1, unknown)), found(null));
    assert.equal(there.state, 'PROCESSING');
    assert.equal(moneyMoved(there), 'UNKNOWN');
  });

  it('a failed payout whose failure meets an unknown word keeps its failure', () => {
    assert.deepEqual(failureOf(follow(after(submit, accepted('FAILED')), found(null))), FAILURE);
  });

  it('every echoed field that differs is doubt, and nothing more is sent', () => {
    const echoes = [
      { amount: decimal('12.51') },
      { currency: 'USDC' },
      { network: 'BSC' },
      { address: 'T1' },
      { orderNumber: 'ORDER2' },
    ];
    for (const echo of echoes) {
      const wrong = after(submit, accepted('PROCESSING', { echo }));
      assert.equal(wrong.state, 'IN_DOUBT', JSON.stringify(echo));
      assert.deepEqual(
        wrong.attention.map((one) => one.reason),
        ['WRONG_ECHO'],
      );
      assert.equal(wrong.attempts[0]?.providerReference, null);
      assert.equal(apply(wrong, repeat, WORKER, seconds(9)), null);
      assert.equal(apply(wrong, submit, WORKER, seconds(9)), null);
    }
    const same = { amount: decimal('12.500'), currency: 'USDT', network: 'TRON' };
    assert.equal(after(submit, accepted('PROCESSING', { echo: same })).state, 'PROCESSING');
  });

  it('two orders under one number of ours are an alarm, whatever the second says', () => {
    const paid = after(submit, accepted('COMPLETED'));
    const twice = follow(paid, found('PROCESSING', { providerReference: 'ref-2' }));
    assert.equal(twice.state, 'COMPLETED');
    assert.equal(twice.attempts[0]?.providerReference, 'ref-1');
    assert.deepEqual(
      twice.attention.map((one) => one.reason),
      ['PAID_TWICE'],
    );
    const searched = follow(after(submit, ended(1, unknown)), found('PROCESSING', { rivals: ['ref-9'] }));
    assert.deepEqual(
      searched.attention.map((one) => one.reason),
      ['PAID_TWICE'],
    );
    assert.match(searched.attention[0]?.message ?? '', /ref-1, ref-9/);
  });

  it('what a later report leaves out stays known', () => {
    const fees = [{ kind: 'PROVIDER', amount: decimal('1'), currency: 'USDT' }] as const;
    const known = after(submit, accepted('PROCESSING', { fees, transactionHash: 'f0' }));
    const later = currentAttempt(follow(known, told('COMPLETED')))?.report;
    assert.deepEqual(later?.fees, fees);
    assert.equal(later?.transactionHash, 'f0');
  });

  it('FAILED after COMPLETED is recorded and raised once, and never applied', () => {
    const paid = after(submit, accepted('COMPLETED'));
    const contradicted = follow(paid, told('FAILED'));
    assert.equal(contradicted.state, 'COMPLETED');
    assert.equal(moneyMoved(contradicted), 'YES');
    assert.deepEqual(
      contradicted.attention.map((one) => one.reason),
      ['CONTRADICTED'],
    );
    assert.equal(apply(contradicted, told('FAILED'), WORKER, seconds(99)), null);
  });
});

describe('several attempts', () => {
  const second: News = {
    kind: 'begun',
    send: 'SUBMIT',
    attempt: { ...attempt, number: 2, orderNumber: 'ORDER2' },
    request: null,
  };
  const two = after(submit, ended(1, notTaken), second);

  it('the payout is where its furthest attempt is, and failed only when every attempt is dead', () => {
    assert.equal(two.state, 'SUBMITTING');
    const dead = follow(two, { kind: 'ended', attempt: 2, send: 1, outcome: { kind: 'rejected', failure: FAILURE } });
    assert.equal(dead.state, 'FAILED');
    assert.deepEqual(failureOf(dead), FAILURE);
    assert.equal(dead.nextCheckAt, null);
    const late = follow(dead, told('PROCESSING'));
    assert.equal(late.state, 'PROCESSING');
    assert.deepEqual(
      late.attention.map((one) => one.reason),
      ['LATE_EVIDENCE'],
    );
  });

  it('news of an earlier attempt is recorded on it, and asked for until it is accounted for', () => {
    const paid = follow(two, {
      kind: 'ended',
      attempt: 2,
      send: 1,
      outcome: { kind: 'accepted', report: report('COMPLETED', { providerReference: 'ref-2' }) },
    });
    assert.equal(paid.nextCheckAt, null);
    const both = follow(paid, found('COMPLETED'));
    assert.equal(both.state, 'COMPLETED');
    assert.deepEqual(both.attempts.map(attemptState), ['COMPLETED', 'COMPLETED']);
    assert.deepEqual(
      both.attention.map((one) => one.reason),
      ['LATE_EVIDENCE', 'PAID_TWICE'],
    );
  });

  it('an attempt is accounted for when a report found it or nothing of it is open', () => {
    assert.deepEqual(two.attempts.map(isAccountedFor), [true, false]);
    assert.ok(after(submit, ended(1, unknown), told('PROCESSING')).attempts.every(isAccountedFor));
  });
});

describe('the schedule', () => {
  it('widens from seconds to an hour and never ends while something is open', () => {
    let payout = after(submit, accepted('PROCESSING'));
    const gaps: number[] = [];
    for (let round = 0; round < 40; round += 1) {
      const now = payout.nextCheckAt;
      assert.ok(now);
      const looked = apply(
        payout,
        {
          kind: 'looked',
          attempt: 1,
          askedAt: now,
          outcome: { kind: 'found', report: report('PROCESSING', { askedAt: now }) },
          absence: null,
        },
        WORKER,
        now,
      );
      assert.ok(looked?.payout.nextCheckAt);
      gaps.push((looked.payout.nextCheckAt.getTime() - now.getTime()) / 1000);
      payout = looked.payout;
    }
    assert.ok((gaps[0] ?? 0) < 10 && (gaps.at(-1) ?? 0) > 3000 && gaps.every((gap) => gap <= 3600 * 1.16));
    assert.equal(LADDER_SECONDS.at(-1), 3600);
  });

  it('asks no more once a payout is over and accounted for', () => {
    for (const payout of Object.values(SITUATIONS).filter((one) => isFinal(one.state)))
      assert.equal(payout.nextCheckAt, null);
  });

  it('still asks behind a failure whose money is not back', () => {
    const failed = after(submit, accepted('FAILED', { moneyMoved: 'YES' }));
    assert.ok(failed.nextCheckAt);
    assert.equal(follow(failed, found('FAILED')).nextCheckAt, null);
  });

  it('waits at least as long as the provider says', () => {
    const held = after(submit, ended(1, { ...notTaken, retryAfterMs: 600_000 }));
    assert.ok((held.nextCheckAt?.getTime() ?? 0) >= seconds(600).getTime());
  });

  it('makes a hint due at once, and a look that was asked before the hint does not put it off', () => {
    const processing = {
      ...after(submit, accepted('PROCESSING')),
      lease: { owner: 'w', fence: 9, until: seconds(99) },
    };
    const hinted = apply(processing, { kind: 'hinted' }, WORKER, seconds(50))?.payout;
    assert.deepEqual(hinted?.nextCheckAt, seconds(50));
    assert.deepEqual(hinted.lease, processing.lease);
    const stale = found('PROCESSING', { askedAt: seconds(49) });
    const settled = apply(
      hinted,
      { ...stale, askedAt: seconds(49) } as News,
      { ...WORKER, fence: 9 },
      seconds(51),
    )?.payout;
    assert.deepEqual(settled?.nextCheckAt, seconds(51));
    assert.equal(settled.lease, null);
  });

  it('never sleeps past sendBefore in the queue, and starts no send after it', () => {
    const held = after(submit, ended(1, { ...notTaken, retryAfterMs: 99_000_000 }));
    assert.deepEqual(held.nextCheckAt, seconds(3600));
    assert.equal(apply(held, submit, WORKER, seconds(3600)), null);
    assert.equal(apply(after(submit, ended(1, unknown)), repeat, WORKER, seconds(3600)), null);
  });
});

describe('a payout that waits', () => {
  it('is in doubt, not cancelled and not asked about for ever, once something else is found under its number', () => {
    const waiting = after(submit, ended(1, notTaken));
    const doubt = follow(waiting, found('PROCESSING', { echo: { amount: decimal('1') } }));
    assert.equal(doubt.state, 'IN_DOUBT');
    assert.deepEqual(
      doubt.attention.map((one) => one.reason),
      ['WRONG_ECHO'],
    );
    assert.equal(apply(doubt, { kind: 'cancelled' }, WORKER, seconds(9)), null);
    const late = apply(doubt, found('PROCESSING', { echo: { amount: decimal('1') } }), WORKER, seconds(9000));
    assert.ok((late?.payout.nextCheckAt ?? NOON) > seconds(9000), 'not due at once for ever');
  });

  it('is looked at within the hour, whatever a provider asks for', () => {
    const parked = after(submit, ended(1, { ...notTaken, retryAfterMs: 10 ** 15 }));
    assert.ok((parked.nextCheckAt ?? seconds(9999)) <= seconds(2 + 3600));
  });
});

describe('a remark beside a turn', () => {
  it('does not put off a check that is due', () => {
    const doubt = after(submit, ended(1, unknown));
    const hinted = { ...doubt, nextCheckAt: seconds(4) };
    const flagged: News = { kind: 'flagged', reason: 'NOT_FOUND_AT_PROVIDER', message: 'x' };
    assert.deepEqual(apply(hinted, flagged, WORKER, seconds(5))?.payout.nextCheckAt, seconds(4));
    const turn = apply(hinted, flagged, { ...WORKER, fence: 3 }, seconds(5));
    assert.ok((turn?.payout.nextCheckAt ?? NOON) > seconds(5));
  });
});

describe('a lease', () => {
  it('is given back by the worker that holds it, and by no other', () => {
    const leased = { ...after(submit), lease: { owner: 'w', fence: 9, until: seconds(99) } };
    const news = ended(1, unknown);
    assert.equal(apply(leased, news, { ...WORKER, fence: 9 }, seconds(5))?.payout.lease, null);
    assert.deepEqual(apply(leased, news, { ...WORKER, fence: 8 }, seconds(5))?.payout.lease, leased.lease);
    assert.deepEqual(apply(leased, told('COMPLETED'), WORKER, seconds(5))?.payout.lease, leased.lease);
  });

  it('that was lost puts nothing off: the turn of who has it now decides when the next one is', () => {
    const leased = { ...after(submit, ended(1, notTaken)), lease: { owner: 'w', fence: 9, until: seconds(99) } };
    const due = { ...leased, nextCheckAt: seconds(4) };
    const late = apply(due, { kind: 'held', retryAfterMs: null }, { ...WORKER, fence: 8 }, seconds(5))?.payout ?? due;
    assert.deepEqual([late.nextCheckAt, late.quietChecks], [due.nextCheckAt, due.quietChecks]);
  });
});
