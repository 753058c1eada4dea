import type { Catalogue } from './catalogue.ts';
import type { Issue } from './domain/errors.ts';
import { canonicalDecimal, compareDecimals, type Decimal } from './domain/money.ts';
import type { Order, Parties } from './domain/payout.ts';
import { requestOf } from './domain/price.ts';
import type { Provider, ProviderId, ProviderReason, Route } from './domain/provider.ts';
import type { QuotedPrice, RouteCandidate } from './domain/route.ts';
import type { Health, ProviderHealth } from './health.ts';
import type { Market, MinimumBalance, QuoteAnswer } from './market.ts';
import { type Clock, withDeadline } from './runtime.ts';

/** How one is chosen among those that could pay: the least debit or the most received; by measured times; the first of a list. */
export type RoutingPolicy =
  | { readonly kind: 'CHEAPEST' | 'FASTEST' }
  | { readonly kind: 'LIST'; readonly providers: readonly ProviderId[] };

/** What is to be routed. */
export interface RouteRequest {
  readonly order: Order;
  readonly parties: Parties;
  /** Null: whichever can. */
  readonly provider: ProviderId | null;
  /** Null: whichever can of the provider. */
  readonly account: string | null;
  /** Whether the others are considered as well where the provider is named. */
  readonly failover: boolean;
  /** Whether prices are asked for even where the policy needs none. */
  readonly priced: boolean;
}

/** Chooses who pays an order, and says why. */
export type Router = (request: RouteRequest) => Promise<Route>;

export interface RouterDeps {
  readonly providers: readonly Provider[];
  readonly clock: Clock;
  readonly policy: RoutingPolicy;
  readonly market: Pick<Market, 'quote' | 'balance'>;
  readonly health: Pick<Health, 'of' | 'usualMs'>;
  readonly catalogue: Pick<Catalogue, 'assets' | 'listedAssets'>;
  readonly minimumBalances: readonly MinimumBalance[];
}

/** How long a provider may take to say which amounts its rate can reach; then the worker finds out. */
const RATE_DEADLINE_MS = 3000;

/** A candidate while it is judged. */
interface Judged extends RouteCandidate {
  readonly retryAt: Date | null;
  readonly usualMs: number | null;
}

/**
 * A router over these providers. A caller that names the provider gets that one or its refusal, and nobody is asked
 * anything but whether a conversion can reach the amount. Otherwise whoever supports the order, is switched on and not DOWN,
 * and has the money as far as that can be known, is eligible. Prices are asked for where the policy goes by them.
 */
export function createRouter(deps: RouterDeps): Router {
  const { providers, clock, policy } = deps;
  const name = policy.kind === 'LIST' ? policy.providers.join(',') : policy.kind;

  return async (request) => {
    const { order, provider: named, failover } = request;
    const alone = named !== null && !failover;
    const considered = providers.filter(({ id }) => !alone || id === named);
    if (considered.length === 0 && named !== null) {
      return { kind: 'none', reasons: [{ provider: named, reason: 'it is not in this deployment' }] };
    }
    const judged = (await Promise.all(considered.map((provider) => judge(deps, provider, request)))).flat();
    const ranked = rank(judged.filter(isEligible), policy, order);
    const wanted = named === null ? judged : judged.filter((one) => one.provider === named);
    const options = named === null ? ranked : wanted.filter(isEligible);
    if (options.length === 0) return refuse(wanted);
    const unreachable = new Map<Judged, Issue>();
    const chosen = await findReachable(providers, clock, options, order, unreachable);
    if (chosen === null) return { kind: 'invalid', issues: [...unreachable.values()].slice(0, 1) };
    const reason = named === null ? describeChoice(policy, chosen) : 'it was named';
    const others = ranked.filter((one) => one !== chosen && !unreachable.has(one));
    const left = judged.filter((one) => one !== chosen && !others.includes(one));
    const refused = left.map((one) => {
      const issue = unreachable.get(one);
      return issue === undefined ? one : { ...one, verdict: 'UNSUPPORTED' as const, reason: issue.message };
    });
    const candidates = [{ ...chosen, verdict: 'CHOSEN' as const, reason }, ...others, ...refused].map(toCandidate);
    const decision = alone && !request.priced ? null : { at: clock.now(), policy: name, candidates };
    return { kind: 'chosen', provider: chosen.provider, account: chosen.account, decision };
  };
}

const isEligible = ({ verdict }: RouteCandidate): boolean => verdict === 'ELIGIBLE';

function toCandidate({ provider, account, verdict, reason, quote }: Judged): RouteCandidate {
  return { provider, account, verdict, reason, quote };
}

/**
 * Says of each account of a provider that takes the order whether it is eligible, else why the provider is not. Where it is
 * named, nothing but its own refusal speaks against it.
 */
async function judge(deps: RouterDeps, provider: Provider, request: RouteRequest): Promise<readonly Judged[]> {
  const { order, parties, provider: named, account: pinned } = request;
  const accounts = provider.accounts.filter(({ name }) => pinned === null || provider.id !== named || name === pinned);
  const found = findAccounts(deps.policy, provider, accounts, order, parties, named);
  const isAsked = found.some(isTaken) && (provider.id !== named || request.failover || request.priced);
  const unlisted = isAsked && provider.id !== named ? await findUnlisted(deps, provider, order) : null;
  if (unlisted !== null) return found.map((one) => ({ ...one, ...UNASKED, ...turnDown(unlisted) }));
  if (!isAsked) return found.map((one) => ({ ...one, ...UNASKED }));
  const [condition, usualMs] = await Promise.all([
    deps.health.of(provider.id),
    deps.policy.kind === 'FASTEST' ? deps.health.usualMs(provider.id) : null,
  ]);
  return Promise.all(found.map((one) => judgeAccount(deps, one, request, condition, usualMs)));
}

async function judgeAccount(
  deps: RouterDeps,
  found: Found,
  request: RouteRequest,
  condition: ProviderHealth,
  usualMs: number | null,
): Promise<Judged> {
  const answer = await askPrice(deps, found, request);
  const quote = answer?.kind === 'known' ? answer.quote : null;
  const asked = { ...found, quote, usualMs, retryAt: null };
  if (found.provider === request.provider) return asked;
  const unpriced = deps.policy.kind === 'CHEAPEST' ? readSilence(deps, answer) : null;
  if (condition.state === 'DOWN') {
    const open = condition.circuits.find(({ kind }) => kind === 'SUBMIT');
    return {
      ...asked,
      verdict: 'UNHEALTHY',
      reason: open?.reason ?? 'it does not answer',
      retryAt: open?.retryAt ?? null,
    };
  }
  if (unpriced?.refused === true) return { ...asked, ...turnDown(unpriced.reason) };
  const lack = await findLack(deps, asked, request.order);
  if (lack !== null) return { ...asked, verdict: 'INSUFFICIENT_BALANCE', reason: lack };
  return unpriced === null ? asked : { ...asked, reason: unpriced.reason };
}

function turnDown(reason: string): { readonly verdict: 'UNSUPPORTED'; readonly reason: string } {
  return { verdict: 'UNSUPPORTED', reason };
}

/** What it means that somebody named no price: a refusal of the question is one of the payout. */
function readSilence(
  { providers }: RouterDeps,
  answer: QuoteAnswer | null,
): { readonly refused: boolean; readonly reason: string } | null {
  if (answer === null || answer.kind === 'known') return null;
  if (answer.kind === 'unavailable') return { refused: false, reason: `it names no price now: ${answer.cause}` };
  if (answer.kind === 'rejected') return { refused: true, reason: answer.vendorMessage ?? 'it refuses to price this' };
  const prices = providers.some(({ id, quote }) => id === answer.provider && quote !== undefined);
  return { refused: prices, reason: prices ? answer.reason : 'it can pay this, and publishes no prices' };
}

/** How long routing waits for a provider's first list; then it is routed without it. */
const FIRST_LIST_MS = 1000;

/**
 * Why a provider's own list speaks against the order; null: nothing does, or it has told none. The first is waited for, a
 * later one is read beside: what is known is at most some minutes old.
 */
async function findUnlisted(
  { catalogue, clock, health }: RouterDeps,
  { id, name, assets }: Provider,
  { amount, destination, receiveCurrency }: Order,
): Promise<string | null> {
  const { network } = destination;
  if (assets === undefined || network === null || receiveCurrency !== null) return null;
  const reading = catalogue.assets(id);
  const isFirst = catalogue.listedAssets(id) === null && (await health.of(id)).state !== 'DOWN';
  if (isFirst) await withDeadline(clock, FIRST_LIST_MS, (signal) => Promise.race([reading, aborted(signal)]));
  const listed = catalogue.listedAssets(id);
  if (listed === null) return null;
  const terms = listed.find((one) => one.currency === amount.currency && one.network === network);
  if (terms === undefined) return `${name} does not list ${amount.currency} on ${network} at the moment`;
  const { minAmount, maxAmount } = terms;
  if (minAmount !== null && compareDecimals(amount.amount, minAmount) < 0) {
    return `${name} pays no less than ${minAmount} ${amount.currency} on ${network}`;
  }
  if (maxAmount !== null && compareDecimals(amount.amount, maxAmount) > 0) {
    return `${name} pays no more than ${maxAmount} ${amount.currency} on ${network}`;
  }
  return null;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

const UNASKED = { quote: null, usualMs: null, retryAt: null };

type Found = Pick<RouteCandidate, 'provider' | 'account' | 'verdict' | 'reason'>;

/** Those of its accounts that take the order, or why none does. */
function findAccounts(
  policy: RoutingPolicy,
  provider: Provider,
  accounts: Provider['accounts'],
  order: Order,
  parties: Parties,
  named: ProviderId | null,
): readonly Found[] {
  const { id } = provider;
  const found = { provider: id, account: accounts[0]?.name ?? provider.accounts[0]?.name ?? 'default' };
  if (policy.kind === 'LIST' && id !== named && !policy.providers.includes(id)) {
    return [{ ...found, verdict: 'DISABLED', reason: 'it is not in the list that payouts are routed by' }];
  }
  const all = accounts.map(({ name, enabled }): Found => {
    const verdict = enabled ? provider.supports(order, parties, name) : null;
    if (verdict === true) return { provider: id, account: name, verdict: 'ELIGIBLE', reason: 'it can pay this' };
    if (verdict === null) return { ...found, verdict: 'DISABLED', reason: 'it is switched off in this deployment' };
    return { ...found, account: name, verdict: 'UNSUPPORTED', reason: verdict };
  });
  const off: Found = { ...found, verdict: 'DISABLED', reason: 'it is switched off in this deployment' };
  const takers = all.filter(isTaken);
  return takers.length > 0 ? takers : [all[0] ?? off];
}

const isTaken = ({ verdict }: Found): boolean => verdict === 'ELIGIBLE';

async function askPrice(
  { market, policy }: RouterDeps,
  { provider, account }: Found,
  { order, priced }: RouteRequest,
): Promise<QuoteAnswer | null> {
  if (!priced && policy.kind !== 'CHEAPEST') return null;
  return market.quote(provider, account, requestOf(order), false);
}

/**
 * Why the money there would not do, as far as it is known; null: it would, or nobody can tell. Without figures, which not
 * every merchant may read.
 */
async function findLack({ market, minimumBalances }: RouterDeps, judged: Judged, order: Order): Promise<string | null> {
  const { provider, account, quote } = judged;
  const currency = quote?.debit.currency ?? order.sourceCurrency ?? order.amount.currency;
  const debit = quote?.debit.amount ?? (order.sourceCurrency === null ? order.amount.amount : null);
  const balances = await market.balance(provider, account);
  if (balances === null) return null;
  const known = balances.find((one) => one.currency === currency)?.available;
  const minimum = minimumBalances.find((one) => one.provider === provider && one.currency === currency)?.minimum;
  // Of a currency that somebody watches, not being listed is having nothing of it.
  const available = known ?? NOTHING;
  if (minimum !== undefined && compareDecimals(available, minimum) < 0) {
    return 'our balance there is below what is to be kept';
  }
  if (known === undefined || debit === null || compareDecimals(available, debit) >= 0) return null;
  return 'our balance there does not cover it';
}

const NOTHING = '0' as Decimal;

/** Best first. Those of which the measure is not known come last, all others being equal in the configured order. */
function rank(eligible: readonly Judged[], policy: RoutingPolicy, order: Order): readonly Judged[] {
  switch (policy.kind) {
    case 'LIST':
      return eligible.toSorted((a, b) => policy.providers.indexOf(a.provider) - policy.providers.indexOf(b.provider));
    case 'FASTEST':
      return eligible.toSorted((a, b) => compareTimes(a.usualMs, b.usualMs));
    case 'CHEAPEST':
      return eligible.toSorted((a, b) => comparePrices(a.quote, b.quote, order));
  }
}

function compareTimes(a: number | null, b: number | null): number {
  if (a === null || b === null) return Number(a === null) - Number(b === null);
  return a - b;
}

/** By what is debited where the recipient's amount is fixed, else by what arrives; of equals the firm one. */
function comparePrices(a: QuotedPrice | null, b: QuotedPrice | null, order: Order): number {
  const [one, other] = [measureOf(a, order), measureOf(b, order)];
  if (one === null || other === null) return Number(one === null) - Number(other === null);
  const by = isReceiptFixed(order) ? compareDecimals(one, other) : compareDecimals(other, one);
  return by || Number(a?.firmness !== 'FIRM') - Number(b?.firmness !== 'FIRM');
}

const isReceiptFixed = ({ feeMode, receiveCurrency }: Order): boolean => feeMode === 'ADD' && receiveCurrency === null;

/** What a price is compared by; null: it is not known in the currency that the others have it in. */
function measureOf(quote: QuotedPrice | null, order: Order): Decimal | null {
  const { amount, sourceCurrency, receiveCurrency } = order;
  const [money, currency] = isReceiptFixed(order)
    ? [quote?.debit, sourceCurrency ?? amount.currency]
    : [quote?.receive, receiveCurrency ?? amount.currency];
  return money?.currency === currency ? money.amount : null;
}

function describeChoice(policy: RoutingPolicy, { quote, usualMs }: Judged): string {
  if (policy.kind === 'LIST') return 'the first of the list that can pay this';
  if (policy.kind === 'FASTEST') {
    return usualMs === null ? 'no times were measured yet' : `the fastest: ${Math.round(usualMs / 1000)} s lately`;
  }
  if (quote === null) return 'nobody who can pay this names a price';
  const { debit, receive } = quote;
  return `the cheapest: debits ${canonicalDecimal(debit.amount)} ${debit.currency} for ${receive.amount} ${receive.currency}`;
}

/** Nobody is eligible. Where one only cannot take it at the moment, the same may be asked again. */
function refuse(judged: readonly Judged[]): Route {
  const away = judged.find(({ verdict }) => verdict === 'UNHEALTHY');
  if (away) return { kind: 'unavailable', provider: away.provider, retryAt: away.retryAt, cause: away.reason };
  const firsts = judged.filter(({ provider }, at) => judged.findIndex((one) => one.provider === provider) === at);
  const reasons = firsts.map(({ provider, reason }): ProviderReason => ({ provider, reason }));
  return { kind: 'none', reasons };
}

/** The first whose rate can give exactly the amount; null: none. Says of those before it why they cannot. */
async function findReachable(
  providers: readonly Provider[],
  clock: Clock,
  options: readonly Judged[],
  order: Order,
  unreachable: Map<Judged, Issue>,
): Promise<Judged | null> {
  for (const option of options) {
    const issue = await findUnreachable(providers, clock, option, order);
    if (issue === null) return option;
    unreachable.set(option, issue);
  }
  return null;
}

/** Says so where the provider's rate cannot give exactly the amount; null: it can, or nobody can tell right now. */
async function findUnreachable(
  providers: readonly Provider[],
  clock: Clock,
  { provider: id, account }: Judged,
  order: Order,
): Promise<Issue | null> {
  const provider = providers.find((one) => one.id === id);
  const ask = provider?.nearestAmounts?.bind(provider);
  if (provider === undefined || ask === undefined || order.sourceCurrency === null) return null;
  const nearest = await withDeadline(clock, RATE_DEADLINE_MS, (signal) =>
    ask(account, order, { sendBy: null, signal }),
  );
  if (nearest.kind !== 'known' || nearest.value.length === 0) return null;
  const message = `${provider.name} cannot give exactly this amount by its rate; the nearest are ${nearest.value.join(' and ')}`;
  return { path: ['amount', 'amount'], message };
}
