import { attentionSince, currentAttempt } from '../domain/attempt.ts';
import type { AttentionReason, Payout, PayoutId } from '../domain/payout.ts';
import type { AttentionQuery } from '../domain/store.ts';
import { builder } from './builder.ts';
import { merchantOf, parseId } from './context.ts';
import { merchantIdArg } from './merchant.ts';
import { pageCost, readWindow, toConnection } from './page.ts';
import { PayoutNode, payoutKey } from './payout.ts';
import { ProviderIdEnum } from './provider.ts';
import { AttentionReasonEnum } from './trouble.ts';

/** One thing that needs a person. */
interface AttentionItem {
  readonly payout: Payout;
  readonly reason: AttentionReason | 'IN_DOUBT';
  readonly message: string;
  readonly since: Date;
  readonly others: readonly AttentionReason[];
}

/** The payout's first reason, and the others that it has. */
function toItem(payout: Payout): AttentionItem {
  const [first, ...rest] = payout.attention.toSorted((a, b) => a.since.getTime() - b.since.getTime());
  const since = attentionSince(payout) ?? payout.updatedAt;
  if (first === undefined) return { payout, reason: 'IN_DOUBT', message: describeDoubt(payout), since, others: [] };
  const others = new Set(rest.map(({ reason }) => reason).filter((reason) => reason !== first.reason));
  return { payout, reason: first.reason, message: first.message, since, others: [...others] };
}

function describeDoubt(payout: Payout): string {
  const lost = currentAttempt(payout)?.sends.findLast((send) => send.outcome === 'UNKNOWN')?.vendorMessage ?? null;
  const doubt = 'it was sent, and no answer tells yet what became of it';
  return lost === null ? doubt : `${doubt}: ${lost}`;
}

const AttentionItemObject = builder.objectRef<AttentionItem>('AttentionItem').implement({
  description: 'Something that a person has to look at. `resolvePayout` is how an operator ends it.',
  fields: (t) => ({
    reason: t.expose('reason', { type: AttentionReasonEnum, description: 'What is wrong: what was noticed first.' }),
    others: t.expose('others', {
      type: [AttentionReasonEnum],
      description: 'What else is wrong with it, in the order in which it was noticed.',
    }),
    message: t.exposeString('message', { description: 'One line for people, on the reason.' }),
    since: t.expose('since', { type: 'DateTime', description: 'Since when it needs somebody. The list goes by this.' }),
    payout: t.field({
      type: PayoutNode,
      nullable: true,
      description: 'What it is about; null where it is about no payout.',
      resolve: ({ payout }) => payoutKey(payout.merchantId, payout.id),
    }),
    provider: t.field({
      type: ProviderIdEnum,
      description: 'Whom to ask.',
      resolve: ({ payout }) => currentAttempt(payout)?.provider ?? payout.provider,
    }),
    account: t.string({
      description: 'Our name for the account there.',
      resolve: ({ payout }) => currentAttempt(payout)?.account ?? payout.account,
    }),
  }),
});

type Place = NonNullable<AttentionQuery['after']>;

function toCursor({ since, payout }: AttentionItem): string {
  return Buffer.from(`attention ${since.getTime()} ${payout.id}`).toString('base64url');
}

function parseCursor(cursor: string): Place | null {
  const [list, time = '', text = ''] = Buffer.from(cursor, 'base64url').toString().split(' ');
  const id = parseId<PayoutId>('po', text);
  return list === 'attention' && id && /^[0-9]{1,15}$/.test(time) ? { since: new Date(Number(time)), id } : null;
}

const AttentionEdge = builder.edgeObject({
  type: AttentionItemObject,
  name: 'AttentionEdge',
  description: 'Something that needs a person, in its place.',
});

const AttentionConnection = builder.connectionObject(
  {
    type: AttentionItemObject,
    name: 'AttentionConnection',
    description: 'A page of what needs a person.',
  },
  AttentionEdge,
);

builder.queryField('attention', (t) =>
  t.field({
    type: AttentionConnection,
    authScopes: { reads: true },
    complexity: pageCost,
    description:
      'What needs a person, oldest first: payouts in doubt, contradicted, with a wrong echo, or that take longer than usual, ' +
      'each once. It changes while it is paged through.',
    args: {
      first: t.arg.int({ required: false, description: 'So many from the start, 1 to 100. Default 20.' }),
      after: t.arg.string({ required: false, description: 'Only what comes after this cursor.' }),
      merchantId: t.arg.id({
        ...merchantIdArg,
        description:
          "Whose payouts. An operator may leave it out for every merchant's; another merchant's is FORBIDDEN.",
      }),
    },
    resolve: async (_root, args, context) => {
      const everybody = context.viewer.merchantId === null && args.merchantId == null;
      const merchantId = everybody ? null : merchantOf(context, args.merchantId);
      const window = readWindow(args, parseCursor);
      const { limit, after } = window;
      const found = await context.store.attention({ merchantId, limit: limit + 1, after });
      const items = found.slice(0, limit).map(toItem);
      return toConnection(window, items, found.length > limit, toCursor);
    },
  }),
);
