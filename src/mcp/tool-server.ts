import { GatewayError } from '../core/errors.ts';
import type { InProcessServer } from './mcp-ports.ts';
import { errorMessage, errorObject, resultMessage } from './wire/compose.ts';
import { META_CAPABILITIES, META_VERSION, unsupported } from './wire/era.ts';
import { readMessages, type RpcMessage, type RpcRequest } from './wire/message.ts';
import { type Era, eraOf, LEGACY_REVISIONS, MODERN_REVISIONS, negotiateLegacy } from './wire/revisions.ts';

/** Result of a tool, as MCP has it (2025-11-25, Tools, "Tool Result"). */
export interface ToolResult {
  readonly content: readonly { readonly type: 'text'; readonly text: string }[];
  readonly structuredContent?: Readonly<Record<string, unknown>>;
  readonly isError?: boolean;
}

export interface ToolDefinition {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly inputSchema: Readonly<Record<string, unknown>>;
  readonly outputSchema?: Readonly<Record<string, unknown>>;
  readonly annotations: Readonly<Record<string, boolean>>;
  /** Throws InvalidArguments for arguments that cannot be used. */
  handle(args: Readonly<Record<string, unknown>>, context: { readonly signal: AbortSignal }): Promise<ToolResult>;
}

/** Arguments that a tool cannot use; the model reads the message. */
export class InvalidArguments extends Error {
  override readonly name = 'InvalidArguments';
}

export interface ToolServerOptions {
  readonly name: string;
  readonly version: string;
  readonly instructions: string | undefined;
  readonly tools: readonly ToolDefinition[];
  /** Called for failures that are the server's own fault. */
  onFailure(tool: string, error: unknown): void;
  close(): Promise<void>;
}

/** A small MCP server over a table of tools, free of any transport, in both eras. */
export function createToolServer(options: ToolServerOptions): InProcessServer {
  const tools = new Map(options.tools.map((tool) => [tool.name, tool]));
  const listed = JSON.stringify(options.tools.map(({ handle: _handle, ...definition }) => definition));
  const serverInfo = { name: options.name, version: options.version };
  const running = new Map<string, AbortController>();

  const answer = async (message: RpcMessage, signal: AbortSignal): Promise<Buffer | undefined> => {
    if (message.kind === 'notification') {
      if (message.method === 'notifications/cancelled') running.get(message.params?.slice('requestId')?.toString() ?? '')?.abort();
      return undefined;
    }
    if (message.kind !== 'request') return undefined;
    const abort = new AbortController();
    const key = message.idBytes.toString();
    running.set(key, abort);
    try {
      const era = eraOfRequest(message);
      return resultMessage(message.idBytes, Buffer.from(await route(message, era, AbortSignal.any([signal, abort.signal]))));
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      return errorMessage(message.idBytes, errorObject(error));
    } finally {
      running.delete(key);
    }
  };

  const route = async (request: RpcRequest, era: Era, signal: AbortSignal): Promise<string> => {
    const modern = era === 'modern';
    switch (request.method) {
      case 'tools/list':
        return modern ? `{"resultType":"complete","tools":${listed},"ttlMs":60000,"cacheScope":"public"}` : `{"tools":${listed}}`;
      case 'tools/call': {
        const result = await call(request, signal);
        return JSON.stringify(modern ? { resultType: 'complete', ...result } : result);
      }
      case 'initialize':
        if (modern) break;
        return JSON.stringify({ protocolVersion: negotiateLegacy(request.params?.string('protocolVersion')), capabilities: { tools: {} }, serverInfo, instructions: options.instructions });
      case 'ping':
        if (modern) break;
        return '{}';
      case 'server/discover':
        if (!modern) break;
        return JSON.stringify({ resultType: 'complete', supportedVersions: [...MODERN_REVISIONS, ...LEGACY_REVISIONS], capabilities: { tools: {} }, instructions: options.instructions, ttlMs: 60_000, cacheScope: 'public', _meta: { 'io.modelcontextprotocol/serverInfo': serverInfo } });
      default:
    }
    throw new GatewayError('rpc-method', { method: request.method.slice(0, 100) });
  };

  const call = async (request: RpcRequest, signal: AbortSignal): Promise<ToolResult> => {
    const name = request.params?.string('name');
    const tool = name === undefined ? undefined : tools.get(name);
    if (tool === undefined) throw new GatewayError('rpc-params', { reason: `there is no tool ${JSON.stringify(name?.slice(0, 100) ?? null)}` });
    const args = request.params?.value('arguments') ?? {};
    try {
      if (typeof args !== 'object' || args === null || Array.isArray(args)) throw new InvalidArguments('"arguments" must be an object');
      checkArguments(tool, args as Record<string, unknown>);
      return await tool.handle(args as Record<string, unknown>, { signal });
    } catch (error) {
      if (!(error instanceof InvalidArguments)) options.onFailure(tool.name, error);
      const text = error instanceof InvalidArguments ? error.message : `The tool ${tool.name} failed: ${error instanceof Error ? error.message : String(error)}`;
      return { content: [{ type: 'text', text }], isError: true };
    }
  };

  return {
    handle: async (bytes, signal) => {
      let messages: readonly RpcMessage[];
      let batch: boolean;
      try {
        ({ messages, batch } = readMessages(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)));
      } catch (error) {
        if (!(error instanceof GatewayError)) throw error;
        return errorMessage(undefined, errorObject(error));
      }
      const answers = (await Promise.all(messages.map((message) => answer(message, signal)))).filter((one) => one !== undefined);
      if (!batch) return answers[0];
      return answers.length === 0 ? undefined : Buffer.from(`[${answers.map((one) => one.toString()).join(',')}]`);
    },
    [Symbol.asyncDispose]: options.close,
  };
}

/** The era that a request claims. Throws what 2026-07-28 asks for when the claim is incomplete or unknown. */
function eraOfRequest(request: RpcRequest): Era {
  const meta = request.params?.child('_meta');
  const claimed = meta?.string(META_VERSION);
  if (claimed === undefined) return request.method === 'server/discover' ? missing(META_VERSION) : 'legacy';
  if (eraOf(claimed) !== 'modern') throw unsupported(claimed);
  if (meta?.child(META_CAPABILITIES) === undefined) return missing(META_CAPABILITIES);
  return 'modern';
}

function missing(field: string): never {
  throw new GatewayError('meta-missing', { field });
}

/** Checks names, presence and plain types against the tool's own schema; the tool checks what is deeper. */
function checkArguments(tool: ToolDefinition, args: Readonly<Record<string, unknown>>): void {
  const schema = tool.inputSchema as { readonly properties?: Readonly<Record<string, { readonly type?: string; readonly enum?: readonly unknown[] }>>; readonly required?: readonly string[] };
  const properties = schema.properties ?? {};
  for (const name of schema.required ?? []) {
    if (args[name] === undefined) throw new InvalidArguments(`Argument "${name}" of ${tool.name} is missing. It takes: ${Object.keys(properties).join(', ')}.`);
  }
  for (const [name, value] of Object.entries(args)) {
    const property = properties[name];
    if (property === undefined) throw new InvalidArguments(`${tool.name} has no argument "${name.slice(0, 60)}". It takes: ${Object.keys(properties).join(', ') || 'none'}.`);
    if (value === null || value === undefined) continue;
    if (property.type !== undefined && !isOfType(value, property.type)) throw new InvalidArguments(`Argument "${name}" of ${tool.name} must be of type ${property.type}.`);
    if (property.enum !== undefined && !property.enum.includes(value)) throw new InvalidArguments(`Argument "${name}" of ${tool.name} must be one of: ${property.enum.join(', ')}.`);
  }
}

function isOfType(value: unknown, type: string): boolean {
  switch (type) {
    case 'integer':
      return Number.isInteger(value);
    case 'array':
      return Array.isArray(value);
    case 'object':
      return typeof value === 'object' && !Array.isArray(value);
    default:
      return typeof value === type;
  }
}
