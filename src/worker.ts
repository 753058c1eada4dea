import { type Batch, createBatch, groupForBatches } from './batch.ts';
import type { News, Source } from './domain/apply.ts';
import { legible, UnreadableRecordError } from './domain/errors.ts';
import type { FollowUp } from './domain/follow.ts';
import {
  type Attempt,
  PAYOUT_STATES,
  type Payout,
  type PayoutAction,
  type PayoutId,
  type PayoutState,
} from './domain/payout.ts';
import { requestOf, worseThan } from './domain/price.ts';
import type { Account, AttemptRef, Call, LookupOutcome, Price, Provider, SendOutcome } from './domain/provider.ts';
import { concernOf, nextStep, type Step } from './domain/step.ts';
import type { Health } from './health.ts';
import { orderNumberOf } from './identity.ts';
import { createLane, createPace, type Lane, type Noted, resultOf } from './lanes.ts';
import type { Market } from './market.ts';
import { type Begun, type FreshAttempt, NO_PARTIES, type Payouts } from './payouts.ts';
import { type Clock, describeError, type Log } from './runtime.ts';

/** The clockwork: leases what is due, sends or asks, and hands the news to `payouts`. */
export interface Worker {
  start(): void;
  /** Looks for what is due now, and not only at the next poll. */
  wake(): void;
  /** Resolves when nothing moves any more by the clock as it stands: nothing is under way, or it waits for a later time. */
  idle(): Promise<void>;
  /** Takes no more leases, and resolves when the calls in flight have ended. */
  stop(): Promise<void>;
}

export interface WorkerDeps {
  readonly payouts: Payouts;
  readonly providers: readonly Provider[];
  /** Tells what a payout that is held to a price would cost now. */
  readonly market: Pick<Market, 'quote'>;
  readonly health: Pick<Health, 'note' | 'circuit'>;
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

/** What was learnt and could not be stored is stored again after these waits, and after the last of them for ever. */
const STORE_AGAIN_MS = [100, 500, 2000, 5000];

const SUBMITTABLE: readonly PayoutState[] = ['QUEUED'];
const ASKABLE: readonly PayoutState[] = PAYOUT_STATES.filter((state) => state !== 'QUEUED');

export function createWorker({ payouts, providers, market, health, clock, log, name, options }: WorkerDeps): Worker {
  const settings = { ...DEFAULTS, ...options };
  const byId = new Map(providers.map((provider) => [provider.id, provider]));
  const pace = createPace(providers, clock);
  const places = { providers, size: settings.concurrency, pace, health };
  const submits = createLane({ ...places, states: SUBMITTABLE, kind: 'SUBMIT' });
  const looks = createLane({ ...places, states: ASKABLE, kind: 'LOOKUP' });
  const lanes = [submits, looks];
  const stopping = new AbortController();
  /** A call under way is waited for, never broken off: it has a deadline of its own. */
  const { signal } = new AbortController();
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
      const batches = new Map<PayoutId, Batch>();
      const groups = lane === submits ? groupForBatches(leased, (payout) => byId.get(payout.provider)) : [];
      for (const { provider, payouts: members } of groups) {
        const ids = members.map(({ id }) => id);
        const batch = createBatch(provider, ids);
        for (const id of ids) batches.set(id, batch);
      }
      for (const payout of leased) run(payout, lane, batches.get(payout.id));
    }
    return taken;
  }

  function run(payout: Payout, lane: Lane, batch: Batch | undefined): void {
    lane.enter(payout.provider);
    const task = work(payout, batch)
      .catch((error: unknown) => log.error({ payoutId: payout.id, cause: describeError(error) }, 'work left undone'))
      .finally(() => {
        batch?.leave(payout.id);
        underWay.delete(task);
        lane.leave(payout.provider);
        wake.abort('woken');
      });
    underWay.add(task);
  }

  async function work(payout: Payout, batch: Batch | undefined): Promise<void> {
    const provider = byId.get(payout.provider);
    const step = nextStep(payout, provider, clock.now(), payouts.restored);
    const by = { actor: name, fence: payout.lease?.fence ?? null };
    if (step.kind === 'suspect' && step.attempt !== null) {
      await payouts.suspect(payout, step.attempt, { ...by, source: 'LOOKUP' });
    } else if (step.kind === 'tell' || provider === undefined) {
      const news: News = step.kind === 'tell' ? step.news : { kind: 'held', retryAfterMs: null };
      await payouts.settle(payout, news, { ...by, source: news.kind === 'abandoned' ? 'SUBMIT' : 'LOOKUP' });
    } else if (step.kind === 'look') await look(payout, provider, step.attempt, { ...by, source: 'LOOKUP' });
    else if (step.kind === 'suspect') await suspect(payout, provider, step.account, { ...by, source: 'LOOKUP' });
    else if (step.kind === 'send') await send(payout, provider, step, { ...by, source: 'SUBMIT' }, batch);
    else await follow(payout, provider, step, { ...by, source: 'SUBMIT' });
  }

  async function send(
    payout: Payout,
    provider: Provider,
    step: Step & { kind: 'send' },
    source: Source,
    batch: Batch | undefined,
  ): Promise<void> {
    if (step.send === 'SUBMIT' && (await isHeldBack(payout, source))) return;
    // What never was in doubt has cost nothing yet, however often it was sent and not taken.
    const unspent = step.send === 'SUBMIT' && step.attempt?.doubted === false;
    const worse = unspent ? await findWorse(payout, step.account, null) : null;
    const chosen = worse ?? step.attempt ?? (await prepare(payout, provider, step.account, true));
    if ('kind' in chosen) return void (await payouts.settle(payout, chosen, source));
    const body = 'body' in chosen ? chosen.body : await legible(payouts.refer(payout, chosen).storedBody());
    if (body === null) return void (await payouts.settle(payout, BODY_LOST, source));
    const begun = await payouts.begin(payout, step.send, chosen, source);
    if (begun === null) return void (await giveBack(payout, source));
    const ref = payouts.refer(begun.payout, begun.attempt);
    await carryOut(begun, provider, source, (call) =>
      batch ? batch.submit(payout.id, ref, body, call) : provider.submit(ref, body, call),
    );
  }

  /** Puts in doubt what may have been sent before the store was put back. Nothing is sent, and nothing is refused. */
  async function suspect(payout: Payout, provider: Provider, account: Account, source: Source): Promise<void> {
    const chosen = await prepare(payout, provider, account, false);
    if (!('kind' in chosen)) return payouts.suspect(payout, chosen, source);
    if (chosen.kind === 'held') return void (await payouts.settle(payout, chosen, source));
    // What cannot be sent (any more) may have been: without a body it is looked for all the same.
    await payouts.suspect(payout, { ...freshAttempt(payout, account), body: null }, source);
  }

  /** Does what is wanted of its batch, where that is not to send it. */
  async function isHeldBack(payout: Payout, source: Source): Promise<boolean> {
    const wish = await payouts.wish(payout);
    if (wish === 'RUNNING') return false;
    await payouts.settle(payout, { kind: wish === 'PAUSED' ? 'parked' : 'cancelled' }, source);
    // If the wish has changed meanwhile, all that were parked by then were told, and this one perhaps was not among them.
    if (wish === 'PAUSED' && (await payouts.wish(payout)) !== wish) {
      await payouts.settle(payout, { kind: 'unparked' }, { ...source, fence: null });
    }
    return true;
  }

  /** A new attempt with its body, or the news that there can be none, or (`priced`) none at the price that it is held to. */
  async function prepare(
    payout: Payout,
    provider: Provider,
    account: Account,
    priced: boolean,
  ): Promise<FreshAttempt | News> {
    const attempt = freshAttempt(payout, account);
    const parties = payout.parties === null ? NO_PARTIES : await legible(payouts.parties(payout));
    if (parties === null) return BODY_LOST;
    try {
      const call = { sendBy: null, signal };
      const prepared = await provider.prepare(account.name, payout.order, parties, attempt.orderNumber, call);
      if (prepared.kind === 'body') {
        const worse = priced ? await findWorse(payout, account, prepared.price ?? null) : null;
        return worse ?? { ...attempt, body: prepared.body };
      }
      if (prepared.kind === 'refused') return prepared;
      note(submits, provider, prepared);
      return { kind: 'held', retryAfterMs: prepared.retryAfterMs };
    } catch (error) {
      const cause = describeError(error);
      log.error({ payoutId: payout.id, cause }, 'the body could not be prepared');
      return { kind: 'flagged', reason: 'BODY_UNREADABLE', message: `its body cannot be made: ${cause}` };
    }
  }

  /** Says so where it would cost more than it may, or nobody tells what it would cost; `fixed`: what its body fixes. */
  async function findWorse(
    { provider, order, heldPrice }: Payout,
    account: Account,
    fixed: Pick<Price, 'debit' | 'receive'> | null,
  ): Promise<News | null> {
    if (heldPrice === null) return null;
    const asked = fixed === null ? await market.quote(provider, account.name, requestOf(order), true) : null;
    if (asked?.kind === 'unavailable') {
      const wait = asked.retryAt === null ? null : asked.retryAt.getTime() - clock.now().getTime();
      return { kind: 'held', retryAfterMs: wait };
    }
    const price = asked?.kind === 'known' ? asked.quote : fixed;
    const message = price === null ? `${provider} names no price for it any more` : worseThan(heldPrice, price);
    if (message === null) return null;
    const words = { vendorCode: null, vendorMessage: null, retryable: true };
    return { kind: 'refused', failure: { code: 'PRICE_CHANGED', message, ...words } };
  }

  async function follow(
    payout: Payout,
    provider: Provider,
    { next, attempt }: Step & { kind: 'follow' },
    source: Source,
  ): Promise<void> {
    let perform: Perform | null;
    try {
      perform = await actionOf(payout, provider, next);
    } catch (error) {
      if (!(error instanceof UnreadableRecordError)) throw error;
      log.error({ payoutId: payout.id, cause: describeError(error) }, 'what an action carries cannot be read');
      await payouts.settle(payout, BODY_LOST, { ...source, fence: null });
      return look(payout, provider, attempt, { ...source, source: 'LOOKUP' });
    }
    if (perform === null) {
      // What goes along is forgotten only once the provider has it, or with the personal data of a payout that is over.
      const request = next.request?.number ?? 0;
      return void (await payouts.settle(payout, { kind: 'given', request }, source));
    }
    const begun = await payouts.begin(payout, next.action, attempt, source);
    if (begun === null) return void (await giveBack(payout, source));
    const ref = payouts.refer(begun.payout, begun.attempt);
    await carryOut(begun, provider, source, (call) => perform(ref, call), next);
  }

  /** Another worker has it, or news came that forbids the send: then the next turn sees what is to be done now. */
  async function giveBack(payout: Payout, source: Source): Promise<void> {
    await payouts.settle(payout, { kind: 'held', retryAfterMs: null }, source);
  }

  /** The call that an action comes to; null: what it carried is gone, so the provider has it. */
  async function actionOf(payout: Payout, provider: Provider, { action, request }: FollowUp): Promise<Perform | null> {
    switch (action) {
      case 'CONFIRM':
        return (ref, call) => provider.confirm?.(ref, call) ?? lacking(provider, action);
      case 'CANCEL':
        return (ref, call) => provider.cancel?.(ref, call) ?? lacking(provider, action);
      case 'COMPLETE_DOCUMENTS':
        return (ref, call) => provider.completeDocuments?.(ref, call) ?? lacking(provider, action);
      case 'AMEND': {
        const amendment = request && (await payouts.amendment(payout, request));
        return amendment && ((ref, call) => provider.amend?.(ref, amendment, call) ?? lacking(provider, action));
      }
      case 'ATTACH_DOCUMENT': {
        const document = request && (await payouts.document(payout, request));
        return document && ((ref, call) => provider.attachDocument?.(ref, document, call) ?? lacking(provider, action));
      }
    }
  }

  /** Makes the call of a send that is stored, and settles what came of it. */
  async function carryOut(
    { payout, attempt, send }: Begun,
    provider: Provider,
    source: Source,
    perform: (call: Call) => Promise<SendOutcome>,
    next?: FollowUp,
  ): Promise<void> {
    const leaseEnd = payout.lease?.until.getTime() ?? 0;
    const lastMoment = leaseEnd - settings.deadlineMs - settings.skewMs;
    // A payout that is with the provider may still be called off, or get its papers, after `sendBefore`.
    const limit = next === undefined || next.action === 'CONFIRM' ? payout.sendBefore?.getTime() : undefined;
    const sendBy = new Date(Math.min(lastMoment, limit ?? Infinity));
    let outcome: SendOutcome;
    try {
      outcome = await perform({ sendBy, signal });
    } catch (error) {
      // A provider's code must not throw; if it does, nobody knows what it had done by then.
      outcome = { kind: 'unknown', vendorCode: null, cause: describeError(error) };
    }
    log.info({ payoutId: payout.id, send: send.kind, outcome: outcome.kind }, 'sent');
    note(send.kind === 'SUBMIT' ? submits : looks, provider, outcome);
    // Not kept once the provider has it: gone before it is settled, so that no crash between the two keeps it.
    if (next?.action === 'ATTACH_DOCUMENT' && next.request && outcome.kind === 'accepted') {
      await payouts.forget(payout, next.request).catch((error: unknown) => {
        log.error({ payoutId: payout.id, cause: describeError(error) }, 'a document is forgotten later');
      });
    }
    await settleSurely(payout, { kind: 'ended', attempt: attempt.number, send: send.number, outcome }, source);
  }

  async function look(payout: Payout, provider: Provider, attempt: Attempt, source: Source): Promise<void> {
    const askedAt = clock.now();
    let outcome: LookupOutcome;
    try {
      outcome = await provider.lookup(payouts.refer(payout, attempt), { sendBy: null, signal });
    } catch (error) {
      outcome = { kind: 'unavailable', retryAfterMs: null, cause: describeError(error) };
    }
    note(looks, provider, outcome);
    const absence = provider.absenceRule(attempt.account);
    const news: News = { kind: 'looked', attempt: attempt.number, askedAt, outcome, absence };
    const settled = await settleSurely(payout, news, source);
    const flag = concernOf(settled, provider, attempt, outcome, clock.now(), payouts.restored);
    if (flag === null || settled.attention.some((known) => known.reason === flag.reason)) return;
    await payouts.settle(settled, flag, { ...source, fence: null });
  }

  function note({ kind }: Lane, { id }: Provider, outcome: Noted): void {
    health.note(id, kind, resultOf(outcome));
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
    wake: () => wake.abort('woken'),
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

/** The next attempt of a payout, at the account that it goes to. */
function freshAttempt(payout: Payout, { name, fingerprint }: Account): Omit<FreshAttempt, 'body'> {
  const number = payout.attempts.length + 1;
  return { number, provider: payout.provider, account: name, fingerprint, orderNumber: orderNumberOf(payout, number) };
}

/** One call of an action. */
type Perform = (attempt: AttemptRef, call: Call) => Promise<SendOutcome>;

const BODY_LOST: News = {
  kind: 'flagged',
  reason: 'BODY_UNREADABLE',
  message: 'what is to be sent cannot be read any more: it was erased, or its data key is gone',
};

async function lacking(provider: Provider, action: PayoutAction): Promise<SendOutcome> {
  const message = `${provider.name} has no call for ${action}`;
  const failure = { code: 'MISCONFIGURED', message, vendorCode: null, vendorMessage: null, retryable: false } as const;
  return { kind: 'rejected', failure };
}
