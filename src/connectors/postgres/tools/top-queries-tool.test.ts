import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { callTool } from '../../../../test/support/call-tool.ts';
import { openTestDatabase, type TestDatabase } from '../../../../test/support/connector-database.ts';
import { verifies } from '../../../../test/support/verifies.ts';
import { createPostgresConnector, type PostgresConnector } from '../connector.ts';
import { DEMO_ROLE, loadDemo } from '../demo/load-demo.ts';

const CANARY = 'canary-5c1f';

let database: TestDatabase;
let reader: PostgresConnector;
let superuser: PostgresConnector;

beforeAll(async () => {
  database = await openTestDatabase();
  await loadDemo(database.run);
  const options = {
    log: { info() {}, warn() {}, error() {} },
    version: '1.0.0',
    allowWrite: false,
    allowFunctions: [],
    toolsets: ['performance'],
  };
  reader = createPostgresConnector({ ...options, connection: database.target(DEMO_ROLE) });
  superuser = createPostgresConnector({ ...options, connection: database.target() });
});

beforeEach(async () => {
  await database.run('SELECT extensions.pg_stat_statements_reset()');
});

afterAll(async () => {
  await reader.close();
  await superuser.close();
  await database[Symbol.asyncDispose]();
});

type Queries = readonly { readonly query: string; readonly calls: number; readonly total_ms: number }[];

async function use(times: number, sql: string): Promise<void> {
  for (let n = 0; n < times; n++) await callTool(reader.server, 'execute_sql', { sql });
}

test('the dearest statements are shown without constants and comments, with what they took', async () => {
  verifies('postgres:top-queries');
  await use(3, `SELECT /* ${CANARY} */ count(*) FROM reviews WHERE body LIKE '%${CANARY}%' AND stars > 2`);
  await use(1, `SELECT name FROM customers WHERE email = '${CANARY}@example.com'`);
  for (const sort of ['resources', 'mean_time', 'total_time']) {
    const { structured, text } = await callTool(reader.server, 'get_top_queries', {
      sort_by: sort,
      limit: 50,
    });
    const queries = structured['queries'] as Queries;
    expect(queries.find(({ query }) => query.includes('FROM reviews'))).toMatchObject({
      query: 'SELECT count(*) FROM reviews WHERE body LIKE $1 AND stars > $2',
      calls: 3,
      rows: 3,
      total_ms: expect.any(Number),
    });
    expect(text).not.toContain(CANARY);
    // What the connector itself asks of the catalogue is no work of the users.
    expect(queries.filter(({ query }) => /pg_proc|BEGIN|set_config/.test(query))).toEqual([]);
  }
  const { structured } = await callTool(reader.server, 'get_top_queries', {
    sort_by: 'total_time',
    limit: 2,
  });
  const dearest = structured['queries'] as Queries;
  expect(dearest).toHaveLength(2);
  expect(dearest[0]!.total_ms).toBeGreaterThanOrEqual(dearest[1]!.total_ms);
  expect(structured['truncated']).toBe(true);
});

test('a statement that the server does not normalise keeps its constants to itself', async () => {
  await database.run(`CREATE ROLE top_queries_${process.pid} PASSWORD '${CANARY}'`);
  await database.run(`DROP ROLE top_queries_${process.pid}`);
  const { structured, text } = await callTool(superuser.server, 'get_top_queries', {
    sort_by: 'total_time',
    limit: 100,
  });
  expect((structured['queries'] as Queries).map(({ query }) => query)).toContainEqual(
    expect.stringMatching(/^CREATE ROLE top_queries_\d+ PASSWORD (?:\?|\$1)$/),
  );
  expect(text).not.toContain(CANARY);
});

test('statements of others are counted, and said to be hidden', async () => {
  await database.run('SELECT count(*) FROM shop.orders');
  const { structured, text } = await callTool(reader.server, 'get_top_queries', { sort_by: 'total_time' });
  expect(structured['hidden_of_other_roles']).toBeGreaterThan(0);
  expect(text).toContain('GRANT pg_read_all_stats');
  expect(text).not.toContain('FROM shop.orders');
});

test('an older version of the extension, with other column names, is read as well', async () => {
  await database.run(
    "DROP EXTENSION pg_stat_statements; CREATE EXTENSION pg_stat_statements SCHEMA extensions VERSION '1.7'",
  );
  try {
    const { isError, structured } = await callTool(superuser.server, 'get_top_queries', {
      sort_by: 'total_time',
    });
    expect({ isError, structured }).toMatchObject({ isError: false });
    expect(structured['counted_statements']).toBeGreaterThan(0);
  } finally {
    await database.run(
      'DROP EXTENSION pg_stat_statements; CREATE EXTENSION pg_stat_statements SCHEMA extensions',
    );
  }
});

test('without the extension it says how to get it', async () => {
  await database.run('DROP EXTENSION pg_stat_statements');
  try {
    const { isError, text } = await callTool(reader.server, 'get_top_queries', {});
    expect(isError).toBe(true);
    expect(text).toMatch(
      /not in this database.*shared_preload_libraries.*CREATE EXTENSION pg_stat_statements/,
    );
  } finally {
    await database.run('CREATE EXTENSION pg_stat_statements SCHEMA extensions');
  }
});
