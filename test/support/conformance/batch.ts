import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { BatchItem, SendOutcome } from '../../../src/domain/provider.ts';
import { faultOf } from '../../../src/sandbox/faults.ts';
import { call, draw, numbered } from './orders.ts';
import { HOUR_MS, type Kit, rowOf, SILENT, useStage } from './stage.ts';

/** Faults of a send, each in the midst of a batch. */
const FAULTY = ['38', '61', '62', '63', '64', '65', '66', '67', '68', '69', '84', '85', '86', '87', '97', '98', '99'];

/** That each create of a batch is told what became of it, and of no other, and that none is taken twice. */
export function describeBatch(kit: Kit): void {
  if (!kit.abilities.has('BATCH_SUBMIT')) return;
  describe('a batch', () => {
    const stage = useStage(kit, SILENT);
    const send = async (decimals: readonly string[]) => {
      const items: BatchItem[] = [];
      for (const each of decimals) items.push(await draw(stage(), stage().provider, each));
      const outcomes = (await stage().provider.submitBatch?.(items, call())) ?? new Map<string, SendOutcome>();
      return items.map((item) => ({
        ...item,
        outcome: outcomes.get(item.attempt.orderNumber) ?? null,
        orders: numbered(stage(), item.attempt).length,
      }));
    };

    it('takes the sample, and says of how many it can be', () => {
      const { batch } = stage().provider;
      assert.ok(batch && batch.size > 1 && batch.takes(kit.side.sample(stage().amount('00')).order));
    });

    it('is answered by order number, whatever the order of the answers, and one that is refused refuses no other', async () => {
      const sent = await send(['00', '70', '00', '71']);
      assert.deepEqual(
        sent.map(({ outcome, orders }) => [outcome?.kind, orders]),
        [
          ['accepted', 1],
          ['rejected', 0],
          ['accepted', 1],
          ['rejected', 0],
        ],
      );
      const named = sent.map(({ outcome }) =>
        outcome?.kind === 'accepted' ? outcome.report?.providerReference : null,
      );
      assert.equal(new Set(named.filter((name) => name !== null)).size, 2, 'each has a reference of its own');
    });

    it(`leaves in doubt what its answer leaves out: ${rowOf('36').what}`, async () => {
      const [first, left, last] = await send(['00', '36', '00']);
      assert.deepEqual([first?.outcome?.kind, last?.outcome?.kind], ['accepted', 'accepted']);
      assert.equal(left?.outcome?.kind ?? 'unknown', 'unknown');
      assert.equal(left?.orders, 1, 'it was taken all the same');
      if (!left || !kit.abilities.has('LOOKUP_BY_REFERENCE')) return;
      assert.equal((await stage().provider.lookup(left.attempt, call())).kind, 'found');
    });

    it('of a number that is known already says of that one alone that it exists', async () => {
      const [first] = await send(['00']);
      assert.ok(first);
      const other = await draw(stage(), stage().provider, '00');
      const outcomes = await stage().provider.submitBatch?.([first, other], call());
      const [again, fresh] = [first, other].map(({ attempt }) => outcomes?.get(attempt.orderNumber)?.kind ?? 'unknown');
      assert.notEqual(again, 'rejected', 'a duplicate is no refusal of the payout');
      assert.equal(fresh, 'accepted');
      assert.deepEqual(
        [first, other].map(({ attempt }) => numbered(stage(), attempt).length),
        [1, 1],
      );
    });

    for (const decimals of FAULTY) {
      const { what, sends = [] } = rowOf(decimals);
      it(`calls no order unsent that was taken, and none refused that was only lost: ${what}`, async () => {
        const sent = await send(['00', decimals, '00']);
        const isTaken = sends[0]?.done === true;
        for (const { outcome, orders } of sent) {
          assert.equal(orders, isTaken ? 1 : 0, 'a batch is taken as a whole or not at all');
          const kind = outcome?.kind ?? 'unknown';
          const allowed = isTaken ? ['unknown', 'accepted'] : ['unknown', 'notTaken'];
          assert.ok(allowed.includes(kind), `${kind}, with ${orders} taken`);
        }
      });
    }

    it('that a worker makes of what waits ends every payout as if it had been sent alone', async () => {
      const all = await Promise.all(
        ['00', '36', '61', '70', '65', '00', '67', '71', '98', '36'].map((one) => stage().create(one)),
      );
      for (const created of all) {
        await stage().until(created, ({ state }) => state === 'COMPLETED' || state === 'FAILED', 6 * HOUR_MS);
        const payout = await stage().audit(created);
        const isRefused = faultOf(payout.order.amount.amount).refusal !== undefined;
        assert.deepEqual([payout.state, stage().orders(payout).length], isRefused ? ['FAILED', 0] : ['COMPLETED', 1]);
      }
    });

    it('that is empty sends nothing', async () => {
      const before = stage().sandbox.books().length;
      assert.equal((await stage().provider.submitBatch?.([], call()))?.size, 0);
      assert.equal(stage().sandbox.books().length, before);
    });
  });
}
