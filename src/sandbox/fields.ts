/** The members of a JSON object as a side reads them. */
export type Fields = Readonly<Record<string, unknown>>;

/** A JSON number by its digits as they stand, which no JS number keeps. */
export class Digits {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** The members of a JSON object; none for anything else, so that every required field is then missing. */
export function readFields(body: Buffer): Fields {
  try {
    return fieldsOf(
      JSON.parse(body.toString('utf8'), (_key, member: unknown, { source = '' }) =>
        typeof member === 'number' ? new Digits(source) : member,
      ),
    );
  } catch {
    return {};
  }
}

/** The members of what may be an object. */
export function fieldsOf(value: unknown): Fields {
  return value !== null && typeof value === 'object' && !Array.isArray(value) ? { ...value } : {};
}
