import { expect, test } from 'vitest';
import { callTool } from '../../../test/support/call-tool.ts';
import { openOwnServer, postgresPrograms } from '../../../test/support/own-postgres.ts';
import { verifies } from '../../../test/support/verifies.ts';
import { createPostgresConnector } from './connector.ts';

const TEST_MS = 90_000;
/** A search that PostgreSQL does not interrupt: minutes of work. */
const DEAF = "SELECT position('b' || repeat('a', 1000000) IN repeat('a', 20000000))";

test(
  'statements that the server does not stop cost it two processes at most; when they are gone, the next call works',
  async () => {
    verifies('postgres:runaways');
    await using server = await openOwnServer(postgresPrograms()[0]);
    const connector = createPostgresConnector({
      connection: server.target(),
      log: { info() {}, warn() {}, error() {} },
      version: '1.0.0',
      allowWrite: false,
      allowFunctions: [],
      safety: { statementTimeoutMs: 4_000 },
    });
    const run = (sql: string) => callTool(connector.server, 'execute_sql', { sql });
    try {
      for (const { text } of await Promise.all([run(DEAF), run(DEAF)]))
        expect(text).toBe('The statement was stopped: the statement did not end in time.');
      const running = await server.run(
        "SELECT pid FROM pg_stat_activity WHERE query LIKE '%position%' AND state = 'active' AND pid <> pg_backend_pid()",
      );
      expect(running).toHaveLength(2);
      const third = await run('SELECT 1');
      expect(third.isError).toBe(true);
      for (const { pid } of running) expect(third.text).toContain(String(pid));
      await server.stop('immediate');
      await server.start();
      // The first call after a restart may still meet a connection of before.
      await run('SELECT 1');
      expect((await run('SELECT 1')).text).toContain('[1]');
    } finally {
      await connector.close();
    }
  },
  TEST_MS,
);
