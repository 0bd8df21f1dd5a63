import { nearest } from '../../core/nearest.ts';
import type { AdminDeps } from '../admin-ports.ts';
import type { AccountBody } from './fields.ts';

/** LiteLLM's words that stand in lists of names and are none. */
const WORDS: ReadonlySet<string> = new Set([
  'all-proxy-models',
  'all-team-models',
  'no-default-models',
  'all-proxy-mcpservers',
  'all-team-mcpservers',
  'no-mcp-servers',
]);

/**
 * Models and MCP servers that a request names and that this gateway does not have, as sentences. They may be configured later, so they are no mistake, but
 * a limit of one that is misspelled limits nothing.
 */
export function unknownNames(body: AccountBody, { mcp, models, accessGroups }: AdminDeps): readonly string[] {
  const servers = [...mcp.status().flatMap(({ name, alias }) => [name, alias ?? name]), ...accessGroups];
  const hasModel = (name: string): boolean => models.has(name) || models.isGroup(name);
  const unknownModels = (field: string, names: readonly string[]): readonly string[] =>
    names
      .filter((name) => !name.includes('*') && !WORDS.has(name) && !hasModel(name))
      .map((name) => `${field}: this gateway has no model "${name}"`);
  const unknownServers = (field: string, names: readonly string[]): readonly string[] =>
    names
      .filter((name) => name !== '*' && !WORDS.has(name) && !servers.includes(name))
      .map((name) => {
        const near = nearest(name, servers);
        const hint = near === undefined ? '' : `; did you mean ${near}?`;
        return `${field}: this gateway has no MCP server "${name}"${hint}`;
      });
  const permission = body.object_permission;
  return [
    ...unknownModels('models', body.models ?? []),
    ...(['model_max_budget', 'model_rpm_limit', 'model_tpm_limit'] as const).flatMap((field) =>
      unknownModels(field, Object.keys(body[field] ?? {})),
    ),
    ...unknownServers('object_permission.mcp_servers', permission?.mcp_servers ?? []),
    ...unknownServers('object_permission.mcp_access_groups', permission?.mcp_access_groups ?? []),
    ...unknownServers(
      'object_permission.mcp_tool_permissions',
      Object.keys(permission?.mcp_tool_permissions ?? {}),
    ),
  ];
}
