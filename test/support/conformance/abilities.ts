import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { addDecimals, canonicalDecimal, equalDecimals } from '../../../src/domain/money.ts';
import { abilitiesOf, PROVIDER_ABILITIES, type Provider, type ProviderAbility } from '../../../src/domain/provider.ts';
import type { Letter, OrderState, SandboxSide } from '../../../src/sandbox.ts';
import { assertAccepted, call, draw, drawAmendment, drawDocument, numbered, place, untilStands } from './orders.ts';
import { type Kit, type Stage, useStage } from './stage.ts';

/** What speaks for an ability: the stand-in was asked for it, and did it. Rejects with what is wrong. */
type Proof = (stage: Stage, provider: Provider) => Promise<void>;

const PROOFS: Readonly<Record<ProviderAbility, Proof>> = {
  async SUBMIT(stage, provider) {
    const { ref, order, outcome } = await place(stage, provider, '00');
    const { amount } = ref.order.amount;
    assert.ok(
      equalDecimals(order.amount, amount) || equalDecimals(order.debit.amount, amount),
      'another amount is paid',
    );
    assert.equal(numbered(stage, ref).length, 1);
    assert.ok(outcome.kind === 'accepted' && outcome.report !== null, 'an accepted create has a report');
    assert.equal(outcome.report.state === 'COMPLETED', order.state === 'COMPLETED', 'accepted is not paid');
  },
  async IDEMPOTENT_SUBMIT(stage, provider) {
    const { ref, body, order } = await place(stage, provider, '00');
    const again = await provider.submit({ ...ref, providerReference: null }, body, call());
    assertAccepted('a second create', again);
    const { report = null } = again.kind === 'accepted' ? again : {};
    assert.equal(report?.providerReference, order.providerReference, 'a second create returns another order');
    assert.equal(numbered(stage, ref).length, 1, 'a second create makes a second order');
  },
  async BATCH_SUBMIT(stage, provider) {
    const items = [await draw(stage, provider, '00'), await draw(stage, provider, '00')];
    const outcomes = await provider.submitBatch?.(items, call());
    for (const { attempt } of items) {
      assertAccepted('an order of a batch', outcomes?.get(attempt.orderNumber));
      assert.equal(numbered(stage, attempt).length, 1);
    }
  },
  async LOOKUP(stage, provider) {
    const { ref } = await place(stage, provider, '00');
    const found = await provider.lookup(ref, call());
    assert.equal(found.kind, 'found', `an order that is there is not found: ${JSON.stringify(found)}`);
    const foreign = {
      ...ref,
      orderNumber: `none${ref.orderNumber}`.slice(0, 32),
      providerReference: strangeReference(stage),
    };
    const other = await provider.lookup(foreign, call());
    assert.notEqual(other.kind, 'found', 'an order that is not there is found');
  },
  async LOOKUP_BY_REFERENCE(stage, provider) {
    const { ref } = await place(stage, provider, '00');
    const found = await provider.lookup({ ...ref, providerReference: null }, call());
    assert.equal(found.kind, 'found', `an order is not found by our number: ${JSON.stringify(found)}`);
    const foreign = { ...ref, orderNumber: `none${ref.orderNumber}`.slice(0, 32), providerReference: null };
    assert.equal((await provider.lookup(foreign, call())).kind, 'absent', 'a number that nobody has is not absent');
  },
  async SIGNED_WEBHOOK(stage, provider) {
    const { order } = await place(stage, provider, '00');
    const letter = stage.write(order);
    const read = readLetter(stage, provider, letter);
    assert.equal(read.kind, 'verified', `a true webhook is ${read.kind}`);
    assert.ok(read.kind === 'verified' && isAbout(read.order, order), 'a webhook is about another order');
    assert.equal(read.report.askedAt, null, 'a webhook was not asked for');
    const forged = readLetter(stage, provider, stage.write(order, stage.kit.side.makeCredentials(randomBytes)));
    assert.equal(forged.kind, 'refused', `a webhook signed with another key is ${forged.kind}`);
    const bent = bend(letter, order.mark ?? order.providerReference);
    assert.equal(readLetter(stage, provider, bent).kind, 'refused', 'a webhook with another order in it is taken');
  },
  async HINT_WEBHOOK(stage, provider) {
    const { order } = await place(stage, provider, '00');
    const read = readLetter(stage, provider, stage.write(order));
    assert.equal(read.kind, 'hint', `a webhook that proves nothing is ${read.kind}`);
    assert.ok(read.kind === 'hint' && isAbout(read.order, order), 'a hint is about another order');
  },
  async QUOTE(stage, provider) {
    const { order } = stage.kit.side.sample(stage.amount('00'));
    const { amount, feeMode, destination, sourceCurrency, receiveCurrency } = order;
    const channel = destination.kind === 'channel' ? destination.channel : null;
    const question = { amount, feeMode, network: destination.network, channel, sourceCurrency, receiveCurrency };
    const answer = await provider.quote?.(stage.account, question, call());
    assert.ok(typeof answer === 'object' && answer.kind === 'known', `no price: ${JSON.stringify(answer)}`);
    const { debit, receive } = answer.value;
    // What the network will take is an estimate, and stands outside.
    const fees = answer.value.fees.filter(({ kind }) => kind !== 'NETWORK');
    const currencies = new Set([debit.currency, receive.currency, ...fees.map((fee) => fee.currency)]);
    if (currencies.size > 1) return;
    const sum = fees.reduce((total, fee) => addDecimals(total, fee.amount), receive.amount);
    assert.ok(equalDecimals(debit.amount, sum), `${debit.amount} debited is not ${receive.amount} and the fees`);
  },
  async BALANCES(stage, provider) {
    const { order } = stage.kit.side.sample(stage.amount('00'));
    const answer = await provider.balances?.(stage.account, call());
    assert.ok(answer?.kind === 'known', `no balances: ${JSON.stringify(answer)}`);
    const currency = order.sourceCurrency ?? order.amount.currency;
    const balance = answer.value.find((one) => one.currency === currency);
    assert.ok(balance && canonicalDecimal(balance.available) !== '0', `no balance in ${currency}`);
  },
  async ASSETS(stage, provider) {
    const { order } = stage.kit.side.sample(stage.amount('00'));
    const answer = await provider.assets?.(stage.account, call());
    assert.ok(answer?.kind === 'known', `no assets: ${JSON.stringify(answer)}`);
    const { currency } = order.receiveCurrency === null ? order.amount : { currency: order.receiveCurrency };
    const { network } = order.destination;
    const listed = answer.value.some((one) => one.currency === currency && one.network === network);
    assert.ok(listed, `${currency} on ${network} is paid and not listed`);
  },
  async REFERENCE_DATA(stage, provider) {
    assert.ok(provider.referenceKinds.length > 0, 'it names no kind of reference data');
    for (const kind of provider.referenceKinds) {
      const answer = await provider.reference?.(stage.account, kind, call());
      assert.ok(answer?.kind === 'known', `no ${kind}: ${JSON.stringify(answer)}`);
      assert.ok(answer.value.length > 0 && answer.value.every(({ value }) => value !== ''), `${kind} lists nothing`);
    }
  },
  async CONFIRM(stage, provider) {
    const { ref } = await place(stage, provider, '00');
    await untilStands(stage, ref, allowing(stage, 'CONFIRM'));
    assertAccepted('a confirm', await provider.confirm?.(ref, call()));
    const order = numbered(stage, ref)[0];
    assert.ok(order?.debited && !allowing(stage, 'CONFIRM').includes(order.state), 'a confirm confirms nothing');
  },
  async CANCEL(stage, provider) {
    const { ref } = await place(stage, provider, '00');
    await untilStands(stage, ref, allowing(stage, 'CANCEL'));
    assertAccepted('a cancel', await provider.cancel?.(ref, call()));
    assert.equal(numbered(stage, ref)[0]?.state, 'CANCELLED', 'a cancel calls nothing off');
  },
  async AMEND(stage, provider) {
    const { ref } = await place(stage, provider, '00');
    await untilStands(stage, ref, allowing(stage, 'AMEND'));
    const amendment = await drawAmendment(stage, ref.order);
    assert.equal(provider.supportsAmendment?.(amendment), true);
    const before = JSON.stringify(numbered(stage, ref)[0]?.details);
    assertAccepted('an amendment', await provider.amend?.(ref, amendment, call()));
    assert.notEqual(JSON.stringify(numbered(stage, ref)[0]?.details), before, 'an amendment changes nothing');
  },
  async DOCUMENTS(stage, provider) {
    const { ref } = await place(stage, provider, '60');
    await untilStands(stage, ref, allowing(stage, 'ATTACH_DOCUMENT'));
    const document = await drawDocument(stage);
    assertAccepted('a document', await provider.attachDocument?.(ref, document, call()));
    assert.equal(numbered(stage, ref)[0]?.documents, 1, 'a document does not arrive');
    assertAccepted('the end of the documents', await provider.completeDocuments?.(ref, call()));
    const { state = null } = numbered(stage, ref)[0] ?? {};
    assert.ok(state !== null && !allowing(stage, 'ATTACH_DOCUMENT').includes(state), 'documents are still wanted');
  },
};

/** The states in which the stand-in allows an action. */
function allowing({ kit }: Stage, action: keyof SandboxSide['actions']): readonly OrderState[] {
  return kit.side.actions[action] ?? [];
}

/** A provider's number that no order has. */
export function strangeReference({ kit, world }: Stage): string {
  return kit.side.makeReference(randomBytes(16), world.clock.now());
}

/** The same letter with another order in the place of the one that it is about. */
export function bend({ headers, body }: Letter, name: string, other = `${name.slice(0, -1)}x`): Letter {
  assert.ok(body.includes(name), 'a webhook names its order');
  return { headers, body: body.replaceAll(name, other) };
}

function readLetter({ account }: Stage, provider: Provider, { headers, body }: Letter) {
  const lower = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
  return provider.readWebhook({ headers: lower, body: Buffer.from(body) }, account);
}

function isAbout(
  key: { readonly orderNumber: string | null; readonly providerReference: string | null },
  order: { readonly mark: string | null; readonly providerReference: string },
): boolean {
  const byNumber = key.orderNumber !== null && key.orderNumber === order.mark;
  return byNumber || key.providerReference === order.providerReference;
}

/** What is wrong between what a provider declares and what its stand-in plays, and within either; empty: nothing. */
export function mismatches(provider: Provider, side: SandboxSide): string[] {
  const declared = abilitiesOf(provider);
  const complaints = PROVIDER_ABILITIES.flatMap((ability) => {
    if (declared.includes(ability) === side.plays.includes(ability)) return [];
    return declared.includes(ability)
      ? [`declares ${ability}, which there is not`]
      : [`hides ${ability}, which there is`];
  });
  const pairs: readonly (readonly [string, boolean, string, boolean])[] = [
    [
      'attachDocument',
      provider.attachDocument !== undefined,
      'completeDocuments',
      provider.completeDocuments !== undefined,
    ],
    ['amend', provider.amend !== undefined, 'supportsAmendment', provider.supportsAmendment !== undefined],
    [
      'attachDocument',
      provider.attachDocument !== undefined,
      'supportsDocument',
      provider.supportsDocument !== undefined,
    ],
    ['submitBatch', provider.submitBatch !== undefined, 'batch', provider.batch !== null],
    ['reference', provider.reference !== undefined, 'referenceKinds', provider.referenceKinds.length > 0],
  ];
  for (const [one, hasOne, other, hasOther] of pairs) {
    if (hasOne !== hasOther) complaints.push(`has ${hasOne ? one : other} without ${hasOne ? other : one}`);
  }
  if (provider.knownAssets.length === 0) complaints.push('does not say what it pays (knownAssets)');
  if (provider.repeatWindowMs !== null && provider.onRepeat !== 'returnsFirst' && provider.onRepeat !== 'refuses') {
    complaints.push(`would repeat in doubt, though a repeat ${provider.onRepeat}`);
  }
  return [...complaints, ...contradictions(side)];
}

/** What the stand-in's side says twice, and not alike. */
function contradictions({ plays, actions, onDuplicate }: SandboxSide): string[] {
  const facts: readonly (readonly [ProviderAbility, boolean])[] = [
    ['IDEMPOTENT_SUBMIT', onDuplicate === 'returnFirst'],
    ['CONFIRM', actions.CONFIRM !== undefined],
    ['CANCEL', actions.CANCEL !== undefined],
    ['AMEND', actions.AMEND !== undefined],
    ['DOCUMENTS', actions.ATTACH_DOCUMENT !== undefined && actions.COMPLETE_DOCUMENTS !== undefined],
  ];
  return facts
    .filter(([ability, does]) => plays.includes(ability) !== does)
    .map(
      ([ability, does]) =>
        `has a stand-in that ${does ? 'does' : 'plays'} ${ability} and does not ${does ? 'say' : 'do'} so`,
    );
}

/**
 * Everything that is wrong with what a provider declares: an ability without code or hidden code, and each declared
 * ability that does not do at the stand-in what its name says. Empty: nothing.
 */
export async function complaintsAbout(stage: Stage, provider: Provider): Promise<string[]> {
  const complaints = mismatches(provider, stage.kit.side);
  for (const ability of abilitiesOf(provider).filter((one) => stage.kit.side.plays.includes(one))) {
    const complaint = await disproof(stage, provider, ability);
    if (complaint !== null) complaints.push(`${ability}: ${complaint}`);
  }
  return complaints;
}

/** What is wrong with one ability; null: nothing. */
async function disproof(stage: Stage, provider: Provider, ability: ProviderAbility): Promise<string | null> {
  try {
    await PROOFS[ability](stage, provider);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** That a provider can do what it declares, and nothing else. */
export function describeAbilities(kit: Kit): void {
  describe('what it declares', () => {
    const stage = useStage(kit);

    it('is what its stand-in plays, both ways, and has all the methods that belong to it', () => {
      assert.deepEqual(mismatches(stage().provider, kit.side), []);
    });

    for (const ability of kit.abilities) {
      it(`is real: ${ability}`, () => PROOFS[ability](stage(), stage().provider));
    }

    if (kit.declared.webhooks === 'NONE') {
      it('hides no webhook: whatever claims to be one is refused', async () => {
        const { order } = await place(stage(), stage().provider, '00');
        assert.equal(readLetter(stage(), stage().provider, stage().write(order)).kind, 'refused');
      });
    }

    it('takes no single look for proof that an order is not there', () => {
      const rule = stage().provider.absenceRule(stage().account);
      assert.ok(rule === null || (rule.looks > 1 && rule.apartMs > 0 && rule.afterMs > 0));
    });
  });
}
