import { canonicalDecimal, compareDecimals, type Decimal } from './domain/money.ts';
import type { Balance, Call, Provider, ProviderId, QuoteRequest, ReadOutcome } from './domain/provider.ts';
import { createRecent } from './domain/recent.ts';
import type { QuotedPrice } from './domain/route.ts';
import type { Health } from './health.ts';
import type { Pace } from './pace.ts';
import { type Clock, describeError, withDeadline } from './runtime.ts';

// What providers would take and what we have there: all asked side by side, within one deadline.

/**
 * Why there is no answer from an account. `cause` is one line for people, without secrets; `ours`: nobody was asked, since no
 * call was left of those that the provider allows.
 */
export type Silence =
  | { readonly kind: 'unsupported'; readonly reason: string }
  | { readonly kind: 'rejected'; readonly vendorCode: string | null; readonly vendorMessage: string | null }
  | { readonly kind: 'unavailable'; readonly retryAt: Date | null; readonly cause: string; readonly ours?: true };

/** What one account said. */
export type Answer<T> = { readonly provider: ProviderId; readonly account: string } & (
  | ({ readonly kind: 'known' } & T)
  | Silence
);
export type QuoteAnswer = Answer<{ readonly quote: QuotedPrice }>;
export type BalancesAnswer = Answer<{ readonly at: Date; readonly balances: readonly Balance[] }>;

/** A balance below what the configuration wants at least. */
export interface LowBalance {
  readonly provider: ProviderId;
  readonly account: string;
  readonly currency: string;
  readonly available: Decimal;
  readonly minimum: Decimal;
  /** When this process first saw it. */
  readonly since: Date;
}

/** Asks providers about money, and touches no payout. Nothing here rejects, and nothing takes longer than the deadline. */
export interface Market {
  /**
   * What each provider (of these; null: of all) would take: one answer for each enabled account that prices it, else one for
   * the provider, in the configured order. A firm quote is always fresh; what an indicative one is made of may be seconds old.
   */
  quotes(request: QuoteRequest, only: readonly ProviderId[] | null): Promise<readonly QuoteAnswer[]>;
  /** What one account would take. `fresh`: nothing remembered is used. */
  quote(provider: ProviderId, account: string, request: QuoteRequest, fresh: boolean): Promise<QuoteAnswer>;
  /** What we have there. */
  balances(only: readonly ProviderId[] | null): Promise<readonly BalancesAnswer[]>;
  /** What we have at one account, at most half a minute old; null: it cannot be known. */
  balance(provider: ProviderId, account: string): Promise<readonly Balance[] | null>;
  /** Accounts that are below their configured minimum, as last seen; asks those that are watched and were not seen for a minute. */
  lowBalances(): Promise<readonly LowBalance[]>;
}

/** `provider`, `currency`, and the least that is wanted there. */
export interface MinimumBalance {
  readonly provider: ProviderId;
  readonly currency: string;
  readonly minimum: Decimal;
}

export interface MarketDeps {
  readonly providers: readonly Provider[];
  readonly clock: Clock;
  readonly health: Pick<Health, 'note' | 'circuit' | 'admits'>;
  /** What keeps the published limits of the providers. */
  readonly pace: Pace;
  readonly minimumBalances: readonly MinimumBalance[];
  /** Within which everybody has answered, or is unavailable. Default 3000. */
  readonly deadlineMs?: number;
}

const DEADLINE_MS = 3000;
/** How long we stand by a price whose provider names no end. */
const QUOTE_LIFE_MS = 60_000;
/** How old an indicative price may be that is shown again: a fraction of how long we stand by it. */
const PRICE_AGE_MS = 5000;
/** Of balances: for whoever looks at them, for routing, for the watch. */
const SHOWN_AGE_MS = 1000;
const ROUTED_AGE_MS = 30_000;
const WATCHED_AGE_MS = 60_000;

/** The way to one account. */
interface Seat {
  readonly provider: Provider;
  readonly account: string;
}

/** What came of asking: a value, or why there is none. */
type Told<T> = { readonly kind: 'known'; readonly value: T } | Silence;

/**
 * A market over these providers, in their order. A provider whose READ circuit is open is not asked. Of a quote only what is
 * INDICATIVE is ever shown twice. Of a published limit questions take half at most, and payouts leave them some; where no call is
 * left the provider is not asked, and unavailable until one is.
 */
export function createMarket(deps: MarketDeps): Market {
  const { providers, minimumBalances } = deps;
  const ask = createAsking(deps);
  const price = createPricing(deps, ask);
  const holdings = createHoldings(deps, ask);

  const find = (id: ProviderId, account: string): Seat | null => {
    const provider = providers.find((one) => one.id === id);
    return provider?.accounts.some(({ name }) => name === account) ? { provider, account } : null;
  };

  /** Asks every enabled account of these providers at once: the answers of each provider, in the configured order. */
  function askAll<A extends Answer<unknown>>(
    only: readonly ProviderId[] | null,
    question: (seat: Seat) => Promise<A>,
  ): Promise<readonly (readonly (A | Unsupported)[])[]> {
    const asked = providers.filter(({ id }) => only === null || only.includes(id));
    const strangers = [...new Set(only)].filter((id) => !providers.some((one) => one.id === id));
    return Promise.all([
      ...asked.map((provider) => {
        const seats = seatsOf(provider);
        return seats.length === 0 ? [turnDown(provider.id, OFF)] : Promise.all(seats.map(question));
      }),
      ...strangers.map((id) => [turnDown(id, STRANGE)]),
    ]);
  }

  return {
    async quotes(request, only) {
      const answers = await askAll(only, (seat) => price(seat, request, false));
      return answers.flatMap(pickQuotes);
    },
    async quote(id, account, request, fresh) {
      const seat = find(id, account);
      return seat === null ? { ...turnDown(id, STRANGE), account } : price(seat, request, fresh);
    },
    async balances(only) {
      const answers = await askAll(only, (seat) => holdings.read(seat, SHOWN_AGE_MS));
      return answers.flatMap((ofOne) => (ofOne.every(isUnsupported) ? ofOne.slice(0, 1) : ofOne));
    },
    async balance(id, account) {
      const seat = find(id, account);
      const answer = seat && (await holdings.read(seat, ROUTED_AGE_MS));
      return answer?.kind === 'known' ? answer.balances : null;
    },
    async lowBalances() {
      const watched = providers.filter(({ id }) => minimumBalances.some(({ provider }) => provider === id));
      await Promise.all(watched.flatMap(seatsOf).map((seat) => holdings.read(seat, WATCHED_AGE_MS)));
      return holdings.low();
    },
  };
}

const UNPRICED = 'publishes neither fees nor rates: what a payout costs there is known once it is paid';
const OFF = 'it is switched off in this deployment';
const STRANGE = 'it is not in this deployment';

type Unsupported = Answer<never> & { readonly kind: 'unsupported' };

function turnDown(provider: ProviderId, reason: string): Unsupported {
  return { provider, account: 'default', kind: 'unsupported', reason };
}

function isUnsupported({ kind }: Answer<unknown>): boolean {
  return kind === 'unsupported';
}

/** Until when whoever asks now waits at most, in milliseconds of the clock. */
function lateAt(clock: Clock, deadlineMs = DEADLINE_MS): number {
  return clock.now().getTime() + deadlineMs;
}

function seatsOf(provider: Provider): readonly Seat[] {
  return provider.accounts.filter(({ enabled }) => enabled).map(({ name: account }) => ({ provider, account }));
}

/** Equal questions to one account have one key. */
function keyOf({ provider, account }: Seat, request: QuoteRequest | null = null): string {
  if (request === null) return JSON.stringify([provider.id, account]);
  const { amount, feeMode, network, channel, sourceCurrency, receiveCurrency } = request;
  const money = [canonicalDecimal(amount.amount), amount.currency];
  return JSON.stringify([provider.id, account, money, feeMode, network, channel, sourceCurrency, receiveCurrency]);
}

// --- prices -----------------------------------------------------------------------------------------------------------

/** Of one provider's accounts those that price it; where none does, the one answer that says most. */
function pickQuotes(answers: readonly QuoteAnswer[]): readonly QuoteAnswer[] {
  const known = answers.filter(({ kind }) => kind === 'known');
  if (known.length > 0) return known;
  const kinds = ['unavailable', 'rejected', 'unsupported'] as const;
  return kinds.flatMap((kind) => answers.filter((answer) => answer.kind === kind)).slice(0, 1);
}

/** The price at one account; `fresh`: nothing that was read before is part of it. */
function createPricing({ clock, deadlineMs }: MarketDeps, ask: Asking) {
  const recent = createRecent<QuoteAnswer>(clock.now, (answer) => {
    if (answer.kind !== 'known') return 'SHARED';
    return answer.quote.firmness === 'FIRM' ? 'ALONE' : 'KEPT';
  });

  return async (seat: Seat, request: QuoteRequest, fresh: boolean): Promise<QuoteAnswer> => {
    const { provider, account } = seat;
    const read = provider.quote?.bind(provider);
    const whose = { provider: provider.id, account };
    if (read === undefined) return { ...whose, kind: 'unsupported', reason: `${provider.name} ${UNPRICED}` };
    const late = lateAt(clock, deadlineMs);
    const askNow = async (): Promise<QuoteAnswer> => {
      const askedAt = clock.now();
      const told = await ask(seat, late, (call) => read(account, request, call, !fresh));
      if (told.kind !== 'known') return { ...whose, ...told };
      const expiresAt = told.value.expiresAt ?? new Date(askedAt.getTime() + QUOTE_LIFE_MS);
      return { ...whose, kind: 'known', quote: { ...told.value, expiresAt } };
    };
    const key = keyOf(seat, request);
    if (fresh) return recent.renew(key, askNow);
    const answer = await recent.get(key, PRICE_AGE_MS, askNow);
    // The provider's own end may come sooner than five seconds.
    const isOver = answer.kind === 'known' && answer.quote.expiresAt <= clock.now();
    return isOver ? recent.renew(key, askNow) : answer;
  };
}

// --- balances ---------------------------------------------------------------------------------------------------------

const NOTHING = '0' as Decimal;

/** What is at the accounts, and which of them were last seen below their minimum. */
function createHoldings({ clock, deadlineMs, minimumBalances }: MarketDeps, ask: Asking) {
  // What could not be read is not read again at once either: whoever routes a thousand payouts waits for it once.
  const recent = createRecent<BalancesAnswer>(clock.now, (answer) =>
    answer.kind === 'unavailable' && answer.ours ? 'SHARED' : 'KEPT',
  );
  const low = new Map<string, LowBalance>();

  /** A currency that is not among the balances is one of which nothing is there. */
  function compare({ provider: { id: provider }, account }: Seat, balances: readonly Balance[]): void {
    for (const { currency, minimum } of minimumBalances.filter((one) => one.provider === provider)) {
      const available = balances.find((one) => one.currency === currency)?.available ?? NOTHING;
      const key = JSON.stringify([provider, account, currency]);
      const since = low.get(key)?.since ?? clock.now();
      if (compareDecimals(available, minimum) >= 0) low.delete(key);
      else low.set(key, { provider, account, currency, available, minimum, since });
    }
  }

  return {
    low: (): readonly LowBalance[] => [...low.values()],
    async read(seat: Seat, maxAgeMs: number): Promise<BalancesAnswer> {
      const { provider, account } = seat;
      const read = provider.balances?.bind(provider);
      const whose = { provider: provider.id, account };
      if (read === undefined) return { ...whose, kind: 'unsupported', reason: `${provider.name} tells no balances` };
      const late = lateAt(clock, deadlineMs);
      return recent.get(keyOf(seat), maxAgeMs, async () => {
        const at = clock.now();
        const told = await ask(seat, late, (call) => read(account, call));
        if (told.kind !== 'known') return { ...whose, ...told };
        compare(seat, told.value);
        return { ...whose, kind: 'known', at, balances: told.value };
      });
    },
  };
}

// --- asking -----------------------------------------------------------------------------------------------------------

/** Asks accounts one question each. */
type Asking = <T>(seat: Seat, late: number, read: (call: Call) => Promise<ReadOutcome<T> | string>) => Promise<Told<T>>;

const NO_CALL_LEFT = 'it would get more calls than it allows: others came first';

/** Asks until `late` (milliseconds of the clock): the READ circuit is asked before, and told of the result. */
function createAsking({ clock, health, pace }: MarketDeps): Asking {
  const share = pace.share('READ');
  /** Where a question that needed no answer was let through a half-open circuit: the next one may try in its place. */
  const spare = new Set<ProviderId>();
  /** How many calls a question took last: for want of the second one, the first of two would be made for nothing. */
  const taken = new Map<ProviderId, number>();

  return async ({ provider: { id, callsPerMinute } }, late, read) => {
    const { state, reason, retryAt } = health.circuit(id, 'READ');
    if (state === 'OPEN' || !(spare.delete(id) || health.admits(id, 'READ'))) {
      return { kind: 'unavailable', retryAt, cause: reason ?? 'it has not been answering' };
    }
    const calls = { made: 0, refused: 0 };
    const wanted = Math.min(taken.get(id) ?? 1, share.most(id));
    const admit = (): true | string => {
      const isEnough = calls.made > 0 || share.left(id) >= wanted;
      const turn = isEnough ? share.take(id) : null;
      calls[turn === null ? 'refused' : 'made'] += 1;
      turn?.use();
      return turn !== null || NO_CALL_LEFT;
    };
    const ms = Math.max(late - clock.now().getTime(), 0);
    const outcome = await withDeadline(clock, ms, (signal) =>
      Promise.race([readSafely(read, { sendBy: null, signal, admit }), expire(signal, ms)]),
    );
    if (calls.made > 0) taken.set(id, calls.made + calls.refused);
    // What is remembered is no sign of life, nor what others got who asked for it: where calls are counted it shows.
    const isNobodys = callsPerMinute !== null && calls.made === 0;
    const isOver = calls.refused > 0 || (isNobodys && share.left(id) === 0);
    if (typeof outcome !== 'string' && outcome.kind === 'unavailable' && isOver) {
      if (state === 'HALF_OPEN') spare.add(id);
      return { kind: 'unavailable', retryAt: share.freeAt(id, wanted), cause: NO_CALL_LEFT, ours: true };
    }
    // A refusal without a code of the provider's is one of our own, as what cannot be priced is: nobody was asked.
    const isOurs = typeof outcome === 'string' || (outcome.kind === 'rejected' && outcome.vendorCode === null);
    if ((isOurs || isNobodys) && state === 'HALF_OPEN') spare.add(id);
    if (typeof outcome === 'string') return { kind: 'unsupported', reason: outcome };
    if (outcome.kind !== 'unavailable') {
      if (!isOurs && !isNobodys) health.note(id, 'READ', { answered: true });
      return outcome;
    }
    const { cause, retryAfterMs } = outcome;
    if (!isNobodys) health.note(id, 'READ', { answered: false, cause, retryAfterMs });
    const again = retryAfterMs === null ? null : new Date(clock.now().getTime() + retryAfterMs);
    return { kind: 'unavailable', retryAt: again, cause };
  };
}

async function readSafely<T>(
  read: (call: Call) => Promise<ReadOutcome<T> | string>,
  call: Call,
): Promise<ReadOutcome<T> | string> {
  try {
    return await read(call);
  } catch (error) {
    return unavailable(describeError(error));
  }
}

/** Resolves when the time is over, whatever the provider makes of it. */
function expire(signal: AbortSignal, ms: number): Promise<ReadOutcome<never>> {
  return new Promise((resolve) => {
    const end = () => resolve(unavailable(`no answer within ${ms} ms`));
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  });
}

function unavailable(cause: string): ReadOutcome<never> {
  return { kind: 'unavailable', retryAfterMs: null, cause };
}
