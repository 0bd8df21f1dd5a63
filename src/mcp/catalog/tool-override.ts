import { nearest } from '../../core/nearest.ts';
import { GatewayError } from '../../core/errors.ts';
import { firstByte, type JsonObject, scanArray, scanObject } from '../../core/json-scan.ts';
import type { ServerConfig, ToolOverride } from '../mcp-ports.ts';
import type { Finding } from '../upstream/finding.ts';
import { withMember, withoutMembers, withValue } from '../wire/compose.ts';
import { readTool, type ToolEntry } from './tool-entry.ts';

/** A server's tools as the operator wants them offered, and what of his wishes cannot be met. */
export interface Overridden {
  readonly tools: readonly ToolEntry[];
  readonly problems: readonly string[];
}

type Overrides = Readonly<Record<string, ToolOverride>>;

/**
 * The tools under their overrides, in their order. A new name that another tool of the server is offered under is not given. `tools`
 * must be all tools of the server, so that what a name stands for does not depend on who asks.
 */
export function applyOverrides(tools: readonly ToolEntry[], overrides: Overrides): Overridden {
  const originals = new Set(tools.map((tool) => tool.originalName));
  const problems: string[] = [];
  for (const name of Object.keys(overrides)) {
    if (originals.has(name) || tools.length === 0) continue;
    const near = nearest(name, originals);
    problems.push(
      `tool_overrides names ${JSON.stringify(name)}, which is no tool of this server${near === undefined ? '' : ` (did you mean ${JSON.stringify(near)}?)`}`,
    );
  }
  const names = offeredNames(tools, overrides, problems);
  const offered = tools.flatMap((tool) => {
    const override = overrideOf(overrides, tool);
    if (override === undefined) return [tool];
    if (override.hidden) return [];
    problems.push(...unknownArguments(tool, override));
    return [applyOverride(tool, { ...override, name: names.get(tool.originalName) })];
  });
  return { tools: offered, problems };
}

/** A tool as it is offered under an override. What the override does not touch stays as the server sent it, byte for byte. */
export function applyOverride(tool: ToolEntry, override: ToolOverride): ToolEntry {
  let bytes = tool.definition.bytes.subarray(tool.definition.start, tool.definition.end);
  if (override.title !== undefined) bytes = withJson(bytes, 'title', override.title);
  if (override.description !== undefined) bytes = withJson(bytes, 'description', override.description);
  const annotations = Object.entries(override.annotations);
  if (annotations.length > 0) {
    let inner = objectSlice(tool.definition, 'annotations') ?? EMPTY;
    for (const [key, value] of annotations) inner = withJson(inner, key, value);
    bytes = replaced(bytes, 'annotations', inner);
  }
  const fixed = new Map(
    Object.entries(override.arguments).map(([name, value]) => [name, Buffer.from(JSON.stringify(value))]),
  );
  const schema = objectSlice(tool.definition, 'inputSchema');
  if (fixed.size > 0 && schema !== undefined)
    bytes = replaced(bytes, 'inputSchema', withoutArguments(schema, fixed));
  const read = readTool(tool.server, bytes);
  if (!read.ok)
    throw new Error(`tool "${tool.originalName}" cannot be read under its override: ${read.reason}`);
  return { ...read.tool, offeredName: override.name ?? tool.originalName, override: { base: tool, fixed } };
}

/** What is sent to the server for a call of an offered tool. Throws `rpc-params` when fixed arguments cannot be added. */
export function callOf(
  tool: ToolEntry,
  params: JsonObject | undefined,
): { readonly tool: ToolEntry; readonly params: JsonObject | undefined } {
  if (tool.override === undefined) return { tool, params };
  const { base, fixed } = tool.override;
  const target = { ...base, repeatable: tool.repeatable };
  return { tool: target, params: fixed.size === 0 ? params : withFixed(params, fixed) };
}

/** Findings for what of a server's overrides has no effect. */
export function overrideFindings(config: ServerConfig, problems: readonly string[]): readonly Finding[] {
  const { file, line, keyLines } = config.source;
  return problems.map((text) => ({
    code: 'tool-override',
    text: `Server "${config.name}": ${text}.`,
    fix: `${file}:${keyLines['tool_overrides'] ?? line}: correct tool_overrides`,
  }));
}

/** Overrides applied once for each reading of a server's list. */
export function createOverrider(): (config: ServerConfig, tools: readonly ToolEntry[]) => Overridden {
  const known = new WeakMap<
    readonly ToolEntry[],
    { readonly overrides: Overrides; readonly result: Overridden }
  >();
  return (config, tools) => {
    const before = known.get(tools);
    if (before?.overrides === config.toolOverrides) return before.result;
    const result =
      Object.keys(config.toolOverrides).length === 0
        ? { tools, problems: [] }
        : applyOverrides(tools, config.toolOverrides);
    known.set(tools, { overrides: config.toolOverrides, result });
    return result;
  };
}

const EMPTY = Buffer.from('{}');

function overrideOf(overrides: Overrides, tool: ToolEntry): ToolOverride | undefined {
  return Object.hasOwn(overrides, tool.originalName) ? overrides[tool.originalName] : undefined;
}

/** New names by original names, without those that are taken. A name that is not given may free none that another one needs. */
function offeredNames(
  tools: readonly ToolEntry[],
  overrides: Overrides,
  problems: string[],
): ReadonlyMap<string, string> {
  const shown = tools.filter((tool) => overrideOf(overrides, tool)?.hidden !== true);
  const given = new Map<string, string>();
  for (const tool of shown) {
    const name = overrideOf(overrides, tool)?.name;
    if (name !== undefined && name !== tool.originalName) given.set(tool.originalName, name);
  }
  for (;;) {
    const kept = new Set(
      shown.filter(({ originalName }) => !given.has(originalName)).map((tool) => tool.originalName),
    );
    const refused = [...given].find(([, name]) => kept.has(name));
    if (refused === undefined) return given;
    given.delete(refused[0]);
    problems.push(
      `tool_overrides.${refused[0]}.name is ${JSON.stringify(refused[1])}, but the server has a tool of that name; it keeps its own`,
    );
  }
}

function unknownArguments(tool: ToolEntry, override: ToolOverride): readonly string[] {
  const schema = objectSlice(tool.definition, 'inputSchema');
  const properties = schema === undefined ? undefined : scanObject(schema, 2).child('properties');
  if (properties === undefined) return [];
  return Object.keys(override.arguments)
    .filter((name) => !properties.has(name))
    .map(
      (name) =>
        `tool_overrides.${tool.originalName}.arguments sets ${JSON.stringify(name)}, which is no argument of the tool; it is sent all the same`,
    );
}

/** An input schema without arguments that the client is not to give. */
function withoutArguments(schema: Buffer, fixed: ReadonlyMap<string, Buffer>): Buffer {
  let bytes = schema;
  const properties = scanObject(bytes, 2).child('properties');
  if (properties !== undefined)
    bytes = replaced(
      bytes,
      'properties',
      withoutMembers(properties, (key) => fixed.has(key)),
    );
  const required = scanObject(bytes, 1).slice('required');
  if (required === undefined || firstByte(required) !== 0x5b) return bytes;
  const all = scanArray(required);
  const left = all.filter((name) => !fixed.has(String(JSON.parse(name.toString('utf8')))));
  if (left.length === all.length) return bytes;
  return left.length === 0
    ? withoutMembers(scanObject(bytes, 1), (key) => key === 'required')
    : replaced(bytes, 'required', Buffer.from(`[${left.map((name) => name.toString('utf8')).join(',')}]`));
}

function withFixed(params: JsonObject | undefined, fixed: ReadonlyMap<string, Buffer>): JsonObject {
  const given = params?.slice('arguments');
  const first = given === undefined ? undefined : firstByte(given);
  // `null` is what some clients send for no arguments.
  if (given !== undefined && first !== 0x7b && first !== 0x6e)
    throw new GatewayError('rpc-params', { reason: 'params.arguments must be an object' });
  const own = first === 0x7b ? withoutMembers(scanObject(given!, 1), (key) => fixed.has(key)) : EMPTY;
  const members = [...fixed].map(([name, value]) => `${JSON.stringify(name)}:${value.toString('utf8')}`);
  const composed = withMember(scanObject(own, 1), members.join(','));
  const rest = params === undefined ? EMPTY : withoutMembers(params, (key) => key === 'arguments');
  return scanObject(
    withMember(scanObject(rest, 1), `"arguments":${composed.toString('utf8')}`),
    PARAMS_DEPTH,
  );
}

/** Params and their `_meta`. */
const PARAMS_DEPTH = 2;

function objectSlice(object: JsonObject, key: string): Buffer | undefined {
  const slice = object.slice(key);
  return slice?.[0] === 0x7b ? slice : undefined;
}

function withJson(bytes: Buffer, key: string, value: unknown): Buffer {
  return replaced(bytes, key, Buffer.from(JSON.stringify(value)));
}

/** The object with one member's value replaced where it stands, or added in front. Of repeated members one is left. */
function replaced(bytes: Buffer, key: string, value: Buffer): Buffer {
  const object = scanObject(bytes, 1);
  if (object.keys.indexOf(key) !== object.indexOf(key))
    return replaced(
      withoutMembers(object, (one) => one === key),
      key,
      value,
    );
  if (object.has(key)) return withValue(object, key, value);
  return withMember(object, `${JSON.stringify(key)}:${value.toString('utf8')}`);
}
