/** Settings that may hold passwords, keys or commands, or say where the server's files are. PostgreSQL hides most from plain roles. */
const REFUSED: ReadonlySet<string> = new Set([
  'primary_conninfo',
  'ssl_passphrase_command',
  'ssl_key_file',
  'ssl_cert_file',
  'ssl_ca_file',
  'ssl_crl_file',
  'ssl_crl_dir',
  'krb_server_keyfile',
  'archive_command',
  'archive_cleanup_command',
  'restore_command',
  'recovery_end_command',
  'archive_library',
  'config_file',
  'hba_file',
  'ident_file',
  'data_directory',
  'external_pid_file',
  'unix_socket_directories',
  'log_directory',
  'log_filename',
  'dynamic_library_path',
  'extension_control_path',
  'local_preload_libraries',
  'session_preload_libraries',
  'shared_preload_libraries',
]);

/** Why one setting may not be shown, or `undefined`. `name` is undefined when it is not a constant. */
export function settingProblem(name: string | undefined): string | undefined {
  if (name === undefined) return 'current_setting needs a constant name';
  const lower = name.toLowerCase();
  if (lower === 'all') return 'SHOW ALL is not allowed; name one setting';
  // Applications keep secrets of their own in settings with a dot.
  if (lower.includes('.')) return `setting ${lower.slice(0, 60)} belongs to an application or extension`;
  return REFUSED.has(lower) ? `setting ${lower} may not be shown here` : undefined;
}
