import { attentionSince, currentAttempt } from '../domain/attempt.ts';
import { canonicalDecimal } from '../domain/money.ts';
import type { AttentionReason, Payout, PayoutId } from '../domain/payout.ts';
import type { ProviderId } from '../domain/provider.ts';
import type { AttentionQuery } from '../domain/store.ts';
import type { LowBalance } from '../market.ts';
import { builder } from './builder.ts';
import { type Context, merchantOf, parseId } from './context.ts';
import { merchantIdArg } from './merchant.ts';
import { pageCost, readWindow, toConnection } from './page.ts';
import { PayoutNode, payoutKey } from './payout.ts';
import { ProviderIdEnum } from './provider.ts';
import { AttentionReasonEnum } from './trouble.ts';

/** One thing that needs a person. */
interface AttentionItem {
  readonly place: Place;
  /** Null: it is about an account. */
  readonly payout: Payout | null;
  readonly provider: ProviderId;
  readonly account: string;
  readonly reason: AttentionReason | 'IN_DOUBT' | 'LOW_BALANCE';
  readonly message: string;
  readonly since: Date;
  readonly others: readonly AttentionReason[];
}

/** Where an item stands: accounts come first, by their names, then payouts, by when they began to need somebody. */
type Place =
  | { readonly kind: 'account'; readonly name: string }
  | ({ readonly kind: 'payout' } & NonNullable<AttentionQuery['after']>);

/** The payout's first reason, and the others that it has. */
function toItem(payout: Payout): AttentionItem {
  const [first, ...rest] = payout.attention.toSorted((a, b) => a.since.getTime() - b.since.getTime());
  const since = attentionSince(payout) ?? payout.updatedAt;
  const { provider, account } = currentAttempt(payout) ?? payout;
  const about = { place: { kind: 'payout', since, id: payout.id }, payout, provider, account, since } as const;
  if (first === undefined) return { ...about, reason: 'IN_DOUBT', message: describeDoubt(payout), others: [] };
  const others = new Set(rest.map(({ reason }) => reason).filter((reason) => reason !== first.reason));
  return { ...about, reason: first.reason, message: first.message, others: [...others] };
}

/** An account that is below what is to be kept there. */
function toLowItem({ provider, account, currency, available, minimum, since }: LowBalance): AttentionItem {
  const place = { kind: 'account', name: `${provider} ${account} ${currency}` } as const;
  const message = `${canonicalDecimal(available)} ${currency} are there, less than the ${minimum} that are to be kept`;
  return { place, payout: null, provider, account, reason: 'LOW_BALANCE', message, since, others: [] };
}

/** The accounts that are low and come after a place, in their order. */
async function listLow({ market }: Context, after: Place | null): Promise<readonly AttentionItem[]> {
  if (after?.kind === 'payout') return [];
  const items = (await market.lowBalances()).map(toLowItem);
  const nameOf = ({ place }: AttentionItem): string => (place.kind === 'account' ? place.name : '');
  const rest = items.filter((item) => after === null || nameOf(item) > after.name);
  return rest.toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
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
    since: t.expose('since', {
      type: 'DateTime',
      description:
        'Since when it needs somebody: payouts go by this. Of an account, when the process that answers saw it.',
    }),
    payout: t.field({
      type: PayoutNode,
      nullable: true,
      description: 'What it is about; null where it is about no payout.',
      resolve: ({ payout }) => payout && payoutKey(payout.merchantId, payout.id),
    }),
    provider: t.expose('provider', { type: ProviderIdEnum, description: 'Whom to ask.' }),
    account: t.exposeString('account', { description: 'Our name for the account there.' }),
  }),
});

function toCursor({ place }: AttentionItem): string {
  const text = place.kind === 'account' ? `account ${place.name}` : `${place.since.getTime()} ${place.id}`;
  return Buffer.from(`attention ${text}`).toString('base64url');
}

function parseCursor(cursor: string): Place | null {
  const [list, first = '', text = '', ...rest] = Buffer.from(cursor, 'base64url').toString().split(' ');
  if (list !== 'attention') return null;
  if (first === 'account') return rest.length === 2 ? { kind: 'account', name: [text, ...rest].join(' ') } : null;
  const id = parseId<PayoutId>('po', text);
  return id && /^[0-9]{1,15}$/.test(first) ? { kind: 'payout', since: new Date(Number(first)), id } : null;
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
      'each once. It changes while it is paged through. Before them, for an operator who names no merchant and has the scope ' +
      'balances:read: accounts with less than what is to be kept there, by provider, account and currency. They count as items of the page and have ' +
      'cursors of their own, after which come the other accounts, then the payouts.',
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
      const low = everybody && context.viewer.scopes.has('balances:read') ? await listLow(context, after) : [];
      const room = Math.max(limit - low.length, 0);
      const from = after?.kind === 'payout' ? after : null;
      const found = await context.store.attention({ merchantId, limit: room + 1, after: from });
      const items = [...low.slice(0, limit), ...found.slice(0, room).map(toItem)];
      return toConnection(window, items, low.length > limit || found.length > room, toCursor);
    },
  }),
);
