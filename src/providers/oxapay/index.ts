import { createHash, createSecretKey, type KeyObject } from 'node:crypto';
import { StartupError } from '../../domain/errors.ts';
import { decimalPlaces } from '../../domain/money.ts';
import type { Order } from '../../domain/payout.ts';
import type {
  AbsenceRule,
  Account,
  AttemptRef,
  Call,
  LookupOutcome,
  Provider,
  ProviderId,
  SendOutcome,
} from '../../domain/provider.ts';
import { createListing } from '../../domain/recent.ts';
import type { Answered, Transport } from '../../transport.ts';
import { type AccountSettings, type ProviderDefinition, retryAfterMs, sendOutcome } from '../define.ts';
import { type PricingSeat, readAssets, readBalances, readQuote } from './market.ts';
import { ASSETS, KNOWN_ASSETS } from './networks.ts';
import { readRefusal, reportCreated, reportRecord } from './report.ts';
import {
  decodeCreate,
  decodeHistory,
  decodeRecord,
  type Envelope,
  encodeCreate,
  MAX_PLACES,
  type PayoutRecord,
  parseEnvelope,
  readWebhook,
} from './wire.ts';

const PAGE_SIZE = 200;
/** Twenty thousand payouts of one currency: a search that needs more says that it cannot tell. */
const MAX_PAGES = 100;
/** A search starts this long before the first send, in case the two clocks differ. */
const CLOCK_SKEW_MS = 60_000;
/**
 * A payout that takes longer is put before a person. Chains confirm within minutes to an hour, and the last of OxaPay's five
 * callbacks comes 3 h 34 min after the first: past that, twice over, nothing more is to come by itself. The time itself is
 * assumed.
 */
const USUAL_MS = 6 * 60 * 60_000;
/** What `riskDoublePayment` takes for proof that nothing was taken: an index that lags more than this pays twice. */
const ABSENCE: AbsenceRule = { looks: 2, apartMs: 600_000, afterMs: 120_000 };
/** A page of 200 records with long descriptions is larger than the usual bound. */
const MAX_ANSWER_BYTES = 8 * 1024 * 1024;

/** An account with what its calls need. */
interface Seat extends PricingSeat {
  readonly account: Account;
  readonly headers: Readonly<Record<string, string>>;
  readonly webhookKey: KeyObject;
  readonly callbackUrl: string | null;
  readonly absence: AbsenceRule | null;
}

type Unavailable = Extract<LookupOutcome, { kind: 'unavailable' }>;
type Read = { readonly kind: 'read'; readonly envelope: Envelope; readonly askedAt: Date } | Unavailable;

/** OxaPay v1, payouts. A second create pays again, so nothing is ever repeated: a lost one is looked for by its mark. */
export const definition: ProviderDefinition = {
  id: 'OXAPAY' as ProviderId,
  name: 'OxaPay',
  slug: 'oxapay',
  settings: {
    baseUrl: {
      env: 'OXAPAY_BASE_URL',
      kind: 'url',
      fallback: 'https://api.oxapay.com/v1',
      description: 'Where the API v1 of OxaPay is.',
    },
    payoutKey: {
      env: 'OXAPAY_PAYOUT_KEY',
      kind: 'secret',
      fallback: null,
      description: 'The payout API key: it sends payouts and signs their webhooks.',
    },
    generalKey: {
      env: 'OXAPAY_GENERAL_KEY',
      kind: 'secret',
      fallback: '',
      description: 'The general API key, which reads balances. Optional.',
    },
    riskDoublePayment: {
      env: 'OXAPAY_RISK_DOUBLE_PAYMENT',
      kind: 'flag',
      fallback: 'false',
      description:
        'Send a payout again whose answer was lost once the history did not show it twice, ten minutes apart. OxaPay ' +
        'promises nothing of the kind, so this can pay twice; off, an operator decides.',
    },
  },
  webhookPath: '',
  open(accounts, transport, now) {
    const seats = new Map(accounts.map((settings) => [settings.name, openSeat(settings, transport, now)]));
    return createProvider(seats);
  },
};

function openSeat(settings: AccountSettings, transport: Transport, now: () => Date): Seat {
  const { name, enabled, callbackUrl, values } = settings;
  const { baseUrl, payoutKey } = values;
  // An empty key would also make every webhook signature forgeable.
  if (!baseUrl || !payoutKey)
    throw new StartupError(`OxaPay account ${name}: the base URL and the payout key are needed`);
  return {
    account: { name, enabled, fingerprint: createHash('sha256').update(payoutKey).digest('hex').slice(0, 16) },
    line: transport.open({ baseUrl, maxAnswerBytes: MAX_ANSWER_BYTES }),
    headers: { payout_api_key: payoutKey },
    webhookKey: createSecretKey(payoutKey, 'utf8'),
    callbackUrl,
    generalKey: values.generalKey ?? '',
    currencies: createListing(now),
    absence: values.riskDoublePayment === 'true' ? ABSENCE : null,
  };
}

function createProvider(seats: ReadonlyMap<string, Seat>): Provider {
  const seatOf = (account: string): Seat => {
    const seat = seats.get(account);
    if (seat === undefined) throw new Error(`OxaPay has no account ${account}`);
    return seat;
  };
  return {
    id: definition.id,
    name: definition.name,
    accounts: [...seats.values()].map((seat) => seat.account),
    onRepeat: 'paysAgain',
    repeatWindowMs: null,
    findsByOrderNumber: 'always',
    webhooks: 'SIGNED',
    echoes: ['amount', 'currency', 'network', 'address', 'orderNumber'],
    usualMs: USUAL_MS,
    callsPerMinute: null,
    knownAssets: KNOWN_ASSETS,
    referenceKinds: [],
    batch: null,
    absenceRule: (account) => seatOf(account).absence,
    supports: (order) => supports(order),
    async prepare(account, order, _parties, orderNumber) {
      return { kind: 'body', body: encodeCreate(order, orderNumber, seatOf(account).callbackUrl) };
    },
    submit: async (attempt, body, call) => submit(seatOf(attempt.account), body, call),
    async lookup(attempt, call) {
      const { providerReference } = attempt;
      const seat = seatOf(attempt.account);
      return providerReference === null ? search(seat, attempt, call) : fetchOne(seat, providerReference, call);
    },
    balances: async (account, call) => readBalances(seatOf(account), call),
    assets: async (account, call) => readAssets(seatOf(account), call),
    quote: async (account, request, call, recent = false) => readQuote(seatOf(account), request, call, recent),
    readWebhook(raw, account) {
      const seat = seats.get(account);
      return seat ? readWebhook(raw, seat.webhookKey) : { kind: 'refused', reason: 'no such account' };
    },
    async close() {
      await Promise.all([...seats.values()].map((seat) => seat.line.close()));
    },
  };
}

function supports(order: Order): true | string {
  const { amount, destination, feeMode } = order;
  if (destination.kind !== 'blockchain') return 'OxaPay pays to blockchain addresses only';
  if (!ASSETS.get(amount.currency)?.includes(destination.network)) {
    return `OxaPay does not pay ${amount.currency} on ${destination.network}`;
  }
  if (feeMode === 'DEDUCT') return 'OxaPay adds its fee on top and cannot deduct it from the amount';
  if (order.sourceCurrency !== null || order.receiveCurrency !== null) {
    return 'OxaPay does not convert: it debits the currency that it pays';
  }
  if (order.fundingAddress !== null)
    return 'OxaPay pays from its own balance, not from a wallet that granted an allowance';
  if (decimalPlaces(amount.amount) > MAX_PLACES) return `OxaPay takes at most ${MAX_PLACES} decimal places`;
  return true;
}

async function submit({ line, headers }: Seat, body: string, call: Call): Promise<SendOutcome> {
  const answer = await line.exchange({
    method: 'POST',
    path: '/payout',
    headers: { ...headers, 'content-type': 'application/json' },
    body,
    call,
  });
  return sendOutcome(answer, readSubmit);
}

function readSubmit(answered: Answered): SendOutcome | null {
  const envelope = parseEnvelope(answered.body);
  if (envelope === null) return null;
  const { status, fault } = envelope;
  const vendorCode = fault.type ?? String(status);
  const cause = fault.message ?? `OxaPay answered status ${status}`;
  switch (status) {
    case 200: {
      const created = decodeCreate(envelope.data);
      return created && { kind: 'accepted', report: reportCreated(created, answered.startedAt) };
    }
    case 401:
    case 403:
      return { kind: 'notTaken', reason: 'CREDENTIALS', retryAfterMs: null, vendorCode, cause };
    case 429:
      return { kind: 'notTaken', reason: 'RATE_LIMITED', retryAfterMs: retryAfterMs(answered), vendorCode, cause };
    case 400: {
      const failure = readRefusal(fault);
      return failure ? { kind: 'rejected', failure } : { kind: 'unknown', vendorCode, cause };
    }
    default:
      return { kind: 'unknown', vendorCode, cause };
  }
}

/** One GET: an envelope that says 200 or 404, or why there is none. */
async function get(seat: Seat, path: string, call: Call): Promise<Read> {
  const answer = await seat.line.exchange({ method: 'GET', path, headers: seat.headers, body: null, call });
  if (answer.kind !== 'answered') return unavailable(answer.cause);
  const envelope = parseEnvelope(answer.body);
  if (envelope === null) return unavailable(`HTTP ${answer.status} without an envelope`, retryAfterMs(answer));
  if (envelope.status === 200 || envelope.status === 404) {
    return { kind: 'read', envelope, askedAt: answer.startedAt };
  }
  return unavailable(envelope.fault.message ?? `OxaPay answered status ${envelope.status}`, retryAfterMs(answer));
}

async function fetchOne(seat: Seat, trackId: string, call: Call): Promise<LookupOutcome> {
  const read = await get(seat, `/payout/${encodeURIComponent(trackId)}`, call);
  if (read.kind !== 'read') return read;
  if (read.envelope.status === 404) return { kind: 'absent' };
  const record = decodeRecord(read.envelope.data);
  if (record?.trackId !== trackId) return unavailable('an answer that is not the record asked for');
  return { kind: 'found', report: reportRecord(record, read.askedAt) };
}

/** Looks for our mark through the whole history since the first send; one page missing, and it cannot tell. */
async function search(seat: Seat, attempt: AttemptRef, call: Call): Promise<LookupOutcome> {
  const records = new Map<string, PayoutRecord>();
  let askedAt: Date | null = null;
  let total: number | null = null;
  for (let page = 1, lastPage = 1; page <= lastPage; page += 1) {
    if (page > MAX_PAGES) return unavailable(`a history of more than ${MAX_PAGES} pages`);
    const read = await get(seat, historyPath(attempt, page), call);
    if (read.kind !== 'read') return read;
    const history = read.envelope.status === 200 ? decodeHistory(read.envelope.data) : null;
    if (history === null) return unavailable(`page ${page} of the history does not decode`);
    for (const record of history.records) records.set(record.trackId, record);
    askedAt ??= read.askedAt;
    total ??= history.total;
    lastPage = history.lastPage;
  }
  // Records that share a second may change places between two pages: then one is seen twice and another never.
  if (askedAt === null || records.size < (total ?? 0)) return unavailable('pages of the history that do not add up');
  const ours = [...records.values()].filter((record) => record.mark === attempt.orderNumber);
  const reports = ours.map((record) => reportRecord(record, askedAt));
  // Of several, one that may have been paid speaks before one that was not.
  const report = reports.find(({ state }) => state !== 'FAILED' && state !== 'CANCELLED') ?? reports[0];
  if (report === undefined) return { kind: 'absent' };
  const rivals = reports.flatMap((other) => (other === report ? [] : (other.providerReference ?? [])));
  return { kind: 'found', report: { ...report, rivals } };
}

function historyPath(attempt: AttemptRef, page: number): string {
  const query = new URLSearchParams({
    currency: attempt.order.amount.currency,
    from_date: String(Math.floor((attempt.firstSentAt.getTime() - CLOCK_SKEW_MS) / 1000)),
    sort_by: 'create_date',
    sort_type: 'asc',
    size: String(PAGE_SIZE),
    page: String(page),
  });
  return `/payout?${query}`;
}

function unavailable(cause: string, retryAfter: number | null = null): Unavailable {
  return { kind: 'unavailable', retryAfterMs: retryAfter, cause };
}
