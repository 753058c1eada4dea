import type { Parties } from './domain/payout.ts';

/** The fields of a party that are words, which say nothing of a person and stand in many a message. */
const WORDS: ReadonlySet<string> = new Set([
  'nationality',
  'idType',
  'idCountry',
  'country',
  'phoneCountryCode',
  'sex',
  'accountType',
]);

/** Every text among the parties that could give a person away, longest first. */
export function namesOf(parties: Parties | null): readonly string[] {
  const texts: string[] = [];
  const collect = (value: unknown, field: string): void => {
    if (typeof value === 'string' && value.trim() !== '' && !WORDS.has(field)) texts.push(value.trim());
    else if (typeof value === 'object' && value !== null) {
      for (const [key, each] of Object.entries(value)) collect(each, key);
    }
  };
  collect(parties, '');
  return texts.sort((a, b) => b.length - a.length);
}

/** The fields that people read; in the others a name is a coincidence, and must stay: a reference has to be exact. */
const PROSE: ReadonlySet<string> = new Set(['cause', 'message', 'vendorMessage']);

/** Shorter ones are looked for as whole words alone: `Li` is a part of many. */
const SHORTEST_PART = 4;

/** Finds a name, in capitals or not. */
function patternOf(name: string): RegExp {
  const text = RegExp.escape(name);
  const whole = name.length < SHORTEST_PART && /^[\x20-\x7e]*$/.test(name);
  return new RegExp(whole ? `(?<![\\p{L}\\p{N}])${text}(?![\\p{L}\\p{N}])` : text, 'giu');
}

/**
 * The same with `…` for every one of the names in its messages, or (null: nobody knows the names) for the whole of them: what a provider writes about a payout goes into events
 * and logs, and may repeat what it was told of a person.
 */
export function withoutPersonalData<T>(value: T, names: readonly string[] | null): T {
  if (names !== null && names.length === 0) return value;
  const patterns = names === null ? [/^.*$/gsu] : names.map(patternOf);
  const clean = (part: unknown, field: string): unknown => {
    if (typeof part === 'string') {
      return PROSE.has(field) ? patterns.reduce((text, pattern) => text.replaceAll(pattern, '…'), part) : part;
    }
    if (part instanceof Date || typeof part !== 'object' || part === null) return part;
    if (Array.isArray(part)) return part.map((each) => clean(each, field));
    return Object.fromEntries(Object.entries(part).map(([key, each]) => [key, clean(each, key)]));
  };
  return clean(value, '') as T;
}
