import { isFinal, type Payout } from '../../src/domain/payout.ts';
import { knownMoneyMoved } from '../../src/domain/restore.ts';
import { sides } from '../../src/providers/sandboxes.ts';
import { FICKLE_FROM } from '../chaos/fickle.ts';
import { type CopyableStore, openLives, paid } from './older-store.ts';
import { createRandom } from './random.ts';

/** Faults of `docs/sandbox.md` by their decimals: lost answers, refusals, waits, words that come late; often none. */
const CENTS = [
  ...['38', '42', '43', '45', '46', '51', '52', '53', '56', '57', '60', '60', '61', '61', '62', '63', '64', '65', '66'],
  ...['67', '68', '70', '71', '75', '76', '77', '79', '80', '81', '82', '84', '85', '89', '90', '91', '93', '97', '98'],
  ...Array.from({ length: 12 }, () => '00'),
];
const SLUGS = sides.map(({ slug }) => slug);
/** Whose orders are such that several pay them. */
export const ROUTABLE = ['oxapay', 'blockatm'] as const;
const WAITS_MS = [0, 0, 50, 1000, 5000, 20_000, 90_000, 400_000];
const DOCUMENT = { type: 'other', fileName: 'invoice.pdf', content: Buffer.from('%PDF-1.7 an invoice'), note: null };

/** One reference of one provider, in one plan. */
interface Asked {
  readonly slug: string;
  readonly reference: string;
  readonly autoConfirm: boolean;
  /** Whether it names nobody, and may fail over. */
  readonly routed: boolean;
}

/** What a random life on a store that is put back came to: one line for each thing that must not be. */
export interface Found {
  readonly faults: readonly string[];
  /** How the payouts ended. */
  readonly states: readonly string[];
}

/**
 * Lives at random, as the seed says: payouts are asked for, called off and confirmed, lives end and begin, the store is
 * copied at any moment, and put back once or twice; whatever was asked for is asked for again. With `slugs`, most name
 * nobody and may fail over, and providers are fickle.
 */
export async function searchOlderStore(
  seed: number,
  open: (dataDir: string) => Promise<CopyableStore>,
  slugs: readonly string[] = SLUGS,
): Promise<Found> {
  const random = createRandom(seed);
  // Drawn apart, so that a seed means the same faults and moments wherever payouts go.
  const routing = createRandom(seed + 1_000_003);
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
  const amounts = new Map<string, string>();
  const asked = Array.from({ length: 3 + Math.floor(random() * 5) }, (_, at): Asked => {
    const routed = slugs !== SLUGS && routing() < 0.8;
    const whole = 20 + at + (routed ? Number(FICKLE_FROM) : 0);
    amounts.set(`r${at}`, `${whole}.${pick(CENTS)}`);
    return { slug: pick(slugs), reference: `r${at}`, autoConfirm: random() < 0.8, routed };
  });
  const lives = await openLives(open, (reference) => amounts.get(reference) ?? '20.00');
  const faults: string[] = [];
  const known = new Set<Asked>();
  const copies: (() => Promise<void>)[] = [];

  async function create(one: Asked): Promise<void> {
    const where = one.routed ? { provider: null, failover: true } : {};
    await lives.create(one.slug, one.reference, { autoConfirm: one.autoConfirm, ...where });
    known.add(one);
  }

  async function act(one: Asked): Promise<void> {
    const stored = await lives.world.store.byReference(lives.merchantId, `${one.slug}-${one.reference}`);
    if (stored === null) return;
    const kind = stored.state === 'AWAITING_DOCUMENTS' ? 'papers' : pick(['cancel', 'confirm', 'none'] as const);
    if (kind === 'cancel') await lives.act(one.slug, one.reference, { action: 'CANCEL' });
    if (kind === 'confirm') await lives.act(one.slug, one.reference, { action: 'CONFIRM' });
    if (kind !== 'papers') return;
    await lives.act(one.slug, one.reference, { action: 'ATTACH_DOCUMENT', document: DOCUMENT });
    await lives.act(one.slug, one.reference, { action: 'COMPLETE_DOCUMENTS' });
  }

  /** Nobody may be told that no money moved where it did. */
  async function check(): Promise<void> {
    for (const one of asked) {
      const stored = await lives.world.store.byReference(lives.merchantId, `${one.slug}-${one.reference}`);
      if (stored === null || !(stored.state === 'QUEUED' || stored.state === 'IN_DOUBT')) continue;
      const moved = knownMoneyMoved(stored, lives.world.store.restored);
      if (moved === 'NO' && paid(lives, one.slug, one.reference) > 0) faults.push(`${describe(one, stored)}: told NO`);
    }
  }

  async function wait(ms: number): Promise<void> {
    // In the middle of whatever is under way, or at rest after it.
    if (ms === 0) for (let turns = Math.floor(random() * 8); turns > 0; turns -= 1) await turn();
    else {
      await lives.world.pass(ms, Math.max(1000, ms / 20));
      await check();
    }
  }

  /** A life in which nothing is sent for a while. */
  async function idle(): Promise<void> {
    const { worker } = await lives.live({ working: false });
    for (let count = Math.floor(random() * 3); count > 0; count -= 1) await create(pick(asked));
    if (random() < 0.7) copies.push(await lives.store.snapshot());
    worker.start();
  }

  async function step(): Promise<void> {
    const chance = random();
    if (chance < 0.45) await create(pick(asked));
    else if (chance < 0.65) await act(pick(asked));
    else if (chance < 0.72) await lives.live();
    else if (chance < 0.8) await idle();
    else copies.push(await lives.store.snapshot());
    await wait(pick(WAITS_MS));
  }

  async function putBack(): Promise<void> {
    await lives.end();
    await pick(copies)();
    await (await lives.live({ working: false })).store.restore();
    const { worker } = await lives.live({ working: random() < 0.8 });
    for (const one of asked) if (known.has(one) && random() < 0.7) await create(one);
    if (random() < 0.3) await act(pick(asked));
    worker.start();
    await wait(pick(WAITS_MS));
  }

  function describe(one: Asked, { state, attention }: Payout): string {
    const orders = lives.orders(one.slug, one.reference).map((order) => order.state);
    const raised = attention.map(({ reason }) => reason);
    const what = `${one.slug} ${one.reference} of ${amounts.get(one.reference)} is ${state} [${raised}]`;
    return `${seed}: ${what}, orders [${orders}], paid ${paid(lives, one.slug, one.reference)} times`;
  }

  function judge(one: Asked, payout: Payout): void {
    const times = paid(lives, one.slug, one.reference);
    const orders = lives.orders(one.slug, one.reference);
    const expect = (holds: boolean, fault: string) => holds || faults.push(`${describe(one, payout)}: ${fault}`);
    const { state, attention } = payout;
    expect(times <= 1 && orders.length <= 1, 'sent twice');
    if (state === 'COMPLETED') expect(times === 1, 'COMPLETED and not paid');
    else if (isFinal(state)) expect(times === 0, `${state} and paid`);
    else if (state === 'IN_DOUBT') {
      const provider = lives.world.providers.find(({ id }) => id === payout.provider);
      // Where absence is proof it is sent sooner or later, however often that is not taken.
      const goesOn = provider?.absenceRule('default') != null && orders.length === 0 && payout.nextCheckAt !== null;
      expect(goesOn || attention.length > 0, 'no operator is told why');
      const here = orders.filter((order) => order.provider === payout.provider.toLowerCase());
      expect(!(provider?.findsByOrderNumber === 'always' && here.length > 0), 'it could have been found');
    } else if (state === 'AWAITING_CONFIRMATION') expect(!payout.autoConfirm && times === 0, 'never confirmed');
    else expect(state === 'AWAITING_DOCUMENTS' && times === 0, 'it never comes to an end');
  }

  try {
    await lives.live();
    copies.push(await lives.store.snapshot());
    for (let steps = 6 + Math.floor(random() * 12); steps > 0; steps -= 1) await step();
    await putBack();
    for (let steps = Math.floor(random() * 6); steps > 0; steps -= 1) await step();
    if (random() < 0.3) await putBack();
    await lives.live();
    for (const one of asked) await create(one);
    await lives.world.store.endRestore();
    const slow = { worker: { pollMs: 5000 } };
    await lives.live(slow);
    await lives.world.pass(20 * 60_000, 10_000);
    // After a day nobody relies on a repeat any more. It costs nothing while nobody lives.
    await lives.end();
    await lives.clock.advance(25 * 3_600_000);
    await lives.live(slow);
    await lives.world.pass(15 * 60_000, 15_000);
    const states: string[] = [];
    for (const one of asked) {
      const payout = await lives.payout(one.slug, one.reference);
      judge(one, payout);
      states.push(`${one.slug} ${payout.state}`);
    }
    return { faults, states };
  } finally {
    await lives.close();
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
