import type { Dropped } from '../../conversation/dropped.ts';
import type { Json, JsonObject, Part } from '../../conversation/parts.ts';
import type { ModelRequest, OutputShape, Reasoning, Sampling } from '../../conversation/request.ts';
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
    ...writeSampling(request.sampling, dropped),
    reasoning: writeReasoning(request.reasoning, dropped),
    text: writeText(request),
    include: writeInclude(request),
    store: request.extras?.format === 'responses' ? undefined : false,
    user: request.user,
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

function writeSampling(sampling: Sampling, dropped: Dropped): Record<string, Json | undefined> {
  const unsayable: Record<string, unknown> = {
    top_k: sampling.topK,
    stop: sampling.stop,
    seed: sampling.seed,
    presence_penalty: sampling.presencePenalty,
    frequency_penalty: sampling.frequencyPenalty,
    n: sampling.choices === 1 ? undefined : sampling.choices,
  };
  for (const [name, value] of Object.entries(unsayable)) if (value !== undefined) dropped.add(name);
  const { maxTokens } = sampling;
  return {
    temperature: sampling.temperature,
    top_p: sampling.topP,
    max_output_tokens: maxTokens === undefined ? undefined : Math.max(maxTokens, OUTPUT_TOKENS_MIN),
    top_logprobs: sampling.logprobs?.top,
  };
}

function writeReasoning(reasoning: Reasoning | undefined, dropped: Dropped): JsonObject | undefined {
  if (reasoning === undefined) return undefined;
  const effort = reasoning.effort ?? effortFor(reasoning.budgetTokens);
  // Models that always think, or never, refuse the effort "none".
  if (reasoning.isOff === true && reasoning.effort === undefined) {
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

function writeText(request: ModelRequest): JsonObject | undefined {
  if (request.output === undefined && request.verbosity === undefined) return undefined;
  return {
    ...(request.output === undefined ? {} : { format: writeFormat(request.output) }),
    ...(request.verbosity === undefined ? {} : { verbosity: request.verbosity }),
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
 * What the answer shall have beside its text. A client of another format cannot ask for seals, and needs them as soon as the model thinks,
 * because nothing is stored for it.
 */
function writeInclude(request: ModelRequest): readonly string[] | undefined {
  const include = listOf(ownExtras(request.extras)['include']) as readonly string[];
  const thinks = request.reasoning !== undefined && request.reasoning.isOff !== true;
  const wantsSeals = request.sealedThoughts ?? (request.extras?.format !== 'responses' && thinks);
  const all = [
    ...include,
    ...(wantsSeals ? ['reasoning.encrypted_content'] : []),
    ...(request.sampling.logprobs === undefined ? [] : ['message.output_text.logprobs']),
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
