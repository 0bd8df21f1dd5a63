import type { Requirement } from './requirements.ts';

const SPEC = 'https://modelcontextprotocol.io/specification';
const LEGACY = `${SPEC}/2025-11-25`;
const MODERN = `${SPEC}/2026-07-28`;

/** What a gateway between MCP clients and servers has to do, in 42 rules; those of `LATER_RULES` are left out. */
export const MCP_RULES = {
  'rule:01-era-of-a-request': {
    source: `${MODERN}/basic/versioning`,
    promise:
      'The body says first to which era a request belongs, then its version header; what claims nothing is legacy, as the official SDK decides it.',
  },
  'rule:02-all-transports-on-one-port': {
    source: `${LEGACY}/basic/transports`,
    promise:
      'Both eras and HTTP+SSE are served at once; sessions are offered and not demanded, an unknown one is 404 with -32001, and GET or DELETE without one is 405.',
  },
  'rule:03-liberal-headers': {
    source: `${LEGACY}/basic/transports`,
    promise:
      'Any known version header is taken within a session, and none, and every Accept header that admits an answer.',
  },
  'rule:04-origin-and-host': {
    source: `${LEGACY}/basic/transports`,
    promise:
      'Every route refuses pages of other origins, and without keys other names of this machine; the gateway listens on 127.0.0.1 unless it was told otherwise.',
  },
  'rule:05-body-and-header-bounds': {
    source: `${LEGACY}/basic`,
    promise:
      'Bodies that are too large, of another type or no JSON, and heads that are too large, each get their status: 413, 415, 400 with -32700 and a null id, 431.',
  },
  'rule:06-batches': {
    source: `${SPEC}/2025-03-26/basic`,
    promise:
      'Batches of legacy clients are answered in one array, modern ones are refused with -32600; servers are never sent one, and may answer in one.',
  },
  'rule:07-ids-both-directions': {
    source: `${LEGACY}/basic`,
    promise:
      "Equal ids that are in flight at the same time, of clients and of servers, never get each other's answers, and every id comes back with its type.",
  },
  'rule:08-progress-tokens': {
    source: `${LEGACY}/basic/utilities/progress`,
    promise:
      'Progress reaches the request that asked for it under its own token, in order and all of it before the answer; a server is sent a token only where the client gave one. Progress of a client with what a server asks goes back in the same way.',
  },
  'rule:09-opaque-handles': {
    source: `${MODERN}/basic/utilities`,
    promise:
      "Handles stay opaque: a subscription carries the id of the client's own listen request, a server gets back its requestState as it was, and the client holds it sealed.",
  },
  'rule:10-unknown-members': {
    source: `${LEGACY}/schema`,
    promise:
      'Members that nobody knows, numbers that no double holds and structured content of any JSON type pass byte for byte, in definitions, arguments and results.',
  },
  'rule:11-pages': {
    source: `${LEGACY}/server/utilities/pagination`,
    promise:
      'The lists of servers are read to their last page, an empty cursor included and a repeated one not twice; clients get one page and -32602 for any cursor.',
  },
  'rule:12-order-of-lists': {
    source: `${MODERN}/server/tools`,
    promise:
      'A list is the same bytes for every client with the same key, and after a restart in which the servers came up in another order.',
  },
  'rule:13-capabilities': {
    source: `${LEGACY}/basic/lifecycle`,
    promise:
      'The gateway advertises what the servers in scope can do together, and nothing that a call would not get; experimental capabilities pass for a single server.',
  },
  'rule:14-names': {
    source: `${LEGACY}/server/tools`,
    promise:
      'Names are unique, fit every client, follow a rule that no other server can change, and lead back to their tool by an exact table.',
  },
  'rule:15-resource-uris': {
    source: `${LEGACY}/server/resources`,
    promise:
      'Where two servers have one URI, it is namespaced for the second in every place that names it, and leads back; URIs of templates are routed without being listed.',
  },
  'rule:16-completion': {
    source: `${LEGACY}/server/utilities/completion`,
    promise:
      'Completion goes to the server of the prompt or template under the name that it has there, with its context.',
  },
  'rule:17-instructions': {
    source: `${LEGACY}/basic/lifecycle`,
    promise:
      "Instructions of several servers stand under a heading each, of one alone as they are; the gateway gives its own name and no server's, in results neither.",
  },
  'rule:18-one-bad-part': {
    source: `${MODERN}/basic/transports`,
    promise:
      'A tool with an invalid x-mcp-header is left out and reported, the others stay; a server that hangs keeps neither initialize nor the lists of the others.',
  },
  'rule:19-list-changed': {
    source: `${LEGACY}/server/tools`,
    promise:
      'Changes that come together are told once, on one stream of each legacy session and to the modern listeners that asked for that kind.',
  },
  'rule:20-resource-subscriptions': {
    source: `${LEGACY}/server/resources`,
    promise:
      'Subscriptions are forwarded once for all who watch a resource, made again on a new connection, and ended with the last watcher.',
  },
  'rule:21-listen': {
    source: `${MODERN}/basic/utilities/subscriptions`,
    promise:
      "A listen stream begins with one acknowledgement of what is honoured, in the client's URIs, and ends with a result when the gateway stops; a server's stream that ended is opened again.",
  },
  'rule:22-logging': {
    source: `${LEGACY}/server/utilities/logging`,
    promise:
      'A server is set to the least severe level that any client wants and each client gets its own; a modern request without a level gets no log messages.',
  },
  'rule:23-questions-to-the-right-client': {
    source: `${LEGACY}/client/elicitation`,
    promise:
      'What a server asks during a call goes to the client of that call alone, on the stream of its request, if it can answer such a question; pings are answered on the spot.',
  },
  'rule:24-streams-on-demand': {
    source: `${LEGACY}/basic/transports`,
    promise:
      'An answer is JSON until something comes before it, which is passed on at once; then it is an event stream.',
  },
  'rule:25-between-the-eras': {
    source: `${MODERN}/basic/utilities/multi-round-trip-requests`,
    promise:
      "All four pairs of eras work, questions included: each side sees its own era and nothing of the other's.",
  },
  'rule:26-errors-and-tasks-of-an-era': {
    source: `${MODERN}/basic`,
    promise:
      "What a server needs and a client lacks is told in the client's own words; tasks pass within an era, and each is its owner's alone.",
  },
  'rule:27-versions-per-hop': {
    source: `${LEGACY}/basic/lifecycle`,
    promise:
      'A client is answered in its own revision when that is known and else in the latest legacy one, whatever the server speaks.',
  },
  'rule:28-lost-sessions': {
    source: `${LEGACY}/basic/transports`,
    promise:
      'A session that a server lost, with 404 or with 400 that says so, is opened anew once for all that wait, and their calls go through; it is ended with DELETE, and 405 is no trouble.',
  },
  'rule:29-cancellation': {
    source: `${LEGACY}/basic/utilities/cancellation`,
    promise:
      'A cancellation reaches the server under the id that it knows; who goes away has cancelled in the modern era and not in the legacy one; late answers are ignored.',
  },
  'rule:30-deadlines': {
    source: `${LEGACY}/basic/lifecycle`,
    promise:
      'A call without answer or progress ends, progress lengthens it up to its total, the server is told, and waiting streams are kept open with comments.',
  },
  'rule:31-second-listening-stream': {
    source: `${LEGACY}/basic/transports`,
    promise: 'A second GET of a session takes over from the first, which ends; it is never refused.',
  },
  'rule:32-resumption': {
    source: `${LEGACY}/basic/transports`,
    promise:
      'A stream that broke is taken up by GET after the event that came last, with what belongs to that stream alone; only clients of 2025-11-25 get an empty event first.',
  },
  'rule:33-slow-readers': {
    source: `${LEGACY}/basic/transports`,
    promise:
      'A client that does not read holds up nobody else on the same server, and gets its answers in the end.',
  },
  'rule:34-stdio-servers': {
    source: `${LEGACY}/basic/transports`,
    promise:
      'A stdio server may cut lines anywhere, print text and flood stderr; it gets listed variables and no shell, ends with all it started, and what it was working on fails at once when it dies.',
  },
  'rule:35-sse-servers': {
    source: `${SPEC}/2024-11-05/basic/transports`,
    promise:
      'An HTTP+SSE server may name its endpoint relatively but only on its own origin, and a stream that ended is a new session.',
  },
  'rule:38-bound-handles': {
    source: `${LEGACY}/basic/security_best_practices`,
    promise:
      'Session ids are random and good for the key that opened them alone; so is the state of a call, once.',
  },
  'rule:39-hop-headers-and-logs': {
    source: `${LEGACY}/basic/security_best_practices`,
    promise:
      "What belongs to the client's hop reaches no server, keys, arguments and answers of users reach no log, and no $ref is fetched.",
  },
  'rule:40-changed-tools': {
    source: `${LEGACY}/server/tools`,
    promise:
      'A tool that changes after it was first seen is noticed, and held back where the operator wants it.',
  },
  'rule:41-unknown-methods': {
    source: `${MODERN}/basic/transports`,
    promise:
      'Methods and notifications that nobody knows go to the only server in scope; with several a request is -32601 (404 in the modern era) and a notification no error.',
  },
  'rule:42-trace-context': {
    source: `${MODERN}/basic`,
    promise: 'The trace context of a request reaches the server in _meta and, over HTTP, as header.',
  },
} as const satisfies Record<string, Requirement>;

/** Rules that nothing here keeps yet: both are about OAuth, which is a later piece of work. */
export const LATER_RULES = ['36-oauth-resource-server', '37-oauth-client'] as const;
