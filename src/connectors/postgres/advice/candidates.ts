import type { ColumnRole, QueryScope, QueryShape } from '../guard/query-shape.ts';
import type { SqlParser } from '../guard/sql-parser.ts';
import { quoteIdentifier } from '../role.ts';
import type { Session } from '../session.ts';
import { loadTables, type TableFacts } from './tables.ts';
import { type IndexSpec, indexSql, type TrialEngine } from './trial-indexes.ts';

export interface Candidates {
  readonly specs: readonly IndexSpec[];
  /** What cannot be tried here, in sentences. */
  readonly notes: readonly string[];
  /** More candidates than are tried. */
  readonly left: number;
}

type Roles = Map<ColumnRole, Set<string>>;
type Tables = ReadonlyMap<string, TableFacts>;

const CANDIDATES_MAX = 60;
const RELATIONS_MAX = 60;
const EQUAL_COLUMNS_MAX = 4;
const WIDTH_MAX = 3;

const TRIGRAMS = `
  SELECT n.nspname::text AS schema FROM pg_catalog.pg_extension AS e JOIN pg_catalog.pg_namespace AS n ON n.oid = e.extnamespace
  WHERE e.extname = 'pg_trgm' AND has_schema_privilege(n.oid, 'USAGE')`;
const VIEWS = `
  SELECT pg_catalog.pg_get_viewdef(c.oid) AS sql FROM pg_catalog.pg_class AS c WHERE c.oid = to_regclass($1) AND c.relkind = 'v'`;

/**
 * Indexes that may help queries: on the columns that they compare, join, group and sort by, also behind views. Everything comes from
 * the queries' own text and the catalogue's names; no stored value is looked at.
 */
export async function findCandidates(
  session: Session,
  parser: SqlParser,
  queries: readonly { readonly sql: string }[],
  engine: TrialEngine,
): Promise<Candidates> {
  const shapes: QueryShape[] = [];
  // oxlint-disable-next-line no-await-in-loop -- the parser takes one statement at a time
  for (const { sql } of queries) shapes.push((await parser.shape(sql)) ?? { scopes: [] });
  const tables = new Map<string, TableFacts>();
  await addTables(session, shapes, tables);
  const behind = await viewShapes(session, parser, tables);
  await addTables(session, behind, tables);
  const trigrams = (await session.client.query<{ schema: string }>(TRIGRAMS)).rows[0]?.schema;
  const found = new Map<string, IndexSpec>();
  const notes = new Set<string>();
  for (const { table, roles } of [...shapes, ...behind].flatMap((shape) => usedTables(shape, tables))) {
    for (const spec of ordinary(table, roles)) found.set(indexSql(spec), spec);
    for (const column of roles.get('infix') ?? []) {
      if (table.columns.get(column)?.text !== true) continue;
      const spec = trigramIndex(table, column, trigrams ?? 'public');
      if (engine === 'rolled back' && trigrams !== undefined) found.set(indexSql(spec), spec);
      else notes.add(trigramNote(spec, trigrams !== undefined));
    }
  }
  const specs = [...found.values()].sort((a, b) => a.columns.length - b.columns.length);
  return {
    specs: specs.slice(0, CANDIDATES_MAX),
    notes: [...notes],
    left: Math.max(0, specs.length - CANDIDATES_MAX),
  };
}

async function addTables(
  session: Session,
  shapes: readonly QueryShape[],
  tables: Map<string, TableFacts>,
): Promise<void> {
  const names = new Set(
    shapes.flatMap(({ scopes }) => scopes.flatMap((scope) => scope.relations.map(nameOf))),
  );
  const wanted = [...names].filter((name) => !tables.has(name)).slice(0, RELATIONS_MAX);
  const loaded = await loadTables(session, wanted);
  for (const [at, table] of loaded.entries()) if (table !== undefined) tables.set(wanted[at]!, table);
}

async function viewShapes(session: Session, parser: SqlParser, tables: Tables): Promise<QueryShape[]> {
  const shapes: QueryShape[] = [];
  for (const [name, { kind }] of tables) {
    if (kind !== 'v') continue;
    const { rows } = await session.client.query<{ sql: string }>(VIEWS, [name]);
    const shape = rows[0] === undefined ? undefined : await parser.shape(rows[0].sql);
    if (shape !== undefined) shapes.push(shape);
  }
  return shapes;
}

/** Each table of each scope, with the columns that are used of it. */
function usedTables({ scopes }: QueryShape, tables: Tables): { table: TableFacts; roles: Roles }[] {
  const used = new Map<string, { readonly table: TableFacts; readonly roles: Roles }>();
  for (const [at, scope] of scopes.entries()) {
    for (const { qualifier, column, role } of scope.uses) {
      const place = placeOf(scopes, at, qualifier, column, tables);
      if (place === undefined) continue;
      const entry = used.get(place.key) ?? { table: place.table, roles: new Map<ColumnRole, Set<string>>() };
      used.set(place.key, entry);
      entry.roles.set(role, (entry.roles.get(role) ?? new Set()).add(column));
    }
  }
  return [...used.values()].filter(({ table }) => ['r', 'p', 'm'].includes(table.kind));
}

/** Which table a column belongs to: in its own scope, or one further out. */
function placeOf(
  scopes: readonly QueryScope[],
  from: number,
  qualifier: string | undefined,
  column: string,
  tables: Tables,
): { readonly key: string; readonly table: TableFacts } | undefined {
  for (let at: number | undefined = from; at !== undefined; at = scopes[at]?.parent) {
    const having = (scopes[at]?.relations ?? []).filter(
      (relation) =>
        (qualifier === undefined || relation.alias === qualifier) &&
        tables.get(nameOf(relation))?.columns.has(column) === true,
    );
    if (having.length > 1) return undefined;
    const relation = having[0];
    if (relation !== undefined)
      return { key: `${at} ${relation.alias}`, table: tables.get(nameOf(relation))! };
  }
  return undefined;
}

/** B-tree indexes of up to three columns: what is compared for equality first, then a range or the order. */
function ordinary(table: TableFacts, roles: Roles): IndexSpec[] {
  const columns = (role: ColumnRole): string[] =>
    [...(roles.get(role) ?? [])].filter((column) => table.columns.get(column)?.sortable === true);
  const equal = columns('equal').slice(0, EQUAL_COLUMNS_MAX);
  const range = columns('range');
  const prefix = columns('prefix');
  const order = columns('order');
  const group = columns('group');
  const pairs = equal.flatMap((a) => equal.filter((b) => b !== a).map((b) => [a, b]));
  const lists = [
    ...[...equal, ...range, ...prefix, ...order].map((column) => [column]),
    ...pairs,
    ...equal.flatMap((a) => range.map((b) => [a, b])),
    ...pairs.flatMap(([a, b]) => range.map((c) => [a!, b!, c])),
    order,
    group,
    ...[order, group].flatMap((tail) => (tail.length === 0 ? [] : equal.map((column) => [column, ...tail]))),
  ];
  const specs: IndexSpec[] = [];
  for (const list of lists) {
    const keys = [...new Set(list)].slice(0, WIDTH_MAX);
    if (keys.length === 0 || isIndexed(table, keys)) continue;
    specs.push({ table, columns: keys, using: 'btree' });
  }
  for (const column of prefix) {
    const { text = false, bytewise = false } = table.columns.get(column) ?? {};
    if (text && !bytewise)
      specs.push({ table, columns: [column], using: 'btree', opclass: 'pg_catalog.text_pattern_ops' });
  }
  return specs;
}

function isIndexed({ indexes }: TableFacts, keys: readonly string[]): boolean {
  return indexes.some((index) => keys.every((key, at) => index[at] === key));
}

function trigramIndex(table: TableFacts, column: string, schema: string): IndexSpec {
  return { table, columns: [column], using: 'gin', opclass: `${quoteIdentifier(schema)}.gin_trgm_ops` };
}

function trigramNote(spec: IndexSpec, installed: boolean): string {
  const create = installed ? '' : 'CREATE EXTENSION pg_trgm; ';
  return `${spec.table.schema}.${spec.table.name}.${spec.columns[0]!} is searched by a pattern without a known beginning: no B-tree helps. A trigram index may: ${create}${indexSql(spec)}. It was not tried: ${installed ? 'hypopg knows no GIN indexes' : 'pg_trgm is not installed'}.`;
}

function nameOf({ schema, name }: { readonly schema: string | undefined; readonly name: string }): string {
  return schema === undefined ? quoteIdentifier(name) : `${quoteIdentifier(schema)}.${quoteIdentifier(name)}`;
}
