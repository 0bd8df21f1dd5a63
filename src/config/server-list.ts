import type { ConfigProblem } from './problem.ts';
import { splitCommand } from './split-command.ts';
import {
  type ConfigNode,
  childOf,
  type ListNode,
  type MapEntry,
  type MapNode,
  mapNode,
  scalarNode,
} from './tree.ts';

type Report = (
  node: ConfigNode,
  path: string,
  severity: ConfigProblem['severity'],
  what: string,
  hint?: string,
) => void;

/**
 * Brings every way to write MCP servers into the one form `mcp_servers.<name>`: `mcp_servers` as a list, and the older
 * `mcp_settings: [{mcp_server: {name, …}}]`. Commands written as one text are split into program and arguments here, before variables
 * are put in. What is malformed stays where it is, for the schema to refuse.
 */
export function gatherServers(root: MapNode, report: Report): void {
  const written = root.entries.get('mcp_servers');
  const older = root.entries.get('mcp_settings');
  const servers =
    written?.node.kind === 'map' ? written.node : mapNode((written ?? older)?.node.at ?? root.at);
  for (const [name, entry] of servers.entries) {
    if (entry.node.kind === 'map') splitInMap(entry.node, `mcp_servers.${name}`, report);
  }
  if (written?.node.kind === 'list') takeList(written.node, 'mcp_servers', servers, report);
  if (older?.node.kind === 'list') {
    takeList(older.node, 'mcp_settings', servers, report);
    root.entries.delete('mcp_settings');
  }
  const replaced = written === undefined || written.node.kind === 'list' || isNull(written.node);
  if (replaced && servers.entries.size > 0)
    root.entries.set('mcp_servers', { keyAt: (written ?? older)!.keyAt, node: servers });
  else if (written?.node.kind === 'list') root.entries.delete('mcp_servers');
}

function isNull(node: ConfigNode): boolean {
  return node.kind === 'scalar' && node.value === null;
}

function takeList(list: ListNode, section: string, servers: MapNode, report: Report): void {
  for (const { index, node } of list.items) {
    const place = `${section}[${index}]`;
    const inner = childOf(node, 'mcp_server');
    const path = inner === undefined ? place : `${place}.mcp_server`;
    const found = namedEntry(inner ?? node, path, report);
    if (found === undefined) continue;
    const { name, nameAt, body } = found;
    if (servers.entries.has(name)) {
      report(body, path, 'error', `is a second MCP server named "${name}"`, 'Rename one of them.');
      continue;
    }
    body.shown = path;
    splitInMap(body, path, report);
    servers.entries.set(name, { keyAt: nameAt ?? body.at, node: body });
  }
}

function namedEntry(
  node: ConfigNode,
  path: string,
  report: Report,
):
  | { readonly name: string; readonly nameAt: MapEntry['keyAt'] | undefined; readonly body: MapNode }
  | undefined {
  if (node.kind !== 'map') {
    report(node, path, 'error', 'must be a map that describes an MCP server');
    return undefined;
  }
  const key = ['name', 'server_name'].find((candidate) => node.entries.has(candidate));
  if (key === undefined) {
    const [only, ...more] = node.entries;
    if (only !== undefined && more.length === 0 && only[1].node.kind === 'map')
      return { name: only[0], nameAt: only[1].keyAt, body: only[1].node };
    report(
      node,
      path,
      'error',
      'has no name',
      'Add name: …, by which keys and clients can refer to this server.',
    );
    return undefined;
  }
  const named = node.entries.get(key)!;
  if (named.node.kind !== 'scalar' || named.node.value === null || named.node.value === '') {
    report(named.node, `${path}.${key}`, 'error', 'must be a text');
    return undefined;
  }
  node.entries.delete(key);
  return { name: String(named.node.value), nameAt: node.at, body: node };
}

/** Splits `command` into program and arguments when it is more than a program. */
function splitInMap(server: MapNode, path: string, report: Report): void {
  const command = server.entries.get('command');
  if (
    command?.node.kind !== 'scalar' ||
    typeof command.node.value !== 'string' ||
    !/\s/.test(command.node.value.trim())
  )
    return;
  const older = server.shown !== undefined;
  const given = server.entries.get('args')?.node;
  if (!older && given?.kind === 'list' && given.items.length > 0) return;
  const split = splitCommand(command.node.value);
  if ('what' in split) {
    report(command.node, `${path}.command`, 'error', split.what, split.hint);
    server.entries.delete('command');
    return;
  }
  if (!older)
    report(
      command.node,
      `${path}.command`,
      'warning',
      `is split into a program and ${split.words.length - 1} arguments`,
      'Write the arguments under args.',
    );
  const [program, ...rest] = split.words;
  const { at } = command.node;
  const args: ListNode = {
    kind: 'list',
    at,
    items: rest.map((word, index) => ({ index, node: scalarNode(word, at) })),
  };
  if (given?.kind === 'list') args.items.push(...given.items);
  server.entries.set('command', { keyAt: command.keyAt, node: scalarNode(program!, at) });
  server.entries.set('args', { keyAt: server.entries.get('args')?.keyAt ?? command.keyAt, node: args });
}
