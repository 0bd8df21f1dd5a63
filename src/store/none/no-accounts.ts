import { GatewayError } from '../../core/errors.ts';
import type { AccountTable } from '../account-ports.ts';

/** Keeps no keys, users and teams: those of the configuration are all there are. */
export function noAccounts(): AccountTable {
  return {
    isWritable: false,
    parts: async function* () {
      // There are none.
    },
    load: async () => [],
    change: () => Promise.reject(new GatewayError('database-missing')),
    watch: () => ({ heard: async () => undefined, [Symbol.asyncDispose]: async () => undefined }),
  };
}
