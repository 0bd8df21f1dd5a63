import type { FunctionCatalog } from './function-catalog.ts';
import { ALTERING } from './node-tags.ts';
import { settingProblem } from './settings.ts';
import type { SqlParser } from './sql-parser.ts';
import { isWriting, type Mode, type StatementFacts } from './statement-facts.ts';

/** Longest statement, in bytes of UTF-8. */
const SQL_BYTES_MAX = 64 * 1024;

/** Relations that hold secrets, or the raw bytes of others. The system's own, in whatever schema they are named. */
const REFUSED_RELATIONS: ReadonlySet<string> = new Set([
  'pg_authid',
  'pg_shadow',
  'pg_user_mapping',
  'pg_user_mappings',
  '_pg_user_mappings',
  'user_mapping_options',
  'pg_largeobject',
  'pg_statistic',
  'pg_statistic_ext_data',
  'pg_hba_file_rules',
  'pg_ident_file_mappings',
  'pg_file_settings',
  'pg_settings',
  'pg_db_role_setting',
  'pg_subscription',
  'pg_config',
  'pg_backend_memory_contexts',
  'pg_shmem_allocations',
  'pg_shmem_allocations_numa',
  'pg_aios',
]);

export type Verdict =
  | { readonly ok: true; readonly facts: StatementFacts }
  | { readonly ok: false; readonly reason: string; readonly position?: number | undefined };

/**
 * Decides from the text alone, and from what this server's catalogue says of its functions, whether a statement does only what its mode
 * allows. One layer of several: the transaction is read-only, the protocol carries one statement, and the role should have no more
 * rights than it needs. `position` counts characters from 0.
 */
export async function judge(
  sql: string,
  mode: Mode,
  parser: SqlParser,
  functions: FunctionCatalog,
): Promise<Verdict> {
  const unreadable = textProblem(sql);
  if (unreadable !== undefined) return { ok: false, reason: unreadable };
  const parsed = await parser.parse(sql, mode);
  if (!parsed.ok) return parsed;
  const reason = catalogueProblem(parsed.facts, mode, functions);
  return reason === undefined ? parsed : { ok: false, reason };
}

/** What is wrong with a statement as text, before anything parses it, or `undefined`. */
export function textProblem(sql: string): string | undefined {
  // The parser reads C strings: what follows a NUL would be invisible to it.
  if (sql.includes('\0')) return 'it contains a NUL character';
  if (!sql.isWellFormed()) return 'it contains half a Unicode character';
  if (Buffer.byteLength(sql) > SQL_BYTES_MAX) return `it is longer than ${SQL_BYTES_MAX} bytes`;
  return sql.trim() === '' ? 'there is no statement in it' : undefined;
}

/** Why a parsed statement may not run, by what it names and what this server's catalogue says of that, or `undefined`. */
export function catalogueProblem(
  facts: StatementFacts,
  mode: Mode,
  functions: FunctionCatalog,
): string | undefined {
  if (facts.kind === 'show') return settingProblem(facts.setting);
  for (const [schema, name] of facts.relations) {
    if (REFUSED_RELATIONS.has(name) || schema === 'pg_toast') return `relation ${name} may not be read here`;
    if (isWriting(mode) && isOfTheSystem(schema, name))
      return `${name} belongs to the system and is not written here`;
  }
  const problems = [
    ALTERING.has(facts.statement) ? functions.mask.alterProblem() : undefined,
    functions.mask.problem(facts.relations, facts.columns),
    ...facts.calls.map((call) => functions.call(call, mode)),
    ...facts.attributes.map((attribute) => functions.attribute(attribute, facts.sources)),
    ...facts.operators.map((operator) => functions.operator(operator)),
  ];
  return problems.find((problem) => problem !== undefined);
}

function isOfTheSystem(schema: string | undefined, name: string): boolean {
  if (schema === undefined) return name.startsWith('pg_');
  return schema === 'information_schema' || schema.startsWith('pg_');
}
