import { GatewayError } from '../core/errors.ts';
import { readTraceContext } from '../core/trace.ts';
import type { InProcessServer, MessageSender } from './mcp-ports.ts';
import { checkArguments, InvalidArguments } from './tool-arguments.ts';
import type { ToolContext } from './tool-context.ts';
import { answerExtra, extraCapabilities, type ServerExtras } from './tool-extras.ts';
import { errorMessage, errorObject, notificationMessage, resultMessage } from './wire/compose.ts';
import { META_CAPABILITIES, META_SERVER, META_VERSION, unsupported } from './wire/era.ts';
import { BATCH_MESSAGES_MAX, type RpcMessage, type RpcRequest, readMessages } from './wire/message.ts';
import { type Era, eraOf, LEGACY_REVISIONS, MODERN_REVISIONS, negotiateLegacy } from './wire/revisions.ts';

/** Result of a tool (2025-11-25, Tools, "Tool Result"). `structuredContent` must fit the tool's `outputSchema`. */
export interface ToolResult {
  readonly content: readonly { readonly type: string; readonly [field: string]: unknown }[];
  readonly structuredContent?: Readonly<Record<string, unknown>>;
  readonly isError?: boolean;
}

/** One tool: what `tools/list` says of it, and what runs when it is called. */
export interface ToolDefinition {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  /** JSON Schema of an object; names, presence, plain types, enums, ranges and defaults are applied before the handler runs. */
  readonly inputSchema: Readonly<Record<string, unknown>>;
  readonly outputSchema?: Readonly<Record<string, unknown>>;
  readonly annotations: Readonly<Record<string, boolean>>;
  /** May throw InvalidArguments, which the model reads. Anything else thrown is the server's own fault. */
  handler(args: Readonly<Record<string, unknown>>, context: ToolContext): Promise<ToolResult>;
}

export interface ToolServerOptions {
  readonly name: string;
  readonly version: string;
  /** How to use the tools together, for the model. */
  readonly instructions?: string;
  readonly tools: readonly ToolDefinition[];
  /** Resources, prompts and completion. */
  readonly extras?: ServerExtras;
  /** Called for what a handler throws, InvalidArguments excepted. */
  onFailure?(tool: string, error: unknown): void;
  close?(): Promise<void>;
}

/** How long a client may keep the tool list (2026-07-28, "Caching"): the table never changes. */
const LIST_TTL_MS = 300_000;
const NAME_CHARACTERS_SHOWN = 100;

/**
 * An MCP server over a table of tools, free of any transport, in both eras: `initialize` (2024-11-05 to 2025-11-25), `ping`,
 * `server/discover` (2026-07-28), `tools/list`, `tools/call`, and what its extras offer; -32601 for the rest. It keeps nothing of its clients, so any number of
 * them may share it; a call is cancelled through the signal, and who frames the messages turns `notifications/cancelled` into that.
 */
export function createToolServer(options: ToolServerOptions): InProcessServer {
  const tools = new Map(options.tools.map((tool) => [tool.name, tool]));
  const listed = JSON.stringify(options.tools.map(({ handler: _handler, ...definition }) => definition));
  const serverInfo = { name: options.name, version: options.version };
  const { extras = {} } = options;
  const common = {
    capabilities: { tools: {}, ...extraCapabilities(extras) },
    instructions: options.instructions,
  };
  const modernMeta = { [META_SERVER]: serverInfo };
  const modernHead = `"resultType":"complete","_meta":${JSON.stringify(modernMeta)},"ttlMs":${LIST_TTL_MS},"cacheScope":"public"`;

  const answer = async (
    message: RpcMessage,
    signal: AbortSignal,
    sender: MessageSender,
  ): Promise<Buffer | undefined> => {
    if (message.kind !== 'request') return undefined;
    try {
      const result = await route(message, eraOfRequest(message), contextOf(message, signal, sender));
      return resultMessage(message.idBytes, Buffer.from(result));
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      return errorMessage(message.idBytes, errorObject(error));
    }
  };

  const route = async (request: RpcRequest, era: Era, context: ToolContext): Promise<string> => {
    const modern = era === 'modern';
    switch (request.method) {
      case 'tools/list':
        return modern ? `{${modernHead},"tools":${listed}}` : `{"tools":${listed}}`;
      case 'tools/call': {
        const result = await call(request, context);
        return JSON.stringify(modern ? { resultType: 'complete', ...result, _meta: modernMeta } : result);
      }
      case 'initialize': {
        if (modern) break;
        const protocolVersion = negotiateLegacy(request.params?.string('protocolVersion'));
        return JSON.stringify({ protocolVersion, ...common, serverInfo });
      }
      case 'ping':
        if (modern) break;
        return '{}';
      case 'server/discover': {
        const supportedVersions = [...MODERN_REVISIONS, ...LEGACY_REVISIONS];
        return `{${modernHead},${JSON.stringify({ supportedVersions, ...common }).slice(1)}`;
      }
      default: {
        const extra = await answerExtra(extras, request.method, request.params, context);
        if (extra === undefined) break;
        if (!modern) return JSON.stringify(extra.members);
        const caching = {
          list: { ttlMs: LIST_TTL_MS, cacheScope: 'public' },
          never: { ttlMs: 0, cacheScope: 'private' },
          none: {},
        }[extra.kept];
        return JSON.stringify({ resultType: 'complete', _meta: modernMeta, ...caching, ...extra.members });
      }
    }
    throw new GatewayError('rpc-method', { method: request.method.slice(0, NAME_CHARACTERS_SHOWN) });
  };

  const call = async (request: RpcRequest, context: ToolContext): Promise<ToolResult> => {
    const name = request.params?.string('name');
    const tool = name === undefined ? undefined : tools.get(name);
    if (tool === undefined) {
      const shown = JSON.stringify(name?.slice(0, NAME_CHARACTERS_SHOWN) ?? null);
      const known = [...tools.keys()].join(', ');
      throw new GatewayError('rpc-params', { reason: `there is no tool ${shown} (there are: ${known})` });
    }
    try {
      const given = request.params?.value('arguments') ?? {};
      return await tool.handler(checkArguments(tool.name, tool.inputSchema, given), context);
    } catch (error) {
      if (error instanceof InvalidArguments) return failed(error.message);
      options.onFailure?.(tool.name, error);
      return failed(
        `${tool.name} broke inside its server. The operator finds the reason in the server's log.`,
      );
    }
  };

  return {
    handle: async (bytes, signal, sender = {}) => {
      let batch: boolean;
      let messages: readonly RpcMessage[];
      try {
        const whole = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
        ({ batch, messages } = readMessages(whole, BATCH_MESSAGES_MAX));
      } catch (error) {
        if (!(error instanceof GatewayError)) throw error;
        return errorMessage(undefined, errorObject(error));
      }
      const answers = await Promise.all(messages.map((message) => answer(message, signal, sender)));
      const given = answers.filter((one) => one !== undefined);
      if (!batch) return given[0];
      return given.length === 0 ? undefined : Buffer.from(`[${given.map(String).join(',')}]`);
    },
    [Symbol.asyncDispose]: async () => {
      await options.close?.();
    },
  };
}

function failed(text: string): ToolResult {
  return { content: [{ type: 'text', text }], isError: true };
}

function contextOf(request: RpcRequest, signal: AbortSignal, sender: MessageSender): ToolContext {
  const meta = request.params?.child('_meta');
  const trace = meta === undefined ? undefined : readTraceContext((part) => meta.string(part));
  const token = meta?.slice('progressToken');
  const { principalId, tell } = sender;
  if (token === undefined || tell === undefined) return { signal, trace, principalId };
  const progress = (done: number, message: string): void => {
    const said = JSON.stringify({ progress: done, message }).slice(1);
    tell(
      notificationMessage(
        'notifications/progress',
        Buffer.from(`{"progressToken":${token.toString()},${said}`),
      ),
    );
  };
  return { signal, trace, principalId, progress };
}

/** The era that a request claims in its `_meta`. Throws what 2026-07-28 asks for when the claim is incomplete or unknown. */
function eraOfRequest(request: RpcRequest): Era {
  const meta = request.params?.child('_meta');
  const claimed = meta?.string(META_VERSION);
  if (claimed === undefined) {
    if (request.method === 'server/discover') throw new GatewayError('meta-missing', { field: META_VERSION });
    return 'legacy';
  }
  if (eraOf(claimed) !== 'modern') throw unsupported(claimed);
  if (meta?.slice(META_CAPABILITIES)?.[0] !== 0x7b) {
    throw new GatewayError('meta-missing', { field: META_CAPABILITIES });
  }
  return 'modern';
}
