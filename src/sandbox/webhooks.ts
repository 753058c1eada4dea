import { type IncomingMessage, request } from 'node:http';
import { request as requestTls } from 'node:https';
import { describeError, toBase32 } from '../runtime.ts';
import type { SandboxSide } from '../sandbox.ts';
import type { Letter, Order, Webhook } from './books.ts';
import { faultOf } from './faults.ts';
import { inBackground, type Tools, untilDue } from './work.ts';

const LATE_MS = 5 * 60_000;
const POST_TIMEOUT_MS = 10_000;
const MAX_REPLY_BYTES = 64 * 1024;

/** Signs webhooks and posts them, as often as their provider would. */
export class Postman {
  readonly #tools: Tools;
  /** Credentials like those of an account, and of none, for what is forged. By provider. */
  readonly #strangers = new Map<string, Readonly<Record<string, string>>>();

  constructor(tools: Tools) {
    this.#tools = tools;
  }

  /** Takes up again, after a restart, what is still to be posted. */
  resume(sides: ReadonlyMap<string, SandboxSide>): void {
    for (const webhook of [...this.#tools.books.webhooks.values()]) {
      const side = sides.get(webhook.provider);
      if (side !== undefined) inBackground(this.#tools, this.deliver(side, webhook));
    }
  }

  /** What tells of the order as it is shown, to be written into the books first; null: nobody is told. */
  draft(side: SandboxSide, order: Order): Webhook | null {
    const { books, clock, ids } = this.#tools;
    const { webhooks: manner } = faultOf(order.amount);
    const url = order.callbackUrl ?? (side.callback === 'account' ? books.callbacks.get(side.slug) : undefined);
    if (url === undefined || manner === 'NEVER') return null;
    const waitMs = (side.webhookWaitsMs[0] ?? 0) + (manner === 'LATE' ? LATE_MS : 0);
    const dueAt = new Date(clock.now().getTime() + waitMs);
    return { id: toBase32(ids.bytes(10)), provider: side.slug, url, order, attempts: 0, dueAt };
  }

  /** Posts a webhook when it is due, and again on the provider's schedule. Resolves after the first of these attempts. */
  async deliver(side: SandboxSide, webhook: Webhook): Promise<void> {
    const { work, clock, books, signal } = this.#tools;
    if (!(await untilDue(this.#tools, webhook.dueAt))) return;
    await work.during(async () => {
      let received = false;
      for (const letter of this.#write(side, webhook.order)) received = await this.#post(side, webhook.url, letter);
      // Cut off by the end of the sandbox: the next start posts it again.
      if (signal.aborted && !received) return;
      const waitMs = side.webhookWaitsMs[webhook.attempts + 1];
      if (received || waitMs === undefined) return books.write({ kind: 'webhookOver', id: webhook.id });
      const dueAt = new Date(clock.now().getTime() + waitMs);
      const next = { ...webhook, attempts: webhook.attempts + 1, dueAt };
      books.write({ kind: 'webhook', webhook: next });
      inBackground(this.#tools, this.deliver(side, next));
    });
  }

  /** Posted one after the other; the answer to the last one counts. */
  #write(side: SandboxSide, order: Order): readonly Letter[] {
    const { books, clock } = this.#tools;
    const now = clock.now();
    const letter = side.writeWebhook(order, books.credentials.get(side.slug) ?? {}, now);
    switch (faultOf(order.amount).webhooks) {
      case 'TWICE':
        return [letter, letter];
      case 'FORGED_FIRST':
        return [side.writeWebhook({ ...order, state: 'FAILED' }, this.#strangerTo(side), now), letter];
      default:
        return [letter];
    }
  }

  #strangerTo(side: SandboxSide): Readonly<Record<string, string>> {
    const known = this.#strangers.get(side.slug);
    if (known !== undefined) return known;
    const made = side.makeCredentials((size) => this.#tools.ids.bytes(size));
    this.#strangers.set(side.slug, made);
    return made;
  }

  /** True: the receiver acknowledged it in the provider's way. */
  async #post(side: SandboxSide, url: string, { headers, body }: Letter): Promise<boolean> {
    const { signal, log } = this.#tools;
    try {
      const reply = await post(url, headers, body, signal);
      return side.isAcknowledged(reply.status, reply.body);
    } catch (error) {
      log.debug({ provider: side.slug, cause: describeError(error) }, 'a webhook found no receiver');
      return false;
    }
  }
}

/** One POST, no redirects. Rejects when no complete answer came within ten seconds of silence. */
async function post(
  url: string,
  headers: Readonly<Record<string, string>>,
  body: string,
  signal: AbortSignal,
): Promise<{ status: number; body: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const send = url.startsWith('https:') ? requestTls : request;
  const length = String(Buffer.byteLength(body));
  const outgoing = send(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'content-length': length, ...headers },
    // A connection for each: one that was kept could be gone when it is used next.
    agent: false,
    signal,
    timeout: POST_TIMEOUT_MS,
  });
  outgoing.on('response', resolve).on('error', reject);
  outgoing.on('timeout', () => outgoing.destroy(new Error('the receiver is silent')));
  outgoing.end(body);
  const response = await promise;
  let text = '';
  response.setEncoding('utf8');
  for await (const chunk of response) {
    text += chunk;
    if (text.length > MAX_REPLY_BYTES) break;
  }
  return { status: response.statusCode ?? 0, body: text };
}
