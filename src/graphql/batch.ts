import { tallyOf } from '../batches.ts';
import type { BatchId, BatchWish, PayoutBatch } from '../domain/batch.ts';
import { PAYOUT_STATES, type PayoutState } from '../domain/payout.ts';
import type { BatchCount } from '../domain/store.ts';
import { builder } from './builder.ts';
import { actorOf, type Context, existingMerchant, merchantOf, oncePerOperation, parseId } from './context.ts';
import { InvalidInputError, NotFoundError, PublicError } from './errors.ts';
import { PayoutConnection, PayoutFilterInput, readPage, toFilter } from './list.ts';
import { listen } from './listener.ts';
import { merchantIdArg } from './merchant.ts';
import { pageCost } from './page.ts';
import { PayoutNode } from './payout.ts';
import { ErrorInterface } from './result.ts';
import { PayoutStateEnum } from './state.ts';

/** A batch, with what is in it where that was read with it; null: it is read when it is asked for. */
export interface LoadedBatch {
  readonly batch: PayoutBatch;
  readonly counts: readonly BatchCount[] | null;
}

/** Reads a batch once for each operation; null when it is not there, or not the merchant's. */
export const loadBatch: (context: Context, key: Pick<PayoutBatch, 'merchantId' | 'id'>) => Promise<LoadedBatch | null> =
  oncePerOperation(
    ({ merchantId, id }: Pick<PayoutBatch, 'merchantId' | 'id'>) => `${merchantId} ${id}`,
    async ({ store }, { merchantId, id }) => {
      const batch = await store.batch(merchantId, id);
      return batch && { batch, counts: null };
    },
  );

/** What was counted for a batch as it was loaded: all its fields tell of one moment. */
const counted = new WeakMap<LoadedBatch, Promise<readonly BatchCount[]>>();

function countsOf(loaded: LoadedBatch, { store }: Context): Promise<readonly BatchCount[]> {
  const { merchantId, id } = loaded.batch;
  const counts =
    counted.get(loaded) ??
    (loaded.counts === null ? store.batchCounts(merchantId, id) : Promise.resolve(loaded.counts));
  counted.set(loaded, counts);
  return counts;
}

const PayoutBatchWishEnum = builder.enumType('PayoutBatchWish', {
  description: 'What is wanted of those payouts of a batch that were not sent yet.',
  values: {
    RUNNING: { description: 'They are sent.' },
    PAUSED: { description: 'They wait.' },
    CANCELLED: { description: 'They are called off, for ever.' },
  } as const satisfies Record<BatchWish, unknown>,
});

const PayoutBatchCountObject = builder
  .objectRef<{ readonly state: PayoutState; readonly count: number }>('PayoutBatchCount')
  .implement({
    description: 'How many payouts of a batch are in one state.',
    fields: (t) => ({
      state: t.expose('state', { type: PayoutStateEnum, description: 'Which state.' }),
      count: t.exposeInt('count', { description: 'How many; at least 1.' }),
    }),
  });

/** Payouts that were asked for together. */
export const PayoutBatchNode = builder.objectRef<LoadedBatch>('PayoutBatch');
builder.node(PayoutBatchNode, {
  description: 'Payouts that were asked for together, and can be paused, resumed and called off together.',
  id: { resolve: ({ batch }) => batch.id },
  fields: (t) => ({
    reference: t.string({
      description: "The merchant's name for it, unique among its batches for ever: the idempotency key.",
      resolve: ({ batch }) => batch.reference,
    }),
    merchantId: t.id({ description: 'Whose it is.', resolve: ({ batch }) => batch.merchantId }),
    wish: t.field({
      type: PayoutBatchWishEnum,
      description: 'What is wanted of those that were not sent yet.',
      resolve: ({ batch }) => batch.wish,
    }),
    total: t.int({
      description:
        'How many payouts are in it: those that were stored first by it. An item that was refused, or whose payout is older, is ' +
        'not among them.',
      resolve: async (loaded, _args, context) => tallyOf(await countsOf(loaded, context)).total,
    }),
    counts: t.field({
      type: [PayoutBatchCountObject],
      description: 'How many are in each state; without the states that none is in.',
      complexity: { field: 1, multiplier: PAYOUT_STATES.length },
      resolve: async (loaded, _args, context) => toCounts(await countsOf(loaded, context)),
    }),
    parked: t.int({
      description: 'How many of the QUEUED ones wait because the batch is paused; others may still come to it.',
      resolve: async (loaded, _args, context) =>
        tallyOf((await countsOf(loaded, context)).filter(({ parked }) => parked)).total,
    }),
    settled: t.int({
      description: 'How many are final: COMPLETED, FAILED, CANCELLED or RETURNED.',
      resolve: async (loaded, _args, context) => tallyOf(await countsOf(loaded, context)).settled,
    }),
    progress: t.float({
      description: '`settled` divided by `total`: 0 to 1, and 0 of an empty batch.',
      resolve: async (loaded, _args, context) => {
        const { settled, total } = tallyOf(await countsOf(loaded, context));
        return total === 0 ? 0 : settled / total;
      },
    }),
    createdAt: t.field({
      type: 'DateTime',
      description: 'When it was stored.',
      resolve: ({ batch }) => batch.createdAt,
    }),
    updatedAt: t.field({
      type: 'DateTime',
      description: 'When it was last paused, resumed or cancelled; else when it was stored.',
      resolve: ({ batch }) => batch.updatedAt,
    }),
    payouts: t.connection(
      {
        type: PayoutNode,
        nullable: false,
        complexity: pageCost,
        description: 'Its payouts, newest first.',
        args: {
          filter: t.arg({
            type: PayoutFilterInput,
            required: false,
            description: 'Which of them; its `batchId` is left aside. Default: all.',
          }),
        },
        resolve: ({ batch }, args, context) => {
          const { batchId: _, ...filter } = args.filter ?? {};
          return readPage(context, batch.merchantId, { ...toFilter(filter), batch: batch.id }, args);
        },
      },
      PayoutConnection,
    ),
  }),
});

function toCounts(counts: readonly BatchCount[]): readonly { readonly state: PayoutState; readonly count: number }[] {
  return PAYOUT_STATES.map((state) => ({
    state,
    count: tallyOf(counts.filter((one) => one.state === state)).total,
  })).filter(({ count }) => count > 0);
}

builder.objectField(PayoutNode, 'batch', (t) =>
  t.field({
    type: PayoutBatchNode,
    nullable: true,
    description: 'The batch that it was first asked for in; null: it was asked for by itself.',
    resolve: ({ payout: { merchantId, batch } }, _args, context) =>
      batch === null ? null : loadBatch(context, { merchantId, id: batch }),
  }),
);

builder.queryField('payoutBatch', (t) =>
  t.field({
    type: PayoutBatchNode,
    nullable: true,
    authScopes: { reads: true },
    description: "One batch, by its id or by the merchant's own name for it; null: not there, or another merchant's.",
    args: {
      id: t.arg.id({ required: false, description: '`pb_…`. Exactly one of this and `reference`.' }),
      reference: t.arg.string({
        required: false,
        description: 'As it was given to `createPayoutBatch`, letter for letter.',
      }),
      merchantId: t.arg.id(merchantIdArg),
    },
    resolve: (_root, args, context) => {
      const merchantId = merchantOf(context, args.merchantId);
      if ((args.id == null) === (args.reference == null)) {
        throw new InvalidInputError([{ path: ['id'], message: 'exactly one of id and reference' }]);
      }
      const id =
        args.reference == null
          ? parseId<BatchId>('pb', args.id ?? '')
          : context.batches.idOf(merchantId, args.reference);
      return id && loadBatch(context, { merchantId, id });
    },
  }),
);

// --- steering -----------------------------------------------------------------------------------------------------------

/** The batch was called off, which is for ever. */
export class BatchCancelledError extends PublicError {
  readonly batch: LoadedBatch;
  constructor(batch: PayoutBatch) {
    super('NOT_ALLOWED_IN_STATE', `The batch ${batch.reference} was cancelled, which is for ever.`);
    this.batch = { batch, counts: null };
  }
}

builder.objectType(BatchCancelledError, {
  name: 'BatchCancelledError',
  description:
    'The batch was cancelled, which is for ever: nothing is created in it any more. `moneyMoved` is UNKNOWN: what was sent ' +
    'before stays sent, and `batch` shows it.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    batch: t.expose('batch', { type: PayoutBatchNode, description: 'The batch as it is now.' }),
  }),
});

/** A mutation that changes what is wanted of a batch. */
function addSteering(verb: 'pause' | 'resume' | 'cancel', wish: BatchWish, done: string, description: string): void {
  const name = `${verb.charAt(0).toUpperCase()}${verb.slice(1)}PayoutBatch`;
  const Input = builder.inputType(`${name}Input`, {
    description: `Which batch to ${verb}.`,
    fields: (t) => ({ id: t.id({ required: true, description: '`pb_…`' }) }),
  });
  const Success = builder.objectRef<{ readonly batch: LoadedBatch }>(`${name}Success`).implement({
    description: done,
    fields: (t) => ({ batch: t.expose('batch', { type: PayoutBatchNode, description: 'The batch as it is now.' }) }),
  });
  builder.mutationField(`${verb}PayoutBatch`, (t) =>
    t.field({
      type: Success,
      authScopes: { writes: true },
      errors: { types: [InvalidInputError, NotFoundError, BatchCancelledError] },
      description,
      args: {
        input: t.arg({ type: Input, required: true, description: 'Which one.' }),
        merchantId: t.arg.id(merchantIdArg),
      },
      resolve: async (_root, args, context) => {
        const merchantId = await existingMerchant(context, args.merchantId);
        return { batch: { batch: await steer(context, merchantId, args.input.id, wish), counts: null } };
      },
    }),
  );
}

async function steer(
  context: Context,
  merchantId: PayoutBatch['merchantId'],
  text: string,
  wish: BatchWish,
): Promise<PayoutBatch> {
  const id = parseId<BatchId>('pb', text);
  const batch = id && (await context.batches.steer(merchantId, actorOf(context), id, wish));
  if (batch === null) throw noSuchBatch();
  if (batch !== 'notAllowed') return batch;
  const cancelled = id && (await context.store.batch(merchantId, id));
  throw cancelled ? new BatchCancelledError(cancelled) : noSuchBatch();
}

function noSuchBatch(): NotFoundError {
  return new NotFoundError('There is no such batch.');
}

addSteering(
  'pause',
  'PAUSED',
  'Nothing more of the batch is sent until it is resumed.',
  'Holds back what was not sent yet; what is on its way to a provider in this moment still goes, and what was sent is ' +
    'followed to its end. `sendBefore` of a payout passes all the same. A paused batch takes more items, and holds them back.',
);
addSteering(
  'resume',
  'RUNNING',
  'What was held back is sent.',
  'Sends what was held back. Resuming what is not paused changes nothing.',
);
addSteering(
  'cancel',
  'CANCELLED',
  'Nothing more of the batch is sent. Its payouts become CANCELLED in the next moments, those that were sent excepted.',
  'Calls off what was not sent yet, for ever; nothing is created in the batch any more. What was sent stays, and is followed ' +
    'to its end: `cancelPayout` may call off one that its provider lets go of.',
);

// --- watching -----------------------------------------------------------------------------------------------------------

builder.subscriptionField('payoutBatch', (t) =>
  t.field({
    type: PayoutBatchNode,
    authScopes: { reads: true },
    description:
      'This batch now, then whenever its counts or its wish have changed, at most once a second; ends when all its payouts are ' +
      "final. An empty batch is waited for, unless it was cancelled. NOT_FOUND: not there, or another merchant's.",
    args: { id: t.arg.id({ required: true, description: '`pb_…`' }), merchantId: t.arg.id(merchantIdArg) },
    subscribe: (_root, args, context) => {
      const merchantId = merchantOf(context, args.merchantId);
      const id = parseId<BatchId>('pb', args.id);
      if (id === null) throw noSuchBatch();
      return listen(context, async (signal) => {
        // The feed is joined first: what changes between the reading and the joining would be missed.
        const events = await context.feed.subscribe(null, { merchantId }, signal);
        if ((await context.store.batch(merchantId, id)) === null) throw noSuchBatch();
        return context.batches.follow(merchantId, id, events);
      });
    },
    resolve: (progress) => progress,
  }),
);
