import type { ClientBase } from 'pg';
import { nearest } from '../../../core/nearest.ts';
import type { Mask } from '../masking.ts';
import type { RoleFacts } from '../role.ts';
import { type AllowRule, isHarmlessBuiltin } from './function-rules.ts';
import { DERIVED_ROWS, FUNCTION_ROWS, type RowSource, sourcesOf } from './row-sources.ts';
import type { Attribute, FunctionCall, Mode, StatementFacts } from './statement-facts.ts';
import { settingProblem } from './settings.ts';

/** What this server's own catalogue says of functions and operators. Each answers why something is refused, or `undefined`. */
export interface FunctionCatalog {
  call(call: FunctionCall, mode: Mode): string | undefined;
  attribute(attribute: Attribute, sources: StatementFacts['sources']): string | undefined;
  operator(name: string): string | undefined;
  readonly mask: Mask;
}

interface FunctionRow {
  readonly schema: string;
  readonly name: string;
  /** Of PostgreSQL itself; not so what somebody has put into pg_catalog later. */
  readonly builtin: boolean;
  readonly volatile: boolean;
  readonly ordinary: boolean;
  /** Some form of it can be called as `argument.name`. */
  readonly dotted: boolean;
  readonly extension: string | null;
}

/** Objects with lower numbers are those that initdb makes (access/transam.h, FirstNormalObjectId). */
const FIRST_OWN_OID = 16_384;

const FUNCTIONS = `
  SELECT n.nspname AS schema, p.proname AS name, n.nspname = 'pg_catalog' AND p.oid < ${FIRST_OWN_OID} AS builtin, bool_or(p.provolatile = 'v') AS volatile,
         bool_and(p.prokind IN ('f', 'a', 'w')) AS ordinary,
         bool_or(p.pronargs > 0 AND p.pronargs - p.pronargdefaults <= 1
                 AND p.proargtypes[0] NOT IN ('pg_catalog.cstring'::regtype, 'pg_catalog.internal'::regtype)) AS dotted,
         min(e.extname) AS extension
  FROM pg_catalog.pg_proc AS p
  JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
  LEFT JOIN pg_catalog.pg_depend AS d ON d.classid = 'pg_catalog.pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
  LEFT JOIN pg_catalog.pg_extension AS e ON e.oid = d.refobjid
  WHERE n.nspname <> 'information_schema'
  GROUP BY 1, 2, 3`;

/** Operators outside pg_catalog whose function is volatile. */
const OPERATORS = `
  SELECT DISTINCT o.oprname AS name
  FROM pg_catalog.pg_operator AS o JOIN pg_catalog.pg_proc AS p ON p.oid = o.oprcode
  WHERE o.oid >= ${FIRST_OWN_OID} AND p.provolatile = 'v'`;

/**
 * Columns of user tables that have a name which is also a function's, and these tables. Of a name that several schemas have, all tables
 * must have the column: a statement may mean any of them.
 */
const COLUMNS = `
  WITH relations AS (SELECT c.oid, c.relname FROM pg_catalog.pg_class AS c WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')),
  having_it AS (
    SELECT a.attname, c.relname, count(*) AS times FROM pg_catalog.pg_attribute AS a JOIN relations AS c ON c.oid = a.attrelid
    WHERE a.attnum > 0 AND a.attname = ANY($1) GROUP BY 1, 2),
  named AS (SELECT c.relname, count(*) AS times FROM relations AS c GROUP BY 1)
  SELECT h.attname AS name, coalesce(array_agg(h.relname::text) FILTER (WHERE h.times = n.times), '{}') AS tables
  FROM having_it AS h JOIN named AS n ON n.relname = h.relname
  GROUP BY 1`;

interface TakenRow {
  readonly name: string;
  readonly types: readonly string[];
  readonly rows: boolean;
}

/**
 * What those functions take first: names of types, for rows those of their tables, of the tables that inherit from them, are of that type or are
 * cast to it by themselves; and whether they take rows at all.
 */
const TAKEN = `
  WITH RECURSIVE taken AS (
    SELECT p.proname AS name, given.type FROM pg_catalog.pg_proc AS p, LATERAL (VALUES (p.proargtypes[0]), (p.provariadic)) AS given (type)
    WHERE p.oid >= ${FIRST_OWN_OID} AND p.proname = ANY($1) AND given.type <> 0
    UNION
    SELECT taken.name, also.type FROM taken JOIN pg_catalog.pg_type AS t ON t.oid = taken.type, LATERAL (
      SELECT t.typbasetype AS type WHERE t.typbasetype <> 0
      UNION ALL SELECT c.reltype FROM pg_catalog.pg_class AS c WHERE c.reloftype = t.oid
      UNION ALL SELECT k.castsource FROM pg_catalog.pg_cast AS k WHERE k.casttarget = t.oid AND k.castcontext = 'i' AND k.oid >= ${FIRST_OWN_OID}
      UNION ALL SELECT c.reltype FROM pg_catalog.pg_inherits AS i JOIN pg_catalog.pg_class AS c ON c.oid = i.inhrelid
        WHERE i.inhparent = t.typrelid AND t.typrelid <> 0) AS also)
  SELECT taken.name, array_agg(DISTINCT coalesce(c.relname, t.typname)::text) AS types,
         bool_or(t.typtype = 'c' OR t.typname ~ '^(record|any)') AS rows
  FROM taken JOIN pg_catalog.pg_type AS t ON t.oid = taken.type LEFT JOIN pg_catalog.pg_class AS c ON c.oid = t.typrelid
  GROUP BY 1`;
/** Types that take every row. */
const ANY_ROW = /^(?:record|any.*)$/;

/** Reads the catalogue. `searchPath` is the one that statements will run under. */
export async function loadFunctionCatalog(
  client: ClientBase,
  { searchPath, versionNumber }: Pick<RoleFacts, 'searchPath' | 'versionNumber'>,
  rules: readonly AllowRule[],
  mask: Mask,
): Promise<FunctionCatalog> {
  const { rows } = await client.query<FunctionRow>(FUNCTIONS);
  const operators = await client.query<{ name: string }>(OPERATORS);
  const volatileOperators = new Set(operators.rows.map(({ name }) => name));
  const builtins = new Map<string, FunctionRow>();
  const others = new Map<string, FunctionRow[]>();
  for (const row of rows) {
    if (row.builtin) builtins.set(row.name, row);
    else others.set(row.name, [...(others.get(row.name) ?? []), row]);
  }
  const dottedOthers = rows.filter((row) => !row.builtin && row.dotted && !isAllowed(row, rules));
  const columns = await client.query<{ name: string; tables: readonly string[] }>(COLUMNS, [
    dottedOthers.map(({ name }) => name),
  ]);
  const tablesWith = new Map(columns.rows.map(({ name, tables }) => [name, new Set(tables)]));
  const taken = await client.query<TakenRow>(TAKEN, [[...tablesWith.keys()]]);
  const takenBy = new Map(taken.rows.map((row) => [row.name, row]));
  /** Whether `x.name` can only be the column of that name, when `x` is a row of that source. */
  const isColumnOf = ({ relation, columns: own }: RowSource, name: string): boolean => {
    const { types, rows: takesRows } = takenBy.get(name) ?? { types: [], rows: false };
    if (relation === DERIVED_ROWS) return own.includes(name) || !takesRows;
    if (tablesWith.get(name)?.has(relation) === true) return true;
    return relation !== FUNCTION_ROWS && !types.some((type) => type === relation || ANY_ROW.test(type));
  };
  const dottedNames = new Set(dottedOthers.map(({ name }) => name));
  const isReachable = ({ schema }: FunctionRow): boolean =>
    schema === 'pg_catalog' || searchPath.includes(schema);

  /** What may have been meant by a name that no function has: a type, or a function of nearly that name. */
  const meant = (name: string): string => {
    if (builtins.has(`${name}_in`) || builtins.has(`${name}in`))
      return `; to make a value of that type write '…'::${name}`;
    const callable = [...builtins.values()].filter(
      (row) => row.ordinary && isHarmlessBuiltin(row.name, row.volatile, 'read'),
    );
    const like = nearest(
      name,
      callable.map((row) => row.name),
    );
    return like === undefined ? '' : `; did you mean ${like}?`;
  };
  const builtinProblem = (call: FunctionCall, mode: Mode): string | undefined => {
    const name = call.name.at(-1)!;
    if (name === 'current_setting') return settingProblem(call.firstText);
    // What the grammar makes of EXTRACT is another function before PostgreSQL 14.
    const row = builtins.get(name) ?? (name === 'extract' ? builtins.get('date_part') : undefined);
    if (row?.ordinary === true && isHarmlessBuiltin(name, row.volatile, mode)) return undefined;
    return row === undefined
      ? `there is no function ${name} in pg_catalog${meant(name)}`
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
      const { syntaxSince } = call;
      // An older server that has no function of that name says itself what it does not know.
      if (syntaxSince !== undefined && (versionNumber >= syntaxSince || !others.has(name))) return undefined;
      const added = others.get(name)?.find((row) => row.schema === 'pg_catalog');
      const addedProblem = added && otherProblem(added);
      if (addedProblem !== undefined && (schema ?? 'pg_catalog') === 'pg_catalog') return addedProblem;
      if (schema === 'pg_catalog')
        return added !== undefined && !builtins.has(name) ? undefined : builtinProblem(call, mode);
      if (schema !== undefined) {
        const row = others.get(name)?.find((one) => one.schema === schema);
        return row === undefined ? `there is no function ${schema}.${name}` : otherProblem(row);
      }
      const reachable = others.get(name)?.filter(isReachable) ?? [];
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
    attribute: ({ name, kind, qualifier }, sources) => {
      const builtin = builtins.get(name);
      if (
        builtin?.dotted === true &&
        (!builtin.ordinary || !isHarmlessBuiltin(name, builtin.volatile, 'read'))
      ) {
        return `.${name} would call function ${name}, which is not allowed here`;
      }
      if (!dottedNames.has(name)) return undefined;
      const from = sourcesOf(qualifier, sources);
      const isColumn = tablesWith.has(name) && from.every((source) => isColumnOf(source, name));
      if (kind === 'column' && isColumn) return undefined;
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
