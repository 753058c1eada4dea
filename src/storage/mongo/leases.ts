import type { MerchantId } from '../../domain/merchant.ts';
import type { Payout, PayoutId } from '../../domain/payout.ts';
import type { ProviderId } from '../../domain/provider.ts';
import type { LeaseRequest } from '../../domain/store.ts';
import { UndecodableError } from '../codec.ts';
import { type PayoutDocument, payoutOf } from './codec.ts';
import { BRIEFLY, type Connection } from './connection.ts';
import { EPOCH } from './schema.ts';

/** Claims on due payouts. */
export interface Leases {
  claim(request: LeaseRequest): Promise<readonly Payout[]>;
}

export interface LeaseOptions {
  /** Names a write. */
  readonly name: (merchantId: MerchantId) => string;
  readonly now: () => Date;
  readonly onUndecodable: ((payoutId: PayoutId, error: unknown) => void) | undefined;
}

/** What is read of a payout to claim it. */
type Candidate = Pick<PayoutDocument, '_id' | 'merchantId' | 'version'>;
const CANDIDATE = { merchantId: 1, version: 1 } as const;

/** How long a payout whose document cannot be decoded stays out of the way of the others before it is tried again. */
const UNDECODABLE_MS = 60 * 60_000;
/** Where many workers want the same payouts, each looks at so many times more than it takes, and picks among them. */
const WIDEST = 16;
/** Looks again so often where others were faster. */
const ROUNDS = 3;

/** Finds what is due, then claims each by a conditional update: nobody waits for anybody at the head of the queue. */
export function createLeases(connection: Connection, { name, now: clock, onUndecodable }: LeaseOptions): Leases {
  const { payouts } = connection;
  /** By provider, how many times more than it takes this worker looks at: more, the more often others were faster. */
  const widths = new Map<ProviderId, number>();

  function candidates(request: LeaseRequest, provider: ProviderId, limit: number): Promise<Candidate[]> {
    const states = request.states.length === 1 ? request.states[0] : { $in: [...request.states] };
    const due = { provider, state: states, dueAt: { $gt: EPOCH, $lte: request.now } };
    return payouts
      .find<Candidate>(due as object, { hint: 'due', projection: CANDIDATE, ...BRIEFLY })
      .sort({ dueAt: 1 })
      .limit(limit)
      .toArray();
  }

  /** The payouts that this worker got of those that it tried to get. */
  async function take(tried: readonly Candidate[], request: LeaseRequest): Promise<PayoutDocument[]> {
    const until = new Date(request.now.getTime() + request.leaseMs);
    const writes = new Map(tried.map((one) => [one._id, name(one.merchantId)]));
    const claims = tried.map(({ _id, merchantId, version }) => {
      const fence = version + 1;
      const lease = { owner: request.owner, fence, until };
      const change = { version: fence, lease, dueAt: until, write: writes.get(_id) ?? '' };
      return { updateOne: { filter: { _id, merchantId, version }, update: { $set: change } } };
    });
    await connection.surely(() => payouts.bulkWrite(claims, { ordered: false, ...BRIEFLY }));
    const ids = tried.map((one) => one._id);
    const merchantIds = [...new Set(tried.map((one) => one.merchantId))];
    const found = await payouts
      .find({ _id: { $in: ids }, merchantId: { $in: merchantIds } }, { projection: { events: 0 }, ...BRIEFLY })
      .toArray();
    // In the order in which they were due.
    const own = new Map(found.filter((one) => one.write === writes.get(one._id)).map((one) => [one._id, one]));
    return ids.flatMap((id) => own.get(id) ?? []);
  }

  async function claimAt(provider: ProviderId, limit: number, request: LeaseRequest): Promise<Payout[]> {
    const leased: Payout[] = [];
    for (let round = 0; round < ROUNDS && leased.length < limit; round += 1) {
      const wanted = limit - leased.length;
      const width = widths.get(provider) ?? 1;
      const found = await candidates(request, provider, wanted * width);
      if (found.length === 0) break;
      const tried = pick(found, wanted);
      const got = await take(tried, request);
      widths.set(provider, nextWidth(width, got.length / tried.length));
      for (const document of got) {
        const payout = await decode(document);
        if (payout !== null) leased.push(payout);
      }
      // What others had first is not worth a second look where nothing else was due.
      if (got.length === tried.length && found.length < wanted * width) break;
    }
    return leased;
  }

  /** Null where the document cannot be decoded: it must not hold up the others. */
  async function decode(document: PayoutDocument): Promise<Payout | null> {
    try {
      return payoutOf(document);
    } catch (error) {
      if (!(error instanceof UndecodableError)) throw error;
      const { _id, merchantId } = document;
      const dueAt = new Date(clock().getTime() + UNDECODABLE_MS);
      await payouts.updateOne({ _id, merchantId }, { $set: { dueAt } }, BRIEFLY);
      onUndecodable?.(_id, error);
      return null;
    }
  }

  return {
    async claim(request) {
      const open = [...request.providers].filter(([, limit]) => limit > 0);
      const taken = await Promise.allSettled(open.map(([provider, limit]) => claimAt(provider, limit, request)));
      const failed = taken.find((one) => one.status === 'rejected');
      const got = taken.flatMap((one) => (one.status === 'fulfilled' ? one.value : []));
      // What was leased has to be worked on, whatever happened to the rest.
      if (failed && got.length === 0) throw failed.reason;
      return got;
    },
  };
}

/** Twice as wide where most went to others, half as wide where all was to be had. */
function nextWidth(width: number, share: number): number {
  if (share < 0.5) return Math.min(width * 2, WIDEST);
  return share === 1 ? Math.max(1, width / 2) : width;
}

/** So many of what was found, from a place of this worker's own choosing: the first where there is no crowd. */
function pick<T>(found: readonly T[], wanted: number): readonly T[] {
  const last = Math.max(0, found.length - wanted);
  const start = Math.floor(Math.random() * (last + 1));
  return found.slice(start, start + wanted);
}
