import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { moneyMoved } from '../../../src/domain/attempt.ts';
import type { Payout } from '../../../src/domain/payout.ts';
import { createManualClock } from '../clock.ts';
import { HOUR_MS, type Kit, NOWHERE, reasonsOf, Stage, type StageOptions, sendsOf } from './stage.ts';

/** Runs one job after the other on stages that share their data and their clock, as a deployment does over restarts. */
async function overRestarts(
  kit: Kit,
  lives: readonly { readonly options: StageOptions; run(stage: Stage): Promise<void> }[],
): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'outflow-conformance-'));
  const clock = createManualClock();
  try {
    for (const { options, run } of lives) {
      const stage = await Stage.open(kit, { ...options, clock, env: { DATA_DIR: dir, ...options.env } });
      try {
        await run(stage);
      } finally {
        await stage.close();
      }
    }
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** That a deployment can be stopped, switched off and set up anew, and no payout is lost or made twice by it. */
export function describeDeployment(kit: Kit): void {
  const prefix = kit.definition.slug.toUpperCase();
  describe('a deployment', () => {
    it('that switches the provider off takes nothing new, and finishes what it has', async () => {
      let created: Payout;
      await overRestarts(kit, [
        {
          options: {},
          async run(stage) {
            created = await stage.create('00');
            await stage.until(created, ['PROCESSING']);
          },
        },
        {
          options: { env: { [`${prefix}_ENABLED`]: 'false' } },
          async run(stage) {
            await assert.rejects(stage.create('00'), /unsupported.*switched off/);
            await stage.until(created, ['COMPLETED']);
            stage.order(await stage.audit(created));
          },
        },
      ]);
    });

    it('that stops with an answer lost goes on with the same order number, and pays once', async () => {
      let created: Payout;
      await overRestarts(kit, [
        {
          options: { env: { PUBLIC_URL: NOWHERE } },
          async run(stage) {
            created = await stage.doubtful('61');
          },
        },
        {
          options: { env: { PUBLIC_URL: NOWHERE } },
          async run(stage) {
            await stage.until(
              created,
              ({ state, attention }) => state === 'COMPLETED' || attention.length > 0,
              6 * HOUR_MS,
            );
            const payout = await stage.audit(created);
            assert.equal(payout.attempts.length, 1);
            stage.order(payout);
          },
        },
      ]);
    });

    it('that is given another account sends there what never left, and takes no news of the first attempt for the second', async () => {
      let created: Payout;
      const other = elsewhere(kit);
      await overRestarts(kit, [
        {
          options: { env: { PUBLIC_URL: NOWHERE, ...other } },
          async run(stage) {
            created = await stage.create('00');
            await stage.pass(10_000);
          },
        },
        {
          options: { env: { PUBLIC_URL: NOWHERE } },
          async run(stage) {
            const before = (await stage.look(created)).attempts.length;
            await stage.until(created, ['COMPLETED']);
            const payout = await stage.audit(created);
            const [order] = stage.orders(payout);
            assert.deepEqual([payout.attempts.length, stage.orders(payout).length], [before + 1, 1]);
            const [first, second] = payout.attempts;
            // Where the provider is asked for something before a create, nothing was begun while it was away.
            if (!order || !first || !second) return assert.equal(before, 0);
            const ghost = {
              ...order,
              mark: first.orderNumber,
              providerReference: kit.side.makeReference(Buffer.alloc(16, 9), order.createdAt),
            };
            await stage.post(stage.write(ghost));
            const after = await stage.world.payout(created);
            assert.deepEqual([after.state, moneyMoved(after)], ['COMPLETED', 'YES']);
            // Only what is signed is believed: two paid orders are the alarm that nothing may hide.
            const raised = kit.declared.webhooks === 'SIGNED' ? ['LATE_EVIDENCE', 'PAID_TWICE'] : [];
            assert.deepEqual(reasonsOf(after), raised, sendsOf(after).join());
            assert.equal(after.attempts[1]?.providerReference, second.providerReference);
          },
        },
      ]);
    });
  });
}

/** Settings of another account, of a provider that cannot be reached. */
function elsewhere({ definition, side }: Kit): Record<string, string> {
  const values = { ...side.makeCredentials((size) => Buffer.alloc(size, 7)), baseUrl: NOWHERE };
  const named = Object.entries(values).map(([key, value]) => [definition.settings[key]?.env ?? key, value] as const);
  return Object.fromEntries(named);
}

/** That nothing that was logged or told in the whole run repeats personal data or a body. To be called last. */
export function describeSilence(kit: Kit): void {
  describe('what was logged, and told in events and reasons for attention', () => {
    it('repeats nothing of the parties, and no body', () => kit.notebook.checkSilence());
  });
}
