/* eslint-disable */
/** Internal type. DO NOT USE DIRECTLY. */
type Exact<T extends { [key: string]: unknown }> = { [K in keyof T]: T[K] };
/** Internal type. DO NOT USE DIRECTLY. */
export type Incremental<T> = T | { [P in keyof T]?: P extends ' $fragmentName' | '__typename' ? T[P] : never };
import type { DocumentTypeDecoration } from '@graphql-typed-document-node/core';
/** What is wrong. New values may be added. */
export type AttentionReason =
  /** The account that it was sent from is no longer the one that is set up. */
  | 'ACCOUNT_CHANGED'
  /** The provider says what cannot follow on what it said before. */
  | 'CONTRADICTED'
  /** The provider has it, although it was believed not to. */
  | 'LATE_EVIDENCE'
  /** The provider does not find it, which proves nothing there. */
  | 'NOT_FOUND_AT_PROVIDER'
  /** More than one order at a provider may have paid this payout. */
  | 'PAID_TWICE'
  /** Its fate is in doubt, and the provider could not be asked for a day. */
  | 'PROVIDER_UNREACHABLE'
  /** The provider's number for it belongs to another payout. */
  | 'REFERENCE_TAKEN'
  /** Its fate is in doubt, and it is too late to ask by repeating it. */
  | 'REPEAT_WINDOW_OVER'
  /** `sendBefore` passed while its fate was in doubt. */
  | 'SEND_BEFORE_PASSED'
  /** The provider answered with another amount, currency or destination than was sent. */
  | 'WRONG_ECHO';

/** An address on a blockchain, which must pass the network's own checks before anything is stored. */
export type BlockchainDestinationInput = {
  /** Written exactly as the network writes it, checksum included. SOLANA has none, raw TON addresses have none, and EVM addresses have one only in mixed letter case (EIP-55). */
  address: string;
  /** The memo or tag of networks that have one. 1 to 255 printable characters. */
  memo?: string | null | undefined;
  /** Our code, whatever the provider calls it: TRON, ETHEREUM, BSC, POLYGON, AVALANCHE_C, ARBITRUM, OPTIMISM, BASE, SOLANA, TON, BITCOIN, LITECOIN, DOGECOIN, DASH. */
  network: string;
};

/** An account inside a provider's own payment channel. */
export type ChannelDestinationInput = {
  /** The account in the channel. 1 to 255 printable characters. */
  account: string;
  /** The channel's name at the provider. 1 to 64 printable characters. */
  channel: string;
  /** The channel's network, where it has several. 1 to 64 printable characters. */
  network?: string | null | undefined;
};

/** What to pay. The same reference with the same input answers the first payout, for ever. */
export type CreatePayoutInput = {
  /** How much. `feeMode` says who bears the fees. */
  amount: MoneyInput;
  /** The merchant's own words, which the provider may show. 1 to 255 printable characters. */
  description?: string | null | undefined;
  /** Where to. */
  destination: DestinationInput;
  /** Who bears the fees. */
  feeMode?: FeeMode;
  /** The merchant's own facts, at most 50, their keys unique. No provider sees them. Default: none. */
  metadata?: Array<MetadataEntryInput> | null | undefined;
  /** Who is to pay it. Left out: Outflow chooses the first that can. */
  provider?: ProviderId | null | undefined;
  /** The merchant's order number, the idempotency key, for ever. 1 to 64 of A-Z a-z 0-9 . _ : / - */
  reference: string;
  /** Not sent by then: FAILED with EXPIRED, and nothing moved. Left out: no limit. */
  sendBefore?: string | null | undefined;
  /** The recipient gets `amount`; debit this currency instead and let the provider convert. 2 to 12 of A-Z 0-9. Left out: the amount's own. */
  sourceCurrency?: string | null | undefined;
};

/** Where a payout is to go: exactly one of these. */
export type DestinationInput =
  {   /** To an address on a blockchain. */
  blockchain: BlockchainDestinationInput; channel?: never; }
  |  { blockchain?: never;   /** To an account in a provider's payment channel. */
  channel: ChannelDestinationInput; };

/** What the deployment is for. A store belongs to one of them for ever. */
export type Environment =
  /** Real providers and real money. */
  | 'LIVE'
  /** Stand-in providers: no money moves. */
  | 'SANDBOX';

/** What went wrong: in a result, or as `extensions.code` of an entry of `errors`. See docs/errors.md. */
export type ErrorCode =
  /** The request is no valid GraphQL for this schema. */
  | 'BAD_REQUEST'
  /** The key may not do this. */
  | 'FORBIDDEN'
  /** Something went wrong on our side. */
  | 'INTERNAL'
  /** Fields that cannot be used. */
  | 'INVALID_INPUT'
  /** The payout has gone past the point where this can be done. */
  | 'NOT_ALLOWED_IN_STATE'
  /** Not there, or another merchant's. */
  | 'NOT_FOUND'
  /** The reference was used before with another input. */
  | 'REFERENCE_CONFLICT'
  /** The operation asks for too much at once. */
  | 'TOO_COMPLEX'
  /** No API key, or one that is not valid. */
  | 'UNAUTHENTICATED'
  /** No provider can do it, or the named one cannot. */
  | 'UNSUPPORTED';

/** What brought the news. */
export type EventSource =
  /** A request of the merchant. */
  | 'API'
  /** Asking the provider. */
  | 'LOOKUP'
  /** An operator. */
  | 'OPERATOR'
  /** The answer to a send. */
  | 'SUBMIT'
  /** The provider, by itself. */
  | 'WEBHOOK';

/** What a fee is for. */
export type FeeKind =
  /** For converting one currency to another. */
  | 'CONVERSION'
  /** The blockchain's. */
  | 'NETWORK'
  /** The provider's own. */
  | 'PROVIDER';

/** Who bears the fees. A provider that cannot do the one asked for is UNSUPPORTED, never silently the other. */
export type FeeMode =
  /** The recipient gets `amount`; fees are debited on top. */
  | 'ADD'
  /** `amount` is debited; the recipient gets what fees leave. */
  | 'DEDUCT';

/** A fact of the merchant's own. */
export type MetadataEntryInput = {
  /** 1 to 40 printable characters, unique within the payout. */
  key: string;
  /** At most 500 characters. */
  value: string;
};

/** An amount to pay. */
export type MoneyInput = {
  /** More than zero, in the currency's own unit. */
  amount: string;
  /** Upper-case code, 2 to 12 of A-Z 0-9, e.g. `USDT`. */
  currency: string;
};

/** Whether money has left our balance at the provider and not come back. */
export type MoneyMoved =
  /** It has not, or it came back. */
  | 'NO'
  /** Nobody can tell yet. Do not pay again. */
  | 'UNKNOWN'
  /** It has. */
  | 'YES';

/** What can be done with a payout right now. New values may be added. */
export type PayoutAction =
  /** `cancelPayout`: it has not been sent. */
  | 'CANCEL';

/** Which events. Every field narrows; what is left out does not. */
export type PayoutEventFilter = {
  /** Only of these payouts. At most 100. */
  payoutIds?: Array<string | number> | null | undefined;
  /** Only of payouts at these providers. */
  providers?: Array<ProviderId> | null | undefined;
  /** Only where the state after it is one of these. */
  states?: Array<PayoutState> | null | undefined;
};

/** Why a payout failed, in our words. */
export type PayoutFailureCode =
  /** Less than the provider's minimum, or more than its maximum. */
  | 'AMOUNT_OUT_OF_RANGE'
  /** The provider refused it for compliance. */
  | 'COMPLIANCE'
  /** The provider says that it already has this order. */
  | 'DUPLICATE_AT_PROVIDER'
  /** `sendBefore` passed before it was sent. */
  | 'EXPIRED'
  /** Our balance at the provider does not cover it. */
  | 'INSUFFICIENT_FUNDS'
  /** The provider does not accept the destination. */
  | 'INVALID_DESTINATION'
  /** Our account there is not set up for it. Tell the operator. */
  | 'MISCONFIGURED'
  /** The transaction failed on the blockchain. */
  | 'NETWORK_FAILURE'
  /** Something else; `vendorMessage` may say what. */
  | 'OTHER'
  /** The provider refused it for a reason of its own. */
  | 'PROVIDER_REFUSED';

/** Which payouts. Every field narrows; what is left out does not. */
export type PayoutFilter = {
  /** Only stored before this instant. */
  createdBefore?: string | null | undefined;
  /** Only stored at or after this instant. */
  createdFrom?: string | null | undefined;
  /** Only amounts in this currency. */
  currency?: string | null | undefined;
  /** Only at one of these providers. */
  providers?: Array<ProviderId> | null | undefined;
  /** Only in one of these states. */
  states?: Array<PayoutState> | null | undefined;
};

/** Where a payout stands. */
export type PayoutState =
  /** The provider holds it until it is confirmed. */
  | 'AWAITING_CONFIRMATION'
  /** The provider wants supporting documents. */
  | 'AWAITING_DOCUMENTS'
  /** Called off before it was paid. Final. */
  | 'CANCELLED'
  /** Paid. Final. */
  | 'COMPLETED'
  /** Not paid; `failure` says why. Final. */
  | 'FAILED'
  /** It was sent and no answer tells what became of it. We find out; never pay it again under a new reference. */
  | 'IN_DOUBT'
  /** The provider has it. */
  | 'PROCESSING'
  /** Stored; nothing of it is at a provider. */
  | 'QUEUED'
  /** Paid, and the money came back. Final. */
  | 'RETURNED'
  /** Being sent; the request may be on its way. */
  | 'SUBMITTING';

/** What a provider can do. New values may be added. */
export type ProviderAbility =
  /** It answers a repeated order with the first one, so a lost answer is settled by asking again. */
  | 'IDEMPOTENT_SUBMIT'
  /** It can be asked what became of a payout. */
  | 'LOOKUP'
  /** It finds a payout by our order number, also where its answer was lost. */
  | 'LOOKUP_BY_REFERENCE'
  /** It reports changes by itself, verifiably. */
  | 'SIGNED_WEBHOOK'
  /** It takes payouts. */
  | 'SUBMIT';

/** A payout provider. */
export type ProviderId =
  /** 2328.io */
  | 'IO2328'
  /** OxaPay */
  | 'OXAPAY';

/** What a send was. New values may be added. */
export type SendKind =
  /** The same body again under the same order number, while its fate was in doubt. */
  | 'REPEAT'
  /** The first time, or again after it provably was not taken. */
  | 'SUBMIT';

/** How a send ended. It speaks for that send alone. */
export type SendOutcome =
  /** The provider took it. */
  | 'ACCEPTED'
  /** Stored; it may be on its way. */
  | 'IN_FLIGHT'
  /** It never left, or was refused for a reason that passes. */
  | 'NOT_TAKEN'
  /** The provider refused this payout. */
  | 'REJECTED'
  /** It left, and no answer tells what became of it. */
  | 'UNKNOWN';

export type ViewerQueryVariables = Exact<{ [key: string]: never; }>;


export type ViewerQuery = { viewer: { operator: boolean, keyId: string, label: string, scopes: Array<string>, merchant: { id: string, name: string, createdAt: string } | null } };

export type ProvidersQueryVariables = Exact<{ [key: string]: never; }>;


export type ProvidersQuery = { providers: Array<{ id: string, provider: ProviderId, name: string, environment: Environment, enabled: boolean, abilities: Array<ProviderAbility> }> };

export type ProviderQueryVariables = Exact<{
  provider: ProviderId;
}>;


export type ProviderQuery = { provider: { id: string, name: string, enabled: boolean, abilities: Array<ProviderAbility> } | null };

export type NodeQueryVariables = Exact<{
  id: string | number;
  merchantId?: string | number | null | undefined;
}>;


export type NodeQuery = { node:
    | { __typename: 'Merchant', id: string }
    | { __typename: 'Payout', id: string }
    | { __typename: 'PayoutEvent', id: string }
    | { __typename: 'Provider', id: string }
   | null };

export type NodesQueryVariables = Exact<{
  ids: Array<string | number> | string | number;
  merchantId?: string | number | null | undefined;
}>;


export type NodesQuery = { nodes: Array<
    | { __typename: 'Merchant', id: string }
    | { __typename: 'Payout', id: string }
    | { __typename: 'PayoutEvent', id: string }
    | { __typename: 'Provider', id: string }
   | null> };

export type EventFieldsFragment = { id: string, cursor: string, sequence: number, at: string, source: EventSource, actor: string, state: PayoutState, previousState: PayoutState | null, vendorStatus: string | null, note: string | null };

export type EventsOfPayoutQueryVariables = Exact<{
  id: string | number;
  first?: number | null | undefined;
  after?: string | null | undefined;
  last?: number | null | undefined;
  before?: string | null | undefined;
}>;


export type EventsOfPayoutQuery = { payout: { id: string, events: { edges: Array<{ cursor: string, node: { id: string, cursor: string, sequence: number, at: string, source: EventSource, actor: string, state: PayoutState, previousState: PayoutState | null, vendorStatus: string | null, note: string | null } }>, pageInfo: { hasNextPage: boolean, hasPreviousPage: boolean, startCursor: string | null, endCursor: string | null } } } | null };

export type PayoutEventsQueryVariables = Exact<{
  after?: string | null | undefined;
  first?: number | null | undefined;
  filter?: PayoutEventFilter | null | undefined;
  merchantId?: string | number | null | undefined;
}>;


export type PayoutEventsQuery = { payoutEvents: { cursor: string, events: Array<{ id: string, cursor: string, sequence: number, at: string, source: EventSource, actor: string, state: PayoutState, previousState: PayoutState | null, vendorStatus: string | null, note: string | null, payout: { id: string, reference: string, state: PayoutState, sequence: number } }> } };

export type WatchEventsSubscriptionVariables = Exact<{
  after?: string | null | undefined;
  filter?: PayoutEventFilter | null | undefined;
  merchantId?: string | number | null | undefined;
}>;


export type WatchEventsSubscription = { payoutEvents: { id: string, cursor: string, sequence: number, at: string, source: EventSource, actor: string, state: PayoutState, previousState: PayoutState | null, vendorStatus: string | null, note: string | null, payout: { id: string, reference: string, state: PayoutState, sequence: number } } };

export type CreatePayoutMutationVariables = Exact<{
  input: CreatePayoutInput;
  merchantId?: string | number | null | undefined;
}>;


export type CreatePayoutMutation = { createPayout:
    | { __typename: 'CreatePayoutSuccess', replayed: boolean, payout: { id: string, reference: string, merchantId: string, state: PayoutState, final: boolean, moneyMoved: MoneyMoved, feeMode: FeeMode, sourceCurrency: string | null, description: string | null, sendBefore: string | null, environment: Environment, providerReference: string | null, transactionHash: string | null, vendorStatus: string | null, vendorMessage: string | null, actions: Array<PayoutAction>, sequence: number, cursor: string, createdAt: string, updatedAt: string, nextCheckAt: string | null, amount: { amount: string, currency: string }, destination:
          | { __typename: 'BlockchainDestination', address: string, network: string, memo: string | null }
          | { __typename: 'ChannelDestination', channel: string, account: string, channelNetwork: string | null }
        , metadata: Array<{ key: string, value: string }>, provider: { id: string, provider: ProviderId } | null, fees: Array<{ amount: string, currency: string, kind: FeeKind }>, debits: Array<{ amount: string, currency: string }>, received: { amount: string, currency: string } | null, failure: { code: PayoutFailureCode, message: string, vendorCode: string | null, vendorMessage: string | null, moneyMoved: MoneyMoved, retryable: boolean } | null, attempts: Array<{ number: number, provider: ProviderId, account: string, orderNumber: string, providerReference: string | null, accountedFor: boolean, sends: Array<{ kind: SendKind, outcome: SendOutcome, startedAt: string, endedAt: string | null, vendorCode: string | null, vendorMessage: string | null }> }>, attention: Array<{ reason: AttentionReason, since: string, message: string }> } }
    | { __typename: 'InvalidInputError', code: ErrorCode, message: string, retryable: boolean, moneyMoved: MoneyMoved, issues: Array<{ path: Array<string>, message: string }> }
    | { __typename: 'ReferenceConflictError', code: ErrorCode, message: string, retryable: boolean, moneyMoved: MoneyMoved, differences: Array<string>, payout: { id: string, state: PayoutState } }
    | { __typename: 'UnsupportedError', code: ErrorCode, message: string, retryable: boolean, moneyMoved: MoneyMoved, reasons: Array<{ provider: ProviderId, reason: string }> }
   };

export type CancelPayoutMutationVariables = Exact<{
  id: string | number;
  merchantId?: string | number | null | undefined;
}>;


export type CancelPayoutMutation = { cancelPayout:
    | { __typename: 'CancelPayoutSuccess', payout: { id: string, state: PayoutState, final: boolean, sequence: number } }
    | { __typename: 'InvalidInputError', code: ErrorCode, message: string, retryable: boolean, moneyMoved: MoneyMoved }
    | { __typename: 'NotAllowedInStateError', code: ErrorCode, message: string, retryable: boolean, moneyMoved: MoneyMoved, payout: { id: string, state: PayoutState } }
    | { __typename: 'NotFoundError', code: ErrorCode, message: string, retryable: boolean, moneyMoved: MoneyMoved }
   };

export type PayoutFieldsFragment = { id: string, reference: string, merchantId: string, state: PayoutState, final: boolean, moneyMoved: MoneyMoved, feeMode: FeeMode, sourceCurrency: string | null, description: string | null, sendBefore: string | null, environment: Environment, providerReference: string | null, transactionHash: string | null, vendorStatus: string | null, vendorMessage: string | null, actions: Array<PayoutAction>, sequence: number, cursor: string, createdAt: string, updatedAt: string, nextCheckAt: string | null, amount: { amount: string, currency: string }, destination:
    | { __typename: 'BlockchainDestination', address: string, network: string, memo: string | null }
    | { __typename: 'ChannelDestination', channel: string, account: string, channelNetwork: string | null }
  , metadata: Array<{ key: string, value: string }>, provider: { id: string, provider: ProviderId } | null, fees: Array<{ amount: string, currency: string, kind: FeeKind }>, debits: Array<{ amount: string, currency: string }>, received: { amount: string, currency: string } | null, failure: { code: PayoutFailureCode, message: string, vendorCode: string | null, vendorMessage: string | null, moneyMoved: MoneyMoved, retryable: boolean } | null, attempts: Array<{ number: number, provider: ProviderId, account: string, orderNumber: string, providerReference: string | null, accountedFor: boolean, sends: Array<{ kind: SendKind, outcome: SendOutcome, startedAt: string, endedAt: string | null, vendorCode: string | null, vendorMessage: string | null }> }>, attention: Array<{ reason: AttentionReason, since: string, message: string }> };

export type PayoutQueryVariables = Exact<{
  id: string | number;
  merchantId?: string | number | null | undefined;
}>;


export type PayoutQuery = { payout: { id: string, reference: string, merchantId: string, state: PayoutState, final: boolean, moneyMoved: MoneyMoved, feeMode: FeeMode, sourceCurrency: string | null, description: string | null, sendBefore: string | null, environment: Environment, providerReference: string | null, transactionHash: string | null, vendorStatus: string | null, vendorMessage: string | null, actions: Array<PayoutAction>, sequence: number, cursor: string, createdAt: string, updatedAt: string, nextCheckAt: string | null, amount: { amount: string, currency: string }, destination:
      | { __typename: 'BlockchainDestination', address: string, network: string, memo: string | null }
      | { __typename: 'ChannelDestination', channel: string, account: string, channelNetwork: string | null }
    , metadata: Array<{ key: string, value: string }>, provider: { id: string, provider: ProviderId } | null, fees: Array<{ amount: string, currency: string, kind: FeeKind }>, debits: Array<{ amount: string, currency: string }>, received: { amount: string, currency: string } | null, failure: { code: PayoutFailureCode, message: string, vendorCode: string | null, vendorMessage: string | null, moneyMoved: MoneyMoved, retryable: boolean } | null, attempts: Array<{ number: number, provider: ProviderId, account: string, orderNumber: string, providerReference: string | null, accountedFor: boolean, sends: Array<{ kind: SendKind, outcome: SendOutcome, startedAt: string, endedAt: string | null, vendorCode: string | null, vendorMessage: string | null }> }>, attention: Array<{ reason: AttentionReason, since: string, message: string }> } | null };

export type PayoutByReferenceQueryVariables = Exact<{
  reference: string;
  merchantId?: string | number | null | undefined;
}>;


export type PayoutByReferenceQuery = { payoutByReference: { id: string, reference: string, merchantId: string, state: PayoutState, final: boolean, moneyMoved: MoneyMoved, feeMode: FeeMode, sourceCurrency: string | null, description: string | null, sendBefore: string | null, environment: Environment, providerReference: string | null, transactionHash: string | null, vendorStatus: string | null, vendorMessage: string | null, actions: Array<PayoutAction>, sequence: number, cursor: string, createdAt: string, updatedAt: string, nextCheckAt: string | null, amount: { amount: string, currency: string }, destination:
      | { __typename: 'BlockchainDestination', address: string, network: string, memo: string | null }
      | { __typename: 'ChannelDestination', channel: string, account: string, channelNetwork: string | null }
    , metadata: Array<{ key: string, value: string }>, provider: { id: string, provider: ProviderId } | null, fees: Array<{ amount: string, currency: string, kind: FeeKind }>, debits: Array<{ amount: string, currency: string }>, received: { amount: string, currency: string } | null, failure: { code: PayoutFailureCode, message: string, vendorCode: string | null, vendorMessage: string | null, moneyMoved: MoneyMoved, retryable: boolean } | null, attempts: Array<{ number: number, provider: ProviderId, account: string, orderNumber: string, providerReference: string | null, accountedFor: boolean, sends: Array<{ kind: SendKind, outcome: SendOutcome, startedAt: string, endedAt: string | null, vendorCode: string | null, vendorMessage: string | null }> }>, attention: Array<{ reason: AttentionReason, since: string, message: string }> } | null };

export type PayoutsQueryVariables = Exact<{
  first?: number | null | undefined;
  after?: string | null | undefined;
  last?: number | null | undefined;
  before?: string | null | undefined;
  filter?: PayoutFilter | null | undefined;
  merchantId?: string | number | null | undefined;
}>;


export type PayoutsQuery = { payouts: { edges: Array<{ cursor: string, node: { id: string, reference: string, state: PayoutState, createdAt: string } }>, pageInfo: { hasNextPage: boolean, hasPreviousPage: boolean, startCursor: string | null, endCursor: string | null } } };

export type WatchPayoutSubscriptionVariables = Exact<{
  id: string | number;
  merchantId?: string | number | null | undefined;
}>;


export type WatchPayoutSubscription = { payout: { id: string, reference: string, merchantId: string, state: PayoutState, final: boolean, moneyMoved: MoneyMoved, feeMode: FeeMode, sourceCurrency: string | null, description: string | null, sendBefore: string | null, environment: Environment, providerReference: string | null, transactionHash: string | null, vendorStatus: string | null, vendorMessage: string | null, actions: Array<PayoutAction>, sequence: number, cursor: string, createdAt: string, updatedAt: string, nextCheckAt: string | null, amount: { amount: string, currency: string }, destination:
      | { __typename: 'BlockchainDestination', address: string, network: string, memo: string | null }
      | { __typename: 'ChannelDestination', channel: string, account: string, channelNetwork: string | null }
    , metadata: Array<{ key: string, value: string }>, provider: { id: string, provider: ProviderId } | null, fees: Array<{ amount: string, currency: string, kind: FeeKind }>, debits: Array<{ amount: string, currency: string }>, received: { amount: string, currency: string } | null, failure: { code: PayoutFailureCode, message: string, vendorCode: string | null, vendorMessage: string | null, moneyMoved: MoneyMoved, retryable: boolean } | null, attempts: Array<{ number: number, provider: ProviderId, account: string, orderNumber: string, providerReference: string | null, accountedFor: boolean, sends: Array<{ kind: SendKind, outcome: SendOutcome, startedAt: string, endedAt: string | null, vendorCode: string | null, vendorMessage: string | null }> }>, attention: Array<{ reason: AttentionReason, since: string, message: string }> } };

export class TypedDocumentString<TResult, TVariables>
  extends String
  implements DocumentTypeDecoration<TResult, TVariables>
{
  __apiType?: NonNullable<DocumentTypeDecoration<TResult, TVariables>['__apiType']>;
  private value: string;
  public __meta__?: Record<string, any> | undefined;

  constructor(value: string, __meta__?: Record<string, any> | undefined) {
    super(value);
    this.value = value;
    this.__meta__ = __meta__;
  }

  override toString(): string & DocumentTypeDecoration<TResult, TVariables> {
    return this.value;
  }
}
export const EventFieldsFragmentDoc = new TypedDocumentString(`
    fragment EventFields on PayoutEvent {
  id
  cursor
  sequence
  at
  source
  actor
  state
  previousState
  vendorStatus
  note
}
    `, {"fragmentName":"EventFields"}) as unknown as TypedDocumentString<EventFieldsFragment, unknown>;
export const PayoutFieldsFragmentDoc = new TypedDocumentString(`
    fragment PayoutFields on Payout {
  id
  reference
  merchantId
  state
  final
  moneyMoved
  amount {
    amount
    currency
  }
  feeMode
  destination {
    __typename
    ... on BlockchainDestination {
      address
      network
      memo
    }
    ... on ChannelDestination {
      channel
      account
      channelNetwork: network
    }
  }
  sourceCurrency
  description
  metadata {
    key
    value
  }
  sendBefore
  provider {
    id
    provider
  }
  environment
  providerReference
  fees {
    amount
    currency
    kind
  }
  debits {
    amount
    currency
  }
  received {
    amount
    currency
  }
  transactionHash
  vendorStatus
  vendorMessage
  failure {
    code
    message
    vendorCode
    vendorMessage
    moneyMoved
    retryable
  }
  attempts {
    number
    provider
    account
    orderNumber
    providerReference
    accountedFor
    sends {
      kind
      outcome
      startedAt
      endedAt
      vendorCode
      vendorMessage
    }
  }
  attention {
    reason
    since
    message
  }
  actions
  sequence
  cursor
  createdAt
  updatedAt
  nextCheckAt
}
    `, {"fragmentName":"PayoutFields"}) as unknown as TypedDocumentString<PayoutFieldsFragment, unknown>;
export const ViewerDocument = new TypedDocumentString(`
    query Viewer {
  viewer {
    merchant {
      id
      name
      createdAt
    }
    operator
    keyId
    label
    scopes
  }
}
    `) as unknown as TypedDocumentString<ViewerQuery, ViewerQueryVariables>;
export const ProvidersDocument = new TypedDocumentString(`
    query Providers {
  providers {
    id
    provider
    name
    environment
    enabled
    abilities
  }
}
    `) as unknown as TypedDocumentString<ProvidersQuery, ProvidersQueryVariables>;
export const ProviderDocument = new TypedDocumentString(`
    query Provider($provider: ProviderId!) {
  provider(provider: $provider) {
    id
    name
    enabled
    abilities
  }
}
    `) as unknown as TypedDocumentString<ProviderQuery, ProviderQueryVariables>;
export const NodeDocument = new TypedDocumentString(`
    query Node($id: ID!, $merchantId: ID) {
  node(id: $id, merchantId: $merchantId) {
    __typename
    id
  }
}
    `) as unknown as TypedDocumentString<NodeQuery, NodeQueryVariables>;
export const NodesDocument = new TypedDocumentString(`
    query Nodes($ids: [ID!]!, $merchantId: ID) {
  nodes(ids: $ids, merchantId: $merchantId) {
    __typename
    id
  }
}
    `) as unknown as TypedDocumentString<NodesQuery, NodesQueryVariables>;
export const EventsOfPayoutDocument = new TypedDocumentString(`
    query EventsOfPayout($id: ID!, $first: Int, $after: String, $last: Int, $before: String) {
  payout(id: $id) {
    id
    events(first: $first, after: $after, last: $last, before: $before) {
      edges {
        cursor
        node {
          ...EventFields
        }
      }
      pageInfo {
        hasNextPage
        hasPreviousPage
        startCursor
        endCursor
      }
    }
  }
}
    fragment EventFields on PayoutEvent {
  id
  cursor
  sequence
  at
  source
  actor
  state
  previousState
  vendorStatus
  note
}`) as unknown as TypedDocumentString<EventsOfPayoutQuery, EventsOfPayoutQueryVariables>;
export const PayoutEventsDocument = new TypedDocumentString(`
    query PayoutEvents($after: String, $first: Int, $filter: PayoutEventFilter, $merchantId: ID) {
  payoutEvents(
    after: $after
    first: $first
    filter: $filter
    merchantId: $merchantId
  ) {
    cursor
    events {
      ...EventFields
      payout {
        id
        reference
        state
        sequence
      }
    }
  }
}
    fragment EventFields on PayoutEvent {
  id
  cursor
  sequence
  at
  source
  actor
  state
  previousState
  vendorStatus
  note
}`) as unknown as TypedDocumentString<PayoutEventsQuery, PayoutEventsQueryVariables>;
export const WatchEventsDocument = new TypedDocumentString(`
    subscription WatchEvents($after: String, $filter: PayoutEventFilter, $merchantId: ID) {
  payoutEvents(after: $after, filter: $filter, merchantId: $merchantId) {
    ...EventFields
    payout {
      id
      reference
      state
      sequence
    }
  }
}
    fragment EventFields on PayoutEvent {
  id
  cursor
  sequence
  at
  source
  actor
  state
  previousState
  vendorStatus
  note
}`) as unknown as TypedDocumentString<WatchEventsSubscription, WatchEventsSubscriptionVariables>;
export const CreatePayoutDocument = new TypedDocumentString(`
    mutation CreatePayout($input: CreatePayoutInput!, $merchantId: ID) {
  createPayout(input: $input, merchantId: $merchantId) {
    __typename
    ... on CreatePayoutSuccess {
      replayed
      payout {
        ...PayoutFields
      }
    }
    ... on Error {
      code
      message
      retryable
      moneyMoved
    }
    ... on InvalidInputError {
      issues {
        path
        message
      }
    }
    ... on ReferenceConflictError {
      differences
      payout {
        id
        state
      }
    }
    ... on UnsupportedError {
      reasons {
        provider
        reason
      }
    }
  }
}
    fragment PayoutFields on Payout {
  id
  reference
  merchantId
  state
  final
  moneyMoved
  amount {
    amount
    currency
  }
  feeMode
  destination {
    __typename
    ... on BlockchainDestination {
      address
      network
      memo
    }
    ... on ChannelDestination {
      channel
      account
      channelNetwork: network
    }
  }
  sourceCurrency
  description
  metadata {
    key
    value
  }
  sendBefore
  provider {
    id
    provider
  }
  environment
  providerReference
  fees {
    amount
    currency
    kind
  }
  debits {
    amount
    currency
  }
  received {
    amount
    currency
  }
  transactionHash
  vendorStatus
  vendorMessage
  failure {
    code
    message
    vendorCode
    vendorMessage
    moneyMoved
    retryable
  }
  attempts {
    number
    provider
    account
    orderNumber
    providerReference
    accountedFor
    sends {
      kind
      outcome
      startedAt
      endedAt
      vendorCode
      vendorMessage
    }
  }
  attention {
    reason
    since
    message
  }
  actions
  sequence
  cursor
  createdAt
  updatedAt
  nextCheckAt
}`) as unknown as TypedDocumentString<CreatePayoutMutation, CreatePayoutMutationVariables>;
export const CancelPayoutDocument = new TypedDocumentString(`
    mutation CancelPayout($id: ID!, $merchantId: ID) {
  cancelPayout(input: { id: $id }, merchantId: $merchantId) {
    __typename
    ... on CancelPayoutSuccess {
      payout {
        id
        state
        final
        sequence
      }
    }
    ... on Error {
      code
      message
      retryable
      moneyMoved
    }
    ... on NotAllowedInStateError {
      payout {
        id
        state
      }
    }
  }
}
    `) as unknown as TypedDocumentString<CancelPayoutMutation, CancelPayoutMutationVariables>;
export const PayoutDocument = new TypedDocumentString(`
    query Payout($id: ID!, $merchantId: ID) {
  payout(id: $id, merchantId: $merchantId) {
    ...PayoutFields
  }
}
    fragment PayoutFields on Payout {
  id
  reference
  merchantId
  state
  final
  moneyMoved
  amount {
    amount
    currency
  }
  feeMode
  destination {
    __typename
    ... on BlockchainDestination {
      address
      network
      memo
    }
    ... on ChannelDestination {
      channel
      account
      channelNetwork: network
    }
  }
  sourceCurrency
  description
  metadata {
    key
    value
  }
  sendBefore
  provider {
    id
    provider
  }
  environment
  providerReference
  fees {
    amount
    currency
    kind
  }
  debits {
    amount
    currency
  }
  received {
    amount
    currency
  }
  transactionHash
  vendorStatus
  vendorMessage
  failure {
    code
    message
    vendorCode
    vendorMessage
    moneyMoved
    retryable
  }
  attempts {
    number
    provider
    account
    orderNumber
    providerReference
    accountedFor
    sends {
      kind
      outcome
      startedAt
      endedAt
      vendorCode
      vendorMessage
    }
  }
  attention {
    reason
    since
    message
  }
  actions
  sequence
  cursor
  createdAt
  updatedAt
  nextCheckAt
}`) as unknown as TypedDocumentString<PayoutQuery, PayoutQueryVariables>;
export const PayoutByReferenceDocument = new TypedDocumentString(`
    query PayoutByReference($reference: String!, $merchantId: ID) {
  payoutByReference(reference: $reference, merchantId: $merchantId) {
    ...PayoutFields
  }
}
    fragment PayoutFields on Payout {
  id
  reference
  merchantId
  state
  final
  moneyMoved
  amount {
    amount
    currency
  }
  feeMode
  destination {
    __typename
    ... on BlockchainDestination {
      address
      network
      memo
    }
    ... on ChannelDestination {
      channel
      account
      channelNetwork: network
    }
  }
  sourceCurrency
  description
  metadata {
    key
    value
  }
  sendBefore
  provider {
    id
    provider
  }
  environment
  providerReference
  fees {
    amount
    currency
    kind
  }
  debits {
    amount
    currency
  }
  received {
    amount
    currency
  }
  transactionHash
  vendorStatus
  vendorMessage
  failure {
    code
    message
    vendorCode
    vendorMessage
    moneyMoved
    retryable
  }
  attempts {
    number
    provider
    account
    orderNumber
    providerReference
    accountedFor
    sends {
      kind
      outcome
      startedAt
      endedAt
      vendorCode
      vendorMessage
    }
  }
  attention {
    reason
    since
    message
  }
  actions
  sequence
  cursor
  createdAt
  updatedAt
  nextCheckAt
}`) as unknown as TypedDocumentString<PayoutByReferenceQuery, PayoutByReferenceQueryVariables>;
export const PayoutsDocument = new TypedDocumentString(`
    query Payouts($first: Int, $after: String, $last: Int, $before: String, $filter: PayoutFilter, $merchantId: ID) {
  payouts(
    first: $first
    after: $after
    last: $last
    before: $before
    filter: $filter
    merchantId: $merchantId
  ) {
    edges {
      cursor
      node {
        id
        reference
        state
        createdAt
      }
    }
    pageInfo {
      hasNextPage
      hasPreviousPage
      startCursor
      endCursor
    }
  }
}
    `) as unknown as TypedDocumentString<PayoutsQuery, PayoutsQueryVariables>;
export const WatchPayoutDocument = new TypedDocumentString(`
    subscription WatchPayout($id: ID!, $merchantId: ID) {
  payout(id: $id, merchantId: $merchantId) {
    ...PayoutFields
  }
}
    fragment PayoutFields on Payout {
  id
  reference
  merchantId
  state
  final
  moneyMoved
  amount {
    amount
    currency
  }
  feeMode
  destination {
    __typename
    ... on BlockchainDestination {
      address
      network
      memo
    }
    ... on ChannelDestination {
      channel
      account
      channelNetwork: network
    }
  }
  sourceCurrency
  description
  metadata {
    key
    value
  }
  sendBefore
  provider {
    id
    provider
  }
  environment
  providerReference
  fees {
    amount
    currency
    kind
  }
  debits {
    amount
    currency
  }
  received {
    amount
    currency
  }
  transactionHash
  vendorStatus
  vendorMessage
  failure {
    code
    message
    vendorCode
    vendorMessage
    moneyMoved
    retryable
  }
  attempts {
    number
    provider
    account
    orderNumber
    providerReference
    accountedFor
    sends {
      kind
      outcome
      startedAt
      endedAt
      vendorCode
      vendorMessage
    }
  }
  attention {
    reason
    since
    message
  }
  actions
  sequence
  cursor
  createdAt
  updatedAt
  nextCheckAt
}`) as unknown as TypedDocumentString<WatchPayoutSubscription, WatchPayoutSubscriptionVariables>;