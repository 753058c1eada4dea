import assert from 'node:assert/strict';
import { createHmac, randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import type { MerchantId } from '../src/domain/merchant.ts';
import { type Decimal, parseDecimal } from '../src/domain/money.ts';
import type { ProviderId } from '../src/domain/provider.ts';
import { createQuotes, type Quoted } from '../src/quotes.ts';

const OWN = 'me_own' as MerchantId;
const OTHER = 'me_other' as MerchantId;
const secret = randomBytes(32);
const quotes = createQuotes(secret);

function decimal(text: string): Decimal {
  const value = parseDecimal(text);
  assert.ok(value !== null, text);
  return value;
}

function quotedOf(changes: Partial<Quoted['price']> = {}, request: Partial<Quoted['request']> = {}): Quoted {
  return {
    provider: 'IO2328' as ProviderId,
    account: 'second-1',
    request: {
      amount: { amount: decimal('100.00'), currency: 'USDT' },
      feeMode: 'ADD',
      network: 'TRON',
      channel: null,
      sourceCurrency: null,
      receiveCurrency: null,
      ...request,
    },
    price: {
      debit: { amount: decimal('103.00000000'), currency: 'USDT' },
      fees: [{ amount: decimal('3'), currency: 'USDT', kind: 'PROVIDER' }],
      receive: { amount: decimal('100.00'), currency: 'USDT' },
      rate: null,
      firmness: 'INDICATIVE',
      expiresAt: new Date('2026-01-01T12:01:00.123Z'),
      ...changes,
    },
  };
}

/** Quotes with something else in every field. */
const FULL = quotedOf(
  {
    debit: { amount: decimal('0.000000000000000001'), currency: 'BTC' },
    fees: [
      { amount: decimal('1.20'), currency: 'USDT', kind: 'NETWORK' },
      { amount: decimal('0'), currency: 'EUR', kind: 'CONVERSION' },
    ],
    receive: { amount: decimal('999999999999.999999999999999999'), currency: 'CNY' },
    rate: decimal('7.182'),
    firmness: 'FIRM',
  },
  { feeMode: 'DEDUCT', network: null, channel: 'канал № 1', sourceCurrency: 'BTC', receiveCurrency: 'CNY' },
);

describe('a quote’s id', () => {
  it('carries the whole quote, digit by digit', () => {
    for (const quoted of [quotedOf(), quotedOf({ fees: [] }), FULL]) {
      const id = quotes.sign(OWN, quoted);
      assert.match(id, /^qt_[A-Za-z0-9_-]{50,900}$/);
      assert.deepEqual(quotes.read(OWN, id), quoted);
    }
  });

  it('is the same for the same quote and merchant, whatever else is known of it, and another for another', () => {
    const id = quotes.sign(OWN, quotedOf());
    const held = { ...quotedOf(), merchantId: OWN, price: { ...quotedOf().price, tolerance: decimal('0.01') } };
    assert.equal(quotes.sign(OWN, held), id);
    assert.equal(createQuotes(Buffer.from(secret)).sign(OWN, quotedOf()), id);
    const others = [
      quotes.sign(OTHER, quotedOf()),
      quotes.sign(OWN, quotedOf({ rate: decimal('1') })),
      quotes.sign(OWN, quotedOf({}, { network: null })),
      createQuotes(randomBytes(32)).sign(OWN, quotedOf()),
    ];
    assert.equal(new Set([id, ...others]).size, 5);
  });

  it('is nothing to another merchant, or to another store', () => {
    const id = quotes.sign(OWN, quotedOf());
    assert.equal(quotes.read(OTHER, id), null);
    assert.equal(createQuotes(randomBytes(32)).read(OWN, id), null);
    // The border between a merchant and the quote cannot be moved.
    assert.equal(quotes.read('me_ow' as MerchantId, id), null);
    assert.equal(quotes.read('' as MerchantId, id), null);
  });

  it('that was changed in one letter, cut or lengthened is none', () => {
    const id = quotes.sign(OWN, quotedOf());
    for (let at = 0; at < id.length; at += 1) {
      const letter = id[at] === 'A' ? 'B' : 'A';
      assert.equal(quotes.read(OWN, `${id.slice(0, at)}${letter}${id.slice(at + 1)}`), null, `letter ${at}`);
      assert.equal(quotes.read(OWN, id.slice(0, at)), null, `cut at ${at}`);
    }
    for (const tail of ['A', '=', ' ', '\n', '\u0000', '.', id]) assert.equal(quotes.read(OWN, id + tail), null, tail);
    assert.equal(quotes.read(OWN, id.replace('qt_', 'QT_')), null);
    assert.equal(quotes.read(OWN, ` ${id}`), null);
  });

  it('has one text: another that decodes to the same bytes is none', () => {
    let spare = 0;
    for (const channel of ['a', 'ab', 'abc']) {
      const id = quotes.sign(OWN, quotedOf({}, { channel }));
      const bytes = Buffer.from(id.slice(3), 'base64url');
      const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
      const twins = [...alphabet]
        .map((letter) => id.slice(0, -1) + letter)
        .filter((twin) => twin !== id && Buffer.from(twin.slice(3), 'base64url').equals(bytes));
      for (const twin of [...twins, `${id}=`, `qt_!${id.slice(3)}`]) {
        assert.equal(quotes.read(OWN, twin), null, twin);
      }
      spare += twins.length;
    }
    assert.ok(spare > 0, 'no length leaves bits to spare');
  });

  it('that is garbage is none, and never throws', () => {
    const texts = [
      '',
      'qt_',
      'qt_A',
      'qt_null',
      'po_00000000000000000000000000',
      'qt_🚫',
      'qt_\u0000',
      '💸'.repeat(400),
    ];
    for (let round = 0; round < 300; round += 1) {
      texts.push(`qt_${randomBytes(round).toString('base64url')}`, randomBytes(round).toString('latin1'));
    }
    for (const text of texts) assert.equal(quotes.read(OWN, text), null, text);
  });

  it('that is longer than 2000 letters is none, however well it is signed', () => {
    const lengthOf = (size: number) => quotes.sign(OWN, quotedOf({}, { channel: 'x'.repeat(size) }));
    const fitting = lengthOf(1200);
    assert.ok(fitting.length <= 2000);
    assert.notEqual(quotes.read(OWN, fitting), null);
    const long = lengthOf(1400);
    assert.ok(long.length > 2000);
    assert.equal(quotes.read(OWN, long), null);
  });

  it('whose tag is right and whose quote is of another form is none', () => {
    // Only the store itself could make such ones: what another version of it wrote is asked for anew.
    const key = createHmac('sha256', secret).update('outflow quote ids\u0001').digest();
    const forge = (text: string): string => {
      const payload = Buffer.from(text);
      const tag = createHmac('sha256', key).update(`${OWN.length}:${OWN}`).update(payload).digest();
      return `qt_${Buffer.concat([tag, payload]).toString('base64url')}`;
    };
    const id = quotes.sign(OWN, FULL);
    const text = Buffer.from(id.slice(3), 'base64url').subarray(32).toString();
    assert.equal(forge(text), id);
    const fields: unknown[] = JSON.parse(text);
    const anywhere = [{}, true, [1], [['1']]];
    const special = new Map<number, readonly unknown[]>([
      [0, [2, '1', null]],
      [3, ['100', ['1e3', 'USDT'], ['-1', 'USDT'], ['1'], [1, 'USDT'], null]],
      [4, ['SPLIT', null]],
      [10, [[['1', 'USDT', 'GIFT']], [['1', 'USDT']], null]],
      [12, ['1/3', '1e3', 7]],
      [13, ['MAYBE', null]],
      [14, ['2026-01-01T12:01:00Z', 1e300, null]],
    ]);
    for (const at of fields.keys()) {
      for (const wrong of [...anywhere, ...(special.get(at) ?? [])]) {
        const bent = fields.with(at, wrong);
        assert.equal(quotes.read(OWN, forge(JSON.stringify(bent))), null, `field ${at} is ${JSON.stringify(wrong)}`);
      }
    }
    for (const bent of [
      '',
      'null',
      '{}',
      '[]',
      '[1]',
      '"qt"',
      text.slice(0, -1),
      `${text}]`,
      text.replace('[1', '[2'),
    ]) {
      assert.equal(quotes.read(OWN, forge(bent)), null, bent);
    }
  });
});
