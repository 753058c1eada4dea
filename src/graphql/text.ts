/** What the zod plugin takes for a text of one form. */
type TextRule = { type: 'string'; regex: [RegExp, { message: string }] };

function rule(regex: RegExp, message: string): TextRule {
  return { type: 'string', regex: [regex, { message }] };
}

/** The form of a merchant's own reference, of a payout or a batch, and how it is told. */
export const REFERENCE = { form: /^[A-Za-z0-9._:/-]{1,64}$/, message: '1 to 64 of A-Z a-z 0-9 . _ : / -' } as const;

/** The same as a rule. */
export const referenceRule = rule(REFERENCE.form, REFERENCE.message);

/** Printable text of at most `max` characters, for a provider's eyes. */
export function textRule(max: number): TextRule {
  return rule(
    new RegExp(`^[^\\p{Cc}\\p{Zl}\\p{Zp}]{1,${max}}$`, 'u'),
    `1 to ${max} characters, none of them a control character`,
  );
}

/** So many digits and nothing else. */
export function digitsRule(min: number, max: number): TextRule {
  return rule(new RegExp(`^[0-9]{${min},${max}}$`), `${min} to ${max} digits and nothing else`);
}

/** The form of a country code; whether there is such a country is for the provider to say. */
export const countryRule = rule(/^[A-Z]{2}$/, 'two capital letters, ISO 3166-1 alpha-2, e.g. CN');

/** The form of an account number outside of blockchains: also an e-mail address or a telephone number. */
export const accountNumberRule = rule(/^[\x21-\x7e]{6,64}$/, '6 to 64 ASCII characters without a space');

/** The form of an e-mail address. */
export const emailRule = rule(
  /^(?=.{3,200}$)[^\s@\p{Cc}]+@[^\s@\p{Cc}]+$/u,
  'an e-mail address of at most 200 characters',
);

/** A day of the calendar, `yyyy-MM-dd`. */
export const dateRule: { refine: [(text: string) => boolean, { message: string }] } = {
  refine: [isDate, { message: 'a day of the calendar as yyyy-MM-dd, e.g. 1990-02-28' }],
};

function isDate(text: string): boolean {
  if (!/^[0-9]{4}-[0-9]{2}-[0-9]{2}$/.test(text)) return false;
  const at = new Date(`${text}T00:00:00Z`);
  // A day that the month does not have rolls over into the next, or is no instant at all.
  return !Number.isNaN(at.getTime()) && at.toISOString().startsWith(text);
}
