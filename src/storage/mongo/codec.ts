import { attentionSince } from '../../domain/attempt.ts';
import type { BatchId, PayoutBatch } from '../../domain/batch.ts';
import type { ApiKey, ApiKeyId, Merchant, MerchantId } from '../../domain/merchant.ts';
import type { Payout, PayoutEvent, PayoutId } from '../../domain/payout.ts';
import type { OrderKey, ProviderId } from '../../domain/provider.ts';
import type { Sealed, SealedKey } from '../../domain/store.ts';
import type { Claim } from '../archive.ts';
import { dueAt, readBatch, readEvent, readKey, readMerchant, readPayout } from '../codec.ts';

/** An event within its payout's document, which knows the rest of it. */
export interface EventDocument extends Omit<PayoutEvent, 'payoutId' | 'merchantId'> {
  /** Its place in the log, by the database's clock: later than the event before it in the same payout. */
  readonly loggedAt: Date;
  /** Names the write that it came with. */
  readonly write: string;
}

/** What queries search by, beside the fields of the payout itself. */
interface Searched {
  readonly currency: string;
  readonly dueAt: Date | null;
  readonly attentionSince: Date | null;
  readonly orderKeys: readonly string[];
}

/** A payout without its events; its digests are pairs, since their names have dots. */
export interface PayoutFields extends Omit<Payout, 'id' | 'inputDigests'>, Searched {
  readonly inputDigests: readonly { readonly field: string; readonly digest: string }[];
  /** Names the last write: whoever lost its answer sees whether it was that one. */
  readonly write: string;
}

/** One document for one payout, its attempts and events within it. */
export interface PayoutDocument extends PayoutFields {
  readonly _id: PayoutId;
  /** When the newest event was logged. */
  readonly lastEventAt: Date;
  readonly events: readonly EventDocument[];
}

/** What lists leave out of payouts. */
export const WITHOUT_EVENTS = { events: 0 } as const;

/** A batch; `write` as in a payout. */
export type BatchDocument = Omit<PayoutBatch, 'id'> & { readonly _id: BatchId; readonly write: string };
/** What a process told of itself, under its name. */
export interface BulletinDocument {
  readonly _id: string;
  readonly at: Date;
  readonly text: string;
}
export interface SealedDocument extends Sealed {
  /** As `sealedId` makes it. */
  readonly _id: string;
}
export interface ClaimDocument {
  /** As `claimId` makes it. */
  readonly _id: string;
  readonly payoutId: PayoutId;
  readonly attempt: number;
}
export type MerchantDocument = Omit<Merchant, 'id'> & { readonly _id: MerchantId };
export type KeyDocument = Omit<ApiKey, 'id'> & { readonly _id: ApiKeyId };

/** Everything of a document but its id, its events and their times. Throws RangeError for an invalid date. */
export function fieldsOf(payout: Payout, write: string): PayoutFields {
  const { id: _, inputDigests, ...fields } = payout;
  return {
    ...fields,
    inputDigests: Object.entries(inputDigests).map(([field, digest]) => ({ field, digest })),
    currency: payout.order.amount.currency,
    dueAt: dueAt(payout),
    attentionSince: valid(attentionSince(payout)),
    orderKeys: payout.attempts.flatMap(({ provider, account, orderNumber, providerReference }) =>
      [orderNumber, providerReference].flatMap((value, at) =>
        value === null ? [] : [orderKey(provider, account, at === 0, value)],
      ),
    ),
    write,
  };
}

/** What webhooks find a payout by: its order number where there is one, which is ours; else the provider's reference. */
export function orderKeyOf(provider: ProviderId, account: string, key: OrderKey): string {
  const ours = key.orderNumber !== null;
  return orderKey(provider, account, ours, ours ? key.orderNumber : key.providerReference);
}

function orderKey(provider: ProviderId, account: string, ours: boolean, value: string | null): string {
  return `${provider}/${account}/${ours ? 'number' : 'reference'}/${value}`;
}

export function eventDocument(
  { payoutId: _, merchantId: __, ...event }: PayoutEvent,
  write: string,
): Omit<EventDocument, 'loggedAt'> {
  return { ...event, write };
}

/** Reads a document, with or without its events. Throws UndecodableError. */
export function payoutOf(document: Omit<PayoutDocument, 'events' | 'lastEventAt'>): Payout {
  const { _id, inputDigests, currency, dueAt, attentionSince, orderKeys, write, ...fields } = document;
  const digests = Object.fromEntries((inputDigests ?? []).map(({ field, digest }) => [field, digest]));
  return readPayout({ ...withoutLog(fields), id: _id, inputDigests: digests });
}

function withoutLog<T extends object>(fields: T & Partial<Pick<PayoutDocument, 'events' | 'lastEventAt'>>): object {
  const { events: _, lastEventAt: __, ...rest } = fields;
  return rest;
}

/** Throws UndecodableError. */
export function eventOf(payoutId: PayoutId, merchantId: MerchantId, document: EventDocument): PayoutEvent {
  const { loggedAt: _, write: __, ...event } = document;
  return readEvent({ ...event, payoutId, merchantId });
}

export function batchDocument({ id: _id, ...batch }: PayoutBatch, write: string): BatchDocument {
  return { _id, ...batch, write };
}

/** Throws UndecodableError. */
export function batchOf({ _id: id, write: _, ...batch }: BatchDocument): PayoutBatch {
  return readBatch({ ...batch, id });
}

export function merchantDocument({ id: _id, ...merchant }: Merchant): MerchantDocument {
  return { _id, ...merchant };
}

/** Throws UndecodableError. */
export function merchantOf({ _id: id, ...merchant }: MerchantDocument): Merchant {
  return readMerchant({ ...merchant, id });
}

export function keyDocument({ id: _id, ...key }: ApiKey): KeyDocument {
  return { _id, ...key };
}

/** Throws UndecodableError. */
export function keyOf({ _id: id, ...key }: KeyDocument): ApiKey {
  return readKey({ ...key, id });
}

/** Under which id a sealed record is kept. */
export function sealedId({ payoutId, kind }: SealedKey): string {
  return `${payoutId}/${kind}`;
}

/** The ids of every kind of a payout: what follows a slash comes before a zero. */
export function sealedRange(payoutId: PayoutId): { readonly $gte: string; readonly $lt: string } {
  return { $gte: `${payoutId}/`, $lt: `${payoutId}0` };
}

/** What a sealed record's id says. */
export function sealedKeyOf({ _id }: SealedDocument): SealedKey {
  const slash = _id.indexOf('/');
  return { payoutId: _id.slice(0, slash) as PayoutId, kind: _id.slice(slash + 1) };
}

export function sealedOf({ keyId, bytes }: SealedDocument): Sealed {
  return { keyId, bytes: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength) };
}

/** Under which id a claim is kept. */
export function claimId({
  provider,
  fingerprint,
  reference,
}: Pick<Claim, 'provider' | 'fingerprint' | 'reference'>): string {
  return JSON.stringify([provider, fingerprint, reference]);
}

export function claimOf({ _id, payoutId, attempt }: ClaimDocument): Claim {
  const [provider = '', fingerprint = '', reference = ''] = JSON.parse(_id) as string[];
  return { provider, fingerprint, reference, payoutId, attempt };
}

function valid(date: Date | null): Date | null {
  if (date !== null && Number.isNaN(date.getTime())) throw new RangeError('a payout has an invalid date');
  return date;
}
