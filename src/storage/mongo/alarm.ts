import { setTimeout as delay } from 'node:timers/promises';
import type { ChangeStream, Document } from 'mongodb';
import type { MerchantId } from '../../domain/merchant.ts';
import type { Bell } from '../bell.ts';
import { type Connection, describe } from './connection.ts';

/** What rings the bell for writes of other processes. */
export interface Alarm {
  /** Listens from now on, if it does not already. */
  start(): void;
  stop(): Promise<void>;
}

export interface AlarmOptions {
  /** Begins the names of this process's own writes, which have rung already. */
  readonly ownWrites: string;
  readonly now: () => Date;
  readonly onTrouble: (message: string) => void;
}

/** While the change stream is away, everyone is told to look this often. */
const WITHOUT_STREAM_MS = 1000;
const LONGEST_WAIT_MS = 30_000;

/**
 * A change stream, as an alarm clock that says "read now" and nothing more. Where it is lost or not offered a timer says
 * so instead, and whatever it missed is read all the same.
 */
export function createAlarm({ payouts }: Connection, bell: Bell, { ownWrites, now, onTrouble }: AlarmOptions): Alarm {
  const stopping = new AbortController();
  let listening: Promise<void> | null = null;
  let stream: ChangeStream | null = null;

  async function listen(): Promise<void> {
    let failures = 0;
    while (!stopping.signal.aborted) {
      try {
        stream = payouts.watch([{ $match: NEWS }, { $project: PROJECTION }], { maxAwaitTimeMS: 1000, batchSize: 1000 });
        // What was written before the stream was there rang for nobody.
        await stream.tryNext().then(ringFor);
        bell.ring(EVERYONE);
        failures = 0;
        for await (const change of stream) ringFor(change);
      } catch (error) {
        if (stopping.signal.aborted) return;
        if (failures === 0) onTrouble(`the change stream was lost, and is opened again: ${describe(error)}`);
      } finally {
        await stream?.close().catch(() => undefined);
      }
      failures += 1;
      await ringAlone(Math.min(WITHOUT_STREAM_MS * 2 ** (failures - 1), LONGEST_WAIT_MS));
    }
  }

  /** Without a stream: a timer. */
  async function ringAlone(ms: number): Promise<void> {
    for (let left = ms; left > 0 && !stopping.signal.aborted; left -= WITHOUT_STREAM_MS) {
      bell.ring(EVERYONE);
      await delay(Math.min(left, WITHOUT_STREAM_MS), undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  }

  function ringFor(change: Document | null): void {
    if (change === null) return;
    const fields: Document = change.fullDocument ?? change.updateDescription?.updatedFields ?? {};
    const write = typeof fields.write === 'string' ? fields.write : '';
    const [merchantId = '', process = ''] = write.split('/');
    if (process.startsWith(ownWrites)) return;
    const dueAt = fields.dueAt;
    const due = dueAt instanceof Date && dueAt <= now();
    // A look that changed nothing is no news to anyone.
    if (!due && fields.lastEventAt === undefined) return;
    bell.ring({ merchantId: merchantId === '' ? null : (merchantId as MerchantId), due });
  }

  return {
    start() {
      listening ??= listen();
    },
    async stop() {
      stopping.abort();
      await stream?.close().catch(() => undefined);
      await listening;
    },
  };
}

const EVERYONE = { merchantId: null, due: true } as const;

/** New payouts, new events of those that there are, and what became due without one; a lease leaves the next check alone. */
const NEWS: Document = {
  $or: [
    { operationType: { $in: ['insert', 'replace'] } },
    { operationType: 'update', 'updateDescription.updatedFields.lastEventAt': { $exists: true } },
    { operationType: 'update', 'updateDescription.updatedFields.nextCheckAt': { $exists: true } },
  ],
};
const PROJECTION: Document = {
  operationType: 1,
  'fullDocument.write': 1,
  'fullDocument.dueAt': 1,
  'fullDocument.lastEventAt': 1,
  'updateDescription.updatedFields.write': 1,
  'updateDescription.updatedFields.dueAt': 1,
  'updateDescription.updatedFields.lastEventAt': 1,
};
