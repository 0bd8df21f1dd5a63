/** Statements of the schema tools. Each is fixed; names from callers are parameters only. */

const USER_SCHEMA = `n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'`;
/** Only this schema, or every user schema when the parameter is null. */
const IN_SCHEMA = `CASE WHEN $1::text IS NULL THEN ${USER_SCHEMA} ELSE n.nspname = $1::text END`;

export const LIST_SCHEMAS = `
  SELECT n.nspname AS schema_name, pg_get_userbyid(n.nspowner) AS schema_owner,
         CASE WHEN ${USER_SCHEMA} THEN 'User' WHEN n.nspname = 'information_schema' THEN 'Information' ELSE 'System' END AS schema_type,
         obj_description(n.oid, 'pg_namespace') AS comment
  FROM pg_catalog.pg_namespace AS n
  WHERE n.nspname NOT LIKE 'pg\\_temp%' AND n.nspname NOT LIKE 'pg\\_toast%'
  ORDER BY 3 DESC, 1`;

const relations = (kinds: string, type: string): string => `
  SELECT n.nspname AS schema, c.relname AS name, '${type}' AS type, obj_description(c.oid, 'pg_class') AS comment,
         CASE WHEN c.relkind = 'p' THEN (SELECT sum(greatest(p.reltuples, 0)) FROM pg_catalog.pg_partition_tree(c.oid) t JOIN pg_catalog.pg_class p ON p.oid = t.relid WHERE t.isleaf)
              ELSE greatest(c.reltuples, 0) END::float8 AS estimated_rows,
         pg_size_pretty(CASE WHEN c.relkind = 'p' THEN (SELECT sum(pg_total_relation_size(t.relid)) FROM pg_catalog.pg_partition_tree(c.oid) t) ELSE pg_total_relation_size(c.oid) END) AS size
  FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
  WHERE c.relkind IN (${kinds}) AND NOT c.relispartition AND ${IN_SCHEMA}
    AND has_schema_privilege(n.oid, 'USAGE')
  ORDER BY 1, 2`;

export const LIST_QUERIES = {
  table: relations("'r', 'p', 'f'", 'table'),
  view: relations("'v'", 'view'),
  materialized_view: relations("'m'", 'materialized_view'),
  sequence: `
    SELECT schemaname AS schema, sequencename AS name, 'sequence' AS type, data_type::text, start_value::text, max_value::text, last_value::text
    FROM pg_catalog.pg_sequences AS s JOIN pg_catalog.pg_namespace AS n ON n.nspname = s.schemaname WHERE ${IN_SCHEMA} ORDER BY 1, 2`,
  function: `
    SELECT n.nspname AS schema, p.proname AS name, 'function' AS type, pg_get_function_identity_arguments(p.oid) AS arguments,
           pg_get_function_result(p.oid) AS result, obj_description(p.oid, 'pg_proc') AS comment
    FROM pg_catalog.pg_proc AS p JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace WHERE ${IN_SCHEMA} ORDER BY 1, 2, 4`,
  type: `
    SELECT n.nspname AS schema, t.typname AS name, 'type' AS type,
           CASE t.typtype WHEN 'e' THEN 'enum' WHEN 'd' THEN 'domain' WHEN 'r' THEN 'range' ELSE 'composite' END AS kind,
           (SELECT array_agg(e.enumlabel ORDER BY e.enumsortorder)::text[] FROM pg_catalog.pg_enum AS e WHERE e.enumtypid = t.oid) AS values,
           obj_description(t.oid, 'pg_type') AS comment
    FROM pg_catalog.pg_type AS t JOIN pg_catalog.pg_namespace AS n ON n.oid = t.typnamespace
    WHERE (t.typtype IN ('e', 'd', 'r') OR (t.typtype = 'c' AND EXISTS (SELECT FROM pg_catalog.pg_class AS c WHERE c.oid = t.typrelid AND c.relkind = 'c'))) AND ${IN_SCHEMA}
    ORDER BY 1, 2`,
  extension: `
    SELECT n.nspname AS schema, e.extname AS name, 'extension' AS type, e.extversion AS version, obj_description(e.oid, 'pg_extension') AS comment
    FROM pg_catalog.pg_extension AS e JOIN pg_catalog.pg_namespace AS n ON n.oid = e.extnamespace WHERE $1::text IS NULL OR n.nspname = $1::text ORDER BY 2`,
} as const;

export type ObjectType = keyof typeof LIST_QUERIES;

export const OBJECT_TYPES = Object.keys(LIST_QUERIES) as ObjectType[];

const relation = (kinds: string): string => `
  SELECT n.nspname AS schema, c.relname AS name, obj_description(c.oid, 'pg_class') AS comment,
    CASE c.relkind WHEN 'p' THEN 'partitioned table' WHEN 'r' THEN 'table' WHEN 'f' THEN 'foreign table' WHEN 'v' THEN 'view' ELSE 'materialized view' END AS kind,
    c.relrowsecurity AS row_security,
    CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid, true) END AS definition,
    pg_get_partkeydef(c.oid) AS partition_key,
    (SELECT json_agg(json_build_object('column', a.attname, 'data_type', format_type(a.atttypid, a.atttypmod), 'is_nullable', NOT a.attnotnull,
        'default', pg_get_expr(d.adbin, d.adrelid), 'generated', CASE WHEN a.attgenerated <> '' THEN true END, 'comment', col_description(c.oid, a.attnum),
        'enum_values', (SELECT json_agg(e.enumlabel ORDER BY e.enumsortorder) FROM pg_catalog.pg_enum AS e WHERE e.enumtypid = a.atttypid)) ORDER BY a.attnum)
     FROM pg_catalog.pg_attribute AS a LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
     WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
    (SELECT json_agg(json_build_object('name', k.conname, 'type', CASE k.contype WHEN 'p' THEN 'PRIMARY KEY' WHEN 'u' THEN 'UNIQUE' WHEN 'f' THEN 'FOREIGN KEY' WHEN 'c' THEN 'CHECK' WHEN 'x' THEN 'EXCLUDE' ELSE 'NOT NULL' END,
        'definition', pg_get_constraintdef(k.oid, true), 'references', CASE WHEN k.contype = 'f' THEN k.confrelid::regclass::text END, 'validated', k.convalidated) ORDER BY k.contype, k.conname)
     FROM pg_catalog.pg_constraint AS k WHERE k.conrelid = c.oid AND k.contype IN ('p', 'u', 'f', 'c', 'x')) AS constraints,
    (SELECT json_agg(json_build_object('table', k.conrelid::regclass::text, 'name', k.conname, 'definition', pg_get_constraintdef(k.oid, true)) ORDER BY k.conname)
     FROM pg_catalog.pg_constraint AS k WHERE k.confrelid = c.oid AND k.contype = 'f' AND k.conparentid = 0) AS referenced_by,
    (SELECT json_agg(json_build_object('name', i.indexrelid::regclass::text, 'definition', pg_get_indexdef(i.indexrelid), 'valid', i.indisvalid) ORDER BY i.indexrelid::regclass::text)
     FROM pg_catalog.pg_index AS i WHERE i.indrelid = c.oid) AS indexes,
    (SELECT json_agg(json_build_object('name', h.inhrelid::regclass::text, 'bounds', pg_get_expr(p.relpartbound, p.oid)) ORDER BY h.inhrelid::regclass::text)
     FROM pg_catalog.pg_inherits AS h JOIN pg_catalog.pg_class AS p ON p.oid = h.inhrelid WHERE h.inhparent = c.oid) AS partitions,
    (SELECT json_agg(json_build_object('name', y.polname, 'using', pg_get_expr(y.polqual, y.polrelid)) ORDER BY y.polname)
     FROM pg_catalog.pg_policy AS y WHERE y.polrelid = c.oid) AS policies,
    (SELECT json_agg(pg_get_triggerdef(t.oid, true) ORDER BY t.tgname) FROM pg_catalog.pg_trigger AS t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal) AS triggers
  FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
  WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN (${kinds}) AND has_schema_privilege(n.oid, 'USAGE')`;

export const DETAIL_QUERIES = {
  table: relation("'r', 'p', 'f'"),
  view: relation("'v'"),
  materialized_view: relation("'m'"),
  sequence: `SELECT schemaname AS schema, sequencename AS name, data_type::text, start_value::text, min_value::text, max_value::text, increment_by::text, cycle, last_value::text FROM pg_catalog.pg_sequences WHERE schemaname = $1 AND sequencename = $2`,
  extension: `SELECT n.nspname AS schema, e.extname AS name, e.extversion AS version, e.extrelocatable AS relocatable FROM pg_catalog.pg_extension AS e JOIN pg_catalog.pg_namespace AS n ON n.oid = e.extnamespace WHERE n.nspname = $1 AND e.extname = $2`,
  function: `
    SELECT n.nspname AS schema, p.proname AS name, json_agg(json_build_object('arguments', pg_get_function_arguments(p.oid), 'result', pg_get_function_result(p.oid), 'language', l.lanname,
      'volatility', CASE p.provolatile WHEN 'i' THEN 'immutable' WHEN 's' THEN 'stable' ELSE 'volatile' END, 'comment', obj_description(p.oid, 'pg_proc')) ORDER BY p.oid) AS overloads
    FROM pg_catalog.pg_proc AS p JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace JOIN pg_catalog.pg_language AS l ON l.oid = p.prolang
    WHERE n.nspname = $1 AND p.proname = $2 GROUP BY 1, 2`,
} as const;
