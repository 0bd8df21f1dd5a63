import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createPostgresConnector, type PostgresConnector } from '../../src/connectors/postgres/connector.ts';
import { DEMO_ROLE, loadDemo } from '../../src/connectors/postgres/demo/load-demo.ts';
import { Secret } from '../../src/core/secret.ts';
import { callTool } from '../support/call-tool.ts';
import { type OwnServer, openOwnServer, postgresPrograms } from '../support/own-postgres.ts';
import { FETCH_MS } from '../support/debian-program.ts';
import { type Pooler, startPooler } from '../support/pgbouncer.ts';
import { verifies } from '../support/verifies.ts';

let server: OwnServer;

beforeAll(async () => {
  server = await openOwnServer(postgresPrograms()[0]);
  await loadDemo(server.run);
  // The first one fetches the program.
  await using _pooler = await startPooler(server.target(), []);
}, FETCH_MS + 90_000);

afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

function open(pooler: Pooler): PostgresConnector & AsyncDisposable {
  const connector = createPostgresConnector({
    connection: { url: new Secret(`postgresql://${DEMO_ROLE}@127.0.0.1:${pooler.port}/postgres`) },
    log: { info() {}, warn() {}, error() {} },
    version: '1.0.0',
    allowWrite: false,
    allowFunctions: [],
  });
  return { ...connector, [Symbol.asyncDispose]: connector.close };
}

describe.each([
  ['as it comes, refusing start-up options', []],
  ['told to ignore start-up options', ['ignore_startup_parameters = options,extra_float_digits']],
])('behind PgBouncer with transaction pooling, %s', (_how, settings) => {
  test('tools answer, from more callers than there are sessions, each in a read-only transaction with its limits', async () => {
    verifies('postgres:pooler');
    await using pooler = await startPooler(server.target(), settings);
    await using connector = open(pooler);
    const sql =
      "SELECT current_setting('transaction_read_only'), current_setting('statement_timeout'), current_setting('search_path')";
    const calls = Array.from({ length: 20 }, () => callTool(connector.server, 'execute_sql', { sql }));
    for (const { structured, text } of await Promise.all(calls))
      expect(structured['rows'], text).toEqual([['on', '30s', '"shop", "pg_temp"']]);
    const tables = await callTool(connector.server, 'list_objects', {});
    expect(tables.isError, tables.text).toBe(false);
  });

  test('a cancelled call ends its own statement, though the pooler makes up process numbers', async () => {
    await using pooler = await startPooler(server.target(), settings);
    await using connector = open(pooler);
    const abort = new AbortController();
    const sql = 'SELECT count(*) AS to_be_cancelled FROM orders AS a, orders AS b, orders AS c';
    const running = callTool(connector.server, 'execute_sql', { sql }, abort.signal).catch(
      (error: unknown) => error,
    );
    const busy = async (): Promise<unknown> =>
      (
        await server.run(
          "SELECT count(*)::int AS n FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%to_be_cancelled%' AND pid <> pg_backend_pid()",
        )
      )[0]?.['n'];
    while ((await busy()) === 0);
    abort.abort();
    await running;
    while ((await busy()) !== 0);
    const after = await callTool(connector.server, 'execute_sql', { sql: 'SELECT 1 AS one' });
    expect(after.structured['rows'], after.text).toEqual([[1]]);
  });
});
