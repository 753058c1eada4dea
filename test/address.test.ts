import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { checkAddress, isNetwork, NETWORKS } from '../src/address.ts';

/**
 * Published addresses: token contracts, examples of specifications, well-known wallets. EIP-55 has one bit for each letter
 * A to F, so those of the EVM networks are rich in letters: of one with few letters it misses a wrong digit now and then.
 */
const SAMPLES: Readonly<Record<string, readonly string[]>> = {
  TRON: ['TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t', 'TEkxiTehnzSmSe2XqrBj4w32RUN966rdz8'],
  ETHEREUM: [
    // EIP-55
    '0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed',
    '0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359',
    '0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB',
    '0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb',
  ],
  BSC: ['0xbb4CdB9CBd36B01bD1cBaEBF2De08d9173bc095c'],
  POLYGON: ['0x3c499c542cEF5E3811e1192ce70d8cC03d5c3359'],
  AVALANCHE_C: ['0xB97EF9Ef8734C71904D8002F8b6Bc66Dd9c48a6E'],
  ARBITRUM: ['0xaf88d065e77c8cC2239327C5EDb3A432268e5831'],
  OPTIMISM: ['0x0b2C639c533813f4Aa9D7837CAf62653d097Ff85'],
  BASE: ['0xcbB7C0000aB88B473b1f5aFd9ef808440eed33Bf'],
  TON: ['EQCxE6mUtQJKFnGfaROTKOt1lZbDiiX1kCixRv7Nw2Id_sDs', 'UQCxE6mUtQJKFnGfaROTKOt1lZbDiiX1kCixRv7Nw2Id_p0p'],
  BITCOIN: [
    '1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa',
    '3P14159f73E4gFr7JterCCQh9QjiTjiZrG',
    // BIP-173 and BIP-350
    'bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4',
    'bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0',
  ],
  LITECOIN: ['LVuDpNCSSj6pQ7t9Pv6d6sUkLKoqDEVUnJ', 'ltc1qw508d6qejxtdg4y5r3zarvary0c5xw7kgmn4n9'],
  DOGECOIN: ['DH5yaieqoZN36fDVciNyRueRGvGLR3mr7L'],
  DASH: ['XpESxaUmonkq8RaLLp46Brx2K39ggQe226'],
};

const LETTERS = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz0OIl-_';

function* withOneLetterWrong(address: string): Generator<string> {
  for (let at = 0; at < address.length; at++) {
    for (const letter of LETTERS) {
      if (letter !== address[at]) yield address.slice(0, at) + letter + address.slice(at + 1);
    }
  }
}

describe('an address', () => {
  for (const [network, addresses] of Object.entries(SAMPLES)) {
    for (const address of addresses) {
      test(`${network} takes ${address} and refuses it with any one letter wrong`, () => {
        assert.equal(checkAddress(network, address), true);
        const taken = [...withOneLetterWrong(address)].filter((wrong) => checkAddress(network, wrong) === true);
        assert.deepEqual(taken, []);
      });
    }
  }

  test('of every network with a checksum is tried here', () => {
    assert.deepEqual(
      NETWORKS.filter((network) => !Object.hasOwn(SAMPLES, network)),
      ['SOLANA'],
    );
  });

  test('of one network is refused on the others', () => {
    const family = (network: string) => (SAMPLES[network]?.[0]?.startsWith('0x') ? 'EVM' : network);
    for (const [own, addresses] of Object.entries(SAMPLES)) {
      for (const network of NETWORKS.filter((other) => family(other) !== family(own))) {
        for (const address of addresses)
          assert.notEqual(checkAddress(network, address), true, `${address} on ${network}`);
      }
    }
  });

  test('of a test network is refused', () => {
    assert.notEqual(checkAddress('BITCOIN', 'tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx'), true);
    assert.notEqual(checkAddress('BITCOIN', 'mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn'), true);
    assert.notEqual(checkAddress('TON', 'kQCxE6mUtQJKFnGfaROTKOt1lZbDiiX1kCixRv7Nw2Id_ntm'), true);
  });

  test('of an EVM network in one letter case has no checksum and is taken for its form', () => {
    const mixed = '0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed';
    assert.equal(checkAddress('ETHEREUM', mixed.toLowerCase()), true);
    assert.equal(checkAddress('ETHEREUM', `0x${mixed.slice(2).toUpperCase()}`), true);
    assert.notEqual(checkAddress('ETHEREUM', mixed.slice(2)), true);
    assert.notEqual(checkAddress('ETHEREUM', mixed.slice(0, -1)), true);
  });

  test('of Bitcoin in capital letters is the same bech32 address', () => {
    assert.equal(checkAddress('BITCOIN', 'BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4'), true);
  });

  test('of Bitcoin with a witness version that nobody has defined is refused', () => {
    // BIP-350: valid as text, version 16 and version 2.
    assert.notEqual(checkAddress('BITCOIN', 'BC1SW50QGDZ25J'), true);
    assert.notEqual(checkAddress('BITCOIN', 'bc1zw508d6qejxtdg4y5r3zarvaryvaxxpcs'), true);
  });

  test('of Bitcoin with the checksum of the other witness version is refused', () => {
    // BIP-350: version 1 with the checksum of bech32, version 0 with that of bech32m.
    assert.notEqual(checkAddress('BITCOIN', 'bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqh2y7hd'), true);
    assert.notEqual(checkAddress('BITCOIN', 'BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KEMEAWH'), true);
  });

  test('of Solana has no checksum: 32 bytes in base58 are taken, and nothing else', () => {
    assert.equal(checkAddress('SOLANA', 'EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v'), true);
    assert.equal(checkAddress('SOLANA', '11111111111111111111111111111111'), true);
    assert.notEqual(checkAddress('SOLANA', 'EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTD'), true);
    assert.notEqual(checkAddress('SOLANA', 'EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt0v'), true);
    assert.notEqual(checkAddress('SOLANA', '1'.repeat(1000)), true);
  });

  test('of TON is taken in its raw form too, which has no checksum', () => {
    assert.equal(checkAddress('TON', `0:${'b1'.repeat(32)}`), true);
    assert.equal(checkAddress('TON', `-1:${'3'.repeat(64)}`), true);
    assert.notEqual(checkAddress('TON', `1:${'3'.repeat(64)}`), true);
    assert.notEqual(checkAddress('TON', `0:${'3'.repeat(63)}`), true);
  });

  test('on a network that is not ours is refused', () => {
    assert.notEqual(checkAddress('TRC20', 'TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t'), true);
    assert.notEqual(checkAddress('toString', 'TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t'), true);
    assert.equal(isNetwork('toString'), false);
    assert.equal(isNetwork('tron'), false);
    assert.equal(isNetwork('TRON'), true);
  });
});
