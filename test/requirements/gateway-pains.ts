import type { Requirement } from './requirements.ts';

const LEGACY = 'https://modelcontextprotocol.io/specification/2025-11-25';
const MODERN = 'https://modelcontextprotocol.io/specification/2026-07-28';
const ARCHITECTURE = 'ARCHITECTURE.md';
const OPERATE = 'docs/guide/operate.md';
const CONNECT = 'docs/guide/connect-a-client.md';
const DIAGNOSE = 'docs/guide/diagnose-a-server.md';

/** What people who run gateways for MCP suffer from, each as the promise that it does not happen here. */
export const GATEWAY_PAINS = {
  'pain:01-processes-that-pile-up': {
    source: ARCHITECTURE,
    promise:
      'Sessions, lists and calls that come and go leave one process of a server, and what a server started goes with it.',
  },
  'pain:02-processes-per-agent': {
    source: ARCHITECTURE,
    promise: 'Agents in parallel start nothing, and no process that ended stays behind as a zombie.',
  },
  'pain:03-one-child-for-two-users': {
    source: 'docs/reference/config.md',
    promise:
      'Two users of one server get their own answers alone, and one with a memory of its client can have a process for each.',
  },
  'pain:04-clients-that-leak-servers': {
    source: 'docs/guide/clients-that-start-a-command.md',
    promise:
      'Clients that start a command share the processes behind the gateway, and what they started ends with them.',
  },
  'pain:05-process-per-call': {
    source: ARCHITECTURE,
    promise:
      'Calls meet a server that remembers the ones before, an answer counts as soon as it is there, and a list of thousands of tools is taken whole.',
  },
  'pain:06-idle-servers': {
    source: 'docs/reference/config.md',
    promise: 'A server that is stopped when nobody uses it keeps its tools, and the next call starts it.',
  },
  'pain:07-failed-once-gone-forever': {
    source: ARCHITECTURE,
    promise: 'A server that could not be reached when the gateway started is there as soon as it can be.',
  },
  'pain:08-connected-without-tools': {
    source: ARCHITECTURE,
    promise: 'A server whose tools cannot be read does not count as ready, and is tried until they can.',
  },
  'pain:09-retry-storms': {
    source: ARCHITECTURE,
    promise:
      'A server that fails is tried ever less often, one that refuses our credentials not by itself at all, and a call wakes one that is down.',
  },
  'pain:10-dead-server-costs-the-session': {
    source: ARCHITECTURE,
    promise:
      'When a server dies, its tools stay in the list, what it was working on fails at once, and the next call in the same session works.',
  },
  'pain:11-slow-start': {
    source: `${LEGACY}/server/tools`,
    promise: 'The tools of a server that is slow to start reach the clients that came before it was there.',
  },
  'pain:12-half-alive-sessions': {
    source: `${LEGACY}/basic/transports`,
    promise:
      'A session that one of several servers lost is opened anew, and the client and the other servers notice nothing.',
  },
  'pain:13-session-not-found': {
    source: 'docs/decisions/2026-11-21-sealed-session-ids.md',
    promise: 'A restart of the gateway costs no client its session, nor what it had said of itself.',
  },
  'pain:14-loss-told-by-words': {
    source: `${LEGACY}/basic/transports`,
    promise:
      'The ways in which servers say that a session is gone are all understood, and the call that found out is made.',
  },
  'pain:15-clients-that-do-not-begin-anew': {
    source: `${LEGACY}/basic/transports`,
    promise:
      'A session that is gone is 404 and nothing else, and a client that starts a command is spared even that.',
  },
  'pain:16-cut-after-minutes': {
    source: 'docs/reference/bounds.md',
    promise: 'Streams, and calls that take long, are kept open by comments while nothing happens.',
  },
  'pain:17-one-failure-fails-all': {
    source: ARCHITECTURE,
    promise:
      'A server that refuses, dies or hangs at the start keeps no other server from being listed and called.',
  },
  'pain:18-slow-server-at-the-handshake': {
    source: ARCHITECTURE,
    promise: 'A server that has become slow delays neither the handshake of a client nor any list.',
  },
  'pain:19-wrong-transport-declared': {
    source: DIAGNOSE,
    promise: 'A server on another transport than declared works, and delays no other.',
  },
  'pain:20-lists-that-wait': {
    source: 'docs/reference/bounds.md',
    promise:
      'A list waits for a server that hangs up to its bound and once; calls share the connection that there is.',
  },
  'pain:21-one-after-the-other': {
    source: ARCHITECTURE,
    promise: 'Servers are started side by side.',
  },
  'pain:22-list-taken-too-early': {
    source: `${LEGACY}/server/tools`,
    promise:
      'A client that got its list before a server had given its tools is told that the list has changed.',
  },
  'pain:23-names-too-long': {
    source: CONNECT,
    promise: 'No tool has a name that a client with the strictest bound would cut or refuse.',
  },
  'pain:24-names-that-collide': {
    source: CONNECT,
    promise:
      'Tools of one name from several servers are all there, each under a name of its own that leads to it.',
  },
  'pain:25-too-many-tools': {
    source: 'docs/guide/control-tools.md',
    promise:
      'What a client does not need can be kept out of its list: by its key, its address, a header, or single tools.',
  },
  'pain:26-the-credential-of-another': {
    source: CONNECT,
    promise:
      'A credential that a request brings for a server goes with that request, and with nobody else’s.',
  },
  'pain:27-a-route-per-user': {
    source: CONNECT,
    promise: 'Users with a credential each for their calls use one entry and one address, at the same time.',
  },
  'pain:28-their-refusal-as-ours': {
    source: 'docs/reference/errors.md',
    promise: "A server's refusal of the gateway's credentials is never a 401 or 403 to the client.",
  },
  'pain:29-login-loops': {
    source: 'docs/reference/errors.md',
    promise:
      'A server that asks for a login only when a tool is called keeps its tools, the call says what is missing, and nothing is tried again by itself.',
  },
  'pain:30-credentials-renewed': {
    source: OPERATE,
    promise: 'A credential is exchanged for one server alone, while all the others go on.',
  },
  'pain:31-clients-that-register-first': {
    source: `${MODERN}/basic/authorization`,
    promise:
      'Clients that look for an authorization server, or register at once, are told in JSON that there is none.',
  },
  'pain:32-the-first-cause-hidden': {
    source: DIAGNOSE,
    promise:
      'What other transports were tried hides nothing: the first cause is told; a server without GET works whatever status it refuses it with.',
  },
  'pain:33-affinity': {
    source: 'docs/decisions/2026-11-21-sealed-session-ids.md',
    promise: 'Requests of a session may go to any of several gateways on one database.',
  },
  'pain:34-several-servers-none-listed': {
    source: CONNECT,
    promise: 'Several servers together are listed and called, whatever each of them speaks.',
  },
  'pain:35-back-but-invisible': {
    source: `${LEGACY}/server/tools`,
    promise:
      'A server that is back is used by clients that were connected all the time, and its news reach them.',
  },
} as const satisfies Record<string, Requirement>;

/** Parts of these that nothing here keeps yet, by their numbers, and why not. */
export const LATER_PAINS: Readonly<Record<string, string>> = {
  '14-memory-over-a-restart':
    'a stdio server ends with the gateway that started it; to outlive it, it would need a process of its own between the two',
  '25-tools-on-demand': 'a search over tools in place of the list is a piece of work of its own',
  '27-credentials-for-sessions':
    'a server that wants the credential of a user for its session, and not for calls alone, needs a connection for each credential',
  '29-login-for-users': 'logins at servers are OAuth, which is a later piece of work',
  '30-outbound-proxy': 'requests to servers go straight to them; a proxy is a change of the HTTP client',
};
