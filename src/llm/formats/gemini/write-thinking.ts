import type { Dropped } from '../../conversation/dropped.ts';
import type { JsonObject } from '../../conversation/parts.ts';
import type { Reasoning } from '../../conversation/request.ts';
import type { ModelRules } from './model-rules.ts';

const BUDGETS: Readonly<Record<string, number>> = {
  minimal: 512,
  low: 1024,
  medium: 8192,
  high: 24_576,
  xhigh: 32_768,
  max: 32_768,
};

/** `thinkingConfig`; `undefined` when there is nothing to say. A client of this format is taken at its word. */
export function writeThinking(
  reasoning: Reasoning | undefined,
  rules: ModelRules,
  isOwn: boolean,
  dropped: Dropped,
): JsonObject | undefined {
  if (reasoning === undefined) return undefined;
  if (isOwn) return notEmpty({ ...ownAmount(reasoning), ...shown(reasoning.includeThoughts) });
  const isOff = reasoning.isOff === true || reasoning.effort === 'none' || reasoning.budgetTokens === 0;
  if (rules.thinking === 'none') {
    if (!isOff) dropped.add('reasoning');
    return undefined;
  }
  const amount =
    rules.thinking === 'level'
      ? level(reasoning, rules, isOff, dropped)
      : budget(reasoning, rules, isOff, dropped);
  const wantsThoughts =
    !isOff &&
    (reasoning.includeThoughts ??
      (reasoning.summary !== undefined && reasoning.summary !== 'none' ? true : undefined));
  return notEmpty({ ...amount, ...shown(wantsThoughts === false ? undefined : wantsThoughts) });
}

function ownAmount(reasoning: Reasoning): JsonObject {
  if (reasoning.effort !== undefined) return { thinkingLevel: reasoning.effort.toUpperCase() };
  if (reasoning.isOff === true) return { thinkingBudget: 0 };
  if (reasoning.isAdaptive === true) return { thinkingBudget: -1 };
  return reasoning.budgetTokens === undefined ? {} : { thinkingBudget: reasoning.budgetTokens };
}

/** These models cannot be kept from thinking, and take budgets only beside no level. */
function level(reasoning: Reasoning, rules: ModelRules, isOff: boolean, dropped: Dropped): JsonObject {
  const { effort, budgetTokens } = reasoning;
  if (isOff || effort === 'minimal') {
    if (rules.takesMinimal) return { thinkingLevel: 'MINIMAL' };
    if (isOff) dropped.add('reasoning');
    return { thinkingLevel: 'LOW' };
  }
  if (effort === 'low') return { thinkingLevel: 'LOW' };
  if (effort === 'medium') return { thinkingLevel: rules.takesMedium ? 'MEDIUM' : 'HIGH' };
  if (effort !== undefined) return { thinkingLevel: 'HIGH' };
  return budgetTokens === undefined ? {} : { thinkingBudget: budgetTokens };
}

function budget(reasoning: Reasoning, rules: ModelRules, isOff: boolean, dropped: Dropped): JsonObject {
  const { effort, budgetTokens, isAdaptive } = reasoning;
  if (isOff) {
    if (rules.budgetMin > 0) dropped.add('reasoning');
    return { thinkingBudget: rules.budgetMin };
  }
  const wanted = budgetTokens ?? (effort === undefined ? undefined : BUDGETS[effort]);
  if (wanted === undefined) return isAdaptive === true ? { thinkingBudget: -1 } : {};
  return { thinkingBudget: Math.min(rules.budgetMax, Math.max(rules.budgetMin, wanted)) };
}

function shown(includeThoughts: boolean | undefined): JsonObject {
  return includeThoughts === undefined ? {} : { includeThoughts };
}

function notEmpty(config: JsonObject): JsonObject | undefined {
  return Object.keys(config).length === 0 ? undefined : config;
}
