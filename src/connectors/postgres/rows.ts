import type { PoolClient, QueryResult } from 'pg';
import Cursor from 'pg-cursor';

export interface RowCaps {
  readonly rowsMax: number;
  /** Bytes of all cells together. */
  readonly bytesMax: number;
  readonly cellCharactersMax: number;
}

export interface ReadRows {
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  readonly rows: readonly (readonly unknown[])[];
  /** Set when there were more rows, or longer cells, than the caps allow. */
  readonly truncated: boolean;
}

const BATCH_ROWS = 100;

/** Types whose text JSON can carry as a number or truth value without loss. */
const NATIVE: ReadonlyMap<number, (text: string) => unknown> = new Map<number, (text: string) => unknown>([
  [16, (text) => text === 't'],
  [21, Number],
  [23, Number],
  [26, Number],
  [114, parseJson],
  [3802, parseJson],
]);

/** Everything else stays the text that PostgreSQL prints: exact numbers, dates and times included. */
const TYPES = { getTypeParser: (oid: number) => NATIVE.get(oid) ?? ((text: string) => text) };

/** Runs one statement through the extended protocol, which carries only one, and reads up to the caps. */
export async function readRows(client: PoolClient, sql: string, values: readonly unknown[], caps: RowCaps, typeNames: ReadonlyMap<number, string>): Promise<ReadRows> {
  const cursor = client.query(new Cursor<unknown[]>(sql, [...values], { rowMode: 'array', types: TYPES }));
  const rows: unknown[][] = [];
  let bytes = 0;
  let truncated = false;
  let fields: QueryResult['fields'] = [];
  try {
    for (;;) {
      const batch = await read(cursor, Math.min(BATCH_ROWS, caps.rowsMax + 1 - rows.length));
      fields = batch.fields ?? fields;
      for (const row of batch.rows) {
        if (rows.length >= caps.rowsMax || bytes >= caps.bytesMax) {
          truncated = true;
          break;
        }
        const cells = row.map((cell) => {
          const kept = cap(cell, caps.cellCharactersMax);
          if (kept !== cell) truncated = true;
          bytes += typeof kept === 'string' ? kept.length : 8;
          return kept;
        });
        rows.push(cells);
      }
      if (truncated && (rows.length >= caps.rowsMax || bytes >= caps.bytesMax)) break;
      if (batch.rows.length === 0) break;
    }
  } finally {
    await cursor.close().catch(() => undefined);
  }
  return { columns: fields.map((field) => ({ name: field.name, type: typeNames.get(field.dataTypeID) ?? `oid ${field.dataTypeID}` })), rows, truncated };
}

function read(cursor: Cursor<unknown[]>, count: number): Promise<{ rows: unknown[][]; fields: QueryResult['fields'] | undefined }> {
  return new Promise((resolve, reject) => {
    // A cursor that was read to its end calls back without a result.
    cursor.read(count, (error: Error | null | undefined, rows: unknown[][], result: QueryResult | undefined) => (error === undefined || error === null ? resolve({ rows, fields: result?.fields }) : reject(error)));
  });
}

function cap(cell: unknown, max: number): unknown {
  const text = typeof cell === 'string' ? cell : typeof cell === 'object' && cell !== null ? JSON.stringify(cell) : undefined;
  if (text === undefined || text.length <= max) return cell;
  return `${text.slice(0, max)}… [cut: ${text.length} characters]`;
}

/** JSON whose numbers a double cannot hold stays text. */
function parseJson(text: string): unknown {
  if (/\d{16}/.test(text)) return text;
  return JSON.parse(text) as unknown;
}
