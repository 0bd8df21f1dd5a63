import { GatewayError } from '../core/errors.ts';
import type { PolicyServer } from './policy-server.ts';

/** Looks servers up by name, alias or access group; upper and lower case count as equal. */
export type ServerIndex = (name: string) => readonly PolicyServer[];

const NOBODY: readonly PolicyServer[] = [];
/** Names that one message lists, and characters of the caller's own name that it repeats. */
const KNOWN_MAX = 50;
const NAME_CHARACTERS_MAX = 100;

/** The index over all configured servers. */
export function indexServers(servers: readonly PolicyServer[]): ServerIndex {
  const byName = new Map<string, PolicyServer[]>();
  for (const server of servers) {
    for (const name of new Set(everyName(server).map((one) => one.toLowerCase()))) {
      const owners = byName.get(name);
      if (owners === undefined) byName.set(name, [server]);
      else owners.push(server);
    }
  }
  return (name) => byName.get(name.trim().toLowerCase()) ?? NOBODY;
}

/**
 * Those of `permitted` that the names stand for, in their order. Throws `server-unknown` for a name that stands for none of them,
 * whether it exists for someone else or not.
 */
export function narrowServers(
  permitted: readonly PolicyServer[],
  names: readonly string[],
  index: ServerIndex,
): readonly PolicyServer[] {
  const wanted = new Set<PolicyServer>();
  for (const name of new Set(names)) {
    const named = index(name).filter((server) => permitted.includes(server));
    if (named.length === 0) throw unknownServer(name, permitted);
    for (const server of named) wanted.add(server);
  }
  return permitted.filter((server) => wanted.has(server));
}

function unknownServer(name: string, permitted: readonly PolicyServer[]): GatewayError {
  const offered = permitted.map((server) => server.alias ?? server.name);
  const known = [...new Set([...offered, ...permitted.flatMap((server) => server.accessGroups)])];
  const more = known.length > KNOWN_MAX ? ` and ${known.length - KNOWN_MAX} more` : '';
  return new GatewayError('server-unknown', {
    name: name.slice(0, NAME_CHARACTERS_MAX),
    known: known.length === 0 ? 'none' : `${known.slice(0, KNOWN_MAX).join(', ')}${more}`,
  });
}

function everyName(server: PolicyServer): readonly string[] {
  return [...ownNames(server), ...server.accessGroups];
}

/** Name, alias and further aliases. */
export function ownNames(server: Pick<PolicyServer, 'name' | 'alias' | 'otherAliases'>): readonly string[] {
  return [server.name, ...(server.alias === undefined ? [] : [server.alias]), ...server.otherAliases];
}
