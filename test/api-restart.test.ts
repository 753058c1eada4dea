import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  PayoutDocument,
  PayoutEventsDocument,
  type ProviderId,
  WatchEventsDocument,
  type WatchEventsSubscription,
} from './operations/generated/graphql.ts';
import { create } from './support/api.ts';
import { type Client, createClient, type Listener, TRANSPORTS, type Transport } from './support/client.ts';
import { openPlace, type Place, type Program } from './support/program.ts';

type Heard = WatchEventsSubscription['payoutEvents'];

/** A consumer that remembers the last cursor that it was given, and comes back with it. */
class Consumer {
  readonly transport: Transport;
  /** All that it ever heard, in order. */
  readonly heard: Heard[] = [];
  #cursor: string;
  #listener: Listener<WatchEventsSubscription> | null = null;
  constructor(transport: Transport, cursor: string) {
    this.transport = transport;
    this.#cursor = cursor;
  }
  async connect(client: Client): Promise<void> {
    this.#listener = await client.listen(this.transport, WatchEventsDocument, { after: this.#cursor });
  }
  /** Reads on until all of these payouts were heard of in the state. */
  async until(ids: readonly string[], state: string): Promise<void> {
    const isThere = (id: string) => this.heard.some((event) => event.payout.id === id && event.state === state);
    while (!ids.every(isThere)) {
      const [data] = (await this.#listener?.take(1)) ?? [];
      assert.ok(data);
      this.heard.push(data.payoutEvents);
      this.#cursor = data.payoutEvents.cursor;
    }
  }
  /** Reads what still comes, which it forgets, until the connection breaks. */
  async lose(): Promise<string | null> {
    await this.#listener?.rest();
    return this.#listener?.ending() ?? null;
  }
  close(): void {
    this.#listener?.close();
  }
}

async function serve(place: Place): Promise<{ readonly program: Program; readonly client: Client }> {
  const program = place.outflow(['serve']);
  const [, secret = ''] = await program.until(/Demo API key +(outflow_\S+)/);
  await program.until(/"msg":"serving"/);
  return { program, client: createClient(`http://127.0.0.1:${place.env.PORT}`, secret) };
}

async function createMany(client: Client, count: number): Promise<string[]> {
  const providers: readonly ProviderId[] = ['IO2328', 'OXAPAY'];
  const creating = Array.from({ length: count }, (_, at) =>
    create(client, '10', { provider: providers[at % 2] ?? null }),
  );
  return (await Promise.all(creating)).map((payout) => payout.id);
}

test('a consumer that comes back with its last cursor misses nothing, though the server was killed in the middle', {
  timeout: 60_000,
}, async (t) => {
  const place = await openPlace(t);
  const first = await serve(place);
  const { payoutEvents: start } = await first.client.get(PayoutEventsDocument, {});
  const consumers = TRANSPORTS.map((transport) => new Consumer(transport, start.cursor));
  for (const consumer of consumers) await consumer.connect(first.client);

  const finished = await createMany(first.client, 4);
  for (const consumer of consumers) await consumer.until(finished, 'COMPLETED');
  const underWay = await createMany(first.client, 8);
  // One has read everything up to the kill, and the other is far behind when it comes.
  const [current, behind] = consumers;
  await behind?.until(underWay.slice(0, 1), 'QUEUED');
  await current?.until(underWay, 'PROCESSING');
  first.program.signal('SIGKILL');
  assert.equal(await first.program.ended, null);
  assert.deepEqual(await Promise.all(consumers.map((consumer) => consumer.lose())), ['closed 1006', 'cut']);

  const second = await serve(place);
  for (const consumer of consumers) await consumer.connect(second.client);
  const later = await createMany(second.client, 4);
  const all = [...finished, ...underWay, ...later];
  for (const consumer of consumers) {
    await consumer.until(all, 'COMPLETED');
    consumer.close();
  }

  for (const id of all) {
    const { payout } = await second.client.get(PayoutDocument, { id });
    assert.ok(payout);
    assert.equal(payout.state, 'COMPLETED');
    assert.deepEqual(
      payout.attempts.flatMap((attempt) => attempt.sends.map((send) => `${attempt.number} ${send.outcome}`)),
      ['1 ACCEPTED'],
    );
    for (const { transport, heard } of consumers) {
      const events = heard.filter((event) => event.payout.id === id);
      // What came twice is told by its sequence alone, and is the same event.
      const news = events.filter((event, at) => events.slice(0, at).every((one) => one.sequence < event.sequence));
      assert.deepEqual(
        news.map((event) => event.sequence),
        Array.from({ length: payout.sequence }, (_, at) => at + 1),
        `${transport} ${id}`,
      );
      assert.equal(new Set(events.map((event) => event.id)).size, payout.sequence);
    }
  }
  second.program.signal('SIGTERM');
  assert.equal(await second.program.ended, 0);
});
