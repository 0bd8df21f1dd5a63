import type { ConfigReport } from '../core/setting.ts';
import { NAME_CHARACTERS_MAX } from './catalog/names.ts';
import type { ServerConfig, ToolOverride } from './mcp-ports.ts';
import type { ServerEntry } from './server-schema.ts';

/** `tool_overrides` of an entry, completed. */
export function toolOverridesOf(entry: ServerEntry): Readonly<Record<string, ToolOverride>> {
  return Object.fromEntries(
    Object.entries(entry.tool_overrides).map(([tool, override]) => [
      tool,
      {
        name: override.name,
        title: override.title,
        description: override.description,
        annotations: override.annotations,
        hidden: override.hidden,
        arguments: override.arguments,
      },
    ]),
  );
}

/**
 * Refuses names of `tool_overrides` that clients would see otherwise than they are written: with other characters, too long with the
 * prefix, or given twice on one server. Whether the server has a tool of such a name is known only when it was read.
 */
export function checkOverrideNames(
  servers: readonly ServerConfig[],
  separator: string,
  report: ConfigReport,
): void {
  for (const { name: server, alias, toolOverrides } of servers) {
    const charactersMax = NAME_CHARACTERS_MAX - `${alias ?? server}${separator}`.length;
    const owners = new Map<string, string>();
    for (const [tool, { name, hidden }] of Object.entries(toolOverrides)) {
      if (name === undefined || hidden) continue;
      const path = ['mcp_servers', server, 'tool_overrides', tool, 'name'];
      const owner = owners.get(name);
      owners.set(name, owner ?? tool);
      if (!/^[A-Za-z0-9_-]+$/.test(name))
        report.error(path, 'cannot be the name of a tool', 'Use letters, digits, "_" and "-".');
      else if (name.length > charactersMax)
        report.error(
          path,
          `has ${name.length} characters, and ${Math.max(0, charactersMax)} are left after the prefix "${alias ?? server}${separator}"`,
          'Use a shorter name, or give the server a shorter alias.',
        );
      else if (owner !== undefined)
        report.error(path, `is given to "${owner}" too`, 'Two tools of a server cannot have the same name.');
    }
  }
}
