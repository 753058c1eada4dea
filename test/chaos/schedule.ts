import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { MerchantId } from '../../src/domain/merchant.ts';
import type { AttentionReason, PayoutState } from '../../src/domain/payout.ts';
import type { Provider } from '../../src/domain/provider.ts';
import type { Order, Sandbox } from '../../src/sandbox.ts';
import { createRandom } from '../support/random.ts';
import type { ScaledClock } from '../support/scaled-clock.ts';
import { reservePort } from '../support/world.ts';
import { FICKLE_FROM } from './fickle.ts';
import { type Fate, liveThrough } from './life.ts';

/** Real milliseconds where it says so, else milliseconds of the scaled clock. */
export const TIMES = {
  factor: 50,
  /** Real: how long one exchange with the provider may take. */
  deadlineMs: 250,
  leaseMs: 30_000,
  pollMs: 500,
  /** Shorter waits pass by themselves. */
  worthSkippingMs: 1500,
};

export const MERCHANT = 'me_chaos' as MerchantId;

/** Where a life ends: at the nth time that a step is reached, or after so many real milliseconds. */
export interface Crash {
  readonly step: string;
  readonly nth: number;
  readonly when: 'before' | 'after';
}

/** What one process is told. */
export interface Life {
  readonly origin: number;
  /** How far the clock has jumped in the lives before. */
  readonly ahead: number;
  readonly path: string;
  readonly port: number;
  /** In the order in which payouts are routed. */
  readonly accounts: readonly LifeAccount[];
  readonly payouts: readonly PlannedPayout[];
  readonly crash: Crash | null;
}

/** An account at a provider that a life knows. */
export interface LifeAccount {
  readonly slug: string;
  readonly callbackUrl: string;
  readonly credentials: Readonly<Record<string, string>>;
}

/** A payout that a schedule asks for. */
export interface PlannedPayout {
  readonly reference: string;
  readonly amount: string;
  /** Whether the client calls it off as soon as it has created it. */
  readonly calledOff: boolean;
  /** Whether it names nobody, and may fail over. */
  readonly routed: boolean;
}

/** How a payout stands at the end. */
export interface Told {
  readonly reference: string;
  readonly state: PayoutState;
  readonly orderNumbers: readonly string[];
  /** At how many providers there were attempts. */
  readonly places: number;
  /** What a person is asked to look at. */
  readonly raised: readonly AttentionReason[];
  readonly findsByOrderNumber: Provider['findsByOrderNumber'];
  /** Whether this provider can prove that an order is not there. */
  readonly provesAbsence: boolean;
}

/** What a process tells its parent. */
type Message =
  | { readonly kind: 'told'; readonly told: readonly Told[] }
  | { readonly kind: 'jump'; readonly ms: number };

/** Faults that a payout may meet in a schedule, by its amount's decimals; those of `docs/sandbox.md` that end soon. */
export const CENTS = [
  ...['38', '76', '87', '97', '99', '41', '42', '43', '44', '45', '46', '47', '48', '49'],
  ...['51', '52', '53', '54', '55', '56', '57', '58', '59', '60'],
  '00',
  '00',
  '00',
  '61',
  '62',
  '63',
  '64',
  '65',
  '66',
  '67',
  '68',
  '69',
  '70',
  '71',
  '75',
  '77',
  '78',
  '79',
  '80',
  '81',
  '82',
  '84',
  '85',
  '86',
  '89',
  '90',
  '91',
  '92',
  '93',
  '94',
  '98',
];
const STEPS = [
  'insert',
  'putSealed',
  'commit',
  'commit',
  'commit',
  'claimReference',
  'lease',
  'exchange',
  'exchange',
  'time',
];

/** Everything that a seed decides. */
export interface Schedule {
  readonly seed: number;
  /** Of the providers that are there, in the order in which payouts are routed. */
  readonly slugs: readonly string[];
  readonly payouts: readonly Omit<PlannedPayout, 'reference'>[];
  readonly crashes: readonly Crash[];
}

/** A schedule at one provider; at several, most of its payouts may fail over. */
export function planSchedule(seed: number, slugs: readonly string[]): Schedule {
  const random = createRandom(seed);
  // Drawn apart, so that a seed means the same crashes and faults at one provider and at several.
  const routing = createRandom(seed + 1_000_003);
  const several = slugs.length > 1;
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
  const payouts = Array.from({ length: 1 + Math.floor(random() * 3) }, () => {
    const routed = several && routing() < 0.8;
    const whole = 10 + Math.floor(random() * 90) + (routed ? Number(FICKLE_FROM) : 0);
    return { amount: `${whole}.${pick(CENTS)}`, calledOff: random() < 0.1, routed };
  });
  const crashes = Array.from({ length: 1 + Math.floor(random() * 3) }, (): Crash => {
    const step = pick(STEPS);
    const nth = step === 'time' ? Math.floor(random() * 400) : 1 + Math.floor(random() * (step === 'commit' ? 8 : 3));
    return { step, nth, when: pick(['before', 'after']) };
  });
  const order = slugs.map((slug) => ({ slug, place: routing() })).toSorted((a, b) => a.place - b.place);
  return { seed, slugs: order.map(({ slug }) => slug), payouts, crashes };
}

/** What came of a schedule. */
export interface Outcome {
  /** What is wrong between the store and the sandbox's books, one line each: none is the point. */
  readonly faults: readonly string[];
  readonly states: readonly PayoutState[];
  /** How many payouts went to more than one provider. */
  readonly failedOver: number;
  /** How many processes were really killed. */
  readonly crashes: number;
}

/** Real: a last life that takes longer has lost a payout. */
const PATIENCE_MS = 60_000;

/** The stand-in, and the clock that it goes by. */
export interface Playground {
  readonly sandbox: Sandbox;
  /**
   * PROCESSES: each life is a process, killed with SIGKILL. INSIDE: a life is killed by cutting its store and its
   * connections from it, in this process: what it had not written by then is never written.
   */
  readonly lives: 'PROCESSES' | 'INSIDE';
  readonly clock: ScaledClock;
  /** When the clock began. */
  readonly origin: number;
}

/**
 * Lives through a schedule: one process after another on one store, each killed where the schedule says, the last one
 * left alone.
 */
export async function runSchedule(schedule: Schedule, playground: Playground): Promise<Outcome> {
  const { sandbox, origin } = playground;
  const { seed, slugs } = schedule;
  const dir = await mkdtemp(join(tmpdir(), 'outflow-chaos-'));
  const name = slugs.length === 1 ? slugs[0] : 'routed';
  const payouts = schedule.payouts.map((payout, at) => ({ ...payout, reference: `${name}-${seed}-${at}` }));
  const port = await reservePort();
  const accounts = slugs.map((slug): LifeAccount => {
    const callbackUrl = `http://127.0.0.1:${port}/${slug}/default`;
    sandbox.registerCallback(slug, callbackUrl);
    return { slug, callbackUrl, credentials: sandbox.credentials(slug) };
  });
  const common = { origin, path: join(dir, 'outflow.db'), port, accounts, payouts };
  try {
    let crashes = 0;
    const live = playground.lives === 'INSIDE' ? liveInside : liveInProcess;
    for (const crash of schedule.crashes) if ((await live(common, crash, playground)) === null) crashes += 1;
    const told = await Promise.race([
      live(common, null, playground),
      delay(PATIENCE_MS, 'late' as const, { ref: false }),
    ]);
    if (told === 'late')
      return { faults: ['it never comes to an end: a payout is lost'], states: [], failedOver: 0, crashes };
    if (told === null) return { faults: ['the last process ended without a word'], states: [], failedOver: 0, crashes };
    const books = sandbox.books();
    const faults = told.flatMap((payout) => faultsOf(payout, books));
    const failedOver = told.filter(({ places }) => places > 1).length;
    return { faults, states: told.map((payout) => payout.state), failedOver, crashes };
  } finally {
    await rm(dir, { recursive: true });
  }
}

/** Runs one life to its end within this process; null where it was killed. */
async function liveInside(
  common: Omit<Life, 'ahead' | 'crash'>,
  crash: Crash | null,
  { clock }: Playground,
): Promise<readonly Told[] | null> {
  const killed = Promise.withResolvers<null>();
  const ends: (() => void)[] = [];
  let over = false;
  const kill = (): void => {
    if (over) return;
    over = true;
    for (const end of ends.toReversed()) end();
    killed.resolve(null);
  };
  const timer = crash?.step === 'time' ? setTimeout(kill, crash.nth) : undefined;
  const fate: Fate = {
    ...{ clock, kill, isOver: () => over },
    jump: async (ms) => clock.jump(ms),
    onEnd: (close) => {
      if (over) close();
      else ends.push(close);
    },
  };
  const told = liveThrough({ ...common, ahead: 0, crash }, fate);
  // What happens to the dead is nobody's affair.
  told.catch(() => undefined);
  try {
    return await Promise.race([told, killed.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** Runs one life to its end as a process of its own; null where it was killed. */
async function liveInProcess(
  common: Omit<Life, 'ahead' | 'crash'>,
  crash: Crash | null,
  { clock, origin }: Playground,
): Promise<readonly Told[] | null> {
  const ahead = Math.round(clock.now().getTime() - origin - (Date.now() - origin) * TIMES.factor);
  const life: Life = { ...common, ahead, crash };
  const child = fork(join(import.meta.dirname, 'child.ts'), [JSON.stringify(life)], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    execArgv: [],
    // Hundreds of short lives: most of each would go into compiling the same sources.
    env: { ...process.env, NODE_COMPILE_CACHE: join(tmpdir(), 'outflow-compile-cache') },
  });
  const kill = crash?.step === 'time' ? setTimeout(() => child.kill('SIGKILL'), crash.nth) : undefined;
  let told: readonly Told[] | null = null;
  child.on('message', (said) => {
    const message = said as Message;
    if (message.kind === 'told') told = message.told;
    else {
      clock.jump(message.ms);
      child.send('passed', () => undefined);
    }
  });
  const [code, signal] = await once(child, 'exit');
  clearTimeout(kill);
  if (code !== 0 && signal !== 'SIGKILL') throw new Error(`a process of the schedule ended with ${code ?? signal}`);
  return told;
}

/** An order in the sandbox's books, as far as it decides what is a fault. */
export type Booked = Pick<Order, 'mark' | 'state'>;

/** What must never be: paid twice, lost, COMPLETED unpaid, FAILED paid, in doubt where the provider could have told. */
export function faultsOf(payout: Told, books: readonly Booked[]): string[] {
  const orders = books.filter((order) => payout.orderNumbers.includes(order.mark ?? ''));
  const paid = orders.filter((order) => order.state === 'COMPLETED');
  const faults: string[] = [];
  const expect = (holds: boolean, fault: string): void => {
    if (!holds) {
      const found = `${orders.length} order(s), ${paid.length} paid, [${payout.raised}]`;
      faults.push(`${payout.reference} is ${payout.state} with ${found}: ${fault}`);
    }
  };
  expect(orders.length <= 1, 'sent twice');
  expect(payout.state !== 'COMPLETED' || paid.length === 1, 'COMPLETED and not paid');
  expect(payout.state !== 'FAILED' || paid.length === 0, 'FAILED and paid');
  expect(payout.state !== 'CANCELLED' || paid.length === 0, 'CANCELLED and paid');
  // What the provider has, it tells in time, unless it tells only by a reference that was lost with an answer.
  const findable = orders.length > 0 && payout.findsByOrderNumber !== 'onceProven';
  const absent = orders.length === 0 && payout.provesAbsence;
  expect(payout.state !== 'IN_DOUBT' || !(findable || absent), 'in doubt for no reason');
  expect(payout.state !== 'IN_DOUBT' || payout.raised.length > 0, 'in doubt, and no operator is told why');
  return faults;
}
