import type { Session } from '../session.ts';

/** A table that may get an index, as the catalogue describes it. */
export interface TableFacts {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  /** r, p, m: others carry no index of their own. */
  readonly kind: string;
  /** Estimated; -1: never analysed. */
  readonly rows: number;
  readonly columns: ReadonlyMap<string, ColumnFacts>;
  /** Leading columns of its usable B-tree indexes, in order. */
  readonly indexes: readonly (readonly string[])[];
  /** Its partitions' tables, for what works on these only. */
  readonly leaves: readonly { readonly schema: string; readonly name: string }[];
}

export interface ColumnFacts {
  /** Has an order, and is no long text. */
  readonly sortable: boolean;
  readonly text: boolean;
  /** A LIKE with a known beginning can use its ordinary index. */
  readonly bytewise: boolean;
}

/** Values wider than this, on average, make poor B-tree keys. */
const KEY_BYTES_MAX = 200;

const TABLES = `
  SELECT n.position::int, c.oid::int8::float8 AS oid, s.nspname::text AS schema, c.relname::text AS name, c.relkind::text AS kind,
    CASE WHEN c.relkind = 'p' THEN (SELECT coalesce(sum(l.reltuples) FILTER (WHERE l.reltuples >= 0), -1)
        FROM pg_catalog.pg_partition_tree(c.oid) AS t JOIN pg_catalog.pg_class AS l ON l.oid = t.relid WHERE t.isleaf)
      ELSE c.reltuples END::float8 AS rows,
    (SELECT json_agg(json_build_object('name', a.attname,
        'sortable', (EXISTS (SELECT FROM pg_catalog.pg_opclass AS o JOIN pg_catalog.pg_am AS m ON m.oid = o.opcmethod
            WHERE m.amname = 'btree' AND o.opcdefault AND o.opcintype = b.oid) OR b.typtype = 'e' OR b.typname IN ('varchar', 'cidr'))
          AND coalesce((SELECT w.avg_width FROM pg_catalog.pg_stats AS w
            WHERE w.schemaname = s.nspname AND w.tablename = c.relname AND w.attname = a.attname ORDER BY w.inherited LIMIT 1), 0) <= ${KEY_BYTES_MAX},
        'text', b.typname IN ('text', 'varchar'),
        'bytewise', coalesce(CASE WHEN l.collname = 'default' THEN (SELECT d.datcollate FROM pg_catalog.pg_database AS d WHERE d.datname = current_database())
          ELSE l.collcollate END IN ('C', 'POSIX'), false)) ORDER BY a.attnum)
      FROM pg_catalog.pg_attribute AS a JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
      JOIN pg_catalog.pg_type AS b ON b.oid = CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END
      LEFT JOIN pg_catalog.pg_collation AS l ON l.oid = a.attcollation
      WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
    (SELECT coalesce(json_agg(k.keys), '[]') FROM (
        SELECT (SELECT json_agg(coalesce(a.attname, '') ORDER BY u.ordinality) FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS u(attnum, ordinality)
            LEFT JOIN pg_catalog.pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = u.attnum AND u.attnum > 0
            WHERE u.ordinality <= i.indnkeyatts) AS keys
        FROM pg_catalog.pg_index AS i JOIN pg_catalog.pg_class AS x ON x.oid = i.indexrelid JOIN pg_catalog.pg_am AS m ON m.oid = x.relam
        WHERE i.indrelid = c.oid AND i.indisvalid AND i.indpred IS NULL AND m.amname = 'btree') AS k) AS indexes,
    (SELECT coalesce(json_agg(json_build_object('schema', ln.nspname, 'name', l.relname)), '[]')
      FROM pg_catalog.pg_partition_tree(c.oid) AS t JOIN pg_catalog.pg_class AS l ON l.oid = t.relid
      JOIN pg_catalog.pg_namespace AS ln ON ln.oid = l.relnamespace WHERE c.relkind = 'p' AND t.isleaf) AS leaves
  FROM unnest($1::text[]) WITH ORDINALITY AS n(name, position)
  JOIN pg_catalog.pg_class AS c ON c.oid = to_regclass(n.name) JOIN pg_catalog.pg_namespace AS s ON s.oid = c.relnamespace
  WHERE s.nspname NOT LIKE 'pg\\_%' AND s.nspname <> 'information_schema'`;

interface TableRow extends Omit<TableFacts, 'columns'> {
  readonly position: number;
  readonly columns: readonly (ColumnFacts & { readonly name: string })[] | null;
}

/**
 * Describes tables by their names as SQL writes them (quoted where needed), in the same order; undefined for one that there is not, or
 * that belongs to the system.
 */
export async function loadTables(
  { client }: Session,
  names: readonly string[],
): Promise<readonly (TableFacts | undefined)[]> {
  const { rows } = await client.query<TableRow>(TABLES, [names]);
  return names.map((_name, at) => {
    const row = rows.find(({ position }) => position === at + 1);
    if (row === undefined) return undefined;
    const columns = (row.columns ?? []).map(({ name, ...facts }) => [name, facts] as const);
    return { ...row, columns: new Map(columns) };
  });
}
