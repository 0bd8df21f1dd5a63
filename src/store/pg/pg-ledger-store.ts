import type { Pool } from 'pg';
import { JsonBuilder, jsonOf } from '../record-json.ts';
import type { ChainTip, Closing, LedgerStore, OrphanCall, WriterIdentity } from '../store-ports.ts';
import type { LedgerRecord, LedgerRow, RecordJson } from '../call-records.ts';
import { checkOut } from './check-out.ts';
import { type CallRow, END_COLUMNS, START_COLUMNS, toRow } from './ledger-columns.ts';
import type { Partitions } from './ledger-partitions.ts';
import { OpenStarts } from './open-starts.ts';

const DAY_MS = 24 * 60 * 60 * 1_000;

/**
 * Records travel as one JSON text and are taken apart by the server: that costs this process a fraction of arrays, element by element. It is an
 * array of flat objects and not jsonb, which the server would first build and then look through field by field: twice the work.
 */
const fieldsOf = (columns: readonly (readonly [string, string, string])[]): string =>
  columns.map(([, type, field]) => `"${field}" ${type === 'moment' ? 'double precision' : type}`).join(', ');
const valueOf = ([, type, field]: readonly [string, string, string]): string =>
  type === 'moment' ? `to_timestamp(r."${field}" / 1000)` : `r."${field}"`;

/** Where a record stands in the chain of its writer, beside its own fields. */
const START_PLACE = 'writer text, seq bigint, hash bytea';
const END_PLACE = 'end_writer text, end_seq bigint, end_hash bytea';

/** Of a conflict: whether the end that comes is to be taken. The first true one counts; one that is not in the chain of anybody gives way. */
const TAKES_END = `EXCLUDED.ended_at IS NOT NULL AND (ledger_calls.ended_at IS NULL OR ledger_calls.status = 'unknown')`;

const END_FIELDS = END_COLUMNS.slice(1);
const END_NAMES = ['end_writer', 'end_seq', 'end_hash', ...END_FIELDS.map(([name]) => name)];

/** A start with, where it is known already, its end: one row written once. `$1` is an array of starts, some of them with the fields of their ends. */
const INSERT_TEXT = `INSERT INTO ledger_calls (writer, seq, hash, ${[...START_COLUMNS.map(([name]) => name), ...END_NAMES].join(', ')})
    SELECT r.writer, r.seq, r.hash, ${START_COLUMNS.map(valueOf).join(', ')}, r.end_writer, r.end_seq, r.end_hash, ${END_FIELDS.map(valueOf).join(', ')}
    FROM json_to_recordset($1::json) AS r(${START_PLACE}, ${END_PLACE}, ${fieldsOf(START_COLUMNS)}, ${fieldsOf(END_FIELDS)})
    ON CONFLICT (started_at, id) DO UPDATE SET ${END_NAMES.map((name) => `${name} = EXCLUDED.${name}`).join(', ')}
    WHERE ${TAKES_END}`;

/** Ends of calls whose starts came before; `$2` is an array of ends, each with the moment at which its call began, where that is known. */
const UPDATE_TEXT = `UPDATE ledger_calls AS c SET end_writer = r.end_writer, end_seq = r.end_seq, end_hash = r.end_hash,
    ${END_FIELDS.map((column) => `${column[0]} = ${valueOf(column)}`).join(', ')}
    FROM json_to_recordset($2::json) AS r(${END_PLACE}, begun double precision, ${fieldsOf(END_COLUMNS)})
    WHERE c.id = r.id AND (c.ended_at IS NULL OR c.status = 'unknown')`;

/** How far the chains have come; `$3` is an array of tips. */
const TIPS_TEXT = `INSERT INTO ledger_writers AS w (writer, home, key_id, seq, hash, alive_at)
    SELECT t->>'writer', t->>'home', t->>'keyId', (t->>'seq')::bigint, decode(t->>'hash', 'hex'), now()
    FROM jsonb_array_elements($3::jsonb) AS t
    ON CONFLICT (writer) DO UPDATE SET seq = EXCLUDED.seq, hash = EXCLUDED.hash, key_id = EXCLUDED.key_id WHERE w.seq < EXCLUDED.seq`;

/** One statement, so that it is all or nothing without a transaction around it. Where days are not known, it plans for all of them. */
const APPEND = `WITH inserted AS (${INSERT_TEXT}), tips AS (${TIPS_TEXT}) ${UPDATE_TEXT}`;

/**
 * The same for ends whose calls began at moments that are known: these, in `$4`, leave only their days to plan for and to open. That the id is the
 * same is said twice, in two ways: of the second PostgreSQL expects that it leaves one row of the ends, and then looks their calls up one by one, in
 * place of all that began at these moments. Without a name: a plan that is kept for any values would be one for all days again.
 */
const APPEND_KNOWN = `${APPEND} AND c.id = r.id::text::uuid AND c.started_at = to_timestamp(r.begun / 1000)
      AND c.started_at = ANY ($4::timestamptz[])`;

/** The ledger's table: batches in, pages out. */
export class PgLedgerStore implements LedgerStore {
  readonly isChained = true;
  readonly #pool: Pool;
  readonly #partitions: Partitions;
  readonly #open = new OpenStarts();

  constructor(pool: Pool, partitions: Partitions) {
    this.#pool = pool;
    this.#partitions = partitions;
  }

  async append(records: readonly LedgerRecord[], tips: readonly ChainTip[] = []): Promise<void> {
    const { starts, ends } = pair(records);
    await this.#partitions.prepare(starts.map(({ start }) => start.at));
    await this.#store(this.#pool, starts, ends, tips);
    this.#open.note(
      starts.filter(({ end }) => end === undefined).map(({ start }) => start),
      ends,
    );
  }

  async #store(
    to: Pick<Pool, 'query'>,
    starts: readonly Pair[],
    ends: readonly RecordJson[],
    tips: readonly ChainTip[],
  ): Promise<void> {
    const begun = ends.map(({ id }) => this.#open.get(id));
    const values = [startsJson(starts), endsJson(ends, begun), tipsJson(tips)];
    const moments = begun.filter((ms) => ms !== undefined);
    if (moments.length === ends.length) {
      const known = [...new Set(moments)].map((ms) => new Date(ms));
      const { rowCount } = await to.query(APPEND_KNOWN, [...values, known]);
      // Each of them was stored open, by this process: all are found, unless somebody has meddled with them.
      if (rowCount === ends.length) return;
    }
    await to.query(APPEND, values);
  }

  async accepts(record: LedgerRecord): Promise<void> {
    const { starts, ends } = pair([record]);
    await this.#partitions.prepare(starts.map(({ start }) => start.at));
    const client = await checkOut(this.#pool);
    let broken = true;
    try {
      await client.query('BEGIN');
      try {
        await this.#store(client, starts, ends, []);
      } finally {
        await client.query('ROLLBACK');
        broken = false;
      }
    } finally {
      client.release(broken);
    }
  }

  async tip(writer: string): Promise<Pick<ChainTip, 'seq' | 'hash'> | undefined> {
    const { rows } = await this.#pool.query<{ seq: string; hash: Buffer }>(
      `SELECT seq, hash FROM ledger_writers WHERE writer = $1 AND hash IS NOT NULL
       UNION ALL
       SELECT (body::jsonb->>'last')::bigint, decode(body::jsonb->>'root', 'hex') FROM ledger_manifests WHERE writer = $1 AND kind = 'retired'
       ORDER BY seq DESC LIMIT 1`,
      [writer],
    );
    const [row] = rows;
    return row && { seq: Number(row.seq), hash: row.hash };
  }

  async beat({ writer, home, keyId }: WriterIdentity, alive: boolean): Promise<void> {
    await this.#pool.query(
      `INSERT INTO ledger_writers (writer, home, key_id, alive_at) VALUES ($1, $2, $3, CASE WHEN $4 THEN now() END)
       ON CONFLICT (writer) DO UPDATE SET alive_at = EXCLUDED.alive_at`,
      [writer, home, keyId, alive],
    );
  }

  async orphans(by: WriterIdentity, silentMs: number, limit: number): Promise<readonly OrphanCall[]> {
    const { rows } = await this.#pool.query<{ id: string; started_at: Date }>(
      `SELECT c.id, c.started_at FROM ledger_calls AS c LEFT JOIN ledger_writers AS w USING (writer)
       WHERE c.ended_at IS NULL AND c.writer <> $1
         AND (w.alive_at IS NULL OR w.home = $2 OR w.alive_at < now() - $3 * interval '1 millisecond')
       LIMIT $4`,
      // Longer than any writer has been silent, and an interval that PostgreSQL can count with.
      [by.writer, by.home, Math.min(silentMs, 100 * 365 * DAY_MS), limit],
    );
    return rows.map((row) => ({ id: row.id, startedAt: row.started_at.getTime() }));
  }

  async close(closings: readonly Closing[]): Promise<number> {
    const { rowCount } = await this.#pool.query(
      // Calls that somebody else is closing at this moment are left to him: two that waited for each other would never end.
      `WITH e AS (SELECT * FROM jsonb_to_recordset($1::jsonb) AS e(id uuid, started_at double precision, writer text, hash text,
         ended_at double precision, status text, error_code text, total_ms double precision, bytes_out bigint)),
       mine AS (SELECT c.id, c.started_at FROM ledger_calls AS c JOIN e ON c.id = e.id AND c.started_at = to_timestamp(e.started_at / 1000)
         WHERE c.ended_at IS NULL FOR UPDATE OF c SKIP LOCKED)
       UPDATE ledger_calls AS c SET end_writer = e.writer, end_seq = NULL, end_hash = decode(e.hash, 'hex'),
         ended_at = to_timestamp(e.ended_at / 1000), status = e.status, error_code = e.error_code, total_ms = e.total_ms, bytes_out = e.bytes_out
       FROM e JOIN mine ON mine.id = e.id WHERE c.id = mine.id AND c.started_at = mine.started_at`,
      [
        JSON.stringify(
          closings.map(({ call, end, writer, hash }) => ({
            id: call.id,
            started_at: call.startedAt,
            writer,
            hash: hash.toString('hex'),
            ended_at: end.endedAt,
            status: end.status,
            error_code: end.errorCode,
            total_ms: end.totalMs,
            bytes_out: end.bytesOut,
          })),
        ),
      ],
    );
    return rowCount ?? 0;
  }

  async recent(query: { readonly limit: number; readonly beforeId?: string }): Promise<readonly LedgerRow[]> {
    const { rows } = await this.#pool.query<CallRow>(
      `SELECT * FROM ledger_calls WHERE kind <> 'admin' AND ($2::uuid IS NULL OR id < $2::uuid) ORDER BY started_at DESC, id DESC LIMIT $1`,
      [query.limit, query.beforeId ?? null],
    );
    return rows.map(toRow);
  }
}

interface Pair {
  readonly start: RecordJson;
  end: RecordJson | undefined;
}

/** Puts ends to the starts that come with them; the first end of a call counts. The ends that are left have no start among them. */
function pair(records: readonly LedgerRecord[]): {
  starts: readonly Pair[];
  ends: readonly RecordJson[];
} {
  const starts = new Map<string, Pair>();
  for (const record of records) {
    if (record.phase !== 'received') continue;
    const start = jsonOf(record);
    const { id } = start;
    if (!starts.has(id)) starts.set(id, { start, end: undefined });
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

/** A JSON array of objects, whose fields `add` writes. */
function jsonArray<Item>(
  items: readonly Item[],
  add: (json: JsonBuilder, item: Item, at: number) => void,
): Buffer {
  const json = new JsonBuilder();
  items.forEach((item, at) => {
    json.text(at === 0 ? '[{' : ',{');
    add(json, item, at);
    json.text('}');
  });
  json.text(items.length === 0 ? '[]' : ']');
  return json.build();
}

/** `[{fields of the start, fields of the end and its place, place of the start}, …]`, without the end where there is none yet. */
function startsJson(pairs: readonly Pair[]): Buffer {
  return jsonArray(pairs, (json, { start, end }) => {
    json.fields(start);
    if (end !== undefined) {
      json.text(',');
      json.fields(end);
      addPlace(json, 'end_', end);
    }
    addPlace(json, '', start);
  });
}

/** `[{fields of the end, its place, moment of the start}, …]` */
function endsJson(ends: readonly RecordJson[], begun: readonly (number | undefined)[]): Buffer {
  return jsonArray(ends, (json, end, at) => {
    json.fields(end);
    addPlace(json, 'end_', end);
    json.text(`,"begun":${begun[at] ?? 'null'}`);
  });
}

/** After the record's own fields: of a field that is there twice the last one counts. */
function addPlace(json: JsonBuilder, prefix: '' | 'end_', { writer, seq, hash }: RecordJson): void {
  json.text(`,"${prefix}writer":`);
  json.string(writer);
  // As bytea reads it, the backslash escaped: `\x…`.
  json.text(`,"${prefix}seq":${seq},"${prefix}hash":${hash === undefined ? 'null' : `"\\\\x${hash}"`}`);
}

function tipsJson(tips: readonly ChainTip[]): string {
  return JSON.stringify(tips.map((tip) => ({ ...tip, hash: tip.hash.toString('hex') })));
}
