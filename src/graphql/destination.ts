import { z } from 'zod';
import { checkAddress, isNetwork, NETWORKS } from '../address.ts';
import type { BlockchainDestination, ChannelDestination, Destination } from '../domain/payout.ts';
import { builder } from './builder.ts';

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

/** Where a payout goes. */
export const DestinationUnion = builder.unionType('Destination', {
  description: 'Where a payout goes. New kinds may be added.',
  types: [BlockchainDestinationObject, ChannelDestinationObject],
  resolveType: ({ kind }) => (kind === 'blockchain' ? BlockchainDestinationObject : ChannelDestinationObject),
});

/** Printable text of at most `max` characters, for a provider's eyes. */
export function textRule(max: number) {
  return {
    type: 'string',
    regex: [
      new RegExp(`^[^\\p{Cc}\\p{Zl}\\p{Zp}]{1,${max}}$`, 'u'),
      { message: `1 to ${max} characters, none of them a control character` },
    ],
  } satisfies { type: 'string'; regex: [RegExp, { message: string }] };
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
    channel: t.field({ type: ChannelDestinationInput, description: "To an account in a provider's payment channel." }),
  }),
});

/** The destination as the domain has it: what was left out is null. */
export function toDestination(input: typeof DestinationInput.$inferInput): Destination {
  if (input.blockchain) return { kind: 'blockchain', ...input.blockchain, memo: input.blockchain.memo ?? null };
  return { kind: 'channel', ...input.channel, network: input.channel.network ?? null };
}
