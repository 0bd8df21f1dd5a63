import type { ResponseTable } from '../store/store-ports.ts';
import type { Log } from '../telemetry/log.ts';

const EVERY_MS = 60 * 60_000;

/** Deletes expired answers now and then; returns the way to stop it. */
export function purgeResponses(responses: ResponseTable, log: Log): () => void {
  const purge = (): void => {
    responses.purge().catch((error: unknown) => log.warn('expired answers could not be deleted', { error }));
  };
  purge();
  const timer = setInterval(purge, EVERY_MS).unref();
  return () => clearInterval(timer);
}
