import { GATEWAY_PAINS } from './gateway-pains.ts';
import { MCP_RULES } from './mcp-rules.ts';

/** One promise: where it comes from, and what it says in a sentence. */
export interface Requirement {
  readonly source: string;
  readonly promise: string;
}

const SPEC = 'https://modelcontextprotocol.io/specification';

/** What Lanport promises, as far as it is built. A test cites each row with `verifies(id)`; coverage.test.ts fails on rows without one. */
export const REQUIREMENTS = {
  'run:fresh-clone': {
    source: 'README, "Start"',
    promise:
      "A fresh clone is ready after `npm start`; the printed line connects a client, which gets the demo's tables and rows.",
  },
  'run:second-start': {
    source: 'README, "Start"',
    promise: 'A second start uses the same data and the same key.',
  },
  'run:clean-stop': {
    source: 'docs/guide/operate.md',
    promise: 'Told to stop, the gateway ends everything that it started.',
  },
  'run:one-owner': {
    source: 'docs/guide/operate.md',
    promise: 'A data folder has one owner; a second start is refused and names the process.',
  },
  'run:survives-kill': {
    source: 'docs/guide/operate.md',
    promise: 'Killed at any moment, the gateway starts again and has lost no call that it answered.',
  },
  'config:litellm-shapes': {
    source: 'docs/guide/migrate-from-litellm.md',
    promise:
      'The four shapes of a LiteLLM configuration load as they are, and the tools of their server appear.',
  },
  'config:transport-mismatch': {
    source: 'docs/guide/diagnose-a-server.md',
    promise:
      'A server on another transport than declared is used, and the line to change is reported in the log, in `servers show` and in /health.',
  },
  'config:reload': {
    source: 'docs/guide/operate.md',
    promise:
      'A changed file, SIGHUP or the admin API reloads the configuration; what changed is logged and answered.',
  },
  'config:reload-all-or-nothing': {
    source: 'docs/guide/operate.md',
    promise:
      'A configuration with any problem changes nothing; the problems are in the log, in /health and in the answer.',
  },
  'config:reload-keeps-servers': {
    source: 'docs/guide/operate.md',
    promise:
      'At a reload, servers whose entry did not change keep their processes and calls, and clients their sessions and streams.',
  },
  'config:reload-revokes-keys': {
    source: 'docs/guide/operate.md',
    promise: 'A key that was removed stops working at the reload, with its open streams and sessions.',
  },
  'doctor:first-cause': {
    source: 'docs/guide/diagnose-a-server.md',
    promise:
      '`lanport doctor` names the first root cause of a server that does not work, and how it does work.',
  },
  'doctor:fix': {
    source: 'docs/guide/diagnose-a-server.md',
    promise:
      '`lanport doctor --fix` writes what works into the configuration file and changes nothing else in it; the gateway then serves the server.',
  },
  'mcp:matrix': {
    source: 'ARCHITECTURE.md',
    promise: 'Every kind of server works from every kind of client.',
  },
  'mcp:conformance': {
    source: 'https://github.com/modelcontextprotocol/conformance',
    promise:
      'The official conformance suite passes, in both eras, for every kind of server behind the gateway and for two that share what it asks for.',
  },
  'mcp:fidelity': {
    source: `${SPEC}/2025-11-25/server/tools`,
    promise: 'Big numbers, unknown fields and unknown kinds of content pass byte for byte.',
  },
  'mcp:error-codes': {
    source: `${SPEC}/2026-07-28/basic`,
    promise: 'Each kind of bad request gets its status and its JSON-RPC code.',
  },
  'mcp:no-redirects': {
    source: 'docs/reference/errors.md',
    promise: 'Paths that are not served answer JSON with the right status, never a redirect.',
  },
  'mcp:names': {
    source: 'docs/guide/connect-a-client.md',
    promise:
      'Names of tools keep to 48 characters of A-Z, a-z, 0-9, _ and -, depend on nothing but themselves, and are prefixed when several servers are in scope.',
  },
  'mcp:stable-names': {
    source: 'docs/guide/control-tools.md',
    promise:
      "Servers that come and go change no name of another server's tools while more than one is in scope; every name leads back to its tool.",
  },
  'mcp:tool-changes': {
    source: 'docs/guide/control-tools.md',
    promise:
      'A tool whose definition changes after it was first seen is reported, or held back until the operator accepts it.',
  },
  'mcp:tool-overrides': {
    source: 'docs/guide/control-tools.md',
    promise:
      'The operator renames, describes, hides tools and fixes arguments; everything else of a definition passes byte for byte.',
  },
  'mcp:routing': {
    source: 'docs/guide/connect-a-client.md',
    promise: 'A name stands for one tool by an exact table; an ambiguous one is refused with the candidates.',
  },
  'mcp:isolation-of-failure': {
    source: 'ARCHITECTURE.md',
    promise: 'A server that hangs, dies or refuses costs only the calls to it.',
  },
  'mcp:stored-catalogue': {
    source: 'docs/decisions/2026-11-21-catalogue-as-bytes.md',
    promise: 'After a restart with every server down the tools are listed, and a call says what is wrong.',
  },
  'mcp:restart-of-a-server': {
    source: 'ARCHITECTURE.md',
    promise: 'A server that was killed between two calls is back for the second.',
  },
  'mcp:lost-session': {
    source: `${SPEC}/2025-11-25/basic/transports`,
    promise: 'A session that a server lost is opened anew and the call goes through.',
  },
  'mcp:sealed-sessions': {
    source: 'docs/decisions/2026-11-21-sealed-session-ids.md',
    promise: "A client's session goes on after the gateway was killed and started again.",
  },
  'stdio:transparent': {
    source: 'docs/guide/clients-that-start-a-command.md',
    promise:
      'lanport stdio passes every message of every revision as the bytes it came as, in both directions.',
  },
  'stdio:conformance': {
    source: 'https://github.com/modelcontextprotocol/conformance',
    promise: 'The HTTP side of lanport stdio passes the official client scenarios that are about the wire.',
  },
  'stdio:outlives-the-gateway': {
    source: 'docs/guide/clients-that-start-a-command.md',
    promise: 'A restart of the gateway, or a session that it lost, costs a client of lanport stdio a pause.',
  },
  'stdio:words': {
    source: 'docs/guide/clients-that-start-a-command.md',
    promise:
      'What goes wrong reaches the client as an error with its id that says what and what to do; standard output carries nothing else.',
  },
  'bridge:any-to-any': {
    source: 'docs/guide/bridge-a-server.md',
    promise: 'lanport bridge serves a server of any transport over any other, under its own tool names.',
  },
  'bridge:closed': {
    source: 'docs/guide/bridge-a-server.md',
    promise: 'A bridge serves its own machine, or who has its key, unless it was told to serve anyone.',
  },
  'edge:keys': {
    source: 'docs/guide/connect-a-client.md',
    promise: 'Requests without a valid key, and pages of other origins, are refused.',
  },
  'edge:bodies': {
    source: 'docs/reference/bounds.md',
    promise: 'Large bodies pass whole up to the bound and are refused beyond it; cut ones cost nothing.',
  },
  'store:contract': {
    source: 'docs/decisions/2026-11-21-embedded-postgresql.md',
    promise: 'The embedded PostgreSQL, an external one and none keep the same contract.',
  },
  'store:migrations': {
    source: 'ARCHITECTURE.md',
    promise: 'Migrations run forward only, once, whole or not at all, from every earlier version.',
  },
  'store:litellm-views': {
    source: 'docs/guide/migrate-from-litellm.md',
    promise: 'litellm_logs and "LiteLLM_SpendLogs" show the ledger in the words of LiteLLM users.',
  },
  'net:strict-http': {
    source: 'https://www.rfc-editor.org/rfc/rfc9112',
    promise:
      "A response that two readers could read in two ways is refused, and no bytes are taken for another request's response.",
  },
  'net:process-trees': {
    source: `${SPEC}/2025-11-25/basic/transports`,
    promise: 'A child is ended with everything that it started, and inherits only the listed variables.',
  },
  'core:secrets': { source: 'SECURITY.md', promise: 'A secret is printed by nothing.' },
  ...MCP_RULES,
  ...GATEWAY_PAINS,
} as const satisfies Record<string, Requirement>;

export type RequirementId = keyof typeof REQUIREMENTS;
