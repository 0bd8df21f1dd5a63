import { randomBytes } from 'node:crypto';
import {
  appendFileSync,
  existsSync,
  fsyncSync,
  openSync,
  closeSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { JsonBuilder, jsonOf } from '../record-json.ts';
import type {
  CallEnd,
  CatalogRow,
  CatalogTable,
  InstanceSecrets,
  LedgerRecord,
  LedgerRow,
  LedgerStore,
  Store,
} from '../store-ports.ts';
import { fileSpend } from './file-spend.ts';
import { responseMemory } from './response-memory.ts';
import { toolHistoryFile } from './tool-history-file.ts';

const LINE_FEED = 0x0a;
const FILE_BYTES_MAX = 16 * 1024 * 1024;
const FILES_MAX = 64;

/** The store without a database: catalogue and secrets as files, the ledger as rotated JSON lines, answers in memory. */
export function openNoneStore(folder: string, responseBytesPerKeyMax: number): Store {
  mkdirSync(folder, { recursive: true });
  return {
    kind: 'none',
    catalog: catalogFile(join(folder, 'catalog.json')),
    toolHistory: toolHistoryFile(join(folder, 'tool-history.json'), (path, text) =>
      replaceFile(path, text, 0o644),
    ),
    responses: responseMemory(responseBytesPerKeyMax),
    ledger: new FileLedgerStore(join(folder, 'ledger')),
    spend: fileSpend(join(folder, 'ledger')),
    secrets: secretsFile(join(folder, 'secrets.json')),
    health: () => Promise.resolve({ ok: true, detail: `no database; state is in ${folder}` }),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

function catalogFile(path: string): CatalogTable {
  const rows = new Map<string, CatalogRow>();
  const read = (): void => {
    if (rows.size > 0 || !existsSync(path)) return;
    for (const row of JSON.parse(readFileSync(path, 'utf8')) as readonly CatalogRow[])
      rows.set(row.server, row);
  };
  const write = (): void => replaceFile(path, JSON.stringify([...rows.values()]), 0o644);
  return {
    loadAll: () => {
      read();
      return Promise.resolve([...rows.values()].sort((a, b) => (a.server < b.server ? -1 : 1)));
    },
    save: (row) => {
      read();
      rows.set(row.server, row);
      write();
      return Promise.resolve();
    },
    remove: (server) => {
      read();
      if (rows.delete(server)) write();
      return Promise.resolve();
    },
  };
}

function secretsFile(path: string): InstanceSecrets {
  return {
    getOrCreate: (name, bytes) => {
      const known: Record<string, string> = existsSync(path)
        ? (JSON.parse(readFileSync(path, 'utf8')) as Record<string, string>)
        : {};
      const value = known[name] ?? randomBytes(bytes).toString('base64');
      if (known[name] === undefined) replaceFile(path, JSON.stringify({ ...known, [name]: value }), 0o600);
      return Promise.resolve(Buffer.from(value, 'base64'));
    },
  };
}

/** Writes a file whole or not at all. */
function replaceFile(path: string, text: string, mode: number): void {
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, text, { mode });
  const file = openSync(draft, 'r+');
  fsyncSync(file);
  closeSync(file);
  renameSync(draft, path);
}

/** Ledger records as JSON lines in files of bounded size and number; the oldest file goes first. */
class FileLedgerStore implements LedgerStore {
  readonly #folder: string;
  #current: string | undefined;
  /** Whether the current file is known to end in a whole line. */
  #whole = false;

  constructor(folder: string) {
    this.#folder = folder;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  }

  append(records: readonly LedgerRecord[]): Promise<void> {
    const path = this.#file();
    const lines = new JsonBuilder();
    // A crash may have left half a line; what follows must not be glued to it.
    if (!this.#whole && existsSync(path) && !endsWithNewline(path)) lines.byte(LINE_FEED);
    this.#whole = true;
    for (const record of records) {
      lines.json(jsonOf(record));
      lines.byte(LINE_FEED);
    }
    appendFileSync(path, lines.build(), { flag: 'a', mode: 0o600 });
    const file = openSync(path, 'r+');
    fsyncSync(file);
    closeSync(file);
    return Promise.resolve();
  }

  recent(query: { readonly limit: number; readonly beforeId?: string }): Promise<readonly LedgerRow[]> {
    const rows = [...this.#rows().values()].sort((a, b) => (a.id < b.id ? 1 : -1));
    const from = query.beforeId === undefined ? rows : rows.filter((row) => row.id < query.beforeId!);
    return Promise.resolve(from.slice(0, query.limit));
  }

  async closeOrphans(exceptWriter: string, endedAt: number): Promise<number> {
    const writers = new Map<string, string>();
    const rows = this.#rows(writers);
    const open = [...rows.values()].filter(
      (row) => row.status === undefined && writers.get(row.id) !== exceptWriter,
    );
    const ends = open.map(
      ({ id }, seq): LedgerRecord => ({
        phase: 'ended',
        writer: exceptWriter,
        seq: -seq - 1,
        end: {
          id,
          endedAt,
          status: 'unknown',
          errorCode: 'gateway-died',
          totalMs: 0,
          upstreamMs: undefined,
          bytesOut: 0,
          promptTokens: undefined,
          completionTokens: undefined,
          cost: undefined,
        },
      }),
    );
    if (ends.length > 0) await this.append(ends);
    return open.length;
  }

  #rows(writers: Map<string, string> = new Map()): Map<string, LedgerRow> {
    const rows = new Map<string, LedgerRow>();
    const ends = new Map<string, CallEnd>();
    for (const name of this.#names()) {
      for (const line of readFileSync(join(this.#folder, name), 'utf8').split('\n')) {
        const record = parse(line);
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

  #file(): string {
    const names = this.#names();
    this.#current ??= names.at(-1);
    const path = this.#current === undefined ? undefined : join(this.#folder, this.#current);
    if (path !== undefined && existsSync(path) && statSync(path).size < FILE_BYTES_MAX) return path;
    const last = Number(names.at(-1)?.slice(7, 15) ?? 0);
    this.#current = `ledger-${String(last + 1).padStart(8, '0')}.jsonl`;
    for (const name of names.slice(0, Math.max(0, names.length + 1 - FILES_MAX)))
      unlinkSync(join(this.#folder, name));
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

function parse(line: string): LedgerRecord | undefined {
  if (line === '') return undefined;
  try {
    return JSON.parse(line) as LedgerRecord;
  } catch {
    // A line that was cut by a crash.
    return undefined;
  }
}
