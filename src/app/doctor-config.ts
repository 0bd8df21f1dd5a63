import { stringify } from 'yaml';
import type { Change, Diagnosis } from '../mcp/diagnose.ts';
import type { ServerConfig } from '../mcp/mcp-ports.ts';

/** Each change as a line with its place, for somebody who makes it by hand. */
export function changeLines(config: ServerConfig, changes: readonly Change[]): readonly string[] {
  const { file, line, keyLines } = config.source;
  return changes.map((change) => {
    const known = keyLines[change.path[0]!];
    const text =
      'value' in change
        ? `${change.path.join('.')}: ${change.value}`
        : `${change.path.join('.')}: put ${change.item} in front of ${config.args[change.insertAt] ?? 'the end'}`;
    return known === undefined ? `${file}:${line}: add ${text}` : `${file}:${known}: ${text}`;
  });
}

/** An entry that declares the server as it works; values of headers are left for a variable. */
export function entryText(config: ServerConfig, { works, fix }: Diagnosis): string {
  const entry: Record<string, unknown> =
    works?.url === undefined
      ? { command: config.command, ...(config.args.length === 0 ? {} : { args: [...config.args] }) }
      : { transport: works.transport, url: works.url };
  for (const change of fix) {
    const [key, inner] = change.path as [string, string?];
    if (!('value' in change)) (entry['args'] as string[]).splice(change.insertAt, 0, change.item);
    else if (inner === undefined) entry[key] = change.value;
    else entry[key] = { [inner]: change.value };
  }
  const headers = Object.keys(config.headers);
  if (headers.length > 0)
    entry['static_headers'] = Object.fromEntries(
      headers.map((name) => [name, `\${${name.toUpperCase().replaceAll(/[^A-Z0-9]+/g, '_')}}`]),
    );
  return stringify({ mcp_servers: { [config.name]: entry } }, { lineWidth: 0 });
}
