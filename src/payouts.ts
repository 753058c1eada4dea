import { createHash, createHmac, createSecretKey, type KeyObject } from 'node:crypto';
import { apply, type NewAttempt, type News, type Source } from './domain/apply.ts';
import { stateOf } from './domain/attempt.ts';
import type { MerchantId } from './domain/merchant.ts';
import { canonicalDecimal } from './domain/money.ts';
import type {
  Attempt,
  EventSource,
  MetadataEntry,
  Order,
  Payout,
  PayoutEvent,
  PayoutEventId,
  PayoutId,
  Send,
  SendKind,
} from './domain/payout.ts';
import type { ProviderId, ProviderReason, Route } from './domain/provider.ts';
import type { LeaseRequest, Store } from './domain/store.ts';
import { type Clock, sortableTime, toBase32 } from './runtime.ts';

/** What a merchant asks for, its shape already checked. */
export interface CreateInput {
  readonly reference: string;
  readonly order: Order;
  /** Null: Outflow chooses. */
  readonly provider: ProviderId | null;
  readonly sendBefore: Date | null;
  readonly metadata: readonly MetadataEntry[];
}

export type CreateResult =
  | { readonly kind: 'created'; readonly payout: Payout; readonly replayed: boolean }
  /** The reference is known with another input; `differences` names the input fields. */
  | { readonly kind: 'conflict'; readonly payout: Payout; readonly differences: readonly string[] }
  | { readonly kind: 'unsupported'; readonly reasons: readonly ProviderReason[] };

export type CancelResult =
  | { readonly kind: 'cancelled'; readonly payout: Payout }
  | { readonly kind: 'notFound' }
  | { readonly kind: 'notAllowed'; readonly payout: Payout };

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
  /** Stores a payout once for (merchant, reference). No provider is told of it here. */
  create(merchantId: MerchantId, actor: Actor, input: CreateInput): Promise<CreateResult>;
  /** Cancels what has not been sent. */
  cancel(merchantId: MerchantId, actor: Actor, id: PayoutId): Promise<CancelResult>;
  lease(request: LeaseRequest): Promise<readonly Payout[]>;
  /**
   * Records a send, and the body of a new attempt, before anything is sent. Null when it must not be sent: the lease was
   * lost, or news came that forbids it. Rejects when storing is not confirmed: then nothing may be sent either.
   */
  begin(leased: Payout, kind: SendKind, attempt: NewAttempt, body: string, source: Source): Promise<Begun | null>;
  /** The stored body of an attempt; null once it was erased. */
  body(payoutId: PayoutId, attempt: Attempt): Promise<string | null>;
  /** Applies news to a payout, on its newest version, and answers what it is then. Evidence is never dropped. */
  settle(known: Payout, news: News, source: Source): Promise<Payout>;
  /** Calls back whenever a payout became due at once. */
  onDue(listener: () => void): void;
}

export interface PayoutsDeps {
  readonly store: Store;
  readonly clock: Clock;
  /** Which provider and account take an order; null: whichever can. */
  readonly route: (order: Order, named: ProviderId | null) => Route;
}

export function createPayouts({ store, clock, route }: PayoutsDeps): Payouts {
  const listeners: (() => void)[] = [];
  const digestKey = createSecretKey(store.secret);
  const wake = (payout: Payout): void => {
    if (payout.nextCheckAt !== null && payout.nextCheckAt <= clock.now()) for (const listener of listeners) listener();
  };

  async function create(merchantId: MerchantId, actor: Actor, input: CreateInput): Promise<CreateResult> {
    const id = payoutIdOf(merchantId, input.reference);
    const digests = digestInput(digestKey, id, input);
    // Before any check that time can change: a client whose answer was lost must never be told that nothing happened.
    const known = await store.byReference(merchantId, input.reference);
    if (known) return answerKnown(known, digests);
    const chosen = route(input.order, input.provider);
    if (chosen.kind === 'none') return { kind: 'unsupported', reasons: chosen.reasons };
    const now = clock.now();
    const fresh = newPayout(merchantId, id, input, digests, chosen, now);
    const { payout, replayed } = await store.insert(fresh, firstEvent(fresh, actor));
    if (replayed) return answerKnown(payout, digests);
    wake(payout);
    return { kind: 'created', payout, replayed: false };
  }

  async function cancel(merchantId: MerchantId, actor: Actor, id: PayoutId): Promise<CancelResult> {
    const payout = (await store.payouts(merchantId, [id])).get(id);
    if (!payout) return { kind: 'notFound' };
    const settled = await settle(payout, { kind: 'cancelled' }, { ...actor, fence: null });
    return settled.closure?.state === 'CANCELLED' && settled.state === 'CANCELLED'
      ? { kind: 'cancelled', payout: settled }
      : { kind: 'notAllowed', payout: settled };
  }

  async function begin(leased: Payout, kind: SendKind, attempt: NewAttempt, body: string, source: Source) {
    if (!leased.attempts.some((known) => known.number === attempt.number)) {
      // Its name is its digest, so that a worker that was overtaken cannot put another body under this one.
      await store.putSealed(leased.id, bodyKind(attempt.bodyDigest), Buffer.from(body));
    }
    for (let payout: Payout | null = leased; payout !== null; payout = await newest(payout)) {
      if (source.fence === null || payout.lease?.fence !== source.fence) return null;
      const applied = apply(payout, { kind: 'begun', send: kind, attempt }, source, clock.now());
      if (applied === null) return null;
      if ((await store.commit(applied.payout, withId(applied.event))) === 'stale') continue;
      const begun = applied.payout.attempts.find((one) => one.number === attempt.number);
      const send = begun?.sends.at(-1);
      return begun && send ? { payout: applied.payout, attempt: begun, send } : null;
    }
    return null;
  }

  async function settle(known: Payout, news: News, source: Source): Promise<Payout> {
    let payout = known;
    for (;;) {
      const applied = apply(payout, news, source, clock.now());
      if (applied === null) {
        const latest = await newest(payout);
        // Only the newest version may say that the news changes nothing.
        if (latest === null || latest.version === payout.version) return payout;
        payout = latest;
        continue;
      }
      const claimed = await claimReferences(payout, applied.payout);
      if (!claimed) return settle(await settle(payout, withoutReference(news), source), REFERENCE_TAKEN, source);
      if ((await store.commit(applied.payout, withId(applied.event))) === 'committed') {
        wake(applied.payout);
        return applied.payout;
      }
      payout = (await newest(payout)) ?? payout;
    }
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

  async function newest(payout: Payout): Promise<Payout | null> {
    return (await store.payouts(payout.merchantId, [payout.id])).get(payout.id) ?? null;
  }

  return {
    create,
    cancel,
    begin,
    settle,
    lease: (request) => store.lease(request),
    body: async (payoutId, attempt) =>
      (await store.getSealed(payoutId, bodyKind(attempt.bodyDigest)))?.toString('utf8') ?? null,
    onDue: (listener) => {
      listeners.push(listener);
    },
  };
}

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

function bodyKind(digest: string): string {
  return `body:${digest}`;
}

/** The id of the payout that a merchant's reference names. */
export function payoutIdOf(merchantId: MerchantId, reference: string): PayoutId {
  return `po_${hash26('payout', merchantId, reference)}` as PayoutId;
}

/** Our number for an attempt at a provider: 26 letters and digits that say nothing of merchant or reference. */
export function orderNumberOf(payout: Pick<Payout, 'merchantId' | 'reference'>, attempt: number): string {
  return hash26('order', payout.merchantId, payout.reference, String(attempt));
}

/** SHA-256 of a business body, lower-case hex. */
export function digestBody(body: string): string {
  return createHash('sha256').update(body).digest('hex');
}

function hash26(...parts: readonly string[]): string {
  return toBase32(createHash('sha256').update(JSON.stringify(parts)).digest()).slice(0, 26);
}

/** Sorts by time, and carries its payout and sequence, so that it is found without an index of its own. */
function eventIdOf(event: Pick<PayoutEvent, 'at' | 'payoutId' | 'sequence'>): PayoutEventId {
  const sequence = event.sequence.toString(32).padStart(4, '0');
  return `ev_${sortableTime(event.at)}${event.payoutId.slice(3)}${sequence}` as PayoutEventId;
}

function withId(event: Omit<PayoutEvent, 'id'> | null): PayoutEvent | null {
  return event === null ? null : { ...event, id: eventIdOf(event) };
}

function newPayout(
  merchantId: MerchantId,
  id: PayoutId,
  input: CreateInput,
  inputDigests: Record<string, string>,
  chosen: { readonly provider: ProviderId; readonly account: string },
  now: Date,
): Payout {
  return {
    schema: 1,
    id,
    merchantId,
    reference: input.reference,
    version: 1,
    sequence: 1,
    state: stateOf({ attempts: [], closure: null }),
    told: 'QUEUED',
    order: input.order,
    metadata: input.metadata,
    sendBefore: input.sendBefore,
    inputDigests,
    provider: chosen.provider,
    account: chosen.account,
    attempts: [],
    closure: null,
    attention: [],
    nextCheckAt: now,
    quietChecks: 0,
    lease: null,
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

// --- what was asked for, remembered without keeping it --------------------------------------------------------------------

/** Keyed digests of every input field that was not left out or default, by the field's path. */
function digestInput(key: KeyObject, id: PayoutId, input: CreateInput): Record<string, string> {
  const { order } = input;
  const { kind, ...destination } = order.destination;
  const metadata = input.metadata.map(({ key, value }) => [key, value] as const).sort(([a], [b]) => (a < b ? -1 : 1));
  const fields: Record<string, string | null> = {
    'amount.amount': canonicalDecimal(order.amount.amount),
    'amount.currency': order.amount.currency,
    feeMode: order.feeMode === 'ADD' ? null : order.feeMode,
    provider: input.provider,
    sourceCurrency: order.sourceCurrency,
    sendBefore: input.sendBefore?.toISOString() ?? null,
    description: order.description,
    metadata: metadata.length === 0 ? null : JSON.stringify(metadata),
  };
  for (const [key, value] of Object.entries(destination)) fields[`destination.${kind}.${key}`] = value;
  const digests: Record<string, string> = {};
  for (const [field, value] of Object.entries(fields)) {
    if (value === null) continue;
    const text = JSON.stringify([id, field, value]);
    digests[field] = createHmac('sha256', key).update(text).digest('base64url').slice(0, 22);
  }
  return digests;
}

function answerKnown(payout: Payout, digests: Readonly<Record<string, string>>): CreateResult {
  const fields = new Set([...Object.keys(payout.inputDigests), ...Object.keys(digests)]);
  const differences = [...fields].filter((field) => payout.inputDigests[field] !== digests[field]).sort();
  return differences.length === 0
    ? { kind: 'created', payout, replayed: true }
    : { kind: 'conflict', payout, differences };
}
