import type { Dropped } from '../../conversation/dropped.ts';
import { isList, isObject, ownExtras, textOf } from '../../conversation/json.ts';
import type { Json, JsonObject } from '../../conversation/parts.ts';
import type { FunctionTool, ModelRequest, ServerTools } from '../../conversation/request.ts';
import { FREEFORM_SCHEMA, type ToolNames } from '../../conversation/tool-names.ts';
import { writeCache } from './write-parts.ts';

export interface WrittenTools {
  readonly tools: readonly JsonObject[];
  readonly servers: readonly JsonObject[];
}

/** `tools` and `mcp_servers`. */
export function writeTools(request: ModelRequest, names: ToolNames, dropped: Dropped): WrittenTools {
  const tools: JsonObject[] = [];
  const servers: JsonObject[] = [];
  const allowed = request.toolChoice?.kind === 'allowed' ? new Set(request.toolChoice.names) : undefined;
  for (const tool of request.tools) {
    // A choice among some tools is said by offering only these.
    if (allowed !== undefined && 'name' in tool && !allowed.has(tool.name)) continue;
    if (tool.kind === 'function') tools.push(writeFunction(tool, names, dropped));
    else if (tool.kind === 'freeform') {
      if (tool.grammar !== undefined) dropped.add('tools.format');
      ownExtras('messages', tool.extras, dropped, 'tools');
      tools.push({
        name: names.wire(tool.name, tool.namespace),
        ...(tool.description === undefined ? {} : { description: tool.description }),
        input_schema: FREEFORM_SCHEMA,
      });
    } else if (tool.kind === 'foreign') {
      if (tool.format === 'messages') tools.push(tool.value);
      else dropped.add(`tools.${textOf(tool.value['type']) ?? Object.keys(tool.value)[0] ?? 'foreign'}`);
    } else writeServer(tool, tools, servers, dropped);
  }
  return { tools, servers };
}

/** `tool_choice`; `undefined` when there is nothing to say. */
export function writeToolChoice(
  request: ModelRequest,
  names: ToolNames,
  hasTools: boolean,
): JsonObject | undefined {
  const choice = request.toolChoice;
  // Without tools the provider refuses any choice.
  if (!hasTools) return undefined;
  const single = request.parallelToolCalls;
  const parallel = single === undefined ? {} : { disable_parallel_tool_use: !single };
  switch (choice?.kind) {
    case undefined:
      return single === false ? { type: 'auto', ...parallel } : undefined;
    case 'none':
      return { type: 'none' };
    case 'required':
      return { type: 'any', ...parallel };
    case 'tool':
      return { type: 'tool', name: names.wire(choice.name, choice.namespace), ...parallel };
    case 'allowed':
      return { type: choice.mode === 'required' ? 'any' : 'auto', ...parallel };
    case 'auto':
      return { type: 'auto', ...parallel };
  }
}

function writeFunction(tool: FunctionTool, names: ToolNames, dropped: Dropped): JsonObject {
  return {
    name: names.wire(tool.name, tool.namespace),
    ...(tool.description === undefined ? {} : { description: tool.description }),
    input_schema: writeSchema(tool.schema, dropped),
    ...(tool.strict === true ? { strict: true } : {}),
    ...writeCache(tool.cache),
    ...ownExtras('messages', tool.extras, dropped, 'tools'),
  };
}

/** The provider wants an object at the root, without alternatives there. */
function writeSchema(schema: JsonObject | undefined, dropped: Dropped): JsonObject {
  if (schema === undefined) return { type: 'object', properties: {} };
  const branches = schema['anyOf'] ?? schema['oneOf'] ?? schema['allOf'];
  if (!isList(branches)) return schema['type'] === 'object' ? schema : { ...schema, type: 'object' };
  dropped.add('tools.schema');
  const { anyOf: _anyOf, oneOf: _oneOf, allOf, ...rest } = schema;
  const objects = branches.filter(isObject);
  const required = objects.map((branch) => new Set(isList(branch['required']) ? branch['required'] : []));
  const names = [...new Set(required.flatMap((one) => [...one]))];
  const kept = [
    ...(isList(schema['required']) ? schema['required'] : []),
    ...names.filter((name) => isList(allOf) || required.every((one) => one.has(name))),
  ];
  return {
    ...rest,
    type: 'object',
    properties: Object.assign(
      {},
      ...objects.map((branch) => branch['properties']),
      schema['properties'],
    ) as JsonObject,
    ...(kept.length === 0 ? {} : { required: [...new Set<Json>(kept)] }),
  };
}

function writeServer(tool: ServerTools, tools: JsonObject[], servers: JsonObject[], dropped: Dropped): void {
  const { server, toolset } = tool.value;
  if (tool.format === 'messages' && isObject(server)) {
    servers.push(server);
    if (isObject(toolset)) tools.push(toolset);
    return;
  }
  if (tool.url === undefined) {
    dropped.add('tools.mcp');
    return;
  }
  if (tool.approved !== 'all') dropped.add('tools.require_approval');
  if (isObject(tool.value['headers'])) dropped.add('tools.headers');
  const token = textOf(tool.value['authorization']);
  servers.push({
    type: 'url',
    url: tool.url,
    name: tool.label,
    ...(token === undefined ? {} : { authorization_token: token }),
  });
  tools.push({ type: 'mcp_toolset', mcp_server_name: tool.label, ...writeLimits(tool) });
}

function writeLimits({ allowed, denied }: ServerTools): JsonObject {
  const refused = new Set(denied);
  if (allowed === undefined && refused.size === 0) return {};
  const named = allowed?.filter((name) => !refused.has(name)) ?? [...refused];
  const isEnabled = allowed !== undefined;
  return {
    ...(isEnabled ? { default_config: { enabled: false } } : {}),
    configs: Object.fromEntries(named.map((name) => [name, { enabled: isEnabled }])),
  };
}
