import type { Stop, Usage } from '../../conversation/answer.ts';
import { isObject } from '../../conversation/json.ts';
import type { Json, JsonObject } from '../../conversation/parts.ts';
import { writeLogprobs } from './logprobs.ts';
import { writeStop } from './stop.ts';
import { writeUsage } from './usage.ts';

export interface ResponseEnd {
  readonly stop: Stop | undefined;
  readonly usage: Usage | undefined;
  readonly grounding: JsonObject | undefined;
  readonly logprobs: readonly Json[] | undefined;
}

/** A whole answer, or the last chunk of a stream. A prompt that was refused has feedback and no candidate. */
export function responseOf(parts: readonly JsonObject[], end: ResponseEnd, about: JsonObject): JsonObject {
  const own = end.stop?.extras?.format === 'gemini' ? end.stop.extras.members : {};
  const { candidate, ...members } = own;
  const usage = end.usage === undefined ? {} : { usageMetadata: writeUsage(end.usage) };
  const feedback = members['promptFeedback'];
  const isBlocked =
    isObject(feedback) && feedback['blockReason'] === end.stop?.raw && end.stop?.kind === 'content-filter';
  if (isBlocked) return { ...members, ...usage, ...about };
  return {
    candidates: [
      {
        content: { parts, role: 'model' },
        finishReason: writeStop(end.stop),
        index: 0,
        ...(end.grounding === undefined ? {} : { groundingMetadata: end.grounding }),
        ...(end.logprobs === undefined ? {} : { logprobsResult: writeLogprobs(end.logprobs) }),
        ...(isObject(candidate) ? candidate : {}),
      },
    ],
    ...members,
    ...usage,
    ...about,
  };
}
