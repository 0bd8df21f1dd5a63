import type { ClientBase } from 'pg';
import type { ColumnUses } from './guard/column-uses.ts';

/** What stands in place of a masked value. NULL stays NULL. */
export const MASKED = '[masked]';

const RULES_MAX = 200;
const PLAN_COLUMN = 'QUERY PLAN';
const FORMS =
  'write column, table.column, schema.table.column, /regular expression of column names/ or type:name';

/** Which columns are masked. */
export type MaskRule =
  | {
      readonly kind: 'name';
      readonly schema: string | undefined;
      readonly table: string | undefined;
      readonly column: string;
    }
  | { readonly kind: 'pattern'; readonly pattern: RegExp }
  | { readonly kind: 'type'; readonly type: string };

/** Reads one rule. Names are compared without case. Throws with how to write it when it is none. */
export function parseMaskRule(text: string): MaskRule {
  const pattern = /^\/(.+)\/$/s.exec(text);
  if (pattern !== null) return { kind: 'pattern', pattern: patternOf(pattern[1]!) };
  const type = /^type:(.+)$/.exec(text);
  if (type !== null) return { kind: 'type', type: type[1]!.trim().toLowerCase() };
  const parts = text.toLowerCase().split('.');
  if (parts.length > 3 || parts.some((part) => part.trim() === '' || /[\s/]/.test(part)))
    throw new Error(`mask: ${JSON.stringify(text)} is not a rule; ${FORMS}`);
  return { kind: 'name', column: parts.at(-1)!, table: parts.at(-2), schema: parts.at(-3) };
}

/** Reads rules; at most 200. Throws one sentence. */
export function parseMaskRules(texts: readonly string[]): readonly MaskRule[] {
  if (texts.length > RULES_MAX) throw new Error(`mask: at most ${RULES_MAX} rules, not ${texts.length}`);
  return texts.map(parseMaskRule);
}

function patternOf(source: string): RegExp {
  try {
    return new RegExp(source, 'iu');
  } catch (error) {
    throw new Error(`mask: /${source}/ is not a regular expression; ${FORMS}`, { cause: error });
  }
}

interface ColumnRow {
  readonly relation: number;
  readonly number: number;
  readonly schema: string;
  readonly table: string;
  readonly column: string;
  readonly type: string;
}

const COLUMNS = `
  SELECT c.oid::int8::float8 AS relation, a.attnum AS number, n.nspname::text AS schema, c.relname::text AS "table", a.attname::text AS "column",
    pg_catalog.format_type(a.atttypid, NULL) AS type
  FROM pg_catalog.pg_attribute AS a JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
  WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
    AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'`;

/** Views that show values of columns whatever the column is called. */
const STATISTICS: ReadonlySet<string> = new Set(['pg_stats', 'pg_stats_ext', 'pg_stats_ext_exprs']);

/** The columns of one database that are masked. */
export class Mask {
  readonly #rules: readonly MaskRule[];
  readonly #origins = new Set<string>();
  readonly #columns = new Set<string>();
  readonly #relations = new Set<string>();
  readonly #named = new Set<string>();

  constructor(rules: readonly MaskRule[], columns: readonly ColumnRow[]) {
    this.#rules = rules;
    for (const row of columns) {
      if (!rules.some((rule) => fits(rule, row))) continue;
      this.#origins.add(`${row.relation}.${row.number}`);
      this.#columns.add(row.column);
      this.#relations.add(row.table);
      this.#named.add(`${row.schema}.${row.table}.${row.column}`);
    }
  }

  /** Whether a column of a result is masked: by the table column that it is, or by what it is called. */
  hides(field: { readonly name: string; readonly tableID: number; readonly columnID: number }): boolean {
    if (this.#origins.has(`${field.tableID}.${field.columnID}`)) return true;
    // What a function computes has only the name that it is given; plans have the one that PostgreSQL gives them.
    if (field.tableID !== 0 || field.name === PLAN_COLUMN) return false;
    return this.#rules.some(
      (rule) =>
        (rule.kind === 'pattern' && rule.pattern.test(field.name)) ||
        (rule.kind === 'name' && rule.table === undefined && rule.column === field.name.toLowerCase()),
    );
  }

  /** Whether a column of a table is masked, by name: for what is read from the catalogue. */
  hidesColumn(schema: string, table: string, column: string): boolean {
    return this.#named.has(`${schema}.${table}.${column}`);
  }

  /** Why a statement could show masked values in a form in which they cannot be masked any more, or `undefined`. */
  problem(
    relations: readonly (readonly [string | undefined, string])[],
    uses: ColumnUses,
  ): string | undefined {
    if (this.#rules.length === 0) return undefined;
    const statistics = relations.find(([, name]) => STATISTICS.has(name));
    if (statistics !== undefined)
      return `relation ${statistics[1]} shows values of masked columns, and may not be read here`;
    if (!relations.some(([, name]) => this.#relations.has(name))) return undefined;
    const column = uses.inner.find((name) => this.#columns.has(name));
    if (column !== undefined)
      return `column ${column} is masked: it may only stand by itself in the outermost select list, not in expressions, conditions, subqueries or UNION`;
    if (uses.innerStar)
      return 'with masked columns, * may only stand in the outermost select list; name the columns in subqueries, UNION and RETURNING';
    const row = uses.single.find((name) => uses.sources.includes(name));
    if (row !== undefined)
      return `${row} names a whole row, which has masked columns; name the columns instead`;
    if (uses.renames)
      return 'with masked columns, tables are joined with ON, and their columns are not renamed in FROM';
    return undefined;
  }
}

/** Finds the masked columns in a database's catalogue. */
export async function loadMask(client: ClientBase, rules: readonly MaskRule[]): Promise<Mask> {
  if (rules.length === 0) return new Mask(rules, []);
  const { rows } = await client.query<ColumnRow>(COLUMNS);
  return new Mask(rules, rows);
}

function fits(rule: MaskRule, row: ColumnRow): boolean {
  if (rule.kind === 'pattern') return rule.pattern.test(row.column);
  if (rule.kind === 'type') return row.type.toLowerCase() === rule.type;
  return (
    row.column.toLowerCase() === rule.column &&
    (rule.table === undefined || rule.table === row.table.toLowerCase()) &&
    (rule.schema === undefined || rule.schema === row.schema.toLowerCase())
  );
}
