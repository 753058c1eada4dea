import { type Batch, createBatch, groupByCall } from './batch.ts';
import type { News, Source } from './domain/apply.ts';
import { legible, UnreadableRecordError } from './domain/errors.ts';
import type { FollowUp } from './domain/follow.ts';
import { type Attempt, PAYOUT_STATES, type Payout, type PayoutAction, type PayoutState } from './domain/payout.ts';
import { requestOf, worseThan } from './domain/price.ts';
import type { Account, AttemptRef, Call, LookupOutcome, Price, Provider, SendOutcome } from './domain/provider.ts';
import { mayBeSubmitted } from './domain/send.ts';
import { concernOf, nextStep, type Step } from './domain/step.ts';
import type { Health } from './health.ts';
import { orderNumberOf } from './identity.ts';
import { createLane, type Lane, type Noted, resultOf } from './lanes.ts';
import type { Market, QuoteAnswer } from './market.ts';
import { createPace, type Pace, type Turn } from './pace.ts';
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
  /** What keeps the published limits of the providers: whoever else calls them draws on the same one. Default: its own. */
  readonly pace?: Pace;
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

/** Of the time in which a leased payout may be sent, how much it may wait for its turn: its price is asked after that. */
const PATIENCE = 0.75;

/** Between two questions for a price for which there was no call. */
const LEAST_WAIT_MS = 50;

/** What was learnt and could not be stored is stored again after these waits, and after the last of them for ever. */
const STORE_AGAIN_MS = [100, 500, 2000, 5000];

const SUBMITTABLE: readonly PayoutState[] = ['QUEUED'];
const ASKABLE: readonly PayoutState[] = PAYOUT_STATES.filter((state) => state !== 'QUEUED');

export function createWorker(deps: WorkerDeps): Worker {
  const { payouts, providers, market, health, clock, log, name } = deps;
  const settings = { ...DEFAULTS, ...deps.options };
  const byId = new Map(providers.map((provider) => [provider.id, provider]));
  const pace = deps.pace ?? createPace(providers, clock);
  const patienceMs = PATIENCE * (settings.leaseMs - settings.deadlineMs - settings.skewMs);
  const places = { providers, size: settings.concurrency, patienceMs, pace, health, clock };
  const submits = createLane({ ...places, states: SUBMITTABLE, kind: 'SUBMIT' });
  const looks = createLane({ ...places, states: ASKABLE, kind: 'LOOKUP' });
  const lanes = [submits, looks];
  const stopping = new AbortController();
  /** A call under way is waited for, never broken off: it has a deadline of its own. */
  const { signal } = new AbortController();
  const underWay = new Set<Promise<void>>();
  /** How many payouts are under way, and how many of them wait for the clock. */
  let active = 0;
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
      const find = ({ provider }: Payout) => byId.get(provider);
      const groups = lane === submits ? groupByCall(leased, find) : leased.map((payout) => [payout]);
      for (const group of groups) run(group, lane);
    }
    return taken;
  }

  /** Works on payouts for which there is one call, of which they have one place and one turn. */
  function run(group: readonly Payout[], lane: Lane): void {
    active += group.length;
    const task = workTogether(group, lane).finally(() => {
      underWay.delete(task);
      wake.abort('woken');
    });
    underWay.add(task);
  }

  async function workTogether(group: readonly Payout[], lane: Lane): Promise<void> {
    const [first] = group;
    const turn = first === undefined ? null : (lane.enter(first.provider) ?? (await waitForTurn(first, group, lane)));
    const provider = first && byId.get(first.provider);
    const ids = group.map(({ id }) => id);
    const batch =
      provider && turn && ids.length > 1 ? createBatch(provider, ids, { now: clock.now, onCall: turn.use }) : null;
    const tasks = group.map((payout) =>
      (turn === null ? putBack(payout, lane) : work(payout, turn, batch))
        .catch((error: unknown) => log.error({ payoutId: payout.id, cause: describeError(error) }, 'work left undone'))
        .finally(() => {
          batch?.leave(payout.id);
          active -= 1;
        }),
    );
    await Promise.all(tasks);
    turn?.end();
  }

  async function waitForTurn({ provider }: Payout, group: readonly Payout[], lane: Lane): Promise<Turn | null> {
    resting += group.length;
    const turn = await lane.wait(provider, stopping.signal);
    resting -= group.length;
    return turn;
  }

  /** No call could be made for it in time: that is nothing about the payout, and it stays as due as it was. */
  async function putBack(payout: Payout, { kind }: Lane): Promise<void> {
    const source = kind === 'SUBMIT' ? 'SUBMIT' : 'LOOKUP';
    const fence = payout.lease?.fence ?? null;
    await payouts.settle(payout, { kind: 'held', retryAfterMs: null, ours: true }, { actor: name, fence, source });
  }

  async function work(payout: Payout, turn: Turn, batch: Batch | null): Promise<void> {
    const provider = byId.get(payout.provider);
    const step = nextStep(payout, provider, clock.now(), payouts.restored);
    const by = { actor: name, fence: payout.lease?.fence ?? null };
    // What is not to be sent now is not to be repeated out of a doubt that only the lost time is the reason for.
    const wish = step.kind === 'suspect' && mayBeSubmitted(payout) ? await payouts.wish(payout) : 'RUNNING';
    if (wish === 'PAUSED' && !payout.parked) return void (await isHeldBack(payout, { ...by, source: 'LOOKUP' }));
    const calledOff = wish === 'CANCELLED';
    if (step.kind === 'suspect' && step.attempt !== null) {
      await payouts.suspect(payout, step.attempt, { ...by, source: 'LOOKUP' }, calledOff);
    } else if (step.kind === 'tell' || provider === undefined) {
      const news: News = step.kind === 'tell' ? step.news : { kind: 'held', retryAfterMs: null };
      await payouts.settle(payout, news, { ...by, source: news.kind === 'abandoned' ? 'SUBMIT' : 'LOOKUP' });
    } else if (step.kind === 'look') await look(payout, provider, step.attempt, turn, { ...by, source: 'LOOKUP' });
    else if (step.kind === 'suspect') await suspect(payout, provider, step, { ...by, source: 'LOOKUP' }, calledOff);
    else if (step.kind === 'send') await send(payout, provider, step, turn, batch, { ...by, source: 'SUBMIT' });
    else await follow(payout, provider, step, turn, { ...by, source: 'SUBMIT' });
  }

  async function send(
    payout: Payout,
    provider: Provider,
    step: Step & { kind: 'send' },
    turn: Turn,
    batch: Batch | null,
    source: Source,
  ): Promise<void> {
    if (step.send === 'SUBMIT' && (await isHeldBack(payout, source))) return;
    // What never was in doubt has cost nothing yet, however often it was sent and not taken.
    const unspent = step.send === 'SUBMIT' && step.attempt?.doubted === false;
    const worse = unspent ? await findWorse(payout, step.account, null) : null;
    const chosen = worse ?? step.attempt ?? (await prepare(payout, provider, step.account, true));
    if ('kind' in chosen) return void (await payouts.settle(payout, chosen, source));
    const body = 'body' in chosen ? chosen.body : await legible(payouts.refer(payout, chosen).storedBody());
    if (body === null) return void (await payouts.settle(payout, BODY_LOST, source));
    // Its price and its body may have taken a while.
    if (step.send === 'SUBMIT' && payout.batch !== null && (await isHeldBack(payout, source))) return;
    const begun = await payouts.begin(payout, step.send, chosen, source);
    if (begun === null) return void (await giveBack(payout, source));
    const ref = payouts.refer(begun.payout, begun.attempt);
    const perform = (call: Call): Promise<SendOutcome> => {
      if (batch !== null) return batch.submit(payout.id, ref, body, call);
      turn.use();
      return provider.submit(ref, body, call);
    };
    await carryOut(begun, provider, source, perform, { counts: () => batch?.speaks(payout.id) ?? true });
  }

  /** Puts in doubt what may have been sent before the store was put back. Nothing is sent, and nothing is refused. */
  async function suspect(
    payout: Payout,
    provider: Provider,
    { account }: { readonly account: Account },
    source: Source,
    calledOff: boolean,
  ): Promise<void> {
    const chosen = await prepare(payout, provider, account, false);
    if (!('kind' in chosen)) return payouts.suspect(payout, chosen, source, calledOff);
    if (chosen.kind === 'held') return void (await payouts.settle(payout, chosen, source));
    // What cannot be sent (any more) may have been: without a body it is looked for all the same.
    await payouts.suspect(payout, { ...freshAttempt(payout, account), body: null }, source, calledOff);
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
    payout: Payout,
    account: Account,
    fixed: Pick<Price, 'debit' | 'receive'> | null,
  ): Promise<News | null> {
    const { provider, heldPrice } = payout;
    if (heldPrice === null) return null;
    const asked = fixed === null ? await askPrice(payout, account) : null;
    if (asked?.kind === 'unavailable') {
      const wait = asked.retryAt === null ? null : asked.retryAt.getTime() - clock.now().getTime();
      return { kind: 'held', retryAfterMs: wait, ours: asked.ours === true };
    }
    if (asked?.kind === 'rejected') {
      const { vendorCode, vendorMessage } = asked;
      const message = `${provider} refuses to price it: ${vendorMessage ?? vendorCode ?? 'it does not say why'}`;
      const failure = { code: 'PROVIDER_REFUSED', message, vendorCode, vendorMessage, retryable: true } as const;
      return { kind: 'refused', failure };
    }
    const price = asked?.kind === 'known' ? asked.quote : fixed;
    const message = price === null ? `${provider} names no price for it any more` : worseThan(heldPrice, price);
    if (message === null) return null;
    const words = { vendorCode: null, vendorMessage: null, retryable: true };
    return { kind: 'refused', failure: { code: 'PRICE_CHANGED', message, ...words } };
  }

  /** What it would cost now. Where no call is left to ask that, it waits for one: giving it back would only lease the next. */
  async function askPrice({ provider, order, lease }: Payout, account: Account): Promise<QuoteAnswer> {
    const patientUntil = (lease?.until.getTime() ?? 0) - settings.leaseMs + patienceMs;
    for (;;) {
      const asked = await market.quote(provider, account.name, requestOf(order), true);
      if (asked.kind !== 'unavailable' || !asked.ours || asked.retryAt === null) return asked;
      const now = clock.now().getTime();
      if (asked.retryAt.getTime() > patientUntil || now >= patientUntil || stopping.signal.aborted) return asked;
      resting += 1;
      await clock.sleep(Math.max(asked.retryAt.getTime() - now, LEAST_WAIT_MS), stopping.signal);
      resting -= 1;
    }
  }

  async function follow(
    payout: Payout,
    provider: Provider,
    { next, attempt }: Step & { kind: 'follow' },
    turn: Turn,
    source: Source,
  ): Promise<void> {
    let act: Perform | null;
    try {
      act = await actionOf(payout, provider, next);
    } catch (error) {
      if (!(error instanceof UnreadableRecordError)) throw error;
      log.error({ payoutId: payout.id, cause: describeError(error) }, 'what an action carries cannot be read');
      await payouts.settle(payout, BODY_LOST, { ...source, fence: null });
      return look(payout, provider, attempt, turn, { ...source, source: 'LOOKUP' });
    }
    if (act === null) {
      // What goes along is forgotten only once the provider has it, or with the personal data of a payout that is over.
      const request = next.request?.number ?? 0;
      return void (await payouts.settle(payout, { kind: 'given', request }, source));
    }
    const begun = await payouts.begin(payout, next.action, attempt, source);
    if (begun === null) return void (await giveBack(payout, source));
    const ref = payouts.refer(begun.payout, begun.attempt);
    const perform = act;
    const make = (call: Call): Promise<SendOutcome> => {
      turn.use();
      return perform(ref, call);
    };
    await carryOut(begun, provider, source, make, { next });
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
    { next, counts = () => true }: { readonly next?: FollowUp; readonly counts?: () => boolean },
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
    // What was too late to be begun says nothing of the provider.
    const late = outcome.kind === 'notTaken' && outcome.reason === 'NEVER_LEFT' && clock.now() >= sendBy;
    if (!late && counts()) note(send.kind === 'SUBMIT' ? submits : looks, provider, outcome);
    // Not kept once the provider has it: gone before it is settled, so that no crash between the two keeps it.
    if (next?.action === 'ATTACH_DOCUMENT' && next.request && outcome.kind === 'accepted') {
      await payouts.forget(payout, next.request).catch((error: unknown) => {
        log.error({ payoutId: payout.id, cause: describeError(error) }, 'a document is forgotten later');
      });
    }
    await settleSurely(payout, { kind: 'ended', attempt: attempt.number, send: send.number, outcome }, source);
  }

  async function look(payout: Payout, provider: Provider, attempt: Attempt, turn: Turn, source: Source): Promise<void> {
    const askedAt = clock.now();
    let outcome: LookupOutcome;
    turn.use();
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
      const isBusy = (): boolean => active > resting || taking !== null;
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
