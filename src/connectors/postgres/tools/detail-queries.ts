import { RELATION_FACTS } from './list-queries.ts';

/**
 * Statements that describe one object: $1 is its schema or null for any that the role can use, $2 its name. Each gives one JSON object
 * a row, in a column named `object`.
 */

const NAMED = (schema: string, name: string): string =>
  `($1::text IS NULL OR ${schema} = $1::text) AND ${name} = $2::text`;

const COLUMNS = `
  (SELECT json_agg(json_build_object(
       'column', a.attname, 'data_type', format_type(a.atttypid, a.atttypmod), 'is_nullable', NOT a.attnotnull,
       'default', pg_get_expr(d.adbin, d.adrelid),
       'generated', CASE WHEN a.attgenerated <> '' THEN 'stored or virtual' WHEN a.attidentity <> '' THEN 'identity' END,
       'comment', col_description(c.oid, a.attnum),
       'enum_values', (SELECT json_agg(e.enumlabel ORDER BY e.enumsortorder) FROM pg_catalog.pg_enum AS e
                       WHERE e.enumtypid IN (a.atttypid, (SELECT t.typelem FROM pg_catalog.pg_type AS t WHERE t.oid = a.atttypid)))
     ) ORDER BY a.attnum)
   FROM pg_catalog.pg_attribute AS a LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
   WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)`;

const columnNames = (relation: string, numbers: string): string => `
  (SELECT json_agg(a.attname ORDER BY u.at) FROM unnest(${numbers}) WITH ORDINALITY AS u (number, at)
   JOIN pg_catalog.pg_attribute AS a ON a.attrelid = ${relation} AND a.attnum = u.number)`;

const CONSTRAINTS = `
  (SELECT json_agg(json_build_object(
       'name', k.conname,
       'type', CASE k.contype WHEN 'p' THEN 'PRIMARY KEY' WHEN 'u' THEN 'UNIQUE' WHEN 'f' THEN 'FOREIGN KEY' WHEN 'c' THEN 'CHECK' ELSE 'EXCLUDE' END,
       'columns', ${columnNames('k.conrelid', 'k.conkey')}, 'definition', pg_get_constraintdef(k.oid, true), 'validated', k.convalidated
     ) ORDER BY k.contype = 'p' DESC, k.contype, k.conname)
   FROM pg_catalog.pg_constraint AS k WHERE k.conrelid = c.oid AND k.contype IN ('p', 'u', 'f', 'c', 'x'))`;

const foreignKeys = (from: string, to: string): string => `
  (SELECT json_agg(json_build_object(
       'name', k.conname, 'table', k.${to}::regclass::text,
       'columns', ${columnNames('k.conrelid', 'k.conkey')}, 'referenced_columns', ${columnNames('k.confrelid', 'k.confkey')},
       'on_delete', CASE k.confdeltype WHEN 'a' THEN 'NO ACTION' WHEN 'r' THEN 'RESTRICT' WHEN 'c' THEN 'CASCADE' WHEN 'n' THEN 'SET NULL' ELSE 'SET DEFAULT' END
     ) ORDER BY k.conname)
   FROM pg_catalog.pg_constraint AS k WHERE k.${from} = c.oid AND k.contype = 'f' AND k.conparentid = 0)`;

const INDEXES = `
  (SELECT json_agg(json_build_object('name', x.relname, 'definition', pg_get_indexdef(i.indexrelid), 'valid', i.indisvalid) ORDER BY x.relname)
   FROM pg_catalog.pg_index AS i JOIN pg_catalog.pg_class AS x ON x.oid = i.indexrelid WHERE i.indrelid = c.oid)`;

const PARTITIONS = `
  (SELECT json_agg(json_build_object('name', p.oid::regclass::text, 'bounds', pg_get_expr(p.relpartbound, p.oid)) ORDER BY p.relname)
   FROM pg_catalog.pg_inherits AS h JOIN pg_catalog.pg_class AS p ON p.oid = h.inhrelid WHERE h.inhparent = c.oid AND p.relispartition)`;

const POLICIES = `
  (SELECT json_agg(json_build_object(
       'name', y.polname, 'permissive', y.polpermissive,
       'command', CASE y.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
       'using', pg_get_expr(y.polqual, y.polrelid), 'with_check', pg_get_expr(y.polwithcheck, y.polrelid)) ORDER BY y.polname)
   FROM pg_catalog.pg_policy AS y WHERE y.polrelid = c.oid)`;

const TRIGGERS = `
  (SELECT json_agg(pg_get_triggerdef(t.oid, true) ORDER BY t.tgname) FROM pg_catalog.pg_trigger AS t
   WHERE t.tgrelid = c.oid AND NOT t.tgisinternal)`;

const RELATION = `
  SELECT row_to_json(r) AS object FROM (
    SELECT n.nspname AS schema, c.relname AS name, ${RELATION_FACTS}, obj_description(c.oid, 'pg_class') AS comment,
      ${COLUMNS} AS columns, ${CONSTRAINTS} AS constraints, ${foreignKeys('conrelid', 'confrelid')} AS foreign_keys,
      ${foreignKeys('confrelid', 'conrelid')} AS referenced_by, ${INDEXES} AS indexes,
      pg_get_partkeydef(c.oid) AS partition_key, ${PARTITIONS} AS partitions, c.relrowsecurity AS row_security, ${POLICIES} AS policies,
      ${TRIGGERS} AS triggers, CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid, true) END AS definition
    FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE ${NAMED('n.nspname', 'c.relname')} AND c.relkind IN ('r', 'p', 'f', 'v', 'm') AND has_schema_privilege(n.oid, 'USAGE')
  ) AS r`;

const SEQUENCE = `
  SELECT row_to_json(r) AS object FROM (
    SELECT s.schemaname AS schema, s.sequencename AS name, 'sequence' AS kind, s.data_type::text, s.start_value::text, s.min_value::text,
      s.max_value::text, s.increment_by::text, s.cycle, s.last_value::text,
      round(100 * coalesce(s.last_value, s.start_value)::numeric / s.max_value, 1) AS percent_used
    FROM pg_catalog.pg_sequences AS s WHERE ${NAMED('s.schemaname', 's.sequencename')}
  ) AS r`;

const FUNCTION = `
  SELECT row_to_json(r) AS object FROM (
    SELECT n.nspname AS schema, p.proname AS name, 'function' AS kind, json_agg(json_build_object(
      'arguments', pg_get_function_arguments(p.oid), 'result', pg_get_function_result(p.oid), 'language', l.lanname,
      'volatility', CASE p.provolatile WHEN 'i' THEN 'immutable' WHEN 's' THEN 'stable' ELSE 'volatile' END,
      'security_definer', p.prosecdef, 'comment', obj_description(p.oid, 'pg_proc'),
      'definition', CASE WHEN p.prokind IN ('f', 'p') AND l.lanname NOT IN ('c', 'internal') THEN left(pg_get_functiondef(p.oid), 8000) END
    ) ORDER BY p.oid) AS overloads
    FROM pg_catalog.pg_proc AS p JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
    JOIN pg_catalog.pg_language AS l ON l.oid = p.prolang
    WHERE ${NAMED('n.nspname', 'p.proname')} AND has_schema_privilege(n.oid, 'USAGE') GROUP BY 1, 2
  ) AS r`;

const TYPE = `
  SELECT row_to_json(r) AS object FROM (
    SELECT n.nspname AS schema, t.typname AS name,
      CASE t.typtype WHEN 'e' THEN 'enum' WHEN 'd' THEN 'domain' WHEN 'r' THEN 'range' WHEN 'm' THEN 'multirange' WHEN 'c' THEN 'composite' ELSE 'base type' END AS kind,
      (SELECT json_agg(e.enumlabel ORDER BY e.enumsortorder) FROM pg_catalog.pg_enum AS e WHERE e.enumtypid = t.oid) AS enum_values,
      CASE WHEN t.typtype = 'd' THEN format_type(t.typbasetype, t.typtypmod) END AS base_type,
      (SELECT json_agg(pg_get_constraintdef(k.oid, true)) FROM pg_catalog.pg_constraint AS k WHERE k.contypid = t.oid) AS checks,
      (SELECT json_agg(json_build_object('name', a.attname, 'data_type', format_type(a.atttypid, a.atttypmod)) ORDER BY a.attnum)
       FROM pg_catalog.pg_attribute AS a WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped) AS attributes,
      obj_description(t.oid, 'pg_type') AS comment
    FROM pg_catalog.pg_type AS t JOIN pg_catalog.pg_namespace AS n ON n.oid = t.typnamespace
    WHERE ${NAMED('n.nspname', 't.typname')} AND has_schema_privilege(n.oid, 'USAGE')
  ) AS r`;

const EXTENSION = `
  SELECT row_to_json(r) AS object FROM (
    SELECT n.nspname AS schema, e.extname AS name, 'extension' AS kind, e.extversion AS version, e.extrelocatable AS relocatable,
      obj_description(e.oid, 'pg_extension') AS comment
    FROM pg_catalog.pg_extension AS e JOIN pg_catalog.pg_namespace AS n ON n.oid = e.extnamespace
    WHERE ($1::text IS NULL OR n.nspname = $1::text) AND e.extname = $2::text
  ) AS r`;

/** Tables, views and materialized views share one statement: models mix them up, and the answer's `kind` says what it is. */
export const DETAIL_QUERIES = {
  table: RELATION,
  view: RELATION,
  materialized_view: RELATION,
  partition: RELATION,
  sequence: SEQUENCE,
  function: FUNCTION,
  type: TYPE,
  extension: EXTENSION,
} as const;

export type DetailType = keyof typeof DETAIL_QUERIES;

export const DETAIL_TYPES = Object.keys(DETAIL_QUERIES) as DetailType[];
