import type { IncomingMessage, ServerResponse } from 'node:http';
import type { SandboxAnswer } from '../sandbox.ts';
import type { Mischief } from './faults.ts';

/** Room for a document of 5 MiB in Base64. */
const MAX_REQUEST_BYTES = 8 * 1024 * 1024;
const HUGE_BYTES = 10 * 1024 * 1024;
/** Nobody's answer: there is no such path. */
export const NOT_FOUND: SandboxAnswer = { status: 404, body: '{"message":"the sandbox has nothing here"}' };
const SERVER_ERROR: SandboxAnswer = { status: 500, body: '{"message":"Internal Server Error"}' };
const MAINTENANCE: SandboxAnswer = { status: 503, body: '{"message":"Service Unavailable"}' };

/** Null: longer than 8 MiB. Rejects when the caller goes away. */
export async function readBody(incoming: IncomingMessage): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  let length = 0;
  // Read to its end even where it is too long: a caller that is still writing would not see the answer.
  for await (const chunk of incoming) {
    length += chunk.length;
    if (length <= MAX_REQUEST_BYTES) chunks.push(chunk);
  }
  return length <= MAX_REQUEST_BYTES ? Buffer.concat(chunks) : null;
}

/** Writes an answer as it is. */
export function write(response: ServerResponse, { status, body, headers }: SandboxAnswer): void {
  const length = String(Buffer.byteLength(body));
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': length, ...headers });
  response.end(body);
}

/** An answer, and what becomes of it on its way. */
export interface Outcome {
  /** Where a mischief kept it from being done: any, since no such mischief lets it through. */
  readonly answer: SandboxAnswer;
  readonly mischief: Mischief | null;
  /** Resolves once the webhooks that are due at once were posted. */
  readonly told?: Promise<void>;
}

/** Lets an answer go its way, or what its fault makes of it. */
export async function play(
  { answer, mischief, told }: Outcome,
  response: ServerResponse,
  dawdle: () => Promise<void>,
): Promise<void> {
  const { socket } = response;
  switch (mischief) {
    case null:
      return write(response, answer);
    case 'RESET':
      socket?.resetAndDestroy();
      return;
    case 'CUT':
      socket?.destroy();
      return;
    case 'HANG':
      return;
    case 'NOT_JSON':
      return write(response, { ...answer, body: '<!doctype html><title>OK</title>' });
    case 'EMPTY':
      return write(response, { ...answer, body: '' });
    case 'TRUNCATED': {
      const bytes = Buffer.from(answer.body);
      response.writeHead(answer.status, { 'content-type': 'application/json', 'content-length': bytes.length });
      response.write(bytes.subarray(0, bytes.length >> 1), () => socket?.destroy());
      return;
    }
    case 'HUGE':
      return write(response, { ...answer, body: ' '.repeat(HUGE_BYTES) + answer.body });
    case 'SLOW':
      await dawdle();
      return write(response, answer);
    case 'AFTER_WEBHOOK':
      await told;
      return write(response, answer);
    case 'SERVER_ERROR':
      return write(response, SERVER_ERROR);
    case 'MAINTENANCE':
      return write(response, MAINTENANCE);
  }
}

/** Whether webhooks can be posted there. */
export function isWebUrl(text: string): boolean {
  return /^https?:$/.test(URL.parse(text)?.protocol ?? '');
}
