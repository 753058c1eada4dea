import type { BankAccountType, IdType, Parties, Party, Payout, PostalAddress, Sex } from '../domain/payout.ts';
import { describeError } from '../runtime.ts';
import { builder } from './builder.ts';
import { type Context, oncePerOperation } from './context.ts';
import { countryRule, dateRule, digitsRule, emailRule, textRule } from './text.ts';

/** What kind of account a bank destination, or a party's own account, is. */
export const BankAccountTypeEnum = builder.enumType('BankAccountType', {
  description: 'What kind of account it is.',
  values: {
    BANK: { description: 'At a bank: the number of the account or of its card.' },
    ALIPAY: { description: 'At Alipay.' },
    WECHAT: { description: 'At WeChat Pay.' },
  } as const satisfies Record<BankAccountType, unknown>,
});

const IdTypeEnum = builder.enumType('IdType', {
  description: 'What kind of identity document it is. New values may be added.',
  values: {
    ID_CARD: { description: 'A national identity card.' },
    PASSPORT: { description: 'A passport.' },
    DRIVER: { description: "A driver's licence." },
    RESIDENCE: { description: 'A residence permit.' },
    WORK_PERMIT: { description: 'A work permit.' },
    OTHER: { description: 'Another one.' },
  } as const satisfies Record<IdType, unknown>,
});

const SexEnum = builder.enumType('Sex', {
  description: 'As the identity document says.',
  values: {
    MALE: { description: 'Male.' },
    FEMALE: { description: 'Female.' },
  } as const satisfies Record<Sex, unknown>,
});

const PostalAddressObject = builder.objectRef<PostalAddress>('PostalAddress').implement({
  description: 'A postal address.',
  fields: (t) => ({
    line: t.exposeString('line', { description: 'Street and house.' }),
    city: t.exposeString('city', { nullable: true, description: 'City; null: not given.' }),
    district: t.exposeString('district', { nullable: true, description: 'District; null: not given.' }),
    state: t.exposeString('state', { nullable: true, description: 'State or province; null: not given.' }),
    postalCode: t.exposeString('postalCode', { nullable: true, description: 'Postal code; null: not given.' }),
    country: t.exposeString('country', { nullable: true, description: 'ISO 3166-1 alpha-2; null: not given.' }),
  }),
});

/** A person, or a firm, at one end of a payout. */
export const PartyObject = builder.objectRef<Party>('Party').implement({
  description: 'A person, or a firm, at one end of a payout. Personal data: kept encrypted, erasable. Null: not given.',
  fields: (t) => ({
    name: t.exposeString('name', { nullable: true, description: 'The whole name.' }),
    firstName: t.exposeString('firstName', { nullable: true, description: 'First name.' }),
    middleName: t.exposeString('middleName', { nullable: true, description: 'Middle name.' }),
    lastName: t.exposeString('lastName', { nullable: true, description: 'Last name.' }),
    nationality: t.exposeString('nationality', { nullable: true, description: 'ISO 3166-1 alpha-2.' }),
    idType: t.expose('idType', { type: IdTypeEnum, nullable: true, description: 'What kind of identity document.' }),
    idNumber: t.exposeString('idNumber', { nullable: true, description: 'The number of the identity document.' }),
    idCountry: t.exposeString('idCountry', { nullable: true, description: 'Who issued it, ISO 3166-1 alpha-2.' }),
    idIssueDate: t.exposeString('idIssueDate', { nullable: true, description: 'Valid from, `yyyy-MM-dd`.' }),
    idExpiryDate: t.exposeString('idExpiryDate', { nullable: true, description: 'Valid until, `yyyy-MM-dd`.' }),
    dateOfBirth: t.exposeString('dateOfBirth', { nullable: true, description: '`yyyy-MM-dd`.' }),
    occupation: t.exposeString('occupation', { nullable: true, description: "In the provider's own words." }),
    phoneCountryCode: t.exposeString('phoneCountryCode', { nullable: true, description: 'Digits, without a plus.' }),
    phone: t.exposeString('phone', { nullable: true, description: 'Digits, without the country code.' }),
    email: t.exposeString('email', { nullable: true, description: 'E-mail address.' }),
    sex: t.expose('sex', { type: SexEnum, nullable: true, description: 'As the identity document says.' }),
    address: t.expose('address', { type: PostalAddressObject, nullable: true, description: 'Postal address.' }),
    accountNumber: t.exposeString('accountNumber', {
      nullable: true,
      description: "The party's own account: of an originator, where the money came from.",
    }),
    accountType: t.expose('accountType', {
      type: BankAccountTypeEnum,
      nullable: true,
      description: "What kind of account the party's own is.",
    }),
  }),
});

const PostalAddressInput = builder.inputType('PostalAddressInput', {
  description: 'A postal address. Each text: 1 to 200 printable characters.',
  fields: (t) => ({
    line: t.string({ required: true, description: 'Street and house.', validate: textRule(200) }),
    city: t.string({
      description: 'City, where the provider asks in its own words (`AREAS`).',
      validate: textRule(200),
    }),
    district: t.string({
      description: 'District, where the provider asks in its own words (`AREAS`).',
      validate: textRule(200),
    }),
    state: t.string({
      description: 'State or province, where the provider asks in its own words (`AREAS`).',
      validate: textRule(200),
    }),
    postalCode: t.string({ description: 'Postal code.', validate: textRule(200) }),
    country: t.string({ description: 'ISO 3166-1 alpha-2, capital letters, e.g. `CN`.', validate: countryRule }),
  }),
});

/** A person, or a firm, as callers give it. */
export const PartyInput = builder.inputType('PartyInput', {
  description:
    'A person, or a firm, at one end of a payout: the union of what providers ask, at least one field. UNSUPPORTED says what ' +
    'one misses. Personal data: kept encrypted, apart from the payout, erasable. Each text: 1 to 200 printable characters.',
  fields: (t) => ({
    name: t.string({
      description: 'The whole name, in the script that the account is kept in.',
      validate: textRule(200),
    }),
    firstName: t.string({ description: 'First name.', validate: textRule(200) }),
    middleName: t.string({ description: 'Middle name.', validate: textRule(200) }),
    lastName: t.string({ description: 'Last name.', validate: textRule(200) }),
    nationality: t.string({ description: 'ISO 3166-1 alpha-2, capital letters, e.g. `CN`.', validate: countryRule }),
    idType: t.field({ type: IdTypeEnum, description: 'What kind of identity document.' }),
    idNumber: t.string({ description: 'The number of the identity document.', validate: textRule(200) }),
    idCountry: t.string({ description: 'Who issued it: ISO 3166-1 alpha-2, capital letters.', validate: countryRule }),
    idIssueDate: t.string({ description: 'Valid from: a day, `yyyy-MM-dd`.', validate: dateRule }),
    idExpiryDate: t.string({ description: 'Valid until: a day, `yyyy-MM-dd`.', validate: dateRule }),
    dateOfBirth: t.string({ description: 'A day, `yyyy-MM-dd`.', validate: dateRule }),
    occupation: t.string({
      description: "In the provider's own words (`referenceData`, `OCCUPATIONS`).",
      validate: textRule(200),
    }),
    phoneCountryCode: t.string({ description: '1 to 4 digits without a plus, e.g. `86`.', validate: digitsRule(1, 4) }),
    phone: t.string({ description: '3 to 20 digits without the country code.', validate: digitsRule(3, 20) }),
    email: t.string({ description: 'E-mail address.', validate: emailRule }),
    sex: t.field({ type: SexEnum, description: 'As the identity document says.' }),
    address: t.field({ type: PostalAddressInput, description: 'Postal address.' }),
    accountNumber: t.string({
      description: "The party's own account: of an originator, where the money came from.",
      validate: textRule(200),
    }),
    accountType: t.field({ type: BankAccountTypeEnum, description: "What kind of account the party's own is." }),
  }),
  validate: [(party) => Object.values(party).some((value) => value != null), { message: 'at least one field' }],
});

/** A party as the domain has it: what was left out is null. */
export function toParty(input: typeof PartyInput.$inferInput): Party {
  const { address } = input;
  return {
    name: input.name ?? null,
    firstName: input.firstName ?? null,
    middleName: input.middleName ?? null,
    lastName: input.lastName ?? null,
    nationality: input.nationality ?? null,
    idType: input.idType ?? null,
    idNumber: input.idNumber ?? null,
    idCountry: input.idCountry ?? null,
    idIssueDate: input.idIssueDate ?? null,
    idExpiryDate: input.idExpiryDate ?? null,
    dateOfBirth: input.dateOfBirth ?? null,
    occupation: input.occupation ?? null,
    phoneCountryCode: input.phoneCountryCode ?? null,
    phone: input.phone ?? null,
    email: input.email ?? null,
    sex: input.sex ?? null,
    address: address ? toAddress(address) : null,
    accountNumber: input.accountNumber ?? null,
    accountType: input.accountType ?? null,
  };
}

function toAddress(input: typeof PostalAddressInput.$inferInput): PostalAddress {
  return {
    line: input.line,
    city: input.city ?? null,
    district: input.district ?? null,
    state: input.state ?? null,
    postalCode: input.postalCode ?? null,
    country: input.country ?? null,
  };
}

/** The personal data of a payout, read once for each operation; null: there is none, it was erased, or its key is gone. */
export const loadParties: (context: Context, payout: Payout) => Promise<Parties | null> = oncePerOperation(
  (payout: Payout) => `${payout.id} ${payout.parties}`,
  async ({ payouts, log }, payout) => {
    if (payout.parties === null) return null;
    try {
      return await payouts.parties(payout);
    } catch (error) {
      // A data key that is missing must not hide what is known of the money.
      log.error({ payoutId: payout.id, cause: describeError(error) }, 'the parties of a payout cannot be read');
      return null;
    }
  },
);
