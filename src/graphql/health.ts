import type { Provider, ProviderId } from '../domain/provider.ts';
import type { Queue } from '../domain/store.ts';
import {
  type CallKind,
  type Circuit,
  type CircuitState,
  type HealthState,
  isSameHealth,
  type ProviderHealth,
} from '../health.ts';
import { builder } from './builder.ts';
import { type Context, oncePerOperation } from './context.ts';
import { InvalidInputError } from './errors.ts';
import { listen } from './listener.ts';
import { ProviderIdEnum, ProviderNode } from './provider.ts';

const HealthStateEnum = builder.enumType('HealthState', {
  description: 'How a provider does, by the calls of every process of the deployment.',
  values: {
    UNKNOWN: { description: 'It was not called lately.' },
    UP: { description: 'It answered the last call, be it with a refusal, and every circuit is closed.' },
    DEGRADED: { description: 'It failed to answer the last call, or a circuit is not closed.' },
    DOWN: { description: 'The circuit of its sends is open: nothing is sent to it right now.' },
  } as const satisfies Record<HealthState, unknown>,
});

const CallKindEnum = builder.enumType('CallKind', {
  description: 'What a call to a provider is for. One kind may fail while another goes on.',
  values: {
    SUBMIT: { description: 'To send a payout.' },
    LOOKUP: { description: 'To ask what became of one, to confirm it, or to change it.' },
    READ: { description: 'About no payout: prices, balances, lists.' },
  } as const satisfies Record<CallKind, unknown>,
});

const CircuitStateEnum = builder.enumType('CircuitState', {
  description:
    'Whether calls of a kind go through. Each process has circuits of its own, and opens them by its own calls.',
  values: {
    CLOSED: { description: 'They do.' },
    OPEN: {
      description:
        'None does until `retryAt`: five in a row failed (for a second, then twice as long each time, up to a minute), or ' +
        'the provider said how long it wants to be left alone (up to an hour).',
    },
    HALF_OPEN: { description: 'One tries: an answer closes the circuit, a failure opens it for twice as long.' },
  } as const satisfies Record<CircuitState, unknown>,
});

const ProviderCircuitObject = builder.objectRef<Circuit>('ProviderCircuit').implement({
  description: 'The circuit breaker before one kind of call to a provider. Of several processes, the worst.',
  fields: (t) => ({
    kind: t.expose('kind', { type: CallKindEnum, description: 'Which calls.' }),
    state: t.expose('state', { type: CircuitStateEnum, description: 'Whether they go through.' }),
    since: t.expose('since', { type: 'DateTime', description: 'Since when it is so.' }),
    reason: t.exposeString('reason', {
      nullable: true,
      description: 'Why it is not closed: how the last call failed, in one line for people; null: it is closed.',
    }),
    retryAt: t.expose('retryAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When the next call is let through; null: at once.',
    }),
  }),
});

/** A provider, and its health as it was told; null: as it is when it is read. */
interface ShownHealth {
  readonly provider: Provider;
  readonly told: ProviderHealth | null;
}

const loadHealth: (context: Context, id: ProviderId) => Promise<ProviderHealth> = oncePerOperation(
  (id: ProviderId) => id,
  ({ health }, id) => health.of(id),
);

const readHealth = async ({ provider, told }: ShownHealth, context: Context): Promise<ProviderHealth> =>
  told ?? (await loadHealth(context, provider.id));

const loadQueue: (context: Context, id: ProviderId) => Promise<Queue> = oncePerOperation(
  (id: ProviderId) => id,
  ({ store, viewer }, id) => store.queue(id, viewer.merchantId),
);

const ProviderHealthObject = builder.objectRef<ShownHealth>('ProviderHealth').implement({
  description: 'How a provider does, and what waits for it.',
  fields: (t) => ({
    provider: t.field({
      type: ProviderIdEnum,
      description: 'Whose health it is.',
      resolve: ({ provider }) => provider.id,
    }),
    state: t.field({
      type: HealthStateEnum,
      description: 'How it answers.',
      resolve: async (shown, _args, context) => (await readHealth(shown, context)).state,
    }),
    circuits: t.field({
      type: [ProviderCircuitObject],
      description: 'What goes through to it, for each kind of call that was made lately: SUBMIT, LOOKUP, READ.',
      complexity: { field: 1, multiplier: 3 },
      resolve: async (shown, _args, context) => (await readHealth(shown, context)).circuits,
    }),
    lastSuccessAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When it last answered a call; null: not lately.',
      resolve: async (shown, _args, context) => (await readHealth(shown, context)).lastSuccessAt,
    }),
    lastFailureAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When it last failed to answer a call; null: not lately.',
      resolve: async (shown, _args, context) => (await readHealth(shown, context)).lastFailureAt,
    }),
    queued: t.int({
      description: "How many payouts wait to be sent to it: the merchant's own, or every merchant's for an operator.",
      resolve: async ({ provider }, _args, context) => (await loadQueue(context, provider.id)).count,
    }),
    oldestQueuedAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When the oldest of them was stored; null: none waits.',
      resolve: async ({ provider }, _args, context) => (await loadQueue(context, provider.id)).oldestAt,
    }),
  }),
});

builder.objectField(ProviderNode, 'health', (t) =>
  t.field({
    type: ProviderHealthObject,
    description: 'How it does, and what waits for it. Nobody is called for this.',
    complexity: { field: 2 },
    resolve: ({ provider }) => ({ provider, told: null }),
  }),
);

builder.subscriptionField('providerHealth', (t) =>
  t.field({
    type: ProviderHealthObject,
    authScopes: { reads: true },
    description:
      'How each of these providers does now, one after another, then one whenever its state or a circuit of it changes; ' +
      'several changes within a second may come as one. Times of calls and what waits for it are told with it, and not by ' +
      'themselves. It does not end.',
    args: {
      providers: t.arg({
        type: [ProviderIdEnum],
        required: false,
        description: 'Which, at least one. Left out: every provider of the deployment.',
      }),
    },
    subscribe: (_root, args, context) => {
      const watched = readProviders(context, args.providers ?? null);
      return listen(context, async (signal) => follow(context, watched, signal));
    },
    resolve: (shown) => shown,
  }),
);

/** Those that are named, each once; null: all. Throws INVALID_INPUT for one that the deployment does not have. */
function readProviders({ providers }: Context, named: readonly ProviderId[] | null): readonly Provider[] {
  if (named === null) return providers;
  const unknown = named.flatMap((id, at) =>
    providers.some((provider) => provider.id === id)
      ? []
      : [{ path: ['providers', String(at)], message: 'it is not in this deployment' }],
  );
  if (unknown.length > 0) throw new InvalidInputError(unknown);
  if (named.length === 0) throw new InvalidInputError([{ path: ['providers'], message: 'name at least one' }]);
  return providers.filter(({ id }) => named.includes(id));
}

async function* follow(
  { health }: Context,
  watched: readonly Provider[],
  signal: AbortSignal,
): AsyncGenerator<ShownHealth, undefined> {
  // Joined first: what changes between the reading and the joining would be missed.
  const changes = health.watch(signal);
  const shown = new Map<ProviderId, ProviderHealth>();
  for (const provider of watched) {
    const told = await health.of(provider.id);
    shown.set(provider.id, told);
    yield { provider, told };
  }
  for await (const id of changes) {
    const provider = watched.find((one) => one.id === id);
    if (provider === undefined) continue;
    const told = await health.of(id);
    const before = shown.get(id);
    if (before !== undefined && isSameHealth(before, told)) continue;
    shown.set(id, told);
    yield { provider, told };
  }
}
