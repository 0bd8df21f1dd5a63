import { z } from 'zod';
import { budgetDuration, duration, inertShape, secretScalar, secretText, setting } from '../core/setting.ts';

const TRANSPORTS = ['http', 'streamable_http', 'streamable-http', 'streamableHttp', 'sse', 'stdio'] as const;
const AUTH_TYPES = [
  'none',
  'api_key',
  'bearer_token',
  'basic',
  'authorization',
  'token',
  'oauth2',
  'oauth2_token_exchange',
  'oauth_delegate',
  'aws_sigv4',
  'true_passthrough',
] as const;
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

const headerName = z.string().regex(HEADER_NAME, 'must be the name of an HTTP header');
const onToolChange = z.enum(['notify', 'hold']);
const toolList = z.array(z.string().min(1));

/** `general_settings.mcp_on_tool_change`. */
export const onToolChangeSchema = setting(
  onToolChange.default('notify'),
  'What happens with a tool whose definition changes: notify or hold, for servers without on_tool_change.',
);

/** One entry of `mcp_servers`. */
export const serverSchema = z.strictObject({
  transport: setting(
    z.enum(TRANSPORTS).optional(),
    'How the server is reached: stdio, http (streamable HTTP) or sse (HTTP+SSE of 2024-11-05). Without it: stdio with a command, else http, or sse when the URL ends in /sse. When the server speaks otherwise, that is found out, used and reported.',
  ),
  transport_strict: setting(
    z.boolean().default(false),
    'Use exactly the declared transport and URL, and fail when the server speaks otherwise.',
  ),
  url: setting(z.string().min(1).optional(), 'Address of a server that is reached over HTTP.'),
  command: setting(
    z.string().min(1).optional(),
    'Program of a stdio server, started without a shell, or lanport:postgres for the built-in PostgreSQL connector.',
  ),
  args: setting(
    z
      .array(
        z.union([z.string(), z.number(), z.boolean()], { error: 'must be text' }).meta({ words: 'text' }),
      )
      .default([]),
    'Arguments of the program.',
  ),
  env: setting(
    z.record(z.string(), secretScalar()).default({}),
    'Environment variables of the program, besides a few harmless ones such as PATH.',
  ),
  cwd: setting(z.string().min(1).optional(), 'Working directory of the program.'),
  auth_type: setting(
    z.enum(AUTH_TYPES).optional(),
    'How auth_value is sent: api_key (X-API-Key), bearer_token (Authorization: Bearer), basic (Authorization: Basic), authorization (Authorization, as it is), token (Authorization: token), or none.',
  ),
  auth_value: setting(secretText().optional(), 'Credential for the server; sent as auth_type says.'),
  authentication_token: setting(secretText().optional(), 'The same as auth_value; wins over it.'),
  static_headers: setting(
    z.record(headerName, secretScalar()).default({}),
    'Headers sent to the server with every request.',
  ),
  headers: setting(z.record(headerName, secretScalar()).default({}), 'The same as static_headers.'),
  extra_headers: setting(
    z.array(headerName).default([]),
    'Names of client headers that are passed on to the server.',
  ),
  alias: setting(z.string().min(1).optional(), 'Prefix of its tools, and a further name for it.'),
  description: setting(z.string().optional(), 'For people and models.'),
  access_groups: setting(
    z.array(z.string().min(1)).default([]),
    'Groups under which keys may be given this server.',
  ),
  api_keys: setting(
    z.array(secretText()).default([]),
    'Keys that may use this server; those not declared in virtual_keys are added there.',
  ),
  allow_all_keys: setting(z.boolean().default(false), 'Every valid key may use this server.'),
  allowed_tools: setting(toolList.optional(), 'The only tools of this server that are offered.'),
  disallowed_tools: setting(toolList.default([]), 'Tools of this server that are not offered.'),
  tool_overrides: setting(
    z
      .record(
        z.string(),
        z.strictObject({
          name: setting(
            z.string().min(1).optional(),
            'Offer the tool under this name, in place of its original name after the prefix.',
          ),
          title: setting(z.string().optional(), 'Offer the tool with this title.'),
          description: setting(z.string().optional(), 'Offer the tool with this description.'),
          annotations: setting(
            z.record(z.string(), z.unknown()).default({}),
            'Annotations that are set, for example readOnlyHint: true; the others stay as the server has them.',
          ),
          hidden: setting(z.boolean().default(false), 'Do not offer the tool.'),
          arguments: setting(
            z.record(z.string(), z.unknown()).default({}),
            'Arguments that every call is sent with; clients do not see them and cannot change them.',
          ),
        }),
      )
      .default({}),
    'Changes to single tools, by their original names.',
  ),
  on_tool_change: setting(
    onToolChange.optional(),
    'What happens with a tool that changes after it was first seen: notify offers it and reports the change, hold keeps it, and tools that are added, from clients until they are accepted (lanport tools accept). Default: general_settings.mcp_on_tool_change.',
  ),
  timeout: setting(
    duration('s').optional(),
    'Time for one call; a bare number counts seconds. Default: limits.call_total_ms.',
  ),
  start_timeout: setting(
    duration('s').optional(),
    'Time for starting and connecting; a bare number counts seconds. Default: limits.server_start_ms.',
  ),
  concurrency: setting(
    z.int().min(1).optional(),
    'Calls in flight at the same time at most. Default: limits.in_flight_per_server_max.',
  ),
  rpm_limit: setting(
    z.int().min(0).optional(),
    'Calls per minute that all clients together may make of the server.',
  ),
  max_parallel_requests: setting(
    z.int().min(0).optional(),
    'Calls in flight at the same time at most, over all gateways; more are refused.',
  ),
  max_budget: setting(
    z.number().nonnegative().optional(),
    'US dollars that its tools may cost in each budget period (mcp_info.mcp_server_cost_info).',
  ),
  soft_budget: setting(z.number().nonnegative().optional(), 'US dollars at which a warning is logged.'),
  budget_duration: setting(budgetDuration().optional(), 'Length of the budget period, for example "30d".'),
  tool_prefix: setting(
    z.enum(['alias', 'none']).default('alias'),
    'What stands before the names of its tools and prompts where several servers are in scope: its alias (or name), or nothing. Names that two servers share are told apart all the same.',
  ),
  isolation: setting(
    z.enum(['shared', 'session', 'key']).default('shared'),
    'Connections to the server: one for all clients, one for each client session, or one for each key. A shared server that asks its client questions which belong to nobody in particular is given one for each session by itself.',
  ),
  idle_shutdown: setting(
    z
      .union([z.literal(false), duration('s')], { error: 'must be a duration such as "10m", or false' })
      .optional(),
    'Stop the server when it was not used for so long; it starts again on use.',
  ),
  health_check: setting(
    z.union([z.boolean(), z.looseObject({})]).optional(),
    'Whether and how the server is checked while it is idle.',
    {
      later: 'servers are watched by their connection only',
    },
  ),
  allowed_hosts: setting(z.array(z.string()).optional(), 'Hosts that the server may be reached at.', {
    later: 'it restricts nothing yet',
  }),
  allowed_paths: setting(z.array(z.string()).optional(), 'Paths that the server may be reached at.', {
    later: 'it restricts nothing yet',
  }),
  mcp_info: setting(
    z
      .looseObject({
        server_name: setting(z.string().optional(), 'Name for people.'),
        description: setting(z.string().optional(), 'Used when the entry has no description.'),
        logo_url: setting(z.string().optional(), 'Picture for a console.'),
        mcp_server_cost_info: setting(
          z
            .strictObject({
              default_cost_per_query: setting(
                z.number().min(0).nullable().optional(),
                'US dollars for each call.',
              ),
              tool_name_to_cost_per_query: setting(
                z.record(z.string(), z.number().min(0)).default({}),
                'US dollars for each call of single tools.',
              ),
            })
            .optional(),
          'What calls of tools cost; it counts on budgets and stands in the ledger.',
        ),
      })
      .optional(),
    'Further facts about the server.',
  ),
  server_id: setting(z.string().optional(), 'Identity of the server in LiteLLM.', { inert: true }),
  spec_path: setting(
    z.string().optional(),
    'OpenAPI document that LiteLLM makes tools of; a server that has one is left out with a warning.',
  ),
  ...inertShape([
    'spec_version',
    'server_name',
    'allowed_params',
    'client_id',
    'client_secret',
    'scopes',
    'authorization_url',
    'token_url',
    'registration_url',
    'oauth2_flow',
    'token_exchange_endpoint',
    'audience',
    'available_on_public_internet',
    'delegate_auth_to_upstream',
    'dcr_bridge',
    'instructions',
    'teams',
    'aws_access_key_id',
    'aws_secret_access_key',
    'aws_session_token',
    'aws_region_name',
    'aws_role_name',
    'aws_session_name',
    'aws_service_name',
  ]),
});

/** One entry, as the schema leaves it: durations in milliseconds, secrets wrapped. */
export type ServerEntry = z.output<typeof serverSchema>;
