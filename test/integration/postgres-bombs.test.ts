import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createPostgresConnector, type PostgresConnector } from '../../src/connectors/postgres/connector.ts';
import { DEMO_ROLE, loadDemo } from '../../src/connectors/postgres/demo/load-demo.ts';
import { callTool } from '../support/call-tool.ts';
import { openOwnServer, type OwnServer, postgresPrograms } from '../support/own-postgres.ts';
import { verifies } from '../support/verifies.ts';

const MEBIBYTE = 1024 * 1024;
/** What this process may grow by while a bomb goes off: its own garbage, the parser's heap, not the bomb. */
const GROWTH_MAX = 160 * MEBIBYTE;
/** A query that runs until it is ended. */
const ENDLESS = 'SELECT count(*) AS endless FROM orders AS a, orders AS b, orders AS c, orders AS d';
const TEST_MS = 120_000;

const chain = (term: string, times: number): string => Array.from({ length: times }, () => term).join('');

/** Statements that are small to write and large to parse, plan or run. */
const EXPRESSIONS: readonly (readonly [string, string])[] = [
  ['20 KB of additions', `SELECT 1${chain('+1', 10_000)}`],
  ['20 KB of brackets', `SELECT ${chain('(', 10_000)}1${chain(')', 10_000)}`],
  ['20 KB of NOT', `SELECT ${chain('NOT ', 5_000)}true`],
  ['20 KB of concatenations', `SELECT ''${chain("||'a'", 4_000)}`],
  ['20 KB of subqueries', `SELECT ${chain('(SELECT ', 2_200)}1${chain(')', 2_200)}`],
  ['20 KB of CASE', `SELECT ${chain('CASE WHEN true THEN ', 900)}1${chain(' END', 900)}`],
  ['20 KB of arrays', `SELECT ${chain('ARRAY[', 2_800)}1${chain(']', 2_800)}`],
  ['20 KB of UNION', `SELECT 1${chain(' UNION SELECT 1', 1_300)}`],
  [
    '20 KB of joins',
    `SELECT 1 FROM pg_class AS c0 ${Array.from({ length: 400 }, (_, at) => `CROSS JOIN (SELECT 1) AS t${at} `).join('')} LIMIT 1`,
  ],
  ['20 KB of columns', `SELECT ${Array.from({ length: 1_700 }, (_, at) => `${at} AS c${at}`).join(',')}`],
];

describe.each(postgresPrograms())('on PostgreSQL $name', (program) => {
  let server: OwnServer;
  let connector: PostgresConnector;

  beforeAll(async () => {
    server = await openOwnServer(program);
    await loadDemo(server.run);
    connector = open();
    await ask('SELECT 1');
  });

  afterAll(async () => {
    await connector.close();
    await server[Symbol.asyncDispose]();
  });

  function open(statementTimeoutMs = 4_000): PostgresConnector {
    return createPostgresConnector({
      connection: server.target(DEMO_ROLE),
      log: { info() {}, warn() {}, error() {} },
      version: '1.0.0',
      allowWrite: false,
      allowFunctions: [],
      safety: { statementTimeoutMs, lockTimeoutMs: 300 },
    });
  }

  const ask = (sql: string, by = connector): ReturnType<typeof callTool> =>
    callTool(by.server, 'execute_sql', { sql });

  /** The answer; the next call is fine, and memory has not grown by the bomb. */
  async function survive(sql: string, by = connector): Promise<Awaited<ReturnType<typeof callTool>>> {
    const before = process.memoryUsage().rss;
    let highest = before;
    const watch = setInterval(() => (highest = Math.max(highest, process.memoryUsage().rss)), 5);
    const answer = await ask(sql, by);
    const next = await ask('SELECT 1 AS one', by);
    clearInterval(watch);
    expect(next.structured['rows'], next.text).toEqual([[1]]);
    expect(Math.max(highest, process.memoryUsage().rss) - before).toBeLessThan(GROWTH_MAX);
    return answer;
  }

  test.each(EXPRESSIONS)(
    '%s: an answer or a refusal, and the next call is fine',
    async (_name, sql) => {
      verifies('postgres:bombs');
      const { isError, text } = await survive(sql);
      const refused = /^(?:Refused before it reached the database|PostgreSQL refused it): /.test(text);
      expect(refused, text).toBe(isError);
    },
    TEST_MS,
  );

  test('a cell of 100 MB ends its connection, with what to do', async () => {
    // Making it may take a busy server longer than the others are given.
    const patient = open(60_000);
    const { isError, text } = await survive(`SELECT repeat('x', ${100 * MEBIBYTE})`, patient);
    await patient.close();
    expect(isError).toBe(true);
    expect(text).toMatch(
      /^The statement was stopped: rows or cells are so large that 8 MiB arrived at once; select fewer columns/,
    );
  });

  test(
    'a billion rows: the first page where they come one by one, the timeout where they are gathered first',
    async () => {
      const page = await survive('SELECT generate_series(1, 1000000000) AS n');
      expect(page.structured).toMatchObject({ row_count: 200, truncated: true });
      for (const sql of [
        'SELECT * FROM generate_series(1, 1000000000)',
        'SELECT count(*) FROM generate_series(1, 1000000000)',
      ]) {
        const { isError, text } = await survive(sql);
        expect(isError).toBe(true);
        expect(text).toMatch(/SQLSTATE (?:57014|25P04|53400)/);
      }
    },
    TEST_MS,
  );

  test(
    'a schema of 1,000 tables is listed within the bounds, and each table is described',
    async () => {
      await server.run(`
      CREATE SCHEMA many; GRANT USAGE ON SCHEMA many TO ${DEMO_ROLE};
      DO $$ BEGIN FOR n IN 1..1000 LOOP EXECUTE format('CREATE TABLE many.table_%s (id int PRIMARY KEY, a text, b text, c timestamptz)', n); END LOOP; END $$;
      GRANT SELECT ON ALL TABLES IN SCHEMA many TO ${DEMO_ROLE}`);
      const before = process.memoryUsage().rss;
      const { structured, text, isError } = await callTool(connector.server, 'list_objects', {
        schema_name: 'many',
      });
      expect(isError, text).toBe(false);
      expect((structured['objects'] as unknown[]).length).toBeGreaterThan(100);
      expect(text.length).toBeLessThan(MEBIBYTE);
      const details = await callTool(connector.server, 'get_object_details', {
        schema_name: 'many',
        object_name: 'table_777',
      });
      expect(details.text).toContain('table_777');
      expect(process.memoryUsage().rss - before).toBeLessThan(GROWTH_MAX);
    },
    TEST_MS,
  );

  test('a lock that another session holds: told so, other tables answer, and the next call after it is fine', async () => {
    await server.run('BEGIN; LOCK TABLE shop.customers IN ACCESS EXCLUSIVE MODE');
    try {
      const blocked = await ask('SELECT * FROM customers');
      expect(blocked.text).toMatch(/SQLSTATE 55P03.*Another session holds a lock on it/);
      expect((await ask('SELECT count(*) FROM categories')).isError).toBe(false);
      const listed = await callTool(connector.server, 'list_schemas', {});
      expect(listed.isError, listed.text).toBe(false);
    } finally {
      await server.run('ROLLBACK');
    }
    expect((await ask('SELECT count(*) FROM customers')).isError).toBe(false);
  });

  test(
    'a server that restarts in mid-query: that call is told so, calls meanwhile too, and the next one is fine',
    async () => {
      const calls = ['fast', 'immediate'] as const;
      for (const how of calls) {
        const running = ask(ENDLESS);
        const busy = async (): Promise<unknown> =>
          (
            await server.run(
              "SELECT count(*)::int AS n FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%endless%' AND pid <> pg_backend_pid()",
            )
          )[0]?.['n'];
        while ((await busy()) === 0);
        await server.stop(how);
        const ended = await running;
        expect(ended.isError).toBe(true);
        expect(ended.text).toMatch(/SQLSTATE 57P0[12]|was not completed|was stopped/);
        const meanwhile = await ask('SELECT 1');
        expect(meanwhile.isError).toBe(true);
        await server.start();
        const after = await ask('SELECT 1 AS one');
        expect(after.structured['rows'], after.text).toEqual([[1]]);
      }
    },
    TEST_MS,
  );
});
