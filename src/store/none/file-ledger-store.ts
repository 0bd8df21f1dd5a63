import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  statSync,
  unlinkSync,
} from 'node:fs';
import { open as openFile } from 'node:fs/promises';
import { join } from 'node:path';
import { JsonBuilder, jsonOf } from '../record-json.ts';
import type { Closing, LedgerStore, OrphanCall, WriterIdentity } from '../store-ports.ts';
import type { CallEnd, LedgerRecord, LedgerRow } from '../call-records.ts';
import { parseLine } from './ledger-lines.ts';

const FILE_BYTES_MAX = 16 * 1024 * 1024;
const FILES_MAX = 64;

/** How large a file gets, and how many there are at most. */
export interface FileBounds {
  readonly fileBytesMax: number;
  readonly filesMax: number;
}

/** Ledger records as JSON lines in files of bounded size and number; the oldest file goes first. */
export class FileLedgerStore implements LedgerStore {
  readonly isChained = false;
  readonly #folder: string;
  readonly #fileBytesMax: number;
  readonly #filesMax: number;
  #current: string | undefined;
  /** Of the current file. */
  #bytes = 0;
  /** Whether the current file is known to end in a whole line. */
  #whole = false;

  constructor(
    folder: string,
    { fileBytesMax, filesMax }: FileBounds = { fileBytesMax: FILE_BYTES_MAX, filesMax: FILES_MAX },
  ) {
    this.#folder = folder;
    this.#fileBytesMax = fileBytesMax;
    this.#filesMax = filesMax;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  }

  /** Waits for the disk without holding up anything else. */
  async append(records: readonly LedgerRecord[]): Promise<void> {
    const lines = new JsonBuilder();
    const path = this.#file();
    // A crash may have left half a line; what follows must not be glued to it.
    if (!this.#whole && existsSync(path) && !endsWithNewline(path)) lines.text('\n');
    this.#whole = true;
    for (const record of records) {
      lines.record(jsonOf(record));
      lines.text('\n');
    }
    const bytes = lines.build();
    const file = await openFile(path, 'a', 0o600);
    try {
      await file.appendFile(bytes);
      await file.datasync();
    } catch (error) {
      this.#whole = false;
      throw error;
    } finally {
      await file.close();
    }
    this.#bytes += bytes.length;
  }

  recent(query: { readonly limit: number; readonly beforeId?: string }): Promise<readonly LedgerRow[]> {
    const rows = [...this.rows().values()].sort((a, b) => (a.id < b.id ? 1 : -1));
    const from = query.beforeId === undefined ? rows : rows.filter((row) => row.id < query.beforeId!);
    return Promise.resolve(from.slice(0, query.limit));
  }

  accepts(): Promise<void> {
    return Promise.resolve();
  }

  tip(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  beat(): Promise<void> {
    return Promise.resolve();
  }

  /** The folder has one owner: every other writer has ended. */
  orphans(by: WriterIdentity, _silentMs: number, limit: number): Promise<readonly OrphanCall[]> {
    const writers = new Map<string, string>();
    const open = [...this.rows(writers).values()].filter(
      ({ id, status }) => status === undefined && writers.get(id) !== by.writer,
    );
    return Promise.resolve(open.slice(0, limit).map(({ id, startedAt }) => ({ id, startedAt })));
  }

  async close(closings: readonly Closing[]): Promise<number> {
    const rows = this.rows();
    const open = closings.filter(({ call }) => rows.get(call.id)?.status === undefined);
    const ends = open.map(({ end, writer }): LedgerRecord => ({ phase: 'ended', writer, seq: 0, end }));
    if (ends.length > 0) await this.append(ends);
    return open.length;
  }

  /** Every call that is kept, by its id. `writers` gets whose it is. */
  rows(writers: Map<string, string> = new Map()): Map<string, LedgerRow> {
    const rows = new Map<string, LedgerRow>();
    const ends = new Map<string, CallEnd>();
    for (const name of this.#names()) {
      for (const line of readFileSync(join(this.#folder, name), 'utf8').split('\n')) {
        const record = parseLine(line);
        if (record?.phase === 'received') {
          rows.set(record.start.id, record.start);
          writers.set(record.start.id, record.writer);
        } else if (record?.phase === 'ended' && (ends.get(record.end.id)?.status ?? 'unknown') === 'unknown')
          ends.set(record.end.id, record.end);
      }
    }
    for (const [id, end] of ends) {
      const row = rows.get(id);
      if (row !== undefined) rows.set(id, { ...row, ...end });
    }
    return rows;
  }

  #names(): string[] {
    return readdirSync(this.#folder)
      .filter((name) => name.endsWith('.jsonl'))
      .sort();
  }

  /** The file that is appended to. */
  #file(): string {
    if (this.#current === undefined) {
      this.#current = this.#names().at(-1);
      if (this.#current !== undefined) this.#bytes = statSync(join(this.#folder, this.#current)).size;
    }
    if (this.#current === undefined || this.#bytes >= this.#fileBytesMax) {
      const names = this.#names();
      const last = Number(names.at(-1)?.slice(7, 15) ?? 0);
      this.#current = `ledger-${String(last + 1).padStart(8, '0')}.jsonl`;
      this.#bytes = 0;
      for (const name of names.slice(0, Math.max(0, names.length + 1 - this.#filesMax)))
        unlinkSync(join(this.#folder, name));
    }
    return join(this.#folder, this.#current);
  }
}

function endsWithNewline(path: string): boolean {
  const { size } = statSync(path);
  if (size === 0) return true;
  const file = openSync(path, 'r');
  try {
    const last = Buffer.alloc(1);
    readSync(file, last, 0, 1, size - 1);
    return last[0] === 0x0a;
  } finally {
    closeSync(file);
  }
}
