import { createHash } from 'node:crypto';
import { MongoClient } from 'mongodb';
import type { MongoServer } from './mongodb.ts';
import type { CopyableStore } from './older-store.ts';

/** Opens stores on a server, each copied collection by collection, as a dump of the database is. */
export function copyableOn(server: MongoServer): (dataDir: string) => Promise<CopyableStore> {
  return async (dataDir) => {
    const url = server.url(`older-${createHash('sha256').update(dataDir).digest('hex').slice(0, 12)}`);
    const client = new MongoClient(url);
    const db = client.db();
    return {
      env: { MONGODB_URL: url },
      async snapshot() {
        const names = (await db.listCollections({}, { nameOnly: true }).toArray()).map(({ name }) => name);
        const copies = await Promise.all(
          names.map(async (name) => [name, await db.collection(name).find({}).toArray()] as const),
        );
        return async () => {
          for (const { name } of await db.listCollections({}, { nameOnly: true }).toArray()) {
            await db.collection(name).deleteMany({});
          }
          for (const [name, documents] of copies) {
            if (documents.length > 0) await db.collection(name).insertMany([...documents]);
          }
        };
      },
      async close() {
        await db.dropDatabase();
        await client.close();
      },
    };
  };
}
