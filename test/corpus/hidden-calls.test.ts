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
  CREATE FUNCTION "json_scalar"(int) RETURNS text ${BODY};
  CREATE TYPE kind AS (id int, name text);
  CREATE TABLE typed OF kind; INSERT INTO typed VALUES (3, 'c');
  CREATE FUNCTION kinded(kind) RETURNS text ${BODY};
  CREATE FUNCTION several(VARIADIC things[]) RETURNS text ${BODY};
  CREATE FUNCTION number_of(typed) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1';
  CREATE CAST (typed AS int) WITH FUNCTION number_of(typed) AS IMPLICIT;
  CREATE FUNCTION numbered(int) RETURNS text ${BODY};
  CREATE DOMAIN thing AS things; CREATE FUNCTION domained(thing) RETURNS text ${BODY};
  CREATE TABLE more_others (id int, kinded text, several text, numbered text, domained text);
  CREATE SCHEMA elsewhere; CREATE TABLE elsewhere.others () INHERITS (things);
  CREATE TABLE old (id int, label text); CREATE TABLE new (id int, label text);`;

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
  'SELECT s.label FROM (SELECT * FROM things) AS s',
  "SELECT s.label FROM (SELECT 1 AS id, 'x' AS name) AS s",
  "SELECT s.label FROM (VALUES (1, 'x')) AS s",
  "SELECT s.label FROM (SELECT 'a' AS label, 'x') AS s(id, name)",
  'WITH w AS (SELECT * FROM things) SELECT w.label FROM w',
  'WITH w AS (SELECT * FROM things) SELECT x.label FROM w AS x',
  'WITH others AS (SELECT * FROM things) SELECT others.label FROM others',
  "WITH w(id, name) AS (SELECT 1 AS label, 'x') SELECT w.label FROM w",
  "WITH w AS (SELECT 1 AS label) SELECT w.label FROM (WITH w AS (SELECT 1 AS id, 'x' AS name) SELECT w.label FROM w) AS s, w",
  'SELECT o.label FROM others AS o(a, b)',
  'SELECT j.label FROM (things AS t CROSS JOIN typed AS o) AS j',
  "SELECT j.label FROM (things AS t JOIN (SELECT 1 AS id, 'x' AS name) AS u USING (id, name) AS j)",
  `SELECT x.label FROM JSON_TABLE('[{}]', '$[*]' COLUMNS (id int, name text)) AS x`,
  "SELECT x.label FROM XMLTABLE('/a' PASSING '<a/>' COLUMNS id int PATH '.', name text PATH '.') AS x",
  'SELECT (SELECT generate_series.label FROM generate_series(1, 1)) FROM others AS generate_series',
  'SELECT "toString".label FROM (SELECT 1) AS "toString"',
  'SELECT "__proto__".label FROM (SELECT 1) AS "__proto__"',
  'SELECT o.label FROM elsewhere.others AS o',
  'SELECT k.kinded FROM typed AS k',
  'SELECT t.several FROM things AS t',
  'SELECT t.numbered FROM typed AS t',
  'SELECT t.domained FROM things AS t',
  'SELECT s.domained FROM (SELECT * FROM things) AS s',
  'SELECT planted(1)',
  'SELECT pg_catalog.planted(1)',
  'SELECT lower(1)',
  'SELECT pg_catalog.lower(1)',
];

const PLAIN = [
  'SELECT o.label FROM old AS o',
  'SELECT o.label, t.id FROM things AS t, old AS o',
  "SELECT q.label FROM (SELECT 'a' AS label) AS q",
  "WITH q AS (SELECT 'a' AS label) SELECT q.label FROM q",
  'WITH q AS (SELECT * FROM others) SELECT q.id FROM q',
  'SELECT q.label FROM (SELECT o.label FROM more_others AS m JOIN old AS o ON true) AS q',
  'SELECT q.label FROM (SELECT o.label::text FROM old AS o UNION SELECT NULL) AS q',
  'SELECT q.label FROM (SELECT 1) AS q(label)',
  "WITH q(id, label) AS (SELECT 1, 'a') SELECT r.label FROM q AS r",
  'SELECT old.label, new.label FROM old, new',
  'SELECT m.kinded, m.several FROM more_others AS m',
];

/** Through the tool that writes. `old` and `new` are tables, too. */
const WRITTEN = [
  "INSERT INTO things VALUES (1, 'a') ON CONFLICT (id) DO UPDATE SET name = excluded.label",
  'UPDATE things SET id = 1 RETURNING new.label',
  'DELETE FROM things RETURNING old.label',
  'WITH x AS (UPDATE things SET id = 1 RETURNING old.label) SELECT old.label FROM old',
  'UPDATE things SET id = 1 RETURNING WITH (OLD AS others) others.label',
  'MERGE INTO others AS o USING (SELECT * FROM things) AS s ON true WHEN MATCHED THEN UPDATE SET label = s.label',
  'UPDATE others SET label = s.label FROM (SELECT * FROM things) AS s',
  'WITH d AS (DELETE FROM things RETURNING *) INSERT INTO others SELECT d.id, d.label FROM d',
];
const WRITTEN_PLAIN = [
  "WITH d AS (DELETE FROM old RETURNING id, 'x' AS label) INSERT INTO old SELECT d.id, d.label FROM d",
  'UPDATE old SET label = n.label FROM new AS n',
  "MERGE INTO old AS o USING (SELECT 1 AS id, 'x' AS label) AS s ON true WHEN MATCHED THEN UPDATE SET label = s.label",
];

async function open(program: PostgresProgram): Promise<{ server: OwnServer; connector: PostgresConnector }> {
  const server = await openOwnServer(program);
  onTestFinished(() => server[Symbol.asyncDispose]());
  await server.run(SETUP);
  const connector = createPostgresConnector({
    connection: server.target(),
    log: { info() {}, warn() {}, error() {} },
    version: '1.0.0',
    allowWrite: true,
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
    for (const sql of WRITTEN) {
      const { text } = await callTool(connector.server, 'execute_write', { sql });
      if (!text.startsWith('Refused before it reached the database')) wrong.push(`${sql} => ${text}`);
    }
    expect(wrong).toEqual([]);
    // Syntax since PostgreSQL 17, a call of the user's function before.
    await callTool(connector.server, 'execute_sql', { sql: 'SELECT JSON_SCALAR(1)' });
    expect(await taken()).toBe(before);
    for (const sql of WRITTEN_PLAIN) {
      const { text, isError } = await callTool(connector.server, 'execute_write', { sql });
      expect(isError, `${sql} => ${text}`).toBe(false);
    }
  });
});
