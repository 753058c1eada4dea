import { createHash, createHmac, type KeyObject } from 'node:crypto';
import type { BatchId } from './domain/batch.ts';
import type { MerchantId } from './domain/merchant.ts';
import { canonicalDecimal, type Decimal, isZero } from './domain/money.ts';
import type {
  MetadataEntry,
  Order,
  Parties,
  Party,
  Payout,
  PayoutEvent,
  PayoutEventId,
  PayoutId,
} from './domain/payout.ts';
import type { ProviderId } from './domain/provider.ts';
import { sortableTime, toBase32 } from './runtime.ts';

/** The id of the payout that a merchant's reference names. */
export function payoutIdOf(merchantId: MerchantId, reference: string): PayoutId {
  return `po_${hash26('payout', merchantId, reference)}` as PayoutId;
}

/** The id of the batch that a merchant's reference names. */
export function batchIdOf(merchantId: MerchantId, reference: string): BatchId {
  return `pb_${hash26('batch', merchantId, reference)}` as BatchId;
}

/** Our number for an attempt at a provider: 26 letters and digits that say nothing of merchant or reference. */
export function orderNumberOf(payout: Pick<Payout, 'merchantId' | 'reference'>, attempt: number): string {
  return hash26('order', payout.merchantId, payout.reference, String(attempt));
}

function hash26(...parts: readonly string[]): string {
  return toBase32(createHash('sha256').update(JSON.stringify(parts)).digest()).slice(0, 26);
}

/** Sorts by time, and carries its payout and sequence, so that it is found without an index of its own. */
export function eventIdOf(event: Pick<PayoutEvent, 'at' | 'payoutId' | 'sequence'>): PayoutEventId {
  const sequence = event.sequence.toString(32).padStart(4, '0');
  return `ev_${sortableTime(event.at)}${event.payoutId.slice(3)}${sequence}` as PayoutEventId;
}

/** What an event's id says of it; null for a text that is none. */
export function readEventId(id: PayoutEventId): { readonly payoutId: PayoutId; readonly sequence: number } | null {
  const [, hash, sequence] = /^ev_[0-9a-v]{10}([0-9a-v]{26})([0-9a-v]{4,})$/.exec(id) ?? [];
  if (hash === undefined || sequence === undefined) return null;
  return { payoutId: `po_${hash}` as PayoutId, sequence: Number.parseInt(sequence, 32) };
}

/** A digest that tells nothing to whoever has no key: of bodies and personal data, which it may outlive. */
export function digestOf(key: KeyObject, ...parts: readonly (string | Buffer)[]): string {
  const hmac = createHmac('sha256', key);
  for (const part of parts) hmac.update(`${part.length}:`).update(part);
  return hmac.digest('base64url').slice(0, 22);
}

// --- what was asked for, remembered without keeping it --------------------------------------------------------------------

/** The part of a merchant's input that a repetition of it has to match. */
export interface Asked {
  readonly order: Order;
  /** Null: Outflow chooses. */
  readonly provider: ProviderId | null;
  readonly sendBefore: Date | null;
  readonly autoConfirm: boolean;
  /** Personal data; null: none. */
  readonly parties: Parties | null;
  readonly metadata: readonly MetadataEntry[];
  /** The quote that it is held to; null: none. */
  readonly quoteId: string | null;
  /** Which part of the quote's price it may be worse by; null: not at all. */
  readonly priceTolerance: Decimal | null;
  /** Whether it may go to another provider once one provably has not taken it. */
  readonly failover: boolean;
}

/** Keyed digests of every input field that was not left out or default, by the field's path. */
export function digestInput(key: KeyObject, id: PayoutId, input: Asked): Record<string, string> {
  const digests: Record<string, string> = {};
  for (const [field, value] of Object.entries(fieldsOf(input))) {
    if (value === null) continue;
    digests[field] = createHmac('sha256', key)
      .update(JSON.stringify([id, field, value]))
      .digest('base64url')
      .slice(0, 22);
  }
  return digests;
}

function fieldsOf({
  order,
  provider,
  sendBefore,
  autoConfirm,
  parties,
  metadata,
  quoteId,
  priceTolerance,
  failover,
}: Asked): Record<string, string | null> {
  const { amount, feeMode, destination, ...words } = order;
  const entries = metadata.map(({ key, value }) => [key, value] as const).sort(([a], [b]) => (a < b ? -1 : 1));
  const fields: Record<string, string | null> = {
    ...words,
    'amount.amount': canonicalDecimal(amount.amount),
    'amount.currency': amount.currency,
    feeMode: feeMode === 'ADD' ? null : feeMode,
    provider,
    sendBefore: sendBefore?.toISOString() ?? null,
    autoConfirm: autoConfirm ? null : 'false',
    quoteId,
    priceTolerance: priceTolerance === null || isZero(priceTolerance) ? null : canonicalDecimal(priceTolerance),
    failover: failover ? 'true' : null,
    metadata: entries.length === 0 ? null : JSON.stringify(entries),
    ...partyFields('originator', parties?.originator ?? null),
    ...partyFields('destination.bank.beneficiary', parties?.beneficiary ?? null),
  };
  if (destination.kind === 'bank') {
    fields['destination.bank.accountNumber'] = parties?.accountNumber ?? null;
    fields['destination.bank.accountType'] = destination.accountType === 'BANK' ? null : destination.accountType;
    return fields;
  }
  const { kind, ...place } = destination;
  for (const [name, value] of Object.entries(place)) fields[`destination.${kind}.${name}`] = value;
  return fields;
}

function partyFields(path: string, party: Party | null): Record<string, string | null> {
  if (party === null) return {};
  const { address, ...plain } = party;
  const fields: Record<string, string | null> = {};
  for (const [name, value] of Object.entries(plain)) fields[`${path}.${name}`] = value;
  for (const [name, value] of Object.entries(address ?? {})) fields[`${path}.address.${name}`] = value;
  return fields;
}

/** The fields in which two inputs differ, in order of their names. */
export function differencesOf(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): string[] {
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].filter((field) => a[field] !== b[field]).sort();
}
