import { withValue } from '../wire/compose.ts';
import { exposedName, hashedName, ownerOf } from './names.ts';
import type { ToolEntry } from './tool-entry.ts';

/** How long a modern client may keep a list, in milliseconds: not at all, since a change is not announced to it. */
const LIST_TTL_MS = 0;

/** What a tool name stands for in a view. */
export type Resolved =
  | { readonly kind: 'found'; readonly tool: ToolEntry }
  | { readonly kind: 'ambiguous'; readonly candidates: readonly string[] }
  | { readonly kind: 'unknown' };

/** The tools that one visibility shows: a routing table and ready-made answers to `tools/list`. */
export interface View {
  /** JSON text of the `tools/list` result for each era. */
  readonly legacyList: Buffer;
  readonly modernList: Buffer;
  readonly names: ReadonlyMap<string, ToolEntry>;
  resolve(name: string): Resolved;
}

export interface ViewServer {
  readonly name: string;
  readonly prefix: string;
  readonly tools: readonly ToolEntry[];
}

/**
 * Builds a view over `servers` in their order. Names carry the server's prefix when more than one server is in scope; a call may use
 * the prefixed name in any scope, and the bare original name where only one server has it and it does not begin like a name of another.
 */
export function buildView(servers: readonly ViewServer[], separator: string): View {
  const prefixed = servers.length > 1;
  const prefixes = prefixed ? servers.map((server) => server.prefix) : [];
  const names = new Map<string, ToolEntry>();
  const extra = new Map<string, ToolEntry[]>();
  const listed: Buffer[] = [];
  for (const server of servers) {
    for (const tool of server.tools) {
      const name = uniqueName(names, prefixed ? server.prefix : undefined, separator, tool, prefixes);
      names.set(name, tool);
      listed.push(
        name === tool.originalName
          ? text(tool)
          : withValue(tool.definition, 'name', Buffer.from(JSON.stringify(name))),
      );
      for (const other of new Set([
        tool.offeredName,
        exposedName(server.prefix, separator, tool.offeredName),
        `${server.prefix}${separator}${tool.offeredName}`,
      ])) {
        const owner = ownerOf(other, separator, prefixes);
        if (owner !== undefined && owner !== server.prefix) continue;
        if (other !== name) extra.set(other, [...(extra.get(other) ?? []), tool]);
      }
    }
  }
  const tools = joinArray(listed);
  const exposedOf = (tool: ToolEntry): string =>
    [...names].find(([, entry]) => entry === tool)?.[0] ?? tool.offeredName;
  return {
    names,
    legacyList: Buffer.concat([Buffer.from('{"tools":'), tools, Buffer.from('}')]),
    modernList: Buffer.concat([
      Buffer.from('{"resultType":"complete","tools":'),
      tools,
      Buffer.from(`,"ttlMs":${LIST_TTL_MS},"cacheScope":"private"}`),
    ]),
    resolve(name) {
      const exact = names.get(name);
      if (exact !== undefined) return { kind: 'found', tool: exact };
      const others = extra.get(name);
      if (others === undefined) return { kind: 'unknown' };
      if (others.length === 1) return { kind: 'found', tool: others[0]! };
      return { kind: 'ambiguous', candidates: others.map(exposedOf) };
    },
  };
}

function uniqueName(
  taken: ReadonlyMap<string, ToolEntry>,
  prefix: string | undefined,
  separator: string,
  tool: ToolEntry,
  prefixes: readonly string[],
): string {
  const name = exposedName(prefix, separator, tool.offeredName, prefixes);
  if (!taken.has(name)) return name;
  const rehashed = hashedName(name, `${tool.server}\u0000${tool.originalName}`);
  let attempt = rehashed;
  for (let n = 2; taken.has(attempt); n++)
    attempt = hashedName(name, `${tool.server}\u0000${tool.originalName}\u0000${n}`);
  return attempt;
}

function text(tool: ToolEntry): Buffer {
  return tool.definition.bytes.subarray(tool.definition.start, tool.definition.end);
}

function joinArray(items: readonly Buffer[]): Buffer {
  const parts: Buffer[] = [Buffer.from('[')];
  for (const [at, item] of items.entries()) {
    if (at > 0) parts.push(Buffer.from(','));
    parts.push(item);
  }
  parts.push(Buffer.from(']'));
  return Buffer.concat(parts);
}
