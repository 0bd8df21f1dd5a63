import type { ClientBase } from 'pg';

/** Volatile functions that only look: clocks, random values, sizes. */
const HARMLESS_VOLATILE: ReadonlySet<string> = new Set([
  'clock_timestamp', 'timeofday', 'random', 'random_normal', 'gen_random_uuid', 'uuidv4', 'uuidv7',
  'pg_relation_size', 'pg_table_size', 'pg_indexes_size', 'pg_total_relation_size', 'pg_database_size', 'pg_tablespace_size',
  'pg_column_size', 'pg_size_pretty', 'pg_is_in_recovery', 'currval', 'lastval',
]);

/**
 * Functions that are marked stable or immutable and still do more than compute from their arguments: they run SQL text, read files,
 * change settings, take transaction ids.
 */
const REFUSED: readonly RegExp[] = [
  /^(?:query|cursor|table|schema|database)_to_xml/,
  /^ts_(?:stat|rewrite)$/,
  /^(?:crosstab|connectby|xpath_table|dblink)/,
  /^pg_(?:read_|ls_|stat_file|file_|config$|current_logfile|show_all_file_settings|hba_file_rules|ident_file_mappings|logical_|replication_|create_|drop_|copy_|export_|import_|backup_|switch_|promote|reload|rotate|terminate|cancel|notify|notification|try_advisory|advisory|sleep|stat_reset|stat_clear|wal_replay|log_|restore_|clear_|sync_|set_|get_wal_|walinspect|stat_get_activity|stat_get_wal_senders|control_)/,
  /^(?:set_config|txid_|pg_current_xact_id|pg_current_snapshot|pg_snapshot|pg_xact|pg_last_xact|lo_|lowrite|loread|binary_upgrade_|nextval|setval|currtid)/,
  /_(?:in|recv|typmodin)$/,
];

/** Functions of this server that a read may call, learned from its own catalogue. */
export interface FunctionCatalog {
  /** Why a call is refused; `undefined` when it is allowed. */
  problem(name: readonly string[]): string | undefined;
}

/** Reads pg_proc: what pg_catalog offers without side effects, and which names someone has defined elsewhere as well. */
export async function loadFunctionCatalog(client: ClientBase, allowed: readonly string[]): Promise<FunctionCatalog> {
  const { rows } = await client.query<{ schema: string; name: string; volatile: boolean; ordinary: boolean }>(
    `SELECT n.nspname AS schema, p.proname AS name, bool_or(p.provolatile = 'v') AS volatile, bool_and(p.prokind IN ('f', 'a', 'w')) AS ordinary
     FROM pg_catalog.pg_proc AS p JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace GROUP BY 1, 2`,
  );
  const builtin = new Set<string>();
  const elsewhere = new Map<string, Set<string>>();
  const configured = new Set<string>();
  for (const row of rows) {
    if (row.schema === 'pg_catalog') {
      const harmless = row.ordinary && (!row.volatile || HARMLESS_VOLATILE.has(row.name));
      if (harmless && !REFUSED.some((pattern) => pattern.test(row.name))) builtin.add(row.name);
    } else if (row.schema !== 'information_schema') {
      elsewhere.set(row.name, (elsewhere.get(row.name) ?? new Set()).add(row.schema));
      if (row.ordinary && !row.volatile && isConfigured(row.schema, row.name, allowed)) configured.add(`${row.schema}.${row.name}`);
    }
  }
  return {
    problem: (parts) => {
      const name = parts.at(-1) ?? '';
      const schema = parts.length > 1 ? parts.at(-2) : undefined;
      if (schema === 'pg_catalog') return builtin.has(name) ? undefined : `function ${name} is not allowed in a read`;
      if (schema !== undefined) return configured.has(`${schema}.${name}`) ? undefined : `function ${schema}.${name} is not a built-in one; the operator can allow it with allow_functions`;
      const others = elsewhere.get(name);
      if (others === undefined) return builtin.has(name) ? undefined : `function ${name} is not allowed in a read`;
      if ([...others].every((other) => configured.has(`${other}.${name}`)) && (builtin.has(name) || !rows.some((row) => row.schema === 'pg_catalog' && row.name === name))) return undefined;
      return builtin.has(name) ? `function ${name} is also defined in schema ${[...others].join(', ')}; write pg_catalog.${name}` : `function ${name} is not a built-in one; the operator can allow it with allow_functions`;
    },
  };
}

function isConfigured(schema: string, name: string, allowed: readonly string[]): boolean {
  return allowed.some((rule) => rule === `${schema}.${name}` || rule === `${schema}.*`);
}
