import { currentAttempt, failureOf } from '../domain/attempt.ts';
import { mayBeAsked } from '../domain/follow.ts';
import type { MerchantId } from '../domain/merchant.ts';
import {
  type AppliedReport,
  isFinal,
  type MetadataEntry,
  PAYOUT_ACTIONS,
  type Payout,
  type PayoutAction,
  type PayoutId,
} from '../domain/payout.ts';
import { knownMoneyMoved } from '../domain/restore.ts';
import { mayBeSubmitted } from '../domain/send.ts';
import type { Cursor } from '../feed.ts';
import { AttemptObject } from './attempt.ts';
import { builder } from './builder.ts';
import { type Context, requireScope } from './context.ts';
import { DestinationUnion, placeDestination } from './destination.ts';
import { FeeModeEnum, FeeObject, MoneyObject } from './money.ts';
import { loadParties, PartyObject } from './party.ts';
import { EnvironmentEnum, ProviderNode } from './provider.ts';
import { QuoteObject } from './quote.ts';
import { RouteDecisionObject, toQuote } from './route.ts';
import { MoneyMovedEnum, PayoutActionEnum, PayoutStateEnum } from './state.ts';
import { AttentionObject, PayoutFailureObject } from './trouble.ts';

/** A payout, and the end of the log as it stood before the payout was read. */
export interface LoadedPayout {
  readonly payout: Payout;
  readonly head: Cursor;
}

/** Reads payouts of one merchant, past every loader; what is not there, or not the merchant's, is left out. */
export async function readPayouts(
  { feed, store }: Context,
  merchantId: MerchantId,
  ids: readonly PayoutId[],
): Promise<ReadonlyMap<PayoutId, LoadedPayout>> {
  const head = await feed.head(merchantId);
  const payouts = await store.payouts(merchantId, ids);
  return new Map([...payouts].map(([id, payout]) => [id, { payout, head }]));
}

/** Reads one payout through the loader of this request or event; null when it is not there, or not the merchant's. */
export function loadPayout(context: Context, merchantId: MerchantId, id: PayoutId): Promise<LoadedPayout | null> {
  return PayoutNode.getDataloader(context).load(payoutKey(merchantId, id));
}

/** Reads a payout that was just written, past what the loader knows of it. */
export async function reloadPayout(
  context: Context,
  { merchantId, id }: Pick<Payout, 'merchantId' | 'id'>,
): Promise<LoadedPayout> {
  PayoutNode.getDataloader(context).clear(payoutKey(merchantId, id));
  const loaded = await loadPayout(context, merchantId, id);
  if (loaded === null) throw new Error(`payout ${id} was stored and is not found`);
  return loaded;
}

/** What the loader of payouts goes by: the merchant is part of every key. */
export type PayoutKey = `${MerchantId} ${PayoutId}`;

/** The key of a payout, which a field of type Payout may resolve to. */
export function payoutKey(merchantId: MerchantId, id: PayoutId): PayoutKey {
  return `${merchantId} ${id}`;
}

async function loadPayouts(keys: readonly PayoutKey[], context: Context): Promise<(LoadedPayout | null)[]> {
  const wanted = keys.map((key) => key.split(' ') as [MerchantId, PayoutId]);
  const byMerchant = Map.groupBy(wanted, ([merchantId]) => merchantId);
  const found = await Promise.all(
    [...byMerchant].map(([merchantId, pairs]) =>
      readPayouts(
        context,
        merchantId,
        pairs.map(([, id]) => id),
      ),
    ),
  );
  const loaded = new Map(found.flatMap((payouts) => [...payouts]));
  return wanted.map(([, id]) => loaded.get(id) ?? null);
}

const MetadataEntryObject = builder.objectRef<MetadataEntry>('MetadataEntry');
MetadataEntryObject.implement({
  description: "A fact of the merchant's own.",
  fields: (t) => ({
    key: t.exposeString('key', { description: 'Unique within its payout.' }),
    value: t.exposeString('value', { description: 'Verbatim as it was given.' }),
  }),
});

/** A payout as its merchant sees it. */
export const PayoutNode = builder.loadableNodeRef('Payout', {
  id: { resolve: ({ payout }: LoadedPayout) => payout.id },
  load: loadPayouts,
});
PayoutNode.implement({
  description: 'One payment to one recipient: asked for once, sent exactly once, followed to its end.',
  fields: (t) => ({
    reference: t.string({
      description: "The merchant's order number, unique for ever: the idempotency key.",
      resolve: ({ payout }) => payout.reference,
    }),
    merchantId: t.id({ description: 'Whose it is.', resolve: ({ payout }) => payout.merchantId }),
    state: t.field({ type: PayoutStateEnum, description: 'Where it stands.', resolve: ({ payout }) => payout.state }),
    final: t.boolean({
      description:
        'COMPLETED, FAILED, CANCELLED or RETURNED: it is over as far as we know. A later return, or evidence against FAILED, ' +
        'still arrives as an event.',
      resolve: ({ payout }) => isFinal(payout.state),
    }),
    moneyMoved: t.field({
      type: MoneyMovedEnum,
      description: 'Has money left our balance at the provider and not come back, as far as all attempts tell?',
      resolve: ({ payout }, _args, { store }) => knownMoneyMoved(payout, store.restored),
    }),
    amount: t.field({
      type: MoneyObject,
      description: 'What was asked for. `feeMode` says whether it is received or debited.',
      resolve: ({ payout }) => payout.order.amount,
    }),
    feeMode: t.field({
      type: FeeModeEnum,
      description: 'Who bears the fees.',
      resolve: ({ payout }) => payout.order.feeMode,
    }),
    destination: t.field({
      type: DestinationUnion,
      description: 'Where it goes.',
      resolve: ({ payout }) => placeDestination(payout),
    }),
    sourceCurrency: t.string({
      nullable: true,
      description: "The currency that is debited and converted; null: the amount's own.",
      resolve: ({ payout }) => payout.order.sourceCurrency,
    }),
    receiveCurrency: t.string({
      nullable: true,
      description:
        "The currency that the recipient gets where `amount` is debited and converted; null: the amount's own.",
      resolve: ({ payout }) => payout.order.receiveCurrency,
    }),
    originator: t.field({
      type: PartyObject,
      nullable: true,
      description: 'Whose money it is, as last amended; null: not given, or erased. Needs payouts:read.',
      resolve: async ({ payout }, _args, context) => {
        requireScope(context, 'payouts:read');
        return (await loadParties(context, payout))?.originator ?? null;
      },
    }),
    purpose: t.string({
      nullable: true,
      description: "What it is for, in the provider's own words, as last amended.",
      resolve: ({ payout }) => payout.order.purpose,
    }),
    relationship: t.string({
      nullable: true,
      description: "What the recipient is to the originator, in the provider's own words, as last amended.",
      resolve: ({ payout }) => payout.order.relationship,
    }),
    sourceOfFunds: t.string({
      nullable: true,
      description: "Where the money came from, in the provider's own words, as last amended.",
      resolve: ({ payout }) => payout.order.sourceOfFunds,
    }),
    fundingAddress: t.string({
      nullable: true,
      description:
        "The wallet that granted an allowance to the provider's contract; null: the contract's own balance pays.",
      resolve: ({ payout }) => payout.order.fundingAddress,
    }),
    autoConfirm: t.boolean({
      description:
        'Whether we confirm as soon as the provider approves. It becomes false by itself where something speaks against it.',
      resolve: ({ payout }) => payout.autoConfirm,
    }),
    description: t.string({
      nullable: true,
      description: "The merchant's own words, which the provider may show.",
      resolve: ({ payout }) => payout.order.description,
    }),
    metadata: t.field({
      type: [MetadataEntryObject],
      description: "The merchant's own facts. No provider sees them.",
      resolve: ({ payout }) => payout.metadata,
    }),
    sendBefore: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'Not sent by then: FAILED with EXPIRED, and nothing moved. Null: no limit.',
      resolve: ({ payout }) => payout.sendBefore,
    }),
    provider: t.field({
      type: ProviderNode,
      nullable: true,
      description:
        'Who pays it: of the furthest attempt, or where the first will go. Null where it is no longer set up. Its `assets` are ' +
        'as last known.',
      resolve: ({ payout }, _args, { providers }) => {
        const id = currentAttempt(payout)?.provider ?? payout.provider;
        const provider = providers.find((one) => one.id === id);
        return provider ? { provider, mayAsk: false } : null;
      },
    }),
    environment: t.field({
      type: EnvironmentEnum,
      description: 'Whether real money is meant.',
      resolve: (_loaded, _args, { store }) => store.environment,
    }),
    providerReference: t.string({
      nullable: true,
      description: "The provider's own number; null until it told us.",
      resolve: ({ payout }) => currentAttempt(payout)?.providerReference ?? null,
    }),
    route: t.field({
      type: RouteDecisionObject,
      nullable: true,
      description: 'Who was considered, and why it goes where it goes; null where the caller named the provider alone.',
      resolve: ({ payout }) => payout.route && { decision: payout.route, payout },
    }),
    failover: t.boolean({
      description: 'Whether it may go to the next eligible candidate once one provably has not taken it.',
      resolve: ({ payout }) => payout.failover,
    }),
    quote: t.field({
      type: QuoteObject,
      nullable: true,
      description:
        'The price that it is held to, as it was quoted; null: none. What it did cost is in `fees` and `debits`.',
      resolve: ({ payout }) => payout.heldPrice && toQuote(payout, quotedBy(payout), payout.heldPrice),
    }),
    paused: t.boolean({
      description: 'Whether it waits because its batch is paused.',
      resolve: ({ payout }) => payout.parked && payout.state === 'QUEUED',
    }),
    fees: t.field({
      type: [FeeObject],
      description: 'As the provider reports them; they may be in another currency than the amount.',
      resolve: (loaded) => reportOf(loaded)?.fees ?? [],
    }),
    debits: t.field({
      type: [MoneyObject],
      description: 'What left our balance at the provider, as it reports it.',
      resolve: (loaded) => reportOf(loaded)?.debits ?? [],
    }),
    received: t.field({
      type: MoneyObject,
      nullable: true,
      description: 'What the recipient got, as the provider reports it; null until then.',
      resolve: (loaded) => reportOf(loaded)?.received ?? null,
    }),
    transactionHash: t.string({
      nullable: true,
      description: 'The transaction on the blockchain; null until the provider told us.',
      resolve: (loaded) => reportOf(loaded)?.transactionHash ?? null,
    }),
    vendorStatus: t.string({
      nullable: true,
      description: "The provider's own word for the state, verbatim, also where we do not know it.",
      resolve: (loaded) => reportOf(loaded)?.vendorStatus ?? null,
    }),
    vendorMessage: t.string({
      nullable: true,
      description: "The provider's own message, verbatim.",
      resolve: (loaded) => reportOf(loaded)?.vendorMessage ?? null,
    }),
    failure: t.field({
      type: PayoutFailureObject,
      nullable: true,
      description: 'Why it is FAILED or CANCELLED, where there is a reason; else null.',
      resolve: ({ payout }) => {
        const failure = failureOf(payout);
        return failure && { ...failure, of: payout };
      },
    }),
    attempts: t.field({
      type: [AttemptObject],
      description: 'Every order at a provider, oldest first. Empty until the first send.',
      resolve: ({ payout }) => payout.attempts,
    }),
    attention: t.field({
      type: [AttentionObject],
      description: 'What a person has to look at, oldest first. Empty where all is well.',
      resolve: ({ payout }) => payout.attention,
    }),
    actions: t.field({
      type: [PayoutActionEnum],
      description: 'What can be done right now. It may be too late a moment later.',
      resolve: ({ payout }) => actionsOf(payout),
    }),
    pendingAction: t.field({
      type: PayoutActionEnum,
      nullable: true,
      description: 'What was asked for, is stored, and has no answer of the provider yet; the first of several.',
      resolve: ({ payout }) => payout.requests[0]?.action ?? actionInFlight(payout),
    }),
    sequence: t.int({
      description: 'The number of events so far: gap-free from 1.',
      resolve: ({ payout }) => payout.sequence,
    }),
    cursor: t.string({
      description: 'Given to `payoutEvents` as `after`, it tells exactly what happens after this reading.',
      resolve: ({ payout, head }, _args, { feed }) => feed.cursorOf(head, payout),
    }),
    createdAt: t.field({
      type: 'DateTime',
      description: 'When it was stored.',
      resolve: ({ payout }) => payout.createdAt,
    }),
    updatedAt: t.field({
      type: 'DateTime',
      description: 'When the newest event happened.',
      resolve: ({ payout }) => payout.updatedAt,
    }),
    nextCheckAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When we look at it next by ourselves; null: nothing more to ask. A webhook may come earlier.',
      resolve: ({ payout }) => payout.nextCheckAt,
    }),
  }),
});

/** Who gave the quote: where it was sent first, or would be. */
export function quotedBy({
  attempts: [first],
  route,
  provider,
  account,
}: Payout): Pick<Payout, 'provider' | 'account'> {
  return route?.candidates.find(({ verdict }) => verdict === 'CHOSEN') ?? first ?? { provider, account };
}

/** What the provider last told of the furthest attempt. */
function reportOf({ payout }: LoadedPayout): AppliedReport | null {
  return currentAttempt(payout)?.report ?? null;
}

function actionsOf(payout: Payout): readonly PayoutAction[] {
  if (payout.state === 'QUEUED') return mayBeSubmitted(payout) ? ['CANCEL'] : [];
  return PAYOUT_ACTIONS.filter((action) => mayBeAsked(payout, action));
}

function actionInFlight({ attempts }: Payout): PayoutAction | null {
  const kinds = attempts.flatMap(({ sends }) => sends.filter((send) => send.outcome === 'IN_FLIGHT'));
  return PAYOUT_ACTIONS.find((action) => kinds.some((send) => send.kind === action)) ?? null;
}
