import { readFileSync, writeFileSync } from 'node:fs';
import { abilitiesOf, PROVIDER_ABILITIES } from '../../src/domain/provider.ts';
import { definitions } from '../../src/providers/index.ts';
import { sides } from '../../src/providers/sandboxes.ts';
import { openUnconnected } from './conformance/stage.ts';

/** Where the table stands, between its two marks. */
export const PROVIDERS_PAGE = 'docs/providers.md';
const MARKS = ['<!-- abilities -->', '<!-- /abilities -->'] as const;

/** Which provider has which ability, as Markdown: what each one is once it was opened with the stand-in's credentials. */
export async function abilityTable(): Promise<string> {
  const columns: { readonly name: string; readonly abilities: readonly string[] }[] = [];
  for (const definition of definitions) {
    const side = sides.find(({ slug }) => slug === definition.slug);
    if (side === undefined) throw new Error(`nobody plays ${definition.slug}`);
    const provider = openUnconnected({ definition, side });
    columns.push({ name: provider.name, abilities: abilitiesOf(provider) });
    await provider.close();
  }
  const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [
    row(['ability', ...columns.map(({ name }) => name)]),
    row(['---', ...columns.map(() => ':---:')]),
    ...PROVIDER_ABILITIES.map((ability) =>
      row([`\`${ability}\``, ...columns.map(({ abilities }) => (abilities.includes(ability) ? 'yes' : '–'))]),
    ),
  ].join('\n');
}

/** The page with the table as it now is. Throws where its marks are missing. */
export async function withAbilityTable(page: string): Promise<string> {
  const [start, end] = MARKS.map((mark) => page.indexOf(mark));
  if (start === undefined || end === undefined || start < 0 || end < start) {
    throw new Error(`${PROVIDERS_PAGE} has no place for its table: ${MARKS.join(' … ')}`);
  }
  return `${page.slice(0, start)}${MARKS[0]}\n${await abilityTable()}\n${page.slice(end)}`;
}

if (import.meta.main) {
  writeFileSync(PROVIDERS_PAGE, await withAbilityTable(readFileSync(PROVIDERS_PAGE, 'utf8')));
}
