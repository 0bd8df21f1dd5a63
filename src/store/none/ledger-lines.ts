import { type FileHandle, open } from 'node:fs/promises';
import type { LedgerRecord } from '../call-records.ts';

const LINE_FEED = 0x0a;
const READ_BYTES = 1024 * 1024;

/**
 * Records of a ledger file from a byte on, part after part; whoever else wants to run may do so between them. `through` is the end of the last whole
 * line: what a crash has cut, or is being written, comes with the next reading. A file that is gone has none.
 */
export async function* recordsIn(
  path: string,
  from = 0,
): AsyncGenerator<{ readonly records: readonly LedgerRecord[]; readonly through: number }> {
  let file: FileHandle;
  try {
    file = await open(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  try {
    let rest: Buffer = Buffer.alloc(0);
    let position = from;
    for (;;) {
      const chunk = Buffer.allocUnsafe(READ_BYTES);
      const { bytesRead } = await file.read(chunk, 0, READ_BYTES, position);
      position += bytesRead;
      const bytes = Buffer.concat([rest, chunk.subarray(0, bytesRead)]);
      // The last line may be whole, and only its line feed be missing.
      const isLast = bytesRead === 0;
      const end =
        isLast && parseLine(bytes.toString()) !== undefined ? bytes.length : bytes.lastIndexOf(LINE_FEED) + 1;
      const records = bytes
        .toString('utf8', 0, end)
        .split('\n')
        .flatMap((line) => parseLine(line) ?? []);
      rest = bytes.subarray(end);
      if (end > 0) yield { records, through: position - rest.length };
      if (isLast) return;
    }
  } finally {
    await file.close();
  }
}

/** A line as a record; `undefined`: a crash has cut it. */
export function parseLine(line: string): LedgerRecord | undefined {
  if (line === '') return undefined;
  try {
    return JSON.parse(line) as LedgerRecord;
  } catch {
    return undefined;
  }
}
