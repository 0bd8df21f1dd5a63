import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Role under which the connector reads the demo; it may do nothing else. */
export const DEMO_ROLE = 'demo_reader';
export const DEMO_DATABASE = 'demo';

/** How the comment on schema `shop` begins when this very content is loaded. */
const MARK = 'Demo, version 2:';

/** Runs statements, several at a time, on the demo database as a superuser, and gives the rows of a single one. */
export type RunSql = (sql: string) => Promise<readonly Readonly<Record<string, unknown>>[]>;

/**
 * Makes the demo database's content (schema `shop`) and its reading role, unless this version of it is there. The content is the same on
 * every server, byte for byte. Rejects with what PostgreSQL says; then nothing has changed.
 */
export async function loadDemo(run: RunSql): Promise<'loaded' | 'present'> {
  const [state] = await run(
    `SELECT obj_description(oid, 'pg_namespace') AS comment FROM pg_catalog.pg_namespace WHERE nspname = 'shop'`,
  );
  if (typeof state?.['comment'] === 'string' && state['comment'].startsWith(MARK)) return 'present';
  const script = await readFile(join(import.meta.dirname, 'demo.sql'), 'utf8');
  // Statements sent together are one transaction.
  await run(`DROP SCHEMA IF EXISTS shop CASCADE;\n${script}\n${READER}`);
  await run('ANALYZE');
  return 'loaded';
}

/** The least that a reader needs: it may look, and only here. */
const READER = `
  DO $reader$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = '${DEMO_ROLE}') THEN
      CREATE ROLE ${DEMO_ROLE} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS CONNECTION LIMIT 20;
    END IF;
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO ${DEMO_ROLE}', current_database());
  END $reader$;
  ALTER ROLE ${DEMO_ROLE} SET default_transaction_read_only = on;
  ALTER ROLE ${DEMO_ROLE} SET statement_timeout = '30s';
  ALTER ROLE ${DEMO_ROLE} SET search_path = shop;
  ALTER ROLE ${DEMO_ROLE} SET temp_file_limit = '256MB';
  REVOKE ALL ON SCHEMA public FROM PUBLIC;
  GRANT USAGE ON SCHEMA shop TO ${DEMO_ROLE};
  GRANT SELECT ON ALL TABLES IN SCHEMA shop TO ${DEMO_ROLE};
  GRANT SELECT ON ALL SEQUENCES IN SCHEMA shop TO ${DEMO_ROLE};`;
