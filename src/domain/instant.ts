const INSTANT = /^(\d{4})-(\d{2})-(\d{2})T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})$/i;

/** Reads an instant as RFC 3339 has it, with any offset, to the millisecond; null for a text that is none. */
export function parseInstant(text: string): Date | null {
  const match = INSTANT.exec(text);
  // A day that the month does not have would otherwise roll over into the next.
  const days = match && new Date(Date.UTC(Number(match[1]), Number(match[2]), 0)).getUTCDate();
  const at = match && days && Number(match[3]) <= days ? new Date(match[0].toUpperCase()) : null;
  return at && !Number.isNaN(at.getTime()) ? at : null;
}
