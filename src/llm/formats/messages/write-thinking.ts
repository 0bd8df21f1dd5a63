import type { Dropped } from '../../conversation/dropped.ts';
import { isObject } from '../../conversation/json.ts';
import type { Json, JsonObject } from '../../conversation/parts.ts';
import type { ModelRequest, Reasoning } from '../../conversation/request.ts';
import type { ModelRules } from './model-rules.ts';

/** The least that the provider takes. */
const BUDGET_MIN = 1024;

const BUDGETS: Readonly<Record<string, number>> = {
  minimal: 1024,
  low: 4096,
  medium: 10_240,
  high: 24_576,
  xhigh: 32_768,
  max: 49_152,
};

/** What there is left for the answer itself when the client gave no `max_tokens`. */
const ANSWER_TOKENS = 8192;

export interface Thinking {
  readonly thinking?: JsonObject | undefined;
  readonly effort?: string | undefined;
  readonly maxTokens: number | undefined;
}

export interface ThinkingFacts {
  readonly rules: ModelRules;
  /** Whether the request came in this format: then it says what its client wants, also where the provider will refuse it. */
  readonly isOwn: boolean;
  /** Whether `tool_choice` demands a call, which excludes thinking. */
  readonly isForced: boolean;
  /** Whether the conversation is between a call and its result, and the turn of the call does not begin with a thought of this provider. */
  readonly isLoopUnsealed: boolean;
  /** Whether it is there, and none of the turns since the user last spoke has a thought. */
  readonly isLoopThoughtless: boolean;
}

/** How much the model shall think, as `thinking`, `output_config.effort` and the `max_tokens` that go with them. */
export function writeThinking(request: ModelRequest, facts: ThinkingFacts, dropped: Dropped): Thinking {
  const { reasoning } = request;
  const { maxTokens } = request.sampling;
  if (facts.isOwn) {
    const own = ownThinking(request, reasoning);
    // Another provider's thoughts, which cannot be told, have left the loop: now this one would refuse to think.
    if (!facts.isLoopThoughtless || !isObject(own.thinking) || own.thinking['type'] !== 'enabled')
      return { ...own, maxTokens };
    dropped.add('thinking');
    return { effort: own.effort, maxTokens };
  }
  const maxOrDefault = maxTokens ?? facts.rules.maxTokensDefault;
  if (reasoning === undefined) return { maxTokens: maxOrDefault };
  if (isOff(reasoning))
    return { ...(facts.rules.canThink ? { thinking: { type: 'disabled' } } : {}), maxTokens: maxOrDefault };
  if (facts.isForced || !facts.rules.canThink) {
    dropped.add('reasoning');
    return { maxTokens: maxOrDefault };
  }
  const display = displayOf(reasoning);
  if (facts.rules.isAdaptive) {
    const effort = effortOf(reasoning, facts.rules);
    return { thinking: { type: 'adaptive', ...display }, effort, maxTokens: maxOrDefault };
  }
  const wanted = budgetOf(reasoning);
  const { maxTokensMost } = facts.rules;
  const budget = Math.min(wanted, (maxTokens ?? maxTokensMost - ANSWER_TOKENS + 1) - 1);
  if (budget < BUDGET_MIN || facts.isLoopUnsealed) {
    dropped.add('reasoning');
    return { maxTokens: maxOrDefault };
  }
  return {
    thinking: { type: 'enabled', budget_tokens: budget, ...display },
    maxTokens: maxTokens ?? Math.max(maxOrDefault, Math.min(maxTokensMost, budget + ANSWER_TOKENS)),
  };
}

function ownThinking(
  request: ModelRequest,
  reasoning: Reasoning | undefined,
): Pick<Thinking, 'thinking' | 'effort'> {
  const raw: Json | undefined = request.extras?.members['thinking'];
  const effort = reasoning?.effort;
  if (isObject(raw)) return { thinking: raw, effort };
  if (reasoning?.isOff === true) return { thinking: { type: 'disabled' }, effort };
  const display = reasoning === undefined ? {} : displayOf(reasoning);
  if (reasoning?.isAdaptive === true) return { thinking: { type: 'adaptive', ...display }, effort };
  if (reasoning?.budgetTokens === undefined) return { effort };
  return { thinking: { type: 'enabled', budget_tokens: reasoning.budgetTokens, ...display }, effort };
}

function isOff(reasoning: Reasoning): boolean {
  return reasoning.isOff === true || reasoning.effort === 'none' || reasoning.budgetTokens === 0;
}

function displayOf(reasoning: Reasoning): { display?: string } {
  if (reasoning.includeThoughts === false) return { display: 'omitted' };
  return reasoning.summary === undefined || reasoning.summary === 'none' ? {} : { display: 'summarized' };
}

function effortOf(reasoning: Reasoning, rules: ModelRules): string | undefined {
  const { effort } = reasoning;
  if (effort === undefined) return effortOfBudget(reasoning.budgetTokens);
  if (effort === 'minimal') return 'low';
  return effort === 'xhigh' && !rules.isStrict ? 'high' : effort;
}

function effortOfBudget(budget: number | undefined): string | undefined {
  if (budget === undefined || budget < 0) return undefined;
  return (
    (['low', 'medium', 'high', 'xhigh'] as const).find((effort) => budget <= (BUDGETS[effort] ?? 0)) ?? 'max'
  );
}

function budgetOf(reasoning: Reasoning): number {
  const { budgetTokens, effort } = reasoning;
  if (budgetTokens !== undefined && budgetTokens > 0) return Math.max(BUDGET_MIN, budgetTokens);
  return BUDGETS[effort ?? 'medium'] ?? 10_240;
}
