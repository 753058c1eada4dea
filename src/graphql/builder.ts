import SchemaBuilder from '@pothos/core';
import ComplexityPlugin, { ComplexityErrorKind } from '@pothos/plugin-complexity';
import DataloaderPlugin from '@pothos/plugin-dataloader';
import ErrorsPlugin from '@pothos/plugin-errors';
import RelayPlugin from '@pothos/plugin-relay';
import ScopeAuthPlugin from '@pothos/plugin-scope-auth';
import ZodPlugin from '@pothos/plugin-zod';
import { GraphQLError, Kind } from 'graphql';
import { parseInstant } from '../domain/instant.ts';
import type { Context } from './context.ts';
import { InvalidInputError, RequestError } from './errors.ts';
import ItemwisePlugin from './itemwise.ts';

/**
 * What one operation may ask for: how deep it nests, how many fields it names, and how many values it may bring, where a
 * page counts `first` times and any other list three times.
 */
export const LIMITS = { depth: 12, breadth: 300, complexity: 20_000 } as const;

const LIMIT_OF: Readonly<Record<ComplexityErrorKind, keyof typeof LIMITS>> = {
  [ComplexityErrorKind.Depth]: 'depth',
  [ComplexityErrorKind.Breadth]: 'breadth',
  [ComplexityErrorKind.Complexity]: 'complexity',
};

/** What an operation beyond a limit is told. */
export function tooComplex(limit: keyof typeof LIMITS, found: number): RequestError {
  return new RequestError('TOO_COMPLEX', `The ${limit} is ${found}; ${LIMITS[limit]} is allowed.`);
}

/** The schema as it grows: every file of this folder adds its nouns. Who are you comes before what did you get wrong. */
export const builder = new SchemaBuilder<{
  Context: Context;
  DefaultFieldNullability: false;
  DefaultEdgesNullability: false;
  DefaultNodeNullability: false;
  AuthScopes: { reads: boolean; writes: boolean; operates: boolean };
  Scalars: {
    ID: { Input: string; Output: string };
    /** Text as the caller wrote it: whether it is a decimal is for the field to say, so that the error names its path. */
    Decimal: { Input: string; Output: string };
    DateTime: { Input: Date; Output: Date };
  };
}>({
  plugins: [ErrorsPlugin, ScopeAuthPlugin, ItemwisePlugin, ZodPlugin, RelayPlugin, DataloaderPlugin, ComplexityPlugin],
  defaultFieldNullability: false,
  errors: {
    directResult: true,
    defaultUnionOptions: {
      name: ({ fieldName }) => `${fieldName.charAt(0).toUpperCase()}${fieldName.slice(1)}Result`,
    },
  },
  scopeAuth: {
    authScopes: ({ viewer }) => ({
      reads: viewer.scopes.has('payouts:read'),
      writes: viewer.scopes.has('payouts:write'),
      operates: viewer.merchantId === null,
    }),
    authorizeOnSubscribe: true,
    unauthorizedError: () =>
      new RequestError('FORBIDDEN', 'This key may not do this: the field needs another scope, or an operator.'),
  },
  zod: {
    validationError: (error) =>
      new InvalidInputError(
        error.issues.map(({ path, message }) => ({
          path: (path[0] === 'input' ? path.slice(1) : path).map(String),
          message,
        })),
      ),
  },
  relay: {
    // An id is readable and says what it names by its prefix.
    encodeGlobalID: (_typename, id) => String(id),
    nodeQueryOptions: false,
    nodesQueryOptions: false,
    cursorType: 'String',
    nodeTypeOptions: { description: 'Whatever has an id that `node` finds.' },
    idFieldOptions: { description: 'Readable, opaque, never reused. Its prefix says what it names.' },
    pageInfoTypeOptions: { description: 'Where a page lies in the whole list.' },
    hasNextPageFieldOptions: { description: 'Whether more follows. Going backward: whether `before` was given.' },
    hasPreviousPageFieldOptions: {
      description: 'Whether more comes before. Going forward: whether `after` was given.',
    },
    startCursorFieldOptions: { description: 'The cursor of the first item; null on an empty page.' },
    endCursorFieldOptions: { description: 'The cursor of the last item; null on an empty page.' },
    firstArgOptions: { description: 'So many from the start, 1 to 100. Default 20. Not together with `last`.' },
    afterArgOptions: { description: 'Only what comes after this cursor.' },
    lastArgOptions: { description: 'So many from the end, 1 to 100. Not together with `first`.' },
    beforeArgOptions: { description: 'Only what comes before this cursor.' },
    edgesFieldOptions: {
      nullable: false,
      description: 'The items of the page, in the order of the list.',
      // The connection itself already counts its items.
      complexity: { field: 1, multiplier: 1 },
    },
    nodeFieldOptions: { nullable: false, description: 'The item.' },
    cursorFieldOptions: { description: "The item's place in the list." },
    pageInfoFieldOptions: { description: 'Where this page lies in the whole list.' },
  },
  complexity: {
    limit: LIMITS,
    defaultListMultiplier: 3,
    complexityError: (kind, found) => tooComplex(LIMIT_OF[kind], found[LIMIT_OF[kind]]),
  },
});

builder.queryType({
  description:
    'Reading. Providers are called for `quotes`, `balances` and `simulatePayout`, for `referenceData` and the `assets` of a ' +
    "provider asked for by itself (at most once in ten minutes), and for an operator's `attention` where minimum balances are set.",
});
builder.mutationType({
  description: 'Moving payouts. An expected failure is a member of the result, never in `errors`.',
});
builder.subscriptionType({ description: 'Listening, over WebSocket (graphql-transport-ws) or server-sent events.' });

builder.scalarType('Decimal', {
  description:
    'Exact decimal text in plain notation, e.g. `"12.50"`: digits and at most one dot, no sign, no exponent, at most 18 ' +
    'places and 30 digits. Never a JSON number. Equal by value; it keeps the places it came with.',
  serialize: (value) => String(value),
  parseValue: readText,
  parseLiteral: (node) => readText(node.kind === Kind.STRING ? node.value : null),
});

function readText(value: unknown): string {
  if (typeof value === 'string') return value;
  throw new GraphQLError('a Decimal is a string, e.g. "12.50"; never a JSON number');
}

builder.scalarType('DateTime', {
  description:
    'An instant as RFC 3339, e.g. `2026-01-31T12:00:00Z`. Any offset is read; answers are in UTC, to the millisecond.',
  serialize: (value) => value.toISOString(),
  parseValue: readInstant,
  parseLiteral: (node) => readInstant(node.kind === Kind.STRING ? node.value : null),
});

function readInstant(value: unknown): Date {
  const at = typeof value === 'string' ? parseInstant(value) : null;
  if (at) return at;
  throw new GraphQLError('a DateTime is RFC 3339 text, e.g. "2026-01-31T12:00:00Z"');
}
