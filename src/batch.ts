import type { Payout, PayoutId } from './domain/payout.ts';
import type { AttemptRef, BatchItem, Call, Provider, SendOutcome } from './domain/provider.ts';

/** Several creates that go out in one call, as soon as each of them is stored, or has turned out not to be sent. */
export interface Batch {
  /** Waits for the others, and resolves with the outcome of this one create. */
  submit(id: PayoutId, attempt: AttemptRef, body: string, call: Call): Promise<SendOutcome>;
  /** Nothing (more) comes of a member: the others need not wait for it. */
  leave(id: PayoutId): void;
  /** Whether it is this member that speaks for the call: how a call went counts once. */
  speaks(id: PayoutId): boolean;
}

/** A create that waits for the others. */
interface Waiting {
  readonly id: PayoutId;
  readonly item: BatchItem;
  readonly call: Call;
  readonly resolve: (outcome: SendOutcome) => void;
  readonly reject: (error: unknown) => void;
}

/** What a batch needs beside its provider. */
export interface BatchParts {
  readonly now: () => Date;
  /** Hears that the one call begins. */
  readonly onCall: () => void;
}

/** Makes a batch of the members; where only one is left in the end, it is sent alone. */
export function createBatch(provider: Provider, members: readonly PayoutId[], { now, onCall }: BatchParts): Batch {
  const expected = new Set(members);
  const waiting: Waiting[] = [];
  let speaker: PayoutId | null = null;

  async function send(): Promise<void> {
    // Whose time is over by now keeps nobody else from being sent.
    const [late, sent] = split(waiting, ({ call }) => call.sendBy !== null && call.sendBy <= now());
    for (const { resolve } of late) resolve(TOO_LATE);
    const [first] = sent;
    if (first === undefined) return;
    speaker = first.id;
    try {
      onCall();
      const outcomes = await sendAll(provider, sent);
      for (const { item, resolve } of sent) resolve(outcomes.get(item.attempt.orderNumber) ?? LEFT_OUT);
    } catch (error) {
      for (const { reject } of sent) reject(error);
    }
  }

  function goOn(id: PayoutId): void {
    if (expected.delete(id) && expected.size === 0 && waiting.length > 0) void send();
  }

  return {
    submit: (id, attempt, body, call) =>
      new Promise((resolve, reject) => {
        waiting.push({ id, item: { attempt, body }, call, resolve, reject });
        goOn(id);
      }),
    leave: goOn,
    speaks: (id) => id === speaker,
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

function split<T>(items: readonly T[], test: (item: T) => boolean): readonly [readonly T[], readonly T[]] {
  return [items.filter(test), items.filter((item) => !test(item))];
}

const TOO_LATE: SendOutcome = {
  kind: 'notTaken',
  reason: 'NEVER_LEFT',
  retryAfterMs: null,
  vendorCode: null,
  cause: 'its time was over before the call began',
};
const LEFT_OUT: SendOutcome = { kind: 'unknown', vendorCode: null, cause: 'the answer to the batch leaves it out' };

/** The leased payouts in groups that share a call, each of one account and no larger than a batch; most are alone. */
export function groupByCall(
  leased: readonly Payout[],
  find: (payout: Payout) => Provider | undefined,
): readonly (readonly Payout[])[] {
  const groups: Payout[][] = [];
  /** Of each account the group that is not full yet. */
  const filling = new Map<string, Payout[]>();
  for (const payout of leased) {
    const provider = find(payout);
    // Only a first attempt: what was sent before is sent again as it was.
    const fits = provider?.submitBatch && payout.attempts.length === 0 && provider.batch?.takes(payout.order);
    const key = JSON.stringify([payout.provider, payout.account]);
    const group = fits ? filling.get(key) : undefined;
    if (group !== undefined && group.length < (provider?.batch?.size ?? 1)) group.push(payout);
    else {
      const next = [payout];
      groups.push(next);
      if (fits) filling.set(key, next);
    }
  }
  return groups;
}
