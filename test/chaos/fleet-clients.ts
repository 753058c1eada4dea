import { setTimeout as delay } from 'node:timers/promises';
import { createClient as createSocketClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import type { PayoutEventId } from '../../src/domain/payout.ts';
import { readEventId } from '../../src/identity.ts';
import {
  AttachDocumentDocument,
  CompleteDocumentsDocument,
  CreatePayoutDocument,
  type CreatePayoutMutation,
  type TypedDocumentString,
} from '../operations/generated/graphql.ts';
import { sampleInputOf } from '../support/api.ts';
import type { Result, WireError } from '../support/client.ts';
import type { PlannedOrder } from './fleet-plan.ts';

/** Who asks: a merchant's key, and the servers that it may ask. */
export interface Access {
  readonly secret: string;
  /** e.g. `http://127.0.0.1:4000`; any of them will do. */
  readonly urls: readonly string[];
  /** Aborted when everybody goes home. */
  readonly signal: AbortSignal;
}

/** What clients went through, all together. */
export interface Tally {
  /** Requests of `createPayout` that were sent. */
  requests: number;
  /** Those of them that got no answer, or the answer that it may be tried again. */
  retries: number;
  /** Answers that a payout of the reference was there before. */
  replays: number;
  events: number;
  /** Events that a subscriber was told again after it had come back. */
  repeats: number;
  /** Events that it was told twice by one connection. */
  again: number;
  connections: number;
  readonly faults: string[];
}

/** Real: a client that has waited so long asks again. */
const PATIENCE_MS = 5000;
/** Real: between its tries. */
const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 2000;

const anyOf = <T>(from: readonly T[]): T => from[Math.floor(Math.random() * from.length)] as T;

/** One request; null where no answer of GraphQL's own comes of it. */
export async function ask<Data, V>(
  { secret, urls }: Access,
  document: TypedDocumentString<Data, V>,
  variables: NoInfer<V>,
): Promise<Result<Data> | null> {
  try {
    const response = await fetch(`${anyOf(urls)}/graphql`, {
      method: 'POST',
      headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
      body: JSON.stringify({ query: String(document), variables }),
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    return (await response.json()) as Result<Data>;
  } catch {
    return null;
  }
}

/** Asks for a payout, again and again under the same reference, until it is told that there is one; null: it was refused, or is time to go. */
export async function insist(access: Access, order: PlannedOrder, tally: Tally): Promise<string | null> {
  const where = order.routed ? { provider: null, failover: true } : {};
  const input = sampleInputOf(order.slug, order.amount, { reference: order.reference, ...where });
  for (let waitMs = FIRST_WAIT_MS; !access.signal.aborted; waitMs = Math.min(2 * waitMs, LONGEST_WAIT_MS)) {
    tally.requests += 1;
    const result = await ask(access, CreatePayoutDocument, { input });
    const told: CreatePayoutMutation['createPayout'] | undefined = result?.data?.createPayout;
    if (told?.__typename === 'CreatePayoutSuccess') {
      if (told.replayed) tally.replays += 1;
      return told.payout.id;
    }
    const refusals = told === undefined ? (result?.errors ?? []).map((one) => one.extensions) : [told];
    const final = refusals.find((one) => !one.retryable);
    if (final !== undefined) {
      tally.faults.push(`${order.reference} is refused for good: ${JSON.stringify(final)}`);
      return null;
    }
    tally.retries += 1;
    await delay(waitMs * (0.5 + Math.random()));
  }
  return null;
}

/** What a merchant's people do where a provider wants documents; whoever calls looks later whether it helped. */
export async function handDocuments(access: Access, payoutId: string): Promise<void> {
  const contentBase64 = Buffer.from('%PDF-1.7 a chaotic invoice').toString('base64');
  const document = { payoutId, type: 'other', fileName: 'invoice.pdf', contentBase64 };
  await ask(access, AttachDocumentDocument, { input: document });
  await ask(access, CompleteDocumentsDocument, { payoutId });
}

/** A listener that comes back, wherever there is a server, with the cursor of the last event that it heard. */
export interface Subscriber {
  readonly name: string;
  /** The newest sequence heard of each payout. */
  readonly heard: ReadonlyMap<string, number>;
}

/** Nothing but the log: a payout that came with each event would be read once more for each subscriber. */
const WATCH = 'subscription ($after: String) { payoutEvents(after: $after) { id cursor } }';

interface Told {
  readonly payoutEvents: { readonly id: PayoutEventId; readonly cursor: string };
}

/** Listens after `start` until everybody goes home. It goes away by itself every few seconds, and cuts the connection without a word. */
export function subscribe(name: string, access: Access, start: string, tally: Tally): Subscriber {
  const heard = new Map<string, number>();
  const { signal } = access;
  let cursor = start;
  let leave: () => void = () => undefined;

  function hear({ id, cursor: next }: Told['payoutEvents'], now: Map<string, number>): void {
    const event = readEventId(id);
    if (event === null) return void tally.faults.push(`${name}: ${id} is no event`);
    const { payoutId, sequence } = event;
    const last = heard.get(payoutId) ?? 0;
    if (sequence > last + 1) tally.faults.push(`${name}: ${payoutId} jumps from ${last} to ${sequence}`);
    if (sequence <= (now.get(payoutId) ?? 0)) tally.again += 1;
    now.set(payoutId, sequence);
    tally.events += 1;
    if (sequence <= last) tally.repeats += 1;
    else heard.set(payoutId, sequence);
    cursor = next;
  }

  /** What may be tried again is no fault. */
  function complain(errors: unknown): void {
    const told = Array.isArray(errors) ? (errors as readonly WireError[]) : [];
    const final = told.find((one) => !one.extensions?.retryable);
    if (final) tally.faults.push(`${name}: ${final.message}`);
  }

  async function listen(): Promise<void> {
    const connectionParams = { authorization: `Bearer ${access.secret}` };
    const url = `${anyOf(access.urls).replace('http', 'ws')}/graphql`;
    class Line extends WebSocket {
      constructor(address: string, protocols?: string | string[]) {
        super(address, protocols);
        // One that is ended before it was open fails, which nobody else hears.
        this.on('error', () => undefined);
        leave = () => this.terminate();
      }
    }
    const client = createSocketClient({
      ...{ url, connectionParams, webSocketImpl: Line, retryAttempts: 0 },
      connectionAckWaitTimeout: PATIENCE_MS,
    });
    const timer = setTimeout(() => leave(), 1000 + Math.random() * 8000);
    const now = new Map<string, number>();
    tally.connections += 1;
    try {
      for await (const { data, errors } of client.iterate<Told>({ query: WATCH, variables: { after: cursor } })) {
        if (signal.aborted) return;
        if (!data) return complain(errors);
        hear(data.payoutEvents, now);
      }
    } catch (error) {
      // The server went away, which is no error of GraphQL's; or it said that it cannot.
      complain(error);
    } finally {
      clearTimeout(timer);
      leave();
    }
  }

  async function live(): Promise<void> {
    while (!signal.aborted) {
      await listen();
      await delay(50 + Math.random() * 300);
    }
  }
  signal.addEventListener('abort', () => leave(), { once: true });
  void live();
  return { name, heard };
}
