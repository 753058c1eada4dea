import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { moneyMoved } from '../src/domain/attempt.ts';
import type { Payout } from '../src/domain/payout.ts';
import type { ProviderId } from '../src/domain/provider.ts';
import { decimal, orderOf, sampleParty } from './support/payouts.ts';
import { ACTOR, type Known, openWorld, type World } from './support/world.ts';
import { PLAIN } from './support/write-side.ts';

const PROVIDERS = ['io2328', 'oxapay'] as const;
const NOWHERE = { line: 'x', city: null, district: null, state: null, postalCode: null, country: null };

let world: World;
before(async () => {
  world = await openWorld();
});
after(() => world.close());

const kinds = (payout: Payout): string[] =>
  payout.attempts.flatMap((attempt) => attempt.sends.map((send) => `${send.kind} ${send.outcome}`));
const cancel = async ({ merchantId, id }: Known): Promise<string> =>
  (await world.payouts.act(merchantId, ACTOR, id, { action: 'CANCEL' })).kind;
const reasons = (payout: Payout): string[] => payout.attention.map((one) => one.reason);

for (const provider of PROVIDERS) {
  describe(`a payout by ${provider}`, () => {
    it('is completed by webhook within seconds, and the books show it paid once', async () => {
      const payout = await world.until(await world.create(provider, '10'), ['COMPLETED'], 5000);
      assert.equal(moneyMoved(payout), 'YES');
      assert.deepEqual(kinds(payout), ['SUBMIT ACCEPTED']);
      assert.deepEqual(
        world.orders(payout).map((order) => order.state),
        ['COMPLETED'],
      );
      const events = await world.events(payout);
      assert.deepEqual(
        events.slice(0, 3).map((event) => event.state),
        ['QUEUED', 'SUBMITTING', 'PROCESSING'],
      );
      assert.equal(events.at(-1)?.source, 'WEBHOOK');
      assert.deepEqual(
        events.map((event) => event.sequence),
        events.map((_, at) => at + 1),
      );
    });

    it('is completed by polling where no webhook comes', async () => {
      const payout = await world.until(await world.create(provider, '10.79'), ['COMPLETED']);
      assert.equal((await world.events(payout)).at(-1)?.source, 'LOOKUP');
    });

    it('survives every way of telling it twice, late or out of order', async () => {
      for (const amount of ['10.75', '10.76', '10.77', '10.78', '10.88', '10.89', '10.94', '10.99']) {
        const payout = await world.until(await world.create(provider, amount), ['COMPLETED']);
        await world.pass(600_000);
        const later = await world.payout(payout);
        assert.equal(later.state, 'COMPLETED', amount);
        assert.deepEqual(reasons(later), [], amount);
        assert.equal(world.orders(later).length, 1, amount);
      }
    });

    it('goes back to the queue when it provably was not taken, and is sent then', async () => {
      for (const amount of ['10.67', '10.68']) {
        const created = await world.create(provider, amount);
        const queued = await world.until(created, ['QUEUED'], 100);
        await world.rest();
        assert.equal(moneyMoved(queued), 'NO');
        const payout = await world.until(created, ['COMPLETED']);
        assert.deepEqual(kinds(payout), ['SUBMIT NOT_TAKEN', 'SUBMIT ACCEPTED'], amount);
        assert.equal(payout.attempts.length, 1);
      }
    });

    it('fails with the reason when the provider refuses it, with nothing moved', async () => {
      for (const [amount, code] of [
        ['10.70', 'INSUFFICIENT_FUNDS'],
        ['10.71', 'INVALID_DESTINATION'],
      ] as const) {
        const payout = await world.until(await world.create(provider, amount), ['FAILED'], 5000);
        assert.equal(payout.closure?.failure?.code, code);
        assert.equal(moneyMoved(payout), 'NO');
        assert.equal(payout.nextCheckAt, null);
        assert.deepEqual(world.orders(payout), []);
      }
    });

    it('ends as the provider says', async () => {
      for (const [amount, state] of [
        ['10.80', 'FAILED'],
        ['10.81', 'FAILED'],
        ['10.82', 'CANCELLED'],
      ] as const) {
        const payout = await world.until(await world.create(provider, amount), [state]);
        assert.equal(moneyMoved(payout), 'NO', amount);
        assert.equal(payout.nextCheckAt, null, amount);
      }
    });

    it('stays with the provider while it uses a word that we do not know, and shows the word', async () => {
      const created = await world.create(provider, '10.74');
      await world.until(created, ['PROCESSING']);
      await world.pass(5000);
      const odd = await world.payout(created);
      assert.equal(odd.state, 'PROCESSING');
      assert.ok(odd.attempts[0]?.report?.vendorStatus);
      assert.equal((await world.until(created, ['COMPLETED'])).attention.length, 0);
    });

    it('is followed through look-ups that fail in every way', async () => {
      for (const amount of ['10.90', '10.91', '10.92', '10.93']) {
        const payout = await world.until(await world.create(provider, amount), ['COMPLETED']);
        assert.deepEqual(reasons(payout), [], amount);
      }
    });

    it('is corrected, and flagged, when it is paid after it was said to have failed', async () => {
      const created = await world.create(provider, '10.95');
      await world.until(created, ['FAILED']);
      const payout = await world.until(created, ['COMPLETED']).catch(() => world.payout(created));
      // Where look-ups have ended with the failure, only a webhook can bring the correction; both providers send one.
      assert.equal(payout.state, 'COMPLETED');
      assert.ok(reasons(payout).includes('LATE_EVIDENCE'));
    });

    it('stays completed when a failure is told after the payment, and is flagged where that was more than a hint', async () => {
      const created = await world.create(provider, '10.96');
      await world.until(created, ['COMPLETED']);
      await world.pass(300_000);
      const payout = await world.payout(created);
      assert.equal(payout.state, 'COMPLETED');
      // OxaPay's own word on a `Failed` webhook is what its look-up says, and that still says that it paid.
      assert.deepEqual(reasons(payout), provider === 'oxapay' ? [] : ['CONTRADICTED']);
      assert.equal(payout.nextCheckAt, null);
      assert.equal(moneyMoved(payout), 'YES');
    });

    it('sends nothing when its time is over before it starts', async () => {
      const sendBefore = new Date(world.clock.now().getTime() - 1);
      const payout = await world.until(await world.create(provider, '10', { sendBefore }), ['FAILED'], 5000);
      assert.equal(payout.closure?.failure?.code, 'EXPIRED');
      assert.deepEqual(payout.attempts, []);
    });
  });
}

describe('doubt at a provider that returns the first order to a repeat', () => {
  it('is left by repeating the stored body under the same order number, and never makes a second order', async () => {
    for (const amount of [
      '10.61',
      '10.62',
      '10.63',
      '10.64',
      '10.65',
      '10.66',
      '10.69',
      '10.84',
      '10.85',
      '10.86',
      '10.87',
      '10.97',
      '10.98',
    ]) {
      const payout = await world.until(await world.create('io2328', amount), ['COMPLETED']);
      assert.equal(world.orders(payout).length, 1, amount);
      assert.equal(payout.attempts.length, 1, amount);
      assert.equal(new Set(payout.attempts[0]?.sends.map((send) => send.kind)).size <= 2, true);
    }
  });

  it('is not left by a refusal of the repeat while the first send was taken', async () => {
    // Without webhooks, so that only the repeats speak.
    const silent = await openWorld({ PUBLIC_URL: 'http://127.0.0.1:9' });
    try {
      const created = await silent.create('io2328', '10.98');
      await silent.until(created, ['IN_DOUBT']);
      const payout = await silent.until(created, ['COMPLETED']);
      assert.deepEqual(kinds(payout), ['SUBMIT UNKNOWN', 'REPEAT NOT_TAKEN', 'REPEAT NOT_TAKEN', 'REPEAT ACCEPTED']);
      assert.equal(silent.orders(payout).length, 1);
    } finally {
      await silent.close();
    }
  });

  it('is an alarm, and nothing more is sent, when the echo is not what was sent', async () => {
    for (const amount of ['10.72', '10.73']) {
      const created = await world.create('io2328', amount);
      const payout = await world.until(created, ['IN_DOUBT']);
      assert.deepEqual(reasons(payout), ['WRONG_ECHO']);
      await world.pass(4 * 3_600_000, 10_000);
      const later = await world.payout(payout);
      assert.equal(later.state, 'IN_DOUBT');
      assert.equal(later.attempts[0]?.sends.length, 1);
      assert.equal(world.orders(later).length, 1);
    }
  });

  it('comes before an operator once the provider is not known to remember, and is repeated no more', async () => {
    const lonely = await openWorld();
    try {
      const created = await lonely.create('io2328', '10.62');
      await lonely.until(created, ['IN_DOUBT']);
      await lonely.sandbox?.close();
      await lonely.pass(26 * 3_600_000, 30_000);
      const payout = await lonely.payout(created);
      assert.equal(payout.state, 'IN_DOUBT');
      assert.deepEqual(reasons(payout), ['REPEAT_WINDOW_OVER']);
      const sends = payout.attempts[0]?.sends.at(-1)?.number;
      await lonely.pass(5 * 3_600_000, 30_000);
      assert.equal((await lonely.payout(created)).attempts[0]?.sends.at(-1)?.number, sends);
    } finally {
      await lonely.close();
    }
  });
});

describe('a provider that does not keep its promise to return the first order', () => {
  it('is found out: a second order under our number raises the alarm, and the payout stays with the first', async () => {
    const payout = await world.until(await world.create('io2328', '10.88'), ['COMPLETED']);
    const [attempt] = payout.attempts;
    const provider = world.providers.find((one) => one.id === payout.provider);
    assert.ok(attempt && provider);
    const ref = world.payouts.refer(payout, attempt);
    const body = (await ref.storedBody()) ?? '';
    assert.notEqual(body, '');
    const outcome = await provider.submit(ref, body, { sendBy: null, signal: new AbortController().signal });
    assert.equal(outcome.kind, 'accepted');
    await world.pass(5000);
    const alarmed = await world.payout(payout);
    assert.equal(world.orders(alarmed).length, 2);
    assert.deepEqual(reasons(alarmed), ['PAID_TWICE']);
    assert.equal(alarmed.attempts[0]?.providerReference, attempt.providerReference);
    assert.equal(alarmed.state, 'COMPLETED');
  });
});

describe('a provider that is not there', () => {
  it('leaves its payouts in the queue, small, and costs nobody else anything', async () => {
    const lonely = await openWorld({
      IO2328_BASE_URL: 'http://127.0.0.1:9/api',
      IO2328_PROJECT: 'p',
      IO2328_PAYOUT_KEY: 'k',
    });
    try {
      const created = await lonely.create('io2328', '10');
      await lonely.pass(3_600_000, 5000);
      const queued = await lonely.payout(created);
      assert.equal(queued.state, 'QUEUED');
      assert.equal(moneyMoved(queued), 'NO');
      assert.deepEqual(kinds(queued), ['SUBMIT NOT_TAKEN']);
      assert.equal((await lonely.events(queued)).length, 3);
      const other = await lonely.until(await lonely.create('oxapay', '10'), ['COMPLETED'], 10_000);
      assert.equal(lonely.orders(other).length, 1);
    } finally {
      await lonely.close();
    }
  });
});

describe('doubt at a provider that pays again', () => {
  it('is left only by finding our mark in the history', async () => {
    const silent = await openWorld({ PUBLIC_URL: 'http://127.0.0.1:9' });
    try {
      for (const amount of ['10.61', '10.64', '10.69', '10.84', '10.85', '10.86', '10.87', '10.98']) {
        const payout = await silent.until(await silent.create('oxapay', amount), ['COMPLETED']);
        assert.deepEqual(kinds(payout), ['SUBMIT UNKNOWN'], amount);
        assert.equal(silent.orders(payout).length, 1, amount);
        assert.ok(payout.attempts[0]?.providerReference);
      }
    } finally {
      await silent.close();
    }
  });

  it('stays doubt, with a reason to act on, when the history does not show it: absence is never proof', async () => {
    for (const amount of ['10.62', '10.63', '10.65']) {
      const created = await world.create('oxapay', amount);
      await world.until(created, ['IN_DOUBT']);
      await world.pass(2 * 3_600_000, 10_000);
      const payout = await world.payout(created);
      assert.equal(payout.state, 'IN_DOUBT', amount);
      assert.equal(moneyMoved(payout), 'UNKNOWN');
      assert.deepEqual(kinds(payout), ['SUBMIT UNKNOWN'], amount);
      assert.deepEqual(reasons(payout), ['NOT_FOUND_AT_PROVIDER'], amount);
      assert.match(payout.attention[0]?.message ?? '', new RegExp(payout.attempts[0]?.orderNumber ?? 'x'));
      assert.ok(payout.nextCheckAt, 'it is asked for ever');
    }
  });

  it('is left when the history shows the order at last', async () => {
    const created = await world.create('oxapay', '10.97');
    const payout = await world.until(created, ['COMPLETED']);
    assert.deepEqual(kinds(payout), ['SUBMIT UNKNOWN']);
    assert.equal(world.orders(payout).length, 1);
  });
});

describe('a reference', () => {
  it('makes one payout, however many callers race, and is answered for ever', async () => {
    const input = {
      reference: 'race',
      order: orderOf('10'),
      ...PLAIN,
      provider: 'OXAPAY' as ProviderId,
    };
    const results = await Promise.all(
      Array.from({ length: 64 }, () => world.payouts.create(world.merchantId, ACTOR, input)),
    );
    const created = results.filter((result) => result.kind === 'created');
    assert.equal(created.length, 64);
    assert.equal(created.filter((result) => !result.replayed).length, 1);
    assert.equal(new Set(created.map((result) => result.payout.id)).size, 1);
    const payout = await world.until(created[0]?.payout as Payout, ['COMPLETED']);
    assert.equal(world.orders(payout).length, 1);
    await world.pass(86_400_000, 60_000);
    const again = await world.payouts.create(world.merchantId, ACTOR, input);
    assert.ok(again.kind === 'created' && again.replayed && again.payout.state === 'COMPLETED');
  });

  it('with another input names every field that differs, and creates nothing', async () => {
    const input = {
      reference: 'conflict',
      order: orderOf('10.0'),
      ...PLAIN,
      metadata: [
        { key: 'a', value: '1' },
        { key: 'b', value: '2' },
      ],
    };
    const first = await world.payouts.create(world.merchantId, ACTOR, input);
    assert.ok(first.kind === 'created');
    const same = await world.payouts.create(world.merchantId, ACTOR, {
      ...input,
      order: orderOf('10.000'),
      metadata: [...input.metadata].reverse(),
    });
    assert.ok(same.kind === 'created' && same.replayed, 'decimals by value, metadata without order');
    const other = await world.payouts.create(world.merchantId, ACTOR, {
      ...input,
      provider: 'OXAPAY' as ProviderId,
      sendBefore: new Date(),
      autoConfirm: false,
      parties: {
        originator: sampleParty({ name: 'Ada', address: { ...NOWHERE, city: 'Pécs' } }),
        beneficiary: sampleParty({ name: null, lastName: 'Fülöp' }),
        accountNumber: null,
      },
      metadata: [],
      order: {
        amount: { amount: decimal('10.01'), currency: 'USDC' },
        feeMode: 'DEDUCT',
        destination: { kind: 'blockchain', address: 'T2', network: 'BSC', memo: 'm' },
        sourceCurrency: 'BTC',
        receiveCurrency: 'CNY',
        purpose: 'p',
        relationship: 'r',
        sourceOfFunds: 's',
        fundingAddress: 'T3',
        description: 'd',
      },
    });
    assert.ok(other.kind === 'conflict');
    assert.equal(other.payout.id, first.payout.id);
    assert.deepEqual(other.differences, [
      'amount.amount',
      'amount.currency',
      'autoConfirm',
      'description',
      'destination.bank.beneficiary.lastName',
      'destination.blockchain.address',
      'destination.blockchain.memo',
      'destination.blockchain.network',
      'feeMode',
      'fundingAddress',
      'metadata',
      'originator.address.city',
      'originator.address.line',
      'originator.name',
      'provider',
      'purpose',
      'receiveCurrency',
      'relationship',
      'sendBefore',
      'sourceCurrency',
      'sourceOfFunds',
    ]);
  });

  it('of one merchant says nothing about the same reference of another', async () => {
    const { id } = await world.keys.createMerchant('Other');
    const input = { reference: 'shared', order: orderOf('10'), ...PLAIN };
    const mine = await world.payouts.create(world.merchantId, ACTOR, input);
    const theirs = await world.payouts.create(id, ACTOR, input);
    assert.ok(mine.kind === 'created' && theirs.kind === 'created' && !theirs.replayed);
    const [a, b] = [await world.until(mine.payout, ['COMPLETED']), await world.until(theirs.payout, ['COMPLETED'])];
    assert.notEqual(a.attempts[0]?.orderNumber, b.attempts[0]?.orderNumber);
    assert.match(a.attempts[0]?.orderNumber ?? '', /^[0-9a-z]{1,32}$/);
  });

  it('is known before anything is checked that time can change', async () => {
    const input = {
      reference: 'known',
      order: orderOf('10'),
      ...PLAIN,
      provider: 'IO2328' as ProviderId,
      sendBefore: new Date(world.clock.now().getTime() + 60_000),
    };
    const first = await world.payouts.create(world.merchantId, ACTOR, input);
    assert.ok(first.kind === 'created');
    await world.until(first.payout, ['COMPLETED']);
    await world.pass(120_000);
    const again = await world.payouts.create(world.merchantId, ACTOR, input);
    assert.ok(again.kind === 'created' && again.replayed && again.payout.state === 'COMPLETED');
  });
});

describe('cancelling', () => {
  it('ends what waits in the queue, and nothing is sent after it', async () => {
    const created = await world.create('io2328', '11.67');
    await world.until(created, ['QUEUED'], 100);
    const queued = await world.payout(created);
    assert.equal(queued.state, 'QUEUED');
    assert.equal(await cancel(created), 'taken');
    await world.pass(60_000);
    const payout = await world.payout(created);
    assert.equal(payout.state, 'CANCELLED');
    assert.deepEqual(world.orders(payout), []);
  });

  it('is refused once the provider may have it', async () => {
    const payout = await world.until(await world.create('io2328', '10'), ['PROCESSING', 'COMPLETED']);
    const events = (await world.events(payout)).length;
    assert.equal(await cancel(payout), payout.state === 'COMPLETED' ? 'notAllowed' : 'unsupported');
    assert.equal(await cancel(await world.until(payout, ['COMPLETED'])), 'notAllowed');
    assert.ok((await world.events(payout)).slice(events).every((event) => event.source !== 'API'));
    const foreign = await world.keys.createMerchant('Foreign');
    assert.equal(await cancel({ merchantId: foreign.id, id: payout.id }), 'notFound');
  });
});
