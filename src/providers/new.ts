import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { InvalidArgumentError } from '../domain/errors.ts';
import type { ProviderDefinition } from './define.ts';

// `npm run provider:new -- <id>`: no part of the program, which loads nothing of this file or of `template/`.

const folder = import.meta.dirname;
const LINE_WIDTH = 120;

/** What cannot name an import: the language's own words, and the names that the two lists have already. */
const RESERVED = new Set(
  'arguments await break case catch class const continue debugger default definitions delete do else enum eval export extends false finally for function if implements import in instanceof interface let new null package private protected public return sides static super switch this throw true try typeof var void while with yield'.split(
    ' ',
  ),
);

/** The folder's name of a new provider. Throws InvalidArgumentError for one that cannot be used. */
function parseId(words: readonly string[]): string {
  const refuse = (message: string) => new InvalidArgumentError([{ path: ['id'], message }]);
  const [id = ''] = words;
  if (words.length !== 1) throw refuse('say one, as in npm run provider:new -- acme');
  if (!/^[a-z][a-z0-9]{1,31}$/.test(id)) {
    throw refuse('is 2 to 32 lower-case letters and digits, and begins with a letter');
  }
  if (RESERVED.has(id)) throw refuse(`${id} has a meaning of its own in TypeScript, or in the lists of providers`);
  if (existsSync(join(folder, id))) throw refuse(`${id} is taken: src/providers/${id} is there already`);
  return id;
}

/** A file that lists every provider: what it imports of each, from where in its folder, and the list's declaration. */
interface List {
  readonly file: string;
  readonly member: string;
  readonly source: string;
}
const LISTS: readonly List[] = [
  { file: 'index.ts', member: 'definition', source: 'index.ts' },
  { file: 'sandboxes.ts', member: 'sandbox', source: 'sandbox.ts' },
];

const bySource = new Intl.Collator('en', { numeric: true });

/** The list's text with the provider at its end, and its import in order; once only. */
function addTo({ member, source }: List, text: string, id: string): string {
  const added = `import { ${member} as ${id} } from './${id}/${source}';`;
  const isImport = (line: string): boolean => line.startsWith('import ');
  const sourceOf = (line: string): string => /from '([^']+)'/.exec(line)?.[1] ?? '';
  const lines = text.split('\n');
  const imports = [...new Set([...lines.filter(isImport), added])];
  imports.sort((a, b) => bySource.compare(sourceOf(a), sourceOf(b)));
  const rest = lines.filter((line) => !isImport(line)).join('\n');
  const list = rest.replace(/^(export const .* = )\[([^\]]*)\];$/m, (_, head: string, members: string) => {
    const ids = new Set(members.split(',').flatMap((one) => one.trim() || []));
    ids.add(id);
    const line = `${head}[${[...ids].join(', ')}];`;
    return line.length <= LINE_WIDTH ? line : `${head}[\n${[...ids].map((one) => `  ${one},\n`).join('')}];`;
  });
  return `${imports.join('\n')}\n${list}`;
}

/** Writes the folder and names it in the lists; all that can fail is done before the first of them is seen. */
function writeProvider(id: string): void {
  const names = { __slug__: id, __SLUG__: id.toUpperCase(), __Name__: `${id.charAt(0).toUpperCase()}${id.slice(1)}` };
  const draft = mkdtempSync(join(folder, `.${id}-`));
  try {
    const template = join(folder, 'template');
    mkdirSync(join(draft, id));
    for (const file of readdirSync(template)) {
      let text = readFileSync(join(template, file), 'utf8');
      for (const [mark, name] of Object.entries(names)) text = text.replaceAll(mark, name);
      writeFileSync(join(draft, id, file.replace(/\.txt$/, '')), text);
    }
    for (const list of LISTS) {
      writeFileSync(join(draft, list.file), addTo(list, readFileSync(join(folder, list.file), 'utf8'), id));
    }
    renameSync(join(draft, id), join(folder, id));
    for (const { file } of LISTS) renameSync(join(draft, file), join(folder, file));
  } finally {
    rmSync(draft, { recursive: true });
  }
}

/** What is left to do, by the new provider's own list. */
async function printNext(id: string): Promise<void> {
  const { definition }: { definition: ProviderDefinition } = await import(`./${id}/index.ts`);
  const envNames = Object.values(definition.settings).map((setting) => setting.env);
  console.log(`src/providers/${id} is written, and takes no payout until this is filled in:

${definition.unfinished?.map((line) => `  - ${line}`).join('\n')}

Take a line out of \`unfinished\` in src/providers/${id}/index.ts once it is true. What is left is told by its conformance:

  node --test --test-name-pattern ${definition.name} test/conformance.test.ts

Then:

  - test/${id}.test.ts: every worked example of its pages, held by wire.ts
  - .env.example and docs/configuration.md: ${envNames.join(', ')}
  - npm run generate, for schema.graphql and what is made of it

src/providers/README.md leads through it.`);
}

try {
  const id = parseId(process.argv.slice(2));
  writeProvider(id);
  await printNext(id);
} catch (error) {
  if (!(error instanceof InvalidArgumentError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
