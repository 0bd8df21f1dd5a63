import type { FormatName } from './format-name.ts';
import { isList, isObject } from './json.ts';
import type { Json, Seal, ThinkingPart } from './parts.ts';

/**
 * A seal of one format as an opaque token of another: a client keeps it without understanding it and brings it back in its next request. The
 * token is Base64 (standard alphabet) of `lanport1:` and JSON, so it passes through clients that treat such tokens as bytes and write them in
 * the other alphabet. The number is the version; tokens of unknown versions count as the client's own.
 */
const MARK = 'lanport1:';
/** How every token begins: nine bytes are twelve characters of Base64, whatever follows. */
export const PACKED_MARK = 'bGFucG9ydDE6';

/** Which part a seal belongs to that travels in a part of its own: that part, its neighbour, or an empty text in its place. */
export type SealPlace = 'self' | 'next' | 'previous' | 'empty-text';

export interface PackedSeal {
  readonly seal: Seal;
  readonly place: SealPlace;
  /** Of the thinking that it seals. */
  readonly isSummary?: boolean | undefined;
}

const FORMATS: ReadonlySet<Json | undefined> = new Set<FormatName>([
  'chat',
  'responses',
  'messages',
  'gemini',
]);
const KINDS: ReadonlySet<Json | undefined> = new Set<Seal['kind']>(['signature', 'redacted', 'encrypted']);
const PLACES: ReadonlySet<Json | undefined> = new Set<SealPlace>(['self', 'next', 'previous', 'empty-text']);

/** Any JSON as a token. */
export function packJson(value: Json): string {
  return Buffer.from(MARK + JSON.stringify(value)).toString('base64');
}

/** `undefined`: not a token of ours. */
export function unpackJson(token: string): Json | undefined {
  if (!token.startsWith(PACKED_MARK)) return undefined;
  try {
    return JSON.parse(Buffer.from(token, 'base64').toString('utf8').slice(MARK.length)) as Json;
  } catch {
    return undefined;
  }
}

export function isPacked(token: string): boolean {
  return token.startsWith(PACKED_MARK);
}

export function packSeal(packed: PackedSeal): string {
  const { seal } = packed;
  return packJson({
    format: seal.format,
    kind: seal.kind,
    value: seal.value,
    ...(seal.id === undefined ? {} : { id: seal.id }),
    ...(packed.place === 'self' ? {} : { place: packed.place }),
    ...(packed.isSummary === true ? { summary: true } : {}),
  });
}

/** Whole thoughts as the token of the call that follows them, for clients that bring back calls but no thoughts. */
export function packThoughts(thoughts: readonly ThinkingPart[]): string {
  return packJson({
    thoughts: thoughts.map(({ text, seal, isSummary }) => ({
      text,
      ...seal,
      ...(isSummary === true ? { summary: true } : {}),
    })),
  });
}

/** `undefined`: not thoughts that we packed. */
export function unpackThoughts(token: string): readonly ThinkingPart[] | undefined {
  const read = unpackJson(token);
  if (!isObject(read) || !isList(read['thoughts'])) return undefined;
  return read['thoughts'].flatMap((thought): readonly ThinkingPart[] => {
    const packed = sealOf(thought);
    if (packed === undefined || !isObject(thought) || typeof thought['text'] !== 'string') return [];
    return [{ kind: 'thinking', text: thought['text'], isSummary: packed.isSummary, seal: packed.seal }];
  });
}

/** `undefined`: not a seal that we packed. */
export function unpackSeal(token: string): PackedSeal | undefined {
  return sealOf(unpackJson(token));
}

function sealOf(read: Json | undefined): PackedSeal | undefined {
  if (!isObject(read) || !FORMATS.has(read['format']) || !KINDS.has(read['kind'])) return undefined;
  const { value, id, place = 'self', summary } = read;
  if (typeof value !== 'string' || !PLACES.has(place)) return undefined;
  return {
    seal: {
      format: read['format'] as FormatName,
      kind: read['kind'] as Seal['kind'],
      value,
      id: typeof id === 'string' ? id : undefined,
    },
    place: place as SealPlace,
    isSummary: summary === true ? true : undefined,
  };
}
