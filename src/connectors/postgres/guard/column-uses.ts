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
  return found;
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
