import { RELATION_FACTS } from './list-queries.ts';

/**
 * Searching for objects: $1 is a LIKE pattern in lower case, $2 a schema or null for every user schema, $3 the plain text in
 * lower case, $4 how many. Names before columns before comments.
 */

const IN_SCHEMA = `CASE WHEN $2::text IS NULL THEN n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' ELSE n.nspname = $2::text END
    AND has_schema_privilege(n.oid, 'USAGE')`;

const rank = (name: string): string =>
  `CASE WHEN lower(${name}) = $3::text THEN 0 WHEN lower(${name}) LIKE $3::text || '%' THEN 1 WHEN lower(${name}) LIKE $1::text THEN 2`;

const RELATIONS = `
  SELECT n.nspname::text AS schema, c.relname::text AS name, ${RELATION_FACTS}, obj_description(c.oid, 'pg_class') AS comment,
         m.columns AS matching_columns,
         ${rank('c.relname')} WHEN m.columns IS NOT NULL THEN 3 ELSE 4 END AS rank
  FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
  CROSS JOIN LATERAL (
    SELECT array_agg(a.attname::text ORDER BY a.attnum) AS columns FROM pg_catalog.pg_attribute AS a
    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
      AND (lower(a.attname) LIKE $1::text OR lower(col_description(c.oid, a.attnum)) LIKE $1::text)) AS m
  WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm') AND NOT c.relispartition AND ${IN_SCHEMA}
    AND (lower(c.relname) LIKE $1::text OR m.columns IS NOT NULL OR lower(obj_description(c.oid, 'pg_class')) LIKE $1::text)`;

const FUNCTIONS = `
  SELECT n.nspname::text AS schema, p.proname::text AS name,
         CASE p.prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate' ELSE 'function' END AS kind,
         NULL::float8, NULL::text, has_function_privilege(p.oid, 'EXECUTE'), obj_description(p.oid, 'pg_proc'), NULL::text[],
         ${rank('p.proname')} ELSE 4 END
  FROM pg_catalog.pg_proc AS p JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
  WHERE ${IN_SCHEMA} AND (lower(p.proname) LIKE $1::text OR lower(obj_description(p.oid, 'pg_proc')) LIKE $1::text)
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS x WHERE x.classid = 'pg_catalog.pg_proc'::regclass AND x.objid = p.oid AND x.deptype = 'e')`;

const OTHERS = `
  SELECT n.nspname::text AS schema, c.relname::text AS name, CASE c.relkind WHEN 'S' THEN 'sequence' ELSE 'index' END AS kind,
         NULL::float8, pg_size_pretty(pg_relation_size(c.oid)), NULL::boolean, obj_description(c.oid, 'pg_class'), NULL::text[],
         ${rank('c.relname')} ELSE 4 END
  FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('S', 'i') AND ${IN_SCHEMA} AND lower(c.relname) LIKE $1::text
  UNION ALL
  SELECT n.nspname::text, t.typname::text, CASE t.typtype WHEN 'e' THEN 'enum' ELSE 'domain' END,
         NULL::float8, NULL::text, NULL::boolean, obj_description(t.oid, 'pg_type'), NULL::text[], ${rank('t.typname')} ELSE 4 END
  FROM pg_catalog.pg_type AS t JOIN pg_catalog.pg_namespace AS n ON n.oid = t.typnamespace
  WHERE t.typtype IN ('e', 'd') AND ${IN_SCHEMA} AND (lower(t.typname) LIKE $1::text
    OR EXISTS (SELECT FROM pg_catalog.pg_enum AS e WHERE e.enumtypid = t.oid AND lower(e.enumlabel) LIKE $1::text))`;

/** Also $5: how many to leave out. */
export const SEARCH_OBJECTS = `
  SELECT * FROM (${RELATIONS} UNION ALL ${FUNCTIONS} UNION ALL ${OTHERS}) AS found
  ORDER BY rank, schema, name LIMIT $4::int OFFSET $5::int`;
