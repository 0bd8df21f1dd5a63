import type { Pool, PoolClient } from 'pg';
import type { CallEnd, CallStart } from '../call-records.ts';
import type {
  ChainedRecord,
  ChainRun,
  LedgerArchive,
  LedgerSnapshot,
  ManifestRow,
  WriterRow,
} from '../archive-ports.ts';
import { checkOut } from './check-out.ts';
import { END_COLUMNS, START_COLUMNS } from './ledger-columns.ts';
import { DAYS, dayOf, type Partitions, tableOf } from './ledger-partitions.ts';

const FETCH_ROWS = 2_000;
/** Sorting a day must not take the memory that the calls need. */
const SORT_MEMORY = '32MB';

/** What the days of the ledger hold, for sealing, retention and checks. */
export class PgLedgerArchive implements LedgerArchive {
  readonly #pool: Pool;
  readonly #partitions: Partitions;

  constructor(pool: Pool, partitions: Partitions) {
    this.#pool = pool;
    this.#partitions = partitions;
  }

  prepareAhead(now: number): Promise<void> {
    return this.#partitions.prepareAhead(now);
  }

  strays(max: number): Promise<number> {
    return this.#partitions.strays(max);
  }

  days(): Promise<readonly string[]> {
    return this.#partitions.days();
  }

  async openCalls(day: string): Promise<number> {
    const { rows } = await this.#pool.query<{ count: string }>(
      `SELECT count(*) FROM ${tableOf(day)} WHERE ended_at IS NULL`,
    );
    return Number(rows[0]?.count ?? 0);
  }

  runs(day: string): Promise<readonly ChainRun[]> {
    return withSnapshot(this.#pool, async (client) => {
      // Only the first and the last of each run leave the server.
      const { rows } = await client.query<{
        writer: string;
        seq: string;
        hash: string;
        is_first: boolean;
        is_last: boolean;
      }>(
        `SELECT * FROM (
           SELECT writer, seq, encode(hash, 'hex') AS hash, lag(seq) OVER w IS DISTINCT FROM seq - 1 AS is_first,
             lead(seq) OVER w IS DISTINCT FROM seq + 1 AS is_last
           FROM (SELECT writer, seq, hash FROM ${tableOf(day)} WHERE hash IS NOT NULL
             UNION ALL SELECT end_writer, end_seq, end_hash FROM ${tableOf(day)} WHERE end_seq IS NOT NULL AND end_hash IS NOT NULL) AS records
           WINDOW w AS (PARTITION BY writer COLLATE "C" ORDER BY seq)
         ) AS edges WHERE is_first OR is_last ORDER BY writer COLLATE "C", seq`,
      );
      const runs: ChainRun[] = [];
      let first = 0;
      for (const row of rows) {
        if (row.is_first) first = Number(row.seq);
        if (row.is_last) runs.push({ writer: row.writer, first, last: Number(row.seq), hash: row.hash });
      }
      return runs;
    });
  }

  async manifests({
    day,
    writers,
  }: {
    readonly day?: string;
    readonly writers?: readonly string[];
  } = {}): Promise<readonly ManifestRow[]> {
    const { rows } = await this.#pool.query<ManifestColumns>(
      `${MANIFESTS} WHERE ($1::date IS NULL OR day = $1) AND ($2::text[] IS NULL OR writer = '' OR writer = ANY ($2)) ${MANIFEST_ORDER}`,
      [day ?? null, writers ?? null],
    );
    return rows.map(toManifest);
  }

  async saveManifests(manifests: readonly ManifestRow[]): Promise<void> {
    await this.#pool.query(
      `INSERT INTO ledger_manifests (day, writer, kind, revision, body, key_id, mac)
       SELECT day, writer, kind, revision, body, key_id, decode(mac, 'hex')
       FROM jsonb_to_recordset($1::jsonb) AS m(day date, writer text, kind text, revision integer, body text, key_id text, mac text)
       ON CONFLICT DO NOTHING`,
      [
        JSON.stringify(
          manifests.map(({ keyId, mac, ...rest }) => ({ ...rest, key_id: keyId, mac: mac.toString('hex') })),
        ),
      ],
    );
  }

  drop(day: string): Promise<void> {
    return this.#partitions.drop(day);
  }

  async endedWriters({
    after,
    limit,
  }: {
    readonly after: string;
    readonly limit: number;
  }): Promise<readonly WriterRow[]> {
    const { rows } = await this.#pool.query<WriterColumns>(
      `SELECT writer, key_id, seq, hash FROM ledger_writers AS w
       WHERE ${HAS_ENDED} AND writer COLLATE "C" > $1
         AND NOT EXISTS (SELECT FROM ledger_calls AS c WHERE c.end_writer = w.writer AND c.end_seq IS NULL)
       ORDER BY writer COLLATE "C" LIMIT $2`,
      [after, limit],
    );
    return rows.map(toWriter);
  }

  async forgetWriter(writer: string, seq: number): Promise<void> {
    await this.#pool.query(`DELETE FROM ledger_writers WHERE writer = $1 AND seq = $2 AND ${HAS_ENDED}`, [
      writer,
      seq,
    ]);
  }

  async dropUsage(before: number): Promise<number> {
    const { rowCount } = await this.#pool.query('DELETE FROM ledger_usage WHERE hour < $1', [
      new Date(before),
    ]);
    return rowCount ?? 0;
  }

  snapshot<Result>(use: (snapshot: LedgerSnapshot) => Promise<Result>): Promise<Result> {
    return withSnapshot(this.#pool, (client) => use(snapshotOf(client)));
  }
}

/** Of a row of ledger_writers. A day is longer than any clock is wrong, and than any process that still lives is held up. */
const HAS_ENDED = "(alive_at IS NULL OR alive_at < now() - interval '1 day')";

async function withSnapshot<Result>(
  pool: Pool,
  use: (client: PoolClient) => Promise<Result>,
): Promise<Result> {
  const client = await checkOut(pool);
  let isDone = false;
  try {
    await client.query(
      `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = 0; SET LOCAL work_mem = '${SORT_MEMORY}'`,
    );
    const result = await use(client);
    await client.query('COMMIT');
    isDone = true;
    return result;
  } finally {
    // Without its end the transaction is undone with the connection.
    client.release(!isDone);
  }
}

interface ManifestColumns {
  readonly day: string;
  readonly writer: string;
  readonly kind: ManifestRow['kind'];
  readonly revision: number;
  readonly body: string;
  readonly key_id: string;
  readonly mac: Buffer;
}

interface WriterColumns {
  readonly writer: string;
  readonly key_id: string | null;
  readonly seq: string;
  readonly hash: Buffer | null;
}

function toWriter(row: WriterColumns): WriterRow {
  return {
    writer: row.writer,
    keyId: row.key_id ?? undefined,
    seq: Number(row.seq),
    hash: row.hash ?? undefined,
  };
}

const MANIFESTS = 'SELECT day::text, writer, kind, revision, body, key_id, mac FROM ledger_manifests';
const MANIFEST_ORDER = 'ORDER BY ledger_manifests.day, writer COLLATE "C", kind, revision';

function toManifest({ key_id: keyId, ...rest }: ManifestColumns): ManifestRow {
  return { ...rest, keyId };
}

function snapshotOf(client: PoolClient): LedgerSnapshot {
  return {
    writers: async () => {
      const { rows } = await client.query<WriterColumns>(
        'SELECT writer, key_id, seq, hash FROM ledger_writers ORDER BY writer COLLATE "C"',
      );
      return rows.map(toWriter);
    },
    manifests: async () =>
      (await client.query<ManifestColumns>(`${MANIFESTS} ${MANIFEST_ORDER}`)).rows.map(toManifest),
    days: async () => {
      const { rows } = await client.query<{ name: string }>(DAYS);
      return [...rows.map(({ name }) => dayOf(name)), 'default'];
    },
    records: (day) => merged(client, day),
  };
}

type Values = readonly unknown[];

/** Both records of each call of a day, in the order of the chains. */
async function* merged(client: PoolClient, day: string): AsyncGenerator<readonly ChainedRecord[]> {
  const table = tableOf(day);
  const starts = cursor(
    client,
    'starts',
    `SELECT writer, seq::float8, hash, ${START_COLUMNS.map(asRecorded).join(', ')} FROM ${table}
     ORDER BY CASE WHEN hash IS NULL THEN 0 ELSE 1 END, writer COLLATE "C", seq`,
    toStart,
  );
  const ends = cursor(
    client,
    'ends',
    `SELECT end_writer, end_seq::float8, end_hash, ${END_COLUMNS.map(asRecorded).join(', ')} FROM ${table}
     WHERE num_nonnulls(end_writer, end_seq, end_hash, ${END_COLUMNS.slice(1)
       .map(([name]) => name)
       .join(', ')}) > 0
     ORDER BY CASE WHEN end_hash IS NULL OR end_seq IS NULL OR end_writer IS NULL THEN 0 ELSE 1 END, end_writer COLLATE "C", end_seq`,
    toEnd,
  );
  let batch: ChainedRecord[] = [];
  let [start, end] = [await starts.next(), await ends.next()];
  while (start.done !== true || end.done !== true) {
    if (end.done === true || (start.done !== true && !isBefore(end.value, start.value))) {
      batch.push(start.value as ChainedRecord);
      start = await starts.next();
    } else {
      batch.push(end.value);
      end = await ends.next();
    }
    if (batch.length < FETCH_ROWS) continue;
    yield batch;
    batch = [];
  }
  yield batch;
}

/** Whether `a` comes before `b` in the order of the chains. */
function isBefore(a: ChainedRecord, b: ChainedRecord): boolean {
  const [placedA, placedB] = [isPlaced(a), isPlaced(b)];
  if (placedA !== placedB) return !placedA;
  if (a.writer !== b.writer)
    return Buffer.compare(Buffer.from(a.writer ?? ''), Buffer.from(b.writer ?? '')) < 0;
  return (a.seq ?? 0) < (b.seq ?? 0);
}

function isPlaced({ writer, seq, hash }: ChainedRecord): boolean {
  return writer !== undefined && seq !== undefined && hash !== undefined;
}

async function* cursor(
  client: PoolClient,
  name: string,
  text: string,
  read: (values: Values) => ChainedRecord,
): AsyncGenerator<ChainedRecord> {
  await client.query(`DECLARE ${name} NO SCROLL CURSOR FOR ${text}`);
  for (;;) {
    const { rows } = await client.query<unknown[]>({
      text: `FETCH ${FETCH_ROWS} FROM ${name}`,
      rowMode: 'array',
    });
    for (const row of rows) yield read(row);
    if (rows.length < FETCH_ROWS) break;
  }
  await client.query(`CLOSE ${name}`);
}

/** Numbers as numbers, moments in milliseconds with all that the database has of them; exact amounts as text. */
function asRecorded([name, type]: readonly [string, string, string]): string {
  if (type === 'moment') return `(extract(epoch FROM ${name}) * 1000)::float8`;
  if (type === 'bigint' || type === 'integer') return `${name}::float8`;
  return type === 'numeric' ? `${name}::text` : name;
}

const placeOf = ([writer, seq, hash]: Values): Pick<ChainedRecord, 'writer' | 'seq' | 'hash'> => ({
  writer: (writer as string | null) ?? undefined,
  seq: (seq as number | null) ?? undefined,
  hash: (hash as Buffer | null) ?? undefined,
});

function toStart(values: Values): ChainedRecord {
  const start: Record<string, unknown> = {};
  START_COLUMNS.forEach(([, , field], at) => (start[field] = values[at + 3] ?? undefined));
  return { phase: 'received', ...placeOf(values), start: start as unknown as CallStart };
}

function toEnd(values: Values): ChainedRecord {
  const end: Record<string, unknown> = {};
  END_COLUMNS.forEach(([, , field], at) => (end[field] = values[at + 3] ?? undefined));
  const text = end['cost'] as string | undefined;
  const cost = text === undefined ? undefined : Number(text);
  end['cost'] = cost;
  const whole =
    end['endedAt'] !== undefined &&
    end['status'] !== undefined &&
    // Recorded where it is true, and else not at all.
    end['tokensEstimated'] !== false &&
    (cost === undefined || decimals(String(cost)) === decimals(text!));
  return { phase: 'ended', ...placeOf(values), end: end as unknown as CallEnd, whole };
}

/** A number without an exponent, and without zeros behind the point that say nothing. */
function decimals(text: string): string {
  const [, sign = '', whole = '', part = '', exponent = '0'] =
    /^(-?)(\d+)\.?(\d*)(?:e([+-]?\d+))?$/.exec(text) ?? [];
  const shift = Number(exponent);
  const digits =
    shift < 0 ? whole.padStart(whole.length - shift, '0') + part : whole + part.padEnd(shift, '0');
  const point = digits.length - Math.max(0, part.length - shift);
  const left = digits.slice(0, point).replace(/^0+(?=\d)/, '');
  const right = digits.slice(point).replace(/0+$/, '');
  return `${sign}${left === '' ? '0' : left}${right === '' ? '' : `.${right}`}`;
}
