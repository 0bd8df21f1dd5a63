import { GatewayError } from '../core/errors.ts';
import type { AdminCaller, AdminDeps, AdminExchange, AdminPrincipal } from './admin-ports.ts';
import { answerError } from './error-answer.ts';
import type { Operation } from './operation.ts';
import { reachOf, requireRight } from './rights.ts';
import type { AdminRoute } from './router.ts';

/** A request to the operator API: method, key, who may, input, operation, answer. Never rejects. */
export async function handleAdmin(
  exchange: AdminExchange,
  route: AdminRoute,
  caller: AdminCaller,
  deps: AdminDeps,
): Promise<void> {
  try {
    const operation = operationOf(exchange, route); // 405
    const principal = operation.who === 'everybody' ? NOBODY : caller.authenticate(); // 401, 403
    const reach = reachOf(principal, deps.keys);
    requireRight(operation.who, operation.method, reach); // 403
    const by = `${principal.alias ?? principal.id} from ${caller.address}`;
    const answer = await operation.run(
      exchange,
      { params: route.params, principal, reach, by, caller },
      deps,
    );
    exchange.send(200, undefined, Buffer.from(`${JSON.stringify(answer)}\n`));
  } catch (error) {
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
