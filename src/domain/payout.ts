import type { BatchId } from './batch.ts';
import type { MoneyMoved } from './errors.ts';
import type { MerchantId } from './merchant.ts';
import type { Branded, Fee, FeeMode, Money } from './money.ts';
import type { ProviderId } from './provider.ts';
import type { HeldPrice, RouteDecision } from './route.ts';

/** `po_…`, a hash of merchant and reference, so that the primary key itself keeps a reference unique. */
export type PayoutId = Branded<string, 'PayoutId'>;
/** `ev_…`, sorts by time and carries its payout and sequence. */
export type PayoutEventId = Branded<string, 'PayoutEventId'>;

export const PAYOUT_STATES = [
  'QUEUED',
  'SUBMITTING',
  'IN_DOUBT',
  'AWAITING_CONFIRMATION',
  'AWAITING_DOCUMENTS',
  'PROCESSING',
  'COMPLETED',
  'FAILED',
  'CANCELLED',
  'RETURNED',
] as const;
export type PayoutState = (typeof PAYOUT_STATES)[number];

/** A state that a provider can report. */
export type ReportedState = Exclude<PayoutState, 'QUEUED' | 'SUBMITTING' | 'IN_DOUBT'>;

/** Where a payout can go from each state by the ordinary run of things. */
export const TRANSITIONS: Readonly<Record<PayoutState, readonly PayoutState[]>> = {
  QUEUED: ['SUBMITTING', 'CANCELLED', 'FAILED'],
  SUBMITTING: [
    'QUEUED',
    'IN_DOUBT',
    'AWAITING_CONFIRMATION',
    'AWAITING_DOCUMENTS',
    'PROCESSING',
    'COMPLETED',
    'FAILED',
    'CANCELLED',
  ],
  IN_DOUBT: [
    'SUBMITTING',
    'AWAITING_CONFIRMATION',
    'AWAITING_DOCUMENTS',
    'PROCESSING',
    'COMPLETED',
    'FAILED',
    'CANCELLED',
  ],
  AWAITING_CONFIRMATION: ['AWAITING_DOCUMENTS', 'PROCESSING', 'COMPLETED', 'FAILED', 'CANCELLED', 'IN_DOUBT'],
  AWAITING_DOCUMENTS: ['AWAITING_CONFIRMATION', 'PROCESSING', 'COMPLETED', 'FAILED', 'CANCELLED', 'IN_DOUBT'],
  PROCESSING: ['AWAITING_CONFIRMATION', 'AWAITING_DOCUMENTS', 'COMPLETED', 'FAILED', 'CANCELLED', 'IN_DOUBT'],
  COMPLETED: ['RETURNED'],
  FAILED: [],
  CANCELLED: [],
  RETURNED: [],
};

const TAKEN: readonly PayoutState[] = ['AWAITING_CONFIRMATION', 'AWAITING_DOCUMENTS', 'PROCESSING', 'COMPLETED'];

/**
 * Where a payout that we believed was not taken is moved: by verified evidence that an attempt of it was taken or paid, or,
 * while it waits, that something under its order number is not what we sent; to doubt also where the store was put back and
 * nobody has looked since.
 */
export const BY_EVIDENCE: Readonly<Partial<Record<PayoutState, readonly PayoutState[]>>> = {
  QUEUED: [...TAKEN, 'IN_DOUBT'],
  FAILED: TAKEN,
  CANCELLED: TAKEN,
};

const FINAL: ReadonlySet<PayoutState> = new Set(['COMPLETED', 'FAILED', 'CANCELLED', 'RETURNED']);
/** Whether the payout is over as far as we know; a return, or evidence against it, may still come. */
export function isFinal(state: PayoutState): boolean {
  return FINAL.has(state);
}

export interface BlockchainDestination {
  readonly kind: 'blockchain';
  readonly address: string;
  /** Our code: TRON, ETHEREUM, BSC … */
  readonly network: string;
  readonly memo: string | null;
}
/** An account inside a provider's own payment channel. */
export interface ChannelDestination {
  readonly kind: 'channel';
  readonly channel: string;
  readonly account: string;
  readonly network: string | null;
}
/** A bank account, or an account of the same kind at Alipay or WeChat. Whose it is, and its number, are among the parties. */
export interface BankDestination {
  readonly kind: 'bank';
  readonly accountType: BankAccountType;
  /** The last four characters of the account number: all of it that outlives the parties. */
  readonly lastFour: string;
  /** Always null: a bank account is on no network. */
  readonly network: null;
}
export type BankAccountType = 'BANK' | 'ALIPAY' | 'WECHAT';
export type Destination = BlockchainDestination | ChannelDestination | BankDestination;

export interface MetadataEntry {
  readonly key: string;
  readonly value: string;
}

/** What the merchant asked for: the part of a payout that never changes, and all that a provider is asked to do. */
export interface Order {
  readonly amount: Money;
  readonly feeMode: FeeMode;
  readonly destination: Destination;
  /** Debit this currency and let the provider convert; null: the amount's own. */
  readonly sourceCurrency: string | null;
  /** `amount` is debited, and the recipient gets what the rate gives in this currency; null: the amount's own. */
  readonly receiveCurrency: string | null;
  /** In the provider's own words, e.g. `Salary`. */
  readonly purpose: string | null;
  /** In the provider's own words, e.g. `Self`. */
  readonly relationship: string | null;
  /** In the provider's own words, e.g. `Employment income`. */
  readonly sourceOfFunds: string | null;
  /** The wallet that granted an allowance to the payout contract; null: the contract's own balance pays. */
  readonly fundingAddress: string | null;
  readonly description: string | null;
}

/** A postal address. */
export interface PostalAddress {
  readonly line: string;
  readonly city: string | null;
  readonly district: string | null;
  readonly state: string | null;
  readonly postalCode: string | null;
  /** ISO 3166-1 alpha-2. */
  readonly country: string | null;
}

/** A person, or a firm, at one end of a payout: the union of what providers ask. Dates are `yyyy-MM-dd`. */
export interface Party {
  /** The whole name in one field, in the script that the account is kept in. */
  readonly name: string | null;
  readonly firstName: string | null;
  readonly middleName: string | null;
  readonly lastName: string | null;
  /** ISO 3166-1 alpha-2. */
  readonly nationality: string | null;
  readonly idType: IdType | null;
  readonly idNumber: string | null;
  /** ISO 3166-1 alpha-2. */
  readonly idCountry: string | null;
  readonly idIssueDate: string | null;
  readonly idExpiryDate: string | null;
  readonly dateOfBirth: string | null;
  readonly occupation: string | null;
  /** Digits without a plus sign, e.g. `86`. */
  readonly phoneCountryCode: string | null;
  /** Digits without the country code. */
  readonly phone: string | null;
  readonly email: string | null;
  readonly sex: Sex | null;
  readonly address: PostalAddress | null;
  /** The party's own account: of an originator, where the money came from. */
  readonly accountNumber: string | null;
  readonly accountType: BankAccountType | null;
}
export const ID_TYPES = ['ID_CARD', 'PASSPORT', 'DRIVER', 'RESIDENCE', 'WORK_PERMIT', 'OTHER'] as const;
export type IdType = (typeof ID_TYPES)[number];
export type Sex = 'MALE' | 'FEMALE';

/** The personal data of a payout: stored apart from it, encrypted, erasable. */
export interface Parties {
  readonly originator: Party | null;
  readonly beneficiary: Party | null;
  /** The account number of a bank destination. */
  readonly accountNumber: string | null;
}

/** What `amendPayout` changes of an order that the provider already has; null: stays as it is. Replaced whole. */
export interface Amendment {
  readonly originator: Party | null;
  readonly beneficiary: Party | null;
  readonly purpose: string | null;
  readonly relationship: string | null;
  readonly sourceOfFunds: string | null;
}

/** A supporting document on its way to the provider. */
export interface SupportingDocument {
  /** The provider's word, listed by `referenceData`. */
  readonly type: string;
  readonly fileName: string;
  readonly content: Buffer;
  readonly note: string | null;
}

export const FAILURE_CODES = [
  'INSUFFICIENT_FUNDS',
  'INVALID_DESTINATION',
  'AMOUNT_OUT_OF_RANGE',
  'COMPLIANCE',
  'DUPLICATE_AT_PROVIDER',
  'MISCONFIGURED',
  'PROVIDER_REFUSED',
  'NETWORK_FAILURE',
  'EXPIRED',
  'PRICE_CHANGED',
  'OTHER',
] as const;
export type PayoutFailureCode = (typeof FAILURE_CODES)[number];

export interface Failure {
  readonly code: PayoutFailureCode;
  readonly message: string;
  readonly vendorCode: string | null;
  readonly vendorMessage: string | null;
  /** Whether the same payout, under a new reference, could succeed without changing it. */
  readonly retryable: boolean;
}

/** What can be asked of a payout after it was created. */
export const PAYOUT_ACTIONS = ['CONFIRM', 'CANCEL', 'AMEND', 'ATTACH_DOCUMENT', 'COMPLETE_DOCUMENTS'] as const;
export type PayoutAction = (typeof PAYOUT_ACTIONS)[number];

/**
 * SUBMIT: the first time, or again after it provably was not taken. REPEAT: the stored body again, while in doubt. The
 * others follow on an order that the provider has.
 */
export type SendKind = 'SUBMIT' | 'REPEAT' | PayoutAction;
export type SendResult = 'IN_FLIGHT' | 'ACCEPTED' | 'REJECTED' | 'NOT_TAKEN' | 'UNKNOWN';

/** An action that was asked for and is stored, until the provider has answered it or it is no longer possible. */
export interface ActionRequest {
  /** From 1 within its payout. */
  readonly number: number;
  readonly action: PayoutAction;
  /** Names the sealed record with what goes along: an amendment or a document; null: nothing does. */
  readonly sealed: string | null;
  /** What an accepted amendment makes of the payout; null: not an amendment. */
  readonly amended: Amended | null;
  /** Who asked: an API key's id. */
  readonly actor: string;
  readonly requestedAt: Date;
}

/** What a payout is after an amendment; `parties` names the sealed record. */
export type Amended = Pick<Order, 'purpose' | 'relationship' | 'sourceOfFunds'> & { readonly parties: string | null };

/** One request that changes something at the provider: stored, and durable, before its first byte. */
export interface Send {
  /** From 1 within its attempt; an overwritten send leaves its number unused. */
  readonly number: number;
  readonly kind: SendKind;
  /** The number of the action request that it carries out; null: none, or `autoConfirm`. */
  readonly request: number | null;
  readonly outcome: SendResult;
  readonly startedAt: Date;
  readonly endedAt: Date | null;
  readonly vendorCode: string | null;
  readonly vendorMessage: string | null;
}

/** One order at one provider account, under one order number of ours. */
export interface Attempt {
  /** From 1 within its payout. */
  readonly number: number;
  readonly provider: ProviderId;
  readonly account: string;
  /** The account's identity at the provider when the attempt began; look-ups and repeats go to no other. */
  readonly fingerprint: string;
  /** Our number there: at most 32 letters and digits. */
  readonly orderNumber: string;
  /** SHA-256 (hex) of the stored body: names the sealed record that a repeat sends again. */
  readonly bodyDigest: string;
  readonly providerReference: string | null;
  readonly sends: readonly Send[];
  /** What the provider last told us of this order; null until a report found it. */
  readonly report: AppliedReport | null;
  /** The provider called the order number taken: the order is there, though we do not know its reference yet. */
  readonly exists: boolean;
  /** When look-ups that found nothing, and may prove that nothing is there, were asked. */
  readonly absentAt: readonly Date[];
  /** True once it was in doubt whether it was taken: from then on the payout goes to no other account. */
  readonly doubted: boolean;
  /** True once an answer that should have been this order's showed another amount, currency or destination. */
  readonly mismatched: boolean;
}

/** The facts of the newest report that was applied to an attempt. */
export interface AppliedReport {
  readonly state: ReportedState;
  /** Null: the provider spoke by itself, so the report's place in time is not known. */
  readonly askedAt: Date | null;
  readonly vendorStatus: string;
  readonly vendorMessage: string | null;
  readonly transactionHash: string | null;
  readonly fees: readonly Fee[];
  readonly debits: readonly Money[];
  readonly received: Money | null;
  readonly moneyMoved: MoneyMoved;
  readonly failure: Failure | null;
  /** What the provider allows next. */
  readonly allows: readonly PayoutAction[];
}

export const ATTENTION_REASONS = [
  'WRONG_ECHO',
  'CONTRADICTED',
  'PAID_TWICE',
  'LATE_EVIDENCE',
  'NOT_FOUND_AT_PROVIDER',
  'PROVIDER_UNREACHABLE',
  'REPEAT_WINDOW_OVER',
  'REFERENCE_TAKEN',
  'ACCOUNT_CHANGED',
  'SEND_BEFORE_PASSED',
  'ACTION_REFUSED',
  'BODY_UNREADABLE',
  'OVERDUE',
] as const;
export type AttentionReason = (typeof ATTENTION_REASONS)[number];

/** Something about a payout that a person has to look at. */
export interface Attention {
  readonly reason: AttentionReason;
  readonly since: Date;
  readonly message: string;
}

/** A worker's claim on a payout. Whoever claims next gets a greater fence; a send needs the newest one. */
export interface Lease {
  readonly owner: string;
  readonly fence: number;
  readonly until: Date;
}

/** Why a payout ended without, or before, any attempt. */
export interface Closure {
  readonly state: 'FAILED' | 'CANCELLED';
  readonly failure: Failure | null;
}

export interface Payout {
  readonly schema: 4;
  readonly id: PayoutId;
  readonly merchantId: MerchantId;
  /** The merchant's own order number: the idempotency key, for ever. */
  readonly reference: string;
  /** Grows by one with every write, leases included: the store's compare-and-set. */
  readonly version: number;
  /** The number of events so far; the newest event has it. */
  readonly sequence: number;
  readonly state: PayoutState;
  /** The state that the newest event told. */
  readonly told: PayoutState;
  readonly order: Order;
  readonly metadata: readonly MetadataEntry[];
  readonly sendBefore: Date | null;
  /** Confirm as soon as the provider approves. */
  readonly autoConfirm: boolean;
  /** Names the sealed record of the parties as they now are; null: there are none, or they were erased. */
  readonly parties: string | null;
  /** Actions asked for and not yet over, oldest first. */
  readonly requests: readonly ActionRequest[];
  /** A keyed digest for each field of the original input that was not left out or default. */
  readonly inputDigests: Readonly<Record<string, string>>;
  /** Where the next attempt goes. */
  readonly provider: ProviderId;
  readonly account: string;
  /** Why it goes there; null: the caller named the provider, and nobody else was considered. */
  readonly route: RouteDecision | null;
  /** Whether it may go to the next eligible candidate of its route once one provably has not taken it. */
  readonly failover: boolean;
  /** What it may cost: checked before the first byte of each attempt; null: whatever it costs. */
  readonly heldPrice: HeldPrice | null;
  /** The batch that it was asked for in; null: by itself. */
  readonly batch: BatchId | null;
  /** Not sent, and not looked at, while its batch is paused. */
  readonly parked: boolean;
  readonly attempts: readonly Attempt[];
  readonly closure: Closure | null;
  readonly attention: readonly Attention[];
  /** When a worker should look at it next; null: nothing more to ask. */
  readonly nextCheckAt: Date | null;
  /** Checks in a row that changed nothing: how far the schedule has widened. */
  readonly quietChecks: number;
  readonly lease: Lease | null;
  /**
   * The life of the store in which it was last known to be in step with its provider: 0 in a store that was never put back.
   * One that is behind the store's own may have been sent in the time that the store has lost.
   */
  readonly generation: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

export type EventSource = 'API' | 'SUBMIT' | 'LOOKUP' | 'WEBHOOK' | 'OPERATOR';

/** One change of one payout: a line of the log that subscriptions and merchant webhooks both read. */
export interface PayoutEvent {
  readonly schema: 1;
  readonly id: PayoutEventId;
  readonly payoutId: PayoutId;
  readonly merchantId: MerchantId;
  readonly provider: ProviderId;
  /** Gap-free from 1 within its payout. */
  readonly sequence: number;
  readonly at: Date;
  readonly source: EventSource;
  /** The API key, or the part of Outflow, that brought the news. */
  readonly actor: string;
  readonly state: PayoutState;
  /** The state after the event before this one; null for the first. */
  readonly previousState: PayoutState | null;
  readonly vendorStatus: string | null;
  readonly note: string | null;
}
