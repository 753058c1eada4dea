import { StartupError } from '../../domain/errors.ts';
import type { Amendment, Failure, Order, Parties, PayoutFailureCode } from '../../domain/payout.ts';
import type {
  AttemptRef,
  Balance,
  Call,
  LookupOutcome,
  Prepared,
  Provider,
  ProviderId,
  ReadOutcome,
  ReferenceKind,
  SendOutcome,
} from '../../domain/provider.ts';
import type { Transport } from '../../transport.ts';
import type { AccountSettings, ProviderDefinition, Setting } from '../define.ts';
import { endsOf, faultOf, PURPOSES, RELATIONSHIPS, SOURCES_OF_FUNDS } from './party.ts';
import { type Plan, type Priced, planOf, priceAt, priceSame, TARGET, toPrice } from './price.ts';
import type { Change } from './report.ts';
import { describeNoAnswer, type NoAnswer, openSession, type Session } from './session.ts';
import {
  accountIn,
  DOCUMENT_TYPES,
  EMPTY,
  encodeAmendment,
  encodeCreate,
  encodeQuote,
  encodeSameAgain,
  encodeTrade,
  encodeUpload,
  encodeWallet,
  entryOf,
  faultOfDocument,
  PATHS,
  parsePrivateKey,
  readAreas,
  readCheck,
  readOccupations,
  readQuote,
  readSameAgain,
  readStatus,
  readWallet,
  readWallets,
  readWebhook,
  withoutTrade,
} from './wire.ts';

/**
 * How long a repeat is trusted to be refused where there is a first. The provider names no end; then an operator looks.
 */
const REPEAT_WINDOW_MS = 24 * 60 * 60_000;
/**
 * A review takes up to two hours, and what misses the bank's hours waits for the next day. Source: the SDK's readme.
 */
const USUAL_MS = 24 * 60 * 60_000;
/** All areas of China in one answer. */
const MAX_ANSWER_BYTES = 4 * 1024 * 1024;

const settings = {
  baseUrl: {
    env: 'XCURRENCY_BASE_URL',
    kind: 'url',
    fallback: 'https://api.xcurrency.com',
    description: 'Where the API of xCurrency Hubs is; paths begin with /payout and /payment.',
  },
  appKey: {
    env: 'XCURRENCY_APP_KEY',
    kind: 'text',
    fallback: null,
    description: 'The app key: the identity of the account at xCurrency Hubs.',
  },
  secretKey: {
    env: 'XCURRENCY_SECRET_KEY',
    kind: 'secret',
    fallback: null,
    description: 'The secret key, which fetches the token of an hour.',
  },
  privateKey: {
    env: 'XCURRENCY_PRIVATE_KEY',
    kind: 'secret',
    fallback: null,
    description: 'Our RSA key, PKCS#8 as PEM or as one line of Base64: signs every body. Its public half is theirs.',
  },
  webhookAppKey: {
    env: 'XCURRENCY_WEBHOOK_APP_KEY',
    kind: 'text',
    fallback: '',
    description: 'The appkey header that their notifications carry. Default: our app key.',
  },
} satisfies Record<string, Setting>;

/** An account with what its calls need. */
interface Seat {
  readonly appKey: string;
  readonly webhookAppKey: string;
  readonly session: Session;
}

/** What xCurrency Hubs can do beyond the port. */
export interface XcurrencyProvider extends Provider {
  /** Whether the provider finds our signature of a JSON text right; rejected with `10001`: it does not. */
  checkSignature(account: string, json: string, call: Call): Promise<ReadOutcome<true>>;
  /** The balance in one currency. */
  balance(account: string, currency: string, call: Call): Promise<ReadOutcome<Balance>>;
}

function openSeat(account: AccountSettings, transport: Transport, now: () => Date): Seat {
  const read = (key: keyof typeof settings): string => {
    const value = account.values[key] || settings[key].fallback;
    if (value === null) throw new StartupError(`xCurrency Hubs, account ${account.name}: ${key} is not set`);
    return value;
  };
  const privateKey = parsePrivateKey(read('privateKey'));
  if (privateKey === null) {
    const expected = 'an RSA key in PKCS#8, as PEM or as one line of Base64';
    throw new StartupError(`xCurrency Hubs, account ${account.name}: privateKey is not ${expected}`);
  }
  const line = transport.open({ baseUrl: read('baseUrl'), maxAnswerBytes: MAX_ANSWER_BYTES });
  const appKey = read('appKey');
  return {
    appKey,
    webhookAppKey: read('webhookAppKey') || appKey,
    session: openSession({ line, appKey, secretKey: read('secretKey'), privateKey, now }),
  };
}

// --- what can be asked of it -----------------------------------------------------------------------------------------

function supports(order: Order, parties: Parties): true | string {
  const { destination, purpose, relationship, sourceOfFunds } = order;
  if (destination.kind !== 'bank') return 'xCurrency Hubs pays to bank accounts only.';
  const plan = planOf(order);
  if (typeof plan === 'string') return plan;
  const { originator, beneficiary, accountNumber } = parties;
  if (!accountNumber) return 'xCurrency Hubs needs the account number of the destination.';
  const fault = faultOf({ originator, beneficiary, purpose, relationship, sourceOfFunds }, true);
  if (fault !== null) return fault;
  const own = beneficiary?.accountNumber ?? accountNumber;
  const ownType = beneficiary?.accountType ?? destination.accountType;
  if (own === accountNumber && ownType === destination.accountType) return true;
  return 'xCurrency Hubs pays to one account: that of the beneficiary is not that of the destination.';
}

function supportsAmendment(amendment: Amendment): true | string {
  if (Object.values(amendment).every((group) => group === null)) return 'The amendment changes nothing.';
  const { beneficiary } = amendment;
  if (beneficiary && (beneficiary.accountNumber !== null || beneficiary.accountType !== null)) {
    return 'The account that is paid cannot be amended: leave the account of the beneficiary out.';
  }
  return faultOf(amendment, false) ?? true;
}

// --- calls -----------------------------------------------------------------------------------------------------------

/** The amounts of a plan, at the rate of now where it needs one. */
async function price({ session }: Seat, plan: Plan, call: Call): Promise<ReadOutcome<Priced>> {
  if (plan.kind === 'same') return { kind: 'known', value: priceSame(plan.amount) };
  const body = encodeQuote(plan.source);
  return session.ask({ path: PATHS.quote, body, call }, (answered): ReadOutcome<Priced> => {
    const rate = readQuote(answered, plan.source);
    if (rate.kind !== 'known') return rate;
    return { kind: 'known', value: priceAt(plan, rate.value, answered.startedAt) };
  });
}

/** A quote that refuses our fields will refuse them again; whatever else it says may pass. */
const PAIR_REFUSED = '10004';

async function prepare(seat: Seat, order: Order, parties: Parties, orderNumber: string, call: Call): Promise<Prepared> {
  const supported = supports(order, parties);
  if (supported !== true) return { kind: 'refused', failure: failure('PROVIDER_REFUSED', supported) };
  const plan = planOf(order);
  const ends = endsOf(parties);
  if (typeof plan === 'string' || ends === null) throw new RangeError('what is supported has a plan and two ends');
  const priced = await price(seat, plan, call);
  if (priced.kind === 'rejected' && priced.vendorCode === PAIR_REFUSED) {
    const { vendorCode, vendorMessage } = priced;
    const refused = failure('PROVIDER_REFUSED', 'xCurrency Hubs quotes no rate for the two currencies.');
    return { kind: 'refused', failure: { ...refused, vendorCode, vendorMessage } };
  }
  if (priced.kind !== 'known') {
    const retryAfterMs = priced.kind === 'unavailable' ? priced.retryAfterMs : null;
    return { kind: 'unavailable', retryAfterMs, cause: describeNoAnswer(priced) };
  }
  const { amounts } = priced.value;
  if ('nearest' in amounts) return { kind: 'refused', failure: failure('AMOUNT_OUT_OF_RANGE', amounts.reason) };
  const { source: debit, target } = amounts;
  const fixed = { debit, receive: { amount: target, currency: TARGET } };
  return { kind: 'body', body: encodeCreate(order, ends, orderNumber, amounts), price: fixed };
}

async function lookup({ session }: Seat, attempt: AttemptRef, call: Call): Promise<LookupOutcome> {
  const { providerReference: tradeId, orderNumber } = attempt;
  let outcome: LookupOutcome | NoAnswer;
  if (tradeId !== null) {
    const asking = { path: PATHS.status, body: encodeTrade(tradeId), call };
    outcome = await session.ask(asking, (answered) => readStatus(answered, tradeId));
  } else {
    // An update goes by our order number: one that changes nothing is the only question that does.
    const created = await attempt.storedBody();
    const body = created === null ? null : encodeSameAgain(orderNumber, created);
    if (body === null) return withoutTrade(orderNumber, 'what was sent is no longer kept');
    outcome = await session.ask({ path: PATHS.update, body, call }, (answered) => readSameAgain(answered, orderNumber));
  }
  if (outcome.kind !== 'rejected') return outcome;
  return { kind: 'unavailable', retryAfterMs: null, cause: describeNoAnswer(outcome) };
}

/** A send to an order by its trade id. */
async function changeTrade(
  { session }: Seat,
  kind: Change,
  { providerReference }: AttemptRef,
  encode: (tradeId: string) => string,
  call: Call,
): Promise<SendOutcome> {
  if (providerReference !== null) return session.change(kind, encode(providerReference), call);
  const cause = 'the trade id is not known yet';
  return { kind: 'notTaken', reason: 'NEVER_LEFT', retryAfterMs: null, vendorCode: null, cause };
}

async function amend({ session }: Seat, attempt: AttemptRef, amendment: Amendment, call: Call): Promise<SendOutcome> {
  const created = await attempt.storedBody();
  const account = created === null ? null : accountIn(created);
  if (account === null) {
    return { kind: 'rejected', failure: failure('OTHER', 'The account that is paid is no longer kept here.') };
  }
  return session.change('update', encodeAmendment(attempt.orderNumber, amendment, account), call);
}

/** A refusal of our own: nothing was sent. */
function failure(code: PayoutFailureCode, message: string): Failure {
  return { code, message, vendorCode: null, vendorMessage: null, retryable: false };
}

// --- the provider ----------------------------------------------------------------------------------------------------

/** Lists that are written in the provider's pages and asked of nobody. */
const WORDS: Readonly<Partial<Record<ReferenceKind, readonly string[]>>> = {
  PURPOSES,
  RELATIONSHIPS,
  SOURCES_OF_FUNDS,
  DOCUMENT_TYPES,
};

type SeatOf = (account: string) => Seat;

/** What is asked when there is no order yet: prices, balances, words, signatures. */
function createQuestions(seatOf: SeatOf) {
  return {
    async nearestAmounts(account, order, call) {
      const plan = planOf(order);
      if (typeof plan === 'string') return { kind: 'known', value: [] };
      const priced = await price(seatOf(account), plan, call);
      if (priced.kind !== 'known') return priced;
      const { amounts } = priced.value;
      return { kind: 'known', value: 'nearest' in amounts ? amounts.nearest : [] };
    },
    async quote(account, request, call) {
      if (request.network !== null || request.channel !== null) return 'xCurrency Hubs pays to bank accounts only.';
      const plan = planOf(request);
      if (typeof plan === 'string') return plan;
      const priced = await price(seatOf(account), plan, call);
      if (priced.kind !== 'known') return priced;
      const value = toPrice(priced.value);
      return typeof value === 'string' ? value : { kind: 'known', value };
    },
    balances: (account, call) => seatOf(account).session.ask({ path: PATHS.wallets, body: EMPTY, call }, readWallets),
    balance: (account, currency, call) =>
      seatOf(account).session.ask({ path: PATHS.wallet, body: encodeWallet(currency), call }, readWallet),
    async reference(account, kind, call) {
      const { session } = seatOf(account);
      if (kind === 'AREAS') return session.ask({ path: PATHS.areas, body: null, call }, readAreas);
      if (kind === 'OCCUPATIONS') return session.ask({ path: PATHS.occupations, body: null, call }, readOccupations);
      return { kind: 'known', value: (WORDS[kind] ?? []).map(entryOf) };
    },
    checkSignature: (account, json, call) =>
      seatOf(account).session.ask({ path: PATHS.check, body: json, call }, readCheck),
  } satisfies Partial<XcurrencyProvider>;
}

/** What is done to an order. */
function createChanges(seatOf: SeatOf) {
  return {
    submit: (attempt, body, call) => seatOf(attempt.account).session.change('create', body, call),
    confirm: (attempt, call) => changeTrade(seatOf(attempt.account), 'confirm', attempt, encodeTrade, call),
    cancel: (attempt, call) => changeTrade(seatOf(attempt.account), 'cancel', attempt, encodeTrade, call),
    amend: (attempt, amendment, call) => amend(seatOf(attempt.account), attempt, amendment, call),
    async attachDocument(attempt, document, call) {
      const fault = faultOfDocument(document);
      if (fault !== null) return { kind: 'rejected', failure: failure('PROVIDER_REFUSED', fault) };
      const encode = (tradeId: string) => encodeUpload(tradeId, document);
      return changeTrade(seatOf(attempt.account), 'upload', attempt, encode, call);
    },
    completeDocuments: (attempt, call) => changeTrade(seatOf(attempt.account), 'completed', attempt, encodeTrade, call),
  } satisfies Partial<Provider>;
}

/** Makes the provider with its accounts. Throws StartupError for an account whose settings cannot be used. */
export function open(accounts: readonly AccountSettings[], transport: Transport, now: () => Date): XcurrencyProvider {
  const seats = new Map(accounts.map((account) => [account.name, openSeat(account, transport, now)]));
  const seatOf: SeatOf = (account) => {
    const seat = seats.get(account);
    if (seat === undefined) throw new RangeError(`xCurrency Hubs has no account ${account}`);
    return seat;
  };
  return {
    id: definition.id,
    name: definition.name,
    accounts: accounts.map(({ name, enabled }) => ({ name, enabled, fingerprint: seatOf(name).appKey })),
    onRepeat: 'refuses',
    repeatWindowMs: REPEAT_WINDOW_MS,
    findsByOrderNumber: 'onceProven',
    webhooks: 'HINT',
    // An answer repeats its trade id, and nothing of what was sent.
    echoes: [],
    usualMs: USUAL_MS,
    callsPerMinute: null,
    knownAssets: [{ currency: TARGET, network: null, minAmount: null, maxAmount: null, fee: null, feeModes: ['ADD'] }],
    referenceKinds: ['AREAS', 'OCCUPATIONS', 'PURPOSES', 'RELATIONSHIPS', 'SOURCES_OF_FUNDS', 'DOCUMENT_TYPES'],
    absenceRule: () => null,
    batch: null,
    supports,
    supportsAmendment,
    supportsDocument: (document) => faultOfDocument(document) ?? true,
    prepare: (account, order, parties, orderNumber, call) =>
      prepare(seatOf(account), order, parties, orderNumber, call),
    lookup: (attempt, call) => lookup(seatOf(attempt.account), attempt, call),
    ...createQuestions(seatOf),
    ...createChanges(seatOf),
    readWebhook(raw, account) {
      const seat = seats.get(account);
      if (seat === undefined) return { kind: 'refused', reason: `xCurrency Hubs has no account ${account}` };
      return readWebhook(raw, seat.webhookAppKey);
    },
    async close() {
      await Promise.all([...seats.values()].map(({ session }) => session.close()));
    },
  };
}

/** xCurrency Hubs, payouts to persons in China: created, reviewed, then confirmed. See README.md beside this file. */
export const definition: ProviderDefinition = {
  id: 'XCURRENCY' as ProviderId,
  name: 'xCurrency Hubs',
  slug: 'xcurrency',
  settings,
  webhookPath: '/xcurrency/webhook',
  open,
};
