import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import type { Closing, LedgerStore, OrphanCall, WriterIdentity } from '../../src/store/store-ports.ts';
import type { CallEnd, LedgerRecord } from '../../src/store/call-records.ts';

/** What a file store holds of one call. */
export interface KeptCall {
  readonly writer: string | undefined;
  readonly ends: readonly CallEnd[];
}

/**
 * A store for tests in one file, which survives `kill -9`: every batch is one write. It keeps the contract (idempotent, all or nothing)
 * and rejects some batches, before or after it has stored them, as `fails` says.
 */
export class LedgerFileStore implements LedgerStore {
  readonly isChained = true;
  readonly #path: string;
  readonly #fails: () => 'no' | 'before' | 'after';
  readonly #calls = new Map<string, { writer: string | undefined; ends: CallEnd[] }>();

  constructor(path: string, fails: () => 'no' | 'before' | 'after' = () => 'no') {
    this.#path = path;
    this.#fails = fails;
    if (!existsSync(path)) return;
    for (const line of readFileSync(path, 'utf8').split('\n')) {
      // A batch is a line of its own, so that one cut by a kill never counts.
      if (line.endsWith(']')) for (const record of JSON.parse(line) as LedgerRecord[]) this.#apply(record);
    }
  }

  get calls(): ReadonlyMap<string, KeptCall> {
    return this.#calls;
  }

  async append(records: readonly LedgerRecord[]): Promise<void> {
    const fails = this.#fails();
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    if (fails === 'before') throw new Error('the store is away');
    this.#write(records);
    if (fails === 'after') throw new Error('the connection broke after the commit');
  }

  recent(): Promise<[]> {
    return Promise.resolve([]);
  }

  accepts(): Promise<void> {
    return this.#fails() === 'no' ? Promise.resolve() : Promise.reject(new Error('the store is away'));
  }

  tip(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  beat(): Promise<void> {
    return Promise.resolve();
  }

  orphans(by: WriterIdentity): Promise<readonly OrphanCall[]> {
    const open = [...this.#calls].filter(([, call]) => call.writer !== by.writer && call.ends.length === 0);
    return Promise.resolve(open.map(([id]) => ({ id, startedAt: 0 })));
  }

  close(closings: readonly Closing[]): Promise<number> {
    const open = closings.filter(({ call }) => this.#calls.get(call.id)?.ends.length === 0);
    const ends = open.map(({ end, writer }): LedgerRecord => ({ phase: 'ended', writer, seq: 0, end }));
    if (ends.length > 0) this.#write(ends);
    return Promise.resolve(ends.length);
  }

  #write(records: readonly LedgerRecord[]): void {
    appendFileSync(this.#path, `\n${JSON.stringify(records)}\n`);
    for (const record of records) this.#apply(record);
  }

  #apply(record: LedgerRecord): void {
    const id = record.phase === 'received' ? record.start.id : record.end.id;
    let call = this.#calls.get(id);
    if (call === undefined) this.#calls.set(id, (call = { writer: undefined, ends: [] }));
    if (record.phase === 'received') call.writer = record.writer;
    else if (!call.ends.some((end) => JSON.stringify(end) === JSON.stringify(record.end)))
      call.ends.push(record.end);
  }
}
