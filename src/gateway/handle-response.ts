import type { Principal } from '../auth/authenticate.ts';
import { GatewayError } from '../core/errors.ts';
import { LlmFailure, type ResponseState, writeFailure } from '../llm/llm-wire.ts';
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
    if (exchange.method === 'GET')
      send(
        exchange,
        route.part === 'response' ? await state.get(route.id, keyId) : await items(route.id, keyId, state),
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

async function items(id: string, keyId: string, state: ResponseState): Promise<object> {
  const data = await state.inputItems(id, keyId);
  const idOf = (item: unknown): string | null =>
    typeof item === 'object' && item !== null && 'id' in item ? String(item.id) : null;
  return { object: 'list', data, first_id: idOf(data[0]), last_id: idOf(data.at(-1)), has_more: false };
}

function send(exchange: Exchange, value: object): void {
  exchange.send(200, undefined, Buffer.from(JSON.stringify(value)));
}
