import type { Usage } from '../../conversation/answer.ts';
import type { JsonObject } from '../../conversation/parts.ts';
import { isObject, numberOf, objectOf } from './json-members.ts';

/** The tokens of a response's `usage`, in which cached tokens are part of the input and reasoning is part of the output. */
export function readUsage(response: JsonObject): Usage | undefined {
  const { usage: value, service_tier: tier } = response;
  if (!isObject(value)) return undefined;
  const input = objectOf(value['input_tokens_details']) ?? {};
  const output = objectOf(value['output_tokens_details']) ?? {};
  return {
    input: numberOf(value['input_tokens']) ?? 0,
    output: numberOf(value['output_tokens']) ?? 0,
    cacheRead: numberOf(input['cached_tokens']) ?? 0,
    cacheWrite: numberOf(input['cache_write_tokens']) ?? 0,
    cacheWrite1h: 0,
    reasoning: numberOf(output['reasoning_tokens']) ?? 0,
    audioInput: numberOf(input['audio_tokens']) ?? 0,
    audioOutput: numberOf(output['audio_tokens']) ?? 0,
    ...(typeof tier === 'string' ? { tier } : {}),
  };
}

export function writeUsage(usage: Usage): JsonObject {
  return {
    input_tokens: usage.input,
    input_tokens_details: {
      cached_tokens: usage.cacheRead,
      cache_write_tokens: usage.cacheWrite + usage.cacheWrite1h,
    },
    output_tokens: usage.output,
    output_tokens_details: { reasoning_tokens: usage.reasoning },
    total_tokens: usage.input + usage.output,
  };
}
