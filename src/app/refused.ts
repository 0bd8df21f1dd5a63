import type { ErrorCode } from '../core/errors.ts';
import type { Exchange } from '../gateway/exchange.ts';
import type { Refusal } from '../ledger/refusals.ts';

const CLIENT_CHARACTERS_MAX = 200;

/** Errors with which requests are denied before anybody asks for their key, or for names that it may not use. */
const AT_THE_DOOR: ReadonlySet<string> = new Set<ErrorCode>([
  'origin-forbidden',
  'host-forbidden',
  'server-unknown',
]);

/** Whether a request was denied with such an error. */
export function isRefusedAtTheDoor(code: string): boolean {
  return AT_THE_DOOR.has(code);
}

/** A request that was not let in, for the ledger. */
export function refusalOf(exchange: Exchange, surface: string, code: string, address: string): Refusal {
  const { method, path, headers } = exchange;
  return {
    code,
    surface,
    method,
    path,
    address,
    client: headers['user-agent']?.slice(0, CLIENT_CHARACTERS_MAX),
  };
}
