import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ProviderId } from '../src/domain/provider.ts';
import { createHealth } from '../src/health.ts';
import { createManualClock } from './support/clock.ts';
import { createDesk, openWriteSide } from './support/write-side.ts';

const [ALPHA, BETA] = ['ALPHA', 'BETA'] as ProviderId[] as [ProviderId, ProviderId];

/** A health with its clock; `note` moves the clock a second on first. */
function openHealth() {
  const clock = createManualClock();
  const health = createHealth(clock);
  return {
    health,
    clock,
    async note(...answers: readonly boolean[]) {
      for (const answered of answers) {
        await clock.advance(1000);
        health.note(ALPHA, answered);
      }
      return health.of(ALPHA).state;
    },
  };
}

describe('the health of a provider', () => {
  it('is unknown until it was asked for something', () => {
    const { health } = openHealth();
    assert.deepEqual(health.of(ALPHA), { state: 'UNKNOWN', lastSuccessAt: null, lastFailureAt: null });
  });

  it('is up after an answer, degraded after a failure, down after five in a row, and up again after one answer', async () => {
    const { note } = openHealth();
    assert.equal(await note(true), 'UP');
    assert.equal(await note(false), 'DEGRADED');
    assert.equal(await note(false, false, false), 'DEGRADED');
    assert.equal(await note(false), 'DOWN');
    assert.equal(await note(false), 'DOWN');
    assert.equal(await note(true), 'UP');
  });

  it('is not down by failures that are not in a row', async () => {
    const { note } = openHealth();
    assert.equal(await note(false, false, false, false, true, false, false, false, false), 'DEGRADED');
  });

  it('can be degraded or down before any answer', async () => {
    const { note, health } = openHealth();
    assert.equal(await note(false), 'DEGRADED');
    assert.equal(await note(false, false, false, false), 'DOWN');
    assert.equal(health.of(ALPHA).lastSuccessAt, null);
  });

  it('tells when the last call was answered and when the last was not', async () => {
    const { note, health, clock } = openHealth();
    await note(true);
    const answeredAt = clock.now();
    await note(false);
    assert.deepEqual(health.of(ALPHA), { state: 'DEGRADED', lastSuccessAt: answeredAt, lastFailureAt: clock.now() });
  });

  it('is its own: what another does says nothing of it', async () => {
    const { note, health } = openHealth();
    await note(false, false, false, false, false);
    assert.equal(health.of(BETA).state, 'UNKNOWN');
  });
});

describe('a worker', () => {
  it('takes a refusal for an answer, and silence for none', async () => {
    const failure = {
      code: 'PROVIDER_REFUSED',
      message: 'no',
      vendorCode: null,
      vendorMessage: null,
      retryable: false,
    };
    const away = { kind: 'notTaken', retryAfterMs: null, vendorCode: null, cause: 'x' } as const;
    for (const [outcome, state] of [
      [{ kind: 'rejected', failure: { ...failure, code: 'PROVIDER_REFUSED' } }, 'UP'],
      [{ kind: 'exists', vendorCode: null, cause: 'there is one' }, 'UP'],
      [{ ...away, reason: 'HOURS' }, 'UP'],
      [{ ...away, reason: 'NEVER_LEFT' }, 'DEGRADED'],
      [{ ...away, reason: 'MAINTENANCE' }, 'DEGRADED'],
      [{ ...away, reason: 'RATE_LIMITED' }, 'DEGRADED'],
      [{ ...away, reason: 'CREDENTIALS' }, 'DEGRADED'],
      [{ kind: 'unknown', vendorCode: null, cause: 'cut' }, 'DEGRADED'],
    ] as const) {
      const side = await openWriteSide();
      try {
        const health = createHealth(side.clock);
        const states: string[] = [];
        const note = (id: ProviderId, answered: boolean): void => {
          health.note(id, answered);
          states.push(health.of(id).state);
        };
        const desk = createDesk(side.clock);
        desk.answer('submit', outcome);
        await side.create();
        await side.startWorker(desk.provider, { health: { note } }).idle();
        assert.equal(states[0], state, `${outcome.kind} ${'reason' in outcome ? outcome.reason : ''}`);
      } finally {
        await side.close();
      }
    }
  });
});
