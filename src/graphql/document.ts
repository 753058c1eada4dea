import type { SupportingDocument } from '../domain/payout.ts';
import { InvalidInputError } from './errors.ts';

/** A document as callers give it. */
interface Given {
  readonly type: string;
  readonly fileName: string;
  readonly contentBase64: string;
  readonly note?: string | null | undefined;
}

const MAX_BYTES = 5 * 1024 * 1024;

/** How each kind of file begins. Source: ISO 32000-1, 7.5.2; ITU-T T.81, annex B; ISO/IEC 15948, 5.2. */
const MAGIC: readonly Buffer[] = [
  Buffer.from('%PDF-'),
  Buffer.from([0xff, 0xd8, 0xff]),
  Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
];

/** Reads a document. Throws INVALID_INPUT, with nothing of the content, for what is no document that a provider takes. */
export function readDocument({ type, fileName, contentBase64, note }: Given): SupportingDocument {
  const content = readBase64(contentBase64);
  if (content === null) throw invalid('contentBase64', 'standard Base64 with its padding');
  if (content.length > MAX_BYTES) throw invalid('contentBase64', `at most ${MAX_BYTES} bytes decoded`);
  if (!MAGIC.some((start) => content.subarray(0, start.length).equals(start))) {
    throw invalid('contentBase64', 'the content is no PDF, JPEG or PNG');
  }
  if (/[/\\]/.test(fileName)) throw invalid('fileName', 'a name without a slash');
  return { type, fileName, content, note: note ?? null };
}

/** Null for what is not exactly the text of some bytes: Node itself skips whatever it cannot read. */
function readBase64(text: string): Buffer | null {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : null;
}

function invalid(field: string, message: string): InvalidInputError {
  return new InvalidInputError([{ path: [field], message }]);
}
