import type { GatewayError } from '../core/errors.ts';
import { type Inbound, LATEST_MODERN, readMessages, ReplyStream, type RpcRequest } from '../mcp/mcp-wire.ts';
import { callUpstream } from './call-upstream.ts';
import { whole } from './exchange.ts';
import type { McpContext } from './mcp-context.ts';
import type { HandleMcpDeps } from './mcp-deps.ts';

/** Nobody reads what comes before the answer. */
const SILENT = { event: () => false, isGone: false };

/**
 * Calls a tool for somebody who does not speak MCP: with the same verdict, limits and record as a call from `/mcp`. `input` is the JSON text of
 * the arguments, an object; `client` the name that the server is told. Resolves with the JSON-RPC message that answers it, or with why it
 * failed; `undefined`: it was given up. Rejects with GatewayError when it did not become a call.
 */
export async function callAlone(
  tool: string,
  input: string,
  client: string,
  context: Omit<McpContext, 'isMadeHere'>,
  deps: HandleMcpDeps,
): Promise<Buffer | GatewayError | undefined> {
  const meta = {
    'io.modelcontextprotocol/protocolVersion': LATEST_MODERN,
    'io.modelcontextprotocol/clientCapabilities': {},
    'io.modelcontextprotocol/clientInfo': { name: client, version: deps.version },
  };
  const params = `{"name":${JSON.stringify(tool)},"arguments":${input},"_meta":${JSON.stringify(meta)}}`;
  const { messages } = readMessages(
    Buffer.from(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":${params}}`),
  );
  const inbound: Inbound = {
    era: 'modern',
    revision: LATEST_MODERN,
    session: undefined,
    // What one request to a model causes gets an id of its own in the ledger, each.
    batch: context.parentId !== undefined,
    messages,
  };
  const stream = new ReplyStream(SILENT, undefined);
  const reply = await callUpstream(
    messages[0] as RpcRequest,
    inbound,
    { ...context, isMadeHere: true },
    stream,
    deps,
  );
  return reply && (reply.failure ?? whole(reply.message));
}
