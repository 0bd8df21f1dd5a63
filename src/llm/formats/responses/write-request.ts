import type { Dropped } from '../../conversation/dropped.ts';
import type { Json, JsonObject, Part } from '../../conversation/parts.ts';
import type { ModelRequest, OutputShape, Reasoning, Sampling } from '../../conversation/request.ts';
import { knownEffort, type ModelRules, modelRules, shortUser } from '../chat/model-rules.ts';
import { dropExtras } from './drop-names.ts';
import { listOf, ownExtras } from './json-members.ts';
import { wireNames } from './wire-names.ts';
import { writeContent } from './write-content.ts';
import { writeInput } from './write-input.ts';
import { writeToolChoice, writeTools } from './write-tools.ts';

/** OpenAI takes no smaller bound for an answer. */
const OUTPUT_TOKENS_MIN = 16;
/** Up to how many tokens of thought an effort stands for, for formats that count them. */
const LOW_TOKENS = 4096;
const MEDIUM_TOKENS = 16_384;

/** The request for a provider that speaks Responses. */
export function writeRequest(request: ModelRequest, dropped: Dropped): JsonObject {
  const names = wireNames(request);
  dropExtras(request.extras, dropped, '');
  const rules = rulesFor(request);
  const tools = writeTools(request, names, dropped);
  const system = writeSystem(request.system, dropped);
  const body: Record<string, Json | undefined> = {
    model: request.model,
    ...(request.isStream ? { stream: true } : {}),
    ...(system.instructions === undefined ? {} : { instructions: system.instructions }),
    input: [...system.items, ...writeInput(request, names, dropped)],
    ...(tools.length === 0 ? {} : { tools }),
    tool_choice:
      request.toolChoice === undefined ? undefined : writeToolChoice(request.toolChoice, request, names),
    parallel_tool_calls: request.parallelToolCalls,
    ...writeSampling(request.sampling, rules, dropped),
    reasoning: writeReasoning(request.reasoning, rules, dropped),
    text: writeText(request, rules, dropped),
    include: writeInclude(request, rules),
    // The gateway keeps it; a client of this format says it itself where it wants something else.
    store: false,
    user: rules === undefined || request.user === undefined ? request.user : shortUser(request.user),
    metadata: request.metadata,
    service_tier: request.serviceTier,
    prompt_cache_key: request.cacheKey,
  };
  for (const [name, value] of Object.entries(body)) if (value === undefined) delete body[name];
  for (const [name, value] of Object.entries(ownExtras(request.extras))) addMember(body, name, value);
  return body;
}

/** One plain text are instructions; anything else is a message of the developer before all others. */
function writeSystem(
  parts: readonly Part[],
  dropped: Dropped,
): { instructions?: string; items: readonly JsonObject[] } {
  const content = writeContent(parts, dropped);
  const [first] = content;
  if (first === undefined) return { items: [] };
  if (content.length === 1 && first['type'] === 'input_text' && Object.keys(first).length === 2)
    return { instructions: first['text'] as string, items: [] };
  return { items: [{ type: 'message', role: 'developer', content }] };
}

/** What the model takes of a request from another format. `undefined`: the client speaks this one, or it is nobody's that is known. */
function rulesFor({ model, extras }: ModelRequest): ModelRules | undefined {
  if (extras?.format === 'responses') return undefined;
  const rules = modelRules(model);
  return rules.isOpenAi ? rules : undefined;
}

function writeSampling(
  sampling: Sampling,
  rules: ModelRules | undefined,
  dropped: Dropped,
): Record<string, Json | undefined> {
  const unsayable: Record<string, unknown> = {
    top_k: sampling.topK,
    stop: sampling.stop,
    seed: sampling.seed,
    presence_penalty: sampling.presencePenalty,
    frequency_penalty: sampling.frequencyPenalty,
    n: sampling.choices === 1 ? undefined : sampling.choices,
  };
  for (const [name, value] of Object.entries(unsayable)) if (value !== undefined) dropped.add(name);
  const { maxTokens, temperature, topP } = sampling;
  const max_output_tokens = maxTokens === undefined ? undefined : Math.max(maxTokens, OUTPUT_TOKENS_MIN);
  if (rules?.isUnsampled === true) {
    // One is what it does anyway.
    if (temperature !== undefined && temperature !== 1) dropped.add('temperature');
    if (topP !== undefined && topP !== 1) dropped.add('top_p');
    if (sampling.logprobs !== undefined) dropped.add('logprobs');
    return { max_output_tokens };
  }
  return { temperature, top_p: topP, max_output_tokens, top_logprobs: sampling.logprobs?.top };
}

function writeReasoning(
  reasoning: Reasoning | undefined,
  rules: ModelRules | undefined,
  dropped: Dropped,
): JsonObject | undefined {
  if (reasoning === undefined) return undefined;
  const isOff = reasoning.isOff === true;
  if (rules !== undefined && !rules.hasEffort) {
    if (!isOff) dropped.add('reasoning');
    return undefined;
  }
  const wanted = reasoning.effort ?? effortFor(reasoning.budgetTokens);
  if (rules !== undefined && isOff) return { effort: knownEffort('none', rules) };
  const effort = rules === undefined || wanted === undefined ? wanted : knownEffort(wanted, rules);
  // Models that always think, or never, refuse the effort "none".
  if (isOff && reasoning.effort === undefined) {
    dropped.add('thinking.disabled');
    return undefined;
  }
  const summary = reasoning.summary ?? (reasoning.includeThoughts === true ? 'auto' : undefined);
  if (effort === undefined && summary === undefined) return undefined;
  return { ...(effort === undefined ? {} : { effort }), ...(summary === undefined ? {} : { summary }) };
}

function effortFor(budgetTokens: number | undefined): string | undefined {
  if (budgetTokens === undefined || budgetTokens <= 0) return undefined;
  if (budgetTokens <= LOW_TOKENS) return 'low';
  return budgetTokens <= MEDIUM_TOKENS ? 'medium' : 'high';
}

function writeText(
  { output, verbosity: wanted }: ModelRequest,
  rules: ModelRules | undefined,
  dropped: Dropped,
): JsonObject | undefined {
  const isTaken = rules?.isUnsampled !== false;
  if (!isTaken && wanted !== undefined) dropped.add('verbosity');
  const verbosity = isTaken ? wanted : undefined;
  if (output === undefined && verbosity === undefined) return undefined;
  return {
    ...(output === undefined ? {} : { format: writeFormat(output) }),
    ...(verbosity === undefined ? {} : { verbosity }),
  };
}

function writeFormat(output: OutputShape): JsonObject {
  if (output.kind === 'json') return { type: 'json_object' };
  return {
    type: 'json_schema',
    name: output.name ?? 'answer',
    ...(output.description === undefined ? {} : { description: output.description }),
    schema: output.schema,
    ...(output.strict === undefined ? {} : { strict: output.strict }),
  };
}

/**
 * What the answer shall have beside its text. A client of another format cannot ask for seals, and a turn that the gateway takes itself has nobody who
 * asks; they are needed as soon as the model thinks, because nothing is stored.
 */
function writeInclude(request: ModelRequest, rules: ModelRules | undefined): readonly string[] | undefined {
  const include = listOf(ownExtras(request.extras)['include']) as readonly string[];
  const { isOpenAi, hasEffort } = modelRules(request.model);
  const { reasoning } = request;
  // OpenAI's models that can think do so unasked; the others refuse to be asked for seals.
  const thinks = isOpenAi ? hasEffort : reasoning !== undefined && reasoning.isOff !== true;
  const isStored = (ownExtras(request.extras)['store'] ?? false) !== false;
  const wantsSeals = request.sealedThoughts ?? (thinks && !isStored);
  const all = [
    ...include,
    ...(wantsSeals ? ['reasoning.encrypted_content'] : []),
    ...(request.sampling.logprobs === undefined || rules?.isUnsampled === true
      ? []
      : ['message.output_text.logprobs']),
  ];
  return all.length === 0 ? undefined : all;
}

/** Puts a member back where it was; a dotted name is one inside `reasoning` or `text`. */
function addMember(body: Record<string, Json | undefined>, name: string, value: Json | undefined): void {
  if (name === 'include') return;
  const [outer, inner] = name.split('.', 2);
  if (inner === undefined || (outer !== 'reasoning' && outer !== 'text')) body[name] = value;
  else body[outer] = { ...(body[outer] as JsonObject | undefined), [inner]: value };
}
