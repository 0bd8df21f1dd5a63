import type { JsonObject } from '../../core/json-scan.ts';
import { withoutMembers } from './compose.ts';
import { META_SERVER } from './era.ts';
import type { Era } from './revisions.ts';

/** Members of results that mean something in the modern era alone. */
const MODERN_ONLY: ReadonlySet<string> = new Set(['resultType', 'ttlMs', 'cacheScope']);

/** Methods whose modern results say how long they may be kept (2026-07-28, "Caching"). */
const CACHED: ReadonlySet<string> = new Set([
  'resources/read',
  'tools/list',
  'prompts/list',
  'resources/list',
  'resources/templates/list',
]);

/**
 * A server's result in the words of the client's era; the very same bytes where nothing must change. What a modern server says of itself
 * holds for the upstream hop: towards the client the gateway is the server (2026-07-28, `_meta`, "serverInfo").
 */
export function resultFor(era: Era, serverEra: Era, method: string, result: JsonObject): Buffer {
  const meta = serverEra === 'modern' ? result.child('_meta') : undefined;
  const named =
    meta?.has(META_SERVER) === true ? withoutMembers(meta, (key) => key === META_SERVER) : undefined;
  // Between the eras these members are somebody's own, or of no use.
  const drops = (key: string): boolean => era !== serverEra && MODERN_ONLY.has(key);
  const kept = withoutMembers(result, drops, named === undefined ? undefined : ['_meta', named]);
  if (era === 'legacy') return kept;
  const missing: string[] = [];
  const lacks = (key: string): boolean => !result.has(key) || drops(key);
  if (lacks('resultType')) missing.push('"resultType":"complete"');
  // What a server says nothing of may change at any moment, and may be meant for this client alone.
  if (CACHED.has(method) && (lacks('resultType') || result.string('resultType') !== 'input_required')) {
    if (lacks('ttlMs')) missing.push('"ttlMs":0');
    if (lacks('cacheScope')) missing.push('"cacheScope":"private"');
  }
  if (missing.length === 0) return kept;
  const isEmpty = result.keys.length === 0 || kept.length === EMPTY_BYTES;
  return Buffer.concat([Buffer.from(`{${missing.join(',')}${isEmpty ? '' : ','}`), kept.subarray(1)]);
}

/** Of an object that nothing was left of. */
const EMPTY_BYTES = 2;

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
