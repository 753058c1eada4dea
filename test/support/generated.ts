import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generate } from '@graphql-codegen/cli';
import config from '../../codegen.ts';
import { PROVIDERS_PAGE, withAbilityTable } from './ability-table.ts';

// Generates everything anew, beside the tree, and compares: exit 1 names the files that `npm run generate` would change.
const dir = mkdtempSync(join(tmpdir(), 'outflow-generated-'));
try {
  const schema = join(dir, 'schema.graphql');
  // In a process of its own: codegen must not meet the schema's copy of graphql.
  execFileSync(process.execPath, ['src/graphql/print.ts', schema], { stdio: ['ignore', 'ignore', 'inherit'] });
  const files: { filename: string; content: string }[] = await generate({ ...config, schema, silent: true }, false);
  const page = await withAbilityTable(readFileSync(PROVIDERS_PAGE, 'utf8'));
  const fresh = [
    { filename: 'schema.graphql', content: readFileSync(schema, 'utf8') },
    { filename: PROVIDERS_PAGE, content: page },
    ...files,
  ];
  const stale = fresh.filter(({ filename, content }) => content !== read(filename)).map(({ filename }) => filename);
  if (stale.length > 0) {
    console.error(`Not as generated: ${stale.join(', ')}. Run npm run generate and commit what it writes.`);
    process.exitCode = 1;
  }
} finally {
  rmSync(dir, { recursive: true });
}

/** A file's text; null when it is not there. */
function read(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}
