import type { IncomingHttpHeaders } from 'node:http';

/** What a request asks to be narrowed to. `undefined`: everything that the key may use. */
export type Narrowing = readonly string[] | undefined;

const NAMES_MAX = 100;

/** The names in the path, else those of `x-mcp-servers` and `x-mcp-access-groups`; a header without names counts as absent. */
export function narrowingOf(pathNames: readonly string[] | undefined, headers: IncomingHttpHeaders): Narrowing {
  if (pathNames !== undefined) return pathNames;
  const names = [...list(headers['x-mcp-servers']), ...list(headers['x-mcp-access-groups'])];
  return names.length === 0 ? undefined : names.slice(0, NAMES_MAX);
}

function list(value: string | readonly string[] | undefined): string[] {
  const text = typeof value === 'string' ? value : '';
  return text.split(',').map((name) => name.trim()).filter((name) => name !== '');
}
