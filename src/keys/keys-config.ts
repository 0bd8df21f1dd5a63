import { z } from 'zod';
import type { Secret } from '../core/secret.ts';

/** One entry of `virtual_keys`, as written. Limits and budgets are read and kept; they are not enforced yet, which a warning says. */
export const virtualKeySchema = z.strictObject({
  api_key: z.string().min(1).describe('The key as clients send it. Use os.environ/NAME to keep it out of the file.'),
  models: z.array(z.string()).optional().describe('Models that this key may use.'),
  mcp_servers: z.array(z.string()).optional().describe('MCP servers that this key may use: names, aliases or access groups.'),
  mcp_tools: z.array(z.string()).optional().describe('Tools that this key may use: original names, or server/tool.'),
  max_budget: z.number().nonnegative().optional().describe('US dollars per budget_duration.'),
  budget_duration: z.string().optional().describe('For example 30d.'),
  soft_budget: z.number().nonnegative().optional().describe('US dollars at which a warning is logged.'),
  rpm_limit: z.number().int().nonnegative().optional().describe('Requests per minute.'),
  tpm_limit: z.number().int().nonnegative().optional().describe('Tokens per minute.'),
  max_parallel_requests: z.number().int().positive().optional().describe('Requests in flight at once.'),
  user: z.string().optional().describe('Whom the key belongs to; written to the ledger.'),
  user_id: z.string().optional().describe('As user.'),
  team: z.string().optional().describe('The team it belongs to; written to the ledger.'),
  team_id: z.string().optional().describe('As team.'),
  key_alias: z.string().optional().describe('Name of the key in logs and in the ledger.'),
  description: z.string().optional().describe('For people.'),
  expires: z.string().optional().describe('Date or time (RFC 3339) after which the key is refused.'),
  priority: z.union([z.string(), z.number()]).optional().describe('Class for priority_reservation.'),
  allowed_ips: z.array(z.string()).optional().describe('Addresses or CIDR ranges that may use the key.'),
  blocked: z.boolean().optional().describe('A blocked key is refused.'),
  metadata: z.record(z.string(), z.unknown()).optional().describe('Kept, not interpreted.'),
});

export type VirtualKeyEntry = z.infer<typeof virtualKeySchema>;

/** One key, checked and completed. */
export interface KeyConfig {
  /** Where it stands, for rules and messages: `virtual_keys[2]`. */
  readonly source: string;
  readonly value: Secret;
  readonly alias: string | undefined;
  readonly user: string | undefined;
  readonly team: string | undefined;
  readonly models: readonly string[];
  readonly mcpServers: readonly string[];
  readonly mcpTools: readonly string[] | undefined;
  readonly allowedIps: readonly string[];
  /** Milliseconds since the Unix epoch. */
  readonly expires: number | undefined;
  readonly blocked: boolean;
}

export interface KeysConfig {
  readonly masterKey: Secret | undefined;
  readonly keys: readonly KeyConfig[];
  /** What a key without `mcp_servers` may use. */
  readonly defaultAccess: 'none' | 'all';
}
