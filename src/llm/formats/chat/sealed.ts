import { isList, isObject, textOf } from '../../conversation/json.ts';
import type { Json, JsonObject, Seal, ThinkingPart } from '../../conversation/parts.ts';
import { packSeal, unpackSeal } from '../../conversation/seal-code.ts';

/**
 * Thoughts have three places in this format, none of them OpenAI's. `reasoning_content` (also `reasoning`) is the text alone. `thinking_blocks`
 * (LiteLLM) are Anthropic's blocks with their signatures. `reasoning_details` (OpenRouter) are objects of OpenRouter's own.
 *
 * Towards a client `thinking_blocks` carry every seal: Anthropic's as it is, so that clients of LiteLLM find what they know, any other packed.
 * A seal that came from a provider of this format has the format `chat`: `signature` and `redacted` are those of `thinking_blocks`, `encrypted`
 * is the JSON of an object of `reasoning_details` without its text.
 */
export type SealSource = 'client' | 'provider';

/** `thinking_blocks`. A plain signature is Anthropic's in a client's request, and the provider's own business in its answer. */
export function readBlock(block: JsonObject, from: SealSource): ThinkingPart | undefined {
  const format = from === 'client' ? 'messages' : 'chat';
  if (block['type'] === 'redacted_thinking') {
    const data = textOf(block['data']);
    if (data === undefined) return undefined;
    const packed = unpackSeal(data);
    return {
      kind: 'thinking',
      text: '',
      seal: packed?.seal ?? { format, kind: 'redacted', value: data },
      isSummary: packed?.isSummary,
    };
  }
  const signature = textOf(block['signature']);
  const text = textOf(block['thinking']) ?? '';
  if (signature === undefined || signature === '')
    return text === '' ? undefined : { kind: 'thinking', text };
  const packed = unpackSeal(signature);
  return {
    kind: 'thinking',
    text,
    seal: packed?.seal ?? { format, kind: 'signature', value: signature },
    isSummary: packed?.isSummary,
  };
}

/** A thought as one of `thinking_blocks`. Without a seal there is nothing that `reasoning_content` does not say. */
export function writeBlock(text: string, seal: Seal, isSummary: boolean | undefined): JsonObject {
  const isPlain = seal.format === 'messages' || (seal.format === 'chat' && seal.kind !== 'encrypted');
  if (isPlain && seal.kind === 'redacted') return { type: 'redacted_thinking', data: seal.value };
  return {
    type: 'thinking',
    thinking: text,
    signature: isPlain ? seal.value : packSeal({ seal, place: 'self', isSummary }),
  };
}

/** One of `reasoning_details` and the text in it. */
export interface Detail {
  readonly text: string;
  readonly isSummary: boolean;
  /** The rest of the object; `undefined` when there is nothing in it that must come back. */
  readonly members: JsonObject | undefined;
}

export function readDetail(detail: JsonObject): Detail {
  const { text, summary, ...members } = detail;
  const isSealed = textOf(members['signature']) !== undefined || textOf(members['data']) !== undefined;
  return {
    text: textOf(text) ?? textOf(summary) ?? '',
    isSummary: detail['type'] === 'reasoning.summary',
    members: isSealed ? members : undefined,
  };
}

export function detailSeal(members: JsonObject): Seal {
  return { format: 'chat', kind: 'encrypted', value: JSON.stringify(members) };
}

/** The object of `reasoning_details` that a seal keeps, with its text. */
export function writeDetail(text: string, seal: Seal): JsonObject {
  const members = JSON.parse(seal.value) as JsonObject;
  if (members['type'] === 'reasoning.text') return { ...members, text };
  return members['type'] === 'reasoning.summary' ? { ...members, summary: text } : members;
}

/** Gemini's signature of a call or of a text, as Google's own endpoint carries it, and LiteLLM. */
export function readSignature(value: JsonObject): Seal | undefined {
  const google = inside(value['extra_content'], 'google');
  const specific = value['provider_specific_fields'];
  const signature =
    textOf(inside(google, 'thought_signature')) ?? textOf(inside(specific, 'thought_signature'));
  if (signature === undefined || signature === '') return undefined;
  return unpackSeal(signature)?.seal ?? { format: 'gemini', kind: 'signature', value: signature };
}

export function writeSignature(seal: Seal): JsonObject {
  const value = seal.format === 'gemini' ? seal.value : packSeal({ seal, place: 'self' });
  return { extra_content: { google: { thought_signature: value } } };
}

function inside(value: Json | undefined, name: string): Json | undefined {
  return isObject(value) ? value[name] : undefined;
}

/**
 * The thoughts of a message that came whole. `thinking_blocks` say more than `reasoning_details`, and these more than the plain text; the same
 * thought in a second place is not read again.
 */
export function readThoughts(message: JsonObject, from: SealSource): readonly ThinkingPart[] {
  const blocks = message['thinking_blocks'];
  const thoughts: ThinkingPart[] = [];
  if (isList(blocks))
    for (const block of blocks) {
      const thought = isObject(block) ? readBlock(block, from) : undefined;
      if (thought !== undefined) thoughts.push(thought);
    }
  if (thoughts.length === 0 && isList(message['reasoning_details']))
    for (const detail of message['reasoning_details']) {
      if (!isObject(detail)) continue;
      const { text, isSummary, members } = readDetail(detail);
      if (text === '' && members === undefined) continue;
      thoughts.push({
        kind: 'thinking',
        text,
        isSummary: isSummary || undefined,
        seal: members === undefined ? undefined : detailSeal(members),
      });
    }
  const plain = textOf(message['reasoning_content']) ?? textOf(message['reasoning']) ?? '';
  if (plain !== '' && thoughts.every(({ text }) => text === ''))
    thoughts.unshift({ kind: 'thinking', text: plain });
  return thoughts;
}
