import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { callTool } from '../../../../test/support/call-tool.ts';
import { openTestDatabase, type TestDatabase } from '../../../../test/support/connector-database.ts';
import { createPostgresConnector, type PostgresConnector } from '../connector.ts';
import { loadDemo } from '../demo/load-demo.ts';

/** Statements that must never reach the server, by what the refusal says of them. */
const ATTACKS: readonly (readonly [reason: RegExp, statements: readonly string[]])[] = [
  [
    /statements; send one at a time/,
    [
      'COMMIT; DROP SCHEMA shop CASCADE',
      'SELECT 1; SELECT 2',
      'SELECT 1; DROP TABLE shop.reviews',
      'ROLLBACK; BEGIN READ WRITE; DELETE FROM shop.reviews; COMMIT',
      'SELECT 1 /* ; */; DELETE FROM shop.reviews',
      "SELECT 'a\\'; DROP TABLE shop.reviews; --'",
      'SELECT $x$ harmless $x$; TRUNCATE shop.reviews',
      'SELECT 1 -- comment\n; UPDATE shop.customers SET name = NULL',
      'SELECT 1;;;SELECT pg_reload_conf()',
    ],
  ],
  [
    /is not a read/,
    [
      "INSERT INTO shop.categories VALUES (99, 'x', NULL)",
      'UPDATE shop.customers SET name = name',
      'DELETE FROM shop.reviews',
      'MERGE INTO shop.categories c USING shop.categories d ON c.id = d.id WHEN MATCHED THEN DELETE',
      'TRUNCATE shop.reviews',
      'DROP TABLE shop.reviews',
      'CREATE TABLE evil (a int)',
      'CREATE TEMP TABLE evil (a int)',
      'CREATE TABLE evil AS SELECT 1',
      'CREATE VIEW evil AS SELECT 1',
      "CREATE FUNCTION evil() RETURNS int LANGUAGE sql AS 'SELECT 1'",
      'CREATE EXTENSION dblink',
      'CREATE ROLE evil SUPERUSER',
      'CREATE DATABASE evil',
      "CREATE SUBSCRIPTION evil CONNECTION 'host=evil' PUBLICATION p",
      "CREATE SERVER evil FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'evil')",
      'ALTER TABLE shop.customers ADD COLUMN evil int',
      'ALTER ROLE postgres SUPERUSER',
      "ALTER SYSTEM SET archive_command = 'touch /tmp/evil'",
      'ALTER DATABASE postgres SET default_transaction_read_only = off',
      'GRANT ALL ON shop.customers TO PUBLIC',
      'REVOKE ALL ON shop.customers FROM PUBLIC',
      "COMMENT ON TABLE shop.customers IS 'evil'",
      'REFRESH MATERIALIZED VIEW shop.monthly_sales',
      "COPY shop.customers TO '/tmp/evil'",
      "COPY shop.customers FROM '/etc/passwd'",
      "COPY (SELECT 1) TO PROGRAM 'touch /tmp/evil'",
      "COPY shop.categories FROM PROGRAM 'id'",
      'COPY shop.customers TO STDOUT',
      'DO $$ BEGIN PERFORM 1; END $$',
      "DO LANGUAGE plpgsql 'BEGIN EXECUTE ''DROP TABLE shop.reviews''; END'",
      'CALL pg_catalog.evil()',
      'PREPARE evil AS DELETE FROM shop.reviews',
      'EXECUTE evil',
      'DEALLOCATE ALL',
      'DECLARE c CURSOR WITH HOLD FOR SELECT 1',
      'FETCH ALL FROM c',
      'CLOSE ALL',
      'MOVE ALL IN c',
      'SET transaction_read_only = off',
      'SET TRANSACTION READ WRITE',
      'SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE',
      "SET statement_timeout = '0'",
      'SET search_path = evil',
      'SET standard_conforming_strings = off',
      'SET ROLE postgres',
      'SET SESSION AUTHORIZATION postgres',
      'RESET ALL',
      'DISCARD ALL',
      'BEGIN',
      'COMMIT',
      'ROLLBACK',
      'SAVEPOINT evil',
      "PREPARE TRANSACTION 'evil'",
      "COMMIT PREPARED 'evil'",
      'LISTEN evil',
      "NOTIFY evil, 'x'",
      'UNLISTEN *',
      'LOCK TABLE shop.customers IN ACCESS EXCLUSIVE MODE',
      'LOCK TABLE shop.customers IN ACCESS SHARE MODE',
      'VACUUM',
      'ANALYZE shop.customers',
      'REINDEX TABLE shop.customers',
      'CLUSTER shop.customers',
      'CHECKPOINT',
      "LOAD 'dblink'",
      "SECURITY LABEL ON TABLE shop.customers IS 'evil'",
      'IMPORT FOREIGN SCHEMA public FROM SERVER evil INTO shop',
      'DROP OWNED BY postgres',
      'REASSIGN OWNED BY postgres TO demo_reader',
    ],
  ],
  [
    /is not allowed here/,
    [
      'WITH d AS (DELETE FROM shop.reviews RETURNING *) SELECT * FROM d',
      "WITH i AS (INSERT INTO shop.categories VALUES (98, 'x', NULL) RETURNING id) SELECT id FROM i",
      'WITH u AS (UPDATE shop.customers SET name = name RETURNING id) SELECT count(*) FROM u',
      'SELECT * FROM (WITH d AS (DELETE FROM shop.reviews RETURNING *) SELECT * FROM d) AS x',
      'WITH m AS (MERGE INTO shop.categories c USING shop.categories d ON c.id = d.id WHEN MATCHED THEN DELETE RETURNING 1) SELECT * FROM m',
      'SELECT $1',
    ],
  ],
  [/SELECT INTO makes a table/, ['SELECT * INTO evil FROM shop.customers', 'SELECT 1 AS a INTO TEMP evil']],
  [
    /take locks/,
    [
      'SELECT * FROM shop.customers FOR UPDATE',
      'SELECT * FROM shop.customers FOR SHARE NOWAIT',
      'SELECT * FROM (SELECT id FROM shop.customers FOR KEY SHARE SKIP LOCKED) AS x',
      'EXPLAIN SELECT * FROM shop.customers FOR NO KEY UPDATE',
    ],
  ],
  [
    /EXPLAIN of .* is not allowed|EXPLAIN option/,
    [
      'EXPLAIN ANALYZE DELETE FROM shop.reviews',
      'EXPLAIN (ANALYZE) UPDATE shop.customers SET name = name',
      'EXPLAIN ANALYZE CREATE TABLE evil AS SELECT 1',
      'EXPLAIN ANALYZE EXECUTE evil',
      'EXPLAIN INSERT INTO shop.categories SELECT * FROM shop.categories',
      'EXPLAIN (ANALYZE, EVIL) SELECT 1',
      'EXPLAIN ANALYZE REFRESH MATERIALIZED VIEW shop.monthly_sales',
    ],
  ],
  // Files, in every place where a function can stand.
  [
    /function pg_read_file is not allowed|pg_read_file/,
    [
      "SELECT pg_read_file('/etc/passwd')",
      "SELECT * FROM pg_read_file('/etc/passwd')",
      "SELECT * FROM ROWS FROM (pg_read_file('/etc/passwd')) AS x",
      "SELECT pg_catalog.pg_read_file('/etc/passwd')",
      `SELECT "pg_read_file"('/etc/passwd')`,
      `SELECT U&"pg\\005fread_file"('/etc/passwd')`,
      "SELECT PG_READ_FILE('/etc/passwd')",
      "SELECT/**/pg_read_file/**/('/etc/passwd')",
      "SELECT 1 WHERE length(pg_read_file('/etc/passwd')) > 0",
      "SELECT 1 ORDER BY pg_read_file('/etc/passwd')",
      "SELECT 1 GROUP BY pg_read_file('/etc/passwd')",
      "SELECT 1 LIMIT length(pg_read_file('/etc/passwd'))",
      "SELECT count(*) FILTER (WHERE pg_read_file('/etc/passwd') <> '') FROM shop.customers",
      "SELECT sum(1) OVER (PARTITION BY pg_read_file('/etc/passwd'))",
      "SELECT CASE WHEN true THEN pg_read_file('/etc/passwd') END",
      "SELECT coalesce(NULL, pg_read_file('/etc/passwd'))",
      "SELECT ARRAY[pg_read_file('/etc/passwd')]",
      "SELECT ROW(pg_read_file('/etc/passwd'))",
      "SELECT (SELECT pg_read_file('/etc/passwd'))",
      "SELECT EXISTS (SELECT pg_read_file('/etc/passwd'))",
      "VALUES (pg_read_file('/etc/passwd'))",
      "WITH x AS (SELECT pg_read_file('/etc/passwd')) SELECT * FROM x",
      "SELECT 1 UNION SELECT length(pg_read_file('/etc/passwd'))",
      "SELECT * FROM shop.customers JOIN LATERAL pg_read_file('/etc/passwd') AS f ON true",
      "SELECT * FROM shop.customers TABLESAMPLE system (length(pg_read_file('/etc/passwd')))",
      "SELECT json_scalar(pg_read_file('/etc/passwd'))",
      "SELECT * FROM json_table(pg_read_file('/etc/passwd')::jsonb, '$' COLUMNS (a text PATH '$'))",
      "SELECT JSON_OBJECT('a': pg_read_file('/etc/passwd'))",
      "SELECT json_value(pg_read_file('/etc/passwd')::jsonb, '$')",
      "SELECT xmlelement(name a, pg_read_file('/etc/passwd'))",
      "SELECT * FROM xmltable('/a' PASSING (pg_read_file('/etc/passwd')::xml) COLUMNS a text)",
      "SELECT 'a' LIKE pg_read_file('/etc/passwd')",
      "SELECT (ARRAY[1])[length(pg_read_file('/etc/passwd'))]",
      "SELECT upper(x => pg_read_file('/etc/passwd'))",
      "EXPLAIN ANALYZE SELECT pg_read_file('/etc/passwd')",
      // A function of one argument can be written behind a dot.
      "SELECT ('/etc/passwd'::text).pg_read_file",
      "SELECT (x).pg_read_file FROM (SELECT '/etc/passwd'::text AS x) AS t",
      "SELECT x.pg_read_file FROM unnest(ARRAY['/etc/passwd']) AS x",
      `SELECT x."pg_read_file" FROM unnest(ARRAY['/etc/passwd']) AS x`,
    ],
  ],
  [
    /function \S+ is not allowed here/,
    [
      "SELECT pg_read_binary_file('/etc/passwd')",
      "SELECT * FROM pg_ls_dir('/')",
      'SELECT pg_ls_waldir()',
      'SELECT * FROM pg_ls_logdir()',
      "SELECT pg_stat_file('/etc/passwd')",
      'SELECT pg_current_logfile()',
      "SELECT lo_import('/etc/passwd')",
      "SELECT lo_export(1, '/tmp/evil')",
      'SELECT lo_creat(-1)',
      "SELECT lo_from_bytea(0, 'x')",
      'SELECT lo_get(1)',
      'SELECT lo_unlink(1)',
      "SELECT query_to_xml('DELETE FROM shop.reviews', true, true, '')",
      "SELECT * FROM query_to_xml_and_xmlschema('SELECT 1', true, true, '')",
      "SELECT table_to_xml('pg_authid', true, true, '')",
      "SELECT schema_to_xml('pg_catalog', true, true, '')",
      "SELECT database_to_xml(true, true, '')",
      "SELECT cursor_to_xml('c', 1, true, true, '')",
      "SELECT * FROM ts_stat('SELECT to_tsvector(pg_read_file(''/etc/hostname''))')",
      "SELECT ts_rewrite('a'::tsquery, 'SELECT a, b FROM evil')",
      "SELECT set_config('transaction_read_only', 'off', false)",
      "SELECT set_config('statement_timeout', '0', false)",
      'SELECT pg_sleep(60)',
      "SELECT pg_sleep_for('1 hour')",
      "SELECT pg_sleep_until('2099-01-01')",
      'SELECT pg_advisory_lock(1)',
      'SELECT pg_try_advisory_lock(1)',
      'SELECT pg_advisory_xact_lock(1)',
      'SELECT pg_advisory_unlock_all()',
      'SELECT pg_terminate_backend(pid) FROM pg_stat_activity',
      'SELECT pg_cancel_backend(1)',
      'SELECT pg_reload_conf()',
      'SELECT pg_rotate_logfile()',
      'SELECT pg_switch_wal()',
      "SELECT pg_create_restore_point('evil')",
      'SELECT pg_promote()',
      'SELECT pg_stat_reset()',
      "SELECT pg_backup_start('evil')",
      "SELECT pg_create_physical_replication_slot('evil')",
      "SELECT pg_drop_replication_slot('evil')",
      "SELECT pg_logical_emit_message(false, 'evil', 'x')",
      "SELECT pg_notify('evil', 'x')",
      'SELECT pg_export_snapshot()',
      'SELECT txid_current()',
      'SELECT pg_current_xact_id()',
      "SELECT nextval('shop.invoice_numbers')",
      "SELECT setval('shop.invoice_numbers', 1)",
      'SELECT pg_log_backend_memory_contexts(1)',
      'SELECT * FROM pg_hba_file_rules()',
      'SELECT * FROM pg_show_all_settings()',
      'SELECT * FROM pg_show_all_file_settings()',
      "SELECT pg_import_system_collations('shop')",
      'SELECT setseed(0.5)',
      "SELECT binary_upgrade_set_next_pg_authid_oid('1')",
    ],
  ],
  [
    /there is no function/,
    ["SELECT evil('x')", "SELECT pg_catalog.evil('x')", "SELECT shop.evil('x')", "SELECT pg_temp.evil('x')"],
  ],
  [
    /is not a built-in one/,
    [
      'SELECT shop.switch_newsletter(1)',
      'SELECT switch_newsletter(1)',
      'SELECT * FROM switch_newsletter(1)',
      'SELECT shop.orders_of(1)',
      "SELECT * FROM dblink('dbname=postgres', 'DROP TABLE shop.reviews') AS t (a text)",
      "SELECT dblink_connect('host=evil')",
      "SELECT public.dblink_exec('dbname=postgres', 'DROP TABLE shop.reviews')",
      "SELECT * FROM crosstab('DELETE FROM shop.reviews') AS t (a text, b text)",
      "SELECT * FROM connectby('shop.employees', 'id', 'manager_id', '1', 0) AS t (a int, b int, c int)",
    ],
  ],
  [
    /is also defined in schema/,
    ['SELECT reverse(123)', "SELECT reverse('abc')", 'SELECT lower(5)', "SELECT lower('ABC')"],
  ],
  [
    /could call a function of that name/,
    [
      'SELECT (1).switch_newsletter',
      'SELECT x.switch_newsletter FROM unnest(ARRAY[1]) AS x',
      'SELECT (c).row_function FROM shop.categories AS c',
      'SELECT c.row_function FROM shop.categories AS c',
    ],
  ],
  [
    /may not be read here/,
    [
      'SELECT * FROM pg_authid',
      'SELECT * FROM pg_toast.pg_toast_1260',
      'SELECT rolpassword FROM pg_catalog.pg_authid',
      'TABLE pg_shadow',
      'SELECT * FROM "pg_shadow"',
      'SELECT usename FROM shop.customers, pg_shadow',
      'SELECT (SELECT passwd FROM pg_shadow LIMIT 1)',
      'SELECT * FROM pg_user_mapping',
      'SELECT * FROM pg_user_mappings',
      'SELECT * FROM information_schema.user_mapping_options',
      'SELECT data FROM pg_largeobject',
      'SELECT * FROM pg_statistic',
      'SELECT * FROM pg_hba_file_rules',
      'SELECT * FROM pg_file_settings',
      'SELECT * FROM pg_settings',
      'SELECT * FROM pg_db_role_setting',
      'SELECT subconninfo FROM pg_subscription',
      'EXPLAIN SELECT * FROM pg_authid',
    ],
  ],
  [
    /setting \S+|SHOW ALL|constant name/,
    [
      'SHOW ALL',
      'SHOW primary_conninfo',
      'SHOW config_file',
      'SHOW data_directory',
      'SHOW app.secret',
      "SELECT current_setting('primary_conninfo')",
      "SELECT current_setting('app.secret')",
      "SELECT current_setting('archive' || '_command')",
      'SELECT current_setting(name) FROM unnest(ARRAY[1]) AS name',
    ],
  ],
  [/another database/, ['SELECT * FROM evil.shop.customers', "SELECT evil.shop.f('x')"]],
  [
    /operator \S+ is (?:not one of pg_catalog|also defined)/,
    [
      'SELECT 1 OPERATOR(shop.+) 2',
      'SELECT 1 OPERATOR(public.<->) 2',
      'SELECT 1 = ANY (ARRAY[1]) OR 1 OPERATOR(shop.=) ANY (ARRAY[1])',
      'SELECT 1 OPERATOR(shop.=) ANY (SELECT 1)',
      'SELECT id FROM shop.customers ORDER BY id USING OPERATOR(shop.<)',
      'SELECT 1 ##> 2',
    ],
  ],
  [
    /sampling method/,
    [
      'SELECT * FROM shop.customers TABLESAMPLE evil (1)',
      'SELECT * FROM shop.customers TABLESAMPLE tsm.rows (1)',
    ],
  ],
  [/NUL character/, ['SELECT 1\0; DROP TABLE shop.reviews', 'SELECT 1 \0']],
  [/half a Unicode character/, ["SELECT '\ud800'"]],
  [/longer than/, [`SELECT '${'x'.repeat(70_000)}'`, `SELECT 1${'+1'.repeat(40_000)}`]],
  [/there is no statement/, ['', '-- nothing', '/* nothing */ ;', ';;']],
  [
    /syntax error|unterminated/,
    [
      "SELECT 'a",
      'SELECT $a$',
      'SELECT /* a',
      'SELEC 1',
      '\\! id',
      '\\copy a to b',
      'SELECT * FROM shop.customers WHERE',
      "SELECT E'\\'; DROP TABLE shop.reviews",
    ],
  ],
];

const ALL = ATTACKS.flatMap(([reason, statements]) => statements.map((sql) => [sql, reason] as const));

let database: TestDatabase;

beforeAll(async () => {
  database = await openTestDatabase();
  await loadDemo(database.run);
  await database.run(`
    CREATE EXTENSION dblink SCHEMA public; CREATE EXTENSION tablefunc SCHEMA public; GRANT USAGE ON SCHEMA public TO PUBLIC;
    CREATE FUNCTION shop.lower(integer) RETURNS bigint LANGUAGE sql VOLATILE AS 'SELECT nextval(''shop.invoice_numbers'')';
    CREATE FUNCTION shop.row_function(shop.categories) RETURNS bigint LANGUAGE sql VOLATILE AS 'SELECT nextval(''shop.invoice_numbers'')';
    CREATE FUNCTION shop.sum_and_write(integer, integer) RETURNS bigint LANGUAGE sql VOLATILE AS 'SELECT nextval(''shop.invoice_numbers'')';
    CREATE OPERATOR shop.##> (LEFTARG = integer, RIGHTARG = integer, FUNCTION = shop.sum_and_write);
    DROP ROLE IF EXISTS plain_reader;
    CREATE ROLE plain_reader LOGIN; GRANT pg_read_all_data TO plain_reader; ALTER ROLE plain_reader SET search_path = shop, public;`);
  await database.run(
    "DO $$ BEGIN EXECUTE format('ALTER ROLE %I IN DATABASE %I SET search_path = shop, public', current_user, current_database()); END $$",
  );
  await database.run(
    "DO $$ BEGIN EXECUTE format('GRANT CONNECT ON DATABASE %I TO plain_reader', current_database()); END $$",
  );
});

afterAll(async () => {
  await database[Symbol.asyncDispose]();
});

function open(user?: string): PostgresConnector {
  return createPostgresConnector({
    connection: database.target(user),
    log: { info() {}, warn() {}, error() {} },
    version: '1.0.0',
    allowWrite: false,
    allowFunctions: [],
  });
}

/** Everything that an attack could have changed. */
async function state(): Promise<unknown> {
  return database.run(`
    SELECT (SELECT md5(string_agg(t::text, '' ORDER BY id)) FROM shop.customers AS t) AS customers,
      (SELECT count(*)::int FROM shop.reviews) AS reviews, (SELECT count(*)::int FROM shop.categories) AS categories,
      (SELECT count(*)::int FROM pg_class) AS relations, (SELECT count(*)::int FROM pg_proc) AS functions,
      (SELECT count(*)::int FROM pg_roles) AS roles, (SELECT count(*)::int FROM pg_largeobject_metadata) AS objects,
      (SELECT count(*)::int FROM pg_replication_slots) AS slots, (SELECT count(*)::int FROM pg_locks WHERE locktype = 'advisory') AS locks,
      (SELECT last_value::text FROM pg_sequences WHERE sequencename = 'invoice_numbers') AS invoices`);
}

test('the corpus has at least 120 attacks, each of its own', () => {
  expect(ALL.length).toBeGreaterThanOrEqual(120);
  expect(new Set(ALL.map(([sql]) => sql)).size).toBe(ALL.length);
});

describe.each([
  ['a superuser', undefined],
  ['a plain role that may read everything', 'plain_reader'],
])('as %s', (_who, user) => {
  test('every attack is refused before it reaches the database, with the reason, and nothing changes', async () => {
    await using connector = { ...open(user), [Symbol.asyncDispose]: () => connector.close() };
    const before = await state();
    const wrong: string[] = [];
    for (const [sql, reason] of ALL) {
      const { isError, text } = await callTool(connector.server, 'execute_sql', { sql });
      const refused = isError && text.startsWith('Refused before it reached the database: ');
      if (!refused || !reason.test(text)) wrong.push(`${sql.slice(0, 100)} => ${text.slice(0, 200)}`);
    }
    expect(wrong).toEqual([]);
    expect(await state()).toEqual(before);
  });

  test('explain_query refuses every attack, too', async () => {
    await using connector = { ...open(user), [Symbol.asyncDispose]: () => connector.close() };
    const before = await state();
    const wrong: string[] = [];
    for (const [sql] of ALL) {
      const { isError, text } = await callTool(connector.server, 'explain_query', { sql, analyze: true });
      const refused = isError && text.startsWith('Refused before it reached the database: ');
      if (!refused) wrong.push(`${sql.slice(0, 100)} => ${text.slice(0, 200)}`);
    }
    expect(wrong).toEqual([]);
    expect(await state()).toEqual(before);
  });
});

test('a statement that would break the parser is refused, and the next one is served', async () => {
  await using connector = { ...open(), [Symbol.asyncDispose]: () => connector.close() };
  const nested = `SELECT ${'('.repeat(30_000)}1${')'.repeat(30_000)}`;
  const calls = Array.from({ length: 5 }, () => callTool(connector.server, 'execute_sql', { sql: nested }));
  const after = callTool(connector.server, 'execute_sql', { sql: 'SELECT 1 AS one' });
  for (const { isError, text } of await Promise.all(calls)) {
    expect(isError).toBe(true);
    expect(text).toMatch(/Refused before it reached the database|PostgreSQL refused it/);
  }
  expect((await after).structured['rows']).toEqual([[1]]);
});
