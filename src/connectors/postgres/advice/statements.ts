import type { ToolContext } from '../../../mcp/tool-context.ts';
import type { Database } from '../database.ts';
import type { SqlParser } from '../guard/sql-parser.ts';
import { quoteIdentifier } from '../role.ts';
import type { Session } from '../session.ts';

export const SORTS = ['resources', 'mean_time', 'total_time'] as const;
export type Sort = (typeof SORTS)[number];

/** A statement as pg_stat_statements counted it. */
export interface CountedStatement {
  /** As the server keeps it: constants are $1 in what it can normalise, but not in every kind of statement. Not to be shown. */
  readonly sql: string;
  /** Without constants and comments. */
  readonly shown: string;
  readonly calls: number;
  readonly totalMs: number;
  readonly meanMs: number;
  readonly rows: number;
  readonly blocksAccessed: number;
  readonly blocksRead: number;
  readonly blocksDirtied: number;
  readonly walBytes: number;
  /** Largest share, in percent, of the time, blocks or write-ahead log of all statements that are shown. */
  readonly sharePercent: number;
}

type Measured = Omit<CountedStatement, 'sharePercent'>;
const MEASURES = ['totalMs', 'blocksAccessed', 'blocksRead', 'blocksDirtied', 'walBytes'] as const;

export type Statements =
  | {
      readonly kind: 'statements';
      readonly statements: readonly CountedStatement[];
      /** Statements of this database that were counted. */
      readonly counted: number;
      /** Of other roles, whose text this role may not see. */
      readonly hiddenOfOthers: number;
      /** That only looked at the system's catalogue or managed a session. */
      readonly hiddenOfSystem: number;
      /** When counting began, where the server says so. */
      readonly since: string | undefined;
    }
  | { readonly kind: 'missing'; readonly reason: string };

/** Statements that are looked at, at most: more than any answer shows. */
const STATEMENTS_MAX = 300;
const SHOWN_CHARACTERS_MAX = 1_500;
const RESOURCES_PERCENT_MIN = 5;
const NOT_LOADED = '55000';
const SESSION_STATEMENTS =
  /^(?:begin|start transaction|commit|rollback|savepoint|release|set|reset|show|discard|deallocate|prepare|execute|explain|fetch|close|declare|select (?:pg_catalog ?\. ?)?(?:set_config|pg_cancel_backend) ?\()/i;
const SYSTEM_SCHEMA = /^(?:pg_|information_schema$)/;

const INSTALL =
  "The operator sets shared_preload_libraries = 'pg_stat_statements' (and restarts the server), runs CREATE EXTENSION pg_stat_statements in this database, and GRANT pg_read_all_stats to the role of this connector, so that it sees the statements of others.";

const PLACE = `
  SELECT n.nspname::text AS schema, has_schema_privilege(n.oid, 'USAGE') AS usable,
    (SELECT array_agg(a.attname::text) FROM pg_catalog.pg_attribute AS a JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid
      WHERE c.relnamespace = n.oid AND c.relname = 'pg_stat_statements' AND a.attnum > 0) AS columns,
    EXISTS (SELECT FROM pg_catalog.pg_class AS c WHERE c.relnamespace = n.oid AND c.relname = 'pg_stat_statements_info') AS info
  FROM pg_catalog.pg_extension AS e JOIN pg_catalog.pg_namespace AS n ON n.oid = e.extnamespace WHERE e.extname = 'pg_stat_statements'`;

interface Place {
  readonly schema: string;
  readonly usable: boolean;
  readonly columns: readonly string[] | null;
  readonly info: boolean;
}

interface Counted {
  readonly sql: string;
  readonly hidden: boolean;
  readonly calls: number;
  readonly total: number;
  readonly rows: number;
  readonly accessed: number;
  readonly read: number;
  readonly dirtied: number;
  readonly wal: number;
  readonly counted: number;
  readonly hidden_count: number;
  readonly since: string | null;
}

/** The dearest statements of this database, dearest first. Rejects with what PostgreSQL says. */
export async function topStatements(
  { database, parser }: { readonly database: Database; readonly parser: SqlParser },
  context: ToolContext,
  sort: Sort,
): Promise<Statements> {
  let rows: readonly Counted[] | string;
  try {
    rows = await database.read(context, (session) => readCounted(session, sort));
  } catch (error) {
    if ((error as { readonly code?: string }).code !== NOT_LOADED) throw error;
    return { kind: 'missing', reason: `pg_stat_statements was created but does not count. ${INSTALL}` };
  }
  if (typeof rows === 'string') return { kind: 'missing', reason: rows };
  const statements: Measured[] = [];
  let hiddenOfSystem = 0;
  for (const row of rows) {
    if (row.hidden) continue;
    // oxlint-disable-next-line no-await-in-loop -- the parser takes one statement at a time
    const shown = await parser.mask(row.sql);
    // oxlint-disable-next-line no-await-in-loop -- as above
    if (await isOfSystem(parser, row.sql, shown)) hiddenOfSystem++;
    else statements.push(counted(row, shown));
  }
  // The share is one of the users' work: what the connector itself asks of the catalogue is no part of it.
  const all = statements.map((one) => ({ ...one, sharePercent: shareOf(one, statements) }));
  if (sort === 'resources') all.sort((a, b) => b.sharePercent - a.sharePercent);
  const { counted: number = 0, hidden_count: hiddenOfOthers = 0, since = null } = rows[0] ?? {};
  return {
    kind: 'statements',
    statements: sort === 'resources' ? all.filter((one) => one.sharePercent > RESOURCES_PERCENT_MIN) : all,
    counted: number,
    hiddenOfOthers,
    hiddenOfSystem,
    since: since ?? undefined,
  };
}

async function readCounted(session: Session, sort: Sort): Promise<readonly Counted[] | string> {
  const { client } = session;
  const place = (await client.query<Place>(PLACE)).rows[0];
  if (place === undefined) return `pg_stat_statements is not in this database. ${INSTALL}`;
  if (!place.usable)
    return `The role of this connector may not use schema ${place.schema}, where pg_stat_statements is. The operator can GRANT USAGE on it.`;
  const columns = new Set(place.columns ?? []);
  const schema = quoteIdentifier(place.schema);
  // Before version 1.8 of the extension the time has another name, and the log is not counted; before 1.9 there are no nested ones.
  const time = columns.has('total_exec_time') ? 'total_exec_time' : 'total_time';
  const wal = columns.has('wal_bytes') ? 'wal_bytes' : '0';
  const toplevel = columns.has('toplevel') ? 'AND s.toplevel' : '';
  const since = place.info
    ? `(SELECT i.stats_reset::text FROM ${schema}.pg_stat_statements_info AS i)`
    : 'NULL';
  const share = (column: string): string =>
    `coalesce(100 * ${column} / nullif(sum(${column}) OVER (), 0), 0)`;
  const order = { resources: 'share', mean_time: 'total / calls', total_time: 'total' }[sort];
  const { rows } = await client.query<Counted>(`
    WITH each AS (
      SELECT s.query AS sql, s.queryid IS NULL OR s.query = '<insufficient privilege>' AS hidden, sum(s.calls)::float8 AS calls,
        sum(s.${time})::float8 AS total, sum(s.rows)::float8 AS rows, sum(s.shared_blks_hit + s.shared_blks_read)::float8 AS accessed,
        sum(s.shared_blks_read)::float8 AS read, sum(s.shared_blks_dirtied)::float8 AS dirtied, sum(${wal})::float8 AS wal, count(*) AS entries
      FROM ${schema}.pg_stat_statements AS s
      WHERE s.dbid = (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = current_database()) AND s.calls > 0 ${toplevel}
      GROUP BY s.queryid, s.query),
    shares AS (
      SELECT each.*, greatest(${['total', 'accessed', 'read', 'dirtied', 'wal'].map(share).join(', ')})::float8 AS share,
        (sum(entries) OVER ())::float8 AS counted, coalesce(sum(entries) FILTER (WHERE hidden) OVER (), 0)::float8 AS hidden_count
      FROM each)
    SELECT shares.*, ${since} AS since FROM shares ORDER BY hidden, ${order} DESC LIMIT ${STATEMENTS_MAX}`);
  return rows;
}

function counted(row: Counted, shown: string | undefined): Measured {
  return {
    sql: row.sql,
    shown: cut(shown ?? '(its text cannot be read without its constants, and is not shown)'),
    calls: row.calls,
    totalMs: row.total,
    meanMs: row.total / row.calls,
    rows: row.rows,
    blocksAccessed: row.accessed,
    blocksRead: row.read,
    blocksDirtied: row.dirtied,
    walBytes: row.wal,
  };
}

function shareOf(one: Measured, all: readonly Measured[]): number {
  const shares = MEASURES.map((measure) => {
    const sum = all.reduce((total, each) => total + each[measure], 0);
    return sum === 0 ? 0 : (100 * one[measure]) / sum;
  });
  return Math.max(...shares);
}

/** Whether a statement is about no table of the user: it manages a session, or looks only at the catalogue. */
async function isOfSystem(parser: SqlParser, sql: string, shown: string | undefined): Promise<boolean> {
  if (shown === undefined) return false;
  if (SESSION_STATEMENTS.test(shown)) return true;
  if (!/^(?:select|with)\b/i.test(shown)) return false;
  const relations = (await parser.shape(sql))?.scopes.flatMap((scope) => scope.relations) ?? [];
  return (
    relations.length > 0 &&
    relations.every(({ schema, name }) =>
      schema === undefined
        ? name.startsWith('pg_')
        : SYSTEM_SCHEMA.test(schema) || name.startsWith('pg_stat_statements'),
    )
  );
}

function cut(text: string): string {
  return text.length > SHOWN_CHARACTERS_MAX ? `${text.slice(0, SHOWN_CHARACTERS_MAX).toWellFormed()}…` : text;
}
