import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CsvError, type CsvRecord, formatCsvRow, readCsv } from '../src/csv.ts';

async function* cut(text: string, size: number): AsyncGenerator<string> {
  for (let at = 0; at < text.length; at += size) yield text.slice(at, at + size);
}

async function read(text: string, size = text.length || 1): Promise<CsvRecord[]> {
  const records: CsvRecord[] = [];
  for await (const record of readCsv(cut(text, size))) records.push(record);
  return records;
}

const fieldsOf = (records: readonly CsvRecord[]) => records.map(({ fields }) => fields);

describe('a CSV file', () => {
  const whole = '\ufeffa,b,"c ""d"", e"\r\n1,,"two\nlines"\n\n"",x,é𝄞\r\r\n"last\r\n",,';
  const records = [
    { line: 1, fields: ['a', 'b', 'c "d", e'] },
    { line: 2, fields: ['1', '', 'two\nlines'] },
    { line: 5, fields: ['', 'x', 'é𝄞'] },
    { line: 7, fields: ['last\r\n', '', ''] },
  ];

  it('is read as records with the lines that they begin on, wherever its pieces are cut', async () => {
    for (let size = 1; size <= whole.length; size += 1)
      assert.deepEqual(await read(whole, size), records, `by ${size}`);
  });

  it('may end with or without a line break, and be empty', async () => {
    for (const text of ['a,b', 'a,b\n', 'a,b\r\n', 'a,b\r']) assert.deepEqual(fieldsOf(await read(text)), [['a', 'b']]);
    for (const text of ['', '\ufeff', '\n', '\r\n\r\n']) assert.deepEqual(await read(text), []);
  });

  it('has a line that is one empty field in quotes, which an empty line is not', async () => {
    assert.deepEqual(await read('""\n\n""'), [
      { line: 1, fields: [''] },
      { line: 3, fields: [''] },
    ]);
  });

  for (const [text, line, message] of [
    ['a\nb,c"d\n', 2, /a quote stands in a field that does not begin with one/],
    ['a\n"b"c\n', 2, /something follows a closing quote/],
    ['a\n\n"b\n\nc', 3, /a quote is left open/],
    [`a\n"${'x'.repeat(1024 * 1024)}`, 2, /more than 1048576 characters/],
  ] as const) {
    it(`is refused with its line where ${message.source}`, async () => {
      await assert.rejects(read(text, 1000), (error) => {
        assert.ok(error instanceof CsvError);
        assert.equal(error.line, line);
        assert.match(error.message, message);
        return true;
      });
    });
  }

  it('gives every record before the one that it is refused for', async () => {
    const seen: CsvRecord[] = [];
    await assert.rejects(async () => {
      for await (const record of readCsv(cut('a\nb\nc"', 2))) seen.push(record);
    }, CsvError);
    assert.deepEqual(fieldsOf(seen), [['a'], ['b']]);
  });
});

describe('a row', () => {
  it('is read again as it was written, whatever is in its fields', async () => {
    const rows = [
      ['plain', '', ' kept ', '=1+1'],
      ['a,b', 'say "x"', 'two\r\nlines', '\ufeff'],
      [''],
      ['"', '""', '\n', ',', '\r'],
    ];
    // A line with nothing in it is no record: a lone empty field is written in quotes.
    assert.deepEqual(fieldsOf(await read(rows.map(formatCsvRow).join(''))), rows);
  });

  it('has quotes only where they must be, and ends in CRLF', () => {
    assert.equal(formatCsvRow(['a', 'b c', 'd,e', 'f"g', '']), 'a,b c,"d,e","f""g",\r\n');
  });
});
