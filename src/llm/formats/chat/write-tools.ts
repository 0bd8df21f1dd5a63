import type { Dropped } from '../../conversation/dropped.ts';
import { ownExtras, textOf } from '../../conversation/json.ts';
import type { Json, JsonObject } from '../../conversation/parts.ts';
import type {
  FreeformTool,
  FunctionTool,
  ModelRequest,
  ServerTools,
  Tool,
  ToolChoice,
} from '../../conversation/request.ts';
import { FREEFORM_SCHEMA } from '../../conversation/tool-names.ts';
import type { Writing } from './write-parts.ts';

type OwnTool = FunctionTool | FreeformTool;

/** `tools` and `tool_choice`. */
export function writeTools(request: ModelRequest, writing: Writing): JsonObject {
  const { dropped } = writing;
  const choice = request.toolChoice;
  // Only OpenAI knows a choice among some of the tools; for others the rest is left out.
  const allowed =
    choice?.kind === 'allowed' && !writing.rules.isOpenAi && !writing.isOwn
      ? new Set(choice.names)
      : undefined;
  const tools: JsonObject[] = [];
  for (const tool of request.tools) {
    if (allowed !== undefined && isOwnTool(tool) && !allowed.has(tool.name)) continue;
    const written = writeTool(tool, writing);
    if (written !== undefined) tools.push(written);
  }
  for (const namespace of request.namespaces ?? []) {
    if (namespace.description !== undefined && namespace.description !== '')
      dropped.add('tools.namespace.description');
    ownExtras('chat', namespace.extras, dropped, 'tools.namespace');
  }
  if (tools.length === 0) return {};
  const other = writing.isOwn ? request.extras?.members['tool_choice'] : undefined;
  const written = other ?? (choice === undefined ? undefined : writeChoice(choice, request, writing));
  return { tools, ...(written === undefined ? {} : { tool_choice: written }) };
}

function isOwnTool(tool: Tool): tool is OwnTool {
  return tool.kind === 'function' || tool.kind === 'freeform';
}

function writeTool(tool: Tool, writing: Writing): JsonObject | undefined {
  const { dropped } = writing;
  switch (tool.kind) {
    case 'function':
      return writeFunction(tool, writing);
    case 'freeform':
      return writeFreeform(tool, writing);
    case 'servers':
      return writeServers(tool, dropped);
    case 'foreign':
      if (tool.format === 'chat') return tool.value;
      dropped.add(`tools.${textOf(tool.value['type']) ?? Object.keys(tool.value)[0] ?? 'unknown'}`);
      return undefined;
  }
}

function writeFunction(tool: FunctionTool, writing: Writing): JsonObject {
  const outer: Record<string, Json | undefined> = {};
  const inner: Record<string, Json | undefined> = {};
  for (const [key, value] of Object.entries(ownExtras('chat', tool.extras, writing.dropped, 'tools') ?? {}))
    if (key.startsWith('function.')) inner[key.slice('function.'.length)] = value;
    else outer[key] = value;
  return {
    type: 'function',
    function: {
      name: writing.names.wire(tool.name, tool.namespace),
      ...(tool.description === undefined ? {} : { description: tool.description }),
      ...(tool.schema === undefined ? {} : { parameters: tool.schema }),
      ...(tool.strict === undefined ? {} : { strict: tool.strict }),
      ...inner,
    },
    ...writing.cache(tool.cache, 'tools.cache_control'),
    ...outer,
  };
}

/** A tool that takes any text; where the provider has none, a function whose only argument is that text. */
function writeFreeform(tool: FreeformTool, writing: Writing): JsonObject {
  const name = writing.names.wire(tool.name, tool.namespace);
  const extras = ownExtras('chat', tool.extras, writing.dropped, 'tools');
  const described = tool.description === undefined ? {} : { description: tool.description };
  if (!writing.hasFreeform) {
    if (tool.grammar !== undefined && tool.grammar['type'] !== 'text') writing.dropped.add('tools.format');
    return { type: 'function', function: { name, ...described, parameters: FREEFORM_SCHEMA, ...extras } };
  }
  return {
    type: 'custom',
    custom: {
      name,
      ...described,
      ...(tool.grammar === undefined ? {} : { format: nested(tool.grammar) }),
      ...extras,
    },
  };
}

/** The constraint as this format nests it. */
function nested(grammar: JsonObject): JsonObject {
  const { type, ...rest } = grammar;
  return type === 'grammar' && rest['grammar'] === undefined ? { type, grammar: rest } : grammar;
}

function writeServers(tool: ServerTools, dropped: Dropped): JsonObject | undefined {
  if (tool.format === 'chat') return tool.value;
  dropped.add(tool.format === 'messages' ? 'mcp_servers' : 'tools.mcp');
  return undefined;
}

function writeChoice(choice: ToolChoice, request: ModelRequest, writing: Writing): Json {
  const reference = (name: string, namespace?: string): JsonObject => {
    const tool = request.tools.find(
      (one): one is OwnTool =>
        isOwnTool(one) && one.name === name && (namespace === undefined || one.namespace === namespace),
    );
    const type = tool?.kind === 'freeform' && writing.hasFreeform ? 'custom' : 'function';
    return { type, [type]: { name: writing.names.wire(name, namespace ?? tool?.namespace) } };
  };
  switch (choice.kind) {
    case 'tool':
      return reference(choice.name, choice.namespace);
    case 'allowed':
      if (!writing.rules.isOpenAi && !writing.isOwn) return choice.mode;
      return {
        type: 'allowed_tools',
        allowed_tools: { mode: choice.mode, tools: choice.names.map((name) => reference(name)) },
      };
    case 'auto':
    case 'required':
    case 'none':
      return choice.kind;
  }
}
