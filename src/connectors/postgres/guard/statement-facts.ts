import { columnUses, type ColumnUses } from './column-uses.ts';
import {
  DEFINING_NODES,
  DEFINING_STATEMENTS,
  READ_NODES,
  REFUSED_ALTER,
  ROW_NODES,
  ROW_STATEMENTS,
  WRITE_OBJECTS,
} from './node-tags.ts';
import { type RowSource, RowSources } from './row-sources.ts';

/**
 * What a caller may do: read, plan a read whose parameters ($1) are left open, change rows through the tool made for it, or change rows and
 * what holds them.
 */
export type Mode = 'read' | 'template' | 'write' | 'define';

/** Whether anything may be changed. */
export function isWriting(mode: Mode): boolean {
  return mode === 'write' || mode === 'define';
}

/** What the parse tree of one statement says, before the database's own catalogue is asked. */
export interface StatementFacts {
  readonly kind: 'select' | 'explain' | 'show' | 'write';
  /** Tag of the statement itself; that of a SHOW is empty. */
  readonly statement: string;
  /** Called functions. */
  readonly calls: readonly FunctionCall[];
  /** Relations, each as [schema?, name]. Names of common table expressions are among them. */
  readonly relations: readonly (readonly [string | undefined, string])[];
  /** Names after a dot that may be columns or, to PostgreSQL, functions of one argument. */
  readonly attributes: readonly Attribute[];
  /** Operators written without a schema. */
  readonly operators: readonly string[];
  /** The setting that SHOW names. */
  readonly setting: string | undefined;
  /** The highest parameter: 2 for `$2`; 0 without any. */
  readonly parameters: number;
  /** EXPLAIN ANALYZE: what is explained is executed, too. */
  readonly executes: boolean;
  /** Where rows come from, by the name that stands for them before a dot. */
  readonly sources: ReadonlyMap<string, readonly RowSource[]>;
  /** For masking: where columns are taken from. */
  readonly columns: ColumnUses;
}

export interface FunctionCall {
  /** One part, or schema and name. */
  readonly name: readonly string[];
  /** The first argument, when it is a constant text. */
  readonly firstText: string | undefined;
  /** `server_version_num` from which on it is no call, but syntax of its own. */
  readonly syntaxSince?: number | undefined;
}

/** `column`: the last part of `a.b`; `selection`: `.b` after an expression in brackets. */
export interface Attribute {
  readonly name: string;
  readonly kind: 'column' | 'selection';
  /** What stands before the name of a `column`. */
  readonly qualifier?: string | undefined;
}

export type Inspected =
  | { readonly ok: true; readonly facts: StatementFacts }
  | { readonly ok: false; readonly reason: string };

const EXPLAIN_OPTIONS: ReadonlySet<string> = new Set(
  'analyze verbose costs settings generic_plan buffers serialize wal timing summary memory format'.split(' '),
);
const SAMPLE_METHODS: ReadonlySet<string> = new Set(['bernoulli', 'system']);
/** Objects and lists in each other; the text bound allows far fewer terms than the worker's stack. */
const DEPTH_MAX = 200_000;

/** What BETWEEN compares with, in its forms. */
const BETWEEN = ['<', '<=', '>', '>='] as const;

/** Syntax that an older server takes for a call of a function of that name, which a user may have made. */
interface Syntax {
  readonly name: string;
  readonly since: number;
}
const JSON_SYNTAX: Readonly<Record<string, Syntax>> = {
  JsonObjectConstructor: { name: 'json_object', since: 160_000 },
  JsonArrayConstructor: { name: 'json_array', since: 160_000 },
  JsonArrayQueryConstructor: { name: 'json_array', since: 160_000 },
  JsonObjectAgg: { name: 'json_objectagg', since: 160_000 },
  JsonArrayAgg: { name: 'json_arrayagg', since: 160_000 },
  JsonParseExpr: { name: 'json', since: 170_000 },
  JsonScalarExpr: { name: 'json_scalar', since: 170_000 },
  JsonSerializeExpr: { name: 'json_serialize', since: 170_000 },
  JsonTable: { name: 'json_table', since: 170_000 },
  MergeSupportFunc: { name: 'merge_action', since: 170_000 },
};
/** By the kind of a JsonFuncExpr. */
const JSON_FUNCTIONS: Readonly<Record<string, Syntax>> = {
  JSON_EXISTS_OP: { name: 'json_exists', since: 170_000 },
  JSON_QUERY_OP: { name: 'json_query', since: 170_000 },
  JSON_VALUE_OP: { name: 'json_value', since: 170_000 },
};

type Node = Readonly<Record<string, unknown>>;

/** Looks at a whole parse: exactly one statement, and in it nothing that is not known to be harmless in this mode. */
export function inspect(
  parse: { readonly stmts?: readonly { readonly stmt?: Node }[] },
  mode: Mode,
): Inspected {
  const statements = parse.stmts ?? [];
  if (statements.length === 0) return refused('there is no statement in it');
  if (statements.length > 1) return refused(`it has ${statements.length} statements; send one at a time`);
  const root = statements[0]?.stmt ?? {};
  const tag = Object.keys(root)[0];
  const body = (tag === undefined ? {} : root[tag]) as Node;
  if (isWriting(mode)) return inspectWrite(root, tag, mode);
  if (tag === 'SelectStmt') return walk(root, 'select', mode);
  if (tag === 'VariableShowStmt') return walk({}, 'show', mode, { setting: String(body['name']) });
  if (tag === 'ExplainStmt') return inspectExplain(body, mode);
  return refused(
    `${statementName(tag)} is not a read: only SELECT, VALUES, TABLE, SHOW, and EXPLAIN of those`,
  );
}

function inspectWrite(root: Node, tag: string | undefined, mode: Mode): Inspected {
  if (tag !== undefined && (ROW_STATEMENTS.has(tag) || (mode === 'define' && DEFINING_STATEMENTS.has(tag))))
    return walk(root, 'write', mode);
  if (tag !== undefined && DEFINING_STATEMENTS.has(tag))
    return refused(
      `${statementName(tag)} changes more than rows: this tool runs INSERT, UPDATE, DELETE and MERGE, unless the operator allows definitions (MCP_ALLOW_DDL=true)`,
    );
  return refused(`${statementName(tag)} is not one of the statements that this tool runs`);
}

function inspectExplain(body: Node, mode: Mode): Inspected {
  let executes = false;
  for (const option of (body['options'] ?? []) as readonly { readonly DefElem?: Node }[]) {
    const name = String(option.DefElem?.['defname']).toLowerCase();
    if (name === 'analyze') executes = true;
    if (!EXPLAIN_OPTIONS.has(name)) return refused(`EXPLAIN option ${name} is not allowed`);
  }
  const query = (body['query'] ?? {}) as Node;
  if ('SelectStmt' in query) return walk(query, 'explain', mode, { executes });
  return refused(`EXPLAIN of ${statementName(Object.keys(query)[0])} is not allowed, only of SELECT`);
}

function walk(
  root: Node,
  kind: StatementFacts['kind'],
  mode: Mode,
  { setting, executes = false }: { readonly setting?: string; readonly executes?: boolean } = {},
): Inspected {
  const found = new Findings(mode);
  found.visit(root, 0);
  if (found.problem !== undefined) return refused(found.problem);
  const { calls, relations, attributes, operators, parameters } = found;
  return {
    ok: true,
    facts: {
      kind,
      calls,
      relations,
      attributes,
      operators,
      sources: found.sources.all(),
      setting,
      parameters,
      statement: Object.keys(root)[0] ?? '',
      executes,
      columns: columnUses(root),
    },
  };
}

/** Collects from every object under every key, known or not, so that no place in the tree can hide anything. */
class Findings {
  problem: string | undefined;
  readonly calls: FunctionCall[] = [];
  readonly relations: [string | undefined, string][] = [];
  readonly attributes: Attribute[] = [];
  readonly operators: string[] = [];
  readonly sources = new RowSources();
  parameters = 0;
  readonly #mode: Mode;

  constructor(mode: Mode) {
    this.#mode = mode;
  }

  visit(value: unknown, depth: number): void {
    if (this.problem !== undefined || typeof value !== 'object' || value === null) return;
    if (depth > DEPTH_MAX) {
      this.problem = 'it is nested too deeply';
      return;
    }
    if (Array.isArray(value)) {
      for (const item of value) this.visit(item, depth + 1);
      return;
    }
    const node = value as Node;
    if (typeof node['relname'] === 'string') this.#relation(node);
    for (const [key, child] of Object.entries(node)) {
      // Tags of nodes begin with a capital, fields with a small letter.
      if (/^[A-Z]/.test(key)) this.#tag(key, child as Node);
      else if (key === 'intoClause') this.problem ??= 'SELECT INTO makes a table';
      else if (key === 'lockingClause' && !isWriting(this.#mode))
        this.problem ??= 'FOR UPDATE and FOR SHARE take locks';
      this.visit(child, depth + 1);
    }
  }

  #tag(tag: string, node: Node): void {
    if (tag === 'ParamRef' && this.#mode === 'template') {
      this.parameters = Math.max(this.parameters, Number(node['number'] ?? 0));
      return;
    }
    const known =
      READ_NODES.has(tag) ||
      (isWriting(this.#mode) && ROW_NODES.has(tag)) ||
      (this.#mode === 'define' && DEFINING_NODES.has(tag));
    if (!known) {
      this.problem ??= `${statementName(tag)} is not allowed here`;
      return;
    }
    this.sources.tag(tag, node);
    const syntax = JSON_SYNTAX[tag] ?? JSON_FUNCTIONS[String(node['op'])];
    if (syntax !== undefined)
      this.calls.push({ name: [syntax.name], firstText: undefined, syntaxSince: syntax.since });
    switch (tag) {
      case 'FuncCall':
        this.calls.push({
          name: parts(node['funcname']),
          firstText: textOf((node['args'] as Node[] | undefined)?.[0]),
        });
        return;
      case 'ColumnRef': {
        const names = parts(node['fields']);
        if (names.length > 1)
          this.attributes.push(
            ...names.slice(1).map((name, at) => ({ name, kind: 'column' as const, qualifier: names[at] })),
          );
        return;
      }
      case 'A_Indirection':
        this.attributes.push(
          ...parts(node['indirection']).map((name) => ({ name, kind: 'selection' as const })),
        );
        return;
      case 'A_Expr':
        if (String(node['kind']).includes('BETWEEN')) this.operators.push(...BETWEEN);
        else this.#operator(parts(node['name']));
        return;
      case 'CaseExpr':
        if (node['arg'] !== undefined) this.operators.push('=');
        return;
      case 'JoinExpr':
        if (node['isNatural'] === true || node['usingClause'] !== undefined) this.operators.push('=');
        return;
      case 'SortBy':
        this.#operator(parts(node['useOp']));
        return;
      case 'SubLink':
        if (node['testexpr'] !== undefined && node['operName'] === undefined) this.operators.push('=');
        this.#operator(parts(node['operName']));
        return;
      case 'DropStmt':
        this.#object(tag, node['removeType']);
        return;
      case 'RenameStmt':
        this.#object(tag, node['renameType']);
        return;
      case 'CommentStmt':
      case 'AlterTableStmt':
        this.#object(tag, node['objtype']);
        return;
      case 'AlterTableCmd':
        if (REFUSED_ALTER.test(String(node['subtype'])))
          this.problem ??= 'ALTER TABLE of owner, row security, triggers or rules is not allowed here';
        return;
      case 'RangeTableSample': {
        const method = parts(node['method']).at(-1) ?? '';
        if (!SAMPLE_METHODS.has(method)) this.problem ??= `sampling method ${method} is not allowed`;
        return;
      }
      default:
    }
  }

  #relation(node: Node): void {
    if (node['catalogname'] !== undefined) this.problem ??= 'a table of another database cannot be used';
    const name = String(node['relname']);
    this.relations.push([node['schemaname'] as string | undefined, name]);
    this.sources.relation(node);
  }

  /** Checks what kind of object a statement is about. */
  #object(tag: string, type: unknown): void {
    const kind = String(type);
    if (WRITE_OBJECTS.has(kind)) return;
    const shown = kind.replace('OBJECT_', '').toLowerCase();
    this.problem ??= `${statementName(tag)} of a ${shown} is not allowed here`;
  }

  #operator(name: readonly string[]): void {
    if (name.length === 1) this.operators.push(name[0]!);
    else if (name.length > 1 && name[0] !== 'pg_catalog') {
      this.problem ??= `operator ${name.join('.')} is not one of pg_catalog`;
    }
  }
}

/** Names in a list of String nodes; what is no String (`*`, a subscript) is left out. */
function parts(names: unknown): string[] {
  if (!Array.isArray(names)) return [];
  return (names as readonly { readonly String?: { readonly sval?: string } }[])
    .map((name) => name.String?.sval)
    .filter((name) => name !== undefined);
}

function textOf(node: Node | undefined): string | undefined {
  const constant = node?.['A_Const'] as { readonly sval?: { readonly sval?: string } } | undefined;
  return constant?.sval?.sval;
}

/** A node's tag as SQL users know it: `InsertStmt` is `INSERT`. */
export function statementName(tag: string | undefined): string {
  return (tag ?? 'nothing')
    .replace(/Stmt$/, '')
    .replaceAll(/(?<=[a-z])(?=[A-Z])/g, ' ')
    .toUpperCase();
}

function refused(reason: string): Inspected {
  return { ok: false, reason };
}
