import { GatewayError } from '../core/errors.ts';
import type { Act } from '../ledger/audit.ts';
import type { AdminCaller, AdminDeps, AdminExchange, AdminPrincipal } from './admin-ports.ts';
import type { Operation } from './operation.ts';
import { requireRight } from './rights.ts';
import type { Reach } from './who.ts';

const CLIENT_CHARACTERS_MAX = 200;

/** Who asks for which operation, for the ledger. */
export function actOf(
  { requestId, headers }: AdminExchange,
  { method, path }: Operation,
  principal: AdminPrincipal,
  { address }: AdminCaller,
): Act {
  return {
    id: requestId,
    operation: `${method} ${path}`,
    keyId: principal.id,
    keyAlias: principal.alias,
    user: principal.user,
    team: principal.team,
    address,
    client: headers['user-agent']?.slice(0, CLIENT_CHARACTERS_MAX),
  };
}

/** Throws `admin-only` when a key that reaches so far may not ask; the ledger has a row of it then. */
export function allow(act: Act, { who, method }: Operation, reach: Reach, { acts }: AdminDeps): void {
  try {
    requireRight(who, method, reach);
  } catch (error) {
    if (error instanceof GatewayError)
      acts.note({ ...act, denied: `${who} only` }, { errorCode: error.code });
    throw error;
  }
}

/** Whether the ledger gets a row: what changes something, and who reads what was recorded. */
function isRecorded({ isRecorded: said, method, group }: Operation): boolean {
  return said ?? (method !== 'GET' || group === 'Spend' || group === 'Ledger');
}

/** Does it, with a row of the ledger that is durable before and tells afterwards what was done. Rejects with `ledger-unavailable` when it cannot be recorded. */
export async function recorded(
  act: Act,
  operation: Operation,
  { query }: AdminExchange,
  deps: AdminDeps,
  work: (deps: AdminDeps) => Promise<void>,
): Promise<void> {
  if (!isRecorded(operation)) return work(deps);
  const end = await deps.acts.begin(act); // 503
  const done: unknown[] = [];
  let errorCode: string | undefined;
  try {
    await work({
      ...deps,
      audit: (action, principal, details) => {
        done.push({ action, ...details });
        deps.audit(action, principal, details);
      },
    });
  } catch (error) {
    errorCode = error instanceof GatewayError ? error.code : 'internal';
    throw error;
  } finally {
    end({ errorCode, details: { ...queryOf(query), ...(done.length === 0 ? {} : { done }) } });
  }
}

/** Parameters of a query that hold keys. */
const KEYS = /^(?:key|api_key|token|hashed_token)$/;

/** What was asked for, without keys. */
function queryOf(query: string | undefined): { readonly query?: Record<string, string> } {
  const asked = [...new URLSearchParams(query ?? '')].filter(([name]) => !KEYS.test(name));
  return asked.length === 0 ? {} : { query: Object.fromEntries(asked) };
}
