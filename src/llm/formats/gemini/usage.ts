import type { Usage } from '../../conversation/answer.ts';
import { isList, isObject, numberOf } from '../../conversation/json.ts';
import type { Json, JsonObject } from '../../conversation/parts.ts';

/** Usage as the API counts it: the prompt includes what came from a cache, thoughts are beside the candidates. Later chunks say more. */
export class UsageReader {
  #seen: JsonObject = {};

  /** Whether the object said anything of tokens. */
  read(usage: Json | undefined): boolean {
    if (!isObject(usage)) return false;
    if (numberOf(usage['promptTokenCount']) === undefined && numberOf(usage['totalTokenCount']) === undefined)
      return false;
    this.#seen = { ...this.#seen, ...usage };
    return true;
  }

  get usage(): Usage {
    const count = (name: string): number => numberOf(this.#seen[name]) ?? 0;
    const input = count('promptTokenCount') + count('toolUsePromptTokenCount');
    const thoughts = count('thoughtsTokenCount');
    // Some models count only the total.
    const candidates =
      numberOf(this.#seen['candidatesTokenCount']) ??
      Math.max(0, count('totalTokenCount') - input - thoughts);
    return {
      input,
      output: candidates + thoughts,
      cacheRead: count('cachedContentTokenCount'),
      cacheWrite: 0,
      cacheWrite1h: 0,
      reasoning: thoughts,
      audioInput: audioOf(this.#seen['promptTokensDetails']),
      audioOutput: audioOf(this.#seen['candidatesTokensDetails']),
    };
  }
}

export function writeUsage(usage: Usage): JsonObject {
  const candidates = Math.max(0, usage.output - usage.reasoning);
  return {
    promptTokenCount: usage.input,
    ...(usage.cacheRead > 0 ? { cachedContentTokenCount: usage.cacheRead } : {}),
    candidatesTokenCount: candidates,
    ...(usage.reasoning > 0 ? { thoughtsTokenCount: usage.reasoning } : {}),
    totalTokenCount: usage.input + usage.output,
    ...details('promptTokensDetails', usage.input, usage.audioInput),
    ...details('candidatesTokensDetails', candidates, usage.audioOutput),
  };
}

function audioOf(value: Json | undefined): number {
  if (!isList(value)) return 0;
  return value.reduce<number>(
    (sum, one) =>
      isObject(one) && one['modality'] === 'AUDIO' ? sum + (numberOf(one['tokenCount']) ?? 0) : sum,
    0,
  );
}

function details(name: string, total: number, audio: number): JsonObject {
  if (audio === 0) return {};
  return {
    [name]: [
      { modality: 'TEXT', tokenCount: Math.max(0, total - audio) },
      { modality: 'AUDIO', tokenCount: audio },
    ],
  };
}
