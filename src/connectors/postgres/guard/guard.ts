import type { FunctionCatalog } from './function-catalog.ts';
import type { SqlParser } from './sql-parser.ts';
import type { StatementFacts } from './statement-facts.ts';

const SQL_CHARACTERS_MAX = 64 * 1024;

/** Relations that hold secrets or the raw bytes of others; nobody reads them through a tool. */
const REFUSED_RELATIONS: ReadonlySet<string> = new Set([
  'pg_authid', 'pg_shadow', 'pg_user_mapping', 'pg_user_mappings', 'pg_largeobject', 'pg_statistic', 'pg_statistic_ext_data',
  'pg_hba_file_rules', 'pg_ident_file_mappings', 'pg_file_settings', 'pg_subscription', 'pg_config', 'pg_backend_memory_contexts',
  'pg_shmem_allocations', '_pg_user_mappings', 'user_mapping_options', 'pg_aios',
]);

export type Verdict = { readonly ok: true; readonly facts: StatementFacts } | { readonly ok: false; readonly reason: string; readonly position?: number | undefined };

/**
 * Decides from the text alone, and from what this server's catalogue says of its functions, whether a statement only reads. It is one
 * of several layers: the transaction is read-only, the protocol carries one statement, and the role should have no more rights than
 * it needs.
 */
export async function judge(sql: string, parser: SqlParser, functions: FunctionCatalog): Promise<Verdict> {
  // The parser reads C strings: what follows a NUL would be invisible to it.
  if (sql.includes('\0')) return { ok: false, reason: 'it contains a NUL character' };
  if (!sql.isWellFormed()) return { ok: false, reason: 'it contains half a Unicode character' };
  if (sql.length > SQL_CHARACTERS_MAX) return { ok: false, reason: `it is longer than ${SQL_CHARACTERS_MAX} characters` };
  const parsed = await parser.parse(sql);
  if (!parsed.ok) return parsed;
  for (const name of parsed.facts.functions) {
    const problem = functions.problem(name);
    if (problem !== undefined) return { ok: false, reason: problem };
  }
  for (const [, name] of parsed.facts.relations) {
    if (REFUSED_RELATIONS.has(name)) return { ok: false, reason: `relation ${name} may not be read here` };
  }
  return parsed;
}
