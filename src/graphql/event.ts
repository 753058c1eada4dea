import type { EventSource, PayoutId } from '../domain/payout.ts';
import type { EventFilter, LoggedEvent } from '../domain/store.ts';
import type { Cursor, FeedEvent } from '../feed.ts';
import { builder } from './builder.ts';
import { type Context, merchantOf, parseId } from './context.ts';
import { listen } from './listener.ts';
import { merchantIdArg } from './merchant.ts';
import { pageCost, readCursor, readLimit, readWindow, toConnection } from './page.ts';
import { PayoutNode, payoutKey } from './payout.ts';
import { ProviderIdEnum } from './provider.ts';
import { PayoutStateEnum } from './state.ts';

const EventSourceEnum = builder.enumType('EventSource', {
  description: 'What brought the news.',
  values: {
    API: { description: 'A request of the merchant.' },
    SUBMIT: { description: 'The answer to a send.' },
    LOOKUP: { description: 'Asking the provider.' },
    WEBHOOK: { description: 'The provider, by itself.' },
    OPERATOR: { description: 'An operator.' },
  } as const satisfies Record<EventSource, unknown>,
});

/** One change of one payout. */
export const PayoutEventNode = builder.objectRef<FeedEvent>('PayoutEvent');
builder.node(PayoutEventNode, {
  description: 'One change of one payout: a line of the log. It never changes.',
  id: { resolve: ({ event }) => event.id },
  fields: (t) => ({
    cursor: t.exposeString('cursor', {
      description: 'Given to `payoutEvents` as `after`, it tells everything that comes after this event.',
    }),
    sequence: t.int({
      description: 'Gap-free from 1 within its payout. An event seen twice has the sequence that it had.',
      resolve: ({ event }) => event.sequence,
    }),
    at: t.field({ type: 'DateTime', description: 'When it was stored.', resolve: ({ event }) => event.at }),
    source: t.field({
      type: EventSourceEnum,
      description: 'What brought the news.',
      resolve: ({ event }) => event.source,
    }),
    actor: t.string({
      description: 'The API key, or the part of Outflow, that brought it.',
      resolve: ({ event }) => event.actor,
    }),
    state: t.field({
      type: PayoutStateEnum,
      description: "The payout's state after it.",
      resolve: ({ event }) => event.state,
    }),
    previousState: t.field({
      type: PayoutStateEnum,
      nullable: true,
      description: 'The state after the event before; null for the first.',
      resolve: ({ event }) => event.previousState,
    }),
    vendorStatus: t.string({
      nullable: true,
      description: "The provider's own word at that time, verbatim.",
      resolve: ({ event }) => event.vendorStatus,
    }),
    note: t.string({ nullable: true, description: 'One line for people.', resolve: ({ event }) => event.note }),
    payout: t.field({
      type: PayoutNode,
      description: 'The payout as it is now, which may be past this event.',
      resolve: ({ event }) => payoutKey(event.merchantId, event.payoutId),
    }),
  }),
});

/** An event of the store with its cursor. */
export function toFeedEvent({ feed }: Context, { event, position }: LoggedEvent): FeedEvent {
  return { event, cursor: feed.cursorAt(position) };
}

builder.objectField(PayoutNode, 'events', (t) =>
  t.connection(
    {
      type: PayoutEventNode,
      nullable: false,
      description: 'What happened so far, oldest first.',
      complexity: pageCost,
      resolve: async ({ payout }, args, context) => {
        const window = readWindow(args, parseSequence);
        const { limit, direction, after, before } = window;
        const last = direction === 'backward';
        const range = { after: after ?? 0, before: before ?? payout.sequence + 1, limit: limit + 1, last };
        const logged = await context.store.payoutEvents(payout.merchantId, payout.id, range);
        const more = logged.length > limit;
        const page = more ? (last ? logged.slice(1) : logged.slice(0, limit)) : logged;
        const events = page.map((one) => toFeedEvent(context, one));
        return toConnection(window, events, more, ({ event }) => toSequenceCursor(event.sequence));
      },
    },
    { name: 'PayoutEventConnection', description: 'A page of events.' },
    { name: 'PayoutEventEdge', description: 'An event in its place.' },
  ),
);

function toSequenceCursor(sequence: number): string {
  return Buffer.from(`sequence:${sequence}`).toString('base64url');
}

function parseSequence(cursor: string): number | null {
  const match = /^sequence:([0-9]{1,9})$/.exec(Buffer.from(cursor, 'base64url').toString());
  return match && Number(match[1]);
}

// --- the log -------------------------------------------------------------------------------------------------------------

const PayoutEventFilterInput = builder.inputType('PayoutEventFilter', {
  description: 'Which events. Every field narrows; what is left out does not.',
  fields: (t) => ({
    payoutIds: t.idList({ required: false, description: 'Only of these payouts. At most 100.', validate: atMost(100) }),
    states: t.field({
      type: [PayoutStateEnum],
      required: false,
      description: 'Only where the state after it is one of these.',
    }),
    providers: t.field({ type: [ProviderIdEnum], required: false, description: 'Only of payouts at these providers.' }),
  }),
});

function atMost(length: number): { type: 'array'; maxLength: [number, { message: string }] } {
  return { type: 'array', maxLength: [length, { message: `at most ${length}` }] };
}

interface LogArgs {
  readonly after?: string | null | undefined;
  readonly merchantId?: string | null | undefined;
  readonly filter?: typeof PayoutEventFilterInput.$inferInput | null | undefined;
}

/** What part of the log is asked for. Throws INVALID_INPUT that names the argument at fault. */
function readLogArgs(context: Context, args: LogArgs): { after: Cursor | null; filter: EventFilter } {
  const { payoutIds, states, providers } = args.filter ?? {};
  const filter: EventFilter = {
    merchantId: merchantOf(context, args.merchantId),
    // An id that cannot be ours matches nothing, like one that is not there.
    ...(payoutIds ? { payoutIds: payoutIds.flatMap((id) => parseId<PayoutId>('po', id) ?? []) } : {}),
    ...(states ? { states } : {}),
    ...(providers ? { providers } : {}),
  };
  return { after: readCursor('after', args.after, context.feed.parseCursor), filter };
}

const PayoutEventPageObject = builder
  .objectRef<{ readonly events: readonly FeedEvent[]; readonly cursor: Cursor }>('PayoutEventPage')
  .implement({
    description: 'A stretch of the log.',
    fields: (t) => ({
      events: t.expose('events', {
        type: [PayoutEventNode],
        description: 'Oldest first within each payout.',
        complexity: { field: 1, multiplier: 1 },
      }),
      cursor: t.exposeString('cursor', {
        description: 'Pass it as `after` next time; it moves even where the filter let nothing through.',
      }),
    }),
  });

const afterDescription = 'Only what comes after this cursor, which came from an event, a page of the log, or a payout.';

builder.queryField('payoutEvents', (t) =>
  t.field({
    type: PayoutEventPageObject,
    authScopes: { reads: true },
    complexity: pageCost,
    description: 'The log itself, for callers that would rather ask than listen. Same cursors as the subscription.',
    args: {
      after: t.arg.string({ required: false, description: `${afterDescription} Left out: from the beginning.` }),
      first: t.arg.int({ required: false, description: 'At most so many, 1 to 100. Default 20.' }),
      filter: t.arg({ type: PayoutEventFilterInput, required: false, description: 'Which events. Default: all.' }),
      merchantId: t.arg.id(merchantIdArg),
    },
    resolve: (_root, args, context) => {
      const { after, filter } = readLogArgs(context, args);
      return context.feed.events(after, filter, readLimit('first', args.first) ?? 20);
    },
  }),
);

builder.subscriptionField('payoutEvents', (t) =>
  t.field({
    type: PayoutEventNode,
    authScopes: { reads: true },
    description:
      'Every event of the merchant after the cursor, in order for each payout, without a gap; across a cut one may come ' +
      'twice, and `sequence` tells. It does not end.',
    args: {
      after: t.arg.string({ required: false, description: `${afterDescription} Left out: from now on.` }),
      filter: t.arg({ type: PayoutEventFilterInput, required: false, description: 'Which events. Default: all.' }),
      merchantId: t.arg.id(merchantIdArg),
    },
    subscribe: (_root, args, context) => {
      const { after, filter } = readLogArgs(context, args);
      return listen(context, (signal) => context.feed.subscribe(after, filter, signal));
    },
    resolve: (event) => event,
  }),
);
