import { BOUNDS, type Bounds } from '../core/bounds.ts';
import type { Secret } from '../core/secret.ts';
import type { Log } from '../telemetry/log.ts';
import { openNoneStore } from './none/none-store.ts';
import { type EmbeddedPostgres, startEmbedded } from './pg/embedded.ts';
import { openPgStore } from './pg/pg-store.ts';
import type { Store } from './store-ports.ts';

export type StoreMode =
  | { readonly kind: 'embedded'; readonly dataFolder: string }
  | { readonly kind: 'external'; readonly url: Secret }
  | { readonly kind: 'none'; readonly dataFolder: string };

export interface OpenedStore {
  readonly store: Store;
  /** The server itself, when it is our own: further databases can be made on it. */
  readonly embedded: EmbeddedPostgres | undefined;
}

/** Opens the store that the mode asks for, migrated and ready. Rejects with one sentence that says what to do. */
export async function openStore(
  mode: StoreMode,
  log: Log,
  { responseStateBytesMax: responseBytesPerKeyMax }: Pick<Bounds, 'responseStateBytesMax'> = BOUNDS,
): Promise<OpenedStore> {
  switch (mode.kind) {
    case 'none':
      return { store: openNoneStore(mode.dataFolder, responseBytesPerKeyMax), embedded: undefined };
    case 'external': {
      const url = mode.url.reveal();
      const { host, pathname } = new URL(url);
      const store = await openPgStore({
        kind: 'external',
        describe: `PostgreSQL at ${host}${pathname}`,
        connection: { connectionString: url },
        log,
        responseBytesPerKeyMax,
      });
      return { store, embedded: undefined };
    }
    case 'embedded': {
      const embedded = await startEmbedded(mode.dataFolder, log);
      const store = await openPgStore({
        kind: 'embedded',
        describe: 'embedded PostgreSQL',
        connection: embedded.connection('postgres'),
        log,
        responseBytesPerKeyMax,
        owner: embedded,
      });
      return { store, embedded };
    }
  }
}
