import type { Issue, MoneyMoved } from './errors.ts';
import type { Asset, Branded, Decimal, Fee, FeeMode, Money } from './money.ts';
import type { Amendment, Failure, Order, Parties, PayoutAction, ReportedState, SupportingDocument } from './payout.ts';
import type { RouteDecision } from './route.ts';

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
  /** `decision`: who else was considered; null: nobody, since the caller named the provider. */
  | {
      readonly kind: 'chosen';
      readonly provider: ProviderId;
      readonly account: string;
      readonly decision: RouteDecision | null;
    }
  | { readonly kind: 'none'; readonly reasons: readonly ProviderReason[] }
  /** Those that support it cannot take it at the moment. */
  | {
      readonly kind: 'unavailable';
      readonly provider: ProviderId;
      readonly retryAt: Date | null;
      readonly cause: string;
    }
  /** The chosen provider cannot reach the exact amount by its rate: the input must change. */
  | { readonly kind: 'invalid'; readonly issues: readonly Issue[] };

/** A field that a provider's answers repeat. */
export type EchoedField = 'amount' | 'currency' | 'network' | 'address' | 'orderNumber';

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
  /** The money came back: of an order that had been paid, this is its return. */
  readonly cameBack?: true;
  /** What the provider allows next, in the state that it reports. */
  readonly allows: readonly PayoutAction[];
  readonly echo: Echo;
  /** Other orders there that carry the same order number of ours: more than none is a double payment. */
  readonly rivals: readonly string[];
}

/** FUNDS: of a confirm alone, which may be sent again once the balance covers it. */
export type NotTakenReason = 'NEVER_LEFT' | 'CREDENTIALS' | 'MAINTENANCE' | 'HOURS' | 'RATE_LIMITED' | 'FUNDS';

/** How a send ended: could money have moved? It speaks for that send alone. */
export type SendOutcome =
  /** `report` is null where the answer says no more than yes: of an action, never of a create. */
  | { readonly kind: 'accepted'; readonly report: StatusReport | null }
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
  /** Of a create: our order number is taken there, so the order exists. It speaks for the sends before this one. */
  | { readonly kind: 'exists'; readonly vendorCode: string | null; readonly cause: string }
  /** Look. `cause` is one line for people, without secrets. */
  | { readonly kind: 'unknown'; readonly vendorCode: string | null; readonly cause: string };

export type LookupOutcome =
  | { readonly kind: 'found'; readonly report: StatusReport }
  | { readonly kind: 'absent' }
  /** `onlyThisOrder`: the provider answers, and cannot be asked about this one; nothing speaks against asking about others. */
  | {
      readonly kind: 'unavailable';
      readonly retryAfterMs: number | null;
      readonly cause: string;
      readonly onlyThisOrder?: true;
    };

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
  /** It is about something else than an order, and that is all right. */
  | { readonly kind: 'ignored'; readonly reply: Reply }
  | { readonly kind: 'refused'; readonly reason: string };

/** What a second identical create does at the provider. */
export type OnRepeat = 'returnsFirst' | 'refuses' | 'unproven' | 'paysAgain';

/** When a look-up by order number that finds nothing proves that nothing was taken: so many, so far apart, so late. */
export interface AbsenceRule {
  readonly looks: number;
  /** Between the first and the last of them. */
  readonly apartMs: number;
  /** From the end of the last send to the first of them: what is still on its way could arrive until then. */
  readonly afterMs: number;
}

/** What a provider needs to know of an attempt to send it or to ask about it. */
export interface AttemptRef {
  readonly account: string;
  readonly orderNumber: string;
  readonly providerReference: string | null;
  readonly order: Order;
  /** When its first send was recorded: a search of the provider's history starts before it. */
  readonly firstSentAt: Date;
  /** The exact body of its create; null once it was erased. */
  storedBody(): Promise<string | null>;
}

/** The bounds of one call. */
export interface Call {
  /** After this instant, by our clock, not a byte is written: the outcome is `notTaken`. Null for reads. */
  readonly sendBy: Date | null;
  readonly signal: AbortSignal;
  /** Asked before each exchange of the call: a string says why it is not made. Left out: each is. */
  readonly admit?: () => true | string;
}

/** The body of a create, or why there can be none. */
export type Prepared =
  /** The exact business body, as the text that will be stored and sent; `price`: what it fixes, where it fixes one. */
  | { readonly kind: 'body'; readonly body: string; readonly price?: Pick<Price, 'debit' | 'receive'> }
  /** It cannot be done, and nothing was sent: the payout fails. */
  | { readonly kind: 'refused'; readonly failure: Failure }
  | { readonly kind: 'unavailable'; readonly retryAfterMs: number | null; readonly cause: string };

/** The answer to a question that touches no payout. `cause` is one line for people, without secrets. */
export type ReadOutcome<T> =
  | { readonly kind: 'known'; readonly value: T }
  | { readonly kind: 'rejected'; readonly vendorCode: string | null; readonly vendorMessage: string | null }
  | { readonly kind: 'unavailable'; readonly retryAfterMs: number | null; readonly cause: string };

/** One of our balances at a provider. */
export interface Balance {
  readonly currency: string;
  readonly available: Decimal;
  /** Held back beside `available`; null: not told. */
  readonly locked: Decimal | null;
}

/** What can be paid there, with its bounds and its fee in the currency itself; null: not told, or not fixed. */
export interface AssetTerms extends Asset {
  readonly minAmount: Decimal | null;
  readonly maxAmount: Decimal | null;
  readonly fee: Decimal | null;
  readonly feeModes: readonly FeeMode[];
}

/** A question for a price: what `createPayout` would say of money, without a recipient. */
export interface QuoteRequest {
  readonly amount: Money;
  readonly feeMode: FeeMode;
  readonly network: string | null;
  readonly channel: string | null;
  readonly sourceCurrency: string | null;
  readonly receiveCurrency: string | null;
}

/** What the provider would debit, take and deliver. FIRM: it holds until `expiresAt`. */
export interface Price {
  readonly debit: Money;
  readonly fees: readonly Fee[];
  readonly receive: Money;
  /** Received units for one debited unit; null: no conversion. */
  readonly rate: Decimal | null;
  readonly firmness: 'FIRM' | 'INDICATIVE';
  /** Null: the provider names no end. */
  readonly expiresAt: Date | null;
}

export const REFERENCE_KINDS = [
  'AREAS',
  'OCCUPATIONS',
  'PURPOSES',
  'RELATIONSHIPS',
  'SOURCES_OF_FUNDS',
  'DOCUMENT_TYPES',
  'CHANNELS',
] as const;
export type ReferenceKind = (typeof REFERENCE_KINDS)[number];

/** One of the provider's own words, to be used verbatim where it belongs. */
export interface ReferenceEntry {
  /** What goes into the field, e.g. `Professor`, `Guangdong`. */
  readonly value: string;
  /** For people; null: the value says it. */
  readonly label: string | null;
  /** In the provider's own script, e.g. `广东省`; null: none. */
  readonly localName: string | null;
  /** Their key or postal code; null: none. */
  readonly code: string | null;
  /** Of an area: the areas within it. */
  readonly children: readonly ReferenceEntry[];
}

/** One of several creates in one call. */
export interface BatchItem {
  readonly attempt: AttemptRef;
  readonly body: string;
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
  /**
   * How long after the first send a repeat, made while in doubt, is still known to be safe: it returns the first, or is
   * refused where there is one. Null: no repeat is made in doubt; only absence that is proven lets it be sent again.
   */
  readonly repeatWindowMs: number | null;
  /**
   * Whether `lookup` can find an order by our order number alone, before we know the provider's reference:
   * `onceProven` only after the provider has said that the number is taken.
   */
  readonly findsByOrderNumber: 'always' | 'onceProven' | 'never';
  /** SIGNED: verified reports. HINT: a reason to look. NONE: it is polled. */
  readonly webhooks: 'SIGNED' | 'HINT' | 'NONE';
  /** The fields that its answers to a create or a look-up repeat. */
  readonly echoes: readonly EchoedField[];
  /** How long a payout usually takes there at most; one that takes longer is put before a person. */
  readonly usualMs: number;
  /** Its published limit for one account; null: none is published. */
  readonly callsPerMinute: number | null;
  /** What it pays as far as its pages say, without asking; figures are null. */
  readonly knownAssets: readonly AssetTerms[];
  readonly referenceKinds: readonly ReferenceKind[];
  /** Null: absence is never proof for this account. */
  absenceRule(account: string): AbsenceRule | null;
  /** True, or one line that says what this provider cannot do of this order. Pure. */
  supports(order: Order, parties: Parties, account: string): true | string;
  /**
   * For an order with `sourceCurrency`: empty, or the nearest amounts that the rate can reach, at
   * most two. Absent: every amount can be reached. Reads only.
   */
  nearestAmounts?(account: string, order: Order, call: Call): Promise<ReadOutcome<readonly Decimal[]>>;
  /** The exact business body of a create. Reads only. */
  prepare(account: string, order: Order, parties: Parties, orderNumber: string, call: Call): Promise<Prepared>;
  /** Signs and sends the stored body: a create or a repeat of it. */
  submit(attempt: AttemptRef, body: string, call: Call): Promise<SendOutcome>;
  /** At most `batch.size` creates of one account in one call. Matched by order number: one that is missing is unknown. */
  submitBatch?(items: readonly BatchItem[], call: Call): Promise<ReadonlyMap<string, SendOutcome>>;
  /** Whether the order can go into a batch; null: it has no batch call. */
  readonly batch: { readonly size: number; takes(order: Order): boolean } | null;
  lookup(attempt: AttemptRef, call: Call): Promise<LookupOutcome>;
  confirm?(attempt: AttemptRef, call: Call): Promise<SendOutcome>;
  cancel?(attempt: AttemptRef, call: Call): Promise<SendOutcome>;
  /** Sends the groups of the amendment that are not null. */
  amend?(attempt: AttemptRef, amendment: Amendment, call: Call): Promise<SendOutcome>;
  /** True, or one line that says what is wrong with the amendment. Pure; present with `amend`. */
  supportsAmendment?(amendment: Amendment): true | string;
  /** True, or one line that says what is wrong with the document. Pure; present with `attachDocument`. */
  supportsDocument?(document: SupportingDocument): true | string;
  attachDocument?(attempt: AttemptRef, document: SupportingDocument, call: Call): Promise<SendOutcome>;
  completeDocuments?(attempt: AttemptRef, call: Call): Promise<SendOutcome>;
  balances?(account: string, call: Call): Promise<ReadOutcome<readonly Balance[]>>;
  /**
   * A string instead of an outcome: what this provider cannot price of the question. `recent`: lists of fees and rates that
   * an indicative price is made of may be seconds old; left out: they are read anew.
   */
  quote?(account: string, request: QuoteRequest, call: Call, recent?: boolean): Promise<ReadOutcome<Price> | string>;
  assets?(account: string, call: Call): Promise<ReadOutcome<readonly AssetTerms[]>>;
  /** Of a kind in `referenceKinds`. */
  reference?(account: string, kind: ReferenceKind, call: Call): Promise<ReadOutcome<readonly ReferenceEntry[]>>;
  /** Reads and verifies a webhook that came for the account. Pure. */
  readWebhook(raw: RawWebhook, account: string): WebhookOutcome;
  close(): Promise<void>;
}

/** What a provider can do. */
export const PROVIDER_ABILITIES = [
  'SUBMIT',
  'IDEMPOTENT_SUBMIT',
  'BATCH_SUBMIT',
  'LOOKUP',
  'LOOKUP_BY_REFERENCE',
  'SIGNED_WEBHOOK',
  'HINT_WEBHOOK',
  'QUOTE',
  'BALANCES',
  'ASSETS',
  'REFERENCE_DATA',
  'CONFIRM',
  'CANCEL',
  'AMEND',
  'DOCUMENTS',
] as const;
export type ProviderAbility = (typeof PROVIDER_ABILITIES)[number];

/** Derived from what the provider is, so that there is no list beside it. */
export function abilitiesOf(provider: Provider): readonly ProviderAbility[] {
  const has: Readonly<Record<ProviderAbility, boolean>> = {
    SUBMIT: true,
    IDEMPOTENT_SUBMIT: provider.onRepeat === 'returnsFirst',
    BATCH_SUBMIT: provider.submitBatch !== undefined,
    LOOKUP: true,
    LOOKUP_BY_REFERENCE: provider.findsByOrderNumber === 'always',
    SIGNED_WEBHOOK: provider.webhooks === 'SIGNED',
    HINT_WEBHOOK: provider.webhooks === 'HINT',
    QUOTE: provider.quote !== undefined,
    BALANCES: provider.balances !== undefined,
    ASSETS: provider.assets !== undefined,
    REFERENCE_DATA: provider.reference !== undefined,
    CONFIRM: provider.confirm !== undefined,
    CANCEL: provider.cancel !== undefined,
    AMEND: provider.amend !== undefined,
    DOCUMENTS: provider.attachDocument !== undefined && provider.completeDocuments !== undefined,
  };
  return PROVIDER_ABILITIES.filter((ability) => has[ability]);
}
