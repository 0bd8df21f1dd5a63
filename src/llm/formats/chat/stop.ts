import type { Stop, StopKind } from '../../conversation/answer.ts';
import { textOf } from '../../conversation/json.ts';
import type { JsonObject } from '../../conversation/parts.ts';

/** OpenAI's words, and what others say instead. */
const KINDS: Readonly<Record<string, StopKind>> = {
  stop: 'end',
  eos: 'end',
  eos_token: 'end',
  end_turn: 'end',
  length: 'length',
  max_tokens: 'length',
  max_output_tokens: 'length',
  model_length: 'length',
  tool_calls: 'tool-calls',
  tool_use: 'tool-calls',
  function_call: 'tool-calls',
  stop_sequence: 'stop-sequence',
  content_filter: 'content-filter',
  safety: 'content-filter',
  refusal: 'refusal',
};

/** What an answer was found to hold. */
export interface AnswerTraits {
  readonly hasCalls: boolean;
  readonly hasRefusal: boolean;
}

/** `finish_reason` of a choice, and vLLM's `stop_reason` beside it, which names the sequence. */
export function readStop(choice: JsonObject, { hasCalls, hasRefusal }: AnswerTraits): Stop {
  const raw = textOf(choice['finish_reason']);
  const sequence = textOf(choice['stop_reason']);
  const kind = raw === undefined ? 'end' : (KINDS[raw] ?? KINDS[raw.toLowerCase()] ?? 'other');
  if (kind !== 'end' && kind !== 'other') return { kind, raw };
  // Imitators say "stop" behind calls too.
  if (hasCalls) return { kind: 'tool-calls', raw };
  if (hasRefusal) return { kind: 'refusal', raw };
  if (sequence !== undefined && sequence !== raw) return { kind: 'stop-sequence', sequence, raw };
  return { kind, raw };
}

/** `finish_reason`. A client looks for calls only behind their own word. */
export function writeStop(stop: Stop | undefined, { hasCalls, hasRefusal }: AnswerTraits): string {
  switch (stop?.kind) {
    case 'length':
      return 'length';
    case 'content-filter':
      return 'content_filter';
    case 'refusal':
      return hasRefusal ? 'stop' : 'content_filter';
    case undefined:
    case 'end':
    case 'tool-calls':
    case 'stop-sequence':
    case 'pause':
    case 'other':
      return hasCalls ? 'tool_calls' : 'stop';
  }
}
