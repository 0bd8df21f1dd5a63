import type { JsonObject as JsonText } from '../../core/json-scan.ts';
import { Secret } from '../../core/secret.ts';
import { isObject, parseBody } from '../conversation/json.ts';
import type { FormatName } from '../conversation/format-name.ts';
import type { Json, JsonObject } from '../conversation/parts.ts';
import type { ModelRequest, Sampling } from '../conversation/request.ts';
import type { Deployment } from '../providers/deployment.ts';

/** Settings of a deployment that are no parameters of a request. */
const NO_PARAMS =
  /^(?:custom_llm_provider|extra_body|(?:additional_)?drop_params|allowed_openai_params|.*_cost_per_.*|(?:max_)?budget.*|use_.*|tags|region_name|model_info|num_retries|cooldown_time|ssl_verify|proxy|caching|cache_control_injection_points|merge_reasoning_content_in_choices|guardrails|configurable_clientside_auth_params|max_file_size_mb|api_type|tenant_id|client_id|azure_.*|aws_.*|vertex_.*|litellm_.*|mock_.*|max_parallel_requests|default_api_key_.*)$/;

/** Where formats have what deployments say by the names of Chat Completions; a dot goes into a member. `undefined`: it has no place for it. */
const PLACES: Readonly<Record<FormatName, Readonly<Record<string, string | undefined>>>> = {
  chat: {},
  responses: {
    max_tokens: 'max_output_tokens',
    max_completion_tokens: 'max_output_tokens',
    reasoning_effort: 'reasoning.effort',
    verbosity: 'text.verbosity',
    stop: undefined,
    seed: undefined,
    n: undefined,
    presence_penalty: undefined,
    frequency_penalty: undefined,
  },
  messages: {
    max_completion_tokens: 'max_tokens',
    stop: 'stop_sequences',
    reasoning_effort: undefined,
    verbosity: undefined,
    seed: undefined,
    n: undefined,
    presence_penalty: undefined,
    frequency_penalty: undefined,
    user: 'metadata.user_id',
    parallel_tool_calls: undefined,
  },
  gemini: {
    temperature: 'generationConfig.temperature',
    top_p: 'generationConfig.topP',
    top_k: 'generationConfig.topK',
    max_tokens: 'generationConfig.maxOutputTokens',
    max_completion_tokens: 'generationConfig.maxOutputTokens',
    stop: 'generationConfig.stopSequences',
    seed: 'generationConfig.seed',
    n: 'generationConfig.candidateCount',
    presence_penalty: 'generationConfig.presencePenalty',
    frequency_penalty: 'generationConfig.frequencyPenalty',
    reasoning_effort: undefined,
    verbosity: undefined,
    user: undefined,
    parallel_tool_calls: undefined,
  },
};

/** Members that say the same: one of them is enough. */
const SAME: Readonly<Record<string, string>> = {
  max_tokens: 'max_completion_tokens',
  max_completion_tokens: 'max_tokens',
};

/** Parameters that a request in no format has a place for. */
const SAMPLING: Readonly<Record<string, keyof Sampling>> = {
  temperature: 'temperature',
  top_p: 'topP',
  top_k: 'topK',
  max_tokens: 'maxTokens',
  max_completion_tokens: 'maxTokens',
  stop: 'stop',
  seed: 'seed',
  presence_penalty: 'presencePenalty',
  frequency_penalty: 'frequencyPenalty',
  n: 'choices',
};
const OTHERS: ReadonlySet<string> = new Set(['reasoning_effort', 'verbosity', 'user', 'parallel_tool_calls']);

/** The request for a deployment: its name of the model, and its parameters where the client says none. */
export function withParams(request: ModelRequest, deployment: Deployment): ModelRequest {
  const sampling: Record<string, unknown> = { ...request.sampling };
  for (const [name, value] of paramsOf(deployment)) {
    const place = SAMPLING[name];
    if (place !== undefined) sampling[place] ??= place === 'stop' ? listOf(value) : value;
  }
  const said = new Map(paramsOf(deployment));
  const effort = textOf(said.get('reasoning_effort'));
  const parallel = said.get('parallel_tool_calls');
  return {
    ...request,
    model: deployment.model,
    sampling,
    reasoning: request.reasoning ?? (effort === undefined ? undefined : { effort }),
    verbosity: request.verbosity ?? textOf(said.get('verbosity')),
    user: request.user ?? textOf(said.get('user')),
    parallelToolCalls: request.parallelToolCalls ?? (typeof parallel === 'boolean' ? parallel : undefined),
  };
}

/** A written request with the members that only the deployment knows, and without those that it does not take. */
export function withOwnMembers(
  body: JsonObject,
  deployment: Deployment,
  format: FormatName,
  refused: ReadonlySet<string>,
): JsonObject {
  // Chat Completions has no place for top_k, but many who speak it do.
  const isRest = (name: string): boolean =>
    (format === 'chat' && name === 'top_k') || (!Object.hasOwn(SAMPLING, name) && !OTHERS.has(name));
  const rest = paramsOf(deployment).filter(([name]) => isRest(name));
  const whole: Record<string, Json | undefined> = {
    ...Object.fromEntries(rest),
    ...extraBody(deployment),
    ...body,
  };
  for (const path of refusedBy(deployment, refused)) {
    const [outer, inner] = path.split('.') as [string, string | undefined];
    whole[outer] = inner === undefined ? undefined : without(whole[outer], inner);
  }
  return whole;
}

/** A member without one of its own. */
export function without(value: Json | undefined, inner: string): Json | undefined {
  if (!isObject(value)) return value;
  const { [inner]: _, ...rest } = value;
  return rest;
}

/** The members that a body of this format lacks and the deployment says (`ownMembers`). */
export function missingMembers(
  text: JsonText,
  members: readonly (readonly [string, Json])[],
  format: FormatName,
): ReadonlyMap<string, Json> {
  const missing = new Map<string, Json>();
  for (const [name, value] of members) {
    const place = Object.hasOwn(PLACES[format], name) ? PLACES[format][name] : name;
    if (place === undefined) continue;
    const [outer, inner] = place.split('.') as [string, string | undefined];
    if (inner === undefined) {
      const other = SAME[place];
      const isSaid = text.has(place) || (other !== undefined && (text.has(other) || missing.has(other)));
      if (!isSaid) missing.set(place, place.startsWith('stop_') ? listOf(value) : value);
      continue;
    }
    const before = missing.get(outer) ?? valueAt(text, outer) ?? {};
    if (!isObject(before) || before[inner] !== undefined) continue;
    missing.set(outer, { ...before, [inner]: inner === 'stopSequences' ? listOf(value) : value });
  }
  return missing;
}

/** A member as a value; long numbers of schemas stay whole. */
function valueAt(text: JsonText, name: string): Json | undefined {
  const bytes = text.slice(name);
  return bytes === undefined ? undefined : parseBody(bytes.toString('utf8'));
}

/** The members that a deployment does not take, a dot going into one: those that it refused, and `additional_drop_params`. */
export function refusedBy({ config }: Deployment, refused: ReadonlySet<string>): readonly string[] {
  const more = config.params['additional_drop_params'];
  return [...refused, ...(Array.isArray(more) ? more.map(String) : [])];
}

/** What the operator wrote, by the names of Chat Completions. */
export function ownMembers(deployment: Deployment): readonly (readonly [string, Json])[] {
  return [...paramsOf(deployment), ...Object.entries(extraBody(deployment))];
}

function extraBody({ config }: Deployment): Readonly<Record<string, Json>> {
  const body = plain(config.params['extra_body']);
  return isObject(body) ? (body as Readonly<Record<string, Json>>) : {};
}

/** By the names of Chat Completions, as LiteLLM writes them. */
function paramsOf({ config }: Deployment): readonly (readonly [string, Json])[] {
  return Object.entries(config.params).flatMap(([name, value]) =>
    NO_PARAMS.test(name) || value instanceof Secret || value === null || value === undefined
      ? []
      : [[name, plain(value)] as const],
  );
}

/** What the operator wrote, texts under secret-looking names included: the provider is who they are for. */
function plain(value: unknown): Json {
  if (value instanceof Secret) return value.reveal();
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value as Json;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
}

function listOf(value: Json): Json {
  return Array.isArray(value) ? value : [value];
}

function textOf(value: Json | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
