import type { ClientBase } from 'pg';
import type { ColumnUses } from './guard/column-uses.ts';
import { type ColumnRow, loadMaskedColumns } from './mask-columns.ts';
import type { MaskRule } from './mask-rules.ts';

/** What stands in place of a masked value. NULL stays NULL. */
export const MASKED = '[masked]';

const PLAN_COLUMN = 'QUERY PLAN';

/** Views that show values of columns whatever the column is called. */
const STATISTICS: ReadonlySet<string> = new Set(['pg_stats', 'pg_stats_ext', 'pg_stats_ext_exprs']);

/** The columns of one database that are masked. */
export class Mask {
  readonly #rules: readonly MaskRule[];
  readonly #origins = new Set<string>();
  /** Masked columns by the name of their relation, both in small letters: which are folded depends on the server's encoding. */
  readonly #columns = new Map<string, Set<string>>();

  /** `columns`: all that are masked. */
  constructor(rules: readonly MaskRule[], columns: readonly ColumnRow[]) {
    this.#rules = rules;
    for (const row of columns) {
      this.#origins.add(`${row.relation}.${row.number}`);
      const table = row.table.toLowerCase();
      this.#columns.set(table, (this.#columns.get(table) ?? new Set()).add(row.column.toLowerCase()));
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

  /** Why nothing may be given another name or type, or `undefined`: rules know columns by these. */
  alterProblem(): string | undefined {
    return this.#rules.length > 0
      ? 'with masked columns, tables are not altered and nothing is renamed: the rules would not find the columns any more'
      : undefined;
  }

  /** Why a statement could show masked values in a form in which they cannot be masked any more, or `undefined`. */
  problem(
    relations: readonly (readonly [string | undefined, string])[],
    uses: ColumnUses,
  ): string | undefined {
    if (this.#columns.size === 0) return undefined;
    const statistics = relations.find(([, name]) => STATISTICS.has(name));
    if (statistics !== undefined && this.#rules.length > 0)
      return `relation ${statistics[1]} shows values of masked columns, and may not be read here`;
    const masked = relations.flatMap(([, name]) => [...(this.#columns.get(name.toLowerCase()) ?? [])]);
    if (masked.length === 0) return undefined;
    const column = uses.inner.find((name) => masked.includes(name.toLowerCase()));
    if (column !== undefined)
      return `column ${column} is masked: it may only stand by itself in the outermost select list, not in expressions, conditions, subqueries or UNION`;
    if (uses.innerStar)
      return 'with masked columns, * may only stand in the outermost select list, and not with DISTINCT or places in ORDER BY and GROUP BY; name the columns, in subqueries, UNION and RETURNING, too';
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
  return new Mask(rules, await loadMaskedColumns(client, rules));
}
