import type { Clock } from '../core/clock.ts';
import type { AccountTable } from '../store/account-ports.ts';
import type { KeyRecord } from './account-records.ts';
import { AccountSync, type KeysLog } from './account-sync.ts';
import { accountWriter } from './account-writer.ts';
import type { KeyDirectory } from './key-directory.ts';
import { keyOperations, type OperationDeps } from './key-operations.ts';
import { type ConfiguredRing, createKeyRing, type KeyRing } from './key-ring.ts';
import { layeredRing } from './layered-ring.ts';
import { teamOperations } from './team-operations.ts';
import { userOperations } from './user-operations.ts';

/** What the directory needs. */
export interface KeyDirectoryDeps {
  readonly table: AccountTable;
  readonly clock: Clock;
  readonly log: KeysLog;
}

/** The directory while the gateway runs. Who opens it closes it. */
export interface OpenDirectory extends KeyDirectory, AsyncDisposable {
  /** The keys of a configuration with those of the store below them, whatever changes there. */
  ring(configured: ConfiguredRing): KeyRing;
  /** From now on, these are the keys of the configuration that are found and listed, and that no other key may equal. */
  useConfigured(configured: ConfiguredRing): void;
  /** Calls `listener` after keys, users or teams changed, here or elsewhere, and when keys expired: who was let in may not be any more. */
  onChange(listener: () => void): () => void;
}

/** After a change, before it is looked up what ends next, in milliseconds: many changes follow each other. */
const LOOK_MS = 500;
/** Longest wait of a timer, in milliseconds. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/** Opens it; never rejects: without the store, the keys of the configuration count until it is back. */
export async function openKeyDirectory({ table, clock, log }: KeyDirectoryDeps): Promise<OpenDirectory> {
  let generation = 1;
  /** Until when those who listen know what has ended. */
  let toldAt = clock.now();
  let configured = createKeyRing({ masterKey: undefined, keys: [] });
  let looking: NodeJS.Timeout | undefined;
  let ending: NodeJS.Timeout | undefined;
  const listeners = new Set<() => void>();
  const changed = (): void => {
    generation++;
    toldAt = clock.now();
    for (const listener of listeners) listener();
    clearTimeout(ending);
    looking ??= setTimeout(look, LOOK_MS).unref();
  };
  const look = (): void => {
    looking = undefined;
    const end = nextEnd(deps, toldAt);
    if (end !== undefined)
      ending = setTimeout(changed, Math.min(TIMER_MS_MAX, Math.max(1, end - clock.now()))).unref();
  };
  const stopTimers = (): void => {
    clearTimeout(looking);
    clearTimeout(ending);
  };
  const sync = new AccountSync(table, log, changed);
  const deps: OperationDeps = {
    sync,
    write: accountWriter(table, sync),
    clock,
    configured: () => configured,
  };
  await sync.open();
  return {
    ...keyOperations(deps),
    ...userOperations(deps),
    ...teamOperations(deps),
    catchUp: () => sync.catchUp(),
    isWritable: table.isWritable,
    ring: (layer) => layeredRing(layer, { sync, generation: () => generation }),
    useConfigured: (layer) => {
      configured = layer;
      changed();
    },
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    [Symbol.asyncDispose]: async () => {
      listeners.clear();
      await sync[Symbol.asyncDispose]();
      stopTimers();
    },
  };
}

/** When, after `since`, the next key, former value, user or team stops working. */
function nextEnd({ sync: { index }, configured }: OperationDeps, since: number): number | undefined {
  let next = Number.POSITIVE_INFINITY;
  const look = (end: number | undefined): void => {
    if (end !== undefined && end > since && end < next) next = end;
  };
  const ends = (key: KeyRecord): void => {
    look(key.expires);
    for (const { until } of key.formerValues) look(until);
  };
  for (const { key } of configured().keys) ends(key);
  for (const kind of ['user', 'team'] as const) for (const { expires } of index.records(kind)) look(expires);
  for (const key of index.records('key')) ends(key);
  return next === Number.POSITIVE_INFINITY ? undefined : next;
}
