import type { ErrorCode } from '../core/errors.ts';
import type { Exchange } from '../gateway/exchange.ts';
import type { Refusal } from '../ledger/refusals.ts';

const CLIENT_CHARACTERS_MAX = 200;

/** Errors with which requests are denied before anybody asks for their key, or for names that it may not use. */
export const REFUSED_AT_THE_DOOR: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'origin-forbidden',
  'host-forbidden',
  'server-unknown',
]);

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
