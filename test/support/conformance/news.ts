import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { failureOf, moneyMoved } from '../../../src/domain/attempt.ts';
import type { Payout } from '../../../src/domain/payout.ts';
import type { EchoedField } from '../../../src/domain/provider.ts';
import type { Order } from '../../../src/sandbox.ts';
import { bend } from './abilities.ts';
import { call, place } from './orders.ts';
import {
  HOUR_MS,
  type Kit,
  MINUTE_MS,
  reasonsOf,
  rowOf,
  SILENT,
  type Stage,
  sendsOf,
  statesOf,
  useStage,
} from './stage.ts';

/** That news moves a payout where it is true, once, and in no order but that of the events themselves. */
export function describeNews(kit: Kit): void {
  describeWebhooks(kit);
  describeDoor(kit);
  describeLookups(kit);
  describeLies(kit);
  describeEchoes(kit);
}

function describeWebhooks(kit: Kit): void {
  describe('webhooks', () => {
    const stage = useStage(kit);
    for (const decimals of ['75', '76', '77', '78', '79', '89']) {
      it(`end in COMPLETED, once, and with no other end on the way: ${rowOf(decimals).what}`, async () => {
        const created = await stage().create(decimals);
        await stage().until(created, ['COMPLETED']);
        await stage().pass(10 * MINUTE_MS);
        const payout = await stage().audit(created);
        assert.deepEqual([payout.state, moneyMoved(payout)], ['COMPLETED', 'YES']);
        assert.deepEqual(reasonsOf(payout), []);
        stage().order(payout);
        const states = statesOf(await stage().events(payout));
        assert.equal(states.filter((state) => state === 'COMPLETED').length, 1);
        assert.ok(!states.some((state) => state === 'FAILED' || state === 'CANCELLED'), `${states}`);
      });
    }

    it('that never come are made up for by asking', async () => {
      const payout = await stage().until(await stage().create('79'), ['COMPLETED']);
      const sources = (await stage().events(payout)).map(({ source }) => source);
      assert.ok(!sources.includes('WEBHOOK') && sources.includes('LOOKUP'), `${sources}`);
    });

    it('find a payout whose own answer was lost, or leave that to the next look', async () => {
      for (const decimals of ['61', '64', '86']) {
        const created = await stage().create(decimals);
        await stage().pass(30 * MINUTE_MS);
        const payout = await stage().audit(created);
        stage().order(payout);
        if (kit.declared.webhooks === 'SIGNED') assert.equal(payout.state, 'COMPLETED', decimals);
      }
    });
  });
}

function describeDoor(kit: Kit): void {
  const { webhooks } = kit.declared;
  describe('what is posted to our door', () => {
    const stage = useStage(kit, SILENT);
    /** What may not change by news that is not new, or not true. */
    const shape = async (known: Payout) => {
      const payout = await stage().audit(known);
      return [payout.state, payout.sequence, sendsOf(payout), reasonsOf(payout), stage().orders(payout).length];
    };

    if (webhooks !== 'NONE') {
      it('moves a payout at once when it is true, without waiting for the next look', async () => {
        const created = await stage().create('00');
        const before = await stage().sent(created);
        const first = stage().order(before).state;
        while (stage().order(before).state === first) await stage().world.clock.advance(100);
        assert.ok(await stage().post(stage().write(stage().order(before))), 'a true webhook is acknowledged');
        await stage().world.rest();
        const after = await stage().look(created);
        assert.notEqual(after.attempts[0]?.report?.vendorStatus, before.attempts[0]?.report?.vendorStatus);
      });
    }

    it('changes nothing when it is posted again, old or new', async () => {
      const created = await stage().create('00');
      const early = stage().write(stage().order(await stage().sent(created)));
      await stage().until(created, ['COMPLETED']);
      const late = stage().write(stage().order(await stage().look(created)));
      await stage().post(late);
      const before = await shape(created);
      for (const letter of [late, early, late]) {
        const taken = await stage().post(letter);
        assert.equal(taken, webhooks !== 'NONE', 'a webhook that was taken is acknowledged each time');
        assert.deepEqual(await shape(created), before);
      }
      await stage().pass(HOUR_MS);
      for (const letter of [early, late]) await stage().post(letter);
      assert.deepEqual(await shape(created), before);
    });

    it('moves nothing by itself when it is forged, or bent to another order', async () => {
      const victim = await stage().sent(await stage().create('83'));
      const other = await stage().sent(await stage().create('83'));
      const order = stage().order(victim);
      const before = [await shape(victim), await shape(other)];
      const stranger = kit.side.makeCredentials(randomBytes);
      for (const state of ['COMPLETED', 'FAILED', 'CANCELLED'] as const) {
        const lie: Order = { ...order, state };
        assert.equal((await stage().post(stage().write(lie, stranger))) && webhooks === 'SIGNED', false);
        if (webhooks === 'HINT') await stage().post(stage().write(lie));
        assert.deepEqual([await shape(victim), await shape(other)], before, state);
      }
      if (webhooks !== 'SIGNED') return;
      const target = stage().order(await stage().look(other));
      const letter = bend(stage().write({ ...order, state: 'FAILED' }), order.mark ?? '', target.mark ?? '');
      assert.equal(await stage().post(letter), false, 'a true signature on other words is refused');
      assert.deepEqual([await shape(victim), await shape(other)], before);
    });

    it('is not acknowledged when it is about an order that is not ours, or about none', async () => {
      const { order } = await place(stage(), stage().provider, '00');
      assert.equal(await stage().post(stage().write(order)), false);
      const { headers } = stage().write(order);
      for (const body of ['', '{}', '[]', 'null', 'not JSON', '{"', `{"a":"${'x'.repeat(2_000_000)}"}`]) {
        assert.equal(await stage().post({ headers, body }), false, body.slice(0, 20));
      }
    });
  });
}

function describeLookups(kit: Kit): void {
  describe('a look-up', () => {
    const stage = useStage(kit, SILENT);
    for (const decimals of ['90', '91', '92', '93']) {
      it(`that fails changes nothing, and is made again: ${rowOf(decimals).what}`, async () => {
        const created = await stage().create(decimals);
        await stage().until(created, ['COMPLETED']);
        const payout = await stage().audit(created);
        assert.deepEqual(reasonsOf(payout), []);
        const odd = statesOf(await stage().events(payout)).filter((state) => /FAILED|CANCELLED|IN_DOUBT/.test(state));
        assert.deepEqual(odd, []);
        assert.deepEqual(
          sendsOf(payout).filter((send) => /^(SUBMIT|REPEAT)/.test(send)),
          ['SUBMIT ACCEPTED'],
        );
      });

      // One that hangs is over when the line says so, as every one that is lost.
      if (decimals === '92') continue;
      it(`that fails is called so, and never an absence: ${rowOf(decimals).what}`, async () => {
        const { ref } = await place(stage(), stage().provider, decimals);
        const outcome = await stage().provider.lookup(ref, call());
        assert.equal(outcome.kind, 'unavailable');
        const turns = rowOf(decimals).lookups?.length ?? 0;
        for (let made = 1; made < turns; made += 1) await stage().provider.lookup(ref, call());
        assert.equal((await stage().provider.lookup(ref, call())).kind, 'found');
      });
    }

    it('shows a word that nobody has told us of as it stands, and moves nothing by it', async () => {
      const plain = await stage().until(await stage().create('00'), ['COMPLETED']);
      const known = (await stage().events(plain)).map(({ vendorStatus }) => vendorStatus);
      const created = await stage().create('74');
      await stage().until(created, ['PROCESSING']);
      await stage().pass(100_000);
      const odd = await stage().look(created);
      const word = odd.attempts[0]?.report?.vendorStatus;
      assert.ok(word && !known.includes(word), `the word is ${word}`);
      assert.equal(odd.state, 'PROCESSING');
      assert.ok(
        (await stage().events(odd)).some(({ vendorStatus }) => vendorStatus === word),
        'it is shown',
      );
      await stage().until(created, ['COMPLETED']);
      const payout = await stage().audit(created);
      assert.ok(!statesOf(await stage().events(payout)).some((state) => /FAILED|CANCELLED|IN_DOUBT/.test(state)));
    });
  });
}

function describeLies(kit: Kit): void {
  describe('a provider that takes back what it said', () => {
    const stage = useStage(kit);

    it('does not lead a payment back: the state before it, told after it, changes nothing', async () => {
      const created = await stage().create('94');
      await stage().until(created, ['COMPLETED']);
      const before = (await stage().events(created)).length;
      await stage().pass(10 * MINUTE_MS);
      const payout = await stage().audit(created);
      assert.deepEqual([payout.state, payout.sequence, reasonsOf(payout)], ['COMPLETED', before, []]);
    });

    it('is believed when it paid what it had called failed, and that is raised', async () => {
      const created = await stage().create('95');
      await stage().until(created, ['FAILED']);
      await stage().pass(10 * MINUTE_MS);
      const payout = await stage().audit(created);
      // Who is polled is not asked again about what has failed with nothing moved.
      if (kit.declared.webhooks === 'NONE') return assert.equal(payout.state, 'FAILED');
      assert.deepEqual([payout.state, moneyMoved(payout)], ['COMPLETED', 'YES']);
      assert.ok(reasonsOf(payout).includes('LATE_EVIDENCE'));
      assert.equal(failureOf(payout), null);
    });

    it('is not believed when it calls failed what it paid', async () => {
      const created = await stage().create('96');
      await stage().until(created, ['COMPLETED']);
      await stage().pass(10 * MINUTE_MS);
      const payout = await stage().audit(created);
      assert.deepEqual([payout.state, moneyMoved(payout), payout.nextCheckAt], ['COMPLETED', 'YES', null]);
      assert.ok(
        reasonsOf(payout).every((reason) => reason === 'CONTRADICTED'),
        `${reasonsOf(payout)}`,
      );
    });
  });
}

function describeEchoes(kit: Kit): void {
  const rows: readonly (readonly [string, EchoedField])[] = [
    ['72', 'amount'],
    ['73', 'address'],
  ];
  describe('an answer', () => {
    // What a webhook repeats may be less than what answers do.
    const stage = useStage(kit, SILENT);
    for (const [decimals, field] of rows) {
      if (kit.declared.echoes.includes(field)) {
        it(`with another ${field} than was sent is doubt, raised, and nothing more is sent`, async () => {
          const created = await stage().create(decimals);
          const payout = await stage().until(created, ['IN_DOUBT']);
          assert.ok(reasonsOf(payout).includes('WRONG_ECHO'));
          const sent = sendsOf(payout);
          await stage().pass(HOUR_MS);
          const later = await stage().audit(created);
          assert.deepEqual([later.state, sendsOf(later)], ['IN_DOUBT', sent]);
          stage().order(later);
          const found = await takenFor(stage(), later, stage().order(later).providerReference);
          assert.notEqual(found, 'resolved', 'an operator cannot bind it to what is not it');
        });
      } else {
        it(`does not repeat the ${field}, so that nothing is compared and the payout ends as it would`, async () => {
          const created = await stage().create(decimals);
          await stage().until(created, ['COMPLETED']);
          assert.deepEqual(reasonsOf(await stage().audit(created)), []);
        });
      }
    }
  });
}

async function takenFor(stage: Stage, payout: Payout, providerReference: string): Promise<string> {
  return (await stage.resolve(payout, { kind: 'arrived', providerReference })).kind;
}
