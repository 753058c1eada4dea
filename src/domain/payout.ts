import type { MoneyMoved } from './errors.ts';
import type { MerchantId } from './merchant.ts';
import type { Branded, Fee, FeeMode, Money } from './money.ts';
import type { ProviderId } from './provider.ts';

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
 * Where verified evidence moves a payout that we believed was not taken: that an attempt of it was taken or paid, or, while
 * it waits, that something under its order number is not what we sent.
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
export type Destination = BlockchainDestination | ChannelDestination;

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
  readonly description: string | null;
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

/** SUBMIT: the first time, or again after it provably was not taken. REPEAT: the stored body again, while in doubt. */
export type SendKind = 'SUBMIT' | 'REPEAT';
export type SendResult = 'IN_FLIGHT' | 'ACCEPTED' | 'REJECTED' | 'NOT_TAKEN' | 'UNKNOWN';

/** One request that may move money: stored, and durable, before its first byte. */
export interface Send {
  /** From 1 within its attempt; an overwritten send leaves its number unused. */
  readonly number: number;
  readonly kind: SendKind;
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
  readonly schema: 1;
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
  /** A keyed digest for each field of the original input that was not left out or default. */
  readonly inputDigests: Readonly<Record<string, string>>;
  /** Where the next attempt goes. */
  readonly provider: ProviderId;
  readonly account: string;
  readonly attempts: readonly Attempt[];
  readonly closure: Closure | null;
  readonly attention: readonly Attention[];
  /** When a worker should look at it next; null: nothing more to ask. */
  readonly nextCheckAt: Date | null;
  /** Checks in a row that changed nothing: how far the schedule has widened. */
  readonly quietChecks: number;
  readonly lease: Lease | null;
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
