import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { PayoutId } from '../src/domain/payout.ts';
import {
  AmendPayoutDocument,
  AttachDocumentDocument,
  CancelPayoutDocument,
  CompleteDocumentsDocument,
  ConfirmPayoutDocument,
  CreatePayoutDocument,
  ErasePayoutDocument,
  EventsOfPayoutDocument,
  type PayoutAction,
  type PayoutFieldsFragment,
  PayoutPartiesDocument,
  WatchPayoutDocument,
} from './operations/generated/graphql.ts';
import { type Api, bankInputOf, create, createFrom, describeApi, inputOf, openApi } from './support/api.ts';
import { readWholeLog } from './support/whole-log.ts';

const NOBODY = 'po_00000000000000000000000000';
const PDF = Buffer.from('%PDF-1.7\nan invoice').toString('base64');

describeApi('actions on a payout', (open) => {
  let api: Api;
  before(async () => {
    api = await openApi(await open());
  });
  after(() => api.close());

  const kindsOf = ({ attempts }: PayoutFieldsFragment) =>
    attempts.flatMap(({ sends }) => sends.map((send) => send.kind));
  const allowed = async (id: string, action: PayoutAction) => (await api.payout(id)).actions.includes(action);

  /** A payout at the two-step provider that waits to be confirmed by hand. */
  async function createHeld() {
    const { id } = await createFrom(api.merchant, bankInputOf('100', { autoConfirm: false }));
    return api.until(id, 'AWAITING_CONFIRMATION');
  }

  /** A payout that its provider still reviews, for ten minutes, and lets go of until then. */
  async function createReviewed(amount: string) {
    const { id } = await createFrom(api.merchant, bankInputOf(amount));
    return api.until(id, 'PROCESSING');
  }

  /** Does something, and holds that nothing of it is stored. */
  async function assertNothingStored(act: () => Promise<unknown>): Promise<void> {
    await api.world.rest();
    const before = await readWholeLog(api.world.store, api.world.merchantId);
    await act();
    await api.world.rest();
    assert.deepEqual(await readWholeLog(api.world.store, api.world.merchantId), before);
  }

  describe('confirmPayout', () => {
    it('is not needed where a payout confirms itself', async () => {
      const { id, autoConfirm } = await createFrom(api.merchant, bankInputOf('100'));
      assert.equal(autoConfirm, true);
      const payout = await api.until(id, 'COMPLETED');
      assert.deepEqual(kindsOf(payout), ['SUBMIT', 'CONFIRM']);
      assert.deepEqual([payout.moneyMoved, payout.actions, payout.pendingAction], ['YES', [], null]);
    });

    it('lets a payout go that waits for it, and who watches sees it end', async () => {
      const held = await createHeld();
      assert.deepEqual([held.autoConfirm, held.moneyMoved, held.final], [false, 'NO', false]);
      assert.ok(held.actions.includes('CONFIRM'));
      await api.world.pass(60_000);
      assert.equal((await api.payout(held.id)).state, 'AWAITING_CONFIRMATION');

      const watching = await api.merchant.listen('SSE', WatchPayoutDocument, { id: held.id });
      await watching.take(1);
      const { confirmPayout } = await api.merchant.get(ConfirmPayoutDocument, { payoutId: held.id });
      assert.ok(confirmPayout.__typename === 'ConfirmPayoutSuccess', JSON.stringify(confirmPayout));
      assert.equal(confirmPayout.payout.pendingAction, 'CONFIRM');
      const payout = await api.until(held.id, 'COMPLETED');
      assert.deepEqual(kindsOf(payout), ['SUBMIT', 'CONFIRM']);
      assert.equal(payout.pendingAction, null);
      assert.equal((await watching.rest()).at(-1)?.payout.state, 'COMPLETED');
    });

    it('is refused a second time, as a cancel is from then on', async () => {
      const { id } = await createHeld();
      const first = await api.merchant.get(ConfirmPayoutDocument, { payoutId: id });
      assert.equal(first.confirmPayout.__typename, 'ConfirmPayoutSuccess');
      for (const _ of ['at once', 'later']) {
        const { confirmPayout } = await api.merchant.get(ConfirmPayoutDocument, { payoutId: id });
        assert.ok(confirmPayout.__typename === 'NotAllowedInStateError', JSON.stringify(confirmPayout));
        const { cancelPayout } = await api.merchant.get(CancelPayoutDocument, { id });
        assert.ok(cancelPayout.__typename === 'NotAllowedInStateError', JSON.stringify(cancelPayout));
        assert.deepEqual([cancelPayout.code, cancelPayout.payout.id], ['NOT_ALLOWED_IN_STATE', id]);
        await api.until(id, 'COMPLETED');
      }
      assert.equal(kindsOf(await api.payout(id)).filter((kind) => kind === 'CONFIRM').length, 1);
    });

    it('of a payout that is not there, or is a stranger’s, is NOT_FOUND', async () => {
      const { id } = await createHeld();
      for (const [client, payoutId] of [
        [api.merchant, NOBODY],
        [api.stranger, id],
      ] as const) {
        const { confirmPayout } = await client.get(ConfirmPayoutDocument, { payoutId });
        assert.equal(confirmPayout.__typename, 'NotFoundError');
      }
      assert.equal((await api.payout(id)).state, 'AWAITING_CONFIRMATION');
    });
  });

  describe('cancelPayout', () => {
    it('calls a payout off at a provider that lets go of it, and is refused a second time', async () => {
      const { id, actions } = await createReviewed('100.41');
      assert.ok(actions.includes('CANCEL'));
      const { cancelPayout } = await api.merchant.get(CancelPayoutDocument, { id });
      assert.ok(cancelPayout.__typename === 'CancelPayoutSuccess', JSON.stringify(cancelPayout));
      assert.equal(cancelPayout.payout.pendingAction, 'CANCEL');
      assert.ok(!cancelPayout.payout.actions.includes('CANCEL') && !cancelPayout.payout.actions.includes('CONFIRM'));
      const again = await api.merchant.get(CancelPayoutDocument, { id });
      assert.equal(again.cancelPayout.__typename, 'NotAllowedInStateError');
      const confirmed = await api.merchant.get(ConfirmPayoutDocument, { payoutId: id });
      assert.equal(confirmed.confirmPayout.__typename, 'NotAllowedInStateError');
      const payout = await api.until(id, 'CANCELLED');
      assert.deepEqual([payout.moneyMoved, payout.pendingAction, payout.actions], ['NO', null, []]);
      assert.ok(!kindsOf(payout).includes('CONFIRM'));
    });
  });

  describe('amendPayout', () => {
    it('replaces what is given, leaves the rest, and shows both', async () => {
      const { id } = await createReviewed('100.42');
      const before = await api.merchant.get(PayoutPartiesDocument, { id });
      const originator = { ...before.payout?.originator, lastName: 'Amended' };
      const input = { payoutId: id, purpose: 'Family support', relationship: 'Sibling', originator };
      const { amendPayout } = await api.merchant.get(AmendPayoutDocument, { input });
      assert.ok(amendPayout.__typename === 'AmendPayoutSuccess', JSON.stringify(amendPayout));
      await api.world.pass(10_000);
      const payout = await api.payout(id);
      assert.ok(kindsOf(payout).includes('AMEND'));
      assert.deepEqual(
        [payout.purpose, payout.relationship, payout.sourceOfFunds, payout.pendingAction],
        ['Family support', 'Sibling', 'Employment income', null],
      );
      const { payout: after } = await api.merchant.get(PayoutPartiesDocument, { id });
      assert.equal(after?.originator?.lastName, 'Amended');
      assert.deepEqual(after?.destination, before.payout?.destination);
    });

    it('is refused with the reason where the provider would not take it, and nothing is stored', async () => {
      const { id } = await createReviewed('100.42');
      await assertNothingStored(async () => {
        const input = { payoutId: id, purpose: 'Gambling' };
        const { amendPayout } = await api.merchant.get(AmendPayoutDocument, { input });
        assert.ok(amendPayout.__typename === 'UnsupportedError', JSON.stringify(amendPayout));
        assert.match(amendPayout.reasons[0]?.reason ?? '', /purpose/);
      });
    });
  });

  describe('documents', () => {
    const attach = (id: string, changes: object = {}) => ({
      input: { payoutId: id, type: 'proforma_invoice', fileName: 'invoice.pdf', contentBase64: PDF, ...changes },
    });

    it('of the wrong kind are refused before anything is stored', async () => {
      const { id } = await createFrom(api.merchant, bankInputOf('100.60'));
      await api.until(id, 'AWAITING_DOCUMENTS');
      await assertNothingStored(async () => {
        for (const content of ['MZ an executable', '<html></html>', '']) {
          const given = attach(id, { contentBase64: Buffer.from(content).toString('base64') });
          const { attachDocument } = await api.merchant.get(AttachDocumentDocument, given);
          assert.ok(attachDocument.__typename === 'InvalidInputError', content);
          assert.deepEqual(attachDocument.issues[0]?.path, ['contentBase64']);
        }
      });
    });

    it('go to the provider as often as there are some, and are over once they are complete', async () => {
      const { id } = await createFrom(api.merchant, bankInputOf('100.60'));
      const waiting = await api.until(id, 'AWAITING_DOCUMENTS');
      assert.ok(waiting.actions.includes('ATTACH_DOCUMENT') && waiting.actions.includes('COMPLETE_DOCUMENTS'));
      for (const fileName of ['invoice.pdf', 'order.pdf']) {
        const { attachDocument } = await api.merchant.get(AttachDocumentDocument, attach(id, { fileName }));
        assert.ok(attachDocument.__typename === 'AttachDocumentSuccess', JSON.stringify(attachDocument));
        assert.ok(await allowed(id, 'ATTACH_DOCUMENT'));
      }
      const { completeDocuments } = await api.merchant.get(CompleteDocumentsDocument, { payoutId: id });
      assert.ok(completeDocuments.__typename === 'CompleteDocumentsSuccess', JSON.stringify(completeDocuments));
      const payout = await api.until(id, 'COMPLETED');
      assert.deepEqual(kindsOf(payout), [
        'SUBMIT',
        'ATTACH_DOCUMENT',
        'ATTACH_DOCUMENT',
        'COMPLETE_DOCUMENTS',
        'CONFIRM',
      ]);
      const late = await api.merchant.get(AttachDocumentDocument, attach(id));
      assert.equal(late.attachDocument.__typename, 'NotAllowedInStateError');
    });
  });

  describe('what a provider lacks', () => {
    it('is UNSUPPORTED with the reason, and nothing is stored', async () => {
      const { id } = await create(api.merchant, '10.83', { provider: 'OXAPAY' });
      await api.until(id, 'PROCESSING');
      await assertNothingStored(async () => {
        const { confirmPayout } = await api.merchant.get(ConfirmPayoutDocument, { payoutId: id });
        const { cancelPayout } = await api.merchant.get(CancelPayoutDocument, { id });
        const { amendPayout } = await api.merchant.get(AmendPayoutDocument, { input: { payoutId: id, purpose: 'x' } });
        const { completeDocuments } = await api.merchant.get(CompleteDocumentsDocument, { payoutId: id });
        for (const answer of [confirmPayout, cancelPayout, amendPayout, completeDocuments]) {
          assert.ok(answer.__typename === 'UnsupportedError', JSON.stringify(answer));
          assert.equal(answer.reasons[0]?.provider, 'OXAPAY');
          assert.ok((answer.reasons[0]?.reason.length ?? 0) > 10);
          assert.equal(answer.moneyMoved, (await api.payout(id)).moneyMoved);
        }
      });
      assert.deepEqual((await api.payout(id)).actions, []);
    });

    it('is UNSUPPORTED of a payout to a bank, and nobody’s data is stored', async () => {
      const input = bankInputOf('100', { provider: 'IO2328' });
      await assertNothingStored(async () => {
        const { createPayout } = await api.merchant.get(CreatePayoutDocument, { input });
        assert.ok(createPayout.__typename === 'UnsupportedError', JSON.stringify(createPayout));
      });
    });

    it('is said of what it misses, by name and never by value', async () => {
      const whole = bankInputOf('100');
      const beneficiary = { ...whole.destination.bank?.beneficiary, idNumber: null };
      const accountNumber = whole.destination.bank?.accountNumber ?? '';
      const input = { ...whole, destination: { bank: { accountNumber, beneficiary } } };
      const { createPayout } = await api.merchant.get(CreatePayoutDocument, { input });
      assert.ok(createPayout.__typename === 'UnsupportedError', JSON.stringify(createPayout));
      assert.match(createPayout.message, /idNumber/);
      assert.ok(!createPayout.message.includes(accountNumber));
    });
  });

  describe('erasePayout', () => {
    const note = 'asked to forget';
    const erase = (id: string, client = api.operator) =>
      client.ask(ErasePayoutDocument, { input: { payoutId: id, note }, merchantId: api.merchant.merchantId });

    it('forgets whose payout it was, and keeps its history and its reference', async () => {
      const input = bankInputOf('100');
      const { id } = await createFrom(api.merchant, input);
      const payout = await api.until(id, 'COMPLETED');
      const { payout: shown } = await api.merchant.get(PayoutPartiesDocument, { id });
      assert.ok(shown?.destination.__typename === 'BankDestination' && shown.originator);
      assert.equal(shown.destination.accountNumber, input.destination.bank?.accountNumber);
      assert.equal(shown.destination.beneficiary?.name, input.destination.bank?.beneficiary.name);

      assert.partialDeepStrictEqual(await erase(id), { data: { erasePayout: { __typename: 'ErasePayoutSuccess' } } });

      const { payout: erased } = await api.merchant.get(PayoutPartiesDocument, { id });
      assert.ok(erased?.destination.__typename === 'BankDestination');
      const lastFour = input.destination.bank?.accountNumber.slice(-4);
      assert.deepEqual(
        [erased.originator, erased.destination.beneficiary, erased.destination.accountNumber],
        [null, null, `••••${lastFour}`],
      );
      const now = await api.payout(id);
      assert.deepEqual(
        [now.state, now.attempts, now.transactionHash],
        [payout.state, payout.attempts, payout.transactionHash],
      );
      const { payout: history } = await api.merchant.get(EventsOfPayoutDocument, { id, first: 100 });
      const events = history?.events.edges.map(({ node }) => node) ?? [];
      assert.equal(events.length, payout.sequence + 1);
      assert.deepEqual(
        [events.at(-1)?.source, events.at(-1)?.actor, events.at(-1)?.note],
        ['OPERATOR', api.operator.keyId, note],
      );
      const { createPayout } = await api.merchant.get(CreatePayoutDocument, { input });
      assert.ok(createPayout.__typename === 'CreatePayoutSuccess' && createPayout.replayed);
      const other = await api.merchant.get(CreatePayoutDocument, {
        input: { ...input, originator: { lastName: 'Other' } },
      });
      assert.equal(other.createPayout.__typename, 'ReferenceConflictError');
    });

    it('is not allowed of a payout that is not over', async () => {
      const { id } = await createHeld();
      assert.partialDeepStrictEqual(await erase(id), {
        data: { erasePayout: { __typename: 'NotAllowedInStateError', payout: { id, state: 'AWAITING_CONFIRMATION' } } },
      });
      const { payout } = await api.merchant.get(PayoutPartiesDocument, { id });
      assert.ok(payout?.originator);
    });

    it('is for operators alone', async () => {
      const { id } = await create(api.merchant, '10');
      await api.until(id, 'COMPLETED');
      for (const client of [api.merchant, await api.caller(null, ['payouts:read'])]) {
        assert.equal((await erase(id, client)).errors?.[0]?.extensions.code, 'FORBIDDEN');
      }
    });
  });

  it('tell nothing of whose payout it is, in no event and in no error', async () => {
    const input = bankInputOf('100.81');
    const { id } = await createFrom(api.merchant, input);
    await api.until(id, 'FAILED');
    const known = { merchantId: api.merchant.merchantId, id: id as PayoutId };
    const shown = { ...(await api.payout(id)), destination: null };
    const told = JSON.stringify([shown, await api.world.events(known), await api.world.payout(known)]);
    const { beneficiary, accountNumber = '' } = input.destination.bank ?? {};
    for (const secret of [accountNumber, beneficiary?.name, beneficiary?.idNumber, input.originator?.idNumber]) {
      assert.ok(secret && !told.includes(secret));
    }
  });

  it('are refused to a key that may only read', async () => {
    const reader = await api.caller(api.merchant.merchantId, ['payouts:read']);
    const { id } = await create(api.merchant, '10');
    for (const asked of [
      reader.ask(ConfirmPayoutDocument, { payoutId: id }),
      reader.ask(CancelPayoutDocument, { id }),
      reader.ask(AmendPayoutDocument, { input: { payoutId: id, purpose: 'Salary' } }),
      reader.ask(AttachDocumentDocument, {
        input: { payoutId: id, type: 'other', fileName: 'a.pdf', contentBase64: PDF },
      }),
      reader.ask(CompleteDocumentsDocument, { payoutId: id }),
      reader.ask(CreatePayoutDocument, { input: inputOf('10') }),
    ]) {
      assert.equal((await asked).errors?.[0]?.extensions.code, 'FORBIDDEN');
    }
  });
});
