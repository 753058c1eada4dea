import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  addDecimals,
  canonicalDecimal,
  compareDecimals,
  decimalPlaces,
  divideDecimals,
  equalDecimals,
  isZero,
  multiplyDecimals,
  parseDecimal,
  parseJsonNumber,
  subtractDecimals,
} from '../src/domain/money.ts';
import { decimal } from './support/payouts.ts';

describe('decimals', () => {
  it('are plain, unsigned text of at most 18 places and 30 digits', () => {
    for (const text of [
      '0',
      '1',
      '0.5',
      '12.50',
      '0.000000000000000001',
      '123456789012.123456789012345678',
      '9'.repeat(30),
    ]) {
      assert.equal(parseDecimal(text), text);
    }
    const bad = [
      '',
      '-1',
      '+1',
      '1e3',
      '1E3',
      'NaN',
      'Infinity',
      '1,5',
      '1_000',
      ' 1',
      '1 ',
      '1.',
      '.5',
      '00',
      '01',
      '0x1',
      '１',
      '1.1.1',
    ];
    for (const text of [...bad, `0.${'0'.repeat(18)}1`, '9'.repeat(31)]) assert.equal(parseDecimal(text), null, text);
  });

  it('keep their scale and are equal by value', () => {
    assert.ok(equalDecimals(decimal('0.0200000000'), decimal('0.02')));
    assert.ok(!equalDecimals(decimal('0.02'), decimal('0.020000000000000001')));
    assert.equal(canonicalDecimal(decimal('1.00')), '1');
    assert.equal(canonicalDecimal(decimal('0.100')), '0.1');
    assert.equal(compareDecimals(decimal('9'), decimal('10')), -1);
    assert.ok(isZero(decimal('0.000')));
    assert.equal(decimalPlaces(decimal('1.2300')), 2);
  });

  it('add, subtract and multiply exactly, and are never negative', () => {
    assert.equal(addDecimals(decimal('0.1'), decimal('0.2')), '0.3');
    assert.equal(subtractDecimals(decimal('1.00'), decimal('0.11')), '0.89');
    assert.equal(subtractDecimals(decimal('1'), decimal('1.000000000000000001')), null);
    assert.equal(multiplyDecimals(decimal('100'), decimal('7.182'), 2), '718.2');
    assert.equal(multiplyDecimals(decimal('0.005'), decimal('1'), 2), '0.01');
    assert.equal(
      multiplyDecimals(decimal('123456789012345678'), decimal('123456789'), 0),
      '15241578751714678763907942',
    );
  });

  it('divide exactly where that is possible, else down or up to the place that is named, and never by zero', () => {
    assert.equal(divideDecimals(decimal('718.2'), decimal('7.182'), 2, 'DOWN'), '100');
    assert.equal(divideDecimals(decimal('718.20'), decimal('7.182'), 2, 'UP'), '100');
    assert.equal(divideDecimals(decimal('1'), decimal('3'), 2, 'DOWN'), '0.33');
    assert.equal(divideDecimals(decimal('1'), decimal('3'), 2, 'UP'), '0.34');
    assert.equal(divideDecimals(decimal('0.01'), decimal('7'), 2, 'DOWN'), '0');
    assert.equal(divideDecimals(decimal('0.01'), decimal('7'), 2, 'UP'), '0.01');
    assert.equal(divideDecimals(decimal('2'), decimal('3'), 18, 'UP'), '0.666666666666666667');
    assert.equal(divideDecimals(decimal('7'), decimal('2'), 0, 'DOWN'), '3');
    assert.equal(divideDecimals(decimal('0'), decimal('2'), 2, 'UP'), '0');
    assert.equal(divideDecimals(decimal('1'), decimal('0.00'), 2, 'UP'), null);
  });

  it('are read from JSON numbers by their source text, exponents written out', () => {
    const cases = [
      ['10.0', '10.0'],
      ['0.0200000000', '0.0200000000'],
      ['1e-8', '0.00000001'],
      ['1.5E3', '1500'],
      ['125e-1', '12.5'],
      ['0e5', '0'],
    ] as const;
    for (const [source, text] of cases) assert.equal(parseJsonNumber(source), text, source);
    assert.equal(parseJsonNumber(`0.5${'0'.repeat(30)}`), '0.5');
    for (const source of ['-1', '1e-19', '1e30', 'NaN', '', '1e9999', `0.${'0'.repeat(18)}1`])
      assert.equal(parseJsonNumber(source), null, source);
  });
});
