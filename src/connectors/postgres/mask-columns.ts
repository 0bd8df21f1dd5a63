import type { ClientBase } from 'pg';
import { fits, type MaskRule } from './mask-rules.ts';
import { readViewRule } from './view-columns.ts';

/** A column of a relation, with what rules look at. */
export interface ColumnRow {
  readonly relation: number;
  readonly number: number;
  readonly schema: string;
  readonly table: string;
  readonly column: string;
  readonly type: string;
}

/** Views upon views. */
const LEVELS_MAX = 100;

const COLUMNS = `
  SELECT c.oid::int8::float8 AS relation, a.attnum AS number, n.nspname::text AS schema, c.relname::text AS "table", a.attname::text AS "column",
    pg_catalog.format_type(a.atttypid, NULL) AS type
  FROM pg_catalog.pg_attribute AS a JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
  WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
    AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'`;

/**
 * Settings of roles, which applications keep secrets in: hidden as pg_db_role_setting is refused. Where columns are masked ($1), also the
 * statements of other sessions, which hold values of them.
 */
const SYSTEM_COLUMNS = `
  SELECT a.attrelid::int8::float8 AS relation, a.attnum AS number, 'pg_catalog' AS schema, c.relname::text AS "table", a.attname::text AS "column", '' AS type
  FROM pg_catalog.pg_attribute AS a JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid
  WHERE c.relnamespace = 'pg_catalog'::pg_catalog.regnamespace AND (c.relname, a.attname) IN (('pg_roles', 'rolconfig'), ('pg_user', 'useconfig'), ('pg_stat_activity', 'query'))
    AND (a.attname <> 'query' OR $1)`;

/** Partitions and children of the same table have the same columns by name. */
const RELATIVES = `
  SELECT i.inhrelid::int8::float8 AS child, i.inhparent::int8::float8 AS parent FROM pg_catalog.pg_inherits AS i`;

/** Generated columns, and the columns that they are made of. Whose dependency it is differs between versions. */
const GENERATED = `
  SELECT d.refobjid::int8::float8 AS relation, d.refobjsubid AS "from", coalesce(nullif(d.objsubid, 0), f.adnum) AS number
  FROM pg_catalog.pg_depend AS d
  LEFT JOIN pg_catalog.pg_attrdef AS f ON d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass AND f.oid = d.objid
  JOIN pg_catalog.pg_attribute AS a ON a.attrelid = d.refobjid AND a.attnum = coalesce(nullif(d.objsubid, 0), f.adnum) AND a.attgenerated <> ''
  WHERE d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjsubid > 0
    AND (f.adrelid = d.refobjid OR (d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = d.refobjid))`;

/** The views that read some relation of $1: what of it each depends on (0 is the relation itself), and its rule. */
const VIEWS = `
  SELECT r.ev_class::int8::float8 AS relation, r.ev_action::text AS tree,
    (SELECT json_agg(json_build_array(d.refobjid::int8, d.refobjsubid)) FROM pg_catalog.pg_depend AS d
     WHERE d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid = r.oid AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass) AS uses
  FROM pg_catalog.pg_rewrite AS r JOIN pg_catalog.pg_class AS c ON c.oid = r.ev_class AND c.relkind IN ('v', 'm')
  WHERE r.ev_type = '1' AND EXISTS (SELECT FROM pg_catalog.pg_depend AS d
     WHERE d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid = r.oid AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
       AND d.refobjid = ANY($1::oid[]) AND d.refobjid <> r.ev_class)`;

interface ViewRow {
  readonly relation: number;
  readonly tree: string;
  readonly uses: readonly (readonly [number, number])[];
}

/** Columns by relation. */
type Found = Map<number, Set<number>>;

/**
 * The columns that rules name, and those that show the same values: in partitions, parents and children of their tables, in generated
 * columns, and in views and materialized views, under whatever name. A column that a view computes counts when the view uses a masked
 * column in any way. What functions read is not followed.
 */
export async function loadMaskedColumns(
  client: ClientBase,
  rules: readonly MaskRule[],
): Promise<readonly ColumnRow[]> {
  const system = await client.query<ColumnRow>(SYSTEM_COLUMNS, [rules.length > 0]);
  if (rules.length === 0) return system.rows;
  const { rows } = await client.query<ColumnRow>(COLUMNS);
  const masked: Found = new Map();
  for (const row of rows) if (rules.some((rule) => fits(rule, row))) add(masked, row.relation, row.number);
  const generated = await client.query<{ relation: number; from: number; number: number }>(GENERATED);
  const relatives = await client.query<{ child: number; parent: number }>(RELATIVES);
  const byRelation = Map.groupBy(rows, ({ relation }) => relation);
  const seen = new Set<string>();
  for (let level = 0; level < LEVELS_MAX; level++) {
    spread(masked, { byRelation, generated: generated.rows, relatives: relatives.rows });
    const state = stateOf(masked);
    if (seen.has(state))
      return [...system.rows, ...rows.filter((row) => has(masked, row.relation, row.number))];
    seen.add(state);
    const views = await client.query<ViewRow>(VIEWS, [[...masked.keys()]]);
    for (const view of views.rows) maskView(masked, view);
  }
  throw new Error('views of masked columns stand upon each other too deeply');
}

/** Within tables: to generated columns, and to partitions, children and parents, until there is nothing new. */
function spread(
  masked: Found,
  tables: {
    readonly byRelation: ReadonlyMap<number, readonly ColumnRow[]>;
    readonly generated: readonly {
      readonly relation: number;
      readonly from: number;
      readonly number: number;
    }[];
    readonly relatives: readonly { readonly child: number; readonly parent: number }[];
  },
): void {
  const { byRelation, generated, relatives } = tables;
  const copy = (from: number, to: number): void => {
    const names = (byRelation.get(from) ?? []).filter((row) => has(masked, from, row.number));
    for (const { column } of names)
      for (const row of byRelation.get(to) ?? []) if (row.column === column) add(masked, to, row.number);
  };
  for (let before = -1; before !== sizeOf(masked); ) {
    before = sizeOf(masked);
    for (const { relation, from, number } of generated)
      if (has(masked, relation, from)) add(masked, relation, number);
    for (const { child, parent } of relatives) {
      if (masked.has(parent)) copy(parent, child);
      if (masked.has(child)) copy(child, parent);
    }
  }
}

function maskView(masked: Found, { relation, tree, uses }: ViewRow): void {
  const { columns, hasWholeRow } = readViewRule(tree);
  const computes = uses.some(
    ([used, number]) => used !== relation && (has(masked, used, number) || (hasWholeRow && masked.has(used))),
  );
  for (const { number, origins, computed } of columns) {
    const shows = origins.some((origin) => has(masked, origin.relation, origin.number));
    if (shows || (computed && computes)) add(masked, relation, number);
  }
}

function add(found: Found, relation: number, number: number): void {
  const numbers = found.get(relation);
  if (numbers === undefined) found.set(relation, new Set([number]));
  else numbers.add(number);
}

function has(found: Found, relation: number, number: number): boolean {
  return found.get(relation)?.has(number) === true;
}

function sizeOf(found: Found): number {
  return [...found.values()].reduce((sum, numbers) => sum + numbers.size, 0);
}

function stateOf(found: Found): string {
  return `${found.size} ${sizeOf(found)}`;
}
