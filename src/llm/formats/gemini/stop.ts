import { LlmFailure } from '../../conversation/llm-failure.ts';
import type { Stop, StopKind } from '../../conversation/answer.ts';
import type { Extras } from '../../conversation/parts.ts';

const READ: Readonly<Record<string, StopKind>> = {
  STOP: 'end',
  MAX_TOKENS: 'length',
  SAFETY: 'content-filter',
  RECITATION: 'content-filter',
  BLOCKLIST: 'content-filter',
  PROHIBITED_CONTENT: 'content-filter',
  SPII: 'content-filter',
  IMAGE_SAFETY: 'content-filter',
  IMAGE_PROHIBITED_CONTENT: 'content-filter',
  IMAGE_RECITATION: 'content-filter',
  CONTINUATION: 'pause',
};

const WRITE: Readonly<Record<StopKind, string>> = {
  end: 'STOP',
  length: 'MAX_TOKENS',
  'tool-calls': 'STOP',
  'stop-sequence': 'STOP',
  'content-filter': 'SAFETY',
  refusal: 'SAFETY',
  pause: 'STOP',
  other: 'OTHER',
};

/** Reasons for which there is no answer, or no whole one: the model wrote a call that nobody can make (Gemini API, `FinishReason`). */
const BROKEN: ReadonlySet<string> = new Set([
  'MALFORMED_FUNCTION_CALL',
  'MALFORMED_RESPONSE',
  'UNEXPECTED_TOOL_CALL',
  'TOO_MANY_TOOL_CALLS',
  'MISSING_THOUGHT_SIGNATURE',
]);

/** Other formats have no word for it, and the same request may well succeed. `message`: the provider's own. */
export function brokenAnswer(
  reason: string | undefined,
  message: string | undefined,
): LlmFailure | undefined {
  if (reason === undefined || !BROKEN.has(reason)) return undefined;
  const why = message === undefined ? '' : ` ${message.slice(0, 300)}`;
  return new LlmFailure('upstream', `The model ended its answer with ${reason}.${why}`, {
    status: 502,
    code: reason.toLowerCase(),
  });
}

/** Reasons that say more than their kind; `OTHER` and the reasons for broken calls are among those without one. */
const OWN = /^[A-Z_]+$/;

export function readStop(reason: string, hasCalls: boolean, extras: Extras | undefined): Stop {
  const kind = READ[reason] ?? 'other';
  return { kind: kind === 'end' && hasCalls ? 'tool-calls' : kind, raw: reason, extras };
}

/** A prompt that was refused before the model saw it. */
export function readBlock(reason: string, extras: Extras | undefined): Stop {
  return { kind: 'content-filter', raw: reason, extras };
}

export function writeStop(stop: Stop | undefined): string {
  const kind = stop?.kind ?? 'end';
  const raw = stop?.raw;
  const isOwn = raw !== undefined && OWN.test(raw) && (READ[raw] ?? 'other') === kind;
  return isOwn ? raw : WRITE[kind];
}
