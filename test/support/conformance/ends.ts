import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { failureOf, moneyMoved } from '../../../src/domain/attempt.ts';
import { compareDecimals, equalDecimals } from '../../../src/domain/money.ts';
import type { Payout } from '../../../src/domain/payout.ts';
import { orderOf } from '../payouts.ts';
import { PLAIN } from '../write-side.ts';
import {
  costs,
  HOUR_MS,
  type Kit,
  MINUTE_MS,
  OPERATOR,
  reasonsOf,
  type Stage,
  sendsOf,
  statesOf,
  useStage,
} from './stage.ts';
import { tellsReturns } from './words.ts';

const OVER = ['COMPLETED', 'FAILED', 'CANCELLED', 'RETURNED'] as const;

/** That the ordinary way leads to each end, and that the payout says there what the books say. */
export function describeEnds(kit: Kit): void {
  describe('the ordinary way', () => {
    const stage = useStage(kit);

    it('leads to COMPLETED within a minute, by one submit, and is told from its first state on', async () => {
      const created = await stage().create('00');
      await stage().until(created, ['COMPLETED'], MINUTE_MS);
      const payout = await stage().audit(created);
      assert.equal(stage().order(payout).state, 'COMPLETED');
      assert.equal(moneyMoved(payout), 'YES');
      assert.deepEqual(reasonsOf(payout), []);
      assert.equal(payout.nextCheckAt, null, 'a payout that is over is left alone');
      const confirmed = kit.abilities.has('CONFIRM') ? ['CONFIRM ACCEPTED'] : [];
      assert.deepEqual(sendsOf(payout), ['SUBMIT ACCEPTED', ...confirmed]);
      assert.deepEqual(statesOf(await stage().events(payout)).slice(0, 2), ['QUEUED', 'SUBMITTING']);
    });

    it('ends with the money as the books have it: what was debited, what it cost, what arrived, and where to see it', async () => {
      const payout = await stage().until(await stage().create('00'), ['COMPLETED']);
      const order = stage().order(payout);
      const report = payout.attempts[0]?.report;
      assert.ok(report);
      for (const debit of report.debits) {
        assert.deepEqual(
          [debit.currency, equalDecimals(debit.amount, order.debit.amount)],
          [order.debit.currency, true],
        );
      }
      if (report.fees.length > 0) {
        assert.ok(report.fees.some((fee) => fee.currency === order.currency && equalDecimals(fee.amount, order.fee)));
      }
      if (report.received !== null) assert.ok(equalDecimals(report.received.amount, order.received));
      if (report.transactionHash !== null) {
        assert.equal(report.transactionHash.replace(/^0x/, ''), order.transactionHash);
      }
      assert.equal(payout.attempts[0]?.providerReference ?? order.providerReference, order.providerReference);
    });

    it('asks the provider for exactly what the merchant asked for', async () => {
      const payout = await stage().until(await stage().create('00'), ['COMPLETED']);
      const { amount, destination, receiveCurrency } = payout.order;
      const order = stage().order(payout);
      const asked = receiveCurrency === null ? order.amount : order.debit.amount;
      assert.equal(compareDecimals(asked, amount.amount), 0);
      if (receiveCurrency === null) assert.equal(order.currency, amount.currency);
      if (destination.kind === 'bank') assert.ok(order.address.endsWith(destination.lastFour));
      else assert.equal(order.address, destination.kind === 'channel' ? destination.account : destination.address);
      assert.match(payout.attempts[0]?.orderNumber ?? '', /^[0-9A-Za-z]{1,32}$/);
    });

    for (const [decimals, how] of [
      ['80', 'fails there'],
      ['81', 'is refused there for compliance'],
    ] as const) {
      it(`leads to FAILED with a reason and nothing moved when it ${how}`, async () => {
        const created = await stage().create(decimals);
        await stage().until(created, ['FAILED']);
        const payout = await untilStill(stage(), created);
        assert.equal(payout.state, 'FAILED');
        assert.equal(moneyMoved(payout), 'NO');
        assert.ok(failureOf(payout)?.message, 'a failure says why');
        assert.ok(!costs(stage().order(payout)));
        assert.deepEqual(reasonsOf(payout), []);
      });
    }

    it('leads to CANCELLED when the provider calls it off, or to FAILED where it has no word of its own for that', async () => {
      const failed = await stage().until(await stage().create('80'), ['FAILED', 'CANCELLED']);
      const created = await stage().create('82');
      await stage().until(created, OVER);
      const payout = await untilStill(stage(), created);
      assert.equal(moneyMoved(payout), 'NO');
      assert.ok(!costs(stage().order(payout)));
      const [ownWord, failedWord] = [wordOf(payout), wordOf(failed)];
      const own = ownWord !== failedWord && payout.attempts[0]?.report?.state === 'CANCELLED';
      assert.equal(
        payout.state,
        own || kit.abilities.has('CANCEL') ? 'CANCELLED' : 'FAILED',
        `${ownWord}, ${failedWord}`,
      );
    });

    it('leads to FAILED, and says that the money is out until it is back', async () => {
      const created = await stage().create('39');
      const out = await stage().until(created, ['FAILED']);
      if (tellsReturns(kit.side)) assert.equal(moneyMoved(out), 'YES');
      await stage().pass(2 * MINUTE_MS);
      const payout = await untilStill(stage(), created);
      assert.equal(payout.state, 'FAILED');
      assert.equal(moneyMoved(payout), 'NO');
      assert.equal(stage().order(payout).state, 'REFUNDED');
      assert.equal(payout.nextCheckAt, null, 'it is asked for until the money is back, and no longer');
    });

    it('leads to RETURNED when a payment comes back, or to a contradiction that is raised where no word tells the two apart', async () => {
      const created = await stage().create('40');
      await stage().until(created, ['COMPLETED']);
      await stage().pass(10 * MINUTE_MS);
      const payout = await stage().audit(created);
      assert.equal(stage().order(payout).state, 'REFUNDED');
      if (kit.declared.webhooks === 'NONE') {
        assert.equal(payout.state, 'COMPLETED', 'nobody told of it');
      } else if (tellsReturns(kit.side)) {
        assert.equal(payout.state, 'RETURNED');
        assert.equal(moneyMoved(payout), 'NO');
      } else {
        assert.equal(payout.state, 'COMPLETED');
        assert.deepEqual(reasonsOf(payout), ['CONTRADICTED']);
      }
    });
  });

  describe('a payout that takes its time', () => {
    const stage = useStage(kit, { pollMs: 5 * MINUTE_MS });

    it('is followed for a day, put before a person once that is longer than is usual, and still ends in COMPLETED', async () => {
      const created = await stage().create('83');
      await stage().until(created, ['PROCESSING']);
      await stage().pass(23 * HOUR_MS);
      const waiting = await stage().look(created);
      assert.equal(
        reasonsOf(waiting).includes('OVERDUE'),
        stage().provider.usualMs < 22 * HOUR_MS,
        `${reasonsOf(waiting)}`,
      );
      await stage().until(created, ['COMPLETED'], 48 * HOUR_MS);
      assert.deepEqual(reasonsOf(await stage().audit(created)), []);
    });
  });
  describeOrders(kit);
}

/** That an order is refused, or turned into one body and no other, before anything of it is sent. */
function describeOrders(kit: Kit): void {
  describe('an order', () => {
    const stage = useStage(kit);

    for (const kind of ['blockchain', 'channel', 'bank'] as const) {
      it(`to a ${kind} is supported, or refused with a reason before anything is stored`, async () => {
        const { order, parties } = kit.side.sample(stage().amount('00'));
        const destination = order.destination.kind === kind ? order.destination : DESTINATIONS[kind];
        const asked = { ...order, destination };
        const verdict = stage().provider.supports(asked, parties, stage().account);
        assert.ok(verdict === true || verdict.trim() !== '', 'a refusal gives its reason');
        if (kind === order.destination.kind) assert.equal(verdict, true, 'the sample is supported in every respect');
        if (verdict === true) return;
        const { world, provider } = stage();
        const reference = `to-a-${kind}`;
        const result = await world.payouts.create(
          world.merchantId,
          { source: 'API', actor: 'ak_test' },
          { reference, order: asked, ...PLAIN, provider: provider.id },
        );
        assert.deepEqual(result, { kind: 'unsupported', reasons: [{ provider: provider.id, reason: verdict }] });
        assert.equal(await world.store.byReference(world.merchantId, reference), null);
      });
    }

    it('in a currency that nobody pays is refused with a reason, or fails before anything is sent', async () => {
      const { order, parties } = kit.side.sample(stage().amount('00'));
      const asked = { ...order, amount: { ...order.amount, currency: 'ZZZ' } };
      const verdict = stage().provider.supports(asked, parties, stage().account);
      if (verdict !== true) return assert.notEqual(verdict.trim(), '');
      const payout = await stage().until(await stage().create('00', { order: asked }), ['FAILED']);
      assert.deepEqual([payout.attempts, moneyMoved(payout)], [[], 'NO']);
    });

    it('comes to the same body every time, and to another under another number', async () => {
      const { provider, account } = stage();
      const { order, parties } = kit.side.sample(stage().amount('00'));
      const call = { sendBy: null, signal: new AbortController().signal };
      const prepare = (number: string) => provider.prepare(account, order, parties, number, call);
      const first = await prepare('kit0123456789');
      assert.equal(first.kind, 'body');
      assert.deepEqual(await prepare('kit0123456789'), first);
      assert.notDeepEqual(await prepare('kit9876543210'), first);
    });

    it('is stored as the body that was sent, and can be read until it is erased', async () => {
      const payout = await stage().until(await stage().create('00'), ['COMPLETED']);
      const [attempt] = payout.attempts;
      assert.ok(attempt);
      const { world, provider, account } = stage();
      const stored = () => world.payouts.refer(payout, attempt).storedBody();
      const { parties } = kit.side.sample(payout.order.amount.amount);
      const call = { sendBy: null, signal: new AbortController().signal };
      const prepared = await provider.prepare(account, payout.order, parties, attempt.orderNumber, call);
      assert.equal(prepared.kind === 'body' && prepared.body, await stored(), JSON.stringify(prepared));
      const erased = await world.payouts.erase(payout.merchantId, OPERATOR, payout.id, 'asked for by the person');
      assert.equal(erased.kind, 'erased');
      assert.equal(await stored(), null);
      assert.equal((await stage().audit(payout)).state, 'COMPLETED', 'its history stays');
    });
  });
}

const SAMPLE = orderOf('1').destination;
const DESTINATIONS = {
  blockchain: SAMPLE,
  channel: { kind: 'channel', channel: 'unheard-of', account: '12345678', network: null },
  bank: { kind: 'bank', accountType: 'BANK', lastFour: '1234', network: null },
} as const;

/** The payout once nothing more is asked about it. */
async function untilStill(stage: Stage, created: Payout): Promise<Payout> {
  await stage.until(created, ({ nextCheckAt }) => nextCheckAt === null);
  return stage.audit(created);
}

function wordOf(payout: Payout): string | null {
  return payout.attempts[0]?.report?.vendorStatus ?? null;
}
