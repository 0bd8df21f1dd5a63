/**
 * What a child may inherit from the gateway's environment: what programs need to find their home, their language and their caches, and
 * nothing that could be a secret. Everything else must stand in the server's `env`.
 */
export const INHERITED_VARIABLES = [
  'HOME',
  'LANG',
  'LANGUAGE',
  'LC_ALL',
  'LC_CTYPE',
  'LOGNAME',
  'NPM_CONFIG_CACHE',
  'NVM_DIR',
  'PATH',
  'SHELL',
  'SYSTEMROOT',
  'TEMP',
  'TERM',
  'TMP',
  'TMPDIR',
  'TZ',
  'USER',
  'UV_CACHE_DIR',
  'XDG_CACHE_HOME',
  'XDG_CONFIG_HOME',
  'XDG_DATA_HOME',
] as const;

/** The child's environment: the inherited variables, then the entry's own. Values that define shell functions are left out. */
export function childEnvironment(
  from: Readonly<Record<string, string | undefined>>,
  own: Readonly<Record<string, string>>,
): Record<string, string> {
  const result: Record<string, string> = {};
  for (const name of INHERITED_VARIABLES) {
    const value = from[name];
    if (value !== undefined && !value.startsWith('()')) result[name] = value;
  }
  return { ...result, ...own };
}
