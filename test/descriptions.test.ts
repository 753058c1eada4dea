import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { getNamedType, isInputObjectType, isInterfaceType, isObjectType } from 'graphql';
import type { ApiKeyId } from '../src/domain/merchant.ts';
import type { PayoutId } from '../src/domain/payout.ts';
import { type Context, createContext } from '../src/graphql/context.ts';
import { createEngine } from '../src/graphql/engine.ts';
import { schema } from '../src/graphql/schema.ts';
import { silentLog } from './support/log.ts';
import { nextStep, sampleEvent, samplePayout } from './support/payouts.ts';
import { openWorld, type World } from './support/world.ts';

/** Every argument and input field whose description states a default, as `Type.field(arg)` or `Input.field`. */
function statedDefaults(): Map<string, string> {
  const stated = new Map<string, string>();
  const note = (where: string, description: string | null | undefined): void => {
    const match = /Default:? ([^.]+)\.|Left out: ([^.]+)\./.exec(description ?? '');
    if (match) stated.set(where, match[1] ?? match[2] ?? '');
  };
  for (const type of Object.values(schema.getTypeMap()).filter((one) => !one.name.startsWith('__'))) {
    if (isInputObjectType(type)) {
      for (const field of Object.values(type.getFields())) note(`${type.name}.${field.name}`, field.description);
    } else if (isObjectType(type) || isInterfaceType(type)) {
      for (const field of Object.values(type.getFields())) {
        for (const arg of field.args) note(`${type.name}.${field.name}(${arg.name})`, arg.description);
      }
    }
  }
  return stated;
}

const MADE = 25;
let world: World;
let contextOf: () => Context;
let ask: (query: string) => Promise<Record<string, unknown>>;
const engine = createEngine(silentLog);
before(async () => {
  world = await openWorld();
  for (let made = 0; made < MADE; made += 1) await world.create('io2328', '10.83');
  const never = new AbortController().signal;
  contextOf = () => {
    const viewer = {
      keyId: 'ak_test' as ApiKeyId,
      merchantId: world.merchantId,
      label: '',
      scopes: new Set(['payouts:read', 'payouts:write', 'balances:read'] as const),
      revoked: never,
    };
    return createContext(world, viewer, 'rq_test', never);
  };
  ask = async (query) => {
    const contextValue = contextOf();
    const { data, errors } = await engine.execute({ schema, document: engine.parse(query), contextValue });
    assert.equal(errors, undefined);
    return JSON.parse(JSON.stringify(data));
  };
});
after(() => world.close());

const count = (value: unknown): number => (value as readonly unknown[]).length;

const AMOUNT = 'amount: { amount: "10.83", currency: "USDT" }';

const TO = 'destination: { blockchain: { address: "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t", network: "TRON" } }';
const ITEMS = Array.from({ length: MADE }, (_, at) => `{ reference: "item-${at}" ${AMOUNT} ${TO} }`).join(' ');

async function created(input: string): Promise<Record<string, unknown>> {
  const fields =
    'feeMode autoConfirm sendBefore sourceCurrency receiveCurrency purpose relationship sourceOfFunds fundingAddress ' +
    'id originator { name } description metadata { key } provider { provider } quote { id }';
  const answer = await ask(
    `mutation { createPayout(input: { ${input} ${AMOUNT} ${TO} }) { ... on CreatePayoutSuccess { payout { ${fields} } } } }`,
  );
  return (answer.createPayout as { payout: Record<string, unknown> }).payout;
}

/** What each provider says of a payout of so much, by 2328.io's answer first. */
async function quoted(input: string): Promise<readonly Record<string, unknown>[]> {
  // A limit is kept in windows of the clock, which nobody else moves here.
  await world.pass(2000);
  const fields = '... on Quote { id debit { currency } receive { currency } rate }';
  const answer = await ask(`{ quotes(input: { ${input} }) { __typename ${fields} } }`);
  return answer.quotes as readonly Record<string, unknown>[];
}

/** The payouts of one batch of so many; made once. */
async function batched(args = ''): Promise<{ edges: unknown }> {
  const answer = await ask(`mutation { createPayoutBatch(input: { reference: "default-batch", items: [${ITEMS}] }) {
    ... on CreatePayoutBatchSuccess { batch { payouts${args} { edges { cursor } } } }
  } }`);
  return (answer.createPayoutBatch as { batch: { payouts: { edges: unknown } } }).batch.payouts;
}
const QUOTED = 'amount: { amount: "10", currency: "USDT" }';
const USDT = { currency: 'USDT' };

/** What shows that a stated default is the true one. */
const PROOFS: Readonly<Record<string, (stated: string) => Promise<void>>> = {
  'Query.payouts(first)': async (stated) => {
    const { payouts } = (await ask('{ payouts { edges { cursor } } }')) as { payouts: { edges: unknown } };
    assert.equal(count(payouts.edges), Number(stated));
  },
  'Query.payouts(filter)': async () => {
    const { payouts } = (await ask('{ payouts(first: 100) { edges { cursor } } }')) as { payouts: { edges: unknown } };
    assert.ok(count(payouts.edges) >= MADE);
  },
  'Query.payoutEvents(first)': async (stated) => {
    const page = (await ask('{ payoutEvents { events { id } } }')).payoutEvents as { events: unknown };
    assert.equal(count(page.events), Number(stated));
  },
  'Query.payoutEvents(after)': async () => {
    const page = (await ask('{ payoutEvents(first: 1) { events { sequence payout { reference } } } }')).payoutEvents;
    assert.deepEqual(page, { events: [{ sequence: 1, payout: { reference: 'order-1' } }] });
  },
  'Query.payoutEvents(filter)': async () => {
    const page = (await ask('{ payoutEvents(first: 100) { events { payout { id } } } }')).payoutEvents as {
      events: { payout: { id: string } }[];
    };
    assert.ok(new Set(page.events.map((event) => event.payout.id)).size > 1);
  },
  'Subscription.payoutEvents(after)': async () => {
    const events = await world.feed.subscribe(null, { merchantId: world.merchantId }, new AbortController().signal);
    const next = await world.create('io2328', '10.83', { reference: 'from-now-on' });
    const { value } = await events.next();
    await events.return?.();
    assert.deepEqual([value?.event.payoutId, value?.event.sequence], [next.id, 1]);
  },
  'Subscription.providerHealth(providers)': async () => {
    const watched: unknown[] = [];
    const document = engine.parse('subscription { providerHealth { provider } }');
    const answer = await engine.subscribe({ schema, document, contextValue: contextOf() });
    assert.ok(Symbol.asyncIterator in answer);
    for await (const { data } of answer) {
      watched.push(JSON.parse(JSON.stringify(data)).providerHealth.provider);
      if (watched.length === world.providers.length) break;
    }
    assert.deepEqual(
      watched,
      world.providers.map(({ id }) => id),
    );
  },
  'Subscription.payoutEvents(filter)': PROOF_BY_PULL,
  'Payout.events(first)': async (stated) => {
    let payout = samplePayout({ merchantId: world.merchantId, reference: 'many-events', nextCheckAt: null });
    await world.store.insert(payout, sampleEvent(payout));
    for (let made = 1; made < MADE; made += 1) {
      payout = nextStep(payout);
      assert.equal(await world.store.commit(payout, sampleEvent(payout)), 'committed');
    }
    const answer = (await ask(`{ payout(id: "${payout.id}") { sequence events { edges { cursor } } } }`)).payout as {
      sequence: number;
      events: { edges: unknown };
    };
    assert.equal(answer.sequence, MADE);
    assert.equal(count(answer.events.edges), Number(stated));
  },
  'Query.attention(first)': async (stated) => {
    for (let made = 0; made < MADE; made += 1) {
      const payout = samplePayout({ merchantId: world.merchantId, reference: `doubt-${made}`, state: 'IN_DOUBT' });
      await world.store.insert({ ...payout, nextCheckAt: null }, sampleEvent(payout));
    }
    const { attention } = (await ask('{ attention { edges { cursor } } }')) as { attention: { edges: unknown } };
    assert.equal(count(attention.edges), Number(stated));
  },
  'Query.balances(providers)': async () => {
    assert.equal(count((await ask('{ balances { __typename } }')).balances), world.providers.length);
  },
  'QuotesInput.providers': async () => {
    assert.equal(count(await quoted(`${QUOTED} network: "TRON"`)), world.providers.length);
  },
  'QuotesInput.network': async () => {
    const bitcoin = await quoted('amount: { amount: "10", currency: "BTC" } providers: [IO2328]');
    assert.equal(bitcoin[0]?.__typename, 'Quote');
    const yuan = await quoted('amount: { amount: "10", currency: "CNY" } providers: [XCURRENCY]');
    assert.equal(yuan[0]?.__typename, 'Quote');
  },
  'QuotesInput.channel': async () => {
    assert.equal((await quoted(`${QUOTED} network: "TRON" channel: "CARD"`))[0]?.__typename, 'UnsupportedError');
    assert.equal((await quoted(`${QUOTED} network: "TRON"`))[0]?.__typename, 'Quote');
  },
  'QuotesInput.sourceCurrency': async () => {
    const [quote] = await quoted(`${QUOTED} network: "TRON"`);
    assert.deepEqual([quote?.debit, quote?.rate], [USDT, null]);
  },
  'QuotesInput.receiveCurrency': async () => {
    const [quote] = await quoted(`${QUOTED} network: "TRON"`);
    assert.deepEqual([quote?.receive, quote?.rate], [USDT, null]);
  },
  'PayoutBatch.payouts(first)': async (stated) => {
    assert.equal(count((await batched()).edges), Number(stated));
  },
  'PayoutBatch.payouts(filter)': async () => {
    const { edges } = await batched('(first: 100)');
    assert.equal(count(edges), MADE);
  },
  'CreatePayoutInput.provider': async () => {
    assert.deepEqual((await created('reference: "default-provider"')).provider, { provider: 'IO2328' });
  },
  'CreatePayoutInput.quoteId': async () => {
    assert.equal((await created('reference: "default-quote"')).quote, null);
  },
  'CreatePayoutInput.priceTolerance': async () => {
    const [quote] = await quoted(`${AMOUNT} network: "TRON" providers: [IO2328]`);
    const { id } = await created(`reference: "default-tolerance" quoteId: "${quote?.id}"`);
    const payout = (await world.store.payouts(world.merchantId, [id as PayoutId])).get(id as PayoutId);
    assert.equal(payout?.heldPrice?.tolerance, '0');
  },
  'CreatePayoutInput.sendBefore': async () => {
    assert.equal((await created('reference: "default-send-before"')).sendBefore, null);
  },
  'CreatePayoutInput.sourceCurrency': async () => {
    assert.equal((await created('reference: "default-source"')).sourceCurrency, null);
  },
  'CreatePayoutInput.receiveCurrency': async () => {
    assert.equal((await created('reference: "default-receive"')).receiveCurrency, null);
  },
  'CreatePayoutInput.originator': async () => {
    assert.equal((await created('reference: "default-originator"')).originator, null);
  },
  'CreatePayoutInput.purpose': async () => {
    assert.equal((await created('reference: "default-purpose"')).purpose, null);
  },
  'CreatePayoutInput.relationship': async () => {
    assert.equal((await created('reference: "default-relationship"')).relationship, null);
  },
  'CreatePayoutInput.sourceOfFunds': async () => {
    assert.equal((await created('reference: "default-source-of-funds"')).sourceOfFunds, null);
  },
  'CreatePayoutInput.fundingAddress': async () => {
    assert.equal((await created('reference: "default-funding"')).fundingAddress, null);
  },
  'CreatePayoutInput.metadata': async () => {
    assert.deepEqual((await created('reference: "default-metadata"')).metadata, []);
  },
};

/** The subscription's filter is the page's own input, read by the same code. */
async function PROOF_BY_PULL(): Promise<void> {
  const argument = (type: string) => {
    const object = schema.getType(type);
    assert.ok(isObjectType(object));
    const field = object.getFields().payoutEvents;
    return getNamedType(field?.args.find((arg) => arg.name === 'filter')?.type);
  };
  assert.equal(argument('Subscription'), argument('Query'));
}

describe('every default that a description states', () => {
  const stated = statedDefaults();

  it('is known here', () => {
    assert.deepEqual([...stated.keys()].sort(), Object.keys(PROOFS).sort());
  });

  for (const [where, what] of stated) {
    it(`is what happens: ${where} is ${what}`, async () => PROOFS[where]?.(what));
  }

  it('and that the schema itself declares is the one that is used', async () => {
    const input = schema.getType('CreatePayoutInput');
    assert.ok(isInputObjectType(input));
    const payout = await created('reference: "default-fee-mode"');
    assert.deepEqual([payout.feeMode, payout.autoConfirm], ['ADD', true]);
  });
});
