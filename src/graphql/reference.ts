import type { ReferenceEntry, ReferenceKind } from '../domain/provider.ts';
import { builder } from './builder.ts';
import { ProviderRejectedError, ProviderUnavailableError, UnsupportedError } from './errors.ts';
import { ProviderIdEnum } from './provider.ts';

const ReferenceKindEnum = builder.enumType('ReferenceKind', {
  description: 'What a provider has its own words for. New values may be added.',
  values: {
    AREAS: { description: 'States, cities and districts of an address, one within the other.' },
    OCCUPATIONS: { description: '`PartyInput.occupation`.' },
    PURPOSES: { description: '`CreatePayoutInput.purpose`.' },
    RELATIONSHIPS: { description: '`CreatePayoutInput.relationship`.' },
    SOURCES_OF_FUNDS: { description: '`CreatePayoutInput.sourceOfFunds`.' },
    DOCUMENT_TYPES: { description: '`AttachDocumentInput.type`.' },
    CHANNELS: { description: '`ChannelDestinationInput.channel`.' },
  } as const satisfies Record<ReferenceKind, unknown>,
});

const ReferenceEntryObject = builder.objectRef<ReferenceEntry>('ReferenceEntry');
ReferenceEntryObject.implement({
  description: "One of a provider's own words.",
  fields: (t) => ({
    value: t.exposeString('value', { description: 'What goes into the field, verbatim.' }),
    label: t.exposeString('label', { nullable: true, description: 'For people; null: the value says it.' }),
    localName: t.exposeString('localName', {
      nullable: true,
      description: "In the provider's own script; null: none.",
    }),
    code: t.exposeString('code', { nullable: true, description: "The provider's key or postal code; null: none." }),
    children: t.expose('children', {
      type: [ReferenceEntryObject],
      description: 'Of an area: the areas within it. Else empty.',
      complexity: { field: 1, multiplier: 10 },
    }),
  }),
});

builder.queryField('referenceData', (t) =>
  t.field({
    type: [ReferenceEntryObject],
    description:
      'The words that a provider wants to read, as it lists them, at most ten minutes old; where it cannot be asked, those ' +
      'that it last listed. UNSUPPORTED: it has no such list. PROVIDER_UNAVAILABLE, PROVIDER_REJECTED: it was asked in vain.',
    complexity: { field: 5, multiplier: 10 },
    args: {
      provider: t.arg({ type: ProviderIdEnum, required: true, description: 'Whose words.' }),
      kind: t.arg({ type: ReferenceKindEnum, required: true, description: 'For which field.' }),
    },
    resolve: async (_root, { provider, kind }, { catalogue }) => {
      const reference = await catalogue.reference(provider, kind);
      switch (reference.kind) {
        case 'known':
          return reference.entries;
        case 'unsupported':
          throw new UnsupportedError([{ provider, reason: reference.reason }]);
        case 'rejected':
          throw new ProviderRejectedError(provider, 'it does not list this now', reference);
        case 'unavailable':
          throw new ProviderUnavailableError(provider, reference.cause, reference.retryAt);
      }
    },
  }),
);
