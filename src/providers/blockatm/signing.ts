import { createHmac, type KeyObject } from 'node:crypto';

/** How long a request of ours is good for: the provider refuses one that is older. Source: authentication page. */
export const REQUEST_WINDOW_MS = 30_000;

/** What an account's requests are signed with. */
export interface RequestKeys {
  readonly apiKey: string;
  readonly secretKey: string | KeyObject;
}

/**
 * The text that is signed: the fields sorted by name as raw `name=value`, nulls left out, joined by `&`; a nested object's
 * own pairs, and an array's elements in their order, stand in its place; the time comes last. `fields` are as `readJson`
 * reads them, so that numbers keep their digits. Source: signature page; nested fields from the official demo of V1.
 */
export function canonicalText(fields: unknown, time: string): string {
  return [...pairsOf(fields, null), `time=${time}`].join('&');
}

function pairsOf(value: unknown, name: string | null): readonly string[] {
  if (value === null || value === undefined) return [];
  if (Array.isArray(value)) return value.flatMap((element) => pairsOf(element, null));
  if (typeof value === 'object') {
    const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
    return members.flatMap(([key, member]) => pairsOf(member, key));
  }
  return [name === null ? String(value) : `${name}=${value}`];
}

/** `BlockATM-Signature-V2`: lower-case hex of HMAC-SHA256, keyed with the key's text. Source: signature page. */
export function sign(text: string | Buffer, key: string | KeyObject): string {
  return createHmac('sha256', key).update(text).digest('hex');
}

/** The headers of a signed request. `fields`: the body's or the query's, as `canonicalText` takes them. */
export function signedHeaders(fields: unknown, at: Date, keys: RequestKeys): Record<string, string> {
  const time = String(at.getTime());
  return {
    'BlockATM-API-Key': keys.apiKey,
    'BlockATM-Request-Time': time,
    'BlockATM-Signature-V2': sign(canonicalText(fields, time), keys.secretKey),
    'BlockATM-Rec_Window': String(REQUEST_WINDOW_MS),
  };
}
