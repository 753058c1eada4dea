import { type Decimal, parseDecimal } from '../../domain/money.ts';
import type { Order, Parties, Party } from '../../domain/payout.ts';
import { TARGET } from './price.ts';

/**
 * CNY for one unit; the first is that of the recorded quote. They never change, so a quote never ends. Source: assumed.
 */
export const RATES: ReadonlyMap<string, Decimal> = new Map([
  ['USD', rate('7.182')],
  ['EUR', rate('7.801523')],
  ['GBP', rate('9.2034')],
  ['HKD', rate('0.9148')],
  ['SGD', rate('5.34')],
]);
/** Of a few areas, in the form of the answer; the first are those of the recorded one. */
export const AREAS = [
  area('1', '440000', '510000', '广东省', 'Guangdong', [
    area('2', '440400', '519000', '珠海市', 'Zhuhai', [
      area('3', '440402', '519000', '香洲区', 'Xiangzhou', []),
      area('3', '440403', '519100', '斗门区', 'Doumen', []),
    ]),
    area('2', '440300', '518000', '深圳市', 'Shenzhen', [area('3', '440305', '518000', '南山区', 'Nanshan', [])]),
  ]),
  area('1', '310000', '200000', '上海市', 'Shanghai', [
    area('2', '310100', '200000', '上海市', 'Shanghai', [area('3', '310115', '200120', '浦东新区', 'Pudong', [])]),
  ]),
];

function area(
  areaLevel: string,
  areaKey: string,
  code: string,
  name: string,
  pinyin: string,
  list: readonly object[],
): object {
  return { areaLevel, areaKey, code, name, pinyin, list };
}

/** The first is that of the recorded answer. */
export const OCCUPATIONS = [
  { nameCn: '教授', nameEn: 'Professor', nameTw: '教授' },
  { nameCn: '工程师', nameEn: 'Engineer', nameTw: '工程師' },
  { nameCn: '护士', nameEn: 'Nurse', nameTw: '護士' },
  { nameCn: '退休', nameEn: 'Retired', nameTw: '退休' },
];

const ORIGINATOR: Party = {
  name: null,
  firstName: 'Mei',
  middleName: null,
  lastName: 'Tan',
  nationality: 'SG',
  idType: 'PASSPORT',
  idNumber: 'K1234567E',
  idCountry: 'SG',
  idIssueDate: null,
  idExpiryDate: '2031-03-02',
  dateOfBirth: '1986-03-03',
  occupation: 'Professor',
  phoneCountryCode: '65',
  phone: '81234567',
  email: null,
  sex: 'FEMALE',
  address: {
    line: '1 Example Road',
    city: 'Singapore',
    district: null,
    state: 'Singapore',
    postalCode: '018956',
    country: 'SG',
  },
  accountNumber: '1258566545',
  accountType: 'BANK',
};

const BENEFICIARY: Party = {
  name: '陈小明',
  firstName: null,
  middleName: null,
  lastName: null,
  nationality: 'CN',
  idType: 'ID_CARD',
  idNumber: '110101199003070011',
  idCountry: null,
  idIssueDate: '2015-02-03',
  idExpiryDate: '2035-02-03',
  dateOfBirth: '1990-03-07',
  occupation: 'Professor',
  phoneCountryCode: '86',
  phone: '13800000000',
  email: null,
  sex: 'MALE',
  address: {
    line: '示例路1号',
    city: 'Zhuhai',
    district: 'Xiangzhou',
    state: 'Guangdong',
    postalCode: '519000',
    country: 'CN',
  },
  accountNumber: null,
  accountType: null,
};

/** An order that pays a made-up person, in every respect as the provider wants it. */
export function sample(amount: Decimal): { readonly order: Order; readonly parties: Parties } {
  return {
    order: {
      amount: { amount, currency: TARGET },
      feeMode: 'ADD',
      destination: { kind: 'bank', accountType: 'BANK', lastFour: '0003', network: null },
      sourceCurrency: null,
      receiveCurrency: null,
      purpose: 'Salary',
      relationship: 'Self',
      sourceOfFunds: 'Employment income',
      fundingAddress: null,
      description: null,
    },
    parties: { originator: ORIGINATOR, beneficiary: BENEFICIARY, accountNumber: '6200000000000000003' },
  };
}

/** For this file's own constants. */
function rate(text: string): Decimal {
  const value = parseDecimal(text);
  if (value === null) throw new RangeError(`${text} is not a decimal`);
  return value;
}
