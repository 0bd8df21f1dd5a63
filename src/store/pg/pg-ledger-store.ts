import type { Pool } from 'pg';
import type { CallEnd, CallStart, LedgerRecord, LedgerRow, LedgerStore } from '../store-ports.ts';

const DAY_MS = 24 * 60 * 60 * 1_000;
const PARTITIONS_AHEAD = 3;

/** Columns of a start and of an end, in the order of the statements' arrays: name, type, and where the value stands. */
const START_COLUMNS: readonly (readonly [string, string, (start: CallStart) => unknown])[] = [
  ['id', 'uuid', (start) => start.id],
  ['started_at', 'timestamptz', (start) => new Date(start.startedAt)],
  ['kind', 'text', (start) => start.kind],
  ['operation', 'text', (start) => start.operation],
  ['key_id', 'text', (start) => start.keyId],
  ['key_alias', 'text', (start) => start.keyAlias],
  ['user_id', 'text', (start) => start.user],
  ['team', 'text', (start) => start.team],
  ['address', 'text', (start) => start.address],
  ['client', 'text', (start) => start.client],
  ['server', 'text', (start) => start.server],
  ['tool_name', 'text', (start) => start.toolName],
  ['original_name', 'text', (start) => start.originalName],
  ['model', 'text', (start) => start.model],
  ['decision', 'text', (start) => start.decision],
  ['rule', 'text', (start) => start.rule],
  ['bytes_in', 'bigint', (start) => start.bytesIn],
  ['trace_id', 'text', (start) => start.traceId],
];

const END_COLUMNS: readonly (readonly [string, string, (end: CallEnd) => unknown])[] = [
  ['id', 'uuid', (end) => end.id],
  ['ended_at', 'timestamptz', (end) => new Date(end.endedAt)],
  ['status', 'text', (end) => end.status],
  ['error_code', 'text', (end) => end.errorCode],
  ['total_ms', 'double precision', (end) => end.totalMs],
  ['upstream_ms', 'double precision', (end) => end.upstreamMs],
  ['bytes_out', 'bigint', (end) => end.bytesOut],
  ['prompt_tokens', 'bigint', (end) => end.promptTokens],
  ['completion_tokens', 'bigint', (end) => end.completionTokens],
  ['cost', 'double precision', (end) => end.cost],
];

const INSERT = {
  name: 'ledger-insert',
  text: `INSERT INTO ledger_calls (writer, seq, ${START_COLUMNS.map(([name]) => name).join(', ')})
    SELECT * FROM unnest($1::text[], $2::bigint[], ${START_COLUMNS.map(([, type], at) => `$${at + 3}::${type}[]`).join(', ')})
    ON CONFLICT (started_at, id) DO NOTHING`,
};

const UPDATE = {
  name: 'ledger-update',
  text: `UPDATE ledger_calls AS c SET ${END_COLUMNS.slice(1).map(([name]) => `${name} = e.${name}`).join(', ')}
    FROM unnest(${END_COLUMNS.map(([, type], at) => `$${at + 1}::${type}[]`).join(', ')}) AS e(${END_COLUMNS.map(([name]) => name).join(', ')})
    WHERE c.id = e.id AND (c.ended_at IS NULL OR c.status = 'unknown')`,
};

interface Row extends Record<string, unknown> {
  readonly id: string;
}

/** The ledger's table: batches in, pages out. */
export class PgLedgerStore implements LedgerStore {
  readonly #pool: Pool;
  #partitionsUntil = 0;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  async append(records: readonly LedgerRecord[]): Promise<void> {
    const starts = records.filter((record) => record.phase === 'received');
    const ends = records.filter((record) => record.phase === 'ended');
    const newest = starts.reduce((max, record) => Math.max(max, record.start.startedAt), 0);
    if (newest > this.#partitionsUntil - DAY_MS) await this.ensurePartitions(newest);
    const client = await this.#pool.connect();
    try {
      await client.query('BEGIN');
      if (starts.length > 0) {
        await client.query({ ...INSERT, values: [starts.map((record) => record.writer), starts.map((record) => record.seq), ...START_COLUMNS.map(([, , read]) => starts.map((record) => read(record.start)))] });
      }
      if (ends.length > 0) await client.query({ ...UPDATE, values: END_COLUMNS.map(([, , read]) => ends.map((record) => read(record.end))) });
      await client.query('COMMIT');
    } catch (error) {
      await client.query('ROLLBACK').catch(() => undefined);
      throw error;
    } finally {
      client.release();
    }
  }

  async recent(query: { readonly limit: number; readonly beforeId?: string }): Promise<readonly LedgerRow[]> {
    const { rows } = await this.#pool.query<Row>('SELECT * FROM ledger_calls WHERE $2::uuid IS NULL OR id < $2::uuid ORDER BY started_at DESC, id DESC LIMIT $1', [query.limit, query.beforeId ?? null]);
    return rows.map(toRow);
  }

  async closeOrphans(exceptWriter: string, endedAt: number): Promise<number> {
    const { rowCount } = await this.#pool.query("UPDATE ledger_calls SET ended_at = $2, status = 'unknown', error_code = 'gateway-died' WHERE ended_at IS NULL AND writer <> $1", [exceptWriter, new Date(endedAt)]);
    return rowCount ?? 0;
  }

  /** Makes the partitions of the day of `at` and the days after it. */
  async ensurePartitions(at: number): Promise<void> {
    const today = Math.floor(at / DAY_MS) * DAY_MS;
    for (let ahead = 0; ahead <= PARTITIONS_AHEAD; ahead++) {
      const from = new Date(today + ahead * DAY_MS).toISOString().slice(0, 10);
      const to = new Date(today + (ahead + 1) * DAY_MS).toISOString().slice(0, 10);
      await this.#pool.query(`CREATE TABLE IF NOT EXISTS ledger_calls_${from.replaceAll('-', '')} PARTITION OF ledger_calls FOR VALUES FROM ('${from} 00:00+00') TO ('${to} 00:00+00')`);
    }
    this.#partitionsUntil = today + (PARTITIONS_AHEAD + 1) * DAY_MS;
  }
}

function toRow(row: Row): LedgerRow {
  const text = (name: string): string | undefined => (row[name] === null ? undefined : String(row[name]));
  const number = (name: string): number | undefined => (row[name] === null ? undefined : Number(row[name]));
  const time = (name: string): number | undefined => (row[name] instanceof Date ? row[name].getTime() : undefined);
  const ended = time('ended_at');
  return {
    id: row.id,
    startedAt: time('started_at') ?? 0,
    kind: text('kind') as LedgerRow['kind'],
    operation: text('operation') ?? '',
    keyId: text('key_id') ?? '',
    keyAlias: text('key_alias'),
    user: text('user_id'),
    team: text('team'),
    address: text('address') ?? '',
    client: text('client'),
    server: text('server'),
    toolName: text('tool_name'),
    originalName: text('original_name'),
    model: text('model'),
    decision: text('decision') as LedgerRow['decision'],
    rule: text('rule'),
    bytesIn: number('bytes_in') ?? 0,
    traceId: text('trace_id'),
    ...(ended === undefined
      ? {}
      : {
          endedAt: ended,
          status: text('status') as NonNullable<LedgerRow['status']>,
          errorCode: text('error_code'),
          totalMs: number('total_ms') ?? 0,
          upstreamMs: number('upstream_ms'),
          bytesOut: number('bytes_out') ?? 0,
          promptTokens: number('prompt_tokens'),
          completionTokens: number('completion_tokens'),
          cost: number('cost'),
        }),
  };
}
