import { sha256 } from '@noble/hashes/sha2.js';
import { keccak_256 } from '@noble/hashes/sha3.js';
import { base58, bech32, bech32m, createBase58check } from '@scure/base';

/** What one network makes of an address: true, or one line that says what is wrong with it. */
type Check = (address: string) => true | string;

const base58check = createBase58check(sha256);

/**
 * The one vocabulary of networks, ours, each with the check of its own addresses. Main networks only: an address of a test
 * network is refused, also in the sandbox.
 */
const CHECKS: Readonly<Record<string, Check>> = {
  TRON: checkTron,
  ETHEREUM: checkEvm,
  BSC: checkEvm,
  POLYGON: checkEvm,
  AVALANCHE_C: checkEvm,
  ARBITRUM: checkEvm,
  OPTIMISM: checkEvm,
  BASE: checkEvm,
  SOLANA: checkSolana,
  TON: checkTon,
  BITCOIN: checkCoin({ versions: [0x00, 0x05], segwit: 'bc' }),
  // Version 0x05 is left out: such an address, beginning with 3, reads the same as one of Bitcoin. Its other form begins with M.
  LITECOIN: checkCoin({ versions: [0x30, 0x32], segwit: 'ltc' }),
  DOGECOIN: checkCoin({ versions: [0x1e, 0x16], segwit: null }),
  DASH: checkCoin({ versions: [0x4c, 0x10], segwit: null }),
};

/** The codes of the networks whose addresses can be checked, e.g. `TRON`. */
export const NETWORKS: readonly string[] = Object.keys(CHECKS);

/** Whether a text is one of our network codes, letter for letter. */
export function isNetwork(code: string): boolean {
  return Object.hasOwn(CHECKS, code);
}

/**
 * Checks an address by its network's own rules: true, or one line that says what is wrong. Solana's addresses, raw TON
 * addresses and EVM addresses in one letter case carry no checksum; only their form can be checked.
 */
export function checkAddress(network: string, address: string): true | string {
  return CHECKS[network]?.(address) ?? 'the network is not known';
}

/** Source: developers.tron.network, page "Account": base58check of 0x41 and the last 20 bytes of a keccak hash. */
function checkTron(address: string): true | string {
  const bytes = attempt(() => base58check.decode(address));
  if (bytes === null) return 'the checksum of the address does not match';
  return (bytes.length === 21 && bytes[0] === 0x41) || 'this is no address of TRON, which begins with T';
}

/**
 * Source: EIP-55. The case of the letters is the checksum: weak where there are few, none where all are small or all capital.
 */
function checkEvm(address: string): true | string {
  if (!/^0x[0-9a-fA-F]{40}$/.test(address)) return 'an address is 0x and 40 hexadecimal digits';
  const digits = address.slice(2);
  const plain = digits.toLowerCase();
  if (digits === plain || digits === digits.toUpperCase()) return true;
  const hash = Buffer.from(keccak_256(Buffer.from(plain))).toString('hex');
  const expected = plain.replace(/[a-f]/g, (letter, at: number) =>
    hash.charAt(at) >= '8' ? letter.toUpperCase() : letter,
  );
  return digits === expected || 'the checksum of the address (EIP-55, in the case of its letters) does not match';
}

/** Source: solana.com/docs, page "Accounts": base58 of 32 bytes. */
function checkSolana(address: string): true | string {
  const bytes = address.length > 44 ? null : attempt(() => base58.decode(address));
  return bytes?.length === 32 || 'an address is the base58 text of 32 bytes';
}

/** Source: docs.ton.org, page "Internal addresses": a tag, the workchain, 32 bytes, and their CRC-16. */
function checkTon(address: string): true | string {
  if (/^(0|-1):[0-9a-fA-F]{64}$/.test(address)) return true;
  if (!/^([A-Za-z0-9_-]{48}|[A-Za-z0-9+/]{48})$/.test(address))
    return 'an address has 48 characters, or is workchain:hash';
  const bytes = Buffer.from(address, 'base64url');
  if (bytes.readUInt16BE(34) !== crc16(bytes.subarray(0, 34))) return 'the checksum of the address does not match';
  const [tag, workchain] = bytes;
  if (tag !== 0x11 && tag !== 0x51) return 'this is no address of the main network of TON';
  return workchain === 0x00 || workchain === 0xff || 'the workchain of the address is not known';
}

/** CRC-16/XMODEM: polynomial 0x1021, from 0. */
function crc16(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = ((crc << 1) ^ (crc & 0x8000 ? 0x1021 : 0)) & 0xffff;
  }
  return crc;
}

/**
 * Bitcoin and its relatives: base58check of a version byte and 20 bytes, or a segregated-witness address.
 * Source: BIP-173, BIP-350; the version bytes from each coin's `chainparams.cpp`.
 */
function checkCoin(coin: { readonly versions: readonly number[]; readonly segwit: string | null }): Check {
  return (address) => {
    if (coin.segwit !== null && address.toLowerCase().startsWith(`${coin.segwit}1`)) {
      return checkSegwit(address, coin.segwit);
    }
    const bytes = attempt(() => base58check.decode(address));
    if (bytes === null) return 'the checksum of the address does not match';
    return (bytes.length === 21 && coin.versions.includes(bytes[0] ?? -1)) || 'this is an address of another network';
  };
}

/** Versions 0 (bech32) and 1 (bech32m) alone: what is sent to a later one, anybody may take. */
function checkSegwit(address: string, prefix: string): true | string {
  const [version, encoding] = address.charAt(prefix.length + 1).toLowerCase() === 'q' ? [0, bech32] : [1, bech32m];
  const words = encoding.decodeUnsafe(address, 90)?.words;
  const program = words?.[0] === version ? encoding.fromWordsUnsafe(words.slice(1)) : null;
  if (!program) return 'the checksum of the address does not match';
  return program.length === 32 || (version === 0 && program.length === 20) || 'the address has a wrong length';
}

/** What a decoder gives; null where it throws. */
function attempt<T>(decode: () => T): T | null {
  try {
    return decode();
  } catch {
    return null;
  }
}
