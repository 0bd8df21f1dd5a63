import { ADMIN } from './admin.ts';
import { GATEWAY_PAINS } from './gateway-pains.ts';
import { LEDGER_PROMISES } from './ledger-promises.ts';
import { LLM_PROMISES } from './llm-promises.ts';
import { LIMITS } from './limits.ts';
import { LLM_SOCKETS } from './llm-sockets.ts';
import { LEDGER_GUARANTEES } from './ledger-guarantees.ts';
import { MCP_RULES } from './mcp-rules.ts';
import { KEY_PROMISES } from './key-promises.ts';
import { POSTGRES_SAFETY } from './postgres-safety.ts';
import { POSTGRES_ADVICE } from './postgres-advice.ts';
import { POSTGRES_TOOLS } from './postgres-tools.ts';
import { STORE_PROMISES } from './store-promises.ts';
import { MODEL_RULES } from './model-rules.ts';
import { REPLICAS } from './replicas.ts';
import { TELEMETRY } from './telemetry.ts';

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
  'run:connections-let-go': {
    source: 'docs/guide/operate.md',
    promise:
      'However a client ends its connection, and in the middle of what, the gateway holds nothing of it afterwards.',
  },
  'run:one-owner': {
    source: 'docs/guide/operate.md',
    promise: 'A data folder has one owner; a second start is refused and names the process.',
  },
  'run:survives-kill': {
    source: 'docs/guide/operate.md',
    promise: 'Killed at any moment, the gateway starts again and has lost no call that it answered.',
  },
  'run:database-restarts': {
    source: 'docs/guide/operate.md',
    promise:
      'An embedded PostgreSQL that ends is started again; calls go on meanwhile, and are all recorded.',
  },
  'run:crash-told': {
    source: 'docs/guide/operate.md',
    promise:
      'A gateway that ends by an error that nothing has caught says so in its log, with the stack, before it ends.',
  },
  'run:servers-restart': {
    source: 'docs/guide/operate.md',
    promise: '`lanport servers restart` ends one server and starts it anew, and says whether it came back.',
  },
  'run:servers-logs': {
    source: 'docs/guide/operate.md',
    promise:
      '`lanport servers logs` tells what happened to a server lately, and the end of what it wrote to stderr.',
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
  'mcp:primitives': {
    source: `${SPEC}/2025-11-25/server/prompts`,
    promise:
      'Prompts, resources, templates and completion of every kind of server work for every kind of client, several servers together.',
  },
  'mcp:uris': {
    source: 'docs/guide/connect-a-client.md',
    promise:
      'A URI that several servers have is another one for each of them, the same wherever it is named, and leads back to its server.',
  },
  'mcp:apps': {
    source: 'https://github.com/modelcontextprotocol/ext-apps',
    promise:
      'An MCP App opens through the gateway: the resource that a tool names is listed, and read, under that URI.',
  },
  'mcp:progress': {
    source: `${SPEC}/2025-11-25/basic/utilities/progress`,
    promise: "Progress comes under the client's own token, in order, before the answer, and to nobody else.",
  },
  'mcp:cancellation': {
    source: `${SPEC}/2025-11-25/basic/utilities/cancellation`,
    promise:
      'What a client gives up is given up at the server, and nothing else; what a server gives up, at the client.',
  },
  'mcp:logging': {
    source: `${SPEC}/2025-11-25/server/utilities/logging`,
    promise:
      'What a server logs reaches whose call it is about, from the level on that the session or the request asked for, and nobody else.',
  },
  'mcp:questions': {
    source: `${SPEC}/2025-11-25/client/elicitation`,
    promise:
      'What a server asks (forms, web pages, sampling, roots) reaches the client whose call it is about, in the words of its era, and its answer the server.',
  },
  'mcp:ping': {
    source: `${SPEC}/2025-11-25/basic/utilities/ping`,
    promise: 'A ping is answered, whoever sends it.',
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
  'mcp:supervision': {
    source: 'ARCHITECTURE.md',
    promise:
      'A server that fails is started again with growing delays, then once a minute and at once on use; one that refuses our credentials is left alone.',
  },
  'mcp:one-start': {
    source: 'ARCHITECTURE.md',
    promise: 'However many clients come at once, a shared server is started once and has one process.',
  },
  'mcp:repeat': {
    source: 'ARCHITECTURE.md',
    promise:
      'A call whose server goes away is sent again once, and only when the server certainly never saw it or doing it twice does no harm.',
  },
  'mcp:hung-server': {
    source: 'ARCHITECTURE.md',
    promise: 'A server that lets a call time out and does not answer a ping is started anew.',
  },
  'mcp:attribution': {
    source: 'ARCHITECTURE.md',
    promise:
      'What a server says and asks reaches the client whose call it belongs to; what could be for clients of several keys reaches none of them.',
  },
  'mcp:watches': {
    source: `${SPEC}/2026-07-28`,
    promise:
      'What clients watch is asked of a server once, again after each reconnect, and without a gap when it changes.',
  },
  'mcp:isolation': {
    source: 'docs/reference/config.md',
    promise:
      'A server that cannot be shared has a connection for each client session or key, bounded, and ended when it is not used.',
  },
  'mcp:lost-session': {
    source: `${SPEC}/2025-11-25/basic/transports`,
    promise: 'A session that a server lost is opened anew and the call goes through.',
  },
  'mcp:exchanged-server': {
    source: `${SPEC}/2026-07-28/basic/versioning`,
    promise:
      'A server over HTTP that was exchanged for one with or without sessions, or of the other era, is spoken to anew and the call goes through.',
  },
  'mcp:sealed-sessions': {
    source: 'docs/decisions/2026-11-21-sealed-session-ids.md',
    promise: "A client's session goes on after the gateway was killed and started again.",
  },
  'mcp:session-binding': {
    source: 'docs/decisions/2026-11-21-sealed-session-ids.md',
    promise:
      "A session is its key's alone, before and after a restart; an id that was changed or ended opens nothing.",
  },
  'mcp:session-kill': {
    source: 'docs/decisions/2026-11-21-sealed-session-ids.md',
    promise:
      'A client that listens and waits for a call when the gateway ends goes on with its session, and is told of the call: its answer, or that it is lost.',
  },
  'mcp:session-replicas': {
    source: 'docs/decisions/2026-11-21-sealed-session-ids.md',
    promise: 'Gateways on one database continue the sessions of each other, and record their calls rightly.',
  },
  'mcp:resume': {
    source: `${SPEC}/2025-11-25/basic/transports`,
    promise:
      'A client that lost a stream takes it up with Last-Event-ID and gets what it missed once, or is told that it is lost; a second GET replaces the first.',
  },
  'mcp:key-rotation': {
    source: 'docs/decisions/2026-11-21-sealed-session-ids.md',
    promise:
      'Each calendar month seals with a secret of its own; an id opens in its month and in the next one.',
  },
  'bounds:defaults': {
    source: 'docs/reference/bounds.md',
    promise: 'The bounds that are documented are those of the code.',
  },
  'bounds:body': {
    source: 'docs/reference/bounds.md',
    promise: 'A body of 32 MiB is taken, a larger one gets 413, and one that does not arrive in time 408.',
  },
  'bounds:messages': {
    source: 'docs/reference/bounds.md',
    promise:
      "A server's messages are bounded, on each transport; one that is too large costs its call, and the error names the setting.",
  },
  'bounds:in-flight': {
    source: 'docs/reference/bounds.md',
    promise:
      'A session has 64 requests in flight, a server 1,024 calls with 4,096 waiting; beyond that the answer says so.',
  },
  'bounds:deadlines': {
    source: 'docs/reference/bounds.md',
    promise: 'A server that does not start, and a call that does not end, are given up in time.',
  },
  'bounds:questions': {
    source: 'docs/reference/bounds.md',
    promise:
      'Calls that wait for answers of users, the rounds of questions in a call, and the questions that are open are bounded.',
  },
  'bounds:tables': {
    source: 'docs/reference/bounds.md',
    promise:
      'What clients and servers may name, watch, list or send at once is bounded; one more is refused with words, or makes the oldest go.',
  },
  'bounds:ledger': {
    source: 'docs/reference/bounds.md',
    promise:
      'Records beyond the bound in memory wait on the disk, and beyond the bound there calls are refused.',
  },
  'bounds:drain': {
    source: 'docs/reference/bounds.md',
    promise:
      'Told to stop, the gateway finishes what is in flight, cuts what takes too long, and records how each ended.',
  },
  'edge:keep-alive': {
    source: 'docs/reference/bounds.md',
    promise: 'Silent streams and answers that are slow to come are kept alive by comments.',
  },
  'edge:both-ways': {
    source: 'docs/reference/bounds.md',
    promise:
      'Whichever way a request goes through the edge, its streams, events, comments, body, client and end are treated alike.',
  },
  'edge:slow-readers': {
    source: 'docs/reference/bounds.md',
    promise:
      'For a reader that is too slow, news and progress beyond 1 MiB are left out and answers are not; beyond 64 MiB its stream is cut.',
  },
  'mcp:http-sse': {
    source: `${SPEC}/2024-11-05/basic/transports`,
    promise: 'A client of HTTP+SSE gets each answer on its stream, however slowly it reads.',
  },
  'bounds:sessions': {
    source: 'docs/reference/bounds.md',
    promise:
      'Idle sessions beyond the bound are forgotten and come back by their ids; when none is idle, a new one gets 503.',
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
  ...ADMIN,
  ...LLM_PROMISES,
  ...LIMITS,
  ...LLM_SOCKETS,
  ...POSTGRES_SAFETY,
  ...POSTGRES_ADVICE,
  ...POSTGRES_TOOLS,
  ...STORE_PROMISES,
  ...LEDGER_PROMISES,
  ...KEY_PROMISES,
  ...MCP_RULES,
  ...MODEL_RULES,
  ...GATEWAY_PAINS,
  ...LEDGER_GUARANTEES,
  ...REPLICAS,
  ...TELEMETRY,
} as const satisfies Record<string, Requirement>;

export type RequirementId = keyof typeof REQUIREMENTS;
