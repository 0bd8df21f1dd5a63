import { randomBytes } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { CatalogRow, CatalogTable, InstanceSecrets, Store } from '../store-ports.ts';
import { FileArchive } from './file-archive.ts';
import { FileLedgerStore } from './file-ledger-store.ts';
import { FileSpend } from './file-spend.ts';
import { FileSums } from './file-sums.ts';
import { noAccounts } from './no-accounts.ts';
import { responseMemory } from './response-memory.ts';
import { toolHistoryFile } from './tool-history-file.ts';

/** The store without a database: catalogue and secrets as files, the ledger as rotated JSON lines, answers in memory. */
export function openNoneStore(folder: string, responseBytesPerKeyMax: number): Store {
  mkdirSync(folder, { recursive: true });
  const ledger = new FileLedgerStore(join(folder, 'ledger'));
  return {
    kind: 'none',
    catalog: catalogFile(join(folder, 'catalog.json')),
    toolHistory: toolHistoryFile(join(folder, 'tool-history.json'), (path, text) =>
      replaceFile(path, text, 0o644),
    ),
    responses: responseMemory(responseBytesPerKeyMax),
    accounts: noAccounts(),
    ledger,
    spend: new FileSpend(() => ledger.rows(), new FileSums(join(folder, 'ledger'))),
    bodies: undefined,
    deployments: undefined,
    runs: undefined,
    archive: new FileArchive(join(folder, 'ledger')),
    secrets: secretsFile(join(folder, 'secrets.json')),
    backup: undefined,
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
