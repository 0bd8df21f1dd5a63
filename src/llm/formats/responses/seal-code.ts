import type { FormatName } from '../../conversation/format-name.ts';
import type { Seal } from '../../conversation/parts.ts';
import { isObject } from './json-members.ts';

/**
 * How a seal of another format travels through a client of Responses: in the `encrypted_content` of a reasoning item, as this prefix and the
 * base64url of JSON. The prefix names the version of what follows; a later version gets another number and leaves this one readable.
 */
export const SEAL_PREFIX = 'lanport-seal-1.';
const FORMATS: readonly string[] = ['chat', 'responses', 'messages', 'gemini'] satisfies FormatName[];
const KINDS: readonly string[] = ['signature', 'redacted', 'encrypted'] satisfies Seal['kind'][];

/** What `encrypted_content` holds. */
export interface Sealed {
  readonly seal: Seal;
  /** The sealed text. It is carried too because a provider refuses a signature whose text a client has left out or changed. */
  readonly text?: string | undefined;
  readonly isSummary?: boolean | undefined;
  /** The call that the seal belongs to, when it is not that of a thought. */
  readonly callId?: string | undefined;
}

/** `encrypted_content` for a seal: this format's own as it is, another's with what it needs to come back. */
export function encodeSeal(sealed: Sealed): string {
  const { seal } = sealed;
  if (seal.format === 'responses' && sealed.callId === undefined) return seal.value;
  const packed = {
    f: seal.format,
    k: seal.kind,
    v: seal.value,
    ...(sealed.callId === undefined ? {} : { c: sealed.callId }),
    ...(sealed.text === undefined ? {} : { t: sealed.text }),
    ...(sealed.isSummary === true ? { s: true } : {}),
  };
  return SEAL_PREFIX + Buffer.from(JSON.stringify(packed)).toString('base64url');
}

/** The seal in an `encrypted_content`; `itemId` is that of its item. What does not begin with our prefix, or is broken, is OpenAI's own. */
export function decodeSeal(text: string, itemId: string | undefined): Sealed {
  if (text.startsWith(SEAL_PREFIX)) {
    const sealed = unpack(text.slice(SEAL_PREFIX.length));
    if (sealed !== undefined) return sealed;
  }
  return { seal: { format: 'responses', kind: 'encrypted', value: text, id: itemId } };
}

function unpack(code: string): Sealed | undefined {
  let packed: unknown;
  try {
    packed = JSON.parse(Buffer.from(code, 'base64url').toString());
  } catch {
    return undefined;
  }
  if (!isObject(packed)) return undefined;
  const { f, k, v, c, t, s } = packed;
  if (typeof v !== 'string' || typeof f !== 'string' || typeof k !== 'string') return undefined;
  if (!FORMATS.includes(f) || !KINDS.includes(k)) return undefined;
  return {
    seal: { format: f as FormatName, kind: k as Seal['kind'], value: v },
    text: typeof t === 'string' ? t : undefined,
    isSummary: s === true,
    callId: typeof c === 'string' ? c : undefined,
  };
}
