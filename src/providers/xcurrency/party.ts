import type { Amendment, BankAccountType, IdType, Parties, Party, Sex } from '../../domain/payout.ts';

/** What `purpose` may say. Source: the provider's Java SDK. */
export const PURPOSES = ['Family support', 'Salary'];
/** What `relationship` may say: whose relative the beneficiary is. Source: the provider's Java SDK. */
export const RELATIONSHIPS = [
  'Children',
  'Parent',
  'Self',
  'Sibling',
  'Spouse',
  'Grandparent',
  'Grandchildren',
  'MaternalGrandparent',
  'MaternalGrandchildren',
];
/** What `fundsSource` may say. Source: payout page, "Sources of funding". */
export const SOURCES_OF_FUNDS = ['Business income', 'Employment income', 'Part-time income', 'Saving deposits'];

/** Source: the provider's Java SDK, as are the other two. */
export const ACCOUNT_TYPES: Readonly<Record<BankAccountType, string>> = {
  BANK: 'bank',
  ALIPAY: 'alipay',
  WECHAT: 'wechat',
};
export const ID_TYPES: Readonly<Record<IdType, string>> = {
  ID_CARD: 'idcard',
  PASSPORT: 'passport',
  DRIVER: 'driver',
  RESIDENCE: 'residence',
  WORK_PERMIT: 'workpermit',
  OTHER: 'other',
};
export const SEXES: Readonly<Record<Sex, string>> = { MALE: 'male', FEMALE: 'female' };

/** Both ends of a payment as a create needs them. */
export interface Ends {
  readonly originator: Party;
  readonly beneficiary: Party;
  readonly accountNumber: string;
}

/** `Parties` with nothing left out at its top; null: something is. */
export function endsOf({ originator, beneficiary, accountNumber }: Parties): Ends | null {
  return originator && beneficiary && accountNumber ? { originator, beneficiary, accountNumber } : null;
}

/** The groups of a payment beside its money: what a create must carry, and all that an update may change. */
export type Groups = Amendment;

/**
 * What must not be left out. The address object is checked by the SDK; that the server also insists on the other fields
 * is assumed.
 */
const PAYER_NEEDS = ['firstName', 'lastName', 'nationality', 'idType', 'idNumber', 'dateOfBirth'] as const;
const BENEFICIARY_NEEDS = ['name', 'idType', 'idNumber', 'phone'] as const;

/** The names of a party's missing fields, in our terms: `originator.firstName`. */
function missingIn(name: string, party: Party, needs: readonly (keyof Party)[]): string[] {
  const missing: string[] = needs.filter((field) => !party[field]);
  if (party.address === null) missing.push('address');
  else if (party.address.line === '') missing.push('address.line');
  return missing.map((field) => `${name}.${field}`);
}

/**
 * What stands in the way of sending the groups: the fields that are missing, by name, or a word that is on none of the
 * provider's lists; null: nothing. `whole`: all five are needed, as a create needs them; else those that are there are
 * looked at alone. No value of a party is ever repeated.
 */
export function faultOf(groups: Groups, whole: boolean): string | null {
  const { originator, beneficiary, purpose, relationship, sourceOfFunds } = groups;
  const absent = whole ? Object.entries(groups).flatMap(([name, value]) => (value === null ? [name] : [])) : [];
  const missing = [
    ...absent,
    ...(originator === null ? [] : missingIn('originator', originator, PAYER_NEEDS)),
    ...(beneficiary === null ? [] : missingIn('beneficiary', beneficiary, BENEFICIARY_NEEDS)),
  ];
  if (missing.length > 0) return `xCurrency Hubs also needs ${missing.join(', ')}.`;
  const words = [
    ['purpose', purpose, PURPOSES],
    ['relationship', relationship, RELATIONSHIPS],
    ['sourceOfFunds', sourceOfFunds, SOURCES_OF_FUNDS],
  ] as const;
  const wrong = words.find(([, value, list]) => value !== null && !list.includes(value));
  return wrong ? `xCurrency Hubs takes as ${wrong[0]} one of: ${wrong[2].join(', ')}.` : null;
}

/** `payer`, in the order of the recorded create; what is null is left out. */
export function encodePayer(party: Party): object {
  return {
    // The SDK says `bank` where nothing else is said.
    accountType: ACCOUNT_TYPES[party.accountType ?? 'BANK'],
    accountNumber: party.accountNumber ?? undefined,
    email: party.email ?? undefined,
    firstName: party.firstName ?? undefined,
    middleName: party.middleName ?? undefined,
    lastName: party.lastName ?? undefined,
    nationality: party.nationality ?? undefined,
    idCountry: party.idCountry ?? undefined,
    idType: party.idType === null ? undefined : ID_TYPES[party.idType],
    idNumber: party.idNumber ?? undefined,
    dob: party.dateOfBirth ?? undefined,
    idExpiryDate: party.idExpiryDate ?? undefined,
    ...encodeCommon(party),
  };
}

/** The account of a payment: its words stand in a stored body as they were sent. */
export interface WireAccount {
  readonly accountType: string;
  readonly accountNumber: string;
}

/** `beneficiary`, in the order of the recorded create; what is null is left out. */
export function encodeBeneficiary(party: Party, { accountType, accountNumber }: WireAccount): object {
  return {
    accountType,
    accountNumber,
    accountName: party.name ?? undefined,
    email: party.email ?? undefined,
    nationality: party.nationality ?? undefined,
    idType: party.idType === null ? undefined : ID_TYPES[party.idType],
    idNumber: party.idNumber ?? undefined,
    dob: party.dateOfBirth ?? undefined,
    idIssueDate: party.idIssueDate ?? undefined,
    idExpiryDate: party.idExpiryDate ?? undefined,
    ...encodeCommon(party),
  };
}

/** What ends both objects. */
function encodeCommon({ occupation, phoneCountryCode, phone, sex, address }: Party): object {
  return {
    occupation: occupation ?? undefined,
    iddCode: phoneCountryCode ?? undefined,
    phone: phone ?? undefined,
    sex: sex === null ? undefined : SEXES[sex],
    address:
      address === null
        ? undefined
        : {
            address: address.line,
            city: address.city ?? undefined,
            country: address.country ?? undefined,
            district: address.district ?? undefined,
            postCode: address.postalCode ?? undefined,
            state: address.state ?? undefined,
          },
  };
}
