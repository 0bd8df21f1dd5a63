import type { Dropped } from '../../conversation/dropped.ts';
import type { JsonObject, Part, Seal } from '../../conversation/parts.ts';
import { isPacked, packSeal, type SealPlace } from '../../conversation/seal-code.ts';
import type { Stop, Usage } from '../../conversation/answer.ts';
import { writeStop } from './stop.ts';
import { writeUsage } from './usage.ts';

/** What a client gets for a seal: a token that it brings back unread. */
export interface SealToken {
  readonly type: 'thinking' | 'redacted_thinking';
  readonly token: string;
}

/** The seal of a thought. Without text, only this provider's own signature makes a thinking block; all else is redacted. */
export function tokenOfThought(seal: Seal, hasText: boolean, isSummary: boolean | undefined): SealToken {
  const isOwn = seal.format === 'messages';
  // A token that is ours already comes from another gateway like this one; packed once more, it goes back there as it came.
  const token = isOwn && !isPacked(seal.value) ? seal.value : packSeal({ seal, place: 'self', isSummary });
  const isThinking = hasText || (isOwn && seal.kind === 'signature');
  return { type: isThinking ? 'thinking' : 'redacted_thinking', token };
}

/** A block that carries the seal of its neighbour, for parts that have no place for one here. */
export function sealBlock(seal: Seal, place: SealPlace): JsonObject {
  return { type: 'redacted_thinking', data: packSeal({ seal, place }) };
}

/** The result of a call that the gateway made. The format has only texts there. */
export function resultBlock(
  callId: string,
  content: readonly Part[],
  isError: boolean,
  dropped: Dropped,
): JsonObject {
  return {
    type: 'mcp_tool_result',
    tool_use_id: callId,
    is_error: isError,
    content: content.map((part) => ({ type: 'text', text: textOf(part, dropped) })),
  };
}

/** The message around the blocks. */
export function messageOf(
  id: string,
  model: string,
  content: readonly JsonObject[],
  usage: Usage | undefined,
  end: { readonly stop: Stop; readonly hasToolCalls: boolean } | undefined,
): JsonObject {
  const stop =
    end === undefined ? { stop_reason: null, stop_sequence: null } : writeStop(end.stop, end.hasToolCalls);
  return { id, type: 'message', role: 'assistant', model, content, ...stop, usage: writeUsage(usage) };
}

function textOf(part: Part, dropped: Dropped): string {
  if (part.kind === 'text') return part.text;
  if (part.kind === 'document' && part.source.kind === 'text') return part.source.text;
  dropped.add(`content.mcp_tool_result.${part.kind}`);
  return `(${part.kind === 'image' ? 'an image' : `content of the kind "${part.kind}"`}, left out here)`;
}
