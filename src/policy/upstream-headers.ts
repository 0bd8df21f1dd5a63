import type { IncomingHttpHeaders } from 'node:http';
import type { PolicyServer } from './policy-server.ts';
import { ownNames } from './server-names.ts';

/** One header to be sent upstream; the name is lower case. */
export type HeaderLine = readonly [name: string, value: string];

/** Reads the headers that a client sends for one server. */
export type UpstreamHeaderReader = (server: string, headers: IncomingHttpHeaders) => readonly HeaderLine[];

const PREFIX = 'x-mcp-';
const RESERVED: ReadonlySet<string> = new Set(['x-mcp-servers', 'x-mcp-access-groups', 'x-mcp-auth']);
/** Headers that frame the message, belong to one hop or to the protocol; no client sets them on another hop. */
const REFUSED =
  /^(?:host|connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|content-.*|expect|mcp-.*|accept|accept-encoding|forwarded|x-forwarded-.*|last-event-id|:.*)$/;
/** Field names and values of RFC 9110 section 5. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;
const NOT_IN_VALUES = /[^\t\x20-\x7e\x80-\xff]/;
const NONE: readonly HeaderLine[] = [];

/**
 * Headers that a client sends for one server alone: `x-mcp-{alias}-{header}`, and the `extra_headers` that the server's entry passes
 * on; the former win. Names and aliases are tried longest first, so that they and the headers may contain dashes. The header that
 * carries the gateway's own key is passed on to nobody: `keyHeaderOf` names it.
 */
export function upstreamHeaderReader(
  servers: readonly PolicyServer[],
  keyHeaderOf: (headers: IncomingHttpHeaders) => string | undefined,
): UpstreamHeaderReader {
  const extra = new Map(servers.map((server) => [server.name, server.extraHeaders]));
  const owners = servers
    .flatMap((server) =>
      ownNames(server).map((name) => ({ prefix: `${PREFIX}${name.toLowerCase()}-`, server: server.name })),
    )
    .sort((a, b) => b.prefix.length - a.prefix.length);
  return (server, headers) => {
    let lines: HeaderLine[] | undefined;
    for (const header in headers) {
      if (!header.startsWith(PREFIX) || RESERVED.has(header)) continue;
      const owner = owners.find(({ prefix }) => header.startsWith(prefix) && header.length > prefix.length);
      if (owner?.server !== server) continue;
      const line = lineOf(header.slice(owner.prefix.length), headers[header]);
      if (line !== undefined) (lines ??= []).push(line);
    }
    const passedOn = extra.get(server) ?? [];
    const keyHeader = passedOn.length === 0 ? undefined : keyHeaderOf(headers);
    for (const name of passedOn) {
      if (name === keyHeader || lines?.some(([given]) => given === name) === true) continue;
      const line = lineOf(name, headers[name]);
      if (line !== undefined) (lines ??= []).push(line);
    }
    return lines ?? NONE;
  };
}

function lineOf(name: string, value: string | readonly string[] | undefined): HeaderLine | undefined {
  const usable = typeof value === 'string' && !NOT_IN_VALUES.test(value);
  return usable && TOKEN.test(name) && !REFUSED.test(name) ? [name, value] : undefined;
}
