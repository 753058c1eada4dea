import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { failureOf, moneyMoved } from '../../../src/domain/attempt.ts';
import type { Payout } from '../../../src/domain/payout.ts';
import type { Provider } from '../../../src/domain/provider.ts';
import type { SandboxSide } from '../../../src/sandbox.ts';
import { PLAIN } from '../write-side.ts';
import { call, numbered, place } from './orders.ts';
import {
  describePayout,
  HOUR_MS,
  type Kit,
  MINUTE_MS,
  OPERATOR,
  reasonsOf,
  rowOf,
  SILENT,
  type Stage,
  sendsOf,
  statesOf,
  useStage,
} from './stage.ts';

/** Faults of the first send that leave, or may leave, nobody knowing whether it was taken. */
const LOST = ['38', '61', '62', '63', '64', '65', '66', '67', '68', '69', '84', '85', '86', '87', '97', '98', '99'];
/** Refusals of every send. */
const REFUSED = [
  ['70', 'INSUFFICIENT_FUNDS'],
  ['71', 'INVALID_DESTINATION'],
] as const;

/** That a send which goes wrong in whatever way is made up for by what the provider offers, and never paid twice. */
export function describeDoubt(kit: Kit): void {
  describeLostSends(kit);
  describeRefusedRepeats(kit);
  describeRefusals(kit);
  describeDuplicates(kit);
}

function describeLostSends(kit: Kit): void {
  describe('a send that goes wrong, where nobody tells us by himself', () => {
    const stage = useStage(kit, SILENT);
    for (const decimals of LOST) {
      const { what, sends = [] } = rowOf(decimals);
      it(`is called what it was, and ends as the books have it: ${what}`, async () => {
        const [turn] = sends;
        assert.ok(turn);
        const created = await stage().create(decimals);
        const first = (await stage().sent(created)).attempts[0]?.sends[0]?.outcome;
        const allowed = turn.done || 'answer' in turn ? ['UNKNOWN'] : ['UNKNOWN', 'NOT_TAKEN'];
        // An answer that is only slow may still come in time.
        if (turn.done && turn.answer === 'SLOW') allowed.push('ACCEPTED');
        assert.ok(allowed.includes(first ?? ''), `the first send is called ${first}`);
        const payout = await settleDoubt(stage(), created, turn.done);
        assert.equal(payout.attempts.length, 1, 'whatever is sent again is sent under the same order number');
      });
    }

    it('is not settled by a refusal, a 401 or a 429 of its repeat, since the first send was taken', async () => {
      const created = await stage().doubtful('98');
      await stage().pass(HOUR_MS);
      const payout = await stage().audit(created);
      const states = statesOf(await stage().events(created));
      for (const state of ['FAILED', 'CANCELLED'] as const) assert.ok(!states.includes(state), `${states}`);
      assert.ok(!states.slice(1).includes('QUEUED'), `it is never taken for unsent: ${states}`);
      assert.equal(stage().orders(payout).length, 1);
    });

    it('is not sent again by anyone while the order may be there', async () => {
      const created = await stage().create('84');
      await stage().pass(30 * MINUTE_MS);
      const payout = await stage().audit(created);
      stage().order(payout);
      if (kit.declared.repeatWindowMs === null) {
        assert.equal(sendsOf(payout).filter((send) => /^(SUBMIT|REPEAT)/.test(send)).length, 1);
      }
    });
  });
}

/** A stand-in's side that refuses the second and the third create under one order number, for reasons of its payout's own. */
function refusingRepeats(side: SandboxSide): SandboxSide {
  const creates = new Map<string | null, number>();
  return {
    ...side,
    read(request, account) {
      const asked = side.read(request, account);
      if (asked.kind !== 'create') return asked;
      const made = (creates.get(asked.order.mark) ?? 0) + 1;
      creates.set(asked.order.mark, made);
      const refusal = ([null, 'INSUFFICIENT_BALANCE', 'INVALID_DESTINATION'] as const)[made - 1] ?? null;
      return refusal === null ? asked : { kind: 'answer', answer: side.refuse(refusal, null) };
    },
  };
}

function describeRefusedRepeats(kit: Kit): void {
  describe('a repeat that is refused, though the first send was taken', () => {
    const stage = useStage(kit, { ...SILENT, standIn: { sides: [refusingRepeats(kit.side)] } });

    for (const decimals of ['61', '64']) {
      it(`fails nothing and cancels nothing, since it speaks for itself alone: ${rowOf(decimals).what}`, async () => {
        const payout = await stage().doubtful(decimals);
        await stage().pass(2 * MINUTE_MS);
        const { attempts } = await stage().audit(payout);
        if (kit.declared.repeatWindowMs !== null) {
          assert.ok(attempts[0]?.sends.some(({ kind, outcome }) => kind === 'REPEAT' && outcome === 'REJECTED'));
        }
        await settleDoubt(stage(), payout, true);
      });
    }
  });
}

/** Whether the provider's own means can show that nothing was taken, or make it not matter. */
function mayBeSentAgain({ provider, account }: Stage): boolean {
  return provider.repeatWindowMs !== null || provider.absenceRule(account) !== null;
}

/** Whether an order that was taken can be found without its reference. */
function canBeFound({ onRepeat, findsByOrderNumber }: Provider): boolean {
  return onRepeat === 'returnsFirst' || findsByOrderNumber === 'always';
}

/**
 * Lets a payout in doubt come to its end: by itself where the provider's means suffice, else by an operator, to whom it
 * gave a reason to act on. Answers it with one order that was paid, or with none and FAILED.
 */
export async function settleDoubt(stage: Stage, created: Payout, isTaken: boolean): Promise<Payout> {
  const stuck = ({ state, attention }: Payout) => state === 'IN_DOUBT' && attention.length > 0;
  await stage.until(created, (payout) => payout.state === 'COMPLETED' || stuck(payout), 6 * HOUR_MS);
  const payout = await stage.audit(created);
  const states = statesOf(await stage.events(created));
  assert.ok(!states.includes('FAILED') && !states.includes('CANCELLED'), `a loss is taken for a refusal: ${states}`);
  if (payout.state === 'COMPLETED') {
    stage.order(payout);
    return payout;
  }
  const isKnowable = isTaken ? canBeFound(stage.provider) : mayBeSentAgain(stage);
  assert.ok(!isKnowable, `the provider's means would settle it: ${describePayout(payout)}`);
  assert.ok(payout.attention.some(({ message }) => message.includes(payout.attempts[0]?.orderNumber ?? '?')));
  return isTaken ? bindByHand(stage, payout) : giveUpByHand(stage, payout);
}

async function bindByHand(stage: Stage, payout: Payout): Promise<Payout> {
  const { providerReference } = stage.order(payout);
  const bound = await stage.resolve(payout, { kind: 'arrived', providerReference });
  assert.equal(bound.kind, 'resolved', JSON.stringify(bound));
  await untilPaid(stage, payout);
  const after = await stage.audit(payout);
  stage.order(after);
  return after;
}

/** Until it is COMPLETED; where the operator's reference could not be compared, a person has to confirm it. */
export async function untilPaid(stage: Stage, bound: Payout): Promise<Payout> {
  const { autoConfirm } = await stage.until(bound, (now) => now.state === 'COMPLETED' || !now.autoConfirm);
  if (!autoConfirm) {
    await stage.until(bound, ['AWAITING_CONFIRMATION', 'COMPLETED']);
    await stage.world.payouts.act(bound.merchantId, OPERATOR, bound.id, { action: 'CONFIRM' });
  }
  return stage.until(bound, ['COMPLETED']);
}

/** An operator says of a payout that nobody has that it never arrived. */
export async function giveUpByHand(stage: Stage, payout: Payout): Promise<Payout> {
  assert.deepEqual(stage.orders(payout), []);
  const given = await stage.resolve(payout, { kind: 'neverArrived', next: 'FAIL' });
  assert.equal(given.kind, 'resolved');
  const after = await stage.audit(payout);
  assert.deepEqual([after.state, moneyMoved(after), after.nextCheckAt], ['FAILED', 'NO', null]);
  assert.equal(failureOf(after)?.retryable, true);
  return after;
}

function describeRefusals(kit: Kit): void {
  describe('a payout that the provider refuses', () => {
    const stage = useStage(kit);
    for (const [decimals, code] of REFUSED) {
      it(`is FAILED with ${code} and nothing moved, and is not sent again: ${rowOf(decimals).what}`, async () => {
        const created = await stage().create(decimals);
        await stage().until(created, ['FAILED'], MINUTE_MS);
        await stage().pass(HOUR_MS);
        const payout = await stage().audit(created);
        const failure = failureOf(payout);
        assert.deepEqual([payout.state, moneyMoved(payout), failure?.code], ['FAILED', 'NO', code]);
        assert.ok(failure?.message && failure.vendorMessage, 'it says why, in our words and in theirs');
        assert.deepEqual(sendsOf(payout), ['SUBMIT REJECTED']);
        assert.deepEqual(stage().orders(payout), []);
        assert.equal(payout.nextCheckAt, null);
      });

      it(`is answered as it was under its reference, and may be asked for under a new one: ${code}`, async () => {
        const first = await stage().until(await stage().create(decimals), ['FAILED'], MINUTE_MS);
        const { reference, order, merchantId } = first;
        const { parties } = kit.side.sample(order.amount.amount);
        const named = Object.values(parties).some((value) => value !== null) ? parties : null;
        const again = await stage().world.payouts.create(
          merchantId,
          { source: 'API', actor: 'ak_test' },
          { reference, order, ...PLAIN, provider: first.provider, parties: named },
        );
        assert.ok(again.kind === 'created' && again.replayed && again.payout.state === 'FAILED');
        if (code === 'INSUFFICIENT_FUNDS') assert.equal(failureOf(first)?.retryable, true);
        const next = await stage().until(await stage().create('00'), ['COMPLETED']);
        assert.notEqual(next.attempts[0]?.orderNumber, first.attempts[0]?.orderNumber);
        assert.equal(stage().orders(first).length + stage().orders(next).length, 1);
      });
    }
  });
}

function describeDuplicates(kit: Kit): void {
  const { onRepeat } = kit.declared;
  describe('a second create under one order number', () => {
    const stage = useStage(kit);

    it(`is what it is declared to be: ${onRepeat}`, async () => {
      const { ref, body, order } = await place(stage(), stage().provider, '00');
      const again = await stage().provider.submit({ ...ref, providerReference: null }, body, call());
      const orders = numbered(stage(), ref);
      if (onRepeat === 'refuses') assert.equal(again.kind, 'exists', JSON.stringify(again));
      if (onRepeat === 'returnsFirst') {
        assert.ok(again.kind === 'accepted' && again.report?.providerReference === order.providerReference);
      }
      if (onRepeat === 'unproven') assert.notEqual(again.kind, 'rejected', 'a duplicate is no refusal of the payout');
      assert.equal(orders.length, onRepeat === 'paysAgain' ? 2 : 1);
    });

    it('is an alarm wherever it can be seen that it was paid', async () => {
      const created = await stage().create('88');
      const payout = await stage().until(created, ['COMPLETED']);
      const [attempt] = payout.attempts;
      assert.ok(attempt);
      const ref = stage().world.payouts.refer(payout, attempt);
      await stage().provider.submit(ref, (await ref.storedBody()) ?? '', call());
      await stage().pass(MINUTE_MS);
      const later = await stage().world.payout(created);
      assert.equal(stage().orders(later).length, 2);
      assert.equal(later.state, 'COMPLETED');
      // A hint names only an order that is not ours, and who is polled is not asked again.
      if (kit.declared.webhooks === 'SIGNED') assert.deepEqual(reasonsOf(later), ['PAID_TWICE']);
    });
  });

  describe('a provider that does not keep its word, and pays every create', () => {
    // Slow enough that whatever is sent again is sent before a webhook tells of the first.
    const stage = useStage(kit, { standIn: { duplicates: 'accept', settleMs: MINUTE_MS } });
    for (const decimals of ['61', '64', '98']) {
      it(`never pays twice unnoticed: ${rowOf(decimals).what}`, async () => {
        const created = await stage().create(decimals);
        await stage().pass(30 * MINUTE_MS);
        // Holds the number of payments against the alarm.
        await stage().audit(created);
      });
    }
  });
}
