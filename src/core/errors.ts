/** Who has to act for an error to go away. */
export type Actor = 'caller' | 'operator' | 'upstream' | 'bug';

interface ErrorRow {
  /** HTTP status when the error answers a request by itself. */
  readonly status: number;
  /** JSON-RPC 2.0 error code. Own codes lie outside -32768…-32000, which belongs to the specification. */
  readonly rpc: number;
  /** Whether the same request, sent again later, may succeed. */
  readonly retryable: boolean;
  readonly actor: Actor;
  /** What a caller may read. `{name}` is filled from the error's `facts`. */
  readonly text: string;
}

const row = (status: number, rpc: number, retryable: boolean, actor: Actor, text: string): ErrorRow => ({
  status,
  rpc,
  retryable,
  actor,
  text,
});

/**
 * Every error that Lanport can answer with: one line each. `docs/reference/errors.md` is generated from it.
 * MCP codes: 2026-07-28 specification, "Error codes" (-32020 header mismatch, -32021 missing capability, -32022 version).
 */
// biome-ignore format: one error, one line
export const ERRORS = {
  'auth-missing': row(401, 1401, false, 'caller', 'No key was sent. Send "Authorization: Bearer <key>" or "x-litellm-api-key: <key>".'),
  'auth-invalid': row(401, 1401, false, 'caller', 'This key is not known here. Check it, or ask the operator of this gateway for one.'),
  'auth-expired': row(401, 1402, false, 'caller', 'This key expired at {expires}. Ask the operator for a new one.'),
  'auth-blocked': row(401, 1403, false, 'caller', 'This key is blocked. Ask the operator to unblock it.'),
  'auth-team-blocked': row(401, 1403, false, 'caller', 'The team of this key, {team}, is blocked. Ask the operator to unblock it.'),
  'auth-user-blocked': row(401, 1403, false, 'caller', 'The user of this key, {user}, is blocked. Ask the operator to unblock the user.'),
  'auth-unconfigured': row(401, 1401, false, 'operator', 'No key is configured on this gateway, so it serves only programs on its own machine, and this request came from {address}. Set general_settings.master_key.'),
  'address-forbidden': row(403, 1404, false, 'operator', 'Requests from {address} are not allowed (general_settings.allowed_ips or the key\'s allowed_ips).'),
  'route-forbidden': row(403, 1408, false, 'caller', 'This key may not call {path}. It may call: {routes} (allowed_routes, key_type).'),
  'origin-forbidden': row(403, 1405, false, 'operator', 'Origin {origin} is not allowed. Add its host to general_settings.allowed_hosts (bridge: --allowed-host).'),
  'host-forbidden': row(403, 1406, false, 'operator', 'Host {host} is not a name of this machine. Add it to general_settings.allowed_hosts (bridge: --allowed-host).'),
  'admin-only': row(403, 1407, false, 'caller', 'This needs the master key.'),
  'call-unknown': row(404, 1479, false, 'caller', 'There is no call {id} in the ledger. It may be older than what is kept (ledger.retention).'),
  'server-unknown': row(404, 1410, false, 'caller', 'There is no MCP server, alias or access group named "{name}" for this key. It may use: {known}.'),
  'tool-unknown': row(200, -32602, false, 'caller', 'Unknown tool "{name}": no server that this key may use has it. List the tools again.'),
  'tool-ambiguous': row(200, -32602, false, 'caller', 'Tool "{name}" exists on several servers: {candidates}. Use one of these names.'),
  'prompt-unknown': row(200, -32602, false, 'caller', 'Unknown prompt "{name}": no server that this key may use has it. List the prompts again.'),
  'prompt-ambiguous': row(200, -32602, false, 'caller', 'Prompt "{name}" exists on several servers: {candidates}. Use one of these names.'),
  'resource-unknown': row(200, -32602, false, 'caller', 'Resource not found: no server that this key may use has "{uri}". List the resources again.'),
  'task-unknown': row(200, -32602, false, 'caller', 'Unknown task "{id}": it was not made through this gateway with this key, or it was long ago.'),
  'capability-missing': row(400, -32021, false, 'caller', 'This call needs a capability that the client did not declare: {capability}.'),
  'state-invalid': row(200, -32602, false, 'caller', 'params.requestState is not of this call, was used already or has expired. Make the call anew without it.'),
  'question-unanswerable': row(200, 1448, false, 'upstream', 'The server asked something before it could answer, and it could not be answered: {reason}.'),
  'questions-limit': row(200, 1449, true, 'operator', 'Already {max} calls wait for answers to their questions.'),
  'tool-untracked': row(404, 1411, false, 'caller', 'Server "{server}" never had a tool named "{tool}". Its tools: GET /v1/mcp/tools/history?server={server}.'),
  'tool-changed-again': row(409, 1412, true, 'caller', 'Tool "{tool}" of server "{server}" is at version {hash} now, which is not the one to be accepted. Look at it again: lanport tools history {server}/{tool}.'),
  'request-invalid': row(400, 1413, false, 'caller', 'The request cannot be understood: {reason}.'),
  'input-invalid': row(422, 1422, false, 'caller', 'The request has problems: {problems}'),
  'model-unknown': row(404, 1421, false, 'caller', 'There is no model "{model}" for this key. GET /v1/models lists those that it may use.'),
  'route-unknown': row(404, 1414, false, 'caller', 'Nothing is served at {path}. MCP is at /mcp.'),
  'websocket-elsewhere': row(426, 1424, false, 'caller', 'There is no WebSocket at {path}: only /v1/responses is served over one. Send the request over plain HTTP.'),
  'operation-unknown': row(404, 1423, false, 'caller', 'Nothing is served at {path}. {hint}GET /openapi.json lists every operation.'),
  'method-not-allowed': row(405, 1415, false, 'caller', '{method} is not allowed at {path}.'),
  'body-too-large': row(413, 1416, false, 'caller', 'The body is larger than {max} bytes (limits.body_bytes_max).'),
  'body-type': row(415, 1417, false, 'caller', 'The body must be application/json, not "{type}".'),
  'body-coding': row(415, 1419, false, 'caller', 'The body is coded as "{coding}". Send it plain, or as gzip, br, zstd or deflate.'),
  'body-damaged': row(400, 1420, false, 'caller', 'The body is not what its Content-Encoding "{coding}" says: it cannot be decoded.'),
  'body-cut': row(400, 1418, true, 'caller', 'The body ended after {received} of {expected} bytes.'),
  'json-parse': row(400, -32700, false, 'caller', 'The body is not valid JSON: {reason} at byte {offset}.'),
  'rpc-invalid': row(400, -32600, false, 'caller', 'Not a JSON-RPC 2.0 message: {reason}.'),
  'rpc-method': row(404, -32601, false, 'caller', 'Method "{method}" is not supported by this gateway.'),
  'rpc-params': row(200, -32602, false, 'caller', 'Invalid params: {reason}.'),
  'meta-missing': row(400, -32602, false, 'caller', 'params._meta["{field}"] is required in protocol revision 2026-07-28.'),
  'header-mismatch': row(400, -32020, false, 'caller', 'Header {header} must equal the body: {reason}.'),
  'version-unsupported': row(400, -32022, false, 'caller', 'Protocol version "{requested}" is not supported.'),
  'session-missing': row(400, -32000, false, 'caller', 'Mcp-Session-Id is required here: send "initialize" first.'),
  'session-unknown': row(404, -32001, true, 'caller', 'This session has ended or was never opened here: send "initialize" again.'),
  'session-limit': row(503, 1430, true, 'operator', 'The gateway already serves {max} sessions (limits.sessions_max).'),
  'session-busy': row(429, 1431, true, 'caller', 'This session already has {max} requests in flight.'),
  'server-down': row(200, 1440, true, 'upstream', 'Server "{server}" is {state} since {since}: {reason} Its tools stay listed; calls work again as soon as it is back.'),
  'server-auth': row(200, 1441, false, 'operator', 'Server "{server}" refused the gateway\'s own credentials (HTTP {status}). The operator must correct mcp_servers.{server}.auth_value.'),
  'server-busy': row(200, 1442, true, 'operator', 'Server "{server}" already has {max} calls in flight.'),
  'server-protocol': row(200, 1443, false, 'upstream', 'Server "{server}" answered something that is not MCP: {reason}.'),
  'call-timeout': row(200, 1444, true, 'upstream', 'Server "{server}" did not answer within {seconds} s; the call was cancelled.'),
  'call-lost': row(200, 1445, true, 'upstream', 'Server "{server}" went away while it worked on this call. It was not repeated, because it may have taken effect: {reason}'),
  'response-too-large': row(200, 1446, false, 'upstream', 'Server "{server}" answered with more than {max} bytes ({limit}).'),
  'tool-held': row(200, 1447, false, 'operator', 'Tool "{name}" was not called: server "{server}" changed or added it, and it is held back until the operator of this gateway accepts it (lanport tools held).'),
  'backup-unavailable': row(400, 1457, false, 'operator', 'This gateway runs without a database, so there is nothing to back up but its data folder: stop it and copy that.'),
  'limit-reached': row(200, 1465, true, 'caller', '{what}'),
  'budget-exceeded': row(200, 1466, false, 'operator', '{what} The operator of this gateway can raise it.'),
  'ledger-unavailable': row(503, 1450, true, 'operator', 'The call was not made, because it could not be recorded first: {reason}.'),
  'store-unavailable': row(503, 1451, true, 'operator', 'This was not done, because it could not be kept: {reason}.'),
  'store-away': row(503, 1480, true, 'operator', 'This cannot be read now: the database does not answer. Calls go on meanwhile.'),
  'database-missing': row(400, 1456, false, 'operator', 'No connected db. Keys, users and teams are kept in a database, and this gateway runs without one (general_settings.disable_database). Put keys into virtual_keys, or let it have a database.'),
  'key-unknown': row(404, 1457, false, 'caller', 'There is no key {key}.'),
  'user-unknown': row(404, 1458, false, 'caller', 'There is no user "{user}".'),
  'team-unknown': row(404, 1459, false, 'caller', 'There is no team "{team}".'),
  'account-exists': row(409, 1460, false, 'caller', 'There is a {what} already. Choose another one.'),
  'account-invalid': row(400, 1461, false, 'caller', 'This cannot be kept: {reason}.'),
  'account-contended': row(409, 1462, true, 'caller', '{what} is being changed by others at the same time. Try again.'),
  'accounts-limit': row(409, 1463, false, 'operator', 'There are {max} {what} already, which is the most that can be kept. Delete those that are not used any more.'),
  'key-configured': row(409, 1464, false, 'operator', 'Key {key} stands in the configuration at {source}. Change it there and reload.'),
  'config-refused': row(422, 1452, false, 'operator', 'The configuration was not reloaded; the one before goes on serving. {problems}'),
  'shutting-down': row(503, 1453, true, 'operator', 'The gateway is shutting down. Try again in a few seconds.'),
  'relay-unreachable': row(502, 1470, true, 'operator', '{url} cannot be reached: {reason}. It was tried for {seconds} s. Start the gateway there, or correct --url.'),
  'relay-refused': row(502, 1471, false, 'operator', '{url} answered HTTP {status}: {reason}. {advice}'),
  'relay-foreign': row(502, 1472, false, 'operator', '{url} answered something that is not MCP: {reason}. --url must be the address of an MCP endpoint, such as http://HOST:4000/mcp.'),
  'relay-cut': row(502, 1473, true, 'upstream', 'The connection to {url} ended before the answer came: {reason}. The request was not repeated, because it may have taken effect.'),
  'relay-busy': row(429, 1474, true, 'caller', 'Too much is on its way already: at most {requests} requests and {bytes} bytes at a time.'),
  'relay-line': row(413, 1475, false, 'caller', 'A line was longer than {max} bytes. Where the next message begins is not known, so this ends here.'),
  'answer-lost': row(200, 1454, false, 'operator', 'The answer to this request is lost: the connection broke before it came, and the gateway that worked on it was restarted or does not keep it any more. The request may have taken effect.'),
  'client-gone': row(499, 1455, false, 'caller', 'The client closed the connection before the answer.'),
  internal: row(500, -32603, false, 'bug', 'Something in the gateway broke. The operator finds it in the log under request id {request}.'),
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof ERRORS;

export type Facts = Readonly<Record<string, string | number>>;

/** The public sentence of `code`, its `{places}` filled from `facts`; a missing fact stays visible as `{name}`. */
export function publicText(code: ErrorCode, facts: Facts = {}): string {
  return ERRORS[code].text.replaceAll(/\{(\w+)\}/g, (whole, name: string) => {
    const value = facts[name];
    return value === undefined ? whole : String(value);
  });
}

/**
 * A failure that may answer a request. `message` is the public text; what only the operator may read goes into `operatorText`.
 * `data` becomes the JSON-RPC error's `data`.
 */
export class GatewayError extends Error {
  readonly code: ErrorCode;
  readonly facts: Facts;
  readonly operatorText: string | undefined;
  readonly data: Readonly<Record<string, unknown>> | undefined;

  constructor(
    code: ErrorCode,
    facts: Facts = {},
    options: { cause?: unknown; operatorText?: string; data?: Readonly<Record<string, unknown>> } = {},
  ) {
    super(publicText(code, facts), options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'GatewayError';
    this.code = code;
    this.facts = facts;
    this.operatorText = options.operatorText;
    this.data = options.data;
  }

  get status(): number {
    return ERRORS[this.code].status;
  }

  get rpcCode(): number {
    return ERRORS[this.code].rpc;
  }

  get retryable(): boolean {
    return ERRORS[this.code].retryable;
  }
}
