import { afterAll, beforeAll, expect, test } from 'vitest';
import { callTool } from '../support/call-tool.ts';
import { openTestDatabase, type TestDatabase } from '../support/connector-database.ts';
import { ACCEPTED } from './corpus.ts';
import { createPostgresConnector, type PostgresConnector } from '../../src/connectors/postgres/connector.ts';
import { DEMO_ROLE, loadDemo } from '../../src/connectors/postgres/demo/load-demo.ts';

let database: TestDatabase;
let connector: PostgresConnector;

beforeAll(async () => {
  database = await openTestDatabase();
  await loadDemo(database.run);
  connector = createPostgresConnector({
    connection: database.target(DEMO_ROLE),
    log: { info() {}, warn() {}, error() {} },
    version: '1.0.0',
    allowWrite: false,
    allowFunctions: [],
    rolePolicy: 'enforce',
  });
});

afterAll(async () => {
  await connector.close();
  await database[Symbol.asyncDispose]();
});

test.each(ACCEPTED.flatMap((one) => one.statements))('runs: %s', async (sql) => {
  const { isError, text, structured } = await callTool(connector.server, 'execute_sql', { sql });
  expect(isError, text).toBe(false);
  expect((structured['columns'] as unknown[]).length).toBeGreaterThan(0);
  expect(structured['row_count'], text).toBeGreaterThan(0);
});
