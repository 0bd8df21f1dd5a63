import type {
  AccountEvent,
  AccountRow,
  AccountTable,
  AccountWatching,
  AccountWrite,
} from '../../src/store/account-ports.ts';

/** A table in memory that behaves as PostgreSQL does, for what needs a clock of its own or a store that goes away. */
export class MemoryAccounts implements AccountTable {
  readonly isWritable = true;
  readonly rows = new Map<string, AccountRow>();
  readonly #listeners = new Set<(event: AccountEvent) => void>();
  /** While set, nothing can be read or written. */
  failure: Error | undefined;
  /** Called once, before the next change is made. */
  beforeChange: (() => void) | undefined;
  /** What a watcher is answered who asks whether it has been told everything. */
  heard: () => Promise<void> = async () => undefined;
  loads = 0;

  async *parts(kind: AccountRow['kind']): AsyncGenerator<readonly AccountRow[]> {
    this.#check();
    yield [...this.rows.values()].filter((row) => row.kind === kind);
  }

  async load(kind: AccountRow['kind'], ids: readonly string[]): Promise<readonly AccountRow[]> {
    this.#check();
    this.loads++;
    return ids.flatMap((id) => this.rows.get(`${kind} ${id}`) ?? []);
  }

  async change(writes: readonly AccountWrite[]): ReturnType<AccountTable['change']> {
    this.#check();
    const before = this.beforeChange;
    this.beforeChange = undefined;
    before?.();
    const stale = writes.some(
      (one) => one.op === 'replace' && this.rows.get(nameOf(one.row))?.version !== one.row.version,
    );
    if (stale) return { outcome: 'stale' };
    for (const one of writes) {
      if (one.op !== 'insert') continue;
      const others = [...this.rows.values()].filter((row) => row.kind === one.row.kind);
      if (others.some((row) => row.id === one.row.id)) return { outcome: 'taken', what: 'id' };
      if (
        one.row.kind === 'key' &&
        others.some((row) => row.alias !== undefined && row.alias === one.row.alias)
      )
        return { outcome: 'taken', what: 'alias' };
    }
    for (const one of writes) this.write(one);
    return { outcome: 'kept' };
  }

  /** Makes a change as another process would. */
  write(one: AccountWrite): void {
    if (one.op === 'remove') {
      for (const id of one.ids)
        if (this.rows.delete(`${one.kind} ${id}`)) this.tell({ kind: one.kind, id, version: 0 });
      return;
    }
    const version = one.op === 'insert' ? 1 : one.row.version + 1;
    this.rows.set(nameOf(one.row), { ...one.row, version });
    this.tell({ kind: one.row.kind, id: one.row.id, version });
  }

  watch(listener: (event: AccountEvent) => void): AccountWatching {
    this.#listeners.add(listener);
    listener({ kind: 'all' });
    return {
      heard: () => this.heard(),
      [Symbol.asyncDispose]: async () => void this.#listeners.delete(listener),
    };
  }

  tell(event: AccountEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  #check(): void {
    if (this.failure !== undefined) throw this.failure;
  }
}

function nameOf(row: AccountRow): string {
  return `${row.kind} ${row.id}`;
}
