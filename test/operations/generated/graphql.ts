/* eslint-disable */
/** Internal type. DO NOT USE DIRECTLY. */
type Exact<T extends { [key: string]: unknown }> = { [K in keyof T]: T[K] };
/** Internal type. DO NOT USE DIRECTLY. */
export type Incremental<T> = T | { [P in keyof T]?: P extends ' $fragmentName' | '__typename' ? T[P] : never };
import type { DocumentTypeDecoration } from '@graphql-typed-document-node/core';
/** What to correct: at least one beside the payout. Each one replaces the old one whole; the rest stays. */
export type AmendPayoutInput = {
  /** Whose account it goes to. */
  beneficiary?: PartyInput | null | undefined;
  /** Whose money it is. */
  originator?: PartyInput | null | undefined;
  /** `po_…` */
  payoutId: string | number;
  /** In the provider's own words. 1 to 200 printable characters. */
  purpose?: string | null | undefined;
  /** In the provider's own words. 1 to 200 printable characters. */
  relationship?: string | null | undefined;
  /** In the provider's own words. 1 to 200 printable characters. */
  sourceOfFunds?: string | null | undefined;
};

/** The provider has it. */
export type ArrivedInput = {
  /** The provider's own number for it, 1 to 200 printable characters. It is looked up and compared before it is bound. */
  providerReference: string;
};

/** A supporting document: a PDF, a JPEG or a PNG, told by its content. */
export type AttachDocumentInput = {
  /** The file in standard Base64 with its padding: 1 byte to 5 MiB decoded. A request may have 8 MiB over HTTP, and 1 MiB over WebSocket. It is kept encrypted until the provider has it, and forgotten then. */
  contentBase64: string;
  /** Its name, for people: 1 to 200 printable characters, no slash. What it holds is told by the content. */
  fileName: string;
  /** For whoever reads it at the provider. 1 to 500 printable characters. */
  note?: string | null | undefined;
  /** `po_…` */
  payoutId: string | number;
  /** What it is, in the provider's own words (`referenceData`, `DOCUMENT_TYPES`). 1 to 100 characters. */
  type: string;
};

/** What is wrong. New values may be added. */
export type AttentionReason =
  /** The account that it was sent from is no longer the one that is set up. */
  | 'ACCOUNT_CHANGED'
  /** The provider refused what was asked for after it was sent. */
  | 'ACTION_REFUSED'
  /** What was sent was erased, or its data key is gone: it cannot be sent again. */
  | 'BODY_UNREADABLE'
  /** The provider says what cannot follow on what it said before. */
  | 'CONTRADICTED'
  /** It was sent and no answer tells what became of it; we are still finding out. */
  | 'IN_DOUBT'
  /** The provider has it, although it was believed not to. */
  | 'LATE_EVIDENCE'
  /** Of an account, not of a payout: less is there than what is to be kept. */
  | 'LOW_BALANCE'
  /** The provider does not find it, which proves nothing there. */
  | 'NOT_FOUND_AT_PROVIDER'
  /** It takes longer than is usual at its provider. */
  | 'OVERDUE'
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

/** What kind of account it is. */
export type BankAccountType =
  /** At Alipay. */
  | 'ALIPAY'
  /** At a bank: the number of the account or of its card. */
  | 'BANK'
  /** At WeChat Pay. */
  | 'WECHAT';

/** An account at a bank, or one of the same kind. */
export type BankDestinationInput = {
  /** The number of the account or its card, an IBAN, or what names the account at Alipay or WeChat. 6 to 64 ASCII characters without a space. */
  accountNumber: string;
  /** What kind of account it is. */
  accountType?: BankAccountType;
  /** Whose account it is. */
  beneficiary: PartyInput;
};

/** An address on a blockchain, which must pass the network's own checks before anything is stored. */
export type BlockchainDestinationInput = {
  /** Written exactly as the network writes it, checksum included. SOLANA has none, raw TON addresses have none, and EVM addresses have one only in mixed letter case (EIP-55). */
  address: string;
  /** The memo or tag of networks that have one. 1 to 255 printable characters. */
  memo?: string | null | undefined;
  /** Our code, whatever the provider calls it: TRON, ETHEREUM, BSC, POLYGON, AVALANCHE_C, ARBITRUM, OPTIMISM, BASE, SOLANA, TON, BITCOIN, LITECOIN, DOGECOIN, DASH. */
  network: string;
};

/** What a call to a provider is for. One kind may fail while another goes on. */
export type CallKind =
  /** To ask what became of one, to confirm it, or to change it. */
  | 'LOOKUP'
  /** About no payout: prices, balances, lists. */
  | 'READ'
  /** To send a payout. */
  | 'SUBMIT';

/** An account inside a provider's own payment channel. */
export type ChannelDestinationInput = {
  /** The account in the channel. 1 to 255 printable characters. */
  account: string;
  /** The channel's name at the provider. 1 to 64 printable characters. */
  channel: string;
  /** The channel's network, where it has several. 1 to 64 printable characters. */
  network?: string | null | undefined;
};

/** Whether calls of a kind go through. Each process has circuits of its own, and opens them by its own calls. */
export type CircuitState =
  /** They do. */
  | 'CLOSED'
  /** One tries: an answer closes the circuit, a failure opens it for twice as long. */
  | 'HALF_OPEN'
  /** None does until `retryAt`: five in a row failed (for a second, then twice as long each time, up to a minute), or the provider said how long it wants to be left alone (up to an hour). */
  | 'OPEN';

/** What to pay. The same reference with the same input answers the first payout, for ever. */
export type CreatePayoutInput = {
  /** How much. `feeMode` says who bears the fees. */
  amount: MoneyInput;
  /** Of a two-step provider: confirm as soon as it approves. False: it waits for `confirmPayout`. Others have no second step. */
  autoConfirm?: boolean;
  /** The merchant's own words, which the provider may show. 1 to 255 printable characters. */
  description?: string | null | undefined;
  /** Where to. */
  destination: DestinationInput;
  /** Once a provider provably has not taken it (refused at once, or never reached), send it to the next eligible one, under a new order number. Never after a compliance refusal, an acceptance, or doubt. */
  failover?: boolean;
  /** Who bears the fees. */
  feeMode?: FeeMode;
  /** The wallet that granted an allowance to the provider's payout contract: an address on the destination's network. Left out: the contract's own balance pays. */
  fundingAddress?: string | null | undefined;
  /** The merchant's own facts, at most 50, their keys unique. No provider sees them. Default: none. */
  metadata?: Array<MetadataEntryInput> | null | undefined;
  /** Whose money it is, where the provider asks. The recipient stands in the destination. Default: nobody. */
  originator?: PartyInput | null | undefined;
  /** Which part of the quote's price it may be worse by when it is sent, e.g. `0.01`; at most `0.5`. Only with `quoteId`. Default: `0`, not at all. */
  priceTolerance?: string | null | undefined;
  /** Who is to pay it. Left out: Outflow chooses by the policy of the deployment, and `Payout.route` says why. */
  provider?: ProviderId | null | undefined;
  /** What it is for, in the provider's own words (`referenceData`, `PURPOSES`). 1 to 200 printable characters. Default: none. */
  purpose?: string | null | undefined;
  /** Hold it to this quote of `quotes`: its provider, amount, asset and fee mode, and nothing sent at a worse price. Left out: whatever it costs when it is sent. */
  quoteId?: string | number | null | undefined;
  /** The other way: `amount` is debited, and the recipient gets what the rate gives in this currency. 2 to 12 of A-Z 0-9. Not together with `sourceCurrency`. Left out: the amount's own. */
  receiveCurrency?: string | null | undefined;
  /** The merchant's order number, the idempotency key, for ever. 1 to 64 of A-Z a-z 0-9 . _ : / - */
  reference: string;
  /** What the recipient is to the originator, in the provider's own words (`RELATIONSHIPS`). 1 to 200 printable characters. Default: none. */
  relationship?: string | null | undefined;
  /** Not sent by then: FAILED with EXPIRED, and nothing moved. Left out: no limit. */
  sendBefore?: string | null | undefined;
  /** The recipient gets `amount`; debit this currency instead and let the provider convert. 2 to 12 of A-Z 0-9. Left out: the amount's own. */
  sourceCurrency?: string | null | undefined;
  /** Where the money came from, in the provider's own words (`SOURCES_OF_FUNDS`). 1 to 200 printable characters. Default: none. */
  sourceOfFunds?: string | null | undefined;
};

/** Where a payout is to go: exactly one of these. */
export type DestinationInput =
  {   /** To an account at a bank, at Alipay or at WeChat. */
  bank: BankDestinationInput; blockchain?: never; channel?: never; }
  |  { bank?: never;   /** To an address on a blockchain. */
  blockchain: BlockchainDestinationInput; channel?: never; }
  |  { bank?: never; blockchain?: never;   /** To an account in a provider's payment channel. */
  channel: ChannelDestinationInput; };

/** What the deployment is for. A store belongs to one of them for ever. */
export type Environment =
  /** Real providers and real money. */
  | 'LIVE'
  /** Stand-in providers: no money moves. */
  | 'SANDBOX';

/** Whose personal data to forget. */
export type ErasePayoutInput = {
  /** What it rests on: it becomes an event, for good. No personal data. 1 to 500 printable characters. */
  note: string;
  /** `po_…` */
  payoutId: string | number;
};

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
  /** The provider answered that it does not. */
  | 'PROVIDER_REJECTED'
  /** The provider could not be asked. */
  | 'PROVIDER_UNAVAILABLE'
  /** The quote is over. */
  | 'QUOTE_EXPIRED'
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

/** How a provider does, by the calls of every process of the deployment. */
export type HealthState =
  /** It failed to answer the last call, or a circuit is not closed. */
  | 'DEGRADED'
  /** The circuit of its sends is open: nothing is sent to it right now. */
  | 'DOWN'
  /** It was not called lately. */
  | 'UNKNOWN'
  /** It answered the last call, be it with a refusal, and every circuit is closed. */
  | 'UP';

/** What kind of identity document it is. New values may be added. */
export type IdType =
  /** A driver's licence. */
  | 'DRIVER'
  /** A national identity card. */
  | 'ID_CARD'
  /** Another one. */
  | 'OTHER'
  /** A passport. */
  | 'PASSPORT'
  /** A residence permit. */
  | 'RESIDENCE'
  /** A work permit. */
  | 'WORK_PERMIT';

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

/** The provider was asked by a person and does not have it. */
export type NeverArrivedInput = {
  /** What becomes of it. */
  next: NeverArrivedNext;
};

/** What becomes of a payout that never arrived. */
export type NeverArrivedNext =
  /** It is FAILED, and nothing moved. */
  | 'FAIL'
  /** It is sent again under the same order number, where the provider refuses duplicates. */
  | 'SEND_AGAIN';

/** A person, or a firm, at one end of a payout: the union of what providers ask, at least one field. UNSUPPORTED says what one misses. Personal data: kept encrypted, apart from the payout, erasable. Each text: 1 to 200 printable characters. */
export type PartyInput = {
  /** The party's own account: of an originator, where the money came from. */
  accountNumber?: string | null | undefined;
  /** What kind of account the party's own is. */
  accountType?: BankAccountType | null | undefined;
  /** Postal address. */
  address?: PostalAddressInput | null | undefined;
  /** A day, `yyyy-MM-dd`. */
  dateOfBirth?: string | null | undefined;
  /** E-mail address. */
  email?: string | null | undefined;
  /** First name. */
  firstName?: string | null | undefined;
  /** Who issued it: ISO 3166-1 alpha-2, capital letters. */
  idCountry?: string | null | undefined;
  /** Valid until: a day, `yyyy-MM-dd`. */
  idExpiryDate?: string | null | undefined;
  /** Valid from: a day, `yyyy-MM-dd`. */
  idIssueDate?: string | null | undefined;
  /** The number of the identity document. */
  idNumber?: string | null | undefined;
  /** What kind of identity document. */
  idType?: IdType | null | undefined;
  /** Last name. */
  lastName?: string | null | undefined;
  /** Middle name. */
  middleName?: string | null | undefined;
  /** The whole name, in the script that the account is kept in. */
  name?: string | null | undefined;
  /** ISO 3166-1 alpha-2, capital letters, e.g. `CN`. */
  nationality?: string | null | undefined;
  /** In the provider's own words (`referenceData`, `OCCUPATIONS`). */
  occupation?: string | null | undefined;
  /** 3 to 20 digits without the country code. */
  phone?: string | null | undefined;
  /** 1 to 4 digits without a plus, e.g. `86`. */
  phoneCountryCode?: string | null | undefined;
  /** As the identity document says. */
  sex?: Sex | null | undefined;
};

/** What can be done with a payout right now. New values may be added. */
export type PayoutAction =
  /** `amendPayout`: the provider still takes corrections. */
  | 'AMEND'
  /** `attachDocument`: the provider wants supporting documents. */
  | 'ATTACH_DOCUMENT'
  /** `cancelPayout`: it has not been sent, or the provider still lets go of it. */
  | 'CANCEL'
  /** `completeDocuments`: tells the provider that all documents are there. */
  | 'COMPLETE_DOCUMENTS'
  /** `confirmPayout`: the provider holds it until then. */
  | 'CONFIRM';

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
  /** It would have cost more than the quote that it was held to, or nobody names a price for it any more. Nothing was sent. */
  | 'PRICE_CHANGED'
  /** The provider refused it for a reason of its own. */
  | 'PROVIDER_REFUSED';

/** Which payouts. Every field narrows; what is left out does not. */
export type PayoutFilter = {
  /** Only those that were asked for in this batch, `pb_…`. */
  batchId?: string | number | null | undefined;
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

/** A postal address. Each text: 1 to 200 printable characters. */
export type PostalAddressInput = {
  /** City, where the provider asks in its own words (`AREAS`). */
  city?: string | null | undefined;
  /** ISO 3166-1 alpha-2, capital letters, e.g. `CN`. */
  country?: string | null | undefined;
  /** District, where the provider asks in its own words (`AREAS`). */
  district?: string | null | undefined;
  /** Street and house. */
  line: string;
  /** Postal code. */
  postalCode?: string | null | undefined;
  /** State or province, where the provider asks in its own words (`AREAS`). */
  state?: string | null | undefined;
};

/** What a provider can do. New values may be added. */
export type ProviderAbility =
  /** It takes corrections of a payout that it has. */
  | 'AMEND'
  /** It lists what it pays; `assets` is what it says, not only what its pages say. */
  | 'ASSETS'
  /** It tells our balances. */
  | 'BALANCES'
  /** It takes several payouts in one call. */
  | 'BATCH_SUBMIT'
  /** It can let go of a payout that it has. */
  | 'CANCEL'
  /** It pays in two steps; `autoConfirm` and `confirmPayout` are the second. */
  | 'CONFIRM'
  /** It takes supporting documents. */
  | 'DOCUMENTS'
  /** It tells by itself that something changed; it is then asked what. */
  | 'HINT_WEBHOOK'
  /** It answers a repeated order with the first one, so a lost answer is settled by asking again. */
  | 'IDEMPOTENT_SUBMIT'
  /** It can be asked what became of a payout. */
  | 'LOOKUP'
  /** It finds a payout by our order number, also where its answer was lost. */
  | 'LOOKUP_BY_REFERENCE'
  /** It tells a price beforehand. */
  | 'QUOTE'
  /** It lists words of its own, which `referenceData` gives. */
  | 'REFERENCE_DATA'
  /** It reports changes by itself, verifiably. */
  | 'SIGNED_WEBHOOK'
  /** It takes payouts. */
  | 'SUBMIT';

/** A payout provider. */
export type ProviderId =
  /** BlockATM */
  | 'BLOCKATM'
  /** ChainPay */
  | 'CHAINPAY'
  /** 2328.io */
  | 'IO2328'
  /** OxaPay */
  | 'OXAPAY'
  /** xCurrency Hubs */
  | 'XCURRENCY';

/** What a provider has its own words for. New values may be added. */
export type ReferenceKind =
  /** States, cities and districts of an address, one within the other. */
  | 'AREAS'
  /** `ChannelDestinationInput.channel`. */
  | 'CHANNELS'
  /** `AttachDocumentInput.type`. */
  | 'DOCUMENT_TYPES'
  /** `PartyInput.occupation`. */
  | 'OCCUPATIONS'
  /** `CreatePayoutInput.purpose`. */
  | 'PURPOSES'
  /** `CreatePayoutInput.relationship`. */
  | 'RELATIONSHIPS'
  /** `CreatePayoutInput.sourceOfFunds`. */
  | 'SOURCES_OF_FUNDS';

/** What an operator found out: exactly one of these. */
export type ResolutionInput =
  {   /** The provider has it. */
  arrived: ArrivedInput; neverArrived?: never; seen?: never; }
  |  { arrived?: never;   /** The provider does not have it, and never will. */
  neverArrived: NeverArrivedInput; seen?: never; }
  |  { arrived?: never; neverArrived?: never;   /** True: somebody has seen to it. It leaves the list of what needs attention, and nothing else changes. */
  seen: boolean; };

/** How doubt about a payout ends. */
export type ResolvePayoutInput = {
  /** What it rests on: it becomes an event, for good. No personal data. 1 to 500 printable characters. */
  note: string;
  /** What was found out. */
  outcome: ResolutionInput;
  /** `po_…` */
  payoutId: string | number;
};

/** What a send was. New values may be added. */
export type SendKind =
  /** Other parties, purpose, relationship or source of funds. */
  | 'AMEND'
  /** A supporting document. */
  | 'ATTACH_DOCUMENT'
  /** Calling it off at the provider. */
  | 'CANCEL'
  /** That all documents are there. */
  | 'COMPLETE_DOCUMENTS'
  /** The second step: the provider may pay it now. */
  | 'CONFIRM'
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

/** As the identity document says. */
export type Sex =
  /** Female. */
  | 'FEMALE'
  /** Male. */
  | 'MALE';

type ErrorFields_BatchCancelledError_Fragment = { __typename: 'BatchCancelledError', code: ErrorCode, message: string, retryable: boolean, moneyMoved: MoneyMoved };

type ErrorFields_InternalError_Fragment = { __typename: 'InternalError', code: ErrorCode, message: string, retryable: boolean, moneyMoved: MoneyMoved };

type ErrorFields_InvalidInputError_Fragment = { __typename: 'InvalidInputError', code: ErrorCode, message: string, retryable: boolean, moneyMoved: MoneyMoved, issues: Array<{ path: Array<string>, message: string }> };

type ErrorFields_NotAllowedInStateError_Fragment = { __typename: 'NotAllowedInStateError', code: ErrorCode, message: string, retryable: boolean, moneyMoved: MoneyMoved, payout: { id: string, state: PayoutState } };

type ErrorFields_NotFoundError_Fragment = { __typename: 'NotFoundError', code: ErrorCode, message: string, retryable: boolean, moneyMoved: MoneyMoved };

type ErrorFields_ProviderRejectedError_Fragment = { __typename: 'ProviderRejectedError', provider: ProviderId, vendorCode: string | null, vendorMessage: string | null, code: ErrorCode, message: string, retryable: boolean, moneyMoved: MoneyMoved };

type ErrorFields_ProviderUnavailableError_Fragment = { __typename: 'ProviderUnavailableError', provider: ProviderId, retryAt: string | null, code: ErrorCode, message: string, retryable: boolean, moneyMoved: MoneyMoved };

type ErrorFields_QuoteExpiredError_Fragment = { __typename: 'QuoteExpiredError', code: ErrorCode, message: string, retryable: boolean, moneyMoved: MoneyMoved };

type ErrorFields_ReferenceConflictError_Fragment = { __typename: 'ReferenceConflictError', code: ErrorCode, message: string, retryable: boolean, moneyMoved: MoneyMoved };

type ErrorFields_UnsupportedError_Fragment = { __typename: 'UnsupportedError', code: ErrorCode, message: string, retryable: boolean, moneyMoved: MoneyMoved, reasons: Array<{ provider: ProviderId, reason: string }> };

export type ErrorFieldsFragment =
  | ErrorFields_BatchCancelledError_Fragment
  | ErrorFields_InternalError_Fragment
  | ErrorFields_InvalidInputError_Fragment
  | ErrorFields_NotAllowedInStateError_Fragment
  | ErrorFields_NotFoundError_Fragment
  | ErrorFields_ProviderRejectedError_Fragment
  | ErrorFields_ProviderUnavailableError_Fragment
  | ErrorFields_QuoteExpiredError_Fragment
  | ErrorFields_ReferenceConflictError_Fragment
  | ErrorFields_UnsupportedError_Fragment
;

export type ActedOnFragment = { id: string, state: PayoutState, final: boolean, moneyMoved: MoneyMoved, actions: Array<PayoutAction>, pendingAction: PayoutAction | null, sequence: number };

export type CancelPayoutMutationVariables = Exact<{
  id: string | number;
  merchantId?: string | number | null | undefined;
}>;


export type CancelPayoutMutation = { cancelPayout:
    | { __typename: 'CancelPayoutSuccess', payout: { id: string, state: PayoutState, final: boolean, moneyMoved: MoneyMoved, actions: Array<PayoutAction>, pendingAction: PayoutAction | null, sequence: number } }
    | { __typename: 'InvalidInputError', code: ErrorCode, message: string, retryable: boolean, moneyMoved: MoneyMoved, issues: Array<{ path: Array<string>, message: string }> }
    | { __typename: 'NotAllowedInStateError', code: ErrorCode, message: string, retryable: boolean, moneyMoved: MoneyMoved, payout: { id: string, state: PayoutState } }
    | { __typename: 'NotFoundError', code: ErrorCode, message: string, retryable: boolean, moneyMoved: MoneyMoved }
    | { __typename: 'UnsupportedError', code: ErrorCode, message: string, retryable: boolean, moneyMoved: MoneyMoved, reasons: Array<{ provider: ProviderId, reason: string }> }
   };

export type ConfirmPayoutMutationVariables = Exact<{
  payoutId: string | number;
  merchantId?: string | number | null | undefined;
}>;


export type ConfirmPayoutMutation = { confirmPayout:
    | { __typename: 'ConfirmPayoutSuccess', payout: { id: string, state: PayoutState, final: boolean, moneyMoved: MoneyMoved, actions: Array<PayoutAction>, pendingAction: PayoutAction | null, sequence: number } }
    | { __typename: 'InvalidInputError', code: ErrorCode, message: string, retryable: boolean, moneyMoved: MoneyMoved, issues: Array<{ path: Array<string>, message: string }> }
    | { __typename: 'NotAllowedInStateError', code: ErrorCode, message: string, retryable: boolean, moneyMoved: MoneyMoved, payout: { id: string, state: PayoutState } }
    | { __typename: 'NotFoundError', code: ErrorCode, message: string, retryable: boolean, moneyMoved: MoneyMoved }
    | { __typename: 'UnsupportedError', code: ErrorCode, message: string, retryable: boolean, moneyMoved: MoneyMoved, reasons: Array<{ provider: ProviderId, reason: string }> }
   };

export type AmendPayoutMutationVariables = Exact<{
  input: AmendPayoutInput;
  merchantId?: string | number | null | undefined;
}>;


export type AmendPayoutMutation = { amendPayout:
    | { __typename: 'AmendPayoutSuccess', payout: { id: string, state: PayoutState, final: boolean, moneyMoved: MoneyMoved, actions: Array<PayoutAction>, pendingAction: PayoutAction | null, sequence: number } }
    | { __typename: 'InvalidInputError', code: ErrorCode, message: string, retryable: boolean, moneyMoved: MoneyMoved, issues: Array<{ path: Array<string>, message: string }> }
    | { __typename: 'NotAllowedInStateError', code: ErrorCode, message: string, retryable: boolean, moneyMoved: MoneyMoved, payout: { id: string, state: PayoutState } }
    | { __typename: 'NotFoundError', code: ErrorCode, message: string, retryable: boolean, moneyMoved: MoneyMoved }
    | { __typename: 'UnsupportedError', code: ErrorCode, message: string, retryable: boolean, moneyMoved: MoneyMoved, reasons: Array<{ provider: ProviderId, reason: string }> }
   };

export type AttachDocumentMutationVariables = Exact<{
  input: AttachDocumentInput;
  merchantId?: string | number | null | undefined;
}>;


export type AttachDocumentMutation = { attachDocument:
    | { __typename: 'AttachDocumentSuccess', payout: { id: string, state: PayoutState, final: boolean, moneyMoved: MoneyMoved, actions: Array<PayoutAction>, pendingAction: PayoutAction | null, sequence: number } }
    | { __typename: 'InvalidInputError', code: ErrorCode, message: string, retryable: boolean, moneyMoved: MoneyMoved, issues: Array<{ path: Array<string>, message: string }> }
    | { __typename: 'NotAllowedInStateError', code: ErrorCode, message: string, retryable: boolean, moneyMoved: MoneyMoved, payout: { id: string, state: PayoutState } }
    | { __typename: 'NotFoundError', code: ErrorCode, message: string, retryable: boolean, moneyMoved: MoneyMoved }
    | { __typename: 'UnsupportedError', code: ErrorCode, message: string, retryable: boolean, moneyMoved: MoneyMoved, reasons: Array<{ provider: ProviderId, reason: string }> }
   };

export type CompleteDocumentsMutationVariables = Exact<{
  payoutId: string | number;
  merchantId?: string | number | null | undefined;
}>;


export type CompleteDocumentsMutation = { completeDocuments:
    | { __typename: 'CompleteDocumentsSuccess', payout: { id: string, state: PayoutState, final: boolean, moneyMoved: MoneyMoved, actions: Array<PayoutAction>, pendingAction: PayoutAction | null, sequence: number } }
    | { __typename: 'InvalidInputError', code: ErrorCode, message: string, retryable: boolean, moneyMoved: MoneyMoved, issues: Array<{ path: Array<string>, message: string }> }
    | { __typename: 'NotAllowedInStateError', code: ErrorCode, message: string, retryable: boolean, moneyMoved: MoneyMoved, payout: { id: string, state: PayoutState } }
    | { __typename: 'NotFoundError', code: ErrorCode, message: string, retryable: boolean, moneyMoved: MoneyMoved }
    | { __typename: 'UnsupportedError', code: ErrorCode, message: string, retryable: boolean, moneyMoved: MoneyMoved, reasons: Array<{ provider: ProviderId, reason: string }> }
   };

export type ResolvePayoutMutationVariables = Exact<{
  input: ResolvePayoutInput;
  merchantId?: string | number | null | undefined;
}>;


export type ResolvePayoutMutation = { resolvePayout:
    | { __typename: 'InvalidInputError', code: ErrorCode, message: string, retryable: boolean, moneyMoved: MoneyMoved, issues: Array<{ path: Array<string>, message: string }> }
    | { __typename: 'NotAllowedInStateError', code: ErrorCode, message: string, retryable: boolean, moneyMoved: MoneyMoved, payout: { id: string, state: PayoutState } }
    | { __typename: 'NotFoundError', code: ErrorCode, message: string, retryable: boolean, moneyMoved: MoneyMoved }
    | { __typename: 'ProviderRejectedError', provider: ProviderId, vendorCode: string | null, vendorMessage: string | null, code: ErrorCode, message: string, retryable: boolean, moneyMoved: MoneyMoved }
    | { __typename: 'ProviderUnavailableError', provider: ProviderId, retryAt: string | null, code: ErrorCode, message: string, retryable: boolean, moneyMoved: MoneyMoved }
    | { __typename: 'ResolvePayoutSuccess', payout: { id: string, state: PayoutState, final: boolean, moneyMoved: MoneyMoved, actions: Array<PayoutAction>, pendingAction: PayoutAction | null, sequence: number } }
    | { __typename: 'UnsupportedError', code: ErrorCode, message: string, retryable: boolean, moneyMoved: MoneyMoved, reasons: Array<{ provider: ProviderId, reason: string }> }
   };

export type ErasePayoutMutationVariables = Exact<{
  input: ErasePayoutInput;
  merchantId?: string | number | null | undefined;
}>;


export type ErasePayoutMutation = { erasePayout:
    | { __typename: 'ErasePayoutSuccess', payout: { id: string, state: PayoutState, final: boolean, moneyMoved: MoneyMoved, actions: Array<PayoutAction>, pendingAction: PayoutAction | null, sequence: number } }
    | { __typename: 'InvalidInputError', code: ErrorCode, message: string, retryable: boolean, moneyMoved: MoneyMoved, issues: Array<{ path: Array<string>, message: string }> }
    | { __typename: 'NotAllowedInStateError', code: ErrorCode, message: string, retryable: boolean, moneyMoved: MoneyMoved, payout: { id: string, state: PayoutState } }
    | { __typename: 'NotFoundError', code: ErrorCode, message: string, retryable: boolean, moneyMoved: MoneyMoved }
   };

export type AttentionQueryVariables = Exact<{
  first?: number | null | undefined;
  after?: string | null | undefined;
  merchantId?: string | number | null | undefined;
}>;


export type AttentionQuery = { attention: { edges: Array<{ cursor: string, node: { reason: AttentionReason, others: Array<AttentionReason>, message: string, since: string, provider: ProviderId, account: string, payout: { id: string, state: PayoutState, merchantId: string } | null } }>, pageInfo: { hasNextPage: boolean, hasPreviousPage: boolean, startCursor: string | null, endCursor: string | null } } };

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
    | { __typename: 'PayoutBatch', id: string }
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
    | { __typename: 'PayoutBatch', id: string }
    | { __typename: 'PayoutEvent', id: string }
    | { __typename: 'Provider', id: string }
   | null> };

export type ProviderAssetsQueryVariables = Exact<{
  provider: ProviderId;
}>;


export type ProviderAssetsQuery = { provider: { id: string, assets: Array<{ currency: string, network: string | null, minAmount: string | null, maxAmount: string | null, fee: string | null, feeModes: Array<FeeMode> }> } | null };

export type ProviderHealthQueryVariables = Exact<{
  provider: ProviderId;
}>;


export type ProviderHealthQuery = { provider: { id: string, health: { state: HealthState, lastSuccessAt: string | null, lastFailureAt: string | null, queued: number, oldestQueuedAt: string | null } } | null };

export type ReferenceDataQueryVariables = Exact<{
  provider: ProviderId;
  kind: ReferenceKind;
}>;


export type ReferenceDataQuery = { referenceData: Array<{ value: string, label: string | null, localName: string | null, code: string | null, children: Array<{ value: string, label: string | null, localName: string | null, code: string | null, children: Array<{ value: string, localName: string | null, code: string | null }> }> }> };

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

export type HealthFieldsFragment = { provider: ProviderId, state: HealthState, lastSuccessAt: string | null, lastFailureAt: string | null, circuits: Array<{ kind: CallKind, state: CircuitState, since: string, reason: string | null, retryAt: string | null }> };

export type HealthsQueryVariables = Exact<{ [key: string]: never; }>;


export type HealthsQuery = { providers: Array<{ provider: ProviderId, health: { provider: ProviderId, state: HealthState, lastSuccessAt: string | null, lastFailureAt: string | null, circuits: Array<{ kind: CallKind, state: CircuitState, since: string, reason: string | null, retryAt: string | null }> } }> };

export type WatchHealthSubscriptionVariables = Exact<{
  providers?: Array<ProviderId> | ProviderId | null | undefined;
}>;


export type WatchHealthSubscription = { providerHealth: { queued: number, oldestQueuedAt: string | null, provider: ProviderId, state: HealthState, lastSuccessAt: string | null, lastFailureAt: string | null, circuits: Array<{ kind: CallKind, state: CircuitState, since: string, reason: string | null, retryAt: string | null }> } };

export type CreatePayoutMutationVariables = Exact<{
  input: CreatePayoutInput;
  merchantId?: string | number | null | undefined;
}>;


export type CreatePayoutMutation = { createPayout:
    | { __typename: 'CreatePayoutSuccess', replayed: boolean, payout: { id: string, reference: string, merchantId: string, state: PayoutState, final: boolean, moneyMoved: MoneyMoved, feeMode: FeeMode, sourceCurrency: string | null, receiveCurrency: string | null, purpose: string | null, relationship: string | null, sourceOfFunds: string | null, fundingAddress: string | null, autoConfirm: boolean, description: string | null, sendBefore: string | null, environment: Environment, providerReference: string | null, transactionHash: string | null, vendorStatus: string | null, vendorMessage: string | null, actions: Array<PayoutAction>, pendingAction: PayoutAction | null, sequence: number, cursor: string, createdAt: string, updatedAt: string, nextCheckAt: string | null, amount: { amount: string, currency: string }, destination:
          | { __typename: 'BankDestination', accountNumber: string, accountType: BankAccountType }
          | { __typename: 'BlockchainDestination', address: string, network: string, memo: string | null }
          | { __typename: 'ChannelDestination', channel: string, account: string, channelNetwork: string | null }
        , metadata: Array<{ key: string, value: string }>, provider: { id: string, provider: ProviderId } | null, fees: Array<{ amount: string, currency: string, kind: FeeKind }>, debits: Array<{ amount: string, currency: string }>, received: { amount: string, currency: string } | null, failure: { code: PayoutFailureCode, message: string, vendorCode: string | null, vendorMessage: string | null, moneyMoved: MoneyMoved, retryable: boolean } | null, attempts: Array<{ number: number, provider: ProviderId, account: string, orderNumber: string, providerReference: string | null, accountedFor: boolean, sends: Array<{ kind: SendKind, outcome: SendOutcome, startedAt: string, endedAt: string | null, vendorCode: string | null, vendorMessage: string | null }> }>, attention: Array<{ reason: AttentionReason, since: string, message: string }> } }
    | { __typename: 'InvalidInputError', code: ErrorCode, message: string, retryable: boolean, moneyMoved: MoneyMoved, issues: Array<{ path: Array<string>, message: string }> }
    | { __typename: 'ProviderUnavailableError', code: ErrorCode, message: string, retryable: boolean, moneyMoved: MoneyMoved }
    | { __typename: 'QuoteExpiredError', code: ErrorCode, message: string, retryable: boolean, moneyMoved: MoneyMoved }
    | { __typename: 'ReferenceConflictError', code: ErrorCode, message: string, retryable: boolean, moneyMoved: MoneyMoved, differences: Array<string>, payout: { id: string, state: PayoutState } }
    | { __typename: 'UnsupportedError', code: ErrorCode, message: string, retryable: boolean, moneyMoved: MoneyMoved, reasons: Array<{ provider: ProviderId, reason: string }> }
   };

export type PayoutFieldsFragment = { id: string, reference: string, merchantId: string, state: PayoutState, final: boolean, moneyMoved: MoneyMoved, feeMode: FeeMode, sourceCurrency: string | null, receiveCurrency: string | null, purpose: string | null, relationship: string | null, sourceOfFunds: string | null, fundingAddress: string | null, autoConfirm: boolean, description: string | null, sendBefore: string | null, environment: Environment, providerReference: string | null, transactionHash: string | null, vendorStatus: string | null, vendorMessage: string | null, actions: Array<PayoutAction>, pendingAction: PayoutAction | null, sequence: number, cursor: string, createdAt: string, updatedAt: string, nextCheckAt: string | null, amount: { amount: string, currency: string }, destination:
    | { __typename: 'BankDestination', accountNumber: string, accountType: BankAccountType }
    | { __typename: 'BlockchainDestination', address: string, network: string, memo: string | null }
    | { __typename: 'ChannelDestination', channel: string, account: string, channelNetwork: string | null }
  , metadata: Array<{ key: string, value: string }>, provider: { id: string, provider: ProviderId } | null, fees: Array<{ amount: string, currency: string, kind: FeeKind }>, debits: Array<{ amount: string, currency: string }>, received: { amount: string, currency: string } | null, failure: { code: PayoutFailureCode, message: string, vendorCode: string | null, vendorMessage: string | null, moneyMoved: MoneyMoved, retryable: boolean } | null, attempts: Array<{ number: number, provider: ProviderId, account: string, orderNumber: string, providerReference: string | null, accountedFor: boolean, sends: Array<{ kind: SendKind, outcome: SendOutcome, startedAt: string, endedAt: string | null, vendorCode: string | null, vendorMessage: string | null }> }>, attention: Array<{ reason: AttentionReason, since: string, message: string }> };

export type PayoutQueryVariables = Exact<{
  id: string | number;
  merchantId?: string | number | null | undefined;
}>;


export type PayoutQuery = { payout: { id: string, reference: string, merchantId: string, state: PayoutState, final: boolean, moneyMoved: MoneyMoved, feeMode: FeeMode, sourceCurrency: string | null, receiveCurrency: string | null, purpose: string | null, relationship: string | null, sourceOfFunds: string | null, fundingAddress: string | null, autoConfirm: boolean, description: string | null, sendBefore: string | null, environment: Environment, providerReference: string | null, transactionHash: string | null, vendorStatus: string | null, vendorMessage: string | null, actions: Array<PayoutAction>, pendingAction: PayoutAction | null, sequence: number, cursor: string, createdAt: string, updatedAt: string, nextCheckAt: string | null, amount: { amount: string, currency: string }, destination:
      | { __typename: 'BankDestination', accountNumber: string, accountType: BankAccountType }
      | { __typename: 'BlockchainDestination', address: string, network: string, memo: string | null }
      | { __typename: 'ChannelDestination', channel: string, account: string, channelNetwork: string | null }
    , metadata: Array<{ key: string, value: string }>, provider: { id: string, provider: ProviderId } | null, fees: Array<{ amount: string, currency: string, kind: FeeKind }>, debits: Array<{ amount: string, currency: string }>, received: { amount: string, currency: string } | null, failure: { code: PayoutFailureCode, message: string, vendorCode: string | null, vendorMessage: string | null, moneyMoved: MoneyMoved, retryable: boolean } | null, attempts: Array<{ number: number, provider: ProviderId, account: string, orderNumber: string, providerReference: string | null, accountedFor: boolean, sends: Array<{ kind: SendKind, outcome: SendOutcome, startedAt: string, endedAt: string | null, vendorCode: string | null, vendorMessage: string | null }> }>, attention: Array<{ reason: AttentionReason, since: string, message: string }> } | null };

export type PayoutByReferenceQueryVariables = Exact<{
  reference: string;
  merchantId?: string | number | null | undefined;
}>;


export type PayoutByReferenceQuery = { payoutByReference: { id: string, reference: string, merchantId: string, state: PayoutState, final: boolean, moneyMoved: MoneyMoved, feeMode: FeeMode, sourceCurrency: string | null, receiveCurrency: string | null, purpose: string | null, relationship: string | null, sourceOfFunds: string | null, fundingAddress: string | null, autoConfirm: boolean, description: string | null, sendBefore: string | null, environment: Environment, providerReference: string | null, transactionHash: string | null, vendorStatus: string | null, vendorMessage: string | null, actions: Array<PayoutAction>, pendingAction: PayoutAction | null, sequence: number, cursor: string, createdAt: string, updatedAt: string, nextCheckAt: string | null, amount: { amount: string, currency: string }, destination:
      | { __typename: 'BankDestination', accountNumber: string, accountType: BankAccountType }
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


export type WatchPayoutSubscription = { payout: { id: string, reference: string, merchantId: string, state: PayoutState, final: boolean, moneyMoved: MoneyMoved, feeMode: FeeMode, sourceCurrency: string | null, receiveCurrency: string | null, purpose: string | null, relationship: string | null, sourceOfFunds: string | null, fundingAddress: string | null, autoConfirm: boolean, description: string | null, sendBefore: string | null, environment: Environment, providerReference: string | null, transactionHash: string | null, vendorStatus: string | null, vendorMessage: string | null, actions: Array<PayoutAction>, pendingAction: PayoutAction | null, sequence: number, cursor: string, createdAt: string, updatedAt: string, nextCheckAt: string | null, amount: { amount: string, currency: string }, destination:
      | { __typename: 'BankDestination', accountNumber: string, accountType: BankAccountType }
      | { __typename: 'BlockchainDestination', address: string, network: string, memo: string | null }
      | { __typename: 'ChannelDestination', channel: string, account: string, channelNetwork: string | null }
    , metadata: Array<{ key: string, value: string }>, provider: { id: string, provider: ProviderId } | null, fees: Array<{ amount: string, currency: string, kind: FeeKind }>, debits: Array<{ amount: string, currency: string }>, received: { amount: string, currency: string } | null, failure: { code: PayoutFailureCode, message: string, vendorCode: string | null, vendorMessage: string | null, moneyMoved: MoneyMoved, retryable: boolean } | null, attempts: Array<{ number: number, provider: ProviderId, account: string, orderNumber: string, providerReference: string | null, accountedFor: boolean, sends: Array<{ kind: SendKind, outcome: SendOutcome, startedAt: string, endedAt: string | null, vendorCode: string | null, vendorMessage: string | null }> }>, attention: Array<{ reason: AttentionReason, since: string, message: string }> } };

export type PartyFieldsFragment = { name: string | null, firstName: string | null, middleName: string | null, lastName: string | null, nationality: string | null, idType: IdType | null, idNumber: string | null, idCountry: string | null, idIssueDate: string | null, idExpiryDate: string | null, dateOfBirth: string | null, occupation: string | null, phoneCountryCode: string | null, phone: string | null, email: string | null, sex: Sex | null, accountNumber: string | null, accountType: BankAccountType | null, address: { line: string, city: string | null, district: string | null, state: string | null, postalCode: string | null, country: string | null } | null };

export type PayoutPartiesQueryVariables = Exact<{
  id: string | number;
  merchantId?: string | number | null | undefined;
}>;


export type PayoutPartiesQuery = { payout: { id: string, originator: { name: string | null, firstName: string | null, middleName: string | null, lastName: string | null, nationality: string | null, idType: IdType | null, idNumber: string | null, idCountry: string | null, idIssueDate: string | null, idExpiryDate: string | null, dateOfBirth: string | null, occupation: string | null, phoneCountryCode: string | null, phone: string | null, email: string | null, sex: Sex | null, accountNumber: string | null, accountType: BankAccountType | null, address: { line: string, city: string | null, district: string | null, state: string | null, postalCode: string | null, country: string | null } | null } | null, destination:
      | { __typename: 'BankDestination', accountNumber: string, accountType: BankAccountType, beneficiary: { name: string | null, firstName: string | null, middleName: string | null, lastName: string | null, nationality: string | null, idType: IdType | null, idNumber: string | null, idCountry: string | null, idIssueDate: string | null, idExpiryDate: string | null, dateOfBirth: string | null, occupation: string | null, phoneCountryCode: string | null, phone: string | null, email: string | null, sex: Sex | null, accountNumber: string | null, accountType: BankAccountType | null, address: { line: string, city: string | null, district: string | null, state: string | null, postalCode: string | null, country: string | null } | null } | null }
      | { __typename: 'BlockchainDestination' }
      | { __typename: 'ChannelDestination' }
     } | null };

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
export const ErrorFieldsFragmentDoc = new TypedDocumentString(`
    fragment ErrorFields on Error {
  __typename
  code
  message
  retryable
  moneyMoved
  ... on InvalidInputError {
    issues {
      path
      message
    }
  }
  ... on UnsupportedError {
    reasons {
      provider
      reason
    }
  }
  ... on NotAllowedInStateError {
    payout {
      id
      state
    }
  }
  ... on ProviderRejectedError {
    provider
    vendorCode
    vendorMessage
  }
  ... on ProviderUnavailableError {
    provider
    retryAt
  }
}
    `, {"fragmentName":"ErrorFields"}) as unknown as TypedDocumentString<ErrorFieldsFragment, unknown>;
export const ActedOnFragmentDoc = new TypedDocumentString(`
    fragment ActedOn on Payout {
  id
  state
  final
  moneyMoved
  actions
  pendingAction
  sequence
}
    `, {"fragmentName":"ActedOn"}) as unknown as TypedDocumentString<ActedOnFragment, unknown>;
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
export const HealthFieldsFragmentDoc = new TypedDocumentString(`
    fragment HealthFields on ProviderHealth {
  provider
  state
  circuits {
    kind
    state
    since
    reason
    retryAt
  }
  lastSuccessAt
  lastFailureAt
}
    `, {"fragmentName":"HealthFields"}) as unknown as TypedDocumentString<HealthFieldsFragment, unknown>;
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
    ... on BankDestination {
      accountNumber
      accountType
    }
  }
  sourceCurrency
  receiveCurrency
  purpose
  relationship
  sourceOfFunds
  fundingAddress
  autoConfirm
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
  pendingAction
  sequence
  cursor
  createdAt
  updatedAt
  nextCheckAt
}
    `, {"fragmentName":"PayoutFields"}) as unknown as TypedDocumentString<PayoutFieldsFragment, unknown>;
export const PartyFieldsFragmentDoc = new TypedDocumentString(`
    fragment PartyFields on Party {
  name
  firstName
  middleName
  lastName
  nationality
  idType
  idNumber
  idCountry
  idIssueDate
  idExpiryDate
  dateOfBirth
  occupation
  phoneCountryCode
  phone
  email
  sex
  address {
    line
    city
    district
    state
    postalCode
    country
  }
  accountNumber
  accountType
}
    `, {"fragmentName":"PartyFields"}) as unknown as TypedDocumentString<PartyFieldsFragment, unknown>;
export const CancelPayoutDocument = new TypedDocumentString(`
    mutation CancelPayout($id: ID!, $merchantId: ID) {
  cancelPayout(input: { id: $id }, merchantId: $merchantId) {
    __typename
    ... on CancelPayoutSuccess {
      payout {
        ...ActedOn
      }
    }
    ... on Error {
      ...ErrorFields
    }
  }
}
    fragment ErrorFields on Error {
  __typename
  code
  message
  retryable
  moneyMoved
  ... on InvalidInputError {
    issues {
      path
      message
    }
  }
  ... on UnsupportedError {
    reasons {
      provider
      reason
    }
  }
  ... on NotAllowedInStateError {
    payout {
      id
      state
    }
  }
  ... on ProviderRejectedError {
    provider
    vendorCode
    vendorMessage
  }
  ... on ProviderUnavailableError {
    provider
    retryAt
  }
}
fragment ActedOn on Payout {
  id
  state
  final
  moneyMoved
  actions
  pendingAction
  sequence
}`) as unknown as TypedDocumentString<CancelPayoutMutation, CancelPayoutMutationVariables>;
export const ConfirmPayoutDocument = new TypedDocumentString(`
    mutation ConfirmPayout($payoutId: ID!, $merchantId: ID) {
  confirmPayout(input: { payoutId: $payoutId }, merchantId: $merchantId) {
    __typename
    ... on ConfirmPayoutSuccess {
      payout {
        ...ActedOn
      }
    }
    ... on Error {
      ...ErrorFields
    }
  }
}
    fragment ErrorFields on Error {
  __typename
  code
  message
  retryable
  moneyMoved
  ... on InvalidInputError {
    issues {
      path
      message
    }
  }
  ... on UnsupportedError {
    reasons {
      provider
      reason
    }
  }
  ... on NotAllowedInStateError {
    payout {
      id
      state
    }
  }
  ... on ProviderRejectedError {
    provider
    vendorCode
    vendorMessage
  }
  ... on ProviderUnavailableError {
    provider
    retryAt
  }
}
fragment ActedOn on Payout {
  id
  state
  final
  moneyMoved
  actions
  pendingAction
  sequence
}`) as unknown as TypedDocumentString<ConfirmPayoutMutation, ConfirmPayoutMutationVariables>;
export const AmendPayoutDocument = new TypedDocumentString(`
    mutation AmendPayout($input: AmendPayoutInput!, $merchantId: ID) {
  amendPayout(input: $input, merchantId: $merchantId) {
    __typename
    ... on AmendPayoutSuccess {
      payout {
        ...ActedOn
      }
    }
    ... on Error {
      ...ErrorFields
    }
  }
}
    fragment ErrorFields on Error {
  __typename
  code
  message
  retryable
  moneyMoved
  ... on InvalidInputError {
    issues {
      path
      message
    }
  }
  ... on UnsupportedError {
    reasons {
      provider
      reason
    }
  }
  ... on NotAllowedInStateError {
    payout {
      id
      state
    }
  }
  ... on ProviderRejectedError {
    provider
    vendorCode
    vendorMessage
  }
  ... on ProviderUnavailableError {
    provider
    retryAt
  }
}
fragment ActedOn on Payout {
  id
  state
  final
  moneyMoved
  actions
  pendingAction
  sequence
}`) as unknown as TypedDocumentString<AmendPayoutMutation, AmendPayoutMutationVariables>;
export const AttachDocumentDocument = new TypedDocumentString(`
    mutation AttachDocument($input: AttachDocumentInput!, $merchantId: ID) {
  attachDocument(input: $input, merchantId: $merchantId) {
    __typename
    ... on AttachDocumentSuccess {
      payout {
        ...ActedOn
      }
    }
    ... on Error {
      ...ErrorFields
    }
  }
}
    fragment ErrorFields on Error {
  __typename
  code
  message
  retryable
  moneyMoved
  ... on InvalidInputError {
    issues {
      path
      message
    }
  }
  ... on UnsupportedError {
    reasons {
      provider
      reason
    }
  }
  ... on NotAllowedInStateError {
    payout {
      id
      state
    }
  }
  ... on ProviderRejectedError {
    provider
    vendorCode
    vendorMessage
  }
  ... on ProviderUnavailableError {
    provider
    retryAt
  }
}
fragment ActedOn on Payout {
  id
  state
  final
  moneyMoved
  actions
  pendingAction
  sequence
}`) as unknown as TypedDocumentString<AttachDocumentMutation, AttachDocumentMutationVariables>;
export const CompleteDocumentsDocument = new TypedDocumentString(`
    mutation CompleteDocuments($payoutId: ID!, $merchantId: ID) {
  completeDocuments(input: { payoutId: $payoutId }, merchantId: $merchantId) {
    __typename
    ... on CompleteDocumentsSuccess {
      payout {
        ...ActedOn
      }
    }
    ... on Error {
      ...ErrorFields
    }
  }
}
    fragment ErrorFields on Error {
  __typename
  code
  message
  retryable
  moneyMoved
  ... on InvalidInputError {
    issues {
      path
      message
    }
  }
  ... on UnsupportedError {
    reasons {
      provider
      reason
    }
  }
  ... on NotAllowedInStateError {
    payout {
      id
      state
    }
  }
  ... on ProviderRejectedError {
    provider
    vendorCode
    vendorMessage
  }
  ... on ProviderUnavailableError {
    provider
    retryAt
  }
}
fragment ActedOn on Payout {
  id
  state
  final
  moneyMoved
  actions
  pendingAction
  sequence
}`) as unknown as TypedDocumentString<CompleteDocumentsMutation, CompleteDocumentsMutationVariables>;
export const ResolvePayoutDocument = new TypedDocumentString(`
    mutation ResolvePayout($input: ResolvePayoutInput!, $merchantId: ID) {
  resolvePayout(input: $input, merchantId: $merchantId) {
    __typename
    ... on ResolvePayoutSuccess {
      payout {
        ...ActedOn
      }
    }
    ... on Error {
      ...ErrorFields
    }
  }
}
    fragment ErrorFields on Error {
  __typename
  code
  message
  retryable
  moneyMoved
  ... on InvalidInputError {
    issues {
      path
      message
    }
  }
  ... on UnsupportedError {
    reasons {
      provider
      reason
    }
  }
  ... on NotAllowedInStateError {
    payout {
      id
      state
    }
  }
  ... on ProviderRejectedError {
    provider
    vendorCode
    vendorMessage
  }
  ... on ProviderUnavailableError {
    provider
    retryAt
  }
}
fragment ActedOn on Payout {
  id
  state
  final
  moneyMoved
  actions
  pendingAction
  sequence
}`) as unknown as TypedDocumentString<ResolvePayoutMutation, ResolvePayoutMutationVariables>;
export const ErasePayoutDocument = new TypedDocumentString(`
    mutation ErasePayout($input: ErasePayoutInput!, $merchantId: ID) {
  erasePayout(input: $input, merchantId: $merchantId) {
    __typename
    ... on ErasePayoutSuccess {
      payout {
        ...ActedOn
      }
    }
    ... on Error {
      ...ErrorFields
    }
  }
}
    fragment ErrorFields on Error {
  __typename
  code
  message
  retryable
  moneyMoved
  ... on InvalidInputError {
    issues {
      path
      message
    }
  }
  ... on UnsupportedError {
    reasons {
      provider
      reason
    }
  }
  ... on NotAllowedInStateError {
    payout {
      id
      state
    }
  }
  ... on ProviderRejectedError {
    provider
    vendorCode
    vendorMessage
  }
  ... on ProviderUnavailableError {
    provider
    retryAt
  }
}
fragment ActedOn on Payout {
  id
  state
  final
  moneyMoved
  actions
  pendingAction
  sequence
}`) as unknown as TypedDocumentString<ErasePayoutMutation, ErasePayoutMutationVariables>;
export const AttentionDocument = new TypedDocumentString(`
    query Attention($first: Int, $after: String, $merchantId: ID) {
  attention(first: $first, after: $after, merchantId: $merchantId) {
    edges {
      cursor
      node {
        reason
        others
        message
        since
        provider
        account
        payout {
          id
          state
          merchantId
        }
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
    `) as unknown as TypedDocumentString<AttentionQuery, AttentionQueryVariables>;
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
export const ProviderAssetsDocument = new TypedDocumentString(`
    query ProviderAssets($provider: ProviderId!) {
  provider(provider: $provider) {
    id
    assets {
      currency
      network
      minAmount
      maxAmount
      fee
      feeModes
    }
  }
}
    `) as unknown as TypedDocumentString<ProviderAssetsQuery, ProviderAssetsQueryVariables>;
export const ProviderHealthDocument = new TypedDocumentString(`
    query ProviderHealth($provider: ProviderId!) {
  provider(provider: $provider) {
    id
    health {
      state
      lastSuccessAt
      lastFailureAt
      queued
      oldestQueuedAt
    }
  }
}
    `) as unknown as TypedDocumentString<ProviderHealthQuery, ProviderHealthQueryVariables>;
export const ReferenceDataDocument = new TypedDocumentString(`
    query ReferenceData($provider: ProviderId!, $kind: ReferenceKind!) {
  referenceData(provider: $provider, kind: $kind) {
    value
    label
    localName
    code
    children {
      value
      label
      localName
      code
      children {
        value
        localName
        code
      }
    }
  }
}
    `) as unknown as TypedDocumentString<ReferenceDataQuery, ReferenceDataQueryVariables>;
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
export const HealthsDocument = new TypedDocumentString(`
    query Healths {
  providers {
    provider
    health {
      ...HealthFields
    }
  }
}
    fragment HealthFields on ProviderHealth {
  provider
  state
  circuits {
    kind
    state
    since
    reason
    retryAt
  }
  lastSuccessAt
  lastFailureAt
}`) as unknown as TypedDocumentString<HealthsQuery, HealthsQueryVariables>;
export const WatchHealthDocument = new TypedDocumentString(`
    subscription WatchHealth($providers: [ProviderId!]) {
  providerHealth(providers: $providers) {
    ...HealthFields
    queued
    oldestQueuedAt
  }
}
    fragment HealthFields on ProviderHealth {
  provider
  state
  circuits {
    kind
    state
    since
    reason
    retryAt
  }
  lastSuccessAt
  lastFailureAt
}`) as unknown as TypedDocumentString<WatchHealthSubscription, WatchHealthSubscriptionVariables>;
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
    ... on BankDestination {
      accountNumber
      accountType
    }
  }
  sourceCurrency
  receiveCurrency
  purpose
  relationship
  sourceOfFunds
  fundingAddress
  autoConfirm
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
  pendingAction
  sequence
  cursor
  createdAt
  updatedAt
  nextCheckAt
}`) as unknown as TypedDocumentString<CreatePayoutMutation, CreatePayoutMutationVariables>;
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
    ... on BankDestination {
      accountNumber
      accountType
    }
  }
  sourceCurrency
  receiveCurrency
  purpose
  relationship
  sourceOfFunds
  fundingAddress
  autoConfirm
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
  pendingAction
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
    ... on BankDestination {
      accountNumber
      accountType
    }
  }
  sourceCurrency
  receiveCurrency
  purpose
  relationship
  sourceOfFunds
  fundingAddress
  autoConfirm
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
  pendingAction
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
    ... on BankDestination {
      accountNumber
      accountType
    }
  }
  sourceCurrency
  receiveCurrency
  purpose
  relationship
  sourceOfFunds
  fundingAddress
  autoConfirm
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
  pendingAction
  sequence
  cursor
  createdAt
  updatedAt
  nextCheckAt
}`) as unknown as TypedDocumentString<WatchPayoutSubscription, WatchPayoutSubscriptionVariables>;
export const PayoutPartiesDocument = new TypedDocumentString(`
    query PayoutParties($id: ID!, $merchantId: ID) {
  payout(id: $id, merchantId: $merchantId) {
    id
    originator {
      ...PartyFields
    }
    destination {
      __typename
      ... on BankDestination {
        accountNumber
        accountType
        beneficiary {
          ...PartyFields
        }
      }
    }
  }
}
    fragment PartyFields on Party {
  name
  firstName
  middleName
  lastName
  nationality
  idType
  idNumber
  idCountry
  idIssueDate
  idExpiryDate
  dateOfBirth
  occupation
  phoneCountryCode
  phone
  email
  sex
  address {
    line
    city
    district
    state
    postalCode
    country
  }
  accountNumber
  accountType
}`) as unknown as TypedDocumentString<PayoutPartiesQuery, PayoutPartiesQueryVariables>;