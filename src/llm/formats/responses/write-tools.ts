import type { Dropped } from '../../conversation/dropped.ts';
import type { Json, JsonObject } from '../../conversation/parts.ts';
import type {
  FreeformTool,
  FunctionTool,
  ModelRequest,
  ServerTools,
  ToolChoice,
} from '../../conversation/request.ts';
import { dropExtras, foreignName } from './drop-names.ts';
import { ownExtras, textOf } from './json-members.ts';
import type { WireNames } from './wire-names.ts';

/** `tools` for a provider. Tools of a group are where the first of them is. */
export function writeTools(request: ModelRequest, names: WireNames, dropped: Dropped): readonly JsonObject[] {
  const tools: JsonObject[] = [];
  const groups = new Map<string, JsonObject[]>();
  const group = (name: string): JsonObject[] => {
    const known = groups.get(name);
    if (known !== undefined) return known;
    const members: JsonObject[] = [];
    const namespace = request.namespaces?.find((one) => one.name === name);
    dropExtras(namespace?.extras, dropped, 'tools');
    tools.push({
      type: 'namespace',
      name,
      description: namespace?.description ?? '',
      tools: members,
      ...ownExtras(namespace?.extras),
    });
    groups.set(name, members);
    return members;
  };
  for (const tool of request.tools) {
    if (tool.kind === 'foreign') {
      if (tool.format === 'responses') tools.push(tool.value);
      else dropped.add(foreignName(tool.format, tool.value, 'tools'));
    } else if (tool.kind === 'servers') tools.push(writeServers(tool, dropped));
    else (tool.namespace === undefined ? tools : group(tool.namespace)).push(writeTool(tool, names, dropped));
  }
  for (const { name } of request.namespaces ?? []) group(name);
  return tools;
}

function writeTool(tool: FunctionTool | FreeformTool, names: WireNames, dropped: Dropped): JsonObject {
  dropExtras(tool.extras, dropped, 'tools');
  const named = {
    name: names.byName.get(tool.name) ?? tool.name,
    ...(tool.description === undefined ? {} : { description: tool.description }),
  };
  if (tool.kind === 'freeform')
    return {
      type: 'custom',
      ...named,
      ...(tool.grammar === undefined ? {} : { format: tool.grammar }),
      ...ownExtras(tool.extras),
    };
  if (tool.cache !== undefined) dropped.add('tools.cache_control');
  return {
    type: 'function',
    ...named,
    parameters: tool.schema ?? null,
    ...strictness(tool),
    ...ownExtras(tool.extras),
  };
}

/** Here a tool that says nothing is made strict where its schema allows it, in other formats it is not strict. */
function strictness(tool: FunctionTool): JsonObject {
  if (tool.strict !== undefined) return { strict: tool.strict };
  return tool.extras?.format === 'responses' ? {} : { strict: false };
}

function writeServers(tool: ServerTools, dropped: Dropped): JsonObject {
  if (tool.format === 'responses') return tool.value;
  for (const name of Object.keys(tool.value))
    if (!['type', 'name', 'url', 'authorization_token', 'tool_configuration'].includes(name))
      dropped.add(`mcp_servers.${name}`);
  const token = textOf(tool.value['authorization_token']);
  return {
    type: 'mcp',
    server_label: tool.label,
    ...(tool.url === undefined ? {} : { server_url: tool.url }),
    ...(token === undefined ? {} : { authorization: token }),
    ...(tool.allowed === undefined ? {} : { allowed_tools: tool.allowed }),
    require_approval: approval(tool.approved),
  };
}

function approval(approved: ServerTools['approved']): Json {
  if (approved === 'all') return 'never';
  return approved === 'none' ? 'always' : { never: { tool_names: approved } };
}

export function writeToolChoice(choice: ToolChoice, request: ModelRequest, names: WireNames): Json {
  const reference = (name: string): JsonObject => {
    const tool = request.tools.find((one) => one.kind === 'freeform' && one.name === name);
    return { type: tool === undefined ? 'function' : 'custom', name: names.byName.get(name) ?? name };
  };
  switch (choice.kind) {
    case 'tool':
      return {
        ...reference(choice.name),
        ...(choice.namespace === undefined ? {} : { namespace: choice.namespace }),
      };
    case 'allowed':
      return { type: 'allowed_tools', mode: choice.mode, tools: choice.names.map(reference) };
    case 'auto':
    case 'required':
    case 'none':
      return choice.kind;
  }
}
