import { createSecretKey } from 'node:crypto';
import { type Applied, apply, type NewAttempt, type News, type Source } from './domain/apply.ts';
import { currentAttempt, isAccountedFor, openAttempt } from './domain/attempt.ts';
import type { BatchId, BatchWish } from './domain/batch.ts';
import type { Issue } from './domain/errors.ts';
import { mayBeAsked } from './domain/follow.ts';
import type { MerchantId } from './domain/merchant.ts';
import type { Decimal } from './domain/money.ts';
import {
  type ActionRequest,
  type Amendment,
  type Attempt,
  type EventSource,
  isFinal,
  type Order,
  type Parties,
  type Payout,
  type PayoutAction,
  type PayoutEvent,
  type PayoutId,
  type Send,
  type SendKind,
  type SupportingDocument,
} from './domain/payout.ts';
import { differencesFromQuote } from './domain/price.ts';
import type { AttemptRef, Provider, ProviderId, ProviderReason } from './domain/provider.ts';
import { echoMismatches } from './domain/report.ts';
import { firstGeneration, isSuspect } from './domain/restore.ts';
import type { HeldPrice, RouteDecision } from './domain/route.ts';
import { suspectedAttempt } from './domain/send.ts';
import type { LeaseRequest, Restored, Store } from './domain/store.ts';
import { type Asked, differencesOf, digestInput, eventIdOf, orderNumberOf, payoutIdOf } from './identity.ts';
import type { Quoted, Quotes } from './quotes.ts';
import { createRecords } from './records.ts';
import { withoutPersonalData } from './redaction.ts';
import type { Router } from './routing.ts';
import { type Clock, withDeadline } from './runtime.ts';
import type { Vault } from './vault.ts';

/** What a merchant asks for, its shape already checked. */
export interface CreateInput extends Asked {
  readonly reference: string;
}

/** What is asked of a payout that the provider has. */
export type ActionInput =
  | { readonly action: 'CONFIRM' | 'CANCEL' | 'COMPLETE_DOCUMENTS' }
  | { readonly action: 'AMEND'; readonly amendment: Amendment }
  | { readonly action: 'ATTACH_DOCUMENT'; readonly document: SupportingDocument };

export type ActionResult =
  /** It is stored, or (a cancel of what was not sent) done. */
  | { readonly kind: 'taken'; readonly payout: Payout }
  | { readonly kind: 'notFound' }
  | { readonly kind: 'notAllowed'; readonly payout: Payout }
  /** The provider has no such thing, or not with this input. */
  | { readonly kind: 'unsupported'; readonly reasons: readonly ProviderReason[] };

/** How an operator settles doubt. */
export type Resolution =
  /** The provider has it, under this reference: it is looked up and compared before it is bound. */
  | { readonly kind: 'arrived'; readonly providerReference: string }
  /** It never arrived there. SEND_AGAIN: under the same order number, where the provider refuses duplicates. */
  | { readonly kind: 'neverArrived'; readonly next: 'FAIL' | 'SEND_AGAIN' }
  /** Somebody has seen to it: takes it off the list of what needs attention, and changes nothing else. */
  | { readonly kind: 'seen' };

export type ResolveResult =
  | { readonly kind: 'resolved'; readonly payout: Payout }
  | { readonly kind: 'notFound' }
  | { readonly kind: 'notAllowed'; readonly payout: Payout }
  | { readonly kind: 'unsupported'; readonly reasons: readonly ProviderReason[] }
  /** The provider does not know the reference, or knows something else under it: nothing was bound. */
  | { readonly kind: 'refuted'; readonly message: string }
  | {
      readonly kind: 'unavailable';
      readonly provider: ProviderId;
      readonly retryAt: Date | null;
      readonly cause: string;
    };

export type EraseResult =
  | { readonly kind: 'erased'; readonly payout: Payout }
  | { readonly kind: 'notFound' }
  | { readonly kind: 'notAllowed'; readonly payout: Payout };

export type CreateResult =
  | { readonly kind: 'created'; readonly payout: Payout; readonly replayed: boolean }
  /** The reference is known with another input; `differences` names the input fields. */
  | { readonly kind: 'conflict'; readonly payout: Payout; readonly differences: readonly string[] }
  | Refusal;

/** Why nothing was stored. */
export type Refusal =
  | { readonly kind: 'unsupported'; readonly reasons: readonly ProviderReason[] }
  | { readonly kind: 'invalid'; readonly issues: readonly Issue[] }
  | { readonly kind: 'quoteExpired'; readonly expiredAt: Date }
  /** Whoever supports it cannot take it at the moment. */
  | {
      readonly kind: 'unavailable';
      readonly provider: ProviderId;
      readonly retryAt: Date | null;
      readonly cause: string;
    };

/** What a create would come to: exactly its refusals, or where it would go. */
export type SimulateResult =
  | { readonly kind: 'planned'; readonly plan: Plan }
  /** The reference has created this very payout before, which would be answered. */
  | { readonly kind: 'known'; readonly payout: Payout }
  | Extract<CreateResult, { kind: 'conflict' }>
  | Refusal;

/** Where a new payout goes, and what it is held to. */
export interface Plan {
  readonly provider: ProviderId;
  readonly account: string;
  readonly route: RouteDecision | null;
  readonly heldPrice: HeldPrice | null;
}

/** Who calls: a key's id, and whether it speaks for a merchant or for the operator. */
export interface Actor {
  readonly source: Extract<EventSource, 'API' | 'OPERATOR'>;
  readonly actor: string;
}

/** A send that is stored and durable, so that its first byte may be written. */
export interface Begun {
  readonly payout: Payout;
  readonly attempt: Attempt;
  readonly send: Send;
}

/** The write side: the only code that moves a payout, and the only one that calls the store's `commit`. */
export interface Payouts {
  /** How the store was put back; null: never. */
  readonly restored: Restored | null;
  /** Stores a payout once for (merchant, reference). No provider is told of it here. */
  create(merchantId: MerchantId, actor: Actor, input: CreateInput, batch?: BatchId | null): Promise<CreateResult>;
  /**
   * What `create` would answer now. Nothing is stored or sent; `priced` (the default): each candidate is asked for its price,
   * else only where `create` would ask it.
   */
  simulate(merchantId: MerchantId, input: CreateInput, priced?: boolean): Promise<SimulateResult>;
  /** Cancels what has not been sent, or stores what is asked of an order at its provider; the worker sends it. */
  act(merchantId: MerchantId, actor: Actor, id: PayoutId, input: ActionInput): Promise<ActionResult>;
  /** Settles doubt by an operator's word, which becomes an event with its note. */
  resolve(merchantId: MerchantId, actor: Actor, id: PayoutId, how: Resolution, note: string): Promise<ResolveResult>;
  /** Forgets the personal data, bodies and documents of a payout that is over; its history stays. */
  erase(merchantId: MerchantId, actor: Actor, id: PayoutId, note: string): Promise<EraseResult>;
  /** The personal data as it now is; null: there is none, or it was erased. */
  parties(payout: Payout): Promise<Parties | null>;
  lease(request: LeaseRequest): Promise<readonly Payout[]>;
  /**
   * Records a send, and the body of a new attempt, before anything is sent. Null when it must not be sent: the lease was
   * lost, or news came that forbids it. Rejects when storing is not confirmed: then nothing may be sent either.
   */
  begin(leased: Payout, kind: SendKind, attempt: Attempt | FreshAttempt, source: Source): Promise<Begun | null>;
  /**
   * Puts a payout in doubt that may have been sent in the time that the store has lost, with the body that a repeat or a
   * later submit would send. What was looked at meanwhile stays as it is. `calledOff`: whatever is found, nothing is sent.
   */
  suspect(leased: Payout, attempt: Attempt | FreshAttempt, source: Source, calledOff: boolean): Promise<void>;
  /** What a provider needs to know of an attempt. */
  refer(payout: Payout, attempt: Attempt): AttemptRef;
  /** The amendment that a request carries; null once it was erased. */
  amendment(payout: Payout, request: ActionRequest): Promise<Amendment | null>;
  /** The document that a request carries; null: the provider has it, so it is not kept. */
  document(payout: Payout, request: ActionRequest): Promise<SupportingDocument | null>;
  /** Forgets what a request carries: the provider has it. */
  forget(payout: Payout, request: ActionRequest): Promise<void>;
  /** Applies news to a payout, on its newest version, and answers what it is then. Evidence is never dropped. */
  settle(known: Payout, news: News, source: Source): Promise<Payout>;
  /** What is wanted of a payout that was not sent: RUNNING where it is in no batch. */
  wish(payout: Payout): Promise<BatchWish>;
  /** Tells of each payout that came to COMPLETED: who paid it, and how long that took from its first send. */
  onCompleted(listener: (provider: ProviderId, ms: number) => void): void;
  /** Calls back whenever a payout became due at once. */
  onDue(listener: () => void): void;
}

/** An attempt that is still to be opened, with the exact body of its create; null: none can be made, so none is sent. */
export type FreshAttempt = Omit<NewAttempt, 'bodyDigest'> & { readonly body: string | null };

export interface PayoutsDeps {
  readonly store: Store;
  readonly vault: Pick<Vault, 'put' | 'get' | 'drop'>;
  readonly clock: Clock;
  readonly providers: readonly Provider[];
  /** Which provider and account take an order. */
  readonly route: Router;
  readonly quotes: Pick<Quotes, 'read'>;
}

/** How long a provider may take to say what a reference is. */
const ASKING_MS = 10_000;

/** Nobody is named. */
export const NO_PARTIES: Parties = { originator: null, beneficiary: null, accountNumber: null };

export function createPayouts({ store, vault, clock, providers, route, quotes }: PayoutsDeps): Payouts {
  const listeners: (() => void)[] = [];
  const timekeepers: ((provider: ProviderId, ms: number) => void)[] = [];
  const { restored } = store;
  const secret = createSecretKey(store.secret);
  const records = createRecords(vault, secret);
  const byId = new Map(providers.map((provider) => [provider.id, provider]));
  const wake = (payout: Payout): void => {
    if (payout.nextCheckAt !== null && payout.nextCheckAt <= clock.now()) for (const listener of listeners) listener();
  };

  async function create(
    merchantId: MerchantId,
    actor: Actor,
    input: CreateInput,
    batch: BatchId | null = null,
  ): Promise<CreateResult> {
    const id = payoutIdOf(merchantId, input.reference);
    const digests = digestInput(secret, id, input);
    // Before any check that time can change: a client whose answer was lost must never be told that nothing happened.
    const known = await store.byReference(merchantId, input.reference);
    if (known) return answerKnown(known, digests);
    const planned = await plan(merchantId, input, false);
    if (planned.kind !== 'planned') return planned;
    const parties = input.parties === null ? null : await records.keepParties({ id, version: 0 }, input.parties);
    const facts = { parties, inputDigests: digests, batch, generation: firstGeneration(restored), ...planned.plan };
    const fresh = newPayout(merchantId, id, input, facts, clock.now());
    const { payout, replayed } = await store.insert(fresh, firstEvent(fresh, actor));
    if (replayed) return answerKnown(payout, digests);
    wake(payout);
    return { kind: 'created', payout, replayed: false };
  }

  async function simulate(merchantId: MerchantId, input: CreateInput, priced = true): Promise<SimulateResult> {
    const known = await store.byReference(merchantId, input.reference);
    if (!known) return plan(merchantId, input, priced);
    const answer = answerKnown(known, digestInput(secret, known.id, input));
    return answer.kind === 'created' ? { kind: 'known', payout: known } : answer;
  }

  async function plan(
    merchantId: MerchantId,
    { order, parties, provider, failover, quoteId, priceTolerance }: CreateInput,
    priced: boolean,
  ): Promise<{ readonly kind: 'planned'; readonly plan: Plan } | Refusal> {
    const quoted = quoteId === null ? null : quotes.read(merchantId, quoteId);
    const issues = quoteId === null ? [] : faultsOfQuote(quoted, order, provider);
    if (issues.length > 0) return { kind: 'invalid', issues };
    if (quoted !== null && quoted.price.expiresAt <= clock.now()) {
      return { kind: 'quoteExpired', expiredAt: quoted.price.expiresAt };
    }
    const named = { provider: quoted?.provider ?? provider, account: quoted?.account ?? null };
    const chosen = await route({ order, parties: parties ?? NO_PARTIES, ...named, failover, priced });
    if (chosen.kind === 'none') return { kind: 'unsupported', reasons: chosen.reasons };
    if (chosen.kind !== 'chosen') return chosen;
    const heldPrice = quoted && { ...quoted.price, tolerance: priceTolerance ?? ZERO };
    return {
      kind: 'planned',
      plan: { provider: chosen.provider, account: chosen.account, route: chosen.decision, heldPrice },
    };
  }

  async function act(merchantId: MerchantId, actor: Actor, id: PayoutId, input: ActionInput): Promise<ActionResult> {
    let payout = await find(merchantId, id);
    if (!payout) return { kind: 'notFound' };
    const source: Source = { ...actor, fence: null };
    if (input.action === 'CANCEL' && payout.attempts.every(isAccountedFor)) {
      const suspected = isSuspect(payout, restored) ? callOff(payout) : null;
      payout = await settle(payout, suspected ?? { kind: 'cancelled' }, source);
    }
    if (input.action === 'CANCEL' && isCalledOff(payout)) return { kind: 'taken', payout };
    // Nobody has looked yet whether the provider has it.
    const unseen = payout.state === 'QUEUED' && isSuspect(payout, restored);
    if (isFinal(payout.state) || unseen) return { kind: 'notAllowed', payout };
    const reason = refusalOf(byId.get(payout.provider), payout, input);
    if (reason !== null) return { kind: 'unsupported', reasons: [{ provider: payout.provider, reason }] };
    if (!mayBeAsked(payout, input.action)) return { kind: 'notAllowed', payout };
    const carried = await carry(payout, input);
    const request = { action: input.action, ...carried, actor: actor.actor };
    const settled = await advance(payout, { kind: 'asked', request }, source);
    if (settled.applied) return { kind: 'taken', payout: settled.payout };
    await records.forgetUnused(settled.payout, [carried.sealed, carried.amended?.parties ?? null]);
    return { kind: 'notAllowed', payout: settled.payout };
  }

  /** Calls off what may have been sent in the time that the store has lost; null where its account is not there. */
  function callOff(payout: Payout): News | null {
    const known = suspectedAttempt(payout);
    if (known) return { kind: 'suspected', attempt: known, calledOff: true };
    const { provider, account: name } = payout;
    const account = byId.get(provider)?.accounts.find((one) => one.name === name);
    if (account === undefined) return null;
    const number = payout.attempts.length + 1;
    const { fingerprint } = account;
    const orderNumber = orderNumberOf(payout, number);
    const attempt = { number, provider, account: name, fingerprint, orderNumber, bodyDigest: NO_BODY };
    return { kind: 'suspected', attempt, calledOff: true };
  }

  /** Stores what goes along with an action, apart from the payout and before it is asked for. */
  async function carry(payout: Payout, input: ActionInput): Promise<Pick<ActionRequest, 'sealed' | 'amended'>> {
    if (input.action === 'ATTACH_DOCUMENT') {
      return { sealed: await records.keepDocument(payout, input.document), amended: null };
    }
    if (input.action !== 'AMEND') return { sealed: null, amended: null };
    const { originator, beneficiary, purpose, relationship, sourceOfFunds } = input.amendment;
    const known = (await records.parties(payout)) ?? NO_PARTIES;
    const after = {
      ...known,
      originator: originator ?? known.originator,
      beneficiary: beneficiary ?? known.beneficiary,
    };
    const amended = {
      purpose: purpose ?? payout.order.purpose,
      relationship: relationship ?? payout.order.relationship,
      sourceOfFunds: sourceOfFunds ?? payout.order.sourceOfFunds,
      parties: originator || beneficiary ? await records.keepParties(payout, after) : payout.parties,
    };
    return { sealed: await records.keepAmendment(payout, input.amendment), amended };
  }

  async function resolve(
    merchantId: MerchantId,
    actor: Actor,
    id: PayoutId,
    how: Resolution,
    note: string,
  ): Promise<ResolveResult> {
    const payout = await find(merchantId, id);
    if (!payout) return { kind: 'notFound' };
    if (how.kind === 'arrived') return bind(payout, actor, how.providerReference, note);
    const provider = byId.get(payout.provider);
    if (how.kind === 'neverArrived' && how.next === 'SEND_AGAIN' && !refusesDuplicates(provider)) {
      const reason = `${provider?.name ?? 'the provider'} is not known to refuse a second order under the same number`;
      return { kind: 'unsupported', reasons: [{ provider: payout.provider, reason }] };
    }
    if (how.kind === 'neverArrived' && how.next === 'SEND_AGAIN' && !isAtItsAccount(payout, provider)) {
      const reason =
        'the account that it was sent to is no longer configured, and another one would not know its number';
      return { kind: 'unsupported', reasons: [{ provider: payout.provider, reason }] };
    }
    const news: News = how.kind === 'seen' ? { kind: 'seen', note } : { kind: 'neverArrived', next: how.next, note };
    const settled = await advance(payout, news, { ...actor, fence: null });
    return { kind: settled.applied ? 'resolved' : 'notAllowed', payout: settled.payout };
  }

  /** The provider is asked for the reference, and what it answers is compared, before anything is bound to it. */
  async function bind(payout: Payout, actor: Actor, reference: string, note: string): Promise<ResolveResult> {
    const attempt = openAttempt(payout);
    const provider = byId.get(payout.provider);
    if (!attempt || !provider || (isAccountedFor(attempt) && !attempt.mismatched))
      return { kind: 'notAllowed', payout };
    const account = provider.accounts.find((one) => one.name === attempt.account);
    if (account?.fingerprint !== attempt.fingerprint) {
      const reason = `the account ${attempt.account} that it was sent to is no longer configured`;
      return { kind: 'unsupported', reasons: [{ provider: provider.id, reason }] };
    }
    const asked = { ...refer(payout, attempt), providerReference: reference };
    const answer = await withDeadline(clock, ASKING_MS, (signal) => provider.lookup(asked, { sendBy: null, signal }));
    const outcome = withoutPersonalData(answer, await records.namesIn(payout));
    if (outcome.kind === 'unavailable') {
      const { retryAfterMs, cause } = outcome;
      const retryAt = retryAfterMs === null ? null : new Date(clock.now().getTime() + retryAfterMs);
      return { kind: 'unavailable', provider: provider.id, retryAt, cause };
    }
    const refuted = (message: string): ResolveResult => ({ kind: 'refuted', message });
    if (outcome.kind === 'absent') return refuted(`${provider.name} does not know ${reference}`);
    const { report } = outcome;
    const wrong = echoMismatches(payout.order, attempt, report);
    if (wrong.length > 0) return refuted(`what ${provider.name} has is another ${wrong.join(', ')}`);
    if (report.providerReference !== null && report.providerReference !== reference) {
      return refuted(`${provider.name} has it under ${report.providerReference}`);
    }
    const key = { payoutId: payout.id, attempt: attempt.number };
    const { provider: at, fingerprint } = attempt;
    // An answer that names no reference was found by our order number: it settles the doubt, and binds nothing.
    const named = report.providerReference !== null;
    if (named && !(await store.claimReference(at, fingerprint, reference, key))) {
      return refuted(`${reference} belongs to another payout`);
    }
    const news: News = { kind: 'arrived', attempt: attempt.number, report, note };
    const settled = await advance(payout, news, { ...actor, fence: null });
    return { kind: settled.applied ? 'resolved' : 'notAllowed', payout: settled.payout };
  }

  async function erase(merchantId: MerchantId, actor: Actor, id: PayoutId, note: string): Promise<EraseResult> {
    const payout = await find(merchantId, id);
    if (!payout) return { kind: 'notFound' };
    // While anything is open, a stored body may still be all that can settle it.
    const over = isFinal(payout.state) && payout.attempts.every(isAccountedFor);
    if (!over || !(await store.erase(merchantId, id))) return { kind: 'notAllowed', payout };
    return { kind: 'erased', payout: await settle(payout, { kind: 'erased', note }, { ...actor, fence: null }) };
  }

  async function begin(leased: Payout, kind: SendKind, chosen: Attempt | FreshAttempt, source: Source) {
    const attempt = await opened(leased, chosen);
    const begun = await record(leased, kind, attempt, source);
    if (begun === null && 'body' in chosen) await forgetStray(leased, attempt);
    return begun;
  }

  async function suspect(
    leased: Payout,
    chosen: Attempt | FreshAttempt,
    source: Source,
    calledOff: boolean,
  ): Promise<void> {
    const attempt = await opened(leased, chosen);
    const { applied } = await advance(leased, { kind: 'suspected', attempt, calledOff }, source);
    if (!applied && 'body' in chosen) await forgetStray(leased, attempt);
    // Somebody else's news came first: then the next turn sees what is to be done now.
    if (!applied) await settle(leased, { kind: 'held', retryAfterMs: null }, source);
  }

  /** A body that was kept for a payout which was over by then would outlive its erasure. */
  async function forgetStray(leased: Payout, { bodyDigest }: NewAttempt): Promise<void> {
    const now = await newest(leased);
    if (now === null || !isFinal(now.state) || now.attempts.some((one) => one.bodyDigest === bodyDigest)) return;
    await records.forgetBody(leased.id, bodyDigest);
  }

  async function record(leased: Payout, kind: SendKind, attempt: NewAttempt, source: Source): Promise<Begun | null> {
    const request = leased.requests.find((one) => one.action === kind)?.number ?? null;
    for (let payout: Payout | null = leased; payout !== null; payout = await newest(payout)) {
      if (source.fence === null || payout.lease?.fence !== source.fence) return null;
      const applied = decide(payout, { kind: 'begun', send: kind, attempt, request }, source);
      if (applied === null) return null;
      if ((await store.commit(applied.payout, withId(applied.event))) === 'stale') continue;
      const begun = applied.payout.attempts.find((one) => one.number === attempt.number);
      const send = begun?.sends.at(-1);
      return begun && send ? { payout: applied.payout, attempt: begun, send } : null;
    }
    return null;
  }

  /** Its name is its digest, so that a worker that was overtaken cannot put another body under this one. */
  async function opened(payout: Payout, chosen: Attempt | FreshAttempt): Promise<NewAttempt> {
    if (!('body' in chosen)) return chosen;
    const { body, ...attempt } = chosen;
    return { ...attempt, bodyDigest: body === null ? NO_BODY : await records.keepBody(payout.id, body) };
  }

  const decide = (payout: Payout, news: News, source: Source): Applied | null =>
    apply(payout, news, source, clock.now(), restored);

  const settle = async (known: Payout, news: News, source: Source): Promise<Payout> =>
    (await advance(known, news, source)).payout;

  async function advance(known: Payout, told: News, source: Source): Promise<{ payout: Payout; applied: boolean }> {
    // Where nobody can be named any more, only our own words are sure to name nobody.
    const own = told.kind === 'flagged' && told.reason !== 'PROVIDER_UNREACHABLE';
    const names = await records.namesIn(known);
    const news = own && names === null ? told : withoutPersonalData(told, names);
    let payout = known;
    for (;;) {
      const applied = decide(payout, news, source);
      if (applied === null) {
        const latest = await newest(payout);
        // Only the newest version may say that the news changes nothing.
        if (latest === null || latest.version === payout.version) return { payout, applied: false };
        payout = latest;
        continue;
      }
      const claimed = await claimReferences(payout, applied.payout);
      if (!claimed) return advance(await settle(payout, withoutReference(news), source), REFERENCE_TAKEN, source);
      if ((await store.commit(applied.payout, withId(applied.event))) === 'committed') {
        await tidy(payout, applied.payout);
        wake(applied.payout);
        tellTime(payout, applied.payout);
        return { payout: applied.payout, applied: true };
      }
      payout = (await newest(payout)) ?? payout;
    }
  }

  function tellTime(before: Payout, after: Payout): void {
    const { state, updatedAt } = after;
    const paid = before.state === 'COMPLETED' || state !== 'COMPLETED' ? null : currentAttempt(after);
    const startedAt = paid?.sends[0]?.startedAt;
    if (!paid || !startedAt) return;
    for (const tell of timekeepers) tell(paid.provider, updatedAt.getTime() - startedAt.getTime());
  }

  async function wish({ merchantId, batch: id }: Payout): Promise<BatchWish> {
    return id === null ? 'RUNNING' : ((await store.batch(merchantId, id))?.wish ?? 'RUNNING');
  }

  /** Forgets what belonged to requests that are over, and the parties that are no longer those of the payout. */
  async function tidy(before: Payout, after: Payout): Promise<void> {
    const over = before.requests.filter((one) => !after.requests.some(({ number }) => number === one.number));
    const known = over.flatMap(({ sealed, amended }) => [sealed, amended?.parties ?? null]);
    await records.forgetUnused(after, [before.parties, ...known]);
  }

  /** One provider reference, one attempt: claimed before it is bound. */
  async function claimReferences(before: Payout, after: Payout): Promise<boolean> {
    for (const attempt of after.attempts) {
      const known = before.attempts.find((one) => one.number === attempt.number);
      const { provider, fingerprint, providerReference } = attempt;
      if (providerReference === null || known?.providerReference === providerReference) continue;
      const key = { payoutId: after.id, attempt: attempt.number };
      if (!(await store.claimReference(provider, fingerprint, providerReference, key))) return false;
    }
    return true;
  }

  async function find(merchantId: MerchantId, id: PayoutId): Promise<Payout | null> {
    return (await store.payouts(merchantId, [id])).get(id) ?? null;
  }

  const newest = (payout: Payout): Promise<Payout | null> => find(payout.merchantId, payout.id);

  function refer(payout: Payout, attempt: Attempt): AttemptRef {
    const { account, orderNumber, providerReference } = attempt;
    return {
      account,
      orderNumber,
      providerReference,
      order: payout.order,
      firstSentAt: attempt.sends[0]?.startedAt ?? payout.createdAt,
      storedBody: () => records.body(payout.id, attempt),
    };
  }

  return {
    restored,
    create,
    simulate,
    act,
    resolve,
    erase,
    parties: records.parties,
    begin,
    suspect,
    refer,
    settle,
    lease: (request) => store.lease(request),
    amendment: (payout, request) => records.amendment(payout.id, request),
    document: (payout, request) => records.document(payout.id, request),
    forget: async (payout, { sealed }) => {
      if (sealed !== null) await records.forget(payout.id, sealed);
    },
    wish,
    onCompleted: (listener) => {
      timekeepers.push(listener);
    },
    onDue: (listener) => {
      listeners.push(listener);
    },
  };
}

/** Why a payout cannot be held to a quote. */
function faultsOfQuote(quoted: Quoted | null, order: Order, provider: ProviderId | null): readonly Issue[] {
  if (quoted === null) return [{ path: ['quoteId'], message: 'this is no quote that was given to this merchant' }];
  const paths = differencesFromQuote(order, quoted.request);
  const other = provider !== null && provider !== quoted.provider ? [['provider']] : [];
  return [...paths, ...other].map((path) => ({ path, message: 'is not what was quoted' }));
}

const ZERO = '0' as Decimal;

/** It is not sent; or, in doubt, not any more, whatever is found of what may have been. */
function isCalledOff({ state, closure, attempts }: Payout): boolean {
  if (closure?.state !== 'CANCELLED') return false;
  return state === 'CANCELLED' || (state === 'IN_DOUBT' && attempts.every(({ report }) => report === null));
}

/** What a provider must be able to do for an action. */
const METHODS: Readonly<Record<PayoutAction, 'confirm' | 'cancel' | 'amend' | 'attachDocument' | 'completeDocuments'>> =
  {
    CONFIRM: 'confirm',
    CANCEL: 'cancel',
    AMEND: 'amend',
    ATTACH_DOCUMENT: 'attachDocument',
    COMPLETE_DOCUMENTS: 'completeDocuments',
  };

/** Why the provider cannot do what is asked; null: it can. */
function refusalOf(provider: Provider | undefined, payout: Payout, input: ActionInput): string | null {
  if (provider === undefined) return `${payout.provider} is not in this deployment`;
  if (provider[METHODS[input.action]] === undefined) {
    return `${provider.name} has no way to ${input.action.toLowerCase().replace('_', ' ')}`;
  }
  const verdict =
    (input.action === 'AMEND' ? provider.supportsAmendment?.(input.amendment) : null) ??
    (input.action === 'ATTACH_DOCUMENT' ? provider.supportsDocument?.(input.document) : null) ??
    true;
  return verdict === true ? null : verdict;
}

/** Whether what is open of a payout can still be sent to the very account that it was sent to. */
function isAtItsAccount({ attempts }: Payout, provider: Provider | undefined): boolean {
  return attempts.every(
    (attempt) =>
      isAccountedFor(attempt) ||
      provider?.accounts.some(
        ({ name, fingerprint }) => name === attempt.account && fingerprint === attempt.fingerprint,
      ) === true,
  );
}

function refusesDuplicates(provider: Provider | undefined): boolean {
  return provider?.onRepeat === 'refuses' || provider?.onRepeat === 'returnsFirst';
}

/** The digest of no body at all: no record has its name. */
const NO_BODY = '';

const REFERENCE_TAKEN: News = {
  kind: 'flagged',
  reason: 'REFERENCE_TAKEN',
  message: 'the provider answered with a reference that belongs to another payout',
};

/** News of which the reference cannot be believed: the send happened, and that is all that is known. */
function withoutReference(news: News): News {
  if (news.kind !== 'ended') return { kind: 'held', retryAfterMs: null };
  const cause = 'the reference in the answer belongs to another payout';
  return { ...news, outcome: { kind: 'unknown', vendorCode: null, cause } };
}

function withId(event: Omit<PayoutEvent, 'id'> | null): PayoutEvent | null {
  return event === null ? null : { ...event, id: eventIdOf(event) };
}

function newPayout(
  merchantId: MerchantId,
  id: PayoutId,
  input: CreateInput,
  facts: Plan & Pick<Payout, 'parties' | 'inputDigests' | 'batch' | 'generation'>,
  now: Date,
): Payout {
  const { reference, order, metadata, sendBefore, autoConfirm, failover } = input;
  return {
    schema: 4,
    id,
    merchantId,
    reference,
    version: 1,
    sequence: 1,
    state: 'QUEUED',
    told: 'QUEUED',
    order,
    metadata,
    sendBefore,
    autoConfirm,
    requests: [],
    failover,
    parked: false,
    attempts: [],
    closure: null,
    attention: [],
    nextCheckAt: now,
    quietChecks: 0,
    lease: null,
    ...facts,
    createdAt: now,
    updatedAt: now,
  };
}

function firstEvent(payout: Payout, actor: Actor): PayoutEvent {
  const { id: payoutId, merchantId, provider, sequence, createdAt: at } = payout;
  const event = { payoutId, merchantId, provider, sequence, at, ...actor };
  const told = { state: 'QUEUED', previousState: null, vendorStatus: null, note: null } as const;
  return { schema: 1, id: eventIdOf(event), ...event, ...told };
}

function answerKnown(payout: Payout, digests: Readonly<Record<string, string>>): CreateResult {
  const differences = differencesOf(payout.inputDigests, digests);
  return differences.length === 0
    ? { kind: 'created', payout, replayed: true }
    : { kind: 'conflict', payout, differences };
}
