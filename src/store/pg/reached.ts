import { GatewayError } from '../../core/errors.ts';

/** SQLSTATE of answers that say that the server does not serve: shutting down or starting, connection lost, no more connections. */
const NOT_SERVING = /^(?:57P|08|53)/;

/** What was asked of the database for somebody who waits for it. Rejects with `store-away` where it gave no answer; a refusal stays what it is. */
export async function reached<T>(asked: Promise<T>): Promise<T> {
  try {
    return await asked;
  } catch (error) {
    const { severity, code } = error as { readonly severity?: unknown; readonly code?: unknown };
    if (severity !== undefined && !NOT_SERVING.test(String(code))) throw error;
    throw new GatewayError('store-away', {}, { cause: error });
  }
}
