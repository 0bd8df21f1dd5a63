import { type FieldDef, type QueryResult, types as standard } from 'pg';
import Cursor from 'pg-cursor';
import { MASKED } from './masking.ts';
import type { Session } from './session.ts';

export interface RowCaps {
  readonly rowsMax: number;
  /** UTF-8 bytes of all cells together. */
  readonly bytesMax: number;
  /** UTF-16 units of one cell. */
  readonly cellCharactersMax: number;
}

export interface ReadRows {
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  readonly rows: readonly (readonly unknown[])[];
  /** There were more rows than were read. */
  readonly moreRows: boolean;
  /** Cells that were longer than they are shown. */
  readonly cutCells: number;
  /** Rows that a writing statement changed. */
  readonly affectedRows: number | undefined;
}

const FIRST_BATCH_ROWS = 10;
const BATCH_ROWS_MAX = 200;
const BATCH_BYTES = 1024 * 1024;

const BOOLEAN = 16;
const BIGINT = 20;
/** int2, int4, oid. */
const INTEGERS: ReadonlySet<number> = new Set([21, 23, 26]);
const FLOATS: ReadonlySet<number> = new Set([700, 701]);
const JSON_TYPES: ReadonlySet<number> = new Set([114, 3802]);
/** bool[], int2[], int4[], text[], varchar[], name[]. */
const ARRAYS: ReadonlySet<number> = new Set([1000, 1005, 1007, 1009, 1015, 1003]);

/** How a column's text becomes JSON: only where nothing is lost. Everything else stays the text that PostgreSQL prints. */
function parserOf(oid: number): (text: string) => unknown {
  if (oid === BOOLEAN) return (text) => text === 't';
  if (INTEGERS.has(oid)) return Number;
  if (oid === BIGINT) return (text) => (Number.isSafeInteger(Number(text)) ? Number(text) : text);
  if (FLOATS.has(oid)) return (text) => (Number.isFinite(Number(text)) ? Number(text) : text);
  if (JSON_TYPES.has(oid)) return parseJson;
  if (ARRAYS.has(oid)) return standard.getTypeParser(oid) as (text: string) => unknown;
  return (text) => text;
}

/** JSON whose numbers a double might not hold stays text. */
function parseJson(text: string): unknown {
  if (/\d{16}|\d[eE][+-]?\d{3}/.test(text)) return text;
  return JSON.parse(text) as unknown;
}

/**
 * Runs one statement on the extended protocol, which carries only one, and reads up to the caps after leaving out `skipRows`. With
 * `toEnd` what is beyond the caps is still read and dropped: only at its end does a statement tell how many rows it changed. Rejects with
 * what PostgreSQL says.
 */
export async function readRows(
  session: Session,
  sql: string,
  caps: RowCaps,
  typeNames: ReadonlyMap<number, string>,
  skipRows = 0,
  toEnd = false,
): Promise<ReadRows> {
  const config = { rowMode: 'array', types: { getTypeParser: parserOf } };
  const cursor = new Cursor<unknown[]>(sql, [], config as never);
  // A cursor knows nothing of COPY; without these, the answer to one would end the process.
  const noCopy = (): void => session.cut('it copies data, and rows are expected');
  Object.assign(cursor, { handleCopyInResponse: noCopy, handleCopyData: noCopy });
  session.client.query(cursor);
  const kept = new Keeper(caps, skipRows);
  let last: QueryResult | undefined;
  let masked: readonly number[] | undefined;
  let batchRows = FIRST_BATCH_ROWS;
  let arrived = 0;
  try {
    for (;;) {
      if (kept.full && !toEnd) break;
      session.nextBatch();
      const { rows, result } = await readBatch(cursor, batchRows);
      last = result ?? last;
      // The first answer says what the columns are; without it nothing may be shown.
      masked ??= maskedColumns(session, last);
      arrived += rows.length;
      for (const row of rows) kept.add(hide(row, masked));
      if (rows.length < batchRows) break;
      const rowBytes = Math.max(1, session.nextBatch() / rows.length);
      batchRows = Math.max(1, Math.min(BATCH_ROWS_MAX, Math.floor(BATCH_BYTES / rowBytes)));
    }
  } finally {
    // After a failure the connection is dealt with by whoever holds it.
    await cursor.close().catch(() => undefined);
  }
  const fields: readonly FieldDef[] = last?.fields ?? [];
  return {
    columns: fields.map(({ name, dataTypeID }) => ({
      name,
      type: typeNames.get(dataTypeID) ?? `type ${dataTypeID}`,
    })),
    rows: kept.rows,
    moreRows: kept.full,
    cutCells: kept.cutCells,
    // Of a statement that is read in batches the server counts the last batch alone.
    affectedRows: fields.length > 0 ? arrived : (last?.rowCount ?? undefined),
  };
}

/** Places of the columns that are masked. */
function maskedColumns({ mask }: Session, result: QueryResult | undefined): readonly number[] {
  if (result === undefined) throw new Error('the driver gave rows without their columns');
  return result.fields.map((field, at) => (mask.hides(field) ? at : -1)).filter((at) => at >= 0);
}

function hide(row: readonly unknown[], masked: readonly number[]): readonly unknown[] {
  return masked.length === 0
    ? row
    : row.map((cell, at) => (cell !== null && masked.includes(at) ? MASKED : cell));
}

function readBatch(
  cursor: Cursor<unknown[]>,
  count: number,
): Promise<{ readonly rows: unknown[][]; readonly result: QueryResult | undefined }> {
  return new Promise((resolve, reject) => {
    // A cursor that was read to its end calls back without a result.
    cursor.read(
      count,
      (error: Error | null | undefined, rows: unknown[][], result: QueryResult | undefined) => {
        if (error === undefined || error === null) resolve({ rows, result });
        else reject(error);
      },
    );
  });
}

/** Rows within the caps. Full once a row did not fit. */
class Keeper {
  readonly rows: unknown[][] = [];
  full = false;
  cutCells = 0;
  readonly #caps: RowCaps;
  #skip: number;
  #bytes = 0;

  constructor(caps: RowCaps, skip: number) {
    this.#caps = caps;
    this.#skip = skip;
  }

  add(row: readonly unknown[]): void {
    if (this.full) return;
    if (this.#skip > 0) {
      this.#skip--;
      return;
    }
    if (this.rows.length >= this.#caps.rowsMax) {
      this.full = true;
      return;
    }
    const cells = row.map((cell) => this.#cell(cell));
    const bytes = Buffer.byteLength(JSON.stringify(cells));
    // One row is always given: it cannot grow beyond columns times cell size.
    if (this.#bytes + bytes > this.#caps.bytesMax && this.rows.length > 0) {
      this.full = true;
      return;
    }
    this.#bytes += bytes;
    this.rows.push(cells);
  }

  #cell(cell: unknown): unknown {
    const max = this.#caps.cellCharactersMax;
    const text =
      typeof cell === 'string' ? cell : typeof cell === 'object' && cell !== null ? JSON.stringify(cell) : '';
    if (text.length <= max) return cell;
    this.cutCells++;
    return `${text.slice(0, max).toWellFormed()}… [cut: ${text.length} characters in all]`;
  }
}
