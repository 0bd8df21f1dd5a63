import { GatewayError } from '../core/errors.ts';
import type { AdminCaller, AdminDeps, AdminExchange, AdminPrincipal } from './admin-ports.ts';
import { answerError } from './error-answer.ts';
import type { Operation } from './operation.ts';
import { actOf, allow, recorded } from './recorded.ts';
import { reachOf } from './rights.ts';
import type { AdminRoute } from './router.ts';
import { StreamBroken, StreamedAnswer } from './streamed-answer.ts';

/** A request to the operator API: method, key, who may, input, operation, answer. Never rejects. */
export async function handleAdmin(
  exchange: AdminExchange,
  route: AdminRoute,
  caller: AdminCaller,
  deps: AdminDeps,
): Promise<void> {
  try {
    const operation = operationOf(exchange, route); // 405
    // What was changed at another gateway before counts here: the key of the request, and what it asks for.
    if (operation.who !== 'everybody') await deps.keys.catchUp();
    if (exchange.isGone) return;
    const principal = operation.who === 'everybody' ? NOBODY : caller.authenticate(); // 401, 403
    const reach = operation.who === 'everybody' ? 'own' : reachOf(principal, deps.keys);
    const act = actOf(exchange, operation, principal, caller);
    allow(act, operation, reach, deps); // 403
    await recorded(act, operation, exchange, deps, async (audited) => {
      const by = `${principal.alias ?? principal.id} from ${caller.address}`;
      const asked = { params: route.params, principal, reach, by, caller };
      const answer = await operation.run(exchange, asked, audited);
      if (answer instanceof StreamedAnswer) await answer.send(exchange);
      else exchange.send(200, undefined, Buffer.from(`${JSON.stringify(answer)}\n`));
    }); // 503
  } catch (error) {
    if (error instanceof StreamBroken) {
      deps.log.warn('an answer broke off', { request: exchange.requestId, error });
      return;
    }
    answerError(error, exchange, Object.keys(route.operations), deps.log);
  }
}

const NOBODY: AdminPrincipal = {
  id: 'nobody',
  kind: 'virtual',
  alias: undefined,
  user: undefined,
  team: undefined,
};

function operationOf({ method, path }: AdminExchange, { operations }: AdminRoute): Operation {
  const asked = method === 'HEAD' ? 'GET' : method;
  for (const [name, operation] of Object.entries(operations)) if (name === asked) return operation;
  throw new GatewayError('method-not-allowed', { method, path });
}
