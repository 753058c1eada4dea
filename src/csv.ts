/** A record of a CSV file. */
export interface CsvRecord {
  /** The line that it begins on, from 1; a field in quotes may go over several. */
  readonly line: number;
  readonly fields: readonly string[];
}

/** A file that is not CSV from some line on. */
export class CsvError extends Error {
  override readonly name = 'CsvError';
  /** From 1. */
  readonly line: number;
  constructor(line: number, message: string) {
    super(message);
    this.line = line;
  }
}

/** A longer record is no record: a quote was left open. In characters. */
const LONGEST_RECORD = 1024 * 1024;

/** Where the reader stands: before a field, in one with or without quotes, or behind a quote that may end its field. */
type Place = 'start' | 'plain' | 'quoted' | 'closed';

/**
 * Reads records as they come, in pieces cut anywhere; empty lines are passed over, and a byte order mark before the first.
 * Lines end in CRLF, LF or CR. Rejects with CsvError where a quote stands in a field that does not begin with one, where
 * something follows a closing quote, and where one is left open.
 * Source: RFC 4180.
 */
export async function* readCsv(pieces: AsyncIterable<string>): AsyncGenerator<CsvRecord, undefined> {
  const reader = createReader();
  let first = true;
  for await (const piece of pieces) {
    yield* reader.read(first && piece.startsWith('\ufeff') ? piece.slice(1) : piece);
    first &&= piece === '';
  }
  yield* reader.end();
}

interface Reader {
  /** The records that end in this piece. */
  read(piece: string): readonly CsvRecord[];
  /** The record that ends with the file, if there is one. */
  end(): readonly CsvRecord[];
}

function createReader(): Reader {
  let place: Place = 'start';
  let fields: string[] = [];
  let field = '';
  let line = 1;
  let startedAt = 1;
  let length = 0;
  /** The last character was a CR: an LF after it belongs to it. */
  let returned = false;

  function endField(): void {
    fields.push(field);
    field = '';
    place = 'start';
  }

  function endRecord(): readonly CsvRecord[] {
    const empty = fields.length === 0 && place === 'start';
    if (!empty) endField();
    const record = { line: startedAt, fields };
    fields = [];
    length = 0;
    return empty ? [] : [record];
  }

  function take(char: string): void {
    if (place === 'quoted') {
      if (char === '"') place = 'closed';
      else field += char;
    } else if (char === ',') endField();
    else if (char === '"') {
      // Two quotes within quotes are one.
      if (place === 'closed') field += char;
      if (place === 'plain') throw new CsvError(line, 'a quote stands in a field that does not begin with one');
      place = 'quoted';
    } else {
      if (place === 'closed') throw new CsvError(line, 'something follows a closing quote');
      field += char;
      place = 'plain';
    }
  }

  function read(piece: string): readonly CsvRecord[] {
    const records: CsvRecord[] = [];
    for (const char of piece) {
      const isBreak = char === '\r' || (char === '\n' && !returned);
      if (place === 'quoted') take(char);
      else if (isBreak) records.push(...endRecord());
      else if (char !== '\n') take(char);
      returned = char === '\r';
      if (isBreak) line += 1;
      if (length === 0) startedAt = line;
      if (place !== 'start' || fields.length > 0) length += char.length;
      if (length > LONGEST_RECORD)
        throw new CsvError(startedAt, `it goes on for more than ${LONGEST_RECORD} characters`);
    }
    return records;
  }

  return {
    read,
    end() {
      if (place === 'quoted') throw new CsvError(startedAt, 'a quote is left open');
      return endRecord();
    },
  };
}

/**
 * A record as a line with its CRLF. Fields are in quotes where they must be; nothing is changed in them, so that what a
 * spreadsheet would take for a formula reaches it as it is.
 * Source: RFC 4180.
 */
export function formatCsvRow(fields: readonly string[]): string {
  // An empty line is no record.
  return fields.length === 1 && fields[0] === '' ? '""\r\n' : `${fields.map(quote).join(',')}\r\n`;
}

function quote(field: string): string {
  return /[",\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field;
}
