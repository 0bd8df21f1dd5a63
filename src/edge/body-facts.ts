import type { Body } from '../gateway/exchange.ts';

export function bytesOf(body: Body | undefined): number {
  if (body === undefined) return 0;
  return Buffer.isBuffer(body) ? body.length : body.reduce((sum, part) => sum + part.length, 0);
}

/** Whether a Content-Type says JSON, or nothing. */
export function isJsonType(type: string): boolean {
  if (type === 'application/json') return true;
  const media = type.split(';')[0]!.trim().toLowerCase();
  return media === 'application/json' || media === '' || media.endsWith('+json');
}
