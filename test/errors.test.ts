import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { buildSchema, GraphQLEnumType, GraphQLError } from 'graphql';
import { ERROR_CODES, InvalidArgumentError } from '../src/domain/errors.ts';
import { LIMITS } from '../src/graphql/builder.ts';
import { MEANINGS, presentError, RequestError } from '../src/graphql/errors.ts';
import type { Log } from '../src/runtime.ts';
import { silentLog } from './support/log.ts';

const root = join(import.meta.dirname, '..');
const docs = readFileSync(join(root, 'docs/errors.md'), 'utf8');
const sections = new Map(
  docs
    .split(/^## /m)
    .slice(1)
    .map((section) => [section.slice(0, section.indexOf('\n')), section]),
);

describe('the catalogue of errors', () => {
  test('has the same codes in the program, in schema.graphql and in docs/errors.md', () => {
    const type = buildSchema(readFileSync(join(root, 'schema.graphql'), 'utf8')).getType('ErrorCode');
    assert.ok(type instanceof GraphQLEnumType);
    const codes = [...ERROR_CODES].sort();
    assert.deepEqual(
      type
        .getValues()
        .map((value) => value.name)
        .sort(),
      codes,
    );
    assert.deepEqual([...sections.keys()].sort(), codes);
  });

  for (const code of ERROR_CODES) {
    test(`says of ${code} when it comes, whether money moved, whether to retry and what to do, as the program does`, () => {
      const section = sections.get(code) ?? '';
      const said = (label: string) => new RegExp(`^- \\*\\*${label}\\*\\*: (.+)`, 'm').exec(section)?.[1] ?? '';
      assert.match(said('When'), /\w/);
      assert.match(said('What to do'), /\w/);
      assert.equal(said('retryable'), `\`${MEANINGS[code].retryable}\`.`);
      const { moneyMoved } = MEANINGS[code];
      if (moneyMoved === null) assert.match(said('moneyMoved'), /payout's/);
      else assert.ok(said('moneyMoved').startsWith(`\`${moneyMoved}\``));
    });
  }

  test('says the limits of an operation as the program holds them', () => {
    const section = sections.get('TOO_COMPLEX') ?? '';
    for (const limit of Object.values(LIMITS))
      assert.ok(section.includes(limit.toLocaleString('en-US')), String(limit));
  });
});

describe('an error in errors[]', () => {
  test('that nobody expected shows the request and nothing else, and is logged', () => {
    const lines: object[] = [];
    const log: Log = { ...silentLog, error: (fields) => void lines.push(fields) };
    const shown = presentError(new GraphQLError('x', { originalError: new Error('password hunter2') }), 'rq_1', log);
    assert.deepEqual(shown.toJSON().extensions, {
      code: 'INTERNAL',
      retryable: true,
      moneyMoved: 'UNKNOWN',
    });
    assert.match(shown.message, /rq_1/);
    assert.doesNotMatch(JSON.stringify(shown), /hunter2/);
    assert.equal(lines.length, 1);
    assert.match(JSON.stringify(lines[0]), /hunter2/);
  });

  test("that is thrown while a field resolves is no complaint about the request, also where it is GraphQL's own", () => {
    const serialization = new GraphQLError('Enum "ProviderId" cannot represent value: "GONE"');
    const shown = presentError(
      new GraphQLError('x', { path: ['payout'], originalError: serialization }),
      'rq_1',
      silentLog,
    );
    assert.equal(shown.extensions.code, 'INTERNAL');
  });

  test('that was presented once stays as it is', () => {
    const once = presentError(new RequestError('FORBIDDEN', 'no'), 'rq_1', silentLog);
    assert.equal(presentError(once, 'rq_2', silentLog), once);
  });

  test('of an argument that the domain refuses is INVALID_INPUT and names the field', () => {
    const refused = new InvalidArgumentError([{ path: ['name'], message: 'too long' }]);
    const shown = presentError(refused, 'rq_1', silentLog);
    assert.equal(shown.extensions.code, 'INVALID_INPUT');
    assert.deepEqual(shown.extensions.issues, [{ path: ['name'], message: 'too long' }]);
  });
});
