import { z } from 'zod';
import { checkAddress, isNetwork, NETWORKS } from '../address.ts';
import type {
  BankDestination,
  BlockchainDestination,
  ChannelDestination,
  Destination,
  Parties,
  Payout,
} from '../domain/payout.ts';
import { builder } from './builder.ts';
import { mayRead, requireScope } from './context.ts';
import { BankAccountTypeEnum, loadParties, PartyInput, PartyObject, toParty } from './party.ts';
import { accountNumberRule, textRule } from './text.ts';

const BlockchainDestinationObject = builder.objectRef<BlockchainDestination>('BlockchainDestination');
BlockchainDestinationObject.implement({
  description: 'An address on a blockchain.',
  fields: (t) => ({
    address: t.exposeString('address', { description: 'Verbatim as it was given.' }),
    network: t.exposeString('network', { description: 'Our code, e.g. `TRON`.' }),
    memo: t.exposeString('memo', { nullable: true, description: 'The memo or tag; null when none was given.' }),
  }),
});

const ChannelDestinationObject = builder.objectRef<ChannelDestination>('ChannelDestination');
ChannelDestinationObject.implement({
  description: "An account inside a provider's own payment channel.",
  fields: (t) => ({
    channel: t.exposeString('channel', { description: "The channel's name at the provider." }),
    account: t.exposeString('account', { description: 'The account in the channel, verbatim.' }),
    network: t.exposeString('network', { nullable: true, description: "The channel's network, where it has several." }),
  }),
});

/** A bank destination, and the payout whose personal data names its account. */
type PlacedBank = BankDestination & { readonly of: Payout };

const BankDestinationObject = builder.objectRef<PlacedBank>('BankDestination');
BankDestinationObject.implement({
  description: 'An account at a bank, or one of the same kind.',
  fields: (t) => ({
    accountNumber: t.string({
      description:
        'Whole where the key has payouts:read and the personal data is there; else masked but for its last four characters, ' +
        'e.g. `••••1234`.',
      resolve: async ({ of, lastFour }, _args, context) => {
        const parties = mayRead(context) ? await loadParties(context, of) : null;
        return parties?.accountNumber ?? `••••${lastFour}`;
      },
    }),
    accountType: t.expose('accountType', { type: BankAccountTypeEnum, description: 'What kind of account it is.' }),
    beneficiary: t.field({
      type: PartyObject,
      nullable: true,
      description: 'Whose account it is, as last amended; null once erased. Needs payouts:read.',
      resolve: async ({ of }, _args, context) => {
        requireScope(context, 'payouts:read');
        return (await loadParties(context, of))?.beneficiary ?? null;
      },
    }),
  }),
});

/** Where a payout goes. */
export const DestinationUnion = builder.unionType('Destination', {
  description: 'Where a payout goes. New kinds may be added.',
  types: [BlockchainDestinationObject, BankDestinationObject, ChannelDestinationObject],
  resolveType: ({ kind }) => {
    if (kind === 'bank') return BankDestinationObject;
    return kind === 'blockchain' ? BlockchainDestinationObject : ChannelDestinationObject;
  },
});

/** The destination of a payout as `DestinationUnion` shows it. */
export function placeDestination(payout: Payout): BlockchainDestination | ChannelDestination | PlacedBank {
  const { destination } = payout.order;
  return destination.kind === 'bank' ? { ...destination, of: payout } : destination;
}

const BlockchainDestinationInput = builder.inputType('BlockchainDestinationInput', {
  description: "An address on a blockchain, which must pass the network's own checks before anything is stored.",
  fields: (t) => ({
    address: t.string({
      required: true,
      description:
        'Written exactly as the network writes it, checksum included. SOLANA has none, raw TON addresses have none, and EVM ' +
        'addresses have one only in mixed letter case (EIP-55).',
    }),
    network: t.string({
      required: true,
      description: `Our code, whatever the provider calls it: ${NETWORKS.join(', ')}.`,
      validate: { refine: [isNetwork, { message: `one of ${NETWORKS.join(', ')}` }] },
    }),
    memo: t.string({
      required: false,
      description: 'The memo or tag of networks that have one. 1 to 255 printable characters.',
      validate: textRule(255),
    }),
  }),
  validate: {
    schema: z.custom<{ address: string; network: string }>().superRefine(({ address, network }, check) => {
      const verdict = isNetwork(network) ? checkAddress(network, address) : true;
      if (verdict !== true) check.addIssue({ code: 'custom', path: ['address'], message: verdict });
    }),
  },
});

const BankDestinationInput = builder.inputType('BankDestinationInput', {
  description: 'An account at a bank, or one of the same kind.',
  fields: (t) => ({
    accountNumber: t.string({
      required: true,
      description:
        'The number of the account or its card, an IBAN, or what names the account at Alipay or WeChat. 6 to 64 ASCII ' +
        'characters without a space.',
      validate: accountNumberRule,
    }),
    accountType: t.field({
      type: BankAccountTypeEnum,
      required: true,
      defaultValue: 'BANK',
      description: 'What kind of account it is.',
    }),
    beneficiary: t.field({ type: PartyInput, required: true, description: 'Whose account it is.' }),
  }),
});

const ChannelDestinationInput = builder.inputType('ChannelDestinationInput', {
  description: "An account inside a provider's own payment channel.",
  fields: (t) => ({
    channel: t.string({
      required: true,
      description: "The channel's name at the provider. 1 to 64 printable characters.",
      validate: textRule(64),
    }),
    account: t.string({
      required: true,
      description: 'The account in the channel. 1 to 255 printable characters.',
      validate: textRule(255),
    }),
    network: t.string({
      required: false,
      description: "The channel's network, where it has several. 1 to 64 printable characters.",
      validate: textRule(64),
    }),
  }),
});

/** Where a payout is to go. */
export const DestinationInput = builder.inputType('DestinationInput', {
  description: 'Where a payout is to go: exactly one of these.',
  isOneOf: true,
  fields: (t) => ({
    blockchain: t.field({ type: BlockchainDestinationInput, description: 'To an address on a blockchain.' }),
    bank: t.field({ type: BankDestinationInput, description: 'To an account at a bank, at Alipay or at WeChat.' }),
    channel: t.field({ type: ChannelDestinationInput, description: "To an account in a provider's payment channel." }),
  }),
});

/** The destination as the domain has it: what was left out is null. A bank account keeps its last four characters alone. */
export function toDestination({ blockchain, bank, channel }: typeof DestinationInput.$inferInput): Destination {
  if (blockchain) return { kind: 'blockchain', ...blockchain, memo: blockchain.memo ?? null };
  if (!bank) return { kind: 'channel', ...channel, network: channel.network ?? null };
  return { kind: 'bank', accountType: bank.accountType, lastFour: bank.accountNumber.slice(-4), network: null };
}

/** The personal data that a destination brings along; null: none. */
export function toRecipient({
  bank,
}: typeof DestinationInput.$inferInput): Pick<Parties, 'beneficiary' | 'accountNumber'> | null {
  return bank ? { beneficiary: toParty(bank.beneficiary), accountNumber: bank.accountNumber } : null;
}
