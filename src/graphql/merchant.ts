import type { Merchant } from '../domain/merchant.ts';
import type { Viewer } from '../keys.ts';
import { builder } from './builder.ts';

/** Whoever owns payouts. */
export const MerchantNode = builder.objectRef<Merchant>('Merchant');
builder.node(MerchantNode, {
  description: 'Whoever owns payouts. A merchant sees nothing of another.',
  id: { resolve: (merchant) => merchant.id },
  fields: (t) => ({
    name: t.exposeString('name', { description: 'As the operator wrote it.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was set up.' }),
  }),
});

const ViewerObject = builder.objectRef<Viewer>('Viewer');
ViewerObject.implement({
  description: 'Who is asking, as the API key tells.',
  fields: (t) => ({
    merchant: t.field({
      type: MerchantNode,
      nullable: true,
      description: 'The merchant that the key speaks for; null for an operator.',
      resolve: ({ merchantId }, _args, { store }) => (merchantId === null ? null : store.merchant(merchantId)),
    }),
    operator: t.boolean({
      description: "Whether the key is an operator's, which names the merchant it looks at (`merchantId`).",
      resolve: ({ merchantId }) => merchantId === null,
    }),
    keyId: t.exposeID('keyId', { description: 'Names the key; it is not the secret. Events carry it as `actor`.' }),
    label: t.exposeString('label', { description: 'What the key was called when it was made.' }),
    scopes: t.stringList({
      description: 'What the key may do, e.g. `payouts:read`, `payouts:write`.',
      resolve: ({ scopes }) => [...scopes].sort(),
    }),
  }),
});

builder.queryField('viewer', (t) =>
  t.field({
    type: ViewerObject,
    description: 'Who is asking.',
    resolve: (_root, _args, { viewer }) => viewer,
  }),
);

/** The argument by which an operator names the merchant, on every root field about payouts. */
export const merchantIdArg = {
  required: false,
  description: "Whose payouts. An operator names it; a merchant may leave it out, and another's is FORBIDDEN.",
} as const;
