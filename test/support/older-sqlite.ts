import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { CopyableStore } from './older-store.ts';

/** The embedded store, copied as docs/operations.md says. */
export async function openCopyableSqlite(dataDir: string): Promise<CopyableStore> {
  const path = join(dataDir, 'outflow.db');
  let copies = 0;
  return {
    env: {},
    async snapshot() {
      copies += 1;
      const copy = join(dataDir, `copy-${copies}.db`);
      backUp(path, copy);
      return async () => {
        for (const left of ['', '-wal', '-shm']) await rm(`${path}${left}`, { force: true });
        backUp(copy, path);
      };
    },
    close: async () => undefined,
  };
}

function backUp(from: string, to: string): void {
  const db = new DatabaseSync(from);
  db.prepare('VACUUM INTO ?').run(to);
  db.close();
}
