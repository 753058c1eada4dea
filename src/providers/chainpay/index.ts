import type { KeyObject } from 'node:crypto';
import { StartupError } from '../../domain/errors.ts';
import { decimalPlaces } from '../../domain/money.ts';
import type { Order, PayoutFailureCode } from '../../domain/payout.ts';
import type {
  AbsenceRule,
  Account,
  AssetTerms,
  Call,
  Prepared,
  Provider,
  ProviderId,
  ReadOutcome,
} from '../../domain/provider.ts';
import type { Answered, Line, Transport } from '../../transport.ts';
import { type AccountSettings, type ProviderDefinition, type Setting, sendOutcome } from '../define.ts';
import {
  addSign,
  type ChannelCurrency,
  chooseCurrency,
  encodeCreate,
  encodeQuery,
  isKnownNetwork,
  isUnknownChannel,
  MAX_DESCRIPTION_LENGTH,
  parsePrivateKey,
  readChannels,
  readCreate,
  readCurrencies,
  readQuery,
  targetOf,
} from './wire.ts';

const USUAL_MS = 24 * 60 * 60 * 1000;
const LIST_LIFE_MS = 10 * 60 * 1000;
/** What makes a query that finds nothing a proof, where the deployment says that ChainPay refuses used numbers. */
const ABSENCE: AbsenceRule = { looks: 2, apartMs: 600_000, afterMs: 60_000 };

/** What the payout page names; which chain of `0x` wallets carries the USDT is assumed. */
const KNOWN_ASSETS: readonly AssetTerms[] = [termsOf('USD', null), termsOf('USDT', 'BSC')];

const settings = {
  baseUrl: {
    env: 'CHAINPAY_BASE_URL',
    kind: 'url',
    fallback: 'https://api.chainpays.org',
    description: 'Where the API of ChainPay is; paths begin with /v2.',
  },
  appId: {
    env: 'CHAINPAY_APP_ID',
    kind: 'text',
    fallback: null,
    description: 'The app id: the identity of the account at ChainPay.',
  },
  privateKey: {
    env: 'CHAINPAY_PRIVATE_KEY',
    kind: 'secret',
    fallback: null,
    description: "The app's RSA private key, PKCS#8: PEM, or the Base64 of DER in one line. It signs every payout.",
  },
  repeatWhenAbsent: {
    env: 'CHAINPAY_REPEAT_WHEN_ABSENT',
    kind: 'flag',
    fallback: 'false',
    description:
      'Whether ChainPay is known to refuse a used order number of this app: then a payout in doubt that was twice not found, ten minutes apart, may be sent again under its number.',
  },
  settlementChannel: {
    env: 'CHAINPAY_SETTLEMENT_CHANNEL',
    kind: 'text',
    fallback: 'settlement',
    description: 'The name of the channel that pays to wallets.',
  },
} satisfies Record<string, Setting>;

/** An account with what its calls need. */
interface Seat {
  readonly account: Account;
  readonly privateKey: KeyObject;
  readonly repeatsWhenAbsent: boolean;
  readonly settlementChannel: string;
  readonly line: Line;
  readonly headers: Readonly<Record<string, string>>;
  readonly currencies: CurrencyLists;
}

function openSeat(configured: AccountSettings, transport: Transport, now: () => Date): Seat {
  const { name, enabled } = configured;
  const read = (key: keyof typeof settings): string => {
    const value = configured.values[key] || settings[key].fallback;
    if (value === null) throw new StartupError(`ChainPay, account ${name}: ${key} is not set`);
    return value;
  };
  const appId = read('appId');
  const privateKey = parsePrivateKey(read('privateKey'));
  if (privateKey === null) {
    const forms = 'an RSA key of at least 1024 bits in PKCS#8, as PEM or as the Base64 of its DER';
    throw new StartupError(`ChainPay, account ${name}: privateKey is not ${forms}`);
  }
  const line = transport.open({ baseUrl: read('baseUrl') });
  const headers = { 'app-id': appId, 'content-type': 'application/json' };
  return {
    account: { name, enabled, fingerprint: appId },
    privateKey,
    repeatsWhenAbsent: read('repeatWhenAbsent') === 'true',
    settlementChannel: read('settlementChannel'),
    line,
    headers,
    currencies: new CurrencyLists(
      (channel, call) =>
        get({ line, headers }, `/v2/currency?${new URLSearchParams({ channel })}`, call, readCurrencies),
      now,
    ),
  };
}

type CurrencyList = ReadOutcome<readonly ChannelCurrency[]>;

/** What each channel pays: kept for ten minutes, and read once for all who ask at the same time. */
class CurrencyLists {
  readonly #read: (channel: string, call: Call) => Promise<CurrencyList>;
  readonly #now: () => Date;
  readonly #kept = new Map<string, { readonly list: CurrencyList; readonly untilMs: number }>();
  readonly #underWay = new Map<string, { readonly list: Promise<CurrencyList>; readonly signal: AbortSignal }>();

  constructor(read: (channel: string, call: Call) => Promise<CurrencyList>, now: () => Date) {
    this.#read = read;
    this.#now = now;
  }

  async of(channel: string, call: Call): Promise<CurrencyList> {
    const kept = this.#kept.get(channel);
    if (kept !== undefined && this.#now().getTime() < kept.untilMs) return kept.list;
    for (;;) {
      const reading = this.#underWay.get(channel) ?? this.#begin(channel, call);
      const list = await reading.list;
      // A reading that somebody else called off says nothing to those who still want to know.
      if (list.kind === 'known' || !reading.signal.aborted || call.signal.aborted) return list;
    }
  }

  #begin(channel: string, call: Call) {
    const list = this.#read(channel, call).then((read) => {
      this.#underWay.delete(channel);
      const untilMs = this.#now().getTime() + LIST_LIFE_MS;
      // An empty list may be the answer to any name at all, and nothing would bound how many are kept.
      if (read.kind === 'known' && read.value.length > 0) this.#kept.set(channel, { list: read, untilMs });
      return read;
    });
    const reading = { list, signal: call.signal };
    this.#underWay.set(channel, reading);
    return reading;
  }
}

async function get<T>(
  { line, headers }: Pick<Seat, 'line' | 'headers'>,
  path: string,
  call: Call,
  read: (answered: Answered) => ReadOutcome<T>,
): Promise<ReadOutcome<T>> {
  const answer = await line.exchange({ method: 'GET', path, headers, body: null, call });
  return answer.kind === 'answered' ? read(answer) : { kind: 'unavailable', retryAfterMs: null, cause: answer.cause };
}

/** What is certain of an order before any list is read. Pure. */
function supports(order: Order, settlementChannel: string): true | string {
  const { destination, description } = order;
  const target = targetOf(destination, settlementChannel);
  if (target === null) return 'ChainPay pays to wallets and to accounts of its channels, not to bank accounts.';
  if (target.payChannel.trim() === '' || target.receiver.trim() === '') {
    return 'ChainPay needs a channel and an account in it.';
  }
  if (target.network !== null && !isKnownNetwork(target.network)) {
    return `ChainPay is not known to pay on ${target.network}.`;
  }
  if (destination.kind === 'blockchain' && destination.memo !== null) return 'ChainPay takes no memo for a wallet.';
  if (order.sourceCurrency !== null || order.receiveCurrency !== null) return 'ChainPay does not convert.';
  if (order.fundingAddress !== null) return 'ChainPay pays from its own balance, not from a wallet of yours.';
  if (order.feeMode === 'DEDUCT') return 'ChainPay adds its fee on top and cannot deduct it from the amount.';
  if (description !== null && [...description].length > MAX_DESCRIPTION_LENGTH) {
    return `ChainPay takes a description of at most ${MAX_DESCRIPTION_LENGTH} characters.`;
  }
  return true;
}

async function prepare(seat: Seat, order: Order, orderNumber: string, call: Call): Promise<Prepared> {
  const target = targetOf(order.destination, seat.settlementChannel);
  if (target === null) return refused('PROVIDER_REFUSED', 'ChainPay has no such destination.');
  const { payChannel, network } = target;
  const list = await seat.currencies.of(payChannel, call);
  if (list.kind === 'unavailable') return list;
  if (list.kind === 'rejected') {
    if (isUnknownChannel(list.vendorMessage)) {
      return refused('PROVIDER_REFUSED', `ChainPay has no channel ${payChannel}.`);
    }
    const cause = `ChainPay refused its currency list: ${list.vendorMessage ?? 'no message'}`;
    return { kind: 'unavailable', retryAfterMs: null, cause };
  }
  const { amount, currency } = order.amount;
  const entry = chooseCurrency(payChannel, list.value, { currency, network });
  if (typeof entry === 'string') return refused('PROVIDER_REFUSED', entry);
  if (entry.places !== null && decimalPlaces(amount) > entry.places) {
    const message = `${entry.token} on ${entry.chain} has ${entry.places} decimal places.`;
    return refused('AMOUNT_OUT_OF_RANGE', message);
  }
  return { kind: 'body', body: encodeCreate(order, orderNumber, target, entry) };
}

function refused(code: PayoutFailureCode, message: string): Prepared {
  return { kind: 'refused', failure: { code, message, vendorCode: null, vendorMessage: null, retryable: false } };
}

function termsOf(currency: string, network: string | null): AssetTerms {
  return { currency, network, minAmount: null, maxAmount: null, fee: null, feeModes: ['ADD'] };
}

/** Everything that the usable channels pay, each once; chains that we have no code for are left out. */
async function readAssets(seat: Seat, call: Call): Promise<ReadOutcome<readonly AssetTerms[]>> {
  const channels = await get(seat, '/v2/payChannel', call, readChannels);
  if (channels.kind !== 'known') return channels;
  const names = channels.value.filter(({ usable }) => usable).map(({ name }) => name);
  const lists = await Promise.all(names.map((name) => seat.currencies.of(name, call)));
  const assets = new Map<string, AssetTerms>();
  for (const list of lists) {
    // Half a list would pass for the whole.
    if (list.kind !== 'known') return list;
    for (const { asset } of list.value) {
      if (asset !== null) assets.set(`${asset.currency}/${asset.network}`, termsOf(asset.currency, asset.network));
    }
  }
  return { kind: 'known', value: [...assets.values()] };
}

function createProvider(seats: ReadonlyMap<string, Seat>): Provider {
  const seatOf = (account: string): Seat => {
    const seat = seats.get(account);
    if (seat === undefined) throw new RangeError(`ChainPay has no account ${account}`);
    return seat;
  };
  const post = (seat: Seat, path: string, body: string, call: Call) =>
    seat.line.exchange({ method: 'POST', path, headers: seat.headers, body: addSign(body, seat.privateKey), call });
  return {
    id: definition.id,
    name: definition.name,
    accounts: [...seats.values()].map((seat) => seat.account),
    onRepeat: 'unproven',
    repeatWindowMs: null,
    findsByOrderNumber: 'always',
    webhooks: 'NONE',
    echoes: ['amount', 'currency', 'address', 'orderNumber'],
    usualMs: USUAL_MS,
    callsPerMinute: null,
    knownAssets: KNOWN_ASSETS,
    referenceKinds: ['CHANNELS'],
    batch: null,
    absenceRule: (account) => (seatOf(account).repeatsWhenAbsent ? ABSENCE : null),
    supports: (order, _parties, account) => supports(order, seatOf(account).settlementChannel),
    prepare: (account, order, _parties, orderNumber, call) => prepare(seatOf(account), order, orderNumber, call),
    async submit(attempt, body, call) {
      return sendOutcome(await post(seatOf(attempt.account), '/v2/payout', body, call), readCreate);
    },
    async lookup(attempt, call) {
      const body = encodeQuery(attempt.orderNumber);
      const answer = await post(seatOf(attempt.account), '/v2/queryPayOutOrder', body, call);
      if (answer.kind !== 'answered') return { kind: 'unavailable', retryAfterMs: null, cause: answer.cause };
      return readQuery(answer);
    },
    assets: (account, call) => readAssets(seatOf(account), call),
    async reference(account, _kind, call) {
      const channels = await get(seatOf(account), '/v2/payChannel', call, readChannels);
      if (channels.kind !== 'known') return channels;
      const usable = channels.value.filter((channel) => channel.usable);
      const value = usable.map(({ name, showName }) => {
        return { value: name, label: showName, localName: null, code: null, children: [] };
      });
      return { kind: 'known', value };
    },
    readWebhook: () => ({ kind: 'refused', reason: 'ChainPay documents no callback for payouts: they are polled' }),
    async close() {
      await Promise.all([...seats.values()].map((seat) => seat.line.close()));
    },
  };
}

/** ChainPay: payouts to wallets and to accounts of its payment channels. See README.md beside this file. */
export const definition: ProviderDefinition = {
  id: 'CHAINPAY' as ProviderId,
  name: 'ChainPay',
  slug: 'chainpay',
  settings,
  webhookPath: '',
  open(accounts, transport, now) {
    return createProvider(new Map(accounts.map((account) => [account.name, openSeat(account, transport, now)])));
  },
};
