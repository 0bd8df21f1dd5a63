import type { Usage } from '../../conversation/answer.ts';
import { isObject, numberOf, textOf } from '../../conversation/json.ts';
import type { Json, JsonObject } from '../../conversation/parts.ts';

/** Usage as Messages counts it: `input_tokens` is only what no cache had, and later objects of a stream replace earlier ones member by member. */
export class UsageReader {
  #input = 0;
  #output = 0;
  #cacheRead = 0;
  #cacheWrite = 0;
  #cacheWrite1h = 0;
  #reasoning = 0;
  #tier: string | undefined;

  /** Whether the object said anything. */
  read(usage: Json | undefined): boolean {
    if (!isObject(usage)) return false;
    // A later zero is an imitator's "not known here", never a correction.
    this.#input = numberOf(usage['input_tokens']) || this.#input;
    this.#output = numberOf(usage['output_tokens']) || this.#output;
    this.#cacheRead = numberOf(usage['cache_read_input_tokens']) || this.#cacheRead;
    this.#cacheWrite = numberOf(usage['cache_creation_input_tokens']) || this.#cacheWrite;
    const creation = usage['cache_creation'];
    if (isObject(creation)) {
      this.#cacheWrite1h = numberOf(creation['ephemeral_1h_input_tokens']) || this.#cacheWrite1h;
      const short = numberOf(creation['ephemeral_5m_input_tokens']) ?? 0;
      this.#cacheWrite = Math.max(this.#cacheWrite, short + this.#cacheWrite1h);
    }
    this.#tier = textOf(usage['service_tier']) ?? this.#tier;
    const details = usage['output_tokens_details'];
    if (isObject(details)) this.#reasoning = numberOf(details['thinking_tokens']) || this.#reasoning;
    return true;
  }

  get usage(): Usage {
    return {
      input: this.#input + this.#cacheRead + this.#cacheWrite,
      output: this.#output,
      cacheRead: this.#cacheRead,
      cacheWrite: this.#cacheWrite - Math.min(this.#cacheWrite, this.#cacheWrite1h),
      cacheWrite1h: this.#cacheWrite1h,
      reasoning: this.#reasoning,
      audioInput: 0,
      audioOutput: 0,
      ...(this.#tier === undefined ? {} : { tier: this.#tier }),
    };
  }
}

const TIERS: ReadonlySet<string> = new Set(['standard', 'priority', 'batch']);

/** The usage object of a whole message and of `message_start`. */
export function writeUsage(usage: Usage | undefined): JsonObject {
  const written = (usage?.cacheWrite ?? 0) + (usage?.cacheWrite1h ?? 0);
  return {
    input_tokens: usage === undefined ? 0 : Math.max(0, usage.input - usage.cacheRead - written),
    cache_creation_input_tokens: written,
    cache_read_input_tokens: usage?.cacheRead ?? 0,
    cache_creation: {
      ephemeral_5m_input_tokens: usage?.cacheWrite ?? 0,
      ephemeral_1h_input_tokens: usage?.cacheWrite1h ?? 0,
    },
    output_tokens: usage?.output ?? 0,
    ...(usage !== undefined && usage.reasoning > 0
      ? { output_tokens_details: { thinking_tokens: usage.reasoning } }
      : {}),
    ...(usage?.tier !== undefined && TIERS.has(usage.tier) ? { service_tier: usage.tier } : {}),
  };
}
