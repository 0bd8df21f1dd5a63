import { createReadStream } from 'node:fs';
import { mkdir, readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { LedgerRecord, LedgerStore } from '../store/store-ports.ts';
import type { Log } from '../telemetry/log.ts';

const BATCH_ROWS = 500;

/** Names of the spool's files, oldest first. */
export async function segmentsIn(folder: string): Promise<string[]> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  return (await readdir(folder)).filter((name) => name.endsWith('.jsonl')).sort();
}

/** Brings what these files hold into the store, in order, and deletes each file when all of it is there. Returns the records. */
export async function replay(folder: string, names: readonly string[], store: LedgerStore, log: Log): Promise<number> {
  let count = 0;
  for (const name of names) {
    const path = join(folder, name);
    let batch: LedgerRecord[] = [];
    let torn = 0;
    for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY })) {
      const record = parse(line);
      if (record === undefined) torn++;
      else batch.push(record);
      if (batch.length >= BATCH_ROWS) {
        await store.append(batch);
        count += batch.length;
        batch = [];
      }
    }
    if (batch.length > 0) await store.append(batch);
    count += batch.length;
    if (torn > 0) log.warn('the spool had lines that were never written whole; their calls were never made', { file: path, lines: torn });
    await unlink(path);
  }
  return count;
}

function parse(line: string): LedgerRecord | undefined {
  try {
    return JSON.parse(line) as LedgerRecord;
  } catch {
    return undefined;
  }
}
