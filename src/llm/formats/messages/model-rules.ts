/** What is known of Anthropic's models by their names. Models of other makers that speak this format count as unknown. */
export interface ModelRules {
  /** Whether the model is one of Anthropic's. */
  readonly isClaude: boolean;
  /** Whether it can think (3.7 and later). */
  readonly canThink: boolean;
  /** Whether it decides itself how much to think (4.6 and later). */
  readonly isAdaptive: boolean;
  /** Whether budgets of thinking and sampling parameters are gone (4.7 and later). */
  readonly isStrict: boolean;
  /** Whether `temperature` and `top_p` exclude each other (4.5 and later). */
  readonly takesOneOfTemperatureAndTopP: boolean;
  /** `max_tokens` for clients whose format does not require one. */
  readonly maxTokensDefault: number;
  /** As many as `max_tokens` may be, thoughts included. */
  readonly maxTokensMost: number;
}

const UNKNOWN: ModelRules = {
  isClaude: false,
  canThink: true,
  isAdaptive: false,
  isStrict: false,
  takesOneOfTemperatureAndTopP: false,
  maxTokensDefault: 8192,
  maxTokensMost: 64_000,
};

/** `claude-opus-4-6`, `claude-3-5-sonnet-20241022`, `anthropic/claude-sonnet-4.5`: a date after the version is not a minor version. */
const CLAUDE = /claude-(?:[a-z]+-)?(\d{1,2})(?:[-.](\d{1,2}))?(?!\d)/;

export function rulesOf(model: string): ModelRules {
  const match = CLAUDE.exec(model);
  if (match === null) return UNKNOWN;
  const version = Number(match[1]) * 100 + Number(match[2] ?? 0);
  return {
    isClaude: true,
    canThink: version >= 307,
    isAdaptive: version >= 406,
    isStrict: version >= 407,
    takesOneOfTemperatureAndTopP: version >= 405,
    maxTokensDefault: maxTokensDefault(version),
    // Opus 4 and 4.1 give half of what the others do.
    maxTokensMost: version < 402 && model.includes('opus') ? 32_000 : 64_000,
  };
}

function maxTokensDefault(version: number): number {
  if (version < 305) return 4096;
  return version < 307 ? 8192 : 32_000;
}
