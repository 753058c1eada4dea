import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { FAULTS, type Fault } from '../../src/sandbox/faults.ts';
import { describeAbilities } from './conformance/abilities.ts';
import { describeActions } from './conformance/actions.ts';
import { describeBatch } from './conformance/batch.ts';
import { describeDeployment, describeSilence } from './conformance/deployment.ts';
import { describeDoubt } from './conformance/doubt.ts';
import { describeEnds } from './conformance/ends.ts';
import { describeNews } from './conformance/news.ts';
import { Notebook } from './conformance/notebook.ts';
import { describeOperator } from './conformance/operator.ts';
import { declare, type Kit, type Subject } from './conformance/stage.ts';

/**
 * Tries a provider over the whole product against its stand-in: every end, every fault, every ability that it declares.
 * Which tests there are follows from what the provider declares; nothing here knows one by name.
 */
export function describeConformance(subject: Subject): void {
  describe(`the conformance of ${subject.definition.name}`, () => {
    const kit = declare(subject, new Notebook());
    after(() => kit.declared.close());
    const { unfinished = [] } = subject.definition;
    it('has nothing left to be filled in', () => {
      assert.equal(unfinished.length, 0, ['to be filled in:', ...unfinished].join('\n  - '));
    });
    // What is not built yet fails by its own list alone.
    if (unfinished.length > 0) return;
    describeAbilities(kit);
    describeEnds(kit);
    describeDoubt(kit);
    describeOperator(kit);
    describeNews(kit);
    describeActions(kit);
    describeBatch(kit);
    describeDeployment(kit);
    describeSilence(kit);

    it('has met every fault of the stand-in that its abilities leave open', () => {
      const missed = [...FAULTS].filter(([decimals, fault]) => isOpenTo(kit, fault) && !kit.met.has(decimals));
      assert.deepEqual(
        missed.map(([decimals]) => decimals),
        [],
      );
    });
  });
}

/** Whether a fault can strike a provider with such abilities. */
function isOpenTo({ abilities }: Kit, { leftOutOfBatch, actions = {}, wantsDocuments }: Fault): boolean {
  if (leftOutOfBatch) return abilities.has('BATCH_SUBMIT');
  if (wantsDocuments) return abilities.has('DOCUMENTS');
  if (actions.CONFIRM !== undefined) return abilities.has('CONFIRM');
  if (actions.CANCEL !== undefined) return abilities.has('CANCEL');
  return true;
}
