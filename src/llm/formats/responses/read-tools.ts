import { invalid } from '../../conversation/llm-failure.ts';
import type { Json, JsonObject } from '../../conversation/parts.ts';
import type { ServerTools, Tool, ToolChoice, ToolNamespace } from '../../conversation/request.ts';
import { extrasOf, isObject, listOf, type Members, membersOf, textOf } from './json-members.ts';

export interface ToolSet {
  readonly tools: readonly Tool[];
  readonly namespaces: readonly ToolNamespace[];
}

/** `tools` of a request. Tools that the provider runs itself become foreign ones. Throws LlmFailure. */
export function readTools(request: Members): ToolSet {
  const tools: Tool[] = [];
  const namespaces: ToolNamespace[] = [];
  objectsOf(request, 'tools').forEach((tool) => {
    const type = tool.needText('type');
    if (type !== 'namespace') {
      tools.push(readTool(tool, type, undefined));
      return;
    }
    const name = tool.needText('name');
    namespaces.push({
      name,
      description: tool.text('description'),
      extras: extrasOf(tool.rest(['type', 'name', 'description', 'tools'])),
    });
    for (const one of objectsOf(tool, 'tools')) tools.push(readTool(one, one.needText('type'), name));
  });
  return { tools, namespaces };
}

function objectsOf(parent: Members, name: string): readonly Members[] {
  return (parent.list(name) ?? []).map((value, at) => {
    const path = `${parent.at(name)}[${at}]`;
    if (!isObject(value)) throw invalid(`${path} must be an object`, path);
    return membersOf(value, path);
  });
}

function readTool(tool: Members, type: string, namespace: string | undefined): Tool {
  if (type === 'function')
    return {
      kind: 'function',
      name: tool.needText('name'),
      namespace,
      description: tool.text('description'),
      schema: tool.object('parameters'),
      strict: tool.flag('strict'),
      // Kept even when empty: here, unlike in other formats, a tool that says nothing of `strict` may be strict.
      extras: {
        format: 'responses',
        members: tool.rest(['type', 'name', 'description', 'parameters', 'strict']),
      },
    };
  if (type === 'custom')
    return {
      kind: 'freeform',
      name: tool.needText('name'),
      namespace,
      description: tool.text('description'),
      grammar: tool.object('format'),
      extras: extrasOf(tool.rest(['type', 'name', 'description', 'format'])),
    };
  if (namespace !== undefined)
    throw invalid(
      `${tool.at('type')} is "${type}"; a namespace has functions and custom tools`,
      tool.at('type'),
    );
  if (type === 'mcp') return readServerTools(tool);
  return { kind: 'foreign', format: 'responses', value: tool.value };
}

function readServerTools(tool: Members): ServerTools {
  return {
    kind: 'servers',
    label: tool.needText('server_label'),
    url: tool.text('server_url'),
    allowed: allowedTools(tool),
    approved: approvedTools(tool),
    format: 'responses',
    value: tool.value,
  };
}

function allowedTools(tool: Members): readonly string[] | undefined {
  const allowed = tool.value['allowed_tools'] ?? undefined;
  const path = tool.at('allowed_tools');
  if (allowed === undefined) return undefined;
  if (Array.isArray(allowed)) return namesOf(allowed as readonly Json[], path);
  if (!isObject(allowed))
    throw invalid(`${path} must be a list of tool names, or an object with tool_names`, path);
  // To leave the filter out would allow more than was said.
  if (allowed['read_only'] === true)
    throw invalid(
      `${path}.read_only cannot be followed here; name the tools in ${path}.tool_names`,
      `${path}.read_only`,
    );
  const names = allowed['tool_names'] ?? undefined;
  return names === undefined ? undefined : namesOf(listOf(names), `${path}.tool_names`);
}

/** Whoever says nothing wants to be asked; so does whoever says it by a property of tools rather than by name. */
function approvedTools(tool: Members): ServerTools['approved'] {
  const approval = tool.value['require_approval'] ?? undefined;
  const path = tool.at('require_approval');
  if (approval === undefined || approval === 'always') return 'none';
  if (approval === 'never') return 'all';
  if (!isObject(approval)) throw invalid(`${path} must be "always", "never" or an object`, path);
  const never = approval['never'];
  if (!isObject(never)) return 'none';
  return namesOf(listOf(never['tool_names']), `${path}.never.tool_names`);
}

function namesOf(list: readonly Json[], path: string): readonly string[] {
  return list.map((name, at) => {
    if (typeof name !== 'string') throw invalid(`${path}[${at}] must be a string`, `${path}[${at}]`);
    return name;
  });
}

/** `tool_choice`; `undefined` with `isOurs` false for a choice of something that only this format has. */
export function readToolChoice(value: Json | undefined): { choice: ToolChoice | undefined; isOurs: boolean } {
  if (value === undefined || value === null) return { choice: undefined, isOurs: true };
  if (value === 'auto' || value === 'required' || value === 'none')
    return { choice: { kind: value }, isOurs: true };
  if (!isObject(value))
    throw invalid('tool_choice must be "auto", "required", "none" or an object', 'tool_choice');
  const type = textOf(value['type']);
  if (type === undefined) throw invalid('tool_choice.type must be a string', 'tool_choice.type');
  if (type === 'function' || type === 'custom') {
    const name = textOf(value['name']);
    if (name === undefined) throw invalid('tool_choice.name must be a string', 'tool_choice.name');
    return { choice: { kind: 'tool', name, namespace: textOf(value['namespace']) }, isOurs: true };
  }
  const choice = type === 'allowed_tools' ? allowedChoice(value) : undefined;
  return { choice, isOurs: choice !== undefined };
}

function allowedChoice(value: JsonObject): ToolChoice | undefined {
  const mode = value['mode'] ?? 'auto';
  if (mode !== 'auto' && mode !== 'required')
    throw invalid('tool_choice.mode must be "auto" or "required"', 'tool_choice.mode');
  const names = listOf(value['tools']).map((tool) => {
    if (!isObject(tool) || (tool['type'] !== 'function' && tool['type'] !== 'custom')) return undefined;
    return tool['namespace'] === undefined ? textOf(tool['name']) : undefined;
  });
  if (names.some((name) => name === undefined)) return undefined;
  return { kind: 'allowed', mode, names: names.filter((name) => name !== undefined) };
}
