type Node = Readonly<Record<string, unknown>>;

/** Where a statement takes columns from, other than as a plain column of its own result, which can be masked there. */
export interface ColumnUses {
  /** Last parts of column references inside expressions, conditions, subqueries. */
  readonly inner: readonly string[];
  /** References of one part: a column, or to PostgreSQL a whole row of the relation or alias of that name. */
  readonly single: readonly string[];
  /** Names that FROM gives to relations and subqueries. */
  readonly sources: readonly string[];
  /** `*` below the outermost select list. */
  readonly innerStar: boolean;
  /** Columns are renamed in FROM (`t AS x(a, b)`), or matched by name (NATURAL, USING). */
  readonly renames: boolean;
}

/** Reads the uses off a statement's tree: a SelectStmt, or one that writes. */
export function columnUses(root: Node): ColumnUses {
  const found = new Uses();
  const select = root['SelectStmt'] as Node | undefined;
  const own =
    select?.['op'] === 'SETOP_NONE' ? (select['targetList'] as readonly Node[] | undefined) : undefined;
  found.visit(
    root,
    own === undefined ? new Set() : new Set(own.map(plainColumn).filter((node) => node !== undefined)),
  );
  if (own !== undefined) found.keys(select!, own);
  return found;
}

/** A number as ORDER BY and GROUP BY take it: the place of a column in the select list. */
function placeIn(node: Node | undefined): number | undefined {
  const value = (node?.['A_Const'] as Node | undefined)?.['ival'] as Node | undefined;
  return value === undefined ? undefined : Number(value['ival'] ?? 0);
}

/** The keys in ROLLUP, CUBE, GROUPING SETS and brackets, each by itself. DISTINCT without ON is one empty node. */
function keysIn(node: Node | undefined): readonly (Node | undefined)[] {
  const sets = node?.['GroupingSet'] as Node | undefined;
  const row = node?.['RowExpr'] as Node | undefined;
  if (sets === undefined && row === undefined) return [node];
  return listOf(sets?.['content'] ?? row?.['args']).flatMap(keysIn);
}

/** The column reference that a select-list item consists of, if it is nothing more. */
function plainColumn(item: Node): Node | undefined {
  const value = (item['ResTarget'] as Node | undefined)?.['val'] as Node | undefined;
  return value?.['ColumnRef'] as Node | undefined;
}

class Uses implements ColumnUses {
  readonly inner: string[] = [];
  readonly single: string[] = [];
  readonly sources: string[] = [];
  innerStar = false;
  renames = false;

  visit(value: unknown, plain: ReadonlySet<Node>): void {
    if (typeof value !== 'object' || value === null) return;
    if (Array.isArray(value)) {
      for (const item of value) this.visit(item, plain);
      return;
    }
    const node = value as Node;
    for (const [key, child] of Object.entries(node)) {
      if (key === 'ColumnRef') this.#column(child as Node, plain);
      else if (key === 'A_Indirection') this.#selection(child as Node);
      else if (key === 'JoinExpr') this.#join(child as Node);
      this.visit(child, plain);
    }
    const alias = node['alias'] as Node | undefined;
    if (typeof alias?.['aliasname'] === 'string') this.sources.push(alias['aliasname']);
    if (typeof node['relname'] === 'string') {
      this.sources.push(node['relname']);
      if (alias?.['colnames'] !== undefined) this.renames = true;
    }
  }

  /** Columns of the select list that ORDER BY, GROUP BY and DISTINCT mean by place, by alias or as all: order and number tell of their values. */
  keys(select: Node, own: readonly Node[]): void {
    const sorted = listOf(select['sortClause']).map(
      (item) => (item['SortBy'] as Node | undefined)?.['node'] as Node | undefined,
    );
    const targets = own.map((item) => item['ResTarget'] as Node | undefined);
    const distinct = listOf(select['distinctClause']);
    for (const key of [...sorted, ...listOf(select['groupClause']), ...distinct].flatMap(keysIn)) {
      const place = placeIn(key);
      const name = lastNameOf(key?.['ColumnRef'] as Node | undefined);
      const isAll = key !== undefined && Object.keys(key).length === 0;
      const meant = targets.filter(
        (target, at) => isAll || at + 1 === place || (name !== undefined && target?.['name'] === name),
      );
      for (const target of meant) {
        const column = lastNameOf((target?.['val'] as Node | undefined)?.['ColumnRef'] as Node | undefined);
        if (column !== undefined) this.inner.push(column);
      }
      // A place behind a * may be any column.
      if ((isAll || place !== undefined) && targets.some((target) => isStar(target))) this.innerStar = true;
    }
  }

  #column(node: Node, plain: ReadonlySet<Node>): void {
    const parts = (node['fields'] ?? []) as readonly Node[];
    const names = parts.map((part) => (part['String'] as Node | undefined)?.['sval'] as string | undefined);
    const last = names.at(-1);
    if (parts.length === 1 && last !== undefined) this.single.push(last);
    if (plain.has(node)) return;
    if (last === undefined) this.innerStar = true;
    else this.inner.push(last);
  }

  #selection(node: Node): void {
    for (const part of (node['indirection'] ?? []) as readonly Node[]) {
      const name = (part['String'] as Node | undefined)?.['sval'];
      if (typeof name === 'string') this.inner.push(name);
      if ('A_Star' in part) this.innerStar = true;
    }
  }

  #join(node: Node): void {
    const alias = node['alias'] as Node | undefined;
    if (node['isNatural'] === true || node['usingClause'] !== undefined || alias?.['colnames'] !== undefined)
      this.renames = true;
  }
}

/** The last part of a column reference; `undefined` for `*` and for what is none. */
function lastNameOf(reference: Node | undefined): string | undefined {
  const last = ((reference?.['fields'] ?? []) as readonly Node[]).at(-1);
  return (last?.['String'] as Node | undefined)?.['sval'] as string | undefined;
}

function isStar(target: Node | undefined): boolean {
  const reference = (target?.['val'] as Node | undefined)?.['ColumnRef'] as Node | undefined;
  const last = ((reference?.['fields'] ?? []) as readonly Node[]).at(-1);
  return last !== undefined && 'A_Star' in last;
}

function listOf(value: unknown): readonly Node[] {
  return Array.isArray(value) ? (value as Node[]) : [];
}
