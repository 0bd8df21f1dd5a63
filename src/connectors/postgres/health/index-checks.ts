import { type HealthCheck, notSeen, type Problem, readable, USER_SCHEMA } from './check.ts';

/** A table must have been read this often before an index that was never used says anything. */
const TABLE_READS_MIN = 100;
/** In smaller tables a foreign key needs no index. */
const ROWS_MIN = 1_000;
/** One column of a key that leaves at most so many rows is index enough. */
const ROWS_A_VALUE_MAX = 100;
const LARGE_BYTES = 100 * 1024 * 1024;

/** Each index `i` of a user's table `t`, once for a partitioned one; `x` is its own row of pg_class. */
const INDEXES = `
  pg_catalog.pg_index AS i JOIN pg_catalog.pg_class AS x ON x.oid = i.indexrelid JOIN pg_catalog.pg_class AS t ON t.oid = i.indrelid
  JOIN pg_catalog.pg_namespace AS n ON n.oid = t.relnamespace AND ${USER_SCHEMA}`;
const NAME = `format('%I.%I', n.nspname, x.relname)`;
const TABLE = `format('%I.%I', n.nspname, t.relname)`;
/** Belongs to a constraint, or says which row is meant when changes are replicated. */
const NEEDED = `(i.indisunique OR i.indisreplident OR EXISTS (SELECT FROM pg_catalog.pg_constraint AS k WHERE k.conindid = i.indexrelid))`;

const invalidIndex: HealthCheck = {
  name: 'invalid-index',
  type: 'index',
  what: 'indexes',
  run: async (query) => {
    const rows = await query<{ name: string; table: string; valid: boolean; building: boolean }>(`
      SELECT ${NAME} AS name, ${TABLE} AS table, i.indisvalid AND i.indisready AS valid,
        EXISTS (SELECT FROM pg_catalog.pg_stat_progress_create_index AS p WHERE p.index_relid = i.indexrelid) AS building
      FROM ${INDEXES} WHERE x.relkind = 'i' ORDER BY 1`);
    const problems = rows
      .filter(({ valid, building }) => !valid && !building)
      .map(
        ({ name, table }): Problem => ({
          severity: 'high',
          object: name,
          evidence: `the index on ${table} is not valid: building it failed; it costs on each write and serves no read`,
          fix: `REINDEX INDEX CONCURRENTLY ${name}; -- or DROP INDEX CONCURRENTLY ${name};`,
        }),
      );
    return { examined: rows.length, problems };
  },
};

interface IndexRow {
  readonly oid: number;
  readonly name: string;
  readonly table: string;
  readonly same: string;
  readonly keys: readonly string[];
  readonly included: string;
  readonly needed: boolean;
  readonly btree: boolean;
  readonly bytes: number;
  readonly scans: number;
}

const duplicateIndex: HealthCheck = {
  name: 'duplicate-index',
  type: 'index',
  what: 'valid indexes',
  run: async (query) => {
    const rows = await readIndexes(query);
    return { examined: rows.length, problems: duplicatesIn(rows).map(({ problem }) => problem) };
  },
};

const unusedIndex: HealthCheck = {
  name: 'unused-index',
  type: 'index',
  what: 'indexes that are there only for speed, on tables that are read',
  run: async (query) => {
    // Of two equal indexes the server uses either; they are reported as duplicates.
    const duplicates = new Set(duplicatesIn(await readIndexes(query)).flatMap(({ oids }) => oids));
    const rows = await query<{
      oid: number;
      name: string;
      scans: number;
      reads: number;
      bytes: number;
      since: string | null;
      replica: boolean;
    }>(`
      WITH leaves AS (
        SELECT i.indexrelid AS root, i.indexrelid AS leaf, i.indrelid AS tab FROM ${INDEXES} WHERE x.relkind = 'i' AND NOT x.relispartition
        UNION ALL
        SELECT i.indexrelid, l.relid, li.indrelid FROM ${INDEXES} CROSS JOIN LATERAL pg_catalog.pg_partition_tree(i.indexrelid) AS l
        JOIN pg_catalog.pg_index AS li ON li.indexrelid = l.relid WHERE x.relkind = 'I' AND NOT x.relispartition AND l.isleaf)
      SELECT i.indexrelid::int8::float8 AS oid, ${NAME} AS name, sum(coalesce(u.idx_scan, 0))::float8 AS scans,
        sum(coalesce(s.seq_scan, 0) + coalesce(s.idx_scan, 0))::float8 AS reads, sum(pg_catalog.pg_relation_size(v.leaf))::float8 AS bytes,
        (SELECT d.stats_reset::text FROM pg_catalog.pg_stat_database AS d WHERE d.datname = current_database()) AS since,
        pg_catalog.pg_is_in_recovery() AS replica
      FROM ${INDEXES} JOIN leaves AS v ON v.root = i.indexrelid
      LEFT JOIN pg_catalog.pg_stat_all_indexes AS u ON u.indexrelid = v.leaf LEFT JOIN pg_catalog.pg_stat_all_tables AS s ON s.relid = v.tab
      WHERE i.indisvalid AND NOT ${NEEDED} GROUP BY 1, 2 ORDER BY 2`);
    const judged = rows.filter(({ reads }) => reads >= TABLE_READS_MIN);
    const problems = judged
      .filter(({ oid, scans }) => scans === 0 && !duplicates.has(oid))
      .map(
        ({ name, reads, bytes, since }): Problem => ({
          severity: bytes >= LARGE_BYTES ? 'medium' : 'low',
          object: name,
          evidence: `never used while its table was read ${reads} times${since === null ? '' : ` since ${since}`}; ${readable(bytes)}`,
          fix: `DROP INDEX CONCURRENTLY ${name}; -- only after a whole business cycle, and when no replica uses it`,
        }),
      );
    const quiet = rows.length - judged.length;
    return {
      examined: judged.length,
      problems,
      notSeen: notSeen(
        quiet > 0 &&
          `${quiet} indexes are on tables that were read fewer than ${TABLE_READS_MIN} times: too few to judge.`,
        'Each server counts for itself: what a replica uses is not seen here.',
      ),
    };
  },
};

const foreignKeyIndex: HealthCheck = {
  name: 'foreign-key-without-index',
  type: 'index',
  what: `foreign keys of tables with ${ROWS_MIN} rows or more`,
  run: async (query) => {
    const rows = await query<{
      name: string;
      table: string;
      columns: string;
      rows: number;
      covered: boolean;
      partial: boolean;
      target: string;
    }>(`
      SELECT format('%I', k.conname) AS name, ${TABLE} AS table, k.confrelid::regclass::text AS target,
        (SELECT string_agg(format('%I', a.attname), ', ' ORDER BY u.ordinality) FROM unnest(k.conkey) WITH ORDINALITY AS u(attnum, ordinality)
          JOIN pg_catalog.pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = u.attnum) AS columns,
        coalesce(z.rows, -1)::float8 AS rows,
        EXISTS (SELECT FROM pg_catalog.pg_index AS i WHERE i.indrelid = t.oid AND i.indisvalid AND i.indpred IS NULL
          AND (k.conkey <@ (i.indkey::int2[])[0:cardinality(k.conkey) - 1]
            OR (i.indkey[0] = ANY (k.conkey) AND EXISTS (SELECT FROM pg_catalog.pg_stats AS s JOIN pg_catalog.pg_attribute AS a ON a.attname = s.attname
              WHERE a.attrelid = t.oid AND a.attnum = i.indkey[0] AND s.schemaname = n.nspname AND s.tablename = t.relname
              AND CASE WHEN s.n_distinct < 0 THEN -1 / s.n_distinct ELSE z.rows / nullif(s.n_distinct, 0) END <= ${ROWS_A_VALUE_MAX})))) AS covered
      FROM pg_catalog.pg_constraint AS k JOIN pg_catalog.pg_class AS t ON t.oid = k.conrelid
      JOIN pg_catalog.pg_namespace AS n ON n.oid = t.relnamespace AND ${USER_SCHEMA}
      CROSS JOIN LATERAL (SELECT CASE WHEN t.relkind = 'p' THEN (SELECT sum(greatest(l.reltuples, 0))
        FROM pg_catalog.pg_partition_tree(t.oid) AS r JOIN pg_catalog.pg_class AS l ON l.oid = r.relid WHERE r.isleaf) ELSE t.reltuples END AS rows) AS z
      WHERE k.contype = 'f' AND k.conparentid = 0 ORDER BY 2, 1`);
    const judged = rows.filter((row) => row.rows >= ROWS_MIN);
    const unknown = rows.filter((row) => row.rows < 0).length;
    const problems = judged
      .filter(({ covered }) => !covered)
      .map(
        ({ name, table, columns, rows: count, target }): Problem => ({
          severity: 'medium',
          object: table,
          evidence: `foreign key ${name} (${columns}) to ${target} has no index; about ${count} rows are read for each row of ${target} that is deleted or looked up`,
          fix: `CREATE INDEX CONCURRENTLY ON ${table} (${columns});`,
        }),
      );
    return {
      examined: judged.length,
      problems,
      notSeen: notSeen(
        unknown > 0 && `${unknown} are of tables that were never analysed: their size is not known.`,
      ),
    };
  },
};

/** Invalid, duplicate and unused indexes, and foreign keys without one. */
export const INDEX_CHECKS: readonly HealthCheck[] = [
  invalidIndex,
  duplicateIndex,
  unusedIndex,
  foreignKeyIndex,
];

function readIndexes(query: Parameters<HealthCheck['run']>[0]): Promise<readonly IndexRow[]> {
  return query<IndexRow>(`
    SELECT i.indexrelid::int8::float8 AS oid, ${NAME} AS name, ${TABLE} AS table, ${NEEDED} AS needed, x.relam = (SELECT m.oid FROM pg_catalog.pg_am AS m WHERE m.amname = 'btree') AS btree,
      concat_ws('|', i.indrelid, x.relam, pg_catalog.pg_get_expr(i.indpred, i.indrelid)) AS same,
      (SELECT array_agg(concat_ws('|', pg_catalog.pg_get_indexdef(i.indexrelid, g, true), i.indclass[g - 1], i.indcollation[g - 1], i.indoption[g - 1]) ORDER BY g)
        FROM generate_series(1, i.indnkeyatts) AS g) AS keys,
      coalesce((SELECT string_agg(pg_catalog.pg_get_indexdef(i.indexrelid, g, true), ',' ORDER BY g)
        FROM generate_series(i.indnkeyatts + 1, i.indnatts) AS g), '') AS included,
      pg_catalog.pg_relation_size(i.indexrelid)::float8 AS bytes,
      coalesce((SELECT u.idx_scan FROM pg_catalog.pg_stat_all_indexes AS u WHERE u.indexrelid = i.indexrelid), 0)::float8 AS scans
    FROM ${INDEXES} WHERE i.indisvalid AND NOT x.relispartition ORDER BY 2`);
}

/**
 * Indexes that another one makes needless: the same keys, or the first of its keys in a B-tree. Of equal ones the less used goes, so that no
 * counter of the other makes it look unused; then the later name.
 */
function duplicatesIn(
  rows: readonly IndexRow[],
): { readonly oids: readonly number[]; readonly problem: Problem }[] {
  const found: { readonly oids: readonly number[]; readonly problem: Problem }[] = [];
  const gone = new Set<number>();
  const order = rows.toReversed().sort((a, b) => a.scans - b.scans);
  for (const row of order) {
    if (row.needed) continue;
    const keeper = rows.find((other) => other !== row && !gone.has(other.oid) && serves(other, row));
    if (keeper === undefined) continue;
    gone.add(row.oid);
    const equal = keeper.keys.length === row.keys.length;
    found.push({
      oids: [row.oid, keeper.oid],
      problem: {
        severity: row.bytes >= LARGE_BYTES ? 'medium' : 'low',
        object: row.name,
        evidence: `${equal ? 'has the same keys as' : 'has the first keys of'} ${keeper.name} on ${row.table}; ${readable(row.bytes)}`,
        fix: `DROP INDEX CONCURRENTLY ${row.name};`,
      },
    });
  }
  return found.sort((a, b) => a.problem.object.localeCompare(b.problem.object));
}

function serves(index: IndexRow, other: IndexRow): boolean {
  return (
    index.same === other.same &&
    index.included === other.included &&
    (index.btree ? other.keys.length <= index.keys.length : other.keys.length === index.keys.length) &&
    other.keys.every((key, at) => index.keys[at] === key)
  );
}
