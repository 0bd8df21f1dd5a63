import type { Principal } from '../auth/authenticate.ts';
import { GatewayError } from '../core/errors.ts';
import { invalid, LlmFailure, type ResponseState, writeFailure } from '../llm/llm-wire.ts';
import type { Exchange } from './exchange.ts';

export interface HandleResponseDeps {
  readonly state: ResponseState;
  readonly authenticate: (exchange: Exchange, isGemini: boolean) => Principal;
}

/** `GET` and `DELETE /v1/responses/{id}`, and its input items (OpenAI, Responses): answers that were kept for this key. */
export async function handleResponse(
  exchange: Exchange,
  route: { readonly id: string; readonly part: 'response' | 'input_items' },
  { state, authenticate }: HandleResponseDeps,
): Promise<void> {
  const { id: keyId } = authenticate(exchange, false); // 401, 403
  try {
    const query = new URLSearchParams(exchange.query ?? '');
    if (exchange.method === 'GET')
      send(
        exchange,
        route.part === 'response'
          ? await kept(route.id, keyId, query, state)
          : pageOf(await state.inputItems(route.id, keyId), query),
      );
    else if (exchange.method === 'DELETE' && route.part === 'response') {
      await state.remove(route.id, keyId);
      send(exchange, { id: route.id, object: 'response', deleted: true });
    } else throw new GatewayError('method-not-allowed', { method: exchange.method, path: exchange.path });
  } catch (error) {
    if (!(error instanceof LlmFailure)) throw error;
    const { status, headers, body } = writeFailure(error, 'responses');
    exchange.send(status, headers, body);
  }
}

async function kept(
  id: string,
  keyId: string,
  query: URLSearchParams,
  state: ResponseState,
): Promise<object> {
  if (query.get('stream') === 'true')
    throw invalid('stream must be false: answers that are kept are sent whole', 'stream');
  return state.get(id, keyId);
}

/** OpenAI shows so many items at once, at least and at most, and so many where it is not asked for more. */
const ITEMS_MIN = 1;
const ITEMS_MAX = 100;
const ITEMS_DEFAULT = 20;

/** A page of the items, the newest first unless the client asks otherwise (OpenAI, "List input items"). Throws LlmFailure. */
export function pageOf(items: readonly unknown[], query: URLSearchParams): object {
  const limit = Number(query.get('limit') ?? ITEMS_DEFAULT);
  if (!Number.isInteger(limit) || limit < ITEMS_MIN || limit > ITEMS_MAX)
    throw invalid(`limit must be a whole number from ${ITEMS_MIN} to ${ITEMS_MAX}`, 'limit');
  const order = query.get('order') ?? 'desc';
  if (order !== 'asc' && order !== 'desc') throw invalid('order must be asc or desc', 'order');
  const all = order === 'asc' ? items : items.toReversed();
  const after = query.get('after');
  const from = after === null ? 0 : all.findIndex((item) => idOf(item) === after) + 1;
  if (after !== null && from === 0) throw invalid('after names no item of this answer', 'after');
  const data = all.slice(from, from + limit);
  return {
    object: 'list',
    data,
    first_id: idOf(data[0]),
    last_id: idOf(data.at(-1)),
    has_more: from + limit < all.length,
  };
}

function idOf(item: unknown): string | null {
  return typeof item === 'object' && item !== null && 'id' in item ? String(item.id) : null;
}

function send(exchange: Exchange, value: object): void {
  exchange.send(200, undefined, Buffer.from(JSON.stringify(value)));
}
