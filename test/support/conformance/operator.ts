import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { moneyMoved } from '../../../src/domain/attempt.ts';
import { strangeReference } from './abilities.ts';
import { giveUpByHand, settleDoubt, untilPaid } from './doubt.ts';
import { HOUR_MS, type Kit, MINUTE_MS, reasonsOf, SILENT, sendsOf, useStage } from './stage.ts';

/** That an operator can end every doubt, and can bind nothing that the provider does not bear out. */
export function describeOperator(kit: Kit): void {
  const refusesDuplicates = kit.declared.onRepeat === 'refuses' || kit.declared.onRepeat === 'returnsFirst';
  describe('an operator, with a payout in doubt', () => {
    const stage = useStage(kit, SILENT);

    it('binds it to the order that the provider has, and it goes on without being sent again', async () => {
      const payout = await stage().doubtful('61');
      const { providerReference } = stage().order(payout);
      assert.equal((await stage().resolve(payout, { kind: 'arrived', providerReference })).kind, 'resolved');
      const after = await untilPaid(stage(), payout);
      // Where no answer names it, none is bound: the order was found by our own number.
      assert.ok([providerReference, null].includes(after.attempts[0]?.providerReference ?? null));
      assert.deepEqual(
        sendsOf(after).filter((send) => send.startsWith('REPEAT')),
        [],
      );
      stage().order(await stage().audit(after));
    });

    it('cannot bind it to an order that is not there, nor to one of another payout', async () => {
      const other = await stage().until(await stage().create('00'), ['COMPLETED']);
      const payout = await stage().doubtful('65');
      for (const providerReference of [strangeReference(stage()), stage().order(other).providerReference]) {
        const result = await stage().resolve(payout, { kind: 'arrived', providerReference });
        assert.ok(result.kind === 'refuted' || result.kind === 'unavailable', `${result.kind}: ${providerReference}`);
      }
      const after = await stage().look(payout);
      assert.deepEqual([after.state, after.attempts[0]?.providerReference], ['IN_DOUBT', null]);
    });

    it('cannot give it a reference that the provider never gave, though the order itself is there', async () => {
      const payout = await stage().doubtful('61');
      const providerReference = strangeReference(stage());
      await stage().resolve(payout, { kind: 'arrived', providerReference });
      await settleDoubt(stage(), payout, true);
      const { attempts } = await stage().audit(payout);
      assert.notEqual(attempts[0]?.providerReference, providerReference);
    });

    it('may say that it never arrived: then it is FAILED, and nothing has moved', async () => {
      const payout = await stage().doubtful('65');
      await giveUpByHand(stage(), payout);
      await stage().pass(HOUR_MS);
      assert.equal((await stage().audit(payout)).state, 'FAILED', 'nothing is sent after it');
      assert.deepEqual(stage().orders(payout), []);
    });

    if (refusesDuplicates) {
      it('may have it sent again under the same order number, and it is paid once', async () => {
        const payout = await stage().doubtful('65');
        assert.equal((await stage().resolve(payout, { kind: 'neverArrived', next: 'SEND_AGAIN' })).kind, 'resolved');
        await stage().until(payout, ['COMPLETED']);
        const after = await stage().audit(payout);
        assert.equal(stage().order(after).mark, payout.attempts[0]?.orderNumber);
      });

      it('may be wrong about that, and it is still paid once', async () => {
        const payout = await stage().doubtful('61');
        assert.equal((await stage().resolve(payout, { kind: 'neverArrived', next: 'SEND_AGAIN' })).kind, 'resolved');
        await settleDoubt(stage(), payout, true);
        assert.equal(stage().orders(payout).length, 1);
      });
    } else {
      it('is not given the choice to send it again, where that could pay twice', async () => {
        const payout = await stage().doubtful('65');
        const result = await stage().resolve(payout, { kind: 'neverArrived', next: 'SEND_AGAIN' });
        assert.equal(result.kind, 'unsupported');
        assert.equal((await stage().look(payout)).state, 'IN_DOUBT');
      });
    }
  });

  describe('a payout that an operator gave up, and that had arrived after all', () => {
    const stage = useStage(kit, { standIn: { settleMs: 10 * MINUTE_MS } });

    it('is put right and raised as soon as verified evidence of the earlier send comes, and shown as it is known till then', async () => {
      const payout = await stage().doubtful('61');
      const given = await stage().resolve(payout, { kind: 'neverArrived', next: 'FAIL' });
      assert.equal(given.kind, 'resolved');
      await stage().world.pass(HOUR_MS, MINUTE_MS);
      const after = await stage().world.payout(payout);
      if (kit.declared.webhooks === 'SIGNED') {
        assert.deepEqual([after.state, moneyMoved(after)], ['COMPLETED', 'YES']);
        assert.deepEqual(reasonsOf(after), ['LATE_EVIDENCE']);
      } else {
        assert.equal(after.state, 'FAILED');
      }
      assert.deepEqual(sendsOf(after).length, 1, 'what was given up is not sent again');
    });
  });
}
