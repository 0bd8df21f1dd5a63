import { nearest } from '../../../core/nearest.ts';
import type { ToolContext } from '../../../mcp/tool-context.ts';
import type { ToolResult } from '../../../mcp/tool-server.ts';
import type { Database } from '../database.ts';
import { failure, refusal } from '../results.ts';
import { quoteIdentifier } from '../role.ts';
import { queryRows } from './catalog-rows.ts';

/** Relations that are looked through for a name like the one that is not there. */
const NAMES_MAX = 5_000;
const SUGGESTIONS_MAX = 3;

const NAMES = `
  SELECT n.nspname::text AS schema, c.relname::text AS name, n.nspname = ANY (pg_catalog.current_schemas(false)) AS near
  FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
    AND has_schema_privilege(n.oid, 'USAGE')
  ORDER BY 3 DESC, 1, 2 LIMIT ${NAMES_MAX}`;

/** Names that may stand in a sentence of ours: others could be sentences themselves, so there is no blank and no dot in them. */
const PLAIN = /^[\p{L}\p{N}_$-]{1,63}$/u;
const NO_QUOTES_NEEDED = /^[a-z_][a-z0-9_$]*$/;
const UNDEFINED_TABLE = '42P01';

/** As `failure`; when a table is not there, with what may have been meant. */
export async function failureWithNames(
  error: unknown,
  database: Database,
  context: ToolContext,
  prefixCharacters = 0,
): Promise<ToolResult> {
  const told = failure(error, database.isMasked, prefixCharacters);
  const { code, message } = error as { readonly code?: string; readonly message?: string };
  // PostgreSQL quotes the name, in every language.
  const wanted = code === UNDEFINED_TABLE ? /["«„“](.+?)["»“”]/.exec(message ?? '')?.[1] : undefined;
  if (wanted === undefined) return told;
  const meant = await meantBy(wanted.split('.').at(-1)!, database, context);
  return meant === '' ? told : refusal(`${String(told.content[0]?.['text'])}${meant}`);
}

/** ` Did you mean …?` with relations of nearly that name, or nothing. Never rejects. */
export async function meantBy(name: string, database: Database, context: ToolContext): Promise<string> {
  try {
    const rows = (await queryRows(database, context, NAMES, [])) as readonly unknown[] as readonly {
      readonly schema: string;
      readonly name: string;
      readonly near: boolean;
    }[];
    const plain = rows.filter((row) => PLAIN.test(row.schema) && PLAIN.test(row.name));
    const like = nearest(
      name.toLowerCase(),
      plain.map((row) => row.name.toLowerCase()),
    );
    const found = plain.filter((row) => row.name.toLowerCase() === like).slice(0, SUGGESTIONS_MAX);
    if (found.length === 0) return '';
    const written = found.map((row) => [...(row.near ? [] : [row.schema]), row.name].map(quoted).join('.'));
    return ` Did you mean ${written.join(' or ')}?`;
  } catch {
    // The error itself has been told.
    return '';
  }
}

function quoted(name: string): string {
  return NO_QUOTES_NEEDED.test(name) ? name : quoteIdentifier(name);
}
