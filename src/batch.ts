import type { Payout, PayoutId } from './domain/payout.ts';
import type { AttemptRef, BatchItem, Call, Provider, SendOutcome } from './domain/provider.ts';

/** Several creates that go out in one call, as soon as each of them is stored, or has turned out not to be sent. */
export interface Batch {
  /** Waits for the others, and resolves with the outcome of this one create. */
  submit(id: PayoutId, attempt: AttemptRef, body: string, call: Call): Promise<SendOutcome>;
  /** Nothing (more) comes of a member: the others need not wait for it. */
  leave(id: PayoutId): void;
}

/** A create that waits for the others. */
interface Waiting {
  readonly item: BatchItem;
  readonly call: Call;
  readonly resolve: (outcome: SendOutcome) => void;
  readonly reject: (error: unknown) => void;
}

/** Makes a batch of the members; where only one is left in the end, it is sent alone. */
export function createBatch(provider: Provider, members: readonly PayoutId[]): Batch {
  const expected = new Set(members);
  const waiting: Waiting[] = [];

  async function send(): Promise<void> {
    try {
      const outcomes = await sendAll(provider, waiting);
      for (const { item, resolve } of waiting) resolve(outcomes.get(item.attempt.orderNumber) ?? LEFT_OUT);
    } catch (error) {
      for (const { reject } of waiting) reject(error);
    }
  }

  function goOn(id: PayoutId): void {
    if (expected.delete(id) && expected.size === 0 && waiting.length > 0) void send();
  }

  return {
    submit: (id, attempt, body, call) =>
      new Promise((resolve, reject) => {
        waiting.push({ item: { attempt, body }, call, resolve, reject });
        goOn(id);
      }),
    leave: goOn,
  };
}

async function sendAll(provider: Provider, waiting: readonly Waiting[]): Promise<ReadonlyMap<string, SendOutcome>> {
  const [first] = waiting;
  if (first === undefined) return new Map();
  if (waiting.length === 1 || provider.submitBatch === undefined) {
    const { item, call } = first;
    return new Map([[item.attempt.orderNumber, await provider.submit(item.attempt, item.body, call)]]);
  }
  // The call is over for all when it is over for the first of them.
  const times = waiting.flatMap(({ call }) => (call.sendBy === null ? [] : [call.sendBy.getTime()]));
  const sendBy = times.length === 0 ? null : new Date(Math.min(...times));
  return provider.submitBatch(
    waiting.map(({ item }) => item),
    { sendBy, signal: first.call.signal },
  );
}

const LEFT_OUT: SendOutcome = { kind: 'unknown', vendorCode: null, cause: 'the answer to the batch leaves it out' };

/** The leased payouts that can share a call, in groups of two and more of one account. */
export function groupForBatches(
  leased: readonly Payout[],
  find: (payout: Payout) => Provider | undefined,
): readonly { readonly provider: Provider; readonly payouts: readonly Payout[] }[] {
  const groups = new Map<string, { provider: Provider; payouts: Payout[] }>();
  for (const payout of leased) {
    const provider = find(payout);
    // Only a first attempt: what was sent before is sent again as it was.
    if (!provider?.submitBatch || payout.attempts.length > 0 || !provider.batch?.takes(payout.order)) continue;
    const key = JSON.stringify([payout.provider, payout.account]);
    const group = groups.get(key);
    if (group === undefined || group.payouts.length >= provider.batch.size) {
      groups.set(key, { provider, payouts: [payout] });
      if (group !== undefined) groups.set(`${key}/${groups.size}`, group);
    } else group.payouts.push(payout);
  }
  return [...groups.values()].filter(({ payouts }) => payouts.length > 1);
}
