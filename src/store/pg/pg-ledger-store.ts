import type { Pool } from 'pg';
import { JsonBuilder, jsonOf } from '../record-json.ts';
import type { LedgerRecord, LedgerRow, LedgerStore, RecordJson } from '../store-ports.ts';
import { type CallRow, END_COLUMNS, START_COLUMNS, toRow } from './ledger-columns.ts';

const DAY_MS = 24 * 60 * 60 * 1_000;
const PARTITIONS_AHEAD = 3;

/** Records travel as one JSON text and are taken apart by the server: that costs this process a fraction of arrays, element by element. */
const fieldsOf = (columns: readonly (readonly [string, string, string])[]): string =>
  columns.map(([, type, field]) => `"${field}" ${type === 'moment' ? 'double precision' : type}`).join(', ');
const valueOf = (alias: string, [, type, field]: readonly [string, string, string]): string =>
  type === 'moment' ? `to_timestamp(${alias}."${field}" / 1000)` : `${alias}."${field}"`;

/** A start with, where it is known already, its end: one row written once. `$1` is an array of such pairs. */
const INSERT_TEXT = `INSERT INTO ledger_calls (writer, seq, ${[...START_COLUMNS, ...END_COLUMNS.slice(1)].map(([name]) => name).join(', ')})
    SELECT r->0->>'writer', (r->0->>'seq')::bigint, ${START_COLUMNS.map((column) => valueOf('s', column)).join(', ')}, ${END_COLUMNS.slice(
      1,
    )
      .map((column) => valueOf('e', column))
      .join(', ')}
    FROM jsonb_array_elements($1::jsonb) AS r, jsonb_to_record(r->0->'start') AS s(${fieldsOf(START_COLUMNS)}),
      jsonb_to_record(coalesce(r->1->'end', '{}')) AS e(${fieldsOf(END_COLUMNS)})
    ON CONFLICT (started_at, id) DO UPDATE SET ${END_COLUMNS.slice(1)
      .map(([name]) => `${name} = EXCLUDED.${name}`)
      .join(', ')}
    WHERE EXCLUDED.ended_at IS NOT NULL AND (ledger_calls.ended_at IS NULL OR ledger_calls.status = 'unknown')`;

/** Ends of calls whose starts came before. */
const updateText = (ends: string): string => `UPDATE ledger_calls AS c SET ${END_COLUMNS.slice(1)
  .map((column) => `${column[0]} = ${valueOf('e', column)}`)
  .join(', ')}
    FROM jsonb_array_elements(${ends}::jsonb) AS r, jsonb_to_record(r->'end') AS e(${fieldsOf(END_COLUMNS)})
    WHERE c.id = e.id AND (c.ended_at IS NULL OR c.status = 'unknown')`;

/** Each is one statement, so that it is all or nothing without a transaction around it. */
const INSERT = { name: 'ledger-insert', text: INSERT_TEXT };
const UPDATE = { name: 'ledger-update', text: updateText('$1') };
const BOTH = { name: 'ledger-both', text: `WITH inserted AS (${INSERT_TEXT}) ${updateText('$2')}` };

/** The ledger's table: batches in, pages out. */
export class PgLedgerStore implements LedgerStore {
  readonly #pool: Pool;
  #partitionsUntil = 0;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  async append(records: readonly LedgerRecord[]): Promise<void> {
    const { starts, ends } = pair(records);
    const newest = Math.max(starts[0]?.start.at ?? 0, starts.at(-1)?.start.at ?? 0);
    if (newest > this.#partitionsUntil - DAY_MS) await this.ensurePartitions(newest);
    const pairs = starts.length === 0 ? undefined : pairsJson(starts);
    const rest = ends.length === 0 ? undefined : endsJson(ends);
    if (pairs !== undefined && rest !== undefined) await this.#pool.query({ ...BOTH, values: [pairs, rest] });
    else if (pairs !== undefined) await this.#pool.query({ ...INSERT, values: [pairs] });
    else if (rest !== undefined) await this.#pool.query({ ...UPDATE, values: [rest] });
  }

  async recent(query: { readonly limit: number; readonly beforeId?: string }): Promise<readonly LedgerRow[]> {
    const { rows } = await this.#pool.query<CallRow>(
      'SELECT * FROM ledger_calls WHERE $2::uuid IS NULL OR id < $2::uuid ORDER BY started_at DESC, id DESC LIMIT $1',
      [query.limit, query.beforeId ?? null],
    );
    return rows.map(toRow);
  }

  async closeOrphans(exceptWriter: string, endedAt: number): Promise<number> {
    const { rowCount } = await this.#pool.query(
      "UPDATE ledger_calls SET ended_at = $2, status = 'unknown', error_code = 'gateway-died' WHERE ended_at IS NULL AND writer <> $1",
      [exceptWriter, new Date(endedAt)],
    );
    return rowCount ?? 0;
  }

  /** Makes the partitions of the day of `at` and the days after it. */
  async ensurePartitions(at: number): Promise<void> {
    const today = Math.floor(at / DAY_MS) * DAY_MS;
    for (let ahead = 0; ahead <= PARTITIONS_AHEAD; ahead++) {
      const from = new Date(today + ahead * DAY_MS).toISOString().slice(0, 10);
      const to = new Date(today + (ahead + 1) * DAY_MS).toISOString().slice(0, 10);
      await this.#pool.query(
        `CREATE TABLE IF NOT EXISTS ledger_calls_${from.replaceAll('-', '')} PARTITION OF ledger_calls FOR VALUES FROM ('${from} 00:00+00') TO ('${to} 00:00+00')`,
      );
    }
    this.#partitionsUntil = today + (PARTITIONS_AHEAD + 1) * DAY_MS;
  }
}

interface Pair {
  readonly start: RecordJson;
  end: RecordJson | undefined;
}

/** Puts ends to the starts that come with them; the first end of a call counts. The ends that are left have no start among them. */
function pair(records: readonly LedgerRecord[]): { starts: readonly Pair[]; ends: readonly RecordJson[] } {
  const starts = new Map<string, Pair>();
  for (const record of records) {
    if (record.phase !== 'received') continue;
    const start = jsonOf(record);
    if (!starts.has(start.id)) starts.set(start.id, { start, end: undefined });
  }
  const ends: RecordJson[] = [];
  for (const record of records) {
    if (record.phase !== 'ended') continue;
    const end = jsonOf(record);
    const known = starts.get(end.id);
    if (known === undefined) ends.push(end);
    else known.end ??= end;
  }
  return { starts: [...starts.values()], ends };
}

/** Of the binary form of jsonb (PostgreSQL, src/backend/utils/adt/jsonb.c, jsonb_recv): the version, then JSON text. */
const JSONB_VERSION = 1;
const [OPEN, CLOSE, COMMA, ZERO] = Buffer.from('[],0') as unknown as [number, number, number, number];

/** `[[start, end], …]`; the end is 0 where there is none yet. */
function pairsJson(pairs: readonly Pair[]): Buffer {
  const json = new JsonBuilder();
  json.byte(JSONB_VERSION);
  let before = OPEN;
  for (const { start, end } of pairs) {
    json.byte(before);
    json.byte(OPEN);
    json.json(start);
    json.byte(COMMA);
    if (end === undefined) json.byte(ZERO);
    else json.json(end);
    json.byte(CLOSE);
    before = COMMA;
  }
  json.byte(CLOSE);
  return json.build();
}

function endsJson(ends: readonly RecordJson[]): Buffer {
  const json = new JsonBuilder();
  json.byte(JSONB_VERSION);
  let before = OPEN;
  for (const end of ends) {
    json.byte(before);
    json.json(end);
    before = COMMA;
  }
  json.byte(CLOSE);
  return json.build();
}
