import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { BSON, Collection, type Document, MongoClient, MongoNetworkError } from 'mongodb';
import { StartupError } from '../src/domain/errors.ts';
import type { MerchantId } from '../src/domain/merchant.ts';
import type { Payout, PayoutId } from '../src/domain/payout.ts';
import type { ProviderId } from '../src/domain/provider.ts';
import type { EventFilter, Position, Ring, Store } from '../src/domain/store.ts';
import { INDEXES, SCHEMA_VERSION } from '../src/storage/mongo/schema.ts';
import { type MongoOptions, openMongo } from '../src/storage/mongo/store.ts';
import { type MongoServer, mongodb } from './support/mongodb.ts';
import {
  afterNoon,
  NOON,
  nextStep,
  nextVersion,
  sampleAttempt,
  sampleBatch,
  sampleEvent,
  samplePayout,
} from './support/payouts.ts';
import { openProxy } from './support/proxy.ts';
import { describeStore } from './support/store-contract.ts';

const MERCHANT = 'me_sample' as MerchantId;
const ALPHA = 'ALPHA' as ProviderId;
/** The planner of this one passes over indexes that it has: what the code asks is looked at in its place. */
const WITHOUT_PLANS = 'secantusd-py';
/** What wraps a command. */
const server = await mongodb();
if (server !== null) {
  const commands = recordCommands();
  describeStore('MongoDB', async () => {
    const url = server.url(`contract-${randomBytes(6).toString('hex')}`);
    let open = await openMongo(optionsFor(`${url}?monitorCommands=true`));
    return {
      store: open,
      async reopen(environment = 'SANDBOX') {
        await open.close();
        open = await openMongo(optionsFor(url, { environment }));
        return open;
      },
      async close() {
        await open.close();
        await drop(url);
      },
    };
  });
  describePlans(server, commands);
  describeOpening((name) => server.url(name));
  describeLog(() => server.url(`log-${randomBytes(6).toString('hex')}`));
  describeProcesses(() => server.url(`many-${randomBytes(6).toString('hex')}`));
}

function optionsFor(url: string, changes: Partial<MongoOptions> = {}): MongoOptions {
  return { url, environment: 'SANDBOX', now: () => NOON, random: randomBytes, maxSkewMs: null, ...changes };
}

async function drop(url: string): Promise<void> {
  await withClient(url, (client) => client.db().dropDatabase());
}

async function withClient<T>(url: string, work: (client: MongoClient) => Promise<T>): Promise<T> {
  const client = new MongoClient(url);
  try {
    return await work(client);
  } finally {
    await client.close();
  }
}

function refusal(pattern: RegExp): (error: unknown) => true {
  return (error) => {
    assert.ok(error instanceof StartupError, String(error));
    assert.match(error.message, pattern);
    assert.doesNotMatch(error.message, /\n/);
    return true;
  };
}

// --- plans --------------------------------------------------------------------------------------------------------------

/** Every command of clients that are asked to tell theirs (`monitorCommands`), one of each shape. */
function recordCommands(): Map<string, Document> {
  const seen = new Map<string, Document>();
  const { connect } = MongoClient.prototype;
  MongoClient.prototype.connect = function (this: MongoClient) {
    this.on('commandStarted', ({ command, commandName }) => {
      if (!['find', 'aggregate', 'update', 'delete'].includes(commandName)) return;
      const shape = JSON.stringify([commandName, command[commandName], shapeOf(command)]);
      if (!seen.has(shape)) seen.set(shape, command);
    });
    return connect.call(this);
  };
  return seen;
}

const ENVELOPE = new Set(['lsid', '$db', '$clusterTime', 'txnNumber', 'readConcern', 'writeConcern', 'maxTimeMS']);

/** A command's keys without its values. */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.slice(0, 1).map(shapeOf);
  if (value === null || typeof value !== 'object' || value instanceof Date || '_bsontype' in value) return typeof value;
  return Object.entries(value)
    .filter(([key]) => !ENVELOPE.has(key))
    .map(([key, inner]) => [key, key === '$literal' ? null : shapeOf(inner)]);
}

function describePlans({ url: urlOf, kind }: MongoServer, commands: ReadonlyMap<string, Document>): void {
  const url = urlOf('plans');
  describe('MongoDB, every query that the contract makes,', () => {
    it('searches by what an index begins with', () => {
      assert.ok(commands.size > 20, `only ${commands.size} kinds of command were seen`);
      for (const command of commands.values()) {
        const [name = '', collection] = Object.entries(command)[0] ?? [];
        if (isBeside(command) || command.hint === '_id_') continue;
        const firsts = ['_id', ...Object.values(indexesOf(String(collection))).map(({ keys }) => Object.keys(keys)[0])];
        for (const filter of filtersOf(name, command)) {
          assert.ok(
            firsts.some((field) => field !== undefined && field in filter),
            JSON.stringify([name, filter]),
          );
        }
      }
    });

    const skip = kind === WITHOUT_PLANS ? `${kind} plans without its indexes` : false;
    it('goes by an index, and reads no collection from end to end', { skip }, async () => {
      const store = await openMongo(optionsFor(url));
      const payouts = Array.from({ length: 50 }, () => samplePayout());
      for (const payout of payouts) await store.insert(payout, sampleEvent(payout));
      await store.close();
      await withClient(url, async (client) => {
        for (const command of commands.values()) {
          const [name = ''] = Object.keys(command);
          if (isBeside(command)) continue;
          const bare = Object.fromEntries(Object.entries(command).filter(([key]) => !ENVELOPE.has(key)));
          for (const single of statementsOf(name, bare)) {
            const plan = JSON.stringify(await client.db().command({ explain: single, verbosity: 'queryPlanner' }));
            assert.doesNotMatch(plan, /COLLSCAN/, JSON.stringify(single));
            assert.match(plan, /IXSCAN|IDHACK|EXPRESS|EOF/, JSON.stringify(single));
          }
        }
      });
      await drop(url);
    });

    it('finds each index where the code says that it is', async () => {
      const store = await openMongo(optionsFor(url));
      await withClient(url, async (client) => {
        for (const [collection, indexes] of Object.entries(INDEXES)) {
          if (Object.keys(indexes).length === 0) continue;
          const there = await client.db().collection(collection).indexes();
          const names = there.map(({ name }) => name).filter((name) => name !== '_id_');
          assert.deepEqual(names.sort(), Object.keys(indexes).sort());
        }
      });
      await store.close();
      await drop(url);
    });
  });
}

/** The stamp is one document, and a change stream reads the oplog. */
function isBeside(command: Document): boolean {
  const isStream = Array.isArray(command.pipeline) && command.pipeline.some((stage) => '$changeStream' in stage);
  return isStream || Object.values(command)[0] === 'meta';
}

function indexesOf(collection: string): Readonly<Record<string, { readonly keys: object }>> {
  return Object.hasOwn(INDEXES, collection) ? INDEXES[collection as keyof typeof INDEXES] : {};
}

/** What a command searches by: all of its filters at their highest level. */
function filtersOf(name: string, command: Document): readonly Document[] {
  if (name === 'find') return [command.filter ?? {}];
  if (name === 'aggregate') return [command.pipeline[0]?.$match ?? {}];
  return statementsOf(name, command).map((single) => (single.updates ?? single.deletes)[0].q);
}

/** An explained update or delete has one statement. */
function statementsOf(name: string, command: Document): Document[] {
  const list = name === 'update' ? 'updates' : name === 'delete' ? 'deletes' : null;
  if (list === null) return [command];
  const statements: readonly Document[] = command[list];
  return statements.map((statement) => ({ [name]: command[name], [list]: [statement] }));
}

// --- opening ------------------------------------------------------------------------------------------------------------

function describeOpening(urlOf: (name: string) => string): void {
  describe('MongoDB, when it is opened,', () => {
    it('makes one set of everything, however many processes start on an empty database at once', async () => {
      const url = urlOf('together');
      const stores = await Promise.all(Array.from({ length: 8 }, () => openMongo(optionsFor(url))));
      const secrets = new Set(stores.map((store) => store.secret.toString('hex')));
      assert.equal(secrets.size, 1);
      const [first] = stores;
      const position = await first?.head(MERCHANT);
      for (const store of stores) assert.equal(store.knows(position ?? ''), true);
      for (const store of stores) await store.close();
      await withClient(url, async (client) => {
        assert.equal(await client.db().collection('meta').countDocuments({}), 1);
      });
      await drop(url);
    });

    it("refuses a newer program's store, another program's database, and another environment", async () => {
      const url = urlOf('refused');
      await (await openMongo(optionsFor(url))).close();
      await assert.rejects(openMongo(optionsFor(url, { environment: 'LIVE' })), refusal(/SANDBOX.*LIVE/));
      await withClient(url, async (client) => {
        await client
          .db()
          .collection('meta')
          .updateOne({}, { $set: { schema: 99 } });
      });
      await assert.rejects(openMongo(optionsFor(url)), refusal(/schema 99/));
      await withClient(url, async (client) => {
        await client.db().collection('meta').deleteMany({});
        await client.db().collection('payouts').insertOne({ total: 1 });
      });
      await assert.rejects(openMongo(optionsFor(url)), refusal(/another program/));
      await drop(url);
    });

    it('takes up an older store with what it lacks, and from then on no older program opens it', async () => {
      const url = urlOf('older');
      const older = await openMongo(optionsFor(url));
      const payout = samplePayout({ attempts: [sampleAttempt(), sampleAttempt({ number: 2 })], generation: 2 });
      await older.insert(payout, sampleEvent(payout));
      await older.close();
      await withClient(url, async (client) => {
        const db = client.db();
        for (const name of ['batches', 'bulletins']) await db.collection(name).drop();
        for (const name of ['batch', 'parked']) await db.collection('payouts').dropIndex(name);
        const words = ['route', 'failover', 'heldPrice', 'batch', 'parked', 'attempts.0.doubted', 'attempts.1.doubted'];
        const lacking = Object.fromEntries(words.map((word) => [word, '']));
        await db.collection('payouts').updateOne({}, { $set: { schema: 3 }, $unset: lacking });
        await db.collection('meta').updateOne({}, { $set: { schema: 1 } });
      });
      const store = await openMongo(optionsFor(url));
      assert.deepEqual(await store.byReference(MERCHANT, payout.reference), payout);
      const batch = await store.insertBatch(sampleBatch());
      const fresh = samplePayout({ batch: batch.id });
      await store.insert(fresh, sampleEvent(fresh));
      const counts = await store.batchCounts(MERCHANT, batch.id);
      assert.deepEqual(counts, [{ state: 'QUEUED', parked: false, count: 1 }]);
      await store.close();
      await withClient(url, async (client) => {
        assert.equal((await client.db().collection('meta').findOne({}))?.schema, SCHEMA_VERSION);
      });
      await drop(url);
    });

    it('refuses a server that is too old, one that is alone, and one that is not there, and shows no password', async () => {
      const old = await openFakeServer({ maxWireVersion: 8, setName: 'rs0' });
      const alone = await openFakeServer({ maxWireVersion: 21 });
      const url = (port: number): string => `mongodb://someone:hunter2@127.0.0.1:${port}/outflow`;
      const silent = (pattern: RegExp) => (error: unknown) => {
        refusal(pattern)(error);
        assert.doesNotMatch(String(error), /hunter2|someone/);
        return true;
      };
      await assert.rejects(openMongo(optionsFor(`mongodb://127.0.0.1:${old.port}/`)), silent(/4\.4|older/));
      await assert.rejects(openMongo(optionsFor(`mongodb://127.0.0.1:${alone.port}/`)), silent(/replica set/));
      for (const { close } of [old, alone]) close();
      await assert.rejects(openMongo(optionsFor(url(old.port))), silent(/cannot be used/));
    });

    it('refuses to write while its clock is too far from the database, says so, and reads all the same', async () => {
      const url = urlOf('skewed');
      const told: string[] = [];
      let off = 4000;
      const now = (): Date => new Date(Date.now() + off);
      const store = await openMongo(optionsFor(url, { now, maxSkewMs: 5000, onTrouble: (line) => told.push(line) }));
      const insert = async (): Promise<Payout> => {
        const payout = samplePayout();
        await store.insert(payout, sampleEvent(payout));
        return payout;
      };
      const payout = await insert();
      for (off of [6500, -6500]) {
        await assert.rejects(insert(), /clock of this machine/);
        await assert.rejects(store.commit(nextVersion(payout), null), /clock of this machine/);
        await assert.rejects(store.ping(), /clock of this machine/);
        await assert.rejects(store.insertBatch(sampleBatch()), /clock of this machine/);
        await assert.rejects(store.commitBatch(sampleBatch({ version: 2 })), /clock of this machine/);
        await assert.rejects(store.post({ process: 'one', at: NOON, text: '' }), /clock of this machine/);
        const request = { providers: new Map([[ALPHA, 1]]), states: ['QUEUED'], leaseMs: 1, owner: 'one' } as const;
        await assert.rejects(store.lease({ ...request, now: now() }), /clock of this machine/);
        assert.deepEqual(await store.byReference(MERCHANT, payout.reference), payout);
      }
      assert.equal(told.length, 1);
      off = -4000;
      await insert();
      await store.close();
      off = 6500;
      await assert.rejects(openMongo(optionsFor(url, { now, maxSkewMs: 5000 })), refusal(/6\.\d s ahead/));
      await drop(url);
    });
  });
}

/** A server that answers every command with what a MongoDB server says of itself. */
async function openFakeServer(hello: Document): Promise<{ readonly port: number; close(): void }> {
  const sockets = new Set<Socket>();
  const fake = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('data', (data) => {
      const own = { ...hello, ok: 1, isWritablePrimary: true, helloOk: true, minWireVersion: 0, localTime: new Date() };
      const body = BSON.serialize({
        ...own,
        hosts: [`127.0.0.1:${port}`],
        me: `127.0.0.1:${port}`,
        maxBsonObjectSize: 1,
      });
      const asked = data.readInt32LE(4);
      const isMessage = data.readInt32LE(12) === 2013;
      const prefix = Buffer.alloc(isMessage ? 5 : 20);
      if (!isMessage) prefix.writeInt32LE(1, 16);
      const header = Buffer.alloc(16);
      header.writeInt32LE(16 + prefix.length + body.length, 0);
      header.writeInt32LE(asked, 8);
      header.writeInt32LE(isMessage ? 2013 : 1, 12);
      socket.write(Buffer.concat([header, prefix, body]));
    });
  }).listen(0, '127.0.0.1');
  await once(fake, 'listening');
  const address = fake.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    port,
    close() {
      fake.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

// --- the log ------------------------------------------------------------------------------------------------------------

function describeLog(urlOf: () => string): void {
  describe('MongoDB, its log,', () => {
    let url: string;
    let store: Store;
    let client: MongoClient;
    beforeEach(async () => {
      url = urlOf();
      store = await openMongo(optionsFor(url));
      client = new MongoClient(url);
    });
    afterEach(async () => {
      await store.close();
      await client.db().dropDatabase();
      await client.close();
    });

    async function insert(changes: Partial<Payout> = {}): Promise<Payout> {
      const payout = samplePayout(changes);
      await store.insert(payout, sampleEvent(payout));
      return payout;
    }

    async function step(payout: Payout, changes: Partial<Payout> = {}): Promise<Payout> {
      const after = nextStep(payout, changes);
      assert.equal(await store.commit(after, sampleEvent(after)), 'committed');
      return after;
    }

    /** Moves what a payout logged into the past, as if it had been written then. */
    async function backdate(payout: Pick<Payout, 'id'>, ms: number): Promise<void> {
      const at = new Date(Date.now() - ms);
      const events = { $map: { input: '$events', as: 'one', in: { $mergeObjects: ['$$one', { loggedAt: at }] } } };
      const stored = client.db().collection<{ _id: PayoutId }>('payouts');
      const { matchedCount } = await stored.updateOne({ _id: payout.id }, [{ $set: { lastEventAt: at, events } }]);
      assert.equal(matchedCount, 1);
    }

    interface Reading {
      readonly names: string[];
      readonly position: Position;
      readonly pages: number;
    }

    /** Everything after a position in the order that it came, as payout and sequence, and where the log ended. */
    async function read(after: Position | null, limit = 100, filter: Partial<EventFilter> = {}): Promise<Reading> {
      const names: string[] = [];
      for (let position = after, pages = 1; ; pages += 1) {
        const page = await store.events(position, { merchantId: MERCHANT, ...filter }, limit);
        names.push(...page.events.map(({ event }) => `${event.payoutId}/${event.sequence}`));
        position = page.position;
        if (!page.more) return { names, position, pages };
        assert.ok(pages < 1000, 'the log has no end');
      }
    }

    const nameOf = ({ id, sequence }: Payout): string => `${id}/${sequence}`;

    it('gives a quiet log to its end, and nothing of it again from there, however often it is asked', async () => {
      const payouts = await Promise.all(Array.from({ length: 10 }, () => insert()));
      const first = await read(null, 3);
      assert.deepEqual(new Set(first.names), new Set(payouts.map(nameOf)));
      assert.equal(first.names.length, 10);
      let { position } = first;
      for (let round = 0; round < 3; round += 1) {
        const again = await read(position, 3);
        assert.deepEqual(again.names, []);
        position = again.position;
      }
      const later = await step(payouts[0] ?? assert.fail());
      assert.deepEqual((await read(position)).names, [nameOf(later)]);
    });

    it('gives what becomes visible 14 seconds after its stamp to whoever has read past it', async () => {
      await insert();
      const { position } = await read(null);
      const late = await insert();
      await backdate(late, 14_000);
      const names: string[] = [];
      for (let from = position, round = 0; round < 60 && names.length === 0; round += 1) {
        const reading = await read(from);
        names.push(...reading.names);
        from = reading.position;
        if (names.length === 0) await new Promise((resolve) => setTimeout(resolve, 100));
      }
      assert.deepEqual(names, [nameOf(late)]);
    });

    it('gives it at once to whoever comes anew to a place that others have read on from, also in the middle', async () => {
      for (const payout of await Promise.all(Array.from({ length: 6 }, () => insert()))) await step(payout);
      const middle = await store.events(null, { merchantId: MERCHANT }, 5);
      assert.equal(middle.more, true);
      const { position } = await read(middle.position);
      const late = await insert();
      await backdate(late, 10_000);
      for (const place of [middle.position, position, middle.events[2]?.position ?? assert.fail()]) {
        const { names } = await read(store.anew(place));
        assert.ok(names.includes(nameOf(late)));
      }
    });

    it('passes over nothing where a reading is taken up again long after it began', async () => {
      const [first, second] = [await insert(), await insert()];
      // What was reached lies far beyond what was sure to be visible when the reading began.
      for (const [at, payout] of [first, second].entries()) await backdate(payout, -20_000 - at);
      const { events, position, more } = await store.events(null, { merchantId: MERCHANT }, 1);
      assert.deepEqual([events.length, more], [1, true]);
      const between = await insert();
      assert.ok((await read(store.anew(position))).names.includes(nameOf(between)));
    });

    it('leaves out what the caller has, and gives what it has not', async () => {
      const [one, two] = [await step(await insert()), await insert()];
      const known = new Map([[one.id, 1]]);
      const { events } = await store.events(null, { merchantId: MERCHANT }, 100, known);
      assert.deepEqual(
        new Set(events.map(({ event }) => `${event.payoutId}/${event.sequence}`)),
        new Set([nameOf(one), nameOf(two)]),
      );
    });

    it('gives every one of many payouts with one stamp, on pages smaller than they are many', async () => {
      const payouts = await Promise.all(Array.from({ length: 40 }, () => insert()));
      const at = new Date(Date.now() - 3000);
      const same = { $map: { input: '$events', as: 'one', in: { $mergeObjects: ['$$one', { loggedAt: at }] } } };
      await client
        .db()
        .collection('payouts')
        .updateMany({}, [{ $set: { lastEventAt: at, events: same } }]);
      for (const limit of [1, 3, 7, 39, 40, 41]) {
        const { names } = await read(null, limit);
        assert.deepEqual(new Set(names), new Set(payouts.map(nameOf)), `pages of ${limit}`);
      }
    });

    it('comes to an end on pages smaller than the overlap, with more in it than a place remembers', async () => {
      const payouts = await Promise.all(Array.from({ length: 60 }, () => insert()));
      const { position } = await read(null, 5);
      const again = await read(position, 5);
      assert.ok(again.pages <= 60 / 5 + 2, `${again.pages} pages`);
      const moved = await Promise.all(payouts.slice(0, 30).map((payout) => step(payout)));
      const after = new Set((await read(again.position, 5)).names);
      for (const payout of moved) assert.ok(after.has(nameOf(payout)));
    });

    it('misses nothing of documents that move while they are read, and keeps each in order', async () => {
      let payouts = await Promise.all(Array.from({ length: 12 }, () => insert()));
      const names: string[] = [];
      let position: Position | null = null;
      for (let round = 0; round < 12; round += 1) {
        const page = await store.events(position, { merchantId: MERCHANT }, 4);
        names.push(...page.events.map(({ event }) => `${event.payoutId}/${event.sequence}`));
        position = page.position;
        payouts = await Promise.all(payouts.map((payout, at) => (at % 3 === round % 3 ? step(payout) : payout)));
      }
      names.push(...(await read(position, 4)).names);
      for (const { id, sequence } of payouts) {
        const first = [...new Set(names.filter((name) => name.startsWith(`${id}/`)))];
        const all = Array.from({ length: sequence }, (_, at) => `${id}/${at + 1}`);
        assert.deepEqual(first, all);
      }
    });

    it('filters events and not documents: what passes is found behind and before what does not', async () => {
      const one = await step(await step(await insert(), { state: 'SUBMITTING' }), { state: 'PROCESSING' });
      const two = await step(await insert(), { state: 'SUBMITTING' });
      const wanted = { states: ['SUBMITTING'] } as const;
      const { names, position } = await read(null, 2, wanted);
      assert.deepEqual(new Set(names), new Set([`${one.id}/2`, `${two.id}/2`]));
      const three = await step(await insert({ provider: 'BETA' as ProviderId }), { state: 'SUBMITTING' });
      assert.deepEqual((await read(position, 1, wanted)).names, [nameOf(three)]);
      assert.deepEqual((await read(null, 1, { providers: ['BETA' as ProviderId] })).names.length, 2);
      assert.deepEqual((await read(null, 1, { payoutIds: [two.id, 'po_absent' as PayoutId] })).names.length, 2);
    });

    it('goes on from a place of a year ago with everything since, and nothing from before', async () => {
      const YEAR = 365 * 86_400_000;
      const old = await Promise.all(Array.from({ length: 5 }, () => insert()));
      for (const payout of old) await backdate(payout, YEAR + 60_000);
      const last = await insert();
      await backdate(last, YEAR);
      const { events } = await store.events(null, { merchantId: MERCHANT }, 100);
      const place = events.find(({ event }) => event.payoutId === last.id)?.position ?? assert.fail();
      const newer = await Promise.all(Array.from({ length: 5 }, () => insert()));
      for (const [at, payout] of newer.entries()) await backdate(payout, YEAR / 2 - at);
      const stirred = await step(old[0] ?? assert.fail());
      const names = new Set((await read(place, 3)).names);
      for (const payout of [...newer, stirred]) assert.ok(names.has(nameOf(payout)), 'something is missed');
      assert.ok(!names.has(nameOf(last)) && !names.has(nameOf(old[1] ?? assert.fail())), 'something comes again');
    });

    it('stamps events by the database, each later than the one before it in its payout', async () => {
      let payout = await insert({ updatedAt: afterNoon(1e9) });
      const ahead = new Date(Date.now() + 60_000);
      await client
        .db()
        .collection('payouts')
        .updateMany({}, { $set: { lastEventAt: ahead } });
      payout = await step(payout);
      const stored = await client.db().collection('payouts').findOne({});
      assert.deepEqual(stored?.lastEventAt, new Date(ahead.getTime() + 1));
      assert.deepEqual(stored?.events.at(-1).loggedAt, stored?.lastEventAt);
      assert.ok(Math.abs(stored?.events[0].loggedAt.getTime() - Date.now()) < 60_000);
    });
  });
}

// --- many processes -----------------------------------------------------------------------------------------------------

function describeProcesses(urlOf: () => string): void {
  describe('MongoDB, with many processes,', () => {
    let url: string;
    let opened: Store[];
    beforeEach(() => {
      url = urlOf();
      opened = [];
    });
    afterEach(async () => {
      for (const store of opened) await store.close();
      await drop(url);
    });

    async function open(changes: Partial<MongoOptions> = {}): Promise<Store> {
      const store = await openMongo(optionsFor(changes.url ?? url, changes));
      opened.push(store);
      return store;
    }

    async function insert(store: Store, changes: Partial<Payout> = {}): Promise<Payout> {
      const payout = samplePayout(changes);
      await store.insert(payout, sampleEvent(payout));
      return payout;
    }

    it('tells one process what another wrote, whose it is, and whether it is due', async () => {
      const [here, there] = [await open(), await open()];
      const stop = new AbortController();
      const rings = here.watch(stop.signal)[Symbol.asyncIterator]();
      const ringOf = async (merchantId: MerchantId): Promise<Ring> => {
        for (;;) {
          const { value } = await rings.next();
          if (value?.merchantId === merchantId) return value;
        }
      };
      // The stream says when it is there.
      await rings.next();
      const payout = await insert(there);
      assert.deepEqual(await ringOf(MERCHANT), { merchantId: MERCHANT, due: true });
      const stranger = await insert(there, { merchantId: 'me_other' as MerchantId, nextCheckAt: afterNoon(1) });
      assert.deepEqual(await ringOf(stranger.merchantId), { merchantId: stranger.merchantId, due: false });
      const after = nextStep(payout, { nextCheckAt: null });
      await there.commit(after, sampleEvent(after));
      assert.deepEqual(await ringOf(MERCHANT), { merchantId: MERCHANT, due: false });
      stop.abort();
    });

    it('hands each of many due payouts to one of many workers, who do not stand in one line for them', async () => {
      const stores = await Promise.all(Array.from({ length: 6 }, () => open()));
      const [first = assert.fail()] = stores;
      const payouts = await Promise.all(Array.from({ length: 240 }, () => insert(first)));
      const got: string[] = [];
      await Promise.all(
        stores.map(async (store, at) => {
          for (let quiet = 0; quiet < 3; ) {
            const request = { providers: new Map([[ALPHA, 8]]), states: ['QUEUED'], leaseMs: 30_000 } as const;
            const leased = await store.lease({ ...request, now: NOON, owner: `worker-${at}` });
            for (const { id, lease } of leased) {
              assert.equal(lease?.owner, `worker-${at}`);
              got.push(id);
            }
            quiet = leased.length === 0 ? quiet + 1 : 0;
          }
        }),
      );
      assert.equal(got.length, payouts.length);
      assert.equal(new Set(got).size, payouts.length);
    });

    it('commits each version once, and says so, while connections are cut in the middle of it', async () => {
      await open();
      const { hostname, port } = new URL(url.replace('mongodb:', 'http:'));
      const proxy = await openProxy({ to: { host: hostname, port: Number(port) } });
      const through = url.replace(`${hostname}:${port}`, `127.0.0.1:${proxy.port}`);
      const store = await open({ url: `${through}?directConnection=true` });
      const writers = Array.from({ length: 8 }, async (_, writer) => {
        let payout = await insert(store);
        for (let round = 0; round < 15; round += 1) {
          const after = nextStep(payout, { quietChecks: writer });
          // Nobody else writes it: whatever was lost on the way, it is this write that made the version.
          assert.equal(await store.commit(after, sampleEvent(after)), 'committed');
          payout = after;
        }
        return payout;
      });
      // Not so often that a slow server never comes to answer.
      const cutting = setInterval(() => proxy.cut(), server?.kind === WITHOUT_PLANS ? 1000 : 150);
      const payouts = await Promise.all(writers).finally(() => {
        clearInterval(cutting);
        return proxy.close();
      });
      const [direct = assert.fail()] = opened;
      for (const payout of payouts) {
        assert.deepEqual(await direct.byReference(MERCHANT, payout.reference), payout);
        const range = { after: 0, before: 1000, limit: 1000, last: false };
        const events = await direct.payoutEvents(MERCHANT, payout.id, range);
        assert.deepEqual(
          events.map(({ event }) => event.sequence),
          Array.from({ length: 16 }, (_, at) => at + 1),
        );
      }
    });

    it('says committed where its answer was lost and another has built on it, and inserted likewise', async () => {
      const [store, other] = [await open(), await open()];
      const { updateOne } = Collection.prototype;
      let meanwhile: (() => Promise<unknown>) | null = null;
      Collection.prototype.updateOne = async function (this: Collection, ...asked: Parameters<typeof updateOne>) {
        const answer = await updateOne.apply(this, asked);
        const next = meanwhile;
        meanwhile = null;
        if (next === null) return answer;
        await next();
        throw new MongoNetworkError('cut');
      } as typeof updateOne;
      try {
        const payout = samplePayout();
        meanwhile = () => other.commit(nextVersion(payout), null);
        assert.equal((await store.insert(payout, sampleEvent(payout))).replayed, false);
        const third = nextStep(nextVersion(payout));
        meanwhile = () => other.commit(nextVersion(third), null);
        assert.equal(await store.commit(third, sampleEvent(third)), 'committed');
        assert.deepEqual(await store.byReference(MERCHANT, payout.reference), nextVersion(third));
      } finally {
        Collection.prototype.updateOne = updateOne;
      }
    });

    it('says of a batch what became of it where its answer was lost', async () => {
      const store = await open();
      const { insertOne, updateOne } = Collection.prototype;
      let lost = 0;
      const losing = <T extends unknown[], R>(method: (this: Collection, ...asked: T) => Promise<R>) =>
        async function (this: Collection, ...asked: T): Promise<R> {
          const answer = await method.apply(this, asked);
          if (lost === 0) return answer;
          lost -= 1;
          throw new MongoNetworkError('cut');
        };
      Object.assign(Collection.prototype, { insertOne: losing(insertOne), updateOne: losing(updateOne) });
      try {
        const batch = sampleBatch();
        lost = 1;
        assert.deepEqual(await store.insertBatch(batch), batch);
        lost = 1;
        assert.equal(await store.commitBatch({ ...batch, version: 2, wish: 'PAUSED' }), 'committed');
        assert.equal(lost, 0);
        assert.equal(await store.commitBatch({ ...batch, version: 2, wish: 'CANCELLED' }), 'stale');
        assert.equal((await store.batch(MERCHANT, batch.id))?.wish, 'PAUSED');
      } finally {
        Object.assign(Collection.prototype, { insertOne, updateOne });
      }
    });

    it('leases nothing in a process that was there before the store was put back', async () => {
      const [before, operator] = [await open(), await open()];
      await insert(before);
      await operator.restore();
      const request = { providers: new Map([[ALPHA, 1]]), states: ['QUEUED'], leaseMs: 1, owner: 'one' } as const;
      await assert.rejects(before.lease({ ...request, now: NOON }), /put back by another process/);
      await assert.rejects(before.ping(), /put back/);
      const after = await open();
      assert.equal((await after.lease({ ...request, now: NOON })).length, 1);
    });

    it('reads what a lost change stream did not tell of: a timer says when', async () => {
      const here = await open({ changeStream: false });
      const there = await open();
      const head = await here.head(MERCHANT);
      const payout = await insert(there);
      const { events } = await here.events(head, { merchantId: MERCHANT }, 10);
      assert.deepEqual(
        events.map(({ event }) => event.payoutId),
        [payout.id],
      );
    });
  });
}
