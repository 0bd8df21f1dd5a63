import type { IncomingHttpHeaders } from 'node:http';

/** What a request asks to be narrowed to: servers, aliases or access groups, as written. `undefined`: everything the key may use. */
export interface Narrowing {
  readonly names: readonly string[] | undefined;
}

const EVERYTHING: Narrowing = Object.freeze({ names: undefined });

/**
 * The names in the path, else those of `x-mcp-servers` and `x-mcp-access-groups` together. A header without names counts as absent; a
 * path without names does not: it names nothing that exists.
 */
export function narrowingFromRequest(request: {
  readonly pathNames: readonly string[] | undefined;
  readonly headers: IncomingHttpHeaders;
}): Narrowing {
  const { pathNames, headers } = request;
  if (pathNames !== undefined) return { names: pathNames.length === 0 ? [''] : pathNames };
  const servers = headers['x-mcp-servers'];
  const groups = headers['x-mcp-access-groups'];
  if (servers === undefined && groups === undefined) return EVERYTHING;
  const names = [...namesIn(servers), ...namesIn(groups)];
  return names.length === 0 ? EVERYTHING : { names };
}

function namesIn(value: string | readonly string[] | undefined): string[] {
  if (typeof value !== 'string') return [];
  return value
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}
