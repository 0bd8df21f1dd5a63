import { invalid } from '../../conversation/llm-failure.ts';
import type { Json, JsonObject, Part } from '../../conversation/parts.ts';
import type { ModelRequest, OutputShape, Reasoning } from '../../conversation/request.ts';
import { type Members, membersOf } from './json-members.ts';
import { readInput } from './read-input.ts';
import { readToolChoice, readTools } from './read-tools.ts';

/** Members that have a place of their own, or whose place is not here. */
const KNOWN = [
  'background',
  'include',
  'input',
  'instructions',
  'max_output_tokens',
  'metadata',
  'model',
  'parallel_tool_calls',
  'prompt_cache_key',
  'reasoning',
  'service_tier',
  'stream',
  'temperature',
  'text',
  'tool_choice',
  'tools',
  'top_logprobs',
  'top_p',
  'user',
];

/** What to leave out of `include` because the neutral request says it. */
const SEALS = 'reasoning.encrypted_content';
const LOGPROBS = 'message.output_text.logprobs';

/** A request to `POST /v1/responses`. Throws LlmFailure (`invalid`) that names the member that is wrong. */
export function readRequest(body: JsonObject): ModelRequest {
  const request = membersOf(body, '');
  const model = request.needText('model');
  if (model === '') throw invalid('model must not be empty', 'model');
  if (request.flag('background') === true)
    throw invalid(
      'background responses are not served here; leave background out or set it to false',
      'background',
    );
  const input = readInput(body['input']);
  const { tools, namespaces } = readTools(request);
  const { choice, isOurs } = readToolChoice(body['tool_choice']);
  const include = readInclude(request);
  const text = request.object('text');
  const topLogprobs = request.number('top_logprobs');
  const wantsLogprobs = include.includes(LOGPROBS) || (topLogprobs ?? 0) > 0;
  const others = include.filter((name) => name !== SEALS && name !== LOGPROBS);
  const textMembers = text === undefined ? undefined : membersOf(text, 'text');
  return {
    model,
    isStream: request.flag('stream') ?? false,
    system: [...readInstructions(request), ...input.system],
    turns: input.turns,
    tools,
    namespaces: namespaces.length === 0 ? undefined : namespaces,
    toolChoice: choice,
    parallelToolCalls: request.flag('parallel_tool_calls'),
    sampling: {
      temperature: request.number('temperature'),
      topP: request.number('top_p'),
      maxTokens: request.number('max_output_tokens'),
      logprobs: wantsLogprobs ? { top: topLogprobs } : undefined,
    },
    reasoning: readReasoning(request),
    sealedThoughts: include.includes(SEALS) || undefined,
    output: textMembers === undefined ? undefined : readOutput(textMembers),
    verbosity: textMembers?.text('verbosity'),
    user: request.text('user'),
    metadata: readMetadata(request),
    serviceTier: request.text('service_tier'),
    cacheKey: request.text('prompt_cache_key'),
    // Always there, so that a writer of this format knows its own client's words and leaves them as they are.
    extras: {
      format: 'responses',
      members: {
        ...topLevelRest(request),
        ...dotted(request.object('reasoning'), 'reasoning', ['effort', 'summary', 'generate_summary']),
        ...dotted(text, 'text', ['format', 'verbosity']),
        ...(others.length === 0 ? {} : { include: others }),
        ...(isOurs ? {} : { tool_choice: body['tool_choice']! }),
      },
    },
  };
}

function readInstructions(request: Members): readonly Part[] {
  const text = request.text('instructions');
  return text === undefined || text === '' ? [] : [{ kind: 'text', text }];
}

function readInclude(request: Members): readonly string[] {
  return (request.list('include') ?? []).map((name, at) => {
    if (typeof name !== 'string') throw invalid(`include[${at}] must be a string`, `include[${at}]`);
    return name;
  });
}

/** Values that say no more than the member's absence are no loss where it cannot be said. */
function topLevelRest(request: Members): Record<string, Json> {
  const rest = request.rest(KNOWN);
  const defaults: Record<string, Json> = { truncation: 'disabled', store: true };
  for (const [name, value] of Object.entries(rest)) if (defaults[name] === value) delete rest[name];
  return rest;
}

/** Members of a member that have no place of their own, under dotted names. */
function dotted(value: JsonObject | undefined, name: string, known: readonly string[]): Record<string, Json> {
  const members: Record<string, Json> = {};
  if (value === undefined) return members;
  for (const [key, member] of Object.entries(membersOf(value, name).rest(known)))
    members[`${name}.${key}`] = member;
  return members;
}

function readReasoning(request: Members): Reasoning | undefined {
  const value = request.object('reasoning');
  if (value === undefined) return undefined;
  const reasoning = membersOf(value, 'reasoning');
  const effort = reasoning.text('effort');
  const summary = reasoning.text('summary') ?? reasoning.text('generate_summary');
  if (effort === undefined && summary === undefined) return undefined;
  return {
    isOff: effort === 'none' || undefined,
    effort,
    summary,
    includeThoughts: summary === undefined || summary === 'none' ? undefined : true,
  };
}

function readOutput(text: Members): OutputShape | undefined {
  const value = text.object('format');
  if (value === undefined) return undefined;
  const format = membersOf(value, 'text.format');
  const type = format.needText('type');
  if (type === 'text') return undefined;
  if (type === 'json_object') return { kind: 'json' };
  if (type !== 'json_schema')
    throw invalid(
      `text.format.type is "${type}"; it must be text, json_object or json_schema`,
      'text.format.type',
    );
  const schema = format.object('schema');
  if (schema === undefined) throw invalid('text.format.schema must be an object', 'text.format.schema');
  return {
    kind: 'schema',
    name: format.text('name'),
    description: format.text('description'),
    schema,
    strict: format.flag('strict'),
  };
}

function readMetadata(request: Members): Readonly<Record<string, string>> | undefined {
  const value = request.object('metadata');
  if (value === undefined) return undefined;
  const metadata: Record<string, string> = {};
  for (const [name, member] of Object.entries(value)) {
    if (typeof member !== 'string') throw invalid(`metadata.${name} must be a string`, `metadata.${name}`);
    metadata[name] = member;
  }
  return metadata;
}
