import type { Dropped } from '../../conversation/dropped.ts';
import { isObject, ownExtras } from '../../conversation/json.ts';
import type { Json, JsonObject } from '../../conversation/parts.ts';
import type { ModelRequest, OutputShape, Reasoning } from '../../conversation/request.ts';
import { knownEffort, type ModelRules, modelRules, shortUser } from './model-rules.ts';
import { wireNames } from './wire-names.ts';
import { writeMessages } from './write-messages.ts';
import { Writing } from './write-parts.ts';
import { writeTools } from './write-tools.ts';

/** Budgets of thinking by effort, up to and with each. */
const BUDGETS = [
  ['minimal', 1024],
  ['low', 4096],
  ['medium', 10_240],
] as const;

const DEFAULT_TEMPERATURE = 1;

/** The body of `POST {api_base}/chat/completions`; what this format, or the model, cannot say goes to `dropped`. */
export function writeRequest(request: ModelRequest, dropped: Dropped): JsonObject {
  const rules = modelRules(request.model);
  const own = request.extras?.format === 'chat' ? request.extras : undefined;
  const writing = new Writing(rules, wireNames(request), own !== undefined, dropped);
  // What only this format says is a member of its own; `tool_choice` is there with the tools.
  const {
    tool_choice: _choice,
    stream_options: streamOptions,
    ...extras
  } = ownExtras('chat', request.extras, dropped, '') ?? {};
  const tools = writeTools(request, writing);
  return {
    model: request.model,
    messages: writeMessages(request, writing),
    ...(request.isStream
      ? {
          stream: true,
          stream_options: { ...(isObject(streamOptions) ? streamOptions : {}), include_usage: true },
        }
      : {}),
    ...tools,
    ...(tools['tools'] === undefined ? {} : parallel(request, own !== undefined)),
    ...sampling(request, rules, own?.own, dropped),
    ...(own === undefined ? reasoning(request.reasoning, rules, dropped) : thinkingOf(own.own)),
    ...shape(request.output),
    ...extras,
    ...account(request, rules, own !== undefined, dropped),
  };
}

/** Several calls at once are the default, and some models refuse to be told. */
function parallel({ parallelToolCalls }: ModelRequest, isOwn: boolean): JsonObject {
  if (parallelToolCalls === undefined || (parallelToolCalls && !isOwn)) return {};
  return { parallel_tool_calls: parallelToolCalls };
}

function sampling(
  { sampling: wanted }: ModelRequest,
  rules: ModelRules,
  own: JsonObject | undefined,
  dropped: Dropped,
): JsonObject {
  const isOwn = own !== undefined;
  const members: Record<string, Json | undefined> = {
    temperature: wanted.temperature,
    top_p: wanted.topP,
    stop: wanted.stop?.length === 0 ? undefined : wanted.stop,
    seed: wanted.seed,
    presence_penalty: wanted.presencePenalty,
    frequency_penalty: wanted.frequencyPenalty,
    top_k: wanted.topK,
    ...(wanted.logprobs === undefined ? {} : { logprobs: true, top_logprobs: wanted.logprobs.top }),
    ...(isOwn && (own['max_tokens'] !== undefined || own['max_completion_tokens'] !== undefined)
      ? { max_tokens: own['max_tokens'], max_completion_tokens: own['max_completion_tokens'] }
      : { [rules.hasCompletionLimit ? 'max_completion_tokens' : 'max_tokens']: wanted.maxTokens }),
  };
  if (!isOwn) {
    if (wanted.topK !== undefined) drop(members, 'top_k', dropped);
    // One answer is all that the other formats can be told of.
    if (wanted.choices !== undefined && wanted.choices !== 1) dropped.add('n');
    if (rules.isUnsampled) {
      if (wanted.temperature === DEFAULT_TEMPERATURE) members['temperature'] = undefined;
      if (wanted.topP === 1) members['top_p'] = undefined;
      for (const name of [
        'temperature',
        'top_p',
        'stop',
        'presence_penalty',
        'frequency_penalty',
        'logprobs',
        'top_logprobs',
      ])
        drop(members, name, dropped);
    }
    // OpenAI takes four.
    const { stop } = members;
    if (rules.isOpenAi && Array.isArray(stop) && stop.length > 4) {
      members['stop'] = stop.slice(0, 4) as readonly Json[];
      dropped.add('stop');
    }
  }
  return present(members);
}

function drop(members: Record<string, Json | undefined>, name: string, dropped: Dropped): void {
  if (members[name] === undefined) return;
  members[name] = undefined;
  dropped.add(name);
}

function present(members: Record<string, Json | undefined>): JsonObject {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}

/** The words of a client of this format, as they were. */
function thinkingOf(own: JsonObject | undefined): JsonObject {
  const { reasoning_effort, reasoning: router, thinking } = own ?? {};
  return present({ reasoning_effort, reasoning: router, thinking });
}

/** `reasoning_effort`, which is all that most providers of this format know. Models that do not think refuse it. */
function reasoning(wanted: Reasoning | undefined, rules: ModelRules, dropped: Dropped): JsonObject {
  if (wanted === undefined) return {};
  const effort = effortOf(wanted);
  if (effort === undefined) return {};
  if (!rules.hasEffort) {
    // Not to think is what such models do anyway.
    if (effort !== 'none') dropped.add('reasoning');
    return {};
  }
  const known = knownEffort(effort, rules);
  return known === undefined ? {} : { reasoning_effort: known };
}

function effortOf({ isOff, effort, budgetTokens }: Reasoning): string | undefined {
  if (isOff === true || budgetTokens === 0) return 'none';
  if (effort !== undefined || budgetTokens === undefined || budgetTokens < 0) return effort;
  return BUDGETS.find(([, most]) => budgetTokens <= most)?.[0] ?? 'high';
}

function shape(output: OutputShape | undefined): JsonObject {
  if (output === undefined) return {};
  if (output.kind === 'json') return { response_format: { type: 'json_object' } };
  return {
    response_format: {
      type: 'json_schema',
      json_schema: present({
        name: output.name ?? 'answer',
        description: output.description,
        schema: output.schema,
        strict: output.strict,
      }),
    },
  };
}

/** What is said about who asks, and how it shall be served: OpenAI's, and refused by many others. */
function account(request: ModelRequest, rules: ModelRules, isOwn: boolean, dropped: Dropped): JsonObject {
  const members: Record<string, Json | undefined> = {
    user: request.user,
    metadata: request.metadata,
    service_tier: request.serviceTier,
    prompt_cache_key: request.cacheKey,
    verbosity: request.verbosity,
  };
  if (isOwn) {
    const rest = request.extras?.members['metadata'];
    if (isObject(rest)) members['metadata'] = { ...request.metadata, ...rest };
    return present(members);
  }
  // OpenAI refuses it where nothing is stored.
  drop(members, 'metadata', dropped);
  if (!rules.isOpenAi)
    for (const name of Object.keys(members)) if (name !== 'user') drop(members, name, dropped);
  if (!rules.takesThoughts && !rules.isOpenAi) drop(members, 'user', dropped);
  if (rules.isOpenAi && !rules.isUnsampled) drop(members, 'verbosity', dropped);
  if (request.user !== undefined && members['user'] !== undefined) members['user'] = shortUser(request.user);
  return present(members);
}
