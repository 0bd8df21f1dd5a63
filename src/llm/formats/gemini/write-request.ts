import type { Dropped } from '../../conversation/dropped.ts';
import { isObject, ownExtras } from '../../conversation/json.ts';
import type { Json, JsonObject } from '../../conversation/parts.ts';
import type { ModelRequest, OutputShape } from '../../conversation/request.ts';
import { ToolNames } from '../../conversation/tool-names.ts';
import { rulesOf, type ModelRules } from './model-rules.ts';
import { ownSchemaOf } from './schema.ts';
import { writeContents } from './write-contents.ts';
import { writePart, type Writing } from './write-parts.ts';
import { writeThinking } from './write-thinking.ts';
import { writeToolConfig, writeTools } from './write-tools.ts';

const NAME_LIMITS = { forbidden: /[^\w.:-]/g, first: /^[a-zA-Z_]/, charsMax: 128 };
const STOPS_MAX = 5;
const TIERS: Readonly<Record<string, string>> = { default: 'standard', flex: 'flex', priority: 'priority' };

/** How this format names the tools of a request; the answer's calls have the same names. */
export function wireNames(request: ModelRequest): ToolNames {
  return new ToolNames(request, NAME_LIMITS);
}

/** The body of `generateContent` for the provider. The model and whether it streams are said by the address. */
export function writeRequest(request: ModelRequest, dropped: Dropped): JsonObject {
  const isOwn = request.extras?.format === 'gemini';
  const rules = rulesOf(request.model);
  const names = wireNames(request);
  const writing: Writing = {
    names,
    dropped,
    takesMediaInResults: rules.isLater || isOwn,
    called: calledNames(request, names),
  };
  const { generationConfig, toolConfig, ...members } = ownExtras('gemini', request.extras, dropped, '') ?? {};
  const tools = writeTools(request, names, dropped);
  const hasFunctions = tools.some((tool) => tool['functionDeclarations'] !== undefined);
  const choice = writeToolConfig(request, names, toolConfig, hasFunctions);
  const system = request.system.flatMap((part) => writePart(part, writing));
  const config = writeConfig(request, rules, isOwn, generationConfig, dropped);
  const tier = writeTier(request, isOwn, dropped);
  reportForeign(request, dropped);
  return {
    contents: writeContents(request, writing, rules, isOwn),
    ...(system.length === 0 ? {} : { systemInstruction: { parts: system } }),
    ...(tools.length === 0 ? {} : { tools }),
    ...(choice === undefined ? {} : { toolConfig: choice }),
    ...(Object.keys(config).length === 0 ? {} : { generationConfig: config }),
    ...(tier === undefined ? {} : { serviceTier: tier }),
    ...members,
  };
}

function calledNames(request: ModelRequest, names: ToolNames): ReadonlyMap<string, string> {
  const called = new Map<string, string>();
  for (const turn of request.turns)
    for (const part of turn.parts)
      if (part.kind === 'tool-call') called.set(part.id, names.wire(part.name, part.namespace));
  return called;
}

function writeConfig(
  request: ModelRequest,
  rules: ModelRules,
  isOwn: boolean,
  rest: Json | undefined,
  dropped: Dropped,
): JsonObject {
  const { sampling } = request;
  const { thinkingConfig, ...others } = isObject(rest) ? rest : {};
  const thinking = {
    ...writeThinking(request.reasoning, rules, isOwn, dropped),
    ...(isObject(thinkingConfig) ? thinkingConfig : {}),
  };
  const stop = isOwn ? sampling.stop : sampling.stop?.slice(0, STOPS_MAX);
  if ((stop?.length ?? 0) < (sampling.stop?.length ?? 0)) dropped.add('stop');
  const all: Record<string, Json | undefined> = {
    temperature: sampling.temperature,
    topP: sampling.topP,
    topK: sampling.topK,
    maxOutputTokens: sampling.maxTokens,
    stopSequences: stop === undefined || stop.length === 0 ? undefined : stop,
    seed: sampling.seed,
    presencePenalty: sampling.presencePenalty,
    frequencyPenalty: sampling.frequencyPenalty,
    candidateCount: sampling.choices === 1 && !isOwn ? undefined : sampling.choices,
    responseLogprobs: sampling.logprobs === undefined ? undefined : true,
    logprobs: sampling.logprobs?.top,
    thinkingConfig: Object.keys(thinking).length === 0 ? undefined : thinking,
    ...writeShape(request.output),
    ...others,
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

function writeShape(output: OutputShape | undefined): JsonObject {
  if (output === undefined) return {};
  const type = { responseMimeType: 'application/json' };
  if (output.kind === 'json') return type;
  const own = ownSchemaOf(output.schema);
  return own === undefined
    ? { ...type, responseJsonSchema: output.schema }
    : { ...type, responseSchema: own };
}

function writeTier(request: ModelRequest, isOwn: boolean, dropped: Dropped): string | undefined {
  const tier = request.serviceTier;
  if (tier === undefined || isOwn || tier === 'auto') return isOwn ? tier : undefined;
  const own = TIERS[tier];
  if (own === undefined) dropped.add('service_tier');
  return own;
}

/** What other formats can ask for and this one cannot. */
function reportForeign(request: ModelRequest, dropped: Dropped): void {
  if (request.parallelToolCalls === false) dropped.add('parallel_tool_calls');
  if (request.verbosity !== undefined) dropped.add('verbosity');
  if (request.user !== undefined) dropped.add('user');
  if (request.cacheKey !== undefined) dropped.add('prompt_cache_key');
  if (request.metadata !== undefined && Object.keys(request.metadata).length > 0) dropped.add('metadata');
  if (request.namespaces?.some((one) => one.description !== undefined) === true)
    dropped.add('tools.description');
}
