import type { Stop, StopKind } from '../../conversation/answer.ts';
import type { Extras, JsonObject } from '../../conversation/parts.ts';

const READ: Readonly<Record<string, StopKind>> = {
  end_turn: 'end',
  max_tokens: 'length',
  stop_sequence: 'stop-sequence',
  tool_use: 'tool-calls',
  pause_turn: 'pause',
  refusal: 'refusal',
  model_context_window_exceeded: 'length',
};

const WRITE: Readonly<Record<StopKind, string>> = {
  end: 'end_turn',
  length: 'max_tokens',
  'tool-calls': 'tool_use',
  'stop-sequence': 'stop_sequence',
  'content-filter': 'refusal',
  refusal: 'refusal',
  pause: 'pause_turn',
  other: 'end_turn',
};

/** Reasons that say more than their kind. */
const OWN = new Set(['model_context_window_exceeded', 'compaction']);

export function readStop(reason: string, sequence: string | undefined, extras: Extras | undefined): Stop {
  return { kind: READ[reason] ?? 'other', sequence, raw: reason, extras };
}

/** `stop_reason`, `stop_sequence` and what else the message says about its end. */
export function writeStop(stop: Stop | undefined, hasToolCalls: boolean): JsonObject {
  const kind = stop?.kind ?? 'end';
  const reason = stop?.raw !== undefined && OWN.has(stop.raw) ? stop.raw : WRITE[kind];
  return {
    // A client looks for calls only behind this reason.
    stop_reason: hasToolCalls && (kind === 'end' || kind === 'other') ? 'tool_use' : reason,
    stop_sequence: stop?.sequence ?? null,
    ...(stop?.extras?.format === 'messages' ? stop.extras.members : {}),
  };
}
