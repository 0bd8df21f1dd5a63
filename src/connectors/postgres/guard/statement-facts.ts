/** What the parse tree of one statement says, before the database's own catalogue is asked. */
export interface StatementFacts {
  readonly kind: 'select' | 'explain' | 'show';
  /** Whether an EXPLAIN executes its statement. */
  readonly analyze: boolean;
  /** Names of called functions, each as its parts. */
  readonly functions: readonly (readonly string[])[];
  /** Relations, each as [schema?, name]. */
  readonly relations: readonly (readonly [string | undefined, string])[];
}

export type Inspected = { readonly ok: true; readonly facts: StatementFacts } | { readonly ok: false; readonly reason: string };

/**
 * Every kind of node that a read may consist of. What is not here is refused, whatever it is: new syntax of later PostgreSQL versions
 * included.
 */
const READ_NODES: ReadonlySet<string> = new Set([
  ...['SelectStmt', 'ResTarget', 'ColumnRef', 'A_Star', 'A_Const', 'A_Expr', 'BoolExpr', 'FuncCall', 'NamedArgExpr', 'RangeVar'],
  ...['RangeSubselect', 'RangeFunction', 'RangeTableSample', 'JoinExpr', 'CaseExpr', 'CaseWhen', 'CoalesceExpr', 'MinMaxExpr', 'SubLink'],
  ...['TypeCast', 'TypeName', 'String', 'Integer', 'Float', 'Boolean', 'BitString', 'List', 'SortBy', 'WindowDef', 'WithClause'],
  ...['CommonTableExpr', 'CTESearchClause', 'CTECycleClause', 'NullTest', 'BooleanTest', 'A_ArrayExpr', 'A_Indirection', 'A_Indices'],
  ...['RowExpr', 'GroupingSet', 'GroupingFunc', 'SQLValueFunction', 'CollateClause', 'Alias', 'ColumnDef', 'SetToDefault'],
  ...['JsonObjectConstructor', 'JsonArrayConstructor', 'JsonArrayQueryConstructor', 'JsonAggConstructor', 'JsonObjectAgg', 'JsonArrayAgg'],
  ...['JsonValueExpr', 'JsonFormat', 'JsonOutput', 'JsonReturning', 'JsonFuncExpr', 'JsonBehavior', 'JsonKeyValue', 'JsonIsPredicate'],
  ...['JsonParseExpr', 'JsonScalarExpr', 'JsonSerializeExpr', 'JsonTable', 'JsonTableColumn', 'JsonTablePathSpec', 'JsonArgument'],
]);

/** Fields that turn a read into something else. */
const REFUSED_FIELDS: ReadonlyMap<string, string> = new Map([
  ['intoClause', 'SELECT INTO makes a table'],
  ['lockingClause', 'FOR UPDATE and FOR SHARE take locks'],
]);

const EXPLAIN_OPTIONS: ReadonlySet<string> = new Set(['analyze', 'verbose', 'costs', 'settings', 'generic_plan', 'buffers', 'serialize', 'wal', 'timing', 'summary', 'memory', 'format']);
const SAMPLE_METHODS: ReadonlySet<string> = new Set(['bernoulli', 'system']);
const DEPTH_MAX = 20_000;

type Node = Readonly<Record<string, unknown>>;

/** Looks at a whole parse: exactly one statement, and in it nothing that is not known to read. */
export function inspect(parse: { readonly stmts?: readonly { readonly stmt?: Node }[] }): Inspected {
  const statements = parse.stmts ?? [];
  if (statements.length === 0) return refused('there is no statement in it');
  if (statements.length > 1) return refused(`it has ${statements.length} statements; send one at a time`);
  const root = statements[0]?.stmt ?? {};
  const [tag] = Object.keys(root);
  const body = (tag === undefined ? {} : root[tag]) as Node;
  if (tag === 'VariableShowStmt') return { ok: true, facts: { kind: 'show', analyze: false, functions: [], relations: [] } };
  if (tag === 'SelectStmt') return read(root, 'select', false);
  if (tag !== 'ExplainStmt') return refused(`${statementName(tag)} is not a read: only SELECT, VALUES, TABLE, SHOW and EXPLAIN of those are allowed`);
  let analyze = false;
  for (const option of (body['options'] ?? []) as readonly { readonly DefElem?: Node }[]) {
    const name = String(option.DefElem?.['defname']).toLowerCase();
    if (!EXPLAIN_OPTIONS.has(name)) return refused(`EXPLAIN option ${name} is not allowed`);
    if (name === 'analyze') analyze = true;
  }
  const query = (body['query'] ?? {}) as Node;
  if (!('SelectStmt' in query)) return refused(`EXPLAIN of ${statementName(Object.keys(query)[0])} is not allowed, only of SELECT`);
  return read(query, 'explain', analyze);
}

function read(root: Node, kind: StatementFacts['kind'], analyze: boolean): Inspected {
  const functions: string[][] = [];
  const relations: [string | undefined, string][] = [];
  let problem: string | undefined;
  const visit = (value: unknown, depth: number): void => {
    if (problem !== undefined || typeof value !== 'object' || value === null) return;
    if (depth > DEPTH_MAX) {
      problem = 'it is nested too deeply';
      return;
    }
    if (Array.isArray(value)) {
      for (const item of value) visit(item, depth + 1);
      return;
    }
    for (const [key, child] of Object.entries(value)) {
      const reason = REFUSED_FIELDS.get(key);
      if (reason !== undefined) problem ??= reason;
      if (/^[A-Z]/.test(key)) {
        if (!READ_NODES.has(key)) problem ??= `${statementName(key)} is not allowed in a read`;
        else problem ??= note(key, child as Node, functions, relations);
      }
      visit(child, depth + 1);
    }
  };
  visit(root, 0);
  return problem === undefined ? { ok: true, facts: { kind, analyze, functions, relations } } : refused(problem);
}

/** Collects names from one node; returns why the node is refused, if it is. */
function note(tag: string, node: Node, functions: string[][], relations: [string | undefined, string][]): string | undefined {
  switch (tag) {
    case 'FuncCall':
      functions.push(parts(node['funcname']));
      return undefined;
    case 'RangeVar':
      if (node['catalogname'] !== undefined) return 'a table of another database cannot be read';
      relations.push([node['schemaname'] as string | undefined, String(node['relname'])]);
      return undefined;
    case 'A_Expr': {
      const name = parts(node['name']);
      return name.length > 1 && name[0] !== 'pg_catalog' ? `operator ${name.join('.')} is not one of pg_catalog` : undefined;
    }
    case 'SortBy': {
      const name = parts(node['useOp']);
      return name.length > 1 && name[0] !== 'pg_catalog' ? `operator ${name.join('.')} is not one of pg_catalog` : undefined;
    }
    case 'SubLink': {
      const name = parts(node['operName']);
      return name.length > 1 && name[0] !== 'pg_catalog' ? `operator ${name.join('.')} is not one of pg_catalog` : undefined;
    }
    case 'RangeTableSample': {
      const method = parts(node['method']).at(-1) ?? '';
      return SAMPLE_METHODS.has(method) ? undefined : `sampling method ${method} is not allowed`;
    }
    default:
      return undefined;
  }
}

function parts(names: unknown): string[] {
  if (!Array.isArray(names)) return [];
  return (names as readonly { readonly String?: { readonly sval?: string } }[]).map((name) => name.String?.sval ?? '');
}

/** A node's tag as SQL users know it: `InsertStmt` is `INSERT`. */
function statementName(tag: string | undefined): string {
  return (tag ?? 'nothing').replace(/Stmt$/, '').replaceAll(/(?<=[a-z])(?=[A-Z])/g, ' ').toUpperCase();
}

function refused(reason: string): Inspected {
  return { ok: false, reason };
}
