import type { Usage } from '../../conversation/answer.ts';
import { isObject, numberOf, textOf } from '../../conversation/json.ts';
import type { Json, JsonObject } from '../../conversation/parts.ts';

/**
 * The tokens of a `usage` object. Cached tokens are part of `prompt_tokens` and reasoning is part of `completion_tokens`; providers that count
 * their reasoning beside it (xAI, Google) show it only in `total_tokens`.
 */
export function readUsage(value: Json | undefined): Usage | undefined {
  if (!isObject(value)) return undefined;
  const prompt = isObject(value['prompt_tokens_details']) ? value['prompt_tokens_details'] : {};
  const completion = isObject(value['completion_tokens_details']) ? value['completion_tokens_details'] : {};
  const input = numberOf(value['prompt_tokens']) ?? numberOf(value['input_tokens']) ?? 0;
  const said = numberOf(value['completion_tokens']) ?? numberOf(value['output_tokens']) ?? 0;
  const total = numberOf(value['total_tokens']) ?? 0;
  const beside = Math.max(0, total - input - said);
  return {
    input,
    output: said + beside,
    cacheRead:
      numberOf(prompt['cached_tokens']) ??
      numberOf(value['prompt_cache_hit_tokens']) ??
      numberOf(value['cache_read_input_tokens']) ??
      0,
    cacheWrite:
      numberOf(prompt['cache_write_tokens']) ??
      numberOf(prompt['cache_creation_tokens']) ??
      numberOf(value['cache_creation_input_tokens']) ??
      0,
    cacheWrite1h: 0,
    reasoning: numberOf(completion['reasoning_tokens']) ?? numberOf(value['reasoning_tokens']) ?? beside,
    audioInput: numberOf(prompt['audio_tokens']) ?? 0,
    audioOutput: numberOf(completion['audio_tokens']) ?? 0,
  };
}

/** The `usage` of a chunk, which Groq puts elsewhere, with the `service_tier` beside it. */
export function usageOf(chunk: JsonObject): Usage | undefined {
  const groq = chunk['x_groq'];
  const usage = readUsage(chunk['usage']) ?? (isObject(groq) ? readUsage(groq['usage']) : undefined);
  const tier = textOf(chunk['service_tier']);
  return usage === undefined || tier === undefined ? usage : { ...usage, tier };
}

export function writeUsage(usage: Usage): JsonObject {
  const written = usage.cacheWrite + usage.cacheWrite1h;
  return {
    prompt_tokens: usage.input,
    completion_tokens: usage.output,
    total_tokens: usage.input + usage.output,
    prompt_tokens_details: {
      cached_tokens: usage.cacheRead,
      audio_tokens: usage.audioInput,
      ...(written === 0 ? {} : { cache_write_tokens: written }),
    },
    completion_tokens_details: {
      reasoning_tokens: usage.reasoning,
      audio_tokens: usage.audioOutput,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  };
}
