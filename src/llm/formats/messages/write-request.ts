import type { Dropped } from '../../conversation/dropped.ts';
import { isObject, ownExtras } from '../../conversation/json.ts';
import type { JsonObject } from '../../conversation/parts.ts';
import type { ModelRequest, Sampling } from '../../conversation/request.ts';
import { ToolNames } from '../../conversation/tool-names.ts';
import { rulesOf, type ModelRules } from './model-rules.ts';
import { writeShape } from './write-output.ts';
import { writePart, type Writing } from './write-parts.ts';
import { writeThinking } from './write-thinking.ts';
import { writeToolChoice, writeTools } from './write-tools.ts';
import { isLoopThoughtless, isLoopUnsealed, writeTurns } from './write-turns.ts';

const NAME_LIMITS = { forbidden: /[^\w-]/g, charsMax: 128 };

/** How this format names the tools of a request; the answer's calls have the same names. */
export function wireNames(request: ModelRequest): ToolNames {
  return new ToolNames(request, NAME_LIMITS);
}

/** The body of `POST /v1/messages` for the provider. */
export function writeRequest(request: ModelRequest, dropped: Dropped): JsonObject {
  const isOwn = request.extras?.format === 'messages';
  const names = wireNames(request);
  const servers = new Set(request.tools.flatMap((tool) => (tool.kind === 'servers' ? [tool.label] : [])));
  const writing: Writing = { names, dropped, servers };
  const { members, ...openMembers } = openMembersOf(request, dropped);
  const { tools, servers: mcpServers } = writeTools(request, names, dropped);
  const system = request.system.flatMap((part) => writePart(part, writing));
  const messages = writeTurns(request, writing, isOwn);
  const toolChoice = writeToolChoice(request, names, tools.length > 0);
  const rules = rulesOf(request.model);
  const { thinking, effort, maxTokens } = writeThinking(
    request,
    {
      rules,
      isOwn,
      isForced: toolChoice?.['type'] === 'any' || toolChoice?.['type'] === 'tool',
      isLoopUnsealed: isLoopUnsealed(messages),
      isLoopThoughtless: isLoopThoughtless(messages),
    },
    dropped,
  );
  const isThinking = thinking !== undefined && thinking['type'] !== 'disabled';
  const format = writeShape(request.output, isOwn, dropped);
  const outputConfig = {
    ...(effort === undefined ? {} : { effort }),
    ...(format === undefined ? {} : { format }),
    ...openMembers.outputConfig,
  };
  reportForeign(request, dropped);
  return {
    model: request.model,
    ...(maxTokens === undefined ? {} : { max_tokens: maxTokens }),
    ...(system.length === 0 ? {} : { system }),
    messages,
    ...(tools.length === 0 ? {} : { tools }),
    ...(toolChoice === undefined ? {} : { tool_choice: toolChoice }),
    ...(mcpServers.length === 0 ? {} : { mcp_servers: mcpServers }),
    ...(thinking === undefined ? {} : { thinking }),
    ...(Object.keys(outputConfig).length === 0 ? {} : { output_config: outputConfig }),
    ...writeSampling(request, { rules, isOwn, isThinking }, dropped),
    ...writeAbout(request, openMembers.metadata, dropped),
    ...(request.isStream ? { stream: true } : {}),
    ...members,
  };
}

/** Members that only this format has; two of them are parts of objects that are written from elsewhere too. */
function openMembersOf(
  request: ModelRequest,
  dropped: Dropped,
): { members: JsonObject; outputConfig: JsonObject; metadata: JsonObject } {
  const {
    thinking: _thinking,
    output_config,
    metadata,
    ...members
  } = ownExtras('messages', request.extras, dropped, '') ?? {};
  return {
    members,
    outputConfig: isObject(output_config) ? output_config : {},
    metadata: isObject(metadata) ? metadata : {},
  };
}

interface SamplingFacts {
  readonly rules: ModelRules;
  readonly isOwn: boolean;
  readonly isThinking: boolean;
}

function writeSampling(request: ModelRequest, facts: SamplingFacts, dropped: Dropped): JsonObject {
  const { sampling } = request;
  const { temperature, topP, topK, stop } = facts.isOwn ? sampling : takenSampling(sampling, facts, dropped);
  return {
    ...(temperature === undefined ? {} : { temperature }),
    ...(topP === undefined ? {} : { top_p: topP }),
    ...(topK === undefined ? {} : { top_k: topK }),
    ...(stop === undefined || stop.length === 0 ? {} : { stop_sequences: stop }),
  };
}

/**
 * What the provider takes of it: a temperature of at most 1; with thinking on and for newer models only the defaults, which are then left
 * unsaid; for some models not both of `temperature` and `top_p`; no stop sequence of white space alone.
 */
function takenSampling(sampling: Sampling, facts: SamplingFacts, dropped: Dropped): Sampling {
  const { temperature, topK } = sampling;
  const topP = sampling.topP === 1 ? undefined : sampling.topP;
  const stop = sampling.stop?.filter((one) => one.trim() !== '');
  if (stop !== undefined && stop.length < (sampling.stop?.length ?? 0)) dropped.add('stop');
  const isFixed = facts.isThinking || facts.rules.isStrict;
  if (temperature !== undefined && (isFixed ? temperature !== 1 : temperature > 1))
    dropped.add('temperature');
  if (topK !== undefined && isFixed) dropped.add('top_k');
  const keepsTopP = facts.rules.isStrict
    ? false
    : facts.isThinking
      ? topP !== undefined && topP >= 0.95
      : temperature === undefined || !facts.rules.takesOneOfTemperatureAndTopP;
  if (topP !== undefined && !keepsTopP) dropped.add('top_p');
  return {
    temperature: isFixed || temperature === undefined ? undefined : Math.min(1, temperature),
    topP: keepsTopP ? topP : undefined,
    topK: isFixed ? undefined : topK,
    stop,
  };
}

function writeAbout(request: ModelRequest, metadata: JsonObject, dropped: Dropped): JsonObject {
  const about = { ...(request.user === undefined ? {} : { user_id: request.user }), ...metadata };
  const tier = request.serviceTier;
  if (tier !== undefined && tier !== 'auto' && tier !== 'default') dropped.add('service_tier');
  return {
    ...(Object.keys(about).length === 0 ? {} : { metadata: about }),
    ...(tier === 'auto' ? { service_tier: 'auto' } : {}),
    ...(tier === 'default' ? { service_tier: 'standard_only' } : {}),
  };
}

/** What other formats can ask for and this one cannot. */
function reportForeign(request: ModelRequest, dropped: Dropped): void {
  const { seed, presencePenalty, frequencyPenalty, choices, logprobs } = request.sampling;
  if (seed !== undefined) dropped.add('seed');
  if (presencePenalty !== undefined && presencePenalty !== 0) dropped.add('presence_penalty');
  if (frequencyPenalty !== undefined && frequencyPenalty !== 0) dropped.add('frequency_penalty');
  if (choices !== undefined && choices !== 1) dropped.add('n');
  if (logprobs !== undefined) dropped.add('logprobs');
  if (request.verbosity !== undefined) dropped.add('verbosity');
  if (request.cacheKey !== undefined) dropped.add('prompt_cache_key');
  if (request.metadata !== undefined && Object.keys(request.metadata).length > 0) dropped.add('metadata');
  if (request.namespaces?.some((one) => one.description !== undefined) === true)
    dropped.add('tools.description');
}
