import { extrasOf, isList, isObject, textOf } from '../../conversation/json.ts';
import { invalid } from '../../conversation/llm-failure.ts';
import type { Json, JsonObject } from '../../conversation/parts.ts';
import type {
  FreeformTool,
  FunctionTool,
  ServerTools,
  Tool,
  ToolChoice,
} from '../../conversation/request.ts';
import { readCache } from './cache-mark.ts';
import { Members } from './members.ts';

const FUNCTION = new Set(['name', 'description', 'parameters', 'strict', 'cache_control']);
const TOOL = new Set(['type', 'function', 'custom', 'cache_control']);
const CUSTOM = new Set(['name', 'description', 'format']);

/** `tools`, and `functions` of the days before them. Tools that the provider runs itself become foreign ones. */
export function readTools(request: Members): readonly Tool[] {
  const tools = request.objects('tools').map(readTool);
  const functions = request.objects('functions').map((one) => readFunction(one, undefined));
  return [...tools, ...functions];
}

function readTool(tool: Members): Tool {
  const type = tool.text('type') ?? (tool.get('function') === undefined ? undefined : 'function');
  if (type === undefined) throw invalid(`${tool.at('type')} is missing`, tool.at('type'));
  if (type === 'function') return readFunction(tool.needObject('function'), tool);
  if (type === 'custom') return readFreeform(tool);
  if (type === 'mcp') return readServers(tool);
  return { kind: 'foreign', format: 'chat', value: tool.value };
}

function readFunction(about: Members, tool: Members | undefined): FunctionTool {
  const description = about.text('description');
  const strict = about.flag('strict');
  const cache = readCache(tool?.get('cache_control') ?? about.get('cache_control'));
  const members = {
    ...(tool === undefined ? {} : extrasOf('chat', tool.value, TOOL)?.members),
    ...prefixed(extrasOf('chat', about.value, FUNCTION)?.members),
  };
  return {
    kind: 'function',
    name: nameOf(about),
    schema: about.object('parameters')?.value,
    ...(description === undefined ? {} : { description }),
    ...(strict === undefined ? {} : { strict }),
    ...(cache === undefined ? {} : { cache }),
    ...(Object.keys(members).length === 0 ? {} : { extras: { format: 'chat', members } }),
  };
}

/** Members of `function` beside those of the tool itself. */
function prefixed(members: JsonObject | undefined): JsonObject {
  return Object.fromEntries(Object.entries(members ?? {}).map(([key, value]) => [`function.${key}`, value]));
}

function nameOf(about: Members): string {
  const name = about.needText('name');
  if (name === '') throw invalid(`${about.at('name')} must not be empty`, about.at('name'));
  return name;
}

/** The constraint is kept as Responses writes it, flat: `{"type":"grammar","syntax":"lark","definition":"…"}`. */
function readFreeform(tool: Members): FreeformTool {
  const custom = tool.needObject('custom');
  const description = custom.text('description');
  const format = custom.object('format');
  const grammar = format?.object('grammar');
  const extras = extrasOf('chat', custom.value, CUSTOM);
  return {
    kind: 'freeform',
    name: nameOf(custom),
    ...(description === undefined ? {} : { description }),
    ...(format === undefined
      ? {}
      : { grammar: grammar === undefined ? format.value : { type: 'grammar', ...grammar.value } }),
    ...(extras === undefined ? {} : { extras }),
  };
}

function readServers(tool: Members): ServerTools {
  return {
    kind: 'servers',
    label: tool.needText('server_label'),
    url: tool.text('server_url'),
    allowed: allowedTools(tool),
    approved: approvedTools(tool),
    format: 'chat',
    value: tool.value,
  };
}

function allowedTools(tool: Members): readonly string[] | undefined {
  const allowed = tool.get('allowed_tools');
  if (!isObject(allowed)) return allowed === undefined ? undefined : tool.texts('allowed_tools');
  const filter = tool.needObject('allowed_tools');
  // To leave the filter out would allow more than was said.
  if (filter.flag('read_only') === true)
    throw invalid(
      `${filter.at('read_only')} cannot be followed here; name the tools in ${filter.at('tool_names')}`,
      filter.at('read_only'),
    );
  return filter.get('tool_names') === undefined ? undefined : filter.texts('tool_names');
}

/** Whoever says nothing wants to be asked; so does whoever says it by a property of tools rather than by name. */
function approvedTools(tool: Members): ServerTools['approved'] {
  const approval = tool.get('require_approval');
  if (approval === undefined || approval === 'always') return 'none';
  if (approval === 'never') return 'all';
  if (!isObject(approval))
    throw invalid(
      `${tool.at('require_approval')} must be "always", "never" or an object`,
      tool.at('require_approval'),
    );
  return tool.needObject('require_approval').object('never')?.texts('tool_names') ?? 'none';
}

/** `tool_choice`, and `function_call` of the days before it; `other` is a choice of something that only this format has. */
export function readToolChoice(request: Members): { choice?: ToolChoice; other?: Json } {
  const value = request.get('tool_choice') ?? request.get('function_call');
  if (value === undefined) return {};
  const path = request.get('tool_choice') === undefined ? 'function_call' : 'tool_choice';
  if (value === 'auto' || value === 'required' || value === 'none') return { choice: { kind: value } };
  // Mistral's word.
  if (value === 'any') return { choice: { kind: 'required' } };
  if (!isObject(value)) throw invalid(`${path} must be "auto", "required", "none" or an object`, path);
  const named = new Members(value, path);
  if (path === 'function_call') return { choice: { kind: 'tool', name: named.needText('name') } };
  const type = named.needText('type');
  if (type === 'function' || type === 'custom')
    return { choice: { kind: 'tool', name: named.needObject(type).needText('name') } };
  const choice = type === 'allowed_tools' ? allowedChoice(named) : undefined;
  return choice === undefined ? { other: value } : { choice };
}

function allowedChoice(named: Members): ToolChoice | undefined {
  const allowed = named.needObject('allowed_tools');
  const mode = allowed.text('mode') ?? 'auto';
  if (mode !== 'auto' && mode !== 'required')
    throw invalid(`${allowed.at('mode')} must be "auto" or "required"`, allowed.at('mode'));
  const names = (isList(allowed.get('tools')) ? allowed.objects('tools') : []).map((tool) => {
    const about = tool.get('function') ?? tool.get('custom');
    return isObject(about) ? textOf(about['name']) : undefined;
  });
  if (names.some((name) => name === undefined)) return undefined;
  return { kind: 'allowed', mode, names: names.filter((name) => name !== undefined) };
}
