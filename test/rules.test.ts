import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { moneyMoved } from '../src/domain/attempt.ts';
import { StartupError } from '../src/domain/errors.ts';
import type { Payout, ReportedState } from '../src/domain/payout.ts';
import type { Account, Provider, Route, SendOutcome, StatusReport } from '../src/domain/provider.ts';
import type { Store } from '../src/domain/store.ts';
import { orderNumberOf } from '../src/identity.ts';
import { createInbound } from '../src/inbound.ts';
import type { Payouts } from '../src/payouts.ts';
import { openSqlite } from '../src/storage/sqlite.ts';
import type { Worker } from '../src/worker.ts';
import type { ManualClock } from './support/clock.ts';
import { silentLog } from './support/log.ts';
import { orderOf, sampleParty } from './support/payouts.ts';
import {
  ACTOR,
  ALPHA,
  createDesk,
  DEADLINE_MS,
  type Desk,
  LEASE_MS,
  MERCHANT,
  openWriteSide,
  PLAIN,
  payoutsOn,
  plainProvider,
  reportOf as plainReport,
  SKEW_MS,
  type WriteSide,
  storeWith as withMethods,
} from './support/write-side.ts';

// The eight rules of money, one describe each. `apply.test.ts` holds what `apply` alone decides of them, `money.test.ts` what
// the stand-in providers show, the store's contract what a store must do; each describe names the sentences it leaves to them.

const account: Account = { name: 'default', fingerprint: 'project-1', enabled: true };
const moved: Account = { ...account, fingerprint: 'project-2' };

const unknown: SendOutcome = { kind: 'unknown', vendorCode: null, cause: 'cut' };
const notTaken: SendOutcome = {
  kind: 'notTaken',
  reason: 'RATE_LIMITED',
  retryAfterMs: 600_000,
  vendorCode: '429',
  cause: 'busy',
};
const rejected: SendOutcome = {
  kind: 'rejected',
  failure: { code: 'PROVIDER_REFUSED', message: 'no', vendorCode: '422', vendorMessage: null, retryable: false },
};

function reportOf(state: ReportedState, providerReference: string, askedAt: Date | null): StatusReport {
  const paid = state === 'PROCESSING' || state === 'COMPLETED';
  const vendorStatus = state.toLowerCase();
  return plainReport({ askedAt, state, vendorStatus, providerReference, moneyMoved: paid ? 'YES' : 'NO' });
}

/** Every payout, worker and webhook of a test meet at one store, by one clock; the providers' books are `sent` and `asked`. */
let side: WriteSide;
let clock: ManualClock;
let store: Store;
let payouts: Payouts;
let workers: readonly Worker[];
let sent: { orderNumber: string; body: string; sendBy: Date | null }[];
let asked: string[];
/** A two-step provider, for what is asked of an order after it was created. */
let desk: Desk;

beforeEach(async () => {
  side = await openWriteSide((now) => {
    desk = createDesk(now);
    return [desk.provider];
  });
  ({ clock, store, payouts, workers } = side);
  [sent, asked] = [[], []];
});
afterEach(() => side.close());

const startWorker = (provider: Provider, own: Store = store): Worker => side.startWorker(provider, { store: own });
const storeWith = (changes: Partial<Store>): Store => withMethods(store, changes);
const create: WriteSide['create'] = (changes) => side.create(changes);
const read: WriteSide['read'] = (payout) => side.read(payout);
const eventsOf: WriteSide['events'] = (payout) => side.events(payout);
const pass: WriteSide['pass'] = (...args) => side.pass(...args);
const cancel = async ({ id }: Payout): Promise<string> =>
  (await payouts.act(MERCHANT, ACTOR, id, { action: 'CANCEL' })).kind;

/** A provider that returns the first order to a repeat and has no look-up before it gave a reference. */
function alpha(changes: Partial<Provider> = {}): Provider {
  const submit: Provider['submit'] = async ({ orderNumber }) => accepted('COMPLETED', `ref-${orderNumber}`);
  let prepared = 0;
  return {
    ...plainProvider(ALPHA, {
      name: 'Alpha',
      accounts: [account],
      onRepeat: 'returnsFirst',
      repeatWindowMs: 86_400_000,
      findsByOrderNumber: 'never',
      prepare: async () => {
        prepared += 1;
        return { kind: 'body', body: `body ${prepared}` };
      },
    }),
    ...changes,
    submit(attempt, body, call) {
      sent.push({ orderNumber: attempt.orderNumber, body, sendBy: call.sendBy });
      return (changes.submit ?? submit)(attempt, body, call);
    },
    lookup: async (attempt, call) => {
      asked.push(attempt.orderNumber);
      return changes.lookup?.(attempt, call) ?? { kind: 'absent' };
    },
  };
}

/** As `alpha`, but a second create pays again, and the order number is enough to look. */
function beta(changes: Partial<Provider> = {}): Provider {
  return alpha({ onRepeat: 'paysAgain', repeatWindowMs: null, findsByOrderNumber: 'always', ...changes });
}

function accepted(state: ReportedState, reference: string): SendOutcome {
  return { kind: 'accepted', report: reportOf(state, reference, clock.now()) };
}

/** Answers one send after another; the last answer stays. */
function answers(...outcomes: readonly SendOutcome[]): Pick<Provider, 'submit'> {
  const [last, ...others] = outcomes.toReversed();
  return { submit: async () => others.pop() ?? last ?? unknown };
}

/** The provider tells by itself how an order stands. */
async function tell(orderNumber: string | undefined, state: ReportedState, providerReference: string): Promise<void> {
  const order = { orderNumber: orderNumber ?? null, providerReference };
  const reply = { status: 200, contentType: 'text/plain', body: 'ok' };
  const report = reportOf(state, providerReference, null);
  const provider = alpha({ readWebhook: () => ({ kind: 'verified', order, report, reply }) });
  const inbound = createInbound({ providers: new Map([['alpha', provider]]), store, payouts, log: silentLog });
  assert.equal(await inbound.receive('alpha', account.name, { headers: {}, body: Buffer.alloc(0) }), reply);
}

const reasons = (payout: Payout): string[] => payout.attention.map((one) => one.reason);
const sendsOf = (payout: Payout): string[] =>
  payout.attempts.flatMap((attempt) => attempt.sends.map((send) => `${send.kind} ${send.outcome}`));

describe('rule 1: one writer', () => {
  // That `payouts.ts` alone commits: architecture.test.ts, "reads the environment in main.ts, …".
  it('lets mutation, worker and webhook meet on one payout: the last to come reads what the others did', async () => {
    const [early, late] = [await create(), await create({ reference: 'order-2' })];
    const results: string[] = [];
    const prepare: Provider['prepare'] = async (_account, _order, _parties, orderNumber) => {
      if (orderNumber === orderNumberOf(early, 1)) results.push(await cancel(early));
      return { kind: 'body', body: 'body' };
    };
    const submit: Provider['submit'] = async ({ orderNumber }) => {
      results.push(await cancel(late));
      await tell(orderNumber, 'COMPLETED', 'ref-1');
      return accepted('PROCESSING', 'ref-1');
    };
    for (let count = 0; count < 2; count += 1) startWorker(alpha({ prepare, submit }));
    await pass(2 * LEASE_MS);
    assert.deepEqual(results, ['taken', 'notAllowed']);
    assert.deepEqual([(await read(early)).state, (await read(late)).state], ['CANCELLED', 'COMPLETED']);
    assert.equal(sent.length, 1);
  });
});

describe('rule 2: state and event are one write', () => {
  it('has the newest event beside the payout after every write of its way, and no number missing', async () => {
    let writes = 0;
    const watching = storeWith({
      async commit(after, event) {
        const result = await store.commit(after, event);
        const now = await read(after);
        const last = (await eventsOf(after)).at(-1);
        assert.deepEqual([last?.sequence, last?.state], [now.sequence, now.told]);
        writes += 1;
        return result;
      },
    });
    const payout = await create();
    startWorker(alpha(answers(notTaken, unknown, notTaken, accepted('COMPLETED', 'ref-1'))), watching);
    await pass(3_600_000, workers, 30_000);
    assert.ok(writes >= 8);
    const events = (await eventsOf(payout)).map((event) => `${event.sequence} ${event.state}`);
    // A send of the kind of the one before it is not told when it begins: as long as a provider is away they fill no log.
    const way = ['QUEUED', 'SUBMITTING', 'QUEUED', 'IN_DOUBT', 'SUBMITTING', 'IN_DOUBT', 'COMPLETED'];
    assert.deepEqual(
      events,
      way.map((state, at) => `${at + 1} ${state}`),
    );
  });
});

describe('rule 3: write before you send', () => {
  for (const written of [false, true]) {
    it(`sends nothing when storing the send is not confirmed, though it was ${written ? '' : 'not '}stored`, async () => {
      let failures = 0;
      const failing = storeWith({
        async commit(after, event) {
          if (failures > 0 || !after.attempts.some(({ sends }) => sends.at(-1)?.outcome === 'IN_FLIGHT'))
            return store.commit(after, event);
          failures += 1;
          if (written) await store.commit(after, event);
          throw new Error('no answer from the store');
        },
      });
      const payout = await create();
      const worker = startWorker(alpha(), failing);
      await worker.idle();
      assert.equal(failures, 1);
      assert.deepEqual(sent, []);
      await pass(2 * LEASE_MS);
      assert.equal((await read(payout)).state, 'COMPLETED');
      assert.equal(sent.length, 1);
    });
  }

  it('waits for a store that is away while the parties, or a stored body, are to be read, and flags nothing', async () => {
    const payout = await create({ parties: { originator: sampleParty(), beneficiary: null, accountNumber: null } });
    let away = 'parties:';
    let failures = 0;
    const failing = storeWith({
      async getSealed(payoutId, kind) {
        if (away === '' || !kind.startsWith(away)) return store.getSealed(payoutId, kind);
        failures += 1;
        throw new Error('the store is away');
      },
    });
    const outcomes = [unknown, accepted('COMPLETED', 'ref-1')];
    startWorker(alpha({ submit: async () => outcomes.shift() ?? unknown }), failing);
    for (const [next, sends] of [
      ['body:', 0],
      ['', 1],
    ] as const) {
      failures = 0;
      await pass(2 * LEASE_MS);
      assert.ok(failures > 0, away);
      assert.deepEqual([sent.length, (await read(payout)).attention], [sends, []], away);
      away = next;
    }
    await pass(2 * LEASE_MS);
    assert.deepEqual([sent.length, (await read(payout)).state], [2, 'COMPLETED']);
  });

  it('has the send and its body in the store when the first byte goes out; a repeat is the same body and number', async () => {
    const payout = await create();
    const outcomes = [unknown, unknown, accepted('COMPLETED', 'ref-1')];
    const seen: string[] = [];
    const submit: Provider['submit'] = async (_attempt, body) => {
      const [attempt] = (await read(payout)).attempts;
      const send = attempt?.sends.at(-1);
      const stored = attempt && (await side.vault.get(payout.id, `body:${attempt.bodyDigest}`));
      seen.push(`${send?.kind} ${send?.outcome} ${stored?.equals(Buffer.from(body))}`);
      return outcomes[seen.length - 1] ?? unknown;
    };
    startWorker(alpha({ submit }));
    startWorker(alpha({ submit }));
    await pass(60_000);
    assert.deepEqual(seen, ['SUBMIT IN_FLIGHT true', 'REPEAT IN_FLIGHT true', 'REPEAT IN_FLIGHT true']);
    assert.deepEqual([...new Set(sent.map((one) => one.body))], ['body 1']);
    assert.deepEqual([...new Set(sent.map((one) => one.orderNumber))], [orderNumberOf(payout, 1)]);
    assert.equal((await read(payout)).attempts.length, 1);
  });
});

describe('rule 4: an answer speaks only for its own request', () => {
  // What each refusal does to an attempt: apply.test.ts, "a refusal of a repeat proves nothing about the send before it".
  it('keeps asking through every refusal of a repeat, until the provider says that it has the order', async () => {
    const payout = await create();
    startWorker(alpha(answers(unknown, rejected, { ...notTaken, retryAfterMs: 0 }, accepted('PROCESSING', 'ref-1'))));
    await pass(120_000);
    const now = await read(payout);
    assert.deepEqual(sendsOf(now), ['SUBMIT UNKNOWN', 'REPEAT REJECTED', 'REPEAT NOT_TAKEN', 'REPEAT ACCEPTED']);
    const states = new Set((await eventsOf(payout)).map((event) => event.state));
    assert.deepEqual([...states], ['QUEUED', 'SUBMITTING', 'IN_DOUBT', 'PROCESSING']);
  });

  it('counts what a provider remembers from the first send that it may have taken', async () => {
    const away = { ...notTaken, retryAfterMs: 0 };
    const provider = alpha(answers(away, { ...away, cause: 'a wrong key' }, unknown, accepted('COMPLETED', 'ref-1')));
    const payout = await create();
    const first = startWorker(provider);
    await pass(1000, [first]);
    await first.stop();
    await clock.advance(25 * 3_600_000);
    const second = startWorker(provider);
    await pass(3_600_000, [second], 10_000);
    assert.equal((await read(payout)).state, 'COMPLETED');
    assert.deepEqual(reasons(await read(payout)), []);
  });

  it('is put before a person when its provider cannot be asked for a day', async () => {
    const lookup: Provider['lookup'] = async () => ({ kind: 'unavailable', retryAfterMs: null, cause: 'no answer' });
    const payout = await create();
    startWorker(beta({ ...answers(unknown), lookup }));
    await pass(2 * 86_400_000, workers, 600_000);
    assert.deepEqual(reasons(await read(payout)), ['PROVIDER_UNREACHABLE']);
  });

  it('never repeats where a second create would pay again, however long nothing is found', async () => {
    const payout = await create();
    startWorker(beta(answers(unknown)));
    await pass(7_200_000, workers, 60_000);
    const now = await read(payout);
    assert.equal(now.state, 'IN_DOUBT');
    assert.equal(moneyMoved(now), 'UNKNOWN');
    assert.equal(sent.length, 1);
    assert.ok(asked.length > 5);
  });
});

describe('rule 5: fences stop sends, never evidence', { timeout: 10_000 }, () => {
  // Reports asked for too early: apply.test.ts, "one that was asked before the latest send ended, …".
  for (const step of ['prepare', 'putSealed', 'commit'] as const) {
    it(`sends nothing by a worker that lost its lease while it waited for ${step}`, async () => {
      const door = side.createDoor();
      const wait = async (at: typeof step): Promise<void> => (at === step ? door.pass() : undefined);
      const late = storeWith({
        putSealed: (...args) => wait('putSealed').then(() => store.putSealed(...args)),
        commit: (...args) => wait('commit').then(() => store.commit(...args)),
      });
      const prepare = () => wait('prepare').then(() => ({ kind: 'body', body: 'late' }) as const);
      const payout = await create();
      const held = startWorker(alpha({ prepare }), late);
      await door.reached;
      const other = startWorker(alpha(answers(notTaken)));
      await pass(LEASE_MS + 2000, [other]);
      // Back in the queue, where anyone who does not look at the fence could send it.
      assert.deepEqual(sendsOf(await read(payout)), ['SUBMIT NOT_TAKEN']);
      door.open();
      await held.idle();
      assert.deepEqual([sent.length, sent[0]?.body], [1, 'body 1']);
      assert.deepEqual(sendsOf(await read(payout)), ['SUBMIT NOT_TAKEN']);
    });
  }

  it('applies what a worker without its lease has learnt', async () => {
    const door = side.createDoor();
    const payout = await create();
    const submit: Provider['submit'] = async () => {
      await door.pass();
      return accepted('PROCESSING', 'ref-1');
    };
    const held = startWorker(beta({ submit }));
    await door.reached;
    const other = startWorker(beta());
    await pass(LEASE_MS + 5000, [other]);
    assert.deepEqual(sendsOf(await read(payout)), ['SUBMIT UNKNOWN']);
    door.open();
    await held.idle();
    const now = await read(payout);
    assert.equal(now.state, 'PROCESSING');
    assert.equal(now.attempts[0]?.providerReference, 'ref-1');
    assert.deepEqual(sendsOf(now), ['SUBMIT ACCEPTED']);
    assert.equal(sent.length, 1);
  });

  it('stores what a send came to although the store fails at first: a refusal stays a refusal, and is not doubt', async () => {
    let failures = 3;
    const failing = storeWith({
      async commit(after, event) {
        if (after.attempts[0]?.sends.at(-1)?.outcome !== 'REJECTED' || failures === 0)
          return store.commit(after, event);
        failures -= 1;
        throw new Error('the disk is full');
      },
    });
    const payout = await create();
    startWorker(beta(answers(rejected)), failing);
    await pass(10_000, workers, 100);
    assert.equal(failures, 0);
    assert.equal((await read(payout)).state, 'FAILED');
    assert.deepEqual(sendsOf(await read(payout)), ['SUBMIT REJECTED']);
  });

  it('gives the provider until so early that answer and clock skew fit into the lease, and never past sendBefore', async () => {
    const began = clock.now().getTime();
    await create();
    const sendBefore = new Date(began + 10_000);
    await create({ reference: 'order-2', sendBefore });
    startWorker(alpha());
    await pass(5000);
    assert.equal(sent[0]?.sendBy?.getTime(), began + LEASE_MS - DEADLINE_MS - SKEW_MS);
    assert.deepEqual(sent[1]?.sendBy, sendBefore);
  });
});

describe('rule 6: news names its attempt, is idempotent and may be late', () => {
  // Every state against every piece of news, twice and late: apply.test.ts. A wrong echo: money.test.ts, "is an alarm, and
  // nothing more is sent, when the echo is not what was sent".
  for (const [state, answer] of [
    ['QUEUED', notTaken],
    ['CANCELLED', notTaken],
    ['FAILED', rejected],
  ] as const) {
    it(`moves a payout that was ${state} when the provider says that it was paid, and sends nothing more`, async () => {
      const payout = await create();
      const worker = startWorker(alpha(answers(answer)));
      await worker.idle();
      if (state === 'CANCELLED') assert.equal(await cancel(payout), 'taken');
      const before = await read(payout);
      assert.equal(before.state, state);
      await tell(before.attempts[0]?.orderNumber, 'COMPLETED', 'ref-1');
      await pass(3_600_000, workers, 60_000);
      const now = await read(payout);
      assert.equal(now.state, 'COMPLETED');
      assert.deepEqual(reasons(now), ['LATE_EVIDENCE']);
      assert.equal((await eventsOf(payout)).at(-1)?.source, 'WEBHOOK');
      assert.equal(sent.length, 1);
    });
  }

  it('raises the alarm when two attempts turn out to be paid', async () => {
    const payout = await create();
    const first = startWorker(alpha(answers(notTaken)));
    await first.stop();
    startWorker(alpha({ accounts: [moved] }));
    await pass(900_000, workers.slice(1), 60_000);
    const paid = await read(payout);
    assert.deepEqual([paid.state, paid.attempts.length], ['COMPLETED', 2]);
    assert.notEqual(sent[0]?.orderNumber, sent[1]?.orderNumber);
    await tell(sent[0]?.orderNumber, 'COMPLETED', 'ref-9');
    const now = await read(payout);
    assert.equal(now.state, 'COMPLETED');
    assert.ok(reasons(now).includes('PAID_TWICE'));
    assert.equal((await eventsOf(payout)).length, now.sequence);
  });

  it('binds a reference to one attempt: a second payout that is answered with it is in doubt, and flagged', async () => {
    const [one, two] = [await create(), await create({ reference: 'order-2' })];
    startWorker(beta(answers(accepted('PROCESSING', 'ref-1'))));
    await pass(5000);
    const [first, second] = [await read(one), await read(two)];
    assert.deepEqual([first.state, second.state], ['PROCESSING', 'IN_DOUBT']);
    assert.equal(second.attempts[0]?.providerReference, null);
    assert.deepEqual([reasons(first), reasons(second)], [[], ['REFERENCE_TAKEN']]);
  });
});

describe('rule 7: a known reference is answered first', () => {
  // Compared input, and `sendBefore` that has passed: money.test.ts, "a reference".
  it('is answered as it stands when its provider is switched off, and a new one is not taken', async () => {
    const payout = await create();
    startWorker(alpha());
    await pass(1000);
    const none: Route = { kind: 'none', reasons: [] };
    const closed = payoutsOn(store, clock, () => none);
    const input = { order: orderOf('10'), ...PLAIN };
    const again = await closed.create(MERCHANT, ACTOR, { reference: payout.reference, ...input });
    assert.ok(again.kind === 'created' && again.replayed && again.payout.state === 'COMPLETED');
    const other = { ...input, order: orderOf('11') };
    const conflict = await closed.create(MERCHANT, ACTOR, { reference: payout.reference, ...other });
    assert.ok(conflict.kind === 'conflict' && conflict.payout.id === payout.id);
    const fresh = await closed.create(MERCHANT, ACTOR, { reference: 'order-2', ...input });
    assert.equal(fresh.kind, 'unsupported');
    assert.equal(sent.length, 1);
  });
});

describe('rule 8: a store belongs to one environment, an attempt to one account', () => {
  it('is not opened for real money when it was made for the sandbox', async () => {
    const live = {
      path: side.path,
      environment: 'LIVE',
      now: clock.now,
      random: randomBytes,
      exclusive: false,
    } as const;
    await assert.rejects(openSqlite(live), StartupError);
  });

  for (const [name, provider] of [
    ['repeated', alpha],
    ['looked up', beta],
  ] as const) {
    it(`puts a payout in doubt before a person, and it is not ${name} at another account`, async () => {
      const payout = await create();
      const first = startWorker(provider(answers(unknown)));
      await first.stop();
      const before = [sent.length, asked.length];
      const second = startWorker(provider({ accounts: [moved] }));
      await pass(3_600_000, [second], 60_000);
      const stuck = await read(payout);
      assert.equal(stuck.state, 'IN_DOUBT');
      assert.deepEqual(reasons(stuck), ['ACCOUNT_CHANGED']);
      assert.deepEqual([sent.length, asked.length], before);
    });
  }
});

describe('the second step: a confirm and a cancel are sends like any other', { timeout: 20_000 }, () => {
  // What each outcome of one does to the other: follow.test.ts, "a cancel and a confirm".
  const money = (): string[] => desk.calls.filter((call) => call === 'confirm' || call === 'cancel');
  const ask = async (payout: Payout, action: 'CONFIRM' | 'CANCEL'): Promise<string> =>
    (await payouts.act(MERCHANT, ACTOR, payout.id, { action })).kind;
  const yes: SendOutcome = { kind: 'accepted', report: null };

  it('is in the store when its first byte goes out', async () => {
    const payout = await create();
    let seen: string[] = [];
    desk.answer('confirm', async () => {
      seen = sendsOf(await read(payout));
      return yes;
    });
    startWorker(desk.provider);
    startWorker(desk.provider);
    await pass(5000);
    assert.deepEqual(seen, ['SUBMIT ACCEPTED', 'CONFIRM IN_FLIGHT']);
  });

  it('is not sent when storing it is not confirmed, though it was stored', async () => {
    const failing = storeWith({
      async commit(after, event) {
        const result = await store.commit(after, event);
        const [send] = after.attempts[0]?.sends.slice(-1) ?? [];
        if (send?.kind === 'CONFIRM' && send.outcome === 'IN_FLIGHT') throw new Error('no answer from the store');
        return result;
      },
    });
    const payout = await create();
    startWorker(desk.provider, failing);
    await pass(5000);
    assert.deepEqual(sendsOf(await read(payout)), ['SUBMIT ACCEPTED', 'CONFIRM IN_FLIGHT']);
    assert.deepEqual(money(), []);
  });

  it('refuses a cancel while a confirm is on its way, at whichever worker', async () => {
    const door = side.createDoor();
    desk.answer('confirm', async () => {
      await door.pass();
      desk.shows = { state: 'COMPLETED' };
      return yes;
    });
    const payout = await create();
    const held = startWorker(desk.provider);
    await door.reached;
    assert.equal(await ask(payout, 'CANCEL'), 'notAllowed');
    const other = startWorker(desk.provider);
    await pass(LEASE_MS / 2, [other]);
    assert.equal(await ask(payout, 'CANCEL'), 'notAllowed');
    door.open();
    await held.idle();
    await pass(LEASE_MS);
    assert.deepEqual(money(), ['confirm']);
    assert.equal((await read(payout)).state, 'COMPLETED');
  });

  it('refuses a confirm while a cancel is on its way, and after it was taken', async () => {
    const door = side.createDoor();
    desk.answer('cancel', async () => {
      await door.pass();
      return yes;
    });
    const payout = await create({ autoConfirm: false });
    const held = startWorker(desk.provider);
    await held.idle();
    assert.equal(await ask(payout, 'CANCEL'), 'taken');
    await clock.advance(1000);
    await door.reached;
    assert.equal(await ask(payout, 'CONFIRM'), 'notAllowed');
    door.open();
    await held.idle();
    assert.deepEqual(sendsOf(await read(payout)), ['SUBMIT ACCEPTED', 'CANCEL ACCEPTED']);
    assert.equal(await ask(payout, 'CONFIRM'), 'notAllowed');
    desk.shows = { state: 'CANCELLED', moneyMoved: 'NO' };
    startWorker(desk.provider);
    await pass(LEASE_MS);
    assert.deepEqual(money(), ['cancel']);
    assert.equal((await read(payout)).state, 'CANCELLED');
  });

  it('does not confirm when it is called off between the decision to confirm and its record', async () => {
    const door = side.createDoor();
    const late = storeWith({
      async commit(after, event) {
        if (after.attempts[0]?.sends.at(-1)?.kind === 'CONFIRM') await door.pass();
        return store.commit(after, event);
      },
    });
    desk.answer('cancel', () => {
      desk.shows = { state: 'CANCELLED', moneyMoved: 'NO' };
      return yes;
    });
    const payout = await create();
    const held = startWorker(desk.provider, late);
    await door.reached;
    assert.equal(await ask(payout, 'CANCEL'), 'taken');
    door.open();
    await held.idle();
    startWorker(desk.provider);
    await pass(LEASE_MS + 5000);
    assert.deepEqual(money(), ['cancel']);
    assert.equal((await read(payout)).state, 'CANCELLED');
  });

  it('is not held up for a lease when it was asked for while a worker had the payout', async () => {
    const door = side.createDoor();
    const late = storeWith({
      async commit(after, event) {
        if (after.attempts[0]?.sends.at(-1)?.kind === 'CONFIRM') await door.pass();
        return store.commit(after, event);
      },
    });
    const payout = await create();
    const held = startWorker(desk.provider, late);
    await door.reached;
    assert.equal(await ask(payout, 'CANCEL'), 'taken');
    door.open();
    await held.idle();
    await pass(LEASE_MS / 4);
    assert.deepEqual(money(), ['cancel']);
  });

  it('lets one of a cancel and a confirm win that are asked for at the same time', async () => {
    const payout = await create({ autoConfirm: false });
    const worker = startWorker(desk.provider);
    await worker.idle();
    const results = await Promise.all([ask(payout, 'CANCEL'), ask(payout, 'CONFIRM')]);
    assert.deepEqual(results.toSorted(), ['notAllowed', 'taken']);
    startWorker(desk.provider);
    await pass(5000);
    assert.equal(money().length, 1);
  });

  it('confirms nothing by a worker that lost its lease on the way to it', async () => {
    const door = side.createDoor();
    const late = storeWith({
      async commit(after, event) {
        if (after.attempts[0]?.sends.at(-1)?.kind === 'CONFIRM') await door.pass();
        return store.commit(after, event);
      },
    });
    desk.answer('confirm', () => {
      desk.shows = { state: 'PROCESSING' };
      return yes;
    });
    await create();
    const held = startWorker(desk.provider, late);
    await door.reached;
    const other = startWorker(desk.provider);
    await pass(LEASE_MS + 2000, [other]);
    assert.deepEqual(money(), ['confirm']);
    door.open();
    await held.idle();
    assert.deepEqual(money(), ['confirm']);
  });
});
