/**
 * How a column is used. `equal` and `range`: compared so that a B-tree helps; `prefix` and `infix`: a pattern with a known beginning, or
 * without one; `group` and `order`: in this order.
 */
export type ColumnRole = 'equal' | 'range' | 'prefix' | 'infix' | 'group' | 'order';

export interface ColumnUse {
  /** Alias or table name in front of the column. */
  readonly qualifier: string | undefined;
  readonly column: string;
  readonly role: ColumnRole;
}

/** One SELECT: what it reads from, and which columns it looks for. Columns without a known table may belong to an outer scope. */
export interface QueryScope {
  readonly parent: number | undefined;
  readonly relations: readonly {
    readonly schema: string | undefined;
    readonly name: string;
    readonly alias: string;
  }[];
  readonly uses: readonly ColumnUse[];
}

export interface QueryShape {
  readonly scopes: readonly QueryScope[];
}

type Node = Readonly<Record<string, unknown>>;
type Scope = { -readonly [Key in keyof QueryScope]: Mutable<QueryScope[Key]> };
type Mutable<T> = T extends readonly (infer Item)[] ? Item[] : T;

const RANGE: ReadonlySet<string> = new Set(['<', '<=', '>', '>=']);
/** LIKE is ~~ where the server prints a view. */
const PATTERNS: ReadonlySet<string> = new Set(['~', '~*', '~~', '~~*']);

/** What the SELECTs of a parsed statement look for. */
export function shapeOf(parse: { readonly stmts?: readonly { readonly stmt?: Node }[] }): QueryShape {
  const shape = new Shape();
  for (const { stmt } of parse.stmts ?? []) shape.find(stmt, undefined, new Set());
  return { scopes: shape.scopes };
}

class Shape {
  readonly scopes: Scope[] = [];

  /** Finds every SELECT below a node. */
  find(value: unknown, parent: number | undefined, ctes: ReadonlySet<string>): void {
    if (typeof value !== 'object' || value === null) return;
    if (Array.isArray(value)) {
      for (const item of value) this.find(item, parent, ctes);
      return;
    }
    for (const [key, child] of Object.entries(value)) {
      if (key === 'SelectStmt') this.#select(child as Node, parent, ctes);
      else this.find(child, parent, ctes);
    }
  }

  /** Gives the scope's number. */
  #select(select: Node, parent: number | undefined, outer: ReadonlySet<string>): number {
    const ctes = new Set(outer);
    const with_ = (select['withClause'] as Node | undefined)?.['ctes'] as readonly Node[] | undefined;
    for (const cte of with_ ?? []) {
      const { ctename, ctequery } = cte['CommonTableExpr'] as Node;
      ctes.add(String(ctename));
      this.find(ctequery, undefined, ctes);
    }
    for (const side of ['larg', 'rarg'])
      if (select[side] !== undefined) this.#select(select[side] as Node, parent, ctes);
    const scope: Scope = { parent, relations: [], uses: [] };
    const at = this.scopes.push(scope) - 1;
    for (const item of list(select['fromClause'])) this.#from(item, scope, at, ctes);
    this.#condition(select['whereClause'] as Node | undefined, scope, at, ctes);
    this.#keys(select, scope);
    for (const part of ['targetList', 'havingClause', 'valuesLists', 'groupClause', 'sortClause'])
      this.find(select[part], at, ctes);
    return at;
  }

  #from(item: Node, scope: Scope, at: number, ctes: ReadonlySet<string>): void {
    const { RangeVar: table, JoinExpr: join } = item as {
      readonly RangeVar?: Node;
      readonly JoinExpr?: Node;
    };
    if (table !== undefined) {
      const schema = table['schemaname'] as string | undefined;
      const name = String(table['relname']);
      if (schema === undefined && ctes.has(name)) return;
      const alias = (table['alias'] as Node | undefined)?.['aliasname'] ?? name;
      scope.relations.push({ schema, name, alias: String(alias) });
      return;
    }
    if (join === undefined) {
      this.find(item, at, ctes);
      return;
    }
    this.#from(join['larg'] as Node, scope, at, ctes);
    this.#from(join['rarg'] as Node, scope, at, ctes);
    this.#condition(join['quals'] as Node | undefined, scope, at, ctes);
    for (const { String: name } of list(join['usingClause']) as { readonly String?: Node }[]) {
      const column = String(name?.['sval']);
      for (const { alias } of scope.relations) scope.uses.push({ qualifier: alias, column, role: 'equal' });
    }
  }

  #condition(node: Node | undefined, scope: Scope, at: number, ctes: ReadonlySet<string>): void {
    if (node === undefined) return;
    const bool = node['BoolExpr'] as Node | undefined;
    if (bool !== undefined && bool['boolop'] !== 'NOT_EXPR') {
      for (const part of list(bool['args'])) this.#condition(part, scope, at, ctes);
      return;
    }
    const link = node['SubLink'] as Node | undefined;
    if (link !== undefined) {
      this.#sublink(link, scope, at, ctes);
      return;
    }
    const nullTest = node['NullTest'] as Node | undefined;
    if (nullTest?.['nulltesttype'] === 'IS_NULL') use(scope, nullTest['arg'], 'equal');
    const comparison = node['A_Expr'] as Node | undefined;
    if (comparison !== undefined) compare(comparison, scope);
    this.find(node, at, ctes);
  }

  #sublink(link: Node, scope: Scope, at: number, ctes: ReadonlySet<string>): void {
    const select = (link['subselect'] as Node | undefined)?.['SelectStmt'] as Node | undefined;
    const inner = select === undefined ? undefined : this.scopes[this.#select(select, at, ctes)];
    const operator = nameOf(link['operName']);
    if (link['subLinkType'] !== 'ANY_SUBLINK' || (operator !== '' && operator !== '=')) return;
    use(scope, link['testexpr'], 'equal');
    const target = list(select?.['targetList'])[0]?.['ResTarget'] as Node | undefined;
    if (inner !== undefined) use(inner, target?.['val'], 'equal');
  }

  /** Columns of GROUP BY and ORDER BY, by themselves, by number or by the name of an output. */
  #keys(select: Node, scope: Scope): void {
    const outputs = list(select['targetList']).map((target) => target['ResTarget'] as Node);
    const expression = (node: Node | undefined): unknown => {
      const number = ((node?.['A_Const'] as Node | undefined)?.['ival'] as Node | undefined)?.['ival'];
      if (number !== undefined) return outputs[Number(number) - 1]?.['val'];
      const { qualifier, column } = columnOf(node) ?? {};
      const named = outputs.find((output) => qualifier === undefined && output['name'] === column);
      return column === undefined ? undefined : (named?.['val'] ?? node);
    };
    for (const item of list(select['groupClause'])) use(scope, expression(item), 'group');
    for (const item of list(select['sortClause'])) {
      const sort = item['SortBy'] as Node | undefined;
      const key = expression(sort?.['node'] as Node | undefined);
      if (columnOf(key) === undefined) break;
      use(scope, key, 'order');
    }
  }
}

function compare(comparison: Node, scope: Scope): void {
  const operator = nameOf(comparison['name']);
  const { lexpr, rexpr, kind } = comparison;
  switch (kind) {
    case 'AEXPR_OP':
      if (operator === '=' || RANGE.has(operator)) {
        const role = operator === '=' ? 'equal' : 'range';
        use(scope, lexpr, role);
        use(scope, rexpr, role);
      } else if (PATTERNS.has(operator)) {
        use(scope, lexpr, operator === '~~' && beginsWithText(rexpr) ? 'prefix' : 'infix');
      }
      return;
    case 'AEXPR_IN':
    case 'AEXPR_OP_ANY':
      if (operator === '=') use(scope, lexpr, 'equal');
      return;
    case 'AEXPR_BETWEEN':
      use(scope, lexpr, 'range');
      return;
    case 'AEXPR_LIKE':
      if (operator === '~~') use(scope, lexpr, beginsWithText(rexpr) ? 'prefix' : 'infix');
      return;
    case 'AEXPR_ILIKE':
      if (operator === '~~*') use(scope, lexpr, 'infix');
      return;
    default:
  }
}

function use(scope: Scope, node: unknown, role: ColumnRole): void {
  const column = columnOf(node);
  if (column !== undefined) scope.uses.push({ ...column, role });
}

function columnOf(
  node: unknown,
): { readonly qualifier: string | undefined; readonly column: string } | undefined {
  const fields = list(((node ?? {}) as { readonly ColumnRef?: Node }).ColumnRef?.['fields']);
  const names = fields.map((field) => (field['String'] as Node | undefined)?.['sval']);
  const column = names.at(-1);
  if (typeof column !== 'string') return undefined;
  return { qualifier: names.length > 1 ? String(names.at(-2)) : undefined, column };
}

/** Whether a LIKE pattern is a constant that does not begin with a wildcard. */
function beginsWithText(pattern: unknown): boolean {
  const node = (pattern ?? {}) as Node;
  const bare = ((node['TypeCast'] as Node | undefined)?.['arg'] as Node | undefined) ?? node;
  const constant = bare['A_Const'] as Node | undefined;
  const text = (constant?.['sval'] as Node | undefined)?.['sval'];
  return typeof text === 'string' && /^[^%_]/.test(text);
}

function nameOf(names: unknown): string {
  return String((list(names).at(-1)?.['String'] as Node | undefined)?.['sval'] ?? '');
}

function list(value: unknown): readonly Node[] {
  return Array.isArray(value) ? (value as Node[]) : [];
}
