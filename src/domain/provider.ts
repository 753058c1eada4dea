import type { MoneyMoved } from './errors.ts';
import type { Branded, Decimal, Fee, Money } from './money.ts';
import type { Failure, Order, ReportedState } from './payout.ts';

/** A provider's name in the API and in storage, e.g. `IO2328`: upper case, one for each folder of `src/providers`. */
export type ProviderId = Branded<string, 'ProviderId'>;

/** One set of credentials at a provider. An attempt names its account. */
export interface Account {
  /** Our name for it, unique within its provider; `default` where there is one alone. */
  readonly name: string;
  /** Its identity at the provider, not its secrets: a project, a contract, or a digest of a key that is the identity. */
  readonly fingerprint: string;
  /** Off: takes no new payouts and still finishes the old ones. */
  readonly enabled: boolean;
}

/** Why one provider was not taken for an order. */
export interface ProviderReason {
  readonly provider: ProviderId;
  readonly reason: string;
}

/** Where an order goes, or one reason for each provider that was considered. */
export type Route =
  | { readonly kind: 'chosen'; readonly provider: ProviderId; readonly account: string }
  | { readonly kind: 'none'; readonly reasons: readonly ProviderReason[] };

/** The fields an answer repeats. A present one is compared with what was sent; an absent one is not. */
export interface Echo {
  readonly amount?: Decimal;
  readonly currency?: string;
  /** Our code. */
  readonly network?: string;
  readonly address?: string;
  readonly orderNumber?: string;
}

/** What a provider says of one order, in our terms and in its own. */
export interface StatusReport {
  /** When the question was asked, by our clock; null: the provider spoke by itself. */
  readonly askedAt: Date | null;
  /** Null: a word that we do not know. It is kept verbatim and never becomes a guess. */
  readonly state: ReportedState | null;
  readonly vendorStatus: string;
  readonly vendorMessage: string | null;
  readonly providerReference: string | null;
  readonly transactionHash: string | null;
  readonly fees: readonly Fee[];
  readonly debits: readonly Money[];
  readonly received: Money | null;
  /** Has money left our balance there and not come back, as far as this report tells. */
  readonly moneyMoved: MoneyMoved;
  readonly failure: Failure | null;
  readonly echo: Echo;
  /** Other orders there that carry the same order number of ours: more than none is a double payment. */
  readonly rivals: readonly string[];
}

export type NotTakenReason = 'NEVER_LEFT' | 'CREDENTIALS' | 'MAINTENANCE' | 'HOURS' | 'RATE_LIMITED';

/** How a send ended: could money have moved? It speaks for that send alone. */
export type SendOutcome =
  | { readonly kind: 'accepted'; readonly report: StatusReport }
  /** A listed refusal of this payout. */
  | { readonly kind: 'rejected'; readonly failure: Failure }
  /** It never left, or was refused for a reason that passes. */
  | {
      readonly kind: 'notTaken';
      readonly reason: NotTakenReason;
      readonly retryAfterMs: number | null;
      readonly vendorCode: string | null;
      readonly cause: string;
    }
  /** Look. `cause` is one line for people, without secrets. */
  | { readonly kind: 'unknown'; readonly vendorCode: string | null; readonly cause: string };

export type LookupOutcome =
  | { readonly kind: 'found'; readonly report: StatusReport }
  | { readonly kind: 'absent' }
  | { readonly kind: 'unavailable'; readonly retryAfterMs: number | null; readonly cause: string };

/** What a provider's webhook says the order is; at least one is not null. */
export interface OrderKey {
  readonly orderNumber: string | null;
  readonly providerReference: string | null;
}

/** What the provider is answered, so that it counts the webhook as delivered. */
export interface Reply {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/** A webhook as it came: header names in lower case, the body's raw bytes. */
export interface RawWebhook {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export type WebhookOutcome =
  | { readonly kind: 'verified'; readonly order: OrderKey; readonly report: StatusReport; readonly reply: Reply }
  /** Believe nothing, look it up now. */
  | { readonly kind: 'hint'; readonly order: OrderKey; readonly reply: Reply }
  | { readonly kind: 'refused'; readonly reason: string };

/** What a second identical create does at the provider. */
export type OnRepeat = 'returnsFirst' | 'refuses' | 'unproven' | 'paysAgain';

/** What a provider needs to know of an attempt to send it or to ask about it. */
export interface AttemptRef {
  readonly account: string;
  readonly orderNumber: string;
  readonly providerReference: string | null;
  readonly order: Order;
  /** When its first send was recorded: a search of the provider's history starts before it. */
  readonly firstSentAt: Date;
}

/** The bounds of one call. */
export interface Call {
  /** After this instant, by our clock, not a byte is written: the outcome is `notTaken`. Null for reads. */
  readonly sendBy: Date | null;
  readonly signal: AbortSignal;
}

/**
 * One payout provider. An ability is the presence of a method or a declared trait; there is no list beside it.
 * No method throws for what a provider or the network does: that is an outcome.
 */
export interface Provider {
  readonly id: ProviderId;
  /** As people write it: `2328.io`. */
  readonly name: string;
  readonly accounts: readonly Account[];
  readonly onRepeat: OnRepeat;
  /** How long after the first send a repeat is still known to return the first; null: no repeat is ever made. */
  readonly repeatWindowMs: number | null;
  /** Whether `lookup` can find an order by our order number alone, before we know the provider's reference. */
  readonly findsByOrderNumber: boolean;
  /** True, or one line that says what this provider cannot do of this order. Pure. */
  supports(order: Order): true | string;
  /** The exact business body of a create, as the text that will be stored and sent. Reads only. */
  prepare(account: string, order: Order, orderNumber: string): Promise<string>;
  /** Signs and sends the stored body: a create or a repeat of it. */
  submit(attempt: AttemptRef, body: string, call: Call): Promise<SendOutcome>;
  lookup(attempt: AttemptRef, call: Call): Promise<LookupOutcome>;
  /** Reads and verifies a webhook that came for the account. Pure. */
  readWebhook(raw: RawWebhook, account: string): WebhookOutcome;
  close(): Promise<void>;
}
