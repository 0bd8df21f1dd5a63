import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { LanportConfig } from '../config/load.ts';
import type { Clock } from '../core/clock.ts';
import type { Scope } from '../core/scope.ts';
import { type ChainKey, chainKey, chainKeyFile } from '../ledger/chain-key.ts';
import { createLedger } from '../ledger/ledger.ts';
import type { Ledger, LedgerRun } from '../ledger/ledger-ports.ts';
import { type Purged, Retention } from '../ledger/retention.ts';
import type { Store } from '../store/store-ports.ts';
import type { Log } from '../telemetry/log.ts';

/** What the ledger is opened with. */
export interface LedgerDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  /** Hears of what was removed because it was old. */
  readonly onPurged: (what: Purged) => void;
}

/** Opens the ledger, and what looks after its days, which is started by whom it is given to; both are closed with `scope`. */
export async function openLedger(
  config: Pick<LanportConfig, 'ledger' | 'limits'>,
  dataFolder: string,
  scope: Scope,
  { store, clock, log, onPurged }: LedgerDeps,
): Promise<{ readonly ledger: Ledger & LedgerRun; readonly retention: Retention; readonly key: ChainKey }> {
  const folder = join(dataFolder, 'ledger');
  const key = config.ledger.key === undefined ? chainKeyFile(folder) : chainKey(config.ledger.key.reveal());
  const ledger = await createLedger({
    store: store.ledger,
    folder,
    key,
    writer: `${Date.now().toString(36)}-${randomUUID().slice(0, 8)}`,
    clock,
    log,
    bounds: {
      memoryRowsMax: config.limits.ledgerMemoryRowsMax,
      diskBytesMax: config.limits.ledgerDiskBytesMax,
    },
  });
  scope.add('ledger', () => ledger[Symbol.asyncDispose]());
  const retention = new Retention({
    ...config.ledger,
    archive: store.archive,
    folder,
    key,
    clock,
    log,
    onPurged,
  });
  scope.add('retention', () => retention[Symbol.asyncDispose]());
  return { ledger, retention, key };
}
