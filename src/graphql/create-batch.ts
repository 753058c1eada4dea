import { setImmediate as nextTurn } from 'node:timers/promises';
import { wrapErrorIfMatches } from '@pothos/plugin-errors';
import type { GraphQLSchema } from 'graphql';
import { z } from 'zod';
import { type BatchItem, type ItemResult, isLost } from '../batches.ts';
import type { Issue } from '../domain/errors.ts';
import type { CreateResult, SimulateResult } from '../payouts.ts';
import { BatchCancelledError, type LoadedBatch, PayoutBatchNode } from './batch.ts';
import { builder } from './builder.ts';
import { actorOf, type Context, existingMerchant } from './context.ts';
import { CreatePayoutInput, type Input, toCreateInput, toError } from './create.ts';
import { InvalidInputError, PublicError } from './errors.ts';
import { merchantIdArg } from './merchant.ts';
import { ErrorInterface } from './result.ts';
import { REFERENCE } from './text.ts';

/** Items that one call takes. */
const MOST_ITEMS = 10_000;
/** Items that are validated before others get a turn. */
const AT_A_TIME = 100;
/** What a call counts for: so many items are nothing to be asked for several times in one operation. */
const COST = 10_000;

/** The store failed in the middle: whether the item was stored is not known. */
class InternalError extends PublicError {
  constructor(requestId: string) {
    super('INTERNAL', `Something went wrong. Request ${requestId}. Send it again: nothing is created twice.`);
  }
}

builder.objectType(InternalError, {
  name: 'InternalError',
  description:
    'Something went wrong on our side. The item may have been stored or not: sending it again creates nothing twice.',
  interfaces: [ErrorInterface],
});

const CreatePayoutBatchInput = builder.inputType('CreatePayoutBatchInput', {
  description: 'Payouts to ask for together.',
  fields: (t) => ({
    reference: t.string({
      required: true,
      description:
        "The merchant's own name for the batch: the same reference is the same batch, for ever. 1 to 64 of A-Z a-z 0-9 . _ : / -",
    }),
    items: t.field({
      type: [CreatePayoutInput],
      required: true,
      description:
        '1 to 10,000 payouts, each with a reference of its own. Each is judged by itself. What is no value of its GraphQL type ' +
        '(an amount as a JSON number, an unknown enum value) is refused with the whole request.',
    }),
  }),
});

/** An item that was refused. */
interface BatchItemError {
  readonly index: number;
  readonly reference: string;
  readonly error: PublicError;
}

const BatchItemErrorObject = builder.objectRef<BatchItemError>('BatchItemError').implement({
  description: 'An item of which no payout came.',
  fields: (t) => ({
    index: t.exposeInt('index', { description: 'Its place in `items`, from 0.' }),
    reference: t.exposeString('reference', { description: 'Its reference, as it was given.' }),
    error: t.field({
      type: ErrorInterface,
      description:
        'Why, as `createPayout` would answer it: InvalidInputError with paths below the item, ReferenceConflictError, ' +
        'UnsupportedError, QuoteExpiredError, ProviderUnavailableError; or InternalError.',
      // An error as it is would be taken for the failure of this field.
      resolve: ({ error }) => wrapErrorIfMatches(error, [error.constructor as typeof InternalError]) as PublicError,
    }),
  }),
});

/** The errors of a batch: as many as there are items. */
const errorsField = {
  type: [BatchItemErrorObject] as [typeof BatchItemErrorObject],
  description: 'Each item of which no payout came, in their order.',
  complexity: { field: 1, multiplier: 100 },
};

interface Created {
  readonly batch: LoadedBatch;
  readonly created: number;
  readonly replayed: number;
  readonly errors: readonly BatchItemError[];
}

const CreatePayoutBatchSuccess = builder.objectRef<Created>('CreatePayoutBatchSuccess').implement({
  description: '`created`, `replayed` and `errors` are together as many as the items.',
  fields: (t) => ({
    batch: t.expose('batch', { type: PayoutBatchNode, description: 'The batch as it is now.' }),
    created: t.exposeInt('created', { description: 'How many payouts were stored, durably, and will be sent.' }),
    replayed: t.exposeInt('replayed', {
      description:
        'How many references had already created the very same payout, mostly in this batch: then nothing was created.',
    }),
    errors: t.expose('errors', errorsField),
  }),
});

const inputArg = {
  type: CreatePayoutBatchInput,
  required: true,
  description: 'The batch.',
  extensions: { itemwise: true },
} as const;

builder.mutationField('createPayoutBatch', (t) =>
  t.field({
    type: CreatePayoutBatchSuccess,
    authScopes: { writes: true },
    complexity: { field: COST },
    errors: { types: [InvalidInputError, BatchCancelledError] },
    description:
      'Asks for up to 10,000 payouts, each by itself: one that is refused costs itself alone. It answers when all that were ' +
      'accepted are stored. Sent again, wholly or in part, it creates nothing twice; further items under the same reference ' +
      'join the batch. Give the items as a variable: the request may have 32 MiB over HTTP, and 1 MiB over WebSocket.',
    args: { input: t.arg(inputArg), merchantId: t.arg.id(merchantIdArg) },
    resolve: async (_root, { input, merchantId: named }, context, info): Promise<Created> => {
      checkBatch(input);
      const merchantId = await existingMerchant(context, named);
      const { items, refused } = await validateEach(input.items, info.schema, context);
      const result = await context.batches.create(merchantId, actorOf(context), input.reference, items);
      if (result.kind === 'cancelled') throw new BatchCancelledError(result.batch);
      const { batch, results } = result;
      const isReplay = (one: ItemResult<CreateResult>, replayed: boolean): boolean =>
        one.result.kind === 'created' && one.result.replayed === replayed;
      const created = results.filter((one) => isReplay(one, false)).length;
      const replayed = results.filter((one) => isReplay(one, true)).length;
      const errors = await errorsOf(context, results, refused);
      const facts = { requestId: context.requestId, batchId: batch.id, created, replayed, refused: errors.length };
      context.log.info(facts, 'batch asked for');
      return { batch: { batch, counts: null }, created, replayed, errors };
    },
  }),
);

interface Forecast {
  readonly acceptable: number;
  readonly existing: number;
  readonly errors: readonly BatchItemError[];
}

const SimulatePayoutBatchSuccess = builder.objectRef<Forecast>('SimulatePayoutBatchSuccess').implement({
  description: '`acceptable`, `existing` and `errors` are together as many as the items. Nothing was stored or sent.',
  fields: (t) => ({
    acceptable: t.exposeInt('acceptable', { description: 'How many payouts would be stored.' }),
    existing: t.exposeInt('existing', {
      description: 'How many references have already created the very same payout.',
    }),
    errors: t.expose('errors', errorsField),
  }),
});

builder.queryField('simulatePayoutBatch', (t) =>
  t.field({
    type: SimulatePayoutBatchSuccess,
    authScopes: { writes: true },
    complexity: { field: COST },
    errors: { types: [InvalidInputError, BatchCancelledError] },
    description:
      'What `createPayoutBatch` would answer now. Nothing is stored or sent; providers may be asked for prices and balances. ' +
      'That two items have one reference shows only when they are created.',
    args: { input: t.arg(inputArg), merchantId: t.arg.id(merchantIdArg) },
    resolve: async (_root, { input, merchantId: named }, context, info): Promise<Forecast> => {
      checkBatch(input);
      const merchantId = await existingMerchant(context, named);
      const { items, refused } = await validateEach(input.items, info.schema, context);
      const forecast = await context.batches.simulate(merchantId, input.reference, items);
      if (forecast.kind === 'cancelled') throw new BatchCancelledError(forecast.batch);
      const { results } = forecast;
      const count = (kind: SimulateResult['kind']): number =>
        results.filter(({ result }) => result.kind === kind).length;
      const errors = await errorsOf(context, results, refused);
      return { acceptable: count('planned'), existing: count('known'), errors };
    },
  }),
);

/** The batch's own fields. Throws INVALID_INPUT for what it cannot be. */
function checkBatch({ reference, items }: typeof CreatePayoutBatchInput.$inferInput): void {
  const issues: Issue[] = [];
  if (!REFERENCE.form.test(reference)) issues.push({ path: ['reference'], message: REFERENCE.message });
  if (items.length < 1 || items.length > MOST_ITEMS) {
    issues.push({ path: ['items'], message: `1 to ${MOST_ITEMS} items; there are ${items.length}` });
  }
  if (issues.length > 0) throw new InvalidInputError(issues);
}

/** Holds each item to the very rules of `createPayout`, with paths below the item. */
async function validateEach(
  inputs: readonly Input[],
  schema: GraphQLSchema,
  { store }: Context,
): Promise<{ readonly items: readonly BatchItem[]; readonly refused: readonly BatchItemError[] }> {
  const rules = rulesOf(schema);
  const items: BatchItem[] = [];
  const refused: BatchItemError[] = [];
  for (const [index, input] of inputs.entries()) {
    if (index % AT_A_TIME === AT_A_TIME - 1) await nextTurn();
    const verdict = rules.safeParse(input);
    if (verdict.success) items.push({ index, input: toCreateInput(verdict.data) });
    else {
      const issues = verdict.error.issues.map(({ path, message }) => ({ path: path.map(String), message }));
      refused.push({ index, reference: input.reference, error: new InvalidInputError(issues, store.restored) });
    }
  }
  return { items, refused };
}

/** What `createPayout` validates its input by: the schema keeps it at the argument. */
function rulesOf(schema: GraphQLSchema): z.ZodType<Input> {
  const { createPayout } = schema.getMutationType()?.getFields() ?? {};
  const rules = createPayout?.args.find(({ name }) => name === 'input')?.extensions.validator;
  if (!(rules instanceof z.ZodType)) throw new Error('createPayout validates nothing');
  return rules as z.ZodType<Input>;
}

async function errorsOf(
  context: Context,
  results: readonly ItemResult<CreateResult | SimulateResult>[],
  refused: readonly BatchItemError[],
): Promise<readonly BatchItemError[]> {
  const failed = await Promise.all(
    results.map(async ({ index, reference, result }): Promise<readonly BatchItemError[]> => {
      if (isLost(result)) return [{ index, reference, error: new InternalError(context.requestId) }];
      if (result.kind === 'created' || result.kind === 'planned' || result.kind === 'known') return [];
      return [{ index, reference, error: await toError(context, result) }];
    }),
  );
  return [...refused, ...failed.flat()].sort((a, b) => a.index - b.index);
}
