import type { RequestFacts } from '../../conversation/format.ts';
import { extrasOf, isObject, numberOf } from '../../conversation/json.ts';
import { invalid } from '../../conversation/llm-failure.ts';
import type { Json, JsonObject } from '../../conversation/parts.ts';
import type { ModelRequest, OutputShape, Reasoning, Sampling } from '../../conversation/request.ts';
import { Members } from './members.ts';
import { readMessages } from './read-messages.ts';
import { readToolChoice, readTools } from './read-tools.ts';

const REQUEST = new Set([
  'model',
  'messages',
  'tools',
  'functions',
  'tool_choice',
  'function_call',
  'parallel_tool_calls',
  'stream',
  'stream_options',
  'temperature',
  'top_p',
  'top_k',
  'max_tokens',
  'max_completion_tokens',
  'stop',
  'seed',
  'presence_penalty',
  'frequency_penalty',
  'n',
  'logprobs',
  'top_logprobs',
  'reasoning_effort',
  'reasoning',
  'thinking',
  'response_format',
  'verbosity',
  'user',
  'metadata',
  'service_tier',
  'prompt_cache_key',
]);

/** Forms that say one thing in several words, kept for a provider of the same format. */
const OWN = ['max_tokens', 'max_completion_tokens', 'reasoning_effort', 'reasoning', 'thinking'];

/** The body of `POST /v1/chat/completions`. Throws LlmFailure (`invalid`) that names the member that is wrong. */
export function readRequest(body: JsonObject, facts: RequestFacts): ModelRequest {
  const request = new Members(body, '');
  const model = request.text('model') ?? facts.model;
  if (model === undefined || model === '') throw invalid('model must be the name of a model', 'model');
  const { system, turns } = readMessages(request);
  const { choice, other } = readToolChoice(request);
  const members: Record<string, Json | undefined> = { ...extrasOf('chat', body, REQUEST)?.members };
  dropDefaults(members);
  if (other !== undefined) members['tool_choice'] = other;
  const { include_usage: _usage, ...streamOptions } = request.object('stream_options')?.value ?? {};
  if (Object.keys(streamOptions).length > 0) members['stream_options'] = streamOptions;
  const { metadata, rest } = readMetadata(request);
  if (Object.keys(rest).length > 0) members['metadata'] = rest;
  return {
    model,
    isStream: request.flag('stream') ?? false,
    system,
    turns,
    tools: readTools(request),
    toolChoice: choice,
    parallelToolCalls: request.flag('parallel_tool_calls'),
    sampling: readSampling(request),
    reasoning: readReasoning(request),
    output: readShape(request),
    verbosity: request.text('verbosity'),
    user: request.text('user'),
    metadata,
    serviceTier: request.text('service_tier'),
    cacheKey: request.text('prompt_cache_key'),
    // Always there, so that a writer of this format knows its own client's words and leaves them as they are.
    extras: {
      format: 'chat',
      members,
      own: Object.fromEntries(
        OWN.flatMap((name) => {
          const value = request.get(name);
          return value === undefined ? [] : [[name, value]];
        }),
      ),
    },
  };
}

/** Values that say no more than the member's absence are no loss where it cannot be said. */
function dropDefaults(members: Record<string, Json | undefined>): void {
  if (members['store'] === false) delete members['store'];
  const { logit_bias: bias, modalities } = members;
  if (isObject(bias) && Object.keys(bias).length === 0) delete members['logit_bias'];
  if (Array.isArray(modalities) && modalities.length === 1 && modalities[0] === 'text')
    delete members['modalities'];
}

function readSampling(request: Members): Sampling {
  const choices = request.number('n');
  if (choices !== undefined && choices !== 1)
    throw invalid(
      `n is ${choices}, but one answer is all that can be had here: the model's provider speaks another format, or the gateway calls tools on the way. Leave n out, or ask ${choices > 1 ? 'several times' : 'for one'}`,
      'n',
    );
  const wantsLogprobs = request.flag('logprobs') === true;
  return {
    temperature: request.number('temperature'),
    topP: request.number('top_p'),
    topK: request.number('top_k'),
    maxTokens: request.number('max_completion_tokens') ?? request.number('max_tokens'),
    stop: readStopSequences(request),
    seed: request.number('seed'),
    presencePenalty: request.number('presence_penalty'),
    frequencyPenalty: request.number('frequency_penalty'),
    logprobs: wantsLogprobs ? { top: request.number('top_logprobs') } : undefined,
  };
}

function readStopSequences(request: Members): readonly string[] | undefined {
  const stop = request.get('stop');
  if (stop === undefined) return undefined;
  return typeof stop === 'string' ? [stop] : request.texts('stop');
}

/** `reasoning_effort`; `reasoning` (OpenRouter); `thinking` (Anthropic's words, also of LiteLLM, DeepSeek and others). */
function readReasoning(request: Members): Reasoning | undefined {
  const router = request.object('reasoning');
  const thinking = request.object('thinking');
  const effort = request.text('reasoning_effort') ?? router?.text('effort');
  const type = thinking?.text('type');
  if (effort === undefined && router === undefined && type === undefined) return undefined;
  const isOff = effort === 'none' || type === 'disabled' || router?.flag('enabled') === false;
  const isHidden = router?.flag('exclude');
  const summary = router?.text('summary');
  return {
    ...(isOff ? { isOff } : {}),
    ...(effort === undefined ? {} : { effort }),
    budgetTokens: numberOf(router?.get('max_tokens')) ?? numberOf(thinking?.get('budget_tokens')),
    ...(type === 'adaptive' || (type === 'enabled' && thinking?.get('budget_tokens') === undefined)
      ? { isAdaptive: true }
      : {}),
    ...(summary === undefined ? {} : { summary }),
    includeThoughts: isOff ? undefined : isHidden !== true,
  };
}

function readShape(request: Members): OutputShape | undefined {
  const format = request.object('response_format');
  if (format === undefined) return undefined;
  const type = format.needText('type');
  if (type === 'text') return undefined;
  if (type === 'json_object') return { kind: 'json' };
  if (type !== 'json_schema')
    throw invalid(
      `response_format.type is "${type}"; it must be text, json_object or json_schema`,
      'response_format.type',
    );
  const about = format.needObject('json_schema');
  return {
    kind: 'schema',
    name: about.text('name'),
    description: about.text('description'),
    schema: about.needObject('schema').value,
    strict: about.flag('strict'),
  };
}

/** Texts are metadata; anything else there is some gateway's own (LiteLLM's tags and traces). */
function readMetadata(request: Members): { metadata: Record<string, string> | undefined; rest: JsonObject } {
  const value = request.object('metadata')?.value;
  if (value === undefined) return { metadata: undefined, rest: {} };
  const texts: Record<string, string> = {};
  const rest: Record<string, Json | undefined> = {};
  for (const [name, member] of Object.entries(value))
    if (typeof member === 'string') texts[name] = member;
    else rest[name] = member;
  return { metadata: Object.keys(texts).length === 0 ? undefined : texts, rest };
}
