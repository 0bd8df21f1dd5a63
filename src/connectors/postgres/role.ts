import type { ClientBase } from 'pg';

/** The server, and the role that the connector runs as. */
export interface RoleFacts {
  /** For example 180004. */
  readonly versionNumber: number;
  readonly version: string;
  readonly user: string;
  readonly database: string;
  readonly superuser: boolean;
  /** Schemas that unqualified names are looked up in, pg_catalog left out. */
  readonly searchPath: readonly string[];
  /** What the role or its database is set to, in milliseconds; 0 is none. */
  readonly statementTimeoutMs: number;
  readonly lockTimeoutMs: number;
  /** User schemas and relations that it may read, of how many there are. */
  readonly sees: { readonly schemas: number; readonly relations: number; readonly relationsInAll: number };
  /** Why this role has more rights than a reader needs. */
  readonly excessRights: readonly string[];
}

const PROBE = `
  SELECT current_setting('server_version_num')::int AS version_number, current_setting('server_version') AS version,
    current_user::text AS "user", current_database()::text AS database, r.rolsuper AS superuser, r.rolbypassrls AS bypass,
    coalesce((SELECT array_agg(s.name ORDER BY s.at) FROM unnest($1::text[]) WITH ORDINALITY AS s(name, at)
              WHERE EXISTS (SELECT FROM pg_catalog.pg_namespace AS n WHERE n.nspname = s.name AND has_schema_privilege(n.oid, 'USAGE'))),
             pg_catalog.current_schemas(false)::text[]) AS path,
    (SELECT setting::float8 FROM pg_catalog.pg_settings WHERE name = 'statement_timeout') AS statement_ms,
    (SELECT setting::float8 FROM pg_catalog.pg_settings WHERE name = 'lock_timeout') AS lock_ms,
    (SELECT json_build_object('schemas', count(DISTINCT n.oid) FILTER (WHERE has_schema_privilege(n.oid, 'USAGE')),
              'relations', count(*) FILTER (WHERE has_schema_privilege(n.oid, 'USAGE') AND has_any_column_privilege(c.oid, 'SELECT')), 'relationsInAll', count(*))
     FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema') AS sees,
    pg_has_role(current_user, 'pg_read_server_files', 'MEMBER') OR pg_has_role(current_user, 'pg_write_server_files', 'MEMBER')
      OR pg_has_role(current_user, 'pg_execute_server_program', 'MEMBER') AS files,
    EXISTS (SELECT FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
            WHERE c.relkind IN ('r', 'p') AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
              AND (has_table_privilege(c.oid, 'DELETE, TRUNCATE') OR has_any_column_privilege(c.oid, 'INSERT, UPDATE'))) AS writes,
    EXISTS (SELECT FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
            WHERE n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' AND pg_has_role(c.relowner, 'USAGE')) AS owns,
    EXISTS (SELECT FROM pg_catalog.pg_namespace AS n
            WHERE n.nspname NOT LIKE 'pg\\_%' AND has_schema_privilege(n.oid, 'CREATE'))
      OR has_database_privilege(current_database(), 'CREATE') AS creates,
    r.rolcreaterole AS roles, r.rolcreatedb AS databases, r.rolreplication AS replicates,
    pg_has_role(current_user, 'pg_signal_backend', 'MEMBER') AS signals, has_table_privilege('pg_catalog.pg_authid', 'SELECT') AS hashes
  FROM pg_catalog.pg_roles AS r WHERE r.rolname = current_user`;

interface Probe {
  readonly version_number: number;
  readonly version: string;
  readonly user: string;
  readonly database: string;
  readonly superuser: boolean;
  readonly bypass: boolean;
  readonly path: readonly string[];
  readonly statement_ms: number;
  readonly lock_ms: number;
  readonly sees: RoleFacts['sees'];
  readonly files: boolean;
  readonly writes: boolean;
  readonly owns: boolean;
  readonly creates: boolean;
  readonly roles: boolean;
  readonly databases: boolean;
  readonly replicates: boolean;
  readonly signals: boolean;
  readonly hashes: boolean;
}

/** Asks the server what this role may do beyond reading. `searchPath` replaces the role's own; schemas that it may not use are left out. */
export async function probeRole(
  client: ClientBase,
  searchPath: readonly string[] | undefined,
): Promise<RoleFacts> {
  const { rows } = await client.query<Probe>(PROBE, [searchPath ?? null]);
  const row = rows[0]!;
  const excess: readonly (readonly [boolean, string])[] = [
    [row.superuser, 'it is a superuser'],
    [row.bypass, 'it bypasses row security'],
    [row.files, "it may reach the server's files or programs"],
    [row.owns, 'it owns tables'],
    [row.writes, 'it may write to tables'],
    [row.creates, 'it may create objects'],
    // A superuser may do all of these.
    [!row.superuser && row.roles, 'it may create roles'],
    [!row.superuser && row.databases, 'it may create databases'],
    [!row.superuser && row.replicates, 'it may copy the whole server (REPLICATION)'],
    [!row.superuser && row.signals, "it may end others' statements (pg_signal_backend)"],
    [!row.superuser && row.hashes, 'it may read password hashes (pg_read_all_data, or a grant)'],
  ];
  return {
    versionNumber: row.version_number,
    version: row.version,
    user: row.user,
    database: row.database,
    superuser: row.superuser,
    searchPath: row.path.filter((schema) => schema !== 'pg_catalog'),
    statementTimeoutMs: row.statement_ms,
    lockTimeoutMs: row.lock_ms,
    sees: row.sees,
    excessRights: excess.filter(([has]) => has).map(([, reason]) => reason),
  };
}

/**
 * A script that makes a role which can read the given schema and nothing else. `role` and `schema` are quoted as identifiers. The role has no
 * password, so that a script that is run as it is gives it none that anybody knows; nothing is changed for other roles.
 */
export function readerRoleScript(role: string, schema: string, database: string): string {
  const [quotedRole, quotedSchema, quotedDatabase] = [role, schema, database].map(quoteIdentifier);
  return [
    `CREATE ROLE ${quotedRole} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS CONNECTION LIMIT 20;`,
    `ALTER ROLE ${quotedRole} SET default_transaction_read_only = on;`,
    `ALTER ROLE ${quotedRole} SET statement_timeout = '30s';`,
    `ALTER ROLE ${quotedRole} SET temp_file_limit = '256MB';`,
    `ALTER ROLE ${quotedRole} SET search_path = ${quotedSchema};`,
    `GRANT CONNECT ON DATABASE ${quotedDatabase} TO ${quotedRole};`,
    `GRANT USAGE ON SCHEMA ${quotedSchema} TO ${quotedRole};`,
    `GRANT SELECT ON ALL TABLES IN SCHEMA ${quotedSchema} TO ${quotedRole};`,
    `ALTER DEFAULT PRIVILEGES IN SCHEMA ${quotedSchema} GRANT SELECT ON TABLES TO ${quotedRole};`,
    '-- It has no password yet, and cannot log in with one. In psql, as a superuser or its maker:',
    `--   \\password ${quotedRole}`,
    '-- Databases made by PostgreSQL 14 or older let everybody create objects in schema public. This takes it from every role:',
    '--   REVOKE CREATE ON SCHEMA public FROM PUBLIC;',
    '',
  ].join('\n');
}

export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
