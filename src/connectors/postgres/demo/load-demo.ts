import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Role under which the connector reads the demo; it may do nothing else. */
export const DEMO_ROLE = 'demo_reader';
/** Role that the demo's objects belong to. Used to try indexes there, in transactions that are rolled back. */
export const DEMO_OWNER = 'demo_owner';
export const DEMO_DATABASE = 'demo';

/** How the comment on schema `shop` begins when this very content is loaded. */
const MARK = 'Demo, version 3:';

/** Runs statements, several at a time, on the demo database as a superuser, and gives the rows of a single one. */
export type RunSql = (sql: string) => Promise<readonly Readonly<Record<string, unknown>>[]>;

/**
 * Makes the demo database's content (schema `shop`) and its two roles, unless this version of it is there. The content is the same on
 * every server, byte for byte. Rejects with what PostgreSQL says; then nothing has changed.
 */
export async function loadDemo(run: RunSql): Promise<'loaded' | 'present'> {
  const [state] = await run(
    `SELECT obj_description(oid, 'pg_namespace') AS comment FROM pg_catalog.pg_namespace WHERE nspname = 'shop'`,
  );
  if (typeof state?.['comment'] === 'string' && state['comment'].startsWith(MARK)) return 'present';
  const script = await readFile(join(import.meta.dirname, 'demo.sql'), 'utf8');
  // Statements sent together are one transaction.
  await run(
    [
      'DROP SCHEMA IF EXISTS shop CASCADE',
      ROLES,
      `SET LOCAL ROLE ${DEMO_OWNER};\n${script}\nRESET ROLE`,
      READER,
      EXTENSIONS,
    ].join(';\n'),
  );
  await run('ANALYZE');
  await run(USE);
  return 'loaded';
}

const ROLES = `
  DO $roles$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = '${DEMO_ROLE}') THEN
      CREATE ROLE ${DEMO_ROLE} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS CONNECTION LIMIT 20;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = '${DEMO_OWNER}') THEN
      CREATE ROLE ${DEMO_OWNER} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS CONNECTION LIMIT 5;
    END IF;
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO ${DEMO_ROLE}', current_database());
    EXECUTE format('GRANT CONNECT, CREATE ON DATABASE %I TO ${DEMO_OWNER}', current_database());
  END $roles$;
  GRANT ${DEMO_ROLE} TO ${DEMO_OWNER};
  ALTER ROLE ${DEMO_OWNER} SET search_path = shop`;

/** The least that a reader needs: it may look, and only here. */
const READER = `
  ALTER ROLE ${DEMO_ROLE} SET default_transaction_read_only = on;
  ALTER ROLE ${DEMO_ROLE} SET statement_timeout = '30s';
  ALTER ROLE ${DEMO_ROLE} SET search_path = shop;
  ALTER ROLE ${DEMO_ROLE} SET temp_file_limit = '256MB';
  REVOKE ALL ON SCHEMA public FROM PUBLIC;
  GRANT USAGE ON SCHEMA shop TO ${DEMO_ROLE};
  GRANT SELECT ON ALL TABLES IN SCHEMA shop TO ${DEMO_ROLE};
  GRANT SELECT ON ALL SEQUENCES IN SCHEMA shop TO ${DEMO_ROLE}`;

/** Statistics of statements, and indexes for words in the middle of a text: where the server has them. */
const EXTENSIONS = `
  CREATE SCHEMA IF NOT EXISTS extensions;
  GRANT USAGE ON SCHEMA extensions TO ${DEMO_ROLE}, ${DEMO_OWNER};
  DO $extensions$ DECLARE extension text; BEGIN
    FOR extension IN SELECT name FROM pg_catalog.pg_available_extensions WHERE name IN ('pg_stat_statements', 'pg_trgm', 'hypopg') LOOP
      EXECUTE format('CREATE EXTENSION IF NOT EXISTS %I SCHEMA extensions', extension);
    END LOOP;
  END $extensions$`;

/** Uses every index but the one that is there to be found unused, so that the server's counters look as after some work. */
const USE = `
  DO $use$ BEGIN
    PERFORM set_config('enable_seqscan', 'off', true);
    FOR n IN 1..120 LOOP
      PERFORM count(*) FROM shop.orders WHERE customer_id = n;
      PERFORM count(*) FROM shop.reviews WHERE product_id = n;
      PERFORM count(*) FROM shop.reviews WHERE customer_id = n;
      PERFORM count(*) FROM shop.customers WHERE id = n;
      PERFORM count(*) FROM shop.products WHERE search @@ to_tsquery('english', 'lamp');
      PERFORM count(*) FROM shop.products WHERE attributes ->> 'colour' = 'red';
    END LOOP;
    IF to_regproc('pg_catalog.pg_stat_force_next_flush') IS NOT NULL THEN
      PERFORM pg_catalog.pg_stat_force_next_flush();
    END IF;
  END $use$`;
