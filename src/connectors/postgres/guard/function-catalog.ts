import type { ClientBase } from 'pg';
import type { Mask } from '../masking.ts';
import { type AllowRule, isHarmlessBuiltin } from './function-rules.ts';
import type { Attribute, FunctionCall, Mode } from './statement-facts.ts';
import { settingProblem } from './settings.ts';

/** What this server's own catalogue says of functions and operators. Each answers why something is refused, or `undefined`. */
export interface FunctionCatalog {
  call(call: FunctionCall, mode: Mode): string | undefined;
  attribute(attribute: Attribute): string | undefined;
  operator(name: string): string | undefined;
  readonly mask: Mask;
}

interface FunctionRow {
  readonly schema: string;
  readonly name: string;
  readonly volatile: boolean;
  readonly ordinary: boolean;
  /** Some form of it can be called as `argument.name`. */
  readonly dotted: boolean;
  readonly extension: string | null;
}

const FUNCTIONS = `
  SELECT n.nspname AS schema, p.proname AS name, bool_or(p.provolatile = 'v') AS volatile,
         bool_and(p.prokind IN ('f', 'a', 'w')) AS ordinary,
         bool_or(p.pronargs > 0 AND p.pronargs - p.pronargdefaults <= 1
                 AND p.proargtypes[0] NOT IN ('pg_catalog.cstring'::regtype, 'pg_catalog.internal'::regtype)) AS dotted,
         min(e.extname) AS extension
  FROM pg_catalog.pg_proc AS p
  JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
  LEFT JOIN pg_catalog.pg_depend AS d ON d.classid = 'pg_catalog.pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
  LEFT JOIN pg_catalog.pg_extension AS e ON e.oid = d.refobjid
  WHERE n.nspname <> 'information_schema'
  GROUP BY 1, 2`;

/** Operators outside pg_catalog whose function is volatile. */
const OPERATORS = `
  SELECT DISTINCT o.oprname AS name
  FROM pg_catalog.pg_operator AS o JOIN pg_catalog.pg_proc AS p ON p.oid = o.oprcode
  WHERE o.oprnamespace <> 'pg_catalog'::regnamespace AND p.provolatile = 'v'`;

/** Columns of user tables that have a name which is also a function's. */
const COLUMNS = `
  SELECT DISTINCT a.attname AS name
  FROM pg_catalog.pg_attribute AS a JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid
  WHERE a.attnum > 0 AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND a.attname = ANY($1)`;

/** Reads the catalogue. `searchPath` is the one that statements will run under. */
export async function loadFunctionCatalog(
  client: ClientBase,
  searchPath: readonly string[],
  rules: readonly AllowRule[],
  mask: Mask,
): Promise<FunctionCatalog> {
  const { rows } = await client.query<FunctionRow>(FUNCTIONS);
  const operators = await client.query<{ name: string }>(OPERATORS);
  const volatileOperators = new Set(operators.rows.map(({ name }) => name));
  const builtins = new Map<string, FunctionRow>();
  const others = new Map<string, FunctionRow[]>();
  for (const row of rows) {
    if (row.schema === 'pg_catalog') builtins.set(row.name, row);
    else others.set(row.name, [...(others.get(row.name) ?? []), row]);
  }
  const dottedOthers = rows.filter(
    (row) => row.schema !== 'pg_catalog' && row.dotted && !isAllowed(row, rules),
  );
  const columns = await client.query<{ name: string }>(COLUMNS, [dottedOthers.map(({ name }) => name)]);
  const columnNames = new Set(columns.rows.map(({ name }) => name));
  const dottedNames = new Set(dottedOthers.map(({ name }) => name));

  const builtinProblem = (call: FunctionCall, mode: Mode): string | undefined => {
    const name = call.name.at(-1)!;
    if (name === 'current_setting') return settingProblem(call.firstText);
    // What the grammar makes of EXTRACT is another function before PostgreSQL 14.
    const row = builtins.get(name) ?? (name === 'extract' ? builtins.get('date_part') : undefined);
    if (row?.ordinary === true && isHarmlessBuiltin(name, row.volatile, mode)) return undefined;
    return row === undefined
      ? `there is no function ${name} in pg_catalog`
      : `function ${name} is not allowed here`;
  };
  const otherProblem = (row: FunctionRow): string | undefined =>
    isAllowed(row, rules)
      ? undefined
      : `function ${row.schema}.${row.name} is not a built-in one, and the operator has not allowed it (allow_functions)`;

  return {
    mask,
    call: (call, mode) => {
      const name = call.name.at(-1) ?? '';
      if (call.name.length > 2) return `function ${call.name.join('.')} belongs to another database`;
      const schema = call.name.length === 2 ? call.name[0] : undefined;
      if (schema === 'pg_catalog') return builtinProblem(call, mode);
      if (schema !== undefined) {
        const row = others.get(name)?.find((one) => one.schema === schema);
        return row === undefined ? `there is no function ${schema}.${name}` : otherProblem(row);
      }
      const reachable = others.get(name)?.filter((row) => searchPath.includes(row.schema)) ?? [];
      if (reachable.length === 0) {
        const elsewhere = builtins.has(name) ? undefined : others.get(name)?.[0];
        return elsewhere === undefined ? builtinProblem(call, mode) : otherProblem(elsewhere);
      }
      const problem = reachable.map(otherProblem).find((one) => one !== undefined);
      if (!builtins.has(name)) return problem;
      if (problem === undefined) return builtinProblem(call, mode);
      const schemas = reachable.map((row) => row.schema).join(', ');
      return `function ${name} is also defined in schema ${schemas}; write pg_catalog.${name} to mean the built-in one`;
    },
    attribute: ({ name, kind }) => {
      const builtin = builtins.get(name);
      if (
        builtin?.dotted === true &&
        (!builtin.ordinary || !isHarmlessBuiltin(name, builtin.volatile, 'read'))
      ) {
        return `.${name} would call function ${name}, which is not allowed here`;
      }
      if (!dottedNames.has(name) || (kind === 'column' && columnNames.has(name))) return undefined;
      return `.${name} could call a function of that name, which the operator has not allowed (allow_functions)`;
    },
    operator: (name) =>
      volatileOperators.has(name)
        ? `operator ${name} is also defined outside pg_catalog, with side effects`
        : undefined,
  };
}

function isAllowed(row: FunctionRow, rules: readonly AllowRule[]): boolean {
  return (
    row.ordinary &&
    rules.some(
      (rule) =>
        (rule.owner === row.schema || (rule.owner === row.extension && rule.name === '*')) &&
        (rule.name === '*' || rule.name === row.name) &&
        (!row.volatile || rule.alsoVolatile),
    )
  );
}
