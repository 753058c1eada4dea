import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { apply, type News } from '../src/domain/apply.ts';
import { failureOf, moneyMoved } from '../src/domain/attempt.ts';
import { ATTENTION_REASONS, type AttentionReason, type Payout } from '../src/domain/payout.ts';
import type { AttemptRef, Provider, SendOutcome, StatusReport } from '../src/domain/provider.ts';
import { payoutIdOf } from '../src/identity.ts';
import type { Resolution } from '../src/payouts.ts';
import {
  decimal,
  NOON,
  orderOf,
  sampleAttempt,
  sampleEvent,
  sampleParty,
  samplePayout,
  sampleSend,
} from './support/payouts.ts';
import {
  ACTOR,
  ALPHA,
  createDesk,
  type Desk,
  MERCHANT,
  OPERATOR,
  openWriteSide,
  PLAIN,
  payoutsOn,
  reportOf,
  WAITING,
  type WriteSide,
} from './support/write-side.ts';

// What a person can do with a payout: settle its doubt, see to what was raised, and have its personal data erased.

const unknown: SendOutcome = { kind: 'unknown', vendorCode: null, cause: 'cut' };
const away: SendOutcome = {
  kind: 'notTaken',
  reason: 'NEVER_LEFT',
  retryAfterMs: null,
  vendorCode: null,
  cause: 'away',
};
const rejected: SendOutcome = {
  kind: 'rejected',
  failure: { code: 'PROVIDER_REFUSED', message: 'no', vendorCode: '422', vendorMessage: null, retryable: false },
};
const NOTE = 'asked them by telephone';
const FAIL: Resolution = { kind: 'neverArrived', next: 'FAIL' };
const SEND_AGAIN: Resolution = { kind: 'neverArrived', next: 'SEND_AGAIN' };
const arrived = (providerReference: string): Resolution => ({ kind: 'arrived', providerReference });

let side: WriteSide;
let desk: Desk;
/** What look-ups were asked for. */
let asked: AttemptRef[];

beforeEach(() => open());
afterEach(() => side.close());

async function open(changes: Partial<Provider> = {}): Promise<void> {
  asked = [];
  side = await openWriteSide((clock) => {
    desk = createDesk(clock, changes);
    const lookup: Provider['lookup'] = (attempt, call) => {
      asked.push(attempt);
      return desk.provider.lookup(attempt, call);
    };
    return [{ ...desk.provider, lookup }];
  });
  desk.answer('submit', unknown);
  desk.shows = null;
}

/** A payout whose create was lost, and which no look-up finds. */
async function doubtful(changes: Parameters<WriteSide['create']>[0] = {}): Promise<Payout> {
  const payout = await side.create(changes);
  await side.startWorker(desk.provider).idle();
  const doubt = await side.read(payout);
  assert.equal(doubt.state, 'IN_DOUBT');
  return doubt;
}

const resolve = ({ id }: Payout, how: Resolution, payouts = side.payouts) =>
  payouts.resolve(MERCHANT, OPERATOR, id, how, NOTE);
const reasons = (payout: Payout): string[] => payout.attention.map((one) => one.reason);
const sendsOf = (payout: Payout): string[] =>
  payout.attempts.flatMap((attempt) => attempt.sends.map((send) => `${send.kind} ${send.outcome}`));

/** The payout has got exactly one event since, by an operator, with the note. */
async function toldOnce(before: Payout): Promise<void> {
  const events = (await side.events(before)).filter((event) => event.source === 'OPERATOR');
  assert.deepEqual(
    events.map(({ actor, note, previousState }) => ({ actor, note, previousState })),
    [{ actor: OPERATOR.actor, note: NOTE, previousState: before.state }],
  );
}

describe('an operator who says that it arrived', () => {
  it('is believed once the provider says so too: the reference is looked up, compared, and bound', async () => {
    const doubt = await doubtful();
    await side.pass(3000);
    const before = await side.read(doubt);
    desk.shows = { providerReference: 'ref-9', echo: { amount: decimal('10.0'), currency: 'USDT', network: 'TRON' } };
    asked = [];
    const result = await resolve(doubt, arrived('ref-9'));
    assert.ok(result.kind === 'resolved');
    assert.deepEqual(
      asked.map((one) => one.providerReference),
      ['ref-9'],
    );
    assert.equal(result.payout.state, 'PROCESSING');
    assert.equal(result.payout.attempts[0]?.providerReference, 'ref-9');
    assert.deepEqual(result.payout.attention, []);
    assert.deepEqual(await side.read(doubt), result.payout);
    await toldOnce(before);
  });

  it('makes the payout go on from there as if its answer had come', async () => {
    const doubt = await doubtful();
    const echo = { amount: decimal('10') };
    desk.shows = { ...WAITING, providerReference: 'ref-9', echo };
    assert.equal((await resolve(doubt, arrived('ref-9'))).kind, 'resolved');
    desk.answer('confirm', () => {
      desk.shows = { state: 'COMPLETED', providerReference: 'ref-9', echo };
      return { kind: 'accepted', report: null };
    });
    await side.pass(30_000);
    assert.equal((await side.read(doubt)).state, 'COMPLETED');
    assert.deepEqual(
      desk.calls.filter((call) => call !== 'lookup'),
      ['submit', 'confirm'],
    );
  });

  it('leaves the confirm to a person where the answer repeats nothing of the order but the reference', async () => {
    const doubt = await doubtful();
    desk.shows = { ...WAITING, providerReference: 'ref-9' };
    assert.equal((await resolve(doubt, arrived('ref-9'))).kind, 'resolved');
    await side.pass(3_600_000);
    assert.equal((await side.read(doubt)).state, 'AWAITING_CONFIRMATION');
    assert.ok(!desk.calls.includes('confirm'));
  });

  it('settles the doubt, and binds no reference, where the answer names none', async () => {
    const doubt = await doubtful();
    desk.shows = { providerReference: null };
    const result = await resolve(doubt, arrived('ref-9'));
    assert.ok(result.kind === 'resolved');
    assert.equal(result.payout.attempts[0]?.providerReference, null);
    assert.deepEqual(result.payout.attention, []);
  });

  it('settles a doubt that came from a wrong echo, once another order is what was sent', async () => {
    desk.answer('submit', () => ({
      kind: 'accepted',
      report: reportOf({ providerReference: 'ref-8', echo: { amount: decimal('99') } }),
    }));
    const doubt = await doubtful();
    assert.deepEqual(reasons(doubt), ['WRONG_ECHO']);
    desk.shows = { providerReference: 'ref-9', echo: { amount: decimal('10') } };
    const result = await resolve(doubt, arrived('ref-9'));
    assert.ok(result.kind === 'resolved');
    assert.deepEqual([result.payout.state, result.payout.attention], ['PROCESSING', []]);
  });

  const refuted: Readonly<Record<string, Partial<StatusReport> | null>> = {
    'does not know it': null,
    'has another amount there': { providerReference: 'ref-9', echo: { amount: decimal('10.01') } },
    'has another currency there': { providerReference: 'ref-9', echo: { currency: 'USDC' } },
    'has another network there': { providerReference: 'ref-9', echo: { network: 'BSC' } },
    'has another address there': { providerReference: 'ref-9', echo: { address: 'T1' } },
    'has it for another order of ours': { providerReference: 'ref-9', echo: { orderNumber: 'ORDER2' } },
    'answers with another reference': { providerReference: 'ref-7' },
  };
  for (const [what, shows] of Object.entries(refuted)) {
    it(`is refuted where the provider ${what}, and nothing is bound`, async () => {
      const doubt = await doubtful();
      desk.shows = shows;
      const result = await resolve(doubt, arrived('ref-9'));
      assert.equal(result.kind, 'refuted');
      assert.deepEqual(await side.read(doubt), doubt);
      const other = { payoutId: payoutIdOf(MERCHANT, 'other'), attempt: 1 };
      for (const reference of ['ref-9', 'ref-7']) {
        assert.ok(await side.store.claimReference(ALPHA, 'project-1', reference, other), `${reference} is free`);
      }
    });
  }

  it('is refuted where the reference belongs to another payout, which keeps it', async () => {
    const doubt = await doubtful();
    const other = { payoutId: payoutIdOf(MERCHANT, 'other'), attempt: 1 };
    assert.ok(await side.store.claimReference(ALPHA, 'project-1', 'ref-9', other));
    desk.shows = { providerReference: 'ref-9' };
    const result = await resolve(doubt, arrived('ref-9'));
    assert.ok(result.kind === 'refuted' && /belongs to another payout/.test(result.message));
    assert.deepEqual(await side.read(doubt), doubt);
  });

  it('is told when the provider cannot be asked, and how long to wait', async () => {
    await side.close();
    await open({ lookup: async () => ({ kind: 'unavailable', retryAfterMs: 30_000, cause: 'down' }) });
    const doubt = await doubtful();
    const result = await resolve(doubt, arrived('ref-9'));
    const retryAt = new Date(side.clock.now().getTime() + 30_000);
    assert.deepEqual(result, { kind: 'unavailable', provider: ALPHA, retryAt, cause: 'down' });
    assert.deepEqual(await side.read(doubt), doubt);
  });

  it('has nobody asked where the account is another one by now', async () => {
    const doubt = await doubtful();
    const accounts = [{ name: 'default', fingerprint: 'project-2', enabled: true }];
    const route = () => ({ kind: 'none', reasons: [] }) as const;
    desk.shows = { providerReference: 'ref-9' };
    desk.calls.length = 0;
    const moved = payoutsOn(side.store, side.clock, route, [{ ...desk.provider, accounts }]);
    const result = await resolve(doubt, arrived('ref-9'), moved);
    assert.notEqual(result.kind, 'resolved');
    assert.deepEqual(desk.calls, []);
    assert.deepEqual(await side.read(doubt), doubt);
  });

  it('has nothing to say of what is not in doubt, or not there', async () => {
    desk.shows = { providerReference: 'ref-9' };
    const payout = await side.create();
    assert.equal((await resolve(payout, arrived('ref-9'))).kind, 'notAllowed');
    desk.answer('submit', away);
    await side.startWorker(desk.provider).idle();
    const queued = await side.read(payout);
    assert.deepEqual(sendsOf(queued), ['SUBMIT NOT_TAKEN']);
    assert.equal((await resolve(payout, arrived('ref-9'))).kind, 'notAllowed');
    assert.deepEqual(await side.read(payout), queued);
    assert.deepEqual(asked, []);
    const nobody = { ...payout, id: payoutIdOf(MERCHANT, 'nobody') };
    assert.equal((await resolve(nobody, arrived('ref-9'))).kind, 'notFound');
  });
});

describe('an operator who says that it never arrived', () => {
  it('makes it fail with nothing moved, and nothing is sent or asked any more', async () => {
    const doubt = await doubtful();
    await side.pass(1_800_000, side.workers, 10_000);
    const before = await side.read(doubt);
    assert.deepEqual(reasons(before), ['NOT_FOUND_AT_PROVIDER']);
    const result = await resolve(doubt, FAIL);
    assert.ok(result.kind === 'resolved');
    const failed = await side.read(doubt);
    assert.deepEqual([failed.state, moneyMoved(failed), failed.nextCheckAt], ['FAILED', 'NO', null]);
    assert.equal(failureOf(failed)?.retryable, true);
    assert.deepEqual(failed.attention, []);
    assert.deepEqual(sendsOf(failed), ['SUBMIT NOT_TAKEN']);
    await toldOnce(before);
    desk.calls.length = 0;
    await side.pass(7_200_000, side.workers, 60_000);
    assert.deepEqual(desk.calls, []);
  });

  it('does not outweigh the provider: what it says later moves the payout and is put before a person', async () => {
    const doubt = await doubtful();
    await resolve(doubt, FAIL);
    const report = reportOf({ state: 'COMPLETED', providerReference: 'ref-9' });
    const webhook = { source: 'WEBHOOK', actor: 'alpha', fence: null } as const;
    const paid = await side.payouts.settle(doubt, { kind: 'reported', attempt: 1, report }, webhook);
    assert.deepEqual([paid.state, moneyMoved(paid), reasons(paid)], ['COMPLETED', 'YES', ['LATE_EVIDENCE']]);
  });

  for (const onRepeat of ['refuses', 'returnsFirst'] as const) {
    it(`has it sent again under the same number and with the same body where the provider ${onRepeat}`, async () => {
      await side.close();
      const bodies: string[] = [];
      await open({ onRepeat });
      const submit: Provider['submit'] = (attempt, body, call) => {
        bodies.push(`${attempt.orderNumber} ${body}`);
        return desk.provider.submit(attempt, body, call);
      };
      const payout = await side.create();
      side.startWorker({ ...desk.provider, submit });
      await side.pass(2000);
      const before = await side.read(payout);
      assert.equal((await resolve(payout, SEND_AGAIN)).kind, 'resolved');
      await toldOnce(before);
      desk.shows = { state: 'PROCESSING' };
      await side.pass(2000);
      const after = await side.read(payout);
      assert.equal(after.state, 'PROCESSING');
      assert.deepEqual(sendsOf(after), ['SUBMIT NOT_TAKEN', 'SUBMIT ACCEPTED']);
      assert.equal(after.attempts.length, 1);
      assert.equal(bodies.length, 2);
      assert.equal(new Set(bodies).size, 1);
    });
  }

  it('makes a refusal of what is sent again final', async () => {
    await side.close();
    await open({ onRepeat: 'refuses' });
    desk.answer('submit', unknown, rejected);
    const doubt = await doubtful();
    await resolve(doubt, SEND_AGAIN);
    await side.pass(5000);
    assert.equal((await side.read(doubt)).state, 'FAILED');
  });

  for (const onRepeat of ['paysAgain', 'unproven'] as const) {
    it(`cannot have it sent again where a second create ${onRepeat}, and is told why`, async () => {
      await side.close();
      await open({ onRepeat });
      const doubt = await doubtful();
      const result = await resolve(doubt, SEND_AGAIN);
      assert.ok(result.kind === 'unsupported');
      assert.match(result.reasons[0]?.reason ?? '', /not known to refuse a second order/);
      assert.deepEqual(await side.read(doubt), doubt);
    });
  }

  it('is not heard while a send is in flight', async () => {
    await side.close();
    await open({ onRepeat: 'returnsFirst', repeatWindowMs: 86_400_000, findsByOrderNumber: 'never' });
    const door = side.createDoor();
    desk.answer('submit', unknown, async () => {
      await door.pass();
      return unknown;
    });
    const payout = await doubtful();
    await side.clock.advance(60_000);
    await door.reached;
    for (const how of [FAIL, SEND_AGAIN]) {
      const before = await side.read(payout);
      assert.equal(before.state, 'SUBMITTING');
      assert.equal((await resolve(payout, how)).kind, 'notAllowed');
      assert.deepEqual(await side.read(payout), before);
    }
  });

  it('is not heard while a send of another attempt is in flight', () => {
    const lost = sampleAttempt({ sends: [sampleSend({ outcome: 'UNKNOWN', endedAt: NOON })] });
    const news: News = { kind: 'neverArrived', next: 'FAIL', note: NOTE };
    const source = { ...OPERATOR, fence: null };
    const doubt = samplePayout({ state: 'IN_DOUBT', attempts: [lost] });
    assert.ok(apply(doubt, news, source, NOON));
    const sending = { ...doubt, attempts: [lost, sampleAttempt({ number: 2 })] };
    assert.equal(apply(sending, news, source, NOON), null);
  });

  it('has nothing to say of what is not in doubt', async () => {
    desk.answer('submit', { kind: 'accepted', report: reportOf({ providerReference: 'ref-1' }) });
    desk.shows = {};
    const payout = await side.create();
    await side.startWorker(desk.provider).idle();
    const before = await side.read(payout);
    assert.equal(before.state, 'PROCESSING');
    assert.equal((await resolve(payout, FAIL)).kind, 'notAllowed');
    assert.deepEqual(await side.read(payout), before);
  });

  it('sends nothing after sendBefore: it fails then instead', async () => {
    await side.close();
    await open({ onRepeat: 'refuses' });
    const doubt = await doubtful({ sendBefore: new Date(side.clock.now().getTime() + 10_000) });
    await side.pass(20_000);
    assert.equal((await resolve(doubt, SEND_AGAIN)).kind, 'resolved');
    await side.pass(5000);
    const failed = await side.read(doubt);
    assert.deepEqual([failed.state, failed.closure?.failure?.code], ['FAILED', 'EXPIRED']);
    assert.equal(desk.calls.filter((call) => call === 'submit').length, 1);
  });
});

describe('an operator who has seen to it', () => {
  it('takes it off the list of what needs a person, and changes nothing else', async () => {
    const doubt = await doubtful();
    await side.pass(1_800_000, side.workers, 10_000);
    await side.workers[0]?.stop();
    const before = await side.read(doubt);
    assert.equal(before.attention.length, 1);
    const result = await resolve(doubt, { kind: 'seen' });
    assert.ok(result.kind === 'resolved');
    const { version, sequence, updatedAt } = result.payout;
    assert.deepEqual(result.payout, { ...before, attention: [], version, sequence, updatedAt });
    assert.equal(sequence, before.sequence + 1);
    await toldOnce(before);
  });

  it('is told that there is nothing to see', async () => {
    const payout = await side.create();
    assert.equal((await resolve(payout, { kind: 'seen' })).kind, 'notAllowed');
    assert.equal((await side.read(payout)).sequence, 1);
  });
});

describe('what needs a person', () => {
  const CONDITIONS: readonly AttentionReason[] = [
    'NOT_FOUND_AT_PROVIDER',
    'PROVIDER_UNREACHABLE',
    'REPEAT_WINDOW_OVER',
    'ACCOUNT_CHANGED',
    'SEND_BEFORE_PASSED',
    'ACTION_REFUSED',
    'OVERDUE',
  ];
  const worker = { source: 'LOOKUP', actor: 'worker', fence: null } as const;
  const sends = [sampleSend({ outcome: 'ACCEPTED', endedAt: NOON })];
  const held = { ...sampleAttempt({ sends }), number: 1 };
  const report = (state: StatusReport['state']): News => ({
    kind: 'looked',
    attempt: 1,
    askedAt: NOON,
    outcome: { kind: 'found', report: reportOf({ askedAt: NOON, state }) },
    absence: null,
  });
  const start = apply(samplePayout({ state: 'SUBMITTING', attempts: [held] }), report('PROCESSING'), worker, NOON);

  for (const reason of ATTENTION_REASONS) {
    const ends = CONDITIONS.includes(reason);
    it(`${reason} ${ends ? 'ends with the state that it was about' : 'stays until somebody has seen to it'}`, () => {
      assert.ok(start);
      const flagged = apply(start.payout, { kind: 'flagged', reason, message: 'look' }, worker, NOON);
      assert.ok(flagged);
      assert.deepEqual(reasons(flagged.payout), [reason]);
      const same = apply(flagged.payout, report('PROCESSING'), worker, NOON)?.payout;
      assert.deepEqual(same && reasons(same), [reason]);
      const over = apply(flagged.payout, report('COMPLETED'), worker, NOON)?.payout;
      assert.deepEqual(over && reasons(over), ends ? [] : [reason]);
      const seen = apply(flagged.payout, { kind: 'seen', note: NOTE }, worker, NOON)?.payout;
      assert.deepEqual(seen?.attention, []);
    });
  }

  it('is OVERDUE once it takes longer than is usual there, is told once, and is not when it is done', async () => {
    await side.close();
    await open({ usualMs: 3_600_000 });
    desk.answer('submit', { kind: 'accepted', report: reportOf({ providerReference: 'ref-1' }) });
    desk.shows = {};
    const payout = await side.create();
    side.startWorker(desk.provider);
    await side.pass(3_500_000, side.workers, 20_000);
    assert.deepEqual(reasons(await side.read(payout)), []);
    await side.pass(10_000_000, side.workers, 60_000);
    assert.deepEqual(reasons(await side.read(payout)), ['OVERDUE']);
    assert.equal((await side.events(payout)).filter((event) => event.note?.includes('longer than is usual')).length, 1);
    desk.shows = { state: 'COMPLETED' };
    await side.pass(5_000_000, side.workers, 60_000);
    const done = await side.read(payout);
    assert.deepEqual([done.state, done.attention], ['COMPLETED', []]);
  });
});

describe('an operator who erases the personal data', () => {
  const parties = { originator: null, beneficiary: sampleParty({ name: 'Ödön Fülöp' }), accountNumber: null };
  const erase = ({ id }: Payout) => side.payouts.erase(MERCHANT, OPERATOR, id, NOTE);
  const kept = async ({ id }: Payout): Promise<number> =>
    (await side.store.sealedUnderOtherKeys('none', 100)).filter((one) => one.payoutId === id).length;
  async function completed(): Promise<Payout> {
    desk.answer('submit', { kind: 'accepted', report: reportOf({ state: 'COMPLETED', providerReference: 'ref-1' }) });
    const payout = await side.create({ parties });
    await side.startWorker(desk.provider).idle();
    return side.read(payout);
  }

  it('leaves nothing of it, and all of the history', async () => {
    const payout = await completed();
    const history = await side.events(payout);
    assert.equal(await kept(payout), 2);
    const result = await erase(payout);
    assert.ok(result.kind === 'erased');
    assert.equal(await kept(payout), 0);
    const { version, sequence, updatedAt } = result.payout;
    assert.deepEqual(result.payout, { ...payout, parties: null, version, sequence, updatedAt });
    assert.equal(await side.payouts.parties(result.payout), null);
    assert.deepEqual((await side.events(payout)).slice(0, -1), history);
    await toldOnce(payout);
  });

  it('lets a repeat of createPayout still be answered, and still be told what differs', async () => {
    const payout = await completed();
    await erase(payout);
    const input = { reference: payout.reference, order: orderOf('10'), ...PLAIN, parties };
    const again = await side.payouts.create(MERCHANT, ACTOR, input);
    assert.ok(again.kind === 'created' && again.replayed);
    assert.equal(await kept(payout), 0, 'the repeat brings nothing back');
    const other = { ...parties, beneficiary: sampleParty({ name: 'Zsófia Ács' }) };
    const conflict = await side.payouts.create(MERCHANT, ACTOR, { ...input, parties: other });
    assert.ok(conflict.kind === 'conflict');
    assert.deepEqual(conflict.differences, ['destination.bank.beneficiary.name']);
  });

  it('cannot while the payout is not over', async () => {
    const doubt = await doubtful({ parties });
    assert.equal((await erase(doubt)).kind, 'notAllowed');
    assert.equal(await kept(doubt), 2);
    assert.deepEqual(await side.read(doubt), doubt);
  });

  it('cannot while an attempt behind the final state is not accounted for', async () => {
    const sends = [sampleSend({ outcome: 'UNKNOWN', endedAt: NOON })];
    const paid = sampleAttempt({ number: 2, report: null });
    const attempts = [sampleAttempt({ sends }), paid];
    const payout = samplePayout({ merchantId: MERCHANT, state: 'COMPLETED', attempts });
    await side.store.insert(payout, sampleEvent(payout));
    await side.vault.put(payout.id, 'body:1', Buffer.from('body'));
    assert.equal((await erase(payout)).kind, 'notAllowed');
    assert.equal(await kept(payout), 1);
  });

  it('cannot for another merchant', async () => {
    const payout = await completed();
    const other = payout.merchantId.replace('me_', 'me_x') as Payout['merchantId'];
    assert.equal((await side.payouts.erase(other, OPERATOR, payout.id, NOTE)).kind, 'notFound');
    assert.equal((await side.payouts.resolve(other, OPERATOR, payout.id, FAIL, NOTE)).kind, 'notFound');
    assert.equal(await kept(payout), 2);
  });

  it('does not stop evidence that comes afterwards', async () => {
    desk.answer('submit', rejected);
    const payout = await side.create({ parties });
    await side.startWorker(desk.provider).idle();
    assert.equal((await erase(payout)).kind, 'erased');
    const report = reportOf({ state: 'COMPLETED', providerReference: 'ref-9' });
    const webhook = { source: 'WEBHOOK', actor: 'alpha', fence: null } as const;
    const paid = await side.payouts.settle(payout, { kind: 'reported', attempt: 1, report }, webhook);
    assert.deepEqual([paid.state, reasons(paid)], ['COMPLETED', ['LATE_EVIDENCE']]);
  });
});
