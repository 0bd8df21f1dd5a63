/** Statements that list objects. Each is fixed; what callers say goes in as parameter $1, a schema or null for every user schema. */

const USER_SCHEMA = `n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'`;
const IN_SCHEMA = `CASE WHEN $1::text IS NULL THEN ${USER_SCHEMA} ELSE n.nspname = $1::text END AND has_schema_privilege(n.oid, 'USAGE')`;
/** Objects that an extension made would hide the user's own. */
const notOfExtension = (catalog: string, oid: string): string =>
  `($1::text IS NOT NULL OR NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS x WHERE x.classid = 'pg_catalog.${catalog}'::regclass AND x.objid = ${oid} AND x.deptype = 'e'))`;

export const LIST_SCHEMAS = `
  SELECT n.nspname::text AS schema_name, pg_get_userbyid(n.nspowner)::text AS schema_owner,
         CASE WHEN ${USER_SCHEMA} THEN 'User' WHEN n.nspname = 'information_schema' THEN 'Information' ELSE 'System' END AS schema_type,
         has_schema_privilege(n.oid, 'USAGE') AS usable, obj_description(n.oid, 'pg_namespace') AS comment
  FROM pg_catalog.pg_namespace AS n
  WHERE n.nspname NOT LIKE 'pg\\_temp%' AND n.nspname NOT LIKE 'pg\\_toast%'
  ORDER BY 3 DESC, 1`;

/** Rows as ANALYZE last estimated them (null: never); a partitioned table's are its partitions' together. */
const ESTIMATED_ROWS = `
  CASE WHEN c.relkind = 'p' THEN (SELECT sum(p.reltuples) FILTER (WHERE p.reltuples >= 0)
                                  FROM pg_catalog.pg_partition_tree(c.oid) AS t JOIN pg_catalog.pg_class AS p ON p.oid = t.relid WHERE t.isleaf)
       WHEN c.reltuples >= 0 THEN c.reltuples END::float8`;
const SIZE = `
  CASE WHEN c.relkind = 'p' THEN (SELECT sum(pg_total_relation_size(t.relid)) FROM pg_catalog.pg_partition_tree(c.oid) AS t)
       WHEN c.relkind IN ('r', 'm', 'S', 'i') THEN pg_total_relation_size(c.oid) END`;

/** Facts of one pg_class row \`c\` that both the lists and the details give. */
export const RELATION_FACTS = `
  CASE c.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned table' WHEN 'f' THEN 'foreign table' WHEN 'v' THEN 'view'
                 WHEN 'm' THEN 'materialized view' WHEN 'S' THEN 'sequence' WHEN 'i' THEN 'index' ELSE 'partitioned index' END AS kind,
  ${ESTIMATED_ROWS} AS estimated_rows, pg_size_pretty(${SIZE}) AS size,
  has_table_privilege(c.oid, 'SELECT') OR has_any_column_privilege(c.oid, 'SELECT') AS readable`;

/** As obj_description, which takes three times as long for a thousand tables. */
const COMMENT = `(SELECT d.description FROM pg_catalog.pg_description AS d
                 WHERE d.objoid = c.oid AND d.classoid = 'pg_catalog.pg_class'::regclass AND d.objsubid = 0)`;

const relations = (type: string, condition: string): string => `
  SELECT n.nspname::text AS schema, c.relname::text AS name, '${type}' AS type, ${RELATION_FACTS},
         ${COMMENT} AS comment
  FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
  WHERE ${condition} AND ${IN_SCHEMA} AND ${notOfExtension('pg_class', 'c.oid')}
  ORDER BY 1, 2`;

export const LIST_QUERIES = {
  table: relations('table', "c.relkind IN ('r', 'p', 'f') AND NOT c.relispartition"),
  view: relations('view', "c.relkind = 'v'"),
  materialized_view: relations('materialized_view', "c.relkind = 'm'"),
  partition: `
    SELECT n.nspname::text AS schema, c.relname::text AS name, 'partition' AS type, h.inhparent::regclass::text AS parent,
           pg_get_expr(c.relpartbound, c.oid) AS bounds, ${RELATION_FACTS}, obj_description(c.oid, 'pg_class') AS comment
    FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_inherits AS h ON h.inhrelid = c.oid
    WHERE c.relispartition AND c.relkind IN ('r', 'p', 'f') AND ${IN_SCHEMA}
    ORDER BY 1, 2`,
  index: `
    SELECT n.nspname::text AS schema, c.relname::text AS name, 'index' AS type, i.indrelid::regclass::text AS "table",
           pg_get_indexdef(c.oid) AS definition, i.indisvalid AS valid, pg_size_pretty(pg_total_relation_size(c.oid)) AS size,
           obj_description(c.oid, 'pg_class') AS comment
    FROM pg_catalog.pg_index AS i JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE ${IN_SCHEMA} AND ${notOfExtension('pg_class', 'c.oid')}
    ORDER BY 1, 2`,
  sequence: `
    SELECT s.schemaname::text AS schema, s.sequencename::text AS name, 'sequence' AS type, s.data_type::text, s.max_value::text,
           s.last_value::text, round(100 * coalesce(s.last_value, s.start_value)::numeric / s.max_value, 1)::float8 AS percent_used,
           obj_description(c.oid, 'pg_class') AS comment
    FROM pg_catalog.pg_sequences AS s JOIN pg_catalog.pg_namespace AS n ON n.nspname = s.schemaname
    JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid AND c.relname = s.sequencename
    WHERE ${IN_SCHEMA} AND ${notOfExtension('pg_class', 'c.oid')}
    ORDER BY 1, 2`,
  function: `
    SELECT n.nspname::text AS schema, p.proname::text AS name, 'function' AS type,
           CASE p.prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate' WHEN 'w' THEN 'window function' ELSE 'function' END AS kind,
           pg_get_function_identity_arguments(p.oid) AS arguments, pg_get_function_result(p.oid) AS result,
           obj_description(p.oid, 'pg_proc') AS comment
    FROM pg_catalog.pg_proc AS p JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
    WHERE ${IN_SCHEMA} AND ${notOfExtension('pg_proc', 'p.oid')}
    ORDER BY 1, 2, 5`,
  trigger: `
    SELECT n.nspname::text AS schema, t.tgname::text AS name, 'trigger' AS type, t.tgrelid::regclass::text AS "table",
           pg_get_triggerdef(t.oid, true) AS definition, t.tgenabled <> 'D' AS enabled, obj_description(t.oid, 'pg_trigger') AS comment
    FROM pg_catalog.pg_trigger AS t JOIN pg_catalog.pg_class AS c ON c.oid = t.tgrelid
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE NOT t.tgisinternal AND ${IN_SCHEMA}
    ORDER BY 1, 4, 2`,
  type: `
    SELECT n.nspname::text AS schema, t.typname::text AS name, 'type' AS type,
           CASE t.typtype WHEN 'e' THEN 'enum' WHEN 'd' THEN 'domain' WHEN 'r' THEN 'range' WHEN 'm' THEN 'multirange' ELSE 'composite' END AS kind,
           (SELECT array_agg(e.enumlabel::text ORDER BY e.enumsortorder) FROM pg_catalog.pg_enum AS e WHERE e.enumtypid = t.oid) AS enum_values,
           obj_description(t.oid, 'pg_type') AS comment
    FROM pg_catalog.pg_type AS t JOIN pg_catalog.pg_namespace AS n ON n.oid = t.typnamespace
    WHERE (t.typtype IN ('e', 'd', 'r') OR EXISTS (SELECT FROM pg_catalog.pg_class AS c WHERE c.oid = t.typrelid AND c.relkind = 'c'))
      AND ${IN_SCHEMA} AND ${notOfExtension('pg_type', 't.oid')}
    ORDER BY 1, 2`,
  extension: `
    SELECT n.nspname::text AS schema, e.extname::text AS name, 'extension' AS type, e.extversion AS version,
           obj_description(e.oid, 'pg_extension') AS comment
    FROM pg_catalog.pg_extension AS e JOIN pg_catalog.pg_namespace AS n ON n.oid = e.extnamespace
    WHERE $1::text IS NULL OR n.nspname = $1::text
    ORDER BY 2`,
} as const;

export type ObjectType = keyof typeof LIST_QUERIES;

export const OBJECT_TYPES = Object.keys(LIST_QUERIES) as ObjectType[];
