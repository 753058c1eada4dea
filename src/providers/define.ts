import type { Provider, ProviderId, SendOutcome } from '../domain/provider.ts';
import type { Answer, Answered, Transport } from '../transport.ts';

/** One setting of a provider account: where it comes from, and what it is for. */
export interface Setting {
  /** The environment name that sets it for the account `default`. In `PROVIDERS_FILE` its key in `settings` is used. */
  readonly env: string;
  /** A flag is `true` or `false`. */
  readonly kind: 'url' | 'text' | 'secret' | 'flag';
  /** Used when it is not set; empty: it may be left out; null: without it the account is off. */
  readonly fallback: string | null;
  readonly description: string;
}

/** A configured account, its settings by key, and where its webhooks reach us (null: nowhere, so it is polled). */
export interface AccountSettings {
  readonly name: string;
  readonly enabled: boolean;
  readonly callbackUrl: string | null;
  readonly values: Readonly<Record<string, string>>;
}

/** What a provider's folder exports: everything the rest of the program may know of it. */
export interface ProviderDefinition {
  readonly id: ProviderId;
  /** As people write it. */
  readonly name: string;
  /** Lower case: its folder, and its part of the webhook path. */
  readonly slug: string;
  readonly settings: Readonly<Record<string, Setting>>;
  /** What the provider itself puts behind the callback address that it was given, e.g. `/xcurrency/webhook`; else empty. */
  readonly webhookPath: string;
  /** What is still to be written before it may take a payout, a line each; its conformance fails with them. Absent: nothing. */
  readonly unfinished?: readonly string[];
  /** Makes the provider with its accounts; none: it is off. `now` stamps requests and ends tokens. */
  open(accounts: readonly AccountSettings[], transport: Transport, now: () => Date): Provider;
}

/**
 * What struck a send decides its outcome by phase, once, for all providers: nothing left, it was lost, or there is an
 * answer. Only an answer that is no server fault reaches `read`, which lists the provider's refusals; what `read` cannot
 * decode (it answers null or throws) is unknown.
 */
export function sendOutcome(answer: Answer, read: (answered: Answered) => SendOutcome | null): SendOutcome {
  switch (answer.kind) {
    case 'neverLeft':
      return { kind: 'notTaken', reason: 'NEVER_LEFT', retryAfterMs: null, vendorCode: null, cause: answer.cause };
    case 'lost':
      return { kind: 'unknown', vendorCode: null, cause: answer.cause };
    case 'answered': {
      const vendorCode = String(answer.status);
      if (answer.status === 408 || answer.status >= 500) {
        return { kind: 'unknown', vendorCode, cause: `the provider answered HTTP ${answer.status}` };
      }
      let outcome: SendOutcome | null = null;
      try {
        outcome = read(answer);
      } catch {
        // An answer that breaks its reader is an answer that does not decode.
      }
      return (
        outcome ?? { kind: 'unknown', vendorCode, cause: `an answer (HTTP ${answer.status}) that does not decode` }
      );
    }
  }
}

/** `Retry-After` in milliseconds, from seconds or an HTTP date; null when there is none that can be read. */
export function retryAfterMs(answered: Answered): number | null {
  const value = answered.headers['retry-after'];
  if (value === undefined) return null;
  if (/^[0-9]{1,6}$/.test(value)) return Number(value) * 1000;
  const at = Date.parse(value);
  return Number.isNaN(at) ? null : Math.max(0, at - answered.endedAt.getTime());
}
