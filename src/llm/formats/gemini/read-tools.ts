import { extrasOf, isList, isObject, textOf } from '../../conversation/json.ts';
import { invalid } from '../../conversation/llm-failure.ts';
import type { Json, JsonObject } from '../../conversation/parts.ts';
import type { Tool, ToolChoice } from '../../conversation/request.ts';
import { camelMembers } from './members.ts';
import { jsonSchemaOf } from './schema.ts';

const DECLARATION = new Set(['name', 'description', 'parameters', 'parametersJsonSchema']);
const CHOICE = new Set(['mode', 'allowedFunctionNames']);

/** `tools`: each entry holds declarations of functions, a tool of the provider, or several of these. */
export function readTools(value: Json | undefined): readonly Tool[] {
  if (value === undefined || value === null) return [];
  const entries = isObject(value) ? [value] : value;
  if (!isList(entries)) throw invalid('tools must be a list.', 'tools');
  return entries.flatMap((entry, index) => {
    const at = `tools[${index}]`;
    if (!isObject(entry)) throw invalid(`${at} must be an object.`, at);
    return Object.entries(camelMembers(entry)).flatMap(([name, member]): readonly Tool[] => {
      if (member === undefined || member === null) return [];
      if (name === 'functionDeclarations') return readDeclarations(member, `${at}.functionDeclarations`);
      if (name === 'mcpServers') return readServers(member, `${at}.mcpServers`);
      return [{ kind: 'foreign', format: 'gemini', value: { [name]: member } }];
    });
  });
}

/** `toolConfig`, and what of it has no place elsewhere. */
export function readToolConfig(value: Json | undefined): {
  readonly toolChoice: ToolChoice | undefined;
  readonly rest: JsonObject | undefined;
} {
  if (!isObject(value)) return { toolChoice: undefined, rest: undefined };
  const { functionCallingConfig, ...others } = camelMembers(value);
  const config = isObject(functionCallingConfig) ? camelMembers(functionCallingConfig) : {};
  const mode = textOf(config['mode'])?.toUpperCase();
  const allowed = config['allowedFunctionNames'];
  const names = isList(allowed) ? allowed.filter((name) => typeof name === 'string') : [];
  const unsaid = extrasOf('gemini', config, CHOICE)?.members;
  const kept = {
    ...unsaid,
    // A mode between AUTO and ANY, which others know as AUTO.
    ...(mode === 'VALIDATED' ? { mode } : {}),
  };
  const rest = {
    ...others,
    ...(Object.keys(kept).length === 0 ? {} : { functionCallingConfig: kept }),
  };
  return {
    toolChoice: choiceOf(mode, names),
    rest: Object.keys(rest).length === 0 ? undefined : rest,
  };
}

function choiceOf(mode: string | undefined, names: readonly string[]): ToolChoice | undefined {
  switch (mode) {
    case 'NONE':
      return { kind: 'none' };
    case 'ANY': {
      const [only] = names;
      if (names.length === 1 && only !== undefined) return { kind: 'tool', name: only };
      return names.length === 0 ? { kind: 'required' } : { kind: 'allowed', mode: 'required', names };
    }
    case 'AUTO':
    case 'VALIDATED':
      return names.length === 0 ? { kind: 'auto' } : { kind: 'allowed', mode: 'auto', names };
    case undefined:
    case 'MODE_UNSPECIFIED':
      return undefined;
    default:
      throw invalid(
        'toolConfig.functionCallingConfig.mode must be "AUTO", "ANY", "NONE" or "VALIDATED".',
        'toolConfig.functionCallingConfig.mode',
      );
  }
}

function readDeclarations(value: Json, at: string): readonly Tool[] {
  if (!isList(value)) throw invalid(`${at} must be a list.`, at);
  return value.map((raw, index): Tool => {
    const path = `${at}[${index}]`;
    if (!isObject(raw)) throw invalid(`${path} must be an object.`, path);
    const declaration = camelMembers(raw);
    const name = textOf(declaration['name']);
    if (name === undefined || name === '') throw invalid(`${path}.name must be text.`, `${path}.name`);
    const { parameters, parametersJsonSchema } = declaration;
    for (const [key, schema] of Object.entries({ parameters, parametersJsonSchema }))
      if (schema !== undefined && schema !== null && !isObject(schema))
        throw invalid(`${path}.${key} must be a schema.`, `${path}.${key}`);
    return {
      kind: 'function',
      name,
      description: textOf(declaration['description']),
      schema: isObject(parametersJsonSchema)
        ? parametersJsonSchema
        : isObject(parameters)
          ? jsonSchemaOf(parameters)
          : undefined,
      extras: extrasOf('gemini', declaration, DECLARATION),
    };
  });
}

function readServers(value: Json, at: string): readonly Tool[] {
  if (!isList(value)) throw invalid(`${at} must be a list.`, at);
  return value.filter(isObject).map((server, index): Tool => {
    const transport = server['streamableHttpTransport'];
    return {
      kind: 'servers',
      label: textOf(server['name']) ?? `server_${index}`,
      url: isObject(transport) ? textOf(transport['url']) : undefined,
      allowed: undefined,
      approved: 'all',
      format: 'gemini',
      value: server,
    };
  });
}
