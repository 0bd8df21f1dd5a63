import type { Principal } from '../auth/authenticate.ts';
import { GatewayError } from '../core/errors.ts';
import type { TraceContext } from '../core/trace.ts';
import {
  LlmFailure,
  type OfferedTool,
  type ToolHost,
  type ToolOutcome,
  type ToolPart,
} from '../llm/llm-wire.ts';
import { callAlone } from './call-alone.ts';
import type { Exchange } from './exchange.ts';
import type { HandleMcpDeps } from './mcp-deps.ts';

/**
 * The servers behind the gateway for a model that one request asks: each call goes the way of a call from `/mcp`, with the same verdict and a record of its
 * own. `exchange` is the request to the model, `trace` its place in a trace.
 */
export function createToolHost(
  exchange: Exchange,
  principal: Principal,
  trace: TraceContext | undefined,
  deps: HandleMcpDeps,
): ToolHost {
  return {
    list: async (names) => {
      const visibility = visibilityOf(names);
      const tools = await deps.mcp.tools(visibility);
      return [...tools].map(
        ([name, { server, originalName, definition }]): OfferedTool => ({
          name,
          server,
          originalName,
          description: definition.string('description'),
          schema: (definition.value('inputSchema') ?? {}) as OfferedTool['schema'],
        }),
      );
    },
    call: async (tool, input, signal) => {
      const context = {
        exchange: new ToolExchange(exchange, signal, deps.clock.monotonicMs()),
        principal,
        visibility: visibilityOf([tool.server]),
        scopeName: undefined,
        parentId: exchange.requestId,
        trace,
      };
      try {
        const message = await callAlone(tool.name, input, 'lanport-model', context, deps);
        if (message === undefined) return trouble('The call was given up.');
        return message instanceof GatewayError ? trouble(message.message) : outcomeOf(message);
      } catch (error) {
        if (!(error instanceof GatewayError)) throw error;
        deps.onRefused(error.code);
        return trouble(error.message);
      }
    },
  };

  function visibilityOf(
    names: readonly string[] | undefined,
  ): ReturnType<HandleMcpDeps['policy']['visibility']> {
    try {
      return deps.policy.visibility(principal, { names });
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      throw new LlmFailure('invalid', error.message, {
        status: 400,
        param: 'tools',
        code: error.code,
        cause: error,
      });
    }
  }
}

function trouble(text: string): ToolOutcome {
  return { content: [{ kind: 'text', text }], isError: true };
}

interface ToolMessage {
  readonly error?: { readonly message?: string };
  readonly result?: {
    readonly content?: readonly Record<string, unknown>[];
    readonly structuredContent?: unknown;
    readonly isError?: boolean;
    readonly resultType?: string;
  };
}

/** The answer to `tools/call` as a model reads it. */
function outcomeOf(message: Buffer): ToolOutcome {
  const { error, result } = JSON.parse(message.toString('utf8')) as ToolMessage;
  if (error !== undefined) return trouble(error.message ?? 'The call failed.');
  if (result?.resultType === 'input_required')
    return trouble('The server wants to ask the user something, which is not possible here.');
  const content = (result?.content ?? []).flatMap((block) => partOf(block) ?? []);
  const isEmpty = content.length === 0;
  const structured = result?.structuredContent;
  const text = structured === undefined ? 'The tool returned nothing.' : JSON.stringify(structured);
  return {
    content: isEmpty ? [{ kind: 'text', text }] : content,
    isError: result?.isError === true,
  };
}

function partOf(block: Record<string, unknown>): ToolPart | undefined {
  const text = (name: string): string => (typeof block[name] === 'string' ? block[name] : '');
  switch (block['type']) {
    case 'text':
      return { kind: 'text', text: text('text') };
    case 'image':
      return { kind: 'image', source: { kind: 'base64', mediaType: text('mimeType'), data: text('data') } };
    case 'audio':
      return { kind: 'audio', source: { kind: 'base64', mediaType: text('mimeType'), data: text('data') } };
    case 'resource': {
      const resource = (block['resource'] ?? {}) as Record<string, unknown>;
      return {
        kind: 'text',
        text:
          typeof resource['text'] === 'string' ? resource['text'] : `[resource ${String(resource['uri'])}]`,
      };
    }
    case 'resource_link':
      return { kind: 'text', text: `[${text('name')}](${text('uri')})` };
    default:
      return undefined;
  }
}

/** The request to the model in the eyes of one call: over when the call is to be over. */
class ToolExchange implements Exchange {
  readonly #exchange: Exchange;
  readonly #signal: AbortSignal;
  readonly startedMs: number;
  readonly method = 'POST';
  readonly names = undefined;
  readonly bytesOut = 0;
  readonly path = '/mcp';
  readonly query = undefined;

  constructor(exchange: Exchange, signal: AbortSignal, startedMs: number) {
    this.#exchange = exchange;
    this.#signal = signal;
    this.startedMs = startedMs;
  }

  get requestId(): string {
    return this.#exchange.requestId;
  }

  get headers(): Exchange['headers'] {
    return this.#exchange.headers;
  }

  get remoteAddress(): string {
    return this.#exchange.remoteAddress;
  }

  get isGone(): boolean {
    return this.#signal.aborted;
  }

  onGone(listener: () => void): void {
    if (this.isGone) listener();
    else this.#signal.addEventListener('abort', listener, { once: true });
  }

  body(): Promise<Buffer> {
    return Promise.reject(new Error('the body belongs to the model'));
  }

  send(): void {}

  openStream(): never {
    throw new Error('a tool has no stream of its own');
  }

  openAnswer(): never {
    throw new Error('a tool has no answer of its own');
  }

  event(): boolean {
    return false;
  }

  mayStream(): void {}
}
