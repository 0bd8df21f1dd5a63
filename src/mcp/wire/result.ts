import type { JsonObject } from '../../core/json-scan.ts';
import { withMember, withoutMembers } from './compose.ts';
import type { Era } from './revisions.ts';

/** Members of a modern result that a legacy client does not know and that hold for the upstream hop only. */
const MODERN_ONLY: ReadonlySet<string> = new Set(['resultType', 'ttlMs', 'cacheScope']);

/** Methods whose modern results say how long they may be kept (2026-07-28, "Caching"). */
const CACHED: ReadonlySet<string> = new Set([
  'resources/read',
  'tools/list',
  'prompts/list',
  'resources/list',
  'resources/templates/list',
]);

/** A server's result in the words of the client's era; the very same bytes where nothing must change. */
export function resultFor(era: Era, method: string, result: JsonObject): Buffer {
  if (era === 'legacy') return withoutMembers(result, (key) => MODERN_ONLY.has(key));
  const missing: string[] = [];
  if (!result.has('resultType')) missing.push('"resultType":"complete"');
  // What a server says nothing of may change at any moment, and may be meant for this client alone.
  if (CACHED.has(method) && result.string('resultType') !== 'input_required') {
    if (!result.has('ttlMs')) missing.push('"ttlMs":0');
    if (!result.has('cacheScope')) missing.push('"cacheScope":"private"');
  }
  return missing.length === 0
    ? result.bytes.subarray(result.start, result.end)
    : withMember(result, missing.join(','));
}

/** Codes of legacy revisions that the modern one does not have: "resource not found", and "open this page first". */
const MODERN_CODES: ReadonlyMap<unknown, number> = new Map([
  [-32002, -32602],
  [-32042, -32603],
]);

/** A server's error object in the words of the client's era. */
export function errorFor(era: Era, error: JsonObject): Buffer {
  const whole = error.bytes.subarray(error.start, error.end);
  const replaced = era === 'legacy' ? undefined : MODERN_CODES.get(error.value('code'));
  if (replaced === undefined) return whole;
  const at = error.indexOf('code');
  return Buffer.concat([
    error.bytes.subarray(error.start, error.starts[at]),
    Buffer.from(String(replaced)),
    error.bytes.subarray(error.ends[at], error.end),
  ]);
}
