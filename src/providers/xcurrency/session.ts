import type { KeyObject } from 'node:crypto';
import type { Call, ReadOutcome, SendOutcome } from '../../domain/provider.ts';
import type { Answer, Answered, Line, Request } from '../../transport.ts';
import { sendOutcome } from '../define.ts';
import type { Change } from './report.ts';
import { encodeToken, PATHS, readChange, readToken, sign } from './wire.ts';

/**
 * A token lasts an hour. Source: payout page, "Get Token". From this age on a new one is fetched while it is still
 * used.
 */
const RENEW_AFTER_MS = 50 * 60_000;
/** From this age on it is not used any more, so that none ends on its way. */
const TRUST_FOR_MS = 59 * 60_000;

/** Why there is no answer to a question: our keys were refused, or nobody could be asked. */
export type NoAnswer = Exclude<ReadOutcome<never>, { kind: 'known' }>;
interface NoToken {
  readonly kind: 'noToken';
  readonly why: NoAnswer;
}

/** One request of an account, without what the session adds to it. */
export interface Asking {
  readonly path: string;
  /** Signed; null: a GET, which is not. */
  readonly body: string | null;
  readonly call: Call;
}

/** The calls of one account, with its token. */
export interface Session {
  /** A question, which changes nothing: where the token is refused it is asked once more with a new one. */
  ask<T>(asking: Asking, read: (answered: Answered) => T): Promise<T | NoAnswer>;
  /**
   * A call that changes a payment, once. Where its token is refused it was not taken, and the next send brings a new
   * one: that is a send of its own, and the worker's to make.
   */
  change(kind: Change, body: string, call: Call): Promise<SendOutcome>;
  close(): Promise<void>;
}

export interface SessionOptions {
  readonly line: Line;
  readonly appKey: string;
  readonly secretKey: string;
  readonly privateKey: KeyObject;
  readonly now: () => Date;
}

interface Token {
  readonly value: string;
  readonly askedAt: Date;
}

/** Whatever happens at the provider or on the way there, nothing rejects. */
export function openSession({ line, appKey, secretKey, privateKey, now }: SessionOptions): Session {
  const closing = new AbortController();
  let token: Token | null = null;
  let renewal: Promise<Token | NoToken> | null = null;

  async function fetchToken(): Promise<Token | NoToken> {
    const answer = await line.exchange({
      method: 'POST',
      path: PATHS.token,
      headers: { 'content-type': 'application/json' },
      body: encodeToken(appKey, secretKey),
      // It is everybody's: no single caller may call it off.
      call: { sendBy: null, signal: closing.signal },
    });
    if (answer.kind !== 'answered') return noToken(answer.cause);
    const outcome = readToken(answer);
    if (outcome.kind !== 'known') return { kind: 'noToken', why: outcome };
    token = { value: outcome.value, askedAt: answer.startedAt };
    return token;
  }

  /** One renewal at a time, whoever asks for it. */
  function renew(): Promise<Token | NoToken> {
    renewal ??= fetchToken().finally(() => {
      renewal = null;
    });
    return renewal;
  }

  async function tokenFor(call: Call): Promise<Token | NoToken> {
    const age = token === null ? TRUST_FOR_MS : now().getTime() - token.askedAt.getTime();
    if (token !== null && age < RENEW_AFTER_MS) return token;
    const old = token;
    const coming = renew();
    return old !== null && age < TRUST_FOR_MS ? old : unlessCalledOff(coming, call.signal);
  }

  async function send({ body, path, call }: Asking): Promise<Answer | NoToken> {
    const used = await tokenFor(call);
    if ('kind' in used) return used;
    const keys = { appkey: appKey, token: used.value };
    const request: Request =
      body === null
        ? { method: 'GET', path, headers: keys, body, call }
        : {
            method: 'POST',
            path,
            headers: { ...keys, sign: sign(body, privateKey), 'content-type': 'application/json' },
            body,
            call,
          };
    const answer = await line.exchange(request);
    // Another call may have renewed it meanwhile: only the one that was refused is given up.
    if (isTokenRefused(answer) && token === used) token = null;
    return answer;
  }

  return {
    async ask(asking, read) {
      const first = await send(asking);
      const answer = isTokenRefused(first) ? await send(asking) : first;
      if (answer.kind === 'noToken') return answer.why;
      return answer.kind === 'answered' ? read(answer) : unavailable(answer.cause);
    },
    async change(kind, body, call) {
      const answer = await send({ path: PATHS[kind], body, call });
      if (answer.kind !== 'noToken') return sendOutcome(answer, (answered) => readChange(kind, answered));
      const cause = describeNoAnswer(answer.why);
      return answer.why.kind === 'rejected'
        ? { kind: 'notTaken', reason: 'CREDENTIALS', retryAfterMs: null, vendorCode: answer.why.vendorCode, cause }
        : { ...answer.why, kind: 'notTaken', reason: 'NEVER_LEFT', vendorCode: null };
    },
    async close() {
      closing.abort();
      await line.close();
    },
  };
}

/** One line that says why there is no answer. */
export function describeNoAnswer(why: NoAnswer): string {
  if (why.kind === 'unavailable') return why.cause;
  return `xCurrency Hubs refused: ${why.vendorMessage ?? why.vendorCode ?? 'without a word'}`;
}

function unavailable(cause: string): NoAnswer {
  return { kind: 'unavailable', retryAfterMs: null, cause };
}

function noToken(cause: string): NoToken {
  return { kind: 'noToken', why: unavailable(`no token: ${cause}`) };
}

/** Source: the provider's Java SDK, which fetches a new token on HTTP 403 and nothing else. */
function isTokenRefused(answer: Answer | NoToken): boolean {
  return answer.kind === 'answered' && answer.status === 403;
}

function unlessCalledOff(coming: Promise<Token | NoToken>, signal: AbortSignal): Promise<Token | NoToken> {
  const { promise, resolve } = Promise.withResolvers<Token | NoToken>();
  const leave = (): void => resolve(noToken('it was called off'));
  if (signal.aborted) leave();
  signal.addEventListener('abort', leave, { once: true });
  void coming.then(resolve).finally(() => signal.removeEventListener('abort', leave));
  return promise;
}
