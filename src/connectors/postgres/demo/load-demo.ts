import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Role under which the connector reads the demo; it may do nothing else. */
export const DEMO_ROLE = 'demo_reader';
export const DEMO_DATABASE = 'demo';
const MARK = 'Demo, version 1:';

/** Runs statements on the demo database as its owner. */
export type RunSql = (sql: string) => Promise<readonly Readonly<Record<string, unknown>>[]>;

/** Makes the demo database's content and its reading role, unless they are there. Rejects with what PostgreSQL says. */
export async function loadDemo(run: RunSql): Promise<'loaded' | 'present'> {
  const [state] = await run(
    `SELECT obj_description(oid, 'pg_namespace') AS comment FROM pg_namespace WHERE nspname = 'shop'`,
  );
  if (typeof state?.['comment'] === 'string' && state['comment'].startsWith(MARK)) return 'present';
  const script = await readFile(join(import.meta.dirname, 'demo.sql'), 'utf8');
  await run(`BEGIN; DROP SCHEMA IF EXISTS shop CASCADE; ${script}; COMMIT`);
  await run(roleSql());
  await run('ANALYZE');
  return 'loaded';
}

/** The least that a reader needs: it may look, and only here. */
function roleSql(): string {
  return `
    DO $$ BEGIN
      IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = '${DEMO_ROLE}') THEN
        CREATE ROLE ${DEMO_ROLE} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS CONNECTION LIMIT 20;
      END IF;
    END $$;
    ALTER ROLE ${DEMO_ROLE} SET default_transaction_read_only = on;
    ALTER ROLE ${DEMO_ROLE} SET statement_timeout = '30s';
    ALTER ROLE ${DEMO_ROLE} SET search_path = shop;
    ALTER ROLE ${DEMO_ROLE} SET temp_file_limit = '256MB';
    REVOKE ALL ON DATABASE ${DEMO_DATABASE} FROM PUBLIC;
    GRANT CONNECT ON DATABASE ${DEMO_DATABASE} TO ${DEMO_ROLE};
    REVOKE ALL ON SCHEMA public FROM PUBLIC;
    GRANT USAGE ON SCHEMA shop TO ${DEMO_ROLE};
    GRANT SELECT ON ALL TABLES IN SCHEMA shop TO ${DEMO_ROLE};
    GRANT SELECT ON ALL SEQUENCES IN SCHEMA shop TO ${DEMO_ROLE};`;
}
