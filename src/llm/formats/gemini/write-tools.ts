import type { Dropped } from '../../conversation/dropped.ts';
import { isObject, ownExtras, textOf } from '../../conversation/json.ts';
import type { Json, JsonObject } from '../../conversation/parts.ts';
import type { FunctionTool, ModelRequest, ServerTools } from '../../conversation/request.ts';
import { FREEFORM_SCHEMA, type ToolNames } from '../../conversation/tool-names.ts';
import { ownSchemaOf } from './schema.ts';

/** `tools`: all declarations of functions in one entry, each tool of the provider in one of its own. */
export function writeTools(request: ModelRequest, names: ToolNames, dropped: Dropped): readonly JsonObject[] {
  const declarations: JsonObject[] = [];
  const servers: JsonObject[] = [];
  const others: JsonObject[] = [];
  for (const tool of request.tools) {
    if (tool.kind === 'function') declarations.push(writeFunction(tool, names, dropped));
    else if (tool.kind === 'freeform') {
      if (tool.grammar !== undefined) dropped.add('tools.format');
      ownExtras('gemini', tool.extras, dropped, 'tools');
      declarations.push({
        name: names.wire(tool.name, tool.namespace),
        ...(tool.description === undefined ? {} : { description: tool.description }),
        parametersJsonSchema: FREEFORM_SCHEMA,
      });
    } else if (tool.kind === 'servers') writeServer(tool, servers, dropped);
    else if (tool.format === 'gemini') others.push(tool.value);
    else dropped.add(`tools.${textOf(tool.value['type']) ?? 'foreign'}`);
  }
  return [
    ...(declarations.length === 0 ? [] : [{ functionDeclarations: declarations }]),
    ...(servers.length === 0 ? [] : [{ mcpServers: servers }]),
    ...others,
  ];
}

/** `toolConfig`; `rest` is what only this format has of it. */
export function writeToolConfig(
  request: ModelRequest,
  names: ToolNames,
  rest: Json | undefined,
  hasFunctions: boolean,
): JsonObject | undefined {
  const { functionCallingConfig, ...others } = isObject(rest) ? rest : {};
  const choice = request.toolChoice;
  const own = isObject(functionCallingConfig) ? functionCallingConfig : {};
  const config = { ...(hasFunctions ? configOf(choice, names) : {}), ...own };
  const all = { ...(Object.keys(config).length === 0 ? {} : { functionCallingConfig: config }), ...others };
  return Object.keys(all).length === 0 ? undefined : all;
}

function configOf(choice: ModelRequest['toolChoice'], names: ToolNames): JsonObject {
  switch (choice?.kind) {
    case undefined:
      return {};
    case 'auto':
      return { mode: 'AUTO' };
    case 'none':
      return { mode: 'NONE' };
    case 'required':
      return { mode: 'ANY' };
    case 'tool':
      return { mode: 'ANY', allowedFunctionNames: [names.wire(choice.name, choice.namespace)] };
    case 'allowed': {
      // Which functions are allowed can be said only where one must be called, or may be (VALIDATED).
      const allowed = choice.names.map((name) => names.wire(name, undefined));
      return { mode: choice.mode === 'required' ? 'ANY' : 'VALIDATED', allowedFunctionNames: allowed };
    }
  }
}

function writeFunction(tool: FunctionTool, names: ToolNames, dropped: Dropped): JsonObject {
  if (tool.cache !== undefined) dropped.add('cache_control');
  if (tool.strict === true) dropped.add('tools.strict');
  const { schema } = tool;
  const own = schema === undefined ? undefined : ownSchemaOf(schema);
  return {
    name: names.wire(tool.name, tool.namespace),
    ...(tool.description === undefined ? {} : { description: tool.description }),
    ...(own === undefined ? {} : { parameters: own }),
    ...(own === undefined && schema !== undefined ? { parametersJsonSchema: schema } : {}),
    ...ownExtras('gemini', tool.extras, dropped, 'tools'),
  };
}

function writeServer(tool: ServerTools, servers: JsonObject[], dropped: Dropped): void {
  if (tool.format === 'gemini') {
    servers.push(tool.value);
    return;
  }
  const hasLimits = tool.allowed !== undefined || (tool.denied ?? []).length > 0 || tool.approved !== 'all';
  // A server without the limits that the client set would be more than it allowed.
  if (tool.url === undefined || hasLimits) {
    dropped.add('tools.mcp');
    return;
  }
  const token = textOf(tool.value['authorization']) ?? tokenOf(tool.value['server']);
  servers.push({
    name: tool.label,
    streamableHttpTransport: {
      url: tool.url,
      ...(token === undefined ? {} : { headers: { Authorization: `Bearer ${token}` } }),
    },
  });
}

function tokenOf(server: Json | undefined): string | undefined {
  return isObject(server) ? textOf(server['authorization_token']) : undefined;
}
