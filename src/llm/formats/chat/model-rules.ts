import { createHash } from 'node:crypto';

/**
 * What a model takes that a request from another format may want of it. This format is spoken by many providers, and the model's name is all
 * that a request says about who will read it. Requests of Chat Completions clients are not changed by these rules.
 */
export interface ModelRules {
  /** OpenAI's own: it refuses members that it does not know, in messages too. */
  readonly isOpenAi: boolean;
  /** `max_completion_tokens` instead of `max_tokens`. */
  readonly hasCompletionLimit: boolean;
  /** Refuses temperature, top_p and stop sequences. */
  readonly isUnsampled: boolean;
  readonly hasEffort: boolean;
  /** The efforts that it knows beyond low, medium and high. */
  readonly efforts: readonly string[];
  /** Tools that take any text. */
  readonly hasFreeform: boolean;
  /** Thoughts of earlier turns, as `reasoning_content`. */
  readonly takesThoughts: boolean;
  /** Marks of prompt caches on content parts. */
  readonly takesCacheMarks: boolean;
  /** Wants its signatures of calls back. */
  readonly isGemini: boolean;
}

const OPENAI = /(?:^|[/.:])(?:gpt-(?!oss)|chatgpt|o[1-9](?:$|-)|codex)|^azure\/|(?:^|\/)ft:gpt/i;
const OPENAI_REASONING = /(?:^|[/.:])(?:o[1-9](?:$|-)|gpt-(?:[5-9]|\d\d)|codex)/i;
const OPENAI_CHAT_ONLY = /gpt-5(?:\.\d)?-chat/i;
/** Families whose providers refuse members that they do not know. */
const STRICT = /mistral|mixtral|ministral|magistral|codestral|devstral|pixtral|voxtral/i;
const REASONING =
  /gpt-oss|deepseek|gemini-(?:[3-9]|2\.5)|claude|grok-3-mini|qwen3|qwq|glm-[4-9]|kimi|minimax|nemotron|think|reason|(?:^|[-/])r1/i;
const CLAUDE = /claude/i;
const GEMINI = /gemini/i;

export function modelRules(model: string): ModelRules {
  const isOpenAi = OPENAI.test(model);
  const isReasoning = OPENAI_REASONING.test(model) && !OPENAI_CHAT_ONLY.test(model);
  const isStrict = STRICT.test(model);
  return {
    isOpenAi,
    hasCompletionLimit: OPENAI_REASONING.test(model),
    isUnsampled: isReasoning,
    hasEffort: isOpenAi ? isReasoning : !isStrict && REASONING.test(model),
    efforts: effortsOf(model, isOpenAi),
    hasFreeform: isReasoning && !/(?:^|[/.:])o[1-9]/i.test(model),
    takesThoughts: !isOpenAi && !isStrict,
    takesCacheMarks: CLAUDE.test(model),
    isGemini: GEMINI.test(model),
  };
}

function effortsOf(model: string, isOpenAi: boolean): readonly string[] {
  if (!isOpenAi) return GEMINI.test(model) ? ['none', 'minimal'] : [];
  if (/gpt-5(?!\.\d|-chat)/i.test(model)) return ['minimal'];
  if (/gpt-5\.1/i.test(model)) return /codex-max/i.test(model) ? ['none', 'xhigh'] : ['none'];
  return /gpt-(?:5\.|[6-9]|\d\d)/i.test(model) ? ['none', 'xhigh'] : [];
}

/** The effort that a model knows which is nearest to the one wanted. `undefined`: none has to be said. */
export function knownEffort(effort: string, { efforts, isOpenAi }: ModelRules): string | undefined {
  if (efforts.includes(effort)) return effort;
  switch (effort) {
    case 'none':
      return isOpenAi ? (efforts.includes('minimal') ? 'minimal' : 'low') : undefined;
    case 'minimal':
      return 'low';
    case 'max':
    case 'xhigh':
      return efforts.includes('xhigh') ? 'xhigh' : 'high';
    default:
      return effort;
  }
}

/** What OpenAI takes as `user`. */
const USER_CHARS_MAX = 64;

/** Who asks, in a word that OpenAI takes; the same user always gets the same one. */
export function shortUser(user: string): string {
  return user.length > USER_CHARS_MAX ? createHash('sha256').update(user).digest('hex') : user;
}
