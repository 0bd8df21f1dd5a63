import { extrasOf, isList, isObject, textOf } from '../../conversation/json.ts';
import { invalid } from '../../conversation/llm-failure.ts';
import type { Json, JsonObject } from '../../conversation/parts.ts';
import type { ServerTools, Tool, ToolChoice } from '../../conversation/request.ts';
import { readCache } from './read-parts.ts';

const FUNCTION = new Set(['type', 'name', 'description', 'input_schema', 'strict', 'cache_control']);

/** `tools` and `mcp_servers`: a server's entry and its toolset are one thing, in the place of the toolset. */
export function readTools(body: JsonObject): readonly Tool[] {
  const servers = readServers(body['mcp_servers']);
  const tools: Tool[] = [];
  const listed = body['tools'] ?? [];
  if (!isList(listed)) throw invalid('tools must be a list.', 'tools');
  for (const [index, tool] of listed.entries()) tools.push(readTool(tool, `tools[${index}]`, servers));
  for (const [name, server] of servers) {
    if (!tools.some((tool) => tool.kind === 'servers' && tool.format === 'messages' && tool.label === name))
      tools.push(serverTools(server, undefined));
  }
  return tools;
}

export function readToolChoice(value: Json | undefined): {
  readonly toolChoice?: ToolChoice | undefined;
  readonly parallelToolCalls?: boolean | undefined;
} {
  if (value === undefined || value === null) return {};
  if (!isObject(value)) throw invalid('tool_choice must be an object with a "type".', 'tool_choice');
  const parallel = value['disable_parallel_tool_use'];
  const rest = typeof parallel === 'boolean' ? { parallelToolCalls: !parallel } : {};
  switch (value['type']) {
    case 'auto':
      return { toolChoice: { kind: 'auto' }, ...rest };
    case 'any':
      return { toolChoice: { kind: 'required' }, ...rest };
    case 'none':
      return { toolChoice: { kind: 'none' }, ...rest };
    case 'tool': {
      const name = textOf(value['name']);
      if (name === undefined) throw invalid('tool_choice.name must be text.', 'tool_choice.name');
      return { toolChoice: { kind: 'tool', name }, ...rest };
    }
    default:
      throw invalid('tool_choice.type must be "auto", "any", "tool" or "none".', 'tool_choice.type');
  }
}

function readTool(tool: Json, at: string, servers: ReadonlyMap<string, JsonObject>): Tool {
  if (!isObject(tool)) throw invalid(`${at} must be an object.`, at);
  const { type } = tool;
  if (type === 'mcp') return readMcp(tool, at);
  if (type === 'mcp_toolset') {
    const server = servers.get(textOf(tool['mcp_server_name']) ?? '');
    if (server === undefined)
      throw invalid(
        `${at}.mcp_server_name must be the name of an entry of mcp_servers.`,
        `${at}.mcp_server_name`,
      );
    return serverTools(server, tool);
  }
  if (type !== undefined && type !== null && type !== 'custom')
    return { kind: 'foreign', format: 'messages', value: tool };
  const name = textOf(tool['name']);
  if (name === undefined || name === '') throw invalid(`${at}.name must be text.`, `${at}.name`);
  const schema = tool['input_schema'] ?? undefined;
  if (schema !== undefined && !isObject(schema))
    throw invalid(`${at}.input_schema must be a JSON schema.`, `${at}.input_schema`);
  return {
    kind: 'function',
    name,
    description: textOf(tool['description']),
    schema,
    strict: typeof tool['strict'] === 'boolean' ? tool['strict'] : undefined,
    cache: readCache(tool['cache_control']),
    extras: extrasOf('messages', tool, FUNCTION),
  };
}

function readServers(value: Json | undefined): Map<string, JsonObject> {
  const servers = new Map<string, JsonObject>();
  if (value === undefined || value === null) return servers;
  if (!isList(value)) throw invalid('mcp_servers must be a list.', 'mcp_servers');
  for (const [index, server] of value.entries()) {
    const name = isObject(server) ? textOf(server['name']) : undefined;
    if (name === undefined || !isObject(server))
      throw invalid(`mcp_servers[${index}].name must be text.`, `mcp_servers[${index}].name`);
    servers.set(name, server);
  }
  return servers;
}

function serverTools(server: JsonObject, toolset: JsonObject | undefined): ServerTools {
  return {
    kind: 'servers',
    label: textOf(server['name']) ?? '',
    url: textOf(server['url']),
    ...(toolset === undefined ? limitsOfServer(server) : limitsOfToolset(toolset)),
    approved: 'all',
    format: 'messages',
    value: toolset === undefined ? { server } : { server, toolset },
  };
}

type Limits = Pick<ServerTools, 'allowed' | 'denied'>;

/** The limits as `tool_configuration` of the first version of the connector says them. */
function limitsOfServer(server: JsonObject): Limits {
  const limits = server['tool_configuration'];
  if (!isObject(limits)) return { allowed: undefined };
  if (limits['enabled'] === false) return { allowed: [] };
  const allowed = limits['allowed_tools'];
  return { allowed: isList(allowed) ? allowed.filter((name) => typeof name === 'string') : undefined };
}

function limitsOfToolset(toolset: JsonObject): Limits {
  const configs = isObject(toolset['configs']) ? Object.entries(toolset['configs']) : [];
  const standard = toolset['default_config'];
  const said = (value: boolean): string[] =>
    configs.filter(([, config]) => isObject(config) && config['enabled'] === value).map(([name]) => name);
  if (isObject(standard) && standard['enabled'] === false) return { allowed: said(true) };
  const denied = said(false);
  return { allowed: undefined, denied: denied.length === 0 ? undefined : denied };
}

/** Tools of the gateway's servers, as Responses says them. */
function readMcp(tool: JsonObject, at: string): ServerTools {
  const label = textOf(tool['server_label']) ?? textOf(tool['name']);
  if (label === undefined) throw invalid(`${at}.server_label must be text.`, `${at}.server_label`);
  const allowed = isObject(tool['allowed_tools'])
    ? tool['allowed_tools']['tool_names']
    : tool['allowed_tools'];
  return {
    kind: 'servers',
    label,
    url: textOf(tool['server_url']),
    allowed: isList(allowed) ? allowed.filter((name) => typeof name === 'string') : undefined,
    approved: readApproval(tool['require_approval']),
    format: 'messages',
    value: tool,
  };
}

function readApproval(value: Json | undefined): ServerTools['approved'] {
  if (value === 'never' || value === undefined || value === null) return 'all';
  const never = isObject(value) ? value['never'] : undefined;
  const names = isObject(never) ? never['tool_names'] : undefined;
  return isList(names) ? names.filter((name) => typeof name === 'string') : 'none';
}
