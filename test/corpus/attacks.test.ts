import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { callTool } from '../support/call-tool.ts';
import { openTestDatabase, type TestDatabase } from '../support/connector-database.ts';
import { REFUSED } from './corpus.ts';
import { createPostgresConnector, type PostgresConnector } from '../../src/connectors/postgres/connector.ts';
import { loadDemo } from '../../src/connectors/postgres/demo/load-demo.ts';

const ALL = REFUSED.flatMap(({ refusal, statements }) => statements.map((sql) => [sql, refusal] as const));

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
