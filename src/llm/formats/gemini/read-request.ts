import type { RequestFacts } from '../../conversation/format.ts';
import { extrasOf, isList, isObject, numberOf, textOf } from '../../conversation/json.ts';
import { invalid } from '../../conversation/llm-failure.ts';
import type { Json, JsonObject, Part } from '../../conversation/parts.ts';
import type { ModelRequest, OutputShape, Reasoning, Sampling, Turn } from '../../conversation/request.ts';
import { camelMembers } from './members.ts';
import { addPart, Calls, readParts } from './read-parts.ts';
import { readToolConfig, readTools } from './read-tools.ts';
import { jsonSchemaOf } from './schema.ts';

const REQUEST = new Set([
  'model',
  'contents',
  'systemInstruction',
  'tools',
  'toolConfig',
  'generationConfig',
  'serviceTier',
]);
const CONFIG = new Set([
  'temperature',
  'topP',
  'topK',
  'maxOutputTokens',
  'stopSequences',
  'seed',
  'presencePenalty',
  'frequencyPenalty',
  'candidateCount',
  'responseLogprobs',
  'logprobs',
  'thinkingConfig',
  'responseMimeType',
  'responseSchema',
  'responseJsonSchema',
]);
const THINKING = new Set(['thinkingBudget', 'thinkingLevel', 'includeThoughts']);
const CONTENT = new Set(['role', 'parts']);

/** The body of `generateContent`, `streamGenerateContent` and `countTokens`; the model and the verb are in the address. */
export function readRequest(raw: JsonObject, facts: RequestFacts): ModelRequest {
  const outer = camelMembers(raw);
  const inner = outer['generateContentRequest'];
  // What `countTokens` takes when there is more to count than contents.
  const body = isObject(inner) ? camelMembers(inner) : outer;
  const model = facts.model ?? textOf(body['model'])?.replace(/^models\//, '');
  if (model === undefined || model === '') throw invalid('The address must name a model.', 'model');
  const { reasoning, output, sampling, rest } = readConfig(body['generationConfig']);
  const choice = readToolConfig(body['toolConfig']);
  return {
    model,
    isStream: facts.isStream === true,
    system: readSystem(body['systemInstruction']),
    turns: readTurns(body['contents']),
    tools: readTools(body['tools']),
    toolChoice: choice.toolChoice,
    sampling,
    reasoning,
    output,
    serviceTier: textOf(body['serviceTier']),
    // Always there, so that a writer of this format knows its own client's words and leaves them as they are.
    extras: {
      format: 'gemini',
      members: {
        ...extrasOf('gemini', body, REQUEST)?.members,
        ...(rest === undefined ? {} : { generationConfig: rest }),
        ...(choice.rest === undefined ? {} : { toolConfig: choice.rest }),
      },
    },
  };
}

function readSystem(value: Json | undefined): readonly Part[] {
  if (value === undefined || value === null) return [];
  if (typeof value === 'string') return [{ kind: 'text', text: value }];
  if (!isObject(value))
    throw invalid('systemInstruction must be a content with "parts".', 'systemInstruction');
  return readParts(value, 'systemInstruction', new Calls());
}

/** Clients that record a stream bring back one content per chunk: these are one turn, and its pieces of text one text. */
function readTurns(value: Json | undefined): readonly Turn[] {
  const contents = isObject(value) ? [value] : value;
  if (!isList(contents) || contents.length === 0)
    throw invalid('contents must be a list with at least one content.', 'contents');
  const calls = new Calls();
  const turns: { role: Turn['role']; parts: Part[]; extras?: Turn['extras'] }[] = [];
  for (const [index, raw] of contents.entries()) {
    const at = `contents[${index}]`;
    if (!isObject(raw)) throw invalid(`${at} must be an object.`, at);
    const content = camelMembers(raw);
    const role = roleOf(content['role'], at);
    const extras = extrasOf('gemini', content, CONTENT);
    const before = turns.at(-1);
    const parts = readParts(content, at, calls, before?.role === role ? before.parts : []);
    if (role === 'assistant' && before?.role === 'assistant' && extras === undefined) {
      for (const [place, part] of parts.entries()) {
        if (place === 0) joinPart(before.parts, part);
        else addPart(before.parts, part);
      }
    } else turns.push({ role, parts: [...parts], ...(extras === undefined ? {} : { extras }) });
  }
  return turns;
}

function joinPart(parts: Part[], part: Part): void {
  const before = parts.at(-1);
  const isText = (one: Part | undefined): one is Extract<Part, { kind: 'text' | 'thinking' }> =>
    (one?.kind === 'text' || one?.kind === 'thinking') && one.extras === undefined;
  if (
    isText(part) &&
    isText(before) &&
    part.kind === before.kind &&
    part.seal === undefined &&
    before.seal === undefined
  )
    parts[parts.length - 1] = { ...before, text: before.text + part.text };
  else addPart(parts, part);
}

function roleOf(role: Json | undefined, at: string): 'user' | 'assistant' | 'system' {
  switch (role) {
    case undefined:
    case null:
    case '':
    case 'user':
    case 'function':
    case 'tool':
      return 'user';
    case 'model':
    case 'assistant':
      return 'assistant';
    case 'system':
      return 'system';
    default:
      throw invalid(`${at}.role must be "user" or "model".`, `${at}.role`);
  }
}

function readConfig(value: Json | undefined): {
  reasoning: Reasoning | undefined;
  output: OutputShape | undefined;
  sampling: Sampling;
  rest: JsonObject | undefined;
} {
  if (value !== undefined && value !== null && !isObject(value))
    throw invalid('generationConfig must be an object.', 'generationConfig');
  const config = isObject(value) ? camelMembers(value) : {};
  const thinking = isObject(config['thinkingConfig']) ? camelMembers(config['thinkingConfig']) : undefined;
  const unsaid = thinking === undefined ? undefined : extrasOf('gemini', thinking, THINKING);
  const type = textOf(config['responseMimeType']);
  const rest = {
    ...extrasOf('gemini', config, CONFIG)?.members,
    ...(unsaid === undefined ? {} : { thinkingConfig: unsaid.members }),
    ...(type === undefined || type === 'application/json' ? {} : { responseMimeType: type }),
  };
  return {
    reasoning: thinking === undefined ? undefined : readReasoning(thinking),
    output: readShape(config, type),
    sampling: readSampling(config),
    rest: Object.keys(rest).length === 0 ? undefined : rest,
  };
}

function readSampling(config: JsonObject): Sampling {
  for (const name of ['temperature', 'topP', 'topK', 'maxOutputTokens', 'seed', 'candidateCount']) {
    const value = config[name];
    if (value !== undefined && value !== null && typeof value !== 'number')
      throw invalid(`generationConfig.${name} must be a number.`, `generationConfig.${name}`);
  }
  const stop = config['stopSequences'];
  if (stop !== undefined && stop !== null && !isList(stop))
    throw invalid(
      'generationConfig.stopSequences must be a list of texts.',
      'generationConfig.stopSequences',
    );
  return {
    temperature: numberOf(config['temperature']),
    topP: numberOf(config['topP']),
    topK: numberOf(config['topK']),
    maxTokens: numberOf(config['maxOutputTokens']),
    stop: isList(stop) ? stop.filter((one) => typeof one === 'string') : undefined,
    seed: numberOf(config['seed']),
    presencePenalty: numberOf(config['presencePenalty']),
    frequencyPenalty: numberOf(config['frequencyPenalty']),
    choices: numberOf(config['candidateCount']),
    logprobs: config['responseLogprobs'] === true ? { top: numberOf(config['logprobs']) } : undefined,
  };
}

function readReasoning(thinking: JsonObject): Reasoning {
  const budget = numberOf(thinking['thinkingBudget']);
  const level = textOf(thinking['thinkingLevel'])?.toLowerCase();
  const include = thinking['includeThoughts'];
  return {
    isOff: budget === 0 ? true : undefined,
    isAdaptive: budget === -1 ? true : undefined,
    budgetTokens: budget !== undefined && budget > 0 ? budget : undefined,
    effort: level === 'thinking_level_unspecified' ? undefined : level,
    includeThoughts: typeof include === 'boolean' ? include : undefined,
    summary: include === true ? 'auto' : undefined,
  };
}

function readShape(config: JsonObject, type: string | undefined): OutputShape | undefined {
  const { responseSchema, responseJsonSchema } = config;
  const schema = responseJsonSchema ?? responseSchema ?? undefined;
  if (schema !== undefined) {
    if (isObject(schema)) return { kind: 'schema', schema: jsonSchemaOf(schema) };
    const name = responseJsonSchema === undefined ? 'responseSchema' : 'responseJsonSchema';
    throw invalid(`generationConfig.${name} must be a schema.`, `generationConfig.${name}`);
  }
  return type === 'application/json' ? { kind: 'json' } : undefined;
}
