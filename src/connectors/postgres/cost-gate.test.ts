import { afterAll, beforeAll, expect, test } from 'vitest';
import { callTool } from '../../../test/support/call-tool.ts';
import { openTestDatabase, type TestDatabase } from '../../../test/support/connector-database.ts';
import { verifies } from '../../../test/support/verifies.ts';
import { createPostgresConnector, type PostgresConnector } from './connector.ts';
import { DEMO_ROLE, loadDemo } from './demo/load-demo.ts';
import type { SafetyOptions } from './safety.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await openTestDatabase();
  await loadDemo(database.run);
});

afterAll(async () => {
  await database[Symbol.asyncDispose]();
});

function open(safety: SafetyOptions): PostgresConnector & AsyncDisposable {
  const connector = createPostgresConnector({
    connection: database.target(DEMO_ROLE),
    log: { info() {}, warn() {}, error() {} },
    version: '1.0.0',
    allowWrite: false,
    allowFunctions: [],
    safety,
  });
  return { ...connector, [Symbol.asyncDispose]: connector.close };
}

const CROSS = 'SELECT count(*) FROM orders AS a, orders AS b, orders AS c';

test('a statement that the planner expects to cost too much is refused with its cost and the step that costs most', async () => {
  verifies('postgres:cost-gate');
  await using connector = open({ maxCost: 100_000 });
  const { isError, text } = await callTool(connector.server, 'execute_sql', { sql: CROSS });
  expect(isError).toBe(true);
  expect(text).toMatch(
    /^Refused before it was executed: the planner expects it to cost \d+, and 100000 is allowed; most of that is the Nested Loop/,
  );
});

test('explain_query still shows its plan, but does not execute it, and EXPLAIN ANALYZE is no way around', async () => {
  await using connector = open({ maxCost: 100_000 });
  const planned = await callTool(connector.server, 'explain_query', { sql: CROSS });
  expect(planned.isError, planned.text).toBe(false);
  const analyzed = await callTool(connector.server, 'explain_query', { sql: CROSS, analyze: true });
  expect(analyzed.text).toContain('Refused before it was executed');
  const typed = await callTool(connector.server, 'execute_sql', {
    sql: `/* a */ EXPLAIN (COSTS, ANALYZE) ${CROSS}`,
  });
  expect(typed.text).toContain('use explain_query with analyze');
  const plain = await callTool(connector.server, 'execute_sql', { sql: `EXPLAIN ${CROSS}` });
  expect(plain.isError, plain.text).toBe(false);
});

test('a statement with too many estimated rows is refused with where they come from', async () => {
  await using connector = open({ maxEstimatedRows: 100 });
  const { isError, text } = await callTool(connector.server, 'execute_sql', {
    sql: 'SELECT count(*) FROM order_items',
  });
  expect(isError).toBe(true);
  expect(text).toMatch(/the planner expects \d+ rows of the Seq Scan on order_items, and 100 are allowed/);
});

test('what is cheap runs, with the timeout that it had', async () => {
  await using connector = open({ maxCost: 100_000, maxEstimatedRows: 1_000_000, statementTimeoutMs: 7_000 });
  const { structured, text } = await callTool(connector.server, 'execute_sql', {
    sql: "SELECT current_setting('statement_timeout')",
  });
  expect(structured['rows'], text).toEqual([['7s']]);
});

test('a stricter limit of the role stays, and the search path is the given one', async () => {
  verifies('postgres:safety-options');
  await database.run(
    `ALTER ROLE ${DEMO_ROLE} SET statement_timeout = '3s'; ALTER ROLE ${DEMO_ROLE} SET lock_timeout = '1s'`,
  );
  await using connector = open({ searchPath: ['information_schema', 'nowhere', 'shop'] });
  const { structured, text } = await callTool(connector.server, 'execute_sql', {
    sql: "SELECT current_setting('statement_timeout'), current_setting('lock_timeout'), current_setting('search_path'), current_setting('idle_in_transaction_session_timeout')",
  });
  expect(structured['rows'], text).toEqual([['3s', '1s', '"information_schema", "shop", "pg_temp"', '1min']]);
});
