import type { Principal } from '../auth/authenticate.ts';
import { GatewayError } from '../core/errors.ts';
import type { Llm } from '../llm/llm.ts';
import type { Verdict } from '../policy/rights.ts';
import type { Exchange } from './exchange.ts';

export interface HandleModelsDeps {
  readonly llm: Llm;
  readonly authenticate: (exchange: Exchange, isGemini: boolean) => Principal;
  readonly judge: (principal: Principal, model: string) => Verdict;
  /** Seconds since the Unix epoch when the models were read. */
  readonly since: number;
}

/** `GET /v1/models` and the address of one model: what the key may use. */
export function handleModels(exchange: Exchange, model: string | undefined, deps: HandleModelsDeps): void {
  if (exchange.method !== 'GET' && exchange.method !== 'HEAD')
    throw new GatewayError('method-not-allowed', { method: exchange.method, path: exchange.path });
  const principal = deps.authenticate(exchange, exchange.path.startsWith('/v1beta/')); // 401, 403
  const usable = deps.llm.names.filter((name) => deps.judge(principal, name).allowed);
  const entries = usable.map((id) => ({ id, object: 'model', created: deps.since, owned_by: 'lanport' }));
  if (model === undefined) {
    send(exchange, { object: 'list', data: entries });
    return;
  }
  const one = entries.find(({ id }) => id === model);
  if (one === undefined) throw new GatewayError('model-unknown', { model: model.slice(0, 200) });
  send(exchange, one);
}

function send(exchange: Exchange, value: unknown): void {
  exchange.send(200, undefined, Buffer.from(JSON.stringify(value)));
}
