import { describe, expect, onTestFinished, test } from 'vitest';
import { createPostgresConnector, type PostgresConnector } from '../../src/connectors/postgres/connector.ts';
import { callTool } from '../support/call-tool.ts';
import {
  type OwnServer,
  openOwnServer,
  type PostgresProgram,
  postgresPrograms,
} from '../support/own-postgres.ts';
import { verifies } from '../support/verifies.ts';

// Functions of users that no call in the text names. Each takes a transaction number, which a read-only transaction does not forbid.

const BODY = "LANGUAGE plpgsql VOLATILE AS 'BEGIN PERFORM txid_current(); RETURN NULL; END'";
const SETUP = `
  CREATE TABLE things (id int, name text); INSERT INTO things VALUES (1, 'a');
  CREATE TABLE heirs () INHERITS (things); INSERT INTO heirs VALUES (2, 'b');
  CREATE TABLE others (id int, label text); INSERT INTO others VALUES (1, 'x');
  CREATE FUNCTION label(things) RETURNS text ${BODY};
  CREATE FUNCTION compared(things, int) RETURNS boolean ${BODY};
  CREATE OPERATOR >= (LEFTARG = things, RIGHTARG = int, FUNCTION = compared);
  CREATE OPERATOR = (LEFTARG = things, RIGHTARG = int, FUNCTION = compared);
  CREATE FUNCTION pg_catalog.planted(int) RETURNS text ${BODY.replace('VOLATILE', 'STABLE')};
  CREATE FUNCTION pg_catalog.lower(int) RETURNS text ${BODY.replace('VOLATILE', 'STABLE')};
  CREATE FUNCTION "json_scalar"(int) RETURNS text ${BODY};`;

const HIDDEN = [
  'SELECT t BETWEEN 1 AND 2 FROM things AS t',
  'SELECT t NOT BETWEEN SYMMETRIC 1 AND 2 FROM things AS t',
  'SELECT CASE t WHEN 1 THEN 2 END FROM things AS t',
  'SELECT t IN (SELECT 1) FROM things AS t',
  'SELECT * FROM (SELECT t AS k FROM things AS t) AS a JOIN (SELECT 1 AS k) AS b USING (k)',
  'SELECT * FROM (SELECT t AS k FROM things AS t) AS a NATURAL JOIN (SELECT 1 AS k) AS b',
  'SELECT t.label FROM things AS t',
  'SELECT things.label FROM things',
  'SELECT h.label FROM heirs AS h',
  'SELECT x.label FROM unnest(ARRAY(SELECT t FROM things AS t)) AS x',
  'SELECT t.label FROM things AS t, (WITH things AS (SELECT 1 AS label) SELECT * FROM things) AS u',
  'SELECT planted(1)',
  'SELECT pg_catalog.planted(1)',
  'SELECT lower(1)',
  'SELECT pg_catalog.lower(1)',
];

const PLAIN = [
  'SELECT o.label FROM others AS o',
  'SELECT o.label, t.id FROM things AS t, others AS o',
  "SELECT q.label FROM (SELECT 'a' AS label) AS q",
  "WITH q AS (SELECT 'a' AS label) SELECT q.label FROM q",
];

async function open(program: PostgresProgram): Promise<{ server: OwnServer; connector: PostgresConnector }> {
  const server = await openOwnServer(program);
  onTestFinished(() => server[Symbol.asyncDispose]());
  await server.run(SETUP);
  const connector = createPostgresConnector({
    connection: server.target(),
    log: { info() {}, warn() {}, error() {} },
    version: '1.0.0',
    allowWrite: false,
    allowFunctions: [],
  });
  onTestFinished(() => connector.close());
  return { server, connector };
}

describe.each(postgresPrograms())('on PostgreSQL $name', (program) => {
  test('functions that operators, dots and later syntax would call are refused; columns of their name are read', async () => {
    verifies('postgres:hidden-calls');
    const { server, connector } = await open(program);
    const taken = async (): Promise<unknown> =>
      (await server.run('SELECT txid_snapshot_xmax(txid_current_snapshot())::text AS next'))[0]?.['next'];
    const before = await taken();
    const wrong: string[] = [];
    for (const sql of HIDDEN) {
      const { text } = await callTool(connector.server, 'execute_sql', { sql });
      if (!text.startsWith('Refused before it reached the database')) wrong.push(`${sql} => ${text}`);
    }
    for (const sql of PLAIN) {
      const { text, isError } = await callTool(connector.server, 'execute_sql', { sql });
      if (isError) wrong.push(`${sql} => ${text}`);
    }
    expect(wrong).toEqual([]);
    // Syntax since PostgreSQL 17, a call of the user's function before.
    await callTool(connector.server, 'execute_sql', { sql: 'SELECT JSON_SCALAR(1)' });
    expect(await taken()).toBe(before);
  });
});
