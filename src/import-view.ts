import type { ImportView } from './import.ts';

/** Where progress is shown: a terminal, or what keeps its lines. */
export interface ProgressStream {
  readonly isTTY?: boolean | undefined;
  /** How wide the terminal is, in characters. */
  readonly columns?: number | undefined;
  write(text: string): unknown;
}

/** Shows how far an import is: on a terminal as a bar that moves, elsewhere a line each time. `print` has the lines that stay. */
export function createView(print: (line: string) => void, stream: ProgressStream): ImportView {
  const terminal = stream.isTTY === true;
  let bar = '';

  function draw(text: string): void {
    // Back to the beginning of the line, and what stood there is gone.
    if (bar !== '' || text !== '') stream.write(`\r\x1b[K${text}`);
    bar = text;
  }

  return {
    print(line) {
      if (!terminal) return print(line);
      const shown = bar;
      draw('');
      print(line);
      draw(shown);
    },
    advance(share, words) {
      if (!terminal) stream.write(`${percent(share)}: ${words}\n`);
      else draw(share < 1 ? drawBar(share, words, stream.columns ?? 80) : '');
    },
  };
}

const BAR_WIDTH = 30;

function drawBar(share: number, words: string, columns: number): string {
  const done = Math.round(share * BAR_WIDTH);
  const text = `[${'='.repeat(done)}${' '.repeat(BAR_WIDTH - done)}] ${percent(share)}  ${words}`;
  // A line that wraps would not be wiped as one.
  return text.slice(0, Math.max(0, columns - 1));
}

function percent(share: number): string {
  return `${Math.floor(share * 100)} %`.padStart(5);
}
