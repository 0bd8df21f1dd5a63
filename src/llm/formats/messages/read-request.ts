import type { RequestFacts } from '../../conversation/format.ts';
import { extrasOf, isList, isObject, numberOf, textOf } from '../../conversation/json.ts';
import { invalid } from '../../conversation/llm-failure.ts';
import type { Json, JsonObject, Part } from '../../conversation/parts.ts';
import type { ModelRequest, OutputShape, Reasoning, Sampling, Turn } from '../../conversation/request.ts';
import { readContent } from './read-parts.ts';
import { readToolChoice, readTools } from './read-tools.ts';

const REQUEST = new Set([
  'model',
  'messages',
  'system',
  'tools',
  'tool_choice',
  'mcp_servers',
  'max_tokens',
  'metadata',
  'stop_sequences',
  'stream',
  'temperature',
  'top_p',
  'top_k',
  'thinking',
  'output_config',
  'output_format',
  'service_tier',
]);
const MESSAGE = new Set(['role', 'content']);
const OUTPUT_CONFIG = new Set(['effort', 'format']);
const METADATA = new Set(['user_id']);
const THINKING = new Set(['type', 'budget_tokens', 'display']);

/** The body of `POST /v1/messages`, and of `POST /v1/messages/count_tokens`, which has no `max_tokens`. */
export function readRequest(body: JsonObject, facts: RequestFacts): ModelRequest {
  const model = textOf(body['model']) ?? facts.model;
  if (model === undefined || model === '') throw invalid('model must be the name of a model.', 'model');
  const names = new Map<string, string>();
  const { reasoning, output, members } = readThinking(body);
  return {
    model,
    isStream: body['stream'] === true,
    system: readSystem(body['system'], names),
    turns: readTurns(body['messages'], names),
    tools: readTools(body),
    ...readToolChoice(body['tool_choice']),
    sampling: readSampling(body),
    reasoning,
    output,
    user: isObject(body['metadata']) ? textOf(body['metadata']['user_id']) : undefined,
    serviceTier: body['service_tier'] === 'standard_only' ? 'default' : textOf(body['service_tier']),
    // Always there, so that a writer of this format knows its own client's words and leaves them as they are.
    extras: {
      format: 'messages',
      members: { ...extrasOf('messages', body, REQUEST)?.members, ...members },
    },
  };
}

function readSystem(system: Json | undefined, names: Map<string, string>): readonly Part[] {
  return readContent(system, 'system', names);
}

function readTurns(messages: Json | undefined, names: Map<string, string>): readonly Turn[] {
  if (!isList(messages) || messages.length === 0)
    throw invalid('messages must be a list with at least one message.', 'messages');
  return messages.map((message, index) => {
    const at = `messages[${index}]`;
    if (!isObject(message)) throw invalid(`${at} must be an object.`, at);
    const { role } = message;
    if (role !== 'user' && role !== 'assistant' && role !== 'system')
      throw invalid(`${at}.role must be "user", "assistant" or "system".`, `${at}.role`);
    if (role !== 'system' && (message['content'] === undefined || message['content'] === null))
      throw invalid(`${at}.content must be text or a list of content blocks.`, `${at}.content`);
    const parts = readContent(message['content'], `${at}.content`, names);
    const extras = extrasOf('messages', message, MESSAGE);
    return extras === undefined ? { role, parts } : { role, parts, extras };
  });
}

function readSampling(body: JsonObject): Sampling {
  for (const name of ['max_tokens', 'temperature', 'top_p', 'top_k']) {
    const value = body[name];
    if (value !== undefined && value !== null && typeof value !== 'number')
      throw invalid(`${name} must be a number.`, name);
  }
  const stop = body['stop_sequences'];
  if (stop !== undefined && stop !== null && !isList(stop))
    throw invalid('stop_sequences must be a list of texts.', 'stop_sequences');
  return {
    maxTokens: numberOf(body['max_tokens']),
    temperature: numberOf(body['temperature']),
    topP: numberOf(body['top_p']),
    topK: numberOf(body['top_k']),
    stop: isList(stop) ? stop.filter((one) => typeof one === 'string') : undefined,
  };
}

/** `thinking`, `output_config`, `output_format`, and what there is in `metadata` besides the user. */
function readThinking(body: JsonObject): {
  reasoning: Reasoning | undefined;
  output: OutputShape | undefined;
  members: Record<string, Json | undefined>;
} {
  const members: Record<string, Json | undefined> = {};
  const config = isObject(body['output_config']) ? body['output_config'] : {};
  const rest = extrasOf('messages', config, OUTPUT_CONFIG);
  if (rest !== undefined) members['output_config'] = rest.members;
  const about = isObject(body['metadata']) ? extrasOf('messages', body['metadata'], METADATA) : undefined;
  if (about !== undefined) members['metadata'] = about.members;
  const { thinking } = body;
  if (thinking !== undefined && thinking !== null && !isObject(thinking))
    throw invalid('thinking must be an object with a "type".', 'thinking');
  if (isObject(thinking) && !isPlain(thinking)) members['thinking'] = thinking;
  return {
    reasoning: readReasoning(isObject(thinking) ? thinking : undefined, textOf(config['effort'])),
    output: readShape(config['format'] ?? body['output_format']),
    members,
  };
}

function readReasoning(thinking: JsonObject | undefined, effort: string | undefined): Reasoning | undefined {
  if (thinking === undefined) return effort === undefined ? undefined : { effort };
  const { type, display } = thinking;
  if (type === 'disabled') return { isOff: true, effort };
  return {
    effort,
    isAdaptive: type === 'enabled' ? undefined : true,
    budgetTokens: numberOf(thinking['budget_tokens']),
    includeThoughts: display !== 'omitted',
    summary: display === 'summarized' ? 'auto' : undefined,
  };
}

/** Whether `readReasoning` keeps all of it. */
function isPlain(thinking: JsonObject): boolean {
  const { type, display } = thinking;
  return (
    (type === 'enabled' || type === 'adaptive' || type === 'disabled') &&
    (display === undefined || display === null || display === 'omitted' || display === 'summarized') &&
    extrasOf('messages', thinking, THINKING) === undefined
  );
}

function readShape(format: Json | undefined): OutputShape | undefined {
  if (!isObject(format)) return undefined;
  if (format['type'] !== 'json_schema' || !isObject(format['schema']))
    throw invalid(
      'output_config.format must have the type "json_schema" and a "schema".',
      'output_config.format',
    );
  return { kind: 'schema', schema: format['schema'], strict: true };
}
