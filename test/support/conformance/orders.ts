import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { Amendment, Order as PayoutOrder, SupportingDocument } from '../../../src/domain/payout.ts';
import type {
  AttemptRef,
  BatchItem,
  Call,
  Provider,
  ReferenceKind,
  SendOutcome,
} from '../../../src/domain/provider.ts';
import type { Order, OrderState } from '../../../src/sandbox.ts';
import type { Stage } from './stage.ts';

// A provider's own methods, called without the product around them.

/** Without a bound on when it may begin. */
export function call(): Call {
  return { sendBy: null, signal: new AbortController().signal };
}

/** A create that is ready to be sent, under an order number that nobody else has. */
export async function draw(stage: Stage, provider: Provider, decimals: string): Promise<BatchItem> {
  const { order, parties } = stage.kit.side.sample(stage.amount(decimals));
  const orderNumber = `kit${randomBytes(12).toString('hex')}`;
  const prepared = await provider.prepare(stage.account, order, parties, orderNumber, call());
  assert.ok(prepared.kind === 'body', `the sample cannot be prepared: ${JSON.stringify(prepared)}`);
  const { body } = prepared;
  const firstSentAt = stage.world.clock.now();
  const storedBody = async () => body;
  const attempt = { account: stage.account, orderNumber, providerReference: null, order, firstSentAt, storedBody };
  return { attempt, body };
}

/** A create that was sent and accepted: what names it from then on, and the stand-in's order. */
export async function place(stage: Stage, provider: Provider, decimals: string) {
  const { attempt, body } = await draw(stage, provider, decimals);
  const outcome = await provider.submit(attempt, body, call());
  assert.equal(outcome.kind, 'accepted', `a create in good order is not accepted: ${JSON.stringify(outcome)}`);
  const order = numbered(stage, attempt)[0];
  assert.ok(order, 'a create was accepted, and the stand-in has no order under its number');
  const ref: AttemptRef = { ...attempt, providerReference: order.providerReference };
  return { ref, body, order, outcome };
}

/** The stand-in's orders under the number of an attempt, oldest first. */
export function numbered(stage: Stage, { orderNumber }: AttemptRef): readonly Order[] {
  return stage.sandbox.books().filter((order) => order.mark === orderNumber);
}

/** Moves the clock until the stand-in's order is in one of the states. */
export async function untilStands(stage: Stage, ref: AttemptRef, states: readonly OrderState[]): Promise<Order> {
  for (let turns = 0; turns < 200; turns += 1) {
    await stage.world.rest();
    const order = numbered(stage, ref)[0];
    if (order && states.includes(order.state)) return order;
    await stage.world.clock.advance(100);
  }
  return assert.fail(`the stand-in's order never comes to ${states.join(' or ')}`);
}

/** What was asked of an order has been done. */
export function assertAccepted(what: string, outcome: SendOutcome | undefined): void {
  assert.equal(outcome?.kind, 'accepted', `${what} is not accepted: ${JSON.stringify(outcome)}`);
}

/** A document of a kind that the provider takes; it can be told from everything else that is said. */
export async function drawDocument(stage: Stage): Promise<SupportingDocument> {
  const type = await wordOf(stage, 'DOCUMENT_TYPES', 0);
  const content = Buffer.from(`%PDF-1.4 of the conformance kit ${randomBytes(8).toString('hex')}`);
  stage.kit.notebook.keepSecret(content.toString('base64'));
  return { type: type ?? 'ID_CARD', fileName: 'proof.pdf', content, note: null };
}

/** A change of the sample's order that the provider's own lists allow. */
export async function drawAmendment(stage: Stage, order: PayoutOrder): Promise<Amendment> {
  const other = async (kind: 'PURPOSES' | 'RELATIONSHIPS' | 'SOURCES_OF_FUNDS', now: string | null) => {
    const words = [await wordOf(stage, kind, 0), await wordOf(stage, kind, 1)];
    return now === null ? null : (words.find((word) => word !== null && word !== now) ?? now);
  };
  return {
    originator: null,
    beneficiary: null,
    purpose: await other('PURPOSES', order.purpose),
    relationship: await other('RELATIONSHIPS', order.relationship),
    sourceOfFunds: await other('SOURCES_OF_FUNDS', order.sourceOfFunds),
  };
}

async function wordOf({ provider, account }: Stage, kind: ReferenceKind, at: number): Promise<string | null> {
  if (!provider.referenceKinds.includes(kind)) return null;
  const list = await provider.reference?.(account, kind, call());
  return list?.kind === 'known' ? (list.value[at]?.value ?? null) : null;
}
