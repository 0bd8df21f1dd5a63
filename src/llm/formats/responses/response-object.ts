import type { Stop, Usage } from '../../conversation/answer.ts';
import type { Json, JsonObject } from '../../conversation/parts.ts';
import { isObject, listOf, numberOf, objectOf, textOf } from './json-members.ts';
import { writeUsage } from './usage.ts';

/** What of a response object changes between its first event and its last. */
export interface ResponseState {
  readonly status: 'in_progress' | 'completed' | 'incomplete' | 'failed';
  readonly output: readonly JsonObject[];
  readonly usage?: Usage | undefined;
  readonly error?: { readonly code: string; readonly message: string } | undefined;
  readonly incompleteReason?: string | undefined;
  /** Seconds since the Unix epoch. */
  readonly completedAt?: number | undefined;
}

/** What it repeats of the request, with the defaults of what the request left out. */
export function repeatedMembers(source: JsonObject): JsonObject {
  const text = objectOf(source['text']) ?? {};
  const reasoning = objectOf(source['reasoning']) ?? {};
  return {
    background: false,
    instructions: source['instructions'] ?? null,
    max_output_tokens: numberOf(source['max_output_tokens']) ?? null,
    max_tool_calls: numberOf(source['max_tool_calls']) ?? null,
    parallel_tool_calls: source['parallel_tool_calls'] ?? true,
    previous_response_id: source['previous_response_id'] ?? null,
    ...(source['prompt'] === undefined ? {} : { prompt: source['prompt'] }),
    ...conversationOf(source['conversation'] ?? null),
    prompt_cache_key: source['prompt_cache_key'] ?? null,
    prompt_cache_retention: source['prompt_cache_retention'] ?? null,
    reasoning: { effort: null, summary: null, ...reasoning },
    safety_identifier: source['safety_identifier'] ?? null,
    service_tier: textOf(source['service_tier']) ?? 'auto',
    store: source['store'] ?? true,
    temperature: source['temperature'] ?? 1,
    text: { format: { type: 'text' }, verbosity: 'medium', ...withoutNulls(text) },
    tool_choice: source['tool_choice'] ?? 'auto',
    tools: listOf(source['tools']).map(withoutSecrets),
    top_logprobs: source['top_logprobs'] ?? 0,
    top_p: source['top_p'] ?? 1,
    truncation: source['truncation'] ?? 'disabled',
    user: source['user'] ?? null,
    metadata: source['metadata'] ?? {},
  };
}

function conversationOf(conversation: Json): JsonObject {
  if (conversation === null) return {};
  return { conversation: typeof conversation === 'string' ? { id: conversation } : conversation };
}

function withoutNulls(value: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== null));
}

/** An mcp tool may hold credentials of its server, which an answer does not repeat. */
function withoutSecrets(tool: Json): Json {
  if (!isObject(tool) || tool['type'] !== 'mcp') return tool;
  const { authorization: _, headers, ...rest } = tool;
  const names = Object.keys(objectOf(headers) ?? {});
  return {
    ...rest,
    headers: names.length === 0 ? null : Object.fromEntries(names.map((name) => [name, '<redacted>'])),
  };
}

/** The members that change, in the order of the official API; the repeated ones follow. */
export function changingMembers(state: ResponseState): JsonObject {
  return {
    status: state.status,
    completed_at: state.completedAt ?? null,
    error: state.error === undefined ? null : { ...state.error },
    incomplete_details: state.incompleteReason === undefined ? null : { reason: state.incompleteReason },
    output: state.output,
    usage: state.usage === undefined ? null : writeUsage(state.usage),
  };
}

/** Why a response is incomplete; `undefined`: it is not. `hasRefusal`: whether its output says that the model refused. */
export function incompleteReason(stop: Stop | undefined, hasRefusal: boolean): string | undefined {
  if (stop?.kind === 'length') return 'max_output_tokens';
  if (stop?.kind === 'content-filter') return 'content_filter';
  return stop?.kind === 'refusal' && !hasRefusal ? 'content_filter' : undefined;
}
