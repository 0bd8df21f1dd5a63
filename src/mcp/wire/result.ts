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

/** Codes that an era does not have, each with what it says instead (2026-07-28, "Error codes"). */
const TRANSLATED: Readonly<Record<Era, ReadonlyMap<unknown, number>>> = {
  // "Resource not found", and "open this page first", have no codes of their own any more.
  modern: new Map([
    [-32002, -32602],
    [-32042, -32603],
  ]),
  // The client lacks a capability; the headers or the version of our own hop were refused.
  legacy: new Map([
    [-32021, -32600],
    [-32020, -32603],
    [-32022, -32603],
  ]),
};

/** A server's error object in the words of the client's era; the very same bytes where they mean the same there. */
export function errorFor(era: Era, serverEra: Era, error: JsonObject): Buffer {
  const whole = error.bytes.subarray(error.start, error.end);
  // A server of the handshake era may mean anything by these codes.
  const code =
    era === 'legacy' && serverEra === 'legacy' ? undefined : TRANSLATED[era].get(error.value('code'));
  if (code === undefined) return whole;
  const at = error.indexOf('code');
  return Buffer.concat([
    error.bytes.subarray(error.start, error.startOf(at)),
    Buffer.from(String(code)),
    error.bytes.subarray(error.endOf(at), error.end),
  ]);
}
