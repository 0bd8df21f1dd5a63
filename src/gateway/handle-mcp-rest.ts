import type { Principal } from '../auth/authenticate.ts';
import { type ErrorCode, GatewayError } from '../core/errors.ts';
import { type JsonObject, JsonSyntaxError, scanObject } from '../core/json-scan.ts';
import type { ServerStatus } from '../mcp/mcp-view.ts';
import { withMember, withoutMembers } from '../mcp/mcp-wire.ts';
import type { Visibility } from '../policy/visibility.ts';
import { callAlone } from './call-alone.ts';
import type { Exchange } from './exchange.ts';
import type { HandleMcpDeps } from './mcp-deps.ts';

/** The operation of LiteLLM's plain REST interface to tools (litellm/proxy/_experimental/mcp_server/rest_endpoints.py). */
export type RestOperation = 'list' | 'call';

/** HTTP statuses of failures that stand in an MCP answer otherwise. */
const STATUSES: Readonly<Partial<Record<ErrorCode, number>>> = {
  'tool-unknown': 404,
  'tool-ambiguous': 400,
  'tool-held': 403,
  'server-down': 503,
  'server-busy': 503,
  'questions-limit': 503,
  'call-timeout': 504,
  'limit-reached': 429,
  'budget-exceeded': 400,
};

const NAME_CHARACTERS_SHOWN = 100;

/** What LiteLLM answers, as it is written there: `detail` is a text or an object. */
class RestFailure extends Error {
  readonly status: number;
  readonly detail: unknown;
  readonly headers: Readonly<Record<string, string>> | undefined;

  constructor(status: number, detail: unknown, headers?: Readonly<Record<string, string>>) {
    super('refused');
    this.status = status;
    this.detail = detail;
    this.headers = headers;
  }
}

/** The way of a request to `/mcp-rest/tools/list` or `/mcp-rest/tools/call`. Rejects with GatewayError where LiteLLM has no words of its own. */
export async function handleMcpRest(
  exchange: Exchange,
  operation: RestOperation,
  deps: HandleMcpDeps,
): Promise<void> {
  const method = operation === 'list' ? 'GET' : 'POST';
  if (exchange.method !== method)
    throw new GatewayError('method-not-allowed', { method: exchange.method, path: exchange.path });
  try {
    const body = operation === 'list' ? await list(exchange, deps) : await call(exchange, deps);
    exchange.send(200, undefined, body);
  } catch (error) {
    const failure = error instanceof GatewayError ? restFailure(error) : error;
    if (!(failure instanceof RestFailure)) throw error;
    if (error instanceof GatewayError) deps.onRefused(error.code);
    const { detail, status, headers } = failure;
    deps.log.info('refused', { request: exchange.requestId, path: exchange.path, status });
    exchange.send(status, headers, Buffer.from(JSON.stringify({ detail })));
  }
}

/** Names are those that the server itself uses; `mcp_info` says which server. */
async function list(exchange: Exchange, deps: HandleMcpDeps): Promise<Buffer> {
  const principal = deps.authenticate(exchange); // 401, 403
  const id = new URLSearchParams(exchange.query).get('server_id') ?? '';
  const { mcp } = deps;
  const visibility = visibilityOf(id, principal, exchange, deps);
  if (visibility === undefined)
    return listing([], 'server_not_found', `Server with id ${shown(id)} not found`);
  const tools = [...(await mcp.tools(visibility)).values()].map(({ server, originalName, definition }) =>
    withMember(
      scanObject(
        withoutMembers(definition, (key) => key === 'mcp_info', [
          'name',
          Buffer.from(JSON.stringify(originalName)),
        ]),
        1,
      ),
      `"mcp_info":${JSON.stringify({ server_name: server, server_id: server })}`,
    ),
  );
  const away = mcp
    .status()
    .filter(({ name, state }) => visibility.servers.includes(name) && state !== 'ready');
  if (tools.length > 0 || away.length === 0) return listing(tools, null, 'Successfully retrieved tools');
  const reasons = away.map(reasonOf).join('; ');
  return id === ''
    ? listing([], 'partial_failure', `Failed to get tools from servers: ${reasons}`)
    : listing([], 'server_error', `Failed to get tools from server ${reasons}`);
}

function listing(tools: readonly Buffer[], error: string | null, message: string): Buffer {
  const rest = `"error":${JSON.stringify(error)},"message":${JSON.stringify(message)}`;
  return Buffer.from(`{"tools":[${tools.map((tool) => tool.toString('utf8')).join(',')}],${rest}}`);
}

function reasonOf({ name, state, reason }: ServerStatus): string {
  return `${name}: ${state}${reason === undefined ? '' : `, ${reason}`}`;
}

/** With `server_id` the whole result, as newer versions answer; without it the blocks of its content alone, as older ones do. */
async function call(exchange: Exchange, deps: HandleMcpDeps): Promise<Buffer> {
  const principal = deps.authenticate(exchange); // 401, 403
  const asked = read(await exchange.body()); // 400, 408, 413
  const name = asked.string('name');
  if (name === undefined || name === '') throw new RestFailure(400, 'Request name is required');
  const input = asked.slice('arguments');
  if (input === undefined) throw new RestFailure(400, 'Request arguments are required');
  if (asked.child('arguments') === undefined)
    throw new RestFailure(400, 'Request arguments must be an object');
  const given = asked.value('server_id') ?? '';
  if (typeof given !== 'string') throw new RestFailure(400, 'Request server_id must be a string');
  const visibility = visibilityOf(given, principal, exchange, deps);
  if (visibility === undefined) {
    const message = `Server with id ${shown(given)} not found, or not for this key`;
    throw new RestFailure(404, { error: 'server_not_found', message });
  }
  const context = { exchange, principal, visibility, scopeName: undefined };
  const message = await callAlone(name, input.toString('utf8'), clientOf(exchange), context, deps);
  if (message === undefined) throw new GatewayError('client-gone');
  // A call that failed, which is not one that was refused.
  if (message instanceof GatewayError) throw restFailure(message) ?? message;
  const answer = scanObject(message, 2);
  const error = answer.child('error');
  if (error !== undefined)
    throw new RestFailure(502, {
      error: 'upstream_error',
      code: error.value('code'),
      message: error.string('message'),
    });
  const result = answer.child('result');
  if (result?.string('resultType') === 'input_required')
    throw new RestFailure(400, {
      error: 'input_required',
      message: 'The server wants to ask the user something first, which is possible over /mcp alone.',
    });
  if (given === '') return result?.slice('content') ?? NOTHING;
  return result === undefined ? NO_RESULT : withoutMembers(result, (key) => key === 'resultType');
}

const NOTHING = Buffer.from('[]');
const NO_RESULT = Buffer.from('{"content":[]}');

function read(body: Buffer): JsonObject {
  try {
    return scanObject(body, 2);
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    throw new RestFailure(
      400,
      `The body must be a JSON object with name, arguments and, better, server_id: ${error.message}`,
    );
  }
}

/** What is in scope: one server, when it is named. `undefined` when there is no such server for this key. */
function visibilityOf(
  id: string,
  principal: Principal,
  exchange: Exchange,
  { policy }: HandleMcpDeps,
): Visibility | undefined {
  const narrowed = policy.visibility(principal, policy.narrowing(exchange)); // 404
  if (id === '') return narrowed;
  try {
    const { servers } = policy.visibility(principal, { names: [id] });
    const [server] = servers;
    if (server === undefined || servers.length > 1 || !narrowed.servers.includes(server)) return undefined;
    return policy.visibility(principal, { names: [server] });
  } catch (error) {
    if (error instanceof GatewayError && error.code === 'server-unknown') return undefined;
    throw error;
  }
}

function restFailure(error: GatewayError): RestFailure | undefined {
  const { code, message } = error;
  if (code === 'tool-unknown') return new RestFailure(404, `Tool '${String(error.facts['name'])}' not found`);
  const status = STATUSES[code] ?? (error.status === 200 ? 502 : undefined);
  return status === undefined
    ? undefined
    : new RestFailure(status, { error: code, message }, retryHeaders(error));
}

function retryHeaders({ data }: GatewayError): Record<string, string> | undefined {
  const seconds = data?.['retryAfterSeconds'];
  return typeof seconds === 'number' ? { 'retry-after': String(seconds) } : undefined;
}

function clientOf(exchange: Exchange): string {
  return exchange.headers['user-agent']?.slice(0, NAME_CHARACTERS_SHOWN) ?? 'lanport-rest';
}

function shown(name: string): string {
  return name.slice(0, NAME_CHARACTERS_SHOWN);
}
