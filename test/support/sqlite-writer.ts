import { randomBytes } from 'node:crypto';
import { writeSync } from 'node:fs';
import { openSqlite } from '../../src/storage/sqlite.ts';
import { nextStep, sampleEvent, samplePayout } from './payouts.ts';

// A process that writes until it is killed: `node sqlite-writer.ts <path>`. A line of standard output, `<reference>
// <version>`, is a write that the store acknowledged; it is written at once, so that no kill can hold it back.
const store = await openSqlite({
  path: process.argv[2] ?? '',
  environment: 'SANDBOX',
  now: () => new Date(),
  random: randomBytes,
  exclusive: true,
});

async function writeForEver(writer: number): Promise<never> {
  for (let round = 0; ; round += 1) {
    let payout = samplePayout({ reference: `${writer}-${round}` });
    await store.insert(payout, sampleEvent(payout));
    writeSync(1, `${payout.reference} 1\n`);
    for (let version = 2; version <= 4; version += 1) {
      payout = nextStep(payout, { state: 'PROCESSING' });
      await store.commit(payout, sampleEvent(payout));
      writeSync(1, `${payout.reference} ${version}\n`);
    }
  }
}

await Promise.all(Array.from({ length: 16 }, (_, writer) => writeForEver(writer)));
