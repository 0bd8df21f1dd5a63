import { nearest } from '../core/nearest.ts';
import type { ConfigPath, ConfigReport } from '../core/setting.ts';
import type { ServerConfig } from './mcp-ports.ts';

const NAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$/;
const NAME_HINT = 'Use up to 64 letters, digits, "_", "-" and ".".';

/**
 * Hands out `mcp_aliases`: the first one of a server that has no alias becomes its alias, the others are further names. Targets may be
 * names or aliases.
 */
export function giveAliases(
  servers: readonly ServerConfig[],
  input: { readonly aliases: Readonly<Record<string, string>>; readonly declared: readonly string[] },
  report: ConfigReport,
): readonly ServerConfig[] {
  const given = new Map<string, string[]>();
  for (const [alias, target] of Object.entries(input.aliases)) {
    const server =
      servers.find(({ name }) => name === target) ??
      servers.find((one) => one.alias === target || one.name.toLowerCase() === target.toLowerCase());
    const path = ['mcp_aliases', alias];
    if (!NAME.test(alias)) {
      report.error(path, 'cannot be an alias', NAME_HINT);
      continue;
    }
    if (server === undefined && input.declared.includes(target)) continue;
    if (server === undefined) {
      const known = input.declared;
      const near = nearest(target, known);
      const hint =
        near === undefined ? `Known are: ${known.join(', ') || 'none'}.` : `Did you mean "${near}"?`;
      report.error(path, `names the MCP server "${target}", which does not exist`, hint);
    } else if (alias !== server.name && alias !== server.alias) {
      given.set(server.name, [...(given.get(server.name) ?? []), alias]);
    }
  }
  return servers.map((server) => {
    const more = given.get(server.name) ?? [];
    if (server.alias !== undefined) return { ...server, otherAliases: more };
    return { ...server, alias: more[0], otherAliases: more.slice(1) };
  });
}

/** Refuses names that are malformed or that two servers claim (case does not count); returns every name a key may be given. */
export function checkNames(servers: readonly ServerConfig[], report: ConfigReport): readonly string[] {
  const owners = new Map<string, { readonly server: string; readonly what: string }>();
  const known: string[] = [];
  const claim = (name: string, server: string, what: string, path: ConfigPath): void => {
    const owner = owners.get(name.toLowerCase());
    if (owner === undefined) {
      owners.set(name.toLowerCase(), { server, what });
      known.push(name);
    } else if (owner.server !== server) {
      report.error(
        path,
        `"${name}" is already the ${owner.what} of the MCP server ${owner.server}`,
        'Every name and alias must be unique; upper and lower case count as equal.',
      );
    }
  };
  for (const { name } of servers) {
    if (!NAME.test(name)) report.error(['mcp_servers', name], 'is not a usable name', NAME_HINT);
    claim(name, name, 'name', ['mcp_servers', name]);
  }
  for (const { name, alias, otherAliases } of servers) {
    if (alias !== undefined && !NAME.test(alias))
      report.error(['mcp_servers', name, 'alias'], 'cannot be an alias', NAME_HINT);
    const fromMap = (text: string): ConfigPath =>
      report.source(['mcp_servers', name]).keyLines['alias'] === undefined || otherAliases.includes(text)
        ? ['mcp_aliases', text]
        : ['mcp_servers', name, 'alias'];
    for (const text of [...(alias === undefined ? [] : [alias]), ...otherAliases]) {
      claim(text, name, 'alias', fromMap(text));
    }
  }
  return [...known, ...groups(servers, owners, report)];
}

/** Refuses access groups, each once, that are malformed or named like a server other than their only member. */
function groups(
  servers: readonly ServerConfig[],
  owners: ReadonlyMap<string, { readonly server: string; readonly what: string }>,
  report: ConfigReport,
): readonly string[] {
  const members = new Map<string, { readonly path: ConfigPath; readonly servers: string[] }>();
  for (const { name, accessGroups } of servers) {
    for (const [at, group] of accessGroups.entries()) {
      const known = members.get(group) ?? { path: ['mcp_servers', name, 'access_groups', at], servers: [] };
      known.servers.push(name);
      members.set(group, known);
    }
  }
  for (const [group, { path, servers: inside }] of members) {
    const owner = owners.get(group.toLowerCase());
    if (!NAME.test(group)) report.error(path, 'cannot be an access group', NAME_HINT);
    else if (owner !== undefined && inside.some((name) => name !== owner.server)) {
      const what = `"${group}" is already the ${owner.what} of the MCP server ${owner.server}`;
      report.error(path, what, 'Give the access group a name of its own.');
    }
  }
  return [...members.keys()];
}
