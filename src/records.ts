import type { KeyObject } from 'node:crypto';
import { legible } from './domain/errors.ts';
import type {
  ActionRequest,
  Amendment,
  Attempt,
  Parties,
  Payout,
  PayoutId,
  SupportingDocument,
} from './domain/payout.ts';
import { digestOf } from './identity.ts';
import { namesOf } from './redaction.ts';
import type { Vault } from './vault.ts';

/** What is kept apart from payouts: the exact bodies that were sent, and everything of a person. */
export interface Records {
  /** Keeps a body, and answers its digest: its name, so that nobody can put another body under it. */
  keepBody(payoutId: PayoutId, body: string): Promise<string>;
  /** Null once it was erased. */
  body(payoutId: PayoutId, attempt: Attempt): Promise<string | null>;
  /** Keeps the parties of a payout, and answers the record's name. */
  keepParties(payout: Named, parties: Parties): Promise<string>;
  /** The parties as they now are; null: there are none, or they were erased. */
  parties(payout: Payout): Promise<Parties | null>;
  keepAmendment(payout: Named, amendment: Amendment): Promise<string>;
  /** What a request amends; null once it was erased. */
  amendment(payoutId: PayoutId, request: ActionRequest): Promise<Amendment | null>;
  keepDocument(payout: Named, document: SupportingDocument): Promise<string>;
  /** The document that a request carries; null: the provider has it, so it is not kept. */
  document(payoutId: PayoutId, request: ActionRequest): Promise<SupportingDocument | null>;
  forgetBody(payoutId: PayoutId, digest: string): Promise<void>;
  forget(payoutId: PayoutId, name: string): Promise<void>;
  /** Forgets those of the names that the payout does not use. */
  forgetUnused(payout: Payout, names: readonly (string | null)[]): Promise<void>;
  /**
   * What a provider might repeat in its messages: of everybody who is named, or would be by an amendment under way. Null:
   * people were named, and can no longer be read.
   */
  namesIn(payout: Payout): Promise<readonly string[] | null>;
}

/** A record is named by its payout, the version that it was given at, and its content. */
type Named = Pick<Payout, 'id' | 'version'>;

/** A document as a record holds it. */
type StoredDocument = Omit<SupportingDocument, 'content'> & { readonly content: string };

export function createRecords(vault: Pick<Vault, 'put' | 'get' | 'drop'>, secret: KeyObject): Records {
  /**
   * The name says nothing of what is in it. What is given again after it was refused gets another name: its first record
   * may be on its way out.
   */
  async function keep({ id, version }: Named, noun: 'parties' | 'amendment' | 'document', content: object) {
    const text = JSON.stringify(content);
    const name = `${noun}:${digestOf(secret, id, String(version), text)}`;
    await vault.put(id, name, Buffer.from(text));
    return name;
  }

  /** Reads what `keep` kept: its own words in its own shape. */
  async function read<T>(id: PayoutId, name: string | null): Promise<T | null> {
    const bytes = name === null ? null : await vault.get(id, name);
    return bytes === null ? null : JSON.parse(bytes.toString('utf8'));
  }

  return {
    async keepBody(payoutId, body) {
      const digest = digestOf(secret, payoutId, body);
      await vault.put(payoutId, bodyName(digest), Buffer.from(body));
      return digest;
    },
    body: async (payoutId, { bodyDigest }) =>
      (await vault.get(payoutId, bodyName(bodyDigest)))?.toString('utf8') ?? null,
    keepParties: (payout, parties) => keep(payout, 'parties', parties),
    parties: ({ id, parties }) => read<Parties>(id, parties),
    keepAmendment: (payout, amendment) => keep(payout, 'amendment', amendment),
    amendment: (payoutId, { sealed }) => read<Amendment>(payoutId, sealed),
    keepDocument(payout, { content, ...words }) {
      const stored: StoredDocument = { ...words, content: content.toString('base64') };
      return keep(payout, 'document', stored);
    },
    async document(payoutId, { sealed }) {
      const stored = await read<StoredDocument>(payoutId, sealed);
      return stored && { ...stored, content: Buffer.from(stored.content, 'base64') };
    },
    forgetBody: (payoutId, digest) => vault.drop(payoutId, bodyName(digest)),
    forget: (payoutId, name) => vault.drop(payoutId, name),
    async forgetUnused(payout, names) {
      for (const name of new Set(names)) if (name !== null && !isUsed(payout, name)) await vault.drop(payout.id, name);
    },
    async namesIn({ id, parties, requests, inputDigests }) {
      const names = new Set([parties, ...requests.map(({ amended }) => amended?.parties ?? null)]);
      const all = await Promise.all([...names].map((name) => legible(read<Parties>(id, name))));
      const known = all.filter((one) => one !== null);
      const named = parties !== null || Object.keys(inputDigests).some((field) => PERSONAL.test(field));
      return named && known.length === 0 ? null : known.flatMap(namesOf);
    },
  };
}

/** The fields of an input that name a person. */
const PERSONAL = /^(originator|destination\.bank)\./;

/** Whether a record still belongs to the payout: the same content asked for twice is one record. */
function isUsed({ parties, requests }: Payout, name: string): boolean {
  return parties === name || requests.some(({ sealed, amended }) => sealed === name || amended?.parties === name);
}

function bodyName(digest: string): string {
  return `body:${digest}`;
}
