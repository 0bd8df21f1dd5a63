import type { Principal } from '../auth/authenticate.ts';
import type { Grants, Share } from '../auth/grants.ts';
import type { PolicyServer } from './policy-server.ts';
import { ownNames, type ServerIndex } from './server-names.ts';
import { type ExposedName, type ToolTest, toolTest } from './tool-list.ts';

/** Whether something is allowed, and the rule that decided, as a place in the configuration. */
export interface Verdict {
  readonly allowed: boolean;
  readonly rule: string;
}

/** What one principal may use, worked out once. */
export interface Rights {
  /** The servers it may use, in configuration order. */
  readonly servers: readonly PolicyServer[];
  /** The verdict on a server, or on one of its tools. */
  judge(server: string, originalName: string | undefined): Verdict;
  /** Everything that decides which of the server's tools are visible, and under which names. */
  fingerprint(server: PolicyServer): unknown;
}

/** What rights are worked out from. */
export interface RightsInput {
  readonly servers: readonly PolicyServer[];
  readonly index: ServerIndex;
  readonly defaultAccess: 'none' | 'all';
  readonly exposedName: ExposedName;
}

interface ServerRights {
  readonly grant: Verdict;
  readonly tools: readonly { readonly test: ToolTest; readonly wanted: boolean; readonly denial: Verdict }[];
}

/** Words of LiteLLM for every server, and for those of the key's team. */
const EVERY: ReadonlySet<string> = new Set(['*', 'all-proxy-mcpservers']);
const OF_TEAM = 'all-team-mcpservers';

const UNKNOWN: Verdict = Object.freeze({ allowed: false, rule: 'mcp_servers (no such server)' });

/** Works out what `principal` may use: closed by default, open for the master key and where there are no keys. */
export function createRights(principal: Principal, input: RightsInput): Rights {
  const rights = new Map(input.servers.map((server) => [server.name, rightsOn(server, principal, input)]));
  return {
    servers: input.servers.filter((server) => rights.get(server.name)?.grant.allowed === true),
    judge: (name, originalName) => {
      const on = rights.get(name);
      if (on === undefined) return UNKNOWN;
      if (!on.grant.allowed || originalName === undefined) return on.grant;
      return on.tools.find(({ test, wanted }) => test(originalName) !== wanted)?.denial ?? on.grant;
    },
    fingerprint: (server) => [
      ...ownNames(server),
      server.allowedTools ?? null,
      server.disallowedTools,
      toolLists(server, principal, input).map(({ entries }) => entries),
    ],
  };
}

function rightsOn(server: PolicyServer, principal: Principal, input: RightsInput): ServerRights {
  const list = (entries: readonly string[], wanted: boolean, rule: string) => ({
    test: toolTest(entries, server, input.exposedName),
    wanted,
    denial: Object.freeze({ allowed: false, rule }),
  });
  const tools = [];
  if (server.allowedTools !== undefined)
    tools.push(list(server.allowedTools, true, `mcp_servers.${server.name}.allowed_tools`));
  if (server.disallowedTools.length > 0)
    tools.push(list(server.disallowedTools, false, `mcp_servers.${server.name}.disallowed_tools`));
  for (const { entries, rule } of toolLists(server, principal, input)) tools.push(list(entries, true, rule));
  return { grant: Object.freeze(grantOf(server, principal, input)), tools };
}

function grantOf(server: PolicyServer, principal: Principal, input: RightsInput): Verdict {
  const { grants } = principal;
  if (grants === undefined) return { allowed: true, rule: principal.kind };
  const own = ownGrant(server, grants, input);
  if (!own.allowed || server.allowAllKeys) return own;
  const bound = within(grants).find(
    ({ mcpServers }) => mcpServers !== undefined && !names(mcpServers, server, input),
  );
  return bound === undefined ? own : { allowed: false, rule: `${bound.source}.mcp_servers` };
}

/** What the key itself was given, whatever bounds it. */
function ownGrant(server: PolicyServer, grants: Grants, input: RightsInput): Verdict {
  if (names(grants.mcpServers, server, input) || (grants.mcpServers.includes(OF_TEAM) && hasTeam(grants)))
    return { allowed: true, rule: grantRule(grants) };
  if (server.allowAllKeys) return { allowed: true, rule: `mcp_servers.${server.name}.allow_all_keys` };
  if (grants.mcpServers.length > 0) return { allowed: false, rule: grantRule(grants) };
  return { allowed: input.defaultAccess === 'all', rule: 'general_settings.mcp_default_access' };
}

function names(list: readonly string[], server: PolicyServer, { index }: RightsInput): boolean {
  return list.some((name) => EVERY.has(name) || index(name).includes(server));
}

function hasTeam(grants: Grants): boolean {
  return within(grants).some(
    ({ source, mcpServers }) => source.startsWith('teams.') && mcpServers !== undefined,
  );
}

function within(grants: Grants): readonly Share[] {
  return grants.within ?? [];
}

interface ToolList {
  readonly entries: readonly string[];
  readonly rule: string;
}

/** The lists, of the key and of what bounds it, that leave only some of a server's tools. */
function toolLists(server: PolicyServer, { grants }: Principal, { index }: RightsInput): readonly ToolList[] {
  if (grants === undefined) return [];
  return [grants, ...within(grants)].flatMap(({ source, mcpTools, toolPermissions = {} }) => [
    ...(mcpTools === undefined ? [] : [{ entries: mcpTools, rule: `${source}.mcp_tools` }]),
    ...Object.entries(toolPermissions)
      .filter(([name]) => index(name).includes(server))
      .map(([name, entries]) => ({ entries, rule: `${source}.mcp_tool_permissions.${name}` })),
  ]);
}

/** A key that a server's `api_keys` names is its own rule; others have a list of servers. */
function grantRule({ source }: Grants): string {
  return source.startsWith('mcp_servers') || source.startsWith('mcp_settings')
    ? source
    : `${source}.mcp_servers`;
}
