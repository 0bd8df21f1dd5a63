import type { Clock } from '../core/clock.ts';
import { SEAL_SECRET_BYTES } from '../core/seal.ts';
import type { InstanceSecrets } from '../store/store-ports.ts';
import type { Log } from '../telemetry/log.ts';

/** How often it is looked whether a new month has begun, in milliseconds. */
const LOOK_MS = 60 * 60_000;

export interface SealSecrets {
  /** The first seals, all open. */
  readonly secrets: readonly Uint8Array[];
  close(): void;
}

/**
 * The secrets that seal session ids and the state of calls. Each calendar month (UTC) has its own; those of the month before and after are
 * good too, so that a session lives on over the change, and processes need not change at the same moment.
 */
export async function openSealSecrets(store: InstanceSecrets, clock: Clock, log: Log): Promise<SealSecrets> {
  const load = async (): Promise<readonly Uint8Array[]> => {
    const now = new Date(clock.now());
    const secrets: Uint8Array[] = [];
    for (const shift of [0, -1, 1]) {
      const month = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + shift, 1));
      secrets.push(await store.getOrCreate(`seal-${month.toISOString().slice(0, 7)}`, SEAL_SECRET_BYTES));
    }
    return secrets;
  };
  let secrets = await load();
  const timer = setInterval(() => {
    load().then(
      (loaded) => {
        secrets = loaded;
      },
      (error: unknown) => log.warn('the secret of this month cannot be read; the old one is used', { error }),
    );
  }, LOOK_MS).unref();
  return {
    get secrets() {
      return secrets;
    },
    close: () => clearInterval(timer),
  };
}
