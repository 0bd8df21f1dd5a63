import type { IncomingHttpHeaders } from 'node:http';

export type HeaderLine = readonly [name: string, value: string];

const PREFIX = 'x-mcp-';
const RESERVED: ReadonlySet<string> = new Set(['x-mcp-servers', 'x-mcp-access-groups', 'x-mcp-auth']);
/** Headers that frame the message or belong to the protocol; no client sets them on another hop. */
const REFUSED = /^(?:host|connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|content-.*|expect|mcp-.*|accept|accept-encoding|forwarded|x-forwarded-.*|cookie|last-event-id)$/;
const TOKEN = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;
const NONE: readonly HeaderLine[] = [];

export interface NamedServer {
  readonly name: string;
  readonly alias: string | undefined;
  readonly otherAliases: readonly string[];
  readonly extraHeaders: readonly string[];
}

/**
 * Headers that a client sends for one server alone: `x-mcp-{alias}-{header}`, and the `extra_headers` that the server's entry passes
 * on. Aliases are tried longest first, so that they and the headers may contain dashes.
 */
export function upstreamHeaderReader(servers: readonly NamedServer[]): (server: string, headers: IncomingHttpHeaders) => readonly HeaderLine[] {
  const extra = new Map(servers.map((server) => [server.name, server.extraHeaders]));
  const names = servers
    .flatMap((server) => [server.name, server.alias, ...server.otherAliases].filter((name) => name !== undefined).map((name) => ({ prefix: `${PREFIX}${name.toLowerCase()}-`, server: server.name })))
    .sort((a, b) => b.prefix.length - a.prefix.length);
  return (server, headers) => {
    let lines: HeaderLine[] | undefined;
    for (const header in headers) {
      if (!header.startsWith(PREFIX) || RESERVED.has(header)) continue;
      const owner = names.find(({ prefix }) => header.startsWith(prefix) && header.length > prefix.length);
      const value = headers[header];
      if (owner?.server !== server || typeof value !== 'string') continue;
      const name = header.slice(owner.prefix.length);
      if (TOKEN.test(name) && !REFUSED.test(name)) (lines ??= []).push([name, value]);
    }
    for (const name of extra.get(server) ?? []) {
      const value = headers[name];
      if (typeof value === 'string' && !REFUSED.test(name)) (lines ??= []).push([name, value]);
    }
    return lines ?? NONE;
  };
}
