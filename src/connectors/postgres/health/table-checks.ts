import { type HealthCheck, notSeen, type Problem, readable, USER_SCHEMA } from './check.ts';

const SEQUENCE_PERCENT = { medium: 75, high: 90 } as const;
const NEVER_ANALYSED_ROWS = 1_000;
const DEAD_ROWS_MIN = 10_000;
const DEAD_PERCENT = 20;
/** Of the two billion transactions after which a server stops to take writes. */
const AGE_PERCENT = { medium: 40, high: 75 } as const;
const AGE_MAX = 2_146_483_647;
const HIT_BLOCKS_MIN = 100_000;
const HIT_PERCENT = { low: 95, medium: 85 } as const;
const BLOAT_BYTES_MIN = 10 * 1024 * 1024;
const BLOAT_FACTOR = 2;

/** Sequences of every kind: free ones, those behind serial columns and those behind identity columns. */
const sequences: HealthCheck = {
  name: 'sequence-near-its-end',
  type: 'sequence',
  what: 'sequences, those of serial and identity columns included',
  run: async (query) => {
    const rows = await query<{
      name: string;
      owner: string | null;
      type: string;
      position: number | null;
      first: number;
      last: number;
      may: boolean;
    }>(`
      SELECT format('%I.%I', n.nspname, c.relname) AS name, format_type(coalesce(a.atttypid, q.seqtypid), NULL) AS type,
        CASE WHEN a.attname IS NOT NULL THEN format('%s.%I', a.attrelid::regclass, a.attname) END AS owner,
        has_sequence_privilege(c.oid, 'SELECT') OR has_sequence_privilege(c.oid, 'USAGE') AS may,
        CASE WHEN has_sequence_privilege(c.oid, 'SELECT') OR has_sequence_privilege(c.oid, 'USAGE')
          THEN coalesce(pg_catalog.pg_sequence_last_value(c.oid), q.seqstart) END::float8 AS position,
        (CASE WHEN q.seqincrement > 0 THEN q.seqmin ELSE q.seqmax END)::float8 AS first,
        (CASE WHEN q.seqincrement > 0 THEN least(q.seqmax, w.largest) ELSE greatest(q.seqmin, -w.largest - 1) END)::float8 AS last
      FROM pg_catalog.pg_sequence AS q JOIN pg_catalog.pg_class AS c ON c.oid = q.seqrelid
      JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace AND ${USER_SCHEMA}
      LEFT JOIN pg_catalog.pg_depend AS d ON d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid
        AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')
      LEFT JOIN pg_catalog.pg_attribute AS a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
      CROSS JOIN LATERAL (SELECT CASE coalesce(a.atttypid, q.seqtypid) WHEN 'int2'::regtype THEN 32767 WHEN 'int4'::regtype THEN 2147483647
        ELSE 9223372036854775807 END::int8 AS largest) AS w
      WHERE NOT q.seqcycle AND c.relpersistence <> 't' ORDER BY 1`);
    const seen = rows.filter(({ position }) => position !== null);
    const problems = seen.flatMap(({ name, owner, type, position, first, last }): Problem[] => {
      const percent = Math.floor((100 * Math.abs(position! - first)) / Math.max(1, Math.abs(last - first)));
      if (percent < SEQUENCE_PERCENT.medium) return [];
      return [
        {
          severity: percent >= SEQUENCE_PERCENT.high ? 'high' : 'medium',
          object: name,
          evidence: `stands at ${position}, ${percent} % of the way to ${last} (${type}${owner === null ? '' : `, for ${owner}`}); ${Math.abs(last - position!)} are left`,
          fix: widen(name, owner, type),
        },
      ];
    });
    const hidden = rows.length - seen.length;
    return {
      examined: seen.length,
      problems,
      notSeen: notSeen(
        hidden > 0 && `${hidden} sequences may not be read by this role: GRANT SELECT on them.`,
      ),
    };
  },
};

function widen(name: string, owner: string | null, type: string): string {
  if (type === 'bigint') return `-- ${name} is as wide as it can be; check why its numbers jump`;
  const sequence = `ALTER SEQUENCE ${name} AS bigint MAXVALUE 9223372036854775807;`;
  if (owner === null) return sequence;
  const dot = owner.lastIndexOf('.');
  return `ALTER TABLE ${owner.slice(0, dot)} ALTER COLUMN ${owner.slice(dot + 1)} TYPE bigint; ${sequence} -- rewrites and locks the table; columns that refer to it need the same, views on it have to be made anew`;
}

const notValidated: HealthCheck = {
  name: 'constraint-not-validated',
  type: 'constraint',
  what: 'constraints',
  run: async (query, { versionNumber }) => {
    // A constraint that is not enforced, new in 18, is meant to be unchecked.
    const enforced = versionNumber >= 180_000 ? 'k.conenforced' : 'true';
    const rows = await query<{ name: string; object: string; kind: string; valid: boolean }>(`
      SELECT format('%I', k.conname) AS name, coalesce(k.conrelid::regclass::text, k.contypid::regtype::text) AS object,
        CASE k.contype WHEN 'f' THEN 'foreign key' WHEN 'c' THEN 'check' WHEN 'n' THEN 'not-null' ELSE 'other' END AS kind, k.convalidated AS valid
      FROM pg_catalog.pg_constraint AS k JOIN pg_catalog.pg_namespace AS n ON n.oid = k.connamespace AND ${USER_SCHEMA}
      WHERE ${enforced} AND k.conparentid = 0 AND k.conrelid <> 0 ORDER BY 2, 1`);
    const problems = rows
      .filter(({ valid }) => !valid)
      .map(
        ({ name, object, kind }): Problem => ({
          severity: 'medium',
          object,
          evidence: `${kind} constraint ${name} is NOT VALID: rows from before it was made were never checked`,
          fix: `ALTER TABLE ${object} VALIDATE CONSTRAINT ${name};`,
        }),
      );
    return { examined: rows.length, problems };
  },
};

const disabledTriggers: HealthCheck = {
  name: 'foreign-key-switched-off',
  type: 'constraint',
  what: 'triggers that enforce foreign keys',
  run: async (query) => {
    const rows = await query<{ object: string; name: string; off: boolean }>(`
      SELECT t.tgrelid::regclass::text AS object, format('%I', k.conname) AS name, t.tgenabled = 'D' AS off
      FROM pg_catalog.pg_trigger AS t JOIN pg_catalog.pg_constraint AS k ON k.oid = t.tgconstraint AND k.contype = 'f'
      JOIN pg_catalog.pg_namespace AS n ON n.oid = k.connamespace AND ${USER_SCHEMA} WHERE t.tgisinternal ORDER BY 1, 2`);
    const off = new Map(
      rows.filter((row) => row.off).map(({ object, name }) => [`${object} ${name}`, { object, name }]),
    );
    const problems = [...off.values()].map(
      ({ object, name }): Problem => ({
        severity: 'high',
        object,
        evidence: `the triggers of foreign key ${name} are disabled: rows that break it are let in`,
        fix: `ALTER TABLE ${object} ENABLE TRIGGER ALL; -- then check the rows that came in meanwhile`,
      }),
    );
    return { examined: rows.length, problems };
  },
};

const tableVacuum: HealthCheck = {
  name: 'table-vacuum',
  type: 'vacuum',
  what: 'tables',
  run: async (query) => {
    const rows = await query<{
      name: string;
      dead: number;
      live: number;
      rows: number;
      analysed: boolean;
      age: number;
      off: boolean;
    }>(`
      SELECT format('%I.%I', n.nspname, c.relname) AS name, coalesce(s.n_dead_tup, 0)::float8 AS dead, coalesce(s.n_live_tup, 0)::float8 AS live,
        greatest(c.reltuples, coalesce(s.n_live_tup, 0))::float8 AS rows, c.reltuples >= 0 OR s.last_analyze IS NOT NULL OR s.last_autoanalyze IS NOT NULL AS analysed,
        greatest(age(c.relfrozenxid), mxid_age(c.relminmxid))::float8 AS age, coalesce(c.reloptions, '{}') && '{autovacuum_enabled=false,autovacuum_enabled=off}' AS off
      FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace AND ${USER_SCHEMA}
      LEFT JOIN pg_catalog.pg_stat_all_tables AS s ON s.relid = c.oid WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't' ORDER BY 1`);
    const problems = rows.flatMap((row): Problem[] => {
      const { name } = row;
      const found: Problem[] = [];
      const dead = Math.round((100 * row.dead) / Math.max(1, row.dead + row.live));
      if (row.dead >= DEAD_ROWS_MIN && dead >= DEAD_PERCENT)
        found.push({
          severity: 'medium',
          object: name,
          evidence: `${dead} % of its rows are dead (${row.dead})`,
          fix: `VACUUM (ANALYZE) ${name};`,
        });
      if (row.off)
        found.push({
          severity: 'medium',
          object: name,
          evidence: 'autovacuum is switched off for it',
          fix: `ALTER TABLE ${name} RESET (autovacuum_enabled);`,
        });
      if (!row.analysed && row.rows >= NEVER_ANALYSED_ROWS)
        found.push({
          severity: 'medium',
          object: name,
          evidence: `it was never analysed and has about ${row.rows} rows: plans are guesses`,
          fix: `ANALYZE ${name};`,
        });
      const age = severityOf((100 * row.age) / AGE_MAX, AGE_PERCENT);
      if (age !== undefined)
        found.push({
          severity: age,
          object: name,
          evidence: `its oldest row is ${row.age} transactions old; at ${AGE_MAX} the server stops to take writes`,
          fix: `VACUUM (FREEZE) ${name}; -- and find what holds autovacuum back`,
        });
      return found;
    });
    return { examined: rows.length, problems };
  },
};

const wraparound: HealthCheck = {
  name: 'transaction-age',
  type: 'vacuum',
  what: 'databases of the server',
  run: async (query) => {
    const rows = await query<{ name: string; age: number }>(`
      SELECT format('%I', d.datname) AS name, greatest(age(d.datfrozenxid), mxid_age(d.datminmxid))::float8 AS age
      FROM pg_catalog.pg_database AS d ORDER BY 1`);
    const problems = rows.flatMap(({ name, age }): Problem[] => {
      const severity = severityOf((100 * age) / AGE_MAX, AGE_PERCENT);
      if (severity === undefined) return [];
      return [
        {
          severity,
          object: name,
          evidence: `${age} transactions since everything in it was frozen; at ${AGE_MAX} the server stops to take writes`,
          fix: `-- in database ${name}: VACUUM (FREEZE); -- and end what holds it back: old transactions, prepared ones, replication slots`,
        },
      ];
    });
    return { examined: rows.length, problems };
  },
};

const hitRate: HealthCheck = {
  name: 'buffer-hit-rate',
  type: 'buffer',
  what: `tables with ${HIT_BLOCKS_MIN} blocks read or more since counting began`,
  run: async (query) => {
    const rows = await query<{ name: string; hit: number; read: number }>(`
      SELECT format('%I.%I', s.schemaname, s.relname) AS name,
        (coalesce(s.heap_blks_hit, 0) + coalesce(s.idx_blks_hit, 0))::float8 AS hit, (coalesce(s.heap_blks_read, 0) + coalesce(s.idx_blks_read, 0))::float8 AS read
      FROM pg_catalog.pg_statio_user_tables AS s ORDER BY 1`);
    const judged = rows.filter(({ hit, read }) => hit + read >= HIT_BLOCKS_MIN);
    const problems = judged.flatMap(({ name, hit, read }): Problem[] => {
      const percent = Math.floor((100 * hit) / (hit + read));
      if (percent >= HIT_PERCENT.low) return [];
      return [
        {
          severity: percent < HIT_PERCENT.medium ? 'medium' : 'low',
          object: name,
          evidence: `${percent} % of ${hit + read} blocks came from PostgreSQL's own cache`,
          fix: '-- look for scans that an index would spare (get_top_queries), then at shared_buffers',
        },
      ];
    });
    const quiet = rows.length - judged.length;
    return {
      examined: judged.length,
      problems,
      notSeen: notSeen(
        quiet > 0 && `${quiet} tables were read too little to judge.`,
        "The operating system's cache is not seen.",
      ),
    };
  },
};

/** Estimates from statistics, of tables and B-tree indexes: how many pages they have, and how many their rows need. */
const bloat: HealthCheck = {
  name: 'bloat',
  type: 'bloat',
  what: `tables and B-tree indexes of ${readable(BLOAT_BYTES_MIN)} or more`,
  run: async (query) => {
    const rows = await query<{ name: string; index: boolean; bytes: number; needed: number | null }>(`
      WITH widths AS (
        SELECT a.attrelid, a.attnum, max((1 - s.null_frac) * s.avg_width) AS width
        FROM pg_catalog.pg_attribute AS a JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
        LEFT JOIN pg_catalog.pg_stats AS s ON s.schemaname = n.nspname AND s.tablename = c.relname AND s.attname = a.attname
        WHERE a.attnum > 0 AND NOT a.attisdropped GROUP BY 1, 2)
      SELECT format('%I.%I', n.nspname, c.relname) AS name, c.relkind = 'i' AS index, pg_catalog.pg_relation_size(c.oid)::float8 AS bytes,
        CASE WHEN w.width IS NULL OR w.unknown OR c.reltuples < 0 THEN NULL
          ELSE c.reltuples * (w.width + CASE c.relkind WHEN 'i' THEN 16 ELSE 32 END) / CASE c.relkind WHEN 'i' THEN 0.9 ELSE 1 END END::float8 AS needed
      FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace AND ${USER_SCHEMA}
      LEFT JOIN pg_catalog.pg_index AS i ON i.indexrelid = c.oid
      CROSS JOIN LATERAL (SELECT sum(x.width) AS width, bool_or(x.width IS NULL) AS unknown FROM widths AS x
        WHERE x.attrelid = coalesce(i.indrelid, c.oid) AND (i.indkey IS NULL OR x.attnum = ANY (i.indkey::int2[]))) AS w
      WHERE (c.relkind IN ('r', 'm') OR c.relkind = 'i' AND i.indpred IS NULL AND 0 <> ALL (i.indkey::int2[])
          AND c.relam = (SELECT m.oid FROM pg_catalog.pg_am AS m WHERE m.amname = 'btree')) ORDER BY 1`);
    const large = rows.filter(({ bytes }) => bytes >= BLOAT_BYTES_MIN);
    const judged = large.filter(({ needed }) => needed !== null);
    const problems = judged.flatMap(({ name, index, bytes, needed }): Problem[] => {
      if (bytes < BLOAT_FACTOR * Math.max(needed!, 1)) return [];
      return [
        {
          severity: bytes - needed! > 100 * BLOAT_BYTES_MIN ? 'medium' : 'low',
          object: name,
          evidence: `${readable(bytes)}, while its rows need about ${readable(needed!)} (an estimate from statistics; pgstattuple measures)`,
          fix: index
            ? `REINDEX INDEX CONCURRENTLY ${name};`
            : `VACUUM ${name}; -- VACUUM FULL or pg_repack gives the space back`,
        },
      ];
    });
    return {
      examined: judged.length,
      problems,
      notSeen: notSeen(
        `${rows.length - large.length} are smaller and were not judged.`,
        large.length > judged.length &&
          `${large.length - judged.length} have no statistics that this role may see (never analysed, or not readable for it).`,
        'Indexes on expressions, partial ones and other kinds than B-trees are not estimated.',
      ),
    };
  },
};

/** Sequences, constraints, vacuum, cache and bloat. */
export const TABLE_CHECKS: readonly HealthCheck[] = [
  sequences,
  notValidated,
  disabledTriggers,
  tableVacuum,
  wraparound,
  hitRate,
  bloat,
];

function severityOf(
  percent: number,
  limits: { readonly medium: number; readonly high: number },
): 'medium' | 'high' | undefined {
  if (percent >= limits.high) return 'high';
  return percent >= limits.medium ? 'medium' : undefined;
}
