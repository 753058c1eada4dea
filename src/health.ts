import type { ProviderId } from './domain/provider.ts';
import type { Clock } from './runtime.ts';

/** UNKNOWN: not asked for anything yet. DEGRADED: the last call failed. DOWN: so many failed in a row. */
export type HealthState = 'UNKNOWN' | 'UP' | 'DEGRADED' | 'DOWN';

/** How a provider has been answering this process. */
export interface ProviderHealth {
  readonly state: HealthState;
  readonly lastSuccessAt: Date | null;
  readonly lastFailureAt: Date | null;
}

/** Notes how every call of this process to a provider went. Kept in memory: it tells of now. */
export interface Health {
  /** `answered`: the provider gave an answer that could be used, be it a refusal. */
  note(provider: ProviderId, answered: boolean): void;
  of(provider: ProviderId): ProviderHealth;
}

/** So many failures in a row mean that it is down. */
const DOWN_AFTER = 5;

const UNASKED: ProviderHealth = { state: 'UNKNOWN', lastSuccessAt: null, lastFailureAt: null };

export function createHealth(clock: Clock): Health {
  const known = new Map<ProviderId, ProviderHealth & { readonly failures: number }>();
  return {
    note(provider, answered) {
      const before = known.get(provider) ?? { ...UNASKED, failures: 0 };
      const failures = answered ? 0 : before.failures + 1;
      const state = failures === 0 ? 'UP' : failures < DOWN_AFTER ? 'DEGRADED' : 'DOWN';
      const now = clock.now();
      const at = answered ? { lastSuccessAt: now } : { lastFailureAt: now };
      known.set(provider, { ...before, ...at, state, failures });
    },
    of(provider) {
      const { state, lastSuccessAt, lastFailureAt } = known.get(provider) ?? UNASKED;
      return { state, lastSuccessAt, lastFailureAt };
    },
  };
}
