import type { PostgresConnectorOptions } from './connector.ts';

/** What the environment of a connector says, besides where its database is: of a process, or of `mcp_servers.<name>.env`. */
export type EnvironmentOptions = Required<
  Pick<PostgresConnectorOptions, 'allowWrite' | 'allowFunctions' | 'rolePolicy'>
>;

/**
 * Reads MCP_ALLOW_WRITE (false), MCP_ALLOW_FUNCTIONS (rules with commas between them) and MCP_ROLE_POLICY (warn). An empty value counts
 * as absent. Throws one sentence that names the variable.
 */
export function readEnvironment(env: Readonly<Record<string, string | undefined>>): EnvironmentOptions {
  const rules = env['MCP_ALLOW_FUNCTIONS'] ?? '';
  const rolePolicy = env['MCP_ROLE_POLICY'] || 'warn';
  if (rolePolicy !== 'warn' && rolePolicy !== 'enforce') {
    throw new Error(`MCP_ROLE_POLICY is ${JSON.stringify(rolePolicy)}: use warn or enforce`);
  }
  return {
    allowWrite: isTrue(env['MCP_ALLOW_WRITE'] ?? ''),
    allowFunctions: rules
      .split(',')
      .map((rule) => rule.trim())
      .filter((rule) => rule !== ''),
    rolePolicy,
  };
}

function isTrue(value: string): boolean {
  if (/^(?:|0|false|no|off)$/i.test(value)) return false;
  if (/^(?:1|true|yes|on)$/i.test(value)) return true;
  throw new Error(`MCP_ALLOW_WRITE is ${JSON.stringify(value)}: use true or false`);
}
