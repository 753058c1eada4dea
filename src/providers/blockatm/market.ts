import { addDecimals, compareDecimals, decimalPlaces, type Fee, isZero } from '../../domain/money.ts';
import type { AssetTerms, Call, Price, QuoteRequest, ReadOutcome } from '../../domain/provider.ts';
import type { Listing } from '../../domain/recent.ts';
import type { Answered, Line } from '../../transport.ts';
import { isPaid } from './networks.ts';
import { GAS_CURRENCY } from './report.ts';
import { type Chain, type Coin, findChain, MAX_PLACES, readChains, readCoins, toAssets } from './wire.ts';

const PUBLIC_PATH = '/admin/api/v2/pub';

/** What is public of BlockATM: its tokens, and the networks that it pays on. */
export interface Lists {
  readonly coins: readonly Coin[];
  readonly chains: readonly Chain[];
}

/** What a call beside payouts needs of an account. */
export interface MarketSeat {
  /** Our code of the one network that its contract pays on. */
  readonly network: string;
  readonly line: Line;
  readonly lists: Listing<Lists>;
}

/** What can be paid from the account at the moment. */
export async function readAssets(
  { line, network }: MarketSeat,
  call: Call,
): Promise<ReadOutcome<readonly AssetTerms[]>> {
  const lists = await readLists(line, call);
  if (lists.kind !== 'known') return lists;
  return { kind: 'known', value: toAssets(lists.value.coins, lists.value.chains, network) };
}

/**
 * What a payout would cost by the public lists: the amount, and the service fee on top. The network's average gas is told
 * beside it, as an estimate: which balance pays it is not published. `recent`: the lists may be seconds old. A string: what
 * this account cannot price. Source: config page; that the average is in USDT, as what is charged is, is assumed.
 */
export async function readQuote(
  seat: MarketSeat,
  request: QuoteRequest,
  call: Call,
  recent: boolean,
): Promise<ReadOutcome<Price> | string> {
  const { network } = seat;
  const { amount, currency } = request.amount;
  const refusal = refuse(request, network);
  if (refusal !== null) return refusal;
  const lists = await seat.lists(recent, () => readLists(seat.line, call));
  if (lists.kind !== 'known') return lists;
  const { coins, chains } = lists.value;
  const terms = toAssets(coins, chains, network).find((one) => one.currency === currency);
  if (terms === undefined) return `BlockATM does not pay ${currency} on ${network} at the moment.`;
  const { minAmount, maxAmount, fee } = terms;
  if (minAmount !== null && compareDecimals(amount, minAmount) < 0) {
    return `BlockATM pays no less than ${minAmount} ${currency} on ${network}.`;
  }
  if (maxAmount !== null && compareDecimals(amount, maxAmount) > 0) {
    return `BlockATM pays no more than ${maxAmount} ${currency} on ${network} at once.`;
  }
  // Whoever else asks for another currency gets its price: that one has none is no fault of BlockATM's.
  if (fee === null) return `BlockATM names no fee for ${currency} on ${network}.`;
  const gas = findChain(chains, network)?.avgGasFee ?? null;
  const estimates: Fee[] =
    gas === null || isZero(gas) ? [] : [{ amount: gas, currency: GAS_CURRENCY, kind: 'NETWORK' }];
  const value: Price = {
    debit: { amount: addDecimals(amount, fee), currency },
    fees: [{ amount: fee, currency, kind: 'PROVIDER' }, ...estimates],
    receive: { amount, currency },
    rate: null,
    firmness: 'INDICATIVE',
    expiresAt: null,
  };
  return { kind: 'known', value };
}

/** What no payout from a contract on this network can be; null: it may be priced. */
function refuse(request: QuoteRequest, contractNetwork: string): string | null {
  const { amount, feeMode, network, channel, sourceCurrency, receiveCurrency } = request;
  const { currency } = amount;
  if (channel !== null) return 'BlockATM has no payment channels.';
  if (feeMode === 'DEDUCT') return 'BlockATM adds its fee on top and cannot deduct it from the amount.';
  if (sourceCurrency !== null || receiveCurrency !== null) {
    return 'BlockATM does not convert: it debits the token that it pays.';
  }
  if (!isPaid(currency, network ?? contractNetwork)) {
    return `BlockATM does not pay ${currency} on ${network ?? contractNetwork}.`;
  }
  if (network !== null && network !== contractNetwork) {
    return `The payout contract of this BlockATM account pays on ${contractNetwork}, not on ${network}.`;
  }
  if (decimalPlaces(amount.amount) > MAX_PLACES) return `BlockATM takes at most ${MAX_PLACES} decimal places.`;
  return null;
}

async function readLists(line: Line, call: Call): Promise<ReadOutcome<Lists>> {
  const [coins, chains] = await Promise.all([
    readPublic(line, 'coin/list', readCoins, call),
    readPublic(line, 'network/list', readChains, call),
  ]);
  if (coins.kind !== 'known') return coins;
  if (chains.kind !== 'known') return chains;
  return { kind: 'known', value: { coins: coins.value, chains: chains.value } };
}

async function readPublic<T>(
  line: Line,
  list: string,
  read: (answered: Answered) => ReadOutcome<T>,
  call: Call,
): Promise<ReadOutcome<T>> {
  const path = `${PUBLIC_PATH}/${list}`;
  const answer = await line.exchange({ method: 'GET', path, headers: {}, body: null, call });
  if (answer.kind !== 'answered') return { kind: 'unavailable', retryAfterMs: null, cause: answer.cause };
  return read(answer);
}
