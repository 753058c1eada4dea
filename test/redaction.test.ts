import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { Parties, Party, Payout } from '../src/domain/payout.ts';
import type { LookupOutcome, Prepared, Provider, SendOutcome } from '../src/domain/provider.ts';
import { createInbound } from '../src/inbound.ts';
import { namesOf, withoutPersonalData } from '../src/redaction.ts';
import type { Log } from '../src/runtime.ts';
import { silentLog } from './support/log.ts';
import { sampleParty } from './support/payouts.ts';
import {
  ACTOR,
  ALPHA,
  createDesk,
  type Desk,
  MERCHANT,
  OPERATOR,
  openWriteSide,
  payoutsOn,
  reportOf,
  WAITING,
  type WriteSide,
} from './support/write-side.ts';

const SECRETS = {
  name: 'Ödön Fülöp',
  idNumber: 'AB1234567',
  email: 'odon@example.com',
  line: 'Kossuth utca 7',
  phone: '301234567',
  account: '6222021234567890',
  chinese: '王伟',
};
const beneficiary: Party = sampleParty({
  name: SECRETS.name,
  idNumber: SECRETS.idNumber,
  email: SECRETS.email,
  phone: SECRETS.phone,
  nationality: 'HU',
  address: { line: SECRETS.line, city: null, district: null, state: null, postalCode: null, country: 'HU' },
});
const originator: Party = sampleParty({ name: SECRETS.chinese });
const parties: Parties = { originator, beneficiary, accountNumber: SECRETS.account };
/** What a provider might say, with everything that it was told. */
const GOSSIP = `refused in HU for ${Object.values(SECRETS).join(' and ')}, reference ref-1`;

/** Fails where a text holds anything of the parties. */
function assertClean(text: string, where: string): void {
  for (const secret of Object.values(SECRETS)) assert.ok(!text.includes(secret), `${secret} in ${where}: ${text}`);
}

describe('the messages of a provider', () => {
  const names = namesOf(parties);

  it('have nothing of a person in them afterwards, however deep they stand, and keep their words', () => {
    const outcome: SendOutcome = {
      kind: 'accepted',
      report: reportOf({
        vendorMessage: GOSSIP,
        failure: { code: 'OTHER', message: GOSSIP, vendorCode: '7', vendorMessage: GOSSIP, retryable: false },
      }),
    };
    const clean = withoutPersonalData(outcome, names);
    assertClean(JSON.stringify(clean), 'the report');
    assert.match(JSON.stringify(clean), /refused in HU for … and … and .*, reference ref-1/);
    assertClean(
      JSON.stringify(withoutPersonalData({ kind: 'unknown', vendorCode: null, cause: GOSSIP }, names)),
      'cause',
    );
  });

  it('keep every other field as it was: references, words, amounts, instants', () => {
    const askedAt = new Date(0);
    const report = reportOf({
      askedAt,
      vendorStatus: SECRETS.name,
      providerReference: SECRETS.account,
      transactionHash: SECRETS.idNumber,
      echo: { address: SECRETS.account },
      rivals: [SECRETS.idNumber],
    });
    const outcome: LookupOutcome = { kind: 'found', report };
    assert.deepEqual(withoutPersonalData(outcome, names), outcome);
    assert.equal(withoutPersonalData(outcome, []), outcome);
  });

  it('lose the longest first, so that no rest of a name stays behind', () => {
    const two = namesOf({ originator: sampleParty({ name: 'Fülöp' }), beneficiary, accountNumber: null });
    const { cause } = withoutPersonalData({ cause: `for ${SECRETS.name}` }, two);
    assert.equal(cause, 'for …');
  });

  it('lose a name however it is written there, and however short it is', () => {
    const kim = { originator: sampleParty({ firstName: 'Kim', lastName: 'Li' }), beneficiary, accountNumber: null };
    const { cause } = withoutPersonalData({ cause: 'KIM LI is not ÖDÖN FÜLÖP, nor Kim Li' }, namesOf(kim));
    assert.equal(cause, '… … is not …, nor … …');
  });

  it('keep the words that say nothing of a person, and words that a name is only a part of', () => {
    const words: Party = sampleParty({
      name: 'Kim',
      idType: 'PASSPORT',
      sex: 'MALE',
      accountType: 'BANK',
      nationality: 'HU',
      idCountry: 'HU',
      phoneCountryCode: '36',
    });
    const cause = 'the BANK says: PASSPORT of a MALE from HU expired after 36 days of skimming';
    const names = namesOf({ originator: words, beneficiary: null, accountNumber: null });
    assert.deepEqual(withoutPersonalData({ cause }, names), { cause });
  });

  it('have nothing taken out where nobody is named', () => {
    assert.deepEqual(namesOf(null), []);
    assert.deepEqual(namesOf({ originator: null, beneficiary: null, accountNumber: null }), []);
  });
});

describe('what is stored and told of a payout', { timeout: 20_000 }, () => {
  let side: WriteSide;
  let desk: Desk;
  let logged: string[];
  let changes: Partial<Provider>;
  beforeEach(async () => {
    logged = [];
    changes = {};
    side = await openWriteSide((clock) => {
      desk = createDesk(clock, {
        prepare: async (...args) => (await changes.prepare?.(...args)) ?? { kind: 'body', body: 'body' },
      });
      return [desk.provider];
    });
  });
  afterEach(() => side.close());

  const log: Log = { ...silentLog, child: () => log };
  for (const level of ['debug', 'info', 'warn', 'error'] as const) {
    log[level] = (fields, message) => {
      logged.push(`${message} ${JSON.stringify(fields)}`);
    };
  }
  const failure = { code: 'OTHER', message: GOSSIP, vendorCode: '7', vendorMessage: GOSSIP, retryable: false } as const;
  const rejected: SendOutcome = { kind: 'rejected', failure };
  const unknown: SendOutcome = { kind: 'unknown', vendorCode: null, cause: GOSSIP };

  async function start(): Promise<Payout> {
    const payout = await side.create({ parties });
    side.startWorker(desk.provider, { log });
    await side.pass(2000);
    return payout;
  }

  /** Payout, events and log lines hold nothing of the parties, and something was said of it at all. */
  async function assertSilent(payout: Payout): Promise<void> {
    const document = JSON.stringify(await side.read(payout));
    const events = JSON.stringify(await side.events(payout));
    assertClean(document, 'the payout');
    assertClean(events, 'its events');
    assertClean(logged.join('\n'), 'the log');
    assert.match(document + events, /refused in HU for …/);
  }

  for (const [what, outcome] of Object.entries({
    'a refusal': rejected,
    'an answer that is none': unknown,
    'an acceptance': { kind: 'accepted', report: reportOf({ providerReference: 'ref-1', vendorMessage: GOSSIP }) },
    'a word that it is there': { kind: 'exists', vendorCode: null, cause: GOSSIP },
    'a refusal for now': { kind: 'notTaken', reason: 'HOURS', retryAfterMs: null, vendorCode: null, cause: GOSSIP },
  } satisfies Record<string, SendOutcome>)) {
    it(`has nothing of a person from ${what} of a create`, async () => {
      desk.answer('submit', outcome);
      desk.shows = null;
      await assertSilent(await start());
    });
  }

  it('has nothing of a person from a look-up, nor from one that failed', async () => {
    desk.shows = { ...WAITING, allows: [], vendorMessage: GOSSIP, failure };
    await assertSilent(await start());
    desk.shows = null;
    changes.prepare = async () => ({ kind: 'unavailable', retryAfterMs: null, cause: GOSSIP });
    const second = await side.create({ reference: 'second', parties });
    await side.pass(5000);
    assertClean(JSON.stringify(await side.events(second)) + logged.join('\n'), 'events and log');
  });

  it('has nothing of a person from a provider that cannot be asked for a day', async () => {
    desk.answer('submit', { kind: 'unknown', vendorCode: null, cause: 'cut' });
    const lookup = async (): Promise<LookupOutcome> => ({ kind: 'unavailable', retryAfterMs: null, cause: GOSSIP });
    const payout = await side.create({ parties });
    side.startWorker({ ...desk.provider, lookup }, { log });
    await side.pass(2 * 86_400_000, side.workers, 600_000);
    assert.equal((await side.read(payout)).attention[0]?.reason, 'PROVIDER_UNREACHABLE');
    await assertSilent(payout);
  });

  it('has nothing of a person from a body that cannot be made', async () => {
    changes.prepare = async (): Promise<Prepared> => ({ kind: 'refused', failure });
    const payout = await start();
    assert.equal((await side.read(payout)).state, 'FAILED');
    await assertSilent(payout);
  });

  it('has nothing of a person from code of a provider that throws', async () => {
    desk.answer('submit', () => {
      throw new Error(GOSSIP);
    });
    desk.shows = null;
    await assertSilent(await start());
  });

  it('has nothing of a person from an action', async () => {
    desk.answer('confirm', rejected);
    await assertSilent(await start());
  });

  it('has nothing of the person whom an amendment is about, from before it is taken', async () => {
    const payout = await side.create({ autoConfirm: false });
    side.startWorker(desk.provider, { log });
    await side.pass(2000);
    desk.answer('amend', rejected);
    const amendment = { originator, beneficiary, purpose: null, relationship: null, sourceOfFunds: null };
    const { kind } = await side.payouts.act(MERCHANT, ACTOR, payout.id, { action: 'AMEND', amendment });
    assert.equal(kind, 'taken');
    await side.pass(3000);
    const now = JSON.stringify([await side.read(payout), await side.events(payout)]);
    for (const secret of [SECRETS.name, SECRETS.chinese, SECRETS.email]) assert.ok(!now.includes(secret), secret);
    assert.match(now, /AMEND was refused/);
  });

  it('has nothing of a person from a webhook', async () => {
    desk.answer('submit', { kind: 'unknown', vendorCode: null, cause: 'cut' });
    desk.shows = null;
    const payout = await start();
    const report = reportOf({ state: 'FAILED', providerReference: 'ref-1', vendorMessage: GOSSIP, failure });
    const reply = { status: 200, contentType: 'text/plain', body: 'ok' };
    const order = { orderNumber: (await side.read(payout)).attempts[0]?.orderNumber ?? null, providerReference: null };
    const provider: Provider = {
      ...desk.provider,
      readWebhook: () => ({ kind: 'verified', order, report, reply }),
    };
    const { store, payouts } = side;
    const inbound = createInbound({ providers: new Map([['alpha', provider]]), store, payouts, log });
    assert.equal(await inbound.receive('alpha', 'default', { headers: {}, body: Buffer.alloc(0) }), reply);
    assert.equal((await side.read(payout)).state, 'FAILED');
    await assertSilent(payout);
  });

  it('has nothing of a person from what an operator had looked up', async () => {
    desk.answer('submit', { kind: 'unknown', vendorCode: null, cause: 'cut' });
    desk.shows = null;
    const payout = await start();
    desk.shows = { state: 'FAILED', providerReference: 'ref-1', vendorMessage: GOSSIP, failure };
    const how = { kind: 'arrived', providerReference: 'ref-1' } as const;
    assert.equal((await side.payouts.resolve(MERCHANT, OPERATOR, payout.id, how, 'seen')).kind, 'resolved');
    await assertSilent(payout);
  });

  it('has nothing of a person in what the operator is answered', async () => {
    desk.answer('submit', { kind: 'unknown', vendorCode: null, cause: 'cut' });
    desk.shows = null;
    const payout = await start();
    const lookup = async (): Promise<LookupOutcome> => ({ kind: 'unavailable', retryAfterMs: null, cause: GOSSIP });
    const deaf = payoutsOn(side.store, side.clock, () => ({ kind: 'none', reasons: [] }), [
      { ...desk.provider, lookup },
    ]);
    const how = { kind: 'arrived', providerReference: 'ref-1' } as const;
    const result = await deaf.resolve(MERCHANT, OPERATOR, payout.id, how, 'seen');
    assert.equal(result.kind, 'unavailable');
    assertClean(JSON.stringify(result), 'the answer');
  });

  it('has its parties and bodies encrypted, and under names that say nothing', async () => {
    changes.prepare = async (_account, _order, given) => ({ kind: 'body', body: JSON.stringify(given) });
    const payout = await start();
    const records = await side.store.sealedUnderOtherKeys('none', 100);
    assert.equal(records.length, 2);
    for (const { payoutId, kind, sealed } of records) {
      assert.equal(payoutId, payout.id);
      assertClean(`${kind} ${sealed.keyId} ${sealed.bytes.toString('utf8')} ${sealed.bytes.toString('latin1')}`, kind);
    }
    assert.equal(payout.provider, ALPHA);
    assertClean(JSON.stringify(await side.read(payout)), 'the payout');
  });
});

describe('where nobody knows the names any more', () => {
  it('the whole of every message goes, however many lines it has, and nothing else does', () => {
    const outcome = { kind: 'unknown', vendorCode: '10', cause: `${GOSSIP}\n${GOSSIP}` } as const;
    assert.deepEqual(withoutPersonalData(outcome, null), { ...outcome, cause: '…' });
  });
});
