/** Stands as relation for the rows of a function in FROM, and as the name of one whose name is not known. */
export const FUNCTION_ROWS = '';

/** Stands as relation for rows of a subquery, a common table expression, a join, or a table under other column names. */
export const DERIVED_ROWS = '?';

/** Where the rows of one name in a statement come from. */
export interface RowSource {
  /** Name of a relation, without its schema, FUNCTION_ROWS or DERIVED_ROWS. */
  readonly relation: string;
  /** Of DERIVED_ROWS: columns that they have for sure. There may be others. */
  readonly columns: readonly string[];
}

type Node = Readonly<Record<string, unknown>>;

/** Names of rows that statements which write know without a FROM. */
const UNASKED = ['old', 'new', 'excluded'];
const WRITES: ReadonlySet<string> = new Set(['InsertStmt', 'UpdateStmt', 'DeleteStmt', 'MergeStmt']);
/** What FROM calls these without an alias. */
const OWN_NAMES: Readonly<Record<string, string>> = { RangeTableFunc: 'xmltable', JsonTable: 'json_table' };

/** Collects what each name before a dot can mean, wherever in the statement: a name of several meanings has all of them. */
export class RowSources {
  readonly #named = new Map<string, RowSource[]>();
  readonly #queries = new Map<string, RowSource[]>();

  /** Takes note of a relation, whose node has no tag where nothing else can stand. */
  relation(node: Node): void {
    const alias = node['alias'] as Node | undefined;
    const renamed = strings(alias?.['colnames']);
    const name = String(node['relname']);
    this.#add(nameIn(alias) ?? name, renamed.length > 0 ? derived(renamed) : { relation: name, columns: [] });
  }

  /** Takes note of a node with this tag, when it names rows. */
  tag(tag: string, node: Node): void {
    const alias = node['alias'] as Node | undefined;
    const name = nameIn(alias);
    if (WRITES.has(tag)) for (const unasked of UNASKED) this.#add(unasked, derived([]));
    switch (tag) {
      case 'RangeFunction':
        this.#add(name ?? functionName(node) ?? FUNCTION_ROWS, { relation: FUNCTION_ROWS, columns: [] });
        return;
      case 'CommonTableExpr': {
        const columns = columnsOf(node['ctequery'] as Node, strings(node['aliascolnames']));
        append(this.#queries, String(node['ctename']), derived(columns));
        return;
      }
      case 'ReturningOption':
        this.#add(String(node['value']), derived([]));
        return;
      case 'JoinExpr': {
        const using = nameIn(node['join_using_alias'] as Node | undefined);
        if (using !== undefined) this.#add(using, derived(strings(node['usingClause'])));
        break;
      }
      default:
    }
    const called = name ?? OWN_NAMES[tag];
    if (called !== undefined && tag !== 'RangeVar')
      this.#add(
        called,
        derived(columnsOf(node['subquery'] as Node | undefined, strings(alias?.['colnames']))),
      );
  }

  /** What each name can mean, once the whole statement has been seen: a relation's name may be that of a common table expression. */
  all(): ReadonlyMap<string, readonly RowSource[]> {
    return new Map(
      [...this.#named].map(([name, sources]) => [
        name,
        sources.flatMap((source) => [source, ...(this.#queries.get(source.relation) ?? [])]),
      ]),
    );
  }

  #add(name: string, source: RowSource): void {
    append(this.#named, name, source);
  }
}

/** What may stand behind a name before a dot; a name that nothing explains is that of rows whose columns are not known. */
export function sourcesOf(
  name: string | undefined,
  sources: ReadonlyMap<string, readonly RowSource[]>,
): readonly RowSource[] {
  const named = name === undefined ? undefined : sources.get(name);
  return [...(named ?? [derived([])]), ...(sources.get(FUNCTION_ROWS) ?? [])];
}

function derived(columns: readonly string[]): RowSource {
  return { relation: DERIVED_ROWS, columns };
}

/** Columns that a query's own list names, the first of them under other names. */
function columnsOf(query: Node | undefined, renamed: readonly string[]): readonly string[] {
  const [tag, body] = Object.entries(query ?? {})[0] ?? [];
  let select = (body ?? {}) as Node;
  if (tag !== 'SelectStmt')
    select = { targetList: (select['returningClause'] as Node | undefined)?.['exprs'] };
  // A UNION has the names of its first part.
  while (select['larg'] !== undefined) select = select['larg'] as Node;
  const targets = ((select['targetList'] ?? []) as readonly Node[]).map((one) => one['ResTarget'] as Node);
  // Behind a * the places are not known.
  if (renamed.length > 0 && targets.some(isStar)) return renamed;
  const names = targets.slice(renamed.length).map(outputName);
  return [...renamed, ...names.filter((name) => name !== undefined)];
}

/** The name that a select-list item gets, where that is plain to see. */
function outputName(target: Node): string | undefined {
  if (typeof target['name'] === 'string') return target['name'];
  let value = target['val'] as Node | undefined;
  for (;;) {
    const inside = (value?.['TypeCast'] ?? value?.['CollateClause']) as Node | undefined;
    if (inside === undefined) break;
    value = inside['arg'] as Node | undefined;
  }
  return nameIn({ aliasname: (lastPart(value)?.['String'] as Node | undefined)?.['sval'] });
}

function isStar(target: Node): boolean {
  const last = target['name'] === undefined ? lastPart(target['val'] as Node | undefined) : undefined;
  return last !== undefined && 'A_Star' in last;
}

/** The last part of `a.b`, `(a).b` or `a.b(…)`. */
function lastPart(value: Node | undefined): Node | undefined {
  const reference = (value?.['ColumnRef'] as Node | undefined)?.['fields'];
  const selection = (value?.['A_Indirection'] as Node | undefined)?.['indirection'];
  const call = (value?.['FuncCall'] as Node | undefined)?.['funcname'];
  return ((reference ?? selection ?? call) as readonly Node[] | undefined)?.at(-1);
}

/** What FROM calls a function without an alias. */
function functionName(node: Node): string | undefined {
  const first = (node['functions'] as readonly Node[] | undefined)?.[0]?.['List'] as Node | undefined;
  const item = (first?.['items'] as readonly Node[] | undefined)?.[0];
  return item !== undefined && 'FuncCall' in item ? outputName({ val: item }) : undefined;
}

function nameIn(alias: Node | undefined): string | undefined {
  const name = alias?.['aliasname'];
  return typeof name === 'string' ? name : undefined;
}

function strings(names: unknown): string[] {
  if (!Array.isArray(names)) return [];
  return (names as readonly { readonly String?: { readonly sval?: string } }[]).map(
    (name) => name.String?.sval ?? '',
  );
}

function append(map: Map<string, RowSource[]>, name: string, source: RowSource): void {
  const known = map.get(name);
  if (known === undefined) map.set(name, [source]);
  else known.push(source);
}
