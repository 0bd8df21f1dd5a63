import { passedOn, readTraceContext, type Span, type TraceContext, type Tracer } from '../core/trace.ts';
import type { CallEnd } from '../ledger/ledger-ports.ts';
import type { LlmCall } from '../llm/llm-wire.ts';
import type { CallTarget, Inbound, RpcRequest } from '../mcp/mcp-wire.ts';
import type { Exchange } from './exchange.ts';

/** What a request to a model is called in traces: the address that is its own format's. */
const ROUTES: Readonly<Record<string, string>> = {
  'chat/generate': '/v1/chat/completions',
  'chat/embed': '/v1/embeddings',
  'responses/generate': '/v1/responses',
  'responses/count-tokens': '/v1/responses/input_tokens',
  'messages/generate': '/v1/messages',
  'messages/count-tokens': '/v1/messages/count_tokens',
  'gemini/generate': '/v1beta/models/{model}:generateContent',
  'gemini/count-tokens': '/v1beta/models/{model}:countTokens',
  'gemini/embed': '/v1beta/models/{model}:embedContent',
  'gemini/embed-batch': '/v1beta/models/{model}:batchEmbedContents',
};

/** The trace that a request over HTTP belongs to. */
function traceOf({ headers }: Exchange): TraceContext | undefined {
  return headers['traceparent'] === undefined ? undefined : readTraceContext((name) => headers[name]);
}

/** The span of a request to a model. `model`: its entry in `model_list`. */
export function startLlmSpan(
  tracer: Tracer,
  call: LlmCall,
  model: string | undefined,
  exchange: Exchange,
): Span {
  const parent = traceOf(exchange);
  if (!tracer.isOn) return passedOn(parent);
  const { format, operation } = call.route;
  const route = ROUTES[`${format}/${operation}`] ?? `/${format}/${operation}`;
  return tracer.start({
    name: `POST ${route}`,
    kind: 'server',
    parent,
    attributes: {
      'http.request.method': 'POST',
      'http.route': route,
      'lanport.call': exchange.requestId,
      'lanport.model': model,
      'lanport.stream': call.isStream,
    },
  });
}

export interface McpSpanFacts {
  readonly id: string;
  readonly request: RpcRequest;
  /** As the client calls what it asks for. */
  readonly name: string;
  readonly target: CallTarget | undefined;
  readonly inbound: Inbound;
  readonly exchange: Exchange;
  /** Of the request to a model that causes the call. */
  readonly cause: TraceContext | undefined;
}

/**
 * The span of one request of a client to a server (Semantic conventions for MCP, "Server"). What its `_meta` says counts more than the headers of
 * the HTTP request that it came with.
 */
export function startMcpSpan(tracer: Tracer, facts: McpSpanFacts): Span {
  const { request, target, inbound, exchange, cause } = facts;
  const meta = request.params?.child('_meta');
  const own = meta?.has('traceparent') === true ? readTraceContext((name) => meta.string(name)) : undefined;
  const parent = cause ?? own ?? traceOf(exchange);
  if (!tracer.isOn) return passedOn(parent);
  return tracer.start({
    // Names that stand for nothing are the client's own text.
    name: target === undefined ? methodOf(request.method) : spanName(request.method, facts.name, target),
    kind: cause === undefined ? 'server' : 'internal',
    parent,
    attributes: {
      ...mcpAttributes(request.method, target === undefined ? undefined : facts.name),
      'mcp.protocol.version': inbound.revision,
      'lanport.call': facts.id,
      'lanport.server': target?.server,
    },
  });
}

/** The span of the same request on its way to its server (Semantic conventions for MCP, "Client"). */
export function startUpstreamSpan(
  tracer: Tracer,
  target: CallTarget,
  parent: TraceContext | undefined,
): Span {
  if (!tracer.isOn) return passedOn(parent);
  const { method, originalName, server } = target;
  return tracer.start({
    name: spanName(method, originalName, target),
    kind: 'client',
    parent,
    attributes: { ...mcpAttributes(method, originalName), 'lanport.server': server },
  });
}

/** Says on a call's span what the ledger has of its end. */
export function endCallSpan(tracer: Tracer, span: Span, end: CallEnd): void {
  if (!tracer.isOn) return;
  span.set({
    'lanport.status': end.status,
    'lanport.cost': end.cost,
    'lanport.attempts': end.attempts,
    'lanport.deployment': end.deployment,
  });
  span.end(errorTypeOf(end));
}

/** The class of what went wrong; a tool's own error has a name in the conventions. */
export function errorTypeOf({
  status,
  errorCode,
}: Pick<CallEnd, 'status' | 'errorCode'>): string | undefined {
  if (status === 'ok') return undefined;
  return status === 'tool-error' ? 'tool_error' : (errorCode ?? status);
}

const KNOWN_METHOD = /^[a-z]{1,20}(?:\/[a-zA-Z_]{1,30}){0,2}$/;

function methodOf(method: string): string {
  return KNOWN_METHOD.test(method) ? method : 'request';
}

/** Tools and prompts are few; URIs are not. */
function spanName(method: string, name: string | undefined, { tool }: CallTarget): string {
  const isNamed = tool !== undefined || method === 'prompts/get';
  return isNamed && name !== undefined ? `${method} ${name}` : methodOf(method);
}

function mcpAttributes(method: string, name: string | undefined): Record<string, string | undefined> {
  return {
    'mcp.method.name': methodOf(method),
    'gen_ai.operation.name': method === 'tools/call' ? 'execute_tool' : undefined,
    'gen_ai.tool.name': method === 'tools/call' ? name : undefined,
    'gen_ai.prompt.name': method === 'prompts/get' ? name : undefined,
  };
}
