import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { abilitiesOf, type Provider, type ProviderAbility, type ReadOutcome } from '../src/domain/provider.ts';
import { definitions } from '../src/providers/index.ts';
import { sides } from '../src/providers/sandboxes.ts';
import { PROVIDERS_PAGE, withAbilityTable } from './support/ability-table.ts';
import { complaintsAbout, mismatches } from './support/conformance/abilities.ts';
import { Notebook } from './support/conformance/notebook.ts';
import { declare, Stage, type Subject } from './support/conformance/stage.ts';
import { describeConformance } from './support/conformance.ts';

const subjects = definitions.flatMap((definition): Subject[] => {
  const side = sides.find(({ slug }) => slug === definition.slug);
  return side === undefined ? [] : [{ definition, side }];
});

for (const subject of subjects) describeConformance(subject);

const SILENCE: ReadOutcome<never> = { kind: 'unavailable', retryAfterMs: null, cause: 'it does nothing' };
const nothing = async () => ({ kind: 'accepted', report: null }) as const;

/** By ability, methods that do nothing. */
const STUBS: Readonly<Partial<Record<ProviderAbility, Partial<Provider>>>> = {
  BATCH_SUBMIT: { submitBatch: async () => new Map(), batch: { size: 2, takes: () => true } },
  QUOTE: { quote: async () => SILENCE },
  BALANCES: { balances: async () => SILENCE },
  ASSETS: { assets: async () => SILENCE },
  REFERENCE_DATA: { reference: async () => SILENCE, referenceKinds: ['AREAS'] },
  CONFIRM: { confirm: nothing },
  CANCEL: { cancel: nothing },
  AMEND: { amend: nothing, supportsAmendment: () => true },
  DOCUMENTS: { attachDocument: nothing, completeDocuments: nothing, supportsDocument: () => true },
};

/** The provider without what the stub would put in its place. */
function without(provider: Provider, stub: Partial<Provider>): Provider {
  const empty = { batch: null, referenceKinds: [] };
  const kept = Object.entries(provider).filter(([name]) => !Object.hasOwn(stub, name) || Object.hasOwn(empty, name));
  const emptied = Object.entries(empty).filter(([name]) => Object.hasOwn(stub, name));
  // What is left is a provider as long as nothing but optional methods was taken.
  return Object.fromEntries([...kept, ...emptied]) as unknown as Provider;
}

describe('the check of abilities', () => {
  for (const subject of subjects) {
    const { name } = subject.definition;
    const kit = declare(subject, new Notebook());

    it(`reports exactly the ability that is hidden, or declared without code: ${name}`, async () => {
      for (const [ability, stub] of Object.entries(STUBS)) {
        const has = kit.abilities.has(ability as ProviderAbility);
        const doctored = has ? without(kit.declared, stub) : { ...kit.declared, ...stub };
        const complaint = has ? `hides ${ability}, which there is` : `declares ${ability}, which there is not`;
        assert.deepEqual(mismatches(doctored, subject.side), [complaint]);
      }
      const idempotent: Provider = { ...kit.declared, onRepeat: 'returnsFirst' };
      const declares = ['declares IDEMPOTENT_SUBMIT, which there is not'];
      assert.deepEqual(mismatches(idempotent, subject.side), kit.abilities.has('IDEMPOTENT_SUBMIT') ? [] : declares);
      await kit.declared.close();
    });

    it(`finds nothing wrong with the provider, and out each method that does nothing: ${name}`, async () => {
      const stage = await Stage.open(kit);
      try {
        assert.deepEqual(await complaintsAbout(stage, stage.provider), []);
        for (const ability of abilitiesOf(stage.provider)) {
          const stub = STUBS[ability];
          if (stub === undefined) continue;
          const complaints = await complaintsAbout(stage, { ...stage.provider, ...stub });
          assert.deepEqual(
            complaints.map((complaint) => complaint.split(':')[0]),
            [ability],
          );
        }
      } finally {
        await stage.close();
      }
    });
  }
});

describe('the table of abilities', () => {
  it('is in the documentation as the providers are: npm run generate writes it', async () => {
    const page = readFileSync(PROVIDERS_PAGE, 'utf8');
    assert.ok(page === (await withAbilityTable(page)), 'it is not as generated');
  });
});
