import { isWriting, type Mode } from './statement-facts.ts';

const names = (text: string): ReadonlySet<string> => new Set(text.trim().split(/\s+/));

/**
 * Volatile functions that only look: clocks, random values, sizes, the partition tree, the write-ahead log's position. AT TIME ZONE is
 * `timezone`, which PostgreSQL 13 and 14 call volatile.
 */
const HARMLESS_VOLATILE: ReadonlySet<string> = names(`
  clock_timestamp timeofday timezone random random_normal gen_random_uuid uuidv4 uuidv7 array_sample array_shuffle current_query
  pg_relation_size pg_table_size pg_indexes_size pg_total_relation_size pg_database_size pg_tablespace_size
  pg_partition_tree pg_partition_ancestors pg_blocking_pids pg_get_wait_events
  pg_is_in_recovery pg_current_wal_lsn pg_last_wal_receive_lsn pg_last_wal_replay_lsn pg_last_xact_replay_timestamp
`);

/** Volatile functions that the writing tool may call, too. */
const WRITING: ReadonlySet<string> = names('nextval currval lastval setval');

/**
 * Functions that are marked stable or immutable and still do more than compute from their arguments: they run SQL text, read files,
 * show settings, take transaction ids, or work on the server's inner structures.
 */
const REFUSED: readonly RegExp[] = [
  /^(?:query|cursor|table|schema|database)_to_xml/,
  /^ts_(?:stat|rewrite)$/,
  /^(?:set_config|current_setting)$/,
  /^pg_(?:read_|ls_|stat_file|config$|current_logfile|show_all_|hba_file|ident_file|logical_|replication_|create_|drop_|copy_)/,
  /^pg_(?:export_|import_|backup_|switch_|promote|reload|rotate|terminate|cancel|notif|try_advisory|advisory|sleep|stat_reset)/,
  /^pg_(?:stat_clear|wal_replay|log_|restore_|clear_|sync_|set_|control_|event_trigger|conf_|tablespace_location|settings_get)/,
  /^pg_(?:current_xact|current_snapshot|snapshot|xact|visible_in|relation_filepath|listening|cursor$|prepared_|stat_get_wal_rec)/,
  /^(?:txid_|lo_|lowrite|loread|binary_upgrade_|currtid|setseed|xmlvalidate|dsnowball_|plpgsql_|unique_key_|RI_FKey|pg_stat_get_(?:backend_)?activity$|fmgr_\w+_validator)/,
  /^(?:any|array|domain|enum|range|multirange|record|shell|void|trigger|internal|cstring|event_trigger|fdw_handler|tsm_handler)_in$/,
];

/** Whether a function of pg_catalog may be called, by its name and whether any form of it is volatile. */
export function isHarmlessBuiltin(name: string, volatile: boolean, mode: Mode): boolean {
  if (HARMLESS_VOLATILE.has(name)) return true;
  if (isWriting(mode) && WRITING.has(name)) return true;
  return !volatile && !REFUSED.some((pattern) => pattern.test(name));
}

/** Which functions beyond pg_catalog the operator lets through: `schema.name`, `schema.*`, `extension.*`. */
export interface AllowRule {
  /** A schema or an extension. */
  readonly owner: string;
  /** `*` or one function. */
  readonly name: string;
  /** Written as `volatile:…`: functions too that PostgreSQL believes to change something. */
  readonly alsoVolatile: boolean;
}

/** Reads one rule. Throws with an example when it is none. */
export function parseAllowRule(text: string): AllowRule {
  const match = /^(volatile:)?([^.\s]+)\.([^.\s]+)$/.exec(text);
  if (match === null) {
    throw new Error(
      `allow_functions: ${JSON.stringify(text)} is not a rule; write schema.name, schema.* or extension.*`,
    );
  }
  return { owner: match[2]!, name: match[3]!, alsoVolatile: match[1] !== undefined };
}
