import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { moneyMoved } from '../../../src/domain/attempt.ts';
import { PAYOUT_ACTIONS, type Payout, type PayoutAction, type PayoutState } from '../../../src/domain/payout.ts';
import type { ActionInput } from '../../../src/payouts.ts';
import { drawAmendment, drawDocument } from './orders.ts';
import {
  ACTION_METHODS,
  costs,
  HOUR_MS,
  type Kit,
  MINUTE_MS,
  reasonsOf,
  rowOf,
  type Stage,
  sendsOf,
  statesOf,
  useStage,
} from './stage.ts';

const ACTOR = { source: 'API', actor: 'ak_test' } as const;

/** That what can be asked of an order is done once, and that nothing of it is offered where there is no call for it. */
export function describeActions(kit: Kit): void {
  describeUndeclared(kit);
  if (kit.abilities.has('CONFIRM')) describeConfirm(kit);
  if (kit.abilities.has('CANCEL')) describeCancel(kit);
  if (kit.abilities.has('AMEND')) describeAmend(kit);
  if (kit.abilities.has('DOCUMENTS')) describeDocuments(kit);
}

async function ask(stage: Stage, payout: Payout, input: ActionInput): Promise<string> {
  return (await stage.world.payouts.act(payout.merchantId, ACTOR, payout.id, input)).kind;
}

/** The sends of one kind, by their outcomes. */
function sendsFor(payout: Payout, action: PayoutAction): string[] {
  return sendsOf(payout).flatMap((send) => (send.startsWith(`${action} `) ? [send.slice(action.length + 1)] : []));
}

function describeUndeclared(kit: Kit): void {
  describe('an action that the provider does not have', () => {
    const stage = useStage(kit);
    const lacking = PAYOUT_ACTIONS.filter((action) => kit.declared[ACTION_METHODS[action]] === undefined);

    it('is refused with a reason, stores nothing and sends nothing', async () => {
      const created = await stage().create('83');
      const payout = await stage().sent(created);
      for (const action of lacking) {
        const { world } = stage();
        const result = await world.payouts.act(
          payout.merchantId,
          ACTOR,
          payout.id,
          await inputFor(stage(), payout, action),
        );
        assert.ok(result.kind === 'unsupported' && result.reasons.every(({ reason }) => reason !== ''), action);
      }
      const after = await stage().audit(created);
      assert.deepEqual([after.requests, sendsOf(after)], [[], ['SUBMIT ACCEPTED']]);
    });

    it('is never offered, and none that is offered is without its method', async () => {
      for (const decimals of ['00', '60', '44', '80']) {
        const created = await stage().create(decimals);
        // Each look on the way holds what is offered against the methods.
        const payout = await stage().until(
          created,
          ({ state, nextCheckAt }) => nextCheckAt === null || state === 'AWAITING_DOCUMENTS',
        );
        for (const { report } of payout.attempts) {
          assert.ok(lacking.every((action) => !report?.allows.includes(action)));
        }
      }
    });

    it('is refused of a payout that is over, whatever the provider has', async () => {
      const payout = await stage().until(await stage().create('00'), ['COMPLETED']);
      for (const action of PAYOUT_ACTIONS) {
        assert.equal(await ask(stage(), payout, await inputFor(stage(), payout, action)), 'notAllowed', action);
      }
    });
  });
}

async function inputFor(stage: Stage, payout: Payout, action: PayoutAction): Promise<ActionInput> {
  if (action === 'AMEND') return { action, amendment: await drawAmendment(stage, payout.order) };
  if (action === 'ATTACH_DOCUMENT') return { action, document: await drawDocument(stage) };
  return { action };
}

function describeConfirm(kit: Kit): void {
  describe('a confirm', () => {
    const stage = useStage(kit);
    for (const decimals of ['51', '52', '53', '54', '55', '56', '57', '58', '59']) {
      const { what, actions } = rowOf(decimals);
      it(`is made until it is there, and not once more: ${what}`, async () => {
        const created = await stage().create(decimals);
        await stage().until(created, ['COMPLETED'], 6 * HOUR_MS);
        const payout = await stage().audit(created);
        const order = stage().order(payout);
        assert.deepEqual([order.state, costs(order), moneyMoved(payout)], ['COMPLETED', true, 'YES']);
        const outcomes = sendsFor(payout, 'CONFIRM');
        const turns = actions?.CONFIRM ?? [];
        const isTaken = typeof turns !== 'string' && turns[0]?.done === true;
        if (isTaken) assert.equal(outcomes.length, 1, `it was there: ${outcomes}`);
        else assert.deepEqual(outcomes.filter((outcome) => outcome === 'ACCEPTED').length, 1, `${outcomes}`);
        const states = statesOf(await stage().events(payout));
        assert.ok(!states.includes('FAILED') && !states.includes('CANCELLED'), `${states}`);
      });
    }

    it('is not made unless it is asked for, and nothing moves until then', async () => {
      const created = await stage().create('00', { autoConfirm: false });
      await stage().until(created, ['AWAITING_CONFIRMATION']);
      await stage().pass(3 * HOUR_MS);
      const payout = await stage().audit(created);
      assert.deepEqual([payout.state, moneyMoved(payout)], ['AWAITING_CONFIRMATION', 'NO']);
      assert.equal(costs(stage().order(payout)), false);
      assert.equal(await ask(stage(), payout, { action: 'CONFIRM' }), 'taken');
      assert.equal(await ask(stage(), payout, { action: 'CONFIRM' }), 'notAllowed', 'it is asked for once');
      await stage().until(created, ['COMPLETED']);
      assert.deepEqual(sendsFor(await stage().audit(created), 'CONFIRM'), ['ACCEPTED']);
    });

    it('that is on its way cannot be called off', async () => {
      const created = await stage().create('51');
      await stage().until(created, (payout) => sendsFor(payout, 'CONFIRM').length > 0);
      assert.notEqual(await ask(stage(), created, { action: 'CANCEL' }), 'taken');
      await stage().until(created, ['COMPLETED']);
      const payout = await stage().audit(created);
      assert.deepEqual(sendsFor(payout, 'CANCEL'), []);
    });
  });
}

function describeCancel(kit: Kit): void {
  /** A payout that stands where it can be called off. */
  const open = (stage: Stage, decimals: string) =>
    stage.create(decimals).then((created) => cancellable(stage, created));

  describe('a cancel', () => {
    const stage = useStage(kit);
    for (const decimals of ['41', '42', '43', '45']) {
      it(`calls it off, with nothing moved: ${rowOf(decimals).what}`, async () => {
        const payout = await open(stage(), decimals);
        assert.equal(await ask(stage(), payout, { action: 'CANCEL' }), 'taken');
        await stage().until(payout, ['CANCELLED'], 10 * MINUTE_MS);
        const after = await stage().audit(payout);
        const order = stage().order(after);
        assert.deepEqual([order.state, costs(order), moneyMoved(after)], ['CANCELLED', false, 'NO']);
        assert.deepEqual([sendsFor(after, 'CONFIRM'), after.requests], [[], []]);
        assert.equal(after.nextCheckAt, null);
      });
    }

    it('that is refused is raised, is not made again, and nothing is confirmed behind it', async () => {
      const payout = await open(stage(), '44');
      assert.equal(await ask(stage(), payout, { action: 'CANCEL' }), 'taken');
      await stage().until(payout, ({ attention }) => attention.length > 0, 10 * MINUTE_MS);
      assert.deepEqual(reasonsOf(await stage().look(payout)), ['ACTION_REFUSED']);
      await stage().pass(HOUR_MS);
      const after = await stage().audit(payout);
      assert.deepEqual(sendsFor(after, 'CANCEL'), ['REJECTED']);
      const waits: readonly PayoutState[] = kit.abilities.has('CONFIRM') ? ['AWAITING_CONFIRMATION'] : ['COMPLETED'];
      assert.ok(waits.includes(after.state), after.state);
      assert.deepEqual(sendsFor(after, 'CONFIRM'), []);
    });

    it('is refused once the provider does not allow it any more', async () => {
      const created = await stage().create('00', { autoConfirm: false });
      const past: readonly PayoutState[] = ['AWAITING_CONFIRMATION', 'COMPLETED'];
      const payout = await stage().until(created, ({ state, attempts }) => {
        return past.includes(state) && !attempts[0]?.report?.allows.includes('CANCEL');
      });
      assert.equal(await ask(stage(), payout, { action: 'CANCEL' }), 'notAllowed');
      assert.deepEqual(sendsFor(await stage().audit(payout), 'CANCEL'), []);
    });
  });
}

async function cancellable(stage: Stage, created: Payout): Promise<Payout> {
  return stage.until(created, ({ attempts }) => attempts[0]?.report?.allows.includes('CANCEL') === true, MINUTE_MS);
}

function describeAmend(kit: Kit): void {
  describe('an amendment', () => {
    const stage = useStage(kit);

    it('reaches the provider, and is what the payout says from then on', async () => {
      const created = await stage().create('44');
      const payout = await stage().until(created, ({ attempts }) => {
        return attempts[0]?.report?.allows.includes('AMEND') === true;
      });
      const amendment = await drawAmendment(stage(), payout.order);
      const before = JSON.stringify(stage().order(payout).details);
      assert.equal(await ask(stage(), payout, { action: 'AMEND', amendment }), 'taken');
      const after = await stage().until(created, ({ requests }) => requests.length === 0);
      assert.deepEqual(sendsFor(after, 'AMEND'), ['ACCEPTED']);
      assert.notEqual(JSON.stringify(stage().order(after).details), before);
      const { purpose, relationship, sourceOfFunds } = after.order;
      for (const [now, wanted] of [
        [purpose, amendment.purpose],
        [relationship, amendment.relationship],
        [sourceOfFunds, amendment.sourceOfFunds],
      ] as const) {
        if (wanted !== null) assert.equal(now, wanted);
      }
      await stage().audit(after);
    });

    it('that changes nothing is refused before anything is stored', async () => {
      const created = await stage().create('44');
      const payout = await stage().until(created, ({ attempts }) => {
        return attempts[0]?.report?.allows.includes('AMEND') === true;
      });
      const amendment = { originator: null, beneficiary: null, purpose: null, relationship: null, sourceOfFunds: null };
      assert.equal(await ask(stage(), payout, { action: 'AMEND', amendment }), 'unsupported');
      assert.deepEqual((await stage().look(payout)).requests, []);
    });
  });
}

function describeDocuments(kit: Kit): void {
  describe('documents', () => {
    const stage = useStage(kit);
    for (const decimals of ['46', '47', '48', '49', '60']) {
      it(`are asked for, given once and not kept, and the payout goes on: ${rowOf(decimals).what}`, async () => {
        const created = await stage().create(decimals);
        const payout = await stage().until(created, ['AWAITING_DOCUMENTS']);
        const document = await drawDocument(stage());
        assert.equal(await ask(stage(), payout, { action: 'ATTACH_DOCUMENT', document }), 'taken');
        const [request] = (await stage().world.payout(payout)).requests;
        assert.ok(request);
        const given = await stage().until(payout, ({ requests }) => requests.length === 0, 6 * HOUR_MS);
        assert.equal(await stage().world.payouts.document(given, request), null, 'it is not kept');
        assert.ok(stage().order(given).documents > 0);
        assert.equal(await ask(stage(), given, { action: 'COMPLETE_DOCUMENTS' }), 'taken');
        await stage().until(payout, ['COMPLETED'], 6 * HOUR_MS);
        const after = await stage().audit(payout);
        const isLost = sendsFor(after, 'ATTACH_DOCUMENT').includes('UNKNOWN');
        assert.ok(stage().order(after).documents === 1 || isLost, 'an upload that was answered is not made again');
        assert.ok(!statesOf(await stage().events(after)).includes('FAILED'));
        assert.equal(sendsFor(after, 'COMPLETE_DOCUMENTS').filter((outcome) => outcome === 'REJECTED').length, 0);
      });
    }

    it('of a kind that the provider does not take are refused before anything is stored, and the payout still waits', async () => {
      const payout = await stage().until(await stage().create('60'), ['AWAITING_DOCUMENTS']);
      const document = {
        ...(await drawDocument(stage())),
        type: 'nobody-asked',
        fileName: 'proof.exe',
      };
      assert.equal(await ask(stage(), payout, { action: 'ATTACH_DOCUMENT', document }), 'unsupported');
      const after = await stage().audit(payout);
      assert.deepEqual([after.state, after.requests], ['AWAITING_DOCUMENTS', []]);
      assert.equal(stage().order(after).documents, 0);
    });
  });
}
