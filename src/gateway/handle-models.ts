import type { Principal } from '../auth/authenticate.ts';
import { GatewayError } from '../core/errors.ts';
import type { Llm } from '../llm/llm.ts';
import { type EntryTool, type ListShape, writeEntry, writeList } from '../llm/llm-wire.ts';
import type { Verdict } from '../policy/rights.ts';
import type { Exchange } from './exchange.ts';
import { refuse, type RefusalDeps } from './llm-refusal.ts';

export interface HandleModelsDeps extends RefusalDeps {
  readonly llm: Llm;
  readonly authenticate: (exchange: Exchange, isGemini: boolean) => Principal;
  readonly judge: (principal: Principal, model: string) => Verdict;
  /** The tools of MCP servers that a principal may use. */
  readonly tools: (exchange: Exchange, principal: Principal) => Promise<readonly EntryTool[]>;
}

/** What is asked for: the list of a client's API or one model of it, or what is known of the deployments. */
export interface ModelsRoute {
  readonly model: string | undefined;
  readonly api: 'v1' | 'gemini' | 'info';
}

const FORMATS = { openai: 'chat', codex: 'responses', anthropic: 'messages', gemini: 'gemini' } as const;

/** `GET /v1/models`, which is several APIs, `GET /v1beta/models`, the address of one model, and `GET /model/info`: what the key may use. */
export async function handleModels(
  exchange: Exchange,
  route: ModelsRoute,
  deps: HandleModelsDeps,
): Promise<void> {
  const query = new URLSearchParams(exchange.query ?? '');
  const shape = shapeOf(exchange, route, query);
  try {
    if (exchange.method !== 'GET' && exchange.method !== 'HEAD')
      throw new GatewayError('method-not-allowed', { method: exchange.method, path: exchange.path });
    const principal = deps.authenticate(exchange, shape === 'gemini'); // 401, 403
    const answer = await read(route, shape, query, principal, exchange, deps); // 400, 404
    exchange.send(200, undefined, Buffer.from(JSON.stringify(answer)));
  } catch (error) {
    refuse(error, FORMATS[shape], exchange, deps);
  }
}

/** Anthropic's clients say their version, Google's their key or themselves (since 3.0 they ask under `/v1`, too), and Codex its own version. */
function shapeOf(exchange: Exchange, { api }: ModelsRoute, query: URLSearchParams): ListShape {
  if (api === 'gemini') return 'gemini';
  if (api === 'info') return 'openai';
  const { headers } = exchange;
  if (headers['anthropic-version'] !== undefined) return 'anthropic';
  if (headers['x-goog-api-key'] !== undefined || headers['x-goog-api-client'] !== undefined) return 'gemini';
  return query.has('client_version') ? 'codex' : 'openai';
}

async function read(
  { api, model }: ModelsRoute,
  shape: ListShape,
  query: URLSearchParams,
  principal: Principal,
  exchange: Exchange,
  { llm, judge, tools }: HandleModelsDeps,
): Promise<object> {
  const { catalog } = llm;
  const isAllowed = (name: string): boolean => judge(principal, name).allowed;
  if (api === 'info')
    return {
      data: catalog.info(isAllowed, principal.kind !== 'virtual', query.get('litellm_model_id') ?? undefined),
    };
  const offered = shape === 'openai' ? await tools(exchange, principal) : [];
  const shown = offered.length === 0 ? undefined : offered;
  if (model === undefined) return writeList(catalog.entries(shape, isAllowed), shape, query, shown);
  const entry = isAllowed(model) ? catalog.entry(model) : undefined;
  if (entry === undefined) throw new GatewayError('model-unknown', { model: model.slice(0, 200) });
  return writeEntry(entry, shape, shown);
}
