import { createHash } from 'node:crypto';
import type { BatchId, PayoutBatch } from '../../src/domain/batch.ts';
import type { ApiKey, ApiKeyId, Merchant, MerchantId } from '../../src/domain/merchant.ts';
import { type Decimal, parseDecimal } from '../../src/domain/money.ts';
import type { Attempt, Order, Party, Payout, PayoutEvent, Send } from '../../src/domain/payout.ts';
import type { ProviderId } from '../../src/domain/provider.ts';
import type { QuotedPrice, RouteCandidate } from '../../src/domain/route.ts';
import { batchIdOf, eventIdOf, payoutIdOf } from '../../src/identity.ts';

/** The instant at which every sample is made, unless told otherwise. */
export const NOON = new Date('2026-07-01T12:00:00.000Z');

let made = 0;
/** A number that no other sample of this process has. */
function nextNumber(): number {
  made += 1;
  return made;
}

/** Milliseconds after `NOON`. */
export function afterNoon(ms: number): Date {
  return new Date(NOON.getTime() + ms);
}

/** Exact decimal text; throws when it is none. */
export function decimal(text: string): Decimal {
  const value = parseDecimal(text);
  if (value === null) throw new TypeError(`${text} is not a decimal`);
  return value;
}

/** An order of so many USDT to an address on TRON. */
export function orderOf(amount: string, changes: Partial<Order> = {}): Order {
  return {
    amount: { amount: decimal(amount), currency: 'USDT' },
    feeMode: 'ADD',
    destination: { kind: 'blockchain', address: 'TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t', network: 'TRON', memo: null },
    sourceCurrency: null,
    receiveCurrency: null,
    purpose: null,
    relationship: null,
    sourceOfFunds: null,
    fundingAddress: null,
    description: null,
    ...changes,
  };
}

/** A new payout of merchant `me_sample`, in state QUEUED, due at once. Its id follows from merchant and reference. */
export function samplePayout(overrides: Partial<Payout> = {}): Payout {
  const merchantId = overrides.merchantId ?? ('me_sample' as MerchantId);
  const reference = overrides.reference ?? `order-${nextNumber()}`;
  return {
    schema: 4,
    id: payoutIdOf(merchantId, reference),
    merchantId,
    reference,
    version: 1,
    sequence: 1,
    state: 'QUEUED',
    told: overrides.state ?? 'QUEUED',
    order: orderOf('12.50'),
    metadata: [],
    sendBefore: null,
    autoConfirm: true,
    parties: null,
    requests: [],
    inputDigests: { amount: 'a1', destination: 'd1' },
    provider: 'ALPHA' as ProviderId,
    account: 'default',
    route: null,
    failover: false,
    heldPrice: null,
    batch: null,
    parked: false,
    attempts: [],
    closure: null,
    attention: [],
    nextCheckAt: NOON,
    quietChecks: 0,
    lease: null,
    generation: 0,
    createdAt: NOON,
    updatedAt: NOON,
    ...overrides,
  };
}

/** The payout one version later, without an event. */
export function nextVersion(payout: Payout, changes: Partial<Payout> = {}): Payout {
  return { ...payout, ...changes, version: payout.version + 1 };
}

/** The payout one version and one event later; the event tells its state. */
export function nextStep(payout: Payout, changes: Partial<Payout> = {}): Payout {
  const told = changes.state ?? payout.state;
  return nextVersion(payout, { sequence: payout.sequence + 1, told, ...changes });
}

/** The event that tells of the payout as it stands. */
export function sampleEvent(payout: Payout, overrides: Partial<PayoutEvent> = {}): PayoutEvent {
  const event: Omit<PayoutEvent, 'id'> = {
    schema: 1,
    payoutId: payout.id,
    merchantId: payout.merchantId,
    provider: payout.provider,
    sequence: payout.sequence,
    at: payout.updatedAt,
    source: 'API',
    actor: 'ak_sample',
    state: payout.state,
    previousState: null,
    vendorStatus: null,
    note: null,
    ...overrides,
  };
  return { ...event, id: overrides.id ?? eventIdOf(event) };
}

/** The first send of an attempt, a submit in flight since noon. */
export function sampleSend(overrides: Partial<Send> = {}): Send {
  return {
    number: 1,
    kind: 'SUBMIT',
    request: null,
    outcome: 'IN_FLIGHT',
    startedAt: NOON,
    endedAt: null,
    vendorCode: null,
    vendorMessage: null,
    ...overrides,
  };
}

/** A person of whom nothing is known but a name. */
export function sampleParty(overrides: Partial<Party> = {}): Party {
  return {
    name: 'Ödön Fülöp',
    firstName: null,
    middleName: null,
    lastName: null,
    nationality: null,
    idType: null,
    idNumber: null,
    idCountry: null,
    idIssueDate: null,
    idExpiryDate: null,
    dateOfBirth: null,
    occupation: null,
    phoneCountryCode: null,
    phone: null,
    email: null,
    sex: null,
    address: null,
    accountNumber: null,
    accountType: null,
    ...overrides,
  };
}

/** A first attempt at `ALPHA`, its submit in flight, under an order number that no other sample has. */
export function sampleAttempt(overrides: Partial<Attempt> = {}): Attempt {
  return {
    number: 1,
    provider: 'ALPHA' as ProviderId,
    account: 'default',
    fingerprint: 'project-1',
    orderNumber: `ORDER${nextNumber()}`,
    bodyDigest: 'b1',
    providerReference: null,
    sends: [sampleSend()],
    report: null,
    exists: false,
    absentAt: [],
    doubted: false,
    mismatched: false,
    ...overrides,
  };
}

/** What 123 USDT would cost in euros, until a while after noon. */
function sampleQuote(overrides: Partial<QuotedPrice> = {}): QuotedPrice {
  return {
    debit: { amount: decimal('113.160'), currency: 'EUR' },
    fees: [{ kind: 'PROVIDER', amount: decimal('0.000000000000000010'), currency: 'EUR' }],
    receive: { amount: decimal('123.0'), currency: 'USDT' },
    rate: decimal('1.086956521739130434'),
    firmness: 'INDICATIVE',
    expiresAt: afterNoon(30_000),
    ...overrides,
  };
}

/** One that was chosen at a price, one whose price has no rate, and one without a price. */
function sampleCandidates(): RouteCandidate[] {
  const [provider, account] = ['ALPHA' as ProviderId, 'default'];
  const dear = sampleQuote({ rate: null, fees: [], expiresAt: afterNoon(30_001) });
  return [
    { provider, account, verdict: 'CHOSEN', reason: 'самый дешёвый — “最便宜”', quote: sampleQuote() },
    { provider, account: 'second', verdict: 'ELIGIBLE', reason: '', quote: dear },
    { provider: 'BETA' as ProviderId, account, verdict: 'UNSUPPORTED', reason: '$quote', quote: null },
  ];
}

/** A payout with something in every field, and every kind of thing that a store could spoil. */
export function fullPayout(): Payout {
  const failure = {
    code: 'PROVIDER_REFUSED',
    message: 'Отклонено — 拒绝 🚫',
    vendorCode: '10100',
    vendorMessage: 'строка "в кавычках" \\ \u0000 \u2028',
    retryable: true,
  } as const;
  const confirmed = sampleSend({
    number: 2,
    kind: 'CONFIRM',
    request: 3,
    outcome: 'ACCEPTED',
    startedAt: afterNoon(1001),
    endedAt: afterNoon(1999),
    vendorCode: '0',
    vendorMessage: 'ok',
  });
  const first = sampleAttempt({
    providerReference: 'ссылка-1',
    exists: true,
    absentAt: [afterNoon(2), afterNoon(600_002)],
    doubted: true,
    mismatched: true,
    report: {
      state: 'COMPLETED',
      askedAt: afterNoon(5),
      vendorStatus: 'paid',
      vendorMessage: 'выплачено',
      transactionHash: 'f4'.repeat(32),
      fees: [{ kind: 'NETWORK', amount: decimal('0.000000000000000001'), currency: 'TRX' }],
      debits: [{ amount: decimal('123456789012.123456789012345678'), currency: 'USDT' }],
      received: { amount: decimal('100000000000000000000000000001'), currency: 'USDT' },
      moneyMoved: 'YES',
      failure,
      allows: ['CONFIRM', 'AMEND'],
    },
  });
  const reported = first.report && { ...first.report, askedAt: null, received: null, failure: null, allows: [] };
  return samplePayout({
    reference: 'заказ №1 — 订单',
    version: 7,
    sequence: 1,
    state: 'FAILED',
    told: 'IN_DOUBT',
    order: {
      amount: { amount: decimal('123456789012.123456789012345670'), currency: 'USDT' },
      feeMode: 'DEDUCT',
      destination: { kind: 'channel', channel: 'CARD', account: '№ 42', network: 'BSC' },
      sourceCurrency: 'EUR',
      receiveCurrency: 'CNY',
      purpose: 'Salary',
      relationship: 'Self',
      sourceOfFunds: 'Employment income',
      fundingAddress: '0x52908400098527886E0F7030069857D2E4169EE7',
      description: 'Größe "ß"',
    },
    metadata: [
      { key: 'createdAt', value: '2026-01-01T00:00:00.000Z' },
      { key: '', value: '' },
    ],
    sendBefore: afterNoon(86_400_001),
    autoConfirm: false,
    parties: 'parties:2',
    requests: [
      { number: 3, action: 'CONFIRM', sealed: null, amended: null, actor: 'ak_sample', requestedAt: afterNoon(8) },
      {
        number: 4,
        action: 'AMEND',
        sealed: 'amendment:4',
        amended: { purpose: 'Rent', relationship: null, sourceOfFunds: 'Лотерея', parties: 'parties:3' },
        actor: 'ak_other',
        requestedAt: afterNoon(9),
      },
    ],
    inputDigests: { sendBefore: 'not a date', createdAt: '9' },
    route: { at: afterNoon(3), policy: 'CHEAPEST', candidates: sampleCandidates() },
    failover: true,
    heldPrice: { ...sampleQuote({ firmness: 'FIRM', expiresAt: afterNoon(15_001) }), tolerance: decimal('0.010') },
    batch: 'pb_full' as BatchId,
    parked: true,
    attempts: [
      { ...first, sends: [...first.sends, confirmed] },
      sampleAttempt({ number: 2, account: 'second', sends: [], report: reported }),
    ],
    closure: { state: 'FAILED', failure },
    attention: [{ reason: 'PAID_TWICE', since: afterNoon(7), message: 'две выплаты' }],
    nextCheckAt: afterNoon(60_000),
    quietChecks: 3,
    lease: { owner: 'worker-1', fence: 6, until: afterNoon(30_000) },
    generation: 2,
    updatedAt: afterNoon(1),
  });
}

/** A new batch of merchant `me_sample`, under way. Its id follows from merchant and reference. */
export function sampleBatch(overrides: Partial<PayoutBatch> = {}): PayoutBatch {
  const merchantId = overrides.merchantId ?? ('me_sample' as MerchantId);
  const reference = overrides.reference ?? `Партия №${nextNumber()} "$x"`;
  return {
    schema: 1,
    id: batchIdOf(merchantId, reference),
    merchantId,
    reference,
    version: 1,
    wish: 'RUNNING',
    rousing: false,
    steeredBy: null,
    createdAt: NOON,
    updatedAt: afterNoon(1),
    ...overrides,
  };
}

export function sampleMerchant(overrides: Partial<Merchant> = {}): Merchant {
  return { schema: 1, id: `me_${nextNumber()}` as MerchantId, name: 'Ünïcorn 有限公司', createdAt: NOON, ...overrides };
}

/** A merchant's key; its hash is of no secret that anyone has. */
export function sampleKey(overrides: Partial<ApiKey> = {}): ApiKey {
  const number = nextNumber();
  return {
    schema: 1,
    id: `ak_${number}` as ApiKeyId,
    merchantId: 'me_sample' as MerchantId,
    hash: createHash('sha256').update(`key ${number}`).digest('hex'),
    label: 'ключ',
    scopes: ['payouts:read', 'payouts:write'],
    createdAt: NOON,
    revokedAt: null,
    ...overrides,
  };
}
