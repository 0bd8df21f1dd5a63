const PREFIX = '=?base64?';
const SUFFIX = '?=';
const PLAIN = /^[\x20-\x7e\t]*$/;

/** A value as it is written into an `Mcp-*` header (2026-07-28, Transports, "Encoding header values"). */
export function encodeHeaderValue(value: string): string {
  const looksEncoded = value.startsWith(PREFIX) && value.endsWith(SUFFIX);
  if (PLAIN.test(value) && value.trim() === value && !looksEncoded) return value;
  return `${PREFIX}${Buffer.from(value, 'utf8').toString('base64')}${SUFFIX}`;
}

/** The value that a header carries, or `undefined` when its Base64 is broken. */
export function decodeHeaderValue(text: string): string | undefined {
  const trimmed = text.trim();
  if (
    !trimmed.startsWith(PREFIX) ||
    !trimmed.endsWith(SUFFIX) ||
    trimmed.length < PREFIX.length + SUFFIX.length
  )
    return trimmed;
  const encoded = trimmed.slice(PREFIX.length, -SUFFIX.length);
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(encoded)) return undefined;
  return Buffer.from(encoded, 'base64').toString('utf8');
}
