import { complexityFromQuery } from '@pothos/plugin-complexity';
import {
  createSourceEventStream,
  type DocumentNode,
  type ExecutionArgs,
  type ExecutionResult,
  execute,
  executeSubscriptionEvent,
  type GraphQLError,
  Kind,
  mapSourceToResponseEvent,
  parse,
  print,
  type ValidatedSubscriptionArgs,
  validate,
  validateSubscriptionArgs,
} from 'graphql';
import type { FeedEvent } from '../feed.ts';
import type { Log } from '../runtime.ts';
import { LIMITS, tooComplex } from './builder.ts';
import { type Context, freshContext } from './context.ts';
import { presentError, RequestError } from './errors.ts';
import { schema } from './schema.ts';

/** An operation that is ready to run. */
export type Operation = ExecutionArgs & { readonly contextValue: Context };

/** GraphQL itself, the same for every transport. Every error that it answers is presented. */
export interface Engine {
  /** Throws what is wrong with the text. */
  parse(text: string): DocumentNode;
  /** Everything that makes the document not fit the schema. */
  validate(document: DocumentNode): readonly GraphQLError[];
  execute(operation: Operation): Promise<ExecutionResult>;
  /** A stream of results, each with loaders of its own; one result where the subscription is refused. */
  subscribe(operation: Operation): Promise<AsyncGenerator<ExecutionResult> | ExecutionResult>;
}

/** A longer text has more in it than any operation within the limits needs. */
const MAX_TOKENS = 5000;
/** Documents remembered, so that a client that asks the same again is not parsed again. */
const MAX_DOCUMENTS = 500;
const MAX_REMEMBERED_LENGTH = 20_000;

export function createEngine(log: Log): Engine {
  const documents = new Map<string, DocumentNode>();
  const verdicts = new WeakMap<DocumentNode, readonly GraphQLError[]>();
  const present = (error: unknown, requestId = ''): GraphQLError => presentError(error, requestId, log);

  function presentResult(result: ExecutionResult, { requestId }: Context): ExecutionResult {
    return result.errors ? { ...result, errors: result.errors.map((error) => present(error, requestId)) } : result;
  }

  function parseOnce(text: string): DocumentNode {
    const known = documents.get(text);
    if (known) return known;
    try {
      const document = parse(text, { maxTokens: MAX_TOKENS });
      if (text.length <= MAX_REMEMBERED_LENGTH) remember(documents, text, document);
      return document;
    } catch (error) {
      // The parser goes down into the text level by level, and its stack ends before the tokens do.
      throw present(error instanceof RangeError ? new RequestError('TOO_COMPLEX', 'The text nests too deep.') : error);
    }
  }

  function validateOnce(document: DocumentNode): readonly GraphQLError[] {
    const verdict = verdicts.get(document) ?? validate(schema, document).map((error) => present(error));
    verdicts.set(document, verdict);
    return verdict;
  }

  return {
    parse: parseOnce,
    validate: validateOnce,
    async execute(operation) {
      return presentResult(await execute(operation), operation.contextValue);
    },
    async subscribe(operation) {
      const context = operation.contextValue;
      const args = validateSubscriptionArgs(operation);
      if (!('schema' in args)) return presentResult({ errors: args }, context);
      const excess = excessOf(args, context);
      if (excess) return { errors: [present(excess)] };
      const source = await createSourceEventStream(args);
      if (!(Symbol.asyncIterator in source)) return presentResult(source, context);
      const question = questionOf(operation);
      return mapSourceToResponseEvent(args, source, (one) =>
        answerOnce(one.rootValue, question, async () =>
          presentResult(await executeSubscriptionEvent({ ...one, contextValue: freshContext(context) }), context),
        ),
      );
    },
  };
}

/** What is being answered about an event of the log. */
const answers = new WeakMap<object, Map<string, Promise<ExecutionResult>>>();

/**
 * Listeners that ask the same about the same event at the same time get one answer, executed once. One that comes when it
 * has been given gets its own: a payout in it is the payout as it is then.
 */
function answerOnce(item: unknown, question: string, answer: () => Promise<ExecutionResult>): Promise<ExecutionResult> {
  if (!isFeedEvent(item)) return answer();
  const given = answers.get(item.event) ?? new Map<string, Promise<ExecutionResult>>();
  answers.set(item.event, given);
  const key = `${item.cursor} ${question}`;
  const known = given.get(key) ?? answer().finally(() => given.delete(key));
  given.set(key, known);
  return known;
}

function isFeedEvent(item: unknown): item is FeedEvent {
  return typeof item === 'object' && item !== null && 'event' in item && 'cursor' in item;
}

/** All that an answer depends on beside the event: the text, what goes with it, and for whom it is. */
function questionOf({ document, variableValues, operationName, contextValue }: Operation): string {
  const { merchantId, scopes } = contextValue.viewer;
  return JSON.stringify([
    print(document),
    variableValues ?? null,
    operationName ?? null,
    merchantId,
    [...scopes].sort(),
  ]);
}

/** The oldest makes room. */
function remember(documents: Map<string, DocumentNode>, text: string, document: DocumentNode): void {
  const [oldest] = documents.keys();
  if (documents.size >= MAX_DOCUMENTS && oldest !== undefined) documents.delete(oldest);
  documents.set(text, document);
}

/** The complexity plugin looks at each event; a subscription that is too much is refused before the first. */
function excessOf(args: ValidatedSubscriptionArgs, context: Context): Error | null {
  const definitions = [args.operation, ...Object.values(args.fragmentDefinitions)];
  const found = complexityFromQuery(
    { kind: Kind.DOCUMENT, definitions },
    { schema, ctx: context, variables: { ...args.rawVariableValues } },
  );
  for (const limit of ['depth', 'breadth', 'complexity'] as const) {
    if (found[limit] > LIMITS[limit]) return tooComplex(limit, found[limit]);
  }
  return null;
}
