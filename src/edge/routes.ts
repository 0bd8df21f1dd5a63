import { type AdminRoute, adminRoute } from '../admin/router.ts';

/** Where a path leads. `names` narrows the scope to these servers, aliases or access groups. */
export type Route =
  | { readonly kind: 'mcp'; readonly names: readonly string[] | undefined }
  | { readonly kind: 'sse'; readonly names: readonly string[] | undefined }
  | { readonly kind: 'messages' }
  | { readonly kind: 'mcp-rest'; readonly operation: 'list' | 'call' }
  | {
      readonly kind: 'llm';
      readonly format: 'chat' | 'responses' | 'messages' | 'gemini';
      readonly operation: 'generate' | 'count-tokens' | 'embed' | 'embed-batch';
      /** In addresses that name it. */
      readonly model: string | undefined;
      readonly isStream: boolean | undefined;
    }
  | { readonly kind: 'response'; readonly id: string; readonly part: 'response' | 'input_items' }
  | { readonly kind: 'models'; readonly model: string | undefined; readonly api: 'v1' | 'gemini' | 'info' }
  | { readonly kind: 'health'; readonly probe: 'all' | 'liveness' | 'readiness' }
  | ({ readonly kind: 'admin' } & AdminRoute)
  | { readonly kind: 'metrics' }
  | { readonly kind: 'backup' }
  | { readonly kind: 'status' }
  | { readonly kind: 'oauth' }
  | { readonly kind: 'unknown' };

const MCP: Route = { kind: 'mcp', names: undefined };
const UNKNOWN: Route = { kind: 'unknown' };

type LlmKind = Extract<Route, { kind: 'llm' }>;

function llm(format: LlmKind['format'], operation: LlmKind['operation']): Route {
  return { kind: 'llm', format, operation, model: undefined, isStream: undefined };
}

/** Gemini's verbs (Gemini API, "All methods"). */
const VERBS: Readonly<Record<string, Pick<LlmKind, 'operation' | 'isStream'>>> = {
  generateContent: { operation: 'generate', isStream: false },
  streamGenerateContent: { operation: 'generate', isStream: true },
  countTokens: { operation: 'count-tokens', isStream: false },
  embedContent: { operation: 'embed', isStream: false },
  batchEmbedContents: { operation: 'embed-batch', isStream: false },
};

const FIXED: ReadonlyMap<string, Route> = new Map<string, Route>([
  ['/mcp', MCP],
  ['/sse', { kind: 'sse', names: undefined }],
  ['/messages', { kind: 'messages' }],
  ['/mcp-rest/tools/list', { kind: 'mcp-rest', operation: 'list' }],
  ['/mcp-rest/tools/call', { kind: 'mcp-rest', operation: 'call' }],
  ['/v1/chat/completions', llm('chat', 'generate')],
  ['/chat/completions', llm('chat', 'generate')],
  ['/v1/embeddings', llm('chat', 'embed')],
  ['/embeddings', llm('chat', 'embed')],
  ['/v1/responses', llm('responses', 'generate')],
  ['/responses', llm('responses', 'generate')],
  ['/v1/responses/input_tokens', llm('responses', 'count-tokens')],
  ['/v1/messages', llm('messages', 'generate')],
  ['/v1/messages/count_tokens', llm('messages', 'count-tokens')],
  ['/anthropic/v1/messages', llm('messages', 'generate')],
  ['/anthropic/v1/messages/count_tokens', llm('messages', 'count-tokens')],
  ['/v1/models', { kind: 'models', model: undefined, api: 'v1' }],
  ['/models', { kind: 'models', model: undefined, api: 'v1' }],
  ['/v1beta/models', { kind: 'models', model: undefined, api: 'gemini' }],
  ['/model/info', { kind: 'models', model: undefined, api: 'info' }],
  ['/v1/model/info', { kind: 'models', model: undefined, api: 'info' }],
  ['/health', { kind: 'health', probe: 'all' }],
  ['/health/liveliness', { kind: 'health', probe: 'liveness' }],
  ['/health/liveness', { kind: 'health', probe: 'liveness' }],
  ['/health/readiness', { kind: 'health', probe: 'readiness' }],
  ['/metrics', { kind: 'metrics' }],
  ['/v1/backup', { kind: 'backup' }],
  ['/', { kind: 'status' }],
]);

/** Whether a route is served over a WebSocket, too. */
export function takesSocket(route: Route): boolean {
  return route.kind === 'llm' && route.format === 'responses' && route.operation === 'generate';
}

/** Finds the route of a path; a trailing slash makes no difference, and nothing is ever redirected. */
export function routeOf(path: string): Route {
  const trimmed = path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
  const fixed = FIXED.get(trimmed);
  if (fixed !== undefined) return fixed;
  // Clients look for it before the path of the endpoint, and after it (2025-11-25, Authorization, "Authorization Server Metadata Discovery").
  if (trimmed.includes('/.well-known/') || trimmed === '/register') return { kind: 'oauth' };
  const parts = trimmed.slice(1).split('/');
  if (parts[0] === 'mcp' && parts[1] === 'sse' && parts.length === 2)
    return { kind: 'sse', names: undefined };
  if (parts[0] === 'mcp' && parts.length >= 2) return scoped('mcp', parts[1]!);
  if (parts.length === 2 && parts[1] === 'mcp') return scoped('mcp', parts[0]!);
  if (parts.length === 2 && parts[1] === 'sse') return scoped('sse', parts[0]!);
  if (parts.length >= 3 && (parts[0] === 'v1' || parts[0] === 'v1beta') && parts[1] === 'models')
    return modelRoute(decode(parts.slice(2).join('/')), parts[0] === 'v1' ? 'v1' : 'gemini');
  const at = parts[0] === 'v1' ? 1 : 0;
  if (parts[at] === 'responses' && parts.length === at + 2)
    return { kind: 'response', id: decode(parts[at + 1]!), part: 'response' };
  if (parts[at] === 'responses' && parts.length === at + 3 && parts[at + 2] === 'input_items')
    return { kind: 'response', id: decode(parts[at + 1]!), part: 'input_items' };
  const admin = adminRoute(trimmed);
  return admin === undefined ? UNKNOWN : { kind: 'admin', ...admin };
}

/** A model's own address, or one of Gemini's verbs behind it. */
function modelRoute(text: string, api: 'v1' | 'gemini'): Route {
  const colon = text.lastIndexOf(':');
  const verb = colon < 0 ? undefined : VERBS[text.slice(colon + 1)];
  return verb === undefined
    ? { kind: 'models', model: text, api }
    : { kind: 'llm', format: 'gemini', model: text.slice(0, colon), ...verb };
}

function scoped(kind: 'mcp' | 'sse', text: string): Route {
  const names = decode(text)
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  return names.length === 0 ? UNKNOWN : { kind, names };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
