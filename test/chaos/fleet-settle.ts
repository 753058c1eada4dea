import { setTimeout as delay } from 'node:timers/promises';
import type { MerchantId } from '../../src/domain/merchant.ts';
import type { Payout, PayoutId } from '../../src/domain/payout.ts';
import type { Store } from '../../src/domain/store.ts';
import type { FleetMerchant, Ground } from './fleet-ground.ts';
import { isSettled } from './life.ts';

/** Told, again and again, how far a run is. */
export type Say = (line: string) => void;

/** Real: for so long nothing at all happens, before a run is given up. */
export const STANDSTILL_MS = 90_000;
/** Of the fleet's clock: shorter waits pass by themselves. */
const WORTH_SKIPPING_MS = 5000;
/** A run that has jumped so often, which is days, waits for what does not come. */
const MOST_JUMPS = 1000;
/** Waits from here on pass in strides of at least so much: thousands of payouts each wait for a moment of their own. */
const STRIDE_FROM_MS = 60_000;
const STRIDE_MS = 600_000;
/** Payouts read at a time. */
const CHUNK = 200;

/**
 * Waits until nothing more comes of any payout of the merchants by itself, and lets time pass where everybody waits for it. `help`
 * is called for each that is not there yet, as often as it is looked at. It gives up where nothing happens for long: the judge
 * sees what is left.
 */
export async function settle<M extends FleetMerchant>(
  ground: Ground,
  merchants: readonly M[],
  say: Say = () => undefined,
  help: (payout: Payout, merchant: M) => Promise<void> = async () => undefined,
): Promise<void> {
  const open = new Map<PayoutId, M>();
  for (const merchant of merchants) {
    for (const { id } of await readAll(ground.store, merchant.id)) open.set(id, merchant);
  }
  let seen = '';
  for (let stillSince = Date.now(); open.size > 0 && Date.now() - stillSince < STANDSTILL_MS; await delay(250)) {
    const now = await readOpen(ground.store, open);
    for (const payout of now) if (isSettled(payout)) open.delete(payout.id);
    const waiting = now.flatMap((payout) => ({ payout, merchant: open.get(payout.id) }));
    await Promise.all(waiting.map(({ payout, merchant }) => merchant && help(payout, merchant)));
    const left = now.filter((payout) => open.has(payout.id));
    const picture = `${ground.clock.jumps()} ${left.map((payout) => payout.state).join()}`;
    if (picture !== seen) stillSince = Date.now();
    seen = picture;
    say(`${left.length} payouts are not settled yet`);
    skip(ground, left);
  }
}

/** Where everybody waits for a time to come, it comes, unless the clock is the world's. */
function skip({ clock }: Ground, waiting: readonly Payout[]): void {
  if (
    clock.factor === 1 ||
    clock.jumps() === MOST_JUMPS ||
    waiting.length === 0 ||
    waiting.some((payout) => payout.lease !== null)
  )
    return;
  const next = Math.min(...waiting.map((payout) => payout.nextCheckAt?.getTime() ?? Infinity));
  const ms = next - clock.now().getTime();
  if (Number.isFinite(ms) && ms >= WORTH_SKIPPING_MS) clock.jump(ms < STRIDE_FROM_MS ? ms : Math.max(ms, STRIDE_MS));
}

async function readOpen(store: Store, open: ReadonlyMap<PayoutId, FleetMerchant>): Promise<readonly Payout[]> {
  const read: Payout[] = [];
  for (const [merchant, entries] of Map.groupBy(open, ([, one]) => one)) {
    const ids = entries.map(([id]) => id);
    for (let at = 0; at < ids.length; at += CHUNK) {
      read.push(...(await store.payouts(merchant.id, ids.slice(at, at + CHUNK))).values());
    }
  }
  return read;
}

/** Every payout of a merchant, as its list shows them. */
export async function readAll(store: Store, merchantId: MerchantId): Promise<readonly Payout[]> {
  const read: Payout[] = [];
  for (;;) {
    const { createdAt, id } = read.at(-1) ?? {};
    const from = createdAt && id ? { createdAt, id } : null;
    const page = await store.page({ merchantId, filter: {}, limit: CHUNK, direction: 'forward', from, until: null });
    read.push(...page.payouts);
    if (!page.more) return read;
  }
}
