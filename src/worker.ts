import { mayBeSubmitted, type NewAttempt, type News, type Source } from './domain/apply.ts';
import { attemptState, openAttempt } from './domain/attempt.ts';
import {
  type Attempt,
  type AttentionReason,
  PAYOUT_STATES,
  type Payout,
  type PayoutState,
  type SendKind,
} from './domain/payout.ts';
import type { Account, AttemptRef, LookupOutcome, Provider, ProviderId, SendOutcome } from './domain/provider.ts';
import { digestBody, orderNumberOf, type Payouts } from './payouts.ts';
import { type Clock, describeError, type Log } from './runtime.ts';

/** The clockwork: leases what is due, sends or asks, and hands the news to `payouts`. */
export interface Worker {
  start(): void;
  /** Resolves when nothing moves any more by the clock as it stands: nothing is under way, or it waits for a later time. */
  idle(): Promise<void>;
  /** Takes no more leases, and resolves when the calls in flight have ended. */
  stop(): Promise<void>;
}

export interface WorkerDeps {
  readonly payouts: Payouts;
  readonly providers: readonly Provider[];
  readonly clock: Clock;
  readonly log: Log;
  /** Names this worker in leases and events. */
  readonly name: string;
  readonly options?: Partial<WorkerOptions>;
}

export interface WorkerOptions {
  /** How long a payout is hidden from other workers. It outlasts the send window, the deadline and the skew. */
  readonly leaseMs: number;
  /** The longest that one exchange with a provider takes once it began. */
  readonly deadlineMs: number;
  /** How far the clocks of two machines may be apart. */
  readonly skewMs: number;
  /** How often due payouts are looked for where nothing wakes the worker. */
  readonly pollMs: number;
  /** Calls at once for each provider: of sends, and of look-ups. */
  readonly concurrency: number;
}

const DEFAULTS: WorkerOptions = { leaseMs: 60_000, deadlineMs: 20_000, skewMs: 5000, pollMs: 1000, concurrency: 16 };

/** After this long without a sign of it, an order that cannot be repeated is put before an operator. */
const LOST_AFTER_MS = 600_000;
/** So is one whose provider could not be asked at all for this long. */
const DEAF_AFTER_MS = 86_400_000;
/** What was learnt and could not be stored is stored again after these waits, and after the last of them for ever. */
const STORE_AGAIN_MS = [100, 500, 2000, 5000];

type Flagged = Extract<News, { kind: 'flagged' }>;

/** What is to be done with a payout that is due. */
export type Step =
  | { readonly kind: 'send'; readonly send: SendKind; readonly attempt: Attempt | null; readonly account: Account }
  | { readonly kind: 'look'; readonly attempt: Attempt }
  | { readonly kind: 'tell'; readonly news: News };

/** Decides the next step by section 5's table: what a provider does with a repeat decides how doubt is left. Pure. */
export function nextStep(payout: Payout, provider: Provider | undefined, now: Date): Step {
  for (const { number, sends } of payout.attempts) {
    // Whoever was sending held the lease that we hold now.
    const lost = sends.find((send) => send.outcome === 'IN_FLIGHT');
    if (lost) return { kind: 'tell', news: { kind: 'abandoned', attempt: number, send: lost.number } };
  }
  const late = payout.sendBefore !== null && payout.sendBefore <= now;
  const account = provider?.accounts.find((one) => one.name === payout.account);
  const attempt = openAttempt(payout);
  if (mayBeSubmitted(payout)) {
    if (late) return { kind: 'tell', news: { kind: 'expired' } };
    if (!account?.enabled) return { kind: 'tell', news: { kind: 'held', retryAfterMs: null } };
    const again = attempt?.fingerprint === account.fingerprint ? attempt : null;
    return { kind: 'send', send: 'SUBMIT', attempt: again, account };
  }
  if (attempt === null) return { kind: 'tell', news: { kind: 'held', retryAfterMs: null } };
  if (provider === undefined || account === undefined || account.fingerprint !== attempt.fingerprint) {
    return flagged('ACCOUNT_CHANGED', `the account ${payout.account} that it was sent to is no longer configured`);
  }
  if (attempt.providerReference !== null || provider.findsByOrderNumber) return { kind: 'look', attempt };
  // Only doubt is left by a repeat: an order that was refused, or whose echo was wrong, is not sent again.
  if (attempt.mismatched || attemptState(attempt) !== 'IN_DOUBT') {
    return { kind: 'tell', news: { kind: 'held', retryAfterMs: null } };
  }
  if (late) return { kind: 'tell', news: { kind: 'expired' } };
  const window = provider.onRepeat === 'returnsFirst' ? provider.repeatWindowMs : null;
  if (window === null || now.getTime() - doubtfulSince(attempt).getTime() > window) {
    const rule = `${provider.name} is not known to return the first order any more`;
    return flagged('REPEAT_WINDOW_OVER', `${rule}: ask there for ${attempt.orderNumber}`);
  }
  return { kind: 'send', send: 'REPEAT', attempt, account };
}

function flagged(reason: AttentionReason, message: string): Step {
  return { kind: 'tell', news: { kind: 'flagged', reason, message } };
}

function sentAt(attempt: Attempt): Date {
  return attempt.sends[0]?.startedAt ?? new Date(0);
}

/** When the first send that may have been taken started. */
function doubtfulSince(attempt: Attempt): Date {
  return attempt.sends.find((send) => send.outcome !== 'NOT_TAKEN')?.startedAt ?? sentAt(attempt);
}

const SUBMITTABLE: readonly PayoutState[] = ['QUEUED'];
const ASKABLE: readonly PayoutState[] = PAYOUT_STATES.filter((state) => state !== 'QUEUED');

export function createWorker({ payouts, providers, clock, log, name, options }: WorkerDeps): Worker {
  const settings = { ...DEFAULTS, ...options };
  const byId = new Map(providers.map((provider) => [provider.id, provider]));
  const lanes = [SUBMITTABLE, ASKABLE].map((states) => createLane(states, providers, settings.concurrency, clock));
  const [submits, looks] = lanes;
  const stopping = new AbortController();
  const calls = new AbortController();
  const underWay = new Set<Promise<void>>();
  /** Of those under way, how many wait for the clock. */
  let resting = 0;
  let wake = new AbortController();
  let loop: Promise<void> | null = null;
  let taking: Promise<number> | null = null;

  async function take(): Promise<number> {
    let taken = 0;
    for (const lane of lanes) {
      const leased = await payouts.lease({
        providers: lane.free(),
        states: lane.states,
        now: clock.now(),
        leaseMs: settings.leaseMs,
        owner: name,
      });
      taken += leased.length;
      for (const payout of leased) run(payout, lane);
    }
    return taken;
  }

  function run(payout: Payout, lane: Lane): void {
    lane.enter(payout.provider);
    const task = work(payout)
      .catch((error: unknown) => log.error({ payoutId: payout.id, cause: describeError(error) }, 'work left undone'))
      .finally(() => {
        underWay.delete(task);
        lane.leave(payout.provider);
        wake.abort('woken');
      });
    underWay.add(task);
  }

  async function work(payout: Payout): Promise<void> {
    const provider = byId.get(payout.provider);
    const step = nextStep(payout, provider, clock.now());
    const by = { actor: name, fence: payout.lease?.fence ?? null };
    if (step.kind === 'tell' || provider === undefined) {
      const news: News = step.kind === 'tell' ? step.news : { kind: 'held', retryAfterMs: null };
      await payouts.settle(payout, news, { ...by, source: news.kind === 'abandoned' ? 'SUBMIT' : 'LOOKUP' });
    } else if (step.kind === 'send') await send(payout, provider, step, { ...by, source: 'SUBMIT' });
    else await look(payout, provider, step.attempt, { ...by, source: 'LOOKUP' });
  }

  async function send(
    payout: Payout,
    provider: Provider,
    step: Step & { kind: 'send' },
    source: Source,
  ): Promise<void> {
    const body = await bodyOf(payout, provider, step).catch((error: unknown) => {
      log.error({ payoutId: payout.id, cause: describeError(error) }, 'the body could not be prepared');
      return null;
    });
    if (body === null) return void (await payouts.settle(payout, { kind: 'held', retryAfterMs: null }, source));
    const begun = await payouts.begin(payout, step.send, attemptOf(payout, step, body), body, source);
    // Another worker has it, or news came that forbids the send; whoever brought either has taken over.
    if (begun === null) return;
    const outcome = await submit(provider, begun.payout, begun.attempt, body);
    log.info({ payoutId: payout.id, send: step.send, outcome: outcome.kind }, 'sent');
    submits?.note(provider.id, outcome);
    const news: News = { kind: 'ended', attempt: begun.attempt.number, send: begun.send.number, outcome };
    await settleSurely(begun.payout, news, source);
  }

  async function bodyOf(payout: Payout, provider: Provider, step: Step & { kind: 'send' }): Promise<string | null> {
    if (step.attempt !== null) return payouts.body(payout.id, step.attempt);
    return provider.prepare(step.account.name, payout.order, orderNumberOf(payout, payout.attempts.length + 1));
  }

  async function submit(provider: Provider, payout: Payout, attempt: Attempt, body: string): Promise<SendOutcome> {
    const leaseEnd = payout.lease?.until.getTime() ?? 0;
    const lastMoment = leaseEnd - settings.deadlineMs - settings.skewMs;
    const sendBy = new Date(Math.min(lastMoment, payout.sendBefore?.getTime() ?? Infinity));
    try {
      return await provider.submit(refOf(payout, attempt), body, { sendBy, signal: calls.signal });
    } catch (error) {
      // A provider's code must not throw; if it does, nobody knows what it had done by then.
      return { kind: 'unknown', vendorCode: null, cause: describeError(error) };
    }
  }

  async function look(payout: Payout, provider: Provider, attempt: Attempt, source: Source): Promise<void> {
    const askedAt = clock.now();
    let outcome: LookupOutcome;
    try {
      outcome = await provider.lookup(refOf(payout, attempt), { sendBy: null, signal: calls.signal });
    } catch (error) {
      outcome = { kind: 'unavailable', retryAfterMs: null, cause: describeError(error) };
    }
    looks?.note(provider.id, outcome);
    const settled = await settleSurely(payout, { kind: 'looked', attempt: attempt.number, askedAt, outcome }, source);
    const flag = settled.state === 'IN_DOUBT' ? doubtOf(provider, attempt, outcome, clock.now()) : null;
    if (flag === null || settled.attention.some((known) => known.reason === flag.reason)) return;
    await payouts.settle(settled, flag, { ...source, fence: null });
  }

  /** Stores what was learnt, however long the store is away: what a provider answered may not be told a second time. */
  async function settleSurely(payout: Payout, news: News, source: Source): Promise<Payout> {
    for (let failures = 0; ; failures += 1) {
      try {
        return await payouts.settle(payout, news, source);
      } catch (error) {
        if (stopping.signal.aborted && failures >= STORE_AGAIN_MS.length) throw error;
        log.error({ payoutId: payout.id, cause: describeError(error) }, 'what was learnt is not stored yet');
        resting += 1;
        await clock.sleep(STORE_AGAIN_MS[Math.min(failures, STORE_AGAIN_MS.length - 1)] ?? 5000);
        resting -= 1;
      }
    }
  }

  async function cycle(): Promise<void> {
    while (!stopping.signal.aborted) {
      wake = new AbortController();
      taking = take().catch((error: unknown) => {
        log.error({ cause: describeError(error) }, 'due payouts could not be leased');
        return 0;
      });
      const taken = await taking;
      taking = null;
      if (taken === 0 && !stopping.signal.aborted) await clock.sleep(settings.pollMs, wake.signal);
    }
  }

  payouts.onDue(() => wake.abort('woken'));
  return {
    start() {
      loop ??= cycle();
    },
    async idle() {
      const isBusy = (): boolean => underWay.size > resting || taking !== null;
      while (isBusy() || (wake.signal.aborted && !stopping.signal.aborted)) {
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
    async stop() {
      stopping.abort();
      wake.abort('woken');
      await loop;
      await Promise.all(underWay);
    },
  };
}

/** What an operator has to know of an order in doubt that was looked for in vain; null: nothing yet. */
function doubtOf(provider: Provider, attempt: Attempt, outcome: LookupOutcome, now: Date): Flagged | null {
  const age = now.getTime() - doubtfulSince(attempt).getTime();
  const { orderNumber } = attempt;
  if (outcome.kind === 'absent' && age > LOST_AFTER_MS) {
    const message = `${provider.name} shows no order ${orderNumber}; that is no proof: look there before paying again`;
    return { kind: 'flagged', reason: 'NOT_FOUND_AT_PROVIDER', message };
  }
  if (outcome.kind !== 'unavailable' || age <= DEAF_AFTER_MS) return null;
  const message = `${provider.name} could not be asked for ${orderNumber}: ${outcome.cause}`;
  return { kind: 'flagged', reason: 'PROVIDER_UNREACHABLE', message };
}

function attemptOf(payout: Payout, { attempt, account }: Step & { kind: 'send' }, body: string): NewAttempt {
  if (attempt !== null) return attempt;
  const number = payout.attempts.length + 1;
  const { provider } = payout;
  const orderNumber = orderNumberOf(payout, number);
  return {
    number,
    provider,
    account: account.name,
    fingerprint: account.fingerprint,
    orderNumber,
    bodyDigest: digestBody(body),
  };
}

function refOf(payout: Payout, attempt: Attempt): AttemptRef {
  const { account, orderNumber, providerReference } = attempt;
  return { account, orderNumber, providerReference, order: payout.order, firstSentAt: sentAt(attempt) };
}

// --- lanes: how many calls at once, and when to leave a provider in peace -----------------------------------------------------

/** Sends and look-ups go in lanes of their own, so that neither holds up the other. */
interface Lane {
  readonly states: readonly PayoutState[];
  /** Free places by provider; a provider that is being left in peace has none. */
  free(): ReadonlyMap<ProviderId, number>;
  enter(provider: ProviderId): void;
  leave(provider: ProviderId): void;
  note(provider: ProviderId, outcome: SendOutcome | LookupOutcome): void;
}

/** So many failures in a row before a provider is left in peace without its asking. */
const PATIENCE = 5;
const LONGEST_PAUSE_MS = 60_000;

function createLane(states: readonly PayoutState[], providers: readonly Provider[], size: number, clock: Clock): Lane {
  const busy = new Map<ProviderId, number>();
  const failures = new Map<ProviderId, number>();
  const pausedUntil = new Map<ProviderId, number>();
  const pause = (provider: ProviderId, ms: number): void => {
    pausedUntil.set(provider, clock.now().getTime() + Math.min(ms, LONGEST_PAUSE_MS));
  };
  return {
    states,
    free() {
      const now = clock.now().getTime();
      const open = providers.filter(({ id }) => (pausedUntil.get(id) ?? 0) <= now);
      return new Map(
        open.map(({ id }) => [id, size - (busy.get(id) ?? 0)] as const).filter(([, places]) => places > 0),
      );
    },
    enter: (provider) => {
      busy.set(provider, (busy.get(provider) ?? 0) + 1);
    },
    leave: (provider) => {
      busy.set(provider, (busy.get(provider) ?? 1) - 1);
    },
    note(provider, outcome) {
      const failed = outcome.kind === 'notTaken' || outcome.kind === 'unknown' || outcome.kind === 'unavailable';
      const inARow = failed ? (failures.get(provider) ?? 0) + 1 : 0;
      failures.set(provider, inARow);
      if ('retryAfterMs' in outcome && outcome.retryAfterMs !== null) pause(provider, outcome.retryAfterMs);
      else if (inARow >= PATIENCE) pause(provider, 1000 * 2 ** (inARow - PATIENCE));
    },
  };
}
