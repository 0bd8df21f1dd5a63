import type { JsonObject } from '../../core/json-scan.ts';
import { objectText, withoutMembers } from './compose.ts';
import { META_CAPABILITIES, META_CLIENT, META_LOG_LEVEL, META_VERSION } from './era.ts';
import type { Era } from './revisions.ts';

/** What we say of ourselves to servers. */
export interface Identity {
  readonly name: string;
  readonly version: string;
}

/** Members of a client's `_meta` that hold for its own hop only. */
const HOP_META: ReadonlySet<string> = new Set([
  META_VERSION,
  META_CAPABILITIES,
  META_CLIENT,
  META_LOG_LEVEL,
  'progressToken',
]);

const isHopMeta = (key: string): boolean => HOP_META.has(key);
const isRebuilt = (key: string): boolean =>
  key === 'name' || key === '_meta' || key === 'inputResponses' || key === 'requestState';

const COMMA = Buffer.from(',');
const META = Buffer.from('"_meta":');
const CLOSE = Buffer.from('}');

/** `_meta` of a modern request without a client behind it. */
export function modernEnvelope(revision: string, identity: Identity): string {
  return `"${META_VERSION}":${JSON.stringify(revision)},"${META_CAPABILITIES}":{},"${META_CLIENT}":${JSON.stringify(identity)}`;
}

/**
 * The params of a `tools/call` for a server: the server's own name of the tool, the client's arguments and unknown members byte for
 * byte, and its `_meta` without what belongs to the client's hop; for a modern server with our envelope in it.
 */
export function callParams(
  originalName: string,
  params: JsonObject | undefined,
  era: Era,
  envelope: string,
): Buffer {
  const parts: Buffer[] = [Buffer.from(`{"name":${JSON.stringify(originalName)}`)];
  let metaText: Buffer | undefined;
  if (params !== undefined) {
    for (let at = 0; at < params.keys.length; at++) {
      const key = params.keys[at]!;
      if (isRebuilt(key) || params.isVoid(at)) continue;
      parts.push(
        Buffer.from(`,${JSON.stringify(key)}:`),
        params.bytes.subarray(params.starts[at], params.ends[at]),
      );
    }
    const meta = params.child('_meta');
    if (meta !== undefined) metaText = withoutMembers(meta, isHopMeta);
  }
  const rest = metaText === undefined || metaText.length <= 2 ? undefined : metaText;
  if (era === 'modern') {
    parts.push(COMMA, META, Buffer.from(`{${envelope}`));
    if (rest === undefined) parts.push(CLOSE);
    else parts.push(COMMA, rest.subarray(1));
  } else if (rest !== undefined) parts.push(COMMA, META, rest);
  parts.push(CLOSE);
  return Buffer.concat(parts);
}

/** Params of a request that carries nothing but, perhaps, a cursor. `undefined` when a legacy request needs none. */
export function plainParams(era: Era, envelope: string, cursor?: Buffer): Buffer | undefined {
  const meta = era === 'modern' ? Buffer.from(`{${envelope}}`) : undefined;
  if (meta === undefined && cursor === undefined) return undefined;
  return objectText([
    ['cursor', cursor],
    ['_meta', meta],
  ]);
}
